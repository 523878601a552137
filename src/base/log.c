/* SPDX-License-Identifier: Apache-2.0 */
/* log.c -- one write() a line, so that lines of several threads never mix. The level is the only state. */
#include "base/log.h"
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"

static atomic_int least_level = KT_LOG_INFO;

void kt_log_set_level(kt_log_level least) { atomic_store(&least_level, (int)least); }

void kt_log_event(kt_log_level level, const char *event, const kt_log_field *fields)
{
    static const char *const names[] = { "debug", "info", "warn", "error" };
    if ((int)level < atomic_load(&least_level)) return;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now); /* the log is about the machine: real time, always */
    kt_civil c = kt_civil_utc((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
    kt_buf line;
    kt_buf_init(&line, 4000);
    kt_buf_put_fmt(&line, "{\"ts\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\",\"level\":\"%s\",\"event\":", c.year,
                   c.month, c.day, c.hour, c.minute, c.second, c.ms, names[level]);
    kt_buf_put_json(&line, kt_str_c(event));
    for (; fields && fields->key; fields++) {
        kt_buf_put_byte(&line, ',');
        kt_buf_put_json(&line, kt_str_c(fields->key));
        kt_buf_put_byte(&line, ':');
        if (fields->word)
            kt_buf_put_json(&line, kt_str_c(fields->word));
        else
            kt_buf_put_int(&line, fields->number);
    }
    kt_buf_put_c(&line, "}\n");
    ssize_t written = write(STDERR_FILENO, line.at, line.len);
    (void)written; /* nowhere left to complain */
    kt_buf_free(&line);
}
