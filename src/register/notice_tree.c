/* SPDX-License-Identifier: Apache-2.0 */
/* notice_tree.c -- the notice as a tree: its head, the general part (1-7), the sections 8-14, the lists. */
#include "register/notice_inner.h"

enum { SECTION_FIRST = 8, SECTION_COOKIES = 9, SECTION_PARTNERS = 12, SECTION_PLUGINS = 13, SECTION_LAST = 14 };

/* ---- building blocks ---- */

kt_value *add_block(const pen *n, kt_value *holder, kt_str heading)
{
    kt_value *blocks = (kt_value *)kt_get(holder, "blocks");
    if (!blocks) blocks = kt_set_list(n->mem, holder, "blocks");
    kt_value *block = kt_add_map(n->mem, blocks);
    kt_set_str(n->mem, block, "heading", heading);
    kt_set_list(n->mem, block, "items");
    return block;
}

static kt_value *add_item(const pen *n, kt_value *block)
{
    return kt_add_map(n->mem, (kt_value *)kt_get(block, "items"));
}

void add_text(const pen *n, kt_value *block, kt_str text)
{
    if (text.len) kt_set_str(n->mem, add_item(n, block), "text", text);
}

void add_texts(const pen *n, kt_value *block, kt_str text)
{
    kt_str line;
    while (kt_str_split(&text, '\n', &line)) add_text(n, block, kt_str_trim(line));
}

void add_sub(const pen *n, kt_value *block, kt_str heading) { kt_set_str(n->mem, add_item(n, block), "sub", heading); }

kt_value *add_list(const pen *n, kt_value *block)
{
    kt_value *item = add_item(n, block);
    kt_set_bool(n->mem, item, "has_list", true);
    return kt_set_list(n->mem, item, "list");
}

void add_entry(const pen *n, kt_value *list, kt_str text)
{
    if (text.len) kt_set_str(n->mem, kt_add_map(n->mem, list), "entry", text);
}

static kt_value *facts_new(const pen *n, kt_value *holder, const char *key, kt_str caption)
{
    kt_value *facts = kt_set_map(n->mem, holder, key);
    kt_set_str(n->mem, facts, "caption", caption);
    kt_set_list(n->mem, facts, "rows");
    return facts;
}

kt_value *add_facts(const pen *n, kt_value *block, kt_str caption)
{
    return facts_new(n, add_item(n, block), "facts", caption);
}

void add_fact(const pen *n, kt_value *facts, kt_str term, kt_str value, kt_str url)
{
    if (!value.len) return;
    kt_value *row = kt_add_map(n->mem, (kt_value *)kt_get(facts, "rows"));
    kt_set_str(n->mem, row, "term", term);
    kt_set_str(n->mem, row, "value", value);
    kt_set_str(n->mem, row, "href", notice_href(n->mem, url));
}

kt_value *add_table(const pen *n, kt_value *block, kt_str caption, const char *const *columns, size_t count)
{
    kt_value *table = kt_set_map(n->mem, add_item(n, block), "table");
    kt_set_str(n->mem, table, "caption", caption);
    kt_value *head = kt_set_list(n->mem, table, "head");
    for (size_t i = 0; i < count; i++)
        kt_set_str(n->mem, kt_add_map(n->mem, head), "cell", say_code(n, "column", kt_str_c(columns[i])));
    kt_set_list(n->mem, table, "rows");
    return table;
}

void add_row(const pen *n, kt_value *table)
{
    kt_value *row = kt_add_map(n->mem, (kt_value *)kt_get(table, "rows"));
    kt_set_list(n->mem, row, "cells");
}

/* On a narrow screen a row becomes a card: each cell then carries its column's name. */
void add_cell(const pen *n, kt_value *table, kt_str text, kt_str href)
{
    kt_value *cells = (kt_value *)kt_get(kt_get(table, "rows")->last, "cells");
    const kt_value *column = kt_get(table, "head")->first;
    for (size_t i = 0; i < cells->count; i++) column = column->next;
    kt_value *cell = kt_add_map(n->mem, cells);
    kt_set_str(n->mem, cell, "label", kt_get_str(column, "cell"));
    kt_set_str(n->mem, cell, "cell", text.len ? text : KT_STR("–"));
    kt_set_str(n->mem, cell, "href", href);
}

/* ---- the head ---- */

/* The date the reader sees first: the operator's, else that of the kept version. */
static kt_str document_day(const pen *n, notice_stamp stamp)
{
    if (n->op->document_date.len) return n->op->document_date;
    return stamp.made_at ? kt_time_day(n->mem, stamp.made_at) : KT_STR_NONE;
}

static kt_str document_title(const pen *n)
{
    kt_str title = pick(n, &n->op->document_title);
    return title.len ? title : say(n, "title");
}

