/* SPDX-License-Identifier: Apache-2.0 */
/* notice_say.c -- the words of the notice: phrases of texts.yaml, filled from fields of the register. */
#include "register/notice_inner.h"

pen pen_new(const registry *r, pages *p, kt_arena *mem, const char *lang)
{
    return (pen){ r, registry_operator(r), p, mem, lang && strcmp(lang, "en") == 0 ? "en" : "de" };
}

static kt_str key_of(const pen *n, const char *key) { return kt_str_fmt(n->mem, "register.notice.%s", key); }

kt_str say(const pen *n, const char *key) { return page_text(n->p, n->mem, n->lang, key_of(n, key).at, NULL); }

kt_str say_filled(const pen *n, const char *key, const blank *blanks)
{
    kt_value *data = kt_map(n->mem);
    for (; blanks->name; blanks++) kt_set_str(n->mem, data, blanks->name, blanks->value);
    return page_text(n->p, n->mem, n->lang, key_of(n, key).at, data);
}

static kt_str code_key(const pen *n, const char *group, kt_str code)
{
    return kt_str_fmt(n->mem, "register.notice.%s.%.*s", group, KT_ARG(code));
}

bool can_say(const pen *n, const char *group, kt_str code)
{
    return code.len > 0 && page_has_text(n->p, code_key(n, group, code).at);
}

kt_str say_code(const pen *n, const char *group, kt_str code)
{
    if (!can_say(n, group, code)) return code;
    return page_text(n->p, n->mem, n->lang, code_key(n, group, code).at, NULL);
}

kt_str pick(const pen *n, const words *w)
{
    kt_str text = strcmp(n->lang, "en") == 0 ? w->en : w->de;
    return kt_str_trim(text.len ? text : w->de);
}

kt_str say_list(const pen *n, const kt_str *parts, size_t count)
{
    if (count == 0) return KT_STR_NONE;
    if (count == 1) return parts[0];
    kt_str head = kt_str_join(n->mem, parts, count - 1, KT_STR(", "));
    return kt_str_fmt(n->mem, "%.*s %.*s %.*s", KT_ARG(head), KT_ARG(say(n, "and")), KT_ARG(parts[count - 1]));
}

/* ---- articles ---- */

/* Takes "(…)" off the rest. */
static bool bracket(kt_str *rest, kt_str *inside)
{
    if (rest->len < 3 || rest->at[0] != '(') return false;
    size_t close = kt_str_find_byte(*rest, ')', 0);
    if (close == KT_NOT_FOUND_AT) return false;
    *inside = kt_str_slice(*rest, 1, close);
    *rest = kt_str_slice(*rest, close + 1, rest->len);
    return true;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* The sentence is named for the article that has more than one in the paragraph: Art. 6(1). */
static kt_str article_de(const pen *n, kt_str number, kt_str rest, bool full)
{
    kt_buf out;
    kt_str part;
    kt_buf_init(&out, 200);
    kt_buf_put_fmt(&out, "Art. %.*s", KT_ARG(number));
    bool first = true;
    while (bracket(&rest, &part)) {
        if (is_digit(part.at[0]))
            kt_buf_put_fmt(&out, " Abs. %.*s", KT_ARG(part));
        else
            kt_buf_put_fmt(&out, " lit. %.*s", KT_ARG(part));
        if (first && full && kt_str_is(number, "6")) kt_buf_put_c(&out, " S. 1");
        first = false;
    }
    kt_buf_put_c(&out, " DSGVO");
    kt_str text = kt_str_dup(n->mem, kt_buf_str(&out));
    kt_buf_free(&out);
    return text;
}

static kt_str article_en(const pen *n, kt_str number, kt_str rest, bool full)
{
    kt_str paragraph = KT_STR_NONE, letter = KT_STR_NONE;
    (void)bracket(&rest, &paragraph);
    if (full && kt_str_is(number, "6") && bracket(&rest, &letter))
        return kt_str_fmt(n->mem, "Art. 6(%.*s) sentence 1 (%.*s) GDPR", KT_ARG(paragraph), KT_ARG(letter));
    if (!paragraph.len) return kt_str_fmt(n->mem, "Art. %.*s GDPR", KT_ARG(number));
    return kt_str_fmt(n->mem, "Art. %.*s(%.*s)%.*s GDPR", KT_ARG(number), KT_ARG(paragraph), KT_ARG(rest));
}

kt_str say_article(const pen *n, kt_str article, kt_str how)
{
    size_t digits = 0;
    while (digits < article.len && is_digit(article.at[digits])) digits++;
    if (digits == 0 || (digits < article.len && article.at[digits] != '(')) return article;
    kt_str number = kt_str_slice(article, 0, digits), rest = kt_str_slice(article, digits, article.len);
    bool full = !kt_str_is(how, "short");
    return strcmp(n->lang, "en") == 0 ? article_en(n, number, rest, full) : article_de(n, number, rest, full);
}

/* ---- periods and dates ---- */

static kt_str count_of(const pen *n, const char *unit, int64_t count)
{
    kt_str key = kt_str_fmt(n->mem, "duration.%s_%s", unit, count == 1 ? "one" : "many");
    return say_with(n, key.at, { "count", page_number(n->mem, n->lang, count) });
}

/* Months up to four years stay months, as people say "36 months" of a tracking cookie's data. */
kt_str say_duration(const pen *n, int64_t ms, int months)
{
    if (months > 0)
        return months >= 48 && months % 12 == 0 ? count_of(n, "years", months / 12) : count_of(n, "months", months);
    if (ms <= 0) return KT_STR_NONE;
    if (ms % KT_DAY_MS == 0) return count_of(n, "days", ms / KT_DAY_MS);
    if (ms % KT_HOUR_MS == 0) return count_of(n, "hours", ms / KT_HOUR_MS);
    if (ms % KT_MINUTE_MS == 0) return count_of(n, "minutes", ms / KT_MINUTE_MS);
    return count_of(n, "seconds", (ms + 999) / 1000);
}

/* Noon, so that no zone moves the day. */
kt_str say_date(const pen *n, kt_str day)
{
    int64_t ms;
    if (day.len != 10 || !kt_time_parse(day, &ms)) return day;
    return page_date(n->mem, n->lang, ms + 12 * KT_HOUR_MS);
}

/* ---- links ---- */

kt_str notice_href(kt_arena *mem, kt_str url)
{
    static const char hex[] = "0123456789ABCDEF";
    if (!kt_str_starts(url, KT_STR("https://")) && !kt_str_starts(url, KT_STR("http://")) &&
        !kt_str_starts(url, KT_STR("mailto:")))
        return KT_STR_NONE;
    char *at = kt_alloc(mem, url.len * 3 + 1);
    size_t len = 0;
    for (size_t i = 0; i < url.len; i++) {
        unsigned char c = (unsigned char)url.at[i];
        if (c > 0x20 && c < 0x7f && !strchr("\"<>\\^`{|}", c)) {
            at[len++] = (char)c;
            continue;
        }
        at[len++] = '%';
        at[len++] = hex[c >> 4];
        at[len++] = hex[c & 15];
    }
    return (kt_str){ at, len };
}
