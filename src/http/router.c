/* SPDX-License-Identifier: Apache-2.0 */
/* router.c -- path templates as a tree of segments.
 *
 *     /account            literal children, sorted, found by halving
 *       /sessions
 *         /{id}           one child that takes any one segment
 *     /assets
 *       /{rest...}        one child that takes all that is left
 *
 * A literal wins over a name, a name over a rest; when the nearer one leads nowhere (or does not know the
 * method) the farther one is tried, so a table reads as people expect. */
#include "http/inside.h"
#include <stdlib.h>

typedef struct node {
    char *segment;          /* literal */
    struct node **children; /* literals, sorted */
    size_t n_children;
    struct node *any, *rest;
    const route **rows; /* by method, in the order added */
    size_t n_rows;
} node;

struct router {
    node root;
};

typedef struct {
    kt_str method;
    kt_str names[HTTP_PARAMS_MAX];
    size_t n_names;
    const node *seen[8]; /* nodes that know the path, but not the method */
    size_t n_seen;
    const route *found;
} search;

router *router_new(void) { return kt_calloc(1, sizeof(router)); }

static void node_clear(node *n)
{
    for (size_t i = 0; i < n->n_children; i++) {
        node_clear(n->children[i]);
        free(n->children[i]);
    }
    if (n->any) node_clear(n->any);
    if (n->rest) node_clear(n->rest);
    free(n->any);
    free(n->rest);
    free(n->children);
    free(n->rows);
    free(n->segment);
}

void router_free(router *r)
{
    if (!r) return;
    node_clear(&r->root);
    free(r);
}

