/* SPDX-License-Identifier: Apache-2.0 */
/* prefilter.c -- see prefilter.h.
 *
 * The walk over an expression returns for each part a `demand`: a list of literals of which one must occur.
 * A sequence demands the best of what its members demand (the longest, then the fewest alternatives); an
 * alternation demands one of all; what is optional, negated or unknown demands nothing. */
#include "weblog/prefilter.h"

#define LITERAL_MAX 24

struct demand {
    unsigned n;
    struct { unsigned len; char at[LITERAL_MAX]; } any[PREFILTER_ALTERNATIVES];
};

struct walk { const char *at, *end; bool fold, lost; int depth; };   /* lost: not understood */

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
static void flush(struct demand *best, char *run, unsigned *len)
{
    struct demand d = { 0 };
    if (*len) {
        d.n = 1;
        d.any[0].len = *len;
        memcpy(d.any[0].at, run, *len);
        keep_better(best, &d);
    }
    *len = 0;
}

static void skip_class(struct walk *w)           /* behind '[' */
{
    if (w->at < w->end && *w->at == '^') w->at++;
    if (w->at < w->end && *w->at == ']') w->at++;
    for (; w->at < w->end && *w->at != ']'; w->at++)
        if (*w->at == '\\') w->at++;
    if (w->at < w->end) w->at++;
    else w->lost = true;
}

/* behind '(' */
static struct demand walk_group(struct walk *w)
{
    bool certain = true;
    if (w->at < w->end && *w->at == '?') {
        if (w->end - w->at > 1 && w->at[1] == ':') w->at += 2;
        else if (w->end - w->at > 1 && (w->at[1] == '!' || w->at[1] == '=')) { certain = false; w->at += 2; }
        else w->lost = true;                     /* options, look-behind, names: not used there, not guessed here */
    }
    struct demand d = walk_alternation(w);
    if (w->at < w->end && *w->at == ')') w->at++;
    else w->lost = true;
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
        if (w->at >= w->end || *w->at < '0' || *w->at > '9') { w->lost = true; return 0; }
        least = *w->at != '0';
        while (w->at < w->end && *w->at != '}') w->at++;
        if (w->at < w->end) w->at++;
    }
    if (w->at < w->end && (*w->at == '?' || *w->at == '+')) w->at++;      /* lazy, possessive */
    return least;
}

/* An escape, behind the backslash: true when it stands for one literal byte. */
static bool escape(struct walk *w, char *c)
{
    if (w->at >= w->end) { w->lost = true; return false; }
    *c = *w->at++;
    bool word = (*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z');
    if (word && !strchr("dDwWsSbB", *c)) w->lost = true;      /* \x41, \1, \Q … */
    return !word;
}

static struct demand walk_sequence(struct walk *w)
{
    struct demand best = { 0 };
    char run[LITERAL_MAX];
    unsigned len = 0;

    while (!w->lost && w->at < w->end && *w->at != '|' && *w->at != ')') {
        struct demand inner = { 0 };
        bool literal = false, many;
        char c = *w->at++;
        if (c == '\\') literal = escape(w, &c);
        else if (c == '[') skip_class(w);
        else if (c == '(') inner = walk_group(w);
        else literal = c != '.' && c != '^' && c != '$';
        unsigned least = least_times(w, &many);
        if (literal && least) {
            if (len == LITERAL_MAX) flush(&best, run, &len);
            run[len++] = w->fold && c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
        }
        if (!literal || many) flush(&best, run, &len);
        if (least) keep_better(&best, &inner);
    }
    flush(&best, run, &len);
    return best;
}

static struct demand walk_alternation(struct walk *w)
{
    struct demand all = { 0 };
    bool nothing = ++w->depth > 30;

    if (nothing) w->lost = true;
    for (;;) {
        struct demand d = walk_sequence(w);
        if (worth(&d) == 0 || all.n + d.n > PREFILTER_ALTERNATIVES) nothing = true;
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

void prefilter_learn(kt_str expression, bool fold, prefilter_need *out)
{
    struct walk w = { expression.at, expression.at + expression.len, fold, false, 0 };
    struct demand d = walk_alternation(&w);

    memset(out, 0, sizeof *out);
    if (w.lost || w.at != w.end || worth(&d) == 0) return;
    out->n = d.n;
    for (unsigned i = 0; i < d.n; i++) {
        size_t len = d.any[i].len, size = len < 3 ? len : 3;
        size_t last = len - size, step = last / (PREFILTER_PIECES - 1) + 1;
        for (size_t at = 0; at < last && out->any[i].n < PREFILTER_PIECES - 1; at += step)
            out->any[i].piece[out->any[i].n++] = piece(d.any[i].at + at, size);
        out->any[i].piece[out->any[i].n++] = piece(d.any[i].at + last, size);
    }
}

void prefilter_look(kt_str text, bool fold, prefilter_set *out)
{
    char low[3] = { 0 };
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        low[0] = low[1];
        low[1] = low[2];
        low[2] = fold && c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
        for (size_t n = 2; n <= 3 && n <= i + 1; n++) {
            uint16_t p = piece(low + 3 - n, n);
            out->at[p / 64] |= (uint64_t)1 << (p % 64);
        }
    }
}

bool prefilter_may_match(const prefilter_need *need, const prefilter_set *set)
{
    if (need->n == 0) return true;
    for (unsigned i = 0; i < need->n; i++) {
        bool all = true;
        for (unsigned p = 0; all && p < need->any[i].n; p++)
            all = set->at[need->any[i].piece[p] / 64] >> (need->any[i].piece[p] % 64) & 1;
        if (all) return true;
    }
    return false;
}
