/* SPDX-License-Identifier: Apache-2.0 */
/* The first line is the Content-Type, the rest the body: refused, or fields that lie inside the body. */
#include <stdlib.h>
#include "http/inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kt_arena *mem = kt_arena_new();
    kt_fail fail = { 0 };
    form f;
    kt_str all = { (const char *)data, size };
    size_t line = kt_str_find_byte(all, '\n', 0);
    kt_str type = line == KT_NOT_FOUND_AT ? KT_STR("multipart/form-data; boundary=XX") : kt_str_slice(all, 0, line);
    kt_str body = line == KT_NOT_FOUND_AT ? all : kt_str_slice(all, line + 1, all.len);
    if (form_parse_multipart(mem, type, body, &fail, &f) == KT_OK) {
        for (form_field *field = f.first; field; field = field->next) {
            if (!kt_utf8_valid(field->name) || !kt_utf8_valid(field->filename)) abort();
            if (field->value.len &&
                (field->value.at < body.at || field->value.at + field->value.len > body.at + body.len))
                abort();
        }
        if (f.count > HTTP_FORM_FIELDS_MAX) abort();
    } else if (!fail.text[0]) {
        abort();
    }
    kt_arena_free(mem);
    return 0;
}
