/* SPDX-License-Identifier: Apache-2.0 */
/* leave.c -- dissolving the registration (R4): what goes, what is held and until when, the days in which
 * it can be undone, and the erasure at their end.
 *
 *   active --delete--> deactivated --grace over--> erased
 *      ^                    |
 *      +---- undo link, or signing in
 *
 * Sessions and open links end at once. At the end of the grace every row about the person goes in one
 * transaction, in which the other rooms hear account.closed and remove or restrict what is theirs; then
 * the store's log is rewritten so that no deleted byte is left. */
#include "account/account.h"
#include "account/queries.h"

/* ---------------------------------------------------------------- what happens */

static kt_err audit_system(db *d, const char *action, kt_str id, const char *reason, int64_t now_ms)
{
    audit_entry e = { "system", KT_STR_NONE, action, "account", id, "ok", kt_str_c(reason), KT_STR_NONE, KT_STR_NONE };
    return audit_write(d, &e, now_ms);
}

kt_err account_deactivate(account_room *room, db *d, kt_arena *mem, const account *a, const mail_token *t,
                          int64_t now_ms)
{
    int64_t changed = 0, erase_at = now_ms + room->options.grace_ms;
    TRY(store_exec(d, &SQL_account_deactivate,
                   ARGS(sql_int("now", now_ms), sql_int("erase_at", erase_at), sql_text("id", a->id)), &changed));
    if (changed != 1) return KT_CONFLICT;
    TRY(session_end_all(d, a->id));
    TRY(store_exec(d, &SQL_account_token_delete_all, ARGS(sql_text("account", a->id)), NULL));
    TRY(token_put(d, t, "undo", a->id, NULL, 0, now_ms, room->options.grace_ms));
    kt_value *facts = kt_map(mem), *data = kt_map(mem);
    kt_set_str(mem, facts, "account", a->id);
    kt_set_int(mem, facts, "erase_at", erase_at);
    TRY(bus_tell(room->h->bus, d, BUS_ACCOUNT_DEACTIVATED, facts, now_ms));
    kt_set_str(mem, data, "erase_on", page_date(mem, kt_str_is(a->language, "en") ? "en" : "de", erase_at));
    letter l = { "deactivated", a->id,           a->email, kt_str_fmt(mem, "account.deactivated.%.*s", KT_ARG(t->id)),
                 a->language,   "/account/undo", t->text,  data };
    TRY(letter_put(room, d, mem, &l, now_ms));
    return audit_system(d, "account.deactivate", a->id, "own_request", now_ms);
}

kt_err account_restore(account_room *room, db *d, kt_arena *mem, const account *a, int64_t now_ms)
{
    int64_t changed = 0;
    TRY(store_exec(d, &SQL_account_restore, ARGS(sql_int("now", now_ms), sql_text("id", a->id)), &changed));
    if (changed != 1) return KT_GONE;
    TRY(token_end_kind(d, a->id, "undo"));
    TRY(account_tell(room, d, mem, BUS_ACCOUNT_RESTORED, a->id, now_ms));
    letter l = { "restored",  a->id,
                 a->email,    kt_str_fmt(mem, "account.restored.%.*s.%lld", KT_ARG(a->id), (long long)a->version),
                 a->language, "/account",
                 KT_STR_NONE, NULL };
    TRY(letter_put(room, d, mem, &l, now_ms));
    return audit_system(d, "account.restore", a->id, NULL, now_ms);
}

typedef struct {
    account_room *room;
    kt_arena *mem;
    kt_str id;
    int64_t now_ms;
} erasing;

static kt_err erase_action(db *d, void *ctx)
{
    static const sql *const statements[] = { &SQL_account_session_delete_all, &SQL_account_token_delete_all,
                                             &SQL_account_proof_delete_all, &SQL_account_sign_in_delete_all,
                                             &SQL_account_lockout_clear };
    erasing *e = ctx;
    int64_t dropped = 0;
    TRY(account_tell(e->room, d, e->mem, BUS_ACCOUNT_CLOSED, e->id, e->now_ms));
    TRY(outbox_drop_subject(d, e->id, NULL, &dropped));
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        TRY(store_exec(d, statements[i], ARGS(sql_text("account", e->id)), NULL));
    TRY(store_exec(d, &SQL_account_delete, ARGS(sql_text("id", e->id)), NULL));
    return audit_system(d, "account.erase", e->id, NULL, e->now_ms);
}

kt_err account_erase(account_room *room, kt_arena *mem, kt_str id, int64_t now_ms)
{
    erasing e = { room, mem, id, now_ms };
    kt_err err = store_write(room->h->store, erase_action, &e);
    session_cache_forget(room->sessions, id);
    account_count(room, "erase", err == KT_OK ? "ok" : "failed");
    return err;
}

/* ---------------------------------------------------------------- jobs */

