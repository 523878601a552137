/* SPDX-License-Identifier: Apache-2.0 */
/* segment.c -- see segment.h.
 *
 * Conversion: the long segment is written beside its place, fsynced, renamed, and its directory fsynced before
 * the raw one is unlinked. A crash in between leaves the raw segment, and the next purge writes the same long
 * segment again: the name is the hour, so nothing doubles. Only unassignable text is ever in the new file. When
 * the conversion fails (disk full) the raw segment dies all the same: the limit is the promise, statistics are not.
 *
 * "Rare" is judged by the day. The first segment of a day that falls due sees all of the day's raw segments; the
 * later ones see the rest plus what was converted, where the rare is already "other", so the verdicts agree. */
#include "weblog/segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define PURGE_LEAD_MS    (WEBLOG_PURGE_EVERY_MS + 30 * KT_SECOND_MS)
#define COMBINATIONS_MAX 262144

enum kind { RAW, LONG, BARE, KINDS };
static const struct {
    const char *folder, *prefix;
    log_tier tier;
} kinds[KINDS] = {
    [RAW] = { "raw", "raw-", TIER_RAW },
    [LONG] = { "long", "long-", TIER_LONG },
    [BARE] = { "long", "bare-", TIER_LONG },
};

struct seldom {
    int64_t day_ms;
    uint64_t *keys;
    uint32_t *counts;
    size_t n, cap;
}; /* combinations of one day */

#define SEEN_MAX 256 /* more than there are hours in seven days */
struct seen {
    int64_t start, age, mono;
}; /* a raw segment: how old it was by the wall clock, and when that was */

struct segments {
    char *dir;
    segment_options o;
    int fd; /* the segment written to; the writer's */
    int64_t fd_hour;
    int64_t wall, mono; /* of the last purge */
    struct seen seen[SEEN_MAX];
    struct seldom seldom;
    pthread_mutex_t purging;
};

struct found {
    int64_t start;
    enum kind kind;
};

/* ---- names ---- */

static int64_t floor_to(int64_t ms, int64_t unit)
{
    int64_t rest = ms % unit;
    return ms - (rest < 0 ? rest + unit : rest);
}

static void path_of(const segments *s, enum kind kind, int64_t hour_ms, const char *tail, char out[512])
{
    kt_civil c = kt_civil_utc(hour_ms);
    snprintf(out, 512, "%s/%s/%s%04d%02d%02dT%02d.log%s", s->dir, kinds[kind].folder, kinds[kind].prefix, c.year,
             c.month, c.day, c.hour, tail);
}

static bool name_start(kt_str name, enum kind kind, int64_t *start)
{
    static const size_t at[4][2] = { { 0, 4 }, { 4, 6 }, { 6, 8 }, { 9, 11 } };
    int64_t n[4];
    kt_str prefix = kt_str_c(kinds[kind].prefix);

    if (!kt_str_starts(name, prefix) || !kt_str_ends(name, KT_STR(".log")) || name.len != prefix.len + 15) return false;
    name = kt_str_slice(name, prefix.len, prefix.len + 11);
    if (name.at[8] != 'T') return false;
    for (int i = 0; i < 4; i++)
        if (!kt_str_int(kt_str_slice(name, at[i][0], at[i][1]), &n[i]) || n[i] < 0) return false;
    kt_civil c = { (int)n[0], (int)n[1], (int)n[2], (int)n[3], 0, 0, 0, 0 };
    *start = kt_civil_ms(c);
    return true;
}

