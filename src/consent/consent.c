/* SPDX-License-Identifier: Apache-2.0 */
/* consent.c -- the room's rows: routes, jobs, bus, console, and how it is opened. See consent.h. */
#include <stdlib.h>
#include "consent/consent.h"
#include "consent/enforce.h"
#include "consent/pages.h"

#define BODY_MAX 4096

static const route routes[] = {
    { "GET",  "/consent/state",         consent_get_state,     HTTP_READ,   "cookies-necessary", HTTP_PUBLIC, HTTP_NO_STORE, 0, NULL, NULL },
    { "GET",  "/consent/config.json",   consent_get_config,    HTTP_INLINE, "cookies-necessary", HTTP_PUBLIC, HTTP_NO_COOKIE, 0, NULL, NULL },
    { "POST", "/consent",               consent_post,          HTTP_WORK,   "consent-proof",     HTTP_PUBLIC, HTTP_NO_CSRF | HTTP_NO_STORE, BODY_MAX, NULL, NULL },
    { "POST", "/consent/withdraw",      consent_post_withdraw, HTTP_WORK,   "consent-proof",     HTTP_PUBLIC, HTTP_NO_CSRF | HTTP_NO_STORE, BODY_MAX, NULL, NULL },
    { "GET",  "/consent/proof/{id}",    consent_get_proof,     HTTP_WORK,   "consent-proof",     HTTP_PUBLIC, HTTP_NO_STORE, 0, NULL, NULL },
    { "GET",  "/privacy/cookies",       consent_get_settings,  HTTP_READ,   "cookies-necessary", HTTP_PUBLIC, 0, 0, NULL, NULL },
    { "POST", "/privacy/cookies",       consent_post,          HTTP_WORK,   "consent-proof",     HTTP_PUBLIC, HTTP_NO_CSRF | HTTP_NO_STORE, BODY_MAX, NULL, NULL },
    { "GET",  "/account/consents",      consent_get_account,   HTTP_READ,   "consent-proof",     HTTP_ACCOUNT, HTTP_NO_STORE, 0, NULL, NULL },
    { "GET",  "/.well-known/gpc.json",  consent_get_gpc,       HTTP_INLINE, "cookies-necessary", HTTP_PUBLIC, HTTP_NO_COOKIE, 0, NULL, NULL },
    { "GET",  "/console/consent",       consent_get_overview,  HTTP_WORK,   "consent-proof",     HTTP_STAFF,  0, 0, "privacy,support", NULL },
    { 0 }
};

static const console_entry entries[] = {
    { "console.menu.platform", "consent.menu", "/console/consent", "privacy,support", 90 },
    { NULL, NULL, NULL, NULL, 0 }
};

/* Deletes the proofs whose time is over; shortened addresses go by the register's own rule. */
static kt_err keep_records(void *ctx, kt_arena *mem, int64_t now_ms)
{
    const consent_room *room = ctx;
    int64_t deleted = 0;
    const kt_str in_force[3] = { room->policy->ui_hash, room->policy->words[0].hash, room->policy->words[1].hash };
    return record_expire(room->house->store, in_force, now_ms, &deleted);
}

static const job jobs_of_room[] = { { "consent.keep", KT_HOUR_MS, keep_records }, { NULL, 0, NULL } };

static const subscription subscriptions[] = {
    { BUS_ACCOUNT_SIGNED_IN, decide_signed_in }, { BUS_ACCOUNT_CLOSED, decide_account_closed }, { 0, NULL }
};

static const char *const cookies[] = { "consent", "lang", "seen", NULL };

static void make_metrics(consent_room *room)
{
    kt_metrics *m = room->house->metrics;
    room->decisions = kt_metric_new(m, KT_COUNTER, "kontor_consent_decisions_total",
                                    "Decisions on optional services, by category.", "category,decision");
    room->banner =
        kt_metric_new(m, KT_COUNTER, "kontor_consent_banner_total", "Pages on which the banner was shown.", "");
    room->refused =
        kt_metric_new(m, KT_COUNTER, "kontor_consent_unrecorded_total", "Decisions that could not be recorded.", "");
    room->banner_series = kt_metric_series(room->banner, NULL);
    room->refused_series = kt_metric_series(room->refused, NULL);
    for (size_t i = 0; i < room->policy->n; i++) {
        const char *category = kt_str_z(room->mem, room->policy->services[i].category);
        const char *yes[] = { category, "granted" }, *no[] = { category, "denied" };
        room->granted_series[i] = kt_metric_series(room->decisions, yes);
        room->denied_series[i] = kt_metric_series(room->decisions, no);
    }
}

static kt_err make_room(consent_room *room, kt_fail *fail)
{
    house *h = room->house;
    TRY(policy_make(h->registry, h->pages, h->store, room->mem, kt_now_ms(h->clock), fail, &room->policy));
    TRY(enforce_check_hosts(room->policy, fail));
    room->cookie_key = kt_hmac(h->secret, KT_STR("consent-cookie"));
    room->head_key = kt_hmac(h->secret, KT_STR("consent-head"));
    room->keep = record_keep_of(h->registry);
    room->lifetime_ms = room->keep.lifetime_ms;
    make_metrics(room);
    permit_set_consent_hook(h->registry, choice_permits, room);
    if (h->pages) pages_add_global(h->pages, consent_add_bar, room);
    if (h->server) http_add_finish(h->server, enforce_finish, room);
    return KT_OK;
}

static void room_free(consent_room *room)
{
    kt_arena_free(room->mem);
    kt_wipe(room, sizeof *room);
    free(room);
}

static kt_err init(house *h, kt_fail *fail, void **out)
{
    consent_room *room = kt_calloc(1, sizeof *room);
    room->house = h;
    room->mem = kt_arena_new();
    kt_err err = make_room(room, fail);
    if (err == KT_OK)
        *out = room;
    else
        room_free(room);
    return err;
}

static kt_err nothing(db *d, void *ctx) { return KT_OK; }

/* Page views that were queued still hold this room: the writer runs in order, so one empty action ends
 * after them. */
static void stop(void *ctx)
{
    consent_room *room = ctx;
    (void)!store_write(room->house->store, nothing, NULL);
    room_free(room);
}

const module consent_module = {
    .name = "consent", .routes = routes, .jobs = jobs_of_room, .subscriptions = subscriptions, .console = entries,
    .cookies = cookies, .init = init, .demo = consent_demo, .stop = stop,
};
