/* SPDX-License-Identifier: Apache-2.0 */
/* record.c -- see record.h.
 *
 * The ring: each slot carries a turn. A slot whose turn equals the position is free for the producer who gets
 * that position; turn = position + 1 says it is filled; the writer sets it to position + slots, for the next
 * round. Producers compete by one compare-and-swap on the position. (The bounded queue of D. Vyukov, with a
 * single consumer.) A slot is overwritten with zeros once its line is formed: the raw User-Agent and the
 * address are not kept in memory either. */
#include "weblog/record.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "weblog/user_agent.h"

#define GATHER_MS    250
#define BATCH_BYTES  ((size_t)64 << 10)
#define HINTS_MAX    300
#define PLATFORM_MAX 40

struct slot {
    _Atomic size_t turn;
    int64_t started_ms, duration_us;
    uint64_t bytes;
    http_addr peer;
    const route *route; /* rows live as long as the program serves */
    kt_str method;      /* of the closed set: static text */
    int status;
    bool parsed, tls, http_1_0;
    uint16_t agent_len, hints_len, platform_len;
    char text[UA_INPUT_MAX + HINTS_MAX + PLATFORM_MAX];
};

struct recorder {
    _Atomic size_t head;  /* next position to fill */
    char apart[64];       /* producers and the writer do not share a line of cache */
    size_t tail;          /* next position to take; the writer's */
    _Atomic size_t taken; /* tail, as far as producers may see it */
    recorder_options o;
    struct slot *slots;
    size_t mask;
    _Atomic bool pending, stop;
    int wake; /* eventfd */
    pthread_t thread;
    ua_parser *agents;
    kt_arena *mem;
    kt_buf batch;
    int64_t batch_hour;
    size_t batch_lines;
    bool failing; /* the last batch was lost: said once */
    kt_metric *dropped, *records;
    pthread_mutex_t lock;
    pthread_cond_t flushed;
    _Atomic uint64_t flush_asked;
    uint64_t flush_done;
};

/* ---- producers ---- */

static void wake(recorder *r)
{
    uint64_t one = 1;
    if (write(r->wake, &one, sizeof one) != sizeof one && !atomic_load(&r->stop)) atomic_store(&r->pending, false);
}

static uint16_t copy(struct slot *s, size_t at, kt_str text, size_t max)
{
    size_t n = text.len < max ? text.len : max;
    if (n) memcpy(s->text + at, text.at, n);
    return (uint16_t)n;
}

static void fill(struct slot *s, const http_end *end)
{
    s->started_ms = end->started_ms;
    s->duration_us = end->duration_us;
    s->bytes = end->bytes;
    s->peer = end->peer;
    s->route = end->route;
    s->status = end->status;
    s->parsed = end->rq != NULL;
    s->method = end->rq ? line_method(end->rq->method) : KT_STR_NONE;
    s->tls = end->tls;
    s->http_1_0 = end->http_1_0;
    s->agent_len = copy(s, 0, end->user_agent, UA_INPUT_MAX);
    s->hints_len = copy(s, s->agent_len, end->client_hints, HINTS_MAX);
    s->platform_len = copy(s, (size_t)s->agent_len + s->hints_len, end->client_platform, PLATFORM_MAX);
}

void recorder_on_end(void *ctx, const http_end *end)
{
    recorder *r = ctx;
    struct slot *s;
    if (end->route && (end->route->flags & HTTP_NO_LOG)) return;
    size_t at = atomic_load_explicit(&r->head, memory_order_relaxed);
    for (;;) {
        s = &r->slots[at & r->mask];
        size_t turn = atomic_load_explicit(&s->turn, memory_order_acquire);
        if (turn == at) {
            if (atomic_compare_exchange_weak_explicit(&r->head, &at, at + 1, memory_order_relaxed,
                                                      memory_order_relaxed))
                break;
        } else if ((intptr_t)(turn - at) < 0) { /* not yet taken out: the ring is full */
            kt_metric_add(r->dropped, 0, 1);
            return;
        } else {
            at = atomic_load_explicit(&r->head, memory_order_relaxed);
        }
    }
    fill(s, end);
    atomic_store_explicit(&s->turn, at + 1, memory_order_release);
    bool half = at - atomic_load_explicit(&r->taken, memory_order_relaxed) == r->mask / 2;
    if (!atomic_exchange(&r->pending, true) || half) wake(r);
}

/* ---- the writer ---- */

static void write_batch(recorder *r)
{
    if (r->batch.len) {
        kt_err err = segments_append(r->o.segments, r->batch_hour, kt_buf_str(&r->batch));
        if (err == KT_OK)
            kt_metric_add(r->records, 0, (int64_t)r->batch_lines);
        else
            kt_metric_add(r->dropped, 0, (int64_t)r->batch_lines);
        if (err != KT_OK && !r->failing)
            kt_log(KT_LOG_ERROR, "weblog.not_written", KT_WORD("reason", kt_err_name(err)));
        if (err == KT_OK && r->failing) kt_log(KT_LOG_INFO, "weblog.written_again");
        r->failing = err != KT_OK;
    }
    if (r->batch.len) kt_wipe(r->batch.at, r->batch.len);
    kt_buf_clear(&r->batch);
    r->batch_lines = 0;
}

