/* SPDX-License-Identifier: Apache-2.0 */
/* What base/ promises: bounded strings, a calendar without gaps, strict JSON and YAML. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/clock.h"
#include "base/hash.h"
#include "base/pool.h"
#include "base/random.h"
#include "base/value.h"

static void test_every_error_has_name_words_and_status(void **state)
{
    for (int e = 0; e < KT_ERR_COUNT; e++) {
        assert_true(kt_err_text((kt_err)e)[0]);
        assert_true(kt_err_name((kt_err)e)[0]);
        assert_in_range(kt_err_status((kt_err)e), 200, 599);
    }
}

static void test_first_explanation_of_a_failure_stays(void **state)
{
    kt_fail f = { 0 };
    assert_int_equal(kt_fail_set(&f, KT_INVALID, "email", "no %s", "at sign"), KT_INVALID);
    assert_int_equal(kt_fail_set(&f, KT_STORE, "x", "later"), KT_STORE);
    assert_string_equal(f.text, "no at sign");
    assert_string_equal(f.field, "email");
}

static void count_end(void *what) { ++*(int *)what; }

static void test_arena_gives_zeroed_memory_and_runs_endings_once(void **state)
{
    int ended = 0;
    kt_arena *mem = kt_arena_new();
    for (size_t size = 0; size < 300000; size = size * 3 + 1) {
        unsigned char *p = kt_alloc(mem, size);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(p[i], 0);
            p[i] = 0xAA;
        }
    }
    kt_arena_at_end(mem, count_end, &ended);
    kt_arena_reset(mem);
    assert_int_equal(ended, 1);
    unsigned char *again = kt_alloc(mem, 3000);
    for (size_t i = 0; i < 3000; i++) assert_int_equal(again[i], 0);
    kt_arena_free(mem);
    assert_int_equal(ended, 1);
}

static void test_buffer_refuses_to_pass_its_maximum(void **state)
{
    kt_buf b;
    kt_buf_init(&b, 8);
    kt_buf_put_c(&b, "12345678");
    assert_int_equal(kt_buf_check(&b), KT_OK);
    kt_buf_put_c(&b, "9");
    assert_int_equal(kt_buf_check(&b), KT_TOO_LARGE);
    assert_int_equal(b.len, 8);
    kt_buf_free(&b);
}

static void test_text_is_escaped_for_html_json_and_addresses(void **state)
{
    kt_buf b;
    kt_buf_init(&b, 1000);
    kt_buf_put_html(&b, KT_STR("<a href='x'>&\"ü"));
    assert_string_equal(b.at, "&lt;a href=&#39;x&#39;&gt;&amp;&quot;ü");
    kt_buf_clear(&b);
    kt_buf_put_json(&b, KT_STR("a\"\\\n\x01"
                               "\xff"
                               "ü"));
    assert_string_equal(b.at, "\"a\\\"\\\\\\n\\u0001\xEF\xBF\xBDü\"");
    kt_buf_clear(&b);
    kt_buf_put_percent(&b, KT_STR("a b/ä"));
    assert_string_equal(b.at, "a%20b%2F%C3%A4");
    kt_buf_free(&b);
}

static void test_utf8_refuses_surrogates_overlong_and_cut_forms(void **state)
{
    assert_true(kt_utf8_valid(KT_STR("Größe 👍 Česká")));
    assert_false(kt_utf8_valid(KT_STR("\xC0\x80")));
    assert_false(kt_utf8_valid(KT_STR("\xED\xA0\x80")));
    assert_false(kt_utf8_valid(KT_STR("\xF4\x90\x80\x80")));
    assert_false(kt_utf8_valid(KT_STR("abc\xE2\x82")));
    assert_int_equal(kt_utf8_count(KT_STR("aü€👍")), 4);
}

static void test_integers_are_read_whole_or_not_at_all(void **state)
{
    int64_t n = 0;
    assert_true(kt_str_int(KT_STR("-9223372036854775808"), &n));
    assert_true(n == INT64_MIN);
    assert_true(kt_str_int(KT_STR("9223372036854775807"), &n));
    assert_false(kt_str_int(KT_STR("9223372036854775808"), &n));
    assert_false(kt_str_int(KT_STR("12x"), &n));
    assert_false(kt_str_int(KT_STR(""), &n));
    assert_false(kt_str_int(KT_STR("+1"), &n));
}

static void test_codecs_take_exactly_their_form(void **state)
{
    kt_arena *mem = kt_arena_new();
    kt_str out;
    assert_true(kt_base64url_decode(mem, KT_STR("-_8"), &out));
    assert_memory_equal(out.at, "\xfb\xff", 2);
    assert_false(kt_base64url_decode(mem, KT_STR("-_8="), &out));
    assert_false(kt_base64url_decode(mem, KT_STR("a b"), &out));
    assert_true(kt_base64_decode(mem, KT_STR("YcO8\r\n Yg=="), &out));
    assert_true(kt_str_is(out, "aüb"));
    assert_false(kt_base64_decode(mem, KT_STR("YcO8Yg"), &out));
    assert_true(kt_hex_decode(mem, KT_STR("00fF"), &out));
    assert_false(kt_hex_decode(mem, KT_STR("0"), &out));
    assert_true(kt_percent_decode(mem, KT_STR("a+%2B%C3%BC"), true, &out));
    assert_true(kt_str_is(out, "a +ü"));
    assert_false(kt_percent_decode(mem, KT_STR("%2"), false, &out));
    assert_false(kt_percent_decode(mem, KT_STR("%zz"), false, &out));
    kt_arena_free(mem);
}

static void test_every_day_of_400_years_goes_there_and_back(void **state)
{
    int64_t first = kt_civil_ms((kt_civil){ .year = 1999, .month = 12, .day = 31 });
    kt_civil before = kt_civil_utc(first);
    for (int64_t d = 1; d < 146097; d++) {
        kt_civil c = kt_civil_utc(first + d * KT_DAY_MS);
        assert_true(kt_civil_ms(c) == first + d * KT_DAY_MS);
        assert_int_equal(c.weekday, (before.weekday + 1) % 7);
        assert_true(c.day == before.day + 1 ||
                    (c.day == 1 && before.day == kt_days_in_month(before.year, before.month)));
        before = c;
    }
}

static void test_time_is_written_and_read(void **state)
{
    kt_arena *mem = kt_arena_new();
    int64_t ms = 0;
    assert_true(kt_time_parse(KT_STR("2026-11-23T15:12:00.123+01:00"), &ms));
    assert_true(kt_str_is(kt_time_rfc3339(mem, ms), "2026-11-23T14:12:00.123Z"));
    assert_true(kt_str_is(kt_time_http(mem, ms), "Mon, 23 Nov 2026 14:12:00 GMT"));
    assert_false(kt_time_parse(KT_STR("2026-02-29"), &ms));
    assert_false(kt_time_parse(KT_STR("2026-11-23T15:12:00"), &ms));
    assert_true(kt_time_parse(KT_STR("2026-03-29T00:59:59Z"), &ms));
    assert_int_equal(kt_civil_zone(ms, "Europe/Berlin").hour, 1);
    assert_int_equal(kt_civil_zone(ms + 1000, "Europe/Berlin").hour, 3);
    assert_true(kt_time_parse(KT_STR("2026-10-25T01:00:00Z"), &ms));
    assert_int_equal(kt_civil_zone(ms, "Europe/Berlin").hour, 2);
    kt_arena_free(mem);
}

static void test_durations_are_iso_8601(void **state)
{
    int64_t ms = 0;
    int months = 0;
    assert_true(kt_duration_parse(KT_STR("P7D"), &ms, &months));
    assert_true(ms == 7 * KT_DAY_MS && months == 0);
    assert_true(kt_duration_parse(KT_STR("P1Y6M"), &ms, &months));
    assert_true(ms == 0 && months == 18);
    assert_true(kt_duration_parse(KT_STR("P1DT30M"), &ms, &months));
    assert_true(ms == KT_DAY_MS + 30 * KT_MINUTE_MS);
    assert_false(kt_duration_parse(KT_STR("7D"), &ms, &months));
    assert_false(kt_duration_parse(KT_STR("P"), &ms, &months));
    assert_false(kt_duration_parse(KT_STR("PT"), &ms, &months));
    assert_false(kt_duration_parse(KT_STR("P1M1Y"), &ms, &months));
}

static void test_hashes_match_the_published_vectors(void **state)
{
    kt_arena *mem = kt_arena_new();
    assert_true(
        kt_str_is(kt_hash_hex(mem, KT_STR("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    kt_sha256 h = kt_hmac(KT_STR("Jefe"), KT_STR("what do ya want for nothing?")); /* RFC 4231, case 2 */
    assert_true(kt_str_is(kt_hex(mem, h.at, 32), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
    kt_arena_free(mem);
}

static void test_seeded_randomness_repeats_and_real_does_not(void **state)
{
    kt_arena *mem = kt_arena_new();
    kt_random a = kt_random_seeded(7), b = kt_random_seeded(7), c = kt_random_real();
    kt_str first = kt_random_token(&a, mem, 16);
    assert_true(kt_str_eq(first, kt_random_token(&b, mem, 16)));
    assert_int_equal(first.len, 22);
    assert_false(kt_str_eq(first, kt_random_token(&c, mem, 16)));
    for (int i = 0; i < 1000; i++) assert_true(kt_random_below(&a, 7) < 7);
    kt_arena_free(mem);
}

static void test_json_is_strict_and_comes_back_the_same(void **state)
{
    kt_arena *mem = kt_arena_new();
    kt_fail f = { 0 };
    kt_value *v = NULL;
    kt_str text = KT_STR("{\"a\":[1,-2,0.1,\"\\u00fc\",true,null],\"b\":{}}");
    assert_int_equal(kt_json_parse(mem, text, &f, &v), KT_OK);
    kt_buf b;
    kt_buf_init(&b, 1000);
    kt_json_put(&b, v);
    assert_string_equal(b.at, "{\"a\":[1,-2,0.1,\"ü\",true,null],\"b\":{}}");
    kt_buf_free(&b);
    static const char *const wrong[] = { "", "{\"a\":1,\"a\":2}", "[1,]", "{} x", "\"\xff\"", "nul", "[01]" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        f = (kt_fail){ 0 };
        assert_int_equal(kt_json_parse(mem, kt_str_c(wrong[i]), &f, &v), KT_BAD_INPUT);
        assert_true(f.text[0]);
    }
    kt_buf_init(&b, 10000);
    for (int i = 0; i < 70; i++) kt_buf_put_c(&b, "[");
    for (int i = 0; i < 70; i++) kt_buf_put_c(&b, "]");
    assert_int_equal(kt_json_parse(mem, kt_buf_str(&b), &f, &v), KT_BAD_INPUT);
    kt_buf_free(&b);
    kt_arena_free(mem);
}

static void test_yaml_knows_its_lines_and_refuses_twice_the_same_key(void **state)
{
    kt_arena *mem = kt_arena_new();
    kt_fail f = { 0 };
    kt_value *v = NULL;
    assert_int_equal(kt_yaml_parse(mem, KT_STR("# c\na: 1\nlist:\n  - { de: Grüße, on: yes }\n  - postcode: 01067\n"),
                                   "x.yaml", &f, &v),
                     KT_OK);
    assert_int_equal(kt_get_int(v, "a", 0), 1);
    assert_int_equal(kt_get(v, "a")->line, 2);
    const kt_value *first = kt_get(v, "list")->first;
    assert_int_equal(kt_get(v, "list")->line, 3);
    assert_true(kt_str_is(kt_get_str(first, "de"), "Grüße"));
    assert_int_equal(first->line, 4);
    assert_true(kt_str_is(kt_get_str(first->next, "postcode"), "01067"));
    assert_int_equal(kt_yaml_parse(mem, KT_STR("# only words\n\n  # more\n"), "x.yaml", &f, &v), KT_OK);
    assert_int_equal(v->kind, KT_V_NULL);
    f = (kt_fail){ 0 };
    assert_int_equal(kt_yaml_parse(mem, KT_STR("a: 1\nb: 2\na: 3\n"), "x.yaml", &f, &v), KT_BAD_INPUT);
    assert_non_null(strstr(f.text, "x.yaml:3"));
    f = (kt_fail){ 0 };
    assert_int_equal(kt_yaml_parse(mem, KT_STR("a: [1\nb: 2\n"), "x.yaml", &f, &v), KT_BAD_INPUT);
    assert_non_null(strstr(f.text, "x.yaml"));
    kt_arena_free(mem);
}

static void add_one(void *ctx) { __atomic_add_fetch((int *)ctx, 1, __ATOMIC_SEQ_CST); }

static void test_pool_finishes_what_it_took_before_it_ends(void **state)
{
    int done = 0, taken = 0;
    kt_pool *p = kt_pool_new("test", 2, 16);
    for (int i = 0; i < 1000; i++)
        if (kt_pool_submit(p, add_one, &done) == KT_OK) taken++;
    while (kt_pool_run(p, add_one, &done) != KT_OK) {}
    kt_pool_free(p);
    assert_int_equal(done, taken + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_error_has_name_words_and_status),
        cmocka_unit_test(test_first_explanation_of_a_failure_stays),
        cmocka_unit_test(test_arena_gives_zeroed_memory_and_runs_endings_once),
        cmocka_unit_test(test_buffer_refuses_to_pass_its_maximum),
        cmocka_unit_test(test_text_is_escaped_for_html_json_and_addresses),
        cmocka_unit_test(test_utf8_refuses_surrogates_overlong_and_cut_forms),
        cmocka_unit_test(test_integers_are_read_whole_or_not_at_all),
        cmocka_unit_test(test_codecs_take_exactly_their_form),
        cmocka_unit_test(test_every_day_of_400_years_goes_there_and_back),
        cmocka_unit_test(test_time_is_written_and_read),
        cmocka_unit_test(test_durations_are_iso_8601),
        cmocka_unit_test(test_hashes_match_the_published_vectors),
        cmocka_unit_test(test_seeded_randomness_repeats_and_real_does_not),
        cmocka_unit_test(test_json_is_strict_and_comes_back_the_same),
        cmocka_unit_test(test_yaml_knows_its_lines_and_refuses_twice_the_same_key),
        cmocka_unit_test(test_pool_finishes_what_it_took_before_it_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
