/* SPDX-License-Identifier: Apache-2.0 */
/* change_email.c -- another e-mail address, in three steps that nobody can take alone.
 *
 *   asked for (signed in, password fresh) -> confirmed by a link to the NEW address -> switched
 *                                                 72 h: undone by a link to the OLD address
 *
 * Until the new address is confirmed nothing changes. After the switch the old one stays reserved for
 * 72 hours, so that nobody else can register it meanwhile. If the new address belongs to another account
 * the answer is the same and its owner gets a mail. */
#include "account/account.h"
#include "account/queries.h"

enum { CONFIRM_VALID_H = 24, UNDO_VALID_H = 72 };

static void email_field(form_page *f)
{
    kt_value *email = form_page_field(f, "new_email", EMAIL_INPUT, KT_STR(""), "email", true);
    kt_set_c(f->rq->mem, email, "inputmode", "email");
}

static kt_err show_form(form_page *f)
{
    account a;
    TRY(account_by_id(store_reader(f->room->h->store), f->rq->mem, f->rq->session->subject, &a));
    kt_set_str(f->rq->mem, f->data, "email", a.email);
    return form_page_reply(f, "account/email");
}

kt_err get_email(request *rq, reply *rs)
{
    form_page f = form_page_new(rq, rs, NULL);
    email_field(&f);
    return show_form(&f);
}

typedef struct {
    account_room *room;
    request *rq;
    email_address email;
    mail_token token;
    kt_str proof_id;
    bool may_mail;
} asking;

static kt_err owner_of(db *d, kt_arena *mem, kt_str key, int64_t now_ms, kt_str *owner)
{
    rows *r = NULL;
    *owner = KT_STR_NONE;
    kt_err err = store_rows(d, &SQL_account_email_owner, ARGS(sql_text("email_key", key), sql_int("now", now_ms)), &r);
    if (err == KT_OK && rows_next(r)) *owner = kt_str_dup(mem, rows_text(r, "account"));
    kt_err end = rows_end(r);
    return err == KT_OK ? end : err;
}

static kt_err ask_new_address(db *d, asking *s, const account *a)
{
    kt_arena *mem = s->rq->mem;
    int64_t now = s->rq->now_ms;
    TRY(token_end_kind(d, a->id, "email"));
    TRY(token_put(d, &s->token, "email", a->id, &s->email, 0, now, CONFIRM_VALID_H * KT_HOUR_MS));
    TRY(store_exec(d, &SQL_account_proof_insert,
                   ARGS(sql_text("id", s->proof_id), sql_text("account", a->id), sql_text("kind", KT_STR("email")),
                        sql_text("text_version", KT_STR("2026-01")),
                        sql_blob("token_hash", kt_sha256_str(&s->token.hash)), sql_int("now", now),
                        sql_text("prefix", http_addr_prefix(mem, &s->rq->peer))),
                   NULL));
    letter to_new = { "email_confirm", a->id,
                      s->email.typed,  kt_str_fmt(mem, "account.email_confirm.%.*s", KT_ARG(s->token.id)),
                      a->language,     "/email/confirm",
                      s->token.text,   NULL };
    return letter_put(s->room, d, mem, &to_new, now);
}

static kt_err tell_other_owner(db *d, asking *s, const account *asker, kt_str owner)
{
    account other;
    kt_arena *mem = s->rq->mem;
    TRY(account_by_id(d, mem, owner, &other));
    letter l = {
        "email_taken",  other.id,
        s->email.typed, kt_str_fmt(mem, "account.email_taken.%.*s.%.*s", KT_ARG(asker->id), KT_ARG(s->token.id)),
        other.language, NULL,
        KT_STR_NONE,    NULL
    };
    return letter_put(s->room, d, mem, &l, s->rq->now_ms);
}

static kt_err ask_action(db *d, void *ctx)
{
    asking *s = ctx;
    account a;
    kt_str owner;
    kt_arena *mem = s->rq->mem;
    TRY(account_by_id(d, mem, s->rq->session->subject, &a));
    TRY(owner_of(d, mem, s->email.key, s->rq->now_ms, &owner));
    bool taken = owner.len && !kt_str_eq(owner, a.id);
    if (s->may_mail) {
        TRY(taken ? tell_other_owner(d, s, &a, owner) : ask_new_address(d, s, &a));
        letter to_old = { "email_asked", a.id,
                          a.email,       kt_str_fmt(mem, "account.email_asked.%.*s", KT_ARG(s->token.id)),
                          a.language,    "/account/password",
                          KT_STR_NONE,   NULL };
        TRY(letter_put(s->room, d, mem, &to_old, s->rq->now_ms));
    }
    return account_audit(d, s->rq, "account.email.ask", a.id, "ok", NULL);
}

kt_err post_email(request *rq, reply *rs)
{
    static const char *const allowed[] = { "new_email", NULL };
    account_room *room = room_of(rq);
    asking s = { .room = room, .rq = rq };
    const char *reason = NULL;
    form *sent = NULL;
    kt_err err;
    TRY(form_take(rq, allowed, &sent));
    form_page f = form_page_new(rq, rs, sent);
    email_field(&f);
    if (!email_parse(rq->mem, form_get(sent, "new_email"), room->options.utf8_local, &s.email, &reason)) {
        form_page_fault(&f, "new_email", reason, 400);
        return show_form(&f);
    }
    if (!throttle_take(room, rq, rs, "mail", throttle_peer(rq), 20, KT_HOUR_MS, &err)) return err;
    s.token = token_new(room, rq->mem);
    s.proof_id = account_new_id(room, rq->mem);
    s.may_mail = throttle_mail(room, rq->session->subject, rq->now_ms) && throttle_mail(room, s.email.key, rq->now_ms);
    TRY(store_write(room->h->store, ask_action, &s));
    outbox_wake(room->h->outbox);
    return reply_redirect(rq, rs, 303, KT_STR("/account/email?done=email_asked"));
}

