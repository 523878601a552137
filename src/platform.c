/* SPDX-License-Identifier: Apache-2.0 */
/* platform.c -- the one list of modules, and the house they live in. */
#include "platform.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/log.h"
#include "register/check.h"

extern const module front_module, register_module, weblog_module, consent_module, account_module, telemetry_module,
    console_module;

/* Adding a room is adding a folder and one line here. */
const module *const platform_modules[] = {
    &front_module,
    &register_module,
    &weblog_module,
    &consent_module,
    &account_module,
    &telemetry_module,
    &console_module,
    NULL
};

enum { MODULES_MAX = 64, HASH_WORKERS = 2, LIMITER_KEYS = 100000 };

struct platform {
    house house;
    kt_arena *mem; /* lives as long as the platform */
    kt_clock clock;
    kt_random random;
    kt_metrics *metrics;
    void *rooms[MODULES_MAX];
    size_t opened; /* modules whose init has run */
    int lock;      /* DIR/lock, held while serving */
    bool serving;
};

house *platform_house(platform *p) { return &p->house; }

/* ---- the data directory ---- */

static kt_err make_dir(const char *dir, kt_fail *fail)
{
    if (mkdir(dir, 0700) == 0 || errno == EEXIST) return KT_OK;
    return kt_fail_set(fail, KT_IO, NULL, "cannot make the directory %s: %s", dir, strerror(errno));
}

/* The instance key: 32 random bytes, made once, readable by the owner alone. */
static kt_err read_key(platform *p, bool create, kt_fail *fail)
{
    unsigned char key[32];
    const char *path = kt_str_z(p->mem, kt_str_fmt(p->mem, "%s/instance.key", p->house.data_dir));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && create) {
        kt_random_fill(&p->random, key, sizeof key);
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0 || write(fd, key, sizeof key) != (ssize_t)sizeof key || fsync(fd) != 0) {
            if (fd >= 0) close(fd);
            return kt_fail_set(fail, KT_IO, NULL, "cannot write %s: %s", path, strerror(errno));
        }
    } else if (fd < 0) {
        return kt_fail_set(fail, KT_NOT_FOUND, NULL, "%s is missing: run `kontor init --data %s` first", path,
                           p->house.data_dir);
    } else if (read(fd, key, sizeof key) != (ssize_t)sizeof key) {
        close(fd);
        return kt_fail_set(fail, KT_CORRUPT, NULL, "%s is not 32 bytes long: restore it from a backup", path);
    }
    close(fd);
    p->house.secret = kt_str_dup(p->mem, (kt_str){ (char *)key, sizeof key });
    kt_wipe(key, sizeof key);
    return KT_OK;
}

static kt_err take_lock(platform *p, kt_fail *fail)
{
    const char *path = kt_str_z(p->mem, kt_str_fmt(p->mem, "%s/lock", p->house.data_dir));
    p->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (p->lock >= 0 && flock(p->lock, LOCK_EX | LOCK_NB) == 0) return KT_OK;
    return kt_fail_set(fail, KT_CONFLICT, NULL, "%s is served by another kontor", p->house.data_dir);
}

static kt_err open_directory(platform *p, const platform_options *o, kt_fail *fail)
{
    kt_random ephemeral = kt_random_real();
    if (!o->data_dir) { /* in memory: a key for this run only */
        unsigned char *key = kt_alloc(p->mem, 32);
        kt_random_fill(&ephemeral, key, 32);
        p->house.secret = (kt_str){ (char *)key, 32 };
        return KT_OK;
    }
    char *real = NULL;
    if (o->create) TRY(make_dir(o->data_dir, fail));
    real = realpath(o->data_dir, NULL);
    if (!real)
        return kt_fail_set(fail, KT_NOT_FOUND, NULL, "no data directory %s: run `kontor init --data %s` first",
                           o->data_dir, o->data_dir);
    p->house.data_dir = kt_str_z(p->mem, kt_str_c(real));
    free(real);
    TRY(read_key(p, o->create, fail));
    return o->serve ? take_lock(p, fail) : KT_OK;
}

/* ---- configuration ---- */

static const char *config_word(platform *p, const char *section, const char *key)
{
    kt_str s = kt_get_str(kt_get(registry_config(p->house.registry), section), key);
    return s.at ? kt_str_z(p->mem, s) : NULL;
}

