/* SPDX-License-Identifier: Apache-2.0 */
/* staff.c -- how staff come in, stay signed in, and leave.
 *
 * A wrong name and a wrong password cost the same time and get the same answer. After five failures a
 * password waits 2^n seconds (at most 15 minutes); a session that runs is not touched by that. */
#include <stdio.h>
#include <stdlib.h>
#include "console/console.h"
#include "console/queries.h"

enum { FAILURES_FREE = 5, DELAY_MAX_S = 900 };

/* ---- sessions in the store ---- */

static kt_err load(void *ctx, kt_arena *mem, const kt_sha256 *token, session *out)
{
    console *self = ctx;
    rows *r = NULL;
    kt_err err = store_rows(store_reader(self->house->store), &SQL_console_session_by_token,
                            ARGS(sql_blob("token_hash", kt_sha256_str(token))), &r);
    bool found = err == KT_OK && rows_next(r);
    if (found) {
        *out = (session){
            .id = kt_str_dup(mem, rows_text(r, "id")),
            .subject = kt_str_dup(mem, rows_text(r, "staff_id")),
            .realm = "staff",
            .role = kt_str_dup(mem, rows_text(r, "role")),
            .name = kt_str_dup(mem, rows_text(r, "name")),
            .lang = kt_str_dup(mem, rows_text(r, "lang")),
            .created_ms = rows_int(r, "created_at"),
            .seen_ms = rows_int(r, "seen_at"),
            .strong_ms = rows_int(r, "strong_at"),
        };
        kt_str key = rows_blob(r, "csrf_key");
        if (key.len == sizeof out->csrf_key) memcpy(out->csrf_key, key.at, key.len);
    }
    kt_err end = rows_end(r);
    return err != KT_OK ? err : end != KT_OK ? end : found ? KT_OK : KT_NOT_FOUND;
}

typedef struct {
    char id[STORE_ID_LEN + 1];
    int64_t now;
} touched;

static kt_err touch_action(db *d, void *ctx)
{
    touched *t = ctx;
    return store_exec(d, &SQL_console_session_touch, ARGS(sql_text("id", kt_str_c(t->id)), sql_int("now", t->now)),
                      NULL);
}

static void touch_done(kt_err err, void *ctx)
{
    (void)err; /* a lost touch only ends an idle session earlier */
    free(ctx);
}

static void touch(void *ctx, kt_str id, int64_t now_ms)
{
    console *self = ctx;
    touched *t = kt_calloc(1, sizeof *t);
    snprintf(t->id, sizeof t->id, "%.*s", KT_ARG(id));
    t->now = now_ms;
    if (store_write_later(self->house->store, touch_action, touch_done, t) != KT_OK) free(t);
}

static kt_err drop_action(db *d, void *ctx)
{
    return store_exec(d, &SQL_console_session_drop, ARGS(sql_text("id", *(kt_str *)ctx)), NULL);
}

static kt_err drop(void *ctx, kt_str id)
{
    console *self = ctx;
    return store_write(self->house->store, drop_action, &id);
}

void staff_sessions(console *self)
{
    self->sessions = (session_backend){ "staff", load, touch, drop, self };
    self->times = session_times_default;
}

/* ---- the guard of every route for staff ---- */

kt_err staff_guard(void *ctx, request *rq, reply *rs, bool *done)
{
    console *self = ctx;
    if (rq->route->access != HTTP_STAFF) return KT_OK;
    const registry *r = self->house->registry;
    session *s = NULL;
    switch (session_find(rq, cookie_name(r, rq, "staff"), &self->sessions, &self->times, &s)) {
    case SESSION_OK:
        rq->session = s;
        if (console_role_may(s->role, rq->route->role)) return KT_OK;
        return kt_fail_set(&rq->fail, KT_REFUSED, NULL, "%s",
                           rq->lang[0] == 'd' ? "Deine Rolle erlaubt diese Seite nicht."
                                              : "Your role does not allow this page.");
    case SESSION_TWICE: return kt_fail_set(&rq->fail, KT_BAD_INPUT, NULL, "the session cookie came twice");
    case SESSION_EXPIRED:
    case SESSION_UNKNOWN: TRY(cookie_expire(r, rq, rs, "staff")); break;
    case SESSION_NONE: break;
    }
    if (request_wants_json(rq)) return KT_UNAUTHORISED;
    kt_buf to;
    kt_buf_init(&to, 4096);
    kt_buf_put_c(&to, "/console/sign-in");
    if (kt_str_is(rq->method, "GET") && !kt_str_is(rq->path, "/console")) {
        kt_buf_put_c(&to, "?return_to=");
        kt_buf_put_percent(&to, rq->path);
    }
    *done = true;
    kt_err err = reply_redirect(rq, rs, 303, kt_buf_str(&to));
    kt_buf_free(&to);
    return err;
}

