/* SPDX-License-Identifier: Apache-2.0 */
/* Account administration: everything can be changed (R3) and dissolved (R4); reset and change of address
 * in steps nobody can take alone; and what staff may see. */
#include "account_house.h"

/* ---- R3 ---- */

static void test_r3_every_stored_field_is_changed_by_its_owner(void **state)
{
    account_house *t = *state;
    h_signed_in(t, "ida@example.org");
    assert_int_equal(h_get(t, "/account/profile"), 200);
    assert_true(h_says(t, "O\xe2\x80\x99"
                          "Brien"));
    assert_int_equal(h_post(t, "/account/profile", "first_name", "Zoë", "last_name", "X", "street", "Deichweg 1",
                            "postcode", "28195", "city", "Bremen", "country", "AT", "phone", "+43 1 234567", NULL),
                     303);
    account a = h_account(t, "ida@example.org");
    assert_true(kt_str_is(a.first_name, "Zoë"));
    assert_true(kt_str_is(a.last_name, "X"));
    assert_true(kt_str_is(a.street, "Deichweg 1"));
    assert_true(kt_str_is(a.postcode, "28195"));
    assert_true(kt_str_is(a.city, "Bremen"));
    assert_true(kt_str_is(a.country, "AT"));
    assert_true(kt_str_is(a.phone, "+431234567"));
    assert_int_equal(a.version, 3); /* made, confirmed, changed: the proof of rectification */
    assert_true(kt_str_is(t->last_fields, "last_name,first_name,street,postcode,city,country,phone"));
    h_get(t, "/account");
    assert_true(h_says(t, "Zoë X"));
    assert_true(h_says(t, "\xc3\x96sterreich"));
    h_get(t, "/account/language");
    assert_int_equal(h_post(t, "/account/language", "language", "en", NULL), 303);
    assert_true(kt_str_is(h_account(t, "ida@example.org").language, "en"));
    assert_int_equal(h_get(t, "/account"), 200);
    assert_true(h_says(t, "Your account"));
}

static void test_a_change_that_is_not_acceptable_keeps_what_was_typed(void **state)
{
    account_house *t = *state;
    h_signed_in(t, "ida@example.org");
    h_get(t, "/account/profile");
    assert_int_equal(h_post(t, "/account/profile", "first_name", "Greta", "last_name", "", "street", "", "postcode", "",
                            "city", "Bremen", "country", "XX", "phone", "12", NULL),
                     400);
    assert_true(h_says(t, "value=\"Greta\""));
    assert_true(h_says(t, "value=\"Bremen\""));
    assert_true(h_says(t, "aria-invalid=\"true\""));
    h_get(t, "/account/profile");
    assert_int_equal(h_post(t, "/account/profile", "first_name", "Greta", "last_name", "X", "state", "active", NULL),
                     400);
    assert_true(kt_str_is(h_account(t, "ida@example.org").first_name, "J\xc3\xb6rg"));
}

/* ---- passwords ---- */

static void test_a_new_password_needs_the_old_one_ends_other_sessions_and_is_told(void **state)
{
    account_house *t = *state;
    h_signed_in(t, "ida@example.org");
    kt_str first = h_cookie(t, "__Host-sid");
    h_forget(t);
    h_sign_in_as(t, "ida@example.org", GOOD_PASSWORD);
    kt_str before = h_cookie(t, "__Host-sid");
    h_get(t, "/account/password");
    assert_int_equal(h_post(t, "/account/password", "password", OTHER_PASSWORD, "new_password", OTHER_PASSWORD, NULL),
                     422);
    assert_int_equal(h_post(t, "/account/password", "password", GOOD_PASSWORD, "new_password", "passwort1234", NULL),
                     422);
    assert_int_equal(h_post(t, "/account/password", "password", GOOD_PASSWORD, "new_password", OTHER_PASSWORD,
                            "end_others", "1", NULL),
                     303);
    assert_int_equal(h_count(t, "account_session"), 1);
    assert_false(kt_str_eq(before, h_cookie(t, "__Host-sid")));
    assert_int_equal(h_get(t, "/account"), 200);
    assert_non_null(h_mail(t, "ida@example.org", "password_changed"));
    h_forget(t);
    t->jar[0].name = KT_STR("__Host-sid");
    t->jar[0].value = first;
    assert_int_equal(h_get(t, "/account"), 303);
    h_forget(t);
    assert_int_equal(h_sign_in_as(t, "ida@example.org", GOOD_PASSWORD), 422);
    assert_int_equal(h_sign_in_as(t, "ida@example.org", OTHER_PASSWORD), 303);
}

