/* SPDX-License-Identifier: Apache-2.0 */
/* query.c -- statements with named parameters, and walks over their rows.
 *
 * A statement is compiled once a connection and kept under its id. Parameters and columns go by name;
 * a name that does not exist or a parameter without a value is a fault of the program and stops it,
 * so that the first test that comes by finds it. */
#include "store/room.h"
#include <assert.h>
#include <stdlib.h>
#include "base/log.h"
#include "base/value.h"

#define SLOTS_MAX 8192 /* ids above this are compiled anew each time */

/* A broken promise between a statement and the code that calls it. */
static void wrong_call(const char *statement, const char *name, const char *why)
{
    kt_log(KT_LOG_ERROR, "store.wrong_call", KT_WORD("statement", statement), KT_WORD("name", name),
           KT_WORD("why", why));
    abort();
}

/* --- compiled statements ----------------------------------------------------------------------- */

static void grow_cache(db *d, size_t id)
{
    size_t len = d->cache_len ? d->cache_len : 64;
    while (len <= id) len *= 2;
    d->cache = kt_realloc(d->cache, len * sizeof *d->cache);
    memset(d->cache + d->cache_len, 0, (len - d->cache_len) * sizeof *d->cache);
    d->cache_len = len;
}

/* *slot is the place in the cache + 1, or 0 when the caller must drop the query. */
static kt_err compiled(db *d, const sql *q, size_t *slot, engine_query **out)
{
    *slot = 0;
    if (q->id >= SLOTS_MAX) return d->engine->prepare(d->conn, q->text, out);
    if (q->id >= d->cache_len) grow_cache(d, q->id);
    prepared *p = &d->cache[q->id];
    if (p->busy || (p->of && p->of != q)) return d->engine->prepare(d->conn, q->text, out);
    if (!p->of) {
        TRY(d->engine->prepare(d->conn, q->text, &p->query));
        p->of = q;
    }
    p->busy = true;
    *slot = q->id + 1;
    *out = p->query;
    return KT_OK;
}

static void give_back(db *d, size_t slot, engine_query *query)
{
    if (!query) return;
    if (slot == 0) {
        d->engine->drop(query);
        return;
    }
    d->engine->reset(query);
    d->cache[slot - 1].busy = false;
}

/* --- parameters -------------------------------------------------------------------------------- */

static const sql_arg *arg_named(const sql_arg *args, const char *name)
{
    for (; args && args->type != SQL_END; args++)
        if (strcmp(args->name, name) == 0) return args;
    return NULL;
}

static kt_err bind_numbered(db *d, const sql *q, engine_query *query, const sql_arg *args, bool keep)
{
    size_t given = 0, used = 0;
    for (const sql_arg *a = args; a && a->type != SQL_END; a++) given++;
    for (; q->params[used]; used++) {
        const sql_arg *a = arg_named(args, q->params[used]);
        if (!a) wrong_call(q->name, q->params[used], "parameter without a value");
        TRY(d->engine->bind(query, (int)used + 1, a, keep));
    }
    if (given != used) wrong_call(q->name, "", "more values than parameters");
    return KT_OK;
}

/* Statements that rules were compiled to: a value they do not use is left out. */
static kt_err bind_named(db *d, engine_query *query, const sql_arg *args, bool keep)
{
    int bound = 0;
    for (const sql_arg *a = args; a && a->type != SQL_END; a++) {
        int at = d->engine->param(query, a->name);
        if (at == 0) continue;
        TRY(d->engine->bind(query, at, a, keep));
        bound++;
    }
    if (bound != d->engine->params(query)) wrong_call("text", "", "parameter without a value");
    return KT_OK;
}

/* --- running ----------------------------------------------------------------------------------- */

/* Steps a bound statement to its end. */
static kt_err run(db *d, engine_query *query, const char *name, int64_t *changed)
{
    kt_err err;
    bool row = true;
    do err = d->engine->step(d->conn, query, name, &row);
    while (err == KT_OK && row);
    if (err == KT_OK && changed) *changed = d->engine->changes(d->conn, query);
    return store_count_error(d->st, err);
}

static kt_err may_write(const db *d, const char *name)
{
    if (!d->conn) return d->broken;
    if (d->writing) return KT_OK;
    kt_log(KT_LOG_ERROR, "store.write_outside_action", KT_WORD("statement", name));
    return KT_REFUSED;
}

kt_err store_exec(db *d, const sql *q, const sql_arg *args, int64_t *changed)
{
    engine_query *query = NULL;
    size_t slot = 0;
    if (changed) *changed = 0;
    TRY(may_write(d, q->name));
    kt_err err = store_count_error(d->st, compiled(d, q, &slot, &query));
    if (err == KT_OK) err = bind_numbered(d, q, query, args, false);
    if (err == KT_OK) err = run(d, query, q->name, changed);
    give_back(d, slot, query);
    return err;
}

kt_err store_exec_text(db *d, const char *text, const sql_arg *args, int64_t *changed)
{
    engine_query *query = NULL;
    if (changed) *changed = 0;
    TRY(may_write(d, "text"));
    kt_err err = store_count_error(d->st, d->engine->prepare(d->conn, text, &query));
    if (err == KT_OK) err = bind_named(d, query, args, false);
    if (err == KT_OK) err = run(d, query, "text", changed);
    give_back(d, 0, query);
    return err;
}

/* --- walks ------------------------------------------------------------------------------------- */

static rows *rows_new(db *d, const char *name)
{
    rows *r = kt_calloc(1, sizeof *r);
    r->d = d;
    r->name = name;
    r->older = d->open;
    if (d->open) d->open->newer = r;
    d->open = r;
    return r;
}

