/* SPDX-License-Identifier: Apache-2.0 */
/* audit_pages.c -- the audit trail, newest first; ids only, as it was written. */
#include "console/console.h"
#include "console/queries.h"

enum { PAGE_ROWS = 50 };

kt_err console_get_audit(request *rq, reply *rs)
{
    console *self = rq->room;
    db *d = store_reader(self->house->store);
    int64_t before = INT64_MAX;
    kt_str asked = request_query(rq, "before"), action = request_query(rq, "action");
    if (asked.at && !kt_str_int(asked, &before)) before = INT64_MAX;
    kt_value *data = kt_map(rq->mem), *list = NULL, *actions = NULL;
    TRY(store_list(d, &SQL_console_audit_page,
                   ARGS(sql_int("before", before), sql_text("action", action.len ? action : KT_STR_NONE),
                        sql_int("limit", PAGE_ROWS + 1)),
                   rq->mem, &list));
    bool more = list->count > PAGE_ROWS;
    int64_t last = 0;
    size_t n = 0;
    kt_value *shown = kt_set_list(rq->mem, data, "rows");
    for (kt_value *row = list->first, *next; row && n < PAGE_ROWS; row = next, n++) {
        next = row->next;
        row->next = NULL;
        last = kt_get_int(row, "seq", 0);
        kt_set_str(rq->mem, row, "when", page_datetime(rq->mem, rq->lang, kt_get_int(row, "at", 0)));
        kt_set_bool(rq->mem, row, "good", kt_str_is(kt_get_str(row, "result"), "ok"));
        kt_add(shown, row);
    }
    if (more) kt_set_int(rq->mem, data, "older", last);
    TRY(store_list(d, &SQL_console_audit_actions, ARGS(), rq->mem, &actions));
    for (kt_value *a = actions->first; a; a = a->next)
        kt_set_bool(rq->mem, a, "chosen", kt_str_eq(kt_get_str(a, "action"), action));
    kt_set(rq->mem, data, "actions", actions);
    kt_set_str(rq->mem, data, "action", action);
    kt_set_bool(rq->mem, data, "empty", n == 0);
    return console_page(self, rq, rs, 200, "console/audit", data);
}
