/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite.c -- the engine on SQLite: one file in WAL mode, many readers, one writer.
 *
 * What every connection gets: synchronous=FULL (a commit is on the disk when it returns),
 * foreign_keys, secure_delete (deleted bytes are overwritten; both are read back, because a library
 * built otherwise silently ignores them), recursive_triggers (without them INSERT OR REPLACE slips
 * past the triggers that protect a table), temp_store=MEMORY (nothing personal in temporary files).
 *
 * An authorizer allows modules' statements to read and write rows and nothing else: no ATTACH, no
 * transaction control, no pragma, no change of the schema outside a migration. The engine's own
 * statements lift it for the moment they are prepared and run. */
#include "store/engine.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/log.h"

#define APPLICATION_ID  0x6b6e7472 /* "kntr", in the header of the file */
#define BUSY_MS         5000       /* patience with another process' write */
#define TIDY_PAGES      1000       /* pages in the log after which an idle writer checkpoints */
#define TIDY_PAGES_LATE 4000       /* … and a busy one */
#define LOG_KEEP_BYTES  "67108864" /* the log file shrinks to this after a peak */

struct engine_home {
    char *dir, *path, *log_path;
    int64_t max_bytes;
    bool temporary; /* in_memory: a folder of RAM that goes with the store */
};

enum own { OWN_BEGIN, OWN_SNAPSHOT, OWN_COMMIT, OWN_ROLLBACK, OWN_MARK, OWN_KEEP, OWN_UNDO, OWN_LOOK, OWN_COUNT };
static const char *const own_text[OWN_COUNT] = {
    "BEGIN IMMEDIATE", "BEGIN",        "COMMIT",           "ROLLBACK",
    "SAVEPOINT mark",  "RELEASE mark", "ROLLBACK TO mark", "SELECT 1 FROM sqlite_schema LIMIT 1",
};

/* What the authorizer lets through. */
typedef enum { ALLOW_ROWS, ALLOW_SCHEMA, ALLOW_ALL } allowed;

struct engine_conn {
    sqlite3 *db;
    sqlite3_stmt *own[OWN_COUNT];
    allowed allow;
    int log_pages; /* pages in the log after the last commit */
    int tidy_at;   /* not before: an old reader kept the last one from finishing */
};

static sqlite3_stmt *stmt(engine_query *query) { return (sqlite3_stmt *)(void *)query; }

/* --- errors ------------------------------------------------------------------------------------ */

static kt_err constraint_err(int code)
{
    bool taken =
        code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY || code == SQLITE_CONSTRAINT_ROWID;
    return taken ? KT_CONFLICT : KT_REFUSED;
}

static const struct {
    int code;
    kt_err err;
} errors[] = {
    { SQLITE_OK, KT_OK },
    { SQLITE_ROW, KT_OK },
    { SQLITE_DONE, KT_OK },
    { SQLITE_FULL, KT_FULL },
    { SQLITE_BUSY, KT_BUSY },
    { SQLITE_LOCKED, KT_BUSY },
    { SQLITE_IOERR, KT_IO },
    { SQLITE_CANTOPEN, KT_IO },
    { SQLITE_PERM, KT_IO },
    { SQLITE_CORRUPT, KT_CORRUPT },
    { SQLITE_NOTADB, KT_CORRUPT },
    { SQLITE_FORMAT, KT_CORRUPT },
    { SQLITE_TOOBIG, KT_TOO_LARGE },
    { SQLITE_AUTH, KT_REFUSED },
    { SQLITE_INTERRUPT, KT_TIMEOUT },
    { SQLITE_NOLFS, KT_FULL },
    { SQLITE_READONLY, KT_REFUSED },
};

/* `code` is an extended result code. Out of memory stops the program, as it does everywhere else. */
static kt_err err_of(int code)
{
    if ((code & 0xff) == SQLITE_NOMEM || code == SQLITE_IOERR_NOMEM) {
        kt_log(KT_LOG_ERROR, "store.out_of_memory");
        abort();
    }
    if ((code & 0xff) == SQLITE_CONSTRAINT) return constraint_err(code);
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if ((code & 0xff) == errors[i].code) return errors[i].err;
    return KT_STORE;
}

