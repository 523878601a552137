/* SPDX-License-Identifier: Apache-2.0 */
/* test_notice.c -- the notice says what was declared: fact by fact, in both languages and all forms.
 *
 * docs/samples/declaration-2022.yaml engages everything of the declaration of 30 June 2022;
 * test/facts/declaration-2022.tsv lists its facts. The program's own register is rendered too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "base/hash.h"
#include "register/load.h"
#include "register/notice_inner.h"
#include "register/notice_pages.h"
#include "register/queries.h"

#define SAMPLE "docs/samples/declaration-2022.yaml"
#define FACTS  "test/facts/declaration-2022.tsv"
enum { FACTS_LEAST = 250, START_MS = 1700000000 };
static const int64_t MORNING = (int64_t)START_MS * 1000;

typedef struct {
    kt_arena *mem;
    pages *pages;
    registry *declared; /* the sample, alone */
    registry *own;      /* the program with its built-in operator */
} world;

/* ---- the world ---- */

static registry *load(kt_arena *mem, const char *const *modules, const char *config)
{
    kt_value *faults = kt_list(mem);
    registry *r = NULL;
    kt_err err = registry_load(modules, config, mem, faults, &r);
    KT_EACH(f, faults) print_error("%.*s\n", KT_ARG(f->as.string));
    assert_int_equal(err, KT_OK);
    return r;
}

/* Every module that declares something. */
static const char *const *all_modules(kt_arena *mem)
{
    const char **names = kt_alloc_array(mem, kt_embedded_count + 1, sizeof *names);
    size_t n = 0;
    for (size_t i = 0; i < kt_embedded_count; i++) {
        kt_str path = kt_str_c(kt_embedded_files[i].path);
        if (!kt_str_ends(path, KT_STR("/activity.yaml"))) continue;
        names[n++] = kt_str_z(mem, kt_str_slice(path, 0, kt_str_find_byte(path, '/', 0)));
    }
    return names;
}

static int set_up(void **state)
{
    world *w = calloc(1, sizeof *w);
    kt_fail fail = { 0 };
    w->mem = kt_arena_new();
    if (pages_new(&fail, &w->pages) != KT_OK) fail_msg("%s", fail.text);
    w->declared = load(w->mem, NULL, SAMPLE);
    w->own = load(w->mem, all_modules(w->mem), NULL);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    world *w = *state;
    registry_free(w->declared);
    registry_free(w->own);
    pages_free(w->pages);
    kt_arena_free(w->mem);
    free(w);
    return 0;
}

static kt_str file_text(kt_arena *mem, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) fail_msg("cannot read %s", path);
    char *at = kt_alloc(mem, 1 << 20);
    size_t len = fread(at, 1, 1 << 20, f);
    fclose(f);
    return (kt_str){ at, len };
}

static kt_str rendered(world *w, const registry *r, const char *lang, notice_format format, bool standalone)
{
    kt_buf out;
    kt_buf_init(&out, 16 << 20);
    assert_int_equal(notice_render(r, w->pages, w->mem, lang, format, standalone, &out), KT_OK);
    kt_str text = kt_str_dup(w->mem, kt_buf_str(&out));
    kt_buf_free(&out);
    return text;
}

static bool contains(kt_str text, kt_str part) { return kt_str_find(text, part, 0) != KT_NOT_FOUND_AT; }
static bool has(kt_str text, const char *part) { return contains(text, kt_str_c(part)); }

/* ---- places in the plain text ---- */

/* Line breaks become blanks, so that a fact is found wherever its line was broken. */
static kt_str one_line(kt_arena *mem, kt_str text)
{
    char *to = kt_alloc(mem, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        bool gap = text.at[i] == ' ' || text.at[i] == '\n';
        if (!gap)
            to[len++] = text.at[i];
        else if (len && to[len - 1] != ' ')
            to[len++] = ' ';
    }
    return (kt_str){ to, len };
}

/* A heading is a line that ends with "[anchor]", underlined. From it to the next one. */
static bool next_heading(kt_str text, size_t from, size_t *line, kt_str *anchor)
{
    size_t at = from;
    while ((at = kt_str_find(text, KT_STR("]\n"), at)) != KT_NOT_FOUND_AT) {
        char under = at + 2 < text.len ? text.at[at + 2] : ' ';
        size_t open = at, begin = at;
        while (open > 0 && text.at[open] != '[') open--;
        while (begin > 0 && text.at[begin - 1] != '\n') begin--;
        if ((under == '=' || under == '-') && open > begin && begin >= from) {
            *line = begin;
            *anchor = kt_str_slice(text, open + 1, at);
            return true;
        }
        at++;
    }
    return false;
}

/* The part of the text below an anchor; "document" is all before the first. NONE when there is none. */
static kt_str place(kt_arena *mem, kt_str text, kt_str wanted)
{
    size_t line = 0, next = 0;
    kt_str anchor = KT_STR("document"), following;
    for (;;) {
        size_t from = line == 0 && kt_str_is(anchor, "document") ? 0 : line + 1;
        while (from > 0 && from < text.len && text.at[from - 1] != '\n') from++;
        bool more = next_heading(text, from, &next, &following);
        if (kt_str_eq(anchor, wanted)) return one_line(mem, kt_str_slice(text, line, more ? next : text.len));
        if (!more) return KT_STR_NONE;
        line = next;
        anchor = following;
    }
}

/* ---- N3: every fact ---- */

typedef struct {
    kt_str field[4];
} fact_line;

static bool fact_read(kt_str line, fact_line *out)
{
    size_t n = 0;
    kt_str part;
    if (!line.len || line.at[0] == '#') return false;
    while (n < 4 && kt_str_split(&line, '\t', &part)) out->field[n++] = part;
    assert_int_equal(n, 4);
    return true;
}

/* All parts, joined by " | ", stand at the place. */
static size_t fact_missing(kt_arena *mem, kt_str text, const fact_line *f, kt_str parts, const char *lang)
{
    kt_str body = place(mem, text, f->field[0]);
    size_t missing = 0;
    while (parts.len) {
        size_t bar = kt_str_find(parts, KT_STR(" | "), 0);
        kt_str part = kt_str_slice(parts, 0, bar == KT_NOT_FOUND_AT ? parts.len : bar);
        parts = bar == KT_NOT_FOUND_AT ? KT_STR("") : kt_str_slice(parts, bar + 3, parts.len);
        if (contains(body, part)) continue;
        print_error("%s: %.*s: %.*s: \"%.*s\" is not there\n", lang, KT_ARG(f->field[0]), KT_ARG(f->field[1]),
                    KT_ARG(part));
        missing++;
    }
    return missing;
}

