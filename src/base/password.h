/* SPDX-License-Identifier: Apache-2.0 */
/* password.h -- argon2id (RFC 9106) in a bounded pool, because hashing is the cheapest way to be
 * made busy: at most `workers` hashes of 64 MiB at a time, a queue of 32, then KT_BUSY. */
#ifndef KONTOR_BASE_PASSWORD_H
#define KONTOR_BASE_PASSWORD_H
#include "base/pool.h"
#include "base/str.h"

typedef struct kt_passwords kt_passwords;
typedef struct { char at[128]; } kt_password_hash;      /* PHC string, zero-terminated */

/* ops/mem_kib 0 = libsodium INTERACTIVE (2, 65536). Tests pass less. Floor 1 / 8 MiB. */
kt_passwords *kt_passwords_new(unsigned workers, unsigned ops, size_t mem_kib);
void          kt_passwords_free(kt_passwords *p);
/* Hashes the NFKC form; at most 1024 bytes of UTF-8, else KT_BAD_INPUT. Blocks: workers only. */
kt_err kt_password_hash_make(kt_passwords *p, kt_str password, kt_password_hash *out) KT_MUST_CHECK;
/* *ok tells; a NULL or empty hash runs a dummy of the same cost, so that time tells nothing.
 * *rehash when the parameters have risen since. */
kt_err kt_password_verify(kt_passwords *p, const char *hash, kt_str password, bool *ok, bool *rehash) KT_MUST_CHECK;

#endif