static int use_reset(account_house *t, const char *link, const char *password)
{
    h_get(t, link);
    int status = h_get(t, "/reset/new");
    return status == 200 ? h_post(t, "/reset/new", "new_password", password, NULL) : status;
}

static const char *ask_reset(account_house *t, const char *email)
{
    h_get(t, "/reset");
    assert_int_equal(h_post(t, "/reset", "email", email, NULL), 303);
    assert_true(h_goes_to(t, "/reset/sent"));
    return h_link(t, "ida@example.org", "reset");
}

static void test_a_reset_works_once_for_half_an_hour_and_signs_nobody_in(void **state)
{
    account_house *t = *state;
    h_signed_in(t, "ida@example.org");
    h_forget(t);
    size_t n = h_mails(t);
    h_get(t, "/reset");
    assert_int_equal(h_post(t, "/reset", "email", "nobody@example.org", NULL), 303);
    assert_true(h_goes_to(t, "/reset/sent")); /* the same answer, and no mail to strangers */
    assert_int_equal(h_mails(t), n);
    const char *first = ask_reset(t, "ida@example.org"), *second = ask_reset(t, "IDA@example.org");
    assert_string_not_equal(first, second);
    assert_int_equal(h_count(t, "account_session"), 1);         /* asking changes nothing */
    assert_int_equal(use_reset(t, first, OTHER_PASSWORD), 410); /* a newer one ended it */
    t->clock.fixed_ms = T0 + 29 * KT_MINUTE_MS;
    assert_int_equal(use_reset(t, second, "passwort1234"), 422);
    assert_int_equal(h_post(t, "/reset/new", "new_password", OTHER_PASSWORD, NULL), 303);
    assert_int_equal(h_count(t, "account_session"), 0);
    assert_int_equal(h_get(t, "/account"), 303); /* nobody is signed in by it */
    assert_non_null(h_mail(t, "ida@example.org", "password_changed"));
    assert_int_equal(use_reset(t, second, GOOD_PASSWORD), 410);
    const char *third = ask_reset(t, "ida@example.org");
    t->clock.fixed_ms += 30 * KT_MINUTE_MS;
    assert_int_equal(use_reset(t, third, GOOD_PASSWORD), 410);
}

static void test_a_reset_link_dies_with_the_password_it_was_asked_for(void **state)
{
    account_house *t = *state;
    h_signed_in(t, "ida@example.org");
    const char *link = ask_reset(t, "ida@example.org");
    h_get(t, "/account/password");
    assert_int_equal(h_post(t, "/account/password", "password", GOOD_PASSWORD, "new_password", OTHER_PASSWORD, NULL),
                     303);
    h_forget(t);
    assert_int_equal(use_reset(t, link, "drei blaue Fische rufen an"), 410);
}

/* ---- change of address ---- */

static int ask_email(account_house *t, const char *email)
{
    h_get(t, "/account/email");
    return h_post(t, "/account/email", "new_email", email, NULL);
}

static int use_link(account_house *t, const char *link, const char *page)
{
    h_get(t, link);
    int status = h_get(t, page);
    return status == 200 ? h_post(t, page, NULL) : status;
}

