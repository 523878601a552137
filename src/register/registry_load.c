/* SPDX-License-Identifier: Apache-2.0 */
/* registry_load.c -- from files to one register: read, lay the operator's file over it, join.
 *
 * The order matters: all modules' files first, then kontor.yaml, because only then it is known whether
 * an activity there is one of the program's (reword, tighten) or the operator's own (declared only). With
 * `alone: true` the modules' files are left out: the operator's file is a whole declaration to be rendered
 * and compared, and no program would start on it.
 * Joining resolves names between files and is left out when a file could not even be parsed: its faults
 * would only echo the first one. */
#include "register/load.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/embedded.h"
#include "base/hash.h"
#include "register/fields.h"
#include "register/inside.h"

enum { CONFIG_MAX = 1 << 20, THINGS_MAX = 1000 };

/* What has been read so far; grows to THINGS_MAX of a kind. */
typedef struct {
    reader rd;
    registry *r;
    activity_draft **activities;
    size_t n_activities;
    service **services;
    size_t n_services;
    recipient **recipients;
    size_t n_recipients;
    bool unparsed;
} loading;

/* Nothing is found under an empty id: that is a fault said elsewhere. */
static activity_draft *find_activity(const loading *l, kt_str id)
{
    for (size_t i = 0; id.len && i < l->n_activities; i++)
        if (kt_str_eq(l->activities[i]->a.id, id)) return l->activities[i];
    return NULL;
}

static service *find_service(const loading *l, kt_str id)
{
    for (size_t i = 0; id.len && i < l->n_services; i++)
        if (kt_str_eq(l->services[i]->id, id)) return l->services[i];
    return NULL;
}

static recipient *find_recipient(const loading *l, kt_str id)
{
    for (size_t i = 0; id.len && i < l->n_recipients; i++)
        if (kt_str_eq(l->recipients[i]->id, id)) return l->recipients[i];
    return NULL;
}

/* A fault at a place of another file than the one being read. */
static void fault_at(loading *l, const char *file, int line, const char *fmt, ...) KT_PRINTF(4, 5);
static void fault_at(loading *l, const char *file, int line, const char *fmt, ...)
{
    const char *before = l->rd.file;
    va_list args;
    va_start(args, fmt);
    kt_str reason = kt_str_vfmt(l->r->mem, fmt, args);
    va_end(args);
    l->rd.file = file;
    reader_fault(&l->rd, line, "%.*s", KT_ARG(reason));
    l->rd.file = before;
}

/* ------------------------------------------------------------------ periods */

/* The shortest and the longest a calendar period can be. */
static int64_t shortest_ms(int64_t ms, int months) { return ms + (months / 12 * 365 + months % 12 * 28) * KT_DAY_MS; }
static int64_t longest_ms(int64_t ms, int months) { return ms + (months / 12 * 366 + months % 12 * 31) * KT_DAY_MS; }

static bool longer(const retention *k)
{
    if (!k->max_ms && !k->max_months) return false;
    if (k->keep_months == k->max_months) return k->keep_ms > k->max_ms;
    return longest_ms(k->keep_ms, k->keep_months) > shortest_ms(k->max_ms, k->max_months) &&
           !(k->keep_ms == k->max_ms && k->keep_months < k->max_months);
}

static void settle_retention(loading *l, const activity *a, retention *k)
{
    if (!k->keep_ms && !k->keep_months) {
        k->keep_ms = k->max_ms;
        k->keep_months = k->max_months;
    }
    if (longer(k))
        fault_at(l, k->file, k->line, "retention \"%.*s\" of \"%.*s\": keep is longer than the declared maximum",
                 KT_ARG(k->id), KT_ARG(a->id));
}

/* ------------------------------------------------------------------ the operator's word on a known thing */

static retention *find_retention(activity *a, kt_str id)
{
    for (size_t i = 0; i < a->n_keeps; i++)
        if (kt_str_eq(a->keeps[i].id, id)) return &a->keeps[i];
    return NULL;
}

