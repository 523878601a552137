/* SPDX-License-Identifier: Apache-2.0 */
/* metric.c -- families of numbers, and their two written forms.
 *
 * Counting must cost nothing on a loop: a series is found once and from then on is a slot whose address
 * never changes, so adding is one relaxed atomic and no lock. The slots of a family are a fixed array,
 * which is also the cap: the last one is the series "other", where everything beyond the cap goes.
 *
 * A histogram stores each bucket alone (not cumulated) and has no counter of its own: the running sum over
 * the buckets, made while writing, is the count. So `+Inf` and `_count` cannot differ, however many threads
 * observe meanwhile.
 *
 * Forms: Prometheus text 0.0.4 and OpenMetrics 1.0. They differ in the order of the metadata, in the name a
 * counter's metadata carries, in the escaping of HELP and in the end; the table `forms` says how. */
#include "base/metric.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define SERIES_MAX 200
#define OTHER      (SERIES_MAX - 1)
#define LABELS_MAX 8
#define BOUNDS_MAX 32

struct series {
    uint64_t hash; /* of the label values: most comparisons end here */
    char *labels[LABELS_MAX];
    _Atomic int64_t count;     /* counter */
    _Atomic uint64_t bits;     /* gauge, info; histogram: sum. A double */
    _Atomic uint64_t *buckets; /* histogram: n_bounds + 1, the last is +Inf */
    double (*ask)(void *ctx);
    void *ask_ctx;
};

struct kt_metric {
    kt_metrics *all;
    kt_metric_type type;
    char *name, *help;
    char *label_names[LABELS_MAX];
    size_t n_labels;
    double bounds[BOUNDS_MAX];
    size_t n_bounds;
    pthread_mutex_t lock; /* making series */
    _Atomic(struct series *) slots[SERIES_MAX];
    _Atomic size_t n; /* slots 0 … n-1 stand; OTHER stands when it is not NULL */
};

struct kt_metrics {
    pthread_mutex_t lock;
    kt_metric **families; /* sorted by name */
    size_t n, cap;
    kt_metric *overflow;
};

static const double latency_bounds[] = { 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                         0.1,    0.25,  0.5,    1.0,   2.5,  5.0,   10.0 };
const double kt_metric_byte_bounds[KT_METRIC_BYTE_BOUNDS] = { 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304 };

static const char *const no_values[] = { NULL };

/* ---- small things ---- */

static uint64_t bits_of(double d)
{
    uint64_t u;
    memcpy(&u, &d, sizeof u);
    return u;
}

static double double_of(uint64_t u)
{
    double d;
    memcpy(&d, &u, sizeof d);
    return d;
}

static void add_double(_Atomic uint64_t *to, double n)
{
    uint64_t old = atomic_load_explicit(to, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(to, &old, bits_of(double_of(old) + n), memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
}

static bool name_valid(kt_str s, bool colon)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colon && c == ':');
        if (!letter && !(i > 0 && c >= '0' && c <= '9')) return false;
    }
    return s.len > 0 && !kt_str_starts(s, KT_STR("__"));
}

static uint64_t hash_values(const char *const *values, size_t n)
{
    uint64_t h = 1469598103934665603u; /* FNV-1a, the ends of the values included */
    for (size_t i = 0; i < n; i++)
        for (const char *p = values[i];; p++) {
            h = (h ^ (unsigned char)*p) * 1099511628211u;
            if (!*p) break;
        }
    return h;
}

/* ---- families ---- */

kt_metrics *kt_metrics_new(void)
{
    kt_metrics *m = kt_calloc(1, sizeof *m);
    pthread_mutex_init(&m->lock, NULL);
    m->overflow = kt_metric_new(m, KT_COUNTER, "kontor_metrics_overflow_total",
                                "Label values that found no room in their family and were counted as other.", "");
    return m;
}

static void metric_free(kt_metric *m)
{
    for (size_t i = 0; i < SERIES_MAX; i++) {
        struct series *s = atomic_load(&m->slots[i]);
        if (!s) continue;
        for (size_t l = 0; l < m->n_labels; l++) free(s->labels[l]);
        free(s->buckets);
        free(s);
    }
    for (size_t l = 0; l < m->n_labels; l++) free(m->label_names[l]);
    pthread_mutex_destroy(&m->lock);
    free(m->name);
    free(m->help);
    free(m);
}