/* ---- forms ---- */

static kt_str role_text(console *self, request *rq, kt_str role)
{
    return page_text(self->house->pages, rq->mem, rq->lang,
                     kt_str_z(rq->mem, kt_str_fmt(rq->mem, "console.role.%.*s", KT_ARG(role))), NULL);
}

static kt_str text(console *self, request *rq, const char *key)
{
    return page_text(self->house->pages, rq->mem, rq->lang, key, NULL);
}

static kt_value *field(console *self, request *rq, kt_value *data, const char *name, const char *type, const char *key,
                       kt_str value, const char *autocomplete)
{
    kt_value *f = page_field(self->house->pages, rq, data, name, type, key, value);
    kt_set_bool(rq->mem, f, "required", true);
    kt_set_c(rq->mem, f, "autocomplete", autocomplete);
    return f;
}

static void notice(console *self, request *rq, kt_value *data, const char *kind, const char *key)
{
    kt_value *n = kt_set_map(rq->mem, data, "notice");
    kt_set_c(rq->mem, n, "kind", kind);
    kt_set_str(rq->mem, n, "text", text(self, rq, key));
}

/* ---- signing in ---- */

/* `problem` is a key below console.sign_in, or NULL. */
static kt_err sign_in_page(console *self, request *rq, reply *rs, int status, kt_str email, kt_str return_to,
                           const char *problem)
{
    kt_value *data = kt_map(rq->mem), *fields = kt_set_list(rq->mem, data, "fields");
    page_field(self->house->pages, rq, fields, "return_to", "hidden", NULL, return_to);
    field(self, rq, fields, "email", "email", "console.sign_in.email", email, "username");
    field(self, rq, fields, "password", "password", "console.sign_in.password", KT_STR_NONE, "current-password");
    kt_set_str(rq->mem, data, "submit", text(self, rq, "console.sign_in.submit"));
    if (problem) page_field_error(rq, data, NULL, text(self, rq, problem));
    if (request_query(rq, "ready").at) notice(self, rq, data, "done", "console.sign_in.ready");
    kt_set_bool(rq->mem, data, "no_index", true);
    return page_reply(self->house->pages, rq, rs, status, "console/sign_in", data);
}

kt_err staff_get_sign_in(request *rq, reply *rs)
{
    return sign_in_page(rq->room, rq, rs, 200, KT_STR_NONE, http_return_to(rq->mem, request_query(rq, "return_to")),
                        NULL);
}

typedef struct {
    console *self;
    request *rq;
    kt_str id, session_id, csrf_key, prefix;
    kt_sha256 token;
    int64_t locked_until;
    bool good;
} sign_in;

static kt_err sign_in_action(db *d, void *ctx)
{
    sign_in *s = ctx;
    int64_t now = s->rq->now_ms;
    if (!s->good) {
        TRY(store_exec(d, &SQL_console_staff_failed,
                       ARGS(sql_text("id", s->id), sql_int("locked_until", s->locked_until)), NULL));
    } else {
        TRY(store_exec(d, &SQL_console_staff_signed_in, ARGS(sql_text("id", s->id), sql_int("now", now)), NULL));
        TRY(store_exec(d, &SQL_console_session_insert,
                       ARGS(sql_text("id", s->session_id), sql_text("staff", s->id),
                            sql_blob("token_hash", kt_sha256_str(&s->token)), sql_blob("csrf_key", s->csrf_key),
                            sql_int("now", now), sql_int("ends_at", now + s->self->times.absolute_ms),
                            sql_text("ip_prefix", s->prefix)),
                       NULL));
    }
    return audit_write(d,
                       &(audit_entry){ .actor_kind = "staff",
                                       .actor = s->id,
                                       .action = "staff.sign_in",
                                       .object_kind = "staff",
                                       .object = s->id,
                                       .result = s->good ? "ok" : "failed",
                                       .reason = KT_STR_NONE,
                                       .request_id = kt_str_c(s->rq->id),
                                       .ip_prefix = s->prefix },
                       now);
}

