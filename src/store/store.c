/* SPDX-License-Identifier: Apache-2.0 */
/* store.c -- opening, closing, and which thread reads on which connection. */
#include "store/room.h"
#include <stdlib.h>
#include "base/log.h"

#define READERS_MAX    64
#define SCRUB_TRIES    25 /* with a short sleep between: an old reader may end any moment */
#define SCRUB_SLEEP_NS 10000000

/* --- metrics ----------------------------------------------------------------------------------- */

static double size_now(void *ctx)
{
    store *st = ctx;
    int64_t bytes, log_bytes;
    st->engine->sizes(st->home, &bytes, &log_bytes);
    return (double)bytes;
}

static double log_size_now(void *ctx)
{
    store *st = ctx;
    int64_t bytes, log_bytes;
    st->engine->sizes(st->home, &bytes, &log_bytes);
    return (double)log_bytes;
}

static size_t series(kt_metric *m, const char *what)
{
    return kt_metric_series(m, (const char *const[]){ "main", what });
}

static void metrics_start(store *st)
{
    if (!st->metrics) return;
    store_metrics *m = &st->m;
    m->duration = kt_metric_histogram(
        st->metrics, "kontor_store_transaction_duration_seconds",
        "Time of transactions: write from the queue to the disk, commit alone, snapshot of a reader.", "store,op", NULL,
        0);
    m->write = series(m->duration, "write");
    m->commit = series(m->duration, "commit");
    m->snapshot = series(m->duration, "snapshot");
    m->errors = kt_metric_new(st->metrics, KT_COUNTER, "kontor_store_errors_total",
                              "Failures of the database by class.", "store,class");
    m->busy = series(m->errors, "busy");
    m->full = series(m->errors, "full");
    m->io = series(m->errors, "io");
    m->corrupt = series(m->errors, "corrupt");
    m->other = series(m->errors, "other");
    kt_metric *size = kt_metric_new(st->metrics, KT_GAUGE, "kontor_store_size_bytes", "Size of the database.", "store");
    kt_metric *log =
        kt_metric_new(st->metrics, KT_GAUGE, "kontor_store_wal_bytes", "Size of the write-ahead log.", "store");
    const char *const name[] = { "main" };
    kt_metric_ask(size, kt_metric_series(size, name), size_now, st);
    kt_metric_ask(log, kt_metric_series(log, name), log_size_now, st);
}

/* The store goes before the metrics: what asks it must stop asking. */
static void metrics_stop(store *st)
{
    if (!st->metrics) return;
    const char *const name[] = { "main" };
    kt_metric *size = kt_metric_new(st->metrics, KT_GAUGE, "kontor_store_size_bytes", "", "store");
    kt_metric *log = kt_metric_new(st->metrics, KT_GAUGE, "kontor_store_wal_bytes", "", "store");
    kt_metric_ask(size, kt_metric_series(size, name), NULL, NULL);
    kt_metric_ask(log, kt_metric_series(log, name), NULL, NULL);
}

kt_err store_count_error(store *st, kt_err err)
{
    const store_metrics *m = &st->m;
    if (err == KT_OK || !st->metrics) return err;
    switch (err) {
    case KT_BUSY: kt_metric_add(m->errors, m->busy, 1); break;
    case KT_FULL: kt_metric_add(m->errors, m->full, 1); break;
    case KT_IO: kt_metric_add(m->errors, m->io, 1); break;
    case KT_CORRUPT: kt_metric_add(m->errors, m->corrupt, 1); break;
    case KT_STORE: kt_metric_add(m->errors, m->other, 1); break;
    default: break; /* constraints are answers */
    }
    return err;
}

void store_observe(store *st, size_t op, int64_t from_us)
{
    if (st->metrics) kt_metric_observe(st->m.duration, op, (double)(kt_monotonic_us() - from_us) / 1e6);
}

/* --- connections ------------------------------------------------------------------------------- */

kt_err db_open(store *st, bool writing, kt_fail *fail, db *d)
{
    *d = (db){ .st = st, .engine = st->engine, .writing = writing };
    d->broken = st->engine->connect(st->home, writing, fail, &d->conn);
    return d->broken;
}

void db_close(db *d)
{
    if (d->conn) {
        db_end_rows(d);
        for (size_t i = 0; i < d->cache_len; i++)
            if (d->cache[i].query) d->engine->drop(d->cache[i].query);
    }
    d->engine->disconnect(d->conn);
    free(d->cache);
    d->conn = NULL;
    d->cache = NULL;
}

