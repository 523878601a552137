/* SPDX-License-Identifier: Apache-2.0 */
/* shapes.c -- every key of activity.yaml and kontor.yaml, one row each. docs/register.md explains them. */
#include "register/fields.h"
#include <stddef.h>

/* ------------------------------------------------------------------ what a text may look like */

static bool lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
static bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/* kebab-case words, joined by slashes for sub-activities. */
static const char *test_id(kt_str t)
{
    bool joint = true;
    for (size_t i = 0; i < t.len; i++) {
        bool sign = t.at[i] == '-' || t.at[i] == '_' || t.at[i] == '/';
        if (!(sign ? !joint : lower_or_digit(t.at[i])))
            return "must be lower-case words joined by - or _ (and / for a part)";
        joint = sign;
    }
    return joint || t.len > 64 ? "must be lower-case words joined by - or _, at most 64 bytes" : NULL;
}

static const char *test_sql_name(kt_str t)
{
    for (size_t i = 0; i < t.len; i++)
        if (!lower_or_digit(t.at[i]) && t.at[i] != '_') return "must be a name of the schema (lower case, digits, _)";
    return t.len > 64 || !letter(t.at[0]) ? "must be a name of the schema" : NULL;
}

/* An event's name, or table.column. */
static const char *test_start(kt_str t)
{
    size_t dots = 0;
    for (size_t i = 0; i < t.len; i++) {
        if (t.at[i] == '.')
            dots++;
        else if (!lower_or_digit(t.at[i]) && t.at[i] != '_')
            return "must be the name of an event or table.column";
    }
    return dots > 1 || t.at[0] == '.' || t.at[t.len - 1] == '.' ? "must be the name of an event or table.column" : NULL;
}

/* 6(1)(f), 46(2)(c), 9(2)(a), 88: a number, then letters or numbers in brackets. */
static const char *test_article(kt_str t)
{
    static const char wrong[] = "must be an article of the GDPR in the form 6(1)(f)";
    size_t i = 0;
    while (i < t.len && t.at[i] >= '0' && t.at[i] <= '9') i++;
    if (i == 0 || i > 2) return wrong;
    while (i < t.len) {
        if (t.at[i++] != '(') return wrong;
        size_t from = i;
        while (i < t.len && lower_or_digit(t.at[i])) i++;
        if (i == from || i - from > 2 || i == t.len || t.at[i++] != ')') return wrong;
    }
    return NULL;
}

static const char *test_country(kt_str t)
{
    bool ok = t.len == 2 && t.at[0] >= 'A' && t.at[0] <= 'Z' && t.at[1] >= 'A' && t.at[1] <= 'Z';
    return ok ? NULL : "must be a country of two capital letters (ISO 3166-1: DE, US, GB)";
}

static const char *test_url(kt_str t)
{
    if (!kt_str_starts(t, KT_STR("https://")) && !kt_str_starts(t, KT_STR("http://")) && !kt_str_starts(t, KT_STR("/")))
        return "must be an address with https://, or a path of this site";
    for (size_t i = 0; i < t.len; i++)
        if ((unsigned char)t.at[i] <= ' ' || strchr("\"<>\\^`{|}", t.at[i]))
            return "holds a character no address may have";
    return NULL;
}

static const char *test_email(kt_str t)
{
    size_t at = kt_str_find_byte(t, '@', 0);
    bool ok = at != KT_NOT_FOUND_AT && at > 0 && at + 1 < t.len && kt_str_find_byte(t, '@', at + 1) == KT_NOT_FOUND_AT;
    for (size_t i = 0; ok && i < t.len; i++) ok = (unsigned char)t.at[i] > ' ';
    return ok && t.len <= 254 ? NULL : "must be an e-mail address";
}

/* RFC 6265 token; * stands for any characters in the names of third parties' cookies. */
static const char *test_cookie_name(kt_str t)
{
    for (size_t i = 0; i < t.len; i++)
        if (!letter(t.at[i]) && !(t.at[i] >= '0' && t.at[i] <= '9') && !strchr("_-.*", t.at[i]))
            return "holds a character no cookie's name may have";
    return kt_str_starts(t, KT_STR("__")) && kt_str_starts(t, KT_STR("__Host-"))
               ? "goes without __Host-; the program adds it"
               : NULL;
}

