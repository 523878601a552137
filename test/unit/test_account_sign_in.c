/* SPDX-License-Identifier: Apache-2.0 */
/* Sign-in: one answer for every refusal, tries that get slower, sessions that end when they should. */
#include "account_house.h"

#define SID "__Host-sid"

/* ---- refusing ---- */

/* The page without what differs anyway: the form's token, the time, the request's number. */
static kt_str bare_page(account_house *t)
{
    size_t from = kt_str_find(t->body, KT_STR("<main"), 0), csrf = kt_str_find(t->body, t->csrf, from);
    kt_str head = kt_str_slice(t->body, from, csrf), tail = kt_str_slice(t->body, csrf + t->csrf.len, t->body.len);
    return kt_str_fmt(t->mem, "%.*s%.*s", KT_ARG(head), KT_ARG(tail));
}

static void test_unknown_wrong_and_locked_get_one_answer(void **state)
{
    account_house *t = *state;
    h_customer(t, "ida@example.org");
    h_forget(t);
    assert_int_equal(h_sign_in_as(t, "ida@example.org", OTHER_PASSWORD), 422);
    kt_str wrong = bare_page(t);
    assert_false(h_says(t, OTHER_PASSWORD));   /* a password is never put back into a page */
    assert_true(h_says(t, "ida@example.org")); /* what else was typed is kept */
    h_get(t, "/sign-in");
    assert_int_equal(h_post(t, "/sign-in", "email", "ida@example.com", "password", OTHER_PASSWORD, NULL), 422);
    size_t differ = 0;
    kt_str unknown = bare_page(t);
    assert_int_equal(unknown.len, wrong.len);
    for (size_t i = 0; i < unknown.len; i++) differ += unknown.at[i] != wrong.at[i];
    assert_int_equal(differ, 3); /* the address typed: org, com */
    for (int i = 0; i < 6; i++) h_sign_in_as(t, "ida@example.org", OTHER_PASSWORD);
    assert_int_equal(h_count(t, "account_lockout WHERE retry_at > 0"), 1);
    assert_int_equal(h_sign_in_as(t, "ida@example.org", GOOD_PASSWORD), 422); /* right, but it must wait */
    assert_true(kt_str_eq(bare_page(t), wrong));
}

static void test_five_failures_delay_and_the_delay_doubles(void **state)
{
    account_house *t = *state;
    h_customer(t, "ida@example.org");
    h_forget(t);
    for (int i = 0; i < 4; i++) h_sign_in_as(t, "ida@example.org", OTHER_PASSWORD);
    assert_int_equal(h_count(t, kt_str_fmt(t->mem, "account_lockout WHERE retry_at > %lld", (long long)T0).at), 0);
    h_sign_in_as(t, "ida@example.org", OTHER_PASSWORD);
    assert_int_equal(h_count(t, kt_str_fmt(t->mem, "account_lockout WHERE retry_at = %lld", (long long)(T0 + 2000)).at),
                     1);
    t->clock.fixed_ms = T0 + 2000;
    h_sign_in_as(t, "ida@example.org", OTHER_PASSWORD);
    assert_int_equal(h_count(t, kt_str_fmt(t->mem, "account_lockout WHERE retry_at = %lld", (long long)(T0 + 6000)).at),
                     1);
    assert_int_equal(h_sign_in_as(t, "ida@example.org", GOOD_PASSWORD), 422);
    t->clock.fixed_ms = T0 + 6000;
    assert_int_equal(h_sign_in_as(t, "ida@example.org", GOOD_PASSWORD), 303);
    assert_int_equal(h_count(t, "account_lockout"), 0); /* success forgets them */
}

static kt_err fail_hundred(db *d, void *ctx)
{
    account_house *t = ctx;
    account a = { 0 };
    TRY(account_by_email_key(d, t->mem, KT_STR("ida@example.org"), &a));
    for (int i = 0; i < 100; i++) TRY(lockout_failed(d, a.id, T0));
    return KT_OK;
}

