/* SPDX-License-Identifier: Apache-2.0 */
/* dispatch.c -- everything between a complete request and a complete reply, in one order for all routes:
 *
 *     where it may be asked -> guards (sign-in) -> who may -> CSRF -> kind of body -> handler
 *     -> an error becomes a page or problem document -> finish hooks -> finish.c
 *
 * Each step either goes on or fails, and a failure is closed: a row that wants a signed-in person never
 * runs its handler because a guard was forgotten. */
#include "http/inside.h"
#include "base/log.h"

static bool is_unsafe(kt_str method)
{
    return !kt_str_is(method, "GET") && !kt_str_is(method, "HEAD") && !kt_str_is(method, "OPTIONS");
}

static bool is_json_request(exchange *ex)
{
    kt_str type = media_type(request_header(&ex->rq, "content-type"));
    return request_wants_json(&ex->rq) || kt_str_eq_nocase(type, KT_STR("application/json"));
}

/* ---- errors ---- */

static kt_err problem_reply(exchange *ex, int status, const kt_fail *fail)
{
    kt_arena *mem = ex->rq.mem;
    kt_value *v = kt_map(mem);
    kt_set_c(mem, v, "type", "about:blank");
    kt_set_c(mem, v, "title", kt_err_text(fail->err));
    kt_set_int(mem, v, "status", status);
    if (fail->text[0]) kt_set_c(mem, v, "detail", fail->text);
    if (fail->field[0]) kt_set_c(mem, v, "field", fail->field);
    TRY(reply_json(&ex->rs, status, v));
    return reply_header(&ex->rs, "Content-Type", KT_STR("application/problem+json"));
}

static void drop_headers_of_body(reply *rs)
{
    static const char *const names[] = { "content-type",  "content-encoding", "content-disposition",
                                         "etag",          "last-modified",    "accept-ranges",
                                         "content-range", "cache-control",    "location" };
    for (reply_field *f = rs->first; f; f = f->next)
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            if (kt_str_eq_nocase(f->name, kt_str_c(names[i]))) f->value = KT_STR_NONE;
}

void exchange_fail(exchange *ex, kt_err err)
{
    reply *rs = &ex->rs;
    kt_fail *fail = &ex->rq.fail;
    int status = kt_err_status(err);
    if (fail->err != err) {
        /* Words of another failure, or none: a fault of ours says nothing about its inside. */
        *fail = (kt_fail){ .err = err };
    }
    if (status >= 500 && err != KT_BUSY && err != KT_STOPPING && err != KT_FULL) fail->text[0] = 0;
    /* The id on the error page is the one in the log: random, and gone with the request. */
    if (status >= 500 && err != KT_STOPPING)
        kt_log(KT_LOG_ERROR, "http.failed", KT_WORD("request", ex->rq.id),
               KT_WORD("route", ex->rq.route ? ex->rq.route->path : "-"), KT_WORD("error", kt_err_name(err)));
    reply_drop_body(rs);
    drop_headers_of_body(rs);
    if (err == KT_BAD_METHOD && ex->allow.len) reply_put(rs, "Allow", ex->allow);
    if (status == 503 && !reply_field_get(rs, "retry-after").at) reply_put(rs, "Retry-After", KT_STR("2"));
    kt_err made = KT_NOT_FOUND;
    if (is_json_request(ex))
        made = problem_reply(ex, status, fail);
    else if (ex->server->error_page)
        made = ex->server->error_page(ex->server->error_page_ctx, &ex->rq, rs, status, fail);
    if (made != KT_OK || !rs->ended) {
        kt_str words =
            kt_str_fmt(ex->rq.mem, "%d %s\n%s%s", status, kt_err_text(err), fail->text, fail->text[0] ? "\n" : "");
        (void)reply_text(rs, status, words);
    }
    rs->status = status;
}

/* ---- the steps ---- */

static kt_err check_place(exchange *ex)
{
    bool inside = (ex->listener && ex->listener->internal) || ex->rq.loopback;
    return ex->rq.route->access == HTTP_INTERNAL && !inside ? KT_NOT_FOUND : KT_OK;
}

static kt_err run_guards(exchange *ex, bool *done)
{
    http_server *s = ex->server;
    for (size_t i = 0; i < s->n_guards && !*done; i++) TRY(s->guards[i].run(s->guards[i].ctx, &ex->rq, &ex->rs, done));
    return KT_OK;
}

