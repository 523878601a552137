/* SPDX-License-Identifier: Apache-2.0 */
/* value.h -- one tree for JSON, YAML and the data of a page.
 *
 * Nodes live in an arena and are never freed singly. Maps keep their order; look-up is a walk,
 * which is right for the small maps this is used for. A node from YAML knows its line, so that
 * `kontor check` can name it. Keys and strings are views: copy them if they must outlive the arena. */
#ifndef KONTOR_BASE_VALUE_H
#define KONTOR_BASE_VALUE_H
#include "base/str.h"

typedef enum { KT_V_NULL, KT_V_BOOL, KT_V_INT, KT_V_REAL, KT_V_STRING, KT_V_LIST, KT_V_MAP } kt_kind;

typedef struct kt_value kt_value;
struct kt_value {
    kt_kind kind;
    int     line;                 /* from 1; 0 when not from a file */
    kt_str  key;                  /* when it is a member of a map */
    union { bool boolean; int64_t integer; double real; kt_str string; } as;
    kt_value *first, *last;       /* members of a list or map */
    size_t    count;
    kt_value *next;               /* in the list or map it belongs to */
};

kt_value *kt_map(kt_arena *mem);
kt_value *kt_list(kt_arena *mem);
kt_value *kt_string(kt_arena *mem, kt_str s);
kt_value *kt_integer(kt_arena *mem, int64_t i);
kt_value *kt_boolean(kt_arena *mem, bool b);
kt_value *kt_null(kt_arena *mem);

/* Members. kt_set replaces an earlier member of that key; strings are not copied. */
kt_value *kt_set(kt_arena *mem, kt_value *map, const char *key, kt_value *value);
void      kt_set_str(kt_arena *mem, kt_value *map, const char *key, kt_str s);
void      kt_set_c(kt_arena *mem, kt_value *map, const char *key, const char *text);   /* NULL: null */
void      kt_set_int(kt_arena *mem, kt_value *map, const char *key, int64_t i);
void      kt_set_bool(kt_arena *mem, kt_value *map, const char *key, bool b);
kt_value *kt_set_map(kt_arena *mem, kt_value *map, const char *key);     /* new empty member */
kt_value *kt_set_list(kt_arena *mem, kt_value *map, const char *key);
kt_value *kt_add(kt_value *list, kt_value *value);                      /* returns value */
kt_value *kt_add_map(kt_arena *mem, kt_value *list);
void      kt_add_str(kt_arena *mem, kt_value *list, kt_str s);

/* Look-up; all accept NULL and a wrong kind, and then give NULL, the default, or KT_STR_NONE. */
const kt_value *kt_get(const kt_value *map, const char *key);
const kt_value *kt_get_str_key(const kt_value *map, kt_str key);
kt_str  kt_get_str(const kt_value *map, const char *key);
int64_t kt_get_int(const kt_value *map, const char *key, int64_t otherwise);
bool    kt_get_bool(const kt_value *map, const char *key, bool otherwise);
static inline bool kt_is(const kt_value *v, kt_kind kind) { return v && v->kind == kind; }
kt_str  kt_as_str(const kt_value *v);
#define KT_EACH(item, container) \
    for (const kt_value *item = (container) ? (container)->first : NULL; item; item = item->next)
/* A deep copy in another arena (strings too). */
kt_value *kt_value_copy(kt_arena *mem, const kt_value *v);

/* JSON text (RFC 8259) to a tree, through jansson: duplicate keys, invalid UTF-8, depth over 64 and
 * trailing bytes are KT_BAD_INPUT with line and reason in fail. */
kt_err kt_json_parse(kt_arena *mem, kt_str text, kt_fail *fail, kt_value **out) KT_MUST_CHECK;
/* The tree as compact JSON; `pretty` indents by two. */
void   kt_json_put(kt_buf *buf, const kt_value *v);
void   kt_json_put_pretty(kt_buf *buf, const kt_value *v);

/* YAML 1.2 to a tree, through libfyaml: one document, aliases and merges resolved, duplicate keys
 * refused. Plain scalars: null/~, true/false, integers; all else is a string. `name` is the file
 * named in messages. */
kt_err kt_yaml_parse(kt_arena *mem, kt_str text, const char *name, kt_fail *fail, kt_value **out) KT_MUST_CHECK;

#endif