/* Constraints are answers, not faults: they are not logged. The message of a statement that does not
 * compile speaks of the schema only; others could quote a value and stay out. */
static kt_err failed(engine_conn *c, int code, const char *what)
{
    kt_err err = err_of(code);
    if ((code & 0xff) == SQLITE_CONSTRAINT) return err;
    kt_log(err == KT_BUSY ? KT_LOG_WARN : KT_LOG_ERROR, "store.failed", KT_WORD("statement", what),
           KT_NUMBER("code", code), KT_NUMBER("system", c->db ? sqlite3_system_errno(c->db) : 0));
    return err;
}

/* --- the authorizer ---------------------------------------------------------------------------- */

static const int row_actions[] = { SQLITE_SELECT, SQLITE_READ,     SQLITE_INSERT,   SQLITE_UPDATE,
                                   SQLITE_DELETE, SQLITE_FUNCTION, SQLITE_RECURSIVE };
static const int never_actions[] = { SQLITE_ATTACH, SQLITE_DETACH, SQLITE_TRANSACTION, SQLITE_SAVEPOINT,
                                     SQLITE_ANALYZE };
/* Full-text search asks for data_version by itself; a migration that rebuilds a table may defer keys. */
static const char *const pragmas_rows[] = { "data_version", NULL };
static const char *const pragmas_schema[] = { "data_version", "defer_foreign_keys", "foreign_key_check", NULL };

static bool one_of(int what, const int *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == what) return true;
    return false;
}

static bool word_in(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (word && sqlite3_stricmp(word, *list) == 0) return true;
    return false;
}

static int authorize(void *ctx, int action, const char *a, const char *b, const char *base, const char *trigger)
{
    (void)b, (void)base, (void)trigger;
    const engine_conn *c = ctx;
    if (c->allow == ALLOW_ALL) return SQLITE_OK;
    bool schema = c->allow == ALLOW_SCHEMA, ok;
    if (action == SQLITE_PRAGMA)
        ok = word_in(a, schema ? pragmas_schema : pragmas_rows);
    else if (schema)
        ok = !one_of(action, never_actions, sizeof never_actions / sizeof never_actions[0]);
    else
        ok = one_of(action, row_actions, sizeof row_actions / sizeof row_actions[0]);
    return ok ? SQLITE_OK : SQLITE_DENY;
}

/* --- connections ------------------------------------------------------------------------------- */

/* Runs a pragma and compares what it answers; NULL = any answer. */
static kt_err pragma(sqlite3 *base, const char *text, const char *want, kt_fail *fail)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(base, text, -1, &s, NULL);
    if (code == SQLITE_OK) code = sqlite3_step(s);
    bool right = !want;
    if (code == SQLITE_ROW && want) {
        const char *have = (const char *)sqlite3_column_text(s, 0);
        right = have && sqlite3_stricmp(have, want) == 0;
    }
    sqlite3_finalize(s);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return kt_fail_set(fail, err_of(sqlite3_extended_errcode(base)), "", "%s failed: %s", text,
                           sqlite3_errmsg(base));
    if (!right) return kt_fail_set(fail, KT_STORE, "", "%s was not taken by this SQLite library", text);
    return KT_OK;
}

/* Two steps each: set, then read back. */
static const struct {
    const char *set, *read, *want;
} settings[] = {
    { "PRAGMA synchronous=FULL", "PRAGMA synchronous", "2" },
    { "PRAGMA foreign_keys=ON", "PRAGMA foreign_keys", "1" },
    { "PRAGMA secure_delete=ON", "PRAGMA secure_delete", "1" },
    { "PRAGMA recursive_triggers=ON", "PRAGMA recursive_triggers", "1" },
    { "PRAGMA temp_store=MEMORY", "PRAGMA temp_store", "2" },
    { "PRAGMA wal_autocheckpoint=0", NULL, NULL },
    { "PRAGMA journal_size_limit=" LOG_KEEP_BYTES, NULL, NULL },
};

