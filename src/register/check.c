/* SPDX-License-Identifier: Apache-2.0 */
/* check.c -- the register held against the program: catalogue, routes, cookies, recipients, retention.
 *
 * Every rule is a function over one thing; all of them run to the end, so that an operator sees all
 * faults at once. Faults stop the start; warnings are what law leaves to the operator's decision. */
#include "register/check.h"
#include "register/code_line.h"
#include "register/inside.h"
#include "register/retention.h"
#include "register/schema_line.h"

extern const module register_module;

enum { COLUMNS_MAX = 8192 };

typedef struct {
    kt_str table, column, type;
    bool not_null, primary, claimed;
} catalogue_column;

typedef struct {
    const registry *r;
    const module *const *modules;
    kt_arena *mem;
    kt_value *faults, *warnings;
    size_t n_faults;
    catalogue_column *columns;
    size_t n_columns;
} checking;

static void say(checking *c, bool is_fault, const char *file, int line, const char *fmt, va_list args) KT_PRINTF(5, 0);
static void say(checking *c, bool is_fault, const char *file, int line, const char *fmt, va_list args)
{
    kt_value *list = is_fault ? c->faults : c->warnings;
    c->n_faults += is_fault;
    if (!list) return;
    kt_str reason = kt_str_vfmt(c->mem, fmt, args);
    kt_str where = line ? kt_str_fmt(c->mem, "%s:%d", file, line) : kt_str_c(file);
    kt_add_str(c->mem, list, kt_str_fmt(c->mem, "%.*s: %.*s", KT_ARG(where), KT_ARG(reason)));
}

static void fault(checking *c, const char *file, int line, const char *fmt, ...) KT_PRINTF(4, 5);
static void fault(checking *c, const char *file, int line, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say(c, true, file, line, fmt, args);
    va_end(args);
}

static void warn(checking *c, const char *file, int line, const char *fmt, ...) KT_PRINTF(4, 5);
static void warn(checking *c, const char *file, int line, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say(c, false, file, line, fmt, args);
    va_end(args);
}

/* ------------------------------------------------------------------ columns */

static void take_column(const store_column *s, void *ctx)
{
    checking *c = ctx;
    if (strncmp(s->table, "sqlite_", 7) == 0 || c->n_columns == COLUMNS_MAX) return;
    c->columns[c->n_columns++] = (catalogue_column){
        kt_str_dup(c->mem, kt_str_c(s->table)),
        kt_str_dup(c->mem, kt_str_c(s->column)),
        kt_str_dup(c->mem, kt_str_c(s->type)),
        s->not_null,
        s->primary,
        false,
    };
}

static catalogue_column *find_column(checking *c, kt_str table, kt_str column)
{
    for (size_t i = 0; i < c->n_columns; i++)
        if (kt_str_eq(c->columns[i].table, table) && kt_str_eq(c->columns[i].column, column)) return &c->columns[i];
    return NULL;
}

static bool has_table(const checking *c, kt_str table)
{
    for (size_t i = 0; i < c->n_columns; i++)
        if (kt_str_eq(c->columns[i].table, table)) return true;
    return false;
}

/* "account.email", or "account.id" of a path's side. */
static catalogue_column *find_dotted(checking *c, kt_str dotted)
{
    size_t dot = kt_str_find_byte(dotted, '.', 0);
    if (dot == KT_NOT_FOUND_AT) return NULL;
    return find_column(c, kt_str_slice(dotted, 0, dot), kt_str_slice(dotted, dot + 1, dotted.len));
}

static void check_claim(checking *c, const activity *a, const store_claim *s, const column_claim *claim)
{
    catalogue_column *col = find_column(c, claim->table, claim->column);
    if (!col)
        fault(c, s->file, claim->line, "activity \"%.*s\" claims %.*s.%.*s, which is no column", KT_ARG(a->id),
              KT_ARG(claim->table), KT_ARG(claim->column));
    else if (col->claimed)
        fault(c, s->file, claim->line, "column %.*s.%.*s is claimed twice", KT_ARG(claim->table),
              KT_ARG(claim->column));
    else
        col->claimed = true;
}

