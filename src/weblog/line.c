/* SPDX-License-Identifier: Apache-2.0 */
/* line.c -- see line.h.
 *
 * Reading: the program reads back what it wrote, a flat object of strings, integers and booleans, and may read
 * millions of them for one table. So it is scanned once from left to right into the record, without a tree. */
#include "weblog/line.h"

#include <stdio.h>

static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT" };
static const char *const months[] = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
};

static const struct {
    const char *key;
    bool minimal;
} fields[] = {
#define WEBLOG_ROW(key, minimal, personal) { #key, minimal },
    WEBLOG_FIELDS(WEBLOG_ROW)
#undef WEBLOG_ROW
};

kt_str line_method(kt_str method)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (kt_str_is(method, methods[i])) return kt_str_c(methods[i]);
    return KT_STR("OTHER");
}

/* ---- writing ---- */

static void put_key(kt_buf *out, int field, bool *first)
{
    kt_buf_put_c(out, *first ? "{\"" : ",\"");
    kt_buf_put_c(out, fields[field].key);
    kt_buf_put_c(out, "\":");
    *first = false;
}

static void put_digits(char *to, int width, int value)
{
    for (; width > 0; value /= 10) to[--width] = (char)('0' + value % 10);
}

/* "2026-11-23T14:30:00.123Z". By hand, because every record has one and printf is slow. */
static void put_time(kt_buf *out, int64_t ms)
{
    static const struct {
        int at, width;
    } places[7] = { { 1, 4 }, { 6, 2 }, { 9, 2 }, { 12, 2 }, { 15, 2 }, { 18, 2 }, { 21, 3 } };
    kt_civil c = kt_civil_utc(ms);
    const int values[7] = { c.year, c.month, c.day, c.hour, c.minute, c.second, c.ms };
    char text[] = "\"0000-00-00T00:00:00.000Z\"";
    for (int i = 0; i < 7; i++) put_digits(text + places[i].at, places[i].width, values[i]);
    kt_buf_put(out, (kt_str){ text, sizeof text - 1 });
}

static void put_value(kt_arena *mem, kt_buf *out, const weblog_line *l, int field)
{
    const kt_str *texts[WEBLOG_FIELD_COUNT] = { [WEBLOG_os] = &l->os,           [WEBLOG_os_v] = &l->os_v,
                                                [WEBLOG_browser] = &l->browser, [WEBLOG_browser_v] = &l->browser_v,
                                                [WEBLOG_method] = &l->method,   [WEBLOG_proto] = &l->proto,
                                                [WEBLOG_route] = &l->route };

    switch (field) {
    case WEBLOG_time: put_time(out, l->time_ms); break;
    case WEBLOG_ip:
        kt_buf_put_byte(out, '"');
        kt_buf_put(out, http_addr_text(mem, &l->ip));
        kt_buf_put_byte(out, '"');
        break;
    case WEBLOG_status: kt_buf_put_int(out, l->status); break;
    case WEBLOG_bytes: kt_buf_put_int(out, (int64_t)l->bytes); break;
    case WEBLOG_dur_us: kt_buf_put_int(out, l->dur_us); break;
    case WEBLOG_tls: kt_buf_put_c(out, l->tls ? "true" : "false"); break;
    case WEBLOG_bot: kt_buf_put_c(out, l->bot ? "true" : "false"); break;
    default: kt_buf_put_json(out, *texts[field]); break;
    }
}

static bool is_absent(const weblog_line *l, int field)
{
    switch (field) {
    case WEBLOG_ip: return !l->ip.known;
    case WEBLOG_os: return l->os.len == 0;
    case WEBLOG_os_v: return l->os_v.len == 0;
    case WEBLOG_browser: return l->browser.len == 0;
    case WEBLOG_browser_v: return l->browser_v.len == 0;
    case WEBLOG_method: return l->method.len == 0;
    case WEBLOG_proto: return l->proto.len == 0;
    case WEBLOG_route: return l->route.len == 0;
    default: return false;
    }
}

static void put_jsonl(kt_arena *mem, kt_buf *out, const weblog_line *l, bool minimal)
{
    bool first = true;
    for (int f = 0; f < WEBLOG_FIELD_COUNT; f++) {
        if (is_absent(l, f) || (minimal && !fields[f].minimal)) continue;
        put_key(out, f, &first);
        put_value(mem, out, l, f);
    }
    kt_buf_put_c(out, "}\n");
}

