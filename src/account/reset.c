/* SPDX-License-Identifier: Apache-2.0 */
/* reset.c -- a new password for somebody who forgot the old one.
 *
 * Asking changes nothing and always gets the same answer. The link is valid for half an hour, once, and
 * only for the password it was asked for: a change in between ends it. Using it ends every session and
 * signs nobody in: whoever holds the mailbox still has to type the password they just chose. */
#include "account/account.h"
#include "account/queries.h"

enum { RESET_VALID_MIN = 30 };

kt_err account_send_reset(account_room *room, db *d, kt_arena *mem, const account *a, const mail_token *t,
                          int64_t now_ms)
{
    TRY(token_end_kind(d, a->id, "reset"));
    TRY(token_put(d, t, "reset", a->id, NULL, a->password_version, now_ms, RESET_VALID_MIN * KT_MINUTE_MS));
    letter l = { "reset",     a->id,        a->email, kt_str_fmt(mem, "account.reset.%.*s", KT_ARG(t->id)),
                 a->language, "/reset/new", t->text,  NULL };
    return letter_put(room, d, mem, &l, now_ms);
}

typedef struct {
    account_room *room;
    request *rq;
    email_address email;
    mail_token token;
    bool may_mail;
} asking;

static kt_err ask_action(db *d, void *ctx)
{
    asking *s = ctx;
    account a = { 0 };
    kt_err err = account_by_email_key(d, s->rq->mem, s->email.key, &a);
    if (err != KT_OK && err != KT_NOT_FOUND) return err;
    bool send = err == KT_OK && s->may_mail && !account_is(&a, "pending");
    if (send) TRY(account_send_reset(s->room, d, s->rq->mem, &a, &s->token, s->rq->now_ms));
    return account_audit(d, s->rq, "account.reset.ask", send ? a.id : KT_STR_NONE, send ? "ok" : "refused", NULL);
}

static void email_field(form_page *f)
{
    kt_value *email = form_page_field(f, "email", EMAIL_INPUT, KT_STR(""), "username", true);
    kt_set_c(f->rq->mem, email, "inputmode", "email");
}

kt_err get_reset(request *rq, reply *rs)
{
    form_page f = form_page_new(rq, rs, NULL);
    email_field(&f);
    return form_page_reply(&f, "account/reset");
}

kt_err post_reset(request *rq, reply *rs)
{
    static const char *const allowed[] = { "email", NULL };
    account_room *room = room_of(rq);
    asking s = { .room = room, .rq = rq };
    const char *reason = NULL;
    form *sent = NULL;
    kt_err err;
    TRY(form_take(rq, allowed, &sent));
    form_page f = form_page_new(rq, rs, sent);
    email_field(&f);
    if (!email_parse(rq->mem, form_get(sent, "email"), room->options.utf8_local, &s.email, &reason)) {
        form_page_fault(&f, "email", reason, 400);
        return form_page_reply(&f, "account/reset");
    }
    if (!throttle_take(room, rq, rs, "mail", throttle_peer(rq), 20, KT_HOUR_MS, &err)) return err;
    s.token = token_new(room, rq->mem);
    s.may_mail = throttle_mail(room, s.email.key, rq->now_ms);
    TRY(store_write(room->h->store, ask_action, &s));
    outbox_wake(room->h->outbox);
    account_count(room, "reset", "asked");
    return reply_redirect(rq, rs, 303, KT_STR("/reset/sent"));
}

kt_err get_reset_sent(request *rq, reply *rs)
{
    return account_page(rq, rs, 200, "account/reset_sent", kt_map(rq->mem));
}

/* ---------------------------------------------------------------- the link */

static void password_field(form_page *f)
{
    form_page_field(f, "new_password", "password", KT_STR(""), "new-password", true);
    password_help(f, "new_password");
}

kt_err get_reset_new(request *rq, reply *rs)
{
    kt_str token;
    bool moved = false;
    TRY(token_step(room_of(rq), rq, rs, "reset", &token, &moved));
    if (moved) return KT_OK;
    if (!token.len) return account_link_gone(rq, rs);
    form_page f = form_page_new(rq, rs, NULL);
    password_field(&f);
    return form_page_reply(&f, "account/reset_new");
}

typedef struct {
    account_room *room;
    request *rq;
    kt_str token, account, notice_id;
    kt_password_hash hash;
} resetting;

static kt_err reset_action(db *d, void *ctx)
{
    resetting *s = ctx;
    found_token t;
    account a;
    kt_arena *mem = s->rq->mem;
    int64_t now = s->rq->now_ms;
    TRY(token_find(d, mem, s->token, "reset", now, &t));
    TRY(account_by_id(d, mem, t.account, &a));
    TRY(store_exec(d, &SQL_account_set_password,
                   ARGS(sql_text("password_hash", kt_str_c(s->hash.at)), sql_int("now", now), sql_text("id", a.id)),
                   NULL));
    TRY(token_end_kind(d, a.id, "reset"));
    TRY(session_end_all(d, a.id));
    TRY(lockout_clear(d, a.id));
    letter l = { "password_changed",
                 a.id,
                 a.email,
                 kt_str_fmt(mem, "account.password_changed.%.*s", KT_ARG(s->notice_id)),
                 a.language,
                 "/reset",
                 KT_STR_NONE,
                 NULL };
    TRY(letter_put(s->room, d, mem, &l, now));
    s->account = a.id;
    return account_audit(d, s->rq, "account.reset", a.id, "ok", NULL);
}

/* Who the token belongs to: for the rule that a password is not somebody's own name. */
static kt_err owner_of_token(request *rq, kt_str token, account *a)
{
    db *d = store_reader(room_of(rq)->h->store);
    found_token t;
    TRY(token_find(d, rq->mem, token, "reset", rq->now_ms, &t));
    return account_by_id(d, rq->mem, t.account, a);
}

kt_err post_reset_new(request *rq, reply *rs)
{
    static const char *const allowed[] = { "new_password", NULL };
    account_room *room = room_of(rq);
    form *sent = NULL;
    account a;
    kt_err err;
    TRY(form_take(rq, allowed, &sent));
    if (!throttle_take(room, rq, rs, "reset", throttle_peer(rq), 20, KT_HOUR_MS, &err)) return err;
    resetting s = {
        .room = room, .rq = rq, .token = token_kept(room, rq, "reset"), .notice_id = account_new_id(room, rq->mem)
    };
    err = owner_of_token(rq, s.token, &a);
    if (err == KT_OK) {
        form_page f = form_page_new(rq, rs, sent);
        person p = person_of(&a);
        password_field(&f);
        password_judge(&f, "new_password", form_get(sent, "new_password"), a.email, &p);
        if (form_page_is_bad(&f)) return form_page_reply(&f, "account/reset_new");
        TRY(kt_password_hash_make(room->h->passwords, form_get(sent, "new_password"), &s.hash));
        err = store_write(room->h->store, reset_action, &s);
    }
    account_count(room, "reset", err == KT_OK ? "ok" : "refused");
    if (err != KT_OK && err != KT_GONE && err != KT_NOT_FOUND) return err;
    TRY(token_forget(room, rq, rs));
    if (err != KT_OK) return account_link_gone(rq, rs);
    session_cache_forget(room->sessions, s.account);
    outbox_wake(room->h->outbox);
    return reply_redirect(rq, rs, 303, KT_STR("/sign-in?done=password"));
}
