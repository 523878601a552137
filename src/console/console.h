/* SPDX-License-Identifier: Apache-2.0 */
/* console.h -- the staff's frame around the modules' pages (shared by the files of this folder).
 *
 * Staff have accounts of their own, apart from customers: another table, another cookie, another
 * realm. The frame (layout, menu, search, who am I) is here; what stands in it comes from the modules
 * through their `console_entry` rows. The first owner comes in by a one-time link that `kontor init`
 * prints; everybody else by an invitation. */
#ifndef KONTOR_CONSOLE_CONSOLE_H
#define KONTOR_CONSOLE_CONSOLE_H
#include "register/module.h"

enum { STAFF_PASSWORD_MIN = 12, STAFF_PASSWORD_MAX = 1024, STAFF_NAME_MAX = 100 };

typedef struct {
    house *house;
    session_backend sessions;
    session_times   times;
} console;

/* Replies with console/<name> inside the frame. */
kt_err console_page(console *self, request *rq, reply *rs, int status, const char *name, kt_value *data) KT_MUST_CHECK;
/* The row goes to the audit trail inside the running write. */
kt_err console_audit(db *d, request *rq, const char *action, const char *object_kind, kt_str object, const char *result,
                     kt_str reason) KT_MUST_CHECK;
/* One of the seven roles. */
bool console_role_known(kt_str role);
/* The i-th role; NONE past the last. */
kt_str console_role(size_t i);
/* `roles` is a comma-separated list, NULL = any; owners may everything. */
bool console_role_may(kt_str role, const char *roles);

/* staff.c: sign-in, sign-out, links, staff list. */
void   staff_sessions(console *self);
kt_err staff_guard(void *ctx, request *rq, reply *rs, bool *done);
kt_err staff_make_link(console *self, kt_arena *mem, const char *role, kt_str email, kt_str made_by, int64_t lifetime_ms, kt_str *token)
    KT_MUST_CHECK;
kt_err staff_create(console *self, kt_arena *mem, kt_str email, kt_str name, const char *role, kt_str password) KT_MUST_CHECK;
kt_err staff_get_sign_in(request *rq, reply *rs);
kt_err staff_post_sign_in(request *rq, reply *rs);
kt_err staff_post_sign_out(request *rq, reply *rs);
kt_err staff_get_welcome(request *rq, reply *rs);
kt_err staff_post_welcome(request *rq, reply *rs);
kt_err staff_get_list(request *rq, reply *rs);
kt_err staff_post_invite(request *rq, reply *rs);
kt_err staff_post_end(request *rq, reply *rs);
kt_err staff_get_me(request *rq, reply *rs);
kt_err staff_post_password(request *rq, reply *rs);
int    staff_command(house *h, void *room, int argc, char **argv);

/* register_pages.c: what the register says, and the notice's versions. */
kt_err console_get_register(request *rq, reply *rs);
kt_err console_get_activity(request *rq, reply *rs);
kt_err console_get_retention(request *rq, reply *rs);

/* outbox_pages.c: what leaves, and the demo's mails. */
kt_err console_get_outbox(request *rq, reply *rs);
kt_err console_post_again(request *rq, reply *rs);
kt_err console_post_drop(request *rq, reply *rs);
kt_err console_get_mails(request *rq, reply *rs);
kt_err console_get_mail(request *rq, reply *rs);

/* audit_pages.c */
kt_err console_get_audit(request *rq, reply *rs);

#endif
