/* SPDX-License-Identifier: Apache-2.0 */
/* err.h -- one table of errors for the whole program.
 *
 * A function that can fail returns a kt_err. What went wrong for *this* person (which field, which
 * line, why) goes into the kt_fail of the running request or job; the code only says which kind of
 * failure it was and which HTTP status it becomes. Adding an error is adding a row.
 *
 * A broken invariant is not an error: it is an assert. Bad input is never an assert. */
#ifndef KONTOR_BASE_ERR_H
#define KONTOR_BASE_ERR_H
#include <stdarg.h>
#include <stddef.h>

/*    name           HTTP  words */
#define KT_ERRORS(X)                                                       \
    X(OK,            200, "done")                                          \
    X(BAD_INPUT,     400, "the input is not valid")                        \
    X(UNAUTHORISED,  401, "sign-in needed")                                \
    X(REFUSED,       403, "not allowed")                                   \
    X(NOT_FOUND,     404, "no such thing")                                 \
    X(BAD_METHOD,    405, "not with this method")                          \
    X(TIMEOUT,       408, "took too long")                                 \
    X(CONFLICT,      409, "changed or taken meanwhile")                    \
    X(GONE,          410, "no longer valid")                               \
    X(TOO_LARGE,     413, "larger than the limit")                         \
    X(URI_TOO_LONG,  414, "address too long")                              \
    X(UNSUPPORTED,   415, "unsupported kind of content")                   \
    X(BAD_RANGE,     416, "range outside the file")                        \
    X(MISDIRECTED,   421, "this host is not served here")                  \
    X(INVALID,       422, "understood, but a field is not acceptable")     \
    X(TOO_MANY,      429, "too many tries, later again")                   \
    X(HEAD_TOO_LARGE,431, "request head too large")                        \
    X(INTERNAL,      500, "a fault on our side")                           \
    X(STORE,         500, "the store failed")                              \
    X(CORRUPT,       500, "stored data does not verify")                   \
    X(IO,            500, "reading or writing a file failed")              \
    X(BUSY,          503, "too busy, later again")                         \
    X(FULL,          503, "no space left")                                 \
    X(STOPPING,      503, "shutting down")

typedef enum {
#define KT_ERR_ENUM(name, status, words) KT_##name,
    KT_ERRORS(KT_ERR_ENUM)
#undef KT_ERR_ENUM
    KT_ERR_COUNT
} kt_err;

#define KT_MUST_CHECK __attribute__((warn_unused_result))
#define KT_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

/* The words of the table, for an operator; never NULL. */
const char *kt_err_text(kt_err err);
/* The name of the row ("BAD_INPUT"); never NULL. */
const char *kt_err_name(kt_err err);
/* The HTTP status the error becomes. */
int kt_err_status(kt_err err);

/* The error slot of one request, job or command: the first failure that was explained. */
typedef struct {
    kt_err err;
    char   field[64];   /* form field or register key concerned, or "" */
    char   text[512];   /* one sentence for a person; holds no personal data but what they typed */
} kt_fail;

/* Writes the words into `fail` (which may be NULL) and returns err, so that callers write
 * `return kt_fail_set(f, KT_INVALID, "email", "...")`. The first explanation stays. */
kt_err kt_fail_set(kt_fail *fail, kt_err err, const char *field, const char *fmt, ...) KT_PRINTF(4, 5);

/* Returns the error of `expression` from the running function. For functions that hold nothing. */
#define TRY(expression)                                 \
    do {                                                \
        kt_err try_err_ = (expression);                 \
        if (try_err_ != KT_OK) return try_err_;         \
    } while (0)

#endif
