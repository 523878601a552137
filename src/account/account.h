/* SPDX-License-Identifier: Apache-2.0 */
/* account.h -- the room of section 10: registration, sign-in, and everything people do with their account.
 *
 * One customer is one row of `account`, and that row is the registration record of the declaration: e-mail,
 * names, address, phone, IP and time of registering, and technical columns. Around it stand the tokens of
 * mails, the proof of confirmation, the sessions, the failures and the sign-in log, each with its own end.
 *
 * Three rules run through all files:
 *  - nobody learns from outside whether an address has an account: answers, mails and work are alike;
 *  - a link in a mail changes nothing by being opened (scanners open links): it shows a page, and the
 *    button on that page acts, with the token moved from the address bar into a cookie first;
 *  - what one action writes is one transaction: state, token, mail, audit row and the telling of others.
 *
 * The handlers hold no state; the room is this struct, shared by all threads and read-only after init
 * but for the cache of sessions and the list of opened records, which lock themselves. */
#ifndef KONTOR_ACCOUNT_ACCOUNT_H
#define KONTOR_ACCOUNT_ACCOUNT_H
#include <pthread.h>
#include "account/device.h"
#include "account/email_address.h"
#include "account/password_rule.h"
#include "base/log.h"
#include "register/module.h"

extern const module account_module;

typedef enum { ASK_OPTIONAL, ASK_REQUIRED, ASK_LATER } ask_when;     /* `later`: only in the profile */

/* `account:` of kontor.yaml. */
typedef struct {
    ask_when address, phone;
    size_t   password_min;           /* code points, 12 */
    bool     utf8_local;             /* e-mail addresses with UTF-8 before the @ */
    bool     clear_site_data;        /* at sign-out */
    kt_str   terms_version;          /* date of the terms in force */
    char    *public_origin;          /* for the command line, where no server runs; NULL = loopback */
    int64_t  grace_ms;               /* from the register: registration, retention "grace" */
    int64_t  pending_ms;             /* from the register: registration, retention "unconfirmed" */
} account_options;

typedef struct session_cache session_cache;

enum { OPENED_MAX = 128, PRESESSION_TEXT = 43 };      /* 32 random bytes in base64url */
typedef struct { char staff_session[STORE_ID_LEN + 1], account[STORE_ID_LEN + 1]; int64_t until_ms; } opened_record;

typedef struct account_room {
    house           *h;
    account_options  options;
    session_cache   *sessions;
    session_backend  backend;
    password_rule   *passwords;
    kt_sha256        presession_key;
    kt_metric       *outcomes;       /* kontor_account_total{action,result} */
    pthread_mutex_t  opened_lock;
    opened_record    opened[OPENED_MAX];
} account_room;

static inline account_room *room_of(const request *rq) { return rq->room; }

/* ---- the record (record.c) ---- */

typedef struct {
    kt_str  id, state, email, email_key, last_name, first_name, street, postcode, city, country, phone;
    kt_str  password_hash, language, terms_version, consent_ref, signup_ip;
    int64_t password_version, registered_at, confirmed_at, deactivated_at, erase_at, version, changed_at;
} account;

/* KT_NOT_FOUND when there is none. Strings in mem. */
kt_err account_by_id(db *d, kt_arena *mem, kt_str id, account *out) KT_MUST_CHECK;
kt_err account_by_email_key(db *d, kt_arena *mem, kt_str key, account *out) KT_MUST_CHECK;
static inline bool account_is(const account *a, const char *state) { return kt_str_is(a->state, state); }
/* A 22-character row id. */
kt_str account_new_id(account_room *room, kt_arena *mem);
/* Tells the bus with {account} (and more, or NULL) inside a write. */
kt_err account_tell(account_room *room, db *d, kt_arena *mem, bus_event event, kt_str id, int64_t now_ms) KT_MUST_CHECK;
/* Audit row of a customer's own act; rq gives request id and network. */
kt_err account_audit(db *d, request *rq, const char *action, kt_str id, const char *result,
                     const char *reason) KT_MUST_CHECK;
