/* SPDX-License-Identifier: Apache-2.0 */
/* retention.c -- the rules of the register as SQL.
 *
 * A rule that names a table and a start `table.column` is run here; the others are kept by those whom
 * `by` names. Rows whose start lies at or before the cutoff are due. With months the cutoff follows the
 * calendar, and where a month is too short for a start (31 January + one month) the last day counts
 * (§ 188(3) BGB): a maximum is then never passed, a legal minimum never undercut.
 *
 * Each batch is one transaction with its line in the ledger, so a crash loses at most the batch that was
 * not yet durable, and the writer is never held for long. */
#include "register/retention.h"
#include "register/inside.h"
#include "register/queries.h"
#include "base/log.h"

enum { BATCH_ROWS = 5000 };

/* ------------------------------------------------------------------ when */

int64_t retention_cutoff(int64_t now_ms, int64_t ms, int months, bool never_early)
{
    if (!months) return now_ms - ms;
    kt_civil c = kt_civil_utc(now_ms - ms);
    int last = kt_days_in_month(c.year, c.month), day = c.day;
    int month = c.year * 12 + c.month - 1 - months;
    c.year = month / 12;
    c.month = month % 12 + 1;
    int target = kt_days_in_month(c.year, c.month);
    if (day > target) { /* every start of that month is past its day */
        c.day = target;
        c.hour = 23;
        c.minute = c.second = 59;
        c.ms = 999;
    } else if (day == last && target > last && !never_early) {
        c.day = target; /* starts on days this month does not have */
    }
    return kt_civil_ms(c);
}

/* ------------------------------------------------------------------ which rows */

bool retention_is_sql(const retention *k)
{
    return !kt_str_empty(k->table) && kt_str_find_byte(k->start, '.', 0) != KT_NOT_FOUND_AT &&
           (k->keep_ms || k->keep_months) && k->then != THEN_RESTRICT;
}

static kt_str start_column(const retention *k)
{
    return kt_str_slice(k->start, kt_str_find_byte(k->start, '.', 0) + 1, k->start.len);
}

/* " AND (condition) AND (a IS NOT NULL OR b IS NOT NULL)": a stripped row is not due again. */
static void put_conditions(kt_buf *out, const retention *k)
{
    if (!kt_str_empty(k->condition)) kt_buf_put_fmt(out, " AND (%.*s)", KT_ARG(k->condition));
    for (size_t i = 0; i < k->n_columns; i++)
        kt_buf_put_fmt(out, "%s%.*s IS NOT NULL%s", i ? " OR " : " AND (", KT_ARG(k->columns[i]),
                       i + 1 == k->n_columns ? ")" : "");
}

static const char *count_text(kt_arena *mem, const retention *k)
{
    kt_buf out;
    kt_buf_init(&out, 16384);
    kt_str start = start_column(k);
    kt_buf_put_fmt(&out, "SELECT count(*) AS due, min(%.*s) AS oldest FROM %.*s WHERE %.*s <= :cutoff", KT_ARG(start),
                   KT_ARG(k->table), KT_ARG(start));
    put_conditions(&out, k);
    char *text = kt_str_z(mem, kt_buf_str(&out));
    kt_buf_free(&out);
    return text;
}

static const char *batch_text(kt_arena *mem, const retention *k)
{
    kt_buf out;
    kt_buf_init(&out, 16384);
    if (k->n_columns == 0) kt_buf_put_fmt(&out, "DELETE FROM %.*s", KT_ARG(k->table));
    for (size_t i = 0; i < k->n_columns; i++) {
        if (i == 0) kt_buf_put_fmt(&out, "UPDATE %.*s SET ", KT_ARG(k->table));
        kt_buf_put_fmt(&out, "%s%.*s = NULL", i ? ", " : "", KT_ARG(k->columns[i]));
    }
    kt_buf_put_fmt(&out, " WHERE rowid IN (SELECT rowid FROM %.*s WHERE %.*s <= :cutoff", KT_ARG(k->table),
                   KT_ARG(start_column(k)));
    put_conditions(&out, k);
    kt_buf_put_fmt(&out, " LIMIT %d)", (int)BATCH_ROWS);
    char *text = kt_str_z(mem, kt_buf_str(&out));
    kt_buf_free(&out);
    return text;
}

static int64_t cutoff_of(const retention *k, int64_t now_ms)
{
    return retention_cutoff(now_ms, k->keep_ms, k->keep_months, k->rule == KEEP_LAW);
}

/* ------------------------------------------------------------------ dry run */

