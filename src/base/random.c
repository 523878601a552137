/* SPDX-License-Identifier: Apache-2.0 */
/* random.c -- the kernel's randomness through libsodium, or a seeded ChaCha20 stream. */
#include "base/random.h"
#include <assert.h>
#include <sodium.h>

static void fill_real(kt_random *random, void *out, size_t len)
{
    (void)random;
    randombytes_buf(out, len);
}

static void fill_seeded(kt_random *random, void *out, size_t len)
{
    unsigned char nonce[crypto_stream_chacha20_NONCEBYTES];
    uint64_t n = random->counter++;
    memcpy(nonce, &n, sizeof nonce);
    crypto_stream_chacha20(out, len, nonce, random->seed);
}

kt_random kt_random_real(void) { return (kt_random){ .fill = fill_real }; }

kt_random kt_random_seeded(uint64_t seed)
{
    kt_random r = { .fill = fill_seeded };
    memcpy(r.seed, &seed, sizeof seed);
    return r;
}

uint32_t kt_random_below(kt_random *random, uint32_t below)
{
    assert(below > 0);
    uint32_t least = -below % below, n; /* refuse the uneven rest, so that all values are equally likely */
    do kt_random_fill(random, &n, sizeof n);
    while (n < least);
    return n % below;
}

kt_str kt_random_token(kt_random *random, kt_arena *mem, size_t bytes)
{
    unsigned char raw[64];
    assert(bytes <= sizeof raw);
    kt_random_fill(random, raw, bytes);
    kt_str text = kt_base64url(mem, raw, bytes);
    kt_wipe(raw, sizeof raw);
    return text;
}
