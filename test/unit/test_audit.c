/* SPDX-License-Identifier: Apache-2.0 */
/* test_audit.c -- the audit chain shows every change, gap and cut; the bus; the jobs and their clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include <sodium.h>
#include <sqlite3.h>
#include "base/embedded.h"
#include "base/log.h"
#include "register/audit.h"
#include "register/bus.h"
#include "register/jobs.h"

typedef struct {
    kt_arena *mem;
    store *st;
    kt_clock clock;
    char dir[64];
} stand;

static int set_up(void **state)
{
    kt_log_set_level(KT_LOG_ERROR + 1);
    assert_true(sodium_init() >= 0);
    stand *s = kt_calloc(1, sizeof *s);
    s->mem = kt_arena_new();
    s->clock = kt_clock_fixed(1795000000000);
    kt_fail fail = { 0 };
    snprintf(s->dir, sizeof s->dir, "/tmp/kontor-audit-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    store_options o = { .clock = &s->clock, .dir = s->dir };
    assert_int_equal(store_open(&o, &fail, &s->st), KT_OK);
    assert_int_equal(store_migrate(s->st, "register", kt_embedded_str(kt_embedded_find("register/schema.sql")), &fail),
                     KT_OK);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    stand *s = *state;
    static const char *const files[] = { "kontor.db", "kontor.db-wal", "kontor.db-shm" };
    store_close(s->st);
    for (size_t i = 0; i < 3; i++) (void)!unlink(kt_str_z(s->mem, kt_str_fmt(s->mem, "%s/%s", s->dir, files[i])));
    assert_int_equal(rmdir(s->dir), 0);
    kt_arena_free(s->mem);
    free(s);
    return 0;
}

/* ------------------------------------------------------------------ the chain */

typedef struct {
    int64_t at;
    const char *reason;
} note;

static kt_err write_note(db *d, void *ctx)
{
    const note *n = ctx;
    return audit_write(d,
                       &(audit_entry){
                           .actor_kind = "staff",
                           .actor = KT_STR("AAAAAAAAAAAAAAAAAAAAAA"),
                           .action = "account.lock",
                           .object_kind = "account",
                           .object = KT_STR("BBBBBBBBBBBBBBBBBBBBBB"),
                           .result = "ok",
                           .reason = kt_str_c(n->reason),
                           .ip_prefix = KT_STR("192.0.2.0/24"),
                       },
                       n->at);
}

static void fill(stand *s, int count)
{
    for (int i = 1; i <= count; i++)
        assert_int_equal(store_write(s->st, write_note, &(note){ i * 1000, "asked for" }), KT_OK);
}

static kt_err do_text(db *d, void *ctx) { return store_exec_text(d, ctx, NULL, NULL); }
static kt_err run_sql(stand *s, const char *text)
{
    return store_write(s->st, do_text, kt_str_z(s->mem, kt_str_c(text)));
}