static kt_str mailto(const pen *n, kt_str address)
{
    return address.len ? kt_str_fmt(n->mem, "mailto:%.*s", KT_ARG(address)) : KT_STR_NONE;
}

static kt_str address_of(const pen *n, const operator_facts *o)
{
    kt_str town = kt_str_trim(kt_str_fmt(n->mem, "%.*s %.*s", KT_ARG(o->postcode), KT_ARG(o->city)));
    kt_str parts[3] = { o->street, town, say_code(n, "country", o->country) };
    kt_str some[3];
    size_t count = 0;
    if (!o->street.len && !town.len) return KT_STR_NONE;
    for (size_t i = 0; i < 3; i++)
        if (parts[i].len) some[count++] = parts[i];
    return kt_str_join(n->mem, some, count, KT_STR(", "));
}

/* "Stand: 30. Juni 2022 · Fassung 3 vom 23. November 2026" */
static kt_str stand_words(const pen *n, kt_str day, notice_stamp stamp)
{
    kt_str date = say_date(n, day), both[2];
    size_t count = 0;
    if (date.len) both[count++] = say_with(n, "stand", { "date", date });
    if (stamp.version) {
        kt_str version = page_number(n->mem, n->lang, stamp.version);
        kt_str made = page_date(n->mem, n->lang, stamp.made_at);
        both[count++] = say_with(n, "version_of", { "version", version }, { "date", made });
    }
    return kt_str_join(n->mem, both, count, KT_STR(" · "));
}

static void head_fill(const pen *n, kt_value *tree, notice_stamp stamp)
{
    const operator_facts *o = n->op;
    kt_str day = document_day(n, stamp);
    kt_set_c(n->mem, tree, "lang", n->lang);
    kt_set_str(n->mem, tree, "title", document_title(n));
    kt_set_str(n->mem, tree, "date_iso", day);
    kt_set_str(n->mem, tree, "date", say_date(n, day));
    kt_set_str(n->mem, tree, "stand", stand_words(n, day, stamp));
    kt_set_str(n->mem, tree, "toc_title", say(n, "toc"));
    if (stamp.version) kt_set_int(n->mem, tree, "version", stamp.version);
    kt_value *head = facts_new(n, tree, "head", KT_STR_NONE);
    add_fact(n, head, say(n, "label.controller"), o->name, KT_STR_NONE);
    kt_str platform = o->platform_name;
    if (!kt_str_ends(o->platform_url, platform))
        platform = kt_str_fmt(n->mem, "%.*s (%.*s)", KT_ARG(platform), KT_ARG(o->platform_url));
    else
        platform = o->platform_url;
    add_fact(n, head, say(n, "label.platform"), platform, o->platform_url);
    add_fact(n, head, say(n, "label.privacy_contact"), o->privacy_email, mailto(n, o->privacy_email));
    add_fact(n, head, say(n, "label.general_part"), o->general_notice_url, o->general_notice_url);
}

/* ---- 1-7, the general part ---- */

static void controller_block(const pen *n, kt_value *section)
{
    const operator_facts *o = n->op;
    kt_value *block = add_block(n, section, say(n, "label.controller"));
    kt_value *facts = add_facts(n, block, KT_STR_NONE);
    kt_str name = o->name;
    if (o->legal_form.len && kt_str_find(name, o->legal_form, 0) == KT_NOT_FOUND_AT)
        name = kt_str_fmt(n->mem, "%.*s (%.*s)", KT_ARG(name), KT_ARG(o->legal_form));
    add_fact(n, facts, say(n, "label.name"), name, KT_STR_NONE);
    add_fact(n, facts, say(n, "label.address"), address_of(n, o), KT_STR_NONE);
    add_fact(n, facts, say(n, "label.represented_by"), o->represented_by, KT_STR_NONE);
    add_fact(n, facts, say(n, "label.email"), o->email, mailto(n, o->email));
    add_fact(n, facts, say(n, "label.phone"), o->phone, KT_STR_NONE);
    if (!o->street.len && o->general_notice_url.len)
        add_text(n, block, say_with(n, "general.contact_elsewhere", { "url", o->general_notice_url }));
}

static void officer_block(const pen *n, kt_value *section)
{
    const operator_facts *o = n->op;
    kt_value *block = add_block(n, section, say(n, "label.dpo"));
    if (o->dpo_contact.len || o->dpo_name.len) {
        kt_value *facts = add_facts(n, block, KT_STR_NONE);
        bool mail = kt_str_find_byte(o->dpo_contact, '@', 0) != KT_NOT_FOUND_AT &&
                    kt_str_find_byte(o->dpo_contact, ' ', 0) == KT_NOT_FOUND_AT;
        add_fact(n, facts, say(n, "label.name"), o->dpo_name, KT_STR_NONE);
        add_fact(n, facts, say(n, "label.contact"), o->dpo_contact, mail ? mailto(n, o->dpo_contact) : o->dpo_contact);
    } else if (o->general_notice_url.len) {
        add_text(n, block, say_with(n, "general.dpo_elsewhere", { "url", o->general_notice_url }));
    } else {
        add_text(n, block, say(n, "general.dpo_none"));
    }
}

