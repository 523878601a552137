/* SPDX-License-Identifier: Apache-2.0 */
/* test_page.c -- pages and words: what is missing is found at start, what is shown is in the reader's form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "http/page_inner.h"

#define AUTUMN 1795446720000 /* 2026-11-23 15:12 UTC */

typedef struct {
    kt_arena *mem;
    pages *p;
    request rq;
    kt_clock clock;
    kt_random random;
    kt_metrics *metrics;
    http_server *server;
} room;

static kt_err get_page(request *rq, reply *rs);

static const route routes[] = {
    { "GET", "/test/{name}", get_page, HTTP_INLINE, "platform-delivery", HTTP_PUBLIC, 0, 0, NULL, NULL }, { 0 }
};

static pages *served; /* the handler below has no room of its own */

static kt_err get_page(request *rq, reply *rs)
{
    kt_value *data = kt_map(rq->mem);
    kt_str name = request_param(rq, "name");
    if (kt_str_is(name, "own")) kt_set_c(rq->mem, data, "title", "<Eigener> & Titel");
    if (kt_str_is(name, "bare")) kt_set_c(rq->mem, data, "layout", "http/bare_layout");
    if (kt_str_is(name, "none")) return page_reply(served, rq, rs, 200, "http/no_such_page", data);
    kt_set_int(rq->mem, data, "status", 404);
    kt_set_bool(rq->mem, data, "is_404", true);
    return page_reply(served, rq, rs, 404, "http/error", data);
}

static void add_operator(void *ctx, request *rq, reply *rs, kt_value *data)
{
    kt_set_c(rq->mem, kt_set_map(rq->mem, data, "operator"), "platform", "Muster & Söhne");
}

static int set_up(void **state)
{
    room *r = kt_calloc(1, sizeof *r);
    kt_fail fail = { 0 };
    r->mem = kt_arena_new();
    if (pages_new(&fail, &r->p) != KT_OK) fail_msg("%s", fail.text);
    r->rq = (request){ .mem = r->mem, .lang = "de", .path = KT_STR("/"), .now_ms = AUTUMN };
    served = r->p;
    *state = r;
    return 0;
}

static int tear_down(void **state)
{
    room *r = *state;
    http_server_free(r->server);
    kt_metrics_free(r->metrics);
    pages_free(r->p);
    kt_arena_free(r->mem);
    free(r);
    return 0;
}

static kt_str got(room *r, const char *target, const char *header, int *status)
{
    kt_fail fail = { 0 };
    kt_str body = KT_STR_NONE;
    if (!r->server) {
        r->clock = kt_clock_fixed(AUTUMN);
        r->random = kt_random_seeded(1);
        r->metrics = kt_metrics_new();
        http_options o = { .listen = "127.0.0.1:0", .clock = &r->clock, .random = &r->random, .metrics = r->metrics };
        if (http_server_new(&o, &fail, &r->server) != KT_OK) fail_msg("%s", fail.text);
        if (http_routes(r->server, routes, &fail) != KT_OK) fail_msg("%s", fail.text);
        pages_add_global(r->p, add_operator, NULL);
    }
    const char *headers[] = { header, NULL };
    assert_int_equal(http_try(r->server, r->mem, "GET", target, headers, KT_STR_NONE, status, NULL, &body), KT_OK);
    return body;
}

static void assert_holds(kt_str text, const char *what)
{
    if (kt_str_find(text, kt_str_c(what), 0) == KT_NOT_FOUND_AT) fail_msg("no \"%s\" in: %.*s", what, KT_ARG(text));
}

static void assert_lacks(kt_str text, const char *what)
{
    if (kt_str_find(text, kt_str_c(what), 0) != KT_NOT_FOUND_AT) fail_msg("\"%s\" in: %.*s", what, KT_ARG(text));
}

static void assert_text(kt_str got_, const char *expected)
{
    if (!kt_str_is(got_, expected)) fail_msg("expected \"%s\", got \"%.*s\"", expected, KT_ARG(got_));
}

/* ---- the reader's form ---- */

static void test_dates_are_those_of_berlin_in_the_readers_form(void **state)
{
    room *r = *state;
    assert_text(page_date(r->mem, "de", AUTUMN), "23. November 2026");
    assert_text(page_date(r->mem, "en", AUTUMN), "23 November 2026");
    assert_text(page_datetime(r->mem, "de", AUTUMN), "23. November 2026, 16:12");
    assert_text(page_datetime(r->mem, "en", AUTUMN), "23 November 2026, 16:12");
    /* Summer time, and a night that is already tomorrow in Berlin. */
    assert_text(page_datetime(r->mem, "de", 1782943200000), "2. Juli 2026, 00:00");
    assert_text(page_date(r->mem, "de", 0), "1. Januar 1970");
    assert_text(page_date(r->mem, "de", 1772406000000), "2. M\xC3\xA4rz 2026");
}

