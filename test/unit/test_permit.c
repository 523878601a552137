/* SPDX-License-Identifier: Apache-2.0 */
/* test_permit.c -- leave to process: consent, objection, recipients; and cookies, which need it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <sodium.h>
#include "base/log.h"
#include "register/cookie.h"
#include "register/load.h"

#define ACTIVITY(id, basis, device, rest)                                                                              \
    "  - id: " id "\n"                                                                                                 \
    "    section: 13\n"                                                                                                \
    "    title: { de: Titel, en: Title }\n"                                                                            \
    "    description: { de: Beschreibung., en: Description. }\n"                                                       \
    "    subjects: [visitor]\n"                                                                                        \
    "    sources: [device]\n"                                                                                          \
    "    data: [ { id: page, de: Seite, en: page } ]\n"                                                                \
    "    purposes: [ { id: learn, de: lernen, en: learn } ]\n"                                                         \
    "    legal_basis: [ { article: \"" basis "\" } ]\n"                                                                \
    "    device_access: " device "\n"                                                                                  \
    "    retention: [ { id: need, rule: need } ]\n"                                                                    \
    "    rights: { objection: mail }\n" rest
#define SERVICE(id, category, activity)                                                                                \
    "  - { id: " id ", category: " category ", activities: [" activity                                                 \
    "], name: { de: Dienst, en: Service }, purpose: { de: Zweck, en: purpose } }\n"
#define COOKIE(id, name, category, service, rest)                                                                      \
    "      - { id: " id ", name: \"" name "\", category: " category ", service: " service rest                         \
    ", purpose: { de: Zweck, en: purpose } }\n"

static const char text[] = "activities:\n" ACTIVITY("contract", "6(1)(b)", "none", "") ACTIVITY(
    "session", "6(1)(f)", "necessary",
    "    cookies:\n" COOKIE("sid", "sid", "necessary", "login", ", kind: login, lifetime: P30D") COOKIE(
        "deep", "deep", "necessary", "login", ", kind: login, lifetime: session, path: /deep, same_site: Strict"))
    ACTIVITY(
        "counting", "6(1)(a)", "consent",
        "    cookies:\n" COOKIE("seen", "seen", "analytics", "pages", ", lifetime: P10D, http_only: false")
            COOKIE("script", "mp_*", "analytics", "pages", ", lifetime: P10D, http_only: false")
                COOKIE("foreign", "foreign", "analytics", "pages",
                       ", lifetime: P10D, host: far.example")) ACTIVITY("chat", "6(1)(f)", "none",
                                                                        "") ACTIVITY("consent-without-service",
                                                                                     "6(1)(a)", "none",
                                                                                     "") ACTIVITY("joined", "6(1)(b)",
                                                                                                  "none", "")
        ACTIVITY("export", "6(1)(b)", "none", "    recipients: [near, far, far-dated, far-undated, onward]\n") ACTIVITY(
            "export-by-consent",
            "6(1)(a)", "none",
            "    recipients: [near]\n") "services:\n" SERVICE("login", "necessary",
                                                              "session") SERVICE("pages", "analytics",
                                                                                 "counting") SERVICE("messages",
                                                                                                     "support", "chat")
            SERVICE("one", "analytics", "joined") SERVICE("two", "guides", "joined") SERVICE(
                "sending", "analytics",
                "export-by-consent") "recipients:\n"
                                     "  - { id: near, name: Near GmbH, country: DE, role: processor }\n"
                                     "  - { id: far, name: Far Inc., country: US, role: processor }\n"
                                     "  - { id: far-dated, name: Far Inc., country: US, role: processor, transfer: { mechanism: scc, "
                                     "article: \"46(2)(c)\", date: 2021-06-27 } }\n"
                                     "  - { id: far-undated, name: Far Inc., country: GB, role: processor, "
                                     "transfer: { mechanism: adequacy, article: \"45\" } }\n"
                                     "  - { id: onward, name: Agency, country: DE, role: credit_agency, onward: true }\n"
                                     "  - { id: stranger, name: Stranger GmbH, country: DE, role: processor }\n";

static const char operator_text[] = "operator: { name: Muster GmbH, country: DE, privacy_email: p@example.org, "
                                    "platform_name: Muster, platform_url: \"https://example.org\" }\n";

typedef struct {
    kt_arena *mem;
    registry *r;
    kt_metrics *metrics;
    const char *granted;
    bool barred;
    kt_fail fail;
    const permit *p;
} stand;

static bool consents(void *ctx, const permit_subject *who, const service *s)
{
    const stand *st = ctx;
    return st->granted && strstr(st->granted, kt_str_z(st->mem, s->id));
}

static bool bars(void *ctx, const permit_subject *who, const activity *a) { return ((const stand *)ctx)->barred; }

static int set_up(void **state)
{
    kt_log_set_level(KT_LOG_WARN);
    assert_true(sodium_init() >= 0);
    stand *s = kt_calloc(1, sizeof *s);
    s->mem = kt_arena_new();
    s->metrics = kt_metrics_new();
    kt_value *faults = kt_list(s->mem);
    registry_text texts[] = {
        { "sample", "src/sample/activity.yaml", kt_str_c(text), NULL, KT_STR_NONE },
        { NULL, "kontor.yaml", kt_str_c(operator_text), NULL, KT_STR_NONE },
    };
    kt_err err = registry_load_texts(texts, 2, s->mem, faults, &s->r);
    KT_EACH(f, faults) fprintf(stderr, "  %.*s\n", KT_ARG(kt_as_str(f)));
    assert_int_equal(err, KT_OK);
    registry_set_metrics(s->r, s->metrics);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    stand *s = *state;
    registry_free(s->r);
    kt_metrics_free(s->metrics);
    kt_arena_free(s->mem);
    free(s);
    return 0;
}

static kt_err ask(stand *s, const char *activity_id, const char *service_id)
{
    permit_subject who = { .consent_id = KT_STR("c") };
    s->fail = (kt_fail){ 0 };
    return permit_ask(s->r, s->mem, &who, activity_id, service_id, &s->fail, &s->p);
}

static kt_err send_to(stand *s, const char *activity_id, const char *to)
{
    s->fail = (kt_fail){ 0 };
    return permit_transfer(s->r, s->mem, NULL, activity_id, to, &s->fail, &s->p);
}

static double counted(stand *s, const char *family, const char *label, const char *value)
{
    kt_metric *m = kt_metric_new(s->metrics, KT_COUNTER, family, "", label);
    return kt_metric_value(m, kt_metric_series(m, &value));
}

/* ------------------------------------------------------------------ permits */

