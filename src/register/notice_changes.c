/* SPDX-License-Identifier: Apache-2.0 */
/* notice_changes.c -- what differs between two trees of facts, in words a reader can follow.
 *
 * Entries of lists are recognised by what names them (an id, a table, an article …), so that a new
 * activity in the middle is one change and not one for each that moved down. */
#include "register/notice_inner.h"

enum { CHANGES_MAX = 500, DEPTH_MAX = 32 };

typedef struct step {
    kt_str key;
    const kt_value *entry;
    const struct step *up;
} step;
typedef struct {
    kt_arena *mem;
    kt_value *changes;
    const kt_value *texts;
} comparison;

/* ---- equality, identity ---- */

static bool same(const kt_value *a, const kt_value *b)
{
    if (!a || !b) return a == b;
    if (a->kind != b->kind || a->count != b->count) return false;
    switch (a->kind) {
    case KT_V_NULL: return true;
    case KT_V_BOOL: return a->as.boolean == b->as.boolean;
    case KT_V_INT: return a->as.integer == b->as.integer;
    case KT_V_REAL: return !(a->as.real < b->as.real) && !(a->as.real > b->as.real);
    case KT_V_STRING: return kt_str_eq(a->as.string, b->as.string);
    case KT_V_LIST:
    case KT_V_MAP: break;
    }
    const kt_value *x = a->first, *y = b->first;
    for (; x && y; x = x->next, y = y->next)
        if (!kt_str_eq(x->key, y->key) || !same(x, y)) return false;
    return true;
}

static kt_str identity(const kt_value *entry)
{
    static const char *const keys[] = { "id", "table", "file", "memory", "article", "law", "column" };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        kt_str text = kt_get_str(entry, keys[i]);
        if (text.len) return text;
    }
    return KT_STR_NONE;
}

static bool list_of_maps(const kt_value *v) { return kt_is(v, KT_V_LIST) && (!v->first || v->first->kind == KT_V_MAP); }

/* The entry of `list` that is the same thing as `entry` of `of`: same identity, same place among equals. */
static const kt_value *counterpart(const kt_value *of, const kt_value *entry, const kt_value *list)
{
    size_t nth = 0;
    kt_str id = identity(entry);
    for (const kt_value *v = of->first; v != entry; v = v->next) nth += kt_str_eq(identity(v), id);
    KT_EACH(v, list) {
        if (!kt_str_eq(identity(v), id)) continue;
        if (nth-- == 0) return v;
    }
    return NULL;
}

/* ---- words of a path ---- */

/* What the reader knows the entry by. */
static kt_str name_of(const kt_value *entry, const char *lang)
{
    static const char *const keys[] = { "title", "name", "text" };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const kt_value *v = kt_get(entry, keys[i]);
        kt_str text = kt_is(v, KT_V_STRING) ? v->as.string : kt_get_str(v, lang);
        if (text.len) return text;
    }
    kt_str text = kt_get_str(entry, lang);
    return text.len ? text : identity(entry);
}

static kt_str field_words(const comparison *c, kt_str key, const char *lang)
{
    kt_str text = kt_get_str(kt_get_str_key(kt_get(kt_get(c->texts, "notice"), "field"), key), lang);
    return text.len ? text : key;
}

static kt_str path_words(const comparison *c, const step *at, const char *lang)
{
    kt_str own = at->entry ? name_of(at->entry, lang) : field_words(c, at->key, lang);
    if (!own.len) own = at->key;
    if (!at->up) return own;
    return kt_str_fmt(c->mem, "%.*s › %.*s", KT_ARG(path_words(c, at->up, lang)), KT_ARG(own));
}

static kt_str path_plain(const comparison *c, const step *at)
{
    kt_str own = at->entry ? identity(at->entry) : at->key;
    if (!own.len) own = at->key;
    return at->up ? kt_str_fmt(c->mem, "%.*s.%.*s", KT_ARG(path_plain(c, at->up)), KT_ARG(own)) : own;
}

