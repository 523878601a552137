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
#include "base/embedded.h"
#include "base/log.h"
#include "store/mail.h"

#define T0 1767225600123        /* Thu, 01 Jan 2026 00:00:00.123 */

/* --- a server that says what it is told to say ------------------------------------------------- */

typedef struct {
    const char *ehlo, *auth, *mail, *rcpt, *data, *end;    /* replies; NULL = success */
    bool hang_up_at_data;
    int  port, listener, connections;
    char heard[1 << 16];        /* commands, a line each */
    char message[1 << 18];      /* of the last DATA, dots unstuffed */
    pthread_t thread;
} server;

static void say(int fd, const char *reply)
{
    char line[256];
    int n = snprintf(line, sizeof line, "%s\r\n", reply);
    if (send(fd, line, (size_t)n, MSG_NOSIGNAL) != n) shutdown(fd, SHUT_RDWR);
}

static bool hear(FILE *in, char *line, size_t size)
{
    if (!fgets(line, (int)size, in)) return false;
    line[strcspn(line, "\r\n")] = '\0';
    return true;
}

static void take_message(server *s, FILE *in)
{
    char line[2048];
    s->message[0] = '\0';
    while (fgets(line, sizeof line, in) && strcmp(line, ".\r\n") != 0) {
        const char *text = line[0] == '.' ? line + 1 : line;
        size_t used = strlen(s->message);
        snprintf(s->message + used, sizeof s->message - used, "%s", text);
    }
}

static void take_auth(server *s, FILE *in, int fd, const char *line)
{
    char more[512];
    if (!strchr(line + 5, ' ')) {               /* no initial response */
        say(fd, "334 ");
        if (!hear(in, more, sizeof more)) return;
        size_t used = strlen(s->heard);
        snprintf(s->heard + used, sizeof s->heard - used, "%s\n", more);
    }
    say(fd, s->auth ? s->auth : "235 welcome");
}

static void talk(server *s, int fd)
{
    char line[2048];
    FILE *in = fdopen(dup(fd), "r");
    say(fd, "220 test server");
    while (hear(in, line, sizeof line)) {
        size_t used = strlen(s->heard);
        snprintf(s->heard + used, sizeof s->heard - used, "%s\n", line);
        if (strncmp(line, "EHLO", 4) == 0) say(fd, s->ehlo ? s->ehlo : "250 test");
        else if (strncmp(line, "AUTH ", 5) == 0) take_auth(s, in, fd, line);
        else if (strncmp(line, "MAIL", 4) == 0) say(fd, s->mail ? s->mail : "250 ok");
        else if (strncmp(line, "RCPT", 4) == 0) say(fd, s->rcpt ? s->rcpt : "250 ok");
        else if (strcmp(line, "DATA") == 0) {
            if (s->hang_up_at_data) break;
            say(fd, s->data ? s->data : "354 go on");
            if (s->data) continue;
            take_message(s, in);
            say(fd, s->end ? s->end : "250 taken");
        } else if (strcmp(line, "QUIT") == 0) { say(fd, "221 bye"); break; }
        else say(fd, "500 what");
    }
    fclose(in);
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

typedef struct { store *st; kt_clock clock; kt_random random; kt_metrics *metrics; outbox *o; kt_arena *mem; server s; char url[64]; } house;

static int set_up(void **state)
{
    house *h = kt_calloc(1, sizeof *h);
    kt_fail fail = { 0 };
    h->clock = kt_clock_fixed(T0);
    h->random = kt_random_seeded(7);
    h->metrics = kt_metrics_new();
    h->mem = kt_arena_new();
    if (store_open(&(store_options){ .in_memory = true, .clock = &h->clock }, &fail, &h->st) != KT_OK) fail_msg("%s", fail.text);
    assert_int_equal(store_migrate(h->st, "store", kt_embedded_str(kt_embedded_find("store/schema.sql")), &fail), KT_OK);
    assert_int_equal(outbox_new(h->st, &h->clock, &h->random, h->metrics, &h->o), KT_OK);
    *state = h;
    return 0;
}

static void end_outbox(house *h)
{
    outbox_free(h->o);              /* closes the connection, so that the server can be joined */
    h->o = NULL;
    if (h->s.port) server_stop(&h->s);
    h->s.port = 0;
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
        snprintf(h->url, sizeof h->url, "smtp://127.0.0.1:%d", h->s.port);
        options.smtp_url = h->url;
    }
    if (!options.from_address) options.from_address = "kontor@example.org";
    options.host = "mail.example.org";
    assert_int_equal(mail_start(h->o, &options, &h->clock), KT_OK);
}

typedef struct { house *h; mail m; } put_ctx;

static kt_err put(db *d, void *ctx)
{
    put_ctx *p = ctx;
    return mail_put(d, p->h->mem, &p->m, T0);
}

