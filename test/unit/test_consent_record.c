/* SPDX-License-Identifier: Apache-2.0 */
/* The proof of decisions: nothing in it can be changed, everything in it can be checked, and it ends when
 * its retention does. */
#include <sqlite3.h>
#include "consent_house.h"

static record sample(consent_house *t, const char *id, int64_t at_ms)
{
    const policy *p = h_room(t)->policy;
    return (record){
        .id = kt_str_c(id),
        .decided_at = at_ms,
        .received_at = at_ms,
        .action = KT_STR("accept_all"),
        .granted = KT_STR("[\"page-statistics\"]"),
        .denied = KT_STR("[]"),
        .policy_version = p->version,
        .text_hash = p->words[0].hash,
        .ui_hash = p->ui_hash,
        .language = KT_STR("de"),
        .surface = KT_STR("banner"),
        .origin = KT_STR("http://localhost"),
        .path = KT_STR("/"),
        .ua_family = KT_STR("Firefox, Linux"),
        .ip_prefix = KT_STR("192.0.2.0/24"),
        .account_ref = KT_STR("ref"),
    };
}

typedef struct {
    consent_house *t;
    record *r;
} appending;

static kt_err append_it(db *d, void *ctx)
{
    const appending *x = ctx;
    kt_sha256 key = h_room(x->t)->head_key;
    return record_append(d, x->t->mem, kt_sha256_str(&key), &h_room(x->t)->keep, x->r);
}

static void append(consent_house *t, const char *id, int64_t at_ms)
{
    record r = sample(t, id, at_ms);
    appending x = { t, &r };
    assert_int_equal(store_write(t->house.store, append_it, &x), KT_OK);
}

static kt_err run_text(db *d, void *ctx) { return store_exec_text(d, ctx, NULL, NULL); }
static kt_err sql_run(consent_house *t, const char *text)
{
    return store_write(t->house.store, run_text, (void *)(uintptr_t)text);
}

static chain_report verify(consent_house *t)
{
    chain_report report;
    kt_sha256 key = h_room(t)->head_key;
    assert_int_equal(
        record_verify(store_reader(t->house.store), kt_sha256_str(&key), KT_STR_NONE, t->clock.fixed_ms, &report),
        KT_OK);
    return report;
}

static void expire(consent_house *t, int64_t now_ms, int64_t *deleted)
{
    const policy *p = h_room(t)->policy;
    const kt_str in_force[3] = { p->ui_hash, p->words[0].hash, p->words[1].hash };
    t->clock.fixed_ms = now_ms;
    assert_int_equal(record_expire(t->house.store, in_force, now_ms, deleted), KT_OK);
}

static void fill_three_days(consent_house *t)
{
    for (int day = 0; day < 3; day++)
        for (int n = 0; n < 4; n++) {
            const char *id = kt_str_z(t->mem, kt_str_fmt(t->mem, "consent-id-%d-%d-abcdefg", day, n));
            append(t, id, T0 + day * KT_DAY_MS + n * KT_MINUTE_MS);
        }
    t->clock.fixed_ms = T0 + 3 * KT_DAY_MS;
}

static void test_an_untouched_chain_verifies(void **state)
{
    consent_house *t = *state;
    fill_three_days(t);
    chain_report r = verify(t);
    assert_true(r.ok);
    assert_int_equal(r.days, 3);
    assert_int_equal(r.records, 12);
    assert_int_equal(h_count(t, "SELECT COUNT(DISTINCT prev_hash) AS n FROM consent_record"), 12);
}

static void test_sequence_numbers_rise_per_id(void **state)
{
    consent_house *t = *state;
    record r;
    append(t, "same", T0);
    append(t, "other", T0);
    append(t, "same", T0 - KT_HOUR_MS);
    assert_int_equal(record_latest(store_reader(t->house.store), t->mem, KT_STR("same"), &r), KT_OK);
    assert_int_equal(r.seq, 2);
    assert_int_equal(r.decided_at, T0 - KT_HOUR_MS);
    assert_int_equal(record_latest(store_reader(t->house.store), t->mem, KT_STR("unknown"), &r), KT_NOT_FOUND);
}