static const char *const *config_words(platform *p, const char *section, const char *key)
{
    const kt_value *items = kt_get(kt_get(registry_config(p->house.registry), section), key);
    if (!kt_is(items, KT_V_LIST) || items->count == 0) return NULL;
    const char **list = kt_alloc_array(p->mem, items->count + 1, sizeof *list);
    size_t n = 0;
    KT_EACH(item, items) list[n++] = kt_str_z(p->mem, kt_as_str(item));
    return list;
}

static bool is_loopback(const char *listen)
{
    return strncmp(listen, "127.", 4) == 0 || strncmp(listen, "[::1]", 5) == 0 ||
           strncmp(listen, "localhost:", 10) == 0;
}

static const char *find_config(platform *p, const platform_options *o)
{
    if (o->config_file || !p->house.data_dir) return o->config_file;
    const char *path = kt_str_z(p->mem, kt_str_fmt(p->mem, "%s/kontor.yaml", p->house.data_dir));
    return access(path, R_OK) == 0 ? path : NULL;
}

/* ---- opening, in order ---- */

static kt_err open_store(platform *p, kt_fail *fail)
{
    store_options so = {
        .dir = p->house.data_dir, .clock = &p->clock, .metrics = p->metrics, .in_memory = !p->house.data_dir
    };
    TRY(store_open(&so, fail, &p->house.store));
    static const char *const below[] = { "store", "register" };
    for (size_t i = 0; i < sizeof below / sizeof *below; i++) {
        const char *path = i ? "register/schema.sql" : "store/schema.sql";
        TRY(store_migrate(p->house.store, below[i], kt_embedded_str(kt_embedded_find(path)), fail));
    }
    for (const module *const *m = platform_modules; *m; m++) {
        char path[128];
        snprintf(path, sizeof path, "%s/schema.sql", (*m)->name);
        const kt_embedded *schema = kt_embedded_find(path);
        if (schema && strcmp((*m)->name, "register") != 0)
            TRY(store_migrate(p->house.store, (*m)->name, kt_embedded_str(schema), fail));
    }
    return KT_OK;
}

static kt_err open_register(platform *p, const platform_options *o, kt_value *faults, kt_fail *fail)
{
    const char *names[MODULES_MAX];
    size_t n = 0;
    for (const module *const *m = platform_modules; *m; m++) {
        char path[128];
        snprintf(path, sizeof path, "%s/activity.yaml", (*m)->name);
        if (kt_embedded_find(path) && strcmp((*m)->name, "register") != 0) names[n++] = (*m)->name;
    }
    names[n] = NULL;
    kt_err err = registry_load(names, find_config(p, o), p->mem, faults, &p->house.registry);
    if (err != KT_OK) return kt_fail_set(fail, err, NULL, "the register does not load");
    if (o->register_only) return KT_OK;
    err = check_register(p->house.registry, platform_modules, p->house.store, p->mem, faults, NULL);
    return err == KT_OK ? KT_OK : kt_fail_set(fail, err, NULL, "the register and the program do not agree");
}

