/* SPDX-License-Identifier: Apache-2.0 */
/* user_agent.c -- see user_agent.h.
 *
 * The file of expressions is YAML of one regular form (each entry `- regex: '…'`, then `key: '…'` lines), and
 * is read as that form, line by line: nothing else of YAML occurs in it, and anything else is refused.
 *
 * Cost: of some 650 expressions the prefilter leaves a handful; each is compiled (PCRE2 with JIT) when it is
 * first a candidate, so a start costs reading alone. A bounded cache over the keyed hash of the whole input
 * catches the visitors who ask for more than one page. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "weblog/user_agent.h"

#include <pcre2.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/embedded.h"
#include "weblog/prefilter.h"

#define CACHE_SLOTS 4096
#define MATCH_LIMIT 20000
#define PARTS       5 /* family, major, minor, patch, patch_minor */

struct expression {
    kt_str text, replace[PARTS]; /* views into the file or the parser's arena */
    bool fold, refused;
    pcre2_code *code;
    prefilter_need need;
};

struct list {
    struct expression *at;
    size_t n, cap;
};

struct cached {
    unsigned char key[crypto_shorthash_BYTES];
    bool used;
    ua_words words;
};

struct ua_parser {
    kt_arena *mem; /* expressions that had quotes in them */
    struct list browsers, systems;
    pcre2_match_data *match;
    pcre2_match_context *limits;
    unsigned char hash_key[crypto_shorthash_KEYBYTES];
    struct cached *cache;
    ua_effort effort;
};

/* ---- reading the expressions ---- */

static const struct {
    const char *key;
    int part;
    bool os;
} replacements[] = {
    { "family_replacement", 0, false }, { "v1_replacement", 1, false },   { "v2_replacement", 2, false },
    { "v3_replacement", 3, false },     { "v4_replacement", 4, false },   { "os_replacement", 0, true },
    { "os_v1_replacement", 1, true },   { "os_v2_replacement", 2, true }, { "os_v3_replacement", 3, true },
    { "os_v4_replacement", 4, true },
};

static struct expression *list_add(struct list *l)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 256;
        l->at = kt_realloc(l->at, l->cap * sizeof *l->at);
    }
    memset(&l->at[l->n], 0, sizeof l->at[l->n]);
    return &l->at[l->n++];
}

static kt_str undouble(kt_arena *mem, kt_str s)
{
    char *copy;
    size_t n = 0;
    if (kt_str_find(s, KT_STR("''"), 0) == KT_NOT_FOUND_AT) return s;
    copy = kt_alloc(mem, s.len);
    for (size_t i = 0; i < s.len; i++) {
        copy[n++] = s.at[i];
        if (s.at[i] == '\'' && i + 1 < s.len && s.at[i + 1] == '\'') i++;
    }
    return (kt_str){ copy, n };
}

/* `key: 'value'` → both. */
static bool key_value(kt_arena *mem, kt_str line, kt_str *key, kt_str *value)
{
    size_t colon = kt_str_find_byte(line, ':', 0);
    if (colon == KT_NOT_FOUND_AT) return false;
    *key = kt_str_slice(line, 0, colon);
    *value = kt_str_trim(kt_str_slice(line, colon + 1, line.len));
    if (value->len < 2 || (value->at[0] != '\'' && value->at[0] != '"') || value->at[value->len - 1] != value->at[0])
        return false;
    if (value->at[0] == '"' && kt_str_find_byte(*value, '\\', 0) != KT_NOT_FOUND_AT) return false;
    *value = undouble(mem, kt_str_slice(*value, 1, value->len - 1));
    return true;
}