void line_put_escaped(kt_buf *out, kt_str text, size_t max)
{
    size_t at = 0;
    text = kt_str_slice(text, 0, max);
    while (at < text.len) {
        size_t from = at;
        int32_t c = kt_utf8_next(text, &at);
        if (c < 0x20 || c == 0x7F || c == '"' || c == '\\')
            for (size_t i = from; i < at; i++) kt_buf_put_fmt(out, "\\x%02X", (unsigned)(unsigned char)text.at[i]);
        else
            kt_buf_put(out, kt_str_slice(text, from, at));
    }
}

/* System and browser as one word of the usual shape: "Firefox/128.0 (Linux)". The string the browser sent is
 * not there any more; readers find both in this. */
static void put_agent(kt_buf *out, const weblog_line *l)
{
    if (l->browser.len == 0 && l->os.len == 0) {
        kt_buf_put_byte(out, '-');
        return;
    }
    line_put_escaped(out, l->browser.len ? l->browser : KT_STR("Other"), 128);
    if (l->browser_v.len) kt_buf_put_byte(out, '/');
    line_put_escaped(out, l->browser_v, 64);
    if (l->os.len == 0) return;
    kt_buf_put_c(out, " (");
    line_put_escaped(out, l->os, 128);
    if (l->os_v.len) kt_buf_put_byte(out, ' ');
    line_put_escaped(out, l->os_v, 64);
    kt_buf_put_byte(out, ')');
}

static void put_combined(kt_arena *mem, kt_buf *out, const weblog_line *l)
{
    kt_civil c = kt_civil_utc(l->time_ms);
    if (l->ip.known)
        kt_buf_put(out, http_addr_text(mem, &l->ip));
    else
        kt_buf_put_c(out, "0.0.0.0"); /* readers refuse a line without an address */
    kt_buf_put_fmt(out, " - - [%02d/%s/%04d:%02d:%02d:%02d +0000] \"", c.day, months[c.month - 1], c.year, c.hour,
                   c.minute, c.second);
    if (l->method.len) {
        line_put_escaped(out, l->method, 16);
        kt_buf_put_byte(out, ' ');
        line_put_escaped(out, l->route.len ? l->route : KT_STR("/-"), 2048);
        kt_buf_put_byte(out, ' ');
        line_put_escaped(out, l->proto.len ? l->proto : KT_STR("HTTP/1.1"), 16);
    } else {
        kt_buf_put_byte(out, '-');
    }
    kt_buf_put_fmt(out, "\" %d %llu \"-\" \"", l->status ? l->status : 499, (unsigned long long)l->bytes);
    put_agent(out, l);
    kt_buf_put_c(out, "\"\n");
}

static void put_goaccess(kt_arena *mem, kt_buf *out, const weblog_line *l)
{
    kt_civil c = kt_civil_utc(l->time_ms);
    kt_buf agent;
    kt_buf_init(&agent, 1024);
    put_agent(&agent, l);
    kt_buf_put_fmt(out, "{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d+0000\",\"ip\":\"", c.year, c.month, c.day, c.hour,
                   c.minute, c.second);
    if (l->ip.known)
        kt_buf_put(out, http_addr_text(mem, &l->ip));
    else
        kt_buf_put_c(out, "0.0.0.0");
    kt_buf_put_c(out, "\",\"method\":");
    kt_buf_put_json(out, l->method.len ? l->method : KT_STR("GET"));
    kt_buf_put_c(out, ",\"path\":");
    kt_buf_put_json(out, l->route.len ? l->route : KT_STR("/-"));
    kt_buf_put_c(out, ",\"query\":\"\",\"proto\":");
    kt_buf_put_json(out, l->proto.len ? l->proto : KT_STR("HTTP/1.1"));
    kt_buf_put_fmt(out, ",\"status\":\"%d\",\"bytes\":\"%llu\",\"referer\":\"-\",\"ua\":", l->status ? l->status : 499,
                   (unsigned long long)l->bytes);
    kt_buf_put_json(out, kt_buf_str(&agent));
    kt_buf_put_fmt(out, ",\"dur_us\":\"%lld\"}\n", (long long)l->dur_us);
    kt_buf_free(&agent);
}

