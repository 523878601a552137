/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as Forwarded, X-Forwarded-For node, address, prefix and Host. */
#include <stdlib.h>
#include "http/inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kt_arena *mem = kt_arena_new();
    kt_str text = { (const char *)data, size }, node, proto, host;
    http_addr a, again;
    http_prefix p;
    for (size_t i = 0; i < 40 && forwarded_at(text, i, &node, &proto); i++) (void)node_address(node, &a);
    if (node_address(text, &a)) {
        kt_str shown = http_addr_text(mem, &a);
        if (!http_addr_parse(shown, &again) || memcmp(a.at, again.at, 16) != 0) abort();
        if (http_addr_prefix(mem, &a).len == 0) abort();
    }
    if (prefix_parse(text, &p) && !prefix_holds(&p, &p.addr)) abort();
    if (host_parse(mem, text, &host) && host.len == 0) abort();
    kt_arena_free(mem);
    return 0;
}
