/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox: a message is part of the transaction that puts it, goes out once it is due, comes back
 * after a failure later and later, is given up at last, and is marked by exactly one worker. */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/embedded.h"
#include "base/log.h"
#include "store/outbox.h"

#define T0 1767225600000

typedef struct house house;
struct house {
    store *st;
    kt_clock clock;
    kt_random random;
    kt_metrics *metrics;
    outbox *o;
    /* what the deliverer does and saw */
    outbox_result answer;
    int delivered;
    char key[64], body[64];
    void (*meanwhile)(house *h);
};

static outbox_result deliver(void *ctx, kt_str key, kt_str body, char why[128])
{
    house *h = ctx;
    h->delivered++;
    snprintf(h->key, sizeof h->key, "%.*s", KT_ARG(key));
    snprintf(h->body, sizeof h->body, "%.*s", KT_ARG(body));
    if (h->answer != OUTBOX_SENT) snprintf(why, 128, "smtp 451");
    void (*meanwhile)(house * h) = h->meanwhile;
    h->meanwhile = NULL;
    if (meanwhile) meanwhile(h);
    return h->answer;
}

static void open_house(house *h, const store_options *options)
{
    kt_fail fail = { 0 };
    h->clock = kt_clock_fixed(T0);
    h->random = kt_random_seeded(7);
    h->metrics = kt_metrics_new();
    if (store_open(options, &fail, &h->st) != KT_OK) fail_msg("%s", fail.text);
    if (store_migrate(h->st, "store", kt_embedded_str(kt_embedded_find("store/schema.sql")), &fail) != KT_OK)
        fail_msg("%s", fail.text);
    assert_int_equal(outbox_new(h->st, &h->clock, &h->random, h->metrics, &h->o), KT_OK);
    outbox_deliverer(h->o, "note", deliver, h);
}

static int set_up(void **state)
{
    house *h = kt_calloc(1, sizeof *h);
    open_house(h, &(store_options){ .in_memory = true, .clock = &h->clock });
    *state = h;
    return 0;
}

static int tear_down(void **state)
{
    house *h = *state;
    outbox_free(h->o);
    store_close(h->st);
    kt_metrics_free(h->metrics);
    free(h);
    return 0;
}

typedef struct {
    outbox_message m;
    int64_t now;
    kt_err then;
} put_ctx;

static kt_err put(db *d, void *ctx)
{
    put_ctx *p = ctx;
    TRY(outbox_put(d, &p->m, p->now));
    return p->then;
}

static kt_err put_message(house *h, const char *key, outbox_message m)
{
    m.key = kt_str_c(key);
    if (!m.kind) m.kind = "note";
    m.activity = "registration";
    if (!m.body.at) m.body = KT_STR("{\"to\":\"someone\"}");
    return store_write(h->st, put, &(put_ctx){ m, h->clock.fixed_ms, KT_OK });
}

static size_t run(house *h)
{
    size_t tried = 0;
    assert_int_equal(outbox_run(h->o, 100, &tried), KT_OK);
    return tried;
}

/* One member of the row with that key, from the console's list. */
static const kt_value *row(house *h, kt_arena *mem, const char *state, const char *key)
{
    kt_value *list = NULL;
    assert_int_equal(outbox_list(store_reader(h->st), state, 0, 100, mem, &list), KT_OK);
    KT_EACH(one, list)
        if (kt_str_is(kt_get_str(one, "key"), key)) return one;
    return NULL;
}

static double metric(house *h, const char *line)
{
    kt_buf out;
    kt_buf_init(&out, 1 << 20);
    kt_metrics_write(h->metrics, KT_TEXT_004, &out);
    kt_buf_put_byte(&out, '\0');
    const char *at = strstr(out.at, line);
    double n = at ? strtod(at + strlen(line), NULL) : -1;
    kt_buf_free(&out);
    return n;
}

