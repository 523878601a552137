/* SPDX-License-Identifier: Apache-2.0 */
/* notice_parts.c -- an activity in the notice, block by block, and the lists made over all activities.
 *
 * The blocks stand in the order in which a reader asks: what happens and with which data, what for, on
 * which basis, for how long, how to end it. Cookies answer the last two together, telemetry begins with
 * what it is for. */
#include "register/notice_inner.h"

enum { SECTION_COOKIES = 9, SECTION_PARTNERS = 12, SECTION_PLUGINS = 13 };

/* ---- description and scope ---- */

static kt_str codes(const pen *n, const char *group, const kt_str *list, size_t count)
{
    kt_str *said = kt_alloc_array(n->mem, count + 1, sizeof *said);
    for (size_t i = 0; i < count; i++) said[i] = say_code(n, group, list[i]);
    return say_list(n, said, count);
}

static void data_items(const pen *n, kt_value *block, const activity *a)
{
    if (a->n_data) {
        add_text(n, block, say(n, a->data_exhaustive ? "data.complete" : "data.in_particular"));
        kt_value *list = add_list(n, block);
        for (size_t i = 0; i < a->n_data; i++) add_entry(n, list, pick(n, &a->data[i].name));
    }
    add_texts(n, block, pick(n, &a->data_note));
    kt_str subjects = codes(n, "subject", a->subjects, a->n_subjects),
           sources = codes(n, "source", a->sources, a->n_sources);
    if (subjects.len) add_text(n, block, say_with(n, "data.subjects", { "subjects", subjects }));
    if (sources.len) add_text(n, block, say_with(n, "data.sources", { "sources", sources }));
}

static kt_str recipient_address(const pen *n, const recipient *r)
{
    kt_str parts[3] = { r->address, r->city, say_code(n, "country", r->country) }, some[3];
    size_t count = 0;
    for (size_t i = 0; i < 3; i++)
        if (parts[i].len) some[count++] = parts[i];
    return count ? kt_str_join(n->mem, some, count, KT_STR(", ")) : KT_STR_NONE;
}

static kt_str recipient_role(const pen *n, const recipient *r)
{
    kt_str role = say_code(n, "role", r->role), said = pick(n, &r->role_words);
    if (!said.len) return role;
    bool open = kt_str_is(r->role, "not_stated");
    return open ? say_with(n, "role_open", { "words", said }) : said;
}

/* Which guarantee stands behind a transfer: "Standarddatenschutzklauseln, Art. 46 Abs. 2 lit. c DSGVO". */
static kt_str safeguard(const pen *n, const recipient *r)
{
    kt_str mechanism = say_code(n, "mechanism", r->mechanism);
    if (!r->article.len) return mechanism;
    kt_str article = say_article(n, r->article, KT_STR_NONE);
    if (!mechanism.len) return article;
    return kt_str_fmt(n->mem, "%.*s, %.*s", KT_ARG(mechanism), KT_ARG(article));
}

static void transfer_facts(const pen *n, kt_value *facts, const recipient *r)
{
    kt_str abroad = codes(n, "country", r->third_countries, r->n_third_countries);
    kt_str guarantee = safeguard(n, r);
    if (guarantee.len && r->transfer_date.len)
        guarantee =
            say_with(n, "safeguard_since", { "safeguard", guarantee }, { "date", say_date(n, r->transfer_date) });
    add_fact(n, facts, say(n, "label.third_country"), abroad, KT_STR_NONE);
    add_fact(n, facts, say(n, "label.safeguard"), guarantee, KT_STR_NONE);
    add_fact(n, facts, say(n, "label.transfer"), pick(n, &r->transfer_words), KT_STR_NONE);
    add_fact(n, facts, say(n, "label.copy"), pick(n, &r->copy_route), KT_STR_NONE);
}

