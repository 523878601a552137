/* SPDX-License-Identifier: Apache-2.0 */
/* test_registry.c -- reading the register: strict, merged with the operator's file, stable as facts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>
#include <sodium.h>
#include "base/clock.h"
#include "register/fields.h"
#include "register/load.h"

static const char activities[] =
    "activities:\n"
    "  - id: guest-book\n"
    "    section: 10\n"
    "    title: { de: Gästebuch, en: Guest book }\n"
    "    description: { de: Gäste tragen sich ein., en: Guests enter themselves. }\n"
    "    subjects: [visitor]\n"
    "    sources: [person]\n"
    "    data: [ { id: email, de: E-Mail-Adresse, en: e-mail address } ]\n"
    "    purposes: [ { id: book, de: das Buch zu führen, en: to keep the book } ]\n"
    "    legal_basis: [ { article: \"6(1)(b)\" } ]\n"
    "    device_access: necessary\n"
    "    device_access_reason: { de: nötig, en: needed }\n"
    "    retention:\n"
    "      - { id: row, rule: duration, start: entered, max: P36M, by: module, wording: { de: drei Jahre, en: three years "
    "} }\n"
    "      - { id: need, rule: need, start: purpose_end }\n"
    "    rights: { objection: mail }\n"
    "    cookies:\n"
    "      - { id: guest, name: guest, kind: login, category: necessary, service: visit, "
    "lifetime: P1D, purpose: { de: Gast, en: guest } }\n"
    "      - { id: far, name: \"far_*\", category: necessary, service: visit, "
    "host: far.example, lifetime: session, purpose: { de: fern, en: far } }\n"
    "services:\n"
    "  - { id: visit, category: necessary, activities: [guest-book], name: { de: Besuch, "
    "en: Visit }, purpose: { de: merken, en: remember } }\n"
    "recipients:\n"
    "  - { id: host, name: Hosting GmbH, country: DE, role: processor }\n";

static const char operator_text[] = "operator:\n"
                                    "  name: Muster GmbH\n"
                                    "  country: DE\n"
                                    "  privacy_email: privacy@example.org\n"
                                    "  platform_name: Muster\n"
                                    "  platform_url: https://example.org\n";

typedef struct {
    kt_arena *mem;
    kt_value *faults;
    registry *r;
} stand;

static int set_up(void **state)
{
    assert_true(sodium_init() >= 0);
    stand *s = kt_calloc(1, sizeof *s);
    s->mem = kt_arena_new();
    s->faults = kt_list(s->mem);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    stand *s = *state;
    registry_free(s->r);
    kt_arena_free(s->mem);
    free(s);
    return 0;
}

static kt_err load(stand *s, const char *module_text, const char *config)
{
    registry_text texts[] = {
        { "sample", "src/sample/activity.yaml", kt_str_c(module_text), NULL, KT_STR_NONE },
        { NULL, "kontor.yaml", kt_str_c(config), NULL, KT_STR_NONE },
    };
    return registry_load_texts(texts, 2, s->mem, s->faults, &s->r);
}

static const char *config(stand *s, const char *rest)
{
    return kt_str_z(s->mem, kt_str_fmt(s->mem, "%s%s", operator_text, rest));
}

static void loads(stand *s, const char *module_text, const char *config_text)
{
    kt_err err = load(s, module_text, config_text);
    KT_EACH(f, s->faults) fprintf(stderr, "  %.*s\n", KT_ARG(kt_as_str(f)));
    assert_int_equal(err, KT_OK);
}

static void refuses(stand *s, const char *module_text, const char *config_text, const char *what)
{
    bool said = false;
    assert_int_equal(load(s, module_text, config_text), KT_REFUSED);
    assert_null(s->r);
    KT_EACH(f, s->faults) said = said || kt_str_find(kt_as_str(f), kt_str_c(what), 0) != KT_NOT_FOUND_AT;
    if (!said) {
        fprintf(stderr, "not said: %s\nbut:\n", what);
        KT_EACH(f, s->faults) fprintf(stderr, "  %.*s\n", KT_ARG(kt_as_str(f)));
    }
    assert_true(said);
}

static void is(kt_str got, const char *want)
{
    if (!kt_str_is(got, want)) fprintf(stderr, "got \"%.*s\", want \"%s\"\n", KT_ARG(got), want);
    assert_true(kt_str_is(got, want));
}

/* ------------------------------------------------------------------ reading */

