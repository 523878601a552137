/* SPDX-License-Identifier: Apache-2.0 */
/* record.c -- appending, chaining, signing, verifying. See record.h. */
#include "consent/record.h"
#include "consent/queries.h"

#define CANONICAL_MAX  ((size_t)64 * 1024)
#define UNUSED_TEXT_MS (30 * KT_DAY_MS)

/* ---- retention ------------------------------------------------------------------------------------ */

record_keep record_keep_of(const registry *r)
{
    record_keep keep = { .lifetime_ms = 180 * KT_DAY_MS };
    const cookie_entry *c = registry_cookie(r, "consent");
    if (c && c->lifetime_s > 0) keep.lifetime_ms = c->lifetime_s * KT_SECOND_MS;
    const activity *a = registry_activity(r, "consent-proof");
    for (size_t i = 0; a && i < a->n_keeps; i++) {
        if (!kt_str_is(a->keeps[i].id, "record")) continue;
        keep.cap_ms = a->keeps[i].keep_ms;
        keep.cap_months = a->keeps[i].keep_months;
    }
    return keep;
}

int64_t record_keep_until(const record_keep *keep, int64_t at_ms)
{
    kt_civil ends = kt_civil_utc(at_ms + keep->lifetime_ms);
    int64_t until = kt_civil_ms((kt_civil){ .year = ends.year + 4, .month = 1, .day = 1 });
    if (keep->cap_ms > 0 || keep->cap_months > 0) {
        kt_civil from = kt_civil_utc(at_ms);
        int month = from.month - 1 + keep->cap_months;
        from.year += month / 12;
        from.month = month % 12 + 1;
        if (from.day > kt_days_in_month(from.year, from.month)) from.day = kt_days_in_month(from.year, from.month);
        int64_t cap = kt_civil_ms(from) + keep->cap_ms;
        if (cap < until) until = cap;
    }
    return until;
}

/* ---- hashing --------------------------------------------------------------------------------------- */

static kt_str hash_hex(kt_arena *mem, kt_sha256 h) { return kt_hex(mem, h.at, sizeof h.at); }

static kt_str day_root(kt_arena *mem, kt_str day)
{
    return hash_hex(mem, kt_hash(kt_str_fmt(mem, "consent-day %.*s", KT_ARG(day))));
}

/* The fields in a fixed order as a JSON list: unambiguous whatever the fields hold. */
static kt_str record_hash(kt_arena *mem, const record *r)
{
    const kt_str texts[] = { r->prev_hash, r->id,       r->day,     r->action, r->granted, r->denied,   r->text_hash,
                             r->ui_hash,   r->language, r->surface, r->origin, r->path,    r->ua_family };
    const int64_t numbers[] = { r->seq, r->decided_at, r->received_at, r->policy_version, r->gpc,
                                r->dnt, r->conflict,   r->shown_at,    r->keep_until_at };
    kt_buf form;
    kt_buf_init(&form, CANONICAL_MAX);
    kt_buf_put_byte(&form, '[');
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        kt_buf_put_json(&form, texts[i]);
        kt_buf_put_byte(&form, ',');
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (i) kt_buf_put_byte(&form, ',');
        kt_buf_put_int(&form, numbers[i]);
    }
    kt_buf_put_byte(&form, ']');
    kt_str hex = hash_hex(mem, kt_hash(kt_buf_str(&form)));
    kt_buf_free(&form);
    return hex;
}

typedef struct {
    kt_str day, last_hash, prev_mac, mac;
    int64_t records, keep_until_at;
} head;

static kt_str head_mac(kt_arena *mem, kt_str key, const head *h)
{
    kt_str text = kt_str_fmt(mem, "%.*s|%lld|%.*s|%.*s|%lld", KT_ARG(h->day), (long long)h->records,
                             KT_ARG(h->last_hash), KT_ARG(h->prev_mac), (long long)h->keep_until_at);
    return hash_hex(mem, kt_hmac(key, text));
}

