/* SPDX-License-Identifier: Apache-2.0 */
/* mustache.h -- Mustache templates (mustache(5), spec 1.4: interpolation, sections, inverted,
 * comments, partials, delimiters), parsed once, rendered many times from kt_value trees.
 *
 * False are null, false, 0, the empty string, the empty list and what does not exist; an empty map is
 * true. Maps, lists and null print nothing. A parsed template does not change and may be rendered by
 * any number of threads at once. */
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
    /* As `text`, for names that mustache_bind gave a meaning: asked before it, with the meaning. */
    bool (*bound)(void *ctx, const void *meaning, bool escape, kt_buf *out, const void *stack);
} mustache_options;

/* KT_TOO_LARGE when partials nest beyond 100 (a partial that contains itself without end) or the
 * buffer is full. */
kt_err mustache_render(const mustache *m, const kt_value *data, const mustache_options *o, kt_buf *out) KT_MUST_CHECK;
/* As above with up to MUSTACHE_STACK_MAX maps, the last one innermost: a name is looked for in the
 * last map first. Saves copying what all pages share into the data of each. */
enum { MUSTACHE_STACK_MAX = 4 };
kt_err mustache_render_stack(const mustache *m, const kt_value *const *data, size_t n, const mustache_options *o,
                             kt_buf *out) KT_MUST_CHECK;
/* Renders a text found while rendering, in the same context. */
kt_err mustache_render_inner(const mustache *m, const void *stack, const mustache_options *o, kt_buf *out) KT_MUST_CHECK;
/* Calls `each` for every name, section and partial used: the check that texts and partials exist.
 * sigil: ' ' {{x}}, '&' {{{x}}} and {{&x}}, '#', '^', '>'. */
void mustache_names(const mustache *m, void (*each)(void *ctx, char sigil, kt_str name, int line), void *ctx);
/* Asks once, before the first rendering, what each name means; NULL = nothing special. The meaning of
 * a partial ('>') is the mustache it names; the others are handed to options.bound. */
void mustache_bind(mustache *m, const void *(*meaning)(void *ctx, char sigil, kt_str name), void *ctx);

#endif
