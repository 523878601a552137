/* SPDX-License-Identifier: Apache-2.0 */
/* The store from basic to complex: rows go in and come out, errors say what they are, a failing action
 * leaves nothing, deleted bytes are gone, what is damaged or foreign is refused with words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "store/store.h"

static const char thing_schema[] =
    "-- version 1: things\n"
    "CREATE TABLE thing (id TEXT NOT NULL PRIMARY KEY, size INTEGER CHECK (size < 1000), body BLOB, weight REAL) STRICT;\n";

static const sql add = { "thing_add", "INSERT INTO thing (id, size, body, weight) VALUES (?1, ?2, ?3, ?4)",
    (const char *const[]){ "id", "size", "body", "weight", NULL }, "test", 1, 7001 };
static const sql all = { "thing_all", "SELECT id, size, body, weight FROM thing ORDER BY id",
    (const char *const[]){ NULL }, "test", 2, 7002 };
static const sql count = { "thing_count", "SELECT count(*) FROM thing", (const char *const[]){ NULL }, "test", 3, 7003 };

static store *open_memory(void)
{
    store *st = NULL;
    kt_fail fail = { 0 };
    static kt_clock clock;
    clock = kt_clock_fixed(1000);
    if (store_open(&(store_options){ .in_memory = true, .clock = &clock }, &fail, &st) != KT_OK) fail_msg("%s", fail.text);
    if (store_migrate(st, "thing", KT_STR_NONE, &fail) != KT_OK) fail_msg("%s", fail.text);
    if (store_migrate(st, "thing", kt_str_c(thing_schema), &fail) != KT_OK) fail_msg("%s", fail.text);
    return st;
}

static kt_err add_two(db *d, void *ctx)
{
    TRY(store_exec(d, &add, ARGS(sql_text("id", KT_STR("a")), sql_int("size", 1), sql_blob("body", KT_STR("x\0y")),
                                 sql_real("weight", 1.5)), ctx));
    return store_exec(d, &add, ARGS(sql_text("id", KT_STR("b")), sql_null("size"), sql_null("body"),
                                    sql_null("weight")), NULL);
}

static void test_rows_go_in_and_come_out(void **state)
{
    store *st = open_memory();
    int64_t changed = 0, n = 0;
    rows *r = NULL;
    assert_int_equal(store_write(st, add_two, &changed), KT_OK);
    assert_int_equal(changed, 1);
    db *d = store_reader(st);
    assert_int_equal(store_one_int(d, &count, ARGS(), &n), KT_OK);
    assert_int_equal(n, 2);
    assert_int_equal(store_rows(d, &all, ARGS(), &r), KT_OK);
    assert_true(rows_next(r));
    assert_true(kt_str_is(rows_text(r, "id"), "a"));
    assert_int_equal(rows_int(r, "size"), 1);
    assert_true(kt_str_eq(rows_blob(r, "body"), KT_STR("x\0y")));
    assert_true(rows_real(r, "weight") == 1.5);
    assert_true(rows_next(r));
    assert_true(rows_is_null(r, "body"));
    assert_null(rows_blob(r, "body").at);
    assert_false(rows_next(r));
    assert_int_equal(rows_end(r), KT_OK);
    store_close(st);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_go_in_and_come_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
