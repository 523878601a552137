/* SPDX-License-Identifier: Apache-2.0 */
/* Many threads: callers share a commit and keep their own result, readers see whole transactions, and
 * connections go from threads that end to threads that begin. Meant to be run with ThreadSanitizer too. */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/log.h"
#include "store/store.h"

static const char schema[] = "-- version 1: two purses that hold a hundred together\n"
                             "CREATE TABLE purse (id INTEGER PRIMARY KEY, coins INTEGER NOT NULL, body BLOB) STRICT;\n"
                             "INSERT INTO purse (id, coins) VALUES (1, 50), (2, 50);\n"
                             "CREATE TABLE mark (id INTEGER PRIMARY KEY, body BLOB) STRICT;\n";
static const sql move = {
    "purse_move",
    "UPDATE purse SET coins = coins + ?2 WHERE id = ?1",
    (const char *const[]){"id", "coins", NULL},
    "test",
    1,
    7001
};
static const sql coins = {
    "purse_coins", "SELECT coins FROM purse WHERE id = ?1", (const char *const[]){"id", NULL},
        "test", 2, 7002
};
static const sql mark = {
    "mark_add",
    "INSERT INTO mark (id, body) VALUES (?1, zeroblob(?2))",
    (const char *const[]){"id", "bytes", NULL},
    "test",
    3,
    7003
};
static const sql marks = { "mark_count", "SELECT count(*) FROM mark", (const char *const[]){ NULL }, "test", 4, 7004 };

static kt_clock test_clock;

static store *opened(const store_options *options)
{
    kt_fail fail = { 0 };
    store *st = NULL;
    test_clock = kt_clock_fixed(1);
    if (store_open(options, &fail, &st) != KT_OK) fail_msg("%s", fail.text);
    if (store_migrate(st, "purse", kt_str_c(schema), &fail) != KT_OK) fail_msg("%s", fail.text);
    return st;
}

static int64_t marks_in(store *st)
{
    int64_t n = -1;
    assert_int_equal(store_one_int(store_reader(st), &marks, ARGS(), &n), KT_OK);
    return n;
}

/* --- a race ------------------------------------------------------------------------------------ */

#define THREADS 8
#define ROUNDS  60

typedef struct {
    store *st;
    atomic_int *writing;
    int number;
    int wrong;
} actor;

static kt_err move_a_coin(db *d, void *ctx)
{
    const int *round = ctx;
    TRY(store_exec(d, &move, ARGS(sql_int("id", 1), sql_int("coins", -1)), NULL));
    if (*round % 5 == 4) return KT_GONE; /* in the middle: one purse would be short */
    return store_exec(d, &move, ARGS(sql_int("id", 2), sql_int("coins", 1)), NULL);
}

static void *move_coins(void *ctx)
{
    actor *a = ctx;
    for (int i = 0; i < ROUNDS; i++)
        if (store_write(a->st, move_a_coin, &i) != (i % 5 == 4 ? KT_GONE : KT_OK)) a->wrong++;
    atomic_fetch_sub(a->writing, 1);
    return NULL;
}

static int64_t purse(db *d, int64_t id)
{
    int64_t n = INT64_MIN;
    return store_one_int(d, &coins, ARGS(sql_int("id", id)), &n) == KT_OK ? n : INT64_MIN;
}

static void *count_coins(void *ctx)
{
    actor *a = ctx;
    db *d = store_reader(a->st);
    do {
        if (store_snapshot(d) != KT_OK) a->wrong++;
        if (purse(d, 1) + purse(d, 2) != 100) a->wrong++;
        store_release(d);
    } while (atomic_load(a->writing) > 0);
    return NULL;
}

static void test_writers_and_readers_race_and_nothing_is_lost(void **state)
{
    store *st = opened(&(store_options){ .in_memory = true, .clock = &test_clock });
    pthread_t thread[THREADS * 2];
    actor a[THREADS * 2];
    atomic_int writing = THREADS;
    for (int i = 0; i < THREADS * 2; i++) {
        a[i] = (actor){ st, &writing, i, 0 };
        assert_int_equal(pthread_create(&thread[i], NULL, i < THREADS ? move_coins : count_coins, &a[i]), 0);
    }
    for (int i = 0; i < THREADS * 2; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(a[i].wrong, 0);
    }
    assert_int_equal(purse(store_reader(st), 1), 50 - THREADS * ROUNDS / 5 * 4);
    assert_int_equal(purse(store_reader(st), 2), 50 + THREADS * ROUNDS / 5 * 4);
    store_close(st);
}

/* --- a batch ----------------------------------------------------------------------------------- */

/* Holds the writer until the test has queued what is to go together. */
typedef struct {
    sem_t inside, go;
} gate;

static kt_err wait_at_gate(db *d, void *ctx)
{
    gate *g = ctx;
    sem_post(&g->inside);
    while (sem_wait(&g->go) != 0) {}
    return KT_OK;
}

