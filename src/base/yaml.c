/* SPDX-License-Identifier: Apache-2.0 */
/* yaml.c -- YAML 1.2 in through libfyaml, as a tree whose nodes know their lines. */
#include <libfyaml.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/value.h"

enum { DEPTH_MAX = 64 };

typedef struct {
    kt_arena *mem;
    const char *name;
    kt_fail *fail;
    size_t nodes;
} reader;

static int line_of(struct fy_node *n)
{
    struct fy_token *t = fy_node_is_scalar(n) ? fy_node_get_scalar_token(n) : NULL;
    const struct fy_mark *mark = t ? fy_token_start_mark(t) : NULL;
    return mark ? mark->line + 1 : 0; /* collections take the line of their first member */
}

static kt_value *scalar(reader *r, struct fy_node *n)
{
    size_t len = 0;
    const char *text = fy_node_get_scalar(n, &len);
    kt_str s = kt_str_dup(r->mem, (kt_str){ text ? text : "", text ? len : 0 });
    if (fy_node_get_style(n) != FYNS_PLAIN) return kt_string(r->mem, s);
    int64_t i = 0;
    if (s.len == 0 || kt_str_is(s, "null") || kt_str_is(s, "~")) return kt_null(r->mem);
    if (kt_str_is(s, "true")) return kt_boolean(r->mem, true);
    if (kt_str_is(s, "false")) return kt_boolean(r->mem, false);
    bool canonical = s.len == 1 || s.at[0] != '0'; /* 007 and 0123 are texts: postcodes, phone numbers */
    if (canonical && kt_str_int(s, &i)) return kt_integer(r->mem, i);
    return kt_string(r->mem, s);
}

static kt_err convert(reader *r, struct fy_node *n, int depth, kt_value **out)
{
    if (depth > DEPTH_MAX || ++r->nodes > 1000000)
        return kt_fail_set(r->fail, KT_BAD_INPUT, NULL, "%s: nested too deeply or too large", r->name);
    void *at = NULL;
    if (!n) {
        *out = kt_null(r->mem);
        return KT_OK;
    }
    switch (fy_node_get_type(n)) {
    case FYNT_SCALAR:
        *out = scalar(r, n);
        (*out)->line = line_of(n);
        return KT_OK;
    case FYNT_SEQUENCE: {
        *out = kt_list(r->mem);
        for (struct fy_node *item; (item = fy_node_sequence_iterate(n, &at));) {
            kt_value *v = NULL;
            TRY(convert(r, item, depth + 1, &v));
            kt_add(*out, v);
        }
        break;
    }
    case FYNT_MAPPING: {
        *out = kt_map(r->mem);
        for (struct fy_node_pair *pair; (pair = fy_node_mapping_iterate(n, &at));) {
            struct fy_node *key = fy_node_pair_key(pair);
            size_t len = 0;
            const char *text = key && fy_node_is_scalar(key) ? fy_node_get_scalar(key, &len) : NULL;
            if (!text) return kt_fail_set(r->fail, KT_BAD_INPUT, NULL, "%s: a key must be a word", r->name);
            kt_value *v = NULL;
            TRY(convert(r, fy_node_pair_value(pair), depth + 1, &v));
            v->key = kt_str_dup(r->mem, (kt_str){ text, len });
            int line = line_of(key);
            if (line) v->line = line;
            if (kt_get_str_key(*out, v->key))
                return kt_fail_set(r->fail, KT_BAD_INPUT, NULL, "%s:%d: the key %.*s stands twice", r->name, v->line,
                                   KT_ARG(v->key));
            kt_add(*out, v);
        }
        break;
    }
    }
    if (!(*out)->line && (*out)->first) (*out)->line = (*out)->first->line;
    return KT_OK;
}

/* libfyaml takes a text of comments alone for a fault; YAML 1.2 says it is an empty document. */
static bool only_comments(kt_str text)
{
    kt_str row;
    while (kt_str_split(&text, '\n', &row)) {
        row = kt_str_trim(row);
        if (row.len && row.at[0] != '#') return false;
    }
    return true;
}

kt_err kt_yaml_parse(kt_arena *mem, kt_str text, const char *name, kt_fail *fail, kt_value **out)
{
    if (!kt_utf8_valid(text)) return kt_fail_set(fail, KT_BAD_INPUT, NULL, "%s: not valid UTF-8", name);
    if (kt_str_find_byte(text, 0, 0) != KT_NOT_FOUND_AT)
        return kt_fail_set(fail, KT_BAD_INPUT, NULL, "%s: holds a NUL byte", name);
    if (only_comments(text)) {
        *out = kt_null(mem);
        return KT_OK;
    }
    /* Messages of the parser are collected, not printed. */
    struct fy_diag_cfg diag_cfg;
    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL;
    diag_cfg.colorize = false;
    struct fy_diag *diag = fy_diag_create(&diag_cfg);
    fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg cfg = { .flags = FYPCF_QUIET | FYPCF_RESOLVE_DOCUMENT | FYPCF_COLLECT_DIAG, .diag = diag };
    kt_err err = KT_OK;
    struct fy_document *doc = fy_document_build_from_string(&cfg, text.at, text.len);
    if (!doc) {
        void *at = NULL;
        struct fy_diag_error *e = fy_diag_errors_iterate(diag, &at);
        err = e ? kt_fail_set(fail, KT_BAD_INPUT, NULL, "%s:%d: %s", name, e->line, e->msg)
                : kt_fail_set(fail, KT_BAD_INPUT, NULL, "%s: not valid YAML", name);
    } else {
        reader r = { mem, name, fail, 0 };
        err = convert(&r, fy_document_root(doc), 0, out);
    }
    fy_document_destroy(doc);
    fy_diag_destroy(diag);
    return err;
}
