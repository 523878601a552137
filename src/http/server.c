/* SPDX-License-Identifier: Apache-2.0 */
/* server.c -- a server from its options to its end: listeners, hooks, start, stop. */
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include "base/log.h"
#include "http/inside.h"
#include "http/tls.h"

enum { ASSET_ROWS = 2 };

/* ---- options ---- */

static void fill_defaults(http_options *o)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (cores < 1) cores = 1;
    if (!o->loops) o->loops = (unsigned)cores;
    if (!o->workers) o->workers = (unsigned)cores * 2;
    if (!o->connections_max) o->connections_max = 20000;
    if (!o->connections_per_address) o->connections_per_address = 10000;
    if (!o->idle_timeout_s) o->idle_timeout_s = 60;
    if (!o->head_timeout_s) o->head_timeout_s = 15;
    if (!o->min_rate) o->min_rate = 100;
    if (!o->rate_grace_s) o->rate_grace_s = 10;
    if (!o->grace_s) o->grace_s = 10;
}

static char *copy(const char *text) { return text ? kt_strdup(text) : NULL; }

static kt_err take_host(http_server *s, kt_str text, kt_fail *fail)
{
    kt_arena *mem = kt_arena_new();
    kt_str host;
    kt_err err = KT_OK;
    if (host_parse(mem, text, &host))
        s->hosts[s->n_hosts++] = kt_strdup(kt_str_z(mem, host));
    else
        err = kt_fail_set(fail, KT_BAD_INPUT, "hosts", "%.*s is no host", KT_ARG(text));
    kt_arena_free(mem);
    return err;
}

/* "https://kontor.example:8443/" -> "kontor.example:8443" */
static kt_str host_of_origin(kt_str origin)
{
    size_t from = kt_str_find(origin, KT_STR("://"), 0);
    kt_str rest = kt_str_slice(origin, from == KT_NOT_FOUND_AT ? 0 : from + 3, origin.len);
    size_t end = kt_str_find_byte(rest, '/', 0);
    return end == KT_NOT_FOUND_AT ? rest : kt_str_slice(rest, 0, end);
}

/* The host of the public origin is served without being listed: links in mails lead there. */
static kt_err take_hosts(http_server *s, kt_fail *fail)
{
    size_t n = 0;
    while (s->options.hosts && s->options.hosts[n]) n++;
    s->hosts = kt_calloc(n + 1, sizeof *s->hosts);
    for (size_t i = 0; i < n; i++) TRY(take_host(s, kt_str_c(s->options.hosts[i]), fail));
    return s->public_origin ? take_host(s, host_of_origin(kt_str_c(s->public_origin)), fail) : KT_OK;
}

static kt_err take_lists(http_server *s, kt_fail *fail)
{
    size_t n;
    TRY(take_hosts(s, fail));
    for (n = 0; s->options.trusted_fronts && s->options.trusted_fronts[n];) n++;
    s->fronts = kt_calloc(n, sizeof *s->fronts);
    for (size_t i = 0; i < n; i++)
        if (!prefix_parse(kt_str_c(s->options.trusted_fronts[i]), &s->fronts[i]))
            return kt_fail_set(fail, KT_BAD_INPUT, "trusted_fronts", "%s is no address or prefix",
                               s->options.trusted_fronts[i]);
    s->n_fronts = n;
    const char *front = s->options.front_header;
    if (front && strcmp(front, "x-forwarded-for") != 0 && strcmp(front, "forwarded") != 0)
        return kt_fail_set(fail, KT_BAD_INPUT, "front_header", "%s is neither x-forwarded-for nor forwarded", front);
    return KT_OK;
}

static kt_err listener_new(http_server *s, const char *listen, bool internal, kt_fail *fail)
{
    http_listener *l = kt_calloc(1, sizeof *l), **last = &s->listeners;
    l->server = s;
    l->address = kt_strdup(listen);
    l->internal = internal;
    l->tls = !internal && s->tls_cert != NULL;
    l->fd = -1;
    while (*last) last = &(*last)->next;
    *last = l;
    (void)fail;
    return KT_OK;
}

static const route asset_rows[ASSET_ROWS] = {
    { .method = "GET",
      .path = "/assets/{name...}",
      .handler = assets_serve,
      .kind = HTTP_INLINE,
      .activity = "platform-delivery",
      .flags = HTTP_NO_COOKIE },
    { 0 },
};

