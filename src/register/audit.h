/* SPDX-License-Identifier: Apache-2.0 */
/* audit.h -- who did what, in a chain that shows every gap.
 *
 * Append-only (triggers refuse UPDATE and DELETE), each row's SHA-256 covers the one before. No
 * passwords, tokens or personal text: actors and objects are ids. */
#ifndef KONTOR_REGISTER_AUDIT_H
#define KONTOR_REGISTER_AUDIT_H
#include "base/value.h"
#include "store/store.h"

typedef struct {
    const char *actor_kind;  kt_str actor;      /* account, staff, system, visitor; id or NONE */
    const char *action;                         /* "account.email.change" */
    const char *object_kind; kt_str object;
    const char *result;                         /* "ok", "refused", "failed" */
    kt_str reason;                              /* reason code or the staff member's stated reason */
    kt_str request_id, ip_prefix;               /* prefix is dropped after 7 days */
} audit_entry;

kt_err audit_write(db *d, const audit_entry *e, int64_t now_ms) KT_MUST_CHECK;      /* inside a write */
/* Walks the chain; KT_CORRUPT with the first bad sequence number. */
kt_err audit_verify(db *d, int64_t *rows_checked, int64_t *first_bad) KT_MUST_CHECK;

/* Signs the newest row, once a day: without the key nobody can cut off the end or write the chain anew.
 * `key` is derived from the instance's secret. Inside a write. */
kt_err audit_seal(db *d, kt_arena *mem, kt_str key, int64_t now_ms) KT_MUST_CHECK;
/* Checks every signed head; KT_CORRUPT with the sequence number the first bad one names. */
kt_err audit_verify_heads(db *d, kt_str key, int64_t *heads_checked, int64_t *first_bad) KT_MUST_CHECK;
/* Retention: removes the rows up to `before_ms` from the beginning of the chain and remembers the hash
 * the rest begins with. Inside a write. */
kt_err audit_cut(db *d, int64_t before_ms, int64_t now_ms, int64_t *removed) KT_MUST_CHECK;

#endif
