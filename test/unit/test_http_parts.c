/* SPDX-License-Identifier: Apache-2.0 */
/* The parsers of the HTTP part, each by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include "http/inside.h"
#include "http/limit.h"

static kt_arena *mem;
static int begin(void **state)
{
    mem = kt_arena_new();
    return 0;
}
static int end(void **state)
{
    kt_arena_free(mem);
    return 0;
}

static void test_a_cookie_header_is_read_pair_by_pair(void **state)
{
    kt_str rest = KT_STR(" a=1; b=\"two\";;=x; bad name=1; c=x=y ;d; e="), name, value;
    static const char *const want[][2] = { { "a", "1" }, { "b", "two" }, { "c", "x=y" }, { "e", "" } };
    for (int i = 0; i < 4; i++) {
        assert_true(cookie_next(&rest, &name, &value));
        assert_true(kt_str_is(name, want[i][0]) && kt_str_is(value, want[i][1]));
    }
    assert_false(cookie_next(&rest, &name, &value));
}

static void test_codings_follow_their_quality(void **state)
{
    static const struct {
        const char *header;
        http_coding want;
    } cases[] = {
        { "gzip, deflate, br", CODING_BR },
        { "gzip", CODING_GZIP },
        { "br;q=0.5, gzip", CODING_GZIP },
        { "", CODING_NONE },
        { "gzip;q=0, br;q=0", CODING_NONE },
        { "*", CODING_BR },
        { "*;q=0", CODING_NONE },
        { "*;q=0.1, br;q=0", CODING_GZIP },
        { "identity, gzip;q=0.5", CODING_NONE },
        { "GZIP", CODING_GZIP },
        { "gzip;q=2", CODING_NONE },
        { "gzip;q=", CODING_NONE },
        { ",,;q=1,gzip ; q=0.001", CODING_GZIP },
        { "deflate", CODING_NONE },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (coding_choose(kt_str_c(cases[i].header), true, true) != cases[i].want) fail_msg("%s", cases[i].header);
    assert_int_equal(coding_choose(KT_STR("br"), true, false), CODING_NONE);
    assert_int_equal(coding_choose(KT_STR_NONE, true, true), CODING_NONE);
}

static void test_media_types_match_by_closeness(void **state)
{
    kt_str accept = KT_STR("text/html, application/*;q=0.5, */*;q=0.1");
    assert_int_equal(accept_quality(accept, KT_STR("text/html")), 1000);
    assert_int_equal(accept_quality(accept, KT_STR("application/json")), 500);
    assert_int_equal(accept_quality(accept, KT_STR("image/png")), 100);
    assert_int_equal(accept_quality(KT_STR("text/html"), KT_STR("image/png")), -1);
}