static int by_start(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

/* All segments of a folder, oldest first. Calls `stray` (or NULL) for other files. */
static struct found *list_folder(const segments *s, const char *folder, kt_arena *mem, size_t *n,
                                 void (*stray)(const segments *s, const char *folder, const char *name))
{
    char path[512];
    struct found *list = NULL;
    size_t cap = 0;
    struct dirent *e;

    *n = 0;
    snprintf(path, sizeof path, "%s/%s", s->dir, folder);
    DIR *d = opendir(path);
    while (d && (e = readdir(d))) {
        struct found f = { 0, KINDS };
        for (enum kind k = RAW; k < KINDS && f.kind == KINDS; k++)
            if (strcmp(kinds[k].folder, folder) == 0 && name_start(kt_str_c(e->d_name), k, &f.start)) f.kind = k;
        if (f.kind == KINDS) {
            if (stray && e->d_name[0] != '.') stray(s, folder, e->d_name);
            continue;
        }
        if (*n == cap) {
            struct found *more = kt_alloc_array(mem, cap ? cap * 2 : 256, sizeof *more);
            if (*n) memcpy(more, list, *n * sizeof *list);
            list = more;
            cap = cap ? cap * 2 : 256;
        }
        list[(*n)++] = f;
    }
    if (d) closedir(d);
    if (*n) qsort(list, *n, sizeof *list, by_start);
    return list;
}

/* ---- opening ---- */

static kt_err make_folder(const char *path, kt_fail *fail)
{
    struct stat st;
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return kt_fail_set(fail, KT_IO, NULL, "cannot make %s: %s", path, strerror(errno));
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return kt_fail_set(fail, KT_IO, NULL, "%s is not a directory", path);
    if ((st.st_mode & 0077) && chmod(path, 0700) != 0)
        return kt_fail_set(fail, KT_IO, NULL, "%s can be read by others", path);
    return KT_OK;
}

kt_err segments_open(const segment_options *o, kt_fail *fail, segments **out)
{
    char path[512];
    TRY(make_folder(o->dir, fail));
    for (enum kind k = RAW; k <= LONG; k++) {
        snprintf(path, sizeof path, "%s/%s", o->dir, kinds[k].folder);
        TRY(make_folder(path, fail));
    }
    segments *s = kt_calloc(1, sizeof *s);
    s->o = *o;
    s->dir = kt_strdup(o->dir);
    s->fd = -1;
    if (!s->o.monotonic_ms) s->o.monotonic_ms = kt_monotonic_ms;
    s->wall = kt_now_ms(o->clock);
    s->mono = s->o.monotonic_ms();
    pthread_mutex_init(&s->purging, NULL);
    *out = s;
    return KT_OK;
}

static void seldom_clear(struct seldom *t)
{
    free(t->keys);
    free(t->counts);
    memset(t, 0, sizeof *t);
}

void segments_close(segments *s)
{
    if (!s) return;
    if (s->fd >= 0) close(s->fd);
    seldom_clear(&s->seldom);
    pthread_mutex_destroy(&s->purging);
    free(s->dir);
    free(s);
}

/* ---- appending ---- */

static kt_err err_of_errno(void) { return errno == ENOSPC || errno == EDQUOT ? KT_FULL : KT_IO; }

/* A process that died in the middle of a write leaves half a line: end it, so that the next one stands alone. */
static void mend_tail(int fd)
{
    struct stat st;
    char last = '\n';
    if (fstat(fd, &st) != 0 || st.st_size == 0) return;
    if (pread(fd, &last, 1, st.st_size - 1) == 1 && last != '\n' && write(fd, "\n", 1) != 1)
        kt_log(KT_LOG_WARN, "weblog.tail_not_mended");
}

static kt_err open_segment(segments *s, int64_t hour)
{
    char path[512];
    if (s->fd >= 0 && s->fd_hour == hour) {
        struct stat st; /* destroyed meanwhile: a new file, not a nameless one */
        if (fstat(s->fd, &st) == 0 && st.st_nlink > 0) return KT_OK;
    }
    if (s->fd >= 0) close(s->fd);
    path_of(s, RAW, hour, "", path);
    s->fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->fd < 0) return err_of_errno();
    s->fd_hour = hour;
    mend_tail(s->fd);
    return KT_OK;
}

kt_err segments_append(segments *s, int64_t hour_ms, kt_str lines)
{
    int64_t hour = floor_to(hour_ms, KT_HOUR_MS);
    struct stat before;

    if (hour + s->o.keep_ms <= kt_now_ms(s->o.clock)) return KT_GONE;
    TRY(open_segment(s, hour));
    if (fstat(s->fd, &before) != 0) return KT_IO;
    ssize_t n = write(s->fd, lines.at, lines.len);
    if (n == (ssize_t)lines.len) return KT_OK;
    kt_err err = n < 0 ? err_of_errno() : KT_FULL;
    if (n > 0 && ftruncate(s->fd, before.st_size) != 0) kt_log(KT_LOG_WARN, "weblog.tail_not_mended");
    return err;
}

/* ---- reading ---- */

