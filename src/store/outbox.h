/* SPDX-License-Identifier: Apache-2.0 */
/* outbox.h -- everything that leaves the program is a row first.
 *
 * A module writes a message inside the same transaction as the state it announces; a worker takes
 * due rows (leased, so that two processes never take the same), hands them to the deliverer of their
 * kind, and records the result: sent, again later (back-off 1 min · 4^n with jitter, cap 6 h, 12
 * tries), or dead (visible in the console, can be sent again). Delivery is at least once: `key` is
 * the idempotency key the deliverer passes on (Message-ID of a mail, header of a webhook). The body
 * of a sent row is wiped when `keep_body` is false. */
#ifndef KONTOR_STORE_OUTBOX_H
#define KONTOR_STORE_OUTBOX_H
#include "base/random.h"
#include "store/store.h"

typedef struct outbox outbox;

typedef struct {
    const char *kind;           /* "mail", "webhook", …: names the deliverer */
    kt_str  key;                /* unique; a second put with the same key is KT_OK and does nothing */
    const char *activity;       /* the register's activity it falls under */
    kt_str  subject;            /* random subject reference (account id), or none */
    kt_str  body;               /* JSON for the deliverer */
    int64_t not_before_ms;      /* 0 = at once */
    bool    keep_body;          /* the body stays after it was sent, until the row goes */
} outbox_message;

kt_err outbox_new(store *st, const kt_clock *clock, kt_random *random, kt_metrics *metrics, outbox **out) KT_MUST_CHECK;
void   outbox_free(outbox *o);
/* Inside a write action. */
kt_err outbox_put(db *d, const outbox_message *m, int64_t now_ms) KT_MUST_CHECK;
/* Removes what is not yet sent to this subject (withdrawal, erasure); returns the count. */
kt_err outbox_drop_subject(db *d, kt_str subject, const char *kind, int64_t *dropped) KT_MUST_CHECK;

typedef enum { OUTBOX_SENT, OUTBOX_LATER, OUTBOX_DEAD } outbox_result;
/* `why` receives a short reason without personal data ("smtp 451", "timeout"). */
typedef outbox_result (*outbox_deliver)(void *ctx, kt_str key, kt_str body, char why[128]);
void outbox_deliverer(outbox *o, const char *kind, outbox_deliver deliver, void *ctx);
/* Calls `end(ctx)` when the outbox is freed: for what a deliverer owns. */
void outbox_at_end(outbox *o, void (*end)(void *ctx), void *ctx);
kt_metrics *outbox_metrics(outbox *o);
/* Delivers what is due now, until none is or `max` are done; returns how many rows were tried. */
kt_err outbox_run(outbox *o, size_t max, size_t *tried) KT_MUST_CHECK;
/* Wakes the background worker (after a write that put something). */
void outbox_wake(outbox *o);
/* Starts and stops the background workers: a thread a kind, so that a receiver that hangs holds up
 * nobody else. Stop waits for the delivery that is under way. */
kt_err outbox_start(outbox *o) KT_MUST_CHECK;
void   outbox_stop(outbox *o);

/* For the console. `state` is waiting, sent or dead. Rows newest first with a number below `before`
 * (0 = from the newest): {number, key, kind, activity, state, tries, created_at, due_at, ended_at, why,
 * has_body}; the next page starts below the last number. Bodies are not shown. */
kt_err outbox_list(db *d, const char *state, int64_t before, unsigned most, kt_arena *mem, kt_value **out) KT_MUST_CHECK;
/* {kind, state, rows, oldest_at} a kind and state. */
kt_err outbox_counts(db *d, kt_arena *mem, kt_value **out) KT_MUST_CHECK;
/* Inside a write action: a dead row gets all its tries again. KT_NOT_FOUND; KT_CONFLICT when it is not
 * dead; KT_GONE without a body. */
kt_err outbox_resend(db *d, kt_str key, int64_t now_ms) KT_MUST_CHECK;
/* Inside a write action: takes back what is not sent. KT_NOT_FOUND; KT_CONFLICT when it was sent. */
kt_err outbox_drop(db *d, kt_str key) KT_MUST_CHECK;

#endif
