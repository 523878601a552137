/* SPDX-License-Identifier: Apache-2.0 */
/* notice_pages.h -- the public pages about privacy: /privacy in all its forms and versions, /imprint.
 *
 * The register does not change while the program runs, so every form of the current notice is made once,
 * at start, and answered from memory; old versions come from the store. */
#ifndef KONTOR_REGISTER_NOTICE_PAGES_H
#define KONTOR_REGISTER_NOTICE_PAGES_H
#include "register/notice.h"

enum { NOTICE_LANGS = 2, NOTICE_FORMS = 3 };

typedef struct {
    const registry *registry;
    pages          *pages;
    store          *store;
    kt_buf          form[NOTICE_LANGS][NOTICE_FORMS];   /* by language (de, en) and notice_format */
} notice_room;

/* Keeps a version when anything has changed, then makes the forms. Nothing to free after a failure. */
kt_err notice_room_open(notice_room *room, const registry *r, pages *p, store *st, int64_t now_ms) KT_MUST_CHECK;
void   notice_room_close(notice_room *room);

/* Their room is a struct that begins with a notice_room. */
extern const route notice_routes[];

#endif