static void recipient_facts(const pen *n, kt_value *block, const recipient *r)
{
    kt_value *facts = add_facts(n, block, r->name);
    kt_str server = say_code(n, "country", r->server_location), more = pick(n, &r->server_words);
    if (server.len && more.len)
        server = kt_str_fmt(n->mem, "%.*s. %.*s", KT_ARG(server), KT_ARG(more));
    else if (more.len)
        server = more;
    add_fact(n, facts, say(n, "label.address"), recipient_address(n, r), KT_STR_NONE);
    add_fact(n, facts, say(n, "label.role"), recipient_role(n, r), KT_STR_NONE);
    if (r->onward) add_fact(n, facts, say(n, "label.way"), say(n, "onward"), KT_STR_NONE);
    add_fact(n, facts, say(n, "label.data_scope"), pick(n, &r->data_scope), KT_STR_NONE);
    add_fact(n, facts, say(n, "label.details"), pick(n, &r->details), KT_STR_NONE);
    add_fact(n, facts, say(n, "label.server"), server, KT_STR_NONE);
    transfer_facts(n, facts, r);
    add_fact(n, facts, say(n, "label.notice_url"), r->notice_url, r->notice_url);
    if (!kt_str_eq(r->removal_url, r->notice_url))
        add_fact(n, facts, say(n, "label.removal_url"), r->removal_url, r->removal_url);
    kt_str extra = pick(n, &r->extra_url_words);
    add_fact(n, facts, extra.len ? extra : say(n, "label.extra_url"), r->extra_url, r->extra_url);
}

static void recipient_items(const pen *n, kt_value *block, const activity *a)
{
    kt_str note = pick(n, &a->recipients_note);
    add_sub(n, block, say(n, "label.recipients"));
    add_texts(n, block, note);
    if (!a->n_recipients && !note.len) add_text(n, block, say(n, "recipients.none"));
    for (size_t i = 0; i < a->n_recipients; i++) recipient_facts(n, block, a->recipients[i]);
}

static void scope_block(const pen *n, kt_value *part, const activity *a)
{
    bool of_service = a->section == SECTION_PARTNERS || a->section == SECTION_PLUGINS;
    kt_value *block = add_block(n, part, say(n, of_service ? "heading.scope_service" : "heading.scope"));
    add_texts(n, block, pick(n, &a->description));
    data_items(n, block, a);
    add_texts(n, block, pick(n, &a->obligation));
    if (a->since.len || a->until.len) {
        const char *key = !a->until.len ? "valid.since" : !a->since.len ? "valid.until" : "valid.both";
        add_text(n, block, say_with(n, key, { "since", say_date(n, a->since) }, { "until", say_date(n, a->until) }));
    }
    recipient_items(n, block, a);
}

/* ---- purpose, basis ---- */

static void purpose_block(const pen *n, kt_value *part, const activity *a)
{
    kt_value *block = add_block(n, part, say(n, "heading.purpose"));
    add_text(n, block, say(n, "purpose.intro"));
    kt_value *list = add_list(n, block);
    for (size_t i = 0; i < a->n_purposes; i++) add_entry(n, list, pick(n, &a->purposes[i].text));
    if (!a->n_excluded) return;
    add_text(n, block, say(n, "purpose.excluded"));
    list = add_list(n, block);
    for (size_t i = 0; i < a->n_excluded; i++) add_entry(n, list, pick(n, &a->excluded[i].text));
}

/* "6(1)(f)" → "a6_1_f", the name of a text. */
static kt_str article_code(const pen *n, kt_str article)
{
    char *at = kt_alloc(n->mem, article.len + 2);
    size_t len = 0;
    at[len++] = 'a';
    for (size_t i = 0; i < article.len; i++) {
        if (article.at[i] == '(')
            at[len++] = '_';
        else if (article.at[i] != ')')
            at[len++] = article.at[i];
    }
    return (kt_str){ at, len };
}

