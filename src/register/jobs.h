/* SPDX-License-Identifier: Apache-2.0 */
/* jobs.h -- work that comes due: purge, retention, expiry, reminders.
 *
 * One thread runs due jobs after another, each with its own arena. Due is judged by the handed-in clock,
 * so a test that moves it sees the job run at the next beat (at most 200 ms later), or calls jobs_run. */
#ifndef KONTOR_REGISTER_JOBS_H
#define KONTOR_REGISTER_JOBS_H
#include "base/clock.h"
#include "base/mem.h"
#include "base/metric.h"

typedef struct {
    const char *name;          /* "weblog.purge" */
    int64_t     every_ms;
    kt_err    (*run)(void *room, kt_arena *mem, int64_t now_ms);
} job;
typedef struct jobs jobs;

jobs  *jobs_new(const kt_clock *clock, kt_metrics *metrics);
void   jobs_free(jobs *j);                                  /* stops first */
void   jobs_add(jobs *j, const job *row, void *room);
kt_err jobs_run(jobs *j, const char *name) KT_MUST_CHECK;   /* now, on the caller's thread; NULL = all due */
kt_err jobs_start(jobs *j) KT_MUST_CHECK;
void   jobs_stop(jobs *j);

#endif
