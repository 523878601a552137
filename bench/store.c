/* SPDX-License-Identifier: Apache-2.0 */
/* store.c -- how many durable rows a second, against what the disk and a plain connection can do.
 *
 *   d0      append 200 B and 4 KB to a file, fdatasync each time: the bound of everything durable
 *   k1 k64  kontor: store_write of one 450 B row with one index, from 1 and from 64 callers
 *   p1 …    peer: one SQLite connection, the same table and settings, 1, 10, 100 and 1,000 rows a commit
 *
 * All take turns, a round each after one to warm up; medians, extremes and ratios are printed, and as
 * JSON with --json. A run of kontor counts its rows afterwards: what is missing has no time.
 *
 *   cc -std=gnu17 -O2 -D_GNU_SOURCE -Isrc bench/store.c build/libkontor-core.a -o build/bench-store … (docs/store.md)
 *   build/bench-store [--rounds 5] [--seconds 2] [--dir /var/tmp] [--callers 64] [--json] */
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/log.h"
#include "store/store.h"

#define TABLE                                                                                                          \
    "CREATE TABLE event (id TEXT NOT NULL PRIMARY KEY, subject TEXT NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL) STRICT"
#define INSERT     "INSERT INTO event (id, subject, at, body) VALUES (?1, ?2, ?3, ?4)"
#define ROUNDS_MAX 99
#define BODY_LEN   380

static const sql add = {
    "event_add", INSERT, (const char *const[]){"id", "subject", "at", "body", NULL},
        "bench", 1, 7001
};
static const sql count = {
    "event_count", "SELECT count(*) FROM event", (const char *const[]){ NULL }, "bench", 2, 7002
};

typedef struct {
    int rounds, callers;
    double seconds;
    const char *dir;
    bool json;
    char body[BODY_LEN];
} plan;
typedef struct {
    const char *name;
    double (*run)(const plan *p, const char *dir, int n);
    int n;
    double value[ROUNDS_MAX];
} course;

static void fatal(const char *what)
{
    fprintf(stderr, "bench-store: %s\n", what);
    exit(2);
}

static int64_t until(const plan *p) { return kt_monotonic_us() + (int64_t)(p->seconds * 1e6); }

/* --- d0 ---------------------------------------------------------------------------------------- */

static double probe(const plan *p, const char *dir, int n)
{
    char path[256], *bytes = calloc(1, (size_t)n);
    snprintf(path, sizeof path, "%s/probe", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int64_t from = kt_monotonic_us(), end = until(p), done = 0;
    if (fd < 0 || !bytes) fatal("the probe's file cannot be made");
    for (; kt_monotonic_us() < end; done++)
        if (write(fd, bytes, (size_t)n) != n || fdatasync(fd) != 0) fatal("the probe cannot write");
    double rate = (double)done * 1e6 / (double)(kt_monotonic_us() - from);
    close(fd);
    unlink(path);
    free(bytes);
    return rate;
}

/* --- kontor ------------------------------------------------------------------------------------ */

typedef struct {
    const plan *p;
    store *st;
    int64_t end;
    int number;
    int64_t rows;
} caller;
typedef struct {
    const plan *p;
    char id[32], subject[32];
    int64_t at;
} event;

static void make_event(event *e, const plan *p, int number, int64_t n)
{
    *e = (event){ .p = p, .at = n };
    snprintf(e->id, sizeof e->id, "%010llx%04x%08llx", (unsigned long long)n * 2654435761u % 0xffffffffffull,
             (unsigned)number, (unsigned long long)n);
    snprintf(e->subject, sizeof e->subject, "subject-%012llx", (unsigned long long)n * 40503u % 100000u);
}

static kt_err add_event(db *d, void *ctx)
{
    const event *e = ctx;
    return store_exec(d, &add,
                      ARGS(sql_text("id", kt_str_c(e->id)), sql_text("subject", kt_str_c(e->subject)),
                           sql_int("at", e->at), sql_text("body", (kt_str){ e->p->body, BODY_LEN })),
                      NULL);
}

static void *call(void *ctx)
{
    caller *c = ctx;
    event e;
    while (kt_monotonic_us() < c->end) {
        make_event(&e, c->p, c->number, c->rows);
        if (store_write(c->st, add_event, &e) != KT_OK) fatal("a write failed");
        c->rows++;
    }
    return NULL;
}

static void clean(const char *dir)
{
    static const char *const ends[] = { "", "-wal", "-shm" };
    char path[256];
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/kontor.db%s", dir, ends[i]);
        unlink(path);
    }
}

