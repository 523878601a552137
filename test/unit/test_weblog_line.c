/* SPDX-License-Identifier: Apache-2.0 */
/* test_weblog_line.c -- the written forms of a record, reading them back, other programs' logs, and GoAccess
 * itself as the judge of what is exported. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "weblog/line.h"

#define NOW      INT64_C(1795444200000) /* 2026-11-23T14:30:00Z */
#define GOACCESS "/usr/bin/goaccess"

static kt_str written(kt_arena *mem, const weblog_line *l, line_form as)
{
    kt_buf out;
    kt_buf_init(&out, 1u << 16);
    line_put(mem, &out, l, as, false);
    kt_str s = kt_str_dup(mem, kt_buf_str(&out));
    kt_buf_free(&out);
    return s;
}

static weblog_line sample(const char *ip)
{
    weblog_line l = { .time_ms = NOW + 123,
                      .os = KT_STR("Linux"),
                      .browser = KT_STR("Firefox"),
                      .browser_v = KT_STR("128.0"),
                      .method = KT_STR("GET"),
                      .proto = KT_STR("HTTP/1.1"),
                      .route = KT_STR("/invoices/{id}"),
                      .status = 200,
                      .bytes = 77,
                      .dur_us = 850,
                      .tls = true };
    if (ip) assert_true(http_addr_parse(kt_str_c(ip), &l.ip));
    return l;
}

static void test_what_is_written_is_read_back(void **state)
{
    kt_arena *mem = kt_arena_new();
    weblog_line l = sample("2001:db8::1"), back;
    l.browser = KT_STR("Odd \"name\"\\ \xc3\xa9 \xe2\x82\xac\x01");
    kt_str text = written(mem, &l, LINE_JSONL);
    assert_int_equal(text.at[text.len - 1], '\n');
    assert_true(line_parse(mem, kt_str_slice(text, 0, text.len - 1), &back));
    assert_true(back.time_ms == l.time_ms && back.status == 200 && back.bytes == 77 && back.dur_us == 850 && back.tls &&
                !back.bot);
    assert_true(kt_str_eq(back.browser, l.browser) && kt_str_eq(back.os, l.os) && kt_str_eq(back.route, l.route));
    assert_memory_equal(back.ip.at, l.ip.at, 16);
    assert_true(kt_str_eq(written(mem, &back, LINE_JSONL), text));
    kt_arena_free(mem);
}

static void test_bytes_that_are_no_text_do_not_break_the_line(void **state)
{
    kt_arena *mem = kt_arena_new();
    weblog_line l = sample("203.0.113.7"), back;
    l.browser = KT_STR("a\nb\xff\"}{");
    kt_str text = written(mem, &l, LINE_JSONL);
    assert_int_equal(kt_str_find_byte(text, '\n', 0), text.len - 1);
    assert_true(line_parse(mem, kt_str_slice(text, 0, text.len - 1), &back));
    text = written(mem, &l, LINE_COMBINED);
    assert_int_equal(kt_str_find_byte(text, '\n', 0), text.len - 1);
    assert_true(kt_str_find(text, KT_STR("\"a\\x0Ab\\xFF\\x22}{/128.0 (Linux)\""), 0) != KT_NOT_FOUND_AT);
    kt_arena_free(mem);
}

static void test_what_is_not_a_whole_record_is_refused(void **state)
{
    static const char *const bad[] = { "",
                                       "{",
                                       "{}",
                                       "{\"time\":1}",
                                       "{\"time\":\"yesterday\"}",
                                       "{\"status\":200}",
                                       "{\"time\":\"2026-11-23T14:30:00.000Z\",\"account\":\"4711\"}",
                                       "{\"time\":\"2026-11-23T14:30:00.000Z\",\"status\":-1}",
                                       "{\"time\":\"2026-11-23T14:30:00.000Z\",\"status\":\"200\"}",
                                       "{\"time\":\"2026-11-23T14:30:00.000Z\",\"ip\":\"1.2.3\"}",
                                       "{\"time\":\"2026-11-23T14:30:00.000Z\"}}",
                                       "{\"time\":\"2026-11-23T14:30:00.000Z\",}",
                                       "{\"time\":\"2026-11-23T14:30:00.000Z\"",
                                       "{\"time\":\"2026-11-23T14:30:00.000Z\",\"os\":\"a\\",
                                       "{\"time\":\"2026-11-23T14:30:00.000Z\",\"os\":\"a\\\"}",
                                       "{\"time\":\"2026-11-23T14:30:00.000Z\",\"tls\":1}",
                                       "{\"time\":\"2026-11-23T14:30:00.000Z\",\"status\":}" };
    kt_arena *mem = kt_arena_new();
    weblog_line l;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(line_parse(mem, kt_str_c(bad[i]), &l));
    assert_true(line_parse(mem, KT_STR("{\"time\":\"2026-11-23T14:30:00.000Z\"}"), &l));
    kt_arena_free(mem);
}

