/* SPDX-License-Identifier: Apache-2.0 */
/* line.h -- one record of the access log, and its written forms.
 *
 * The fields are the declared ones (operating system, IP address, date and time, browser type and version)
 * and technical ones without reference to a person. A new field is a new row of WEBLOG_FIELDS and a new
 * entry of activity.yaml; a test compares the keys written with that table. There is no place for an
 * account, a session, a cookie, a query string or a concrete path.
 *
 * jsonl     what is stored: one object a line, keys in the order of the table, none that is empty
 * combined  the common form of web servers, for export; identity and user are always "-"
 * goaccess  one object a line with the keys GoAccess is told to expect, for export */
#ifndef KONTOR_WEBLOG_LINE_H
#define KONTOR_WEBLOG_LINE_H
#include "http/http.h"

/*    key         in profile declaration   person-related by the declaration */
#define WEBLOG_FIELDS(X)      \
    X(time,       true,  true)  \
    X(ip,         true,  true)  \
    X(os,         true,  true)  \
    X(os_v,       true,  true)  \
    X(browser,    true,  true)  \
    X(browser_v,  true,  true)  \
    X(method,     false, false) \
    X(proto,      false, false) \
    X(status,     true,  false) \
    X(bytes,      true,  false) \
    X(dur_us,     true,  false) \
    X(tls,        false, false) \
    X(route,      true,  false) \
    X(bot,        false, false)
enum {
#define WEBLOG_ENUM(key, minimal, personal) WEBLOG_##key,
    WEBLOG_FIELDS(WEBLOG_ENUM)
#undef WEBLOG_ENUM
    WEBLOG_FIELD_COUNT
};

#define WEBLOG_LINE_MAX 8192

typedef struct {
    int64_t   time_ms;
    http_addr ip;                        /* known = false: none */
    kt_str    os, os_v, browser, browser_v, method, proto, route;   /* views; empty: absent */
    int       status;
    uint64_t  bytes;
    int64_t   dur_us;
    bool      tls, bot;
} weblog_line;

typedef enum { LINE_JSONL, LINE_COMBINED, LINE_GOACCESS } line_form;

/* Adds the line with its '\n'. `minimal`: only what the profile "declaration" has (jsonl). */
void line_put(kt_arena *mem, kt_buf *out, const weblog_line *l, line_form as, bool minimal);

/* One line of a stored file, without '\n'. Strings are views into `text`, unescaped into `mem` where needed.
 * False when it is not a whole record. */
bool line_parse(kt_arena *mem, kt_str text, weblog_line *out);

/* A line in the combined (or common) form of any web server. Referrer and User-Agent are views and are not
 * part of a record; target is the concrete path with its query. */
typedef struct { weblog_line line; kt_str target, referer, user_agent; } foreign_line;
bool line_parse_combined(kt_arena *mem, kt_str text, foreign_line *out);

/* The method as a word of a closed set: a made-up method is text from outside and becomes "OTHER". */
kt_str line_method(kt_str method);
/* Text of combined: bytes below 0x20, 0x7F, '"', '\' and what is not UTF-8 become \xHH. */
void line_put_escaped(kt_buf *out, kt_str text, size_t max);

#endif
