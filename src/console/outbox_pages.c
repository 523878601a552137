/* SPDX-License-Identifier: Apache-2.0 */
/* outbox_pages.c -- what leaves the house: waiting, sent, dead; and the mails a demo writes to a folder. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "console/console.h"

enum { PAGE_ROWS = 50, MAILS_SHOWN = 100, MAIL_MAX = 1 << 20, HEAD_MAX = 16384 };

/* ---- rows of the outbox ---- */

kt_err console_get_outbox(request *rq, reply *rs)
{
    console *self = rq->room;
    pages *p = self->house->pages;
    static const char *const states[] = { "waiting", "sent", "dead" };
    kt_str asked = request_query(rq, "state"), from = request_query(rq, "before");
    const char *state = "waiting";
    for (size_t i = 0; i < 3; i++)
        if (kt_str_is(asked, states[i])) state = states[i];
    int64_t before = 0;
    if (from.at && !kt_str_int(from, &before)) before = 0;
    kt_value *data = kt_map(rq->mem), *list = NULL;
    TRY(outbox_list(store_reader(self->house->store), state, before, PAGE_ROWS, rq->mem, &list));
    int64_t last = 0;
    for (kt_value *row = list->first; row; row = row->next) {
        last = kt_get_int(row, "number", 0);
        kt_set_str(rq->mem, row, "created", page_datetime(rq->mem, rq->lang, kt_get_int(row, "created_at", 0)));
        int64_t due = kt_get_int(row, "due_at", 0), ended = kt_get_int(row, "ended_at", 0);
        kt_set_str(rq->mem, row, "when",
                   due || ended ? page_datetime(rq->mem, rq->lang, ended ? ended : due) : KT_STR(""));
        kt_set_bool(rq->mem, row, "can_again", strcmp(state, "dead") == 0 && kt_get_bool(row, "has_body", true));
        kt_set_bool(rq->mem, row, "can_drop", strcmp(state, "sent") != 0);
    }
    kt_set(rq->mem, data, "rows", list);
    kt_set_bool(rq->mem, data, "empty", list->count == 0);
    if (list->count == PAGE_ROWS) kt_set_int(rq->mem, data, "older", last);
    kt_set_c(rq->mem, data, "state", state);
    kt_value *tabs = kt_set_list(rq->mem, data, "tabs");
    for (size_t i = 0; i < 3; i++) {
        kt_value *t = kt_add_map(rq->mem, tabs);
        char key[64];
        snprintf(key, sizeof key, "console.outbox.state.%s", states[i]);
        kt_set_c(rq->mem, t, "id", states[i]);
        kt_set_str(rq->mem, t, "text", page_text(p, rq->mem, rq->lang, key, NULL));
        kt_set_bool(rq->mem, t, "current", states[i] == state);
    }
    return console_page(self, rq, rs, 200, "console/outbox", data);
}

typedef struct {
    request *rq;
    kt_str key;
    bool drop;
} outbox_deed;

static kt_err deed_action(db *d, void *ctx)
{
    outbox_deed *o = ctx;
    TRY(o->drop ? outbox_drop(d, o->key) : outbox_resend(d, o->key, o->rq->now_ms));
    return console_audit(d, o->rq, o->drop ? "outbox.drop" : "outbox.again", "outbox", o->key, "ok", KT_STR_NONE);
}

static kt_err do_deed(request *rq, reply *rs, bool drop)
{
    console *self = rq->room;
    outbox_deed o = { rq, request_param(rq, "key"), drop };
    TRY(store_write(self->house->store, deed_action, &o));
    outbox_wake(self->house->outbox);
    return reply_redirect(rq, rs, 303, KT_STR("/console/outbox"));
}

kt_err console_post_again(request *rq, reply *rs) { return do_deed(rq, rs, false); }
kt_err console_post_drop(request *rq, reply *rs) { return do_deed(rq, rs, true); }

/* ---- the folder of mails (--mail-drop) ---- */

/* A file of the folder, at most MAIL_MAX bytes. The name was checked: no slash, ends in .eml. */
static kt_err read_mail(const char *dir, const char *name, size_t most, kt_arena *mem, kt_str *out)
{
    const char *path = kt_str_z(mem, kt_str_fmt(mem, "%s/%s", dir, name));
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return KT_NOT_FOUND;
    char *text = kt_alloc(mem, most);
    size_t n = 0;
    for (ssize_t got; n < most && (got = read(fd, text + n, most - n)) > 0;) n += (size_t)got;
    close(fd);
    *out = (kt_str){ text, n };
    return KT_OK;
}