static const char *test_cookie_path(kt_str t)
{
    for (size_t i = 0; i < t.len; i++)
        if ((unsigned char)t.at[i] <= ' ' || t.at[i] == ';' || (unsigned char)t.at[i] >= 127)
            return "holds a character no path of a cookie may have";
    return t.at[0] == '/' ? NULL : "must begin with /";
}

/* The condition comes from the program's own files and still may not end the statement. */
static const char *test_condition(kt_str t)
{
    if (kt_str_find_byte(t, ';', 0) != KT_NOT_FOUND_AT || kt_str_find(t, KT_STR("--"), 0) != KT_NOT_FOUND_AT)
        return "must be one SQL condition without ; and comments";
    return NULL;
}

/* ------------------------------------------------------------------ choices */

/* Rows are read as tables. */
/* clang-format off */

#define CHOICES(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define SUBJECTS     CHOICES("visitor", "user", "customer", "prospective_customer", "staff", "partner")
#define SOURCES      CHOICES("device", "person", "third_party")
#define CATEGORIES   CHOICES("necessary", "analytics", "affiliate", "support", "feedback", "guides")
#define OPTIONALS    CHOICES("analytics", "affiliate", "support", "feedback", "guides")
#define OBJECTIONS   CHOICES("none", "settings", "browser", "withdrawal", "account", "mail", "notice", "provider", "not_stated")
#define ROLES        CHOICES("processor", "controller", "joint", "bank", "payment_provider", "credit_agency", \
                             "authority", "source", "not_stated")
#define MECHANISMS   CHOICES("", "scc", "bcr", "adequacy", "guarantees", "derogation")

/* ------------------------------------------------------------------ rows */

#define WORDS(key, flags, type, member) { key, FIELD_WORDS, flags, offsetof(type, member), 0, NULL, NULL, NULL }
#define TEXT(key, flags, type, member, test) { key, FIELD_TEXT, flags, offsetof(type, member), 0, NULL, test, NULL }
#define LINE(key, kind, flags, type, member) { key, kind, flags, offsetof(type, member), 0, NULL, NULL, NULL }
#define CHOICE(key, kind, flags, type, member, choices) { key, kind, flags, offsetof(type, member), 0, choices, NULL, NULL }
#define PERIOD(key, flags, type, member_ms, member_months) \
    { key, FIELD_PERIOD, flags, offsetof(type, member_ms), offsetof(type, member_months), NULL, NULL, NULL }
