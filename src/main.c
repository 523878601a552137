/* SPDX-License-Identifier: Apache-2.0 */
/* main.c -- the command line. Exit status: 0 done, 1 refused with a reason, 2 wrong usage.
 *
 * The common options are one table; the commands of the program are another, and each module adds its
 * own (`kontor log`, `kontor user`, …). Options may stand anywhere; what is left goes to the command. */
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/log.h"
#include "platform.h"
#include "register/command.h"
#include "register/notice.h"

typedef struct {
    platform_options platform;
    const char *lang, *format;
    bool demo, json, dry_run;
    const char *now;
    int argc; /* what is left: the command's own words */
    char **argv;
} line;

/* ---- common options ---- */

typedef struct {
    const char *name, *word, *help;
} option;
static const option options[] = {
    { "--data", "DIR", "the data directory (default: $KONTOR_DATA, else ./data)" },
    { "--config", "FILE", "the operator's kontor.yaml (default: DIR/kontor.yaml)" },
    { "--listen", "ADDRESS:PORT", "where serve listens (default 127.0.0.1:8080)" },
    { "--test-clock", "FILE", "take the time from a file (Unix milliseconds); loopback only" },
    { "--mail-drop", "DIR", "write mails to files instead of sending them; loopback only" },
    { "--lang", "de|en", "language of what is printed (notice)" },
    { "--format", "FORMAT", "text, html, json or csv" },
    { "--now", "TIME", "judge due dates as of this time (RFC 3339)" },
    { "--demo", NULL, "fill demo data (init)" },
    { "--dry-run", NULL, "say what would be done and do nothing" },
    { "--json", NULL, "print JSON for another program" },
    { NULL, NULL, NULL }
};

static bool set_option(line *l, const char *name, const char *word)
{
    struct {
        const char *name;
        const char **at;
    } worded[] = {
        { "--data", &l->platform.data_dir },
        { "--config", &l->platform.config_file },
        { "--listen", &l->platform.listen },
        { "--test-clock", &l->platform.test_clock },
        { "--mail-drop", &l->platform.mail_drop },
        { "--lang", &l->lang },
        { "--format", &l->format },
        { "--now", &l->now },
    };
    struct {
        const char *name;
        bool *at;
    } flags[] = {
        { "--demo", &l->demo },
        { "--json", &l->json },
        { "--dry-run", &l->dry_run },
    };
    for (size_t i = 0; word && i < sizeof worded / sizeof *worded; i++)
        if (strcmp(worded[i].name, name) == 0) return *worded[i].at = word, true;
    for (size_t i = 0; !word && i < sizeof flags / sizeof *flags; i++)
        if (strcmp(flags[i].name, name) == 0) return *flags[i].at = true, true;
    return false;
}

static int KT_PRINTF(1, 2) usage(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fputs("kontor: ", stderr);
    vfprintf(stderr, fmt, args);
    fputs("\nTry `kontor help`.\n", stderr);
    va_end(args);
    return 2;
}

/* Takes the common options out of argv; unknown ones stay for the command. 0, or 2 after saying why. */
static int read_options(int argc, char **argv, line *l)
{
    l->argv = kt_calloc((size_t)argc + 2, sizeof *l->argv);
    for (int i = 0; i < argc; i++) {
        const option *o = options;
        while (o->name && strcmp(o->name, argv[i]) != 0) o++;
        if (!o->name) {
            l->argv[l->argc++] = argv[i];
            continue;
        }
        if (o->word && i + 1 == argc) return usage("%s needs a word after it", o->name);
        if (!set_option(l, o->name, o->word ? argv[++i] : NULL)) return usage("%s cannot be used", o->name);
    }
    return 0;
}

/* ---- help ---- */

typedef struct {
    const char *name, *usage, *help;
    int (*run)(line *l);
} program_command;
static const program_command commands[];

