/* SPDX-License-Identifier: Apache-2.0 */
/* test_metric.c -- families, the cap, threads, and both written forms to the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/metric.h"

#define VALUES(...) ((const char *const[]){ __VA_ARGS__ })

static char *written(kt_metrics *m, kt_exposition form)
{
    kt_buf out;
    kt_buf_init(&out, 8u << 20);
    kt_metrics_write(m, form, &out);
    kt_buf_put_byte(&out, '\0');
    assert_int_equal(kt_buf_check(&out), KT_OK);
    return out.at;
}

static void fill(kt_metrics *m)
{
    kt_metric *requests =
        kt_metric_new(m, KT_COUNTER, "demo_requests_total", "Requests \"seen\".\nBack\\slash.", "route,code");
    kt_metric_add(requests, kt_metric_series(requests, VALUES("/a/{id}", "200")), 3);
    kt_metric_series(requests, VALUES("q\"\\\n", "404"));
    kt_metric *temperature = kt_metric_new(m, KT_GAUGE, "demo_free_bytes", "Free.", "");
    kt_metric_set(temperature, 0, 1048576);
    kt_metric *build = kt_metric_new(m, KT_INFO, "demo_build_info", "Build.", "version");
    kt_metric_series(build, VALUES("0.1.0"));
    kt_metric *time =
        kt_metric_histogram(m, "demo_duration_seconds", "Time.", "", (const double[]){ 0.005, 1, 1e6 }, 3);
    kt_metric_observe(time, 0, 0.005);
    kt_metric_observe(time, 0, 0.25);
    kt_metric_observe(time, 0, 2e6);
}

static void test_text_0_0_4_is_exact(void **state)
{
    kt_metrics *m = kt_metrics_new();
    fill(m);
    char *text = written(m, KT_TEXT_004);
    assert_string_equal(
        text,
        "# HELP demo_build_info Build.\n# TYPE demo_build_info gauge\ndemo_build_info{version=\"0.1.0\"} 1\n"
        "# HELP demo_duration_seconds Time.\n# TYPE demo_duration_seconds histogram\n"
        "demo_duration_seconds_bucket{le=\"0.005\"} 1\ndemo_duration_seconds_bucket{le=\"1.0\"} 2\n"
        "demo_duration_seconds_bucket{le=\"1e+06\"} 2\ndemo_duration_seconds_bucket{le=\"+Inf\"} 3\n"
        "demo_duration_seconds_sum 2.000000255e+06\ndemo_duration_seconds_count 3\n"
        "# HELP demo_free_bytes Free.\n# TYPE demo_free_bytes gauge\ndemo_free_bytes 1.048576e+06\n"
        "# HELP demo_requests_total Requests \"seen\".\\nBack\\\\slash.\n# TYPE demo_requests_total counter\n"
        "demo_requests_total{route=\"/a/{id}\",code=\"200\"} 3\n"
        "demo_requests_total{route=\"q\\\"\\\\\\n\",code=\"404\"} 0\n"
        "# HELP kontor_metrics_overflow_total Label values that found no room in their family and were counted as "
        "other.\n# TYPE kontor_metrics_overflow_total counter\nkontor_metrics_overflow_total 0\n");
    free(text);
    kt_metrics_free(m);
}

static void test_openmetrics_1_0_is_exact(void **state)
{
    kt_metrics *m = kt_metrics_new();
    fill(m);
    char *text = written(m, KT_OPENMETRICS_1);
    assert_string_equal(
        text,
        "# TYPE demo_build info\n# HELP demo_build Build.\ndemo_build_info{version=\"0.1.0\"} 1\n"
        "# TYPE demo_duration_seconds histogram\n# UNIT demo_duration_seconds seconds\n# HELP demo_duration_seconds Time.\n"
        "demo_duration_seconds_bucket{le=\"0.005\"} 1\ndemo_duration_seconds_bucket{le=\"1.0\"} 2\n"
        "demo_duration_seconds_bucket{le=\"1e+06\"} 2\ndemo_duration_seconds_bucket{le=\"+Inf\"} 3\n"
        "demo_duration_seconds_sum 2.000000255e+06\ndemo_duration_seconds_count 3\n"
        "# TYPE demo_free_bytes gauge\n# UNIT demo_free_bytes bytes\n# HELP demo_free_bytes Free.\n"
        "demo_free_bytes 1.048576e+06\n"
        "# TYPE demo_requests counter\n# HELP demo_requests Requests \\\"seen\\\".\\nBack\\\\slash.\n"
        "demo_requests_total{route=\"/a/{id}\",code=\"200\"} 3\n"
        "demo_requests_total{route=\"q\\\"\\\\\\n\",code=\"404\"} 0\n"
        "# TYPE kontor_metrics_overflow counter\n# HELP kontor_metrics_overflow Label values that found no room in "
        "their family and were counted as other.\nkontor_metrics_overflow_total 0\n# EOF\n");
    free(text);
    kt_metrics_free(m);
}

static void test_numbers_are_shortest_and_canonical(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        { 0, "0" },
        { 1, "1" },
        { -2.5, "-2.5" },
        { 0.1, "0.1" },
        { 1.0 / 3, "0.3333333333333333" },
        { 123456, "123456" },
        { 1234567, "1.234567e+06" },
        { 0.0001, "0.0001" },
        { 0.00001, "1e-05" },
        { 100, "100" },
        { 1e300, "1e+300" },
        { 9007199254740993.0, "9.007199254740992e+15" },
        { 5e-324, "5e-324" },
        { 1795442400.123, "1.795442400123e+09" },
        { NAN, "NaN" },
        { INFINITY, "+Inf" },
        { -INFINITY, "-Inf" },
        { 99999.5, "99999.5" },
    };
    kt_metrics *m = kt_metrics_new();
    kt_metric *g = kt_metric_new(m, KT_GAUGE, "a", "h", "");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char want[64];
        kt_metric_set(g, 0, cases[i].value);
        char *text = written(m, KT_TEXT_004);
        snprintf(want, sizeof want, "\na %s\n", cases[i].text);
        assert_non_null(strstr(text, want));
        free(text);
    }
    kt_metrics_free(m);
}

/* Makes a German locale with localedef where the machine has none. */
static bool speak_german(char *dir)
{
    extern char **environ;
    char out[64];
    int status = -1;
    pid_t pid;
    if (setlocale(LC_ALL, "de_DE.UTF-8")) return true;
    if (!mkdtemp(dir)) return false;
    snprintf(out, sizeof out, "%s/de_DE.UTF-8", dir);
    char *const argv[] = { "localedef", "-i", "de_DE", "-f", "UTF-8", out, NULL };
    if (posix_spawnp(&pid, "localedef", NULL, NULL, argv, environ) != 0) return false;
    waitpid(pid, &status, 0);
    setenv("LOCPATH", dir, 1);
    return status == 0 && setlocale(LC_ALL, "de_DE.UTF-8");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk) { return remove(path); }

