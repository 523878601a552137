/* SPDX-License-Identifier: Apache-2.0 */
/* policy.c -- facts of the services, their versions, and the words made from them. See policy.h. */
#include "consent/policy.h"
#include "base/embedded.h"
#include "base/hash.h"
#include "consent/queries.h"

#define FACTS_MAX  ((size_t)256 * 1024)
#define LAYOUT_MAX ((size_t)512 * 1024)
#define WHOLE_LIST 512 /* most strings of one kind a service can have */

/* In the order they are shown: what there is to decide comes first. */
static const char *const categories[] = { "analytics", "affiliate", "support", "feedback", "guides", "necessary" };
#define N_CATEGORIES (sizeof categories / sizeof *categories)

/* ---- facts of a service --------------------------------------------------------------------------- */

typedef struct {
    kt_str at[WHOLE_LIST];
    size_t n;
} strings;

/* Keeps the list sorted and free of doubles, so that the order in the register means nothing. */
static void strings_add(strings *s, kt_str text)
{
    size_t at = 0;
    while (at < s->n && kt_str_cmp(s->at[at], text) < 0) at++;
    if ((at < s->n && kt_str_eq(s->at[at], text)) || s->n == WHOLE_LIST) return;
    memmove(&s->at[at + 1], &s->at[at], (s->n - at) * sizeof *s->at);
    s->at[at] = text;
    s->n++;
}

static void strings_put(kt_arena *mem, kt_value *map, const char *key, strings *s)
{
    kt_value *list = kt_set_list(mem, map, key);
    for (size_t i = 0; i < s->n; i++) kt_add_str(mem, list, s->at[i]);
    s->n = 0;
}

/* All that a choice about a service is about; `each` collects one kind over its activities. */
typedef void (*collect)(kt_arena *mem, const service *s, const activity *a, strings *to);

static void collect_recipients(kt_arena *mem, const service *s, const activity *a, strings *to)
{
    for (size_t i = 0; i < a->n_recipients; i++) strings_add(to, a->recipients[i]->id);
}

static void collect_countries(kt_arena *mem, const service *s, const activity *a, strings *to)
{
    for (size_t i = 0; i < a->n_recipients; i++) {
        const recipient *r = a->recipients[i];
        for (size_t c = 0; c < r->n_third_countries; c++)
            strings_add(to, kt_str_fmt(mem, "%.*s:%.*s", KT_ARG(r->id), KT_ARG(r->third_countries[c])));
    }
}

/* Third countries for which nothing guarantees protection (Art. 44 GDPR): such a service is not offered. */
static void collect_unsafe(kt_arena *mem, const service *s, const activity *a, strings *to)
{
    for (size_t i = 0; i < a->n_recipients; i++) {
        const recipient *r = a->recipients[i];
        if (!kt_str_empty(r->mechanism) && !kt_str_empty(r->transfer_date)) continue;
        for (size_t c = 0; c < r->n_third_countries; c++)
            strings_add(to, kt_str_fmt(mem, "%.*s:%.*s", KT_ARG(r->id), KT_ARG(r->third_countries[c])));
    }
}

static void collect_data(kt_arena *mem, const service *s, const activity *a, strings *to)
{
    for (size_t i = 0; i < a->n_data; i++) strings_add(to, a->data[i].id);
}

static void collect_purposes(kt_arena *mem, const service *s, const activity *a, strings *to)
{
    for (size_t i = 0; i < a->n_purposes; i++) strings_add(to, a->purposes[i].id);
}

static void collect_bases(kt_arena *mem, const service *s, const activity *a, strings *to)
{
    for (size_t i = 0; i < a->n_bases; i++) strings_add(to, a->bases[i].article);
}

static void collect_hosts(kt_arena *mem, const service *s, const activity *a, strings *to)
{
    for (size_t i = 0; i < s->n_hosts; i++) strings_add(to, s->hosts[i]);
}

