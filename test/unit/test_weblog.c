/* SPDX-License-Identifier: Apache-2.0 */
/* test_weblog.c -- what the notice says about log files (section 8), checked against the bytes on disk.
 *
 * Names carry the number of the obligation: D1 the fields, D2 no raw User-Agent, D3 nothing that joins, D5 seven
 * days, D6 cutting, D7 counting afterwards, D8 no marketing. The clock is the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weblog/counts.h"
#include "weblog/record.h"
#include "weblog/user_agent.h"

#define NOW     INT64_C(1795444200000) /* 2026-11-23T14:30:00Z */
#define FIREFOX "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"

struct desk {
    char dir[64], log[80];
    kt_clock clock;
    kt_metrics *metrics;
    segments *segments;
    recorder *recorder;
    kt_arena *mem;
};

static const route page = { "GET", "/account/{id}", NULL, HTTP_READ, "registration", HTTP_PUBLIC, 0, 0, NULL, NULL };

static void remove_tree(const char *path)
{
    struct dirent *e;
    DIR *d = opendir(path);
    while (d && (e = readdir(d))) {
        char inner[700];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        snprintf(inner, sizeof inner, "%s/%s", path, e->d_name);
        if (unlink(inner) != 0) remove_tree(inner);
    }
    if (d) closedir(d);
    rmdir(path);
}

static void open_desk(struct desk *d, int64_t keep_ms, int64_t long_keep_ms, bool minimal, unsigned slots)
{
    kt_fail fail = { 0 };
    memset(d, 0, sizeof *d);
    snprintf(d->dir, sizeof d->dir, "/tmp/kontor-weblog-XXXXXX");
    assert_non_null(mkdtemp(d->dir));
    snprintf(d->log, sizeof d->log, "%s/weblog", d->dir);
    d->clock = kt_clock_fixed(NOW);
    d->metrics = kt_metrics_new();
    d->mem = kt_arena_new();
    segment_options so = { d->log, &d->clock, keep_ms, long_keep_ms, CUT_standard, NULL };
    assert_int_equal(segments_open(&so, &fail, &d->segments), KT_OK);
    recorder_options ro = { d->segments, ua_embedded(), minimal, d->metrics, slots };
    assert_int_equal(recorder_new(&ro, &fail, &d->recorder), KT_OK);
}

static void desk_for(struct desk *d) { open_desk(d, WEBLOG_KEEP_MAX_MS, 90 * KT_DAY_MS, false, 0); }

static void close_desk(struct desk *d)
{
    recorder_free(d->recorder);
    segments_close(d->segments);
    kt_metrics_free(d->metrics);
    kt_arena_free(d->mem);
    remove_tree(d->dir);
}

static void visit(struct desk *d, int64_t at, const char *ip, const char *agent, request *rq)
{
    request plain = { .method = KT_STR("GET"),
                      .path = KT_STR("/account/4711"),
                      .query = KT_STR("mail=jane@example.org") };
    http_end end = { .rq = rq ? rq : &plain,
                     .status = 200,
                     .bytes = 1234,
                     .started_ms = at,
                     .duration_us = 850,
                     .user_agent = kt_str_c(agent),
                     .route = &page,
                     .tls = true };
    assert_true(http_addr_parse(kt_str_c(ip), &end.peer));
    recorder_on_end(d->recorder, &end);
}

/* All bytes of all files below a folder, one after the other. */
static kt_str all_bytes(const char *path, kt_arena *mem)
{
    kt_buf all;
    struct dirent *e;
    DIR *d = opendir(path);
    kt_buf_init(&all, 64u << 20);
    while (d && (e = readdir(d))) {
        char inner[700];
        struct stat st;
        snprintf(inner, sizeof inner, "%s/%s", path, e->d_name);
        if (e->d_name[0] == '.' || stat(inner, &st) != 0) continue;
        if (S_ISDIR(st.st_mode)) {
            kt_buf_put(&all, all_bytes(inner, mem));
        } else {
            char *text = kt_alloc(mem, (size_t)st.st_size + 1);
            int fd = open(inner, O_RDONLY | O_CLOEXEC);
            ssize_t n = read(fd, text, (size_t)st.st_size);
            close(fd);
            kt_buf_put(&all, (kt_str){ text, n > 0 ? (size_t)n : 0 });
            kt_buf_put_c(&all, e->d_name);
        }
    }
    if (d) closedir(d);
    kt_str out = kt_str_dup(mem, kt_buf_str(&all));
    kt_buf_free(&all);
    return out;
}

