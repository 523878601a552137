/* SPDX-License-Identifier: Apache-2.0 */
/* stream.c -- a reply whose bytes come later and from any thread.
 *
 * Two sides hold a stream: the writer (until stream_close) and the engine (until the connection is done
 * with the answer). Between them is one bounded buffer. When it runs dry the engine suspends the connection
 * instead of asking again and again; the next write resumes it. Suspending and resuming happen under the
 * stream's lock, so that a write cannot fall between "nothing there" and "asleep". */
#include <microhttpd.h>
#include <stdlib.h>
#include "http/inside.h"

struct http_stream {
    pthread_mutex_t lock;
    int refs;
    bool asleep, closed, gone, told, hurry, refused_write;
    struct MHD_Connection *connection; /* NULL in http_try and after the engine's side is over */
    void (*on_drain)(http_stream *s, void *ctx);
    void (*on_gone)(void *ctx);
    void *ctx;
    size_t max;
    kt_buf buf;
    size_t taken; /* bytes of buf that are on their way */
    uint64_t sent;
};

http_stream *stream_new(exchange *ex, size_t buffer_max, void (*on_drain)(http_stream *, void *),
                        void (*on_gone)(void *), void *ctx)
{
    http_stream *st = kt_calloc(1, sizeof *st);
    pthread_mutex_init(&st->lock, NULL);
    st->refs = 2;
    st->hurry = atomic_load(&ex->server->stopping);
    st->on_drain = on_drain;
    st->on_gone = on_gone;
    st->ctx = ctx;
    st->max = buffer_max ? buffer_max : 65536;
    kt_buf_init(&st->buf, st->max);
    return st;
}

/* Called with the lock held; unlocks. */
static void drop_ref(http_stream *st)
{
    bool last = --st->refs == 0;
    pthread_mutex_unlock(&st->lock);
    if (!last) return;
    kt_buf_free(&st->buf);
    pthread_mutex_destroy(&st->lock);
    free(st);
}

/* With the lock held. */
static void wake(http_stream *st)
{
    if (!st->asleep || !st->connection) return;
    st->asleep = false;
    MHD_resume_connection(st->connection);
}

bool stream_write(http_stream *st, kt_str bytes)
{
    pthread_mutex_lock(&st->lock);
    bool fits = !st->closed && !st->gone && !st->hurry && st->buf.len - st->taken + bytes.len <= st->max;
    if (fits) {
        if (st->taken) {
            memmove(st->buf.at, st->buf.at + st->taken, st->buf.len - st->taken);
            st->buf.len -= st->taken;
            st->taken = 0;
        }
        kt_buf_put(&st->buf, bytes);
        wake(st);
    } else {
        st->refused_write = true;
    }
    pthread_mutex_unlock(&st->lock);
    return fits;
}

void stream_close(http_stream *st)
{
    pthread_mutex_lock(&st->lock);
    st->closed = true;
    wake(st);
    drop_ref(st);
}

/* A line end inside the data would end the event: each line becomes a data: line of its own. */
bool stream_event(http_stream *st, kt_str event, kt_str id, kt_str data)
{
    kt_buf text;
    kt_str rest = data, line;
    bool sound = true;
    kt_buf_init(&text, st->max + 4096);
    kt_str const heads[2] = { event, id };
    for (int i = 0; i < 2; i++) {
        if (!heads[i].at) continue;
        for (size_t j = 0; j < heads[i].len; j++)
            if (heads[i].at[j] == '\r' || heads[i].at[j] == '\n' || heads[i].at[j] == 0) sound = false;
        kt_buf_put_fmt(&text, "%s: %.*s\n", i == 0 ? "event" : "id", KT_ARG(heads[i]));
    }
    while (kt_str_split(&rest, '\n', &line)) {
        if (line.len && line.at[line.len - 1] == '\r') line.len--;
        if (kt_str_find_byte(line, '\r', 0) != KT_NOT_FOUND_AT) sound = false;
        kt_buf_put_c(&text, "data: ");
        kt_buf_put(&text, line);
        kt_buf_put_byte(&text, '\n');
    }
    kt_buf_put_byte(&text, '\n');
    bool ok = sound && !text.over && stream_write(st, kt_buf_str(&text));
    kt_buf_free(&text);
    return ok;
}

/* ---- the engine's side ---- */

/* The writer may close the stream inside the callback: it holds its own reference until then. */
static void tell_gone(http_stream *st)
{
    pthread_mutex_lock(&st->lock);
    bool tell = !st->told && !st->closed && st->on_gone;
    st->told = true;
    st->gone = true;
    pthread_mutex_unlock(&st->lock);
    if (tell) st->on_gone(st->ctx);
}

static ssize_t take(void *cls, uint64_t pos, char *to, size_t max)
{
    http_stream *st = cls;
    (void)pos;
    pthread_mutex_lock(&st->lock);
    size_t there = st->buf.len - st->taken, n = there < max ? there : max;
    if (st->gone) {
        pthread_mutex_unlock(&st->lock);
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (n == 0) {
        bool end = st->closed || st->hurry;
        if (!end) {
            st->asleep = true;
            MHD_suspend_connection(st->connection);
        }
        pthread_mutex_unlock(&st->lock);
        return end ? MHD_CONTENT_READER_END_OF_STREAM : 0;
    }
    memcpy(to, st->buf.at + st->taken, n);
    st->taken += n;
    st->sent += n;
    if (st->taken == st->buf.len) st->taken = st->buf.len = 0;
    bool drained = st->refused_write && !st->closed && st->on_drain && st->buf.len - st->taken <= st->max / 2;
    if (drained) st->refused_write = false;
    pthread_mutex_unlock(&st->lock);
    if (drained) st->on_drain(st, st->ctx);
    return (ssize_t)n;
}

static void response_over(void *cls)
{
    http_stream *st = cls;
    pthread_mutex_lock(&st->lock);
    st->connection = NULL;
    st->asleep = false;
    bool complete = st->closed && st->taken == st->buf.len;
    pthread_mutex_unlock(&st->lock);
    if (!complete) tell_gone(st);
    pthread_mutex_lock(&st->lock);
    drop_ref(st);
}

struct MHD_Response *stream_response(http_stream *st, struct MHD_Connection *connection)
{
    st->connection = connection;
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16384, take, st, response_over);
}

void stream_release(http_stream *st)
{
    tell_gone(st);
    pthread_mutex_lock(&st->lock);
    drop_ref(st);
}

void stream_left(http_stream *st)
{
    pthread_mutex_lock(&st->lock);
    st->gone = true;
    wake(st);
    pthread_mutex_unlock(&st->lock);
}

void stream_hurry(http_stream *st)
{
    pthread_mutex_lock(&st->lock);
    st->hurry = true;
    wake(st);
    pthread_mutex_unlock(&st->lock);
}

uint64_t stream_sent(const http_stream *st) { return st->sent; }

kt_str stream_taken(http_stream *st, kt_arena *mem)
{
    pthread_mutex_lock(&st->lock);
    kt_str all = kt_str_dup(mem, (kt_str){ st->buf.at + st->taken, st->buf.len - st->taken });
    pthread_mutex_unlock(&st->lock);
    return all;
}
