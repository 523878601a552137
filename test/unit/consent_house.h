/* SPDX-License-Identifier: Apache-2.0 */
/* consent_house.h -- a small house for the tests of the consent room: the register, a store in a directory
 * of its own, pages and a server without a socket. It can be closed and opened again with another
 * operator's file, as after a change of the register. */
#ifndef CONSENT_HOUSE_H
#define CONSENT_HOUSE_H
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "consent/consent.h"
#include "consent/decide.h"
#include "consent/enforce.h"
#include "consent/views.h"
#include "consent/queries.h"
#include "base/log.h"

#define T0 INT64_C(1795435200000)      /* 2026-11-23 12:00:00 UTC */

typedef struct {
    char      dir[64], config[96];
    kt_arena *mem;                     /* of the test: answers, cookies */
    kt_clock  clock;
    kt_random random;
    house     house;
    void     *room;
    session  *session;                 /* put into every request by a guard, or NULL */
    route    *rows;
    int64_t   max_bytes;               /* of the store; 0 = none */
    /* the last answer */
    int       status;
    kt_value *headers;
    kt_str    body;
} consent_house;

static inline kt_err h_guard(void *ctx, request *rq, reply *rs, bool *done)
{
    rq->session = ((consent_house *)ctx)->session;
    return KT_OK;
}

/* A page and an error page, so that there is something to look at. */
static inline kt_err h_page(request *rq, reply *rs) { return reply_html(rs, 200, KT_STR("<p>page</p>")); }
static const route h_routes[] = {
    { "GET", "/", h_page, HTTP_READ, "cookies-necessary", HTTP_PUBLIC, 0, 0, NULL, NULL },
    { "GET", "/health", h_page, HTTP_INLINE, "cookies-necessary", HTTP_PUBLIC, HTTP_NO_COOKIE, 0, NULL, NULL },
    { 0 }
};

static inline const consent_room *h_room(consent_house *t) { return t->room; }

static inline void h_open(consent_house *t, const char *config)
{
    static const char *const names[] = { "consent", NULL };
    static const char *const parts[] = { "store", "register", "consent" };
    kt_fail fail = { 0 };
    house *h = &t->house;
    kt_value *faults = kt_list(t->mem);
    if (config) {
        FILE *f = fopen(t->config, "w");
        assert_non_null(f);
        fputs(config, f);
        fclose(f);
    }
    *h = (house){ .data_dir = t->dir, .clock = &t->clock, .random = &t->random, .metrics = kt_metrics_new(),
                  .secret = KT_STR("0123456789abcdef0123456789abcdef"), .bus = bus_new(), .limiter = limiter_new(1000) };
    store_options so = { .dir = t->dir, .clock = &t->clock, .metrics = h->metrics, .max_bytes = t->max_bytes };
    assert_int_equal(store_open(&so, &fail, &h->store), KT_OK);
    for (size_t i = 0; i < 3; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s/schema.sql", parts[i]);
        kt_err err = store_migrate(h->store, parts[i], kt_embedded_str(kt_embedded_find(path)), &fail);
        if (err != KT_OK) print_error("%s: %s\n", path, fail.text);
        assert_int_equal(err, KT_OK);
    }
    kt_err err = registry_load(names, config ? t->config : NULL, t->mem, faults, &h->registry);
    KT_EACH(fault, faults) print_error("%.*s\n", KT_ARG(fault->as.string));
    assert_int_equal(err, KT_OK);
    if (pages_new(&fail, &h->pages) != KT_OK) fail_msg("pages: %s", fail.text);
    assert_int_equal(outbox_new(h->store, &t->clock, &t->random, h->metrics, &h->outbox), KT_OK);
    http_options ho = { .listen = "127.0.0.1:0", .clock = &t->clock, .random = &t->random, .metrics = h->metrics };
    assert_int_equal(http_server_new(&ho, &fail, &h->server), KT_OK);
    http_add_guard(h->server, h_guard, t);
    err = consent_module.init(h, &fail, &t->room);
    if (err != KT_OK) fail_msg("init: %s %s", kt_err_name(err), fail.text);
    for (const subscription *s = consent_module.subscriptions; s->hear; s++) bus_subscribe(h->bus, s, t->room);
    size_t n = 0;
    while (consent_module.routes[n].method) n++;
    t->rows = calloc(n + 1, sizeof *t->rows);
    for (size_t i = 0; i < n; i++) {
        t->rows[i] = consent_module.routes[i];
        t->rows[i].room = t->room;
    }
    assert_int_equal(http_routes(h->server, t->rows, &fail), KT_OK);
    assert_int_equal(http_routes(h->server, h_routes, &fail), KT_OK);
}

static inline void h_close(consent_house *t)
{
    house *h = &t->house;
    consent_module.stop(t->room);
    http_server_free(h->server);
    outbox_free(h->outbox);
    bus_free(h->bus);
    pages_free(h->pages);
    limiter_free(h->limiter);
    registry_free(h->registry);
    store_close(h->store);
    kt_metrics_free(h->metrics);
    free(t->rows);
}

static inline int h_setup(void **state)
{
    kt_log_set_level(KT_LOG_ERROR);
    consent_house *t = calloc(1, sizeof *t);
    t->mem = kt_arena_new();
    t->clock = kt_clock_fixed(T0);
    t->random = kt_random_seeded(7);
    snprintf(t->dir, sizeof t->dir, "/tmp/kontor-consent-XXXXXX");
    assert_non_null(mkdtemp(t->dir));
    snprintf(t->config, sizeof t->config, "%s/kontor.yaml", t->dir);
    h_open(t, NULL);
    *state = t;
    return 0;
}

