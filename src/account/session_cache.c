/* SPDX-License-Identifier: Apache-2.0 */
/* session_cache.c -- the sessions in use, in memory in front of the store.
 *
 * Every request of a signed-in person asks for its session, on the loop, so the answer must come from
 * memory. What is remembered is believed for five seconds, then read again (one indexed look-up): what
 * another process, the erasure or a rights request removed is gone everywhere by then. What this process
 * ends is forgotten at once. The time of last use is written behind: a job stores it, so that a request
 * never waits for the disk.
 *
 *   buckets[hash % N] -> entry -> entry      N fixed, entries bounded; a full cache forgets a whole bucket
 *   by_id[id % N]     -> entry -> entry      the same entries by row id: each minute of use asks for one
 *
 * `epoch` counts forgettings: a row read before one must not be put in after it. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include "account/account.h"
#include "account/queries.h"

enum { BUCKETS = 4096, ENTRIES_MAX = 20000, BELIEVED_MS = 5000 };

typedef struct entry entry;
struct entry {
    entry *next, *next_by_id;
    kt_sha256 token;
    char id[STORE_ID_LEN + 1], account[STORE_ID_LEN + 1], lang[3];
    char *name;
    char family[40];                        /* "Firefox|Linux", static words of device.c */
    int64_t created_ms, strong_ms, read_ms; /* read_ms: monotonic */
    _Atomic int64_t seen_ms;
    atomic_bool dirty;
    bool stay;
};

struct session_cache {
    account_room *room;
    pthread_rwlock_t lock;
    entry *buckets[BUCKETS], *by_id[BUCKETS];
    size_t count;
    uint64_t epoch;
    kt_sha256 csrf_key;
};

static size_t bucket_of(const kt_sha256 *token) { return ((size_t)token->at[0] << 8 | token->at[1]) % BUCKETS; }

/* FNV-1a. */
static size_t bucket_of_id(kt_str id)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < id.len; i++) h = (h ^ (unsigned char)id.at[i]) * 16777619u;
    return h % BUCKETS;
}

static void entry_free(entry *e)
{
    free(e->name);
    free(e);
}

session_cache *session_cache_new(account_room *room)
{
    session_cache *c = kt_calloc(1, sizeof *c);
    c->room = room;
    c->csrf_key = kt_hmac(room->h->secret, KT_STR("account csrf"));
    pthread_rwlock_init(&c->lock, NULL);
    return c;
}

static void put(session_cache *c, entry *e)
{
    entry **first = &c->buckets[bucket_of(&e->token)], **first_by_id = &c->by_id[bucket_of_id(kt_str_c(e->id))];
    e->next = *first;
    e->next_by_id = *first_by_id;
    *first = *first_by_id = e;
    c->count++;
}

/* Takes out and frees the entry that `at`, a place in the chain of its bucket, points to. */
static void take_out(session_cache *c, entry **at)
{
    entry *e = *at, **same = &c->by_id[bucket_of_id(kt_str_c(e->id))];
    while (*same != e) same = &(*same)->next_by_id;
    *same = e->next_by_id;
    *at = e->next;
    entry_free(e);
    c->count--;
}

static void forget_bucket(session_cache *c, size_t b)
{
    while (c->buckets[b]) take_out(c, &c->buckets[b]);
}

void session_cache_free(session_cache *c)
{
    if (!c) return;
    for (size_t b = 0; b < BUCKETS; b++) forget_bucket(c, b);
    pthread_rwlock_destroy(&c->lock);
    free(c);
}

static void forget_matching(session_cache *c, bool (*match)(const entry *e, kt_str what), kt_str what)
{
    pthread_rwlock_wrlock(&c->lock);
    c->epoch++;
    for (size_t b = 0; b < BUCKETS; b++)
        for (entry **at = &c->buckets[b]; *at;) {
            if (match(*at, what))
                take_out(c, at);
            else
                at = &(*at)->next;
        }
    pthread_rwlock_unlock(&c->lock);
}

