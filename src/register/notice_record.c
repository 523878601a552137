/* SPDX-License-Identifier: Apache-2.0 */
/* notice_record.c -- the record of processing activities (Art. 30(1) GDPR), for the authority and the
 * data protection officer: every activity, also those that no public section shows.
 *
 * One table of columns makes all three forms. A to G are what the article asks for; the rest is what we
 * keep beside it, to be able to show that each declaration is meant (Art. 5(2), 24, 28, 35 GDPR). */
#include "register/notice_inner.h"

typedef void (*record_fill)(const pen *n, const activity *a, kt_value *list);

static void put(const pen *n, kt_value *list, kt_str text)
{
    if (text.len) kt_add_str(n->mem, list, text);
}

/* "a (b)", or only one of both. */
static kt_str with(const pen *n, kt_str text, kt_str more)
{
    if (!text.len || !more.len) return text.len ? text : more;
    return kt_str_fmt(n->mem, "%.*s (%.*s)", KT_ARG(text), KT_ARG(more));
}

/* ---- what Art. 30(1) asks for ---- */

static void fill_controller(const pen *n, const activity *a, kt_value *list)
{
    const operator_facts *o = n->op;
    put(n, list, o->name);
    put(n, list, o->street);
    put(n, list, kt_str_trim(kt_str_fmt(n->mem, "%.*s %.*s", KT_ARG(o->postcode), KT_ARG(o->city))));
    put(n, list, o->email);
    put(n, list, o->phone);
}
static void fill_joint(const pen *n, const activity *a, kt_value *list) { put(n, list, n->op->joint_controllers); }
static void fill_representative(const pen *n, const activity *a, kt_value *list)
{
    put(n, list, n->op->representative);
}
static void fill_officer(const pen *n, const activity *a, kt_value *list)
{
    put(n, list, n->op->dpo_name);
    put(n, list, n->op->dpo_contact);
}

static void fill_purposes(const pen *n, const activity *a, kt_value *list)
{
    for (size_t i = 0; i < a->n_purposes; i++) put(n, list, pick(n, &a->purposes[i].text));
    for (size_t i = 0; i < a->n_excluded; i++)
        put(n, list, say_with(n, "record.not_for", { "purpose", pick(n, &a->excluded[i].text) }));
}
static void fill_subjects(const pen *n, const activity *a, kt_value *list)
{
    for (size_t i = 0; i < a->n_subjects; i++) put(n, list, say_code(n, "subject", a->subjects[i]));
}
static void fill_data(const pen *n, const activity *a, kt_value *list)
{
    for (size_t i = 0; i < a->n_data; i++) put(n, list, pick(n, &a->data[i].name));
    if (!a->data_exhaustive) put(n, list, say(n, "record.among_others"));
    put(n, list, pick(n, &a->data_note));
}

static void fill_recipients(const pen *n, const activity *a, kt_value *list)
{
    for (size_t i = 0; i < a->n_recipients; i++) {
        const recipient *r = a->recipients[i];
        kt_str more[2] = { say_code(n, "country", r->country), say_code(n, "role", r->role) };
        put(n, list, with(n, r->name, kt_str_join(n->mem, more, 2, more[0].len ? KT_STR(", ") : KT_STR(""))));
    }
    put(n, list, pick(n, &a->recipients_note));
}
static void fill_transfers(const pen *n, const activity *a, kt_value *list)
{
    for (size_t i = 0; i < a->n_recipients; i++) {
        const recipient *r = a->recipients[i];
        for (size_t j = 0; j < r->n_third_countries; j++)
            put(n, list, with(n, say_code(n, "country", r->third_countries[j]), r->name));
    }
}
static void fill_safeguards(const pen *n, const activity *a, kt_value *list)
{
    for (size_t i = 0; i < a->n_recipients; i++) {
        const recipient *r = a->recipients[i];
        kt_str article = r->article.len ? say_article(n, r->article, KT_STR_NONE) : KT_STR_NONE;
        kt_str guarantee = with(n, say_code(n, "mechanism", r->mechanism), article);
        if (!guarantee.len) continue;
        kt_str date = r->transfer_date.len ? kt_str_fmt(n->mem, " %.*s", KT_ARG(r->transfer_date)) : KT_STR("");
        put(n, list, kt_str_fmt(n->mem, "%.*s: %.*s%.*s", KT_ARG(r->name), KT_ARG(guarantee), KT_ARG(date)));
        put(n, list, pick(n, &r->transfer_words));
    }
}

