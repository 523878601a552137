/* SPDX-License-Identifier: Apache-2.0 */
/* console.c -- the frame: menu from the modules' rows, overview, and the first way in. */
#include "console/console.h"
#include <stdio.h>
#include <stdlib.h>
#include "register/retention.h"

static const char *const role_names[] = {
    "owner", "privacy", "support", "accounting", "analyst", "developer", "auditor"
};

bool console_role_known(kt_str role)
{
    for (size_t i = 0; i < sizeof role_names / sizeof *role_names; i++)
        if (kt_str_is(role, role_names[i])) return true;
    return false;
}

kt_str console_role(size_t i)
{
    return i < sizeof role_names / sizeof *role_names ? kt_str_c(role_names[i]) : KT_STR_NONE;
}

bool console_role_may(kt_str role, const char *roles)
{
    if (!roles || kt_str_is(role, "owner")) return true;
    kt_str rest = kt_str_c(roles), one;
    while (kt_str_split(&rest, ',', &one))
        if (kt_str_eq(kt_str_trim(one), role)) return true;
    return false;
}

kt_err console_audit(db *d, request *rq, const char *action, const char *object_kind, kt_str object, const char *result,
                     kt_str reason)
{
    return audit_write(d,
                       &(audit_entry){ .actor_kind = "staff",
                                       .actor = rq->session->subject,
                                       .action = action,
                                       .object_kind = object_kind,
                                       .object = object,
                                       .result = result,
                                       .reason = reason,
                                       .request_id = kt_str_c(rq->id),
                                       .ip_prefix = http_addr_prefix(rq->mem, &rq->peer) },
                       rq->now_ms);
}

/* ---- the menu ---- */

enum { ENTRIES_MAX = 64 };

static int by_order(const void *a, const void *b)
{
    const console_entry *x = *(const console_entry *const *)a, *y = *(const console_entry *const *)b;
    return x->order != y->order ? (x->order < y->order ? -1 : 1) : strcmp(x->path, y->path);
}

static bool is_below(kt_str path, const char *entry)
{
    kt_str e = kt_str_c(entry);
    return kt_str_eq(path, e) || (kt_str_starts(path, e) && path.len > e.len && path.at[e.len] == '/');
}

/* The longest entry the path is below: /console/register/retention is not "Activities". */
static const char *current_entry(kt_str path, const console_entry *const *entries, size_t n)
{
    const char *best = NULL;
    for (size_t i = 0; i < n; i++)
        if (is_below(path, entries[i]->path) && (!best || strlen(entries[i]->path) > strlen(best)))
            best = entries[i]->path;
    return best && strcmp(best, "/console") == 0 && !kt_str_is(path, "/console") ? NULL : best;
}

/* Groups of entries in the declaration's order; what the role may not open is not shown. */
static void add_menu(console *self, request *rq, kt_value *data)
{
    const console_entry *entries[ENTRIES_MAX] = { 0 };
    size_t n = 0;
    for (size_t i = 0; platform_modules[i]; i++)
        for (const console_entry *e = platform_modules[i]->console; e && e->path && n < ENTRIES_MAX; e++)
            if (console_role_may(rq->session->role, e->role)) entries[n++] = e;
    qsort(entries, n, sizeof *entries, by_order);
    kt_value *menu = kt_set_list(rq->mem, data, "menu"), *group = NULL, *items = NULL;
    const char *section = NULL, *current = current_entry(rq->path, entries, n);
    for (size_t i = 0; i < n; i++) {
        const console_entry *e = entries[i];
        if (!section || strcmp(section, e->section) != 0) {
            section = e->section;
            group = kt_add_map(rq->mem, menu);
            kt_set_str(rq->mem, group, "label", page_text(self->house->pages, rq->mem, rq->lang, section, NULL));
            items = kt_set_list(rq->mem, group, "entries");
        }
        kt_value *item = kt_add_map(rq->mem, items);
        kt_set_c(rq->mem, item, "href", e->path);
        kt_set_str(rq->mem, item, "text", page_text(self->house->pages, rq->mem, rq->lang, e->text, NULL));
        kt_set_bool(rq->mem, item, "current", e->path == current);
    }
}

/* Every page in the frame, whichever module renders it, gets the menu and the clock of what is due. */
static void add_frame(void *ctx, request *rq, reply *rs, kt_value *data)
{
    console *self = ctx;
    if (!rq->session || strcmp(rq->session->realm, "staff") != 0) return;
    add_menu(self, rq, data);
    kt_value *me = kt_set_map(rq->mem, data, "staff_me");
    kt_set_str(rq->mem, me, "name", rq->session->name);
    kt_set_str(rq->mem, me, "role",
               page_text(self->house->pages, rq->mem, rq->lang,
                         kt_str_z(rq->mem, kt_str_fmt(rq->mem, "console.role.%.*s", KT_ARG(rq->session->role))), NULL));
    kt_set_str(rq->mem, data, "search_q", request_query(rq, "q"));
}

