/* SPDX-License-Identifier: Apache-2.0 */
/* webhook.h -- events told to another program over HTTP, as outbox rows.
 *
 * Signed as Standard Webhooks says: `webhook-id` is the outbox key (the receiver's idempotency key),
 * `webhook-timestamp` the second it is sent, `webhook-signature` "v1," and the base64 of
 * HMAC-SHA-256(secret, id "." timestamp "." body). 2xx: sent; 408, 425, 429, 5xx and a connection that
 * fails: again later; every other answer: dead. Redirects are not followed. Only https, or http to
 * loopback. What may be told to whom is the register's matter: ask permit_transfer before. */
#ifndef KONTOR_STORE_WEBHOOK_H
#define KONTOR_STORE_WEBHOOK_H
#include "store/outbox.h"

typedef struct {
    const char *id;             /* names the target in rows and in the configuration */
    const char *url;
    kt_str      secret;         /* raw bytes, at least 24 */
    const char *ca_file;        /* NULL: the machine's certificates */
} webhook_target;

/* Registers the deliverer "webhook". Targets are copied. KT_INVALID with words for a bad URL or secret. */
kt_err webhook_start(outbox *o, const webhook_target *targets, size_t n, const kt_clock *clock, kt_fail *fail) KT_MUST_CHECK;

typedef struct {
    kt_str key;                 /* unique an event and target */
    const char *target;         /* a target's id */
    const char *type;           /* "account.created" */
    const char *activity;
    kt_str subject;             /* account id, so that withdrawal and erasure find it */
    const kt_value *data;       /* the event's facts */
} webhook;

/* Inside a write action: queues {"type", "timestamp" (RFC 3339), "data"}. */
kt_err webhook_put(db *d, kt_arena *mem, const webhook *w, int64_t now_ms) KT_MUST_CHECK;
/* The value of webhook-signature, for receivers written in C and for tests. */
kt_str webhook_signature(kt_arena *mem, kt_str secret, kt_str id, int64_t timestamp_s, kt_str body);

#endif
