/* SPDX-License-Identifier: Apache-2.0 */
/* Versions: which change of the register asks again, and for what; and what browser signals switch off. */
#include "consent_house.h"

/* An operator's file with two more services; the parts in brackets are what the tests change. */
typedef struct {
    const char *recipients, *data, *lifetime, *purposes, *transfer, *name, *hosts;
    bool third_party, without_b;
} changes;

static const changes as_first = { "[alpha]", "a_data", "P30D", "p_one", "", "Dienst A", "[cdn.alpha.example]",
                                  true,      false };

static const char *file_of(consent_house *t, const changes *c)
{
    return kt_str_z(
        t->mem,
        kt_str_fmt(
            t->mem,
            OPERATOR
            "recipients:\n"
            "  - { id: alpha, name: Alpha GmbH, country: DE, role: processor, role_words: {de: x, en: x}, data_scope: {de: x, en: x},"
            " notice_url: https://alpha.example/privacy, removal_url: https://alpha.example/out%s }\n"
            "  - { id: beta, name: Beta GmbH, country: DE, role: processor, role_words: {de: x, en: x}, data_scope: {de: x, en: x} }\n"
            "activities:\n"
            "  - id: a-activity\n    section: 13\n    order: 1\n    title: { de: A, en: A }\n    description: { de: A., en: A. }\n"
            "    subjects: [visitor]\n    sources: [device]\n"
            "    data: [ { id: %s, de: Daten, en: data } ]\n"
            "    purposes: [ { id: %s, de: Zweck, en: purpose } ]\n"
            "    legal_basis: [ { article: \"6(1)(a)\" } ]\n"
            "    device_access: consent\n    consent_purpose: affiliate\n    recipients: %s\n"
            "    retention: [ { id: r, rule: duration, start: contact, max: P30D, then: erase, by: provider, wording: {de: x, en: x} } ]\n"
            "    rights: { objection: withdrawal, objection_words: {de: x, en: x} }\n"
            "    cookies: [ { id: a-cookie, name: acook, kind: function_use, category: affiliate, service: a, host: alpha.example,"
            " lifetime: %s, third_party_access: true, purpose: {de: x, en: x} } ]\n"
            "services:\n"
            "  - { id: a, category: affiliate, activities: [a-activity], name: {de: %s, en: A}, purpose: {de: x, en: x},"
            " hosts: %s, storage_keys: [a_key], third_party: %s }\n%s",
            c->transfer, c->data, c->purposes, c->recipients, c->lifetime, c->name, c->hosts,
            c->third_party ? "true" : "false",
            c->without_b
                ? ""
                : "  - { id: b, category: guides, activities: [cookies-analytics], name: {de: B, en: B}, purpose: {de: x, en: x},"
                  " hosts: [], storage_keys: [], third_party: false }\n"));
}

static void open_as(consent_house *t, const changes *c)
{
    h_close(t);
    h_open(t, file_of(t, c));
}

#define ALL "[\"page-statistics\",\"a\",\"b\"]"

/* Grants everything under the first register, changes it, and gives the state under the second. */
static const kt_value *after(consent_house *t, const changes *c)
{
    open_as(t, &as_first);
    assert_int_equal(h_decide(t, ALL, NULL), 204);
    const char *cookie = h_cookie_header(t, h_cookie_pair(t, "consent"));
    open_as(t, c);
    return h_state(t, HEADERS(cookie));
}

#define VERSION_OF_FIRST 2 /* 1 is the register without the operator's services */

static void expect_only_a_asked(consent_house *t, const kt_value *s)
{
    assert_int_equal(h_version(t), VERSION_OF_FIRST + 1);
    assert_true(kt_get_bool(s, "decided", false));
    assert_true(h_list_has(s, "granted", "page-statistics"));
    assert_true(h_list_has(s, "granted", "b"));
    assert_false(h_list_has(s, "granted", "a"));
    assert_int_equal(kt_get(s, "ask")->count, 1);
    assert_true(h_list_has(s, "ask", "a"));
    assert_true(h_list_has(s, "changed", "a"));
}

