/* SPDX-License-Identifier: Apache-2.0 */
/* sessions.c -- where somebody is signed in, and ending it; the log of sign-ins below. */
#include "account/account.h"
#include "account/queries.h"

static kt_str device_words(account_room *room, request *rq, kt_str browser, kt_str os)
{
    kt_str unknown = browser.len && os.len
                         ? KT_STR_NONE
                         : page_text(room->h->pages, rq->mem, rq->lang, "account.sessions.unknown", NULL);
    kt_str parts[] = { browser.len ? browser : unknown, os.len ? os : unknown };
    return kt_str_join(rq->mem, parts, 2, KT_STR(", "));
}

static kt_err add_sessions(account_room *room, request *rq, kt_value *data)
{
    rows *r = NULL;
    kt_value *list = kt_set_list(rq->mem, data, "sessions");
    kt_err err = store_rows(store_reader(room->h->store), &SQL_account_session_list,
                            ARGS(sql_text("account", rq->session->subject)), &r);
    while (err == KT_OK && rows_next(r)) {
        kt_value *one = kt_add_map(rq->mem, list);
        kt_str id = kt_str_dup(rq->mem, rows_text(r, "id"));
        bool current = kt_str_eq(id, rq->session->id);
        kt_set_str(rq->mem, one, "session_id", id);
        kt_set_bool(rq->mem, one, "this_one", current);
        kt_set_str(rq->mem, one, "device", device_words(room, rq, rows_text(r, "browser"), rows_text(r, "os")));
        kt_set_str(rq->mem, one, "network", kt_str_dup(rq->mem, rows_text(r, "ip_prefix")));
        kt_set_str(rq->mem, one, "since", page_datetime(rq->mem, rq->lang, rows_int(r, "created_at")));
        kt_set_str(rq->mem, one, "last_used",
                   page_datetime(rq->mem, rq->lang, current ? rq->now_ms : rows_int(r, "seen_at")));
        kt_set_bool(rq->mem, one, "stays", rows_int(r, "stay") != 0);
    }
    kt_err end = rows_end(r);
    kt_set_bool(rq->mem, data, "has_others", list->count > 1);
    return err == KT_OK ? end : err;
}

static kt_err add_log(account_room *room, request *rq, kt_value *data)
{
    rows *r = NULL;
    kt_value *list = kt_set_list(rq->mem, data, "log");
    kt_err err = store_rows(store_reader(room->h->store), &SQL_account_sign_in_list,
                            ARGS(sql_text("account", rq->session->subject), sql_int("limit", 50)), &r);
    while (err == KT_OK && rows_next(r)) {
        kt_value *one = kt_add_map(rq->mem, list);
        kt_str result = rows_text(r, "result");
        kt_set_str(rq->mem, one, "at", page_datetime(rq->mem, rq->lang, rows_int(r, "signed_in_at")));
        kt_set_str(rq->mem, one, "device", device_words(room, rq, rows_text(r, "browser"), rows_text(r, "os")));
        kt_set_str(rq->mem, one, "network", kt_str_dup(rq->mem, rows_text(r, "ip_prefix")));
        kt_set_bool(rq->mem, one, "ok", kt_str_is(result, "ok"));
        kt_set_str(rq->mem, one, "result",
                   page_text(room->h->pages, rq->mem, rq->lang,
                             kt_str_fmt(rq->mem, "account.sign_in_result.%.*s", KT_ARG(result)).at, NULL));
    }
    kt_err end = rows_end(r);
    return err == KT_OK ? end : err;
}

kt_err get_sessions(request *rq, reply *rs)
{
    account_room *room = room_of(rq);
    kt_value *data = kt_map(rq->mem);
    TRY(add_sessions(room, rq, data));
    TRY(add_log(room, rq, data));
    return account_page(rq, rs, 200, "account/sessions", data);
}

typedef struct {
    request *rq;
    kt_str id;
    const char *which;
    int64_t ended;
} ending;

static kt_err end_action(db *d, void *ctx)
{
    ending *e = ctx;
    kt_str account_id = e->rq->session->subject;
    if (e->id.len)
        TRY(store_exec(d, &SQL_account_session_delete_own, ARGS(sql_text("id", e->id), sql_text("account", account_id)),
                       &e->ended));
    else if (strcmp(e->which, "all") == 0)
        TRY(session_end_all(d, account_id));
    else
        TRY(store_exec(d, &SQL_account_session_delete_others,
                       ARGS(sql_text("account", account_id), sql_text("id", e->rq->session->id)), NULL));
    return account_audit(d, e->rq, "account.session.end", account_id, "ok", e->id.len ? "one" : e->which);
}

static kt_err end_sessions(request *rq, reply *rs, ending *e, bool this_one_too)
{
    account_room *room = room_of(rq);
    TRY(store_write(room->h->store, end_action, e));
    session_cache_forget(room->sessions, rq->session->subject);
    if (!this_one_too) return reply_redirect(rq, rs, 303, KT_STR("/account/sessions?done=session_ended"));
    TRY(cookie_expire(room->h->registry, rq, rs, "session"));
    return reply_redirect(rq, rs, 303, KT_STR("/sign-in?done=signed_out"));
}

kt_err post_session_end(request *rq, reply *rs)
{
    static const char *const allowed[] = { NULL };
    form *sent = NULL;
    TRY(form_take(rq, allowed, &sent));
    ending e = { rq, request_param(rq, "id"), "one", 0 };
    return end_sessions(rq, rs, &e, kt_str_eq(e.id, rq->session->id));
}

kt_err post_sessions_end(request *rq, reply *rs)
{
    static const char *const allowed[] = { "which", NULL };
    form *sent = NULL;
    TRY(form_take(rq, allowed, &sent));
    bool all = kt_str_is(form_get(sent, "which"), "all");
    ending e = { rq, KT_STR_NONE, all ? "all" : "others", 0 };
    return end_sessions(rq, rs, &e, all);
}
