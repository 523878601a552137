/* SPDX-License-Identifier: Apache-2.0 */
/* origin.c -- which hosts are ours, which origin a form may come from, where a redirect may go.
 *
 * Cross-site request forgery is stopped twice: here by what browsers say about where a request came from
 * (Fetch Metadata; Origin for those that do not send it), and by a token in the form (session.c). */
#include "http/inside.h"

static bool is_loopback_name(kt_str host)
{
    return kt_str_is(host, "localhost") || kt_str_is(host, "127.0.0.1") || kt_str_is(host, "[::1]") ||
           kt_str_ends(host, KT_STR(".localhost"));
}

static bool is_address(kt_str host)
{
    http_addr a;
    if (host.len > 2 && host.at[0] == '[') host = kt_str_slice(host, 1, host.len - 1);
    return http_addr_parse(host, &a);
}

bool host_is_served(const exchange *ex)
{
    const http_server *s = ex->server;
    kt_str host = ex->rq.host;
    for (size_t i = 0; i < s->n_hosts; i++)
        if (kt_str_is(host, s->hosts[i])) return true;
    if (s->n_hosts == 0 || ex->rq.loopback) {
        if (is_loopback_name(host)) return true;
    }
    /* Monitors call the admin listener by its address. */
    return ex->listener && ex->listener->internal && (is_loopback_name(host) || is_address(host));
}

kt_str origin_as_sent(exchange *ex)
{
    kt_str host = ex->host_as_sent.len ? ex->host_as_sent : ex->rq.host;
    return kt_str_lower(ex->rq.mem, kt_str_fmt(ex->rq.mem, "%s://%.*s", ex->rq.tls ? "https" : "http", KT_ARG(host)));
}

/* "https://x:443" and "https://x" are one origin (RFC 6454 4). */
static kt_str without_default_port(kt_str origin)
{
    if (kt_str_starts(origin, KT_STR("https://")) && kt_str_ends(origin, KT_STR(":443")))
        origin.len -= 4;
    else if (kt_str_starts(origin, KT_STR("http://")) && kt_str_ends(origin, KT_STR(":80")))
        origin.len -= 3;
    return origin;
}

bool csrf_same_origin(request *rq)
{
    exchange *ex = exchange_of(rq);
    if (request_header_count(rq, "sec-fetch-site") > 1 || request_header_count(rq, "origin") > 1) return false;
    kt_str site = request_header(rq, "sec-fetch-site");
    if (site.at) return kt_str_is(site, "same-origin") || kt_str_is(site, "none");
    kt_str origin = request_header(rq, "origin");
    if (!origin.at) return false;
    origin = without_default_port(origin);
    if (kt_str_eq(origin, without_default_port(origin_as_sent(ex)))) return true;
    return ex->server->public_origin && kt_str_eq(origin, without_default_port(kt_str_c(ex->server->public_origin)));
}

const char *http_origin(const http_server *s) { return s->public_origin ? s->public_origin : s->origin; }

static bool path_stays_here(kt_str path)
{
    if (path.len == 0 || path.at[0] != '/') return false;
    if (path.len > 1 && (path.at[1] == '/' || path.at[1] == '\\')) return false;
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.at[i];
        if (c < 0x20 || c == 0x7f || c == '\\') return false;
    }
    return true;
}

kt_str http_return_to(kt_arena *mem, kt_str wanted)
{
    kt_str decoded = wanted;
    if (wanted.len > 2048 || !path_stays_here(wanted)) return KT_STR("/");
    /* What a second decoding would make of it must stay here as well. */
    for (int i = 0; i < 3 && kt_str_find_byte(decoded, '%', 0) != KT_NOT_FOUND_AT; i++) {
        if (!kt_percent_decode(mem, decoded, false, &decoded) || !path_stays_here(decoded)) return KT_STR("/");
    }
    return kt_str_dup(mem, wanted);
}