static void test_a_new_recipient_asks_again_for_that_service_only(void **state)
{
    changes c = as_first;
    c.recipients = "[alpha, beta]";
    expect_only_a_asked(*state, after(*state, &c));
}

static void test_wider_data_asks_again(void **state)
{
    changes c = as_first;
    c.data = "b_data";
    expect_only_a_asked(*state, after(*state, &c));
}

static void test_a_longer_lifetime_asks_again(void **state)
{
    changes c = as_first;
    c.lifetime = "P31D";
    expect_only_a_asked(*state, after(*state, &c));
}

static void test_a_new_purpose_asks_again(void **state)
{
    changes c = as_first;
    c.purposes = "p_two";
    expect_only_a_asked(*state, after(*state, &c));
}

static void test_a_new_third_country_asks_again(void **state)
{
    changes c = as_first;
    c.transfer = ", transfer: { third_countries: [US], mechanism: scc, article: \"46(2)(c)\", date: 2021-06-27 }";
    expect_only_a_asked(*state, after(*state, &c));
}

static void test_a_new_host_asks_again(void **state)
{
    changes c = as_first;
    c.hosts = "[cdn.alpha.example, cdn.other.example]";
    expect_only_a_asked(*state, after(*state, &c));
}

static void test_a_corrected_typo_asks_nobody(void **state)
{
    consent_house *t = *state;
    changes c = as_first;
    c.name = "Dienst Alpha";
    const kt_value *s = after(t, &c);
    assert_int_equal(h_version(t), VERSION_OF_FIRST);
    assert_int_equal(kt_get(s, "ask")->count, 0);
    assert_int_equal(kt_get(s, "granted")->count, 3);
    /* But the words are new, and the old ones are kept. */
    assert_int_equal(h_count(t, "SELECT COUNT(*) AS n FROM consent_text WHERE kind = 'words' AND language = 'de'"), 3);
}

static void test_a_shorter_lifetime_narrows_silently(void **state)
{
    consent_house *t = *state;
    changes c = as_first;
    c.lifetime = "P7D";
    const kt_value *s = after(t, &c);
    assert_int_equal(h_version(t), VERSION_OF_FIRST + 1);
    assert_int_equal(kt_get(s, "ask")->count, 0);
    assert_int_equal(kt_get(s, "granted")->count, 3);
}

static void test_a_removed_service_narrows_silently(void **state)
{
    consent_house *t = *state;
    changes c = as_first;
    c.without_b = true;
    const kt_value *s = after(t, &c);
    assert_int_equal(h_version(t), VERSION_OF_FIRST + 1);
    assert_int_equal(kt_get(s, "ask")->count, 0);
    assert_int_equal(kt_get(s, "granted")->count, 2);
}

static void test_a_new_service_asks_everybody_for_it_alone(void **state)
{
    consent_house *t = *state;
    changes c = as_first;
    c.without_b = true;
    open_as(t, &c);
    assert_int_equal(h_decide(t, "[]", NULL), 204);
    const char *cookie = h_cookie_header(t, h_cookie_pair(t, "consent"));
    open_as(t, &as_first);
    const kt_value *s = h_state(t, HEADERS(cookie));
    assert_int_equal(kt_get(s, "granted")->count, 0);
    assert_int_equal(kt_get(s, "ask")->count, 1);
    assert_true(h_list_has(s, "ask", "b"));
}

static void test_a_refusal_is_not_asked_again_because_the_service_grew(void **state)
{
    consent_house *t = *state;
    changes c = as_first;
    open_as(t, &as_first);
    assert_int_equal(h_decide(t, "[]", NULL), 204);
    const char *cookie = h_cookie_header(t, h_cookie_pair(t, "consent"));
    c.recipients = "[alpha, beta]";
    open_as(t, &c);
    assert_int_equal(kt_get(h_state(t, HEADERS(cookie)), "ask")->count, 0);
}

static void test_a_change_and_back_again_leaves_the_grant(void **state)
{
    consent_house *t = *state;
    changes c = as_first;
    open_as(t, &as_first);
    assert_int_equal(h_decide(t, ALL, NULL), 204);
    const char *cookie = h_cookie_header(t, h_cookie_pair(t, "consent"));
    c.recipients = "[alpha, beta]";
    open_as(t, &c);
    open_as(t, &as_first);
    assert_int_equal(h_version(t), VERSION_OF_FIRST + 2);
    assert_int_equal(kt_get(h_state(t, HEADERS(cookie)), "granted")->count, 3);
}