static void test_N3_every_fact_of_the_declaration_is_in_the_notice(void **state)
{
    world *w = *state;
    kt_str german = rendered(w, w->declared, "de", NOTICE_TEXT, false);
    kt_str english = rendered(w, w->declared, "en", NOTICE_TEXT, false);
    kt_str rest = file_text(w->mem, FACTS), line;
    size_t facts = 0, missing = 0;
    fact_line f;
    while (kt_str_split(&rest, '\n', &line)) {
        if (!fact_read(line, &f)) continue;
        missing += fact_missing(w->mem, german, &f, f.field[2], "de");
        missing += fact_missing(w->mem, english, &f, f.field[3], "en");
        facts++;
    }
    assert_int_equal(missing, 0);
    assert_true(facts >= FACTS_LEAST);
}

/* Lists that the declaration calls complete have exactly the kinds of data it names. */
static void test_N3_the_data_lists_are_as_long_as_declared(void **state)
{
    world *w = *state;
    static const struct {
        const char *id;
        size_t n;
        bool complete;
    } lists[] = {
        { "platform-delivery", 4, true },   { "access-logs", 4, true },         { "cookies-necessary", 4, true },
        { "cookies-analytics", 4, true },   { "registration", 7, true },        { "billing-billwerk", 12, true },
        { "payment-paypal", 13, false },    { "affiliate-tracking", 11, true }, { "messaging-intercom", 3, false },
        { "analytics-mixpanel", 3, false }, { "nps-satismeter", 7, true },      { "guides-userlane", 2, true },
    };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        const activity *a = registry_activity(w->declared, lists[i].id);
        assert_non_null(a);
        assert_int_equal(a->n_data, lists[i].n);
        assert_int_equal(a->data_exhaustive, lists[i].complete);
    }
}

static const char *const declared_ids[18] = {
    "platform-delivery",      "access-logs",        "cookies-necessary", "cookies-analytics",  "registration",
    "payment-processing",     "billing-billwerk",   "payment-paypal",    "affiliate-tracking", "affiliate-commission",
    "affiliate-new-customer", "messaging-intercom", "cdp-segment",       "analytics-mixpanel", "nps-satismeter",
    "guides-userlane",        "polyfill-delivery",  "telemetry",
};

static void test_N3_the_sample_engages_all_18_activities_and_13_recipients(void **state)
{
    world *w = *state;
    const activity *const *list;
    const recipient *const *to;
    assert_int_equal(registry_activities(w->declared, &list), 18);
    assert_int_equal(registry_recipients(w->declared, &to), 13);
    for (size_t i = 0; i < 18; i++) assert_true(kt_str_is(list[i]->id, declared_ids[i]));
}

static bool words_stand(kt_str body, kt_arena *mem, kt_str said) { return contains(body, one_line(mem, said)); }

/* What the register says about an activity is at its place: no activity of the code without its text. */
static void activity_stands(world *w, kt_str text, const activity *a)
{
    kt_str body = place(w->mem, text, a->id);
    if (!body.len) fail_msg("%.*s is not in the notice", KT_ARG(a->id));
    for (size_t i = 0; i < a->n_data; i++) assert_true(words_stand(body, w->mem, a->data[i].name.de));
    for (size_t i = 0; i < a->n_purposes; i++) assert_true(words_stand(body, w->mem, a->purposes[i].text.de));
    for (size_t i = 0; i < a->n_excluded; i++) assert_true(words_stand(body, w->mem, a->excluded[i].text.de));
    for (size_t i = 0; i < a->n_recipients; i++) assert_true(contains(body, a->recipients[i]->name));
    for (size_t i = 0; i < a->n_keeps; i++)
        if (a->keeps[i].wording.de.len) assert_true(words_stand(body, w->mem, kt_str_trim(a->keeps[i].wording.de)));
}

static void no_orphans(world *w, const registry *r)
{
    static const char *const lists[] = { "general", "recipients", "cookie-list", "device-access", "8", "9", "10", "11",
                                         "12",      "13",         "14" };
    kt_str text = rendered(w, r, "de", NOTICE_TEXT, false), anchor;
    const activity *const *all;
    size_t n = registry_activities(r, &all), line = 0, from = 0;
    for (size_t i = 0; i < n; i++) {
        if (all[i]->in_notice)
            activity_stands(w, text, all[i]);
        else
            assert_int_equal(place(w->mem, text, all[i]->id).len, 0);
    }
    while (next_heading(text, from, &line, &anchor)) {
        bool known = registry_activity(r, kt_str_z(w->mem, anchor)) != NULL;
        for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) known = known || kt_str_is(anchor, lists[i]);
        if (!known) fail_msg("[%.*s] is in the notice but nowhere in the register", KT_ARG(anchor));
        from = kt_str_find_byte(text, '\n', line) + 1;
    }
}

static void test_N3_no_orphan_either_way(void **state)
{
    world *w = *state;
    no_orphans(w, w->declared);
    no_orphans(w, w->own);
}

/* ---- N2 ---- */

static void test_N2_date_stands_on_top(void **state)
{
    world *w = *state;
    kt_str head = place(w->mem, rendered(w, w->declared, "de", NOTICE_TEXT, false), KT_STR("document"));
    size_t date = kt_str_find(head, KT_STR("Stand: 30. Juni 2022"), 0);
    assert_true(date != KT_NOT_FOUND_AT && date < 120);
    assert_true(has(rendered(w, w->declared, "de", NOTICE_HTML, false),
                    "<time datetime=\"2022-06-30\">Stand: 30. Juni 2022</time>"));
}

static void test_N2_all_activities_with_their_seven_facts(void **state)
{
    world *w = *state;
    kt_str text = rendered(w, w->declared, "de", NOTICE_TEXT, false);
    for (size_t i = 0; i < 18; i++) {
        kt_str body = place(w->mem, text, kt_str_c(declared_ids[i]));
        const activity *a = registry_activity(w->declared, declared_ids[i]);
        assert_true(has(body, "Verarbeitet werden"));
        assert_true(has(body, "Empfänger"));
        assert_true(has(body, "Zweck"));
        assert_true(has(body, "Rechtsgrundlage * ") || has(body, "Art. 6 Abs. 1"));
        assert_true(has(body, "Dauer der Speicherung"));
        assert_true(has(body, "Beseitigungsmöglichkeit"));
        for (size_t j = 0; j < a->n_recipients; j++)
            if (a->recipients[j]->mechanism.len) assert_true(has(body, "Garantie: "));
    }
}