/* ---- reading --------------------------------------------------------------------------------------- */

static record record_from(kt_arena *mem, rows *q)
{
#define TEXT(column) kt_str_dup(mem, rows_text(q, column))
    record r = {
        .n = rows_int(q, "n"),
        .seq = rows_int(q, "seq"),
        .id = TEXT("id"),
        .account_ref = rows_is_null(q, "account_ref") ? KT_STR_NONE : TEXT("account_ref"),
        .decided_at = rows_int(q, "decided_at"),
        .received_at = rows_int(q, "received_at"),
        .day = TEXT("day"),
        .action = TEXT("action"),
        .granted = TEXT("granted"),
        .denied = TEXT("denied"),
        .policy_version = rows_int(q, "policy_version"),
        .text_hash = TEXT("text_hash"),
        .ui_hash = TEXT("ui_hash"),
        .language = TEXT("language"),
        .surface = TEXT("surface"),
        .origin = TEXT("origin"),
        .path = TEXT("path"),
        .ua_family = TEXT("ua_family"),
        .ip_prefix = rows_is_null(q, "ip_prefix") ? KT_STR_NONE : TEXT("ip_prefix"),
        .gpc = rows_int(q, "gpc") != 0,
        .dnt = rows_int(q, "dnt") != 0,
        .conflict = rows_int(q, "conflict") != 0,
        .shown_at = rows_int(q, "shown_at"),
        .keep_until_at = rows_int(q, "keep_until_at"),
        .prev_hash = TEXT("prev_hash"),
        .hash = TEXT("hash"),
    };
#undef TEXT
    return r;
}

kt_err record_latest(db *d, kt_arena *mem, kt_str id, record *out)
{
    rows *q = NULL;
    bool found = false;
    kt_err err = store_rows(d, &SQL_consent_record_latest, ARGS(sql_text("id", id)), &q);
    if (err == KT_OK && (found = rows_next(q))) *out = record_from(mem, q);
    kt_err ended = rows_end(q);
    if (err != KT_OK) return err;
    if (ended != KT_OK) return ended;
    return found ? KT_OK : KT_NOT_FOUND;
}

static kt_err record_list(db *d, kt_arena *mem, const sql *q, const sql_arg *args, record **out, size_t *n)
{
    rows *r = NULL;
    *out = kt_alloc_array(mem, 50, sizeof **out);
    *n = 0;
    kt_err err = store_rows(d, q, args, &r);
    while (err == KT_OK && *n < 50 && rows_next(r)) (*out)[(*n)++] = record_from(mem, r);
    kt_err ended = rows_end(r);
    return err != KT_OK ? err : ended;
}

kt_err record_history(db *d, kt_arena *mem, kt_str id, record **out, size_t *n)
{
    return record_list(d, mem, &SQL_consent_record_of_id, ARGS(sql_text("id", id)), out, n);
}

kt_err record_of_account(db *d, kt_arena *mem, kt_str ref, record **out, size_t *n)
{
    return record_list(d, mem, &SQL_consent_record_of_account, ARGS(sql_text("ref", ref)), out, n);
}

static head head_from(kt_arena *mem, rows *q)
{
    return (head){ kt_str_dup(mem, rows_text(q, "day")),
                   kt_str_dup(mem, rows_text(q, "last_hash")),
                   kt_str_dup(mem, rows_text(q, "prev_mac")),
                   kt_str_dup(mem, rows_text(q, "mac")),
                   rows_int(q, "records"),
                   rows_int(q, "keep_until_at") };
}

/* The newest head; an empty one when there is none yet. */
static kt_err newest_head(db *d, kt_arena *mem, head *out)
{
    rows *q = NULL;
    *out = (head){ KT_STR(""), KT_STR(""), KT_STR(""), KT_STR(""), 0, 0 };
    kt_err err = store_rows(d, &SQL_consent_head_newest, NULL, &q);
    if (err == KT_OK && rows_next(q)) *out = head_from(mem, q);
    kt_err ended = rows_end(q);
    return err != KT_OK ? err : ended;
}

