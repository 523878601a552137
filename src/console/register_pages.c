/* SPDX-License-Identifier: Apache-2.0 */
/* register_pages.c -- the register as staff read it: activities, one activity whole, what is due. */
#include "console/console.h"
#include "register/retention.h"

static kt_str in(const words *w, request *rq) { return words_in(w, rq->lang); }

static bool holds(kt_arena *mem, kt_str text, kt_str wanted)
{
    return kt_str_find(kt_str_lower(mem, text), wanted, 0) != KT_NOT_FOUND_AT;
}

static void add_words(kt_arena *mem, kt_value *map, const char *key, kt_str s)
{
    if (s.len) kt_set_str(mem, map, key, s);
}

static void add_activity_row(request *rq, kt_value *list, const activity *a)
{
    kt_value *row = kt_add_map(rq->mem, list);
    kt_set_str(rq->mem, row, "id", a->id);
    kt_set_str(rq->mem, row, "title", in(&a->title, rq));
    kt_set_int(rq->mem, row, "section", a->section);
    kt_set_bool(rq->mem, row, "in_notice", a->section > 0);
    kt_set_bool(rq->mem, row, "declared_only", a->declared_only);
    kt_set_int(rq->mem, row, "n_data", (int64_t)a->n_data);
    kt_set_int(rq->mem, row, "n_recipients", (int64_t)a->n_recipients);
    kt_str bases = KT_STR("");
    for (size_t i = 0; i < a->n_bases; i++)
        bases = kt_str_fmt(rq->mem, "%.*s%sArt. %.*s", KT_ARG(bases), i ? ", " : "", KT_ARG(a->bases[i].article));
    kt_set_str(rq->mem, row, "bases", bases);
    kt_str keep = a->n_keeps ? in(&a->keeps[0].wording, rq) : KT_STR("");
    kt_set_str(rq->mem, row, "keep", keep);
    kt_set_c(rq->mem, row, "module", a->module ? a->module : "");
}

kt_err console_get_register(request *rq, reply *rs)
{
    console *self = rq->room;
    const registry *r = self->house->registry;
    kt_value *data = kt_map(rq->mem), *list = kt_set_list(rq->mem, data, "activities");
    kt_str q = kt_str_lower(rq->mem, kt_str_trim(request_query(rq, "q")));
    const activity *const *all = NULL;
    size_t n = registry_activities(r, &all);
    for (size_t i = 0; i < n; i++)
        if (!q.len || holds(rq->mem, all[i]->id, q) || holds(rq->mem, in(&all[i]->title, rq), q))
            add_activity_row(rq, list, all[i]);
    kt_set_bool(rq->mem, data, "empty", list->count == 0);
    kt_set_str(rq->mem, data, "q", q);
    kt_set_str(rq->mem, data, "hash", kt_str_slice(registry_hash(r), 0, 12));
    kt_value *recipients = kt_set_list(rq->mem, data, "recipients");
    const recipient *const *to = NULL;
    size_t n_to = registry_recipients(r, &to);
    for (size_t i = 0; i < n_to; i++) {
        kt_value *row = kt_add_map(rq->mem, recipients);
        kt_set_str(rq->mem, row, "name", to[i]->name);
        kt_set_str(rq->mem, row, "country", to[i]->country);
        kt_set_str(rq->mem, row, "role", to[i]->role);
        kt_set_str(rq->mem, row, "safeguard", to[i]->mechanism);
    }
    kt_set_bool(rq->mem, data, "no_recipients", n_to == 0);
    return console_page(self, rq, rs, 200, "console/register", data);
}

static void add_store(request *rq, kt_value *stores, const store_claim *s)
{
    kt_value *row = kt_add_map(rq->mem, stores);
    kt_set_str(rq->mem, row, "where", s->table.len ? s->table : s->file_store);
    kt_set_str(rq->mem, row, "subject", s->subject);
    kt_value *columns = kt_set_list(rq->mem, row, "columns");
    for (size_t i = 0; i < s->n_columns; i++) {
        kt_value *c = kt_add_map(rq->mem, columns);
        kt_set_str(rq->mem, c, "column", s->columns[i].column);
        kt_set_str(rq->mem, c, "data", s->columns[i].data);
        kt_set_bool(rq->mem, c, "technical", kt_str_is(s->columns[i].data, "technical"));
    }
}

