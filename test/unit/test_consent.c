/* SPDX-License-Identifier: Apache-2.0 */
/* Consent over HTTP: what is set before a choice, what a choice does, how it is withdrawn, and every row
 * of bad input. The numbers C1 … C9 are the obligations a privacy declaration of this kind makes. */
#include "consent_house.h"

/* ---- before a choice ------------------------------------------------------------------------------- */

static void test_c1_before_a_choice_no_cookie_is_set_at_all(void **state)
{
    consent_house *t = *state;
    static const char *const pages_seen[] = {
        "/", "/privacy/cookies", "/consent/state", "/consent/config.json?lang=de", "/.well-known/gpc.json", "/health"
    };
    for (size_t i = 0; i < sizeof pages_seen / sizeof *pages_seen; i++) {
        assert_int_equal(h_ask(t, "GET", pages_seen[i], HEADERS("Sec-Fetch-Dest: document", "Accept: text/html"), NULL),
                         200);
        assert_null(h_header(t, "set-cookie").at);
    }
    h_settle(t);
    assert_int_equal(h_count(t, "SELECT COUNT(*) AS n FROM consent_page_views"), 0);
    assert_int_equal(h_count(t, "SELECT COUNT(*) AS n FROM consent_record"), 0);
}

static void test_c1_the_language_cookie_is_set_only_when_a_language_is_chosen(void **state)
{
    consent_house *t = *state;
    assert_int_equal(h_ask(t, "GET", "/?lang=en", NULL, NULL), 200);
    kt_str line = h_set_cookie(t, "lang");
    assert_true(kt_str_starts(line, KT_STR("lang=en;")));
    assert_true(kt_str_find(line, KT_STR("HttpOnly"), 0) != KT_NOT_FOUND_AT);
    assert_true(kt_str_find(line, KT_STR("Max-Age=31536000"), 0) != KT_NOT_FOUND_AT);
    h_ask(t, "GET", "/?lang=fr", NULL, NULL);
    assert_null(h_set_cookie(t, "lang").at);
    h_ask(t, "GET", "/?lang=en", HEADERS("Cookie: lang=en"), NULL);
    assert_null(h_set_cookie(t, "lang").at);
    h_ask(t, "GET", "/?lang=en", HEADERS("Sec-Purpose: prefetch"), NULL);
    assert_null(h_set_cookie(t, "lang").at);
}

static void test_undecided_visitors_have_nothing_granted_and_are_asked(void **state)
{
    consent_house *t = *state;
    const kt_value *s = h_state(t, NULL);
    assert_false(kt_get_bool(s, "decided", true));
    assert_int_equal(kt_get(s, "granted")->count, 0);
    assert_true(h_list_has(s, "denied", "page-statistics"));
    assert_true(h_list_has(s, "ask", "page-statistics"));
    assert_true(kt_str_find(h_header(t, "cache-control"), KT_STR("no-store"), 0) != KT_NOT_FOUND_AT);
}

static void test_c2_without_consent_the_permit_is_refused_and_the_cookie_is_a_counted_no_op(void **state)
{
    consent_house *t = *state;
    permit_subject nobody = { 0 };
    const permit *p = NULL;
    assert_int_equal(permit_ask(t->house.registry, t->mem, &nobody, VIEWS_ACTIVITY, VIEWS_SERVICE, NULL, &p),
                     KT_REFUSED);
    assert_null(p);
}

/* ---- granting ---------------------------------------------------------------------------------------- */

static void test_a_grant_is_recorded_and_sets_the_signed_cookie(void **state)
{
    consent_house *t = *state;
    assert_int_equal(h_decide(t, "[\"page-statistics\"]", NULL), 204);
    kt_str line = h_set_cookie(t, "consent");
    assert_true(kt_str_starts(line, KT_STR("consent=v1.1.AQ.")));
    assert_true(kt_str_find(line, KT_STR("Max-Age=15552000"), 0) != KT_NOT_FOUND_AT);
    assert_true(kt_str_find(line, KT_STR("HttpOnly"), 0) != KT_NOT_FOUND_AT);
    assert_true(kt_str_find(line, KT_STR("SameSite=Lax"), 0) != KT_NOT_FOUND_AT);
    assert_true(line.len < 250);
    const kt_value *s = h_state(t, HEADERS(h_cookie_header(t, h_cookie_pair(t, "consent"))));
    assert_true(kt_get_bool(s, "decided", false));
    assert_true(h_list_has(s, "granted", "page-statistics"));
    assert_int_equal(kt_get(s, "ask")->count, 0);
    assert_string_equal(h_last_text(t, "SELECT action FROM consent_record"), "accept_all");
    assert_string_equal(h_last_text(t, "SELECT granted FROM consent_record"), "[\"page-statistics\"]");
    assert_string_equal(h_last_text(t, "SELECT denied FROM consent_record"), "[]");
}

