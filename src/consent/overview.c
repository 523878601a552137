/* SPDX-License-Identifier: Apache-2.0 */
/* overview.c -- the console's page on consent: decisions by day and service, the look-up of a proof, the
 * check of the chain, and what the page statistics know. Counts only; a person's record is opened by the
 * number they give, and that is written to the audit trail. */
#include "consent/pages.h"
#include "consent/queries.h"
#include "consent/views.h"

#define DAYS_SHOWN 30

static void put_number(request *rq, kt_value *row, const kt_value *from, const char *key)
{
    kt_set_str(rq->mem, row, key, page_number(rq->mem, rq->lang, kt_get_int(from, key, 0)));
}

static kt_err put_days(const consent_room *room, request *rq, kt_str from, kt_value *data)
{
    static const char *const counts[] = { "decisions", "accept_all", "necessary_only",
                                          "selected",  "withdrawn",  "signals" };
    kt_value *list = NULL;
    TRY(store_list(store_reader(room->house->store), &SQL_consent_decisions_by_day, ARGS(sql_text("from", from)),
                   rq->mem, &list));
    kt_value *days = kt_set_list(rq->mem, data, "days");
    KT_EACH(d, list) {
        int64_t ms = 0;
        kt_value *row = kt_add_map(rq->mem, days);
        kt_str day = kt_get_str(d, "day");
        kt_set_str(rq->mem, row, "day", kt_time_parse(day, &ms) ? page_date(rq->mem, rq->lang, ms) : day);
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) put_number(rq, row, d, counts[i]);
    }
    kt_set_bool(rq->mem, data, "has_days", days->count > 0);
    return KT_OK;
}

/* How often each service was allowed and refused, from the few different lists there are. */
static kt_err put_services(const consent_room *room, request *rq, kt_str from, kt_value *data)
{
    const policy *p = room->policy;
    int64_t granted[POLICY_SERVICES_MAX] = { 0 }, denied[POLICY_SERVICES_MAX] = { 0 };
    kt_value *list = NULL;
    TRY(store_list(store_reader(room->house->store), &SQL_consent_decisions_by_list, ARGS(sql_text("from", from)),
                   rq->mem, &list));
    KT_EACH(d, list) {
        kt_value *yes = NULL, *no = NULL;
        TRY(kt_json_parse(rq->mem, kt_get_str(d, "granted"), &rq->fail, &yes));
        TRY(kt_json_parse(rq->mem, kt_get_str(d, "denied"), &rq->fail, &no));
        service_set in = policy_set(p, yes, NULL), out = policy_set(p, no, NULL);
        for (size_t i = 0; i < p->n; i++) {
            if (in & SERVICE_BIT(i)) granted[i] += kt_get_int(d, "decisions", 0);
            if (out & SERVICE_BIT(i)) denied[i] += kt_get_int(d, "decisions", 0);
        }
    }
    kt_value *rows_out = kt_set_list(rq->mem, data, "services");
    for (size_t i = 0; i < p->n; i++) {
        kt_value *row = kt_add_map(rq->mem, rows_out);
        int64_t all = granted[i] + denied[i];
        const char *category =
            kt_str_z(rq->mem, kt_str_fmt(rq->mem, "consent.category.%.*s.title", KT_ARG(p->services[i].category)));
        kt_set_str(rq->mem, row, "name", words_in(&p->services[i].declared->name, rq->lang));
        kt_set_str(rq->mem, row, "category", page_text(room->house->pages, rq->mem, rq->lang, category, NULL));
        kt_set_str(rq->mem, row, "granted", page_number(rq->mem, rq->lang, granted[i]));
        kt_set_str(rq->mem, row, "denied", page_number(rq->mem, rq->lang, denied[i]));
        kt_set_str(rq->mem, row, "share",
                   all ? kt_str_fmt(rq->mem, "%lld %%", (long long)(granted[i] * 100 / all)) : KT_STR("–"));
    }
    return KT_OK;
}

