/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include <sodium.h>

kt_sha256 kt_hash(kt_str data)
{
    kt_sha256 h;
    crypto_hash_sha256(h.at, (const unsigned char *)(data.at ? data.at : ""), data.len);
    return h;
}

kt_sha256 kt_hash_parts(const kt_str *parts, size_t n)
{
    kt_sha256 h;
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    for (size_t i = 0; i < n; i++)
        if (parts[i].len) crypto_hash_sha256_update(&state, (const unsigned char *)parts[i].at, parts[i].len);
    crypto_hash_sha256_final(&state, h.at);
    return h;
}

kt_sha256 kt_hmac(kt_str key, kt_str data)
{
    kt_sha256 h;
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)(key.at ? key.at : ""), key.len);
    if (data.len) crypto_auth_hmacsha256_update(&state, (const unsigned char *)data.at, data.len);
    crypto_auth_hmacsha256_final(&state, h.at);
    return h;
}

kt_str kt_hash_hex(kt_arena *mem, kt_str data)
{
    kt_sha256 h = kt_hash(data);
    return kt_hex(mem, h.at, sizeof h.at);
}
