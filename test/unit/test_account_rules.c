/* SPDX-License-Identifier: Apache-2.0 */
/* The small judges: addresses, names, phone numbers, passwords, devices, countries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>
#include <gnutls/crypto.h>
#include "account/account.h"
#include "account/text.h"

static void test_addresses_get_one_key_however_they_are_written(void **state)
{
    static const struct {
        const char *typed, *key;
    } good[] = {
        { "ida@example.org", "ida@example.org" },
        { "IDA@Example.ORG", "ida@example.org" },
        { "ida+news@example.org", "ida+news@example.org" },
        { "i.d.a@example.org", "i.d.a@example.org" },
        { "ida@b\xc3\xbc"
          "cher.example",
          "ida@xn--bcher-kva.example" },
        { "ida@XN--BCHER-KVA.example", "ida@xn--bcher-kva.example" },
        { "ida@stra\xc3\x9f"
          "e.example",
          "ida@xn--strae-oqa.example" },
        { "J\xc3\x96RG@example.org", "j\xc3\xb6rg@example.org" },
        { "jo\xcc\x88rg@example.org", "j\xc3\xb6rg@example.org" },
        { "!#$%&'*+-/=?^_`{|}~@example.org", "!#$%&'*+-/=?^_`{|}~@example.org" },
        { "a@1.de", "a@1.de" },
    };
    kt_arena *mem = kt_arena_new();
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        email_address a;
        const char *reason = NULL;
        if (!email_parse(mem, kt_str_c(good[i].typed), true, &a, &reason)) fail_msg("%s: %s", good[i].typed, reason);
        if (!kt_str_is(a.key, good[i].key)) fail_msg("%s became %.*s", good[i].typed, KT_ARG(a.key));
        assert_true(kt_str_is(a.typed, good[i].typed));
    }
    kt_arena_free(mem);
}

static void test_what_is_no_address_says_why(void **state)
{
    char octets[260], local[80];
    memset(octets, 'a', sizeof octets);
    memcpy(octets, "a@", 2);
    memcpy(octets + 256, ".de", 4);
    memset(local, 'a', sizeof local);
    memcpy(local + 65, "@b.de", 6);
    const struct {
        const char *typed, *reason;
    } bad[] = {
        { "", "empty" },
        { "ida", "email_form" },
        { "a@b@c.de", "email_form" },
        { " a@b.de", "email_form" },
        { "a@b.de ", "email_domain" },
        { ".a@b.de", "email_form" },
        { "a.@b.de", "email_form" },
        { "a..b@c.de", "email_form" },
        { "\"a b\"@c.de", "email_form" },
        { "a\n@b.de", "email_form" },
        { "a@b.de\r\nBcc: c", "email_domain" },
        { "a@[127.0.0.1]", "email_domain" },
        { "a@127.0.0.1", "email_domain" },
        { "a@localhost", "email_domain" },
        { "a@-b.de", "email_domain" },
        { "a@b-.de", "email_domain" },
        { "a@b..de", "email_domain" },
        { "a@b.de.", "email_domain" },
        { "a@.de", "email_domain" },
        { "a@b_c.de", "email_domain" },
        { "a@b\xe2\x80\xae.de", "email_domain" },
        { "a\xe2\x80\xae@b.de", "email_form" },
        { "\xff@b.de", "email_form" },
        { "\xed\xa0\x80@b.de", "email_form" },
        { octets, "email_long" },
        { local, "email_form" },
    };
    kt_arena *mem = kt_arena_new();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        email_address a;
        const char *reason = NULL;
        if (email_parse(mem, kt_str_c(bad[i].typed), true, &a, &reason)) fail_msg("%s was taken", bad[i].typed);
        if (strcmp(reason, bad[i].reason) != 0) fail_msg("%s: %s, not %s", bad[i].typed, reason, bad[i].reason);
    }
    email_address a;
    const char *reason;
    assert_false(email_parse(mem, KT_STR("j\xc3\xb6rg@example.org"), false, &a, &reason));
    assert_false(email_parse(mem, (kt_str){ "a\0b@c.de", 8 }, true, &a, &reason));
    kt_arena_free(mem);
}

static void test_masks_tell_strangers_nothing(void **state)
{
    kt_arena *mem = kt_arena_new();
    assert_true(kt_str_is(email_masked(mem, KT_STR("jane.doe@example.de")), "j***@e***.de"));
    assert_true(kt_str_is(email_masked(mem, KT_STR("\xc3\xb6@\xc3\xa4.example.org")), "\xc3\xb6***@\xc3\xa4***.org"));
    assert_true(kt_str_is(email_masked(mem, KT_STR("nonsense")), "***"));
    kt_arena_free(mem);
}

static void test_text_is_one_normal_form_without_what_cannot_be_seen(void **state)
{
    kt_arena *mem = kt_arena_new();
    kt_str out;
    const char *reason;
    assert_true(text_clean(mem, KT_STR("  Jo\xcc\x88rg \t"), 100, &out, &reason));
    assert_true(kt_str_is(out, "J\xc3\xb6rg"));
    assert_true(text_clean(mem, KT_STR("\xd9\x86\xd8\xa7\xd9\x85\xe2\x80\x8c\xd9\x87"), 100, &out,
                           &reason)); /* a joiner that belongs there */
    assert_true(text_clean(mem, KT_STR("\xe6\x9d\x8e"), 100, &out, &reason));
    static const char *const bad[] = { "a\x01"
                                       "b",
                                       "a\x7f"
                                       "b",
                                       "a\xe2\x80\xa8"
                                       "b",
                                       "a\xe2\x81\xa6"
                                       "b",
                                       "a\xef\xbb\xbf"
                                       "b",
                                       "a\xef\xbf\xbf"
                                       "b" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(text_clean(mem, kt_str_c(bad[i]), 100, &out, &reason));
        assert_string_equal(reason, "control");
    }
    assert_false(text_clean(mem, KT_STR("abcd"), 3, &out, &reason));
    assert_string_equal(reason, "long");
    kt_arena_free(mem);
}