static void test_the_proof_shows_the_words_of_three_versions_ago(void **state)
{
    consent_house *t = *state;
    changes c = as_first;
    c.name = "Urwort";
    open_as(t, &c);
    assert_int_equal(h_decide(t, ALL, NULL), 204);
    const char *cookie = h_cookie_header(t, h_cookie_pair(t, "consent"));
    const char *path =
        kt_str_z(t->mem, kt_str_fmt(t->mem, "/consent/proof/%s", h_last_text(t, "SELECT id FROM consent_record")));
    static const char *const lifetimes[] = { "P31D", "P32D", "P33D" };
    c.name = "Neuwort";
    for (size_t i = 0; i < 3; i++) {
        c.lifetime = lifetimes[i];
        open_as(t, &c);
    }
    assert_int_equal(h_version(t), VERSION_OF_FIRST + 3);
    assert_int_equal(h_ask(t, "GET", path, HEADERS(cookie), NULL), 200);
    assert_true(kt_str_find(t->body, KT_STR("Urwort"), 0) != KT_NOT_FOUND_AT);
    assert_true(kt_str_find(t->body, KT_STR("30 Tage"), 0) != KT_NOT_FOUND_AT);
}

/* ---- signals and hosts ------------------------------------------------------------------------------------ */

static void test_gpc_switches_off_partner_and_third_party_services_granted_before(void **state)
{
    consent_house *t = *state;
    open_as(t, &as_first);
    h_decide(t, ALL, NULL);
    const char *cookie = h_cookie_header(t, h_cookie_pair(t, "consent"));
    const kt_value *s = h_state(t, HEADERS(cookie, "Sec-GPC: 1"));
    assert_false(h_list_has(s, "granted", "a"));
    assert_true(h_list_has(s, "granted", "page-statistics"));
    assert_true(h_list_has(h_state(t, HEADERS(cookie)), "granted", "a"));
    assert_true(kt_str_find(h_header(t, "vary"), KT_STR("Sec-GPC"), 0) != KT_NOT_FOUND_AT);
}

static void test_an_explicit_grant_against_gpc_wins_and_is_recorded_as_conflict(void **state)
{
    consent_house *t = *state;
    open_as(t, &as_first);
    const char *body =
        kt_str_z(t->mem, kt_str_fmt(t->mem, "{\"version\":%lld,\"granted\":[\"a\"]}", (long long)h_version(t)));
    assert_int_equal(h_ask(t, "POST", "/consent", HEADERS(SAME, JSON, "Sec-GPC: 1"), body), 204);
    assert_int_equal(h_count(t, "SELECT conflict FROM consent_record"), 1);
    const char *cookie = h_cookie_header(t, h_cookie_pair(t, "consent"));
    assert_true(h_list_has(h_state(t, HEADERS(cookie, "Sec-GPC: 1")), "granted", "a"));
}

static void test_dnt_switches_guides_off_even_when_granted(void **state)
{
    consent_house *t = *state;
    open_as(t, &as_first);
    h_decide(t, ALL, NULL);
    const char *cookie = h_cookie_header(t, h_cookie_pair(t, "consent"));
    const kt_value *s = h_state(t, HEADERS(cookie, "DNT: 1"));
    assert_false(h_list_has(s, "granted", "b"));
    assert_true(h_list_has(s, "granted", "page-statistics"));
}

