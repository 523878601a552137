/* SPDX-License-Identifier: Apache-2.0 */
/* The store from basic to complex: rows go in and come out, errors say what they are, a failing action
 * leaves nothing, the database defends itself, deleted bytes are gone, copies are good. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/log.h"
#include "store/store.h"

static const char thing_schema[] =
    "-- version 1: things\n"
    "CREATE TABLE thing (id TEXT NOT NULL PRIMARY KEY, size INTEGER CHECK (size < 1000), body BLOB, weight REAL) STRICT;\n"
    "CREATE TABLE part (id INTEGER PRIMARY KEY, thing TEXT REFERENCES thing (id) DEFERRABLE INITIALLY DEFERRED) STRICT;\n"
    "CREATE TABLE strict_part (id INTEGER PRIMARY KEY, thing TEXT NOT NULL REFERENCES thing (id)) STRICT;\n"
    "CREATE TABLE record (id INTEGER PRIMARY KEY, words TEXT) STRICT;\n"
    "CREATE TRIGGER record_stays BEFORE DELETE ON record BEGIN SELECT raise(ABORT, 'records stay'); END;\n"
    "CREATE TRIGGER record_as_it_is BEFORE UPDATE ON record BEGIN SELECT raise(ABORT, 'records stay'); END;\n";

static const sql add = {
    "thing_add",
    "INSERT INTO thing (id, size, body, weight) VALUES (?1, ?2, ?3, ?4)",
    (const char *const[]){"id", "size", "body", "weight", NULL},
    "test",
    1,
    7001
};
static const sql all = {
    "thing_all", "SELECT id, size, body, weight FROM thing ORDER BY id", (const char *const[]){ NULL }, "test", 2, 7002
};
static const sql count = {
    "thing_count", "SELECT count(*) FROM thing", (const char *const[]){ NULL }, "test", 3, 7003
};
static const sql one = {
    "thing_one", "SELECT size FROM thing WHERE id = ?1", (const char *const[]){"id", NULL},
        "test", 4, 7004
};

typedef struct {
    store *st;
    kt_clock clock;
    kt_metrics *metrics;
    char dir[64];
} house;

static void open_house(house *h)
{
    kt_fail fail = { 0 };
    store_options options = { .dir = h->dir, .clock = &h->clock, .metrics = h->metrics };
    if (store_open(&options, &fail, &h->st) != KT_OK) fail_msg("%s", fail.text);
}

/* A store on disk with the tables above. */
static int set_up(void **state)
{
    house *h = kt_calloc(1, sizeof *h);
    kt_fail fail = { 0 };
    snprintf(h->dir, sizeof h->dir, "/tmp/kontor-store-XXXXXX");
    assert_non_null(mkdtemp(h->dir));
    h->clock = kt_clock_fixed(1000);
    h->metrics = kt_metrics_new();
    open_house(h);
    if (store_migrate(h->st, "thing", kt_str_c(thing_schema), &fail) != KT_OK) fail_msg("%s", fail.text);
    *state = h;
    return 0;
}

static void remove_tree(const char *dir)
{
    static const char *const names[] = { "kontor.db", "kontor.db-wal", "kontor.db-shm",
                                         "copy.db",   "copy.db.part",  "plain" };
    char path[160];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(dir), 0);
}

static int tear_down(void **state)
{
    house *h = *state;
    store_close(h->st);
    kt_metrics_free(h->metrics);
    remove_tree(h->dir);
    free(h);
    return 0;
}

/* Most tests write one statement of text. */
static kt_err run_text(db *d, void *ctx) { return store_exec_text(d, ctx, NULL, NULL); }
static kt_err write_text(house *h, const char *text) { return store_write(h->st, run_text, (char *)(uintptr_t)text); }

static int64_t things(house *h)
{
    int64_t n = -1;
    assert_int_equal(store_one_int(store_reader(h->st), &count, ARGS(), &n), KT_OK);
    return n;
}

/* --- rows -------------------------------------------------------------------------------------- */

