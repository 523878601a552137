/* SPDX-License-Identifier: Apache-2.0 */
/* engine.h -- what a database must be able to do for store.h; only store/ includes this.
 *
 * store.c, writer.c and migrate.c hold everything that is the same on any database: threads and their
 * connections, statements by name, the writer's queue, versions. An engine is a table of functions
 * that knows one database. sqlite.c is the one there is. A connection belongs to one thread at a time
 * and an engine needs no locks of its own. docs/store.md says what a second engine has to fill in.
 *
 * Every function that fails has logged what the database said (never values) and returns the row of
 * the error table that callers of store.h are promised. */
#ifndef KONTOR_STORE_ENGINE_H
#define KONTOR_STORE_ENGINE_H
#include "store/store.h"

typedef struct engine_home  engine_home;    /* one opened database */
typedef struct engine_conn  engine_conn;    /* one connection to it */
typedef struct engine_query engine_query;   /* one prepared statement of a connection */

typedef struct engine {
    const char *name;

    /* Opens, checks and sets up the database itself. */
    kt_err (*open)(const store_options *options, kt_fail *fail, engine_home **out);
    void   (*close)(engine_home *home);
    kt_err (*connect)(engine_home *home, bool writing, kt_fail *fail, engine_conn **out);
    /* After all its queries were dropped. Accepts NULL. */
    void   (*disconnect)(engine_conn *conn);

    /* Transactions. `snapshot` begins a reading one and fixes its moment. */
    kt_err (*begin)(engine_conn *conn);
    kt_err (*snapshot)(engine_conn *conn);
    kt_err (*commit)(engine_conn *conn);
    void   (*rollback)(engine_conn *conn);
    /* A mark inside a transaction; unmark keeps or undoes what came after it. */
    kt_err (*mark)(engine_conn *conn);
    kt_err (*unmark)(engine_conn *conn, bool undo);
    /* False when the database itself gave up the transaction (some errors do that). */
    bool   (*in_transaction)(engine_conn *conn);
    /* True when a deferred constraint is broken, so that a commit would fail. */
    bool   (*owes)(engine_conn *conn);

    /* Statements. Parameters count from 1; param gives 0 for a name the statement does not have. */
    kt_err (*prepare)(engine_conn *conn, const char *text, engine_query **out);
    void   (*drop)(engine_query *query);
    int    (*params)(engine_query *query);
    int    (*param)(engine_query *query, const char *name);
    /* `keep`: the bytes are copied, because they may be gone before the last step. */
    kt_err (*bind)(engine_query *query, int at, const sql_arg *arg, bool keep);
    kt_err (*step)(engine_conn *conn, engine_query *query, const char *name, bool *row);
    void   (*reset)(engine_query *query);       /* and forgets what was bound */
    int64_t (*changes)(engine_conn *conn, engine_query *query);

    int         (*width)(engine_query *query);
    const char *(*column_name)(engine_query *query, int i);
    sql_type    (*column_type)(engine_query *query, int i);
    int64_t     (*column_int)(engine_query *query, int i);
    double      (*column_real)(engine_query *query, int i);
    kt_str      (*column_text)(engine_query *query, int i);
    kt_str      (*column_blob)(engine_query *query, int i);

    /* Several statements that may change the schema, inside a transaction. */
    kt_err (*change_schema)(engine_conn *conn, const char *text, kt_fail *fail);
    kt_err (*catalogue)(engine_conn *conn, void (*each)(const store_column *c, void *ctx), void *ctx);

    /* Upkeep on the writing connection, outside a transaction. `eager`: there is nothing else to do. */
    void   (*tidy)(engine_conn *conn, bool eager);
    /* KT_BUSY while an old reader stands. Does not wait. */
    kt_err (*scrub)(engine_conn *conn);
    /* A whole copy in a new file, durable when KT_OK. */
    kt_err (*copy)(engine_home *home, const char *to, kt_fail *fail);
    /* Reads a copy through and says what it is, without leaving a trace beside it. */
    kt_err (*inspect)(const char *path, store_copy_facts *out, kt_fail *fail);
    void   (*sizes)(engine_home *home, int64_t *bytes, int64_t *log_bytes);
} engine;

extern const engine engine_sqlite;

#endif
