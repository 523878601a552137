/* SPDX-License-Identifier: Apache-2.0 */
/* bus.h -- how one room tells the others, without knowing them.
 *
 * An event is told inside the write transaction that makes it true; every subscriber runs in that same
 * transaction, in the order of the module list. A subscriber that fails fails the whole. Facts are a map;
 * each event's facts stand in the table below. What must reach the outside goes to the outbox. */
#ifndef KONTOR_REGISTER_BUS_H
#define KONTOR_REGISTER_BUS_H
#include "base/value.h"
#include "store/store.h"

/*    event                 facts */
#define BUS_EVENTS(X)                                                                      \
    X(ACCOUNT_CREATED,      "account.created",     "account, language")                    \
    X(ACCOUNT_CONFIRMED,    "account.confirmed",   "account")                              \
    X(ACCOUNT_CHANGED,      "account.changed",     "account, fields")                      \
    X(ACCOUNT_DEACTIVATED,  "account.deactivated", "account, erase_at")                    \
    X(ACCOUNT_RESTORED,     "account.restored",    "account")                              \
    X(ACCOUNT_CLOSED,       "account.closed",      "account")                              \
    X(ACCOUNT_SIGNED_IN,    "account.signed_in",   "account, session, consent_ref")        \
    X(CONSENT_CHANGED,      "consent.changed",     "consent, account, granted, denied, action") \
    X(STAFF_ACTED,          "staff.acted",         "staff, action, object_kind, object, reason")
typedef enum {
#define BUS_ENUM(name, text, facts) BUS_##name,
    BUS_EVENTS(BUS_ENUM)
#undef BUS_ENUM
    BUS_COUNT
} bus_event;

typedef struct bus bus;
typedef struct { bus_event event; kt_err (*hear)(void *room, db *d, const kt_value *facts, int64_t now_ms); } subscription;

bus   *bus_new(void);
void   bus_free(bus *b);
void   bus_subscribe(bus *b, const subscription *s, void *room);
kt_err bus_tell(bus *b, db *d, bus_event event, const kt_value *facts, int64_t now_ms) KT_MUST_CHECK;
const char *bus_event_name(bus_event event);

#endif