static kt_err settle(engine_conn *c, kt_fail *fail)
{
    static const int switches[][2] = {
        { SQLITE_DBCONFIG_DEFENSIVE, 1 },
        { SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
        { SQLITE_DBCONFIG_DQS_DML, 0 },
        { SQLITE_DBCONFIG_DQS_DDL, 0 },
    };
    for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++)
        sqlite3_db_config(c->db, switches[i][0], switches[i][1], NULL);
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        TRY(pragma(c->db, settings[i].set, NULL, fail));
        if (settings[i].read) TRY(pragma(c->db, settings[i].read, settings[i].want, fail));
    }
    return KT_OK;
}

static int64_t number(sqlite3 *base, const char *text)
{
    sqlite3_stmt *s = NULL;
    int64_t n = -1;
    if (sqlite3_prepare_v2(base, text, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        n = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return n;
}

static int count_log_pages(void *ctx, sqlite3 *base, const char *name, int pages)
{
    (void)base, (void)name;
    ((engine_conn *)ctx)->log_pages = pages;
    return SQLITE_OK;
}

static kt_err raw_open(const char *path, engine_conn *c, kt_fail *fail)
{
    int code = sqlite3_open_v2(path, &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK)
        return kt_fail_set(fail, err_of(code), "", "%s cannot be opened: %s", path, sqlite3_errstr(code));
    sqlite3_extended_result_codes(c->db, 1);
    sqlite3_busy_timeout(c->db, BUSY_MS);
    return KT_OK;
}

static void sqlite_disconnect(engine_conn *c)
{
    if (!c) return;
    for (int i = 0; i < OWN_COUNT; i++) sqlite3_finalize(c->own[i]);
    sqlite3_close_v2(c->db);
    free(c);
}

/* What only the connection that writes gets. */
static kt_err settle_writer(engine_home *home, engine_conn *c, kt_fail *fail)
{
    char limit[64];
    int64_t page = number(c->db, "PRAGMA page_size");
    snprintf(limit, sizeof limit, "PRAGMA max_page_count=%lld", (long long)(home->max_bytes / page));
    sqlite3_wal_hook(c->db, count_log_pages, c);
    if (home->max_bytes) TRY(pragma(c->db, limit, NULL, fail));
    return pragma(c->db, "PRAGMA cache_size=-8000", NULL, fail);
}

static kt_err sqlite_connect(engine_home *home, bool writing, kt_fail *fail, engine_conn **out)
{
    engine_conn *c = kt_calloc(1, sizeof *c);
    kt_err err = KT_OK;
    c->allow = ALLOW_ALL;
    if ((err = raw_open(home->path, c, fail)) != KT_OK) goto out;
    if ((err = settle(c, fail)) != KT_OK) goto out;
    if (!writing && (err = pragma(c->db, "PRAGMA query_only=ON", NULL, fail)) != KT_OK) goto out;
    if (writing && (err = settle_writer(home, c, fail)) != KT_OK) goto out;
    sqlite3_set_authorizer(c->db, authorize, c);
    for (int i = 0; i < OWN_COUNT; i++) {
        int code = sqlite3_prepare_v3(c->db, own_text[i], -1, SQLITE_PREPARE_PERSISTENT, &c->own[i], NULL);
        if (code != SQLITE_OK) {
            err = kt_fail_set(fail, err_of(code), "", "%s: %s", home->path, sqlite3_errmsg(c->db));
            goto out;
        }
    }
    c->allow = ALLOW_ROWS;
    *out = c;
    c = NULL;
out:
    sqlite_disconnect(c);
    return err;
}

/* --- opening the file -------------------------------------------------------------------------- */

static char *joined(const char *a, const char *b)
{
    char *text = kt_malloc(strlen(a) + strlen(b) + 1);
    memcpy(text, a, strlen(a));
    memcpy(text + strlen(a), b, strlen(b) + 1);
    return text;
}

/* A private folder in RAM: a store in memory keeps the very behaviour of one on disk (readers beside
 * the writer, snapshots, the log), which SQLite's own in-memory databases do not have. */
static kt_err temporary_dir(kt_fail *fail, char **out)
{
    const char *bases[] = { "/dev/shm", getenv("TMPDIR"), "/tmp" };
    for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
        if (!bases[i]) continue;
        char *dir = joined(bases[i], "/kontor-XXXXXX");
        if (mkdtemp(dir)) {
            *out = dir;
            return KT_OK;
        }
        free(dir);
    }
    return kt_fail_set(fail, KT_IO, "", "no folder for temporary files");
}

/* The data directory and the file, for this user alone. SQLite gives its log the file's mode. */
static kt_err private_file(engine_home *home, kt_fail *fail)
{
    struct stat s;
    if (mkdir(home->dir, 0700) != 0 && errno != EEXIST)
        return kt_fail_set(fail, KT_IO, "", "%s cannot be made: %s", home->dir, strerrordesc_np(errno));
    if (stat(home->dir, &s) == 0 && (s.st_mode & 0007))
        kt_log(KT_LOG_WARN, "store.dir_open_to_all", KT_NUMBER("mode", s.st_mode & 0777));
    int fd = open(home->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return kt_fail_set(fail, KT_IO, "", "%s cannot be opened: %s", home->path, strerrordesc_np(errno));
    bool ok = fstat(fd, &s) == 0 && S_ISREG(s.st_mode) && ((s.st_mode & 0077) == 0 || fchmod(fd, 0600) == 0);
    close(fd);
    return ok ? KT_OK : kt_fail_set(fail, KT_IO, "", "%s is not a file of this user", home->path);
}

/* Is it a database, is it ours, and is it whole as far as its header and schema say? */
static kt_err check_file(engine_home *home, engine_conn *c, kt_fail *fail)
{
    int code = sqlite3_exec(c->db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
    if (code != SQLITE_OK)
        return kt_fail_set(fail, err_of(code), "", "%s: %s", home->path,
                           err_of(code) == KT_CORRUPT ? "damaged, or not a database" : sqlite3_errmsg(c->db));
    int64_t id = number(c->db, "PRAGMA application_id"), tables = number(c->db, "SELECT count(*) FROM sqlite_schema");
    if (id == 0 && tables == 0) return pragma(c->db, "PRAGMA application_id=1802400882", NULL, fail);
    if (id != APPLICATION_ID)
        return kt_fail_set(fail, KT_REFUSED, "", "%s is a database of another program", home->path);
    return KT_OK;
}
static_assert(APPLICATION_ID == 1802400882, "the pragma takes a number");

/* After the log was carried over, the file must be as long as its header says. */
static kt_err check_length(engine_home *home, engine_conn *c, kt_fail *fail)
{
    struct stat s;
    int log = -1, carried = -1;
    int code = sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, &log, &carried);
    if (code == SQLITE_BUSY) return KT_OK; /* another process works on it */
    if (code != SQLITE_OK) return kt_fail_set(fail, err_of(code), "", "%s: %s", home->path, sqlite3_errmsg(c->db));
    int64_t want = number(c->db, "PRAGMA page_count") * number(c->db, "PRAGMA page_size");
    if (stat(home->path, &s) != 0 || s.st_size < want)
        return kt_fail_set(fail, KT_CORRUPT, "", "%s is cut off: %lld of %lld bytes", home->path, (long long)s.st_size,
                           (long long)want);
    return KT_OK;
}

static void sqlite_close(engine_home *home)
{
    if (!home) return;
    if (home->temporary) {
        char *shm = joined(home->path, "-shm");
        unlink(home->path);
        unlink(home->log_path);
        unlink(shm);
        rmdir(home->dir);
        free(shm);
    }
    free(home->dir);
    free(home->path);
    free(home->log_path);
    free(home);
}

static void configure_library(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* a lock around every allocation, for a number nobody reads */
}

static kt_err sqlite_open(const store_options *options, kt_fail *fail, engine_home **out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, configure_library);
    engine_home *home = kt_calloc(1, sizeof *home);
    engine_conn *c = kt_calloc(1, sizeof *c);
    kt_err err = KT_OK;
    home->temporary = options->in_memory;
    home->max_bytes = options->max_bytes;
    if (options->in_memory)
        err = temporary_dir(fail, &home->dir);
    else
        home->dir = kt_strdup(options->dir);
    if (err != KT_OK) goto out;
    home->path = joined(home->dir, "/kontor.db");
    home->log_path = joined(home->path, "-wal");
    if ((err = private_file(home, fail)) != KT_OK) goto out;
    if ((err = raw_open(home->path, c, fail)) != KT_OK) goto out;
    if ((err = check_file(home, c, fail)) != KT_OK) goto out;
    if ((err = pragma(c->db, "PRAGMA journal_mode=WAL", "wal", fail)) != KT_OK) goto out;
    if ((err = check_length(home, c, fail)) != KT_OK) goto out;
    *out = home;
    home = NULL;
out:
    sqlite_disconnect(c);
    sqlite_close(home);
    return err;
}

/* --- transactions ------------------------------------------------------------------------------ */

static kt_err own(engine_conn *c, enum own which)
{
    c->allow = ALLOW_ALL; /* it may have to be compiled again */
    int code = sqlite3_step(c->own[which]);
    sqlite3_reset(c->own[which]);
    c->allow = ALLOW_ROWS;
    return code == SQLITE_DONE || code == SQLITE_ROW ? KT_OK : failed(c, code, own_text[which]);
}

static kt_err sqlite_begin(engine_conn *c) { return own(c, OWN_BEGIN); }
static kt_err sqlite_commit(engine_conn *c) { return own(c, OWN_COMMIT); }
static kt_err sqlite_mark(engine_conn *c) { return own(c, OWN_MARK); }
static bool sqlite_in_transaction(engine_conn *c) { return sqlite3_get_autocommit(c->db) == 0; }

static kt_err sqlite_snapshot(engine_conn *c)
{
    TRY(own(c, OWN_SNAPSHOT));
    kt_err err = own(c, OWN_LOOK); /* BEGIN alone fixes no moment */
    if (err != KT_OK && sqlite_in_transaction(c)) (void)!own(c, OWN_ROLLBACK);
    return err;
}

static void sqlite_rollback(engine_conn *c)
{
    if (sqlite_in_transaction(c)) (void)!own(c, OWN_ROLLBACK);
}

static kt_err sqlite_unmark(engine_conn *c, bool undo)
{
    if (undo) TRY(own(c, OWN_UNDO));
    return own(c, OWN_KEEP);
}

static bool sqlite_owes(engine_conn *c)
{
    int now = 0, high = 0;
    sqlite3_db_status(c->db, SQLITE_DBSTATUS_DEFERRED_FKS, &now, &high, 0);
    return now != 0;
}

/* --- statements -------------------------------------------------------------------------------- */

static kt_err sqlite_prepare(engine_conn *c, const char *text, engine_query **out)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v3(c->db, text, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL);
    if (code != SQLITE_OK) {
        kt_log(KT_LOG_ERROR, "store.statement", KT_WORD("why", sqlite3_errmsg(c->db)), KT_NUMBER("code", code));
        return err_of(code);
    }
    *out = (engine_query *)(void *)s;
    return KT_OK;
}

