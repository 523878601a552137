/* SPDX-License-Identifier: Apache-2.0 */
/* proof.c -- the record of a consent id with the very words and layout that were shown (Art. 7(1) GDPR).
 * Visitors see their own; staff any whose number they were given. */
#include "consent/pages.h"
#include "consent/queries.h"

static kt_str say(const consent_room *room, request *rq, const char *from, kt_str word)
{
    return page_text(room->house->pages, rq->mem, rq->lang,
                     kt_str_z(rq->mem, kt_str_fmt(rq->mem, "consent.%s.%.*s", from, KT_ARG(word))), NULL);
}

/* Service ids of a stored list in the words of today, or the bare id of a service that is gone. */
static kt_str service_names(const consent_room *room, request *rq, kt_str list_text)
{
    kt_value *list = NULL;
    kt_str names[POLICY_SERVICES_MAX];
    size_t n = 0;
    if (kt_json_parse(rq->mem, list_text, NULL, &list) != KT_OK) return list_text;
    KT_EACH(id, list) {
        if (n == POLICY_SERVICES_MAX) break;
        const service *s = registry_service(room->house->registry, kt_str_z(rq->mem, kt_as_str(id)));
        names[n++] = s ? words_in(&s->name, rq->lang) : kt_as_str(id);
    }
    return n ? kt_str_join(rq->mem, names, n, KT_STR(", ")) : KT_STR("–");
}

static void put_record(const consent_room *room, request *rq, const record *r, kt_value *row)
{
    kt_set_int(rq->mem, row, "seq", r->seq);
    kt_set_str(rq->mem, row, "when", page_datetime(rq->mem, rq->lang, r->decided_at));
    kt_set_str(rq->mem, row, "action", say(room, rq, "action", r->action));
    kt_set_str(rq->mem, row, "surface", say(room, rq, "surface", r->surface));
    kt_set_str(rq->mem, row, "granted", service_names(room, rq, r->granted));
    kt_set_str(rq->mem, row, "denied", service_names(room, rq, r->denied));
    kt_set_int(rq->mem, row, "version", r->policy_version);
    kt_set_str(rq->mem, row, "language", r->language);
    kt_set_str(rq->mem, row, "text_hash", r->text_hash);
    kt_set_str(rq->mem, row, "ui_hash", r->ui_hash);
    kt_set_str(rq->mem, row, "place", kt_str_fmt(rq->mem, "%.*s%.*s", KT_ARG(r->origin), KT_ARG(r->path)));
    kt_set_str(rq->mem, row, "browser", r->ua_family);
    kt_set_str(rq->mem, row, "ip_prefix", r->ip_prefix.at ? r->ip_prefix : KT_STR("–"));
    kt_set_bool(rq->mem, row, "gpc", r->gpc);
    kt_set_bool(rq->mem, row, "dnt", r->dnt);
    kt_set_bool(rq->mem, row, "conflict", r->conflict);
    kt_set_bool(rq->mem, row, "account", r->account_ref.at != NULL);
    kt_set_str(rq->mem, row, "shown", r->shown_at ? page_datetime(rq->mem, rq->lang, r->shown_at) : KT_STR("–"));
    kt_set_str(rq->mem, row, "kept_until", page_date(rq->mem, rq->lang, r->keep_until_at));
    kt_set_str(rq->mem, row, "hash", r->hash);
    kt_set_str(rq->mem, row, "prev_hash", r->prev_hash);
}

static kt_err stored_text(store *st, kt_arena *mem, kt_str hash, kt_str *body)
{
    kt_value *list = NULL;
    TRY(store_list(store_reader(st), &SQL_consent_text_get, ARGS(sql_text("hash", hash)), mem, &list));
    if (!list->first) return KT_CORRUPT;
    *body = kt_get_str(list->first, "body");
    return KT_OK;
}

/* The words as they stood then, not as they would be made today. */
static kt_err put_shown(const consent_room *room, request *rq, const record *r, kt_value *data)
{
    kt_str body = KT_STR_NONE, layout = KT_STR_NONE;
    kt_value *tree = NULL;
    TRY(stored_text(room->house->store, rq->mem, r->text_hash, &body));
    TRY(kt_json_parse(rq->mem, body, NULL, &tree));
    TRY(stored_text(room->house->store, rq->mem, r->ui_hash, &layout));
    kt_set_bool(rq->mem, data, "text_intact",
                kt_str_eq(kt_hash_hex(rq->mem, body), r->text_hash) &&
                    kt_str_eq(kt_hash_hex(rq->mem, layout), r->ui_hash));
    kt_set(rq->mem, data, "words", tree);
    kt_set_str(rq->mem, data, "layout_source", layout);
    return KT_OK;
}

