/* SPDX-License-Identifier: Apache-2.0 */
/* user_command.c -- `kontor user …`: accounts from the command line, for the operator's engineer.
 *
 * It says what it does in words, or with --json as JSON for scripts. It never takes a password as an
 * argument (arguments can be read by everybody on the machine); a new account gets its password by the
 * link of a reset mail, or from standard input. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "account/account.h"
#include "account/queries.h"
#include "account/text.h"

typedef struct {
    house *h;
    account_room *room;
    kt_arena *mem;
    int64_t now_ms;
    bool json, end, at_once, password_stdin;
    const char *state, *email, *first_name, *last_name, *language, *who;
} call;

static int say_usage(void)
{
    fputs("usage: kontor user list [--state pending|active|deactivated] [--json]\n"
          "       kontor user show ID|E-MAIL [--json]\n"
          "       kontor user create --email E --first-name F --last-name L [--language de|en]\n"
          "                          [--password-stdin] [--json]\n"
          "       kontor user delete ID|E-MAIL [--at-once] [--json]\n"
          "                          --at-once: without the days in which it can be undone\n"
          "       kontor user sessions ID|E-MAIL [--end] [--json]\n",
          stderr);
    return 2;
}

static int say_failure(kt_err err, const char *what)
{
    fprintf(stderr, "kontor user: %s: %s\n", what, kt_err_text(err));
    return 1;
}

static void print_json(const kt_value *v)
{
    kt_buf out;
    kt_buf_init(&out, 64 << 20);
    kt_json_put_pretty(&out, v);
    printf("%.*s\n", KT_ARG(kt_buf_str(&out)));
    kt_buf_free(&out);
}

static kt_str when(kt_arena *mem, int64_t ms) { return ms ? kt_time_rfc3339(mem, ms) : KT_STR_NONE; }

static kt_err find(const call *c, account *a)
{
    email_address email;
    const char *reason;
    db *d = store_reader(c->h->store);
    if (email_parse(c->mem, kt_str_c(c->who), true, &email, &reason))
        return account_by_email_key(d, c->mem, email.key, a);
    return account_by_id(d, c->mem, kt_str_c(c->who), a);
}

/* ---------------------------------------------------------------- list, show */

static int list(const call *c)
{
    kt_value *found = NULL;
    kt_err err =
        store_list(store_reader(c->h->store), &SQL_account_page,
                   ARGS(sql_text("state", kt_str_c(c->state ? c->state : "")), sql_text("language", KT_STR("")),
                        sql_int("before_at", INT64_MAX), sql_text("before_id", KT_STR("")), sql_int("limit", 1000000)),
                   c->mem, &found);
    if (err != KT_OK) return say_failure(err, "list");
    if (c->json) {
        print_json(found);
        return 0;
    }
    KT_EACH(row, found) {
        kt_str registered = when(c->mem, kt_get_int(row, "registered_at", 0));
        printf("%.*s  %-11.*s  %.*s  %.*s\n", KT_ARG(kt_get_str(row, "id")), KT_ARG(kt_get_str(row, "state")),
               KT_ARG(registered), KT_ARG(kt_get_str(row, "email")));
    }
    printf("%zu accounts\n", found->count);
    return 0;
}

static int show(const call *c)
{
    account a;
    kt_err err = find(c, &a);
    if (err != KT_OK) return say_failure(err, c->who);
    kt_value *v = kt_map(c->mem);
    kt_set_str(c->mem, v, "id", a.id);
    kt_set_str(c->mem, v, "state", a.state);
    kt_set_str(c->mem, v, "email", a.email);
    kt_set_str(c->mem, v, "first_name", a.first_name);
    kt_set_str(c->mem, v, "last_name", a.last_name);
    kt_set_str(c->mem, v, "street", a.street);
    kt_set_str(c->mem, v, "postcode", a.postcode);
    kt_set_str(c->mem, v, "city", a.city);
    kt_set_str(c->mem, v, "country", a.country);
    kt_set_str(c->mem, v, "phone", a.phone);
    kt_set_str(c->mem, v, "language", a.language);
    kt_set_str(c->mem, v, "terms_version", a.terms_version);
    kt_set_str(c->mem, v, "signup_ip", a.signup_ip);
    kt_set_str(c->mem, v, "registered_at", when(c->mem, a.registered_at));
    kt_set_str(c->mem, v, "confirmed_at", when(c->mem, a.confirmed_at));
    kt_set_str(c->mem, v, "deactivated_at", when(c->mem, a.deactivated_at));
    kt_set_str(c->mem, v, "erase_at", when(c->mem, a.erase_at));
    kt_set_int(c->mem, v, "version", a.version);
    if (c->json) {
        print_json(v);
        return 0;
    }
    KT_EACH(item, v) {
        if (item->kind == KT_V_INT)
            printf("%-15.*s %lld\n", KT_ARG(item->key), (long long)item->as.integer);
        else if (item->as.string.len)
            printf("%-15.*s %.*s\n", KT_ARG(item->key), KT_ARG(item->as.string));
    }
    return 0;
}