kt_err http_server_new(const http_options *options, kt_fail *fail, http_server **out)
{
    http_server *s = kt_calloc(1, sizeof *s);
    pthread_condattr_t monotonic;
    s->options = *options;
    fill_defaults(&s->options);
    pthread_mutex_init(&s->free_lock, NULL);
    pthread_mutex_init(&s->conn_lock, NULL);
    pthread_mutex_init(&s->tls_lock, NULL);
    pthread_mutex_init(&s->work_lock, NULL);
    pthread_mutex_init(&s->watch_lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->watch_wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    s->public_origin = copy(options->public_origin);
    s->tls_cert = copy(options->tls_cert);
    s->tls_key = copy(options->tls_key);
    s->spool_dir = copy(options->spool_dir);
    s->front_header = copy(options->front_header);
    s->origin = kt_strdup("http://localhost");
    s->routes = router_new();
    s->counters = counters_new(s);
    kt_err err = take_lists(s, fail);
    if (err == KT_OK && options->listen) err = listener_new(s, options->listen, false, fail);
    if (err == KT_OK) err = http_routes(s, asset_rows, fail);
    if (err == KT_OK && s->tls_cert) err = tls_load(s, fail);
    if (err != KT_OK) {
        http_server_free(s);
        s = NULL;
    }
    *out = s;
    return err;
}

void http_server_free(http_server *s)
{
    if (!s) return;
    http_stop(s);
    while (s->listeners) {
        http_listener *l = s->listeners;
        s->listeners = l->next;
        if (l->fd >= 0) close(l->fd);
        free(l->address);
        free(l);
    }
    while (s->free_list) {
        exchange *ex = s->free_list;
        s->free_list = ex->next_free;
        kt_arena_free(ex->rq.mem);
        free(ex);
    }
    for (size_t i = 0; i < s->n_hosts; i++) free(s->hosts[i]);
    free(s->hosts);
    free(s->fronts);
    free(s->public_origin);
    free(s->origin);
    free(s->tls_cert);
    free(s->tls_key);
    free(s->spool_dir);
    free(s->front_header);
    tls_free(s);
    router_free(s->routes);
    counters_free(s->counters);
    pthread_mutex_destroy(&s->free_lock);
    pthread_mutex_destroy(&s->conn_lock);
    pthread_mutex_destroy(&s->tls_lock);
    pthread_mutex_destroy(&s->work_lock);
    pthread_mutex_destroy(&s->watch_lock);
    pthread_cond_destroy(&s->watch_wake);
    free(s);
}

/* ---- routes and hooks ---- */

kt_err http_routes(http_server *s, const route *rows, kt_fail *fail)
{
    for (; rows->method; rows++) {
        TRY(router_add(s->routes, rows, fail));
        counters_add_route(s->counters, rows);
    }
    return KT_OK;
}

void http_add_guard(http_server *s, http_guard guard, void *ctx)
{
    if (s->n_guards == HTTP_GUARDS_MAX) abort(); /* the program's own list: a bug, not an input */
    s->guards[s->n_guards++] = (guard_row){ guard, ctx };
}

void http_add_finish(http_server *s, http_finish finish, void *ctx)
{
    if (s->n_finishes == HTTP_GUARDS_MAX) abort();
    s->finishes[s->n_finishes++] = (finish_row){ finish, ctx };
}

void http_on_end(http_server *s, void (*on_end)(void *ctx, const http_end *end), void *ctx)
{
    if (s->n_ends == HTTP_GUARDS_MAX) abort();
    s->ends[s->n_ends++] = (end_row){ on_end, ctx };
}

void http_set_error_page(http_server *s, http_error_page page, void *ctx)
{
    s->error_page = page;
    s->error_page_ctx = ctx;
}

void http_set_csrf(http_server *s, bool (*check)(void *ctx, request *rq, kt_str token), void *ctx)
{
    s->csrf = check;
    s->csrf_ctx = ctx;
}

/* ---- listening ---- */

typedef union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} socket_address;

static bool address_parse(const char *text, socket_address *out, socklen_t *len)
{
    const char *colon = strrchr(text, ':');
    int64_t port;
    http_addr a;
    if (!colon || !kt_str_int(kt_str_c(colon + 1), &port) || port < 0 || port > 65535) return false;
    kt_str host = { text, (size_t)(colon - text) };
    if (host.len >= 2 && host.at[0] == '[' && host.at[host.len - 1] == ']') host = kt_str_slice(host, 1, host.len - 1);
    if (kt_str_is(host, "localhost")) host = KT_STR("127.0.0.1");
    if (!http_addr_parse(host, &a)) return false;
    memset(out, 0, sizeof *out);
    if (kt_str_find_byte(host, ':', 0) == KT_NOT_FOUND_AT) {
        out->v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
        memcpy(&out->v4.sin_addr, a.at + 12, 4);
        *len = sizeof out->v4;
    } else {
        out->v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
        memcpy(&out->v6.sin6_addr, a.at, 16);
        *len = sizeof out->v6;
    }
    return true;
}