static void test_phone_numbers_become_e164(void **state)
{
    static const struct {
        const char *typed, *country, *number, *reason;
    } rows_[] = {
        { "+49 40 123456", "", "+4940123456", NULL },
        { "+49 (0)40 / 123-456", "", "+4940123456", NULL },
        { "0049 40 123456", "", "+4940123456", NULL },
        { "040 123456", "DE", "+4940123456", NULL },
        { "01 2345678", "AT", "+4312345678", NULL },
        { "", "DE", "", NULL },
        { "040 123456", "", NULL, "phone_country" },
        { "123456789", "DE", NULL, "phone_country" },
        { "+49 40 call", "", NULL, "phone_form" },
        { "+1234567890123456", "", NULL, "phone_form" },
        { "+12", "", NULL, "phone_form" },
        { "+0 123456789", "", NULL, "phone_form" },
        { "\xef\xbc\x91\xef\xbc\x92", "DE", NULL, "phone_form" },
    };
    kt_arena *mem = kt_arena_new();
    for (size_t i = 0; i < sizeof rows_ / sizeof *rows_; i++) {
        kt_str out;
        const char *reason = NULL;
        bool ok = text_phone(mem, kt_str_c(rows_[i].typed), kt_str_c(rows_[i].country), &out, &reason);
        if (ok != (rows_[i].number != NULL)) fail_msg("%s: %s", rows_[i].typed, ok ? "taken" : reason);
        if (ok && !kt_str_is(out, rows_[i].number)) fail_msg("%s became %.*s", rows_[i].typed, KT_ARG(out));
        if (!ok) assert_string_equal(reason, rows_[i].reason);
    }
    kt_arena_free(mem);
}

static void test_passwords_that_are_tried_first_are_refused(void **state)
{
    static const char *const bad[] = {
        "passwort1234",     "Passwort123!",  "P4ssw0rt2026",           "qwertzuiop12",
        "1q2w3e4r5t6z",     "123456789012",  "aaaaaaaaaaaa",           "hallohallo12",
        "Sommer2026!!!",    "iloveyou1234",  "ichliebedich",           "fussball1234",
        "Schalke04Schalke", "abcdefghijkl",  "Hamburg2026!",           "geheim-geheim",
        "adminadmin123",    "MeinPasswort1", "liebesch\xc3\xa4tzchen", "Gr\xc3\xbcnK\xc3\xb6nig123!",
        "passwordpassword", "letmein12345",  "qaywsxedcrfv",           "000000000000",
        "dragon monkey"
    };
    static const char *const good[] = {
        "vier Pferde malen Dachziegel",
        "correct horse battery staple",
        "Xk7#pQ!m2Vz9",
        "            ",
        "der Regen f\xc3\xa4llt auf das Zinkdach",
        "tannenzapfen",
        "\xd0\xbf\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c \xd0\xb4\xd0\xbe\xd0\xbc\xd0\xb0 \xd0\xba"
    };
    password_rule *r = password_rule_new(12, NULL);
    kt_arena *mem = kt_arena_new();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *reason = password_rule_reason(r, mem, kt_str_c(bad[i]), NULL, 0);
        if (!reason || strcmp(reason, "password_common") != 0) fail_msg("%s: %s", bad[i], reason ? reason : "taken");
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        const char *reason = password_rule_reason(r, mem, kt_str_c(good[i]), NULL, 0);
        if (reason) fail_msg("%s: %s", good[i], reason);
    }
    kt_arena_free(mem);
    password_rule_free(r);
}

