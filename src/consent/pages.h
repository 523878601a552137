/* SPDX-License-Identifier: Apache-2.0 */
/* pages.h -- the handlers of the consent room. */
#ifndef KONTOR_CONSENT_PAGES_H
#define KONTOR_CONSENT_PAGES_H
#include "consent/decide.h"

/* api.c */
kt_err consent_get_state(request *rq, reply *rs);
kt_err consent_get_config(request *rq, reply *rs);
kt_err consent_get_gpc(request *rq, reply *rs);
kt_err consent_post(request *rq, reply *rs);
kt_err consent_post_withdraw(request *rq, reply *rs);

/* settings.c */
kt_err consent_get_settings(request *rq, reply *rs);
/* What script and provider have to do after a withdrawal: storage keys to remove, routes at recipients. */
void   consent_put_result(const consent_room *room, kt_arena *mem, const char *lang, service_set denied, kt_value *data);
/* pages_add_global: the bar and the script on top of every public page. */
void   consent_add_bar(void *room, request *rq, reply *rs, kt_value *data);

/* proof.c */
kt_err consent_get_proof(request *rq, reply *rs);
/* The history of the signed-in account, among its pages. */
kt_err consent_get_account(request *rq, reply *rs);
/* Fills data with the records of an id and the text and layout of the one shown; KT_NOT_FOUND. */
kt_err consent_put_proof(const consent_room *room, request *rq, kt_str id, kt_value *data) KT_MUST_CHECK;

/* overview.c: the console's page */
kt_err consent_get_overview(request *rq, reply *rs);

/* demo.c */
kt_err consent_demo(house *h, void *room);

#endif