static double kontor(const plan *p, const char *dir, int n)
{
    kt_clock clock = kt_clock_real();
    kt_fail fail = { 0 };
    store *st = NULL;
    caller c[256];
    pthread_t thread[256];
    int64_t done = 0, there = -1;
    if (store_open(&(store_options){ .dir = dir, .clock = &clock }, &fail, &st) != KT_OK ||
        store_migrate(st, "event",
                      KT_STR("-- version 1: events\n" TABLE ";\nCREATE INDEX event_subject ON event (subject);\n"),
                      &fail) != KT_OK)
        fatal(fail.text);
    int64_t from = kt_monotonic_us(), end = until(p);
    for (int i = 0; i < n; i++) {
        c[i] = (caller){ p, st, end, i, 0 };
        if (pthread_create(&thread[i], NULL, call, &c[i]) != 0) fatal("no thread");
    }
    for (int i = 0; i < n; i++) {
        pthread_join(thread[i], NULL);
        done += c[i].rows;
    }
    double rate = (double)done * 1e6 / (double)(kt_monotonic_us() - from);
    if (store_one_int(store_reader(st), &count, ARGS(), &there) != KT_OK || there != done) fatal("rows are missing");
    store_close(st);
    clean(dir);
    return rate;
}

/* --- the peer ---------------------------------------------------------------------------------- */

static void run_text(sqlite3 *base, const char *text)
{
    if (sqlite3_exec(base, text, NULL, NULL, NULL) != SQLITE_OK) fatal(sqlite3_errmsg(base));
}

static void add_plain(sqlite3_stmt *s, const plan *p, int64_t n)
{
    event e;
    make_event(&e, p, 0, n);
    sqlite3_bind_text(s, 1, e.id, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 2, e.subject, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 3, e.at);
    sqlite3_bind_text(s, 4, p->body, BODY_LEN, SQLITE_STATIC);
    if (sqlite3_step(s) != SQLITE_DONE) fatal("the peer cannot write");
    sqlite3_reset(s);
}

/* `n` rows a commit; with one, the statement commits by itself, as is usual. */
static double plain(const plan *p, const char *dir, int n)
{
    char path[256];
    sqlite3 *base = NULL;
    sqlite3_stmt *s = NULL;
    int64_t done = 0;
    snprintf(path, sizeof path, "%s/kontor.db", dir);
    if (sqlite3_open(path, &base) != SQLITE_OK) fatal("the peer's file cannot be made");
    run_text(base,
             "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; PRAGMA cache_size=-8000;" TABLE
             "; CREATE INDEX event_subject ON event (subject)");
    sqlite3_prepare_v2(base, INSERT, -1, &s, NULL);
    int64_t from = kt_monotonic_us(), end = until(p);
    while (kt_monotonic_us() < end) {
        if (n > 1) run_text(base, "BEGIN IMMEDIATE");
        for (int i = 0; i < n; i++) add_plain(s, p, done++);
        if (n > 1) run_text(base, "COMMIT");
    }
    double rate = (double)done * 1e6 / (double)(kt_monotonic_us() - from);
    sqlite3_finalize(s);
    sqlite3_close(base);
    clean(dir);
    return rate;
}

/* --- rounds ------------------------------------------------------------------------------------ */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(const course *c, int rounds) { return c->value[rounds / 2]; }

/* Most by least of the middle three: above 1.25 the machine was doing something else. */
static double spread(const course *c, int rounds)
{
    int mid = rounds / 2;
    return rounds < 3 ? 1 : c->value[mid + 1] / c->value[mid - 1];
}