static void sqlite_drop(engine_query *q) { sqlite3_finalize(stmt(q)); }
static int sqlite_params(engine_query *q) { return sqlite3_bind_parameter_count(stmt(q)); }

static int sqlite_param(engine_query *q, const char *name)
{
    char mark[128];
    int n = snprintf(mark, sizeof mark, ":%s", name);
    return n > 0 && (size_t)n < sizeof mark ? sqlite3_bind_parameter_index(stmt(q), mark) : 0;
}

static int bind_one(sqlite3_stmt *s, int at, const sql_arg *a, sqlite3_destructor_type life)
{
    switch (a->type) {
    case SQL_INT: return sqlite3_bind_int64(s, at, a->integer);
    case SQL_REAL: return sqlite3_bind_double(s, at, a->real);
    case SQL_TEXT: return sqlite3_bind_text64(s, at, a->text.at, a->text.len, life, SQLITE_UTF8);
    case SQL_BLOB: return sqlite3_bind_blob64(s, at, a->text.at, a->text.len, life);
    case SQL_NULL:
    case SQL_END: break;
    }
    return sqlite3_bind_null(s, at);
}

static kt_err sqlite_bind(engine_query *q, int at, const sql_arg *a, bool keep)
{
    return err_of(bind_one(stmt(q), at, a, keep ? SQLITE_TRANSIENT : SQLITE_STATIC));
}