static void test_a_hundred_failures_stop_for_good_but_not_a_session_nor_the_reset(void **state)
{
    account_house *t = *state;
    int64_t rows_done = 0;
    h_signed_in(t, "ida@example.org");
    assert_int_equal(store_write(t->house.store, fail_hundred, t), KT_OK);
    assert_int_equal(h_get(t, "/account"), 200); /* the session lives on */
    h_forget(t);
    t->clock.fixed_ms = T0 + 100 * KT_DAY_MS; /* no time heals it, nor does the clean-up */
    assert_int_equal(retention_run(t->house.registry, t->house.store, t->mem, t->clock.fixed_ms, &rows_done), KT_OK);
    assert_int_equal(h_sign_in_as(t, "ida@example.org", GOOD_PASSWORD), 422);
    h_get(t, "/reset");
    h_post(t, "/reset", "email", "ida@example.org", NULL);
    assert_int_equal(h_get(t, h_link(t, "ida@example.org", "reset")), 303);
    h_get(t, "/reset/new");
    assert_int_equal(h_post(t, "/reset/new", "new_password", OTHER_PASSWORD, NULL), 303);
    assert_int_equal(h_sign_in_as(t, "ida@example.org", OTHER_PASSWORD), 303);
}

static void test_twenty_tries_a_minute_from_one_network(void **state)
{
    account_house *t = *state;
    h_customer(t, "ida@example.org");
    h_forget(t);
    for (int i = 0; i < 20; i++) assert_int_equal(h_sign_in_as(t, "nobody@example.org", OTHER_PASSWORD), 422);
    assert_int_equal(h_sign_in_as(t, "ida@example.org", GOOD_PASSWORD), 429);
    assert_true(h_header(t, "retry-after").len > 0);
    t->ip = "203.0.113.200";
    assert_int_equal(h_sign_in_as(t, "ida@example.org", GOOD_PASSWORD), 303);
}

static void test_unconfirmed_is_said_only_to_who_knows_the_password(void **state)
{
    account_house *t = *state;
    h_sign_up_as(t, "ida@example.org", GOOD_PASSWORD);
    t->accept = "text/html";
    assert_int_equal(h_sign_in_as(t, "ida@example.org", OTHER_PASSWORD), 422);
    assert_false(h_says(t, "noch nicht best\xc3\xa4tigt"));
    assert_int_equal(h_sign_in_as(t, "ida@example.org", GOOD_PASSWORD), 422);
    assert_true(h_says(t, "noch nicht best\xc3\xa4tigt"));
    assert_false(h_cookie(t, SID).len > 0);
}

/* ---- sessions ---- */

static void test_a_session_ends_after_half_an_hour_without_use(void **state)
{
    account_house *t = *state;
    h_signed_in(t, "ida@example.org");
    for (int i = 0; i < 4; i++) {
        t->clock.fixed_ms += 29 * KT_MINUTE_MS;
        assert_int_equal(h_get(t, "/account"), 200);
    }
    t->clock.fixed_ms += 30 * KT_MINUTE_MS;
    assert_int_equal(h_get(t, "/account"), 303);
    assert_true(h_goes_to(t, "/sign-in?return_to=%2Faccount"));
    assert_false(h_cookie(t, SID).len > 0); /* expired in the same answer */
}

static void test_no_session_lives_longer_than_twelve_hours(void **state)
{
    account_house *t = *state;
    h_signed_in(t, "ida@example.org");
    for (int i = 0; i < 35; i++) {
        t->clock.fixed_ms += 20 * KT_MINUTE_MS;
        assert_int_equal(h_get(t, "/account"), 200);
    }
    t->clock.fixed_ms += 20 * KT_MINUTE_MS;
    assert_int_equal(h_get(t, "/account"), 303);
}

static void test_staying_signed_in_lasts_two_weeks_idle_and_thirty_days_at_most(void **state)
{
    account_house *t = *state;
    h_customer(t, "ida@example.org");
    h_get(t, "/sign-in");
    assert_int_equal(h_post(t, "/sign-in", "email", "ida@example.org", "password", GOOD_PASSWORD, "stay", "1", NULL),
                     303);
    t->clock.fixed_ms += 13 * KT_DAY_MS;
    assert_int_equal(h_get(t, "/account"), 200);
    t->clock.fixed_ms += 13 * KT_DAY_MS;
    assert_int_equal(h_get(t, "/account"), 200);
    t->clock.fixed_ms += 5 * KT_DAY_MS;
    assert_int_equal(h_get(t, "/account"), 303);
}

