/* SPDX-License-Identifier: Apache-2.0 */
/* page_inner.h -- what page.c, page_load.c and page_words.c share; nobody else includes it. */
#ifndef KONTOR_HTTP_PAGE_INNER_H
#define KONTOR_HTTP_PAGE_INNER_H
#include "http/mustache.h"
#include "http/page.h"

enum { LANG_DE, LANG_EN, LANG_COUNT };
enum { GLOBALS_MAX = 16, PAGE_MAX = 8 << 20, INNER_FIRST = 16 << 10 };

/* A table of names: open addressing, filled at start, only read afterwards. */
typedef struct { kt_str name; void *what; } name_slot;
typedef struct { name_slot *slots; size_t cap, used; } name_table;
void  names_init(name_table *t, size_t expected);
void  names_free(name_table *t);
void  names_put(name_table *t, kt_str name, void *what);
void *names_get(const name_table *t, kt_str name);

/* One text in one language. A text without {{ }} is only bytes; another is two small templates, one
 * of which had its own words escaped before it was parsed (the names it holds escape themselves). */
typedef struct {
    kt_str    plain, html;
    mustache *plain_m, *html_m;         /* NULL when there is nothing to fill in */
} wording;

typedef struct {
    kt_str      key;                    /* "account.sign_up.title" */
    const char *file;
    int         line;
    wording     in[LANG_COUNT];
} word;

typedef struct {
    kt_str      name;                   /* "account/profile" */
    const char *file;
    bool        is_layout;
    mustache   *m;
    kt_str      title;                  /* key of its title, "account.profile.title" */
} template;

typedef struct { void (*add)(void *ctx, request *rq, reply *rs, kt_value *data); void *ctx; } global;

struct pages {
    kt_arena  *mem;                     /* texts, templates, what all pages share */
    name_table words, templates;
    word      *word_list;    size_t n_words;
    template  *template_list; size_t n_templates;
    global     globals[GLOBALS_MAX]; size_t n_globals;
    kt_value  *shared[LANG_COUNT];      /* assets and the like: the outermost frame */
};

int lang_index(const char *lang);       /* anything but "en" is German, the declaration's language */

/* page_words.c: texts.yaml of every module. */
kt_err words_load(pages *p, const kt_embedded *file, kt_fail *fail) KT_MUST_CHECK;
kt_err words_check(pages *p, kt_fail *fail) KT_MUST_CHECK;
void   words_free(pages *p);
/* NULL when there is none. */
const word *words_find(const pages *p, kt_str key);
const void *words_meaning(void *ctx, char sigil, kt_str name);

/* page_load.c */
kt_err templates_check(pages *p, kt_fail *fail) KT_MUST_CHECK;

/* What a name found while rendering belongs to. */
typedef struct { const pages *p; int lang; const template *content; const mustache_options *o; } rendering;
bool page_bound(void *ctx, const void *meaning, bool escape, kt_buf *out, const void *stack);

#endif
