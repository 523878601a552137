/* SPDX-License-Identifier: Apache-2.0 */
/* register.c -- the register as a room of the house: the public notice's pages, its jobs and metrics. */
#include <stdlib.h>
#include "base/hash.h"
#include "register/module.h"
#include "register/notice_pages.h"
#include "register/notice_pages.h"
#include "register/retention.h"

/* Begins with the notice's room: its routes are ours. */
typedef struct {
    notice_room notice;
    const house *house;
} register_room;

static kt_err run_retention(void *room, kt_arena *mem, int64_t now_ms)
{
    const house *h = ((register_room *)room)->house;
    return retention_run(h->registry, h->store, mem, now_ms, NULL);
}

/* The rule "trail" of the activity audit-trail: the chain can only be cut at its beginning, so the
 * generic job cannot do it. */
static int64_t trail_ends(const registry *r, int64_t now_ms)
{
    const activity *a = registry_activity(r, "audit-trail");
    for (size_t i = 0; a && i < a->n_keeps; i++)
        if (kt_str_is(a->keeps[i].id, "trail"))
            return retention_cutoff(now_ms, a->keeps[i].keep_ms, a->keeps[i].keep_months, false);
    return INT64_MIN;
}

typedef struct {
    const house *house;
    kt_arena *mem;
    int64_t now_ms;
} audit_care;

static kt_err cut_and_seal(db *d, void *ctx)
{
    const audit_care *c = ctx;
    int64_t removed = 0;
    kt_sha256 key = kt_hmac(c->house->secret, KT_STR("audit head"));
    TRY(audit_cut(d, trail_ends(c->house->registry, c->now_ms), c->now_ms, &removed));
    kt_err err = audit_seal(d, c->mem, kt_sha256_str(&key), c->now_ms);
    kt_wipe(&key, sizeof key);
    return err;
}

static kt_err run_audit(void *room, kt_arena *mem, int64_t now_ms)
{
    audit_care c = { ((register_room *)room)->house, mem, now_ms };
    return store_write(c.house->store, cut_and_seal, &c);
}

static const job register_jobs[] = {
    {"register.retention", KT_HOUR_MS, run_retention},
    { "register.audit",    KT_HOUR_MS, run_audit    },
    { NULL,                0,          NULL         }
};

static kt_err init(house *h, kt_fail *fail, void **room)
{
    (void)fail;
    register_room *self = kt_calloc(1, sizeof *self);
    self->house = h;
    registry_set_metrics(h->registry, h->metrics);
    kt_err err =
        h->server ? notice_room_open(&self->notice, h->registry, h->pages, h->store, kt_now_ms(h->clock)) : KT_OK;
    if (err != KT_OK) {
        free(self);
        return err;
    }
    *room = self;
    return KT_OK;
}

static void stop(void *room)
{
    register_room *self = room;
    if (self->house->server) notice_room_close(&self->notice);
    free(self);
}

extern const module register_module;
const module register_module = {
    .name = "register",
    .routes = notice_routes,
    .jobs = register_jobs,
    .init = init,
    .stop = stop,
};
