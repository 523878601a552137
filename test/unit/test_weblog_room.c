/* SPDX-License-Identifier: Apache-2.0 */
/* test_weblog_room.c -- the room as the platform opens it: settings from the register, the purge before the door
 * opens, real requests through a socket into a file, the commands, the demo data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weblog/weblog.h"

#define NOW INT64_C(1795444200000) /* 2026-11-23T14:30:00Z */

struct desk {
    house h;
    kt_clock clock;
    kt_random random;
    kt_arena *mem;
    void *room;
    char dir[64];
};

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

static kt_err show(request *rq, reply *rs) { return reply_text(rs, 200, KT_STR("hello")); }

static const route shop[] = {
    { "GET", "/things/{id}", show, HTTP_READ, "platform-delivery", HTTP_PUBLIC, 0, 0, NULL, NULL }, { 0 }
};

static void prepare(struct desk *d, bool serve)
{
    kt_fail fail = { 0 };
    static const char *const modules[] = { "weblog", NULL };
    memset(d, 0, sizeof *d);
    d->mem = kt_arena_new();
    d->clock = kt_clock_fixed(NOW);
    d->random = kt_random_seeded(1);
    snprintf(d->dir, sizeof d->dir, "/tmp/kontor-room-XXXXXX");
    assert_non_null(mkdtemp(d->dir));
    d->h = (house){ .data_dir = d->dir, .clock = &d->clock, .random = &d->random, .metrics = kt_metrics_new() };
    kt_value *faults = kt_list(d->mem);
    assert_int_equal(registry_load(modules, NULL, d->mem, faults, &d->h.registry), KT_OK);
    if (!serve) return;
    http_options ho = { .listen = "127.0.0.1:0",
                        .clock = &d->clock,
                        .random = &d->random,
                        .metrics = d->h.metrics,
                        .loops = 1,
                        .workers = 1 };
    assert_int_equal(http_server_new(&ho, &fail, &d->h.server), KT_OK);
    assert_int_equal(http_routes(d->h.server, shop, &fail), KT_OK);
}

static void enter(struct desk *d)
{
    kt_fail fail = { 0 };
    kt_err err = weblog_module.init(&d->h, &fail, &d->room);
    if (err != KT_OK) print_message("%s\n", fail.text);
    assert_int_equal(err, KT_OK);
}

static void leave(struct desk *d)
{
    if (d->h.server) http_stop(d->h.server);
    weblog_module.stop(d->room);
    http_server_free(d->h.server);
    registry_free(d->h.registry);
    kt_metrics_free(d->h.metrics);
    remove_tree(d->dir);
    kt_arena_free(d->mem);
}

/* Runs `kontor log …` and returns what it wrote to standard output. */
static int command_run(struct desk *d, kt_str *out, char **argv)
{
    char path[100];
    int argc = 0;
    while (argv[argc]) argc++;
    snprintf(path, sizeof path, "%s/out", d->dir);
    fflush(stdout);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), saved = dup(1);
    dup2(fd, 1);
    int status = weblog_module.commands[0].run(&d->h, d->room, argc, argv);
    fflush(stdout);
    dup2(saved, 1);
    close(saved);
    char *text = kt_alloc(d->mem, 4u << 20);
    ssize_t n = pread(fd, text, (4u << 20) - 1, 0);
    close(fd);
    *out = (kt_str){ text, n > 0 ? (size_t)n : 0 };
    return status;
}

#define RUN(d, out, ...) command_run((d), (out), (char *[]){ (char *)"log", __VA_ARGS__, NULL })

static size_t lines_of(kt_str text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) n += text.at[i] == '\n';
    return n;
}

static bool occurs(kt_str in, const char *what) { return kt_str_find(in, kt_str_c(what), 0) != KT_NOT_FOUND_AT; }

static void talk(unsigned port, const char *text)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    char answer[4096];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_true(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
    while (recv(fd, answer, sizeof answer, 0) > 0)
        ;
    close(fd);
}