/* How a row reaches its person: a column of the table, or "a.b_id -> b.subject". */
static void check_subject(checking *c, const activity *a, const store_claim *s)
{
    if (kt_str_is(s->subject, "none")) return;
    size_t arrow = kt_str_find(s->subject, KT_STR("->"), 0);
    bool found = arrow == KT_NOT_FOUND_AT
                     ? find_column(c, s->table, s->subject) != NULL
                     : find_dotted(c, kt_str_trim(kt_str_slice(s->subject, 0, arrow))) &&
                           find_dotted(c, kt_str_trim(kt_str_slice(s->subject, arrow + 2, s->subject.len)));
    if (!found)
        fault(c, s->file, s->line, "activity \"%.*s\": the way from %.*s to its subject (\"%.*s\") does not exist",
              KT_ARG(a->id), KT_ARG(s->table), KT_ARG(s->subject));
}

static void check_stores(checking *c, const activity *a)
{
    for (size_t i = 0; i < a->n_stores; i++) {
        const store_claim *s = &a->stores[i];
        if (kt_str_empty(s->table)) continue;
        for (size_t j = 0; j < s->n_columns; j++) check_claim(c, a, s, &s->columns[j]);
        if (has_table(c, s->table)) check_subject(c, a, s);
    }
}

static void check_unclaimed(checking *c)
{
    for (size_t i = 0; i < c->n_columns; i++) {
        const catalogue_column *col = &c->columns[i];
        if (col->claimed) continue;
        const char *file = "the store";
        int line = 0;
        for (size_t j = 0; j < c->r->n_schemas && !line; j++) {
            line = schema_line(c->r->schemas[j].text, col->table, col->column);
            if (line) file = c->r->schemas[j].file;
        }
        fault(c, file, line, "column %.*s.%.*s belongs to no activity", KT_ARG(col->table), KT_ARG(col->column));
    }
}

/* ------------------------------------------------------------------ routes */

/* Where the module's own sources say it, else the module's main file without a line. */
static code_line code_of(checking *c, const module *m, kt_str what)
{
    kt_str folder = kt_str_fmt(c->mem, "src/%s/", m->name);
    for (const code_line *l = code_lines; l->what; l++)
        if (kt_str_is(what, l->what) && kt_str_starts(kt_str_c(l->file), folder)) return *l;
    return (code_line){ NULL, kt_str_z(c->mem, kt_str_fmt(c->mem, "src/%s/%s.c", m->name, m->name)), 0 };
}

static void check_routes(checking *c, const module *m)
{
    for (const route *row = m->routes; row && row->method; row++) {
        if (row->activity && registry_activity(c->r, row->activity)) continue;
        code_line at = code_of(c, m, kt_str_fmt(c->mem, "%s %s", row->method, row->path));
        if (!row->activity || !*row->activity)
            fault(c, at.file, at.line, "route %s %s names no activity", row->method, row->path);
        else
            fault(c, at.file, at.line, "route %s %s falls under \"%s\", which is not declared", row->method, row->path,
                  row->activity);
    }
}

/* ------------------------------------------------------------------ cookies */

static void check_cookies_in_code(checking *c, const module *m)
{
    for (const char *const *id = m->cookies; id && *id; id++) {
        if (registry_cookie(c->r, *id)) continue;
        code_line at = code_of(c, m, kt_str_fmt(c->mem, "cookie %s", *id));
        fault(c, at.file, at.line, "the code sets the cookie \"%s\", which no activity declares", *id);
    }
}

static bool is_set_by_code(const checking *c, kt_str id)
{
    for (const module *const *m = c->modules; m && *m; m++)
        for (const char *const *set = (*m)->cookies; set && *set; set++)
            if (kt_str_is(id, *set)) return true;
    return false;
}

static bool serves_necessity(kt_str kind)
{
    return kt_str_is(kind, "language") || kt_str_is(kind, "login") || kt_str_is(kind, "choice");
}

