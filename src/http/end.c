/* SPDX-License-Identifier: Apache-2.0 */
/* end.c -- what became of each request, told once: to the access log and to the metrics.
 *
 * Labels are templates of routes, known methods and statuses: nothing a client can invent. Each thread
 * finds a route's series by the address of its row. */
#include <stdio.h>
#include <stdlib.h>
#include "http/inside.h"

typedef struct {
    const route *row;
    size_t duration, bytes, taken;
} route_row;

struct counters {
    kt_metric *requests, *duration, *bytes, *taken, *connections, *rejected;
    route_row *rows; /* open addressing by the row's address; filled before start */
    size_t cap, n;
    route_row none; /* no route matched */
};

static double ask_connections(void *ctx) { return (double)atomic_load(&((http_server *)ctx)->n_conns); }
static double ask_requests(void *ctx) { return (double)atomic_load(&((http_server *)ctx)->n_exchanges); }
static double ask_idle(void *ctx)
{
    double idle = ask_connections(ctx) - ask_requests(ctx);
    return idle > 0 ? idle : 0;
}

static route_row row_series(counters *c, const route *row)
{
    const char *name = row ? row->path : "none";
    return (route_row){ row, kt_metric_series(c->duration, &name), kt_metric_series(c->bytes, &name),
                        kt_metric_series(c->taken, &name) };
}

counters *counters_new(http_server *s)
{
    kt_metrics *m = s->options.metrics;
    if (!m) return NULL;
    counters *c = kt_calloc(1, sizeof *c);
    c->requests = kt_metric_new(m, KT_COUNTER, "kontor_http_requests_total", "Requests by route, method and status.",
                                "route,method,code");
    c->duration = kt_metric_new(m, KT_HISTOGRAM, "kontor_http_request_duration_seconds",
                                "Time from the request line to the last byte of the answer.", "route");
    c->taken = kt_metric_new(m, KT_COUNTER, "kontor_http_request_bytes_total", "Bytes of bodies received.", "route");
    c->bytes = kt_metric_new(m, KT_COUNTER, "kontor_http_response_bytes_total", "Bytes of bodies sent.", "route");
    c->connections = kt_metric_new(m, KT_GAUGE, "kontor_http_connections", "Open connections.", "state");
    c->rejected = kt_metric_new(m, KT_COUNTER, "kontor_http_rejected_total",
                                "Requests refused before or instead of their "
                                "handler.",
                                "reason");
    kt_metric_ask(c->connections, kt_metric_series(c->connections, (const char *[]){ "active" }), ask_requests, s);
    kt_metric_ask(c->connections, kt_metric_series(c->connections, (const char *[]){ "idle" }), ask_idle, s);
    c->none = row_series(c, NULL);
    return c;
}

void counters_free(counters *c)
{
    if (!c) return;
    static const char *const states[] = { "active", "idle" };
    for (size_t i = 0; i < 2; i++)
        kt_metric_ask(c->connections, kt_metric_series(c->connections, &states[i]), NULL, NULL);
    free(c->rows);
    free(c);
}

static size_t place(const counters *c, const route *row)
{
    size_t at = ((uintptr_t)row >> 4) * 2654435761u % c->cap;
    while (c->rows[at].row && c->rows[at].row != row) at = (at + 1) % c->cap;
    return at;
}

void counters_add_route(counters *c, const route *row)
{
    if (!c) return;
    if ((c->n + 1) * 2 > c->cap) {
        counters old = *c;
        c->cap = old.cap ? old.cap * 2 : 64;
        c->rows = kt_calloc(c->cap, sizeof *c->rows);
        for (size_t i = 0; i < old.cap; i++)
            if (old.rows[i].row) c->rows[place(c, old.rows[i].row)] = old.rows[i];
        free(old.rows);
    }
    c->rows[place(c, row)] = row_series(c, row);
    c->n++;
}

static const char *known_method(kt_str method)
{
    static const char *const known[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (kt_str_is(method, known[i])) return known[i];
    return "other";
}

static void count(counters *c, const route *row, kt_str method, const http_end *end, uint64_t taken)
{
    char code[16];
    if (!c) return;
    snprintf(code, sizeof code, "%d", end->status);
    const char *labels[3] = { row ? row->path : "none", known_method(method), code };
    kt_metric_add(c->requests, kt_metric_series(c->requests, labels), 1);
    const route_row *r = row && c->cap ? &c->rows[place(c, row)] : &c->none;
    if (!r->row && row) r = &c->none;
    kt_metric_observe(c->duration, r->duration, (double)end->duration_us / 1e6);
    kt_metric_add(c->bytes, r->bytes, (int64_t)end->bytes);
    kt_metric_add(c->taken, r->taken, (int64_t)taken);
}

void count_rejected(http_server *s, const char *reason)
{
    if (s->counters) kt_metric_add(s->counters->rejected, kt_metric_series(s->counters->rejected, &reason), 1);
}

void exchange_end(exchange *ex, int status, uint64_t bytes)
{
    http_server *s = ex->server;
    request *rq = &ex->rq;
    http_end end = {
        .rq = rq,
        .status = status,
        .bytes = bytes,
        .started_ms = rq->now_ms,
        .duration_us = kt_monotonic_us() - ex->started_us,
        .peer = rq->peer,
        .user_agent = request_header(rq, "user-agent"),
        .client_hints = request_header(rq, "sec-ch-ua"),
        .client_platform = request_header(rq, "sec-ch-ua-platform"),
        .route = rq->route,
        .tls = rq->tls,
        .http_1_0 = ex->http_1_0,
    };
    count(s->counters, rq->route, rq->method, &end, ex->body_seen);
    for (size_t i = 0; i < s->n_ends; i++) s->ends[i].run(s->ends[i].ctx, &end);
}

void end_unparsed(http_server *s, const http_conn *c, int status)
{
    int64_t now_us = kt_monotonic_us();
    http_end end = {
        .status = status, .started_ms = kt_now_ms(s->options.clock), .peer = c->addr, .tls = c->listener->tls
    };
    end.duration_us = now_us - atomic_load(&c->since_ms) * 1000;
    count(s->counters, NULL, KT_STR(""), &end, 0);
    count_rejected(s, "parse");
    for (size_t i = 0; i < s->n_ends; i++) s->ends[i].run(s->ends[i].ctx, &end);
}
