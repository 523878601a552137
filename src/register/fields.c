/* SPDX-License-Identifier: Apache-2.0 */
/* fields.c -- strict reading of a map by its table, and the way back to a tree.
 *
 * Reading never stops at a fault: an operator who fixes a file wants all of them at once. What is wrong
 * stays empty in the struct. */
#include "register/fields.h"
#include "base/clock.h"

#define AT(type, thing, offset)       ((type *)(void *)((char *)(thing) + (offset)))
#define AT_CONST(type, thing, offset) ((const type *)(const void *)((const char *)(thing) + (offset)))

void reader_fault(reader *rd, int line, const char *fmt, ...)
{
    va_list args;
    rd->count++;
    if (!rd->faults) return;
    va_start(args, fmt);
    kt_str reason = kt_str_vfmt(rd->faults_mem, fmt, args);
    va_end(args);
    kt_add_str(rd->faults_mem, rd->faults, kt_str_fmt(rd->faults_mem, "%s:%d: %.*s", rd->file, line, KT_ARG(reason)));
}

/* ------------------------------------------------------------------ reading one value */

typedef struct {
    reader *rd;
    const shape *shape;
    const field *f;
    const kt_value *v;
} slot;

static void slot_fault(const slot *s, const char *reason)
{
    reader_fault(s->rd, s->v->line, "%s of %s: %s", s->f->key, s->shape->name, reason);
}

static bool choose(const slot *s, const kt_value *v, size_t *index)
{
    kt_str text = kt_as_str(v);
    for (size_t i = 0; v->kind == KT_V_STRING && s->f->choices[i]; i++) {
        if (!kt_str_is(text, s->f->choices[i])) continue;
        *index = i;
        return true;
    }
    kt_str all = KT_STR_NONE;
    for (size_t i = 0; s->f->choices[i]; i++)
        all = kt_str_fmt(s->rd->mem, "%.*s%s%s", KT_ARG(all), i ? ", " : "",
                         *s->f->choices[i] ? s->f->choices[i] : "\"\"");
    reader_fault(s->rd, v->line, "%s of %s: \"%.*s\" is none of: %.*s", s->f->key, s->shape->name, KT_ARG(text),
                 KT_ARG(all));
    return false;
}

static bool read_text(const slot *s, const kt_value *v, kt_str *out)
{
    slot at = { s->rd, s->shape, s->f, v };
    if (v->kind == KT_V_INT || v->kind == KT_V_BOOL) {
        slot_fault(&at, "must be a text; put it in quotes");
        return false;
    }
    if (v->kind != KT_V_STRING) {
        slot_fault(&at, "must be a text");
        return false;
    }
    kt_str text = v->as.string;
    const char *wrong = kt_str_empty(kt_str_trim(text)) && s->f->flags & FIELD_NEEDED ? "is empty" : NULL;
    if (!wrong && text.len > 4000) wrong = "is longer than 4000 bytes";
    if (!wrong && text.len && s->f->test) wrong = s->f->test(text);
    if (wrong) {
        slot_fault(&at, wrong);
        return false;
    }
    *out = kt_str_trim(text);
    return true;
}

static void read_words(const slot *s, words *out)
{
    if (s->v->kind != KT_V_MAP) {
        slot_fault(s, "must be {de: …, en: …}");
        return;
    }
    KT_EACH(m, s->v) {
        kt_str *side = kt_str_is(m->key, "de") ? &out->de : kt_str_is(m->key, "en") ? &out->en : NULL;
        if (!side)
            reader_fault(
                s->rd, m->line, "%s of %s: unknown language \"%.*s\"%s", s->f->key, s->shape->name, KT_ARG(m->key),
                kt_str_find_byte(m->key, ' ', 0) != KT_NOT_FOUND_AT ? " (a text with a comma needs quotes)" : "");
        else
            read_text(s, m, side);
    }
    if (kt_str_empty(out->de)) slot_fault(s, "the German words (de) are missing");
    if (kt_str_empty(out->en)) slot_fault(s, "the English words (en) are missing");
}

static void read_date(const slot *s, kt_str *out)
{
    int64_t ms = 0;
    kt_str text = kt_as_str(s->v);
    if (text.len != 10 || !kt_time_parse(text, &ms))
        slot_fault(s, "must be a date, YYYY-MM-DD");
    else
        *out = text;
}

static void read_period(const slot *s, int64_t *ms, int *months)
{
    int64_t length = 0;
    int n = 0;
    if (!kt_duration_parse(kt_as_str(s->v), &length, &n) || (length == 0 && n == 0) || length < 0 || n < 0 ||
        n > 1200 || length > 100 * 366 * KT_DAY_MS) {
        slot_fault(s, "must be a duration of ISO 8601 (P7D, PT30M, P36M, P10Y), at most 100 years");
        return;
    }
    *ms = length;
    *months = n;
}

