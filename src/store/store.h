/* SPDX-License-Identifier: Apache-2.0 */
/* store.h -- SQL that is readable, on an engine the callers do not see.
 *
 * Statements are written in `queries.sql` of a module and become `const sql SQL_<module>_<name>` at
 * build time (gen/<module>/queries.h), parameters by name. Reading happens on a connection of the
 * calling thread, in a snapshot of one statement or, between store_snapshot and store_release, of
 * several. Writing happens in store_write: the action runs inside a transaction, is durable when
 * store_write returns KT_OK, and leaves nothing when it returns anything else. On SQLite one writer
 * thread runs many callers' actions, each in a savepoint, before one fsync (group commit); on an
 * engine with many writers the action may be run again after a serialisation failure: it must
 * depend on nothing but `ctx` and the database, and must not talk to the world (that is the outbox). */
#ifndef KONTOR_STORE_STORE_H
#define KONTOR_STORE_STORE_H
#include <stdint.h>
#include "base/clock.h"
#include "base/metric.h"
#include "base/value.h"

typedef struct store store;
typedef struct db db;               /* one connection, reading or inside a write */
typedef struct rows rows;           /* a running query */

/* One statement of a queries.sql; made by tools/sql.py. */
typedef struct {
    const char *name;               /* "account_by_email" */
    const char *text;               /* parameters numbered ?1 ?2 … in the order of `params` */
    const char *const *params;      /* names without colon, NULL at the end */
    const char *file; int line;
    unsigned    id;                 /* dense over the program: index of the prepared-statement cache */
} sql;

typedef enum { SQL_END, SQL_NULL, SQL_INT, SQL_REAL, SQL_TEXT, SQL_BLOB } sql_type;
typedef struct { sql_type type; const char *name; int64_t integer; double real; kt_str text; } sql_arg;
static inline sql_arg sql_int(const char *name, int64_t i)  { return (sql_arg){ SQL_INT, name, i, 0, KT_STR_NONE }; }
static inline sql_arg sql_real(const char *name, double r)  { return (sql_arg){ SQL_REAL, name, 0, r, KT_STR_NONE }; }
/* A NONE string (at == NULL) is bound as NULL. */
static inline sql_arg sql_text(const char *name, kt_str s)  { return (sql_arg){ s.at ? SQL_TEXT : SQL_NULL, name, 0, 0, s }; }
static inline sql_arg sql_blob(const char *name, kt_str s)  { return (sql_arg){ s.at ? SQL_BLOB : SQL_NULL, name, 0, 0, s }; }
static inline sql_arg sql_null(const char *name)            { return (sql_arg){ SQL_NULL, name, 0, 0, KT_STR_NONE }; }
/* store_exec(db, &SQL_account_touch, ARGS(sql_text("id", id), sql_int("now", now)), NULL) */
#ifndef __cppcheck__                   /* which does not know __VA_OPT__ */
#define ARGS(...) ((const sql_arg[]){ __VA_ARGS__ __VA_OPT__(,) { SQL_END, NULL, 0, 0, { NULL, 0 } } })
#else
#define ARGS(...) NULL
#endif

typedef struct {
    const char *dir;                /* data directory; the file is DIR/kontor.db */
    const kt_clock *clock;
    kt_metrics *metrics;
    unsigned    readers_max;        /* 0 = 64 */
    bool        in_memory;          /* for unit tests: a private database in RAM, gone with the store */
    int64_t     max_bytes;          /* the file grows no further: KT_FULL; 0 = what the disk holds */
} store_options;

/* Opens and checks: WAL, synchronous=FULL, foreign_keys, secure_delete read back, integrity of the
 * header. KT_CORRUPT and KT_IO carry words in fail. */
kt_err store_open(const store_options *options, kt_fail *fail, store **out) KT_MUST_CHECK;
/* Ends the writer after what is queued, checkpoints, closes. Accepts NULL. */
void   store_close(store *st);

/* Brings one module's tables to the newest version. `schema` is the text of its schema.sql:
 * sections `-- version N: words` in rising order; those above the module's recorded version run in
 * one transaction. A recorded version above the newest is KT_REFUSED ("made by a newer program").
 * A recorded section whose text has changed since is KT_REFUSED too. */
kt_err store_migrate(store *st, const char *module, kt_str schema, kt_fail *fail) KT_MUST_CHECK;

/* This thread's reading connection; lives as long as the thread or the store, then goes to another
 * thread. With readers_max living threads the next one gets one that answers KT_BUSY to everything.
 * Threads that read end, or read no more, before store_close. Never NULL. */