static kt_str keep_line(const pen *n, const retention *k)
{
    static const char *const then[] = { "erase", "obfuscate", "restrict" };
    kt_str period = say_duration(n, k->keep_ms, k->keep_months), max = say_duration(n, k->max_ms, k->max_months);
    kt_str end = say_code(n, "then", kt_str_c(then[k->then]));
    if (!period.len) period = max.len ? max : say(n, "record.no_period");
    return kt_str_fmt(n->mem, "%.*s: %.*s, %.*s", KT_ARG(k->id), KT_ARG(period), KT_ARG(end));
}
static void fill_retention(const pen *n, const activity *a, kt_value *list)
{
    for (size_t i = 0; i < a->n_keeps; i++) {
        put(n, list, keep_line(n, &a->keeps[i]));
        put(n, list, pick(n, &a->keeps[i].wording));
    }
    for (size_t i = 0; i < a->n_holds; i++)
        put(n, list, with(n, a->holds[i].law, say_duration(n, a->holds[i].ms, a->holds[i].months)));
}

static void fill_security(const pen *n, const activity *a, kt_value *list)
{
    put(n, list, say(n, "record.security"));
    put(n, list, pick(n, &n->op->security_measures));
}

/* ---- what we keep beside it ---- */

static void fill_bases(const pen *n, const activity *a, kt_value *list)
{
    for (size_t i = 0; i < a->n_bases; i++) {
        const legal_basis *b = &a->bases[i];
        kt_str text = with(n, say_article(n, b->article, b->verbatim_form), pick(n, &b->applies_to));
        kt_str interest = pick(n, &b->interest);
        put(n, list, interest.len ? kt_str_fmt(n->mem, "%.*s: %.*s", KT_ARG(text), KT_ARG(interest)) : text);
    }
}
static void fill_consent(const pen *n, const activity *a, kt_value *list)
{
    put(n, list, say_code(n, "category", a->consent_category));
}
static void fill_device(const pen *n, const activity *a, kt_value *list)
{
    put(n, list, say_code(n, "permission", a->device_access));
    put(n, list, pick(n, &a->device_access_words));
    put(n, list, pick(n, &a->device_access_reason));
}
static void fill_sources(const pen *n, const activity *a, kt_value *list)
{
    for (size_t i = 0; i < a->n_sources; i++) put(n, list, say_code(n, "source", a->sources[i]));
}
static void fill_obligation(const pen *n, const activity *a, kt_value *list) { put(n, list, pick(n, &a->obligation)); }

static void fill_objection(const pen *n, const activity *a, kt_value *list)
{
    put(n, list, a->rights.objection);
    put(n, list, pick(n, &a->rights.objection_words));
}

static void fill_stores(const pen *n, const activity *a, kt_value *list)
{
    for (size_t i = 0; i < a->n_stores; i++) {
        const store_claim *s = &a->stores[i];
        kt_str *names = kt_alloc_array(n->mem, s->n_columns + 1, sizeof *names);
        for (size_t j = 0; j < s->n_columns; j++) names[j] = s->columns[j].column;
        put(n, list,
            with(n, s->table.len ? s->table : s->file_store, kt_str_join(n->mem, names, s->n_columns, KT_STR(", "))));
    }
}
static void fill_cookies(const pen *n, const activity *a, kt_value *list)
{
    for (size_t i = 0; i < a->n_cookies; i++) {
        kt_str lifetime = say_duration(n, a->cookies[i].lifetime_s * KT_SECOND_MS, 0);
        put(n, list, with(n, a->cookies[i].name, lifetime.len ? lifetime : say(n, "cookies.session")));
    }
}
static void fill_services(const pen *n, const activity *a, kt_value *list)
{
    const service *const *all;
    size_t count = registry_services(n->r, &all);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < all[i]->n_activities; j++)
            if (kt_str_eq(all[i]->activities[j], a->id)) put(n, list, pick(n, &all[i]->name));
}

