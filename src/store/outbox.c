/* SPDX-License-Identifier: Apache-2.0 */
/* outbox.c -- takes due rows one at a time and hands them to who delivers their kind.
 *
 *      waiting ──lease──► delivering ──sent──► sent (body wiped)
 *         ▲                   │ later: back-off            ▲
 *         └───────────────────┤                            │ never twice: every mark asks for the
 *         ▲                   └─dead, or 12 tries──► dead  │ lease it was taken with
 *         └────────── sent again by the console ───────────┘
 *
 * Recording a result and leasing the next row is one transaction, so a message costs one commit. A
 * crash after the delivery and before its record leaves a lease that runs out; the row is then
 * delivered again with the same key: at least once. The try is counted when it begins, so a message
 * that kills the program is given up too. */
#include "store/outbox.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include "base/log.h"
#include "store/queries.h"

#define TRIES_MAX   12
#define LEASE_MS    (2 * KT_MINUTE_MS) /* longer than any deliverer's time-out */
#define BACKOFF_CAP (6 * KT_HOUR_MS)
#define LOOK_MS     1000 /* other processes put rows and a test moves the clock: both tell nobody */

enum outcome { OUT_SENT, OUT_LATER, OUT_DEAD, OUT_LOST, OUT_COUNT };
static const char *const outcome_name[OUT_COUNT] = { "sent", "later", "dead", "lost" };

typedef struct deliverer deliverer;
struct deliverer {
    outbox *o;
    char *kind;
    outbox_deliver deliver;
    void *ctx;
    pthread_t thread;
    bool running;
    size_t outcome[OUT_COUNT], rows, oldest; /* series of the metrics */
    deliverer *next;
};

typedef struct ending ending;
struct ending {
    void (*end)(void *ctx);
    void *ctx;
    ending *next;
};

struct outbox {
    store *st;
    const kt_clock *clock;
    kt_random *random;
    kt_metrics *metrics;
    kt_metric *requests, *rows, *oldest;
    deliverer *first;
    ending *endings;
    pthread_mutex_t lock; /* random, and the three below */
    pthread_cond_t woken;
    uint64_t wakes;
    bool started, stopping;
};

/* --- putting and taking back ------------------------------------------------------------------- */

kt_err outbox_put(db *d, const outbox_message *m, int64_t now_ms)
{
    if (kt_str_empty(m->key) || !m->kind || !m->activity || !m->body.at) return KT_BAD_INPUT;
    return store_exec(d, &SQL_outbox_put,
                      ARGS(sql_text("key", m->key), sql_text("kind", kt_str_c(m->kind)),
                           sql_text("activity", kt_str_c(m->activity)), sql_text("subject", m->subject),
                           sql_text("body", m->body), sql_int("keep_body", m->keep_body), sql_int("now", now_ms),
                           sql_int("due", m->not_before_ms ? m->not_before_ms : now_ms)),
                      NULL);
}

kt_err outbox_drop_subject(db *d, kt_str subject, const char *kind, int64_t *dropped)
{
    return store_exec(d, &SQL_outbox_drop_subject, ARGS(sql_text("subject", subject), sql_text("kind", kt_str_c(kind))),
                      dropped);
}

kt_err outbox_list(db *d, const char *state, int64_t before, unsigned most, kt_arena *mem, kt_value **out)
{
    return store_list(d, &SQL_outbox_list,
                      ARGS(sql_text("state", kt_str_c(state)), sql_int("before", before > 0 ? before : INT64_MAX),
                           sql_int("most", most)),
                      mem, out);
}

kt_err outbox_counts(db *d, kt_arena *mem, kt_value **out)
{
    return store_list(d, &SQL_outbox_counts, ARGS(), mem, out);
}

/* Why a row by that key did not change. */
static kt_err why_not(db *d, kt_str key, const char *wanted)
{
    rows *r = NULL;
    kt_err answer = KT_NOT_FOUND;
    TRY(store_rows(d, &SQL_outbox_state_of, ARGS(sql_text("key", key)), &r));
    if (rows_next(r)) answer = kt_str_is(rows_text(r, "state"), wanted) ? KT_GONE : KT_CONFLICT;
    kt_err err = rows_end(r);
    return err != KT_OK ? err : answer;
}

kt_err outbox_resend(db *d, kt_str key, int64_t now_ms)
{
    int64_t changed = 0;
    TRY(store_exec(d, &SQL_outbox_resend, ARGS(sql_text("key", key), sql_int("now", now_ms)), &changed));
    return changed ? KT_OK : why_not(d, key, "dead");
}