static kt_err add_two(db *d, void *ctx)
{
    TRY(store_exec(d, &add,
                   ARGS(sql_text("id", KT_STR("a")), sql_int("size", 1), sql_blob("body", KT_STR("x\0y")),
                        sql_real("weight", 1.5)),
                   ctx));
    return store_exec(d, &add,
                      ARGS(sql_text("weight", KT_STR_NONE), sql_null("size"), sql_blob("body", KT_STR("")),
                           sql_text("id", KT_STR("b"))),
                      NULL);
}

static void test_rows_go_in_and_come_out(void **state)
{
    house *h = *state;
    int64_t changed = 0;
    rows *r = NULL;
    assert_int_equal(store_write(h->st, add_two, &changed), KT_OK);
    assert_int_equal(changed, 1);
    assert_int_equal(things(h), 2);
    assert_int_equal(store_rows(store_reader(h->st), &all, ARGS(), &r), KT_OK);
    assert_int_equal(rows_width(r), 4);
    assert_string_equal(rows_name(r, 3), "weight");
    assert_true(rows_next(r));
    assert_true(kt_str_is(rows_text(r, "id"), "a"));
    assert_int_equal(rows_int(r, "size"), 1);
    assert_true(kt_str_eq(rows_blob(r, "body"), KT_STR("x\0y")));
    assert_true(rows_real(r, "weight") == 1.5);
    assert_int_equal(rows_type(r, 2), SQL_BLOB);
    assert_true(rows_next(r));
    assert_true(rows_is_null(r, "size"));
    assert_null(rows_text(r, "weight").at);
    assert_int_equal(rows_int(r, "size"), 0);
    assert_non_null(rows_blob(r, "body").at); /* empty is not NULL */
    assert_int_equal(rows_blob(r, "body").len, 0);
    assert_false(rows_next(r));
    assert_int_equal(rows_end(r), KT_OK);
    assert_int_equal(rows_end(NULL), KT_OK);
}

static void test_a_list_outlives_the_query(void **state)
{
    house *h = *state;
    kt_arena *mem = kt_arena_new();
    kt_value *list = NULL;
    assert_int_equal(store_write(h->st, add_two, NULL), KT_OK);
    assert_int_equal(store_list(store_reader(h->st), &all, ARGS(), mem, &list), KT_OK);
    assert_int_equal(list->count, 2);
    assert_true(kt_str_is(kt_get_str(list->first, "id"), "a"));
    assert_int_equal(kt_get_int(list->first, "size", 0), 1);
    assert_true(kt_is(kt_get(list->first, "weight"), KT_V_REAL));
    assert_true(kt_is(kt_get(list->last, "size"), KT_V_NULL));
    kt_arena_free(mem);
}

static void test_no_row_is_not_found(void **state)
{
    house *h = *state;
    int64_t n = 0;
    assert_int_equal(store_one_int(store_reader(h->st), &one, ARGS(sql_text("id", KT_STR("a"))), &n), KT_NOT_FOUND);
    assert_int_equal(store_write(h->st, add_two, NULL), KT_OK);
    assert_int_equal(store_one_int(store_reader(h->st), &one, ARGS(sql_text("id", KT_STR("a"))), &n), KT_OK);
    assert_int_equal(n, 1);
}

static void test_one_statement_walks_twice_at_a_time(void **state)
{
    house *h = *state;
    rows *outer = NULL, *inner = NULL;
    int seen = 0;
    assert_int_equal(store_write(h->st, add_two, NULL), KT_OK);
    db *d = store_reader(h->st);
    assert_int_equal(store_rows(d, &all, ARGS(), &outer), KT_OK);
    while (rows_next(outer)) {
        assert_int_equal(store_rows(d, &all, ARGS(), &inner), KT_OK);
        while (rows_next(inner)) seen++;
        assert_int_equal(rows_end(inner), KT_OK);
    }
    assert_int_equal(rows_end(outer), KT_OK);
    assert_int_equal(seen, 4);
}