static void print_command(bool whole, const char *name, const char *use, const char *help)
{
    if (whole)
        printf("kontor %s %s\n\n%s\n", name, use, help);
    else
        printf("  %-10s %-34s %s\n", name, use, help);
}

static int run_help(line *l)
{
    const char *wanted = l->argc ? l->argv[0] : NULL;
    bool found = !wanted;
    if (!wanted) puts("kontor: the platform of a software company, with a register it keeps to.\n\nCommands:");
    for (const program_command *c = commands; c->name; c++) {
        if (wanted && strcmp(wanted, c->name) != 0) continue;
        print_command(wanted, c->name, c->usage, c->help);
        found = true;
    }
    for (size_t i = 0; platform_modules[i]; i++)
        for (const command *c = platform_modules[i]->commands; c && c->name; c++) {
            if (wanted && strcmp(wanted, c->name) != 0) continue;
            print_command(wanted, c->name, c->usage, c->help);
            found = true;
        }
    if (!found) return usage("there is no command %s", wanted);
    if (wanted) return 0;
    puts("\nOptions:");
    for (const option *o = options; o->name; o++)
        printf("  %-14s %-14s %s\n", o->name, o->word ? o->word : "", o->help);
    puts("\nExit status: 0 done, 1 refused with a reason, 2 wrong usage.");
    return 0;
}

/* ---- opening ---- */

static int refuse(const kt_fail *fail, const kt_value *faults)
{
    KT_EACH(f, faults) fprintf(stderr, "%.*s\n", KT_ARG(kt_as_str(f)));
    fprintf(stderr, "kontor: %s\n", fail->text[0] ? fail->text : kt_err_text(fail->err));
    return 1;
}

static void default_data(line *l)
{
    if (l->platform.data_dir) return;
    const char *env = getenv("KONTOR_DATA");
    l->platform.data_dir = env && *env ? env : "data";
}

/* Opens, runs, closes. `run` gets the open platform. */
static int with_platform(line *l, int (*run)(line *l, platform *p, kt_arena *mem))
{
    kt_arena *mem = kt_arena_new();
    kt_value *faults = kt_list(mem);
    kt_fail fail = { 0 };
    platform *p = NULL;
    int status = platform_open(&l->platform, mem, faults, &fail, &p) == KT_OK ? run(l, p, mem) : refuse(&fail, faults);
    platform_close(p);
    kt_arena_free(mem);
    return status;
}

/* ---- init, serve ---- */

static int init_in(line *l, platform *p, kt_arena *mem)
{
    kt_fail fail = { 0 };
    kt_buf say;
    kt_buf_init(&say, 65536);
    house *h = platform_house(p);
    kt_err err = notice_keep_version(h->registry, h->pages, h->store, kt_now_ms(h->clock));
    if (err == KT_OK && l->demo) err = platform_demo(p, &fail);
    if (err == KT_OK) err = platform_first_run(p, &say);
    if (err == KT_OK) {
        printf("%s is ready.\n%.*s", l->platform.data_dir, KT_ARG(kt_buf_str(&say)));
    } else {
        kt_fail_set(&fail, err, NULL, "%s", kt_err_text(err));
        refuse(&fail, NULL);
    }
    kt_buf_free(&say);
    return err == KT_OK ? 0 : 1;
}

static int run_init(line *l)
{
    default_data(l);
    char key[4096];
    snprintf(key, sizeof key, "%s/instance.key", l->platform.data_dir);
    if (access(key, F_OK) == 0) {
        fprintf(stderr, "kontor: %s is an installation already; nothing was changed.\n", l->platform.data_dir);
        return 1;
    }
    l->platform.create = true;
    return with_platform(l, init_in);
}

static int serve_in(line *l, platform *p, kt_arena *mem)
{
    kt_fail fail = { 0 };
    kt_err err = platform_serve(p, &fail);
    if (err == KT_OK) return 0;
    kt_fail_set(&fail, err, NULL, "%s", kt_err_text(err));
    return refuse(&fail, NULL);
}