/* Positions of words in a text rise in this order. */
static void in_order(kt_str text, const char *const *parts, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        size_t found = kt_str_find(text, kt_str_c(parts[i]), at);
        if (found == KT_NOT_FOUND_AT) fail_msg("\"%s\" is missing or stands too early", parts[i]);
        at = found + strlen(parts[i]);
    }
}

static void test_N2_sections_8_to_14_in_the_declared_order(void **state)
{
    world *w = *state;
    static const char *const headings[] = { "<h2 id=\"general-heading\">", "<h2 id=\"8-heading\">",
                                            "<h2 id=\"9-heading\">",       "<h2 id=\"10-heading\">",
                                            "<h2 id=\"11-heading\">",      "<h2 id=\"12-heading\">",
                                            "<h2 id=\"13-heading\">",      "<h2 id=\"14-heading\">" };
    static const char *const anchors[] = { "id=\"platform-delivery\"", "<h3 id=\"8.1\">",     "id=\"access-logs\"",
                                           "<h3 id=\"8.2\">",          "id=\"registration\"", "<h3 id=\"10.1\">",
                                           "id=\"payment-paypal\"",    "<h3 id=\"11.3\">",    "id=\"telemetry\"",
                                           "<h3 id=\"14.1\">" };
    const registry *both[2] = { w->declared, w->own };
    for (size_t i = 0; i < 2; i++)
        in_order(rendered(w, both[i], "de", NOTICE_HTML, false), headings, sizeof headings / sizeof headings[0]);
    in_order(rendered(w, w->declared, "en", NOTICE_HTML, false), anchors, sizeof anchors / sizeof anchors[0]);
}

static void test_N2_blocks_stand_in_the_order_a_reader_asks(void **state)
{
    world *w = *state;
    static const char *const usual[] = { "Beschreibung und Umfang", "Zweck", "Rechtsgrundlage", "Dauer der Speicherung",
                                         "Widerspruchs- und" };
    static const char *const cookies[] = { "Beschreibung und Umfang", "Zweck", "Rechtsgrundlage",
                                           "Dauer der Speicherung, Widerspruchs- und Beseitigungsmöglichkeit" };
    static const char *const telemetry[] = { "Zweck", "Beschreibung und Umfang", "Rechtsgrundlage",
                                             "Dauer der Speicherung", "Widerspruchs- und" };
    kt_str text = rendered(w, w->declared, "de", NOTICE_TEXT, false);
    in_order(place(w->mem, text, KT_STR("registration")), usual, 5);
    in_order(place(w->mem, text, KT_STR("cookies-necessary")), cookies, 4);
    in_order(place(w->mem, text, KT_STR("telemetry")), telemetry, 5);
}

static void test_N2_contents_show_1_to_7_as_one_entry_to_the_general_part(void **state)
{
    world *w = *state;
    kt_str html = rendered(w, w->declared, "de", NOTICE_HTML, false);
    assert_true(has(
        html, "<li><a href=\"https://sevdesk.de/datenschutz\"><span class=\"num\">1–7</span> Allgemeiner Teil</a>"));
    assert_true(has(html, "<li><a href=\"#8\"><span class=\"num\">8</span>"));
    assert_true(has(html, "<a href=\"#telemetry\"><span class=\"num\">14.1</span>"));
    /* Without a general part elsewhere the entry leads to the one on the page. */
    assert_true(
        has(rendered(w, w->own, "de", NOTICE_HTML, false), "<li><a href=\"#general\"><span class=\"num\">1–7</span>"));
}

/* ---- D10, N5, C9 ---- */

static void test_D10_notice_names_the_host_its_place_and_the_safeguard(void **state)
{
    world *w = *state;
    kt_str text = rendered(w, w->declared, "de", NOTICE_TEXT, false);
    static const char *const ids[] = { "platform-delivery", "access-logs" };
    for (size_t i = 0; i < 2; i++) {
        kt_str body = place(w->mem, text, kt_str_c(ids[i]));
        assert_true(has(body, "Amazon.de GmbH"));
        assert_true(has(body, "80807 München, Deutschland"));
        assert_true(has(body, "Standort der Server: Deutschland"));
        assert_true(has(body, "Drittland: USA"));
        assert_true(has(body, "Standarddatenschutzklauseln, Art. 46 Abs. 2 lit. c DSGVO"));
    }
}

static void test_N5_links_to_the_general_part_and_to_every_provider(void **state)
{
    world *w = *state;
    kt_str html = rendered(w, w->declared, "de", NOTICE_HTML, false);
    const recipient *const *list;
    size_t n = registry_recipients(w->declared, &list);
    assert_true(has(html, "href=\"https://sevdesk.de/datenschutz\""));
    for (size_t i = 0; i < n; i++) {
        kt_str urls[3] = { list[i]->notice_url, list[i]->removal_url, list[i]->extra_url };
        for (size_t j = 0; j < 3; j++) {
            if (!urls[j].len) continue;
            kt_str href = kt_str_fmt(w->mem, "href=\"%.*s\"", KT_ARG(notice_href(w->mem, urls[j])));
            if (!contains(html, href)) fail_msg("no link %.*s", KT_ARG(href));
        }
    }
}

static void test_N5_address_with_an_umlaut_is_encoded_in_the_link_and_shown_as_it_is(void **state)
{
    world *w = *state;
    kt_str html = rendered(w, w->declared, "de", NOTICE_HTML, false);
    assert_true(has(html, "<a href=\"https://www.awin.com/de/datenschutzerkl%C3%A4rung\">"
                          "https://www.awin.com/de/datenschutzerklärung</a>"));
}

/* The list of the notice is the register's set of cookies, both ways. */
static void test_C9_cookie_list_equals_the_cookies_of_the_register(void **state)
{
    world *w = *state;
    const cookie_entry *const *cookies;
    size_t n = registry_cookies(w->own, &cookies), listed = 0;
    pen p = pen_new(w->own, w->pages, w->mem, "de");
    kt_value *part = kt_map(w->mem);
    notice_cookie_list(&p, part);
    const kt_value *table = NULL;
    KT_EACH(item, kt_get(kt_get(part, "blocks")->first, "items"))
        if (kt_get(item, "table")) table = kt_get(item, "table");
    assert_non_null(table);
    assert_true(n > 0);
    KT_EACH(row, kt_get(table, "rows")) {
        kt_str name = kt_get_str(kt_get(row, "cells")->first, "cell");
        const cookie_entry *c = registry_cookie_named(w->own, name);
        if (!c) continue;
        listed++;
        assert_int_equal(kt_get(row, "cells")->count, 7);
        KT_EACH(cell, kt_get(row, "cells")) assert_true(kt_get_str(cell, "cell").len > 0);
    }
    assert_int_equal(listed, n);
}

