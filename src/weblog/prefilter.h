/* SPDX-License-Identifier: Apache-2.0 */
/* prefilter.h -- which expressions can possibly match a text, without running them.
 *
 * Most expressions contain text that must occur for them to match ("Firefox/", "iPhone"). That text is taken
 * out of each expression once; of a text to be looked at, the set of its two- and three-byte pieces is made
 * once; an expression whose pieces are not all in that set cannot match. Wrong in one direction only: it may
 * let an expression through, it never holds back one that would match. */
#ifndef KONTOR_WEBLOG_PREFILTER_H
#define KONTOR_WEBLOG_PREFILTER_H
#include "base/str.h"

#define PREFILTER_BITS 8192
#define PREFILTER_ALTERNATIVES 256
#define PREFILTER_PIECES 4

typedef struct { uint64_t at[PREFILTER_BITS / 64]; } prefilter_set;
typedef struct { uint16_t piece[PREFILTER_PIECES]; uint16_t n; } prefilter_literal;
/* At least one of the alternatives must have all its pieces in the set. n == 0: nothing is known. */
typedef struct {
    unsigned n;
    bool     folded;                      /* ask against the set of the lower-case text */
    const prefilter_literal *any;
} prefilter_need;

/* From the text of an expression in Perl's form; what it does not understand it leaves as "nothing known".
 * `fold`: the expression ignores case. The alternatives live in `mem`. */
void prefilter_learn(kt_arena *mem, kt_str expression, bool fold, prefilter_need *out);
void prefilter_look(kt_str text, bool fold, prefilter_set *out);
bool prefilter_may_match(const prefilter_need *need, const prefilter_set *as_is, const prefilter_set *folded);

#endif
