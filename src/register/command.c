/* SPDX-License-Identifier: Apache-2.0 */
/* command.c -- the register's two commands, in words and as JSON. */
#include "register/command.h"
#include "register/retention.h"

static void print_json(const kt_value *v, FILE *out)
{
    kt_buf text;
    kt_buf_init(&text, 16 << 20);
    kt_json_put_pretty(&text, v);
    fprintf(out, "%.*s\n", KT_ARG(kt_buf_str(&text)));
    kt_buf_free(&text);
}

static void print_lines(const kt_value *list, const char *before, FILE *out)
{
    KT_EACH(item, list) fprintf(out, "%s%.*s\n", before, KT_ARG(kt_as_str(item)));
}

static const char *plural(size_t n) { return n == 1 ? "" : "s"; }

int command_check(const registry *r, const module *const *modules, store *st, bool json, FILE *out)
{
    kt_arena *mem = kt_arena_new();
    kt_value *faults = kt_list(mem), *warnings = kt_list(mem);
    const activity *const *activities;
    const cookie_entry *const *cookies;
    size_t n_activities = registry_activities(r, &activities), n_cookies = registry_cookies(r, &cookies);
    kt_err err = check_register(r, modules, st, mem, faults, warnings);
    if (err != KT_OK && err != KT_REFUSED) kt_add_str(mem, faults, kt_str_fmt(mem, "the store: %s", kt_err_text(err)));
    if (json) {
        kt_value *all = kt_map(mem);
        kt_set_bool(mem, all, "ok", err == KT_OK);
        kt_set(mem, all, "faults", faults);
        kt_set(mem, all, "warnings", warnings);
        kt_set_int(mem, all, "activities", (int64_t)n_activities);
        kt_set_int(mem, all, "cookies", (int64_t)n_cookies);
        kt_set_str(mem, all, "hash", registry_hash(r));
        print_json(all, out);
    } else {
        print_lines(faults, "", out);
        print_lines(warnings, "warning: ", out);
        fprintf(out, "%s: %zu activities, %zu cookies, %zu fault%s, %zu warning%s\n",
                err == KT_OK ? "The register and the program agree" : "Refused", n_activities, n_cookies, faults->count,
                plural(faults->count), warnings->count, plural(warnings->count));
    }
    kt_arena_free(mem);
    return err == KT_OK ? 0 : 1;
}

static void print_due(const kt_value *due, kt_arena *mem, bool dry_run, FILE *out)
{
    int64_t all = 0;
    KT_EACH(row, due) {
        int64_t n = kt_get_int(row, "due", 0), oldest = kt_get_int(row, "oldest_ms", 0);
        all += n;
        fprintf(out, "%10lld  %.*s/%.*s  %.*s from %.*s%s%.*s\n", (long long)n, KT_ARG(kt_get_str(row, "activity")),
                KT_ARG(kt_get_str(row, "rule")), KT_ARG(kt_get_str(row, "then")), KT_ARG(kt_get_str(row, "table")),
                oldest ? ", oldest " : "", KT_ARG(oldest ? kt_time_rfc3339(mem, oldest) : KT_STR("")));
    }
    if (dry_run) fprintf(out, "%10lld  rows are due; nothing was done\n", (long long)all);
}

int command_retention(const registry *r, store *st, int64_t now_ms, bool dry_run, bool json, FILE *out)
{
    kt_arena *mem = kt_arena_new();
    kt_value *due = NULL;
    int64_t removed = 0;
    kt_err err = retention_due(r, st, mem, now_ms, &due);
    if (err == KT_OK && !dry_run) err = retention_run(r, st, mem, now_ms, &removed);
    if (json) {
        kt_value *all = kt_map(mem);
        kt_set_bool(mem, all, "ok", err == KT_OK);
        kt_set_bool(mem, all, "dry_run", dry_run);
        kt_set_str(mem, all, "now", kt_time_rfc3339(mem, now_ms));
        kt_set(mem, all, "due", due ? due : kt_list(mem));
        kt_set_int(mem, all, "removed", removed);
        print_json(all, out);
    } else {
        print_due(due, mem, dry_run, out);
        if (!dry_run) fprintf(out, "%10lld  rows were erased or stripped\n", (long long)removed);
        if (err != KT_OK) fprintf(out, "A rule failed: %s\n", kt_err_text(err));
    }
    kt_arena_free(mem);
    return err == KT_OK ? 0 : 1;
}
