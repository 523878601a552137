/* SPDX-License-Identifier: Apache-2.0 */
#include "base/embedded.h"

const kt_embedded *kt_embedded_find(const char *path)
{
    size_t low = 0, high = kt_embedded_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(kt_embedded_files[middle].path, path);
        if (order == 0) return &kt_embedded_files[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