static void print_table(course *c, size_t n, const plan *p)
{
    printf("%-26s %12s %12s %12s %8s %8s\n", "rows or syncs a second", "median", "least", "most", "of p1", "spread");
    for (size_t i = 0; i < n; i++)
        printf("%-26s %12.0f %12.0f %12.0f %8.2f %8.2f\n", c[i].name, median(&c[i], p->rounds), c[i].value[0],
               c[i].value[p->rounds - 1], median(&c[i], p->rounds) / median(&c[4], p->rounds),
               spread(&c[i], p->rounds));
}

static void print_json(course *c, size_t n, const plan *p)
{
    printf("{\"workload\":\"d1\",\"rounds\":%d,\"seconds\":%g,\"callers\":%d,\"courses\":[", p->rounds, p->seconds,
           p->callers);
    for (size_t i = 0; i < n; i++)
        printf("%s{\"name\":\"%s\",\"median\":%.0f,\"min\":%.0f,\"max\":%.0f,\"ratio\":%.3f,\"spread\":%.2f}",
               i ? "," : "", c[i].name, median(&c[i], p->rounds), c[i].value[0], c[i].value[p->rounds - 1],
               median(&c[i], p->rounds) / median(&c[4], p->rounds), spread(&c[i], p->rounds));
    printf("]}\n");
}

static int number_of(const char *text, int least, int most)
{
    char *end;
    long n = text ? strtol(text, &end, 10) : 0;
    if (!text || *end || n < least || n > most) fatal("a number is out of range");
    return (int)n;
}

static void read_arguments(plan *p, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--json") == 0) {
            p->json = true;
            continue;
        }
        if (strcmp(argv[i], "--rounds") == 0)
            p->rounds = number_of(value, 1, ROUNDS_MAX);
        else if (strcmp(argv[i], "--callers") == 0)
            p->callers = number_of(value, 1, 256);
        else if (strcmp(argv[i], "--seconds") == 0)
            p->seconds = number_of(value, 1, 600);
        else if (strcmp(argv[i], "--dir") == 0 && value)
            p->dir = value;
        else
            fatal("bench-store [--rounds N] [--seconds N] [--callers N] [--dir DIR] [--json]");
        i++;
    }
}

int main(int argc, char **argv)
{
    plan p = { .rounds = 5, .callers = 64, .seconds = 2, .dir = "/var/tmp" };
    read_arguments(&p, argc, argv);
    course c[] = {
        { .name = "d0 200 B + fdatasync", .run = probe, .n = 200 },
        { .name = "d0 4 KB + fdatasync", .run = probe, .n = 4096 },
        { .name = "k1 kontor, 1 caller", .run = kontor, .n = 1 },
        { .name = "kN kontor, N callers", .run = kontor, .n = p.callers },
        { .name = "p1 plain, a commit a row", .run = plain, .n = 1 },
        { .name = "p10 plain, 10 a commit", .run = plain, .n = 10 },
        { .name = "p100 plain, 100 a commit", .run = plain, .n = 100 },
        { .name = "p1000 plain, 1,000", .run = plain, .n = 1000 },
    };
    size_t n = sizeof c / sizeof c[0];
    char dir[256];
    snprintf(dir, sizeof dir, "%s/kontor-bench-XXXXXX", p.dir);
    if (!mkdtemp(dir)) fatal("no folder to work in");
    memset(p.body, 'b', sizeof p.body);
    kt_log_set_level(KT_LOG_ERROR);
    for (int round = -1; round < p.rounds; round++)
        for (size_t i = 0; i < n; i++) {
            double rate = c[i].run(&p, dir, c[i].n);
            if (round >= 0) c[i].value[round] = rate;
        }
    rmdir(dir);
    for (size_t i = 0; i < n; i++) qsort(c[i].value, (size_t)p.rounds, sizeof(double), by_size);
    if (p.json)
        print_json(c, n, &p);
    else
        print_table(c, n, &p);
    return 0;
}