static void collect_storage(kt_arena *mem, const service *s, const activity *a, strings *to)
{
    for (size_t i = 0; i < s->n_storage_keys; i++) strings_add(to, s->storage_keys[i]);
}

static const struct { const char *key; collect from; } fact_kinds[] = {
    { "recipients", collect_recipients }, { "countries", collect_countries }, { "unsafe", collect_unsafe },
    { "data", collect_data }, { "purposes", collect_purposes }, { "bases", collect_bases },
    { "hosts", collect_hosts }, { "storage", collect_storage },
};

static kt_value *service_facts(const registry *r, kt_arena *mem, const service *s)
{
    kt_value *facts = kt_map(mem);
    strings *list = KT_NEW(mem, strings);
    kt_set_str(mem, facts, "id", s->id);
    kt_set_str(mem, facts, "category", s->category);
    kt_set_bool(mem, facts, "third_party", s->third_party);
    for (size_t k = 0; k < sizeof fact_kinds / sizeof *fact_kinds; k++) {
        for (size_t i = 0; i < s->n_activities; i++) {
            const activity *a = registry_activity(r, kt_str_z(mem, s->activities[i]));
            if (a) fact_kinds[k].from(mem, s, a, list);
        }
        strings_put(mem, facts, fact_kinds[k].key, list);
    }
    kt_value *cookies = kt_set_map(mem, facts, "cookies");
    const cookie_entry *const *all = NULL;
    size_t n = registry_cookies(r, &all);
    for (size_t i = 0; i < n; i++)
        if (kt_str_eq(all[i]->service, s->id))
            kt_set_int(mem, cookies, kt_str_z(mem, all[i]->name), all[i]->lifetime_s);
    return facts;
}

/* ---- comparing versions ---------------------------------------------------------------------------- */

static bool list_has(const kt_value *list, kt_str text)
{
    KT_EACH(item, list)
        if (kt_str_eq(kt_as_str(item), text)) return true;
    return false;
}

static bool list_within(const kt_value *small, const kt_value *large)
{
    KT_EACH(item, small)
        if (!list_has(large, kt_as_str(item))) return false;
    return true;
}

bool policy_covers(const kt_value *then, const kt_value *now)
{
    static const char *const may_shrink[] = { "recipients", "countries", "unsafe", "data",
                                              "purposes",   "hosts",     "storage" };
    for (size_t i = 0; i < sizeof may_shrink / sizeof *may_shrink; i++)
        if (!list_within(kt_get(now, may_shrink[i]), kt_get(then, may_shrink[i]))) return false;
    if (!list_within(kt_get(now, "bases"), kt_get(then, "bases")) ||
        !list_within(kt_get(then, "bases"), kt_get(now, "bases")))
        return false;
    if (!kt_str_eq(kt_get_str(then, "category"), kt_get_str(now, "category"))) return false;
    if (kt_get_bool(now, "third_party", true) && !kt_get_bool(then, "third_party", false)) return false;
    const kt_value *had = kt_get(then, "cookies");
    KT_EACH(cookie, kt_get(now, "cookies")) {
        const kt_value *before = kt_get_str_key(had, cookie->key);
        if (!kt_is(before, KT_V_INT) || before->as.integer < cookie->as.integer) return false;
    }
    return true;
}

static policy_version read_version(const policy *p, kt_arena *mem, int64_t number, const kt_value *list)
{
    policy_version v = { .version = number, .n = list->count };
    v.ids = kt_alloc_array(mem, v.n, sizeof *v.ids);
    v.now = kt_alloc_array(mem, v.n, sizeof *v.now);
    v.covered = kt_alloc_array(mem, v.n, sizeof *v.covered);
    size_t i = 0;
    KT_EACH(facts, list) {
        v.ids[i] = kt_str_dup(mem, kt_get_str(facts, "id"));
        v.now[i] = policy_find(p, v.ids[i]);
        v.covered[i] = v.now[i] >= 0 && policy_covers(facts, p->services[v.now[i]].facts);
        i++;
    }
    return v;
}