static void test_page_views_are_counted_with_consent_and_erased_with_its_withdrawal(void **state)
{
    consent_house *t = *state;
    h_decide(t, "[\"page-statistics\"]", NULL);
    kt_str consent = h_cookie_pair(t, "consent");
    h_ask(t, "GET", "/", HEADERS(h_cookie_header(t, consent), "Sec-Fetch-Dest: document"), NULL);
    kt_str seen = h_cookie_pair(t, "seen");
    const char *both = kt_str_z(t->mem, kt_str_fmt(t->mem, "Cookie: %.*s; %.*s", KT_ARG(consent), KT_ARG(seen)));
    for (int i = 0; i < 3; i++) {
        h_ask(t, "GET", "/", HEADERS(both, "Sec-Fetch-Dest: document"), NULL);
        assert_null(h_set_cookie(t, "seen").at);
    }
    h_ask(t, "GET", "/", HEADERS(both, "Sec-Fetch-Dest: image"), NULL);
    h_ask(t, "GET", "/", HEADERS(both, "Sec-Fetch-Dest: document", "Sec-Purpose: prefetch"), NULL);
    h_ask(t, "HEAD", "/", HEADERS(both, "Sec-Fetch-Dest: document"), NULL);
    h_settle(t);
    assert_int_equal(h_count(t, "SELECT views FROM consent_page_views"), 4);
    assert_int_equal(
        h_ask(t, "POST", "/consent/withdraw", HEADERS(SAME, JSON, WANTS, both), "{\"surface\":\"footer\"}"), 200);
    assert_int_equal(kt_get_int(h_json(t), "erased", 0), 1);
    assert_true(h_list_has(h_json(t), "expired", "seen"));
    assert_int_equal(h_count(t, "SELECT COUNT(*) AS n FROM consent_page_views"), 0);
}

static void test_a_view_that_arrives_after_the_withdrawal_is_not_counted(void **state)
{
    consent_house *t = *state;
    const permit *p = NULL;
    h_decide(t, "[\"page-statistics\"]", NULL);
    const char *id = h_last_text(t, "SELECT id FROM consent_record");
    permit_subject who = { .consent_id = kt_str_c(id) };
    assert_int_equal(permit_ask(t->house.registry, t->mem, &who, VIEWS_ACTIVITY, VIEWS_SERVICE, NULL, &p), KT_OK);
    assert_int_equal(h_decide(t, "[]", h_cookie_header(t, h_cookie_pair(t, "consent"))), 204);
    assert_int_equal(views_count(h_room(t), p, KT_STR("AAAAAAAAAAAAAAAAAAAAAA"), kt_str_c(id), T0), KT_OK);
    h_settle(t);
    assert_int_equal(h_count(t, "SELECT COUNT(*) AS n FROM consent_page_views"), 0);
}

static void test_necessary_in_the_list_is_ignored(void **state)
{
    consent_house *t = *state;
    assert_int_equal(h_decide(t, "[\"necessary\",\"session\"]", NULL), 204);
    assert_string_equal(h_last_text(t, "SELECT action FROM consent_record"), "necessary_only");
    assert_string_equal(h_last_text(t, "SELECT granted FROM consent_record"), "[]");
}

static void test_c3_data_of_necessary_cookies_reaches_no_record(void **state)
{
    consent_house *t = *state;
    h_ask(t, "POST", "/consent",
          HEADERS(SAME, JSON, "Cookie: sid=SECRETSESSION; lang=de; pre=SECRETPRE",
                  "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
                  "Referer: http://localhost/account/reset/0123456789012345678901234567890?email=a@example.org"),
          "{\"version\":1,\"granted\":[\"page-statistics\"]}");
    assert_int_equal(t->status, 204);
    assert_int_equal(
        h_count(t,
                "SELECT COUNT(*) AS n FROM consent_record WHERE path LIKE '%0123456789%' OR path LIKE '%example.org%'"),
        0);
    assert_string_equal(h_last_text(t, "SELECT path FROM consent_record"), "/account/reset/*");
    assert_string_equal(h_last_text(t, "SELECT ua_family FROM consent_record"), "Firefox, Linux");
    assert_string_equal(h_last_text(t, "SELECT ip_prefix FROM consent_record"), "127.0.0.0/24");
}

/* ---- withdrawing ------------------------------------------------------------------------------------- */

static void test_c5_withdrawal_needs_no_script_and_no_account(void **state)
{
    consent_house *t = *state;
    h_decide(t, "[\"page-statistics\"]", NULL);
    const char *cookie = kt_str_z(
        t->mem, kt_str_fmt(t->mem, "Cookie: %.*s; seen=AAAAAAAAAAAAAAAAAAAAAA", KT_ARG(h_cookie_pair(t, "consent"))));
    assert_int_equal(h_ask(t, "GET", "/privacy/cookies?from=signin", HEADERS(cookie), NULL), 200);
    assert_true(kt_str_find(t->body, KT_STR("value=\"necessary_only\""), 0) != KT_NOT_FOUND_AT);
    assert_true(kt_str_find(t->body, KT_STR("Nur Notwendige"), 0) != KT_NOT_FOUND_AT);
    const char *filled = "version=1&action=necessary_only&granted=page-statistics&surface=signin&language=de";
    assert_int_equal(h_ask(t, "POST", "/privacy/cookies", HEADERS("Origin: http://localhost", FORM, cookie), filled),
                     303);
    assert_true(kt_str_is(h_header(t, "location"), "/privacy/cookies?done=saved"));
    assert_string_equal(h_last_text(t, "SELECT action FROM consent_record ORDER BY n DESC"), "necessary_only");
    assert_string_equal(h_last_text(t, "SELECT surface FROM consent_record ORDER BY n DESC"), "signin");
    assert_true(h_expires(t, "seen"));
}

static kt_err put_waiting(db *d, void *ctx)
{
    outbox_message m = { .kind = "event",
                         .key = KT_STR("e1"),
                         .activity = "cookies-analytics",
                         .subject = kt_str_c(ctx),
                         .body = KT_STR("{}"),
                         .not_before_ms = T0 + KT_DAY_MS };
    return outbox_put(d, &m, T0);
}

