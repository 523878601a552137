/* SPDX-License-Identifier: Apache-2.0 */
/* What stands between a request and its handler, and between the handler and the wire; without a socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include "http/http.h"
#include "http/session.h"

typedef struct {
    http_server *server;
    kt_arena *mem;
    kt_clock clock;
    kt_random random;
    int status, runs, ends, finishes;
    kt_value *headers;
    kt_str body;
    session *who; /* whom the guard signs in */
    bool guard_answers;
    http_addr peer;
    bool tls, loopback;
    char lang[8];
} desk;

/* ---- routes ---- */

static desk *the_desk(request *rq) { return rq->room; }

static kt_err hello(request *rq, reply *rs)
{
    desk *d = the_desk(rq);
    d->runs++;
    d->peer = rq->peer;
    d->tls = rq->tls;
    d->loopback = rq->loopback;
    snprintf(d->lang, sizeof d->lang, "%s", rq->lang);
    return reply_text(rs, 200, KT_STR("hello"));
}

static kt_err form_a(request *rq, reply *rs)
{
    static const char *const allowed[] = { "a", NULL };
    form *f;
    the_desk(rq)->runs++;
    TRY(request_form(rq, &f));
    TRY(form_only(rq, f, allowed));
    return reply_text(rs, 200, form_get(f, "a"));
}

static kt_err json_in(request *rq, reply *rs)
{
    kt_value *v;
    the_desk(rq)->runs++;
    TRY(request_json(rq, &v));
    return reply_json(rs, 201, v);
}

static kt_err invalid(request *rq, reply *rs)
{
    TRY(reply_header(rs, "X-Kept", KT_STR("yes")));
    TRY(reply_html(rs, 200, KT_STR("half a page")));
    return kt_fail_set(&rq->fail, KT_INVALID, "email", "This is not <an> address.");
}

static kt_err broken(request *rq, reply *rs) { return kt_fail_set(&rq->fail, KT_STORE, "", "table account is locked"); }
static kt_err silent(request *rq, reply *rs) { return KT_OK; }

static kt_err long_page(request *rq, reply *rs)
{
    static char page[20000];
    memset(page, 'p', sizeof page);
    TRY(reply_header(rs, "ETag", KT_STR("\"v1\"")));
    return reply_html(rs, 200, (kt_str){ page, sizeof page });
}

static kt_err with_param(request *rq, reply *rs)
{
    return reply_text(rs, 200,
                      kt_str_fmt(rq->mem, "%.*s|%.*s|%.*s", KT_ARG(request_param(rq, "id")),
                                 KT_ARG(request_param(rq, "rest")), KT_ARG(request_query(rq, "q"))));
}

static kt_err go(request *rq, reply *rs) { return reply_redirect(rq, rs, 303, request_query(rq, "to")); }

static kt_err bake(request *rq, reply *rs)
{
    http_cookie c = {
        .name = "lang", .value = KT_STR("en"), .max_age_s = 60, .same_site = "Lax", .secure = true, .http_only = true
    };
    TRY(reply_cookie_raw(rs, &c));
    TRY(reply_header(rs, "Cache-Control", KT_STR("public, max-age=60")));
    if (!reply_has_cookie(rs, "lang") || reply_has_cookie(rs, "lan")) return KT_INTERNAL;
    return reply_text(rs, 200, KT_STR("baked"));
}

static kt_err events(request *rq, reply *rs)
{
    http_stream *st;
    TRY(reply_stream(rq, rs, "text/event-stream", 4096, NULL, NULL, NULL, &st));
    bool ok = stream_event(st, KT_STR("tick"), KT_STR("7"), KT_STR("one\ntwo"));
    ok = ok && !stream_event(st, KT_STR("ti\nck"), KT_STR_NONE, KT_STR("x"));
    stream_close(st);
    return ok ? KT_OK : KT_INTERNAL;
}

#define ROW(m, p, h, ...)                                                                                              \
    {                                                                                                                  \
        .method = m, .path = p, .handler = h, .kind = HTTP_INLINE, .activity = "x", __VA_ARGS__                        \
    }