static void tighten(loading *l, activity *a, const activity *from, const kt_value *list)
{
    const kt_value *map = list ? list->first : NULL;
    for (size_t i = 0; i < from->n_keeps; i++, map = map ? map->next : NULL) {
        const retention *k = &from->keeps[i];
        retention *onto = find_retention(a, k->id);
        if (!onto) {
            reader_fault(&l->rd, k->line, "activity \"%.*s\" has no retention rule \"%.*s\"", KT_ARG(a->id),
                         KT_ARG(k->id));
            continue;
        }
        if (kt_get(map, "keep") && !onto->max_ms && !onto->max_months && onto->rule != KEEP_NEED) {
            reader_fault(&l->rd, k->line, "retention \"%.*s\" of \"%.*s\" ends with an event; it takes no keep",
                         KT_ARG(k->id), KT_ARG(a->id));
            continue;
        }
        shape_overlay(&shape_retention, onto, k, map);
        onto->line = k->line;
        onto->file = k->file;
    }
}

static void append_recipients(loading *l, activity_draft *onto, const activity_draft *from)
{
    kt_str *all = kt_alloc_array(l->r->mem, onto->n_recipient_ids + from->n_recipient_ids, sizeof *all);
    size_t n = 0;
    for (; n < onto->n_recipient_ids; n++) all[n] = onto->recipient_ids[n];
    for (size_t i = 0; i < from->n_recipient_ids; i++) {
        bool known = false;
        for (size_t j = 0; j < n; j++) known = known || kt_str_eq(all[j], from->recipient_ids[i]);
        if (!known) all[n++] = from->recipient_ids[i];
    }
    onto->recipient_ids = all;
    onto->n_recipient_ids = n;
}

static void append_notes(loading *l, activity *onto, const activity *from)
{
    words *all = kt_alloc_array(l->r->mem, onto->n_notes + from->n_notes, sizeof *all);
    for (size_t i = 0; i < onto->n_notes; i++) all[i] = onto->notes[i];
    for (size_t i = 0; i < from->n_notes; i++) all[onto->n_notes + i] = from->notes[i];
    onto->notes = all;
    onto->n_notes += from->n_notes;
}

/* Lists add to what is there; all else replaces. */
static void reword_activity(loading *l, activity_draft *onto, const kt_value *map)
{
    activity_draft *from = KT_NEW(l->r->mem, activity_draft);
    shape_read(&l->rd, &shape_activity, map, from, true);
    tighten(l, &onto->a, &from->a, kt_get(map, "retention"));
    append_recipients(l, onto, from);
    append_notes(l, &onto->a, &from->a);
    kt_value *rest = kt_map(l->r->mem);
    KT_EACH(v, map) {
        bool list = kt_str_is(v->key, "retention") || kt_str_is(v->key, "recipients") || kt_str_is(v->key, "notes");
        if (list) continue;
        kt_value *copy = kt_value_copy(l->r->mem, v);
        kt_add(rest, copy);
    }
    shape_overlay(&shape_activity, onto, from, rest);
}

/* ------------------------------------------------------------------ the three lists of a file */

static bool room_for(loading *l, size_t n, const kt_value *item)
{
    if (n < THINGS_MAX) return true;
    reader_fault(&l->rd, item->line, "more than %d entries", (int)THINGS_MAX);
    return false;
}

static bool known_elsewhere(loading *l, const kt_value *item, const char *file, int line)
{
    reader_fault(&l->rd, item->line, "\"%.*s\" stands already at %s:%d", KT_ARG(kt_get_str(item, "id")), file, line);
    return true;
}

