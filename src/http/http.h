/* SPDX-License-Identifier: Apache-2.0 */
/* http.h -- requests, replies and routes; the seam behind which libmicrohttpd sits.
 *
 * A route is a row: method, path template, kind, activity, who may, limits, handler. Everything that
 * is true of all requests (limits, host, sign-in, CSRF, logging) is a property of the row or of the
 * server and has happened before the handler runs. The handler parses, does, replies.
 *
 * Kinds: HTTP_INLINE answers from memory on the loop; HTTP_READ does indexed look-ups of
 * microseconds (on the loop with SQLite, on a worker with PostgreSQL); HTTP_WORK may wait and always
 * runs on a worker. The handler's code is the same. The client may leave while a worker runs: the
 * request stays valid until the handler has returned.
 *
 * Everything in a request is a view into request->mem and dies with it. */
#ifndef KONTOR_HTTP_HTTP_H
#define KONTOR_HTTP_HTTP_H
#include <stdint.h>
#include "base/clock.h"
#include "base/embedded.h"
#include "base/metric.h"
#include "base/random.h"
#include "base/str.h"
#include "base/value.h"

typedef struct http_server http_server;
typedef struct request request;
typedef struct reply reply;
typedef struct route route;
typedef struct session session;      /* http/session.h */

/* An address in 16 bytes; IPv4 as ::ffff:a.b.c.d. */
typedef struct { unsigned char at[16]; bool known; } http_addr;
kt_str http_addr_text(kt_arena *mem, const http_addr *a);               /* RFC 5952; v4 dotted */
/* /24 and /48 (6to4 2002::/16: /40) as text "192.0.2.0/24". */
kt_str http_addr_prefix(kt_arena *mem, const http_addr *a);
bool   http_addr_parse(kt_str text, http_addr *out);

typedef kt_err (*http_handler)(request *rq, reply *rs);
typedef enum { HTTP_INLINE, HTTP_READ, HTTP_WORK } http_kind;

/* Who may. PUBLIC: anybody. ACCOUNT: a signed-in customer, else 303 to sign-in (HTML) or 401.
 * STAFF: signed-in staff with `role` of the row. INTERNAL: only on the admin listener or loopback. */
typedef enum { HTTP_PUBLIC, HTTP_ACCOUNT, HTTP_STAFF, HTTP_INTERNAL } http_access;

enum {                                /* flags of a route */
    HTTP_NO_CSRF   = 1 << 0,          /* unsafe method that proves its origin otherwise */
    HTTP_STEP_UP   = 1 << 1,          /* strong authentication within 10 minutes */
    HTTP_NO_LOG    = 1 << 2,          /* health and metrics: no access-log record */
    HTTP_NO_STORE  = 1 << 3,          /* Cache-Control: no-store */
    HTTP_NO_COOKIE = 1 << 4,          /* never sets or reads a cookie (health, assets) */
    HTTP_JSON_ONLY = 1 << 5,          /* body must be application/json */
    HTTP_NO_REFERRER = 1 << 6,        /* Referrer-Policy: no-referrer (token pages) */
    HTTP_RAW_BODY  = 1 << 7           /* body is neither form nor JSON */
};

struct route {
    const char  *method;              /* GET rows answer HEAD too */
    const char  *path;                /* "/account/sessions/{id}": one segment a name; "/x/{rest...}" the rest */
    http_handler handler;
    http_kind    kind;
    const char  *activity;            /* the register's id; checked at start */
    http_access  access;
    unsigned     flags;
    size_t       body_max;            /* 0 = 64 KiB for unsafe methods, none for safe ones */
    const char  *role;                /* HTTP_STAFF: least role or NULL = any staff */
    void        *room;                /* filled by the platform: the module's state */
};

struct request {
    kt_arena   *mem;
    kt_str      method;
    kt_str      path;                 /* decoded, dot segments removed, valid UTF-8, no NUL */
    kt_str      query;                /* raw, without '?' */
    kt_str      host;                 /* lower case, without port */
    kt_str      body;                 /* whole body (none while body_file is set) */
    int         body_file;            /* open file when the body passed the spool limit, else -1 */
    size_t      body_len;
    http_addr   peer;                 /* the client; a front's word only from trusted fronts */
    bool        tls;                  /* TLS here or at a trusted front */
    bool        loopback;             /* TCP peer is loopback and no front spoke */
    int64_t     now_ms;
    char        id[33];               /* random; exists only here and on the error page */
    const route *route;
    void       *room;                 /* = route->room */
    session    *session;              /* NULL when not signed in (or not yet asked) */
    const char *lang;                 /* "de" or "en": ?lang=, cookie, account, Accept-Language */
    kt_fail     fail;                 /* words for the person */
    http_server *server;
    void       *transport;            /* the engine's own */
};