static void test_the_locale_does_not_change_the_decimal_point(void **state)
{
    char dir[] = "/tmp/kontor-locale-XXXXXX";
    bool german = speak_german(dir);
    if (german) {
        assert_string_equal(localeconv()->decimal_point, ",");
        test_numbers_are_shortest_and_canonical(state);
    }
    setlocale(LC_ALL, "C");
    unsetenv("LOCPATH");
    nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    if (!german) skip();
}

static void test_latency_buckets_have_canonical_bounds_and_stand_at_zero(void **state)
{
    kt_metrics *m = kt_metrics_new();
    kt_metric_new(m, KT_HISTOGRAM, "a_seconds", "h", "");
    kt_metric_histogram(m, "b_bytes", "h", "", kt_metric_byte_bounds, KT_METRIC_BYTE_BOUNDS);
    char *text = written(m, KT_TEXT_004);
    static const char *const bounds[] = { "0.0005", "0.001", "0.0025", "0.005", "0.01",    "0.025",
                                          "0.05",   "0.1",   "0.25",   "0.5",   "1.0",     "2.5",
                                          "5.0",    "10.0",  "+Inf",   "256.0", "65536.0", "1.048576e+06" };
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        char want[64];
        snprintf(want, sizeof want, "_bucket{le=\"%s\"} 0\n", bounds[i]);
        assert_non_null(strstr(text, want));
    }
    free(text);
    kt_metrics_free(m);
}