void kt_metrics_free(kt_metrics *metrics)
{
    if (!metrics) return;
    for (size_t i = 0; i < metrics->n; i++) metric_free(metrics->families[i]);
    free(metrics->families);
    pthread_mutex_destroy(&metrics->lock);
    free(metrics);
}

static struct series *series_new(const kt_metric *m, const char *const *values)
{
    struct series *s = kt_calloc(1, sizeof *s);
    s->hash = hash_values(values, m->n_labels);
    for (size_t l = 0; l < m->n_labels; l++) s->labels[l] = kt_strdup(values[l]);
    if (m->type == KT_HISTOGRAM) s->buckets = kt_calloc(m->n_bounds + 1, sizeof *s->buckets);
    if (m->type == KT_INFO) atomic_store(&s->bits, bits_of(1.0));
    return s;
}

static void set_labels(kt_metric *m, const char *labels)
{
    kt_str rest = kt_str_c(labels), part;
    while (rest.len && kt_str_split(&rest, ',', &part)) {
        part = kt_str_trim(part);
        assert(name_valid(part, false) && m->n_labels < LABELS_MAX && !kt_str_is(part, "le"));
        char *name = kt_malloc(part.len + 1);
        memcpy(name, part.at, part.len);
        name[part.len] = '\0';
        m->label_names[m->n_labels++] = name;
    }
}