static mail letter(const char *key)
{
    return (mail){ .key = kt_str_c(key), .activity = "registration", .to = KT_STR("person@example.org"),
                   .subject = KT_STR("Willkommen"), .text = KT_STR("Guten Tag\n"), .language = "de" };
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
    static const struct { const char *typed, *wire; bool utf8; } good[] = {
        { "person@example.org", "person@example.org", false },
        { "  Person.Name+tag@Example.ORG \n", "Person.Name+tag@example.org", false },
        { "a@b\xc3\xbc" "cher.example", "a@xn--bcher-kva.example", false },
        { "a@stra\xc3\x9f" "e.example", "a@xn--strae-oqa.example", false },
        { "j\xc3\xb6rg@example.org", "j\xc3\xb6rg@example.org", true },
        { "o'neil!#$%&*/=?^_`{|}~-@localhost", "o'neil!#$%&*/=?^_`{|}~-@localhost", false },
    };
    static const char *const bad[] = {
        "", "@", "person", "person@", "@example.org", "a b@example.org", "a@b@example.org", "a@exa mple.org", ".a@example.org",
        "a.@example.org", "a..b@example.org", "\"a\"@example.org", "a@[127.0.0.1]", "a@-x.example", "a@example..org",
        "a\r\nRCPT TO:<b@example.org>@example.org", "a@example.org>\r\nDATA", "a@example.org,b@example.org", "<a@example.org>",
        "a@example.org.", "a\x01@example.org", "\xff@example.org", "a@\xff.org", "a@xn--a.example",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@example.org",
    };
    house *h = *state;
    kt_str wire;
    bool utf8;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (mail_address(h->mem, kt_str_c(good[i].typed), &wire, &utf8) != KT_OK) fail_msg("refused: %s", good[i].typed);
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
    static const mail_options options = { .from_address = "kontor@example.org", .from_name = "M\xc3\xbcller \"& Co\"",
                                          .reply_to = "hilfe@example.org", .host = "mail.example.org" };
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
        if (*c == '\n') { assert_true(c > text && c[-1] == '\r'); column = 0; continue; }
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
        if (*from == '=' && from[1] == '\r') from += 2;
        else if (*from == '=') { *o++ = (char)(hex(from[1]) * 16 + hex(from[2])); from += 2; }
        else if (*from != '\r') *o++ = *from;
    }
    return out;
}

static void test_any_text_comes_back_as_it_was(void **state)
{
    house *h = *state;
    static const char body[] =
        "Sch\xc3\xb6ne Gr\xc3\xbc\xc3\x9f" "e = 100 %\n.\n..\nFrom the start\ntrailing blank \ntab\t\n"
        "\xf0\x9f\x8e\x89\xf0\x9f\x8e\x89\xf0\x9f\x8e\x89\xf0\x9f\x8e\x89\xf0\x9f\x8e\x89\xf0\x9f\x8e\x89\xf0\x9f\x8e\x89\n"
        "a line that is a good deal longer than the seventy-six characters a line of quoted-printable may have, twice over, surely\n"
        "1234567890123456789012345678901234567890123456789012345678901234567890123456\n"
        "12345678901234567890123456789012345678901234567890123456789012345678901234567\n\nend";
    mail m = letter("k1");
    m.text = kt_str_c(body);
    const char *text = composed(h, &m), *start = strstr(text, "\r\n\r\n") + 4;
    wire_ready(text);
    char *back = unquoted(h->mem, start, start + strlen(start));
    back[strlen(back) - 1] = '\0';          /* the last line gets its end */
    assert_string_equal(back, body);
}

static void test_a_long_subject_is_folded_between_characters(void **state)
{
    house *h = *state;
    mail m = letter("k1");
    m.subject = KT_STR("\xc3\xa4\xc3\xb6\xc3\xbc \xf0\x9f\x8e\x89 \xc3\xa4\xc3\xb6\xc3\xbc \xf0\x9f\x8e\x89 \xc3\xa4\xc3\xb6\xc3\xbc"
                       " \xf0\x9f\x8e\x89 \xc3\xa4\xc3\xb6\xc3\xbc \xf0\x9f\x8e\x89 \xc3\xa4\xc3\xb6\xc3\xbc");
    const char *text = composed(h, &m);
    wire_ready(text);
    has(text, "Subject: =?UTF-8?B?");
    has(text, "?=\r\n =?UTF-8?B?");
    m.subject = KT_STR("=?UTF-8?B?ZXZpbA==?=");             /* typed by somebody: shown as it is */
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
    assert_int_equal(h->s.connections, 1);          /* the second mail took the same way */
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

static void test_sign_in_is_done_before_the_mail(void **state)
{
    house *h = *state;
    h->s.ehlo = "250-test\r\n250 AUTH PLAIN";
    start_mail(h, (mail_options){ .smtp_user = "user", .smtp_password = "secret" });
    expect_answer(h, "sent", NULL);
    end_outbox(h);
    has(h->s.heard, "AUTH PLAIN");
    has(h->s.heard, "AHVzZXIAc2VjcmV0");           /* \0user\0secret */
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
    m.to = KT_STR("j\xc3\xb6rg@b\xc3\xbc" "cher.example");
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
    assert_int_equal(rmdir(dir), 0);               /* and nothing else is left in it */
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
    assert_int_equal(mail_start(h->o, &(mail_options){ .from_address = "kontor@example.org" }, &h->clock), KT_BAD_INPUT);
    assert_int_equal(mail_start(h->o, &(mail_options){ .smtp_url = "smtp://127.0.0.1" }, &h->clock), KT_BAD_INPUT);
    assert_int_equal(mail_start(h->o, &(mail_options){ .smtp_url = "smtp://127.0.0.1", .from_address = "nobody" }, &h->clock),
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
