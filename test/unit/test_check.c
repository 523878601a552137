/* SPDX-License-Identifier: Apache-2.0 */
/* test_check.c -- every refusal of the register's check, each from a small declaration of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <sodium.h>
#include "base/embedded.h"
#include "base/log.h"
#include "register/check.h"
#include "register/load.h"
#include "register/schema_line.h"

/* ------------------------------------------------------------------ a sample module */

static const char schema[] = "-- version 1: guests\n"
                             "CREATE TABLE sample_guest (\n"
                             "  id         TEXT PRIMARY KEY,    -- random id\n"
                             "  email      TEXT,                -- address, as typed (may be NULL)\n"
                             "  city       TEXT NOT NULL,       -- where from\n"
                             "  created_at INTEGER NOT NULL     -- when\n"
                             ") STRICT;\n";

static const char head[] = "activities:\n"
                           "  - id: guest-book\n"
                           "    section: 10\n"
                           "    title: { de: Gästebuch, en: Guest book }\n"
                           "    description: { de: Gäste tragen sich ein., en: Guests enter themselves. }\n"
                           "    subjects: [visitor]\n"
                           "    sources: [person]\n"
                           "    data:\n"
                           "      - { id: email, de: E-Mail-Adresse, en: e-mail address }\n"
                           "      - { id: city, de: Stadt, en: city }\n"
                           "    purposes: [ { id: book, de: das Buch zu führen, en: to keep the book } ]\n"
                           "    rights: { objection: mail }\n";
static const char basis[] = "    legal_basis: [ { article: \"6(1)(b)\" } ]\n";
static const char device_none[] = "    device_access: none\n";
static const char keep[] = "    retention:\n"
                           "      - { id: row, rule: duration, start: sample_guest.created_at, max: P30D, then: erase, "
                           "table: sample_guest, wording: { de: 30 Tage, en: 30 days } }\n";
static const char stores[] =
    "    stores:\n"
    "      - { table: sample_guest, subject: id, subject_kind: visitor, columns: { id: technical, "
    "email: email, city: city, created_at: technical } }\n";

static const char operator_text[] = "operator:\n"
                                    "  name: Muster GmbH\n"
                                    "  street: Musterweg 1\n"
                                    "  postcode: \"20457\"\n"
                                    "  city: Hamburg\n"
                                    "  country: DE\n"
                                    "  email: post@example.org\n"
                                    "  privacy_email: privacy@example.org\n"
                                    "  platform_name: Muster\n"
                                    "  platform_url: https://example.org\n";

static kt_err handler(request *rq, reply *rs) { return KT_OK; }
static kt_err work(void *room, kt_arena *mem, int64_t now_ms) { return KT_OK; }
static const route good_routes[] = {
    {"GET",    "/guests", handler, HTTP_READ, "guest-book", HTTP_PUBLIC, 0, 0, NULL, NULL },
    { 0}
};
static const job jobs_of_sample[] = {
    {"sample.sweep", 1000, work},
    { NULL,          0,    NULL}
};
static const module sample = { .name = "sample", .routes = good_routes, .jobs = jobs_of_sample };

/* ------------------------------------------------------------------ the stand */

typedef struct {
    kt_arena *mem;
    kt_value *faults, *warnings;
    store *st;
    registry *r;
    kt_clock clock;
} stand;

static kt_str embedded(const char *path) { return kt_embedded_str(kt_embedded_find(path)); }

static int set_up(void **state)
{
    kt_log_set_level(KT_LOG_WARN);
    assert_true(sodium_init() >= 0);
    stand *s = kt_calloc(1, sizeof *s);
    s->mem = kt_arena_new();
    s->faults = kt_list(s->mem);
    s->warnings = kt_list(s->mem);
    s->clock = kt_clock_fixed(1795000000000);
    kt_fail fail = { 0 };
    store_options o = { .clock = &s->clock, .in_memory = true };
    assert_int_equal(store_open(&o, &fail, &s->st), KT_OK);
    assert_int_equal(store_migrate(s->st, "store", embedded("store/schema.sql"), &fail), KT_OK);
    assert_int_equal(store_migrate(s->st, "sample", kt_str_c(schema), &fail), KT_OK);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    stand *s = *state;
    registry_free(s->r);
    store_close(s->st);
    kt_arena_free(s->mem);
    free(s);
    return 0;
}