static route rows[] = {
    ROW("GET", "/hello", hello, .access = HTTP_PUBLIC),
    ROW("POST", "/hello", hello, .flags = HTTP_NO_CSRF),
    ROW("POST", "/form", form_a, .access = HTTP_PUBLIC),
    ROW("POST", "/json", json_in, .flags = HTTP_JSON_ONLY),
    ROW("GET", "/account", hello, .access = HTTP_ACCOUNT),
    ROW("GET", "/account/strong", hello, .access = HTTP_ACCOUNT, .flags = HTTP_STEP_UP),
    ROW("GET", "/staff", hello, .access = HTTP_STAFF),
    ROW("GET", "/staff/role", hello, .access = HTTP_STAFF, .role = "billing"),
    ROW("GET", "/internal", hello, .access = HTTP_INTERNAL),
    ROW("GET", "/invalid", invalid, .access = HTTP_PUBLIC),
    ROW("GET", "/broken", broken, .access = HTTP_PUBLIC),
    ROW("GET", "/silent", silent, .access = HTTP_PUBLIC),
    ROW("GET", "/long", long_page, .access = HTTP_PUBLIC),
    ROW("GET", "/quiet", hello, .flags = HTTP_NO_REFERRER | HTTP_NO_STORE),
    ROW("GET", "/item/{id}", with_param, .access = HTTP_PUBLIC),
    ROW("GET", "/item/new", hello, .access = HTTP_PUBLIC),
    ROW("PUT", "/item/{id}", hello, .access = HTTP_PUBLIC),
    ROW("GET", "/tree/{id}/{rest...}", with_param, .access = HTTP_PUBLIC),
    ROW("GET", "/go", go, .access = HTTP_PUBLIC),
    ROW("GET", "/bake", bake, .access = HTTP_PUBLIC),
    ROW("GET", "/events", events, .access = HTTP_PUBLIC),
    { 0 },
};

static kt_err guard(void *ctx, request *rq, reply *rs, bool *done)
{
    desk *d = ctx;
    rq->session = d->who;
    if (d->guard_answers) {
        *done = true;
        return reply_redirect(rq, rs, 303, KT_STR("/sign-in"));
    }
    return KT_OK;
}

static void finish(void *ctx, request *rq, reply *rs)
{
    desk *d = ctx;
    d->finishes++;
    if (rq->route && strcmp(rq->route->path, "/item/new") == 0)
        assert_int_equal(reply_header(rs, "Content-Security-Policy", KT_STR("default-src 'none'")), KT_OK);
}

static void on_end(void *ctx, const http_end *end) { ((desk *)ctx)->ends++; }

static int begin(void **state)
{
    static desk d;
    kt_fail fail = { 0 };
    static const char *const fronts[] = { "127.0.0.1", "10.0.0.0/8", NULL };
    static const char *const hosts[] = { "localhost", "Second.example:8080", NULL };
    memset(&d, 0, sizeof d);
    d.clock = kt_clock_fixed(1795442400000);
    d.random = kt_random_seeded(1);
    d.mem = kt_arena_new();
    http_options o = { .clock = &d.clock,
                       .random = &d.random,
                       .trusted_fronts = fronts,
                       .hosts = hosts,
                       .public_origin = "https://kontor.example" };
    for (route *r = rows; r->method; r++) r->room = &d;
    assert_int_equal(http_server_new(&o, &fail, &d.server), KT_OK);
    assert_int_equal(http_routes(d.server, rows, &fail), KT_OK);
    http_add_guard(d.server, guard, &d);
    http_add_finish(d.server, finish, &d);
    http_on_end(d.server, on_end, &d);
    *state = &d;
    return 0;
}

static int end(void **state)
{
    desk *d = *state;
    http_server_free(d->server);
    kt_arena_free(d->mem);
    return 0;
}

/* ---- asking ---- */

