/* SPDX-License-Identifier: Apache-2.0 */
/* registry.h -- the register: what the operator declares, and what the program therefore does.
 *
 * Built at start from the modules' activity.yaml (embedded) and the operator's kontor.yaml, then
 * read-only: no locks. An activity of kontor.yaml with an id the program knows may reword, add
 * recipients and tighten retention (never past the declared maximum); it cannot change stores or
 * cookies, which are facts of the code. One with an unknown id is declared only: nothing in the
 * program does it, but the notice and the record state it. docs/register.md describes every field. */
#ifndef KONTOR_REGISTER_REGISTRY_H
#define KONTOR_REGISTER_REGISTRY_H
#include "base/metric.h"
#include "base/value.h"

typedef struct { kt_str de, en; } words;                       /* en falls back to de in check's eyes: an error */
kt_str words_in(const words *w, const char *lang);

typedef struct { kt_str id; words name; } datum;               /* one data category */
typedef struct { kt_str id; words text; } purpose;
typedef struct {
    kt_str article;                 /* "6(1)(f)" */
    words  applies_to;              /* part of the processing it covers, or empty */
    kt_str qualifier;               /* "", "in_principle", "additional" */
    words  interest;                /* for 6(1)(f) */
    kt_str verbatim_form;           /* "full" ("Art. 6 Abs. 1 S. 1 lit. f DSGVO") or "short" (without "S. 1") */
} legal_basis;
typedef struct {
    kt_str id, name, address, city, country;                   /* country ISO 3166-1 alpha-2, or "" not stated */
    kt_str role;                    /* processor, controller, joint, bank, not_stated … */
    words  role_words;              /* how the notice calls it (hosting, billing portal …) */
    words  data_scope;              /* what goes there */
    words  details;                 /* further facts (what the link is, onward recipients) */
    kt_str notice_url, removal_url;
    kt_str extra_url; words extra_url_words;
    bool   onward;                  /* receives from another recipient, not from us */
    /* transfer outside the EU/EEA */
    const kt_str *third_countries; size_t n_third_countries;
    kt_str mechanism;               /* scc, bcr, adequacy, "" */
    kt_str article, transfer_date;  /* "46(2)(c)", YYYY-MM-DD or "" */
    words  transfer_words, copy_route;
    kt_str server_location; words server_words;
    /* for the record of processing only (Art. 28, 30 GDPR) */
    kt_str contract_id, contract_date, review_date; words sub_processors;
    int    line; const char *file;
} recipient;
typedef enum { KEEP_DURATION, KEEP_EVENT, KEEP_LAW, KEEP_NEED } keep_rule;   /* NEED: "as long as needed", operator value due */
typedef enum { THEN_ERASE, THEN_OBFUSCATE, THEN_RESTRICT } keep_then;
typedef struct {
    kt_str id; keep_rule rule;
    kt_str start;                   /* event name, or table.column of a time in ms */
    kt_str table;                   /* table the rule deletes from, or "" when it is a file, memory or elsewhere */
    kt_str condition;               /* SQL condition on that table, from the module's file only, or "" */
    const kt_str *columns; size_t n_columns;   /* columns set to NULL; empty = the row goes */
    kt_str by;                      /* "job NAME", "module": who keeps the rule when it is not SQL */
    int64_t max_ms; int max_months; /* declared maximum; 0 = none stated */
    int64_t keep_ms; int keep_months;          /* operator's value, ≤ max */
    keep_then then;
    words wording;
    int line; const char *file;
} retention;
typedef struct { kt_str law, record_class; int64_t ms; int months; kt_str start; words wording; } hold;
typedef struct {
    kt_str id, name, kind;          /* kind: language, login, page_views, function_use, choice */
    kt_str category, service, host; /* host "own" or a name */
    int64_t lifetime_s;             /* 0 = session */
    bool http_only, third_party_access;
    words purpose;
    kt_str same_site;               /* Lax, Strict, None */
    kt_str path;                    /* default "/" */
    const struct activity *activity;
    int line; const char *file;
} cookie_entry;
typedef struct {
    kt_str table, column;           /* table.column */
    kt_str data;                    /* id in data[], or "technical" */
    int line;
} column_claim;
typedef struct {
    kt_str table;
    kt_str subject;                 /* how a row reaches the person: column holding the subject ref, a path
                                     * "a.b_id -> b.subject", or "none" */
    kt_str subject_kind;            /* account, staff, visitor, partner, none */
    column_claim *columns; size_t n_columns;
    kt_str file_store;              /* for stores that are not tables: "file:weblog/raw", "memory:sessions" */
    words  words;
    int line; const char *file;
} store_claim;
typedef struct { kt_str id, category; words name, purpose; const kt_str *activities; size_t n_activities;
                 const kt_str *hosts; size_t n_hosts; const kt_str *storage_keys; size_t n_storage_keys;
                 bool third_party, needs_storage; int line; const char *file; } service;

