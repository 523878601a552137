/* SPDX-License-Identifier: Apache-2.0 */
/* email_address.c -- see email_address.h. The domain goes through libidn2 (TR46, non-transitional, so that
 * "straße.de" and "strasse.de" stay two domains, as in the registries). */
#include "account/email_address.h"
#include <idn2.h>
#include <stdlib.h>
#include <unicase.h>
#include <uninorm.h>
#include "account/text.h"

/* RFC 5322 atext, without the dot. */
static bool is_atext(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && c < 0x80 && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

static bool local_is_good(kt_str local, bool utf8_local)
{
    if (local.len == 0 || local.len > EMAIL_LOCAL_MAX) return false;
    for (size_t i = 0; i < local.len; i++) {
        unsigned char c = (unsigned char)local.at[i];
        bool dot_inside = c == '.' && i > 0 && i + 1 < local.len && local.at[i - 1] != '.';
        if (!is_atext(c) && !dot_inside && !(c >= 0x80 && utf8_local)) return false;
    }
    return !text_has_control(local);
}

/* Lower case in NFC: two ways to type "Jörg" are one local part. */
static kt_str local_key(kt_arena *mem, kt_str local)
{
    size_t len = 0;
    uint8_t *low = u8_tolower((const uint8_t *)local.at, local.len, NULL, UNINORM_NFC, NULL, &len);
    kt_str key = low ? kt_str_dup(mem, (kt_str){ (const char *)low, len }) : kt_str_lower(mem, local);
    free(low);
    return key;
}

/* At least two labels of letters, digits and inner hyphens; the last not a number (that is an address). */
static bool ascii_domain_is_good(kt_str domain)
{
    kt_str rest = domain, label = KT_STR_NONE;
    size_t labels = 0;
    bool digits_only = true;
    if (domain.len == 0 || domain.len > 253 || domain.at[domain.len - 1] == '.') return false;
    while (kt_str_split(&rest, '.', &label)) {
        labels++;
        digits_only = true;
        if (label.len == 0 || label.len > 63 || label.at[0] == '-' || label.at[label.len - 1] == '-') return false;
        for (size_t i = 0; i < label.len; i++) {
            char c = label.at[i];
            bool digit = c >= '0' && c <= '9';
            if (!digit && !(c >= 'a' && c <= 'z') && c != '-') return false;
            if (!digit) digits_only = false;
        }
    }
    return labels >= 2 && !digits_only;
}

static bool domain_key(kt_arena *mem, kt_str domain, kt_str *out)
{
    uint8_t *ascii = NULL;
    if (domain.len == 0 || text_has_control(domain)) return false;
    for (size_t i = 0; i < domain.len; i++)
        if ((unsigned char)domain.at[i] < 0x80 && !is_atext((unsigned char)domain.at[i]) && domain.at[i] != '.')
            return false;
    int rc = idn2_lookup_u8((const uint8_t *)kt_str_z(mem, domain), &ascii, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
    if (rc == IDN2_OK) *out = kt_str_lower(mem, kt_str_c((const char *)ascii));
    idn2_free(ascii);
    return rc == IDN2_OK && ascii_domain_is_good(*out);
}

bool email_parse(kt_arena *mem, kt_str typed, bool utf8_local, email_address *out, const char **reason)
{
    size_t at = kt_str_find_byte(typed, '@', 0);
    *out = (email_address){ typed, KT_STR_NONE };
    *reason = NULL;
    if (typed.len == 0)
        *reason = "empty";
    else if (typed.len > EMAIL_OCTETS_MAX)
        *reason = "email_long";
    else if (!kt_utf8_valid(typed) || at == KT_NOT_FOUND_AT)
        *reason = "email_form";
    if (*reason) return false;

    kt_str local = kt_str_slice(typed, 0, at), domain = kt_str_slice(typed, at + 1, typed.len), host = KT_STR_NONE;
    if (!local_is_good(local, utf8_local) || kt_str_find_byte(domain, '@', 0) != KT_NOT_FOUND_AT)
        *reason = "email_form";
    else if (!domain_key(mem, domain, &host))
        *reason = "email_domain";
    if (*reason) return false;
    kt_str key = local_key(mem, local);
    out->typed = kt_str_dup(mem, typed);
    out->key = kt_str_fmt(mem, "%.*s@%.*s", KT_ARG(key), KT_ARG(host));
    return true;
}

/* The first character and nothing of the length. */
static kt_str first_character(kt_str s)
{
    size_t at = 0;
    if (s.len) (void)kt_utf8_next(s, &at);
    return kt_str_slice(s, 0, at);
}

kt_str email_masked(kt_arena *mem, kt_str address)
{
    size_t at = kt_str_find_byte(address, '@', 0), dot = KT_NOT_FOUND_AT;
    if (at == KT_NOT_FOUND_AT) return KT_STR("***");
    kt_str local = kt_str_slice(address, 0, at), domain = kt_str_slice(address, at + 1, address.len);
    for (size_t i = 0; i < domain.len; i++)
        if (domain.at[i] == '.') dot = i;
    kt_str top = dot == KT_NOT_FOUND_AT ? KT_STR_NONE : kt_str_slice(domain, dot, domain.len);
    return kt_str_fmt(mem, "%.*s***@%.*s***%.*s", KT_ARG(first_character(local)), KT_ARG(first_character(domain)),
                      KT_ARG(top));
}