/* The place of `name` in the sorted list; *found when it stands there. */
static size_t place_of(const kt_metrics *metrics, const char *name, bool *found)
{
    size_t low = 0, high = metrics->n;
    *found = false;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int c = strcmp(metrics->families[mid]->name, name);
        if (c == 0) *found = true;
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static kt_metric *family(kt_metrics *metrics, kt_metric_type type, const char *name, const char *help,
                         const char *labels, const double *bounds, size_t n_bounds)
{
    bool found;
    kt_metric *m;

    assert(name_valid(kt_str_c(name), true));
    assert(type != KT_COUNTER || kt_str_ends(kt_str_c(name), KT_STR("_total")));
    assert(type != KT_INFO || kt_str_ends(kt_str_c(name), KT_STR("_info")));
    assert(n_bounds <= BOUNDS_MAX);
    pthread_mutex_lock(&metrics->lock);
    size_t at = place_of(metrics, name, &found);
    if (found) {
        m = metrics->families[at];
        assert(m->type == type);
        goto out;
    }
    m = kt_calloc(1, sizeof *m);
    m->all = metrics;
    m->type = type;
    m->name = kt_strdup(name);
    m->help = kt_strdup(help);
    for (size_t i = 0; i < n_bounds; i++) {
        assert(isfinite(bounds[i]) && (i == 0 || bounds[i] > bounds[i - 1]));
        m->bounds[i] = bounds[i];
    }
    m->n_bounds = n_bounds;
    pthread_mutex_init(&m->lock, NULL);
    set_labels(m, labels ? labels : "");
    if (m->n_labels == 0) { /* a number without labels is there from the start, at zero */
        atomic_store(&m->slots[0], series_new(m, no_values));
        atomic_store(&m->n, 1);
    }
    if (metrics->n == metrics->cap) {
        metrics->cap = metrics->cap ? metrics->cap * 2 : 64;
        metrics->families = kt_realloc(metrics->families, metrics->cap * sizeof *metrics->families);
    }
    memmove(&metrics->families[at + 1], &metrics->families[at], (metrics->n - at) * sizeof *metrics->families);
    metrics->families[at] = m;
    metrics->n++;
out:
    pthread_mutex_unlock(&metrics->lock);
    return m;
}

kt_metric *kt_metric_new(kt_metrics *metrics, kt_metric_type type, const char *name, const char *help,
                         const char *labels)
{
    if (type == KT_HISTOGRAM) return kt_metric_histogram(metrics, name, help, labels, NULL, 0);
    return family(metrics, type, name, help, labels, NULL, 0);
}

kt_metric *kt_metric_histogram(kt_metrics *metrics, const char *name, const char *help, const char *labels,
                               const double *bounds, size_t n_bounds)
{
    if (!bounds) {
        bounds = latency_bounds;
        n_bounds = sizeof latency_bounds / sizeof *latency_bounds;
    }
    return family(metrics, KT_HISTOGRAM, name, help, labels, bounds, n_bounds);
}

/* ---- series ---- */

static bool find_series(kt_metric *m, const char *const *values, uint64_t hash, size_t *at)
{
    size_t n = atomic_load_explicit(&m->n, memory_order_acquire);
    for (size_t i = 0; i < n; i++) {
        struct series *s = atomic_load_explicit(&m->slots[i], memory_order_relaxed);
        if (s->hash != hash) continue;
        bool same = true;
        for (size_t l = 0; same && l < m->n_labels; l++) same = strcmp(s->labels[l], values[l]) == 0;
        if (same) {
            *at = i;
            return true;
        }
    }
    return false;
}

size_t kt_metric_series(kt_metric *metric, const char *const *values)
{
    static const char *const other[LABELS_MAX] = { "other", "other", "other", "other",
                                                   "other", "other", "other", "other" };
    size_t at = 0;

    if (metric->n_labels == 0) return 0;
    for (size_t l = 0; l < metric->n_labels; l++) /* never bytes that a reader would refuse */
        if (!kt_utf8_valid(kt_str_c(values[l]))) values = other;
    uint64_t hash = hash_values(values, metric->n_labels);
    if (find_series(metric, values, hash, &at)) return at;
    bool is_other = hash == hash_values(other, metric->n_labels); /* that series has its own slot */
    pthread_mutex_lock(&metric->lock);
    if (!find_series(metric, values, hash, &at)) {
        at = atomic_load(&metric->n);
        if (at < OTHER && !is_other) {
            atomic_store(&metric->slots[at], series_new(metric, values));
            atomic_store_explicit(&metric->n, at + 1, memory_order_release);
        } else {
            at = OTHER;
            if (!atomic_load(&metric->slots[OTHER])) atomic_store(&metric->slots[OTHER], series_new(metric, other));
            if (!is_other) kt_metric_add(metric->all->overflow, 0, 1);
        }
    }
    pthread_mutex_unlock(&metric->lock);
    return at;
}

static struct series *slot(const kt_metric *m, size_t series)
{
    assert(series < SERIES_MAX);
    struct series *s = atomic_load_explicit(&m->slots[series], memory_order_acquire);
    assert(s);
    return s;
}

void kt_metric_add(kt_metric *metric, size_t series, int64_t n)
{
    struct series *s = slot(metric, series);
    assert(metric->type == KT_COUNTER || metric->type == KT_GAUGE);
    if (metric->type == KT_GAUGE)
        add_double(&s->bits, (double)n);
    else if (n > 0)
        atomic_fetch_add_explicit(&s->count, n, memory_order_relaxed); /* counters never fall */
}

void kt_metric_set(kt_metric *metric, size_t series, double value)
{
    assert(metric->type == KT_GAUGE);
    atomic_store_explicit(&slot(metric, series)->bits, bits_of(value), memory_order_relaxed);
}

void kt_metric_observe(kt_metric *metric, size_t series, double value)
{
    struct series *s = slot(metric, series);
    size_t i = 0;

    assert(metric->type == KT_HISTOGRAM);
    if (isnan(value)) return;
    if (value < 0) value = 0; /* a clock that stepped back; sums never fall */
    while (i < metric->n_bounds && value > metric->bounds[i]) i++;
    atomic_fetch_add_explicit(&s->buckets[i], 1, memory_order_relaxed);
    add_double(&s->bits, value);
}

void kt_metric_ask(kt_metric *metric, size_t series, double (*ask)(void *ctx), void *ctx)
{
    struct series *s = slot(metric, series);
    pthread_mutex_lock(&metric->lock);
    s->ask = ask;
    s->ask_ctx = ctx;
    pthread_mutex_unlock(&metric->lock);
}

static double asked(kt_metric *m, struct series *s, bool *was)
{
    pthread_mutex_lock(&m->lock);
    double (*ask)(void *ctx) = s->ask;
    void *ctx = s->ask_ctx;
    pthread_mutex_unlock(&m->lock);
    *was = ask != NULL;
    return ask ? ask(ctx) : 0;
}

double kt_metric_value(kt_metric *metric, size_t series)
{
    struct series *s = slot(metric, series);
    bool was;
    double value = asked(metric, s, &was);
    if (was) return value;
    if (metric->type == KT_COUNTER) return (double)atomic_load(&s->count);
    if (metric->type != KT_HISTOGRAM) return double_of(atomic_load(&s->bits));
    uint64_t n = 0;
    for (size_t i = 0; i <= metric->n_bounds; i++) n += atomic_load(&s->buckets[i]);
    return (double)n;
}

/* ---- numbers as text ---- */

/* The shortest digits that read back as the same double, 17 at most: "%.*e" taken apart, because its
 * decimal point follows the locale and its form is not the canonical one. */
static size_t shortest(double value, char digits[24], int *exponent)
{
    char text[48];
    size_t n = 0;
    for (int precision = 0; precision <= 16; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, value);
        if (precision == 16 || strtod(text, NULL) == value) break;
    }
    const char *p = text;
    for (; *p && *p != 'e'; p++)
        if (*p >= '0' && *p <= '9') digits[n++] = *p;
    *exponent = (int)strtol(p + 1, NULL, 10);
    while (n > 1 && digits[n - 1] == '0') n--;
    return n;
}

