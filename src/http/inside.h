/* SPDX-License-Identifier: Apache-2.0 */
/* inside.h -- what the files of http/ share and nobody else includes.
 *
 * An `exchange` is one request with its reply and its place in the engine. Its life:
 *
 *     request line read  ->  head accepted  ->  body read  ->  handler ran  ->  answer queued  ->  ended
 *     on_target              on_head            on_body        exchange_run     queue_answer      on_completed
 *
 * Everything runs on the connection's loop, except exchange_run of a HTTP_WORK route, which runs on a worker
 * while the connection is suspended. Two may hold an exchange: the connection (until on_completed) and a
 * worker (until its work function has returned); the last one frees it. */
#ifndef KONTOR_HTTP_INSIDE_H
#define KONTOR_HTTP_INSIDE_H
#include <pthread.h>
#include <stdatomic.h>
#include "base/pool.h"
#include "http/http.h"
#include "http/session.h"

struct MHD_Connection;
struct MHD_Daemon;
struct MHD_Response;

enum {
    HTTP_HEAD_MEMORY    = 32 * 1024,      /* head and reply head of a connection; beyond: 414, 431 */
    HTTP_FIELDS_MAX     = 200,            /* header lines of a request */
    HTTP_BODY_MEMORY    = 1024 * 1024,    /* longer bodies go to a file */
    HTTP_BODY_DEFAULT   = 64 * 1024,
    HTTP_DISCARD_MAX    = 1024 * 1024,    /* how much of a refused body is read before we cut */
    HTTP_PARAMS_MAX     = 8,
    HTTP_FORM_FIELDS_MAX = 200,
    HTTP_COMPRESS_MIN   = 1024,
    HTTP_GUARDS_MAX     = 16
};

/* ---- the request side ---- */

typedef struct { kt_str name, value; } http_field;

typedef struct reply_field { kt_str name, value; struct reply_field *next; } reply_field;
typedef enum { BODY_NONE, BODY_BYTES, BODY_FILE, BODY_STREAM } body_kind;

struct reply {
    request  *rq;
    int       status;
    bool      ended;                  /* a reply_ function has run */
    body_kind kind;
    kt_str    bytes;                  /* BODY_BYTES */
    int       fd;                     /* BODY_FILE, else -1 */
    uint64_t  offset, length;         /* part of the file or of the bytes that is sent */
    http_stream *stream;              /* BODY_STREAM */
    bool      ranges;                 /* parts may be asked for */
    bool      close;                  /* the connection ends with this answer */
    reply_field *first, *last;
};

typedef enum { AT_TARGET, AT_BODY, AT_DISCARD, AT_CUT, AT_WORK, AT_ANSWER, AT_SENT } http_step;

typedef struct http_conn     http_conn;
typedef struct http_listener http_listener;
typedef struct { const char *name; kt_str value; } http_param;

typedef struct exchange {
    request rq;
    reply   rs;
    http_server   *server;
    http_listener *listener;          /* NULL in http_try */
    http_conn     *conn;              /* NULL in http_try */
    struct MHD_Connection *connection;
    atomic_int refs;
    http_step step;
    bool      http_1_0, expects_continue, left;
    kt_str    target;                 /* as sent */
    kt_str    host_as_sent;           /* with port */
    http_field *fields;
    size_t    n_fields, cap_fields;
    http_param params[HTTP_PARAMS_MAX];
    size_t    n_params;
    kt_str    allow;                  /* the methods of a path that does not know this one */
    kt_err    refused;                /* decided before the handler: KT_OK or the reason */
    kt_buf    body;
    size_t    body_max, body_seen;
    form     *parsed_form;
    struct MHD_Response *response;
    int64_t   started_us;
    uint64_t  sent;                   /* bytes of the body, when known */
    int       status;                 /* queued or written; 0 none */
    struct exchange *next_free;
} exchange;

static inline exchange *exchange_of(const request *rq) { return (exchange *)rq->transport; }

exchange *exchange_new(http_server *s);
void      exchange_hold(exchange *ex);
void      exchange_release(exchange *ex);
void      exchange_add_field(exchange *ex, kt_str name, kt_str value);