static void test_an_address_changes_by_a_link_to_the_new_and_back_by_one_to_the_old(void **state)
{
    account_house *t = *state;
    h_signed_in(t, "ida@example.org");
    assert_int_equal(ask_email(t, "ida@nissen.example"), 303);
    assert_true(kt_str_is(h_account(t, "ida@example.org").state, "active")); /* nothing yet */
    assert_non_null(h_mail(t, "ida@example.org", "email_asked"));
    h_forget(t); /* opened in another browser */
    assert_int_equal(use_link(t, h_link(t, "ida@nissen.example", "email_confirm"), "/email/confirm"), 303);
    assert_true(kt_str_is(h_account(t, "ida@nissen.example").state, "active"));
    assert_true(kt_str_is(h_account(t, "ida@example.org").state, ""));
    const char *undo = h_link(t, "ida@example.org", "email_changed");
    size_t n = h_mails(t);
    t->ip = "203.0.113.77";
    h_sign_up_as(t, "ida@example.org", GOOD_PASSWORD); /* reserved for 72 hours */
    assert_int_equal(h_count(t, "account"), 1);
    assert_int_equal(h_mails(t), n + 1);
    t->clock.fixed_ms += 72 * KT_HOUR_MS - 1;
    assert_int_equal(h_sign_in_as(t, "ida@nissen.example", GOOD_PASSWORD), 303);
    assert_int_equal(use_link(t, undo, "/email/undo"), 303);
    assert_true(kt_str_is(h_account(t, "ida@example.org").state, "active"));
    assert_int_equal(h_count(t, "account_session"), 0);
    assert_int_equal(use_link(t, undo, "/email/undo"), 410);
    assert_non_null(h_mail(t, "ida@example.org", "reset"));
}

static void test_the_way_back_ends_after_seventy_two_hours(void **state)
{
    account_house *t = *state;
    h_signed_in(t, "ida@example.org");
    ask_email(t, "ida@nissen.example");
    use_link(t, h_link(t, "ida@nissen.example", "email_confirm"), "/email/confirm");
    const char *undo = h_link(t, "ida@example.org", "email_changed");
    t->clock.fixed_ms += 72 * KT_HOUR_MS;
    h_forget(t);
    assert_int_equal(use_link(t, undo, "/email/undo"), 410);
    assert_true(kt_str_is(h_account(t, "ida@nissen.example").state, "active"));
}

static void test_somebody_elses_address_gets_the_same_answer_and_its_owner_a_mail(void **state)
{
    account_house *t = *state;
    h_customer(t, "ben@example.org");
    h_forget(t);
    h_signed_in(t, "ida@example.org");
    assert_int_equal(ask_email(t, "BEN@example.org"), 303);
    assert_true(h_goes_to(t, "/account/email?done=email_asked"));
    assert_non_null(h_mail(t, "BEN@example.org", "email_taken"));
    assert_null(h_mail(t, "BEN@example.org", "email_confirm"));
    assert_int_equal(h_count(t, "account WHERE email_key = 'ben@example.org'"), 1);
}

static void test_an_address_taken_meanwhile_is_not_taken_over(void **state)
{
    account_house *t = *state;
    h_signed_in(t, "ida@example.org");
    ask_email(t, "new@example.org");
    const char *link = h_link(t, "new@example.org", "email_confirm");
    h_forget(t);
    t->clock.fixed_ms += KT_HOUR_MS;
    h_customer(t, "new@example.org");
    h_forget(t);
    assert_int_equal(use_link(t, link, "/email/confirm"), 410);
    assert_int_equal(h_count(t, "account"), 2);
}

/* ---- R4 ---- */

static int leave(account_house *t)
{
    h_get(t, "/account/delete");
    return h_post(t, "/account/delete", "word", "L\xc3\xb6schen", NULL);
}

static void test_r4_the_page_says_what_goes_and_what_is_held(void **state)
{
    account_house *t = *state;
    h_signed_in(t, "ida@example.org");
    assert_int_equal(h_get(t, "/account/delete"), 200);
    assert_true(h_says(t, "Registrierung und Konto"));
    assert_true(h_says(t, "Telefon- / Mobilfunknummer"));
    size_t held = kt_str_find(t->body, KT_STR("Das behalten wir noch"), 0),
           audit = kt_str_find(t->body, KT_STR("Protokoll der Handlungen"), 0),
           proof = kt_str_find(t->body, KT_STR("Nachweis deiner Cookie-Wahl"), 0);
    assert_true(proof != KT_NOT_FOUND_AT && proof > held); /* three years for proof; only the reference goes */
    assert_true(held != KT_NOT_FOUND_AT && audit != KT_NOT_FOUND_AT &&
                audit > held);                  /* it outlasts the account, and says so */
    assert_true(h_says(t, "7. Dezember 2026")); /* 14 days later */
    assert_int_equal(h_post(t, "/account/delete", "word", "ja", NULL), 422);
    assert_true(kt_str_is(h_account(t, "ida@example.org").state, "active"));
}

