/* SPDX-License-Identifier: Apache-2.0 */
/* Registration: what is asked, what is stored, who learns what, and every input that is not to pass. */
#include "account_house.h"
#include <pthread.h>
#include <sys/stat.h>

/* ---- R1, R2, R6: what is collected, for what, and to whom it goes ---- */

static void test_r1_the_form_collects_exactly_the_declared_fields(void **state)
{
    account_house *t = *state;
    static const char *const declared[] = { "csrf",     "email", "password", "first_name", "last_name", "street",
                                            "postcode", "city",  "country",  "phone",      "terms" };
    size_t found = 0, at = 0;
    assert_int_equal(h_get(t, "/sign-up"), 200);
    size_t from = kt_str_find(t->body, KT_STR("action=\"/sign-up\""), 0),
           to = kt_str_find(t->body, KT_STR("</form>"), from);
    kt_str f = kt_str_slice(t->body, from, to);
    for (at = kt_str_find(f, KT_STR(" name=\""), 0); at != KT_NOT_FOUND_AT;
         at = kt_str_find(f, KT_STR(" name=\""), at + 1)) {
        kt_str name = kt_str_slice(f, at + 7, kt_str_find_byte(f, '"', at + 7));
        bool known = false;
        for (size_t i = 0; i < sizeof declared / sizeof *declared; i++) known |= kt_str_is(name, declared[i]);
        if (!known) fail_msg("the form asks for %.*s", KT_ARG(name));
        found++;
    }
    assert_int_equal(found, sizeof declared / sizeof *declared);
}

static void test_r1_the_record_holds_what_was_typed_plus_ip_and_time(void **state)
{
    account_house *t = *state;
    h_get(t, "/sign-up");
    assert_int_equal(h_post(t, "/sign-up", "email",
                            "J\xc3\xb6rg+kontor@B\xc3\xbc"
                            "cher.example",
                            "password", GOOD_PASSWORD, "first_name", " Jo\xcc\x88rg ", "last_name", "Gro\xc3\x9f",
                            "street", "M\xc3\xbchlenweg 3", "postcode", "20457", "city", "Hamburg", "country", "DE",
                            "phone", "(040) 123 456-7", "terms", "1", NULL),
                     303);
    account a = h_account(t, "j\xc3\xb6rg+kontor@xn--bcher-kva.example");
    assert_true(kt_str_is(a.state, "pending"));
    assert_true(kt_str_is(a.email, "J\xc3\xb6rg+kontor@B\xc3\xbc"
                                   "cher.example"));
    assert_true(kt_str_is(a.first_name, "J\xc3\xb6rg")); /* composed, without the blanks */
    assert_true(kt_str_is(a.last_name, "Gro\xc3\x9f"));
    assert_true(kt_str_is(a.street, "M\xc3\xbchlenweg 3"));
    assert_true(kt_str_is(a.country, "DE"));
    assert_true(kt_str_is(a.phone, "+49401234567"));
    assert_true(kt_str_is(a.signup_ip, "198.51.100.7"));
    assert_int_equal(a.registered_at, T0);
    assert_true(kt_str_starts(a.password_hash, KT_STR("$argon2id$")));
    assert_int_equal(t->told[BUS_ACCOUNT_CREATED], 1);
}

static void test_r1_the_ip_is_gone_after_thirty_days_and_the_rest_stays(void **state)
{
    account_house *t = *state;
    int64_t done = 0;
    h_customer(t, "ida@example.org");
    assert_int_equal(h_count(t, "account WHERE signup_ip IS NOT NULL"), 1);
    t->clock.fixed_ms = T0 + 29 * KT_DAY_MS;
    assert_int_equal(retention_run(t->house.registry, t->house.store, t->mem, t->clock.fixed_ms, &done), KT_OK);
    assert_int_equal(h_count(t, "account WHERE signup_ip IS NOT NULL"), 1);
    t->clock.fixed_ms = T0 + 30 * KT_DAY_MS + 1;
    assert_int_equal(retention_run(t->house.registry, t->house.store, t->mem, t->clock.fixed_ms, &done), KT_OK);
    assert_int_equal(h_count(t, "account WHERE signup_ip IS NOT NULL"), 0);
    assert_int_equal(h_count(t, "account WHERE email = 'ida@example.org'"), 1);
}

