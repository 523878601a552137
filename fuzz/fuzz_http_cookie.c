/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a Cookie header: names are tokens, values lie inside the header. */
#include <stdlib.h>
#include "http/inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kt_str all = { (const char *)data, size }, rest = all, name, value;
    while (cookie_next(&rest, &name, &value)) {
        if (!is_token(name)) abort();
        if (value.len && (value.at < all.at || value.at + value.len > all.at + all.len)) abort();
    }
    return 0;
}
