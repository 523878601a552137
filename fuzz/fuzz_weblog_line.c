/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_weblog_line.c -- any bytes as a line of our log and of another server's. What is read as a record must be
 * written as one line that reads back as the same record. */
#include <stdlib.h>

#include "weblog/anonymise.h"
#include "weblog/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(kt_arena *mem, const weblog_line *l)
{
    kt_buf first, second;
    weblog_line back;
    kt_buf_init(&first, 1u << 17);
    kt_buf_init(&second, 1u << 17);
    line_put(mem, &first, l, LINE_JSONL, false);
    if (first.len <= WEBLOG_LINE_MAX) {
        if (kt_str_find_byte(kt_buf_str(&first), '\n', 0) != first.len - 1) abort();
        if (!line_parse(mem, (kt_str){ first.at, first.len - 1 }, &back)) abort();
        line_put(mem, &second, &back, LINE_JSONL, false);
        if (!kt_str_eq(kt_buf_str(&first), kt_buf_str(&second))) abort();
    }
    kt_buf_clear(&second);
    line_put(mem, &second, l, LINE_COMBINED, false);
    if (kt_str_find_byte(kt_buf_str(&second), '\n', 0) != second.len - 1) abort();
    kt_buf_free(&first);
    kt_buf_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kt_str text = { (const char *)data, size };
    kt_arena *mem = kt_arena_new();
    weblog_line l;
    foreign_line f;

    if (line_parse(mem, text, &l)) {
        round_trip(mem, &l);
        line_coarsen(&l, CUT_standard, false);
        round_trip(mem, &l);
    }
    if (line_parse_combined(mem, text, &f)) {
        f.line.route = f.target;
        f.line.browser = f.user_agent;
        line_coarsen(&f.line, CUT_strong, false);
        round_trip(mem, &f.line);
    }
    kt_arena_free(mem);
    return 0;
}
