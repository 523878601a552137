/* SPDX-License-Identifier: Apache-2.0 */
/* The whole house, opened as `kontor serve` opens it: obligations that no room can prove alone, because they
 * speak of every page, every store and every connection of the program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <ctype.h>
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <ftw.h>
#include <netdb.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "platform.h"
#include "base/log.h"
#include "register/notice.h"

#define T0       INT64_C(1795435200000) /* 2026-11-23 12:00:00 UTC */
#define PASSWORD "vier Pferde malen Dachziegel"
#define FIREFOX  "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

/* ---- connections the program opens ---- */

static atomic_int connections; /* to anywhere but this machine's own sockets in the file system */
static atomic_int look_ups;

int connect(int fd, const struct sockaddr *to, socklen_t len)
{
    static int (*real)(int, const struct sockaddr *, socklen_t);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "connect");
    if (to->sa_family != AF_UNIX) atomic_fetch_add(&connections, 1);
    return real(fd, to, len);
}

int getaddrinfo(const char *name, const char *port, const struct addrinfo *hints, struct addrinfo **out)
{
    static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (!hints || !(hints->ai_flags & AI_NUMERICHOST)) atomic_fetch_add(&look_ups, 1);
    return real(name, port, hints, out);
}

/* ---- the house ---- */

typedef struct {
    kt_str name, value;
} cookie;
enum { JAR = 12, NAMES = 64, PAGES_MAX = 400 };

typedef struct {
    char dir[64], data[96], mail[96], clock[96], config[96], first[4096];
    kt_arena *mem;
    platform *p;
    house *h;
    const char *ip, *language;
    cookie jar[JAR];
    kt_str names[NAMES]; /* of every cookie that was ever set */
    size_t n_names;
    kt_str csrf;
    int status;
    kt_value *headers;
    kt_str body;
} world;

static void put_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static void set_clock(world *w, int64_t ms)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)ms);
    put_file(w->clock, text);
}

static void open_platform(world *w, bool create)
{
    kt_fail fail = { 0 };
    kt_value *faults = kt_list(w->mem);
    platform_options o = { .data_dir = w->data,
                           .config_file = w->config,
                           .listen = "127.0.0.1:0",
                           .test_clock = w->clock,
                           .mail_drop = w->mail,
                           .serve = true,
                           .create = create };
    kt_err err = platform_open(&o, w->mem, faults, &fail, &w->p);
    KT_EACH(fault, faults) print_error("%.*s\n", KT_ARG(fault->as.string));
    if (err != KT_OK) fail_msg("%s: %s", kt_err_name(err), fail.text);
    w->h = platform_house(w->p);
}

/* A front that ends TLS is believed, so that a visitor may come from any address. */
static void write_config(world *w)
{
    kt_str operator= kt_embedded_str(kt_embedded_find("register/data/operator.yaml"));
    put_file(w->config, kt_str_fmt(w->mem, "%.*s\nserver:\n  trusted_fronts: [\"127.0.0.1\"]\n", KT_ARG(operator)).at);
}

