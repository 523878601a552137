/* SPDX-License-Identifier: Apache-2.0 */
/* room.h -- the state of the consent room; made at start, then read by every request. */
#ifndef KONTOR_CONSENT_ROOM_H
#define KONTOR_CONSENT_ROOM_H
#include "consent/policy.h"
#include "consent/record.h"
#include "register/module.h"

typedef struct {
    house      *house;
    kt_arena   *mem;                     /* lives as long as the room */
    policy     *policy;
    kt_sha256   cookie_key, head_key;    /* derived from the instance's secret */
    record_keep keep;
    int64_t     lifetime_ms;             /* of a decision */

    kt_metric  *decisions, *banner, *refused;
    size_t      granted_series[POLICY_SERVICES_MAX], denied_series[POLICY_SERVICES_MAX];   /* per service, by category */
    size_t      banner_series, refused_series;
} consent_room;

#endif