static void test_ranges(void **state)
{
    static const struct {
        const char *header;
        range_kind kind;
        uint64_t first, last;
    } cases[] = {
        { "bytes=0-0", RANGE_ONE, 0, 0 },
        { "bytes=5-", RANGE_ONE, 5, 99 },
        { "bytes=-5", RANGE_ONE, 95, 99 },
        { "bytes=-500", RANGE_ONE, 0, 99 },
        { "bytes=99-200", RANGE_ONE, 99, 99 },
        { "bytes=100-", RANGE_OUTSIDE, 0, 0 },
        { "bytes=99999999999999999999999-", RANGE_OUTSIDE, 0, 0 },
        { "bytes=0-99999999999999999999999", RANGE_ONE, 0, 99 },
        { "bytes=-0", RANGE_OUTSIDE, 0, 0 },
        { "bytes=", RANGE_NONE, 0, 0 },
        { "bytes=-", RANGE_NONE, 0, 0 },
        { "bytes=a-b", RANGE_NONE, 0, 0 },
        { "bytes=3-2", RANGE_NONE, 0, 0 },
        { "bytes=1-2,4-5", RANGE_NONE, 0, 0 },
        { "pages=1-2", RANGE_NONE, 0, 0 },
        { "", RANGE_NONE, 0, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t first = 0, last = 0;
        range_kind kind = range_parse(kt_str_c(cases[i].header), 100, &first, &last);
        if (kind != cases[i].kind || (kind == RANGE_ONE && (first != cases[i].first || last != cases[i].last)))
            fail_msg("%s", cases[i].header);
    }
    uint64_t first, last;
    assert_int_equal(range_parse(KT_STR("bytes=0-"), 0, &first, &last), RANGE_OUTSIDE);
}

static void test_entity_tags(void **state)
{
    assert_true(etag_matches(KT_STR("\"a\", W/\"b\""), KT_STR("\"b\""), false));
    assert_false(etag_matches(KT_STR("\"a\", W/\"b\""), KT_STR("\"b\""), true));
    assert_true(etag_matches(KT_STR("*"), KT_STR("\"b\""), false));
    assert_true(etag_matches(KT_STR("\"with, comma\",\"b\""), KT_STR("\"b\""), true));
    assert_false(etag_matches(KT_STR("b"), KT_STR("\"b\""), false));
    assert_false(etag_matches(KT_STR("\"b"), KT_STR("\"b\""), false));
}

static void test_http_dates(void **state)
{
    int64_t ms;
    assert_true(date_parse(KT_STR("Sun, 06 Nov 1994 08:49:37 GMT"), &ms));
    assert_int_equal(ms, 784111777000);
    assert_false(date_parse(KT_STR("Sunday, 06-Nov-94 08:49:37 GMT"), &ms));
    assert_false(date_parse(KT_STR("Sun, 06 Foo 1994 08:49:37 GMT"), &ms));
    assert_false(date_parse(KT_STR("Sun, 06 Nov 1994 08:49:37 XXX"), &ms));
}

static void test_addresses_and_prefixes(void **state)
{
    http_addr a;
    http_prefix p;
    static const struct {
        const char *text, *shown, *cut;
    } cases[] = {
        { "192.0.2.77", "192.0.2.77", "192.0.2.0/24" },
        { "2001:DB8:1:2::3", "2001:db8:1:2::3", "2001:db8:1::/48" },
        { "::ffff:192.0.2.77", "192.0.2.77", "192.0.2.0/24" },
        { "2002:c000:24d::1", "2002:c000:24d::1", "2002:c000:200::/40" },
    };
    for (size_t i = 0; i < 4; i++) {
        assert_true(http_addr_parse(kt_str_c(cases[i].text), &a));
        assert_true(kt_str_is(http_addr_text(mem, &a), cases[i].shown));
        if (!kt_str_is(http_addr_prefix(mem, &a), cases[i].cut))
            fail_msg("%s: %.*s", cases[i].cut, KT_ARG(http_addr_prefix(mem, &a)));
    }
    static const char *const bad[] = { "", "192.0.2", "192.0.2.256", "1.2.3.4/24", "::g", "[::1]", "192.0.2.1 " };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(http_addr_parse(kt_str_c(bad[i]), &a));
    assert_true(prefix_parse(KT_STR("10.1.0.0/16"), &p));
    assert_true(http_addr_parse(KT_STR("10.1.200.3"), &a) && prefix_holds(&p, &a));
    assert_true(http_addr_parse(KT_STR("10.2.0.0"), &a) && !prefix_holds(&p, &a));
    assert_true(prefix_parse(KT_STR("0.0.0.0/0"), &p) && prefix_holds(&p, &a));
    assert_true(http_addr_parse(KT_STR("2001:db8::1"), &a) && !prefix_holds(&p, &a));
    assert_false(prefix_parse(KT_STR("10.0.0.0/33"), &p));
    assert_false(prefix_parse(KT_STR("10.0.0.0/x"), &p));
}

static void test_forwarded_elements_are_read_from_the_right(void **state)
{
    kt_str node, proto;
    kt_str header =
        KT_STR("for=192.0.2.1;proto=http;by=203.0.113.4, For=\"[2001:db8::1]:80\" ; Proto=https,for=\"a\\\"b\"");
    assert_true(forwarded_at(header, 0, &node, &proto) && kt_str_is(node, "a\\\"b"));
    assert_true(forwarded_at(header, 1, &node, &proto) && kt_str_is(node, "[2001:db8::1]:80") &&
                kt_str_is(proto, "https"));
    assert_true(forwarded_at(header, 2, &node, &proto) && kt_str_is(node, "192.0.2.1"));
    assert_false(forwarded_at(header, 3, &node, &proto));
    static const char *const broken[] = { "for=\"a", "for", "for=a b=c", "=x", "for=a;;b", "\"" };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_false(forwarded_at(kt_str_c(broken[i]), 0, &node, &proto));
}

static void test_hosts(void **state)
{
    kt_str host;
    static const struct {
        const char *text, *host;
    } good[] = {
        { "Example.ORG", "example.org" },
        { "example.org:8080", "example.org" },
        { "[::1]:80", "[::1]" },
        { "127.0.0.1", "127.0.0.1" },
        { "a.", "a" },
        { "a:", "a" },
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(host_parse(mem, kt_str_c(good[i].text), &host) && kt_str_is(host, good[i].host));
    static const char *const bad[] = { "",    ":80", "a b",      "a/b",  "a@b", "[::1",
                                       "[x]", "a:b", "a:123456", "a:-1", "a,b", "[::1]x" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(host_parse(mem, kt_str_c(bad[i]), &host));
}

static void test_a_path_to_return_to_stays_here(void **state)
{
    static const char *const away[] = { "//evil",     "/\\evil", "https:evil", "%2f%2fevil", "/%2fevil", "/%5cevil",
                                        "/%252fevil", "evil",    "",           "/a\nb",      "/%0aa",    "/a\\b" };
    for (size_t i = 0; i < sizeof away / sizeof *away; i++)
        if (!kt_str_is(http_return_to(mem, kt_str_c(away[i])), "/")) fail_msg("%s", away[i]);
    assert_true(kt_str_is(http_return_to(mem, KT_STR("/account?tab=1&x=%20y#z")), "/account?tab=1&x=%20y#z"));
    assert_true(kt_str_is(http_return_to(mem, KT_STR_NONE), "/"));
}

/* ---- forms ---- */

static void test_urlencoded_forms(void **state)
{
    form f;
    kt_fail fail = { 0 };
    assert_int_equal(form_parse_urlencoded(mem, KT_STR("a=1&b=%C3%BC+x&&c&a=2&=e"), &fail, &f), KT_OK);
    assert_int_equal(f.count, 5);
    assert_true(kt_str_is(form_get(&f, "a"), "1"));
    assert_int_equal(form_count(&f, "a"), 2);
    assert_true(kt_str_is(form_get(&f, "b"), "\xc3\xbc x"));
    assert_true(form_get(&f, "c").at != NULL && form_get(&f, "c").len == 0);
    assert_null(form_get(&f, "d").at);
    static const char *const bad[] = { "a=%", "a=%f", "a=%gg", "a=%ff", "a=%00", "%ff=1", "a=%ed%a0%80" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(form_parse_urlencoded(mem, kt_str_c(bad[i]), &fail, &f), KT_BAD_INPUT);
    kt_buf many;
    kt_buf_init(&many, 10000);
    for (int i = 0; i < 200; i++) kt_buf_put_c(&many, "a=1&");
    assert_int_equal(form_parse_urlencoded(mem, kt_buf_str(&many), &fail, &f), KT_OK);
    kt_buf_put_c(&many, "a=1");
    assert_int_equal(form_parse_urlencoded(mem, kt_buf_str(&many), &fail, &f), KT_BAD_INPUT);
    kt_buf_free(&many);
}

#define MULTI "multipart/form-data; boundary=XX"
#define PART(disposition, more, value)                                                                                 \
    "--XX\r\nContent-Disposition: form-data; " disposition "\r\n" more "\r\n" value "\r\n"

static void test_multipart_forms(void **state)
{
    form f;
    kt_fail fail = { 0 };
    kt_str body = KT_STR("preamble\r\n" PART("name=\"a\"", "", "one")
                             PART("name=\"file\"; filename=\"\xc3\xbc \\\"x\\\".txt\"", "Content-Type: text/plain\r\n",
                                  "\x00\xff--X\r\n-") PART("name=b", "", "") "--XX--\r\nepilogue");
    assert_int_equal(form_parse_multipart(mem, kt_str_c(MULTI), body, &fail, &f), KT_OK);
    assert_int_equal(f.count, 3);
    assert_true(kt_str_is(form_get(&f, "a"), "one"));
    form_field *file = f.first->next;
    assert_true(kt_str_is(file->filename, "\xc3\xbc \"x\".txt") && kt_str_is(file->type, "text/plain"));
    assert_int_equal(file->value.len, 8);
    assert_int_equal(form_get(&f, "b").len, 0);
    assert_int_equal(
        form_parse_multipart(mem, KT_STR("multipart/form-data; boundary=\"a b\""), KT_STR("--a b--"), &fail, &f),
        KT_OK);
}

static void test_broken_multipart_forms_are_refused(void **state)
{
    /* clang-format off */
    static const struct { const char *type, *body; } cases[] = {
        { "multipart/form-data", PART("name=a", "", "x") "--XX--" },
        { "multipart/form-data; boundary=", "----" },
        { "multipart/form-data; boundary=\"XX", PART("name=a", "", "x") "--XX--" },
        { MULTI, "" },
        { MULTI, "--XX" },
        { MULTI, PART("name=a", "", "x") },
        { MULTI, PART("name=a", "", "x") "--XXX" },
        { MULTI, PART("filename=a", "", "x") "--XX--" },
        { MULTI, "--XX\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--XX--" },
        { MULTI, PART("name=\"a", "", "x") "--XX--" },
        { MULTI, PART("name=a", "", "\xff") "--XX--" },
        { MULTI, PART("name=\xff", "", "x") "--XX--" },
        { MULTI, PART("name=a", "Content-Transfer-Encoding: base64\r\n", "eA==") "--XX--" },
        { MULTI, "--XX\r\nno colon\r\n\r\nx\r\n--XX--" },
        { MULTI, "--XX\r\nContent-Disposition: form-data; name=a\r\nx\r\n--XX--" },
    };
    /* clang-format on */
    form f;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kt_fail fail = { 0 };
        if (form_parse_multipart(mem, kt_str_c(cases[i].type), kt_str_c(cases[i].body), &fail, &f) != KT_BAD_INPUT)
            fail_msg("%zu: %s", i, cases[i].body);
        assert_true(fail.text[0] != 0);
    }
}

/* ---- sessions ---- */

typedef struct {
    kt_sha256 token;
    session row;
    int loads, touches;
} shelf;

static kt_err shelf_load(void *ctx, kt_arena *m, const kt_sha256 *token, session *out)
{
    shelf *s = ctx;
    s->loads++;
    if (memcmp(token, &s->token, sizeof *token) != 0) return KT_NOT_FOUND;
    *out = s->row;
    return KT_OK;
}

static void shelf_touch(void *ctx, kt_str id, int64_t now_ms)
{
    shelf *s = ctx;
    s->touches++;
    s->row.seen_ms = now_ms;
}

typedef struct {
    shelf *shelf;
    session_backend backend;
    session_state state;
    session *found;
} finding;
static finding the_finding;

static kt_err find_it(request *rq, reply *rs)
{
    the_finding.state = session_find(rq, "sid", &the_finding.backend, NULL, &the_finding.found);
    return reply_status(rs, 204);
}

static void test_a_session_ends_by_idleness_and_by_age(void **state)
{
    shelf s = { 0 };
    kt_random random = kt_random_seeded(7);
    kt_clock clock = kt_clock_fixed(1795442400000);
    kt_str value, other;
    kt_sha256 ignored;
    session_token(&random, mem, &value, &s.token);
    session_token(&random, mem, &other, &ignored);
    assert_int_equal(value.len, 43);
    s.row = (session){ .id = KT_STR("row"), .created_ms = clock.fixed_ms, .seen_ms = clock.fixed_ms };
    the_finding = (finding){ .backend = { "account", shelf_load, shelf_touch, NULL, &s } };
    http_options o = { .clock = &clock, .random = &random };
    http_server *server;
    const route rows[] = { { .method = "GET", .path = "/", .handler = find_it, .activity = "x" }, { 0 } };
    assert_int_equal(http_server_new(&o, NULL, &server), KT_OK);
    assert_int_equal(http_routes(server, rows, NULL), KT_OK);
    int status;
#define FIND(...)                                                                                                      \
    (assert_int_equal(http_try(server, mem, "GET", "/", (const char *const[]){ __VA_ARGS__, NULL }, KT_STR(""),        \
                               &status, NULL, NULL),                                                                   \
                      KT_OK),                                                                                          \
     the_finding.state)
    char *good = kt_str_z(mem, kt_str_fmt(mem, "Cookie: sid=%.*s", KT_ARG(value)));
    char *wrong = kt_str_z(mem, kt_str_fmt(mem, "Cookie: sid=%.*s", KT_ARG(other)));
    char *twice = kt_str_z(mem, kt_str_fmt(mem, "Cookie: sid=%.*s; sid=%.*s", KT_ARG(value), KT_ARG(value)));
    assert_int_equal(FIND("X: y"), SESSION_NONE);
    assert_int_equal(FIND(good), SESSION_OK);
    assert_int_equal(FIND(wrong), SESSION_UNKNOWN);
    assert_int_equal(FIND(twice), SESSION_TWICE);
    assert_int_equal(FIND(good, "Cookie: sid=x"), SESSION_TWICE);
    int loads = s.loads;
    assert_int_equal(FIND("Cookie: sid=short"), SESSION_UNKNOWN);
    assert_int_equal(s.loads, loads); /* the store is not asked for what cannot be */
    for (int i = 0; i < 23; i++) {    /* used every half hour less a bit: lives, until 12 hours */
        clock.fixed_ms += 30 * KT_MINUTE_MS - 1;
        assert_int_equal(FIND(good), SESSION_OK);
    }
    assert_int_equal(s.touches, 23);
    clock.fixed_ms += 30 * KT_MINUTE_MS - 1;
    assert_int_equal(FIND(good), SESSION_OK);
    clock.fixed_ms += 24;
    assert_int_equal(FIND(good), SESSION_EXPIRED);
    s.row = (session){ .id = KT_STR("row"), .created_ms = clock.fixed_ms, .seen_ms = clock.fixed_ms };
    clock.fixed_ms += 30 * KT_MINUTE_MS;
    assert_int_equal(FIND(good), SESSION_EXPIRED);
    s.row.stay = true;
    assert_int_equal(FIND(good), SESSION_OK);
    clock.fixed_ms += 14 * KT_DAY_MS;
    assert_int_equal(FIND(good), SESSION_EXPIRED);
    http_server_free(server);
}

static void test_a_csrf_token_is_bound_to_key_and_session(void **state)
{
    kt_random random = kt_random_seeded(9);
    kt_str key = KT_STR("0123456789abcdef0123456789abcdef"), one = csrf_token(&random, mem, key, KT_STR("sid"));
    kt_str two = csrf_token(&random, mem, key, KT_STR("sid"));
    assert_false(kt_str_eq(one, two)); /* fresh each time */
    assert_true(csrf_valid(mem, key, KT_STR("sid"), one) && csrf_valid(mem, key, KT_STR("sid"), two));
    assert_false(csrf_valid(mem, key, KT_STR("sie"), one));
    assert_false(csrf_valid(mem, KT_STR("x123456789abcdef0123456789abcdef"), KT_STR("sid"), one));
    assert_false(csrf_valid(mem, key, KT_STR("sid"), kt_str_slice(one, 0, one.len - 1)));
    assert_false(csrf_valid(mem, key, KT_STR("sid"), KT_STR_NONE));
    char *bent = kt_str_z(mem, one);
    bent[5] = bent[5] == 'A' ? 'B' : 'A';
    assert_false(csrf_valid(mem, key, KT_STR("sid"), kt_str_c(bent)));
}

/* ---- limits ---- */

static void test_a_bucket_refills_with_time(void **state)
{
    limiter *l = limiter_new(100);
    int64_t now = 1000000;
    int retry;
    for (int i = 0; i < 5; i++) assert_true(limiter_take(l, "sign-in", KT_STR("a"), 5, 60000, now, NULL));
    assert_false(limiter_take(l, "sign-in", KT_STR("a"), 5, 60000, now, &retry));
    assert_in_range(retry, 12, 13);
    assert_true(limiter_take(l, "sign-in", KT_STR("b"), 5, 60000, now, NULL));
    assert_true(limiter_take(l, "reset", KT_STR("a"), 5, 60000, now, NULL));
    assert_false(limiter_take(l, "sign-in", KT_STR("a"), 5, 60000, now + 11000, NULL));
    assert_true(limiter_take(l, "sign-in", KT_STR("a"), 5, 60000, now + 12001, NULL));
    assert_false(limiter_take(l, "sign-in", KT_STR("a"), 5, 60000, now + 12001, NULL));
    assert_false(limiter_take(l, "sign-in", KT_STR("a"), 5, 60000, now - 500000,
                              NULL)); /* a clock that went back gives nothing */
    for (int i = 0; i < 5; i++) assert_true(limiter_take(l, "sign-in", KT_STR("a"), 5, 60000, now + 10000000, NULL));
    assert_false(limiter_take(l, "sign-in", KT_STR("a"), 5, 60000, now + 10000000, NULL));
    limiter_forget(l, "sign-in", KT_STR("a"));
    for (int i = 0; i < 5; i++) assert_true(limiter_take(l, "sign-in", KT_STR("a"), 5, 60000, now + 10000000, NULL));
    assert_false(limiter_take(l, "sign-in", KT_STR("a"), 5, 60000, now + 10000000, NULL));
    limiter_free(l);
}

static void test_a_full_table_forgets_who_was_quiet_longest(void **state)
{
    limiter *l = limiter_new(16);
    char key[16];
    for (int i = 0; i < 16; i++) {
        snprintf(key, sizeof key, "k%d", i);
        assert_true(limiter_take(l, "r", kt_str_c(key), 1, 1000000, 1, NULL));
    }
    assert_false(limiter_take(l, "r", KT_STR("k0"), 1, 1000000, 1, NULL)); /* used again: now the newest */
    assert_true(limiter_take(l, "r", KT_STR("new"), 1, 1000000, 1, NULL));
    assert_false(limiter_take(l, "r", KT_STR("k0"), 1, 1000000, 1, NULL));
    assert_true(limiter_take(l, "r", KT_STR("k1"), 1, 1000000, 1, NULL)); /* was forgotten */
    for (int i = 0; i < 100000; i++) {
        snprintf(key, sizeof key, "x%d", i);
        assert_true(limiter_take(l, "r", kt_str_c(key), 1, 1000000, 1, NULL));
    }
    limiter_free(l);
}

#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_a_cookie_header_is_read_pair_by_pair),
        T(test_codings_follow_their_quality),
        T(test_media_types_match_by_closeness),
        T(test_ranges),
        T(test_entity_tags),
        T(test_http_dates),
        T(test_addresses_and_prefixes),
        T(test_forwarded_elements_are_read_from_the_right),
        T(test_hosts),
        T(test_a_path_to_return_to_stays_here),
        T(test_urlencoded_forms),
        T(test_multipart_forms),
        T(test_broken_multipart_forms_are_refused),
        T(test_a_session_ends_by_idleness_and_by_age),
        T(test_a_csrf_token_is_bound_to_key_and_session),
        T(test_a_bucket_refills_with_time),
        T(test_a_full_table_forgets_who_was_quiet_longest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
