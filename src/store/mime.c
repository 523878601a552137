/* SPDX-License-Identifier: Apache-2.0 */
/* mime.c -- a mail as the bytes that go over the wire.
 *
 * RFC 5322 headers with RFC 2047 encoded words, a body in UTF-8 as quoted-printable (RFC 2045), text
 * and HTML as alternatives (RFC 2046), Auto-Submitted (RFC 3834) so that no machine answers. The same
 * mail gives the same bytes each time: the date is when it was put, the boundary comes from the key. */
#include <ctype.h>
#include <idn2.h>
#include <stdlib.h>
#include "base/hash.h"
#include "store/mail.h"

#define WORD_BYTES  36 /* of text in one encoded word: 60 characters, so that a first line has room */
#define QP_LINE     76
#define ADDRESS_MAX 254 /* RFC 5321 4.5.3.1, with the two brackets */
#define LOCAL_MAX   64

/* --- addresses --------------------------------------------------------------------------------- */

/* dot-atom of RFC 5322 3.2.3, UTF-8 allowed by RFC 6531. Quoted local parts are refused: no provider
 * hands them out, and they are where injections hide. */
static bool local_ok(kt_str local, bool *utf8)
{
    if (local.len == 0 || local.len > LOCAL_MAX || local.at[0] == '.' || local.at[local.len - 1] == '.') return false;
    for (size_t i = 0; i < local.len; i++) {
        unsigned char c = (unsigned char)local.at[i];
        if (c >= 0x80)
            *utf8 = true;
        else if (c <= ' ' || c == 0x7f || strchr("()<>[]:;@\\,\"", c))
            return false;
        if (c == '.' && local.at[i + 1] == '.') return false;
    }
    return true;
}

static bool host_char(char c) { return isalnum((unsigned char)c) || c == '-' || c == '.'; }

static bool domain_ok(kt_str domain)
{
    kt_str rest = domain, label;
    if (domain.len == 0 || domain.len > 253) return false;
    for (size_t i = 0; i < domain.len; i++)
        if (!host_char(domain.at[i])) return false;
    while (kt_str_split(&rest, '.', &label))
        if (label.len == 0 || label.len > 63 || label.at[0] == '-' || label.at[label.len - 1] == '-') return false;
    return domain.at[domain.len - 1] != '.';
}

static kt_err a_labels(kt_arena *mem, kt_str domain, kt_str *out)
{
    char *ascii = NULL;
    int code = idn2_to_ascii_8z(kt_str_z(mem, domain), &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (code != IDN2_OK) return KT_BAD_INPUT;
    *out = kt_str_lower(mem, kt_str_c(ascii));
    *out = kt_str_dup(mem, *out);
    idn2_free(ascii);
    return domain_ok(*out) ? KT_OK : KT_BAD_INPUT;
}

kt_err mail_address(kt_arena *mem, kt_str typed, kt_str *wire, bool *utf8)
{
    kt_str s = kt_str_trim(typed), domain;
    size_t at = KT_NOT_FOUND_AT;
    *utf8 = false;
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] == '@') at = i;
    if (at == KT_NOT_FOUND_AT || memchr(s.at, 0, s.len) || !kt_utf8_valid(s)) return KT_BAD_INPUT;
    kt_str local = kt_str_slice(s, 0, at);
    if (!local_ok(local, utf8)) return KT_BAD_INPUT;
    TRY(a_labels(mem, kt_str_slice(s, at + 1, s.len), &domain));
    *wire = kt_str_fmt(mem, "%.*s@%.*s", KT_ARG(local), KT_ARG(domain));
    return wire->len <= ADDRESS_MAX ? KT_OK : KT_BAD_INPUT;
}

/* --- header values ----------------------------------------------------------------------------- */

static bool header_safe(kt_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] == '\r' || s.at[i] == '\n' || s.at[i] == '\0') return false;
    return kt_utf8_valid(s);
}

/* Short printable ASCII that nobody takes for an encoded word goes as it is. */
static bool plain(kt_str s)
{
    if (s.len > 60 || kt_str_find(s, KT_STR("=?"), 0) != KT_NOT_FOUND_AT) return false;
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] < ' ' || s.at[i] > '~') return false;
    return s.len == 0 || (s.at[0] != ' ' && s.at[s.len - 1] != ' ');
}

/* The most bytes from `from` that fit a word and end between two characters. */
static size_t word_end(kt_str s, size_t from)
{
    size_t end = from + WORD_BYTES;
    if (end >= s.len) return s.len;
    while (end > from && ((unsigned char)s.at[end] & 0xc0) == 0x80) end--;
    return end;
}

static void put_words(kt_buf *out, kt_arena *mem, kt_str s)
{
    for (size_t at = 0, end; at < s.len; at = end) {
        end = word_end(s, at);
        kt_buf_put_c(out, at ? "\r\n =?UTF-8?B?" : "=?UTF-8?B?");
        kt_buf_put(out, kt_base64(mem, s.at + at, end - at));
        kt_buf_put_c(out, "?=");
    }
}

static void put_text_header(kt_buf *out, kt_arena *mem, const char *name, kt_str value)
{
    kt_buf_put_fmt(out, "%s: ", name);
    if (plain(value))
        kt_buf_put(out, value);
    else
        put_words(out, mem, value);
    kt_buf_put_c(out, "\r\n");
}

