/* SPDX-License-Identifier: Apache-2.0 */
/* settings.c -- /privacy/cookies, which needs no script, and the bar on top of every page. */
#include "consent/pages.h"

/* ---- words with today's state ------------------------------------------------------------------------ */

/* Marks each service of the copied words with what applies to this visitor. */
static void mark_services(const policy *p, kt_arena *mem, kt_value *words_tree, const choice *c)
{
    for (kt_value *cat = kt_get(words_tree, "categories") ? kt_get(words_tree, "categories")->first : NULL; cat;
         cat = cat->next) {
        const kt_value *services = kt_get(cat, "services");
        for (kt_value *s = services ? services->first : NULL; s; s = s->next) {
            int i = policy_find(p, kt_get_str(s, "id"));
            service_set bit = i >= 0 ? SERVICE_BIT(i) : 0;
            kt_set_bool(mem, s, "checked", i < 0 || (c->granted & bit));
            kt_set_bool(mem, s, "changed", (c->changed & bit) != 0);
            kt_set_bool(mem, s, "silenced", (c->chosen & ~c->granted & bit) != 0);
            kt_set_bool(mem, s, "choosable", true);
        }
    }
}

static void put_cookie_table(const consent_room *room, request *rq, kt_value *data)
{
    const registry *r = room->house->registry;
    pages *p = room->house->pages;
    const cookie_entry *const *all = NULL;
    size_t n = registry_cookies(r, &all);
    kt_value *list = kt_set_list(rq->mem, data, "cookies");
    for (size_t i = 0; n && i < 2 * n; i++) { /* the optional ones first, then the necessary ones */
        const cookie_entry *c = all[i < n ? i : i - n];
        if (kt_str_is(c->category, "necessary") != (i >= n)) continue;
        kt_value *row = kt_add_map(rq->mem, list);
        const char *kind = kt_str_z(rq->mem, kt_str_fmt(rq->mem, "consent.kind.%.*s", KT_ARG(c->kind)));
        const char *category =
            kt_str_z(rq->mem, kt_str_fmt(rq->mem, "consent.category.%.*s.title", KT_ARG(c->category)));
        kt_set_c(rq->mem, row, "name", cookie_name(r, rq, kt_str_z(rq->mem, c->id)));
        kt_set_str(rq->mem, row, "kind", page_text(p, rq->mem, rq->lang, kind, NULL));
        kt_set_str(rq->mem, row, "category", page_text(p, rq->mem, rq->lang, category, NULL));
        kt_set_str(rq->mem, row, "lifetime", policy_lifetime(p, rq->mem, rq->lang, c->lifetime_s));
        kt_set_str(rq->mem, row, "purpose", words_in(&c->purpose, rq->lang));
        kt_set_str(rq->mem, row, "access",
                   page_text(p, rq->mem, rq->lang,
                             c->third_party_access ? "consent.access.third" : "consent.access.own", NULL));
    }
}

void consent_put_result(const consent_room *room, kt_arena *mem, const char *lang, service_set denied, kt_value *data)
{
    const policy *p = room->policy;
    const registry *r = room->house->registry;
    kt_value *expired = kt_set_list(mem, data, "expired"), *storage = kt_set_list(mem, data, "storage"),
             *elsewhere = kt_set_list(mem, data, "elsewhere");
    const cookie_entry *const *all = NULL;
    size_t n = registry_cookies(r, &all);
    for (size_t i = 0; i < n; i++) {
        int at = policy_find(p, all[i]->service);
        if (at >= 0 && (denied & SERVICE_BIT(at)) && kt_str_is(all[i]->host, "own"))
            kt_add_str(mem, expired, all[i]->name);
    }
    for (size_t i = 0; i < p->n; i++) {
        const service *s = p->services[i].declared;
        if (!(denied & SERVICE_BIT(i))) continue;
        for (size_t k = 0; k < s->n_storage_keys; k++) kt_add_str(mem, storage, s->storage_keys[k]);
        for (size_t k = 0; k < s->n_activities; k++) {
            const activity *a = registry_activity(r, kt_str_z(mem, s->activities[k]));
            for (size_t m = 0; a && m < a->n_recipients; m++) {
                if (kt_str_empty(a->recipients[m]->removal_url)) continue;
                kt_value *row = kt_add_map(mem, elsewhere);
                kt_set_str(mem, row, "name", a->recipients[m]->name);
                kt_set_str(mem, row, "url", a->recipients[m]->removal_url);
            }
        }
    }
}

/* ---- the page ------------------------------------------------------------------------------------------ */

static void put_notice(const consent_room *room, request *rq, const choice *c, kt_value *data)
{
    kt_str done = request_query(rq, "done");
    const char *key = kt_str_is(done, "saved")       ? "consent.settings.saved"
                      : kt_str_is(done, "withdrawn") ? "consent.settings.withdrawn"
                                                     : NULL;
    if (!key || !c->decided) return;
    kt_value *m = kt_set_map(rq->mem, data, "notice");
    kt_set_c(rq->mem, m, "kind", "done");
    kt_set_str(rq->mem, m, "title", KT_STR_NONE);
    kt_set_str(rq->mem, m, "text", page_text(room->house->pages, rq->mem, rq->lang, key, NULL));
    if (c->granted == 0) {
        kt_value *result = kt_set_map(rq->mem, data, "result");
        consent_put_result(room, rq->mem, rq->lang, room->policy->offered, result);
        kt_set_bool(rq->mem, result, "has_expired", kt_get(result, "expired")->count > 0);
        kt_set_bool(rq->mem, result, "has_elsewhere", kt_get(result, "elsewhere")->count > 0);
    }
}

