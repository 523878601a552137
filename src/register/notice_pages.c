/* SPDX-License-Identifier: Apache-2.0 */
/* notice_pages.c -- /privacy, /privacy.txt, /privacy.json, /privacy/versions, /imprint, and the German
 * names of these and of the most looked-for pages, which lead to the English ones. */
#include "register/notice_pages.h"
#include "register/notice_inner.h"
#include "register/queries.h"

static const char *const langs[NOTICE_LANGS] = { "de", "en" };

static size_t lang_of(const request *rq) { return rq->lang && strcmp(rq->lang, "en") == 0 ? 1 : 0; }

/* ---- the room ---- */

static kt_err forms_make(notice_room *room, notice_stamp stamp)
{
    for (size_t l = 0; l < NOTICE_LANGS; l++)
        for (size_t f = 0; f < NOTICE_FORMS; f++) {
            kt_arena *mem = kt_arena_new();
            pen n = pen_new(room->registry, room->pages, mem, langs[l]);
            kt_err err = notice_write(&n, stamp, (notice_format)f, false, &room->form[l][f]);
            kt_arena_free(mem);
            TRY(err);
        }
    return KT_OK;
}

kt_err notice_room_open(notice_room *room, const registry *r, pages *p, store *st, int64_t now_ms)
{
    notice_stamp stamp;
    *room = (notice_room){ .registry = r, .pages = p, .store = st };
    for (size_t l = 0; l < NOTICE_LANGS; l++)
        for (size_t f = 0; f < NOTICE_FORMS; f++) kt_buf_init(&room->form[l][f], NOTICE_MAX);
    kt_err err = notice_keep_version(r, p, st, now_ms);
    if (err == KT_OK) err = notice_newest(st, &stamp);
    if (err == KT_OK) err = forms_make(room, stamp);
    if (err != KT_OK) notice_room_close(room);
    return err;
}

void notice_room_close(notice_room *room)
{
    for (size_t l = 0; l < NOTICE_LANGS; l++)
        for (size_t f = 0; f < NOTICE_FORMS; f++) kt_buf_free(&room->form[l][f]);
}

/* ---- one version ---- */

typedef struct {
    notice_stamp stamp;
    kt_str hash, facts, html, text;
} old_version;

static kt_err version_read(request *rq, int64_t number, old_version *out)
{
    notice_room *room = rq->room;
    rows *q = NULL;
    bool found = false, en = lang_of(rq) == 1;
    TRY(store_rows(store_reader(room->store), &SQL_register_notice_get, ARGS(sql_int("version", number)), &q));
    if ((found = rows_next(q))) {
        out->stamp = (notice_stamp){ rows_int(q, "version"), rows_int(q, "made_at") };
        out->hash = kt_str_dup(rq->mem, rows_text(q, "hash"));
        out->facts = kt_str_dup(rq->mem, rows_text(q, "facts"));
        out->html = kt_str_dup(rq->mem, rows_text(q, en ? "html_en" : "html_de"));
        out->text = kt_str_dup(rq->mem, rows_text(q, en ? "text_en" : "text_de"));
    }
    TRY(rows_end(q));
    return found ? KT_OK : KT_NOT_FOUND;
}

/* Which version is asked for: 0 = the current one. */
static kt_err version_asked(request *rq, int64_t *number)
{
    notice_room *room = rq->room;
    kt_str text = request_query(rq, "version");
    *number = 0;
    if (!text.at) return KT_OK;
    if (kt_str_int(text, number) && *number > 0) return KT_OK;
    kt_str why = page_text(room->pages, rq->mem, rq->lang, "register.privacy.no_version", NULL);
    return kt_fail_set(&rq->fail, KT_NOT_FOUND, "version", "%.*s", KT_ARG(why));
}

static kt_err version_missing(request *rq, kt_err err)
{
    notice_room *room = rq->room;
    if (err != KT_NOT_FOUND) return err;
    kt_str why = page_text(room->pages, rq->mem, rq->lang, "register.privacy.no_version", NULL);
    return kt_fail_set(&rq->fail, KT_NOT_FOUND, "version", "%.*s", KT_ARG(why));
}

/* ---- the forms ---- */