static void test_r2_registration_has_no_recipient_and_sends_nothing_but_own_mail(void **state)
{
    account_house *t = *state;
    static const char *const ids[] = { "registration", "registration/sign-in", "registration/mail" };
    for (size_t i = 0; i < 3; i++) assert_int_equal(registry_activity(t->house.registry, ids[i])->n_recipients, 0);
    h_customer(t, "ida@example.org");
    assert_int_equal(h_count(t, "outbox WHERE kind <> 'mail'"), 0);
    assert_int_equal(h_count(t, "outbox"), 1);
}

static void test_r6_the_only_purposes_are_contract_and_identification(void **state)
{
    account_house *t = *state;
    const activity *a = registry_activity(t->house.registry, "registration");
    assert_int_equal(a->n_purposes, 2);
    assert_true(kt_str_is(a->purposes[0].id, "contract"));
    assert_true(kt_str_is(a->purposes[1].id, "identification"));
    assert_true(kt_str_is(a->bases[0].article, "6(1)(b)"));
}

/* ---- bad input ---- */

static void test_unknown_fields_are_refused(void **state)
{
    account_house *t = *state;
    static const char *const extra[] = { "role", "id", "state", "confirmed_at", "newsletter" };
    for (size_t i = 0; i < 5; i++) {
        h_get(t, "/sign-up");
        assert_int_equal(h_post(t, "/sign-up", "email", "ida@example.org", "password", GOOD_PASSWORD, "first_name",
                                "Ida", "last_name", "Nissen", "terms", "1", extra[i], "owner", NULL),
                         400);
    }
    assert_int_equal(h_count(t, "account"), 0);
    assert_int_equal(h_count(t, "outbox"), 0);
}

static void test_what_is_no_address_is_refused_beside_its_field(void **state)
{
    account_house *t = *state;
    char long_one[310];
    memset(long_one, 'a', 300);
    memcpy(long_one + 300, "@x.org", 7);
    const char *bad[] = { "a@b@c",
                          " ida@example.org",
                          "ida@example.org ",
                          "ida@example.org\r\nBcc: x@example.org",
                          long_one,
                          "admin@[127.0.0.1]",
                          "ida",
                          "@example.org",
                          "ida@",
                          "ida@localhost",
                          "\"i d a\"@example.org",
                          "" };
    t->accept = "application/json";
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        t->accept = NULL;
        h_get(t, "/sign-up");
        t->accept = "application/json";
        if (h_sign_up_as(t, bad[i], GOOD_PASSWORD) != 400) fail_msg("%s gave %d", bad[i], t->status);
    }
    h_send(t, "POST", "/sign-up", KT_STR("email=%ED%A0%80@example.org"), "application/x-www-form-urlencoded");
    assert_int_equal(t->status, 400); /* an unpaired surrogate is no text */
    assert_int_equal(h_count(t, "account"), 0);
    assert_int_equal(h_count(t, "outbox"), 0);
}

static int with_name(account_house *t, const char *name)
{
    t->accept = NULL;
    h_get(t, "/sign-up");
    t->accept = "application/json";
    return h_post(t, "/sign-up", "email", "ida@example.org", "password", GOOD_PASSWORD, "first_name", name, "last_name",
                  "Nissen", "terms", "1", NULL);
}

static void test_names_are_text_and_nothing_else(void **state)
{
    account_house *t = *state;
    char marks[20002] = "a";
    for (int i = 0; i < 10000; i++) memcpy(marks + 1 + 2 * i, "\xcc\x81", 2);
    assert_int_equal(with_name(t, "a\xe2\x80\xae"
                                  "b"),
                     400); /* right-to-left override */
    assert_true(h_reason_is(t, "first_name", "control"));
    assert_int_equal(with_name(t, marks), 400);
    assert_true(h_reason_is(t, "first_name", "long"));
    assert_int_equal(with_name(t, "a\nb"), 400);
    assert_int_equal(with_name(t, "  "), 400);
    assert_true(h_reason_is(t, "first_name", "empty"));
    assert_int_equal(with_name(t, "<script>alert(1)</script>"), 303); /* is a strange name, shown escaped */
    t->accept = NULL;
    assert_int_equal(h_get(t, h_link(t, "ida@example.org", "confirm")), 303);
    h_get(t, "/verify");
    h_post(t, "/verify", NULL);
    h_sign_in_as(t, "ida@example.org", GOOD_PASSWORD);
    assert_int_equal(h_get(t, "/account"), 200);
    assert_true(h_says(t, "&lt;script&gt;alert(1)"));
    assert_false(h_says(t, "<script>alert(1)"));
}

