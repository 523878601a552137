/* SPDX-License-Identifier: Apache-2.0 */
/* session.h -- sign-in sessions: the token, its times, step-up, and the CSRF token bound to it.
 *
 * The rules are here once; where sessions are stored is the caller's (accounts and staff each have
 * their own table) through `session_backend`. The cookie holds 32 random bytes; only its SHA-256 is
 * stored. A token that is presented but unknown is never adopted. */
#ifndef KONTOR_HTTP_SESSION_H
#define KONTOR_HTTP_SESSION_H
#include "base/hash.h"
#include "http/http.h"

struct session {
    kt_str  id;                 /* row id, 22 characters; not the token */
    kt_str  subject;            /* account or staff id */
    const char *realm;          /* "account", "staff" */
    kt_str  role;               /* staff: role name */
    kt_str  name;               /* for the page's head */
    kt_str  lang;               /* chosen language or NONE */
    int64_t created_ms, seen_ms, strong_ms;   /* strong: last full authentication */
    bool    stay;               /* "stay signed in" */
    unsigned char csrf_key[32];
};

typedef struct {
    int64_t idle_ms, absolute_ms;           /* 30 min, 12 h */
    int64_t stay_idle_ms, stay_absolute_ms; /* 14 d, 30 d */
    int64_t strong_ms;                      /* 10 min */
} session_times;
extern const session_times session_times_default;

typedef struct {
    const char *realm;
    /* Fills *out (in mem) from the hash of the token; KT_NOT_FOUND when unknown. On the loop. */
    kt_err (*load)(void *ctx, kt_arena *mem, const kt_sha256 *token, session *out);
    /* The session was used: may be called from a loop, must not block (buffer it, or write_later). */
    void   (*touch)(void *ctx, kt_str id, int64_t now_ms);
    /* Ends it. Any thread that may wait. */
    kt_err (*drop)(void *ctx, kt_str id);
    void   *ctx;
} session_backend;

/* A fresh token: text for the cookie, hash for the store. */
void session_token(kt_random *random, kt_arena *mem, kt_str *cookie_value, kt_sha256 *stored);
/* Reads the cookie, loads, applies idle and absolute limits. Outcomes: SESSION_NONE no cookie;
 * SESSION_OK *out filled; SESSION_EXPIRED or SESSION_UNKNOWN: expire the cookie; SESSION_TWICE: 400. */
typedef enum { SESSION_NONE, SESSION_OK, SESSION_EXPIRED, SESSION_UNKNOWN, SESSION_TWICE } session_state;
session_state session_find(request *rq, const char *cookie, const session_backend *backend,
                           const session_times *times, session **out);
bool session_is_strong(const session *s, const session_times *times, int64_t now_ms);

/* CSRF: HMAC-SHA-256(key, len ‖ sid ‖ len ‖ random) with the random part, base64url. For forms before
 * sign-in the "session id" is a pre-session cookie's value. */
kt_str csrf_token(kt_random *random, kt_arena *mem, kt_str key, kt_str sid);
bool   csrf_valid(kt_arena *mem, kt_str key, kt_str sid, kt_str token);
/* Fetch-metadata rule for unsafe methods: Sec-Fetch-Site same-origin or none; absent: Origin equals
 * ours; both absent or anything else: false. */
bool   csrf_same_origin(request *rq);
/* A path to return to: starts with one '/', not "//" or "/\\", after decoding; else "/". */
kt_str http_return_to(kt_arena *mem, kt_str wanted);

#endif
