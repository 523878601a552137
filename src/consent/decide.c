/* SPDX-License-Identifier: Apache-2.0 */
/* decide.c -- the transaction of a decision, and the cookies of its reply. See decide.h. */
#include "consent/decide.h"
#include "consent/queries.h"
#include "base/log.h"

/* ---- the transaction --------------------------------------------------------------------------------- */

typedef struct {
    const consent_room *room;
    kt_arena *mem;
    const decider *who;
    const decision *what;
    decided *out;
} deed;

static record record_of(const deed *j, kt_str account_ref)
{
    const consent_room *room = j->room;
    const policy *p = room->policy;
    const decision *w = j->what;
    const decider *who = j->who;
    bool gpc = who->gpc || w->gpc, dnt = who->dnt || w->dnt;
    service_set against = (gpc ? p->heeds_gpc : 0) | (dnt ? p->heeds_dnt : 0);
    return (record){
        .id = who->id,
        .account_ref = account_ref,
        .decided_at = who->now_ms,
        .received_at = who->now_ms,
        .action = kt_str_c(w->action),
        .granted = policy_list(p, j->mem, w->granted),
        .denied = policy_list(p, j->mem, p->offered & ~w->granted),
        .policy_version = p->version,
        .text_hash = kt_str_empty(w->text_hash) ? policy_words_in(p, w->language)->hash : w->text_hash,
        .ui_hash = p->ui_hash,
        .language = kt_str_c(w->language),
        .surface = kt_str_c(w->surface),
        .origin = who->origin.at ? who->origin : KT_STR(""),
        .path = w->path.at ? w->path : KT_STR(""),
        .ua_family = decision_ua_family(j->mem, who->user_agent),
        .ip_prefix = who->ip_prefix,
        .gpc = gpc,
        .dnt = dnt,
        .conflict = (w->granted & against) != 0,
        .shown_at = w->shown_for_ms > 0 ? who->now_ms - w->shown_for_ms : 0,
    };
}

/* What rested on a consent that is gone: counts are erased, what waits to be sent is not sent. */
static kt_err forget(db *d, kt_str consent_id, decided *out)
{
    int64_t erased = 0, dropped = 0;
    TRY(store_exec(d, &SQL_consent_page_views_erase, ARGS(sql_text("consent_id", consent_id)), &erased));
    TRY(outbox_drop_subject(d, consent_id, NULL, &dropped));
    out->erased += erased;
    out->dropped += dropped;
    return KT_OK;
}

static void add_list(kt_arena *mem, const policy *p, kt_value *facts, const char *key, service_set set)
{
    kt_value *list = kt_set_list(mem, facts, key);
    for (size_t i = 0; i < p->n; i++)
        if (set & SERVICE_BIT(i)) kt_add_str(mem, list, p->services[i].id);
}

static kt_err tell(const deed *j, db *d, const record *r, service_set granted, const char *action)
{
    const policy *p = j->room->policy;
    kt_value *facts = kt_map(j->mem);
    kt_set_str(j->mem, facts, "consent", r->id);
    kt_set_str(j->mem, facts, "account", j->who->account);
    add_list(j->mem, p, facts, "granted", granted);
    add_list(j->mem, p, facts, "denied", p->offered & ~granted);
    kt_set_c(j->mem, facts, "action", action);
    return bus_tell(j->room->house->bus, d, BUS_CONSENT_CHANGED, facts, j->who->now_ms);
}

/* Another consent id of the same account narrows with it; its grants never grow by this. */
static kt_err narrow_other(const deed *j, db *d, kt_str id, kt_str ref, service_set to)
{
    const policy *p = j->room->policy;
    record r;
    service_set changed = 0, asked = 0;
    kt_err err = record_latest(d, j->mem, id, &r);
    if (err == KT_NOT_FOUND) return KT_OK;
    if (err != KT_OK) return err;
    service_set held = choice_record_holds(p, j->mem, &r, &changed, &asked);
    if ((held & ~to) == 0 && changed == 0) return KT_OK;
    record next = record_of(j, ref);
    next.id = id;
    next.action = KT_STR("withdraw");
    next.surface = KT_STR("account");
    next.granted = policy_list(p, j->mem, held & to);
    next.denied = policy_list(p, j->mem, p->offered & ~(held & to));
    next.conflict = false;
    next.shown_at = 0;
    kt_sha256 key = j->room->head_key;
    TRY(record_append(d, j->mem, kt_sha256_str(&key), &j->room->keep, &next));
    TRY(forget(d, id, j->out));
    return tell(j, d, &next, held & to, "withdraw");
}

static kt_err narrow_others(const deed *j, db *d, kt_str ref, service_set to)
{
    kt_value *ids = NULL;
    TRY(store_list(d, &SQL_consent_record_ids_of_account, ARGS(sql_text("ref", ref), sql_text("but", j->who->id)),
                   j->mem, &ids));
    KT_EACH(row, ids) TRY(narrow_other(j, d, kt_get_str(row, "id"), ref, to));
    return KT_OK;
}

