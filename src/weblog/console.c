/* SPDX-License-Identifier: Apache-2.0 */
/* console.c -- the access log for the operator's staff: how much, how fast, with what. Counts of the raw tier,
 * no address, no account, and no way to look for a person. */
#include <stdio.h>

#include "weblog/weblog.h"

static const int64_t spans_h[] = { 24, 48, 168 };
static const char *const span_texts[] = { "weblog.console_log.day", "weblog.console_log.two_days",
                                          "weblog.console_log.week" };

static int64_t asked_span(request *rq)
{
    int64_t hours = 24;
    kt_str_int(request_query(rq, "hours"), &hours);
    for (size_t i = 0; i < 3; i++)
        if (spans_h[i] == hours) return hours;
    return 24;
}

static void put_spans(const weblog *w, request *rq, kt_value *data, int64_t hours)
{
    kt_value *list = kt_set_list(rq->mem, data, "spans");
    for (size_t i = 0; i < 3; i++) {
        kt_value *one = kt_add_map(rq->mem, list);
        kt_set_str(rq->mem, one, "label", page_text(w->house->pages, rq->mem, rq->lang, span_texts[i], NULL));
        kt_set_str(rq->mem, one, "href", kt_str_fmt(rq->mem, "/console/access-log?hours=%lld", (long long)spans_h[i]));
        kt_set_bool(rq->mem, one, "current", spans_h[i] == hours);
    }
}

static kt_str milliseconds(request *rq, uint64_t us)
{
    kt_str text = kt_str_fmt(rq->mem, "%.1f ms", (double)us / 1000.0);
    size_t point = kt_str_find_byte(text, '.', 0);
    if (strcmp(rq->lang, "de") == 0 && point != KT_NOT_FOUND_AT) ((char *)(uintptr_t)text.at)[point] = ',';
    return text;
}

static void put_row(request *rq, kt_value *list, const tally *t, kt_str name, uint64_t all)
{
    kt_value *row = kt_add_map(rq->mem, list);
    kt_set_str(rq->mem, row, "name", name);
    kt_set_str(rq->mem, row, "requests", page_number(rq->mem, rq->lang, (int64_t)t->n));
    kt_set_int(rq->mem, row, "value", (int64_t)t->n);
    kt_set_str(rq->mem, row, "share",
               kt_str_fmt(rq->mem, "%llu %%", (unsigned long long)(all ? (t->n * 100 + all / 2) / all : 0)));
    kt_set_str(rq->mem, row, "mean", milliseconds(rq, t->n ? t->us / t->n : 0));
    kt_set_str(rq->mem, row, "p95", milliseconds(rq, tally_p95_us(t)));
    kt_set_str(rq->mem, row, "most", milliseconds(rq, t->most_us));
}

static void put_table(request *rq, kt_value *data, counts *c, count_table t, count_order order, size_t most)
{
    kt_value *list = kt_set_list(rq->mem, data, count_table_name(t));
    counts_sort(c, t, order);
    for (size_t i = 0; i < c->tables[t].n && i < most; i++) {
        tally *row = &c->tables[t].at[i];
        put_row(rq, list, row, kt_str_dup(rq->mem, row->name), c->requests);
    }
}

/* Every hour of the span, also the quiet ones, in the reader's time: "Mo 14" would lie about a gap. */
static void put_hours(request *rq, kt_value *data, counts *c, int64_t from, int64_t now)
{
    static const tally none = { 0 };
    kt_value *list = kt_set_list(rq->mem, data, "hour");
    size_t at = 0;
    counts_sort(c, COUNT_hour, BY_NAME);
    for (int64_t hour = from - from % KT_HOUR_MS; hour <= now; hour += KT_HOUR_MS) {
        kt_civil u = kt_civil_utc(hour), local = kt_civil_zone(hour, "Europe/Berlin");
        kt_str key = kt_str_fmt(rq->mem, "%04d-%02d-%02dT%02d", u.year, u.month, u.day, u.hour);
        while (at < c->tables[COUNT_hour].n && kt_str_cmp(c->tables[COUNT_hour].at[at].name, key) < 0) at++;
        bool here = at < c->tables[COUNT_hour].n && kt_str_eq(c->tables[COUNT_hour].at[at].name, key);
        put_row(rq, list, here ? &c->tables[COUNT_hour].at[at] : &none,
                kt_str_fmt(rq->mem, "%02d.%02d. %02d:00", local.day, local.month, local.hour), c->requests);
    }
}

static void put_totals(request *rq, kt_value *data, const counts *c, const weblog *w)
{
    kt_set_str(rq->mem, data, "requests", page_number(rq->mem, rq->lang, (int64_t)c->requests));
    kt_set_str(rq->mem, data, "bytes", page_bytes(rq->mem, rq->lang, (int64_t)c->bytes));
    kt_set_str(rq->mem, data, "bots", page_number(rq->mem, rq->lang, (int64_t)c->bots));
    kt_set_str(rq->mem, data, "failed", page_number(rq->mem, rq->lang, (int64_t)c->failed));
    kt_set_int(rq->mem, data, "keep_days", w->settings.keep_ms / KT_DAY_MS);
    kt_set_bool(rq->mem, data, "any", c->requests > 0);
}

kt_err weblog_get_console(request *rq, reply *rs)
{
    weblog *w = rq->room;
    int64_t hours = asked_span(rq), from = rq->now_ms - (hours - 1) * KT_HOUR_MS;
    kt_value *data = kt_map(rq->mem);
    counts *c = counts_new();
    kt_err err = w->cache ? count_cache_read(w->cache, from, c, &rq->fail) : KT_OK;

    if (err == KT_OK) {
        kt_set_c(rq->mem, data, "layout", "console/layout");
        kt_set_bool(rq->mem, data, "wide", true);
        put_spans(w, rq, data, hours);
        put_totals(rq, data, c, w);
        put_hours(rq, data, c, from, rq->now_ms);
        put_table(rq, data, c, COUNT_browser, BY_COUNT, 12);
        put_table(rq, data, c, COUNT_os, BY_COUNT, 12);
        put_table(rq, data, c, COUNT_status, BY_NAME, 40);
        put_table(rq, data, c, COUNT_route, BY_SLOWNESS, 20);
        err = page_reply(w->house->pages, rq, rs, 200, "weblog/console_log", data);
    }
    counts_free(c);
    return err;
}