static void test_c6_one_answer_records_expires_cookies_and_drops_what_waits(void **state)
{
    consent_house *t = *state;
    h_decide(t, "[\"page-statistics\"]", NULL);
    char *id = (char *)(uintptr_t)h_last_text(t, "SELECT id FROM consent_record");
    assert_int_equal(store_write(t->house.store, put_waiting, id), KT_OK);
    const char *cookie = kt_str_z(
        t->mem, kt_str_fmt(t->mem, "Cookie: %.*s; seen=AAAAAAAAAAAAAAAAAAAAAA", KT_ARG(h_cookie_pair(t, "consent"))));
    assert_int_equal(h_ask(t, "POST", "/consent/withdraw", HEADERS(SAME, WANTS, cookie), NULL), 200);
    assert_int_equal(kt_get_int(h_json(t), "dropped", 0), 1);
    assert_true(h_expires(t, "seen"));
    assert_true(kt_str_starts(h_set_cookie(t, "consent"), KT_STR("consent=v1.1.AA.")));
    assert_true(kt_str_is(h_header(t, "clear-site-data"), "\"cache\""));
    const kt_value *s = h_state(t, HEADERS(h_cookie_header(t, h_cookie_pair(t, "consent"))));
    assert_true(kt_get_bool(s, "decided", false));
    assert_int_equal(kt_get(s, "granted")->count, 0);
    assert_int_equal(h_count(t, "SELECT MAX(seq) AS n FROM consent_record"), 2);
    assert_int_equal(h_count(t, "SELECT COUNT(DISTINCT id) AS n FROM consent_record"), 1);
}

static void test_a_cookie_left_over_after_withdrawal_ends_with_the_next_page(void **state)
{
    consent_house *t = *state;
    h_decide(t, "[]", NULL);
    const char *cookie = kt_str_z(
        t->mem, kt_str_fmt(t->mem, "Cookie: %.*s; seen=AAAAAAAAAAAAAAAAAAAAAA", KT_ARG(h_cookie_pair(t, "consent"))));
    for (int i = 0; i < 20; i++) {
        h_ask(t, "GET", "/", HEADERS(cookie, "Sec-Fetch-Dest: document"), NULL);
        assert_true(h_expires(t, "seen"));
    }
    h_settle(t);
    assert_int_equal(h_count(t, "SELECT COUNT(*) AS n FROM consent_page_views"), 0);
}

static void test_c7_pages_and_the_language_work_without_any_cookie(void **state)
{
    consent_house *t = *state;
    assert_int_equal(h_ask(t, "GET", "/privacy/cookies?lang=en", NULL, NULL), 200);
    assert_true(kt_str_find(t->body, KT_STR("Only necessary"), 0) != KT_NOT_FOUND_AT);
    assert_true(kt_str_find(t->body, KT_STR("without cookies you cannot sign in"), 0) != KT_NOT_FOUND_AT);
}

/* ---- accounts ------------------------------------------------------------------------------------------- */

static session *account_session(const char *account)
{
    static session s;
    s = (session){ .id = KT_STR("SSSSSSSSSSSSSSSSSSSSSS"), .subject = kt_str_c(account), .realm = "account" };
    return &s;
}

static void test_c8_a_refusal_survives_deleted_cookies_for_a_signed_in_person(void **state)
{
    consent_house *t = *state;
    t->session = account_session("account-one");
    assert_int_equal(h_decide(t, "[]", NULL), 204);
    const kt_value *s = h_state(t, NULL); /* the browser lost its cookie */
    assert_true(kt_get_bool(s, "decided", false));
    assert_int_equal(kt_get(s, "granted")->count, 0);
    assert_int_equal(kt_get(s, "ask")->count, 0);
    t->session = NULL;
    assert_false(kt_get_bool(h_state(t, NULL), "decided", true));
}

static void test_c8_a_grant_on_one_device_never_grants_on_another(void **state)
{
    consent_house *t = *state;
    t->session = account_session("account-one");
    h_decide(t, "[\"page-statistics\"]", NULL);
    const kt_value *s = h_state(t, NULL); /* another device */
    assert_int_equal(kt_get(s, "granted")->count, 0);
    assert_true(h_list_has(s, "ask", "page-statistics"));
}

static void test_c8_a_grant_made_for_all_devices_is_restored(void **state)
{
    consent_house *t = *state;
    t->session = account_session("account-one");
    h_ask(t, "POST", "/privacy/cookies", HEADERS(SAME, FORM), "version=1&action=accept_all&everywhere=1&language=de");
    assert_int_equal(t->status, 303);
    assert_true(h_list_has(h_state(t, NULL), "granted", "page-statistics"));
    h_decide(t, "[]", NULL);
    assert_int_equal(kt_get(h_state(t, NULL), "granted")->count, 0);
}

static void test_c8_a_withdrawal_narrows_all_devices_of_the_account(void **state)
{
    consent_house *t = *state;
    t->session = account_session("account-one");
    h_decide(t, "[\"page-statistics\"]", NULL);
    kt_str first = h_cookie_pair(t, "consent");
    h_decide(t, "[\"page-statistics\"]", NULL);
    kt_str second = h_cookie_pair(t, "consent");
    h_decide(t, "[]", h_cookie_header(t, second));
    const char *narrowed = h_cookie_header(t, h_cookie_pair(t, "consent"));
    assert_int_equal(kt_get(h_state(t, HEADERS(h_cookie_header(t, first))), "granted")->count, 0);
    /* Allowing it again on one device does not bring it back on the other. */
    h_decide(t, "[\"page-statistics\"]", narrowed);
    assert_int_equal(kt_get(h_state(t, HEADERS(h_cookie_header(t, first))), "granted")->count, 0);
    t->session = NULL;
    assert_int_equal(kt_get(h_state(t, HEADERS(h_cookie_header(t, first))), "granted")->count, 0);
}

typedef struct {
    consent_house *t;
    bus_event event;
    const char *account, *consent_ref;
} telling;

static kt_err tell_it(db *d, void *ctx)
{
    const telling *x = ctx;
    kt_value *facts = kt_map(x->t->mem);
    kt_set_c(x->t->mem, facts, "account", x->account);
    kt_set_c(x->t->mem, facts, "consent_ref", x->consent_ref);
    return bus_tell(x->t->house.bus, d, x->event, facts, kt_now_ms(&x->t->clock));
}