static int set_up(void **state)
{
    world *w = calloc(1, sizeof *w);
    kt_buf say;
    kt_log_set_level(KT_LOG_ERROR);
    w->mem = kt_arena_new();
    w->ip = "198.51.100.7";
    w->language = "de";
    snprintf(w->dir, sizeof w->dir, "/tmp/kontor-house-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(w->data, sizeof w->data, "%s/data", w->dir);
    snprintf(w->mail, sizeof w->mail, "%s/mail", w->dir);
    snprintf(w->clock, sizeof w->clock, "%s/clock", w->dir);
    snprintf(w->config, sizeof w->config, "%s/kontor.yaml", w->dir);
    set_clock(w, T0);
    write_config(w);
    open_platform(w, true);
    kt_buf_init(&say, 4096);
    assert_int_equal(platform_first_run(w->p, &say), KT_OK);
    snprintf(w->first, sizeof w->first, "%.*s", KT_ARG(kt_buf_str(&say)));
    kt_buf_free(&say);
    *state = w;
    return 0;
}

static int drop(const char *path, const struct stat *st, int kind, struct FTW *at) { return remove(path); }

static void close_platform(world *w)
{
    platform_close(w->p);
    w->p = NULL;
}

static int tear_down(void **state)
{
    world *w = *state;
    close_platform(w);
    nftw(w->dir, drop, 16, FTW_DEPTH | FTW_PHYS);
    kt_arena_free(w->mem);
    free(w);
    return 0;
}

/* ---- the browser ---- */

static void remember(world *w, kt_str line)
{
    size_t eq = kt_str_find_byte(line, '=', 0), end = kt_str_find_byte(line, ';', 0), i = 0, k = 0;
    kt_str name = kt_str_dup(w->mem, kt_str_slice(line, 0, eq)),
           value = kt_str_dup(w->mem, kt_str_slice(line, eq + 1, end));
    while (i < w->n_names && !kt_str_eq(w->names[i], name)) i++;
    assert_true(i < NAMES);
    w->names[i] = name;
    if (i == w->n_names) w->n_names++;
    while (k < JAR && w->jar[k].name.len && !kt_str_eq(w->jar[k].name, name)) k++;
    assert_true(k < JAR);
    bool over = kt_str_find(line, KT_STR("Max-Age=0"), 0) != KT_NOT_FOUND_AT;
    w->jar[k] = (cookie){ name, over ? KT_STR_NONE : value };
}

static kt_str in_jar(world *w, const char *name)
{
    for (size_t i = 0; i < JAR; i++)
        if (kt_str_is(w->jar[i].name, name)) return w->jar[i].value;
    return KT_STR_NONE;
}

static int send_with(world *w, const char *method, const char *target, kt_str body, bool is_form)
{
    const char *headers[10];
    size_t n = 0;
    kt_buf jar;
    kt_buf_init(&jar, 16384);
    for (size_t i = 0; i < JAR; i++)
        if (w->jar[i].value.len)
            kt_buf_put_fmt(&jar, "%s%.*s=%.*s", jar.len ? "; " : "", KT_ARG(w->jar[i].name), KT_ARG(w->jar[i].value));
    headers[n++] = "X-Forwarded-Proto: https";
    headers[n++] = kt_str_fmt(w->mem, "X-Forwarded-For: %s", w->ip).at;
    headers[n++] = kt_str_fmt(w->mem, "Accept-Language: %s", w->language).at;
    headers[n++] = "User-Agent: " FIREFOX;
    headers[n++] = "Accept: text/html";
    if (jar.len) headers[n++] = kt_str_fmt(w->mem, "Cookie: %.*s", KT_ARG(kt_buf_str(&jar))).at;
    if (is_form) headers[n++] = "Content-Type: application/x-www-form-urlencoded";
    if (is_form) headers[n++] = "Sec-Fetch-Site: same-origin";
    headers[n] = NULL;
    kt_buf_free(&jar);
    assert_int_equal(http_try(w->h->server, w->mem, method, target, headers, body, &w->status, &w->headers, &w->body),
                     KT_OK);
    KT_EACH(h, w->headers)
        if (kt_str_eq_nocase(kt_get_str(h, "name"), KT_STR("set-cookie"))) remember(w, kt_get_str(h, "value"));
    size_t at = kt_str_find(w->body, KT_STR("name=\"csrf\" value=\""), 0);
    if (at != KT_NOT_FOUND_AT) w->csrf = kt_str_slice(w->body, at + 19, kt_str_find_byte(w->body, '"', at + 19));
    return w->status;
}

static int get(world *w, const char *target) { return send_with(w, "GET", target, KT_STR(""), false); }

/* Opens the page, then sends its form: name, value, …, NULL. */
static int submit(world *w, const char *page, const char *action, ...)
{
    kt_buf body;
    va_list args;
    const char *name;
    w->csrf = KT_STR_NONE;
    get(w, page);
    kt_buf_init(&body, 16384);
    if (w->csrf.len) kt_buf_put_fmt(&body, "csrf=%.*s", KT_ARG(w->csrf));
    va_start(args, action);
    while ((name = va_arg(args, const char *))) {
        kt_buf_put_fmt(&body, "%s%s=", body.len ? "&" : "", name);
        kt_buf_put_percent(&body, kt_str_c(va_arg(args, const char *)));
    }
    va_end(args);
    int status = send_with(w, "POST", action, kt_buf_str(&body), true);
    kt_buf_free(&body);
    return status;
}

static kt_str header(world *w, const char *name)
{
    KT_EACH(h, w->headers)
        if (kt_str_eq_nocase(kt_get_str(h, "name"), kt_str_c(name))) return kt_get_str(h, "value");
    return KT_STR_NONE;
}

static const char *field_of(world *w, const char *name)
{
    kt_str mark = kt_str_fmt(w->mem, "name=\"%s\" value=\"", name);
    size_t at = kt_str_find(w->body, mark, 0);
    assert_true(at != KT_NOT_FOUND_AT);
    return kt_str_z(w->mem, kt_str_slice(w->body, at + mark.len, kt_str_find_byte(w->body, '"', at + mark.len)));
}

static void decide(world *w, const char *action)
{
    get(w, "/privacy/cookies");
    const char *version = field_of(w, "version"), *text = field_of(w, "text"), *language = field_of(w, "language");
    assert_int_equal(submit(w, "/privacy/cookies", "/privacy/cookies", "version", version, "text", text, "language",
                            language, "surface", "layer2", "action", action, NULL),
                     303);
}

/* ---- files, bytes, mails ---- */

static kt_str read_file(kt_arena *mem, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) fail_msg("cannot read %s", path);
    char *bytes = kt_alloc(mem, (size_t)st.st_size + 1);
    size_t n = 0;
    for (ssize_t got; (got = read(fd, bytes + n, (size_t)st.st_size - n)) > 0;) n += (size_t)got;
    close(fd);
    return (kt_str){ bytes, n };
}

