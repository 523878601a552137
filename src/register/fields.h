/* SPDX-License-Identifier: Apache-2.0 */
/* fields.h -- the fields of the register's files, as tables.
 *
 * A shape is one kind of map in activity.yaml or kontor.yaml (an activity, a recipient, a retention
 * rule …) and lists its keys once: how each is read, what is allowed, whether it must be there, where it
 * lands in the C struct. Strict reading, the tree of facts, and the rule which keys an operator may
 * reword all follow from the row; docs/register.md is compared with the same rows by a test. */
#ifndef KONTOR_REGISTER_FIELDS_H
#define KONTOR_REGISTER_FIELDS_H
#include "register/registry.h"

typedef enum {
    FIELD_TEXT,        /* kt_str */
    FIELD_WORDS,       /* words: {de, en}, both needed */
    FIELD_BOOL, FIELD_INT,
    FIELD_DATE,        /* kt_str, YYYY-MM-DD */
    FIELD_PERIOD,      /* ISO 8601: milliseconds at `at`, months (int) at `more` */
    FIELD_LIFETIME,    /* seconds (int64_t); "session" = 0 */
    FIELD_CHOICE,      /* kt_str, one of `choices` */
    FIELD_ENUM,        /* int: the index in `choices` */
    FIELD_TEXTS,       /* kt_str[] at `at`, count at `more` */
    FIELD_CHOICES,     /* the same, each one of `choices` */
    FIELD_PART,        /* a map inside; its fields lie in the same struct */
    FIELD_PARTS,       /* a list of maps: structs of part->size at `at`, count at `more` */
    FIELD_COLUMNS,     /* {column: data id}: column_claim[] at `at`, count at `more` */
    FIELD_STORE        /* kt_str "<key>:<value>": a store that is no table */
} field_kind;

enum { FIELD_NEEDED = 1, FIELD_OPERATOR = 2, FIELD_HIDDEN = 4, FIELD_OR_NONE = 8 };
/* NEEDED: must be there. OPERATOR: kontor.yaml may give it for a thing the program declares.
 * HIDDEN: not a fact of the register (left out of registry_facts). OR_NONE: a part may be the word none. */

typedef struct shape shape;
typedef struct {
    const char *key;                 /* NULL ends the table */
    field_kind  kind;
    unsigned    flags;
    size_t      at, more;
    const char *const *choices;
    const char *(*test)(kt_str text);   /* NULL, or what is wrong with the text (NULL = nothing) */
    const shape *part;
} field;
struct shape {
    const char  *name;               /* for messages: "activity" */
    size_t       size;
    const field *fields;
    size_t       line_at, file_at;   /* where int line and const char *file are kept; 0 = nowhere */
    void       (*defaults)(void *thing);
};

/* One file being read. Faults are "file:line: reason" in the list; `count` counts them. */
typedef struct {
    kt_arena   *mem;                 /* of the registry */
    kt_arena   *faults_mem;
    kt_value   *faults;              /* may be NULL */
    size_t      count;
    const char *file;
} reader;
void reader_fault(reader *rd, int line, const char *fmt, ...) KT_PRINTF(3, 4);

/* Reads a map into the struct. `as_operator`: only FIELD_OPERATOR keys are allowed and none but an id
 * is missed. */
void shape_read(reader *rd, const shape *s, const kt_value *map, void *thing, bool as_operator);
/* Copies the keys that stand in `map` from one struct onto the other: an operator's override. */
void shape_overlay(const shape *s, void *onto, const void *from, const kt_value *map);
/* The struct as a tree, in the order of the table; empty fields are left out. */
kt_value *shape_facts(kt_arena *mem, const shape *s, const void *thing);
/* The period as ISO 8601, NONE for none. */
kt_str period_text(kt_arena *mem, int64_t ms, int months);

/* The shapes of the files (shapes.c). */
extern const shape shape_activity, shape_retention, shape_service, shape_recipient, shape_operator,
    shape_server, shape_mail, shape_weblog, shape_account;

/* An activity while it is read: recipients are ids until all files are in. */
typedef struct { activity a; const kt_str *recipient_ids; size_t n_recipient_ids; } activity_draft;
/* Every shape there is, NULL-ended: for the test of the documentation. */
extern const shape *const shapes_all[];

#endif