void line_put(kt_arena *mem, kt_buf *out, const weblog_line *l, line_form as, bool minimal)
{
    if (as == LINE_JSONL)
        put_jsonl(mem, out, l, minimal);
    else if (as == LINE_COMBINED)
        put_combined(mem, out, l);
    else
        put_goaccess(mem, out, l);
}

/* ---- reading jsonl ---- */

/* Behind the opening quote: the string's bytes, unescaped only when there is an escape. */
static bool scan_string(kt_arena *mem, kt_str text, size_t *at, kt_str *out)
{
    size_t from = *at;
    bool escaped = false;
    for (; *at < text.len && text.at[*at] != '"'; (*at)++) {
        if ((unsigned char)text.at[*at] < 0x20) return false;
        if (text.at[*at] == '\\') {
            escaped = true;
            (*at)++;
        }
    }
    if (*at >= text.len) return false;
    *out = kt_str_slice(text, from, (*at)++);
    if (!escaped) return true;
    kt_value *v; /* rare: leave it to the JSON library */
    kt_str quoted = { out->at - 1, out->len + 2 }, list = kt_str_fmt(mem, "[%.*s]", KT_ARG(quoted));
    if (kt_json_parse(mem, list, NULL, &v) != KT_OK || v->count != 1) return false;
    *out = kt_as_str(v->first);
    return true;
}

static bool set_field(weblog_line *l, kt_str key, kt_str value, bool quoted)
{
    int64_t n = 0;
    int f = 0;
    while (f < WEBLOG_FIELD_COUNT && !kt_str_is(key, fields[f].key)) f++;
    if (f == WEBLOG_FIELD_COUNT) return false; /* a field nobody declared: not one of our records */
    bool number = f == WEBLOG_status || f == WEBLOG_bytes || f == WEBLOG_dur_us,
         truth = f == WEBLOG_tls || f == WEBLOG_bot;
    if (quoted == (number || truth)) return false;
    if (number && (!kt_str_int(value, &n) || n < 0)) return false;
    if (truth && !kt_str_is(value, "true") && !kt_str_is(value, "false")) return false;
    switch (f) {
    case WEBLOG_time: return kt_time_parse(value, &l->time_ms);
    case WEBLOG_ip: return http_addr_parse(value, &l->ip);
    case WEBLOG_os: l->os = value; break;
    case WEBLOG_os_v: l->os_v = value; break;
    case WEBLOG_browser: l->browser = value; break;
    case WEBLOG_browser_v: l->browser_v = value; break;
    case WEBLOG_method: l->method = value; break;
    case WEBLOG_proto: l->proto = value; break;
    case WEBLOG_route: l->route = value; break;
    case WEBLOG_status:
        if (n > 999) return false;
        l->status = (int)n;
        break;
    case WEBLOG_bytes: l->bytes = (uint64_t)n; break;
    case WEBLOG_dur_us: l->dur_us = n; break;
    case WEBLOG_tls: l->tls = value.at[0] == 't'; break;
    default: l->bot = value.at[0] == 't'; break;
    }
    return true;
}

bool line_parse(kt_arena *mem, kt_str text, weblog_line *out)
{
    size_t at = 1;
    kt_str key, value;

    memset(out, 0, sizeof *out);
    out->time_ms = INT64_MIN;
    if (text.len < 2 || text.len > WEBLOG_LINE_MAX || text.at[0] != '{' || text.at[text.len - 1] != '}') return false;
    for (;;) {
        if (at >= text.len || text.at[at++] != '"' || !scan_string(mem, text, &at, &key)) return false;
        if (at >= text.len || text.at[at++] != ':' || at >= text.len) return false;
        bool quoted = text.at[at] == '"';
        if (quoted) {
            at++;
            if (!scan_string(mem, text, &at, &value)) return false;
        } else {
            size_t from = at;
            while (at < text.len && text.at[at] != ',' && text.at[at] != '}') at++;
            value = kt_str_slice(text, from, at);
        }
        if (!set_field(out, key, value, quoted) || at >= text.len) return false;
        if (text.at[at] == '}') break;
        if (text.at[at++] != ',') return false;
    }
    return at + 1 == text.len && out->time_ms != INT64_MIN;
}

/* ---- reading combined ---- */

static bool take_until(kt_str *rest, char end, kt_str *out)
{
    return kt_str_find_byte(*rest, end, 0) != KT_NOT_FOUND_AT && kt_str_split(rest, end, out);
}