static int with_password(account_house *t, const char *email, kt_str password)
{
    kt_buf body;
    static int n;
    t->ip = kt_str_fmt(t->mem, "203.0.113.%d", 1 + n++ % 250).at;
    t->accept = NULL;
    h_get(t, "/sign-up");
    t->accept = "application/json";
    kt_buf_init(&body, 8 << 20);
    kt_buf_put_fmt(&body, "csrf=%.*s&first_name=Ida&last_name=Nissenfels&terms=1&email=", KT_ARG(t->csrf));
    kt_buf_put_percent(&body, kt_str_c(email));
    kt_buf_put_c(&body, "&password=");
    kt_buf_put_percent(&body, password);
    int status = h_send(t, "POST", "/sign-up", kt_buf_str(&body), "application/x-www-form-urlencoded");
    kt_buf_free(&body);
    return status;
}

static void test_every_kind_of_password_gets_its_answer(void **state)
{
    account_house *t = *state;
    char *huge = malloc(1 << 20), emoji[128 * 4], big[1025];
    memset(huge, 'x', 1 << 20);
    memset(big, 'x', sizeof big);
    for (int i = 0; i < 128; i++) memcpy(emoji + 4 * i, "\xf0\x9f\x90\xa2", 4);
    assert_int_equal(with_password(t, "a1@example.org", (kt_str){ huge, 1 << 20 }), 413);
    assert_int_equal(with_password(t, "a2@example.org", (kt_str){ big, sizeof big }), 400);
    assert_true(h_reason_is(t, "password", "password_long"));
    /* No form carries a NUL (http/form.c); base/password takes one, see test_password. */
    assert_int_equal(with_password(t, "a3@example.org", (kt_str){ "with a NUL\0inside it", 20 }), 400);
    assert_int_equal(with_password(t, "a4@example.org", KT_STR("            ")), 303);
    assert_int_equal(with_password(t, "a5@example.org", (kt_str){ emoji, sizeof emoji }), 303);
    assert_int_equal(with_password(t, "a6@example.org", KT_STR("too short")), 422);
    assert_true(h_reason_is(t, "password", "password_short"));
    assert_int_equal(with_password(t, "tove.lind@example.org", KT_STR("tove.lind@example.org")), 422);
    assert_true(h_reason_is(t, "password", "password_context"));
    assert_int_equal(with_password(t, "a7@example.org", KT_STR("Nissenfels2026!")), 422);
    assert_true(h_reason_is(t, "password", "password_context"));
    assert_int_equal(with_password(t, "a8@example.org", KT_STR("Musterkontor12")), 422);
    assert_true(h_reason_is(t, "password", "password_context"));
    assert_int_equal(with_password(t, "a9@example.org", KT_STR("passwort1234")), 422);
    assert_true(h_reason_is(t, "password", "password_common"));
    assert_int_equal(h_count(t, "account"), 2);
    free(huge);
}

static void test_forms_from_elsewhere_are_refused(void **state)
{
    account_house *t = *state;
    static const char *const origins[] = { "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Origin: null",
                                           "", "Origin: https://kontor.example.evil.example" };
    for (size_t i = 0; i < 5; i++) {
        t->origin_header = NULL;
        h_get(t, "/sign-up");
        t->origin_header = origins[i];
        if (h_sign_up_as(t, "ida@example.org", GOOD_PASSWORD) != 403) fail_msg("\"%s\" gave %d", origins[i], t->status);
    }
    t->origin_header = NULL;
    h_get(t, "/sign-up");
    t->csrf = KT_STR("bm90IG91cnM");
    assert_int_equal(h_post(t, "/sign-up", "email", "ida@example.org", NULL), 403);
    h_get(t, "/sign-up");
    kt_str mine = t->csrf;
    h_forget(t); /* another browser with a token of the first */
    h_get(t, "/sign-up");
    t->csrf = mine;
    assert_int_equal(h_post(t, "/sign-up", "email", "ida@example.org", NULL), 403);
    assert_int_equal(h_count(t, "account"), 0);
}