static void print_all(const kt_value *list)
{
    KT_EACH(f, list) fprintf(stderr, "  %.*s\n", KT_ARG(kt_as_str(f)));
}

/* Loads the parts as the sample module's activity.yaml. */
static kt_err load(stand *s, const char *const *parts, const char *config)
{
    kt_str text = KT_STR("");
    for (size_t i = 0; parts[i]; i++) text = kt_str_fmt(s->mem, "%.*s%s", KT_ARG(text), parts[i]);
    registry_text texts[] = {
        { "store", "src/store/activity.yaml", embedded("store/activity.yaml"), "src/store/schema.sql",
          embedded("store/schema.sql") },
        { "sample", "src/sample/activity.yaml", text, "src/sample/schema.sql", kt_str_c(schema) },
        { NULL, "kontor.yaml", kt_str_c(config ? config : operator_text), NULL, KT_STR_NONE },
    };
    return registry_load_texts(texts, 3, s->mem, s->faults, &s->r);
}

static kt_err check(stand *s, const module *m, const char *const *parts)
{
    const module *const modules[] = { m, NULL };
    kt_err err = load(s, parts, NULL);
    if (err != KT_OK) print_all(s->faults);
    assert_int_equal(err, KT_OK);
    err = check_register(s->r, modules, s->st, s->mem, s->faults, s->warnings);
    if (err != KT_OK && err != KT_REFUSED) fprintf(stderr, "check: %s\n", kt_err_name(err));
    return err;
}

static bool has(const kt_value *list, const char *what)
{
    KT_EACH(f, list)
        if (kt_str_find(kt_as_str(f), kt_str_c(what), 0) != KT_NOT_FOUND_AT) return true;
    return false;
}

static void assert_says(stand *s, const char *what)
{
    if (!has(s->faults, what)) {
        fprintf(stderr, "not said: %s\nbut:\n", what);
        print_all(s->faults);
    }
    assert_true(has(s->faults, what));
}

#define PARTS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void refuses_with(stand *s, const module *m, const char *const *parts, const char *what)
{
    assert_int_equal(check(s, m, parts), KT_REFUSED);
    assert_says(s, what);
    assert_int_equal((int)s->faults->count, 1);
}

/* ------------------------------------------------------------------ tests */

static void test_a_declared_module_passes(void **state)
{
    stand *s = *state;
    kt_err err = check(s, &sample, PARTS(head, basis, device_none, keep, stores));
    print_all(s->faults);
    assert_int_equal(err, KT_OK);
    assert_int_equal((int)s->faults->count, 0);
    assert_int_equal((int)s->warnings->count, 0);
}

static void test_a_column_without_activity_names_its_line(void **state)
{
    stand *s = *state;
    refuses_with(s, &sample,
                 PARTS(head, basis, device_none, keep,
                       "    stores:\n"
                       "      - { table: sample_guest, subject: id, subject_kind: visitor, columns: { id: technical, "
                       "email: email, created_at: technical } }\n"),
                 "src/sample/schema.sql:5: column sample_guest.city belongs to no activity");
}

static void test_a_column_claimed_twice_is_refused(void **state)
{
    stand *s = *state;
    refuses_with(
        s, &sample,
        PARTS(head, basis, device_none, keep, stores,
              "      - { table: sample_guest, subject: id, subject_kind: visitor, columns: { city: city } }\n"),
        "src/sample/activity.yaml:19: column sample_guest.city is claimed twice");
}

static void test_a_claim_without_a_column_is_refused(void **state)
{
    stand *s = *state;
    refuses_with(
        s, &sample,
        PARTS(head, basis, device_none, keep, stores,
              "      - { table: sample_guest, subject: id, subject_kind: visitor, columns: { shoe_size: city } }\n"),
        "src/sample/activity.yaml:19: activity \"guest-book\" claims sample_guest.shoe_size, which is no column");
}

static void test_a_subject_that_is_no_column_is_refused(void **state)
{
    stand *s = *state;
    refuses_with(s, &sample,
                 PARTS(head, basis, device_none, keep,
                       "    stores:\n"
                       "      - { table: sample_guest, subject: person, subject_kind: visitor, "
                       "columns: { id: technical, email: email, city: city, created_at: technical } }\n"),
                 "the way from sample_guest to its subject (\"person\") does not exist");
}