/* The random mark by which an account's records are found; made at its first decision. */
static kt_err account_ref(const deed *j, db *d, kt_str *ref)
{
    account_choice a;
    kt_err err = choice_account_get(d, j->mem, j->who->account, &a);
    if (err == KT_OK)
        *ref = a.ref;
    else if (err == KT_NOT_FOUND)
        *ref = kt_random_token(j->room->house->random, j->mem, CONSENT_ID_BYTES);
    return err == KT_NOT_FOUND ? KT_OK : err;
}

static kt_err keep_for_account(const deed *j, db *d, kt_str ref, const record *r)
{
    return store_exec(d, &SQL_consent_account_put,
                      ARGS(sql_text("account", j->who->account), sql_text("ref", ref), sql_text("consent_id", r->id),
                           sql_int("policy_version", r->policy_version), sql_text("granted", r->granted),
                           sql_int("everywhere", strcmp(j->what->surface, "account") == 0),
                           sql_int("decided_at", r->decided_at)),
                      NULL);
}

static kt_err do_deed(db *d, void *ctx)
{
    const deed *j = ctx;
    const policy *p = j->room->policy;
    kt_str ref = KT_STR_NONE;
    record before;
    service_set changed = 0, asked = 0, held = 0;
    *j->out = (decided){ .granted = j->what->granted };
    if (!kt_str_empty(j->who->account)) TRY(account_ref(j, d, &ref));
    kt_err err = record_latest(d, j->mem, j->who->id, &before);
    if (err == KT_OK)
        held = choice_record_holds(p, j->mem, &before, &changed, &asked) | changed;
    else if (err != KT_NOT_FOUND)
        return err;

    record r = record_of(j, ref);
    kt_sha256 key = j->room->head_key;
    TRY(record_append(d, j->mem, kt_sha256_str(&key), &j->room->keep, &r));
    j->out->narrowed = held & ~j->what->granted;
    if (j->out->narrowed) TRY(forget(d, j->who->id, j->out));
    if (!kt_str_empty(ref)) {
        TRY(keep_for_account(j, d, ref, &r));
        TRY(narrow_others(j, d, ref, j->what->granted));
    }
    TRY(tell(j, d, &r, j->what->granted, j->what->action));
    r.n = 1;
    j->out->made = r;
    return KT_OK;
}

kt_err decide_record(const consent_room *room, kt_arena *mem, const decider *who, const decision *what, decided *out)
{
    deed act = { room, mem, who, what, out };
    *out = (decided){ 0 };
    kt_err err = store_write(room->house->store, do_deed, &act);
    if (err != KT_OK) {
        *out = (decided){ 0 };
        return err;
    }
    for (size_t i = 0; i < room->policy->n; i++) {
        if (!(room->policy->offered & SERVICE_BIT(i))) continue;
        bool yes = (what->granted & SERVICE_BIT(i)) != 0;
        kt_metric_add(room->decisions, yes ? room->granted_series[i] : room->denied_series[i], 1);
    }
    return KT_OK;
}

/* ---- the reply ---------------------------------------------------------------------------------------- */

/* Every optional cookie of our own whose service is not granted ends with this answer. */
static kt_err expire_denied(const consent_room *room, request *rq, reply *rs, service_set granted)
{
    const registry *r = room->house->registry;
    const cookie_entry *const *all = NULL;
    size_t n = registry_cookies(r, &all);
    for (size_t i = 0; i < n; i++) {
        const cookie_entry *c = all[i];
        if (kt_str_is(c->category, "necessary") || !kt_str_is(c->host, "own")) continue;
        int at = policy_find(room->policy, c->service);
        if (at >= 0 && (granted & SERVICE_BIT(at))) continue;
        TRY(cookie_expire(r, rq, rs, kt_str_z(rq->mem, c->id)));
    }
    return KT_OK;
}

static kt_str account_of(const request *rq)
{
    const session *s = rq->session;
    return s && s->realm && strcmp(s->realm, "account") == 0 ? s->subject : KT_STR_NONE;
}

/* The page somebody decided on: as the script says, else the path of the Referer. */
static kt_str page_of(request *rq, const decision *what)
{
    if (what->path.at) return what->path;
    kt_str referer = request_header(rq, "Referer");
    size_t at = kt_str_find(referer, KT_STR("://"), 0);
    if (at == KT_NOT_FOUND_AT) return KT_STR_NONE;
    at = kt_str_find_byte(referer, '/', at + 3);
    return at == KT_NOT_FOUND_AT ? KT_STR_NONE : decision_path(rq->mem, kt_str_slice(referer, at, referer.len));
}

/* Words that were shown must be known here, in the language that is named, or they prove nothing. */
static kt_err check_text(const consent_room *room, const decision *what)
{
    int64_t known = 0;
    if (kt_str_empty(what->text_hash)) return KT_OK;
    TRY(store_one_int(store_reader(room->house->store), &SQL_consent_text_known,
                      ARGS(sql_text("hash", what->text_hash), sql_text("language", kt_str_c(what->language))), &known));
    return known ? KT_OK : KT_CONFLICT;
}

