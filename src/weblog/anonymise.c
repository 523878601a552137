/* SPDX-License-Identifier: Apache-2.0 */
/* anonymise.c -- see anonymise.h. */
#include "weblog/anonymise.h"

static const struct {
    const char *name;
    unsigned v4, v6, six_to_four;
} cuts[] = {
#define ADDRESS_CUT_ROW(name, v4, v6, six_to_four) { #name, v4, v6, six_to_four },
    ADDRESS_CUTS(ADDRESS_CUT_ROW)
#undef ADDRESS_CUT_ROW
};

bool address_cut_named(kt_str name, address_cut *out)
{
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++)
        if (kt_str_is(name, cuts[i].name)) {
            *out = (address_cut)i;
            return true;
        }
    return false;
}

void address_cut_apply(http_addr *a, address_cut cut)
{
    static const unsigned char mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF };
    if (!a->known) return;
    if (cut == CUT_drop) {
        memset(a, 0, sizeof *a);
        return;
    }
    unsigned keep = cuts[cut].v6;
    if (memcmp(a->at, mapped, sizeof mapped) == 0)
        keep = 96 + cuts[cut].v4;
    else if (a->at[0] == 0x20 && a->at[1] == 0x02)
        keep = cuts[cut].six_to_four;
    for (unsigned i = keep / 8; i < 16; i++) a->at[i] = 0; /* every cut is at a whole byte */
}

static kt_str major(kt_str version)
{
    size_t n = 0;
    while (n < version.len && version.at[n] >= '0' && version.at[n] <= '9') n++;
    if (n < version.len && version.at[n] == '+') n++; /* Windows 10+ */
    return kt_str_slice(version, 0, n);
}

void line_coarsen(weblog_line *l, address_cut cut, bool rare)
{
    address_cut_apply(&l->ip, cut);
    int64_t in_hour = l->time_ms % KT_HOUR_MS;
    l->time_ms -= in_hour < 0 ? in_hour + KT_HOUR_MS : in_hour;
    l->browser_v = major(l->browser_v);
    l->os_v = major(l->os_v);
    if (!rare) return;
    l->os = l->browser = l->route = KT_STR("other");
    l->os_v = l->browser_v = KT_STR_NONE;
}