kt_err staff_post_sign_in(request *rq, reply *rs)
{
    static const char *const allowed[] = { "email", "password", "return_to", NULL };
    console *self = rq->room;
    house *h = self->house;
    form *f = NULL;
    TRY(request_form(rq, &f));
    TRY(form_only(rq, f, allowed));
    kt_str email = kt_str_lower(rq->mem, kt_str_trim(form_get(f, "email"))), password = form_get(f, "password");
    kt_str return_to = http_return_to(rq->mem, form_get(f, "return_to"));
    if (kt_str_is(return_to, "/")) return_to = KT_STR("/console");
    sign_in s = { .self = self, .rq = rq, .prefix = http_addr_prefix(rq->mem, &rq->peer) };
    int wait = 0;
    if (!limiter_take(h->limiter, "staff.sign_in", s.prefix, 20, KT_MINUTE_MS, rq->now_ms, &wait)) {
        TRY(reply_header(rs, "Retry-After", kt_str_fmt(rq->mem, "%d", wait)));
        return sign_in_page(self, rq, rs, 429, email, return_to, "console.sign_in.too_many");
    }
    rows *r = NULL;
    TRY(store_rows(store_reader(h->store), &SQL_console_staff_by_email,
                   ARGS(sql_text("email", email.at ? email : KT_STR(""))), &r));
    const char *hash = NULL;
    int64_t failures = 0, locked_until = 0;
    if (rows_next(r)) {
        s.id = kt_str_dup(rq->mem, rows_text(r, "id"));
        hash = kt_str_z(rq->mem, rows_text(r, "password_hash"));
        failures = rows_int(r, "failures");
        locked_until = rows_int(r, "locked_until");
    }
    TRY(rows_end(r));
    bool ok = false, rehash = false;
    TRY(kt_password_verify(h->passwords, hash, password, &ok, &rehash));
    s.good = ok && s.id.at && locked_until <= rq->now_ms;
    if (!s.id.at) return sign_in_page(self, rq, rs, 422, email, return_to, "console.sign_in.wrong");
    if (!s.good) {
        if (locked_until <= rq->now_ms && failures + 1 >= FAILURES_FREE) {
            int64_t n = failures + 1 - FAILURES_FREE, delay = n > 9 ? DELAY_MAX_S : (int64_t)1 << n;
            s.locked_until = rq->now_ms + delay * KT_SECOND_MS;
        } else {
            s.locked_until = locked_until;
        }
        TRY(store_write(h->store, sign_in_action, &s));
        return sign_in_page(self, rq, rs, 422, email, return_to, "console.sign_in.wrong");
    }
    kt_str cookie = KT_STR_NONE;
    session_token(h->random, rq->mem, &cookie, &s.token);
    s.session_id = kt_random_token(h->random, rq->mem, 16);
    char *key = kt_alloc(rq->mem, 32);
    kt_random_fill(h->random, key, 32);
    s.csrf_key = (kt_str){ key, 32 };
    TRY(store_write(h->store, sign_in_action, &s));
    TRY(cookie_set(h->registry, rq, rs, "staff", cookie, true, NULL));
    return reply_redirect(rq, rs, 303, return_to);
}

kt_err staff_post_sign_out(request *rq, reply *rs)
{
    console *self = rq->room;
    TRY(drop(self, rq->session->id));
    TRY(cookie_expire(self->house->registry, rq, rs, "staff"));
    return reply_redirect(rq, rs, 303, KT_STR("/console/sign-in"));
}

/* ---- one-time links ---- */

typedef struct {
    const char *role;
    kt_str email, made_by;
    kt_sha256 token;
    int64_t now, expires;
} link_row;

static kt_err link_action(db *d, void *ctx)
{
    link_row *l = ctx;
    return store_exec(d, &SQL_console_link_insert,
                      ARGS(sql_blob("token_hash", kt_sha256_str(&l->token)), sql_text("role", kt_str_c(l->role)),
                           sql_text("email", l->email), sql_text("made_by", l->made_by), sql_int("now", l->now),
                           sql_int("expires_at", l->expires)),
                      NULL);
}

