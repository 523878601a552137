/* SPDX-License-Identifier: Apache-2.0 */
/* policy.h -- what can be consented to: the optional services of the register, in numbered versions.
 *
 * The facts of a service that matter to a choice (recipients, countries, data, purposes, legal basis,
 * cookies with lifetimes, storage keys, hosts) are written down with each version. An old decision is
 * read through a comparison of its version with the one in force, so that a new recipient of one
 * service asks again for that service only, and a corrected typo asks nobody. The words that are shown
 * are made from the register and kept by their hash; they change freely without a new version.
 *
 * Made once at start, then read-only. */
#ifndef KONTOR_CONSENT_POLICY_H
#define KONTOR_CONSENT_POLICY_H
#include "http/page.h"
#include "register/registry.h"
#include "store/store.h"

/* A set of optional services: bit i is services[i] of the policy in force. */
typedef uint64_t service_set;
#define POLICY_SERVICES_MAX 64
#define SERVICE_BIT(i) ((service_set)1 << (i))

typedef struct {
    const service *declared;      /* in the register */
    kt_str    id, category;
    kt_value *facts;              /* what a new version is judged by */
    bool      third_party;        /* hands data to others: GPC counts */
} policy_service;

/* One version, seen from today. */
typedef struct {
    int64_t version;
    size_t  n;                    /* services it had, in the order of its bitmap */
    kt_str *ids;
    int    *now;                  /* index in the policy in force, -1 when the service is gone */
    bool   *covered;              /* a grant of then still covers the service of now */
} policy_version;

typedef struct {
    const char *lang;
    kt_value   *tree;             /* the words of both layers: copy before putting it into a page */
    kt_str      hash;             /* SHA-256 of the tree's JSON, hex */
    kt_str      config;           /* body of /consent/config.json */
} policy_words;

typedef struct policy {
    const registry *registry;
    int64_t         version, made_at;
    policy_service  services[POLICY_SERVICES_MAX];
    size_t          n;
    service_set     offered;      /* all but those whose third-country safeguard is missing */
    service_set     heeds_gpc;    /* services a Global Privacy Control signal switches off */
    service_set     heeds_dnt;    /* services Do Not Track switches off */
    policy_version *versions;     /* rising */
    size_t          n_versions;
    policy_words    words[2];     /* de, en */
    kt_str          ui_hash;
} policy;

/* Reads the register, compares with the newest stored version, stores a new one when facts changed,
 * and stores the words and the layout. `mem` outlives the policy. KT_REFUSED with words when the
 * register has an optional service in an unknown category or too many. */
kt_err policy_make(const registry *r, pages *p, store *st, kt_arena *mem, int64_t now_ms,
                   kt_fail *fail, policy **out) KT_MUST_CHECK;

const policy_words   *policy_words_in(const policy *p, const char *lang);
const policy_version *policy_version_of(const policy *p, int64_t version);   /* NULL when unknown */
/* Index of the service, or -1. */
int    policy_find(const policy *p, kt_str id);
/* The services as a JSON list of ids. */
kt_str policy_list(const policy *p, kt_arena *mem, service_set set);
/* A list of ids as a set; ids that are gone are left out. *unknown (or NULL) tells that there were some. */
service_set policy_set(const policy *p, const kt_value *ids, bool *unknown);
/* Ids granted at `version`: which still hold, and which the register has widened since. */
void policy_translate(const policy *p, const policy_version *then, const kt_value *granted,
                      service_set *holds, service_set *changed, service_set *asked);
/* True when consent to `then` covers `now`. For tests, and for reading old versions. */
bool policy_covers(const kt_value *then, const kt_value *now);
/* "180 Tage", "1 year", "until the browser closes". */
kt_str policy_lifetime(pages *p, kt_arena *mem, const char *lang, int64_t seconds);

#endif
