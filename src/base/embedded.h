/* SPDX-License-Identifier: Apache-2.0 */
/* embedded.h -- the files that are built into the program: each module's activity.yaml, schema.sql,
 * texts.yaml and pages, and everything under web/. Written by tools/embed.py at build time. */
#ifndef KONTOR_BASE_EMBEDDED_H
#define KONTOR_BASE_EMBEDDED_H
#include "base/str.h"

typedef struct {
    const char *path;                 /* "account/schema.sql", "web/kontor.css" */
    const unsigned char *data, *gz, *br;   /* gz, br: precompressed, or NULL when not worth it */
    size_t      len, gz_len, br_len;
    const char *hash;                 /* first 16 hex digits of the SHA-256 of data */
    const char *type;                 /* media type */
} kt_embedded;

extern const kt_embedded kt_embedded_files[];   /* sorted by path */
extern const size_t      kt_embedded_count;
/* NULL when there is no such file. */
const kt_embedded *kt_embedded_find(const char *path);
static inline kt_str kt_embedded_str(const kt_embedded *file)
{
    return file ? (kt_str){ (const char *)file->data, file->len } : KT_STR_NONE;
}

#endif
