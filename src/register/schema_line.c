/* SPDX-License-Identifier: Apache-2.0 */
/* schema_line.c -- a scan over the words of a schema, not a parser of SQL: the engine has already accepted
 * the text, and only the first word of each definition is looked for. */
#include "register/schema_line.h"

typedef struct {
    kt_str text;
    size_t at;
    int line;
    int depth;
} scan;

static bool word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static void step(scan *s)
{
    if (s->text.at[s->at++] == '\n') s->line++;
}

/* Skips blanks, comments and quoted texts. */
static void skip(scan *s)
{
    while (s->at < s->text.len) {
        char c = s->text.at[s->at];
        if (c == '-' && s->at + 1 < s->text.len && s->text.at[s->at + 1] == '-') {
            while (s->at < s->text.len && s->text.at[s->at] != '\n') step(s);
        } else if (c == '\'') {
            step(s);
            while (s->at < s->text.len && s->text.at[s->at] != '\'') step(s);
            if (s->at < s->text.len) step(s);
        } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '"') {
            step(s);
        } else {
            return;
        }
    }
}

/* The next word, or one sign; empty at the end. *line is where it stands. */
static kt_str next(scan *s, int *line)
{
    skip(s);
    *line = s->line;
    size_t from = s->at;
    while (s->at < s->text.len && word_byte(s->text.at[s->at])) s->at++;
    if (s->at == from && s->at < s->text.len) {
        char c = s->text.at[s->at++];
        s->depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    }
    return kt_str_slice(s->text, from, s->at);
}

static bool is(kt_str word, const char *sql) { return kt_str_eq_nocase(word, kt_str_c(sql)); }

/* After CREATE TABLE name: the first word after "(" and after each comma of this depth. */
static int in_definitions(scan *s, kt_str column)
{
    int line = 0, inside = s->depth + 1;
    bool first = false;
    for (;;) {
        kt_str word = next(s, &line);
        if (kt_str_empty(word) || is(word, ";")) return 0;
        if (s->depth < inside && is(word, ")")) return 0;
        if (first && kt_str_eq_nocase(word, column)) return line;
        first = s->depth == inside && (is(word, "(") || is(word, ","));
    }
}

static int in_alteration(scan *s, kt_str column)
{
    int line = 0;
    kt_str word = next(s, &line);
    if (!is(word, "ADD")) return 0;
    word = next(s, &line);
    if (is(word, "COLUMN")) word = next(s, &line);
    return kt_str_eq_nocase(word, column) ? line : 0;
}

int schema_line(kt_str schema, kt_str table, kt_str column)
{
    scan s = { schema, 0, 1, 0 };
    int line = 0;
    kt_str before = KT_STR_NONE;
    for (;;) {
        kt_str word = next(&s, &line);
        if (kt_str_empty(word)) return 0;
        bool create = is(before, "CREATE"), alter = is(before, "ALTER");
        before = word;
        if (!is(word, "TABLE") || (!create && !alter)) continue;
        kt_str name = next(&s, &line);
        if (is(name, "IF")) {
            next(&s, &line); /* NOT */
            next(&s, &line); /* EXISTS */
            name = next(&s, &line);
        }
        int found = !kt_str_eq_nocase(name, table) ? 0
                    : create                       ? in_definitions(&s, column)
                                                   : in_alteration(&s, column);
        if (found) return found;
    }
}