kt_err decide(const consent_room *room, request *rq, reply *rs, const decision *what, decided *out)
{
    const policy *p = room->policy;
    choice now;
    choice_read(room, rq, &now);
    if (what->granted) TRY(check_text(room, what));
    bool own_id = now.id[0] && !now.restored;
    decision w = *what;
    w.path = page_of(rq, what);
    if (!what->granted && check_text(room, what) != KT_OK) w.text_hash = KT_STR_NONE; /* a refusal is never refused */
    decider who = {
        .id = own_id ? kt_str_dup(rq->mem, kt_str_c(now.id))
                     : kt_random_token(room->house->random, rq->mem, CONSENT_ID_BYTES),
        .account = account_of(rq),
        .origin = kt_str_c(http_origin(rq->server)),
        .ip_prefix = rq->peer.known ? http_addr_prefix(rq->mem, &rq->peer) : KT_STR_NONE,
        .user_agent = request_header(rq, "User-Agent"),
        .now_ms = rq->now_ms,
        .gpc = now.gpc,
        .dnt = now.dnt,
    };
    kt_err err = decide_record(room, rq->mem, &who, &w, out);
    if (err != KT_OK) { /* full, read-only, busy: whatever it is, only less may be allowed now */
        kt_log(KT_LOG_ERROR, "consent.record_failed", KT_WORD("error", kt_err_name(err)));
        kt_metric_add(room->refused, room->refused_series, 1);
        if (w.granted & ~now.granted) return KT_FULL;
        *out = (decided){ .granted = w.granted, .narrowed = now.granted & ~w.granted };
    }
    out->narrowed |= (now.chosen | now.changed) & ~w.granted;
    kt_str value = choice_cookie_make(rq->mem, kt_sha256_str(&room->cookie_key), p, w.granted, rq->now_ms, who.id);
    TRY(cookie_set(room->house->registry, rq, rs, "consent", value, false, NULL));
    TRY(w.granted ? expire_denied(room, rq, rs, w.granted) : cookie_expire_optional(room->house->registry, rq, rs));
    /* Pages kept by the browser may still carry the wider policy of before. */
    if (out->narrowed) TRY(reply_header(rs, "Clear-Site-Data", KT_STR("\"cache\"")));
    if (out->dropped > 0) outbox_wake(room->house->outbox);
    return KT_OK;
}

/* ---- the bus -------------------------------------------------------------------------------------------- */

kt_err decide_account_closed(void *ctx, db *d, const kt_value *facts, int64_t now_ms)
{
    kt_str account = kt_get_str(facts, "account");
    kt_arena *mem = kt_arena_new();
    account_choice a;
    kt_err err = choice_account_get(d, mem, account, &a);
    if (err == KT_OK) err = store_exec(d, &SQL_consent_record_forget_account, ARGS(sql_text("ref", a.ref)), NULL);
    if (err == KT_OK) err = store_exec(d, &SQL_consent_account_delete, ARGS(sql_text("account", account)), NULL);
    kt_arena_free(mem);
    return err == KT_NOT_FOUND ? KT_OK : err;
}

/* The id of a cookie value (signed) or a bare id; NONE for anything else. */
static kt_str consent_id_of(const consent_room *room, kt_arena *mem, kt_str reference)
{
    choice_cookie c;
    kt_str bytes;
    if (choice_cookie_parse(mem, kt_sha256_str(&room->cookie_key), reference, &c)) return c.id;
    if (reference.len == STORE_ID_LEN && kt_base64url_decode(mem, reference, &bytes)) return reference;
    return KT_STR_NONE;
}

kt_err decide_signed_in(void *ctx, db *d, const kt_value *facts, int64_t now_ms)
{
    const consent_room *room = ctx;
    kt_arena *mem = kt_arena_new();
    account_choice a;
    service_set changed = 0, asked = 0;
    decided out = { 0 };
    kt_str id = consent_id_of(room, mem, kt_get_str(facts, "consent_ref"));
    kt_err err = choice_account_get(d, mem, kt_get_str(facts, "account"), &a);
    if (err == KT_OK && !kt_str_empty(id) && !kt_str_eq(id, a.consent_id)) {
        record like = { .policy_version = a.version, .granted = a.granted };
        service_set to = choice_record_holds(room->policy, mem, &like, &changed, &asked);
        decider who = { .id = id,
                        .account = kt_get_str(facts, "account"),
                        .now_ms = now_ms,
                        .origin = room->house->server ? kt_str_c(http_origin(room->house->server)) : KT_STR("") };
        decision what = {
            .action = "withdraw", .surface = "signin", .language = "de", .version = room->policy->version, .granted = to
        };
        deed act = { room, mem, &who, &what, &out };
        err = narrow_other(&act, d, id, a.ref, to);
    }
    kt_arena_free(mem);
    return err == KT_NOT_FOUND ? KT_OK : err;
}