#define LIST(key, flags, type, member, test) \
    { key, FIELD_TEXTS, flags, offsetof(type, member), offsetof(type, n_##member), NULL, test, NULL }
#define CHOSEN(key, flags, type, member, choices) \
    { key, FIELD_CHOICES, flags, offsetof(type, member), offsetof(type, n_##member), choices, NULL, NULL }
#define PARTS(key, flags, type, member, part) \
    { key, FIELD_PARTS, flags, offsetof(type, member), offsetof(type, n_##member), NULL, NULL, &part }
#define PART(key, flags, part) { key, FIELD_PART, flags, 0, 0, NULL, NULL, &part }
#define END { NULL, FIELD_TEXT, 0, 0, 0, NULL, NULL, NULL }
#define NEEDED FIELD_NEEDED
#define MAY FIELD_OPERATOR

static const shape shape_datum = { .name = "data", .size = sizeof(datum), .fields = (const field[]){
    TEXT("id", NEEDED, datum, id, test_id),
    TEXT("de", NEEDED, datum, name.de, NULL),
    TEXT("en", NEEDED, datum, name.en, NULL), END } };

static const shape shape_purpose = { .name = "purpose", .size = sizeof(purpose), .fields = (const field[]){
    TEXT("id", NEEDED, purpose, id, test_id),
    TEXT("de", NEEDED, purpose, text.de, NULL),
    TEXT("en", NEEDED, purpose, text.en, NULL), END } };

static const shape shape_note = { .name = "note", .size = sizeof(words), .fields = (const field[]){
    TEXT("de", NEEDED | MAY, words, de, NULL),
    TEXT("en", NEEDED | MAY, words, en, NULL), END } };

static void basis_defaults(void *thing) { ((legal_basis *)thing)->verbatim_form = KT_STR("full"); }
static const shape shape_basis = { .name = "legal_basis", .size = sizeof(legal_basis), .defaults = basis_defaults,
    .fields = (const field[]){
    TEXT("article", NEEDED, legal_basis, article, test_article),
    WORDS("applies_to", 0, legal_basis, applies_to),
    CHOICE("qualifier", FIELD_CHOICE, 0, legal_basis, qualifier, CHOICES("", "in_principle", "additional")),
    WORDS("interest", 0, legal_basis, interest),
    CHOICE("verbatim_form", FIELD_CHOICE, 0, legal_basis, verbatim_form, CHOICES("full", "short")), END } };

const shape shape_retention = { .name = "retention", .size = sizeof(retention),
    .line_at = offsetof(retention, line), .file_at = offsetof(retention, file), .fields = (const field[]){
    TEXT("id", NEEDED | MAY, retention, id, test_id),
    CHOICE("rule", FIELD_ENUM, NEEDED, retention, rule, CHOICES("duration", "event", "law", "need")),
    TEXT("start", 0, retention, start, test_start),
    PERIOD("max", 0, retention, max_ms, max_months),
    PERIOD("keep", MAY, retention, keep_ms, keep_months),
    CHOICE("then", FIELD_ENUM, 0, retention, then, CHOICES("erase", "obfuscate", "restrict")),
    TEXT("table", 0, retention, table, test_sql_name),
    TEXT("where", 0, retention, condition, test_condition),
    LIST("columns", 0, retention, columns, test_sql_name),
    TEXT("by", 0, retention, by, NULL),
    WORDS("wording", MAY, retention, wording), END } };

static const shape shape_hold = { .name = "hold", .size = sizeof(hold), .fields = (const field[]){
    TEXT("law", NEEDED, hold, law, NULL),
    TEXT("record_class", NEEDED, hold, record_class, test_id),
    PERIOD("duration", NEEDED, hold, ms, months),
    TEXT("start", NEEDED, hold, start, test_start),
    WORDS("wording", 0, hold, wording), END } };

static const shape shape_rights = { .name = "rights", .size = sizeof(activity), .fields = (const field[]){
    CHOICE("objection", FIELD_CHOICE, NEEDED, activity, rights.objection, OBJECTIONS),
    WORDS("objection_words", MAY, activity, rights.objection_words),
    WORDS("withdrawal_words", MAY, activity, rights.withdrawal_words),
    WORDS("rectification_words", MAY, activity, rights.rectification_words),
    WORDS("erasure_words", MAY, activity, rights.erasure_words),
    WORDS("provider_words", MAY, activity, rights.provider_words), END } };

static void cookie_defaults(void *thing)
{
    cookie_entry *c = thing;
    c->host = KT_STR("own");
    c->same_site = KT_STR("Lax");
    c->path = KT_STR("/");
    c->http_only = true;
}
static const shape shape_cookie = { .name = "cookie", .size = sizeof(cookie_entry), .defaults = cookie_defaults,
    .line_at = offsetof(cookie_entry, line), .file_at = offsetof(cookie_entry, file), .fields = (const field[]){
    TEXT("id", NEEDED, cookie_entry, id, test_id),
    TEXT("name", NEEDED, cookie_entry, name, test_cookie_name),
    CHOICE("kind", FIELD_CHOICE, 0, cookie_entry, kind, CHOICES("language", "login", "page_views", "function_use", "choice")),
    CHOICE("category", FIELD_CHOICE, NEEDED, cookie_entry, category, CATEGORIES),
    TEXT("service", NEEDED, cookie_entry, service, test_id),
    TEXT("host", 0, cookie_entry, host, NULL),
    LINE("lifetime", FIELD_LIFETIME, NEEDED, cookie_entry, lifetime_s),
    LINE("http_only", FIELD_BOOL, 0, cookie_entry, http_only),
    LINE("third_party_access", FIELD_BOOL, 0, cookie_entry, third_party_access),
    CHOICE("same_site", FIELD_CHOICE, 0, cookie_entry, same_site, CHOICES("Lax", "Strict", "None")),
    TEXT("path", 0, cookie_entry, path, test_cookie_path),
    WORDS("purpose", NEEDED, cookie_entry, purpose), END } };

static const shape shape_store = { .name = "store", .size = sizeof(store_claim),
    .line_at = offsetof(store_claim, line), .file_at = offsetof(store_claim, file), .fields = (const field[]){
    TEXT("table", 0, store_claim, table, test_sql_name),
    LINE("file", FIELD_STORE, 0, store_claim, file_store),
    LINE("memory", FIELD_STORE, 0, store_claim, file_store),
    LINE("queue", FIELD_STORE, 0, store_claim, file_store),
    TEXT("subject", 0, store_claim, subject, NULL),
    CHOICE("subject_kind", FIELD_CHOICE, 0, store_claim, subject_kind, CHOICES("account", "staff", "visitor", "partner", "none")),
    { "columns", FIELD_COLUMNS, NEEDED, offsetof(store_claim, columns), offsetof(store_claim, n_columns), NULL, test_id, NULL },
    WORDS("words", 0, store_claim, words), END } };

static void activity_defaults(void *thing) { ((activity *)thing)->data_exhaustive = true; }
const shape shape_activity = { .name = "activity", .size = sizeof(activity_draft), .defaults = activity_defaults,
    .line_at = offsetof(activity, line), .file_at = offsetof(activity, file), .fields = (const field[]){
    TEXT("id", NEEDED | MAY, activity, id, test_id),
    LINE("section", FIELD_INT, NEEDED, activity, section),
    LINE("order", FIELD_INT, 0, activity, order),
    WORDS("title", NEEDED | MAY, activity, title),
    WORDS("description", NEEDED | MAY, activity, description),
    CHOSEN("subjects", NEEDED, activity, subjects, SUBJECTS),
    CHOSEN("sources", NEEDED, activity, sources, SOURCES),
    PARTS("data", NEEDED, activity, data, shape_datum),
    LINE("data_exhaustive", FIELD_BOOL, 0, activity, data_exhaustive),
    WORDS("data_note", MAY, activity, data_note),
    PARTS("purposes", NEEDED, activity, purposes, shape_purpose),
    PARTS("excluded_purposes", 0, activity, excluded, shape_purpose),
    PARTS("legal_basis", NEEDED, activity, bases, shape_basis),
    CHOICE("device_access", FIELD_CHOICE, NEEDED, activity, device_access, CHOICES("none", "necessary", "consent")),
    WORDS("device_access_reason", 0, activity, device_access_reason),
    WORDS("device_access_words", 0, activity, device_access_words),
    CHOICE("consent_purpose", FIELD_CHOICE, 0, activity, consent_category, OPTIONALS),
    LIST("recipients", MAY, activity_draft, recipient_ids, test_id),
    WORDS("recipients_note", MAY, activity, recipients_note),
    PARTS("retention", NEEDED | MAY, activity, keeps, shape_retention),
    PARTS("holds", 0, activity, holds, shape_hold),
    PART("rights", NEEDED | MAY, shape_rights),
    PARTS("cookies", 0, activity, cookies, shape_cookie),
    PARTS("stores", 0, activity, stores, shape_store),
    PARTS("notes", MAY, activity, notes, shape_note),
    LINE("since", FIELD_DATE, 0, activity, since),
    LINE("until", FIELD_DATE, 0, activity, until),
    WORDS("obligation", MAY, activity, obligation),
    TEXT("balancing_test", MAY, activity, balancing_test, NULL),
    TEXT("impact_assessment", MAY, activity, impact_assessment, NULL),
    TEXT("approver", MAY, activity, approver, NULL),
    WORDS("change_reason", MAY, activity, change_reason), END } };

const shape shape_service = { .name = "service", .size = sizeof(service),
    .line_at = offsetof(service, line), .file_at = offsetof(service, file), .fields = (const field[]){
    TEXT("id", NEEDED | MAY, service, id, test_id),
    CHOICE("category", FIELD_CHOICE, NEEDED, service, category, CATEGORIES),
    LIST("activities", 0, service, activities, test_id),
    WORDS("name", NEEDED | MAY, service, name),
    WORDS("purpose", NEEDED | MAY, service, purpose),
    LIST("hosts", 0, service, hosts, NULL),
    LIST("storage_keys", 0, service, storage_keys, NULL),
    LINE("third_party", FIELD_BOOL, 0, service, third_party), END } };

static const shape shape_transfer = { .name = "transfer", .size = sizeof(recipient), .fields = (const field[]){
    LIST("third_countries", MAY, recipient, third_countries, test_country),
    CHOICE("mechanism", FIELD_CHOICE, MAY, recipient, mechanism, MECHANISMS),
    TEXT("article", MAY, recipient, article, test_article),
    LINE("date", FIELD_DATE, MAY, recipient, transfer_date),
    WORDS("words", MAY, recipient, transfer_words),
    WORDS("copy_route", MAY, recipient, copy_route), END } };

static void recipient_defaults(void *thing) { ((recipient *)thing)->role = KT_STR("not_stated"); }
const shape shape_recipient = { .name = "recipient", .size = sizeof(recipient), .defaults = recipient_defaults,
    .line_at = offsetof(recipient, line), .file_at = offsetof(recipient, file), .fields = (const field[]){
    TEXT("id", NEEDED | MAY, recipient, id, test_id),
    TEXT("name", NEEDED | MAY, recipient, name, NULL),
    TEXT("address", MAY, recipient, address, NULL),
    TEXT("city", MAY, recipient, city, NULL),
    TEXT("country", MAY, recipient, country, test_country),
    CHOICE("role", FIELD_CHOICE, MAY, recipient, role, ROLES),
    WORDS("role_words", MAY, recipient, role_words),
    WORDS("data_scope", MAY, recipient, data_scope),
    WORDS("details", MAY, recipient, details),
    TEXT("notice_url", MAY, recipient, notice_url, test_url),
    TEXT("removal_url", MAY, recipient, removal_url, test_url),
    TEXT("extra_url", MAY, recipient, extra_url, test_url),
    WORDS("extra_url_words", MAY, recipient, extra_url_words),
    LINE("onward", FIELD_BOOL, MAY, recipient, onward),
    TEXT("server_location", MAY, recipient, server_location, NULL),
    WORDS("server_words", MAY, recipient, server_words),
    TEXT("contract_id", MAY, recipient, contract_id, NULL),
    LINE("contract_date", FIELD_DATE, MAY, recipient, contract_date),
    LINE("review_date", FIELD_DATE, MAY, recipient, review_date),
    WORDS("sub_processors", MAY, recipient, sub_processors),
    PART("transfer", MAY, shape_transfer), END } };

static const shape shape_dpo = { .name = "dpo", .size = sizeof(operator_facts), .fields = (const field[]){
    TEXT("name", NEEDED, operator_facts, dpo_name, NULL),
    TEXT("contact", NEEDED, operator_facts, dpo_contact, NULL), END } };

const shape shape_operator = { .name = "operator", .size = sizeof(operator_facts), .fields = (const field[]){
    TEXT("name", NEEDED, operator_facts, name, NULL),
    TEXT("legal_form", 0, operator_facts, legal_form, NULL),
    TEXT("street", 0, operator_facts, street, NULL),
    TEXT("postcode", 0, operator_facts, postcode, NULL),
    TEXT("city", 0, operator_facts, city, NULL),
    TEXT("country", NEEDED, operator_facts, country, test_country),
    TEXT("email", 0, operator_facts, email, test_email),
    TEXT("phone", 0, operator_facts, phone, NULL),
    TEXT("represented_by", 0, operator_facts, represented_by, NULL),
    TEXT("register_entry", 0, operator_facts, register_entry, NULL),
    TEXT("vat_id", 0, operator_facts, vat_id, NULL),
    PART("dpo", 0, shape_dpo),
    TEXT("privacy_email", NEEDED, operator_facts, privacy_email, test_email),
    TEXT("privacy_form_url", 0, operator_facts, privacy_form_url, test_url),
    TEXT("authority", 0, operator_facts, authority, NULL),
    TEXT("platform_name", NEEDED, operator_facts, platform_name, NULL),
    TEXT("platform_url", NEEDED, operator_facts, platform_url, test_url),
    TEXT("general_notice_url", 0, operator_facts, general_notice_url, test_url),
    TEXT("imprint_url", 0, operator_facts, imprint_url, test_url),
    LINE("document_date", FIELD_DATE, 0, operator_facts, document_date),
    WORDS("document_title", 0, operator_facts, document_title),
    TEXT("settings_button", 0, operator_facts, settings_button, NULL),
    TEXT("necessary_button", 0, operator_facts, necessary_button, NULL),
    TEXT("representative", 0, operator_facts, representative, NULL),
    TEXT("joint_controllers", 0, operator_facts, joint_controllers, NULL),
    WORDS("security_measures", 0, operator_facts, security_measures), END } };

/* Settings are not facts of the register. They are read here only to be checked: platform.c and the rooms
 * take them from registry_config. */
typedef struct {
    kt_str listen, public_origin, certificate, key, admin_listen;
    const kt_str *hosts; size_t n_hosts;
    const kt_str *trusted_fronts; size_t n_trusted_fronts;
} server_settings;
static const shape shape_tls = { .name = "tls", .size = sizeof(server_settings), .fields = (const field[]){
    TEXT("certificate", NEEDED, server_settings, certificate, NULL),
    TEXT("key", NEEDED, server_settings, key, NULL), END } };
const shape shape_server = { .name = "server", .size = sizeof(server_settings), .fields = (const field[]){
    TEXT("listen", 0, server_settings, listen, NULL),
    TEXT("public_origin", 0, server_settings, public_origin, test_url),
    LIST("hosts", 0, server_settings, hosts, NULL),
    LIST("trusted_fronts", 0, server_settings, trusted_fronts, NULL),
    PART("tls", 0, shape_tls),
    TEXT("admin_listen", 0, server_settings, admin_listen, NULL), END } };

typedef struct { kt_str smtp_url, user, password_file, from_address, from_name, reply_to; bool require_tls; } mail_settings;
static const char *test_smtp_url(kt_str t)
{
    bool ok = kt_str_starts(t, KT_STR("smtp://")) || kt_str_starts(t, KT_STR("smtps://"));
    return ok ? NULL : "must be smtp://host:port or smtps://host:port";
}
const shape shape_mail = { .name = "mail", .size = sizeof(mail_settings), .fields = (const field[]){
    TEXT("smtp_url", NEEDED, mail_settings, smtp_url, test_smtp_url),
    TEXT("user", 0, mail_settings, user, NULL),
    TEXT("password_file", 0, mail_settings, password_file, NULL),
    LINE("require_tls", FIELD_BOOL, 0, mail_settings, require_tls),
    TEXT("from_address", NEEDED, mail_settings, from_address, test_email),
    TEXT("from_name", 0, mail_settings, from_name, NULL),
    TEXT("reply_to", 0, mail_settings, reply_to, test_email), END } };

typedef struct { kt_str user_agents, profile, cut; int64_t keep_ms, long_ms; int keep_months, long_months; } weblog_settings;
static const shape shape_long_tier = { .name = "long_tier", .size = sizeof(weblog_settings), .fields = (const field[]){
    PERIOD("keep", 0, weblog_settings, long_ms, long_months),
    CHOICE("cut", FIELD_CHOICE, 0, weblog_settings, cut, CHOICES("standard", "strong", "drop")), END } };
const shape shape_weblog = { .name = "weblog", .size = sizeof(weblog_settings), .fields = (const field[]){
    PERIOD("keep", 0, weblog_settings, keep_ms, keep_months),
    PART("long_tier", FIELD_OR_NONE, shape_long_tier),
    TEXT("user_agents", 0, weblog_settings, user_agents, NULL),
    CHOICE("profile", FIELD_CHOICE, 0, weblog_settings, profile, CHOICES("default", "declaration")), END } };

typedef struct { kt_str address, phone, terms_version; int password_min; bool utf8_email, clear_site_data; } account_settings;
#define ASKED CHOICES("required", "optional", "later")
const shape shape_account = { .name = "account", .size = sizeof(account_settings), .fields = (const field[]){
    CHOICE("address", FIELD_CHOICE, 0, account_settings, address, ASKED),
    CHOICE("phone", FIELD_CHOICE, 0, account_settings, phone, ASKED),
    LINE("password_min", FIELD_INT, 0, account_settings, password_min),
    LINE("utf8_email", FIELD_BOOL, 0, account_settings, utf8_email),
    LINE("clear_site_data", FIELD_BOOL, 0, account_settings, clear_site_data),
    TEXT("terms_version", 0, account_settings, terms_version, NULL), END } };

const shape *const shapes_all[] = {
    &shape_activity, &shape_datum, &shape_purpose, &shape_note, &shape_basis, &shape_retention, &shape_hold, &shape_rights,
    &shape_cookie, &shape_store, &shape_service, &shape_recipient, &shape_transfer, &shape_operator, &shape_dpo,
    &shape_server, &shape_tls, &shape_mail, &shape_weblog, &shape_long_tier, &shape_account, NULL,
};
