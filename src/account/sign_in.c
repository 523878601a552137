/* SPDX-License-Identifier: Apache-2.0 */
/* sign_in.c -- sign-in, sign-out, and giving the password once more.
 *
 * An unknown address, a wrong password, an account that must wait and one that reached the hard stop all
 * take one argon2id run and one transaction, and end in the same answer. What was the matter stands in
 * the audit and, for the owner, in the sign-in log. */
#include "account/account.h"
#include "account/queries.h"

enum { SESSIONS_MAX = 20 };

/* ---------------------------------------------------------------- a new session */

new_session session_prepare(account_room *room, request *rq, bool stay)
{
    new_session s = { .id = account_new_id(room, rq->mem),
                      .dev = device_of(request_header(rq, "user-agent")),
                      .stay = stay,
                      .ip_prefix = rq->peer.known ? http_addr_prefix(rq->mem, &rq->peer) : KT_STR_NONE };
    session_token(room->h->random, rq->mem, &s.cookie, &s.token);
    return s;
}

kt_err session_put(db *d, kt_arena *mem, const new_session *s, kt_str account_id, int64_t now_ms, bool *ended)
{
    int64_t n = 0;
    *ended = false;
    TRY(store_one_int(d, &SQL_account_session_count, ARGS(sql_text("account", account_id)), &n));
    for (; n >= SESSIONS_MAX; n--) {
        rows *r = NULL;
        kt_str oldest = KT_STR_NONE;
        kt_err err = store_rows(d, &SQL_account_session_oldest, ARGS(sql_text("account", account_id)), &r);
        if (err == KT_OK && rows_next(r)) oldest = kt_str_dup(mem, rows_text(r, "id"));
        kt_err end = rows_end(r);
        TRY(err == KT_OK ? end : err);
        TRY(store_exec(d, &SQL_account_session_delete, ARGS(sql_text("id", oldest)), NULL));
        *ended = true;
    }
    return store_exec(d, &SQL_account_session_insert,
                      ARGS(sql_text("id", s->id), sql_blob("token_hash", kt_sha256_str(&s->token)),
                           sql_text("account", account_id), sql_int("now", now_ms), sql_int("stay", s->stay),
                           sql_text("browser", kt_str_c(s->dev.browser)), sql_text("os", kt_str_c(s->dev.os)),
                           sql_text("ip_prefix", s->ip_prefix)),
                      NULL);
}

kt_err session_take(account_room *room, request *rq, reply *rs, const new_session *s)
{
    return cookie_set(room->h->registry, rq, rs, "session", s->cookie, !s->stay, NULL);
}

kt_err session_end_all(db *d, kt_str account_id)
{
    return store_exec(d, &SQL_account_session_delete_all, ARGS(sql_text("account", account_id)), NULL);
}

/* ---------------------------------------------------------------- one try */

typedef struct {
    account_room *room;
    request *rq;
    account a;
    bool known, locked, right;
    const char *result;        /* ok, wrong, locked, unconfirmed, unknown */
    kt_password_hash stronger; /* same password, parameters of today; "" = none */
    new_session s;
    kt_str sign_in_id;
} attempt;

static kt_err look_up(attempt *t, kt_str typed)
{
    email_address email;
    const char *reason;
    db *d = store_reader(t->room->h->store);
    if (!email_parse(t->rq->mem, typed, true, &email, &reason)) return KT_OK;
    kt_err err = account_by_email_key(d, t->rq->mem, email.key, &t->a);
    if (err == KT_NOT_FOUND) return KT_OK;
    TRY(err);
    t->known = !account_is(&t->a, "deactivated") || t->a.erase_at > t->rq->now_ms;
    return lockout_is_on(d, t->a.id, t->rq->now_ms, &t->locked);
}