kt_str request_header(request *rq, const char *name);      /* first value; NONE when absent */
size_t request_header_count(request *rq, const char *name);
/* All values of a header, in order. */
kt_str request_header_at(request *rq, const char *name, size_t i);
/* The cookie's value. *twice (or NULL) tells that the name came more than once: treat as absent. */
kt_str request_cookie(request *rq, const char *name, bool *twice);
/* Walks all cookies sent. False at the end. */
bool   request_cookie_at(request *rq, size_t i, kt_str *name, kt_str *value);
kt_str request_param(request *rq, const char *name);       /* {name} of the path, decoded */
kt_str request_query(request *rq, const char *name);       /* decoded; NONE when absent */
bool   request_wants_json(request *rq);                    /* Accept prefers application/json */

/* A form: urlencoded or multipart/form-data. At most 200 fields; names and values valid UTF-8. */
typedef struct form_field { kt_str name, value, filename, type; struct form_field *next; } form_field;
typedef struct { form_field *first; size_t count; } form;
kt_err  request_form(request *rq, form **out) KT_MUST_CHECK;      /* KT_UNSUPPORTED, KT_BAD_INPUT */
kt_str  form_get(const form *f, const char *name);        /* NONE when absent; first value */
size_t  form_count(const form *f, const char *name);
/* KT_BAD_INPUT naming the field when the form has one that is not in `allowed` (NULL-ended);
 * "csrf" is always allowed. No mass assignment. */
kt_err  form_only(request *rq, const form *f, const char *const *allowed) KT_MUST_CHECK;
/* Explains a failure in the reader's language and returns err: for the few sentences that are said below
 * the pages' texts. */
kt_err  request_fail(request *rq, kt_err err, const char *field, const char *de, const char *en);
kt_err  request_json(request *rq, kt_value **out) KT_MUST_CHECK;   /* body as JSON; words in rq->fail */

/* Replies. Exactly one of these ends a handler; a returned error becomes an error page or problem
 * JSON (RFC 9457) with rq->fail's words. */
kt_err reply_status(reply *rs, int status);                          /* no body */
kt_err reply_text(reply *rs, int status, kt_str text);               /* text/plain; copied */
kt_err reply_html(reply *rs, int status, kt_str html);               /* text/html; copied into rs */
kt_err reply_json(reply *rs, int status, const kt_value *v);
kt_err reply_bytes(reply *rs, int status, const char *type, kt_str bytes);   /* copied */
kt_err reply_redirect(request *rq, reply *rs, int status, kt_str location);  /* 303, 301, 308; relative only or own origin */
/* An open file: ranges, ETag, Last-Modified; the reply owns fd. */
kt_err reply_file(request *rq, reply *rs, int fd, const char *type, kt_str download_name);
kt_err reply_embedded(request *rq, reply *rs, const kt_embedded *file);      /* ETag, gz/br, 304 */
/* KT_BAD_INPUT when name or value holds CR, LF or NUL: never sent. */
kt_err reply_header(reply *rs, const char *name, kt_str value) KT_MUST_CHECK;
void   reply_set_status(reply *rs, int status);
int    reply_get_status(const reply *rs);
/* Body sent so far in buffered replies; for tests. */

/* Low-level cookie line. Only register/cookie.c may call this (the lint sees to it). */
typedef struct {
    const char *name; kt_str value; int64_t max_age_s;   /* -1 = session, 0 = expire */
    bool http_only, secure; const char *same_site; const char *path, *domain;
} http_cookie;
kt_err reply_cookie_raw(reply *rs, const http_cookie *c) KT_MUST_CHECK;
/* True when the reply already sets a cookie of this name. */
bool   reply_has_cookie(const reply *rs, const char *name);

/* Streams: server-sent events and long answers. reply_stream makes the reply a stream that any thread may
 * write to. on_gone is called once when the client left before stream_close, from a loop; from then on
 * stream_write says false. The pointer stays valid until stream_close, which the writer calls exactly
 * once in every case (inside on_gone is fine). Neither callback runs after stream_close has returned,
 * unless stream_close was called by that very callback. */
typedef struct http_stream http_stream;
kt_err reply_stream(request *rq, reply *rs, const char *type, size_t buffer_max,
                    void (*on_drain)(http_stream *s, void *ctx), void (*on_gone)(void *ctx), void *ctx,
                    http_stream **out) KT_MUST_CHECK;
/* False = full (try again after on_drain) or gone. Any thread. */
bool   stream_write(http_stream *s, kt_str bytes);
void   stream_close(http_stream *s);
/* data: lines of one event; id and event may be NONE. */
bool   stream_event(http_stream *s, kt_str event, kt_str id, kt_str data);

