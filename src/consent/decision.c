/* SPDX-License-Identifier: Apache-2.0 */
/* decision.c -- reading what somebody asked for: strict, because a grant must be an unambiguous act
 * (Art. 4(11) GDPR). Whatever is not exactly the form is refused and stores nothing. See decide.h. */
#include "consent/decide.h"

#define SHOWN_MAX_MS   KT_DAY_MS
#define PATH_MAX_BYTES 200
#define SEGMENT_MAX    16 /* longer segments of a path may be ids or tokens */

static const char *const surfaces[] = { "banner", "layer2", "signin", "footer", "noscript", "account", "api" };
static const char *const languages[] = { "de", "en" };
static const char *const actions[] = { "accept_all", "necessary_only", "select", "gpc", "dnt" };
#define COUNT(list) (sizeof(list) / sizeof *(list))

/* The word of the list that equals the text, or NULL. */
static const char *word_of(const char *const *list, size_t n, kt_str text)
{
    for (size_t i = 0; i < n; i++)
        if (kt_str_is(text, list[i])) return list[i];
    return NULL;
}

static kt_err bad(kt_fail *fail, const char *field, const char *why)
{
    return kt_fail_set(fail, KT_BAD_INPUT, field, "%s", why);
}

/* ---- parts that JSON and forms share ------------------------------------------------------------------- */

static kt_err add_service(const policy *p, kt_str id, kt_fail *fail, service_set *granted)
{
    int i = policy_find(p, id);
    if (i >= 0 && (p->offered & SERVICE_BIT(i))) {
        *granted |= SERVICE_BIT(i);
        return KT_OK;
    }
    const service *const *all = NULL;
    size_t n = p->registry ? registry_services(p->registry, &all) : 0;
    for (size_t k = 0; k < n; k++)
        if (kt_str_eq(all[k]->id, id) && kt_str_is(all[k]->category, "necessary")) return KT_OK;
    if (kt_str_is(id, "necessary")) return KT_OK;
    return bad(fail, "granted", "the list names a service that is not offered");
}

static kt_err take_word(kt_str text, const char *const *list, size_t n, const char *field, kt_fail *fail,
                        const char **out)
{
    if (!text.at) return KT_OK;
    const char *word = word_of(list, n, text);
    if (!word) return bad(fail, field, "this word is not known");
    *out = word;
    return KT_OK;
}

static kt_err take_hash(kt_str text, kt_arena *mem, kt_fail *fail, kt_str *out)
{
    kt_str bytes;
    if (!text.at) return KT_OK;
    if (text.len != 64 || !kt_hex_decode(mem, text, &bytes)) return bad(fail, "text", "this is not the hash of a text");
    *out = text;
    return KT_OK;
}

/* Names the act by its list when the sender did not, and refuses a name that contradicts it. */
static kt_err settle_action(const policy *p, kt_fail *fail, decision *d)
{
    bool all = d->granted == p->offered && p->offered != 0, none = d->granted == 0;
    if (!d->action) d->action = none ? "necessary_only" : all ? "accept_all" : "select";
    bool fits = strcmp(d->action, "accept_all") == 0 ? d->granted == p->offered
                : strcmp(d->action, "select") == 0   ? true
                : strcmp(d->action, "gpc") == 0      ? none && d->gpc
                : strcmp(d->action, "dnt") == 0      ? none && d->dnt
                                                     : none;
    if (!fits) return bad(fail, "action", "the action and the list of services contradict each other");
    if (d->version != p->version) return kt_fail_set(fail, KT_CONFLICT, "version", "%s", "stale");
    return KT_OK;
}

