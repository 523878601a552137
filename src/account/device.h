/* SPDX-License-Identifier: Apache-2.0 */
/* device.h -- the family of a browser and of a system, so that a person recognises their own sessions.
 *
 * A short table on purpose: a session needs a word somebody recognises, not a version or a model, and what
 * is not stored cannot be used to single anybody out. */
#ifndef KONTOR_ACCOUNT_DEVICE_H
#define KONTOR_ACCOUNT_DEVICE_H
#include "base/str.h"

typedef struct { const char *browser, *os; } device;      /* static words; "" when not recognised */
device device_of(kt_str user_agent);

#endif
