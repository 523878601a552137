/* SPDX-License-Identifier: Apache-2.0 */
/* front.c -- the public face: the front page, robots.txt, and the operator's name on every page. */
#include <stdio.h>
#include <stdlib.h>
#include "register/module.h"

typedef struct {
    const house *house;
} front;

static kt_err get_home(request *rq, reply *rs)
{
    front *self = rq->room;
    return page_reply(self->house->pages, rq, rs, 200, "http/home", kt_map(rq->mem));
}

static kt_err get_robots(request *rq, reply *rs)
{
    return reply_text(rs, 200, KT_STR("User-agent: *\nDisallow: /account\nDisallow: /console\nDisallow: /consent\n"));
}

static kt_err get_icon(request *rq, reply *rs) { return reply_embedded(rq, rs, kt_embedded_find("web/favicon.svg")); }

static const route routes[] = {
    { "GET", "/",            get_home,   HTTP_READ,   "platform-delivery", HTTP_PUBLIC, 0, 0, NULL, NULL },
    { "GET", "/robots.txt",  get_robots, HTTP_INLINE, "platform-delivery", HTTP_PUBLIC, HTTP_NO_COOKIE, 0, NULL, NULL },
    { "GET", "/favicon.ico", get_icon,   HTTP_INLINE, "platform-delivery", HTTP_PUBLIC, HTTP_NO_COOKIE, 0, NULL, NULL },
    { 0 }
};

/* Who the operator is stands in the register alone; pages take it from there. */
static void add_operator(void *ctx, request *rq, reply *rs, kt_value *data)
{
    front *self = ctx;
    const operator_facts *op = registry_operator(self->house->registry);
    kt_value *facts = kt_set_map(rq->mem, data, "operator");
    kt_set_str(rq->mem, facts, "name", op->name);
    kt_set_str(rq->mem, facts, "platform", op->platform_name);
    kt_set_str(rq->mem, facts, "city", op->city);
    kt_set_str(rq->mem, facts, "privacy_email", op->privacy_email);
    kt_set_str(rq->mem, facts, "imprint_url", op->imprint_url.len ? op->imprint_url : KT_STR("/imprint"));
}

static kt_err error_page(void *ctx, request *rq, reply *rs, int status, const kt_fail *fail)
{
    front *self = ctx;
    kt_value *data = kt_map(rq->mem);
    kt_set_int(rq->mem, data, "status", status);
    char key[32];
    static const int known[] = { 400, 401, 403, 404, 405, 408, 409, 410, 413,
                                 414, 415, 416, 421, 422, 429, 431, 500, 503 };
    bool listed = false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) listed |= known[i] == status;
    snprintf(key, sizeof key, "is_%d", listed ? status : status >= 500 ? 500 : 400);
    kt_set_bool(rq->mem, data, key, true);
    if (fail && fail->text[0]) kt_set_c(rq->mem, data, "detail", fail->text);
    kt_set_c(rq->mem, data, "request_id", rq->id);
    return page_reply(self->house->pages, rq, rs, status, "http/error", data);
}

static kt_err init(house *h, kt_fail *fail, void **room)
{
    front *self = kt_calloc(1, sizeof *self);
    self->house = h;
    pages_add_global(h->pages, add_operator, self);
    if (h->server) http_set_error_page(h->server, error_page, self);
    *room = self;
    return KT_OK;
}

static void stop(void *room) { free(room); }

const module front_module = { .name = "front", .routes = routes, .init = init, .stop = stop };