static void test_c8_signing_in_narrows_the_browser_to_what_the_account_refused(void **state)
{
    consent_house *t = *state;
    t->session = account_session("account-one");
    h_decide(t, "[]", NULL);
    t->session = NULL;
    h_decide(t, "[\"page-statistics\"]", NULL);
    kt_str pair = h_cookie_pair(t, "consent");
    const char *value = kt_str_z(t->mem, kt_str_slice(pair, strlen("consent="), pair.len));
    telling x = { t, BUS_ACCOUNT_SIGNED_IN, "account-one", value };
    assert_int_equal(store_write(t->house.store, tell_it, &x), KT_OK);
    assert_int_equal(kt_get(h_state(t, HEADERS(h_cookie_header(t, pair))), "granted")->count, 0);
    x.consent_ref = "no such thing";
    assert_int_equal(store_write(t->house.store, tell_it, &x), KT_OK);
}

static void test_a_closed_account_leaves_records_without_reference(void **state)
{
    consent_house *t = *state;
    t->session = account_session("account-one");
    h_decide(t, "[\"page-statistics\"]", NULL);
    assert_int_equal(h_count(t, "SELECT COUNT(*) AS n FROM consent_record WHERE account_ref IS NOT NULL"), 1);
    telling x = { t, BUS_ACCOUNT_CLOSED, "account-one", NULL };
    assert_int_equal(store_write(t->house.store, tell_it, &x), KT_OK);
    assert_int_equal(h_count(t, "SELECT COUNT(*) AS n FROM consent_record WHERE account_ref IS NOT NULL"), 0);
    assert_int_equal(h_count(t, "SELECT COUNT(*) AS n FROM consent_record"), 1);
    assert_int_equal(h_count(t, "SELECT COUNT(*) AS n FROM consent_account"), 0);
    chain_report report;
    kt_sha256 key = h_room(t)->head_key;
    assert_int_equal(record_verify(store_reader(t->house.store), kt_sha256_str(&key), KT_STR_NONE, T0, &report), KT_OK);
    assert_true(report.ok);
}

static void test_a_choice_for_all_devices_needs_an_account(void **state)
{
    consent_house *t = *state;
    h_ask(t, "POST", "/consent", HEADERS(SAME, FORM), "version=1&action=accept_all&everywhere=1");
    assert_int_equal(t->status, 400);
    assert_int_equal(h_count(t, "SELECT COUNT(*) AS n FROM consent_record"), 0);
}

/* ---- C9 -------------------------------------------------------------------------------------------------- */

static void test_c9_the_page_lists_every_cookie_of_the_register_with_its_lifetime(void **state)
{
    consent_house *t = *state;
    const cookie_entry *const *all = NULL;
    size_t n = registry_cookies(t->house.registry, &all);
    assert_true(n >= 6);
    h_ask(t, "GET", "/privacy/cookies", NULL, NULL);
    for (size_t i = 0; i < n; i++) {
        kt_str cell = kt_str_fmt(t->mem, "<code>%.*s</code>", KT_ARG(all[i]->name));
        assert_true(kt_str_find(t->body, cell, 0) != KT_NOT_FOUND_AT);
        kt_str lifetime = policy_lifetime(t->house.pages, t->mem, "de", all[i]->lifetime_s);
        assert_true(kt_str_find(t->body, lifetime, 0) != KT_NOT_FOUND_AT);
    }
    /* Each cookie that this room's code names is declared, and each is listed under one kind. */
    for (const char *const *id = consent_module.cookies; *id; id++)
        assert_non_null(registry_cookie(t->house.registry, *id));
}

static void test_c4_every_cookie_names_one_declared_kind(void **state)
{
    consent_house *t = *state;
    static const char *const kinds[] = { "language", "login", "page_views", "function_use", "choice" };
    const cookie_entry *const *all = NULL;
    size_t n = registry_cookies(t->house.registry, &all);
    for (size_t i = 0; i < n; i++) {
        bool known = false;
        for (size_t k = 0; k < 5; k++) known = known || kt_str_is(all[i]->kind, kinds[k]);
        assert_true(known);
    }
}

/* ---- no script ------------------------------------------------------------------------------------------ */

static void test_the_bar_posts_a_form_and_comes_back_to_its_page(void **state)
{
    consent_house *t = *state;
    h_ask(t, "GET", "/privacy/cookies", NULL, NULL);
    h_ask(t, "POST", "/consent", HEADERS(SAME, FORM),
          "version=1&action=accept_all&surface=noscript&language=de&return_to=%2Fsign-in");
    assert_int_equal(t->status, 303);
    assert_true(kt_str_is(h_header(t, "location"), "/sign-in"));
    assert_string_equal(h_last_text(t, "SELECT surface FROM consent_record"), "noscript");
    h_ask(t, "POST", "/consent", HEADERS(SAME, FORM), "version=1&action=accept_all&return_to=%2F%2Fevil.example");
    assert_int_equal(t->status, 303);
    assert_true(kt_str_is(h_header(t, "location"), "/"));
}

static void test_ticked_boxes_count_only_with_save(void **state)
{
    consent_house *t = *state;
    h_ask(t, "POST", "/privacy/cookies", HEADERS(SAME, FORM), "version=1&action=select&granted=page-statistics");
    assert_int_equal(t->status, 303);
    assert_string_equal(h_last_text(t, "SELECT granted FROM consent_record ORDER BY n DESC"), "[\"page-statistics\"]");
    h_ask(t, "POST", "/privacy/cookies", HEADERS(SAME, FORM),
          "version=1&action=necessary_only&granted=page-statistics");
    assert_string_equal(h_last_text(t, "SELECT granted FROM consent_record ORDER BY n DESC"), "[]");
    h_ask(t, "POST", "/privacy/cookies", HEADERS(SAME, FORM), "version=1&action=select");
    assert_string_equal(h_last_text(t, "SELECT granted FROM consent_record ORDER BY n DESC"), "[]");
}

