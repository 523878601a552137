/* SPDX-License-Identifier: Apache-2.0 */
/* finish.c -- what is true of every reply: conditions, ranges, compression, caching, security headers.
 *
 * Runs after the handler and the finish hooks; a header that is already there is kept, so a module that
 * knows better says so by setting it. */
#include <unistd.h>
#include <zlib.h>
#include "http/inside.h"

/* ---- compression ---- */

kt_str gzip_bytes(kt_arena *mem, kt_str bytes)
{
    z_stream z = { 0 };
    if (bytes.len > UINT32_MAX / 2) return KT_STR_NONE;
    if (deflateInit2(&z, 4, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) return KT_STR_NONE;
    char *out = kt_alloc(mem, bytes.len);
    z.next_in = (Bytef *)(uintptr_t)bytes.at;
    z.avail_in = (uInt)bytes.len;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)bytes.len;
    int done = deflate(&z, Z_FINISH);
    size_t len = bytes.len - z.avail_out;
    deflateEnd(&z);
    return done == Z_STREAM_END ? (kt_str){ out, len } : KT_STR_NONE;
}

static bool compresses_well(kt_str type)
{
    static const char *const known[] = { "application/json",       "application/problem+json",
                                         "application/javascript", "application/xml",
                                         "image/svg+xml",          "application/manifest+json" };
    if (kt_str_starts(type, KT_STR("text/")) && !kt_str_starts(type, KT_STR("text/event-stream"))) return true;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (kt_str_is(type, known[i])) return true;
    return false;
}

/* Tokens in our pages carry fresh random bytes each time (session.c), so that the length of a compressed
 * page tells nothing about them (the attack called BREACH). */
static void compress_body(exchange *ex)
{
    reply *rs = &ex->rs;
    if (rs->kind != BODY_BYTES || rs->bytes.len <= HTTP_COMPRESS_MIN || rs->ranges) return;
    if (rs->status == 206 || rs->status == 204 || rs->status == 304) return;
    if (reply_field_get(rs, "content-encoding").at || !compresses_well(media_type(reply_field_get(rs, "content-type"))))
        return;
    reply_put_vary(rs, "Accept-Encoding");
    if (coding_choose(request_header(&ex->rq, "accept-encoding"), true, false) != CODING_GZIP) return;
    kt_str packed = gzip_bytes(ex->rq.mem, rs->bytes);
    if (!packed.at) return;
    rs->bytes = packed;
    rs->length = packed.len;
    reply_put(rs, "Content-Encoding", KT_STR("gzip"));
    kt_str etag = reply_field_get(rs, "etag");
    if (etag.at && !kt_str_starts(etag, KT_STR("W/")))
        reply_put(rs, "ETag", kt_str_fmt(ex->rq.mem, "W/%.*s", KT_ARG(etag)));
}

/* ---- conditions and parts ---- */

static bool is_read(const exchange *ex) { return kt_str_is(ex->rq.method, "GET") || kt_str_is(ex->rq.method, "HEAD"); }

static bool unchanged(exchange *ex)
{
    reply *rs = &ex->rs;
    kt_str etag = reply_field_get(rs, "etag"), changed = reply_field_get(rs, "last-modified");
    kt_str none_match = request_header(&ex->rq, "if-none-match"), since = request_header(&ex->rq, "if-modified-since");
    int64_t changed_ms, since_ms;
    if (none_match.at) return etag.at && etag_matches(none_match, etag, false);
    return since.at && changed.at && date_parse(since, &since_ms) && date_parse(changed, &changed_ms) &&
           changed_ms <= since_ms;
}

static void to_not_modified(reply *rs)
{
    reply_drop_body(rs);
    rs->status = 304;
    for (reply_field *f = rs->first; f; f = f->next) /* RFC 9110 15.4.5: no representation data */
        if (kt_str_eq_nocase(f->name, KT_STR("content-type")) ||
            kt_str_eq_nocase(f->name, KT_STR("content-encoding")) ||
            kt_str_eq_nocase(f->name, KT_STR("content-disposition")))
            f->value = KT_STR_NONE;
}

static bool range_still_valid(exchange *ex)
{
    kt_str condition = request_header(&ex->rq, "if-range"), etag = reply_field_get(&ex->rs, "etag");
    if (!condition.at) return true;
    if (condition.len && (condition.at[0] == '"' || kt_str_starts(condition, KT_STR("W/"))))
        return etag.at && etag_matches(condition, etag, true);
    return kt_str_eq(condition, reply_field_get(&ex->rs, "last-modified"));
}

