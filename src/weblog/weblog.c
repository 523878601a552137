/* SPDX-License-Identifier: Apache-2.0 */
/* weblog.c -- the room: settings from the register, the purge before the door opens, the hook at the end of
 * each request, the clean end. */
#include "weblog/weblog.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "weblog/user_agent.h"

/* ---- settings ---- */

static const retention *keep_rule_of(const registry *r, const char *id)
{
    const activity *a = registry_activity(r, "access-logs");
    for (size_t i = 0; a && i < a->n_keeps; i++)
        if (kt_str_is(a->keeps[i].id, id)) return &a->keeps[i];
    return NULL;
}

/* A period of kontor.yaml under `weblog`, which may shorten what the register says and never lengthen it. */
static kt_err shorten(const kt_value *config, const char *key, int64_t *ms, kt_fail *fail)
{
    kt_str text = kt_get_str(config, key);
    int64_t wanted;
    int months = 0;
    if (!text.at) return KT_OK;
    if (!kt_duration_parse(text, &wanted, &months) || months)
        return kt_fail_set(fail, KT_REFUSED, key, "weblog.%s: a period in days or hours is needed, like P7D or PT48H",
                           key);
    if (wanted > *ms)
        return kt_fail_set(fail, KT_REFUSED, key, "weblog.%s: longer than the register of processing allows", key);
    if (wanted < KT_HOUR_MS) return kt_fail_set(fail, KT_REFUSED, key, "weblog.%s: shorter than an hour", key);
    *ms = wanted;
    return KT_OK;
}

static kt_err read_long_tier(const kt_value *config, kt_fail *fail, weblog_settings *out)
{
    const kt_value *tier = kt_get(config, "long_tier");
    kt_str cut = kt_get_str(tier, "cut");
    if (kt_is(tier, KT_V_BOOL) || kt_is(tier, KT_V_STRING)) {
        bool off = kt_is(tier, KT_V_BOOL) ? !tier->as.boolean : kt_str_is(kt_as_str(tier), "none");
        if (kt_is(tier, KT_V_STRING) && !off)
            return kt_fail_set(fail, KT_REFUSED, "long_tier", "weblog.long_tier: none, or a map with keep and cut");
        if (off) out->long_keep_ms = 0;
        return KT_OK;
    }
    if (cut.at && !address_cut_named(cut, &out->cut))
        return kt_fail_set(fail, KT_REFUSED, "cut", "weblog.long_tier.cut: standard, strong or drop");
    return shorten(tier, "keep", &out->long_keep_ms, fail);
}

kt_err weblog_read_settings(const registry *r, kt_fail *fail, weblog_settings *out)
{
    const retention *raw = r ? keep_rule_of(r, "raw") : NULL, *lasting = r ? keep_rule_of(r, "long") : NULL;
    const kt_value *config = r ? kt_get(registry_config(r), "weblog") : NULL;
    kt_str profile = kt_get_str(config, "profile");

    memset(out, 0, sizeof *out);
    out->keep_ms = raw && raw->keep_ms > 0 ? raw->keep_ms : WEBLOG_KEEP_MAX_MS;
    out->long_keep_ms = lasting && lasting->keep_ms > 0 ? lasting->keep_ms : 90 * KT_DAY_MS;
    out->cut = CUT_standard;
    if (out->keep_ms > WEBLOG_KEEP_MAX_MS)
        return kt_fail_set(fail, KT_REFUSED, "keep", "access-logs: seven days are the limit for whole addresses");
    TRY(shorten(config, "keep", &out->keep_ms, fail));
    TRY(read_long_tier(config, fail, out));
    out->user_agents = kt_get_str(config, "user_agents");
    if (!profile.at || kt_str_is(profile, "default")) return KT_OK;
    out->minimal = kt_str_is(profile, "declaration");
    return out->minimal ? KT_OK
                        : kt_fail_set(fail, KT_REFUSED, "profile",
                                      "weblog.profile: default or declaration; no activity declares more fields");
}

/* Every key a record can have must be claimed by the activity, or nobody declared it. */
static kt_err check_fields(const registry *r, kt_fail *fail)
{
    static const char *const keys[] = {
#define WEBLOG_KEY(key, minimal, personal) #key,
        WEBLOG_FIELDS(WEBLOG_KEY)
#undef WEBLOG_KEY
    };
    const activity *a = registry_activity(r, "access-logs");
    if (!a) return kt_fail_set(fail, KT_REFUSED, NULL, "no activity access-logs is declared");
    for (size_t s = 0; s < a->n_stores; s++) {
        const store_claim *claim = &a->stores[s];
        if (!kt_str_is(claim->file_store, "file:weblog/raw")) continue;
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
            bool claimed = false;
            for (size_t c = 0; c < claim->n_columns; c++)
                claimed = claimed || kt_str_is(claim->columns[c].column, keys[k]);
            if (!claimed)
                return kt_fail_set(fail, KT_REFUSED, keys[k], "the access log has a field %s that no activity declares",
                                   keys[k]);
        }
        return claim->n_columns == sizeof keys / sizeof *keys
                   ? KT_OK
                   : kt_fail_set(fail, KT_REFUSED, NULL, "access-logs declares a field the access log does not have");
    }
    return kt_fail_set(fail, KT_REFUSED, NULL, "access-logs declares no store file weblog/raw");
}

/* ---- life ---- */

