/* SPDX-License-Identifier: Apache-2.0 */
/* command.c -- `kontor log …`: last lines, counts, and copies that hold no whole address.
 *
 * tail, stat and export read the program's own log; report and anonymise read a log in the combined form, of any
 * web server, from a file or standard input, and store nothing. A copy with whole addresses is only made when it
 * is asked for by name, and then the day on which it has to be destroyed is said. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "weblog/user_agent.h"
#include "weblog/weblog.h"

typedef struct {
    weblog *w;
    kt_arena *mem;
    int64_t lines, days;
    bool follow, json;
    line_form as;
    bool plain; /* tail: for reading */
    log_tier tier;
    bool whole; /* export: addresses uncut */
    address_cut cut;
    const char *purpose;
    const char *file; /* report, anonymise: NULL or "-" = standard input */
    kt_fail fail;
} log_call;

/* ---- words of the options ---- */

static bool set_form(log_call *c, kt_str word)
{
    static const struct {
        const char *word;
        line_form as;
    } known[] = { { "jsonl", LINE_JSONL }, { "combined", LINE_COMBINED }, { "goaccess", LINE_GOACCESS } };
    for (size_t i = 0; i < 3; i++)
        if (kt_str_is(word, known[i].word)) {
            c->as = known[i].as;
            c->plain = false;
            return true;
        }
    return false;
}

static bool set_tier(log_call *c, kt_str word)
{
    c->tier = kt_str_is(word, "raw") ? TIER_RAW : kt_str_is(word, "long") ? TIER_LONG : TIER_BOTH;
    return c->tier != TIER_BOTH || kt_str_is(word, "both");
}

static bool set_addresses(log_call *c, kt_str word)
{
    c->whole = kt_str_is(word, "whole");
    return c->whole || address_cut_named(word, &c->cut);
}

static bool set_number(int64_t *to, kt_str word, int64_t most)
{
    return kt_str_int(word, to) && *to >= 1 && *to <= most;
}

static bool read_options(log_call *c, int argc, char **argv)
{
    static const struct option longs[] = { { "lines", required_argument, NULL, 'n' },
                                           { "follow", no_argument, NULL, 'f' },
                                           { "json", no_argument, NULL, 'j' },
                                           { "days", required_argument, NULL, 'd' },
                                           { "tier", required_argument, NULL, 't' },
                                           { "form", required_argument, NULL, 'o' },
                                           { "addresses", required_argument, NULL, 'a' },
                                           { "purpose", required_argument, NULL, 'p' },
                                           { NULL, 0, NULL, 0 } };
    int o;
    optind = 0; /* the program may have parsed its own options with it before */
    opterr = 0;
    while ((o = getopt_long(argc, argv, "n:fjd:t:o:a:p:", longs, NULL)) != -1) {
        kt_str word = kt_str_c(optarg);
        bool fine = true;
        if (o == 'n')
            fine = set_number(&c->lines, word, 1000000);
        else if (o == 'f')
            c->follow = true;
        else if (o == 'j')
            c->json = true;
        else if (o == 'd')
            fine = set_number(&c->days, word, 4000);
        else if (o == 't')
            fine = set_tier(c, word);
        else if (o == 'o')
            fine = set_form(c, word);
        else if (o == 'a')
            fine = set_addresses(c, word);
        else if (o == 'p')
            c->purpose = optarg;
        else
            fine = false;
        if (!fine) {
            fprintf(stderr, "kontor log: %s%s is not understood\n", argv[optind > 1 ? optind - 1 : 1],
                    o == '?' ? "" : " (its value)");
            return false;
        }
    }
    if (optind < argc) c->file = argv[optind++];
    return optind >= argc;
}

static int say_fault(const log_call *c, kt_err err)
{
    fprintf(stderr, "kontor log: %s\n", c->fail.text[0] ? c->fail.text : kt_err_text(err));
    return 1;
}

static bool put_out(const kt_buf *b) { return fwrite(b->at, 1, b->len, stdout) == b->len; }

/* ---- tail ---- */

static void put_named(kt_buf *out, const char *before, kt_str name, kt_str version)
{
    if (name.len == 0) return;
    kt_buf_put_c(out, before);
    kt_buf_put(out, name);
    if (version.len) kt_buf_put_byte(out, ' ');
    kt_buf_put(out, version);
}

