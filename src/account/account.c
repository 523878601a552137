/* SPDX-License-Identifier: Apache-2.0 */
/* account.c -- the table of this room: routes, jobs, commands, and how it is put together. */
#include "account/account.h"
#include <stdio.h>
#include <stdlib.h>

#define ACT  "registration"
#define SIGN "registration/sign-in"
#define DESK "privacy,support" /* roles of staff */
enum { FORM = HTTP_NO_STORE, LINK = HTTP_NO_STORE | HTTP_NO_REFERRER, FRESH = HTTP_NO_STORE | HTTP_STEP_UP };

static const route routes[] = {
    /* method  path                       handler             kind       activity  who           flags */
    { "GET",  "/sign-up",                 get_sign_up,        HTTP_READ, ACT,  HTTP_PUBLIC,  FORM,  0, NULL, NULL },
    { "POST", "/sign-up",                 post_sign_up,       HTTP_WORK, ACT,  HTTP_PUBLIC,  FORM,  0, NULL, NULL },
    { "GET",  "/sign-up/sent",            get_sign_up_sent,   HTTP_READ, ACT,  HTTP_PUBLIC,  FORM,  0, NULL, NULL },
    { "GET",  "/verify",                  get_verify,         HTTP_READ, ACT,  HTTP_PUBLIC,  LINK,  0, NULL, NULL },
    { "POST", "/verify",                  post_verify,        HTTP_WORK, ACT,  HTTP_PUBLIC,  LINK,  0, NULL, NULL },
    { "POST", "/verify/resend",           post_verify_resend, HTTP_WORK, ACT,  HTTP_PUBLIC,  FORM,  0, NULL, NULL },
    { "GET",  "/sign-in",                 get_sign_in,        HTTP_READ, SIGN, HTTP_PUBLIC,  FORM,  0, NULL, NULL },
    { "POST", "/sign-in",                 post_sign_in,       HTTP_WORK, SIGN, HTTP_PUBLIC,  FORM,  0, NULL, NULL },
    { "GET",  "/sign-out",                get_sign_out,       HTTP_READ, SIGN, HTTP_PUBLIC,  FORM,  0, NULL, NULL },
    { "POST", "/sign-out",                post_sign_out,      HTTP_WORK, SIGN, HTTP_PUBLIC,  FORM,  0, NULL, NULL },
    { "GET",  "/reset",                   get_reset,          HTTP_READ, SIGN, HTTP_PUBLIC,  FORM,  0, NULL, NULL },
    { "POST", "/reset",                   post_reset,         HTTP_WORK, SIGN, HTTP_PUBLIC,  FORM,  0, NULL, NULL },
    { "GET",  "/reset/sent",              get_reset_sent,     HTTP_READ, SIGN, HTTP_PUBLIC,  FORM,  0, NULL, NULL },
    { "GET",  "/reset/new",               get_reset_new,      HTTP_READ, SIGN, HTTP_PUBLIC,  LINK,  0, NULL, NULL },
    { "POST", "/reset/new",               post_reset_new,     HTTP_WORK, SIGN, HTTP_PUBLIC,  LINK,  0, NULL, NULL },
    { "GET",  "/email/confirm",           get_email_confirm,  HTTP_READ, ACT,  HTTP_PUBLIC,  LINK,  0, NULL, NULL },
    { "POST", "/email/confirm",           post_email_confirm, HTTP_WORK, ACT,  HTTP_PUBLIC,  LINK,  0, NULL, NULL },
    { "GET",  "/email/undo",              get_email_undo,     HTTP_READ, ACT,  HTTP_PUBLIC,  LINK,  0, NULL, NULL },
    { "POST", "/email/undo",              post_email_undo,    HTTP_WORK, ACT,  HTTP_PUBLIC,  LINK,  0, NULL, NULL },
    { "GET",  "/account",                 get_account,        HTTP_READ, ACT,  HTTP_ACCOUNT, FORM,  0, NULL, NULL },
    { "GET",  "/account/confirm",         get_confirm,        HTTP_READ, SIGN, HTTP_ACCOUNT, FORM,  0, NULL, NULL },
    { "POST", "/account/confirm",         post_confirm,       HTTP_WORK, SIGN, HTTP_ACCOUNT, FORM,  0, NULL, NULL },
    { "GET",  "/account/profile",         get_profile,        HTTP_READ, ACT,  HTTP_ACCOUNT, FORM,  0, NULL, NULL },
    { "POST", "/account/profile",         post_profile,       HTTP_WORK, ACT,  HTTP_ACCOUNT, FORM,  0, NULL, NULL },
    { "GET",  "/account/language",        get_language,       HTTP_READ, ACT,  HTTP_ACCOUNT, FORM,  0, NULL, NULL },
    { "POST", "/account/language",        post_language,      HTTP_WORK, ACT,  HTTP_ACCOUNT, FORM,  0, NULL, NULL },
    { "GET",  "/account/email",           get_email,          HTTP_READ, ACT,  HTTP_ACCOUNT, FRESH, 0, NULL, NULL },
    { "POST", "/account/email",           post_email,         HTTP_WORK, ACT,  HTTP_ACCOUNT, FRESH, 0, NULL, NULL },
    { "GET",  "/account/password",        get_password,       HTTP_READ, SIGN, HTTP_ACCOUNT, FORM,  0, NULL, NULL },
    { "POST", "/account/password",        post_password,      HTTP_WORK, SIGN, HTTP_ACCOUNT, FORM,  0, NULL, NULL },
    { "GET",  "/account/sessions",        get_sessions,       HTTP_READ, SIGN, HTTP_ACCOUNT, FORM,  0, NULL, NULL },
    { "POST", "/account/sessions/end",    post_sessions_end,  HTTP_WORK, SIGN, HTTP_ACCOUNT, FORM,  0, NULL, NULL },
    { "POST", "/account/sessions/{id}/end", post_session_end, HTTP_WORK, SIGN, HTTP_ACCOUNT, FORM,  0, NULL, NULL },
    { "GET",  "/account/delete",          get_delete,         HTTP_READ, ACT,  HTTP_ACCOUNT, FRESH, 0, NULL, NULL },
    { "POST", "/account/delete",          post_delete,        HTTP_WORK, ACT,  HTTP_ACCOUNT, FRESH, 0, NULL, NULL },
    { "GET",  "/account/deleted",         get_deleted,        HTTP_READ, ACT,  HTTP_PUBLIC,  FORM,  0, NULL, NULL },
    { "GET",  "/account/undo",            get_undo,           HTTP_READ, ACT,  HTTP_PUBLIC,  LINK,  0, NULL, NULL },
    { "POST", "/account/undo",            post_undo,          HTTP_WORK, ACT,  HTTP_PUBLIC,  LINK,  0, NULL, NULL },
    { "GET",  "/console/accounts",        get_staff_accounts, HTTP_READ, ACT,  HTTP_STAFF,   FORM,  0, DESK, NULL },
    { "GET",  "/console/accounts/{id}",   get_staff_account,  HTTP_READ, ACT,  HTTP_STAFF,   FORM,  0, DESK, NULL },
    { "POST", "/console/accounts/{id}/open",     post_staff_open,     HTTP_WORK, ACT, HTTP_STAFF, FORM, 0, DESK, NULL },
    { "POST", "/console/accounts/{id}/reset",    post_staff_reset,    HTTP_WORK, ACT, HTTP_STAFF, FORM, 0, DESK, NULL },
    { "POST", "/console/accounts/{id}/sessions", post_staff_sessions, HTTP_WORK, ACT, HTTP_STAFF, FORM, 0, DESK, NULL },
    { 0 }
};

