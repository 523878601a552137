/* SPDX-License-Identifier: Apache-2.0 */
/* page.c -- renders pages and texts.
 *
 * A name is looked for in the page's own data, then in what the globals added for this request, then
 * in what all pages share: three maps, nothing is copied from one into another. The page is rendered
 * where the layout says {{{content}}}, straight into the one buffer that is sent. */
#include "http/page_inner.h"
#include "http/session.h"
#include <assert.h>

/* A word or, in a layout, the page. Meanings were bound when the templates were loaded. */
bool page_bound(void *ctx, const void *meaning, bool escape, kt_buf *out, const void *stack)
{
    const rendering *r = ctx;
    if (meaning == r->p) {
        if (!r->content) return false;
        if (mustache_render_inner(r->content->m, stack, r->o, out) != KT_OK) out->over = true;
        return true;
    }
    const wording *w = &((const word *)meaning)->in[r->lang];
    const mustache *m = escape ? w->html_m : w->plain_m;
    if (!m)
        kt_buf_put(out, escape ? w->html : w->plain);
    else if (mustache_render_inner(m, stack, r->o, out) != KT_OK)
        out->over = true;
    return true;
}

static void escape_nothing(kt_buf *out, kt_str s) { kt_buf_put(out, s); }

static const template *template_find(const pages *p, const char *name)
{
    return names_get(&p->templates, kt_str_c(name));
}

void pages_add_global(pages *p, void (*add)(void *ctx, request *rq, reply *rs, kt_value *data), void *ctx)
{
    assert(p->n_globals < GLOBALS_MAX);
    p->globals[p->n_globals++] = (global){ add, ctx };
}

/* ---- the page of a request ---- */

/* The same page in the other language: its path and query with lang= exchanged. */
static kt_str other_language(request *rq, int lang)
{
    kt_buf out;
    kt_str rest = rq->path, part;
    kt_buf_init(&out, 16 << 10);
    for (bool first = true; kt_str_split(&rest, '/', &part); first = false) {
        if (!first) kt_buf_put_byte(&out, '/');
        kt_buf_put_percent(&out, part);
    }
    if (out.len == 0 || kt_str_ends(rq->path, KT_STR("/"))) {
        if (out.len == 0 || out.at[out.len - 1] != '/') kt_buf_put_byte(&out, '/');
    }
    kt_buf_put_c(&out, lang == LANG_EN ? "?lang=de" : "?lang=en");
    rest = rq->query;
    while (kt_str_split(&rest, '&', &part)) {
        if (part.len == 0 || kt_str_starts(part, KT_STR("lang="))) continue;
        kt_buf_put_byte(&out, '&');
        kt_buf_put(&out, part);
    }
    kt_str href = out.over ? KT_STR("/") : kt_str_dup(rq->mem, kt_buf_str(&out));
    kt_buf_free(&out);
    return href;
}

static kt_value *globals_new(const pages *p, request *rq, reply *rs, int lang)
{
    kt_value *g = kt_map(rq->mem);
    const char *name = lang == LANG_EN ? "en" : "de";
    kt_set_str(rq->mem, g, "path", rq->path);
    kt_set_str(rq->mem, g, "other_lang_href", other_language(rq, lang));
    kt_set_c(rq->mem, g, "origin", rq->server ? http_origin(rq->server) : "");
    kt_set_bool(rq->mem, g, "signed_in", rq->session != NULL);
    kt_set_str(rq->mem, g, "user_name", rq->session ? rq->session->name : KT_STR_NONE);
    kt_set_str(rq->mem, g, "now", page_datetime(rq->mem, name, rq->now_ms));
    kt_set_int(rq->mem, g, "year", kt_civil_zone(rq->now_ms, "Europe/Berlin").year);
    for (size_t i = 0; i < p->n_globals; i++) p->globals[i].add(p->globals[i].ctx, rq, rs, g);
    return g;
}

static kt_str text_of(const pages *p, kt_arena *mem, int lang, const word *w, const kt_value *const *data, size_t n)
{
    const wording *one = &w->in[lang];
    if (!one->plain_m) return one->plain;
    kt_buf out;
    kt_buf_init(&out, 1 << 20);
    mustache_options o = { .escape = escape_nothing, .bound = page_bound };
    rendering r = { p, lang, NULL, &o };
    o.ctx = &r;
    kt_err err = mustache_render_stack(one->plain_m, data, n, &o, &out);
    kt_str text = err == KT_OK ? kt_str_dup(mem, kt_buf_str(&out)) : one->plain;
    kt_buf_free(&out);
    return text;
}

kt_err page_reply(pages *p, request *rq, reply *rs, int status, const char *name, kt_value *data)
{
    int lang = lang_index(rq->lang);
    kt_value *g = globals_new(p, rq, rs, lang);
    const kt_value *stack[3] = { p->shared[lang], g, data };
    kt_str layout = kt_get_str(data, "layout");
    if (!layout.len) layout = kt_get_str(g, "layout");
    const template *page = template_find(p, name);
    const template *frame = names_get(&p->templates, layout.len ? layout : KT_STR("http/layout"));
    if (!page || !frame) return kt_fail_set(&rq->fail, KT_INTERNAL, "", "there is no page %s", page ? "layout" : name);
    const word *title = kt_get(data, "title") ? NULL : words_find(p, page->title);
    if (title) kt_set_str(rq->mem, g, "title", text_of(p, rq->mem, lang, title, stack, 3));

    kt_buf out;
    kt_buf_init(&out, PAGE_MAX);
    out.at = kt_malloc(INNER_FIRST);
    out.cap = INNER_FIRST;
    mustache_options o = { .bound = page_bound };
    rendering r = { p, lang, page, &o };
    o.ctx = &r;
    kt_err err = mustache_render_stack(frame->m, stack, 3, &o, &out);
    if (err == KT_OK) err = kt_buf_check(&out);
    if (err == KT_OK) err = reply_html(rs, status, kt_buf_str(&out));
    kt_buf_free(&out);
    return err;
}

kt_err page_render(pages *p, kt_arena *mem, const char *name, const char *lang, kt_value *data, kt_buf *out)
{
    int l = lang_index(lang);
    const template *page = template_find(p, name);
    if (!page) return KT_NOT_FOUND;
    const kt_value *stack[2] = { p->shared[l], data };
    mustache_options o = { .bound = page_bound };
    rendering r = { p, l, NULL, &o };
    o.ctx = &r;
    TRY(mustache_render_stack(page->m, stack, 2, &o, out));
    return kt_buf_check(out);
}

kt_str page_text(pages *p, kt_arena *mem, const char *lang, const char *key, const kt_value *data)
{
    int l = lang_index(lang);
    const word *w = words_find(p, kt_str_c(key));
    const kt_value *stack[2] = { p->shared[l], data };
    return w ? text_of(p, mem, l, w, stack, 2) : kt_str_dup(mem, kt_str_c(key));
}

bool page_has_text(const pages *p, const char *key) { return words_find(p, kt_str_c(key)) != NULL; }