kt_err store_rows(db *d, const sql *q, const sql_arg *args, rows **out)
{
    *out = NULL;
    if (!d->conn) return d->broken;
    rows *r = rows_new(d, q->name);
    r->err = store_count_error(d->st, compiled(d, q, &r->slot, &r->query));
    if (r->err == KT_OK) r->err = bind_numbered(d, q, r->query, args, true);
    if (r->err != KT_OK) return rows_end(r);
    *out = r;
    return KT_OK;
}

kt_err store_rows_text(db *d, const char *text, const sql_arg *args, rows **out)
{
    *out = NULL;
    if (!d->conn) return d->broken;
    rows *r = rows_new(d, "text");
    r->err = store_count_error(d->st, d->engine->prepare(d->conn, text, &r->query));
    if (r->err == KT_OK) r->err = bind_named(d, r->query, args, true);
    if (r->err != KT_OK) return rows_end(r);
    *out = r;
    return KT_OK;
}

bool rows_next(rows *r)
{
    if (!r || r->err != KT_OK) return false;
    r->err = r->d->engine->step(r->d->conn, r->query, r->name, &r->on_row);
    if (r->err != KT_OK) store_count_error(r->d->st, r->err);
    return r->on_row;
}

kt_err rows_end(rows *r)
{
    if (!r) return KT_OK;
    kt_err err = r->err;
    give_back(r->d, r->slot, r->query);
    if (r->newer)
        r->newer->older = r->older;
    else
        r->d->open = r->older;
    if (r->older) r->older->newer = r->newer;
    free(r);
    return err;
}

bool db_end_rows(db *d)
{
    bool any = d->open != NULL;
    while (d->open) { /* which ending a walk moves on; the analyser does not see that */
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
        kt_log(KT_LOG_ERROR, "store.rows_left_open", KT_WORD("statement", d->open->name));
        (void)!rows_end(d->open);
    }
    return any;
}

/* Columns are mostly read in the order of the statement: the search begins where the last one ended. */
static int column(rows *r, const char *name)
{
    int width = r->d->engine->width(r->query);
    if (!r->on_row) wrong_call(r->name, name, "there is no row");
    for (int i = 0; i < width; i++) {
        int at = (r->hint + i) % width;
        if (strcmp(r->d->engine->column_name(r->query, at), name) == 0) {
            r->hint = at + 1;
            return at;
        }
    }
    wrong_call(r->name, name, "no such column");
    return 0;
}

kt_str rows_text(rows *r, const char *name)
{
    int i = column(r, name);
    return r->d->engine->column_text(r->query, i);
}
kt_str rows_blob(rows *r, const char *name)
{
    int i = column(r, name);
    return r->d->engine->column_blob(r->query, i);
}
int64_t rows_int(rows *r, const char *name)
{
    int i = column(r, name);
    return r->d->engine->column_int(r->query, i);
}
double rows_real(rows *r, const char *name)
{
    int i = column(r, name);
    return r->d->engine->column_real(r->query, i);
}

bool rows_is_null(rows *r, const char *name)
{
    int i = column(r, name);
    return r->d->engine->column_type(r->query, i) == SQL_NULL;
}

size_t rows_width(rows *r) { return (size_t)r->d->engine->width(r->query); }
const char *rows_name(rows *r, size_t i) { return r->d->engine->column_name(r->query, (int)i); }
sql_type rows_type(rows *r, size_t i) { return r->d->engine->column_type(r->query, (int)i); }

/* --- conveniences ------------------------------------------------------------------------------ */

kt_err store_one_int(db *d, const sql *q, const sql_arg *args, int64_t *out)
{
    rows *r = NULL;
    TRY(store_rows(d, q, args, &r));
    bool row = rows_next(r);
    if (row) *out = d->engine->column_int(r->query, 0);
    kt_err err = rows_end(r);
    return err != KT_OK ? err : row ? KT_OK : KT_NOT_FOUND;
}

static kt_value *value_of(rows *r, int i, kt_arena *mem)
{
    const engine *e = r->d->engine;
    switch (e->column_type(r->query, i)) {
    case SQL_INT: return kt_integer(mem, e->column_int(r->query, i));
    case SQL_TEXT: return kt_string(mem, kt_str_dup(mem, e->column_text(r->query, i)));
    case SQL_BLOB: return kt_string(mem, kt_str_dup(mem, e->column_blob(r->query, i)));
    case SQL_REAL: {
        kt_value *v = kt_null(mem);
        v->kind = KT_V_REAL;
        v->as.real = e->column_real(r->query, i);
        return v;
    }
    case SQL_NULL:
    case SQL_END: break;
    }
    return kt_null(mem);
}

kt_err store_list(db *d, const sql *q, const sql_arg *args, kt_arena *mem, kt_value **out)
{
    rows *r = NULL;
    *out = NULL;
    TRY(store_rows(d, q, args, &r));
    assert(r);
    kt_value *list = kt_list(mem);
    int width = d->engine->width(r->query);
    char **names = kt_alloc_array(mem, (size_t)width + 1, sizeof *names);
    for (int i = 0; i < width; i++) names[i] = kt_str_z(mem, kt_str_c(d->engine->column_name(r->query, i)));
    while (rows_next(r)) {
        kt_value *map = kt_add_map(mem, list);
        for (int i = 0; i < width; i++) kt_set(mem, map, names[i], value_of(r, i, mem));
    }
    *out = list;
    return rows_end(r);
}