static bool is_of_account(const entry *e, kt_str account_id)
{
    return !account_id.len || kt_str_is(account_id, e->account);
}
static bool is_session(const entry *e, kt_str id) { return kt_str_is(id, e->id); }

void session_cache_forget(session_cache *c, kt_str account_id) { forget_matching(c, is_of_account, account_id); }

/* ---------------------------------------------------------------- loading */

static void fill(session_cache *c, kt_arena *mem, const entry *e, session *out)
{
    *out = (session){ .id = kt_str_dup(mem, kt_str_c(e->id)),
                      .subject = kt_str_dup(mem, kt_str_c(e->account)),
                      .realm = "account",
                      .role = kt_str_dup(mem, kt_str_c(e->family)), /* in this realm: the device family, see guard.c */
                      .name = kt_str_dup(mem, kt_str_c(e->name)),
                      .lang = kt_str_dup(mem, kt_str_c(e->lang)),
                      .created_ms = e->created_ms,
                      .seen_ms = atomic_load_explicit(&e->seen_ms, memory_order_relaxed),
                      .strong_ms = e->strong_ms,
                      .stay = e->stay };
    kt_sha256 key = kt_hmac(kt_sha256_str(&c->csrf_key), out->id);
    memcpy(out->csrf_key, key.at, sizeof out->csrf_key);
}

static bool look(session_cache *c, kt_arena *mem, const kt_sha256 *token, session *out, uint64_t *epoch)
{
    bool found = false;
    pthread_rwlock_rdlock(&c->lock);
    *epoch = c->epoch;
    for (const entry *e = c->buckets[bucket_of(token)]; e && !found; e = e->next) {
        if (memcmp(e->token.at, token->at, 32) != 0 || kt_monotonic_ms() - e->read_ms > BELIEVED_MS) continue;
        fill(c, mem, e, out);
        found = true;
    }
    pthread_rwlock_unlock(&c->lock);
    return found;
}

static void copy_text(char *to, size_t size, kt_str from)
{
    size_t n = from.len < size - 1 ? from.len : size - 1;
    if (n) memcpy(to, from.at, n);
    to[n] = 0;
}

static kt_err read_entry(session_cache *c, kt_arena *mem, const kt_sha256 *token, entry **out)
{
    rows *r = NULL;
    *out = NULL;
    kt_err err = store_rows(store_reader(c->room->h->store), &SQL_account_session_load,
                            ARGS(sql_blob("token_hash", kt_sha256_str(token))), &r);
    if (err == KT_OK && rows_next(r)) {
        entry *e = *out = kt_calloc(1, sizeof *e);
        kt_str first = rows_text(r, "first_name"), last = rows_text(r, "last_name");
        kt_str browser = rows_text(r, "browser"), os = rows_text(r, "os");
        e->token = *token;
        copy_text(e->id, sizeof e->id, rows_text(r, "id"));
        copy_text(e->account, sizeof e->account, rows_text(r, "account"));
        copy_text(e->lang, sizeof e->lang, rows_text(r, "language"));
        copy_text(e->family, sizeof e->family, kt_str_fmt(mem, "%.*s|%.*s", KT_ARG(browser), KT_ARG(os)));
        e->name = kt_strdup(kt_str_fmt(mem, "%.*s %.*s", KT_ARG(first), KT_ARG(last)).at);
        e->created_ms = rows_int(r, "created_at");
        e->strong_ms = rows_int(r, "strong_at");
        e->stay = rows_int(r, "stay") != 0;
        e->read_ms = kt_monotonic_ms();
        atomic_store(&e->seen_ms, rows_int(r, "seen_at"));
    }
    kt_err end = rows_end(r);
    if (err == KT_OK) err = end;
    return err == KT_OK && !*out ? KT_NOT_FOUND : err;
}

