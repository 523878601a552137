/* SPDX-License-Identifier: Apache-2.0 */
/* target.c -- the request target (RFC 9112 3.2): origin form, absolute form and "*", to one normal path.
 *
 * There must be one reading of a path, because rules are written against it (who may see /admin) and a
 * front in front of us has its own. So: escapes are decoded once, "." and ".." and empty segments are
 * removed after that, and what could be read in two ways is refused: an escaped slash, a control
 * character, bytes that are not UTF-8, ".." above the root is the root. */
#include "http/inside.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* One segment, decoded to `to`. False on a broken escape or a byte that a path may not hold. */
static bool segment_decode(kt_str raw, char *to, size_t *len)
{
    size_t n = 0;
    for (size_t i = 0; i < raw.len; i++) {
        unsigned char c = (unsigned char)raw.at[i];
        if (c == '%') {
            if (i + 2 >= raw.len) return false;
            int high = hex_digit(raw.at[i + 1]), low = hex_digit(raw.at[i + 2]);
            if (high < 0 || low < 0) return false;
            c = (unsigned char)(high * 16 + low);
            if (c == '/') return false;
            i += 2;
        }
        if (c < 0x20 || c == 0x7f) return false;
        to[n++] = (char)c;
    }
    *len = n;
    return true;
}

bool path_normalise(kt_arena *mem, kt_str raw, kt_str *out)
{
    if (raw.len == 0 || raw.at[0] != '/') return false;
    char *path = kt_alloc(mem, raw.len + 2);
    size_t len = 0, last = 1;
    bool slash = false; /* the path ends with one: "/a/" is not "/a" */
    for (size_t from = 1; from <= raw.len; from = last + 1) {
        last = from;
        while (last < raw.len && raw.at[last] != '/') last++;
        size_t n;
        path[len] = '/';
        if (!segment_decode(kt_str_slice(raw, from, last), path + len + 1, &n)) return false;
        kt_str segment = { path + len + 1, n };
        slash = true;
        if (n == 0 || kt_str_is(segment, ".")) continue;
        if (kt_str_is(segment, "..")) {
            while (len > 0 && path[--len] != '/') {}
            continue;
        }
        len += 1 + n;
        slash = false;
    }
    if (slash || len == 0) path[len++] = '/';
    path[len] = 0;
    *out = (kt_str){ path, len };
    return kt_utf8_valid(*out);
}

static bool query_is_plain(kt_str query)
{
    for (size_t i = 0; i < query.len; i++)
        if ((unsigned char)query.at[i] <= 0x20 || query.at[i] == 0x7f) return false;
    return true;
}

bool target_parse(kt_arena *mem, kt_str raw, http_target *out)
{
    *out = (http_target){ KT_STR_NONE, KT_STR(""), KT_STR_NONE, false };
    if (kt_str_is(raw, "*")) {
        out->path = KT_STR("*");
        return true;
    }
    kt_str rest = raw;
    if (raw.len > 0 && raw.at[0] != '/') {
        size_t scheme = kt_str_find(raw, KT_STR("://"), 0);
        if (scheme == KT_NOT_FOUND_AT) return false;
        kt_str name = kt_str_slice(raw, 0, scheme);
        if (!kt_str_eq_nocase(name, KT_STR("http")) && !kt_str_eq_nocase(name, KT_STR("https"))) return false;
        size_t end = scheme + 3;
        while (end < raw.len && raw.at[end] != '/' && raw.at[end] != '?') end++;
        out->authority = kt_str_slice(raw, scheme + 3, end);
        out->absolute = true;
        rest = kt_str_slice(raw, end, raw.len);
    }
    size_t mark = kt_str_find_byte(rest, '?', 0);
    kt_str path = mark == KT_NOT_FOUND_AT ? rest : kt_str_slice(rest, 0, mark);
    if (mark != KT_NOT_FOUND_AT) out->query = kt_str_slice(rest, mark + 1, rest.len);
    if (path.len == 0 && out->absolute) path = KT_STR("/");
    if (kt_str_find_byte(rest, '#', 0) != KT_NOT_FOUND_AT || !query_is_plain(out->query)) return false;
    return path_normalise(mem, path, &out->path);
}