static kt_err read_file(const char *path, log_tier tier, int64_t from_ms, int64_t to_ms, kt_arena *mem,
                        segment_each each, void *ctx)
{
    char *text = NULL;
    size_t cap = 0, count = 0;
    ssize_t n;
    kt_err err = KT_OK;
    FILE *f = fopen(path, "re");

    if (!f) return errno == ENOENT ? KT_OK : KT_IO; /* destroyed between listing and reading */
    while (err == KT_OK && (n = getline(&text, &cap, f)) > 0) {
        weblog_line l;
        kt_str line = { text, (size_t)n };
        if (line.at[line.len - 1] == '\n') line.len--;
        if (line_parse(mem, line, &l) && l.time_ms >= from_ms && l.time_ms < to_ms) err = each(ctx, &l, tier);
        if (++count % 1024 == 0) kt_arena_reset(mem);
    }
    free(text);
    fclose(f);
    return err;
}

kt_err segments_read(segments *s, const char *purpose, log_tier tier, int64_t from_ms, int64_t to_ms, kt_fail *fail,
                     segment_each each, void *ctx)
{
    static const char *const purposes[] = { "delivery", "operation", "security" };
    bool allowed = false;
    for (size_t i = 0; i < sizeof purposes / sizeof *purposes; i++)
        allowed = allowed || strcmp(purpose, purposes[i]) == 0;
    if (!allowed)
        return kt_fail_set(
            fail, KT_REFUSED, "purpose",
            "the access log serves delivery, operation and security; it is not evaluated for anything else");

    kt_arena *list_mem = kt_arena_new(), *mem = kt_arena_new();
    int64_t now = kt_now_ms(s->o.clock), oldest = now - s->o.keep_ms;
    kt_err err = KT_OK;
    for (int raw = 0; raw <= 1 && err == KT_OK; raw++) { /* the long tier lies before the raw one in time */
        if (!(tier & (raw ? TIER_RAW : TIER_LONG))) continue;
        size_t n;
        struct found *list = list_folder(s, raw ? "raw" : "long", list_mem, &n, NULL);
        int64_t from = raw && from_ms < oldest ? oldest : from_ms;
        for (size_t i = 0; i < n && err == KT_OK; i++) {
            char path[512];
            if (list[i].start + KT_HOUR_MS <= from || list[i].start >= to_ms) continue;
            path_of(s, list[i].kind, list[i].start, "", path);
            err = read_file(path, kinds[list[i].kind].tier, from, to_ms, mem, each, ctx);
            kt_arena_reset(mem);
        }
    }
    kt_arena_free(mem);
    kt_arena_free(list_mem);
    return err;
}

int64_t segments_oldest_raw_ms(segments *s)
{
    kt_arena *mem = kt_arena_new();
    size_t n;
    struct found *list = list_folder(s, "raw", mem, &n, NULL);
    int64_t age = n ? kt_now_ms(s->o.clock) - list[0].start : 0;
    kt_arena_free(mem);
    return age < 0 ? 0 : age;
}

/* ---- how often a combination occurs on a day ---- */

static uint64_t combination(const weblog_line *l)
{
    const kt_str parts[] = { l->os, l->browser, l->route };
    uint64_t h = 1469598103934665603u;
    for (size_t p = 0; p < 3; p++) {
        for (size_t i = 0; i < parts[p].len; i++) h = (h ^ (unsigned char)parts[p].at[i]) * 1099511628211u;
        h = (h ^ 0x1F) * 1099511628211u;
    }
    return h ? h : 1;
}

static uint32_t *seldom_slot(struct seldom *t, uint64_t key)
{
    size_t i = (size_t)(key * 0x9E3779B97F4A7C15u >> 20) & (t->cap - 1);
    while (t->keys[i] && t->keys[i] != key) i = (i + 1) & (t->cap - 1);
    if (!t->keys[i] && t->n * 2 < t->cap) {
        t->keys[i] = key;
        t->n++;
    }
    return t->keys[i] ? &t->counts[i] : NULL; /* NULL: more combinations than there is room for: rare */
}

static kt_err count_combination(void *ctx, const weblog_line *l, log_tier tier)
{
    uint32_t *count = seldom_slot(ctx, combination(l));
    if (count && *count < UINT32_MAX) ++*count;
    return KT_OK;
}