static const job job_rows[] = {
    { "account.erase", KT_MINUTE_MS,      job_erase },
    { "account.purge", 10 * KT_MINUTE_MS, job_purge },
    { "account.touch", 30 * KT_SECOND_MS, job_touch },
    { 0 }
};

static const console_entry entries[] = {
    { "console.menu.platform", "account.staff.menu", "/console/accounts", "privacy,support", 100 },
    { 0 }
};

static const command commands[] = {
    { "user", "list | show | create | delete | sessions", "customers' accounts", user_command },
    { 0 }
};

static const char *const cookies[] = { "session", "presession", "mail_step", "lang", NULL };

/* ---------------------------------------------------------------- putting it together */

static ask_when when_asked(const kt_value *settings, const char *key)
{
    kt_str s = kt_get_str(settings, key);
    return kt_str_is(s, "required") ? ASK_REQUIRED : kt_str_is(s, "later") ? ASK_LATER : ASK_OPTIONAL;
}

/* How long the register keeps something, so that the notice and the program cannot differ. */
static int64_t kept_for(const registry *r, const char *activity_id, const char *rule, int64_t otherwise)
{
    const activity *a = registry_activity(r, activity_id);
    for (size_t i = 0; a && i < a->n_keeps; i++)
        if (kt_str_is(a->keeps[i].id, rule) && a->keeps[i].keep_ms > 0) return a->keeps[i].keep_ms;
    return otherwise;
}

