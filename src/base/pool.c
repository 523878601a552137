/* SPDX-License-Identifier: Apache-2.0 */
/* pool.c -- a ring of work under one lock; refuses rather than waits when it is full. */
#include "base/pool.h"
#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/mem.h"

typedef struct {
    void (*work)(void *ctx);
    void *ctx;
} item;

struct kt_pool {
    pthread_mutex_t lock;
    pthread_cond_t more;
    pthread_t *threads;
    unsigned n_threads, queue_max, head, queued;
    bool stopping;
    item *ring;
};

static void *run(void *arg)
{
    kt_pool *p = arg;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (p->queued == 0 && !p->stopping) pthread_cond_wait(&p->more, &p->lock);
        if (p->queued == 0) break;
        item next = p->ring[p->head];
        p->head = (p->head + 1) % p->queue_max;
        p->queued--;
        pthread_mutex_unlock(&p->lock);
        next.work(next.ctx);
        pthread_mutex_lock(&p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

kt_pool *kt_pool_new(const char *name, unsigned threads, unsigned queue_max)
{
    assert(threads > 0 && queue_max > 0);
    kt_pool *p = kt_calloc(1, sizeof *p);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->more, NULL);
    p->threads = kt_calloc(threads, sizeof *p->threads);
    p->ring = kt_calloc(queue_max, sizeof *p->ring);
    p->queue_max = queue_max;
    for (unsigned i = 0; i < threads; i++) {
        if (pthread_create(&p->threads[i], NULL, run, p) != 0) {
            fputs("kontor: cannot start a thread\n", stderr);
            abort();
        }
        char label[16];
        snprintf(label, sizeof label, "%.12s-%u", name, i % 100);
        pthread_setname_np(p->threads[i], label);
        p->n_threads++;
    }
    return p;
}

void kt_pool_free(kt_pool *p)
{
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->more);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->n_threads; i++) pthread_join(p->threads[i], NULL);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->more);
    free(p->threads);
    free(p->ring);
    free(p);
}

kt_err kt_pool_submit(kt_pool *p, void (*work)(void *ctx), void *ctx)
{
    kt_err err = KT_OK;
    pthread_mutex_lock(&p->lock);
    if (p->stopping)
        err = KT_STOPPING;
    else if (p->queued == p->queue_max)
        err = KT_BUSY;
    else {
        p->ring[(p->head + p->queued) % p->queue_max] = (item){ work, ctx };
        p->queued++;
        pthread_cond_signal(&p->more);
    }
    pthread_mutex_unlock(&p->lock);
    return err;
}

typedef struct {
    void (*work)(void *ctx);
    void *ctx;
    pthread_mutex_t lock;
    pthread_cond_t over;
    bool done;
} waited;

static void run_waited(void *arg)
{
    waited *w = arg;
    w->work(w->ctx);
    pthread_mutex_lock(&w->lock);
    w->done = true;
    pthread_cond_signal(&w->over);
    pthread_mutex_unlock(&w->lock);
}

kt_err kt_pool_run(kt_pool *p, void (*work)(void *ctx), void *ctx)
{
    waited w = { work, ctx, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false };
    kt_err err = kt_pool_submit(p, run_waited, &w);
    if (err != KT_OK) return err;
    pthread_mutex_lock(&w.lock);
    while (!w.done) pthread_cond_wait(&w.over, &w.lock);
    pthread_mutex_unlock(&w.lock);
    pthread_mutex_destroy(&w.lock);
    pthread_cond_destroy(&w.over);
    return KT_OK;
}

unsigned kt_pool_queued(kt_pool *p)
{
    pthread_mutex_lock(&p->lock);
    unsigned n = p->queued;
    pthread_mutex_unlock(&p->lock);
    return n;
}
