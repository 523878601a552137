/* SPDX-License-Identifier: Apache-2.0 */
/* pool.h -- a fixed number of threads and a bounded queue of work. */
#ifndef KONTOR_BASE_POOL_H
#define KONTOR_BASE_POOL_H
#include "base/err.h"

typedef struct kt_pool kt_pool;
kt_pool *kt_pool_new(const char *name, unsigned threads, unsigned queue_max);
/* Takes no more, finishes what is queued, joins. Accepts NULL. */
void     kt_pool_free(kt_pool *pool);
/* KT_BUSY when the queue is full, KT_STOPPING after free began. */
kt_err   kt_pool_submit(kt_pool *pool, void (*work)(void *ctx), void *ctx) KT_MUST_CHECK;
/* Runs work on the pool and waits for it. KT_BUSY as above. */
kt_err   kt_pool_run(kt_pool *pool, void (*work)(void *ctx), void *ctx) KT_MUST_CHECK;
unsigned kt_pool_queued(kt_pool *pool);

#endif
