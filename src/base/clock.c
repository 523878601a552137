/* SPDX-License-Identifier: Apache-2.0 */
/* clock.c -- clocks, the civil calendar (days-from-civil arithmetic on 400-year eras), and time as text. */
#include "base/clock.h"
#include <assert.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static int64_t now_real(const kt_clock *clock)
{
    (void)clock;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t now_fixed(const kt_clock *clock) { return clock->fixed_ms; }

static int64_t now_file(const kt_clock *clock)
{
    /* The last good value bridges the moment in which a test rewrites the file. */
    static _Atomic int64_t last;
    char text[32];
    int fd = open(clock->file, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : -1;
    if (fd >= 0) close(fd);
    int64_t ms = 0;
    if (n > 0 && kt_str_int(kt_str_trim((kt_str){ text, (size_t)n }), &ms) && ms > 0) atomic_store(&last, ms);
    ms = atomic_load(&last);
    return ms ? ms : now_real(clock);
}

kt_clock kt_clock_real(void) { return (kt_clock){ now_real, 0, NULL }; }
kt_clock kt_clock_fixed(int64_t ms) { return (kt_clock){ now_fixed, ms, NULL }; }
kt_clock kt_clock_file(const char *path) { return (kt_clock){ now_file, 0, path }; }

int64_t kt_monotonic_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t kt_monotonic_ms(void) { return kt_monotonic_us() / 1000; }

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

static int64_t days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = floor_div(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

kt_civil kt_civil_utc(int64_t ms)
{
    int64_t days = floor_div(ms, KT_DAY_MS), rest = ms - days * KT_DAY_MS;
    int64_t shifted = days + 719468, era = floor_div(shifted, 146097);
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t m = (5 * day_of_year + 2) / 153;
    kt_civil c = { 0 };
    c.day = (int)(day_of_year - (153 * m + 2) / 5 + 1);
    c.month = (int)(m < 10 ? m + 3 : m - 9);
    c.year = (int)(year_of_era + era * 400 + (c.month <= 2));
    c.hour = (int)(rest / KT_HOUR_MS);
    c.minute = (int)(rest / KT_MINUTE_MS % 60);
    c.second = (int)(rest / KT_SECOND_MS % 60);
    c.ms = (int)(rest % 1000);
    c.weekday = (int)(((days + 4) % 7 + 7) % 7);
    return c;
}

int64_t kt_civil_ms(kt_civil c)
{
    int64_t months = (int64_t)c.year * 12 + c.month - 1;
    int64_t year = floor_div(months, 12);
    int64_t days = days_from_civil(year, (int)(months - year * 12) + 1, 1) + c.day - 1;
    return days * KT_DAY_MS + c.hour * KT_HOUR_MS + c.minute * KT_MINUTE_MS + c.second * KT_SECOND_MS + c.ms;
}

int kt_days_in_month(int year, int month)
{
    return (int)(days_from_civil(month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1, 1) -
                 days_from_civil(year, month, 1));
}

/* 01:00 UTC of the month's last Sunday: when summer time begins (March) and ends (October). */
static int64_t last_sunday(int year, int month)
{
    int64_t days = days_from_civil(year, month, 31); /* both months have 31; day 0 was a Thursday */
    int64_t weekday = ((days + 4) % 7 + 7) % 7;
    return (days - weekday) * KT_DAY_MS + KT_HOUR_MS;
}

kt_civil kt_civil_zone(int64_t ms, const char *zone)
{
    if (!zone) return kt_civil_utc(ms);
    assert(strcmp(zone, "Europe/Berlin") == 0);
    int year = kt_civil_utc(ms).year;
    bool summer = ms >= last_sunday(year, 3) && ms < last_sunday(year, 10);
    return kt_civil_utc(ms + (summer ? 2 : 1) * KT_HOUR_MS);
}

kt_str kt_time_rfc3339(kt_arena *mem, int64_t ms)
{
    kt_civil c = kt_civil_utc(ms);
    return kt_str_fmt(mem, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", c.year, c.month, c.day, c.hour, c.minute, c.second,
                      c.ms);
}

kt_str kt_time_http(kt_arena *mem, int64_t ms)
{
    static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    kt_civil c = kt_civil_utc(ms);
    return kt_str_fmt(mem, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[c.weekday], c.day, months[c.month - 1], c.year,
                      c.hour, c.minute, c.second);
}

kt_str kt_time_day(kt_arena *mem, int64_t ms)
{
    kt_civil c = kt_civil_utc(ms);
    return kt_str_fmt(mem, "%04d-%02d-%02d", c.year, c.month, c.day);
}

static bool digits(kt_str s, size_t at, size_t n, int *out)
{
    int64_t v = 0;
    if (at + n > s.len || s.at[at] == '-' || !kt_str_int(kt_str_slice(s, at, at + n), &v)) return false;
    *out = (int)v;
    return true;
}

bool kt_time_parse(kt_str t, int64_t *ms)
{
    kt_civil c = { 0 };
    if (t.len < 10 || t.at[4] != '-' || t.at[7] != '-' || !digits(t, 0, 4, &c.year) || !digits(t, 5, 2, &c.month) ||
        !digits(t, 8, 2, &c.day) || c.month < 1 || c.month > 12 || c.day < 1 ||
        c.day > kt_days_in_month(c.year, c.month))
        return false;
    if (t.len == 10) {
        *ms = kt_civil_ms(c);
        return true;
    }
    if (t.len < 20 || (t.at[10] != 'T' && t.at[10] != 't' && t.at[10] != ' ') || t.at[13] != ':' || t.at[16] != ':' ||
        !digits(t, 11, 2, &c.hour) || !digits(t, 14, 2, &c.minute) || !digits(t, 17, 2, &c.second) || c.hour > 23 ||
        c.minute > 59 || c.second > 60)
        return false;
    size_t at = 19;
    if (t.at[at] == '.') {
        int place = 100;
        size_t first = ++at;
        for (; at < t.len && t.at[at] >= '0' && t.at[at] <= '9'; at++, place /= 10) c.ms += (t.at[at] - '0') * place;
        if (at == first) return false;
    }
    int64_t offset = 0;
    if (at < t.len && (t.at[at] == 'Z' || t.at[at] == 'z')) {
        at++;
    } else {
        int h = 0, m = 0;
        if (at + 6 > t.len || (t.at[at] != '+' && t.at[at] != '-') || t.at[at + 3] != ':' ||
            !digits(t, at + 1, 2, &h) || !digits(t, at + 4, 2, &m) || h > 23 || m > 59)
            return false;
        offset = (t.at[at] == '-' ? -1 : 1) * (h * KT_HOUR_MS + m * KT_MINUTE_MS);
        at += 6;
    }
    if (at != t.len) return false;
    *ms = kt_civil_ms(c) - offset;
    return true;
}

bool kt_duration_parse(kt_str text, int64_t *ms, int *months)
{
    static const struct {
        char letter;
        bool time;
        int64_t ms;
        int months;
    } units[] = {
        { 'Y', false, 0, 12 },          { 'M', false, 0, 1 },         { 'W', false, 7 * KT_DAY_MS, 0 },
        { 'D', false, KT_DAY_MS, 0 },   { 'H', true, KT_HOUR_MS, 0 }, { 'M', true, KT_MINUTE_MS, 0 },
        { 'S', true, KT_SECOND_MS, 0 },
    };
    *ms = 0;
    *months = 0;
    if (text.len < 3 || text.at[0] != 'P') return false;
    bool in_time = false, any = false;
    size_t unit = 0;
    for (size_t at = 1; at < text.len;) {
        if (text.at[at] == 'T' && !in_time) {
            in_time = true;
            any = false;
            at++;
            continue;
        }
        size_t from = at;
        while (at < text.len && text.at[at] >= '0' && text.at[at] <= '9') at++;
        int64_t n = 0;
        if (at == from || at - from > 6 || at == text.len || !kt_str_int(kt_str_slice(text, from, at), &n))
            return false;
        for (; unit < sizeof units / sizeof *units; unit++)
            if (units[unit].letter == text.at[at] && units[unit].time == in_time) break;
        if (unit == sizeof units / sizeof *units) return false;
        *ms += n * units[unit].ms;
        *months += (int)n * units[unit].months;
        unit++;
        at++;
        any = true;
    }
    return any;
}