kt_str decision_path(kt_arena *mem, kt_str path)
{
    size_t end = 0;
    while (end < path.len && path.at[end] != '?' && path.at[end] != '#') end++;
    path = kt_str_slice(path, 0, end);
    if (path.len == 0 || path.at[0] != '/' || path.len > 2000 || !kt_utf8_valid(path)) return KT_STR_NONE;
    kt_buf out;
    kt_buf_init(&out, 4000);
    kt_str rest = kt_str_slice(path, 1, path.len), part;
    kt_buf_put_byte(&out, '/');
    for (bool first = true; kt_str_split(&rest, '/', &part); first = false) {
        if (!first) kt_buf_put_byte(&out, '/');
        kt_buf_put(&out, part.len > SEGMENT_MAX ? KT_STR("*") : part);
    }
    kt_str masked = out.len <= PATH_MAX_BYTES && !out.over ? kt_str_dup(mem, kt_buf_str(&out)) : KT_STR_NONE;
    kt_buf_free(&out);
    return masked;
}

kt_str decision_ua_family(kt_arena *mem, kt_str ua)
{
    static const struct {
        const char *mark, *name;
    } browsers[] = {
        { "Edg/", "Edge" }, { "OPR/", "Opera" }, { "SamsungBrowser/", "Samsung Internet" }, { "Firefox/", "Firefox" },
        { "FxiOS/", "Firefox" }, { "CriOS/", "Chrome" }, { "Chrome/", "Chrome" }, { "Safari/", "Safari" },
    }, systems[] = {
        { "Windows", "Windows" }, { "Android", "Android" }, { "iPhone", "iOS" }, { "iPad", "iPadOS" },
        { "Mac OS X", "macOS" }, { "CrOS", "ChromeOS" }, { "Linux", "Linux" },
    };
    const char *browser = "other", *os = "other";
    for (size_t i = COUNT(browsers); i-- > 0;)
        if (kt_str_find(ua, kt_str_c(browsers[i].mark), 0) != KT_NOT_FOUND_AT) browser = browsers[i].name;
    for (size_t i = COUNT(systems); i-- > 0;)
        if (kt_str_find(ua, kt_str_c(systems[i].mark), 0) != KT_NOT_FOUND_AT) os = systems[i].name;
    return kt_str_fmt(mem, "%s, %s", browser, os);
}

/* ---- JSON ---------------------------------------------------------------------------------------------- */

static kt_err json_known_fields(const kt_value *body, const char *const *known, kt_fail *fail)
{
    if (!kt_is(body, KT_V_MAP)) return bad(fail, "", "the body is not a JSON object");
    KT_EACH(member, body) {
        const char *const *k = known;
        while (*k && !kt_str_is(member->key, *k)) k++;
        if (!*k) return bad(fail, "", "the body has a field that is not known");
    }
    return KT_OK;
}

static kt_err json_word(const kt_value *body, const char *key, const char *const *list, size_t n, kt_fail *fail,
                        const char **out)
{
    const kt_value *v = kt_get(body, key);
    if (!v) return KT_OK;
    if (!kt_is(v, KT_V_STRING)) return bad(fail, key, "this must be a text");
    return take_word(v->as.string, list, n, key, fail, out);
}

static kt_err json_flag(const kt_value *body, const char *key, kt_fail *fail, bool *out)
{
    const kt_value *v = kt_get(body, key);
    if (!v) return KT_OK;
    if (!kt_is(v, KT_V_BOOL)) return bad(fail, key, "this must be true or false");
    *out = v->as.boolean;
    return KT_OK;
}

/* What every kind of JSON body may say about the place and the moment. */
static kt_err json_circumstances(kt_arena *mem, const kt_value *body, kt_fail *fail, decision *out)
{
    TRY(json_word(body, "surface", surfaces, COUNT(surfaces), fail, &out->surface));
    TRY(json_word(body, "language", languages, COUNT(languages), fail, &out->language));
    TRY(json_flag(body, "gpc", fail, &out->gpc));
    TRY(json_flag(body, "dnt", fail, &out->dnt));
    const kt_value *path = kt_get(body, "path"), *text = kt_get(body, "text"), *shown = kt_get(body, "shown_for");
    if (path && !kt_is(path, KT_V_STRING)) return bad(fail, "path", "this must be a text");
    if (text && !kt_is(text, KT_V_STRING)) return bad(fail, "text", "this must be a text");
    if (shown && (!kt_is(shown, KT_V_INT) || shown->as.integer < 0 || shown->as.integer > SHOWN_MAX_MS))
        return bad(fail, "shown_for", "this must be a number of milliseconds of one day at most");
    if (path) out->path = decision_path(mem, path->as.string);
    if (shown) out->shown_for_ms = shown->as.integer;
    return take_hash(kt_as_str(text), mem, fail, &out->text_hash);
}

