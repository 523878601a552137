/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_register_yaml.c -- any text as activity.yaml and as kontor.yaml: it loads, or every fault has words. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include "base/log.h"
#include "register/load.h"

static const char operator_text[] =
    "operator: { name: Muster GmbH, country: DE, privacy_email: p@example.org, platform_name: Muster,\n"
    "            platform_url: \"https://example.org\" }\n";

/* The facts of what loaded must be readable as JSON, and the hash be there. */
static void look(registry *r, kt_arena *mem)
{
    kt_buf out;
    kt_value *back = NULL;
    kt_buf_init(&out, 16 << 20);
    kt_json_put(&out, registry_facts(r, mem));
    if (kt_json_parse(mem, kt_buf_str(&out), NULL, &back) != KT_OK || registry_hash(r).len != 64) abort();
    kt_buf_free(&out);
    (void)registry_cookie_named(r, KT_STR("__Host-sid"));
    registry_free(r);
}

static void load(kt_str module_text, kt_str config)
{
    kt_arena *mem = kt_arena_new();
    kt_value *faults = kt_list(mem);
    registry *r = NULL;
    registry_text texts[] = {
        { "sample", "src/sample/activity.yaml", module_text, NULL, KT_STR_NONE },
        { NULL, "kontor.yaml", config, NULL, KT_STR_NONE },
    };
    kt_err err = registry_load_texts(texts, 2, mem, faults, &r);
    if ((err == KT_OK) != (faults->count == 0) || (err == KT_OK) != (r != NULL)) abort();
    if (r) look(r, mem);
    kt_arena_free(mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len > 65536) return 0;
    kt_log_set_level(KT_LOG_ERROR);
    kt_str text = { (const char *)bytes, len };
    load(text, kt_str_c(operator_text));
    load(KT_STR_NONE, text);
    load(text, text);
    return 0;
}
