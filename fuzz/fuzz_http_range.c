/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as Range, If-None-Match and If-Modified-Since: a range always lies inside the file. */
#include <stdlib.h>
#include "http/inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t lengths[] = { 0, 1, 10, 1000, UINT64_MAX / 2 };
    kt_str text = { (const char *)data, size };
    int64_t ms;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        uint64_t first, last;
        if (range_parse(text, lengths[i], &first, &last) == RANGE_ONE && (first > last || last >= lengths[i])) abort();
    }
    (void)etag_matches(text, KT_STR("\"a\""), false);
    (void)etag_matches(text, KT_STR("W/\"a\""), true);
    (void)date_parse(text, &ms);
    return 0;
}