static int ask(desk *d, const char *method, const char *target, const char *const *headers, const char *body)
{
    assert_int_equal(
        http_try(d->server, d->mem, method, target, headers, kt_str_c(body), &d->status, &d->headers, &d->body), KT_OK);
    return d->status;
}

#define WITH(...)                                                                                                      \
    (const char *const[]) { __VA_ARGS__, NULL }
#define FORM "Content-Type: application/x-www-form-urlencoded"
#define SAME "Sec-Fetch-Site: same-origin"

static const char *header(desk *d, const char *name)
{
    KT_EACH(h, d->headers)
        if (kt_str_eq_nocase(kt_get_str(h, "name"), kt_str_c(name))) return kt_str_z(d->mem, kt_get_str(h, "value"));
    return "";
}

static bool body_has(desk *d, const char *text) { return kt_str_find(d->body, kt_str_c(text), 0) != KT_NOT_FOUND_AT; }

/* ---- tests ---- */

static void test_rows_are_found_by_method_and_template(void **state)
{
    desk *d = *state;
    assert_int_equal(ask(d, "GET", "/item/7?q=a%20b+c", NULL, ""), 200);
    assert_true(kt_str_is(d->body, "7||a b c"));
    assert_int_equal(ask(d, "GET", "/tree/1/a/b%20c", NULL, ""), 200);
    assert_true(kt_str_is(d->body, "1|a/b c|"));
    assert_int_equal(ask(d, "GET", "/item/new", NULL, ""), 200);
    assert_true(kt_str_is(d->body, "hello"));
    assert_int_equal(ask(d, "PUT", "/item/new", WITH(SAME), ""), 200); /* the literal row knows only GET */
    assert_int_equal(ask(d, "DELETE", "/item/new", NULL, ""), 405);
    assert_string_equal(header(d, "Allow"), "GET, HEAD, PUT");
    assert_int_equal(ask(d, "GET", "/item/", NULL, ""), 404);
    assert_int_equal(ask(d, "GET", "/item", NULL, ""), 404);
    assert_int_equal(ask(d, "HEAD", "/hello", NULL, ""), 200);
    assert_int_equal(d->body.len, 0);
    assert_int_equal(d->ends, 8);
    assert_int_equal(d->finishes, 8);
}

static void test_two_rows_that_collide_are_refused(void **state)
{
    desk *d = *state;
    kt_fail fail = { 0 };
    const route same[] = { ROW("GET", "/item/{other}", hello, .access = HTTP_PUBLIC), { 0 } };
    assert_int_equal(http_routes(d->server, same, &fail), KT_CONFLICT);
    const route odd[] = { ROW("GET", "no-slash", hello, .access = HTTP_PUBLIC), { 0 } };
    assert_int_equal(http_routes(d->server, odd, &fail), KT_BAD_INPUT);
    const route late[] = { ROW("GET", "/a/{rest...}/b", hello, .access = HTTP_PUBLIC), { 0 } };
    assert_int_equal(http_routes(d->server, late, &fail), KT_BAD_INPUT);
}

static void test_a_row_that_wants_somebody_never_runs_for_nobody(void **state)
{
    desk *d = *state;
    session customer = { .id = KT_STR("s1"), .subject = KT_STR("a1"), .realm = "account" };
    session staff = { .id = KT_STR("s2"), .subject = KT_STR("t1"), .realm = "staff" };
    assert_int_equal(ask(d, "GET", "/account", NULL, ""), 401);
    assert_int_equal(ask(d, "GET", "/staff", NULL, ""), 401);
    d->who = &customer;
    assert_int_equal(ask(d, "GET", "/staff", NULL, ""), 401);
    assert_int_equal(d->runs, 0);
    assert_int_equal(ask(d, "GET", "/account", NULL, ""), 200);
    assert_string_equal(header(d, "Cache-Control"), "private, no-store");
    d->who = &staff;
    assert_int_equal(ask(d, "GET", "/account", NULL, ""), 401);
    assert_int_equal(ask(d, "GET", "/staff", NULL, ""), 200);
    assert_int_equal(ask(d, "GET", "/staff/role", NULL, ""), 403);
    staff.role = KT_STR("billing");
    assert_int_equal(ask(d, "GET", "/staff/role", NULL, ""), 200);
    assert_int_equal(d->runs, 3);
}

