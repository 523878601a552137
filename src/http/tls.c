/* SPDX-License-Identifier: Apache-2.0 */
/* tls.c -- see tls.h. */
#include "http/tls.h"
#include <microhttpd.h>
#include <stdlib.h>

enum { CHAIN_MAX = 8 };

struct tls_keys {
    tls_keys *older;
    gnutls_pcert_st chain[CHAIN_MAX];
    unsigned n_chain;
    gnutls_privkey_t key;
};

static void keys_free(tls_keys *k)
{
    for (unsigned i = 0; i < k->n_chain; i++) gnutls_pcert_deinit(&k->chain[i]);
    if (k->key) gnutls_privkey_deinit(k->key);
    free(k);
}

void tls_free(http_server *s)
{
    while (s->keys) {
        tls_keys *older = s->keys->older;
        keys_free(s->keys);
        s->keys = older;
    }
}

static int keys_read(tls_keys *k, const gnutls_datum_t *cert, const gnutls_datum_t *key)
{
    unsigned n = CHAIN_MAX;
    int done = gnutls_pcert_list_import_x509_raw(k->chain, &n, cert, GNUTLS_X509_FMT_PEM, 0);
    if (done < 0) return done;
    k->n_chain = n;
    done = gnutls_privkey_init(&k->key);
    return done < 0 ? done : gnutls_privkey_import_x509_raw(k->key, key, GNUTLS_X509_FMT_PEM, NULL, 0);
}

/* A certificate of another key would fail every handshake: say so now. */
static bool keys_match(const tls_keys *k)
{
    unsigned char a[64], b[64];
    size_t na = sizeof a, nb = sizeof b;
    gnutls_pubkey_t public_key;
    if (gnutls_pubkey_init(&public_key) < 0) return false;
    bool same = gnutls_pubkey_import_privkey(public_key, k->key, 0, 0) >= 0 &&
                gnutls_pubkey_get_key_id(public_key, GNUTLS_KEYID_USE_SHA256, a, &na) >= 0 &&
                gnutls_pubkey_get_key_id(k->chain[0].pubkey, GNUTLS_KEYID_USE_SHA256, b, &nb) >= 0 && na == nb &&
                memcmp(a, b, na) == 0;
    gnutls_pubkey_deinit(public_key);
    return same;
}

kt_err tls_load(http_server *s, kt_fail *fail)
{
    gnutls_datum_t cert = { NULL, 0 }, key = { NULL, 0 };
    tls_keys *k = kt_calloc(1, sizeof *k);
    kt_err err = KT_OK;
    int done = gnutls_load_file(s->tls_cert, &cert);
    if (done < 0) err = kt_fail_set(fail, KT_BAD_INPUT, "tls", "%s: %s", s->tls_cert, gnutls_strerror(done));
    if (err == KT_OK && (done = gnutls_load_file(s->tls_key, &key)) < 0)
        err = kt_fail_set(fail, KT_BAD_INPUT, "tls", "%s: %s", s->tls_key, gnutls_strerror(done));
    if (err == KT_OK && (done = keys_read(k, &cert, &key)) < 0)
        err = kt_fail_set(fail, KT_BAD_INPUT, "tls", "%s, %s: %s", s->tls_cert, s->tls_key, gnutls_strerror(done));
    if (err == KT_OK && !keys_match(k))
        err = kt_fail_set(fail, KT_BAD_INPUT, "tls", "%s is not the key of %s", s->tls_key, s->tls_cert);
    gnutls_free(cert.data);
    if (key.data) kt_wipe(key.data, key.size);
    gnutls_free(key.data);
    if (err != KT_OK) {
        keys_free(k);
        return err;
    }
    pthread_mutex_lock(&s->tls_lock);
    k->older = s->keys;
    s->keys = k;
    pthread_mutex_unlock(&s->tls_lock);
    return KT_OK;
}

int tls_choose(gnutls_session_t handshake, const struct gnutls_cert_retr_st *info, gnutls_pcert_st **certs,
               unsigned int *n_certs, gnutls_ocsp_data_st **ocsp, unsigned int *n_ocsp, gnutls_privkey_t *key,
               unsigned int *flags)
{
    (void)info;
    struct MHD_Connection *connection = gnutls_session_get_ptr(handshake);
    const union MHD_ConnectionInfo *context = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    if (!context || !context->socket_context) return -1;
    http_server *s = ((http_conn *)context->socket_context)->listener->server;
    pthread_mutex_lock(&s->tls_lock);
    tls_keys *k = s->keys;
    pthread_mutex_unlock(&s->tls_lock);
    if (!k) return -1;
    *certs = k->chain;
    *n_certs = k->n_chain;
    *ocsp = NULL;
    *n_ocsp = 0;
    *key = k->key;
    *flags = 0;
    return 0;
}
