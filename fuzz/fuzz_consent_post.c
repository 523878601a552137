/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the body of a decision, as JSON and as a form: nothing that was not asked for is granted,
 * and what is accepted is consistent. */
#include <stdlib.h>
#include "consent/decide.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void make_policy(policy *p)
{
    static const char *const names[] = { "page-statistics", "chat", "guides" };
    *p = (policy){ .version = 7, .n = 3, .offered = 5 }; /* the second one is not offered */
    for (size_t i = 0; i < 3; i++) p->services[i].id = kt_str_c(names[i]);
}

static void check(const policy *p, const decision *d)
{
    if (d->granted & ~p->offered) abort();
    if (d->version != p->version) abort();
    if (strcmp(d->action, "necessary_only") == 0 && d->granted) abort();
    if (strcmp(d->action, "accept_all") == 0 && d->granted != p->offered) abort();
    if ((strcmp(d->action, "gpc") == 0 || strcmp(d->action, "dnt") == 0 || strcmp(d->action, "withdraw") == 0) &&
        d->granted)
        abort();
    if (d->path.at && (d->path.len == 0 || d->path.at[0] != '/' || d->path.len > 200)) abort();
    if (d->shown_for_ms < 0 || d->shown_for_ms > KT_DAY_MS) abort();
}

/* name=value&…, the way a browser sends it. */
static form *form_of(kt_arena *mem, kt_str text)
{
    form *f = KT_NEW(mem, form);
    form_field **end = &f->first;
    kt_str pair;
    while (f->count < 200 && kt_str_split(&text, '&', &pair)) {
        size_t at = kt_str_find_byte(pair, '=', 0);
        form_field *x = KT_NEW(mem, form_field);
        if (!kt_percent_decode(mem, kt_str_slice(pair, 0, at), true, &x->name)) continue;
        if (!kt_percent_decode(mem, at == KT_NOT_FOUND_AT ? KT_STR("") : kt_str_slice(pair, at + 1, pair.len), true,
                               &x->value))
            continue;
        *end = x;
        end = &x->next;
        f->count++;
    }
    return f;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kt_arena *mem = kt_arena_new();
    kt_str text = { (const char *)data, size };
    kt_fail fail = { 0 };
    kt_value *body = NULL;
    decision d;
    policy *p = KT_NEW(mem, policy);
    make_policy(p);
    if (kt_json_parse(mem, text, &fail, &body) == KT_OK) {
        if (decision_from_json(p, mem, body, "de", &fail, &d) == KT_OK) check(p, &d);
        if (decision_withdraw(p, mem, body, "de", &fail, &d) == KT_OK) check(p, &d);
    }
    if (decision_from_form(p, mem, form_of(mem, text), "de", &fail, &d) == KT_OK) check(p, &d);
    (void)decision_ua_family(mem, text);
    kt_arena_free(mem);
    return 0;
}
