/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a urlencoded form: refused, or at most 200 fields of sound text. */
#include <stdlib.h>
#include "http/inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kt_arena *mem = kt_arena_new();
    kt_fail fail = { 0 };
    form f;
    if (form_parse_urlencoded(mem, (kt_str){ (const char *)data, size }, &fail, &f) == KT_OK) {
        size_t n = 0;
        for (form_field *field = f.first; field; field = field->next, n++) {
            if (!kt_utf8_valid(field->name) || !kt_utf8_valid(field->value)) abort();
            if (kt_str_find_byte(field->value, 0, 0) != KT_NOT_FOUND_AT) abort();
        }
        if (n != f.count || n > HTTP_FORM_FIELDS_MAX) abort();
    } else if (!fail.text[0]) {
        abort();
    }
    kt_arena_free(mem);
    return 0;
}
