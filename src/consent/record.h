/* SPDX-License-Identifier: Apache-2.0 */
/* record.h -- the proof of every decision (Art. 7(1) GDPR): append-only, chained, signed a day.
 *
 *   day 2026-11-23:  H("consent-day 2026-11-23") <- record <- record <- record
 *                                                                        |
 *   head 2026-11-22 (mac) <--------------------- head 2026-11-23: count, last hash, mac
 *
 * A record's hash covers all its fields but the two that lead to a person and may be blanked later
 * (account_ref, ip_prefix). Each day's head is signed with a key of this instance and covers the head
 * before it, so that no record can be changed, added or taken out without the key. All records of a day
 * end their retention together, so whole days go and what is left still verifies. The day of a chain
 * never goes back: when the clock does, records join the newest day. */
#ifndef KONTOR_CONSENT_RECORD_H
#define KONTOR_CONSENT_RECORD_H
#include "base/hash.h"
#include "base/value.h"
#include "register/registry.h"
#include "store/store.h"

#define CONSENT_ID_BYTES 16

typedef struct {
    int64_t n, seq;                       /* filled by record_append */
    kt_str  id, account_ref;              /* account_ref NONE when nobody was signed in */
    int64_t decided_at, received_at;
    kt_str  day, action, granted, denied; /* granted, denied: JSON lists of service ids */
    int64_t policy_version;
    kt_str  text_hash, ui_hash, language, surface, origin, path, ua_family, ip_prefix;
    bool    gpc, dnt, conflict;
    int64_t shown_at;                     /* 0 = not known */
    int64_t keep_until_at;
    kt_str  prev_hash, hash;
} record;

/* How long records are kept: life of a decision, then three years to the end of the year. */
typedef struct { int64_t lifetime_ms, cap_ms; int cap_months; } record_keep;
record_keep record_keep_of(const registry *r);
int64_t     record_keep_until(const record_keep *keep, int64_t at_ms);

/* Inside a write: fills seq, day, hashes and retention, writes the row and the day's signed head. */
kt_err record_append(db *d, kt_arena *mem, kt_str head_key, const record_keep *keep, record *r) KT_MUST_CHECK;
/* The record in force of this id; KT_NOT_FOUND. */
kt_err record_latest(db *d, kt_arena *mem, kt_str id, record *out) KT_MUST_CHECK;
/* All records of an id, newest first, at most 50. */
kt_err record_history(db *d, kt_arena *mem, kt_str id, record **out, size_t *n) KT_MUST_CHECK;

/* All records made while this account was signed in, newest first, at most 50. */
kt_err record_of_account(db *d, kt_arena *mem, kt_str ref, record **out, size_t *n) KT_MUST_CHECK;

typedef struct {
    int64_t days, records;
    bool    ok;
    char    bad_day[16];                  /* where the chain first breaks, or "" */
    int64_t bad_n;                        /* the record, or 0 when it is the head */
} chain_report;
/* Walks everything (day NONE) or the heads and one day. KT_OK also when the chain is broken: ask ->ok. */
kt_err record_verify(db *d, kt_str head_key, kt_str day, int64_t now_ms, chain_report *out) KT_MUST_CHECK;

/* Deletes the days whose retention has passed; texts that nothing refers to any more go with them, but
 * not the layout and the words in force. */
kt_err record_expire(store *st, const kt_str in_force[3], int64_t now_ms, int64_t *deleted) KT_MUST_CHECK;

#endif
