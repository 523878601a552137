/* SPDX-License-Identifier: Apache-2.0 */
/* page_form.c -- the data of form fields, so that every form of the house looks and behaves alike.
 *
 * A field's words stand in texts.yaml below one key: `label`, and if wanted `help` and `placeholder`.
 * An error is kept at the field and in the list that the summary on top of the form links to. */
#include "http/page_inner.h"

/* Input types and what the partial needs to know about them. */
static const struct {
    const char *type, *flag;
} kinds[] = {
    { "textarea", "is_textarea" }, { "select", "is_select" }, { "checkbox", "is_checkbox" },
    { "switch", "is_switch" },     { "radio", "is_radio" },   { "password", "is_password" },
    { "hidden", "is_hidden" },
};

static void set_words(pages *p, request *rq, kt_value *field, const char *words, const char *part)
{
    kt_str key = kt_str_fmt(rq->mem, "%s.%s", words, part);
    if (words_find(p, key)) kt_set_str(rq->mem, field, part, page_text(p, rq->mem, rq->lang, key.at, NULL));
}

kt_value *page_field(pages *p, request *rq, kt_value *fields, const char *name, const char *type, const char *words,
                     kt_str value)
{
    static const char *const parts[] = { "label", "help", "placeholder" };
    const char *flag = "is_input";
    kt_value *field = kt_map(rq->mem);
    if (kt_is(fields, KT_V_LIST))
        kt_add(fields, field);
    else
        kt_set(rq->mem, fields, name, field);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].type, type) == 0) flag = kinds[i].flag;
    kt_set_bool(rq->mem, field, flag, true);
    kt_set_c(rq->mem, field, "type", type);
    kt_set_c(rq->mem, field, "name", name);
    kt_set_str(rq->mem, field, "id", kt_str_fmt(rq->mem, "f-%s", name));
    kt_set_str(rq->mem, field, "value", value);
    /* These stand for themselves: without them a name would be looked for in the page around. */
    kt_set_c(rq->mem, field, "help", NULL);
    kt_set_c(rq->mem, field, "error", NULL);
    for (size_t i = 0; i < 3; i++) set_words(p, rq, field, words, parts[i]);
    return field;
}

kt_value *page_option(request *rq, kt_value *field, kt_str value, kt_str label)
{
    kt_value *options = NULL;
    for (kt_value *v = field->first; v; v = v->next)
        if (kt_str_is(v->key, "options")) options = v;
    if (!options) options = kt_set_list(rq->mem, field, "options");
    kt_value *option = kt_add_map(rq->mem, options);
    kt_str field_id = kt_get_str(field, "id");
    kt_set_str(rq->mem, option, "value", value);
    kt_set_str(rq->mem, option, "option_label", label);
    kt_set_str(rq->mem, option, "option_id", kt_str_fmt(rq->mem, "%.*s-%zu", KT_ARG(field_id), options->count));
    kt_set_bool(rq->mem, option, "chosen", kt_str_eq(kt_get_str(field, "value"), value));
    return option;
}

void page_field_error(request *rq, kt_value *data, kt_value *field, kt_str words)
{
    kt_value *errors = NULL;
    for (kt_value *v = data->first; v; v = v->next)
        if (kt_str_is(v->key, "errors")) errors = v;
    if (!errors) {
        errors = kt_set_list(rq->mem, data, "errors");
        kt_set_bool(rq->mem, data, "has_errors", true);
    }
    kt_value *one = kt_add_map(rq->mem, errors);
    kt_set_str(rq->mem, one, "text", words);
    kt_set_str(rq->mem, one, "field", field ? kt_get_str(field, "id") : KT_STR_NONE);
    if (field) kt_set_str(rq->mem, field, "error", words);
}
