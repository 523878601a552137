/* SPDX-License-Identifier: Apache-2.0 */
/* audit.c -- the chain: writing, walking, cutting off what is old, signing the end. */
#include "register/audit.h"
#include <assert.h>
#include "base/hash.h"
#include "register/queries.h"

enum { HASH_LEN = 32, TEXT_MAX = 500 };

/* The texts of a row in the order in which the hash covers them. */
enum { ACTOR_KIND, ACTOR, ACTION, OBJECT_KIND, OBJECT, RESULT, REASON, REQUEST_ID, TEXTS };
static const char *const columns[TEXTS] = { "actor_kind", "actor",  "action", "object_kind",
                                            "object",     "result", "reason", "request_id" };

typedef struct {
    int64_t seq, at;
    kt_str text[TEXTS];
} audit_row;

static void put_number(kt_buf *out, uint64_t n)
{
    for (int shift = 56; shift >= 0; shift -= 8) kt_buf_put_byte(out, (char)(unsigned char)(n >> shift));
}

/* Every text carries its length, and NULL is not the empty text: two different rows never hash the same
 * bytes. */
static kt_sha256 hash_row(kt_str prev_hash, const audit_row *row)
{
    kt_buf bytes;
    kt_buf_init(&bytes, 64 << 10);
    kt_buf_put(&bytes, prev_hash);
    put_number(&bytes, (uint64_t)row->seq);
    put_number(&bytes, (uint64_t)row->at);
    for (size_t i = 0; i < TEXTS; i++) {
        put_number(&bytes, row->text[i].at ? row->text[i].len + 1 : 0);
        kt_buf_put(&bytes, row->text[i]);
    }
    kt_sha256 hash = kt_hash(kt_buf_str(&bytes));
    kt_buf_free(&bytes);
    return hash;
}

/* Where the chain ends: its newest row, or the cut when there is none. */
static kt_err chain_end(db *d, int64_t *seq, kt_sha256 *hash)
{
    const sql *const places[] = { &SQL_register_audit_last, &SQL_register_audit_cut_get };
    for (size_t i = 0; i < 2; i++) {
        rows *r = NULL;
        TRY(store_rows(d, places[i], ARGS(), &r));
        bool found = rows_next(r);
        kt_str h = found ? rows_blob(r, "hash") : KT_STR_NONE;
        bool whole = h.len == HASH_LEN;
        if (whole) {
            *seq = rows_int(r, "seq");
            memcpy(hash->at, h.at, HASH_LEN);
        }
        TRY(rows_end(r));
        if (found) return whole ? KT_OK : KT_CORRUPT;
    }
    return KT_CORRUPT;
}

/* A stated reason is typed by a person: control characters become blanks, and it ends at 500 bytes on a
 * character's border. */
static kt_str clean(kt_str text, char room[TEXT_MAX])
{
    if (!text.at) return text;
    size_t len = text.len;
    if (len > TEXT_MAX) {
        len = TEXT_MAX;
        while (len && ((unsigned char)text.at[len] & 0xC0) == 0x80) len--;
    }
    for (size_t i = 0; i < len; i++) room[i] = (unsigned char)text.at[i] < ' ' || text.at[i] == 127 ? ' ' : text.at[i];
    return (kt_str){ room, len };
}

