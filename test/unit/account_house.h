/* SPDX-License-Identifier: Apache-2.0 */
/* account_house.h -- a small house for the tests of the account room: register, store in a directory of its
 * own, pages, and a server without a socket behind a pretended TLS front, so that each test can come from
 * any network. There is a browser in it (cookies, the last form's token) and a mailbox. */
#ifndef ACCOUNT_HOUSE_H
#define ACCOUNT_HOUSE_H
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>
#include "account/account.h"
#include "account/queries.h"
#include "register/retention.h"

#define T0 INT64_C(1795435200000)      /* 2026-11-23 12:00:00 UTC */
#define ORIGIN "https://kontor.example"
#define GOOD_PASSWORD "vier Pferde malen Dachziegel"
#define OTHER_PASSWORD "sieben Kannen Regen am Deich"
#define FIREFOX "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
#define CHROME "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"

enum { JAR_MAX = 8, MAILS_MAX = 256 };
typedef struct { kt_str key, to, subject, text, language; } got_mail;

typedef struct {
    char      dir[64], config[96];
    kt_arena *mem;
    kt_clock  clock;
    kt_random random;
    house     house;
    account_room *room;
    route    *rows;
    int64_t   max_bytes;
    session  *staff;                   /* given to routes of staff */
    /* the browser */
    const char *ip, *agent, *accept, *origin_header;
    struct { kt_str name, value; } jar[JAR_MAX];
    kt_str    csrf;
    int       status;
    kt_value *headers;
    kt_str    body;
    /* the mailbox */
    got_mail  mails[MAILS_MAX];
    size_t    n_mails;
    /* what the bus told */
    int       told[BUS_COUNT];
    kt_str    last_fields;
} account_house;

/* ---- opening ---- */

static inline outbox_result h_deliver(void *ctx, kt_str key, kt_str body, char why[128])
{
    account_house *t = ctx;
    kt_value *v = NULL;
    kt_fail fail = { 0 };
    if (kt_json_parse(t->mem, body, &fail, &v) != KT_OK || t->n_mails == MAILS_MAX) return OUTBOX_DEAD;
    t->mails[t->n_mails++] = (got_mail){ kt_str_dup(t->mem, key), kt_str_dup(t->mem, kt_get_str(v, "to")),
                                         kt_str_dup(t->mem, kt_get_str(v, "subject")), kt_str_dup(t->mem, kt_get_str(v, "text")),
                                         kt_str_dup(t->mem, kt_get_str(v, "language")) };
    return OUTBOX_SENT;
}