static void put_digits(kt_buf *out, const char *digits, size_t n, int exponent)
{
    if (exponent < -4 || exponent >= 6) { /* 1e+06, 1.048576e+06, 2.5e-05 */
        kt_buf_put_byte(out, digits[0]);
        if (n > 1) {
            kt_buf_put_byte(out, '.');
            kt_buf_put(out, (kt_str){ digits + 1, n - 1 });
        }
        kt_buf_put_fmt(out, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
        return;
    }
    if (exponent < 0) {
        kt_buf_put_c(out, "0.");
        for (int i = -1; i > exponent; i--) kt_buf_put_byte(out, '0');
        kt_buf_put(out, (kt_str){ digits, n });
        return;
    }
    for (size_t i = 0; i < n || i <= (size_t)exponent; i++) {
        if (i == (size_t)exponent + 1) kt_buf_put_byte(out, '.');
        kt_buf_put_byte(out, i < n ? digits[i] : '0');
    }
}

static void put_number(kt_buf *out, double value, bool with_point)
{
    char digits[24] = "";
    int exponent;

    if (isnan(value)) {
        kt_buf_put_c(out, "NaN");
        return;
    }
    if (isinf(value)) {
        kt_buf_put_c(out, value < 0 ? "-Inf" : "+Inf");
        return;
    }
    if (value < 0) {
        kt_buf_put_byte(out, '-');
        value = -value;
    }
    if (value == 0) {
        kt_buf_put_c(out, with_point ? "0.0" : "0");
        return;
    }
    size_t n = shortest(value, digits, &exponent);
    put_digits(out, digits, n, exponent);
    if (with_point && exponent >= 0 && exponent < 6 && n <= (size_t)exponent + 1) kt_buf_put_c(out, ".0");
}

/* ---- writing ---- */

static const struct {
    bool bare_counter, bare_info; /* metadata under the family's name without _total, _info */
    bool type_first, unit, quote_in_help;
    const char *info_type, *end;
} forms[] = {
    [KT_TEXT_004] = { false, false, false, false, false, "gauge", "" },
    [KT_OPENMETRICS_1] = { true, true, true, true, true, "info", "# EOF\n" },
};

static void put_escaped(kt_buf *out, const char *text, bool quotes)
{
    for (const char *p = text; *p; p++) {
        if (*p == '\n')
            kt_buf_put_c(out, "\\n");
        else if (*p == '\\')
            kt_buf_put_c(out, "\\\\");
        else if (*p == '"' && quotes)
            kt_buf_put_c(out, "\\\"");
        else
            kt_buf_put_byte(out, *p);
    }
}

static kt_str family_name(const kt_metric *m, kt_exposition form)
{
    kt_str name = kt_str_c(m->name);
    if (m->type == KT_COUNTER && forms[form].bare_counter) return kt_str_slice(name, 0, name.len - 6);
    if (m->type == KT_INFO && forms[form].bare_info) return kt_str_slice(name, 0, name.len - 5);
    return name;
}

static void put_metadata(const kt_metric *m, kt_exposition form, kt_buf *out)
{
    static const char *const units[] = { "seconds", "bytes", "ratio" };
    const char *const types[] = {
        [KT_COUNTER] = "counter", [KT_GAUGE] = "gauge", [KT_HISTOGRAM] = "histogram", [KT_INFO] = forms[form].info_type
    };
    kt_str name = family_name(m, form);

    for (int pass = 0; pass < 2; pass++) {
        if ((pass == 0) == forms[form].type_first) {
            kt_buf_put_fmt(out, "# TYPE %.*s %s\n", KT_ARG(name), types[m->type]);
            for (size_t u = 0; forms[form].unit && u < sizeof units / sizeof *units; u++) {
                size_t len = strlen(units[u]);
                if (name.len > len && name.at[name.len - len - 1] == '_' && kt_str_ends(name, kt_str_c(units[u])))
                    kt_buf_put_fmt(out, "# UNIT %.*s %s\n", KT_ARG(name), units[u]);
            }
        } else {
            kt_buf_put_fmt(out, "# HELP %.*s ", KT_ARG(name));
            put_escaped(out, m->help, forms[form].quote_in_help);
            kt_buf_put_byte(out, '\n');
        }
    }
}

/* name + suffix + {labels[,le="…"]} + blank; bound NULL: no le */
static void put_head(const kt_metric *m, const struct series *s, const char *suffix, const double *bound, kt_buf *out)
{
    kt_buf_put_c(out, m->name);
    kt_buf_put_c(out, suffix);
    if (m->n_labels || bound) kt_buf_put_byte(out, '{');
    for (size_t l = 0; l < m->n_labels; l++) {
        if (l) kt_buf_put_byte(out, ',');
        kt_buf_put_c(out, m->label_names[l]);
        kt_buf_put_c(out, "=\"");
        put_escaped(out, s->labels[l], true);
        kt_buf_put_byte(out, '"');
    }
    if (bound) {
        kt_buf_put_c(out, m->n_labels ? ",le=\"" : "le=\"");
        put_number(out, *bound, true);
        kt_buf_put_byte(out, '"');
    }
    kt_buf_put_c(out, m->n_labels || bound ? "} " : " ");
}

static void put_histogram(const kt_metric *m, struct series *s, kt_buf *out)
{
    static const double infinity = INFINITY;
    int64_t running = 0;
    double sum = double_of(atomic_load_explicit(&s->bits, memory_order_relaxed));
    for (size_t i = 0; i <= m->n_bounds; i++) {
        running += (int64_t)atomic_load_explicit(&s->buckets[i], memory_order_relaxed);
        put_head(m, s, "_bucket", i < m->n_bounds ? &m->bounds[i] : &infinity, out);
        kt_buf_put_int(out, running);
        kt_buf_put_byte(out, '\n');
    }
    put_head(m, s, "_sum", NULL, out);
    put_number(out, sum, false);
    kt_buf_put_byte(out, '\n');
    put_head(m, s, "_count", NULL, out);
    kt_buf_put_int(out, running);
    kt_buf_put_byte(out, '\n');
}

static void put_series(kt_metric *m, struct series *s, kt_buf *out)
{
    bool was;
    if (m->type == KT_HISTOGRAM) {
        put_histogram(m, s, out);
        return;
    }
    double value = asked(m, s, &was);
    put_head(m, s, "", NULL, out);
    if (was)
        put_number(out, value, false);
    else if (m->type == KT_COUNTER)
        kt_buf_put_int(out, atomic_load_explicit(&s->count, memory_order_relaxed));
    else
        put_number(out, double_of(atomic_load_explicit(&s->bits, memory_order_relaxed)), false);
    kt_buf_put_byte(out, '\n');
}

void kt_metrics_write(kt_metrics *metrics, kt_exposition form, kt_buf *out)
{
    /* A copy of the list, so that no lock is held while the askers run. Families live as long as the whole. */
    pthread_mutex_lock(&metrics->lock);
    size_t n = metrics->n;
    kt_metric **families = kt_calloc(n + 1, sizeof *families);
    for (size_t f = 0; f < n; f++) families[f] = metrics->families[f];
    pthread_mutex_unlock(&metrics->lock);
    for (size_t f = 0; f < n; f++) {
        kt_metric *m = families[f];
        put_metadata(m, form, out);
        for (size_t i = 0; i < SERIES_MAX; i++) {
            struct series *s = atomic_load_explicit(&m->slots[i], memory_order_acquire);
            if (s) put_series(m, s, out);
        }
    }
    kt_buf_put_c(out, forms[form].end);
    free(families);
}
