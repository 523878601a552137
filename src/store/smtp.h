/* SPDX-License-Identifier: Apache-2.0 */
/* smtp.h -- one message over SMTP (RFC 5321), through libcurl. Only mail.c includes this.
 *
 * Keeps its connection for the next message. One thread at a time. */
#ifndef KONTOR_STORE_SMTP_H
#define KONTOR_STORE_SMTP_H
#include "store/mail.h"

typedef struct smtp smtp;
/* The options must outlive it. */
smtp *smtp_new(const mail_options *options);
void  smtp_free(smtp *s);
/* `from` and `to` as mail_address gives them. LATER: no connection, no TLS, no sign-in, 4xx. DEAD: 5xx. */
outbox_result smtp_send(smtp *s, const char *from, const char *to, kt_str message, char why[128]);

#endif