static bool read_entry(kt_arena *mem, struct list *l, bool os, kt_str line)
{
    kt_str key, value;
    bool first = kt_str_starts(line, KT_STR("- "));

    if (first) line = kt_str_trim(kt_str_slice(line, 2, line.len));
    if (!key_value(mem, line, &key, &value)) return false;
    if (first) {
        if (!kt_str_is(key, "regex")) return false;
        list_add(l)->text = value;
        return true;
    }
    if (l->n == 0) return false;
    struct expression *e = &l->at[l->n - 1];
    if (kt_str_is(key, "regex_flag")) {
        e->fold = kt_str_is(value, "i");
        return e->fold;
    }
    for (size_t i = 0; i < sizeof replacements / sizeof *replacements; i++)
        if (replacements[i].os == os && kt_str_is(key, replacements[i].key)) {
            e->replace[replacements[i].part] = value;
            return true;
        }
    return false;
}

static kt_err read_expressions(ua_parser *p, kt_str text, kt_fail *fail)
{
    struct list *into = NULL;
    kt_str line;
    bool devices = false;

    for (int n = 1; kt_str_split(&text, '\n', &line); n++) {
        bool top = line.len && line.at[0] != ' ' && line.at[0] != '#';
        kt_str words = kt_str_trim(line);
        if (words.len == 0 || words.at[0] == '#') continue;
        if (top) {
            devices = kt_str_is(words, "device_parsers:");
            into = kt_str_is(words, "user_agent_parsers:") ? &p->browsers
                   : kt_str_is(words, "os_parsers:")       ? &p->systems
                                                           : NULL;
            if (!into && !devices) return kt_fail_set(fail, KT_BAD_INPUT, "", "line %d: not a list of expressions", n);
        } else if (into && !read_entry(p->mem, into, into == &p->systems, words)) {
            return kt_fail_set(fail, KT_BAD_INPUT, "", "line %d: not an entry of a list of expressions", n);
        }
    }
    if (p->browsers.n == 0 || p->systems.n == 0) return kt_fail_set(fail, KT_BAD_INPUT, "", "no expressions in it");
    return KT_OK;
}

static void learn(ua_parser *p, struct list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        prefilter_learn(p->mem, l->at[i].text, l->at[i].fold, &l->at[i].need);
        p->effort.expressions++;
        p->effort.with_literal += l->at[i].need.n > 0;
    }
}

kt_err ua_parser_new(kt_str regexes, kt_fail *fail, ua_parser **out)
{
    ua_parser *p = kt_calloc(1, sizeof *p);
    p->mem = kt_arena_new();
    kt_err err = sodium_init() < 0 ? KT_INTERNAL : read_expressions(p, regexes, fail);
    if (err != KT_OK) {
        ua_parser_free(p);
        return err;
    }
    learn(p, &p->browsers);
    learn(p, &p->systems);
    p->match = pcre2_match_data_create(PARTS + 5, NULL);
    p->limits = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(p->limits, MATCH_LIMIT);
    pcre2_set_depth_limit(p->limits, MATCH_LIMIT);
    crypto_shorthash_keygen(p->hash_key);
    p->cache = kt_calloc(CACHE_SLOTS, sizeof *p->cache);
    *out = p;
    return KT_OK;
}

static void list_free(struct list *l)
{
    for (size_t i = 0; i < l->n; i++) pcre2_code_free(l->at[i].code);
    free(l->at);
}

void ua_parser_free(ua_parser *p)
{
    if (!p) return;
    list_free(&p->browsers);
    list_free(&p->systems);
    pcre2_match_data_free(p->match);
    pcre2_match_context_free(p->limits);
    free(p->cache);
    kt_arena_free(p->mem);
    free(p);
}

kt_str ua_embedded(void) { return kt_embedded_str(kt_embedded_find("data/user-agents.yaml")); }

ua_effort ua_parser_effort(const ua_parser *p) { return p->effort; }

/* ---- matching ---- */

static void compile(ua_parser *p, struct expression *e)
{
    size_t where;
    int error;

    p->effort.compiled++;
    e->code = pcre2_compile((PCRE2_SPTR)e->text.at, e->text.len, e->fold ? PCRE2_CASELESS : 0, &error, &where, NULL);
    if (e->code) pcre2_jit_compile(e->code, PCRE2_JIT_COMPLETE);
    e->refused = e->code == NULL; /* an expression PCRE2 does not take matches nothing */
}

