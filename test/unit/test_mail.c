/* SPDX-License-Identifier: Apache-2.0 */
/* Mails: what is refused before it gets into the outbox, what the bytes look like, what a server on the
 * other end of a socket hears and what its answers do, and the folder that replaces it. */
#include <arpa/inet.h>
#include <dirent.h>
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
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include "base/embedded.h"
#include "base/log.h"
#include "store/mail.h"

#define T0 1767225600123 /* Thu, 01 Jan 2026 00:00:00.123 */

/* --- a server that says what it is told to say ------------------------------------------------- */

typedef struct {
    const char *ehlo, *auth, *mail, *rcpt, *data, *end; /* replies; NULL = success */
    bool hang_up_at_data;
    bool tls_at_once; /* smtps */
    gnutls_certificate_credentials_t credentials;
    int port, listener, connections;
    char heard[1 << 16];   /* commands, a line each */
    char message[1 << 18]; /* of the last DATA, dots unstuffed */
    pthread_t thread;
} server;

typedef struct {
    int fd;
    gnutls_session_t tls;
} line_end;

static bool hear_byte(line_end *w, char *c)
{
    return (w->tls ? gnutls_record_recv(w->tls, c, 1) : recv(w->fd, c, 1, 0)) == 1;
}

/* A line with its end. */
static bool hear_line(line_end *w, char *line, size_t size)
{
    size_t n = 0;
    while (n + 1 < size && hear_byte(w, &line[n]))
        if (line[n++] == '\n') break;
    line[n] = '\0';
    return n > 0;
}

static bool hear(line_end *w, char *line, size_t size)
{
    bool heard = hear_line(w, line, size);
    line[strcspn(line, "\r\n")] = '\0';
    return heard;
}

static void say(line_end *w, const char *reply)
{
    char line[256];
    int n = snprintf(line, sizeof line, "%s\r\n", reply);
    ssize_t sent = w->tls ? gnutls_record_send(w->tls, line, (size_t)n) : send(w->fd, line, (size_t)n, MSG_NOSIGNAL);
    if (sent != n) shutdown(w->fd, SHUT_RDWR);
}

static void note_line(char *all, size_t size, const char *line, const char *end)
{
    size_t used = strlen(all);
    snprintf(all + used, size - used, "%s%s", line, end);
}

static bool begin_tls(server *s, line_end *w)
{
    gnutls_init(&w->tls, GNUTLS_SERVER);
    gnutls_set_default_priority(w->tls);
    gnutls_credentials_set(w->tls, GNUTLS_CRD_CERTIFICATE, s->credentials);
    gnutls_transport_set_int(w->tls, w->fd);
    int code;
    do code = gnutls_handshake(w->tls);
    while (code < 0 && !gnutls_error_is_fatal(code));
    return code == GNUTLS_E_SUCCESS;
}

static void take_message(server *s, line_end *w)
{
    char line[2048];
    s->message[0] = '\0';
    while (hear_line(w, line, sizeof line) && strcmp(line, ".\r\n") != 0)
        note_line(s->message, sizeof s->message, line[0] == '.' ? line + 1 : line, "");
}

static void take_auth(server *s, line_end *w, const char *line)
{
    char more[512];
    if (!strchr(line + 5, ' ')) { /* no initial response */
        say(w, "334 ");
        if (!hear(w, more, sizeof more)) return;
        note_line(s->heard, sizeof s->heard, more, "\n");
    }
    say(w, s->auth ? s->auth : "235 welcome");
}

