/* SPDX-License-Identifier: Apache-2.0 */
/* email_address.h -- what we take for an e-mail address, and how two spellings become one.
 *
 * An address is kept as it was typed (mails go there) and as a key (accounts are found by it): the domain
 * as lower-case A-labels (RFC 5890), the local part lower-cased. Tags ("+news") stay: who uses them means
 * them. Quoted local parts, comments and address literals of RFC 5322 are refused: nobody signs up with
 * them, and each is a way to smuggle something into a mail's head. */
#ifndef KONTOR_ACCOUNT_EMAIL_ADDRESS_H
#define KONTOR_ACCOUNT_EMAIL_ADDRESS_H
#include "base/str.h"

enum { EMAIL_OCTETS_MAX = 254, EMAIL_LOCAL_MAX = 64 };
typedef struct { kt_str typed, key; } email_address;

/* False with a reason code ("empty", "email_long", "email_form", "email_domain"). Nothing is trimmed.
 * utf8_local: take UTF-8 before the @ (RFC 6531). Strings in mem. */
bool email_parse(kt_arena *mem, kt_str typed, bool utf8_local, email_address *out, const char **reason);
/* j***@e***.de: recognisable to whoever knows it, useless to whoever does not. */
kt_str email_masked(kt_arena *mem, kt_str address);

#endif