static void put_plain(kt_arena *mem, kt_buf *out, const weblog_line *l)
{
    kt_civil t = kt_civil_utc(l->time_ms);
    kt_str none = KT_STR("-"), ip = l->ip.known ? http_addr_text(mem, &l->ip) : none;
    kt_buf_put_fmt(out, "%04d-%02d-%02d %02d:%02d:%02d  %-15.*s  %3d  %-6.*s %-34.*s %9.1f ms", t.year, t.month, t.day,
                   t.hour, t.minute, t.second, KT_ARG(ip), l->status, KT_ARG(l->method.len ? l->method : none),
                   KT_ARG(l->route.len ? l->route : none), (double)l->dur_us / 1000.0);
    put_named(out, "  ", l->browser, l->browser_v);
    put_named(out, ", ", l->os, l->os_v);
    kt_buf_put_c(out, l->bot ? " (bot)\n" : "\n");
}

struct tail {
    const log_call *call;
    kt_arena *mem;
    kt_str *ring;
    int64_t n, count, newest;
};

static kt_err tail_line(void *ctx, const weblog_line *l, log_tier tier)
{
    struct tail *t = ctx;
    kt_buf out;
    kt_buf_init(&out, 2 * WEBLOG_LINE_MAX);
    if (t->call->plain)
        put_plain(t->call->mem, &out, l);
    else
        line_put(t->call->mem, &out, l, t->call->as, false);
    if (l->time_ms > t->newest) t->newest = l->time_ms;
    if (t->ring) {
        free((void *)(uintptr_t)t->ring[t->count % t->n].at);
        t->ring[t->count++ % t->n] = (kt_str){ out.at, out.len }; /* the ring owns it now */
        return KT_OK;
    }
    put_out(&out);
    kt_buf_free(&out);
    return KT_OK;
}

static kt_err tail_last(log_call *c, struct tail *t)
{
    int64_t now = kt_now_ms(c->w->house->clock), span = KT_HOUR_MS;
    kt_err err = KT_OK;
    t->n = c->lines;
    t->ring = kt_calloc((size_t)t->n, sizeof *t->ring);
    for (; err == KT_OK && span <= 8 * KT_DAY_MS; span *= 4) { /* as far back as it takes */
        t->count = 0;
        err = segments_read(c->w->segments, c->purpose, TIER_RAW, now - span, INT64_MAX, &c->fail, tail_line, t);
        if (t->count >= t->n) break;
    }
    int64_t from = t->count > t->n ? t->count - t->n : 0;
    for (int64_t i = from; i < t->count; i++) {
        kt_str s = t->ring[i % t->n];
        fwrite(s.at, 1, s.len, stdout);
    }
    for (int64_t i = 0; i < t->n; i++) free((void *)(uintptr_t)t->ring[i].at);
    free(t->ring);
    t->ring = NULL;
    fflush(stdout);
    return err;
}

/* New bytes of the hour's file. Started at its end, so that nothing is said twice. */
static void follow(log_call *c, struct tail *t)
{
    char path[512], *text = NULL;
    size_t cap = 0;
    int64_t hour = -1;
    FILE *f = NULL;

    for (;;) {
        int64_t now = kt_now_ms(c->w->house->clock), this_hour = now - now % KT_HOUR_MS;
        if (this_hour != hour || !f) {
            kt_civil u = kt_civil_utc(this_hour);
            if (f) fclose(f);
            snprintf(path, sizeof path, "%s/weblog/raw/raw-%04d%02d%02dT%02d.log", c->w->house->data_dir, u.year,
                     u.month, u.day, u.hour);
            f = fopen(path, "re");
            if (f && hour < 0) fseek(f, 0, SEEK_END);
            if (f || hour < 0) hour = this_hour;
        }
        long before = f ? ftell(f) : 0;
        ssize_t n;
        while (f && (n = getline(&text, &cap, f)) > 0) {
            weblog_line l;
            if (text[n - 1] != '\n') { /* half a line: again later */
                fseek(f, before, SEEK_SET);
                break;
            }
            before = ftell(f);
            if (line_parse(c->mem, (kt_str){ text, (size_t)n - 1 }, &l)) tail_line(t, &l, TIER_RAW);
            kt_arena_reset(c->mem);
        }
        if (f) clearerr(f);
        if (fflush(stdout) != 0) break;
        nanosleep(&(struct timespec){ 0, 400000000 }, NULL);
    }
    if (f) fclose(f);
    free(text);
}

static int run_tail(log_call *c)
{
    struct tail t = { c, c->mem, NULL, 0, 0, 0 };
    kt_err err = tail_last(c, &t);
    if (err != KT_OK) return say_fault(c, err);
    if (c->follow) follow(c, &t);
    return 0;
}

/* ---- stat and report ---- */

