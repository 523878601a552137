/* SPDX-License-Identifier: Apache-2.0 */
/* Webhooks: what the receiver sees, what its answers do to the row, and what is refused before. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/embedded.h"
#include "base/log.h"
#include "store/webhook.h"

#define T0     1767225600123
#define SECRET "twenty-four bytes of sec"

/* A receiver that takes one request a connection and answers with the next of its statuses. */
typedef struct {
    int listener, port;
    _Atomic int requests;
    int statuses[8]; /* 0 = hang up without an answer */
    char heard[8][4096];
    pthread_t thread;
} receiver;

static void *receive(void *arg)
{
    receiver *r = arg;
    for (;;) {
        int fd = accept(r->listener, NULL, NULL);
        if (fd < 0) return NULL;
        char *at = r->heard[r->requests];
        size_t n = 0;
        for (ssize_t got; n < 4095 && (got = recv(fd, at + n, 4095 - n, 0)) > 0;) {
            n += (size_t)got;
            at[n] = 0;
            const char *head = strstr(at, "\r\n\r\n"), *length = strcasestr(at, "content-length:");
            if (head && length && n >= (size_t)(head - at) + 4 + strtoul(length + 15, NULL, 10)) break;
        }
        int status = r->statuses[r->requests++];
        char answer[128];
        int len = snprintf(
            answer, sizeof answer,
            "HTTP/1.1 %d x\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
            status);
        if (status && send(fd, answer, (size_t)len, MSG_NOSIGNAL) < 0) abort();
        close(fd);
    }
}

static void receiver_start(receiver *r)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    r->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(r->listener >= 0 && bind(r->listener, (struct sockaddr *)&a, sizeof a) == 0 &&
                listen(r->listener, 8) == 0);
    assert_int_equal(getsockname(r->listener, (struct sockaddr *)&a, &len), 0);
    r->port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(&r->thread, NULL, receive, r), 0);
}

typedef struct {
    kt_clock clock;
    kt_random random;
    kt_arena *mem;
    store *st;
    outbox *o;
    receiver r;
    char url[64];
} house;

static int set_up(void **state)
{
    house *h = kt_calloc(1, sizeof *h);
    kt_fail fail = { 0 };
    kt_log_set_level(KT_LOG_ERROR);
    h->clock = kt_clock_fixed(T0);
    h->random = kt_random_seeded(7);
    h->mem = kt_arena_new();
    assert_int_equal(store_open(&(store_options){ .in_memory = true, .clock = &h->clock }, &fail, &h->st), KT_OK);
    assert_int_equal(store_migrate(h->st, "store", kt_embedded_str(kt_embedded_find("store/schema.sql")), &fail),
                     KT_OK);
    assert_int_equal(outbox_new(h->st, &h->clock, &h->random, NULL, &h->o), KT_OK);
    receiver_start(&h->r);
    snprintf(h->url, sizeof h->url, "http://127.0.0.1:%d/hook", h->r.port);
    webhook_target t = { .id = "app", .url = h->url, .secret = KT_STR(SECRET) };
    assert_int_equal(webhook_start(h->o, &t, 1, &h->clock, &fail), KT_OK);
    *state = h;
    return 0;
}

static int tear_down(void **state)
{
    house *h = *state;
    outbox_free(h->o);
    shutdown(h->r.listener, SHUT_RDWR);
    pthread_join(h->r.thread, NULL);
    close(h->r.listener);
    store_close(h->st);
    kt_arena_free(h->mem);
    free(h);
    return 0;
}

typedef struct {
    house *h;
    const char *key, *target;
} asked;

static kt_err put(db *d, void *ctx)
{
    asked *a = ctx;
    kt_value *data = kt_map(a->h->mem);
    kt_set_c(a->h->mem, data, "account", "Größe");
    return webhook_put(d, a->h->mem,
                       &(webhook){ .key = kt_str_c(a->key),
                                   .target = a->target,
                                   .type = "account.created",
                                   .activity = "registration",
                                   .subject = KT_STR("abc"),
                                   .data = data },
                       T0);
}

static void tell(house *h, const char *key, const char *target)
{
    assert_int_equal(store_write(h->st, put, &(asked){ h, key, target }), KT_OK);
}

static size_t run(house *h)
{
    size_t tried = 0;
    assert_int_equal(outbox_run(h->o, 10, &tried), KT_OK);
    return tried;
}

/* Rows in that state. */
static int64_t rows_in(house *h, const char *state)
{
    kt_value *list = NULL;
    assert_int_equal(outbox_list(store_reader(h->st), state, 0, 50, h->mem, &list), KT_OK);
    return (int64_t)list->count;
}

