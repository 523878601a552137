/* SPDX-License-Identifier: Apache-2.0 */
/* user_agent.h -- operating system and browser from what a browser says about itself.
 *
 * The expressions are those of ua-parser/uap-core (`regexes.yaml`, Apache-2.0, Debian package uap-core), taken
 * over by the build; an operator may name a newer file. Only the lists for browser and operating system are
 * used: a device model is a datum nobody declared. First match wins, unanchored.
 *
 * Nothing here keeps the string: it is reduced, and the cache knows it only as a keyed hash. A parser
 * belongs to one thread. */
#ifndef KONTOR_WEBLOG_USER_AGENT_H
#define KONTOR_WEBLOG_USER_AGENT_H
#include "base/str.h"

#define UA_INPUT_MAX 512                 /* bytes looked at; the rest is not read */

typedef struct { char family[64], major[32], minor[32], patch[32], patch_minor[32]; } ua_part;
typedef struct { ua_part browser, os; } ua_parts;

/* What the log says: families and versions as far as they are true, and whether it is a machine. */
typedef struct { char os[64], os_v[48], browser[64], browser_v[48]; bool bot; } ua_words;

typedef struct ua_parser ua_parser;

/* `regexes` is the text of a regexes.yaml (views into it are kept). KT_BAD_INPUT with the line when it is
 * not of that form. Expressions are compiled when first needed. */
kt_err ua_parser_new(kt_str regexes, kt_fail *fail, ua_parser **out) KT_MUST_CHECK;
void   ua_parser_free(ua_parser *p);
/* The embedded expressions; NONE when the program was built without uap-core. */
kt_str ua_embedded(void);

/* Exactly what the expressions say; family "Other" when none matches. */
void ua_parse(ua_parser *p, kt_str user_agent, ua_parts *out);
/* What is true of it: browsers freeze parts of the string (RFC-less custom "user-agent reduction"), so
 * `Windows NT 10.0` becomes "10+", a frozen macOS or Android gets no version, and the low-entropy hints
 * Sec-CH-UA and Sec-CH-UA-Platform, which arrive unasked, correct Chromium's family and major version. */
void ua_describe(ua_parser *p, kt_str user_agent, kt_str hints, kt_str platform, ua_words *out);

/* How much of the work the literal prefilter leaves; for the test that watches it. */
typedef struct { size_t expressions, with_literal, compiled, tried, cache_hits; } ua_effort;
ua_effort ua_parser_effort(const ua_parser *p);

#endif