static kt_err next_due(account_room *room, kt_arena *mem, int64_t now_ms, kt_value **ids)
{
    return store_list(store_reader(room->h->store), &SQL_account_due_for_erasure,
                      ARGS(sql_int("now", now_ms), sql_int("pending_before", now_ms - room->options.pending_ms)), mem,
                      ids);
}

kt_err job_erase(void *ctx, kt_arena *mem, int64_t now_ms)
{
    account_room *room = ctx;
    kt_value *ids = NULL;
    int64_t erased = 0;
    TRY(next_due(room, mem, now_ms, &ids));
    while (ids->count > 0) {
        KT_EACH(row, ids) {
            TRY(account_erase(room, mem, kt_get_str(row, "id"), now_ms));
            erased++;
        }
        TRY(next_due(room, mem, now_ms, &ids));
    }
    if (!erased) return KT_OK;
    kt_log(KT_LOG_INFO, "account.erased", KT_NUMBER("accounts", erased));
    kt_err err = store_scrub(room->h->store);
    return err == KT_BUSY ? KT_OK : err; /* an old reader stands: the next checkpoint does it */
}

static kt_err purge_action(db *d, void *ctx)
{
    int64_t now = *(const int64_t *)ctx;
    const session_times *t = &session_times_default;
    TRY(store_exec(d, &SQL_account_token_purge, ARGS(sql_int("now", now)), NULL));
    TRY(store_exec(d, &SQL_account_proof_delete_undone, ARGS(sql_int("before", now - 2 * KT_DAY_MS)), NULL));
    return store_exec(d, &SQL_account_session_purge,
                      ARGS(sql_int("idle_before", now - t->idle_ms), sql_int("absolute_before", now - t->absolute_ms),
                           sql_int("stay_idle_before", now - t->stay_idle_ms),
                           sql_int("stay_absolute_before", now - t->stay_absolute_ms)),
                      NULL);
}

kt_err job_purge(void *ctx, kt_arena *mem, int64_t now_ms)
{
    account_room *room = ctx;
    TRY(session_cache_flush(room->sessions)); /* first: a use that is not stored yet keeps a session alive */
    TRY(store_write(room->h->store, purge_action, &now_ms));
    session_cache_forget(room->sessions, KT_STR_NONE);
    return KT_OK;
}

kt_err job_touch(void *ctx, kt_arena *mem, int64_t now_ms)
{
    return session_cache_flush(((account_room *)ctx)->sessions);
}

/* ---------------------------------------------------------------- the pages */

static bool holds_accounts(const activity *a)
{
    for (size_t i = 0; i < a->n_stores; i++)
        if (kt_str_is(a->stores[i].subject_kind, "account")) return true;
    return false;
}

/* Gone with the account: what this room keeps, and what another room keeps until account.closed and has no
 * other rule for. (The proof of a consent loses its reference then and stays: that is held, not erased.) */
static bool goes_with_account(const activity *a)
{
    bool until_closed = false, longer = false;
    if (a->n_holds) return false;
    if (a->module && strcmp(a->module, "account") == 0) return true;
    for (size_t i = 0; i < a->n_keeps; i++) {
        bool closed = kt_str_is(a->keeps[i].start, "account_closed");
        until_closed |= closed;
        longer |= !closed && a->keeps[i].n_columns == 0;
    }
    return until_closed && !longer;
}

static void add_erased(request *rq, const activity *a, kt_value *list)
{
    kt_value *row = kt_add_map(rq->mem, list);
    kt_str names[32];
    size_t n = 0;
    for (; n < a->n_data && n < 32; n++) names[n] = words_in(&a->data[n].name, rq->lang);
    kt_set_str(rq->mem, row, "name", words_in(&a->title, rq->lang));
    kt_set_str(rq->mem, row, "what", kt_str_join(rq->mem, names, n, KT_STR(", ")));
}

/* By a law, or for a purpose of its own that lasts longer than the account (the audit trail, proofs). */
static void add_held(request *rq, const activity *a, kt_value *list)
{
    for (size_t k = 0; k < a->n_holds; k++) {
        kt_value *row = kt_add_map(rq->mem, list);
        kt_set_str(rq->mem, row, "name", words_in(&a->title, rq->lang));
        kt_set_str(rq->mem, row, "law", a->holds[k].law);
        kt_set_str(rq->mem, row, "until", words_in(&a->holds[k].wording, rq->lang));
    }
    if (a->n_holds) return;
    kt_value *why = why_held_whole(rq->mem, rq->lang, a), *row = kt_add_map(rq->mem, list);
    kt_set_str(rq->mem, row, "name", words_in(&a->title, rq->lang));
    kt_set_str(rq->mem, row, "law", kt_get_str(why, "why_basis"));
    kt_set_str(rq->mem, row, "until", kt_get_str(why, "why_until"));
}

