/* SPDX-License-Identifier: Apache-2.0 */
/* choice.c -- reading the decision, and narrowing it. See choice.h. */
#include "consent/choice.h"
#include "consent/queries.h"

#define MAC_BYTES 16

/* ---- the cookie ------------------------------------------------------------------------------------ */

static kt_str cookie_mac(kt_arena *mem, kt_str key, kt_str body)
{
    kt_sha256 mac = kt_hmac(key, body);
    return kt_base64url(mem, mac.at, MAC_BYTES);
}

static size_t last_dot(kt_str s)
{
    size_t at = s.len;
    while (at > 0 && s.at[at - 1] != '.') at--;
    return at ? at - 1 : KT_NOT_FOUND_AT;
}

bool choice_cookie_parse(kt_arena *mem, kt_str key, kt_str value, choice_cookie *out)
{
    if (value.len > CHOICE_COOKIE_MAX) return false;
    size_t dot = last_dot(value);
    if (dot == KT_NOT_FOUND_AT) return false;
    kt_str rest = kt_str_slice(value, 0, dot), part[5];
    if (!kt_str_eq_secret(cookie_mac(mem, key, rest), kt_str_slice(value, dot + 1, value.len))) return false;
    for (size_t i = 0; i < 5; i++)
        if (!kt_str_split(&rest, '.', &part[i])) return false;
    if (!kt_str_is(part[0], "v1") || !kt_str_empty(rest)) return false;
    if (!kt_str_int(part[1], &out->version) || !kt_str_int(part[3], &out->decided_s)) return false;
    if (out->decided_s < 0 || out->decided_s > INT64_MAX / KT_SECOND_MS) return false;
    out->bitmap = KT_STR("");
    if (!kt_str_empty(part[2]) && !kt_base64url_decode(mem, part[2], &out->bitmap)) return false;
    kt_str id;
    if (part[4].len != STORE_ID_LEN || !kt_base64url_decode(mem, part[4], &id) || id.len != CONSENT_ID_BYTES)
        return false;
    out->id = part[4];
    return true;
}

kt_str choice_cookie_make(kt_arena *mem, kt_str key, const policy *p, service_set granted, int64_t now_ms, kt_str id)
{
    unsigned char bits[POLICY_SERVICES_MAX / 8] = { 0 };
    size_t len = (p->n + 7) / 8;
    for (size_t i = 0; i < p->n; i++)
        if (granted & SERVICE_BIT(i)) bits[i / 8] = (unsigned char)(bits[i / 8] | (1u << (i % 8)));
    kt_str bitmap = len ? kt_base64url(mem, bits, len) : KT_STR("");
    kt_str body = kt_str_fmt(mem, "v1.%lld.%.*s.%lld.%.*s", (long long)p->version, KT_ARG(bitmap),
                             (long long)(now_ms / KT_SECOND_MS), KT_ARG(id));
    kt_str mac = cookie_mac(mem, key, body);
    return kt_str_fmt(mem, "%.*s.%.*s", KT_ARG(body), KT_ARG(mac));
}

kt_value *choice_cookie_list(kt_arena *mem, const policy_version *then, kt_str bitmap)
{
    if (bitmap.len != (then->n + 7) / 8) return NULL;
    kt_value *list = kt_list(mem);
    for (size_t i = 0; i < bitmap.len * 8; i++) {
        if (!(((unsigned)(unsigned char)bitmap.at[i / 8] >> (i % 8)) & 1u)) continue;
        if (i >= then->n) return NULL;
        kt_add_str(mem, list, then->ids[i]);
    }
    return list;
}

/* ---- signals --------------------------------------------------------------------------------------- */

static bool header_is_one(request *rq, const char *name)
{
    size_t n = request_header_count(rq, name);
    for (size_t i = 0; i < n; i++)
        if (kt_str_is(request_header_at(rq, name, i), "1")) return true;
    return false;
}

bool choice_gpc(request *rq) { return header_is_one(rq, "Sec-GPC"); }
bool choice_dnt(request *rq) { return header_is_one(rq, "DNT"); }