static void test_r4_an_account_is_closed_at_once_and_erased_after_fourteen_days(void **state)
{
    account_house *t = *state;
    static const char *const tables[] = { "account",         "account_proof",   "account_token",
                                          "account_lockout", "account_session", "account_sign_in" };
    h_signed_in(t, "ida@example.org");
    assert_int_equal(leave(t), 303);
    assert_true(h_goes_to(t, "/account/deleted"));
    assert_int_equal(h_get(t, "/account/deleted"), 200);
    assert_int_equal(h_get(t, "/account"), 303);
    assert_int_equal(h_count(t, "account_session"), 0);
    assert_int_equal(t->told[BUS_ACCOUNT_DEACTIVATED], 1);
    assert_non_null(h_mail(t, "ida@example.org", "deactivated"));
    assert_int_equal(job_erase(t->room, t->mem, T0 + 14 * KT_DAY_MS - 1), KT_OK);
    assert_int_equal(h_count(t, "account"), 1);
    assert_int_equal(job_erase(t->room, t->mem, T0 + 14 * KT_DAY_MS), KT_OK);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) assert_int_equal(h_count(t, tables[i]), 0);
    assert_int_equal(h_count(t, "outbox WHERE state <> 'sent'"), 0);
    assert_int_equal(t->told[BUS_ACCOUNT_CLOSED], 1);
    /* Not a byte of the person is left in the store's files. */
    assert_int_equal(store_scrub(t->house.store), KT_OK);
    for (int i = 0; i < 2; i++) {
        FILE *f = fopen(kt_str_fmt(t->mem, "%s/kontor.db%s", t->dir, i ? "-wal" : "").at, "rb");
        if (!f) continue;
        static char all[8 << 20];
        size_t n = fread(all, 1, sizeof all, f);
        fclose(f);
        assert_null(memmem(all, n, "ida@example.org", 15));
        assert_null(memmem(all, n,
                           "O\xe2\x80\x99"
                           "Brien",
                           8));
    }
    h_forget(t);
    t->clock.fixed_ms = T0 + 15 * KT_DAY_MS;
    h_customer(t, "ida@example.org"); /* a new account, without link to the old one */
}

static void test_r4_it_is_undone_by_the_link_or_by_signing_in(void **state)
{
    account_house *t = *state;
    h_signed_in(t, "ida@example.org");
    leave(t);
    const char *undo = h_link(t, "ida@example.org", "deactivated");
    h_forget(t);
    assert_int_equal(use_link(t, undo, "/account/undo"), 303);
    assert_true(kt_str_is(h_account(t, "ida@example.org").state, "active"));
    assert_int_equal(t->told[BUS_ACCOUNT_RESTORED], 1);
    assert_int_equal(use_link(t, undo, "/account/undo"), 410);
    assert_int_equal(h_sign_in_as(t, "ida@example.org", GOOD_PASSWORD), 303);
    leave(t);
    t->clock.fixed_ms = T0 + 13 * KT_DAY_MS;
    h_forget(t);
    assert_int_equal(h_sign_in_as(t, "ida@example.org", GOOD_PASSWORD), 303);
    assert_true(h_goes_to(t, "/account?done=restored"));
    assert_int_equal(h_get(t, "/account?done=restored"), 200);
    assert_true(h_says(t, "wiederhergestellt"));
    assert_int_equal(job_erase(t->room, t->mem, T0 + 40 * KT_DAY_MS), KT_OK);
    assert_int_equal(h_count(t, "account"), 1);
    assert_non_null(h_mail(t, "ida@example.org", "restored"));
}

static void test_r4_after_the_grace_nothing_brings_it_back(void **state)
{
    account_house *t = *state;
    h_signed_in(t, "ida@example.org");
    leave(t);
    const char *undo = h_link(t, "ida@example.org", "deactivated");
    h_forget(t);
    t->clock.fixed_ms = T0 + 14 * KT_DAY_MS; /* even before the job has run */
    assert_int_equal(use_link(t, undo, "/account/undo"), 410);
    assert_int_equal(h_sign_in_as(t, "ida@example.org", GOOD_PASSWORD), 422);
}