static void test_C9_service_without_named_cookies_is_listed_as_not_stated(void **state)
{
    world *w = *state;
    kt_str body = place(w->mem, rendered(w, w->declared, "en", NOTICE_TEXT, false), KT_STR("cookie-list"));
    static const char *const names[] = { "AWIN", "Intercom", "Segment", "Mixpanel", "Userlane" };
    for (size_t i = 0; i < 5; i++) assert_true(has(body, names[i]));
    assert_true(has(body, "* not stated | Kind: not stated"));
}

/* ---- the forms ---- */

/* Tags open and close in order; returns the number of elements. Void elements and <path/> have no end. */
static size_t balanced(kt_str html)
{
    static const char *const voids[] = { "meta", "br", "link", "img", "input", "hr" };
    kt_str open[64];
    size_t depth = 0, n = 0, at = 0;
    while ((at = kt_str_find_byte(html, '<', at)) != KT_NOT_FOUND_AT) {
        size_t end = kt_str_find_byte(html, '>', at), to = at + 1;
        assert_true(end != KT_NOT_FOUND_AT);
        bool closing = html.at[to] == '/', is_void = html.at[to] == '!';
        if (closing) to++;
        size_t from = to;
        while (to < end && html.at[to] != ' ' && html.at[to] != '\n') to++;
        kt_str name = kt_str_slice(html, from, to);
        for (size_t i = 0; i < 6; i++) is_void = is_void || kt_str_is(name, voids[i]);
        if (closing) {
            if (!depth || !kt_str_eq(open[depth - 1], name)) fail_msg("</%.*s> closes nothing", KT_ARG(name));
            depth--;
        } else if (!is_void && html.at[end - 1] != '/') {
            assert_true(depth < 64);
            open[depth++] = name;
            n++;
        }
        at = end;
    }
    assert_int_equal(depth, 0);
    return n;
}

/* Values of all attributes of this name. */
static kt_value *attributes(kt_arena *mem, kt_str html, const char *start)
{
    kt_value *list = kt_list(mem);
    size_t at = 0;
    while ((at = kt_str_find(html, kt_str_c(start), at)) != KT_NOT_FOUND_AT) {
        at += strlen(start);
        kt_add_str(mem, list, kt_str_slice(html, at, kt_str_find_byte(html, '"', at)));
    }
    return list;
}

static size_t times_in(const kt_value *list, kt_str what)
{
    size_t n = 0;
    KT_EACH(v, list) n += kt_str_eq(v->as.string, what);
    return n;
}

static void html_is_good(world *w, const registry *r, const char *lang, bool standalone)
{
    kt_str html = rendered(w, r, lang, NOTICE_HTML, standalone);
    static const char *const never[] = { "<script", "style=",  "<style",          "<img", "<link", "src=",
                                         "onclick", "<iframe", "register.notice." };
    assert_true(kt_utf8_valid(html));
    assert_true(balanced(html) > 100);
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        if (has(html, never[i])) fail_msg("%s is in the notice", never[i]);
    kt_value *ids = attributes(w->mem, html, " id=\""), *links = attributes(w->mem, html, " href=\"");
    KT_EACH(id, ids) assert_int_equal(times_in(ids, id->as.string), 1);
    KT_EACH(link, links) {
        kt_str to = link->as.string;
        if (to.len && to.at[0] == '#')
            assert_int_equal(times_in(ids, kt_str_slice(to, 1, to.len)), 1);
        else
            assert_true(kt_str_starts(to, KT_STR("https://")) || kt_str_starts(to, KT_STR("mailto:")));
    }
    KT_EACH(label, attributes(w->mem, html, " aria-labelledby=\""))
        assert_int_equal(times_in(ids, label->as.string), 1);
    assert_int_equal(has(html, "<!doctype html>"), standalone);
    assert_int_equal(times_in(attributes(w->mem, html, "<h1"), KT_STR(">")), 0);
}

static void test_html_is_well_formed_without_style_or_foreign_asset(void **state)
{
    world *w = *state;
    const registry *both[2] = { w->declared, w->own };
    for (size_t i = 0; i < 2; i++) {
        html_is_good(w, both[i], "de", false);
        html_is_good(w, both[i], "en", false);
        html_is_good(w, both[i], "de", true);
    }
}

static void test_no_phrase_is_missing_in_any_form(void **state)
{
    world *w = *state;
    const registry *both[2] = { w->declared, w->own };
    static const char *const langs[] = { "de", "en" };
    for (size_t i = 0; i < 2; i++)
        for (size_t l = 0; l < 2; l++)
            for (int f = NOTICE_HTML; f <= NOTICE_JSON; f++) {
                kt_str text = rendered(w, both[i], langs[l], (notice_format)f, false);
                assert_false(has(text, "register.notice."));
                assert_false(has(text, "{{"));
            }
}

static void test_text_lines_fit_a_terminal(void **state)
{
    world *w = *state;
    kt_str text = rendered(w, w->declared, "de", NOTICE_TEXT, false), line;
    while (kt_str_split(&text, '\n', &line))
        if (!has(line, "http") && !has(line, "]")) assert_true(kt_utf8_count(line) <= 78);
}

static void test_json_holds_sentences_and_facts_of_the_same_version(void **state)
{
    world *w = *state;
    kt_value *tree = NULL;
    kt_fail fail = { 0 };
    assert_int_equal(kt_json_parse(w->mem, rendered(w, w->declared, "de", NOTICE_JSON, false), &fail, &tree), KT_OK);
    assert_true(kt_str_eq(kt_get_str(tree, "hash"), registry_hash(w->declared)));
    assert_int_equal(kt_get(kt_get(tree, "facts"), "activities")->count, 18);
    assert_int_equal(kt_get(kt_get(tree, "notice"), "sections")->count, 9);
    assert_true(kt_str_is(kt_get_str(kt_get(tree, "notice"), "date_iso"), "2022-06-30"));
}