static void put_bytes(char *out, size_t cap, size_t *len, const char *at, size_t n)
{
    for (size_t i = 0; i < n && *len + 1 < cap; i++) out[(*len)++] = at[i];
    out[*len] = '\0';
}

static void put_group(const ua_parser *p, kt_str text, uint32_t group, char *out, size_t cap, size_t *len)
{
    PCRE2_SIZE *at = pcre2_get_ovector_pointer(p->match);
    if (group >= pcre2_get_ovector_count(p->match) || at[2 * group] == PCRE2_UNSET) return;
    put_bytes(out, cap, len, text.at + at[2 * group], at[2 * group + 1] - at[2 * group]);
}

static void fill_part(const ua_parser *p, const struct expression *e, kt_str text, int groups, int part, char *out,
                      size_t cap)
{
    size_t len = 0;
    kt_str r = e->replace[part];
    if (!r.at && part + 1 < groups) put_group(p, text, (uint32_t)part + 1, out, cap, &len);
    for (size_t i = 0; r.at && i < r.len; i++) {
        if (r.at[i] == '$' && i + 1 < r.len && r.at[i + 1] >= '1' && r.at[i + 1] <= '9') {
            uint32_t group = (uint32_t)(r.at[++i] - '0');
            if ((int)group < groups) put_group(p, text, group, out, cap, &len);
        } else {
            put_bytes(out, cap, &len, r.at + i, 1);
        }
    }
    kt_str trimmed = kt_str_trim((kt_str){ out, len });
    memmove(out, trimmed.at, trimmed.len);
    out[trimmed.len] = '\0';
}

static void first_match(ua_parser *p, struct list *l, kt_str text, const prefilter_set *as_is,
                        const prefilter_set *folded, ua_part *out)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < l->n; i++) {
        struct expression *e = &l->at[i];
        if (e->refused || !prefilter_may_match(&e->need, as_is, folded)) continue;
        if (!e->code) compile(p, e);
        if (!e->code) continue;
        p->effort.tried++;
        int groups = pcre2_match(e->code, (PCRE2_SPTR)text.at, text.len, 0, 0, p->match, p->limits);
        if (groups < 0) continue; /* none, or a limit: counts as none */
        if (groups == 0) groups = PARTS + 5;
        fill_part(p, e, text, groups, 0, out->family, sizeof out->family);
        fill_part(p, e, text, groups, 1, out->major, sizeof out->major);
        fill_part(p, e, text, groups, 2, out->minor, sizeof out->minor);
        fill_part(p, e, text, groups, 3, out->patch, sizeof out->patch);
        fill_part(p, e, text, groups, 4, out->patch_minor, sizeof out->patch_minor);
        break;
    }
    if (!out->family[0]) memcpy(out->family, "Other", 6);
}

void ua_parse(ua_parser *p, kt_str user_agent, ua_parts *out)
{
    prefilter_set as_is, folded;
    kt_str text = kt_str_slice(user_agent, 0, UA_INPUT_MAX);
    if (!text.at) text.at = "";
    prefilter_look(text, false, &as_is);
    prefilter_look(text, true, &folded);
    first_match(p, &p->browsers, text, &as_is, &folded, &out->browser);
    first_match(p, &p->systems, text, &as_is, &folded, &out->os);
}

/* ---- what is true of it ---- */

/* Brands and platforms as browsers send them, and what the log calls them. A brand that is not in the table
 * is not taken over: the list also carries made-up ones (GREASE), and it is text from outside. */