typedef struct {
    int64_t id, bytes;
    kt_err answer;
    kt_err got;
    bool ignores;
    sem_t *finished;
} wish;

static kt_err add_mark(db *d, void *ctx)
{
    wish *w = ctx;
    kt_err err = store_exec(d, &mark, ARGS(sql_int("id", w->id), sql_int("bytes", w->bytes)), NULL);
    return w->ignores ? KT_OK : err != KT_OK ? err : w->answer;
}

static void note(kt_err err, void *ctx)
{
    wish *w = ctx;
    w->got = err;
    sem_post(w->finished);
}

/* Queues all wishes behind the gate, opens it and waits for every answer. */
static void together(store *st, wish *wishes, int n)
{
    gate g;
    sem_t finished;
    sem_init(&g.inside, 0, 0);
    sem_init(&g.go, 0, 0);
    sem_init(&finished, 0, 0);
    assert_int_equal(store_write_later(st, wait_at_gate, NULL, &g), KT_OK);
    sem_wait(&g.inside);
    for (int i = 0; i < n; i++) {
        wishes[i].finished = &finished;
        assert_int_equal(store_write_later(st, add_mark, note, &wishes[i]), KT_OK);
    }
    sem_post(&g.go);
    for (int i = 0; i < n; i++) sem_wait(&finished);
    sem_destroy(&g.inside);
    sem_destroy(&g.go);
    sem_destroy(&finished);
}

static double commits(kt_metrics *m)
{
    kt_buf out;
    kt_buf_init(&out, 1 << 20);
    kt_metrics_write(m, KT_TEXT_004, &out);
    kt_buf_put_byte(&out, '\0');
    const char *line = strstr(out.at, "kontor_store_transaction_duration_seconds_count{store=\"main\",op=\"commit\"} ");
    assert_non_null(line);
    double n = strtod(strchr(line, ' '), NULL);
    kt_buf_free(&out);
    return n;
}

static void test_callers_share_a_commit_and_a_failure_is_its_own(void **state)
{
    kt_metrics *metrics = kt_metrics_new();
    store *st = opened(&(store_options){ .in_memory = true, .clock = &test_clock, .metrics = metrics });
    wish w[] = { { .id = 1 }, { .id = 2, .answer = KT_GONE }, { .id = 3 }, { .id = 1 }, { .id = 4 } };
    double before = commits(metrics);
    together(st, w, 5);
    assert_int_equal(w[0].got, KT_OK);
    assert_int_equal(w[1].got, KT_GONE);
    assert_int_equal(w[2].got, KT_OK);
    assert_int_equal(w[3].got, KT_CONFLICT);
    assert_int_equal(w[4].got, KT_OK);
    assert_int_equal(marks_in(st), 3);
    assert_true(commits(metrics) - before == 2); /* the gate's, and one for all five */
    store_close(st);
    kt_metrics_free(metrics);
}

/* A full disk makes SQLite give up the whole transaction: the neighbours are served all the same. */
static void test_an_action_that_fills_the_store_does_not_take_its_neighbours_along(void **state)
{
    store *st = opened(&(store_options){ .in_memory = true, .clock = &test_clock, .max_bytes = 200 * 1024 });
    wish w[] = { { .id = 1 },
                 { .id = 2 },
                 { .id = 3, .bytes = 1 << 20 },
                 { .id = 4 },
                 { .id = 5, .bytes = 1 << 20, .ignores = true },
                 { .id = 6 } };
    together(st, w, 6);
    assert_int_equal(w[0].got, KT_OK);
    assert_int_equal(w[1].got, KT_OK);
    assert_int_equal(w[2].got, KT_FULL);
    assert_int_equal(w[3].got, KT_OK);
    assert_int_not_equal(w[4].got, KT_OK); /* who ignores the error is told all the same */
    assert_int_equal(w[5].got, KT_OK);
    assert_int_equal(marks_in(st), 4);
    store_close(st);
}

static void test_what_is_queued_is_written_before_the_store_closes(void **state)
{
    char dir[] = "/tmp/kontor-threads-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    store_options options = { .dir = dir, .clock = &test_clock };
    store *st = opened(&options);
    static wish w[100];
    sem_t finished;
    sem_init(&finished, 0, 0);
    for (int i = 0; i < 100; i++) {
        w[i] = (wish){ .id = i + 1, .got = KT_INTERNAL, .finished = &finished };
        assert_int_equal(store_write_later(st, add_mark, note, &w[i]), KT_OK);
    }
    store_close(st);
    for (int i = 0; i < 100; i++) assert_int_equal(w[i].got, KT_OK);
    st = opened(&options);
    assert_int_equal(marks_in(st), 100);
    store_close(st);
    sem_destroy(&finished);
    snprintf(path, sizeof path, "%s/kontor.db", dir);
    unlink(path);
    rmdir(dir);
}

