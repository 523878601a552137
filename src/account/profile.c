/* SPDX-License-Identifier: Apache-2.0 */
/* profile.c -- the overview and what people change themselves: every field of the record (R3), their
 * language, their password. A change counts the record's version up and leaves an audit row: that is the
 * proof of rectification (Art. 16 GDPR), without keeping the old value. */
#include "account/account.h"
#include "account/queries.h"

static kt_err own_account(request *rq, account *a)
{
    return account_by_id(store_reader(room_of(rq)->h->store), rq->mem, rq->session->subject, a);
}

kt_err get_account(request *rq, reply *rs)
{
    account_room *room = room_of(rq);
    account a;
    kt_value *data = kt_map(rq->mem);
    TRY(own_account(rq, &a));
    kt_set_str(rq->mem, data, "first_name", a.first_name);
    kt_set_str(rq->mem, data, "last_name", a.last_name);
    kt_set_str(rq->mem, data, "email", a.email);
    kt_set_str(rq->mem, data, "street", a.street);
    kt_set_str(rq->mem, data, "postcode", a.postcode);
    kt_set_str(rq->mem, data, "city", a.city);
    kt_set_str(rq->mem, data, "country", country_name(a.country, rq->lang));
    kt_set_str(rq->mem, data, "phone", a.phone);
    kt_set_str(rq->mem, data, "signup_ip", a.signup_ip);
    kt_set_str(rq->mem, data, "registered", page_datetime(rq->mem, rq->lang, a.registered_at));
    kt_set(rq->mem, data, "why", why_list(room, rq->mem, rq->lang));
    return account_page(rq, rs, 200, "account/overview", data);
}

/* ---------------------------------------------------------------- the record */

kt_err get_profile(request *rq, reply *rs)
{
    account a;
    TRY(own_account(rq, &a));
    form_page f = form_page_new(rq, rs, NULL);
    person p = person_of(&a);
    person_fields(&f, &p, false);
    return form_page_reply(&f, "account/profile");
}

typedef struct {
    account_room *room;
    request *rq;
    person p;
    kt_str fields;
} changing;

static kt_err profile_action(db *d, void *ctx)
{
    changing *c = ctx;
    kt_str id = c->rq->session->subject;
    int64_t changed = 0;
    TRY(store_exec(d, &SQL_account_set_profile,
                   ARGS(sql_text("first_name", c->p.first_name), sql_text("last_name", c->p.last_name),
                        sql_text("street", c->p.street), sql_text("postcode", c->p.postcode),
                        sql_text("city", c->p.city), sql_text("country", c->p.country), sql_text("phone", c->p.phone),
                        sql_int("now", c->rq->now_ms), sql_text("id", id)),
                   &changed));
    if (changed != 1) return KT_NOT_FOUND;
    kt_value *facts = kt_map(c->rq->mem);
    kt_set_str(c->rq->mem, facts, "account", id);
    kt_set_str(c->rq->mem, facts, "fields", c->fields);
    TRY(bus_tell(c->room->h->bus, d, BUS_ACCOUNT_CHANGED, facts, c->rq->now_ms));
    return account_audit(d, c->rq, "account.profile.change", id, "ok", c->fields.len ? c->fields.at : "none");
}

/* Which fields differ, by name: for those who are told, never the values. */
static kt_str changed_fields(kt_arena *mem, const person *before, const person *after)
{
    kt_buf out;
    kt_buf_init(&out, 256);
    const kt_str *b = &before->last_name, *n = &after->last_name;
    static const char *const names[] = { "last_name", "first_name", "street", "postcode", "city", "country", "phone" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (kt_str_eq(b[i], n[i])) continue;
        if (out.len) kt_buf_put_byte(&out, ',');
        kt_buf_put_c(&out, names[i]);
    }
    kt_str list = kt_str_fmt(mem, "%.*s", KT_ARG(kt_buf_str(&out)));
    kt_buf_free(&out);
    return list;
}

kt_err post_profile(request *rq, reply *rs)
{
    account_room *room = room_of(rq);
    form *sent = NULL;
    account a;
    TRY(form_take(rq, person_field_names, &sent));
    TRY(own_account(rq, &a));
    form_page f = form_page_new(rq, rs, sent);
    person before = person_of(&a);
    person_fields(&f, &before, false);
    changing c = { room, rq, person_read(&f, false), KT_STR_NONE };
    if (form_page_is_bad(&f)) return form_page_reply(&f, "account/profile");
    c.fields = changed_fields(rq->mem, &before, &c.p);
    TRY(store_write(room->h->store, profile_action, &c));
    session_cache_forget(room->sessions, a.id); /* the name stands in the head of pages */
    return reply_redirect(rq, rs, 303, KT_STR("/account/profile?done=profile"));
}

/* ---------------------------------------------------------------- language */

static void language_field(form_page *f, kt_str now)
{
    kt_value *field = form_page_field(f, "language", "radio", now, NULL, true);
    page_option(f->rq, field, KT_STR("de"), KT_STR("Deutsch"));
    page_option(f->rq, field, KT_STR("en"), KT_STR("English"));
}

kt_err get_language(request *rq, reply *rs)
{
    account a;
    TRY(own_account(rq, &a));
    form_page f = form_page_new(rq, rs, NULL);
    language_field(&f, a.language);
    return form_page_reply(&f, "account/language");
}

typedef struct {
    account_room *room;
    request *rq;
    kt_str language;
} speaking;

