/* SPDX-License-Identifier: Apache-2.0 */
/* page.h -- pages from Mustache templates, words in German and English.
 *
 * Templates are the embedded files <module>/pages/<name>.html; partials {{> module/name }}. Data is a
 * kt_value map. Names that begin with "t." are words of texts.yaml (keys may nest: t.sign_up.title);
 * a text may itself hold {{names}} that are filled from the page's data. In templates {{x}} is escaped
 * for HTML, {{{x}}} is not: {{{t.…}}} lets a text hold links and emphasis, its names are still escaped.
 * Every page gets: lang, other_lang, other_lang_href, is_de, is_en, path, origin, signed_in, user_name,
 * nonce-free asset urls (asset.css, asset.fonts, asset.js, asset.chart, asset.uplot, asset.uplot_css,
 * asset.icon, asset.logo, asset.font), now, year, and what pages_add_global functions put in: csrf by
 * who holds the key, operator_name, nav, imprint_url and the like by the platform. docs/look.md lists
 * the names the layout and the partials read. */
#ifndef KONTOR_HTTP_PAGE_H
#define KONTOR_HTTP_PAGE_H
#include "http/http.h"

typedef struct pages pages;

/* Parses all embedded templates and texts of the modules; a template that does not parse, a partial
 * or text that does not exist is KT_BAD_INPUT with file and line in fail. */
kt_err pages_new(kt_fail *fail, pages **out) KT_MUST_CHECK;
void   pages_free(pages *p);
/* Called for every page before it is rendered, to add to what its data does not name itself. At most 16. */
void   pages_add_global(pages *p, void (*add)(void *ctx, request *rq, reply *rs, kt_value *data), void *ctx);

/* Renders "account/profile" inside the layout and replies with `status`. `data` gets "title" from
 * t.<module>.<page>.title unless it is set. Layout: "http/layout" or the map's "layout". */
kt_err page_reply(pages *p, request *rq, reply *rs, int status, const char *name, kt_value *data) KT_MUST_CHECK;
/* Renders without layout and without globals: mails, fragments, the notice. lang "de" or "en". */
kt_err page_render(pages *p, kt_arena *mem, const char *name, const char *lang, kt_value *data, kt_buf *out) KT_MUST_CHECK;
/* One text, filled from data (NULL for none): page_text(p, mem, "de", "account.mail.confirm.subject", data). */
kt_str page_text(pages *p, kt_arena *mem, const char *lang, const char *key, const kt_value *data);

/* True when there is such a text: for keys made from data (a status, an event). */
bool page_has_text(const pages *p, const char *key);

/* A field for {{> http/field}}: kt_map or kt_list `fields` takes it ({{#email}}{{> http/field}}{{/email}}
 * or {{#fields}}{{> http/field}}{{/fields}}). type: text, email, password, tel, url, number, date,
 * search, hidden, textarea, select, radio, checkbox, switch. words: key above label, help, placeholder.
 * The caller may set on it: autocomplete, required (bool), inputmode, maxlength, minlength, pattern,
 * rows, checked (bool), readonly (bool). */
kt_value *page_field(pages *p, request *rq, kt_value *fields, const char *name, const char *type, const char *words,
                     kt_str value);
/* One choice of a select or radio; chosen when it equals the field's value. */
kt_value *page_option(request *rq, kt_value *field, kt_str value, kt_str label);
/* Puts the words beside the field (NULL: the form as a whole) and into the page's "errors", which
 * {{> http/errors}} shows on top and gives the focus. */
void page_field_error(request *rq, kt_value *data, kt_value *field, kt_str words);

/* Numbers, dates and money in the reader's form. */
kt_str page_date(kt_arena *mem, const char *lang, int64_t ms);         /* 23. November 2026 */
kt_str page_datetime(kt_arena *mem, const char *lang, int64_t ms);     /* 23. November 2026, 15:12 (Europe/Berlin) */
kt_str page_number(kt_arena *mem, const char *lang, int64_t n);        /* 1.234 */
kt_str page_money(kt_arena *mem, const char *lang, int64_t cents, const char *currency);
kt_str page_bytes(kt_arena *mem, const char *lang, int64_t bytes);

#endif