static void test_a_message_goes_out_once_and_its_body_is_wiped(void **state)
{
    house *h = *state;
    kt_arena *mem = kt_arena_new();
    assert_int_equal(put_message(h, "k1", (outbox_message){ 0 }), KT_OK);
    assert_int_equal(run(h), 1);
    assert_string_equal(h->key, "k1");
    assert_string_equal(h->body, "{\"to\":\"someone\"}");
    assert_int_equal(run(h), 0);
    const kt_value *sent = row(h, mem, "sent", "k1");
    assert_non_null(sent);
    assert_int_equal(kt_get_int(sent, "has_body", -1), 0);
    assert_int_equal(kt_get_int(sent, "ended_at", 0), T0);
    assert_true(metric(h, "kontor_connector_requests_total{connector=\"note\",outcome=\"sent\"} ") == 1);
    assert_true(metric(h, "kontor_connector_outbox_rows{connector=\"note\"} ") == 0);
    kt_arena_free(mem);
}

static void test_a_body_that_is_to_be_kept_is_kept(void **state)
{
    house *h = *state;
    kt_arena *mem = kt_arena_new();
    assert_int_equal(put_message(h, "k1", (outbox_message){ .keep_body = true }), KT_OK);
    assert_int_equal(run(h), 1);
    assert_int_equal(kt_get_int(row(h, mem, "sent", "k1"), "has_body", -1), 1);
    kt_arena_free(mem);
}

static void test_a_message_of_an_action_that_fails_never_was(void **state)
{
    house *h = *state;
    put_ctx p = { { .kind = "note", .key = KT_STR("k1"), .activity = "a", .body = KT_STR("{}") }, T0, KT_INVALID };
    assert_int_equal(store_write(h->st, put, &p), KT_INVALID);
    assert_int_equal(run(h), 0);
}

static void test_the_same_key_is_put_once(void **state)
{
    house *h = *state;
    assert_int_equal(put_message(h, "k1", (outbox_message){ .body = KT_STR("first") }), KT_OK);
    assert_int_equal(put_message(h, "k1", (outbox_message){ .body = KT_STR("second") }), KT_OK);
    assert_int_equal(run(h), 1);
    assert_string_equal(h->body, "first");
    assert_int_equal(put_message(h, "k1", (outbox_message){ 0 }), KT_OK);
    assert_int_equal(run(h), 0);
    assert_int_equal(put_message(h, "", (outbox_message){ 0 }), KT_BAD_INPUT);
}

static void test_nothing_leaves_before_its_time(void **state)
{
    house *h = *state;
    assert_int_equal(put_message(h, "k1", (outbox_message){ .not_before_ms = T0 + KT_HOUR_MS }), KT_OK);
    assert_int_equal(run(h), 0);
    h->clock.fixed_ms = T0 + KT_HOUR_MS - 1;
    assert_int_equal(run(h), 0);
    h->clock.fixed_ms++;
    assert_int_equal(run(h), 1);
}

static void test_a_failure_comes_back_later_and_later_and_is_given_up(void **state)
{
    house *h = *state;
    kt_arena *mem = kt_arena_new();
    int64_t base = KT_MINUTE_MS;
    h->answer = OUTBOX_LATER;
    assert_int_equal(put_message(h, "k1", (outbox_message){ 0 }), KT_OK);
    for (int try = 1; try < 12; try++) {
        assert_int_equal(run(h), 1);
        assert_int_equal(run(h), 0);
        const kt_value *r = row(h, mem, "waiting", "k1");
        assert_int_equal(kt_get_int(r, "tries", 0), try);
        assert_true(kt_str_is(kt_get_str(r, "why"), "smtp 451"));
        int64_t wait = kt_get_int(r, "due_at", 0) - h->clock.fixed_ms;
        assert_in_range(wait, base - base / 5, base);
        h->clock.fixed_ms += wait - 1;
        assert_int_equal(run(h), 0);
        h->clock.fixed_ms++;
        base = base * 4 < 6 * KT_HOUR_MS ? base * 4 : 6 * KT_HOUR_MS;
    }
    assert_true(metric(h, "kontor_connector_outbox_rows{connector=\"note\"} ") == 1);
    assert_true(metric(h, "kontor_connector_oldest_seconds{connector=\"note\"} ") > 3600);
    assert_int_equal(run(h), 1);
    const kt_value *dead = row(h, mem, "dead", "k1");
    assert_int_equal(kt_get_int(dead, "tries", 0), 12);
    assert_int_equal(kt_get_int(dead, "has_body", 0), 1);
    h->clock.fixed_ms += 365 * KT_DAY_MS;
    assert_int_equal(run(h), 0);
    assert_int_equal(h->delivered, 12);
    kt_arena_free(mem);
}

