/* SPDX-License-Identifier: Apache-2.0 */
/* str.c -- views, buffers, UTF-8 and the small codecs (RFC 3986, RFC 4648). */
#include "base/str.h"
#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned char lower(char c)
{
    unsigned char u = (unsigned char)c;
    return u >= 'A' && u <= 'Z' ? (unsigned char)(u + 32) : u;
}

bool kt_str_eq_nocase(kt_str a, kt_str b)
{
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.at[i]) != lower(b.at[i])) return false;
    return true;
}

int kt_str_cmp(kt_str a, kt_str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n ? memcmp(a.at, b.at, n) : 0;
    return order ? order : a.len < b.len ? -1 : a.len > b.len;
}

bool kt_str_starts(kt_str s, kt_str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.at, prefix.at, prefix.len) == 0);
}

bool kt_str_ends(kt_str s, kt_str suffix)
{
    return s.len >= suffix.len && (suffix.len == 0 || memcmp(s.at + s.len - suffix.len, suffix.at, suffix.len) == 0);
}

size_t kt_str_find_byte(kt_str s, char byte, size_t from)
{
    if (from >= s.len) return KT_NOT_FOUND_AT;
    const char *at = memchr(s.at + from, byte, s.len - from);
    return at ? (size_t)(at - s.at) : KT_NOT_FOUND_AT;
}

size_t kt_str_find(kt_str s, kt_str what, size_t from)
{
    if (from > s.len || what.len > s.len - from) return KT_NOT_FOUND_AT;
    if (what.len == 0) return from;
    const char *at = memmem(s.at + from, s.len - from, what.at, what.len);
    return at ? (size_t)(at - s.at) : KT_NOT_FOUND_AT;
}

kt_str kt_str_slice(kt_str s, size_t from, size_t to)
{
    if (to > s.len) to = s.len;
    if (from > to) from = to;
    return (kt_str){ s.at ? s.at + from : NULL, to - from };
}

static bool blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

kt_str kt_str_trim(kt_str s)
{
    while (s.len && blank(s.at[0])) {
        s.at++;
        s.len--;
    }
    while (s.len && blank(s.at[s.len - 1])) s.len--;
    return s;
}

bool kt_str_split(kt_str *rest, char sep, kt_str *part)
{
    if (!rest->at) return false;
    size_t at = kt_str_find_byte(*rest, sep, 0);
    if (at == KT_NOT_FOUND_AT) {
        *part = *rest;
        *rest = KT_STR_NONE;
    } else {
        *part = kt_str_slice(*rest, 0, at);
        *rest = kt_str_slice(*rest, at + 1, rest->len);
    }
    return true;
}

kt_str kt_str_dup(kt_arena *mem, kt_str s)
{
    if (!s.at) return KT_STR_NONE;
    char *copy = kt_alloc(mem, s.len + 1);
    if (s.len) memcpy(copy, s.at, s.len);
    return (kt_str){ copy, s.len };
}

char *kt_str_z(kt_arena *mem, kt_str s)
{
    char *copy = kt_alloc(mem, s.len + 1);
    if (s.len) memcpy(copy, s.at, s.len);
    return copy;
}

kt_str kt_str_vfmt(kt_arena *mem, const char *fmt, va_list args)
{
    char small[256];
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(small, sizeof small, fmt, args);
    assert(n >= 0);
    char *out = kt_alloc(mem, (size_t)n + 1);
    if ((size_t)n < sizeof small)
        memcpy(out, small, (size_t)n);
    else
        vsnprintf(out, (size_t)n + 1, fmt, again);
    va_end(again);
    return (kt_str){ out, (size_t)n };
}

kt_str kt_str_fmt(kt_arena *mem, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    kt_str s = kt_str_vfmt(mem, fmt, args);
    va_end(args);
    return s;
}

kt_str kt_str_join(kt_arena *mem, const kt_str *parts, size_t n, kt_str sep)
{
    size_t len = 0;
    for (size_t i = 0; i < n; i++) len += parts[i].len + (i ? sep.len : 0);
    char *out = kt_alloc(mem, len + 1), *at = out;
    for (size_t i = 0; i < n; i++) {
        if (i && sep.len) {
            memcpy(at, sep.at, sep.len);
            at += sep.len;
        }
        if (parts[i].len) memcpy(at, parts[i].at, parts[i].len);
        at += parts[i].len;
    }
    return (kt_str){ out, len };
}

kt_str kt_str_lower(kt_arena *mem, kt_str s)
{
    char *out = kt_alloc(mem, s.len + 1);
    for (size_t i = 0; i < s.len; i++) out[i] = (char)lower(s.at[i]);
    return (kt_str){ out, s.len };
}

