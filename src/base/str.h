/* SPDX-License-Identifier: Apache-2.0 */
/* str.h -- string views (borrowed) and bounded buffers (owned).
 *
 * A kt_str points into memory somebody else owns and is not terminated. A kt_buf owns its bytes,
 * grows, and refuses to pass the maximum it was born with, so that no input grows memory without a
 * number that says how far. */
#ifndef KONTOR_BASE_STR_H
#define KONTOR_BASE_STR_H
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "base/err.h"
#include "base/mem.h"

typedef struct { const char *at; size_t len; } kt_str;

#define KT_STR(literal) ((kt_str){ "" literal, sizeof(literal) - 1 })
#define KT_STR_NONE ((kt_str){ NULL, 0 })
/* For printf: printf("%.*s", KT_ARG(s)). */
#define KT_ARG(s) (int)(s).len, ((s).at ? (s).at : "")

/* A view of a C string; NULL gives KT_STR_NONE. */
static inline kt_str kt_str_c(const char *text)
{
    return text ? (kt_str){ text, strlen(text) } : KT_STR_NONE;
}
static inline bool kt_str_empty(kt_str s) { return s.len == 0; }
static inline bool kt_str_eq(kt_str a, kt_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}
static inline bool kt_str_is(kt_str a, const char *b) { return kt_str_eq(a, kt_str_c(b)); }
/* ASCII case only. */
bool kt_str_eq_nocase(kt_str a, kt_str b);
int  kt_str_cmp(kt_str a, kt_str b);
bool kt_str_starts(kt_str s, kt_str prefix);
bool kt_str_ends(kt_str s, kt_str suffix);
/* Position of the first byte or string at or after `from`; (size_t)-1 when absent. */
size_t kt_str_find_byte(kt_str s, char byte, size_t from);
size_t kt_str_find(kt_str s, kt_str what, size_t from);
#define KT_NOT_FOUND_AT ((size_t)-1)
/* Bytes [from, to), clamped to the string. */
kt_str kt_str_slice(kt_str s, size_t from, size_t to);
/* Without blanks, tabs, CR and LF at both ends. */
kt_str kt_str_trim(kt_str s);
/* Takes the part before `sep` off `*rest` (sep is skipped). False when *rest was used up. */
bool kt_str_split(kt_str *rest, char sep, kt_str *part);

/* Copies into the arena; the copy is also zero-terminated (not counted). */
kt_str kt_str_dup(kt_arena *mem, kt_str s);
char  *kt_str_z(kt_arena *mem, kt_str s);
kt_str kt_str_fmt(kt_arena *mem, const char *fmt, ...) KT_PRINTF(2, 3);
kt_str kt_str_vfmt(kt_arena *mem, const char *fmt, va_list args) KT_PRINTF(2, 0);
kt_str kt_str_join(kt_arena *mem, const kt_str *parts, size_t n, kt_str sep);
kt_str kt_str_lower(kt_arena *mem, kt_str s);         /* ASCII */

/* Whole string a decimal integer within int64; no blanks, no '+', optional '-'. */
bool kt_str_int(kt_str s, int64_t *value);

/* UTF-8: true when valid (no surrogates, no overlong forms). */
bool kt_utf8_valid(kt_str s);
/* Code points in a valid string. */
size_t kt_utf8_count(kt_str s);
/* Decodes one code point at *at and moves it on; -1 at an invalid byte (moves by one). */
int32_t kt_utf8_next(kt_str s, size_t *at);

/* An owned, growing, bounded buffer. */
typedef struct { char *at; size_t len, cap, max; bool over; } kt_buf;

/* `max` is the most it may ever hold. Put past it sets `over` and adds nothing. */
void   kt_buf_init(kt_buf *buf, size_t max);
void   kt_buf_free(kt_buf *buf);
void   kt_buf_clear(kt_buf *buf);                      /* keeps the memory */
void   kt_buf_put(kt_buf *buf, kt_str s);
void   kt_buf_put_c(kt_buf *buf, const char *text);
void   kt_buf_put_byte(kt_buf *buf, char byte);
void   kt_buf_put_fmt(kt_buf *buf, const char *fmt, ...) KT_PRINTF(2, 3);
void   kt_buf_put_int(kt_buf *buf, int64_t value);
/* & < > " ' as entities. */
void   kt_buf_put_html(kt_buf *buf, kt_str s);
/* A JSON string with its quotes; invalid UTF-8 becomes U+FFFD. */
void   kt_buf_put_json(kt_buf *buf, kt_str s);
/* RFC 3986 percent-encoding of all but unreserved bytes. */
void   kt_buf_put_percent(kt_buf *buf, kt_str s);
static inline kt_str kt_buf_str(const kt_buf *buf) { return (kt_str){ buf->at, buf->len }; }
/* KT_TOO_LARGE when something did not fit. */
kt_err kt_buf_check(const kt_buf *buf) KT_MUST_CHECK;

/* Codecs; results in the arena. Decoders: false on anything that is not exactly the form. */
kt_str kt_hex(kt_arena *mem, const void *data, size_t len);
bool   kt_hex_decode(kt_arena *mem, kt_str hex, kt_str *out);
kt_str kt_base64url(kt_arena *mem, const void *data, size_t len);       /* no padding */
bool   kt_base64url_decode(kt_arena *mem, kt_str text, kt_str *out);
kt_str kt_base64(kt_arena *mem, const void *data, size_t len);          /* padded */
bool   kt_base64_decode(kt_arena *mem, kt_str text, kt_str *out);       /* padded; blanks and line ends are skipped */
/* %XX to bytes; plus_is_blank for forms. False on a broken escape. */
bool   kt_percent_decode(kt_arena *mem, kt_str s, bool plus_is_blank, kt_str *out);

/* Equal in constant time for equal lengths. */
bool kt_str_eq_secret(kt_str a, kt_str b);

#endif