/* The value of a header in the head of a message, unfolded. */
static kt_str mail_header(kt_arena *mem, kt_str message, const char *name)
{
    kt_str rest = message, row, want = kt_str_fmt(mem, "%s:", name), value = KT_STR_NONE;
    while (kt_str_split(&rest, '\n', &row)) {
        kt_str trimmed = kt_str_trim(row);
        if (trimmed.len == 0) break;
        bool folded = row.at[0] == ' ' || row.at[0] == '\t';
        if (folded && value.at)
            value = kt_str_fmt(mem, "%.*s %.*s", KT_ARG(value), KT_ARG(trimmed));
        else if (value.at)
            break;
        else if (row.len > want.len && kt_str_eq_nocase(kt_str_slice(row, 0, want.len), want))
            value = kt_str_trim(kt_str_slice(row, want.len, row.len));
    }
    return value;
}

static int nibble(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

/* Quoted-printable as our own composer writes it (RFC 2045 6.7); `word` for the form of RFC 2047. */
static kt_str unquote(kt_arena *mem, kt_str s, bool word)
{
    char *out = kt_alloc(mem, s.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '\r') continue;
        if (s.at[i] == '=' && !word && i + 1 < s.len && (s.at[i + 1] == '\n' || s.at[i + 1] == '\r')) {
            i += s.at[i + 1] == '\r' ? 2 : 1;
        } else if (s.at[i] == '=' && i + 2 < s.len && nibble(s.at[i + 1]) >= 0 && nibble(s.at[i + 2]) >= 0) {
            out[n++] = (char)(nibble(s.at[i + 1]) << 4 | nibble(s.at[i + 2]));
            i += 2;
        } else {
            out[n++] = word && s.at[i] == '_' ? ' ' : s.at[i];
        }
    }
    return (kt_str){ out, n };
}

/* =?UTF-8?Q?…?= and =?UTF-8?B?…?= words of a header; words of other forms stay as they are. */
static kt_str decode_words(kt_arena *mem, kt_str s)
{
    kt_str out = KT_STR(""), open = KT_STR("=?UTF-8?");
    bool after_word = false;
    while (s.len) {
        size_t at = kt_str_find(s, open, 0), from = at + open.len + 2;
        size_t end = at == KT_NOT_FOUND_AT || from > s.len ? KT_NOT_FOUND_AT : kt_str_find(s, KT_STR("?="), from);
        if (end == KT_NOT_FOUND_AT) return kt_str_fmt(mem, "%.*s%.*s", KT_ARG(out), KT_ARG(s));
        kt_str before = kt_str_slice(s, 0, at), word = kt_str_slice(s, from, end), decoded = word;
        if (after_word && kt_str_trim(before).len == 0) before = KT_STR("");
        bool base64 = s.at[from - 2] == 'B' || s.at[from - 2] == 'b';
        if (!base64)
            decoded = unquote(mem, word, true);
        else if (!kt_base64_decode(mem, word, &decoded))
            decoded = word;
        out = kt_str_fmt(mem, "%.*s%.*s%.*s", KT_ARG(out), KT_ARG(before), KT_ARG(decoded));
        s = kt_str_slice(s, end + 2, s.len);
        after_word = true;
    }
    return out;
}

static void add_heads(request *rq, kt_value *row, kt_str message)
{
    kt_set_str(rq->mem, row, "to", decode_words(rq->mem, mail_header(rq->mem, message, "To")));
    kt_set_str(rq->mem, row, "subject", decode_words(rq->mem, mail_header(rq->mem, message, "Subject")));
    kt_set_str(rq->mem, row, "date", mail_header(rq->mem, message, "Date"));
}

static bool is_mail_name(kt_str name)
{
    return kt_str_ends(name, KT_STR(".eml")) && name.at[0] != '.' && kt_str_find_byte(name, '/', 0) == KT_NOT_FOUND_AT;
}

static int newest_first(const void *a, const void *b)
{
    return strcmp(*(const char *const *)b, *(const char *const *)a);
}

