/* SPDX-License-Identifier: Apache-2.0 */
/* notice.h -- the privacy notice (Art. 13, 14) and the record of processing (Art. 30), from the register.
 *
 * Sentences are made from fields; there is no second place where these facts stand. Every change of a
 * fact makes a new dated version; old versions stay readable and their differences are shown. */
#ifndef KONTOR_REGISTER_NOTICE_H
#define KONTOR_REGISTER_NOTICE_H
#include "http/page.h"
#include "register/registry.h"
#include "store/store.h"

typedef enum { NOTICE_HTML, NOTICE_TEXT, NOTICE_JSON } notice_format;

/* HTML: a whole document with the notice alone when `standalone`, else the part inside <main>. */
kt_err notice_render(const registry *r, pages *p, kt_arena *mem, const char *lang, notice_format format,
                     bool standalone, kt_buf *out) KT_MUST_CHECK;
/* Art. 30 record: "text", "json", "csv". */
kt_err notice_record(const registry *r, kt_arena *mem, const char *format, kt_buf *out) KT_MUST_CHECK;
/* The same in the language asked for; notice_record is German, the language of the authority. */
kt_err notice_record_in(const registry *r, pages *p, kt_arena *mem, const char *lang, const char *format,
                        kt_buf *out) KT_MUST_CHECK;
/* At start: stores a new version when the register's hash, or the text made from it, differs from the newest. */
kt_err notice_keep_version(const registry *r, pages *p, store *st, int64_t now_ms) KT_MUST_CHECK;
/* What changed between two trees of facts: list of {path, de, en, before, after} in reading order. `path` is
 * for machines, `de` and `en` name the place in words; before and after are the values, null for none. */
kt_value *notice_changes(kt_arena *mem, const kt_value *before, const kt_value *after);

#endif