/* An explicit grant made while the signal was already on stands against GPC (recorded as a conflict);
 * Do Not Track wins over every earlier grant for the services it is declared for. */
static void heed_signals(const policy *p, bool granted_despite_gpc, choice *c)
{
    if (c->gpc && !granted_despite_gpc) c->granted &= ~p->heeds_gpc;
    if (c->dnt) c->granted &= ~p->heeds_dnt;
}

/* ---- records and accounts -------------------------------------------------------------------------- */

service_set choice_record_holds(const policy *p, kt_arena *mem, const record *r, service_set *changed,
                                service_set *asked)
{
    const policy_version *then = policy_version_of(p, r->policy_version);
    kt_value *granted = NULL;
    service_set holds = 0;
    *changed = *asked = 0;
    if (!then || kt_json_parse(mem, r->granted, NULL, &granted) != KT_OK) return 0;
    policy_translate(p, then, granted, &holds, changed, asked);
    return holds;
}

kt_err choice_account_get(db *d, kt_arena *mem, kt_str account, account_choice *out)
{
    kt_value *list = NULL;
    TRY(store_list(d, &SQL_consent_account_get, ARGS(sql_text("account", account)), mem, &list));
    const kt_value *row = list->first;
    if (!row) return KT_NOT_FOUND;
    *out = (account_choice){ kt_get_str(row, "ref"),           kt_get_str(row, "consent_id"),
                             kt_get_str(row, "granted"),       kt_get_int(row, "policy_version", 0),
                             kt_get_int(row, "decided_at", 0), kt_get_int(row, "everywhere", 0) != 0 };
    return KT_OK;
}

static void set_id(choice *c, kt_str id)
{
    size_t len = id.len < STORE_ID_LEN ? id.len : STORE_ID_LEN;
    memcpy(c->id, id.at, len);
    c->id[len] = 0;
}

/* The record on the server is the proof: without one nothing is granted, and it can take away. */
static void narrow_by_record(const consent_room *room, kt_arena *mem, choice *c, bool *despite_gpc)
{
    record r;
    service_set changed, asked;
    kt_err err = record_latest(store_reader(room->house->store), mem, kt_str_c(c->id), &r);
    if (err == KT_OK) {
        c->granted &= choice_record_holds(room->policy, mem, &r, &changed, &asked);
        *despite_gpc = r.gpc;
    } else {
        c->granted = c->changed = 0;
        if (err == KT_NOT_FOUND) {
            c->decided = false;
            c->bad = true;
        }
    }
}

static bool is_alive(const consent_room *room, int64_t decided_at, int64_t now_ms)
{
    return decided_at + room->lifetime_ms > now_ms;
}

/* A signed-in person's refusals reach this browser too; grants only when made for all devices. */
static void narrow_by_account(const consent_room *room, kt_arena *mem, kt_str account, int64_t now_ms, choice *c)
{
    const policy *p = room->policy;
    account_choice a;
    if (c->decided && c->granted == 0) return;
    kt_err err = choice_account_get(store_reader(room->house->store), mem, account, &a);
    if (err == KT_NOT_FOUND) return;
    record like = { .policy_version = err == KT_OK ? a.version : 0, .granted = err == KT_OK ? a.granted : KT_STR_NONE };
    service_set changed = 0, asked = 0, holds = err == KT_OK ? choice_record_holds(p, mem, &like, &changed, &asked) : 0;
    if (c->decided) {
        c->granted &= holds;
        return;
    }
    if (err != KT_OK || !is_alive(room, a.decided_at, now_ms)) return;
    *c = (choice){ .decided = true,
                   .bad = c->bad,
                   .restored = true,
                   .gpc = c->gpc,
                   .dnt = c->dnt,
                   .version = a.version,
                   .decided_at = a.decided_at,
                   .granted = a.everywhere ? holds : 0,
                   .changed = a.everywhere ? changed : 0,
                   .ask = p->offered & ~(a.everywhere ? asked : asked & ~holds) };
    set_id(c, a.consent_id);
}

/* ---- reading --------------------------------------------------------------------------------------- */