static kt_err sqlite_step(engine_conn *c, engine_query *q, const char *name, bool *row)
{
    int code = sqlite3_step(stmt(q));
    *row = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE ? KT_OK : failed(c, code, name);
}

static void sqlite_reset(engine_query *q)
{
    sqlite3_reset(stmt(q));
    sqlite3_clear_bindings(stmt(q));
}

static int64_t sqlite_changes(engine_conn *c, engine_query *q)
{
    return sqlite3_stmt_readonly(stmt(q)) ? 0 : sqlite3_changes64(c->db);
}

static int sqlite_width(engine_query *q) { return sqlite3_column_count(stmt(q)); }
static const char *sqlite_column_name(engine_query *q, int i) { return sqlite3_column_name(stmt(q), i); }
static int64_t sqlite_column_int(engine_query *q, int i) { return sqlite3_column_int64(stmt(q), i); }
static double sqlite_column_real(engine_query *q, int i) { return sqlite3_column_double(stmt(q), i); }

static sql_type sqlite_column_type(engine_query *q, int i)
{
    switch (sqlite3_column_type(stmt(q), i)) {
    case SQLITE_INTEGER: return SQL_INT;
    case SQLITE_FLOAT: return SQL_REAL;
    case SQLITE_TEXT: return SQL_TEXT;
    case SQLITE_BLOB: return SQL_BLOB;
    default: return SQL_NULL;
    }
}