static registry *load_text(kt_arena *mem, kt_str yaml)
{
    registry_text text = { NULL, "kontor.yaml", yaml, NULL, KT_STR_NONE };
    kt_value *faults = kt_list(mem);
    registry *r = NULL;
    kt_err err = registry_load_texts(&text, 1, mem, faults, &r);
    KT_EACH(f, faults) print_error("%.*s\n", KT_ARG(f->as.string));
    assert_int_equal(err, KT_OK);
    return r;
}

/* The sample with some words exchanged. */
static registry *load_changed(kt_arena *mem, const char *from, const char *to)
{
    kt_str yaml = file_text(mem, SAMPLE);
    size_t at = kt_str_find(yaml, kt_str_c(from), 0);
    assert_true(at != KT_NOT_FOUND_AT);
    return load_text(mem, kt_str_fmt(mem, "%.*s%s%.*s", KT_ARG(kt_str_slice(yaml, 0, at)), to,
                                     KT_ARG(kt_str_slice(yaml, at + strlen(from), yaml.len))));
}

static void test_words_of_the_register_are_escaped_in_html(void **state)
{
    world *w = *state;
    registry *r = load_changed(w->mem, "name: sevDesk GmbH", "name: \"<script>alert(1)</script>&\\\"\"");
    kt_str html = rendered(w, r, "de", NOTICE_HTML, false);
    assert_false(has(html, "<script"));
    assert_true(has(html, "&lt;script&gt;"));
    registry_free(r);
}

static void test_only_addresses_of_the_web_become_links(void **state)
{
    world *w = *state;
    assert_int_equal(notice_href(w->mem, KT_STR("javascript:alert(1)")).len, 0);
    assert_int_equal(notice_href(w->mem, KT_STR("data:text/html,x")).len, 0);
    assert_int_equal(notice_href(w->mem, KT_STR("/privacy")).len, 0);
    assert_true(
        kt_str_is(notice_href(w->mem, KT_STR("https://a.example/ä\"<b>")), "https://a.example/%C3%A4%22%3Cb%3E"));
}

static void test_articles_keep_their_short_form(void **state)
{
    world *w = *state;
    pen de = pen_new(w->declared, w->pages, w->mem, "de"), en = pen_new(w->declared, w->pages, w->mem, "en");
    assert_true(kt_str_is(say_article(&de, KT_STR("6(1)(f)"), KT_STR("full")), "Art. 6 Abs. 1 S. 1 lit. f DSGVO"));
    assert_true(kt_str_is(say_article(&de, KT_STR("6(1)(f)"), KT_STR("short")), "Art. 6 Abs. 1 lit. f DSGVO"));
    assert_true(kt_str_is(say_article(&de, KT_STR("46(2)(c)"), KT_STR_NONE), "Art. 46 Abs. 2 lit. c DSGVO"));
    assert_true(kt_str_is(say_article(&de, KT_STR("46"), KT_STR_NONE), "Art. 46 DSGVO"));
    assert_true(kt_str_is(say_article(&en, KT_STR("6(1)(f)"), KT_STR("short")), "Art. 6(1)(f) GDPR"));
    assert_true(kt_str_is(say_article(&en, KT_STR("46(2)(c)"), KT_STR_NONE), "Art. 46(2)(c) GDPR"));
    assert_true(kt_str_is(say_article(&en, KT_STR("§ 25"), KT_STR_NONE), "§ 25"));
}

static void test_periods_are_said_as_they_were_declared(void **state)
{
    world *w = *state;
    pen de = pen_new(w->declared, w->pages, w->mem, "de"), en = pen_new(w->declared, w->pages, w->mem, "en");
    assert_true(kt_str_is(say_duration(&de, 7 * KT_DAY_MS, 0), "7 Tage"));
    assert_true(kt_str_is(say_duration(&de, 0, 36), "36 Monate"));
    assert_true(kt_str_is(say_duration(&de, 0, 120), "10 Jahre"));
    assert_true(kt_str_is(say_duration(&en, KT_DAY_MS, 0), "1 day"));
    assert_true(kt_str_is(say_duration(&en, 30 * KT_MINUTE_MS, 0), "30 minutes"));
    assert_int_equal(say_duration(&en, 0, 0).len, 0);
}

/* ---- N4: versions ---- */

static store *store_new(const kt_clock *clock, kt_metrics *metrics)
{
    store_options o = { .clock = clock, .metrics = metrics, .in_memory = true };
    kt_fail fail = { 0 };
    store *st = NULL;
    if (store_open(&o, &fail, &st) != KT_OK) fail_msg("%s", fail.text);
    if (store_migrate(st, "register", kt_embedded_str(kt_embedded_find("register/schema.sql")), &fail) != KT_OK)
        fail_msg("%s", fail.text);
    return st;
}

static int64_t newest(store *st)
{
    notice_stamp stamp;
    assert_int_equal(notice_newest(st, &stamp), KT_OK);
    return stamp.version;
}

static kt_str column_of(world *w, store *st, int64_t version, const char *column)
{
    rows *q = NULL;
    assert_int_equal(store_rows(store_reader(st), &SQL_register_notice_get, ARGS(sql_int("version", version)), &q),
                     KT_OK);
    assert_true(rows_next(q));
    kt_str text = kt_str_dup(w->mem, rows_text(q, column));
    assert_int_equal(rows_end(q), KT_OK);
    return text;
}

