/* SPDX-License-Identifier: Apache-2.0 */
/* mustache.c -- templates as a flat row of nodes.
 *
 * Parsing turns the text into nodes in reading order; a section knows the node after its end, so that
 * rendering is one walk and a false section is one jump. Names are cut at their dots while parsing.
 * What a name or a partial means to the caller can be bound to the node once (mustache_bind); words
 * and partials then cost no look-up while a page is rendered.
 *
 * Two rules of the specification shape the code: a tag that stands alone on its line takes the line
 * with it, and a partial that stands alone hands its indentation to every line of the partial's
 * template. The second is a chain of indents on the C stack, put before nodes that begin a line. */
#include "http/mustache.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { NEST_MAX = 64, RENDER_DEPTH_MAX = 100, DELIMITER_MAX = 16, NODES_MAX = 1 << 20 };

typedef enum { NODE_TEXT, NODE_VALUE, NODE_RAW, NODE_SECTION, NODE_INVERTED, NODE_PARTIAL } node_kind;

typedef struct {
    node_kind kind;
    bool begins_line; /* nothing of the template stands before it on its line */
    int line;
    uint32_t part, n_parts; /* the name cut at its dots; none for "." */
    uint32_t end;           /* sections: the node after the last one inside */
    kt_str text;            /* TEXT: the bytes; else the whole name */
    kt_str indent;          /* PARTIAL alone on its line: what stood before it */
    const void *bound;      /* the caller's meaning of the name, or NULL */
} node;

struct mustache {
    node *nodes;
    uint32_t n_nodes, cap_nodes;
    kt_str *parts;
    uint32_t n_parts, cap_parts;
};

/* ---- parsing ---- */

typedef struct {
    kt_str text;
    const char *name;
    kt_fail *fail;
    mustache *m;
    size_t at;      /* reading position */
    size_t from;    /* first byte of text not yet made a node */
    size_t counted; /* lines are counted up to here */
    int line;
    kt_str open, close;
    uint32_t nest[NEST_MAX];
    unsigned depth;
} parser;

typedef struct {
    size_t begin, end; /* of the whole tag, delimiters included */
    char sigil;        /* one of # ^ / ! > = & { or ' ' for a plain name */
    kt_str content;
    bool alone;                  /* stands alone on its line */
    size_t line_begin, line_end; /* when alone: the bytes that go with it */
} tag;

static int line_of(parser *p, size_t at)
{
    for (; p->counted < at; p->counted++)
        if (p->text.at[p->counted] == '\n') p->line++;
    return p->line;
}

static kt_err fault(parser *p, size_t at, const char *why, kt_str what)
{
    return kt_fail_set(p->fail, KT_BAD_INPUT, "", "%s:%d: %s%s%.*s", p->name, line_of(p, at), why, what.len ? " " : "",
                       KT_ARG(kt_str_slice(what, 0, 120)));
}

static node *node_add(parser *p, node_kind kind, kt_str text, size_t at)
{
    mustache *m = p->m;
    if (m->n_nodes == m->cap_nodes) {
        m->cap_nodes = m->cap_nodes ? m->cap_nodes * 2 : 16;
        m->nodes = kt_realloc(m->nodes, m->cap_nodes * sizeof *m->nodes);
    }
    node *n = &m->nodes[m->n_nodes++];
    *n = (node){ .kind = kind, .text = text, .line = line_of(p, at) };
    n->begins_line = at == 0 || p->text.at[at - 1] == '\n';
    return n;
}

static void text_add(parser *p, size_t end)
{
    if (end > p->from) node_add(p, NODE_TEXT, kt_str_slice(p->text, p->from, end), p->from);
}

static void part_add(mustache *m, kt_str part)
{
    if (m->n_parts == m->cap_parts) {
        m->cap_parts = m->cap_parts ? m->cap_parts * 2 : 16;
        m->parts = kt_realloc(m->parts, m->cap_parts * sizeof *m->parts);
    }
    m->parts[m->n_parts++] = part;
}