static void test_every_fact_of_a_file_is_read(void **state)
{
    stand *s = *state;
    loads(s, activities, operator_text);
    const activity *a = registry_activity(s->r, "guest-book");
    assert_non_null(a);
    assert_int_equal(a->section, 10);
    assert_true(a->in_notice);
    assert_false(a->declared_only);
    assert_string_equal(a->module, "sample");
    assert_int_equal(a->line, 2);
    is(words_in(&a->title, "de"), "Gästebuch");
    is(words_in(&a->title, "en"), "Guest book");
    is(a->data[0].id, "email");
    is(a->bases[0].article, "6(1)(b)");
    is(a->bases[0].verbatim_form, "full");
    assert_int_equal(a->keeps[0].max_months, 36);
    assert_int_equal(a->keeps[0].keep_months, 36);
    assert_int_equal(a->keeps[1].rule, KEEP_NEED);
    const cookie_entry *c = registry_cookie(s->r, "guest");
    assert_true(c->activity == a && c->http_only && c->lifetime_s == 86400);
    is(c->same_site, "Lax");
    assert_true(registry_service(s->r, "visit")->needs_storage);
    is(registry_operator(s->r)->name, "Muster GmbH");
    assert_null(registry_activity(s->r, "other"));
}

static void test_a_cookie_is_found_by_its_name_with_prefix_or_pattern(void **state)
{
    stand *s = *state;
    loads(s, activities, operator_text);
    assert_true(registry_cookie_named(s->r, KT_STR("guest")) == registry_cookie(s->r, "guest"));
    assert_true(registry_cookie_named(s->r, KT_STR("__Host-guest")) == registry_cookie(s->r, "guest"));
    assert_true(registry_cookie_named(s->r, KT_STR("far_abc")) == registry_cookie(s->r, "far"));
    assert_null(registry_cookie_named(s->r, KT_STR("farther")));
    assert_null(registry_cookie_named(s->r, KT_STR("")));
}

/* One replacement in a good file, and what must be said about it. */
static void test_a_wrong_file_is_refused_with_line_and_reason(void **state)
{
    stand *s = *state;
    /* clang-format off */
    static const struct { const char *from, *to, *said; } cases[] = {
        { "    section: 10\n", "    section: ten\n",
          "src/sample/activity.yaml:3: section of activity: must be a number" },
        { "    section: 10\n", "    section: 7\n", "section must be 8 to 14, or 0" },
        { "    section: 10\n", "    section: 10\n    sektion: 9\n", ":4: unknown key \"sektion\" in activity" },
        { "    section: 10\n", "", ":2: section is missing in activity" },
        { "title: { de: Gästebuch, en: Guest book }", "title: Gästebuch",
          ":4: title of activity: must be {de: …, en: …}" },
        { "title: { de: Gästebuch, en: Guest book }", "title: { de: Gästebuch, en: \"\" }",
          "the English words (en) are missing" },
        { "title: { de: Gästebuch, en: Guest book }", "title: { de: Gästebuch, en: Guest book, fr: Livre }",
          "unknown language \"fr\"" },
        { "{ de: Gast, en: guest }", "{ de: Gast, der kommt, en: guest }", "a text with a comma needs quotes" },
        { "subjects: [visitor]", "subjects: [ghost]",
          ":6: subjects of activity: \"ghost\" is none of: visitor, user" },
        { "subjects: [visitor]", "subjects: visitor", ":6: subjects of activity: must be a list" },
        { "subjects: [visitor]", "subjects: []", "the list is empty" },
        { "article: \"6(1)(b)\"", "article: Art. 6", "must be an article of the GDPR" },
        { "article: \"6(1)(b)\"", "article: 6", "must be a text; put it in quotes" },
        { "max: P36M", "max: 36 months", ":14: max of retention: must be a duration of ISO 8601" },
        { "max: P36M", "max: P36M, keep: P4Y",
          ":14: retention \"row\" of \"guest-book\": keep is longer than the declared maximum" },
        { "rule: duration", "rule: forever", "\"forever\" is none of: duration, event, law, need" },
        { "id: need,", "id: row,", "retention \"row\" of \"guest-book\" stands twice" },
        { "lifetime: P1D", "lifetime: long", "lifetime of cookie: must be \"session\" or a duration" },
        { "name: guest,", "name: \"gu est\",", "holds a character no cookie's name may have" },
        { "name: guest,", "name: __Host-guest,", "goes without __Host-" },
        { "service: visit, lifetime", "service: gone, lifetime",
          "cookie \"guest\": service \"gone\" is not declared" },
        { "category: necessary, service: visit, lifetime", "category: analytics, service: visit, lifetime",
          "cookie \"guest\" is analytics, its service \"visit\" is necessary" },
        { "activities: [guest-book]", "activities: [gone]", "service \"visit\": activity \"gone\" is not declared" },
        { "id: far,", "id: guest,", "cookie \"guest\" stands already at src/sample/activity.yaml:18" },
        { "id: guest-book\n", "id: Guest Book\n", "must be lower-case words" },
        { "id: guest-book\n", "id: inn/guest-book\n", "is a part of one that is not declared" },
        { "country: DE", "country: Germany", "must be a country of two capital letters" },
        { "    rights: { objection: mail }\n", "    rights: { objection: never }\n", "\"never\" is none of" },
        { "    rights: { objection: mail }\n", "    rights:\n", "has no value" },
        { "recipients:\n", "recipients: none\nextras:\n", "recipients must be a list" },
        { "recipients:\n", "operator: { name: x }\nrecipients:\n", "operator belongs into the operator's file" },
        { "services:\n", "servants:\n", "unknown key \"servants\"" },
        { "    section: 10\n", "    section: 10\n    section: 10\n", "src/sample/activity.yaml:" },
        { "    section: 10\n", "    section: [\n", "src/sample/activity.yaml" },
        { "    device_access: necessary\n", "    device_access: necessary\n    since: 2026-02-30\n",
          "since of activity: must be a date" },
        { "by: module", "table: sample_guest, where: \"1 = 1; DROP TABLE x\"", "must be one SQL condition" },
        { "by: module", "table: \"sample_guest; --\"", "must be a name of the schema" },
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kt_str text = kt_str_c(activities), from = kt_str_c(cases[i].from);
        size_t at = kt_str_find(text, from, 0);
        assert_true(at != KT_NOT_FOUND_AT);
        kt_str wrong = kt_str_fmt(s->mem, "%.*s%s%.*s", KT_ARG(kt_str_slice(text, 0, at)), cases[i].to,
                                  KT_ARG(kt_str_slice(text, at + from.len, text.len)));
        s->faults = kt_list(s->mem);
        refuses(s, kt_str_z(s->mem, wrong), operator_text, cases[i].said);
    }
}

