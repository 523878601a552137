/* SPDX-License-Identifier: Apache-2.0 */
/* Every statement of every module compiles against the tables the modules declare, under the rules that
 * hold while the program runs, and takes exactly the parameters its build gave it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/embedded.h"
#include "base/log.h"
#include "store/room.h"

extern const sql *const sql_all[];

static void migrate_file(store *st, const kt_embedded *file)
{
    kt_fail fail = { 0 };
    char module[64];
    snprintf(module, sizeof module, "%.*s", (int)strcspn(file->path, "/"), file->path);
    if (store_migrate(st, module, kt_embedded_str(file), &fail) != KT_OK) fail_msg("%s", fail.text);
}

static kt_err compile(db *d, void *ctx)
{
    int *wrong = ctx;
    for (size_t i = 0; sql_all[i]; i++) {
        engine_query *query = NULL;
        int params = 0;
        while (sql_all[i]->params[params]) params++;
        if (sql_all[i]->id != i || d->engine->prepare(d->conn, sql_all[i]->text, &query) != KT_OK) {
            print_error("%s:%d: %s does not compile\n", sql_all[i]->file, sql_all[i]->line, sql_all[i]->name);
            (*wrong)++;
            continue;
        }
        if (d->engine->params(query) != params) {
            print_error("%s:%d: %s has %d parameters, not %d\n", sql_all[i]->file, sql_all[i]->line, sql_all[i]->name,
                        d->engine->params(query), params);
            (*wrong)++;
        }
        d->engine->drop(query);
    }
    return KT_OK;
}

static void test_every_statement_compiles(void **state)
{
    kt_fail fail = { 0 };
    store *st = NULL;
    int wrong = 0;
    kt_clock clock = kt_clock_fixed(1);
    if (store_open(&(store_options){ .in_memory = true, .clock = &clock }, &fail, &st) != KT_OK)
        fail_msg("%s", fail.text);
    for (size_t i = 0; i < kt_embedded_count; i++)
        if (kt_str_ends(kt_str_c(kt_embedded_files[i].path), KT_STR("/schema.sql")))
            migrate_file(st, &kt_embedded_files[i]);
    assert_int_equal(store_write(st, compile, &wrong), KT_OK);
    store_close(st);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_statement_compiles) };
    kt_log_set_level(KT_LOG_WARN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
