/* SPDX-License-Identifier: Apache-2.0 */
/* mail.c -- mails into the outbox, and out of it over SMTP or into a folder.
 *
 * The body of the row is the mail as JSON; it is composed when it leaves, with the date it was put, so
 * that a mail delivered twice is the same mail to the byte. */
#include "store/mail.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/log.h"
#include "store/smtp.h"

#define BODY_MAX    (1024 * 1024)
#define MESSAGE_MAX (4 * 1024 * 1024) /* quoted-printable makes three bytes of one */

typedef struct {
    kt_arena *mem; /* the options' copy */
    mail_options options;
    smtp *smtp; /* NULL with a folder */
    const kt_clock *clock;
    kt_metric *sent;
    pthread_mutex_t lock; /* the connection takes one mail at a time */
} mailer;

/* --- into the outbox --------------------------------------------------------------------------- */

static kt_value *mail_tree(kt_arena *mem, const mail *m, int64_t now_ms)
{
    kt_value *v = kt_map(mem);
    kt_set_str(mem, v, "to", m->to);
    kt_set_str(mem, v, "subject", m->subject);
    if (m->text.at) kt_set_str(mem, v, "text", m->text);
    if (m->html.at) kt_set_str(mem, v, "html", m->html);
    kt_set_c(mem, v, "language", m->language);
    kt_set_c(mem, v, "activity", m->activity);
    kt_set_int(mem, v, "at", now_ms);
    return v;
}

/* What cannot be composed must not get into the outbox: whoever asked for it is still there to be told. */
static kt_err try_composing(kt_arena *mem, const mail *m, int64_t now_ms)
{
    static const mail_options probe = { .from_address = "probe@localhost", .host = "localhost" };
    kt_buf out;
    kt_buf_init(&out, MESSAGE_MAX);
    kt_err err = mail_compose(mem, &probe, m, now_ms, &out);
    kt_buf_free(&out);
    return err;
}

kt_err mail_put(db *d, kt_arena *mem, const mail *m, int64_t now_ms)
{
    kt_buf body;
    TRY(try_composing(mem, m, now_ms));
    kt_buf_init(&body, BODY_MAX);
    kt_json_put(&body, mail_tree(mem, m, now_ms));
    kt_err err = kt_buf_check(&body);
    if (err == KT_OK)
        err = outbox_put(d,
                         &(outbox_message){ .kind = "mail",
                                            .key = m->key,
                                            .activity = m->activity,
                                            .subject = m->subject_ref,
                                            .body = kt_buf_str(&body) },
                         now_ms);
    kt_buf_free(&body);
    return err;
}

/* --- out of it: a folder ----------------------------------------------------------------------- */

