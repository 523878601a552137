/* SPDX-License-Identifier: Apache-2.0 */
/* text.h -- what people type into a field: one normal form, nothing that acts instead of being read. */
#ifndef KONTOR_ACCOUNT_TEXT_H
#define KONTOR_ACCOUNT_TEXT_H
#include "base/str.h"

/* True when a valid UTF-8 string holds a control character, a line or paragraph separator, a bidirectional
 * override or isolate, or something that is no character. Joiners stay: names in Persian need them. */
bool text_has_control(kt_str s);
/* Without blanks at the ends, NFC, at most `max` code points. False with "control", "long" or "utf8". */
bool text_clean(kt_arena *mem, kt_str typed, size_t max, kt_str *out, const char **reason);
/* "+49 (0)40 / 123 456" → "+4940123456". `country` (or "") completes a number that begins with one 0.
 * False with "phone_form" or "phone_country". */
bool text_phone(kt_arena *mem, kt_str typed, kt_str country, kt_str *out, const char **reason);

#endif
