/* SPDX-License-Identifier: Apache-2.0 */
/* cookie.c -- reading the Cookie header (RFC 6265 4.2.1) and writing a Set-Cookie line (4.1.1).
 *
 * A name that comes twice is told to the caller: a second __Host- cookie cannot come from us, and which of
 * the two a server takes is what an attacker plays with. */
#include "http/inside.h"

bool cookie_next(kt_str *rest, kt_str *name, kt_str *value)
{
    kt_str pair;
    while (kt_str_split(rest, ';', &pair)) {
        size_t equals = kt_str_find_byte(pair, '=', 0);
        if (equals == KT_NOT_FOUND_AT) continue;
        *name = kt_str_trim(kt_str_slice(pair, 0, equals));
        *value = kt_str_trim(kt_str_slice(pair, equals + 1, pair.len));
        if (value->len >= 2 && value->at[0] == '"' && value->at[value->len - 1] == '"')
            *value = kt_str_slice(*value, 1, value->len - 1);
        if (is_token(*name)) return true;
    }
    return false;
}

bool request_cookie_at(request *rq, size_t i, kt_str *name, kt_str *value)
{
    if (rq->route && rq->route->flags & HTTP_NO_COOKIE) return false;
    for (size_t line = 0; line < request_header_count(rq, "cookie"); line++) {
        kt_str rest = request_header_at(rq, "cookie", line);
        while (cookie_next(&rest, name, value))
            if (i-- == 0) return true;
    }
    return false;
}

kt_str request_cookie(request *rq, const char *wanted, bool *twice)
{
    kt_str found = KT_STR_NONE, name, value;
    size_t count = 0;
    if (twice) *twice = false;
    if (rq->route && rq->route->flags & HTTP_NO_COOKIE) return found;
    for (size_t line = 0; line < request_header_count(rq, "cookie"); line++) {
        kt_str rest = request_header_at(rq, "cookie", line);
        while (cookie_next(&rest, &name, &value))
            if (kt_str_is(name, wanted) && count++ == 0) found = value;
    }
    if (twice) *twice = count > 1;
    return found;
}

static bool cookie_value_is_sound(kt_str value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.at[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == ',' || c == ';' || c == '\\') return false;
    }
    return true;
}

static bool attribute_is_sound(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == ';' || *text == 0x7f) return false;
    return true;
}

kt_err reply_cookie_raw(reply *rs, const http_cookie *c)
{
    if (rs->rq->route && rs->rq->route->flags & HTTP_NO_COOKIE) return KT_REFUSED;
    if (!c->name || !is_token(kt_str_c(c->name)) || !cookie_value_is_sound(c->value)) return KT_BAD_INPUT;
    if ((c->path && !attribute_is_sound(c->path)) || (c->domain && !attribute_is_sound(c->domain))) return KT_BAD_INPUT;
    kt_buf line;
    kt_buf_init(&line, 8192);
    kt_buf_put_fmt(&line, "%s=%.*s; Path=%s", c->name, KT_ARG(c->value), c->path ? c->path : "/");
    if (c->domain) kt_buf_put_fmt(&line, "; Domain=%s", c->domain);
    if (c->max_age_s >= 0) kt_buf_put_fmt(&line, "; Max-Age=%lld", (long long)c->max_age_s);
    if (c->secure) kt_buf_put_c(&line, "; Secure");
    if (c->http_only) kt_buf_put_c(&line, "; HttpOnly");
    if (c->same_site) kt_buf_put_fmt(&line, "; SameSite=%s", c->same_site);
    kt_err err = kt_buf_check(&line);
    if (err == KT_OK) err = reply_header(rs, "Set-Cookie", kt_buf_str(&line));
    kt_buf_free(&line);
    return err;
}

bool reply_has_cookie(const reply *rs, const char *name)
{
    size_t len = strlen(name);
    for (const reply_field *f = rs->first; f; f = f->next)
        if (kt_str_eq_nocase(f->name, KT_STR("set-cookie")) && f->value.len > len && f->value.at[len] == '=' &&
            memcmp(f->value.at, name, len) == 0)
            return true;
    return false;
}