static void check_cookie(checking *c, const activity *a, const cookie_entry *k)
{
    bool necessary = kt_str_is(k->category, "necessary");
    if (kt_str_is(k->host, "own") && a->module && !is_set_by_code(c, k->id))
        fault(c, k->file, k->line, "cookie \"%.*s\" is declared as our own, but no module sets it", KT_ARG(k->id));
    if (kt_str_is(a->device_access, "none"))
        fault(c, k->file, k->line,
              "cookie \"%.*s\": activity \"%.*s\" has no permission for the device (device_access is none)",
              KT_ARG(k->id), KT_ARG(a->id));
    if (!necessary && kt_str_is(a->device_access, "necessary"))
        fault(c, k->file, k->line, "cookie \"%.*s\" is optional, but device_access of \"%.*s\" is necessary",
              KT_ARG(k->id), KT_ARG(a->id));
    if (necessary && kt_str_empty(k->kind))
        fault(c, k->file, k->line, "cookie \"%.*s\" is necessary, but its kind is not declared", KT_ARG(k->id));
    else if (necessary && !serves_necessity(k->kind))
        fault(c, k->file, k->line,
              "cookie \"%.*s\" is necessary, but its kind %.*s is not: only language, login and choice are",
              KT_ARG(k->id), KT_ARG(k->kind));
    if (kt_str_is(k->same_site, "None") && !k->third_party_access)
        warn(c, k->file, k->line, "cookie \"%.*s\": same_site None without third_party_access", KT_ARG(k->id));
}

/* ------------------------------------------------------------------ device access, consent, services */

static bool has_optional_service(const checking *c, const activity *a, kt_str category)
{
    for (size_t i = 0; i < c->r->n_services; i++) {
        const service *s = c->r->services[i];
        for (size_t j = 0; j < s->n_activities; j++)
            if (kt_str_eq(s->activities[j], a->id) && !kt_str_is(s->category, "necessary") &&
                (kt_str_empty(category) || kt_str_eq(s->category, category)))
                return true;
    }
    return false;
}

static bool rests_on_interest(const activity *a)
{
    for (size_t i = 0; i < a->n_bases; i++)
        if (kt_str_is(a->bases[i].article, "6(1)(f)") && kt_str_empty(a->bases[i].interest.de)) return true;
    return false;
}

static void check_permission(checking *c, const activity *a)
{
    bool asks = kt_str_is(a->device_access, "consent");
    if (kt_str_is(a->device_access, "necessary") && kt_str_empty(a->device_access_reason.de))
        fault(c, a->file, a->line, "activity \"%.*s\": device_access necessary needs its reason (§ 25(2) TDDDG)",
              KT_ARG(a->id));
    if (asks && kt_str_empty(a->consent_category))
        fault(c, a->file, a->line, "activity \"%.*s\": device_access consent needs consent_purpose", KT_ARG(a->id));
    if (asks && !has_optional_service(c, a, a->consent_category))
        fault(c, a->file, a->line,
              "activity \"%.*s\": device_access consent, but no optional service of its category asks for it",
              KT_ARG(a->id));
    else if (!asks && a->module && activity_rests_on_consent(a) && !has_optional_service(c, a, KT_STR_NONE))
        fault(c, a->file, a->line, "activity \"%.*s\" rests on consent, but no optional service asks for it",
              KT_ARG(a->id));
    if (rests_on_interest(a))
        fault(c, a->file, a->line, "activity \"%.*s\": 6(1)(f) needs the interest in words (Art. 13(1)(d) GDPR)",
              KT_ARG(a->id));
}

static void check_services(checking *c)
{
    for (size_t i = 0; i < c->r->n_services; i++) {
        const service *s = c->r->services[i];
        if (s->n_activities == 0) fault(c, s->file, s->line, "service \"%.*s\" belongs to no activity", KT_ARG(s->id));
    }
}

/* ------------------------------------------------------------------ recipients */

static bool is_engaged(const checking *c, const recipient *to)
{
    for (size_t i = 0; i < c->r->n_activities; i++)
        for (size_t j = 0; j < c->r->activities[i]->n_recipients; j++)
            if (c->r->activities[i]->recipients[j] == to) return true;
    return false;
}

