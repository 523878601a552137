/* SPDX-License-Identifier: Apache-2.0 */
/* try.c -- a request without a socket: the same refusals, guards, handler and reply, on the caller's thread.
 *
 * It comes from 127.0.0.1 with Host: localhost unless a header says otherwise. */
#include <unistd.h>
#include "http/inside.h"

static kt_err take_fields(exchange *ex, const char *const *headers)
{
    bool host = false;
    for (size_t i = 0; headers && headers[i]; i++) {
        kt_str line = kt_str_dup(ex->rq.mem, kt_str_c(headers[i]));
        size_t colon = kt_str_find_byte(line, ':', 0);
        if (colon == KT_NOT_FOUND_AT) return KT_BAD_INPUT;
        kt_str name = kt_str_slice(line, 0, colon);
        host = host || kt_str_eq_nocase(name, KT_STR("host"));
        exchange_add_field(ex, name, kt_str_trim(kt_str_slice(line, colon + 1, line.len)));
    }
    if (!host) exchange_add_field(ex, KT_STR("Host"), KT_STR("localhost"));
    return KT_OK;
}

static kt_err take_body(exchange *ex, kt_str body)
{
    const route *row = ex->rq.route;
    size_t most = row && row->body_max ? row->body_max : HTTP_BODY_DEFAULT;
    if (body.len > most) return KT_TOO_LARGE;
    ex->rq.body = kt_str_dup(ex->rq.mem, body);
    ex->rq.body_len = body.len;
    return KT_OK;
}

static kt_err file_part(kt_arena *mem, const reply *rs, kt_str *out)
{
    char *bytes = kt_alloc(mem, rs->length + 1);
    size_t done = 0;
    while (done < rs->length) {
        ssize_t n = pread(rs->fd, bytes + done, rs->length - done, (off_t)(rs->offset + done));
        if (n <= 0) return KT_IO;
        done += (size_t)n;
    }
    *out = (kt_str){ bytes, done };
    return KT_OK;
}

static kt_err give(kt_arena *mem, const exchange *ex, int *status, kt_value **headers_out, kt_str *body_out)
{
    const reply *rs = &ex->rs;
    kt_str body = KT_STR("");
    *status = rs->status;
    if (headers_out) {
        *headers_out = kt_list(mem);
        for (const reply_field *f = rs->first; f; f = f->next) {
            if (!f->value.len) continue;
            kt_value *h = kt_add_map(mem, *headers_out);
            kt_set_str(mem, h, "name", kt_str_dup(mem, f->name));
            kt_set_str(mem, h, "value", kt_str_dup(mem, f->value));
        }
    }
    if (kt_str_is(ex->rq.method, "HEAD"))
        body = KT_STR("");
    else if (rs->kind == BODY_BYTES)
        body = kt_str_dup(mem, rs->bytes);
    else if (rs->kind == BODY_FILE)
        TRY(file_part(mem, rs, &body));
    else if (rs->kind == BODY_STREAM)
        body = stream_taken(rs->stream, mem);
    if (body_out) *body_out = body;
    return KT_OK;
}

kt_err http_try(http_server *s, kt_arena *mem, const char *method, const char *target_text, const char *const *headers,
                kt_str body, int *status, kt_value **headers_out, kt_str *body_out)
{
    exchange *ex = exchange_new(s);
    request *rq = &ex->rq;
    http_addr here = { { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 }, true };
    http_target target;
    bool has_body, chunked;
    uint64_t length;
    rq->method = kt_str_dup(rq->mem, kt_str_c(method));
    kt_err err = take_fields(ex, headers);
    if (err != KT_OK) {
        exchange_release(ex);
        return err;
    }
    ex->refused = headers_accept(ex, &has_body, &chunked, &length);
    addr_resolve(ex, &here, false);
    if (ex->refused == KT_OK && !target_parse(rq->mem, kt_str_dup(rq->mem, kt_str_c(target_text)), &target))
        ex->refused = KT_BAD_INPUT;
    if (ex->refused == KT_OK) {
        rq->path = target.path;
        rq->query = target.query;
        rq->route = router_find(s->routes, rq->mem, rq->method, rq->path, ex->params, &ex->n_params, &ex->allow);
        rq->room = rq->route ? rq->route->room : NULL;
        if (!host_is_served(ex))
            ex->refused = KT_MISDIRECTED;
        else if (!rq->route)
            ex->refused = ex->allow.len ? KT_BAD_METHOD : KT_NOT_FOUND;
        else
            ex->refused = take_body(ex, body);
    }
    request_language(ex);
    exchange_run(ex);
    err = give(mem, ex, status, headers_out, body_out);
    exchange_end(ex, *status, ex->rs.length);
    exchange_release(ex);
    return err;
}
