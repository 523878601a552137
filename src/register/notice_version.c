/* SPDX-License-Identifier: Apache-2.0 */
/* notice_version.c -- keeping every version of the notice that was ever in force.
 *
 * A new version is made when a fact of the register has changed, and also when only the program's
 * phrases have: what people were shown must be readable later word for word. Sizes are small (some
 * hundred kilobytes a version) and versions are rare. */
#include "register/notice_inner.h"
#include "base/hash.h"
#include "register/queries.h"

typedef struct {
    notice_stamp stamp;
    kt_str document_date, hash, text_hash, facts, changes, html[2], text[2];
} kept_version;

static const char *const langs[2] = { "de", "en" };

/* One form into the arena. */
static kt_err render_kept(const registry *r, pages *p, kt_arena *mem, const char *lang, notice_stamp stamp,
                          notice_format format, kt_str *out)
{
    kt_buf buf;
    pen n = pen_new(r, p, mem, lang);
    kt_buf_init(&buf, NOTICE_MAX);
    kt_err err = notice_write(&n, stamp, format, false, &buf);
    if (err == KT_OK) *out = kt_str_dup(mem, kt_buf_str(&buf));
    kt_buf_free(&buf);
    return err;
}

/* Of the texts without number and date of a version: they would change it each time. */
static kt_err texts_hash(const registry *r, pages *p, kt_arena *mem, kt_str *out)
{
    kt_str parts[2];
    for (size_t i = 0; i < 2; i++)
        TRY(render_kept(r, p, mem, langs[i], (notice_stamp){ 0, 0 }, NOTICE_TEXT, &parts[i]));
    kt_sha256 sum = kt_hash_parts(parts, 2);
    *out = kt_hex(mem, sum.at, sizeof sum.at);
    return KT_OK;
}

static kt_err json_of(kt_arena *mem, const kt_value *v, kt_str *out)
{
    kt_buf buf;
    kt_buf_init(&buf, NOTICE_MAX);
    kt_json_put(&buf, v);
    kt_err err = kt_buf_check(&buf);
    if (err == KT_OK) *out = kt_str_dup(mem, kt_buf_str(&buf));
    kt_buf_free(&buf);
    return err;
}

typedef struct {
    notice_stamp stamp;
    kt_str hash, text_hash, facts;
} newest_version;

static kt_err newest_read(db *d, kt_arena *mem, newest_version *out)
{
    rows *q = NULL;
    *out = (newest_version){ { 0, 0 }, KT_STR_NONE, KT_STR_NONE, KT_STR_NONE };
    TRY(store_rows(d, &SQL_register_notice_newest, ARGS(), &q));
    if (rows_next(q)) {
        out->stamp = (notice_stamp){ rows_int(q, "version"), rows_int(q, "made_at") };
        out->hash = kt_str_dup(mem, rows_text(q, "hash"));
        out->text_hash = kt_str_dup(mem, rows_text(q, "text_hash"));
        out->facts = kt_str_dup(mem, rows_text(q, "facts"));
    }
    return rows_end(q);
}

static kt_err version_insert(db *d, void *ctx)
{
    const kept_version *v = ctx;
    return store_exec(d, &SQL_register_notice_add,
                      ARGS(sql_int("version", v->stamp.version), sql_int("made_at", v->stamp.made_at),
                           sql_text("document_date", v->document_date.len ? v->document_date : KT_STR_NONE),
                           sql_text("hash", v->hash), sql_text("text_hash", v->text_hash), sql_text("facts", v->facts),
                           sql_text("changes", v->changes), sql_text("html_de", v->html[0]),
                           sql_text("html_en", v->html[1]), sql_text("text_de", v->text[0]),
                           sql_text("text_en", v->text[1])),
                      NULL);
}

/* The first version has no changes; facts of an older version that no longer parse have none either. */
static kt_err changes_since(const registry *r, kt_arena *mem, kt_str facts_before, kt_str *out)
{
    kt_value *before = NULL;
    if (facts_before.len == 0 || kt_json_parse(mem, facts_before, NULL, &before) != KT_OK) {
        *out = KT_STR("[]");
        return KT_OK;
    }
    return json_of(mem, notice_changes(mem, before, registry_facts(r, mem)), out);
}

static kt_err keep_in(const registry *r, pages *p, store *st, kt_arena *mem, int64_t now_ms)
{
    newest_version newest;
    kept_version v = { .hash = registry_hash(r), .document_date = registry_operator(r)->document_date };
    TRY(newest_read(store_reader(st), mem, &newest));
    TRY(texts_hash(r, p, mem, &v.text_hash));
    if (kt_str_eq(newest.hash, v.hash) && kt_str_eq(newest.text_hash, v.text_hash)) return KT_OK;
    v.stamp = (notice_stamp){ newest.stamp.version + 1, now_ms };
    TRY(json_of(mem, registry_facts(r, mem), &v.facts));
    TRY(changes_since(r, mem, newest.facts, &v.changes));
    for (size_t i = 0; i < 2; i++) {
        TRY(render_kept(r, p, mem, langs[i], v.stamp, NOTICE_HTML, &v.html[i]));
        TRY(render_kept(r, p, mem, langs[i], v.stamp, NOTICE_TEXT, &v.text[i]));
    }
    return store_write(st, version_insert, &v);
}

kt_err notice_keep_version(const registry *r, pages *p, store *st, int64_t now_ms)
{
    kt_arena *mem = kt_arena_new();
    kt_err err = keep_in(r, p, st, mem, now_ms);
    kt_arena_free(mem);
    return err;
}

kt_err notice_newest(store *st, notice_stamp *out)
{
    newest_version newest;
    kt_arena *mem = kt_arena_new();
    kt_err err = newest_read(store_reader(st), mem, &newest);
    *out = newest.stamp;
    kt_arena_free(mem);
    return err;
}