static kt_str basis_entry(const pen *n, const legal_basis *b)
{
    kt_str text = say_article(n, b->article, b->verbatim_form), code = article_code(n, b->article);
    kt_str covers = pick(n, &b->applies_to), interest = pick(n, &b->interest);
    if (can_say(n, "basis", code))
        text = kt_str_fmt(n->mem, "%.*s (%.*s)", KT_ARG(text), KT_ARG(say_code(n, "basis", code)));
    if (b->qualifier.len)
        text = say_with(n, kt_str_fmt(n->mem, "qualifier.%.*s", KT_ARG(b->qualifier)).at, { "basis", text });
    if (covers.len) text = say_with(n, "basis_covers", { "basis", text }, { "covers", covers });
    if (interest.len) text = say_with(n, "basis_interest", { "basis", text }, { "interest", interest });
    return text;
}

/* The permission for the device is another question than the basis of the processing (§ 25 TDDDG). */
static void device_text(const pen *n, kt_value *block, const activity *a)
{
    kt_str what = pick(n, &a->device_access_words), reason = pick(n, &a->device_access_reason);
    add_sub(n, block, say(n, "label.device"));
    add_text(n, block, say_code(n, "device", a->device_access));
    if (what.len) add_text(n, block, say_with(n, "device_what", { "what", what }));
    if (reason.len) add_text(n, block, reason);
}

static void basis_block(const pen *n, kt_value *part, const activity *a)
{
    kt_value *block = add_block(n, part, say(n, "heading.basis"));
    kt_value *list = add_list(n, block);
    for (size_t i = 0; i < a->n_bases; i++) add_entry(n, list, basis_entry(n, &a->bases[i]));
    device_text(n, block, a);
    if (a->consent_category.len)
        add_text(n, block,
                 say_with(n, "consent_category", { "category", say_code(n, "category", a->consent_category) }));
}

/* ---- retention ---- */

static kt_str start_words(const pen *n, kt_str start)
{
    return can_say(n, "start", start) ? say_code(n, "start", start) : KT_STR_NONE;
}

/* What the rule does, in figures. `declared`: a wording stands before it, which names the event. */
static kt_str keep_figures(const pen *n, const retention *k, bool declared)
{
    static const char *const then[] = { "erase", "obfuscate", "restrict" };
    bool own = k->keep_ms || k->keep_months;
    kt_str max = say_duration(n, k->max_ms, k->max_months), keep = say_duration(n, k->keep_ms, k->keep_months);
    kt_str start = start_words(n, k->start), end = say_code(n, "then", kt_str_c(then[k->then]));
    if (k->rule == KEEP_EVENT)
        return start.len && !declared ? say_with(n, "keep.event", { "start", start }, { "then", end }) : KT_STR_NONE;
    if (!own && !max.len) return say(n, "keep.open");
    kt_str text = say_with(n, start.len ? "keep.limit_from" : "keep.limit", { "limit", own ? keep : max },
                           { "start", start }, { "then", end });
    if (own && max.len && !kt_str_eq(keep, max))
        text = kt_str_fmt(n->mem, "%.*s %.*s", KT_ARG(text), KT_ARG(say_with(n, "keep.declared_max", { "max", max })));
    return text;
}

static void retention_items(const pen *n, kt_value *block, const activity *a)
{
    kt_value *list = add_list(n, block);
    for (size_t i = 0; i < a->n_keeps; i++) {
        kt_str declared = pick(n, &a->keeps[i].wording), figures = keep_figures(n, &a->keeps[i], declared.len > 0);
        /* Cookies end when the person wants: no figure is owed for them. */
        if (kt_str_is(a->keeps[i].start, "browser")) figures = KT_STR_NONE;
        add_entry(n, list, kt_str_trim(kt_str_fmt(n->mem, "%.*s %.*s", KT_ARG(declared), KT_ARG(figures))));
    }
    if (!a->n_holds) return;
    add_text(n, block, say(n, "holds"));
    list = add_list(n, block);
    for (size_t i = 0; i < a->n_holds; i++) {
        const hold *h = &a->holds[i];
        kt_str line = say_with(n, "hold", { "law", h->law }, { "class", say_code(n, "record_class", h->record_class) },
                               { "duration", say_duration(n, h->ms, h->months) });
        add_entry(n, list, kt_str_trim(kt_str_fmt(n->mem, "%.*s %.*s", KT_ARG(line), KT_ARG(pick(n, &h->wording)))));
    }
}

