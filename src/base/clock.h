/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h -- time is handed in, never called for.
 *
 * Wall time is int64_t milliseconds since 1970 UTC. A kt_clock is the real one, one a test holds,
 * or one that reads a file a test changes while the program runs (`serve --test-clock FILE`).
 * Durations and time-outs of the network use kt_monotonic_ms, which no test moves. */
#ifndef KONTOR_BASE_CLOCK_H
#define KONTOR_BASE_CLOCK_H
#include <stdint.h>
#include "base/str.h"

typedef struct kt_clock kt_clock;
struct kt_clock { int64_t (*now_ms)(const kt_clock *clock); int64_t fixed_ms; const char *file; };

#define KT_SECOND_MS ((int64_t)1000)
#define KT_MINUTE_MS (60 * KT_SECOND_MS)
#define KT_HOUR_MS   (60 * KT_MINUTE_MS)
#define KT_DAY_MS    (24 * KT_HOUR_MS)

kt_clock kt_clock_real(void);
/* Stands still at fixed_ms until the holder changes the field. */
kt_clock kt_clock_fixed(int64_t ms);
/* Reads Unix milliseconds from the file at each call; the last good value when unreadable. */
kt_clock kt_clock_file(const char *path);
static inline int64_t kt_now_ms(const kt_clock *clock) { return clock->now_ms(clock); }

int64_t kt_monotonic_ms(void);
int64_t kt_monotonic_us(void);

/* Civil time, proleptic Gregorian, UTC. month 1-12, day 1-31, weekday 0 = Sunday. */
typedef struct { int year, month, day, hour, minute, second, ms, weekday; } kt_civil;
kt_civil kt_civil_utc(int64_t ms);
/* As above in Central European time ("Europe/Berlin"; EU rule of Directive 2000/84/EC, right since 1996),
 * without the C library's process-wide zone. NULL = UTC; other zones are an assert until one is needed. */
kt_civil kt_civil_zone(int64_t ms, const char *zone);
int64_t  kt_civil_ms(kt_civil civil);          /* UTC; fields are normalised */
int      kt_days_in_month(int year, int month);

kt_str kt_time_rfc3339(kt_arena *mem, int64_t ms);      /* 2026-11-23T14:12:00.123Z */
kt_str kt_time_http(kt_arena *mem, int64_t ms);         /* Mon, 23 Nov 2026 14:12:00 GMT */
kt_str kt_time_day(kt_arena *mem, int64_t ms);          /* 2026-11-23, UTC */
bool   kt_time_parse(kt_str text, int64_t *ms);         /* RFC 3339, or YYYY-MM-DD */
/* ISO 8601 duration of days and smaller units: P7D, PT30M, P1DT12H. Months and years are calendar
 * periods: *months receives them (P3Y = 36). */
bool   kt_duration_parse(kt_str text, int64_t *ms, int *months);

#endif