/* "Name" <address>: the name quoted, or as encoded words. */
static void put_address_header(kt_buf *out, kt_arena *mem, const char *header, kt_str name, kt_str address)
{
    kt_buf_put_fmt(out, "%s: ", header);
    if (name.len && plain(name)) {
        kt_buf_put_byte(out, '"');
        for (size_t i = 0; i < name.len; i++) {
            if (name.at[i] == '"' || name.at[i] == '\\') kt_buf_put_byte(out, '\\');
            kt_buf_put_byte(out, name.at[i]);
        }
        kt_buf_put_c(out, "\"\r\n ");
    } else if (name.len) {
        put_words(out, mem, name);
        kt_buf_put_c(out, "\r\n ");
    }
    kt_buf_put_fmt(out, "<%.*s>\r\n", KT_ARG(address));
}

/* --- bodies ------------------------------------------------------------------------------------ */

/* One line of text, without its end, in lines of at most 76 characters. */
static void put_qp_line(kt_buf *out, kt_str line)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t column = 0;
    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.at[i];
        bool last = i + 1 == line.len;
        bool raw = (c > ' ' && c <= '~' && c != '=') || ((c == ' ' || c == '\t') && !last);
        size_t width = raw ? 1 : 3;
        if (column + width > QP_LINE - (last ? 0u : 1u)) {
            kt_buf_put_c(out, "=\r\n");
            column = 0;
        }
        if (raw)
            kt_buf_put_byte(out, (char)c);
        else
            kt_buf_put(out, (kt_str){ (char[]){ '=', digits[c >> 4], digits[c & 15] }, 3 });
        column += width;
    }
}

static void put_qp(kt_buf *out, kt_str text)
{
    kt_str line;
    while (kt_str_split(&text, '\n', &line)) {
        if (line.len && line.at[line.len - 1] == '\r') line.len--;
        put_qp_line(out, line);
        kt_buf_put_c(out, "\r\n");
    }
}

static void put_part(kt_buf *out, const char *type, kt_str text)
{
    kt_buf_put_fmt(out, "Content-Type: text/%s; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
                   type);
    put_qp(out, text);
}

/* "=_" never stands in quoted-printable text. */
static void put_alternatives(kt_buf *out, kt_arena *mem, const mail *m)
{
    kt_str hash = kt_str_slice(kt_hash_hex(mem, m->key), 0, 24);
    kt_buf_put_fmt(out, "Content-Type: multipart/alternative; boundary=\"=_%.*s\"\r\n\r\n", KT_ARG(hash));
    kt_buf_put_fmt(out, "--=_%.*s\r\n", KT_ARG(hash));
    put_part(out, "plain", m->text);
    kt_buf_put_fmt(out, "--=_%.*s\r\n", KT_ARG(hash));
    put_part(out, "html", m->html);
    kt_buf_put_fmt(out, "--=_%.*s--\r\n", KT_ARG(hash));
}

/* --- the message ------------------------------------------------------------------------------- */

/* The key itself where it can stand in a Message-ID, else a hash of it. */
static kt_str message_id(kt_arena *mem, kt_str key)
{
    bool ok = key.len <= 64;
    for (size_t i = 0; i < key.len && ok; i++)
        ok = isalnum((unsigned char)key.at[i]) || key.at[i] == '-' || key.at[i] == '_';
    return ok ? key : kt_str_slice(kt_hash_hex(mem, key), 0, 32);
}

static bool language_ok(const char *language)
{
    size_t len = strlen(language);
    return len >= 2 && len <= 16 &&
           strspn(language, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == len;
}

static kt_err put_people(kt_arena *mem, const mail_options *options, const mail *m, kt_buf *out)
{
    kt_str name = kt_str_c(options->from_name), from, to, reply;
    bool utf8;
    if (!options->from_address || !header_safe(name)) return KT_BAD_INPUT;
    TRY(mail_address(mem, kt_str_c(options->from_address), &from, &utf8));
    TRY(mail_address(mem, m->to, &to, &utf8));
    put_address_header(out, mem, "From", name, from);
    if (options->reply_to && *options->reply_to) {
        TRY(mail_address(mem, kt_str_c(options->reply_to), &reply, &utf8));
        put_address_header(out, mem, "Reply-To", KT_STR_NONE, reply);
    }
    put_address_header(out, mem, "To", KT_STR_NONE, to);
    return KT_OK;
}

kt_err mail_compose(kt_arena *mem, const mail_options *options, const mail *m, int64_t now_ms, kt_buf *out)
{
    kt_str date = kt_time_http(mem, now_ms), id = message_id(mem, m->key);
    if (!header_safe(m->subject) || !kt_utf8_valid(m->text) || !kt_utf8_valid(m->html)) return KT_BAD_INPUT;
    if (kt_str_empty(m->key)) return KT_BAD_INPUT;
    kt_buf_put_fmt(out, "Date: %.*s +0000\r\n", KT_ARG(kt_str_slice(date, 0, date.len - 4)));
    TRY(put_people(mem, options, m, out));
    put_text_header(out, mem, "Subject", m->subject);
    kt_buf_put_fmt(out, "Message-ID: <%.*s@%s>\r\n", KT_ARG(id), options->host ? options->host : "localhost");
    kt_buf_put_c(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n");
    if (m->language && language_ok(m->language)) kt_buf_put_fmt(out, "Content-Language: %s\r\n", m->language);
    if (m->html.at && m->text.at)
        put_alternatives(out, mem, m);
    else
        put_part(out, m->html.at ? "html" : "plain", m->html.at ? m->html : m->text);
    return kt_buf_check(out);
}