static size_t child_place(const node *n, kt_str segment, bool *found)
{
    size_t low = 0, high = n->n_children;
    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = kt_str_cmp(kt_str_c(n->children[middle]->segment), segment);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static node *child_make(node *n, kt_str segment)
{
    if (kt_str_starts(segment, KT_STR("{"))) {
        node **slot = kt_str_ends(segment, KT_STR("...}")) ? &n->rest : &n->any;
        if (!*slot) *slot = kt_calloc(1, sizeof(node));
        return *slot;
    }
    bool found;
    size_t at = child_place(n, segment, &found);
    if (found) return n->children[at];
    n->children = kt_realloc(n->children, (n->n_children + 1) * sizeof *n->children);
    memmove(n->children + at + 1, n->children + at, (n->n_children - at) * sizeof *n->children);
    n->n_children++;
    node *made = n->children[at] = kt_calloc(1, sizeof(node));
    made->segment = kt_malloc(segment.len + 1);
    memcpy(made->segment, segment.at, segment.len);
    made->segment[segment.len] = 0;
    return made;
}

static bool template_is_sound(const char *path)
{
    if (path[0] != '/') return false;
    kt_str rest = kt_str_c(path + 1), segment;
    size_t names = 0;
    bool over = false;
    while (kt_str_split(&rest, '/', &segment)) {
        if (over) return false; /* nothing comes after {rest...} */
        bool name = segment.len > 0 && segment.at[0] == '{';
        if (name && (segment.len < 3 || segment.at[segment.len - 1] != '}' || ++names > HTTP_PARAMS_MAX)) return false;
        over = name && kt_str_ends(segment, KT_STR("...}"));
    }
    return true;
}

kt_err router_add(router *r, const route *row, kt_fail *fail)
{
    if (!row->path || !row->handler || !template_is_sound(row->path))
        return kt_fail_set(fail, KT_BAD_INPUT, "route", "the route %s is not a template we understand",
                           row->path ? row->path : "(none)");
    node *n = &r->root;
    kt_str rest = kt_str_c(row->path + 1), segment;
    while (kt_str_split(&rest, '/', &segment)) n = child_make(n, segment);
    for (size_t i = 0; i < n->n_rows; i++)
        if (strcmp(n->rows[i]->method, row->method) == 0)
            return kt_fail_set(fail, KT_CONFLICT, "route", "two routes answer %s %s", row->method, row->path);
    n->rows = kt_realloc(n->rows, (n->n_rows + 1) * sizeof *n->rows);
    n->rows[n->n_rows++] = row;
    return KT_OK;
}

static const route *row_for(const node *n, kt_str method)
{
    const route *get = NULL;
    for (size_t i = 0; i < n->n_rows; i++) {
        if (kt_str_is(method, n->rows[i]->method)) return n->rows[i];
        if (strcmp(n->rows[i]->method, "GET") == 0) get = n->rows[i];
    }
    return kt_str_is(method, "HEAD") ? get : NULL;
}

static bool arrive(search *s, const node *n)
{
    if (n->n_rows == 0) return false;
    s->found = row_for(n, s->method);
    if (!s->found && s->n_seen < 8) s->seen[s->n_seen++] = n;
    return s->found != NULL;
}

/* `rest` begins after the slash of the next segment; at == NULL: the path is used up. */
static bool walk(search *s, const node *n, kt_str rest)
{
    if (!rest.at) return arrive(s, n);
    kt_str all = rest, segment;
    size_t slash = kt_str_find_byte(rest, '/', 0);
    segment = slash == KT_NOT_FOUND_AT ? rest : kt_str_slice(rest, 0, slash);
    rest = slash == KT_NOT_FOUND_AT ? KT_STR_NONE : kt_str_slice(rest, slash + 1, rest.len);
    bool found;
    size_t at = child_place(n, segment, &found);
    if (found && walk(s, n->children[at], rest)) return true;
    size_t names = s->n_names;
    if (n->any && segment.len > 0 && names < HTTP_PARAMS_MAX) {
        s->names[s->n_names++] = segment;
        if (walk(s, n->any, rest)) return true;
        s->n_names = names;
    }
    if (n->rest && names < HTTP_PARAMS_MAX) {
        s->names[s->n_names++] = all;
        if (arrive(s, n->rest)) return true;
        s->n_names = names;
    }
    return false;
}

static void name_params(kt_arena *mem, const search *s, http_param *params, size_t *n_params)
{
    kt_str rest = kt_str_c(s->found->path + 1), segment;
    size_t n = 0;
    while (kt_str_split(&rest, '/', &segment)) {
        if (segment.len == 0 || segment.at[0] != '{') continue;
        size_t end = segment.len - (kt_str_ends(segment, KT_STR("...}")) ? 4 : 1);
        params[n] = (http_param){ kt_str_z(mem, kt_str_slice(segment, 1, end)), s->names[n] };
        n++;
    }
    *n_params = n;
}

static kt_str allowed_methods(kt_arena *mem, const search *s)
{
    kt_buf list;
    kt_buf_init(&list, 256);
    for (size_t i = 0; i < s->n_seen; i++)
        for (size_t j = 0; j < s->seen[i]->n_rows; j++) {
            const char *method = s->seen[i]->rows[j]->method;
            kt_str sofar = kt_buf_str(&list);
            if (sofar.len && kt_str_find(sofar, kt_str_c(method), 0) != KT_NOT_FOUND_AT) continue;
            if (list.len) kt_buf_put_c(&list, ", ");
            kt_buf_put_c(&list, method);
            if (strcmp(method, "GET") == 0) kt_buf_put_c(&list, ", HEAD");
        }
    kt_str out = kt_str_dup(mem, kt_buf_str(&list));
    kt_buf_free(&list);
    return out;
}

const route *router_find(const router *r, kt_arena *mem, kt_str method, kt_str path, http_param *params,
                         size_t *n_params, kt_str *allow)
{
    search s = { .method = method };
    *n_params = 0;
    *allow = KT_STR("");
    if (path.len == 0 || path.at[0] != '/') return NULL;
    if (walk(&s, &r->root, kt_str_slice(path, 1, path.len))) {
        name_params(mem, &s, params, n_params);
        return s.found;
    }
    *allow = allowed_methods(mem, &s);
    return NULL;
}