kt_err staff_make_link(console *self, kt_arena *mem, const char *role, kt_str email, kt_str made_by,
                       int64_t lifetime_ms, kt_str *token)
{
    link_row l = { .role = role, .email = email, .made_by = made_by, .now = kt_now_ms(self->house->clock) };
    l.expires = l.now + lifetime_ms;
    *token = kt_random_token(self->house->random, mem, 32);
    l.token = kt_hash(*token);
    return store_write(self->house->store, link_action, &l);
}

/* The invitation of this token: role and address. KT_GONE when unknown, used or expired. */
static kt_err find_link(console *self, request *rq, kt_str token, kt_str *role, kt_str *email)
{
    kt_sha256 hash = kt_hash(token);
    rows *r = NULL;
    TRY(store_rows(store_reader(self->house->store), &SQL_console_link_by_token,
                   ARGS(sql_blob("token_hash", kt_sha256_str(&hash)), sql_int("now", rq->now_ms)), &r));
    bool found = rows_next(r);
    if (found) {
        *role = kt_str_dup(rq->mem, rows_text(r, "role"));
        *email = kt_str_dup(rq->mem, rows_text(r, "email"));
    }
    TRY(rows_end(r));
    return found
               ? KT_OK
               : kt_fail_set(
                     &rq->fail, KT_GONE, NULL, "%s",
                     rq->lang[0] == 'd'
                         ? "Dieser Link ist abgelaufen oder schon benutzt. Lass dir einen neuen geben: kontor staff invite."
                         : "This link has expired or was used already. Ask for a new one: kontor staff invite.");
}

/* What is wrong with a field: a words key, or NULL. */
static const char *judge_email(kt_str email)
{
    size_t at = kt_str_find_byte(email, '@', 0);
    bool plain = at != KT_NOT_FOUND_AT && at > 0 && at + 1 < email.len && email.len <= 254 && kt_utf8_valid(email);
    for (size_t i = 0; plain && i < email.len; i++) plain = (unsigned char)email.at[i] > 0x20 && email.at[i] != 0x7F;
    return plain ? NULL : "console.field.bad_email";
}

static const char *judge_password(kt_str password, kt_str email)
{
    size_t points = kt_utf8_count(password);
    if (points < STAFF_PASSWORD_MIN || password.len > STAFF_PASSWORD_MAX) return "console.field.bad_password";
    return kt_str_eq_nocase(password, email) ? "console.field.bad_password" : NULL;
}

typedef struct {
    kt_str token, role, email, name, password;
    bool asked;
    const char *problem;
} welcome_form;

/* The form of an invitation; judges it when it was sent. *good tells. */
static kt_err welcome_page(console *self, request *rq, reply *rs, welcome_form *w, bool *good)
{
    kt_value *data = kt_map(rq->mem), *fields = kt_set_list(rq->mem, data, "fields");
    page_field(self->house->pages, rq, fields, "t", "hidden", NULL, w->token);
    kt_value *email = field(self, rq, fields, "email", "email", "console.field.email", w->email, "username");
    kt_value *name = field(self, rq, fields, "name", "text", "console.field.name", w->name, "name");
    kt_value *password =
        field(self, rq, fields, "password", "password", "console.field.password", KT_STR_NONE, "new-password");
    const char *bad_email = w->problem ? w->problem : w->asked ? judge_email(w->email) : NULL;
    const char *bad_password = w->asked && !w->problem ? judge_password(w->password, w->email) : NULL;
    bool bad_name =
        w->asked && (w->name.len == 0 || !kt_utf8_valid(w->name) || kt_utf8_count(w->name) > STAFF_NAME_MAX);
    *good = w->asked && !bad_email && !bad_password && !bad_name;
    if (*good) return KT_OK;
    if (bad_email) page_field_error(rq, data, email, text(self, rq, bad_email));
    if (bad_name) page_field_error(rq, data, name, text(self, rq, "console.field.bad_name"));
    if (bad_password) page_field_error(rq, data, password, text(self, rq, bad_password));
    kt_set_str(rq->mem, data, "role", role_text(self, rq, w->role));
    kt_set_str(rq->mem, data, "submit", text(self, rq, "console.welcome.submit"));
    kt_set_bool(rq->mem, data, "no_index", true);
    return page_reply(self->house->pages, rq, rs, w->asked ? 422 : 200, "console/welcome", data);
}

kt_err staff_get_welcome(request *rq, reply *rs)
{
    kt_str token = request_query(rq, "t");
    welcome_form w = { .token = token.at ? token : KT_STR("") };
    bool good = false;
    TRY(find_link(rq->room, rq, w.token, &w.role, &w.email));
    return welcome_page(rq->room, rq, rs, &w, &good);
}