typedef struct activity {
    kt_str id; int section; int order;
    words title, description;
    const kt_str *subjects; size_t n_subjects;
    const kt_str *sources; size_t n_sources;
    datum *data; size_t n_data; bool data_exhaustive; words data_note;
    purpose *purposes; size_t n_purposes;
    purpose *excluded; size_t n_excluded;
    legal_basis *bases; size_t n_bases;
    kt_str device_access;           /* none, necessary, consent */
    words  device_access_reason, device_access_words;
    kt_str consent_category;        /* consent.md category, or "" */
    const recipient **recipients; size_t n_recipients; words recipients_note;
    retention *keeps; size_t n_keeps;
    hold *holds; size_t n_holds;
    struct { kt_str objection;      /* none, settings, mail, browser, account, withdrawal, provider */
             words objection_words, withdrawal_words, rectification_words, erasure_words, provider_words; } rights;
    cookie_entry *cookies; size_t n_cookies;
    store_claim *stores; size_t n_stores;
    words *notes; size_t n_notes;
    kt_str since, until;
    words  obligation;              /* whether the person must provide the data (Art. 13(2)(e) GDPR) */
    /* for the record of processing only: documents, and who answers for the declaration */
    kt_str balancing_test, impact_assessment, approver; words change_reason;
    bool   in_notice;               /* false: only in the Art. 30 record (staff) */
    bool   declared_only;
    const char *module;             /* NULL when declared only */
    const char *file; int line;
} activity;

typedef struct {
    kt_str name, legal_form, street, postcode, city, country, email, phone, represented_by, register_entry, vat_id;
    kt_str dpo_name, dpo_contact, privacy_email, privacy_form_url, authority;
    kt_str platform_name, platform_url, general_notice_url, imprint_url, document_date; words document_title;
    kt_str settings_button, necessary_button;
    kt_str representative, joint_controllers;      /* Art. 27, 26 GDPR; for the record of processing */
    words  security_measures;                      /* added to what the program itself does (Art. 32 GDPR) */
} operator_facts;

typedef struct registry registry;

/* The modules whose activity.yaml is read: names, NULL-ended. `config_file` is the operator's file or
 * NULL (the built-in demo operator). Reads and joins; says nothing about the code yet. Every fault is
 * one line "file:line: reason" in `faults` (list of strings); KT_REFUSED when there is any. */
kt_err registry_load(const char *const *modules, const char *config_file, kt_arena *mem, kt_value *faults,
                     registry **out) KT_MUST_CHECK;
void   registry_free(registry *r);

const operator_facts *registry_operator(const registry *r);
const kt_value       *registry_config(const registry *r);        /* the whole kontor.yaml tree (mail, hosts …) or NULL */
const activity *registry_activity(const registry *r, const char *id);
size_t          registry_activities(const registry *r, const activity *const **list);      /* notice order */
const cookie_entry *registry_cookie(const registry *r, const char *id);
const cookie_entry *registry_cookie_named(const registry *r, kt_str name);     /* patterns too */
size_t          registry_cookies(const registry *r, const cookie_entry *const **list);
const service  *registry_service(const registry *r, const char *id);
size_t          registry_services(const registry *r, const service *const **list);         /* stable order */
size_t          registry_recipients(const registry *r, const recipient *const **list);
/* Registers the families the register counts in (kontor_consent_blocked_total, …_register_violations_total,
 * …_retention_*). Once, before threads; without it nothing is counted. */
void            registry_set_metrics(registry *r, kt_metrics *metrics);
/* SHA-256 over the canonical form of all facts: the register's version. */
kt_str          registry_hash(const registry *r);
/* The facts as a tree (for JSON, the notice's versions and comparisons). */
kt_value       *registry_facts(const registry *r, kt_arena *mem);

#endif