static account_options read_options(const registry *r)
{
    const kt_value *config = registry_config(r), *settings = kt_get(config, "account");
    kt_str terms = kt_get_str(settings, "terms_version"),
           origin = kt_get_str(kt_get(config, "server"), "public_origin");
    account_options o = { .address = when_asked(settings, "address"),
                          .phone = when_asked(settings, "phone"),
                          .password_min = (size_t)kt_get_int(settings, "password_min", 12),
                          .utf8_local = kt_get_bool(settings, "utf8_email", true),
                          .clear_site_data = kt_get_bool(settings, "clear_site_data", false),
                          .terms_version = terms.len ? terms : KT_STR("2026-01-01"),
                          .grace_ms = kept_for(r, "registration", "grace", 14 * KT_DAY_MS),
                          .pending_ms = kept_for(r, "registration", "unconfirmed", 7 * KT_DAY_MS) };
    if (o.grace_ms > 30 * KT_DAY_MS) o.grace_ms = 30 * KT_DAY_MS;
    if (o.password_min < 8 || o.password_min > 64) o.password_min = 12;
    if (origin.len) {
        o.public_origin = kt_calloc(1, origin.len + 1);
        memcpy(o.public_origin, origin.at, origin.len);
    }
    return o;
}

static kt_err init(house *h, kt_fail *fail, void **out)
{
    account_room *room = kt_calloc(1, sizeof *room);
    char breached[4096];
    room->h = h;
    room->options = read_options(h->registry);
    room->presession_key = kt_hmac(h->secret, KT_STR("account presession"));
    snprintf(breached, sizeof breached, "%s/breached-sha1.bin", h->data_dir ? h->data_dir : ".");
    room->passwords = password_rule_new(room->options.password_min, breached);
    pthread_mutex_init(&room->opened_lock, NULL);
    room->sessions = session_cache_new(room);
    room->backend = session_cache_backend(room->sessions);
    if (h->metrics)
        room->outcomes = kt_metric_new(h->metrics, KT_COUNTER, "kontor_account_total",
                                       "What people did with accounts, and how it ended.", "action,result");
    if (h->server) {
        http_add_guard(h->server, account_guard, room);
        http_set_csrf(h->server, account_csrf, room);
    }
    if (h->pages) {
        pages_add_global(h->pages, account_globals, room);
        pages_add_global(h->pages, account_tabs, room);
    }
    *out = room;
    return KT_OK;
}

static void stop(void *ctx)
{
    account_room *room = ctx;
    if (!room) return;
    if (session_cache_flush(room->sessions) != KT_OK) kt_log(KT_LOG_WARN, "account.touch_lost");
    session_cache_free(room->sessions);
    password_rule_free(room->passwords);
    pthread_mutex_destroy(&room->opened_lock);
    free(room->options.public_origin);
    free(room);
}

const module account_module = {
    .name = "account", .routes = routes, .jobs = job_rows, .console = entries, .commands = commands, .cookies = cookies,
    .init = init, .demo = account_demo, .stop = stop,
};
