/* SPDX-License-Identifier: Apache-2.0 */
/* log.h -- the program's own log: one line of JSON an event on standard error, without personal data.
 *
 * There is no call that takes a free string from outside: an event has a fixed name and up to four
 * integers or *configuration* words (module, table, route template, file of the operator). */
#ifndef KONTOR_BASE_LOG_H
#define KONTOR_BASE_LOG_H
#include "base/str.h"

typedef enum { KT_LOG_DEBUG, KT_LOG_INFO, KT_LOG_WARN, KT_LOG_ERROR } kt_log_level;
typedef struct { const char *key; const char *word; int64_t number; } kt_log_field;   /* word NULL: number */
#define KT_WORD(key, word)     ((kt_log_field){ (key), (word), 0 })
#define KT_NUMBER(key, number) ((kt_log_field){ (key), NULL, (int64_t)(number) })

void kt_log_set_level(kt_log_level least);
/* Fields end with a key of NULL: kt_log(KT_LOG_WARN, "store.busy", KT_NUMBER("ms", 12)). */
void kt_log_event(kt_log_level level, const char *event, const kt_log_field *fields);
#ifndef __cppcheck__                   /* which does not know __VA_OPT__ */
#define kt_log(level, event, ...) \
    kt_log_event((level), (event), (const kt_log_field[]){ __VA_ARGS__ __VA_OPT__(,) { NULL, NULL, 0 } })
#else
#define kt_log(level, event, ...) kt_log_event((level), (event), NULL)
#endif

#endif