static void put_table(const counts *c, count_table t, size_t most)
{
    printf("\n%s\n", count_table_name(t));
    for (size_t i = 0; i < c->tables[t].n && i < most; i++) {
        const tally *row = &c->tables[t].at[i];
        printf("  %-40.*s %10llu  %5.1f %%  %9.1f ms\n", KT_ARG(row->name), (unsigned long long)row->n,
               100.0 * (double)row->n / (double)(c->requests ? c->requests : 1),
               (double)row->us / (double)row->n / 1000.0);
    }
    if (c->tables[t].n > most) printf("  … %zu more\n", c->tables[t].n - most);
}

static int put_counts(log_call *c, counts *sum)
{
    static const struct {
        count_table table;
        count_order order;
        size_t most;
    } shown[] = { { COUNT_day, BY_NAME, 4000 },
                  { COUNT_status, BY_NAME, 100 },
                  { COUNT_route, BY_COUNT, 30 },
                  { COUNT_os, BY_COUNT, 20 },
                  { COUNT_browser, BY_COUNT, 20 } };

    for (count_table t = 0; t < COUNT_TABLE_COUNT; t++)
        counts_sort(sum, t, t == COUNT_hour || t == COUNT_day ? BY_NAME : BY_COUNT);
    if (c->json) {
        kt_buf out;
        kt_buf_init(&out, (size_t)16 << 20);
        kt_json_put_pretty(&out, counts_value(sum, c->mem));
        kt_buf_put_byte(&out, '\n');
        put_out(&out);
        kt_buf_free(&out);
        return 0;
    }
    printf("%llu requests, %llu bytes, %llu by bots\n", (unsigned long long)sum->requests,
           (unsigned long long)sum->bytes, (unsigned long long)sum->bots);
    printf("(name, requests, share, mean duration)\n");
    for (size_t i = 0; sum->requests && i < sizeof shown / sizeof *shown; i++) {
        counts_sort(sum, shown[i].table, shown[i].order);
        put_table(sum, shown[i].table, shown[i].most);
    }
    return 0;
}

static kt_err stat_line(void *ctx, const weblog_line *l, log_tier tier)
{
    counts_add(ctx, l);
    return KT_OK;
}

static int run_stat(log_call *c)
{
    counts *sum = counts_new();
    int64_t from = c->days ? kt_now_ms(c->w->house->clock) - c->days * KT_DAY_MS : INT64_MIN;
    kt_err err = segments_read(c->w->segments, c->purpose, c->tier, from, INT64_MAX, &c->fail, stat_line, sum);
    int status = err == KT_OK ? put_counts(c, sum) : say_fault(c, err);
    counts_free(sum);
    return status;
}

/* ---- export ---- */

static kt_err export_line(void *ctx, const weblog_line *l, log_tier tier)
{
    const log_call *c = ctx;
    weblog_line copy = *l;
    kt_buf out;
    if (tier == TIER_RAW && !c->whole) line_coarsen(&copy, c->cut, false);
    kt_buf_init(&out, 2 * WEBLOG_LINE_MAX);
    line_put(c->mem, &out, &copy, c->as, false);
    bool written = put_out(&out);
    kt_buf_free(&out);
    kt_arena_reset(c->mem);
    return written ? KT_OK : KT_IO;
}

static int run_export(log_call *c)
{
    int64_t now = kt_now_ms(c->w->house->clock), from = c->days ? now - c->days * KT_DAY_MS : INT64_MIN;
    kt_err err = segments_read(c->w->segments, c->purpose, c->tier, from, INT64_MAX, &c->fail, export_line, c);
    if (err != KT_OK || fflush(stdout) != 0) return say_fault(c, err == KT_OK ? KT_IO : err);
    if (c->whole) {
        int64_t oldest = segments_oldest_raw_ms(c->w->segments);
        kt_str day = kt_time_day(c->mem, now - oldest + c->w->settings.keep_ms);
        fprintf(
            stderr,
            "kontor log: this copy holds whole addresses and has the deadline of its source: destroy it from %.*s on, record by record\n",
            KT_ARG(day));
    }
    return 0;
}

/* ---- logs of other programs ---- */

