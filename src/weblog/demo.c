/* SPDX-License-Identifier: Apache-2.0 */
/* demo.c -- two weeks of invented visits for the demo: busy by day, quiet by night and on weekends.
 *
 * The rules hold here too: what is older than the raw tier may be is written straight into the long tier,
 * coarse. Addresses are those set aside for documentation (RFC 5737, RFC 3849). */
#include <stdlib.h>

#include "weblog/weblog.h"

static const struct {
    const char *os, *os_v, *browser, *browser_v;
    unsigned weight;
    bool bot;
} agents[] = {
    { "Windows", "10+", "Chrome", "131", 30, false },     { "Windows", "10+", "Firefox", "132.0", 18, false },
    { "Windows", "10+", "Edge", "131", 14, false },       { "macOS", "", "Safari", "18.1", 10, false },
    { "macOS", "", "Chrome", "131", 6, false },           { "iOS", "18.1", "Mobile Safari", "18.1", 14, false },
    { "Android", "", "Chrome Mobile", "131", 12, false }, { "Linux", "", "Firefox", "132.0", 5, false },
    { "Ubuntu", "", "Firefox", "131.0", 2, false },       { "Other", "", "Googlebot", "2.1", 3, true },
    { "Other", "", "bingbot", "2.0", 1, true },
};
static const struct {
    const char *method, *route;
    int status;
    unsigned weight;
    uint32_t bytes, us;
} visits[] = {
    { "GET", "/", 200, 30, 9200, 700 },
    { "GET", "/sign-in", 200, 16, 6100, 800 },
    { "POST", "/sign-in", 303, 9, 0, 182000 },
    { "GET", "/sign-up", 200, 6, 7400, 900 },
    { "POST", "/sign-up", 303, 2, 0, 214000 },
    { "GET", "/account", 200, 14, 8800, 2100 },
    { "GET", "/account/profile", 200, 6, 7900, 1900 },
    { "GET", "/datenschutz", 200, 5, 61000, 3400 },
    { "GET", "/assets/{hash}/{path...}", 200, 34, 21000, 300 },
    { "GET", "/assets/{hash}/{path...}", 304, 10, 0, 200 },
    { "POST", "/consent", 303, 4, 0, 5200 },
    { "GET", NULL, 404, 3, 4100, 600 },
    { "GET", "/account", 500, 1, 3900, 1200 },
};

static unsigned pick(kt_random *random, unsigned (*weight)(size_t i), size_t n)
{
    unsigned all = 0, at, i = 0;
    for (size_t k = 0; k < n; k++) all += weight(k);
    at = kt_random_below(random, all);
    while (at >= weight(i)) at -= weight(i++);
    return i;
}
static unsigned agent_weight(size_t i) { return agents[i].weight; }
static unsigned visit_weight(size_t i) { return visits[i].weight; }

/* Requests in an hour: two humps on working days, a flat hill on weekends. */
static unsigned busy(kt_random *random, int64_t hour_ms)
{
    static const unsigned work[24] = { 4,  2,  1,  1,  1,  3,  9,  26, 58, 84, 92, 88,
                                       62, 70, 86, 82, 66, 44, 30, 24, 22, 18, 12, 7 };
    kt_civil local = kt_civil_zone(hour_ms, "Europe/Berlin");
    bool weekend = local.weekday == 0 || local.weekday == 6;
    unsigned base = weekend ? 4 + work[local.hour] / 4 : work[local.hour];
    return base / 2 + kt_random_below(random, base + 1);
}

static void invent(kt_random *random, int64_t hour_ms, int64_t span_ms, weblog_line *l)
{
    unsigned a = pick(random, agent_weight, sizeof agents / sizeof *agents),
             v = pick(random, visit_weight, sizeof visits / sizeof *visits);
    static const unsigned char nets[3][3] = { { 192, 0, 2 }, { 198, 51, 100 }, { 203, 0, 113 } };

    memset(l, 0, sizeof *l);
    l->time_ms = hour_ms + kt_random_below(random, (uint32_t)span_ms);
    l->ip.known = true;
    if (kt_random_below(random, 4)) {
        l->ip.at[10] = l->ip.at[11] = 0xFF;
        memcpy(l->ip.at + 12, nets[kt_random_below(random, 3)], 3);
        l->ip.at[15] = (unsigned char)(1 + kt_random_below(random, 254));
    } else {
        static const unsigned char documentation[4] = { 0x20, 0x01, 0x0D, 0xB8 };
        memcpy(l->ip.at, documentation, 4);
        kt_random_fill(random, l->ip.at + 4, 12);
    }
    l->os = kt_str_c(agents[a].os);
    l->os_v = kt_str_c(agents[a].os_v);
    l->browser = kt_str_c(agents[a].browser);
    l->browser_v = kt_str_c(agents[a].browser_v);
    l->bot = agents[a].bot;
    l->method = kt_str_c(visits[v].method);
    l->proto = KT_STR("HTTP/1.1");
    l->route = kt_str_c(visits[v].route);
    l->status = visits[v].status;
    l->bytes = visits[v].bytes;
    l->dur_us = visits[v].us / 2 + kt_random_below(random, visits[v].us + visits[v].us / 2);
    l->tls = true;
}

static int by_time(const void *a, const void *b)
{
    const weblog_line *x = a, *y = b;
    return x->time_ms < y->time_ms ? -1 : x->time_ms > y->time_ms;
}

static kt_err fill_hour(weblog *w, kt_random *random, int64_t hour_ms, int64_t span_ms, bool raw)
{
    kt_arena *mem = kt_arena_new();
    unsigned n = busy(random, hour_ms);
    weblog_line *lines = kt_alloc_array(mem, n ? n : 1, sizeof *lines);
    kt_buf out;
    kt_err err = KT_OK;

    kt_buf_init(&out, (size_t)1 << 20);
    for (unsigned i = 0; i < n; i++) invent(random, hour_ms, span_ms, &lines[i]);
    qsort(lines, n, sizeof *lines, by_time);
    for (unsigned i = 0; i < n; i++) {
        if (!raw) line_coarsen(&lines[i], w->settings.cut, false);
        line_put(mem, &out, &lines[i], LINE_JSONL, w->settings.minimal);
    }
    if (out.len)
        err = raw ? segments_append(w->segments, hour_ms, kt_buf_str(&out))
                  : segments_put_long(w->segments, hour_ms, kt_buf_str(&out));
    kt_buf_free(&out);
    kt_arena_free(mem);
    return err;
}

kt_err weblog_demo(house *h, void *room)
{
    weblog *w = room;
    int64_t now = kt_now_ms(h->clock), this_hour = now - now % KT_HOUR_MS;
    kt_random random = kt_random_seeded(8);

    if (!w->segments || segments_oldest_raw_ms(w->segments) > KT_DAY_MS) return KT_OK; /* filled already */
    for (int64_t hour = this_hour - 14 * KT_DAY_MS; hour <= this_hour; hour += KT_HOUR_MS) {
        bool raw = hour + w->settings.keep_ms > now + 2 * WEBLOG_PURGE_EVERY_MS;
        int64_t span = hour == this_hour ? now - this_hour + 1 : KT_HOUR_MS;
        if (!raw && w->settings.long_keep_ms == 0) continue;
        TRY(fill_hour(w, &random, hour, span, raw));
    }
    return KT_OK;
}