static bool occurs(kt_str in, const char *what) { return kt_str_find(in, kt_str_c(what), 0) != KT_NOT_FOUND_AT; }

static kt_str only_line(struct desk *d)
{
    kt_str bytes = all_bytes(d->log, d->mem), line;
    assert_true(kt_str_split(&bytes, '\n', &line));
    return line;
}

static kt_err count_one(void *ctx, const weblog_line *l, log_tier tier)
{
    ++*(int *)ctx;
    return KT_OK;
}

static int count_records(struct desk *d, log_tier tier)
{
    int n = 0;
    assert_int_equal(segments_read(d->segments, "operation", tier, INT64_MIN, INT64_MAX, NULL, count_one, &n), KT_OK);
    return n;
}

/* ---- fields ---- */

static void check_keys(struct desk *d, const char *const *keys)
{
    kt_value *v;
    assert_int_equal(kt_json_parse(d->mem, only_line(d), NULL, &v), KT_OK);
    const kt_value *member = v->first;
    for (; *keys; keys++, member = member->next) {
        assert_non_null(member);
        assert_true(kt_str_is(member->key, *keys));
    }
    assert_null(member);
}

static void test_D1_a_record_has_exactly_the_declared_fields(void **state)
{
    static const char *const keys[] = { "time",   "ip",    "os",     "os_v", "browser", "browser_v", "method", "proto",
                                        "status", "bytes", "dur_us", "tls",  "route",   "bot",       NULL };
    struct desk d;
    desk_for(&d);
    visit(&d, NOW, "203.0.113.7", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0",
          NULL);
    recorder_flush(d.recorder);
    check_keys(&d, keys);
    assert_string_equal(
        kt_str_z(d.mem, only_line(&d)),
        "{\"time\":\"2026-11-23T14:30:00.000Z\",\"ip\":\"203.0.113.7\",\"os\":\"Windows\",\"os_v\":\"10+\",\"browser\":\"Firefox\","
        "\"browser_v\":\"128.0\",\"method\":\"GET\",\"proto\":\"HTTP/1.1\",\"status\":200,\"bytes\":1234,\"dur_us\":850,\"tls\":true,"
        "\"route\":\"/account/{id}\",\"bot\":false}");
    close_desk(&d);
}

static void test_D1_the_strict_profile_has_the_declared_minimum(void **state)
{
    static const char *const keys[] = { "time",   "ip",    "os",     "os_v",  "browser", "browser_v",
                                        "status", "bytes", "dur_us", "route", NULL };
    struct desk d;
    open_desk(&d, WEBLOG_KEEP_MAX_MS, 0, true, 0);
    visit(&d, NOW, "203.0.113.7", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0",
          NULL);
    recorder_flush(d.recorder);
    check_keys(&d, keys);
    close_desk(&d);
}

static void test_D1_a_method_nobody_knows_is_not_text_from_outside(void **state)
{
    struct desk d;
    desk_for(&d);
    request odd = { .method = KT_STR("JANE-DOE-4711"), .path = KT_STR("/") };
    visit(&d, NOW, "203.0.113.7", FIREFOX, &odd);
    recorder_flush(d.recorder);
    kt_str bytes = all_bytes(d.log, d.mem);
    assert_true(occurs(bytes, "\"method\":\"OTHER\""));
    assert_false(occurs(bytes, "JANE"));
    close_desk(&d);
}

static void test_D2_the_raw_user_agent_is_not_stored(void **state)
{
    static const char *const agents[] = {
        FIREFOX, "SecretCanary/9.9 (jane@example.org) Mobile",
        ("Mozilla/5.0 (Linux; Android 14; Pixel 8 Pro Build/UQ1A.canary) AppleWebKit/537.36 "
         "(KHTML, like Gecko) Chrome/120.0.6099.43 Mobile Safari/537.36")
    };
    struct desk d;
    desk_for(&d);
    for (size_t i = 0; i < 3; i++) visit(&d, NOW, "203.0.113.7", agents[i], NULL);
    recorder_flush(d.recorder);
    kt_str bytes = all_bytes(d.log, d.mem);
    for (size_t i = 0; i < 3; i++) assert_false(occurs(bytes, agents[i]));
    assert_false(occurs(bytes, "Mozilla"));
    assert_false(occurs(bytes, "jane"));
    assert_false(occurs(bytes, "Pixel"));
    assert_false(occurs(bytes, "canary"));
    assert_true(occurs(bytes, "\"os\":\"Android\",\"os_v\":\"14\""));
    close_desk(&d);
}

