/* SPDX-License-Identifier: Apache-2.0 */
/* staff.c -- accounts as staff see them: masked, until a reason is given.
 *
 * A list shows j***@e***.de and initials. To see a record in clear, a member of staff states why; the
 * reason goes into the audit, and this record stays open for this staff session for ten minutes. What is
 * open is kept in memory only: a restart closes everything. Staff can start a reset mail and end
 * sessions; nobody can set or see a password. */
#include "account/account.h"
#include "account/queries.h"

enum { PAGE_ROWS = 50, OPEN_MIN = 10, REASON_LEAST = 8, REASON_MAX = 200 };

static bool is_open(account_room *room, request *rq, kt_str id)
{
    bool open = false;
    pthread_mutex_lock(&room->opened_lock);
    for (size_t i = 0; i < OPENED_MAX && !open; i++)
        open = room->opened[i].until_ms > rq->now_ms && kt_str_is(id, room->opened[i].account) &&
               kt_str_is(rq->session->id, room->opened[i].staff_session);
    pthread_mutex_unlock(&room->opened_lock);
    return open;
}

/* Takes the place that ends first. */
static void set_open(account_room *room, request *rq, kt_str id)
{
    opened_record *o = room->opened;
    if (rq->session->id.len > STORE_ID_LEN || id.len > STORE_ID_LEN) return;
    pthread_mutex_lock(&room->opened_lock);
    for (size_t i = 1; i < OPENED_MAX; i++)
        if (room->opened[i].until_ms < o->until_ms) o = &room->opened[i];
    *o = (opened_record){ .until_ms = rq->now_ms + OPEN_MIN * KT_MINUTE_MS };
    memcpy(o->staff_session, rq->session->id.at, rq->session->id.len);
    memcpy(o->account, id.at, id.len);
    pthread_mutex_unlock(&room->opened_lock);
}

static kt_err console_page(request *rq, reply *rs, int status, const char *page, kt_value *data)
{
    kt_set_c(rq->mem, data, "layout", "console/layout");
    kt_str done = request_query(rq, "done");
    const char *key = kt_str_fmt(rq->mem, "account.done.%.*s", KT_ARG(kt_str_slice(done, 0, 32))).at;
    if (done.len && page_has_text(room_of(rq)->h->pages, key))
        kt_set_str(rq->mem, data, "done", page_text(room_of(rq)->h->pages, rq->mem, rq->lang, key, NULL));
    return page_reply(room_of(rq)->h->pages, rq, rs, status, page, data);
}

static kt_str first_letter(kt_str s)
{
    size_t at = 0;
    if (s.len) (void)kt_utf8_next(s, &at);
    return kt_str_slice(s, 0, at);
}

static kt_str masked_name(kt_arena *mem, kt_str first, kt_str last)
{
    return kt_str_fmt(mem, "%.*s. %.*s.", KT_ARG(first_letter(first)), KT_ARG(first_letter(last)));
}

static kt_str masked(kt_arena *mem, kt_str s)
{
    return s.len ? kt_str_fmt(mem, "%.*s***", KT_ARG(first_letter(s))) : KT_STR("");
}

/* ---------------------------------------------------------------- the list */

static void add_row(account_room *room, request *rq, kt_value *list, rows *r)
{
    kt_value *row = kt_add_map(rq->mem, list);
    kt_str state = rows_text(r, "state");
    kt_set_str(rq->mem, row, "account_id", kt_str_dup(rq->mem, rows_text(r, "id")));
    kt_set_str(rq->mem, row, "email", email_masked(rq->mem, rows_text(r, "email")));
    kt_set_str(rq->mem, row, "name", masked_name(rq->mem, rows_text(r, "first_name"), rows_text(r, "last_name")));
    kt_set_str(rq->mem, row, "state",
               page_text(room->h->pages, rq->mem, rq->lang, kt_str_fmt(rq->mem, "account.state.%.*s", KT_ARG(state)).at,
                         NULL));
    kt_set_c(rq->mem, row, "badge",
             kt_str_is(state, "active")    ? "done"
             : kt_str_is(state, "pending") ? "info"
                                           : "warning");
    kt_set_str(rq->mem, row, "language", kt_str_dup(rq->mem, rows_text(r, "language")));
    kt_set_str(rq->mem, row, "registered", page_datetime(rq->mem, rq->lang, rows_int(r, "registered_at")));
    kt_set_str(rq->mem, row, "erase_on",
               rows_is_null(r, "erase_at") ? KT_STR("") : page_date(rq->mem, rq->lang, rows_int(r, "erase_at")));
}

typedef struct {
    kt_str q, state, language, cursor;
    bool ascending;
    int64_t at;
    kt_str id;
} filter;