typedef struct {
    kt_str id, email, name, role, hash, request_id;
    kt_sha256 link;
    bool has_link;
    int64_t now;
} new_staff;

static kt_err create_action(db *d, void *ctx)
{
    new_staff *n = ctx;
    if (n->has_link) {
        int64_t gone = 0;
        TRY(store_exec(d, &SQL_console_link_drop, ARGS(sql_blob("token_hash", kt_sha256_str(&n->link))), &gone));
        if (gone == 0) return KT_GONE;
    }
    TRY(store_exec(d, &SQL_console_staff_insert,
                   ARGS(sql_text("id", n->id), sql_text("email", n->email), sql_text("name", n->name),
                        sql_text("role", n->role), sql_text("password_hash", n->hash), sql_int("now", n->now)),
                   NULL));
    return audit_write(d,
                       &(audit_entry){ .actor_kind = "staff",
                                       .actor = n->id,
                                       .action = "staff.create",
                                       .object_kind = "staff",
                                       .object = n->id,
                                       .result = "ok",
                                       .reason = n->role,
                                       .request_id = n->request_id },
                       n->now);
}

static kt_err create(console *self, kt_arena *mem, new_staff *n, kt_str password)
{
    kt_password_hash hash;
    TRY(kt_password_hash_make(self->house->passwords, password, &hash));
    n->hash = kt_str_dup(mem, kt_str_c(hash.at));
    n->id = kt_random_token(self->house->random, mem, 16);
    n->now = kt_now_ms(self->house->clock);
    return store_write(self->house->store, create_action, n);
}

kt_err staff_create(console *self, kt_arena *mem, kt_str email, kt_str name, const char *role, kt_str password)
{
    new_staff n = { .email = email, .name = name, .role = kt_str_c(role) };
    return create(self, mem, &n, password);
}

kt_err staff_post_welcome(request *rq, reply *rs)
{
    static const char *const allowed[] = { "t", "email", "name", "password", NULL };
    console *self = rq->room;
    form *f = NULL;
    TRY(request_form(rq, &f));
    TRY(form_only(rq, f, allowed));
    kt_str token = form_get(f, "t");
    welcome_form w = { .token = token.at ? token : KT_STR(""),
                       .name = kt_str_trim(form_get(f, "name")),
                       .password = form_get(f, "password"),
                       .asked = true };
    bool good = false;
    TRY(find_link(self, rq, w.token, &w.role, &w.email));
    if (!w.email.len) w.email = kt_str_lower(rq->mem, kt_str_trim(form_get(f, "email")));
    kt_err err = welcome_page(self, rq, rs, &w, &good);
    if (err != KT_OK || !good) return err;
    new_staff n = { .email = w.email,
                    .name = w.name,
                    .role = w.role,
                    .link = kt_hash(w.token),
                    .has_link = true,
                    .request_id = kt_str_c(rq->id) };
    err = create(self, rq->mem, &n, w.password);
    if (err == KT_CONFLICT) {
        w.problem = "console.field.taken";
        return welcome_page(self, rq, rs, &w, &good);
    }
    TRY(err);
    return reply_redirect(rq, rs, 303, KT_STR("/console/sign-in?ready=1"));
}

/* ---- staff list ---- */

static void add_role_choices(console *self, request *rq, kt_value *select)
{
    kt_str role;
    for (size_t i = 0; (role = console_role(i)).len; i++) page_option(rq, select, role, role_text(self, rq, role));
}

/* `problem` is a words key about the address, or NULL. */
static kt_err list_page(console *self, request *rq, reply *rs, kt_value *data, kt_str email, const char *problem)
{
    kt_value *list = NULL;
    TRY(store_list(store_reader(self->house->store), &SQL_console_staff_list, ARGS(), rq->mem, &list));
    for (kt_value *row = list->first; row; row = row->next) {
        int64_t last = kt_get_int(row, "signed_in_at", 0);
        kt_set_str(rq->mem, row, "last",
                   last ? page_datetime(rq->mem, rq->lang, last) : text(self, rq, "http.word.never"));
        kt_set_bool(rq->mem, row, "me", kt_str_eq(kt_get_str(row, "id"), rq->session->subject));
        kt_set_bool(rq->mem, row, "ended", kt_is(kt_get(row, "ended_at"), KT_V_INT));
        kt_set_str(rq->mem, row, "role_name", role_text(self, rq, kt_get_str(row, "role")));
    }
    kt_set(rq->mem, data, "staff", list);
    kt_value *fields = kt_set_list(rq->mem, data, "fields");
    kt_value *address = field(self, rq, fields, "email", "email", "console.field.email", email, "off");
    add_role_choices(self, rq,
                     field(self, rq, fields, "role", "select", "console.field.role", KT_STR("support"), "off"));
    if (problem) page_field_error(rq, data, address, text(self, rq, problem));
    kt_set_str(rq->mem, data, "submit", text(self, rq, "console.staff.submit"));
    return console_page(self, rq, rs, problem ? 422 : 200, "console/staff", data);
}

