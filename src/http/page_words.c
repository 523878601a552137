/* SPDX-License-Identifier: Apache-2.0 */
/* page_words.c -- the words of the pages: every module's texts.yaml in one table.
 *
 * A leaf is a map with exactly `de` and `en`; everything above it is a part of the key. The key begins
 * with the module's name, so no two modules can take the same one. That a text exists in both
 * languages is checked here, at start, and not by a reader who meets a gap. */
#include "http/page_inner.h"
#include <stdlib.h>

static const char *const lang_names[LANG_COUNT] = { "de", "en" };

int lang_index(const char *lang) { return lang && strcmp(lang, "en") == 0 ? LANG_EN : LANG_DE; }

static size_t name_hash(kt_str name)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < name.len; i++) h = (h ^ (unsigned char)name.at[i]) * 1099511628211u;
    return (size_t)(h ^ h >> 32);
}

void names_init(name_table *t, size_t expected)
{
    t->cap = 16;
    while (t->cap < expected * 2) t->cap *= 2;
    t->slots = kt_calloc(t->cap, sizeof *t->slots);
    t->used = 0;
}

void names_free(name_table *t)
{
    free(t->slots);
    *t = (name_table){ 0 };
}

static name_slot *names_slot(const name_table *t, kt_str name)
{
    size_t i = name_hash(name) & (t->cap - 1);
    while (t->slots[i].name.at && !kt_str_eq(t->slots[i].name, name)) i = (i + 1) & (t->cap - 1);
    return &t->slots[i];
}

void names_put(name_table *t, kt_str name, void *what)
{
    if (t->used * 2 >= t->cap) {
        name_table wider;
        names_init(&wider, t->cap);
        for (size_t i = 0; i < t->cap; i++)
            if (t->slots[i].name.at) names_put(&wider, t->slots[i].name, t->slots[i].what);
        free(t->slots);
        *t = wider;
    }
    name_slot *slot = names_slot(t, name);
    if (!slot->name.at) t->used++;
    *slot = (name_slot){ name, what };
}

void *names_get(const name_table *t, kt_str name) { return t->cap ? names_slot(t, name)->what : NULL; }

/* ---- one text ---- */

/* The text with its own bytes escaped and its {{tags}} left as they are. */
static kt_str escaped(kt_arena *mem, kt_str text)
{
    kt_buf out;
    size_t at = 0;
    kt_buf_init(&out, 1 << 20);
    while (at < text.len) {
        size_t open = kt_str_find(text, KT_STR("{{"), at);
        kt_buf_put_html(&out, kt_str_slice(text, at, open));
        if (open == KT_NOT_FOUND_AT) break;
        size_t close = kt_str_find(text, KT_STR("}}"), open);
        size_t end = close == KT_NOT_FOUND_AT ? text.len : close + 2;
        while (end < text.len && text.at[end] == '}') end++;
        kt_buf_put(&out, kt_str_slice(text, open, end));
        at = end;
    }
    kt_str copy = kt_str_dup(mem, kt_buf_str(&out));
    kt_buf_free(&out);
    return copy;
}

static kt_err wording_make(pages *p, wording *w, kt_str text, const char *name, kt_fail *fail)
{
    w->plain = text;
    w->html = escaped(p->mem, text);
    if (kt_str_find(text, KT_STR("{{"), 0) == KT_NOT_FOUND_AT) return KT_OK;
    TRY(mustache_parse(w->plain, name, fail, &w->plain_m));
    return mustache_parse(w->html, name, fail, &w->html_m);
}

static word *word_new(pages *p)
{
    if (p->n_words % 256 == 0) p->word_list = kt_realloc(p->word_list, (p->n_words + 256) * sizeof *p->word_list);
    word *w = &p->word_list[p->n_words++];
    *w = (word){ 0 };
    return w;
}

static bool is_leaf(const kt_value *v)
{
    return kt_is(kt_get(v, "de"), KT_V_STRING) || kt_is(kt_get(v, "en"), KT_V_STRING);
}

