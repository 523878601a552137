/* SPDX-License-Identifier: Apache-2.0 */
/* api.c -- state, configuration and decisions over HTTP.
 *
 * A decision is taken from pages of this origin only: a page elsewhere must not be able to consent for
 * anybody. The proof of origin is Sec-Fetch-Site or Origin, not a token, so that the bar on top of every
 * page needs no cookie before a choice was made. */
#include "consent/pages.h"

#define DECISIONS_A_MINUTE 30

static kt_str say(const consent_room *room, request *rq, const char *key)
{
    return page_text(room->house->pages, rq->mem, rq->lang, key, NULL);
}

static kt_err refuse(const consent_room *room, request *rq, kt_err err, const char *key)
{
    rq->fail = (kt_fail){ 0 };
    kt_str text = say(room, rq, key);
    return kt_fail_set(&rq->fail, err, "", "%.*s", KT_ARG(text));
}

/* ---- reading --------------------------------------------------------------------------------------- */

static void put_list(const consent_room *room, kt_arena *mem, kt_value *map, const char *key, service_set set)
{
    kt_value *list = kt_set_list(mem, map, key);
    for (size_t i = 0; i < room->policy->n; i++)
        if (set & SERVICE_BIT(i)) kt_add_str(mem, list, room->policy->services[i].id);
}

kt_err consent_get_state(request *rq, reply *rs)
{
    const consent_room *room = rq->room;
    choice c;
    choice_read(room, rq, &c);
    kt_value *v = kt_map(rq->mem);
    kt_set_int(rq->mem, v, "version", room->policy->version);
    kt_set_bool(rq->mem, v, "decided", c.decided);
    if (c.decided) kt_set_c(rq->mem, v, "id", kt_str_z(rq->mem, kt_str_c(c.id)));
    put_list(room, rq->mem, v, "granted", c.granted);
    put_list(room, rq->mem, v, "denied", room->policy->offered & ~c.granted);
    put_list(room, rq->mem, v, "ask", c.ask);
    put_list(room, rq->mem, v, "changed", c.changed);
    kt_set_bool(rq->mem, v, "gpc", c.gpc);
    kt_set_bool(rq->mem, v, "dnt", c.dnt);
    if (c.decided) kt_set_str(rq->mem, v, "decided_at", kt_time_rfc3339(rq->mem, c.decided_at));
    /* A signal counts as an answer: who sends one is not asked unless they open the settings. */
    bool shows = c.ask && !(!c.decided && (c.gpc || c.dnt));
    if (shows && request_query(rq, "page").at && kt_str_is(rq->method, "GET") && !request_header(rq, "Sec-Purpose").at)
        kt_metric_add(room->banner, room->banner_series, 1);
    TRY(reply_header(rs, "Vary", KT_STR("Sec-GPC, DNT")));
    return reply_json(rs, 200, v);
}

kt_err consent_get_config(request *rq, reply *rs)
{
    const consent_room *room = rq->room;
    kt_str lang = request_query(rq, "lang"), wanted = request_query(rq, "v");
    if (lang.at && !kt_str_is(lang, "de") && !kt_str_is(lang, "en"))
        return kt_fail_set(&rq->fail, KT_BAD_INPUT, "lang", "the language is de or en");
    const policy_words *w = policy_words_in(room->policy, lang.at ? kt_str_z(rq->mem, lang) : rq->lang);
    kt_str mark = kt_str_fmt(rq->mem, "%.16s-%lld", w->hash.at, (long long)room->policy->version);
    TRY(reply_header(rs, "ETag", kt_str_fmt(rq->mem, "\"%.*s\"", KT_ARG(mark))));
    TRY(reply_header(rs, "Cache-Control",
                     kt_str_eq(wanted, mark) ? KT_STR("public, max-age=31536000, immutable")
                                             : KT_STR("public, max-age=0, must-revalidate")));
    return reply_bytes(rs, 200, "application/json", w->config);
}

/* Global Privacy Control 4.1: the site states that it heeds the signal. */
kt_err consent_get_gpc(request *rq, reply *rs)
{
    const consent_room *room = rq->room;
    kt_value *v = kt_map(rq->mem);
    kt_set_bool(rq->mem, v, "gpc", true);
    kt_set_str(rq->mem, v, "lastUpdate", kt_time_day(rq->mem, room->policy->made_at));
    TRY(reply_header(rs, "Cache-Control", KT_STR("public, max-age=86400")));
    return reply_json(rs, 200, v);
}

/* ---- deciding --------------------------------------------------------------------------------------- */