static kt_err judge(attempt *t, kt_str password)
{
    bool rehash = false, use = t->known && !t->locked;
    TRY(kt_password_verify(t->room->h->passwords, use ? kt_str_z(t->rq->mem, t->a.password_hash) : NULL, password,
                           &t->right, &rehash));
    t->result = !t->known                      ? "unknown"
                : t->locked                    ? "locked"
                : !t->right                    ? "wrong"
                : account_is(&t->a, "pending") ? "unconfirmed"
                                               : "ok";
    if (t->right && rehash) TRY(kt_password_hash_make(t->room->h->passwords, password, &t->stronger));
    return KT_OK;
}

static kt_err log_try(db *d, const attempt *t)
{
    TRY(store_exec(d, &SQL_account_sign_in_insert,
                   ARGS(sql_text("id", t->sign_in_id), sql_text("account", t->a.id), sql_int("now", t->rq->now_ms),
                        sql_text("result", kt_str_c(t->result)), sql_text("browser", kt_str_c(t->s.dev.browser)),
                        sql_text("os", kt_str_c(t->s.dev.os)), sql_text("ip_prefix", t->s.ip_prefix)),
                   NULL));
    return KT_OK;
}

/* A mail when an account that was used before is used from a kind of device it never was used from. */
static kt_err tell_new_device(db *d, attempt *t)
{
    rows *r = NULL;
    int64_t n = 0, same = 0;
    kt_arena *mem = t->rq->mem;
    kt_err err = store_rows(d, &SQL_account_sign_in_known,
                            ARGS(sql_text("browser", kt_str_c(t->s.dev.browser)), sql_text("os", kt_str_c(t->s.dev.os)),
                                 sql_text("account", t->a.id)),
                            &r);
    if (err == KT_OK && rows_next(r)) {
        n = rows_int(r, "n");
        same = rows_int(r, "same");
    }
    kt_err end = rows_end(r);
    TRY(err == KT_OK ? end : err);
    if (n == 0 || same > 0) return KT_OK;
    kt_value *data = kt_map(mem);
    kt_set_c(mem, data, "browser", t->s.dev.browser);
    kt_set_c(mem, data, "os", t->s.dev.os);
    letter l = { "new_device",  t->a.id,
                 t->a.email,    kt_str_fmt(mem, "account.new_device.%.*s", KT_ARG(t->s.id)),
                 t->a.language, "/account/sessions",
                 KT_STR_NONE,   data };
    return letter_put(t->room, d, mem, &l, t->rq->now_ms);
}

static kt_err open_session(db *d, attempt *t)
{
    bool ended = false;
    int64_t now = t->rq->now_ms;
    kt_arena *mem = t->rq->mem;
    if (account_is(&t->a, "deactivated")) TRY(account_restore(t->room, d, mem, &t->a, now));
    TRY(lockout_clear(d, t->a.id));
    if (t->stronger.at[0])
        TRY(store_exec(d, &SQL_account_rehash,
                       ARGS(sql_text("password_hash", kt_str_c(t->stronger.at)), sql_text("id", t->a.id),
                            sql_int("password_version", t->a.password_version)),
                       NULL));
    TRY(tell_new_device(d, t));
    TRY(session_put(d, mem, &t->s, t->a.id, now, &ended));
    if (ended) {
        letter l = { "session_limit", t->a.id,
                     t->a.email,      kt_str_fmt(mem, "account.session_limit.%.*s", KT_ARG(t->s.id)),
                     t->a.language,   "/account/sessions",
                     KT_STR_NONE,     NULL };
        TRY(letter_put(t->room, d, mem, &l, now));
    }
    kt_value *facts = kt_map(mem);
    kt_set_str(mem, facts, "account", t->a.id);
    kt_set_str(mem, facts, "session", t->s.id);
    kt_set_str(mem, facts, "consent_ref", account_consent_cookie(t->room, t->rq));
    return bus_tell(t->room->h->bus, d, BUS_ACCOUNT_SIGNED_IN, facts, now);
}