/* ---- rights ---- */

/* The operator's words say where to go in the browser or the account, and why there is no way; then the
 * general sentence would only repeat them. */
static bool words_suffice(const activity *a)
{
    static const char *const told[] = { "none", "browser", "account", "settings" };
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++)
        if (kt_str_is(a->rights.objection, told[i])) return true;
    return false;
}

static void route_texts(const pen *n, kt_value *block, const activity *a)
{
    const operator_facts *o = n->op;
    kt_str told = pick(n, &a->rights.objection_words);
    add_texts(n, block, told);
    if (!told.len || !words_suffice(a))
        add_text(n, block,
                 say_with(n, kt_str_fmt(n->mem, "objection.%.*s", KT_ARG(a->rights.objection)).at,
                          { "mail", o->privacy_email }));
    add_texts(n, block, pick(n, &a->rights.withdrawal_words));
    if (activity_asks_consent(a))
        add_text(n, block,
                 say_with(n, "route.withdrawal", { "platform", o->platform_name },
                          { "settings", o->settings_button.len ? o->settings_button : say(n, "settings_button") },
                          { "necessary", o->necessary_button.len ? o->necessary_button : say(n, "necessary_button") }));
    add_texts(n, block, pick(n, &a->rights.rectification_words));
    add_texts(n, block, pick(n, &a->rights.erasure_words));
    add_texts(n, block, pick(n, &a->rights.provider_words));
}

/* Where the provider itself lets go of data, else its notice. */
static void provider_links(const pen *n, kt_value *block, const activity *a)
{
    kt_value *facts = NULL;
    for (size_t i = 0; i < a->n_recipients; i++) {
        const recipient *r = a->recipients[i];
        kt_str url = r->removal_url.len ? r->removal_url : r->notice_url;
        if (!url.len) continue;
        if (!facts) facts = add_facts(n, block, KT_STR_NONE);
        add_fact(n, facts, say_with(n, "provider_page", { "name", r->name }), url, url);
    }
}

static const char *rights_heading(const activity *a)
{
    if (a->section == SECTION_PARTNERS) return "heading.rights_all";
    if (a->section == SECTION_PLUGINS && kt_str_is(a->rights.objection, "withdrawal"))
        return "heading.rights_withdrawal";
    return "heading.rights";
}

static void rights_items(const pen *n, kt_value *block, const activity *a)
{
    route_texts(n, block, a);
    provider_links(n, block, a);
    bool none = kt_str_is(a->rights.objection, "none");
    if (!kt_str_is(a->rights.objection, "mail"))
        add_text(n, block, say_with(n, none ? "route.mail_others" : "route.mail", { "mail", n->op->privacy_email }));
}

static void notes_block(const pen *n, kt_value *part, const activity *a)
{
    if (!a->n_notes) return;
    kt_value *block = add_block(n, part, say(n, "heading.notes"));
    for (size_t i = 0; i < a->n_notes; i++) add_texts(n, block, pick(n, &a->notes[i]));
}

void notice_activity(const pen *n, kt_value *part, const activity *a)
{
    bool telemetry = kt_str_is(a->id, "telemetry");
    if (telemetry) purpose_block(n, part, a);
    scope_block(n, part, a);
    if (!telemetry) purpose_block(n, part, a);
    basis_block(n, part, a);
    if (a->section == SECTION_COOKIES) {
        kt_value *block = add_block(n, part, say(n, "heading.cookies_end"));
        retention_items(n, block, a);
        rights_items(n, block, a);
    } else {
        retention_items(n, add_block(n, part, say(n, "heading.retention")), a);
        rights_items(n, add_block(n, part, say(n, rights_heading(a))), a);
    }
    notes_block(n, part, a);
}

/* ---- the list of cookies (Art. 13 GDPR, § 25 TDDDG; C-673/17: duration and access of third parties) ---- */

