/* SPDX-License-Identifier: Apache-2.0 */
/* inside.h -- what a registry is made of; for the files of register/ that build, ask and count. */
#ifndef KONTOR_REGISTER_INSIDE_H
#define KONTOR_REGISTER_INSIDE_H
#include "base/metric.h"
#include "register/permit.h"
#include "register/registry.h"

typedef struct { const char *module; const char *file; kt_str text; } schema_text;

typedef enum { VIOLATION_COLUMN, VIOLATION_COOKIE, VIOLATION_PROCESSOR, VIOLATION_TRANSFER, VIOLATION_COUNT } violation;

/* Families the register counts in; all NULL until registry_set_metrics. Series are by position in the
 * registry's own lists, so that counting is an index. */
typedef struct {
    kt_metric *blocked;  size_t *blocked_series;        /* by cookie */
    kt_metric *violations; size_t violation_series[VIOLATION_COUNT];
    kt_metric *deleted;  size_t *deleted_series;        /* by activity */
    kt_metric *overdue;  size_t *overdue_series;
    kt_metric *last_run; size_t *last_run_series;
} register_metrics;

struct registry {
    kt_arena        *mem;
    operator_facts   operator;
    const kt_value  *config;
    const activity **activities; size_t n_activities;
    const service  **services;   size_t n_services;
    const recipient **recipients; size_t n_recipients;
    const cookie_entry **cookies; size_t n_cookies;
    schema_text     *schemas;    size_t n_schemas;
    kt_str           hash;
    permit_consent_hook consent; void *consent_ctx;
    permit_bar_hook     bar;     void *bar_ctx;
    register_metrics    metrics;
};

void register_violated(const registry *r, violation kind);
/* Inside the EEA (Art. 44 GDPR does not apply); "" counts as inside, the country is not stated. */
bool country_in_eea(kt_str country);
/* Data may go there at all: inside the EEA, or a mechanism and its date are on file (Art. 46). */
bool recipient_has_safeguard(const recipient *to);
bool recipient_in_third_country(const recipient *to);
/* The processing rests on consent: 6(1)(a) or 9(2)(a) for all or a part. */
bool activity_rests_on_consent(const activity *a);

#endif
