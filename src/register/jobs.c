/* SPDX-License-Identifier: Apache-2.0 */
/* jobs.c -- one thread, one list, one job at a time.
 *
 * A job is due when its period has passed since it last began, and at the first beat after the start: the
 * jobs are idempotent, and a program that is restarted often must still purge. One that failed is due
 * again after a minute. The clock may jump: backwards must not silence a job, so a last run that lies in
 * the future counts as long ago. */
#include "register/jobs.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include "base/log.h"

enum { JOBS_MAX = 128, BEAT_MS = 200 };
static const int64_t retry_ms = KT_MINUTE_MS;

typedef enum { OUTCOME_OK, OUTCOME_FAILED, OUTCOME_COUNT } outcome;

typedef struct {
    job row;
    void *room;
    bool ran; /* since the start of the process */
    int64_t began_ms, next_ms;
    size_t series[OUTCOME_COUNT], last;
} entry;

struct jobs {
    const kt_clock *clock;
    kt_metric *runs, *last_run;
    entry list[JOBS_MAX];
    size_t count;
    pthread_mutex_t running; /* held while a job runs: never two at once */
    pthread_mutex_t lock;    /* guards stop */
    pthread_cond_t wake;
    pthread_t thread;
    bool started, stop;
};

jobs *jobs_new(const kt_clock *clock, kt_metrics *metrics)
{
    jobs *j = kt_calloc(1, sizeof *j);
    j->clock = clock;
    if (metrics) {
        j->runs =
            kt_metric_new(metrics, KT_COUNTER, "kontor_job_runs_total", "Runs of background jobs.", "job,outcome");
        j->last_run = kt_metric_new(metrics, KT_GAUGE, "kontor_job_last_run_timestamp_seconds",
                                    "When the job last ended well.", "job");
    }
    pthread_mutex_init(&j->running, NULL);
    pthread_mutex_init(&j->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&j->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return j;
}

void jobs_free(jobs *j)
{
    if (!j) return;
    jobs_stop(j);
    pthread_cond_destroy(&j->wake);
    pthread_mutex_destroy(&j->lock);
    pthread_mutex_destroy(&j->running);
    free(j);
}

void jobs_add(jobs *j, const job *row, void *room)
{
    if (j->count == JOBS_MAX) {
        kt_log(KT_LOG_ERROR, "job.too_many", KT_WORD("job", row->name));
        return;
    }
    entry *e = &j->list[j->count++];
    *e = (entry){ .row = *row, .room = room };
    if (!j->runs) return;
    e->series[OUTCOME_OK] = kt_metric_series(j->runs, (const char *const[]){ row->name, "ok" });
    e->series[OUTCOME_FAILED] = kt_metric_series(j->runs, (const char *const[]){ row->name, "failed" });
    e->last = kt_metric_series(j->last_run, (const char *const[]){ row->name });
}

static bool is_due(const entry *e, int64_t now_ms) { return !e->ran || now_ms >= e->next_ms || now_ms < e->began_ms; }

static kt_err run(jobs *j, entry *e, int64_t now_ms)
{
    kt_arena *mem = kt_arena_new();
    kt_err err = e->row.run(e->room, mem, now_ms);
    kt_arena_free(mem);
    int64_t again = err != KT_OK && e->row.every_ms > retry_ms ? retry_ms : e->row.every_ms;
    e->ran = true;
    e->began_ms = now_ms;
    e->next_ms = now_ms + again;
    if (j->runs) kt_metric_add(j->runs, e->series[err == KT_OK ? OUTCOME_OK : OUTCOME_FAILED], 1);
    if (j->runs && err == KT_OK) kt_metric_set(j->last_run, e->last, (double)now_ms / 1000);
    if (err != KT_OK) kt_log(KT_LOG_ERROR, "job.failed", KT_WORD("job", e->row.name), KT_WORD("why", kt_err_name(err)));
    return err;
}

static bool is_stopping(jobs *j)
{
    pthread_mutex_lock(&j->lock);
    bool stop = j->stop;
    pthread_mutex_unlock(&j->lock);
    return stop;
}

static kt_err run_due(jobs *j)
{
    kt_err first = KT_OK;
    for (size_t i = 0; i < j->count && !is_stopping(j); i++) {
        pthread_mutex_lock(&j->running);
        int64_t now_ms = kt_now_ms(j->clock);
        kt_err err = is_due(&j->list[i], now_ms) ? run(j, &j->list[i], now_ms) : KT_OK;
        pthread_mutex_unlock(&j->running);
        if (first == KT_OK) first = err;
    }
    return first;
}

kt_err jobs_run(jobs *j, const char *name)
{
    if (!name) return run_due(j);
    for (size_t i = 0; i < j->count; i++) {
        if (strcmp(j->list[i].row.name, name) != 0) continue;
        pthread_mutex_lock(&j->running);
        kt_err err = run(j, &j->list[i], kt_now_ms(j->clock));
        pthread_mutex_unlock(&j->running);
        return err;
    }
    return KT_NOT_FOUND;
}

/* Waits for the next beat; false when it is time to stop. */
static bool next_beat(jobs *j)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += BEAT_MS * 1000000L;
    if (at.tv_nsec >= 1000000000L) {
        at.tv_nsec -= 1000000000L;
        at.tv_sec++;
    }
    pthread_mutex_lock(&j->lock);
    int late = 0;
    while (!j->stop && late != ETIMEDOUT) late = pthread_cond_timedwait(&j->wake, &j->lock, &at);
    bool go = !j->stop;
    pthread_mutex_unlock(&j->lock);
    return go;
}

static void *work(void *ctx)
{
    jobs *j = ctx;
    do (void)!run_due(j); /* each failure is logged and counted where it happens */
    while (next_beat(j));
    return NULL;
}

kt_err jobs_start(jobs *j)
{
    if (j->started) return KT_OK;
    j->stop = false;
    if (pthread_create(&j->thread, NULL, work, j) != 0) return KT_INTERNAL;
    pthread_setname_np(j->thread, "jobs");
    j->started = true;
    return KT_OK;
}

void jobs_stop(jobs *j)
{
    if (!j->started) return;
    pthread_mutex_lock(&j->lock);
    j->stop = true;
    pthread_cond_signal(&j->wake);
    pthread_mutex_unlock(&j->lock);
    pthread_join(j->thread, NULL);
    j->started = false;
    j->stop = false;
}