/* Reduces a foreign record to what ours hold: path without query, no referrer, system and browser. */
static void reduce(ua_parser *agents, foreign_line *f, ua_words *seen)
{
    size_t query = kt_str_find_byte(f->target, '?', 0);
    f->line.route = query == KT_NOT_FOUND_AT ? f->target : kt_str_slice(f->target, 0, query);
    memset(seen, 0, sizeof *seen);
    if (!agents || f->user_agent.len == 0) return;
    ua_describe(agents, f->user_agent, KT_STR_NONE, KT_STR_NONE, seen);
    f->line.os = kt_str_c(seen->os);
    f->line.os_v = kt_str_c(seen->os_v);
    f->line.browser = kt_str_c(seen->browser);
    f->line.browser_v = kt_str_c(seen->browser_v);
    f->line.bot = seen->bot;
}

static int read_foreign(log_call *c, void (*each)(log_call *c, void *ctx, weblog_line *l), void *ctx)
{
    FILE *f = !c->file || strcmp(c->file, "-") == 0 ? stdin : fopen(c->file, "re");
    char *text = NULL;
    size_t cap = 0, not_read = 0;
    ssize_t n;
    ua_parser *agents = NULL;
    kt_str expressions = ua_embedded();

    if (!f) {
        fprintf(stderr, "kontor log: cannot read %s: %s\n", c->file, strerror(errno));
        return 1;
    }
    if (expressions.len && ua_parser_new(expressions, &c->fail, &agents) != KT_OK) agents = NULL;
    while ((n = getline(&text, &cap, f)) > 0) {
        foreign_line line;
        ua_words seen;
        if (line_parse_combined(c->mem, kt_str_trim((kt_str){ text, (size_t)n }), &line)) {
            reduce(agents, &line, &seen);
            each(c, ctx, &line.line);
        } else {
            not_read++;
        }
        kt_arena_reset(c->mem);
    }
    if (not_read) fprintf(stderr, "kontor log: %zu lines are not in the combined form and were left out\n", not_read);
    ua_parser_free(agents);
    free(text);
    if (f != stdin) fclose(f);
    return 0;
}

static void report_line(log_call *c, void *ctx, weblog_line *l) { counts_add(ctx, l); }

static int run_report(log_call *c)
{
    counts *sum = counts_new();
    int status = read_foreign(c, report_line, sum);
    if (status == 0) status = put_counts(c, sum);
    counts_free(sum);
    return status;
}

static void anonymise_line(log_call *c, void *ctx, weblog_line *l)
{
    kt_buf out;
    kt_buf_init(&out, 4 * WEBLOG_LINE_MAX);
    line_coarsen(l, c->cut, false);
    line_put(c->mem, &out, l, c->as, false);
    put_out(&out);
    kt_buf_free(&out);
}

static int run_anonymise(log_call *c) { return read_foreign(c, anonymise_line, NULL); }

/* ---- the table ---- */

static const struct {
    const char *name;
    bool own, file;
    int (*run)(log_call *c);
    const char *usage;
} verbs[] = {
    { "tail", true, false, run_tail, "tail [-n LINES] [-f] [--form jsonl|combined|goaccess]" },
    { "stat", true, false, run_stat, "stat [--days N] [--tier raw|long|both] [--json]" },
    { "export", true, false, run_export,
      "export [--form combined|jsonl|goaccess] [--tier raw|long|both] [--days N] [--addresses standard|strong|drop|whole]" },
    { "report", false, true, run_report, "report [--json] [FILE]          counts of a log in the combined form" },
    { "anonymise", false, true, run_anonymise, "anonymise [--addresses standard|strong|drop] [--form …] [FILE]" },
};

static int usage(void)
{
    fprintf(stderr, "usage:\n");
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) fprintf(stderr, "  kontor log %s\n", verbs[i].usage);
    return 2;
}

int weblog_command(house *h, void *room, int argc, char **argv)
{
    log_call c = { .w = room,
                   .lines = 20,
                   .as = LINE_COMBINED,
                   .plain = true,
                   .tier = TIER_BOTH,
                   .cut = CUT_standard,
                   .purpose = "operation" };
    if (argc > 0 && strcmp(argv[0], "log") == 0) {
        argc--;
        argv++;
    }
    for (size_t i = 0; argc > 0 && i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(argv[0], verbs[i].name) != 0) continue;
        if (!read_options(&c, argc, argv) || (c.file && !verbs[i].file)) return usage();
        if (verbs[i].own && (!c.w || !c.w->segments)) {
            fprintf(stderr, "kontor log: there is no data directory\n");
            return 1;
        }
        if (!verbs[i].own && c.whole) {
            fprintf(stderr, "kontor log: anonymise does not write whole addresses\n");
            return 2;
        }
        c.mem = kt_arena_new();
        int status = verbs[i].run(&c);
        kt_arena_free(c.mem);
        return fflush(stdout) == 0 ? status : 1;
    }
    return usage();
}
