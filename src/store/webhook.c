/* SPDX-License-Identifier: Apache-2.0 */
/* webhook.c -- the deliverer "webhook": one POST a row, through libcurl. */
#include "store/webhook.h"
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/hash.h"

enum { SECRET_MIN = 24, BODY_MAX = 256 * 1024, CONNECT_MS = 10000, TOTAL_MS = 30000 };

typedef struct {
    kt_arena *mem; /* the targets' copy */
    webhook_target *targets;
    size_t n;
    const kt_clock *clock;
    CURL *curl; /* one worker a kind delivers: never used twice at a time */
} hooks;

/* --- into the outbox --- */

kt_err webhook_put(db *d, kt_arena *mem, const webhook *w, int64_t now_ms)
{
    kt_value *row = kt_map(mem), *event = kt_set_map(mem, row, "event");
    kt_set_c(mem, row, "target", w->target);
    kt_set_c(mem, event, "type", w->type);
    kt_set_str(mem, event, "timestamp", kt_time_rfc3339(mem, now_ms));
    kt_set(mem, event, "data", w->data ? kt_value_copy(mem, w->data) : kt_map(mem));
    kt_buf body;
    kt_buf_init(&body, BODY_MAX);
    kt_json_put(&body, row);
    kt_err err = kt_buf_check(&body);
    if (err == KT_OK)
        err = outbox_put(d,
                         &(outbox_message){ .kind = "webhook",
                                            .key = w->key,
                                            .activity = w->activity,
                                            .subject = w->subject,
                                            .body = kt_buf_str(&body) },
                         now_ms);
    kt_buf_free(&body);
    return err;
}

/* --- out of it --- */

kt_str webhook_signature(kt_arena *mem, kt_str secret, kt_str id, int64_t timestamp_s, kt_str body)
{
    kt_str signed_text = kt_str_fmt(mem, "%.*s.%lld.%.*s", KT_ARG(id), (long long)timestamp_s, KT_ARG(body));
    kt_sha256 mac = kt_hmac(secret, signed_text);
    kt_str text = kt_base64(mem, mac.at, sizeof mac.at);
    return kt_str_fmt(mem, "v1,%.*s", KT_ARG(text));
}

static const webhook_target *find_target(const hooks *h, kt_str id)
{
    for (size_t i = 0; i < h->n; i++)
        if (kt_str_is(id, h->targets[i].id)) return &h->targets[i];
    return NULL;
}

/* The answer's body is of no interest: read and forgotten. */
static size_t forget(char *bytes, size_t size, size_t n, void *ctx)
{
    (void)bytes;
    (void)ctx;
    return size * n;
}

static struct curl_slist *add_header(kt_arena *mem, struct curl_slist *list, const char *name, kt_str value)
{
    return curl_slist_append(list, kt_str_z(mem, kt_str_fmt(mem, "%s: %.*s", name, KT_ARG(value))));
}

static void settings(CURL *curl, const webhook_target *t)
{
    curl_easy_reset(curl); /* keeps the connection */
    curl_easy_setopt(curl, CURLOPT_URL, t->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)TOTAL_MS);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "kontor/" KONTOR_VERSION);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, forget);
    if (t->ca_file) curl_easy_setopt(curl, CURLOPT_CAINFO, t->ca_file);
}

static outbox_result judge(CURLcode code, long status, char why[128])
{
    if (code != CURLE_OK) {
        snprintf(why, 128, "%s", curl_easy_strerror(code));
        return OUTBOX_LATER;
    }
    if (status >= 200 && status < 300) return OUTBOX_SENT;
    snprintf(why, 128, "http %ld", status);
    bool passing = status == 408 || status == 425 || status == 429 || status >= 500;
    return passing ? OUTBOX_LATER : OUTBOX_DEAD;
}

