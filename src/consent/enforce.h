/* SPDX-License-Identifier: Apache-2.0 */
/* enforce.h -- what the choice does to every reply: the content security policy, the cookies that may
 * stay, the language cookie, and the one thing the page statistics do. */
#ifndef KONTOR_CONSENT_ENFORCE_H
#define KONTOR_CONSENT_ENFORCE_H
#include "consent/choice.h"

/* KT_REFUSED when a host of a service could break out of the header. */
kt_err enforce_check_hosts(const policy *p, kt_fail *fail) KT_MUST_CHECK;
/* The policy of a visitor who granted these services: hosts of all others are absent, so that even a tag
 * written into the page cannot load from them. NONE when nothing is added to the one every reply has. */
kt_str enforce_csp(const consent_room *room, kt_arena *mem, service_set granted);
/* http_finish. */
void   enforce_finish(void *room, request *rq, reply *rs);

#endif