static void put_line(recorder *r, struct slot *s)
{
    ua_words words = { 0 };
    if (r->agents)
        ua_describe(r->agents, (kt_str){ s->text, s->agent_len }, (kt_str){ s->text + s->agent_len, s->hints_len },
                    (kt_str){ s->text + s->agent_len + s->hints_len, s->platform_len }, &words);
    weblog_line l = {
        .time_ms = s->started_ms,
        .ip = s->peer,
        .os = kt_str_c(words.os),
        .os_v = kt_str_c(words.os_v),
        .browser = kt_str_c(words.browser),
        .browser_v = kt_str_c(words.browser_v),
        .method = s->method,
        .proto = !s->parsed    ? KT_STR_NONE
                 : s->http_1_0 ? KT_STR("HTTP/1.0")
                               : KT_STR("HTTP/1.1"),
        .route = s->route ? kt_str_c(s->route->path) : KT_STR_NONE,
        .status = s->status,
        .bytes = s->bytes,
        .dur_us = s->duration_us < 0 ? 0 : s->duration_us,
        .tls = s->tls,
        .bot = words.bot,
    };
    int64_t hour = l.time_ms - l.time_ms % KT_HOUR_MS;
    if (hour != r->batch_hour || r->batch.len >= BATCH_BYTES) write_batch(r);
    r->batch_hour = hour;
    line_put(r->mem, &r->batch, &l, LINE_JSONL, r->o.minimal);
    r->batch_lines++;
}

static void drain(recorder *r)
{
    for (unsigned n = 1;; n++) {
        struct slot *s = &r->slots[r->tail & r->mask];
        if (atomic_load_explicit(&s->turn, memory_order_acquire) != r->tail + 1) break;
        put_line(r, s);
        memset(s->text, 0, (size_t)s->agent_len + s->hints_len + s->platform_len);
        memset(&s->peer, 0, sizeof s->peer);
        atomic_store_explicit(&s->turn, r->tail + r->mask + 1, memory_order_release);
        atomic_store_explicit(&r->taken, ++r->tail, memory_order_relaxed);
        if (n % 256 == 0) kt_arena_reset(r->mem);
    }
    write_batch(r);
    kt_arena_reset(r->mem);
}

/* Waits for a wake-up; false on time-out. */
static bool wait_for(recorder *r, int timeout_ms)
{
    struct pollfd p = { r->wake, POLLIN, 0 };
    uint64_t n;
    if (poll(&p, 1, timeout_ms) <= 0) return false;
    return read(r->wake, &n, sizeof n) == sizeof n;
}

static void *write_records(void *ctx)
{
    recorder *r = ctx;
    uint64_t done = 0;
    for (bool last = false; !last;) {
        if (!atomic_load(&r->stop)) wait_for(r, -1);
        if (!atomic_load(&r->stop) && atomic_load(&r->flush_asked) == done)
            wait_for(r, GATHER_MS); /* let a batch gather */
        last = atomic_load(&r->stop);
        uint64_t asked = atomic_load(&r->flush_asked);
        atomic_store(&r->pending, false);
        drain(r);
        if (asked == done) continue;
        done = asked;
        pthread_mutex_lock(&r->lock);
        r->flush_done = done;
        pthread_cond_broadcast(&r->flushed);
        pthread_mutex_unlock(&r->lock);
    }
    return NULL;
}

void recorder_flush(recorder *r)
{
    pthread_mutex_lock(&r->lock);
    uint64_t mine = atomic_fetch_add(&r->flush_asked, 1) + 1;
    wake(r);
    while (r->flush_done < mine) pthread_cond_wait(&r->flushed, &r->lock);
    pthread_mutex_unlock(&r->lock);
}

/* ---- life ---- */

kt_err recorder_new(const recorder_options *o, kt_fail *fail, recorder **out)
{
    recorder *r = kt_calloc(1, sizeof *r);
    size_t n = o->slots ? o->slots : 8192;
    kt_err err = KT_OK;

    r->o = *o;
    r->mask = n - 1;
    r->wake = -1;
    if (o->expressions.len && (err = ua_parser_new(o->expressions, fail, &r->agents)) != KT_OK) {
        free(r);
        return err;
    }
    r->slots = kt_calloc(n, sizeof *r->slots);
    for (size_t i = 0; i < n; i++) atomic_store(&r->slots[i].turn, i);
    r->mem = kt_arena_new();
    kt_buf_init(&r->batch, BATCH_BYTES + WEBLOG_LINE_MAX);
    r->dropped = kt_metric_new(o->metrics, KT_COUNTER, "kontor_weblog_dropped_total",
                               "Access-log records lost because the queue or the disk was full.", "");
    r->records =
        kt_metric_new(o->metrics, KT_COUNTER, "kontor_weblog_records_total", "Access-log records written.", "");
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->flushed, NULL);
    r->wake = eventfd(0, EFD_CLOEXEC);
    if (r->wake >= 0 && pthread_create(&r->thread, NULL, write_records, r) == 0) {
        *out = r;
        return KT_OK;
    }
    if (r->wake >= 0) close(r->wake);
    r->wake = -1;
    recorder_free(r);
    return kt_fail_set(fail, KT_INTERNAL, NULL, "cannot start the thread of the access log");
}

void recorder_free(recorder *r)
{
    if (!r) return;
    if (r->wake >= 0) {
        atomic_store(&r->stop, true);
        wake(r);
        pthread_join(r->thread, NULL);
        close(r->wake);
    }
    ua_parser_free(r->agents);
    kt_buf_free(&r->batch);
    kt_arena_free(r->mem);
    pthread_cond_destroy(&r->flushed);
    pthread_mutex_destroy(&r->lock);
    free(r->slots);
    free(r);
}
