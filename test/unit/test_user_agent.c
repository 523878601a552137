/* SPDX-License-Identifier: Apache-2.0 */
/* test_user_agent.c -- the reduction of a User-Agent, judged by the cases uap-core itself ships.
 *
 * Debian's package uap-core holds the expressions and thousands of cases; without it those tests are
 * skipped. The cases are lines of one regular form, read here as such. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "weblog/prefilter.h"
#include "weblog/user_agent.h"

#define UAP "/usr/share/uap-core/"

static char *regexes;

static char *slurp(const char *path)
{
    FILE *f = fopen(path, "re");
    if (!f) return NULL;
    size_t cap = 32u << 20, n;
    char *text = malloc(cap);
    n = fread(text, 1, cap - 1, f);
    text[n] = '\0';
    fclose(f);
    return text;
}

static int setup(void **state)
{
    regexes = slurp(UAP "regexes.yaml");
    return 0;
}

static int teardown(void **state)
{
    free(regexes);
    return 0;
}

static ua_parser *parser(void)
{
    ua_parser *p = NULL;
    kt_fail fail = { 0 };
    if (!regexes) skip();
    assert_int_equal(ua_parser_new(kt_str_c(regexes), &fail, &p), KT_OK);
    return p;
}

/* One scalar of YAML: single or double quoted, or plain. */
static void scalar(const char *at, char *out, size_t cap)
{
    size_t n = 0;
    char quote = *at == '\'' || *at == '"' ? *at++ : 0;
    for (; *at && *at != '\n' && n + 1 < cap; at++) {
        if (quote == '\'' && *at == '\'' && at[1] == '\'')
            at++;
        else if (quote && *at == quote)
            break;
        else if (quote == '"' && *at == '\\' && at[1])
            at++;
        out[n++] = *at;
    }
    while (!quote && n && out[n - 1] == ' ') n--;
    out[n] = '\0';
}

struct shelf {
    char ua[4096], family[256], major[64], minor[64], patch[64], patch_minor[64];
};

static void check(ua_parser *p, const struct shelf *s, bool os, int *bad, int *done, int *longer)
{
    ua_parts parts;
    if (!s->ua[0]) return;
    if (strlen(s->ua) > UA_INPUT_MAX) {
        (*longer)++;
        return;
    }
    ua_parse(p, kt_str_c(s->ua), &parts);
    const ua_part *got = os ? &parts.os : &parts.browser;
    (*done)++;
    if (strcmp(got->family, s->family) || strcmp(got->major, s->major) || strcmp(got->minor, s->minor) ||
        strcmp(got->patch, s->patch) || (os && strcmp(got->patch_minor, s->patch_minor))) {
        if (++*bad <= 5)
            print_message("%s\n  wanted %s|%s|%s|%s|%s\n  got    %s|%s|%s|%s|%s\n", s->ua, s->family, s->major,
                          s->minor, s->patch, s->patch_minor, got->family, got->major, got->minor, got->patch,
                          got->patch_minor);
    }
}

static void walk(const char *file, bool os, int at_least)
{
    static const struct {
        const char *key;
        size_t at, cap;
    } keys[] = {
        { "family:", offsetof(struct shelf, family), 256 },
        { "major:", offsetof(struct shelf, major), 64 },
        { "minor:", offsetof(struct shelf, minor), 64 },
        { "patch:", offsetof(struct shelf, patch), 64 },
        { "patch_minor:", offsetof(struct shelf, patch_minor), 64 },
    };
    ua_parser *p = parser();
    char path[256];
    struct shelf s = { 0 };
    int bad = 0, done = 0, longer = 0;

    snprintf(path, sizeof path, UAP "%s", file);
    char *text = slurp(path);
    if (!text) {
        ua_parser_free(p);
        skip();
    }
    for (char *line = text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = '\0';
        line += strspn(line, " ");
        if (strncmp(line, "- user_agent_string:", 20) == 0) {
            check(p, &s, os, &bad, &done, &longer);
            memset(&s, 0, sizeof s);
            line += 20;
            scalar(line + strspn(line, " "), s.ua, sizeof s.ua);
        }
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            if (strncmp(line, keys[k].key, strlen(keys[k].key)) == 0) {
                line += strlen(keys[k].key);
                scalar(line + strspn(line, " "), (char *)&s + keys[k].at, keys[k].cap);
                break;
            }
    }
    check(p, &s, os, &bad, &done, &longer);
    ua_effort e = ua_parser_effort(p);
    print_message("%s: %d cases, %d wrong, %d longer than the cut; %.1f of %zu expressions run for each\n", file, done,
                  bad, longer, (double)e.tried / (done ? done : 1), e.expressions);
    free(text);
    ua_parser_free(p);
    assert_int_equal(bad, 0);
    assert_true(done >= at_least);
}