static void test_the_operator_decides_what_is_asked_and_how_long_passwords_are(void **state)
{
    account_house *t = *state;
    kt_str demo = kt_embedded_str(kt_embedded_find("register/data/operator.yaml"));
    h_close(t);
    h_open(
        t,
        kt_str_fmt(t->mem, "%.*s\naccount: { address: required, phone: later, password_min: 15 }\n", KT_ARG(demo)).at);
    assert_int_equal(h_get(t, "/sign-up"), 200);
    assert_false(h_says(t, "name=\"phone\""));
    t->accept = "application/json";
    assert_int_equal(h_sign_up_as(t, "ida@example.org", "kurz Wal Ort 7"), 400);
    assert_true(h_reason_is(t, "street", "empty"));
    assert_true(h_reason_is(t, "password", "password_short"));
    t->accept = NULL;
}

/* ---- staff ---- */

static void test_staff_see_masks_until_they_state_a_reason(void **state)
{
    account_house *t = *state;
    session staff = { .id = KT_STR("staffsession0000000001"),
                      .subject = KT_STR("staffmember00000000001"),
                      .realm = "staff",
                      .role = KT_STR("support"),
                      .name = KT_STR("Support"),
                      .created_ms = T0,
                      .seen_ms = T0,
                      .strong_ms = T0 };
    h_customer(t, "ida.nissen@example.org");
    h_forget(t);
    t->staff = &staff;
    assert_int_equal(h_get(t, "/console/accounts"), 200);
    assert_true(h_says(t, "i***@e***.org"));
    assert_false(h_says(t, "ida.nissen@"));
    assert_int_equal(h_get(t, "/console/accounts?q=IDA.nissen%40example.org"), 303);
    const char *page = kt_str_z(t->mem, h_header(t, "location"));
    assert_int_equal(h_get(t, page), 200);
    assert_false(h_says(t, "ida.nissen@"));
    assert_false(h_says(t, "198.51.100"));
    assert_true(h_says(t, "Art. 6 Abs. 1 S. 1 lit. b DSGVO"));
    assert_true(h_says(t, "nach 30 Tagen"));
    kt_str reset = kt_str_fmt(t->mem, "%s/reset", page), open = kt_str_fmt(t->mem, "%s/open", page),
           end = kt_str_fmt(t->mem, "%s/sessions", page);
    assert_int_equal(h_post(t, open.at, "reason", "kurz", NULL), 422);
    assert_int_equal(h_post(t, open.at, "reason", "Anruf der Kundin, Vorgang 4711", NULL), 303);
    assert_int_equal(h_get(t, page), 200);
    assert_true(h_says(t, "ida.nissen@example.org"));
    assert_int_equal(h_count(t, "register_audit WHERE action = 'staff.account.open'"), 1);
    assert_int_equal(t->told[BUS_STAFF_ACTED], 1);
    session other = staff;
    other.id = KT_STR("staffsession0000000002");
    t->staff = &other; /* open for this one session alone */
    h_get(t, page);
    assert_false(h_says(t, "ida.nissen@"));
    t->staff = &staff;
    h_get(t, page);
    assert_int_equal(h_post(t, reset.at, "reason", "Passwort vergessen, am Telefon", NULL), 303);
    assert_non_null(h_mail(t, "ida.nissen@example.org", "reset"));
    h_get(t, page);
    assert_int_equal(h_post(t, end.at, "reason", "Verdacht auf Fremdzugriff", NULL), 303);
    t->clock.fixed_ms += 10 * KT_MINUTE_MS;
    h_get(t, page);
    assert_false(h_says(t, "ida.nissen@")); /* for ten minutes */
    t->staff = NULL;
    assert_int_not_equal(h_get(t, page), 200);
}