kt_err staff_get_list(request *rq, reply *rs)
{
    return list_page(rq->room, rq, rs, kt_map(rq->mem), KT_STR_NONE, NULL);
}

kt_err staff_post_invite(request *rq, reply *rs)
{
    static const char *const allowed[] = { "email", "role", NULL };
    console *self = rq->room;
    form *f = NULL;
    TRY(request_form(rq, &f));
    TRY(form_only(rq, f, allowed));
    kt_str email = kt_str_lower(rq->mem, kt_str_trim(form_get(f, "email"))), role = form_get(f, "role"),
           token = KT_STR_NONE;
    kt_value *data = kt_map(rq->mem);
    if (!console_role_known(role)) return kt_fail_set(&rq->fail, KT_BAD_INPUT, "role", "there is no such role");
    const char *problem = judge_email(email);
    if (problem) return list_page(self, rq, rs, data, email, problem);
    TRY(staff_make_link(self, rq->mem, kt_str_z(rq->mem, role), email, rq->session->subject, 7 * KT_DAY_MS, &token));
    kt_set_str(rq->mem, data, "link",
               kt_str_fmt(rq->mem, "%s/console/welcome?t=%.*s", http_origin(rq->server), KT_ARG(token)));
    kt_set_str(rq->mem, data, "invited", email);
    return list_page(self, rq, rs, data, KT_STR_NONE, NULL);
}

typedef struct {
    request *rq;
    kt_str id;
} ended;

static kt_err end_action(db *d, void *ctx)
{
    ended *e = ctx;
    int64_t changed = 0, owners = 0;
    TRY(store_exec(d, &SQL_console_staff_end, ARGS(sql_text("id", e->id), sql_int("now", e->rq->now_ms)), &changed));
    if (changed == 0) return KT_NOT_FOUND;
    TRY(store_one_int(d, &SQL_console_staff_count_owners, ARGS(), &owners));
    if (owners == 0) return KT_REFUSED; /* somebody must be able to let others in */
    TRY(store_exec(d, &SQL_console_session_drop_staff, ARGS(sql_text("staff", e->id), sql_text("except", KT_STR(""))),
                   NULL));
    return console_audit(d, e->rq, "staff.end", "staff", e->id, "ok", KT_STR_NONE);
}

kt_err staff_post_end(request *rq, reply *rs)
{
    console *self = rq->room;
    ended e = { rq, request_param(rq, "id") };
    kt_err err = store_write(self->house->store, end_action, &e);
    if (err == KT_REFUSED) {
        kt_value *data = kt_map(rq->mem);
        notice(self, rq, data, "loss", "console.staff.last_owner");
        return list_page(self, rq, rs, data, KT_STR_NONE, NULL);
    }
    TRY(err);
    return reply_redirect(rq, rs, 303, KT_STR("/console/staff"));
}

/* ---- my own account ---- */

static kt_err me_page(console *self, request *rq, reply *rs, const char *bad_current, const char *bad_password)
{
    kt_value *data = kt_map(rq->mem), *fields = kt_set_list(rq->mem, data, "fields");
    kt_value *current =
        field(self, rq, fields, "current", "password", "console.field.current", KT_STR_NONE, "current-password");
    kt_value *password =
        field(self, rq, fields, "password", "password", "console.field.password", KT_STR_NONE, "new-password");
    if (bad_current) page_field_error(rq, data, current, text(self, rq, bad_current));
    if (bad_password) page_field_error(rq, data, password, text(self, rq, bad_password));
    if (request_query(rq, "done").at) notice(self, rq, data, "done", "console.me.done");
    kt_set_str(rq->mem, data, "submit", text(self, rq, "console.me.submit"));
    return console_page(self, rq, rs, bad_current || bad_password ? 422 : 200, "console/me", data);
}

