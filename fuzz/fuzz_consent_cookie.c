/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the consent cookie: as they are, and with a right signature put behind them, so that the
 * fuzzer also reaches what stands behind it. What is accepted fits its version and is narrow enough. */
#include <stdlib.h>
#include "consent/choice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const kt_str key = { "0123456789abcdef0123456789abcdef", 32 };
static kt_str ids[] = { { "one", 3 }, { "two", 3 }, { "three", 5 } };
static int now[] = { 0, -1, 1 };
static bool covered[] = { true, false, false };

static void read_it(kt_arena *mem, kt_str value)
{
    const policy_version then = { 1, 3, ids, now, covered };
    policy p = { .version = 1, .n = 2, .offered = 3 };
    service_set holds, changed, asked;
    choice_cookie c;
    if (!choice_cookie_parse(mem, key, value, &c)) return;
    if (c.id.len != STORE_ID_LEN || c.decided_s < 0) abort();
    kt_value *granted = choice_cookie_list(mem, &then, c.bitmap);
    if (!granted) return;
    policy_translate(&p, &then, granted, &holds, &changed, &asked);
    if (granted->count > 3 || (holds & ~(service_set)1) || (changed & ~(service_set)2) || (holds & changed)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kt_arena *mem = kt_arena_new();
    kt_str text = { (const char *)data, size };
    read_it(mem, text);
    kt_sha256 mac = kt_hmac(key, text);
    kt_str signature = kt_base64url(mem, mac.at, 16);
    kt_str parts[] = { text, KT_STR("."), signature };
    read_it(mem, kt_str_join(mem, parts, 3, KT_STR("")));
    kt_arena_free(mem);
    return 0;
}