static void test_the_time_of_use_survives_a_restart(void **state)
{
    account_house *t = *state;
    h_signed_in(t, "ida@example.org");
    t->clock.fixed_ms += 20 * KT_MINUTE_MS;
    assert_int_equal(h_get(t, "/account"), 200);
    h_close(t);
    h_open(t, NULL);
    t->clock.fixed_ms += 20 * KT_MINUTE_MS;
    assert_int_equal(h_get(t, "/account"), 200);
}

static void test_ended_deleted_and_invented_sessions_are_answered_alike(void **state)
{
    account_house *t = *state;
    h_signed_in(t, "ida@example.org");
    kt_str sid = h_cookie(t, SID);
    h_get(t, "/account");
    assert_int_equal(h_post(t, "/sign-out", NULL), 303);
    t->jar[0].name = KT_STR(SID);
    t->jar[0].value = sid; /* the old cookie comes back */
    t->accept = "application/json";
    assert_int_equal(h_get(t, "/account"), 401);
    assert_false(h_cookie(t, SID).len > 0);
    t->jar[0].value = KT_STR("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    assert_int_equal(h_get(t, "/account"), 401);
    assert_int_equal(h_count(t, "account_session"), 0); /* unknown is never adopted */
    char *big = kt_alloc(t->mem, 10 * 1024 + 1);
    memset(big, 'A', 10 * 1024);
    t->jar[0].value = (kt_str){ big, 10 * 1024 };
    assert_int_equal(h_get(t, "/account"), 401);
    assert_false(h_cookie(t, SID).len > 0);
    t->accept = NULL;
    h_forget(t);
    h_sign_in_as(t, "ida@example.org", GOOD_PASSWORD);
    account a = h_account(t, "ida@example.org");
    assert_int_equal(h_get(t, "/account"), 200);
    assert_int_equal(account_erase(t->room, t->mem, a.id, T0), KT_OK);
    t->accept = "application/json";
    assert_int_equal(h_get(t, "/account"), 401); /* at once, no cache in between */
}

static void test_two_session_cookies_are_bad_input(void **state)
{
    account_house *t = *state;
    h_signed_in(t, "ida@example.org");
    t->jar[JAR_MAX - 1].name = KT_STR(SID);
    t->jar[JAR_MAX - 1].value = KT_STR("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    assert_int_equal(h_get(t, "/account"), 400);
}

static void test_another_kind_of_browser_is_asked_for_the_password(void **state)
{
    account_house *t = *state;
    h_signed_in(t, "ida@example.org");
    kt_str before = h_cookie(t, SID);
    t->agent = CHROME;
    assert_int_equal(h_get(t, "/account/profile"), 303);
    assert_true(h_goes_to(t, "/account/confirm?return_to=%2Faccount%2Fprofile"));
    assert_int_equal(h_get(t, "/account/confirm?return_to=%2Faccount%2Fprofile"), 200);
    assert_int_equal(h_post(t, "/account/confirm", "password", OTHER_PASSWORD, "return_to", "/account/profile", NULL),
                     422);
    assert_int_equal(h_get(t, "/account/profile"), 303);
    h_get(t, "/account/confirm");
    assert_int_equal(h_post(t, "/account/confirm", "password", GOOD_PASSWORD, "return_to", "/account/profile", NULL),
                     303);
    assert_true(h_goes_to(t, "/account/profile"));
    assert_false(kt_str_eq(before, h_cookie(t, SID))); /* a new token */
    assert_int_equal(h_get(t, "/account/profile"), 200);
    t->agent = FIREFOX;
    t->jar[0].value = KT_STR_NONE;
    for (size_t i = 0; i < JAR_MAX; i++)
        if (kt_str_is(t->jar[i].name, SID)) t->jar[i].value = before;
    assert_int_equal(h_get(t, "/account/profile"), 303); /* and the old one is worth nothing */
    assert_true(kt_str_starts(h_header(t, "location"), KT_STR("/sign-in")));
}

static void test_what_matters_wants_a_fresh_password(void **state)
{
    account_house *t = *state;
    h_signed_in(t, "ida@example.org");
    assert_int_equal(h_get(t, "/account/delete"), 200);
    t->clock.fixed_ms += 10 * KT_MINUTE_MS + 1;
    assert_int_equal(h_get(t, "/account/profile"), 200);
    assert_int_equal(h_get(t, "/account/delete"), 303);
    assert_true(h_goes_to(t, "/account/confirm?return_to=%2Faccount%2Fdelete"));
    assert_int_equal(h_post(t, "/account/delete", "word", "l\xc3\xb6schen", NULL), 303);
    assert_true(kt_str_is(h_account(t, "ida@example.org").state, "active"));
    t->accept = "application/json";
    assert_int_equal(h_get(t, "/account/email"), 403);
}

static void test_the_twenty_first_session_ends_the_oldest_and_says_so(void **state)
{
    account_house *t = *state;
    h_signed_in(t, "ida@example.org");
    kt_str first = h_cookie(t, SID);
    for (int i = 0; i < 20; i++) {
        t->clock.fixed_ms += 3 * KT_SECOND_MS;
        t->ip = kt_str_fmt(t->mem, "203.0.113.%d", 1 + i).at;
        h_forget(t);
        assert_int_equal(h_sign_in_as(t, "ida@example.org", GOOD_PASSWORD), 303);
        assert_int_equal(h_count(t, "account_session") <= 20, 1);
    }
    assert_non_null(h_mail(t, "ida@example.org", "session_limit"));
    h_forget(t);
    t->jar[0].name = KT_STR(SID);
    t->jar[0].value = first;
    assert_int_equal(h_get(t, "/account"), 303);
}

static void test_a_new_kind_of_device_is_told_by_mail_once(void **state)
{
    account_house *t = *state;
    h_signed_in(t, "ida@example.org");
    assert_null(h_mail(t, "ida@example.org", "new_device")); /* the first sign-in ever is none */
    t->agent = CHROME;
    h_forget(t);
    h_sign_in_as(t, "ida@example.org", GOOD_PASSWORD);
    const got_mail *m = h_mail(t, "ida@example.org", "new_device");
    assert_non_null(m);
    assert_true(kt_str_find(m->text, KT_STR("Chrome (Windows)"), 0) != KT_NOT_FOUND_AT);
    size_t n = h_mails(t);
    h_forget(t);
    h_sign_in_as(t, "ida@example.org", GOOD_PASSWORD);
    assert_int_equal(h_mails(t), n);
    assert_int_equal(t->told[BUS_ACCOUNT_SIGNED_IN], 3);
}

static void test_sessions_are_listed_and_ended_by_their_owner_alone(void **state)
{
    account_house *t = *state;
    h_signed_in(t, "ben@example.org");
    rows *r = NULL;
    kt_str ben = KT_STR_NONE;
    assert_int_equal(store_rows_text(store_reader(t->house.store), "SELECT id FROM account_session", ARGS(), &r),
                     KT_OK);
    if (rows_next(r)) ben = kt_str_dup(t->mem, rows_text(r, "id"));
    assert_int_equal(rows_end(r), KT_OK);
    h_forget(t);
    h_signed_in(t, "ida@example.org");
    kt_str here = h_cookie(t, SID);
    t->agent = CHROME;
    h_forget(t);
    h_sign_in_as(t, "ida@example.org", GOOD_PASSWORD);
    assert_int_equal(h_get(t, "/account/sessions"), 200);
    assert_true(h_says(t, "Firefox, Linux"));
    assert_true(h_says(t, "Chrome, Windows"));
    assert_true(h_says(t, "198.51.100.0/24"));
    assert_false(h_says(t, "198.51.100.7"));
    assert_int_equal(h_post(t, kt_str_fmt(t->mem, "/account/sessions/%.*s/end", KT_ARG(ben)).at, NULL), 303);
    assert_int_equal(h_count(t, "account_session"), 3); /* somebody else's is not ended */
    assert_int_equal(h_post(t, "/account/sessions/end", "which", "others", NULL), 303);
    assert_int_equal(h_count(t, "account_session"), 2);
    kt_str there = h_cookie(t, SID);
    t->agent = FIREFOX;
    for (size_t i = 0; i < JAR_MAX; i++)
        if (kt_str_is(t->jar[i].name, SID)) t->jar[i].value = here;
    assert_int_equal(h_get(t, "/account"), 303);
    t->agent = CHROME;
    for (size_t i = 0; i < JAR_MAX; i++)
        if (kt_str_is(t->jar[i].name, SID)) t->jar[i].value = there;
    assert_int_equal(h_get(t, "/account/sessions"), 200);
    assert_int_equal(h_post(t, "/account/sessions/end", "which", "all", NULL), 303);
    assert_int_equal(h_count(t, "account_session"), 1); /* Ben's */
    assert_false(h_cookie(t, SID).len > 0);
}

static void test_signing_out_is_a_post(void **state)
{
    account_house *t = *state;
    h_signed_in(t, "ida@example.org");
    assert_int_equal(h_get(t, "/sign-out"), 200);
    assert_int_equal(h_count(t, "account_session"), 1);
    kt_str csrf = t->csrf;
    t->csrf = KT_STR_NONE;
    assert_int_equal(h_post(t, "/sign-out", NULL), 403); /* not without the form's token */
    t->csrf = csrf;
    assert_int_equal(h_post(t, "/sign-out", NULL), 303);
    assert_int_equal(h_count(t, "account_session"), 0);
    assert_true(h_goes_to(t, "/sign-in?done=signed_out"));
}

static void test_return_to_stays_in_the_house(void **state)
{
    account_house *t = *state;
    static const char *const evil[] = { "//evil.example",       "/\\evil.example",    "https:evil.example",
                                        "https://evil.example", "%2f%2fevil.example", "/%2fevil.example",
                                        "\\\\evil.example",     "javascript:alert(1)" };
    h_customer(t, "ida@example.org");
    for (size_t i = 0; i < sizeof evil / sizeof *evil; i++) {
        h_forget(t);
        t->ip = kt_str_fmt(t->mem, "203.0.113.%zu", i + 1).at;
        h_get(t, "/sign-in");
        assert_int_equal(
            h_post(t, "/sign-in", "email", "ida@example.org", "password", GOOD_PASSWORD, "return_to", evil[i], NULL),
            303);
        if (!h_goes_to(t, "/")) fail_msg("%s led to %.*s", evil[i], KT_ARG(h_header(t, "location")));
    }
    h_forget(t);
    h_get(t, "/sign-in?return_to=%2Faccount%2Fsessions%3Fa%3Db");
    assert_true(h_says(t, "/account/sessions?a=b"));
    h_post(t, "/sign-in", "email", "ida@example.org", "password", GOOD_PASSWORD, "return_to", "/account/sessions?a=b",
           NULL);
    assert_true(h_goes_to(t, "/account/sessions?a=b"));
}

static void test_signed_in_pages_are_not_stored(void **state)
{
    account_house *t = *state;
    static const char *const pages_of[] = { "/account", "/account/profile", "/account/sessions", "/account/email",
                                            "/account/delete" };
    h_signed_in(t, "ida@example.org");
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(h_get(t, pages_of[i]), 200);
        assert_true(kt_str_is(h_header(t, "cache-control"), "no-store"));
    }
}

static void test_sign_ins_leave_audit_rows_without_addresses(void **state)
{
    account_house *t = *state;
    h_customer(t, "ida@example.org");
    h_sign_in_as(t, "ida@example.org", OTHER_PASSWORD);
    h_sign_in_as(t, "ida@example.org", GOOD_PASSWORD);
    rows *r = NULL;
    size_t n = 0;
    assert_int_equal(store_rows_text(store_reader(t->house.store), "SELECT * FROM register_audit", ARGS(), &r), KT_OK);
    while (rows_next(r)) {
        for (size_t i = 0; i < rows_width(r); i++)
            if (rows_type(r, i) == SQL_TEXT)
                assert_true(kt_str_find(rows_text(r, rows_name(r, i)), KT_STR("ida"), 0) == KT_NOT_FOUND_AT ||
                            rows_text(r, rows_name(r, i)).len == STORE_ID_LEN);
        n++;
    }
    assert_int_equal(rows_end(r), KT_OK);
    assert_true(n >= 4);
    assert_int_equal(h_count(t, "account_sign_in WHERE result = 'wrong'"), 1);
    assert_int_equal(h_count(t, "account_sign_in WHERE result = 'ok'"), 1);
}

static void test_the_sign_in_log_is_erased_after_ninety_days(void **state)
{
    account_house *t = *state;
    int64_t done = 0;
    h_signed_in(t, "ida@example.org");
    t->clock.fixed_ms = T0 + 90 * KT_DAY_MS + 1;
    assert_int_equal(retention_run(t->house.registry, t->house.store, t->mem, t->clock.fixed_ms, &done), KT_OK);
    assert_int_equal(h_count(t, "account_sign_in"), 0);
    assert_int_equal(job_purge(t->room, t->mem, t->clock.fixed_ms), KT_OK);
    assert_int_equal(h_count(t, "account_session"), 0);
}

static void test_expired_links_and_sessions_are_purged(void **state)
{
    account_house *t = *state;
    h_sign_up_as(t, "ben@example.org", GOOD_PASSWORD);
    h_signed_in(t, "ida@example.org");
    assert_int_equal(job_purge(t->room, t->mem, T0 + 29 * KT_MINUTE_MS), KT_OK);
    assert_int_equal(h_count(t, "account_session"), 1);
    assert_int_equal(h_count(t, "account_token"), 1);
    assert_int_equal(job_purge(t->room, t->mem, T0 + KT_DAY_MS), KT_OK);
    assert_int_equal(h_count(t, "account_session"), 0);
    assert_int_equal(h_count(t, "account_token"), 0);
}

static void test_the_password_is_hashed_anew_when_the_cost_has_risen(void **state)
{
    account_house *t = *state;
    h_customer(t, "ida@example.org");
    kt_str before = h_account(t, "ida@example.org").password_hash;
    kt_passwords_free(t->house.passwords);
    t->house.passwords = kt_passwords_new(2, 2, 8192);
    assert_int_equal(h_sign_in_as(t, "ida@example.org", GOOD_PASSWORD), 303);
    account a = h_account(t, "ida@example.org");
    assert_false(kt_str_eq(before, a.password_hash));
    assert_int_equal(a.password_version, 1);
    h_forget(t);
    assert_int_equal(h_sign_in_as(t, "ida@example.org", GOOD_PASSWORD), 303);
}

static void test_a_read_of_a_session_costs_microseconds(void **state)
{
    account_house *t = *state;
    session s;
    h_signed_in(t, "ida@example.org");
    kt_sha256 token = kt_hash(h_cookie(t, SID));
    kt_arena *mem = kt_arena_new();
    int64_t from = kt_monotonic_us();
    for (int i = 0; i < 2000; i++) {
        assert_int_equal(t->room->backend.load(t->room->backend.ctx, mem, &token, &s), KT_OK);
        kt_arena_reset(mem);
    }
    int64_t each = (kt_monotonic_us() - from) / 2000;
    kt_arena_free(mem);
    print_message("one look-up: %lld us\n", (long long)each);
    assert_true(each < 200); /* with sanitizers and a malloc an allocation */
}

#define T(name) cmocka_unit_test_setup_teardown(name, h_setup, h_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_unknown_wrong_and_locked_get_one_answer),
        T(test_five_failures_delay_and_the_delay_doubles),
        T(test_a_hundred_failures_stop_for_good_but_not_a_session_nor_the_reset),
        T(test_twenty_tries_a_minute_from_one_network),
        T(test_unconfirmed_is_said_only_to_who_knows_the_password),
        T(test_a_session_ends_after_half_an_hour_without_use),
        T(test_no_session_lives_longer_than_twelve_hours),
        T(test_staying_signed_in_lasts_two_weeks_idle_and_thirty_days_at_most),
        T(test_the_time_of_use_survives_a_restart),
        T(test_ended_deleted_and_invented_sessions_are_answered_alike),
        T(test_two_session_cookies_are_bad_input),
        T(test_another_kind_of_browser_is_asked_for_the_password),
        T(test_what_matters_wants_a_fresh_password),
        T(test_the_twenty_first_session_ends_the_oldest_and_says_so),
        T(test_a_new_kind_of_device_is_told_by_mail_once),
        T(test_sessions_are_listed_and_ended_by_their_owner_alone),
        T(test_signing_out_is_a_post),
        T(test_return_to_stays_in_the_house),
        T(test_signed_in_pages_are_not_stored),
        T(test_sign_ins_leave_audit_rows_without_addresses),
        T(test_the_sign_in_log_is_erased_after_ninety_days),
        T(test_expired_links_and_sessions_are_purged),
        T(test_the_password_is_hashed_anew_when_the_cost_has_risen),
        T(test_a_read_of_a_session_costs_microseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