/* False when the conversation is over. */
static bool answer(server *s, line_end *w, const char *line)
{
    if (strncmp(line, "EHLO", 4) == 0)
        say(w, s->ehlo ? s->ehlo : "250 test");
    else if (strncmp(line, "AUTH ", 5) == 0)
        take_auth(s, w, line);
    else if (strncmp(line, "MAIL", 4) == 0)
        say(w, s->mail ? s->mail : "250 ok");
    else if (strncmp(line, "RCPT", 4) == 0)
        say(w, s->rcpt ? s->rcpt : "250 ok");
    else if (strcmp(line, "STARTTLS") == 0 && s->credentials) {
        say(w, "220 go on in private");
        return begin_tls(s, w);
    } else if (strcmp(line, "DATA") == 0) {
        if (s->hang_up_at_data) return false;
        say(w, s->data ? s->data : "354 go on");
        if (s->data) return true;
        take_message(s, w);
        say(w, s->end ? s->end : "250 taken");
    } else if (strcmp(line, "QUIT") == 0) {
        say(w, "221 bye");
        return false;
    } else
        say(w, "500 what");
    return true;
}

static void talk(server *s, int fd)
{
    char line[2048];
    line_end w = { .fd = fd };
    bool more = !s->tls_at_once || begin_tls(s, &w);
    if (more) say(&w, "220 test server");
    while (more && hear(&w, line, sizeof line)) {
        note_line(s->heard, sizeof s->heard, line, "\n");
        more = answer(s, &w, line);
    }
    if (w.tls) gnutls_deinit(w.tls);
}

static void *serve(void *ctx)
{
    server *s = ctx;
    int fd;
    while ((fd = accept(s->listener, NULL, NULL)) >= 0) {
        s->connections++;
        talk(s, fd);
        close(fd);
    }
    return NULL;
}

/* A key and a certificate for 127.0.0.1 that signs itself; the certificate is also written to `path`. */
static void make_certificate(server *s, const char *path)
{
    static const unsigned char loopback[] = { 127, 0, 0, 1 };
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
    gnutls_datum_t pem;
    gnutls_x509_privkey_init(&key);
    gnutls_x509_crt_init(&crt);
    assert_int_equal(
        gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0), 0);
    gnutls_x509_crt_set_version(crt, 3);
    gnutls_x509_crt_set_serial(crt, "\x01", 1);
    gnutls_x509_crt_set_activation_time(crt, 1577836800); /* 2020 */
    gnutls_x509_crt_set_expiration_time(crt, 4102444800); /* 2100 */
    gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, "test server", 11);
    gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, loopback, sizeof loopback, GNUTLS_FSAN_SET);
    gnutls_x509_crt_set_basic_constraints(crt, 1, 0);
    gnutls_x509_crt_set_key(crt, key);
    assert_int_equal(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0), 0);
    assert_int_equal(gnutls_certificate_allocate_credentials(&s->credentials), 0);
    assert_int_equal(gnutls_certificate_set_x509_key(s->credentials, &crt, 1, key), 0);
    assert_int_equal(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem), 0);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(pem.data, 1, pem.size, f), pem.size);
    fclose(f);
    gnutls_free(pem.data);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
}

static void server_start(server *s)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof address;
    s->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(s->listener, 8), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&address, &len), 0);
    s->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(server *s)
{
    shutdown(s->listener, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->listener);
}

/* --- a house that sends ------------------------------------------------------------------------ */

typedef struct {
    store *st;
    kt_clock clock;
    kt_random random;
    kt_metrics *metrics;
    outbox *o;
    kt_arena *mem;
    server s;
    char url[64], certificate[64];
} house;

static int set_up(void **state)
{
    house *h = kt_calloc(1, sizeof *h);
    kt_fail fail = { 0 };
    h->clock = kt_clock_fixed(T0);
    h->random = kt_random_seeded(7);
    h->metrics = kt_metrics_new();
    h->mem = kt_arena_new();
    if (store_open(&(store_options){ .in_memory = true, .clock = &h->clock }, &fail, &h->st) != KT_OK)
        fail_msg("%s", fail.text);
    assert_int_equal(store_migrate(h->st, "store", kt_embedded_str(kt_embedded_find("store/schema.sql")), &fail),
                     KT_OK);
    assert_int_equal(outbox_new(h->st, &h->clock, &h->random, h->metrics, &h->o), KT_OK);
    *state = h;
    return 0;
}