kt_err decision_from_json(const policy *p, kt_arena *mem, const kt_value *body, const char *lang, kt_fail *fail,
                          decision *out)
{
    static const char *const known[] = { "version", "granted",   "action", "surface", "language", "text",
                                         "path",    "shown_for", "gpc",    "dnt",     NULL };
    *out = (decision){ .surface = "api", .language = lang };
    TRY(json_known_fields(body, known, fail));
    const kt_value *version = kt_get(body, "version"), *granted = kt_get(body, "granted");
    if (!kt_is(version, KT_V_INT)) return bad(fail, "version", "the version is missing or not a number");
    if (!kt_is(granted, KT_V_LIST)) return bad(fail, "granted", "the list of allowed services is missing");
    out->version = version->as.integer;
    KT_EACH(id, granted) {
        if (!kt_is(id, KT_V_STRING)) return bad(fail, "granted", "the list must hold names of services");
        /* A list for another version may name what is gone: the version is the fault to tell then. */
        if (out->version == p->version) TRY(add_service(p, id->as.string, fail, &out->granted));
    }
    TRY(json_word(body, "action", actions, COUNT(actions), fail, &out->action));
    TRY(json_circumstances(mem, body, fail, out));
    if (out->version != p->version) out->action = NULL;
    return settle_action(p, fail, out);
}

kt_err decision_withdraw(const policy *p, kt_arena *mem, const kt_value *body, const char *lang, kt_fail *fail,
                         decision *out)
{
    static const char *const known[] = { "surface", "language", "text", "path", "shown_for", "gpc", "dnt", NULL };
    *out = (decision){ .action = "withdraw", .surface = "api", .language = lang, .version = p->version };
    if (!body) return KT_OK;
    TRY(json_known_fields(body, known, fail));
    return json_circumstances(mem, body, fail, out);
}

/* ---- forms --------------------------------------------------------------------------------------------- */

kt_err decision_from_form(const policy *p, kt_arena *mem, const form *f, const char *lang, kt_fail *fail, decision *out)
{
    *out = (decision){ .surface = "noscript", .language = lang };
    kt_str action = form_get(f, "action"), version = form_get(f, "version"), path = form_get(f, "return_to");
    if (!action.at) return bad(fail, "action", "the choice is missing");
    if (!kt_str_int(version, &out->version)) return bad(fail, "version", "the version is missing or not a number");
    TRY(take_word(action, actions, 3, "action", fail, &out->action));
    TRY(take_word(form_get(f, "surface"), surfaces, COUNT(surfaces), "surface", fail, &out->surface));
    TRY(take_word(form_get(f, "language"), languages, COUNT(languages), "language", fail, &out->language));
    TRY(take_hash(form_get(f, "text"), mem, fail, &out->text_hash));
    if (form_count(f, "everywhere") > 0) out->surface = "account";
    if (path.at) out->path = decision_path(mem, path);
    /* A ticked box is sent along with every button of the form; only "select" means the boxes. */
    if (out->version == p->version && strcmp(out->action, "select") == 0)
        for (const form_field *x = f->first; x; x = x->next)
            if (kt_str_is(x->name, "granted")) TRY(add_service(p, x->value, fail, &out->granted));
    if (strcmp(out->action, "accept_all") == 0) out->granted = p->offered;
    return settle_action(p, fail, out);
}