static void test_l3_no_box_is_ticked_before_a_choice(void **state)
{
    consent_house *t = *state;
    h_ask(t, "GET", "/privacy/cookies", NULL, NULL);
    assert_true(kt_str_find(t->body, KT_STR("name=\"granted\" value=\"page-statistics\">"), 0) != KT_NOT_FOUND_AT);
    h_decide(t, "[\"page-statistics\"]", NULL);
    h_ask(t, "GET", "/privacy/cookies", HEADERS(h_cookie_header(t, h_cookie_pair(t, "consent"))), NULL);
    assert_true(kt_str_find(t->body, KT_STR("name=\"granted\" value=\"page-statistics\" checked>"), 0) !=
                KT_NOT_FOUND_AT);
}

/* ---- proof ---------------------------------------------------------------------------------------------- */

static void test_l7_the_visitor_sees_the_own_proof_and_nobody_elses(void **state)
{
    consent_house *t = *state;
    h_decide(t, "[\"page-statistics\"]", NULL);
    const char *cookie = h_cookie_header(t, h_cookie_pair(t, "consent"));
    const char *path =
        kt_str_z(t->mem, kt_str_fmt(t->mem, "/consent/proof/%s", h_last_text(t, "SELECT id FROM consent_record")));
    assert_int_equal(h_ask(t, "GET", path, HEADERS(cookie), NULL), 200);
    assert_true(kt_str_find(t->body, KT_STR("Nötig sind Cookies für Anmeldung, Sprache und deine Wahl"), 0) !=
                KT_NOT_FOUND_AT);
    assert_true(kt_str_find(t->body, KT_STR("unversehrt"), 0) != KT_NOT_FOUND_AT);
    assert_int_equal(h_ask(t, "GET", path, NULL, NULL), 404);
    h_decide(t, "[]", NULL);
    assert_int_equal(h_ask(t, "GET", path, HEADERS(h_cookie_header(t, h_cookie_pair(t, "consent"))), NULL), 404);
}

/* ---- config --------------------------------------------------------------------------------------------- */

static void test_the_configuration_is_public_and_keeps_its_hash(void **state)
{
    consent_house *t = *state;
    h_ask(t, "GET", "/consent/config.json?lang=en", NULL, NULL);
    assert_int_equal(t->status, 200);
    kt_str etag = h_header(t, "etag");
    assert_non_null(etag.at);
    assert_true(kt_str_find(h_header(t, "cache-control"), KT_STR("public"), 0) != KT_NOT_FOUND_AT);
    const kt_value *v = h_json(t);
    assert_int_equal(kt_get_int(v, "version", 0), 1);
    assert_string_equal(kt_str_z(t->mem, kt_get_str(kt_get(v, "words"), "language")), "en");
    const char *again = kt_str_z(t->mem, kt_str_fmt(t->mem, "If-None-Match: %.*s", KT_ARG(etag)));
    assert_int_equal(h_ask(t, "GET", "/consent/config.json?lang=en", HEADERS(again), NULL), 304);
    assert_int_equal(h_ask(t, "GET", "/consent/config.json?lang=fr", NULL, NULL), 400);
}

static void test_the_support_resource_for_gpc_is_served(void **state)
{
    consent_house *t = *state;
    assert_int_equal(h_ask(t, "GET", "/.well-known/gpc.json", NULL, NULL), 200);
    assert_true(kt_get_bool(h_json(t), "gpc", false));
    assert_string_equal(kt_str_z(t->mem, kt_get_str(h_json(t), "lastUpdate")), "2026-11-23");
}

/* ---- bad input, row by row --------------------------------------------------------------------------------- */

static void test_malformed_decisions_are_refused_and_store_nothing(void **state)
{
    consent_house *t = *state;
    static const char *const bodies[] = {
        "{\"version\":1,\"granted\":[\"no-such-service\"]}",
        "{\"version\":1}",
        "{\"granted\":[]}",
        "{\"version\":\"1\",\"granted\":[]}",
        "{\"version\":1,\"granted\":\"page-statistics\"}",
        "{\"version\":1,\"granted\":[1]}",
        "{\"version\":1,\"granted\":{}}",
        "{\"version\":1,\"granted\":[],\"surface\":\"moon\"}",
        "{\"version\":1,\"granted\":[],\"language\":\"fr\"}",
        "{\"version\":1,\"granted\":[],\"extra\":true}",
        "{\"version\":1,\"granted\":[],\"action\":\"accept_all\"}",
        "{\"version\":1,\"granted\":[\"page-statistics\"],\"action\":\"necessary_only\"}",
        "{\"version\":1,\"granted\":[],\"action\":\"gpc\"}",
        "{\"version\":1,\"granted\":[],\"shown_for\":-1}",
        "{\"version\":1,\"granted\":[],\"text\":\"short\"}",
        "[]",
        "{",
        "",
        "null",
        "{\"version\":1,\"version\":1,\"granted\":[]}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        t->clock.fixed_ms += KT_MINUTE_MS;
        int status = h_ask(t, "POST", "/consent", HEADERS(SAME, JSON, WANTS), bodies[i]);
        if (status != 400) print_error("%s gave %d\n", bodies[i], status);
        assert_int_equal(status, 400);
        assert_null(h_header(t, "set-cookie").at);
    }
    static const char *const forms[] = { "version=1",
                                         "action=accept_all",
                                         "version=x&action=accept_all",
                                         "version=1&action=gpc",
                                         "version=1&action=select&granted=nothing",
                                         "version=1&action=accept_all&admin=1" };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        t->clock.fixed_ms += KT_MINUTE_MS;
        assert_int_equal(h_ask(t, "POST", "/consent", HEADERS(SAME, FORM), forms[i]), 400);
    }
    assert_int_equal(h_count(t, "SELECT COUNT(*) AS n FROM consent_record"), 0);
}

