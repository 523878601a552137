/* SPDX-License-Identifier: Apache-2.0 */
/* enforce.c -- runs on every reply that leaves; see enforce.h.
 *
 * HTTP itself sends the strictest policy with every reply. Only a reply to a visitor who granted a service
 * with hosts of its own carries a wider one, and such a reply is never kept by a shared cache. */
#include "consent/enforce.h"
#include "consent/views.h"

/* ---- content security policy ----------------------------------------------------------------------- */

static bool host_is_clean(kt_str host)
{
    for (size_t i = 0; i < host.len; i++) {
        char c = host.at[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == ':' || c == '/' ||
                    c == '*';
        if (!word) return false;
    }
    return host.len > 0 && host.len <= 253;
}

kt_err enforce_check_hosts(const policy *p, kt_fail *fail)
{
    for (size_t i = 0; i < p->n; i++) {
        const service *s = p->services[i].declared;
        for (size_t k = 0; k < s->n_hosts; k++)
            if (!host_is_clean(s->hosts[k]))
                return kt_fail_set(fail, KT_REFUSED, "services", "service %.*s: \"%.*s\" is not a host name",
                                   KT_ARG(s->id), KT_ARG(s->hosts[k]));
    }
    return KT_OK;
}

kt_str enforce_csp(const consent_room *room, kt_arena *mem, service_set granted)
{
    static const char *const kinds[] = { "script-src", "connect-src", "img-src", "frame-src" };
    kt_buf hosts, out;
    kt_str csp = KT_STR_NONE;
    kt_buf_init(&hosts, 8192);
    kt_buf_init(&out, 40960);
    for (size_t i = 0; i < room->policy->n; i++) {
        const service *s = room->policy->services[i].declared;
        for (size_t k = 0; (granted & SERVICE_BIT(i)) && k < s->n_hosts; k++) {
            kt_buf_put_byte(&hosts, ' ');
            kt_buf_put(&hosts, s->hosts[k]);
        }
    }
    if (hosts.len > 0 && !hosts.over) {
        kt_buf_put_c(
            &out, "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'");
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
            kt_buf_put_fmt(&out, "; %s 'self'", kinds[i]);
            kt_buf_put(&out, kt_buf_str(&hosts));
        }
        csp = kt_str_dup(mem, kt_buf_str(&out));
    }
    kt_buf_free(&hosts);
    kt_buf_free(&out);
    return csp;
}

/* ---- cookies ---------------------------------------------------------------------------------------- */

/* A cookie that is no longer allowed and still came along ends here: after a withdrawal elsewhere, after
 * a service was removed, after a decision ran out. */
static void expire_leftovers(const consent_room *room, request *rq, reply *rs, service_set granted)
{
    const registry *r = room->house->registry;
    const cookie_entry *const *all = NULL;
    size_t n = registry_cookies(r, &all);
    for (size_t i = 0; i < n; i++) {
        const cookie_entry *c = all[i];
        if (kt_str_is(c->category, "necessary") || !kt_str_is(c->host, "own")) continue;
        int at = policy_find(room->policy, c->service);
        const char *id = kt_str_z(rq->mem, c->id);
        if ((at >= 0 && (granted & SERVICE_BIT(at))) || reply_has_cookie(rs, cookie_name(r, rq, id))) continue;
        if (cookie_expire(r, rq, rs, id) != KT_OK) return;
    }
}

/* Remembering the language is expressly asked for by following the link of a language. */
static void keep_language(const consent_room *room, request *rq, reply *rs)
{
    static const char *const known[] = { "de", "en" };
    if (!kt_str_is(rq->method, "GET")) return;
    kt_str wanted = request_query(rq, "lang");
    for (size_t i = 0; i < 2; i++) {
        bool twice = false;
        if (!kt_str_is(wanted, known[i])) continue;
        if (kt_str_is(cookie_get(room->house->registry, rq, "lang", &twice), known[i]) && !twice) return;
        if (cookie_set(room->house->registry, rq, rs, "lang", wanted, false, NULL) != KT_OK) return;
    }
}

/* A browser that fetches a page ahead of time has no reader yet. */
static bool is_prefetch(request *rq)
{
    return request_header(rq, "Sec-Purpose").at || kt_str_is(request_header(rq, "Purpose"), "prefetch");
}

void enforce_finish(void *ctx, request *rq, reply *rs)
{
    const consent_room *room = ctx;
    choice c;
    if (!rq->route || (rq->route->flags & HTTP_NO_COOKIE)) return;
    /* The finish hook must not spoil the words of a failure that is being answered. */
    kt_fail words_before = rq->fail;
    if (!is_prefetch(rq)) {
        choice_read(room, rq, &c);
        if (c.bad && !reply_has_cookie(rs, cookie_name(room->house->registry, rq, "consent")))
            (void)!cookie_expire(room->house->registry, rq, rs, "consent");
        keep_language(room, rq, rs);
        if (rq->route->access != HTTP_STAFF) views_finish(room, rq, rs, &c);
        expire_leftovers(room, rq, rs, c.granted);
        kt_str csp = enforce_csp(room, rq->mem, c.granted);
        if (csp.at && reply_header(rs, "Content-Security-Policy", csp) == KT_OK)
            (void)!reply_header(rs, "Cache-Control", KT_STR("private, no-store"));
        if (room->policy->heeds_gpc | room->policy->heeds_dnt) (void)!reply_header(rs, "Vary", KT_STR("Sec-GPC, DNT"));
    }
    rq->fail = words_before;
}
