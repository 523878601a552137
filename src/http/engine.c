/* SPDX-License-Identifier: Apache-2.0 */
/* engine.c -- the callbacks of libmicrohttpd: the only place where a request passes from it to us.
 *
 *     on_connection   a client came or left
 *     on_target       the request line is there: the exchange begins, the raw target is kept (the library
 *                     decodes it in place afterwards)
 *     on_request      again and again: head, pieces of the body, "now answer"
 *     on_completed    the answer is sent, or never will be: the exchange ends
 *
 * The answer is never queued on the first call unless the connection is to be closed: the library closes it
 * after such an answer. */
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <linux/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <gnutls/gnutls.h>
#include "base/log.h"
#include "http/inside.h"
#include "http/tls.h"

/* ---- connections ---- */

static http_addr address_of(const struct sockaddr *sa)
{
    http_addr a = { { 0 }, false };
    if (sa && sa->sa_family == AF_INET) {
        a.at[10] = a.at[11] = 0xff;
        memcpy(a.at + 12, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
        a.known = true;
    } else if (sa && sa->sa_family == AF_INET6) {
        memcpy(a.at, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
        a.known = true;
    }
    return a;
}

static http_conn *conn_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static uint64_t bytes_received(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof info;
    memset(&info, 0, sizeof info);
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 ? info.tcpi_bytes_received : 0;
}

static void conn_opened(http_listener *l, struct MHD_Connection *connection, void **context)
{
    http_conn *c = kt_calloc(1, sizeof *c);
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    c->listener = l;
    if (info) c->addr = address_of(info->client_addr);
    info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    c->fd = info ? info->connect_fd : -1;
    conn_enter(c, CONN_IDLE);
    conn_add(l->server, c);
    *context = c;
}

static void conn_closed(http_listener *l, http_conn *c)
{
    /* Bytes came, but never a request line: what the library refused (or hung up on) without asking us. */
    uint64_t received = atomic_load(&c->requests) == 0 && !l->tls ? bytes_received(c->fd) : 0;
    conn_remove(l->server, c);
    if (received > 1) /* the end of the connection counts as one */
        end_unparsed(l->server, c, c->slow ? 408 : received >= HTTP_HEAD_MEMORY / 2 ? 414 : 400);
    free(c);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        conn_opened(cls, connection, context);
    else if (*context)
        conn_closed(cls, *context);
}

/* ---- request line ---- */

static void *on_target(void *cls, const char *uri, struct MHD_Connection *connection)
{
    http_listener *l = cls;
    exchange *ex = exchange_new(l->server);
    ex->listener = l;
    ex->connection = connection;
    ex->conn = conn_of(connection);
    ex->target = kt_str_dup(ex->rq.mem, kt_str_c(uri ? uri : ""));
    if (ex->conn) {
        atomic_fetch_add(&ex->conn->requests, 1);
        ex->rq.peer = ex->conn->addr;
        conn_enter(ex->conn, CONN_HEAD);
    }
    return ex;
}

/* ---- head ---- */

/* libmicrohttpd 0.9.75 takes bare line feeds, folded lines and NUL bytes without a word (1.0 refuses them).
 * But its views lie in the bytes as they came: each name begins where the value before it ended and its two
 * zeroed line-end bytes stood. Where that does not hold, the head was not written as RFC 9112 wants it.
 * Only addresses are compared. With any other version of the library this is not asked. */
typedef struct {
    exchange *ex;
    uintptr_t next;
    bool broken, watch;
} head_walk;

static enum MHD_Result take_field(void *cls, enum MHD_ValueKind kind, const char *key, size_t key_size,
                                  const char *value, size_t value_size)
{
    head_walk *w = cls;
    (void)kind;
    if (!value) {
        value = "";
        value_size = 0;
    }
    exchange_add_field(w->ex, (kt_str){ key, key_size }, (kt_str){ value, value_size });
    if (!w->watch) return MHD_YES;
    uintptr_t name = (uintptr_t)key, text = (uintptr_t)value;
    if (name != w->next || text < name + key_size + 1) w->broken = true;
    for (uintptr_t at = name + key_size + 1; !w->broken && at < text; at++) {
        char c = key[at - name];
        if (c != ' ' && c != '\t') w->broken = true;
    }
    w->next = text + value_size + 2;
    return MHD_YES;
}

static bool take_head(exchange *ex, const char *url, const char *method, const char *version)
{
    static const char known_layout[] = "0.9.75";
    head_walk w = { .ex = ex, .watch = strcmp(MHD_get_version(), known_layout) == 0 };
    if (w.watch) {
        uintptr_t target = (uintptr_t)method + strlen(method) + 1;
        w.broken = (uintptr_t)url != target || (uintptr_t)version != target + ex->target.len + 1;
        w.next = (uintptr_t)version + strlen(version) + 2;
    }
    MHD_get_connection_values_n(ex->connection, MHD_HEADER_KIND, take_field, &w);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(ex->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (w.watch && info && (uintptr_t)method + info->header_size != w.next + 2) w.broken = true;
    return !w.broken;
}

static kt_err find_route(exchange *ex)
{
    request *rq = &ex->rq;
    http_target target;
    if (!target_parse(rq->mem, ex->target, &target)) return KT_BAD_INPUT;
    rq->path = target.path;
    rq->query = target.query;
    if (target.absolute) {
        /* RFC 9112 3.2.2: the host of the target counts, not the field. */
        ex->host_as_sent = target.authority;
        if (!host_parse(rq->mem, target.authority, &rq->host)) return KT_BAD_INPUT;
    }
    if (ex->http_1_0 && rq->host.len == 0) /* monitors still speak it, without Host */
        rq->host = kt_str_c(ex->server->n_hosts ? ex->server->hosts[0] : "localhost");
    if (!host_is_served(ex)) return KT_MISDIRECTED;
    rq->route = router_find(ex->server->routes, rq->mem, rq->method, rq->path, ex->params, &ex->n_params, &ex->allow);
    if (!rq->route) return ex->allow.len ? KT_BAD_METHOD : KT_NOT_FOUND;
    rq->room = rq->route->room;
    return KT_OK;
}

static size_t body_limit(const exchange *ex)
{
    const route *row = ex->rq.route;
    bool safe = kt_str_is(ex->rq.method, "GET") || kt_str_is(ex->rq.method, "HEAD");
    if (!row) return HTTP_BODY_DEFAULT;
    return row->body_max ? row->body_max : safe ? 0 : HTTP_BODY_DEFAULT;
}

static enum MHD_Result answer(exchange *ex);

/* Everything that can be said from the head alone. */
static enum MHD_Result on_head(exchange *ex, const char *url, const char *method, const char *version)
{
    request *rq = &ex->rq;
    bool has_body = false, chunked = false, plain = take_head(ex, url, method, version);
    uint64_t length = 0;
    rq->method = kt_str_dup(rq->mem, kt_str_c(method));
    ex->http_1_0 = strcmp(version, "HTTP/1.0") == 0;
    ex->step = AT_BODY;
    ex->refused = plain ? headers_accept(ex, &has_body, &chunked, &length) : KT_BAD_INPUT;
    if (ex->conn) addr_resolve(ex, &ex->conn->addr, ex->listener->tls);
    if (ex->refused != KT_OK) { /* the framing is in doubt: nothing after it may be read */
        ex->rs.close = true;
        return answer(ex);
    }
    ex->refused = find_route(ex);
    request_language(ex);
    ex->body_max = body_limit(ex);
    if (length > ex->body_max && ex->refused == KT_OK) ex->refused = KT_TOO_LARGE;
    if (ex->conn) conn_enter(ex->conn, has_body ? CONN_BODY : CONN_BUSY);
    if (ex->refused == KT_OK || !has_body) {
        kt_buf_init(&ex->body,
                    ex->body_max > HTTP_BODY_MEMORY && ex->server->spool_dir ? HTTP_BODY_MEMORY : ex->body_max);
        return MHD_YES;
    }
    ex->step = AT_DISCARD;
    if (ex->expects_continue || length > ex->body_max + HTTP_DISCARD_MAX || atomic_load(&ex->server->stopping)) {
        ex->rs.close = true;
        return answer(ex);
    }
    return MHD_YES;
}

/* ---- body ---- */

static kt_err spool_open(exchange *ex)
{
    const char *dir = ex->server->spool_dir;
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) {
        char *name = kt_str_z(ex->rq.mem, kt_str_fmt(ex->rq.mem, "%s/body-XXXXXX", dir));
        fd = mkostemp(name, O_CLOEXEC);
        if (fd >= 0) unlink(name);
    }
    ex->rq.body_file = fd;
    return fd < 0 ? KT_IO : KT_OK;
}

static kt_err write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n < 0 && (errno == ENOSPC || errno == EDQUOT) ? KT_FULL : KT_IO;
        data += n;
        len -= (size_t)n;
    }
    return KT_OK;
}