/* A file that may not grow makes the commit fail: everybody in it is told, and nothing of it is there. */
static void test_a_commit_that_fails_fails_everybody_in_it(void **state)
{
    store *st = opened(&(store_options){ .in_memory = true, .clock = &test_clock });
    wish w[] = { { .id = 1, .bytes = 90000 }, { .id = 2, .answer = KT_GONE }, { .id = 3, .bytes = 90000 } };
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    none = (struct rlimit){ 65536, before.rlim_max };
    void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    together(st, w, 3);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, old);
    assert_int_equal(w[0].got, KT_IO);
    assert_int_equal(w[1].got, KT_GONE);
    assert_int_equal(w[2].got, KT_IO);
    assert_int_equal(marks_in(st), 0);
    together(st, w, 3);
    assert_int_equal(w[0].got, KT_OK);
    assert_int_equal(w[2].got, KT_OK);
    assert_int_equal(marks_in(st), 2);
    store_close(st);
}

/* The command line beside the running service: each has its own writer, and they take turns. */
static void test_two_programs_share_a_file(void **state)
{
    char dir[] = "/tmp/kontor-threads-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    store_options options = { .dir = dir, .clock = &test_clock };
    store *st[2] = { opened(&options), opened(&options) };
    pthread_t thread[2];
    actor a[2];
    atomic_int writing = 2;
    for (int i = 0; i < 2; i++) {
        a[i] = (actor){ st[i], &writing, i, 0 };
        assert_int_equal(pthread_create(&thread[i], NULL, move_coins, &a[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(a[i].wrong, 0);
    }
    assert_int_equal(purse(store_reader(st[0]), 2), 50 + 2 * ROUNDS / 5 * 4);
    store_close(st[0]);
    store_close(st[1]);
    snprintf(path, sizeof path, "%s/kontor.db", dir);
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
}

/* --- readers ----------------------------------------------------------------------------------- */

static void *read_once(void *ctx)
{
    int64_t n = -1;
    kt_err err = store_one_int(store_reader(ctx), &marks, ARGS(), &n);
    return err == KT_OK && n == 0 ? NULL : ctx;
}

static void *read_and_leave_a_mess(void *ctx)
{
    rows *r = NULL;
    db *d = store_reader(ctx);
    if (store_snapshot(d) != KT_OK || store_rows(d, &coins, ARGS(sql_int("id", 1)), &r) != KT_OK || !rows_next(r))
        return ctx;
    return NULL; /* neither released nor ended */
}

static void test_connections_of_ended_threads_are_used_again(void **state)
{
    store *st = opened(&(store_options){ .in_memory = true, .clock = &test_clock, .readers_max = 2 });
    pthread_t thread;
    void *wrong = NULL;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(pthread_create(&thread, NULL, i % 2 ? read_once : read_and_leave_a_mess, st), 0);
        pthread_join(thread, &wrong);
        assert_null(wrong);
    }
    assert_int_equal(store_scrub(st), KT_OK); /* nothing holds an old snapshot */
    store_close(st);
}

typedef struct {
    store *st;
    sem_t *have, *go;
    kt_err err;
} holder;

static void *hold_reader(void *ctx)
{
    holder *h = ctx;
    int64_t n;
    h->err = store_one_int(store_reader(h->st), &marks, ARGS(), &n);
    sem_post(h->have);
    while (sem_wait(h->go) != 0) {}
    return NULL;
}

static void test_more_threads_than_connections_are_told_to_come_later(void **state)
{
    store *st = opened(&(store_options){ .in_memory = true, .clock = &test_clock, .readers_max = 2 });
    sem_t have, go;
    holder h[2];
    pthread_t thread[2];
    int64_t n;
    sem_init(&have, 0, 0);
    sem_init(&go, 0, 0);
    for (int i = 0; i < 2; i++) {
        h[i] = (holder){ st, &have, &go, KT_INTERNAL };
        assert_int_equal(pthread_create(&thread[i], NULL, hold_reader, &h[i]), 0);
        sem_wait(&have);
    }
    assert_int_equal(store_one_int(store_reader(st), &marks, ARGS(), &n), KT_BUSY);
    assert_int_equal(store_snapshot(store_reader(st)), KT_BUSY);
    sem_post(&go);
    sem_post(&go);
    for (int i = 0; i < 2; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(h[i].err, KT_OK);
    }
    assert_int_equal(marks_in(st), 0);
    sem_destroy(&have);
    sem_destroy(&go);
    store_close(st);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writers_and_readers_race_and_nothing_is_lost),
        cmocka_unit_test(test_callers_share_a_commit_and_a_failure_is_its_own),
        cmocka_unit_test(test_an_action_that_fills_the_store_does_not_take_its_neighbours_along),
        cmocka_unit_test(test_a_commit_that_fails_fails_everybody_in_it),
        cmocka_unit_test(test_two_programs_share_a_file),
        cmocka_unit_test(test_what_is_queued_is_written_before_the_store_closes),
        cmocka_unit_test(test_connections_of_ended_threads_are_used_again),
        cmocka_unit_test(test_more_threads_than_connections_are_told_to_come_later),
    };
    kt_log_set_level(KT_LOG_ERROR + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