/* headers.c: the refusals of RFC 9112 that need the whole head. KT_OK or KT_BAD_INPUT, HEAD_TOO_LARGE. */
kt_err headers_accept(exchange *ex, bool *has_body, bool *chunked, uint64_t *length);
/* Host: lower case without port; false when it is no host. */
bool host_parse(kt_arena *mem, kt_str text, kt_str *host);
bool is_token(kt_str s);

/* target.c: a request target to path, query and (absolute form) host. False: 400. */
typedef struct { kt_str path, query, authority; bool absolute; } http_target;
bool target_parse(kt_arena *mem, kt_str raw, http_target *out);
bool path_normalise(kt_arena *mem, kt_str raw, kt_str *out);

/* router.c */
typedef struct router router;
router *router_new(void);
void    router_free(router *r);
kt_err  router_add(router *r, const route *row, kt_fail *fail);
/* The row for method and path; NULL with *allow ("" = no such path). */
const route *router_find(const router *r, kt_arena *mem, kt_str method, kt_str path, http_param *params,
                         size_t *n_params, kt_str *allow);

/* cookie.c, accept.c, range.c, addr.c: parsers of single headers. */
bool cookie_next(kt_str *rest, kt_str *name, kt_str *value);
typedef enum { CODING_NONE, CODING_GZIP, CODING_BR } http_coding;
http_coding coding_choose(kt_str accept_encoding, bool have_gzip, bool have_br);
/* Quality 0-1000 of a media type or language in an Accept header; -1 when it is not named at all. */
int  accept_quality(kt_str header, kt_str type);
int  language_quality(kt_str header, kt_str language);
typedef enum { RANGE_NONE, RANGE_ONE, RANGE_OUTSIDE } range_kind;
range_kind range_parse(kt_str header, uint64_t length, uint64_t *first, uint64_t *last);
bool etag_matches(kt_str list, kt_str etag, bool strong);
bool date_parse(kt_str text, int64_t *ms);                 /* IMF-fixdate only */
typedef struct { http_addr addr; unsigned bits; } http_prefix;
bool prefix_parse(kt_str text, http_prefix *out);
bool prefix_holds(const http_prefix *p, const http_addr *a);
bool addr_is_loopback(const http_addr *a);
/* Element `i` from the right of Forwarded (for=, proto=); false when there are fewer or it is broken. */
bool forwarded_at(kt_str header, size_t i, kt_str *for_value, kt_str *proto);
bool node_address(kt_str node, http_addr *out);            /* RFC 7239 6: v4, [v6], ports */
/* Fills rq->peer, tls, loopback from the TCP peer and what trusted fronts say. */
void addr_resolve(exchange *ex, const http_addr *tcp_peer, bool tcp_tls);

/* form.c */
kt_err form_parse_urlencoded(kt_arena *mem, kt_str body, kt_fail *fail, form *out);
kt_err form_parse_multipart(kt_arena *mem, kt_str content_type, kt_str body, kt_fail *fail, form *out);
kt_str media_type(kt_str content_type);                   /* before ';', trimmed */
/* A parameter of a header value: boundary of Content-Type; unquoted. */
bool   header_parameter(kt_arena *mem, kt_str value, const char *name, kt_str *out);

/* ---- the reply side ---- */

void   reply_init(reply *rs, request *rq);
void   reply_drop_body(reply *rs);
kt_str reply_field_get(const reply *rs, const char *name);
void   reply_put(reply *rs, const char *name, kt_str value);       /* for values of our own making */
void   reply_put_vary(reply *rs, const char *name);

/* dispatch.c: guards, access, CSRF, handler, error, finish hooks and everything that follows them. */
void exchange_run(exchange *ex);
void exchange_fail(exchange *ex, kt_err err);              /* the error as a reply */
/* finish.c: conditions, ranges, compression, security headers. */
void reply_finish(exchange *ex);
kt_str gzip_bytes(kt_arena *mem, kt_str bytes);            /* NONE when it does not get smaller */
/* origin.c */
bool host_is_served(const exchange *ex);
kt_str origin_as_sent(exchange *ex);
/* language.c is part of request.c */
void request_language(exchange *ex);