static void test_an_unknown_activity_has_no_permit(void **state)
{
    stand *s = *state;
    assert_int_equal(ask(s, "nothing", NULL), KT_NOT_FOUND);
    assert_null(s->p);
    assert_int_equal(ask(s, "contract", "pages"), KT_NOT_FOUND);
    assert_int_equal(ask(s, "counting", "nothing"), KT_NOT_FOUND);
}

static void test_a_contract_needs_no_consent(void **state)
{
    stand *s = *state;
    assert_int_equal(ask(s, "contract", NULL), KT_OK);
    assert_true(permit_activity(s->p) == registry_activity(s->r, "contract"));
    assert_null(permit_service(s->p));
}

static void test_a_necessary_service_needs_no_consent(void **state)
{
    stand *s = *state;
    assert_int_equal(ask(s, "session", NULL), KT_OK);
    assert_true(permit_service(s->p) == registry_service(s->r, "login"));
}

static void test_without_a_consent_hook_everything_optional_is_refused(void **state)
{
    stand *s = *state;
    assert_int_equal(ask(s, "counting", NULL), KT_REFUSED);
    assert_int_equal(ask(s, "counting", "pages"), KT_REFUSED);
    assert_null(s->p);
    assert_true(s->fail.text[0] != 0);
}

static void test_consent_decides_for_the_service(void **state)
{
    stand *s = *state;
    permit_set_consent_hook(s->r, consents, s);
    assert_int_equal(ask(s, "counting", NULL), KT_REFUSED);
    s->granted = "pages";
    assert_int_equal(ask(s, "counting", NULL), KT_OK);
    assert_true(permit_service(s->p) == registry_service(s->r, "pages"));
    s->granted = "";
    assert_int_equal(ask(s, "counting", NULL), KT_REFUSED);
}

static void test_an_optional_service_needs_consent_whatever_the_basis(void **state)
{
    stand *s = *state;
    permit_set_consent_hook(s->r, consents, s);
    assert_int_equal(ask(s, "chat", NULL), KT_REFUSED);
    s->granted = "messages";
    assert_int_equal(ask(s, "chat", NULL), KT_OK);
}

static void test_consent_that_no_service_can_ask_for_is_never_given(void **state)
{
    stand *s = *state;
    permit_set_consent_hook(s->r, consents, s);
    s->granted = "pages messages one two";
    assert_int_equal(ask(s, "consent-without-service", NULL), KT_REFUSED);
}

