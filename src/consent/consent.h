/* SPDX-License-Identifier: Apache-2.0 */
/* consent.h -- what a visitor allowed, and the proof that we asked.
 *
 * The room has four ideas, one file each:
 *
 *   policy   what can be allowed: the optional services of the register, numbered by versions. A change
 *            that widens a service makes a new version, and what was allowed before stays allowed only
 *            for services the change does not touch.
 *   record   what was decided: append-only, chained by hash, the end of each day signed. Withdrawing
 *            adds a row. The newest row of a consent id (by seq, not by time) is in force.
 *   choice   what applies to this request: the signed cookie, narrowed by the record, by the account's
 *            choice and by the browser's signals. Nothing on this way ever widens.
 *   decide   the act: one transaction that records, forgets what rested on the withdrawn consent, and
 *            tells the other rooms; one reply that sets the new cookie and expires the old ones.
 *
 * Without a decision everything optional is denied; so it is when a store fails, a signature does not
 * match or a version is unknown (Art. 4(11), 7 GDPR; § 25 TDDDG). The other rooms ask through permits
 * (register/permit.h); they never see this header. */
#ifndef KONTOR_CONSENT_CONSENT_H
#define KONTOR_CONSENT_CONSENT_H
#include "register/module.h"

extern const module consent_module;

#endif