static void end_outbox(house *h)
{
    outbox_free(h->o); /* closes the connection, so that the server can be joined */
    h->o = NULL;
    if (h->s.port) server_stop(&h->s);
    h->s.port = 0;
    if (h->s.credentials) gnutls_certificate_free_credentials(h->s.credentials);
    h->s.credentials = NULL;
    if (h->certificate[0]) unlink(h->certificate);
    h->certificate[0] = '\0';
}

static int tear_down(void **state)
{
    house *h = *state;
    end_outbox(h);
    store_close(h->st);
    kt_metrics_free(h->metrics);
    kt_arena_free(h->mem);
    free(h);
    return 0;
}

static void start_mail(house *h, mail_options options)
{
    if (!options.drop_dir && !options.smtp_url) {
        server_start(&h->s);
        snprintf(h->url, sizeof h->url, "%s://127.0.0.1:%d", h->s.tls_at_once ? "smtps" : "smtp", h->s.port);
        options.smtp_url = h->url;
    }
    if (!options.from_address) options.from_address = "kontor@example.org";
    options.host = "mail.example.org";
    assert_int_equal(mail_start(h->o, &options, &h->clock), KT_OK);
}

typedef struct {
    house *h;
    mail m;
} put_ctx;

static kt_err put(db *d, void *ctx)
{
    put_ctx *p = ctx;
    return mail_put(d, p->h->mem, &p->m, T0);
}

static mail letter(const char *key)
{
    return (mail){ .key = kt_str_c(key),
                   .activity = "registration",
                   .to = KT_STR("person@example.org"),
                   .subject = KT_STR("Willkommen"),
                   .text = KT_STR("Guten Tag\n"),
                   .language = "de" };
}

static kt_err put_mail(house *h, mail m) { return store_write(h->st, put, &(put_ctx){ h, m }); }

static size_t run(house *h)
{
    size_t tried = 0;
    assert_int_equal(outbox_run(h->o, 100, &tried), KT_OK);
    return tried;
}

/* The row's state, and its reason when there is one. */
static void expect(house *h, const char *state, const char *key, const char *why)
{
    kt_value *list = NULL;
    assert_int_equal(outbox_list(store_reader(h->st), state, 0, 100, h->mem, &list), KT_OK);
    KT_EACH(one, list)
        if (kt_str_is(kt_get_str(one, "key"), key)) {
            if (why) assert_string_equal(kt_str_z(h->mem, kt_get_str(one, "why")), why);
            return;
        }
    fail_msg("%s is not %s", key, state);
}

static void expect_answer(house *h, const char *state, const char *why)
{
    assert_int_equal(put_mail(h, letter("k1")), KT_OK);
    assert_int_equal(run(h), 1);
    expect(h, state, "k1", why);
}

/* --- addresses --------------------------------------------------------------------------------- */

static void test_an_address_is_taken_apart_and_its_domain_made_ascii(void **state)
{
    static const struct {
        const char *typed, *wire;
        bool utf8;
    } good[] = {
        { "person@example.org", "person@example.org", false },
        { "  Person.Name+tag@Example.ORG \n", "Person.Name+tag@example.org", false },
        { "a@b\xc3\xbc"
          "cher.example",
          "a@xn--bcher-kva.example", false },
        { "a@stra\xc3\x9f"
          "e.example",
          "a@xn--strae-oqa.example", false },
        { "j\xc3\xb6rg@example.org", "j\xc3\xb6rg@example.org", true },
        { "o'neil!#$%&*/=?^_`{|}~-@localhost", "o'neil!#$%&*/=?^_`{|}~-@localhost", false },
    };
    static const char *const bad[] = {
        "",
        "@",
        "person",
        "person@",
        "@example.org",
        "a b@example.org",
        "a@b@example.org",
        "a@exa mple.org",
        ".a@example.org",
        "a.@example.org",
        "a..b@example.org",
        "\"a\"@example.org",
        "a@[127.0.0.1]",
        "a@-x.example",
        "a@example..org",
        "a\r\nRCPT TO:<b@example.org>@example.org",
        "a@example.org>\r\nDATA",
        "a@example.org,b@example.org",
        "<a@example.org>",
        "a@example.org.",
        "a\x01@example.org",
        "\xff@example.org",
        "a@\xff.org",
        "a@xn--a.example",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@example.org",
    };
    house *h = *state;
    kt_str wire;
    bool utf8;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (mail_address(h->mem, kt_str_c(good[i].typed), &wire, &utf8) != KT_OK)
            fail_msg("refused: %s", good[i].typed);
        assert_string_equal(kt_str_z(h->mem, wire), good[i].wire);
        assert_int_equal(utf8, good[i].utf8);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (mail_address(h->mem, kt_str_c(bad[i]), &wire, &utf8) == KT_OK) fail_msg("taken: %s", bad[i]);
    assert_int_equal(mail_address(h->mem, KT_STR("a\0b@example.org"), &wire, &utf8), KT_BAD_INPUT);
}

