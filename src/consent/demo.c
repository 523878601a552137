/* SPDX-License-Identifier: Apache-2.0 */
/* demo.c -- two weeks of decisions of every kind, so that the console has something to show. */
#include "consent/pages.h"
#include "consent/queries.h"

#define DEMO_DAYS  14
#define DEMO_A_DAY 9

typedef struct {
    const char *action, *surface;
    bool grants, gpc, dnt;
    unsigned weight;
} demo_kind;

static const demo_kind kinds[] = {
    { "necessary_only", "banner",   false, false, false, 38 },
    { "accept_all",     "banner",   true,  false, false, 27 },
    { "select",         "layer2",   true,  false, false, 8 },
    { "select",         "layer2",   false, false, false, 6 },
    { "gpc",            "banner",   false, true,  false, 7 },
    { "dnt",            "banner",   false, false, true,  3 },
    { "necessary_only", "noscript", false, false, false, 4 },
    { "necessary_only", "signin",   false, false, false, 4 },
    { "withdraw",       "footer",   false, false, false, 3 },
};

static const char *const browsers[] = {
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/604.1",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
};
static const char *const paths[] = { "/", "/", "/sign-in", "/sign-up", "/privacy" };
#define COUNT(list) (sizeof(list) / sizeof *(list))

static const demo_kind *pick(kt_random *random)
{
    unsigned all = 0;
    for (size_t i = 0; i < COUNT(kinds); i++) all += kinds[i].weight;
    unsigned at = kt_random_below(random, all);
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (at < kinds[i].weight) return &kinds[i];
        at -= kinds[i].weight;
    }
    return &kinds[0];
}

typedef struct {
    kt_str visitor, consent_id;
    int64_t day, n;
} demo_views;

static kt_err put_views(db *d, void *ctx)
{
    const demo_views *v = ctx;
    for (int64_t i = 0; i < v->n; i++)
        TRY(store_exec(
            d, &SQL_consent_page_views_count,
            ARGS(sql_text("visitor", v->visitor), sql_text("consent_id", v->consent_id), sql_int("day", v->day)),
            NULL));
    return KT_OK;
}

static kt_err demo_decision(const consent_room *room, kt_arena *mem, kt_random *random, kt_str id, const demo_kind *k,
                            int64_t at_ms)
{
    const policy *p = room->policy;
    decider who = {
        .id = id,
        .origin = KT_STR("http://localhost:8080"),
        .now_ms = at_ms,
        .gpc = k->gpc,
        .dnt = k->dnt,
        .ip_prefix = kt_str_fmt(mem, "198.51.100.0/24"),
        .user_agent = kt_str_c(browsers[kt_random_below(random, COUNT(browsers))]),
    };
    decision what = {
        .action = k->action,
        .surface = k->surface,
        .language = kt_random_below(random, 5) ? "de" : "en",
        .version = p->version,
        .granted = k->grants ? p->offered : 0,
        .path = kt_str_c(paths[kt_random_below(random, COUNT(paths))]),
        .shown_for_ms = 1500 + kt_random_below(random, 20000),
    };
    decided out;
    TRY(decide_record(room, mem, &who, &what, &out));
    int i = policy_find(p, KT_STR("page-statistics"));
    if (!k->grants || i < 0) return KT_OK;
    demo_views v = { kt_random_token(random, mem, 16), id, at_ms - at_ms % KT_DAY_MS, 1 + kt_random_below(random, 30) };
    return store_write(room->house->store, put_views, &v);
}

kt_err consent_demo(house *h, void *ctx)
{
    const consent_room *room = ctx;
    int64_t have = 0, now_ms = kt_now_ms(h->clock);
    TRY(store_one_int(store_reader(h->store), &SQL_consent_record_count, NULL, &have));
    if (have > 0) return KT_OK;
    kt_random random = kt_random_seeded(9);
    kt_arena *mem = kt_arena_new();
    kt_err err = KT_OK;
    kt_str last = KT_STR_NONE;
    for (int64_t day = DEMO_DAYS; day >= 0 && err == KT_OK; day--)
        for (int64_t n = 0; n < DEMO_A_DAY && err == KT_OK; n++) {
            const demo_kind *k = pick(&random);
            bool again = last.at && strcmp(k->action, "withdraw") == 0;
            kt_str id = again ? last : kt_random_token(&random, mem, CONSENT_ID_BYTES);
            int64_t at = now_ms - day * KT_DAY_MS - (DEMO_A_DAY - n) * 40 * KT_MINUTE_MS;
            err = demo_decision(room, mem, &random, id, k, at);
            if (k->grants) last = id;
        }
    kt_arena_free(mem);
    return err;
}
