/* SPDX-License-Identifier: Apache-2.0 */
/* random.h -- randomness is handed in. Production uses the kernel's; tests and demo data may use a
 * seeded stream (ChaCha20 of libsodium), never for secrets of a real installation. */
#ifndef KONTOR_BASE_RANDOM_H
#define KONTOR_BASE_RANDOM_H
#include <stdint.h>
#include "base/str.h"

typedef struct kt_random kt_random;
struct kt_random { void (*fill)(kt_random *random, void *out, size_t len); unsigned char seed[32]; uint64_t counter; };

kt_random kt_random_real(void);
kt_random kt_random_seeded(uint64_t seed);             /* one thread at a time */
static inline void kt_random_fill(kt_random *r, void *out, size_t len) { r->fill(r, out, len); }
/* Uniform in [0, below); below > 0. */
uint32_t kt_random_below(kt_random *random, uint32_t below);
/* `bytes` random bytes as base64url text in the arena: tokens and ids. */
kt_str kt_random_token(kt_random *random, kt_arena *mem, size_t bytes);

#endif
