/* SPDX-License-Identifier: Apache-2.0 */
/* headers.c -- what makes a request head unacceptable, whatever it asks for (RFC 9112 2.2, 3.2, 5, 6).
 *
 * Two readings of one head are how requests are smuggled past a front, so everything that could be framed
 * in two ways is refused here, before a route is looked for: both lengths, two lengths, an unknown transfer
 * coding, two hosts, a name that is no token, control characters in a value. */
#include "http/inside.h"

static bool token_byte(unsigned char c)
{
    if (c >= '0' && c <= '9') return true;
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') return true;
    return c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

bool is_token(kt_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!token_byte((unsigned char)s.at[i])) return false;
    return s.len > 0;
}

static bool value_is_clean(kt_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) return false;
    }
    return true;
}

static bool all_in(kt_str s, const char *set)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (c == 0 || (!strchr(set, c) && !(c >= '0' && c <= '9') && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z')))
            return false;
    }
    return true;
}

static bool port_is_sound(kt_str port)
{
    int64_t n;
    return port.len == 0 || (port.len <= 5 && kt_str_int(port, &n) && n >= 0 && n <= 65535);
}

bool host_parse(kt_arena *mem, kt_str text, kt_str *host)
{
    if (text.len == 0 || text.len > 255 + 6) return false;
    size_t end = 0;
    if (text.at[0] == '[') {
        size_t close = kt_str_find_byte(text, ']', 0);
        http_addr address;
        if (close == KT_NOT_FOUND_AT || !http_addr_parse(kt_str_slice(text, 1, close), &address)) return false;
        end = close + 1;
    } else {
        while (end < text.len && text.at[end] != ':') end++;
        if (!all_in(kt_str_slice(text, 0, end), "-._")) return false;
    }
    if (end == 0 || (end < text.len && text.at[end] != ':')) return false;
    if (end < text.len && !port_is_sound(kt_str_slice(text, end + 1, text.len))) return false;
    kt_str name = kt_str_slice(text, 0, end);
    if (name.len > 1 && name.at[name.len - 1] == '.') name.len--; /* the root's dot says nothing new */
    *host = kt_str_lower(mem, name);
    return true;
}

static bool length_parse(kt_str text, uint64_t *length)
{
    uint64_t n = 0;
    if (text.len == 0 || text.len > 18) return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') return false;
        n = n * 10 + (uint64_t)(text.at[i] - '0');
    }
    *length = n;
    return true;
}

typedef struct {
    size_t hosts, lengths, codings;
    kt_str host, length, coding, expect;
    bool differ;
} framing;

static void framing_note(framing *f, const http_field *h)
{
    if (kt_str_eq_nocase(h->name, KT_STR("host"))) {
        f->hosts++;
        f->host = h->value;
    } else if (kt_str_eq_nocase(h->name, KT_STR("content-length"))) {
        if (f->lengths++ && !kt_str_eq(f->length, h->value)) f->differ = true;
        f->length = h->value;
    } else if (kt_str_eq_nocase(h->name, KT_STR("transfer-encoding"))) {
        f->codings++;
        f->coding = h->value;
    } else if (kt_str_eq_nocase(h->name, KT_STR("expect"))) {
        f->expect = h->value;
    }
}

kt_err headers_accept(exchange *ex, bool *has_body, bool *chunked, uint64_t *length)
{
    framing f = { 0 };
    *has_body = *chunked = false;
    *length = 0;
    if (ex->n_fields > HTTP_FIELDS_MAX) return KT_HEAD_TOO_LARGE;
    for (size_t i = 0; i < ex->n_fields; i++) {
        if (!is_token(ex->fields[i].name) || !value_is_clean(ex->fields[i].value)) return KT_BAD_INPUT;
        framing_note(&f, &ex->fields[i]);
    }
    if (!is_token(ex->rq.method)) return KT_BAD_INPUT;
    if (f.hosts > 1 || (f.hosts == 0 && !ex->http_1_0)) return KT_BAD_INPUT;
    if (f.hosts == 1) {
        ex->host_as_sent = kt_str_trim(f.host);
        if (!host_parse(ex->rq.mem, ex->host_as_sent, &ex->rq.host)) return KT_BAD_INPUT;
    }
    if (f.codings > 0) {
        /* RFC 9112 6.1: with a length as well, or from HTTP/1.0, the framing is in doubt. */
        if (f.codings > 1 || f.lengths > 0 || ex->http_1_0) return KT_BAD_INPUT;
        if (!kt_str_eq_nocase(kt_str_trim(f.coding), KT_STR("chunked"))) return KT_BAD_INPUT;
        *has_body = *chunked = true;
    } else if (f.lengths > 0) {
        if (f.lengths > 1 || f.differ || !length_parse(kt_str_trim(f.length), length)) return KT_BAD_INPUT;
        *has_body = *length > 0;
    }
    ex->expects_continue = !ex->http_1_0 && kt_str_eq_nocase(kt_str_trim(f.expect), KT_STR("100-continue"));
    return KT_OK;
}
