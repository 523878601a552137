/* SPDX-License-Identifier: Apache-2.0 */
/* Streams: bytes that come later, readers that are slow, readers that leave; and workers under load. */
#include "http_client.h"

typedef struct {
    atomic_int drains, gone, closed;
    _Atomic(http_stream *) stream;
} writer;
static writer the_writer;

static void drained(http_stream *s, void *ctx) { atomic_fetch_add(&((writer *)ctx)->drains, 1); }
static void gone(void *ctx)
{
    writer *w = ctx;
    atomic_fetch_add(&w->gone, 1);
    stream_close(atomic_load(&w->stream));
    atomic_fetch_add(&w->closed, 1);
}

static kt_err open_stream(request *rq, reply *rs)
{
    http_stream *st;
    TRY(reply_stream(rq, rs, "application/octet-stream", 64 * 1024, drained, gone, &the_writer, &st));
    atomic_store(&the_writer.stream, st);
    return KT_OK;
}

static kt_err count_up(request *rq, reply *rs)
{
    return reply_text(rs, 200, kt_str_fmt(rq->mem, "n=%.*s;", KT_ARG(request_param(rq, "n"))));
}

static kt_err nap(request *rq, reply *rs)
{
    usleep(30000);
    return reply_text(rs, 200, KT_STR("rested"));
}

static const route rows[] = {
    { .method = "GET", .path = "/stream", .handler = open_stream, .kind = HTTP_INLINE, .activity = "x" },
    { .method = "GET", .path = "/worker-stream", .handler = open_stream, .kind = HTTP_WORK, .activity = "x" },
    { .method = "GET", .path = "/work/{n}", .handler = count_up, .kind = HTTP_WORK, .activity = "x" },
    { .method = "GET", .path = "/read/{n}", .handler = count_up, .kind = HTTP_READ, .activity = "x" },
    { .method = "GET", .path = "/nap", .handler = nap, .kind = HTTP_WORK, .activity = "x" },
    { 0 },
};

static int begin(void **state)
{
    static house h;
    memset(&the_writer, 0, sizeof the_writer);
    house_open(&h, (http_options){ .grace_s = 2, .reads_on_worker = true }, rows);
    *state = &h;
    return 0;
}

static int end(void **state)
{
    house_close(*state);
    return 0;
}

static http_stream *wait_for_stream(void)
{
    http_stream *st = NULL;
    for (int i = 0; i < 1000 && !(st = atomic_load(&the_writer.stream)); i++) usleep(1000);
    assert_non_null(st);
    return st;
}

static void test_a_stream_carries_what_another_thread_writes(void **state)
{
    house *h = *state;
    static const char *const paths[] = { "/stream", "/worker-stream" };
    for (int i = 0; i < 2; i++) {
        char text[128];
        int fd = client_open(h->port);
        atomic_store(&the_writer.stream, NULL);
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", paths[i]);
        client_say(fd, text);
        http_stream *st = wait_for_stream();
        for (int j = 0; j < 20; j++) {
            assert_true(stream_write(st, KT_STR("tick ")));
            if (j % 5 == 0) usleep(2000);
        }
        stream_close(st);
        answer a = client_read(fd, "0\r\n\r\n", 1000);
        size_t n = 0;
        for (const char *p = a.at; (p = strstr(p, "tick")); p++) n++;
        assert_int_equal(n, 20);
        assert_non_null(strstr(a.at, "Transfer-Encoding: chunked"));
        free(a.at);
        client_say(fd, "GET /read/7 HTTP/1.1\r\nHost: localhost\r\n\r\n"); /* the connection lives on */
        a = client_read(fd, "n=7;", 1000);
        assert_int_equal(status_of(&a), 200);
        free(a.at);
        close(fd);
    }
    assert_true(house_wait_ends(h, 4));
    assert_int_equal(h->ends[0].bytes, 100);
    assert_int_equal(atomic_load(&the_writer.gone), 0);
}

