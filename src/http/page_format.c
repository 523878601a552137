/* SPDX-License-Identifier: Apache-2.0 */
/* page_format.c -- numbers, dates and money as the reader writes them.
 *
 * German groups with a point and writes the comma, English the other way round. Amounts keep their
 * sign and their currency on one line (no-break space); minus is the real minus sign. Times are those
 * of Europe/Berlin, where the operator's day begins and ends. */
#include "http/page_inner.h"

#define NBSP  "\xC2\xA0"
#define MINUS "\xE2\x88\x92"

static const char *const months[LANG_COUNT][12] = {
    { "Januar", "Februar", "M\xC3\xA4rz", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November",
      "Dezember" },
    { "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
      "December" },
};

static const struct {
    const char *code, *sign;
} currencies[] = {
    { "EUR", "\xE2\x82\xAC" },
    { "USD", "$" },
    { "GBP", "\xC2\xA3" },
};

kt_str page_date(kt_arena *mem, const char *lang, int64_t ms)
{
    kt_civil c = kt_civil_zone(ms, "Europe/Berlin");
    int l = lang_index(lang);
    return kt_str_fmt(mem, l == LANG_DE ? "%d. %s %d" : "%d %s %d", c.day, months[l][c.month - 1], c.year);
}

kt_str page_datetime(kt_arena *mem, const char *lang, int64_t ms)
{
    kt_civil c = kt_civil_zone(ms, "Europe/Berlin");
    int l = lang_index(lang);
    return kt_str_fmt(mem, l == LANG_DE ? "%d. %s %d, %02d:%02d" : "%d %s %d, %02d:%02d", c.day, months[l][c.month - 1],
                      c.year, c.hour, c.minute);
}

/* Digits in groups of three; text must hold 32 bytes. */
static const char *grouped(char *text, size_t size, uint64_t n, char sep)
{
    size_t at = size - 1, digits = 0;
    text[at] = '\0';
    do {
        if (digits && digits % 3 == 0) text[--at] = sep;
        text[--at] = (char)('0' + n % 10);
        n /= 10;
        digits++;
    } while (n);
    return text + at;
}

static uint64_t magnitude(int64_t n) { return n < 0 ? (uint64_t)0 - (uint64_t)n : (uint64_t)n; }

kt_str page_number(kt_arena *mem, const char *lang, int64_t n)
{
    char digits[32];
    return kt_str_fmt(mem, "%s%s", n < 0 ? MINUS : "",
                      grouped(digits, sizeof digits, magnitude(n), lang_index(lang) == LANG_DE ? '.' : ','));
}

kt_str page_money(kt_arena *mem, const char *lang, int64_t cents, const char *currency)
{
    char digits[32];
    bool de = lang_index(lang) == LANG_DE;
    uint64_t n = magnitude(cents);
    const char *whole = grouped(digits, sizeof digits, n / 100, de ? '.' : ',');
    const char *minus = cents < 0 ? MINUS : "", *sign = NULL;
    if (!currency) currency = "EUR";
    for (size_t i = 0; i < sizeof currencies / sizeof currencies[0]; i++)
        if (strcmp(currencies[i].code, currency) == 0) sign = currencies[i].sign;
    if (de) return kt_str_fmt(mem, "%s%s,%02u" NBSP "%s", minus, whole, (unsigned)(n % 100), sign ? sign : currency);
    if (sign) return kt_str_fmt(mem, "%s%s%s.%02u", minus, sign, whole, (unsigned)(n % 100));
    return kt_str_fmt(mem, "%s%s" NBSP "%s.%02u", minus, currency, whole, (unsigned)(n % 100));
}

kt_str page_bytes(kt_arena *mem, const char *lang, int64_t bytes)
{
    static const char *const units[] = { "kB", "MB", "GB", "TB", "PB", "EB" };
    uint64_t n = magnitude(bytes), tenths;
    size_t unit = 0;
    if (n < 1000) return kt_str_fmt(mem, "%s%u" NBSP "%s", bytes < 0 ? MINUS : "", (unsigned)n, "B");
    /* Tenths of the unit, rounded; 999.95 kB is already 1.0 MB. */
    for (tenths = (n + 50) / 100; tenths >= 10000; tenths = (tenths + 500) / 1000) unit++;
    return kt_str_fmt(mem, "%s%u%c%u" NBSP "%s", bytes < 0 ? MINUS : "", (unsigned)(tenths / 10),
                      lang_index(lang) == LANG_DE ? ',' : '.', (unsigned)(tenths % 10), units[unit]);
}