static kt_err open_mail(platform *p, const platform_options *o, kt_fail *fail)
{
    house *h = &p->house;
    TRY(outbox_new(h->store, h->clock, h->random, h->metrics, &h->outbox));
    const operator_facts *op = registry_operator(h->registry);
    const char *password_file = config_word(p, "mail", "password_file"), *password = NULL;
    if (password_file) {
        char text[512] = "";
        int fd = open(password_file, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
        if (fd >= 0) close(fd);
        if (n < 0) return kt_fail_set(fail, KT_IO, NULL, "mail.password_file: cannot read %s", password_file);
        password = kt_str_z(p->mem, kt_str_trim((kt_str){ text, (size_t)n }));
        kt_wipe(text, sizeof text);
    }
    const char *from = config_word(p, "mail", "from_address"), *name = config_word(p, "mail", "from_name");
    mail_options mo = {
        .smtp_url = o->mail_drop ? NULL : config_word(p, "mail", "smtp_url"),
        .smtp_user = config_word(p, "mail", "user"),
        .smtp_password = password,
        .smtp_require_tls = kt_get_bool(kt_get(registry_config(h->registry), "mail"), "require_tls", true),
        .drop_dir = o->mail_drop,
        .from_address = from ? from : kt_str_z(p->mem, op->email),
        .from_name = name ? name : kt_str_z(p->mem, op->platform_name.len ? op->platform_name : op->name),
        .reply_to = config_word(p, "mail", "reply_to"),
    };
    kt_str address = kt_str_c(mo.from_address);
    size_t at = kt_str_find_byte(address, '@', 0);
    mo.host = at == KT_NOT_FOUND_AT ? "localhost" : mo.from_address + at + 1;
    h->has_mail = mo.smtp_url || mo.drop_dir;
    h->mail_drop = o->mail_drop;
    if (mo.drop_dir) TRY(make_dir(mo.drop_dir, fail));
    return h->has_mail ? mail_start(h->outbox, &mo, h->clock) : KT_OK;
}

static kt_err open_server(platform *p, const platform_options *o, kt_fail *fail)
{
    const char *configured = config_word(p, "server", "listen");
    const char *listen = o->listen ? o->listen : configured ? configured : "127.0.0.1:8080";
    if (!is_loopback(listen) && (o->test_clock || o->mail_drop))
        return kt_fail_set(fail, KT_REFUSED, NULL, "--test-clock and --mail-drop are for loopback only, not for %s",
                           listen);
    const kt_value *tls = kt_get(kt_get(registry_config(p->house.registry), "server"), "tls");
    kt_str certificate = kt_get_str(tls, "certificate"), key = kt_get_str(tls, "key");
    const char *spool = kt_str_z(p->mem, kt_str_fmt(p->mem, "%s/spool", p->house.data_dir));
    TRY(make_dir(spool, fail));
    http_options ho = {
        .listen = listen,
        .tls_cert = certificate.at ? kt_str_z(p->mem, certificate) : NULL,
        .tls_key = key.at ? kt_str_z(p->mem, key) : NULL,
        .hosts = config_words(p, "server", "hosts"),
        .trusted_fronts = config_words(p, "server", "trusted_fronts"),
        .public_origin = config_word(p, "server", "public_origin"),
        .spool_dir = spool,
        .clock = &p->clock,
        .random = &p->random,
        .metrics = p->metrics,
    };
    TRY(http_server_new(&ho, fail, &p->house.server));
    const char *admin = config_word(p, "server", "admin_listen");
    return admin ? http_listen_also(p->house.server, admin, true, fail) : KT_OK;
}

/* The rows of a module, with its room in each. */
static kt_err add_routes(platform *p, const module *m, void *room, kt_fail *fail)
{
    size_t n = 0;
    while (m->routes && m->routes[n].method) n++;
    if (n == 0) return KT_OK;
    route *own = kt_alloc_array(p->mem, n + 1, sizeof *own);
    for (size_t i = 0; i < n; i++) {
        own[i] = m->routes[i];
        own[i].room = room;
    }
    return http_routes(p->house.server, own, fail);
}

static kt_err open_modules(platform *p, kt_fail *fail)
{
    house *h = &p->house;
    for (size_t i = 0; platform_modules[i]; i++) {
        const module *m = platform_modules[i];
        kt_err err = m->init ? m->init(h, fail, &p->rooms[i]) : KT_OK;
        if (err != KT_OK)
            return kt_fail_set(fail, err, NULL, "the room %s does not open: %s", m->name, kt_err_text(err));
        p->opened = i + 1;
        for (const subscription *s = m->subscriptions; s && s->hear; s++) bus_subscribe(h->bus, s, p->rooms[i]);
        for (const job *j = m->jobs; j && j->name; j++) jobs_add(h->jobs, j, p->rooms[i]);
        if (h->server) TRY(add_routes(p, m, p->rooms[i], fail));
    }
    return KT_OK;
}

static kt_err open_all(platform *p, const platform_options *o, kt_value *faults, kt_fail *fail)
{
    house *h = &p->house;
    TRY(open_directory(p, o, fail));
    TRY(open_store(p, fail));
    TRY(open_register(p, o, faults, fail));
    TRY(pages_new(fail, &h->pages));
    if (o->register_only) return KT_OK;
    TRY(open_mail(p, o, fail));
    h->bus = bus_new();
    h->jobs = jobs_new(&p->clock, p->metrics);
    h->limiter = limiter_new(LIMITER_KEYS);
    h->passwords = kt_passwords_new(HASH_WORKERS, 0, 0);
    if (o->serve) TRY(open_server(p, o, fail));
    return open_modules(p, fail);
}

kt_err platform_open(const platform_options *o, kt_arena *mem, kt_value *faults, kt_fail *fail, platform **out)
{
    struct rlimit none = { 0, 0 };
    setrlimit(RLIMIT_CORE, &none); /* a core file would be a copy of personal data */
    umask(0077);
    platform *p = kt_calloc(1, sizeof *p);
    p->mem = kt_arena_new();
    p->lock = -1;
    p->clock = o->test_clock ? kt_clock_file(o->test_clock) : kt_clock_real();
    p->random = kt_random_real();
    p->metrics = kt_metrics_new();
    p->house.clock = &p->clock;
    p->house.random = &p->random;
    p->house.metrics = p->metrics;
    kt_value *found = kt_list(p->mem);
    kt_err err = open_all(p, o, found, fail);
    KT_EACH(fault, found) kt_add_str(mem, faults, kt_str_dup(mem, kt_as_str(fault))); /* they outlive the platform */
    if (err != KT_OK) {
        kt_fail_set(fail, err, NULL, "%s", kt_err_text(err));
        platform_close(p);
        return err;
    }
    *out = p;
    return KT_OK;
}

void platform_close(platform *p)
{
    if (!p) return;
    house *h = &p->house;
    if (h->server) http_stop(h->server);
    if (h->jobs) jobs_stop(h->jobs);
    if (h->outbox) outbox_stop(h->outbox);
    while (p->opened) {
        const module *m = platform_modules[--p->opened];
        if (m->stop) m->stop(p->rooms[p->opened]);
    }
    http_server_free(h->server);
    jobs_free(h->jobs);
    outbox_free(h->outbox);
    bus_free(h->bus);
    pages_free(h->pages);
    limiter_free(h->limiter);
    kt_passwords_free(h->passwords);
    registry_free(h->registry);
    store_close(h->store);
    kt_metrics_free(p->metrics);
    if (p->lock >= 0) close(p->lock);
    if (h->secret.at) kt_wipe((void *)(uintptr_t)h->secret.at, h->secret.len);
    kt_arena_free(p->mem);
    free(p);
}

kt_err platform_serve(platform *p, kt_fail *fail)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    house *h = &p->house;
    if (h->has_mail) TRY(outbox_start(h->outbox));
    TRY(jobs_start(h->jobs));
    TRY(http_start(h->server, fail));
    kt_log(KT_LOG_INFO, "serve.started", KT_NUMBER("port", http_port(h->server)));
    printf("kontor serves %s\n", http_origin(h->server));
    fflush(stdout);
    for (;;) {
        int sig = 0;
        if (sigwait(&signals, &sig) != 0) continue;
        if (sig != SIGHUP) break;
        kt_fail why = { 0 };
        bool ok = http_reload_tls(h->server, &why) == KT_OK;
        kt_log(ok ? KT_LOG_INFO : KT_LOG_ERROR, ok ? "tls.reloaded" : "tls.not_reloaded");
    }
    kt_log(KT_LOG_INFO, "serve.stopping");
    for (size_t i = 0; platform_modules[i]; i++)
        if (platform_modules[i]->drain) platform_modules[i]->drain(p->rooms[i]);
    http_stop(h->server);
    return KT_OK;
}

kt_err platform_demo(platform *p, kt_fail *fail)
{
    p->house.demo = true;
    for (size_t i = 0; platform_modules[i]; i++) {
        const module *m = platform_modules[i];
        kt_err err = m->demo ? m->demo(&p->house, p->rooms[i]) : KT_OK;
        if (err != KT_OK) return kt_fail_set(fail, err, NULL, "demo data of %s: %s", m->name, kt_err_text(err));
    }
    return KT_OK;
}

kt_err platform_first_run(platform *p, kt_buf *say)
{
    for (size_t i = 0; platform_modules[i]; i++)
        if (platform_modules[i]->first_run) TRY(platform_modules[i]->first_run(&p->house, p->rooms[i], say));
    return KT_OK;
}

const command *platform_command(platform *p, const char *name, void **room)
{
    for (size_t i = 0; platform_modules[i]; i++)
        for (const command *c = platform_modules[i]->commands; c && c->name; c++)
            if (strcmp(c->name, name) == 0) {
                if (room) *room = p ? p->rooms[i] : NULL;
                return c;
            }
    return NULL;
}