static void test_step_up_wants_a_recent_strong_sign_in(void **state)
{
    desk *d = *state;
    session s = { .id = KT_STR("s1"), .realm = "account", .strong_ms = d->clock.fixed_ms - 10 * KT_MINUTE_MS - 1 };
    d->who = &s;
    assert_int_equal(ask(d, "GET", "/account/strong", WITH("Accept: application/json"), ""), 401);
    assert_true(body_has(d, "\"field\":\"step_up\""));
    s.strong_ms = d->clock.fixed_ms - 10 * KT_MINUTE_MS;
    assert_int_equal(ask(d, "GET", "/account/strong", NULL, ""), 200);
    s.strong_ms = 0;
    assert_int_equal(ask(d, "GET", "/account/strong", NULL, ""), 401);
}

static void test_a_guard_may_answer_itself(void **state)
{
    desk *d = *state;
    d->guard_answers = true;
    assert_int_equal(ask(d, "GET", "/account", NULL, ""), 303);
    assert_string_equal(header(d, "Location"), "/sign-in");
    assert_int_equal(d->runs, 0);
}

static void test_internal_rows_answer_only_loopback(void **state)
{
    desk *d = *state;
    assert_int_equal(ask(d, "GET", "/internal", NULL, ""), 200);
    assert_int_equal(ask(d, "GET", "/internal", WITH("X-Forwarded-For: 192.0.2.1"), ""), 404);
    assert_int_equal(ask(d, "GET", "/internal", WITH("X-Forwarded-For: 127.0.0.1"), ""), 404);
    assert_int_equal(ask(d, "GET", "/internal", WITH("Forwarded: for=127.0.0.1"), ""), 404);
}