static void check_recipients(checking *c)
{
    for (size_t i = 0; i < c->r->n_recipients; i++) {
        const recipient *to = c->r->recipients[i];
        if (!is_engaged(c, to))
            warn(c, to->file, to->line, "recipient \"%.*s\" is engaged by no activity", KT_ARG(to->id));
        if (kt_str_is(to->role, "not_stated"))
            warn(c, to->file, to->line, "recipient \"%.*s\": its role is not stated", KT_ARG(to->id));
        if (recipient_has_safeguard(to)) continue;
        if (kt_str_empty(to->mechanism))
            fault(c, to->file, to->line,
                  "recipient \"%.*s\" is in a third country without a safeguard (Art. 44 to 49 GDPR)", KT_ARG(to->id));
        else
            fault(c, to->file, to->line, "recipient \"%.*s\": its safeguard for the third country has no date",
                  KT_ARG(to->id));
    }
}

/* ------------------------------------------------------------------ retention */

static bool job_exists(const checking *c, kt_str name)
{
    for (const job *j = register_module.jobs; j && j->name; j++)
        if (kt_str_is(name, j->name)) return true;
    for (const module *const *m = c->modules; m && *m; m++)
        for (const job *j = (*m)->jobs; j && j->name; j++)
            if (kt_str_is(name, j->name)) return true;
    return false;
}

static void check_rule_of_table(checking *c, const activity *a, const retention *k)
{
    kt_str start_table = kt_str_slice(k->start, 0, kt_str_find_byte(k->start, '.', 0));
    if (!has_table(c, k->table)) {
        fault(c, k->file, k->line, "retention \"%.*s\" of \"%.*s\": there is no table %.*s", KT_ARG(k->id),
              KT_ARG(a->id), KT_ARG(k->table));
        return;
    }
    if (!retention_is_sql(k))
        fault(
            c, k->file, k->line,
            "retention \"%.*s\" of \"%.*s\" names a table, so it needs start: table.column, a period, and then: erase or obfuscate",
            KT_ARG(k->id), KT_ARG(a->id));
    else if (!kt_str_eq(start_table, k->table))
        fault(c, k->file, k->line, "retention \"%.*s\" of \"%.*s\": start must be a column of %.*s", KT_ARG(k->id),
              KT_ARG(a->id), KT_ARG(k->table));
    if (k->then == THEN_OBFUSCATE && k->n_columns == 0)
        fault(c, k->file, k->line, "retention \"%.*s\" of \"%.*s\": obfuscate needs the columns it strips",
              KT_ARG(k->id), KT_ARG(a->id));
    for (size_t i = 0; i < k->n_columns; i++) {
        const catalogue_column *col = find_column(c, k->table, k->columns[i]);
        if (!col)
            fault(c, k->file, k->line, "retention \"%.*s\": there is no column %.*s.%.*s", KT_ARG(k->id),
                  KT_ARG(k->table), KT_ARG(k->columns[i]));
        else if (col->not_null || col->primary)
            fault(c, k->file, k->line, "retention \"%.*s\": %.*s.%.*s cannot be NULL", KT_ARG(k->id), KT_ARG(k->table),
                  KT_ARG(k->columns[i]));
    }
}

static void check_start(checking *c, const activity *a, const retention *k)
{
    if (kt_str_empty(k->start)) {
        if (k->rule != KEEP_NEED)
            fault(c, k->file, k->line, "retention \"%.*s\" of \"%.*s\" has no start", KT_ARG(k->id), KT_ARG(a->id));
        return;
    }
    if (kt_str_find_byte(k->start, '.', 0) == KT_NOT_FOUND_AT) return;
    const catalogue_column *col = find_dotted(c, k->start);
    if (!col)
        fault(c, k->file, k->line, "retention \"%.*s\" of \"%.*s\": there is no column %.*s", KT_ARG(k->id),
              KT_ARG(a->id), KT_ARG(k->start));
    else if (!kt_str_eq_nocase(col->type, KT_STR("INTEGER")))
        fault(c, k->file, k->line, "retention \"%.*s\" of \"%.*s\": %.*s is no time (INTEGER)", KT_ARG(k->id),
              KT_ARG(a->id), KT_ARG(k->start));
}