static void test_headers_cannot_be_smuggled_in(void **state)
{
    house *h = *state;
    mail m = letter("k1");
    m.subject = KT_STR("Hello\r\nBcc: other@example.org");
    assert_int_equal(put_mail(h, m), KT_BAD_INPUT);
    m.subject = KT_STR("Hello\nBcc: other@example.org");
    assert_int_equal(put_mail(h, m), KT_BAD_INPUT);
    m.subject = KT_STR("Hello\0");
    assert_int_equal(put_mail(h, m), KT_BAD_INPUT);
    m = letter("k1");
    m.to = KT_STR("person@example.org\r\nBcc: other@example.org");
    assert_int_equal(put_mail(h, m), KT_BAD_INPUT);
    m = letter("k1");
    m.text = KT_STR("\xff\xfe");
    assert_int_equal(put_mail(h, m), KT_BAD_INPUT);
    start_mail(h, (mail_options){ 0 });
    assert_int_equal(run(h), 0);
}

/* --- the bytes --------------------------------------------------------------------------------- */

static const char *composed(house *h, const mail *m)
{
    static const mail_options options = { .from_address = "kontor@example.org",
                                          .from_name = "M\xc3\xbcller \"& Co\"",
                                          .reply_to = "hilfe@example.org",
                                          .host = "mail.example.org" };
    kt_buf out;
    kt_buf_init(&out, 1 << 20);
    assert_int_equal(mail_compose(h->mem, &options, m, T0, &out), KT_OK);
    char *text = kt_str_z(h->mem, kt_buf_str(&out));
    kt_buf_free(&out);
    return text;
}

static void has(const char *text, const char *what)
{
    if (!strstr(text, what)) fail_msg("\"%s\" is not in:\n%s", what, text);
}

/* Every line ends with CR LF and is short and ASCII. */
static void wire_ready(const char *text)
{
    size_t column = 0;
    for (const char *c = text; *c; c++) {
        if (*c == '\n') {
            assert_true(c > text && c[-1] == '\r');
            column = 0;
            continue;
        }
        assert_true((unsigned char)*c < 0x80);
        if (*c != '\r' && ++column > 76) fail_msg("a line longer than 76 characters");
    }
}

static void test_a_mail_has_the_headers_it_needs(void **state)
{
    house *h = *state;
    mail m = letter("verify_0123456789");
    const char *text = composed(h, &m);
    wire_ready(text);
    has(text, "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n");
    has(text, "From: =?UTF-8?B?TcO8bGxlciAiJiBDbyI=?=\r\n <kontor@example.org>\r\n");
    has(text, "Reply-To: <hilfe@example.org>\r\n");
    has(text, "To: <person@example.org>\r\n");
    has(text, "Subject: Willkommen\r\n");
    has(text, "Message-ID: <verify_0123456789@mail.example.org>\r\n");
    has(text, "Auto-Submitted: auto-generated\r\n");
    has(text, "MIME-Version: 1.0\r\n");
    has(text, "Content-Language: de\r\n");
    has(text, "Content-Type: text/plain; charset=utf-8\r\n");
    has(text, "Content-Transfer-Encoding: quoted-printable\r\n\r\nGuten Tag\r\n");
    assert_string_equal(text, composed(h, &m));
    m.key = KT_STR("a key with <blanks>");
    assert_null(strstr(composed(h, &m), "<blanks>"));
}