static void test_the_same_name_is_the_same_family_and_the_same_values_the_same_series(void **state)
{
    kt_metrics *m = kt_metrics_new();
    kt_metric *a = kt_metric_new(m, KT_COUNTER, "a_total", "h", "x,y");
    assert_ptr_equal(a, kt_metric_new(m, KT_COUNTER, "a_total", "h", "x,y"));
    size_t s = kt_metric_series(a, VALUES("ab", "c"));
    assert_int_equal(s, kt_metric_series(a, VALUES("ab", "c")));
    assert_int_not_equal(s, kt_metric_series(a, VALUES("a", "bc")));
    kt_metrics_free(m);
}

static void test_beyond_the_cap_goes_to_other_and_is_counted(void **state)
{
    kt_metrics *m = kt_metrics_new();
    kt_metric *a = kt_metric_new(m, KT_COUNTER, "a_total", "h", "x");
    size_t explicit_other = kt_metric_series(a, VALUES("other"));
    for (int i = 0; i < 300; i++) {
        char name[16];
        snprintf(name, sizeof name, "v%d", i);
        kt_metric_add(a, kt_metric_series(a, VALUES(name)), 1);
    }
    assert_true(kt_metric_value(a, explicit_other) == 101); /* 199 have their own */
    kt_metric *overflow = kt_metric_new(m, KT_COUNTER, "kontor_metrics_overflow_total", "h", "");
    assert_true(kt_metric_value(overflow, 0) == 101);
    char *text = written(m, KT_TEXT_004);
    assert_non_null(strstr(text, "a_total{x=\"other\"} 101\n"));
    assert_null(strstr(text, "v250"));
    int series = 0;
    for (const char *p = text; (p = strstr(p, "\na_total{")); p++) series++;
    assert_int_equal(series, 200);
    free(text);
    kt_metrics_free(m);
}

static void test_label_values_that_are_not_utf_8_become_other(void **state)
{
    kt_metrics *m = kt_metrics_new();
    kt_metric *a = kt_metric_new(m, KT_COUNTER, "a_total", "h", "x");
    kt_metric_add(a, kt_metric_series(a, VALUES("\xff\xfe")), 1);
    char *text = written(m, KT_OPENMETRICS_1);
    assert_non_null(strstr(text, "a_total{x=\"other\"} 1\n"));
    free(text);
    kt_metrics_free(m);
}

static void test_counters_never_fall_and_gauges_do(void **state)
{
    kt_metrics *m = kt_metrics_new();
    kt_metric *c = kt_metric_new(m, KT_COUNTER, "c_total", "h", ""), *g = kt_metric_new(m, KT_GAUGE, "g", "h", "");
    kt_metric_add(c, 0, 5);
    kt_metric_add(c, 0, -3);
    kt_metric_add(g, 0, 5);
    kt_metric_add(g, 0, -7);
    assert_true(kt_metric_value(c, 0) == 5);
    assert_true(kt_metric_value(g, 0) == -2);
    kt_metrics_free(m);
}

static double answer(void *ctx) { return *(double *)ctx; }

static void test_an_asked_gauge_is_asked_at_each_scrape(void **state)
{
    double value = 1.5;
    kt_metrics *m = kt_metrics_new();
    kt_metric *g = kt_metric_new(m, KT_GAUGE, "g", "h", "");
    kt_metric_ask(g, 0, answer, &value);
    value = 2.5;
    char *text = written(m, KT_TEXT_004);
    assert_non_null(strstr(text, "\ng 2.5\n"));
    free(text);
    kt_metrics_free(m);
}