kt_err console_page(console *self, request *rq, reply *rs, int status, const char *name, kt_value *data)
{
    kt_set_c(rq->mem, data, "layout", "console/layout");
    return page_reply(self->house->pages, rq, rs, status, name, data);
}

/* ---- pages of the frame itself ---- */

static kt_err get_overview(request *rq, reply *rs)
{
    console *self = rq->room;
    house *h = self->house;
    kt_value *data = kt_map(rq->mem), *due = NULL, *counts = NULL;
    TRY(retention_due(h->registry, h->store, rq->mem, rq->now_ms, &due));
    int64_t overdue = 0;
    KT_EACH(d, due) overdue += kt_get_int(d, "due", 0);
    kt_set_str(rq->mem, data, "due", page_number(rq->mem, rq->lang, overdue));
    TRY(outbox_counts(store_reader(h->store), rq->mem, &counts));
    int64_t waiting = 0, dead = 0;
    KT_EACH(c, counts) {
        kt_str state = kt_get_str(c, "state");
        if (kt_str_is(state, "waiting")) waiting += kt_get_int(c, "rows", 0);
        if (kt_str_is(state, "dead")) dead += kt_get_int(c, "rows", 0);
    }
    kt_set_str(rq->mem, data, "waiting", page_number(rq->mem, rq->lang, waiting));
    kt_set_str(rq->mem, data, "dead", page_number(rq->mem, rq->lang, dead));
    kt_set_bool(rq->mem, data, "has_dead", dead > 0);
    const activity *const *list = NULL;
    kt_set_str(rq->mem, data, "activities",
               page_number(rq->mem, rq->lang, (int64_t)registry_activities(h->registry, &list)));
    const recipient *const *recipients = NULL;
    kt_set_str(rq->mem, data, "recipients",
               page_number(rq->mem, rq->lang, (int64_t)registry_recipients(h->registry, &recipients)));
    kt_set_bool(rq->mem, data, "demo", h->demo);
    return console_page(self, rq, rs, 200, "console/overview", data);
}

static kt_err get_components(request *rq, reply *rs)
{
    return console_page(rq->room, rq, rs, 200, "http/components", kt_map(rq->mem));
}

/* Search over everything: an address or id leads to the account, a word to the register. */
static kt_err get_search(request *rq, reply *rs)
{
    kt_str q = kt_str_trim(request_query(rq, "q"));
    kt_buf to;
    kt_buf_init(&to, 4096);
    kt_buf_put_c(&to, kt_str_find_byte(q, '@', 0) != KT_NOT_FOUND_AT || q.len == STORE_ID_LEN ? "/console/accounts?q="
                                                                                              : "/console/register?q=");
    kt_buf_put_percent(&to, q);
    kt_err err = reply_redirect(rq, rs, 303, kt_buf_str(&to));
    kt_buf_free(&to);
    return err;
}

static const route routes[] = {
    { "GET",  "/console",                   get_overview,           HTTP_WORK, "staff-administration", HTTP_STAFF,  0, 0, NULL, NULL },
    { "GET",  "/console/sign-in",           staff_get_sign_in,      HTTP_READ, "staff-administration", HTTP_PUBLIC, 0, 0, NULL, NULL },
    { "POST", "/console/sign-in",           staff_post_sign_in,     HTTP_WORK, "staff-administration", HTTP_PUBLIC, 0, 8192, NULL, NULL },
    { "POST", "/console/sign-out",          staff_post_sign_out,    HTTP_WORK, "staff-administration", HTTP_STAFF,  0, 1024, NULL, NULL },
    { "GET",  "/console/welcome",           staff_get_welcome,      HTTP_READ, "staff-administration", HTTP_PUBLIC, HTTP_NO_REFERRER, 0, NULL, NULL },
    { "POST", "/console/welcome",           staff_post_welcome,     HTTP_WORK, "staff-administration", HTTP_PUBLIC, HTTP_NO_REFERRER, 8192, NULL, NULL },
    { "GET",  "/console/staff",             staff_get_list,         HTTP_WORK, "staff-administration", HTTP_STAFF,  0, 0, "owner", NULL },
    { "POST", "/console/staff/invite",      staff_post_invite,      HTTP_WORK, "staff-administration", HTTP_STAFF,  0, 8192, "owner", NULL },
    { "POST", "/console/staff/{id}/end",    staff_post_end,         HTTP_WORK, "staff-administration", HTTP_STAFF,  0, 1024, "owner", NULL },
    { "GET",  "/console/me",                staff_get_me,           HTTP_READ, "staff-administration", HTTP_STAFF,  0, 0, NULL, NULL },
    { "POST", "/console/me/password",       staff_post_password,    HTTP_WORK, "staff-administration", HTTP_STAFF,  0, 8192, NULL, NULL },
    { "GET",  "/console/search",            get_search,             HTTP_READ, "staff-administration", HTTP_STAFF,  0, 0, NULL, NULL },
    { "GET",  "/console/components",        get_components,         HTTP_READ, "staff-administration", HTTP_STAFF,  0, 0, NULL, NULL },
    { "GET",  "/console/register",          console_get_register,   HTTP_READ, "staff-administration", HTTP_STAFF,  0, 0, NULL, NULL },
    { "GET",  "/console/register/retention", console_get_retention, HTTP_WORK, "staff-administration", HTTP_STAFF,  0, 0, NULL, NULL },
    { "GET",  "/console/register/{id...}",  console_get_activity,   HTTP_READ, "staff-administration", HTTP_STAFF,  0, 0, NULL, NULL },
    { "GET",  "/console/outbox",            console_get_outbox,     HTTP_WORK, "message-outbox",       HTTP_STAFF,  0, 0, "privacy,support,developer", NULL },
    { "POST", "/console/outbox/{key}/again", console_post_again,     HTTP_WORK, "message-outbox",       HTTP_STAFF,  0, 1024, "privacy,support,developer", NULL },
    { "POST", "/console/outbox/{key}/drop",  console_post_drop,      HTTP_WORK, "message-outbox",       HTTP_STAFF,  0, 1024, "privacy,support,developer", NULL },
    { "GET",  "/console/mails",             console_get_mails,      HTTP_WORK, "message-outbox",       HTTP_STAFF,  0, 0, "privacy,support", NULL },
    { "GET",  "/console/mails/{file}",      console_get_mail,       HTTP_WORK, "message-outbox",       HTTP_STAFF,  0, 0, "privacy,support", NULL },
    { "GET",  "/console/audit",             console_get_audit,      HTTP_WORK, "audit-trail",          HTTP_STAFF,  0, 0, "privacy,auditor", NULL },
    { 0 }
};