static void test_text_of_an_argument_may_go_before_the_rows(void **state)
{
    house *h = *state;
    rows *r = NULL;
    char id[] = "a";
    assert_int_equal(store_write(h->st, add_two, NULL), KT_OK);
    assert_int_equal(store_rows(store_reader(h->st), &one, ARGS(sql_text("id", kt_str_c(id))), &r), KT_OK);
    id[0] = 'z';
    assert_true(rows_next(r));
    assert_int_equal(rows_end(r), KT_OK);
}

/* --- errors ------------------------------------------------------------------------------------ */

static void test_a_violated_constraint_says_which_kind(void **state)
{
    house *h = *state;
    assert_int_equal(write_text(h, "INSERT INTO thing (id) VALUES ('a')"), KT_OK);
    assert_int_equal(write_text(h, "INSERT INTO thing (id) VALUES ('a')"), KT_CONFLICT);
    assert_int_equal(write_text(h, "INSERT INTO thing (id, size) VALUES ('b', 1000)"), KT_REFUSED);
    assert_int_equal(write_text(h, "INSERT INTO thing (id) VALUES (NULL)"), KT_REFUSED);
    assert_int_equal(write_text(h, "INSERT INTO thing (id, size) VALUES ('b', 'text')"), KT_REFUSED);
    assert_int_equal(write_text(h, "INSERT INTO strict_part (thing) VALUES ('none')"), KT_REFUSED);
    assert_int_equal(write_text(h, "INSERT INTO part (thing) VALUES ('none')"), KT_REFUSED); /* deferred: at the end */
    assert_int_equal(things(h), 1);
}

static void test_triggers_hold_even_against_replace(void **state)
{
    house *h = *state;
    assert_int_equal(write_text(h, "INSERT INTO record (id, words) VALUES (1, 'first')"), KT_OK);
    assert_int_equal(write_text(h, "DELETE FROM record"), KT_REFUSED);
    assert_int_equal(write_text(h, "UPDATE record SET words = 'other'"), KT_REFUSED);
    assert_int_equal(write_text(h, "INSERT OR REPLACE INTO record (id, words) VALUES (1, 'other')"), KT_REFUSED);
}

static kt_err add_then_fail(db *d, void *ctx)
{
    TRY(add_two(d, NULL));
    return KT_GONE;
}

static void test_a_failing_action_leaves_nothing(void **state)
{
    house *h = *state;
    assert_int_equal(store_write(h->st, add_then_fail, NULL), KT_GONE);
    assert_int_equal(things(h), 0);
    assert_int_equal(store_write(h->st, add_two, NULL), KT_OK);
    assert_int_equal(things(h), 2);
}

static kt_err leave_rows_open(db *d, void *ctx)
{
    rows *r = NULL;
    TRY(add_two(d, NULL));
    TRY(store_rows(d, &all, ARGS(), &r));
    rows_next(r);
    return KT_OK;
}

static void test_rows_left_open_in_an_action_undo_it(void **state)
{
    house *h = *state;
    assert_int_equal(store_write(h->st, leave_rows_open, NULL), KT_INTERNAL);
    assert_int_equal(things(h), 0);
}

static kt_err write_inside(db *d, void *ctx) { return store_write(ctx, add_two, NULL); }

static void test_a_write_inside_a_write_is_an_error_and_not_a_standstill(void **state)
{
    house *h = *state;
    assert_int_equal(store_write(h->st, write_inside, h->st), KT_INTERNAL);
}

static void test_a_reader_does_not_write(void **state)
{
    house *h = *state;
    assert_int_equal(store_exec_text(store_reader(h->st), "DELETE FROM thing", NULL, NULL), KT_REFUSED);
    rows *r = NULL; /* not through the back door either */
    assert_int_equal(store_rows_text(store_reader(h->st), "DELETE FROM thing RETURNING id", NULL, &r), KT_OK);
    assert_false(rows_next(r));
    assert_int_equal(rows_end(r), KT_REFUSED);
}

