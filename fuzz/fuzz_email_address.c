/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an e-mail address, a name and a phone number. What is taken cannot break a mail's head,
 * fits its limits, and says the same when it is read again. */
#include <stdlib.h>
#include "account/email_address.h"
#include "account/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_one_line(kt_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.at[i] <= ' ' || s.at[i] == 0x7f) return false;
    return true;
}

static void read_address(kt_arena *mem, kt_str text, bool utf8_local)
{
    email_address a, again;
    const char *reason = NULL;
    (void)email_masked(mem, text);
    if (!email_parse(mem, text, utf8_local, &a, &reason)) {
        if (!reason) abort();
        return;
    }
    if (!kt_str_eq(a.typed, text) || !is_one_line(a.typed) || !is_one_line(a.key) || a.typed.len > EMAIL_OCTETS_MAX)
        abort();
    /* The key is a fixed point, unless lower case made it longer than an address may be. */
    if (email_parse(mem, a.key, utf8_local, &again, &reason) && !kt_str_eq(again.key, a.key)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kt_arena *mem = kt_arena_new();
    kt_str text = { (const char *)data, size }, out, again;
    const char *reason = NULL;
    read_address(mem, text, true);
    read_address(mem, text, false);
    if (text_clean(mem, text, 100, &out, &reason)) {
        if (kt_utf8_count(out) > 100 || text_has_control(out)) abort();
        if (!text_clean(mem, out, 100, &again, &reason) || !kt_str_eq(out, again)) abort();
    }
    if (text_phone(mem, text, KT_STR("DE"), &out, &reason) && out.len > 16) abort();
    kt_arena_free(mem);
    return 0;
}