/* ---- appending ------------------------------------------------------------------------------------- */

static kt_err put_head(db *d, const head *h)
{
    return store_exec(d, &SQL_consent_head_put,
                      ARGS(sql_text("day", h->day), sql_int("records", h->records), sql_text("last_hash", h->last_hash),
                           sql_text("prev_mac", h->prev_mac), sql_text("mac", h->mac),
                           sql_int("keep_until_at", h->keep_until_at)),
                      NULL);
}

static kt_err put_record(db *d, const record *r)
{
    return store_exec(
        d, &SQL_consent_record_add,
        ARGS(sql_text("id", r->id), sql_int("seq", r->seq), sql_text("account_ref", r->account_ref),
             sql_int("decided_at", r->decided_at), sql_int("received_at", r->received_at), sql_text("day", r->day),
             sql_text("action", r->action), sql_text("granted", r->granted), sql_text("denied", r->denied),
             sql_int("policy_version", r->policy_version), sql_text("text_hash", r->text_hash),
             sql_text("ui_hash", r->ui_hash), sql_text("language", r->language), sql_text("surface", r->surface),
             sql_text("origin", r->origin), sql_text("path", r->path), sql_text("ua_family", r->ua_family),
             sql_text("ip_prefix", r->ip_prefix), sql_int("gpc", r->gpc), sql_int("dnt", r->dnt),
             sql_int("conflict", r->conflict), r->shown_at ? sql_int("shown_at", r->shown_at) : sql_null("shown_at"),
             sql_int("keep_until_at", r->keep_until_at), sql_text("prev_hash", r->prev_hash),
             sql_text("hash", r->hash)),
        NULL);
}

kt_err record_append(db *d, kt_arena *mem, kt_str head_key, const record_keep *keep, record *r)
{
    record before;
    kt_err err = record_latest(d, mem, r->id, &before);
    if (err != KT_OK && err != KT_NOT_FOUND) return err;
    r->seq = err == KT_OK ? before.seq + 1 : 1;

    head h;
    TRY(newest_head(d, mem, &h));
    kt_str today = kt_time_day(mem, r->received_at);
    if (kt_str_empty(h.day) || kt_str_cmp(today, h.day) > 0) {
        int64_t midnight = 0;
        if (!kt_time_parse(today, &midnight)) return KT_CORRUPT;
        h = (head){ today, day_root(mem, today), h.mac, KT_STR_NONE, 0, record_keep_until(keep, midnight) };
    }
    r->day = h.day;
    r->keep_until_at = h.keep_until_at;
    r->prev_hash = h.last_hash;
    r->hash = record_hash(mem, r);
    TRY(put_record(d, r));
    h.last_hash = r->hash;
    h.records++;
    h.mac = head_mac(mem, head_key, &h);
    return put_head(d, &h);
}

/* ---- verifying ------------------------------------------------------------------------------------- */

static void report_bad(chain_report *out, kt_str day, int64_t n)
{
    if (!out->ok) return;
    out->ok = false;
    out->bad_n = n;
    size_t len = day.len < sizeof out->bad_day - 1 ? day.len : sizeof out->bad_day - 1;
    memcpy(out->bad_day, day.at, len);
    out->bad_day[len] = 0;
}