static void test_a_subject_may_be_reached_over_another_table(void **state)
{
    stand *s = *state;
    assert_int_equal(
        check(
            s, &sample,
            PARTS(
                head, basis, device_none, keep,
                "    stores:\n"
                "      - { table: sample_guest, subject: \"sample_guest.email -> sample_guest.id\", "
                "subject_kind: visitor, columns: { id: technical, email: email, city: city, created_at: technical } }\n")),
        KT_OK);
}

static void test_a_route_without_activity_is_refused(void **state)
{
    stand *s = *state;
    const route table[] = { { "GET", "/secret", handler, HTTP_READ, NULL, HTTP_PUBLIC, 0, 0, NULL, NULL }, { 0 } };
    module m = sample;
    m.routes = table;
    refuses_with(s, &m, PARTS(head, basis, device_none, keep, stores),
                 "src/sample/sample.c: route GET /secret names no activity");
}

static void test_a_route_with_an_unknown_activity_is_refused(void **state)
{
    stand *s = *state;
    const route table[] = { { "POST", "/x", handler, HTTP_READ, "guest-book/mail", HTTP_PUBLIC, 0, 0, NULL, NULL },
                            { 0 } };
    module m = sample;
    m.routes = table;
    refuses_with(s, &m, PARTS(head, basis, device_none, keep, stores),
                 "route POST /x falls under \"guest-book/mail\", which is not declared");
}

/* cookies */
static const char reason[] = "    device_access: necessary\n    device_access_reason: { de: nötig, en: needed }\n";
static const char services[] =
    "services:\n"
    "  - { id: visit, category: necessary, activities: [guest-book], name: { de: Besuch, "
    "en: Visit }, purpose: { de: merken, en: remember } }\n"
    "  - { id: counting, category: analytics, activities: [guest-book], name: { de: Zählung, "
    "en: Count }, purpose: { de: zählen, en: count } }\n";
static const char *const sets_guest[] = { "guest", NULL };
#define COOKIE(kind, category, service)                                                                                \
    "    cookies:\n      - { id: guest, name: guest" kind ", category: " category ", service: " service                \
    ", lifetime: P1D, purpose: { de: Gast, en: guest } }\n"

static module setting(const char *const *ids)
{
    module m = sample;
    m.cookies = ids;
    return m;
}

static void test_a_declared_cookie_passes(void **state)
{
    stand *s = *state;
    module m = setting(sets_guest);
    kt_err err =
        check(s, &m, PARTS(head, basis, reason, keep, stores, COOKIE(", kind: login", "necessary", "visit"), services));
    print_all(s->faults);
    assert_int_equal(err, KT_OK);
}

static void test_a_cookie_in_code_that_nobody_declares_is_refused(void **state)
{
    stand *s = *state;
    module m = setting(sets_guest);
    refuses_with(s, &m, PARTS(head, basis, device_none, keep, stores),
                 "src/sample/sample.c: the code sets the cookie \"guest\", which no activity declares");
}

static void test_a_declared_own_cookie_that_no_module_sets_is_refused(void **state)
{
    stand *s = *state;
    refuses_with(s, &sample,
                 PARTS(head, basis, reason, keep, stores, COOKIE(", kind: login", "necessary", "visit"), services),
                 "src/sample/activity.yaml:21: cookie \"guest\" is declared as our own, but no module sets it");
}

static void test_a_cookie_without_permission_for_the_device_is_refused(void **state)
{
    stand *s = *state;
    module m = setting(sets_guest);
    refuses_with(s, &m,
                 PARTS(head, basis, device_none, keep, stores, COOKIE(", kind: login", "necessary", "visit"), services),
                 "activity \"guest-book\" has no permission for the device");
}

static void test_an_optional_cookie_under_necessary_access_is_refused(void **state)
{
    stand *s = *state;
    module m = setting(sets_guest);
    refuses_with(s, &m, PARTS(head, basis, reason, keep, stores, COOKIE("", "analytics", "counting"), services),
                 "cookie \"guest\" is optional, but device_access of \"guest-book\" is necessary");
}