static void cut_to_range(exchange *ex)
{
    reply *rs = &ex->rs;
    uint64_t first, last, whole = rs->length;
    reply_put(rs, "Accept-Ranges", KT_STR("bytes"));
    kt_str range = request_header(&ex->rq, "range");
    if (!range.at || !kt_str_is(ex->rq.method, "GET") || request_header_count(&ex->rq, "range") > 1) return;
    range_kind kind = range_still_valid(ex) ? range_parse(range, whole, &first, &last) : RANGE_NONE;
    if (kind == RANGE_NONE) return;
    if (kind == RANGE_OUTSIDE) {
        exchange_fail(ex, KT_BAD_RANGE);
        reply_put(rs, "Content-Range", kt_str_fmt(ex->rq.mem, "bytes */%llu", (unsigned long long)whole));
        return;
    }
    rs->status = 206;
    rs->offset = first;
    rs->length = last - first + 1;
    if (rs->kind == BODY_BYTES) rs->bytes = kt_str_slice(rs->bytes, first, last + 1);
    reply_put(rs, "Content-Range",
              kt_str_fmt(ex->rq.mem, "bytes %llu-%llu/%llu", (unsigned long long)first, (unsigned long long)last,
                         (unsigned long long)whole));
}

/* ---- headers of every reply ---- */

static const struct {
    const char *name, *value;
} always[] = {
    { "X-Content-Type-Options", "nosniff" },
    { "Cross-Origin-Opener-Policy", "same-origin" },
    { "Permissions-Policy",
      "browsing-topics=(), attribution-reporting=(), interest-cohort=(), join-ad-interest-group=(), "
      "run-ad-auction=(), private-state-token-issuance=(), private-state-token-redemption=()" },
    { "X-DNS-Prefetch-Control", "off" },
    { "Content-Security-Policy", "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; "
                                 "form-action 'self'" },
};

static void put_if_absent(reply *rs, const char *name, const char *value)
{
    if (!reply_field_get(rs, name).at) reply_put(rs, name, kt_str_c(value));
}

static void put_security(exchange *ex)
{
    reply *rs = &ex->rs;
    bool silent = ex->rq.route && ex->rq.route->flags & HTTP_NO_REFERRER;
    for (size_t i = 0; i < sizeof always / sizeof *always; i++) put_if_absent(rs, always[i].name, always[i].value);
    put_if_absent(rs, "Referrer-Policy", silent ? "no-referrer" : "strict-origin-when-cross-origin");
    if (ex->rq.tls) put_if_absent(rs, "Strict-Transport-Security", "max-age=31536000");
}

static void put_caching(exchange *ex)
{
    reply *rs = &ex->rs;
    kt_str type = media_type(reply_field_get(rs, "content-type"));
    if (ex->rq.route && ex->rq.route->flags & HTTP_NO_STORE) {
        reply_put(rs, "Cache-Control", KT_STR("no-store"));
        return;
    }
    if (reply_field_get(rs, "cache-control").at) {
        /* A shared cache must never hand one person's cookie to another. */
        kt_str had = reply_field_get(rs, "cache-control");
        if (reply_field_get(rs, "set-cookie").at && kt_str_find(had, KT_STR("public"), 0) != KT_NOT_FOUND_AT)
            reply_put(rs, "Cache-Control", KT_STR("private, no-store"));
        return;
    }
    bool page = type.len == 0 || kt_str_is(type, "text/html") || kt_str_is(type, "application/json") ||
                kt_str_is(type, "application/problem+json");
    if (page || ex->rq.session || rs->status >= 400 || reply_field_get(rs, "set-cookie").at)
        reply_put(rs, "Cache-Control", KT_STR("private, no-store"));
}

void reply_finish(exchange *ex)
{
    reply *rs = &ex->rs;
    if (is_read(ex) && rs->status == 200 && rs->kind != BODY_STREAM && unchanged(ex)) to_not_modified(rs);
    if (rs->ranges && rs->status == 200) cut_to_range(ex);
    compress_body(ex);
    if (rs->status == 204 || rs->status == 304) reply_drop_body(rs);
    put_caching(ex);
    put_security(ex);
    if (rs->close || atomic_load(&ex->server->stopping)) reply_put(rs, "Connection", KT_STR("close"));
}