static void test_unsafe_methods_must_come_from_our_own_pages(void **state)
{
    desk *d = *state;
    static const struct {
        const char *headers[3];
        int status;
    } cases[] = {
        { { SAME, FORM, NULL }, 200 },
        { { "Sec-Fetch-Site: none", FORM, NULL }, 200 },
        { { "Sec-Fetch-Site: same-site", FORM, NULL }, 403 },
        { { "Sec-Fetch-Site: cross-site", FORM, NULL }, 403 },
        { { "Sec-Fetch-Site: Same-Origin", FORM, NULL }, 403 },
        { { "Origin: http://localhost", FORM, NULL }, 200 },
        { { "Origin: https://kontor.example", FORM, NULL }, 200 },
        { { "Origin: https://kontor.example:443", FORM, NULL }, 200 },
        { { "Origin: https://kontor.example:444", FORM, NULL }, 403 },
        { { "Origin: http://kontor.example", FORM, NULL }, 403 },
        { { "Origin: null", FORM, NULL }, 403 },
        { { "Origin: https://kontor.example.evil.example", FORM, NULL }, 403 },
        { { FORM, NULL }, 403 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (ask(d, "POST", "/form", cases[i].headers, "a=b") != cases[i].status)
            fail_msg("%s: %d", cases[i].headers[0], d->status);
    assert_int_equal(
        ask(d, "POST", "/form", WITH("Sec-Fetch-Site: cross-site", "Origin: http://localhost", FORM), "a=b"), 403);
    assert_int_equal(ask(d, "POST", "/form", WITH(SAME, "Sec-Fetch-Site: cross-site", FORM), "a=b"), 403);
    assert_int_equal(ask(d, "POST", "/hello", NULL, ""), 200); /* proves its origin otherwise */
}

static bool pre_session(void *ctx, request *rq, kt_str token) { return kt_str_is(token, "fresh"); }

static void test_forms_carry_a_token(void **state)
{
    desk *d = *state;
    session s = { .id = KT_STR("s1"), .realm = "account", .csrf_key = { 1, 2, 3 } };
    kt_str key = { (const char *)s.csrf_key, 32 };
    http_set_csrf(d->server, pre_session, d);
    assert_int_equal(ask(d, "POST", "/form", WITH(SAME, FORM), "a=b"), 403);
    assert_int_equal(ask(d, "POST", "/form", WITH(SAME, FORM), "a=b&csrf=stale"), 403);
    assert_int_equal(ask(d, "POST", "/form", WITH(SAME, FORM), "a=b&csrf=fresh"), 200);
    assert_int_equal(ask(d, "POST", "/form", WITH(SAME, FORM, "X-CSRF-Token: fresh"), "a=b"), 200);
    d->who = &s;
    kt_str token = csrf_token(&d->random, d->mem, key, s.id);
    assert_int_equal(ask(d, "POST", "/form", WITH(SAME, FORM), "a=b&csrf=fresh"), 403);
    assert_int_equal(
        ask(d, "POST", "/form", WITH(SAME, FORM), kt_str_z(d->mem, kt_str_fmt(d->mem, "a=b&csrf=%.*s", KT_ARG(token)))),
        200);
    assert_int_equal(ask(d, "POST", "/form", WITH("Sec-Fetch-Site: cross-site", FORM),
                         kt_str_z(d->mem, kt_str_fmt(d->mem, "a=b&csrf=%.*s", KT_ARG(token)))),
                     403);
    s.id = KT_STR("s2");
    assert_int_equal(
        ask(d, "POST", "/form", WITH(SAME, FORM), kt_str_z(d->mem, kt_str_fmt(d->mem, "a=b&csrf=%.*s", KT_ARG(token)))),
        403);
    assert_int_equal(ask(d, "POST", "/json", WITH(SAME, "Content-Type: application/json"), "{}"), 201);
}

static void test_unknown_fields_and_wrong_kinds_of_body_are_refused(void **state)
{
    desk *d = *state;
    assert_int_equal(ask(d, "POST", "/form", WITH(SAME, FORM), "a=b&role=owner"), 400);
    assert_true(body_has(d, "nicht bekannt") || body_has(d, "not known here"));
    assert_int_equal(ask(d, "POST", "/form", WITH(SAME, "Content-Type: text/plain"), "a=b"), 415);
    assert_int_equal(ask(d, "POST", "/json", WITH(SAME, FORM), "a=b"), 415);
    assert_int_equal(ask(d, "POST", "/json", WITH(SAME, "Content-Type: application/json; charset=utf-8"), "{\"a\":1}"),
                     201);
    assert_true(kt_str_is(d->body, "{\"a\":1}"));
    assert_int_equal(ask(d, "POST", "/json", WITH(SAME, "Content-Type: application/json"), "{\"a\":1,\"a\":2}"), 400);
    char *large = malloc(70000);
    memset(large, 'a', 69999);
    large[69999] = 0;
    assert_int_equal(ask(d, "POST", "/form", WITH(SAME, FORM), large), 413);
    free(large);
}

static void test_an_error_is_words_for_people_and_a_problem_document_for_programs(void **state)
{
    desk *d = *state;
    assert_int_equal(ask(d, "GET", "/invalid", NULL, ""), 422);
    assert_string_equal(header(d, "Content-Type"), "text/plain; charset=utf-8");
    assert_true(body_has(d, "This is not <an> address."));
    assert_false(body_has(d, "half a page"));
    assert_string_equal(header(d, "X-Kept"), "yes");
    assert_int_equal(ask(d, "GET", "/invalid", WITH("Accept: application/json"), ""), 422);
    assert_string_equal(header(d, "Content-Type"), "application/problem+json");
    assert_true(body_has(d, "\"status\":422") && body_has(d, "\"field\":\"email\"") &&
                body_has(d, "\"type\":\"about:blank\""));
    assert_int_equal(ask(d, "GET", "/broken", NULL, ""), 500);
    assert_false(body_has(d, "account"));                      /* nothing about our inside */
    assert_int_equal(ask(d, "GET", "/silent", NULL, ""), 500); /* no reply is a fault */
}

static kt_err own_page(void *ctx, request *rq, reply *rs, int status, const kt_fail *fail)
{
    return reply_html(rs, status, kt_str_fmt(rq->mem, "<h1>%d %s</h1>", status, fail->field));
}

static void test_the_error_page_is_the_platforms(void **state)
{
    desk *d = *state;
    http_set_error_page(d->server, own_page, d);
    assert_int_equal(ask(d, "GET", "/invalid", NULL, ""), 422);
    assert_true(kt_str_is(d->body, "<h1>422 email</h1>"));
    assert_int_equal(ask(d, "GET", "/nowhere", NULL, ""), 404);
    assert_true(kt_str_is(d->body, "<h1>404 </h1>"));
}

static void test_every_reply_has_the_security_headers(void **state)
{
    desk *d = *state;
    static const char *const targets[] = { "/hello", "/nowhere", "/invalid", "/long", "/events" };
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        ask(d, "GET", targets[i], NULL, "");
        assert_string_equal(header(d, "X-Content-Type-Options"), "nosniff");
        assert_string_equal(header(d, "Referrer-Policy"), "strict-origin-when-cross-origin");
        assert_string_equal(header(d, "Cross-Origin-Opener-Policy"), "same-origin");
        assert_string_equal(header(d, "X-DNS-Prefetch-Control"), "off");
        assert_string_equal(
            header(d, "Content-Security-Policy"),
            "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'");
        assert_non_null(strstr(header(d, "Permissions-Policy"), "browsing-topics=()"));
        assert_string_equal(header(d, "Strict-Transport-Security"), "");
    }
    ask(d, "GET", "/item/new", NULL, "");
    assert_string_equal(header(d, "Content-Security-Policy"), "default-src 'none'");
    ask(d, "GET", "/quiet", WITH("X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https"), "");
    assert_string_equal(header(d, "Referrer-Policy"), "no-referrer");
    assert_string_equal(header(d, "Cache-Control"), "no-store");
    assert_non_null(strstr(header(d, "Strict-Transport-Security"), "max-age="));
}

static void test_long_pages_are_compressed_when_wanted(void **state)
{
    desk *d = *state;
    ask(d, "GET", "/long", WITH("Accept-Encoding: br, gzip"), "");
    assert_string_equal(header(d, "Content-Encoding"), "gzip");
    assert_string_equal(header(d, "Vary"), "Accept-Encoding");
    assert_string_equal(header(d, "ETag"), "W/\"v1\"");
    static char plain[30000];
    z_stream z = { .next_in = (Bytef *)(uintptr_t)d->body.at,
                   .avail_in = (uInt)d->body.len,
                   .next_out = (Bytef *)plain,
                   .avail_out = sizeof plain };
    inflateInit2(&z, 31);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.total_out, 20000);
    inflateEnd(&z);
    ask(d, "GET", "/long", WITH("Accept-Encoding: gzip;q=0"), "");
    assert_string_equal(header(d, "Content-Encoding"), "");
    assert_string_equal(header(d, "Vary"), "Accept-Encoding");
    assert_int_equal(d->body.len, 20000);
    assert_int_equal(ask(d, "GET", "/long", WITH("If-None-Match: W/\"v1\""), ""), 304);
    assert_int_equal(d->body.len, 0);
    assert_string_equal(header(d, "Content-Type"), "");
    ask(d, "GET", "/hello", WITH("Accept-Encoding: gzip"), "");
    assert_string_equal(header(d, "Content-Encoding"), "");
}

