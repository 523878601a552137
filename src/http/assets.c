/* SPDX-License-Identifier: Apache-2.0 */
/* assets.c -- what lies under web/, built into the program.
 *
 *     /assets/1a2b…/kontor.css   the address holds the hash of the content: kept for a year, never asked again
 *     /assets/kontor.css         the plain name: asked again each time (ETag)
 *
 * A module that imports "./other.js" is asked for under the importer's hash. That address does not name the
 * other's content, so it is served like the plain name. */
#include "http/inside.h"

static const kt_embedded *find_asset(kt_arena *mem, kt_str name)
{
    return kt_embedded_find(kt_str_z(mem, kt_str_fmt(mem, "web/%.*s", KT_ARG(name))));
}

static bool looks_like_hash(kt_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!((s.at[i] >= '0' && s.at[i] <= '9') || (s.at[i] >= 'a' && s.at[i] <= 'f'))) return false;
    return s.len == 16;
}

kt_err assets_serve(request *rq, reply *rs)
{
    kt_str name = request_param(rq, "name");
    const kt_embedded *file = find_asset(rq->mem, name);
    kt_str cache = KT_STR("no-cache");
    size_t slash = kt_str_find_byte(name, '/', 0);
    if (!file && slash != KT_NOT_FOUND_AT && looks_like_hash(kt_str_slice(name, 0, slash))) {
        file = find_asset(rq->mem, kt_str_slice(name, slash + 1, name.len));
        if (file && kt_str_is(kt_str_slice(name, 0, slash), file->hash))
            cache = KT_STR("public, max-age=31536000, immutable");
    }
    if (!file) return KT_NOT_FOUND;
    TRY(reply_header(rs, "Cache-Control", cache));
    return reply_embedded(rq, rs, file);
}

kt_str http_asset_url(kt_arena *mem, const char *path)
{
    const kt_embedded *file = kt_embedded_find(path);
    const char *name = strncmp(path, "web/", 4) == 0 ? path + 4 : path;
    if (!file) return kt_str_fmt(mem, "/assets/%s", name);
    return kt_str_fmt(mem, "/assets/%s/%s", file->hash, name);
}
