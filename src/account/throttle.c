/* SPDX-License-Identifier: Apache-2.0 */
/* throttle.c -- how often somebody may try.
 *
 * Rates live in memory (http/limit.h). Wrong passwords are counted in the store, so that a restart gives
 * nobody new tries: from the fifth on the account waits 2^n seconds, a quarter of an hour at most, and
 * after a hundred in a row only a reset helps. None of it touches sessions that exist or the reset. */
#include "account/account.h"
#include "account/queries.h"

enum { FREE_FAILURES = 5, HARD_STOP = 100, DELAY_MAX_S = 15 * 60 };

kt_str throttle_peer(request *rq)
{
    static const unsigned char v4[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
    if (!rq->peer.known) return KT_STR("unknown");
    size_t len = memcmp(rq->peer.at, v4, sizeof v4) == 0 ? 16 : 8;
    return kt_str_dup(rq->mem, (kt_str){ (const char *)rq->peer.at, len });
}

bool throttle_take(account_room *room, request *rq, reply *rs, const char *rule, kt_str key, unsigned burst,
                   int64_t per_ms, kt_err *err)
{
    int retry_s = 0;
    *err = KT_OK;
    if (limiter_take(room->h->limiter, rule, key, burst, per_ms, rq->now_ms, &retry_s)) return true;
    account_count(room, rule, "limited");
    *err = reply_header(rs, "Retry-After", kt_str_fmt(rq->mem, "%d", retry_s > 0 ? retry_s : 1));
    if (*err == KT_OK)
        *err = kt_fail_set(&rq->fail, KT_TOO_MANY, "", "%.*s",
                           KT_ARG(page_text(room->h->pages, rq->mem, rq->lang, "account.error.too_many", NULL)));
    return false;
}

bool throttle_mail(account_room *room, kt_str email_key, int64_t now_ms)
{
    return limiter_take(room->h->limiter, "account.mail.hour", email_key, 3, KT_HOUR_MS, now_ms, NULL) &&
           limiter_take(room->h->limiter, "account.mail.day", email_key, 10, KT_DAY_MS, now_ms, NULL);
}

static kt_err read_failures(db *d, kt_str account_id, int64_t *failures, int64_t *retry_at)
{
    rows *r = NULL;
    *failures = *retry_at = 0;
    kt_err err = store_rows(d, &SQL_account_lockout_get, ARGS(sql_text("account", account_id)), &r);
    if (err == KT_OK && rows_next(r)) {
        *failures = rows_int(r, "failures");
        *retry_at = rows_int(r, "retry_at");
    }
    kt_err end = rows_end(r);
    return err == KT_OK ? end : err;
}

kt_err lockout_is_on(db *d, kt_str account_id, int64_t now_ms, bool *locked)
{
    int64_t failures = 0, retry_at = 0;
    *locked = false;
    if (!account_id.len) return KT_OK;
    TRY(read_failures(d, account_id, &failures, &retry_at));
    *locked = failures >= HARD_STOP || retry_at > now_ms;
    return KT_OK;
}

kt_err lockout_failed(db *d, kt_str account_id, int64_t now_ms)
{
    int64_t failures = 0, retry_at = 0, delay_s = 0;
    TRY(read_failures(d, account_id, &failures, &retry_at));
    failures++;
    if (failures >= FREE_FAILURES) {
        int64_t n = failures - FREE_FAILURES + 1;
        delay_s = n < 10 ? (int64_t)1 << n : DELAY_MAX_S;
        if (delay_s > DELAY_MAX_S) delay_s = DELAY_MAX_S;
    }
    return store_exec(d, &SQL_account_lockout_put,
                      ARGS(sql_text("account", account_id), sql_int("failures", failures),
                           sql_int("retry_at", now_ms + delay_s * KT_SECOND_MS), sql_int("now", now_ms)),
                      NULL);
}

kt_err lockout_clear(db *d, kt_str account_id)
{
    return store_exec(d, &SQL_account_lockout_clear, ARGS(sql_text("account", account_id)), NULL);
}
