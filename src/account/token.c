/* SPDX-License-Identifier: Apache-2.0 */
/* token.c -- the 32 random bytes of a link in a mail: made, stored as SHA-256, found once, ended.
 *
 * A link is opened by people, by mail scanners, by previews, and its address lands in histories. So the
 * GET only moves the token from the address into a cookie and answers 303; what acts is the POST of the
 * page behind it. Whoever opens the link in another browser gets the cookie there: it still works. */
#include "account/account.h"
#include "account/queries.h"

enum { TOKEN_TEXT = 43 }; /* 32 bytes in base64url */

mail_token token_new(account_room *room, kt_arena *mem)
{
    mail_token t = { .id = account_new_id(room, mem), .text = kt_random_token(room->h->random, mem, 32) };
    t.hash = kt_hash(t.text);
    return t;
}

kt_err token_put(db *d, const mail_token *t, const char *kind, kt_str account_id, const email_address *email,
                 int64_t password_version, int64_t now_ms, int64_t valid_ms)
{
    return store_exec(
        d, &SQL_account_token_insert,
        ARGS(sql_text("id", t->id), sql_blob("token_hash", kt_sha256_str(&t->hash)), sql_text("account", account_id),
             sql_text("kind", kt_str_c(kind)), sql_text("email", email ? email->typed : KT_STR_NONE),
             sql_text("email_key", email ? email->key : KT_STR_NONE),
             password_version ? sql_int("password_version", password_version) : sql_null("password_version"),
             sql_int("now", now_ms), sql_int("expires_at", now_ms + valid_ms)),
        NULL);
}

kt_err token_find(db *d, kt_arena *mem, kt_str text, const char *kind, int64_t now_ms, found_token *out)
{
    if (text.len != TOKEN_TEXT) return KT_GONE;
    kt_sha256 hash = kt_hash(text);
    rows *r = NULL;
    kt_err err = store_rows(
        d, &SQL_account_token_find,
        ARGS(sql_blob("token_hash", kt_sha256_str(&hash)), sql_text("kind", kt_str_c(kind)), sql_int("now", now_ms)),
        &r);
    bool found = err == KT_OK && rows_next(r);
    if (found)
        *out = (found_token){ kt_str_dup(mem, rows_text(r, "id")),
                              kt_str_dup(mem, rows_text(r, "account")),
                              kt_str_dup(mem, rows_text(r, "state")),
                              kt_str_dup(mem, rows_text(r, "email")),
                              kt_str_dup(mem, rows_text(r, "email_key")),
                              rows_int(r, "password_version"),
                              rows_int(r, "current_version") };
    kt_err end = rows_end(r);
    if (err == KT_OK) err = end;
    if (err != KT_OK) return err;
    return found && (!out->password_version || out->password_version == out->current_version) ? KT_OK : KT_GONE;
}

kt_err token_end(db *d, kt_str id) { return store_exec(d, &SQL_account_token_delete, ARGS(sql_text("id", id)), NULL); }

kt_err token_end_kind(db *d, kt_str account_id, const char *kind)
{
    return store_exec(d, &SQL_account_token_delete_kind,
                      ARGS(sql_text("account", account_id), sql_text("kind", kt_str_c(kind))), NULL);
}

kt_str token_kept(account_room *room, request *rq, const char *kind)
{
    bool twice = false;
    kt_str value = cookie_get(room->h->registry, rq, "mail_step", &twice), word = KT_STR_NONE;
    if (twice || !kt_str_split(&value, '.', &word) || !kt_str_is(word, kind)) return KT_STR_NONE;
    return value;
}

kt_err token_step(account_room *room, request *rq, reply *rs, const char *kind, kt_str *token, bool *moved)
{
    kt_str sent = request_query(rq, "t"), bytes;
    *moved = sent.at != NULL;
    *token = token_kept(room, rq, kind);
    if (!*moved) return KT_OK;
    /* What is no token is not kept either; the page without one says that the link is not valid. */
    if (sent.len == TOKEN_TEXT && kt_base64url_decode(rq->mem, sent, &bytes))
        TRY(cookie_set(room->h->registry, rq, rs, "mail_step", kt_str_fmt(rq->mem, "%s.%.*s", kind, KT_ARG(sent)), true,
                       NULL));
    else if (kt_str_empty(*token))
        TRY(token_forget(room, rq, rs));
    return reply_redirect(rq, rs, 303, rq->path);
}

kt_err token_forget(account_room *room, request *rq, reply *rs)
{
    return cookie_expire(room->h->registry, rq, rs, "mail_step");
}