static void test_the_content_policy_names_hosts_of_granted_services_only(void **state)
{
    consent_house *t = *state;
    open_as(t, &as_first);
    h_ask(t, "GET", "/", NULL, NULL);
    kt_str strict = h_header(t, "content-security-policy");
    assert_true(kt_str_find(strict, KT_STR("default-src 'self'"), 0) == 0);
    assert_true(kt_str_find(strict, KT_STR("alpha"), 0) == KT_NOT_FOUND_AT);
    h_decide(t, "[\"a\"]", NULL);
    h_ask(t, "GET", "/", HEADERS(h_cookie_header(t, h_cookie_pair(t, "consent"))), NULL);
    kt_str wide = h_header(t, "content-security-policy");
    assert_true(kt_str_find(wide, KT_STR("script-src 'self' cdn.alpha.example"), 0) != KT_NOT_FOUND_AT);
    assert_true(kt_str_find(wide, KT_STR("frame-ancestors 'none'"), 0) != KT_NOT_FOUND_AT);
    assert_true(kt_str_is(h_header(t, "cache-control"), "private, no-store"));
    h_decide(t, "[\"page-statistics\"]", NULL);
    h_ask(t, "GET", "/", HEADERS(h_cookie_header(t, h_cookie_pair(t, "consent"))), NULL);
    assert_true(kt_str_find(h_header(t, "content-security-policy"), KT_STR("alpha"), 0) == KT_NOT_FOUND_AT);
}

static void test_a_host_that_could_break_the_header_does_not_start(void **state)
{
    kt_fail fail = { 0 };
    kt_str hosts[] = { KT_STR("evil.example; script-src *") };
    service s = { .id = KT_STR("s"), .hosts = hosts, .n_hosts = 1 };
    policy p = { .n = 1 };
    p.services[0].declared = &s;
    assert_int_equal(enforce_check_hosts(&p, &fail), KT_REFUSED);
}

static void test_the_result_of_a_withdrawal_names_storage_and_the_providers_route(void **state)
{
    consent_house *t = *state;
    open_as(t, &as_first);
    h_decide(t, ALL, NULL);
    h_ask(t, "POST", "/consent/withdraw", HEADERS(SAME, WANTS, h_cookie_header(t, h_cookie_pair(t, "consent"))), NULL);
    assert_int_equal(t->status, 200);
    assert_true(h_list_has(h_json(t), "storage", "a_key"));
    assert_true(kt_str_find(t->body, KT_STR("https://alpha.example/out"), 0) != KT_NOT_FOUND_AT);
}

static void test_the_first_paragraph_names_recipients_and_third_countries(void **state)
{
    consent_house *t = *state;
    changes c = as_first;
    c.transfer = ", transfer: { third_countries: [US], mechanism: scc, article: \"46(2)(c)\", date: 2021-06-27 }";
    open_as(t, &c);
    h_ask(t, "GET", "/consent/config.json?lang=de", NULL, NULL);
    kt_str text = kt_get_str(kt_get(kt_get(h_json(t), "words"), "first"), "text");
    assert_true(kt_str_find(text, KT_STR("Alpha GmbH, auch in Drittländer (US)"), 0) != KT_NOT_FOUND_AT);
    assert_true(kt_str_find(text, KT_STR("3 Dienste"), 0) != KT_NOT_FOUND_AT);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, h_setup, h_teardown)
    const struct CMUnitTest tests[] = {
        T(test_a_new_recipient_asks_again_for_that_service_only),
        T(test_wider_data_asks_again),
        T(test_a_longer_lifetime_asks_again),
        T(test_a_new_purpose_asks_again),
        T(test_a_new_third_country_asks_again),
        T(test_a_new_host_asks_again),
        T(test_a_corrected_typo_asks_nobody),
        T(test_a_shorter_lifetime_narrows_silently),
        T(test_a_removed_service_narrows_silently),
        T(test_a_new_service_asks_everybody_for_it_alone),
        T(test_a_refusal_is_not_asked_again_because_the_service_grew),
        T(test_a_change_and_back_again_leaves_the_grant),
        T(test_the_proof_shows_the_words_of_three_versions_ago),
        T(test_gpc_switches_off_partner_and_third_party_services_granted_before),
        T(test_an_explicit_grant_against_gpc_wins_and_is_recorded_as_conflict),
        T(test_dnt_switches_guides_off_even_when_granted),
        T(test_the_content_policy_names_hosts_of_granted_services_only),
        T(test_a_host_that_could_break_the_header_does_not_start),
        T(test_the_result_of_a_withdrawal_names_storage_and_the_providers_route),
        T(test_the_first_paragraph_names_recipients_and_third_countries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
