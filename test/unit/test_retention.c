/* SPDX-License-Identifier: Apache-2.0 */
/* test_retention.c -- what is due goes, what is not stays, and the ledger counts it; the calendar of months. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sodium.h>
#include "base/embedded.h"
#include "base/log.h"
#include "register/command.h"
#include "register/load.h"
#include "register/retention.h"

static const char schema[] = "-- version 1: guests\n"
                             "CREATE TABLE sample_guest (\n"
                             "  id         INTEGER PRIMARY KEY, -- number\n"
                             "  state      TEXT NOT NULL,       -- pending or active\n"
                             "  ip         TEXT,                -- address\n"
                             "  agent      TEXT,                -- browser\n"
                             "  created_at INTEGER              -- when\n"
                             ") STRICT;\n"
                             "CREATE TABLE sample_pinned (\n"
                             "  guest      INTEGER REFERENCES sample_guest (id), -- whose row must stay\n"
                             "  at         INTEGER NOT NULL     -- when\n"
                             ") STRICT;\n";

/* clang-format off */
#define HEAD(id)                                                            \
    "  - id: " id "\n"                                                       \
    "    section: 10\n"                                                      \
    "    title: { de: T, en: T }\n"                                          \
    "    description: { de: B, en: D }\n"                                    \
    "    subjects: [visitor]\n"                                              \
    "    sources: [person]\n"                                                \
    "    data: [ { id: ip, de: IP, en: IP } ]\n"                             \
    "    purposes: [ { id: p, de: p, en: p } ]\n"                            \
    "    legal_basis: [ { article: \"6(1)(b)\" } ]\n"                        \
    "    device_access: none\n"                                              \
    "    rights: { objection: mail }\n"                                      \
    "    retention:\n"
static const char text[] =
    "activities:\n"
    HEAD("guest-book")
    "      - { id: pending, rule: duration, start: sample_guest.created_at, max: P7D, table: sample_guest,\n"
    "          where: \"state = 'pending'\" }\n"
    "      - { id: address, rule: duration, start: sample_guest.created_at, max: P30D, keep: P14D, then: obfuscate,\n"
    "          table: sample_guest, columns: [ip, agent] }\n"
    "      - { id: whole, rule: duration, start: sample_guest.created_at, max: P1M, table: sample_guest,\n"
    "          where: \"state = 'month'\" }\n"
    "      - { id: other, rule: event, start: session_end, by: module }\n"
    HEAD("pinned")
    "      - { id: row, rule: duration, start: sample_pinned.at, max: P7D, table: sample_pinned }\n"
    "      - { id: need, rule: need, start: purpose_end }\n";
/* clang-format on */

static const char operator_text[] = "operator: { name: Muster GmbH, country: DE, privacy_email: p@example.org, "
                                    "platform_name: Muster, platform_url: \"https://example.org\" }\n";

typedef struct {
    kt_arena *mem;
    registry *r;
    store *st;
    kt_metrics *metrics;
    kt_clock clock;
} stand;

static int64_t at(const char *when)
{
    int64_t ms = 0;
    assert_true(kt_time_parse(kt_str_c(when), &ms));
    return ms;
}

static int set_up(void **state)
{
    kt_log_set_level(KT_LOG_ERROR + 1);
    assert_true(sodium_init() >= 0);
    stand *s = kt_calloc(1, sizeof *s);
    s->mem = kt_arena_new();
    s->metrics = kt_metrics_new();
    s->clock = kt_clock_fixed(at("2026-11-23"));
    kt_value *faults = kt_list(s->mem);
    registry_text texts[] = {
        { "sample", "src/sample/activity.yaml", kt_str_c(text), NULL, KT_STR_NONE },
        { NULL, "kontor.yaml", kt_str_c(operator_text), NULL, KT_STR_NONE },
    };
    kt_fail fail = { 0 };
    kt_err err = registry_load_texts(texts, 2, s->mem, faults, &s->r);
    KT_EACH(f, faults) fprintf(stderr, "  %.*s\n", KT_ARG(kt_as_str(f)));
    assert_int_equal(err, KT_OK);
    registry_set_metrics(s->r, s->metrics);
    store_options o = { .clock = &s->clock, .in_memory = true };
    assert_int_equal(store_open(&o, &fail, &s->st), KT_OK);
    assert_int_equal(store_migrate(s->st, "register", kt_embedded_str(kt_embedded_find("register/schema.sql")), &fail),
                     KT_OK);
    assert_int_equal(store_migrate(s->st, "sample", kt_str_c(schema), &fail), KT_OK);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    stand *s = *state;
    store_close(s->st);
    registry_free(s->r);
    kt_metrics_free(s->metrics);
    kt_arena_free(s->mem);
    free(s);
    return 0;
}

