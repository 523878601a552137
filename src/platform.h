/* SPDX-License-Identifier: Apache-2.0 */
/* platform.h -- puts the rooms together: the one list of modules, and the order in which a house opens.
 *
 * Opening: clock, store, migrations, register, check, then each module's init in the order of the list.
 * Nothing listens before the check has passed and every module has said yes. Closing is the reverse. */
#ifndef KONTOR_PLATFORM_H
#define KONTOR_PLATFORM_H
#include "register/module.h"

typedef struct platform platform;

typedef struct {
    const char *data_dir;       /* NULL: a store in memory, for `check`, `notice` and `register` */
    const char *config_file;    /* NULL: DATA/kontor.yaml when it is there, else the built-in demo operator */
    const char *listen;         /* NULL: "127.0.0.1:8080" or the configuration's */
    const char *test_clock;     /* file with Unix milliseconds; loopback only */
    const char *mail_drop;      /* folder mails are written to; loopback only */
    bool serve;                 /* opens the server, starts jobs and the outbox */
    bool create;                /* `init`: makes the directory and the key */
    bool register_only;         /* for `check`, `notice`, `register`: store, register and pages, no room opened */
} platform_options;

/* On failure `fail` has the words and `faults` (a list) every line of the check that did not pass. */
kt_err platform_open(const platform_options *options, kt_arena *mem, kt_value *faults, kt_fail *fail, platform **out)
    KT_MUST_CHECK;
/* Serves until SIGTERM or SIGINT; SIGHUP loads the certificate anew. */
kt_err platform_serve(platform *p, kt_fail *fail) KT_MUST_CHECK;
void   platform_close(platform *p);

house *platform_house(platform *p);
/* Fills every module's demo data, in the order of the list. */
kt_err platform_demo(platform *p, kt_fail *fail) KT_MUST_CHECK;
/* What each module has to say once after `init`: how the first owner signs in, … */
kt_err platform_first_run(platform *p, kt_buf *say) KT_MUST_CHECK;
/* The command of that name and its room, or NULL. */
const command *platform_command(platform *p, const char *name, void **room);

#endif
