/* SPDX-License-Identifier: Apache-2.0 */
/* request.c -- what a handler asks of a request, and the birth and end of exchanges.
 *
 * Exchanges are kept for re-use with their arena's first block: most requests then allocate nothing. */
#include <stdlib.h>
#include <unistd.h>
#include "http/inside.h"

enum { FREE_MAX = 256 };

/* ---- exchanges ---- */

static exchange *exchange_take(http_server *s)
{
    pthread_mutex_lock(&s->free_lock);
    exchange *ex = s->free_list;
    if (ex) {
        s->free_list = ex->next_free;
        s->n_free--;
    }
    pthread_mutex_unlock(&s->free_lock);
    return ex;
}

exchange *exchange_new(http_server *s)
{
    exchange *ex = exchange_take(s);
    kt_arena *mem = ex ? ex->rq.mem : kt_arena_new();
    if (!ex) ex = kt_malloc(sizeof *ex);
    memset(ex, 0, sizeof *ex);
    ex->server = s;
    ex->rq = (request){ .mem = mem,
                        .path = KT_STR("/"),
                        .query = KT_STR(""),
                        .body = KT_STR(""),
                        .body_file = -1,
                        .host = KT_STR(""),
                        .lang = "de",
                        .server = s,
                        .transport = ex };
    ex->started_us = kt_monotonic_us();
    ex->rq.now_ms = kt_now_ms(s->options.clock);
    unsigned char id[16];
    kt_random_fill(s->options.random, id, sizeof id);
    for (size_t i = 0; i < sizeof id; i++) {
        ex->rq.id[2 * i] = "0123456789abcdef"[id[i] >> 4];
        ex->rq.id[2 * i + 1] = "0123456789abcdef"[id[i] & 15];
    }
    atomic_init(&ex->refs, 1);
    reply_init(&ex->rs, &ex->rq);
    atomic_fetch_add(&s->n_exchanges, 1);
    return ex;
}

void exchange_hold(exchange *ex) { atomic_fetch_add(&ex->refs, 1); }

void exchange_release(exchange *ex)
{
    if (atomic_fetch_sub(&ex->refs, 1) != 1) return;
    http_server *s = ex->server;
    reply_drop_body(&ex->rs);
    kt_buf_free(&ex->body);
    if (ex->rq.body_file >= 0) close(ex->rq.body_file);
    kt_arena_reset(ex->rq.mem);
    pthread_mutex_lock(&s->free_lock);
    bool keep = s->n_free < FREE_MAX;
    if (keep) {
        ex->next_free = s->free_list;
        s->free_list = ex;
        s->n_free++;
    }
    pthread_mutex_unlock(&s->free_lock);
    atomic_fetch_sub(&s->n_exchanges, 1); /* last: http_stop waits for it, then frees the server */
    if (keep) return;
    kt_arena_free(ex->rq.mem);
    free(ex);
}

void exchange_add_field(exchange *ex, kt_str name, kt_str value)
{
    if (ex->n_fields == ex->cap_fields) {
        size_t cap = ex->cap_fields ? ex->cap_fields * 2 : 24;
        http_field *more = kt_alloc_array(ex->rq.mem, cap, sizeof *more);
        if (ex->n_fields) memcpy(more, ex->fields, ex->n_fields * sizeof *more);
        ex->fields = more;
        ex->cap_fields = cap;
    }
    ex->fields[ex->n_fields++] = (http_field){ name, value };
}

/* ---- headers and parameters ---- */

kt_str request_header_at(request *rq, const char *name, size_t i)
{
    exchange *ex = exchange_of(rq);
    kt_str wanted = kt_str_c(name);
    for (size_t f = 0; f < ex->n_fields; f++)
        if (kt_str_eq_nocase(ex->fields[f].name, wanted) && i-- == 0) return kt_str_trim(ex->fields[f].value);
    return KT_STR_NONE;
}

kt_str request_header(request *rq, const char *name) { return request_header_at(rq, name, 0); }

size_t request_header_count(request *rq, const char *name)
{
    exchange *ex = exchange_of(rq);
    kt_str wanted = kt_str_c(name);
    size_t n = 0;
    for (size_t f = 0; f < ex->n_fields; f++)
        if (kt_str_eq_nocase(ex->fields[f].name, wanted)) n++;
    return n;
}

kt_str request_param(request *rq, const char *name)
{
    exchange *ex = exchange_of(rq);
    for (size_t i = 0; i < ex->n_params; i++)
        if (strcmp(ex->params[i].name, name) == 0) return ex->params[i].value;
    return KT_STR_NONE;
}

kt_str request_query(request *rq, const char *name)
{
    kt_str rest = rq->query, pair, key, value;
    while (kt_str_split(&rest, '&', &pair)) {
        size_t equals = kt_str_find_byte(pair, '=', 0);
        kt_str raw = equals == KT_NOT_FOUND_AT ? KT_STR("") : kt_str_slice(pair, equals + 1, pair.len);
        if (equals != KT_NOT_FOUND_AT) pair = kt_str_slice(pair, 0, equals);
        if (!kt_percent_decode(rq->mem, pair, true, &key) || !kt_str_is(key, name)) continue;
        if (kt_percent_decode(rq->mem, raw, true, &value) && kt_utf8_valid(value) &&
            kt_str_find_byte(value, 0, 0) == KT_NOT_FOUND_AT)
            return value;
        return KT_STR_NONE;
    }
    return KT_STR_NONE;
}

bool request_wants_json(request *rq)
{
    kt_str accept = request_header(rq, "accept");
    if (!accept.at) return false;
    int json = accept_quality(accept, KT_STR("application/json"));
    int problem = accept_quality(accept, KT_STR("application/problem+json"));
    int html = accept_quality(accept, KT_STR("text/html"));
    if (problem > json) json = problem;
    return json > 0 && json > html;
}

kt_err request_fail(request *rq, kt_err err, const char *field, const char *de, const char *en)
{
    bool english = rq->lang && strcmp(rq->lang, "en") == 0;
    return kt_fail_set(&rq->fail, err, field, "%s", english ? en : de);
}

kt_err request_json(request *rq, kt_value **out)
{
    kt_str type = media_type(request_header(rq, "content-type"));
    if (!kt_str_eq_nocase(type, KT_STR("application/json")))
        return request_fail(rq, KT_UNSUPPORTED, "", "Der Inhalt muss application/json sein.",
                            "The body must be application/json.");
    if (rq->body_file >= 0)
        return request_fail(rq, KT_TOO_LARGE, "", "Der Inhalt ist zu groß für JSON.",
                            "The body is too large for JSON.");
    return kt_json_parse(rq->mem, rq->body, &rq->fail, out);
}

/* ---- language ---- */

static const char *language_of(kt_str word)
{
    if (kt_str_is(word, "de")) return "de";
    return kt_str_is(word, "en") ? "en" : NULL;
}

/* Their own word first: the address, the cookie, the account; then the browser's; then German. */
void request_language(exchange *ex)
{
    request *rq = &ex->rq;
    bool twice;
    const char *lang = language_of(request_query(rq, "lang"));
    if (!lang) {
        kt_str cookie = request_cookie(rq, rq->tls ? "__Host-lang" : "lang", &twice);
        if (!twice) lang = language_of(cookie);
    }
    if (!lang && rq->session) lang = language_of(rq->session->lang);
    if (!lang) {
        kt_str accept = request_header(rq, "accept-language");
        if (accept.at && language_quality(accept, KT_STR("en")) > language_quality(accept, KT_STR("de"))) lang = "en";
    }
    rq->lang = lang ? lang : "de";
}
