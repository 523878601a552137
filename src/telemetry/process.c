/* SPDX-License-Identifier: Apache-2.0 */
/* process.c -- the families every Prometheus client has about its own process, from /proc and getrusage. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "telemetry/telemetry.h"

#ifndef KONTOR_VERSION
#define KONTOR_VERSION "unversioned"
#endif
#ifndef KONTOR_REVISION
#define KONTOR_REVISION "unknown"
#endif

static bool read_proc(const char *path, char *out, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, out, cap - 1);
    if (fd >= 0) close(fd);
    out[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* Pages of /proc/self/statm: field 0 virtual, field 1 resident. */
static double bytes_of_pages(int field)
{
    char text[128], *at = text;
    double value = 0;
    if (!read_proc("/proc/self/statm", text, sizeof text)) return 0;
    for (int i = 0; i <= field; i++) value = (double)strtoll(at, &at, 10);
    return value * (double)sysconf(_SC_PAGESIZE);
}

static double virtual_bytes(void *ctx) { return bytes_of_pages(0); }
static double resident_bytes(void *ctx) { return bytes_of_pages(1); }

static double cpu_seconds(void *ctx)
{
    struct rusage u;
    if (getrusage(RUSAGE_SELF, &u) != 0) return 0;
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double open_fds(void *ctx)
{
    double n = 0;
    DIR *d = opendir("/proc/self/fd");
    if (!d) return 0;
    while (readdir(d)) n++;
    closedir(d);
    return n - 3; /* ".", ".." and the directory itself */
}

static double max_fds(void *ctx)
{
    struct rlimit l;
    return getrlimit(RLIMIT_NOFILE, &l) == 0 ? (double)l.rlim_cur : 0;
}

static const struct {
    kt_metric_type type;
    const char *name, *help;
    double (*ask)(void *ctx);
} families[] = {
    { KT_COUNTER, "process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", cpu_seconds },
    { KT_GAUGE, "process_resident_memory_bytes", "Resident memory size in bytes.", resident_bytes },
    { KT_GAUGE, "process_virtual_memory_bytes", "Virtual memory size in bytes.", virtual_bytes },
    { KT_GAUGE, "process_open_fds", "Number of open file descriptors.", open_fds },
    { KT_GAUGE, "process_max_fds", "Maximum number of open file descriptors.", max_fds },
};

void telemetry_process_metrics(kt_metrics *metrics, const kt_clock *clock)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        kt_metric_ask(kt_metric_new(metrics, families[i].type, families[i].name, families[i].help, ""), 0,
                      families[i].ask, NULL);
    kt_metric *start = kt_metric_new(metrics, KT_GAUGE, "process_start_time_seconds",
                                     "Start time of the process since unix epoch in seconds.", "");
    kt_metric_set(start, 0, (double)kt_now_ms(clock) / 1000.0);
    kt_metric *build =
        kt_metric_new(metrics, KT_INFO, "kontor_build_info", "The program that runs.", "version,revision");
    kt_metric_series(build, (const char *const[]){ KONTOR_VERSION, KONTOR_REVISION });
}
