/* SPDX-License-Identifier: Apache-2.0 */
/* The acceptance list of the HTTP seam, row by row, over raw sockets (docs/http.md). */
#include "http_client.h"
#include <fcntl.h>
#include <microhttpd.h>
#include <sys/resource.h>

static atomic_int handler_runs;
static atomic_bool gate_open;
static _Atomic(http_stream *) open_stream;
static atomic_int streams_gone;

static kt_err say_path(request *rq, reply *rs)
{
    atomic_fetch_add(&handler_runs, 1);
    return reply_text(
        rs, 200,
        kt_str_fmt(rq->mem, "path=%.*s host=%.*s query=%.*s", KT_ARG(rq->path), KT_ARG(rq->host), KT_ARG(rq->query)));
}

static kt_err say_body(request *rq, reply *rs)
{
    atomic_fetch_add(&handler_runs, 1);
    return reply_text(
        rs, 200, kt_str_fmt(rq->mem, "body=%.*s len=%zu file=%d", KT_ARG(rq->body), rq->body_len, rq->body_file >= 0));
}

static kt_err wait_for_gate(request *rq, reply *rs)
{
    atomic_fetch_add(&handler_runs, 1);
    while (!atomic_load(&gate_open)) usleep(1000);
    return reply_text(rs, 200, KT_STR("through the gate"));
}

static kt_err long_answer(request *rq, reply *rs)
{
    static char block[16 * 1024 * 1024];
    memset(block, 'x', sizeof block);
    return reply_bytes(rs, 200, "application/octet-stream", (kt_str){ block, sizeof block });
}

static kt_err evil_header(request *rq, reply *rs)
{
    if (reply_header(rs, "X-Evil", KT_STR("a\r\nSet-Cookie: sid=1")) != KT_BAD_INPUT)
        return reply_text(rs, 200, KT_STR("let in"));
    if (reply_header(rs, "X-Evil\r\nX", KT_STR("a")) != KT_BAD_INPUT) return reply_text(rs, 200, KT_STR("let in"));
    if (reply_header(rs, "X-Evil", (kt_str){ "a\0b", 3 }) != KT_BAD_INPUT) return reply_text(rs, 200, KT_STR("let in"));
    http_cookie c = { .name = "a", .value = KT_STR("x; Domain=all"), .max_age_s = -1 };
    if (reply_cookie_raw(rs, &c) != KT_BAD_INPUT) return reply_text(rs, 200, KT_STR("let in"));
    return reply_text(rs, 200, KT_STR("refused"));
}

static kt_err nothing(request *rq, reply *rs) { return reply_status(rs, 204); }

static kt_err give_file(request *rq, reply *rs)
{
    char name[] = "/tmp/kontor-file-XXXXXX";
    int fd = mkostemp(name, O_CLOEXEC);
    unlink(name);
    if (write(fd, "0123456789", 10) != 10) return KT_IO;
    return reply_file(rq, rs, fd, "text/plain", KT_STR("zehn Ziffern ü.txt"));
}

static void stream_gone(void *ctx) { atomic_fetch_add(&streams_gone, 1); }

static kt_err open_events(request *rq, reply *rs)
{
    http_stream *st;
    TRY(reply_stream(rq, rs, "text/event-stream", 4096, NULL, stream_gone, NULL, &st));
    stream_event(st, KT_STR("hello"), KT_STR("1"), KT_STR("first line\nsecond line"));
    atomic_store(&open_stream, st);
    return KT_OK;
}

static const route rows[] = {
    { .method = "GET", .path = "/p", .handler = say_path, .kind = HTTP_INLINE, .activity = "x" },
    { .method = "GET", .path = "/b", .handler = say_path, .kind = HTTP_INLINE, .activity = "x" },
    { .method = "GET", .path = "/x/{rest...}", .handler = say_path, .kind = HTTP_INLINE, .activity = "x" },
    { .method = "GET",
      .path = "/inside",
      .handler = say_path,
      .kind = HTTP_INLINE,
      .activity = "x",
      .access = HTTP_INTERNAL },
    { .method = "GET", .path = "/w", .handler = say_path, .kind = HTTP_WORK, .activity = "x" },
    { .method = "POST",
      .path = "/body",
      .handler = say_body,
      .kind = HTTP_INLINE,
      .activity = "x",
      .access = HTTP_PUBLIC,
      .flags = HTTP_NO_CSRF | HTTP_RAW_BODY,
      .body_max = 1000 },
    { .method = "POST",
      .path = "/big",
      .handler = say_body,
      .kind = HTTP_WORK,
      .activity = "x",
      .access = HTTP_PUBLIC,
      .flags = HTTP_NO_CSRF | HTTP_RAW_BODY,
      .body_max = 8 * 1024 * 1024 },
    { .method = "GET", .path = "/gate", .handler = wait_for_gate, .kind = HTTP_WORK, .activity = "x" },
    { .method = "GET", .path = "/long", .handler = long_answer, .kind = HTTP_INLINE, .activity = "x" },
    { .method = "GET", .path = "/evil", .handler = evil_header, .kind = HTTP_INLINE, .activity = "x" },
    { .method = "GET", .path = "/nothing", .handler = nothing, .kind = HTTP_INLINE, .activity = "x" },
    { .method = "GET", .path = "/file", .handler = give_file, .kind = HTTP_WORK, .activity = "x" },
    { .method = "GET", .path = "/events", .handler = open_events, .kind = HTTP_INLINE, .activity = "x" },
    { 0 },
};

