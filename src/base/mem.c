/* SPDX-License-Identifier: Apache-2.0 */
/* mem.c -- arenas as a list of blocks that double up to 64 KiB; in debug builds as a list of mallocs. */
#include "base/mem.h"
#include <assert.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BLOCK = 4096, LAST_BLOCK = 65536 };

typedef struct block {
    struct block *next;
    size_t size, used;
    max_align_t data[];
} block;

typedef struct ending {
    struct ending *next;
    void (*end)(void *what);
    void *what;
} ending;

struct kt_arena {
    block *blocks;   /* newest first */
    ending *endings; /* newest first; themselves in the arena */
    size_t used;
};

static void *or_stop(void *memory)
{
    if (!memory) {
        fputs("kontor: out of memory\n", stderr);
        abort();
    }
    return memory;
}

void *kt_malloc(size_t size) { return or_stop(malloc(size ? size : 1)); }
void *kt_calloc(size_t count, size_t size) { return or_stop(calloc(count ? count : 1, size ? size : 1)); }
void *kt_realloc(void *old, size_t size) { return or_stop(realloc(old, size ? size : 1)); }

char *kt_strdup(const char *text)
{
    assert(text);
    size_t len = strlen(text) + 1;
    return memcpy(kt_malloc(len), text, len);
}

void kt_wipe(void *secret, size_t len) { sodium_memzero(secret, len); }

kt_arena *kt_arena_new(void) { return kt_calloc(1, sizeof(kt_arena)); }

static void run_endings(kt_arena *arena)
{
    while (arena->endings) {
        ending *e = arena->endings;
        arena->endings = e->next;
        e->end(e->what);
    }
}

void kt_arena_reset(kt_arena *arena)
{
    run_endings(arena);
    block *keep = NULL;
    while (arena->blocks) {
        block *next = arena->blocks->next;
#ifndef KT_ARENA_DEBUG
        if (!next)
            keep = arena->blocks; /* the first one ever made */
        else
#endif
            free(arena->blocks);
        arena->blocks = next;
    }
    if (keep) {
        memset(keep->data, 0, keep->used);
        keep->used = 0;
        arena->blocks = keep;
    }
    arena->used = 0;
}

void kt_arena_free(kt_arena *arena)
{
    if (!arena) return;
    run_endings(arena);
    while (arena->blocks) {
        block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
    free(arena);
}

size_t kt_arena_used(const kt_arena *arena) { return arena->used; }

static block *add_block(kt_arena *arena, size_t size)
{
    block *b = or_stop(calloc(1, sizeof *b + size));
    b->size = size;
    b->next = arena->blocks;
    arena->blocks = b;
    return b;
}

void *kt_alloc(kt_arena *arena, size_t size)
{
    assert(arena);
    assert(size < SIZE_MAX / 4);
    arena->used += size;
#ifdef KT_ARENA_DEBUG
    return add_block(arena, size)->data;
#else
    size = (size + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
    block *b = arena->blocks;
    if (!b || b->size - b->used < size) {
        size_t wanted = !b ? FIRST_BLOCK : b->size * 2 > LAST_BLOCK ? LAST_BLOCK : b->size * 2;
        if (size > wanted / 4 && b) { /* a large one gets its own block, behind the open one */
            block *own = add_block(arena, size);
            own->used = size;
            arena->blocks = b;
            own->next = b->next;
            b->next = own;
            return own->data;
        }
        b = add_block(arena, size > wanted ? size : wanted);
    }
    void *at = (char *)b->data + b->used;
    b->used += size;
    return at;
#endif
}

void *kt_alloc_array(kt_arena *arena, size_t count, size_t size)
{
    assert(size == 0 || count <= SIZE_MAX / 4 / (size ? size : 1));
    return kt_alloc(arena, count * size);
}

void kt_arena_at_end(kt_arena *arena, void (*end)(void *what), void *what)
{
    ending *e = KT_NEW(arena, ending);
    *e = (ending){ arena->endings, end, what };
    arena->endings = e;
}