static kt_err put_chain(const consent_room *room, request *rq, const record *r, kt_value *data)
{
    chain_report report;
    kt_sha256 key = room->head_key;
    int64_t day_ms = 0;
    TRY(record_verify(store_reader(room->house->store), kt_sha256_str(&key), r->day, rq->now_ms, &report));
    kt_value *chain = kt_set_map(rq->mem, data, "chain");
    kt_set_bool(rq->mem, chain, "ok", report.ok);
    kt_set_str(rq->mem, chain, "day", kt_time_parse(r->day, &day_ms) ? page_date(rq->mem, rq->lang, day_ms) : r->day);
    kt_set_int(rq->mem, chain, "records", report.records);
    kt_set_int(rq->mem, chain, "days", report.days);
    kt_set_str(rq->mem, chain, "bad_day", kt_str_dup(rq->mem, kt_str_c(report.bad_day)));
    return KT_OK;
}

kt_err consent_put_proof(const consent_room *room, request *rq, kt_str id, kt_value *data)
{
    record *list = NULL;
    size_t n = 0, shown = 0;
    int64_t seq = 0;
    TRY(record_history(store_reader(room->house->store), rq->mem, id, &list, &n));
    if (n == 0) return KT_NOT_FOUND;
    if (kt_str_int(request_query(rq, "seq"), &seq))
        for (size_t i = 0; i < n; i++)
            if (list[i].seq == seq) shown = i;
    kt_value *list_out = kt_set_list(rq->mem, data, "records");
    for (size_t i = 0; i < n; i++) {
        kt_value *row = kt_add_map(rq->mem, list_out);
        put_record(room, rq, &list[i], row);
        kt_set_bool(rq->mem, row, "current", i == shown);
        kt_set_bool(rq->mem, row, "in_force", i == 0);
    }
    put_record(room, rq, &list[shown], kt_set_map(rq->mem, data, "record"));
    kt_set_str(rq->mem, data, "proof_id", id);
    TRY(put_shown(room, rq, &list[shown], data));
    return put_chain(room, rq, &list[shown], data);
}

static bool is_own(const consent_room *room, request *rq, kt_str id)
{
    choice c;
    choice_read(room, rq, &c);
    return c.id[0] && !c.bad && kt_str_is(id, c.id);
}

kt_err consent_get_proof(request *rq, reply *rs)
{
    const consent_room *room = rq->room;
    kt_str id = request_param(rq, "id");
    if (!is_own(room, rq, id)) return KT_NOT_FOUND;
    kt_value *data = kt_map(rq->mem);
    TRY(consent_put_proof(room, rq, id, data));
    kt_set_bool(rq->mem, data, "no_index", true);
    kt_set_str(rq->mem, data, "base", kt_str_fmt(rq->mem, "/consent/proof/%.*s?", KT_ARG(id)));
    return page_reply(room->house->pages, rq, rs, 200, "consent/proof", data);
}

kt_err consent_get_account(request *rq, reply *rs)
{
    const consent_room *room = rq->room;
    db *d = store_reader(room->house->store);
    kt_value *data = kt_map(rq->mem), *out = kt_set_list(rq->mem, data, "records");
    account_choice now;
    record *list = NULL;
    size_t n = 0;
    kt_err err = choice_account_get(d, rq->mem, rq->session->subject, &now);
    if (err == KT_OK) {
        TRY(record_of_account(d, rq->mem, now.ref, &list, &n));
    } else if (err != KT_NOT_FOUND) {
        return err;
    }
    for (size_t i = 0; i < n; i++) {
        kt_value *row = kt_add_map(rq->mem, out);
        put_record(room, rq, &list[i], row);
        kt_set_bool(rq->mem, row, "in_force", i == 0);
        kt_set_str(rq->mem, row, "proof_href",
                   is_own(room, rq, list[i].id)
                       ? kt_str_fmt(rq->mem, "/consent/proof/%.*s?seq=%lld", KT_ARG(list[i].id), (long long)list[i].seq)
                       : KT_STR(""));
    }
    kt_set_bool(rq->mem, data, "empty", n == 0);
    kt_set_bool(rq->mem, data, "no_index", true);
    return page_reply(room->house->pages, rq, rs, 200, "consent/account", data);
}
