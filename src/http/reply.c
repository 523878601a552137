/* SPDX-License-Identifier: Apache-2.0 */
/* reply.c -- building a reply: status, headers, one body. Nothing here is sent yet; finish.c completes it
 * and the engine sends it. A header with a line end in it never gets in, so it can never get out. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "http/inside.h"

void reply_init(reply *rs, request *rq) { *rs = (reply){ .rq = rq, .status = 200, .fd = -1 }; }

void reply_drop_body(reply *rs)
{
    if (rs->fd >= 0) close(rs->fd);
    if (rs->stream) stream_release(rs->stream);
    rs->fd = -1;
    rs->stream = NULL;
    rs->bytes = KT_STR_NONE;
    rs->offset = rs->length = 0;
    rs->kind = BODY_NONE;
    rs->ranges = false;
}

/* ---- headers ---- */

static const char *const several[] = { "set-cookie", "link", "www-authenticate", "server-timing" };

static bool may_repeat(kt_str name)
{
    for (size_t i = 0; i < sizeof several / sizeof *several; i++)
        if (kt_str_eq_nocase(name, kt_str_c(several[i]))) return true;
    return false;
}

static reply_field *find(const reply *rs, kt_str name)
{
    for (reply_field *f = rs->first; f; f = f->next)
        if (kt_str_eq_nocase(f->name, name)) return f;
    return NULL;
}

kt_str reply_field_get(const reply *rs, const char *name)
{
    reply_field *f = find(rs, kt_str_c(name));
    return f ? f->value : KT_STR_NONE;
}

static void put(reply *rs, kt_str name, kt_str value)
{
    kt_arena *mem = rs->rq->mem;
    reply_field *f = may_repeat(name) ? NULL : find(rs, name);
    if (!f) {
        f = KT_NEW(mem, reply_field);
        f->name = kt_str_dup(mem, name);
        if (rs->last)
            rs->last->next = f;
        else
            rs->first = f;
        rs->last = f;
    }
    f->value = kt_str_dup(mem, value);
}

kt_err reply_header(reply *rs, const char *name, kt_str value)
{
    if (!name || !is_token(kt_str_c(name))) return KT_BAD_INPUT;
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.at[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) return KT_BAD_INPUT;
    }
    if (kt_str_eq_nocase(kt_str_c(name), KT_STR("vary"))) {
        kt_str rest = value, part;
        while (kt_str_split(&rest, ',', &part)) reply_put_vary(rs, kt_str_z(rs->rq->mem, kt_str_trim(part)));
        return KT_OK;
    }
    put(rs, kt_str_c(name), value);
    return KT_OK;
}

void reply_put(reply *rs, const char *name, kt_str value) { put(rs, kt_str_c(name), value); }

void reply_put_vary(reply *rs, const char *name)
{
    kt_str had = reply_field_get(rs, "vary"), rest = had, part;
    while (kt_str_split(&rest, ',', &part))
        if (kt_str_eq_nocase(kt_str_trim(part), kt_str_c(name))) return;
    put(rs, KT_STR("Vary"), had.len ? kt_str_fmt(rs->rq->mem, "%.*s, %s", KT_ARG(had), name) : kt_str_c(name));
}

void reply_set_status(reply *rs, int status) { rs->status = status; }
int reply_get_status(const reply *rs) { return rs->status; }

/* ---- bodies ---- */

static void begin(reply *rs, int status, const char *type)
{
    reply_drop_body(rs);
    rs->ended = true;
    rs->status = status;
    if (type) reply_put(rs, "Content-Type", kt_str_c(type));
}

kt_err reply_status(reply *rs, int status)
{
    begin(rs, status, NULL);
    return KT_OK;
}

kt_err reply_bytes(reply *rs, int status, const char *type, kt_str bytes)
{
    for (const char *t = type; t && *t; t++)
        if ((unsigned char)*t < 0x20) return KT_BAD_INPUT;
    begin(rs, status, type);
    rs->kind = BODY_BYTES;
    rs->bytes = kt_str_dup(rs->rq->mem, bytes);
    rs->length = bytes.len;
    return KT_OK;
}

kt_err reply_text(reply *rs, int status, kt_str text)
{
    return reply_bytes(rs, status, "text/plain; charset=utf-8", text);
}
kt_err reply_html(reply *rs, int status, kt_str html)
{
    return reply_bytes(rs, status, "text/html; charset=utf-8", html);
}

kt_err reply_json(reply *rs, int status, const kt_value *v)
{
    kt_buf text;
    kt_buf_init(&text, 64u * 1024 * 1024);
    kt_json_put(&text, v);
    kt_err err = kt_buf_check(&text);
    if (err == KT_OK) err = reply_bytes(rs, status, "application/json", kt_buf_str(&text));
    kt_buf_free(&text);
    return err;
}