static void check_keeper(checking *c, const activity *a, const retention *k)
{
    kt_str by = k->by;
    if (kt_str_starts(by, KT_STR("job "))) {
        kt_str name = kt_str_trim(kt_str_slice(by, 4, by.len));
        if (!job_exists(c, name))
            fault(c, k->file, k->line, "retention \"%.*s\" of \"%.*s\": there is no job \"%.*s\"", KT_ARG(k->id),
                  KT_ARG(a->id), KT_ARG(name));
    } else if (kt_str_empty(by) && kt_str_empty(k->table) && a->module &&
               (k->rule == KEEP_DURATION || k->rule == KEEP_EVENT)) {
        fault(c, k->file, k->line, "retention \"%.*s\" of \"%.*s\": nobody keeps it; it needs table or by",
              KT_ARG(k->id), KT_ARG(a->id));
    }
}

static void check_retention(checking *c, const activity *a, const retention *k)
{
    bool has_period = k->keep_ms || k->keep_months;
    if (k->rule == KEEP_NEED && !has_period)
        warn(c, k->file, k->line,
             "retention \"%.*s\" of \"%.*s\": \"as long as needed\" has no value yet; set keep in the operator's file",
             KT_ARG(k->id), KT_ARG(a->id));
    if ((k->rule == KEEP_DURATION || k->rule == KEEP_LAW) && !has_period)
        fault(c, k->file, k->line, "retention \"%.*s\" of \"%.*s\" has no period (max)", KT_ARG(k->id), KT_ARG(a->id));
    check_start(c, a, k);
    check_keeper(c, a, k);
    if (!kt_str_empty(k->table) && (k->rule != KEEP_NEED || has_period)) check_rule_of_table(c, a, k);
    if (kt_str_empty(k->wording.de))
        warn(c, k->file, k->line, "retention \"%.*s\" of \"%.*s\" has no wording for the notice", KT_ARG(k->id),
             KT_ARG(a->id));
}

/* ------------------------------------------------------------------ the whole */

static void check_operator(checking *c)
{
    const operator_facts *o = &c->r->operator;
    const struct {
        const char *key;
        kt_str value;
    } due[] = {
        { "street", o->street },
        { "postcode", o->postcode },
        { "city", o->city },
        { "email", o->email },
    };
    const kt_value *map = kt_get(c->r->config, "operator");
    for (size_t i = 0; i < sizeof due / sizeof *due; i++)
        if (kt_str_empty(due[i].value))
            warn(c, "operator", map ? map->line : 0, "%s is not given (Art. 13(1)(a) GDPR)", due[i].key);
}

kt_err check_register(const registry *r, const module *const *modules, store *st, kt_arena *mem, kt_value *faults,
                      kt_value *warnings)
{
    checking c = { .r = r, .modules = modules, .mem = mem, .faults = faults, .warnings = warnings };
    c.columns = kt_alloc_array(mem, COLUMNS_MAX, sizeof *c.columns);
    TRY(store_catalogue(store_reader(st), take_column, &c));
    for (size_t i = 0; i < r->n_activities; i++) {
        const activity *a = r->activities[i];
        check_stores(&c, a);
        check_permission(&c, a);
        for (size_t j = 0; j < a->n_cookies; j++) check_cookie(&c, a, &a->cookies[j]);
        for (size_t j = 0; j < a->n_keeps; j++) check_retention(&c, a, &a->keeps[j]);
    }
    check_unclaimed(&c);
    check_services(&c);
    check_recipients(&c);
    check_operator(&c);
    for (const module *const *m = modules; m && *m; m++) {
        check_routes(&c, *m);
        check_cookies_in_code(&c, *m);
    }
    return c.n_faults ? KT_REFUSED : KT_OK;
}