static void test_a_module_that_declares_nothing_loads(void **state) { loads(*state, "", operator_text); }

static void test_empty_lists_load(void **state) { loads(*state, "activities: []\nservices:\n", operator_text); }

static void test_a_file_that_cannot_be_read_says_so(void **state)
{
    stand *s = *state;
    assert_int_equal(registry_load(NULL, "/nonexistent/kontor.yaml", s->mem, s->faults, &s->r), KT_REFUSED);
    is(kt_as_str(s->faults->first), "/nonexistent/kontor.yaml:0: No such file or directory");
}

static void test_an_empty_operator_file_is_refused(void **state)
{
    refuses(*state, activities, "", "kontor.yaml:1: the file must be a map of keys");
}

/* ------------------------------------------------------------------ the operator's word */

static void test_the_operator_rewords_adds_recipients_and_tightens(void **state)
{
    stand *s = *state;
    loads(s, activities,
          config(s, "activities:\n"
                    "  - id: guest-book\n"
                    "    title: { de: Buch der Gäste, en: Book of guests }\n"
                    "    recipients: [host]\n"
                    "    notes: [ { de: Anmerkung, en: note } ]\n"
                    "    rights: { objection_words: { de: Schreib uns., en: Write to us. } }\n"
                    "    retention:\n"
                    "      - { id: row, keep: P1Y }\n"
                    "      - { id: need, keep: P2Y, wording: { de: zwei Jahre, en: two years } }\n"));
    const activity *a = registry_activity(s->r, "guest-book");
    is(a->title.en, "Book of guests");
    is(a->description.en, "Guests enter themselves.");
    assert_int_equal((int)a->n_recipients, 1);
    is(a->recipients[0]->name, "Hosting GmbH");
    is(a->notes[0].de, "Anmerkung");
    is(a->rights.objection, "mail");
    is(a->rights.objection_words.en, "Write to us.");
    assert_int_equal(a->keeps[0].keep_months, 12);
    assert_int_equal(a->keeps[0].max_months, 36);
    is(a->keeps[0].wording.en, "three years");
    assert_int_equal(a->keeps[1].keep_months, 24);
    assert_string_equal(a->module, "sample");
}

