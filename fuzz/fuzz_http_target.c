/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a request target: what comes out is a path with one reading, or nothing. */
#include <stdlib.h>
#include "http/inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kt_arena *mem = kt_arena_new();
    http_target t;
    kt_str host, again;
    if (target_parse(mem, (kt_str){ (const char *)data, size }, &t) && !kt_str_is(t.path, "*")) {
        kt_str rest = kt_str_slice(t.path, 1, t.path.len), segment;
        must(t.path.len > 0 && t.path.at[0] == '/' && kt_utf8_valid(t.path));
        while (kt_str_split(&rest, '/', &segment)) {
            must(!kt_str_is(segment, ".") && !kt_str_is(segment, ".."));
            must(segment.len > 0 || rest.at == NULL); /* only the last may be empty */
        }
        for (size_t i = 0; i < t.path.len; i++) must((unsigned char)t.path.at[i] >= 0x20 && t.path.at[i] != 0x7f);
        /* Normalising what is normal changes nothing (where nothing is left to decode). */
        if (kt_str_find_byte(t.path, '%', 0) == KT_NOT_FOUND_AT)
            must(path_normalise(mem, t.path, &again) && kt_str_eq(again, t.path));
        (void)host_parse(mem, t.authority, &host);
    }
    kt_str back = http_return_to(mem, (kt_str){ (const char *)data, size });
    must(back.len > 0 && back.at[0] == '/' && (back.len == 1 || (back.at[1] != '/' && back.at[1] != '\\')));
    kt_arena_free(mem);
    return 0;
}
