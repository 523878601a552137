/* SPDX-License-Identifier: Apache-2.0 */
/* module.h -- the shape of every room, and the house it is put into.
 *
 * A module is a folder: <name>.h (its face), <name>.c (this struct), activity.yaml, schema.sql,
 * queries.sql, texts.yaml, pages/. The files are embedded by the build and found by the module's name.
 * Adding a module is adding the folder and one line in platform.c. Modules never call each other. */
#ifndef KONTOR_REGISTER_MODULE_H
#define KONTOR_REGISTER_MODULE_H
#include "base/clock.h"
#include "base/metric.h"
#include "base/password.h"
#include "base/random.h"
#include "http/http.h"
#include "http/limit.h"
#include "http/page.h"
#include "http/session.h"
#include "register/audit.h"
#include "register/bus.h"
#include "register/cookie.h"
#include "register/jobs.h"
#include "register/permit.h"
#include "register/registry.h"
#include "store/mail.h"
#include "store/outbox.h"
#include "store/store.h"

/* What the platform hands to a module's init; lives until after every stop(). */
typedef struct house {
    const char     *data_dir;
    const kt_clock *clock;
    kt_random      *random;
    kt_metrics     *metrics;
    store          *store;
    outbox         *outbox;
    registry       *registry;
    bus            *bus;
    jobs           *jobs;
    pages          *pages;
    http_server    *server;       /* NULL on the command line */
    limiter        *limiter;
    kt_passwords   *passwords;
    kt_str          secret;       /* 32 bytes of DIR/instance.key: derive with kt_hmac(secret, "purpose") */
    bool            demo;
    bool            has_mail;     /* a mail deliverer is set up */
    const char     *mail_drop;    /* folder mails are written to, or NULL: the console shows it */
} house;

/* A page of the console: the frame makes its menu from these. */
typedef struct { const char *section; const char *text;    /* words key of the menu entry */
                 const char *path; const char *role; int order; } console_entry;

/* A subcommand `kontor <name> …`. Returns the exit status: 0 done, 1 refused with a reason, 2 usage. */
typedef struct { const char *name, *usage, *help; int (*run)(house *h, void *room, int argc, char **argv); } command;

typedef struct module {
    const char         *name;
    const route        *routes;          /* ends with method NULL; may be NULL */
    const job          *jobs;            /* ends with name NULL; may be NULL */
    const subscription *subscriptions;   /* ends with hear NULL; may be NULL */
    const console_entry*console;         /* ends with path NULL; may be NULL */
    const command      *commands;        /* ends with name NULL; may be NULL */
    const char *const  *cookies;         /* ids of the cookies this module sets; NULL-ended; may be NULL */
    kt_err (*init)(house *h, kt_fail *fail, void **room);   /* hooks, guards, metrics, own state */
    kt_err (*demo)(house *h, void *room);                   /* fills demo data; may be NULL */
    kt_err (*first_run)(house *h, void *room, kt_buf *say); /* at `kontor init`, once: lines for the operator */
    void   (*drain)(void *room);                            /* SIGTERM came: still serving, for a moment; may be NULL */
    void   (*stop)(void *room);
} module;

extern const module *const platform_modules[];   /* platform.c; NULL at the end */

#endif