static const char *surface_of(request *rq)
{
    kt_str from = request_query(rq, "from");
    return kt_str_is(from, "signin") ? "signin" : kt_str_is(from, "footer") ? "footer" : "layer2";
}

kt_err consent_get_settings(request *rq, reply *rs)
{
    const consent_room *room = rq->room;
    const policy *p = room->policy;
    const policy_words *w = policy_words_in(p, rq->lang);
    choice c;
    choice_read(room, rq, &c);
    kt_value *data = kt_map(rq->mem), *tree = kt_value_copy(rq->mem, w->tree);
    mark_services(p, rq->mem, tree, &c);
    kt_set(rq->mem, data, "words", tree);
    kt_set_int(rq->mem, data, "version", p->version);
    kt_set_str(rq->mem, data, "text_hash", w->hash);
    kt_set_c(rq->mem, data, "surface", surface_of(rq));
    kt_set_bool(rq->mem, data, "has_optional", p->offered != 0);
    kt_set_bool(rq->mem, data, "decided", c.decided);
    kt_set_bool(rq->mem, data, "restored", c.restored);
    kt_set_bool(rq->mem, data, "signal", c.gpc || c.dnt);
    kt_set_bool(rq->mem, data, "changed_any", c.changed != 0);
    kt_set_bool(rq->mem, data, "has_account",
                rq->session && rq->session->realm && strcmp(rq->session->realm, "account") == 0);
    if (c.decided) {
        kt_set_str(rq->mem, data, "consent_id", kt_str_dup(rq->mem, kt_str_c(c.id)));
        kt_set_str(rq->mem, data, "decided_on", page_datetime(rq->mem, rq->lang, c.decided_at));
        kt_set_str(rq->mem, data, "valid_until", page_date(rq->mem, rq->lang, c.decided_at + room->lifetime_ms));
    }
    put_notice(room, rq, &c, data);
    put_cookie_table(room, rq, data);
    TRY(reply_header(rs, "Vary", KT_STR("Sec-GPC, DNT")));
    return page_reply(room->house->pages, rq, rs, 200, "consent/settings", data);
}

/* ---- the bar --------------------------------------------------------------------------------------------- */

/* The path of this page as a form may send it back. */
static kt_str path_encoded(request *rq)
{
    kt_buf out;
    kt_str rest = rq->path, part;
    kt_buf_init(&out, 4096);
    for (bool first = true; kt_str_split(&rest, '/', &part); first = false) {
        if (!first) kt_buf_put_byte(&out, '/');
        kt_buf_put_percent(&out, part);
    }
    kt_str path = out.len == 0 || out.over ? KT_STR("/") : kt_str_dup(rq->mem, kt_buf_str(&out));
    kt_buf_free(&out);
    return path;
}

void consent_add_bar(void *ctx, request *rq, reply *rs, kt_value *data)
{
    const consent_room *room = ctx;
    const policy_words *w = policy_words_in(room->policy, rq->lang);
    choice c;
    if (kt_str_starts(rq->path, KT_STR("/console"))) return;
    choice_read(room, rq, &c);
    kt_value *bar = kt_map(rq->mem);
    const kt_value *first = kt_get(w->tree, "first");
    kt_set_bool(rq->mem, bar, "ask",
                c.ask && !(!c.decided && (c.gpc || c.dnt)) && !kt_str_is(rq->path, "/privacy/cookies"));
    kt_set_str(rq->mem, bar, "first_text", kt_get_str(first, "text"));
    kt_set_int(rq->mem, bar, "version", room->policy->version);
    kt_set_str(rq->mem, bar, "text_hash", w->hash);
    kt_set_str(rq->mem, bar, "return_to", path_encoded(rq));
    kt_set_c(rq->mem, bar, "lang", w->lang);
    kt_set_str(rq->mem, bar, "script", http_asset_url(rq->mem, "web/consent.js"));
    kt_set_str(rq->mem, bar, "scripts", http_asset_url(rq->mem, "web/consent-scripts.js"));
    kt_set_str(rq->mem, bar, "config",
               kt_str_fmt(rq->mem, "/consent/config.json?lang=%s&v=%.16s-%lld", w->lang, w->hash.at,
                          (long long)room->policy->version));
    kt_buf out;
    kt_buf_init(&out, 65536);
    if (page_render(room->house->pages, rq->mem, "consent/bar", rq->lang, bar, &out) == KT_OK)
        kt_set_str(rq->mem, data, "banner", kt_str_dup(rq->mem, kt_buf_str(&out)));
    kt_buf_free(&out);
}