static void test_N4_a_changed_fact_makes_a_new_dated_version(void **state)
{
    world *w = *state;
    kt_clock clock = kt_clock_fixed(MORNING);
    kt_metrics *metrics = kt_metrics_new();
    store *st = store_new(&clock, metrics);
    registry *changed = load_changed(w->mem, "max: P7D", "max: P7D\n        keep: P3D");

    assert_int_equal(newest(st), 0);
    assert_int_equal(notice_keep_version(w->declared, w->pages, st, MORNING), KT_OK);
    assert_int_equal(newest(st), 1);
    assert_int_equal(notice_keep_version(w->declared, w->pages, st, MORNING + KT_DAY_MS), KT_OK);
    assert_int_equal(newest(st), 1);

    assert_int_equal(notice_keep_version(changed, w->pages, st, MORNING + 2 * KT_DAY_MS), KT_OK);
    assert_int_equal(newest(st), 2);
    notice_stamp stamp;
    assert_int_equal(notice_newest(st, &stamp), KT_OK);
    assert_int_equal(stamp.made_at, MORNING + 2 * KT_DAY_MS);

    kt_str before = one_line(w->mem, column_of(w, st, 1, "text_de")),
           after = one_line(w->mem, column_of(w, st, 2, "text_de"));
    assert_true(has(before, "Höchstens 7 Tage ab: Zeitpunkt des Zugriffs"));
    assert_true(has(before, "Fassung 1 vom 14. November 2023"));
    assert_true(has(after, "Höchstens 3 Tage ab: Zeitpunkt des Zugriffs"));
    assert_true(has(after, "Erklärte Obergrenze: 7 Tage."));
    assert_true(has(after, "Fassung 2 vom 16. November 2023"));
    assert_true(has(column_of(w, st, 1, "html_en"), "Version 1 of 14 November 2023"));

    kt_value *changes = NULL;
    assert_int_equal(kt_json_parse(w->mem, column_of(w, st, 1, "changes"), NULL, &changes), KT_OK);
    assert_int_equal(changes->count, 0);
    assert_int_equal(kt_json_parse(w->mem, column_of(w, st, 2, "changes"), NULL, &changes), KT_OK);
    assert_int_equal(changes->count, 1);
    assert_true(kt_str_is(kt_get_str(changes->first, "path"), "activities.access-logs.retention.raw.keep"));
    assert_true(kt_str_is(kt_get_str(changes->first, "de"),
                          "Verarbeitungen › Logfiles › Dauer der Speicherung › raw › geltende Frist"));
    assert_true(
        kt_str_is(kt_get_str(changes->first, "en"), "Processing › Log files › retention › raw › period in force"));
    assert_true(kt_str_is(kt_get_str(changes->first, "before"), "P7D"));
    assert_true(kt_str_is(kt_get_str(changes->first, "after"), "P3D"));

    registry_free(changed);
    store_close(st);
    kt_metrics_free(metrics);
}

/* Any fact at all: the version follows the hash of the register. */
static void test_N4_any_fact_makes_a_new_version(void **state)
{
    world *w = *state;
    static const char *const edits[][2] = {
        { "Mainzer Landstr. 33a", "Mainzer Landstr. 35" },
        { "Betriebssystem", "System" },
        { "privacy@sevdesk.de", "datenschutz@sevdesk.de" },
        { "device_access: necessary", "device_access: consent\n    consent_purpose: analytics" },
        { "document_date: 2022-06-30", "document_date: 2022-07-01" },
        { "country: CZ", "country: AT" },
    };
    kt_clock clock = kt_clock_fixed(MORNING);
    kt_metrics *metrics = kt_metrics_new();
    store *st = store_new(&clock, metrics);
    assert_int_equal(notice_keep_version(w->declared, w->pages, st, MORNING), KT_OK);
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        registry *r = load_changed(w->mem, edits[i][0], edits[i][1]);
        assert_false(kt_str_eq(registry_hash(r), registry_hash(w->declared)));
        assert_int_equal(notice_keep_version(r, w->pages, st, MORNING + (int64_t)i), KT_OK);
        assert_int_equal(newest(st), (int64_t)i + 2);
        registry_free(r);
    }
    store_close(st);
    kt_metrics_free(metrics);
}

static kt_err tamper(db *d, void *ctx) { return store_exec_text(d, ctx, ARGS(), NULL); }

static void test_N4_a_kept_version_is_never_changed(void **state)
{
    world *w = *state;
    kt_clock clock = kt_clock_fixed(MORNING);
    kt_metrics *metrics = kt_metrics_new();
    store *st = store_new(&clock, metrics);
    assert_int_equal(notice_keep_version(w->declared, w->pages, st, MORNING), KT_OK);
    char change[] = "UPDATE register_notice_version SET text_de = ''", drop[] = "DELETE FROM register_notice_version";
    assert_int_equal(store_write(st, tamper, change), KT_REFUSED);
    assert_int_equal(store_write(st, tamper, drop), KT_REFUSED);
    assert_int_equal(newest(st), 1);
    store_close(st);
    kt_metrics_free(metrics);
}

/* ---- differences ---- */

static kt_value *json(world *w, const char *text)
{
    kt_value *v = NULL;
    kt_fail fail = { 0 };
    if (kt_json_parse(w->mem, kt_str_c(text), &fail, &v) != KT_OK) fail_msg("%s", fail.text);
    return v;
}

static void test_changes_name_what_came_went_and_differs(void **state)
{
    world *w = *state;
    kt_value *before =
        json(w, "{\"activities\":[{\"id\":\"a\",\"title\":{\"de\":\"Eins\",\"en\":\"One\"},\"section\":8},"
                "{\"id\":\"b\",\"title\":{\"de\":\"Zwei\",\"en\":\"Two\"}}]}");
    kt_value *after = json(w, "{\"activities\":[{\"id\":\"c\",\"title\":{\"de\":\"Drei\",\"en\":\"Three\"}},"
                              "{\"id\":\"a\",\"title\":{\"de\":\"Eins\",\"en\":\"One\"},\"section\":9}]}");
    kt_value *changes = notice_changes(w->mem, before, after);
    assert_int_equal(changes->count, 3);
    const kt_value *c = changes->first;
    assert_true(kt_str_is(kt_get_str(c, "path"), "activities.c"));
    assert_true(kt_is(kt_get(c, "before"), KT_V_NULL));
    assert_true(kt_str_is(notice_brief(w->mem, kt_get(c, "after"), "en"), "Three"));
    c = c->next;
    assert_true(kt_str_is(kt_get_str(c, "de"), "Verarbeitungen › Eins › Abschnitt"));
    assert_true(kt_str_is(notice_brief(w->mem, kt_get(c, "before"), "de"), "8"));
    assert_true(kt_str_is(notice_brief(w->mem, kt_get(c, "after"), "de"), "9"));
    c = c->next;
    assert_true(kt_str_is(kt_get_str(c, "path"), "activities.b"));
    assert_true(kt_is(kt_get(c, "after"), KT_V_NULL));
}

static void test_changes_of_the_same_facts_are_none(void **state)
{
    world *w = *state;
    kt_value *facts = registry_facts(w->declared, w->mem);
    assert_int_equal(notice_changes(w->mem, facts, kt_value_copy(w->mem, facts))->count, 0);
}

static void test_changes_of_plain_lists_are_one(void **state)
{
    world *w = *state;
    kt_value *changes =
        notice_changes(w->mem, json(w, "{\"subjects\":[\"user\"]}"), json(w, "{\"subjects\":[\"user\",\"visitor\"]}"));
    assert_int_equal(changes->count, 1);
    assert_true(kt_str_is(notice_brief(w->mem, kt_get(changes->first, "after"), "de"), "user, visitor"));
}

/* ---- the record (Art. 30) ---- */

