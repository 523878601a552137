/* SPDX-License-Identifier: Apache-2.0 */
/* accept.c -- what a scraper asked for (RFC 9110 12.5.1, 12.5.3).
 *
 * OpenMetrics is given when it is named, in a version we speak, with a weight above that of every other form we
 * have; a wildcard, nothing, or anything strange gets the text form. Unknown parameters are passed over. */
#include "telemetry/telemetry.h"

/* "0.75" → 750; what is not a weight counts as none. */
static int weight_of(kt_str text)
{
    int value = 0, scale = 1000;
    if (text.len == 0 || text.len > 5 || (text.at[0] != '0' && text.at[0] != '1')) return 0;
    if (text.len > 1 && text.at[1] != '.') return 0;
    value = text.at[0] == '1' ? 1000 : 0;
    for (size_t i = 2; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') return 0;
        scale /= 10;
        value += (text.at[i] - '0') * scale;
    }
    return value > 1000 ? 0 : value;
}

struct range {
    kt_str type, version;
    int weight;
};

/* One element: type;parameter=value;q=… */
static struct range read_range(kt_str element)
{
    struct range r = { KT_STR_NONE, KT_STR_NONE, 1000 };
    kt_str part;
    if (!kt_str_split(&element, ';', &part)) return r;
    r.type = kt_str_trim(part);
    while (kt_str_split(&element, ';', &part)) {
        kt_str name, value = kt_str_trim(part);
        if (!kt_str_split(&value, '=', &name)) continue;
        name = kt_str_trim(name);
        value = kt_str_trim(value);
        if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"')
            value = kt_str_slice(value, 1, value.len - 1);
        if (kt_str_eq_nocase(name, KT_STR("q")))
            r.weight = weight_of(value);
        else if (kt_str_eq_nocase(name, KT_STR("version")))
            r.version = value;
    }
    return r;
}

kt_exposition telemetry_form(kt_str accept)
{
    kt_str element;
    int openmetrics = 0, text = 0;
    while (accept.len && kt_str_split(&accept, ',', &element)) {
        struct range r = read_range(kt_str_trim(element));
        if (kt_str_eq_nocase(r.type, KT_STR("application/openmetrics-text"))) {
            bool ours = r.version.len == 0 || kt_str_is(r.version, "1.0.0");
            if (ours && r.weight > openmetrics) openmetrics = r.weight;
        } else if (kt_str_eq_nocase(r.type, KT_STR("text/plain")) &&
                   (r.version.len == 0 || kt_str_is(r.version, "0.0.4"))) {
            if (r.weight > text) text = r.weight;
        }
    }
    return openmetrics > 0 && openmetrics >= text ? KT_OPENMETRICS_1 : KT_TEXT_004;
}

bool telemetry_gzip(kt_str accept_encoding)
{
    kt_str element;
    int any = 0, gzip = -1;
    while (accept_encoding.len && kt_str_split(&accept_encoding, ',', &element)) {
        struct range r = read_range(kt_str_trim(element));
        if (kt_str_eq_nocase(r.type, KT_STR("gzip")) || kt_str_eq_nocase(r.type, KT_STR("x-gzip")))
            gzip = r.weight;
        else if (kt_str_is(r.type, "*"))
            any = r.weight;
    }
    return gzip >= 0 ? gzip > 0 : any > 0;
}