struct crowd {
    kt_metric *counter, *histogram, *gauge;
};

static void *count_much(void *ctx)
{
    struct crowd *c = ctx;
    static const char *const names[] = { "a", "b", "c", "d" };
    for (int i = 0; i < 20000; i++) {
        kt_metric_add(c->counter, kt_metric_series(c->counter, VALUES(names[i & 3])), 1);
        kt_metric_observe(c->histogram, 0, 0.5 * (i & 7));
        kt_metric_add(c->gauge, 0, (i & 1) ? -1 : 1);
    }
    return NULL;
}

static void test_threads_lose_nothing_and_a_scrape_is_never_torn(void **state)
{
    kt_metrics *m = kt_metrics_new();
    struct crowd c = { kt_metric_new(m, KT_COUNTER, "c_total", "h", "x"),
                       kt_metric_new(m, KT_HISTOGRAM, "h_seconds", "h", ""), kt_metric_new(m, KT_GAUGE, "g", "h", "") };
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, count_much, &c), 0);
    for (int i = 0; i < 50; i++) {
        char *text = written(m, KT_TEXT_004), *inf = strstr(text, "le=\"+Inf\"} "), *count = strstr(text, "_count ");
        assert_int_equal(strtoll(inf + 11, NULL, 10), strtoll(count + 7, NULL, 10));
        free(text);
    }
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    double total = 0;
    for (size_t i = 0; i < 4; i++) total += kt_metric_value(c.counter, i);
    assert_true(total == 80000);
    assert_true(kt_metric_value(c.histogram, 0) == 80000);
    assert_true(kt_metric_value(c.gauge, 0) == 0);
    kt_metrics_free(m);
}

static void test_promtool_accepts_the_text(void **state)
{
    if (access("/usr/bin/promtool", X_OK) != 0) skip();
    kt_metrics *m = kt_metrics_new();
    kt_metric *g = kt_metric_new(m, KT_COUNTER, "kontor_demo_requests_total", "Requests.", "route");
    kt_metric_series(g, VALUES("/"));
    kt_metric_new(m, KT_HISTOGRAM, "kontor_demo_duration_seconds", "Time.", "");
    char *text = written(m, KT_TEXT_004);
    extern char **environ;
    int ends[2], status = -1;
    pid_t pid;
    posix_spawn_file_actions_t files;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, ends[0], 0);
    char *const argv[] = { "promtool", "check", "metrics", NULL };
    assert_int_equal(posix_spawn(&pid, "/usr/bin/promtool", &files, NULL, argv, environ), 0);
    close(ends[0]);
    assert_true(write(ends[1], text, strlen(text)) == (ssize_t)strlen(text));
    close(ends[1]);
    waitpid(pid, &status, 0);
    posix_spawn_file_actions_destroy(&files);
    assert_int_equal(status, 0);
    free(text);
    kt_metrics_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_0_0_4_is_exact),
        cmocka_unit_test(test_openmetrics_1_0_is_exact),
        cmocka_unit_test(test_numbers_are_shortest_and_canonical),
        cmocka_unit_test(test_the_locale_does_not_change_the_decimal_point),
        cmocka_unit_test(test_latency_buckets_have_canonical_bounds_and_stand_at_zero),
        cmocka_unit_test(test_the_same_name_is_the_same_family_and_the_same_values_the_same_series),
        cmocka_unit_test(test_beyond_the_cap_goes_to_other_and_is_counted),
        cmocka_unit_test(test_label_values_that_are_not_utf_8_become_other),
        cmocka_unit_test(test_counters_never_fall_and_gauges_do),
        cmocka_unit_test(test_an_asked_gauge_is_asked_at_each_scrape),
        cmocka_unit_test(test_threads_lose_nothing_and_a_scrape_is_never_torn),
        cmocka_unit_test(test_promtool_accepts_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