/* What somebody with the database file in hand can do. */
static void tamper(stand *s, const char *text)
{
    sqlite3 *db_file = NULL;
    const char *path = kt_str_z(s->mem, kt_str_fmt(s->mem, "%s/kontor.db", s->dir));
    assert_int_equal(sqlite3_open(path, &db_file), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db_file,
                     "DROP TRIGGER IF EXISTS register_audit_fixed; DROP TRIGGER IF EXISTS register_audit_kept;", NULL,
                     NULL, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_exec(db_file, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db_file);
}

static void verifies(stand *s, int64_t want_rows)
{
    int64_t n = -1, bad = -1;
    assert_int_equal(audit_verify(store_reader(s->st), &n, &bad), KT_OK);
    assert_int_equal(n, want_rows);
    assert_int_equal(bad, 0);
}

static void breaks_at(stand *s, int64_t want_bad)
{
    int64_t n = -1, bad = -1;
    assert_int_equal(audit_verify(store_reader(s->st), &n, &bad), KT_CORRUPT);
    assert_int_equal(bad, want_bad);
}

static int64_t one(stand *s, const char *text)
{
    rows *r = NULL;
    assert_int_equal(store_rows_text(store_reader(s->st), text, NULL, &r), KT_OK);
    assert_true(rows_next(r));
    int64_t n = rows_int(r, "n");
    assert_int_equal(rows_end(r), KT_OK);
    return n;
}

static void test_an_empty_chain_is_whole(void **state) { verifies(*state, 0); }

static void test_a_chain_of_acts_is_whole(void **state)
{
    fill(*state, 20);
    verifies(*state, 20);
}

static void test_rows_refuse_change_and_removal(void **state)
{
    stand *s = *state;
    fill(s, 3);
    assert_int_equal(run_sql(s, "UPDATE register_audit SET result = 'refused' WHERE seq = 2"), KT_REFUSED);
    assert_int_equal(run_sql(s, "DELETE FROM register_audit WHERE seq = 2"), KT_REFUSED);
    assert_int_equal(run_sql(s, "DELETE FROM register_audit_cut"), KT_REFUSED);
    verifies(s, 3);
}

static void test_a_changed_row_shows(void **state)
{
    stand *s = *state;
    fill(s, 5);
    tamper(s, "UPDATE register_audit SET actor = 'CCCCCCCCCCCCCCCCCCCCCC' WHERE seq = 3");
    breaks_at(s, 3);
}

static void test_an_emptied_field_shows(void **state)
{
    stand *s = *state;
    fill(s, 5);
    tamper(s, "UPDATE register_audit SET request_id = '' WHERE seq = 4");
    breaks_at(s, 4);
}

static void test_a_removed_row_shows(void **state)
{
    stand *s = *state;
    fill(s, 5);
    tamper(s, "DELETE FROM register_audit WHERE seq = 2");
    breaks_at(s, 2);
}

static void test_swapped_rows_show(void **state)
{
    stand *s = *state;
    fill(s, 5);
    tamper(s, "UPDATE register_audit SET seq = CASE seq WHEN 2 THEN -3 ELSE -2 END WHERE seq IN (2, 3)");
    tamper(s, "UPDATE register_audit SET seq = -seq WHERE seq < 0");
    breaks_at(s, 2);
}

static void test_the_address_may_go_and_the_chain_stays_whole(void **state)
{
    stand *s = *state;
    fill(s, 4);
    assert_int_equal(one(s, "SELECT count(*) AS n FROM register_audit_address"), 4);
    assert_int_equal(run_sql(s, "DELETE FROM register_audit_address"), KT_OK);
    verifies(s, 4);
}

static void test_a_typed_reason_cannot_forge_lines(void **state)
{
    stand *s = *state;
    char endless[2000];
    memset(endless, 'x', sizeof endless - 1);
    endless[sizeof endless - 1] = 0;
    memcpy(endless + 499, "ä", 2);
    assert_int_equal(store_write(s->st, write_note, &(note){ 1, "line\r\nanother\tline\x7f" }), KT_OK);
    assert_int_equal(store_write(s->st, write_note, &(note){ 2, "\xff\xfe" }), KT_OK);
    assert_int_equal(store_write(s->st, write_note, &(note){ 3, endless }), KT_OK);
    verifies(s, 3);
    assert_int_equal(one(s, "SELECT count(*) AS n FROM register_audit WHERE reason = 'line  another line '"), 1);
    assert_int_equal(one(s, "SELECT count(*) AS n FROM register_audit WHERE reason = '(not valid UTF-8)'"), 1);
    assert_int_equal(one(s, "SELECT length(reason) AS n FROM register_audit WHERE seq = 3"), 499);
}

typedef struct {
    int64_t before, now, removed;
} cut;
static kt_err do_cut(db *d, void *ctx)
{
    cut *c = ctx;
    return audit_cut(d, c->before, c->now, &c->removed);
}

static void test_retention_cuts_the_beginning_and_the_rest_still_verifies(void **state)
{
    stand *s = *state;
    cut c = { 4000, 99000, 0 };
    fill(s, 10);
    assert_int_equal(store_write(s->st, do_cut, &c), KT_OK);
    assert_int_equal(c.removed, 4);
    verifies(s, 6);
    assert_int_equal(store_write(s->st, do_cut, &c), KT_OK);
    assert_int_equal(c.removed, 0);
    c.before = 10000;
    assert_int_equal(store_write(s->st, do_cut, &c), KT_OK);
    assert_int_equal(c.removed, 6);
    verifies(s, 0);
    fill(s, 2);
    verifies(s, 2);
    assert_int_equal(one(s, "SELECT min(seq) AS n FROM register_audit"), 11);
}

static kt_err do_seal(db *d, void *ctx)
{
    kt_arena *mem = kt_arena_new();
    kt_err err = audit_seal(d, mem, KT_STR("key"), *(int64_t *)ctx);
    kt_arena_free(mem);
    return err;
}

static kt_err heads(stand *s, const char *key, int64_t *n, int64_t *bad)
{
    return audit_verify_heads(store_reader(s->st), kt_str_c(key), n, bad);
}

static void test_a_signed_head_shows_a_cut_off_end(void **state)
{
    stand *s = *state;
    int64_t day = 10 * KT_DAY_MS, n = 0, bad = 0;
    fill(s, 5);
    assert_int_equal(store_write(s->st, do_seal, &day), KT_OK);
    assert_int_equal(store_write(s->st, do_seal, &day), KT_OK); /* once a day */
    assert_int_equal(heads(s, "key", &n, &bad), KT_OK);
    assert_int_equal(n, 1);
    assert_int_equal(heads(s, "another key", &n, &bad), KT_CORRUPT);
    tamper(s, "DELETE FROM register_audit WHERE seq = 5");
    verifies(s, 4);
    assert_int_equal(heads(s, "key", &n, &bad), KT_CORRUPT);
    assert_int_equal(bad, 5);
}

static void test_heads_below_the_cut_go_with_it(void **state)
{
    stand *s = *state;
    int64_t day = 10 * KT_DAY_MS, later = 11 * KT_DAY_MS, n = 0, bad = 0;
    cut c = { 3000, 99000, 0 };
    fill(s, 2);
    assert_int_equal(store_write(s->st, do_seal, &day), KT_OK);
    fill(s, 5);
    assert_int_equal(store_write(s->st, do_seal, &later), KT_OK);
    c.before = 2000;
    assert_int_equal(store_write(s->st, do_cut, &c), KT_OK);
    assert_int_equal(heads(s, "key", &n, &bad), KT_OK);
}

/* ------------------------------------------------------------------ the bus */

typedef struct {
    char heard[64];
    kt_err answer;
} ear;

static kt_err hear_first(void *room, db *d, const kt_value *facts, int64_t now_ms)
{
    ear *e = room;
    snprintf(e->heard + strlen(e->heard), 16, "1%.*s ", KT_ARG(kt_get_str(facts, "account")));
    return e->answer;
}

static kt_err hear_second(void *room, db *d, const kt_value *facts, int64_t now_ms)
{
    ear *e = room;
    snprintf(e->heard + strlen(e->heard), 16, "2@%d ", (int)now_ms);
    return KT_OK;
}

static void test_subscribers_hear_in_order_and_one_failure_fails_the_whole(void **state)
{
    stand *s = *state;
    ear e = { "", KT_OK };
    bus *b = bus_new();
    bus_subscribe(b, &(subscription){ BUS_ACCOUNT_CREATED, hear_first }, &e);
    bus_subscribe(b, &(subscription){ BUS_ACCOUNT_CREATED, hear_second }, &e);
    bus_subscribe(b, &(subscription){ BUS_ACCOUNT_CLOSED, hear_second }, &e);
    kt_value *facts = kt_map(s->mem);
    kt_set_c(s->mem, facts, "account", "x");
    assert_int_equal(bus_tell(b, NULL, BUS_ACCOUNT_CREATED, facts, 5), KT_OK);
    assert_string_equal(e.heard, "1x 2@5 ");
    e.heard[0] = 0;
    e.answer = KT_CONFLICT;
    assert_int_equal(bus_tell(b, NULL, BUS_ACCOUNT_CREATED, facts, 5), KT_CONFLICT);
    assert_string_equal(e.heard, "1x ");
    assert_int_equal(bus_tell(b, NULL, BUS_CONSENT_CHANGED, facts, 5), KT_OK);
    assert_string_equal(bus_event_name(BUS_CONSENT_CHANGED), "consent.changed");
    assert_string_equal(bus_event_name(BUS_STAFF_ACTED), "staff.acted");
    bus_free(b);
}

/* ------------------------------------------------------------------ jobs */

typedef struct {
    atomic_int runs;
    kt_err answer;
    int64_t now;
} counter;

static kt_err count(void *room, kt_arena *mem, int64_t now_ms)
{
    counter *c = room;
    c->now = now_ms;
    atomic_fetch_add(&c->runs, 1);
    kt_alloc(mem, 100);
    return c->answer;
}

static void test_a_job_runs_when_its_period_has_passed(void **state)
{
    kt_clock clock = kt_clock_fixed(1000000);
    counter c = { 0 };
    jobs *j = jobs_new(&clock, NULL);
    jobs_add(j, &(job){ "sample.sweep", 10 * KT_MINUTE_MS, count }, &c);
    assert_int_equal(jobs_run(j, NULL), KT_OK);
    assert_int_equal(c.runs, 1);
    assert_int_equal(jobs_run(j, NULL), KT_OK);
    assert_int_equal(c.runs, 1);
    clock.fixed_ms += 10 * KT_MINUTE_MS - 1;
    assert_int_equal(jobs_run(j, NULL), KT_OK);
    assert_int_equal(c.runs, 1);
    clock.fixed_ms += 1;
    assert_int_equal(jobs_run(j, NULL), KT_OK);
    assert_int_equal(c.runs, 2);
    assert_int_equal(c.now, clock.fixed_ms);
    assert_int_equal(jobs_run(j, "sample.sweep"), KT_OK);
    assert_int_equal(c.runs, 3);
    assert_int_equal(jobs_run(j, "sample.nothing"), KT_NOT_FOUND);
    jobs_free(j);
}

static void test_a_clock_that_goes_back_silences_no_job(void **state)
{
    kt_clock clock = kt_clock_fixed(100 * KT_DAY_MS);
    counter c = { 0 };
    jobs *j = jobs_new(&clock, NULL);
    jobs_add(j, &(job){ "sample.sweep", KT_DAY_MS, count }, &c);
    assert_int_equal(jobs_run(j, NULL), KT_OK);
    clock.fixed_ms -= 50 * KT_DAY_MS;
    assert_int_equal(jobs_run(j, NULL), KT_OK);
    assert_int_equal(c.runs, 2);
    assert_int_equal(jobs_run(j, NULL), KT_OK);
    assert_int_equal(c.runs, 2);
    jobs_free(j);
}

static void test_a_failed_job_is_counted_and_tried_again_after_a_minute(void **state)
{
    kt_clock clock = kt_clock_fixed(1000000);
    kt_metrics *metrics = kt_metrics_new();
    counter c = { 0, KT_STORE, 0 };
    jobs *j = jobs_new(&clock, metrics);
    jobs_add(j, &(job){ "sample.sweep", KT_DAY_MS, count }, &c);
    assert_int_equal(jobs_run(j, NULL), KT_STORE);
    clock.fixed_ms += KT_MINUTE_MS;
    c.answer = KT_OK;
    assert_int_equal(jobs_run(j, NULL), KT_OK);
    clock.fixed_ms += KT_MINUTE_MS;
    assert_int_equal(jobs_run(j, NULL), KT_OK);
    assert_int_equal(c.runs, 2);
    kt_metric *runs = kt_metric_new(metrics, KT_COUNTER, "kontor_job_runs_total", "", "job,outcome");
    assert_true(kt_metric_value(runs, kt_metric_series(runs, (const char *const[]){ "sample.sweep", "failed" })) == 1);
    assert_true(kt_metric_value(runs, kt_metric_series(runs, (const char *const[]){ "sample.sweep", "ok" })) == 1);
    jobs_free(j);
    kt_metrics_free(metrics);
}

static void test_the_thread_runs_due_jobs_and_stops(void **state)
{
    kt_clock clock = kt_clock_fixed(1000000);
    counter c = { 0 };
    jobs *j = jobs_new(&clock, NULL);
    jobs_add(j, &(job){ "sample.sweep", KT_DAY_MS, count }, &c);
    assert_int_equal(jobs_start(j), KT_OK);
    for (int i = 0; i < 500 && atomic_load(&c.runs) == 0; i++) nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
    assert_int_equal(atomic_load(&c.runs), 1);
    int64_t from = kt_monotonic_ms();
    jobs_stop(j);
    assert_true(kt_monotonic_ms() - from < 2000);
    jobs_stop(j);
    jobs_free(j);
    jobs_free(NULL);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_an_empty_chain_is_whole),
        T(test_a_chain_of_acts_is_whole),
        T(test_rows_refuse_change_and_removal),
        T(test_a_changed_row_shows),
        T(test_an_emptied_field_shows),
        T(test_a_removed_row_shows),
        T(test_swapped_rows_show),
        T(test_the_address_may_go_and_the_chain_stays_whole),
        T(test_a_typed_reason_cannot_forge_lines),
        T(test_retention_cuts_the_beginning_and_the_rest_still_verifies),
        T(test_a_signed_head_shows_a_cut_off_end),
        T(test_heads_below_the_cut_go_with_it),
        T(test_subscribers_hear_in_order_and_one_failure_fails_the_whole),
        cmocka_unit_test(test_a_job_runs_when_its_period_has_passed),
        cmocka_unit_test(test_a_clock_that_goes_back_silences_no_job),
        cmocka_unit_test(test_a_failed_job_is_counted_and_tried_again_after_a_minute),
        cmocka_unit_test(test_the_thread_runs_due_jobs_and_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
