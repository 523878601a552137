/* SPDX-License-Identifier: Apache-2.0 */
/* Any four lines are a mail or are refused; what is composed of them has short ASCII lines that end with
 * CR LF, one empty line after the headers, and no header that nobody wrote. */
#include <stdlib.h>
#include "store/mail.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Addresses of RFC 6531 are the one thing that may be long and not ASCII. */
static void check_wire(kt_str m, bool utf8)
{
    size_t column = 0;
    for (size_t i = 0; i < m.len; i++) {
        if (m.at[i] == '\n') {
            if (i == 0 || m.at[i - 1] != '\r') abort();
            column = 0;
        } else if (m.at[i] != '\r') {
            if (i + 1 < m.len && m.at[i + 1] == '\n') abort();
            if (!utf8 && (unsigned char)m.at[i] >= 0x80) abort();
            if (++column > 400) abort();
        }
    }
}

static void check_headers(kt_str m)
{
    static const char *const known[] = { "Date:",           "From:",         "To:",      "Subject:", "Message-ID:",
                                         "Auto-Submitted:", "MIME-Version:", "Content-", " " };
    size_t end = kt_str_find(m, KT_STR("\r\n\r\n"), 0);
    kt_str rest = kt_str_slice(m, 0, end), line;
    if (end == KT_NOT_FOUND_AT) abort();
    while (kt_str_split(&rest, '\n', &line)) {
        bool ok = false;
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) ok = ok || kt_str_starts(line, kt_str_c(known[i]));
        if (!ok) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const mail_options options = { .from_address = "kontor@example.org",
                                          .from_name = "kontor",
                                          .host = "example.org" };
    kt_arena *mem = kt_arena_new();
    kt_str rest = { (const char *)data, size }, key = { 0 }, to = { 0 }, subject = { 0 }, wire;
    kt_buf out;
    bool utf8 = false;
    kt_str_split(&rest, 0x1f, &key);
    kt_str_split(&rest, 0x1f, &to);
    kt_str_split(&rest, 0x1f, &subject);
    mail m = { .key = key, .to = to, .subject = subject, .text = rest, .html = rest, .language = "de" };
    kt_buf_init(&out, 1 << 22);
    if (size > 0 && mail_address(mem, to, &wire, &utf8) == KT_OK &&
        mail_compose(mem, &options, &m, 1767225600000, &out) == KT_OK) {
        check_wire(kt_buf_str(&out), utf8);
        check_headers(kt_buf_str(&out));
    }
    kt_buf_free(&out);
    kt_arena_free(mem);
    return 0;
}
