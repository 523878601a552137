/* SPDX-License-Identifier: Apache-2.0 */
/* watch.c -- the thread that notices what no event tells: heads and bodies that trickle, readers that left.
 *
 * The library's own time-out starts anew with every byte, so a client that sends one byte a second could
 * hold a connection for ever. Once a second all connections are looked at; one that has been too slow gets
 * its socket shut down, and its loop does the rest. A connection is on the list from its first moment until
 * just before its socket is closed, so the descriptor in hand is never somebody else's. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include "http/inside.h"

void conn_add(http_server *s, http_conn *c)
{
    pthread_mutex_lock(&s->conn_lock);
    c->prev = NULL;
    c->next = s->conns;
    if (c->next) c->next->prev = c;
    s->conns = c;
    pthread_mutex_unlock(&s->conn_lock);
    atomic_fetch_add(&s->n_conns, 1);
}

void conn_remove(http_server *s, http_conn *c)
{
    pthread_mutex_lock(&s->conn_lock);
    if (c->prev)
        c->prev->next = c->next;
    else
        s->conns = c->next;
    if (c->next) c->next->prev = c->prev;
    pthread_mutex_unlock(&s->conn_lock);
    atomic_fetch_sub(&s->n_conns, 1);
}

void conn_enter(http_conn *c, conn_state state)
{
    atomic_store(&c->body_bytes, 0);
    atomic_store(&c->seen_ms, 0);
    atomic_store(&c->since_ms, kt_monotonic_ms());
    atomic_store(&c->state, state);
}

/* Milliseconds since the client last sent anything. */
static int64_t quiet_for_ms(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof info;
    memset(&info, 0, sizeof info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0) return INT64_MAX / 2;
    return info.tcpi_last_data_recv;
}

/* Between requests there is no callback for a request line that never ends. So when bytes came after the
 * last request and still no request line is complete, the clock of the head runs. */
static bool idle_but_trickling(http_conn *c, int64_t now, int64_t limit)
{
    int64_t since = atomic_load(&c->since_ms), seen = atomic_load(&c->seen_ms);
    if (seen) return now - seen > limit;
    if (now - since < 200) return false;
    if (now - quiet_for_ms(c->fd) > since + 100) atomic_store(&c->seen_ms, now);
    return false;
}

static bool body_too_slow(const http_server *s, const http_conn *c, int64_t now)
{
    int64_t ms = now - atomic_load(&c->since_ms);
    if (ms < (int64_t)s->options.rate_grace_s * 1000) return false;
    return atomic_load(&c->body_bytes) < (int64_t)s->options.min_rate * ms / 1000;
}

static bool too_slow(const http_server *s, http_conn *c, int64_t now, unsigned round)
{
    int64_t head_ms = (int64_t)s->options.head_timeout_s * 1000;
    switch ((conn_state)atomic_load(&c->state)) {
    case CONN_IDLE: /* a system call each: not for all of them every second */
        if (round % (s->options.head_timeout_s / 4 + 1) != 0) return false;
        return idle_but_trickling(c, now, head_ms);
    case CONN_HEAD: return now - atomic_load(&c->since_ms) > head_ms;
    case CONN_BODY: return body_too_slow(s, c, now);
    default: return false;
    }
}

/* ---- who has left ---- */

/* The library misses the end of a connection that comes together with the last bytes (it polls for edges), and
 * does not look at suspended ones at all. One poll() over everybody tells. */
typedef struct {
    struct pollfd *fds;
    http_conn **conns;
    size_t n, cap;
} crowd;

static void crowd_add(crowd *all, http_conn *c)
{
    if (all->n == all->cap) {
        all->cap = all->cap ? all->cap * 2 : 256;
        all->fds = kt_realloc(all->fds, all->cap * sizeof *all->fds);
        all->conns = kt_realloc(all->conns, all->cap * sizeof *all->conns);
    }
    all->fds[all->n] = (struct pollfd){ .fd = c->fd, .events = POLLRDHUP };
    all->conns[all->n++] = c;
}

static bool may_have_left(http_conn *c, int64_t now)
{
    if (c->stream) return true;
    if (c->cut || now - atomic_load(&c->since_ms) < 1000) return false; /* its request may still be unread */
    conn_state state = (conn_state)atomic_load(&c->state);
    return state == CONN_IDLE || state == CONN_HEAD || state == CONN_BODY;
}

static void cut(http_conn *c)
{
    c->cut = true;
    shutdown(c->fd, SHUT_RDWR);
}

static void look(http_server *s, crowd *all, unsigned round)
{
    int64_t now = kt_monotonic_ms();
    all->n = 0;
    pthread_mutex_lock(&s->conn_lock);
    for (http_conn *c = s->conns; c; c = c->next) {
        if (may_have_left(c, now)) crowd_add(all, c);
        if (c->stream && atomic_load(&s->stopping)) stream_hurry(c->stream);
        if (!c->stream && !c->cut && too_slow(s, c, now, round)) {
            c->slow = true;
            cut(c);
            count_rejected(s, "rate");
        }
    }
    if (all->n > 0 && poll(all->fds, all->n, 0) > 0)
        for (size_t i = 0; i < all->n; i++) {
            http_conn *c = all->conns[i];
            if (!(all->fds[i].revents & (POLLRDHUP | POLLERR | POLLHUP))) continue;
            if (c->stream)
                stream_left(c->stream);
            else if (!c->cut)
                cut(c);
        }
    pthread_mutex_unlock(&s->conn_lock);
}

static void *watch(void *arg)
{
    http_server *s = arg;
    crowd all = { 0 };
    pthread_mutex_lock(&s->watch_lock);
    for (unsigned round = 0; s->watching; round++) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        /* Quicker while stopping: each look tells streams to end. */
        bool hurry = atomic_load(&s->stopping);
        until.tv_nsec += hurry ? 50000000L : 999999999L;
        if (until.tv_nsec >= 1000000000L) {
            until.tv_nsec -= 1000000000L;
            until.tv_sec++;
        }
        pthread_cond_timedwait(&s->watch_wake, &s->watch_lock, &until);
        pthread_mutex_unlock(&s->watch_lock);
        look(s, &all, round);
        pthread_mutex_lock(&s->watch_lock);
    }
    pthread_mutex_unlock(&s->watch_lock);
    free(all.fds);
    free(all.conns);
    return NULL;
}

void watch_start(http_server *s)
{
    s->watching = true;
    if (pthread_create(&s->watch, NULL, watch, s) != 0)
        s->watching = false;
    else
        pthread_setname_np(s->watch, "http-watch");
}

void watch_stop(http_server *s)
{
    pthread_mutex_lock(&s->watch_lock);
    bool was = s->watching;
    s->watching = false;
    pthread_cond_broadcast(&s->watch_wake);
    pthread_mutex_unlock(&s->watch_lock);
    if (was) pthread_join(s->watch, NULL);
    pthread_mutex_lock(&s->conn_lock);
    for (http_conn *c = s->conns; c; c = c->next)
        if (c->stream) stream_hurry(c->stream);
    pthread_mutex_unlock(&s->conn_lock);
}