static const struct {
    const char *brand, *family;
} brands[] = {
    { "Google Chrome", "Chrome" },
    { "Microsoft Edge", "Edge" },
    { "Opera", "Opera" },
    { "Brave", "Brave" },
    { "Vivaldi", "Vivaldi" },
    { "Samsung Internet", "Samsung Internet" },
    { "YaBrowser", "Yandex Browser" },
    { "DuckDuckGo", "DuckDuckGo" },
    { "Android WebView", "Chrome WebView" },
    { "HeadlessChrome", "HeadlessChrome" },
    { "Chromium", "Chromium" }, /* last: everyone says this too */
};
static const struct {
    const char *platform, *os;
} platforms[] = {
    { "Windows", "Windows" },     { "macOS", "macOS" },           { "Linux", "Linux" }, { "Android", "Android" },
    { "Chrome OS", "Chrome OS" }, { "Chromium OS", "Chrome OS" }, { "iOS", "iOS" },
};
static const char *const machine_words[] = {
    "bot",    "crawl",          "spider",     "slurp", "+http",  "curl/",      "wget/",     "python-", "go-http-client",
    "libwww", "headlesschrome", "lighthouse", "java/", "scrapy", "httpclient", "monitoring"
};

static bool has(kt_str text, const char *what) { return kt_str_find(text, kt_str_c(what), 0) != KT_NOT_FOUND_AT; }

static void set_text(char *to, size_t cap, const char *text)
{
    size_t len = 0;
    put_bytes(to, cap, &len, text, strlen(text));
}

/* Text of a capture comes from outside: a family is printable UTF-8, a version is digits, letters, dots. */
static void set_family(char *to, size_t cap, const char *text)
{
    kt_str s = kt_str_c(text);
    bool fine = kt_utf8_valid(s) && !has(s, "@");
    for (size_t i = 0; i < s.len; i++) fine = fine && (unsigned char)s.at[i] >= 0x20 && s.at[i] != 0x7F;
    set_text(to, cap, fine ? text : "Other");
}

static void set_version(char *to, size_t cap, const ua_part *p, bool os)
{
    const char *parts[] = { p->major, p->minor, p->patch };
    size_t n = 3, len = 0;
    if (strcmp(p->patch, "0") == 0 && strcmp(p->minor, "0") == 0) n = 1; /* Chrome/120.0.0.0 */
    if (os && p->patch[0] && strcmp(p->patch, "0") == 0) n = n < 2 ? n : 2;
    to[0] = '\0';
    for (size_t i = 0; i < n && parts[i][0]; i++) {
        size_t fine = strspn(parts[i], "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-");
        if (parts[i][fine] || fine > 12) break;
        if (i) put_bytes(to, cap, &len, ".", 1);
        put_bytes(to, cap, &len, parts[i], fine);
    }
}

static void describe_os(kt_str ua, const ua_part *os, ua_words *out)
{
    set_family(out->os, sizeof out->os, os->family);
    set_version(out->os_v, sizeof out->os_v, os, true);
    if (strcmp(os->family, "Windows") == 0 && strcmp(os->major, "10") == 0) {
        set_text(out->os_v, sizeof out->os_v, "10+");
    } else if (strcmp(os->family, "Mac OS X") == 0 && (has(ua, "10_15") || has(ua, "Mac OS X 10.15"))) {
        set_text(out->os, sizeof out->os, "macOS");
        out->os_v[0] = '\0';
    } else if (has(ua, "Android 10; K)") || strcmp(os->family, "Chrome OS") == 0) {
        out->os_v[0] = '\0';
    }
}

static void apply_brands(kt_str hints, ua_words *out)
{
    for (size_t b = 0; b < sizeof brands / sizeof *brands; b++) {
        char quoted[40];
        size_t len = 0;
        put_bytes(quoted, sizeof quoted, &len, "\"", 1);
        put_bytes(quoted, sizeof quoted, &len, brands[b].brand, strlen(brands[b].brand));
        put_bytes(quoted, sizeof quoted, &len, "\";v=\"", 5);
        size_t at = kt_str_find(hints, (kt_str){ quoted, len }, 0);
        if (at == KT_NOT_FOUND_AT) continue;
        kt_str rest = kt_str_slice(hints, at + len, hints.len);
        size_t end = kt_str_find_byte(rest, '"', 0);
        int64_t major;
        if (end == KT_NOT_FOUND_AT || end > 4 || !kt_str_int(kt_str_slice(rest, 0, end), &major) || major <= 0)
            continue;
        /* "Chrome Mobile" says more than the brand "Chrome" does. */
        if (!kt_str_starts(kt_str_c(out->browser), kt_str_c(brands[b].family)))
            set_text(out->browser, sizeof out->browser, brands[b].family);
        size_t v = 0;
        put_bytes(out->browser_v, sizeof out->browser_v, &v, rest.at, end);
        return;
    }
}