bool kt_str_int(kt_str s, int64_t *value)
{
    bool minus = s.len && s.at[0] == '-';
    size_t i = minus;
    if (i == s.len || s.len - i > 19) return false;
    uint64_t n = 0;
    for (; i < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] > '9') return false;
        n = n * 10 + (uint64_t)(s.at[i] - '0');
    }
    if (n > (uint64_t)INT64_MAX + minus) return false;
    *value = minus ? (int64_t)(0 - n) : (int64_t)n;
    return true;
}

int32_t kt_utf8_next(kt_str s, size_t *at)
{
    const unsigned char *p = (const unsigned char *)s.at + *at;
    size_t left = s.len - *at;
    assert(left > 0);
    if (p[0] < 0x80) {
        *at += 1;
        return p[0];
    }
    size_t n = p[0] >= 0xF0 && p[0] < 0xF5 ? 4 : p[0] >= 0xE0 && p[0] < 0xF0 ? 3 : p[0] >= 0xC2 && p[0] < 0xE0 ? 2 : 0;
    if (n == 0 || n > left) {
        *at += 1;
        return -1;
    }
    int32_t code = p[0] & (0x7F >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80) {
            *at += 1;
            return -1;
        }
        code = (int32_t)((uint32_t)code << 6 | (p[i] & 0x3F));
    }
    static const int32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
    if (code < least[n] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
        *at += 1;
        return -1;
    }
    *at += n;
    return code;
}

bool kt_utf8_valid(kt_str s)
{
    for (size_t at = 0; at < s.len;)
        if (kt_utf8_next(s, &at) < 0) return false;
    return true;
}

size_t kt_utf8_count(kt_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) n += ((unsigned char)s.at[i] & 0xC0) != 0x80;
    return n;
}

void kt_buf_init(kt_buf *buf, size_t max) { *buf = (kt_buf){ NULL, 0, 0, max, false }; }

void kt_buf_free(kt_buf *buf)
{
    free(buf->at);
    *buf = (kt_buf){ NULL, 0, 0, buf->max, false };
}

void kt_buf_clear(kt_buf *buf)
{
    buf->len = 0;
    buf->over = false;
}

/* Room for n more bytes and a terminator, or `over`. */
static bool grow(kt_buf *buf, size_t n)
{
    if (buf->over || n > buf->max || buf->len > buf->max - n) {
        buf->over = true;
        return false;
    }
    size_t need = buf->len + n + 1;
    if (need > buf->cap) {
        size_t cap = buf->cap ? buf->cap : 256;
        while (cap < need) cap *= 2;
        buf->at = kt_realloc(buf->at, cap);
        buf->cap = cap;
    }
    return true;
}

void kt_buf_put(kt_buf *buf, kt_str s)
{
    assert(s.at || s.len == 0);
    if (!grow(buf, s.len)) return;
    if (s.len) memcpy(buf->at + buf->len, s.at, s.len);
    buf->len += s.len;
    buf->at[buf->len] = 0;
}

void kt_buf_put_c(kt_buf *buf, const char *text) { kt_buf_put(buf, kt_str_c(text)); }
void kt_buf_put_byte(kt_buf *buf, char byte) { kt_buf_put(buf, (kt_str){ &byte, 1 }); }

void kt_buf_put_fmt(kt_buf *buf, const char *fmt, ...)
{
    char small[512];
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(small, sizeof small, fmt, args);
    assert(n >= 0);
    if ((size_t)n < sizeof small) {
        kt_buf_put(buf, (kt_str){ small, (size_t)n });
    } else if (grow(buf, (size_t)n)) {
        vsnprintf(buf->at + buf->len, (size_t)n + 1, fmt, again);
        buf->len += (size_t)n;
    }
    va_end(again);
    va_end(args);
}

void kt_buf_put_int(kt_buf *buf, int64_t value)
{
    char digits[24];
    size_t at = sizeof digits;
    uint64_t n = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    if (value < 0) digits[--at] = '-';
    kt_buf_put(buf, (kt_str){ digits + at, sizeof digits - at });
}

void kt_buf_put_html(kt_buf *buf, kt_str s)
{
    size_t from = 0;
    for (size_t i = 0; i < s.len; i++) {
        const char *entity = NULL;
        switch (s.at[i]) {
        case '&': entity = "&amp;"; break;
        case '<': entity = "&lt;"; break;
        case '>': entity = "&gt;"; break;
        case '"': entity = "&quot;"; break;
        case '\'': entity = "&#39;"; break;
        default: continue;
        }
        kt_buf_put(buf, kt_str_slice(s, from, i));
        kt_buf_put_c(buf, entity);
        from = i + 1;
    }
    kt_buf_put(buf, kt_str_slice(s, from, s.len));
}