kt_err audit_write(db *d, const audit_entry *e, int64_t now_ms)
{
    assert(e->actor_kind && e->action && e->result);
    kt_sha256 prev;
    char reason[TEXT_MAX];
    audit_row row = { .at = now_ms };
    TRY(chain_end(d, &row.seq, &prev));
    row.seq++;
    row.text[ACTOR_KIND] = kt_str_c(e->actor_kind);
    row.text[ACTOR] = e->actor;
    row.text[ACTION] = kt_str_c(e->action);
    row.text[OBJECT_KIND] = kt_str_c(e->object_kind);
    row.text[OBJECT] = e->object;
    row.text[RESULT] = kt_str_c(e->result);
    row.text[REASON] = kt_utf8_valid(e->reason) ? clean(e->reason, reason) : KT_STR("(not valid UTF-8)");
    row.text[REQUEST_ID] = e->request_id;
    kt_sha256 hash = hash_row(kt_sha256_str(&prev), &row);
    TRY(store_exec(d, &SQL_register_audit_add,
                   ARGS(sql_int("seq", row.seq), sql_int("at", row.at), sql_text("actor_kind", row.text[ACTOR_KIND]),
                        sql_text("actor", row.text[ACTOR]), sql_text("action", row.text[ACTION]),
                        sql_text("object_kind", row.text[OBJECT_KIND]), sql_text("object", row.text[OBJECT]),
                        sql_text("result", row.text[RESULT]), sql_text("reason", row.text[REASON]),
                        sql_text("request_id", row.text[REQUEST_ID]), sql_blob("prev_hash", kt_sha256_str(&prev)),
                        sql_blob("hash", kt_sha256_str(&hash))),
                   NULL));
    if (kt_str_empty(e->ip_prefix)) return KT_OK;
    return store_exec(d, &SQL_register_audit_add_address,
                      ARGS(sql_int("seq", row.seq), sql_int("at", now_ms), sql_text("ip_prefix", e->ip_prefix)), NULL);
}

/* ------------------------------------------------------------------ proof */

static kt_err read_cut(db *d, int64_t *seq, kt_sha256 *hash)
{
    rows *r = NULL;
    TRY(store_rows(d, &SQL_register_audit_cut_get, ARGS(), &r));
    bool found = rows_next(r) && rows_blob(r, "hash").len == HASH_LEN;
    if (found) {
        *seq = rows_int(r, "seq");
        memcpy(hash->at, rows_blob(r, "hash").at, HASH_LEN);
    }
    TRY(rows_end(r));
    return found ? KT_OK : KT_CORRUPT;
}

/* The row follows the one before and is what it was when it was written. *hash moves on to it. */
static bool row_holds(rows *r, int64_t expected_seq, kt_sha256 *hash)
{
    audit_row row = { .seq = rows_int(r, "seq"), .at = rows_int(r, "at") };
    for (size_t i = 0; i < TEXTS; i++)
        row.text[i] = rows_is_null(r, columns[i]) ? KT_STR_NONE : rows_text(r, columns[i]);
    for (size_t i = 0; i < TEXTS; i++)
        if (!row.text[i].at && !rows_is_null(r, columns[i])) row.text[i] = KT_STR("");
    if (row.seq != expected_seq || !kt_str_eq(rows_blob(r, "prev_hash"), kt_sha256_str(hash))) return false;
    *hash = hash_row(kt_sha256_str(hash), &row);
    return kt_str_eq(rows_blob(r, "hash"), kt_sha256_str(hash));
}

kt_err audit_verify(db *d, int64_t *rows_checked, int64_t *first_bad)
{
    int64_t seq = 0, checked = 0, bad = 0;
    kt_sha256 hash;
    rows *r = NULL;
    kt_err err = read_cut(d, &seq, &hash);
    if (err != KT_OK && err != KT_CORRUPT) return err;
    if (err == KT_CORRUPT) bad = 1;
    if (!bad) TRY(store_rows(d, &SQL_register_audit_all, ARGS(), &r));
    while (!bad && rows_next(r)) {
        if (row_holds(r, ++seq, &hash))
            checked++;
        else
            bad = seq;
    }
    TRY(rows_end(r));
    if (rows_checked) *rows_checked = checked;
    if (first_bad) *first_bad = bad;
    return bad ? KT_CORRUPT : KT_OK;
}

/* ------------------------------------------------------------------ signed heads */

