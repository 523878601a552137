/* SPDX-License-Identifier: Apache-2.0 */
/* Row 17 of the acceptance list: TLS 1.2 and 1.3, and a new certificate without dropping anybody. */
#include "http_client.h"
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <sys/stat.h>

static kt_err hello(request *rq, reply *rs)
{
    return reply_text(rs, 200, rq->tls ? KT_STR("over TLS") : KT_STR("plain"));
}
static kt_err post(request *rq, reply *rs) { return reply_text(rs, 200, KT_STR("taken")); }
static kt_err work(request *rq, reply *rs) { return reply_text(rs, 200, KT_STR("worked")); }

static const route rows[] = {
    { .method = "GET", .path = "/hello", .handler = hello, .kind = HTTP_INLINE, .activity = "x" },
    { .method = "GET", .path = "/work", .handler = work, .kind = HTTP_WORK, .activity = "x" },
    { .method = "POST", .path = "/post", .handler = post, .kind = HTTP_WORK, .activity = "x" },
    { 0 },
};

/* ---- certificates of our own ---- */

static char folder[64], cert_file[96], key_file[96];

static void put_file(const char *name, const gnutls_datum_t *data)
{
    FILE *f = fopen(name, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(data->data, 1, data->size, f), data->size);
    fclose(f);
}

/* A self-signed certificate with this serial number; key_only_to writes just the key elsewhere. */
static void make_certificate(unsigned char serial, const char *cert_to, const char *key_to)
{
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
    gnutls_datum_t out;
    gnutls_x509_privkey_init(&key);
    assert_int_equal(
        gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0), 0);
    gnutls_x509_crt_init(&crt);
    gnutls_x509_crt_set_version(crt, 3);
    gnutls_x509_crt_set_serial(crt, &serial, 1);
    gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, "localhost", 9);
    gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, "localhost", 9, GNUTLS_FSAN_SET);
    gnutls_x509_crt_set_activation_time(crt, 1000000000);
    gnutls_x509_crt_set_expiration_time(crt, 4000000000);
    gnutls_x509_crt_set_key(crt, key);
    assert_int_equal(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0), 0);
    if (cert_to) {
        assert_int_equal(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &out), 0);
        put_file(cert_to, &out);
        gnutls_free(out.data);
    }
    if (key_to) {
        assert_int_equal(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &out), 0);
        put_file(key_to, &out);
        gnutls_free(out.data);
    }
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
}

/* ---- a TLS client ---- */

typedef struct {
    int fd;
    gnutls_session_t tls;
    gnutls_certificate_credentials_t trust;
    int shaken;
} tls_client;

static tls_client tls_open(unsigned port, const char *priorities)
{
    tls_client c = { client_open(port), NULL, NULL, 0 };
    gnutls_certificate_allocate_credentials(&c.trust);
    gnutls_init(&c.tls, GNUTLS_CLIENT);
    gnutls_priority_set_direct(c.tls, priorities, NULL);
    gnutls_credentials_set(c.tls, GNUTLS_CRD_CERTIFICATE, c.trust);
    gnutls_server_name_set(c.tls, GNUTLS_NAME_DNS, "localhost", 9);
    gnutls_transport_set_int(c.tls, c.fd);
    gnutls_handshake_set_timeout(c.tls, 3000);
    gnutls_record_set_timeout(c.tls, 2000);
    do c.shaken = gnutls_handshake(c.tls);
    while (c.shaken < 0 && !gnutls_error_is_fatal(c.shaken));
    return c;
}

static void tls_close(tls_client *c)
{
    gnutls_deinit(c->tls);
    gnutls_certificate_free_credentials(c->trust);
    close(c->fd);
}

/* Asks and reads until `until` is there. */
static bool tls_ask(tls_client *c, const char *text, const char *until, char *out, size_t size)
{
    size_t n = 0;
    if (gnutls_record_send(c->tls, text, strlen(text)) < 0) return false;
    memset(out, 0, size);
    while (n + 1 < size && !strstr(out, until)) {
        ssize_t got = gnutls_record_recv(c->tls, out + n, size - n - 1);
        if (got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED) continue;
        if (got <= 0) return false;
        n += (size_t)got;
    }
    return strstr(out, until) != NULL;
}

static int serial_seen(tls_client *c)
{
    unsigned n;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(c->tls, &n);
    gnutls_x509_crt_t crt;
    unsigned char serial[32];
    size_t len = sizeof serial;
    assert_true(chain && n > 0);
    gnutls_x509_crt_init(&crt);
    gnutls_x509_crt_import(crt, &chain[0], GNUTLS_X509_FMT_DER);
    gnutls_x509_crt_get_serial(crt, serial, &len);
    gnutls_x509_crt_deinit(crt);
    return serial[len - 1];
}