static void read_activity(loading *l, const char *module, const kt_value *item)
{
    activity_draft *known = find_activity(l, kt_get_str(item, "id"));
    if (known && !module && known->a.module) {
        reword_activity(l, known, item);
        return;
    }
    if (known && known_elsewhere(l, item, known->a.file, known->a.line)) return;
    if (!room_for(l, l->n_activities, item)) return;
    activity_draft *d = KT_NEW(l->r->mem, activity_draft);
    shape_read(&l->rd, &shape_activity, item, d, false);
    d->a.module = module;
    d->a.declared_only = module == NULL;
    d->a.in_notice = d->a.section != 0;
    l->activities[l->n_activities++] = d;
}

static void read_service(loading *l, const char *module, const kt_value *item)
{
    service *known = find_service(l, kt_get_str(item, "id"));
    if (known && !module) {
        service *from = KT_NEW(l->r->mem, service);
        shape_read(&l->rd, &shape_service, item, from, true);
        shape_overlay(&shape_service, known, from, item);
        return;
    }
    if (known && known_elsewhere(l, item, known->file, known->line)) return;
    if (!room_for(l, l->n_services, item)) return;
    service *s = KT_NEW(l->r->mem, service);
    shape_read(&l->rd, &shape_service, item, s, false);
    l->services[l->n_services++] = s;
}

static void read_recipient(loading *l, const char *module, const kt_value *item)
{
    recipient *known = find_recipient(l, kt_get_str(item, "id"));
    if (known && !module) {
        recipient *from = KT_NEW(l->r->mem, recipient);
        shape_read(&l->rd, &shape_recipient, item, from, true);
        shape_overlay(&shape_recipient, known, from, item);
        known->line = from->line;
        known->file = from->file;
        return;
    }
    if (known && known_elsewhere(l, item, known->file, known->line)) return;
    if (!room_for(l, l->n_recipients, item)) return;
    recipient *to = KT_NEW(l->r->mem, recipient);
    shape_read(&l->rd, &shape_recipient, item, to, false);
    l->recipients[l->n_recipients++] = to;
}

/* ------------------------------------------------------------------ a file */

static void read_list(loading *l, const char *module, const kt_value *list,
                      void (*read)(loading *, const char *, const kt_value *))
{
    if (list->kind == KT_V_NULL) return;
    if (list->kind != KT_V_LIST) {
        reader_fault(&l->rd, list->line, "%.*s must be a list", KT_ARG(list->key));
        return;
    }
    KT_EACH(item, list) {
        if (item->kind == KT_V_MAP)
            read(l, module, item);
        else
            reader_fault(&l->rd, item->line, "an entry of %.*s must be a map of keys", KT_ARG(list->key));
    }
}

static void read_operator(loading *l, const char *module, const kt_value *map)
{
    (void)module;
    shape_read(&l->rd, &shape_operator, map, &l->r->operator, false);
}

/* Obeyed by load, before any module's file is read. */
static void read_alone(loading *l, const char *module, const kt_value *v)
{
    (void)module;
    if (v->kind != KT_V_BOOL) reader_fault(&l->rd, v->line, "alone must be true or false");
}

/* A part with a shape holds settings: they are checked here and read where they are used. */
static const struct {
    const char *key;
    bool operator_only, list;
    void (*read)(loading *l, const char *module, const kt_value *v);
    const shape *settings;
} parts_of_a_file[] = {
    { "alone", true, false, read_alone, NULL },          { "operator", true, false, read_operator, NULL },
    { "server", true, false, NULL, &shape_server },      { "mail", true, false, NULL, &shape_mail },
    { "weblog", true, false, NULL, &shape_weblog },      { "account", true, false, NULL, &shape_account },
    { "recipients", false, true, read_recipient, NULL }, { "services", false, true, read_service, NULL },
    { "activities", false, true, read_activity, NULL },
};