static void test_browsers_of_uap_core(void **state) { walk("tests/test_ua.yaml", false, 1000); }
static void test_systems_of_uap_core(void **state) { walk("tests/test_os.yaml", true, 400); }
static void test_additional_systems_of_uap_core(void **state)
{
    walk("test_resources/additional_os_tests.yaml", true, 10);
}
static void test_firefox_of_uap_core(void **state)
{
    walk("test_resources/firefox_user_agent_strings.yaml", false, 200);
}
static void test_opera_mini_of_uap_core(void **state)
{
    walk("test_resources/opera_mini_user_agent_strings.yaml", false, 100);
}
static void test_podcasts_of_uap_core(void **state)
{
    walk("test_resources/podcasting_user_agent_strings.yaml", false, 100);
}

#define CHROMIUM(system, version) "Mozilla/5.0 (" system ") AppleWebKit/537.36 (KHTML, like Gecko) Chrome/" version
#define WINDOWS                   "Windows NT 10.0; Win64; x64"
#define IPHONE                    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "

static void test_what_the_log_says_is_true(void **state)
{
    static const struct {
        const char *ua, *hints, *platform, *os, *os_v, *browser, *browser_v;
        bool bot;
    } cases[] = {
        /* clang-format off */
        { CHROMIUM(WINDOWS, "120.0.0.0 Safari/537.36"), "", "", "Windows", "10+", "Chrome", "120", false },
        { CHROMIUM(WINDOWS, "120.0.0.0 Safari/537.36"),
          "\"Not_A Brand\";v=\"8\", \"Chromium\";v=\"120\", \"Brave\";v=\"120\"", "\"Windows\"",
          "Windows", "10+", "Brave", "120", false },
        { CHROMIUM("Macintosh; Intel Mac OS X 10_15_7", "131.0.0.0 Safari/537.36 Edg/131.0.0.0"),
          "\"Microsoft Edge\";v=\"131\", \"Chromium\";v=\"131\", \"Not_A Brand\";v=\"24\"", "\"macOS\"",
          "macOS", "", "Edge", "131", false },
        { CHROMIUM("Linux; Android 10; K", "131.0.0.0 Mobile Safari/537.36"),
          "\"Google Chrome\";v=\"131\", \"Chromium\";v=\"131\"", "\"Android\"", "Android", "", "Chrome Mobile", "131", false },
        { "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "", "",
          "Linux", "", "Firefox", "128.0", false },
        { CHROMIUM("X11; CrOS x86_64 14541.0.0", "131.0.0.0 Safari/537.36"), "", "\"Chrome OS\"",
          "Chrome OS", "", "Chrome", "131", false },
        { IPHONE "Version/17.4.1 Mobile/15E148 Safari/604.1", "", "", "iOS", "17.4.1", "Mobile Safari", "17.4.1", false },
        { "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "", "",
          "Other", "", "Googlebot", "2.1", true },
        { CHROMIUM("Linux; Android 9; CUBOT_X19", "83.0.4103.106 Mobile Safari/537.36"), "", "",
          "Android", "9", "Chrome Mobile", "83.0.4103", false },
        { "curl/7.88.1", "", "", "Other", "", "curl", "7.88.1", true },
        { "", "", "", "Other", "", "Other", "", false },
        /* Text from outside does not come in through hints, and an unknown brand is no brand. */
        { CHROMIUM("X11; Linux x86_64", "131.0.0.0 Safari/537.36"),
          "\"jane@example.org\";v=\"131\", \"Google Chrome\";v=\"13a\"", "\"jane\"", "Linux", "", "Chrome", "131", false },
        /* clang-format on */
    };
    ua_parser *p = parser();
    for (int round = 0; round < 2; round++) /* the second round comes from the cache */
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            ua_words w;
            ua_describe(p, kt_str_c(cases[i].ua), kt_str_c(cases[i].hints), kt_str_c(cases[i].platform), &w);
            assert_string_equal(w.os, cases[i].os);
            assert_string_equal(w.os_v, cases[i].os_v);
            assert_string_equal(w.browser, cases[i].browser);
            assert_string_equal(w.browser_v, cases[i].browser_v);
            assert_int_equal(w.bot, cases[i].bot);
        }
    assert_int_equal(ua_parser_effort(p).cache_hits, sizeof cases / sizeof *cases);
    ua_parser_free(p);
}