static void test_statements_touch_rows_and_nothing_else(void **state)
{
    house *h = *state;
    static const char *const refused[] = {
        "ATTACH '/tmp/other.db' AS other",
        "DETACH main",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT x",
        "RELEASE mark",
        "PRAGMA secure_delete = OFF",
        "PRAGMA writable_schema = 1",
        "PRAGMA journal_mode = DELETE",
        "VACUUM",
        "ANALYZE",
        "DROP TABLE thing",
        "ALTER TABLE thing ADD COLUMN more TEXT",
        "CREATE TABLE more (id TEXT)",
        "CREATE TEMP TABLE more (id TEXT)",
        "DROP TRIGGER record_stays",
        "CREATE INDEX i ON thing (size)",
        "UPDATE sqlite_schema SET sql = ''",
        "SELECT load_extension('x')",
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (write_text(h, refused[i]) == KT_OK) fail_msg("was let through: %s", refused[i]);
    assert_int_equal(write_text(h, "INSERT INTO thing (id) VALUES ('still works')"), KT_OK);
}

static kt_err named(db *d, void *ctx)
{
    return store_exec_text(d, "INSERT INTO thing (id, size) VALUES (:id, :size)",
                           ARGS(sql_int("size", 5), sql_text("id", KT_STR("n")), sql_int("now", 7)), NULL);
}

static void test_text_takes_parameters_by_name(void **state)
{
    house *h = *state;
    rows *r = NULL;
    assert_int_equal(store_write(h->st, named, NULL), KT_OK);
    assert_int_equal(store_rows_text(store_reader(h->st), "SELECT size FROM thing WHERE id = :id",
                                     ARGS(sql_text("id", KT_STR("n"))), &r),
                     KT_OK);
    assert_true(rows_next(r));
    assert_int_equal(rows_int(r, "size"), 5);
    assert_int_equal(rows_end(r), KT_OK);
}

/* --- snapshots --------------------------------------------------------------------------------- */

static void test_a_snapshot_is_one_moment(void **state)
{
    house *h = *state;
    db *d = store_reader(h->st);
    assert_int_equal(store_snapshot(d), KT_OK);
    assert_int_equal(store_snapshot(d), KT_OK); /* they nest */
    assert_int_equal(store_write(h->st, add_two, NULL), KT_OK);
    assert_int_equal(things(h), 0);
    store_release(d);
    assert_int_equal(things(h), 0);
    store_release(d);
    assert_int_equal(things(h), 2);
}

/* --- deletion ---------------------------------------------------------------------------------- */

static bool file_holds(const char *dir, const char *name, const char *what)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "rb");
    if (!f) return false;
    static char bytes[4 << 20];
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    return memmem(bytes, n, what, strlen(what)) != NULL;
}

static bool store_holds(house *h, const char *what)
{
    return file_holds(h->dir, "kontor.db", what) || file_holds(h->dir, "kontor.db-wal", what) ||
           file_holds(h->dir, "kontor.db-shm", what);
}

#define CANARY "canary-4f1d"

static void test_deleted_bytes_are_gone_after_scrub(void **state)
{
    house *h = *state;
    assert_int_equal(
        write_text(h, "INSERT INTO thing (id, body) VALUES ('" CANARY "', CAST('" CANARY " body' AS BLOB))"), KT_OK);
    assert_true(store_holds(h, CANARY));
    assert_int_equal(store_scrub(h->st), KT_OK);
    assert_true(store_holds(h, CANARY));
    assert_int_equal(write_text(h, "DELETE FROM thing"), KT_OK);
    assert_int_equal(store_scrub(h->st), KT_OK);
    assert_false(store_holds(h, CANARY));
}

static void test_scrub_is_busy_while_an_old_reader_stands(void **state)
{
    house *h = *state;
    assert_int_equal(write_text(h, "INSERT INTO thing (id) VALUES ('" CANARY "')"), KT_OK);
    db *d = store_reader(h->st);
    assert_int_equal(store_snapshot(d), KT_OK);
    assert_int_equal(write_text(h, "DELETE FROM thing"), KT_OK);
    assert_int_equal(store_scrub(h->st), KT_BUSY);
    assert_int_equal(write_text(h, "INSERT INTO thing (id) VALUES ('writers go on')"), KT_OK);
    store_release(d);
    assert_int_equal(store_scrub(h->st), KT_OK);
    assert_false(store_holds(h, CANARY));
}

/* --- a full disk ------------------------------------------------------------------------------- */