static kt_err language_action(db *d, void *ctx)
{
    speaking *s = ctx;
    kt_str id = s->rq->session->subject;
    TRY(store_exec(d, &SQL_account_set_language,
                   ARGS(sql_text("language", s->language), sql_int("now", s->rq->now_ms), sql_text("id", id)), NULL));
    kt_value *facts = kt_map(s->rq->mem);
    kt_set_str(s->rq->mem, facts, "account", id);
    kt_set_c(s->rq->mem, facts, "fields", "language");
    TRY(bus_tell(s->room->h->bus, d, BUS_ACCOUNT_CHANGED, facts, s->rq->now_ms));
    return account_audit(d, s->rq, "account.language.change", id, "ok", NULL);
}

kt_err post_language(request *rq, reply *rs)
{
    static const char *const allowed[] = { "language", NULL };
    account_room *room = room_of(rq);
    form *sent = NULL;
    TRY(form_take(rq, allowed, &sent));
    speaking s = { room, rq, form_get(sent, "language") };
    if (!kt_str_is(s.language, "de") && !kt_str_is(s.language, "en")) {
        form_page f = form_page_new(rq, rs, sent);
        language_field(&f, KT_STR(""));
        form_page_fault(&f, "language", "language", 400);
        return form_page_reply(&f, "account/language");
    }
    TRY(store_write(room->h->store, language_action, &s));
    session_cache_forget(room->sessions, rq->session->subject);
    TRY(cookie_set(room->h->registry, rq, rs, "lang", s.language, false, NULL));
    return reply_redirect(rq, rs, 303, KT_STR("/account/language?done=language"));
}

/* ---------------------------------------------------------------- password */

static void password_fields(form_page *f)
{
    form_page_field(f, "password", "password", KT_STR(""), "current-password", true);
    form_page_field(f, "new_password", "password", KT_STR(""), "new-password", true);
    kt_value *others = form_page_field(f, "end_others", "checkbox", KT_STR("1"), NULL, false);
    kt_set_bool(f->rq->mem, others, "checked", !f->sent || form_is_ticked(f->sent, "end_others"));
    password_help(f, "new_password");
}

kt_err get_password(request *rq, reply *rs)
{
    form_page f = form_page_new(rq, rs, NULL);
    password_fields(&f);
    return form_page_reply(&f, "account/password");
}

typedef struct {
    account_room *room;
    request *rq;
    const account *a;
    kt_password_hash hash;
    new_session s;
    bool end_others;
    kt_str notice_id;
} repassing;

static kt_err password_action(db *d, void *ctx)
{
    repassing *p = ctx;
    kt_arena *mem = p->rq->mem;
    const account *a = p->a;
    int64_t now = p->rq->now_ms;
    TRY(store_exec(d, &SQL_account_set_password,
                   ARGS(sql_text("password_hash", kt_str_c(p->hash.at)), sql_int("now", now), sql_text("id", a->id)),
                   NULL));
    TRY(token_end_kind(d, a->id, "reset"));
    if (p->end_others)
        TRY(store_exec(d, &SQL_account_session_delete_others,
                       ARGS(sql_text("account", a->id), sql_text("id", p->rq->session->id)), NULL));
    TRY(store_exec(d, &SQL_account_session_renew,
                   ARGS(sql_blob("token_hash", kt_sha256_str(&p->s.token)), sql_int("now", now),
                        sql_text("browser", kt_str_c(p->s.dev.browser)), sql_text("os", kt_str_c(p->s.dev.os)),
                        sql_text("id", p->rq->session->id)),
                   NULL));
    letter l = { "password_changed", a->id,
                 a->email,           kt_str_fmt(mem, "account.password_changed.%.*s", KT_ARG(p->notice_id)),
                 a->language,        "/reset",
                 KT_STR_NONE,        NULL };
    TRY(letter_put(p->room, d, mem, &l, now));
    return account_audit(d, p->rq, "account.password.change", a->id, "ok", p->end_others ? "others_ended" : NULL);
}

kt_err post_password(request *rq, reply *rs)
{
    static const char *const allowed[] = { "password", "new_password", "end_others", NULL };
    account_room *room = room_of(rq);
    form *sent = NULL;
    account a;
    bool right = false, rehash;
    kt_err err;
    TRY(form_take(rq, allowed, &sent));
    if (!throttle_take(room, rq, rs, "confirm", rq->session->subject, 10, 10 * KT_MINUTE_MS, &err)) return err;
    TRY(own_account(rq, &a));
    form_page f = form_page_new(rq, rs, sent);
    password_fields(&f);
    person who = person_of(&a);
    TRY(kt_password_verify(room->h->passwords, kt_str_z(rq->mem, a.password_hash), form_get(sent, "password"), &right,
                           &rehash));
    if (!right) form_page_fault(&f, "password", "password_wrong", 422);
    password_judge(&f, "new_password", form_get(sent, "new_password"), a.email, &who);
    if (form_page_is_bad(&f)) return form_page_reply(&f, "account/password");
    repassing p = { .room = room,
                    .rq = rq,
                    .a = &a,
                    .s = session_prepare(room, rq, rq->session->stay),
                    .end_others = form_is_ticked(sent, "end_others"),
                    .notice_id = account_new_id(room, rq->mem) };
    TRY(kt_password_hash_make(room->h->passwords, form_get(sent, "new_password"), &p.hash));
    TRY(store_write(room->h->store, password_action, &p));
    session_cache_forget(room->sessions, a.id);
    outbox_wake(room->h->outbox);
    TRY(session_take(room, rq, rs, &p.s));
    return reply_redirect(rq, rs, 303, KT_STR("/account/password?done=password_changed"));
}