static kt_sha256 sign(kt_str key, kt_str day, int64_t seq, kt_str hash)
{
    kt_buf bytes;
    kt_buf_init(&bytes, 256);
    kt_buf_put(&bytes, day);
    put_number(&bytes, (uint64_t)seq);
    kt_buf_put(&bytes, hash);
    kt_sha256 mac = kt_hmac(key, kt_buf_str(&bytes));
    kt_buf_free(&bytes);
    return mac;
}

kt_err audit_seal(db *d, kt_arena *mem, kt_str key, int64_t now_ms)
{
    int64_t seq = 0;
    kt_sha256 hash;
    TRY(chain_end(d, &seq, &hash));
    kt_str day = kt_time_day(mem, now_ms);
    kt_sha256 mac = sign(key, day, seq, kt_sha256_str(&hash));
    return store_exec(d, &SQL_register_audit_add_head,
                      ARGS(sql_text("day", day), sql_int("at", now_ms), sql_int("seq", seq),
                           sql_blob("hash", kt_sha256_str(&hash)), sql_blob("mac", kt_sha256_str(&mac))),
                      NULL);
}

/* A head is true when its signature fits and the row it names is still there with that hash, or was cut
 * off by retention. */
static kt_err head_holds(db *d, rows *head, kt_str key, int64_t cut_seq, bool *holds)
{
    int64_t seq = rows_int(head, "seq");
    kt_sha256 mac = sign(key, rows_text(head, "day"), seq, rows_blob(head, "hash"));
    *holds = kt_str_eq_secret(rows_blob(head, "mac"), kt_sha256_str(&mac));
    if (!*holds || seq <= cut_seq) return KT_OK;
    rows *r = NULL;
    TRY(store_rows(d, &SQL_register_audit_hash_of, ARGS(sql_int("seq", seq)), &r));
    *holds = rows_next(r) && kt_str_eq(rows_blob(r, "hash"), rows_blob(head, "hash"));
    return rows_end(r);
}

kt_err audit_verify_heads(db *d, kt_str key, int64_t *heads_checked, int64_t *first_bad)
{
    int64_t cut_seq = 0, checked = 0, bad = 0;
    kt_sha256 cut;
    rows *r = NULL;
    TRY(read_cut(d, &cut_seq, &cut));
    TRY(store_rows(d, &SQL_register_audit_heads, ARGS(), &r));
    kt_err err = KT_OK;
    while (err == KT_OK && !bad && rows_next(r)) {
        bool holds = false;
        err = head_holds(d, r, key, cut_seq, &holds);
        if (holds)
            checked++;
        else
            bad = rows_int(r, "seq");
    }
    kt_err end = rows_end(r);
    if (err != KT_OK || end != KT_OK) return err != KT_OK ? err : end;
    if (heads_checked) *heads_checked = checked;
    if (first_bad) *first_bad = bad;
    return bad ? KT_CORRUPT : KT_OK;
}

/* ------------------------------------------------------------------ retention */

kt_err audit_cut(db *d, int64_t before_ms, int64_t now_ms, int64_t *removed)
{
    rows *r = NULL;
    *removed = 0;
    TRY(store_rows(d, &SQL_register_audit_old, ARGS(sql_int("before", before_ms)), &r));
    bool found = rows_next(r) && rows_blob(r, "hash").len == HASH_LEN;
    int64_t seq = found ? rows_int(r, "seq") : 0;
    kt_sha256 hash;
    if (found) memcpy(hash.at, rows_blob(r, "hash").at, HASH_LEN);
    TRY(rows_end(r));
    if (!found) return KT_OK;
    TRY(store_exec(d, &SQL_register_audit_set_cut,
                   ARGS(sql_int("seq", seq), sql_blob("hash", kt_sha256_str(&hash)), sql_int("at", now_ms)), NULL));
    TRY(store_exec(d, &SQL_register_audit_delete_cut, ARGS(sql_int("seq", seq)), removed));
    return store_exec(d, &SQL_register_audit_delete_heads, ARGS(sql_int("seq", seq)), NULL);
}
