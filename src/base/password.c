/* SPDX-License-Identifier: Apache-2.0 */
/* password.c -- argon2id on libsodium, NFKC by libunistring, never more hashes at once than workers.
 *
 * The plain text exists in three places only: the request, the normalised copy made here (wiped before
 * it is freed) and libsodium's own working memory. Normalising comes first because the same word typed
 * on two keyboards may arrive composed or decomposed (RFC 8265 4.2 reasons alike); NFKC can make text
 * longer, so the limit is on what was sent, not on what is hashed. */
#include "base/password.h"
#include <sodium.h>
#include <stdlib.h>
#include <uninorm.h>

enum { SENT_MAX = 1024, QUEUE_MAX = 32, MEM_FLOOR_KIB = 8 * 1024 };

struct kt_passwords {
    kt_pool *pool;
    unsigned long long ops;
    size_t mem;             /* bytes */
    kt_password_hash dummy; /* of a random secret: what an unknown account is compared with */
};

typedef struct {
    const kt_passwords *p;
    uint8_t *text;
    size_t len;
    kt_password_hash *out;
    int failed;
} make_job;
typedef struct {
    const char *hash;
    const uint8_t *text;
    size_t len;
    int failed;
} verify_job;

static void run_make(void *ctx)
{
    make_job *j = ctx;
    j->failed = crypto_pwhash_str_alg(j->out->at, (const char *)j->text, j->len, j->p->ops, j->p->mem,
                                      crypto_pwhash_ALG_ARGON2ID13);
}

static void run_verify(void *ctx)
{
    verify_job *j = ctx;
    j->failed = crypto_pwhash_str_verify(j->hash, (const char *)j->text, j->len);
}

/* The NFKC form, to be given to forget(). KT_BAD_INPUT for what is not UTF-8 or longer than we take. */
static kt_err normalise(kt_str password, uint8_t **out, size_t *len)
{
    if (password.len > SENT_MAX || !kt_utf8_valid(password)) return KT_BAD_INPUT;
    *len = 0;
    *out = password.len ? u8_normalize(UNINORM_NFKC, (const uint8_t *)password.at, password.len, NULL, len) : NULL;
    return password.len && !*out ? KT_BAD_INPUT : KT_OK;
}

static void forget(uint8_t *text, size_t len)
{
    if (text) kt_wipe(text, len);
    free(text);
}

kt_passwords *kt_passwords_new(unsigned workers, unsigned ops, size_t mem_kib)
{
    kt_passwords *p = kt_calloc(1, sizeof *p);
    char secret[32];

    if (sodium_init() < 0) abort(); /* no randomness, no CPU features: nothing here can be trusted */
    p->ops = ops ? ops : crypto_pwhash_OPSLIMIT_INTERACTIVE;
    p->mem = mem_kib ? mem_kib * 1024 : crypto_pwhash_MEMLIMIT_INTERACTIVE;
    if (p->mem < (size_t)MEM_FLOOR_KIB * 1024) p->mem = (size_t)MEM_FLOOR_KIB * 1024;
    randombytes_buf(secret, sizeof secret);
    make_job dummy = { p, (uint8_t *)secret, sizeof secret, &p->dummy, 0 };
    run_make(&dummy);
    if (dummy.failed) abort(); /* the memory one hash needs is not there: as any other allocation */
    kt_wipe(secret, sizeof secret);
    p->pool = kt_pool_new("password", workers ? workers : 1, QUEUE_MAX);
    return p;
}

void kt_passwords_free(kt_passwords *p)
{
    if (!p) return;
    kt_pool_free(p->pool);
    kt_wipe(p, sizeof *p);
    free(p);
}

kt_err kt_password_hash_make(kt_passwords *p, kt_str password, kt_password_hash *out)
{
    make_job job = { p, NULL, 0, out, 0 };
    memset(out, 0, sizeof *out);
    kt_err err = normalise(password, &job.text, &job.len);
    if (err == KT_OK) err = kt_pool_run(p->pool, run_make, &job);
    forget(job.text, job.len);
    /* libsodium fails only when the memory cannot be had: the machine is busy, not the input bad. */
    return err == KT_OK && job.failed ? KT_BUSY : err;
}

kt_err kt_password_verify(kt_passwords *p, const char *hash, kt_str password, bool *ok, bool *rehash)
{
    bool known = hash && *hash;
    uint8_t *text = NULL;
    size_t len = 0;

    *ok = *rehash = false;
    /* Too long or not text can belong to nobody, but takes as long as any other wrong password. */
    if (normalise(password, &text, &len) != KT_OK) known = false;
    verify_job job = { known ? hash : p->dummy.at, text ? text : (const uint8_t *)"", len, 0 };
    kt_err err = kt_pool_run(p->pool, run_verify, &job);
    forget(text, len);
    if (err != KT_OK) return err;
    *ok = known && job.failed == 0;
    *rehash = *ok && crypto_pwhash_str_needs_rehash(hash, p->ops, p->mem) != 0;
    return KT_OK;
}
