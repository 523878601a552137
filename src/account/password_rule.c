/* SPDX-License-Identifier: Apache-2.0 */
/* password_rule.c -- is this password nothing but things everybody tries?
 *
 * The password is read left to right and covered with pieces: known words, runs ("1234", "qwertz", "aaaa"),
 * and loose characters. When at most two words and four loose characters cover all of it, it is refused:
 * "Passwort1234", "sommer2026!!", "HalloHallo12", "p4ssw0rt-2026". Three words are not (there are about
 * 800, so three of them are half a milliard to try, each one a hash). A few hundred words stand in for a
 * top list this way, in two languages and with every ending, and blanks alone stay allowed. */
#include "account/password_rule.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unicase.h>
#include <uninorm.h>
#include <unistd.h>
#include <gnutls/crypto.h>
#include <stdlib.h>
#include "base/embedded.h"

enum { WORDS_MAX = 2, LOOSE_MAX = 4, LOOK_AT = 128, WORD_LIST_MAX = 2048, CONTEXT_MAX = 16, CONTEXT_LEAST = 4 };

struct password_rule {
    size_t min;
    kt_arena *mem;
    kt_str words[WORD_LIST_MAX];
    size_t n_words;
    int breached; /* open file, or -1 */
    size_t n_breached;
};

static const kt_str rows[] = {
    { "abcdefghijklmnopqrstuvwxyz", 26 }, { "01234567890", 11 },           { "qwertzuiop", 10 },
    { "qwertyuiop", 10 },                 { "asdfghjkl", 9 },              { "yxcvbnm", 7 },
    { "zxcvbnm", 7 },                     { "1qaz2wsx3edc4rfv5tgb", 20 },  { "1q2w3e4r5t6y7u8i9o", 18 },
    { "qayxswedcvfrtgbnhzujm", 21 },      { "147258369", 9 },              { "159357", 6 },
};

password_rule *password_rule_new(size_t min, const char *breached_file)
{
    password_rule *r = kt_calloc(1, sizeof *r);
    kt_str rest = kt_embedded_str(kt_embedded_find("account/data/common-words.txt")), line, word;
    r->min = min < 8 ? 8 : min;
    r->mem = kt_arena_new();
    while (kt_str_split(&rest, '\n', &line)) {
        if (line.len && line.at[0] == '#') continue;
        while (kt_str_split(&line, ' ', &word))
            if (word.len >= 3 && r->n_words < WORD_LIST_MAX) r->words[r->n_words++] = word;
    }
    struct stat st;
    r->breached = breached_file ? open(breached_file, O_RDONLY | O_CLOEXEC) : -1;
    if (r->breached >= 0 && fstat(r->breached, &st) == 0) r->n_breached = (size_t)st.st_size / 20;
    return r;
}

void password_rule_free(password_rule *r)
{
    if (!r) return;
    if (r->breached >= 0) close(r->breached);
    kt_arena_free(r->mem);
    free(r);
}

size_t password_rule_min(const password_rule *r) { return r->min; }

/* ---------------------------------------------------------------- reading it as an attacker would */

/* Lower case, NFKC, umlauts and ß spelled out; KT_STR_NONE when it cannot be (then it is not common). */
static kt_str plain(kt_arena *mem, kt_str s)
{
    static const struct {
        const char *from, *to;
    } spelled[] = { { "\xc3\xa4", "ae" }, { "\xc3\xb6", "oe" }, { "\xc3\xbc", "ue" }, { "\xc3\x9f", "ss" } };
    size_t len = 0;
    uint8_t *low = u8_tolower((const uint8_t *)s.at, s.len, "de", UNINORM_NFKC, NULL, &len);
    if (!low) return KT_STR_NONE;
    kt_str in = { (const char *)low, len };
    char *out = kt_alloc(mem, len + 1);
    size_t n = 0;
    for (size_t i = 0; i < in.len;) {
        size_t k = 0;
        while (k < 4 && !kt_str_starts(kt_str_slice(in, i, in.len), kt_str_c(spelled[k].from))) k++;
        if (k < 4) {
            memcpy(out + n, spelled[k].to, 2);
            n += 2;
            i += 2;
        } else
            out[n++] = in.at[i++];
    }
    kt_wipe(low, len);
    free(low);
    return (kt_str){ out, n };
}

/* p4ssw0rt → passwort; `one` is what a 1 is read as (l or i). */
static kt_str unleet(kt_arena *mem, kt_str s, char one)
{
    static const char from[] = "034578@$!|", to[] = "oeastbasii";
    char *out = kt_alloc(mem, s.len + 1);
    for (size_t i = 0; i < s.len; i++) {
        const char *hit = s.at[i] ? strchr(from, s.at[i]) : NULL;
        out[i] = s.at[i] == '1' ? one : hit ? to[hit - from] : s.at[i];
    }
    return (kt_str){ out, s.len };
}