static void read_lifetime(const slot *s, int64_t *seconds)
{
    int64_t ms = 0;
    int months = 0;
    kt_str text = kt_as_str(s->v);
    if (kt_str_is(text, "session")) return;
    if (!kt_duration_parse(text, &ms, &months) || months > 120) {
        slot_fault(s, "must be \"session\" or a duration of ISO 8601 (P30D, PT30M, P1Y)");
        return;
    }
    /* Max-Age is in seconds: a year has 365 days here, a month 30. */
    *seconds = (ms + (months / 12 * 365 + months % 12 * 30) * KT_DAY_MS) / KT_SECOND_MS;
    if (*seconds <= 0) slot_fault(s, "is shorter than a second");
}

static void read_texts(const slot *s, const kt_str **out, size_t *count)
{
    if (s->v->kind != KT_V_LIST) {
        slot_fault(s, "must be a list");
        return;
    }
    kt_str *list = kt_alloc_array(s->rd->mem, s->v->count, sizeof *list);
    size_t n = 0, index = 0;
    KT_EACH(item, s->v) {
        kt_str text = KT_STR_NONE;
        if (s->f->kind == FIELD_CHOICES ? choose(s, item, &index) : read_text(s, item, &text))
            list[n++] = s->f->kind == FIELD_CHOICES ? kt_str_c(s->f->choices[index]) : text;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            if (kt_str_eq(list[i], list[j])) slot_fault(s, "names something twice");
    *out = list;
    *count = n;
    if (n == 0 && s->f->flags & FIELD_NEEDED) slot_fault(s, "the list is empty");
}

static void read_parts(const slot *s, void **out, size_t *count, bool as_operator)
{
    if (s->v->kind != KT_V_LIST) {
        slot_fault(s, "must be a list");
        return;
    }
    const shape *part = s->f->part;
    char *list = kt_alloc_array(s->rd->mem, s->v->count, part->size);
    size_t n = 0;
    KT_EACH(item, s->v) shape_read(s->rd, part, item, list + part->size * n++, as_operator);
    *out = list;
    *count = n;
    if (n == 0 && s->f->flags & FIELD_NEEDED) slot_fault(s, "the list is empty");
}

static void read_columns(const slot *s, column_claim **out, size_t *count)
{
    if (s->v->kind != KT_V_MAP || !s->v->count) {
        slot_fault(s, "must be {column: data id or technical}");
        return;
    }
    column_claim *list = kt_alloc_array(s->rd->mem, s->v->count, sizeof *list);
    size_t n = 0;
    KT_EACH(m, s->v) {
        column_claim *c = &list[n++];
        c->column = m->key;
        c->line = m->line;
        read_text(s, m, &c->data);
    }
    *out = list;
    *count = n;
}

static void read_slot(const slot *s, void *thing, bool as_operator)
{
    const field *f = s->f;
    size_t index = 0;
    if (s->v->kind == KT_V_NULL) {
        slot_fault(s, "has no value");
        return;
    }
    switch (f->kind) {
    case FIELD_TEXT: read_text(s, s->v, AT(kt_str, thing, f->at)); break;
    case FIELD_WORDS: read_words(s, AT(words, thing, f->at)); break;
    case FIELD_BOOL:
        if (s->v->kind != KT_V_BOOL)
            slot_fault(s, "must be true or false");
        else
            *AT(bool, thing, f->at) = s->v->as.boolean;
        break;
    case FIELD_INT:
        if (s->v->kind != KT_V_INT || s->v->as.integer < 0 || s->v->as.integer > 1000000)
            slot_fault(s, "must be a number from 0 to 1000000");
        else
            *AT(int, thing, f->at) = (int)s->v->as.integer;
        break;
    case FIELD_DATE: read_date(s, AT(kt_str, thing, f->at)); break;
    case FIELD_PERIOD: read_period(s, AT(int64_t, thing, f->at), AT(int, thing, f->more)); break;
    case FIELD_LIFETIME: read_lifetime(s, AT(int64_t, thing, f->at)); break;
    case FIELD_CHOICE:
        if (choose(s, s->v, &index)) *AT(kt_str, thing, f->at) = kt_str_c(f->choices[index]);
        break;
    case FIELD_ENUM:
        if (choose(s, s->v, &index)) *AT(int, thing, f->at) = (int)index;
        break;
    case FIELD_TEXTS:
    case FIELD_CHOICES: read_texts(s, AT(const kt_str *, thing, f->at), AT(size_t, thing, f->more)); break;
    case FIELD_PART:
        if (!(f->flags & FIELD_OR_NONE && kt_str_is(kt_as_str(s->v), "none")))
            shape_read(s->rd, f->part, s->v, thing, as_operator);
        break;
    case FIELD_PARTS: read_parts(s, AT(void *, thing, f->at), AT(size_t, thing, f->more), as_operator); break;
    case FIELD_COLUMNS: read_columns(s, AT(column_claim *, thing, f->at), AT(size_t, thing, f->more)); break;
    case FIELD_STORE: {
        kt_str text = KT_STR_NONE;
        if (read_text(s, s->v, &text))
            *AT(kt_str, thing, f->at) = kt_str_fmt(s->rd->mem, "%s:%.*s", f->key, KT_ARG(text));
        break;
    }
    }
}

static const field *find_field(const shape *s, kt_str key)
{
    for (const field *f = s->fields; f->key; f++)
        if (kt_str_is(key, f->key)) return f;
    return NULL;
}

void shape_read(reader *rd, const shape *s, const kt_value *map, void *thing, bool as_operator)
{
    if (s->line_at) *AT(int, thing, s->line_at) = map->line;
    if (s->file_at) *AT(const char *, thing, s->file_at) = rd->file;
    if (s->defaults) s->defaults(thing);
    if (map->kind != KT_V_MAP) {
        reader_fault(rd, map->line, "%s must be a map of keys", s->name);
        return;
    }
    KT_EACH(v, map) {
        const field *f = find_field(s, v->key);
        bool prose = kt_str_find_byte(v->key, ' ', 0) != KT_NOT_FOUND_AT; /* { de: first, second half of it } */
        if (!f)
            reader_fault(rd, v->line, "unknown key \"%.*s\" in %s%s", KT_ARG(v->key), s->name,
                         prose ? " (a text with a comma needs quotes)" : "");
        else if (as_operator && !(f->flags & FIELD_OPERATOR))
            reader_fault(rd, v->line, "%s of %s is a fact of the program and cannot be changed here", f->key, s->name);
        else
            read_slot(&(slot){ rd, s, f, v }, thing, as_operator);
    }
    for (const field *f = s->fields; f->key; f++)
        if (f->flags & FIELD_NEEDED && (!as_operator || strcmp(f->key, "id") == 0) && !kt_get(map, f->key))
            reader_fault(rd, map->line, "%s is missing in %s", f->key, s->name);
}

/* ------------------------------------------------------------------ an operator's override */

void shape_overlay(const shape *s, void *onto, const void *from, const kt_value *map)
{
    static const size_t sizes[] = {
        [FIELD_TEXT] = sizeof(kt_str),      [FIELD_WORDS] = sizeof(words),    [FIELD_BOOL] = sizeof(bool),
        [FIELD_INT] = sizeof(int),          [FIELD_DATE] = sizeof(kt_str),    [FIELD_PERIOD] = sizeof(int64_t),
        [FIELD_LIFETIME] = sizeof(int64_t), [FIELD_CHOICE] = sizeof(kt_str),  [FIELD_ENUM] = sizeof(int),
        [FIELD_TEXTS] = sizeof(void *),     [FIELD_CHOICES] = sizeof(void *), [FIELD_PART] = 0,
        [FIELD_PARTS] = sizeof(void *),     [FIELD_COLUMNS] = sizeof(void *), [FIELD_STORE] = sizeof(kt_str),
    };
    KT_EACH(v, map) {
        const field *f = find_field(s, v->key);
        if (!f) continue; /* said already while reading */
        if (f->kind == FIELD_PART) {
            shape_overlay(f->part, onto, from, v);
            continue;
        }
        memcpy(AT(char, onto, f->at), AT_CONST(char, from, f->at), sizes[f->kind]);
        if (f->more && f->kind == FIELD_PERIOD)
            *AT(int, onto, f->more) = *AT_CONST(int, from, f->more);
        else if (f->more)
            *AT(size_t, onto, f->more) = *AT_CONST(size_t, from, f->more);
    }
}

/* ------------------------------------------------------------------ back to a tree */

kt_str period_text(kt_arena *mem, int64_t ms, int months)
{
    if (!ms && !months) return KT_STR_NONE;
    int years = months / 12;
    kt_str text = KT_STR("P");
    if (years) text = kt_str_fmt(mem, "%.*s%dY", KT_ARG(text), years);
    if (months % 12) text = kt_str_fmt(mem, "%.*s%dM", KT_ARG(text), months % 12);
    int64_t days = ms / KT_DAY_MS, rest = ms % KT_DAY_MS;
    if (days) text = kt_str_fmt(mem, "%.*s%dD", KT_ARG(text), (int)days);
    if (!rest) return text;
    int hours = (int)(rest / KT_HOUR_MS), minutes = (int)(rest / KT_MINUTE_MS % 60),
        seconds = (int)(rest / KT_SECOND_MS % 60);
    text = kt_str_fmt(mem, "%.*sT", KT_ARG(text));
    if (hours) text = kt_str_fmt(mem, "%.*s%dH", KT_ARG(text), hours);
    if (minutes) text = kt_str_fmt(mem, "%.*s%dM", KT_ARG(text), minutes);
    return seconds ? kt_str_fmt(mem, "%.*s%dS", KT_ARG(text), seconds) : text;
}

static kt_value *texts_fact(kt_arena *mem, const kt_str *list, size_t n)
{
    if (!n) return NULL;
    kt_value *out = kt_list(mem);
    for (size_t i = 0; i < n; i++) kt_add_str(mem, out, list[i]);
    return out;
}

static kt_value *parts_fact(kt_arena *mem, const shape *part, const char *list, size_t n)
{
    if (!n) return NULL;
    kt_value *out = kt_list(mem);
    for (size_t i = 0; i < n; i++) kt_add(out, shape_facts(mem, part, list + i * part->size));
    return out;
}

static kt_value *columns_fact(kt_arena *mem, const column_claim *list, size_t n)
{
    kt_value *out = kt_map(mem);
    for (size_t i = 0; i < n; i++) kt_set_str(mem, out, kt_str_z(mem, list[i].column), list[i].data);
    return n ? out : NULL;
}

static kt_value *text_fact(kt_arena *mem, kt_str text) { return kt_str_empty(text) ? NULL : kt_string(mem, text); }

static kt_value *words_fact(kt_arena *mem, const words *w)
{
    if (kt_str_empty(w->de) && kt_str_empty(w->en)) return NULL;
    kt_value *out = kt_map(mem);
    kt_set_str(mem, out, "de", w->de);
    kt_set_str(mem, out, "en", w->en);
    return out;
}

static kt_value *store_fact(kt_arena *mem, const char *key, kt_str text)
{
    size_t n = strlen(key);
    bool mine = kt_str_starts(text, kt_str_c(key)) && text.len > n && text.at[n] == ':';
    return mine ? kt_string(mem, kt_str_slice(text, n + 1, text.len)) : NULL;
}

static kt_value *field_fact(kt_arena *mem, const field *f, const void *thing)
{
    switch (f->kind) {
    case FIELD_TEXT:
    case FIELD_DATE:
    case FIELD_CHOICE: return text_fact(mem, *AT_CONST(kt_str, thing, f->at));
    case FIELD_WORDS: return words_fact(mem, AT_CONST(words, thing, f->at));
    case FIELD_BOOL: return kt_boolean(mem, *AT_CONST(bool, thing, f->at));
    case FIELD_INT: return kt_integer(mem, *AT_CONST(int, thing, f->at));
    case FIELD_PERIOD:
        return text_fact(mem, period_text(mem, *AT_CONST(int64_t, thing, f->at), *AT_CONST(int, thing, f->more)));
    case FIELD_LIFETIME: {
        int64_t s = *AT_CONST(int64_t, thing, f->at);
        return kt_string(mem, s ? period_text(mem, s * KT_SECOND_MS, 0) : KT_STR("session"));
    }
    case FIELD_ENUM: return kt_string(mem, kt_str_c(f->choices[*AT_CONST(int, thing, f->at)]));
    case FIELD_TEXTS:
    case FIELD_CHOICES: return texts_fact(mem, *AT_CONST(kt_str *, thing, f->at), *AT_CONST(size_t, thing, f->more));
    case FIELD_PART: {
        kt_value *part = shape_facts(mem, f->part, thing);
        return part->count ? part : NULL;
    }
    case FIELD_PARTS:
        return parts_fact(mem, f->part, *AT_CONST(char *, thing, f->at), *AT_CONST(size_t, thing, f->more));
    case FIELD_COLUMNS:
        return columns_fact(mem, *AT_CONST(column_claim *, thing, f->at), *AT_CONST(size_t, thing, f->more));
    case FIELD_STORE: return store_fact(mem, f->key, *AT_CONST(kt_str, thing, f->at));
    }
    return NULL;
}

kt_value *shape_facts(kt_arena *mem, const shape *s, const void *thing)
{
    kt_value *out = kt_map(mem);
    for (const field *f = s->fields; f->key; f++) {
        kt_value *v = f->flags & FIELD_HIDDEN ? NULL : field_fact(mem, f, thing);
        if (v) kt_set(mem, out, f->key, v);
    }
    return out;
}
