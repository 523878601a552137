/* SPDX-License-Identifier: Apache-2.0 */
/* page_load.c -- reads the templates and words of all modules once, at start.
 *
 * A template that names a text or a partial nobody wrote is a fault with its file and line, found
 * before the first visitor. Names are bound here: rendering looks no word and no partial up.
 *
 * Blanks at the beginning of a template's line mean nothing in HTML but would be sent each time (and
 * partials would hand theirs on, line by line). They are taken out while loading, except between
 * <pre> or <textarea> and its end; lines keep their numbers. */
#include "http/page_inner.h"
#include <stdlib.h>

static bool line_has(kt_str line, const char *what) { return kt_str_find(line, kt_str_c(what), 0) != KT_NOT_FOUND_AT; }

static kt_str without_indent(kt_arena *mem, kt_str text)
{
    char *to = kt_alloc(mem, text.len + 1);
    size_t len = 0, from = 0;
    bool keep = false;
    while (from < text.len) {
        size_t end = kt_str_find_byte(text, '\n', from);
        end = end == KT_NOT_FOUND_AT ? text.len : end + 1;
        kt_str line = kt_str_slice(text, from, end);
        if (!keep)
            while (from < end && (text.at[from] == ' ' || text.at[from] == '\t')) from++;
        memcpy(to + len, text.at + from, end - from);
        len += end - from;
        from = end;
        if (line_has(line, "<pre") || line_has(line, "<textarea")) keep = true;
        if (line_has(line, "</pre>") || line_has(line, "</textarea>")) keep = false;
    }
    return (kt_str){ to, len };
}

/* "account/pages/profile.html": module "account", page "profile"; false when it is something else. */
static bool page_path(kt_str path, kt_str *module, kt_str *page)
{
    size_t folder = kt_str_find(path, KT_STR("/pages/"), 0);
    if (folder == KT_NOT_FOUND_AT || !kt_str_ends(path, KT_STR(".html"))) return false;
    *module = kt_str_slice(path, 0, folder);
    *page = kt_str_slice(path, folder + 7, path.len - 5);
    return kt_str_find_byte(*module, '/', 0) == KT_NOT_FOUND_AT && page->len > 0;
}

static kt_err template_load(pages *p, const kt_embedded *file, kt_fail *fail)
{
    kt_str module, page;
    if (!page_path(kt_str_c(file->path), &module, &page)) return KT_OK;
    template *t = &p->template_list[p->n_templates++];
    t->name = kt_str_fmt(p->mem, "%.*s/%.*s", KT_ARG(module), KT_ARG(page));
    t->file = file->path;
    t->title = kt_str_fmt(p->mem, "%.*s.%.*s.title", KT_ARG(module), KT_ARG(page));
    t->is_layout = kt_str_ends(page, KT_STR("layout"));
    return mustache_parse(without_indent(p->mem, kt_embedded_str(file)), t->file, fail, &t->m);
}

/* ---- names get their meaning ---- */

typedef struct {
    pages *p;
    const template *t;
    kt_fail *fail;
    kt_err err;
} checking;

static void name_check(void *ctx, char sigil, kt_str name, int line)
{
    checking *c = ctx;
    if (c->err != KT_OK) return;
    if (sigil == '>' && !names_get(&c->p->templates, name))
        c->err = kt_fail_set(c->fail, KT_BAD_INPUT, "", "%s:%d: there is no page part {{> %.*s}}", c->t->file, line,
                             KT_ARG(name));
    if (sigil != '>' && kt_str_starts(name, KT_STR("t.")) && !words_meaning(c->p, sigil, name))
        c->err =
            kt_fail_set(c->fail, KT_BAD_INPUT, "", "%s:%d: there is no text {{%.*s}}", c->t->file, line, KT_ARG(name));
}

static const void *meaning_of(void *ctx, char sigil, kt_str name)
{
    const checking *c = ctx;
    if (sigil == '>') {
        const template *t = names_get(&c->p->templates, name);
        return t ? t->m : NULL;
    }
    /* In a layout {{{content}}} is the page itself; the mark is a word that is none. */
    if (c->t->is_layout && sigil == '&' && kt_str_is(name, "content")) return c->p;
    return words_meaning(c->p, sigil, name);
}

kt_err templates_check(pages *p, kt_fail *fail)
{
    names_init(&p->templates, p->n_templates);
    for (size_t i = 0; i < p->n_templates; i++)
        names_put(&p->templates, p->template_list[i].name, &p->template_list[i]);
    for (size_t i = 0; i < p->n_templates; i++) {
        checking c = { p, &p->template_list[i], fail, KT_OK };
        mustache_names(c.t->m, name_check, &c);
        if (c.err != KT_OK) return c.err;
        mustache_bind(p->template_list[i].m, meaning_of, &c);
    }
    return KT_OK;
}

/* ---- what all pages share ---- */

static const struct {
    const char *name, *path;
} assets[] = {
    { "css", "web/kontor.css" },   { "fonts", "web/fonts.css" },      { "js", "web/kontor.js" },
    { "chart", "web/chart.js" },   { "uplot", "web/uplot/uPlot.js" }, { "uplot_css", "web/uplot/uPlot.css" },
    { "icon", "web/favicon.svg" }, { "logo", "web/logo.svg" },        { "font", "web/fonts/source-sans-3-latin.woff2" },
};

static kt_value *shared_new(kt_arena *mem, int lang)
{
    kt_value *shared = kt_map(mem), *list = kt_set_map(mem, shared, "asset");
    for (size_t i = 0; i < sizeof assets / sizeof assets[0]; i++)
        if (kt_embedded_find(assets[i].path))
            kt_set_str(mem, list, assets[i].name, http_asset_url(mem, assets[i].path));
    kt_set_c(mem, shared, "lang", lang == LANG_EN ? "en" : "de");
    kt_set_c(mem, shared, "other_lang", lang == LANG_EN ? "de" : "en");
    /* The component page shows itself in both. */
    kt_value *themes = kt_set_list(mem, shared, "themes");
    kt_set_c(mem, kt_add_map(mem, themes), "theme", "light");
    kt_set_c(mem, kt_add_map(mem, themes), "theme", "dark");
    kt_set_bool(mem, shared, "is_de", lang == LANG_DE);
    kt_set_bool(mem, shared, "is_en", lang == LANG_EN);
    return shared;
}

kt_err pages_new(kt_fail *fail, pages **out)
{
    pages *p = kt_calloc(1, sizeof *p);
    kt_err err = KT_OK;
    p->mem = kt_arena_new();
    p->template_list = kt_calloc(kt_embedded_count ? kt_embedded_count : 1, sizeof *p->template_list);
    for (size_t i = 0; i < kt_embedded_count && err == KT_OK; i++) {
        const kt_embedded *file = &kt_embedded_files[i];
        if (kt_str_ends(kt_str_c(file->path), KT_STR("/texts.yaml")))
            err = words_load(p, file, fail);
        else
            err = template_load(p, file, fail);
    }
    if (err == KT_OK) err = words_check(p, fail);
    if (err == KT_OK) err = templates_check(p, fail);
    for (int i = 0; i < LANG_COUNT; i++) p->shared[i] = shared_new(p->mem, i);
    if (err != KT_OK) {
        pages_free(p);
        p = NULL;
    }
    *out = p;
    return err;
}

void pages_free(pages *p)
{
    if (!p) return;
    for (size_t i = 0; i < p->n_templates; i++) mustache_free(p->template_list[i].m);
    free(p->template_list);
    words_free(p);
    names_free(&p->words);
    names_free(&p->templates);
    kt_arena_free(p->mem);
    free(p);
}