static const console_entry entries[] = {
    { "console.menu.start",    "console.menu.overview",   "/console",                    NULL, 0 },
    { "console.menu.duty",     "console.menu.register",   "/console/register",           NULL, 800 },
    { "console.menu.duty",     "console.menu.notice",     "/privacy/versions",          NULL, 805 },
    { "console.menu.duty",     "console.menu.retention",  "/console/register/retention", NULL, 810 },
    { "console.menu.messages", "console.menu.outbox",     "/console/outbox",             "privacy,support,developer", 130 },
    { "console.menu.messages", "console.menu.mails",      "/console/mails",              "privacy,support", 131 },
    { "console.menu.house",    "console.menu.staff",      "/console/staff",              "owner", 900 },
    { "console.menu.house",    "console.menu.audit",      "/console/audit",              "privacy,auditor", 910 },
    { "console.menu.house",    "console.menu.components", "/console/components",         NULL, 990 },
    { NULL, NULL, NULL, NULL, 0 }
};

static const command commands[] = {
    { "staff", "list | invite EMAIL [ROLE]", "list staff, or print a one-time link for a new one", staff_command },
    { NULL, NULL, NULL, NULL }
};

static const char *const cookies[] = { "staff", NULL };

static kt_err init(house *h, kt_fail *fail, void **room)
{
    console *self = kt_calloc(1, sizeof *self);
    self->house = h;
    staff_sessions(self);
    pages_add_global(h->pages, add_frame, self);
    if (h->server) http_add_guard(h->server, staff_guard, self);
    *room = self;
    return KT_OK;
}

/* The demo's owner, so that a newcomer can look around at once; a real installation has none. */
static kt_err demo(house *h, void *room)
{
    kt_arena *mem = kt_arena_new();
    kt_err err =
        staff_create(room, mem, KT_STR("owner@example.org"), KT_STR("Demo Owner"), "owner", KT_STR("kontor-demo-2026"));
    if (err == KT_OK)
        err = staff_create(room, mem, KT_STR("privacy@example.org"), KT_STR("Demo Privacy Officer"), "privacy",
                           KT_STR("kontor-demo-2026"));
    kt_arena_free(mem);
    return err;
}

static kt_err first_run(house *h, void *room, kt_buf *say)
{
    if (h->demo) {
        kt_buf_put_c(say, "\n  Console: http://localhost:8080/console\n"
                          "  Sign in as owner@example.org with the password kontor-demo-2026 (demo data only).\n");
        return KT_OK;
    }
    kt_arena *mem = kt_arena_new();
    kt_str token = KT_STR_NONE;
    kt_err err = staff_make_link(room, mem, "owner", KT_STR_NONE, KT_STR_NONE, 30 * KT_MINUTE_MS, &token);
    if (err == KT_OK)
        kt_buf_put_fmt(say,
                       "\n  Make the first owner within 30 minutes, after `kontor serve` has started:\n"
                       "  http://localhost:8080/console/welcome?t=%.*s\n"
                       "  Later: `kontor staff invite EMAIL` prints a new link.\n",
                       KT_ARG(token));
    kt_arena_free(mem);
    return err;
}

static void stop(void *room) { free(room); }

const module console_module = {
    .name = "console", .routes = routes, .console = entries, .commands = commands, .cookies = cookies,
    .init = init, .demo = demo, .first_run = first_run, .stop = stop,
};
