/* SPDX-License-Identifier: Apache-2.0 */
/* record.h -- from the end of a request to a line in a segment, without keeping anybody waiting.
 *
 * The loops put what happened into a ring of fixed size, without a lock and without a system call but the first
 * wake-up of a batch. One writer thread takes it out, reduces the User-Agent, forms the line and writes a batch
 * at once: after at most a second or 64 KiB. When the ring is full or the disk is, log lines are lost and
 * counted; requests are not. */
#ifndef KONTOR_WEBLOG_RECORD_H
#define KONTOR_WEBLOG_RECORD_H
#include "weblog/segment.h"

typedef struct recorder recorder;
typedef struct {
    segments   *segments;
    kt_str      expressions;              /* for the User-Agent; NONE: system and browser stay unknown */
    bool        minimal;                  /* profile "declaration" */
    kt_metrics *metrics;
    unsigned    slots;                    /* of the ring, a power of two; 0 = 8192 */
} recorder_options;

kt_err recorder_new(const recorder_options *o, kt_fail *fail, recorder **out) KT_MUST_CHECK;
/* Writes what is in the ring, ends the thread. */
void   recorder_free(recorder *r);
/* The hook of http_on_end. Any thread; never waits. */
void   recorder_on_end(void *r, const http_end *end);
/* Waits until what was put in before is written (or dropped): for tests and the end. */
void   recorder_flush(recorder *r);

#endif
