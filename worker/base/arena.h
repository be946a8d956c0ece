/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena - memory that is given back all at once.
 *
 * An arena hands out pieces of a few chunks. weir_arena_reset() keeps one chunk, so an
 * arena that is used again and again for similar small work does not allocate.
 *
 * Threads: one at a time.
 */
#ifndef WEIR_BASE_ARENA_H
#define WEIR_BASE_ARENA_H

#include "worker/base/slice.h"

#include <stdarg.h>

typedef struct weir_arena_chunk weir_arena_chunk;

typedef struct weir_arena {
    weir_arena_chunk *chunks; /* the one being filled first; it is kept on reset */
    size_t n_bytes;           /* handed out since the last reset */
    size_t chunk_bytes;       /* of a new chunk, at least; grows, see reset */
} weir_arena;

/* An empty arena; allocates nothing yet. chunk_bytes 0: 4,096. Ended with weir_arena_fini(). */
void weir_arena_init(weir_arena *arena, size_t chunk_bytes);
void weir_arena_fini(weir_arena *arena);

/*
 * Forgets everything handed out. One chunk is kept, of the initial size; of up to
 * WEIR_ARENA_KEPT bytes if what was handed out would have fitted into it, so that work that is
 * alike finds its room the next time.
 */
void weir_arena_reset(weir_arena *arena);
#define WEIR_ARENA_KEPT 4096

/* Takes back what stands behind `end` in the newest piece, which `end` points into, if that
 * piece is in the chunk being filled; else does nothing. */
void weir_arena_trim(weir_arena *arena, const void *end);

/* Everything that `from` has handed out is to's from here on; `from` is empty. */
void weir_arena_take(weir_arena *to, weir_arena *from);

/* n bytes aligned for any type, not zeroed; NULL: out of memory. n may be 0. */
void *weir_arena_alloc(weir_arena *arena, size_t n);
/* The same, zeroed. */
void *weir_arena_zalloc(weir_arena *arena, size_t n);

/* Copies with a NUL behind; an absent slice stays absent and is a success. */
bool weir_arena_copy(weir_arena *arena, weir_slice from, weir_slice *out);
/* NULL: out of memory (or text NULL). */
char *weir_arena_strdup(weir_arena *arena, const char *text);
char *weir_arena_printf(weir_arena *arena, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
char *weir_arena_vprintf(weir_arena *arena, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));

#endif