static int run_serve(line *l)
{
    /* Before any thread starts, so that the main thread alone receives them. */
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    kt_log_set_level(KT_LOG_INFO);
    default_data(l);
    l->platform.serve = true;
    return with_platform(l, serve_in);
}

/* ---- the register: check, notice, record, retention ---- */

static void in_memory(line *l)
{
    l->platform.data_dir = NULL;
    l->platform.register_only = true;
}

static int check_in(line *l, platform *p, kt_arena *mem)
{
    house *h = platform_house(p);
    return command_check(h->registry, platform_modules, h->store, l->json, stdout);
}

static int run_check(line *l)
{
    in_memory(l);
    return with_platform(l, check_in);
}

static int print(kt_err err, kt_buf *out)
{
    if (err == KT_OK)
        fwrite(out->at, 1, out->len, stdout);
    else
        fprintf(stderr, "kontor: %s\n", kt_err_text(err));
    kt_buf_free(out);
    return err == KT_OK ? 0 : 1;
}

static int notice_in(line *l, platform *p, kt_arena *mem)
{
    const char *format = l->json ? "json" : l->format ? l->format : "text", *lang = l->lang ? l->lang : "de";
    static const char *const formats[] = { [NOTICE_HTML] = "html", [NOTICE_TEXT] = "text", [NOTICE_JSON] = "json" };
    int f = 0;
    while (f < 3 && strcmp(formats[f], format) != 0) f++;
    if (f == 3) return usage("notice: --format is text, html or json, not %s", format);
    if (strcmp(lang, "de") != 0 && strcmp(lang, "en") != 0) return usage("notice: --lang is de or en, not %s", lang);
    house *h = platform_house(p);
    kt_buf out;
    kt_buf_init(&out, 16 << 20);
    return print(notice_render(h->registry, h->pages, mem, lang, (notice_format)f, true, &out), &out);
}

static int run_notice(line *l)
{
    in_memory(l);
    return with_platform(l, notice_in);
}

static int register_in(line *l, platform *p, kt_arena *mem)
{
    const char *format = l->json ? "json" : l->format ? l->format : "text";
    if (strcmp(format, "text") != 0 && strcmp(format, "json") != 0 && strcmp(format, "csv") != 0)
        return usage("register: --format is text, json or csv, not %s", format);
    kt_buf out;
    kt_buf_init(&out, 16 << 20);
    return print(notice_record(platform_house(p)->registry, mem, format, &out), &out);
}

static int run_register(line *l)
{
    in_memory(l);
    return with_platform(l, register_in);
}

static int retention_in(line *l, platform *p, kt_arena *mem)
{
    house *h = platform_house(p);
    int64_t now = kt_now_ms(h->clock);
    if (l->now && !kt_time_parse(kt_str_c(l->now), &now)) return usage("--now %s is not a time", l->now);
    return command_retention(h->registry, h->store, now, l->dry_run, l->json, stdout);
}

static int run_retention(line *l)
{
    default_data(l);
    return with_platform(l, retention_in);
}

/* ---- backup, restore, audit ---- */

static int backup_in(line *l, platform *p, kt_arena *mem)
{
    kt_fail fail = { 0 };
    kt_err err = store_backup(platform_house(p)->store, l->argv[0], &fail);
    if (err != KT_OK) {
        kt_fail_set(&fail, err, NULL, "%s", kt_err_text(err));
        return refuse(&fail, NULL);
    }
    printf("%s is written and verified.\n", l->argv[0]);
    return 0;
}

static int run_backup(line *l)
{
    if (l->argc != 1) return usage("backup needs the FILE to write");
    default_data(l);
    return with_platform(l, backup_in);
}

