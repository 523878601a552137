/* SPDX-License-Identifier: Apache-2.0 */
/* cookie.h -- the one way to set a cookie: by its id in the register.
 *
 * Name, lifetime, HttpOnly, SameSite come from the declaration, not from the caller. Over TLS the
 * name carries the prefix __Host- and Secure; on plain HTTP (loopback only) neither. A cookie whose
 * service is not granted is not set: KT_OK, a counter kontor_consent_blocked_total{cookie} rises. */
#ifndef KONTOR_REGISTER_COOKIE_H
#define KONTOR_REGISTER_COOKIE_H
#include "register/permit.h"

/* `p` may be NULL for a cookie of the category necessary. session_only: no Max-Age even when the
 * register declares a lifetime. */
kt_err cookie_set(const registry *r, request *rq, reply *rs, const char *id, kt_str value, bool session_only,
                  const permit *p) KT_MUST_CHECK;
/* Expires it (both the prefixed and the plain name when they were sent). */
kt_err cookie_expire(const registry *r, request *rq, reply *rs, const char *id) KT_MUST_CHECK;
/* Expires every own optional cookie that is declared. */
kt_err cookie_expire_optional(const registry *r, request *rq, reply *rs) KT_MUST_CHECK;
/* The value sent by the browser; NONE when absent; *twice as request_cookie. */
kt_str cookie_get(const registry *r, request *rq, const char *id, bool *twice);
/* The name on this connection: "__Host-sid" or "sid". */
const char *cookie_name(const registry *r, request *rq, const char *id);

#endif