static void changed(const comparison *c, const step *at, const kt_value *before, const kt_value *after)
{
    static const step top = { { "register", 8 }, NULL, NULL };
    if (c->changes->count >= CHANGES_MAX) return;
    if (!at) at = &top;
    kt_value *one = kt_add_map(c->mem, c->changes);
    kt_set_str(c->mem, one, "path", path_plain(c, at));
    kt_set_str(c->mem, one, "de", path_words(c, at, "de"));
    kt_set_str(c->mem, one, "en", path_words(c, at, "en"));
    kt_set(c->mem, one, "before", before ? kt_value_copy(c->mem, before) : kt_null(c->mem));
    kt_set(c->mem, one, "after", after ? kt_value_copy(c->mem, after) : kt_null(c->mem));
}

/* ---- the walk ---- */

static void compare(const comparison *c, const step *at, unsigned depth, const kt_value *before, const kt_value *after);

static void compare_maps(const comparison *c, const step *at, unsigned depth, const kt_value *before,
                         const kt_value *after)
{
    KT_EACH(v, after) compare(c, &(step){ v->key, NULL, at }, depth, kt_get_str_key(before, v->key), v);
    KT_EACH(v, before)
        if (!kt_get_str_key(after, v->key)) changed(c, &(step){ v->key, NULL, at }, v, NULL);
}

static void compare_lists(const comparison *c, const step *at, unsigned depth, const kt_value *before,
                          const kt_value *after)
{
    KT_EACH(v, after) {
        const kt_value *was = counterpart(after, v, before);
        step here = { identity(v), v, at };
        if (was)
            compare(c, &here, depth, was, v);
        else
            changed(c, &here, NULL, v);
    }
    KT_EACH(v, before)
        if (!counterpart(before, v, after)) changed(c, &(step){ identity(v), v, at }, v, NULL);
}

static void compare(const comparison *c, const step *at, unsigned depth, const kt_value *before, const kt_value *after)
{
    if (same(before, after)) return;
    if (depth < DEPTH_MAX && kt_is(before, KT_V_MAP) && kt_is(after, KT_V_MAP))
        compare_maps(c, at, depth + 1, before, after);
    else if (depth < DEPTH_MAX && list_of_maps(before) && list_of_maps(after))
        compare_lists(c, at, depth + 1, before, after);
    else
        changed(c, at, before, after);
}

kt_value *notice_changes(kt_arena *mem, const kt_value *before, const kt_value *after)
{
    kt_value *texts = NULL;
    kt_str words_file = kt_embedded_str(kt_embedded_find("register/texts.yaml"));
    if (words_file.len && kt_yaml_parse(mem, words_file, "register/texts.yaml", NULL, &texts) != KT_OK) texts = NULL;
    comparison c = { mem, kt_list(mem), texts };
    compare(&c, NULL, 0, before, after);
    return c.changes;
}

/* ---- a value in few words ---- */

kt_str notice_brief(kt_arena *mem, const kt_value *v, const char *lang)
{
    if (!v || v->kind == KT_V_NULL) return KT_STR_NONE;
    if (v->kind == KT_V_STRING) return v->as.string;
    if (v->kind == KT_V_MAP) {
        kt_str name = name_of(v, lang);
        if (name.len) return name;
    }
    if (v->kind == KT_V_LIST) {
        kt_str *parts = kt_alloc_array(mem, v->count + 1, sizeof *parts);
        size_t count = 0;
        KT_EACH(item, v) parts[count++] = notice_brief(mem, item, lang);
        return count ? kt_str_join(mem, parts, count, KT_STR(", ")) : KT_STR("–");
    }
    kt_buf out;
    kt_buf_init(&out, NOTICE_MAX);
    kt_json_put(&out, v);
    kt_str text = kt_str_dup(mem, kt_buf_str(&out));
    kt_buf_free(&out);
    return text;
}