/* An empty value is "" and not NONE: NONE means NULL. */
static kt_str view(const void *at, int len) { return (kt_str){ at ? at : "", at ? (size_t)len : 0 }; }

static kt_str sqlite_column_text(engine_query *q, int i)
{
    if (sqlite3_column_type(stmt(q), i) == SQLITE_NULL) return KT_STR_NONE;
    const void *at = sqlite3_column_text(stmt(q), i);
    return view(at, sqlite3_column_bytes(stmt(q), i));
}

static kt_str sqlite_column_blob(engine_query *q, int i)
{
    if (sqlite3_column_type(stmt(q), i) == SQLITE_NULL) return KT_STR_NONE;
    const void *at = sqlite3_column_blob(stmt(q), i);
    return view(at, sqlite3_column_bytes(stmt(q), i));
}

/* --- schema ------------------------------------------------------------------------------------ */

static kt_err sqlite_change_schema(engine_conn *c, const char *text, kt_fail *fail)
{
    c->allow = ALLOW_SCHEMA;
    int code = sqlite3_exec(c->db, text, NULL, NULL, NULL);
    c->allow = ALLOW_ROWS;
    if (code == SQLITE_OK) return KT_OK;
    kt_fail_set(fail, err_of(code), "", "%s", sqlite3_errmsg(c->db));
    return failed(c, code, "schema");
}