static void test_the_database_refuses_every_change_and_early_deletion(void **state)
{
    consent_house *t = *state;
    static const char *const columns[] = { "id",       "seq",      "decided_at",    "received_at", "day",
                                           "action",   "granted",  "denied",        "language",    "surface",
                                           "origin",   "path",     "ua_family",     "gpc",         "dnt",
                                           "conflict", "shown_at", "keep_until_at", "prev_hash",   "hash",
                                           "n" };
    fill_three_days(t);
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        bool number = strcmp(columns[i], "seq") == 0 || strstr(columns[i], "_at") || strlen(columns[i]) == 3 ||
                      columns[i][0] == 'c' || columns[i][0] == 'n';
        const char *text =
            kt_str_z(t->mem, kt_str_fmt(t->mem, "UPDATE consent_record SET %s = %s WHERE n = 3", columns[i],
                                        number                               ? "77"
                                        : strcmp(columns[i], "action") == 0  ? "'select'"
                                        : strcmp(columns[i], "surface") == 0 ? "'api'"
                                                                             : "'x'"));
        assert_int_equal(sql_run(t, text), KT_REFUSED);
    }
    assert_int_equal(sql_run(t, "UPDATE consent_record SET account_ref = 'other' WHERE n = 3"), KT_REFUSED);
    assert_int_equal(sql_run(t, "UPDATE consent_record SET ip_prefix = '198.51.100.0/24' WHERE n = 3"), KT_REFUSED);
    assert_int_equal(sql_run(t, "DELETE FROM consent_record WHERE n = 3"), KT_REFUSED);
    assert_int_equal(sql_run(t, "DELETE FROM consent_record"), KT_REFUSED);
    assert_int_equal(sql_run(t, "UPDATE consent_text SET body = '{}'"), KT_REFUSED);
    assert_int_equal(sql_run(t, "UPDATE consent_version SET services = '[]'"), KT_REFUSED);
    assert_int_equal(h_count(t, "SELECT COUNT(*) AS n FROM consent_record"), 12);
    assert_true(verify(t).ok);
}

static void test_the_two_references_to_a_person_can_be_blanked_without_breaking_the_chain(void **state)
{
    consent_house *t = *state;
    fill_three_days(t);
    assert_int_equal(sql_run(t, "UPDATE consent_record SET account_ref = NULL"), KT_OK);
    assert_int_equal(sql_run(t, "UPDATE consent_record SET ip_prefix = NULL"), KT_OK);
    assert_int_equal(sql_run(t, "UPDATE consent_record SET ip_prefix = '192.0.2.0/24'"), KT_REFUSED);
    assert_true(verify(t).ok);
}