static double oldest_raw_seconds(void *room)
{
    weblog *w = room;
    return (double)segments_oldest_raw_ms(w->segments) / 1000.0;
}

/* The expressions live as long as the recorder's parser: the operator's file is read into memory of its own. */
static kt_err read_expressions(weblog *w, kt_fail *fail, char **own, kt_str *out)
{
    *own = NULL;
    *out = ua_embedded();
    if (!w->settings.user_agents.len) return KT_OK;
    char path[1024];
    struct stat st;
    snprintf(path, sizeof path, "%.*s", KT_ARG(w->settings.user_agents));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size <= 0 || st.st_size > (8 << 20)) {
        if (fd >= 0) close(fd);
        return kt_fail_set(fail, KT_IO, "user_agents", "weblog.user_agents: %s cannot be read or is above 8 MiB", path);
    }
    *own = kt_malloc((size_t)st.st_size);
    ssize_t n = read(fd, *own, (size_t)st.st_size);
    close(fd);
    *out = (kt_str){ *own, n > 0 ? (size_t)n : 0 };
    return n == st.st_size ? KT_OK
                           : kt_fail_set(fail, KT_IO, "user_agents", "weblog.user_agents: %s cannot be read", path);
}

/* In the room of the process for as long as the parser needs it. */
struct room {
    weblog w;
    char *expressions;
};

static void weblog_stop(void *room)
{
    struct room *r = room;
    if (!r) return;
    recorder_free(r->w.recorder);
    count_cache_free(r->w.cache);
    segments_close(r->w.segments);
    free(r->expressions);
    free(r);
}

static kt_err open_files(weblog *w, kt_fail *fail)
{
    char dir[400];
    if ((size_t)snprintf(dir, sizeof dir, "%s/weblog", w->house->data_dir) >= sizeof dir)
        return kt_fail_set(fail, KT_BAD_INPUT, NULL, "the path of the data directory is too long");
    segment_options o = { dir, w->house->clock, w->settings.keep_ms, w->settings.long_keep_ms, w->settings.cut, NULL };
    TRY(segments_open(&o, fail, &w->segments));
    w->cache = count_cache_new(w->segments, w->house->clock);
    return KT_OK;
}

static kt_err purge(void *room, kt_arena *mem, int64_t now_ms)
{
    weblog *w = room;
    unsigned n = 0;
    if (!w->segments) return KT_OK;
    kt_err err = segments_purge(w->segments, mem, &n);
    kt_metric_add(w->destroyed, 0, n);
    return err;
}

/* Only where requests come in: hooks, metrics, and the purge before the listener opens, because the
 * program may have been down over a deadline. */
static kt_err start_serving(struct room *r, kt_fail *fail)
{
    weblog *w = &r->w;
    kt_str expressions;
    kt_arena *mem = kt_arena_new();
    kt_err err = purge(w, mem, 0);
    kt_arena_free(mem);
    if (err != KT_OK)
        return kt_fail_set(fail, err, NULL, "segments of the access log that are due cannot be destroyed");
    TRY(read_expressions(w, fail, &r->expressions, &expressions));
    if (!expressions.len) kt_log(KT_LOG_WARN, "weblog.no_user_agents");
    recorder_options o = { w->segments, expressions, w->settings.minimal, w->house->metrics, 0 };
    TRY(recorder_new(&o, fail, &w->recorder));
    kt_metric *oldest = kt_metric_new(w->house->metrics, KT_GAUGE, "kontor_weblog_oldest_raw_seconds",
                                      "Age of the oldest access-log segment that holds whole addresses.", "");
    kt_metric_ask(oldest, 0, oldest_raw_seconds, w);
    http_on_end(w->house->server, recorder_on_end, w->recorder);
    return KT_OK;
}

static kt_err weblog_init(house *h, kt_fail *fail, void **room)
{
    struct room *r = kt_calloc(1, sizeof *r);
    weblog *w = &r->w;
    kt_err err;

    w->house = h;
    w->destroyed = kt_metric_new(h->metrics, KT_COUNTER, "kontor_weblog_segments_destroyed_total",
                                 "Segments of the access log destroyed.", "");
    err = weblog_read_settings(h->registry, fail, &w->settings);
    if (err == KT_OK) err = check_fields(h->registry, fail);
    if (err == KT_OK && h->data_dir) err = open_files(w, fail);
    if (err == KT_OK && h->data_dir && h->server) err = start_serving(r, fail);
    if (err != KT_OK) {
        weblog_stop(r);
        return err;
    }
    *room = r;
    return KT_OK;
}

static const route routes[] = { { "GET", "/console/access-log", weblog_get_console, HTTP_WORK, "access-logs",
                                  HTTP_STAFF, HTTP_NO_STORE, 0, "privacy,developer", NULL },
                                { 0 } };

static const job jobs_of_the_room[] = { { "weblog.purge", WEBLOG_PURGE_EVERY_MS, purge }, { 0 } };

static const console_entry entries[] = {
    { "console.menu.platform", "weblog.console_log.menu", "/console/access-log", "privacy,developer", 80 }, { 0 }
};

static const command commands[] = { { "log", "tail | stat | report | export | anonymise",
                                      "the access log: last lines, counts, copies without addresses", weblog_command },
                                    { 0 } };

const module weblog_module = {
    .name = "weblog",
    .routes = routes,
    .jobs = jobs_of_the_room,
    .console = entries,
    .commands = commands,
    .init = weblog_init,
    .demo = weblog_demo,
    .stop = weblog_stop,
};
