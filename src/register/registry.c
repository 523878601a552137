/* SPDX-License-Identifier: Apache-2.0 */
/* registry.c -- asking the register. Lists are short (tens), so look-ups walk. */
#include "register/registry.h"
#include "base/hash.h"
#include "register/fields.h"
#include "register/inside.h"

kt_str words_in(const words *w, const char *lang) { return lang && strcmp(lang, "en") == 0 ? w->en : w->de; }

const operator_facts *registry_operator(const registry *r) { return &r->operator; }
const kt_value *registry_config(const registry *r) { return r->config; }
kt_str registry_hash(const registry *r) { return r->hash; }

void registry_free(registry *r)
{
    if (r) kt_arena_free(r->mem);
}

const activity *registry_activity(const registry *r, const char *id)
{
    for (size_t i = 0; id && i < r->n_activities; i++)
        if (kt_str_is(r->activities[i]->id, id)) return r->activities[i];
    return NULL;
}

size_t registry_activities(const registry *r, const activity *const **list)
{
    *list = r->activities;
    return r->n_activities;
}

const cookie_entry *registry_cookie(const registry *r, const char *id)
{
    for (size_t i = 0; id && i < r->n_cookies; i++)
        if (kt_str_is(r->cookies[i]->id, id)) return r->cookies[i];
    return NULL;
}

/* * stands for any characters, also none. */
static bool name_fits(kt_str pattern, kt_str name)
{
    size_t p = 0, n = 0, star = KT_NOT_FOUND_AT, star_n = 0;
    while (n < name.len) {
        if (p < pattern.len && pattern.at[p] == '*') {
            star = p++;
            star_n = n;
        } else if (p < pattern.len && pattern.at[p] == name.at[n]) {
            p++;
            n++;
        } else if (star != KT_NOT_FOUND_AT) {
            p = star + 1;
            n = ++star_n;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.at[p] == '*') p++;
    return p == pattern.len;
}

const cookie_entry *registry_cookie_named(const registry *r, kt_str name)
{
    if (kt_str_starts(name, KT_STR("__Host-")))
        name = kt_str_slice(name, 7, name.len);
    else if (kt_str_starts(name, KT_STR("__Secure-")))
        name = kt_str_slice(name, 9, name.len);
    for (size_t i = 0; i < r->n_cookies; i++)
        if (kt_str_eq(r->cookies[i]->name, name)) return r->cookies[i];
    for (size_t i = 0; i < r->n_cookies; i++)
        if (name_fits(r->cookies[i]->name, name)) return r->cookies[i];
    return NULL;
}

size_t registry_cookies(const registry *r, const cookie_entry *const **list)
{
    *list = r->cookies;
    return r->n_cookies;
}

const service *registry_service(const registry *r, const char *id)
{
    for (size_t i = 0; id && i < r->n_services; i++)
        if (kt_str_is(r->services[i]->id, id)) return r->services[i];
    return NULL;
}

size_t registry_services(const registry *r, const service *const **list)
{
    *list = r->services;
    return r->n_services;
}

size_t registry_recipients(const registry *r, const recipient *const **list)
{
    *list = r->recipients;
    return r->n_recipients;
}

/* ------------------------------------------------------------------ facts */

kt_value *registry_facts(const registry *r, kt_arena *mem)
{
    kt_value *facts = kt_map(mem);
    kt_set(mem, facts, "operator", shape_facts(mem, &shape_operator, &r->operator));
    kt_value *list = kt_set_list(mem, facts, "activities");
    for (size_t i = 0; i < r->n_activities; i++) {
        kt_value *a = kt_add(list, shape_facts(mem, &shape_activity, r->activities[i]));
        kt_set_bool(mem, a, "declared_only", r->activities[i]->declared_only);
        if (r->activities[i]->module) kt_set_c(mem, a, "module", r->activities[i]->module);
    }
    list = kt_set_list(mem, facts, "services");
    for (size_t i = 0; i < r->n_services; i++) kt_add(list, shape_facts(mem, &shape_service, r->services[i]));
    list = kt_set_list(mem, facts, "recipients");
    for (size_t i = 0; i < r->n_recipients; i++) kt_add(list, shape_facts(mem, &shape_recipient, r->recipients[i]));
    return facts;
}

/* ------------------------------------------------------------------ questions about a declaration */

bool country_in_eea(kt_str country)
{
    static const char eea[] =
        "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE IS LI NO";
    if (kt_str_empty(country)) return true;
    for (size_t i = 0; country.len == 2 && i + 1 < sizeof eea; i += 3)
        if (eea[i] == country.at[0] && eea[i + 1] == country.at[1]) return true;
    return false;
}

bool recipient_in_third_country(const recipient *to)
{
    for (size_t i = 0; i < to->n_third_countries; i++)
        if (!country_in_eea(to->third_countries[i])) return true;
    return !country_in_eea(to->country);
}

bool recipient_has_safeguard(const recipient *to)
{
    return !recipient_in_third_country(to) || (!kt_str_empty(to->mechanism) && !kt_str_empty(to->transfer_date));
}

bool activity_rests_on_consent(const activity *a)
{
    for (size_t i = 0; i < a->n_bases; i++)
        if (kt_str_is(a->bases[i].article, "6(1)(a)") || kt_str_is(a->bases[i].article, "9(2)(a)")) return true;
    return false;
}

/* ------------------------------------------------------------------ counting */

static size_t *series_of_activities(const registry *r, kt_metric *metric)
{
    size_t *series = kt_alloc_array(r->mem, r->n_activities, sizeof *series);
    for (size_t i = 0; i < r->n_activities; i++)
        series[i] = kt_metric_series(metric, (const char *const[]){ kt_str_z(r->mem, r->activities[i]->id) });
    return series;
}

void registry_set_metrics(registry *r, kt_metrics *metrics)
{
    static const char *const kinds[VIOLATION_COUNT] = { "column", "cookie", "processor", "transfer" };
    register_metrics *m = &r->metrics;
    m->blocked = kt_metric_new(metrics, KT_COUNTER, "kontor_consent_blocked_total",
                               "Cookies that were not set because their service is not granted.", "cookie");
    m->blocked_series = kt_alloc_array(r->mem, r->n_cookies, sizeof *m->blocked_series);
    for (size_t i = 0; i < r->n_cookies; i++)
        m->blocked_series[i] =
            kt_metric_series(m->blocked, (const char *const[]){ kt_str_z(r->mem, r->cookies[i]->id) });
    m->violations = kt_metric_new(metrics, KT_COUNTER, "kontor_register_violations_total",
                                  "Attempts to process outside the register, all of them refused.", "kind");
    for (size_t i = 0; i < VIOLATION_COUNT; i++) m->violation_series[i] = kt_metric_series(m->violations, &kinds[i]);
    m->deleted = kt_metric_new(metrics, KT_COUNTER, "kontor_retention_deleted_rows_total",
                               "Rows erased or stripped because their retention rule was due.", "activity");
    m->deleted_series = series_of_activities(r, m->deleted);
    m->overdue = kt_metric_new(metrics, KT_GAUGE, "kontor_retention_overdue_rows",
                               "Rows still due after the last run of the retention job.", "activity");
    m->overdue_series = series_of_activities(r, m->overdue);
    m->last_run = kt_metric_new(metrics, KT_GAUGE, "kontor_retention_last_run_timestamp_seconds",
                                "When the retention job last finished an activity.", "activity");
    m->last_run_series = series_of_activities(r, m->last_run);
}

void register_violated(const registry *r, violation kind)
{
    if (r->metrics.violations) kt_metric_add(r->metrics.violations, r->metrics.violation_series[kind], 1);
}
