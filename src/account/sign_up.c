/* SPDX-License-Identifier: Apache-2.0 */
/* sign_up.c -- registration with double opt-in.
 *
 * Whatever address is given, the same happens as far as anybody outside can see: the password is hashed,
 * one transaction is written, one mail is queued, and the answer is 303 to the same page. What differs is
 * in the mail, which only the owner of the address reads: a link to confirm, or the news that somebody
 * tried to register with an address that has an account already. */
#include "account/account.h"
#include "account/queries.h"

#define CONFIRM_TEXT_VERSION "2026-01" /* of the mail and page that ask for the confirmation */
enum { VERIFY_VALID_H = 24 };

/* ---------------------------------------------------------------- what happens */

typedef struct {
    account_room *room;
    kt_arena *mem;
    const registration *r;
    int64_t now_ms;
    kt_str id, proof_id;
    mail_token token;
    bool may_mail; /* decided before the transaction: it may run twice */
} registering;

static kt_err owner_of(db *d, kt_arena *mem, kt_str key, int64_t now_ms, kt_str *owner)
{
    rows *r = NULL;
    *owner = KT_STR_NONE;
    kt_err err = store_rows(d, &SQL_account_email_owner, ARGS(sql_text("email_key", key), sql_int("now", now_ms)), &r);
    if (err == KT_OK && rows_next(r)) *owner = kt_str_dup(mem, rows_text(r, "account"));
    kt_err end = rows_end(r);
    return err == KT_OK ? end : err;
}

/* A token to confirm with, its proof, and the mail that carries it. */
static kt_err ask_to_confirm(account_room *room, db *d, kt_arena *mem, kt_str id, kt_str to, kt_str lang,
                             const mail_token *t, kt_str proof_id, kt_str prefix, int64_t now_ms)
{
    TRY(token_put(d, t, "verify", id, NULL, 0, now_ms, VERIFY_VALID_H * KT_HOUR_MS));
    TRY(store_exec(d, &SQL_account_proof_insert,
                   ARGS(sql_text("id", proof_id), sql_text("account", id), sql_text("kind", KT_STR("verify")),
                        sql_text("text_version", KT_STR(CONFIRM_TEXT_VERSION)),
                        sql_blob("token_hash", kt_sha256_str(&t->hash)), sql_int("now", now_ms),
                        sql_text("prefix", prefix)),
                   NULL));
    letter l = { "confirm", id,        to,      kt_str_fmt(mem, "account.confirm.%.*s", KT_ARG(t->id)),
                 lang,      "/verify", t->text, NULL };
    return letter_put(room, d, mem, &l, now_ms);
}

static kt_err insert_new(db *d, const registering *g)
{
    const registration *r = g->r;
    const person *p = &r->who;
    TRY(store_exec(
        d, &SQL_account_insert,
        ARGS(sql_text("id", g->id), sql_text("email", r->email.typed), sql_text("email_key", r->email.key),
             sql_text("last_name", p->last_name), sql_text("first_name", p->first_name), sql_text("street", p->street),
             sql_text("postcode", p->postcode), sql_text("city", p->city), sql_text("country", p->country),
             sql_text("phone", p->phone), sql_text("password_hash", kt_str_c(r->hash.at[0] ? r->hash.at : NULL)),
             sql_text("language", kt_str_c(r->lang)), sql_text("terms_version", g->room->options.terms_version),
             sql_text("consent_ref", r->consent_ref), sql_text("signup_ip", r->ip), sql_int("now", g->now_ms)),
        NULL));
    TRY(ask_to_confirm(g->room, d, g->mem, g->id, r->email.typed, kt_str_c(r->lang), &g->token, g->proof_id, r->prefix,
                       g->now_ms));
    kt_value *facts = kt_map(g->mem);
    kt_set_str(g->mem, facts, "account", g->id);
    kt_set_c(g->mem, facts, "language", r->lang);
    return bus_tell(g->room->h->bus, d, BUS_ACCOUNT_CREATED, facts, g->now_ms);
}

/* The address has an owner: they are told, at most once an hour, and nothing else changes. An account that
 * waits for its confirmation gets the link once more instead. */
static kt_err tell_owner(db *d, const registering *g, kt_str owner)
{
    account a;
    TRY(account_by_id(d, g->mem, owner, &a));
    if (!g->may_mail) return KT_OK;
    bool same = kt_str_eq(a.email_key, g->r->email.key);
    if (same && account_is(&a, "pending"))
        return ask_to_confirm(g->room, d, g->mem, a.id, a.email, a.language, &g->token, g->proof_id, g->r->prefix,
                              g->now_ms);
    letter l = { "exists",
                 a.id,
                 same ? a.email : g->r->email.typed,
                 kt_str_fmt(g->mem, "account.exists.%.*s.%lld", KT_ARG(a.id), (long long)(g->now_ms / KT_HOUR_MS)),
                 a.language,
                 "/sign-in",
                 KT_STR_NONE,
                 NULL };
    return letter_put(g->room, d, g->mem, &l, g->now_ms);
}

