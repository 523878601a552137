/* SPDX-License-Identifier: Apache-2.0 */
/* demo.c -- some sixty invented customers, so that the first look at a fresh installation shows something.
 *
 * Names come from two short lists by a seeded generator, addresses end in example.org, networks are those
 * reserved for documentation (RFC 5737). One of them, demo@example.org, has a password that is printed by
 * `./dev run`; the others have none, so nobody can sign in as them. Only ever called for demo data. */
#include "account/account.h"
#include "account/queries.h"

enum { CUSTOMERS = 60 };
#define DEMO_EMAIL    "demo@example.org"
#define DEMO_PASSWORD "kontor-demo-2026"

static const char *const first_names[] = {
    "Anna", "Ben", "Clara", "David", "Elif", "Finn", "Greta", "Hannes", "Ida", "Jonas", "Kira", "Lukas", "Mara",
    "Noah", "Olga", "Paul", "Ronja", "Samir", "Tove", "Ulf",
};
static const char *const last_names[] = {
    "Ahrens", "Brandt", "Claasen", "Dierks", "Ehlers", "Frahm", "Gerdes", "Hinrichs", "Ipsen", "Jürgens", "Kröger",
    "Lütjens", "Matthies", "Nissen", "Oetjen", "Petersen",
};
static const char *const streets[] = {
    "Am Speicher", "Deichweg", "Fischmarkt", "Hafenstraße", "Kontorgasse", "Mühlenweg",
};
static const struct { const char *postcode, *city; } towns[] = {
    { "20457", "Hamburg" }, { "28195", "Bremen" }, { "23552", "Lübeck" }, { "18055", "Rostock" },
    { "26122", "Oldenburg" },
};
static const struct { const char *browser, *os; } devices[] = {
    { "Firefox", "Linux" }, { "Chrome", "Windows" }, { "Safari", "macOS" },
    { "Safari", "iOS" },    { "Chrome", "Android" }, { "Edge", "Windows" },
};
static const char *const networks[] = { "192.0.2", "198.51.100", "203.0.113" };

typedef struct {
    house *h;
    account_room *room;
    kt_arena *mem;
    kt_random random;
    int64_t now_ms;
    kt_password_hash hash;
} demo;

#define PICK(d, list) list[kt_random_below(&(d)->random, sizeof(list) / sizeof *(list))]
static kt_str demo_id(demo *d) { return kt_random_token(&d->random, d->mem, 16); }

static kt_str network_of(demo *d, unsigned *host)
{
    *host = 1 + kt_random_below(&d->random, 250);
    return kt_str_c(PICK(d, networks));
}

static kt_err tell(demo *d, db *b, bus_event event, kt_str id, const char *key, const char *value, int64_t at)
{
    kt_value *facts = kt_map(d->mem);
    kt_set_str(d->mem, facts, "account", id);
    if (key) kt_set_c(d->mem, facts, key, value);
    return bus_tell(d->h->bus, b, event, facts, at);
}

static kt_err put_customer(demo *d, db *b, int i, kt_str id, int64_t registered, const char *lang)
{
    bool known = i == 0;
    unsigned host = 0;
    kt_str first = known ? KT_STR("Dana") : kt_str_c(PICK(d, first_names)),
           last = known ? KT_STR("Musterkundin") : kt_str_c(PICK(d, last_names));
    kt_str email = known ? KT_STR(DEMO_EMAIL)
                         : kt_str_fmt(d->mem, "%.*s.%02d@example.org", KT_ARG(kt_str_lower(d->mem, first)), i);
    kt_str net = network_of(d, &host);
    bool has_address = known || kt_random_below(&d->random, 3) > 0;
    size_t town = kt_random_below(&d->random, sizeof towns / sizeof *towns);
    kt_str street =
        has_address ? kt_str_fmt(d->mem, "%s %u", PICK(d, streets), 1 + kt_random_below(&d->random, 90)) : KT_STR("");
    bool recent = d->now_ms - registered < 30 * KT_DAY_MS;
    TRY(store_exec(b, &SQL_account_insert,
                   ARGS(sql_text("id", id), sql_text("email", email), sql_text("email_key", email),
                        sql_text("last_name", last), sql_text("first_name", first), sql_text("street", street),
                        sql_text("postcode", kt_str_c(has_address ? towns[town].postcode : "")),
                        sql_text("city", kt_str_c(has_address ? towns[town].city : "")),
                        sql_text("country", kt_str_c(has_address ? "DE" : "")),
                        sql_text("phone", has_address ? kt_str_fmt(d->mem, "+494055500%03d", i) : KT_STR("")),
                        sql_text("password_hash", known ? kt_str_c(d->hash.at) : KT_STR_NONE),
                        sql_text("language", kt_str_c(lang)), sql_text("terms_version", d->room->options.terms_version),
                        sql_null("consent_ref"),
                        sql_text("signup_ip", recent ? kt_str_fmt(d->mem, "%.*s.%u", KT_ARG(net), host) : KT_STR_NONE),
                        sql_int("now", registered)),
                   NULL));
    return tell(d, b, BUS_ACCOUNT_CREATED, id, "language", lang, registered);
}