static void test_without_a_service_named_all_must_be_granted(void **state)
{
    stand *s = *state;
    permit_set_consent_hook(s->r, consents, s);
    s->granted = "one";
    assert_int_equal(ask(s, "joined", NULL), KT_REFUSED);
    assert_int_equal(ask(s, "joined", "one"), KT_OK);
    s->granted = "one two";
    assert_int_equal(ask(s, "joined", NULL), KT_OK);
    assert_null(permit_service(s->p));
}

static void test_an_objection_bars(void **state)
{
    stand *s = *state;
    permit_set_bar_hook(s->r, bars, s);
    assert_int_equal(ask(s, "contract", NULL), KT_OK);
    s->barred = true;
    assert_int_equal(ask(s, "contract", NULL), KT_REFUSED);
    assert_int_equal(send_to(s, "export", "near"), KT_REFUSED);
}

/* ------------------------------------------------------------------ transfers */

static void test_G1_data_goes_to_declared_recipients_only(void **state)
{
    stand *s = *state;
    assert_int_equal(send_to(s, "export", "near"), KT_OK);
    assert_int_equal(send_to(s, "export", "stranger"), KT_REFUSED);
    assert_int_equal(send_to(s, "export", "nobody"), KT_REFUSED);
    assert_int_equal(send_to(s, "contract", "near"), KT_REFUSED);
    assert_int_equal(send_to(s, "nothing", "near"), KT_NOT_FOUND);
    assert_true(counted(s, "kontor_register_violations_total", "kind", "processor") == 3);
}

static void test_G1_who_receives_onward_receives_nothing_from_us(void **state)
{
    assert_int_equal(send_to(*state, "export", "onward"), KT_REFUSED);
}

static void test_G2_transfer_to_third_country_needs_a_dated_safeguard(void **state)
{
    stand *s = *state;
    assert_int_equal(send_to(s, "export", "far"), KT_REFUSED);
    assert_int_equal(send_to(s, "export", "far-undated"), KT_REFUSED);
    assert_null(s->p);
    assert_int_equal(send_to(s, "export", "far-dated"), KT_OK);
    assert_true(counted(s, "kontor_register_violations_total", "kind", "transfer") == 2);
}

static void test_G5_a_transfer_by_consent_needs_the_consent(void **state)
{
    stand *s = *state;
    permit_set_consent_hook(s->r, consents, s);
    assert_int_equal(send_to(s, "export-by-consent", "near"), KT_REFUSED);
    s->granted = "sending";
    assert_int_equal(send_to(s, "export-by-consent", "near"), KT_OK);
}

/* ------------------------------------------------------------------ cookies, through the server's own replies */

typedef struct {
    stand *s;
    kt_clock clock;
    kt_random random;
    http_server *server;
    bool tls, remote;
    kt_err err;
} cookie_stand;

static void disguise(request *rq, const cookie_stand *c)
{
    rq->tls = c->tls;
    if (c->remote) rq->loopback = false;
}

static kt_err set_session(request *rq, reply *rs)
{
    cookie_stand *c = rq->room;
    disguise(rq, c);
    c->err = cookie_set(c->s->r, rq, rs, "sid", KT_STR("value"), false, NULL);
    return reply_text(rs, 200, KT_STR("ok"));
}

static kt_err set_session_only(request *rq, reply *rs)
{
    cookie_stand *c = rq->room;
    disguise(rq, c);
    c->err = cookie_set(c->s->r, rq, rs, "sid", KT_STR("value"), true, NULL);
    if (c->err == KT_OK) c->err = cookie_set(c->s->r, rq, rs, "deep", KT_STR("x"), false, NULL);
    return reply_text(rs, 200, KT_STR("ok"));
}

static kt_err set_seen(request *rq, reply *rs)
{
    cookie_stand *c = rq->room;
    const permit *p = NULL;
    permit_subject who = { .rq = rq };
    (void)!permit_ask(c->s->r, rq->mem, &who, "counting", "pages", NULL, &p);
    c->err = cookie_set(c->s->r, rq, rs, "seen", KT_STR("1"), false, p);
    return reply_text(rs, 200, KT_STR("ok"));
}

static kt_err set_wrong(request *rq, reply *rs)
{
    cookie_stand *c = rq->room;
    kt_str id = request_query(rq, "id");
    c->err = cookie_set(c->s->r, rq, rs, kt_str_z(rq->mem, id), request_query(rq, "value"), false, NULL);
    return reply_text(rs, 200, KT_STR("ok"));
}

