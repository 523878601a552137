/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_user_agent.c -- any bytes as User-Agent, client hints and platform (parted by NUL). What comes out must be
 * short, printable UTF-8, and never text of the hints that is not in the table of brands. */
#include <stdlib.h>

#include "weblog/user_agent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_clean(const char *text)
{
    if (!kt_utf8_valid(kt_str_c(text))) abort();
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7F) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static ua_parser *parser; /* of the fuzzer alone: compiled expressions are kept between runs */
    kt_str rest = { (const char *)data, size }, part[3] = { KT_STR_NONE, KT_STR_NONE, KT_STR_NONE };
    ua_words words;

    if (!parser && ua_parser_new(ua_embedded(), NULL, &parser) != KT_OK) abort();
    for (int i = 0; i < 3 && rest.len; i++)
        if (!kt_str_split(&rest, '\0', &part[i])) break;
    ua_describe(parser, part[0], part[1], part[2], &words);
    must_be_clean(words.os);
    must_be_clean(words.os_v);
    must_be_clean(words.browser);
    must_be_clean(words.browser_v);
    return 0;
}
