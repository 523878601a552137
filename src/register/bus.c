/* SPDX-License-Identifier: Apache-2.0 */
/* bus.c -- subscribers a kind of event, called in the order in which they came. */
#include "register/bus.h"
#include <assert.h>
#include <stdlib.h>

enum { SUBSCRIBERS_MAX = 64 };

typedef struct {
    kt_err (*hear)(void *room, db *d, const kt_value *facts, int64_t now_ms);
    void *room;
} subscriber;
struct bus {
    subscriber of[BUS_COUNT][SUBSCRIBERS_MAX];
    size_t count[BUS_COUNT];
};

bus *bus_new(void) { return kt_calloc(1, sizeof(bus)); }
void bus_free(bus *b) { free(b); }

void bus_subscribe(bus *b, const subscription *s, void *room)
{
    assert((unsigned)s->event < BUS_COUNT && s->hear && b->count[s->event] < SUBSCRIBERS_MAX);
    b->of[s->event][b->count[s->event]++] = (subscriber){ s->hear, room };
}

kt_err bus_tell(bus *b, db *d, bus_event event, const kt_value *facts, int64_t now_ms)
{
    assert((unsigned)event < BUS_COUNT);
    for (size_t i = 0; i < b->count[event]; i++) TRY(b->of[event][i].hear(b->of[event][i].room, d, facts, now_ms));
    return KT_OK;
}

const char *bus_event_name(bus_event event)
{
    static const char *const names[] = {
#define BUS_NAME(name, text, facts) text,
        BUS_EVENTS(BUS_NAME)
#undef BUS_NAME
    };
    return (unsigned)event < BUS_COUNT ? names[event] : "";
}