kt_err outbox_drop(db *d, kt_str key)
{
    int64_t changed = 0;
    TRY(store_exec(d, &SQL_outbox_drop, ARGS(sql_text("key", key)), &changed));
    return changed ? KT_OK : why_not(d, key, "");
}

/* --- one turn: record what was delivered, take the next ---------------------------------------- */

typedef struct {
    deliverer *v;
    kt_arena *mem; /* key and body of the row taken */
    int64_t now;
    /* recorded, when `delivered` */
    bool delivered;
    int64_t number, tries, again_at;
    kt_str lease;
    outbox_result result;
    char why[128];
    /* taken, when `take` */
    bool take;
    kt_str next_lease;
    /* what came of it */
    bool held; /* the lease was still ours */
    bool taken;
    int64_t next_number, next_tries;
    kt_str key, body;
} turn;

static kt_err record(db *d, turn *t)
{
    int64_t changed = 0;
    sql_arg number = sql_int("number", t->number), lease = sql_text("lease", t->lease), now = sql_int("now", t->now);
    sql_arg why = sql_text("why", kt_str_c(t->why));
    kt_err err = t->result == OUTBOX_SENT ? store_exec(d, &SQL_outbox_sent, ARGS(number, lease, now), &changed)
                 : t->result == OUTBOX_LATER
                     ? store_exec(d, &SQL_outbox_later, ARGS(number, lease, sql_int("due", t->again_at), why), &changed)
                     : store_exec(d, &SQL_outbox_dead, ARGS(number, lease, now, why), &changed);
    t->held = changed == 1;
    return err;
}

static kt_err lease_next(db *d, turn *t)
{
    rows *r = NULL;
    int64_t changed = 0;
    sql_arg kind = sql_text("kind", kt_str_c(t->v->kind)), now = sql_int("now", t->now);
    sql_arg lease = sql_text("lease", t->next_lease);
    if (!t->delivered) /* once a run is enough, and it looks at every row that is due */
        TRY(store_exec(d, &SQL_outbox_abandoned, ARGS(kind, now, sql_int("most", TRIES_MAX)), NULL));
    TRY(store_exec(d, &SQL_outbox_lease, ARGS(kind, now, lease, sql_int("until", t->now + LEASE_MS)), &changed));
    if (changed == 0) return KT_OK;
    TRY(store_rows(d, &SQL_outbox_leased, ARGS(lease), &r));
    t->taken = rows_next(r);
    if (t->taken) {
        t->next_number = rows_int(r, "number");
        t->next_tries = rows_int(r, "tries");
        t->key = kt_str_dup(t->mem, rows_text(r, "key"));
        t->body = kt_str_dup(t->mem, rows_text(r, "body"));
    }
    return rows_end(r);
}

static kt_err take_turn(db *d, void *ctx)
{
    turn *t = ctx;
    t->held = t->taken = false;
    if (t->delivered) TRY(record(d, t));
    return t->take ? lease_next(d, t) : KT_OK;
}

/* --- delivering -------------------------------------------------------------------------------- */

static kt_str new_lease(outbox *o, kt_arena *mem)
{
    pthread_mutex_lock(&o->lock);
    kt_str lease = kt_random_token(o->random, mem, 16);
    pthread_mutex_unlock(&o->lock);
    return lease;
}

/* 1 min · 4^(tries - 1), at most 6 h, and up to a fifth less, so that what failed together does not
 * come back together. */
static int64_t backoff(outbox *o, int64_t tries)
{
    int64_t wait = KT_MINUTE_MS;
    for (int64_t i = 1; i < tries && wait < BACKOFF_CAP; i++) wait *= 4;
    if (wait > BACKOFF_CAP) wait = BACKOFF_CAP;
    pthread_mutex_lock(&o->lock);
    uint32_t less = kt_random_below(o->random, (uint32_t)(wait / 5) + 1);
    pthread_mutex_unlock(&o->lock);
    return wait - less;
}

static void count_outcome(deliverer *v, const turn *t)
{
    enum outcome out = !t->held                    ? OUT_LOST
                       : t->result == OUTBOX_SENT  ? OUT_SENT
                       : t->result == OUTBOX_LATER ? OUT_LATER
                                                   : OUT_DEAD;
    if (v->o->metrics) kt_metric_add(v->o->requests, v->outcome[out], 1);
    if (out != OUT_SENT)
        kt_log(out == OUT_DEAD ? KT_LOG_ERROR : KT_LOG_WARN, "outbox.not_sent", KT_WORD("kind", v->kind),
               KT_WORD("outcome", outcome_name[out]), KT_NUMBER("number", t->number), KT_NUMBER("tries", t->tries));
}