/* Shadow tables of full-text search and SQLite's own tables are not anybody's to declare. */
static const char catalogue[] = "SELECT t.name, c.name, c.type, c.\"notnull\", c.pk > 0"
                                "  FROM pragma_table_list AS t, pragma_table_xinfo(t.name) AS c"
                                " WHERE t.schema = 'main' AND t.type IN ('table', 'virtual')"
                                "   AND substr(t.name, 1, 7) <> 'sqlite_' AND c.hidden <> 1"
                                " ORDER BY t.name, c.cid";

static kt_err sqlite_catalogue(engine_conn *c, void (*each)(const store_column *c, void *ctx), void *ctx)
{
    sqlite3_stmt *s = NULL;
    c->allow = ALLOW_ALL;
    int code = sqlite3_prepare_v2(c->db, catalogue, -1, &s, NULL);
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(s);
        if (code == SQLITE_ROW)
            each(&(store_column){ (const char *)sqlite3_column_text(s, 0), (const char *)sqlite3_column_text(s, 1),
                                  (const char *)sqlite3_column_text(s, 2), sqlite3_column_int(s, 3) != 0,
                                  sqlite3_column_int(s, 4) != 0 },
                 ctx);
    }
    sqlite3_finalize(s);
    c->allow = ALLOW_ROWS;
    return code == SQLITE_DONE ? KT_OK : failed(c, code, "catalogue");
}

/* --- upkeep ------------------------------------------------------------------------------------ */

/* Carries the log into the file without waiting for anybody. What an old reader still needs stays for
 * the next time, which then is a thousand pages later, not at once again. */
static void sqlite_tidy(engine_conn *c, bool eager)
{
    int log = 0, carried = 0;
    if (c->log_pages < (eager ? TIDY_PAGES : TIDY_PAGES_LATE) || c->log_pages < c->tidy_at) return;
    int code = sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &log, &carried);
    if (code != SQLITE_OK && code != SQLITE_BUSY) failed(c, code, "checkpoint");
    bool all = code == SQLITE_OK && log == carried;
    c->tidy_at = all ? 0 : c->log_pages + TIDY_PAGES;
    c->log_pages = all ? 0 : c->log_pages;
}

static kt_err sqlite_scrub(engine_conn *c)
{
    int log = -1, carried = -1;
    sqlite3_busy_timeout(c->db, 0);
    int code = sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, &log, &carried);
    sqlite3_busy_timeout(c->db, BUSY_MS);
    if (code == SQLITE_OK && log == 0 && carried == 0) {
        c->log_pages = c->tidy_at = 0;
        return KT_OK;
    }
    return code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY ? KT_BUSY : failed(c, code, "checkpoint");
}

static kt_err sync_path(const char *path, int flags, kt_fail *fail)
{
    int fd = open(path, flags | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) close(fd);
    return ok ? KT_OK : kt_fail_set(fail, KT_IO, "", "%s cannot be synced: %s", path, strerrordesc_np(errno));
}

/* VACUUM INTO: one moment of the database, without free pages, so that a copy holds nothing deleted. */
static kt_err sqlite_copy(engine_home *home, const char *to, kt_fail *fail)
{
    engine_conn c = { 0 };
    sqlite3_stmt *s = NULL;
    kt_err err = raw_open(home->path, &c, fail);
    if (err != KT_OK) goto out;
    int code = sqlite3_prepare_v2(c.db, "VACUUM INTO ?1", -1, &s, NULL);
    if (code == SQLITE_OK) code = sqlite3_bind_text(s, 1, to, -1, SQLITE_STATIC);
    if (code == SQLITE_OK) code = sqlite3_step(s);
    if (code != SQLITE_DONE) {
        err = kt_fail_set(fail, failed(&c, code, "copy"), "", "%s cannot be written: %s", to, sqlite3_errmsg(c.db));
        goto out;
    }
    err = sync_path(to, O_RDWR, fail);
out:
    sqlite3_finalize(s);
    sqlite3_close_v2(c.db);
    return err;
}