/* "1700000000000.id" */
static filter read_filter(request *rq)
{
    filter f = { request_query(rq, "q"),
                 request_query(rq, "state"),
                 request_query(rq, "language"),
                 request_query(rq, "after"),
                 kt_str_is(request_query(rq, "sort"), "oldest"),
                 0,
                 KT_STR("") };
    kt_str rest = f.cursor, at;
    f.at = f.ascending ? 0 : INT64_MAX;
    f.q = f.q.at ? kt_str_trim(f.q) : KT_STR("");
    if (!f.state.at) f.state = KT_STR("");
    if (!f.language.at) f.language = KT_STR("");
    if (rest.len && kt_str_split(&rest, '.', &at) && kt_str_int(at, &f.at)) f.id = rest;
    return f;
}

static kt_err add_page(account_room *room, request *rq, const filter *f, kt_value *data)
{
    kt_value *list = kt_set_list(rq->mem, data, "rows");
    rows *r = NULL;
    int64_t last_at = 0;
    kt_str last_id = KT_STR("");
    kt_err err =
        store_rows(store_reader(room->h->store), f->ascending ? &SQL_account_page_ascending : &SQL_account_page,
                   ARGS(sql_text("state", f->state), sql_text("language", f->language),
                        sql_int(f->ascending ? "after_at" : "before_at", f->at),
                        sql_text(f->ascending ? "after_id" : "before_id", f->id), sql_int("limit", PAGE_ROWS + 1)),
                   &r);
    bool more = false;
    while (err == KT_OK && rows_next(r)) {
        if (list->count == PAGE_ROWS) {
            more = true;
            break;
        }
        add_row(room, rq, list, r);
        last_at = rows_int(r, "registered_at");
        last_id = kt_str_dup(rq->mem, rows_text(r, "id"));
    }
    kt_err end = rows_end(r);
    TRY(err == KT_OK ? end : err);
    kt_set_str(rq->mem, data, "next_href",
               !more ? KT_STR_NONE
                     : kt_str_fmt(rq->mem, "/console/accounts?state=%.*s&language=%.*s&sort=%s&after=%lld.%.*s",
                                  KT_ARG(f->state), KT_ARG(f->language), f->ascending ? "oldest" : "newest",
                                  (long long)last_at, KT_ARG(last_id)));
    return KT_OK;
}

static void add_choice(kt_arena *mem, kt_value *data, const char *list, const char *value, kt_str label, kt_str now)
{
    kt_value *options = NULL;
    for (kt_value *v = data->first; v; v = v->next)
        if (kt_str_is(v->key, list)) options = v;
    if (!options) options = kt_set_list(mem, data, list);
    kt_value *o = kt_add_map(mem, options);
    kt_set_c(mem, o, "value", value);
    kt_set_str(mem, o, "label", label);
    kt_set_bool(mem, o, "chosen", kt_str_is(now, value));
}

/* An exact address or an id leads straight to the record; nothing else is searched, so nothing can be fished. */
static kt_err find_exact(account_room *room, request *rq, kt_str q, kt_str *id)
{
    account a;
    email_address email;
    const char *reason;
    db *d = store_reader(room->h->store);
    kt_err err = email_parse(rq->mem, q, true, &email, &reason) ? account_by_email_key(d, rq->mem, email.key, &a)
                                                                : account_by_id(d, rq->mem, q, &a);
    *id = err == KT_OK ? a.id : KT_STR_NONE;
    return err == KT_NOT_FOUND ? KT_OK : err;
}

kt_err get_staff_accounts(request *rq, reply *rs)
{
    account_room *room = room_of(rq);
    filter f = read_filter(rq);
    kt_value *data = kt_map(rq->mem);
    if (f.q.len) {
        kt_str id;
        TRY(find_exact(room, rq, f.q, &id));
        if (id.len) return reply_redirect(rq, rs, 303, kt_str_fmt(rq->mem, "/console/accounts/%.*s", KT_ARG(id)));
        kt_set_bool(rq->mem, data, "nothing_found", true);
    }
    TRY(add_page(room, rq, &f, data));
    static const char *const states[] = { "", "pending", "active", "deactivated" };
    for (size_t i = 0; i < 4; i++)
        add_choice(rq->mem, data, "states", states[i],
                   page_text(room->h->pages, rq->mem, rq->lang,
                             kt_str_fmt(rq->mem, "account.state.%s", i ? states[i] : "any").at, NULL),
                   f.state);
    add_choice(rq->mem, data, "sorts", "newest",
               page_text(room->h->pages, rq->mem, rq->lang, "account.staff.newest", NULL),
               f.ascending ? KT_STR("oldest") : KT_STR("newest"));
    add_choice(rq->mem, data, "sorts", "oldest",
               page_text(room->h->pages, rq->mem, rq->lang, "account.staff.oldest", NULL),
               f.ascending ? KT_STR("oldest") : KT_STR("newest"));
    kt_set_bool(rq->mem, data, "wide", true);
    kt_set_str(rq->mem, data, "q", f.q);
    return console_page(rq, rs, 200, "account/staff_list", data);
}