static void test_a_stale_version_is_409_with_the_new_one(void **state)
{
    consent_house *t = *state;
    assert_int_equal(h_ask(t, "POST", "/consent", HEADERS(SAME, JSON, WANTS), "{\"version\":0,\"granted\":[\"gone\"]}"),
                     409);
    assert_int_equal(kt_get_int(h_json(t), "version", 0), 1);
    assert_int_equal(h_ask(t, "POST", "/consent", HEADERS(SAME, FORM), "version=0&action=accept_all"), 409);
    assert_int_equal(h_count(t, "SELECT COUNT(*) AS n FROM consent_record"), 0);
}

static void test_wrong_kinds_and_sizes_of_body(void **state)
{
    consent_house *t = *state;
    char large[5000];
    memset(large, ' ', sizeof large - 1);
    large[sizeof large - 1] = 0;
    assert_int_equal(
        h_ask(t, "POST", "/consent", HEADERS(SAME, "Content-Type: text/plain"), "{\"version\":1,\"granted\":[]}"), 415);
    assert_int_equal(h_ask(t, "POST", "/consent", HEADERS(SAME, JSON), large), 413);
    assert_int_equal(h_ask(t, "GET", "/consent", NULL, NULL), 405);
}

static void test_forged_truncated_and_doubled_cookies_are_no_decision(void **state)
{
    consent_house *t = *state;
    h_decide(t, "[\"page-statistics\"]", NULL);
    kt_str good = h_cookie_pair(t, "consent");
    const char *z = kt_str_z(t->mem, good);
    const char *bad[] = {
        kt_str_z(t->mem, kt_str_slice(good, 0, good.len - 1)),
        kt_str_z(t->mem, kt_str_fmt(t->mem, "%sA", z)),
        kt_str_z(t->mem, kt_str_fmt(t->mem, "%s; %s", z, z)),
        "consent=",
        "consent=v1",
        "consent=v1.1.AQ.1.AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA",
        "consent=%00",
        "consent=.....",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *header = kt_str_z(t->mem, kt_str_fmt(t->mem, "Cookie: %s", bad[i]));
        assert_false(kt_get_bool(h_state(t, HEADERS(header)), "decided", true));
        assert_true(h_expires(t, "consent"));
    }
    assert_true(kt_get_bool(h_state(t, HEADERS(h_cookie_header(t, good))), "decided", false));
    assert_null(h_set_cookie(t, "consent").at);
}

static void test_only_an_exact_one_is_a_gpc_signal(void **state)
{
    consent_house *t = *state;
    static const char *const not_sent[] = { "Sec-GPC: 0", "Sec-GPC: true", "Sec-GPC: 1, 1", "Sec-GPC: 01",
                                            "X-None: 1" };
    for (size_t i = 0; i < 5; i++) assert_false(kt_get_bool(h_state(t, HEADERS(not_sent[i])), "gpc", true));
    assert_true(kt_get_bool(h_state(t, HEADERS("Sec-GPC: 1")), "gpc", false));
    assert_true(kt_get_bool(h_state(t, HEADERS("Sec-GPC: 0", "Sec-GPC: 1")), "gpc", false));
    assert_true(kt_get_bool(h_state(t, HEADERS("DNT: 1")), "dnt", false));
}

static void test_a_signal_is_recorded_as_a_refusal(void **state)
{
    consent_house *t = *state;
    h_ask(t, "POST", "/consent", HEADERS(SAME, JSON, "Sec-GPC: 1"),
          "{\"version\":1,\"granted\":[],\"action\":\"gpc\",\"gpc\":true}");
    assert_int_equal(t->status, 204);
    assert_string_equal(h_last_text(t, "SELECT action FROM consent_record"), "gpc");
    assert_int_equal(h_count(t, "SELECT gpc FROM consent_record"), 1);
}

static void test_a_post_from_another_site_is_refused(void **state)
{
    consent_house *t = *state;
    const char *body = "version=1&action=accept_all";
    assert_int_equal(h_ask(t, "POST", "/consent", HEADERS("Sec-Fetch-Site: cross-site", FORM), body), 403);
    assert_int_equal(h_ask(t, "POST", "/consent", HEADERS("Sec-Fetch-Site: same-site", FORM), body), 403);
    assert_int_equal(h_ask(t, "POST", "/consent", HEADERS("Origin: https://evil.example", FORM), body), 403);
    assert_int_equal(h_ask(t, "POST", "/consent", HEADERS("Origin: null", FORM), body), 403);
    assert_int_equal(h_ask(t, "POST", "/consent", HEADERS(FORM), body), 403);
    assert_int_equal(h_ask(t, "POST", "/consent/withdraw", HEADERS("Sec-Fetch-Site: cross-site"), NULL), 403);
    assert_int_equal(h_count(t, "SELECT COUNT(*) AS n FROM consent_record"), 0);
}

static void test_an_older_cookie_played_back_after_a_withdrawal_grants_nothing(void **state)
{
    consent_house *t = *state;
    h_decide(t, "[\"page-statistics\"]", NULL);
    kt_str old = h_cookie_pair(t, "consent");
    h_decide(t, "[]", h_cookie_header(t, old));
    const kt_value *s = h_state(t, HEADERS(h_cookie_header(t, old)));
    assert_int_equal(kt_get(s, "granted")->count, 0);
}