static kt_err expire(request *rq, reply *rs)
{
    cookie_stand *c = rq->room;
    disguise(rq, c);
    c->err = cookie_expire(c->s->r, rq, rs, "sid");
    return reply_text(rs, 200, KT_STR("ok"));
}

static kt_err expire_optional(request *rq, reply *rs)
{
    cookie_stand *c = rq->room;
    disguise(rq, c);
    c->err = cookie_expire_optional(c->s->r, rq, rs);
    return reply_text(rs, 200, KT_STR("ok"));
}

static int set_up_cookies(void **state)
{
    static route routes[] = {
        { "GET", "/set", set_session, HTTP_INLINE, "session", HTTP_PUBLIC, 0, 0, NULL, NULL },
        { "GET", "/only", set_session_only, HTTP_INLINE, "session", HTTP_PUBLIC, 0, 0, NULL, NULL },
        { "GET", "/seen", set_seen, HTTP_INLINE, "counting", HTTP_PUBLIC, 0, 0, NULL, NULL },
        { "GET", "/wrong", set_wrong, HTTP_INLINE, "session", HTTP_PUBLIC, 0, 0, NULL, NULL },
        { "GET", "/expire", expire, HTTP_INLINE, "session", HTTP_PUBLIC, 0, 0, NULL, NULL },
        { "GET", "/optional", expire_optional, HTTP_INLINE, "session", HTTP_PUBLIC, 0, 0, NULL, NULL },
        { 0 }
    };
    void *below = NULL;
    set_up(&below);
    cookie_stand *c = kt_calloc(1, sizeof *c);
    c->s = below;
    c->clock = kt_clock_fixed(1795000000000);
    c->random = kt_random_seeded(7);
    http_options o = { .listen = "127.0.0.1:0", .clock = &c->clock, .random = &c->random, .metrics = c->s->metrics };
    assert_int_equal(http_server_new(&o, &c->s->fail, &c->server), KT_OK);
    for (route *row = routes; row->method; row++) row->room = c;
    assert_int_equal(http_routes(c->server, routes, &c->s->fail), KT_OK);
    *state = c;
    return 0;
}

static int tear_down_cookies(void **state)
{
    cookie_stand *c = *state;
    void *below = c->s;
    http_server_free(c->server);
    free(c);
    return tear_down(&below);
}

/* All Set-Cookie lines of the answer, one a line. */
static const char *set_cookies(cookie_stand *c, const char *target, const char *sent)
{
    const char *headers[] = { "Host: localhost", sent, NULL };
    int status = 0;
    kt_value *list = NULL;
    kt_str body, all = KT_STR("");
    assert_int_equal(http_try(c->server, c->s->mem, "GET", target, headers, KT_STR_NONE, &status, &list, &body), KT_OK);
    assert_int_equal(status, 200);
    KT_EACH(h, list)
        if (kt_str_eq_nocase(kt_get_str(h, "name"), KT_STR("Set-Cookie")))
            all = kt_str_fmt(c->s->mem, "%.*s%.*s\n", KT_ARG(all), KT_ARG(kt_get_str(h, "value")));
    return kt_str_z(c->s->mem, all);
}

static void test_a_cookie_has_what_its_declaration_says(void **state)
{
    cookie_stand *c = *state;
    const char *got = set_cookies(c, "/set", NULL);
    assert_int_equal(c->err, KT_OK);
    assert_non_null(strstr(got, "sid=value"));
    assert_non_null(strstr(got, "Max-Age=2592000"));
    assert_non_null(strstr(got, "HttpOnly"));
    assert_non_null(strstr(got, "SameSite=Lax"));
    assert_non_null(strstr(got, "Path=/"));
    assert_null(strstr(got, "Secure"));
    assert_null(strstr(got, "__Host-"));
}

static void test_over_tls_the_name_carries_host_and_secure(void **state)
{
    cookie_stand *c = *state;
    c->tls = true;
    const char *got = set_cookies(c, "/only", NULL);
    assert_non_null(strstr(got, "__Host-sid=value"));
    assert_non_null(strstr(got, "Secure"));
    assert_null(strstr(got, "Max-Age"));
    assert_non_null(strstr(got, "__Secure-deep=x"));
    assert_non_null(strstr(got, "Path=/deep"));
    assert_non_null(strstr(got, "SameSite=Strict"));
}

static void test_a_cookie_on_a_plain_line_from_outside_is_refused(void **state)
{
    cookie_stand *c = *state;
    c->remote = true;
    assert_string_equal(set_cookies(c, "/set", NULL), "");
    assert_int_equal(c->err, KT_REFUSED);
}

