/* SPDX-License-Identifier: Apache-2.0 */
/* session.c -- finding the session of a request, and tokens that prove a form is ours.
 *
 * Both limits of a session are judged here and not by the store, so that they are the same for customers
 * and staff. A clock that was set back never makes a session older than it was. */
#include "http/session.h"
#include "http/inside.h"

enum { SESSION_TOKEN_BYTES = 32, CSRF_RANDOM_BYTES = 16, TOUCH_EVERY_MS = 60000 };

const session_times session_times_default = {
    .idle_ms = 30 * KT_MINUTE_MS,
    .absolute_ms = 12 * KT_HOUR_MS,
    .stay_idle_ms = 14 * KT_DAY_MS,
    .stay_absolute_ms = 30 * KT_DAY_MS,
    .strong_ms = 10 * KT_MINUTE_MS,
};

void session_token(kt_random *random, kt_arena *mem, kt_str *cookie_value, kt_sha256 *stored)
{
    *cookie_value = kt_random_token(random, mem, SESSION_TOKEN_BYTES);
    *stored = kt_hash(*cookie_value);
}

static bool session_is_over(const session *s, const session_times *t, int64_t now_ms)
{
    int64_t idle = s->stay ? t->stay_idle_ms : t->idle_ms;
    int64_t absolute = s->stay ? t->stay_absolute_ms : t->absolute_ms;
    return now_ms - s->seen_ms >= idle || now_ms - s->created_ms >= absolute;
}

session_state session_find(request *rq, const char *cookie, const session_backend *backend, const session_times *times,
                           session **out)
{
    bool twice;
    *out = NULL;
    kt_str value = request_cookie(rq, cookie, &twice), bytes;
    if (twice) return SESSION_TWICE;
    if (!value.at) return SESSION_NONE;
    if (value.len > 64 || !kt_base64url_decode(rq->mem, value, &bytes) || bytes.len != SESSION_TOKEN_BYTES)
        return SESSION_UNKNOWN;
    kt_sha256 stored = kt_hash(value);
    session *s = KT_NEW(rq->mem, session);
    if (backend->load(backend->ctx, rq->mem, &stored, s) != KT_OK) return SESSION_UNKNOWN;
    s->realm = backend->realm;
    if (session_is_over(s, times ? times : &session_times_default, rq->now_ms)) return SESSION_EXPIRED;
    /* A minute's resolution is enough for a limit of thirty, and spares a write a request. */
    if (backend->touch && rq->now_ms - s->seen_ms >= TOUCH_EVERY_MS) backend->touch(backend->ctx, s->id, rq->now_ms);
    *out = s;
    return SESSION_OK;
}

bool session_is_strong(const session *s, const session_times *times, int64_t now_ms)
{
    if (!times) times = &session_times_default;
    return s && s->strong_ms > 0 && now_ms - s->strong_ms <= times->strong_ms;
}

/* ---- CSRF ---- */

static void put_length(unsigned char *to, size_t len)
{
    for (int i = 0; i < 4; i++) to[i] = (unsigned char)(len >> (24 - 8 * i));
}

/* The lengths stand before the parts so that no two pairs give the same text. */
static kt_sha256 csrf_mac(kt_arena *mem, kt_str key, kt_str sid, kt_str random)
{
    unsigned char *text = kt_alloc(mem, 8 + sid.len + random.len);
    put_length(text, sid.len);
    if (sid.len) memcpy(text + 4, sid.at, sid.len);
    put_length(text + 4 + sid.len, random.len);
    memcpy(text + 8 + sid.len, random.at, random.len);
    return kt_hmac(key, (kt_str){ (const char *)text, 8 + sid.len + random.len });
}

kt_str csrf_token(kt_random *random, kt_arena *mem, kt_str key, kt_str sid)
{
    unsigned char token[CSRF_RANDOM_BYTES + 32];
    kt_random_fill(random, token, CSRF_RANDOM_BYTES);
    kt_sha256 mac = csrf_mac(mem, key, sid, (kt_str){ (const char *)token, CSRF_RANDOM_BYTES });
    memcpy(token + CSRF_RANDOM_BYTES, mac.at, 32);
    return kt_base64url(mem, token, sizeof token);
}

bool csrf_valid(kt_arena *mem, kt_str key, kt_str sid, kt_str token)
{
    kt_str bytes;
    if (key.len == 0 || token.len > 128 || !kt_base64url_decode(mem, token, &bytes)) return false;
    if (bytes.len != CSRF_RANDOM_BYTES + 32) return false;
    kt_sha256 mac = csrf_mac(mem, key, sid, kt_str_slice(bytes, 0, CSRF_RANDOM_BYTES));
    return kt_str_eq_secret(kt_sha256_str(&mac), kt_str_slice(bytes, CSRF_RANDOM_BYTES, bytes.len));
}
