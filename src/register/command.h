/* SPDX-License-Identifier: Apache-2.0 */
/* command.h -- `kontor check` and `kontor retention`: what they print and the exit status they give. */
#ifndef KONTOR_REGISTER_COMMAND_H
#define KONTOR_REGISTER_COMMAND_H
#include <stdio.h>
#include "register/check.h"

/* Prints every fault and warning, one a line as "file:line: reason", then a summary; with `json` one
 * object {ok, faults, warnings, activities, cookies, hash}. 0 when there is no fault, else 1. */
int command_check(const registry *r, const module *const *modules, store *st, bool json, FILE *out);
/* Deletes what is due at `now_ms` and says how much; `dry_run` only lists it. 0, or 1 when a rule failed. */
int command_retention(const registry *r, store *st, int64_t now_ms, bool dry_run, bool json, FILE *out);

#endif