static kt_err name_cut(parser *p, node *n, size_t at)
{
    kt_str rest = n->text, part;
    n->part = p->m->n_parts;
    if (kt_str_is(n->text, ".")) return KT_OK;
    while (kt_str_split(&rest, '.', &part)) {
        if (part.len == 0) return fault(p, at, "a name has an empty part:", n->text);
        part_add(p->m, part);
        n->n_parts++;
    }
    if (n->n_parts == 0 || kt_str_ends(n->text, KT_STR("."))) return fault(p, at, "a name has an empty part:", n->text);
    return KT_OK;
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* A tag is alone when only blanks share its line. What a tag before it left on the line is never
 * blank, so looking at the bytes is enough. */
static void tag_find_line(const parser *p, tag *t)
{
    size_t begin = t->begin, end = t->end;
    while (begin > 0 && is_blank(p->text.at[begin - 1])) begin--;
    while (end < p->text.len && is_blank(p->text.at[end])) end++;
    if (begin > 0 && p->text.at[begin - 1] != '\n') return;
    if (end < p->text.len) {
        if (p->text.at[end] == '\r' && end + 1 < p->text.len) end++;
        if (p->text.at[end] != '\n') return;
        end++;
    }
    if (begin < p->from) return;
    t->alone = true;
    t->line_begin = begin;
    t->line_end = end;
}

/* The tag at p->at (where the opening delimiter stands). */
static kt_err tag_read(parser *p, tag *t)
{
    char closing[DELIMITER_MAX + 2];
    size_t n_closing = 0;
    size_t inside = p->at + p->open.len;
    *t = (tag){ .begin = p->at, .sigil = ' ' };
    if (inside < p->text.len && memchr("#^/!>=&{", p->text.at[inside], 8)) t->sigil = p->text.at[inside++];
    if (t->sigil == '{') closing[n_closing++] = '}';
    if (t->sigil == '=') closing[n_closing++] = '=';
    memcpy(closing + n_closing, p->close.at, p->close.len);
    n_closing += p->close.len;
    size_t end = kt_str_find(p->text, (kt_str){ closing, n_closing }, inside);
    if (end == KT_NOT_FOUND_AT) return fault(p, p->at, "a tag is not closed:", KT_STR_NONE);
    t->content = kt_str_trim(kt_str_slice(p->text, inside, end));
    t->end = end + n_closing;
    if (t->sigil != '!' && t->sigil != '=') {
        if (t->content.len == 0) return fault(p, p->at, "a tag has no name", KT_STR_NONE);
        for (size_t i = 0; i < t->content.len; i++)
            if (memchr(" \t\r\n", t->content.at[i], 4)) return fault(p, p->at, "a name holds a blank:", t->content);
    }
    if (memchr("#^/!>=", t->sigil, 6)) tag_find_line(p, t);
    return KT_OK;
}

static kt_err delimiters_set(parser *p, const tag *t)
{
    kt_str open = t->content, close;
    size_t blank = 0;
    while (blank < open.len && !memchr(" \t\r\n", open.at[blank], 4)) blank++;
    close = kt_str_trim(kt_str_slice(open, blank, open.len));
    open = kt_str_slice(open, 0, blank);
    bool good = open.len && close.len && open.len <= DELIMITER_MAX && close.len <= DELIMITER_MAX;
    for (size_t i = 0; good && i < open.len; i++) good = open.at[i] != '=';
    for (size_t i = 0; good && i < close.len; i++) good = !memchr("= \t\r\n", close.at[i], 5);
    if (!good) return fault(p, t->begin, "delimiters that cannot be used:", t->content);
    p->open = open;
    p->close = close;
    return KT_OK;
}

static kt_err section_close(parser *p, const tag *t)
{
    if (p->depth == 0) return fault(p, t->begin, "nothing is open to be closed by", t->content);
    node *opened = &p->m->nodes[p->nest[p->depth - 1]];
    if (!kt_str_eq(opened->text, t->content)) {
        line_of(p, t->begin);
        return kt_fail_set(p->fail, KT_BAD_INPUT, "", "%s:%d: {{/%.*s}} closes {{#%.*s}} of line %d", p->name, p->line,
                           KT_ARG(kt_str_slice(t->content, 0, 100)), KT_ARG(kt_str_slice(opened->text, 0, 100)),
                           opened->line);
    }
    opened->end = p->m->n_nodes;
    p->depth--;
    return KT_OK;
}

static kt_err tag_add(parser *p, const tag *t)
{
    node *n;
    switch (t->sigil) {
    case '!':
        /* Not alone, but first on its line: keeps the place where an indentation belongs. */
        if (!t->alone) node_add(p, NODE_TEXT, KT_STR(""), t->begin);
        return KT_OK;
    case '=': return delimiters_set(p, t);
    case '/': return section_close(p, t);
    case '#':
    case '^':
        if (p->depth == NEST_MAX) return fault(p, t->begin, "sections nest too deep at", t->content);
        p->nest[p->depth++] = p->m->n_nodes;
        n = node_add(p, t->sigil == '#' ? NODE_SECTION : NODE_INVERTED, t->content, t->begin);
        if (t->alone) n->begins_line = false;
        return name_cut(p, n, t->begin);
    case '>':
        n = node_add(p, NODE_PARTIAL, t->content, t->begin);
        if (t->alone) n->indent = kt_str_slice(p->text, t->line_begin, t->begin);
        if (t->alone) n->begins_line = false;
        return KT_OK;
    default:
        n = node_add(p, t->sigil == ' ' ? NODE_VALUE : NODE_RAW, t->content, t->begin);
        return name_cut(p, n, t->begin);
    }
}

static kt_err parse(parser *p)
{
    tag t;
    while ((p->at = kt_str_find(p->text, p->open, p->at)) != KT_NOT_FOUND_AT) {
        TRY(tag_read(p, &t));
        text_add(p, t.alone ? t.line_begin : t.begin);
        TRY(tag_add(p, &t));
        p->from = p->at = t.alone ? t.line_end : t.end;
        if (p->m->n_nodes > NODES_MAX) return fault(p, t.begin, "the template is too large", KT_STR_NONE);
    }
    text_add(p, p->text.len);
    if (p->depth) {
        const node *opened = &p->m->nodes[p->nest[p->depth - 1]];
        return kt_fail_set(p->fail, KT_BAD_INPUT, "", "%s:%d: {{#%.*s}} is not closed", p->name, opened->line,
                           KT_ARG(kt_str_slice(opened->text, 0, 120)));
    }
    return KT_OK;
}

kt_err mustache_parse(kt_str text, const char *name, kt_fail *fail, mustache **out)
{
    parser p = { .text = text, .name = name, .fail = fail, .line = 1, .open = KT_STR("{{"), .close = KT_STR("}}") };
    p.m = kt_calloc(1, sizeof *p.m);
    kt_err err = parse(&p);
    if (err != KT_OK) {
        mustache_free(p.m);
        p.m = NULL;
    }
    *out = p.m;
    return err;
}

void mustache_free(mustache *m)
{
    if (!m) return;
    free(m->nodes);
    free(m->parts);
    free(m);
}

static char sigil_of(node_kind kind)
{
    static const char sigils[] = {
        [NODE_VALUE] = ' ', [NODE_RAW] = '&', [NODE_SECTION] = '#', [NODE_INVERTED] = '^', [NODE_PARTIAL] = '>'
    };
    return sigils[kind];
}

void mustache_names(const mustache *m, void (*each)(void *ctx, char sigil, kt_str name, int line), void *ctx)
{
    for (uint32_t i = 0; i < m->n_nodes; i++)
        if (m->nodes[i].kind != NODE_TEXT) each(ctx, sigil_of(m->nodes[i].kind), m->nodes[i].text, m->nodes[i].line);
}

void mustache_bind(mustache *m, const void *(*meaning)(void *ctx, char sigil, kt_str name), void *ctx)
{
    for (uint32_t i = 0; i < m->n_nodes; i++)
        if (m->nodes[i].kind != NODE_TEXT)
            m->nodes[i].bound = meaning(ctx, sigil_of(m->nodes[i].kind), m->nodes[i].text);
}

/* ---- rendering ---- */

typedef struct frame {
    const kt_value *value;
    const struct frame *up;
} frame;
typedef struct indent {
    kt_str text;
    const struct indent *up;
} indent;
/* What a callback gets as `stack`. */
typedef struct {
    const frame *top;
    unsigned depth;
} scope;

typedef struct {
    const mustache *m;
    const mustache_options *o;
    kt_buf *out;
    unsigned depth;
    const indent *indent;
} run;

static const kt_value *member(const kt_value *map, kt_str key)
{
    if (!map || map->kind != KT_V_MAP) return NULL;
    for (const kt_value *v = map->first; v; v = v->next)
        if (v->key.len == key.len && v->key.at[0] == key.at[0] && memcmp(v->key.at, key.at, key.len) == 0) return v;
    return NULL;
}

/* The first part is looked for from the innermost frame outwards; what it names decides, the other
 * parts are not looked for elsewhere. */
static const kt_value *find_name(const mustache *m, const node *n, const frame *top)
{
    if (n->n_parts == 0) return top ? top->value : NULL;
    const kt_str *parts = m->parts + n->part;
    const kt_value *v = NULL;
    for (const frame *f = top; f && !v; f = f->up) v = member(f->value, parts[0]);
    for (uint32_t i = 1; v && i < n->n_parts; i++) v = member(v, parts[i]);
    return v;
}

static bool is_true(const kt_value *v)
{
    if (!v) return false;
    switch (v->kind) {
    case KT_V_NULL: return false;
    case KT_V_BOOL: return v->as.boolean;
    case KT_V_INT: return v->as.integer != 0;
    case KT_V_REAL: return v->as.real < 0 || v->as.real > 0;
    case KT_V_STRING: return v->as.string.len > 0;
    case KT_V_LIST: return v->count > 0;
    case KT_V_MAP: return true;
    }
    return false;
}

static void put_real(kt_buf *out, double real)
{
    char text[40];
    if (!isfinite(real)) return;
    int len = snprintf(text, sizeof text, "%.15g", real);
    if (strtod(text, NULL) < real || strtod(text, NULL) > real) len = snprintf(text, sizeof text, "%.17g", real);
    kt_buf_put(out, (kt_str){ text, (size_t)len });
}

static void put_value(kt_buf *out, const kt_value *v, bool escape, void (*escaper)(kt_buf *, kt_str))
{
    if (!v) return;
    switch (v->kind) {
    case KT_V_STRING:
        if (escape)
            escaper(out, v->as.string);
        else
            kt_buf_put(out, v->as.string);
        return;
    case KT_V_INT: kt_buf_put_int(out, v->as.integer); return;
    case KT_V_REAL: put_real(out, v->as.real); return;
    case KT_V_BOOL: kt_buf_put_c(out, v->as.boolean ? "true" : "false"); return;
    case KT_V_NULL:
    case KT_V_LIST:
    case KT_V_MAP: return;
    }
}

static void put_indent(kt_buf *out, const indent *i)
{
    if (!i) return;
    put_indent(out, i->up);
    kt_buf_put(out, i->text);
}

static void put_text(run *r, kt_str text)
{
    if (!r->indent) {
        kt_buf_put(r->out, text);
        return;
    }
    size_t from = 0, at;
    while ((at = kt_str_find_byte(text, '\n', from)) != KT_NOT_FOUND_AT && at + 1 < text.len) {
        kt_buf_put(r->out, kt_str_slice(text, from, at + 1));
        put_indent(r->out, r->indent);
        from = at + 1;
    }
    kt_buf_put(r->out, kt_str_slice(text, from, text.len));
}

static void put_name(run *r, const node *n, const frame *top)
{
    bool escape = n->kind == NODE_VALUE;
    scope s = { top, r->depth };
    if (n->bound && r->o->bound && r->o->bound(r->o->ctx, n->bound, escape, r->out, &s)) return;
    if (r->o->text && r->o->text(r->o->ctx, n->text, escape, r->out, &s)) return;
    put_value(r->out, find_name(r->m, n, top), escape, r->o->escape);
}

static kt_err render(run *r, uint32_t from, uint32_t to, const frame *top);

static kt_err render_section(run *r, uint32_t at, const frame *top)
{
    const node *n = &r->m->nodes[at];
    const kt_value *v = find_name(r->m, n, top);
    if (n->kind == NODE_INVERTED) return is_true(v) ? KT_OK : render(r, at + 1, n->end, top);
    if (!is_true(v)) return KT_OK;
    if (v->kind != KT_V_LIST) return render(r, at + 1, n->end, &(frame){ v, top });
    KT_EACH(item, v) TRY(render(r, at + 1, n->end, &(frame){ item, top }));
    return KT_OK;
}

static kt_err render_partial(run *r, const node *n, const frame *top)
{
    const mustache *m = n->bound;
    if (!m && r->o->partial) m = r->o->partial(r->o->ctx, n->text);
    if (!m) return KT_OK;
    if (r->depth >= RENDER_DEPTH_MAX) return KT_TOO_LARGE;
    run inner = { m, r->o, r->out, r->depth + 1, r->indent };
    indent more = { n->indent, r->indent };
    if (n->indent.len) inner.indent = &more;
    return render(&inner, 0, m->n_nodes, top);
}

static kt_err render(run *r, uint32_t from, uint32_t to, const frame *top)
{
    for (uint32_t i = from; i < to; i++) {
        const node *n = &r->m->nodes[i];
        if (r->indent && n->begins_line) put_indent(r->out, r->indent);
        switch (n->kind) {
        case NODE_TEXT: put_text(r, n->text); break;
        case NODE_VALUE:
        case NODE_RAW: put_name(r, n, top); break;
        case NODE_SECTION:
        case NODE_INVERTED:
            TRY(render_section(r, i, top));
            i = n->end - 1;
            break;
        case NODE_PARTIAL: TRY(render_partial(r, n, top)); break;
        }
    }
    /* A full buffer ends loops that would fill it for nothing. */
    return r->out->over ? KT_TOO_LARGE : KT_OK;
}

static const mustache_options *with_escape(const mustache_options *o, mustache_options *copy)
{
    if (o && o->escape) return o;
    *copy = o ? *o : (mustache_options){ 0 };
    copy->escape = kt_buf_put_html;
    return copy;
}

kt_err mustache_render(const mustache *m, const kt_value *data, const mustache_options *o, kt_buf *out)
{
    return mustache_render_stack(m, &data, 1, o, out);
}

kt_err mustache_render_stack(const mustache *m, const kt_value *const *data, size_t n, const mustache_options *o,
                             kt_buf *out)
{
    frame frames[MUSTACHE_STACK_MAX];
    mustache_options copy;
    if (n > MUSTACHE_STACK_MAX) n = MUSTACHE_STACK_MAX;
    for (size_t i = 0; i < n; i++) frames[i] = (frame){ data[i], i ? &frames[i - 1] : NULL };
    run r = { m, with_escape(o, &copy), out, 0, NULL };
    return render(&r, 0, m->n_nodes, n ? &frames[n - 1] : NULL);
}

kt_err mustache_render_inner(const mustache *m, const void *stack, const mustache_options *o, kt_buf *out)
{
    const scope *s = stack;
    mustache_options copy;
    if (s && s->depth >= RENDER_DEPTH_MAX) return KT_TOO_LARGE;
    run r = { m, with_escape(o, &copy), out, s ? s->depth + 1 : 0, NULL };
    return render(&r, 0, m->n_nodes, s ? s->top : NULL);
}
