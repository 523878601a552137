/* SPDX-License-Identifier: Apache-2.0 */
/* migrate.c -- brings a module's tables to the newest version, forward only.
 *
 * What ran is recorded with a hash of its text in the same transaction that ran it, so that a crash
 * leaves the old version or the new one. Comments and blanks do not count in the hash: a comment may
 * be mended, a statement that ran on somebody's machine may not. */
#include "store/room.h"
#include "base/hash.h"
#include "base/log.h"

/* Every row is written once: the history of the file. */
static const char bootstrap_text[] =
    "CREATE TABLE IF NOT EXISTS store_migration (\n"
    "    module  TEXT    NOT NULL,    -- whose tables: name of a folder of the program\n"
    "    version INTEGER NOT NULL,    -- number of the section of its schema.sql\n"
    "    words   TEXT    NOT NULL,    -- what the section says it does\n"
    "    sha256  TEXT    NOT NULL,    -- of the section's statements\n"
    "    at      INTEGER NOT NULL,    -- when it ran, ms\n"
    "    PRIMARY KEY (module, version)\n"
    ") STRICT";

typedef struct {
    int64_t version;
    kt_str words, text;
} section;

typedef struct {
    store *st;
    const char *module;
    kt_str schema;
    kt_arena *mem;
    kt_fail *fail;
} migration;

/* --- sections ---------------------------------------------------------------------------------- */

/* `-- version 3: words` */
static bool section_head(kt_str line, section *s)
{
    kt_str digits, rest = kt_str_trim(line), mark = KT_STR("-- version ");
    if (!kt_str_starts(rest, mark)) return false;
    rest = kt_str_slice(rest, mark.len, rest.len);
    if (!kt_str_split(&rest, ':', &digits) || !kt_str_int(digits, &s->version)) return false;
    s->words = kt_str_trim(rest);
    return true;
}

/* Takes the next section off *rest; the text before the first one is comment. */
static bool next_section(kt_str *rest, section *s)
{
    kt_str line, tail = *rest;
    bool found = false;
    while (!found && kt_str_split(&tail, '\n', &line)) found = section_head(line, s);
    if (!found) return false;
    const char *from = tail.at ? tail.at : rest->at + rest->len;
    kt_str ahead = tail;
    section other;
    *rest = KT_STR_NONE;
    s->text = tail;
    while (kt_str_split(&ahead, '\n', &line))
        if (section_head(line, &other)) {
            s->text = (kt_str){ from, (size_t)(line.at - from) };
            *rest = (kt_str){ line.at, tail.len - s->text.len };
            break;
        }
    return true;
}

/* The statements alone: no comments, blanks as one, strings untouched. */
static kt_str section_hash(kt_arena *mem, kt_str text)
{
    kt_buf bare;
    kt_buf_init(&bare, text.len + 1);
    char quote = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        bool blank = !quote && (c == ' ' || c == '\t' || c == '\r' || c == '\n');
        if (!quote && c == '-' && i + 1 < text.len && text.at[i + 1] == '-') {
            while (i + 1 < text.len && text.at[i + 1] != '\n') i++;
            continue;
        }
        if (quote && c == quote)
            quote = 0;
        else if (!quote && (c == '\'' || c == '"'))
            quote = c;
        if (!blank)
            kt_buf_put_byte(&bare, c);
        else if (bare.len && bare.at[bare.len - 1] != ' ')
            kt_buf_put_byte(&bare, ' ');
    }
    kt_str hash = kt_hash_hex(mem, kt_str_trim(kt_buf_str(&bare)));
    kt_buf_free(&bare);
    return hash;
}

/* --- the record -------------------------------------------------------------------------------- */

static kt_err recorded_newest(db *d, kt_str module, int64_t *version)
{
    rows *r = NULL;
    TRY(store_rows_text(d, "SELECT coalesce(max(version), 0) AS version FROM store_migration WHERE module = :module",
                        ARGS(sql_text("module", module)), &r));
    if (rows_next(r)) *version = rows_int(r, "version");
    return rows_end(r);
}