static void read_part(loading *l, const char *module, const kt_value *v)
{
    for (size_t i = 0; i < sizeof parts_of_a_file / sizeof *parts_of_a_file; i++) {
        if (!kt_str_is(v->key, parts_of_a_file[i].key)) continue;
        if (parts_of_a_file[i].operator_only && module)
            reader_fault(&l->rd, v->line, "%s belongs into the operator's file", parts_of_a_file[i].key);
        else if (parts_of_a_file[i].list)
            read_list(l, module, v, parts_of_a_file[i].read);
        else if (parts_of_a_file[i].settings)
            shape_read(&l->rd, parts_of_a_file[i].settings, v, kt_alloc(l->r->mem, parts_of_a_file[i].settings->size),
                       false);
        else
            parts_of_a_file[i].read(l, module, v);
        return;
    }
    reader_fault(&l->rd, v->line, "unknown key \"%.*s\"", KT_ARG(v->key));
}

/* The tree of a file, or NULL after saying why there is none. */
static const kt_value *parse(loading *l, const registry_text *t)
{
    kt_fail fail = { 0 };
    kt_value *tree = NULL;
    l->rd.file = t->file;
    if (kt_yaml_parse(l->r->mem, t->text, t->file, &fail, &tree) != KT_OK) {
        l->rd.count++;
        l->unparsed = true;
        if (l->rd.faults) kt_add_str(l->rd.faults_mem, l->rd.faults, kt_str_dup(l->rd.faults_mem, kt_str_c(fail.text)));
        return NULL;
    }
    if (tree->kind == KT_V_MAP || (t->module && tree->kind == KT_V_NULL))
        return tree; /* a module may declare nothing */
    reader_fault(&l->rd, 1, "the file must be a map of keys");
    return NULL;
}

static void read_file(loading *l, const registry_text *t, const kt_value *tree)
{
    l->rd.file = t->file;
    KT_EACH(v, tree) read_part(l, t->module, v);
    if (!t->module && tree && !kt_get(tree, "operator")) reader_fault(&l->rd, 1, "operator is missing");
}

static void read_schema(loading *l, const registry_text *t)
{
    if (!t->schema_file) return;
    l->r->schemas[l->r->n_schemas++] = (schema_text){ t->module, t->schema_file, t->schema };
}

/* ------------------------------------------------------------------ joining */

static bool has_datum(const activity *a, kt_str id)
{
    for (size_t i = 0; i < a->n_data; i++)
        if (kt_str_eq(a->data[i].id, id)) return true;
    return false;
}

static void join_stores(loading *l, activity *a)
{
    for (size_t i = 0; i < a->n_stores; i++) {
        store_claim *s = &a->stores[i];
        if (kt_str_empty(s->subject)) s->subject = KT_STR("none");
        if (kt_str_empty(s->subject_kind)) s->subject_kind = KT_STR("none");
        bool one = !kt_str_empty(s->table) + !kt_str_empty(s->file_store) == 1;
        if (!one)
            fault_at(l, s->file, s->line, "a store of \"%.*s\" is a table, a file, a queue or memory: exactly one",
                     KT_ARG(a->id));
        if (!kt_str_is(s->subject, "none") && kt_str_is(s->subject_kind, "none"))
            fault_at(l, s->file, s->line, "store \"%.*s\": a subject needs its subject_kind", KT_ARG(s->table));
        for (size_t c = 0; c < s->n_columns; c++) {
            s->columns[c].table = s->table;
            if (kt_str_is(s->columns[c].data, "technical") || has_datum(a, s->columns[c].data)) continue;
            fault_at(l, s->file, s->columns[c].line, "column \"%.*s\": activity \"%.*s\" has no data \"%.*s\"",
                     KT_ARG(s->columns[c].column), KT_ARG(a->id), KT_ARG(s->columns[c].data));
        }
    }
}

static void join_recipients(loading *l, activity_draft *d)
{
    d->a.recipients = kt_alloc_array(l->r->mem, d->n_recipient_ids, sizeof *d->a.recipients);
    for (size_t i = 0; i < d->n_recipient_ids; i++) {
        const recipient *to = find_recipient(l, d->recipient_ids[i]);
        if (to)
            d->a.recipients[d->a.n_recipients++] = to;
        else
            fault_at(l, d->a.file, d->a.line, "activity \"%.*s\": recipient \"%.*s\" is not declared", KT_ARG(d->a.id),
                     KT_ARG(d->recipient_ids[i]));
    }
}

