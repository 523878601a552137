/* SPDX-License-Identifier: Apache-2.0 */
/* hash.h -- SHA-256 and HMAC-SHA-256 (FIPS 180-4, RFC 2104) on libsodium. */
#ifndef KONTOR_BASE_HASH_H
#define KONTOR_BASE_HASH_H
#include "base/str.h"

typedef struct { unsigned char at[32]; } kt_sha256;
kt_sha256 kt_hash(kt_str data);
kt_sha256 kt_hash_parts(const kt_str *parts, size_t n);       /* of the concatenation */
kt_sha256 kt_hmac(kt_str key, kt_str data);                   /* key of any length */
kt_str    kt_hash_hex(kt_arena *mem, kt_str data);
static inline kt_str kt_sha256_str(const kt_sha256 *h) { return (kt_str){ (const char *)h->at, 32 }; }

#endif
