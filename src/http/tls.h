/* SPDX-License-Identifier: Apache-2.0 */
/* tls.h -- the certificate in use, and its replacement while the server runs.
 *
 * Each handshake asks for the newest keys; those that began with older ones may still be using them, so
 * old ones are kept until the server ends (a few kilobytes, a few times a year). */
#ifndef KONTOR_HTTP_TLS_H
#define KONTOR_HTTP_TLS_H
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include "http/inside.h"

/* Reads both files, checks that they belong together. KT_BAD_INPUT with the reason. */
kt_err tls_load(http_server *s, kt_fail *fail) KT_MUST_CHECK;
void   tls_free(http_server *s);
/* What the engine calls for each handshake. */
int tls_choose(gnutls_session_t handshake, const struct gnutls_cert_retr_st *info, gnutls_pcert_st **certs,
               unsigned int *n_certs, gnutls_ocsp_data_st **ocsp, unsigned int *n_ocsp, gnutls_privkey_t *key,
               unsigned int *flags);

#endif