static void deliver(turn *t)
{
    t->number = t->next_number;
    t->tries = t->next_tries;
    t->lease = t->next_lease;
    t->why[0] = '\0';
    t->result = t->v->deliver(t->v->ctx, t->key, t->body, t->why);
    t->why[sizeof t->why - 1] = '\0';
    if (t->result == OUTBOX_LATER && t->tries >= TRIES_MAX) t->result = OUTBOX_DEAD;
    t->now = kt_now_ms(t->v->o->clock);
    if (t->result == OUTBOX_LATER) t->again_at = t->now + backoff(t->v->o, t->tries);
    t->delivered = true;
}

static bool stopping(outbox *o)
{
    pthread_mutex_lock(&o->lock);
    bool stop = o->stopping;
    pthread_mutex_unlock(&o->lock);
    return stop;
}

/* Two arenas in turn: the lease of the row being recorded must outlive the taking of the next. */
static kt_err drain(deliverer *v, size_t max, size_t *tried)
{
    outbox *o = v->o;
    kt_arena *mem[2] = { kt_arena_new(), kt_arena_new() };
    turn t = { .v = v, .now = kt_now_ms(o->clock) };
    kt_err err = KT_OK;
    for (size_t n = 0;; n++) {
        t.mem = mem[n & 1];
        kt_arena_reset(t.mem);
        t.take = *tried < max && !stopping(o);
        t.next_lease = new_lease(o, t.mem);
        if ((err = store_write(o->st, take_turn, &t)) != KT_OK) break;
        if (t.delivered) count_outcome(v, &t);
        if (!t.taken) break;
        (*tried)++;
        deliver(&t);
    }
    kt_arena_free(mem[0]);
    kt_arena_free(mem[1]);
    return err;
}

/* Asked of a reader first, so that an idle worker never troubles the writer. */
static kt_err anything_due(deliverer *v, bool *due)
{
    int64_t one;
    kt_err err = store_one_int(store_reader(v->o->st), &SQL_outbox_due,
                               ARGS(sql_text("kind", kt_str_c(v->kind)), sql_int("now", kt_now_ms(v->o->clock))), &one);
    *due = err == KT_OK;
    return err == KT_NOT_FOUND ? KT_OK : err;
}

static kt_err measure(deliverer *v)
{
    outbox *o = v->o;
    rows *r = NULL;
    if (!o->metrics) return KT_OK;
    TRY(store_rows(store_reader(o->st), &SQL_outbox_waiting, ARGS(sql_text("kind", kt_str_c(v->kind))), &r));
    if (rows_next(r)) {
        int64_t oldest = rows_int(r, "oldest");
        kt_metric_set(o->rows, v->rows, (double)rows_int(r, "waiting"));
        kt_metric_set(o->oldest, v->oldest, oldest ? (double)(kt_now_ms(o->clock) - oldest) / 1000 : 0);
    }
    return rows_end(r);
}

static kt_err run_due(deliverer *v, size_t max, size_t *tried)
{
    bool due;
    TRY(anything_due(v, &due));
    if (due) TRY(drain(v, max, tried));
    return measure(v);
}

kt_err outbox_run(outbox *o, size_t max, size_t *tried)
{
    size_t n = 0;
    kt_err err = KT_OK;
    for (deliverer *v = o->first; v && err == KT_OK; v = v->next) err = run_due(v, max, &n);
    if (tried) *tried = n;
    return err;
}

/* --- workers ----------------------------------------------------------------------------------- */

/* Sleeps until something is put or LOOK_MS passed. `seen` counts the wakes this worker acted on. */
static bool rest(outbox *o, uint64_t *seen)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += LOOK_MS / 1000;
    pthread_mutex_lock(&o->lock);
    while (!o->stopping && o->wakes == *seen)
        if (pthread_cond_timedwait(&o->woken, &o->lock, &until) == ETIMEDOUT) break;
    *seen = o->wakes;
    bool stop = o->stopping;
    pthread_mutex_unlock(&o->lock);
    return !stop;
}