db *store_reader(store *st);
/* Several reads of one moment. */
kt_err store_snapshot(db *d) KT_MUST_CHECK;
void   store_release(db *d);

/* Runs `action` in a transaction and waits until it is durable. Never from an event loop.
 * KT_FULL, KT_IO, KT_BUSY, KT_STORE, KT_STOPPING, or what the action returned; KT_REFUSED when it leaves
 * a deferred key broken; KT_INTERNAL inside another action (which would wait for itself). */
typedef kt_err (*store_action)(db *d, void *ctx);
kt_err store_write(store *st, store_action action, void *ctx) KT_MUST_CHECK;
/* Queues the action and returns; `done(err, ctx)` (or NULL) is called on the writer thread after the
 * commit, must be short and must not call store_write. */
kt_err store_write_later(store *st, store_action action, void (*done)(kt_err err, void *ctx), void *ctx) KT_MUST_CHECK;

/* Runs a statement that gives no rows. *changed (or NULL) receives the number of changed rows.
 * KT_CONFLICT on a violated UNIQUE or PRIMARY KEY, KT_REFUSED on CHECK, FOREIGN KEY or trigger. */
kt_err store_exec(db *d, const sql *q, const sql_arg *args, int64_t *changed) KT_MUST_CHECK;
/* Starts a query. Always end it with rows_end, also after an error. */
kt_err store_rows(db *d, const sql *q, const sql_arg *args, rows **out) KT_MUST_CHECK;
/* Moves to the next row; false at the end and at an error (which rows_end then returns). */
bool   rows_next(rows *r);
/* Columns by name. Views live until the next rows_next: copy with kt_str_dup. An unknown name is an
 * assert. NULL gives KT_STR_NONE, 0. */
kt_str  rows_text(rows *r, const char *column);
kt_str  rows_blob(rows *r, const char *column);
int64_t rows_int(rows *r, const char *column);
double  rows_real(rows *r, const char *column);
bool    rows_is_null(rows *r, const char *column);
/* For code that walks any table: the columns of the statement. */
size_t      rows_width(rows *r);
const char *rows_name(rows *r, size_t i);
sql_type    rows_type(rows *r, size_t i);
/* Frees; returns the error that ended the walk, or KT_OK. Accepts NULL. */
kt_err  rows_end(rows *r);
/* The first row's first column as an integer; KT_NOT_FOUND without a row. */
kt_err  store_one_int(db *d, const sql *q, const sql_arg *args, int64_t *out) KT_MUST_CHECK;
/* All rows as a list of maps, strings copied. */
kt_err  store_list(db *d, const sql *q, const sql_arg *args, kt_arena *mem, kt_value **out) KT_MUST_CHECK;

/* For register/ only (statements compiled from rules; never text from outside): runs SQL text. */
kt_err store_exec_text(db *d, const char *text, const sql_arg *args, int64_t *changed) KT_MUST_CHECK;
kt_err store_rows_text(db *d, const char *text, const sql_arg *args, rows **out) KT_MUST_CHECK;

/* The live catalogue, for the register's check: calls `each` for every column of every table. */
typedef struct { const char *table, *column, *type; bool not_null, primary; } store_column;
kt_err store_catalogue(db *d, void (*each)(const store_column *c, void *ctx), void *ctx) KT_MUST_CHECK;

/* A verified copy while running (VACUUM INTO, then integrity check): the file `to`, or kontor.db in the
 * folder `to`, mode 0600, without anything deleted. KT_CONFLICT when it exists. The copy of one moment. */
kt_err store_backup(store *st, const char *to, kt_fail *fail) KT_MUST_CHECK;
/* Is the file a whole copy of a store? KT_NOT_FOUND, KT_CORRUPT, KT_REFUSED (of another program). */
typedef struct { int64_t bytes, modules, migrated_at; } store_copy_facts;
kt_err store_restore_check(const char *from, store_copy_facts *out, kt_fail *fail) KT_MUST_CHECK;
/* Puts a checked copy into the data directory `dir`, which must not hold a store (KT_CONFLICT). Who
 * restores must erase again what was erased since the copy was made. */
kt_err store_restore(const char *from, const char *dir, kt_fail *fail) KT_MUST_CHECK;
/* Checkpoints until no deleted byte is left in the log; KT_BUSY while an old reader stands. */
kt_err store_scrub(store *st) KT_MUST_CHECK;
/* 16 random bytes as 22 characters of base64url, the form of all ids of rows. */
#define STORE_ID_LEN 22

#endif