#define HOST "Host: localhost\r\n"

static int open_default(void **state)
{
    static house h;
    static const char *const hosts[] = { "localhost", "kontor.example", NULL };
    atomic_store(&handler_runs, 0);
    atomic_store(&gate_open, false);
    atomic_store(&streams_gone, 0);
    atomic_store(&open_stream, NULL);
    house_open(
        &h, (http_options){ .hosts = hosts, .head_timeout_s = 1, .rate_grace_s = 1, .grace_s = 3, .spool_dir = "/tmp" },
        rows);
    *state = &h;
    return 0;
}

static int close_default(void **state)
{
    atomic_store(&gate_open, true);
    house_close(*state);
    return 0;
}

/* 400, closed, exactly one answer, no handler, one end. */
static void assert_refused_and_closed(house *h, const char *text, int status)
{
    size_t ends = h->n_ends;
    int runs = atomic_load(&handler_runs);
    answer a = ask(h->port, text);
    if (status_of(&a) != status || answers_in(&a) != 1 || !a.closed)
        fail_msg("wanted one %d and a close, got (%s): %s\nfor: %s", status, a.closed ? "closed" : "open", a.at, text);
    assert_int_equal(atomic_load(&handler_runs), runs);
    assert_true(house_wait_ends(h, ends + 1));
    assert_int_equal(h->n_ends, ends + 1);
    assert_int_equal(h->ends[ends].status, status);
    free(a.at);
}

static void test_row_01_length_and_transfer_encoding_together_are_refused(void **state)
{
    assert_refused_and_closed(*state,
                              "POST /body HTTP/1.1\r\n" HOST
                              "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /p HTTP/1.1\r\n" HOST
                              "\r\n",
                              400);
    assert_refused_and_closed(
        *state, "POST /body HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", 400);
}

static void test_row_02_two_lengths_are_refused_and_nothing_is_smuggled(void **state)
{
    assert_refused_and_closed(*state,
                              "POST /body HTTP/1.1\r\n" HOST
                              "Content-Length: 4\r\nContent-Length: 40\r\n\r\nabcdGET /p HTTP/1.1\r\n" HOST "\r\n",
                              400);
    assert_refused_and_closed(*state,
                              "POST /body HTTP/1.1\r\n" HOST "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd", 400);
}

static void test_row_03_a_folded_header_is_refused(void **state)
{
    assert_refused_and_closed(*state, "GET /p HTTP/1.1\r\n" HOST "X-A: one\r\n two\r\n\r\n", 400);
    assert_refused_and_closed(*state, "GET /p HTTP/1.1\r\n" HOST "X-A: one\r\n\ttwo\r\nX-B: b\r\n\r\n", 400);
    assert_refused_and_closed(*state, "GET /p HTTP/1.1\r\nX-A: one\r\n two\r\n three\r\n" HOST "\r\n", 400);
    assert_refused_and_closed(*state, "POST /body HTTP/1.1\r\n" HOST "Content-Length: 5\r\n 0\r\n\r\nabcde", 400);
    assert_refused_and_closed(*state, "GET /p HTTP/1.1\r\n X-A: one\r\n" HOST "\r\n", 400);
}

static void test_row_04_bare_line_feeds_in_the_head_are_refused(void **state)
{
    assert_refused_and_closed(*state, "GET /p HTTP/1.1\n" HOST "\r\n", 400);
    assert_refused_and_closed(*state, "GET /p HTTP/1.1\r\nHost: localhost\nX-A: b\r\n\r\n", 400);
    assert_refused_and_closed(*state, "GET /p HTTP/1.1\r\nHost: localhost\n\n", 400);
    assert_refused_and_closed(*state, "GET /p HTTP/1.1\r\n" HOST "\n", 400);
    assert_refused_and_closed(*state, "GET /p HTTP/1.1\r\nHost: localhost\rX-A: b\r\n\r\n", 400);
}

static void test_row_04_bare_line_feeds_between_chunks_are_taken_a_known_deviation(void **state)
{
    house *h = *state;
    answer a = ask(h->port, "POST /body HTTP/1.1\r\n" HOST
                            "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\nabc\n0\n\n");
    assert_int_equal(status_of(&a), 200);
    assert_non_null(strstr(a.at, "body=abc len=3"));
    free(a.at);
}