static void test_the_eleventh_sign_up_of_an_hour_waits(void **state)
{
    account_house *t = *state;
    for (int i = 0; i < 10; i++)
        assert_int_equal(h_sign_up_as(t, kt_str_fmt(t->mem, "n%d@example.org", i).at, GOOD_PASSWORD), 303);
    assert_int_equal(h_sign_up_as(t, "n10@example.org", GOOD_PASSWORD), 429);
    assert_true(h_header(t, "retry-after").len > 0);
    t->ip = "203.0.113.9";
    assert_int_equal(h_sign_up_as(t, "n10@example.org", GOOD_PASSWORD), 303);
}

/* ---- no enumeration ---- */

static void test_known_and_unknown_addresses_get_the_same_answer(void **state)
{
    account_house *t = *state;
    h_customer(t, "ida@example.org");
    size_t before = h_mails(t);
    h_forget(t);
    assert_int_equal(h_sign_up_as(t, "new@example.org", GOOD_PASSWORD), 303);
    kt_str location = h_header(t, "location"), body = t->body;
    size_t headers = t->headers->count;
    h_forget(t);
    assert_int_equal(h_sign_up_as(t, "IDA@Example.ORG", OTHER_PASSWORD), 303);
    assert_true(kt_str_eq(h_header(t, "location"), location));
    assert_true(kt_str_eq(t->body, body));
    assert_int_equal(t->headers->count, headers);
    assert_int_equal(h_mails(t), before + 2); /* one mail in either case */
    assert_non_null(h_mail(t, "ida@example.org", "exists"));
    assert_null(h_mail(t, "ida@example.org", "confirm") == NULL ? NULL : h_mail(t, "IDA@Example.ORG", "confirm"));
    h_forget(t);
    assert_int_equal(h_sign_in_as(t, "ida@example.org", OTHER_PASSWORD), 422); /* nothing changed */
    assert_int_equal(h_sign_in_as(t, "ida@example.org", GOOD_PASSWORD), 303);
}

static void test_the_owner_is_told_once_an_hour_however_often_somebody_tries(void **state)
{
    account_house *t = *state;
    h_customer(t, "ida@example.org");
    size_t before = h_mails(t);
    for (int i = 0; i < 8; i++) assert_int_equal(h_sign_up_as(t, "ida@example.org", GOOD_PASSWORD), 303);
    assert_int_equal(h_mails(t), before + 1);
}

/* ---- in parallel, and when the disk is full ---- */

typedef struct {
    account_house *t;
    kt_err err;
} parallel;

static void *register_once(void *ctx)
{
    parallel *p = ctx;
    kt_arena *mem = kt_arena_new();
    registration r = { .who = { KT_STR("Nissen"), KT_STR("Ida"), KT_STR(""), KT_STR(""), KT_STR(""), KT_STR(""),
                                KT_STR("") },
                       .lang = "de",
                       .request_id = KT_STR("x") };
    const char *reason;
    assert_true(email_parse(mem, KT_STR("ida@example.org"), true, &r.email, &reason));
    p->err = account_register(p->t->room, mem, &r, T0);
    kt_arena_free(mem);
    return NULL;
}

static void test_a_hundred_sign_ups_at_once_make_one_account(void **state)
{
    account_house *t = *state;
    pthread_t threads[100];
    parallel p[100];
    for (int i = 0; i < 100; i++) {
        p[i] = (parallel){ t, KT_INTERNAL };
        assert_int_equal(pthread_create(&threads[i], NULL, register_once, &p[i]), 0);
    }
    for (int i = 0; i < 100; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(p[i].err, KT_OK); /* equal answers */
    }
    assert_int_equal(h_count(t, "account"), 1);
    assert_int_equal(t->told[BUS_ACCOUNT_CREATED], 1);
    assert_true(h_mails(t) <= 3); /* the link, and as often again as the limit lets */
}

