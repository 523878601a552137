/* SPDX-License-Identifier: Apache-2.0 */
/* notice_text.c -- the notice as plain text, 78 columns: for mails, terminals, printing, reading aloud.
 *
 * Headings carry their anchor in brackets, so that a place can be named in both forms. A line is broken
 * at blanks only; an address that is longer than the line stays whole. */
#include "register/notice_inner.h"

enum { WIDTH = 78 };

static void put_many(kt_buf *out, char c, size_t count)
{
    for (size_t i = 0; i < count; i++) kt_buf_put_byte(out, c);
}

/* The text broken at blanks; `first` is put before the first line, as many blanks before the others. */
static void put_wrapped(kt_buf *out, const char *first, kt_str text)
{
    size_t indent = kt_utf8_count(kt_str_c(first)), column = indent;
    bool fresh = true;
    kt_str word;
    kt_buf_put_c(out, first);
    while (kt_str_split(&text, ' ', &word)) {
        size_t len = kt_utf8_count(word);
        if (len == 0) continue;
        if (!fresh && column + 1 + len > WIDTH) {
            kt_buf_put_byte(out, '\n');
            put_many(out, ' ', indent);
            column = indent;
            fresh = true;
        }
        if (!fresh) kt_buf_put_byte(out, ' ');
        kt_buf_put(out, word);
        column += len + (fresh ? 0 : 1);
        fresh = false;
    }
    kt_buf_put_byte(out, '\n');
}

static void put_heading(kt_buf *out, const kt_value *of, char line)
{
    size_t from = out->len;
    kt_str number = kt_get_str(of, "number");
    if (number.len) kt_buf_put_fmt(out, "%.*s ", KT_ARG(number));
    kt_buf_put_fmt(out, "%.*s [%.*s]", KT_ARG(kt_get_str(of, "name")), KT_ARG(kt_get_str(of, "anchor")));
    size_t len = kt_utf8_count((kt_str){ out->at + from, out->len - from });
    kt_buf_put_byte(out, '\n');
    put_many(out, line, len < WIDTH ? len : WIDTH);
    kt_buf_put_c(out, "\n\n");
}

/* A link whose readable form is not the address itself is not shown twice: in text the address is read. */
static void put_facts(kt_buf *out, const kt_value *facts)
{
    kt_str caption = kt_get_str(facts, "caption");
    if (caption.len) put_wrapped(out, "  ", caption);
    KT_EACH(row, kt_get(facts, "rows")) {
        kt_buf line;
        kt_buf_init(&line, NOTICE_MAX);
        kt_buf_put_fmt(&line, "%.*s: %.*s", KT_ARG(kt_get_str(row, "term")), KT_ARG(kt_get_str(row, "value")));
        put_wrapped(out, "  - ", kt_buf_str(&line));
        kt_buf_free(&line);
    }
    kt_buf_put_byte(out, '\n');
}

/* A table becomes a list: the first cell names the row, the others follow with their column. */
static void put_table(kt_buf *out, const kt_value *table)
{
    KT_EACH(row, kt_get(table, "rows")) {
        const kt_value *cells = kt_get(row, "cells"), *head = kt_get(table, "head")->first;
        kt_buf line;
        kt_buf_init(&line, NOTICE_MAX);
        KT_EACH(cell, cells) {
            const char *gap = cell == cells->first->next ? " | " : "; ";
            if (cell != cells->first) kt_buf_put_fmt(&line, "%s%.*s: ", gap, KT_ARG(kt_get_str(head, "cell")));
            kt_buf_put(&line, kt_get_str(cell, "cell"));
            head = head ? head->next : NULL;
        }
        put_wrapped(out, "  * ", kt_buf_str(&line));
        kt_buf_free(&line);
    }
    kt_buf_put_byte(out, '\n');
}

static void put_item(kt_buf *out, const kt_value *item)
{
    const kt_value *list = kt_get(item, "list"), *facts = kt_get(item, "facts"), *table = kt_get(item, "table");
    kt_str text = kt_get_str(item, "text"), sub = kt_get_str(item, "sub");
    if (text.len) {
        put_wrapped(out, "  ", text);
        kt_buf_put_byte(out, '\n');
    }
    if (sub.len) {
        kt_buf_put_fmt(out, "  %.*s\n", KT_ARG(sub));
        put_many(out, ' ', 2);
        put_many(out, '.', kt_utf8_count(sub));
        kt_buf_put_byte(out, '\n');
    }
    KT_EACH(entry, list) put_wrapped(out, "  * ", kt_get_str(entry, "entry"));
    if (list) kt_buf_put_byte(out, '\n');
    if (facts) put_facts(out, facts);
    if (table) put_table(out, table);
}

static void put_blocks(kt_buf *out, const kt_value *holder)
{
    KT_EACH(block, kt_get(holder, "blocks")) {
        kt_str heading = kt_get_str(block, "heading");
        if (heading.len) kt_buf_put_fmt(out, "%.*s\n\n", KT_ARG(heading));
        KT_EACH(item, kt_get(block, "items")) put_item(out, item);
    }
}

static void put_toc(kt_buf *out, const kt_value *toc, unsigned depth)
{
    KT_EACH(entry, toc) {
        kt_str number = kt_get_str(entry, "number"), href = kt_get_str(entry, "href");
        put_many(out, ' ', 2 + 2 * (size_t)depth);
        if (number.len) kt_buf_put_fmt(out, "%.*s ", KT_ARG(number));
        kt_buf_put(out, kt_get_str(entry, "name"));
        if (href.len && href.at[0] != '#') kt_buf_put_fmt(out, " <%.*s>", KT_ARG(href));
        kt_buf_put_byte(out, '\n');
        put_toc(out, kt_get(entry, "entries"), depth + 1);
    }
}

void notice_text(const kt_value *tree, kt_buf *out)
{
    kt_str title = kt_get_str(tree, "title"), stand = kt_get_str(tree, "stand");
    kt_buf_put_fmt(out, "%.*s\n", KT_ARG(title));
    put_many(out, '=', kt_utf8_count(title));
    kt_buf_put_fmt(out, "\n\n%.*s\n\n", KT_ARG(stand));
    put_facts(out, kt_get(tree, "head"));
    kt_buf_put_fmt(out, "%.*s\n\n", KT_ARG(kt_get_str(tree, "toc_title")));
    put_toc(out, kt_get(tree, "toc"), 0);
    kt_buf_put_byte(out, '\n');
    KT_EACH(section, kt_get(tree, "sections")) {
        put_heading(out, section, '=');
        put_blocks(out, section);
        KT_EACH(part, kt_get(section, "parts")) {
            put_heading(out, part, '-');
            put_blocks(out, part);
        }
    }
}