static void test_combined_has_the_common_shape(void **state)
{
    kt_arena *mem = kt_arena_new();
    weblog_line l = sample("203.0.113.7");
    assert_string_equal(
        written(mem, &l, LINE_COMBINED).at,
        "203.0.113.7 - - [23/Nov/2026:14:30:00 +0000] \"GET /invoices/{id} HTTP/1.1\" 200 77 \"-\" \"Firefox/128.0 (Linux)\"\n");
    weblog_line nothing = { .time_ms = NOW, .status = 400 };
    assert_string_equal(written(mem, &nothing, LINE_COMBINED).at,
                        "0.0.0.0 - - [23/Nov/2026:14:30:00 +0000] \"-\" 400 0 \"-\" \"-\"\n");
    kt_arena_free(mem);
}

#define OF(ip, zone) ip " - - [10/Oct/2000:13:55:36 " zone "] "

static void test_logs_of_other_servers_are_read(void **state)
{
    static const struct {
        const char *text;
        bool fine;
        int64_t time_ms;
        int status;
        const char *target, *agent;
    } cases[] = {
        /* clang-format off */
        { OF("203.0.113.7", "-0700") "\"GET /apache_pb.gif?x=1 HTTP/1.0\" 200 2326 \"http://example.org/\" \"Mozilla/4.08\"",
          true, 971211336000, 200, "/apache_pb.gif?x=1", "Mozilla/4.08" },
        { OF("203.0.113.7", "+0000") "\"GET / HTTP/1.0\" 304 -", true, 971186136000, 304, "/", "" },
        { OF("host.example", "+0000") "\"-\" 400 0 \"-\" \"a \\\"b\\\" \\x41\"", true, 971186136000, 400, "", "a \"b\" A" },
        { "203.0.113.7 - frank [10/Oct/2000:13:55:36 +0000] \"GET / HTTP/1.0\" 200 1", true, 971186136000, 200, "/", "" },
        { "203.0.113.7 - - [10/Okt/2000:13:55:36 +0000] \"GET / HTTP/1.0\" 304 -", false, 0, 0, "", "" },
        { "203.0.113.7 - - [01/Jan/0000:00:00:00 +0100] \"GET / HTTP/1.0\" 304 -", false, 0, 0, "", "" },
        { OF("203.0.113.7", "+0000") "\"GET / HTTP/1.0 304 -", false, 0, 0, "", "" },
        { "", false, 0, 0, "", "" },
        { "nonsense", false, 0, 0, "", "" },
        /* clang-format on */
    };
    kt_arena *mem = kt_arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        foreign_line f;
        assert_int_equal(line_parse_combined(mem, kt_str_c(cases[i].text), &f), cases[i].fine);
        if (!cases[i].fine) continue;
        assert_true(f.line.time_ms == cases[i].time_ms);
        assert_int_equal(f.line.status, cases[i].status);
        assert_true(kt_str_is(f.target, cases[i].target));
        assert_true(kt_str_is(f.user_agent, cases[i].agent));
    }
    kt_arena_free(mem);
}