static kt_str mail_route(const pen *n) { return say_with(n, "route.mail", { "mail", n->op->privacy_email }); }

static kt_str withdrawal_route(const pen *n)
{
    const operator_facts *o = n->op;
    kt_str settings = o->settings_button.len ? o->settings_button : say(n, "settings_button");
    kt_str necessary = o->necessary_button.len ? o->necessary_button : say(n, "necessary_button");
    return say_with(n, "route.withdrawal", { "platform", o->platform_name }, { "settings", settings },
                    { "necessary", necessary });
}

/* Art. 13(2)(b)-(d), 15-22, 77 GDPR. */
static void rights_block(const pen *n, kt_value *section)
{
    static const char *const rights[] = { "access",    "rectification", "erasure",   "restriction", "portability",
                                          "objection", "withdrawal",    "automated", "complaint" };
    kt_value *block = add_block(n, section, say(n, "general.rights"));
    add_text(n, block, say(n, "general.rights_intro"));
    kt_value *list = add_list(n, block);
    for (size_t i = 0; i < sizeof rights / sizeof rights[0]; i++)
        add_entry(n, list, say_code(n, "right", kt_str_c(rights[i])));
    add_text(n, block, mail_route(n));
    add_text(n, block, withdrawal_route(n));
    if (n->op->authority.len) add_text(n, block, say_with(n, "general.authority", { "authority", n->op->authority }));
    if (n->op->privacy_form_url.len)
        add_fact(n, add_facts(n, block, KT_STR_NONE), say(n, "label.form"), n->op->privacy_form_url,
                 n->op->privacy_form_url);
}

static kt_value *section_new(const pen *n, kt_value *sections, const char *anchor, kt_str number, kt_str name)
{
    kt_value *section = kt_add_map(n->mem, sections);
    kt_set_c(n->mem, section, "anchor", anchor);
    kt_set_str(n->mem, section, "number", number);
    kt_set_str(n->mem, section, "name", name);
    kt_set_list(n->mem, section, "blocks");
    kt_set_list(n->mem, section, "parts");
    return section;
}

static void general_section(const pen *n, kt_value *sections)
{
    kt_value *section = section_new(n, sections, "general", KT_STR("1–7"), say(n, "label.general_part"));
    if (n->op->general_notice_url.len) {
        kt_value *block = add_block(n, section, KT_STR_NONE);
        add_text(n, block, say(n, "general.elsewhere"));
        add_fact(n, add_facts(n, block, KT_STR_NONE), say(n, "label.general_part"), n->op->general_notice_url,
                 n->op->general_notice_url);
    }
    controller_block(n, section);
    officer_block(n, section);
    rights_block(n, section);
}

/* ---- 8-14 ---- */

bool activity_asks_consent(const activity *a)
{
    if (kt_str_is(a->device_access, "consent")) return true;
    for (size_t i = 0; i < a->n_bases; i++)
        if (kt_str_is(a->bases[i].article, "6(1)(a)")) return true;
    return false;
}

static bool rests_on_interest(const activity *a)
{
    for (size_t i = 0; i < a->n_bases; i++)
        if (kt_str_is(a->bases[i].article, "6(1)(f)")) return true;
    return false;
}

typedef struct {
    const activity *const *list;
    size_t count;
} activity_list;

static bool stands_in(const activity *a, int section) { return a->in_notice && a->section == section; }

/* The names of a section's activities for which `is` holds, as "a, b und c". */
static kt_str names_where(const pen *n, activity_list all, int section, bool (*is)(const activity *a))
{
    kt_str *names = kt_alloc_array(n->mem, all.count + 1, sizeof *names);
    size_t count = 0;
    for (size_t i = 0; i < all.count; i++)
        if (stands_in(all.list[i], section) && is(all.list[i])) names[count++] = pick(n, &all.list[i]->title);
    return say_list(n, names, count);
}

static bool leaves_the_union(const activity *a)
{
    for (size_t i = 0; i < a->n_recipients; i++)
        if (a->recipients[i]->n_third_countries) return true;
    return false;
}