static void test_numbers_and_money_are_in_the_readers_form(void **state)
{
    room *r = *state;
    assert_text(page_number(r->mem, "de", 0), "0");
    assert_text(page_number(r->mem, "de", 999), "999");
    assert_text(page_number(r->mem, "de", 1234), "1.234");
    assert_text(page_number(r->mem, "en", 1234567), "1,234,567");
    assert_text(page_number(r->mem, "de", -1000), "\xE2\x88\x92"
                                                  "1.000");
    assert_text(page_number(r->mem, "en", INT64_MIN), "\xE2\x88\x92"
                                                      "9,223,372,036,854,775,808");
    assert_text(page_money(r->mem, "de", 123456, "EUR"), "1.234,56\xC2\xA0\xE2\x82\xAC");
    assert_text(page_money(r->mem, "en", 123456, "EUR"), "\xE2\x82\xAC"
                                                         "1,234.56");
    assert_text(page_money(r->mem, "de", -5, "EUR"), "\xE2\x88\x92"
                                                     "0,05\xC2\xA0\xE2\x82\xAC");
    assert_text(page_money(r->mem, "en", -5, NULL), "\xE2\x88\x92\xE2\x82\xAC"
                                                    "0.05");
    assert_text(page_money(r->mem, "de", 100, "CHF"), "1,00\xC2\xA0"
                                                      "CHF");
    assert_text(page_money(r->mem, "en", 100, "CHF"), "CHF\xC2\xA0"
                                                      "1.00");
    assert_text(page_bytes(r->mem, "de", 999), "999\xC2\xA0"
                                               "B");
    assert_text(page_bytes(r->mem, "de", 1250), "1,3\xC2\xA0kB");
    assert_text(page_bytes(r->mem, "en", 999949), "999.9\xC2\xA0kB");
    assert_text(page_bytes(r->mem, "en", 999950), "1.0\xC2\xA0MB");
    assert_text(page_bytes(r->mem, "en", INT64_MAX), "9.2\xC2\xA0"
                                                     "EB");
}

/* ---- words ---- */

static void test_texts_come_in_both_languages_and_are_filled(void **state)
{
    room *r = *state;
    kt_value *data = kt_map(r->mem);
    kt_set_c(r->mem, data, "status", "<404>");
    assert_text(page_text(r->p, r->mem, "de", "http.button.save", NULL), "Speichern");
    assert_text(page_text(r->p, r->mem, "en", "http.button.save", NULL), "Save");
    assert_text(page_text(r->p, r->mem, "fr", "http.button.save", NULL), "Speichern");
    assert_text(page_text(r->p, r->mem, "en", "http.error.title", data), "Error <404>");
    assert_text(page_text(r->p, r->mem, "en", "http.no.such.text", NULL), "http.no.such.text");
    assert_true(page_has_text(r->p, "http.button.save"));
    assert_false(page_has_text(r->p, "http.button"));
}

static kt_err load_words(const char *yaml, kt_fail *fail)
{
    pages p = { .mem = kt_arena_new() };
    kt_embedded file = { .path = "shop/texts.yaml", .data = (const unsigned char *)yaml, .len = strlen(yaml) };
    kt_err err = words_load(&p, &file, fail);
    if (err == KT_OK) err = words_check(&p, fail);
    words_free(&p);
    names_free(&p.words);
    kt_arena_free(p.mem);
    return err;
}

