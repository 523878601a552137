/* SPDX-License-Identifier: Apache-2.0 */
/* counts.h -- what a stretch of the log adds up to: by day, hour, status, route, system, browser.
 *
 * Tables are bounded: names beyond their cap are added to "other". No address is counted or kept. */
#ifndef KONTOR_WEBLOG_COUNTS_H
#define KONTOR_WEBLOG_COUNTS_H
#include "weblog/segment.h"

/*    name       what of a record */
#define COUNT_TABLES(X) X(day) X(hour) X(status) X(method) X(route) X(os) X(browser)
typedef enum {
#define COUNT_ENUM(name) COUNT_##name,
    COUNT_TABLES(COUNT_ENUM)
#undef COUNT_ENUM
    COUNT_TABLE_COUNT
} count_table;

#define TALLY_SPREAD 40
typedef struct {
    kt_str   name;
    uint64_t n, us, most_us;
    uint32_t spread[TALLY_SPREAD];        /* durations by powers of two, in µs */
} tally;

typedef struct {
    kt_arena *mem;
    uint64_t  requests, bytes, bots, failed;               /* failed: status 5xx */
    struct { tally *at; size_t n, cap; } tables[COUNT_TABLE_COUNT];
} counts;

const char *count_table_name(count_table t);
counts *counts_new(void);
void    counts_free(counts *c);
void    counts_add(counts *c, const weblog_line *l);
void    counts_merge(counts *into, const counts *from);
typedef enum { BY_COUNT, BY_NAME, BY_SLOWNESS } count_order;
void    counts_sort(counts *c, count_table t, count_order order);
/* The duration that 95 of 100 stayed below, estimated from the spread; µs. */
uint64_t tally_p95_us(const tally *t);
kt_value *counts_value(const counts *c, kt_arena *mem);

/* Counts of whole hours; those of hours that are over are kept, since they do not change any more. */
typedef struct count_cache count_cache;
count_cache *count_cache_new(segments *s, const kt_clock *clock);
void         count_cache_free(count_cache *c);
/* The raw tier from `from_ms` until now. Any thread. */
kt_err count_cache_read(count_cache *c, int64_t from_ms, counts *into, kt_fail *fail) KT_MUST_CHECK;

#endif
