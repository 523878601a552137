/* SPDX-License-Identifier: Apache-2.0 */
/* room.h -- the inside of store/, shared by store.c, query.c, writer.c, migrate.c and backup.c. */
#ifndef KONTOR_STORE_ROOM_H
#define KONTOR_STORE_ROOM_H
#include <pthread.h>
#include <stdatomic.h>
#include "store/engine.h"

/* A statement in the cache of a connection. `busy` while a walk over its rows runs: a second walk of
 * the same statement on the same connection then gets a statement of its own. */
typedef struct { const sql *of; engine_query *query; bool busy; } prepared;

struct db {
    store       *st;
    const engine *engine;
    engine_conn *conn;          /* NULL: could not be opened; every call answers `broken` */
    kt_err       broken;
    bool         writing;       /* inside a write action */
    bool         claimed;       /* a living thread holds it */
    unsigned     snapshots;     /* depth of store_snapshot */
    prepared    *cache;         /* by sql.id */
    size_t       cache_len;
    rows        *open;          /* walks not yet ended, newest first */
    db          *next;          /* all readers of the store */
};

struct rows {
    db           *d;
    engine_query *query;
    size_t        slot;         /* place in the cache + 1; 0 = own statement, dropped at the end */
    const char   *name;         /* of the statement, for the log */
    bool          on_row;
    kt_err        err;
    int           hint;         /* where the next column by name is likely found */
    rows         *newer, *older;
};

typedef struct writer writer;

typedef struct {
    kt_metric *duration, *errors;
    size_t write, commit, snapshot;                     /* series of duration */
    size_t busy, full, io, corrupt, other;              /* series of errors */
} store_metrics;

struct store {
    const engine *engine;
    engine_home  *home;
    const kt_clock *clock;
    kt_metrics   *metrics;
    store_metrics m;
    unsigned      readers_max;
    pthread_key_t reader_key;   /* this thread's db */
    pthread_mutex_t lock;       /* readers, n_readers */
    db           *readers;
    unsigned      n_readers;
    db            none;         /* what a thread gets when all readers are taken */
    writer       *writer;
};

/* store.c */
kt_err db_open(store *st, bool writing, kt_fail *fail, db *d);
void   db_close(db *d);
/* Counts an error of the database in the metrics; returns it. */
kt_err store_count_error(store *st, kt_err err);
void   store_observe(store *st, size_t series, int64_t from_us);

/* query.c: ends walks an action or a thread left open; true when there were any. */
bool   db_end_rows(db *d);

/* writer.c */
kt_err writer_start(store *st, kt_fail *fail, writer **out);
void   writer_stop(writer *w);
/* Runs `work` on the writer thread between two transactions and waits for it. */
kt_err writer_between(writer *w, kt_err (*work)(db *d, void *ctx), void *ctx);

/* migrate.c: the table that records versions. */
kt_err migrate_bootstrap(store *st, kt_fail *fail);

#endif
