/* SPDX-License-Identifier: Apache-2.0 */
/* Versions of tables: each runs once, whole or not at all, in order; what the program does not know and
 * what was changed afterwards is refused with words. And the file itself: whose, how private, how whole. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <sqlite3.h>
#include "base/log.h"
#include "store/store.h"

#define V1 "-- version 1: first\nCREATE TABLE thing (id TEXT PRIMARY KEY) STRICT;\n"
#define V2                                                                                                             \
    "-- version 2: sizes, with what there is\nALTER TABLE thing ADD COLUMN size INTEGER;\n"                            \
    "INSERT INTO thing (id, size) VALUES ('semi;colon -- no comment', 1);\n"

static char dir[64], path[96];
static kt_clock test_clock;

static int set_up(void **state)
{
    snprintf(dir, sizeof dir, "/tmp/kontor-migrate-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/kontor.db", dir);
    test_clock = kt_clock_fixed(1000);
    return 0;
}

static int tear_down(void **state)
{
    static const char *const ends[] = { "", "-wal", "-shm" };
    char name[128];
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
    return rmdir(dir);
}

static kt_err open_store(store **st, kt_fail *fail)
{
    *fail = (kt_fail){ 0 };
    return store_open(&(store_options){ .dir = dir, .clock = &test_clock }, fail, st);
}

static store *opened(void)
{
    kt_fail fail;
    store *st = NULL;
    if (open_store(&st, &fail) != KT_OK) fail_msg("%s", fail.text);
    return st;
}

static kt_err migrate(const char *text, kt_fail *fail)
{
    store *st = opened();
    *fail = (kt_fail){ 0 };
    kt_err err = store_migrate(st, "thing", kt_str_c(text), fail);
    store_close(st);
    return err;
}

static int64_t ask(const char *text)
{
    store *st = opened();
    rows *r = NULL;
    int64_t n = -1;
    kt_err err = store_rows_text(store_reader(st), text, NULL, &r);
    if (err == KT_OK && rows_next(r)) n = rows_int(r, "n");
    if (err == KT_OK) err = rows_end(r);
    store_close(st);
    return err == KT_OK ? n : -1;
}

static void test_a_version_runs_once_and_is_recorded(void **state)
{
    kt_fail fail;
    assert_int_equal(migrate(V1, &fail), KT_OK);
    assert_int_equal(migrate(V1, &fail), KT_OK);
    assert_int_equal(migrate(V1 V2, &fail), KT_OK);
    assert_int_equal(migrate(V1 V2, &fail), KT_OK);
    assert_int_equal(ask("SELECT count(*) AS n FROM thing"), 1);
    assert_int_equal(ask("SELECT count(*) AS n FROM store_migration WHERE module = 'thing' AND at = 1000"), 2);
    assert_int_equal(ask("SELECT count(*) AS n FROM store_migration WHERE words = 'sizes, with what there is'"), 1);
}

static void test_a_newer_database_is_refused(void **state)
{
    kt_fail fail;
    assert_int_equal(migrate(V1 V2, &fail), KT_OK);
    assert_int_equal(migrate(V1, &fail), KT_REFUSED);
    assert_non_null(strstr(fail.text, "newer program"));
    assert_int_equal(migrate("", &fail), KT_REFUSED);
}

static void test_a_changed_version_is_refused_but_a_comment_may_be_mended(void **state)
{
    kt_fail fail;
    assert_int_equal(migrate(V1 V2, &fail), KT_OK);
    assert_int_equal(
        migrate("-- version 1: first\nCREATE TABLE thing (id TEXT PRIMARY KEY, more TEXT) STRICT;\n" V2, &fail),
        KT_REFUSED);
    assert_non_null(strstr(fail.text, "thing/schema.sql"));
    assert_non_null(strstr(fail.text, "version 1"));
    assert_int_equal(migrate("-- a head comment\n\n-- version 1: first, in other words\nCREATE TABLE thing (\n"
                             "    id TEXT PRIMARY KEY) STRICT; -- said better\n\n" V2,
                             &fail),
                     KT_REFUSED); /* "( id" */
    assert_int_equal(migrate("-- a head comment\n\n-- version 1: first, in other words\nCREATE TABLE thing\n"
                             "    (id TEXT PRIMARY KEY) STRICT; -- said better\n\n" V2,
                             &fail),
                     KT_OK);
}

static void test_a_failing_version_leaves_the_old_one(void **state)
{
    kt_fail fail;
    assert_int_equal(migrate(V1, &fail), KT_OK);
    kt_err err = migrate(V1 V2 "-- version 3: broken\nCREATE TABLE more (id TEXT);\nCREATE TABEL x;\n", &fail);
    assert_int_not_equal(err, KT_OK);
    assert_non_null(strstr(fail.text, "version 3"));
    assert_non_null(strstr(fail.text, "TABEL"));
    assert_int_equal(ask("SELECT max(version) AS n FROM store_migration WHERE module = 'thing'"), 1);
    assert_int_equal(ask("SELECT count(*) AS n FROM sqlite_schema WHERE name = 'more'"), 0);
}

static void test_versions_rise(void **state)
{
    kt_fail fail;
    assert_int_equal(migrate(V2 V1, &fail), KT_REFUSED);
    assert_non_null(strstr(fail.text, "stands after"));
    assert_int_equal(migrate(V1 "-- version 1: again\nSELECT 1;\n", &fail), KT_REFUSED);
    assert_int_equal(ask("SELECT count(*) AS n FROM store_migration WHERE module = 'thing'"), 0);
}