/* Whoever has the file and no key: takes the triggers away and changes something. */
static void tamper(consent_house *t, const char *text)
{
    sqlite3 *file = NULL;
    const char *path = kt_str_z(t->mem, kt_str_fmt(t->mem, "%s/kontor.db", t->dir));
    assert_int_equal(sqlite3_open(path, &file), SQLITE_OK);
    sqlite3_busy_timeout(file, 5000);
    assert_int_equal(
        sqlite3_exec(file, "DROP TRIGGER IF EXISTS consent_record_fixed; DROP TRIGGER IF EXISTS consent_record_kept",
                     NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_exec(file, text, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(file), SQLITE_OK);
}

static void test_a_changed_record_is_found(void **state)
{
    consent_house *t = *state;
    fill_three_days(t);
    tamper(t, "UPDATE consent_record SET granted = '[]', denied = '[\"page-statistics\"]' WHERE n = 6");
    chain_report r = verify(t);
    assert_false(r.ok);
    assert_string_equal(r.bad_day, "2026-11-24");
    assert_int_equal(r.bad_n, 6);
}

static void test_a_record_taken_out_is_found_even_at_the_end(void **state)
{
    consent_house *t = *state;
    fill_three_days(t);
    tamper(t, "DELETE FROM consent_record WHERE n = 12");
    chain_report r = verify(t);
    assert_false(r.ok);
    assert_string_equal(r.bad_day, "2026-11-25");
}

static void test_a_whole_day_taken_out_with_its_head_is_found(void **state)
{
    consent_house *t = *state;
    fill_three_days(t);
    tamper(t, "DELETE FROM consent_record WHERE day = '2026-11-24'");
    assert_int_equal(sql_run(t, "DELETE FROM consent_head WHERE day = '2026-11-24'"), KT_OK);
    assert_false(verify(t).ok);
}

static void test_a_forged_head_is_found(void **state)
{
    consent_house *t = *state;
    fill_three_days(t);
    tamper(t, "DELETE FROM consent_record WHERE n = 12");
    tamper(t, "UPDATE consent_head SET records = 3, last_hash = (SELECT hash FROM consent_record WHERE n = 11)"
              " WHERE day = '2026-11-25'");
    assert_false(verify(t).ok);
}

static void test_a_record_slipped_in_without_a_head_is_found(void **state)
{
    consent_house *t = *state;
    fill_three_days(t);
    assert_int_equal(
        sql_run(
            t,
            "INSERT INTO consent_record SELECT NULL, 'forged', 1, NULL, decided_at, received_at, '2026-10-01', action,"
            " granted, denied, policy_version, text_hash, ui_hash, language, surface, origin, path, ua_family, NULL, 0, 0, 0, NULL,"
            " keep_until_at, prev_hash, hash FROM consent_record WHERE n = 1"),
        KT_OK);
    assert_false(verify(t).ok);
}

static void test_retention_is_life_and_three_years_to_the_end_of_the_year(void **state)
{
    consent_house *t = *state;
    record_keep keep = h_room(t)->keep;
    int64_t expected = 0;
    assert_true(kt_time_parse(KT_STR("2031-01-01"), &expected));
    assert_int_equal(record_keep_until(&keep, T0), expected); /* ends 2027-05-22 */
    int64_t january = 0;
    assert_true(kt_time_parse(KT_STR("2026-01-01"), &january));
    assert_true(kt_time_parse(KT_STR("2030-01-01"), &expected));
    assert_int_equal(record_keep_until(&keep, january), expected); /* ends 2026-06-30 */
    keep.cap_months = 12;
    assert_true(kt_time_parse(KT_STR("2027-01-01"), &expected));
    assert_int_equal(record_keep_until(&keep, january), expected);
}

static void test_whole_days_go_when_their_retention_ends_and_the_rest_still_verifies(void **state)
{
    consent_house *t = *state;
    int64_t deleted = -1, new_year_2031 = 0;
    assert_true(kt_time_parse(KT_STR("2031-01-01"), &new_year_2031));
    fill_three_days(t);
    append(t, "much-later-consent-idx", T0 + 300 * KT_DAY_MS);
    expire(t, new_year_2031 - 1, &deleted);
    assert_int_equal(deleted, 0);
    assert_int_equal(h_count(t, "SELECT COUNT(*) AS n FROM consent_record"), 13);
    expire(t, new_year_2031, &deleted);
    assert_int_equal(deleted, 12);
    assert_int_equal(h_count(t, "SELECT COUNT(*) AS n FROM consent_record"), 1);
    assert_true(verify(t).ok);
    /* The words in force stay although nothing old refers to them any more. */
    assert_int_equal(h_count(t, "SELECT COUNT(*) AS n FROM consent_text"), 3);
    append(t, "new-after-everything-x", new_year_2031);
    assert_true(verify(t).ok);
}

static void test_the_day_never_goes_back(void **state)
{
    consent_house *t = *state;
    append(t, "one", T0);
    append(t, "two", T0 - 5 * KT_DAY_MS);
    append(t, "three", T0 + KT_DAY_MS);
    assert_int_equal(h_count(t, "SELECT COUNT(DISTINCT day) AS n FROM consent_record"), 2);
    t->clock.fixed_ms = T0 + KT_DAY_MS;
    assert_true(verify(t).ok);
}

static void test_texts_and_layout_are_kept_by_their_hash(void **state)
{
    consent_house *t = *state;
    assert_int_equal(h_count(t, "SELECT COUNT(*) AS n FROM consent_text WHERE kind = 'words'"), 2);
    assert_int_equal(h_count(t, "SELECT COUNT(*) AS n FROM consent_text WHERE kind = 'layout'"), 1);
    const char *body = h_last_text(t, "SELECT body FROM consent_text WHERE language = 'de'");
    assert_true(kt_str_eq(kt_hash_hex(t->mem, kt_str_c(body)), h_room(t)->policy->words[0].hash));
    assert_non_null(
        strstr(h_last_text(t, "SELECT body FROM consent_text WHERE kind = 'layout'"), "==== web/consent.js"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, h_setup, h_teardown)
    const struct CMUnitTest tests[] = {
        T(test_an_untouched_chain_verifies),
        T(test_sequence_numbers_rise_per_id),
        T(test_the_database_refuses_every_change_and_early_deletion),
        T(test_the_two_references_to_a_person_can_be_blanked_without_breaking_the_chain),
        T(test_a_changed_record_is_found),
        T(test_a_record_taken_out_is_found_even_at_the_end),
        T(test_a_whole_day_taken_out_with_its_head_is_found),
        T(test_a_forged_head_is_found),
        T(test_a_record_slipped_in_without_a_head_is_found),
        T(test_retention_is_life_and_three_years_to_the_end_of_the_year),
        T(test_whole_days_go_when_their_retention_ends_and_the_rest_still_verifies),
        T(test_the_day_never_goes_back),
        T(test_texts_and_layout_are_kept_by_their_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