static kt_err read_versions(policy *p, store *st, kt_arena *mem, kt_fail *fail)
{
    kt_value *list = NULL;
    TRY(store_list(store_reader(st), &SQL_consent_version_all, NULL, mem, &list));
    p->versions = kt_alloc_array(mem, list->count, sizeof *p->versions);
    KT_EACH(row, list) {
        kt_value *services = NULL;
        TRY(kt_json_parse(mem, kt_get_str(row, "services"), fail, &services));
        if (!kt_is(services, KT_V_LIST) || services->count > POLICY_SERVICES_MAX)
            return kt_fail_set(fail, KT_CORRUPT, "consent_version", "a stored version is not a list of services");
        p->versions[p->n_versions++] = read_version(p, mem, kt_get_int(row, "version", 0), services);
    }
    return KT_OK;
}

typedef struct {
    int64_t version, now_ms;
    kt_str services;
} version_job;

static kt_err add_version(db *d, void *ctx)
{
    const version_job *job = ctx;
    return store_exec(
        d, &SQL_consent_version_add,
        ARGS(sql_int("version", job->version), sql_int("made_at", job->now_ms), sql_text("services", job->services)),
        NULL);
}

/* The newest stored version when its facts are those of today, else a new one. */
static kt_err settle_version(policy *p, store *st, kt_arena *mem, int64_t now_ms)
{
    kt_buf text;
    kt_buf_init(&text, FACTS_MAX);
    kt_value *list = kt_list(mem);
    for (size_t i = 0; i < p->n; i++) kt_add(list, kt_value_copy(mem, p->services[i].facts));
    kt_json_put(&text, list);
    kt_str services = kt_str_dup(mem, kt_buf_str(&text));
    kt_err err = kt_buf_check(&text);
    kt_buf_free(&text);
    TRY(err);

    kt_value *newest = NULL;
    TRY(store_list(store_reader(st), &SQL_consent_version_newest, NULL, mem, &newest));
    const kt_value *row = newest->first;
    p->version = kt_get_int(row, "version", 0);
    p->made_at = kt_get_int(row, "made_at", 0);
    if (row && kt_str_eq(kt_get_str(row, "services"), services)) return KT_OK;
    p->version++;
    p->made_at = now_ms;
    version_job job = { p->version, now_ms, services };
    return store_write(st, add_version, &job);
}

/* ---- words ----------------------------------------------------------------------------------------- */

typedef struct {
    const policy *p;
    pages *pages;
    kt_arena *mem;
    const char *lang;
} speaker;

static kt_str say(const speaker *s, const char *key, const kt_value *data)
{
    return page_text(s->pages, s->mem, s->lang, kt_str_z(s->mem, kt_str_fmt(s->mem, "consent.%s", key)), data);
}

static void put_texts(const speaker *s, kt_value *map, const char *from, const char *const *keys)
{
    for (; *keys; keys++)
        kt_set_str(s->mem, map, *keys, say(s, kt_str_z(s->mem, kt_str_fmt(s->mem, "%s.%s", from, *keys)), NULL));
}

kt_str policy_lifetime(pages *p, kt_arena *mem, const char *lang, int64_t seconds)
{
    static const struct {
        int64_t unit;
        const char *one, *many;
    } units[] = {
        { 365 * 86400, "consent.lifetime.year", "consent.lifetime.years" },
        { 86400, "consent.lifetime.day", "consent.lifetime.days" },
        { 3600, "consent.lifetime.hour", "consent.lifetime.hours" },
        { 60, "consent.lifetime.minute", "consent.lifetime.minutes" },
    };
    if (seconds <= 0) return page_text(p, mem, lang, "consent.lifetime.session", NULL);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (seconds % units[i].unit != 0) continue;
        kt_value *data = kt_map(mem);
        int64_t n = seconds / units[i].unit;
        kt_set_int(mem, data, "n", n);
        return page_text(p, mem, lang, n == 1 ? units[i].one : units[i].many, data);
    }
    kt_value *data = kt_map(mem);
    kt_set_int(mem, data, "n", seconds);
    return page_text(p, mem, lang, "consent.lifetime.seconds", data);
}