/* From the register: what each activity keeps about a customer, and what outlasts the account. */
static void add_consequences(account_room *room, request *rq, kt_value *data)
{
    const activity *const *list = NULL;
    size_t n = registry_activities(room->h->registry, &list);
    kt_value *erased = kt_set_list(rq->mem, data, "erased"), *held = kt_set_list(rq->mem, data, "held");
    for (size_t i = 0; i < n; i++) {
        if (list[i]->declared_only || !holds_accounts(list[i])) continue;
        if (goes_with_account(list[i]))
            add_erased(rq, list[i], erased);
        else
            add_held(rq, list[i], held);
    }
    kt_set_bool(rq->mem, data, "has_held", held->count > 0);
    kt_set_int(rq->mem, data, "grace_days", room->options.grace_ms / KT_DAY_MS);
    kt_set_str(rq->mem, data, "erase_on", page_date(rq->mem, rq->lang, rq->now_ms + room->options.grace_ms));
}

static form_page delete_form(request *rq, reply *rs, const form *sent)
{
    form_page f = form_page_new(rq, rs, sent);
    kt_value *field = form_page_field(&f, "word", "text", KT_STR(""), "off", true);
    kt_set_c(rq->mem, field, "autocapitalize", "none");
    add_consequences(f.room, rq, f.data);
    return f;
}

kt_err get_delete(request *rq, reply *rs)
{
    form_page f = delete_form(rq, rs, NULL);
    return form_page_reply(&f, "account/delete");
}

typedef struct {
    account_room *room;
    request *rq;
    mail_token token;
} leaving;

static kt_err leave_action(db *d, void *ctx)
{
    leaving *l = ctx;
    account a;
    TRY(account_by_id(d, l->rq->mem, l->rq->session->subject, &a));
    return account_deactivate(l->room, d, l->rq->mem, &a, &l->token, l->rq->now_ms);
}

/* The word in either language, as people type it. */
static bool is_the_word(kt_arena *mem, kt_str typed)
{
    kt_str w = kt_str_lower(mem, kt_str_trim(typed));
    return kt_str_is(w, "l\xc3\xb6schen") || kt_str_is(w, "loeschen") || kt_str_is(w, "delete") ||
           kt_str_is(w, "l\xc3\x96schen");
}

kt_err post_delete(request *rq, reply *rs)
{
    static const char *const allowed[] = { "word", NULL };
    account_room *room = room_of(rq);
    form *sent = NULL;
    TRY(form_take(rq, allowed, &sent));
    if (!is_the_word(rq->mem, form_get(sent, "word"))) {
        form_page f = delete_form(rq, rs, sent);
        form_page_fault(&f, "word", "word", 422);
        return form_page_reply(&f, "account/delete");
    }
    leaving l = { room, rq, token_new(room, rq->mem) };
    TRY(store_write(room->h->store, leave_action, &l));
    session_cache_forget(room->sessions, rq->session->subject);
    outbox_wake(room->h->outbox);
    account_count(room, "delete", "ok");
    TRY(cookie_expire(room->h->registry, rq, rs, "session"));
    return reply_redirect(rq, rs, 303, KT_STR("/account/deleted"));
}

kt_err get_deleted(request *rq, reply *rs)
{
    kt_value *data = kt_map(rq->mem);
    kt_set_int(rq->mem, data, "grace_days", room_of(rq)->options.grace_ms / KT_DAY_MS);
    return account_page(rq, rs, 200, "account/deleted", data);
}

kt_err get_undo(request *rq, reply *rs)
{
    kt_str token;
    bool moved = false;
    TRY(token_step(room_of(rq), rq, rs, "undo", &token, &moved));
    if (moved) return KT_OK;
    return token.len ? account_page(rq, rs, 200, "account/undo", kt_map(rq->mem)) : account_link_gone(rq, rs);
}

typedef struct {
    account_room *room;
    request *rq;
    kt_str token;
} returning;

static kt_err undo_action(db *d, void *ctx)
{
    returning *u = ctx;
    found_token t;
    account a;
    TRY(token_find(d, u->rq->mem, u->token, "undo", u->rq->now_ms, &t));
    TRY(account_by_id(d, u->rq->mem, t.account, &a));
    return account_restore(u->room, d, u->rq->mem, &a, u->rq->now_ms);
}

kt_err post_undo(request *rq, reply *rs)
{
    static const char *const allowed[] = { NULL };
    account_room *room = room_of(rq);
    form *sent = NULL;
    TRY(form_take(rq, allowed, &sent));
    returning u = { room, rq, token_kept(room, rq, "undo") };
    kt_err err = store_write(room->h->store, undo_action, &u);
    account_count(room, "undo", err == KT_OK ? "ok" : "refused");
    if (err != KT_OK && err != KT_GONE) return err;
    TRY(token_forget(room, rq, rs));
    if (err == KT_GONE) return account_link_gone(rq, rs);
    outbox_wake(room->h->outbox);
    return reply_redirect(rq, rs, 303, KT_STR("/sign-in?done=restored"));
}