static inline int h_teardown(void **state)
{
    consent_house *t = *state;
    static const char *const files[] = { "kontor.db", "kontor.db-wal", "kontor.db-shm", "kontor.yaml" };
    h_close(t);
    for (size_t i = 0; i < 4; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", t->dir, files[i]);
        unlink(path);
    }
    rmdir(t->dir);
    kt_arena_free(t->mem);
    free(t);
    return 0;
}

/* ---- requests ---- */

static inline int h_ask(consent_house *t, const char *method, const char *target, const char *const *headers, const char *body)
{
    kt_err err = http_try(t->house.server, t->mem, method, target, headers, body ? kt_str_c(body) : KT_STR(""), &t->status,
                          &t->headers, &t->body);
    assert_int_equal(err, KT_OK);
    return t->status;
}
#define HEADERS(...) ((const char *const[]){ __VA_ARGS__ __VA_OPT__(,) NULL })
#define SAME "Sec-Fetch-Site: same-origin"
#define JSON "Content-Type: application/json"
#define FORM "Content-Type: application/x-www-form-urlencoded"
#define WANTS "Accept: application/json"

/* First value of a header of the last answer, or NONE. */
static inline kt_str h_header(consent_house *t, const char *name)
{
    KT_EACH(h, t->headers)
        if (kt_str_eq_nocase(kt_get_str(h, "name"), kt_str_c(name))) return kt_get_str(h, "value");
    return KT_STR_NONE;
}

/* The Set-Cookie line of a name, or NONE. */
static inline kt_str h_set_cookie(consent_house *t, const char *name)
{
    kt_str prefix = kt_str_fmt(t->mem, "%s=", name);
    KT_EACH(h, t->headers)
        if (kt_str_eq_nocase(kt_get_str(h, "name"), KT_STR("set-cookie")) && kt_str_starts(kt_get_str(h, "value"), prefix))
            return kt_get_str(h, "value");
    return KT_STR_NONE;
}

static inline bool h_expires(consent_house *t, const char *name)
{
    return kt_str_find(h_set_cookie(t, name), KT_STR("Max-Age=0"), 0) != KT_NOT_FOUND_AT;
}

/* "name=value" of a cookie the last answer set. */
static inline kt_str h_cookie_pair(consent_house *t, const char *name)
{
    kt_str line = h_set_cookie(t, name);
    assert_non_null(line.at);
    return kt_str_slice(line, 0, kt_str_find_byte(line, ';', 0));
}

static inline const char *h_cookie_header(consent_house *t, kt_str pair)
{
    return kt_str_z(t->mem, kt_str_fmt(t->mem, "Cookie: %.*s", KT_ARG(pair)));
}

static inline const kt_value *h_json(consent_house *t)
{
    kt_value *v = NULL;
    kt_fail fail = { 0 };
    if (kt_json_parse(t->mem, t->body, &fail, &v) != KT_OK) fail_msg("%s in %.*s", fail.text, KT_ARG(t->body));
    return v;
}

static inline bool h_list_has(const kt_value *map, const char *key, const char *id)
{
    KT_EACH(item, kt_get(map, key))
        if (kt_str_is(kt_as_str(item), id)) return true;
    return false;
}

/* The state as a browser with these headers sees it. */
static inline const kt_value *h_state(consent_house *t, const char *const *headers)
{
    assert_int_equal(h_ask(t, "GET", "/consent/state", headers, NULL), 200);
    return h_json(t);
}

static inline int64_t h_version(consent_house *t) { return h_room(t)->policy->version; }

/* Posts a JSON decision; `more` headers besides, `cookie` or NULL. Gives the status. */
static inline int h_decide(consent_house *t, const char *granted, const char *cookie)
{
    const char *body = kt_str_z(t->mem, kt_str_fmt(t->mem, "{\"version\":%lld,\"granted\":%s,\"surface\":\"banner\",\"language\":\"de\"}",
                                                   (long long)h_version(t), granted));
    return h_ask(t, "POST", "/consent", HEADERS(SAME, JSON, WANTS, cookie ? cookie : "X-None: 1"), body);
}

static inline int64_t h_count(consent_house *t, const char *what)
{
    rows *r = NULL;
    int64_t n = -1;
    assert_int_equal(store_rows_text(store_reader(t->house.store), what, NULL, &r), KT_OK);
    if (rows_next(r)) n = rows_int(r, rows_name(r, 0));
    assert_int_equal(rows_end(r), KT_OK);
    return n;
}

/* Everything queued so far is written. */
static inline kt_err h_nothing(db *d, void *ctx) { return KT_OK; }
static inline void h_settle(consent_house *t) { assert_int_equal(store_write(t->house.store, h_nothing, NULL), KT_OK); }

static inline const char *h_last_text(consent_house *t, const char *sql_text_)
{
    rows *r = NULL;
    const char *text = "";
    assert_int_equal(store_rows_text(store_reader(t->house.store), sql_text_, NULL, &r), KT_OK);
    if (rows_next(r)) text = kt_str_z(t->mem, rows_text(r, rows_name(r, 0)));
    assert_int_equal(rows_end(r), KT_OK);
    return text;
}

#define OPERATOR \
    "operator:\n  name: Test\n  country: DE\n  privacy_email: privacy@example.org\n" \
    "  platform_name: Test\n  platform_url: https://example.org\n"

#endif