static void test_D3_nothing_in_a_record_joins_with_an_account(void **state)
{
    struct desk d;
    desk_for(&d);
    request rq = { .method = KT_STR("GET"),
                   .path = KT_STR("/account/path-canary"),
                   .query = KT_STR("q=query-canary"),
                   .host = KT_STR("host-canary"),
                   .body = KT_STR("body-canary"),
                   .lang = "de",
                   .id = "0123456789abcdefrequestidcanary" };
    visit(&d, NOW, "203.0.113.7", FIREFOX, &rq);
    recorder_flush(d.recorder);
    kt_str bytes = all_bytes(d.log, d.mem);
    assert_false(occurs(bytes, "canary"));
    assert_true(occurs(bytes, "/account/{id}"));
    close_desk(&d);
}

static void test_a_request_nobody_could_parse_is_logged_without_a_request(void **state)
{
    struct desk d;
    desk_for(&d);
    http_end end = { .rq = NULL, .status = 400, .started_ms = NOW };
    assert_true(http_addr_parse(KT_STR("2001:db8::1"), &end.peer));
    recorder_on_end(d.recorder, &end);
    recorder_flush(d.recorder);
    assert_string_equal(
        kt_str_z(d.mem, only_line(&d)),
        "{\"time\":\"2026-11-23T14:30:00.000Z\",\"ip\":\"2001:db8::1\",\"os\":\"Other\",\"browser\":\"Other\","
        "\"status\":400,\"bytes\":0,\"dur_us\":0,"
        "\"tls\":false,\"bot\":false}");
    close_desk(&d);
}

static void test_routes_that_ask_for_it_are_not_logged(void **state)
{
    static const route health = { "GET",         "/healthz",  NULL, HTTP_INLINE, "telemetry",
                                  HTTP_INTERNAL, HTTP_NO_LOG, 0,    NULL,        NULL };
    struct desk d;
    desk_for(&d);
    request rq = { .method = KT_STR("GET") };
    http_end end = { .rq = &rq, .status = 200, .started_ms = NOW, .route = &health };
    recorder_on_end(d.recorder, &end);
    recorder_flush(d.recorder);
    assert_int_equal(count_records(&d, TIER_BOTH), 0);
    close_desk(&d);
}

/* ---- seven days ---- */

static void test_D5_no_byte_of_an_address_is_older_than_seven_days(void **state)
{
    enum { N = 30 };
    struct desk d;
    desk_for(&d);
    int64_t at[N];
    char ips[N][40];
    for (int i = 0; i < N; i++) { /* spread over ten hours, also the very first ms of an hour */
        at[i] = NOW - NOW % KT_HOUR_MS + i * 20 * KT_MINUTE_MS + (i % 3 == 2 ? 20 * KT_MINUTE_MS - 1 : 0);
        snprintf(ips[i], sizeof ips[i], i % 2 ? "2001:db8:77:1234:5:6:7:%x" : "203.0.113.%d", 100 + i);
        d.clock.fixed_ms = at[i];
        visit(&d, at[i], ips[i], FIREFOX, NULL);
        recorder_flush(d.recorder);
    }
    assert_int_equal(count_records(&d, TIER_RAW), N);
    int64_t first = at[0] + WEBLOG_KEEP_MAX_MS - 2 * KT_HOUR_MS, last = at[N - 1] + WEBLOG_KEEP_MAX_MS + KT_HOUR_MS;
    bool early = true;
    for (int64_t now = first; now <= last; now += WEBLOG_PURGE_EVERY_MS) {
        d.clock.fixed_ms = now;
        assert_int_equal(segments_purge(d.segments, d.mem, NULL), KT_OK);
        d.clock.fixed_ms = now + WEBLOG_PURGE_EVERY_MS - 1; /* just before the next purge */
        kt_str bytes = all_bytes(d.dir, d.mem);
        for (int i = 0; i < N; i++)
            if (d.clock.fixed_ms - at[i] >= WEBLOG_KEEP_MAX_MS)
                assert_false(occurs(bytes, ips[i]));
            else if (d.clock.fixed_ms - at[i] < WEBLOG_KEEP_MAX_MS - KT_HOUR_MS - 2 * WEBLOG_PURGE_EVERY_MS)
                early = early && occurs(bytes, ips[i]); /* nor is it destroyed much too early */
        assert_true(segments_oldest_raw_ms(d.segments) <= WEBLOG_KEEP_MAX_MS);
        kt_arena_reset(d.mem);
    }
    assert_true(early);
    assert_int_equal(count_records(&d, TIER_RAW), 0);
    assert_int_equal(count_records(&d, TIER_LONG), N);
    kt_str bytes = all_bytes(d.dir, d.mem);
    assert_true(occurs(bytes, "\"ip\":\"203.0.113.0\""));
    assert_true(occurs(bytes, "\"ip\":\"2001:db8:77::\""));
    assert_true(occurs(bytes, ":00:00.000Z"));
    assert_false(occurs(bytes, ":20:00"));
    close_desk(&d);
}