/* nftw has no context: what the walk collects, and where. */
static struct {
    kt_arena *mem;
    const char *const *wanted;
    const char *but;
    kt_buf *all, *places;
} walk;

static int look_in(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    if (kind != FTW_F || (walk.but && strstr(path, walk.but))) return 0;
    kt_str bytes = read_file(walk.mem, path);
    if (walk.all) kt_buf_put(walk.all, bytes);
    for (const char *const *one = walk.wanted; one && *one; one++) {
        if (!memmem(bytes.at, bytes.len, *one, strlen(*one))) continue;
        kt_buf_put_fmt(walk.places, " %s in %s", *one, path);
    }
    return 0;
}

/* Where these stand in files below dir, but not in paths that hold `but`; "" for nowhere. */
static kt_str places_of(world *w, const char *dir, const char *but, const char *const *wanted)
{
    kt_buf places;
    kt_buf_init(&places, 1 << 20);
    memset(&walk, 0, sizeof walk);
    walk.mem = w->mem;
    walk.but = but;
    walk.wanted = wanted;
    walk.places = &places;
    nftw(dir, look_in, 16, FTW_PHYS);
    kt_str out = kt_str_dup(w->mem, kt_buf_str(&places));
    kt_buf_free(&places);
    return out;
}

static void assert_nowhere(world *w, const char *dir, const char *but, const char *const *wanted)
{
    kt_str places = places_of(w, dir, but, wanted);
    if (places.len) fail_msg("found:%.*s", KT_ARG(places));
}

static kt_str all_bytes(world *w, const char *dir)
{
    kt_buf all;
    kt_buf_init(&all, 64 << 20);
    memset(&walk, 0, sizeof walk);
    walk.mem = w->mem;
    walk.all = &all;
    nftw(dir, look_in, 16, FTW_PHYS);
    kt_str out = kt_str_dup(w->mem, kt_buf_str(&all));
    kt_buf_free(&all);
    return out;
}

static void deliver(world *w)
{
    size_t tried = 0;
    assert_int_equal(outbox_run(w->h->outbox, 1000, &tried), KT_OK);
}