static void fill_balancing(const pen *n, const activity *a, kt_value *list) { put(n, list, a->balancing_test); }
static void fill_impact(const pen *n, const activity *a, kt_value *list) { put(n, list, a->impact_assessment); }
static void fill_contracts(const pen *n, const activity *a, kt_value *list)
{
    for (size_t i = 0; i < a->n_recipients; i++) {
        const recipient *r = a->recipients[i];
        if (!r->contract_id.len) continue;
        put(n, list,
            say_with(n, "record.contract", { "name", r->name }, { "id", r->contract_id },
                     { "date", say_date(n, r->contract_date) }, { "review", say_date(n, r->review_date) },
                     { "others", pick(n, &r->sub_processors) }));
    }
}
static void fill_since(const pen *n, const activity *a, kt_value *list) { put(n, list, a->since); }
static void fill_until(const pen *n, const activity *a, kt_value *list) { put(n, list, a->until); }
static void fill_approver(const pen *n, const activity *a, kt_value *list) { put(n, list, a->approver); }
static void fill_reason(const pen *n, const activity *a, kt_value *list) { put(n, list, pick(n, &a->change_reason)); }
static void fill_section(const pen *n, const activity *a, kt_value *list)
{
    put(n, list, a->section ? kt_str_fmt(n->mem, "%d", a->section) : say(n, "record.not_public"));
}
static void fill_title(const pen *n, const activity *a, kt_value *list) { put(n, list, pick(n, &a->title)); }
static void fill_id(const pen *n, const activity *a, kt_value *list) { put(n, list, a->id); }
static void fill_done_by(const pen *n, const activity *a, kt_value *list)
{
    put(n, list, a->module ? kt_str_c(a->module) : say(n, "record.declared_only"));
}

static const struct {
    const char *key;
    record_fill fill;
    bool same_for_all;
} columns[] = {
    { "id", fill_id, false },
    { "title", fill_title, false },
    { "section", fill_section, false },
    { "controller", fill_controller, true },
    { "joint_controllers", fill_joint, true },
    { "representative", fill_representative, true },
    { "dpo", fill_officer, true },
    { "purposes", fill_purposes, false },
    { "subjects", fill_subjects, false },
    { "data", fill_data, false },
    { "recipients", fill_recipients, false },
    { "third_countries", fill_transfers, false },
    { "safeguards", fill_safeguards, false },
    { "retention", fill_retention, false },
    { "security", fill_security, true },
    { "legal_basis", fill_bases, false },
    { "consent_purpose", fill_consent, false },
    { "device_access", fill_device, false },
    { "sources", fill_sources, false },
    { "obligation", fill_obligation, false },
    { "objection", fill_objection, false },
    { "stores", fill_stores, false },
    { "cookies", fill_cookies, false },
    { "services", fill_services, false },
    { "balancing_test", fill_balancing, false },
    { "impact_assessment", fill_impact, false },
    { "contracts", fill_contracts, false },
    { "since", fill_since, false },
    { "until", fill_until, false },
    { "approver", fill_approver, false },
    { "change_reason", fill_reason, false },
    { "done_by", fill_done_by, false },
};
enum { N_COLUMNS = sizeof columns / sizeof columns[0] };

static kt_value *filled(const pen *n, size_t column, const activity *a)
{
    kt_value *list = kt_list(n->mem);
    columns[column].fill(n, a, list);
    return list;
}

static kt_str joined(const pen *n, const kt_value *list, const char *sep)
{
    kt_str *parts = kt_alloc_array(n->mem, list->count + 1, sizeof *parts);
    size_t count = 0;
    KT_EACH(v, list) parts[count++] = v->as.string;
    return kt_str_join(n->mem, parts, count, kt_str_c(sep));
}

/* ---- forms ---- */