static void test_C1_an_optional_cookie_without_consent_is_not_set_but_counted(void **state)
{
    cookie_stand *c = *state;
    assert_string_equal(set_cookies(c, "/seen", NULL), "");
    assert_int_equal(c->err, KT_OK);
    assert_true(counted(c->s, "kontor_consent_blocked_total", "cookie", "seen") == 1);
    permit_set_consent_hook(c->s->r, consents, c->s);
    c->s->granted = "pages";
    const char *got = set_cookies(c, "/seen", NULL);
    assert_non_null(strstr(got, "seen=1"));
    assert_null(strstr(got, "HttpOnly"));
    assert_true(counted(c->s, "kontor_consent_blocked_total", "cookie", "seen") == 1);
}

static void test_an_undeclared_foreign_or_patterned_cookie_cannot_be_set(void **state)
{
    cookie_stand *c = *state;
    static const char *const ids[] = { "/wrong?id=nothing&value=x", "/wrong?id=foreign&value=x",
                                       "/wrong?id=script&value=x" };
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(set_cookies(c, ids[i], NULL), "");
        assert_int_equal(c->err, KT_REFUSED);
    }
    assert_true(counted(c->s, "kontor_register_violations_total", "kind", "cookie") == 3);
}

static void test_a_value_that_would_break_the_line_is_refused(void **state)
{
    cookie_stand *c = *state;
    static const char *const values[] = { "a%3Bb", "a%20b", "a%22b", "a%2Cb", "a%5Cb", "%C3%A4" };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        assert_string_equal(
            set_cookies(c, kt_str_z(c->s->mem, kt_str_fmt(c->s->mem, "/wrong?id=sid&value=%s", values[i])), NULL), "");
        assert_int_equal(c->err, KT_BAD_INPUT);
    }
}

static void test_expiry_answers_what_was_sent(void **state)
{
    cookie_stand *c = *state;
    assert_string_equal(set_cookies(c, "/expire", NULL), "");
    const char *got = set_cookies(c, "/expire", "Cookie: sid=abc");
    assert_non_null(strstr(got, "sid="));
    assert_non_null(strstr(got, "Max-Age=0"));
    c->tls = true;
    got = set_cookies(c, "/expire", "Cookie: sid=abc; __Host-sid=def");
    assert_non_null(strstr(got, "__Host-sid="));
    assert_non_null(strstr(got, "\nsid="));
}

static void test_C6_all_own_optional_cookies_expire_in_one_answer(void **state)
{
    cookie_stand *c = *state;
    const char *got = set_cookies(c, "/optional", "Cookie: sid=keep; mp_123=x; foreign=y; other=z");
    assert_int_equal(c->err, KT_OK);
    assert_non_null(strstr(got, "seen="));
    assert_non_null(strstr(got, "mp_123="));
    assert_null(strstr(got, "sid="));
    assert_null(strstr(got, "foreign="));
    assert_null(strstr(got, "other="));
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define C(name) cmocka_unit_test_setup_teardown(name, set_up_cookies, tear_down_cookies)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_an_unknown_activity_has_no_permit),
        T(test_a_contract_needs_no_consent),
        T(test_a_necessary_service_needs_no_consent),
        T(test_without_a_consent_hook_everything_optional_is_refused),
        T(test_consent_decides_for_the_service),
        T(test_an_optional_service_needs_consent_whatever_the_basis),
        T(test_consent_that_no_service_can_ask_for_is_never_given),
        T(test_without_a_service_named_all_must_be_granted),
        T(test_an_objection_bars),
        T(test_G1_data_goes_to_declared_recipients_only),
        T(test_G1_who_receives_onward_receives_nothing_from_us),
        T(test_G2_transfer_to_third_country_needs_a_dated_safeguard),
        T(test_G5_a_transfer_by_consent_needs_the_consent),
        C(test_a_cookie_has_what_its_declaration_says),
        C(test_over_tls_the_name_carries_host_and_secure),
        C(test_a_cookie_on_a_plain_line_from_outside_is_refused),
        C(test_C1_an_optional_cookie_without_consent_is_not_set_but_counted),
        C(test_an_undeclared_foreign_or_patterned_cookie_cannot_be_set),
        C(test_a_value_that_would_break_the_line_is_refused),
        C(test_expiry_answers_what_was_sent),
        C(test_C6_all_own_optional_cookies_expire_in_one_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