static void test_a_request_through_the_door_is_a_line_in_a_file(void **state)
{
    struct desk d;
    kt_fail fail = { 0 };
    kt_str out;
    prepare(&d, true);
    enter(&d);
    assert_int_equal(http_start(d.h.server, &fail), KT_OK);
    talk(http_port(d.h.server),
         "GET /things/4711?mail=jane@example.org HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
         "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\r\n");
    talk(http_port(d.h.server), "GET /nowhere/4711 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    talk(http_port(d.h.server), "nonsense\r\n\r\n");
    http_stop(d.h.server);
    recorder_flush(((weblog *)d.room)->recorder);
    assert_int_equal(RUN(&d, &out, "tail", "--form", "jsonl"), 0);
    print_message("%.*s", KT_ARG(out));
    assert_true(lines_of(out) >= 2);
    assert_true(occurs(out, "\"route\":\"/things/{id}\"") && occurs(out, "\"browser\":\"Firefox\"") &&
                occurs(out, "\"status\":200"));
    assert_true(occurs(out, "\"status\":404") && occurs(out, "\"ip\":\"127.0.0.1\""));
    assert_false(occurs(out, "4711"));
    assert_false(occurs(out, "jane"));
    leave(&d);
}

static void test_what_is_due_is_gone_before_the_door_opens(void **state)
{
    struct desk d;
    char path[200];
    prepare(&d, true);
    snprintf(path, sizeof path, "%s/weblog", d.dir);
    assert_int_equal(mkdir(path, 0755), 0);
    snprintf(path, sizeof path, "%s/weblog/raw", d.dir);
    assert_int_equal(mkdir(path, 0755), 0);
    snprintf(path, sizeof path, "%s/weblog/raw/raw-20261101T00.log", d.dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    static const char line[] =
        "{\"time\":\"2026-11-01T00:10:00.000Z\",\"ip\":\"203.0.113.77\",\"status\":200,\"bytes\":1}\n";
    assert_true(write(fd, line, sizeof line - 1) == (ssize_t)sizeof line - 1);
    close(fd);
    enter(&d);
    assert_int_not_equal(access(path, F_OK), 0);
    struct stat st;
    snprintf(path, sizeof path, "%s/weblog/raw", d.dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    leave(&d);
}

static void test_settings_come_from_the_register_and_stay_within_it(void **state)
{
    struct desk d;
    weblog_settings s;
    kt_fail fail = { 0 };
    prepare(&d, false);
    assert_int_equal(weblog_read_settings(d.h.registry, &fail, &s), KT_OK);
    assert_true(s.keep_ms == 7 * KT_DAY_MS && s.long_keep_ms == 90 * KT_DAY_MS && s.cut == CUT_standard && !s.minimal);
    enter(&d);
    leave(&d);
}

/* The register with the operator's file beside it. */
static kt_err load_with(struct desk *d, const char *activities, registry **out)
{
    static const char *const modules[] = { "weblog", NULL };
    char path[100];
    snprintf(path, sizeof path, "%s/kontor.yaml", d->dir);
    FILE *f = fopen(path, "we");
    fprintf(f,
            "operator: { name: Example, country: DE, privacy_email: a@example.org, "
            "platform_name: Example, platform_url: \"https://example.org\" }\n%s",
            activities);
    fclose(f);
    return registry_load(modules, path, d->mem, kt_list(d->mem), out);
}

static void test_the_operator_may_keep_it_shorter_and_never_longer(void **state)
{
    struct desk d;
    weblog_settings s;
    registry *r = NULL;
    kt_fail fail = { 0 };
    prepare(&d, false);
    enter(&d);
    assert_int_equal(
        load_with(
            &d,
            "activities: [ { id: access-logs, retention: [ { id: raw, keep: P3D }, { id: long, keep: P30D } ] } ]\n",
            &r),
        KT_OK);
    assert_int_equal(weblog_read_settings(r, &fail, &s), KT_OK);
    assert_true(s.keep_ms == 3 * KT_DAY_MS && s.long_keep_ms == 30 * KT_DAY_MS);
    registry_free(r);
    r = NULL;
    assert_int_equal(load_with(&d, "activities: [ { id: access-logs, retention: [ { id: raw, keep: P8D } ] } ]\n", &r),
                     KT_REFUSED);
    registry_free(r);
    leave(&d);
}

static void fill(struct desk *d)
{
    prepare(d, false);
    enter(d);
    assert_int_equal(weblog_module.demo(&d->h, d->room), KT_OK);
}

static void test_the_demo_keeps_the_rules_too(void **state)
{
    struct desk d;
    kt_str out;
    fill(&d);
    weblog *w = d.room;
    assert_true(segments_oldest_raw_ms(w->segments) < 7 * KT_DAY_MS);
    assert_int_equal(RUN(&d, &out, "stat", "--tier", "long", "--json"), 0);
    kt_value *v;
    assert_int_equal(kt_json_parse(d.mem, out, NULL, &v), KT_OK);
    assert_true(kt_get_int(v, "requests", 0) > 1000);
    assert_int_equal(RUN(&d, &out, "export", "--tier", "long", "--form", "jsonl"), 0);
    assert_false(occurs(out, ":01:")); /* whole hours only */
    unsigned n;
    assert_int_equal(segments_purge(w->segments, d.mem, &n), KT_OK); /* nothing is due at once */
    assert_int_equal(n, 0);
    assert_int_equal(weblog_module.demo(&d.h, d.room), KT_OK); /* a second time adds nothing */
    kt_str again;
    assert_int_equal(RUN(&d, &again, "export", "--tier", "long", "--form", "jsonl"), 0);
    assert_int_equal(lines_of(again), lines_of(out));
    leave(&d);
}

static void test_tail_shows_the_last_and_stat_counts_all(void **state)
{
    struct desk d;
    kt_str out;
    kt_value *v;
    fill(&d);
    assert_int_equal(RUN(&d, &out, "tail", "-n", "7"), 0);
    assert_int_equal(lines_of(out), 7);
    assert_true(occurs(out, "2026-11-23 14:"));
    assert_int_equal(RUN(&d, &out, "tail", "-n", "3", "--form", "combined"), 0);
    assert_int_equal(lines_of(out), 3);
    assert_int_equal(RUN(&d, &out, "stat"), 0);
    assert_true(occurs(out, "2026-11-10") && occurs(out, "\nroute\n") && occurs(out, "Firefox"));
    assert_int_equal(RUN(&d, &out, "stat", "--json", "--days", "3", "--tier", "raw"), 0);
    assert_int_equal(kt_json_parse(d.mem, out, NULL, &v), KT_OK);
    assert_int_equal(kt_get(v, "day")->count, 4);
    int64_t sum = 0;
    KT_EACH(row, kt_get(v, "os")) sum += kt_get_int(row, "requests", 0);
    assert_int_equal(sum, kt_get_int(v, "requests", -1));
    leave(&d);
}

static void test_an_export_is_cut_unless_whole_addresses_are_asked_for(void **state)
{
    struct desk d;
    kt_str out, whole;
    fill(&d);
    assert_int_equal(RUN(&d, &out, "export", "--tier", "raw", "--form", "combined"), 0);
    assert_int_equal(RUN(&d, &whole, "export", "--tier", "raw", "--form", "combined", "--addresses", "whole"), 0);
    assert_int_equal(lines_of(out), lines_of(whole));
    kt_str rest = out, line;
    int cut = 0, uncut = 0;
    while (kt_str_split(&rest, '\n', &line)) {
        kt_str ip = kt_str_slice(line, 0, kt_str_find_byte(line, ' ', 0));
        if (ip.len == 0) continue;
        assert_true(kt_str_ends(ip, KT_STR(".0")) || kt_str_ends(ip, KT_STR("::")));
        cut++;
    }
    rest = whole;
    while (kt_str_split(&rest, '\n', &line)) {
        kt_str ip = kt_str_slice(line, 0, kt_str_find_byte(line, ' ', 0));
        uncut += ip.len && !kt_str_ends(ip, KT_STR(".0")) && !kt_str_ends(ip, KT_STR("::"));
    }
    assert_true(cut > 0 && uncut > cut / 2);
    assert_int_equal(RUN(&d, &out, "export", "--purpose", "marketing"), 1);
    assert_int_equal(out.len, 0);
    leave(&d);
}

static void test_foreign_logs_are_reported_and_reduced(void **state)
{
    struct desk d;
    kt_str out;
    char path[200];
    prepare(&d, false);
    enter(&d);
    snprintf(path, sizeof path, "%s/foreign", d.dir);
    FILE *f = fopen(path, "we");
    fputs(
        "203.0.113.77 - jane [10/Oct/2000:13:55:36 +0000] \"GET /private?token=Canary HTTP/1.0\" 200 2326 \"http://example.org/Canary\" "
        "\"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\"\nnot a line\n",
        f);
    fclose(f);
    assert_int_equal(RUN(&d, &out, "anonymise", path), 0);
    assert_string_equal(
        kt_str_z(d.mem, out),
        "203.0.113.0 - - [10/Oct/2000:13:00:00 +0000] \"GET /private HTTP/1.0\" 200 2326 \"-\" \"Firefox/128 (Linux)\"\n");
    assert_int_equal(RUN(&d, &out, "report", "--json", path), 0);
    kt_value *v;
    assert_int_equal(kt_json_parse(d.mem, out, NULL, &v), KT_OK);
    assert_int_equal(kt_get_int(v, "requests", 0), 1);
    assert_false(occurs(out, "Canary"));
    leave(&d);
}

static void test_wrong_usage_is_said_and_ends_with_two(void **state)
{
    struct desk d;
    kt_str out;
    prepare(&d, false);
    enter(&d);
    assert_int_equal(RUN(&d, &out, "dance"), 2);
    assert_int_equal(command_run(&d, &out, (char *[]){ (char *)"log", NULL }), 2);
    assert_int_equal(RUN(&d, &out, "tail", "-n", "many"), 2);
    assert_int_equal(RUN(&d, &out, "stat", "--tier", "warm"), 2);
    assert_int_equal(RUN(&d, &out, "stat", "file"), 2);
    assert_int_equal(RUN(&d, &out, "anonymise", "--addresses", "whole"), 2);
    assert_int_equal(out.len, 0);
    leave(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_through_the_door_is_a_line_in_a_file),
        cmocka_unit_test(test_what_is_due_is_gone_before_the_door_opens),
        cmocka_unit_test(test_settings_come_from_the_register_and_stay_within_it),
        cmocka_unit_test(test_the_operator_may_keep_it_shorter_and_never_longer),
        cmocka_unit_test(test_the_demo_keeps_the_rules_too),
        cmocka_unit_test(test_tail_shows_the_last_and_stat_counts_all),
        cmocka_unit_test(test_an_export_is_cut_unless_whole_addresses_are_asked_for),
        cmocka_unit_test(test_foreign_logs_are_reported_and_reduced),
        cmocka_unit_test(test_wrong_usage_is_said_and_ends_with_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
