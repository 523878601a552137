/* SPDX-License-Identifier: Apache-2.0 */
/* retention.h -- deletes what its activities say is due, in small batches, with a ledger of counts. */
#ifndef KONTOR_REGISTER_RETENTION_H
#define KONTOR_REGISTER_RETENTION_H
#include "register/registry.h"
#include "store/store.h"

/* What is due at `now_ms`, per rule: list of {activity, rule, table, due, oldest_ms, then}. */
kt_err retention_due(const registry *r, store *st, kt_arena *mem, int64_t now_ms, kt_value **out) KT_MUST_CHECK;
/* Does it: batches of ≤ 5000 rows, each its own transaction; ledger rows {activity, rule, count, at}. */
kt_err retention_run(const registry *r, store *st, kt_arena *mem, int64_t now_ms, int64_t *rows) KT_MUST_CHECK;

/* The rule is one this job runs: it has a table, a start in it, and a period. */
bool retention_is_sql(const retention *k);
/* The newest start that is due at `now_ms` when a period of so many months and milliseconds has passed.
 * `never_early`: for legal minimum periods, where a month lacks the day of the start. */
int64_t retention_cutoff(int64_t now_ms, int64_t ms, int months, bool never_early);

#endif