static void test_row_05_a_missing_or_doubtful_host_is_refused(void **state)
{
    assert_refused_and_closed(*state, "GET /p HTTP/1.1\r\n\r\n", 400);
    assert_refused_and_closed(*state, "GET /p HTTP/1.1\r\nHost : localhost\r\n\r\n", 400);
    assert_refused_and_closed(*state, "GET /p HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400);
    assert_refused_and_closed(*state, "GET /p HTTP/1.1\r\nHost:\r\n\r\n", 400);
    assert_refused_and_closed(*state, "GET /p HTTP/1.1\r\nHost: local host\r\n\r\n", 400);
    assert_refused_and_closed(*state, "GET /p HTTP/1.1\r\nHost: localhost:99999\r\n\r\n", 400);
    assert_refused_and_closed(*state, "GET /p HTTP/1.1\r\n" HOST "X Y: z\r\n\r\n", 400);
    assert_refused_and_closed(*state, "GET  /p HTTP/1.1\r\n" HOST "\r\n", 400);
}

static void test_row_06_an_unknown_host_is_misdirected(void **state)
{
    house *h = *state;
    assert_int_equal(status_and_free(ask(h->port, "GET /p HTTP/1.1\r\nHost: other.example\r\n\r\n")), 421);
    assert_int_equal(status_and_free(ask(h->port, "GET /p HTTP/1.1\r\nHost: KONTOR.example:8080\r\n\r\n")), 200);
    assert_int_equal(status_and_free(ask(h->port, "GET /p HTTP/1.1\r\nHost: kontor.example.\r\n\r\n")), 200);
    assert_int_equal(status_and_free(ask(h->port, "GET /p HTTP/1.0\r\n\r\n")), 200);
}

static void test_row_07_absolute_target_is_the_same_as_its_path(void **state)
{
    house *h = *state;
    answer a = ask(h->port, "GET http://kontor.example/p?a=b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_int_equal(status_of(&a), 200);
    assert_non_null(strstr(a.at, "path=/p host=kontor.example query=a=b"));
    free(a.at);
    assert_int_equal(status_and_free(ask(h->port, "GET http://other.example/p HTTP/1.1\r\n" HOST "\r\n")), 421);
    assert_int_equal(status_and_free(ask(h->port, "GET ftp://localhost/p HTTP/1.1\r\n" HOST "\r\n")), 400);
    assert_int_equal(status_and_free(ask(h->port, "GET p HTTP/1.1\r\n" HOST "\r\n")), 400);
}

static void test_row_08_paths_have_one_reading(void **state)
{
    static const struct {
        const char *target;
        int status;
        const char *path;
    } cases[] = {
        { "/a/../b", 200, "path=/b " },
        { "/x/%2e%2e/b", 200, "path=/b " },
        { "/./b", 200, "path=/b " },
        { "/../../b", 200, "path=/b " },
        { "//b", 200, "path=/b " },
        { "/%62", 200, "path=/b " },
        { "/b%00", 400, NULL },
        { "/x/%", 400, NULL },
        { "/x/%4", 400, NULL },
        { "/x/%zz", 400, NULL },
        { "/x/%ff", 400, NULL },
        { "/x/%c3%bc", 200, "path=/x/\xc3\xbc " },
        { "/x/a%2fb", 400, NULL },
        { "/x/%0d%0a", 400, NULL },
        { "/bXX", 404, NULL },
        { "/b/", 404, NULL },
        { "/x/a/b%20c", 200, "path=/x/a/b c " },
        { "/x/%252e%252e", 200, "path=/x/%2e%2e " },
        { "/x/a/..", 200, "path=/x/ " },
        { "/x/\\..\\b", 200, "path=/x/\\..\\b " },
    };
    house *h = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", cases[i].target);
        answer a = ask(h->port, text);
        if (status_of(&a) != cases[i].status || (cases[i].path && !strstr(a.at, cases[i].path)))
            fail_msg("%s: wanted %d %s, got %s", cases[i].target, cases[i].status, cases[i].path ? cases[i].path : "",
                     a.at);
        free(a.at);
    }
}

static void test_row_09_unknown_framing_is_refused(void **state)
{
    house *h = *state;
    assert_refused_and_closed(
        h, "POST /body HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 400);
    assert_refused_and_closed(
        h, "POST /body HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 400);
    assert_refused_and_closed(
        h, "POST /body HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400);
    assert_refused_and_closed(h, "POST /body HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
    assert_refused_and_closed(
        h, "POST /body HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n", 400);
    assert_refused_and_closed(h, "POST /body HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabcXX0\r\n\r\n",
                              400);
}

/* A known deviation: libmicrohttpd 0.9.75 refuses these before we are asked and writes the head of its 400
 * twice. The connection is closed, so the second one is bytes nobody reads. */
static void test_row_09_a_length_that_is_no_number_is_refused(void **state)
{
    static const char *const lengths[] = { "+5", "5x", "-1", "4, 4", "0x5", "99999999999999999999999" };
    house *h = *state;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "POST /body HTTP/1.1\r\n" HOST "Content-Length: %s\r\n\r\nabcdeGET /p HTTP/1.1\r\n" HOST "\r\n",
                 lengths[i]);
        answer a = ask(h->port, text);
        assert_int_equal(status_of(&a), i == 5 ? 413 : 400);
        assert_true(a.closed);
        assert_null(strstr(a.at, "path="));
        assert_null(strstr(a.at, "HTTP/1.1 200"));
        free(a.at);
        assert_true(house_wait_ends(h, i + 1));
        assert_int_equal(h->n_ends, i + 1);
        assert_int_equal(h->ends[i].status, i == 5 ? 413 : 400);
    }
    assert_int_equal(atomic_load(&handler_runs), 0);
}

static void test_row_10_a_body_above_the_limit_is_413_and_logged(void **state)
{
    house *h = *state;
    answer a = ask(h->port, "POST /body HTTP/1.1\r\n" HOST "Content-Length: 99999999\r\n\r\nabc");
    assert_int_equal(status_of(&a), 413);
    assert_true(a.closed);
    free(a.at);
    assert_true(house_wait_ends(h, 1));
    assert_int_equal(house_ended_with(h, 413), 1);
}

static answer send_chunked(unsigned port, size_t chunks)
{
    int fd = client_open(port);
    char chunk[4096 + 16];
    memset(chunk, 'a', sizeof chunk);
    memcpy(chunk, "1000\r\n", 6);
    memcpy(chunk + 6 + 4096, "\r\n", 2);
    client_say(fd, "POST /body HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
    for (size_t i = 0; i < chunks; i++)
        if (!client_send(fd, chunk, 6 + 4096 + 2)) break;
    client_say(fd, "0\r\n\r\n");
    answer a = client_read(fd, NULL, 2000);
    close(fd);
    return a;
}

static void test_row_10_a_chunked_body_is_cut_while_it_streams(void **state)
{
    house *h = *state;
    answer little = send_chunked(h->port, 2), much = send_chunked(h->port, 400);
    assert_int_equal(status_of(&little), 413);
    assert_true(little.closed);
    assert_int_equal(status_of(&much), 413);
    assert_true(much.closed);
    assert_int_equal(answers_in(&much), 1);
    assert_int_equal(atomic_load(&handler_runs), 0);
    assert_true(house_wait_ends(h, 2));
    assert_int_equal(house_ended_with(h, 413), 2);
    free(little.at);
    free(much.at);
}

static void test_row_10_a_refused_small_body_keeps_the_connection(void **state)
{
    house *h = *state;
    int fd = client_open(h->port);
    client_say(fd, "POST /none HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabcGET /p HTTP/1.1\r\n" HOST "\r\n");
    answer a = client_read(fd, "path=/p", 1000);
    assert_int_equal(status_of(&a), 404);
    assert_int_equal(answers_in(&a), 2);
    free(a.at);
    close(fd);
}

static void test_a_long_body_lies_in_a_file(void **state)
{
    house *h = *state;
    int fd = client_open(h->port);
    enum { LEN = 3 * 1024 * 1024 };
    char *body = malloc(LEN);
    memset(body, 'z', LEN);
    char head[128];
    snprintf(head, sizeof head, "POST /big HTTP/1.1\r\n" HOST "Content-Length: %d\r\n\r\n", LEN);
    client_say(fd, head);
    assert_true(client_send(fd, body, LEN));
    answer a = client_read(fd, "file=", 2000);
    assert_non_null(strstr(a.at, "len=3145728 file=1"));
    free(a.at);
    free(body);
    close(fd);
}

/* Sends a piece of a request byte by byte until the server hangs up; how many seconds that took. */
static double trickle(unsigned port, const char *first, const char *piece)
{
    int fd = client_open(port);
    int64_t start = kt_monotonic_ms();
    client_say(fd, first);
    for (size_t i = 0; kt_monotonic_ms() - start < 8000; i++) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        char byte = piece[i % strlen(piece)], got[512];
        if (!client_send(fd, &byte, 1)) break;
        if (poll(&p, 1, 100) > 0 && recv(fd, got, sizeof got, 0) <= 0) break;
    }
    close(fd);
    return (double)(kt_monotonic_ms() - start) / 1000;
}

static void test_row_11_a_trickling_request_line_is_cut_off(void **state)
{
    assert_true(trickle(((house *)*state)->port, "G", "ET") < 5.0);
    assert_true(house_wait_ends(*state, 1));
    assert_int_equal(house_ended_with(*state, 408), 1);
}

static void test_row_11_a_trickling_head_is_cut_off(void **state)
{
    assert_true(trickle(((house *)*state)->port, "GET /p HTTP/1.1\r\n" HOST "X-A: ", "a") < 5.0);
    assert_true(house_wait_ends(*state, 1));
}

static void test_row_11_a_trickling_body_is_cut_off(void **state)
{
    assert_true(trickle(((house *)*state)->port, "POST /body HTTP/1.1\r\n" HOST "Content-Length: 900\r\n\r\n", "a") <
                5.0);
    assert_true(house_wait_ends(*state, 1));
    assert_int_equal(atomic_load(&handler_runs), 0);
}

static void test_row_12_who_stops_reading_is_closed(void **state)
{
    house h;
    house_open(&h, (http_options){ .idle_timeout_s = 1 }, rows);
    int fd = client_open(h.port), small = 4096;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    client_say(fd, "GET /long HTTP/1.1\r\n" HOST "\r\n");
    for (int i = 0; i < 6 && h.n_ends == 0; i++) house_wait_ends(&h, 1);
    assert_int_equal(h.n_ends, 1);
    assert_int_equal(h.ends[0].status, 0);
    close(fd);
    house_close(&h);
}

static void test_row_13_a_client_that_left_is_logged_with_no_status(void **state)
{
    house *h = *state;
    for (int i = 0; i < 2; i++) {
        int fd = client_open(h->port);
        client_say(fd, "GET /gate HTTP/1.1\r\n" HOST "\r\n");
        while (atomic_load(&handler_runs) <= i) usleep(1000);
        close(fd);
    }
    atomic_store(&gate_open, true);
    assert_true(house_wait_ends(h, 2));
    assert_int_equal(h->n_ends, 2);
    assert_int_equal(house_ended_with(h, 0), 2);
}

static void test_row_13_a_half_closed_client_still_gets_its_answer(void **state)
{
    house *h = *state;
    int fd = client_open(h->port);
    client_say(fd, "GET /gate HTTP/1.1\r\n" HOST "\r\n");
    shutdown(fd, SHUT_WR);
    while (atomic_load(&handler_runs) == 0) usleep(1000);
    atomic_store(&gate_open, true);
    answer a = client_read(fd, NULL, 1000);
    assert_int_equal(status_of(&a), 200);
    assert_non_null(strstr(a.at, "through the gate"));
    assert_true(house_wait_ends(h, 1));
    assert_int_equal(house_ended_with(h, 200), 1);
    free(a.at);
    close(fd);
}

/* Appends to a buffer of `size` bytes; gives the new length. */
static size_t __attribute__((format(printf, 4, 5))) append(char *to, size_t size, size_t at, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(to + at, size - at, fmt, args);
    va_end(args);
    assert_true(n >= 0 && at + (size_t)n < size);
    return at + (size_t)n;
}

static void test_row_14_too_many_headers_are_431(void **state)
{
    house *h = *state;
    char *text = malloc(200000);
    size_t n = append(text, 200000, 0, "GET /p HTTP/1.1\r\n" HOST);
    for (int i = 0; i < 3000; i++) n = append(text, 200000, n, "X-Header-%d: value\r\n", i);
    n = append(text, 200000, n, "\r\n");
    assert_refused_and_closed(h, text, 431);
    n = append(text, 200000, 0, "GET /p HTTP/1.1\r\n" HOST);
    for (int i = 0; i < 205; i++) n = append(text, 200000, n, "X-%d: v\r\n", i);
    n = append(text, 200000, n, "\r\n");
    assert_refused_and_closed(h, text, 431);
    free(text);
}

static void test_row_14_a_long_request_line_is_414(void **state)
{
    house *h = *state;
    char *text = malloc(70000);
    memset(text, 'a', 70000);
    memcpy(text, "GET /", 5);
    append(text, 70000, 65536, "%s", " HTTP/1.1\r\n" HOST "\r\n");
    assert_refused_and_closed(h, text, 414);
    assert_false(h->ends[0].request);
    free(text);
}

static void test_a_long_head_that_comes_in_pieces_is_accepted(void **state)
{
    house *h = *state;
    char text[12000];
    size_t n = (size_t)snprintf(text, sizeof text, "GET /x/piece HTTP/1.1\r\n" HOST "Cookie: sid=");
    memset(text + n, 'c', 6000);
    n += 6000;
    for (int i = 0; i < 60; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "\r\nX-Header-%d:   value %d\t", i, i);
    n += (size_t)snprintf(text + n, sizeof text - n, "\r\nX-Empty:\r\n\r\n");
    for (size_t step = 1; step < n; step = step * 3 + 1) {
        int fd = client_open(h->port);
        for (size_t at = 0; at < n; at += step < 40 ? 701 : step) {
            size_t len = step < 40 ? 701 : step;
            client_send(fd, text + at, at + len > n ? n - at : len);
            if (step >= 40 || at % 2) usleep(200);
        }
        answer a = client_read(fd, "query=", 2000);
        assert_int_equal(status_of(&a), 200);
        free(a.at);
        close(fd);
    }
}

static void test_row_15_line_ends_in_our_own_headers_are_refused(void **state)
{
    house *h = *state;
    answer a = ask(h->port, "GET /evil HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    assert_non_null(strstr(a.at, "refused"));
    assert_null(strstr(a.at, "X-Evil"));
    free(a.at);
}

static void *stop_server(void *arg)
{
    http_stop(arg);
    return NULL;
}

static void test_row_16_stopping_loses_no_answer_and_closes_everything(void **state)
{
    house *h = *state;
    pthread_t stopper;
    int idle = client_open(h->port), busy = client_open(h->port), stream = client_open(h->port);
    client_say(idle, "GET /p HTTP/1.1\r\n" HOST "\r\n");
    answer a = client_read(idle, "path=", 1000);
    free(a.at);
    client_say(stream, "GET /events HTTP/1.1\r\n" HOST "\r\n");
    a = client_read(stream, "second line", 1000);
    free(a.at);
    client_say(busy, "GET /gate HTTP/1.1\r\n" HOST "\r\n");
    while (atomic_load(&handler_runs) < 2) usleep(1000);
    int64_t start = kt_monotonic_ms();
    pthread_create(&stopper, NULL, stop_server, h->server);
    usleep(100000);
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)h->port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int late = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_not_equal(connect(late, (struct sockaddr *)&to, sizeof to), 0);
    close(late);
    atomic_store(&gate_open, true);
    a = client_read(busy, NULL, 3000);
    assert_int_equal(status_of(&a), 200);
    assert_non_null(strstr(a.at, "through the gate"));
    assert_non_null(strstr(a.at, "Connection: close"));
    assert_true(a.closed);
    free(a.at);
    a = client_read(idle, NULL, 3000);
    assert_true(a.closed);
    free(a.at);
    a = client_read(stream, NULL, 3000);
    assert_true(a.closed);
    assert_non_null(strstr(a.at, "0\r\n\r\n"));
    free(a.at);
    pthread_join(stopper, NULL);
    assert_true(kt_monotonic_ms() - start < 3500);
    assert_int_equal(house_ended_with(h, 200), 3);
    stream_close(atomic_load(&open_stream));
    close(idle);
    close(busy);
    close(stream);
}

typedef struct {
    unsigned port;
    int answered, cut;
} presser;

static void *press(void *arg)
{
    presser *p = arg;
    for (int round = 0; round < 1000; round++) {
        struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)p->port) };
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
            close(fd);
            return NULL;
        }
        bool closed = false;
        for (int i = 0; i < 50 && !closed; i++) {
            if (!client_say(fd, i % 2 ? "GET /w HTTP/1.1\r\n" HOST "\r\n" : "GET /p HTTP/1.1\r\n" HOST "\r\n")) break;
            answer a = client_read(fd, "query=", 3000);
            bool ok = status_of(&a) == 200 && strstr(a.at, "query=");
            closed = a.closed || strstr(a.at, "Connection: close");
            p->answered += ok;
            p->cut += !ok && a.len > 0 && status_of(&a) != 503;
            free(a.at);
        }
        close(fd);
    }
    return NULL;
}