static void test_a_text_that_lacks_a_language_is_named_with_its_line(void **state)
{
    static const struct {
        const char *yaml, *says;
    } wrong[] = {
        { "a:\n  b: { de: Ja }\n", "shop/texts.yaml:2: the text shop.a.b has no words in en" },
        { "a:\n  b: { de: Ja, en: \"\" }\n", "the text shop.a.b has no words in en" },
        { "a: { de: Ja, doch, en: Yes }\n", "shop.a holds more than de and en" },
        { "a: nur ein Wort\n", "shop.a is neither a text (de, en) nor a group" },
        { "a: { de: \"{{t.shop.b}}\", en: x }\n", "shop.a names the text t.shop.b, which does not exist" },
        { "a: { de: \"{{name\", en: x }\n", "a tag is not closed" },
        { "a: { de: \"{{> http/field}}\", en: x }\n", "a text cannot hold a partial" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        kt_fail fail = { 0 };
        assert_int_equal(load_words(wrong[i].yaml, &fail), KT_BAD_INPUT);
        if (!strstr(fail.text, wrong[i].says)) fail_msg("%s\n  said: %s", wrong[i].yaml, fail.text);
    }
    kt_fail fail = { 0 };
    assert_int_equal(load_words("a: { de: \"{{t.shop.b}}\", en: x }\nb: { de: Bär, en: bear }\n", &fail), KT_OK);
}

static kt_err load_page(const char *html, kt_fail *fail)
{
    pages p = { .mem = kt_arena_new(), .n_templates = 1 };
    template t = { .name = KT_STR("shop/cart"), .file = "shop/pages/cart.html" };
    kt_err err = mustache_parse(kt_str_c(html), t.file, fail, &t.m);
    p.template_list = &t;
    names_init(&p.words, 1);
    if (err == KT_OK) err = templates_check(&p, fail);
    mustache_free(t.m);
    names_free(&p.words);
    names_free(&p.templates);
    kt_arena_free(p.mem);
    return err;
}

static void test_a_page_that_names_what_nobody_wrote_is_refused(void **state)
{
    kt_fail fail = { 0 };
    assert_int_equal(load_page("a\n{{t.shop.cart.title}}", &fail), KT_BAD_INPUT);
    assert_string_equal(fail.text, "shop/pages/cart.html:2: there is no text {{t.shop.cart.title}}");
    fail = (kt_fail){ 0 };
    assert_int_equal(load_page("a\n\n{{> shop/row}}", &fail), KT_BAD_INPUT);
    assert_string_equal(fail.text, "shop/pages/cart.html:3: there is no page part {{> shop/row}}");
    fail = (kt_fail){ 0 };
    assert_int_equal(load_page("{{> shop/cart}}", &fail), KT_OK);
}

/* ---- pages ---- */

static void test_every_page_renders_in_both_languages_without_data(void **state)
{
    room *r = *state;
    static const char *const langs[] = { "de", "en" };
    assert_true(r->p->n_templates > 10);
    for (size_t i = 0; i < r->p->n_templates; i++)
        for (size_t l = 0; l < 2; l++) {
            kt_buf out;
            kt_buf_init(&out, 1 << 20);
            char *name = kt_str_z(r->mem, r->p->template_list[i].name);
            if (page_render(r->p, r->mem, name, langs[l], kt_map(r->mem), &out) != KT_OK) fail_msg("%s", name);
            assert_lacks(kt_buf_str(&out), "{{");
            kt_buf_free(&out);
        }
}

static void test_no_page_holds_inline_style_or_script(void **state)
{
    room *r = *state;
    static const char *const forbidden[] = {
        " style=\"", "<style", " onclick=", " onload=", " onsubmit=", "javascript:"
    };
    for (size_t i = 0; i < kt_embedded_count; i++) {
        kt_str path = kt_str_c(kt_embedded_files[i].path);
        if (!kt_str_ends(path, KT_STR(".html")) || kt_str_starts(path, KT_STR("web/"))) continue;
        /* Mail programs know no style sheet of ours. */
        if (kt_str_find(path, KT_STR("/pages/mail_"), 0) != KT_NOT_FOUND_AT) continue;
        for (size_t f = 0; f < sizeof forbidden / sizeof forbidden[0]; f++)
            if (kt_str_find(kt_embedded_str(&kt_embedded_files[i]), kt_str_c(forbidden[f]), 0) != KT_NOT_FOUND_AT)
                fail_msg("%s has %s", kt_embedded_files[i].path, forbidden[f]);
    }
    assert_non_null(r->p);
}

static void test_a_page_stands_in_its_layout_with_the_globals(void **state)
{
    int status;
    kt_str body = got(*state, "/test/page", "Accept-Language: de", &status);
    assert_int_equal(status, 404);
    assert_true(kt_str_starts(body, KT_STR("<!doctype html>\n<html lang=\"de\">")));
    assert_holds(body, "<title>Fehler 404 \xC2\xB7 Muster &amp; S\xC3\xB6hne</title>");
    assert_holds(body, "<h1>Diese Seite gibt es nicht</h1>");
    assert_holds(body, "href=\"/test/page?lang=en\" hreflang=\"en\"");
    assert_holds(body, "\xC2\xA9 2026");
    assert_holds(body, "/assets/");
    body = got(*state, "/test/page", "Accept-Language: en", &status);
    assert_holds(body, "<html lang=\"en\">");
    assert_holds(body, "<h1>There is no such page</h1>");
}

static void test_the_language_link_keeps_path_and_query(void **state)
{
    int status;
    kt_str body = got(*state, "/test/a%20b%22%3Cc?x=1&lang=de&y=%26", "Accept: */*", &status);
    assert_holds(body, "href=\"/test/a%20b%22%3Cc?lang=en&amp;x=1&amp;y=%26\"");
}

static void test_a_title_of_the_data_wins_and_is_escaped(void **state)
{
    int status;
    assert_holds(got(*state, "/test/own", "Accept-Language: de", &status),
                 "<title>&lt;Eigener&gt; &amp; Titel \xC2\xB7");
}

static void test_another_layout_may_be_chosen(void **state)
{
    int status;
    kt_str body = got(*state, "/test/bare", "Accept-Language: de", &status);
    assert_holds(body, "<h1>Diese Seite gibt es nicht</h1>");
    assert_lacks(body, "class=\"foot\"");
}

static void test_a_page_that_does_not_exist_is_our_fault(void **state)
{
    int status;
    got(*state, "/test/none", "Accept-Language: de", &status);
    assert_int_equal(status, 500);
}

/* ---- forms ---- */

static kt_str field_html(room *r, kt_value *data)
{
    kt_buf out;
    kt_buf_init(&out, 1 << 16);
    assert_int_equal(page_render(r->p, r->mem, "http/field", "de", data, &out), KT_OK);
    kt_str html = kt_str_dup(r->mem, kt_buf_str(&out));
    kt_buf_free(&out);
    return html;
}

static void test_a_field_keeps_what_was_typed_and_shows_its_error(void **state)
{
    room *r = *state;
    kt_value *data = kt_map(r->mem), *fields = kt_set_list(r->mem, data, "fields");
    kt_value *email = page_field(r->p, &r->rq, fields, "email", "email", "http.button", KT_STR("\"><script>"));
    kt_set_c(r->mem, email, "label", "E-Mail");
    kt_set_c(r->mem, email, "autocomplete", "email");
    kt_set_bool(r->mem, email, "required", true);
    page_field_error(&r->rq, data, email, KT_STR("Das ist keine <Adresse>."));
    kt_str html = field_html(r, email);
    assert_holds(html, "<label for=\"f-email\">E-Mail</label>");
    assert_holds(html, "id=\"f-email\" name=\"email\" type=\"email\" value=\"&quot;&gt;&lt;script&gt;\"");
    assert_holds(html, "autocomplete=\"email\"");
    assert_holds(html, " required aria-invalid=\"true\" aria-describedby=\"f-email-error\"");
    assert_holds(html, "Das ist keine &lt;Adresse&gt;.");
    assert_true(kt_get_bool(data, "has_errors", false));

    kt_buf out;
    kt_buf_init(&out, 1 << 16);
    assert_int_equal(page_render(r->p, r->mem, "http/errors", "de", data, &out), KT_OK);
    assert_holds(kt_buf_str(&out), "<a href=\"#f-email\">Das ist keine &lt;Adresse&gt;.</a>");
    assert_holds(kt_buf_str(&out), "role=\"alert\"");
    kt_buf_free(&out);
}

static void test_a_password_is_never_put_back_into_the_page(void **state)
{
    room *r = *state;
    kt_value *field = page_field(r->p, &r->rq, kt_map(r->mem), "pw", "password", "http.button", KT_STR("geheim"));
    assert_lacks(field_html(r, field), "geheim");
}

static void test_choices_know_which_one_was_taken(void **state)
{
    room *r = *state;
    static const char *const types[] = { "select", "radio" };
    for (size_t i = 0; i < 2; i++) {
        kt_value *field = page_field(r->p, &r->rq, kt_map(r->mem), "by", types[i], "http.button", KT_STR("post"));
        page_option(&r->rq, field, KT_STR("mail"), KT_STR("E-Mail"));
        page_option(&r->rq, field, KT_STR("post"), KT_STR("Post & Paket"));
        kt_str html = field_html(r, field);
        assert_holds(html,
                     i == 0 ? "<option value=\"post\" selected>Post &amp; Paket</option>" : "value=\"post\" checked>");
        assert_lacks(html, i == 0 ? "value=\"mail\" selected" : "value=\"mail\" checked");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define PAGE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        PAGE_TEST(test_dates_are_those_of_berlin_in_the_readers_form),
        PAGE_TEST(test_numbers_and_money_are_in_the_readers_form),
        PAGE_TEST(test_texts_come_in_both_languages_and_are_filled),
        PAGE_TEST(test_a_text_that_lacks_a_language_is_named_with_its_line),
        PAGE_TEST(test_a_page_that_names_what_nobody_wrote_is_refused),
        PAGE_TEST(test_every_page_renders_in_both_languages_without_data),
        PAGE_TEST(test_no_page_holds_inline_style_or_script),
        PAGE_TEST(test_a_page_stands_in_its_layout_with_the_globals),
        PAGE_TEST(test_the_language_link_keeps_path_and_query),
        PAGE_TEST(test_a_title_of_the_data_wins_and_is_escaped),
        PAGE_TEST(test_another_layout_may_be_chosen),
        PAGE_TEST(test_a_page_that_does_not_exist_is_our_fault),
        PAGE_TEST(test_a_field_keeps_what_was_typed_and_shows_its_error),
        PAGE_TEST(test_a_password_is_never_put_back_into_the_page),
        PAGE_TEST(test_choices_know_which_one_was_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
