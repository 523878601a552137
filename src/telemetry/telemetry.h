/* SPDX-License-Identifier: Apache-2.0 */
/* telemetry.h -- the room of metrics and health (activity telemetry).
 *
 * Routes, all for the admin listener or loopback only:
 *   GET /metrics                      all families, Prometheus text 0.0.4 or OpenMetrics 1.0 by Accept, gzip
 *   GET /health/live   (/healthz)     200 as long as a loop turns; touches neither disk nor network
 *   GET /health/ready  (/readyz)      200 or 503 with the checks by name
 *   GET /health/started (/startupz)   503 until ready for the first time, then 200 for ever
 *
 * Nothing here has a person: label values are declared (base/metric.h), checks have names and no texts. */
#ifndef KONTOR_TELEMETRY_TELEMETRY_H
#define KONTOR_TELEMETRY_TELEMETRY_H
#include <pthread.h>
#include <stdatomic.h>

#include "register/module.h"

extern const module telemetry_module;

/* The checks of readiness, in this order. */
#define READY_CHECKS(X) X(store) X(register) X(disk) X(weblog) X(serving)
enum {
#define READY_ENUM(name) READY_##name,
    READY_CHECKS(READY_ENUM)
#undef READY_ENUM
    READY_COUNT
};

typedef struct {
    house          *house;
    pthread_mutex_t lock;
    struct { bool ok; int64_t since_ms; } checks[READY_COUNT];
    _Atomic bool    started, draining;
    kt_metric      *scrape;
    int64_t         reserve_bytes;          /* free space below which the disk check fails */
} telemetry;

/* From here on /health/ready says 503, so that a front sends nobody here any more. Any thread. */
void telemetry_drain(void *room);

/* accept.c: which form an Accept header asks for (NONE: no header), and whether gzip may be sent. */
kt_exposition telemetry_form(kt_str accept);
bool          telemetry_gzip(kt_str accept_encoding);
/* process.c: process_* families and kontor_build_info. */
void          telemetry_process_metrics(kt_metrics *metrics, const kt_clock *clock);
/* health.c */
kt_err telemetry_get_live(request *rq, reply *rs);
kt_err telemetry_get_ready(request *rq, reply *rs);
kt_err telemetry_get_started(request *rq, reply *rs);

#endif