static void speak_cookie(const speaker *s, const cookie_entry *c, kt_value *list)
{
    kt_value *m = kt_add_map(s->mem, list);
    kt_set_str(s->mem, m, "name", c->name);
    kt_set_str(s->mem, m, "kind", say(s, kt_str_z(s->mem, kt_str_fmt(s->mem, "kind.%.*s", KT_ARG(c->kind))), NULL));
    kt_set_str(s->mem, m, "lifetime", policy_lifetime(s->pages, s->mem, s->lang, c->lifetime_s));
    kt_set_str(s->mem, m, "purpose", words_in(&c->purpose, s->lang));
    kt_set_str(s->mem, m, "access", say(s, c->third_party_access ? "access.third" : "access.own", NULL));
}

static void speak_recipient(const speaker *s, const recipient *r, kt_value *list)
{
    kt_value *m = kt_add_map(s->mem, list);
    kt_set_str(s->mem, m, "name", r->name);
    kt_set_str(s->mem, m, "country", r->country);
    if (r->n_third_countries == 0) return;
    kt_value *data = kt_map(s->mem);
    kt_set_str(s->mem, data, "countries", kt_str_join(s->mem, r->third_countries, r->n_third_countries, KT_STR(", ")));
    kt_set_str(s->mem, data, "article", r->article);
    kt_set_str(s->mem, data, "date", r->transfer_date);
    kt_str words_own = words_in(&r->transfer_words, s->lang);
    kt_set_str(s->mem, m, "safeguard", kt_str_empty(words_own) ? say(s, "safeguard", data) : words_own);
}

/* What stands below a service in the second layer: everything the law wants said before the act. */
static void speak_service(const speaker *s, const service *v, kt_value *list)
{
    kt_value *m = kt_add_map(s->mem, list);
    kt_set_str(s->mem, m, "id", v->id);
    kt_set_str(s->mem, m, "name", words_in(&v->name, s->lang));
    kt_set_str(s->mem, m, "purpose", words_in(&v->purpose, s->lang));
    kt_set_bool(s->mem, m, "optional", !kt_str_is(v->category, "necessary"));
    kt_set_bool(s->mem, m, "reload", v->n_hosts > 0);
    kt_value *recipients = kt_set_list(s->mem, m, "recipients"), *data = kt_set_list(s->mem, m, "data");
    for (size_t i = 0; i < v->n_activities; i++) {
        const activity *a = registry_activity(s->p->registry, kt_str_z(s->mem, v->activities[i]));
        if (!a) continue;
        for (size_t k = 0; k < a->n_recipients; k++) speak_recipient(s, a->recipients[k], recipients);
        for (size_t k = 0; k < a->n_data; k++) kt_add_str(s->mem, data, words_in(&a->data[k].name, s->lang));
    }
    kt_value *cookies = kt_set_list(s->mem, m, "cookies"), *keys = kt_set_list(s->mem, m, "storage");
    const cookie_entry *const *all = NULL;
    size_t n = registry_cookies(s->p->registry, &all);
    for (size_t i = 0; i < n; i++)
        if (kt_str_eq(all[i]->service, v->id)) speak_cookie(s, all[i], cookies);
    for (size_t i = 0; i < v->n_storage_keys; i++) kt_add_str(s->mem, keys, v->storage_keys[i]);
    kt_set_bool(s->mem, m, "has_recipients", recipients->count > 0);
    kt_set_bool(s->mem, m, "has_cookies", cookies->count > 0);
    kt_set_bool(s->mem, m, "has_storage", keys->count > 0);
}

static bool is_offered(const policy *p, const service *v)
{
    int i = policy_find(p, v->id);
    return kt_str_is(v->category, "necessary") || (i >= 0 && (p->offered & SERVICE_BIT(i)));
}