/* A quoted part: \" and \xHH stand for bytes. */
static bool take_quoted(kt_arena *mem, kt_str *rest, kt_str *out)
{
    size_t at = 1, n = 0;
    if (rest->len < 2 || rest->at[0] != '"') return false;
    char *copy = kt_alloc(mem, rest->len);
    for (; at < rest->len && rest->at[at] != '"'; at++) {
        char c = rest->at[at];
        if (c == '\\' && at + 1 < rest->len) {
            kt_str byte;
            if (rest->at[at + 1] == 'x' && at + 3 < rest->len &&
                kt_hex_decode(mem, kt_str_slice(*rest, at + 2, at + 4), &byte)) {
                c = byte.at[0];
                at += 3;
            } else {
                c = rest->at[++at];
            }
        }
        copy[n++] = c;
    }
    if (at >= rest->len) return false;
    *out = (kt_str){ copy, n };
    *rest = kt_str_slice(*rest, at + 1, rest->len);
    return true;
}

/* 23/Nov/2026:14:12:00 +0100 */
static bool parse_date(kt_str s, int64_t *ms)
{
    int64_t number[6];
    static const size_t at[6][2] = { { 0, 2 }, { 7, 11 }, { 12, 14 }, { 15, 17 }, { 18, 20 }, { 21, 26 } };
    int month = 0;

    if (s.len != 26 || s.at[2] != '/' || s.at[6] != '/' || s.at[11] != ':' || s.at[14] != ':' || s.at[17] != ':' ||
        s.at[20] != ' ')
        return false;
    while (month < 12 && memcmp(s.at + 3, months[month], 3) != 0) month++;
    if (month == 12) return false;
    for (int i = 0; i < 6; i++) {
        kt_str part = kt_str_slice(s, at[i][0], at[i][1]);
        if (i == 5 && part.at[0] == '+') part = kt_str_slice(part, 1, part.len);
        if (!kt_str_int(part, &number[i])) return false;
    }
    kt_civil c = { (int)number[1], month + 1, (int)number[0], (int)number[2], (int)number[3], (int)number[4], 0, 0 };
    if (c.year < 1970 || c.day < 1 || c.day > 31 || c.hour > 23 || c.minute > 59 || c.second > 60) return false;
    int64_t zone = number[5], sign = zone < 0 ? -1 : 1;
    zone *= sign;
    *ms = kt_civil_ms(c) - sign * (zone / 100 * KT_HOUR_MS + zone % 100 * KT_MINUTE_MS);
    return true;
}

bool line_parse_combined(kt_arena *mem, kt_str text, foreign_line *out)
{
    weblog_line *l = &out->line;
    kt_str part, asked, status, bytes;
    int64_t n;

    memset(out, 0, sizeof *out);
    if (text.len > WEBLOG_LINE_MAX) return false;
    if (!take_until(&text, ' ', &part)) return false;
    if (!http_addr_parse(part, &l->ip)) l->ip.known = false; /* a host name: no address is kept */
    if (!take_until(&text, '[', &part) || !take_until(&text, ']', &part) || !parse_date(part, &l->time_ms))
        return false;
    text = kt_str_trim(text);
    if (!take_quoted(mem, &text, &asked)) return false;
    text = kt_str_trim(text);
    if (!kt_str_split(&text, ' ', &status) || !kt_str_int(status, &n) || n < 0 || n > 999) return false;
    l->status = (int)n;
    if (!kt_str_split(&text, ' ', &bytes)) return false;
    if (kt_str_int(bytes, &n) && n >= 0)
        l->bytes = (uint64_t)n;
    else if (!kt_str_is(bytes, "-"))
        return false;
    if (kt_str_split(&asked, ' ', &part) && part.len && !kt_str_is(part, "-")) {
        l->method = line_method(part);
        if (kt_str_split(&asked, ' ', &out->target))
            l->proto = kt_str_starts(asked, KT_STR("HTTP/")) ? asked : KT_STR_NONE;
    }
    text = kt_str_trim(text);
    if (text.len == 0) return true; /* the common form ends here */
    if (!take_quoted(mem, &text, &out->referer)) return false;
    text = kt_str_trim(text);
    return take_quoted(mem, &text, &out->user_agent);
}