static kt_err sign_in_action(db *d, void *ctx)
{
    attempt *t = ctx;
    bool ok = strcmp(t->result, "ok") == 0;
    if (strcmp(t->result, "wrong") == 0) TRY(lockout_failed(d, t->a.id, t->rq->now_ms));
    if (ok) TRY(open_session(d, t));
    if (t->known) TRY(log_try(d, t));
    return account_audit(d, t->rq, "account.sign_in", t->known ? t->a.id : KT_STR_NONE, ok ? "ok" : "failed",
                         kt_str_fmt(t->rq->mem, "password.%s", t->result).at);
}

/* ---------------------------------------------------------------- the pages */

static void sign_in_fields(form_page *f, kt_str return_to)
{
    kt_value *email = form_page_field(f, "email", EMAIL_INPUT, KT_STR(""), "username", true);
    kt_set_c(f->rq->mem, email, "inputmode", "email");
    form_page_field(f, "password", "password", KT_STR(""), "current-password", true);
    kt_value *stay = form_page_field(f, "stay", "checkbox", KT_STR("1"), NULL, false);
    kt_set_bool(f->rq->mem, stay, "checked", f->sent && form_is_ticked(f->sent, "stay"));
    form_page_field(f, "return_to", "hidden", return_to, NULL, false);
}

/* Where to go afterwards: a path of ours, or the overview. */
static kt_str wanted_path(request *rq, kt_str wanted)
{
    kt_str path = wanted.len ? http_return_to(rq->mem, wanted) : KT_STR("/account");
    return kt_str_starts(path, KT_STR("/sign-")) || kt_str_starts(path, KT_STR("/account/confirm")) ? KT_STR("/account")
                                                                                                    : path;
}

kt_err get_sign_in(request *rq, reply *rs)
{
    form_page f = form_page_new(rq, rs, NULL);
    kt_str wanted = request_query(rq, "return_to");
    if (rq->session) return reply_redirect(rq, rs, 303, wanted_path(rq, wanted));
    sign_in_fields(&f, wanted.len ? http_return_to(rq->mem, wanted) : KT_STR(""));
    return form_page_reply(&f, "account/sign_in");
}

static kt_err refuse(form_page *f, const attempt *t)
{
    if (strcmp(t->result, "unconfirmed") == 0) { /* who knows the password may know that */
        kt_set_bool(f->rq->mem, f->data, "unconfirmed", true);
        kt_set_str(f->rq->mem, f->data, "email", t->a.email);
        form_page_fault(f, NULL, "unconfirmed", 422);
    } else {
        form_page_fault(f, NULL, "sign_in", 422);
    }
    return form_page_reply(f, "account/sign_in");
}

kt_err post_sign_in(request *rq, reply *rs)
{
    static const char *const allowed[] = { "email", "password", "stay", "return_to", NULL };
    account_room *room = room_of(rq);
    form *sent = NULL;
    kt_err err;
    if (!throttle_take(room, rq, rs, "sign_in", throttle_peer(rq), 20, KT_MINUTE_MS, &err)) return err;
    if (!throttle_take(room, rq, rs, "sign_in_hour", throttle_peer(rq), 200, KT_HOUR_MS, &err)) return err;
    TRY(form_take(rq, allowed, &sent));
    form_page f = form_page_new(rq, rs, sent);
    sign_in_fields(&f, KT_STR(""));
    attempt t = { .room = room,
                  .rq = rq,
                  .s = session_prepare(room, rq, form_is_ticked(sent, "stay")),
                  .sign_in_id = account_new_id(room, rq->mem) };
    TRY(look_up(&t, form_get(sent, "email")));
    TRY(judge(&t, form_get(sent, "password")));
    TRY(store_write(room->h->store, sign_in_action, &t));
    account_count(room, "sign_in", t.result);
    if (strcmp(t.result, "ok") != 0) return refuse(&f, &t);
    session_cache_forget(room->sessions, t.a.id);
    outbox_wake(room->h->outbox);
    TRY(session_take(room, rq, rs, &t.s));
    kt_str to = wanted_path(rq, form_get(sent, "return_to"));
    return reply_redirect(rq, rs, 303, account_is(&t.a, "deactivated") ? KT_STR("/account?done=restored") : to);
}

