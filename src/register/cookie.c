/* SPDX-License-Identifier: Apache-2.0 */
/* cookie.c -- the one way to set a cookie.
 *
 * Over TLS a cookie of the path / carries __Host-: the browser then takes it only from this very host,
 * with Secure and without Domain (RFC 6265bis 4.1.3). Plain HTTP is served on loopback only; a cookie
 * asked for on any other plain connection is refused, because anybody on the way could read it. */
#include "register/cookie.h"
#include "register/inside.h"

static bool is_own(const cookie_entry *c) { return kt_str_is(c->host, "own"); }
static bool is_necessary(const cookie_entry *c) { return kt_str_is(c->category, "necessary"); }
static bool is_pattern(const cookie_entry *c) { return kt_str_find_byte(c->name, '*', 0) != KT_NOT_FOUND_AT; }

static const char *tls_name(kt_arena *mem, const cookie_entry *c)
{
    const char *prefix = kt_str_is(c->path, "/") ? "__Host-" : "__Secure-";
    return kt_str_z(mem, kt_str_fmt(mem, "%s%.*s", prefix, KT_ARG(c->name)));
}

static const char *name_on(request *rq, const cookie_entry *c)
{
    return rq->tls ? tls_name(rq->mem, c) : kt_str_z(rq->mem, c->name);
}

const char *cookie_name(const registry *r, request *rq, const char *id)
{
    const cookie_entry *c = registry_cookie(r, id);
    return c ? name_on(rq, c) : id;
}

kt_str cookie_get(const registry *r, request *rq, const char *id, bool *twice)
{
    return request_cookie(rq, cookie_name(r, rq, id), twice);
}

static http_cookie line_of(request *rq, const cookie_entry *c, const char *name)
{
    return (http_cookie){
        .name = name,
        .http_only = c->http_only,
        .secure = rq->tls,
        .same_site = kt_str_z(rq->mem, c->same_site),
        .path = kt_str_z(rq->mem, c->path),
    };
}

static void count_blocked(const registry *r, const cookie_entry *c)
{
    for (size_t i = 0; r->metrics.blocked && i < r->n_cookies; i++)
        if (r->cookies[i] == c) kt_metric_add(r->metrics.blocked, r->metrics.blocked_series[i], 1);
}

/* An optional cookie needs a permit for its own service. */
static bool permitted(const cookie_entry *c, const permit *p)
{
    if (is_necessary(c)) return true;
    return p && permit_service(p) && kt_str_eq(permit_service(p)->id, c->service);
}

/* RFC 6265 cookie-octet: what a caller made itself and still must not break the line. */
static bool value_is_clean(kt_str value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char b = (unsigned char)value.at[i];
        if (b <= ' ' || b >= 127 || b == '"' || b == ',' || b == ';' || b == '\\') return false;
    }
    return value.len <= 4000;
}

kt_err cookie_set(const registry *r, request *rq, reply *rs, const char *id, kt_str value, bool session_only,
                  const permit *p)
{
    const cookie_entry *c = registry_cookie(r, id);
    if (!c || !is_own(c) || is_pattern(c)) {
        register_violated(r, VIOLATION_COOKIE);
        return kt_fail_set(&rq->fail, KT_REFUSED, NULL, "the register knows no own cookie %s", id);
    }
    if (!permitted(c, p)) {
        count_blocked(r, c);
        return KT_OK;
    }
    if (!rq->tls && !rq->loopback)
        return request_fail(rq, KT_REFUSED, NULL, "Cookies brauchen eine verschlüsselte Verbindung (https).",
                            "Cookies need an encrypted connection (https).");
    if (!value_is_clean(value)) return kt_fail_set(&rq->fail, KT_BAD_INPUT, NULL, "the value cannot stand in a cookie");
    http_cookie line = line_of(rq, c, name_on(rq, c));
    line.value = value;
    line.max_age_s = session_only || c->lifetime_s == 0 ? -1 : c->lifetime_s;
    return reply_cookie_raw(rs, &line);
}

/* ------------------------------------------------------------------ expiry */

static bool was_sent(request *rq, const char *name)
{
    kt_str sent, value;
    for (size_t i = 0; request_cookie_at(rq, i, &sent, &value); i++)
        if (kt_str_is(sent, name)) return true;
    return false;
}

static kt_err expire_as(request *rq, reply *rs, const cookie_entry *c, const char *name, const char *domain)
{
    http_cookie line = line_of(rq, c, name);
    line.value = KT_STR("");
    line.max_age_s = 0;
    line.domain = domain;
    return reply_cookie_raw(rs, &line);
}

static kt_err expire_entry(request *rq, reply *rs, const cookie_entry *c, bool always)
{
    const char *now = name_on(rq, c), *plain = kt_str_z(rq->mem, c->name);
    if (always || was_sent(rq, now) || reply_has_cookie(rs, now)) TRY(expire_as(rq, rs, c, now, NULL));
    return rq->tls && was_sent(rq, plain) ? expire_as(rq, rs, c, plain, NULL) : KT_OK;
}

kt_err cookie_expire(const registry *r, request *rq, reply *rs, const char *id)
{
    const cookie_entry *c = registry_cookie(r, id);
    if (!c || !is_own(c)) return kt_fail_set(&rq->fail, KT_REFUSED, NULL, "the register knows no own cookie %s", id);
    return expire_entry(rq, rs, c, false);
}

static bool is_address(kt_str host)
{
    if (kt_str_find_byte(host, ':', 0) != KT_NOT_FOUND_AT) return true;
    for (size_t i = 0; i < host.len; i++)
        if (host.at[i] != '.' && (host.at[i] < '0' || host.at[i] > '9')) return false;
    return true;
}

/* A script may have set its cookie for the host with its subdomains or for a parent: each is a cookie of
 * its own that only its own Domain reaches. Parents end before a single label. */
static kt_err expire_domains(request *rq, reply *rs, const cookie_entry *c, const char *name)
{
    kt_str host = rq->host;
    if (is_address(host)) return KT_OK;
    for (;;) {
        size_t dot = kt_str_find_byte(host, '.', 0);
        if (dot == KT_NOT_FOUND_AT) return KT_OK;
        TRY(expire_as(rq, rs, c, name, kt_str_z(rq->mem, host)));
        host = kt_str_slice(host, dot + 1, host.len);
    }
}

/* What the browser sent and the register names as optional, patterns too. */
static kt_err expire_sent(const registry *r, request *rq, reply *rs)
{
    kt_str name, value;
    for (size_t i = 0; request_cookie_at(rq, i, &name, &value); i++) {
        const cookie_entry *c = registry_cookie_named(r, name);
        if (!c || !is_own(c) || is_necessary(c) || kt_str_starts(name, KT_STR("__Host-"))) continue;
        const char *as_sent = kt_str_z(rq->mem, name);
        if (is_pattern(c)) TRY(expire_as(rq, rs, c, as_sent, NULL));
        if (!c->http_only) TRY(expire_domains(rq, rs, c, as_sent));
    }
    return KT_OK;
}

kt_err cookie_expire_optional(const registry *r, request *rq, reply *rs)
{
    for (size_t i = 0; i < r->n_cookies; i++) {
        const cookie_entry *c = r->cookies[i];
        if (is_own(c) && !is_necessary(c) && !is_pattern(c)) TRY(expire_entry(rq, rs, c, true));
    }
    return expire_sent(r, rq, rs);
}