static bool service_covers(const service *s, kt_str activity_id)
{
    for (size_t i = 0; i < s->n_activities; i++)
        if (kt_str_eq(s->activities[i], activity_id)) return true;
    return false;
}

static void join_cookies(loading *l, activity *a)
{
    registry *r = l->r;
    for (size_t i = 0; i < a->n_cookies; i++) {
        cookie_entry *c = &a->cookies[i];
        c->activity = a;
        service *s = find_service(l, c->service);
        if (!s) {
            fault_at(l, c->file, c->line, "cookie \"%.*s\": service \"%.*s\" is not declared", KT_ARG(c->id),
                     KT_ARG(c->service));
        } else {
            s->needs_storage = true;
            if (!kt_str_eq(s->category, c->category))
                fault_at(l, c->file, c->line, "cookie \"%.*s\" is %.*s, its service \"%.*s\" is %.*s", KT_ARG(c->id),
                         KT_ARG(c->category), KT_ARG(s->id), KT_ARG(s->category));
            if (!service_covers(s, a->id))
                fault_at(l, c->file, c->line, "cookie \"%.*s\": service \"%.*s\" does not name activity \"%.*s\"",
                         KT_ARG(c->id), KT_ARG(s->id), KT_ARG(a->id));
        }
        const cookie_entry *same = registry_cookie(r, kt_str_z(r->mem, c->id));
        if (same)
            fault_at(l, c->file, c->line, "cookie \"%.*s\" stands already at %s:%d", KT_ARG(c->id), same->file,
                     same->line);
        for (size_t j = 0; j < r->n_cookies; j++)
            if (kt_str_eq(r->cookies[j]->name, c->name) && kt_str_eq(r->cookies[j]->host, c->host))
                fault_at(l, c->file, c->line, "a cookie named \"%.*s\" stands already at %s:%d", KT_ARG(c->name),
                         r->cookies[j]->file, r->cookies[j]->line);
        if (r->n_cookies < THINGS_MAX) r->cookies[r->n_cookies++] = c;
    }
}

static void join_activity(loading *l, activity_draft *d)
{
    activity *a = &d->a;
    if (a->section != 0 && (a->section < 8 || a->section > 14))
        fault_at(l, a->file, a->line, "activity \"%.*s\": section must be 8 to 14, or 0 for none", KT_ARG(a->id));
    size_t slash = kt_str_find_byte(a->id, '/', 0);
    if (slash != KT_NOT_FOUND_AT && !find_activity(l, kt_str_slice(a->id, 0, slash)))
        fault_at(l, a->file, a->line, "activity \"%.*s\" is a part of one that is not declared", KT_ARG(a->id));
    for (size_t i = 0; i < a->n_keeps; i++) {
        for (size_t j = 0; j < i; j++)
            if (kt_str_eq(a->keeps[j].id, a->keeps[i].id))
                fault_at(l, a->keeps[i].file, a->keeps[i].line, "retention \"%.*s\" of \"%.*s\" stands twice",
                         KT_ARG(a->keeps[i].id), KT_ARG(a->id));
        settle_retention(l, a, &a->keeps[i]);
    }
    for (size_t i = 1; i < a->n_data; i++)
        for (size_t j = 0; j < i; j++)
            if (kt_str_eq(a->data[j].id, a->data[i].id))
                fault_at(l, a->file, a->line, "data \"%.*s\" of \"%.*s\" stands twice", KT_ARG(a->data[i].id),
                         KT_ARG(a->id));
    join_recipients(l, d);
    join_stores(l, a);
}