/* What the plugins have in common: transfers, the copy of the clauses, the withdrawal. */
static void plugin_intro(const pen *n, kt_value *section, activity_list all)
{
    kt_str abroad = names_where(n, all, SECTION_PLUGINS, leaves_the_union);
    kt_str interest = names_where(n, all, SECTION_PLUGINS, rests_on_interest);
    if (abroad.len) {
        kt_value *block = add_block(n, section, say(n, "heading.transfer"));
        add_text(n, block, say_with(n, "plugins.transfer", { "names", abroad }));
        add_text(n, block,
                 say_with(n, "plugins.basis", { "clauses", say_article(n, KT_STR("46(2)(c)"), KT_STR_NONE) }));
        add_text(n, block, say(n, "plugins.copy"));
    }
    kt_value *block = add_block(n, section, say(n, "heading.rights_all"));
    add_text(n, block, withdrawal_route(n));
    if (interest.len) add_text(n, block, say_with(n, "plugins.all_off", { "names", interest }));
}

static void section_intro(const pen *n, kt_value *section, int number, activity_list all, size_t count)
{
    if (count == 0) {
        add_text(n, add_block(n, section, KT_STR_NONE), say(n, "section_empty"));
        return;
    }
    if (number == SECTION_PLUGINS) plugin_intro(n, section, all);
    if (number == SECTION_PARTNERS) {
        kt_value *block = add_block(n, section, say(n, "heading.rights_all"));
        add_text(n, block, withdrawal_route(n));
    }
}

static kt_value *part_new(const pen *n, kt_value *section, kt_str anchor, kt_str name)
{
    kt_value *parts = (kt_value *)kt_get(section, "parts"), *part = kt_add_map(n->mem, parts);
    kt_str number = kt_get_str(section, "number");
    kt_set_str(n->mem, part, "anchor", anchor);
    kt_set_str(n->mem, part, "number", kt_str_fmt(n->mem, "%.*s.%zu", KT_ARG(number), parts->count));
    kt_set_str(n->mem, part, "name", name);
    return part;
}

static void numbered_section(const pen *n, kt_value *sections, int number, activity_list all)
{
    kt_str text = kt_str_fmt(n->mem, "%d", number);
    kt_value *section =
        section_new(n, sections, text.at, text, say_code(n, "section", kt_str_fmt(n->mem, "s%d", number)));
    size_t count = 0;
    for (size_t i = 0; i < all.count; i++) {
        if (!stands_in(all.list[i], number)) continue;
        notice_activity(n, part_new(n, section, all.list[i]->id, pick(n, &all.list[i]->title)), all.list[i]);
        count++;
    }
    section_intro(n, section, number, all, count);
    if (number == SECTION_COOKIES) {
        notice_cookie_list(n, part_new(n, section, KT_STR("cookie-list"), say(n, "cookies.title")));
        notice_device_list(n, part_new(n, section, KT_STR("device-access"), say(n, "device_list.title")));
    }
}

static void recipients_section(const pen *n, kt_value *sections)
{
    kt_value *section = section_new(n, sections, "recipients", KT_STR_NONE, say(n, "recipients.title"));
    notice_recipient_list(n, section);
}

/* ---- the table of contents ---- */

static void toc_entry(const pen *n, kt_value *toc, const kt_value *of, kt_str href)
{
    kt_value *entry = kt_add_map(n->mem, toc);
    kt_str anchor = kt_get_str(of, "anchor");
    kt_set_str(n->mem, entry, "number", kt_get_str(of, "number"));
    kt_set_str(n->mem, entry, "name", kt_get_str(of, "name"));
    kt_set_str(n->mem, entry, "href", href.len ? href : kt_str_fmt(n->mem, "#%.*s", KT_ARG(anchor)));
    kt_value *parts = kt_set_list(n->mem, entry, "entries");
    KT_EACH(part, kt_get(of, "parts")) toc_entry(n, parts, part, KT_STR_NONE);
    kt_set_bool(n->mem, entry, "has_entries", parts->count > 0);
}

/* 1-7 is one entry; it leads to the operator's general part where there is one. */
static void toc_fill(const pen *n, kt_value *toc, const kt_value *sections)
{
    KT_EACH(section, sections) {
        bool general = kt_str_is(kt_get_str(section, "anchor"), "general");
        toc_entry(n, toc, section, general ? notice_href(n->mem, n->op->general_notice_url) : KT_STR_NONE);
    }
}

kt_value *notice_tree(const pen *n, notice_stamp stamp)
{
    kt_value *tree = kt_map(n->mem);
    activity_list all = { NULL, 0 };
    all.count = registry_activities(n->r, &all.list);
    head_fill(n, tree, stamp);
    kt_value *toc = kt_set_list(n->mem, tree, "toc"), *sections = kt_set_list(n->mem, tree, "sections");
    general_section(n, sections);
    for (int i = SECTION_FIRST; i <= SECTION_LAST; i++) numbered_section(n, sections, i, all);
    recipients_section(n, sections);
    toc_fill(n, toc, sections);
    return tree;
}