static void test_a_clock_that_jumps_back_does_not_change_the_order(void **state)
{
    consent_house *t = *state;
    h_decide(t, "[\"page-statistics\"]", NULL);
    kt_str old = h_cookie_pair(t, "consent");
    t->clock.fixed_ms = T0 - 3 * KT_DAY_MS;
    assert_int_equal(h_decide(t, "[]", h_cookie_header(t, old)), 204);
    assert_int_equal(kt_get(h_state(t, HEADERS(h_cookie_header(t, old))), "granted")->count, 0);
    t->clock.fixed_ms = T0;
    assert_int_equal(kt_get(h_state(t, HEADERS(h_cookie_header(t, old))), "granted")->count, 0);
    chain_report report;
    kt_sha256 key = h_room(t)->head_key;
    assert_int_equal(record_verify(store_reader(t->house.store), kt_sha256_str(&key), KT_STR_NONE, T0, &report), KT_OK);
    assert_true(report.ok);
}

static void test_more_than_thirty_decisions_a_minute_from_one_prefix_are_too_many(void **state)
{
    consent_house *t = *state;
    for (int i = 0; i < 30; i++) assert_int_equal(h_decide(t, "[]", NULL), 204);
    assert_int_equal(h_decide(t, "[]", NULL), 429);
    assert_non_null(h_header(t, "retry-after").at);
    t->clock.fixed_ms += KT_MINUTE_MS;
    assert_int_equal(h_decide(t, "[]", NULL), 204);
}

static void test_a_full_store_narrows_but_never_widens(void **state)
{
    consent_house *t = *state;
    h_close(t);
    t->max_bytes = 640 * 1024;
    h_open(t, NULL);
    h_decide(t, "[\"page-statistics\"]", NULL);
    kt_str granted = h_cookie_pair(t, "consent");
    int status = 204;
    for (int i = 0; i < 2000 && status == 204; i++) {
        t->clock.fixed_ms += 3 * KT_SECOND_MS;
        status = h_decide(t, "[\"page-statistics\"]", NULL);
    }
    assert_int_equal(status, 503);
    assert_null(h_set_cookie(t, "consent").at);
    t->clock.fixed_ms += KT_MINUTE_MS;
    assert_int_equal(h_decide(t, "[]", h_cookie_header(t, granted)), 204);
    assert_true(kt_str_starts(h_set_cookie(t, "consent"), KT_STR("consent=v1.1.AA.")));
    assert_int_equal(kt_get(h_state(t, HEADERS(h_cookie_header(t, h_cookie_pair(t, "consent")))), "granted")->count, 0);
}

static void test_a_decision_ends_with_its_lifetime(void **state)
{
    consent_house *t = *state;
    h_decide(t, "[\"page-statistics\"]", NULL);
    const char *cookie = h_cookie_header(t, h_cookie_pair(t, "consent"));
    t->clock.fixed_ms = T0 + 180 * KT_DAY_MS - 1;
    assert_true(kt_get_bool(h_state(t, HEADERS(cookie)), "decided", false));
    t->clock.fixed_ms = T0 + 180 * KT_DAY_MS;
    assert_false(kt_get_bool(h_state(t, HEADERS(cookie)), "decided", true));
}

static void test_without_a_record_a_valid_cookie_grants_nothing(void **state)
{
    consent_house *t = *state;
    const consent_room *room = h_room(t);
    kt_str value = choice_cookie_make(t->mem, kt_sha256_str(&room->cookie_key), room->policy, room->policy->offered, T0,
                                      KT_STR("AAAAAAAAAAAAAAAAAAAAAA"));
    const char *cookie = kt_str_z(t->mem, kt_str_fmt(t->mem, "Cookie: consent=%.*s", KT_ARG(value)));
    const kt_value *s = h_state(t, HEADERS(cookie));
    assert_false(kt_get_bool(s, "decided", true));
    assert_int_equal(kt_get(s, "granted")->count, 0);
}

static void test_health_checks_get_no_cookie_whatever_they_send(void **state)
{
    consent_house *t = *state;
    h_ask(t, "GET", "/health?lang=en", HEADERS("Cookie: consent=broken; seen=AAAAAAAAAAAAAAAAAAAAAA"), NULL);
    assert_null(h_header(t, "set-cookie").at);
}

static void test_decisions_and_displays_are_counted_without_persons(void **state)
{
    consent_house *t = *state;
    const consent_room *room = h_room(t);
    h_ask(t, "GET", "/consent/state?page=1", NULL, NULL);
    h_ask(t, "HEAD", "/consent/state?page=1", NULL, NULL);
    h_ask(t, "GET", "/consent/state?page=1", HEADERS("Sec-Purpose: prefetch"), NULL);
    h_ask(t, "GET", "/consent/state", NULL, NULL);
    assert_int_equal((int)kt_metric_value(room->banner, room->banner_series), 1);
    h_decide(t, "[\"page-statistics\"]", NULL);
    h_decide(t, "[]", NULL);
    int i = policy_find(room->policy, KT_STR("page-statistics"));
    assert_int_equal((int)kt_metric_value(room->decisions, room->granted_series[i]), 1);
    assert_int_equal((int)kt_metric_value(room->decisions, room->denied_series[i]), 1);
}

/* ---- the console ------------------------------------------------------------------------------------------ */