static void test_redirects_stay_here(void **state)
{
    desk *d = *state;
    static const struct {
        const char *to;
        int status;
    } cases[] = {
        { "/a", 303 },
        { "https://kontor.example/a", 303 },
        { "https://kontor.example", 303 },
        { "//evil.example", 403 },
        { "https://evil.example/", 403 },
        { "https://kontor.example.evil.example/", 403 },
        { "/%5cevil", 403 },
        { "", 403 },
        { "javascript:1", 403 },
        { "/a%0d%0aSet-Cookie:x=1", 400 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char target[128];
        snprintf(target, sizeof target, "/go?to=%s", cases[i].to);
        if (ask(d, "GET", target, NULL, "") != cases[i].status) fail_msg("%s: %d", cases[i].to, d->status);
    }
}

static void test_a_reply_with_a_cookie_is_never_public(void **state)
{
    desk *d = *state;
    ask(d, "GET", "/bake", NULL, "");
    assert_string_equal(header(d, "Set-Cookie"), "lang=en; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax");
    assert_string_equal(header(d, "Cache-Control"), "private, no-store");
}

static void test_events_have_one_data_line_a_line(void **state)
{
    desk *d = *state;
    assert_int_equal(ask(d, "GET", "/events", NULL, ""), 200);
    assert_true(kt_str_is(d->body, "event: tick\nid: 7\ndata: one\ndata: two\n\n"));
}

static void test_the_language_is_asked_for_in_order(void **state)
{
    desk *d = *state;
    static const struct {
        const char *target;
        const char *headers[3];
        const char *lang;
    } cases[] = {
        { "/hello", { NULL }, "de" },
        { "/hello", { "Accept-Language: en-GB,en;q=0.9", NULL }, "en" },
        { "/hello", { "Accept-Language: fr, de;q=0.5, en;q=0.4", NULL }, "de" },
        { "/hello", { "Accept-Language: fr", NULL }, "de" },
        { "/hello", { "Accept-Language: de", "Cookie: a=b; lang=en", NULL }, "en" },
        { "/hello", { "Cookie: lang=en; lang=de", NULL }, "de" },
        { "/hello?lang=de", { "Cookie: lang=en", NULL }, "de" },
        { "/hello?lang=xx", { "Cookie: lang=en", NULL }, "en" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ask(d, "GET", cases[i].target, cases[i].headers, "");
        assert_string_equal(d->lang, cases[i].lang);
    }
    session s = { .id = KT_STR("s"), .realm = "account", .lang = KT_STR("en") };
    d->who = &s;
    ask(d, "GET", "/hello", NULL, "");
    assert_string_equal(d->lang, "en");
}

static void test_a_front_is_believed_only_where_it_stands(void **state)
{
    desk *d = *state;
    static const struct {
        const char *headers[3];
        const char *peer;
        bool tls;
    } cases[] = {
        { { NULL }, "127.0.0.1", false },
        { { "X-Forwarded-For: 192.0.2.7", NULL }, "192.0.2.7", false },
        { { "X-Forwarded-For: 6.6.6.6, 192.0.2.7", NULL }, "192.0.2.7", false },
        { { "X-Forwarded-For: 6.6.6.6, 192.0.2.7, 10.1.2.3", "X-Forwarded-Proto: https", NULL }, "192.0.2.7", true },
        { { "X-Forwarded-For: 192.0.2.7", "Forwarded: for=6.6.6.6;proto=https", NULL }, "192.0.2.7", false },
        { { "X-Forwarded-For: nonsense", NULL }, "127.0.0.1", false },
        { { "Forwarded: for=6.6.6.6, for=\"[2001:db8::1]:4711\";proto=https", NULL }, "2001:db8::1", true },
        { { "Forwarded: for=192.0.2.7;proto=http", NULL }, "192.0.2.7", false },
        { { "Forwarded: for=_hidden", NULL }, "127.0.0.1", false },
        { { "X-Forwarded-For: 2001:db8::5", NULL }, "2001:db8::5", false },
        { { "X-Forwarded-For: 192.0.2.7:1234", NULL }, "192.0.2.7", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ask(d, "GET", "/hello", cases[i].headers, "");
        kt_str peer = http_addr_text(d->mem, &d->peer);
        if (!kt_str_is(peer, cases[i].peer) || d->tls != cases[i].tls) fail_msg("%zu: %.*s", i, KT_ARG(peer));
        assert_int_equal(d->loopback, i == 0);
    }
}

static void test_only_served_hosts_are_answered(void **state)
{
    desk *d = *state;
    assert_int_equal(ask(d, "GET", "/hello", WITH("Host: kontor.example"), ""), 200);
    assert_int_equal(ask(d, "GET", "/hello", WITH("Host: second.example"), ""), 200);
    assert_int_equal(ask(d, "GET", "/hello", WITH("Host: evil.example"), ""), 421);
    assert_int_equal(ask(d, "GET", "/hello", WITH("Host: 127.0.0.1:9000"), ""), 200); /* loopback itself */
    assert_int_equal(ask(d, "GET", "/hello", WITH("Host: 127.0.0.1", "X-Forwarded-For: 192.0.2.1"), ""), 421);
}

static void test_assets_are_kept_by_their_hash(void **state)
{
    desk *d = *state;
    const kt_embedded *file = NULL;
    for (size_t i = 0; i < kt_embedded_count && !file; i++)
        if (strncmp(kt_embedded_files[i].path, "web/", 4) == 0) file = &kt_embedded_files[i];
    if (!file) skip();
    kt_str url = http_asset_url(d->mem, file->path);
    char *hashed = kt_str_z(d->mem, url), *plain = kt_str_z(d->mem, kt_str_fmt(d->mem, "/assets/%s", file->path + 4));
    assert_int_equal(ask(d, "GET", hashed, NULL, ""), 200);
    assert_string_equal(header(d, "Cache-Control"), "public, max-age=31536000, immutable");
    assert_int_equal(d->body.len, file->len);
    assert_int_equal(ask(d, "GET", plain, NULL, ""), 200);
    assert_string_equal(header(d, "Cache-Control"), "no-cache");
    char *etag = kt_str_z(d->mem, kt_str_fmt(d->mem, "If-None-Match: %s", header(d, "ETag")));
    assert_int_equal(ask(d, "GET", plain, WITH(etag), ""), 304);
    char *other = kt_str_z(d->mem, kt_str_fmt(d->mem, "/assets/ffffffffffffffff/%s", file->path + 4));
    assert_int_equal(ask(d, "GET", other, NULL, ""), 200);
    assert_string_equal(header(d, "Cache-Control"), "no-cache");
    assert_int_equal(ask(d, "GET", "/assets/none.css", NULL, ""), 404);
    assert_int_equal(ask(d, "GET", "/assets/../account/schema.sql", NULL, ""), 404);
    if (file->gz) {
        ask(d, "GET", hashed, WITH("Accept-Encoding: gzip"), "");
        assert_string_equal(header(d, "Content-Encoding"), "gzip");
        assert_string_equal(header(d, "Vary"), "Accept-Encoding");
    }
}

#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_rows_are_found_by_method_and_template),
        T(test_two_rows_that_collide_are_refused),
        T(test_a_row_that_wants_somebody_never_runs_for_nobody),
        T(test_step_up_wants_a_recent_strong_sign_in),
        T(test_a_guard_may_answer_itself),
        T(test_internal_rows_answer_only_loopback),
        T(test_unsafe_methods_must_come_from_our_own_pages),
        T(test_forms_carry_a_token),
        T(test_unknown_fields_and_wrong_kinds_of_body_are_refused),
        T(test_an_error_is_words_for_people_and_a_problem_document_for_programs),
        T(test_the_error_page_is_the_platforms),
        T(test_every_reply_has_the_security_headers),
        T(test_long_pages_are_compressed_when_wanted),
        T(test_redirects_stay_here),
        T(test_a_reply_with_a_cookie_is_never_public),
        T(test_events_have_one_data_line_a_line),
        T(test_the_language_is_asked_for_in_order),
        T(test_a_front_is_believed_only_where_it_stands),
        T(test_only_served_hosts_are_answered),
        T(test_assets_are_kept_by_their_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