static int hex(char c) { return c >= 'A' ? c - 'A' + 10 : c - '0'; }

/* Quoted-printable back to text, line ends as LF. */
static char *unquoted(kt_arena *mem, const char *from, const char *to)
{
    char *out = kt_alloc(mem, (size_t)(to - from) + 1), *o = out;
    for (; from < to; from++) {
        if (*from == '=' && from[1] == '\r')
            from += 2;
        else if (*from == '=') {
            *o++ = (char)(hex(from[1]) * 16 + hex(from[2]));
            from += 2;
        } else if (*from != '\r')
            *o++ = *from;
    }
    return out;
}

static void test_any_text_comes_back_as_it_was(void **state)
{
    house *h = *state;
    static const char body[] =
        "Sch\xc3\xb6ne Gr\xc3\xbc\xc3\x9f"
        "e = 100 %\n.\n..\nFrom the start\ntrailing blank \ntab\t\n"
        "\xf0\x9f\x8e\x89\xf0\x9f\x8e\x89\xf0\x9f\x8e\x89\xf0\x9f\x8e\x89\xf0\x9f\x8e\x89\xf0\x9f\x8e\x89\xf0\x9f\x8e\x89\n"
        "a line that is a good deal longer than the seventy-six characters a line of quoted-printable may have, twice over, surely\n"
        "1234567890123456789012345678901234567890123456789012345678901234567890123456\n"
        "12345678901234567890123456789012345678901234567890123456789012345678901234567\n\nend";
    mail m = letter("k1");
    m.text = kt_str_c(body);
    const char *text = composed(h, &m), *start = strstr(text, "\r\n\r\n") + 4;
    wire_ready(text);
    char *back = unquoted(h->mem, start, start + strlen(start));
    back[strlen(back) - 1] = '\0'; /* the last line gets its end */
    assert_string_equal(back, body);
}

static void test_a_long_subject_is_folded_between_characters(void **state)
{
    house *h = *state;
    mail m = letter("k1");
    m.subject = KT_STR(
        "\xc3\xa4\xc3\xb6\xc3\xbc \xf0\x9f\x8e\x89 \xc3\xa4\xc3\xb6\xc3\xbc \xf0\x9f\x8e\x89 \xc3\xa4\xc3\xb6\xc3\xbc"
        " \xf0\x9f\x8e\x89 \xc3\xa4\xc3\xb6\xc3\xbc \xf0\x9f\x8e\x89 \xc3\xa4\xc3\xb6\xc3\xbc");
    const char *text = composed(h, &m);
    wire_ready(text);
    has(text, "Subject: =?UTF-8?B?");
    has(text, "?=\r\n =?UTF-8?B?");
    m.subject = KT_STR("=?UTF-8?B?ZXZpbA==?="); /* typed by somebody: shown as it is */
    assert_null(strstr(composed(h, &m), "?B?ZXZpbA=="));
}

static void test_text_and_html_are_alternatives(void **state)
{
    house *h = *state;
    mail m = letter("k1");
    m.html = KT_STR("<p>Guten Tag</p>\n");
    const char *text = composed(h, &m), *boundary = strstr(text, "boundary=\"=_");
    wire_ready(text);
    assert_non_null(boundary);
    char line[64];
    snprintf(line, sizeof line, "--%.26s\r\n", boundary + 10);
    const char *first = strstr(text, line), *second = first ? strstr(first + 1, line) : NULL;
    assert_true(first && second && strstr(first, "text/plain") < second);
    has(second, "text/html");
    has(second, "<p>Guten Tag</p>\r\n");
    snprintf(line, sizeof line, "--%.26s--\r\n", boundary + 10);
    has(second, line);
}