kt_err staff_get_me(request *rq, reply *rs) { return me_page(rq->room, rq, rs, NULL, NULL); }

typedef struct {
    request *rq;
    kt_str hash;
} new_password;

static kt_err password_action(db *d, void *ctx)
{
    new_password *n = ctx;
    const session *s = n->rq->session;
    TRY(store_exec(d, &SQL_console_staff_set_password,
                   ARGS(sql_text("id", s->subject), sql_text("password_hash", n->hash)), NULL));
    TRY(store_exec(d, &SQL_console_session_drop_staff, ARGS(sql_text("staff", s->subject), sql_text("except", s->id)),
                   NULL));
    return console_audit(d, n->rq, "staff.password", "staff", s->subject, "ok", KT_STR_NONE);
}

kt_err staff_post_password(request *rq, reply *rs)
{
    static const char *const allowed[] = { "current", "password", NULL };
    console *self = rq->room;
    house *h = self->house;
    form *f = NULL;
    TRY(request_form(rq, &f));
    TRY(form_only(rq, f, allowed));
    rows *r = NULL;
    TRY(store_rows(store_reader(h->store), &SQL_console_staff_by_id, ARGS(sql_text("id", rq->session->subject)), &r));
    bool found = rows_next(r);
    const char *hash = found ? kt_str_z(rq->mem, rows_text(r, "password_hash")) : NULL;
    kt_str email = found ? kt_str_dup(rq->mem, rows_text(r, "email")) : KT_STR_NONE;
    TRY(rows_end(r));
    bool ok = false, rehash = false;
    TRY(kt_password_verify(h->passwords, hash, form_get(f, "current"), &ok, &rehash));
    const char *bad_password = judge_password(form_get(f, "password"), email);
    if (!ok || bad_password) return me_page(self, rq, rs, ok ? NULL : "console.field.bad_current", bad_password);
    kt_password_hash made;
    TRY(kt_password_hash_make(h->passwords, form_get(f, "password"), &made));
    new_password n = { rq, kt_str_c(made.at) };
    TRY(store_write(h->store, password_action, &n));
    return reply_redirect(rq, rs, 303, KT_STR("/console/me?done=1"));
}

/* ---- kontor staff … ---- */

static int command_list(console *self, kt_arena *mem, bool json)
{
    kt_value *list = NULL;
    if (store_list(store_reader(self->house->store), &SQL_console_staff_list, ARGS(), mem, &list) != KT_OK) return 1;
    if (json) {
        kt_buf out;
        kt_buf_init(&out, 1 << 20);
        kt_json_put_pretty(&out, list);
        puts(out.at);
        kt_buf_free(&out);
        return 0;
    }
    KT_EACH(row, list)
        printf("%-32.*s %-11.*s %s\n", KT_ARG(kt_get_str(row, "email")), KT_ARG(kt_get_str(row, "role")),
               kt_is(kt_get(row, "ended_at"), KT_V_INT) ? "ended" : "");
    return 0;
}

int staff_command(house *h, void *room, int argc, char **argv)
{
    console *self = room;
    kt_arena *mem = kt_arena_new();
    const char *verb = argc ? argv[0] : "";
    int status = 2;
    if (strcmp(verb, "list") == 0) {
        status = command_list(self, mem, argc > 1 && strcmp(argv[1], "--json") == 0);
    } else if (strcmp(verb, "invite") == 0 && (argc == 2 || argc == 3)) {
        const char *role = argc == 3 ? argv[2] : "owner";
        kt_str token = KT_STR_NONE;
        if (!console_role_known(kt_str_c(role))) {
            fprintf(stderr, "kontor: there is no role %s\n", role);
            status = 1;
        } else if (staff_make_link(self, mem, role, kt_str_c(argv[1]), KT_STR_NONE, 7 * KT_DAY_MS, &token) != KT_OK) {
            fputs("kontor: the store did not take the invitation\n", stderr);
            status = 1;
        } else {
            printf("/console/welcome?t=%.*s\n", KT_ARG(token));
            status = 0;
        }
    } else {
        fputs("usage: kontor staff list [--json] | invite EMAIL [ROLE]\n", stderr);
    }
    kt_arena_free(mem);
    return status;
}
