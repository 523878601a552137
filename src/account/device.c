/* SPDX-License-Identifier: Apache-2.0 */
/* device.c -- the first mark found names the family; order matters, since most browsers name others too. */
#include "account/device.h"

typedef struct {
    const char *mark, *family;
} family_row;

static const family_row browsers[] = {
    { "Edg", "Edge" }, { "OPR/", "Opera" }, { "Opera", "Opera" }, { "Vivaldi", "Vivaldi" },
    { "SamsungBrowser", "Samsung Internet" }, { "Firefox", "Firefox" }, { "FxiOS", "Firefox" },
    { "CriOS", "Chrome" }, { "Chrome", "Chrome" }, { "Chromium", "Chrome" }, { "Safari", "Safari" },
    { "curl", "curl" }
};
static const family_row systems[] = {
    { "Windows", "Windows" }, { "Android", "Android" }, { "iPhone", "iOS" }, { "iPad", "iPadOS" },
    { "Mac OS X", "macOS" }, { "Macintosh", "macOS" }, { "CrOS", "ChromeOS" }, { "Linux", "Linux" },
    { "FreeBSD", "FreeBSD" }
};

static const char *first_found(const family_row *rows, size_t n, kt_str text)
{
    for (size_t i = 0; i < n; i++)
        if (kt_str_find(text, kt_str_c(rows[i].mark), 0) != KT_NOT_FOUND_AT) return rows[i].family;
    return "";
}

device device_of(kt_str user_agent)
{
    kt_str s = kt_str_slice(user_agent, 0, 512);
    return (device){ first_found(browsers, sizeof browsers / sizeof *browsers, s),
                     first_found(systems, sizeof systems / sizeof *systems, s) };
}