void kt_buf_put_json(kt_buf *buf, kt_str s)
{
    static const char hex[] = "0123456789abcdef";
    kt_buf_put_byte(buf, '"');
    size_t from = 0;
    for (size_t at = 0; at < s.len;) {
        size_t here = at;
        int32_t c = kt_utf8_next(s, &at);
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        kt_buf_put(buf, kt_str_slice(s, from, here));
        from = at;
        if (c < 0)
            kt_buf_put_c(buf, "\xEF\xBF\xBD");
        else if (c == '"')
            kt_buf_put_c(buf, "\\\"");
        else if (c == '\\')
            kt_buf_put_c(buf, "\\\\");
        else if (c == '\n')
            kt_buf_put_c(buf, "\\n");
        else if (c == '\r')
            kt_buf_put_c(buf, "\\r");
        else if (c == '\t')
            kt_buf_put_c(buf, "\\t");
        else {
            char escape[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };
            kt_buf_put(buf, (kt_str){ escape, 6 });
        }
    }
    kt_buf_put(buf, kt_str_slice(s, from, s.len));
    kt_buf_put_byte(buf, '"');
}

void kt_buf_put_percent(kt_buf *buf, kt_str s)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                     c == '.' || c == '_' || c == '~';
        if (plain)
            kt_buf_put_byte(buf, (char)c);
        else
            kt_buf_put(buf, (kt_str){ (char[]){ '%', hex[c >> 4], hex[c & 15] }, 3 });
    }
}

kt_err kt_buf_check(const kt_buf *buf) { return buf->over ? KT_TOO_LARGE : KT_OK; }

kt_str kt_hex(kt_arena *mem, const void *data, size_t len)
{
    char *out = kt_alloc(mem, len * 2 + 1);
    sodium_bin2hex(out, len * 2 + 1, data, len);
    return (kt_str){ out, len * 2 };
}

bool kt_hex_decode(kt_arena *mem, kt_str hex, kt_str *out)
{
    unsigned char *bytes = kt_alloc(mem, hex.len / 2 + 1);
    size_t n = 0;
    const char *end = NULL;
    if (hex.len % 2 || sodium_hex2bin(bytes, hex.len / 2, hex.at, hex.len, NULL, &n, &end) != 0 || n != hex.len / 2)
        return false;
    *out = (kt_str){ (char *)bytes, n };
    return true;
}

static kt_str encode64(kt_arena *mem, const void *data, size_t len, int variant)
{
    size_t room = sodium_base64_encoded_len(len, variant);
    char *out = kt_alloc(mem, room);
    sodium_bin2base64(out, room, data, len, variant);
    return (kt_str){ out, strlen(out) };
}

kt_str kt_base64url(kt_arena *mem, const void *data, size_t len)
{
    return encode64(mem, data, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

kt_str kt_base64(kt_arena *mem, const void *data, size_t len)
{
    return encode64(mem, data, len, sodium_base64_VARIANT_ORIGINAL);
}

bool kt_base64url_decode(kt_arena *mem, kt_str text, kt_str *out)
{
    unsigned char *bytes = kt_alloc(mem, text.len + 1);
    size_t n = 0;
    const char *end = NULL;
    if (text.len && (sodium_base642bin(bytes, text.len, text.at, text.len, NULL, &n, &end,
                                       sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
                     end != text.at + text.len))
        return false;
    *out = (kt_str){ (char *)bytes, n };
    return true;
}

bool kt_base64_decode(kt_arena *mem, kt_str text, kt_str *out)
{
    unsigned char *bytes = kt_alloc(mem, text.len + 1);
    size_t n = 0;
    const char *end = NULL;
    if (text.len && (sodium_base642bin(bytes, text.len, text.at, text.len, " \t\r\n", &n, &end,
                                       sodium_base64_VARIANT_ORIGINAL) != 0 ||
                     end != text.at + text.len))
        return false;
    *out = (kt_str){ (char *)bytes, n };
    return true;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool kt_percent_decode(kt_arena *mem, kt_str s, bool plus_is_blank, kt_str *out)
{
    char *bytes = kt_alloc(mem, s.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (c == '%') {
            int high = i + 2 < s.len ? hex_digit(s.at[i + 1]) : -1;
            int low = i + 2 < s.len ? hex_digit(s.at[i + 2]) : -1;
            if (high < 0 || low < 0) return false;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_blank) {
            c = ' ';
        }
        bytes[n++] = c;
    }
    *out = (kt_str){ bytes, n };
    return true;
}

bool kt_str_eq_secret(kt_str a, kt_str b)
{
    return a.len == b.len && (a.len == 0 || sodium_memcmp(a.at, b.at, a.len) == 0);
}