/* "/verify?t=…" of a mail that was dropped; the text part is not encoded where a link stands on its line. */
static const char *link_in_mails(world *w, const char *path)
{
    deliver(w);
    kt_str mails = all_bytes(w, w->mail);
    kt_buf plain;
    kt_buf_init(&plain, 64 << 20);
    for (size_t i = 0; i < mails.len; i++) { /* quoted-printable: soft line ends, =3D */
        if (mails.at[i] == '=' && i + 2 < mails.len && mails.at[i + 1] == '\r')
            i += 2;
        else if (mails.at[i] == '=' && i + 2 < mails.len && memcmp(mails.at + i, "=3D", 3) == 0) {
            kt_buf_put_byte(&plain, '=');
            i += 2;
        } else
            kt_buf_put_byte(&plain, mails.at[i]);
    }
    kt_str text = kt_str_dup(w->mem, kt_buf_str(&plain)), mark = kt_str_fmt(w->mem, "%s?t=", path);
    kt_buf_free(&plain);
    size_t at = kt_str_find(text, mark, 0), end;
    if (at == KT_NOT_FOUND_AT) fail_msg("no mail links %s", path);
    for (end = at + mark.len; end < text.len && (isalnum((unsigned char)text.at[end]) || strchr("-_", text.at[end]));
         end++) {}
    return kt_str_z(w->mem, kt_str_slice(text, at, end));
}

/* ---- a customer ---- */

#define EMAIL "kanarienvogel+rot@example.org"
#define FIRST "Zwölfhundert"
#define LAST  "Kanarienvogel"
#define PHONE "+494411234567"

static void sign_up(world *w)
{
    assert_int_equal(submit(w, "/sign-up", "/sign-up", "email", EMAIL, "password", PASSWORD, "first_name", FIRST,
                            "last_name", LAST, "street", "Kanarienstieg 77", "postcode", "26122", "city", "Oldenburg",
                            "country", "DE", "phone", PHONE, "terms", "1", NULL),
                     303);
    assert_true(kt_str_is(header(w, "location"), "/sign-up/sent"));
}

static void confirm(world *w)
{
    assert_int_equal(get(w, link_in_mails(w, "/verify")), 303);
    assert_int_equal(submit(w, "/verify", "/verify", NULL), 303);
    assert_true(kt_str_is(header(w, "location"), "/sign-in?done=confirmed"));
}

static void sign_in(world *w)
{
    assert_int_equal(submit(w, "/sign-in", "/sign-in", "email", EMAIL, "password", PASSWORD, "return_to", "", NULL),
                     303);
    assert_true(in_jar(w, "__Host-sid").len > 0);
}

static void sign_out(world *w)
{
    assert_int_equal(submit(w, "/account", "/sign-out", NULL), 303);
    assert_int_equal(in_jar(w, "__Host-sid").len, 0);
}

static void make_owner(world *w)
{
    const char *at = strstr(w->first, "/console/welcome?t=");
    assert_non_null(at);
    kt_str link = kt_str_slice(kt_str_c(at), 0, kt_str_find_byte(kt_str_c(at), '\n', 0));
    int status = get(w, kt_str_z(w->mem, link));
    assert_true(status == 200 || status == 303);
    const char *token = kt_str_z(w->mem, kt_str_slice(link, kt_str_find_byte(link, '=', 0) + 1, link.len));
    submit(w, status == 200 ? kt_str_z(w->mem, link) : "/console/welcome", "/console/welcome", "t", token, "email",
           "owner@example.org", "name", "Owner", "password", PASSWORD, NULL);
    if (w->status != 303) fail_msg("%d: %.*s", w->status, KT_ARG(w->body));
    submit(w, "/console/sign-in", "/console/sign-in", "email", "owner@example.org", "password", PASSWORD, NULL);
    assert_true(in_jar(w, "__Host-staff").len > 0);
}

/* ---- C9 ---- */