static kt_err verify_day(db *d, const head *h, int64_t now_ms, chain_report *out)
{
    kt_arena *mem = kt_arena_new();
    bool passed = h->keep_until_at <= now_ms; /* retention takes this day, maybe just now */
    kt_str last = day_root(mem, h->day);
    char last_hex[65] = "";
    memcpy(last_hex, last.at, last.len < 64 ? last.len : 64);
    int64_t count = 0;
    rows *q = NULL;
    kt_err err = store_rows(d, &SQL_consent_record_of_day, ARGS(sql_text("day", h->day)), &q);
    while (err == KT_OK && rows_next(q)) {
        kt_arena_reset(mem);
        record r = record_from(mem, q);
        count++;
        out->records++;
        if (passed) continue;
        if (!kt_str_is(r.prev_hash, last_hex) || !kt_str_eq(record_hash(mem, &r), r.hash) ||
            r.keep_until_at != h->keep_until_at)
            report_bad(out, h->day, r.n);
        memcpy(last_hex, r.hash.at, r.hash.len < 64 ? r.hash.len : 64);
    }
    kt_err ended = rows_end(q);
    if (err == KT_OK) err = ended;
    if (err == KT_OK && !passed && (count != h->records || !kt_str_is(h->last_hash, last_hex)))
        report_bad(out, h->day, 0);
    kt_arena_free(mem);
    return err;
}

kt_err record_verify(db *d, kt_str head_key, kt_str day, int64_t now_ms, chain_report *out)
{
    *out = (chain_report){ .ok = true };
    kt_arena *mem = kt_arena_new();
    kt_str mac = KT_STR("");
    int64_t total = 0;
    kt_err err = store_snapshot(d);
    if (err != KT_OK) {
        kt_arena_free(mem);
        return err;
    }
    kt_value *list = NULL;
    err = store_list(d, &SQL_consent_head_all, NULL, mem, &list);
    KT_EACH(row, list) {
        head h = { kt_get_str(row, "day"), kt_get_str(row, "last_hash"),  kt_get_str(row, "prev_mac"),
                   kt_get_str(row, "mac"), kt_get_int(row, "records", 0), kt_get_int(row, "keep_until_at", 0) };
        out->days++;
        if (!kt_str_eq(h.prev_mac, mac) || !kt_str_eq_secret(head_mac(mem, head_key, &h), h.mac))
            report_bad(out, h.day, 0);
        mac = h.mac;
        if (kt_str_empty(day) || kt_str_eq(day, h.day)) {
            if ((err = verify_day(d, &h, now_ms, out)) != KT_OK) break;
        }
    }
    /* A record of a day that has no head would otherwise escape the walk. */
    if (err == KT_OK && kt_str_empty(day)) {
        err = store_one_int(d, &SQL_consent_record_count, NULL, &total);
        if (err == KT_OK && total != out->records) report_bad(out, KT_STR("?"), 0);
    }
    store_release(d);
    kt_arena_free(mem);
    return err;
}

/* ---- retention -------------------------------------------------------------------------------------- */

typedef struct {
    int64_t now_ms, deleted;
    const kt_str *in_force;
} expire_job;

static kt_err expire_batch(db *d, void *ctx)
{
    expire_job *job = ctx;
    TRY(store_exec(d, &SQL_consent_horizon_set, ARGS(sql_int("now", job->now_ms)), NULL));
    return store_exec(d, &SQL_consent_record_delete_due, ARGS(sql_int("now", job->now_ms)), &job->deleted);
}

static kt_err expire_texts(db *d, void *ctx)
{
    expire_job *job = ctx;
    return store_exec(d, &SQL_consent_text_delete_unused,
                      ARGS(sql_int("before", job->now_ms - UNUSED_TEXT_MS), sql_text("ui", job->in_force[0]),
                           sql_text("de", job->in_force[1]), sql_text("en", job->in_force[2])),
                      NULL);
}

kt_err record_expire(store *st, const kt_str in_force[3], int64_t now_ms, int64_t *deleted)
{
    int64_t due = 0;
    *deleted = 0;
    TRY(store_one_int(store_reader(st), &SQL_consent_record_due, ARGS(sql_int("now", now_ms)), &due));
    if (due == 0) return KT_OK;
    expire_job job = { now_ms, 0, in_force };
    do {
        TRY(store_write(st, expire_batch, &job));
        *deleted += job.deleted;
    } while (job.deleted > 0);
    return store_write(st, expire_texts, &job);
}