kt_err reply_redirect(request *rq, reply *rs, int status, kt_str location)
{
    kt_str own = kt_str_c(http_origin(rq->server)), path = location;
    if (own.len && kt_str_starts(location, own)) path = kt_str_slice(location, own.len, location.len);
    if (path.len == 0 || path.at[0] != '/' || (path.len > 1 && (path.at[1] == '/' || path.at[1] == '\\'))) {
        if (!(path.len == 0 && location.len)) return KT_REFUSED; /* would lead away from here */
    }
    TRY(reply_header(rs, "Location", location));
    return reply_status(rs, status);
}

/* ---- files ---- */

/* attachment; filename="plain"; filename*=UTF-8''%C3%BC (RFC 6266) */
static void put_download_name(reply *rs, kt_str name)
{
    kt_buf line;
    kt_buf_init(&line, 4096);
    kt_buf_put_c(&line, "attachment; filename=\"");
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.at[i];
        kt_buf_put_byte(&line, c < 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '/' || c == '%' ? '_' : (char)c);
    }
    kt_buf_put_c(&line, "\"; filename*=UTF-8''");
    kt_buf_put_percent(&line, name);
    if (!line.over) reply_put(rs, "Content-Disposition", kt_buf_str(&line));
    kt_buf_free(&line);
}

kt_err reply_file(request *rq, reply *rs, int fd, const char *type, kt_str download_name)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return KT_IO;
    }
    begin(rs, 200, type ? type : "application/octet-stream");
    rs->kind = BODY_FILE;
    rs->fd = fd;
    rs->length = (uint64_t)st.st_size;
    rs->ranges = true;
    int64_t changed_ms = (int64_t)st.st_mtim.tv_sec * 1000;
    reply_put(rs, "Last-Modified", kt_time_http(rq->mem, changed_ms));
    reply_put(rs, "ETag",
              kt_str_fmt(rq->mem, "\"%llx-%llx.%lx\"", (unsigned long long)st.st_size,
                         (unsigned long long)st.st_mtim.tv_sec, (unsigned long)st.st_mtim.tv_nsec));
    if (download_name.len) put_download_name(rs, download_name);
    return KT_OK;
}

kt_err reply_embedded(request *rq, reply *rs, const kt_embedded *file)
{
    if (!file) return KT_NOT_FOUND;
    kt_str accept = request_header(rq, "accept-encoding");
    bool part = request_header(rq, "range").at != NULL; /* parts are of the plain bytes */
    http_coding coding = part ? CODING_NONE : coding_choose(accept, file->gz != NULL, file->br != NULL);
    const unsigned char *data = coding == CODING_BR ? file->br : coding == CODING_GZIP ? file->gz : file->data;
    size_t len = coding == CODING_BR ? file->br_len : coding == CODING_GZIP ? file->gz_len : file->len;
    begin(rs, 200, file->type);
    rs->kind = BODY_BYTES;
    rs->bytes = (kt_str){ (const char *)data, len }; /* in the program's own image: not copied */
    rs->length = len;
    rs->ranges = coding == CODING_NONE;
    if (coding != CODING_NONE) reply_put(rs, "Content-Encoding", coding == CODING_BR ? KT_STR("br") : KT_STR("gzip"));
    if (file->gz || file->br) reply_put_vary(rs, "Accept-Encoding");
    /* The encoded forms are other representations and need other tags (RFC 9110 8.8.3.3). */
    reply_put(rs, "ETag",
              kt_str_fmt(rq->mem, "\"%s%s\"", file->hash,
                         coding == CODING_BR     ? "-br"
                         : coding == CODING_GZIP ? "-gz"
                                                 : ""));
    if (!reply_field_get(rs, "cache-control").at) reply_put(rs, "Cache-Control", KT_STR("no-cache"));
    return KT_OK;
}

kt_err reply_stream(request *rq, reply *rs, const char *type, size_t buffer_max,
                    void (*on_drain)(http_stream *s, void *ctx), void (*on_gone)(void *ctx), void *ctx,
                    http_stream **out)
{
    begin(rs, 200, type);
    rs->kind = BODY_STREAM;
    rs->stream = stream_new(exchange_of(rq), buffer_max, on_drain, on_gone, ctx);
    if (type && strncmp(type, "text/event-stream", 17) == 0) {
        reply_put(rs, "Cache-Control", KT_STR("no-store"));
        reply_put(rs, "X-Accel-Buffering", KT_STR("no")); /* nginx would hold events back */
    }
    *out = rs->stream;
    return KT_OK;
}
