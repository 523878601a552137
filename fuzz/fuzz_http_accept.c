/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as Accept-Encoding, Accept and Accept-Language: qualities stay in their bounds. */
#include <stdlib.h>
#include "http/inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kt_str text = { (const char *)data, size };
    if (coding_choose(text, false, false) != CODING_NONE) abort();
    if (coding_choose(text, true, false) == CODING_BR) abort();
    (void)coding_choose(text, true, true);
    int q = accept_quality(text, KT_STR("text/html"));
    if (q < -1 || q > 1000) abort();
    q = language_quality(text, KT_STR("de"));
    if (q < -1 || q > 1000) abort();
    return 0;
}
