/* SPDX-License-Identifier: Apache-2.0 */
/* addr.c -- addresses, and whose word about them is believed.
 *
 * A front adds what it saw to the right of X-Forwarded-For or Forwarded (RFC 7239). Whatever stands further
 * left may be the client's invention. So the list is walked from the right: as long as the nearest hop is a
 * configured front, what it reported becomes the nearest hop. */
#include <arpa/inet.h>
#include "http/inside.h"

static const unsigned char v4_mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static bool is_v4(const http_addr *a) { return memcmp(a->at, v4_mapped, 12) == 0; }

bool http_addr_parse(kt_str text, http_addr *out)
{
    char line[INET6_ADDRSTRLEN];
    *out = (http_addr){ { 0 }, false };
    if (text.len == 0 || text.len >= sizeof line || memchr(text.at, 0, text.len)) return false;
    memcpy(line, text.at, text.len);
    line[text.len] = 0;
    if (inet_pton(AF_INET, line, out->at + 12) == 1)
        memcpy(out->at, v4_mapped, 12);
    else if (inet_pton(AF_INET6, line, out->at) != 1)
        return false;
    out->known = true;
    return true;
}

static kt_str addr_print(kt_arena *mem, const http_addr *a)
{
    char line[INET6_ADDRSTRLEN];
    if (is_v4(a))
        inet_ntop(AF_INET, a->at + 12, line, sizeof line);
    else
        inet_ntop(AF_INET6, a->at, line, sizeof line);
    return kt_str_dup(mem, kt_str_c(line));
}

kt_str http_addr_text(kt_arena *mem, const http_addr *a) { return a->known ? addr_print(mem, a) : KT_STR(""); }

static void keep_bits(http_addr *a, unsigned bits)
{
    for (unsigned i = 0; i < 16; i++) {
        unsigned keep = bits > i * 8 ? bits - i * 8 : 0;
        if (keep < 8) a->at[i] &= (unsigned char)(0xff00u >> keep);
    }
}

kt_str http_addr_prefix(kt_arena *mem, const http_addr *a)
{
    if (!a->known) return KT_STR("");
    http_addr cut = *a;
    unsigned bits = is_v4(a) ? 24 : a->at[0] == 0x20 && a->at[1] == 0x02 ? 40 : 48;
    keep_bits(&cut, is_v4(a) ? 96 + bits : bits);
    return kt_str_fmt(mem, "%.*s/%u", KT_ARG(addr_print(mem, &cut)), bits);
}

bool addr_is_loopback(const http_addr *a)
{
    static const unsigned char one[16] = { [15] = 1 };
    return a->known && (is_v4(a) ? a->at[12] == 127 : memcmp(a->at, one, 16) == 0);
}

bool prefix_parse(kt_str text, http_prefix *out)
{
    size_t slash = kt_str_find_byte(text, '/', 0);
    if (!http_addr_parse(slash == KT_NOT_FOUND_AT ? text : kt_str_slice(text, 0, slash), &out->addr)) return false;
    int64_t bits = is_v4(&out->addr) ? 32 : 128;
    int64_t most = bits;
    if (slash != KT_NOT_FOUND_AT && !kt_str_int(kt_str_slice(text, slash + 1, text.len), &bits)) return false;
    if (bits < 0 || bits > most) return false;
    out->bits = (unsigned)bits + (is_v4(&out->addr) ? 96 : 0);
    keep_bits(&out->addr, out->bits);
    return true;
}

bool prefix_holds(const http_prefix *p, const http_addr *a)
{
    http_addr cut = *a;
    keep_bits(&cut, p->bits);
    return a->known && memcmp(cut.at, p->addr.at, 16) == 0;
}

bool node_address(kt_str node, http_addr *out)
{
    kt_str s = kt_str_trim(node);
    if (s.len && s.at[0] == '[') {
        size_t close = kt_str_find_byte(s, ']', 0);
        if (close == KT_NOT_FOUND_AT || (close + 1 < s.len && s.at[close + 1] != ':')) return false;
        return http_addr_parse(kt_str_slice(s, 1, close), out);
    }
    size_t colon = kt_str_find_byte(s, ':', 0);
    if (colon != KT_NOT_FOUND_AT && kt_str_find_byte(s, ':', colon + 1) == KT_NOT_FOUND_AT)
        s = kt_str_slice(s, 0, colon); /* v4 with a port */
    return http_addr_parse(s, out);
}

/* ---- Forwarded (RFC 7239 4) ---- */

/* One token or quoted string at *at; the quotes are taken off, escapes stay (none occur in what we read). */
static bool take_value(kt_str s, size_t *at, kt_str *value)
{
    size_t from = *at;
    if (from < s.len && s.at[from] == '"') {
        size_t end = from + 1;
        while (end < s.len && s.at[end] != '"') end += s.at[end] == '\\' ? 2 : 1;
        if (end >= s.len) return false;
        *value = kt_str_slice(s, from + 1, end);
        *at = end + 1;
        return true;
    }
    size_t end = from;
    while (end < s.len && s.at[end] != ';' && s.at[end] != ',' && s.at[end] != ' ' && s.at[end] != '\t') end++;
    *value = kt_str_slice(s, from, end);
    *at = end;
    return end > from;
}

