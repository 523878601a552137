/* SPDX-License-Identifier: Apache-2.0 */
/* notice.c -- the notice in its three forms, all from the one tree. */
#include "register/notice_inner.h"

static kt_err write_html(const pen *n, kt_value *tree, bool standalone, kt_buf *out)
{
    return page_render(n->p, n->mem, standalone ? "register/notice_document" : "register/notice", n->lang, tree, out);
}

/* The sentences, and beside them the facts they were made from. */
static void write_json(const pen *n, kt_value *tree, kt_buf *out)
{
    kt_value *all = kt_map(n->mem);
    kt_set_str(n->mem, all, "hash", registry_hash(n->r));
    kt_set(n->mem, all, "notice", tree);
    kt_set(n->mem, all, "facts", registry_facts(n->r, n->mem));
    kt_json_put_pretty(out, all);
    kt_buf_put_byte(out, '\n');
}

kt_err notice_write(const pen *n, notice_stamp stamp, notice_format format, bool standalone, kt_buf *out)
{
    kt_value *tree = notice_tree(n, stamp);
    switch (format) {
    case NOTICE_HTML: TRY(write_html(n, tree, standalone, out)); break;
    case NOTICE_TEXT: notice_text(tree, out); break;
    case NOTICE_JSON: write_json(n, tree, out); break;
    }
    return kt_buf_check(out);
}

kt_err notice_render(const registry *r, pages *p, kt_arena *mem, const char *lang, notice_format format,
                     bool standalone, kt_buf *out)
{
    pen n = pen_new(r, p, mem, lang);
    return notice_write(&n, (notice_stamp){ 0, 0 }, format, standalone, out);
}