#define H_HEAR(event) \
    static inline kt_err h_hear_##event(void *room, db *d, const kt_value *facts, int64_t now_ms) \
    { \
        account_house *t = room; \
        t->told[BUS_##event]++; \
        if (BUS_##event == BUS_ACCOUNT_CHANGED) t->last_fields = kt_str_dup(t->mem, kt_get_str(facts, "fields")); \
        return KT_OK; \
    }
H_HEAR(ACCOUNT_CREATED) H_HEAR(ACCOUNT_CONFIRMED) H_HEAR(ACCOUNT_CHANGED) H_HEAR(ACCOUNT_DEACTIVATED)
H_HEAR(ACCOUNT_RESTORED) H_HEAR(ACCOUNT_CLOSED) H_HEAR(ACCOUNT_SIGNED_IN) H_HEAR(STAFF_ACTED)
static const subscription h_subscriptions[] = {
    { BUS_ACCOUNT_CREATED, h_hear_ACCOUNT_CREATED }, { BUS_ACCOUNT_CONFIRMED, h_hear_ACCOUNT_CONFIRMED },
    { BUS_ACCOUNT_CHANGED, h_hear_ACCOUNT_CHANGED }, { BUS_ACCOUNT_DEACTIVATED, h_hear_ACCOUNT_DEACTIVATED },
    { BUS_ACCOUNT_RESTORED, h_hear_ACCOUNT_RESTORED }, { BUS_ACCOUNT_CLOSED, h_hear_ACCOUNT_CLOSED },
    { BUS_ACCOUNT_SIGNED_IN, h_hear_ACCOUNT_SIGNED_IN }, { BUS_STAFF_ACTED, h_hear_STAFF_ACTED } };

static inline kt_err h_staff_guard(void *ctx, request *rq, reply *rs, bool *done)
{
    account_house *t = ctx;
    if (rq->route->access == HTTP_STAFF) rq->session = t->staff;
    return KT_OK;
}

static inline void h_open(account_house *t, const char *config)
{
    static const char *const names[] = { "store", "register", "consent", "account", NULL };
    static const char *const hosts[] = { "kontor.example", NULL }, *const fronts[] = { "127.0.0.1", NULL };
    kt_fail fail = { 0 };
    house *h = &t->house;
    kt_value *faults = kt_list(t->mem);
    if (config) {
        FILE *f = fopen(t->config, "w");
        assert_non_null(f);
        fputs(config, f);
        fclose(f);
    }
    *h = (house){ .data_dir = t->dir, .clock = &t->clock, .random = &t->random, .metrics = kt_metrics_new(), .bus = bus_new(),
                  .secret = KT_STR("0123456789abcdef0123456789abcdef"), .limiter = limiter_new(1000),
                  .passwords = kt_passwords_new(2, 1, 8192) };
    store_options so = { .dir = t->dir, .clock = &t->clock, .metrics = h->metrics, .max_bytes = t->max_bytes };
    assert_int_equal(store_open(&so, &fail, &h->store), KT_OK);
    for (size_t i = 0; names[i]; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s/schema.sql", names[i]);
        kt_err err = store_migrate(h->store, names[i], kt_embedded_str(kt_embedded_find(path)), &fail);
        if (err != KT_OK) fail_msg("%s: %s", path, fail.text);
    }
    kt_err err = registry_load(names, config ? t->config : NULL, t->mem, faults, &h->registry);
    KT_EACH(fault, faults) print_error("%.*s\n", KT_ARG(fault->as.string));
    assert_int_equal(err, KT_OK);
    if (pages_new(&fail, &h->pages) != KT_OK) fail_msg("pages: %s", fail.text);
    assert_int_equal(outbox_new(h->store, &t->clock, &t->random, h->metrics, &h->outbox), KT_OK);
    outbox_deliverer(h->outbox, "mail", h_deliver, t);
    http_options ho = { .listen = "127.0.0.1:0", .hosts = hosts, .trusted_fronts = fronts, .public_origin = ORIGIN,
                        .clock = &t->clock, .random = &t->random, .metrics = h->metrics };
    assert_int_equal(http_server_new(&ho, &fail, &h->server), KT_OK);
    void *room = NULL;
    err = account_module.init(h, &fail, &room);
    if (err != KT_OK) fail_msg("init: %s %s", kt_err_name(err), fail.text);
    t->room = room;
    http_add_guard(h->server, h_staff_guard, t);
    for (size_t i = 0; i < sizeof h_subscriptions / sizeof *h_subscriptions; i++) bus_subscribe(h->bus, &h_subscriptions[i], t);
    size_t n = 0;
    while (account_module.routes[n].method) n++;
    t->rows = calloc(n + 1, sizeof *t->rows);
    for (size_t i = 0; i < n; i++) {
        t->rows[i] = account_module.routes[i];
        t->rows[i].room = room;
    }
    assert_int_equal(http_routes(h->server, t->rows, &fail), KT_OK);
}

static inline void h_close(account_house *t)
{
    house *h = &t->house;
    account_module.stop(t->room);
    http_server_free(h->server);
    outbox_free(h->outbox);
    bus_free(h->bus);
    pages_free(h->pages);
    limiter_free(h->limiter);
    registry_free(h->registry);
    kt_passwords_free(h->passwords);
    store_close(h->store);
    kt_metrics_free(h->metrics);
    free(t->rows);
}

static inline int h_setup(void **state)
{
    kt_log_set_level(KT_LOG_ERROR);
    account_house *t = calloc(1, sizeof *t);
    t->mem = kt_arena_new();
    t->clock = kt_clock_fixed(T0);
    t->random = kt_random_real();
    t->ip = "198.51.100.7";
    t->agent = FIREFOX;
    snprintf(t->dir, sizeof t->dir, "/tmp/kontor-account-XXXXXX");
    assert_non_null(mkdtemp(t->dir));
    snprintf(t->config, sizeof t->config, "%s/kontor.yaml", t->dir);
    h_open(t, NULL);
    *state = t;
    return 0;
}

static inline int h_teardown(void **state)
{
    account_house *t = *state;
    static const char *const files[] = { "kontor.db", "kontor.db-wal", "kontor.db-shm", "kontor.yaml", "breached-sha1.bin" };
    h_close(t);
    for (size_t i = 0; i < 5; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", t->dir, files[i]);
        unlink(path);
    }
    rmdir(t->dir);
    kt_arena_free(t->mem);
    free(t);
    return 0;
}

/* ---- the browser ---- */

static inline void h_forget(account_house *t)
{
    memset(t->jar, 0, sizeof t->jar);
    t->csrf = KT_STR_NONE;
}

static inline void h_keep_cookie(account_house *t, kt_str line)
{
    size_t eq = kt_str_find_byte(line, '=', 0), end = kt_str_find_byte(line, ';', 0);
    kt_str name = kt_str_slice(line, 0, eq), value = kt_str_slice(line, eq + 1, end);
    bool over = kt_str_find(line, KT_STR("Max-Age=0"), 0) != KT_NOT_FOUND_AT;
    size_t i = 0;
    while (i < JAR_MAX && t->jar[i].name.len && !kt_str_eq(t->jar[i].name, name)) i++;
    assert_true(i < JAR_MAX);
    t->jar[i].name = kt_str_dup(t->mem, name);
    t->jar[i].value = over ? KT_STR_NONE : kt_str_dup(t->mem, value);
}

static inline kt_str h_cookie(account_house *t, const char *name)
{
    for (size_t i = 0; i < JAR_MAX; i++) if (kt_str_is(t->jar[i].name, name)) return t->jar[i].value;
    return KT_STR_NONE;
}

static inline int h_send(account_house *t, const char *method, const char *target, kt_str body, const char *type)
{
    const char *headers[12];
    size_t n = 0;
    kt_buf jar;
    kt_buf_init(&jar, 1 << 20);
    for (size_t i = 0; i < JAR_MAX; i++)
        if (t->jar[i].value.len)
            kt_buf_put_fmt(&jar, "%s%.*s=%.*s", jar.len ? "; " : "", KT_ARG(t->jar[i].name), KT_ARG(t->jar[i].value));
    headers[n++] = "Host: kontor.example";
    headers[n++] = "X-Forwarded-Proto: https";
    headers[n++] = kt_str_fmt(t->mem, "X-Forwarded-For: %s", t->ip).at;
    headers[n++] = kt_str_fmt(t->mem, "User-Agent: %s", t->agent).at;
    if (jar.len) headers[n++] = kt_str_fmt(t->mem, "Cookie: %.*s", KT_ARG(kt_buf_str(&jar))).at;
    if (t->accept) headers[n++] = kt_str_fmt(t->mem, "Accept: %s", t->accept).at;
    if (type) headers[n++] = kt_str_fmt(t->mem, "Content-Type: %s", type).at;
    if (type && !t->origin_header) headers[n++] = "Sec-Fetch-Site: same-origin";
    if (t->origin_header && t->origin_header[0]) headers[n++] = t->origin_header;
    headers[n] = NULL;
    assert_int_equal(http_try(t->house.server, t->mem, method, target, headers, body, &t->status, &t->headers, &t->body), KT_OK);
    kt_buf_free(&jar);
    KT_EACH(h, t->headers)
        if (kt_str_eq_nocase(kt_get_str(h, "name"), KT_STR("set-cookie"))) h_keep_cookie(t, kt_get_str(h, "value"));
    size_t at = kt_str_find(t->body, KT_STR("name=\"csrf\" value=\""), 0);
    if (at != KT_NOT_FOUND_AT)
        t->csrf = kt_str_slice(t->body, at + 19, kt_str_find_byte(t->body, '"', at + 19));
    return t->status;
}

static inline int h_get(account_house *t, const char *target) { return h_send(t, "GET", target, KT_STR(""), NULL); }

/* Name, value, …, NULL; the token of the last page is put in first. */
static inline int h_post(account_house *t, const char *target, ...)
{
    kt_buf body;
    va_list args;
    const char *name;
    kt_buf_init(&body, 4 << 20);
    if (t->csrf.len) kt_buf_put_fmt(&body, "csrf=%.*s", KT_ARG(t->csrf));
    va_start(args, target);
    while ((name = va_arg(args, const char *))) {
        kt_buf_put_fmt(&body, "%s%s=", body.len ? "&" : "", name);
        kt_buf_put_percent(&body, kt_str_c(va_arg(args, const char *)));
    }
    va_end(args);
    int status = h_send(t, "POST", target, kt_buf_str(&body), "application/x-www-form-urlencoded");
    kt_buf_free(&body);
    return status;
}

static inline kt_str h_header(account_house *t, const char *name)
{
    KT_EACH(h, t->headers)
        if (kt_str_eq_nocase(kt_get_str(h, "name"), kt_str_c(name))) return kt_get_str(h, "value");
    return KT_STR_NONE;
}
static inline bool h_goes_to(account_house *t, const char *path)
{
    return t->status == 303 && kt_str_is(h_header(t, "location"), path);
}
static inline bool h_says(account_house *t, const char *sentence)
{
    return kt_str_find(t->body, kt_str_c(sentence), 0) != KT_NOT_FOUND_AT;
}
/* The reason code of the first fault of a JSON answer. */
static inline bool h_reason_is(account_house *t, const char *field, const char *reason)
{
    kt_value *v = NULL;
    kt_fail fail = { 0 };
    if (kt_json_parse(t->mem, t->body, &fail, &v) != KT_OK) return false;
    KT_EACH(e, kt_get(v, "errors"))
        if (kt_str_is(kt_get_str(e, "reason"), reason) && (!field || kt_str_is(kt_get_str(e, "field"), field))) return true;
    print_error("%.*s\n", KT_ARG(t->body));
    return false;
}

/* ---- the mailbox ---- */

static inline size_t h_mails(account_house *t)
{
    size_t tried = 0;
    assert_int_equal(outbox_run(t->house.outbox, 1000, &tried), KT_OK);
    return t->n_mails;
}
/* The newest mail to an address whose key holds `kind`, or NULL. */
static inline const got_mail *h_mail(account_house *t, const char *to, const char *kind)
{
    (void)h_mails(t);
    for (size_t i = t->n_mails; i-- > 0;)
        if (kt_str_is(t->mails[i].to, to) && kt_str_find(t->mails[i].key, kt_str_fmt(t->mem, "account.%s.", kind), 0) != KT_NOT_FOUND_AT)
            return &t->mails[i];
    return NULL;
}
/* The path of the link in that mail. */
static inline const char *h_link(account_house *t, const char *to, const char *kind)
{
    const got_mail *m = h_mail(t, to, kind);
    assert_non_null(m);
    size_t at = kt_str_find(m->text, KT_STR(ORIGIN "/"), 0);
    assert_true(at != KT_NOT_FOUND_AT);
    at += strlen(ORIGIN);
    return kt_str_z(t->mem, kt_str_slice(m->text, at, kt_str_find_byte(m->text, '\n', at)));
}

/* ---- short ways ---- */

static inline int64_t h_count(account_house *t, const char *from)
{
    rows *r = NULL;
    int64_t n = -1;
    db *d = store_reader(t->house.store);
    assert_int_equal(store_rows_text(d, kt_str_fmt(t->mem, "SELECT count(*) AS n FROM %s", from).at, ARGS(), &r), KT_OK);
    if (rows_next(r)) n = rows_int(r, "n");
    assert_int_equal(rows_end(r), KT_OK);
    return n;
}
static inline account h_account(account_house *t, const char *email)
{
    account a = { 0 };
    kt_err err = account_by_email_key(store_reader(t->house.store), t->mem, kt_str_c(email), &a);
    assert_true(err == KT_OK || err == KT_NOT_FOUND);
    return a;
}
static inline int h_sign_up_as(account_house *t, const char *email, const char *password)
{
    h_get(t, "/sign-up");
    return h_post(t, "/sign-up", "email", email, "password", password, "first_name", "J\xc3\xb6rg", "last_name", "O\xe2\x80\x99" "Brien",
                  "terms", "1", NULL);
}
/* Registered and confirmed, not signed in. */
static inline void h_customer(account_house *t, const char *email)
{
    const char *ip = t->ip;
    static int n;
    t->ip = kt_str_fmt(t->mem, "203.0.113.%d", 1 + n++ % 250).at;      /* not held up by the limit of another */
    assert_int_equal(h_sign_up_as(t, email, GOOD_PASSWORD), 303);
    assert_int_equal(h_get(t, h_link(t, email, "confirm")), 303);
    assert_int_equal(h_get(t, "/verify"), 200);
    assert_int_equal(h_post(t, "/verify", NULL), 303);
    assert_int_equal(kt_str_is(h_account(t, email).state, "active"), true);
    t->ip = ip;
}
static inline int h_sign_in_as(account_house *t, const char *email, const char *password)
{
    h_get(t, "/sign-in");
    return h_post(t, "/sign-in", "email", email, "password", password, NULL);
}
static inline void h_signed_in(account_house *t, const char *email)
{
    h_customer(t, email);
    h_forget(t);
    assert_int_equal(h_sign_in_as(t, email, GOOD_PASSWORD), 303);
    assert_true(h_cookie(t, "__Host-sid").len > 0);
}

#endif