static void test_staff_pages_page_and_filter(void **state)
{
    account_house *t = *state;
    session staff = { .id = KT_STR("staffsession0000000001"),
                      .subject = KT_STR("staffmember00000000001"),
                      .realm = "staff",
                      .role = KT_STR("owner") };
    assert_int_equal(account_demo(&t->house, t->room), KT_OK);
    assert_int_equal(account_demo(&t->house, t->room), KT_OK); /* a second time adds nothing */
    assert_int_equal(h_count(t, "account"), 60);
    assert_true(h_count(t, "account WHERE state = 'pending'") >= 5);
    assert_true(h_count(t, "account WHERE state = 'deactivated'") >= 3);
    t->staff = &staff;
    assert_int_equal(h_get(t, "/console/accounts?state=active"), 200);
    assert_false(h_says(t, "unbest\xc3\xa4tigt</span>"));
    h_get(t, "/console/accounts?sort=oldest");
    size_t at = kt_str_find(t->body, KT_STR("href=\"/console/accounts?state="), 0);
    assert_true(at != KT_NOT_FOUND_AT);
    kt_str next = kt_str_slice(t->body, at + 6, kt_str_find_byte(t->body, '"', at + 6));
    char *target = kt_str_z(t->mem, next);
    for (char *amp; (amp = strstr(target, "&amp;"));) memmove(amp + 1, amp + 5, strlen(amp + 5) + 1);
    assert_int_equal(h_get(t, target), 200);
    size_t count = 0; /* the second page of sixty */
    for (at = kt_str_find(t->body, KT_STR("data-open="), 0); at != KT_NOT_FOUND_AT;
         at = kt_str_find(t->body, KT_STR("data-open="), at + 1))
        count++;
    assert_int_equal(count, 10);
    h_get(t, "/console/accounts?q=nobody%40example.org");
    assert_true(h_says(t, "Kein Konto hat genau diese Adresse"));
    t->staff = NULL;
    assert_int_equal(h_sign_in_as(t, "demo@example.org", "kontor-demo-2026"), 303);
}

/* ---- the command ---- */

static void test_the_user_command_makes_shows_and_erases(void **state)
{
    account_house *t = *state;
    house *h = &t->house;
    char *create[] = { "create",     "--email", "ulf@example.org", "--first-name", "Ulf", "--last-name", "Frahm",
                       "--language", "en" };
    char *show[] = { "show", "ulf@example.org", "--json" }, *list[] = { "list" },
         *sessions[] = { "sessions", "ulf@example.org", "--end" };
    char *gone[] = { "delete", "ulf@example.org", "--at-once" }, *bad[] = { "create", "--email", "no" },
         *nobody[] = { "show", "x" };
    assert_int_equal(user_command(h, t->room, 9, create), 0);
    assert_non_null(h_mail(t, "ulf@example.org", "reset"));
    assert_int_equal(user_command(h, t->room, 9, create), 1); /* taken */
    assert_int_equal(user_command(h, t->room, 3, show), 0);
    assert_int_equal(user_command(h, t->room, 1, list), 0);
    assert_int_equal(user_command(h, t->room, 3, sessions), 0);
    assert_int_equal(user_command(h, t->room, 3, gone), 0);
    assert_int_equal(h_count(t, "account"), 0);
    assert_int_equal(user_command(h, t->room, 2, nobody), 1);
    assert_int_equal(user_command(h, t->room, 3, bad), 2);
    assert_int_equal(user_command(h, t->room, 0, NULL), 2);
}

#define T(name) cmocka_unit_test_setup_teardown(name, h_setup, h_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_r3_every_stored_field_is_changed_by_its_owner),
        T(test_a_change_that_is_not_acceptable_keeps_what_was_typed),
        T(test_a_new_password_needs_the_old_one_ends_other_sessions_and_is_told),
        T(test_a_reset_works_once_for_half_an_hour_and_signs_nobody_in),
        T(test_a_reset_link_dies_with_the_password_it_was_asked_for),
        T(test_an_address_changes_by_a_link_to_the_new_and_back_by_one_to_the_old),
        T(test_the_way_back_ends_after_seventy_two_hours),
        T(test_somebody_elses_address_gets_the_same_answer_and_its_owner_a_mail),
        T(test_an_address_taken_meanwhile_is_not_taken_over),
        T(test_r4_the_page_says_what_goes_and_what_is_held),
        T(test_r4_an_account_is_closed_at_once_and_erased_after_fourteen_days),
        T(test_r4_it_is_undone_by_the_link_or_by_signing_in),
        T(test_r4_after_the_grace_nothing_brings_it_back),
        T(test_the_operator_decides_what_is_asked_and_how_long_passwords_are),
        T(test_staff_see_masks_until_they_state_a_reason),
        T(test_staff_pages_page_and_filter),
        T(test_the_user_command_makes_shows_and_erases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