/* What happened to a request; called exactly once for every request, also rejected and aborted ones. */
typedef struct {
    request    *rq;                /* may be NULL when no request could be parsed */
    int         status;            /* 0 = no answer was sent */
    uint64_t    bytes;             /* of the body sent */
    int64_t     started_ms, duration_us;
    http_addr   peer;
    kt_str      user_agent;        /* view; reduce it before anything is stored */
    kt_str      client_hints;      /* Sec-CH-UA, low entropy, as sent */
    kt_str      client_platform;   /* Sec-CH-UA-Platform */
    const route *route;            /* NULL when none matched */
    bool        tls, http_1_0;
} http_end;

/* A guard runs after routing, before the handler, for every matched route in the order added; it may
 * fill rq->session and rq->lang or answer itself (then *done = true). */
typedef kt_err (*http_guard)(void *ctx, request *rq, reply *rs, bool *done);
/* Runs on every reply that leaves, after the handler: adds headers (CSP, cookies). */
typedef void (*http_finish)(void *ctx, request *rq, reply *rs);
/* Makes the HTML of an error (NULL: plain text). */
typedef kt_err (*http_error_page)(void *ctx, request *rq, reply *rs, int status, const kt_fail *fail);

typedef struct {
    const char *listen;            /* "127.0.0.1:8080"; "[::1]:0" picks a port */
    const char *tls_cert, *tls_key;/* PEM files; reloaded by http_reload_tls */
    const char *const *hosts;      /* the served names, NULL-ended; that of public_origin is served anyway.
                                      Neither: loopback names only. Ports in it do not matter */
    const char *const *trusted_fronts;   /* addresses or prefixes "10.0.0.0/8", NULL-ended */
    unsigned    loops, workers;    /* 0 = by cores */
    unsigned    connections_max, connections_per_address;   /* 0 = 20000, 0 = 10000 */
    unsigned    idle_timeout_s, head_timeout_s;             /* 0 = 60, 0 = 15 */
    unsigned    min_rate;          /* bytes a second below which a body is cut off after 10 s; 0 = 100 */
    unsigned    grace_s;           /* 0 = 10 */
    unsigned    rate_grace_s;      /* 0 = 10: how long a body may be slower than min_rate */
    const char *front_header;      /* "x-forwarded-for" or "forwarded": the one the fronts set. NULL: the
                                      first when it is there, else the second */
    const char *spool_dir;         /* bodies above 1 MiB go here; NULL: they stay in memory */
    bool        reads_on_worker;   /* the store's engine may wait (PostgreSQL) */
    const char *public_origin;     /* "https://kontor.example"; NULL on loopback */
    const kt_clock *clock; kt_random *random; kt_metrics *metrics;
} http_options;

kt_err http_server_new(const http_options *options, kt_fail *fail, http_server **out) KT_MUST_CHECK;
void   http_server_free(http_server *s);
/* Rows end with method == NULL; all must be added before start. KT_CONFLICT when two rows collide. */
kt_err http_routes(http_server *s, const route *rows, kt_fail *fail) KT_MUST_CHECK;
void   http_add_guard(http_server *s, http_guard guard, void *ctx);
void   http_add_finish(http_server *s, http_finish finish, void *ctx);
void   http_on_end(http_server *s, void (*on_end)(void *ctx, const http_end *end), void *ctx);   /* several */
void   http_set_error_page(http_server *s, http_error_page page, void *ctx);
/* Judges the CSRF token of a form when there is no session (a pre-session cookie stands in for it).
 * Without it only the same-origin rule applies before sign-in. */
void   http_set_csrf(http_server *s, bool (*check)(void *ctx, request *rq, kt_str token), void *ctx);
/* Assets of web/ below /assets/<hash>/…: immutable; and the plain name, revalidated. */
kt_str http_asset_url(kt_arena *mem, const char *path);     /* "web/kontor.css" → "/assets/1a2b…/kontor.css" */
kt_err http_start(http_server *s, kt_fail *fail) KT_MUST_CHECK;
unsigned http_port(const http_server *s);
unsigned http_port_internal(const http_server *s);          /* of the first internal listener, or 0 */
/* Stops accepting, finishes what runs, closes everything within the grace period. */
void   http_stop(http_server *s);
kt_err http_reload_tls(http_server *s, kt_fail *fail) KT_MUST_CHECK;
kt_err http_listen_also(http_server *s, const char *listen, bool internal, kt_fail *fail) KT_MUST_CHECK;
/* Origin for links in mails and redirects: public_origin, or http://localhost:port. */
const char *http_origin(const http_server *s);
/* Runs handler and guards on a made-up request, without a socket: unit tests of modules. */
kt_err http_try(http_server *s, kt_arena *mem, const char *method, const char *target,
                const char *const *headers /* "Name: value", NULL-ended */, kt_str body,
                int *status, kt_value **headers_out /* list of {name,value} */, kt_str *body_out) KT_MUST_CHECK;

#endif
