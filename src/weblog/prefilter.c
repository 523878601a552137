/* SPDX-License-Identifier: Apache-2.0 */
/* prefilter.c -- see prefilter.h.
 *
 * The walk over an expression returns for each part a `demand`: a list of literals of which one must occur.
 * A sequence demands the best of what its members demand (the longest, then the fewest alternatives); an
 * alternation demands one of all; what is optional, negated or unknown demands nothing. */
#include "weblog/prefilter.h"

#define LITERAL_MAX 24

struct literal {
    unsigned len;
    char at[LITERAL_MAX];
};
struct demand {
    unsigned n;
    struct literal *any;
};

struct walk {
    kt_arena *mem;
    const char *at, *end;
    bool fold, lost;
    int depth;
}; /* lost: not understood */

static struct demand walk_alternation(struct walk *w);

static unsigned worth(const struct demand *d)
{
    unsigned least = LITERAL_MAX;
    if (d->n == 0) return 0;
    for (unsigned i = 0; i < d->n; i++)
        if (d->any[i].len < least) least = d->any[i].len;
    if (least < 2) return 0;
    return (least > 8 ? 8 : least) * 100 - d->n;
}

static void keep_better(struct demand *best, const struct demand *d)
{
    if (worth(d) > worth(best)) *best = *d;
}

/* The literal gathered so far becomes a demand of its own. */
static void flush(struct walk *w, struct demand *best, struct literal *run)
{
    struct demand d = { 1, run };
    if (worth(&d) > worth(best)) {
        best->n = 1;
        best->any = KT_NEW(w->mem, struct literal);
        *best->any = *run;
    }
    run->len = 0;
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

/* Behind '[': true for a letter in both cases, [Ss], which is a literal where case does not count. */
static bool skip_class(struct walk *w, char *c)
{
    if (w->fold && w->end - w->at > 2 && w->at[2] == ']' && lower(w->at[0]) == lower(w->at[1]) &&
        w->at[0] != w->at[1]) {
        *c = lower(w->at[0]);
        w->at += 3;
        return true;
    }
    if (w->at < w->end && *w->at == '^') w->at++;
    if (w->at < w->end && *w->at == ']') w->at++;
    for (; w->at < w->end && *w->at != ']'; w->at++)
        if (*w->at == '\\') w->at++;
    if (w->at < w->end)
        w->at++;
    else
        w->lost = true;
    return false;
}

/* behind '(' */
static struct demand walk_group(struct walk *w)
{
    bool certain = true;
    if (w->at < w->end && *w->at == '?') {
        if (w->end - w->at > 1 && w->at[1] == ':')
            w->at += 2;
        else if (w->end - w->at > 1 && (w->at[1] == '!' || w->at[1] == '=')) {
            certain = false;
            w->at += 2;
        } else
            w->lost = true; /* options, look-behind, names: not used there, not guessed here */
    }
    struct demand d = walk_alternation(w);
    if (w->at < w->end && *w->at == ')')
        w->at++;
    else
        w->lost = true;
    if (!certain) d.n = 0;
    return d;
}

/* Behind an atom: how often at least. Moves past the quantifier; *any tells there was one. */
static unsigned least_times(struct walk *w, bool *any)
{
    unsigned least = 1;
    *any = w->at < w->end && (*w->at == '*' || *w->at == '?' || *w->at == '+' || *w->at == '{');
    if (!*any) return 1;
    char c = *w->at++;
    if (c == '*' || c == '?') least = 0;
    if (c == '{') {
        if (w->at >= w->end || *w->at < '0' || *w->at > '9') {
            w->lost = true;
            return 0;
        }
        least = *w->at != '0';
        while (w->at < w->end && *w->at != '}') w->at++;
        if (w->at < w->end) w->at++;
    }
    if (w->at < w->end && (*w->at == '?' || *w->at == '+')) w->at++; /* lazy, possessive */
    return least;
}

/* An escape, behind the backslash: true when it stands for one literal byte. */
static bool escape(struct walk *w, char *c)
{
    if (w->at >= w->end) {
        w->lost = true;
        return false;
    }
    *c = *w->at++;
    bool word = (*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z');
    if (word && !strchr("dDwWsSbB", *c)) w->lost = true; /* \x41, \1, \Q … */
    return !word;
}

static struct demand walk_sequence(struct walk *w)
{
    struct demand best = { 0, NULL };
    struct literal run = { 0, "" };

    while (!w->lost && w->at < w->end && *w->at != '|' && *w->at != ')') {
        struct demand inner = { 0, NULL };
        bool literal = false, many;
        char c = *w->at++;
        if (c == '\\')
            literal = escape(w, &c);
        else if (c == '[')
            literal = skip_class(w, &c);
        else if (c == '(')
            inner = walk_group(w);
        else
            literal = c != '.' && c != '^' && c != '$';
        unsigned least = least_times(w, &many);
        if (literal && least) {
            if (run.len == LITERAL_MAX) flush(w, &best, &run);
            run.at[run.len++] = w->fold ? lower(c) : c;
        }
        if (!literal || many) flush(w, &best, &run);
        if (least) keep_better(&best, &inner);
    }
    flush(w, &best, &run);
    return best;
}

static struct demand walk_alternation(struct walk *w)
{
    struct demand all = { 0, NULL };
    bool nothing = ++w->depth > 30;
    unsigned room = 0;

    if (nothing) w->lost = true;
    for (;;) {
        struct demand d = walk_sequence(w);
        if (worth(&d) == 0 || all.n + d.n > PREFILTER_ALTERNATIVES) nothing = true;
        if (!nothing && all.n + d.n > room) {
            room = (all.n + d.n) * 2;
            struct literal *more = kt_alloc_array(w->mem, room, sizeof *more);
            if (all.n) memcpy(more, all.any, all.n * sizeof *more);
            all.any = more;
        }
        for (unsigned i = 0; !nothing && i < d.n; i++) all.any[all.n++] = d.any[i];
        if (w->lost || w->at >= w->end || *w->at != '|') break;
        w->at++;
    }
    w->depth--;
    if (nothing) all.n = 0;
    return all;
}

/* ---- pieces ---- */

static uint16_t piece(const char *at, size_t n)
{
    uint32_t h = (uint32_t)n;
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)at[i]) * 0x9E3779B1u, h ^= h >> 15;
    return (uint16_t)(h % PREFILTER_BITS);
}

