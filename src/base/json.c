/* SPDX-License-Identifier: Apache-2.0 */
/* json.c -- JSON in through jansson (strict, well kept), out by a writer of our own (RFC 8259). */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include "base/value.h"

enum { DEPTH_MAX = 64 };

static kt_err convert(kt_arena *mem, const json_t *j, int depth, kt_fail *fail, kt_value **out)
{
    if (depth > DEPTH_MAX) return kt_fail_set(fail, KT_BAD_INPUT, NULL, "JSON nested deeper than %d", DEPTH_MAX);
    switch (json_typeof(j)) {
    case JSON_NULL: *out = kt_null(mem); return KT_OK;
    case JSON_TRUE: *out = kt_boolean(mem, true); return KT_OK;
    case JSON_FALSE: *out = kt_boolean(mem, false); return KT_OK;
    case JSON_INTEGER: *out = kt_integer(mem, json_integer_value(j)); return KT_OK;
    case JSON_REAL:
        *out = KT_NEW(mem, kt_value);
        (*out)->kind = KT_V_REAL;
        (*out)->as.real = json_real_value(j);
        return KT_OK;
    case JSON_STRING:
        *out = kt_string(mem, kt_str_dup(mem, (kt_str){ json_string_value(j), json_string_length(j) }));
        return KT_OK;
    case JSON_ARRAY: {
        *out = kt_list(mem);
        for (size_t i = 0; i < json_array_size(j); i++) {
            kt_value *item = NULL;
            TRY(convert(mem, json_array_get(j, i), depth + 1, fail, &item));
            kt_add(*out, item);
        }
        return KT_OK;
    }
    case JSON_OBJECT: {
        *out = kt_map(mem);
        json_t *object = (json_t *)(uintptr_t)j; /* jansson's iterator takes no const */
        for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
            kt_value *member = NULL;
            TRY(convert(mem, json_object_iter_value(at), depth + 1, fail, &member));
            member->key = kt_str_dup(mem, kt_str_c(json_object_iter_key(at)));
            kt_add(*out, member);
        }
        return KT_OK;
    }
    }
    return KT_INTERNAL;
}

kt_err kt_json_parse(kt_arena *mem, kt_str text, kt_fail *fail, kt_value **out)
{
    json_error_t why;
    json_t *j =
        json_loadb(text.at ? text.at : "", text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
    if (!j) return kt_fail_set(fail, KT_BAD_INPUT, NULL, "JSON, line %d: %s", why.line, why.text);
    kt_err err = convert(mem, j, 0, fail, out);
    json_decref(j);
    return err;
}

static void put_real(kt_buf *buf, double r)
{
    char text[40];
    if (!isfinite(r)) {
        kt_buf_put_c(buf, "null");
        return;
    }
    for (int precision = 15; precision <= 17; precision++) { /* the shortest that reads back the same */
        snprintf(text, sizeof text, "%.*g", precision, r);
        double again = 0;
        if (sscanf(text, "%lf", &again) == 1 && !(again < r) && !(again > r)) break;
    }
    for (char *c = text; *c; c++)
        if (*c == ',') *c = '.';
    kt_buf_put_c(buf, text);
}

static void put(kt_buf *buf, const kt_value *v, int indent, int step)
{
    switch (v ? v->kind : KT_V_NULL) {
    case KT_V_NULL: kt_buf_put_c(buf, "null"); return;
    case KT_V_BOOL: kt_buf_put_c(buf, v->as.boolean ? "true" : "false"); return;
    case KT_V_INT: kt_buf_put_int(buf, v->as.integer); return;
    case KT_V_REAL: put_real(buf, v->as.real); return;
    case KT_V_STRING: kt_buf_put_json(buf, v->as.string); return;
    case KT_V_LIST:
    case KT_V_MAP: break;
    }
    bool map = v->kind == KT_V_MAP;
    kt_buf_put_byte(buf, map ? '{' : '[');
    KT_EACH(m, v) {
        if (m != v->first) kt_buf_put_byte(buf, ',');
        if (step) kt_buf_put_fmt(buf, "\n%*s", indent + step, "");
        if (map) {
            kt_buf_put_json(buf, m->key);
            kt_buf_put_c(buf, step ? ": " : ":");
        }
        put(buf, m, indent + step, step);
    }
    if (step && v->first) kt_buf_put_fmt(buf, "\n%*s", indent, "");
    kt_buf_put_byte(buf, map ? '}' : ']');
}

void kt_json_put(kt_buf *buf, const kt_value *v) { put(buf, v, 0, 0); }
void kt_json_put_pretty(kt_buf *buf, const kt_value *v) { put(buf, v, 0, 2); }
