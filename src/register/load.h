/* SPDX-License-Identifier: Apache-2.0 */
/* load.h -- building a registry from texts: what registry_load does with the embedded files, and a test
 * with its own. */
#ifndef KONTOR_REGISTER_LOAD_H
#define KONTOR_REGISTER_LOAD_H
#include "register/registry.h"

typedef struct {
    const char *module;      /* "account"; NULL for the operator's file */
    const char *file;        /* how messages name it: "src/account/activity.yaml" */
    kt_str      text;        /* of activity.yaml or kontor.yaml */
    const char *schema_file; /* "src/account/schema.sql", or NULL */
    kt_str      schema;      /* its text, to name the line of a column */
} registry_text;

/* As registry_load. Texts must outlive the registry. At most one with module NULL. */
kt_err registry_load_texts(const registry_text *texts, size_t n, kt_arena *mem, kt_value *faults, registry **out) KT_MUST_CHECK;

#endif