/* --- the wire ---------------------------------------------------------------------------------- */

static void test_the_server_hears_a_whole_conversation(void **state)
{
    house *h = *state;
    start_mail(h, (mail_options){ 0 });
    mail m = letter("k1");
    m.text = KT_STR("a line\n.\n.dots\nend\n");
    assert_int_equal(put_mail(h, m), KT_OK);
    assert_int_equal(put_mail(h, letter("k2")), KT_OK);
    assert_int_equal(run(h), 2);
    expect(h, "sent", "k1", NULL);
    expect(h, "sent", "k2", NULL);
    end_outbox(h);
    has(h->s.heard, "EHLO mail.example.org\n");
    has(h->s.heard, "MAIL FROM:<kontor@example.org>\nRCPT TO:<person@example.org>\nDATA\n");
    has(h->s.message, "Message-ID: <k2@mail.example.org>\r\n");
    has(h->s.message, "\r\n\r\nGuten Tag\r\n");
    assert_int_equal(h->s.connections, 1); /* the second mail took the same way */
}

static void test_lines_of_dots_arrive_as_they_were(void **state)
{
    house *h = *state;
    start_mail(h, (mail_options){ 0 });
    mail m = letter("k1");
    m.text = KT_STR("a line\n.\n.dots\nend\n");
    assert_int_equal(put_mail(h, m), KT_OK);
    assert_int_equal(run(h), 1);
    end_outbox(h);
    has(h->s.message, "\r\n\r\na line\r\n.\r\n.dots\r\nend\r\n");
}

static void test_a_temporary_refusal_is_tried_again(void **state)
{
    house *h = *state;
    h->s.rcpt = "451 try later";
    start_mail(h, (mail_options){ 0 });
    expect_answer(h, "waiting", "smtp 451");
    h->s.rcpt = NULL;
    h->clock.fixed_ms += KT_HOUR_MS;
    assert_int_equal(run(h), 1);
    expect(h, "sent", "k1", NULL);
}

static void test_an_unknown_recipient_is_final(void **state)
{
    house *h = *state;
    h->s.rcpt = "550 5.1.1 no such user";
    start_mail(h, (mail_options){ 0 });
    expect_answer(h, "dead", "smtp 550");
}

static void test_a_message_refused_at_its_end_is_not_sent(void **state)
{
    house *h = *state;
    h->s.end = "554 5.7.1 not wanted";
    start_mail(h, (mail_options){ 0 });
    expect_answer(h, "dead", "smtp 554");
}

static void test_a_full_mailbox_is_tried_again(void **state)
{
    house *h = *state;
    h->s.end = "452 4.2.2 mailbox full";
    start_mail(h, (mail_options){ 0 });
    expect_answer(h, "waiting", "smtp 452");
}

static void test_a_server_that_hangs_up_is_tried_again(void **state)
{
    house *h = *state;
    h->s.hang_up_at_data = true;
    start_mail(h, (mail_options){ 0 });
    expect_answer(h, "waiting", NULL);
}

static void test_no_server_is_tried_again(void **state)
{
    house *h = *state;
    server_start(&h->s);
    snprintf(h->url, sizeof h->url, "smtp://127.0.0.1:%d", h->s.port);
    server_stop(&h->s);
    h->s.port = 0;
    start_mail(h, (mail_options){ .smtp_url = h->url });
    expect_answer(h, "waiting", NULL);
}

static void test_required_tls_that_is_not_offered_sends_nothing(void **state)
{
    house *h = *state;
    start_mail(h, (mail_options){ .smtp_require_tls = true, .smtp_user = "user", .smtp_password = "secret" });
    expect_answer(h, "waiting", NULL);
    end_outbox(h);
    assert_null(strstr(h->s.heard, "MAIL"));
    assert_null(strstr(h->s.heard, "AUTH"));
}