/* ---------------------------------------------------------------- the two links */

static kt_err show_link(request *rq, reply *rs, const char *kind, const char *page)
{
    kt_str token;
    bool moved = false;
    TRY(token_step(room_of(rq), rq, rs, kind, &token, &moved));
    if (moved) return KT_OK;
    return token.len ? account_page(rq, rs, 200, page, kt_map(rq->mem)) : account_link_gone(rq, rs);
}

kt_err get_email_confirm(request *rq, reply *rs) { return show_link(rq, rs, "email", "account/email_confirm"); }
kt_err get_email_undo(request *rq, reply *rs) { return show_link(rq, rs, "email_undo", "account/email_undo"); }

typedef struct {
    account_room *room;
    request *rq;
    kt_str token, account;
    mail_token undo, reset;
} following;

static kt_err set_email(db *d, following *w, const account *a, const found_token *t, const char *action)
{
    int64_t changed = 0, now = w->rq->now_ms;
    kt_arena *mem = w->rq->mem;
    kt_err err = store_exec(d, &SQL_account_set_email,
                            ARGS(sql_text("email", t->email), sql_text("email_key", t->email_key), sql_int("now", now),
                                 sql_text("id", a->id)),
                            &changed);
    if (err == KT_CONFLICT || (err == KT_OK && changed != 1)) return KT_GONE; /* taken meanwhile: say no more */
    TRY(err);
    kt_value *facts = kt_map(mem);
    kt_set_str(mem, facts, "account", a->id);
    kt_set_c(mem, facts, "fields", "email");
    TRY(bus_tell(w->room->h->bus, d, BUS_ACCOUNT_CHANGED, facts, now));
    w->account = a->id;
    return account_audit(d, w->rq, action, a->id, "ok", NULL);
}

static kt_err confirm_action(db *d, void *ctx)
{
    following *w = ctx;
    found_token t;
    account a;
    kt_str owner;
    kt_arena *mem = w->rq->mem;
    int64_t now = w->rq->now_ms;
    kt_sha256 hash = kt_hash(w->token);
    TRY(token_find(d, mem, w->token, "email", now, &t));
    TRY(account_by_id(d, mem, t.account, &a));
    TRY(owner_of(d, mem, t.email_key, now, &owner));
    if (owner.len && !kt_str_eq(owner, a.id)) return KT_GONE;
    email_address old = { a.email, a.email_key };
    TRY(set_email(d, w, &a, &t, "account.email.change"));
    TRY(token_end_kind(d, a.id, "email"));
    TRY(token_end_kind(d, a.id, "reset"));
    TRY(store_exec(d, &SQL_account_proof_done,
                   ARGS(sql_int("now", now), sql_text("prefix", http_addr_prefix(mem, &w->rq->peer)),
                        sql_blob("token_hash", kt_sha256_str(&hash))),
                   NULL));
    TRY(token_put(d, &w->undo, "email_undo", a.id, &old, 0, now, UNDO_VALID_H * KT_HOUR_MS));
    letter l = { "email_changed", a.id,
                 old.typed,       kt_str_fmt(mem, "account.email_changed.%.*s", KT_ARG(w->undo.id)),
                 a.language,      "/email/undo",
                 w->undo.text,    NULL };
    return letter_put(w->room, d, mem, &l, now);
}

/* Who undoes suspects a stranger: all sessions end, and the way to a new password is in the next mail. */
static kt_err undo_action(db *d, void *ctx)
{
    following *w = ctx;
    found_token t;
    account a;
    kt_arena *mem = w->rq->mem;
    int64_t now = w->rq->now_ms;
    TRY(token_find(d, mem, w->token, "email_undo", now, &t));
    TRY(account_by_id(d, mem, t.account, &a));
    TRY(set_email(d, w, &a, &t, "account.email.undo"));
    TRY(token_end_kind(d, a.id, "email_undo"));
    TRY(token_end_kind(d, a.id, "email"));
    TRY(session_end_all(d, a.id));
    a.email = t.email;
    return account_send_reset(w->room, d, mem, &a, &w->reset, now);
}

static kt_err follow_link(request *rq, reply *rs, const char *kind, store_action action, const char *to)
{
    static const char *const allowed[] = { NULL };
    account_room *room = room_of(rq);
    form *sent = NULL;
    TRY(form_take(rq, allowed, &sent));
    following w = {
        room, rq, token_kept(room, rq, kind), KT_STR_NONE, token_new(room, rq->mem), token_new(room, rq->mem)
    };
    kt_err err = store_write(room->h->store, action, &w);
    account_count(room, kind, err == KT_OK ? "ok" : "refused");
    if (err != KT_OK && err != KT_GONE) return err;
    TRY(token_forget(room, rq, rs));
    if (err == KT_GONE) return account_link_gone(rq, rs);
    session_cache_forget(room->sessions, w.account);
    outbox_wake(room->h->outbox);
    return reply_redirect(rq, rs, 303, kt_str_c(to));
}

kt_err post_email_confirm(request *rq, reply *rs)
{
    return follow_link(rq, rs, "email", confirm_action,
                       rq->session ? "/account/email?done=email_changed" : "/sign-in?done=email_changed");
}

kt_err post_email_undo(request *rq, reply *rs)
{
    return follow_link(rq, rs, "email_undo", undo_action, "/sign-in?done=email_undone");
}