/* Sign-ins of the last three months, and the session of the last one when it is still within its limits. */
static kt_err put_history(demo *d, db *b, kt_str id, int64_t from)
{
    size_t device_at = kt_random_below(&d->random, sizeof devices / sizeof *devices);
    unsigned n = 1 + kt_random_below(&d->random, 12), host = 0;
    int64_t oldest = d->now_ms - 89 * KT_DAY_MS;
    if (from < oldest) from = oldest;
    for (unsigned i = 0; i < n; i++) {
        int64_t at = from + (int64_t)kt_random_below(&d->random, (uint32_t)((d->now_ms - from) / KT_MINUTE_MS + 1)) *
                                KT_MINUTE_MS;
        kt_str prefix = kt_str_fmt(d->mem, "%.*s.0/24", KT_ARG(network_of(d, &host)));
        bool wrong = kt_random_below(&d->random, 9) == 0;
        TRY(store_exec(b, &SQL_account_sign_in_insert,
                       ARGS(sql_text("id", demo_id(d)), sql_text("account", id), sql_int("now", at),
                            sql_text("result", kt_str_c(wrong ? "wrong" : "ok")),
                            sql_text("browser", kt_str_c(devices[device_at].browser)),
                            sql_text("os", kt_str_c(devices[device_at].os)), sql_text("ip_prefix", prefix)),
                       NULL));
    }
    if (kt_random_below(&d->random, 2)) return KT_OK;
    kt_sha256 nobody = kt_hash(demo_id(d)); /* the hash of no token: listed, but nobody holds it */
    return store_exec(
        b, &SQL_account_session_insert,
        ARGS(sql_text("id", demo_id(d)), sql_blob("token_hash", kt_sha256_str(&nobody)), sql_text("account", id),
             sql_int("now", d->now_ms - (int64_t)kt_random_below(&d->random, 7 * 24) * KT_HOUR_MS), sql_int("stay", 1),
             sql_text("browser", kt_str_c(devices[device_at].browser)), sql_text("os", kt_str_c(devices[device_at].os)),
             sql_text("ip_prefix", KT_STR("192.0.2.0/24"))),
        NULL);
}

static kt_err ask_to_confirm(demo *d, db *b, kt_str id, const char *lang, int64_t at)
{
    mail_token t = token_new(d->room, d->mem);
    account a;
    TRY(account_by_id(b, d->mem, id, &a));
    TRY(token_put(b, &t, "verify", id, NULL, 0, at, KT_DAY_MS));
    TRY(store_exec(b, &SQL_account_proof_insert,
                   ARGS(sql_text("id", demo_id(d)), sql_text("account", id), sql_text("kind", KT_STR("verify")),
                        sql_text("text_version", KT_STR("2026-01")), sql_blob("token_hash", kt_sha256_str(&t.hash)),
                        sql_int("now", at), sql_text("prefix", KT_STR("198.51.100.0/24"))),
                   NULL));
    letter l = { "confirm",      id,        a.email, kt_str_fmt(d->mem, "account.confirm.%.*s", KT_ARG(t.id)),
                 kt_str_c(lang), "/verify", t.text,  NULL };
    return letter_put(d->room, b, d->mem, &l, at);
}

/* Every ninth waits for its confirmation, every thirteenth is leaving; the rest are active. */
static kt_err put_one(demo *d, db *b, int i)
{
    kt_str id = demo_id(d);
    const char *lang = i && i % 5 == 0 ? "en" : "de";
    bool pending = i && i % 9 == 0, leaving = i && !pending && i % 13 == 0;
    int64_t age_h = pending ? kt_random_below(&d->random, 6 * 24) : 20 * 24 + kt_random_below(&d->random, 300 * 24);
    int64_t registered = d->now_ms - age_h * KT_HOUR_MS;
    TRY(put_customer(d, b, i, id, registered, lang));
    if (pending) return ask_to_confirm(d, b, id, lang, registered);
    TRY(store_exec(b, &SQL_account_confirm, ARGS(sql_text("id", id), sql_int("now", registered + 7 * KT_MINUTE_MS)),
                   NULL));
    TRY(tell(d, b, BUS_ACCOUNT_CONFIRMED, id, NULL, NULL, registered + 7 * KT_MINUTE_MS));
    TRY(put_history(d, b, id, registered));
    if (!leaving) return KT_OK;
    account a;
    mail_token t = token_new(d->room, d->mem);
    TRY(account_by_id(b, d->mem, id, &a));
    return account_deactivate(d->room, b, d->mem, &a, &t,
                              d->now_ms - (int64_t)kt_random_below(&d->random, 13 * 24) * KT_HOUR_MS);
}

static kt_err demo_action(db *b, void *ctx)
{
    demo *d = ctx;
    int64_t there = 0;
    TRY(store_one_int(b, &SQL_account_registered_since, ARGS(sql_int("since", 0)), &there));
    if (there > 0) return KT_OK;
    for (int i = 0; i < CUSTOMERS; i++) TRY(put_one(d, b, i));
    return KT_OK;
}

kt_err account_demo(house *h, void *room)
{
    demo d = { h, room, kt_arena_new(), kt_random_seeded(1241), kt_now_ms(h->clock), { { 0 } } };
    kt_err err = kt_password_hash_make(h->passwords, KT_STR(DEMO_PASSWORD), &d.hash);
    if (err == KT_OK) err = store_write(h->store, demo_action, &d);
    kt_arena_free(d.mem);
    return err;
}