static void skip_blanks(kt_str s, size_t *at)
{
    while (*at < s.len && (s.at[*at] == ' ' || s.at[*at] == '\t')) (*at)++;
}

/* One element: pairs with semicolons between them, up to a comma. */
static bool take_element(kt_str s, size_t *at, kt_str *for_value, kt_str *proto)
{
    *for_value = *proto = KT_STR_NONE;
    for (;;) {
        skip_blanks(s, at);
        size_t from = *at;
        while (*at < s.len && s.at[*at] != '=' && s.at[*at] != ',' && s.at[*at] != ';') (*at)++;
        if (*at < s.len && s.at[*at] == '=') {
            kt_str name = kt_str_slice(s, from, *at), value;
            (*at)++;
            if (!is_token(name) || !take_value(s, at, &value)) return false;
            if (kt_str_eq_nocase(name, KT_STR("for")))
                *for_value = value;
            else if (kt_str_eq_nocase(name, KT_STR("proto")))
                *proto = value;
        } else if (*at > from) {
            return false;
        }
        skip_blanks(s, at);
        if (*at >= s.len || s.at[*at] == ',') return true;
        if (s.at[*at] != ';') return false;
        (*at)++;
    }
}

bool forwarded_at(kt_str header, size_t i, kt_str *for_value, kt_str *proto)
{
    enum { ELEMENTS = 32 };
    kt_str fors[ELEMENTS], protos[ELEMENTS];
    size_t n = 0, at = 0;
    while (at < header.len) {
        if (!take_element(header, &at, &fors[n % ELEMENTS], &protos[n % ELEMENTS])) return false;
        n++;
        if (at < header.len) at++; /* the comma */
    }
    if (i >= n || i >= ELEMENTS) return false;
    *for_value = fors[(n - 1 - i) % ELEMENTS];
    *proto = protos[(n - 1 - i) % ELEMENTS];
    return true;
}

/* ---- who is it ---- */

static bool is_front(const http_server *s, const http_addr *a)
{
    for (size_t i = 0; i < s->n_fronts; i++)
        if (prefix_holds(&s->fronts[i], a)) return true;
    return false;
}

/* Several lines of one list header mean the same as one with commas (RFC 9110 5.3). */
static kt_str joined(exchange *ex, const char *name)
{
    size_t n = request_header_count(&ex->rq, name);
    if (n <= 1) return request_header(&ex->rq, name);
    kt_str *parts = kt_alloc_array(ex->rq.mem, n, sizeof *parts);
    for (size_t i = 0; i < n; i++) parts[i] = request_header_at(&ex->rq, name, i);
    return kt_str_join(ex->rq.mem, parts, n, KT_STR(", "));
}

static bool list_from_right(kt_str list, size_t i, kt_str *out)
{
    size_t end = list.len;
    if (!list.at) return false;
    for (;;) {
        size_t from = end;
        while (from > 0 && list.at[from - 1] != ',') from--;
        if (i-- == 0) {
            *out = kt_str_trim(kt_str_slice(list, from, end));
            return true;
        }
        if (from == 0) return false;
        end = from - 1;
    }
}

typedef struct {
    kt_str list;
    bool forwarded;
} front_words;

static front_words words_of_front(exchange *ex)
{
    const char *wanted = ex->server->front_header;
    front_words w = { KT_STR_NONE, false };
    if (!wanted || strcmp(wanted, "x-forwarded-for") == 0) w.list = joined(ex, "x-forwarded-for");
    if (!w.list.at && (!wanted || strcmp(wanted, "forwarded") == 0)) {
        w.list = joined(ex, "forwarded");
        w.forwarded = w.list.at != NULL;
    }
    return w;
}

void addr_resolve(exchange *ex, const http_addr *tcp_peer, bool tcp_tls)
{
    request *rq = &ex->rq;
    rq->peer = *tcp_peer;
    rq->tls = tcp_tls;
    rq->loopback = addr_is_loopback(tcp_peer);
    if (!is_front(ex->server, tcp_peer)) {
        /* Somebody else's front on this machine is still a front: no privilege for its clients. */
        if (request_header_count(rq, "x-forwarded-for") || request_header_count(rq, "forwarded")) rq->loopback = false;
        return;
    }
    front_words w = words_of_front(ex);
    kt_str node, proto = KT_STR_NONE, near_proto;
    for (size_t i = 0; is_front(ex->server, &rq->peer); i++) {
        http_addr next;
        near_proto = KT_STR_NONE;
        if (w.forwarded ? !forwarded_at(w.list, i, &node, &near_proto) : !list_from_right(w.list, i, &node)) break;
        rq->loopback = false;
        if (i == 0) proto = near_proto;
        if (!node_address(node, &next)) break; /* "unknown", "_hidden": the front stands for it */
        rq->peer = next;
    }
    if (!w.forwarded) (void)list_from_right(joined(ex, "x-forwarded-proto"), 0, &proto);
    if (proto.at) rq->tls = kt_str_eq_nocase(proto, KT_STR("https"));
    if (w.list.at) rq->loopback = false;
}