/* As a file that nobody changes: SQLite then neither looks for a log nor makes one. */
static kt_err open_still(const char *path, kt_fail *fail, sqlite3 **out)
{
    kt_buf uri;
    kt_str rest = kt_str_c(path), part;
    kt_buf_init(&uri, 65536);
    kt_buf_put_c(&uri, "file:");
    for (bool first = true; kt_str_split(&rest, '/', &part); first = false) {
        if (!first) kt_buf_put_byte(&uri, '/');
        kt_buf_put_percent(&uri, part);
    }
    kt_buf_put(&uri, KT_STR("?immutable=1\0"));
    int code = sqlite3_open_v2(uri.at, out, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
    kt_buf_free(&uri);
    return code == SQLITE_OK ? KT_OK
                             : kt_fail_set(fail, KT_IO, "", "%s cannot be opened: %s", path, sqlite3_errstr(code));
}

static bool whole(sqlite3 *base)
{
    sqlite3_stmt *s = NULL;
    bool ok = sqlite3_prepare_v2(base, "PRAGMA integrity_check(1)", -1, &s, NULL) == SQLITE_OK &&
              sqlite3_step(s) == SQLITE_ROW && sqlite3_stricmp((const char *)sqlite3_column_text(s, 0), "ok") == 0;
    sqlite3_finalize(s);
    return ok;
}

static kt_err sqlite_inspect(const char *path, store_copy_facts *out, kt_fail *fail)
{
    sqlite3 *base = NULL;
    struct stat s;
    *out = (store_copy_facts){ 0 };
    if (stat(path, &s) != 0 || !S_ISREG(s.st_mode))
        return kt_fail_set(fail, KT_NOT_FOUND, "", "%s is not a file", path);
    kt_err err = open_still(path, fail, &base);
    if (err != KT_OK) goto out;
    if (!whole(base)) {
        err = kt_fail_set(fail, KT_CORRUPT, "", "%s is damaged, or not a database", path);
        goto out;
    }
    out->bytes = s.st_size;
    out->modules = number(base, "SELECT count(DISTINCT module) FROM store_migration");
    out->migrated_at = number(base, "SELECT coalesce(max(at), 0) FROM store_migration");
    if (number(base, "PRAGMA application_id") != APPLICATION_ID || out->modules < 0)
        err = kt_fail_set(fail, KT_REFUSED, "", "%s is a database of another program", path);
out:
    sqlite3_close_v2(base);
    return err;
}

static void sqlite_sizes(engine_home *home, int64_t *bytes, int64_t *log_bytes)
{
    struct stat s;
    *bytes = stat(home->path, &s) == 0 ? s.st_size : 0;
    *log_bytes = stat(home->log_path, &s) == 0 ? s.st_size : 0;
}

const engine engine_sqlite = {
    .name = "sqlite",
    .open = sqlite_open,
    .close = sqlite_close,
    .connect = sqlite_connect,
    .disconnect = sqlite_disconnect,
    .begin = sqlite_begin,
    .snapshot = sqlite_snapshot,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .mark = sqlite_mark,
    .unmark = sqlite_unmark,
    .in_transaction = sqlite_in_transaction,
    .owes = sqlite_owes,
    .prepare = sqlite_prepare,
    .drop = sqlite_drop,
    .params = sqlite_params,
    .param = sqlite_param,
    .bind = sqlite_bind,
    .step = sqlite_step,
    .reset = sqlite_reset,
    .changes = sqlite_changes,
    .width = sqlite_width,
    .column_name = sqlite_column_name,
    .column_type = sqlite_column_type,
    .column_int = sqlite_column_int,
    .column_real = sqlite_column_real,
    .column_text = sqlite_column_text,
    .column_blob = sqlite_column_blob,
    .change_schema = sqlite_change_schema,
    .catalogue = sqlite_catalogue,
    .tidy = sqlite_tidy,
    .scrub = sqlite_scrub,
    .copy = sqlite_copy,
    .inspect = sqlite_inspect,
    .sizes = sqlite_sizes,
};