static void test_staff_open_a_proof_by_its_number_and_that_is_audited(void **state)
{
    consent_house *t = *state;
    static session staff;
    h_decide(t, "[\"page-statistics\"]", NULL);
    const char *id = h_last_text(t, "SELECT id FROM consent_record");
    assert_int_equal(h_ask(t, "GET", "/console/consent", HEADERS(WANTS), NULL), 401);
    staff = (session){ .id = KT_STR("T"),
                       .subject = KT_STR("staff-one"),
                       .realm = "staff",
                       .role = KT_STR("privacy"),
                       .name = KT_STR("x") };
    t->session = &staff;
    assert_int_equal(h_ask(t, "GET", "/console/consent?check=1", NULL, NULL), 200);
    assert_true(kt_str_find(t->body, KT_STR("Alles ist unversehrt. Einträge: 1, Tage: 1."), 0) != KT_NOT_FOUND_AT);
    assert_true(kt_str_find(t->body, kt_str_c(id), 0) == KT_NOT_FOUND_AT);
    assert_int_equal(h_ask(t, "GET", kt_str_z(t->mem, kt_str_fmt(t->mem, "/console/consent?id=%s", id)), NULL, NULL),
                     200);
    assert_true(kt_str_find(t->body, KT_STR("Nötig sind Cookies für Anmeldung"), 0) != KT_NOT_FOUND_AT);
    assert_int_equal(h_count(t, "SELECT COUNT(*) AS n FROM register_audit WHERE action = 'consent.proof.view'"), 1);
    assert_int_equal(h_ask(t, "GET", "/console/consent?id=nothing-of-that-kind", NULL, NULL), 200);
    assert_true(kt_str_find(t->body, KT_STR("keinen Nachweis"), 0) != KT_NOT_FOUND_AT);
}

static void test_demo_data_are_decisions_of_every_kind_with_an_intact_chain(void **state)
{
    consent_house *t = *state;
    assert_int_equal(consent_module.demo(&t->house, t->room), KT_OK);
    assert_int_equal(consent_module.demo(&t->house, t->room), KT_OK);
    assert_int_equal(h_count(t, "SELECT COUNT(*) AS n FROM consent_record"), 135);
    assert_true(h_count(t, "SELECT COUNT(DISTINCT action) AS n FROM consent_record") >= 6);
    assert_true(h_count(t, "SELECT COUNT(*) AS n FROM consent_page_views") > 10);
    chain_report report;
    kt_sha256 key = h_room(t)->head_key;
    assert_int_equal(record_verify(store_reader(t->house.store), kt_sha256_str(&key), KT_STR_NONE, T0, &report), KT_OK);
    assert_true(report.ok);
    assert_int_equal(report.records, 135);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, h_setup, h_teardown)
    const struct CMUnitTest tests[] = {
        T(test_c1_before_a_choice_no_cookie_is_set_at_all),
        T(test_c1_the_language_cookie_is_set_only_when_a_language_is_chosen),
        T(test_undecided_visitors_have_nothing_granted_and_are_asked),
        T(test_c2_without_consent_the_permit_is_refused_and_the_cookie_is_a_counted_no_op),
        T(test_a_grant_is_recorded_and_sets_the_signed_cookie),
        T(test_page_views_are_counted_with_consent_and_erased_with_its_withdrawal),
        T(test_a_view_that_arrives_after_the_withdrawal_is_not_counted),
        T(test_necessary_in_the_list_is_ignored),
        T(test_c3_data_of_necessary_cookies_reaches_no_record),
        T(test_c5_withdrawal_needs_no_script_and_no_account),
        T(test_c6_one_answer_records_expires_cookies_and_drops_what_waits),
        T(test_a_cookie_left_over_after_withdrawal_ends_with_the_next_page),
        T(test_c7_pages_and_the_language_work_without_any_cookie),
        T(test_c8_a_refusal_survives_deleted_cookies_for_a_signed_in_person),
        T(test_c8_a_grant_on_one_device_never_grants_on_another),
        T(test_c8_a_grant_made_for_all_devices_is_restored),
        T(test_c8_a_withdrawal_narrows_all_devices_of_the_account),
        T(test_c8_signing_in_narrows_the_browser_to_what_the_account_refused),
        T(test_a_closed_account_leaves_records_without_reference),
        T(test_a_choice_for_all_devices_needs_an_account),
        T(test_c9_the_page_lists_every_cookie_of_the_register_with_its_lifetime),
        T(test_c4_every_cookie_names_one_declared_kind),
        T(test_the_bar_posts_a_form_and_comes_back_to_its_page),
        T(test_ticked_boxes_count_only_with_save),
        T(test_l3_no_box_is_ticked_before_a_choice),
        T(test_l7_the_visitor_sees_the_own_proof_and_nobody_elses),
        T(test_the_configuration_is_public_and_keeps_its_hash),
        T(test_the_support_resource_for_gpc_is_served),
        T(test_malformed_decisions_are_refused_and_store_nothing),
        T(test_a_stale_version_is_409_with_the_new_one),
        T(test_wrong_kinds_and_sizes_of_body),
        T(test_forged_truncated_and_doubled_cookies_are_no_decision),
        T(test_only_an_exact_one_is_a_gpc_signal),
        T(test_a_signal_is_recorded_as_a_refusal),
        T(test_a_post_from_another_site_is_refused),
        T(test_an_older_cookie_played_back_after_a_withdrawal_grants_nothing),
        T(test_a_clock_that_jumps_back_does_not_change_the_order),
        T(test_more_than_thirty_decisions_a_minute_from_one_prefix_are_too_many),
        T(test_a_full_store_narrows_but_never_widens),
        T(test_a_decision_ends_with_its_lifetime),
        T(test_without_a_record_a_valid_cookie_grants_nothing),
        T(test_health_checks_get_no_cookie_whatever_they_send),
        T(test_decisions_and_displays_are_counted_without_persons),
        T(test_staff_open_a_proof_by_its_number_and_that_is_audited),
        T(test_demo_data_are_decisions_of_every_kind_with_an_intact_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
