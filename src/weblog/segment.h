/* SPDX-License-Identifier: Apache-2.0 */
/* segment.h -- the files of the access log, and the rule that no record gets older than seven days.
 *
 *   DIR/raw/raw-20261123T14.log    the records of one hour, by the request's own time; whole addresses
 *   DIR/long/long-20261116T14.log  what is left of them: unassignable (anonymise.h)
 *   DIR/long/bare-20261023T14.log  the same after thirty days: no address at all
 *
 * A raw segment dies at its *start* + 7 d, so that its oldest record is not older either; since the purge comes
 * every five minutes it takes what falls due before it comes again. Files instead of rows, because destroying
 * a file leaves nothing behind in pages, journals and free lists. */
#ifndef KONTOR_WEBLOG_SEGMENT_H
#define KONTOR_WEBLOG_SEGMENT_H
#include "weblog/anonymise.h"
#include "weblog/line.h"

#define WEBLOG_KEEP_MAX_MS (7 * KT_DAY_MS)
#define WEBLOG_PURGE_EVERY_MS (5 * KT_MINUTE_MS)
#define WEBLOG_BARE_AFTER_MS (30 * KT_DAY_MS)
#define WEBLOG_RARE_BELOW 5               /* requests a day of one system, browser and route */

typedef struct segments segments;
typedef enum { TIER_RAW = 1, TIER_LONG = 2, TIER_BOTH = 3 } log_tier;

typedef struct {
    const char     *dir;
    const kt_clock *clock;
    int64_t         keep_ms;              /* raw: 1 h … 7 d */
    int64_t         long_keep_ms;         /* 0: there is no long tier */
    address_cut     cut;
    int64_t       (*monotonic_ms)(void);  /* NULL: kt_monotonic_ms */
} segment_options;

/* Makes the directories (0700) where missing. */
kt_err segments_open(const segment_options *o, kt_fail *fail, segments **out) KT_MUST_CHECK;
void   segments_close(segments *s);

/* Adds whole lines of one hour in one write; all or nothing. One thread. KT_FULL, KT_IO; KT_GONE when that hour
 * is already due. `hour_ms` is any time within it. */
kt_err segments_append(segments *s, int64_t hour_ms, kt_str lines) KT_MUST_CHECK;

/* Destroys what is due now or before the next purge. The age of a raw segment is the larger of two: by the wall
 * clock, and by the monotonic clock since it was first seen. So a clock set back makes nothing younger, and a
 * clock that was wrong for a while does no harm to what is written later. A wall clock that moved against the
 * monotonic one by more than an hour is told in the program's log. */
kt_err segments_purge(segments *s, kt_arena *mem, unsigned *destroyed) KT_MUST_CHECK;
/* Age of the oldest raw segment, from its start; 0 when there is none. Any thread. */
int64_t segments_oldest_raw_ms(segments *s);

/* Reads records in the order of their hours. A reader says what for: "delivery", "operation" or "security";
 * everything else, marketing above all, is KT_REFUSED. `each` may stop the walk by returning not KT_OK.
 * The record's strings live until `each` returns. Lines that are not whole records are skipped. */
typedef kt_err (*segment_each)(void *ctx, const weblog_line *l, log_tier tier);
kt_err segments_read(segments *s, const char *purpose, log_tier tier, int64_t from_ms, int64_t to_ms, kt_fail *fail,
                     segment_each each, void *ctx) KT_MUST_CHECK;
/* For demo data: writes a segment of the long tier as the conversion would. */
kt_err segments_put_long(segments *s, int64_t hour_ms, kt_str lines) KT_MUST_CHECK;

#endif
