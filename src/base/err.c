/* SPDX-License-Identifier: Apache-2.0 */
/* err.c -- the three views of the error table: words, name, status. */
#include "base/err.h"
#include <stdio.h>

static const struct { const char *name, *text; int status; } table[KT_ERR_COUNT] = {
#define ROW(name, status, words) [KT_##name] = { #name, words, status },
    KT_ERRORS(ROW)
#undef ROW
};

static unsigned row(kt_err err) { return (unsigned)err < KT_ERR_COUNT ? (unsigned)err : (unsigned)KT_INTERNAL; }

const char *kt_err_text(kt_err err) { return table[row(err)].text; }
const char *kt_err_name(kt_err err) { return table[row(err)].name; }
int kt_err_status(kt_err err) { return table[row(err)].status; }

kt_err kt_fail_set(kt_fail *fail, kt_err err, const char *field, const char *fmt, ...)
{
    if (!fail || fail->err != KT_OK) return err;
    fail->err = err;
    snprintf(fail->field, sizeof fail->field, "%s", field ? field : "");
    va_list args;
    va_start(args, fmt);
    vsnprintf(fail->text, sizeof fail->text, fmt, args);
    va_end(args);
    return err;
}
