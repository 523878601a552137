/* SPDX-License-Identifier: Apache-2.0 */
/* health.c -- is it alive, and should requests be sent here.
 *
 * Alive is answered on the loop from nothing: that the answer comes is the answer. Ready asks what a request
 * needs: an empty transaction goes through the store's writer, the register is loaded and was checked at start,
 * the disk has its reserve, the access log is within its limit, nobody told us to leave. The answer names checks
 * and carries no text of an error. */
#include <sys/statvfs.h>

#include "telemetry/telemetry.h"

static const char *const names[] = {
#define READY_NAME(name) #name,
    READY_CHECKS(READY_NAME)
#undef READY_NAME
};

static kt_err nothing(db *d, void *ctx) { return KT_OK; }

static bool store_writes(const telemetry *t)
{
    return t->house->store && store_write(t->house->store, nothing, NULL) == KT_OK;
}

static bool register_stands(const telemetry *t)
{
    const activity *const *list;
    return t->house->registry && registry_activities(t->house->registry, &list) > 0;
}

static bool disk_has_room(const telemetry *t)
{
    struct statvfs v;
    if (!t->house->data_dir) return true;
    return statvfs(t->house->data_dir, &v) == 0 && (int64_t)v.f_bavail * (int64_t)v.f_frsize >= t->reserve_bytes;
}

/* The same number the operator's alarm looks at: no whole address above seven days. */
static bool log_is_young(const telemetry *t)
{
    kt_metric *oldest = kt_metric_new(t->house->metrics, KT_GAUGE, "kontor_weblog_oldest_raw_seconds",
                                      "Age of the oldest access-log segment that holds whole addresses.", "");
    return kt_metric_value(oldest, 0) <= 7 * 86400;
}

static bool is_serving(const telemetry *t) { return !atomic_load(&t->draining); }

static bool (*const asks[])(const telemetry *t) = {
    [READY_store] = store_writes,  [READY_register] = register_stands, [READY_disk] = disk_has_room,
    [READY_weblog] = log_is_young, [READY_serving] = is_serving,
};

void telemetry_drain(void *room) { atomic_store(&((telemetry *)room)->draining, true); }

static bool judge(telemetry *t, kt_arena *mem, int64_t now_ms, kt_value *list)
{
    bool all = true;
    for (int i = 0; i < READY_COUNT; i++) {
        bool ok = asks[i](t);
        pthread_mutex_lock(&t->lock);
        if (t->checks[i].since_ms == 0 || t->checks[i].ok != ok) {
            t->checks[i].ok = ok;
            t->checks[i].since_ms = now_ms;
        }
        int64_t since = t->checks[i].since_ms;
        pthread_mutex_unlock(&t->lock);
        kt_value *row = kt_add_map(mem, list);
        kt_set_c(mem, row, "name", names[i]);
        kt_set_bool(mem, row, "ok", ok);
        kt_set_str(mem, row, "since", kt_time_rfc3339(mem, since));
        all = all && ok;
    }
    if (all) atomic_store(&t->started, true);
    return all;
}

kt_err telemetry_get_live(request *rq, reply *rs)
{
    kt_value *v = kt_map(rq->mem);
    kt_set_c(rq->mem, v, "status", "ok");
    return reply_json(rs, 200, v);
}

kt_err telemetry_get_ready(request *rq, reply *rs)
{
    kt_value *v = kt_map(rq->mem);
    kt_set_c(rq->mem, v, "status", "ok"); /* first in the answer; corrected below */
    bool ready = judge(rq->room, rq->mem, rq->now_ms, kt_set_list(rq->mem, v, "checks"));
    if (!ready) kt_set_c(rq->mem, v, "status", "unavailable");
    return reply_json(rs, ready ? 200 : 503, v);
}

kt_err telemetry_get_started(request *rq, reply *rs)
{
    telemetry *t = rq->room;
    kt_value *v = kt_map(rq->mem);
    bool started = atomic_load(&t->started) || judge(t, rq->mem, rq->now_ms, kt_list(rq->mem));
    kt_set_c(rq->mem, v, "status", started ? "ok" : "starting");
    return reply_json(rs, started ? 200 : 503, v);
}