static void join_services(loading *l)
{
    for (size_t i = 0; i < l->n_services; i++) {
        service *s = l->services[i];
        s->needs_storage = s->n_storage_keys > 0;
        for (size_t j = 0; j < s->n_activities; j++)
            if (!find_activity(l, s->activities[j]))
                fault_at(l, s->file, s->line, "service \"%.*s\": activity \"%.*s\" is not declared", KT_ARG(s->id),
                         KT_ARG(s->activities[j]));
    }
}

/* ------------------------------------------------------------------ order */

/* Sections as the notice numbers them, what is in none of them last. */
static int by_notice(const void *x, const void *y)
{
    const activity *a = &(*(const activity_draft *const *)x)->a, *b = &(*(const activity_draft *const *)y)->a;
    int left = a->section ? a->section : 99, right = b->section ? b->section : 99;
    if (left != right) return left < right ? -1 : 1;
    if (a->order != b->order) return a->order < b->order ? -1 : 1;
    return kt_str_cmp(a->id, b->id);
}

static int category_rank(kt_str category)
{
    static const char *const order[] = { "necessary", "analytics", "affiliate", "support", "feedback", "guides" };
    for (int i = 0; i < 6; i++)
        if (kt_str_is(category, order[i])) return i;
    return 6;
}

static int by_category(const void *x, const void *y)
{
    const service *a = *(const service *const *)x, *b = *(const service *const *)y;
    int left = category_rank(a->category), right = category_rank(b->category);
    return left != right ? left - right : kt_str_cmp(a->id, b->id);
}

static int by_id(const void *x, const void *y)
{
    const recipient *a = *(const recipient *const *)x, *b = *(const recipient *const *)y;
    return kt_str_cmp(a->id, b->id);
}

static void join(loading *l)
{
    registry *r = l->r;
    join_services(l);
    for (size_t i = 0; i < l->n_activities; i++) join_activity(l, l->activities[i]);
    qsort(l->activities, l->n_activities, sizeof *l->activities, by_notice);
    for (size_t i = 0; i < l->n_activities; i++) {
        join_cookies(l, &l->activities[i]->a);
        r->activities[i] = &l->activities[i]->a;
    }
    r->n_activities = l->n_activities;
    for (size_t i = 0; i < l->n_services; i++) r->services[i] = l->services[i];
    r->n_services = l->n_services;
    qsort(r->services, r->n_services, sizeof *r->services, by_category);
    for (size_t i = 0; i < l->n_recipients; i++) r->recipients[i] = l->recipients[i];
    r->n_recipients = l->n_recipients;
    qsort(r->recipients, r->n_recipients, sizeof *r->recipients, by_id);
}

static void keep_hash(registry *r)
{
    kt_buf text;
    kt_buf_init(&text, 64 << 20);
    kt_arena *mem = kt_arena_new();
    kt_json_put(&text, registry_facts(r, mem));
    r->hash = kt_hash_hex(r->mem, kt_buf_str(&text));
    kt_arena_free(mem);
    kt_buf_free(&text);
}

/* ------------------------------------------------------------------ entry points */

static registry *new_registry(kt_arena *mem, size_t n_texts)
{
    registry *r = KT_NEW(mem, registry);
    r->mem = mem;
    r->activities = kt_alloc_array(mem, THINGS_MAX, sizeof *r->activities);
    r->services = kt_alloc_array(mem, THINGS_MAX, sizeof *r->services);
    r->recipients = kt_alloc_array(mem, THINGS_MAX, sizeof *r->recipients);
    r->cookies = kt_alloc_array(mem, THINGS_MAX, sizeof *r->cookies);
    r->schemas = kt_alloc_array(mem, n_texts, sizeof *r->schemas);
    return r;
}