static int run_restore(line *l)
{
    if (l->argc != 1) return usage("restore needs the FILE to read");
    default_data(l);
    kt_fail fail = { 0 };
    kt_err err = store_restore(l->argv[0], l->platform.data_dir, &fail);
    if (err != KT_OK) {
        kt_fail_set(&fail, err, NULL, "%s", kt_err_text(err));
        return refuse(&fail, NULL);
    }
    printf("%s is restored from %s. Start it with `kontor serve --data %s`.\n", l->platform.data_dir, l->argv[0],
           l->platform.data_dir);
    return 0;
}

static int audit_in(line *l, platform *p, kt_arena *mem)
{
    if (l->argc != 1 || strcmp(l->argv[0], "verify") != 0) return usage("usage: kontor audit verify");
    int64_t checked = 0, heads = 0, bad = 0;
    house *h = platform_house(p);
    kt_sha256 key = kt_hmac(h->secret, KT_STR("audit head"));
    kt_err err = audit_verify(store_reader(h->store), &checked, &bad);
    if (err == KT_OK) err = audit_verify_heads(store_reader(h->store), kt_sha256_str(&key), &heads, &bad);
    if (err == KT_OK)
        printf("The audit chain is whole: %lld rows, %lld signed days.\n", (long long)checked, (long long)heads);
    else
        fprintf(stderr, "kontor: the audit chain breaks at row %lld\n", (long long)bad);
    return err == KT_OK ? 0 : 1;
}

static int run_audit(line *l)
{
    default_data(l);
    return with_platform(l, audit_in);
}

static int run_version(line *l)
{
    (void)l;
    puts("kontor " KONTOR_VERSION);
    return 0;
}

static const program_command commands[] = {
    { "init", "--data DIR [--demo]", "make an installation: key, store, first owner", run_init },
    { "serve", "--data DIR [--listen A:P]", "serve the platform until SIGTERM; SIGHUP loads the certificate anew", run_serve },
    { "check", "[--config FILE] [--json]", "hold the register against the code; every fault with file and line", run_check },
    { "notice", "[--lang de|en] [--format text|html|json]", "print the privacy notice", run_notice },
    { "register", "[--format text|json|csv]", "print the record of processing activities (Art. 30 GDPR)", run_register },
    { "retention", "[--dry-run] [--now TIME] [--json]", "delete what is due, or list it", run_retention },
    { "audit", "verify", "check the chain of the audit trail", run_audit },
    { "backup", "FILE", "write a verified copy of the store while it runs", run_backup },
    { "restore", "FILE", "make an installation's store from a copy", run_restore },
    { "version", "", "print the version", run_version },
    { "help", "[COMMAND]", "this page, or one command's", run_help },
    { NULL, NULL, NULL, NULL }
};

/* ---- commands of the modules ---- */

static int module_in(line *l, platform *p, kt_arena *mem)
{
    void *room = NULL;
    const command *c = platform_command(p, l->argv[0], &room);
    static char json[] = "--json"; /* the module reads its own words */
    if (l->json) l->argv[l->argc++] = json;
    return c->run(platform_house(p), room, l->argc - 1, l->argv + 1);
}

int main(int argc, char **argv)
{
    if (sodium_init() < 0) return 1;
    signal(SIGPIPE, SIG_IGN);
    kt_log_set_level(KT_LOG_WARN); /* a command speaks for itself; only serve tells how it goes */
    if (argc < 2) return run_help(&(line){ 0 }), 2;
    line l = { 0 };
    int status = read_options(argc - 1, argv + 1, &l);
    if (status == 0 && l.argc == 0) status = usage("which command?");
    if (status == 0) {
        const char *name = l.argv[0];
        const program_command *c = commands;
        while (c->name && strcmp(c->name, name) != 0) c++;
        if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
            l.argc = 0;
            status = run_help(&l);
        } else if (c->name) {
            l.argc--;
            l.argv++;
            status = c->run(&l);
            l.argv--;
        } else if (platform_command(NULL, name, NULL)) {
            default_data(&l);
            status = with_platform(&l, module_in);
        } else {
            status = usage("there is no command %s", name);
        }
    }
    free(l.argv);
    return status;
}