static void apply_platform(kt_str platform, ua_words *out)
{
    platform = kt_str_trim(platform);
    if (platform.len < 2 || platform.at[0] != '"' || platform.at[platform.len - 1] != '"') return;
    platform = kt_str_slice(platform, 1, platform.len - 1);
    for (size_t i = 0; i < sizeof platforms / sizeof *platforms; i++) {
        if (!kt_str_is(platform, platforms[i].platform)) continue;
        bool other = strcmp(out->os, "Other") == 0;
        /* A distribution's name ("Ubuntu") is a Linux that says more; an old "Mac OS X 10.6" is a macOS. */
        if (!other && (i == 2 || (i == 1 && strcmp(out->os, "Mac OS X") == 0))) return;
        if (strcmp(out->os, platforms[i].os) == 0) return;
        set_text(out->os, sizeof out->os, platforms[i].os);
        out->os_v[0] = '\0';
        return;
    }
}

static bool is_machine(kt_str ua)
{
    char low[UA_INPUT_MAX];
    kt_str text = kt_str_slice(ua, 0, UA_INPUT_MAX);
    for (size_t i = 0; i < text.len; i++)
        low[i] = text.at[i] >= 'A' && text.at[i] <= 'Z' ? (char)(text.at[i] + 32) : text.at[i];
    text.at = low;
    for (size_t w = 0; w < sizeof machine_words / sizeof *machine_words; w++) {
        size_t at = kt_str_find(text, kt_str_c(machine_words[w]), 0);
        if (at == KT_NOT_FOUND_AT) continue;
        if (w == 0 && at >= 2 && memcmp(low + at - 2, "cu", 2) == 0) continue; /* CUBOT makes telephones */
        return true;
    }
    return false;
}

static void describe(ua_parser *p, kt_str ua, kt_str hints, kt_str platform, ua_words *out)
{
    ua_parts parts;
    memset(out, 0, sizeof *out);
    ua_parse(p, ua, &parts);
    set_family(out->browser, sizeof out->browser, parts.browser.family);
    set_version(out->browser_v, sizeof out->browser_v, &parts.browser, false);
    describe_os(ua, &parts.os, out);
    if (has(ua, ".0.0.0") && has(ua, "Chrome/")) { /* a reduced Chromium */
        apply_brands(hints, out);
        apply_platform(platform, out);
    }
    out->bot = is_machine(ua);
}

void ua_describe(ua_parser *p, kt_str user_agent, kt_str hints, kt_str platform, ua_words *out)
{
    unsigned char key[crypto_shorthash_BYTES], all[UA_INPUT_MAX + 512];
    size_t len = 0;
    kt_str parts[] = { kt_str_slice(user_agent, 0, UA_INPUT_MAX), kt_str_slice(hints, 0, 400),
                       kt_str_slice(platform, 0, 64) };

    for (size_t i = 0; i < 3; i++) {
        if (parts[i].len) memcpy(all + len, parts[i].at, parts[i].len);
        len += parts[i].len;
        all[len++] = '\0';
    }
    crypto_shorthash(key, all, len, p->hash_key);
    uint64_t h;
    memcpy(&h, key, sizeof h);
    struct cached *slot = &p->cache[h % CACHE_SLOTS];
    if (slot->used && memcmp(slot->key, key, sizeof key) == 0) {
        p->effort.cache_hits++;
    } else {
        describe(p, parts[0], parts[1], parts[2], &slot->words);
        memcpy(slot->key, key, sizeof key);
        slot->used = true;
    }
    *out = slot->words;
    kt_wipe(all, len);
}