static void count_day(segments *s, kt_arena *mem, int64_t hour)
{
    int64_t day = floor_to(hour, KT_DAY_MS);
    if (s->seldom.keys && s->seldom.day_ms == day) return;
    seldom_clear(&s->seldom);
    s->seldom = (struct seldom){ day, kt_calloc(COMBINATIONS_MAX, sizeof(uint64_t)),
                                 kt_calloc(COMBINATIONS_MAX, sizeof(uint32_t)), 0, COMBINATIONS_MAX };
    for (int h = 0; h < 24; h++)
        for (enum kind k = RAW; k <= LONG; k++) {
            char path[512];
            path_of(s, k, day + h * KT_HOUR_MS, "", path);
            if (read_file(path, kinds[k].tier, INT64_MIN, INT64_MAX, mem, count_combination, &s->seldom) != KT_OK)
                continue;
            kt_arena_reset(mem);
        }
}

/* ---- conversion ---- */

static void sync_folder(const segments *s, const char *folder)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", s->dir, folder);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    if (fsync(fd) != 0) kt_log(KT_LOG_WARN, "weblog.folder_not_synced");
    close(fd);
}

struct conversion {
    segments *s;
    address_cut cut;
    bool merge;
    FILE *to;
    kt_buf line;
    kt_arena *mem;
};

static kt_err convert_line(void *ctx, const weblog_line *l, log_tier tier)
{
    struct conversion *c = ctx;
    weblog_line coarse = *l;
    bool rare = false;
    if (c->merge) {
        uint32_t *count = seldom_slot(&c->s->seldom, combination(l));
        rare = !count || *count < WEBLOG_RARE_BELOW;
    }
    line_coarsen(&coarse, c->cut, rare);
    kt_buf_clear(&c->line);
    line_put(c->mem, &c->line, &coarse, LINE_JSONL, false);
    kt_arena_reset(c->mem);
    return fwrite(c->line.at, 1, c->line.len, c->to) == c->line.len ? KT_OK : err_of_errno();
}

static FILE *create(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (!f && fd >= 0) close(fd);
    return f;
}

static kt_err finish(segments *s, FILE *f, const char *from, const char *to, kt_err err)
{
    if (fflush(f) != 0 || fsync(fileno(f)) != 0) err = err == KT_OK ? err_of_errno() : err;
    if (fclose(f) != 0 && err == KT_OK) err = err_of_errno();
    if (err == KT_OK && rename(from, to) != 0) err = KT_IO;
    if (err != KT_OK) unlink(from);
    sync_folder(s, "long");
    return err;
}

static kt_err convert(segments *s, kt_arena *mem, struct found f, enum kind to_kind)
{
    char from[512], made[512], to[512];
    struct conversion c = { s, to_kind == BARE ? CUT_drop : s->o.cut, f.kind == RAW, NULL, { 0 }, NULL };

    path_of(s, f.kind, f.start, "", from);
    path_of(s, to_kind, f.start, ".new", made);
    path_of(s, to_kind, f.start, "", to);
    if (c.merge) count_day(s, mem, f.start);
    c.to = create(made);
    if (!c.to) return err_of_errno();
    c.mem = kt_arena_new();
    kt_buf_init(&c.line, WEBLOG_LINE_MAX);
    kt_err err = read_file(from, kinds[f.kind].tier, INT64_MIN, INT64_MAX, mem, convert_line, &c);
    kt_buf_free(&c.line);
    kt_arena_free(c.mem);
    return finish(s, c.to, made, to, err);
}

kt_err segments_put_long(segments *s, int64_t hour_ms, kt_str lines)
{
    char made[512], to[512];
    int64_t hour = floor_to(hour_ms, KT_HOUR_MS);
    path_of(s, LONG, hour, ".new", made);
    path_of(s, LONG, hour, "", to);
    FILE *f = create(made);
    if (!f) return err_of_errno();
    kt_err err = fwrite(lines.at, 1, lines.len, f) == lines.len ? KT_OK : err_of_errno();
    return finish(s, f, made, to, err);
}

/* ---- purging ---- */

