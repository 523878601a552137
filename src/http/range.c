/* SPDX-License-Identifier: Apache-2.0 */
/* range.c -- Range, entity tags and HTTP dates (RFC 9110 14, 8.8.3, 5.6.7).
 *
 * One range is served; a request for several gets the whole (RFC 9110 14.2 lets a server ignore Range),
 * because many small ranges of one file are a cheap way to make a server work. */
#include <stdio.h>
#include "http/inside.h"

static bool digits(kt_str s, uint64_t *n)
{
    *n = 0;
    if (s.len == 0) return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] > '9') return false;
        if (*n > UINT64_MAX / 10 - 1)
            *n = UINT64_MAX / 10 - 1; /* saturates: beyond any file */
        else
            *n = *n * 10 + (uint64_t)(s.at[i] - '0');
    }
    return true;
}

range_kind range_parse(kt_str header, uint64_t length, uint64_t *first, uint64_t *last)
{
    kt_str s = kt_str_trim(header);
    if (s.len < 7 || !kt_str_eq_nocase(kt_str_slice(s, 0, 6), KT_STR("bytes="))) return RANGE_NONE;
    s = kt_str_trim(kt_str_slice(s, 6, s.len));
    size_t dash = kt_str_find_byte(s, '-', 0);
    if (dash == KT_NOT_FOUND_AT || kt_str_find_byte(s, ',', 0) != KT_NOT_FOUND_AT) return RANGE_NONE;
    kt_str from = kt_str_slice(s, 0, dash), to = kt_str_slice(s, dash + 1, s.len);
    uint64_t a, b;
    if (from.len == 0) { /* the last n bytes */
        if (!digits(to, &b)) return RANGE_NONE;
        if (b == 0 || length == 0) return RANGE_OUTSIDE;
        *first = b >= length ? 0 : length - b;
        *last = length - 1;
        return RANGE_ONE;
    }
    if (!digits(from, &a)) return RANGE_NONE;
    if (to.len == 0)
        b = UINT64_MAX;
    else if (!digits(to, &b) || b < a)
        return RANGE_NONE;
    if (a >= length) return RANGE_OUTSIDE;
    *first = a;
    *last = b >= length ? length - 1 : b;
    return RANGE_ONE;
}

bool etag_matches(kt_str list, kt_str etag, bool strong)
{
    kt_str rest = kt_str_trim(list);
    if (kt_str_is(rest, "*")) return true;
    bool weak = kt_str_starts(etag, KT_STR("W/"));
    if (weak && strong) return false;
    kt_str plain = weak ? kt_str_slice(etag, 2, etag.len) : etag;
    while (rest.len) {
        rest = kt_str_trim(rest);
        bool this_weak = kt_str_starts(rest, KT_STR("W/"));
        if (this_weak) rest = kt_str_slice(rest, 2, rest.len);
        if (rest.len == 0 || rest.at[0] != '"') return false;
        size_t end = kt_str_find_byte(rest, '"', 1);
        if (end == KT_NOT_FOUND_AT) return false;
        if (kt_str_eq(kt_str_slice(rest, 0, end + 1), plain) && !(strong && this_weak)) return true;
        rest = kt_str_trim(kt_str_slice(rest, end + 1, rest.len));
        if (rest.len && rest.at[0] == ',') rest = kt_str_slice(rest, 1, rest.len);
    }
    return false;
}

bool date_parse(kt_str text, int64_t *ms)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char line[32], month[4];
    kt_civil c = { 0 };
    int used = 0;
    text = kt_str_trim(text);
    if (text.len != 29) return false;
    memcpy(line, text.at, 29);
    line[29] = 0;
    if (sscanf(line + 3, ", %2d %3s %4d %2d:%2d:%2d GMT%n", &c.day, month, &c.year, &c.hour, &c.minute, &c.second,
               &used) != 6 ||
        used != 26)
        return false;
    const char *at = strstr(months, month);
    if (!at || strlen(month) != 3 || (at - months) % 3 != 0) return false;
    c.month = (int)(at - months) / 3 + 1;
    if (c.day < 1 || c.day > 31 || c.hour < 0 || c.hour > 23 || c.minute < 0 || c.minute > 59 || c.second < 0 ||
        c.second > 60 || c.year < 1)
        return false;
    *ms = kt_civil_ms(c);
    return true;
}