static void test_a_full_disk_leaves_no_half_account_and_no_mail(void **state)
{
    account_house *t = *state;
    h_close(t);
    struct stat st;
    assert_int_equal(stat(kt_str_fmt(t->mem, "%s/kontor.db", t->dir).at, &st), 0);
    t->max_bytes = st.st_size + 32 * 1024;
    h_open(t, NULL);
    int i = 0;
    for (; i < 400 && t->status != 503; i++) {
        t->ip = kt_str_fmt(t->mem, "203.0.%d.%d", i / 200, 1 + i % 200).at;
        h_sign_up_as(t, kt_str_fmt(t->mem, "n%d@example.org", i).at, GOOD_PASSWORD);
        if (t->status != 303) assert_int_equal(t->status, 503);
    }
    assert_int_equal(t->status, 503);
    int64_t accounts = h_count(t, "account");
    assert_int_equal(h_count(t, "account_token"), accounts);
    assert_int_equal(h_count(t, "account_proof"), accounts);
    assert_int_equal(h_count(t, "outbox"), accounts);
    assert_int_equal(accounts, i - 1);
}

/* ---- confirming ---- */

static void test_a_scanner_that_opens_the_link_confirms_nothing(void **state)
{
    account_house *t = *state;
    h_sign_up_as(t, "ida@example.org", GOOD_PASSWORD);
    const char *link = h_link(t, "ida@example.org", "confirm");
    h_forget(t);
    assert_int_equal(h_send(t, "HEAD", link, KT_STR(""), NULL), 303);
    assert_int_equal(h_get(t, link), 303);
    assert_true(h_goes_to(t, "/verify")); /* the token has left the address */
    assert_int_equal(h_get(t, "/verify"), 200);
    assert_true(kt_str_is(h_header(t, "referrer-policy"), "no-referrer"));
    assert_true(account_is(&(account){ .state = h_account(t, "ida@example.org").state }, "pending"));
    assert_int_equal(h_post(t, "/verify", NULL), 303); /* in another browser than the sign-up */
    assert_true(kt_str_is(h_account(t, "ida@example.org").state, "active"));
    assert_int_equal(t->told[BUS_ACCOUNT_CONFIRMED], 1);
    assert_int_equal(h_count(t, "account_proof WHERE done_at IS NOT NULL AND asked_prefix = '198.51.100.0/24'"), 1);
}

static int follow(account_house *t, const char *link)
{
    h_get(t, link);
    int status = h_get(t, "/verify");
    if (status != 200) return status;
    return h_post(t, "/verify", NULL);
}

static void test_used_expired_altered_and_foreign_tokens_are_gone_alike(void **state)
{
    account_house *t = *state;
    h_sign_up_as(t, "ida@example.org", GOOD_PASSWORD);
    const char *ida = h_link(t, "ida@example.org", "confirm");
    assert_int_equal(follow(t, ida), 303);
    assert_int_equal(follow(t, ida), 410);
    kt_str used = t->body;
    assert_true(used.len > 0);

    h_sign_up_as(t, "ben@example.org", GOOD_PASSWORD);
    const char *ben = h_link(t, "ben@example.org", "confirm");
    char *wrong_case = kt_str_z(t->mem, kt_str_c(ben));
    for (char *c = wrong_case + strlen("/verify?t="); *c; c++)
        if (*c >= 'a' && *c <= 'z') {
            *c = (char)(*c - 32);
            break;
        }
    assert_int_equal(follow(t, wrong_case), 410);
    assert_int_equal(follow(t, "/verify?t=short"), 410);
    assert_int_equal(follow(t, "/verify"), 410);
    t->clock.fixed_ms = T0 + 24 * KT_HOUR_MS + 1;
    assert_int_equal(follow(t, ben), 410);
    assert_true(kt_str_is(h_account(t, "ben@example.org").state, "pending"));
    assert_true(h_says(t, "Dieser Link gilt nicht mehr") || h_says(t, "This link is no longer valid"));
}

static void test_a_token_of_another_kind_confirms_nothing(void **state)
{
    account_house *t = *state;
    h_customer(t, "ida@example.org");
    h_get(t, "/reset");
    h_post(t, "/reset", "email", "ida@example.org", NULL);
    const char *reset = h_link(t, "ida@example.org", "reset");
    assert_int_equal(follow(t, kt_str_fmt(t->mem, "/verify%s", strchr(reset, '?')).at), 410);
    assert_int_equal(h_count(t, "account_token WHERE kind = 'reset'"), 1); /* and was not used up by it */
}

