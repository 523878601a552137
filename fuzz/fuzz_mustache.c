/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_mustache.c -- any text either is refused with a reason or renders within its bounds.
 *
 * The text is its own partial ("p" and "http/field"), so that recursion and indentation are reached. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include "http/mustache.h"

static const mustache *self(void *ctx, kt_str name)
{
    return kt_str_is(name, "p") || kt_str_is(name, "http/field") ? ctx : NULL;
}

static void count_name(void *ctx, char sigil, kt_str name, int line) { *(size_t *)ctx += name.len + (size_t)line; }

static kt_value *sample(kt_arena *mem)
{
    kt_value *data = kt_map(mem), *list = kt_set_list(mem, data, "l");
    kt_set_c(mem, data, "a", "<text> & more\nin two lines");
    kt_set_int(mem, data, "n", -12);
    kt_set_bool(mem, data, "t", true);
    kt_set_c(mem, data, "none", NULL);
    for (int i = 0; i < 3; i++) {
        kt_value *item = kt_add_map(mem, list);
        kt_set_int(mem, item, "i", i);
        /* Else {{#l}} in {{#l}} in … multiplies, which a template may do and no visitor can. */
        kt_set_c(mem, item, "l", NULL);
    }
    kt_set_c(mem, kt_set_map(mem, kt_set_map(mem, data, "m"), "b"), "c", "deep");
    return data;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len > 4096) return 0;
    kt_fail fail = { 0 };
    mustache *m = NULL;
    kt_str text = { (const char *)bytes, len };
    if (mustache_parse(text, "fuzz", &fail, &m) != KT_OK) {
        if (m || fail.err == KT_OK || !fail.text[0]) abort();
        return 0;
    }
    kt_arena *mem = kt_arena_new();
    kt_buf out;
    size_t names = 0;
    mustache_options o = { .partial = self, .ctx = m };
    kt_buf_init(&out, 1 << 16);
    mustache_names(m, count_name, &names);
    kt_err err = mustache_render(m, sample(mem), &o, &out);
    if (err != KT_OK && err != KT_TOO_LARGE) abort();
    kt_buf_free(&out);
    kt_arena_free(mem);
    mustache_free(m);
    return 0;
}
