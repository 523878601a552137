/* SPDX-License-Identifier: Apache-2.0 */
/* metric.h -- counters, gauges and histograms of closed label sets.
 *
 * Who counts registers a family once at start and keeps the pointer. Label values are *declared*
 * (route templates, outcomes): an unknown value goes to the series "other". There is no way to put
 * text from a request into a label. Adding is a relaxed atomic; telemetry/ writes them out. */
#ifndef KONTOR_BASE_METRIC_H
#define KONTOR_BASE_METRIC_H
#include <stdint.h>
#include "base/str.h"

typedef struct kt_metrics kt_metrics;      /* all families of a process */
typedef struct kt_metric  kt_metric;       /* one family */
typedef enum { KT_COUNTER, KT_GAUGE, KT_HISTOGRAM, KT_INFO } kt_metric_type;

kt_metrics *kt_metrics_new(void);
void        kt_metrics_free(kt_metrics *metrics);

/* name as exposed ("kontor_http_requests_total"), help one sentence, labels: comma-separated names or
 * "". Histograms: latency buckets from 0.5 ms to 10 s; the unit is in the name.
 * Registering the same name again returns the same family. At most 200 series a family. */
kt_metric *kt_metric_new(kt_metrics *metrics, kt_metric_type type, const char *name, const char *help,
                         const char *labels);
kt_metric *kt_metric_histogram(kt_metrics *metrics, const char *name, const char *help, const char *labels,
                               const double *bounds, size_t n_bounds);
/* Bounds for sizes: 256 bytes to 4 MiB. */
#define KT_METRIC_BYTE_BOUNDS 8
extern const double kt_metric_byte_bounds[KT_METRIC_BYTE_BOUNDS];
/* The series of these label values (one for each label, copied); creates it at zero. */
size_t kt_metric_series(kt_metric *metric, const char *const *values);
void   kt_metric_add(kt_metric *metric, size_t series, int64_t n);       /* counters, gauges */
void   kt_metric_set(kt_metric *metric, size_t series, double value);    /* gauges */
void   kt_metric_observe(kt_metric *metric, size_t series, double value);/* histograms */
/* A gauge (or a counter somebody else keeps) asked for when it is scraped. */
void   kt_metric_ask(kt_metric *metric, size_t series, double (*ask)(void *ctx), void *ctx);

typedef enum { KT_TEXT_004, KT_OPENMETRICS_1 } kt_exposition;
/* Writes all families, sorted by name, consistent a family. */
void kt_metrics_write(kt_metrics *metrics, kt_exposition form, kt_buf *out);
double kt_metric_value(kt_metric *metric, size_t series);                /* for tests and pages */

#endif