static void test_a_full_store_says_so_and_goes_on_when_there_is_room(void **state)
{
    house *h = *state;
    kt_fail fail = { 0 };
    kt_err err = KT_OK;
    store_close(h->st);
    assert_int_equal(
        store_open(
            &(store_options){ .dir = h->dir, .clock = &h->clock, .metrics = h->metrics, .max_bytes = 256 * 1024 },
            &fail, &h->st),
        KT_OK);
    for (int i = 0; i < 1000 && err == KT_OK; i++)
        err = write_text(h, "INSERT INTO thing (id, body)"
                            " VALUES (hex(randomblob(8)), randomblob(4000))");
    assert_int_equal(err, KT_FULL);
    int64_t before = things(h);
    assert_true(before > 10);
    assert_int_equal(write_text(h, "DELETE FROM thing"), KT_OK);
    assert_int_equal(write_text(h, "INSERT INTO thing (id, body) VALUES ('a', randomblob(4000))"), KT_OK);
    assert_int_equal(things(h), 1);
    kt_metric *errors = kt_metric_new(h->metrics, KT_COUNTER, "kontor_store_errors_total", "", "store,class");
    assert_true(kt_metric_value(errors, kt_metric_series(errors, (const char *const[]){ "main", "full" })) >= 1);
}

/* --- copies ------------------------------------------------------------------------------------ */

