/* SPDX-License-Identifier: Apache-2.0 */
/* value.c -- building and asking trees of values. */
#include "base/value.h"
#include <assert.h>

static kt_value *make(kt_arena *mem, kt_kind kind)
{
    kt_value *v = KT_NEW(mem, kt_value);
    v->kind = kind;
    return v;
}

kt_value *kt_map(kt_arena *mem) { return make(mem, KT_V_MAP); }
kt_value *kt_list(kt_arena *mem) { return make(mem, KT_V_LIST); }
kt_value *kt_null(kt_arena *mem) { return make(mem, KT_V_NULL); }

kt_value *kt_string(kt_arena *mem, kt_str s)
{
    kt_value *v = make(mem, KT_V_STRING);
    v->as.string = s;
    return v;
}

kt_value *kt_integer(kt_arena *mem, int64_t i)
{
    kt_value *v = make(mem, KT_V_INT);
    v->as.integer = i;
    return v;
}

kt_value *kt_boolean(kt_arena *mem, bool b)
{
    kt_value *v = make(mem, KT_V_BOOL);
    v->as.boolean = b;
    return v;
}

kt_value *kt_add(kt_value *list, kt_value *value)
{
    assert(list->kind == KT_V_LIST || list->kind == KT_V_MAP);
    assert(!value->next);
    if (list->last)
        list->last->next = value;
    else
        list->first = value;
    list->last = value;
    list->count++;
    return value;
}

kt_value *kt_set(kt_arena *mem, kt_value *map, const char *key, kt_value *value)
{
    (void)mem;
    assert(map->kind == KT_V_MAP);
    value->key = kt_str_c(key);
    kt_value *before = NULL;
    for (kt_value *m = map->first; m; before = m, m = m->next) {
        if (!kt_str_is(m->key, key)) continue;
        value->next = m->next;
        if (before)
            before->next = value;
        else
            map->first = value;
        if (map->last == m) map->last = value;
        return value;
    }
    return kt_add(map, value);
}

void kt_set_str(kt_arena *mem, kt_value *map, const char *key, kt_str s) { kt_set(mem, map, key, kt_string(mem, s)); }

void kt_set_c(kt_arena *mem, kt_value *map, const char *key, const char *text)
{
    kt_set(mem, map, key, text ? kt_string(mem, kt_str_c(text)) : kt_null(mem));
}

void kt_set_int(kt_arena *mem, kt_value *map, const char *key, int64_t i) { kt_set(mem, map, key, kt_integer(mem, i)); }
void kt_set_bool(kt_arena *mem, kt_value *map, const char *key, bool b) { kt_set(mem, map, key, kt_boolean(mem, b)); }
kt_value *kt_set_map(kt_arena *mem, kt_value *map, const char *key) { return kt_set(mem, map, key, kt_map(mem)); }
kt_value *kt_set_list(kt_arena *mem, kt_value *map, const char *key) { return kt_set(mem, map, key, kt_list(mem)); }
kt_value *kt_add_map(kt_arena *mem, kt_value *list) { return kt_add(list, kt_map(mem)); }
void kt_add_str(kt_arena *mem, kt_value *list, kt_str s) { kt_add(list, kt_string(mem, s)); }

const kt_value *kt_get_str_key(const kt_value *map, kt_str key)
{
    if (!kt_is(map, KT_V_MAP)) return NULL;
    KT_EACH(m, map)
        if (kt_str_eq(m->key, key)) return m;
    return NULL;
}

const kt_value *kt_get(const kt_value *map, const char *key) { return kt_get_str_key(map, kt_str_c(key)); }
kt_str kt_as_str(const kt_value *v) { return kt_is(v, KT_V_STRING) ? v->as.string : KT_STR_NONE; }
kt_str kt_get_str(const kt_value *map, const char *key) { return kt_as_str(kt_get(map, key)); }

int64_t kt_get_int(const kt_value *map, const char *key, int64_t otherwise)
{
    const kt_value *v = kt_get(map, key);
    return kt_is(v, KT_V_INT) ? v->as.integer : otherwise;
}

bool kt_get_bool(const kt_value *map, const char *key, bool otherwise)
{
    const kt_value *v = kt_get(map, key);
    return kt_is(v, KT_V_BOOL) ? v->as.boolean : otherwise;
}

kt_value *kt_value_copy(kt_arena *mem, const kt_value *v)
{
    kt_value *copy = make(mem, v->kind);
    copy->line = v->line;
    copy->key = kt_str_dup(mem, v->key);
    if (v->kind == KT_V_STRING)
        copy->as.string = kt_str_dup(mem, v->as.string);
    else
        copy->as = v->as;
    KT_EACH(m, v) kt_add(copy, kt_value_copy(mem, m));
    return copy;
}