static kt_err resend(db *d, void *ctx) { return outbox_resend(d, kt_str_c(ctx), T0 + 5); }
static kt_err drop(db *d, void *ctx) { return outbox_drop(d, kt_str_c(ctx)); }

static void test_the_console_sends_a_dead_letter_again_or_drops_it(void **state)
{
    house *h = *state;
    kt_arena *mem = kt_arena_new();
    kt_value *counts = NULL;
    h->answer = OUTBOX_DEAD;
    assert_int_equal(put_message(h, "k1", (outbox_message){ 0 }), KT_OK);
    assert_int_equal(put_message(h, "k2", (outbox_message){ 0 }), KT_OK);
    assert_int_equal(run(h), 2);
    assert_int_equal(outbox_counts(store_reader(h->st), mem, &counts), KT_OK);
    assert_int_equal(kt_get_int(counts->first, "rows", 0), 2);
    h->answer = OUTBOX_SENT;
    h->clock.fixed_ms = T0 + 5;
    assert_int_equal(store_write(h->st, resend, "k1"), KT_OK);
    assert_int_equal(run(h), 1);
    assert_int_equal(store_write(h->st, resend, "k1"), KT_CONFLICT);
    assert_int_equal(store_write(h->st, resend, "no such"), KT_NOT_FOUND);
    assert_int_equal(store_write(h->st, drop, "k2"), KT_OK);
    assert_int_equal(store_write(h->st, drop, "k2"), KT_NOT_FOUND);
    assert_int_equal(store_write(h->st, drop, "k1"), KT_CONFLICT);
    kt_arena_free(mem);
}

static void test_the_list_has_pages(void **state)
{
    house *h = *state;
    kt_arena *mem = kt_arena_new();
    kt_value *list = NULL;
    char key[16];
    for (int i = 0; i < 5; i++) {
        snprintf(key, sizeof key, "k%d", i);
        assert_int_equal(put_message(h, key, (outbox_message){ 0 }), KT_OK);
    }
    assert_int_equal(outbox_list(store_reader(h->st), "waiting", 0, 3, mem, &list), KT_OK);
    assert_int_equal(list->count, 3);
    assert_true(kt_str_is(kt_get_str(list->first, "key"), "k4"));
    int64_t last = kt_get_int(list->last, "number", 0);
    assert_int_equal(outbox_list(store_reader(h->st), "waiting", last, 3, mem, &list), KT_OK);
    assert_int_equal(list->count, 2);
    assert_true(kt_str_is(kt_get_str(list->last, "key"), "k0"));
    kt_arena_free(mem);
}

static kt_err drop_subject(db *d, void *ctx) { return outbox_drop_subject(d, KT_STR("person"), NULL, ctx); }