static kt_err leaf_load(pages *p, const char *file, kt_str key, const kt_value *leaf, kt_fail *fail)
{
    word *w = word_new(p);
    w->key = key;
    w->file = file;
    w->line = leaf->line;
    for (int i = 0; i < LANG_COUNT; i++) {
        const kt_value *text = kt_get(leaf, lang_names[i]);
        if (!kt_is(text, KT_V_STRING) || text->as.string.len == 0)
            return kt_fail_set(fail, KT_BAD_INPUT, lang_names[i], "%s:%d: the text %.*s has no words in %s", file,
                               leaf->line, KT_ARG(key), lang_names[i]);
        kt_str at = kt_str_fmt(p->mem, "%s:%d (%.*s, %s)", file, text->line, KT_ARG(key), lang_names[i]);
        TRY(wording_make(p, &w->in[i], kt_str_dup(p->mem, text->as.string), at.at, fail));
    }
    if (leaf->count != LANG_COUNT)
        return kt_fail_set(fail, KT_BAD_INPUT, "", "%s:%d: the text %.*s holds more than de and en", file, leaf->line,
                           KT_ARG(key));
    return KT_OK;
}

static kt_err branch_load(pages *p, const char *file, kt_str key, const kt_value *branch, unsigned depth, kt_fail *fail)
{
    if (!kt_is(branch, KT_V_MAP) || depth > 16)
        return kt_fail_set(fail, KT_BAD_INPUT, "", "%s:%d: %.*s is neither a text (de, en) nor a group of texts", file,
                           branch ? branch->line : 0, KT_ARG(key));
    if (is_leaf(branch)) return leaf_load(p, file, key, branch, fail);
    KT_EACH(v, branch) {
        kt_str inner = kt_str_fmt(p->mem, "%.*s.%.*s", KT_ARG(key), KT_ARG(v->key));
        TRY(branch_load(p, file, inner, v, depth + 1, fail));
    }
    return KT_OK;
}

kt_err words_load(pages *p, const kt_embedded *file, kt_fail *fail)
{
    kt_str path = kt_str_c(file->path);
    kt_str module = kt_str_slice(path, 0, kt_str_find_byte(path, '/', 0));
    kt_arena *scratch = kt_arena_new();
    kt_value *tree = NULL;
    kt_err err = kt_yaml_parse(scratch, kt_embedded_str(file), file->path, fail, &tree);
    if (err == KT_OK && kt_is(tree, KT_V_MAP)) err = branch_load(p, file->path, module, tree, 0, fail);
    kt_arena_free(scratch);
    return err;
}

void words_free(pages *p)
{
    for (size_t i = 0; i < p->n_words; i++)
        for (int l = 0; l < LANG_COUNT; l++) {
            mustache_free(p->word_list[i].in[l].plain_m);
            mustache_free(p->word_list[i].in[l].html_m);
        }
    free(p->word_list);
}

const word *words_find(const pages *p, kt_str key) { return names_get(&p->words, key); }

/* Which word a tag names: {{t.account.title}}. */
const void *words_meaning(void *ctx, char sigil, kt_str name)
{
    if (sigil != ' ' && sigil != '&') return NULL;
    if (!kt_str_starts(name, KT_STR("t."))) return NULL;
    return words_find(ctx, kt_str_slice(name, 2, name.len));
}

/* ---- the check ---- */

typedef struct {
    pages *p;
    const word *w;
    kt_fail *fail;
    kt_err err;
} words_checking;

static void word_name_check(void *ctx, char sigil, kt_str name, int line)
{
    words_checking *c = ctx;
    if (c->err == KT_OK && kt_str_starts(name, KT_STR("t.")) && !words_meaning(c->p, sigil, name))
        c->err = kt_fail_set(c->fail, KT_BAD_INPUT, "", "%s:%d: %.*s names the text %.*s, which does not exist",
                             c->w->file, c->w->line, KT_ARG(c->w->key), KT_ARG(name));
    if (c->err == KT_OK && sigil == '>')
        c->err = kt_fail_set(c->fail, KT_BAD_INPUT, "", "%s:%d: %.*s: a text cannot hold a partial", c->w->file,
                             c->w->line, KT_ARG(c->w->key));
}

/* Builds the table (the list no longer moves) and checks what the texts name. */
kt_err words_check(pages *p, kt_fail *fail)
{
    names_init(&p->words, p->n_words);
    for (size_t i = 0; i < p->n_words; i++) names_put(&p->words, p->word_list[i].key, &p->word_list[i]);
    for (size_t i = 0; i < p->n_words; i++) {
        words_checking c = { p, &p->word_list[i], fail, KT_OK };
        for (int l = 0; l < LANG_COUNT; l++) {
            mustache *both[2] = { p->word_list[i].in[l].plain_m, p->word_list[i].in[l].html_m };
            if (!both[0]) continue;
            mustache_names(both[0], word_name_check, &c);
            if (c.err != KT_OK) return c.err;
            mustache_bind(both[0], words_meaning, p);
            mustache_bind(both[1], words_meaning, p);
        }
    }
    return KT_OK;
}