static void read_cookie(const consent_room *room, request *rq, choice *c)
{
    const policy *p = room->policy;
    bool twice = false;
    choice_cookie cookie;
    kt_str value = cookie_get(room->house->registry, rq, "consent", &twice);
    if (twice) {
        c->bad = true;
        return;
    }
    if (!value.at) return;
    c->bad = true;
    if (!choice_cookie_parse(rq->mem, kt_sha256_str(&room->cookie_key), value, &cookie)) return;
    const policy_version *then = policy_version_of(p, cookie.version);
    kt_value *granted = then ? choice_cookie_list(rq->mem, then, cookie.bitmap) : NULL;
    if (!granted || !is_alive(room, cookie.decided_s * KT_SECOND_MS, rq->now_ms)) return;
    service_set asked = 0;
    policy_translate(p, then, granted, &c->granted, &c->changed, &asked);
    c->ask = p->offered & ~asked;
    c->bad = false;
    c->decided = true;
    c->version = cookie.version;
    c->decided_at = cookie.decided_s * KT_SECOND_MS;
    set_id(c, cookie.id);
}

void choice_read(const consent_room *room, request *rq, choice *out)
{
    bool despite_gpc = false;
    *out = (choice){ .gpc = choice_gpc(rq), .dnt = choice_dnt(rq) };
    read_cookie(room, rq, out);
    if (out->decided && (out->granted | out->changed)) narrow_by_record(room, rq->mem, out, &despite_gpc);
    if (rq->session && rq->session->realm && strcmp(rq->session->realm, "account") == 0)
        narrow_by_account(room, rq->mem, rq->session->subject, rq->now_ms, out);
    if (!out->decided) {
        out->granted = out->changed = 0;
        out->ask = room->policy->offered;
    }
    out->chosen = out->granted;
    heed_signals(room->policy, despite_gpc, out);
}

void choice_of_id(const consent_room *room, kt_arena *mem, kt_str id, int64_t now_ms, choice *out)
{
    record r;
    service_set asked = 0;
    *out = (choice){ .ask = room->policy->offered };
    if (record_latest(store_reader(room->house->store), mem, id, &r) != KT_OK) return;
    if (!is_alive(room, r.decided_at, now_ms)) return;
    out->decided = true;
    out->version = r.policy_version;
    out->decided_at = r.decided_at;
    out->chosen = out->granted = choice_record_holds(room->policy, mem, &r, &out->changed, &asked);
    out->ask = room->policy->offered & ~asked;
    set_id(out, id);
}

void choice_of_account(const consent_room *room, kt_arena *mem, kt_str account, int64_t now_ms, choice *out)
{
    account_choice a;
    *out = (choice){ .ask = room->policy->offered };
    if (choice_account_get(store_reader(room->house->store), mem, account, &a) != KT_OK) return;
    choice_of_id(room, mem, a.consent_id, now_ms, out);
    record like = { .policy_version = a.version, .granted = a.granted };
    service_set changed, asked;
    out->granted &= choice_record_holds(room->policy, mem, &like, &changed, &asked);
    out->chosen = out->granted;
}

bool choice_permits(void *ctx, const permit_subject *who, const service *s)
{
    const consent_room *room = ctx;
    choice c = { 0 };
    if (kt_str_is(s->category, "necessary")) return true;
    int i = policy_find(room->policy, s->id);
    if (i < 0) return false;
    kt_arena *mem = who->rq ? who->rq->mem : kt_arena_new();
    int64_t now_ms = kt_now_ms(room->house->clock);
    service_set granted = ~(service_set)0;
    if (who->rq) {
        choice_read(room, who->rq, &c);
        granted = c.granted;
    }
    if (!kt_str_empty(who->consent_id)) {
        choice_of_id(room, mem, who->consent_id, now_ms, &c);
        granted &= c.granted;
    }
    if (!who->rq && kt_str_empty(who->consent_id)) {
        choice_of_account(room, mem, who->account, now_ms, &c);
        granted = c.granted;
    }
    if (!who->rq) kt_arena_free(mem);
    return (granted & SERVICE_BIT(i)) != 0;
}
