/* SPDX-License-Identifier: Apache-2.0 */
/* anonymise.h -- making a record unassignable: addresses cut, times coarse, versions major, the rare merged.
 *
 * Cutting has no key and no table, so nothing can compute it back (a hash of an address can be tried out in
 * minutes and is not offered). What stands beside the address is coarsened too, because an exact time beside
 * a cut address can be joined with the time of a registration. */
#ifndef KONTOR_WEBLOG_ANONYMISE_H
#define KONTOR_WEBLOG_ANONYMISE_H
#include "weblog/line.h"

/*    name       v4   v6   6to4 */
#define ADDRESS_CUTS(X)                                                                            \
    X(standard,  24,  48,  40)   /* 256 hosts; one site. 6to4 carries the whole v4 address in its /48 */ \
    X(strong,    16,  32,  32)   /* 65536 hosts; one provider: when traffic is thin */              \
    X(drop,       0,   0,   0)   /* no address at all */
typedef enum {
#define ADDRESS_CUT_ENUM(name, v4, v6, six_to_four) CUT_##name,
    ADDRESS_CUTS(ADDRESS_CUT_ENUM)
#undef ADDRESS_CUT_ENUM
} address_cut;

bool address_cut_named(kt_str name, address_cut *out);
/* v4-mapped v6 counts as v4. CUT_drop makes it unknown. */
void address_cut_apply(http_addr *a, address_cut cut);

/* A record of the long tier: address cut, time to the hour, versions to the major number. `rare`: the
 * combination of system, browser and route is too seldom that day to stand alone and becomes "other". */
void line_coarsen(weblog_line *l, address_cut cut, bool rare);

#endif
