/* SPDX-License-Identifier: Apache-2.0 */
/* counts.c -- see counts.h. */
#include "weblog/counts.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define HOURS_KEPT 200

static const struct {
    const char *name;
    size_t cap;
} tables[] = {
    [COUNT_day] = { "day", 400 },         [COUNT_hour] = { "hour", 400 },   [COUNT_status] = { "status", 100 },
    [COUNT_method] = { "method", 20 },    [COUNT_route] = { "route", 300 }, [COUNT_os] = { "os", 100 },
    [COUNT_browser] = { "browser", 200 },
};

const char *count_table_name(count_table t) { return tables[t].name; }

counts *counts_new(void)
{
    counts *c = kt_calloc(1, sizeof *c);
    c->mem = kt_arena_new();
    return c;
}

void counts_free(counts *c)
{
    if (!c) return;
    for (int t = 0; t < COUNT_TABLE_COUNT; t++) free(c->tables[t].at);
    kt_arena_free(c->mem);
    free(c);
}

static tally *find(counts *c, count_table t, kt_str name)
{
    for (size_t i = 0; i < c->tables[t].n; i++)
        if (kt_str_eq(c->tables[t].at[i].name, name)) return &c->tables[t].at[i];
    if (c->tables[t].n >= tables[t].cap && !kt_str_is(name, "other")) return find(c, t, KT_STR("other"));
    if (c->tables[t].n == c->tables[t].cap) {
        c->tables[t].cap = c->tables[t].cap ? c->tables[t].cap * 2 : 8;
        c->tables[t].at = kt_realloc(c->tables[t].at, c->tables[t].cap * sizeof *c->tables[t].at);
    }
    tally *made = &c->tables[t].at[c->tables[t].n++];
    memset(made, 0, sizeof *made);
    made->name = kt_str_dup(c->mem, name);
    return made;
}

static void add(counts *c, count_table t, kt_str name, const weblog_line *l)
{
    uint64_t us = (uint64_t)l->dur_us;
    unsigned power = 0;
    tally *to = find(c, t, name);
    to->n++;
    to->us += us;
    if (us > to->most_us) to->most_us = us;
    while (us >> power && power + 1 < TALLY_SPREAD) power++;
    to->spread[power]++;
}

void counts_add(counts *c, const weblog_line *l)
{
    char text[32];
    kt_civil t = kt_civil_utc(l->time_ms);
    c->requests++;
    c->bytes += l->bytes;
    c->bots += l->bot;
    c->failed += l->status >= 500;
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d", t.year, t.month, t.day, t.hour);
    add(c, COUNT_hour, kt_str_c(text), l);
    add(c, COUNT_day, kt_str_slice(kt_str_c(text), 0, 10), l);
    snprintf(text, sizeof text, "%d", l->status);
    add(c, COUNT_status, kt_str_c(text), l);
    if (l->method.len) add(c, COUNT_method, l->method, l);
    add(c, COUNT_route, l->route.len ? l->route : KT_STR("-"), l);
    if (l->os.len) add(c, COUNT_os, l->os, l);
    if (l->browser.len) add(c, COUNT_browser, l->browser, l);
}

void counts_merge(counts *into, const counts *from)
{
    into->requests += from->requests;
    into->bytes += from->bytes;
    into->bots += from->bots;
    into->failed += from->failed;
    for (count_table t = 0; t < COUNT_TABLE_COUNT; t++)
        for (size_t i = 0; i < from->tables[t].n; i++) {
            const tally *f = &from->tables[t].at[i];
            tally *to = find(into, t, f->name);
            to->n += f->n;
            to->us += f->us;
            if (f->most_us > to->most_us) to->most_us = f->most_us;
            for (unsigned s = 0; s < TALLY_SPREAD; s++) to->spread[s] += f->spread[s];
        }
}

static int by_name(const void *a, const void *b)
{
    return kt_str_cmp(((const tally *)a)->name, ((const tally *)b)->name);
}

static int by_count(const void *a, const void *b)
{
    const tally *x = a, *y = b;
    return x->n != y->n ? (x->n < y->n ? 1 : -1) : by_name(a, b);
}

static int by_slowness(const void *a, const void *b)
{
    uint64_t x = tally_p95_us(a), y = tally_p95_us(b);
    return x != y ? (x < y ? 1 : -1) : by_count(a, b);
}