/* Where links of mails point: the configured origin, never the Host header. */
const char *account_origin(const account_room *room);
void account_count(account_room *room, const char *action, const char *result);
/* The consent cookie as sent, for the room that can read it; NONE when there is none. */
kt_str account_consent_cookie(account_room *room, request *rq);
/* The one answer for a link that is used, over, or was never ours: 410. */
kt_err account_link_gone(request *rq, reply *rs) KT_MUST_CHECK;

/* ---- tokens of mails (token.c) ---- */

typedef struct { kt_str id, text; kt_sha256 hash; } mail_token;
typedef struct { kt_str id, account, state, email, email_key; int64_t password_version, current_version; } found_token;

mail_token token_new(account_room *room, kt_arena *mem);
/* kind: verify, reset, email, email_undo, undo. email/email_key may be NONE; version 0 = not bound. */
kt_err token_put(db *d, const mail_token *t, const char *kind, kt_str account_id, const email_address *email,
                 int64_t password_version, int64_t now_ms, int64_t valid_ms) KT_MUST_CHECK;
/* KT_GONE for a token that is unknown, used, expired, of another kind, or bound to an older password. */
kt_err token_find(db *d, kt_arena *mem, kt_str text, const char *kind, int64_t now_ms, found_token *out) KT_MUST_CHECK;
kt_err token_end(db *d, kt_str id) KT_MUST_CHECK;
kt_err token_end_kind(db *d, kt_str account_id, const char *kind) KT_MUST_CHECK;
/* GET of a link: moves ?t= into the cookie `mail_step` and answers 303 to the same path without it (*moved).
 * Without ?t= gives the token kept for `kind`, or NONE. */
kt_err token_step(account_room *room, request *rq, reply *rs, const char *kind, kt_str *token,
                  bool *moved) KT_MUST_CHECK;
/* The token kept for `kind`; and its end. */
kt_str token_kept(account_room *room, request *rq, const char *kind);
kt_err token_forget(account_room *room, request *rq, reply *rs) KT_MUST_CHECK;

/* ---- mails (letter.c) ---- */

typedef struct {
    const char *kind;                /* words below t.account.mail.<kind> */
    kt_str      account, to, key;    /* key: unique a mail; the same key again sends nothing */
    kt_str      lang;                /* de or en */
    const char *path;                /* of the link, with the token appended; NULL = no link */
    kt_str      token;
    kt_value   *data;                /* for the words; may be NULL */
} letter;

/* Queues it inside a write. */
kt_err letter_put(account_room *room, db *d, kt_arena *mem, const letter *l, int64_t now_ms) KT_MUST_CHECK;

/* ---- forms (form_page.c) ---- */

/* A form that is shown, judged, and shown again with what was typed. */
typedef struct {
    account_room *room;
    request      *rq;
    reply        *rs;
    const form   *sent;              /* NULL at the first look */
    kt_value     *data;              /* of the page */
    kt_value     *fields;            /* list: {{#fields}}{{> http/field}}{{/fields}} */
    const char   *reasons[16];       /* codes, for JSON */
    const char   *reason_fields[16];
    size_t        n_reasons;
    int           status;            /* 400, 422 or what was set */
} form_page;

form_page form_page_new(request *rq, reply *rs, const form *sent);
/* Adds a field; its value is what was sent, else `value`. Words: t.account.field.<name>. */
kt_value *form_page_field(form_page *f, const char *name, const char *type, kt_str value, const char *autocomplete,
                          bool required);
/* Type of the fields for addresses: browsers refuse letters beyond ASCII before the @ in type="email" and
 * rewrite the domain, so that the person no longer sees what they typed. */
#define EMAIL_INPUT "text"
kt_value *form_page_get(const form_page *f, const char *name);
/* Says what is wrong: words t.account.error.<reason>. field NULL = the form as a whole. */
void form_page_fault(form_page *f, const char *field, const char *reason, int status);
static inline bool form_page_is_bad(const form_page *f) { return f->n_reasons > 0; }
/* The page (or, for JSON, {errors: [{field, reason, text}]}) with its status. */
kt_err form_page_reply(form_page *f, const char *page);
/* A page of this room: with the tabs of the account, and "done" said when the address asks for it. */
kt_err account_page(request *rq, reply *rs, int status, const char *page, kt_value *data) KT_MUST_CHECK;
/* The form of a POST; KT_BAD_INPUT for fields that are not in `allowed`. */
kt_err form_take(request *rq, const char *const *allowed, form **out) KT_MUST_CHECK;
bool form_is_ticked(const form *f, const char *name);