/* ---------------------------------------------------------------- sign-out */

kt_err get_sign_out(request *rq, reply *rs) { return account_page(rq, rs, 200, "account/sign_out", kt_map(rq->mem)); }

static kt_err sign_out_action(db *d, void *ctx)
{
    request *rq = ctx;
    TRY(store_exec(d, &SQL_account_session_delete, ARGS(sql_text("id", rq->session->id)), NULL));
    return account_audit(d, rq, "account.sign_out", rq->session->subject, "ok", NULL);
}

kt_err post_sign_out(request *rq, reply *rs)
{
    static const char *const allowed[] = { NULL };
    account_room *room = room_of(rq);
    form *sent = NULL;
    TRY(form_take(rq, allowed, &sent));
    if (rq->session) {
        TRY(store_write(room->h->store, sign_out_action, rq));
        session_cache_forget(room->sessions, rq->session->subject);
    }
    TRY(cookie_expire(room->h->registry, rq, rs, "session"));
    if (room->options.clear_site_data) TRY(reply_header(rs, "Clear-Site-Data", KT_STR("\"cache\", \"storage\"")));
    rq->session = NULL;
    return reply_redirect(rq, rs, 303, KT_STR("/sign-in?done=signed_out"));
}

/* ---------------------------------------------------------------- the password once more */

static void confirm_fields(form_page *f, kt_str return_to)
{
    form_page_field(f, "password", "password", KT_STR(""), "current-password", true);
    form_page_field(f, "return_to", "hidden", return_to, NULL, false);
}

kt_err get_confirm(request *rq, reply *rs)
{
    form_page f = form_page_new(rq, rs, NULL);
    confirm_fields(&f, http_return_to(rq->mem, request_query(rq, "return_to")));
    return form_page_reply(&f, "account/confirm");
}

typedef struct {
    request *rq;
    new_session s;
    bool right;
} stepping_up;

static kt_err step_up_action(db *d, void *ctx)
{
    stepping_up *u = ctx;
    if (u->right)
        TRY(store_exec(d, &SQL_account_session_renew,
                       ARGS(sql_blob("token_hash", kt_sha256_str(&u->s.token)), sql_int("now", u->rq->now_ms),
                            sql_text("browser", kt_str_c(u->s.dev.browser)), sql_text("os", kt_str_c(u->s.dev.os)),
                            sql_text("id", u->rq->session->id)),
                       NULL));
    return account_audit(d, u->rq, "account.step_up", u->rq->session->subject, u->right ? "ok" : "failed", "password");
}

kt_err post_confirm(request *rq, reply *rs)
{
    static const char *const allowed[] = { "password", "return_to", NULL };
    account_room *room = room_of(rq);
    stepping_up u = { .rq = rq };
    bool rehash;
    form *sent = NULL;
    account a;
    kt_err err;
    TRY(form_take(rq, allowed, &sent));
    if (!throttle_take(room, rq, rs, "confirm", rq->session->subject, 10, 10 * KT_MINUTE_MS, &err)) return err;
    TRY(account_by_id(store_reader(room->h->store), rq->mem, rq->session->subject, &a));
    TRY(kt_password_verify(room->h->passwords, kt_str_z(rq->mem, a.password_hash), form_get(sent, "password"), &u.right,
                           &rehash));
    u.s = session_prepare(room, rq, rq->session->stay);
    TRY(store_write(room->h->store, step_up_action, &u));
    if (!u.right) {
        form_page f = form_page_new(rq, rs, sent);
        confirm_fields(&f, KT_STR(""));
        form_page_fault(&f, "password", "password_wrong", 422);
        return form_page_reply(&f, "account/confirm");
    }
    session_cache_forget(room->sessions, a.id);
    TRY(session_take(room, rq, rs, &u.s));
    return reply_redirect(rq, rs, 303, wanted_path(rq, form_get(sent, "return_to")));
}