void counts_sort(counts *c, count_table t, count_order order)
{
    static int (*const orders[])(
        const void *, const void *) = { [BY_COUNT] = by_count, [BY_NAME] = by_name, [BY_SLOWNESS] = by_slowness };
    if (c->tables[t].n) qsort(c->tables[t].at, c->tables[t].n, sizeof(tally), orders[order]);
}

/* Between the ends of the power of two it lies in, in proportion. */
uint64_t tally_p95_us(const tally *t)
{
    uint64_t seen = 0, wanted = t->n - t->n / 20;
    for (unsigned power = 0; power < TALLY_SPREAD; power++) {
        uint64_t here = t->spread[power];
        if (here == 0 || seen + here < wanted) {
            seen += here;
            continue;
        }
        uint64_t low = power ? (uint64_t)1 << (power - 1) : 0, high = power ? (uint64_t)1 << power : 0;
        if (high > t->most_us) high = t->most_us;
        return high <= low ? high : low + (high - low) * (wanted - seen) / here;
    }
    return t->most_us;
}

kt_value *counts_value(const counts *c, kt_arena *mem)
{
    kt_value *v = kt_map(mem);
    kt_set_int(mem, v, "requests", (int64_t)c->requests);
    kt_set_int(mem, v, "bytes", (int64_t)c->bytes);
    kt_set_int(mem, v, "bots", (int64_t)c->bots);
    for (count_table t = 0; t < COUNT_TABLE_COUNT; t++) {
        kt_value *list = kt_set_list(mem, v, tables[t].name);
        for (size_t i = 0; i < c->tables[t].n; i++) {
            const tally *from = &c->tables[t].at[i];
            kt_value *row = kt_add_map(mem, list);
            kt_set_str(mem, row, "name", from->name);
            kt_set_int(mem, row, "requests", (int64_t)from->n);
            kt_set_int(mem, row, "mean_us", (int64_t)(from->us / from->n));
            kt_set_int(mem, row, "p95_us", (int64_t)tally_p95_us(from));
            kt_set_int(mem, row, "max_us", (int64_t)from->most_us);
        }
    }
    return v;
}

/* ---- hours that are over ---- */

struct count_cache {
    segments *segments;
    const kt_clock *clock;
    pthread_mutex_t lock;
    struct {
        int64_t hour;
        counts *counts;
    } kept[HOURS_KEPT];
};

count_cache *count_cache_new(segments *s, const kt_clock *clock)
{
    count_cache *c = kt_calloc(1, sizeof *c);
    c->segments = s;
    c->clock = clock;
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

void count_cache_free(count_cache *c)
{
    if (!c) return;
    for (size_t i = 0; i < HOURS_KEPT; i++) counts_free(c->kept[i].counts);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static kt_err add_line(void *ctx, const weblog_line *l, log_tier tier)
{
    counts_add(ctx, l);
    return KT_OK;
}

static kt_err read_hour(count_cache *c, int64_t from, int64_t to, counts *into, kt_fail *fail)
{
    return segments_read(c->segments, "operation", TIER_RAW, from, to, fail, add_line, into);
}

kt_err count_cache_read(count_cache *c, int64_t from_ms, counts *into, kt_fail *fail)
{
    int64_t now = kt_now_ms(c->clock), from = from_ms - from_ms % KT_HOUR_MS;
    kt_err err = KT_OK;
    pthread_mutex_lock(&c->lock);
    for (int64_t hour = from; hour <= now && err == KT_OK; hour += KT_HOUR_MS) {
        size_t at = (size_t)(hour / KT_HOUR_MS) % HOURS_KEPT;
        bool over = hour + KT_HOUR_MS + 10 * KT_MINUTE_MS < now; /* long requests end later than their hour */
        if (!over) {
            err = read_hour(c, hour, hour + KT_HOUR_MS, into, fail);
            continue;
        }
        if (!c->kept[at].counts || c->kept[at].hour != hour) {
            counts_free(c->kept[at].counts);
            c->kept[at].counts = counts_new();
            c->kept[at].hour = hour;
            err = read_hour(c, hour, hour + KT_HOUR_MS, c->kept[at].counts, fail);
            if (err != KT_OK) {
                counts_free(c->kept[at].counts);
                c->kept[at].counts = NULL;
            }
        }
        if (err == KT_OK) counts_merge(into, c->kept[at].counts);
    }
    pthread_mutex_unlock(&c->lock);
    return err;
}