/* ---- the person (person.c) ---- */

typedef struct { kt_str last_name, first_name, street, postcode, city, country, phone; } person;
/* Adds the fields of the person to a form, filled from `p` (NULL: empty); `sign_up`: only what is asked then. */
void person_fields(form_page *f, const person *p, bool sign_up);
/* Reads and judges them; faults go into f. */
person person_read(form_page *f, bool sign_up);
static inline person person_of(const account *a)
{
    return (person){ a->last_name, a->first_name, a->street, a->postcode, a->city, a->country, a->phone };
}
/* The names of the fields, NULL-ended: for form_only. */
extern const char *const person_field_names[];

/* The rule for a new password, as the help below its field. */
void password_help(form_page *f, const char *field);
/* Judges a new password against the rule and this person. */
void password_judge(form_page *f, const char *field, kt_str password, kt_str email, const person *p);

/* ---- limits (throttle.c) ---- */

/* The network a request counts for: IPv4 address, IPv6 /64. */
kt_str throttle_peer(request *rq);
/* True when one of the rule is left; else answers 429 with Retry-After and sets *err. */
bool throttle_take(account_room *room, request *rq, reply *rs, const char *rule, kt_str key, unsigned burst,
                   int64_t per_ms, kt_err *err);
/* The same without an answer: for mails that are silently not sent again. 3 an hour and 10 a day. */
bool throttle_mail(account_room *room, kt_str email_key, int64_t now_ms);
/* Password failures (persisted): true when no password is looked at now. */
kt_err lockout_is_on(db *d, kt_str account_id, int64_t now_ms, bool *locked) KT_MUST_CHECK;
kt_err lockout_failed(db *d, kt_str account_id, int64_t now_ms) KT_MUST_CHECK;
kt_err lockout_clear(db *d, kt_str account_id) KT_MUST_CHECK;

/* ---- sessions (sessions.c, guard.c) ---- */

session_cache *session_cache_new(account_room *room);
void session_cache_free(session_cache *c);
/* Forgets what is remembered of this account (NONE: of all), after its sessions changed. */
void session_cache_forget(session_cache *c, kt_str account_id);
/* Writes the times of last use that are not stored yet. */
kt_err session_cache_flush(session_cache *c) KT_MUST_CHECK;
session_backend session_cache_backend(session_cache *c);

typedef struct { kt_str id, cookie; kt_sha256 token; device dev; kt_str ip_prefix; bool stay; } new_session;
new_session session_prepare(account_room *room, request *rq, bool stay);
/* Inside a write: stores it; the oldest ends when there are more than 20 (*ended tells). */
kt_err session_put(db *d, kt_arena *mem, const new_session *s, kt_str account_id, int64_t now_ms,
                   bool *ended) KT_MUST_CHECK;
/* Sets the cookie and takes the session for this request's page. */
kt_err session_take(account_room *room, request *rq, reply *rs, const new_session *s) KT_MUST_CHECK;
/* Inside a write: ends every session of the account. */
kt_err session_end_all(db *d, kt_str account_id) KT_MUST_CHECK;

kt_err account_guard(void *ctx, request *rq, reply *rs, bool *done);
bool   account_csrf(void *ctx, request *rq, kt_str token);
void   account_globals(void *ctx, request *rq, reply *rs, kt_value *data);
/* The tabs of the pages below /account, also for those of other rooms. */
void   account_tabs(void *ctx, request *rq, reply *rs, kt_value *data);
/* Asks for the password once more, for what needs it fresh. */
kt_err account_confirm_first(request *rq, reply *rs);

/* ---- what people do: handlers, one subject a file ---- */