/* Follows every link to our own pages from "/" on; forms are not sent. Each page must be there. */
static size_t crawl(world *w, const char *const *from)
{
    kt_str known[PAGES_MAX];
    size_t n = 0, done = 0;
    for (; from[n]; n++) known[n] = kt_str_c(from[n]);
    while (done < n) {
        kt_str page = known[done++];
        int status = get(w, kt_str_z(w->mem, page));
        if (status != 200 && status != 303 && status != 301 && status != 302 && status != 308)
            fail_msg("%.*s: %d", KT_ARG(page), status);
        for (size_t at = 0; (at = kt_str_find(w->body, KT_STR("href=\"/"), at)) != KT_NOT_FOUND_AT;) {
            size_t end = kt_str_find_byte(w->body, '"', at + 7), i = 0;
            kt_str next = kt_str_slice(w->body, at + 6, end);
            at = end;
            size_t hash = kt_str_find_byte(next, '#', 0);
            next = kt_str_slice(next, 0, hash == KT_NOT_FOUND_AT ? next.len : hash);
            if (kt_str_starts(next, KT_STR("/assets/")) || kt_str_find(next, KT_STR("&amp;"), 0) != KT_NOT_FOUND_AT)
                continue;
            while (i < n && !kt_str_eq(known[i], next)) i++;
            if (i == n && n < PAGES_MAX) known[n++] = kt_str_dup(w->mem, next);
        }
    }
    return done;
}

static kt_str bare(kt_str name)
{
    return kt_str_starts(name, KT_STR("__Host-")) ? kt_str_slice(name, 7, name.len) : name;
}

static void test_C9_the_house_sets_the_cookies_of_the_notice_and_no_other(void **state)
{
    static const char *const start[] = { "/", "/reset", "/?lang=en", "/?lang=de", NULL };
    static const char *const staff[] = { "/console", NULL };
    world *w = *state;
    assert_true(crawl(w, start) > 8);
    for (size_t i = 0; i < w->n_names; i++) { /* C1: before any choice */
        const cookie_entry *c = registry_cookie_named(w->h->registry, w->names[i]);
        assert_non_null(c);
        assert_true(kt_str_is(c->category, "necessary"));
    }
    decide(w, "accept_all");
    crawl(w, start);
    sign_up(w);
    confirm(w);
    sign_in(w);
    crawl(w, start);
    static const char *const account[] = { "/account", NULL };
    assert_true(crawl(w, account) > 8);
    make_owner(w);
    assert_true(crawl(w, staff) > 12);

    /* Every cookie that was met stands in the list of the page; every one of the list was met. */
    const cookie_entry *const *all = NULL;
    size_t n = registry_cookies(w->h->registry, &all);
    assert_int_equal(get(w, "/privacy/cookies"), 200);
    for (size_t i = 0; i < w->n_names; i++) {
        kt_str cell = kt_str_fmt(w->mem, "%.*s<", KT_ARG(w->names[i]));
        if (kt_str_find(w->body, cell, 0) == KT_NOT_FOUND_AT)
            fail_msg("%.*s is set and not listed", KT_ARG(w->names[i]));
    }
    for (size_t k = 0; k < n; k++) {
        size_t i = 0;
        if (!kt_str_is(all[k]->host, "own")) continue;
        while (i < w->n_names && !kt_str_eq(bare(w->names[i]), all[k]->name)) i++;
        if (i == w->n_names) fail_msg("%.*s is listed and never set", KT_ARG(all[k]->name));
    }
}

/* ---- R2 ---- */

