/* SPDX-License-Identifier: Apache-2.0 */
/* check.h -- the register against the code: nothing personal without a declared activity.
 *
 * Run by `kontor check` and at every start, after migration. Each fault names file, line and reason. */
#ifndef KONTOR_REGISTER_CHECK_H
#define KONTOR_REGISTER_CHECK_H
#include "http/http.h"
#include "register/module.h"
#include "register/registry.h"
#include "store/store.h"

/* Columns of the live catalogue without a claim or with two; claims without a column; routes without a
 * known activity; cookies in code (modules' cookie lists) that are undeclared and declared own cookies
 * no module sets; services without activity; device_access=consent without service; cookies without
 * device permission; recipients in a third country without safeguard and date; retention that does not
 * resolve (no start, no such table or column, no value: a warning for KEEP_NEED); words missing in a
 * language. `warnings` may be NULL. */
kt_err check_register(const registry *r, const module *const *modules, store *st, kt_arena *mem,
                      kt_value *faults, kt_value *warnings) KT_MUST_CHECK;

#endif