/* `same` is false when the section ran with other statements. */
static kt_err recorded_same(db *d, kt_str module, int64_t version, kt_str hash, bool *same)
{
    rows *r = NULL;
    TRY(store_rows_text(d, "SELECT sha256 FROM store_migration WHERE module = :module AND version = :version",
                        ARGS(sql_text("module", module), sql_int("version", version)), &r));
    *same = rows_next(r) && kt_str_eq(rows_text(r, "sha256"), hash);
    return rows_end(r);
}

static kt_err run_section(db *d, const migration *m, const section *s, kt_str hash)
{
    kt_fail why = { 0 };
    kt_err err = d->engine->change_schema(d->conn, kt_str_z(m->mem, s->text), &why);
    if (err != KT_OK)
        return kt_fail_set(m->fail, err, "", "%s/schema.sql, version %lld: %s", m->module, (long long)s->version,
                           why.text);
    kt_log(KT_LOG_INFO, "store.migrated", KT_WORD("module", m->module), KT_NUMBER("version", s->version));
    return store_exec_text(d,
                           "INSERT INTO store_migration (module, version, words, sha256, at)"
                           " VALUES (:module, :version, :words, :sha256, :at)",
                           ARGS(sql_text("module", kt_str_c(m->module)), sql_int("version", s->version),
                                sql_text("words", s->words), sql_text("sha256", hash),
                                sql_int("at", m->st->clock ? kt_now_ms(m->st->clock) : 0)),
                           NULL);
}

static kt_err do_section(db *d, const migration *m, const section *s, int64_t recorded)
{
    bool same = true;
    kt_str hash = section_hash(m->mem, s->text);
    if (s->version > recorded) return run_section(d, m, s, hash);
    TRY(recorded_same(d, kt_str_c(m->module), s->version, hash, &same));
    if (same) return KT_OK;
    return kt_fail_set(m->fail, KT_REFUSED, "",
                       "%s/schema.sql: version %lld has run and was changed since;"
                       " write a new version instead",
                       m->module, (long long)s->version);
}

/* The number of the last section; refuses numbers that do not rise before anything runs. */
static kt_err newest_section(const migration *m, int64_t *newest)
{
    kt_str rest = m->schema;
    section s;
    while (next_section(&rest, &s)) {
        if (s.version <= *newest)
            return kt_fail_set(m->fail, KT_REFUSED, "", "%s/schema.sql: version %lld stands after version %lld",
                               m->module, (long long)s.version, (long long)*newest);
        *newest = s.version;
    }
    return KT_OK;
}

static kt_err migrate(db *d, void *ctx)
{
    const migration *m = ctx;
    int64_t recorded = 0, newest = 0;
    kt_str rest = m->schema;
    section s;
    TRY(newest_section(m, &newest));
    TRY(recorded_newest(d, kt_str_c(m->module), &recorded));
    if (recorded > newest)
        return kt_fail_set(m->fail, KT_REFUSED, "",
                           "the database was made by a newer program: %s has version %lld,"
                           " this program knows %lld",
                           m->module, (long long)recorded, (long long)newest);
    while (next_section(&rest, &s)) TRY(do_section(d, m, &s, recorded));
    return KT_OK;
}

kt_err store_migrate(store *st, const char *module, kt_str schema, kt_fail *fail)
{
    migration m = { st, module, schema, kt_arena_new(), fail };
    kt_err err = store_write(st, migrate, &m);
    kt_arena_free(m.mem);
    return err == KT_OK ? err : kt_fail_set(fail, err, "", "%s/schema.sql: %s", module, kt_err_text(err));
}

static kt_err bootstrap(db *d, void *ctx) { return d->engine->change_schema(d->conn, bootstrap_text, ctx); }

kt_err migrate_bootstrap(store *st, kt_fail *fail) { return store_write(st, bootstrap, fail); }