static kt_err register_action(db *d, void *ctx)
{
    registering *g = ctx;
    kt_str owner;
    TRY(owner_of(d, g->mem, g->r->email.key, g->now_ms, &owner));
    TRY(owner.len ? tell_owner(d, g, owner) : insert_new(d, g));
    audit_entry e = { "visitor",
                      KT_STR_NONE,
                      "account.register",
                      "account",
                      owner.len ? KT_STR_NONE : g->id,
                      owner.len ? "refused" : "ok",
                      KT_STR_NONE,
                      g->r->request_id,
                      g->r->prefix };
    return audit_write(d, &e, g->now_ms);
}

kt_err account_register(account_room *room, kt_arena *mem, const registration *r, int64_t now_ms)
{
    registering g = { room,
                      mem,
                      r,
                      now_ms,
                      account_new_id(room, mem),
                      account_new_id(room, mem),
                      token_new(room, mem),
                      throttle_mail(room, r->email.key, now_ms) };
    kt_err err = store_write(room->h->store, register_action, &g);
    /* On an engine with many writers two may pass the look-up; the unique key decides, and the loser looks again. */
    if (err == KT_CONFLICT) err = store_write(room->h->store, register_action, &g);
    if (err == KT_OK) outbox_wake(room->h->outbox);
    return err;
}

/* ---------------------------------------------------------------- the pages */

static void sign_up_fields(form_page *f)
{
    kt_value *email = form_page_field(f, "email", EMAIL_INPUT, KT_STR(""), "username", true);
    kt_set_c(f->rq->mem, email, "inputmode", "email");
    form_page_field(f, "password", "password", KT_STR(""), "new-password", true);
    person_fields(f, NULL, true);
    form_page_field(f, "terms", "checkbox", KT_STR("1"), NULL, true);
    kt_set_bool(f->rq->mem, form_page_get(f, "terms"), "checked", f->sent && form_is_ticked(f->sent, "terms"));
    password_help(f, "password");
}

kt_err get_sign_up(request *rq, reply *rs)
{
    form_page f = form_page_new(rq, rs, NULL);
    if (rq->session) return reply_redirect(rq, rs, 303, KT_STR("/account"));
    sign_up_fields(&f);
    return form_page_reply(&f, "account/sign_up");
}

kt_str account_consent_cookie(account_room *room, request *rq)
{
    bool twice = false;
    if (!registry_cookie(room->h->registry, "consent")) return KT_STR_NONE;
    kt_str value = cookie_get(room->h->registry, rq, "consent", &twice);
    return twice || value.len == 0 || value.len > 400 ? KT_STR_NONE : value;
}

/* Of the cookie only the number of the proof is kept with the account: the part that has the form of an id. */
static kt_str consent_number(kt_str cookie)
{
    kt_str part;
    while (kt_str_split(&cookie, '.', &part))
        if (part.len == STORE_ID_LEN) return part;
    return KT_STR_NONE;
}

static void read_sign_up(form_page *f, registration *r)
{
    const char *reason = NULL;
    if (!email_parse(f->rq->mem, form_get(f->sent, "email"), f->room->options.utf8_local, &r->email, &reason))
        form_page_fault(f, "email", reason, 400);
    r->who = person_read(f, true);
    password_judge(f, "password", form_get(f->sent, "password"), r->email.typed, &r->who);
    if (!form_is_ticked(f->sent, "terms")) form_page_fault(f, "terms", "terms", 400);
    r->lang = f->rq->lang;
    r->consent_ref = consent_number(account_consent_cookie(f->room, f->rq));
    r->ip = f->rq->peer.known ? http_addr_text(f->rq->mem, &f->rq->peer) : KT_STR_NONE;
    r->prefix = f->rq->peer.known ? http_addr_prefix(f->rq->mem, &f->rq->peer) : KT_STR_NONE;
    r->request_id = kt_str_c(f->rq->id);
}

kt_err post_sign_up(request *rq, reply *rs)
{
    static const char *const allowed[] = { "email", "password", "first_name", "last_name", "street", "postcode",
                                           "city",  "country",  "phone",      "terms",     NULL };
    account_room *room = room_of(rq);
    registration r = { 0 };
    form *sent = NULL;
    kt_err err;

    TRY(form_take(rq, allowed, &sent));
    form_page f = form_page_new(rq, rs, sent);
    sign_up_fields(&f);
    read_sign_up(&f, &r);
    if (form_page_is_bad(&f)) return form_page_reply(&f, "account/sign_up");
    if (!throttle_take(room, rq, rs, "sign_up", throttle_peer(rq), 10, KT_HOUR_MS, &err)) return err;
    TRY(kt_password_hash_make(room->h->passwords, form_get(sent, "password"), &r.hash));
    TRY(account_register(room, rq->mem, &r, rq->now_ms));
    account_count(room, "sign_up", "ok");
    return reply_redirect(rq, rs, 303, KT_STR("/sign-up/sent"));
}