static kt_err do_text(db *d, void *ctx) { return store_exec_text(d, ctx, NULL, NULL); }
static void run_sql(stand *s, const char *sql_text)
{
    assert_int_equal(store_write(s->st, do_text, kt_str_z(s->mem, kt_str_c(sql_text))), KT_OK);
}

static int64_t one(stand *s, const char *sql_text)
{
    rows *r = NULL;
    assert_int_equal(store_rows_text(store_reader(s->st), sql_text, NULL, &r), KT_OK);
    assert_true(rows_next(r));
    int64_t n = rows_int(r, "n");
    assert_int_equal(rows_end(r), KT_OK);
    return n;
}

static void guest(stand *s, int id, const char *state, const char *when)
{
    run_sql(s, kt_str_z(s->mem,
                        kt_str_fmt(s->mem, "INSERT INTO sample_guest VALUES (%d, '%s', '192.0.2.1', 'browser', %lld)",
                                   id, state, (long long)at(when))));
}

static int64_t retain(stand *s, const char *now)
{
    int64_t removed = -1;
    assert_int_equal(retention_run(s->r, s->st, s->mem, at(now), &removed), KT_OK);
    return removed;
}

/* ------------------------------------------------------------------ the calendar */

static void test_the_cutoff_of_months_follows_the_calendar(void **state)
{
    static const struct {
        const char *now;
        int months;
        bool never_early;
        const char *cutoff;
    } cases[] = {
        { "2026-04-15T10:00:00Z", 1, false, "2026-03-15T10:00:00Z" },
        { "2026-03-31T10:00:00Z", 1, false, "2026-02-28T23:59:59.999Z" },
        { "2026-03-29T10:00:00Z", 1, true, "2026-02-28T23:59:59.999Z" },
        { "2026-02-28T10:00:00Z", 1, false, "2026-01-31T10:00:00Z" }, /* 31 January + P1M ends on 28 February */
        { "2026-02-28T10:00:00Z", 1, true, "2026-01-28T10:00:00Z" },
        { "2026-02-27T10:00:00Z", 1, false, "2026-01-27T10:00:00Z" },
        { "2028-02-29T10:00:00Z", 1, false, "2028-01-31T10:00:00Z" }, /* leap year */
        { "2028-02-28T10:00:00Z", 1, false, "2028-01-28T10:00:00Z" },
        { "2029-02-28T10:00:00Z", 12, false, "2028-02-29T10:00:00Z" }, /* 29 February + P1Y ends on 28 February */
        { "2026-01-15T00:00:00Z", 1, false, "2025-12-15T00:00:00Z" },
        { "2026-11-23T00:00:00Z", 36, false, "2023-11-23T00:00:00Z" },
        { "2026-11-23T00:00:00Z", 120, false, "2016-11-23T00:00:00Z" },
        { "2026-04-30T00:00:00Z", 1, false, "2026-03-31T00:00:00Z" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(retention_cutoff(at(cases[i].now), 0, cases[i].months, cases[i].never_early),
                         at(cases[i].cutoff));
    assert_int_equal(retention_cutoff(at("2026-11-23T12:00:00Z"), 7 * KT_DAY_MS, 0, false), at("2026-11-16T12:00:00Z"));
    assert_int_equal(retention_cutoff(at("2026-03-02T10:00:00Z"), KT_DAY_MS, 1, false), at("2026-02-01T10:00:00Z"));
}

/* ------------------------------------------------------------------ rows */

static void test_only_what_is_due_and_meets_the_condition_goes(void **state)
{
    stand *s = *state;
    guest(s, 1, "pending", "2026-11-16T00:00:00Z");
    guest(s, 2, "pending", "2026-11-16T00:00:00.001Z");
    guest(s, 3, "active", "2026-11-15T00:00:00Z");
    assert_int_equal(retain(s, "2026-11-23T00:00:00Z"), 1);
    assert_int_equal(one(s, "SELECT count(*) AS n FROM sample_guest WHERE id = 1"), 0);
    assert_int_equal(one(s, "SELECT count(*) AS n FROM sample_guest"), 2);
    assert_int_equal(retain(s, "2026-11-23T00:00:00Z"), 0);
}

static void test_columns_are_stripped_and_the_row_stays(void **state)
{
    stand *s = *state;
    guest(s, 1, "active", "2026-11-09T00:00:00Z");
    guest(s, 2, "active", "2026-11-10T00:00:00Z");
    assert_int_equal(retain(s, "2026-11-23T00:00:00Z"), 1);
    assert_int_equal(one(s, "SELECT count(*) AS n FROM sample_guest WHERE ip IS NULL AND agent IS NULL AND id = 1"), 1);
    assert_int_equal(one(s, "SELECT count(*) AS n FROM sample_guest WHERE ip IS NOT NULL AND id = 2"), 1);
    assert_int_equal(retain(s, "2026-11-23T00:00:00Z"), 0);
}

static void test_a_month_from_the_last_of_january_is_over_on_the_last_of_february(void **state)
{
    stand *s = *state;
    guest(s, 1, "month", "2026-01-31T10:00:00Z");
    run_sql(s, "UPDATE sample_guest SET ip = NULL, agent = NULL");
    assert_int_equal(retain(s, "2026-02-28T09:59:59Z"), 0);
    assert_int_equal(retain(s, "2026-02-28T10:00:00Z"), 1);
}

static void test_a_row_without_a_start_is_never_due(void **state)
{
    stand *s = *state;
    run_sql(s, "INSERT INTO sample_guest VALUES (1, 'pending', 'x', 'y', NULL)");
    assert_int_equal(retain(s, "2099-01-01"), 0);
}

static void test_many_rows_go_in_batches_and_the_ledger_counts_them(void **state)
{
    stand *s = *state;
    run_sql(
        s,
        "INSERT INTO sample_guest (id, state, created_at) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12001)"
        " SELECT i, 'pending', i FROM n");
    assert_int_equal(retain(s, "2026-11-23"), 12001);
    assert_int_equal(one(s, "SELECT count(*) AS n FROM sample_guest"), 0);
    assert_int_equal(one(s, "SELECT count(*) AS n FROM register_retention_ledger"), 3);
    assert_int_equal(one(s, "SELECT max(count) AS n FROM register_retention_ledger"), 5000);
    assert_int_equal(
        one(s,
            "SELECT sum(count) AS n FROM register_retention_ledger WHERE activity = 'guest-book' AND rule = 'pending'"),
        12001);
}

static void test_the_dry_run_lists_and_leaves(void **state)
{
    stand *s = *state;
    kt_value *due = NULL;
    guest(s, 1, "pending", "2026-11-01T00:00:00Z");
    guest(s, 2, "pending", "2026-10-01T00:00:00Z");
    assert_int_equal(retention_due(s->r, s->st, s->mem, at("2026-11-23"), &due), KT_OK);
    assert_int_equal((int)due->count, 4);
    const kt_value *first = due->first;
    assert_true(kt_str_is(kt_get_str(first, "activity"), "guest-book"));
    assert_true(kt_str_is(kt_get_str(first, "rule"), "pending"));
    assert_true(kt_str_is(kt_get_str(first, "table"), "sample_guest"));
    assert_true(kt_str_is(kt_get_str(first, "then"), "erase"));
    assert_int_equal(kt_get_int(first, "due", -1), 2);
    assert_int_equal(kt_get_int(first, "oldest_ms", -1), at("2026-10-01"));
    assert_int_equal(one(s, "SELECT count(*) AS n FROM sample_guest"), 2);
    assert_int_equal(one(s, "SELECT count(*) AS n FROM register_retention_ledger"), 0);
}

static double measured(stand *s, kt_metric_type type, const char *family, const char *activity_id)
{
    kt_metric *m = kt_metric_new(s->metrics, type, family, "", "activity");
    return kt_metric_value(m, kt_metric_series(m, &activity_id));
}

static void test_the_run_is_measured(void **state)
{
    stand *s = *state;
    guest(s, 1, "pending", "2026-11-01T00:00:00Z");
    retain(s, "2026-11-23T00:00:00Z");
    assert_true(measured(s, KT_COUNTER, "kontor_retention_deleted_rows_total", "guest-book") == 1);
    assert_true(measured(s, KT_GAUGE, "kontor_retention_overdue_rows", "guest-book") == 0);
    assert_true(measured(s, KT_GAUGE, "kontor_retention_last_run_timestamp_seconds", "pinned") ==
                (double)at("2026-11-23") / 1000);
}

static void test_a_rule_that_fails_is_overdue_and_keeps_no_other_from_running(void **state)
{
    stand *s = *state;
    int64_t removed = 0;
    guest(s, 1, "pending", "2026-11-01T00:00:00Z");
    run_sql(s, "INSERT INTO sample_pinned VALUES (1, 9999999999999)"); /* the guest cannot go */
    run_sql(s, "INSERT INTO sample_pinned VALUES (NULL, 1)");
    kt_err err = retention_run(s->r, s->st, s->mem, at("2026-11-23"), &removed);
    assert_int_equal(err, KT_REFUSED);
    assert_int_equal(one(s, "SELECT count(*) AS n FROM sample_guest WHERE ip IS NULL"), 1);
    assert_int_equal(one(s, "SELECT count(*) AS n FROM sample_pinned"), 1);
    assert_int_equal(removed, 2);
    assert_true(measured(s, KT_GAUGE, "kontor_retention_last_run_timestamp_seconds", "guest-book") == 0);
}

static void test_the_command_says_what_it_did(void **state)
{
    stand *s = *state;
    char text_out[4096] = "", json_out[8192] = "";
    guest(s, 1, "pending", "2026-11-01T00:00:00Z");
    FILE *f = fmemopen(text_out, sizeof text_out, "w");
    assert_int_equal(command_retention(s->r, s->st, at("2026-11-23"), true, false, f), 0);
    fclose(f);
    assert_non_null(
        strstr(text_out, "1  guest-book/pending  erase from sample_guest, oldest 2026-11-01T00:00:00.000Z"));
    assert_non_null(strstr(text_out, "nothing was done"));
    f = fmemopen(json_out, sizeof json_out, "w");
    assert_int_equal(command_retention(s->r, s->st, at("2026-11-23"), false, true, f), 0);
    fclose(f);
    kt_value *v = NULL;
    assert_int_equal(kt_json_parse(s->mem, kt_str_trim(kt_str_c(json_out)), NULL, &v), KT_OK);
    assert_int_equal(kt_get_int(v, "removed", 0), 1);
    assert_true(kt_get_bool(v, "ok", false));
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_cutoff_of_months_follows_the_calendar),
        T(test_only_what_is_due_and_meets_the_condition_goes),
        T(test_columns_are_stripped_and_the_row_stays),
        T(test_a_month_from_the_last_of_january_is_over_on_the_last_of_february),
        T(test_a_row_without_a_start_is_never_due),
        T(test_many_rows_go_in_batches_and_the_ledger_counts_them),
        T(test_the_dry_run_lists_and_leaves),
        T(test_the_run_is_measured),
        T(test_a_rule_that_fails_is_overdue_and_keeps_no_other_from_running),
        T(test_the_command_says_what_it_did),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