static void test_a_copy_is_whole_and_can_be_put_back(void **state)
{
    house *h = *state;
    kt_fail fail = { 0 };
    char copy[128];
    store_copy_facts facts;
    snprintf(copy, sizeof copy, "%s/copy.db", h->dir);
    assert_int_equal(write_text(h, "INSERT INTO thing (id) VALUES ('" CANARY "')"), KT_OK);
    assert_int_equal(write_text(h, "DELETE FROM thing"), KT_OK);
    assert_int_equal(store_write(h->st, add_two, NULL), KT_OK);
    if (store_backup(h->st, copy, &fail) != KT_OK) fail_msg("%s", fail.text);
    assert_false(file_holds(h->dir, "copy.db", CANARY));
    struct stat s;
    assert_int_equal(stat(copy, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
    assert_int_equal(store_backup(h->st, copy, NULL), KT_CONFLICT);
    assert_int_equal(store_restore_check(copy, &facts, &fail), KT_OK);
    assert_int_equal(facts.modules, 1);
    assert_int_equal(facts.migrated_at, 1000);
    assert_int_equal(store_restore(copy, h->dir, &fail), KT_CONFLICT);

    char other[] = "/tmp/kontor-store-XXXXXX";
    assert_non_null(mkdtemp(other));
    fail = (kt_fail){ 0 };
    if (store_restore(copy, other, &fail) != KT_OK) fail_msg("%s", fail.text);
    house second = { .clock = kt_clock_fixed(1) };
    snprintf(second.dir, sizeof second.dir, "%s", other);
    open_house(&second);
    assert_int_equal(things(&second), 2);
    store_close(second.st);
    remove_tree(other);
}

static void test_a_damaged_copy_is_refused(void **state)
{
    house *h = *state;
    kt_fail fail = { 0 };
    char copy[128];
    store_copy_facts facts;
    snprintf(copy, sizeof copy, "%s/copy.db", h->dir);
    assert_int_equal(store_write(h->st, add_two, NULL), KT_OK);
    assert_int_equal(store_backup(h->st, copy, &fail), KT_OK);
    FILE *f = fopen(copy, "r+b");
    assert_non_null(f);
    fseek(f, 4096 + 3, SEEK_SET);
    fwrite("\xff\xff\xff\xff", 1, 4, f);
    fclose(f);
    assert_int_equal(store_restore_check(copy, &facts, &fail), KT_CORRUPT);
    assert_true(strstr(fail.text, "damaged") != NULL);
    fail = (kt_fail){ 0 };
    assert_int_equal(store_restore_check("/tmp/kontor-no-such-copy", &facts, &fail), KT_NOT_FOUND);
}

/* --- the catalogue, the metrics ---------------------------------------------------------------- */

static void see_column(const store_column *c, void *ctx)
{
    int *seen = ctx;
    if (strncmp(c->table, "sqlite_", 7) == 0) fail_msg("an inner table: %s", c->table);
    if (strcmp(c->table, "thing") == 0) {
        (*seen)++;
        if (strcmp(c->column, "id") == 0) assert_true(c->primary && c->not_null && strcmp(c->type, "TEXT") == 0);
        if (strcmp(c->column, "weight") == 0) assert_true(!c->primary && !c->not_null);
    }
}

static void test_the_catalogue_names_every_column(void **state)
{
    house *h = *state;
    int seen = 0;
    assert_int_equal(store_catalogue(store_reader(h->st), see_column, &seen), KT_OK);
    assert_int_equal(seen, 4);
}

static void test_sizes_and_times_are_measured(void **state)
{
    house *h = *state;
    kt_buf out;
    assert_int_equal(store_write(h->st, add_two, NULL), KT_OK);
    kt_buf_init(&out, 1 << 20);
    kt_metrics_write(h->metrics, KT_TEXT_004, &out);
    kt_buf_put_byte(&out, '\0');
    assert_non_null(strstr(out.at, "kontor_store_size_bytes{store=\"main\"} "));
    assert_null(strstr(out.at, "kontor_store_wal_bytes{store=\"main\"} 0\n"));
    assert_non_null(strstr(out.at, "kontor_store_transaction_duration_seconds_count{store=\"main\",op=\"commit\"}"));
    kt_buf_free(&out);
}

static void test_a_store_in_memory_behaves_alike_and_leaves_nothing(void **state)
{
    kt_fail fail = { 0 };
    house h = { .clock = kt_clock_fixed(1) };
    if (store_open(&(store_options){ .in_memory = true, .clock = &h.clock }, &fail, &h.st) != KT_OK)
        fail_msg("%s", fail.text);
    assert_int_equal(store_migrate(h.st, "thing", kt_str_c(thing_schema), &fail), KT_OK);
    db *d = store_reader(h.st);
    assert_int_equal(store_snapshot(d), KT_OK);
    assert_int_equal(store_write(h.st, add_two, NULL), KT_OK); /* a reader does not stop the writer */
    store_release(d);
    assert_int_equal(things(&h), 2);
    store_close(h.st);
    store_close(NULL);
}

#define WITH_HOUSE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HOUSE(test_rows_go_in_and_come_out),
        WITH_HOUSE(test_a_list_outlives_the_query),
        WITH_HOUSE(test_no_row_is_not_found),
        WITH_HOUSE(test_one_statement_walks_twice_at_a_time),
        WITH_HOUSE(test_text_of_an_argument_may_go_before_the_rows),
        WITH_HOUSE(test_a_violated_constraint_says_which_kind),
        WITH_HOUSE(test_triggers_hold_even_against_replace),
        WITH_HOUSE(test_a_failing_action_leaves_nothing),
        WITH_HOUSE(test_rows_left_open_in_an_action_undo_it),
        WITH_HOUSE(test_a_write_inside_a_write_is_an_error_and_not_a_standstill),
        WITH_HOUSE(test_a_reader_does_not_write),
        WITH_HOUSE(test_statements_touch_rows_and_nothing_else),
        WITH_HOUSE(test_text_takes_parameters_by_name),
        WITH_HOUSE(test_a_snapshot_is_one_moment),
        WITH_HOUSE(test_deleted_bytes_are_gone_after_scrub),
        WITH_HOUSE(test_scrub_is_busy_while_an_old_reader_stands),
        WITH_HOUSE(test_a_full_store_says_so_and_goes_on_when_there_is_room),
        WITH_HOUSE(test_a_copy_is_whole_and_can_be_put_back),
        WITH_HOUSE(test_a_damaged_copy_is_refused),
        WITH_HOUSE(test_the_catalogue_names_every_column),
        WITH_HOUSE(test_sizes_and_times_are_measured),
        cmocka_unit_test(test_a_store_in_memory_behaves_alike_and_leaves_nothing),
    };
    kt_log_set_level(KT_LOG_ERROR + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
