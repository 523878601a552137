/* SPDX-License-Identifier: Apache-2.0 */
/* permit.c -- the only place where a permit is made.
 *
 * What needs consent: an optional service (its category is not necessary), an activity that rests on
 * consent (Art. 6(1)(a)), and one that reads or writes the device beyond what is necessary
 * (§ 25(1) TDDDG). Where consent is needed and nobody is there to ask, the answer is no. */
#include "register/permit.h"
#include "register/inside.h"

struct permit {
    const activity *activity;
    const service *service;
    const recipient *to;
};

void permit_set_consent_hook(registry *r, permit_consent_hook hook, void *ctx)
{
    r->consent = hook;
    r->consent_ctx = ctx;
}

void permit_set_bar_hook(registry *r, permit_bar_hook hook, void *ctx)
{
    r->bar = hook;
    r->bar_ctx = ctx;
}

static bool covers(const service *s, const activity *a)
{
    for (size_t i = 0; i < s->n_activities; i++)
        if (kt_str_eq(s->activities[i], a->id)) return true;
    return false;
}

static bool is_optional(const service *s) { return !kt_str_is(s->category, "necessary"); }

static bool granted(const registry *r, const permit_subject *who, const service *s)
{
    return !is_optional(s) || (r->consent && r->consent(r->consent_ctx, who, s));
}

static kt_err refuse_consent(const activity *a, kt_fail *fail)
{
    return kt_fail_set(fail, KT_REFUSED, NULL, "no consent is given for %.*s", KT_ARG(a->id));
}

/* All optional services of the activity; *only is its one service, if it has but one. */
static kt_err ask_all(const registry *r, const permit_subject *who, const activity *a, kt_fail *fail,
                      const service **only)
{
    size_t services = 0, optional = 0;
    for (size_t i = 0; i < r->n_services; i++) {
        const service *s = r->services[i];
        if (!covers(s, a)) continue;
        services++;
        optional += is_optional(s);
        *only = s;
        if (!granted(r, who, s)) return refuse_consent(a, fail);
    }
    if (services != 1) *only = NULL;
    bool needed = activity_rests_on_consent(a) || kt_str_is(a->device_access, "consent");
    return needed && optional == 0 ? refuse_consent(a, fail) : KT_OK;
}

static kt_err ask(const registry *r, const permit_subject *who, const char *activity_id, const char *service_id,
                  kt_fail *fail, permit *p)
{
    p->activity = registry_activity(r, activity_id);
    if (!p->activity) return kt_fail_set(fail, KT_NOT_FOUND, NULL, "the register knows no activity %s", activity_id);
    if (service_id) {
        p->service = registry_service(r, service_id);
        if (!p->service || !covers(p->service, p->activity))
            return kt_fail_set(fail, KT_NOT_FOUND, NULL, "activity %s has no service %s", activity_id, service_id);
        if (!granted(r, who, p->service)) return refuse_consent(p->activity, fail);
    } else {
        TRY(ask_all(r, who, p->activity, fail, &p->service));
    }
    if (r->bar && r->bar(r->bar_ctx, who, p->activity))
        return kt_fail_set(fail, KT_REFUSED, NULL, "an objection or a restriction stands against %s", activity_id);
    return KT_OK;
}

static const permit *keep(kt_arena *mem, const permit *p)
{
    permit *kept = KT_NEW(mem, permit);
    *kept = *p;
    return kept;
}

kt_err permit_ask(const registry *r, kt_arena *mem, const permit_subject *who, const char *activity_id,
                  const char *service_id, kt_fail *fail, const permit **out)
{
    static const permit_subject nobody;
    permit p = { 0 };
    *out = NULL;
    TRY(ask(r, who ? who : &nobody, activity_id, service_id, fail, &p));
    *out = keep(mem, &p);
    return KT_OK;
}

/* Engaged for this activity and addressed by us: who only receives onward from another gets nothing here. */
static const recipient *engaged(const activity *a, const char *id)
{
    for (size_t i = 0; i < a->n_recipients; i++)
        if (kt_str_is(a->recipients[i]->id, id) && !a->recipients[i]->onward) return a->recipients[i];
    return NULL;
}

kt_err permit_transfer(const registry *r, kt_arena *mem, const permit_subject *who, const char *activity_id,
                       const char *recipient_id, kt_fail *fail, const permit **out)
{
    static const permit_subject nobody;
    permit p = { 0 };
    *out = NULL;
    const activity *a = registry_activity(r, activity_id);
    if (!a) return kt_fail_set(fail, KT_NOT_FOUND, NULL, "the register knows no activity %s", activity_id);
    p.to = engaged(a, recipient_id);
    if (!p.to) {
        register_violated(r, VIOLATION_PROCESSOR);
        return kt_fail_set(fail, KT_REFUSED, NULL, "%s is no recipient of %s", recipient_id, activity_id);
    }
    if (!recipient_has_safeguard(p.to)) {
        register_violated(r, VIOLATION_TRANSFER);
        return kt_fail_set(fail, KT_REFUSED, NULL, "%s is in a third country and no dated safeguard is on file",
                           recipient_id);
    }
    TRY(ask(r, who ? who : &nobody, activity_id, NULL, fail, &p));
    *out = keep(mem, &p);
    return KT_OK;
}

const activity *permit_activity(const permit *p) { return p->activity; }
const service *permit_service(const permit *p) { return p->service; }