static void *work(void *ctx)
{
    deliverer *v = ctx;
    uint64_t seen = 0;
    pthread_setname_np(pthread_self(), "kt-outbox");
    do {
        size_t tried = 0;
        kt_err err = run_due(v, SIZE_MAX, &tried);
        if (err != KT_OK)
            kt_log(KT_LOG_ERROR, "outbox.stalled", KT_WORD("kind", v->kind), KT_WORD("error", kt_err_name(err)));
    } while (rest(v->o, &seen));
    return NULL;
}

static kt_err start_one(deliverer *v)
{
    sigset_t all, before;
    if (v->running) return KT_OK;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the main thread */
    v->running = pthread_create(&v->thread, NULL, work, v) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return v->running ? KT_OK : KT_BUSY;
}

kt_err outbox_start(outbox *o)
{
    pthread_mutex_lock(&o->lock);
    o->started = true;
    o->stopping = false;
    pthread_mutex_unlock(&o->lock);
    for (deliverer *v = o->first; v; v = v->next) TRY(start_one(v));
    return KT_OK;
}

void outbox_stop(outbox *o)
{
    pthread_mutex_lock(&o->lock);
    o->stopping = true;
    pthread_cond_broadcast(&o->woken);
    pthread_mutex_unlock(&o->lock);
    for (deliverer *v = o->first; v; v = v->next) {
        if (v->running) pthread_join(v->thread, NULL);
        v->running = false;
    }
    pthread_mutex_lock(&o->lock);
    o->started = o->stopping = false;
    pthread_mutex_unlock(&o->lock);
}

void outbox_wake(outbox *o)
{
    pthread_mutex_lock(&o->lock);
    o->wakes++;
    pthread_cond_broadcast(&o->woken);
    pthread_mutex_unlock(&o->lock);
}

/* --- life -------------------------------------------------------------------------------------- */

static void metrics_of(deliverer *v)
{
    outbox *o = v->o;
    if (!o->metrics) return;
    for (int i = 0; i < OUT_COUNT; i++)
        v->outcome[i] = kt_metric_series(o->requests, (const char *const[]){ v->kind, outcome_name[i] });
    v->rows = kt_metric_series(o->rows, (const char *const[]){ v->kind });
    v->oldest = kt_metric_series(o->oldest, (const char *const[]){ v->kind });
}

void outbox_deliverer(outbox *o, const char *kind, outbox_deliver call, void *ctx)
{
    deliverer *v = kt_calloc(1, sizeof *v), **end = &o->first;
    *v = (deliverer){ .o = o, .kind = kt_strdup(kind), .deliver = call, .ctx = ctx };
    metrics_of(v);
    while (*end) end = &(*end)->next;
    *end = v;
    if (o->started && start_one(v) != KT_OK) kt_log(KT_LOG_ERROR, "outbox.no_worker", KT_WORD("kind", v->kind));
}

void outbox_at_end(outbox *o, void (*end)(void *ctx), void *ctx)
{
    ending *e = kt_calloc(1, sizeof *e);
    *e = (ending){ end, ctx, o->endings };
    o->endings = e;
}

kt_metrics *outbox_metrics(outbox *o) { return o->metrics; }

kt_err outbox_new(store *st, const kt_clock *clock, kt_random *random, kt_metrics *metrics, outbox **out)
{
    outbox *o = kt_calloc(1, sizeof *o);
    pthread_condattr_t attr;
    *o = (outbox){ .st = st, .clock = clock, .random = random, .metrics = metrics };
    pthread_mutex_init(&o->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&o->woken, &attr);
    pthread_condattr_destroy(&attr);
    if (metrics) {
        o->requests = kt_metric_new(metrics, KT_COUNTER, "kontor_connector_requests_total",
                                    "Deliveries tried, by what came of them.", "connector,outcome");
        o->rows =
            kt_metric_new(metrics, KT_GAUGE, "kontor_connector_outbox_rows", "Messages waiting to leave.", "connector");
        o->oldest = kt_metric_new(metrics, KT_GAUGE, "kontor_connector_oldest_seconds",
                                  "Age of the oldest message waiting.", "connector");
    }
    *out = o;
    return KT_OK;
}

void outbox_free(outbox *o)
{
    if (!o) return;
    outbox_stop(o);
    while (o->endings) {
        ending *e = o->endings;
        o->endings = e->next;
        e->end(e->ctx);
        free(e);
    }
    while (o->first) {
        deliverer *v = o->first;
        o->first = v->next;
        free(v->kind);
        free(v);
    }
    pthread_mutex_destroy(&o->lock);
    pthread_cond_destroy(&o->woken);
    free(o);
}