static void test_D5_what_fell_due_while_the_program_was_down_goes_at_the_start(void **state)
{
    struct desk d;
    open_desk(&d, WEBLOG_KEEP_MAX_MS, 0, false, 0);
    visit(&d, NOW, "203.0.113.7", FIREFOX, NULL);
    recorder_free(d.recorder);
    segments_close(d.segments);
    d.recorder = NULL;
    d.clock.fixed_ms = NOW + 30 * KT_DAY_MS;
    segment_options so = { d.log, &d.clock, WEBLOG_KEEP_MAX_MS, 0, CUT_standard, NULL };
    assert_int_equal(segments_open(&so, NULL, &d.segments), KT_OK);
    unsigned n;
    assert_int_equal(segments_purge(d.segments, d.mem, &n), KT_OK);
    assert_int_equal(n, 1);
    assert_int_equal(all_bytes(d.dir, d.mem).len, 0); /* without a long tier nothing is left */
    close_desk(&d);
}

static void test_D5_copies_beside_the_segments_die_too(void **state)
{
    struct desk d;
    char path[200];
    desk_for(&d);
    snprintf(path, sizeof path, "%s/raw/raw-20261123T14.log.1.gz", d.log);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && write(fd, "203.0.113.7", 11) == 11);
    struct timespec times[2] = { { NOW / 1000, 0 }, { NOW / 1000, 0 } };
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
    assert_int_equal(segments_purge(d.segments, d.mem, NULL), KT_OK);
    assert_int_equal(access(path, F_OK), 0);
    d.clock.fixed_ms = NOW + WEBLOG_KEEP_MAX_MS - WEBLOG_PURGE_EVERY_MS;
    assert_int_equal(segments_purge(d.segments, d.mem, NULL), KT_OK);
    assert_int_not_equal(access(path, F_OK), 0);
    close_desk(&d);
}

static int64_t mono_ms;
static int64_t tests_monotonic(void) { return mono_ms; }

static void test_D5_a_clock_set_back_does_not_make_anything_younger(void **state)
{
    struct desk d;
    unsigned n;
    desk_for(&d);
    visit(&d, NOW, "203.0.113.7", FIREFOX, NULL);
    recorder_flush(d.recorder);
    segments *s;
    segment_options so = { d.log, &d.clock, WEBLOG_KEEP_MAX_MS, 0, CUT_standard, tests_monotonic };
    assert_int_equal(segments_open(&so, NULL, &s), KT_OK);
    assert_int_equal(segments_purge(s, d.mem, &n), KT_OK); /* seen */
    mono_ms += 7 * KT_DAY_MS;
    d.clock.fixed_ms = NOW + KT_DAY_MS; /* a week went by; the clock was set back by six days */
    assert_int_equal(segments_purge(s, d.mem, &n), KT_OK);
    assert_int_equal(n, 1);
    visit(&d, d.clock.fixed_ms, "203.0.113.8", FIREFOX, NULL); /* what comes later is as young as it is */
    recorder_flush(d.recorder);
    assert_int_equal(segments_purge(s, d.mem, &n), KT_OK);
    assert_int_equal(n, 0);
    segments_close(s);
    close_desk(&d);
}