static outbox_result post(hooks *h, kt_arena *mem, const webhook_target *t, kt_str key, kt_str body, char why[128])
{
    int64_t now_s = kt_now_ms(h->clock) / 1000;
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    headers = add_header(mem, headers, "webhook-id", key);
    headers = add_header(mem, headers, "webhook-timestamp", kt_str_fmt(mem, "%lld", (long long)now_s));
    headers = add_header(mem, headers, "webhook-signature", webhook_signature(mem, t->secret, key, now_s, body));
    headers = curl_slist_append(headers, "Expect:");
    settings(h->curl, t);
    curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(h->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    curl_easy_setopt(h->curl, CURLOPT_POSTFIELDS, body.at);
    long status = 0;
    CURLcode code = curl_easy_perform(h->curl);
    curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    return judge(code, status, why);
}

static outbox_result deliver(void *ctx, kt_str key, kt_str body, char why[128])
{
    hooks *h = ctx;
    kt_arena *mem = kt_arena_new();
    kt_value *row = NULL;
    outbox_result result = OUTBOX_DEAD;
    snprintf(why, 128, "the target is not configured");
    if (kt_json_parse(mem, body, NULL, &row) == KT_OK) {
        const webhook_target *t = find_target(h, kt_get_str(row, "target"));
        kt_buf event;
        kt_buf_init(&event, BODY_MAX);
        kt_json_put(&event, kt_get(row, "event"));
        if (t) result = post(h, mem, t, key, kt_buf_str(&event), why);
        kt_buf_free(&event);
    }
    kt_arena_free(mem);
    return result;
}

/* --- setting up --- */

static bool is_loopback(const char *url)
{
    static const char *const hosts[] = { "http://127.0.0.1", "http://[::1]", "http://localhost" };
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        size_t len = strlen(hosts[i]);
        if (strncmp(url, hosts[i], len) == 0 && (url[len] == ':' || url[len] == '/' || url[len] == '\0')) return true;
    }
    return false;
}

static kt_err check(const webhook_target *t, kt_fail *fail)
{
    if (strncmp(t->url, "https://", 8) != 0 && !is_loopback(t->url))
        return kt_fail_set(fail, KT_INVALID, "url", "webhook %s: the address must begin with https://", t->id);
    if (t->secret.len < SECRET_MIN)
        return kt_fail_set(fail, KT_INVALID, "secret", "webhook %s: the secret needs at least %d bytes", t->id,
                           SECRET_MIN);
    return KT_OK;
}

static void hooks_free(void *ctx)
{
    hooks *h = ctx;
    curl_easy_cleanup(h->curl);
    curl_global_cleanup();
    for (size_t i = 0; i < h->n; i++) kt_wipe((void *)(uintptr_t)h->targets[i].secret.at, h->targets[i].secret.len);
    kt_arena_free(h->mem);
    free(h);
}

kt_err webhook_start(outbox *o, const webhook_target *targets, size_t n, const kt_clock *clock, kt_fail *fail)
{
    for (size_t i = 0; i < n; i++) TRY(check(&targets[i], fail));
    hooks *h = kt_calloc(1, sizeof *h);
    h->mem = kt_arena_new();
    h->clock = clock;
    h->n = n;
    h->targets = kt_alloc_array(h->mem, n, sizeof *h->targets);
    for (size_t i = 0; i < n; i++)
        h->targets[i] =
            (webhook_target){ .id = kt_str_z(h->mem, kt_str_c(targets[i].id)),
                              .url = kt_str_z(h->mem, kt_str_c(targets[i].url)),
                              .secret = kt_str_dup(h->mem, targets[i].secret),
                              .ca_file = targets[i].ca_file ? kt_str_z(h->mem, kt_str_c(targets[i].ca_file)) : NULL };
    curl_global_init(CURL_GLOBAL_DEFAULT);
    h->curl = curl_easy_init();
    if (!h->curl) abort(); /* out of memory */
    outbox_at_end(o, hooks_free, h);
    outbox_deliverer(o, "webhook", deliver, h);
    return KT_OK;
}
