/* SPDX-License-Identifier: Apache-2.0 */
/* decide.h -- the act of deciding: what was asked for, the transaction, and the reply's cookies.
 *
 * Reading a decision (from JSON or a form) is apart from carrying it out, and both are apart from HTTP,
 * so that each can be tested and fuzzed alone. */
#ifndef KONTOR_CONSENT_DECIDE_H
#define KONTOR_CONSENT_DECIDE_H
#include "consent/choice.h"

/* What somebody asked for, checked against the policy. */
typedef struct {
    const char *action;           /* accept_all, necessary_only, select, withdraw, gpc, dnt */
    const char *surface;          /* where: a word of the schema */
    const char *language;         /* "de", "en" */
    int64_t     version;          /* of the policy that was shown */
    service_set granted;
    kt_str      text_hash;        /* words that were shown, or NONE: those of today */
    kt_str      path;             /* page, masked; or NONE */
    int64_t     shown_for_ms;     /* how long the banner had been in view; 0 = not known */
    bool        gpc, dnt;         /* the page's script saw the signal */
} decision;

/* KT_BAD_INPUT with words for a wrong type, a missing list, an unknown field or service, an action that
 * contradicts its list; KT_CONFLICT when `version` is not the one in force. `lang` is what applies when
 * the body names none. Necessary services in the list are ignored. */
kt_err decision_from_json(const policy *p, kt_arena *mem, const kt_value *body, const char *lang, kt_fail *fail,
                          decision *out) KT_MUST_CHECK;
kt_err decision_from_form(const policy *p, kt_arena *mem, const form *f, const char *lang, kt_fail *fail,
                          decision *out) KT_MUST_CHECK;
/* A withdrawal of everything; the body may name surface, language and path. */
kt_err decision_withdraw(const policy *p, kt_arena *mem, const kt_value *body, const char *lang, kt_fail *fail,
                         decision *out) KT_MUST_CHECK;
/* Path of a page as it is kept: no query, segments that could be ids or tokens masked. NONE when it is not a path. */
kt_str decision_path(kt_arena *mem, kt_str path);
/* "Firefox, Linux". */
kt_str decision_ua_family(kt_arena *mem, kt_str user_agent);

/* What came of it. */
typedef struct {
    record      made;             /* made.n == 0 when the store refused and the cookie alone was narrowed */
    service_set granted, narrowed;
    int64_t     dropped;          /* messages that were waiting to be sent */
    int64_t     erased;           /* counts of page views */
} decided;

/* Records it and says so; blocks. A decision that widens nothing is carried out in the cookie even when
 * the store is full; one that widens is then KT_FULL. */
kt_err decide(const consent_room *room, request *rq, reply *rs, const decision *what, decided *out) KT_MUST_CHECK;

/* Background: appends a decision without a request (demo data, tests). */
typedef struct { kt_str id, account, origin, ip_prefix, user_agent; int64_t now_ms; bool gpc, dnt; } decider;
kt_err decide_record(const consent_room *room, kt_arena *mem, const decider *who, const decision *what,
                     decided *out) KT_MUST_CHECK;

/* Bus: the account is gone; a sign-in narrows this browser to what the account refused. */
kt_err decide_account_closed(void *room, db *d, const kt_value *facts, int64_t now_ms);
kt_err decide_signed_in(void *room, db *d, const kt_value *facts, int64_t now_ms);

#endif