static kt_err count_due(db *d, kt_arena *mem, const retention *k, int64_t now_ms, int64_t *due, int64_t *oldest)
{
    rows *r = NULL;
    TRY(store_rows_text(d, count_text(mem, k), ARGS(sql_int("cutoff", cutoff_of(k, now_ms))), &r));
    if (rows_next(r)) {
        *due = rows_int(r, "due");
        *oldest = rows_is_null(r, "oldest") ? 0 : rows_int(r, "oldest");
    }
    return rows_end(r);
}

kt_err retention_due(const registry *r, store *st, kt_arena *mem, int64_t now_ms, kt_value **out)
{
    static const char *const thens[] = { "erase", "obfuscate", "restrict" };
    kt_value *list = kt_list(mem);
    db *d = store_reader(st);
    for (size_t i = 0; i < r->n_activities; i++) {
        const activity *a = r->activities[i];
        for (size_t j = 0; j < a->n_keeps; j++) {
            const retention *k = &a->keeps[j];
            int64_t due = 0, oldest = 0;
            if (!retention_is_sql(k)) continue;
            TRY(count_due(d, mem, k, now_ms, &due, &oldest));
            kt_value *row = kt_add_map(mem, list);
            kt_set_str(mem, row, "activity", a->id);
            kt_set_str(mem, row, "rule", k->id);
            kt_set_str(mem, row, "table", k->table);
            kt_set_int(mem, row, "due", due);
            kt_set_int(mem, row, "oldest_ms", oldest);
            kt_set_c(mem, row, "then", thens[k->then]);
        }
    }
    *out = list;
    return KT_OK;
}

/* ------------------------------------------------------------------ doing it */

typedef struct {
    const activity *activity;
    const retention *rule;
    const char *text;
    int64_t now_ms, changed;
} batch;

static kt_err run_batch(db *d, void *ctx)
{
    batch *b = ctx;
    TRY(store_exec_text(d, b->text, ARGS(sql_int("cutoff", cutoff_of(b->rule, b->now_ms))), &b->changed));
    if (b->changed == 0) return KT_OK;
    return store_exec(d, &SQL_register_ledger_add,
                      ARGS(sql_int("at", b->now_ms), sql_text("activity", b->activity->id),
                           sql_text("rule", b->rule->id), sql_int("count", b->changed)),
                      NULL);
}

static kt_err run_rule(store *st, kt_arena *mem, const activity *a, const retention *k, int64_t now_ms,
                       int64_t *removed)
{
    batch b = { a, k, batch_text(mem, k), now_ms, 0 };
    do {
        b.changed = 0;
        TRY(store_write(st, run_batch, &b));
        *removed += b.changed;
    } while (b.changed >= BATCH_ROWS);
    return KT_OK;
}

static kt_err run_activity(store *st, kt_arena *mem, const activity *a, int64_t now_ms, int64_t *removed,
                           int64_t *overdue)
{
    kt_err first = KT_OK;
    for (size_t i = 0; i < a->n_keeps; i++) {
        const retention *k = &a->keeps[i];
        int64_t due = 0, oldest = 0;
        if (!retention_is_sql(k)) continue;
        kt_err err = run_rule(st, mem, a, k, now_ms, removed);
        if (err == KT_OK) err = count_due(store_reader(st), mem, k, now_ms, &due, &oldest);
        *overdue += due;
        if (err == KT_OK) continue;
        kt_log(KT_LOG_ERROR, "retention.failed", KT_WORD("activity", kt_str_z(mem, a->id)),
               KT_WORD("rule", kt_str_z(mem, k->id)), KT_WORD("why", kt_err_name(err)));
        if (first == KT_OK) first = err;
    }
    return first;
}

static void count_run(const registry *r, size_t i, int64_t removed, int64_t overdue, int64_t now_ms, bool done)
{
    const register_metrics *m = &r->metrics;
    if (!m->deleted) return;
    kt_metric_add(m->deleted, m->deleted_series[i], removed);
    kt_metric_set(m->overdue, m->overdue_series[i], (double)overdue);
    if (done) kt_metric_set(m->last_run, m->last_run_series[i], (double)now_ms / 1000);
}

/* One rule that fails does not keep the others from running; the first error is returned at the end. */
kt_err retention_run(const registry *r, store *st, kt_arena *mem, int64_t now_ms, int64_t *removed)
{
    kt_err first = KT_OK;
    int64_t all = 0;
    for (size_t i = 0; i < r->n_activities; i++) {
        int64_t done = 0, overdue = 0;
        kt_err err = run_activity(st, mem, r->activities[i], now_ms, &done, &overdue);
        count_run(r, i, done, overdue, now_ms, err == KT_OK);
        all += done;
        if (first == KT_OK) first = err;
    }
    if (removed) *removed = all;
    return first;
}