static kt_str record(world *w, const registry *r, const char *lang, const char *format)
{
    kt_buf out;
    kt_buf_init(&out, 16 << 20);
    assert_int_equal(notice_record_in(r, w->pages, w->mem, lang, format, &out), KT_OK);
    kt_str text = kt_str_dup(w->mem, kt_buf_str(&out));
    kt_buf_free(&out);
    return text;
}

static void test_record_holds_every_activity_also_the_internal_ones(void **state)
{
    world *w = *state;
    const activity *const *all;
    size_t n = registry_activities(w->own, &all);
    kt_value *tree = json(w, kt_str_z(w->mem, record(w, w->own, "de", "json")));
    const kt_value *list = kt_get(tree, "activities");
    assert_int_equal(list->count, n);
    assert_non_null(registry_activity(w->own, "audit-trail"));
    static const char *const asked[] = { "purposes", "subjects", "data", "retention", "legal_basis", "recipients" };
    KT_EACH(a, list)
        for (size_t i = 0; i < 5; i++) assert_true(kt_get(a, asked[i])->count > 0);
    assert_true(kt_get(tree, "controller")->count > 0);
    assert_true(kt_get(tree, "security")->count > 0);
}

/* RFC 4180: the same number of fields in each line. */
static void test_record_csv_has_a_field_for_each_column(void **state)
{
    world *w = *state;
    kt_str csv = record(w, w->declared, "en", "csv");
    size_t fields = 1, first = 0, lines = 0;
    bool quoted = false;
    for (size_t i = 0; i < csv.len; i++) {
        if (csv.at[i] == '"') quoted = !quoted;
        if (quoted) continue;
        if (csv.at[i] == ',') fields++;
        if (csv.at[i] != '\n') continue;
        if (!first) first = fields;
        assert_int_equal(fields, first);
        fields = 1;
        lines++;
    }
    assert_false(quoted);
    assert_int_equal(lines, 19);
    assert_true(first >= 25);
    assert_true(has(csv, "\"Time limits for erasure\""));
}

static void test_record_names_transfers_safeguards_and_bases(void **state)
{
    world *w = *state;
    kt_str text = record(w, w->declared, "de", "text");
    assert_true(has(text, "USA (Intercom Inc.)"));
    assert_true(has(text, "Vereinigtes Königreich (The Financial Times Limited)"));
    assert_true(has(text, "Intercom Inc.: Standarddatenschutzklauseln (Art. 46 Abs. 2 lit. c DSGVO)"));
    assert_true(has(text, "Amazon.de GmbH (Deutschland, Auftragsverarbeiter)"));
    assert_true(has(text, "Art. 6 Abs. 1 S. 1 lit. f DSGVO"));
    assert_false(has(text, "register.notice."));
    kt_buf out;
    kt_buf_init(&out, 1024);
    assert_int_equal(notice_record_in(w->declared, w->pages, w->mem, "de", "pdf", &out), KT_BAD_INPUT);
    kt_buf_free(&out);
}

/* ---- the pages ---- */

typedef struct {
    kt_clock clock;
    kt_random random;
    kt_metrics *metrics;
    store *st;
    http_server *server;
    notice_room room;
} site;

static void site_open(world *w, site *s)
{
    kt_fail fail = { 0 };
    s->clock = kt_clock_fixed(MORNING);
    s->random = kt_random_real();
    s->metrics = kt_metrics_new();
    s->st = store_new(&s->clock, s->metrics);
    assert_int_equal(notice_room_open(&s->room, w->declared, w->pages, s->st, MORNING), KT_OK);
    notice_room_close(&s->room);
    registry *changed = load_changed(w->mem, "max: P7D", "max: P7D\n        keep: P3D");
    assert_int_equal(notice_keep_version(changed, w->pages, s->st, MORNING + KT_DAY_MS), KT_OK);
    registry_free(changed);
    assert_int_equal(notice_room_open(&s->room, w->declared, w->pages, s->st, MORNING + 2 * KT_DAY_MS), KT_OK);
    http_options o = { .listen = "127.0.0.1:0", .clock = &s->clock, .random = &s->random, .metrics = s->metrics };
    if (http_server_new(&o, &fail, &s->server) != KT_OK) fail_msg("%s", fail.text);
    size_t n = 0;
    while (notice_routes[n].method) n++;
    route *served = kt_alloc_array(w->mem, n + 1, sizeof *served);
    for (size_t i = 0; i < n; i++) {
        served[i] = notice_routes[i];
        served[i].room = &s->room;
    }
    if (http_routes(s->server, served, &fail) != KT_OK) fail_msg("%s", fail.text);
}

static void site_close(site *s)
{
    http_server_free(s->server);
    notice_room_close(&s->room);
    store_close(s->st);
    kt_metrics_free(s->metrics);
}

static int get(world *w, site *s, const char *target, kt_value **headers, kt_str *body)
{
    int status = 0;
    kt_value *none;
    assert_int_equal(http_try(s->server, w->mem, "GET", target, (const char *const[]){ "Accept-Language: de", NULL },
                              KT_STR(""), &status, headers ? headers : &none, body),
                     KT_OK);
    return status;
}

static kt_str header_of(const kt_value *headers, const char *name)
{
    KT_EACH(h, headers)
        if (kt_str_eq_nocase(kt_get_str(h, "name"), kt_str_c(name))) return kt_get_str(h, "value");
    return KT_STR_NONE;
}

static void test_pages_show_the_notice_in_every_form(void **state)
{
    world *w = *state;
    site s = { 0 };
    kt_str body = KT_STR_NONE;
    kt_value *headers = NULL;
    site_open(w, &s);
    assert_int_equal(get(w, &s, "/privacy", &headers, &body), 200);
    assert_true(kt_str_starts(header_of(headers, "content-type"), KT_STR("text/html")));
    assert_true(has(body, "Fassung 3 vom 16. November 2023"));
    balanced(body);
    assert_int_equal(get(w, &s, "/privacy?lang=en", NULL, &body), 200);
    assert_true(has(body, "Extended privacy declaration for the platform"));
    assert_int_equal(get(w, &s, "/privacy.txt", &headers, &body), 200);
    assert_true(kt_str_starts(header_of(headers, "content-type"), KT_STR("text/plain")));
    assert_true(has(body, "[platform-delivery]"));
    assert_int_equal(get(w, &s, "/privacy?format=text", NULL, &body), 200);
    assert_true(has(body, "[platform-delivery]"));
    assert_int_equal(get(w, &s, "/privacy.json", &headers, &body), 200);
    assert_true(kt_str_starts(header_of(headers, "content-type"), KT_STR("application/json")));
    assert_non_null(json(w, kt_str_z(w->mem, body)));
    assert_int_equal(get(w, &s, "/privacy?format=pdf", NULL, &body), 400);
    site_close(&s);
}