static void test_passwords_made_of_oneself_are_refused(void **state)
{
    const kt_str context[] = { KT_STR("tove.lindqvist@speicherhaus.example"), KT_STR("Tove"), KT_STR("Lindqvist"),
                               KT_STR("Musterkontor GmbH") };
    static const char *const bad[] = { "tove.lindqvist@speicherhaus.example", "Lindqvist2026", "l1ndqv1st!!12",
                                       "speicherhaus12", "MusterkontorGmbH" };
    password_rule *r = password_rule_new(9, NULL);
    kt_arena *mem = kt_arena_new();
    for (size_t i = 0; i < 5; i++) {
        const char *reason = password_rule_reason(r, mem, kt_str_c(bad[i]), context, 4);
        if (!reason || strcmp(reason, "password_context") != 0) fail_msg("%s: %s", bad[i], reason ? reason : "taken");
        assert_null(password_rule_reason(r, mem, kt_str_c(bad[i]), NULL, 0)); /* anybody else may */
    }
    assert_null(password_rule_reason(r, mem, KT_STR("Lindqvist badet im Fleet"), context, 4));
    kt_arena_free(mem);
    password_rule_free(r);
}

static void test_length_counts_characters_not_bytes(void **state)
{
    password_rule *r = password_rule_new(12, NULL);
    kt_arena *mem = kt_arena_new();
    assert_string_equal(password_rule_reason(r, mem,
                                             KT_STR("\xf0\x9f\x90\xa2\xf0\x9f\x90\xa2\xf0\x9f\x90\xa2\xf0\x9f\x90\xa2"),
                                             NULL, 0),
                        "password_short");
    assert_int_equal(password_rule_min(r), 12);
    password_rule_free(r);
    r = password_rule_new(3, NULL);
    assert_int_equal(password_rule_min(r), 8); /* the floor */
    password_rule_free(r);
    kt_arena_free(mem);
}

static void test_an_operators_list_of_stolen_passwords_is_searched(void **state)
{
    /* SHA-1 of "zwei Enten im Hafen", "vier Pferde malen Dachziegel", "drei Kraniche" made below, sorted. */
    char file[] = "/tmp/kontor-breached-XXXXXX";
    unsigned char all[3][20];
    static const char *const words_[] = { "zwei Enten im Hafen", "vier Pferde malen Dachziegel",
                                          "drei Kraniche am Kai" };
    for (int i = 0; i < 3; i++)
        assert_int_equal(gnutls_hash_fast(GNUTLS_DIG_SHA1, words_[i], strlen(words_[i]), all[i]), 0);
    for (int i = 0; i < 3; i++)
        for (int k = i + 1; k < 3; k++)
            if (memcmp(all[i], all[k], 20) > 0) {
                unsigned char x[20];
                memcpy(x, all[i], 20);
                memcpy(all[i], all[k], 20);
                memcpy(all[k], x, 20);
            }
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, all, sizeof all), sizeof all);
    close(fd);
    password_rule *r = password_rule_new(12, file);
    kt_arena *mem = kt_arena_new();
    for (int i = 0; i < 3; i++)
        assert_string_equal(password_rule_reason(r, mem, kt_str_c(words_[i]), NULL, 0), "password_breached");
    assert_null(password_rule_reason(r, mem,
                                     KT_STR("f\xc3\xbcnf M\xc3\xb6wen \xc3\xbc"
                                            "ber dem Dock"),
                                     NULL, 0));
    kt_arena_free(mem);
    password_rule_free(r);
    unlink(file);
}

static void test_devices_are_families_and_no_more(void **state)
{
    static const struct {
        const char *agent, *browser, *os;
    } seen[] = {
        { "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox", "Linux" },
        { "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
          "Edge", "Windows" },
        { "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
          "Chrome", "Android" },
        { "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1",
          "Safari", "iOS" },
        { "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15",
          "Safari", "macOS" },
        { "nothing known", "", "" },
        { "", "", "" }
    };
    for (size_t i = 0; i < sizeof seen / sizeof *seen; i++) {
        device d = device_of(kt_str_c(seen[i].agent));
        assert_string_equal(d.browser, seen[i].browser);
        assert_string_equal(d.os, seen[i].os);
    }
    assert_string_equal(device_of(KT_STR_NONE).browser, "");
}

static void test_countries_are_those_of_iso_3166(void **state)
{
    assert_true(country_known(KT_STR("DE")));
    assert_true(country_known(KT_STR("ZW")));
    assert_false(country_known(KT_STR("de")));
    assert_false(country_known(KT_STR("XX")));
    assert_false(country_known(KT_STR("")));
    assert_true(kt_str_is(country_name(KT_STR("AT"), "de"), "\xc3\x96sterreich"));
    assert_true(kt_str_is(country_name(KT_STR("AT"), "en"), "Austria"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_get_one_key_however_they_are_written),
        cmocka_unit_test(test_what_is_no_address_says_why),
        cmocka_unit_test(test_masks_tell_strangers_nothing),
        cmocka_unit_test(test_text_is_one_normal_form_without_what_cannot_be_seen),
        cmocka_unit_test(test_phone_numbers_become_e164),
        cmocka_unit_test(test_passwords_that_are_tried_first_are_refused),
        cmocka_unit_test(test_passwords_made_of_oneself_are_refused),
        cmocka_unit_test(test_length_counts_characters_not_bytes),
        cmocka_unit_test(test_an_operators_list_of_stolen_passwords_is_searched),
        cmocka_unit_test(test_devices_are_families_and_no_more),
        cmocka_unit_test(test_countries_are_those_of_iso_3166),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
