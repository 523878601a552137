/* SPDX-License-Identifier: Apache-2.0 */
/* mem.h -- arenas: many allocations, one end of life.
 *
 * A request, a job run and a command each own one arena; everything they allocate goes with it.
 * There is no free of a single allocation. An arena belongs to one thread at a time and its
 * pointers are never stored in anything that lives longer. Out of memory stops the process.
 *
 * In debug builds (KT_ARENA_DEBUG) every allocation is its own malloc, so that AddressSanitizer
 * sees an overrun inside an arena and valgrind names the line. */
#ifndef KONTOR_BASE_MEM_H
#define KONTOR_BASE_MEM_H
#include <stdbool.h>
#include <stddef.h>

typedef struct kt_arena kt_arena;

kt_arena *kt_arena_new(void);
/* Runs the at-end functions (newest first) and frees everything. Accepts NULL. */
void kt_arena_free(kt_arena *arena);
/* As free, but the arena can be used again and keeps its first block. */
void kt_arena_reset(kt_arena *arena);
/* Bytes handed out since birth or reset. */
size_t kt_arena_used(const kt_arena *arena);

/* Zeroed memory, aligned for any type; never NULL. size 0 gives a valid pointer. */
void *kt_alloc(kt_arena *arena, size_t size);
void *kt_alloc_array(kt_arena *arena, size_t count, size_t size);
#define KT_NEW(arena, type) ((type *)kt_alloc((arena), sizeof(type)))
/* Calls `end(what)` when the arena ends: for handles that are not memory. */
void kt_arena_at_end(kt_arena *arena, void (*end)(void *what), void *what);

/* Heap memory with an owner and a free; stop the process instead of returning NULL. */
void *kt_malloc(size_t size);
void *kt_calloc(size_t count, size_t size);
void *kt_realloc(void *old, size_t size);
char *kt_strdup(const char *text);

/* Overwrites a secret; not removed by the optimiser. */
void kt_wipe(void *secret, size_t len);

#endif