static kt_err send_page(request *rq, reply *rs, int64_t number)
{
    notice_room *room = rq->room;
    kt_value *data = kt_map(rq->mem);
    old_version old;
    if (number) {
        kt_err err = version_read(rq, number, &old);
        if (err != KT_OK) return version_missing(rq, err);
        kt_value *of = kt_set_map(rq->mem, data, "old");
        kt_set_int(rq->mem, of, "number", number);
        kt_set_str(rq->mem, of, "made", page_date(rq->mem, rq->lang, old.stamp.made_at));
        kt_set_str(rq->mem, data, "notice", old.html);
    } else {
        kt_set_str(rq->mem, data, "notice", kt_buf_str(&room->form[lang_of(rq)][NOTICE_HTML]));
    }
    return page_reply(room->pages, rq, rs, 200, "register/privacy", data);
}

static kt_err send_text(request *rq, reply *rs, int64_t number)
{
    notice_room *room = rq->room;
    old_version old;
    if (!number) return reply_text(rs, 200, kt_buf_str(&room->form[lang_of(rq)][NOTICE_TEXT]));
    kt_err err = version_read(rq, number, &old);
    return err == KT_OK ? reply_text(rs, 200, old.text) : version_missing(rq, err);
}

/* Of an old version the facts; the sentences of the time are in its text and its page. */
static kt_err send_json(request *rq, reply *rs, int64_t number)
{
    notice_room *room = rq->room;
    old_version old;
    kt_value *facts = NULL, *all = kt_map(rq->mem);
    if (!number) return reply_bytes(rs, 200, "application/json", kt_buf_str(&room->form[lang_of(rq)][NOTICE_JSON]));
    kt_err err = version_read(rq, number, &old);
    if (err != KT_OK) return version_missing(rq, err);
    TRY(kt_json_parse(rq->mem, old.facts, &rq->fail, &facts));
    kt_set_int(rq->mem, all, "version", number);
    kt_set_str(rq->mem, all, "made_at", kt_time_rfc3339(rq->mem, old.stamp.made_at));
    kt_set_str(rq->mem, all, "hash", old.hash);
    kt_set(rq->mem, all, "facts", facts);
    return reply_json(rs, 200, all);
}

static const struct {
    const char *name;
    kt_err (*send)(request *rq, reply *rs, int64_t number);
} forms[] = {
    { "html", send_page },
    { "text", send_text },
    { "json", send_json },
};

/* The form is chosen by the address alone: the same link shows everybody the same thing. */
static kt_err get_privacy(request *rq, reply *rs)
{
    int64_t number;
    kt_str form_name = request_query(rq, "format");
    TRY(version_asked(rq, &number));
    if (!form_name.at) return send_page(rq, rs, number);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (kt_str_is(form_name, forms[i].name)) return forms[i].send(rq, rs, number);
    return kt_fail_set(&rq->fail, KT_BAD_INPUT, "format", "format: html, text, json");
}

static kt_err get_text(request *rq, reply *rs)
{
    int64_t number;
    TRY(version_asked(rq, &number));
    return send_text(rq, rs, number);
}

static kt_err get_json(request *rq, reply *rs)
{
    int64_t number;
    TRY(version_asked(rq, &number));
    return send_json(rq, rs, number);
}

/* ---- all versions ---- */

static void changes_fill(request *rq, kt_value *version, const kt_value *changes)
{
    const char *lang = langs[lang_of(rq)];
    kt_value *list = kt_set_list(rq->mem, version, "changes");
    KT_EACH(c, changes) {
        kt_value *one = kt_add_map(rq->mem, list);
        kt_set_str(rq->mem, one, "where", kt_get_str(c, lang));
        kt_set_str(rq->mem, one, "was", notice_brief(rq->mem, kt_get(c, "before"), lang));
        kt_set_str(rq->mem, one, "is", notice_brief(rq->mem, kt_get(c, "after"), lang));
    }
    kt_set_bool(rq->mem, version, "has_changes", list->count > 0);
}

static kt_err version_fill(request *rq, rows *q, kt_value *list)
{
    kt_value *version = kt_add_map(rq->mem, list), *changes = NULL;
    int64_t number = rows_int(q, "version"), made_at = rows_int(q, "made_at"), day;
    kt_str document = kt_str_dup(rq->mem, rows_text(q, "document_date"));
    TRY(kt_json_parse(rq->mem, kt_str_dup(rq->mem, rows_text(q, "changes")), &rq->fail, &changes));
    kt_set_int(rq->mem, version, "number", number);
    kt_set_str(rq->mem, version, "made", page_date(rq->mem, rq->lang, made_at));
    kt_set_str(rq->mem, version, "made_iso", kt_time_rfc3339(rq->mem, made_at));
    if (kt_time_parse(document, &day)) document = page_date(rq->mem, rq->lang, day + 12 * KT_HOUR_MS);
    kt_set_str(rq->mem, version, "document_date", document);
    kt_set_bool(rq->mem, version, "is_first", number == 1);
    changes_fill(rq, version, changes);
    kt_set_bool(rq->mem, version, "is_wording", number > 1 && changes->count == 0);
    return KT_OK;
}