static kt_err body_add(exchange *ex, const char *data, size_t len)
{
    if (ex->rq.body_len + len > ex->body_max) return KT_TOO_LARGE;
    if (ex->rq.body_file < 0 && ex->body.len + len > ex->body.max) {
        TRY(spool_open(ex));
        TRY(write_all(ex->rq.body_file, ex->body.at, ex->body.len));
        kt_buf_free(&ex->body);
    }
    if (ex->rq.body_file >= 0)
        TRY(write_all(ex->rq.body_file, data, len));
    else
        kt_buf_put(&ex->body, (kt_str){ data, len });
    ex->rq.body_len += len;
    return KT_OK;
}

/* The library cannot answer in the middle of a chunked body. So the words are put on the wire by hand and
 * the connection is closed; no answer of the library can follow, since we end the request with an error. */
static void say_and_cut(exchange *ex, int status, const char *words)
{
    char text[256];
    int len = snprintf(text, sizeof text,
                       "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Length: 0\r\n"
                       "X-Content-Type-Options: nosniff\r\n\r\n",
                       status, words);
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(ex->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    ssize_t sent;
    ex->step = AT_CUT;
    if (!ex->conn) return;
    if (ex->listener->tls && info && info->tls_session)
        sent = gnutls_record_send(info->tls_session, text, (size_t)len);
    else
        sent = send(ex->conn->fd, text, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT);
    ex->status = sent == len ? status : 0;
    if (!ex->listener->tls) shutdown(ex->conn->fd, SHUT_WR);
}

static enum MHD_Result on_body(exchange *ex, const char *data, size_t *len)
{
    size_t n = *len;
    *len = 0;
    ex->body_seen += n;
    if (ex->conn) atomic_fetch_add(&ex->conn->body_bytes, (int64_t)n);
    if (ex->step == AT_BODY) {
        ex->refused = body_add(ex, data, n);
        if (ex->refused == KT_OK) return MHD_YES;
        ex->step = AT_DISCARD;
        ex->rs.close = true;
    }
    if (ex->body_seen <= ex->body_max + HTTP_DISCARD_MAX) return MHD_YES;
    if (ex->step != AT_CUT) {
        int status = kt_err_status(ex->refused);
        say_and_cut(ex, status, status == 413 ? "Content Too Large" : "Refused");
        count_rejected(ex->server, "size");
    }
    /* A little more is read, so that the answer is not lost to a reset of the connection. */
    return ex->body_seen <= ex->body_max + 2 * HTTP_DISCARD_MAX ? MHD_YES : MHD_NO;
}

/* ---- answer ---- */

static struct MHD_Response *make_response(exchange *ex)
{
    reply *rs = &ex->rs;
    struct MHD_Response *r = NULL;
    switch (rs->kind) {
    case BODY_FILE:
        r = MHD_create_response_from_fd_at_offset64(rs->length, rs->fd, rs->offset);
        if (r) rs->fd = -1; /* the library closes it */
        break;
    case BODY_STREAM:
        r = stream_response(rs->stream, ex->connection);
        pthread_mutex_lock(&ex->server->conn_lock);
        if (r && ex->conn) ex->conn->stream = rs->stream;
        pthread_mutex_unlock(&ex->server->conn_lock);
        break;
    default:
        r = MHD_create_response_from_buffer(rs->bytes.len, (void *)(uintptr_t)rs->bytes.at, MHD_RESPMEM_PERSISTENT);
    }
    if (!r) return NULL;
    for (reply_field *f = rs->first; f; f = f->next)
        if (f->value.len && MHD_add_response_header(r, f->name.at, f->value.at) != MHD_YES)
            kt_log(KT_LOG_ERROR, "http.header_refused", KT_NUMBER("status", rs->status));
    return r;
}

static enum MHD_Result queue_answer(exchange *ex)
{
    struct MHD_Response *r = make_response(ex);
    if (!r) return MHD_NO;
    ex->response = r;
    ex->step = AT_SENT;
    ex->status = ex->rs.status;
    ex->sent = ex->rs.length;
    if (ex->conn) conn_enter(ex->conn, CONN_SENDING);
    enum MHD_Result queued = MHD_queue_response(ex->connection, (unsigned)ex->rs.status, r);
    if (ex->rs.kind != BODY_STREAM) {
        MHD_destroy_response(r); /* the connection holds its own */
        ex->response = NULL;
    }
    if (queued != MHD_YES) ex->status = 0;
    return queued;
}

static enum MHD_Result answer(exchange *ex)
{
    exchange_run(ex);
    return queue_answer(ex);
}

static void work(void *arg)
{
    exchange *ex = arg;
    exchange_run(ex);
    ex->step = AT_ANSWER;
    MHD_resume_connection(ex->connection);
    exchange_release(ex);
}

static enum MHD_Result send_to_worker(exchange *ex)
{
    ex->step = AT_WORK;
    exchange_hold(ex);
    MHD_suspend_connection(ex->connection); /* first: the worker may be quicker than we are */
    /* A request may still come on a kept connection while http_stop takes the workers away. */
    pthread_mutex_lock(&ex->server->work_lock);
    kt_err err = ex->server->workers ? kt_pool_submit(ex->server->workers, work, ex) : KT_STOPPING;
    pthread_mutex_unlock(&ex->server->work_lock);
    if (err == KT_OK) return MHD_YES;
    exchange_release(ex);
    ex->refused = err;
    exchange_run(ex);
    ex->step = AT_ANSWER;
    MHD_resume_connection(ex->connection);
    return MHD_YES;
}

static enum MHD_Result on_complete_request(exchange *ex)
{
    if (ex->step == AT_BODY && ex->rq.body_file < 0) ex->rq.body = ex->body.at ? kt_buf_str(&ex->body) : KT_STR("");
    if (ex->rq.body_file >= 0) lseek(ex->rq.body_file, 0, SEEK_SET);
    if (ex->conn) conn_enter(ex->conn, CONN_BUSY);
    const route *row = ex->rq.route;
    bool waits = row && (row->kind == HTTP_WORK || (row->kind == HTTP_READ && ex->server->options.reads_on_worker));
    return waits && ex->refused == KT_OK ? send_to_worker(ex) : answer(ex);
}

/* After a worker: has the client left meanwhile? A half-closed one may still be reading. */
static enum MHD_Result on_worked(exchange *ex)
{
    struct pollfd p = { .fd = ex->conn ? ex->conn->fd : -1, .events = POLLRDHUP };
    if (p.fd >= 0 && poll(&p, 1, 0) > 0) {
        if (p.revents & (POLLERR | POLLHUP)) return MHD_NO;
        ex->left = (p.revents & POLLRDHUP) != 0;
    }
    return queue_answer(ex);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *data, size_t *len, void **context)
{
    exchange *ex = *context;
    (void)cls;
    (void)connection;
    if (!ex) return MHD_NO;
    if (ex->step == AT_TARGET) return on_head(ex, url, method, version);
    if (*len > 0) return on_body(ex, data, len);
    switch (ex->step) {
    case AT_BODY:
    case AT_DISCARD: return on_complete_request(ex);
    case AT_ANSWER: return on_worked(ex);
    case AT_CUT: return MHD_NO;
    default: return MHD_YES;
    }
}

static bool really_left(exchange *ex)
{
    struct pollfd p = { .fd = ex->conn ? ex->conn->fd : -1, .events = POLLRDHUP };
    return p.fd >= 0 && poll(&p, 1, 0) > 0 && (p.revents & (POLLERR | POLLHUP));
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code)
{
    exchange *ex = *context;
    (void)cls;
    if (!ex) return;
    *context = NULL;
    int status = ex->status;
    uint64_t bytes = ex->sent;
    if (ex->step == AT_SENT && ex->rs.kind == BODY_STREAM) {
        bytes = ex->rs.stream ? stream_sent(ex->rs.stream) : 0;
    } else if (ex->step == AT_SENT && (code != MHD_REQUEST_TERMINATED_COMPLETED_OK || (ex->left && really_left(ex)))) {
        status = 0;
        bytes = 0;
    } else if (ex->step != AT_SENT && ex->step != AT_CUT) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_HTTP_STATUS);
        status = info ? (int)info->http_status : 0; /* refused by the library itself */
        bytes = 0;
        ex->n_fields = status ? 0 : ex->n_fields; /* its views may be overwritten by then */
    }
    if (kt_str_is(ex->rq.method, "HEAD") || status == 304) bytes = 0;
    if (ex->conn) {
        pthread_mutex_lock(&ex->server->conn_lock);
        ex->conn->stream = NULL;
        pthread_mutex_unlock(&ex->server->conn_lock);
        conn_enter(ex->conn, CONN_IDLE);
    }
    exchange_end(ex, status, bytes);
    if (ex->rs.kind == BODY_STREAM && ex->response) {
        ex->rs.stream = NULL; /* lives on with the response */
        MHD_destroy_response(ex->response);
    }
    exchange_release(ex);
}

