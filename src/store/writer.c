/* SPDX-License-Identifier: Apache-2.0 */
/* writer.c -- one thread writes, for many callers at a time (group commit).
 *
 *      callers ──► queue ──► BEGIN │ mark action keep │ mark action undo │ … │ COMMIT ──► wake each
 *                                       one transaction, one fsync
 *
 * While a commit waits for the disk the next callers queue up; the writer takes them all together. So
 * the batch is as large as the disk is slow, and a caller alone waits for nobody. An action that fails
 * is undone to its mark and its neighbours do not notice. When the database gives up the whole
 * transaction inside an action (a full disk does that), the neighbours run again, each for itself:
 * actions depend on nothing but their ctx and the database. A commit that fails fails everybody in it. */
#include "store/room.h"
#include <assert.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include "base/log.h"

#define QUEUE_MAX 8192
#define BATCH_MAX 1024

typedef struct job job;
struct job {
    store_action action;
    void *ctx;
    bool between;                        /* runs outside a transaction */
    void (*done)(kt_err err, void *ctx); /* may be NULL */
    bool awaited;                        /* somebody waits for `wake`, and owns the job */
    sem_t wake;
    kt_err err;
    int64_t queued_us;
    job *next;
};

struct writer {
    store *st;
    db d;
    pthread_t thread;
    pthread_mutex_t lock; /* everything below */
    pthread_cond_t more;
    job *first, **last;
    size_t queued;
    bool idle, stopping;
};

/* --- the queue --------------------------------------------------------------------------------- */

static kt_err put(writer *w, job *j)
{
    kt_err err = KT_OK;
    pthread_mutex_lock(&w->lock);
    if (w->stopping)
        err = KT_STOPPING;
    else if (w->queued >= QUEUE_MAX)
        err = KT_BUSY;
    if (err == KT_OK) {
        *w->last = j;
        w->last = &j->next;
        w->queued++;
        if (w->idle) pthread_cond_signal(&w->more);
    }
    pthread_mutex_unlock(&w->lock);
    return err;
}

/* Waits for work and takes it: many actions, or one thing that runs between transactions. NULL when
 * the writer stops and nothing is left. */
static job *take(writer *w)
{
    pthread_mutex_lock(&w->lock);
    w->idle = true;
    while (!w->first && !w->stopping) pthread_cond_wait(&w->more, &w->lock);
    w->idle = false;
    job *batch = w->first, **end = &w->first;
    for (size_t n = 0; *end && n < BATCH_MAX && !((*end)->between && n > 0); n++) {
        bool alone = (*end)->between;
        end = &(*end)->next;
        w->queued--;
        if (alone) break;
    }
    if (batch) {
        job *rest = *end;
        *end = NULL;
        w->first = rest;
        if (!rest) w->last = &w->first;
    }
    pthread_mutex_unlock(&w->lock);
    return batch;
}

static bool queue_empty(writer *w)
{
    pthread_mutex_lock(&w->lock);
    bool empty = !w->first;
    pthread_mutex_unlock(&w->lock);
    return empty;
}

/* A job on the caller's stack is gone as soon as it is woken. */
static void finish(writer *w, job *batch)
{
    while (batch) {
        job *j = batch;
        batch = j->next;
        if (!j->between) store_observe(w->st, w->st->m.write, j->queued_us);
        if (j->awaited) {
            sem_post(&j->wake);
            continue;
        }
        if (j->done) j->done(j->err, j->ctx);
        free(j);
    }
}

/* --- transactions ------------------------------------------------------------------------------ */

/* The action's answer, or what the database has against it. */
static kt_err act(writer *w, job *j)
{
    const engine *e = w->st->engine;
    kt_err err = j->action(&w->d, j->ctx);
    w->d.snapshots = 0;
    if (db_end_rows(&w->d) && err == KT_OK) err = KT_INTERNAL;
    if (err == KT_OK && !e->in_transaction(w->d.conn)) err = KT_STORE;
    if (err == KT_OK && e->owes(w->d.conn)) err = KT_REFUSED;
    return err;
}

static kt_err commit(writer *w)
{
    int64_t from = kt_monotonic_us();
    kt_err err = store_count_error(w->st, w->st->engine->commit(w->d.conn));
    if (err != KT_OK)
        w->st->engine->rollback(w->d.conn);
    else
        store_observe(w->st, w->st->m.commit, from);
    return err;
}