static void test_R2_signing_up_opens_no_connection(void **state)
{
    world *w = *state;
    struct sockaddr_in nowhere = { .sin_family = AF_INET,
                                   .sin_port = htons(9),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    atomic_store(&connections, 0);
    (void)connect(fd, (struct sockaddr *)&nowhere, sizeof nowhere);
    close(fd);
    assert_int_equal(atomic_load(&connections), 1); /* the watch works */

    atomic_store(&connections, 0);
    atomic_store(&look_ups, 0);
    sign_up(w);
    deliver(w);
    confirm(w);
    assert_int_equal(atomic_load(&connections), 0);
    assert_int_equal(atomic_load(&look_ups), 0);
    /* What left it left as a mail of our own to the person, under the register's entry for that. */
    rows *r = NULL;
    assert_int_equal(
        store_rows_text(
            store_reader(w->h->store),
            "SELECT count(*) AS n, sum(kind <> 'mail' OR activity NOT LIKE 'registration/%') AS other FROM outbox",
            ARGS(), &r),
        KT_OK);
    assert_true(rows_next(r));
    assert_true(rows_int(r, "n") >= 1);
    assert_int_equal(rows_int(r, "other"), 0);
    assert_int_equal(rows_end(r), KT_OK);
}

/* ---- D1, D3, D4 ---- */

/* Each text of each row of each table, by SQLite itself, for what must not be met in the access log. */
static size_t join_with_log(const char *db_path, kt_str log, size_t *compared)
{
    sqlite3 *file = NULL;
    sqlite3_stmt *tables = NULL;
    size_t met = 0;
    assert_int_equal(sqlite3_open_v2(db_path, &file, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(
            file,
            "SELECT m.name, c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' "
            "AND m.name NOT LIKE 'sqlite%'",
            -1, &tables, NULL),
        SQLITE_OK);
    while (sqlite3_step(tables) == SQLITE_ROW) {
        const char *table = (const char *)sqlite3_column_text(tables, 0),
                   *column = (const char *)sqlite3_column_text(tables, 1);
        sqlite3_stmt *q = NULL;
        char *text_of = sqlite3_mprintf("SELECT DISTINCT CAST(\"%w\" AS TEXT) FROM \"%w\" WHERE length(\"%w\") >= 12",
                                        column, table, column);
        /* The address of the sign-up is a declared part of both (and no key: it goes after 7 and 30 days). */
        bool address = strcmp(column, "signup_ip") == 0;
        assert_int_equal(sqlite3_prepare_v2(file, text_of, -1, &q, NULL), SQLITE_OK);
        while (!address && sqlite3_step(q) == SQLITE_ROW) {
            const char *text = (const char *)sqlite3_column_text(q, 0);
            if (!text || strlen(text) < 12 || text[0] == '/') continue; /* a path is no key */
            (*compared)++;
            if (!memmem(log.at, log.len, text, strlen(text))) continue;
            print_error("%s.%s: \"%s\" stands in the access log\n", table, column, text);
            met++;
        }
        sqlite3_finalize(q);
        sqlite3_free(text_of);
    }
    sqlite3_finalize(tables);
    sqlite3_close(file);
    return met;
}

static void test_D3_no_record_of_a_signed_in_customer_joins_with_any_table(void **state)
{
    static const char *const seen[] = { "/account", "/account/profile", "/account/sessions", "/account?q=kanarienvogel",
                                        NULL };
    static const char *const declared[] = { "time",      "ip",     "os",     "os_v",  "browser",
                                            "browser_v", "bot",    "method", "proto", "status",
                                            "bytes",     "dur_us", "tls",    "route", NULL };
    world *w = *state;
    decide(w, "accept_all");
    sign_up(w);
    confirm(w);
    sign_in(w);
    for (int i = 0; i < 5; i++)
        for (const char *const *p = seen; *p; p++) assert_int_equal(get(w, *p), 200);
    kt_str sid = in_jar(w, "__Host-sid");
    close_platform(w); /* writes what is in the queue */

    char raw[128], path[128];
    snprintf(raw, sizeof raw, "%s/weblog", w->data);
    snprintf(path, sizeof path, "%s/kontor.db", w->data);
    kt_str log = all_bytes(w, raw);
    assert_true(kt_str_find(log, KT_STR("\"/account/profile\""), 0) != KT_NOT_FOUND_AT);
    size_t compared = 0, records = 0;
    assert_int_equal(join_with_log(path, log, &compared), 0);
    assert_true(compared > 40);
    assert_true(kt_str_find(log, sid, 0) == KT_NOT_FOUND_AT);
    assert_true(kt_str_find(log, KT_STR("anarienvogel"), 0) == KT_NOT_FOUND_AT);

    /* D1: each record has declared fields and no other. */
    kt_str rest = log, line;
    while (kt_str_split(&rest, '\n', &line)) {
        kt_value *v = NULL;
        kt_fail fail = { 0 };
        if (!line.len) continue;
        assert_int_equal(kt_json_parse(w->mem, line, &fail, &v), KT_OK);
        records++;
        KT_EACH(f, v) {
            size_t i = 0;
            while (declared[i] && !kt_str_is(f->key, declared[i])) i++;
            if (!declared[i]) fail_msg("the field %.*s is not declared", KT_ARG(f->key));
        }
    }
    assert_true(records > 20);
    open_platform(w, false);
}

static void test_D4_the_address_of_a_session_is_nowhere_but_in_the_log(void **state)
{
    static const char *const address[] = { "203.0.113.77", NULL };
    static const char bytes[] = { (char)203, 0, 113, 77 }; /* as binary, too */
    world *w = *state;
    sign_up(w);
    confirm(w);
    w->ip = "203.0.113.77"; /* another than at the registration, where it is declared */
    decide(w, "accept_all");
    sign_in(w);
    assert_int_equal(get(w, "/account"), 200);
    sign_out(w);
    sign_in(w); /* a second one, which ends by time alone */
    assert_int_equal(get(w, "/account"), 200);
    set_clock(w, T0 + 13 * KT_HOUR_MS);
    assert_int_equal(jobs_run(w->h->jobs, NULL), KT_OK);
    close_platform(w);
    char path[128];
    snprintf(path, sizeof path, "%s/kontor.db", w->data);
    assert_nowhere(w, w->data, "/weblog/raw/", address);
    kt_str file = read_file(w->mem, path);
    assert_null(memmem(file.at, file.len, bytes, sizeof bytes));
    assert_true(places_of(w, w->data, NULL, address).len > 0); /* the control: in the log it stands */
    open_platform(w, false);
}

/* ---- D5, with everything else in the house ---- */

static void test_D5_after_seven_days_the_address_is_in_no_file_at_all(void **state)
{
    static const char *const address[] = { "203.0.113.78", NULL };
    world *w = *state;
    w->ip = "203.0.113.78";
    for (int i = 0; i < 10; i++) get(w, "/");
    decide(w, "necessary_only");
    get(w, "/sign-in");
    close_platform(w);
    assert_true(places_of(w, w->dir, NULL, address).len > 0);
    set_clock(w, T0 + 7 * KT_DAY_MS);
    open_platform(w, false); /* the purge is before the door opens */
    assert_int_equal(jobs_run(w->h->jobs, NULL), KT_OK);
    close_platform(w);
    assert_nowhere(w, w->dir, NULL, address);
    open_platform(w, false);
}

/* ---- R4 ---- */

static void test_R4_after_the_grace_no_byte_of_the_person_is_in_any_store(void **state)
{
    static const char *const person[] = { "anarienvogel", FIRST, PHONE, "Kanarienstieg", NULL };
    world *w = *state;
    decide(w, "accept_all");
    sign_up(w);
    confirm(w);
    sign_in(w);
    deliver(w);
    assert_int_equal(submit(w, "/account/profile", "/account/profile", "first_name", FIRST, "last_name", LAST, "street",
                            "Kanarienstieg 78", "postcode", "26122", "city", "Oldenburg", "country", "DE", "phone",
                            PHONE, NULL),
                     303);
    assert_int_equal(submit(w, "/account/delete", "/account/delete", "word", "löschen", NULL), 303);
    deliver(w);
    assert_true(places_of(w, w->data, NULL, person).len > 0);
    set_clock(w, T0 + 15 * KT_DAY_MS);
    assert_int_equal(jobs_run(w->h->jobs, NULL), KT_OK);
    close_platform(w);
    assert_nowhere(w, w->data, NULL, person);
    open_platform(w, false);
}

/* ---- T1 ---- */

static void test_T1_metrics_know_nothing_of_who_was_here(void **state)
{
    world *w = *state;
    kt_str met[64];
    size_t n = 0;
    decide(w, "accept_all");
    sign_up(w);
    confirm(w);
    sign_in(w);
    get(w, "/account?q=kanarienvogel");
    get(w, "/kanarienvogel");
    submit(w, "/account/profile", "/account/profile", "first_name", FIRST, NULL);
    for (size_t i = 0; i < JAR; i++)
        if (w->jar[i].value.len) met[n++] = w->jar[i].value;
    rows *r = NULL;
    assert_int_equal(store_rows_text(store_reader(w->h->store),
                                     "SELECT id FROM account UNION SELECT id FROM account_session", ARGS(), &r),
                     KT_OK);
    while (rows_next(r)) met[n++] = kt_str_dup(w->mem, rows_text(r, "id"));
    assert_int_equal(rows_end(r), KT_OK);
    assert_true(n >= 4);
    static const char *const typed[] = { "anarienvogel", FIRST, PHONE, "198.51.100", "example.org", "Zw", NULL };
    for (size_t i = 0; typed[i]; i++) met[n++] = kt_str_c(typed[i]);

    world admin = { .mem = w->mem, .h = w->h, .ip = "127.0.0.1", .language = "en" };
    static const char *const plain[] = { "Accept: text/plain", NULL };
    assert_int_equal(http_try(w->h->server, w->mem, "GET", "/metrics", plain, KT_STR(""), &admin.status, &admin.headers,
                              &admin.body),
                     KT_OK);
    assert_int_equal(admin.status, 200);
    assert_true(admin.body.len > 2000);
    for (size_t i = 0; i < n; i++)
        if (kt_str_find(admin.body, met[i], 0) != KT_NOT_FOUND_AT) fail_msg("the metrics hold %.*s", KT_ARG(met[i]));
}

/* ---- opening and closing ---- */

static void test_the_house_opens_again_on_what_it_left(void **state)
{
    world *w = *state;
    sign_up(w);
    confirm(w);
    close_platform(w);
    open_platform(w, false);
    sign_in(w);
    assert_int_equal(get(w, "/account"), 200);
    kt_fail fail = { 0 };
    platform *second = NULL;
    platform_options o = { .data_dir = w->data, .config_file = w->config, .listen = "127.0.0.1:0", .serve = true };
    assert_int_equal(platform_open(&o, w->mem, kt_list(w->mem), &fail, &second), KT_CONFLICT);
    assert_non_null(strstr(fail.text, "served by another kontor"));
}

/* What is wrong is said after the house that did not open is gone. */
static void test_a_house_that_does_not_open_says_why(void **state)
{
    world *w = *state;
    kt_value *faults = kt_list(w->mem);
    kt_fail fail = { 0 };
    platform *p = NULL;
    put_file(w->config, "operator: { name: Nobody }\nrecipients: [ { id: far, country: US } ]\n");
    platform_options o = { .config_file = w->config };
    assert_int_not_equal(platform_open(&o, w->mem, faults, &fail, &p), KT_OK);
    assert_true(faults->count > 0);
    KT_EACH(fault, faults) assert_non_null(strstr(kt_str_z(w->mem, kt_as_str(fault)), "kontor.yaml:"));
    assert_true(fail.text[0] != 0);
}

#define IN_HOUSE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_HOUSE(test_C9_the_house_sets_the_cookies_of_the_notice_and_no_other),
        IN_HOUSE(test_R2_signing_up_opens_no_connection),
        IN_HOUSE(test_D3_no_record_of_a_signed_in_customer_joins_with_any_table),
        IN_HOUSE(test_D4_the_address_of_a_session_is_nowhere_but_in_the_log),
        IN_HOUSE(test_D5_after_seven_days_the_address_is_in_no_file_at_all),
        IN_HOUSE(test_R4_after_the_grace_no_byte_of_the_person_is_in_any_store),
        IN_HOUSE(test_T1_metrics_know_nothing_of_who_was_here),
        IN_HOUSE(test_the_house_opens_again_on_what_it_left),
        IN_HOUSE(test_a_house_that_does_not_open_says_why),
    };
    return cmocka_run_group_tests_name("the whole house", tests, NULL, NULL);
}