static void test_a_record_lies_in_the_hour_of_its_own_time(void **state)
{
    struct desk d;
    char path[200];
    desk_for(&d);
    visit(&d, NOW - 3 * KT_HOUR_MS, "203.0.113.7", FIREFOX, NULL); /* a request that took three hours */
    visit(&d, NOW, "203.0.113.8", FIREFOX, NULL);
    recorder_flush(d.recorder);
    snprintf(path, sizeof path, "%s/raw/raw-20261123T11.log", d.log);
    assert_int_equal(access(path, F_OK), 0);
    snprintf(path, sizeof path, "%s/raw/raw-20261123T14.log", d.log);
    assert_int_equal(access(path, F_OK), 0);
    visit(&d, NOW - 8 * KT_DAY_MS, "203.0.113.9", FIREFOX, NULL); /* already too old: not written at all */
    recorder_flush(d.recorder);
    assert_false(occurs(all_bytes(d.dir, d.mem), "203.0.113.9"));
    close_desk(&d);
}

static void test_files_are_the_owners_alone(void **state)
{
    struct desk d;
    struct stat st;
    char path[200];
    desk_for(&d);
    visit(&d, NOW, "203.0.113.7", FIREFOX, NULL);
    recorder_flush(d.recorder);
    assert_int_equal(stat(d.log, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    snprintf(path, sizeof path, "%s/raw/raw-20261123T14.log", d.log);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    close_desk(&d);
}

/* ---- the long tier ---- */

static void test_D6_addresses_are_cut_so_that_nothing_computes_them_back(void **state)
{
    static const struct {
        const char *ip;
        address_cut cut;
        const char *cut_ip;
    } cases[] = {
        { "203.0.113.77", CUT_standard, "203.0.113.0" },
        { "203.0.113.77", CUT_strong, "203.0.0.0" },
        { "::ffff:203.0.113.77", CUT_standard, "203.0.113.0" },
        { "2001:db8:1:2:3:4:5:6", CUT_standard, "2001:db8:1::" },
        { "2001:db8:1:2:3:4:5:6", CUT_strong, "2001:db8::" },
        { "2002:cb00:714d::1", CUT_standard, "2002:cb00:7100::" },
        { "2001:0:4136:e378:8000:63bf:3fff:fdd2", CUT_standard, "2001:0:4136::" },
        { "64:ff9b::cb00:714d", CUT_standard, "64:ff9b::" },
    };
    kt_arena *mem = kt_arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        http_addr a;
        assert_true(http_addr_parse(kt_str_c(cases[i].ip), &a));
        address_cut_apply(&a, cases[i].cut);
        assert_string_equal(kt_str_z(mem, http_addr_text(mem, &a)), cases[i].cut_ip);
    }
    http_addr a;
    assert_true(http_addr_parse(KT_STR("203.0.113.77"), &a));
    address_cut_apply(&a, CUT_drop);
    assert_false(a.known);
    kt_arena_free(mem);
}

static kt_err add(void *ctx, const weblog_line *l, log_tier tier)
{
    counts_add(ctx, l);
    return KT_OK;
}

static void test_D7_days_can_still_be_counted_afterwards(void **state)
{
    struct desk d;
    desk_for(&d);
    for (int i = 0; i < 60; i++) {
        d.clock.fixed_ms = NOW + i * KT_HOUR_MS;
        visit(&d, d.clock.fixed_ms, "203.0.113.7", FIREFOX, NULL);
        recorder_flush(d.recorder);
    }
    counts *before = counts_new(), *after = counts_new();
    assert_int_equal(segments_read(d.segments, "operation", TIER_BOTH, INT64_MIN, INT64_MAX, NULL, add, before), KT_OK);
    d.clock.fixed_ms = NOW + 20 * KT_DAY_MS;
    assert_int_equal(segments_purge(d.segments, d.mem, NULL), KT_OK);
    assert_int_equal(count_records(&d, TIER_RAW), 0);
    assert_int_equal(segments_read(d.segments, "operation", TIER_BOTH, INT64_MIN, INT64_MAX, NULL, add, after), KT_OK);
    assert_int_equal(before->requests, 60);
    assert_int_equal(after->tables[COUNT_day].n, before->tables[COUNT_day].n);
    counts_sort(before, COUNT_day, BY_NAME);
    counts_sort(after, COUNT_day, BY_NAME);
    for (size_t i = 0; i < after->tables[COUNT_day].n; i++) {
        assert_true(kt_str_eq(after->tables[COUNT_day].at[i].name, before->tables[COUNT_day].at[i].name));
        assert_int_equal(after->tables[COUNT_day].at[i].n, before->tables[COUNT_day].at[i].n);
    }
    counts_free(before);
    counts_free(after);
    close_desk(&d);
}

static void test_the_rare_of_a_day_become_other_and_the_frequent_stay(void **state)
{
    struct desk d;
    desk_for(&d);
    int64_t day = NOW - NOW % KT_DAY_MS;
    for (int i = 0; i < 4; i++)
        visit(&d, day + i * 3 * KT_HOUR_MS, "203.0.113.7", "curl/7.88.1", NULL); /* four a day: rare */
    for (int i = 0; i < 5; i++) visit(&d, day + i * 4 * KT_HOUR_MS, "203.0.113.8", FIREFOX, NULL); /* five: not */
    d.clock.fixed_ms = day + KT_DAY_MS;
    recorder_flush(d.recorder);
    for (int64_t now = day + WEBLOG_KEEP_MAX_MS - KT_HOUR_MS; now < day + 8 * KT_DAY_MS + KT_HOUR_MS;
         now += KT_HOUR_MS) {
        d.clock.fixed_ms = now;
        assert_int_equal(segments_purge(d.segments, d.mem, NULL), KT_OK);
    }
    counts *c = counts_new();
    assert_int_equal(segments_read(d.segments, "operation", TIER_LONG, INT64_MIN, INT64_MAX, NULL, add, c), KT_OK);
    counts_sort(c, COUNT_browser, BY_COUNT);
    assert_int_equal(c->tables[COUNT_browser].n, 2);
    assert_true(kt_str_is(c->tables[COUNT_browser].at[0].name, "Firefox"));
    assert_int_equal(c->tables[COUNT_browser].at[0].n, 5);
    assert_true(kt_str_is(c->tables[COUNT_browser].at[1].name, "other"));
    assert_int_equal(c->tables[COUNT_browser].at[1].n, 4);
    counts_free(c);
    close_desk(&d);
}

static void test_after_thirty_days_there_is_no_address_and_after_ninety_nothing(void **state)
{
    struct desk d;
    desk_for(&d);
    for (int i = 0; i < 6; i++) visit(&d, NOW + i, "203.0.113.7", FIREFOX, NULL);
    recorder_flush(d.recorder);
    d.clock.fixed_ms = NOW + 8 * KT_DAY_MS;
    assert_int_equal(segments_purge(d.segments, d.mem, NULL), KT_OK);
    assert_true(occurs(all_bytes(d.dir, d.mem), "203.0.113.0"));
    d.clock.fixed_ms = NOW + 30 * KT_DAY_MS;
    assert_int_equal(segments_purge(d.segments, d.mem, NULL), KT_OK);
    kt_str bytes = all_bytes(d.dir, d.mem);
    assert_false(occurs(bytes, "203.0"));
    assert_false(occurs(bytes, "\"ip\""));
    assert_int_equal(count_records(&d, TIER_LONG), 6);
    d.clock.fixed_ms = NOW + 90 * KT_DAY_MS;
    assert_int_equal(segments_purge(d.segments, d.mem, NULL), KT_OK);
    assert_int_equal(all_bytes(d.dir, d.mem).len, 0);
    close_desk(&d);
}

static void test_a_conversion_that_was_cut_off_is_done_again_and_counts_once(void **state)
{
    struct desk d;
    char path[200];
    desk_for(&d);
    visit(&d, NOW, "203.0.113.7", FIREFOX, NULL);
    recorder_flush(d.recorder);
    /* As a crash after the rename and before the unlink leaves it, with an unfinished one beside. */
    assert_int_equal(segments_put_long(d.segments, NOW,
                                       KT_STR("{\"time\":\"2026-11-23T14:00:00.000Z\",\"status\":200,\"bytes\":0}\n")),
                     KT_OK);
    snprintf(path, sizeof path, "%s/long/long-20261123T15.log.new", d.log);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    close(fd);
    d.clock.fixed_ms = NOW + 8 * KT_DAY_MS;
    assert_int_equal(segments_purge(d.segments, d.mem, NULL), KT_OK);
    assert_int_equal(count_records(&d, TIER_BOTH), 1);
    assert_int_not_equal(access(path, F_OK), 0);
    close_desk(&d);
}

static void test_D8_nobody_reads_the_log_for_marketing(void **state)
{
    struct desk d;
    kt_fail fail = { 0 };
    int n = 0;
    desk_for(&d);
    visit(&d, NOW, "203.0.113.7", FIREFOX, NULL);
    recorder_flush(d.recorder);
    static const char *const refused[] = { "marketing", "analytics", "", "Operation" };
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(segments_read(d.segments, refused[i], TIER_BOTH, INT64_MIN, INT64_MAX, &fail, count_one, &n),
                         KT_REFUSED);
    assert_int_equal(n, 0);
    assert_int_equal(segments_read(d.segments, "security", TIER_BOTH, INT64_MIN, INT64_MAX, &fail, count_one, &n),
                     KT_OK);
    assert_int_equal(n, 1);
    close_desk(&d);
}

/* ---- never in the way ---- */

static double metric(struct desk *d, const char *name)
{
    return kt_metric_value(kt_metric_new(d->metrics, KT_COUNTER, name, "", ""), 0);
}

static void test_a_full_queue_loses_lines_and_counts_them(void **state)
{
    struct desk d;
    open_desk(&d, WEBLOG_KEEP_MAX_MS, 0, false, 4);
    for (int i = 0; i < 5000; i++) visit(&d, NOW, "203.0.113.7", FIREFOX, NULL);
    recorder_flush(d.recorder);
    double written = metric(&d, "kontor_weblog_records_total"), dropped = metric(&d, "kontor_weblog_dropped_total");
    assert_true(written + dropped == 5000);
    assert_true(dropped > 0);
    assert_int_equal(count_records(&d, TIER_RAW), (int)written);
    close_desk(&d);
}

static void *visit_much(void *ctx)
{
    for (int i = 0; i < 1500; i++) visit(ctx, NOW + i, "203.0.113.7", FIREFOX, NULL);
    return NULL;
}

static void test_many_loops_write_whole_lines_and_lose_none(void **state)
{
    struct desk d;
    pthread_t threads[4];
    open_desk(&d, WEBLOG_KEEP_MAX_MS, 0, false, 8192);
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, visit_much, &d), 0);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    recorder_flush(d.recorder);
    assert_true(metric(&d, "kontor_weblog_dropped_total") == 0);
    assert_int_equal(count_records(&d, TIER_RAW), 6000);
    close_desk(&d);
}