static void test_row_16_stopping_under_load_cuts_no_answer_in_half(void **state)
{
    pthread_t threads[4];
    presser pressers[4];
    for (int round = 0; round < 5; round++) {
        house h;
        house_open(&h, (http_options){ .grace_s = 2 }, rows);
        for (int i = 0; i < 4; i++) {
            pressers[i] = (presser){ h.port, 0, 0 };
            pthread_create(&threads[i], NULL, press, &pressers[i]);
        }
        usleep(60000 + 7000 * (unsigned)round);
        http_stop(h.server);
        size_t answered = 0;
        for (int i = 0; i < 4; i++) {
            pthread_join(threads[i], NULL);
            answered += (size_t)pressers[i].answered;
            assert_int_equal(pressers[i].cut, 0);
        }
        assert_true(answered > 0);
        assert_true(h.n_ends >= answered);
        house_close(&h);
    }
}

static void test_the_internal_listener_is_apart(void **state)
{
    house *h = *state;
    kt_fail why = { 0 };
    assert_int_equal(http_listen_also(h->server, "127.0.0.1:0", true, &why), KT_OK);
    unsigned port = http_port_internal(h->server);
    assert_true(port > 0 && port != h->port);
    assert_int_equal(status_and_free(ask(port, "GET /inside HTTP/1.1\r\nHost: 192.0.2.1:9000\r\n\r\n")), 200);
    assert_int_equal(
        status_and_free(ask(h->port, "GET /inside HTTP/1.1\r\n" HOST "X-Forwarded-For: 192.0.2.1\r\n\r\n")), 404);
    assert_int_equal(status_and_free(ask(h->port, "GET /inside HTTP/1.1\r\n" HOST "\r\n")), 200);
}