static void test_a_necessary_cookie_without_kind_is_refused(void **state)
{
    stand *s = *state;
    module m = setting(sets_guest);
    refuses_with(s, &m, PARTS(head, basis, reason, keep, stores, COOKIE("", "necessary", "visit"), services),
                 "cookie \"guest\" is necessary, but its kind is not declared");
}

static void test_C1_a_necessary_cookie_serves_only_language_sign_in_and_choice(void **state)
{
    stand *s = *state;
    module m = setting(sets_guest);
    refuses_with(s, &m,
                 PARTS(head, basis, reason, keep, stores, COOKIE(", kind: page_views", "necessary", "visit"), services),
                 "its kind page_views is not");
}

static void test_necessary_device_access_needs_its_reason(void **state)
{
    stand *s = *state;
    refuses_with(s, &sample, PARTS(head, basis, "    device_access: necessary\n", keep, stores),
                 "src/sample/activity.yaml:2: activity \"guest-book\": device_access necessary needs its reason");
}

static void test_device_access_by_consent_needs_a_service(void **state)
{
    stand *s = *state;
    refuses_with(s, &sample,
                 PARTS(head, basis, "    device_access: consent\n    consent_purpose: analytics\n", keep, stores),
                 "device_access consent, but no optional service of its category asks for it");
}

static void test_an_activity_on_consent_needs_a_service(void **state)
{
    stand *s = *state;
    refuses_with(s, &sample, PARTS(head, "    legal_basis: [ { article: \"6(1)(a)\" } ]\n", device_none, keep, stores),
                 "rests on consent, but no optional service asks for it");
}

static void test_legitimate_interest_needs_words(void **state)
{
    stand *s = *state;
    refuses_with(s, &sample, PARTS(head, "    legal_basis: [ { article: \"6(1)(f)\" } ]\n", device_none, keep, stores),
                 "6(1)(f) needs the interest in words");
}

static void test_a_service_without_activity_is_refused(void **state)
{
    stand *s = *state;
    refuses_with(s, &sample,
                 PARTS(head, basis, device_none, keep, stores,
                       "services:\n  - { id: lonely, category: analytics, name: { de: Allein, en: Alone }, "
                       "purpose: { de: nichts, en: nothing } }\n"),
                 "src/sample/activity.yaml:20: service \"lonely\" belongs to no activity");
}

/* recipients: G1 says that every connector is declared in full, G2 that a transfer has a dated safeguard */
#define RECIPIENT(rest)                                                                                                \
    "    recipients: [far]\nrecipients:\n  - { id: far, name: Far Inc., country: US, role: processor" rest " }\n"

static void test_G1_a_recipient_nobody_declared_is_refused(void **state)
{
    stand *s = *state;
    assert_int_equal(load(s, PARTS(head, basis, device_none, keep, stores, "    recipients: [far]\n"), NULL),
                     KT_REFUSED);
    assert_says(s, "src/sample/activity.yaml:2: activity \"guest-book\": recipient \"far\" is not declared");
}

static void test_G2_a_third_country_without_safeguard_is_refused(void **state)
{
    stand *s = *state;
    refuses_with(s, &sample, PARTS(head, basis, device_none, keep, stores, RECIPIENT("")),
                 "src/sample/activity.yaml:21: recipient \"far\" is in a third country without a safeguard");
}

static void test_G2_a_safeguard_without_date_is_refused(void **state)
{
    stand *s = *state;
    refuses_with(s, &sample,
                 PARTS(head, basis, device_none, keep, stores,
                       RECIPIENT(", transfer: { mechanism: scc, article: \"46(2)(c)\" }")),
                 "recipient \"far\": its safeguard for the third country has no date");
}

static void test_G2_a_dated_safeguard_passes(void **state)
{
    stand *s = *state;
    assert_int_equal(check(s, &sample,
                           PARTS(head, basis, device_none, keep, stores,
                                 RECIPIENT(", transfer: { mechanism: scc, article: \"46(2)(c)\", date: 2021-06-27 }"))),
                     KT_OK);
}

static void test_a_recipient_at_home_that_passes_on_to_a_third_country_needs_a_safeguard(void **state)
{
    stand *s = *state;
    refuses_with(s, &sample,
                 PARTS(head, basis, device_none, keep, stores,
                       "    recipients: [near]\nrecipients:\n  - { id: near, name: Near GmbH, country: DE, "
                       "role: processor, transfer: { third_countries: [US] } }\n"),
                 "recipient \"near\" is in a third country without a safeguard");
}

