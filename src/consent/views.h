/* SPDX-License-Identifier: Apache-2.0 */
/* views.h -- our own page statistics: how often a browser that consented calls up pages.
 *
 * The smallest optional service there is, and a real one: without consent no id exists and nothing is
 * counted; with it a random id counts pages, not which ones; on withdrawal the count is erased. */
#ifndef KONTOR_CONSENT_VIEWS_H
#define KONTOR_CONSENT_VIEWS_H
#include "consent/choice.h"

#define VIEWS_SERVICE  "page-statistics"
#define VIEWS_ACTIVITY "cookies-analytics"

/* Counts this reply when it is a page somebody opened and the service is granted; sets the cookie. */
void   views_finish(const consent_room *room, request *rq, reply *rs, const choice *c);
/* Counts one page. The permit is the proof that the question was asked; the record is asked again inside
 * the write, because a withdrawal may have come in between. Does not wait. */
kt_err views_count(const consent_room *room, const permit *p, kt_str visitor, kt_str consent_id, int64_t now_ms) KT_MUST_CHECK;
/* Visitors by how many pages they called up: list of {band, visitors, views}, bands 1, 2-5, 6-20, 21+. */
kt_err views_bands(db *d, kt_arena *mem, kt_value **out) KT_MUST_CHECK;

#endif