kt_err console_get_activity(request *rq, reply *rs)
{
    console *self = rq->room;
    const activity *a = registry_activity(self->house->registry, kt_str_z(rq->mem, request_param(rq, "id")));
    if (!a) return KT_NOT_FOUND;
    kt_arena *mem = rq->mem;
    kt_value *data = kt_map(mem);
    kt_set_str(mem, data, "title", in(&a->title, rq));
    kt_set_str(mem, data, "id", a->id);
    kt_set_str(mem, data, "description", in(&a->description, rq));
    kt_set_bool(mem, data, "in_notice", a->section > 0);
    kt_set_bool(mem, data, "declared_only", a->declared_only);
    kt_set_str(mem, data, "source", kt_str_fmt(mem, "%s:%d", a->file ? a->file : "", a->line));
    kt_value *list = kt_set_list(mem, data, "data");
    for (size_t i = 0; i < a->n_data; i++) kt_set_str(mem, kt_add_map(mem, list), "text", in(&a->data[i].name, rq));
    list = kt_set_list(mem, data, "purposes");
    for (size_t i = 0; i < a->n_purposes; i++)
        kt_set_str(mem, kt_add_map(mem, list), "text", in(&a->purposes[i].text, rq));
    list = kt_set_list(mem, data, "excluded");
    for (size_t i = 0; i < a->n_excluded; i++)
        kt_set_str(mem, kt_add_map(mem, list), "text", in(&a->excluded[i].text, rq));
    list = kt_set_list(mem, data, "bases");
    for (size_t i = 0; i < a->n_bases; i++) {
        kt_value *row = kt_add_map(mem, list);
        kt_set_str(mem, row, "article", a->bases[i].article);
        add_words(mem, row, "applies_to", in(&a->bases[i].applies_to, rq));
        add_words(mem, row, "interest", in(&a->bases[i].interest, rq));
    }
    list = kt_set_list(mem, data, "keeps");
    for (size_t i = 0; i < a->n_keeps; i++) {
        kt_value *row = kt_add_map(mem, list);
        kt_set_str(mem, row, "text", in(&a->keeps[i].wording, rq));
        kt_set_str(mem, row, "id", a->keeps[i].id);
        kt_str by = a->keeps[i].by.len ? a->keeps[i].by : a->keeps[i].table;
        add_words(mem, row, "by", by);
    }
    list = kt_set_list(mem, data, "recipients");
    for (size_t i = 0; i < a->n_recipients; i++) {
        kt_value *row = kt_add_map(mem, list);
        kt_set_str(mem, row, "name", a->recipients[i]->name);
        kt_set_str(mem, row, "country", a->recipients[i]->country);
        add_words(mem, row, "scope", in(&a->recipients[i]->data_scope, rq));
    }
    add_words(mem, data, "recipients_note", in(&a->recipients_note, rq));
    add_words(mem, data, "objection", in(&a->rights.objection_words, rq));
    add_words(mem, data, "withdrawal", in(&a->rights.withdrawal_words, rq));
    list = kt_set_list(mem, data, "cookies");
    for (size_t i = 0; i < a->n_cookies; i++) {
        kt_value *row = kt_add_map(mem, list);
        kt_set_str(mem, row, "name", a->cookies[i].name);
        kt_set_str(mem, row, "purpose", in(&a->cookies[i].purpose, rq));
        kt_set_str(mem, row, "category", a->cookies[i].category);
    }
    kt_set_bool(mem, data, "has_cookies", a->n_cookies > 0);
    list = kt_set_list(mem, data, "stores");
    for (size_t i = 0; i < a->n_stores; i++) add_store(rq, list, &a->stores[i]);
    kt_set_bool(mem, data, "has_stores", a->n_stores > 0);
    return console_page(self, rq, rs, 200, "console/activity", data);
}

kt_err console_get_retention(request *rq, reply *rs)
{
    console *self = rq->room;
    house *h = self->house;
    kt_value *data = kt_map(rq->mem), *due = NULL;
    TRY(retention_due(h->registry, h->store, rq->mem, rq->now_ms, &due));
    int64_t total = 0;
    for (kt_value *row = due->first; row; row = row->next) {
        int64_t n = kt_get_int(row, "due", 0), oldest = kt_get_int(row, "oldest_ms", 0);
        total += n;
        kt_set_str(rq->mem, row, "count", page_number(rq->mem, rq->lang, n));
        kt_set_bool(rq->mem, row, "any", n > 0);
        if (oldest) kt_set_str(rq->mem, row, "oldest", page_datetime(rq->mem, rq->lang, oldest));
    }
    kt_set(rq->mem, data, "due", due);
    kt_set_bool(rq->mem, data, "clean", total == 0);
    kt_set_str(rq->mem, data, "total", page_number(rq->mem, rq->lang, total));
    return console_page(self, rq, rs, 200, "console/retention", data);
}
