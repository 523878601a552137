/* SPDX-License-Identifier: Apache-2.0 */
/* views.c -- counting page views under consent. See views.h. */
#include <assert.h>
#include <stdlib.h>
#include "consent/views.h"
#include "consent/queries.h"

typedef struct {
    const consent_room *room;
    char visitor[STORE_ID_LEN + 1], consent_id[STORE_ID_LEN + 1];
    int64_t now_ms;
} view;

static kt_err count_view(db *d, void *ctx)
{
    const view *v = ctx;
    const policy *p = v->room->policy;
    record r;
    service_set changed = 0, asked = 0;
    kt_arena *mem = kt_arena_new();
    kt_err err = record_latest(d, mem, kt_str_c(v->consent_id), &r);
    int i = policy_find(p, KT_STR(VIEWS_SERVICE));
    bool holds = err == KT_OK && i >= 0 && (choice_record_holds(p, mem, &r, &changed, &asked) & SERVICE_BIT(i));
    if (holds) {
        int64_t day = v->now_ms - v->now_ms % KT_DAY_MS;
        err = store_exec(d, &SQL_consent_page_views_count,
                         ARGS(sql_text("visitor", kt_str_c(v->visitor)),
                              sql_text("consent_id", kt_str_c(v->consent_id)), sql_int("day", day)),
                         NULL);
    }
    kt_arena_free(mem);
    return err == KT_NOT_FOUND ? KT_OK : err;
}

static void view_done(kt_err err, void *ctx) { free(ctx); }

kt_err views_count(const consent_room *room, const permit *p, kt_str visitor, kt_str consent_id, int64_t now_ms)
{
    assert(permit_service(p) && kt_str_is(permit_service(p)->id, VIEWS_SERVICE));
    if (visitor.len != STORE_ID_LEN || consent_id.len != STORE_ID_LEN) return KT_BAD_INPUT;
    view *v = kt_calloc(1, sizeof *v);
    v->room = room;
    v->now_ms = now_ms;
    memcpy(v->visitor, visitor.at, STORE_ID_LEN);
    memcpy(v->consent_id, consent_id.at, STORE_ID_LEN);
    kt_err err = store_write_later(room->house->store, count_view, view_done, v);
    if (err != KT_OK) free(v);
    return err;
}

/* A page that a person opened: not a script's request, a picture, a form's answer or an error. */
static bool is_page_view(request *rq, const reply *rs)
{
    if (!kt_str_is(rq->method, "GET") || reply_get_status(rs) != 200) return false;
    kt_str dest = request_header(rq, "Sec-Fetch-Dest");
    return dest.at ? kt_str_is(dest, "document") : kt_str_starts(request_header(rq, "Accept"), KT_STR("text/html"));
}

static bool is_visitor_id(kt_arena *mem, kt_str value)
{
    kt_str bytes;
    return value.len == STORE_ID_LEN && kt_base64url_decode(mem, value, &bytes) && bytes.len == 16;
}

void views_finish(const consent_room *room, request *rq, reply *rs, const choice *c)
{
    const registry *r = room->house->registry;
    const permit *permit_given = NULL;
    int i = policy_find(room->policy, KT_STR(VIEWS_SERVICE));
    if (i < 0 || !(c->granted & SERVICE_BIT(i)) || !is_page_view(rq, rs)) return;
    permit_subject who = { .rq = rq };
    if (permit_ask(r, rq->mem, &who, VIEWS_ACTIVITY, VIEWS_SERVICE, NULL, &permit_given) != KT_OK) return;
    bool twice = false;
    kt_str visitor = cookie_get(r, rq, "seen", &twice);
    if (twice || !is_visitor_id(rq->mem, visitor)) {
        visitor = kt_random_token(room->house->random, rq->mem, 16);
        if (cookie_set(r, rq, rs, "seen", visitor, false, permit_given) != KT_OK) return;
    }
    (void)!views_count(room, permit_given, visitor, kt_str_c(c->id), rq->now_ms);
}

kt_err views_bands(db *d, kt_arena *mem, kt_value **out)
{
    return store_list(d, &SQL_consent_page_views_bands, NULL, mem, out);
}