/* Length of the run beginning at s: one character again and again, or a stretch of a row, either way. */
static size_t run_length(kt_str s)
{
    size_t best = 1;
    while (best < s.len && s.at[best] == s.at[0]) best++;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        for (size_t at = 0; at < rows[r].len; at++) {
            size_t up = 0, down = 0;
            while (up < s.len && at + up < rows[r].len && rows[r].at[at + up] == s.at[up]) up++;
            while (down < s.len && down <= at && rows[r].at[at - down] == s.at[down]) down++;
            if (up > best) best = up;
            if (down > best) best = down;
        }
    }
    return best;
}

static bool is_year(kt_str s)
{
    return s.len >= 4 && (kt_str_starts(s, KT_STR("19")) || kt_str_starts(s, KT_STR("20")));
}

typedef struct {
    kt_str text;
    const kt_str *words;
    size_t n;
    const kt_str *more;
    size_t n_more;
} puzzle;

static size_t word_here(const puzzle *p, size_t at, size_t i, size_t *again)
{
    kt_str w = i < p->n ? p->words[i] : p->more[i - p->n];
    *again = w.len && at >= w.len && kt_str_eq(kt_str_slice(p->text, at - w.len, at), w);
    return w.len && kt_str_starts(kt_str_slice(p->text, at, p->text.len), w) ? w.len : 0;
}

/* loose[at][w]: fewest loose characters that cover the first `at` bytes with w words; 255 = not possible. */
static bool is_covered(const puzzle *p)
{
    unsigned char loose[LOOK_AT + 1][WORDS_MAX + 1];
    memset(loose, 255, sizeof loose);
    loose[0][0] = 0;
    if (p->text.len == 0 || p->text.len > LOOK_AT) return false;
#define REACH(to, w, cost)                                                                                             \
    do {                                                                                                               \
        if ((w) <= WORDS_MAX && (cost) < loose[to][w]) loose[to][w] = (unsigned char)(cost);                           \
    } while (0)
    for (size_t at = 0; at < p->text.len; at++) {
        kt_str rest = kt_str_slice(p->text, at, p->text.len);
        size_t run = run_length(rest), again;
        for (size_t w = 0; w <= WORDS_MAX; w++) {
            unsigned so_far = loose[at][w];
            if (so_far > LOOSE_MAX) continue;
            REACH(at + 1, w, so_far + 1);
            if (run >= 3) REACH(at + run, w, so_far);
            if (is_year(rest)) REACH(at + 4, w, so_far);
            for (size_t i = 0; i < p->n + p->n_more; i++) {
                size_t len = word_here(p, at, i, &again);
                if (len) REACH(at + len, again ? w : w + 1, so_far);
            }
        }
    }
#undef REACH
    for (size_t w = 0; w <= WORDS_MAX; w++)
        if (loose[p->text.len][w] <= LOOSE_MAX) return true;
    return false;
}

static bool is_guessable(const password_rule *r, kt_arena *mem, kt_str text, const kt_str *more, size_t n_more)
{
    puzzle p = { text, r->words, r->n_words, more, n_more };
    if (is_covered(&p)) return true;
    p.text = unleet(mem, text, 'l');
    if (is_covered(&p)) return true;
    p.text = unleet(mem, text, 'i');
    return is_covered(&p);
}

static bool is_blank(kt_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] != ' ') return false;
    return true;
}

/* The words of the context in the same plain form; "jane.doe@example.org" also gives jane, doe, example. */
static size_t context_words(kt_arena *mem, const kt_str *context, size_t n, kt_str out[CONTEXT_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        kt_str p = plain(mem, context[i]);
        size_t from = 0;
        if (p.len >= CONTEXT_LEAST && count < CONTEXT_MAX) out[count++] = p;
        for (size_t k = 0; k <= p.len; k++) {
            if (k < p.len && !strchr(".@+-_ ", p.at[k])) continue;
            if (k - from >= CONTEXT_LEAST && k - from < p.len && count < CONTEXT_MAX)
                out[count++] = kt_str_slice(p, from, k);
            from = k + 1;
        }
    }
    return count;
}

static bool is_breached(const password_rule *r, kt_str password)
{
    unsigned char want[20], have[20];
    size_t low = 0, high = r->n_breached;
    if (!high || gnutls_hash_fast(GNUTLS_DIG_SHA1, password.at, password.len, want) != 0) return false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (pread(r->breached, have, 20, (off_t)(middle * 20)) != 20) return false;
        int order = memcmp(want, have, 20);
        if (order == 0) return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

const char *password_rule_reason(const password_rule *r, kt_arena *mem, kt_str password, const kt_str *context,
                                 size_t n)
{
    kt_str own[CONTEXT_MAX];
    if (!kt_utf8_valid(password)) return "password_utf8";
    if (password.len > PASSWORD_OCTETS_MAX) return "password_long";
    if (kt_utf8_count(password) < r->min) return "password_short";
    if (is_breached(r, password)) return "password_breached";
    if (is_blank(password)) return NULL;
    kt_str text = plain(mem, password);
    if (is_guessable(r, mem, text, NULL, 0)) return "password_common";
    size_t n_own = context_words(mem, context, n, own);
    return is_guessable(r, mem, text, own, n_own) ? "password_context" : NULL;
}

bool password_reason_is_form(const char *reason)
{
    return reason && (strcmp(reason, "password_utf8") == 0 || strcmp(reason, "password_long") == 0);
}