kt_err console_get_mails(request *rq, reply *rs)
{
    console *self = rq->room;
    const char *dir = self->house->mail_drop;
    kt_value *data = kt_map(rq->mem), *list = kt_set_list(rq->mem, data, "mails");
    kt_set_bool(rq->mem, data, "no_folder", !dir);
    DIR *folder = dir ? opendir(dir) : NULL;
    const char **names = kt_alloc_array(rq->mem, 10000, sizeof *names);
    size_t n = 0;
    for (struct dirent *e; folder && n < 10000 && (e = readdir(folder));)
        if (is_mail_name(kt_str_c(e->d_name))) names[n++] = kt_str_z(rq->mem, kt_str_c(e->d_name));
    if (folder) closedir(folder);
    qsort(names, n, sizeof *names, newest_first);
    for (size_t i = 0; i < n && i < MAILS_SHOWN; i++) {
        kt_str head = KT_STR_NONE;
        if (read_mail(dir, names[i], HEAD_MAX, rq->mem, &head) != KT_OK) continue;
        kt_value *row = kt_add_map(rq->mem, list);
        kt_set_c(rq->mem, row, "file", names[i]);
        add_heads(rq, row, head);
    }
    kt_set_bool(rq->mem, data, "empty", n == 0);
    kt_set_int(rq->mem, data, "shown", (int64_t)list->count);
    return console_page(self, rq, rs, 200, "console/mails", data);
}

/* The text part: what stands between its empty line and the next boundary. */
static kt_str text_part(kt_arena *mem, kt_str message)
{
    size_t part = kt_str_find(message, KT_STR("Content-Type: text/plain"), 0);
    kt_str from = part == KT_NOT_FOUND_AT ? message : kt_str_slice(message, part, message.len);
    size_t a = kt_str_find(from, KT_STR("\r\n\r\n"), 0), b = kt_str_find(from, KT_STR("\n\n"), 0);
    size_t body = a != KT_NOT_FOUND_AT && (b == KT_NOT_FOUND_AT || a < b) ? a + 4 : b == KT_NOT_FOUND_AT ? 0 : b + 2;
    kt_str head = kt_str_slice(from, 0, body), text = kt_str_slice(from, body, from.len);
    size_t end = kt_str_find(text, KT_STR("\n--"), 0);
    while (end != KT_NOT_FOUND_AT && end + 3 < text.len &&
           (text.at[end + 3] == ' ' || text.at[end + 3] == '\r' || text.at[end + 3] == '\n'))
        end = kt_str_find(text, KT_STR("\n--"), end + 3); /* "-- " is a signature, not a boundary */
    if (end != KT_NOT_FOUND_AT) text = kt_str_slice(text, 0, end);
    head = kt_str_lower(mem, head);
    if (kt_str_find(head, KT_STR("quoted-printable"), 0) != KT_NOT_FOUND_AT) return unquote(mem, text, false);
    kt_str decoded = text;
    if (kt_str_find(head, KT_STR("base64"), 0) != KT_NOT_FOUND_AT && !kt_base64_decode(mem, text, &decoded))
        decoded = text;
    return decoded;
}

/* A text as pieces, so that the page can make links of the addresses in it. */
static void add_pieces(request *rq, kt_value *data, kt_str text)
{
    kt_value *pieces = kt_set_list(rq->mem, data, "pieces");
    while (text.len) {
        size_t at = kt_str_find(text, KT_STR("http"), 0);
        while (at != KT_NOT_FOUND_AT && !kt_str_starts(kt_str_slice(text, at, text.len), KT_STR("http://")) &&
               !kt_str_starts(kt_str_slice(text, at, text.len), KT_STR("https://")))
            at = kt_str_find(text, KT_STR("http"), at + 1);
        kt_value *piece = kt_add_map(rq->mem, pieces);
        kt_set_str(rq->mem, piece, "text", kt_str_slice(text, 0, at));
        kt_set(rq->mem, piece, "href", kt_null(rq->mem));
        if (at == KT_NOT_FOUND_AT) return;
        size_t end = at;
        while (end < text.len && (unsigned char)text.at[end] > ' ' && !strchr("<>\"", text.at[end])) end++;
        kt_set_str(rq->mem, piece, "href", kt_str_slice(text, at, end));
        text = kt_str_slice(text, end, text.len);
    }
}

kt_err console_get_mail(request *rq, reply *rs)
{
    console *self = rq->room;
    kt_str file = request_param(rq, "file"), message = KT_STR_NONE;
    if (!self->house->mail_drop || !is_mail_name(file)) return KT_NOT_FOUND;
    TRY(read_mail(self->house->mail_drop, kt_str_z(rq->mem, file), MAIL_MAX, rq->mem, &message));
    kt_value *data = kt_map(rq->mem);
    add_heads(rq, data, message);
    add_pieces(rq, data, text_part(rq->mem, message));
    return console_page(self, rq, rs, 200, "console/mail", data);
}
