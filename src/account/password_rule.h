/* SPDX-License-Identifier: Apache-2.0 */
/* password_rule.h -- which passwords we take: long ones that nobody tries first.
 *
 * Length counts code points; nothing else about the composition is asked (NIST SP 800-63B 3.1.1.2). Refused
 * is what guessing begins with: known words with decoration, keyboard runs, and the person's own name,
 * address or our product. An operator may add hashes of leaked passwords: DIR/breached-sha1.bin, 20-byte
 * SHA-1 values in rising order, is searched when it is there; no network is asked. */
#ifndef KONTOR_ACCOUNT_PASSWORD_RULE_H
#define KONTOR_ACCOUNT_PASSWORD_RULE_H
#include "base/str.h"

typedef struct password_rule password_rule;
enum { PASSWORD_OCTETS_MAX = 1024 };

/* `min` code points (floor 8). breached_file may be NULL or absent. */
password_rule *password_rule_new(size_t min, const char *breached_file);
void           password_rule_free(password_rule *r);
size_t         password_rule_min(const password_rule *r);
/* NULL when acceptable, else a reason: "password_utf8", "password_long" (bad input), "password_short",
 * "password_common", "password_context", "password_breached" (understood, but refused). `context`: words
 * that belong to this person or to us. */
const char *password_rule_reason(const password_rule *r, kt_arena *mem, kt_str password,
                                 const kt_str *context, size_t n);
/* True when the reason is a matter of form (400), not of strength (422). */
bool        password_reason_is_form(const char *reason);

#endif