/* ---------------------------------------------------------------- one record */

static void add_datum(account_room *room, request *rq, kt_value *list, const char *data_id, kt_str clear, kt_str hidden,
                      bool open)
{
    kt_value *row = kt_add_map(rq->mem, list);
    kt_set(rq->mem, row, "why", why_held(room, rq->mem, rq->lang, "registration", data_id));
    kt_set_str(rq->mem, row, "label",
               page_text(room->h->pages, rq->mem, rq->lang, kt_str_fmt(rq->mem, "account.datum.%s", data_id).at, NULL));
    kt_set_str(rq->mem, row, "value", open ? clear : hidden);
}

static void add_record(account_room *room, request *rq, const account *a, bool open, kt_value *data)
{
    kt_arena *mem = rq->mem;
    kt_value *list = kt_set_list(mem, data, "facts");
    kt_str comma = a->street.len && a->city.len ? KT_STR(", ") : KT_STR("");
    kt_str address = kt_str_fmt(mem, "%.*s%.*s%.*s %.*s %.*s", KT_ARG(a->street), KT_ARG(comma), KT_ARG(a->postcode),
                                KT_ARG(a->city), KT_ARG(country_name(a->country, rq->lang)));
    add_datum(room, rq, list, "email", a->email, email_masked(mem, a->email), open);
    add_datum(room, rq, list, "last_name", a->last_name, masked(mem, a->last_name), open);
    add_datum(room, rq, list, "first_name", a->first_name, masked(mem, a->first_name), open);
    add_datum(room, rq, list, "address", kt_str_trim(address), masked(mem, a->city), open);
    add_datum(room, rq, list, "phone", a->phone, masked(mem, a->phone), open);
    add_datum(room, rq, list, "ip_address", a->signup_ip, masked(mem, a->signup_ip), open);
    add_datum(room, rq, list, "registered_at", page_datetime(mem, rq->lang, a->registered_at),
              page_datetime(mem, rq->lang, a->registered_at), true);
    kt_set_str(
        mem, data, "state",
        page_text(room->h->pages, mem, rq->lang, kt_str_fmt(mem, "account.state.%.*s", KT_ARG(a->state)).at, NULL));
    kt_set_str(mem, data, "account_id", a->id);
    kt_set_str(mem, data, "language", a->language);
    kt_set_str(mem, data, "confirmed", a->confirmed_at ? page_datetime(mem, rq->lang, a->confirmed_at) : KT_STR(""));
    kt_set_str(mem, data, "erase_on", a->erase_at ? page_date(mem, rq->lang, a->erase_at) : KT_STR(""));
    kt_set_bool(mem, data, "is_open", open);
    kt_set_bool(mem, data, "can_reset", !account_is(a, "pending"));
}

static kt_err add_staff_log(account_room *room, request *rq, const account *a, kt_value *data)
{
    rows *r = NULL;
    int64_t sessions = 0;
    db *d = store_reader(room->h->store);
    kt_value *list = kt_set_list(rq->mem, data, "log");
    TRY(store_one_int(d, &SQL_account_session_count, ARGS(sql_text("account", a->id)), &sessions));
    kt_set_int(rq->mem, data, "session_count", sessions);
    kt_err err = store_rows(d, &SQL_account_sign_in_list, ARGS(sql_text("account", a->id), sql_int("limit", 20)), &r);
    while (err == KT_OK && rows_next(r)) {
        kt_value *one = kt_add_map(rq->mem, list);
        kt_str result = rows_text(r, "result");
        kt_set_str(rq->mem, one, "at", page_datetime(rq->mem, rq->lang, rows_int(r, "signed_in_at")));
        kt_set_str(rq->mem, one, "device",
                   kt_str_fmt(rq->mem, "%.*s %.*s", KT_ARG(rows_text(r, "browser")), KT_ARG(rows_text(r, "os"))));
        kt_set_bool(rq->mem, one, "ok", kt_str_is(result, "ok"));
        kt_set_str(rq->mem, one, "result",
                   page_text(room->h->pages, rq->mem, rq->lang,
                             kt_str_fmt(rq->mem, "account.sign_in_result.%.*s", KT_ARG(result)).at, NULL));
    }
    kt_err end = rows_end(r);
    return err == KT_OK ? end : err;
}