/* ---- start ---- */

static void on_library_word(void *cls, const char *fmt, va_list args)
{
    http_listener *l = cls;
    (void)args; /* may hold bytes of a request: never logged */
    if (strstr(fmt, "connection limit") || strstr(fmt, "rejected")) count_rejected(l->server, "rate");
}

static const char tls_priorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA";

kt_err engine_start(http_server *s, http_listener *l, kt_fail *fail)
{
    unsigned loops = l->internal ? 1 : s->options.loops;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_ERROR_LOG |
                     (l->tls ? MHD_USE_TLS : 0u);
    struct MHD_OptionItem options[20];
    size_t n = 0;
    options[n++] = (struct MHD_OptionItem){ MHD_OPTION_LISTEN_SOCKET, l->fd, NULL };
    options[n++] = (struct MHD_OptionItem){ MHD_OPTION_CONNECTION_MEMORY_LIMIT, HTTP_HEAD_MEMORY, NULL };
    options[n++] = (struct MHD_OptionItem){ MHD_OPTION_CONNECTION_LIMIT, (intptr_t)s->options.connections_max, NULL };
    options[n++] = (struct MHD_OptionItem){ MHD_OPTION_PER_IP_CONNECTION_LIMIT,
                                            (intptr_t)s->options.connections_per_address, NULL };
    options[n++] = (struct MHD_OptionItem){ MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)s->options.idle_timeout_s, NULL };
    options[n++] = (struct MHD_OptionItem){ MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, l };
    options[n++] = (struct MHD_OptionItem){ MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, l };
    options[n++] = (struct MHD_OptionItem){ MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)on_target, l };
    if (loops > 1) options[n++] = (struct MHD_OptionItem){ MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)loops, NULL };
    if (l->tls) {
        options[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, (void *)(uintptr_t)tls_choose };
        options[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)tls_priorities };
    }
    options[n] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
    /* The logger first: the library's words while it starts would else go to standard error. */
    l->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, l, MHD_OPTION_EXTERNAL_LOGGER, on_library_word, l,
                                 MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    if (!l->daemon) return kt_fail_set(fail, KT_IO, "listen", "cannot start the server on %s", l->address);
    return KT_OK;
}