#define ACCOUNT_HANDLER(name) kt_err name(request *rq, reply *rs)
ACCOUNT_HANDLER(get_sign_up);        ACCOUNT_HANDLER(post_sign_up);       ACCOUNT_HANDLER(get_sign_up_sent);
ACCOUNT_HANDLER(get_verify);         ACCOUNT_HANDLER(post_verify);        ACCOUNT_HANDLER(post_verify_resend);
ACCOUNT_HANDLER(get_sign_in);        ACCOUNT_HANDLER(post_sign_in);
ACCOUNT_HANDLER(get_sign_out);       ACCOUNT_HANDLER(post_sign_out);
ACCOUNT_HANDLER(get_confirm);        ACCOUNT_HANDLER(post_confirm);
ACCOUNT_HANDLER(get_reset);          ACCOUNT_HANDLER(post_reset);         ACCOUNT_HANDLER(get_reset_sent);
ACCOUNT_HANDLER(get_reset_new);      ACCOUNT_HANDLER(post_reset_new);
ACCOUNT_HANDLER(get_account);
ACCOUNT_HANDLER(get_profile);        ACCOUNT_HANDLER(post_profile);
ACCOUNT_HANDLER(get_language);       ACCOUNT_HANDLER(post_language);
ACCOUNT_HANDLER(get_email);          ACCOUNT_HANDLER(post_email);
ACCOUNT_HANDLER(get_email_confirm);  ACCOUNT_HANDLER(post_email_confirm);
ACCOUNT_HANDLER(get_email_undo);     ACCOUNT_HANDLER(post_email_undo);
ACCOUNT_HANDLER(get_password);       ACCOUNT_HANDLER(post_password);
ACCOUNT_HANDLER(get_sessions);       ACCOUNT_HANDLER(post_session_end);   ACCOUNT_HANDLER(post_sessions_end);
ACCOUNT_HANDLER(get_delete);         ACCOUNT_HANDLER(post_delete);        ACCOUNT_HANDLER(get_deleted);
ACCOUNT_HANDLER(get_undo);           ACCOUNT_HANDLER(post_undo);
ACCOUNT_HANDLER(get_staff_accounts); ACCOUNT_HANDLER(get_staff_account);  ACCOUNT_HANDLER(post_staff_open);
ACCOUNT_HANDLER(post_staff_reset);   ACCOUNT_HANDLER(post_staff_sessions);

/* Without HTTP, for tests, the command line and demo data. */
typedef struct {
    email_address email; person who; kt_password_hash hash; const char *lang;
    kt_str consent_ref, ip, prefix, request_id;
} registration;
/* Registers, or mails the owner of the address instead; outside nobody can tell which. */
kt_err account_register(account_room *room, kt_arena *mem, const registration *r, int64_t now_ms) KT_MUST_CHECK;
kt_err account_send_reset(account_room *room, db *d, kt_arena *mem, const account *a, const mail_token *t,
                          int64_t now_ms) KT_MUST_CHECK;
/* Starts the grace: ends all sessions and tokens, mails the way back. */
kt_err account_deactivate(account_room *room, db *d, kt_arena *mem, const account *a, const mail_token *t,
                          int64_t now_ms) KT_MUST_CHECK;
kt_err account_restore(account_room *room, db *d, kt_arena *mem, const account *a, int64_t now_ms) KT_MUST_CHECK;
/* Erases one account with everything that is about it; tells the others in the same transaction. */
kt_err account_erase(account_room *room, kt_arena *mem, kt_str id, int64_t now_ms) KT_MUST_CHECK;
/* Jobs: accounts whose time is over; tokens and sessions that ended; times of last use. */
kt_err job_erase(void *room, kt_arena *mem, int64_t now_ms);
kt_err job_purge(void *room, kt_arena *mem, int64_t now_ms);
kt_err job_touch(void *room, kt_arena *mem, int64_t now_ms);

int    user_command(house *h, void *room, int argc, char **argv);
kt_err account_demo(house *h, void *room);

/* "why we hold it" of one kind of data, from the register: {data, activity, basis, until}. */
kt_value *why_held(account_room *room, kt_arena *mem, const char *lang, const char *activity_id, const char *data_id);
/* The same of a whole activity; and of all of this room. */
kt_value *why_held_whole(kt_arena *mem, const char *lang, const activity *a);
kt_value *why_list(account_room *room, kt_arena *mem, const char *lang);
/* Countries by ISO 3166-1 alpha-2; the options are sorted by their names in the reader's language. */
bool      country_known(kt_str code);
kt_str    country_name(kt_str code, const char *lang);
void      country_options(request *rq, kt_value *field);

#endif
