/* SPDX-License-Identifier: Apache-2.0 */
/* permit.h -- leave to process, asked each time it matters.
 *
 * Only permit.c can make a permit, so a function that takes one cannot be called without the question
 * having been asked: writing data of a consent-based activity, setting a cookie, handing data to a
 * recipient. Consent, objection and restriction are looked up through hooks that consent/ and rights/
 * fill. Without a consent hook everything that needs consent is refused. A permit lives in the arena
 * it was asked with: for one request or one delivery, never stored. */
#ifndef KONTOR_REGISTER_PERMIT_H
#define KONTOR_REGISTER_PERMIT_H
#include "http/http.h"
#include "register/registry.h"

typedef struct permit permit;

typedef struct {
    request *rq;               /* the visitor's request, or NULL for background work */
    kt_str   account;          /* account id or NONE */
    kt_str   consent_id;       /* or NONE: taken from the request */
} permit_subject;

/* For an activity as a whole or one service of it (NULL: the activity's only service, or all of
 * them). KT_REFUSED with words in fail; KT_NOT_FOUND when the register knows no such activity. */
kt_err permit_ask(const registry *r, kt_arena *mem, const permit_subject *who, const char *activity,
                  const char *service, kt_fail *fail, const permit **out) KT_MUST_CHECK;
/* For a transfer: also needs the recipient to be engaged and, outside the EEA, a dated safeguard. */
kt_err permit_transfer(const registry *r, kt_arena *mem, const permit_subject *who, const char *activity,
                       const char *recipient, kt_fail *fail, const permit **out) KT_MUST_CHECK;
const activity *permit_activity(const permit *p);
const service  *permit_service(const permit *p);         /* or NULL */

/* True: the service is granted now, for this subject. */
typedef bool (*permit_consent_hook)(void *ctx, const permit_subject *who, const service *s);
/* True: something stands against it (objection, restriction). */
typedef bool (*permit_bar_hook)(void *ctx, const permit_subject *who, const activity *a);
void permit_set_consent_hook(registry *r, permit_consent_hook hook, void *ctx);
void permit_set_bar_hook(registry *r, permit_bar_hook hook, void *ctx);

#endif
