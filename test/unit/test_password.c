/* SPDX-License-Identifier: Apache-2.0 */
/* What base/password.h promises: forms of one word are one password, nothing is cut off, and time and
 * memory of hashing are bounded. Cheap parameters (8 MiB, one pass) keep the test quick. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include "base/password.h"

static kt_passwords *cheap(void) { return kt_passwords_new(1, 1, 8192); }

static bool fits(kt_passwords *p, kt_str made_of, kt_str typed)
{
    kt_password_hash h;
    bool ok = false, rehash = false;
    assert_int_equal(kt_password_hash_make(p, made_of, &h), KT_OK);
    assert_int_equal(kt_password_verify(p, h.at, typed, &ok, &rehash), KT_OK);
    assert_false(rehash);
    return ok;
}

static void test_password_verifies_and_a_wrong_one_does_not(void **state)
{
    kt_passwords *p = cheap();
    assert_true(fits(p, KT_STR("correct horse battery"), KT_STR("correct horse battery")));
    assert_false(fits(p, KT_STR("correct horse battery"), KT_STR("correct horse batterz")));
    assert_false(fits(p, KT_STR("correct horse battery"), KT_STR("Correct horse battery")));
    kt_passwords_free(p);
}

static void test_composed_and_decomposed_umlauts_are_one_password(void **state)
{
    kt_passwords *p = cheap();
    assert_true(fits(p, KT_STR("gr\xc3\xbcne Wiese am See"), KT_STR("gru\xcc\x88ne Wiese am See")));
    assert_true(fits(p, KT_STR("\xef\xbc\x91\xef\xbc\x92 full width"), KT_STR("12 full width")));
    kt_passwords_free(p);
}

static void test_nothing_is_cut_off(void **state)
{
    kt_passwords *p = cheap();
    char a[1024], b[1024];
    memset(a, 'x', sizeof a);
    memcpy(b, a, sizeof b);
    b[1023] = 'y';
    assert_true(fits(p, (kt_str){ a, 1024 }, (kt_str){ a, 1024 }));
    assert_false(fits(p, (kt_str){ a, 1024 }, (kt_str){ b, 1024 }));
    assert_false(fits(p, (kt_str){ "a\0b", 3 }, (kt_str){ "a\0c", 3 }));
    assert_true(fits(p, (kt_str){ "a\0b", 3 }, (kt_str){ "a\0b", 3 }));
    kt_passwords_free(p);
}

static void test_blanks_and_emoji_are_passwords(void **state)
{
    kt_passwords *p = cheap();
    char emoji[128 * 4];
    for (int i = 0; i < 128; i++) memcpy(emoji + 4 * i, "\xf0\x9f\x90\xa2", 4);
    assert_true(fits(p, KT_STR("            "), KT_STR("            ")));
    assert_false(fits(p, KT_STR("            "), KT_STR("           ")));
    assert_true(fits(p, (kt_str){ emoji, sizeof emoji }, (kt_str){ emoji, sizeof emoji }));
    kt_passwords_free(p);
}

static void test_too_long_or_not_utf8_is_bad_input(void **state)
{
    kt_passwords *p = cheap();
    kt_password_hash h;
    char big[1025];
    bool ok = true, rehash;
    memset(big, 'x', sizeof big);
    assert_int_equal(kt_password_hash_make(p, (kt_str){ big, sizeof big }, &h), KT_BAD_INPUT);
    assert_int_equal(kt_password_hash_make(p, KT_STR("\xed\xa0\x80"), &h), KT_BAD_INPUT);
    assert_int_equal(kt_password_verify(p, NULL, (kt_str){ big, sizeof big }, &ok, &rehash), KT_OK);
    assert_false(ok);
    kt_passwords_free(p);
}

static void test_unknown_account_runs_a_hash_and_is_refused(void **state)
{
    kt_passwords *p = cheap();
    bool ok = true, rehash = true;
    assert_int_equal(kt_password_verify(p, NULL, KT_STR("whatever it is"), &ok, &rehash), KT_OK);
    assert_false(ok);
    assert_int_equal(kt_password_verify(p, "", KT_STR(""), &ok, &rehash), KT_OK);
    assert_false(ok);
    assert_int_equal(kt_password_verify(p, "$argon2id$broken", KT_STR("x"), &ok, &rehash), KT_OK);
    assert_false(ok);
    kt_passwords_free(p);
}

static void test_rehash_is_asked_for_when_parameters_rise(void **state)
{
    kt_passwords *weak = cheap(), *strong = kt_passwords_new(1, 2, 8192);
    kt_password_hash h;
    bool ok = false, rehash = false;
    assert_int_equal(kt_password_hash_make(weak, KT_STR("twelve letters"), &h), KT_OK);
    assert_memory_equal(h.at, "$argon2id$", 10);
    assert_int_equal(kt_password_verify(strong, h.at, KT_STR("twelve letters"), &ok, &rehash), KT_OK);
    assert_true(ok);
    assert_true(rehash);
    kt_passwords_free(weak);
    kt_passwords_free(strong);
}

typedef struct {
    kt_passwords *p;
    atomic_int done, busy;
} storm;

static void *one_of_many(void *ctx)
{
    storm *s = ctx;
    kt_password_hash h;
    kt_err err = kt_password_hash_make(s->p, KT_STR("many at once here"), &h);
    atomic_fetch_add(err == KT_OK ? &s->done : &s->busy, 1);
    assert_true(err == KT_OK || err == KT_BUSY);
    return NULL;
}

static void test_more_than_the_queue_holds_is_busy_not_slow(void **state)
{
    storm s = { .p = kt_passwords_new(1, 3, 16384) };
    pthread_t t[60];
    for (int i = 0; i < 60; i++) assert_int_equal(pthread_create(&t[i], NULL, one_of_many, &s), 0);
    for (int i = 0; i < 60; i++) pthread_join(t[i], NULL);
    assert_int_equal(atomic_load(&s.done) + atomic_load(&s.busy), 60);
    assert_true(atomic_load(&s.busy) > 0);
    assert_true(atomic_load(&s.done) >= 32);
    kt_passwords_free(s.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_password_verifies_and_a_wrong_one_does_not),
        cmocka_unit_test(test_composed_and_decomposed_umlauts_are_one_password),
        cmocka_unit_test(test_nothing_is_cut_off),
        cmocka_unit_test(test_blanks_and_emoji_are_passwords),
        cmocka_unit_test(test_too_long_or_not_utf8_is_bad_input),
        cmocka_unit_test(test_unknown_account_runs_a_hash_and_is_refused),
        cmocka_unit_test(test_rehash_is_asked_for_when_parameters_rise),
        cmocka_unit_test(test_more_than_the_queue_holds_is_busy_not_slow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