/* A thread has ended: the next one may have its connection. */
static void reader_return(void *what)
{
    db *d = what;
    store *st = d->st;
    if (d->conn) {
        db_end_rows(d);
        while (d->snapshots) store_release(d);
    }
    pthread_mutex_lock(&st->lock);
    d->claimed = false;
    pthread_mutex_unlock(&st->lock);
}

/* A connection nobody holds, or a new one in the list; NULL when all are taken. */
static db *reader_claim(store *st)
{
    db *d = NULL;
    pthread_mutex_lock(&st->lock);
    for (d = st->readers; d && d->claimed; d = d->next) {}
    if (!d && st->n_readers < st->readers_max) {
        d = kt_calloc(1, sizeof *d);
        d->st = st;
        d->engine = st->engine;
        d->broken = KT_STORE;
        d->next = st->readers;
        st->readers = d;
        st->n_readers++;
    }
    if (d) d->claimed = true;
    pthread_mutex_unlock(&st->lock);
    return d;
}

db *store_reader(store *st)
{
    db *d = pthread_getspecific(st->reader_key);
    if (d && d->conn) return d;
    if (!d && !(d = reader_claim(st))) {
        kt_log(KT_LOG_WARN, "store.readers_used_up", KT_NUMBER("max", st->readers_max));
        return &st->none;
    }
    if (!d->conn) d->broken = st->engine->connect(st->home, false, NULL, &d->conn);
    pthread_setspecific(st->reader_key, d);
    return d;
}

kt_err store_snapshot(db *d)
{
    if (!d->conn) return d->broken;
    if (!d->writing && d->snapshots == 0) {
        int64_t from = kt_monotonic_us();
        kt_err err = store_count_error(d->st, d->engine->snapshot(d->conn));
        if (err != KT_OK) return err;
        store_observe(d->st, d->st->m.snapshot, from);
    }
    d->snapshots++;
    return KT_OK;
}

void store_release(db *d)
{
    if (!d->conn || d->snapshots == 0) return;
    if (--d->snapshots > 0 || d->writing) return;
    if (d->engine->commit(d->conn) != KT_OK) d->engine->rollback(d->conn);
}

/* --- life -------------------------------------------------------------------------------------- */

kt_err store_open(const store_options *options, kt_fail *fail, store **out)
{
    store *st = kt_calloc(1, sizeof *st);
    kt_err err = KT_OK;
    *out = NULL;
    st->engine = &engine_sqlite;
    st->clock = options->clock;
    st->metrics = options->metrics;
    st->readers_max = options->readers_max ? options->readers_max : READERS_MAX;
    st->none = (db){ .st = st, .engine = st->engine, .broken = KT_BUSY };
    pthread_mutex_init(&st->lock, NULL);
    pthread_key_create(&st->reader_key, reader_return);
    if ((err = st->engine->open(options, fail, &st->home)) != KT_OK) goto out;
    metrics_start(st);
    if ((err = writer_start(st, fail, &st->writer)) != KT_OK) goto out;
    if ((err = migrate_bootstrap(st, fail)) != KT_OK) goto out;
    *out = st;
    st = NULL;
out:
    store_close(st);
    return err;
}

void store_close(store *st)
{
    if (!st) return;
    writer_stop(st->writer);
    pthread_key_delete(st->reader_key);
    while (st->readers) {
        db *d = st->readers;
        st->readers = d->next;
        db_close(d);
        free(d);
    }
    if (st->home) metrics_stop(st);
    st->engine->close(st->home);
    pthread_mutex_destroy(&st->lock);
    free(st);
}

kt_err store_catalogue(db *d, void (*each)(const store_column *c, void *ctx), void *ctx)
{
    if (!d->conn) return d->broken;
    return store_count_error(d->st, d->engine->catalogue(d->conn, each, ctx));
}

static kt_err scrub_once(db *d, void *ctx)
{
    (void)ctx;
    return d->engine->scrub(d->conn);
}

/* Runs between two transactions of the writer, so that it never waits for the write lock, and sleeps
 * here and not there, so that writers go on while an old reader stands. */
kt_err store_scrub(store *st)
{
    for (int i = 0;; i++) {
        kt_err err = writer_between(st->writer, scrub_once, NULL);
        if (err != KT_BUSY || i == SCRUB_TRIES) return store_count_error(st, err);
        nanosleep(&(struct timespec){ 0, SCRUB_SLEEP_NS }, NULL);
    }
}