static void test_N4_old_versions_stay_readable_on_the_page(void **state)
{
    world *w = *state;
    site s = { 0 };
    kt_str body = KT_STR_NONE;
    site_open(w, &s);
    assert_int_equal(get(w, &s, "/privacy?version=2", NULL, &body), 200);
    assert_true(has(body, "Du liest eine frühere Fassung: Nummer 2 vom 15. November 2023."));
    assert_true(has(body, "Höchstens 3 Tage"));
    assert_int_equal(get(w, &s, "/privacy.txt?version=1", NULL, &body), 200);
    assert_true(has(body, "Fassung 1 vom 14. November 2023"));
    assert_int_equal(get(w, &s, "/privacy.json?version=2", NULL, &body), 200);
    kt_value *old = json(w, kt_str_z(w->mem, body));
    assert_int_equal(kt_get_int(old, "version", 0), 2);
    assert_int_equal(kt_get(kt_get(old, "facts"), "activities")->count, 18);
    static const char *const wrong[] = { "/privacy?version=0", "/privacy?version=4", "/privacy?version=-1",
                                         "/privacy?version=x", "/privacy.txt?version=9999999999999999999" };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(get(w, &s, wrong[i], NULL, &body), 404);
    site_close(&s);
}

static void test_N4_the_list_of_changes_is_shown(void **state)
{
    world *w = *state;
    site s = { 0 };
    kt_str body = KT_STR_NONE;
    static const char *const order[] = { "id=\"v3\"", "id=\"v2\"", "id=\"v1\"", "Erste Fassung." };
    site_open(w, &s);
    assert_int_equal(get(w, &s, "/privacy/versions", NULL, &body), 200);
    balanced(body);
    in_order(body, order, 4);
    assert_true(has(body, "Logfiles › Dauer der Speicherung › raw › geltende Frist"));
    assert_true(has(body, "<del>P7D</del>"));
    assert_true(has(body, "<ins>P3D</ins>"));
    assert_true(has(body, "<a href=\"/privacy?version=2\">"));
    site_close(&s);
}

static void test_german_names_lead_to_the_pages(void **state)
{
    world *w = *state;
    site s = { 0 };
    kt_value *headers = NULL;
    kt_str body = KT_STR_NONE;
    static const char *const names[][2] = {
        { "/datenschutz", "/privacy" },
        { "/anmelden", "/sign-in" },
        { "/registrieren", "/sign-up" },
        { "/konto", "/account" },
        { "/cookies", "/privacy/cookies" },
        { "/impressum", "/imprint" },
        { "/datenschutz?version=2", "/privacy?version=2" },
    };
    site_open(w, &s);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(get(w, &s, names[i][0], &headers, &body), 301);
        assert_true(kt_str_ends(header_of(headers, "location"), kt_str_c(names[i][1])));
    }
    site_close(&s);
}

static void test_imprint_shows_the_operator(void **state)
{
    world *w = *state;
    site s = { 0 };
    kt_str body = KT_STR_NONE;
    site_open(w, &s);
    assert_int_equal(get(w, &s, "/imprint", NULL, &body), 200);
    balanced(body);
    assert_true(has(body, "<strong>sevDesk GmbH</strong>"));
    assert_true(has(body, "<h1>Impressum</h1>"));
    site_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_N2_date_stands_on_top),
        cmocka_unit_test(test_N2_all_activities_with_their_seven_facts),
        cmocka_unit_test(test_N2_sections_8_to_14_in_the_declared_order),
        cmocka_unit_test(test_N2_blocks_stand_in_the_order_a_reader_asks),
        cmocka_unit_test(test_N2_contents_show_1_to_7_as_one_entry_to_the_general_part),
        cmocka_unit_test(test_N3_the_sample_engages_all_18_activities_and_13_recipients),
        cmocka_unit_test(test_N3_every_fact_of_the_declaration_is_in_the_notice),
        cmocka_unit_test(test_N3_the_data_lists_are_as_long_as_declared),
        cmocka_unit_test(test_N3_no_orphan_either_way),
        cmocka_unit_test(test_D10_notice_names_the_host_its_place_and_the_safeguard),
        cmocka_unit_test(test_N5_links_to_the_general_part_and_to_every_provider),
        cmocka_unit_test(test_N5_address_with_an_umlaut_is_encoded_in_the_link_and_shown_as_it_is),
        cmocka_unit_test(test_C9_cookie_list_equals_the_cookies_of_the_register),
        cmocka_unit_test(test_C9_service_without_named_cookies_is_listed_as_not_stated),
        cmocka_unit_test(test_html_is_well_formed_without_style_or_foreign_asset),
        cmocka_unit_test(test_no_phrase_is_missing_in_any_form),
        cmocka_unit_test(test_text_lines_fit_a_terminal),
        cmocka_unit_test(test_json_holds_sentences_and_facts_of_the_same_version),
        cmocka_unit_test(test_words_of_the_register_are_escaped_in_html),
        cmocka_unit_test(test_only_addresses_of_the_web_become_links),
        cmocka_unit_test(test_articles_keep_their_short_form),
        cmocka_unit_test(test_periods_are_said_as_they_were_declared),
        cmocka_unit_test(test_N4_a_changed_fact_makes_a_new_dated_version),
        cmocka_unit_test(test_N4_any_fact_makes_a_new_version),
        cmocka_unit_test(test_N4_a_kept_version_is_never_changed),
        cmocka_unit_test(test_changes_name_what_came_went_and_differs),
        cmocka_unit_test(test_changes_of_the_same_facts_are_none),
        cmocka_unit_test(test_changes_of_plain_lists_are_one),
        cmocka_unit_test(test_record_holds_every_activity_also_the_internal_ones),
        cmocka_unit_test(test_record_csv_has_a_field_for_each_column),
        cmocka_unit_test(test_record_names_transfers_safeguards_and_bases),
        cmocka_unit_test(test_pages_show_the_notice_in_every_form),
        cmocka_unit_test(test_N4_old_versions_stay_readable_on_the_page),
        cmocka_unit_test(test_N4_the_list_of_changes_is_shown),
        cmocka_unit_test(test_german_names_lead_to_the_pages),
        cmocka_unit_test(test_imprint_shows_the_operator),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