/* Runs GoAccess over the text; its own count of requests and of lines it could not read. */
static void ask_goaccess(kt_str text, const char *const *options, int64_t *valid, int64_t *failed)
{
    extern char **environ;
    char dir[] = "/tmp/kontor-goaccess-XXXXXX", log[64], out[64], output[80];
    const char *argv[12] = { GOACCESS, NULL };
    pid_t pid;
    int status, n = 1;

    assert_non_null(mkdtemp(dir));
    snprintf(log, sizeof log, "%s/access.log", dir);
    snprintf(out, sizeof out, "%s/out.json", dir);
    snprintf(output, sizeof output, "--output=%s", out);
    int fd = open(log, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(write(fd, text.at, text.len) == (ssize_t)text.len);
    close(fd);
    argv[n++] = log;
    argv[n++] = "--no-global-config";
    argv[n++] = "--no-progress";
    argv[n++] = output;
    for (; *options; options++) argv[n++] = *options;
    argv[n] = NULL;
    assert_int_equal(posix_spawn(&pid, GOACCESS, NULL, NULL, (char *const *)(uintptr_t)argv, environ), 0);
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    kt_arena *mem = kt_arena_new();
    char *report = kt_alloc(mem, 1u << 20);
    fd = open(out, O_RDONLY | O_CLOEXEC);
    ssize_t got = read(fd, report, (1u << 20) - 1);
    close(fd);
    kt_value *v;
    assert_true(got > 0);
    assert_int_equal(kt_json_parse(mem, (kt_str){ report, (size_t)got }, NULL, &v), KT_OK);
    *valid = kt_get_int(kt_get(v, "general"), "valid_requests", -1);
    *failed = kt_get_int(kt_get(v, "general"), "failed_requests", -1);
    kt_arena_free(mem);
    unlink(log);
    unlink(out);
    rmdir(dir);
}

static void test_goaccess_reads_every_exported_line(void **state)
{
    static const char *const ips[] = { "203.0.113.7", "192.0.2.0", "2001:db8::1", "2001:db8:1::", NULL };
    static const char *const combined[] = { "--log-format=COMBINED", NULL };
    static const char *const json[] = {
        "--log-format={\"time\":\"%x\",\"ip\":\"%h\",\"method\":\"%m\",\"path\":\"%U\",\"query\":\"%q\","
        "\"proto\":\"%H\",\"status\":\"%s\",\"bytes\":\"%b\",\"referer\":\"%R\",\"ua\":\"%u\",\"dur_us\":\"%D\"}",
        "--datetime-format=%Y-%m-%dT%H:%M:%S%z", NULL
    };
    if (access(GOACCESS, X_OK) != 0) skip();
    for (int form_at = 0; form_at < 2; form_at++) {
        kt_arena *mem = kt_arena_new();
        kt_buf out;
        int lines = 0;
        int64_t valid, failed;
        kt_buf_init(&out, 1u << 20);
        for (size_t i = 0; i < sizeof ips / sizeof *ips; i++)
            for (int odd = 0; odd < 4; odd++) {
                weblog_line l = sample(ips[i]);
                if (odd == 1) l.browser = KT_STR("we\"ird\\ \x01 \xff name");
                if (odd == 2) l.route = l.os = l.browser = KT_STR_NONE;
                if (odd == 3) {
                    l.status = 0;
                    l.proto = KT_STR("HTTP/1.0");
                }
                line_put(mem, &out, &l, form_at ? LINE_GOACCESS : LINE_COMBINED, false);
                lines++;
            }
        weblog_line unparsed = { .time_ms = NOW, .status = 400 };
        http_addr_parse(KT_STR("203.0.113.9"), &unparsed.ip);
        line_put(mem, &out, &unparsed, form_at ? LINE_GOACCESS : LINE_COMBINED, false);
        ask_goaccess(kt_buf_str(&out), form_at ? json : combined, &valid, &failed);
        assert_int_equal(failed, 0);
        assert_int_equal(valid, lines + 1);
        kt_buf_free(&out);
        kt_arena_free(mem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read_back),
        cmocka_unit_test(test_bytes_that_are_no_text_do_not_break_the_line),
        cmocka_unit_test(test_what_is_not_a_whole_record_is_refused),
        cmocka_unit_test(test_combined_has_the_common_shape),
        cmocka_unit_test(test_logs_of_other_servers_are_read),
        cmocka_unit_test(test_goaccess_reads_every_exported_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
