/* SPDX-License-Identifier: Apache-2.0 */
/* guard.c -- who is asking: finds the session before a handler runs, sends to sign-in who must be signed
 * in, asks for the password once more where a route wants it fresh, and proves forms (CSRF).
 *
 * There is no binding to an IP address (people move between networks). A session that suddenly comes from
 * another family of browser or system is asked for its password again instead. */
#include "account/account.h"

static kt_err say(account_room *room, request *rq, kt_err err, const char *key)
{
    return kt_fail_set(&rq->fail, err, "", "%.*s", KT_ARG(page_text(room->h->pages, rq->mem, rq->lang, key, NULL)));
}

/* GET pages are come back to; after an unsafe method the form would be lost anyway: to the overview. */
static kt_str return_path(request *rq)
{
    kt_buf out;
    if (!kt_str_is(rq->method, "GET") && !kt_str_is(rq->method, "HEAD")) return KT_STR("%2Faccount");
    kt_buf_init(&out, 4096);
    kt_buf_put_percent(&out, rq->path);
    if (rq->query.len) {
        kt_buf_put_percent(&out, KT_STR("?"));
        kt_buf_put_percent(&out, rq->query);
    }
    kt_str path = out.over ? KT_STR("%2Faccount") : kt_str_dup(rq->mem, kt_buf_str(&out));
    kt_buf_free(&out);
    return path;
}

static kt_err refuse_json(account_room *room, request *rq, reply *rs, int status, const char *reason)
{
    kt_value *body = kt_map(rq->mem);
    kt_str text =
        page_text(room->h->pages, rq->mem, rq->lang, kt_str_fmt(rq->mem, "account.error.%s", reason).at, NULL);
    kt_set_c(rq->mem, body, "type", "about:blank");
    kt_set_str(rq->mem, body, "title", text);
    kt_set_int(rq->mem, body, "status", status);
    kt_set_c(rq->mem, body, "reason", reason);
    return reply_json(rs, status, body);
}

static bool speaks_json(request *rq)
{
    return request_wants_json(rq) || (rq->route && (rq->route->flags & HTTP_JSON_ONLY));
}

static kt_err ask_to_sign_in(account_room *room, request *rq, reply *rs)
{
    if (speaks_json(rq)) return refuse_json(room, rq, rs, 401, "sign_in_needed");
    return reply_redirect(rq, rs, 303, kt_str_fmt(rq->mem, "/sign-in?return_to=%.*s", KT_ARG(return_path(rq))));
}

kt_err account_confirm_first(request *rq, reply *rs)
{
    return reply_redirect(rq, rs, 303, kt_str_fmt(rq->mem, "/account/confirm?return_to=%.*s", KT_ARG(return_path(rq))));
}

/* Pages that must work for a session that has to prove itself first. */
static bool is_way_out(const request *rq)
{
    return kt_str_is(rq->path, "/account/confirm") || kt_str_is(rq->path, "/sign-out");
}

static bool is_other_family(request *rq, const session *s)
{
    device now = device_of(request_header(rq, "user-agent"));
    return !kt_str_eq(s->role, kt_str_fmt(rq->mem, "%s|%s", now.browser, now.os));
}

kt_err account_guard(void *ctx, request *rq, reply *rs, bool *done)
{
    account_room *room = ctx;
    const route *row = rq->route;
    session *s = NULL;
    if ((row->flags & HTTP_NO_COOKIE) || row->access == HTTP_INTERNAL || row->access == HTTP_STAFF) return KT_OK;

    switch (
        session_find(rq, cookie_name(room->h->registry, rq, "session"), &room->backend, &session_times_default, &s)) {
    case SESSION_TWICE: return say(room, rq, KT_BAD_INPUT, "account.error.two_sessions");
    case SESSION_EXPIRED:
    case SESSION_UNKNOWN: TRY(cookie_expire(room->h->registry, rq, rs, "session")); break;
    case SESSION_NONE: break;
    case SESSION_OK: rq->session = s; break;
    }
    if (row->access != HTTP_ACCOUNT) return KT_OK;
    if (!s) {
        *done = true;
        return ask_to_sign_in(room, rq, rs);
    }
    bool fresh = session_is_strong(s, &session_times_default, rq->now_ms);
    if (is_way_out(rq) || (!is_other_family(rq, s) && (fresh || !(row->flags & HTTP_STEP_UP)))) return KT_OK;
    *done = true;
    return speaks_json(rq) ? refuse_json(room, rq, rs, 403, "confirm_needed") : account_confirm_first(rq, rs);
}

/* ---------------------------------------------------------------- forms before sign-in */

bool account_csrf(void *ctx, request *rq, kt_str token)
{
    account_room *room = ctx;
    bool twice = false;
    kt_str value = cookie_get(room->h->registry, rq, "presession", &twice);
    return value.len == PRESESSION_TEXT && !twice &&
           csrf_valid(rq->mem, kt_sha256_str(&room->presession_key), value, token);
}

static void put_csrf(account_room *room, request *rq, kt_value *data, kt_str key, kt_str sid)
{
    kt_set_str(rq->mem, data, "csrf", csrf_token(room->h->random, rq->mem, key, sid));
}

/* Every page with a form gets a token bound to the session or, before sign-in, to the pre-session cookie.
 * The cookie is set where a page is not to be stored (which is what pages with such forms say of
 * themselves), so that reading public pages sets none; and at the staff's door. */
void account_globals(void *ctx, request *rq, reply *rs, kt_value *data)
{
    account_room *room = ctx;
    const registry *reg = room->h->registry;
    bool twice = false;
    if (kt_get(data, "csrf") || (rq->route && (rq->route->flags & HTTP_NO_COOKIE))) return;
    if (rq->session) {
        put_csrf(room, rq, data, (kt_str){ (const char *)rq->session->csrf_key, sizeof rq->session->csrf_key },
                 rq->session->id);
        return;
    }
    kt_str value = cookie_get(reg, rq, "presession", &twice);
    if (value.len != PRESESSION_TEXT || twice) {
        bool has_form =
            rq->route && ((rq->route->flags & HTTP_NO_STORE) || kt_str_starts(rq->path, KT_STR("/console/")));
        if (!has_form) return;
        value = kt_random_token(room->h->random, rq->mem, 32);
        if (cookie_set(reg, rq, rs, "presession", value, true, NULL) != KT_OK) return;
    }
    put_csrf(room, rq, data, kt_sha256_str(&room->presession_key), value);
}