static kt_err check_access(exchange *ex)
{
    const route *row = ex->rq.route;
    const session *who = ex->rq.session;
    const char *realm = row->access == HTTP_ACCOUNT ? "account" : row->access == HTTP_STAFF ? "staff" : NULL;
    if (realm && (!who || !who->realm || strcmp(who->realm, realm) != 0)) return KT_UNAUTHORISED;
    if (realm && row->role && who->role.len == 0) return KT_REFUSED;
    if (row->flags & HTTP_STEP_UP && !session_is_strong(who, &session_times_default, ex->rq.now_ms))
        return request_fail(&ex->rq, KT_UNAUTHORISED, "step_up", "Bitte melde dich noch einmal an, um weiterzumachen.",
                            "Please sign in again to go on.");
    return KT_OK;
}

static bool is_form(exchange *ex)
{
    kt_str type = media_type(request_header(&ex->rq, "content-type"));
    return kt_str_eq_nocase(type, KT_STR("application/x-www-form-urlencoded")) ||
           kt_str_eq_nocase(type, KT_STR("multipart/form-data"));
}

static kt_err check_csrf(exchange *ex)
{
    request *rq = &ex->rq;
    http_server *s = ex->server;
    if (rq->route->flags & HTTP_NO_CSRF || !is_unsafe(rq->method)) return KT_OK;
    if (!csrf_same_origin(rq))
        return request_fail(rq, KT_REFUSED, "csrf", "Die Anfrage kommt nicht von einer Seite dieser Website.",
                            "The request does not come from a page of this site.");
    if (!is_form(ex) || (!rq->session && !s->csrf)) return KT_OK;
    kt_str token = request_header(rq, "x-csrf-token");
    if (!token.at) {
        form *f;
        TRY(request_form(rq, &f));
        token = form_get(f, "csrf");
    }
    bool ok = rq->session
                  ? csrf_valid(rq->mem, (kt_str){ (const char *)rq->session->csrf_key, 32 }, rq->session->id, token)
                  : s->csrf(s->csrf_ctx, rq, token);
    return ok ? KT_OK
              : request_fail(rq, KT_REFUSED, "csrf", "Das Formular gilt nicht mehr. Bitte öffne es noch einmal.",
                             "The form is no longer valid. Please open it again.");
}

static kt_err check_body(exchange *ex)
{
    kt_str type = media_type(request_header(&ex->rq, "content-type"));
    if (ex->rq.route->flags & HTTP_JSON_ONLY && is_unsafe(ex->rq.method) &&
        !kt_str_eq_nocase(type, KT_STR("application/json")))
        return request_fail(&ex->rq, KT_UNSUPPORTED, "", "Der Inhalt muss application/json sein.",
                            "The body must be application/json.");
    return KT_OK;
}

static kt_err run_route(exchange *ex)
{
    bool done = false;
    TRY(check_place(ex));
    TRY(run_guards(ex, &done));
    if (ex->rq.session) request_language(ex);
    if (done) return KT_OK;
    TRY(check_access(ex));
    TRY(check_csrf(ex));
    TRY(check_body(ex));
    TRY(ex->rq.route->handler(&ex->rq, &ex->rs));
    return ex->rs.ended ? KT_OK : KT_INTERNAL;
}

static const char *reason_of(kt_err err)
{
    switch (err) {
    case KT_TOO_LARGE:
    case KT_URI_TOO_LONG:
    case KT_HEAD_TOO_LARGE: return "size";
    case KT_TOO_MANY:
    case KT_TIMEOUT:
    case KT_BUSY: return "rate";
    case KT_UNAUTHORISED:
    case KT_REFUSED: return "auth";
    case KT_BAD_INPUT:
    case KT_MISDIRECTED: return "parse";
    default: return NULL;
    }
}

void exchange_run(exchange *ex)
{
    http_server *s = ex->server;
    kt_err err = ex->refused;
    if (err == KT_OK && !ex->rq.route) err = KT_NOT_FOUND;
    if (err == KT_OK) err = run_route(ex);
    if (err != KT_OK) {
        exchange_fail(ex, err);
        if (reason_of(err)) count_rejected(s, reason_of(err));
    }
    for (size_t i = 0; i < s->n_finishes; i++) s->finishes[i].run(s->finishes[i].ctx, &ex->rq, &ex->rs);
    reply_finish(ex);
}