/* The child migrates; it is killed some moment after it said that it begins. */
static void migrate_and_die(const char *text, useconds_t after_us)
{
    int hear[2];
    char byte;
    assert_int_equal(pipe(hear), 0);
    pid_t child = fork();
    if (child == 0) {
        kt_fail fail = { 0 };
        store *st = NULL;
        if (open_store(&st, &fail) != KT_OK || write(hear[1], "x", 1) != 1) _exit(1);
        _exit(store_migrate(st, "thing", kt_str_c(text), &fail) == KT_OK ? 0 : 1);
    }
    close(hear[1]);
    assert_int_equal(read(hear[0], &byte, 1), 1);
    usleep(after_us);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(hear[0]);
}

static void test_a_kill_in_the_middle_leaves_the_old_version_or_the_new(void **state)
{
    static const char text[] = V1
        "-- version 2: much\nCREATE TABLE much (n INTEGER) STRICT;\n"
        "INSERT INTO much WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 20000) SELECT i FROM c;\n";
    kt_fail fail;
    for (useconds_t i = 0; i < 10; i++) {
        set_up(NULL);
        migrate_and_die(text, i * 2500);
        int64_t version = ask("SELECT coalesce(max(version), 0) AS n FROM store_migration WHERE module = 'thing'");
        int64_t tables = ask("SELECT count(*) AS n FROM sqlite_schema WHERE name IN ('much', 'thing')");
        assert_true((version == 0 && tables == 0) || (version == 2 && tables == 2));
        assert_int_equal(migrate(text, &fail), KT_OK);
        assert_int_equal(ask("SELECT count(*) AS n FROM much"), 20000);
        tear_down(NULL);
    }
}

/* --- the file ---------------------------------------------------------------------------------- */

static void write_file(const char *bytes, size_t len)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    fclose(f);
}

static void test_a_file_that_is_no_database_is_refused_with_words(void **state)
{
    static char noise[8192];
    kt_fail fail;
    store *st = NULL;
    memset(noise, 'n', sizeof noise);
    write_file(noise, sizeof noise);
    assert_int_equal(open_store(&st, &fail), KT_CORRUPT);
    assert_null(st);
    assert_non_null(strstr(fail.text, path));
    write_file(noise, 30);
    assert_int_equal(open_store(&st, &fail), KT_CORRUPT);
}

static void test_a_file_that_was_cut_off_is_refused(void **state)
{
    kt_fail fail;
    store *st = NULL;
    assert_int_equal(migrate(V1 "-- version 2: much\nCREATE TABLE much (n BLOB) STRICT;\n"
                                "INSERT INTO much VALUES (zeroblob(100000));\n",
                             &fail),
                     KT_OK);
    assert_int_equal(truncate(path, 40960), 0);
    assert_int_equal(open_store(&st, &fail), KT_CORRUPT);
    assert_true(fail.text[0]);
}

static void test_a_damaged_schema_is_refused(void **state)
{
    kt_fail fail;
    store *st = NULL;
    assert_int_equal(migrate(V1, &fail), KT_OK);
    int fd = open(path, O_RDWR);
    assert_int_equal(pwrite(fd, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, 100), 8); /* header of the first page's tree */
    close(fd);
    assert_int_equal(open_store(&st, &fail), KT_CORRUPT);
}

static void test_a_database_of_another_program_is_refused(void **state)
{
    sqlite3 *other = NULL;
    kt_fail fail;
    store *st = NULL;
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "CREATE TABLE x (y)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    assert_int_equal(open_store(&st, &fail), KT_REFUSED);
    assert_non_null(strstr(fail.text, "another program"));
}

static void test_the_file_is_private(void **state)
{
    struct stat s;
    char log[128];
    mode_t before = umask(0);
    assert_int_equal(rmdir(dir), 0);
    store *st = opened();
    umask(before);
    snprintf(log, sizeof log, "%s-wal", path);
    assert_int_equal(stat(dir, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0700);
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
    assert_int_equal(stat(log, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
    store_close(st);
    assert_int_equal(chmod(path, 0644), 0);
    store_close(opened());
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
}

static void test_a_folder_that_cannot_be_made_is_an_answer(void **state)
{
    kt_fail fail = { 0 };
    store *st = NULL;
    assert_int_equal(store_open(&(store_options){ .dir = "/proc/kontor/no", .clock = &test_clock }, &fail, &st), KT_IO);
    assert_non_null(strstr(fail.text, "/proc/kontor/no"));
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIR(test_a_version_runs_once_and_is_recorded),
        IN_DIR(test_a_newer_database_is_refused),
        IN_DIR(test_a_changed_version_is_refused_but_a_comment_may_be_mended),
        IN_DIR(test_a_failing_version_leaves_the_old_one),
        IN_DIR(test_versions_rise),
        cmocka_unit_test(test_a_kill_in_the_middle_leaves_the_old_version_or_the_new),
        IN_DIR(test_a_file_that_is_no_database_is_refused_with_words),
        IN_DIR(test_a_file_that_was_cut_off_is_refused),
        IN_DIR(test_a_damaged_schema_is_refused),
        IN_DIR(test_a_database_of_another_program_is_refused),
        IN_DIR(test_the_file_is_private),
        IN_DIR(test_a_folder_that_cannot_be_made_is_an_answer),
    };
    kt_log_set_level(KT_LOG_ERROR + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
