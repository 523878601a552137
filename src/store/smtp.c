/* SPDX-License-Identifier: Apache-2.0 */
/* smtp.c -- see smtp.h. What the server says about a mail is in its reply code; what the network, TLS
 * or our own settings did wrong is never held against the mail. */
#include "store/smtp.h"
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#define CONNECT_MS 10000L
#define TOTAL_MS   30000L

struct smtp {
    CURL *curl;
    const mail_options *options;
    char *url;
};

typedef struct {
    kt_str rest;
} upload;

static size_t next_bytes(char *to, size_t size, size_t count, void *ctx)
{
    upload *u = ctx;
    size_t n = size * count < u->rest.len ? size * count : u->rest.len;
    memcpy(to, u->rest.at, n);
    u->rest = (kt_str){ u->rest.at + n, u->rest.len - n };
    return n;
}

/* smtp://host:port/NAME: curl greets the server with NAME. */
static char *greeting_url(const mail_options *o)
{
    const char *host = strstr(o->smtp_url, "://");
    bool has_name = host && strchr(host + 3, '/');
    size_t len = strlen(o->smtp_url) + (o->host ? strlen(o->host) : 0) + 2;
    char *url = kt_malloc(len);
    snprintf(url, len, has_name || !o->host ? "%s" : "%s/%s", o->smtp_url, o->host);
    return url;
}

smtp *smtp_new(const mail_options *options)
{
    smtp *s = kt_calloc(1, sizeof *s);
    s->options = options;
    s->url = greeting_url(options);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    s->curl = curl_easy_init();
    if (!s->curl) abort(); /* out of memory */
    return s;
}

void smtp_free(smtp *s)
{
    if (!s) return;
    curl_easy_cleanup(s->curl);
    curl_global_cleanup();
    free(s->url);
    free(s);
}

static void settings(smtp *s)
{
    const mail_options *o = s->options;
    curl_easy_reset(s->curl); /* keeps the connection */
    curl_easy_setopt(s->curl, CURLOPT_URL, s->url);
    curl_easy_setopt(s->curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(s->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(s->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(s->curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(s->curl, CURLOPT_TIMEOUT_MS, TOTAL_MS);
    curl_easy_setopt(s->curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, TOTAL_MS / 1000);
    /* Without "required": TLS where the server offers it. */
    curl_easy_setopt(s->curl, CURLOPT_USE_SSL, (long)(o->smtp_require_tls ? CURLUSESSL_ALL : CURLUSESSL_TRY));
    curl_easy_setopt(s->curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (o->ca_file) curl_easy_setopt(s->curl, CURLOPT_CAINFO, o->ca_file);
    if (o->smtp_user) curl_easy_setopt(s->curl, CURLOPT_USERNAME, o->smtp_user);
    if (o->smtp_password) curl_easy_setopt(s->curl, CURLOPT_PASSWORD, o->smtp_password);
}

/* Sign-in and TLS fail for reasons the operator can mend: the mail waits. */
static const CURLcode not_the_mails_fault[] = {
    CURLE_LOGIN_DENIED,    CURLE_USE_SSL_FAILED,       CURLE_SSL_CONNECT_ERROR,  CURLE_PEER_FAILED_VERIFICATION,
    CURLE_COULDNT_CONNECT, CURLE_COULDNT_RESOLVE_HOST, CURLE_OPERATION_TIMEDOUT, CURLE_SSL_CACERT_BADFILE,
};

static outbox_result judge(CURLcode code, long reply, char why[128])
{
    if (code == CURLE_OK) return OUTBOX_SENT;
    for (size_t i = 0; i < sizeof not_the_mails_fault / sizeof not_the_mails_fault[0]; i++)
        if (code == not_the_mails_fault[i]) reply = 0;
    if (reply >= 400 && reply < 600)
        snprintf(why, 128, "smtp %ld", reply);
    else
        snprintf(why, 128, "%s", curl_easy_strerror(code));
    return reply >= 500 && reply < 600 ? OUTBOX_DEAD : OUTBOX_LATER;
}

outbox_result smtp_send(smtp *s, const char *from, const char *to, kt_str message, char why[128])
{
    upload u = { message };
    long reply = 0;
    settings(s);
    struct curl_slist *rcpt = curl_slist_append(NULL, to);
    if (!rcpt) abort();
    curl_easy_setopt(s->curl, CURLOPT_MAIL_FROM, from);
    curl_easy_setopt(s->curl, CURLOPT_MAIL_RCPT, rcpt);
    curl_easy_setopt(s->curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(s->curl, CURLOPT_READFUNCTION, next_bytes);
    curl_easy_setopt(s->curl, CURLOPT_READDATA, &u);
    curl_easy_setopt(s->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)message.len);
    CURLcode code = curl_easy_perform(s->curl);
    curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &reply);
    curl_slist_free_all(rcpt);
    return judge(code, reply, why);
}