static kt_err put_views(const consent_room *room, request *rq, kt_value *data)
{
    static const char *const bands[] = { "", "1", "2–5", "6–20", "21+" };
    kt_value *list = NULL;
    TRY(views_bands(store_reader(room->house->store), rq->mem, &list));
    kt_value *out = kt_set_list(rq->mem, data, "views");
    KT_EACH(b, list) {
        int64_t band = kt_get_int(b, "band", 0);
        kt_value *row = kt_add_map(rq->mem, out);
        kt_set_c(rq->mem, row, "band", band >= 1 && band <= 4 ? bands[band] : "");
        put_number(rq, row, b, "visitors");
        put_number(rq, row, b, "views");
    }
    kt_set_bool(rq->mem, data, "has_views", out->count > 0);
    return KT_OK;
}

static kt_err put_check(const consent_room *room, request *rq, kt_value *data)
{
    chain_report report;
    kt_sha256 key = room->head_key;
    TRY(record_verify(store_reader(room->house->store), kt_sha256_str(&key), KT_STR_NONE, rq->now_ms, &report));
    kt_value *chain = kt_set_map(rq->mem, data, "whole");
    kt_set_bool(rq->mem, chain, "ok", report.ok);
    kt_set_str(rq->mem, chain, "records", page_number(rq->mem, rq->lang, report.records));
    kt_set_str(rq->mem, chain, "days", page_number(rq->mem, rq->lang, report.days));
    kt_set_str(rq->mem, chain, "bad_day", kt_str_dup(rq->mem, kt_str_c(report.bad_day)));
    return KT_OK;
}

static kt_err audit_look(db *d, void *ctx)
{
    request *rq = ctx;
    audit_entry e = {
        .actor_kind = "staff",
        .actor = rq->session->subject,
        .action = "consent.proof.view",
        .object_kind = "consent",
        .object = request_query(rq, "id"),
        .result = "ok",
        .request_id = kt_str_c(rq->id),
        .ip_prefix = rq->peer.known ? http_addr_prefix(rq->mem, &rq->peer) : KT_STR_NONE,
    };
    return audit_write(d, &e, rq->now_ms);
}

static kt_err put_look_up(const consent_room *room, request *rq, kt_value *data)
{
    kt_str id = kt_str_trim(request_query(rq, "id"));
    kt_set_str(rq->mem, data, "looked_for", id);
    if (kt_str_empty(id)) return KT_OK;
    kt_value *proof = kt_map(rq->mem);
    kt_err err = consent_put_proof(room, rq, id, proof);
    kt_set_bool(rq->mem, data, "not_found", err == KT_NOT_FOUND);
    if (err != KT_OK) return err == KT_NOT_FOUND ? KT_OK : err;
    kt_buf base;
    kt_buf_init(&base, 512);
    kt_buf_put_c(&base, "/console/consent?id=");
    kt_buf_put_percent(&base, id);
    kt_buf_put_c(&base, "&");
    kt_set_str(rq->mem, proof, "base", kt_str_dup(rq->mem, kt_buf_str(&base)));
    kt_buf_free(&base);
    kt_set(rq->mem, data, "proof", proof);
    return store_write(room->house->store, audit_look, rq);
}

kt_err consent_get_overview(request *rq, reply *rs)
{
    const consent_room *room = rq->room;
    kt_value *data = kt_map(rq->mem);
    kt_str from = kt_time_day(rq->mem, rq->now_ms - DAYS_SHOWN * KT_DAY_MS);
    kt_set_c(rq->mem, data, "layout", "console/layout");
    kt_set_bool(rq->mem, data, "wide", true);
    kt_set_int(rq->mem, data, "version", room->policy->version);
    kt_set_str(rq->mem, data, "version_since", page_date(rq->mem, rq->lang, room->policy->made_at));
    TRY(put_look_up(room, rq, data));
    TRY(put_days(room, rq, from, data));
    TRY(put_services(room, rq, from, data));
    TRY(put_views(room, rq, data));
    if (request_query(rq, "check").at) TRY(put_check(room, rq, data));
    return page_reply(room->house->pages, rq, rs, 200, "consent/console", data);
}