static kt_str anchor_of(const pen *n, kt_str id) { return kt_str_fmt(n->mem, "#%.*s", KT_ARG(id)); }

static kt_str yes_no(const pen *n, bool yes) { return say(n, yes ? "yes" : "no"); }

static void cookie_row(const pen *n, kt_value *table, const cookie_entry *c)
{
    add_row(n, table);
    const service *s = registry_service(n->r, kt_str_z(n->mem, c->service));
    kt_str lifetime = c->lifetime_s ? say_duration(n, c->lifetime_s * KT_SECOND_MS, 0) : say(n, "cookies.session");
    kt_str owner = kt_str_is(c->host, "own") ? n->op->name : c->host;
    add_cell(n, table, c->name, KT_STR_NONE);
    add_cell(n, table, say_code(n, "kind", c->kind), KT_STR_NONE);
    add_cell(n, table, say_code(n, "category", c->category), KT_STR_NONE);
    add_cell(n, table, lifetime, KT_STR_NONE);
    add_cell(n, table, yes_no(n, c->third_party_access), KT_STR_NONE);
    add_cell(n, table, s ? kt_str_fmt(n->mem, "%.*s (%.*s)", KT_ARG(owner), KT_ARG(pick(n, &s->name))) : owner,
             KT_STR_NONE);
    add_cell(n, table, pick(n, &c->purpose), c->activity ? anchor_of(n, c->activity->id) : KT_STR_NONE);
}

/* Storage of the browser that is no cookie follows the same rule. */
static void storage_rows(const pen *n, kt_value *table, const service *s)
{
    for (size_t i = 0; i < s->n_storage_keys; i++) {
        add_row(n, table);
        add_cell(n, table, s->storage_keys[i], KT_STR_NONE);
        add_cell(n, table, say(n, "cookies.storage"), KT_STR_NONE);
        add_cell(n, table, say_code(n, "category", s->category), KT_STR_NONE);
        add_cell(n, table, say(n, "cookies.until_deleted"), KT_STR_NONE);
        add_cell(n, table, yes_no(n, s->third_party), KT_STR_NONE);
        add_cell(n, table, pick(n, &s->name), KT_STR_NONE);
        add_cell(n, table, pick(n, &s->purpose), KT_STR_NONE);
    }
}

static const service *service_of(const pen *n, const activity *a)
{
    const service *const *list;
    size_t count = registry_services(n->r, &list);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < list[i]->n_activities; j++)
            if (kt_str_eq(list[i]->activities[j], a->id)) return list[i];
    return NULL;
}

static bool reaches_device(const activity *a)
{
    return kt_str_is(a->device_access, "necessary") || kt_str_is(a->device_access, "consent");
}

/* An activity that reaches for the device but names no cookie is listed as just that. */
static void unnamed_row(const pen *n, kt_value *table, const activity *a)
{
    const service *s = service_of(n, a);
    add_row(n, table);
    kt_str open = say(n, "not_stated"), owner = s ? pick(n, &s->name) : pick(n, &a->title);
    kt_str category = a->consent_category.len ? a->consent_category : KT_STR("necessary");
    add_cell(n, table, open, KT_STR_NONE);
    add_cell(n, table, open, KT_STR_NONE);
    add_cell(n, table, say_code(n, "category", category), KT_STR_NONE);
    add_cell(n, table, open, KT_STR_NONE);
    add_cell(n, table, s ? yes_no(n, s->third_party) : open, KT_STR_NONE);
    add_cell(n, table, owner, KT_STR_NONE);
    add_cell(n, table, pick(n, &a->device_access_words), anchor_of(n, a->id));
}