/* ---------------------------------------------------------------- create */

typedef struct {
    const call *c;
    registration r;
    kt_str id;
    mail_token reset;
    bool with_password;
} creating;

static kt_err create_action(db *d, void *ctx)
{
    creating *n = ctx;
    const call *c = n->c;
    const registration *r = &n->r;
    kt_str none = KT_STR("");
    TRY(store_exec(
        d, &SQL_account_insert,
        ARGS(sql_text("id", n->id), sql_text("email", r->email.typed), sql_text("email_key", r->email.key),
             sql_text("last_name", r->who.last_name), sql_text("first_name", r->who.first_name),
             sql_text("street", none), sql_text("postcode", none), sql_text("city", none), sql_text("country", none),
             sql_text("phone", none), sql_text("password_hash", n->with_password ? kt_str_c(r->hash.at) : KT_STR_NONE),
             sql_text("language", kt_str_c(r->lang)), sql_text("terms_version", c->room->options.terms_version),
             sql_null("consent_ref"), sql_null("signup_ip"), sql_int("now", c->now_ms)),
        NULL));
    kt_value *facts = kt_map(c->mem);
    kt_set_str(c->mem, facts, "account", n->id);
    kt_set_c(c->mem, facts, "language", r->lang);
    TRY(bus_tell(c->h->bus, d, BUS_ACCOUNT_CREATED, facts, c->now_ms));
    TRY(store_exec(d, &SQL_account_confirm, ARGS(sql_text("id", n->id), sql_int("now", c->now_ms)), NULL));
    TRY(account_tell(c->room, d, c->mem, BUS_ACCOUNT_CONFIRMED, n->id, c->now_ms));
    account a;
    TRY(account_by_id(d, c->mem, n->id, &a));
    if (!n->with_password) TRY(account_send_reset(c->room, d, c->mem, &a, &n->reset, c->now_ms));
    audit_entry e = { "system",    KT_STR_NONE, "account.create", "account", n->id, "ok", KT_STR("command_line"),
                      KT_STR_NONE, KT_STR_NONE };
    return audit_write(d, &e, c->now_ms);
}

/* One line of standard input, without its end. */
static kt_str read_password(kt_arena *mem)
{
    char line[2048];
    if (!fgets(line, sizeof line, stdin)) return KT_STR("");
    kt_str s = { line, strcspn(line, "\r\n") };
    s = kt_str_dup(mem, s);
    kt_wipe(line, sizeof line);
    return s;
}

static int create(const call *c)
{
    creating n = { .c = c, .id = account_new_id(c->room, c->mem), .reset = token_new(c->room, c->mem) };
    const char *reason = NULL;
    n.r.lang = c->language && strcmp(c->language, "en") == 0 ? "en" : "de";
    if (!c->email || !c->first_name || !c->last_name) return say_usage();
    bool good = email_parse(c->mem, kt_str_c(c->email), c->room->options.utf8_local, &n.r.email, &reason) &&
                text_clean(c->mem, kt_str_c(c->first_name), 100, &n.r.who.first_name, &reason) &&
                text_clean(c->mem, kt_str_c(c->last_name), 100, &n.r.who.last_name, &reason);
    if (!good || !n.r.who.first_name.len || !n.r.who.last_name.len) {
        fprintf(stderr, "kontor user: create: not acceptable: %s\n", reason ? reason : "empty");
        return 1;
    }
    if (c->password_stdin) {
        kt_str password = read_password(c->mem);
        kt_str context[] = { n.r.email.typed, n.r.who.first_name, n.r.who.last_name };
        reason = password_rule_reason(c->room->passwords, c->mem, password, context, 3);
        if (reason) {
            fprintf(stderr, "kontor user: create: the password is not acceptable: %s\n", reason);
            return 1;
        }
        kt_err err = kt_password_hash_make(c->h->passwords, password, &n.r.hash);
        if (err != KT_OK) return say_failure(err, "create");
        n.with_password = true;
    }
    kt_err err = store_write(c->h->store, create_action, &n);
    if (err != KT_OK) return say_failure(err, "create");
    if (!c->json)
        printf("%.*s created%s\n", KT_ARG(n.id), n.with_password ? "" : "; the mail to set a password is queued");
    else {
        kt_value *v = kt_map(c->mem);
        kt_set_str(c->mem, v, "id", n.id);
        print_json(v);
    }
    return 0;
}

/* ---------------------------------------------------------------- delete, sessions */