static void test_what_is_in_the_queue_is_written_at_the_end(void **state)
{
    struct desk d;
    desk_for(&d);
    for (int i = 0; i < 100; i++) visit(&d, NOW, "203.0.113.7", FIREFOX, NULL);
    recorder_free(d.recorder);
    d.recorder = NULL;
    assert_int_equal(count_records(&d, TIER_RAW), 100);
    close_desk(&d);
}

static void test_a_full_disk_costs_log_lines_only_and_leaves_no_half_line(void **state)
{
    struct desk d;
    struct rlimit before, small;
    desk_for(&d);
    for (int i = 0; i < 10; i++) visit(&d, NOW, "203.0.113.7", FIREFOX, NULL);
    recorder_flush(d.recorder);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small = (struct rlimit){ 4000, before.rlim_max };
    setrlimit(RLIMIT_FSIZE, &small);
    for (int i = 0; i < 20; i++) visit(&d, NOW, "203.0.113.8", FIREFOX, NULL);
    recorder_flush(d.recorder);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_true(metric(&d, "kontor_weblog_dropped_total") == 20);
    assert_int_equal(count_records(&d, TIER_RAW), 10);
    visit(&d, NOW, "203.0.113.9", FIREFOX, NULL);
    recorder_flush(d.recorder);
    assert_int_equal(count_records(&d, TIER_RAW), 11);
    close_desk(&d);
}

