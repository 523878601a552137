/* SPDX-License-Identifier: Apache-2.0 */
/* why.c -- "why do you hold this?", answered from the register and from nowhere else. */
#include "account/account.h"

/* "6(1)(b)" as people cite it: "Art. 6 Abs. 1 S. 1 lit. b DSGVO", "Art. 6(1)(b) GDPR". */
static kt_str cited(kt_arena *mem, const legal_basis *b, const char *lang)
{
    kt_str s = b->article;
    if (strcmp(lang, "de") != 0) return kt_str_fmt(mem, "Art. %.*s GDPR", KT_ARG(s));
    bool is_full = s.len == 7 && s.at[1] == '(' && s.at[4] == '(';
    if (!is_full) return kt_str_fmt(mem, "Art. %.*s DSGVO", KT_ARG(s));
    return kt_str_fmt(mem, "Art. %c Abs. %c %slit. %c DSGVO", s.at[0], s.at[2],
                      kt_str_is(b->verbatim_form, "short") ? "" : "S. 1 ", s.at[5]);
}

/* Whether a rule that sets columns to NULL is about this kind of data. */
static bool is_about(const activity *a, const retention *k, const char *data_id)
{
    for (size_t s = 0; s < a->n_stores; s++) {
        if (!kt_str_eq(a->stores[s].table, k->table)) continue;
        for (size_t i = 0; i < a->stores[s].n_columns; i++)
            for (size_t c = 0; c < k->n_columns; c++)
                if (kt_str_eq(a->stores[s].columns[i].column, k->columns[c]) &&
                    kt_str_is(a->stores[s].columns[i].data, data_id))
                    return true;
    }
    return false;
}

/* data_id NULL: the activity as a whole, with all its rules. */
static kt_value *why_of(kt_arena *mem, const char *lang, const activity *a, const char *data_id, kt_str name)
{
    kt_value *why = kt_map(mem);
    kt_str bases[8], until[8];
    size_t n_bases = 0, n_until = 0;
    for (size_t i = 0; i < a->n_bases && n_bases < 8; i++) bases[n_bases++] = cited(mem, &a->bases[i], lang);
    for (size_t i = 0; i < a->n_keeps && n_until < 8; i++)
        if (!data_id || !a->keeps[i].n_columns || is_about(a, &a->keeps[i], data_id))
            until[n_until++] = words_in(&a->keeps[i].wording, lang);
    kt_set_str(mem, why, "why_data", name);
    kt_set_str(mem, why, "why_activity", words_in(&a->title, lang));
    kt_set_str(mem, why, "why_anchor", a->id);
    kt_set_str(mem, why, "why_purpose", a->n_purposes ? words_in(&a->purposes[0].text, lang) : KT_STR_NONE);
    kt_set_str(mem, why, "why_basis", kt_str_join(mem, bases, n_bases, KT_STR(", ")));
    kt_set_str(mem, why, "why_until", kt_str_join(mem, until, n_until, KT_STR(" ")));
    return why;
}

kt_value *why_held_whole(kt_arena *mem, const char *lang, const activity *a)
{
    return why_of(mem, lang, a, NULL, words_in(&a->title, lang));
}

kt_value *why_held(account_room *room, kt_arena *mem, const char *lang, const char *activity_id, const char *data_id)
{
    const activity *a = registry_activity(room->h->registry, activity_id);
    kt_str name = KT_STR_NONE;
    if (!a) return kt_null(mem);
    for (size_t i = 0; i < a->n_data; i++)
        if (kt_str_is(a->data[i].id, data_id)) name = words_in(&a->data[i].name, lang);
    return why_of(mem, lang, a, data_id, name);
}

/* For every kind of data of this room's activities. */
kt_value *why_list(account_room *room, kt_arena *mem, const char *lang)
{
    static const char *const ids[] = { "registration", "registration/sign-in", "registration/mail" };
    kt_value *list = kt_list(mem);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        const activity *a = registry_activity(room->h->registry, ids[i]);
        if (!a) continue;
        kt_str names[32];
        size_t n = 0;
        for (; n < a->n_data && n < 32; n++) names[n] = words_in(&a->data[n].name, lang);
        kt_add(list, why_of(mem, lang, a, NULL, kt_str_join(mem, names, n, KT_STR(", "))));
    }
    return list;
}