void notice_cookie_list(const pen *n, kt_value *part)
{
    static const char *const columns[] = { "name", "kind", "category", "lifetime", "third_party", "set_by", "purpose" };
    kt_value *block = add_block(n, part, KT_STR_NONE);
    const cookie_entry *const *cookies;
    const service *const *services;
    const activity *const *all;
    size_t n_cookies = registry_cookies(n->r, &cookies), n_services = registry_services(n->r, &services);
    size_t n_all = registry_activities(n->r, &all);
    add_text(n, block, say(n, "cookies.intro"));
    kt_value *table = add_table(n, block, say(n, "cookies.title"), columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < n_cookies; i++) cookie_row(n, table, cookies[i]);
    for (size_t i = 0; i < n_services; i++) storage_rows(n, table, services[i]);
    for (size_t i = 0; i < n_all; i++)
        if (all[i]->in_notice && reaches_device(all[i]) && !all[i]->n_cookies) unnamed_row(n, table, all[i]);
    if (n_cookies) add_text(n, block, say(n, "cookies.prefix"));
}

/* ---- what reaches for the device, over all sections ---- */

static kt_str bases_short(const pen *n, const activity *a)
{
    kt_str *said = kt_alloc_array(n->mem, a->n_bases + 1, sizeof *said);
    for (size_t i = 0; i < a->n_bases; i++) said[i] = say_article(n, a->bases[i].article, a->bases[i].verbatim_form);
    return say_list(n, said, a->n_bases);
}

void notice_device_list(const pen *n, kt_value *part)
{
    static const char *const columns[] = { "activity", "access", "permission", "basis" };
    const activity *const *all;
    size_t count = registry_activities(n->r, &all);
    kt_value *block = add_block(n, part, KT_STR_NONE);
    add_text(n, block, say(n, "device_list.intro"));
    kt_value *table = add_table(n, block, say(n, "device_list.title"), columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < count; i++) {
        kt_str access = pick(n, &all[i]->device_access_words);
        if (!all[i]->in_notice || (!reaches_device(all[i]) && !access.len)) continue;
        add_row(n, table);
        add_cell(n, table, pick(n, &all[i]->title), anchor_of(n, all[i]->id));
        add_cell(n, table, access.len ? access : say(n, "device_list.cookies"), KT_STR_NONE);
        add_cell(n, table, say_code(n, "permission", all[i]->device_access), KT_STR_NONE);
        add_cell(n, table, bases_short(n, all[i]), KT_STR_NONE);
    }
}

/* ---- all recipients ---- */

static kt_str used_by(const pen *n, const recipient *r)
{
    const activity *const *all;
    size_t count = registry_activities(n->r, &all), used = 0;
    kt_str *names = kt_alloc_array(n->mem, count + 1, sizeof *names);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < all[i]->n_recipients; j++)
            if (all[i]->in_notice && all[i]->recipients[j] == r) names[used++] = pick(n, &all[i]->title);
    return say_list(n, names, used);
}

void notice_recipient_list(const pen *n, kt_value *part)
{
    static const char *const columns[] = { "recipient", "country", "role", "activities", "safeguard" };
    const recipient *const *list;
    size_t count = registry_recipients(n->r, &list);
    kt_value *block = add_block(n, part, KT_STR_NONE);
    if (!count) {
        add_text(n, block, say(n, "recipients.nobody"));
        return;
    }
    kt_value *table = add_table(n, block, say(n, "recipients.title"), columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < count; i++) {
        kt_str used = used_by(n, list[i]);
        if (!used.len) continue;
        add_row(n, table);
        kt_str country = say_code(n, "country", list[i]->country), guarantee = safeguard(n, list[i]);
        kt_str abroad = codes(n, "country", list[i]->third_countries, list[i]->n_third_countries);
        if (abroad.len && !kt_str_eq(abroad, country))
            country = say_with(n, "country_and", { "country", country }, { "abroad", abroad });
        add_cell(n, table, list[i]->name, KT_STR_NONE);
        add_cell(n, table, country.len ? country : say(n, "not_stated"), KT_STR_NONE);
        add_cell(n, table, recipient_role(n, list[i]), KT_STR_NONE);
        add_cell(n, table, used, KT_STR_NONE);
        add_cell(n, table, guarantee, KT_STR_NONE);
    }
}
