/* SPDX-License-Identifier: Apache-2.0 */
/* mustache.h -- Mustache templates (mustache(5), spec 1.4: interpolation, sections, inverted,
 * comments, partials, delimiters), parsed once, rendered many times from kt_value trees. */
#ifndef KONTOR_HTTP_MUSTACHE_H
#define KONTOR_HTTP_MUSTACHE_H
#include "base/value.h"

typedef struct mustache mustache;

/* `name` for messages. The text must outlive the template. KT_BAD_INPUT with line. */
kt_err mustache_parse(kt_str text, const char *name, kt_fail *fail, mustache **out) KT_MUST_CHECK;
void   mustache_free(mustache *m);

typedef struct {
    /* The partial of that name, or NULL (renders as nothing, as the spec says). */
    const mustache *(*partial)(void *ctx, kt_str name);
    /* Asked first for a name; true when it wrote the value itself (words). */
    bool (*text)(void *ctx, kt_str name, bool escape, kt_buf *out, const void *stack);
    void *ctx;
    void (*escape)(kt_buf *out, kt_str s);      /* NULL = HTML */
} mustache_options;

kt_err mustache_render(const mustache *m, const kt_value *data, const mustache_options *o, kt_buf *out) KT_MUST_CHECK;
/* Renders a text found while rendering, in the same context. */
kt_err mustache_render_inner(const mustache *m, const void *stack, const mustache_options *o, kt_buf *out) KT_MUST_CHECK;
/* Calls `each` for every name, section and partial used: the check that texts and partials exist. */
void mustache_names(const mustache *m, void (*each)(void *ctx, char sigil, kt_str name, int line), void *ctx);

#endif