static void test_what_is_not_sent_can_be_taken_back_for_a_person(void **state)
{
    house *h = *state;
    int64_t dropped = 0;
    assert_int_equal(put_message(h, "sent", (outbox_message){ .subject = KT_STR("person") }), KT_OK);
    assert_int_equal(run(h), 1);
    assert_int_equal(put_message(h, "a", (outbox_message){ .subject = KT_STR("person") }), KT_OK);
    assert_int_equal(put_message(h, "b", (outbox_message){ .subject = KT_STR("person"), .kind = "other" }), KT_OK);
    assert_int_equal(put_message(h, "c", (outbox_message){ .subject = KT_STR("somebody else") }), KT_OK);
    assert_int_equal(store_write(h->st, drop_subject, &dropped), KT_OK);
    assert_int_equal(dropped, 2);
    assert_int_equal(run(h), 1);
    assert_string_equal(h->key, "c");
}

static void test_a_kind_without_a_deliverer_waits(void **state)
{
    house *h = *state;
    assert_int_equal(put_message(h, "k1", (outbox_message){ .kind = "webhook" }), KT_OK);
    assert_int_equal(run(h), 0);
    outbox_deliverer(h->o, "webhook", deliver, h);
    assert_int_equal(run(h), 1);
}

/* --- two workers ------------------------------------------------------------------------------- */

static void run_again(house *h) { assert_int_equal(run(h), 0); /* it is leased: a second worker finds nothing */ }

static void lease_runs_out_and_another_delivers(house *h)
{
    h->clock.fixed_ms += 3 * KT_MINUTE_MS;
    assert_int_equal(run(h), 1);
}

static void test_a_leased_row_is_nobody_elses(void **state)
{
    house *h = *state;
    h->meanwhile = run_again;
    assert_int_equal(put_message(h, "k1", (outbox_message){ 0 }), KT_OK);
    assert_int_equal(run(h), 1);
    assert_int_equal(h->delivered, 1);
}

static void test_a_worker_that_lost_its_lease_marks_nothing(void **state)
{
    house *h = *state;
    h->meanwhile = lease_runs_out_and_another_delivers;
    assert_int_equal(put_message(h, "k1", (outbox_message){ 0 }), KT_OK);
    assert_int_equal(run(h), 1);
    assert_int_equal(h->delivered, 2); /* at least once, with the same key */
    assert_true(metric(h, "kontor_connector_requests_total{connector=\"note\",outcome=\"sent\"} ") == 1);
    assert_true(metric(h, "kontor_connector_requests_total{connector=\"note\",outcome=\"lost\"} ") == 1);
}

/* --- a crash ----------------------------------------------------------------------------------- */

static outbox_result deliver_and_die(void *ctx, kt_str key, kt_str body, char why[128])
{
    _exit(write(*(int *)ctx, key.at, key.len) == (ssize_t)key.len ? 42 : 1);
}

static void crash_while_delivering(const char *dir, int64_t now)
{
    int hear[2], status;
    char key[16] = "";
    assert_int_equal(pipe(hear), 0);
    pid_t child = fork();
    if (child == 0) {
        house h = { 0 };
        size_t tried;
        open_house(&h, &(store_options){ .dir = dir, .clock = &h.clock });
        h.clock.fixed_ms = now;
        outbox *o;
        if (outbox_new(h.st, &h.clock, &h.random, NULL, &o) != KT_OK) _exit(1);
        outbox_deliverer(o, "note", deliver_and_die, &hear[1]);
        _exit(outbox_run(o, 1, &tried) == KT_OK ? 2 : 3);
    }
    close(hear[1]);
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
    assert_int_equal(read(hear[0], key, sizeof key - 1), 2);
    assert_string_equal(key, "k1");
    close(hear[0]);
}

static void open_and(const char *dir, int64_t now, void (*what)(house *h))
{
    house *h = kt_calloc(1, sizeof *h);
    void *state = h;
    open_house(h, &(store_options){ .dir = dir, .clock = &h->clock });
    h->clock.fixed_ms = now;
    what(h);
    tear_down(&state);
}

static void put_k1(house *h) { assert_int_equal(put_message(h, "k1", (outbox_message){ 0 }), KT_OK); }
static void deliver_none(house *h) { assert_int_equal(run(h), 0); }

static void deliver_k1(house *h)
{
    assert_int_equal(run(h), 1);
    assert_string_equal(h->key, "k1");
}

