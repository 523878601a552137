/* SPDX-License-Identifier: Apache-2.0 */
/* telemetry.c -- the room: /metrics, its two forms, and the table of routes. */
#include "telemetry/telemetry.h"

#include <stdlib.h>
#include <zlib.h>

#define ANSWER_MAX    ((size_t)8 << 20)
#define RESERVE_BYTES ((int64_t)64 << 20)

static const struct {
    const char *type;
} forms[] = {
    [KT_TEXT_004] = { "text/plain; version=0.0.4; charset=utf-8" },
    [KT_OPENMETRICS_1] = { "application/openmetrics-text; version=1.0.0; charset=utf-8" },
};

/* gzip (RFC 1952) of `text` into the arena; NONE when it fails. */
static kt_str packed(kt_arena *mem, kt_str text)
{
    z_stream z = { 0 };
    if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) return KT_STR_NONE;
    size_t cap = deflateBound(&z, text.len);
    char *out = kt_alloc(mem, cap);
    z.next_in = (Bytef *)(uintptr_t)text.at;
    z.avail_in = (uInt)text.len;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)cap;
    int rc = deflate(&z, Z_FINISH);
    size_t n = z.total_out;
    deflateEnd(&z);
    return rc == Z_STREAM_END ? (kt_str){ out, n } : KT_STR_NONE;
}

static kt_err get_metrics(request *rq, reply *rs)
{
    telemetry *t = rq->room;
    kt_exposition as = telemetry_form(request_header(rq, "Accept"));
    int64_t began = kt_monotonic_us();
    kt_buf out;
    kt_err err;

    kt_buf_init(&out, ANSWER_MAX);
    kt_metrics_write(t->house->metrics, as, &out);
    kt_metric_set(t->scrape, 0, (double)(kt_monotonic_us() - began) / 1e6);
    kt_str body = kt_buf_str(&out), small = KT_STR_NONE;
    err = kt_buf_check(&out);
    if (err == KT_OK) err = reply_header(rs, "Vary", KT_STR("Accept, Accept-Encoding"));
    if (err == KT_OK && telemetry_gzip(request_header(rq, "Accept-Encoding"))) small = packed(rq->mem, body);
    if (err == KT_OK && small.at) err = reply_header(rs, "Content-Encoding", KT_STR("gzip"));
    if (err == KT_OK) err = reply_bytes(rs, 200, forms[as].type, small.at ? small : body);
    kt_buf_free(&out);
    return err;
}

static kt_err telemetry_init(house *h, kt_fail *fail, void **room)
{
    telemetry *t = kt_calloc(1, sizeof *t);
    t->house = h;
    t->reserve_bytes = RESERVE_BYTES;
    pthread_mutex_init(&t->lock, NULL);
    telemetry_process_metrics(h->metrics, h->clock);
    t->scrape = kt_metric_new(h->metrics, KT_GAUGE, "kontor_scrape_duration_seconds",
                              "How long writing the last scrape took.", "");
    *room = t;
    return KT_OK;
}

static void telemetry_stop(void *room)
{
    telemetry *t = room;
    if (!t) return;
    pthread_mutex_destroy(&t->lock);
    free(t);
}

#define QUIET (HTTP_NO_LOG | HTTP_NO_STORE | HTTP_NO_COOKIE)

static const route routes[] = {
    { "GET", "/metrics", get_metrics, HTTP_WORK, "telemetry", HTTP_INTERNAL, QUIET, 0, NULL, NULL },
    { "GET", "/health/live", telemetry_get_live, HTTP_INLINE, "telemetry", HTTP_INTERNAL, QUIET, 0, NULL, NULL },
    { "GET", "/healthz", telemetry_get_live, HTTP_INLINE, "telemetry", HTTP_INTERNAL, QUIET, 0, NULL, NULL },
    { "GET", "/health/ready", telemetry_get_ready, HTTP_WORK, "telemetry", HTTP_INTERNAL, QUIET, 0, NULL, NULL },
    { "GET", "/readyz", telemetry_get_ready, HTTP_WORK, "telemetry", HTTP_INTERNAL, QUIET, 0, NULL, NULL },
    { "GET", "/health/started", telemetry_get_started, HTTP_WORK, "telemetry", HTTP_INTERNAL, QUIET, 0, NULL, NULL },
    { "GET", "/startupz", telemetry_get_started, HTTP_WORK, "telemetry", HTTP_INTERNAL, QUIET, 0, NULL, NULL },
    { 0 }
};

const module telemetry_module = {
    .name = "telemetry", .routes = routes, .init = telemetry_init, .drain = telemetry_drain, .stop = telemetry_stop
};
