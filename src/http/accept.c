/* SPDX-License-Identifier: Apache-2.0 */
/* accept.c -- Accept, Accept-Language and Accept-Encoding with their qualities (RFC 9110 12.5). */
#include "http/inside.h"

/* "0", "0.5", "1.000" in thousandths; -1 when it is none. */
static int quality_parse(kt_str q)
{
    if (q.len == 0 || q.len > 5 || (q.at[0] != '0' && q.at[0] != '1')) return -1;
    int value = (q.at[0] - '0') * 1000, unit = 100;
    if (q.len > 1 && q.at[1] != '.') return -1;
    for (size_t i = 2; i < q.len; i++, unit /= 10) {
        if (q.at[i] < '0' || q.at[i] > '9') return -1;
        value += (q.at[i] - '0') * unit;
    }
    return value > 1000 ? -1 : value;
}

/* The next element of a list: its name and quality. A broken quality counts as 0: not wanted. */
static bool element_next(kt_str *rest, kt_str *name, int *quality)
{
    kt_str element, part;
    while (kt_str_split(rest, ',', &element)) {
        kt_str parts = element;
        *quality = 1000;
        if (!kt_str_split(&parts, ';', &part)) continue;
        *name = kt_str_trim(part);
        while (kt_str_split(&parts, ';', &part)) {
            part = kt_str_trim(part);
            if (part.len < 2 || (part.at[0] | 0x20) != 'q' || part.at[1] != '=') continue;
            int q = quality_parse(kt_str_trim(kt_str_slice(part, 2, part.len)));
            *quality = q < 0 ? 0 : q;
        }
        if (name->len) return true;
    }
    return false;
}

http_coding coding_choose(kt_str accept_encoding, bool have_gzip, bool have_br)
{
    int gzip = -1, br = -1, star = -1, identity = -1, q;
    kt_str rest = accept_encoding, name;
    while (element_next(&rest, &name, &q)) {
        if (kt_str_eq_nocase(name, KT_STR("gzip")) || kt_str_eq_nocase(name, KT_STR("x-gzip")))
            gzip = q;
        else if (kt_str_eq_nocase(name, KT_STR("br")))
            br = q;
        else if (kt_str_eq_nocase(name, KT_STR("identity")))
            identity = q;
        else if (kt_str_is(name, "*"))
            star = q;
    }
    if (gzip < 0) gzip = star;
    if (br < 0) br = star;
    if (!have_gzip) gzip = 0;
    if (!have_br) br = 0;
    if (br > 0 && br >= gzip && br >= identity) return CODING_BR;
    return gzip > 0 && gzip >= identity ? CODING_GZIP : CODING_NONE;
}

/* How closely a range names a type: 3 exactly, 2 "text" + "/" + "*", 1 everything, 0 not. */
static int closeness(kt_str range, kt_str type)
{
    if (kt_str_eq_nocase(range, type)) return 3;
    if (kt_str_is(range, "*/*") || kt_str_is(range, "*")) return 1;
    size_t slash = kt_str_find_byte(type, '/', 0);
    return slash != KT_NOT_FOUND_AT && range.len == slash + 2 && range.at[range.len - 1] == '*' &&
                   kt_str_eq_nocase(kt_str_slice(range, 0, slash + 1), kt_str_slice(type, 0, slash + 1))
               ? 2
               : 0;
}

int accept_quality(kt_str header, kt_str type)
{
    int best = 0, quality = -1, q;
    kt_str rest = header, name;
    while (element_next(&rest, &name, &q)) {
        int near = closeness(name, type);
        if (near > best) {
            best = near;
            quality = q;
        }
    }
    return quality;
}

int language_quality(kt_str header, kt_str language)
{
    int best = 0, quality = -1, q;
    kt_str rest = header, name;
    while (element_next(&rest, &name, &q)) {
        kt_str primary = kt_str_slice(name, 0, language.len);
        bool same = kt_str_eq_nocase(primary, language) && (name.len == language.len || name.at[language.len] == '-');
        int near = same ? 2 : kt_str_is(name, "*") ? 1 : 0;
        if (near > best || (near == best && near > 0 && q > quality)) {
            best = near;
            quality = q;
        }
    }
    return quality;
}
