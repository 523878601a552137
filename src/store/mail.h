/* SPDX-License-Identifier: Apache-2.0 */
/* mail.h -- mails as outbox rows, delivered over SMTP (libcurl) or dropped into a folder.
 *
 * Composes a MIME message (RFC 5322, 2045-2047; UTF-8, multipart/alternative text + HTML, quoted-
 * printable or base64), Message-ID from the outbox key, Auto-Submitted: auto-generated. CR and LF in
 * any header value are refused. Addresses with UTF-8 local parts need SMTPUTF8, domains go as A-labels. */
#ifndef KONTOR_STORE_MAIL_H
#define KONTOR_STORE_MAIL_H
#include "store/outbox.h"

typedef struct {
    const char *smtp_url;       /* smtp://host:port, smtps://…; NULL with drop_dir */
    const char *smtp_user, *smtp_password;
    bool        smtp_require_tls;
    const char *drop_dir;       /* writes KEY.eml files instead */
    const char *from_address, *from_name, *reply_to;
    const char *host;           /* right-hand side of Message-ID, and how we greet the server */
    const char *ca_file;        /* certificates trusted instead of the system's, or NULL */
} mail_options;

typedef struct {
    kt_str key;                 /* idempotency key, unique a mail */
    const char *activity;
    kt_str subject_ref;         /* account id */
    kt_str to;                  /* address, as typed */
    kt_str subject, text, html; /* html may be none */
    const char *language;       /* "de", "en": Content-Language */
} mail;

/* Registers the deliverer "mail". Options are copied. */
kt_err mail_start(outbox *o, const mail_options *options, const kt_clock *clock) KT_MUST_CHECK;
/* Inside a write action: queues it. KT_BAD_INPUT: no usable address, CR, LF or NUL in a header,
 * not UTF-8; KT_TOO_LARGE. */
kt_err mail_put(db *d, kt_arena *mem, const mail *m, int64_t now_ms) KT_MUST_CHECK;
/* The address as it goes over the wire (domain as A-labels, IDNA2008); KT_BAD_INPUT when it cannot be
 * one. *utf8: the local part needs SMTPUTF8 (RFC 6531). */
kt_err mail_address(kt_arena *mem, kt_str typed, kt_str *wire, bool *utf8) KT_MUST_CHECK;
/* The message as it would be sent; for tests and the console. `out` was initialised by the caller. */
kt_err mail_compose(kt_arena *mem, const mail_options *options, const mail *m, int64_t now_ms, kt_buf *out) KT_MUST_CHECK;

#endif