static void certify(house *h)
{
    snprintf(h->certificate, sizeof h->certificate, "/tmp/kontor-certificate-XXXXXX");
    int fd = mkstemp(h->certificate);
    assert_true(fd >= 0);
    close(fd);
    make_certificate(&h->s, h->certificate);
}

static void test_tls_is_begun_before_anything_private_is_said(void **state)
{
    house *h = *state;
    certify(h);
    h->s.ehlo = "250-test\r\n250-AUTH PLAIN\r\n250 STARTTLS";
    start_mail(
        h, (mail_options){
               .smtp_require_tls = true, .ca_file = h->certificate, .smtp_user = "user", .smtp_password = "secret" });
    expect_answer(h, "sent", NULL);
    end_outbox(h);
    const char *tls = strstr(h->s.heard, "STARTTLS\n");
    assert_non_null(tls);
    assert_true(tls < strstr(h->s.heard, "AUTH PLAIN") && tls < strstr(h->s.heard, "MAIL FROM"));
    has(h->s.message, "Message-ID: <k1@mail.example.org>\r\n");
}

static void test_tls_from_the_first_byte(void **state)
{
    house *h = *state;
    certify(h);
    h->s.tls_at_once = true;
    start_mail(h, (mail_options){ .ca_file = h->certificate });
    expect_answer(h, "sent", NULL);
}

static void test_a_certificate_nobody_vouches_for_gets_no_mail(void **state)
{
    house *h = *state;
    certify(h);
    h->s.ehlo = "250-test\r\n250 STARTTLS";
    start_mail(h, (mail_options){ .smtp_require_tls = true });
    expect_answer(h, "waiting", NULL);
    end_outbox(h);
    assert_null(strstr(h->s.heard, "MAIL"));
}

static void test_sign_in_is_done_before_the_mail(void **state)
{
    house *h = *state;
    h->s.ehlo = "250-test\r\n250 AUTH PLAIN";
    start_mail(h, (mail_options){ .smtp_user = "user", .smtp_password = "secret" });
    expect_answer(h, "sent", NULL);
    end_outbox(h);
    has(h->s.heard, "AUTH PLAIN");
    has(h->s.heard, "AHVzZXIAc2VjcmV0"); /* \0user\0secret */
    assert_true(strstr(h->s.heard, "AUTH") < strstr(h->s.heard, "MAIL"));
}

static void test_a_refused_sign_in_is_not_the_mails_fault(void **state)
{
    house *h = *state;
    h->s.ehlo = "250-test\r\n250 AUTH PLAIN";
    h->s.auth = "535 5.7.8 wrong";
    start_mail(h, (mail_options){ .smtp_user = "user", .smtp_password = "secret" });
    expect_answer(h, "waiting", NULL);
}

static void test_addresses_of_all_scripts_are_delivered(void **state)
{
    house *h = *state;
    h->s.ehlo = "250-test\r\n250-8BITMIME\r\n250 SMTPUTF8";
    start_mail(h, (mail_options){ 0 });
    mail m = letter("k1");
    m.to = KT_STR("j\xc3\xb6rg@b\xc3\xbc"
                  "cher.example");
    assert_int_equal(put_mail(h, m), KT_OK);
    assert_int_equal(run(h), 1);
    end_outbox(h);
    has(h->s.heard, "SMTPUTF8\n");
    has(h->s.heard, "RCPT TO:<j\xc3\xb6rg@xn--bcher-kva.example>\n");
}

static void test_mails_are_counted_by_activity_and_outcome(void **state)
{
    house *h = *state;
    kt_buf out;
    start_mail(h, (mail_options){ 0 });
    expect_answer(h, "sent", NULL);
    kt_buf_init(&out, 1 << 20);
    kt_metrics_write(h->metrics, KT_TEXT_004, &out);
    kt_buf_put_byte(&out, '\0');
    has(out.at, "kontor_mail_sent_total{class=\"registration\",outcome=\"sent\"} 1\n");
    assert_null(strstr(out.at, "person"));
    kt_buf_free(&out);
}