static void test_the_prefilter_never_holds_back_a_match(void **state)
{
    static const struct {
        const char *expression, *text;
        bool fold, may;
    } cases[] = {
        { "(Firefox)/(\\d+)\\.(\\d+)", "Mozilla Firefox/12.3", false, true },
        { "(Firefox)/(\\d+)\\.(\\d+)", "Mozilla Chrome/12.3", false, false },
        { "(?:Opera|Opr[ab]?)x?", "Opr", false, true },
        { "abc(?:def|)", "abc", false, true },
        { "ab(cd)*ef", "abef", false, true },
        { "ab(cd)+ef", "abef", false, true }, /* "ab" and "ef" are there: let through */
        { "(?!foo)barbaz", "barbaz", false, true },
        { "WIN(?:95|98)", "win98", true, true },
        { "WIN(?:95|98)", "mac", true, false },
        { "a\\.b\\/cd", "a.b/cd", false, true },
        { "[^]x]hello", "ahello", false, true },
        { "x{0,3}hello{2}", "helloo", false, true },
        { "\\x41bcd", "Abcd", false, true },
        { ".{0,50}(?:[Ss][Pp]ider|[Cc]rawl)", "a SPider", false, true },
        { ".{0,50}(?:[Ss][Pp]ider|[Cc]rawl)", "a browser", false, false },
        { ".[Ss]p", "aSp", false, true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        prefilter_need need;
        prefilter_set as_is, folded;
        kt_arena *mem = kt_arena_new();
        prefilter_learn(mem, kt_str_c(cases[i].expression), cases[i].fold, &need);
        prefilter_look(kt_str_c(cases[i].text), false, &as_is);
        prefilter_look(kt_str_c(cases[i].text), true, &folded);
        assert_int_equal(prefilter_may_match(&need, &as_is, &folded), cases[i].may);
        kt_arena_free(mem);
    }
}

static void test_a_file_of_another_form_is_refused_with_its_line(void **state)
{
    ua_parser *p = NULL;
    kt_fail fail = { 0 };
    assert_int_equal(ua_parser_new(KT_STR("user_agent_parsers:\n  - regex: 'a'\n  nonsense\n"), &fail, &p),
                     KT_BAD_INPUT);
    assert_non_null(strstr(fail.text, "line 3"));
    assert_int_equal(ua_parser_new(KT_STR(""), NULL, &p), KT_BAD_INPUT);
}

static void test_hostile_strings_end_soon(void **state)
{
    ua_parser *p = parser();
    char ua[4096];
    ua_words w;
    for (size_t i = 0; i < sizeof ua; i++) ua[i] = "Mozilla/5.0 (Linux; Android; Mobile; "[i % 37];
    int64_t before = kt_monotonic_ms();
    for (int i = 0; i < 20; i++) {
        ua[i] = '!';
        ua_describe(p, (kt_str){ ua, sizeof ua }, KT_STR_NONE, KT_STR_NONE, &w);
    }
    assert_true(kt_monotonic_ms() - before < 5000);
    ua_parser_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_prefilter_never_holds_back_a_match),
        cmocka_unit_test(test_a_file_of_another_form_is_refused_with_its_line),
        cmocka_unit_test(test_browsers_of_uap_core),
        cmocka_unit_test(test_systems_of_uap_core),
        cmocka_unit_test(test_additional_systems_of_uap_core),
        cmocka_unit_test(test_firefox_of_uap_core),
        cmocka_unit_test(test_opera_mini_of_uap_core),
        cmocka_unit_test(test_podcasts_of_uap_core),
        cmocka_unit_test(test_what_the_log_says_is_true),
        cmocka_unit_test(test_hostile_strings_end_soon),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
