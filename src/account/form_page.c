/* SPDX-License-Identifier: Apache-2.0 */
/* form_page.c -- a form is one list of fields: shown, judged, shown again with what was typed.
 *
 * A fault stands beside its field and in the summary on top, as a sentence and as a reason code: the
 * sentence is for people, the code for whoever asked for JSON and for tests. Passwords are never put
 * back into a page. */
#include "account/account.h"

form_page form_page_new(request *rq, reply *rs, const form *sent)
{
    form_page f = { .room = room_of(rq), .rq = rq, .rs = rs, .sent = sent, .data = kt_map(rq->mem), .status = 200 };
    f.fields = kt_set_list(rq->mem, f.data, "fields");
    return f;
}

/* No maxlength on purpose: browsers cut what is pasted without a word. */
kt_value *form_page_field(form_page *f, const char *name, const char *type, kt_str value, const char *autocomplete,
                          bool required)
{
    kt_arena *mem = f->rq->mem;
    kt_str typed = f->sent && form_count(f->sent, name) ? form_get(f->sent, name) : value;
    bool secret = strcmp(type, "password") == 0;
    kt_value *field = page_field(f->room->h->pages, f->rq, f->fields, name, type,
                                 kt_str_fmt(mem, "account.field.%s", name).at, secret ? KT_STR("") : typed);
    if (autocomplete) kt_set_c(mem, field, "autocomplete", autocomplete);
    if (required) kt_set_bool(mem, field, "required", true);
    return field;
}

kt_value *form_page_get(const form_page *f, const char *name)
{
    for (kt_value *v = f->fields->first; v; v = v->next)
        if (kt_str_is(kt_get_str(v, "name"), name)) return v;
    return NULL;
}

void form_page_fault(form_page *f, const char *field, const char *reason, int status)
{
    kt_arena *mem = f->rq->mem;
    if (f->n_reasons == sizeof f->reasons / sizeof *f->reasons) return;
    f->reason_fields[f->n_reasons] = field;
    f->reasons[f->n_reasons++] = reason;
    /* A fault of form outweighs one of meaning: 400 before 422. */
    if (f->status == 200 || status < f->status) f->status = status;
    kt_value *shown = field ? form_page_get(f, field) : NULL;
    kt_str sentence =
        page_text(f->room->h->pages, mem, f->rq->lang, kt_str_fmt(mem, "account.error.%s", reason).at, f->data);
    page_field_error(f->rq, f->data, shown, sentence);
    if (shown) kt_set_c(mem, shown, "reason", reason);
}

static kt_err reply_faults(form_page *f)
{
    kt_arena *mem = f->rq->mem;
    kt_value *body = kt_map(mem), *list = kt_set_list(mem, body, "errors");
    for (size_t i = 0; i < f->n_reasons; i++) {
        kt_value *one = kt_add_map(mem, list);
        kt_set_c(mem, one, "field", f->reason_fields[i]);
        kt_set_c(mem, one, "reason", f->reasons[i]);
        kt_set_str(mem, one, "text",
                   page_text(f->room->h->pages, mem, f->rq->lang, kt_str_fmt(mem, "account.error.%s", f->reasons[i]).at,
                             f->data));
    }
    return reply_json(f->rs, f->status, body);
}

kt_err form_page_reply(form_page *f, const char *page)
{
    if (form_page_is_bad(f) && request_wants_json(f->rq)) return reply_faults(f);
    return account_page(f->rq, f->rs, f->status, page, f->data);
}

/* The tabs of the account; consent/ has a page among them. */
static const char *const tabs[] = { "/account",          "/account/profile",  "/account/email",    "/account/password",
                                    "/account/sessions", "/account/language", "/account/consents", "/account/delete" };

void account_tabs(void *ctx, request *rq, reply *rs, kt_value *data)
{
    account_room *room = ctx;
    if (!rq->session || strcmp(rq->session->realm, "account") != 0 || !kt_str_starts(rq->path, KT_STR("/account")))
        return;
    kt_value *list = kt_set_list(rq->mem, data, "tabs");
    for (size_t i = 0; i < sizeof tabs / sizeof *tabs; i++) {
        kt_value *tab = kt_add_map(rq->mem, list);
        kt_str name = kt_str_slice(kt_str_c(tabs[i]), i ? 9 : 1, 40);
        kt_set_c(rq->mem, tab, "href", tabs[i]);
        kt_set_bool(rq->mem, tab, "current", kt_str_is(rq->path, tabs[i]));
        kt_set_str(rq->mem, tab, "label",
                   page_text(room->h->pages, rq->mem, rq->lang,
                             kt_str_fmt(rq->mem, "account.tab.%.*s", KT_ARG(name)).at, NULL));
    }
}

kt_err account_page(request *rq, reply *rs, int status, const char *page, kt_value *data)
{
    account_room *room = room_of(rq);
    kt_str done = request_query(rq, "done");
    const char *key = kt_str_fmt(rq->mem, "account.done.%.*s", KT_ARG(kt_str_slice(done, 0, 32))).at;
    if (done.len && page_has_text(room->h->pages, key))
        kt_set_str(rq->mem, data, "done", page_text(room->h->pages, rq->mem, rq->lang, key, NULL));
    kt_set_bool(rq->mem, data, "no_index", true);
    return page_reply(room->h->pages, rq, rs, status, page, data);
}

kt_err form_take(request *rq, const char *const *allowed, form **out)
{
    TRY(request_form(rq, out));
    return form_only(rq, *out, allowed);
}

bool form_is_ticked(const form *f, const char *name) { return form_get(f, name).len > 0; }