static void test_row_18_expect_100_continue(void **state)
{
    house *h = *state;
    int fd = client_open(h->port);
    client_say(fd, "POST /body HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    answer a = client_read(fd, "\r\n\r\n", 1000);
    assert_int_equal(status_of(&a), 100);
    free(a.at);
    client_say(fd, "abc");
    a = client_read(fd, "body=abc", 1000);
    assert_int_equal(status_of(&a), 200);
    free(a.at);
    close(fd);
    a = ask(h->port, "POST /body HTTP/1.1\r\n" HOST "Content-Length: 3000\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(status_of(&a), 413);
    free(a.at);
}

static void test_row_18_head_and_statuses_without_a_body(void **state)
{
    house *h = *state;
    int fd = client_open(h->port);
    client_say(fd, "HEAD /p HTTP/1.1\r\n" HOST "\r\nGET /nothing HTTP/1.1\r\n" HOST "\r\nGET /p HTTP/1.1\r\n" HOST
                   "Connection: close\r\n\r\n");
    answer a = client_read(fd, NULL, 1000);
    assert_int_equal(answers_in(&a), 3);
    assert_non_null(strstr(a.at, "Content-Length: 29"));
    char *second = strstr(a.at, "HTTP/1.1 204");
    assert_non_null(second);
    char *third = strstr(second, "HTTP/1.1 200");
    assert_non_null(third);
    assert_null(memmem(a.at, (size_t)(third - a.at), "path=", 5));
    assert_null(memmem(second, (size_t)(third - second), "Content-Length", 14));
    assert_true(house_wait_ends(h, 3));
    assert_int_equal(h->ends[0].bytes, 0);
    free(a.at);
    close(fd);
    assert_int_equal(status_and_free(ask(h->port, "DELETE /p HTTP/1.1\r\n" HOST "\r\n")), 405);
    a = ask(h->port, "DELETE /p HTTP/1.1\r\n" HOST "\r\n");
    assert_non_null(strstr(a.at, "Allow: GET, HEAD\r\n"));
    free(a.at);
}

static void test_row_18_pipelining_and_keep_alive(void **state)
{
    house *h = *state;
    enum { N = 50 };
    char all[N * 64];
    size_t n = 0;
    for (int i = 0; i < N; i++)
        n = append(all, sizeof all, n, "GET %s?%d HTTP/1.1\r\n" HOST "\r\n", i % 2 ? "/p" : "/w", i);
    int fd = client_open(h->port);
    client_send(fd, all, n);
    answer a = client_read(fd, "query=49", 2000);
    assert_int_equal(answers_in(&a), N);
    const char *at = a.at;
    for (int i = 0; i < N; i++) {
        char mark[32];
        snprintf(mark, sizeof mark, "query=%d", i);
        at = strstr(at, mark);
        assert_non_null(at);
    }
    free(a.at);
    close(fd);
    assert_true(house_wait_ends(h, N));
    assert_int_equal(house_ended_with(h, 200), N);
    a = ask(h->port, "GET /p HTTP/1.0\r\n" HOST "\r\n");
    assert_true(a.closed);
    free(a.at);
    fd = client_open(h->port);
    client_say(fd, "GET /p HTTP/1.0\r\n" HOST "Connection: keep-alive\r\n\r\n");
    a = client_read(fd, "query=", 500);
    assert_false(a.closed);
    free(a.at);
    close(fd);
}

static void test_row_18_ranges_and_conditions_on_files(void **state)
{
    static const struct {
        const char *range;
        int status;
        const char *want;
    } cases[] = {
        { "bytes=2-4", 206, "Content-Range: bytes 2-4/10" },
        { "bytes=7-", 206, "\r\n\r\n789" },
        { "bytes=-3", 206, "\r\n\r\n789" },
        { "bytes=0-99", 206, "bytes 0-9/10" },
        { "bytes=10-", 416, "Content-Range: bytes */10" },
        { "bytes=4-2", 200, "0123456789" },
        { "bytes=0-1,3-4", 200, "0123456789" },
        { "lines=1-2", 200, "0123456789" },
        { "bytes=-0", 416, "bytes */10" },
    };
    house *h = *state;
    char text[512];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(text, sizeof text, "GET /file HTTP/1.1\r\n" HOST "Connection: close\r\nRange: %s\r\n\r\n",
                 cases[i].range);
        answer a = ask(h->port, text);
        if (status_of(&a) != cases[i].status || !strstr(a.at, cases[i].want)) fail_msg("%s: %s", cases[i].range, a.at);
        free(a.at);
    }
    answer a = ask(h->port, "GET /file HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    assert_non_null(strstr(a.at, "Accept-Ranges: bytes"));
    assert_non_null(strstr(a.at, "filename*=UTF-8''zehn%20Ziffern%20%C3%BC.txt"));
    free(a.at);
}

static void test_row_18_not_modified_has_no_body(void **state)
{
    house *h = *state;
    int fd = client_open(h->port);
    client_say(fd, "GET /file HTTP/1.1\r\n" HOST "If-None-Match: *\r\n\r\nGET /p HTTP/1.1\r\n" HOST
                   "Connection: close\r\n\r\n");
    answer a = client_read(fd, NULL, 1000);
    assert_int_equal(status_of(&a), 304);
    assert_int_equal(answers_in(&a), 2);
    assert_null(strstr(a.at, "0123456789"));
    assert_non_null(strstr(a.at, "ETag: "));
    free(a.at);
    close(fd);
}

/* ---- row 19 ---- */

static long resident_kib(void)
{
    long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%ld %ld", &pages, &resident) != 2) resident = 0;
    if (f) fclose(f);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void test_row_19_ten_thousand_idle_connections_cost_bounded_memory(void **state)
{
    house h;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    /* Both ends are in this process: two descriptors a connection. */
    size_t n = 10000;
    if (limit.rlim_max < 2 * n + 200) {
        n = (size_t)(limit.rlim_max - 200) / 2;
        printf("the descriptor limit of this machine is %lu: %zu connections instead of 10000\n",
               (unsigned long)limit.rlim_max, n);
    }
    house_open(&h, (http_options){ .connections_max = 30000, .connections_per_address = 20000 }, rows);
    int *fds = malloc(n * sizeof *fds);
    long before = resident_kib();
    for (size_t i = 0; i < n; i++) {
        fds[i] = client_open(h.port);
        client_say(fds[i], "GET /p HTTP/1.1\r\n" HOST "\r\n");
        answer a = client_read(fds[i], "query=", 2000);
        assert_int_equal(status_and_free(a), 200);
    }
    long after = resident_kib();
    printf("%zu idle keep-alive connections: %ld KiB, %.1f KiB each\n", n, after - before,
           (double)(after - before) / (double)n);
    for (size_t i = 0; i < n; i += 97) {
        client_say(fds[i], "GET /w HTTP/1.1\r\n" HOST "\r\n");
        assert_int_equal(status_and_free(client_read(fds[i], "query=", 2000)), 200);
    }
#ifndef __SANITIZE_THREAD__
    assert_true((after - before) / (long)n < 80);
#endif
    for (size_t i = 0; i < n; i++) close(fds[i]);
    free(fds);
    house_close(&h);
}

static void test_row_19_more_connections_than_allowed_from_one_address_are_refused(void **state)
{
    house h;
    int fds[12], refused = 0;
    house_open(&h, (http_options){ .connections_per_address = 5, .loops = 1 }, rows);
    for (int i = 0; i < 12; i++) {
        fds[i] = client_open(h.port);
        client_say(fds[i], "GET /p HTTP/1.1\r\n" HOST "\r\n");
        answer a = client_read(fds[i], "query=", 1000);
        int status = status_and_free(a);
        assert_true(status == 200 || status == 0);
        refused += status == 0;
    }
    assert_int_equal(refused, 7);
    for (int i = 0; i < 12; i++) close(fds[i]);
    house_close(&h);
}

static void test_garbage_is_logged_without_a_request(void **state)
{
    house *h = *state;
    static const char *const garbage[] = { "\x16\x03\x01\x02", "hello\r\n\r\n", "GET /p HTTP/9.9\r\n\r\n",
                                           "GET /p XTTP/1.1\r\n\r\n", "GET /p\r\n\r\n" };
    for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
        int fd = client_open(h->port);
        client_say(fd, garbage[i]);
        shutdown(fd, SHUT_WR);
        answer a = client_read(fd, NULL, 1000);
        assert_int_not_equal(status_of(&a), 200);
        free(a.at);
        close(fd);
        if (!house_wait_ends(h, i + 1)) fail_msg("not logged: %s", garbage[i]);
        assert_int_equal(h->n_ends, i + 1);
        assert_false(h->ends[i].request);
    }
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, open_default, close_default)
int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(test_row_01_length_and_transfer_encoding_together_are_refused),
        WITH(test_row_02_two_lengths_are_refused_and_nothing_is_smuggled),
        WITH(test_row_03_a_folded_header_is_refused),
        WITH(test_row_04_bare_line_feeds_in_the_head_are_refused),
        WITH(test_row_04_bare_line_feeds_between_chunks_are_taken_a_known_deviation),
        WITH(test_row_05_a_missing_or_doubtful_host_is_refused),
        WITH(test_row_06_an_unknown_host_is_misdirected),
        WITH(test_row_07_absolute_target_is_the_same_as_its_path),
        WITH(test_row_08_paths_have_one_reading),
        WITH(test_row_09_unknown_framing_is_refused),
        WITH(test_row_09_a_length_that_is_no_number_is_refused),
        WITH(test_row_10_a_body_above_the_limit_is_413_and_logged),
        WITH(test_row_10_a_chunked_body_is_cut_while_it_streams),
        WITH(test_row_10_a_refused_small_body_keeps_the_connection),
        WITH(test_a_long_body_lies_in_a_file),
        WITH(test_row_11_a_trickling_request_line_is_cut_off),
        WITH(test_row_11_a_trickling_head_is_cut_off),
        WITH(test_row_11_a_trickling_body_is_cut_off),
        cmocka_unit_test(test_row_12_who_stops_reading_is_closed),
        WITH(test_row_13_a_client_that_left_is_logged_with_no_status),
        WITH(test_row_13_a_half_closed_client_still_gets_its_answer),
        WITH(test_row_14_too_many_headers_are_431),
        WITH(test_row_14_a_long_request_line_is_414),
        WITH(test_a_long_head_that_comes_in_pieces_is_accepted),
        WITH(test_row_15_line_ends_in_our_own_headers_are_refused),
        WITH(test_row_16_stopping_loses_no_answer_and_closes_everything),
        cmocka_unit_test(test_row_16_stopping_under_load_cuts_no_answer_in_half),
        WITH(test_the_internal_listener_is_apart),
        WITH(test_row_18_expect_100_continue),
        WITH(test_row_18_head_and_statuses_without_a_body),
        WITH(test_row_18_pipelining_and_keep_alive),
        WITH(test_row_18_ranges_and_conditions_on_files),
        WITH(test_row_18_not_modified_has_no_body),
        cmocka_unit_test(test_row_19_ten_thousand_idle_connections_cost_bounded_memory),
        cmocka_unit_test(test_row_19_more_connections_than_allowed_from_one_address_are_refused),
        WITH(test_garbage_is_logged_without_a_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
