/* SPDX-License-Identifier: Apache-2.0 */
/* text.c -- see text.h. Unicode properties come from libunistring. */
#include "account/text.h"
#include <stdlib.h>
#include <unictype.h>
#include <uninorm.h>

static bool is_forbidden(int32_t c)
{
    if (c == 0x200c || c == 0x200d || c == 0xad) return false;
    return uc_is_general_category_withtable((ucs4_t)c, UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Cf | UC_CATEGORY_MASK_Cs |
                                                           UC_CATEGORY_MASK_Co | UC_CATEGORY_MASK_Cn |
                                                           UC_CATEGORY_MASK_Zl | UC_CATEGORY_MASK_Zp);
}

bool text_has_control(kt_str s)
{
    for (size_t at = 0; at < s.len;) {
        int32_t c = kt_utf8_next(s, &at);
        if (c < 0 || is_forbidden(c)) return true;
    }
    return false;
}

bool text_clean(kt_arena *mem, kt_str typed, size_t max, kt_str *out, const char **reason)
{
    kt_str s = kt_str_trim(typed);
    size_t len = 0;
    *out = KT_STR("");
    *reason = NULL;
    if (!kt_utf8_valid(s))
        *reason = "utf8";
    else if (s.len > max * 4)
        *reason = "long"; /* before normalising: it is quadratic in marks */
    else if (text_has_control(s))
        *reason = "control";
    if (*reason || s.len == 0) return !*reason;
    uint8_t *nfc = u8_normalize(UNINORM_NFC, (const uint8_t *)s.at, s.len, NULL, &len);
    if (!nfc) {
        *reason = "utf8";
        return false;
    }
    *out = kt_str_dup(mem, (kt_str){ (const char *)nfc, len });
    free(nfc);
    if (kt_utf8_count(*out) > max) *reason = "long";
    return !*reason;
}

/* Where people write numbers without their country's code. Others are asked for it. */
static const struct { const char *country, *code; } trunk_zero[] = {
    { "DE", "49" }, { "AT", "43" }, { "CH", "41" }, { "NL", "31" }, { "BE", "32" }, { "FR", "33" }, { "GB", "44" }
};

bool text_phone(kt_arena *mem, kt_str typed, kt_str country, kt_str *out, const char **reason)
{
    char digits[32];
    size_t n = 0;
    bool plus = false;
    kt_str s = kt_str_trim(typed);
    *out = KT_STR("");
    *reason = NULL;
    if (s.len == 0) return true;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (c == '+' && i == 0)
            plus = true;
        else if (c == '(' && plus && kt_str_starts(kt_str_slice(s, i, s.len), KT_STR("(0)")))
            i += 2;
        else if (c >= '0' && c <= '9' && n < sizeof digits - 1)
            digits[n++] = c;
        else if (!strchr(" -/().", c)) {
            *reason = "phone_form";
            return false;
        }
    }
    kt_str d = { digits, n }, code = KT_STR("");
    if (!plus && kt_str_starts(d, KT_STR("00"))) {
        plus = true;
        d = kt_str_slice(d, 2, n);
    }
    if (!plus) {
        for (size_t i = 0; i < sizeof trunk_zero / sizeof *trunk_zero; i++)
            if (kt_str_is(country, trunk_zero[i].country)) code = kt_str_c(trunk_zero[i].code);
        if (!code.len || !d.len || d.at[0] != '0') {
            *reason = "phone_country";
            return false;
        }
        d = kt_str_slice(d, 1, d.len);
    }
    size_t total = code.len + d.len;
    if (total < 7 || total > 15 || d.at[0] == '0') {
        *reason = "phone_form";
        return false;
    }
    *out = kt_str_fmt(mem, "+%.*s%.*s", KT_ARG(code), KT_ARG(d));
    return true;
}