static void test_a_slow_reader_makes_the_stream_full_and_then_drained(void **state)
{
    house *h = *state;
    static char block[16 * 1024];
    memset(block, 'b', sizeof block);
    int fd = client_open(h->port), small = 8192;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    client_say(fd, "GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
    http_stream *st = wait_for_stream();
    size_t written = 0;
    for (int quiet = 0; quiet < 100;) {
        if (stream_write(st, (kt_str){ block, sizeof block })) {
            written += sizeof block;
            quiet = 0;
        } else {
            quiet++;
            usleep(1000);
        }
    }
    assert_in_range(written, sizeof block, 64 * 1024 * 1024);
    int drains = atomic_load(&the_writer.drains);
    size_t got = 0;
    char piece[65536];
    struct pollfd p = { .fd = fd, .events = POLLIN };
    while (poll(&p, 1, 500) > 0) {
        ssize_t n = recv(fd, piece, sizeof piece, 0);
        if (n <= 0) break;
        got += (size_t)n;
    }
    assert_true(got > written);
    assert_true(atomic_load(&the_writer.drains) > drains);
    assert_true(stream_write(st, KT_STR("again")));
    stream_close(st);
    answer a = client_read(fd, "0\r\n\r\n", 1000);
    assert_non_null(strstr(a.at, "again"));
    free(a.at);
    close(fd);
}

static void test_a_reader_that_left_is_told_once(void **state)
{
    house *h = *state;
    int fd = client_open(h->port);
    client_say(fd, "GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
    http_stream *st = wait_for_stream();
    assert_true(stream_write(st, KT_STR("first")));
    answer a = client_read(fd, "first", 1000);
    free(a.at);
    close(fd);
    for (int i = 0; i < 600 && atomic_load(&the_writer.closed) == 0; i++) usleep(5000);
    assert_int_equal(atomic_load(&the_writer.gone), 1);
    assert_int_equal(atomic_load(&the_writer.closed), 1);
    assert_true(house_wait_ends(h, 1));
    assert_int_equal(h->n_ends, 1);
}

static void test_a_head_request_of_a_stream_is_over_at_once(void **state)
{
    house *h = *state;
    answer a = ask(h->port, "HEAD /stream HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_int_equal(status_of(&a), 200);
    assert_true(a.closed);
    free(a.at);
    for (int i = 0; i < 400 && atomic_load(&the_writer.closed) == 0; i++) usleep(5000);
    assert_int_equal(atomic_load(&the_writer.gone), 1);
}

/* ---- workers ---- */

typedef struct {
    unsigned port;
    int from;
    bool leave;
    int good;
} caller;

static void *call(void *arg)
{
    caller *c = arg;
    int fd = client_open(c->port);
    for (int i = 0; i < 200; i++) {
        char text[128], want[32];
        snprintf(text, sizeof text, "GET /%s/%d HTTP/1.1\r\nHost: localhost\r\n\r\n", i % 3 ? "work" : "read",
                 c->from + i);
        snprintf(want, sizeof want, "n=%d;", c->from + i);
        client_say(fd, text);
        if (c->leave && i % 7 == 0) { /* goes while the worker runs */
            close(fd);
            fd = client_open(c->port);
            continue;
        }
        answer a = client_read(fd, want, 3000);
        c->good += strstr(a.at, want) != NULL;
        free(a.at);
    }
    close(fd);
    return NULL;
}

static void test_many_callers_each_get_their_own_answer(void **state)
{
    house *h = *state;
    pthread_t threads[6];
    caller callers[6];
    for (int i = 0; i < 6; i++) {
        callers[i] = (caller){ h->port, i * 1000, i >= 4, 0 };
        pthread_create(&threads[i], NULL, call, &callers[i]);
    }
    for (int i = 0; i < 6; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < 4; i++) assert_int_equal(callers[i].good, 200);
    assert_int_equal(callers[4].good, 200 - 29);
    /* Every request ended exactly once, also the abandoned ones. */
    assert_true(house_wait_ends(h, 1200));
    usleep(50000);
    assert_int_equal(h->n_ends, 1200);
}

static void test_more_work_than_the_queue_holds_is_answered_503(void **state)
{
    house h;
    enum { N = 300 };
    int fds[N], busy = 0, done = 0;
    house_open(&h, (http_options){ .workers = 1, .loops = 1 }, rows);
    for (int i = 0; i < N; i++) {
        fds[i] = client_open(h.port);
        client_say(fds[i], "GET /nap HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    }
    for (int i = 0; i < N; i++) {
        answer a = client_read(fds[i], NULL, 15000);
        busy += status_of(&a) == 503 && strstr(a.at, "Retry-After:") != NULL;
        done += status_of(&a) == 200;
        free(a.at);
        close(fds[i]);
    }
    assert_int_equal(busy + done, N);
    assert_true(busy > 0 && done >= 256);
    house_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_stream_carries_what_another_thread_writes, begin, end),
        cmocka_unit_test_setup_teardown(test_a_slow_reader_makes_the_stream_full_and_then_drained, begin, end),
        cmocka_unit_test_setup_teardown(test_a_reader_that_left_is_told_once, begin, end),
        cmocka_unit_test_setup_teardown(test_a_head_request_of_a_stream_is_over_at_once, begin, end),
        cmocka_unit_test_setup_teardown(test_many_callers_each_get_their_own_answer, begin, end),
        cmocka_unit_test(test_more_work_than_the_queue_holds_is_answered_503),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