static void test_an_event_arrives_signed_with_its_key(void **state)
{
    house *h = *state;
    h->r.statuses[0] = 200;
    tell(h, "evt_1", "app");
    assert_int_equal(run(h), 1);
    const char *heard = h->r.heard[0], *body = strstr(heard, "\r\n\r\n") + 4;
    assert_int_equal(strncmp(heard, "POST /hook HTTP/1.1\r\n", 21), 0);
    assert_string_equal(
        body,
        "{\"type\":\"account.created\",\"timestamp\":\"2026-01-01T00:00:00.123Z\",\"data\":{\"account\":\"Größe\"}}");
    assert_non_null(strstr(heard, "webhook-id: evt_1\r\n"));
    assert_non_null(strstr(heard, "webhook-timestamp: 1767225600\r\n"));
    assert_non_null(strstr(heard, "Content-Type: application/json\r\n"));
    kt_str signature = webhook_signature(h->mem, KT_STR(SECRET), KT_STR("evt_1"), T0 / 1000, kt_str_c(body));
    assert_non_null(
        strstr(heard, kt_str_z(h->mem, kt_str_fmt(h->mem, "webhook-signature: %.*s\r\n", KT_ARG(signature)))));
    assert_int_equal(rows_in(h, "sent"), 1);
}

/* Standard Webhooks, "Verifying signatures": the published example. */
static void test_the_signature_is_the_standards(void **state)
{
    house *h = *state;
    kt_str secret = KT_STR_NONE;
    assert_true(kt_base64_decode(h->mem, KT_STR("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), &secret));
    kt_str got = webhook_signature(h->mem, secret, KT_STR("msg_p5jXN8AQM9LWM0D4loKWxJek"), 1614265330,
                                   KT_STR("{\"test\": 2432232314}"));
    assert_true(kt_str_is(got, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
}

static void test_a_busy_receiver_is_asked_again_with_the_same_key(void **state)
{
    house *h = *state;
    h->r.statuses[0] = 503;
    h->r.statuses[1] = 0; /* hangs up */
    h->r.statuses[2] = 429;
    h->r.statuses[3] = 204;
    tell(h, "evt_2", "app");
    for (int i = 0; i < 4; i++) {
        assert_int_equal(run(h), 1);
        assert_int_equal(run(h), 0); /* not before its time */
        h->clock.fixed_ms += 7 * KT_HOUR_MS;
        assert_non_null(strstr(h->r.heard[i], "webhook-id: evt_2\r\n"));
    }
    assert_int_equal(rows_in(h, "sent"), 1);
    assert_int_equal(h->r.requests, 4);
}

static void test_a_receiver_that_says_no_is_not_asked_again_and_a_redirect_is_a_no(void **state)
{
    house *h = *state;
    h->r.statuses[0] = 400;
    h->r.statuses[1] = 302;
    tell(h, "evt_3", "app");
    tell(h, "evt_4", "app");
    assert_int_equal(run(h), 2);
    assert_int_equal(rows_in(h, "dead"), 2);
    assert_int_equal(h->r.requests, 2);
}

static void test_an_unknown_target_is_dead_and_seen(void **state)
{
    house *h = *state;
    tell(h, "evt_5", "nobody");
    assert_int_equal(run(h), 1);
    assert_int_equal(rows_in(h, "dead"), 1);
    assert_int_equal(h->r.requests, 0);
}

static void test_the_same_key_is_queued_once(void **state)
{
    house *h = *state;
    h->r.statuses[0] = 200;
    tell(h, "evt_6", "app");
    tell(h, "evt_6", "app");
    assert_int_equal(run(h), 1);
}

static void test_plain_http_elsewhere_and_short_secrets_are_refused(void **state)
{
    house *h = *state;
    static const char *const bad[] = { "http://example.org/", "http://127.0.0.1.example.org/", "ftp://localhost/",
                                       "localhost" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        kt_fail fail = { 0 };
        webhook_target t = { .id = "x", .url = bad[i], .secret = KT_STR(SECRET) };
        assert_int_equal(webhook_start(h->o, &t, 1, &h->clock, &fail), KT_INVALID);
        assert_true(fail.text[0]);
    }
    kt_fail fail = { 0 };
    webhook_target t = { .id = "x", .url = "https://example.org/", .secret = KT_STR("short") };
    assert_int_equal(webhook_start(h->o, &t, 1, &h->clock, &fail), KT_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_event_arrives_signed_with_its_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_signature_is_the_standards, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_busy_receiver_is_asked_again_with_the_same_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_receiver_that_says_no_is_not_asked_again_and_a_redirect_is_a_no, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_an_unknown_target_is_dead_and_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_same_key_is_queued_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_plain_http_elsewhere_and_short_secrets_are_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
