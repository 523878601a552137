/* SPDX-License-Identifier: Apache-2.0 */
/* limit.c -- token buckets in a fixed table.
 *
 * A bucket is known by 16 bytes of a keyed hash of rule and key: no address or e-mail lies in memory, and
 * nobody outside can choose keys that fall together. Buckets hang in a list by last use; when the table is
 * full the oldest goes, which at worst gives somebody their tokens back. A full bucket is the same as none. */
#include "http/limit.h"
#include <pthread.h>
#include <stdlib.h>
#include <sodium.h>

enum { NONE = -1 };

typedef struct {
    unsigned char id[16];
    double tokens;
    int64_t at_ms;
    int32_t next, newer, older; /* in the chain of the slot; in the order of use */
} bucket;

struct limiter {
    pthread_mutex_t lock;
    unsigned char key[crypto_generichash_KEYBYTES];
    bucket *buckets;
    int32_t *slots;
    size_t max, used, n_slots;
    int32_t newest, oldest;
};

limiter *limiter_new(size_t keys_max)
{
    limiter *l = kt_calloc(1, sizeof *l);
    if (keys_max < 16) keys_max = 16;
    if (keys_max > INT32_MAX / 2) keys_max = INT32_MAX / 2;
    pthread_mutex_init(&l->lock, NULL);
    randombytes_buf(l->key, sizeof l->key);
    l->max = keys_max;
    l->n_slots = keys_max * 2;
    l->buckets = kt_calloc(l->max, sizeof *l->buckets);
    l->slots = kt_malloc(l->n_slots * sizeof *l->slots);
    for (size_t i = 0; i < l->n_slots; i++) l->slots[i] = NONE;
    l->newest = l->oldest = NONE;
    return l;
}

void limiter_free(limiter *l)
{
    if (!l) return;
    kt_wipe(l->key, sizeof l->key);
    pthread_mutex_destroy(&l->lock);
    free(l->buckets);
    free(l->slots);
    free(l);
}

static void bucket_id(const limiter *l, const char *rule, kt_str key, unsigned char id[16])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, l->key, sizeof l->key, 16);
    crypto_generichash_update(&state, (const unsigned char *)rule, strlen(rule) + 1);
    if (key.len) crypto_generichash_update(&state, (const unsigned char *)key.at, key.len);
    crypto_generichash_final(&state, id, 16);
}

static size_t slot_of(const limiter *l, const unsigned char id[16])
{
    uint64_t n;
    memcpy(&n, id, sizeof n);
    return n % l->n_slots;
}

static int32_t find(const limiter *l, const unsigned char id[16])
{
    int32_t at = l->slots[slot_of(l, id)];
    while (at != NONE && memcmp(l->buckets[at].id, id, 16) != 0) at = l->buckets[at].next;
    return at;
}

static void use_unlink(limiter *l, int32_t at)
{
    bucket *b = &l->buckets[at];
    if (b->newer != NONE)
        l->buckets[b->newer].older = b->older;
    else
        l->newest = b->older;
    if (b->older != NONE)
        l->buckets[b->older].newer = b->newer;
    else
        l->oldest = b->newer;
}

static void use_first(limiter *l, int32_t at)
{
    bucket *b = &l->buckets[at];
    b->newer = NONE;
    b->older = l->newest;
    if (l->newest != NONE)
        l->buckets[l->newest].newer = at;
    else
        l->oldest = at;
    l->newest = at;
}

static void chain_unlink(limiter *l, int32_t at)
{
    int32_t *link = &l->slots[slot_of(l, l->buckets[at].id)];
    while (*link != at) link = &l->buckets[*link].next;
    *link = l->buckets[at].next;
}

static int32_t make(limiter *l, const unsigned char id[16], double tokens, int64_t now_ms)
{
    int32_t at;
    if (l->used < l->max) {
        at = (int32_t)l->used++;
    } else {
        at = l->oldest;
        use_unlink(l, at);
        chain_unlink(l, at);
    }
    bucket *b = &l->buckets[at];
    memcpy(b->id, id, 16);
    b->tokens = tokens;
    b->at_ms = now_ms;
    size_t slot = slot_of(l, id);
    b->next = l->slots[slot];
    l->slots[slot] = at;
    use_first(l, at);
    return at;
}

bool limiter_take(limiter *l, const char *rule, kt_str key, unsigned burst, int64_t per_ms, int64_t now_ms,
                  int *retry_s)
{
    unsigned char id[16];
    if (retry_s) *retry_s = 0;
    if (burst == 0 || per_ms <= 0) return burst != 0;
    double per_token = (double)per_ms / burst;
    bucket_id(l, rule, key, id);
    pthread_mutex_lock(&l->lock);
    int32_t at = find(l, id);
    if (at == NONE) {
        at = make(l, id, burst, now_ms);
    } else {
        use_unlink(l, at);
        use_first(l, at);
    }
    bucket *b = &l->buckets[at];
    if (now_ms > b->at_ms) b->tokens += (double)(now_ms - b->at_ms) / per_token;
    if (b->tokens > burst) b->tokens = burst;
    b->at_ms = now_ms; /* also when the clock went back: no tokens for the same time twice */
    bool ok = b->tokens >= 1.0 - 1e-9;
    if (ok)
        b->tokens -= 1.0;
    else if (retry_s)
        *retry_s = (int)((1.0 - b->tokens) * per_token / 1000.0) + 1;
    pthread_mutex_unlock(&l->lock);
    return ok;
}

void limiter_forget(limiter *l, const char *rule, kt_str key)
{
    unsigned char id[16];
    bucket_id(l, rule, key, id);
    pthread_mutex_lock(&l->lock);
    int32_t at = find(l, id);
    if (at != NONE) l->buckets[at].tokens = 1e12; /* cut to the burst at the next take */
    pthread_mutex_unlock(&l->lock);
}
