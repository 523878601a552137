/* SPDX-License-Identifier: Apache-2.0 */
/* person.c -- the fields of the registration record that people type: one table for sign-up, profile,
 * command line and checks. R1: the form collects exactly these and the e-mail address. */
#include "account/account.h"
#include "account/text.h"

typedef enum { PART_NAME, PART_ADDRESS, PART_PHONE } part;
typedef struct {
    const char *name, *type, *autocomplete;
    size_t max; /* code points */
    part of;
    size_t at; /* offset in struct person */
} field_row;

static const field_row fields[] = {
    { "first_name", "text",   "given-name",          100, PART_NAME,    offsetof(person, first_name) },
    { "last_name",  "text",   "family-name",         100, PART_NAME,    offsetof(person, last_name) },
    { "street",     "text",   "street-address",      200, PART_ADDRESS, offsetof(person, street) },
    { "postcode",   "text",   "postal-code",          20, PART_ADDRESS, offsetof(person, postcode) },
    { "city",       "text",   "address-level2",      100, PART_ADDRESS, offsetof(person, city) },
    { "country",    "select", "country",               2, PART_ADDRESS, offsetof(person, country) },
    { "phone",      "tel",    "tel",                  40, PART_PHONE,   offsetof(person, phone) },
};
enum { FIELDS = sizeof fields / sizeof *fields };
const char *const person_field_names[] = { "first_name", "last_name", "street", "postcode",
                                           "city",       "country",   "phone",  NULL };

static kt_str *slot(person *p, const field_row *row) { return (kt_str *)(void *)((char *)p + row->at); }

/* When a field is asked for: names always; the rest as the operator has decided. */
static ask_when asked(const account_room *room, const field_row *row)
{
    return row->of == PART_NAME ? ASK_REQUIRED : row->of == PART_ADDRESS ? room->options.address : room->options.phone;
}

void person_fields(form_page *f, const person *p, bool sign_up)
{
    for (size_t i = 0; i < FIELDS; i++) {
        ask_when when = asked(f->room, &fields[i]);
        if (sign_up && when == ASK_LATER) continue;
        person copy = p ? *p : (person){ 0 };
        kt_value *field = form_page_field(f, fields[i].name, fields[i].type, *slot(&copy, &fields[i]),
                                          fields[i].autocomplete, when == ASK_REQUIRED);
        if (strcmp(fields[i].name, "country") == 0) country_options(f->rq, field);
    }
}

static const char *judge(kt_arena *mem, const field_row *row, kt_str typed, kt_str *out)
{
    const char *reason = NULL;
    if (!text_clean(mem, typed, row->max, out, &reason)) return reason;
    if (strcmp(row->name, "country") == 0 && out->len && !country_known(*out)) return "country";
    return NULL;
}

person person_read(form_page *f, bool sign_up)
{
    person p = { 0 };
    const char *reason;
    bool any_address = false;
    for (size_t i = 0; i < FIELDS; i++) {
        kt_str *out = slot(&p, &fields[i]), typed = f->sent ? form_get(f->sent, fields[i].name) : KT_STR_NONE;
        ask_when when = asked(f->room, &fields[i]);
        *out = KT_STR("");
        if (sign_up && when == ASK_LATER) typed = KT_STR_NONE;
        if ((reason = judge(f->rq->mem, &fields[i], typed, out)))
            form_page_fault(f, fields[i].name, reason, 400);
        else if (when == ASK_REQUIRED && out->len == 0)
            form_page_fault(f, fields[i].name, "empty", 400);
        if (fields[i].of == PART_ADDRESS && out->len && fields[i].at != offsetof(person, country)) any_address = true;
    }
    if (any_address && p.country.len == 0 && f->room->options.address != ASK_REQUIRED)
        form_page_fault(f, "country", "country", 400);
    kt_str phone = KT_STR("");
    if (!text_phone(f->rq->mem, p.phone, p.country, &phone, &reason)) form_page_fault(f, "phone", reason, 400);
    p.phone = phone;
    return p;
}

void password_help(form_page *f, const char *field)
{
    kt_set_int(f->rq->mem, f->data, "password_min", (int64_t)password_rule_min(f->room->passwords));
    kt_set_str(f->rq->mem, form_page_get(f, field), "help",
               page_text(f->room->h->pages, f->rq->mem, f->rq->lang, "account.field.new_password.help", f->data));
}

void password_judge(form_page *f, const char *field, kt_str password, kt_str email, const person *p)
{
    const operator_facts *op = registry_operator(f->room->h->registry);
    kt_str context[] = { email, p->first_name, p->last_name, op->name, op->platform_name };
    const char *reason =
        password_rule_reason(f->room->passwords, f->rq->mem, password, context, sizeof context / sizeof *context);
    if (password.len == 0)
        form_page_fault(f, field, "empty", 400);
    else if (reason)
        form_page_fault(f, field, reason, password_reason_is_form(reason) ? 400 : 422);
}
