/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena - memory that is given back all at once; see arena.h.
 *
 *     arena -> chunk being filled -> full chunks and chunks of one large piece -> NULL
 *
 * A large piece gets a chunk of its own, which goes behind the one being filled, so that the
 * room left in that one is not lost.
 */
#include "worker/base/arena.h"

#include <stdio.h>
#include <stdlib.h>

#define ARENA_CHUNK 4096
#define ARENA_STEP 512 /* by which a chunk that was too small grows at least */
#define ARENA_ALIGN _Alignof(max_align_t)

struct weir_arena_chunk {
    weir_arena_chunk *next; /* older */
    size_t used, cap;
    _Alignas(max_align_t) char data[];
};

void weir_arena_init(weir_arena *arena, size_t chunk_bytes)
{
    *arena =
        (weir_arena){ .chunk_bytes = chunk_bytes == 0 ? ARENA_CHUNK : chunk_bytes };
}

static size_t arena_chunk_cap(const weir_arena *arena)
{
    return (arena->chunk_bytes + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
}

static void arena_free_chunks(weir_arena_chunk *chunk)
{
    while (chunk != NULL) {
        weir_arena_chunk *next = chunk->next;

        free(chunk);
        chunk = next;
    }
}

void weir_arena_fini(weir_arena *arena)
{
    arena_free_chunks(arena->chunks);
    arena->chunks = NULL;
    arena->n_bytes = 0;
}

/* One chunk did not do: the next one shall, if that is not too much to keep. */
static bool arena_grow(weir_arena *arena, size_t n_bytes)
{
    size_t want = arena->chunk_bytes + ARENA_STEP;

    if (n_bytes > WEIR_ARENA_KEPT || want > WEIR_ARENA_KEPT) {
        return false;
    }
    want = n_bytes > want ? n_bytes : want;
    arena->chunk_bytes = (want + ARENA_STEP - 1) / ARENA_STEP * ARENA_STEP;
    weir_arena_fini(arena);
    return true;
}

void weir_arena_reset(weir_arena *arena)
{
    weir_arena_chunk *chunk = arena->chunks;
    const size_t n_bytes = arena->n_bytes;

    arena->n_bytes = 0;
    if (chunk == NULL) {
        return;
    }
    if (chunk->next != NULL || chunk->cap > arena_chunk_cap(arena)) {
        if (arena_grow(arena, n_bytes)) {
            return;
        }
    }
    if (chunk->next != NULL) {
        arena_free_chunks(chunk->next);
        chunk->next = NULL;
    }
    chunk->used = 0;
    if (chunk->cap > arena_chunk_cap(arena)) {
        free(chunk); /* made for one large piece; keeping it would pin its memory */
        arena->chunks = NULL;
    }
}

/* A piece that the chunk being filled has no room for; n is rounded up already. */
static void *arena_alloc_slow(weir_arena *arena, size_t n)
{
    size_t cap = arena_chunk_cap(arena);
    bool is_own = n > cap / 2 && arena->chunks != NULL;

    if (is_own || cap < n) {
        cap = n;
    }
    if (cap > SIZE_MAX - sizeof(weir_arena_chunk)) {
        return NULL;
    }

    weir_arena_chunk *chunk = malloc(sizeof(*chunk) + cap);

    if (chunk == NULL) {
        return NULL;
    }
    chunk->cap = cap;
    chunk->used = n;
    if (is_own) {
        chunk->next = arena->chunks->next;
        arena->chunks->next = chunk;
    } else {
        chunk->next = arena->chunks;
        arena->chunks = chunk;
    }
    arena->n_bytes += n;
    return chunk->data;
}

void *weir_arena_alloc(weir_arena *arena, size_t n)
{
    weir_arena_chunk *chunk = arena->chunks;

    if (n > SIZE_MAX / 2) {
        return NULL;
    }
    n = n == 0 ? ARENA_ALIGN : (n + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
    if (chunk == NULL || n > chunk->cap - chunk->used) {
        return arena_alloc_slow(arena, n);
    }

    char *data = chunk->data + chunk->used;

    chunk->used += n;
    arena->n_bytes += n;
    return data;
}

void weir_arena_trim(weir_arena *arena, const void *end)
{
    weir_arena_chunk *chunk = arena->chunks;
    const uintptr_t at = (uintptr_t)end;
    const uintptr_t begin = chunk == NULL ? 0 : (uintptr_t)chunk->data;

    if (chunk == NULL || at < begin || at > begin + chunk->used) {
        return;
    }
    const size_t used = (at - begin + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);

    arena->n_bytes -= chunk->used - used;
    chunk->used = used;
}

void weir_arena_take(weir_arena *to, weir_arena *from)
{
    weir_arena_chunk *last = from->chunks;

    if (last == NULL) {
        return;
    }
    while (last->next != NULL) {
        last = last->next;
    }
    if (to->chunks == NULL) {
        to->chunks = from->chunks;
    } else { /* behind the one being filled */
        last->next = to->chunks->next;
        to->chunks->next = from->chunks;
    }
    to->n_bytes += from->n_bytes;
    from->chunks = NULL;
    from->n_bytes = 0;
}

void *weir_arena_zalloc(weir_arena *arena, size_t n)
{
    void *data = weir_arena_alloc(arena, n);

    if (data != NULL) {
        memset(data, 0, n);
    }
    return data;
}

bool weir_arena_copy(weir_arena *arena, weir_slice from, weir_slice *out)
{
    if (from.data == NULL) {
        *out = WEIR_SLICE_NONE;
        return true;
    }
    if (from.len == SIZE_MAX) {
        return false;
    }

    char *data = weir_arena_alloc(arena, from.len + 1);

    if (data == NULL) {
        return false;
    }
    memcpy(data, from.data, from.len);
    data[from.len] = '\0';
    *out = (weir_slice){ data, from.len };
    return true;
}

char *weir_arena_strdup(weir_arena *arena, const char *text)
{
    if (text == NULL) {
        return NULL;
    }

    size_t n = strlen(text) + 1;
    char *copy = weir_arena_alloc(arena, n);

    if (copy != NULL) {
        memcpy(copy, text, n);
    }
    return copy;
}

char *weir_arena_vprintf(weir_arena *arena, const char *fmt, va_list args)
{
    char text[256];
    char *out = NULL;
    va_list again;

    va_copy(again, args);

    int n = vsnprintf(text, sizeof(text), fmt, args);

    if (n < 0) {
        goto out;
    }
    if ((out = weir_arena_alloc(arena, (size_t)n + 1)) == NULL) {
        goto out;
    }
    if ((size_t)n < sizeof(text)) {
        memcpy(out, text, (size_t)n + 1);
    } else {
        (void)vsnprintf(out, (size_t)n + 1, fmt, again);
    }
out:
    va_end(again);
    return out;
}

char *weir_arena_printf(weir_arena *arena, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);

    char *out = weir_arena_vprintf(arena, fmt, args);

    va_end(args);
    return out;
}