static void test_the_confirmation_is_sent_again_three_times_an_hour(void **state)
{
    account_house *t = *state;
    h_sign_up_as(t, "ida@example.org", GOOD_PASSWORD);
    size_t first = h_mails(t);
    for (int i = 0; i < 5; i++) {
        h_get(t, "/sign-up/sent");
        assert_int_equal(h_post(t, "/verify/resend", "email", "ida@example.org", NULL), 303);
        h_post(t, "/verify/resend", "email", "nobody@example.org", NULL);
        assert_int_equal(t->status, 303); /* the same for an address without account */
    }
    assert_int_equal(h_mails(t), first + 2); /* three in the hour, the first one counted */
    assert_null(h_mail(t, "nobody@example.org", "confirm"));
}

static void test_unconfirmed_accounts_vanish_after_seven_days(void **state)
{
    account_house *t = *state;
    h_sign_up_as(t, "ida@example.org", GOOD_PASSWORD);
    h_mails(t);
    assert_int_equal(job_erase(t->room, t->mem, T0 + 7 * KT_DAY_MS - 1), KT_OK);
    assert_int_equal(h_count(t, "account"), 1);
    assert_int_equal(job_erase(t->room, t->mem, T0 + 7 * KT_DAY_MS), KT_OK);
    assert_int_equal(h_count(t, "account"), 0);
    assert_int_equal(h_count(t, "account_token"), 0);
    assert_int_equal(h_count(t, "account_proof"), 0);
    assert_int_equal(t->told[BUS_ACCOUNT_CLOSED], 1);
}

static void test_pages_speak_both_languages_and_mails_follow(void **state)
{
    account_house *t = *state;
    assert_int_equal(h_get(t, "/sign-up?lang=en"), 200);
    assert_true(h_says(t, "lang=\"en\""));
    assert_true(h_says(t, "First name"));
    assert_int_equal(h_post(t, "/sign-up?lang=en", "email", "ben@example.org", "password", GOOD_PASSWORD, "first_name",
                            "Ben", "last_name", "Ipsen", "terms", "1", NULL),
                     303);
    const got_mail *m = h_mail(t, "ben@example.org", "confirm");
    assert_true(kt_str_is(m->subject, "Please confirm your e-mail address"));
    assert_true(kt_str_is(m->language, "en"));
    assert_true(kt_str_ends(kt_str_trim(m->text), KT_STR("because somebody signed up with this address.")));
    h_sign_up_as(t, "ida@example.org", GOOD_PASSWORD);
    assert_true(
        kt_str_is(h_mail(t, "ida@example.org", "confirm")->subject, "Bitte best\xc3\xa4tige deine E-Mail-Adresse"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, h_setup, h_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_r1_the_form_collects_exactly_the_declared_fields),
        T(test_r1_the_record_holds_what_was_typed_plus_ip_and_time),
        T(test_r1_the_ip_is_gone_after_thirty_days_and_the_rest_stays),
        T(test_r2_registration_has_no_recipient_and_sends_nothing_but_own_mail),
        T(test_r6_the_only_purposes_are_contract_and_identification),
        T(test_unknown_fields_are_refused),
        T(test_what_is_no_address_is_refused_beside_its_field),
        T(test_names_are_text_and_nothing_else),
        T(test_every_kind_of_password_gets_its_answer),
        T(test_forms_from_elsewhere_are_refused),
        T(test_the_eleventh_sign_up_of_an_hour_waits),
        T(test_known_and_unknown_addresses_get_the_same_answer),
        T(test_the_owner_is_told_once_an_hour_however_often_somebody_tries),
        T(test_a_hundred_sign_ups_at_once_make_one_account),
        T(test_a_full_disk_leaves_no_half_account_and_no_mail),
        T(test_a_scanner_that_opens_the_link_confirms_nothing),
        T(test_used_expired_altered_and_foreign_tokens_are_gone_alike),
        T(test_a_token_of_another_kind_confirms_nothing),
        T(test_the_confirmation_is_sent_again_three_times_an_hour),
        T(test_unconfirmed_accounts_vanish_after_seven_days),
        T(test_pages_speak_both_languages_and_mails_follow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