kt_err get_sign_up_sent(request *rq, reply *rs)
{
    form_page f = form_page_new(rq, rs, NULL);
    form_page_field(&f, "email", EMAIL_INPUT, KT_STR(""), "username", true);
    return form_page_reply(&f, "account/sign_up_sent");
}

/* ---------------------------------------------------------------- confirming */

kt_err account_link_gone(request *rq, reply *rs)
{
    return account_page(rq, rs, 410, "account/link_gone", kt_map(rq->mem));
}

kt_err get_verify(request *rq, reply *rs)
{
    kt_str token;
    bool moved = false;
    TRY(token_step(room_of(rq), rq, rs, "verify", &token, &moved));
    if (moved) return KT_OK;
    return token.len ? account_page(rq, rs, 200, "account/verify", kt_map(rq->mem)) : account_link_gone(rq, rs);
}

typedef struct {
    account_room *room;
    request *rq;
    kt_str token;
} confirming;

static kt_err confirm_action(db *d, void *ctx)
{
    confirming *c = ctx;
    found_token t;
    int64_t changed = 0, now = c->rq->now_ms;
    kt_sha256 hash = kt_hash(c->token);
    TRY(token_find(d, c->rq->mem, c->token, "verify", now, &t));
    TRY(store_exec(d, &SQL_account_confirm, ARGS(sql_text("id", t.account), sql_int("now", now)), &changed));
    if (changed != 1) return KT_GONE;
    TRY(token_end_kind(d, t.account, "verify"));
    TRY(store_exec(d, &SQL_account_proof_done,
                   ARGS(sql_int("now", now), sql_text("prefix", http_addr_prefix(c->rq->mem, &c->rq->peer)),
                        sql_blob("token_hash", kt_sha256_str(&hash))),
                   NULL));
    TRY(account_tell(c->room, d, c->rq->mem, BUS_ACCOUNT_CONFIRMED, t.account, now));
    return account_audit(d, c->rq, "account.confirm", t.account, "ok", NULL);
}

kt_err post_verify(request *rq, reply *rs)
{
    static const char *const allowed[] = { NULL };
    account_room *room = room_of(rq);
    form *sent = NULL;
    TRY(form_take(rq, allowed, &sent));
    confirming c = { room, rq, token_kept(room, rq, "verify") };
    kt_err err = store_write(room->h->store, confirm_action, &c);
    account_count(room, "verify", err == KT_OK ? "ok" : "refused");
    if (err != KT_OK && err != KT_GONE) return err;
    TRY(token_forget(room, rq, rs));
    return err == KT_GONE ? account_link_gone(rq, rs) : reply_redirect(rq, rs, 303, KT_STR("/sign-in?done=confirmed"));
}

/* ---------------------------------------------------------------- the mail once more */

typedef struct {
    account_room *room;
    request *rq;
    email_address email;
    mail_token token;
    kt_str proof_id;
    bool may_mail;
} resending;

static kt_err resend_action(db *d, void *ctx)
{
    resending *s = ctx;
    account a = { 0 };
    kt_arena *mem = s->rq->mem;
    kt_err err = account_by_email_key(d, mem, s->email.key, &a);
    if (err != KT_OK && err != KT_NOT_FOUND) return err;
    bool send = err == KT_OK && s->may_mail && account_is(&a, "pending");
    if (send)
        TRY(ask_to_confirm(s->room, d, mem, a.id, a.email, a.language, &s->token, s->proof_id,
                           http_addr_prefix(mem, &s->rq->peer), s->rq->now_ms));
    return account_audit(d, s->rq, "account.confirm.resend", send ? a.id : KT_STR_NONE, send ? "ok" : "refused", NULL);
}

kt_err post_verify_resend(request *rq, reply *rs)
{
    static const char *const allowed[] = { "email", NULL };
    account_room *room = room_of(rq);
    resending s = { .room = room, .rq = rq };
    const char *reason = NULL;
    form *sent = NULL;
    kt_err err;
    TRY(form_take(rq, allowed, &sent));
    form_page f = form_page_new(rq, rs, sent);
    form_page_field(&f, "email", EMAIL_INPUT, KT_STR(""), "username", true);
    if (!email_parse(rq->mem, form_get(sent, "email"), room->options.utf8_local, &s.email, &reason)) {
        form_page_fault(&f, "email", reason, 400);
        return form_page_reply(&f, "account/sign_up_sent");
    }
    if (!throttle_take(room, rq, rs, "mail", throttle_peer(rq), 20, KT_HOUR_MS, &err)) return err;
    s.token = token_new(room, rq->mem);
    s.proof_id = account_new_id(room, rq->mem);
    s.may_mail = throttle_mail(room, s.email.key, rq->now_ms);
    TRY(store_write(room->h->store, resend_action, &s));
    outbox_wake(room->h->outbox);
    return reply_redirect(rq, rs, 303, KT_STR("/sign-up/sent?done=resent"));
}