static void test_the_operator_cannot_loosen_or_change_what_the_program_does(void **state)
{
    stand *s = *state;
    static const struct {
        const char *rest, *said;
    } cases[] = {
        { "    retention: [ { id: row, keep: P4Y } ]\n",
          "kontor.yaml:9: retention \"row\" of \"guest-book\": keep is longer than the declared maximum" },
        { "    retention: [ { id: row, keep: P1097D } ]\n", "keep is longer than the declared maximum" },
        { "    retention: [ { id: row, max: P9Y } ]\n", "max of retention is a fact of the program" },
        { "    retention: [ { id: new, keep: P1D } ]\n", "activity \"guest-book\" has no retention rule \"new\"" },
        { "    stores: []\n", "stores of activity is a fact of the program" },
        { "    cookies: []\n", "cookies of activity is a fact of the program" },
        { "    device_access: none\n", "device_access of activity is a fact of the program" },
        { "    legal_basis: []\n", "legal_basis of activity is a fact of the program" },
        { "    rights: { objection: none }\n", "objection of rights is a fact of the program" },
        { "    recipients: [nobody]\n", "recipient \"nobody\" is not declared" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        s->faults = kt_list(s->mem);
        refuses(s, activities,
                config(s, kt_str_z(s->mem, kt_str_fmt(s->mem, "activities:\n  - id: guest-book\n%s", cases[i].rest))),
                cases[i].said);
    }
}

static void test_an_unknown_activity_of_the_operator_is_declared_only(void **state)
{
    stand *s = *state;
    kt_str own = kt_str_fmt(s->mem, "%s%s", operator_text,
                            "activities:\n"
                            "  - id: newsletter\n"
                            "    section: 13\n"
                            "    title: { de: Rundbrief, en: Newsletter }\n"
                            "    description: { de: Ein Brief., en: A letter. }\n"
                            "    subjects: [customer]\n"
                            "    sources: [person]\n"
                            "    data: [ { id: email, de: E-Mail-Adresse, en: e-mail address } ]\n"
                            "    purposes: [ { id: news, de: Neues, en: news } ]\n"
                            "    legal_basis: [ { article: \"6(1)(a)\" } ]\n"
                            "    device_access: none\n"
                            "    recipients: [host]\n"
                            "    retention: [ { id: need, rule: need } ]\n"
                            "    rights: { objection: mail }\n");
    loads(s, activities, kt_str_z(s->mem, own));
    const activity *a = registry_activity(s->r, "newsletter");
    assert_true(a->declared_only);
    assert_null(a->module);
    const activity *const *list;
    assert_int_equal((int)registry_activities(s->r, &list), 2);
    is(list[0]->id, "guest-book");
    is(list[1]->id, "newsletter");
}

static void test_the_operator_names_a_recipient_of_a_module(void **state)
{
    stand *s = *state;
    loads(s, activities, config(s, "recipients:\n  - { id: host, name: Andere GmbH, city: Kiel }\n"));
    const recipient *const *list;
    assert_int_equal((int)registry_recipients(s->r, &list), 1);
    is(list[0]->name, "Andere GmbH");
    is(list[0]->city, "Kiel");
    is(list[0]->country, "DE");
    is(list[0]->role, "processor");
}

static void test_settings_are_checked_and_are_no_facts(void **state)
{
    stand *s = *state;
    loads(s, activities, operator_text);
    kt_str first = kt_str_dup(s->mem, registry_hash(s->r));
    registry_free(s->r);
    loads(s, activities,
          config(s, "server: { listen: \"127.0.0.1:0\", hosts: [a.example] }\n"
                    "mail: { smtp_url: \"smtp://localhost\", from_address: a@example.org }\n"
                    "weblog: { keep: P1D, long_tier: none }\naccount: { phone: later }\n"));
    assert_true(kt_str_eq(first, registry_hash(s->r)));
    assert_true(kt_str_is(kt_get_str(kt_get(registry_config(s->r), "account"), "phone"), "later"));
    registry_free(s->r);
    refuses(s, activities, config(s, "mail: { smtp_url: \"http://x\", from_address: a@example.org }\n"),
            "smtp_url of mail: must be smtp://");
    s->faults = kt_list(s->mem);
    refuses(s, activities, config(s, "weblog: { kep: P1D }\n"), "kontor.yaml:7: unknown key \"kep\" in weblog");
    s->faults = kt_list(s->mem);
    refuses(s, activities, config(s, "weblog: { long_tier: some }\n"), "long_tier must be a map of keys");
}

static void test_a_whole_declaration_stands_alone(void **state)
{
    stand *s = *state;
    loads(s, activities, config(s, "alone: true\n"));
    const activity *const *list;
    assert_int_equal((int)registry_activities(s->r, &list), 0);
}

/* ------------------------------------------------------------------ facts */

static void test_facts_are_complete_and_the_hash_follows_them(void **state)
{
    stand *s = *state;
    loads(s, activities, operator_text);
    kt_str first = kt_str_dup(s->mem, registry_hash(s->r));
    assert_int_equal((int)first.len, 64);
    kt_value *facts = registry_facts(s->r, s->mem);
    const kt_value *a = kt_get(facts, "activities")->first;
    is(kt_get_str(a, "id"), "guest-book");
    is(kt_get_str(kt_get(a, "retention")->first, "max"), "P3Y");
    is(kt_get_str(kt_get(a, "rights"), "objection"), "mail");
    is(kt_get_str(kt_get(a, "cookies")->first, "lifetime"), "P1D");
    is(kt_get_str(kt_get(facts, "operator"), "name"), "Muster GmbH");

    registry_free(s->r);
    loads(s, activities, kt_str_z(s->mem, kt_str_fmt(s->mem, "# only a comment\n%s", operator_text)));
    assert_true(kt_str_eq(first, registry_hash(s->r)));

    registry_free(s->r);
    loads(s, activities, config(s, "activities: [ { id: guest-book, retention: [ { id: row, keep: P1Y } ] } ]\n"));
    assert_false(kt_str_eq(first, registry_hash(s->r)));
}

static void test_the_program_s_own_declarations_load_with_the_built_in_operator(void **state)
{
    stand *s = *state;
    kt_err err = registry_load(NULL, NULL, s->mem, s->faults, &s->r);
    KT_EACH(f, s->faults) fprintf(stderr, "  %.*s\n", KT_ARG(kt_as_str(f)));
    assert_int_equal(err, KT_OK);
    is(registry_operator(s->r)->name, "Musterkontor GmbH");
    assert_non_null(registry_activity(s->r, "audit-trail"));
    assert_false(registry_activity(s->r, "audit-trail")->in_notice);
}

static void test_periods_are_written_as_they_are_read(void **state)
{
    stand *s = *state;
    static const char *const texts[] = { "P7D", "PT30M", "P3Y", "P1Y6M", "P1M", "P1DT12H", "PT1H30M", "PT45S" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int64_t ms = 0;
        int months = 0;
        assert_true(kt_duration_parse(kt_str_c(texts[i]), &ms, &months));
        is(period_text(s->mem, ms, months), texts[i]);
    }
}

/* Every key there is stands in docs/register.md as `key`. */
static void test_the_documentation_names_every_field(void **state)
{
    stand *s = *state;
    const char *root = getenv("KONTOR_SOURCE_ROOT");
    const char *path = kt_str_z(s->mem, kt_str_fmt(s->mem, "%s/docs/register.md", root ? root : "."));
    FILE *f = fopen(path, "r");
    if (!f) skip();
    char *text = kt_alloc(s->mem, 1 << 18);
    size_t n = fread(text, 1, 1 << 18, f);
    fclose(f);
    for (size_t i = 0; shapes_all[i]; i++)
        for (const field *row = shapes_all[i]->fields; row->key; row++) {
            kt_str key = kt_str_fmt(s->mem, "`%s`", row->key);
            bool there = kt_str_find((kt_str){ text, n }, key, 0) != KT_NOT_FOUND_AT;
            if (!there) fprintf(stderr, "%s of %s is not in docs/register.md\n", row->key, shapes_all[i]->name);
            assert_true(there);
        }
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_every_fact_of_a_file_is_read),
        T(test_a_cookie_is_found_by_its_name_with_prefix_or_pattern),
        T(test_a_wrong_file_is_refused_with_line_and_reason),
        T(test_a_module_that_declares_nothing_loads),
        T(test_empty_lists_load),
        T(test_a_file_that_cannot_be_read_says_so),
        T(test_an_empty_operator_file_is_refused),
        T(test_the_operator_rewords_adds_recipients_and_tightens),
        T(test_the_operator_cannot_loosen_or_change_what_the_program_does),
        T(test_an_unknown_activity_of_the_operator_is_declared_only),
        T(test_the_operator_names_a_recipient_of_a_module),
        T(test_settings_are_checked_and_are_no_facts),
        T(test_a_whole_declaration_stands_alone),
        T(test_facts_are_complete_and_the_hash_follows_them),
        T(test_the_program_s_own_declarations_load_with_the_built_in_operator),
        T(test_periods_are_written_as_they_are_read),
        T(test_the_documentation_names_every_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