static void speak_categories(const speaker *s, kt_value *list)
{
    const service *const *all = NULL;
    size_t n = registry_services(s->p->registry, &all);
    for (size_t c = 0; c < N_CATEGORIES; c++) {
        kt_value *m = NULL, *services = NULL;
        for (size_t i = 0; i < n; i++) {
            if (!kt_str_is(all[i]->category, categories[c]) || !is_offered(s->p, all[i])) continue;
            if (!m) {
                static const char *const keys[] = { "title", "text", NULL };
                m = kt_add_map(s->mem, list);
                kt_set_c(s->mem, m, "id", categories[c]);
                kt_set_bool(s->mem, m, "locked", strcmp(categories[c], "necessary") == 0);
                put_texts(s, m, kt_str_z(s->mem, kt_str_fmt(s->mem, "category.%s", categories[c])), keys);
                services = kt_set_list(s->mem, m, "services");
            }
            speak_service(s, all[i], services);
        }
    }
}

/* The first paragraph: how many services, what for, where to. Counted and listed, never written by hand. */
static kt_str first_paragraph(const speaker *s)
{
    kt_value *data = kt_map(s->mem);
    strings *purposes = KT_NEW(s->mem, strings), *countries = KT_NEW(s->mem, strings),
            *others = KT_NEW(s->mem, strings);
    int64_t n = 0;
    for (size_t i = 0; i < s->p->n; i++) {
        const policy_service *v = &s->p->services[i];
        if (!(s->p->offered & SERVICE_BIT(i))) continue;
        n++;
        strings_add(purposes,
                    say(s, kt_str_z(s->mem, kt_str_fmt(s->mem, "category.%.*s.title", KT_ARG(v->category))), NULL));
        for (size_t k = 0; k < v->declared->n_activities; k++) {
            const activity *a = registry_activity(s->p->registry, kt_str_z(s->mem, v->declared->activities[k]));
            for (size_t m = 0; a && m < a->n_recipients; m++) {
                const recipient *r = a->recipients[m];
                strings_add(others, r->name);
                for (size_t c = 0; c < r->n_third_countries; c++) strings_add(countries, r->third_countries[c]);
            }
        }
    }
    kt_set_int(s->mem, data, "n", n);
    kt_set_bool(s->mem, data, "one", n == 1);
    kt_set_str(s->mem, data, "purposes", kt_str_join(s->mem, purposes->at, purposes->n, KT_STR(", ")));
    kt_set_str(s->mem, data, "recipients", kt_str_join(s->mem, others->at, others->n, KT_STR(", ")));
    kt_set_str(s->mem, data, "countries", kt_str_join(s->mem, countries->at, countries->n, KT_STR(", ")));
    kt_str parts[3] = {
        say(s,
            n == 0   ? "first.text_none"
            : n == 1 ? "first.text_one"
                     : "first.text_many",
            data),
        say(s,
            others->n == 0      ? "first.nobody"
            : countries->n == 0 ? "first.others"
                                : "first.third_country",
            data),
        say(s, "first.free", data),
    };
    return kt_str_join(s->mem, parts, n == 0 ? 1 : 3, KT_STR(" "));
}

static kt_value *speak(const speaker *s)
{
    static const char *const first[] = { "title",   "accept", "necessary", "choose", "gpc",
                                         "changed", "notice", "imprint",   "failed", NULL };
    static const char *const second[] = { "title",   "text",       "save",   "accept", "necessary", "close",   "always",
                                          "purpose", "recipients", "nobody", "data",   "cookies",   "storage", "name",
                                          "kind",    "lifetime",   "access", "proof",  "details",   NULL };
    static const char *const frame[] = { "text", "once", "always", "open", NULL };
    kt_value *tree = kt_map(s->mem);
    const operator_facts *o = registry_operator(s->p->registry);
    kt_set_c(s->mem, tree, "language", s->lang);
    kt_value *m = kt_set_map(s->mem, tree, "first");
    put_texts(s, m, "first", first);
    kt_set_str(s->mem, m, "text", first_paragraph(s));
    kt_set_c(s->mem, m, "notice_url", "/privacy");
    kt_set_str(s->mem, m, "imprint_url", o && o->imprint_url.len ? o->imprint_url : KT_STR("/imprint"));
    put_texts(s, kt_set_map(s->mem, tree, "second"), "second", second);
    put_texts(s, kt_set_map(s->mem, tree, "frame"), "frame", frame);
    speak_categories(s, kt_set_list(s->mem, tree, "categories"));
    return tree;
}

