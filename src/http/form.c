/* SPDX-License-Identifier: Apache-2.0 */
/* form.c -- form bodies: application/x-www-form-urlencoded and multipart/form-data (RFC 7578).
 *
 * The whole body is there already (in memory, or mapped from its spool file), so fields are views and
 * nothing is copied but what has escapes. The library's own post processor takes more than we want to
 * take (broken escapes, bytes that are no UTF-8, any number of fields), hence this one. */
#include <stdio.h>
#include <sys/mman.h>
#include "http/inside.h"

static kt_err bad(kt_fail *fail, const char *why) { return kt_fail_set(fail, KT_BAD_INPUT, "", "%s", why); }

static kt_err form_add(kt_arena *mem, form *f, form_field ***tail, form_field field, kt_fail *fail)
{
    if (f->count == HTTP_FORM_FIELDS_MAX) return bad(fail, "The form has too many fields.");
    form_field *made = KT_NEW(mem, form_field);
    *made = field;
    made->next = NULL;
    **tail = made;
    *tail = &made->next;
    f->count++;
    return KT_OK;
}

static bool text_is_sound(kt_str s) { return kt_utf8_valid(s) && kt_str_find_byte(s, 0, 0) == KT_NOT_FOUND_AT; }

kt_err form_parse_urlencoded(kt_arena *mem, kt_str body, kt_fail *fail, form *out)
{
    form_field **tail = &out->first;
    kt_str rest = body, pair;
    *out = (form){ NULL, 0 };
    while (kt_str_split(&rest, '&', &pair)) {
        if (pair.len == 0) continue;
        form_field field = { 0 };
        size_t equals = kt_str_find_byte(pair, '=', 0);
        kt_str name = equals == KT_NOT_FOUND_AT ? pair : kt_str_slice(pair, 0, equals);
        kt_str value = equals == KT_NOT_FOUND_AT ? KT_STR("") : kt_str_slice(pair, equals + 1, pair.len);
        if (!kt_percent_decode(mem, name, true, &field.name) || !kt_percent_decode(mem, value, true, &field.value))
            return bad(fail, "The form has a broken escape.");
        if (!text_is_sound(field.name) || !text_is_sound(field.value)) return bad(fail, "The form is not valid UTF-8.");
        TRY(form_add(mem, out, &tail, field, fail));
    }
    return KT_OK;
}

/* ---- header values with parameters ---- */

kt_str media_type(kt_str content_type)
{
    size_t end = kt_str_find_byte(content_type, ';', 0);
    return kt_str_trim(end == KT_NOT_FOUND_AT ? content_type : kt_str_slice(content_type, 0, end));
}

/* A quoted string at s[*at] == '"'; browsers escape a quote in a file name as %22, RFC 9110 as \". */
static bool unquote(kt_arena *mem, kt_str s, size_t *at, kt_str *out)
{
    char *text = kt_alloc(mem, s.len - *at + 1);
    size_t n = 0, i = *at + 1;
    for (; i < s.len && s.at[i] != '"'; i++) {
        if (s.at[i] == '\\' && i + 1 < s.len && (s.at[i + 1] == '"' || s.at[i + 1] == '\\')) i++;
        text[n++] = s.at[i];
    }
    if (i >= s.len) return false;
    *out = (kt_str){ text, n };
    *at = i + 1;
    return true;
}

bool header_parameter(kt_arena *mem, kt_str value, const char *wanted, kt_str *out)
{
    size_t at = kt_str_find_byte(value, ';', 0);
    while (at < value.len) {
        at++; /* the semicolon */
        while (at < value.len && (value.at[at] == ' ' || value.at[at] == '\t')) at++;
        size_t from = at;
        while (at < value.len && value.at[at] != '=' && value.at[at] != ';') at++;
        kt_str name = kt_str_trim(kt_str_slice(value, from, at)), found;
        if (at >= value.len || value.at[at] == ';') continue;
        at++;
        if (at < value.len && value.at[at] == '"') {
            if (!unquote(mem, value, &at, &found)) return false;
        } else {
            from = at;
            while (at < value.len && value.at[at] != ';') at++;
            found = kt_str_trim(kt_str_slice(value, from, at));
        }
        while (at < value.len && value.at[at] != ';') at++;
        if (kt_str_eq_nocase(name, kt_str_c(wanted))) {
            *out = found;
            return true;
        }
    }
    return false;
}

/* ---- multipart ---- */

static bool boundary_is_sound(kt_str b)
{
    for (size_t i = 0; i < b.len; i++) {
        unsigned char c = (unsigned char)b.at[i];
        if (c < 0x20 || c >= 0x7f) return false;
    }
    return b.len > 0 && b.len <= 70; /* RFC 2046 5.1.1 */
}

static kt_err part_head(kt_arena *mem, kt_str head, form_field *field, kt_fail *fail)
{
    kt_str rest = head, line;
    bool named = false;
    while (kt_str_split(&rest, '\n', &line)) {
        line = kt_str_trim(line);
        size_t colon = kt_str_find_byte(line, ':', 0);
        if (line.len == 0) continue;
        if (colon == KT_NOT_FOUND_AT) return bad(fail, "A part of the form has a broken header.");
        kt_str name = kt_str_slice(line, 0, colon), value = kt_str_trim(kt_str_slice(line, colon + 1, line.len));
        if (kt_str_eq_nocase(name, KT_STR("content-disposition"))) {
            if (!kt_str_eq_nocase(media_type(value), KT_STR("form-data"))) return bad(fail, "A part is no form field.");
            named = header_parameter(mem, value, "name", &field->name);
            (void)header_parameter(mem, value, "filename", &field->filename);
        } else if (kt_str_eq_nocase(name, KT_STR("content-type"))) {
            field->type = value;
        } else if (kt_str_eq_nocase(name, KT_STR("content-transfer-encoding"))) {
            if (!kt_str_eq_nocase(value, KT_STR("binary")) && !kt_str_eq_nocase(value, KT_STR("8bit")) &&
                !kt_str_eq_nocase(value, KT_STR("7bit")))
                return bad(fail, "A part of the form has a transfer encoding.");
        }
    }
    if (!named) return bad(fail, "A part of the form has no name.");
    if (!text_is_sound(field->name) || !text_is_sound(field->filename))
        return bad(fail, "The form is not valid UTF-8.");
    return KT_OK;
}