static int begin(void **state)
{
    static house h;
    snprintf(folder, sizeof folder, "/tmp/kontor-tls-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(cert_file, sizeof cert_file, "%s/cert.pem", folder);
    snprintf(key_file, sizeof key_file, "%s/key.pem", folder);
    make_certificate(1, cert_file, key_file);
    house_open(&h, (http_options){ .tls_cert = cert_file, .tls_key = key_file, .head_timeout_s = 1 }, rows);
    *state = &h;
    return 0;
}

static int end(void **state)
{
    house_close(*state);
    unlink(cert_file);
    unlink(key_file);
    rmdir(folder);
    return 0;
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"

static void test_row_17_tls_1_2_and_1_3_are_served(void **state)
{
    static const char *const versions[] = { "NORMAL:-VERS-ALL:+VERS-TLS1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.3" };
    house *h = *state;
    char got[4096];
    for (int i = 0; i < 2; i++) {
        tls_client c = tls_open(h->port, versions[i]);
        assert_int_equal(c.shaken, 0);
        assert_true(tls_ask(&c, GET("/hello"), "over TLS", got, sizeof got));
        assert_non_null(strstr(got, "Strict-Transport-Security: max-age="));
        assert_true(tls_ask(&c, GET("/work"), "worked", got, sizeof got));
        tls_close(&c);
    }
}

static void test_row_17_older_versions_are_refused(void **state)
{
    tls_client c = tls_open(((house *)*state)->port, "NORMAL:-VERS-ALL:+VERS-TLS1.1:%COMPAT:@SYSTEM");
    if (c.shaken == 0) fail_msg("TLS 1.1 was taken");
    tls_close(&c);
    c = tls_open(((house *)*state)->port, "NORMAL:-VERS-ALL:+VERS-TLS1.1");
    assert_int_not_equal(c.shaken, 0);
    tls_close(&c);
}

static void test_row_17_a_new_certificate_drops_nobody(void **state)
{
    house *h = *state;
    kt_fail why = { 0 };
    char got[4096];
    tls_client early = tls_open(h->port, "NORMAL");
    assert_int_equal(early.shaken, 0);
    assert_int_equal(serial_seen(&early), 1);
    assert_true(tls_ask(&early, GET("/hello"), "over TLS", got, sizeof got));
    make_certificate(2, cert_file, key_file);
    assert_int_equal(http_reload_tls(h->server, &why), KT_OK);
    tls_client late = tls_open(h->port, "NORMAL");
    assert_int_equal(late.shaken, 0);
    assert_int_equal(serial_seen(&late), 2);
    assert_true(tls_ask(&early, GET("/work"), "worked", got, sizeof got));
    assert_true(tls_ask(&late, GET("/work"), "worked", got, sizeof got));
    tls_close(&early);
    tls_close(&late);
}

static void test_row_17_a_bad_certificate_changes_nothing(void **state)
{
    house *h = *state;
    kt_fail why = { 0 };
    make_certificate(3, NULL, key_file); /* a key that is not the certificate's */
    assert_int_equal(http_reload_tls(h->server, &why), KT_BAD_INPUT);
    assert_non_null(strstr(why.text, "is not the key of"));
    unlink(cert_file);
    why = (kt_fail){ 0 };
    assert_int_equal(http_reload_tls(h->server, &why), KT_BAD_INPUT);
    assert_non_null(strstr(why.text, "cert.pem"));
    tls_client c = tls_open(h->port, "NORMAL");
    assert_int_equal(c.shaken, 0);
    assert_int_equal(serial_seen(&c), 1);
    tls_close(&c);
}

static void test_row_17_the_origin_of_a_form_has_its_scheme(void **state)
{
    house *h = *state;
    char got[4096], text[512];
    static const struct {
        const char *scheme;
        const char *status;
    } cases[] = { { "https", "200" }, { "http", "403" } };
    for (int i = 0; i < 2; i++) {
        tls_client c = tls_open(h->port, "NORMAL");
        snprintf(text, sizeof text,
                 "POST /post HTTP/1.1\r\nHost: localhost:%u\r\nOrigin: %s://localhost:%u\r\n"
                 "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\na=b",
                 h->port, cases[i].scheme, h->port);
        tls_ask(&c, text, "\r\n\r\n", got, sizeof got);
        assert_memory_equal(got + 9, cases[i].status, 3);
        tls_close(&c);
    }
}

static void test_row_10_a_chunked_body_is_cut_over_tls_too(void **state)
{
    house *h = *state;
    tls_client c = tls_open(h->port, "NORMAL");
    static char chunk[16384 + 8], got[4096];
    memset(chunk, 'a', sizeof chunk);
    memcpy(chunk, "4000\r\n", 6);
    memcpy(chunk + 6 + 16384, "\r\n", 2);
    const char *head = "POST /post HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    gnutls_record_send(c.tls, head, strlen(head));
    for (int i = 0; i < 80; i++)
        for (size_t at = 0; at < sizeof chunk;) {
            ssize_t n = gnutls_record_send(c.tls, chunk + at, sizeof chunk - at);
            if (n < 0 && gnutls_error_is_fatal((int)n)) goto sent;
            if (n > 0) at += (size_t)n;
        }
sent:;
    ssize_t n = gnutls_record_recv(c.tls, got, sizeof got - 1);
    assert_true(n > 12);
    assert_memory_equal(got, "HTTP/1.1 413", 12);
    tls_close(&c);
}

static void test_row_11_a_handshake_that_never_comes_is_cut_off(void **state)
{
    house *h = *state;
    int fd = client_open(h->port);
    int64_t start = kt_monotonic_ms();
    answer a = { calloc(1, 1), 0, false };
    while (!a.closed && kt_monotonic_ms() - start < 8000) {
        free(a.at);
        client_say(fd, "\x16");
        a = client_read(fd, NULL, 100);
    }
    assert_true(a.closed);
    free(a.at);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_row_17_tls_1_2_and_1_3_are_served, begin, end),
        cmocka_unit_test_setup_teardown(test_row_17_older_versions_are_refused, begin, end),
        cmocka_unit_test_setup_teardown(test_row_17_a_new_certificate_drops_nobody, begin, end),
        cmocka_unit_test_setup_teardown(test_row_17_a_bad_certificate_changes_nothing, begin, end),
        cmocka_unit_test_setup_teardown(test_row_17_the_origin_of_a_form_has_its_scheme, begin, end),
        cmocka_unit_test_setup_teardown(test_row_10_a_chunked_body_is_cut_over_tls_too, begin, end),
        cmocka_unit_test_setup_teardown(test_row_11_a_handshake_that_never_comes_is_cut_off, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