static void run_alone(writer *w, job *j)
{
    const engine *e = w->st->engine;
    j->err = store_count_error(w->st, e->begin(w->d.conn));
    if (j->err != KT_OK) return;
    j->err = act(w, j);
    if (j->err == KT_OK)
        j->err = commit(w);
    else
        e->rollback(w->d.conn);
}

/* One action among others. False when the transaction was lost. */
static bool run_marked(writer *w, job *j)
{
    const engine *e = w->st->engine;
    if ((j->err = e->mark(w->d.conn)) != KT_OK) return e->in_transaction(w->d.conn);
    j->err = act(w, j);
    if (!e->in_transaction(w->d.conn)) return false;
    kt_err err = e->unmark(w->d.conn, j->err != KT_OK);
    if (err == KT_OK) return true;
    if (j->err == KT_OK) j->err = err;
    e->rollback(w->d.conn); /* a mark that cannot be closed: start over without it */
    return false;
}

/* `culprit` took the transaction with it. What had failed by itself before stays failed. */
static void run_others_alone(writer *w, job *batch, const job *culprit)
{
    bool before = true;
    for (job *j = batch; j; j = j->next) {
        if (j == culprit)
            before = false;
        else if (!before || j->err == KT_OK)
            run_alone(w, j);
    }
}

static void run_together(writer *w, job *batch)
{
    kt_err err = store_count_error(w->st, w->st->engine->begin(w->d.conn));
    for (job *j = batch; j && err == KT_OK; j = j->next) {
        if (run_marked(w, j)) continue;
        run_others_alone(w, batch, j);
        return;
    }
    if (err == KT_OK) err = commit(w);
    for (job *j = batch; j && err != KT_OK; j = j->next)
        if (j->err == KT_OK) j->err = err;
}

static void *work(void *ctx)
{
    writer *w = ctx;
    job *batch;
    pthread_setname_np(pthread_self(), "kt-writer");
    while ((batch = take(w))) {
        if (batch->between)
            batch->err = batch->action(&w->d, batch->ctx);
        else if (!batch->next)
            run_alone(w, batch);
        else
            run_together(w, batch);
        finish(w, batch);
        w->st->engine->tidy(w->d.conn, queue_empty(w));
    }
    return NULL;
}

/* --- callers ----------------------------------------------------------------------------------- */

static kt_err wait_for(writer *w, job *j)
{
    if (pthread_equal(pthread_self(), w->thread)) {
        kt_log(KT_LOG_ERROR, "store.write_inside_write"); /* would wait for itself for ever */
        return KT_INTERNAL;
    }
    sem_init(&j->wake, 0, 0);
    kt_err err = put(w, j);
    if (err == KT_OK) {
        while (sem_wait(&j->wake) != 0) {} /* EINTR */
        err = j->err;
    }
    sem_destroy(&j->wake);
    return err;
}

kt_err store_write(store *st, store_action action, void *ctx)
{
    job j = { .action = action, .ctx = ctx, .awaited = true, .queued_us = kt_monotonic_us() };
    return wait_for(st->writer, &j);
}

kt_err store_write_later(store *st, store_action action, void (*done)(kt_err err, void *ctx), void *ctx)
{
    job *j = kt_calloc(1, sizeof *j);
    *j = (job){ .action = action, .ctx = ctx, .done = done, .queued_us = kt_monotonic_us() };
    kt_err err = put(st->writer, j);
    if (err != KT_OK) free(j);
    return err;
}

kt_err writer_between(writer *w, kt_err (*what)(db *d, void *ctx), void *ctx)
{
    job j = { .action = what, .ctx = ctx, .awaited = true, .between = true };
    return wait_for(w, &j);
}

/* --- life -------------------------------------------------------------------------------------- */

static void writer_free(writer *w)
{
    db_close(&w->d);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->more);
    free(w);
}

kt_err writer_start(store *st, kt_fail *fail, writer **out)
{
    writer *w = kt_calloc(1, sizeof *w);
    sigset_t all, before;
    w->st = st;
    w->last = &w->first;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->more, NULL);
    kt_err err = db_open(st, true, fail, &w->d);
    if (err != KT_OK) goto out;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the main thread */
    int code = pthread_create(&w->thread, NULL, work, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code != 0) err = kt_fail_set(fail, KT_BUSY, "", "the writer's thread cannot be started");
out:
    if (err != KT_OK) {
        writer_free(w);
        w = NULL;
    }
    *out = w;
    return err;
}

void writer_stop(writer *w)
{
    if (!w) return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_signal(&w->more);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    if (w->st->engine->scrub(w->d.conn) == KT_BUSY) kt_log(KT_LOG_INFO, "store.closed_beside_readers");
    writer_free(w);
}
