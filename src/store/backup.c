/* SPDX-License-Identifier: Apache-2.0 */
/* backup.c -- verified copies, and what a copy must be before it becomes the store again.
 *
 * A copy is written beside its name, read through from end to end, made durable and only then renamed:
 * a file with the right name is a good one. Restoring never writes over a store. */
#include "store/room.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BYTES 262144

static kt_err sync_dir_of(kt_arena *mem, const char *path, kt_fail *fail)
{
    const char *slash = strrchr(path, '/');
    const char *dir = !slash ? "." : slash == path ? "/" : kt_str_z(mem, (kt_str){ path, (size_t)(slash - path) });
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) close(fd);
    return ok ? KT_OK : kt_fail_set(fail, KT_IO, "", "%s cannot be synced: %s", dir, strerrordesc_np(errno));
}

/* DIR/kontor.db when `to` is a folder, else `to`. */
static char *target(kt_arena *mem, const char *to)
{
    struct stat s;
    bool folder = stat(to, &s) == 0 && S_ISDIR(s.st_mode);
    return kt_str_z(mem, folder ? kt_str_fmt(mem, "%s/kontor.db", to) : kt_str_c(to));
}

static char *beside(kt_arena *mem, const char *path, const char *ending)
{
    return kt_str_z(mem, kt_str_fmt(mem, "%s%s", path, ending));
}

kt_err store_backup(store *st, const char *to, kt_fail *fail)
{
    kt_arena *mem = kt_arena_new();
    const char *path = target(mem, to);
    const char *part = beside(mem, path, ".part");
    kt_err err = KT_OK;
    store_copy_facts facts;
    if (access(path, F_OK) == 0) {
        err = kt_fail_set(fail, KT_CONFLICT, "", "%s exists already", path);
        goto out;
    }
    unlink(part); /* what an interrupted copy left */
    int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        err = kt_fail_set(fail, KT_IO, "", "%s cannot be written: %s", part, strerrordesc_np(errno));
        goto out;
    }
    close(fd); /* empty: the copy keeps its mode */
    if ((err = st->engine->copy(st->home, part, fail)) != KT_OK) goto out;
    if ((err = store_restore_check(part, &facts, fail)) != KT_OK) goto out;
    if (rename(part, path) != 0) {
        err = kt_fail_set(fail, KT_IO, "", "%s cannot be renamed: %s", part, strerrordesc_np(errno));
        goto out;
    }
    err = sync_dir_of(mem, path, fail);
out:
    if (err != KT_OK && err != KT_CONFLICT) unlink(part);
    kt_arena_free(mem);
    return store_count_error(st, err);
}

kt_err store_restore_check(const char *from, store_copy_facts *out, kt_fail *fail)
{
    return engine_sqlite.inspect(from, out, fail);
}

/* --- putting it back --------------------------------------------------------------------------- */

static kt_err copy_bytes(const char *from, const char *to, kt_fail *fail)
{
    char *chunk = kt_malloc(COPY_BYTES);
    int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t n = -1;
    bool ok = in >= 0 && out >= 0;
    while (ok && (n = read(in, chunk, COPY_BYTES)) > 0)
        for (ssize_t at = 0, put = 0; ok && at < n; at += put) {
            put = write(out, chunk + at, (size_t)(n - at));
            ok = put > 0;
        }
    ok = ok && n == 0 && fsync(out) == 0;
    int why = errno;
    if (in >= 0) close(in);
    if (out >= 0) close(out);
    free(chunk);
    if (ok) return KT_OK;
    return kt_fail_set(fail, why == ENOSPC ? KT_FULL : KT_IO, "", "%s cannot be copied to %s: %s", from, to,
                       strerrordesc_np(why));
}

kt_err store_restore(const char *from, const char *dir, kt_fail *fail)
{
    kt_arena *mem = kt_arena_new();
    const char *path = beside(mem, dir, "/kontor.db");
    const char *part = beside(mem, path, ".part");
    const char *log = beside(mem, path, "-wal");
    store_copy_facts facts;
    kt_err err = store_restore_check(from, &facts, fail);
    if (err != KT_OK) goto out;
    if (access(path, F_OK) == 0 || access(log, F_OK) == 0) {
        err = kt_fail_set(fail, KT_CONFLICT, "", "%s holds a store already: move it away first", dir);
        goto out;
    }
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        err = kt_fail_set(fail, KT_IO, "", "%s cannot be made: %s", dir, strerrordesc_np(errno));
        goto out;
    }
    if ((err = copy_bytes(from, part, fail)) != KT_OK) goto out;
    if ((err = store_restore_check(part, &facts, fail)) != KT_OK) goto out;
    if (rename(part, path) != 0) {
        err = kt_fail_set(fail, KT_IO, "", "%s cannot be renamed: %s", part, strerrordesc_np(errno));
        goto out;
    }
    err = sync_dir_of(mem, path, fail);
out:
    if (err != KT_OK) unlink(part);
    kt_arena_free(mem);
    return err;
}