typedef struct {
    const call *c;
    const account *a;
    mail_token token;
} deed;

static kt_err deactivate_action(db *d, void *ctx)
{
    deed *x = ctx;
    return account_deactivate(x->c->room, d, x->c->mem, x->a, &x->token, x->c->now_ms);
}

static int remove_account(const call *c)
{
    account a;
    kt_err err = find(c, &a);
    if (err != KT_OK) return say_failure(err, c->who);
    deed x = { c, &a, token_new(c->room, c->mem) };
    bool at_once = c->at_once || account_is(&a, "pending");
    if (at_once) {
        err = account_erase(c->room, c->mem, a.id, c->now_ms);
        if (err == KT_OK) err = store_scrub(c->h->store);
        if (err == KT_BUSY) err = KT_OK;
    } else if (account_is(&a, "deactivated")) {
        err = KT_CONFLICT;
    } else {
        err = store_write(c->h->store, deactivate_action, &x);
    }
    if (err != KT_OK) return say_failure(err, "delete");
    if (!c->json)
        printf("%.*s %s\n", KT_ARG(a.id), at_once ? "erased" : "deactivated; it is erased when the grace is over");
    else {
        kt_value *v = kt_map(c->mem);
        kt_set_str(c->mem, v, "id", a.id);
        kt_set_c(c->mem, v, "result", at_once ? "erased" : "deactivated");
        print_json(v);
    }
    return 0;
}

static kt_err end_action(db *d, void *ctx) { return session_end_all(d, ((deed *)ctx)->a->id); }

static int sessions(const call *c)
{
    account a;
    kt_value *found = NULL;
    kt_err err = find(c, &a);
    if (err != KT_OK) return say_failure(err, c->who);
    err = store_list(store_reader(c->h->store), &SQL_account_session_list, ARGS(sql_text("account", a.id)), c->mem,
                     &found);
    deed x = { .c = c, .a = &a };
    if (err == KT_OK && c->end) err = store_write(c->h->store, end_action, &x);
    if (err != KT_OK) return say_failure(err, "sessions");
    session_cache_forget(c->room->sessions, a.id);
    if (c->json) {
        print_json(found);
        return 0;
    }
    KT_EACH(row, found) {
        kt_str seen = when(c->mem, kt_get_int(row, "seen_at", 0));
        printf("%.*s  %.*s  %.*s, %.*s  %.*s\n", KT_ARG(kt_get_str(row, "id")), KT_ARG(seen),
               KT_ARG(kt_get_str(row, "browser")), KT_ARG(kt_get_str(row, "os")), KT_ARG(kt_get_str(row, "ip_prefix")));
    }
    printf("%zu sessions%s\n", found->count, c->end ? " ended" : "");
    return 0;
}

/* ---------------------------------------------------------------- arguments */

static bool read_arguments(call *c, int argc, char **argv)
{
    struct {
        const char *name;
        const char **text;
        bool *flag;
    } options[] = { { "--json", NULL, &c->json },
                    { "--end", NULL, &c->end },
                    { "--at-once", NULL, &c->at_once },
                    { "--password-stdin", NULL, &c->password_stdin },
                    { "--state", &c->state, NULL },
                    { "--email", &c->email, NULL },
                    { "--first-name", &c->first_name, NULL },
                    { "--last-name", &c->last_name, NULL },
                    { "--language", &c->language, NULL } };
    for (int i = 0; i < argc; i++) {
        size_t k = 0, n = sizeof options / sizeof *options;
        while (k < n && strcmp(argv[i], options[k].name) != 0) k++;
        if (k == n) {
            if (argv[i][0] == '-' || c->who) return false;
            c->who = argv[i];
        } else if (options[k].flag) {
            *options[k].flag = true;
        } else {
            if (++i >= argc) return false;
            *options[k].text = argv[i];
        }
    }
    return true;
}

int user_command(house *h, void *room, int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(const call *c);
        bool needs_who;
    } verbs[] = { { "list", list, false },
                  { "show", show, true },
                  { "create", create, false },
                  { "delete", remove_account, true },
                  { "sessions", sessions, true } };
    /* argv may or may not begin with the command's own name. */
    if (argc > 0 && strcmp(argv[0], "user") == 0) {
        argc--;
        argv++;
    }
    call c = { .h = h, .room = room, .now_ms = kt_now_ms(h->clock) };
    if (argc < 1 || !read_arguments(&c, argc - 1, argv + 1)) return say_usage();
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(argv[0], verbs[i].name) != 0) continue;
        if (verbs[i].needs_who && !c.who) return say_usage();
        c.mem = kt_arena_new();
        int status = verbs[i].run(&c);
        kt_arena_free(c.mem);
        return status;
    }
    return say_usage();
}
