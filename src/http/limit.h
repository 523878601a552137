/* SPDX-License-Identifier: Apache-2.0 */
/* limit.h -- rate limits in bounded memory: token buckets by a hashed key, forgotten when full again. */
#ifndef KONTOR_HTTP_LIMIT_H
#define KONTOR_HTTP_LIMIT_H
#include "base/str.h"

typedef struct limiter limiter;
/* `keys_max` buckets at most; beyond, the least recently used one is forgotten. */
limiter *limiter_new(size_t keys_max);
void     limiter_free(limiter *l);
/* Takes one of `burst` that refill over `per_ms`; false with *retry_s (or NULL) when none is left. */
bool     limiter_take(limiter *l, const char *rule, kt_str key, unsigned burst, int64_t per_ms,
                      int64_t now_ms, int *retry_s);
void     limiter_forget(limiter *l, const char *rule, kt_str key);

#endif