/* RFC 4180. A spreadsheet would run a field that begins with one of these as a formula. */
static void put_csv_field(kt_buf *out, kt_str text)
{
    kt_buf_put_byte(out, '"');
    if (text.len && strchr("=+-@\t\r", text.at[0])) kt_buf_put_byte(out, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '"') kt_buf_put_byte(out, '"');
        kt_buf_put_byte(out, text.at[i]);
    }
    kt_buf_put_byte(out, '"');
}

static void record_csv(const pen *n, const activity *const *all, size_t count, kt_buf *out)
{
    for (size_t c = 0; c < N_COLUMNS; c++) {
        if (c) kt_buf_put_byte(out, ',');
        put_csv_field(out, say_code(n, "record_column", kt_str_c(columns[c].key)));
    }
    kt_buf_put_c(out, "\r\n");
    for (size_t i = 0; i < count; i++) {
        for (size_t c = 0; c < N_COLUMNS; c++) {
            if (c) kt_buf_put_byte(out, ',');
            put_csv_field(out, joined(n, filled(n, c, all[i]), "; "));
        }
        kt_buf_put_c(out, "\r\n");
    }
}

static void record_json(const pen *n, const activity *const *all, size_t count, kt_buf *out)
{
    kt_value *record = kt_map(n->mem), *list;
    kt_set_str(n->mem, record, "hash", registry_hash(n->r));
    for (size_t c = 0; c < N_COLUMNS; c++)
        if (columns[c].same_for_all && count) kt_set(n->mem, record, columns[c].key, filled(n, c, all[0]));
    list = kt_set_list(n->mem, record, "activities");
    for (size_t i = 0; i < count; i++) {
        kt_value *one = kt_add_map(n->mem, list);
        for (size_t c = 0; c < N_COLUMNS; c++)
            if (!columns[c].same_for_all) kt_set(n->mem, one, columns[c].key, filled(n, c, all[i]));
    }
    kt_json_put_pretty(out, record);
    kt_buf_put_byte(out, '\n');
}

static void put_text_column(const pen *n, size_t c, const activity *a, kt_buf *out)
{
    kt_value *list = filled(n, c, a);
    if (!list->count) return;
    kt_buf_put_fmt(out, "  %.*s\n", KT_ARG(say_code(n, "record_column", kt_str_c(columns[c].key))));
    KT_EACH(v, list) kt_buf_put_fmt(out, "    - %.*s\n", KT_ARG(v->as.string));
}

static void record_text(const pen *n, const activity *const *all, size_t count, kt_buf *out)
{
    kt_buf_put_fmt(out, "%.*s\n\n", KT_ARG(say(n, "record.title")));
    for (size_t c = 0; c < N_COLUMNS; c++)
        if (columns[c].same_for_all && count) put_text_column(n, c, all[0], out);
    for (size_t i = 0; i < count; i++) {
        kt_buf_put_fmt(out, "\n%.*s [%.*s]\n", KT_ARG(pick(n, &all[i]->title)), KT_ARG(all[i]->id));
        for (size_t c = 2; c < N_COLUMNS; c++)
            if (!columns[c].same_for_all) put_text_column(n, c, all[i], out);
    }
}

kt_err notice_record_in(const registry *r, pages *p, kt_arena *mem, const char *lang, const char *format, kt_buf *out)
{
    const activity *const *all;
    size_t count = registry_activities(r, &all);
    pen n = pen_new(r, p, mem, lang);
    if (strcmp(format, "csv") == 0)
        record_csv(&n, all, count, out);
    else if (strcmp(format, "json") == 0)
        record_json(&n, all, count, out);
    else if (strcmp(format, "text") == 0)
        record_text(&n, all, count, out);
    else
        return KT_BAD_INPUT;
    return kt_buf_check(out);
}

kt_err notice_record(const registry *r, kt_arena *mem, const char *format, kt_buf *out)
{
    pages *p = NULL;
    TRY(pages_new(NULL, &p));
    kt_err err = notice_record_in(r, p, mem, "de", format, out);
    pages_free(p);
    return err;
}
