/* SPDX-License-Identifier: Apache-2.0 */
/* notice_inner.h -- what the files notice*.c share; nobody else includes it.
 *
 * The notice is built once as a tree that knows nothing of HTML, and written from it three times
 * (notice_html through a template, notice_text.c, JSON). The shapes, from the outside in:
 *
 *   notice   { lang, title, stand, date, date_iso, version, head: facts, toc_title, toc: [entry], sections }
 *   entry    { number, name, href, has_entries, entries: [entry] }
 *   section  { anchor, number, name, blocks: [block], parts: [part] }
 *   part     { anchor, number, name, blocks: [block] }       one activity, or a list that belongs here
 *   block    { heading, items: [item] }
 *   item     one of { text } { sub } { has_list, list: [{ entry }] } { facts: { caption, rows: [{ term, value, href }] } }
 *            { table: { caption, head: [{ cell }], rows: [{ cells: [{ label, cell, href }] }] } }
 *
 * No shape uses a name that one further out uses for something else, so that a template never finds the
 * wrong one. */
#ifndef KONTOR_REGISTER_NOTICE_INNER_H
#define KONTOR_REGISTER_NOTICE_INNER_H
#include "register/notice.h"

/* The date and number of a kept version; version 0 = not kept (yet). */
typedef struct { int64_t version, made_at; } notice_stamp;

/* What a sentence is written with. */
typedef struct {
    const registry       *r;
    const operator_facts *op;
    pages                *p;
    kt_arena             *mem;
    const char           *lang;
} pen;
pen pen_new(const registry *r, pages *p, kt_arena *mem, const char *lang);

/* ---- notice_say.c: words ---- */

/* The text register.notice.<key>. */
kt_str say(const pen *n, const char *key);
/* The same with its names filled in: say_with(n, "route.mail", { "mail", address }). */
typedef struct { const char *name; kt_str value; } blank;
kt_str say_filled(const pen *n, const char *key, const blank *blanks);
#define say_with(n, key, ...) say_filled((n), (key), (const blank[]){ __VA_ARGS__, { NULL, { NULL, 0 } } })
/* The text register.notice.<group>.<code>; the code itself when there is no such text. */
kt_str say_code(const pen *n, const char *group, kt_str code);
bool   can_say(const pen *n, const char *group, kt_str code);
/* In the language of the pen; German when the other is missing. */
kt_str pick(const pen *n, const words *w);
/* "a, b und c". */
kt_str say_list(const pen *n, const kt_str *parts, size_t count);
/* "6(1)(f)" → "Art. 6 Abs. 1 S. 1 lit. f DSGVO"; the short form is without "S. 1". */
kt_str say_article(const pen *n, kt_str article, kt_str how);
/* "7 Tage", "36 Monate", "10 Jahre". NONE when both are 0. */
kt_str say_duration(const pen *n, int64_t ms, int months);
/* A date of the register (YYYY-MM-DD); what does not parse is returned as it is. */
kt_str say_date(const pen *n, kt_str day);
/* A URL as it may stand in href: every byte outside ASCII percent-encoded (RFC 3987 3.1). NONE unless
 * http, https or mailto. */
kt_str notice_href(kt_arena *mem, kt_str url);

/* ---- notice_tree.c, notice_parts.c ---- */

kt_value *notice_tree(const pen *n, notice_stamp stamp);
/* An activity's blocks, and the lists that are made over all activities. */
void notice_activity(const pen *n, kt_value *part, const activity *a);
void notice_cookie_list(const pen *n, kt_value *part);
void notice_device_list(const pen *n, kt_value *part);
void notice_recipient_list(const pen *n, kt_value *part);
/* True when the person can withdraw a consent that the activity rests on. */
bool activity_asks_consent(const activity *a);

/* Building blocks of the tree. */
kt_value *add_block(const pen *n, kt_value *holder, kt_str heading);
void      add_text(const pen *n, kt_value *block, kt_str text);
/* One paragraph a line. */
void      add_texts(const pen *n, kt_value *block, kt_str text);
void      add_sub(const pen *n, kt_value *block, kt_str heading);
kt_value *add_list(const pen *n, kt_value *block);
void      add_entry(const pen *n, kt_value *list, kt_str text);
kt_value *add_facts(const pen *n, kt_value *block, kt_str caption);
/* Nothing is added for an empty value. `url` may be NONE. */
void      add_fact(const pen *n, kt_value *facts, kt_str term, kt_str value, kt_str url);
kt_value *add_table(const pen *n, kt_value *block, kt_str caption, const char *const *columns, size_t count);
/* A row, and the cells of the newest row from left to right. */
void      add_row(const pen *n, kt_value *table);
void      add_cell(const pen *n, kt_value *table, kt_str text, kt_str href);

/* ---- writers ---- */

void   notice_text(const kt_value *tree, kt_buf *out);
kt_err notice_write(const pen *n, notice_stamp stamp, notice_format format, bool standalone, kt_buf *out) KT_MUST_CHECK;

/* A value of a change in few words; NONE for nothing. */
kt_str notice_brief(kt_arena *mem, const kt_value *v, const char *lang);
/* Number and date of the newest kept version; zeros when there is none. */
kt_err notice_newest(store *st, notice_stamp *out) KT_MUST_CHECK;

enum { NOTICE_MAX = 4 << 20 };

#endif