static kt_err gate(const consent_room *room, request *rq, reply *rs)
{
    int retry_s = 0;
    kt_str prefix = rq->peer.known ? http_addr_prefix(rq->mem, &rq->peer) : KT_STR("?");
    if (!limiter_take(room->house->limiter, "consent", prefix, DECISIONS_A_MINUTE, KT_MINUTE_MS, rq->now_ms,
                      &retry_s)) {
        TRY(reply_header(rs, "Retry-After", kt_str_fmt(rq->mem, "%d", retry_s > 0 ? retry_s : 1)));
        return refuse(room, rq, KT_TOO_MANY, "consent.error.too_many");
    }
    if (!csrf_same_origin(rq)) return refuse(room, rq, KT_REFUSED, "consent.error.origin");
    return KT_OK;
}

static bool is_json(request *rq)
{
    kt_str type = request_header(rq, "Content-Type");
    size_t end = kt_str_find_byte(type, ';', 0);
    return kt_str_eq_nocase(kt_str_trim(kt_str_slice(type, 0, end)), KT_STR("application/json"));
}

/* The page was made for an older state of the register: it says so and names the new one. */
static kt_err reply_stale(const consent_room *room, request *rq, reply *rs, bool json)
{
    if (!json) return refuse(room, rq, KT_CONFLICT, "consent.error.stale");
    kt_value *v = kt_map(rq->mem);
    kt_set_int(rq->mem, v, "status", 409);
    kt_set_str(rq->mem, v, "detail", say(room, rq, "consent.error.stale"));
    kt_set_int(rq->mem, v, "version", room->policy->version);
    kt_set_str(rq->mem, v, "text", policy_words_in(room->policy, rq->lang)->hash);
    return reply_json(rs, 409, v);
}

static kt_err reply_to_form(request *rq, reply *rs, const form *f, const char *otherwise)
{
    kt_str wanted = form_get(f, "return_to");
    return reply_redirect(rq, rs, 303, wanted.at ? http_return_to(rq->mem, wanted) : kt_str_c(otherwise));
}

static kt_err carry_out(const consent_room *room, request *rq, reply *rs, const decision *d, bool json, decided *out)
{
    bool signed_in = rq->session && rq->session->realm && strcmp(rq->session->realm, "account") == 0;
    if (strcmp(d->surface, "account") == 0 && !signed_in)
        return kt_fail_set(&rq->fail, KT_BAD_INPUT, "surface", "a choice for all devices needs a signed-in account");
    kt_err err = decide(room, rq, rs, d, out);
    if (err == KT_FULL) return refuse(room, rq, err, "consent.error.full");
    return err;
}

kt_err consent_post(request *rq, reply *rs)
{
    static const char *const fields[] = { "version", "action",    "granted",    "surface", "language",
                                          "text",    "return_to", "everywhere", NULL };
    const consent_room *room = rq->room;
    bool json = is_json(rq);
    kt_value *body = NULL;
    form *f = NULL;
    decision d;
    decided out;
    TRY(gate(room, rq, rs));
    if (json)
        TRY(request_json(rq, &body));
    else
        TRY(request_form(rq, &f));
    if (f) TRY(form_only(rq, f, fields));
    kt_err err = json ? decision_from_json(room->policy, rq->mem, body, rq->lang, &rq->fail, &d)
                      : decision_from_form(room->policy, rq->mem, f, rq->lang, &rq->fail, &d);
    if (err == KT_OK) err = carry_out(room, rq, rs, &d, json, &out);
    if (err == KT_CONFLICT) return reply_stale(room, rq, rs, json);
    if (err != KT_OK) return err;
    return json ? reply_status(rs, 204) : reply_to_form(rq, rs, f, "/privacy/cookies?done=saved");
}

kt_err consent_post_withdraw(request *rq, reply *rs)
{
    static const char *const fields[] = { "return_to", NULL };
    const consent_room *room = rq->room;
    bool json = is_json(rq) || rq->body.len == 0;
    kt_value *body = NULL;
    form *f = NULL;
    decision d;
    decided out = { 0 };
    TRY(gate(room, rq, rs));
    if (json && rq->body.len) TRY(request_json(rq, &body));
    if (!json) TRY(request_form(rq, &f));
    if (f) TRY(form_only(rq, f, fields));
    TRY(decision_withdraw(room->policy, rq->mem, body, rq->lang, &rq->fail, &d));
    TRY(carry_out(room, rq, rs, &d, json, &out));
    if (!json) return reply_to_form(rq, rs, f, "/privacy/cookies?done=withdrawn");
    kt_value *v = kt_map(rq->mem);
    put_list(room, rq->mem, v, "denied", room->policy->offered);
    kt_set_int(rq->mem, v, "dropped", out.dropped);
    kt_set_int(rq->mem, v, "erased", out.erased);
    consent_put_result(room, rq->mem, rq->lang, room->policy->offered, v);
    return reply_json(rs, 200, v);
}