static kt_err show_record(form_page *f, kt_str id)
{
    account_room *room = f->room;
    request *rq = f->rq;
    account a;
    TRY(account_by_id(store_reader(room->h->store), rq->mem, id, &a));
    add_record(room, rq, &a, is_open(room, rq, a.id), f->data);
    TRY(add_staff_log(room, rq, &a, f->data));
    if (form_page_is_bad(f) && request_wants_json(rq)) return form_page_reply(f, "account/staff_account");
    return console_page(rq, f->rs, f->status, "account/staff_account", f->data);
}

kt_err get_staff_account(request *rq, reply *rs)
{
    form_page f = form_page_new(rq, rs, NULL);
    form_page_field(&f, "reason", "text", KT_STR(""), "off", true);
    return show_record(&f, request_param(rq, "id"));
}

/* ---------------------------------------------------------------- what staff do */

typedef struct {
    account_room *room;
    request *rq;
    kt_str account, reason;
    const char *action;
    mail_token token;
} staff_deed;

/* The audit row and the telling, for whatever was done. */
static kt_err record_deed(db *d, const staff_deed *s)
{
    request *rq = s->rq;
    audit_entry e = { "staff",   rq->session->subject, s->action,
                      "account", s->account,           "ok",
                      s->reason, kt_str_c(rq->id),     http_addr_prefix(rq->mem, &rq->peer) };
    TRY(audit_write(d, &e, rq->now_ms));
    kt_value *facts = kt_map(rq->mem);
    kt_set_str(rq->mem, facts, "staff", rq->session->subject);
    kt_set_c(rq->mem, facts, "action", s->action);
    kt_set_c(rq->mem, facts, "object_kind", "account");
    kt_set_str(rq->mem, facts, "object", s->account);
    kt_set_str(rq->mem, facts, "reason", s->reason);
    return bus_tell(s->room->h->bus, d, BUS_STAFF_ACTED, facts, rq->now_ms);
}

static kt_err open_action(db *d, void *ctx)
{
    staff_deed *s = ctx;
    account a;
    TRY(account_by_id(d, s->rq->mem, s->account, &a));
    return record_deed(d, s);
}

static kt_err reset_action(db *d, void *ctx)
{
    staff_deed *s = ctx;
    account a;
    TRY(account_by_id(d, s->rq->mem, s->account, &a));
    if (account_is(&a, "pending")) return KT_CONFLICT;
    TRY(account_send_reset(s->room, d, s->rq->mem, &a, &s->token, s->rq->now_ms));
    return record_deed(d, s);
}

static kt_err end_action(db *d, void *ctx)
{
    staff_deed *s = ctx;
    account a;
    TRY(account_by_id(d, s->rq->mem, s->account, &a));
    TRY(session_end_all(d, a.id));
    return record_deed(d, s);
}

/* All three need a reason; without one the page says so and nothing happens. */
static kt_err do_deed(request *rq, reply *rs, const char *name, store_action action, const char *done, bool *did)
{
    static const char *const allowed[] = { "reason", NULL };
    account_room *room = room_of(rq);
    const char *why_not = NULL;
    form *sent = NULL;
    staff_deed s = {
        .room = room, .rq = rq, .account = request_param(rq, "id"), .action = name, .token = token_new(room, rq->mem)
    };
    TRY(form_take(rq, allowed, &sent));
    form_page f = form_page_new(rq, rs, sent);
    form_page_field(&f, "reason", "text", KT_STR(""), "off", true);
    s.reason = kt_str_trim(form_get(sent, "reason"));
    *did = false;
    if (kt_utf8_count(s.reason) < REASON_LEAST || kt_utf8_count(s.reason) > REASON_MAX) why_not = "reason";
    if (why_not) {
        form_page_fault(&f, "reason", why_not, 422);
        return show_record(&f, s.account);
    }
    TRY(store_write(room->h->store, action, &s));
    *did = true;
    return reply_redirect(rq, rs, 303, kt_str_fmt(rq->mem, "/console/accounts/%.*s?done=%s", KT_ARG(s.account), done));
}

kt_err post_staff_open(request *rq, reply *rs)
{
    bool did = false;
    TRY(do_deed(rq, rs, "staff.account.open", open_action, "opened", &did));
    if (did) set_open(room_of(rq), rq, request_param(rq, "id"));
    return KT_OK;
}

kt_err post_staff_reset(request *rq, reply *rs)
{
    bool did = false;
    TRY(do_deed(rq, rs, "staff.account.reset", reset_action, "reset_sent", &did));
    if (did) outbox_wake(room_of(rq)->h->outbox);
    return KT_OK;
}

kt_err post_staff_sessions(request *rq, reply *rs)
{
    bool did = false;
    TRY(do_deed(rq, rs, "staff.account.sessions", end_action, "sessions_ended", &did));
    if (did) session_cache_forget(room_of(rq)->sessions, request_param(rq, "id"));
    return KT_OK;
}