/* Accepted sockets inherit it: a reader of a quiet stream whose cable was pulled is noticed after two minutes. */
static void ask_for_signs_of_life(int fd)
{
    int on = 1, idle_s = 60, every_s = 15, times = 4;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_s, sizeof every_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof times);
}

static kt_err listener_open(http_listener *l, kt_fail *fail)
{
    socket_address address;
    socklen_t len;
    int on = 1;
    if (!address_parse(l->address, &address, &len))
        return kt_fail_set(fail, KT_BAD_INPUT, "listen", "%s is not an address with a port", l->address);
    l->fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd >= 0) setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (l->fd >= 0) ask_for_signs_of_life(l->fd);
    if (l->fd < 0 || bind(l->fd, &address.any, len) != 0 || listen(l->fd, 1024) != 0)
        return kt_fail_set(fail, KT_IO, "listen", "cannot listen on %s: %s", l->address, strerrordesc_np(errno));
    len = sizeof address;
    if (getsockname(l->fd, &address.any, &len) == 0)
        l->port = ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
    return engine_start(l->server, l, fail);
}

/* Each connection is a descriptor; the usual soft limit of 1024 is for programs that use select(). */
static void raise_descriptor_limit(unsigned connections)
{
    struct rlimit limit;
    rlim_t wanted = connections + 256u;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static void set_origin(http_server *s)
{
    kt_arena *mem = kt_arena_new();
    bool tls = s->tls_cert != NULL;
    kt_str text = kt_str_fmt(mem, "%s://localhost:%u", tls ? "https" : "http", http_port(s));
    free(s->origin);
    s->origin = kt_strdup(kt_str_z(mem, text));
    kt_arena_free(mem);
}

kt_err http_start(http_server *s, kt_fail *fail)
{
    raise_descriptor_limit(s->options.connections_max);
    atomic_store(&s->stopping, false);
    s->workers = kt_pool_new("http-work", s->options.workers, s->options.workers * 256);
    s->started = true;
    for (http_listener *l = s->listeners; l; l = l->next) {
        kt_err err = listener_open(l, fail);
        if (err != KT_OK) {
            http_stop(s);
            return err;
        }
    }
    set_origin(s);
    watch_start(s);
    kt_log(KT_LOG_INFO, "http.started", KT_NUMBER("port", http_port(s)), KT_NUMBER("loops", s->options.loops),
           KT_NUMBER("workers", s->options.workers));
    return KT_OK;
}

kt_err http_listen_also(http_server *s, const char *listen, bool internal, kt_fail *fail)
{
    TRY(listener_new(s, listen, internal, fail));
    http_listener *l = s->listeners;
    while (l->next) l = l->next;
    return s->started ? listener_open(l, fail) : KT_OK;
}

unsigned http_port(const http_server *s) { return s->listeners ? s->listeners->port : 0; }

unsigned http_port_internal(const http_server *s)
{
    for (const http_listener *l = s->listeners; l; l = l->next)
        if (l->internal) return l->port;
    return 0;
}

kt_err http_reload_tls(http_server *s, kt_fail *fail) { return s->tls_cert ? tls_load(s, fail) : KT_OK; }

/* ---- stopping ---- */

static void nap_ms(long ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000L };
    nanosleep(&t, NULL);
}

void http_stop(http_server *s)
{
    if (!s->started) return;
    s->started = false;
    atomic_store(&s->stopping, true);
    pthread_cond_broadcast(&s->watch_wake);
    /* Shut, not closed: a loop may still be taking the number out of its epoll set. */
    for (http_listener *l = s->listeners; l; l = l->next)
        if (l->daemon && MHD_quiesce_daemon(l->daemon) == l->fd) shutdown(l->fd, SHUT_RDWR);
    int64_t until = kt_monotonic_ms() + (int64_t)s->options.grace_s * 1000;
    while (atomic_load(&s->n_exchanges) > 0 && kt_monotonic_ms() < until) nap_ms(5);
    /* Handlers cannot be cut off: they are waited for, and their connections are resumed by that. */
    pthread_mutex_lock(&s->work_lock);
    kt_pool *workers = s->workers;
    s->workers = NULL;
    pthread_mutex_unlock(&s->work_lock);
    kt_pool_free(workers);
    watch_stop(s); /* its last look wakes every stream: nothing may sleep while the library stops */
    for (http_listener *l = s->listeners; l; l = l->next) {
        if (l->daemon) MHD_stop_daemon(l->daemon);
        l->daemon = NULL;
        if (l->fd >= 0) close(l->fd);
        l->fd = -1;
    }
    kt_log(KT_LOG_INFO, "http.stopped", KT_NUMBER("cut_off", atomic_load(&s->n_exchanges)));
}