/* Takes over `own`: the registry's arena. */
static kt_err load(const registry_text *texts, size_t n, kt_arena *own, kt_arena *mem, kt_value *faults, registry **out)
{
    loading l = { .rd = { own, mem, faults, 0, "" }, .r = new_registry(own, n) };
    l.activities = kt_alloc_array(own, THINGS_MAX, sizeof(void *));
    l.services = kt_alloc_array(own, THINGS_MAX, sizeof(void *));
    l.recipients = kt_alloc_array(own, THINGS_MAX, sizeof(void *));
    const registry_text *config = NULL;
    for (size_t i = 0; i < n; i++) {
        read_schema(&l, &texts[i]);
        if (!texts[i].module) config = &texts[i];
    }
    if (config) l.r->config = parse(&l, config);
    bool alone = kt_get_bool(l.r->config, "alone", false);
    for (size_t i = 0; i < n && !alone; i++)
        if (texts[i].module) read_file(&l, &texts[i], parse(&l, &texts[i]));
    if (config) read_file(&l, config, l.r->config);
    if (!l.unparsed) join(&l);
    if (l.rd.count) {
        *out = NULL;
        kt_arena_free(own);
        return KT_REFUSED;
    }
    keep_hash(l.r);
    *out = l.r;
    return KT_OK;
}

kt_err registry_load_texts(const registry_text *texts, size_t n, kt_arena *mem, kt_value *faults, registry **out)
{
    return load(texts, n, kt_arena_new(), mem, faults, out);
}

static kt_err read_config(kt_arena *mem, const char *path, kt_str *text, const char **why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        *why = strerror(errno);
        return KT_IO;
    }
    char *at = kt_alloc(mem, CONFIG_MAX + 1);
    size_t len = 0;
    ssize_t n = 0;
    while (len <= CONFIG_MAX && (n = read(fd, at + len, CONFIG_MAX + 1 - len)) > 0) len += (size_t)n;
    *why = n < 0 ? strerror(errno) : len > CONFIG_MAX ? "larger than 1 MiB" : NULL;
    close(fd);
    *text = (kt_str){ at, len };
    return *why ? KT_IO : KT_OK;
}

static void add_module(registry_text *texts, size_t *n, kt_arena *mem, const char *module)
{
    for (size_t i = 0; i < *n; i++)
        if (strcmp(texts[i].module, module) == 0) return;
    const kt_embedded *declared = kt_embedded_find(kt_str_z(mem, kt_str_fmt(mem, "%s/activity.yaml", module)));
    const kt_embedded *schema = kt_embedded_find(kt_str_z(mem, kt_str_fmt(mem, "%s/schema.sql", module)));
    texts[(*n)++] = (registry_text){
        module,
        kt_str_z(mem, kt_str_fmt(mem, "src/%s/activity.yaml", module)),
        kt_embedded_str(declared),
        schema ? kt_str_z(mem, kt_str_fmt(mem, "src/%s/schema.sql", module)) : NULL,
        kt_embedded_str(schema),
    };
}

kt_err registry_load(const char *const *modules, const char *config_file, kt_arena *mem, kt_value *faults,
                     registry **out)
{
    kt_arena *own = kt_arena_new();
    size_t count = 3, n = 0;
    for (size_t i = 0; modules && modules[i]; i++) count++;
    registry_text *texts = kt_alloc_array(own, count, sizeof *texts);
    for (size_t i = 0; modules && modules[i]; i++) add_module(texts, &n, own, modules[i]);
    add_module(texts, &n, own, "store");
    add_module(texts, &n, own, "register");

    registry_text config = { NULL, "src/register/data/operator.yaml", KT_STR_NONE, NULL, KT_STR_NONE };
    const char *why = NULL;
    if (!config_file) {
        config.text = kt_embedded_str(kt_embedded_find("register/data/operator.yaml"));
    } else {
        config.file = kt_str_z(own, kt_str_c(config_file));
        if (read_config(own, config_file, &config.text, &why) != KT_OK) {
            if (faults) kt_add_str(mem, faults, kt_str_fmt(mem, "%s:0: %s", config_file, why));
            kt_arena_free(own);
            *out = NULL;
            return KT_REFUSED;
        }
    }
    texts[n++] = config;
    return load(texts, n, own, mem, faults, out);
}