static void put_pieces(const struct literal *l, prefilter_literal *out)
{
    size_t size = l->len < 3 ? l->len : 3, last = l->len - size, step = last / (PREFILTER_PIECES - 1) + 1;
    for (size_t at = 0; at < last && out->n < PREFILTER_PIECES - 1; at += step)
        out->piece[out->n++] = piece(l->at + at, size);
    out->piece[out->n++] = piece(l->at + last, size);
}

static bool learn(kt_arena *mem, kt_arena *scratch, kt_str expression, bool fold, prefilter_need *out)
{
    struct walk w = { scratch, expression.at, expression.at + expression.len, fold, false, 0 };
    struct demand d = walk_alternation(&w);
    if (w.lost || w.at != w.end || worth(&d) == 0) return false;
    prefilter_literal *any = kt_alloc_array(mem, d.n, sizeof *any);
    for (unsigned i = 0; i < d.n; i++) put_pieces(&d.any[i], &any[i]);
    *out = (prefilter_need){ d.n, fold, any };
    return true;
}

/* What is not known of the text as it is may be known of it in lower case: [Ss]pider. */
void prefilter_learn(kt_arena *mem, kt_str expression, bool fold, prefilter_need *out)
{
    kt_arena *scratch = kt_arena_new();
    *out = (prefilter_need){ 0, fold, NULL };
    if (fold || !learn(mem, scratch, expression, false, out)) learn(mem, scratch, expression, true, out);
    kt_arena_free(scratch);
}

void prefilter_look(kt_str text, bool fold, prefilter_set *out)
{
    char low[3] = { 0 };
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        low[0] = low[1];
        low[1] = low[2];
        low[2] = fold ? lower(c) : c;
        for (size_t n = 2; n <= 3 && n <= i + 1; n++) {
            uint16_t p = piece(low + 3 - n, n);
            out->at[p / 64] |= (uint64_t)1 << (p % 64);
        }
    }
}

bool prefilter_may_match(const prefilter_need *need, const prefilter_set *as_is, const prefilter_set *folded)
{
    const prefilter_set *set = need->folded ? folded : as_is;
    if (need->n == 0) return true;
    for (unsigned i = 0; i < need->n; i++) {
        bool all = true;
        for (unsigned p = 0; all && p < need->any[i].n; p++)
            all = set->at[need->any[i].piece[p] / 64] >> (need->any[i].piece[p] % 64) & 1;
        if (all) return true;
    }
    return false;
}