static kt_str json_text(kt_arena *mem, const kt_value *v)
{
    kt_buf text;
    kt_buf_init(&text, FACTS_MAX);
    kt_json_put(&text, v);
    kt_str copy = kt_buf_check(&text) == KT_OK ? kt_str_dup(mem, kt_buf_str(&text)) : KT_STR_NONE;
    kt_buf_free(&text);
    return copy;
}

/* ---- keeping what was shown ------------------------------------------------------------------------- */

typedef struct {
    kt_str hash, body;
    const char *kind, *lang;
    int64_t now_ms;
} text_job;

static kt_err add_text(db *d, void *ctx)
{
    const text_job *job = ctx;
    return store_exec(d, &SQL_consent_text_add,
                      ARGS(sql_text("hash", job->hash), sql_text("kind", kt_str_c(job->kind)),
                           sql_text("language", kt_str_c(job->lang)), sql_text("body", job->body),
                           sql_int("now", job->now_ms)),
                      NULL);
}

/* The part of the style sheet that draws the banner: its section, up to the next one's heading. */
static kt_str banner_style(void)
{
    kt_str css = kt_embedded_str(kt_embedded_find("web/kontor.css"));
    size_t from = kt_str_find(css, KT_STR("/* ---- consent"), 0);
    if (from == KT_NOT_FOUND_AT) return KT_STR_NONE;
    size_t to = kt_str_find(css, KT_STR("/* ----"), from + 7);
    return kt_str_slice(css, from, to == KT_NOT_FOUND_AT ? css.len : to);
}

/* All sources that draw both layers, with and without script: enough to draw them again. */
static kt_str layout_text(kt_arena *mem)
{
    static const char *const sources[] = { "web/consent.js", "consent/pages/bar.html", "consent/pages/settings.html",
                                           "consent/pages/layers.html" };
    kt_buf text;
    kt_buf_init(&text, LAYOUT_MAX);
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        kt_buf_put_fmt(&text, "==== %s\n", sources[i]);
        kt_buf_put(&text, kt_embedded_str(kt_embedded_find(sources[i])));
    }
    kt_buf_put_c(&text, "==== style\n");
    kt_buf_put(&text, banner_style());
    kt_str copy = kt_str_dup(mem, kt_buf_str(&text));
    kt_buf_free(&text);
    return copy;
}

static kt_err keep_texts(policy *p, pages *pg, store *st, kt_arena *mem, int64_t now_ms)
{
    static const char *const languages[] = { "de", "en" };
    for (size_t i = 0; i < 2; i++) {
        speaker s = { p, pg, mem, languages[i] };
        policy_words *w = &p->words[i];
        w->lang = languages[i];
        w->tree = speak(&s);
        kt_str body = json_text(mem, w->tree);
        w->hash = kt_hash_hex(mem, body);
        text_job job = { w->hash, body, "words", w->lang, now_ms };
        TRY(store_write(st, add_text, &job));
        kt_value *config = kt_map(mem);
        kt_set_int(mem, config, "version", p->version);
        kt_set_str(mem, config, "text", w->hash);
        kt_set(mem, config, "words", kt_value_copy(mem, w->tree));
        w->config = json_text(mem, config);
    }
    kt_str layout = layout_text(mem);
    p->ui_hash = kt_hash_hex(mem, layout);
    text_job job = { p->ui_hash, layout, "layout", NULL, now_ms };
    return store_write(st, add_text, &job);
}

