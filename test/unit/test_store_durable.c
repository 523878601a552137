/* SPDX-License-Identifier: Apache-2.0 */
/* What store_write acknowledged is there after kill -9: a child with 64 writing threads says on a pipe
 * which rows were acknowledged; the parent kills it after a random number of them, opens the file and
 * looks for every one. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/log.h"
#include "base/random.h"
#include "store/store.h"

#define ROUNDS  20
#define WRITERS 64
#define MOST    1000000

static const char schema[] =
    "-- version 1: rows\nCREATE TABLE row (id INTEGER PRIMARY KEY, twin INTEGER NOT NULL, body TEXT) STRICT;\n";
static const sql add = {
    "row_add",
    "INSERT INTO row (id, twin, body) VALUES (?1, ?2, ?3)",
    (const char *const[]){"id", "twin", "body", NULL},
    "test",
    1,
    7001
};

static char dir[64];
static kt_clock test_clock;

static store *opened(void)
{
    kt_fail fail = { 0 };
    store *st = NULL;
    if (store_open(&(store_options){ .dir = dir, .clock = &test_clock }, &fail, &st) != KT_OK ||
        store_migrate(st, "row", kt_str_c(schema), &fail) != KT_OK) {
        fprintf(stderr, "%s\n", fail.text);
        abort();
    }
    return st;
}

typedef struct {
    store *st;
    int say;
    int64_t first;
} child_writer;

/* Two rows an action: both or none. */
static kt_err add_pair(db *d, void *ctx)
{
    int64_t id = *(int64_t *)ctx;
    sql_arg body = sql_text("body", KT_STR("some words that take a little room in the log, as rows do"));
    TRY(store_exec(d, &add, ARGS(sql_int("id", id), sql_int("twin", id + 1), body), NULL));
    return store_exec(d, &add, ARGS(sql_int("id", id + 1), sql_int("twin", id), body), NULL);
}

static void *write_pairs(void *ctx)
{
    child_writer *w = ctx;
    for (int64_t id = w->first;; id += 2 * WRITERS) {
        if (store_write(w->st, add_pair, &id) != KT_OK) _exit(3);
        if (write(w->say, &id, sizeof id) != sizeof id) _exit(4);
    }
    return NULL;
}

static void child(int say, int64_t first)
{
    static child_writer w[WRITERS];
    pthread_t thread;
    store *st = opened();
    for (int i = 0; i < WRITERS; i++) {
        w[i] = (child_writer){ st, say, first + 2 * i };
        if (pthread_create(&thread, NULL, write_pairs, &w[i]) != 0) _exit(5);
    }
    for (;;) pause();
}

/* Kills the child after `most` acknowledgements; returns all that reached the pipe. */
static size_t killed_after(size_t most, int64_t first, int64_t *acknowledged)
{
    int hear[2], status;
    size_t n = 0;
    assert_int_equal(pipe(hear), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(hear[0]);
        child(hear[1], first);
    }
    close(hear[1]);
    while (n < MOST && read(hear[0], &acknowledged[n], sizeof acknowledged[n]) == sizeof acknowledged[n])
        if (++n == most) kill(pid, SIGKILL);
    close(hear[0]);
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return n;
}

static int64_t number(store *st, const char *text, int64_t id)
{
    rows *r = NULL;
    assert_int_equal(store_rows_text(store_reader(st), text, ARGS(sql_int("id", id)), &r), KT_OK);
    assert_true(rows_next(r));
    int64_t n = rows_int(r, "n");
    assert_int_equal(rows_end(r), KT_OK);
    return n;
}

static void test_acknowledged_writes_survive_kill(void **state)
{
    kt_random random = kt_random_real();
    int64_t *acknowledged = kt_malloc(MOST * sizeof *acknowledged);
    size_t total = 0;
    for (int round = 0; round < ROUNDS; round++) {
        size_t n = killed_after(1 + kt_random_below(&random, 1500), 1 + round * (int64_t)10000000, acknowledged);
        store *st = opened();
        for (size_t i = 0; i < n; i++)
            if (number(st, "SELECT count(*) AS n FROM row WHERE id = :id", acknowledged[i]) != 1)
                fail_msg("round %d: row %lld was acknowledged and is not there", round, (long long)acknowledged[i]);
        assert_int_equal(number(st,
                                "SELECT count(*) AS n FROM row AS a WHERE NOT EXISTS"
                                " (SELECT 1 FROM row AS b WHERE b.id = a.twin)",
                                0),
                         0);
        store_close(st);
        total += n;
    }
    printf("%zu acknowledged pairs in %d kills, all there\n", total, ROUNDS);
    char copy[96];
    kt_fail fail = { 0 };
    snprintf(copy, sizeof copy, "%s/copy.db", dir);
    store *st = opened();
    if (store_backup(st, copy, &fail) != KT_OK) fail_msg("%s", fail.text); /* reads it all through */
    store_close(st);
    unlink(copy);
    free(acknowledged);
}

static int set_up(void **state)
{
    snprintf(dir, sizeof dir, "/tmp/kontor-durable-XXXXXX");
    test_clock = kt_clock_fixed(1);
    return mkdtemp(dir) ? 0 : 1;
}

static int tear_down(void **state)
{
    char path[96];
    snprintf(path, sizeof path, "%s/kontor.db", dir);
    unlink(path);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_acknowledged_writes_survive_kill, set_up, tear_down),
    };
    kt_log_set_level(KT_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