/* Puts a fresh reading in the place of an older one, keeping a time of use that is not stored yet. */
static void keep(session_cache *c, entry *e, uint64_t epoch)
{
    size_t b = bucket_of(&e->token);
    pthread_rwlock_wrlock(&c->lock);
    if (c->epoch != epoch) {
        pthread_rwlock_unlock(&c->lock);
        entry_free(e);
        return;
    }
    for (entry **at = &c->buckets[b]; *at; at = &(*at)->next) {
        entry *old = *at;
        if (memcmp(old->token.at, e->token.at, 32) != 0) continue;
        int64_t seen = atomic_load(&old->seen_ms);
        if (atomic_load(&old->dirty) && seen > atomic_load(&e->seen_ms)) {
            atomic_store(&e->seen_ms, seen);
            atomic_store(&e->dirty, true);
        }
        take_out(c, at);
        break;
    }
    if (c->count >= ENTRIES_MAX) forget_bucket(c, (b + 1) % BUCKETS);
    put(c, e);
    pthread_rwlock_unlock(&c->lock);
}

static kt_err load(void *ctx, kt_arena *mem, const kt_sha256 *token, session *out)
{
    session_cache *c = ctx;
    entry *e = NULL;
    uint64_t epoch = 0;
    if (look(c, mem, token, out, &epoch)) return KT_OK;
    TRY(read_entry(c, mem, token, &e));
    fill(c, mem, e, out);
    keep(c, e, epoch);
    /* The newer time of use may be one that only the cache knew. */
    (void)look(c, mem, token, out, &epoch);
    return KT_OK;
}

/* ---------------------------------------------------------------- last use, written behind */

static void touch(void *ctx, kt_str id, int64_t now_ms)
{
    session_cache *c = ctx;
    pthread_rwlock_rdlock(&c->lock);
    for (entry *e = c->by_id[bucket_of_id(id)]; e; e = e->next_by_id)
        if (kt_str_is(id, e->id)) {
            atomic_store_explicit(&e->seen_ms, now_ms, memory_order_relaxed);
            atomic_store(&e->dirty, true);
        }
    pthread_rwlock_unlock(&c->lock);
}

typedef struct {
    char id[STORE_ID_LEN + 1];
    int64_t seen_ms;
} use;
typedef struct {
    use *uses;
    size_t n;
} flush;

static kt_err write_uses(db *d, void *ctx)
{
    const flush *f = ctx;
    for (size_t i = 0; i < f->n; i++)
        TRY(store_exec(d, &SQL_account_session_touch,
                       ARGS(sql_text("id", kt_str_c(f->uses[i].id)), sql_int("seen_at", f->uses[i].seen_ms)), NULL));
    return KT_OK;
}

kt_err session_cache_flush(session_cache *c)
{
    kt_arena *mem = kt_arena_new();
    flush f = { NULL, 0 };
    pthread_rwlock_rdlock(&c->lock);
    f.uses = kt_alloc_array(mem, c->count + 1, sizeof *f.uses);
    for (size_t b = 0; b < BUCKETS; b++)
        for (entry *e = c->buckets[b]; e; e = e->next)
            if (atomic_exchange(&e->dirty, false)) {
                memcpy(f.uses[f.n].id, e->id, sizeof e->id);
                f.uses[f.n++].seen_ms = atomic_load(&e->seen_ms);
            }
    pthread_rwlock_unlock(&c->lock);
    kt_err err = f.n ? store_write(c->room->h->store, write_uses, &f) : KT_OK;
    kt_arena_free(mem);
    return err;
}

/* ---------------------------------------------------------------- the end of one */

static kt_err delete_one(db *d, void *ctx)
{
    return store_exec(d, &SQL_account_session_delete, ARGS(sql_text("id", *(kt_str *)ctx)), NULL);
}

static kt_err drop(void *ctx, kt_str id)
{
    session_cache *c = ctx;
    kt_err err = store_write(c->room->h->store, delete_one, &id);
    forget_matching(c, is_session, id);
    return err;
}

session_backend session_cache_backend(session_cache *c)
{
    return (session_backend){ .realm = "account", .load = load, .touch = touch, .drop = drop, .ctx = c };
}