/* ---- making it --------------------------------------------------------------------------------------- */

static bool category_known(kt_str category)
{
    for (size_t i = 0; i < N_CATEGORIES; i++)
        if (kt_str_is(category, categories[i])) return true;
    return false;
}

static kt_err take_services(policy *p, kt_arena *mem, kt_fail *fail)
{
    const service *const *all = NULL;
    size_t n = registry_services(p->registry, &all);
    for (size_t i = 0; i < n; i++) {
        const service *s = all[i];
        if (!category_known(s->category))
            return kt_fail_set(fail, KT_REFUSED, "services", "service %.*s: the category \"%.*s\" does not exist",
                               KT_ARG(s->id), KT_ARG(s->category));
        if (kt_str_is(s->category, "necessary")) continue;
        if (p->n == POLICY_SERVICES_MAX)
            return kt_fail_set(fail, KT_REFUSED, "services", "more than %d optional services", POLICY_SERVICES_MAX);
        service_set bit = SERVICE_BIT(p->n);
        policy_service *v = &p->services[p->n++];
        *v = (policy_service){ s, s->id, s->category, service_facts(p->registry, mem, s), s->third_party };
        if (kt_get(v->facts, "unsafe")->count == 0) p->offered |= bit;
        if (s->third_party || s->n_hosts > 0 || kt_str_is(s->category, "affiliate")) p->heeds_gpc |= bit;
        if (kt_str_is(s->category, "guides")) p->heeds_dnt |= bit;
    }
    return KT_OK;
}

kt_err policy_make(const registry *r, pages *p, store *st, kt_arena *mem, int64_t now_ms, kt_fail *fail, policy **out)
{
    policy *made = KT_NEW(mem, policy);
    made->registry = r;
    TRY(take_services(made, mem, fail));
    TRY(settle_version(made, st, mem, now_ms));
    TRY(read_versions(made, st, mem, fail));
    TRY(keep_texts(made, p, st, mem, now_ms));
    *out = made;
    return KT_OK;
}

/* ---- asking it --------------------------------------------------------------------------------------- */

const policy_words *policy_words_in(const policy *p, const char *lang)
{
    return &p->words[lang && strcmp(lang, "en") == 0 ? 1 : 0];
}

const policy_version *policy_version_of(const policy *p, int64_t version)
{
    for (size_t i = p->n_versions; i-- > 0;)
        if (p->versions[i].version == version) return &p->versions[i];
    return NULL;
}

int policy_find(const policy *p, kt_str id)
{
    for (size_t i = 0; i < p->n; i++)
        if (kt_str_eq(p->services[i].id, id)) return (int)i;
    return -1;
}

kt_str policy_list(const policy *p, kt_arena *mem, service_set set)
{
    kt_value *list = kt_list(mem);
    for (size_t i = 0; i < p->n; i++)
        if (set & SERVICE_BIT(i)) kt_add_str(mem, list, p->services[i].id);
    return json_text(mem, list);
}

service_set policy_set(const policy *p, const kt_value *ids, bool *unknown)
{
    service_set set = 0;
    if (unknown) *unknown = false;
    KT_EACH(id, ids) {
        int i = policy_find(p, kt_as_str(id));
        if (i >= 0)
            set |= SERVICE_BIT(i);
        else if (unknown)
            *unknown = true;
    }
    return set;
}

void policy_translate(const policy *p, const policy_version *then, const kt_value *granted, service_set *holds,
                      service_set *changed, service_set *asked)
{
    *holds = *changed = *asked = 0;
    for (size_t i = 0; i < then->n; i++) {
        if (then->now[i] < 0) continue;
        service_set bit = SERVICE_BIT(then->now[i]);
        if (!list_has(granted, then->ids[i]))
            *asked |= bit;
        else if (then->covered[i])
            *holds |= bit, *asked |= bit;
        else
            *changed |= bit;
    }
    *holds &= p->offered;
}