/* stream.c */
http_stream *stream_new(exchange *ex, size_t buffer_max, void (*on_drain)(http_stream *, void *),
                        void (*on_gone)(void *), void *ctx);
struct MHD_Response *stream_response(http_stream *st, struct MHD_Connection *connection);
void stream_release(http_stream *st);                      /* the engine's side is over */
void stream_left(http_stream *st);                         /* the client has been seen to leave */
void stream_hurry(http_stream *st);                        /* the server stops: end after what is buffered */
uint64_t stream_sent(const http_stream *st);
kt_str stream_taken(http_stream *st, kt_arena *mem);       /* http_try: what was written so far */

/* assets.c */
kt_err assets_serve(request *rq, reply *rs);

/* ---- the server ---- */

typedef enum { CONN_IDLE, CONN_HEAD, CONN_BODY, CONN_BUSY, CONN_SENDING } conn_state;

struct http_conn {
    http_conn *next, *prev;
    http_listener *listener;
    int        fd;
    http_addr  addr;
    atomic_int state;
    _Atomic int64_t since_ms, body_bytes, seen_ms;
    atomic_uint  requests;
    bool       cut, slow;              /* the watch has closed it; because it was slow */
    http_stream *stream;               /* while one is sent; guarded by the server's conn_lock */
};

struct http_listener {
    http_server *server;
    char        *address;
    bool         internal, tls;
    int          fd;
    unsigned     port;
    struct MHD_Daemon *daemon;
    http_listener *next;
};

typedef struct tls_keys tls_keys;      /* http/tls.h */

typedef struct { http_guard run; void *ctx; } guard_row;
typedef struct { http_finish run; void *ctx; } finish_row;
typedef struct { void (*run)(void *ctx, const http_end *end); void *ctx; } end_row;

typedef struct counters counters;      /* end.c */

struct http_server {
    http_options  options;
    char        **hosts;  size_t n_hosts;
    http_prefix  *fronts; size_t n_fronts;
    char         *public_origin, *origin, *tls_cert, *tls_key, *spool_dir, *front_header;
    router       *routes;
    guard_row     guards[HTTP_GUARDS_MAX];   size_t n_guards;
    finish_row    finishes[HTTP_GUARDS_MAX]; size_t n_finishes;
    end_row       ends[HTTP_GUARDS_MAX];     size_t n_ends;
    http_error_page error_page; void *error_page_ctx;
    bool        (*csrf)(void *ctx, request *rq, kt_str token); void *csrf_ctx;
    kt_pool      *workers; pthread_mutex_t work_lock;    /* NULL before start and from stop on */
    http_listener *listeners;
    bool          started;
    atomic_bool   stopping;
    counters     *counters;
    pthread_mutex_t free_lock; exchange *free_list; unsigned n_free;
    pthread_mutex_t conn_lock; http_conn *conns;
    atomic_long   n_conns, n_exchanges;
    pthread_mutex_t tls_lock;  tls_keys *keys;       /* newest first; older ones serve running handshakes */
    pthread_t     watch; bool watching; pthread_mutex_t watch_lock; pthread_cond_t watch_wake;
};

/* engine.c: the callbacks of libmicrohttpd */
kt_err engine_start(http_server *s, http_listener *l, kt_fail *fail);
/* watch.c: the thread that cuts off what is too slow */
void watch_start(http_server *s);
void watch_stop(http_server *s);
void conn_add(http_server *s, http_conn *c);
void conn_remove(http_server *s, http_conn *c);
void conn_enter(http_conn *c, conn_state state);
/* end.c: what became of a request */
counters *counters_new(http_server *s);
void counters_add_route(counters *c, const route *row);
void counters_free(counters *c);
void exchange_end(exchange *ex, int status, uint64_t bytes);
void end_unparsed(http_server *s, const http_conn *c, int status);
void count_rejected(http_server *s, const char *reason);

#endif