static void test_half_a_line_of_a_killed_process_spoils_only_itself(void **state)
{
    struct desk d;
    char path[200];
    desk_for(&d);
    snprintf(path, sizeof path, "%s/raw/raw-20261123T14.log", d.log);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(write(fd, "{\"time\":\"2026-11-2", 18) == 18);
    close(fd);
    visit(&d, NOW, "203.0.113.7", FIREFOX, NULL);
    recorder_flush(d.recorder);
    assert_int_equal(count_records(&d, TIER_RAW), 1);
    close_desk(&d);
}

static void test_counts_of_hours_that_are_over_are_kept_and_agree(void **state)
{
    struct desk d;
    desk_for(&d);
    for (int h = 0; h < 30; h++)
        for (int i = 0; i <= h % 3; i++) visit(&d, NOW - h * KT_HOUR_MS, "203.0.113.7", FIREFOX, NULL);
    recorder_flush(d.recorder);
    count_cache *cache = count_cache_new(d.segments, &d.clock);
    for (int round = 0; round < 2; round++) {
        counts *c = counts_new();
        assert_int_equal(count_cache_read(cache, NOW - 29 * KT_HOUR_MS, c, NULL), KT_OK);
        assert_int_equal(c->requests, 60);
        assert_int_equal(c->tables[COUNT_hour].n, 30);
        counts_free(c);
    }
    visit(&d, NOW, "203.0.113.7", FIREFOX, NULL); /* the running hour is always read anew */
    recorder_flush(d.recorder);
    counts *c = counts_new();
    assert_int_equal(count_cache_read(cache, NOW - 29 * KT_HOUR_MS, c, NULL), KT_OK);
    assert_int_equal(c->requests, 61);
    counts_free(c);
    count_cache_free(cache);
    close_desk(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_D1_a_record_has_exactly_the_declared_fields),
        cmocka_unit_test(test_D1_the_strict_profile_has_the_declared_minimum),
        cmocka_unit_test(test_D1_a_method_nobody_knows_is_not_text_from_outside),
        cmocka_unit_test(test_D2_the_raw_user_agent_is_not_stored),
        cmocka_unit_test(test_D3_nothing_in_a_record_joins_with_an_account),
        cmocka_unit_test(test_a_request_nobody_could_parse_is_logged_without_a_request),
        cmocka_unit_test(test_routes_that_ask_for_it_are_not_logged),
        cmocka_unit_test(test_D5_no_byte_of_an_address_is_older_than_seven_days),
        cmocka_unit_test(test_D5_what_fell_due_while_the_program_was_down_goes_at_the_start),
        cmocka_unit_test(test_D5_copies_beside_the_segments_die_too),
        cmocka_unit_test(test_D5_a_clock_set_back_does_not_make_anything_younger),
        cmocka_unit_test(test_a_record_lies_in_the_hour_of_its_own_time),
        cmocka_unit_test(test_files_are_the_owners_alone),
        cmocka_unit_test(test_D6_addresses_are_cut_so_that_nothing_computes_them_back),
        cmocka_unit_test(test_D7_days_can_still_be_counted_afterwards),
        cmocka_unit_test(test_the_rare_of_a_day_become_other_and_the_frequent_stay),
        cmocka_unit_test(test_after_thirty_days_there_is_no_address_and_after_ninety_nothing),
        cmocka_unit_test(test_a_conversion_that_was_cut_off_is_done_again_and_counts_once),
        cmocka_unit_test(test_D8_nobody_reads_the_log_for_marketing),
        cmocka_unit_test(test_a_full_queue_loses_lines_and_counts_them),
        cmocka_unit_test(test_many_loops_write_whole_lines_and_lose_none),
        cmocka_unit_test(test_what_is_in_the_queue_is_written_at_the_end),
        cmocka_unit_test(test_a_full_disk_costs_log_lines_only_and_leaves_no_half_line),
        cmocka_unit_test(test_half_a_line_of_a_killed_process_spoils_only_itself),
        cmocka_unit_test(test_counts_of_hours_that_are_over_are_kept_and_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