static void test_a_recipient_no_activity_engages_is_a_warning(void **state)
{
    stand *s = *state;
    assert_int_equal(check(s, &sample,
                           PARTS(head, basis, device_none, keep, stores,
                                 "recipients:\n  - { id: idle, name: Idle GmbH, country: DE }\n")),
                     KT_OK);
    assert_true(has(s->warnings, "recipient \"idle\" is engaged by no activity"));
    assert_true(has(s->warnings, "recipient \"idle\": its role is not stated"));
}

/* retention */
#define RULE(rest) "    retention:\n      - { id: row, wording: { de: Frist, en: period }, " rest " }\n"

static void retention_refused(stand *s, const char *rule, const char *what)
{
    refuses_with(s, &sample, PARTS(head, basis, device_none, rule, stores), what);
}

static void test_retention_without_a_period_is_refused(void **state)
{
    retention_refused(*state, RULE("rule: duration, start: request_time, by: module"),
                      "src/sample/activity.yaml:16: retention \"row\" of \"guest-book\" has no period");
}

static void test_retention_without_a_start_is_refused(void **state)
{
    retention_refused(*state, RULE("rule: duration, max: P7D, by: module"), "has no start");
}

static void test_retention_on_an_unknown_table_is_refused(void **state)
{
    retention_refused(*state, RULE("rule: duration, start: sample_guest.created_at, max: P7D, table: sample_gone"),
                      "there is no table sample_gone");
}

static void test_retention_from_an_unknown_column_is_refused(void **state)
{
    retention_refused(*state, RULE("rule: duration, start: sample_guest.left_at, max: P7D, table: sample_guest"),
                      "there is no column sample_guest.left_at");
}

static void test_retention_from_a_column_that_is_no_time_is_refused(void **state)
{
    retention_refused(*state, RULE("rule: duration, start: sample_guest.city, max: P7D, table: sample_guest"),
                      "sample_guest.city is no time");
}

static void test_retention_that_strips_an_unknown_column_is_refused(void **state)
{
    retention_refused(
        *state, RULE("rule: duration, start: sample_guest.created_at, max: P7D, table: sample_guest, columns: [gone]"),
        "there is no column sample_guest.gone");
}

static void test_retention_cannot_strip_a_column_that_may_not_be_null(void **state)
{
    retention_refused(
        *state, RULE("rule: duration, start: sample_guest.created_at, max: P7D, table: sample_guest, columns: [city]"),
        "sample_guest.city cannot be NULL");
}

static void test_retention_that_nobody_keeps_is_refused(void **state)
{
    retention_refused(*state, RULE("rule: event, start: session_end"), "nobody keeps it; it needs table or by");
}

static void test_retention_kept_by_an_unknown_job_is_refused(void **state)
{
    retention_refused(*state, RULE("rule: duration, start: request_time, max: P7D, by: job sample.sleep"),
                      "there is no job \"sample.sleep\"");
}

static void test_retention_kept_by_a_job_of_the_module_passes(void **state)
{
    stand *s = *state;
    assert_int_equal(check(s, &sample,
                           PARTS(head, basis, device_none,
                                 RULE("rule: duration, start: request_time, max: P7D, by: job sample.sweep"), stores)),
                     KT_OK);
}

static void test_need_without_a_value_is_a_warning(void **state)
{
    stand *s = *state;
    assert_int_equal(check(s, &sample, PARTS(head, basis, device_none, RULE("rule: need, start: purpose_end"), stores)),
                     KT_OK);
    assert_true(has(
        s->warnings,
        "src/sample/activity.yaml:16: retention \"row\" of \"guest-book\": \"as long as needed\" has no value yet"));
}

static void test_words_missing_in_a_language_are_refused(void **state)
{
    stand *s = *state;
    assert_int_equal(
        load(s, PARTS(head, basis, device_none, keep, stores, "    data_note: { de: nur Deutsch }\n"), NULL),
        KT_REFUSED);
    assert_says(s, "src/sample/activity.yaml:19: data_note of activity: the English words (en) are missing");
}