static void find_k1_dead(house *h)
{
    kt_arena *mem = kt_arena_new();
    assert_int_equal(run(h), 0);
    assert_non_null(row(h, mem, "dead", "k1"));
    kt_arena_free(mem);
}

static void test_a_crash_after_the_delivery_delivers_again_with_the_same_key(void **state)
{
    char dir[] = "/tmp/kontor-outbox-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    open_and(dir, T0, put_k1);
    crash_while_delivering(dir, T0);
    open_and(dir, T0 + KT_MINUTE_MS, deliver_none); /* still leased */
    open_and(dir, T0 + 3 * KT_MINUTE_MS, deliver_k1);
    open_and(dir, T0 + KT_DAY_MS, deliver_none);
    snprintf(path, sizeof path, "%s/kontor.db", dir);
    unlink(path);
    rmdir(dir);
}

static void test_a_message_that_kills_the_program_is_given_up(void **state)
{
    char dir[] = "/tmp/kontor-outbox-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    open_and(dir, T0, put_k1);
    for (int i = 0; i < 12; i++) crash_while_delivering(dir, T0 + i * KT_HOUR_MS);
    open_and(dir, T0 + KT_DAY_MS, find_k1_dead);
    snprintf(path, sizeof path, "%s/kontor.db", dir);
    unlink(path);
    rmdir(dir);
}

/* --- workers in the background ----------------------------------------------------------------- */

static outbox_result tell(void *ctx, kt_str key, kt_str body, char why[128])
{
    sem_post(ctx);
    return OUTBOX_SENT;
}

static void test_the_worker_delivers_what_it_is_woken_for_and_stops(void **state)
{
    house *h = *state;
    sem_t told;
    sem_init(&told, 0, 0);
    outbox_deliverer(h->o, "told", tell, &told);
    assert_int_equal(outbox_start(h->o), KT_OK);
    for (int i = 0; i < 3; i++) {
        char key[8];
        snprintf(key, sizeof key, "k%c", (char)('a' + i));
        assert_int_equal(put_message(h, key, (outbox_message){ .kind = "told" }), KT_OK);
        outbox_wake(h->o);
        sem_wait(&told);
    }
    outbox_stop(h->o);
    assert_int_equal(outbox_start(h->o), KT_OK); /* and starts again */
    assert_int_equal(put_message(h, "again", (outbox_message){ .kind = "told" }), KT_OK);
    outbox_wake(h->o);
    sem_wait(&told);
    outbox_stop(h->o);
    sem_destroy(&told);
}

#define WITH_HOUSE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HOUSE(test_a_message_goes_out_once_and_its_body_is_wiped),
        WITH_HOUSE(test_a_body_that_is_to_be_kept_is_kept),
        WITH_HOUSE(test_a_message_of_an_action_that_fails_never_was),
        WITH_HOUSE(test_the_same_key_is_put_once),
        WITH_HOUSE(test_nothing_leaves_before_its_time),
        WITH_HOUSE(test_a_failure_comes_back_later_and_later_and_is_given_up),
        WITH_HOUSE(test_the_console_sends_a_dead_letter_again_or_drops_it),
        WITH_HOUSE(test_the_list_has_pages),
        WITH_HOUSE(test_what_is_not_sent_can_be_taken_back_for_a_person),
        WITH_HOUSE(test_a_kind_without_a_deliverer_waits),
        WITH_HOUSE(test_a_leased_row_is_nobody_elses),
        WITH_HOUSE(test_a_worker_that_lost_its_lease_marks_nothing),
        cmocka_unit_test(test_a_crash_after_the_delivery_delivers_again_with_the_same_key),
        cmocka_unit_test(test_a_message_that_kills_the_program_is_given_up),
        WITH_HOUSE(test_the_worker_delivers_what_it_is_woken_for_and_stops),
    };
    kt_log_set_level(KT_LOG_ERROR + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
