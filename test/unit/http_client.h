/* SPDX-License-Identifier: Apache-2.0 */
/* http_client.h -- a client that sends the bytes it is told to, and a server with routes for it.
 *
 * The wire tests must see exactly what is on the wire, so no HTTP library stands between. */
#ifndef KONTOR_TEST_HTTP_CLIENT_H
#define KONTOR_TEST_HTTP_CLIENT_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "http/http.h"

/* ---- the client ---- */

typedef struct { char *at; size_t len; bool closed; } answer;

static inline int client_open(unsigned port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    assert_true(fd >= 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static inline bool client_send(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0) return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

static inline bool client_say(int fd, const char *text) { return client_send(fd, text, strlen(text)); }

/* Reads until `until` is in the answer (NULL: until the server closes) or nothing comes for `ms`. */
static inline answer client_read(int fd, const char *until, int ms)
{
    answer a = { calloc(1, 1), 0, false };
    for (;;) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        if (until && memmem(a.at, a.len, until, strlen(until))) return a;
        if (poll(&p, 1, ms) <= 0) return a;
        char piece[65536];
        ssize_t n = recv(fd, piece, sizeof piece, 0);
        if (n <= 0) {
            a.closed = true;
            return a;
        }
        a.at = realloc(a.at, a.len + (size_t)n + 1);
        memcpy(a.at + a.len, piece, (size_t)n);
        a.len += (size_t)n;
        a.at[a.len] = 0;
    }
}

/* One exchange on a connection of its own; the answer ends when the server closes or is quiet. */
static inline answer ask(unsigned port, const char *bytes)
{
    int fd = client_open(port);
    client_say(fd, bytes);
    answer a = client_read(fd, NULL, 700);
    close(fd);
    return a;
}

static inline int status_of(const answer *a)
{
    int status = 0;
    return sscanf(a->at, "HTTP/1.1 %3d", &status) == 1 ? status : 0;
}

static inline size_t answers_in(const answer *a)
{
    size_t n = 0;
    for (const char *p = a->at; (p = strstr(p, "HTTP/1.1 ")); p++) n++;
    return n;
}

static inline int status_and_free(answer a)
{
    int status = status_of(&a);
    free(a.at);
    return status;
}

/* ---- the server ---- */

typedef struct { int status; bool request; uint64_t bytes; } ended;

typedef struct {
    http_server *server;
    kt_metrics  *metrics;
    kt_clock     clock;
    kt_random    random;
    unsigned     port;
    pthread_mutex_t lock;
    ended        ends[4096];
    size_t       n_ends;
} house;

static inline void house_on_end(void *ctx, const http_end *end)
{
    house *h = ctx;
    pthread_mutex_lock(&h->lock);
    if (h->n_ends < 4096) {
        ended *e = &h->ends[h->n_ends];
        *e = (ended){ .status = end->status, .request = end->rq != NULL, .bytes = end->bytes };
    }
    h->n_ends++;
    pthread_mutex_unlock(&h->lock);
}

static inline void house_open(house *h, http_options options, const route *rows)
{
    kt_fail fail = { 0 };
    memset(h, 0, sizeof *h);
    pthread_mutex_init(&h->lock, NULL);
    h->clock = kt_clock_fixed(1795442400000);
    h->random = kt_random_real();
    h->metrics = kt_metrics_new();
    if (!options.listen) options.listen = "127.0.0.1:0";
    options.clock = &h->clock;
    options.random = &h->random;
    options.metrics = h->metrics;
    if (!options.loops) options.loops = 2;
    if (!options.workers) options.workers = 2;
    kt_err err = http_server_new(&options, &fail, &h->server);
    if (err != KT_OK) fail_msg("%s", fail.text);
    http_on_end(h->server, house_on_end, h);
    assert_int_equal(http_routes(h->server, rows, &fail), KT_OK);
    err = http_start(h->server, &fail);
    if (err != KT_OK) fail_msg("%s", fail.text);
    h->port = http_port(h->server);
    assert_true(h->port > 0);
}

static inline void house_close(house *h)
{
    http_server_free(h->server);
    kt_metrics_free(h->metrics);
    pthread_mutex_destroy(&h->lock);
}

/* Waits until n requests have ended; false after two seconds. */
static inline bool house_wait_ends(house *h, size_t n)
{
    for (int i = 0; i < 400; i++) {
        pthread_mutex_lock(&h->lock);
        size_t have = h->n_ends;
        pthread_mutex_unlock(&h->lock);
        if (have >= n) return true;
        usleep(5000);
    }
    return false;
}

/* How often a request ended with this status. */
static inline size_t house_ended_with(house *h, int status)
{
    size_t n = 0;
    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < h->n_ends && i < 4096; i++) n += h->ends[i].status == status;
    pthread_mutex_unlock(&h->lock);
    return n;
}

#endif
