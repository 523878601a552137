/* SPDX-License-Identifier: Apache-2.0 */
/* record.c -- reading the registration record, and the two things every change of it does: telling the
 * other rooms, and leaving an audit row. */
#include "account/account.h"
#include "account/queries.h"

static void take_row(kt_arena *mem, rows *r, account *out)
{
    *out = (account){
        .id = kt_str_dup(mem, rows_text(r, "id")),
        .state = kt_str_dup(mem, rows_text(r, "state")),
        .email = kt_str_dup(mem, rows_text(r, "email")),
        .email_key = kt_str_dup(mem, rows_text(r, "email_key")),
        .last_name = kt_str_dup(mem, rows_text(r, "last_name")),
        .first_name = kt_str_dup(mem, rows_text(r, "first_name")),
        .street = kt_str_dup(mem, rows_text(r, "street")),
        .postcode = kt_str_dup(mem, rows_text(r, "postcode")),
        .city = kt_str_dup(mem, rows_text(r, "city")),
        .country = kt_str_dup(mem, rows_text(r, "country")),
        .phone = kt_str_dup(mem, rows_text(r, "phone")),
        .password_hash = kt_str_dup(mem, rows_text(r, "password_hash")),
        .language = kt_str_dup(mem, rows_text(r, "language")),
        .terms_version = kt_str_dup(mem, rows_text(r, "terms_version")),
        .consent_ref = kt_str_dup(mem, rows_text(r, "consent_ref")),
        .signup_ip = kt_str_dup(mem, rows_text(r, "signup_ip")),
        .password_version = rows_int(r, "password_version"),
        .registered_at = rows_int(r, "registered_at"),
        .confirmed_at = rows_int(r, "confirmed_at"),
        .deactivated_at = rows_int(r, "deactivated_at"),
        .erase_at = rows_int(r, "erase_at"),
        .version = rows_int(r, "version"),
        .changed_at = rows_int(r, "changed_at"),
    };
}

static kt_err take_one(db *d, const sql *q, const sql_arg *args, kt_arena *mem, account *out)
{
    rows *r = NULL;
    kt_err err = store_rows(d, q, args, &r);
    bool found = err == KT_OK && rows_next(r);
    if (found) take_row(mem, r, out);
    kt_err end = rows_end(r);
    if (err == KT_OK) err = end;
    return err == KT_OK && !found ? KT_NOT_FOUND : err;
}

kt_err account_by_id(db *d, kt_arena *mem, kt_str id, account *out)
{
    return take_one(d, &SQL_account_by_id, ARGS(sql_text("id", id)), mem, out);
}

kt_err account_by_email_key(db *d, kt_arena *mem, kt_str key, account *out)
{
    return take_one(d, &SQL_account_by_email, ARGS(sql_text("email_key", key)), mem, out);
}

kt_str account_new_id(account_room *room, kt_arena *mem) { return kt_random_token(room->h->random, mem, 16); }

kt_err account_tell(account_room *room, db *d, kt_arena *mem, bus_event event, kt_str id, int64_t now_ms)
{
    kt_value *facts = kt_map(mem);
    kt_set_str(mem, facts, "account", id);
    return bus_tell(room->h->bus, d, event, facts, now_ms);
}

kt_err account_audit(db *d, request *rq, const char *action, kt_str id, const char *result, const char *reason)
{
    bool known = id.len > 0;
    audit_entry e = { known ? "account" : "visitor",
                      id,
                      action,
                      known ? "account" : NULL,
                      id,
                      result,
                      kt_str_c(reason),
                      kt_str_c(rq->id),
                      http_addr_prefix(rq->mem, &rq->peer) };
    return audit_write(d, &e, rq->now_ms);
}

const char *account_origin(const account_room *room)
{
    if (room->h->server) return http_origin(room->h->server);
    return room->options.public_origin ? room->options.public_origin : "http://localhost:8080";
}

void account_count(account_room *room, const char *action, const char *result)
{
    if (!room->outcomes) return;
    kt_metric_add(room->outcomes, kt_metric_series(room->outcomes, (const char *const[]){ action, result }), 1);
}