/* 20261123T141200123-KEY.eml: sorted by time, and the same name when it is delivered again. */
static kt_str file_name(kt_arena *mem, kt_str key, int64_t at_ms)
{
    kt_civil t = kt_civil_utc(at_ms);
    char *safe = kt_str_z(mem, kt_str_slice(key, 0, 120));
    for (char *c = safe; *c; c++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", *c)) *c = '_';
    return kt_str_fmt(mem, "%04d%02d%02dT%02d%02d%02d%03d-%s.eml", t.year, t.month, t.day, t.hour, t.minute, t.second,
                      t.ms, safe);
}

static bool write_all(int fd, kt_str bytes)
{
    while (bytes.len) {
        ssize_t n = write(fd, bytes.at, bytes.len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        bytes = (kt_str){ bytes.at + n, bytes.len - (size_t)n };
    }
    return true;
}

/* Whoever reads the folder sees whole mails only. */
static outbox_result drop(const char *dir, kt_str name, kt_str message, char why[128])
{
    char temporary[256], final[256];
    snprintf(temporary, sizeof temporary, ".%.*s.part", KT_ARG(name));
    snprintf(final, sizeof final, "%.*s", KT_ARG(name));
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        snprintf(why, 128, "drop folder cannot be made");
        return OUTBOX_LATER;
    }
    int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = folder < 0 ? -1 : openat(folder, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write_all(fd, message) && fsync(fd) == 0;
    if (fd >= 0) close(fd);
    ok = ok && renameat(folder, temporary, folder, final) == 0 && fsync(folder) == 0;
    if (folder >= 0) close(folder);
    if (!ok) snprintf(why, 128, "drop folder cannot be written");
    return ok ? OUTBOX_SENT : OUTBOX_LATER;
}

/* --- out of it: the wire ----------------------------------------------------------------------- */

static outbox_result send_smtp(mailer *x, kt_arena *mem, const mail *m, kt_str message, char why[128])
{
    kt_str from, to;
    bool utf8;
    if (mail_address(mem, kt_str_c(x->options.from_address), &from, &utf8) != KT_OK ||
        mail_address(mem, m->to, &to, &utf8) != KT_OK) {
        snprintf(why, 128, "address not usable");
        return OUTBOX_DEAD;
    }
    pthread_mutex_lock(&x->lock);
    outbox_result result = smtp_send(x->smtp, kt_str_z(mem, from), kt_str_z(mem, to), message, why);
    pthread_mutex_unlock(&x->lock);
    return result;
}

static void count_sent(mailer *x, const char *class, outbox_result result)
{
    static const char *const outcome[] = { [OUTBOX_SENT] = "sent", [OUTBOX_LATER] = "later", [OUTBOX_DEAD] = "dead" };
    if (x->sent) kt_metric_add(x->sent, kt_metric_series(x->sent, (const char *const[]){ class, outcome[result] }), 1);
}

static kt_str member(const kt_value *v, const char *key)
{
    const kt_value *found = kt_get(v, key);
    return kt_is(found, KT_V_STRING) ? found->as.string : KT_STR_NONE;
}

static outbox_result deliver_tree(mailer *x, kt_arena *mem, kt_str key, const kt_value *v, char why[128])
{
    int64_t at = kt_get_int(v, "at", kt_now_ms(x->clock));
    mail m = { .key = key,
               .activity = kt_str_z(mem, member(v, "activity")),
               .to = member(v, "to"),
               .subject = member(v, "subject"),
               .text = member(v, "text"),
               .html = member(v, "html"),
               .language = kt_str_z(mem, member(v, "language")) };
    outbox_result result = OUTBOX_DEAD;
    kt_buf message;
    kt_buf_init(&message, MESSAGE_MAX);
    kt_err err = mail_compose(mem, &x->options, &m, at, &message);
    if (err != KT_OK)
        snprintf(why, 128, "cannot be composed: %s", kt_err_text(err));
    else if (x->options.drop_dir)
        result = drop(x->options.drop_dir, file_name(mem, key, at), kt_buf_str(&message), why);
    else
        result = send_smtp(x, mem, &m, kt_buf_str(&message), why);
    kt_buf_free(&message);
    count_sent(x, m.activity, result);
    return result;
}

static outbox_result deliver(void *ctx, kt_str key, kt_str body, char why[128])
{
    kt_arena *mem = kt_arena_new();
    kt_value *v = NULL;
    outbox_result result = OUTBOX_DEAD;
    if (kt_json_parse(mem, body, NULL, &v) != KT_OK)
        snprintf(why, 128, "body is not a mail");
    else
        result = deliver_tree(ctx, mem, key, v, why);
    kt_arena_free(mem);
    return result;
}

/* --- life -------------------------------------------------------------------------------------- */

static void mailer_free(void *ctx)
{
    mailer *x = ctx;
    smtp_free(x->smtp);
    if (x->options.smtp_password)
        kt_wipe((char *)(uintptr_t)x->options.smtp_password, strlen(x->options.smtp_password));
    pthread_mutex_destroy(&x->lock);
    kt_arena_free(x->mem);
    free(x);
}

static void copy_options(mailer *x, const mail_options *from)
{
    const char **words[] = {
        &x->options.smtp_url, &x->options.smtp_user,    &x->options.smtp_password,
        &x->options.drop_dir, &x->options.from_address, &x->options.from_name,
        &x->options.reply_to, &x->options.host,         &x->options.ca_file,
    };
    x->options = *from;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (*words[i]) *words[i] = kt_str_z(x->mem, kt_str_c(*words[i]));
}

kt_err mail_start(outbox *o, const mail_options *options, const kt_clock *clock)
{
    kt_str wire;
    bool utf8;
    if (!options->from_address || (!options->smtp_url && !options->drop_dir)) return KT_BAD_INPUT;
    mailer *x = kt_calloc(1, sizeof *x);
    x->mem = kt_arena_new();
    x->clock = clock;
    pthread_mutex_init(&x->lock, NULL);
    copy_options(x, options);
    if (mail_address(x->mem, kt_str_c(options->from_address), &wire, &utf8) != KT_OK) {
        mailer_free(x);
        return KT_BAD_INPUT;
    }
    if (!options->drop_dir) x->smtp = smtp_new(&x->options);
    if (outbox_metrics(o))
        x->sent = kt_metric_new(outbox_metrics(o), KT_COUNTER, "kontor_mail_sent_total",
                                "Mails by activity and what came of the delivery.", "class,outcome");
    outbox_at_end(o, mailer_free, x);
    outbox_deliverer(o, "mail", deliver, x);
    return KT_OK;
}
