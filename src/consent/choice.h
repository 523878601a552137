/* SPDX-License-Identifier: Apache-2.0 */
/* choice.h -- what applies to this request.
 *
 * The cookie carries the decision, signed:
 *
 *   v1.<policy version>.<bitmap over that version's services, base64url>.<decided at, s>.<id>.<MAC>
 *
 * It can only ever be narrowed on the way: by the register (a widened service is asked again), by the
 * record on the server (an older cookie played back after a withdrawal), by the account (a refusal made
 * while signed in elsewhere), by Sec-GPC and DNT. A cookie that says "nothing optional" costs no look-up. */
#ifndef KONTOR_CONSENT_CHOICE_H
#define KONTOR_CONSENT_CHOICE_H
#include "consent/room.h"

#define CHOICE_COOKIE_MAX 4096

typedef struct {
    bool decided;                 /* a decision is in force; else everything optional is denied */
    bool bad;                     /* a cookie was sent that is none: expire it */
    bool restored;                /* from the account, this browser has none */
    bool gpc, dnt;                /* signals of this request */
    char id[STORE_ID_LEN + 1];    /* consent id, or "" */
    int64_t version, decided_at;
    service_set granted;          /* may run, now */
    service_set chosen;           /* granted by the person; signals may narrow it to `granted` */
    service_set ask;              /* not asked yet, or asked about less than is true today */
    service_set changed;          /* of these: allowed earlier, widened since */
} choice;

/* The fields of a cookie whose MAC holds; views into the value. */
typedef struct { int64_t version, decided_s; kt_str bitmap, id; } choice_cookie;
bool   choice_cookie_parse(kt_arena *mem, kt_str key, kt_str value, choice_cookie *out);
/* Its bitmap as a list of service ids of that version; NULL when it does not fit the version. */
kt_value *choice_cookie_list(kt_arena *mem, const policy_version *then, kt_str bitmap);
kt_str choice_cookie_make(kt_arena *mem, kt_str key, const policy *p, service_set granted, int64_t now_ms, kt_str id);

/* The signals as sent. GPC holds only for a header line that is exactly "1" (Global Privacy Control 3.2). */
bool choice_gpc(request *rq);
bool choice_dnt(request *rq);

void choice_read(const consent_room *room, request *rq, choice *out);
/* The same by consent id or account alone, for work without a request. */
void choice_of_id(const consent_room *room, kt_arena *mem, kt_str id, int64_t now_ms, choice *out);
void choice_of_account(const consent_room *room, kt_arena *mem, kt_str account, int64_t now_ms, choice *out);
/* The services of `r` that still hold. */
service_set choice_record_holds(const policy *p, kt_arena *mem, const record *r, service_set *changed, service_set *asked);

/* register/permit.h's question. */
bool choice_permits(void *ctx, const permit_subject *who, const service *s);

/* The account's own choice. */
typedef struct { kt_str ref, consent_id, granted; int64_t version, decided_at; bool everywhere; } account_choice;
kt_err choice_account_get(db *d, kt_arena *mem, kt_str account, account_choice *out) KT_MUST_CHECK;

#endif