static kt_err part_parse(kt_arena *mem, kt_str part, form_field *field, kt_fail *fail)
{
    size_t blank = kt_str_find(part, KT_STR("\r\n\r\n"), 0);
    if (blank == KT_NOT_FOUND_AT || blank > 4096) return bad(fail, "A part of the form has no end of its head.");
    *field = (form_field){ 0 };
    TRY(part_head(mem, kt_str_slice(part, 0, blank), field, fail));
    field->value = kt_str_slice(part, blank + 4, part.len);
    if (!field->filename.at && !text_is_sound(field->value)) return bad(fail, "The form is not valid UTF-8.");
    return KT_OK;
}

kt_err form_parse_multipart(kt_arena *mem, kt_str content_type, kt_str body, kt_fail *fail, form *out)
{
    kt_str boundary;
    form_field **tail = &out->first, field;
    *out = (form){ NULL, 0 };
    if (!header_parameter(mem, content_type, "boundary", &boundary) || !boundary_is_sound(boundary))
        return bad(fail, "The form has no usable boundary.");
    kt_str delimiter = kt_str_fmt(mem, "\r\n--%.*s", KT_ARG(boundary));
    kt_str opening = kt_str_slice(delimiter, 2, delimiter.len);
    size_t at = kt_str_starts(body, opening) ? 0 : kt_str_find(body, delimiter, 0);
    if (at == KT_NOT_FOUND_AT) return bad(fail, "The form does not begin with its boundary.");
    at += at == 0 ? opening.len : delimiter.len;
    for (;;) {
        kt_str after = kt_str_slice(body, at, at + 2);
        if (kt_str_is(after, "--")) return KT_OK;
        if (!kt_str_is(after, "\r\n")) return bad(fail, "A boundary of the form is followed by other bytes.");
        size_t end = kt_str_find(body, delimiter, at);
        if (end == KT_NOT_FOUND_AT) return bad(fail, "The form has no end.");
        TRY(part_parse(mem, kt_str_slice(body, at + 2, end), &field, fail));
        TRY(form_add(mem, out, &tail, field, fail));
        at = end + delimiter.len;
    }
}

/* ---- for handlers ---- */

typedef struct {
    void *at;
    size_t len;
} mapping;
static void unmap(void *what)
{
    mapping *m = what;
    munmap(m->at, m->len);
}

/* The body as one view, also when it lies in a file. */
static kt_err whole_body(request *rq, kt_str *out)
{
    *out = rq->body;
    if (rq->body_file < 0) return KT_OK;
    mapping *m = KT_NEW(rq->mem, mapping);
    m->len = rq->body_len;
    m->at = mmap(NULL, m->len, PROT_READ, MAP_PRIVATE, rq->body_file, 0);
    if (m->at == MAP_FAILED) return KT_IO;
    kt_arena_at_end(rq->mem, unmap, m);
    *out = (kt_str){ m->at, m->len };
    return KT_OK;
}

kt_err request_form(request *rq, form **out)
{
    exchange *ex = exchange_of(rq);
    kt_str type = request_header(rq, "content-type"), body;
    if (ex->parsed_form) {
        *out = ex->parsed_form;
        return KT_OK;
    }
    form *f = KT_NEW(rq->mem, form);
    TRY(whole_body(rq, &body));
    kt_str kind = media_type(type);
    if (kt_str_eq_nocase(kind, KT_STR("application/x-www-form-urlencoded"))) {
        TRY(form_parse_urlencoded(rq->mem, body, &rq->fail, f));
    } else if (kt_str_eq_nocase(kind, KT_STR("multipart/form-data"))) {
        TRY(form_parse_multipart(rq->mem, type, body, &rq->fail, f));
    } else if (body.len > 0) {
        return request_fail(rq, KT_UNSUPPORTED, "", "Der Inhalt muss ein Formular sein.", "The body must be a form.");
    }
    *out = ex->parsed_form = f;
    return KT_OK;
}

kt_str form_get(const form *f, const char *name)
{
    for (const form_field *field = f->first; field; field = field->next)
        if (kt_str_is(field->name, name)) return field->value;
    return KT_STR_NONE;
}

size_t form_count(const form *f, const char *name)
{
    size_t n = 0;
    for (const form_field *field = f->first; field; field = field->next)
        if (kt_str_is(field->name, name)) n++;
    return n;
}

kt_err form_only(request *rq, const form *f, const char *const *allowed)
{
    for (const form_field *field = f->first; field; field = field->next) {
        bool known = kt_str_is(field->name, "csrf");
        for (size_t i = 0; allowed[i] && !known; i++) known = kt_str_is(field->name, allowed[i]);
        if (known) continue;
        char name[64];
        snprintf(name, sizeof name, "%.*s", field->name.len > 60 ? 60 : (int)field->name.len,
                 field->name.at ? field->name.at : "");
        return request_fail(rq, KT_BAD_INPUT, name, "Das Formular hat ein Feld, das hier nicht bekannt ist.",
                            "The form has a field that is not known here.");
    }
    return KT_OK;
}
