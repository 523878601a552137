/* SPDX-License-Identifier: Apache-2.0 */
/* weblog.h -- the room of the access log (activities platform-delivery and access-logs).
 *
 *   request ends → record.c (ring, writer thread) → segment.c (an hour a file, seven days, then unassignable)
 *                                   ↑ user_agent.c: system and browser instead of the string
 *   readers: `kontor log …` (command.c), /console/access-log (console.c); each says for which purpose
 *
 * The room stands alone: it shares no key with any table, the store cannot reach its files, and no event of
 * the bus comes in or goes out. */
#ifndef KONTOR_WEBLOG_WEBLOG_H
#define KONTOR_WEBLOG_WEBLOG_H
#include "register/module.h"
#include "weblog/counts.h"
#include "weblog/record.h"

extern const module weblog_module;

/* From the register's retention and the part `weblog` of kontor.yaml. */
typedef struct {
    int64_t     keep_ms, long_keep_ms;     /* long_keep_ms 0: no long tier */
    address_cut cut;
    bool        minimal;                   /* profile "declaration" */
    kt_str      user_agents;               /* a newer regexes.yaml, or NONE: the built-in one */
} weblog_settings;

typedef struct {
    house          *house;
    weblog_settings settings;
    segments       *segments;              /* NULL: no data directory */
    recorder       *recorder;              /* NULL on the command line */
    count_cache    *cache;
    kt_metric      *destroyed;
} weblog;

/* KT_REFUSED with the key in fail->field when something would go past the declared maximum. */
kt_err weblog_read_settings(const registry *r, kt_fail *fail, weblog_settings *out) KT_MUST_CHECK;

/* command.c, console.c, demo.c */
int    weblog_command(house *h, void *room, int argc, char **argv);
kt_err weblog_get_console(request *rq, reply *rs);
kt_err weblog_demo(house *h, void *room);

#endif