static void look_at_clocks(segments *s)
{
    int64_t wall = kt_now_ms(s->o.clock), mono = s->o.monotonic_ms(), jump = wall - s->wall - (mono - s->mono);
    if (jump > KT_HOUR_MS || jump < -KT_HOUR_MS)
        kt_log(KT_LOG_WARN, "weblog.clock_jump", KT_NUMBER("seconds", jump / 1000));
    s->wall = wall;
    s->mono = mono;
}

/* The larger of both ages. Remembers the segment at its hour's place; another start there is another week's. */
static int64_t age_of(segments *s, int64_t start)
{
    struct seen *seen = &s->seen[(size_t)(start / KT_HOUR_MS) % SEEN_MAX];
    int64_t age = s->wall - start;
    if (seen->start != start) *seen = (struct seen){ start, age, s->mono };
    int64_t lived = seen->age + (s->mono - seen->mono);
    return age > lived ? age : lived;
}

static bool destroy(const segments *s, struct found f)
{
    char path[512];
    path_of(s, f.kind, f.start, "", path);
    if (unlink(path) == 0 || errno == ENOENT) return true;
    kt_log(KT_LOG_ERROR, "weblog.segment_not_destroyed", KT_NUMBER("errno", errno));
    return false;
}

/* Files that are no segments: conversions that did not finish, copies somebody made beside them. Their names
 * say nothing, so their age is that of their last change. */
static void purge_stray(const segments *s, const char *folder, const char *name)
{
    char path[1024];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s/%s", s->dir, folder, name);
    if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode)) return;
    bool unfinished = kt_str_ends(kt_str_c(name), KT_STR(".new"));
    bool old = (int64_t)st.st_mtim.tv_sec * 1000 + s->o.keep_ms - PURGE_LEAD_MS <= s->wall;
    if ((unfinished || old) && unlink(path) == 0)
        kt_log(KT_LOG_WARN, "weblog.stray_file_destroyed", KT_WORD("folder", folder));
}

static kt_err purge_raw(segments *s, kt_arena *mem, kt_arena *scratch, unsigned *destroyed)
{
    size_t n;
    kt_err err = KT_OK;
    struct found *list = list_folder(s, "raw", mem, &n, purge_stray);
    for (size_t i = 0; i < n; i++) {
        if (age_of(s, list[i].start) + PURGE_LEAD_MS < s->o.keep_ms) continue;
        if (s->o.long_keep_ms > 0 && list[i].start + s->o.long_keep_ms > s->wall) {
            kt_err converted = convert(s, scratch, list[i], LONG);
            if (converted != KT_OK)
                kt_log(KT_LOG_ERROR, "weblog.not_converted", KT_WORD("reason", kt_err_name(converted)));
        }
        if (destroy(s, list[i]))
            ++*destroyed;
        else
            err = KT_IO;
    }
    if (*destroyed) sync_folder(s, "raw");
    return err;
}

static kt_err purge_long(segments *s, kt_arena *mem, kt_arena *scratch, unsigned *destroyed)
{
    size_t n;
    kt_err err = KT_OK;
    struct found *list = list_folder(s, "long", mem, &n, purge_stray);
    for (size_t i = 0; i < n; i++) {
        bool over = list[i].start + s->o.long_keep_ms <= s->wall + PURGE_LEAD_MS;
        bool bare = list[i].kind == LONG && list[i].start + WEBLOG_BARE_AFTER_MS <= s->wall + PURGE_LEAD_MS;
        if (!over && bare && convert(s, scratch, list[i], BARE) != KT_OK) kt_log(KT_LOG_ERROR, "weblog.not_converted");
        if (!over && !bare) continue;
        if (destroy(s, list[i]))
            ++*destroyed;
        else
            err = KT_IO;
    }
    return err;
}

kt_err segments_purge(segments *s, kt_arena *mem, unsigned *destroyed)
{
    unsigned n = 0;
    kt_arena *scratch = kt_arena_new();
    pthread_mutex_lock(&s->purging);
    look_at_clocks(s);
    kt_err err = purge_raw(s, mem, scratch, &n);
    kt_err then = purge_long(s, mem, scratch, &n);
    pthread_mutex_unlock(&s->purging);
    kt_arena_free(scratch);
    if (n) kt_log(KT_LOG_INFO, "weblog.purged", KT_NUMBER("segments", n));
    if (destroyed) *destroyed = n;
    return err == KT_OK ? then : err;
}