/* --- the folder -------------------------------------------------------------------------------- */

static void test_a_folder_takes_mails_as_files(void **state)
{
    house *h = *state;
    char dir[] = "/tmp/kontor-mail-XXXXXX", path[160], bytes[4096];
    assert_non_null(mkdtemp(dir));
    start_mail(h, (mail_options){ .drop_dir = dir });
    mail m = letter("reset/..:1");
    assert_int_equal(put_mail(h, m), KT_OK);
    assert_int_equal(run(h), 1);
    snprintf(path, sizeof path, "%s/20260101T000000123-reset____1.eml", dir);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    bytes[fread(bytes, 1, sizeof bytes - 1, f)] = '\0';
    fclose(f);
    has(bytes, "To: <person@example.org>\r\n");
    struct stat s;
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
    unlink(path);
    assert_int_equal(rmdir(dir), 0); /* and nothing else is left in it */
}

static void test_a_folder_that_is_not_there_is_tried_again(void **state)
{
    house *h = *state;
    start_mail(h, (mail_options){ .drop_dir = "/proc/kontor/mail" });
    expect_answer(h, "waiting", "drop folder cannot be made");
}

static void test_settings_that_cannot_work_are_refused_at_the_start(void **state)
{
    house *h = *state;
    assert_int_equal(mail_start(h->o, &(mail_options){ .from_address = "kontor@example.org" }, &h->clock),
                     KT_BAD_INPUT);
    assert_int_equal(mail_start(h->o, &(mail_options){ .smtp_url = "smtp://127.0.0.1" }, &h->clock), KT_BAD_INPUT);
    assert_int_equal(
        mail_start(h->o, &(mail_options){ .smtp_url = "smtp://127.0.0.1", .from_address = "nobody" }, &h->clock),
        KT_BAD_INPUT);
}

#define WITH_HOUSE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HOUSE(test_an_address_is_taken_apart_and_its_domain_made_ascii),
        WITH_HOUSE(test_headers_cannot_be_smuggled_in),
        WITH_HOUSE(test_a_mail_has_the_headers_it_needs),
        WITH_HOUSE(test_any_text_comes_back_as_it_was),
        WITH_HOUSE(test_a_long_subject_is_folded_between_characters),
        WITH_HOUSE(test_text_and_html_are_alternatives),
        WITH_HOUSE(test_the_server_hears_a_whole_conversation),
        WITH_HOUSE(test_lines_of_dots_arrive_as_they_were),
        WITH_HOUSE(test_a_temporary_refusal_is_tried_again),
        WITH_HOUSE(test_an_unknown_recipient_is_final),
        WITH_HOUSE(test_a_message_refused_at_its_end_is_not_sent),
        WITH_HOUSE(test_a_full_mailbox_is_tried_again),
        WITH_HOUSE(test_a_server_that_hangs_up_is_tried_again),
        WITH_HOUSE(test_no_server_is_tried_again),
        WITH_HOUSE(test_required_tls_that_is_not_offered_sends_nothing),
        WITH_HOUSE(test_tls_is_begun_before_anything_private_is_said),
        WITH_HOUSE(test_tls_from_the_first_byte),
        WITH_HOUSE(test_a_certificate_nobody_vouches_for_gets_no_mail),
        WITH_HOUSE(test_sign_in_is_done_before_the_mail),
        WITH_HOUSE(test_a_refused_sign_in_is_not_the_mails_fault),
        WITH_HOUSE(test_addresses_of_all_scripts_are_delivered),
        WITH_HOUSE(test_mails_are_counted_by_activity_and_outcome),
        WITH_HOUSE(test_a_folder_takes_mails_as_files),
        WITH_HOUSE(test_a_folder_that_is_not_there_is_tried_again),
        WITH_HOUSE(test_settings_that_cannot_work_are_refused_at_the_start),
    };
    kt_log_set_level(KT_LOG_ERROR + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
