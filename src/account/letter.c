/* SPDX-License-Identifier: Apache-2.0 */
/* letter.c -- mails of this room: text first, HTML from the same words, the reason in the last line.
 *
 * A kind of mail is four texts (subject, body, action, reason); there is one template. No mail repeats a
 * name somebody typed at sign-up: anybody can type anything for anybody's address. */
#include "account/account.h"

static kt_str word(account_room *room, kt_arena *mem, const letter *l, const char *part, const kt_value *data)
{
    return page_text(room->h->pages, mem, kt_str_is(l->lang, "en") ? "en" : "de",
                     kt_str_fmt(mem, "account.mail.%s.%s", l->kind, part).at, data);
}

/* Paragraphs of the body, one a blank line. */
static kt_value *paragraphs(kt_arena *mem, kt_str body)
{
    kt_value *list = kt_list(mem);
    for (size_t from = 0; from < body.len;) {
        size_t to = kt_str_find(body, KT_STR("\n\n"), from);
        if (to == KT_NOT_FOUND_AT) to = body.len;
        kt_str p = kt_str_trim(kt_str_slice(body, from, to));
        if (p.len) kt_add_str(mem, list, p);
        from = to + 2;
    }
    return list;
}

kt_err letter_put(account_room *room, db *d, kt_arena *mem, const letter *l, int64_t now_ms)
{
    const char *lang = kt_str_is(l->lang, "en") ? "en" : "de";
    const operator_facts *op = registry_operator(room->h->registry);
    kt_value *data = l->data ? l->data : kt_map(mem);
    kt_str link = !l->path ? KT_STR_NONE
                           : kt_str_fmt(mem, "%s%s%s%.*s", account_origin(room), l->path, l->token.len ? "?t=" : "",
                                        KT_ARG(l->token));
    kt_set_str(mem, data, "platform", op->platform_name);
    kt_set_str(mem, data, "operator", op->name);
    kt_set_c(mem, data, "origin", account_origin(room));
    kt_set_str(mem, data, "when", page_datetime(mem, lang, now_ms));
    kt_set_str(mem, data, "link", link);
    kt_str subject = word(room, mem, l, "subject", data), body = kt_str_trim(word(room, mem, l, "body", data));
    kt_str reason = word(room, mem, l, "reason", data),
           action = l->path ? word(room, mem, l, "action", data) : KT_STR_NONE;
    kt_str hello = page_text(room->h->pages, mem, lang, "account.mail.hello", data);

    kt_str text = link.len ? kt_str_fmt(mem, "%.*s\n\n%.*s\n\n%.*s:\n%.*s\n\n-- \n%.*s, %.*s\n%.*s\n", KT_ARG(hello),
                                        KT_ARG(body), KT_ARG(action), KT_ARG(link), KT_ARG(op->name), KT_ARG(op->city),
                                        KT_ARG(reason))
                           : kt_str_fmt(mem, "%.*s\n\n%.*s\n\n-- \n%.*s, %.*s\n%.*s\n", KT_ARG(hello), KT_ARG(body),
                                        KT_ARG(op->name), KT_ARG(op->city), KT_ARG(reason));
    kt_set_str(mem, data, "subject", subject);
    kt_set_str(mem, data, "hello", hello);
    kt_set(mem, data, "paragraphs", paragraphs(mem, body));
    kt_set_str(mem, data, "action", action);
    kt_set_str(mem, data, "reason", reason);
    kt_set_str(mem, data, "city", op->city);
    kt_set_c(mem, data, "lang", lang);
    kt_buf html;
    kt_buf_init(&html, 64 * 1024);
    kt_err err = page_render(room->h->pages, mem, "account/mail_message", lang, data, &html);
    mail m = {
        l->key, "registration/mail", l->account, l->to, subject, text, kt_str_dup(mem, kt_buf_str(&html)), lang
    };
    kt_buf_free(&html);
    return err == KT_OK ? mail_put(d, mem, &m, now_ms) : err;
}