static kt_err get_versions(request *rq, reply *rs)
{
    notice_room *room = rq->room;
    kt_value *data = kt_map(rq->mem), *list = kt_set_list(rq->mem, data, "versions");
    rows *q = NULL;
    kt_err err = KT_OK;
    TRY(store_rows(store_reader(room->store), &SQL_register_notice_versions, ARGS(), &q));
    while (err == KT_OK && rows_next(q)) err = version_fill(rq, q, list);
    kt_err end = rows_end(q);
    TRY(err);
    TRY(end);
    kt_set_bool(rq->mem, data, "has_versions", list->count > 0);
    return page_reply(room->pages, rq, rs, 200, "register/privacy_versions", data);
}

/* ---- imprint ---- */

static kt_err get_imprint(request *rq, reply *rs)
{
    notice_room *room = rq->room;
    const operator_facts *o = registry_operator(room->registry);
    pen n = pen_new(room->registry, room->pages, rq->mem, rq->lang);
    kt_value *data = kt_map(rq->mem);
    kt_str town = kt_str_trim(kt_str_fmt(rq->mem, "%.*s %.*s", KT_ARG(o->postcode), KT_ARG(o->city)));
    const struct {
        const char *name;
        kt_str value;
    } facts[] = {
        { "name", o->name },
        { "street", o->street },
        { "town", town },
        { "country", say_code(&n, "country", o->country) },
        { "represented_by", o->represented_by },
        { "email", o->email },
        { "phone", o->phone },
        { "register_entry", o->register_entry },
        { "vat_id", o->vat_id },
        { "dpo_name", o->dpo_name },
        { "dpo_contact", o->dpo_contact },
    };
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
        kt_set_str(rq->mem, data, facts[i].name, facts[i].value);
    return page_reply(room->pages, rq, rs, 200, "register/imprint", data);
}

/* ---- German names ---- */

static const struct {
    const char *from, *to;
} german[] = {
    { "/datenschutz", "/privacy" }, { "/anmelden", "/sign-in" },        { "/registrieren", "/sign-up" },
    { "/konto", "/account" },       { "/cookies", "/privacy/cookies" }, { "/impressum", "/imprint" },
};

/* What stood behind the question mark goes along: ?version=3, ?lang=en. */
static kt_err get_german(request *rq, reply *rs)
{
    for (size_t i = 0; i < sizeof german / sizeof german[0]; i++) {
        if (!kt_str_is(rq->path, german[i].from)) continue;
        kt_str to = kt_str_fmt(rq->mem, "%s%s%.*s", german[i].to, rq->query.len ? "?" : "", KT_ARG(rq->query));
        return reply_redirect(rq, rs, 301, to);
    }
    return KT_NOT_FOUND;
}

#define DELIVERY "platform-delivery", HTTP_PUBLIC, 0, 0, NULL, NULL
const route notice_routes[] = { { "GET", "/privacy", get_privacy, HTTP_READ, DELIVERY },
                                { "GET", "/privacy.txt", get_text, HTTP_READ, DELIVERY },
                                { "GET", "/privacy.json", get_json, HTTP_READ, DELIVERY },
                                { "GET", "/privacy/versions", get_versions, HTTP_WORK, DELIVERY },
                                { "GET", "/imprint", get_imprint, HTTP_INLINE, DELIVERY },
                                { "GET", "/datenschutz", get_german, HTTP_INLINE, DELIVERY },
                                { "GET", "/anmelden", get_german, HTTP_INLINE, DELIVERY },
                                { "GET", "/registrieren", get_german, HTTP_INLINE, DELIVERY },
                                { "GET", "/konto", get_german, HTTP_INLINE, DELIVERY },
                                { "GET", "/cookies", get_german, HTTP_INLINE, DELIVERY },
                                { "GET", "/impressum", get_german, HTTP_INLINE, DELIVERY },
                                { 0 } };