static void test_all_faults_are_said_at_once(void **state)
{
    stand *s = *state;
    const route table[] = { { "GET", "/secret", handler, HTTP_READ, NULL, HTTP_PUBLIC, 0, 0, NULL, NULL }, { 0 } };
    module m = sample;
    m.routes = table;
    m.cookies = sets_guest;
    assert_int_equal(
        check(s, &m,
              PARTS(head, "    legal_basis: [ { article: \"6(1)(f)\" } ]\n", "    device_access: necessary\n", keep)),
        KT_REFUSED);
    assert_int_equal((int)s->faults->count, 8); /* 4 columns, reason, interest, route, cookie */
}

static void test_the_line_of_a_column_is_found(void **state)
{
    static const char text[] = "-- CREATE TABLE a ( x TEXT );\n"
                               "CREATE TABLE b (\n"
                               "  x TEXT CHECK (x IN ('(,', 'y')), -- a comment, with x\n"
                               "  y INTEGER DEFAULT (1),\n"
                               "  PRIMARY KEY (x, y)\n"
                               ") STRICT;\n"
                               "create table if not exists a (x text,\n"
                               "  \"y\" text);\n"
                               "CREATE INDEX i ON a (x);\n"
                               "ALTER TABLE b ADD COLUMN z TEXT;\n";
    struct {
        const char *table, *column;
        int line;
    } table[] = {
        { "b", "x", 3 },  { "b", "y", 4 }, { "a", "x", 7 }, { "a", "y", 8 },
        { "b", "z", 10 }, { "a", "z", 0 }, { "c", "x", 0 },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_int_equal(schema_line(kt_str_c(text), kt_str_c(table[i].table), kt_str_c(table[i].column)),
                         table[i].line);
    assert_int_equal(schema_line(KT_STR("CREATE TABLE t (a 'unfinished"), KT_STR("t"), KT_STR("b")), 0);
    assert_int_equal(schema_line(KT_STR(""), KT_STR("t"), KT_STR("b")), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_a_declared_module_passes),
        T(test_a_column_without_activity_names_its_line),
        T(test_a_column_claimed_twice_is_refused),
        T(test_a_claim_without_a_column_is_refused),
        T(test_a_subject_that_is_no_column_is_refused),
        T(test_a_subject_may_be_reached_over_another_table),
        T(test_a_route_without_activity_is_refused),
        T(test_a_route_with_an_unknown_activity_is_refused),
        T(test_a_declared_cookie_passes),
        T(test_a_cookie_in_code_that_nobody_declares_is_refused),
        T(test_a_declared_own_cookie_that_no_module_sets_is_refused),
        T(test_a_cookie_without_permission_for_the_device_is_refused),
        T(test_an_optional_cookie_under_necessary_access_is_refused),
        T(test_a_necessary_cookie_without_kind_is_refused),
        T(test_C1_a_necessary_cookie_serves_only_language_sign_in_and_choice),
        T(test_necessary_device_access_needs_its_reason),
        T(test_device_access_by_consent_needs_a_service),
        T(test_an_activity_on_consent_needs_a_service),
        T(test_legitimate_interest_needs_words),
        T(test_a_service_without_activity_is_refused),
        T(test_G1_a_recipient_nobody_declared_is_refused),
        T(test_G2_a_third_country_without_safeguard_is_refused),
        T(test_G2_a_safeguard_without_date_is_refused),
        T(test_G2_a_dated_safeguard_passes),
        T(test_a_recipient_at_home_that_passes_on_to_a_third_country_needs_a_safeguard),
        T(test_a_recipient_no_activity_engages_is_a_warning),
        T(test_retention_without_a_period_is_refused),
        T(test_retention_without_a_start_is_refused),
        T(test_retention_on_an_unknown_table_is_refused),
        T(test_retention_from_an_unknown_column_is_refused),
        T(test_retention_from_a_column_that_is_no_time_is_refused),
        T(test_retention_that_strips_an_unknown_column_is_refused),
        T(test_retention_cannot_strip_a_column_that_may_not_be_null),
        T(test_retention_that_nobody_keeps_is_refused),
        T(test_retention_kept_by_an_unknown_job_is_refused),
        T(test_retention_kept_by_a_job_of_the_module_passes),
        T(test_need_without_a_value_is_a_warning),
        T(test_words_missing_in_a_language_are_refused),
        T(test_all_faults_are_said_at_once),
        T(test_the_line_of_a_column_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
