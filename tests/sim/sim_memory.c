/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_memory - memory that belongs to the process that asked for it, so that a crash can take
 * it and an end in order can be asked whether anything is left.
 *
 * Takes the place of the C library's functions for all that is linked into the program (--wrap).
 * What metrics keep for good belongs to the world.
 */
#include "tests/sim/sim.h"

#include "worker/base/check.h"
#include "worker/base/metric.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* In front of each piece. */
typedef struct memory_head {
    struct memory_head *next, *before;
    const sim_proc *proc;
    size_t size;
    void *base; /* what the C library gave */
    void *spare;
} memory_head;

_Static_assert(sizeof(memory_head) % _Alignof(max_align_t) == 0, "pieces are aligned");

void *__real_malloc(size_t size);
void __real_free(void *ptr);
void *__wrap_malloc(size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *ptr, size_t size);
void __wrap_free(void *ptr);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t n);
weir_metric *__real_weir_metric_get(weir_metric_id id, const char *const *values);
weir_metric *__real_weir_metric_get1(weir_metric_id id, const char *value);
weir_metric *__real_weir_metric_get2(weir_metric_id id, const char *a, const char *b);
weir_metric *__wrap_weir_metric_get(weir_metric_id id, const char *const *values);
weir_metric *__wrap_weir_metric_get1(weir_metric_id id, const char *value);
weir_metric *__wrap_weir_metric_get2(weir_metric_id id, const char *a, const char *b);

static memory_head memory_all = { .next = &memory_all, .before = &memory_all };
static bool memory_is_world;      /* what is asked for now stays for good */
static const sim_proc *memory_as; /* what the world asks for is this one's */

/* A piece at a multiple of `align`, which is a power of two. */
static void *memory_get(size_t align, size_t size)
{
    const size_t room = sizeof(memory_head) + (align > 16 ? align : 0);
    char *base = __real_malloc(room + size);

    if (base == NULL) {
        return NULL;
    }
    char *piece = base + room;

    piece -= align > 16 ? (uintptr_t)piece % align : 0;
    memory_head *head = (memory_head *)(void *)piece - 1;

    head->base = base;
    head->proc = memory_is_world     ? NULL
                 : memory_as != NULL ? memory_as
                                     : sim_proc_here();
    head->size = size;
    head->next = memory_all.next;
    head->before = &memory_all;
    memory_all.next->before = head;
    memory_all.next = head;
    return head + 1;
}

void *__wrap_malloc(size_t size)
{
    return memory_get(1, size);
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
    return memory_get(align, size);
}

void __wrap_free(void *ptr)
{
    memory_head *head = ptr;

    if (head == NULL) {
        return;
    }
    head--;
    head->next->before = head->before;
    head->before->next = head->next;
    __real_free(head->base);
}

void *__wrap_calloc(size_t n, size_t size)
{
    void *ptr;

    if (size != 0 && n > SIZE_MAX / 2 / size) {
        return NULL;
    }
    ptr = __wrap_malloc(n * size);
    return ptr == NULL ? NULL : memset(ptr, 0, n * size);
}

void *__wrap_realloc(void *ptr, size_t size)
{
    void *grown = __wrap_malloc(size);

    if (grown != NULL && ptr != NULL) {
        const size_t had = ((memory_head *)ptr - 1)->size;

        memcpy(grown, ptr, had < size ? had : size);
        __wrap_free(ptr);
    }
    return grown;
}

char *__wrap_strndup(const char *text, size_t n)
{
    const size_t len = strnlen(text, n);
    char *copy = __wrap_malloc(len + 1);

    if (copy != NULL) {
        memcpy(copy, text, len);
        copy[len] = '\0';
    }
    return copy;
}

char *__wrap_strdup(const char *text)
{
    return __wrap_strndup(text, strlen(text));
}

void *sim_alloc(size_t size)
{
    void *ptr;

    memory_is_world = true;
    ptr = __wrap_calloc(1, size);
    memory_is_world = false;
    WEIR_ASSERT(ptr != NULL);
    return ptr;
}

void sim_free(void *ptr)
{
    __wrap_free(ptr);
}

void sim_as(const sim_proc *proc)
{
    memory_as = proc;
}

size_t sim_memory_count(const sim_proc *proc)
{
    size_t n = 0;

    for (const memory_head *head = memory_all.next; head != &memory_all;
         head = head->next) {
        n += head->proc == proc;
    }
    return n;
}

void sim_memory_drop(const sim_proc *proc)
{
    for (memory_head *head = memory_all.next; head != &memory_all;) {
        memory_head *next = head->next;

        if (head->proc == proc) {
            __wrap_free(head + 1);
        }
        head = next;
    }
}

weir_metric *__wrap_weir_metric_get(weir_metric_id id, const char *const *values)
{
    weir_metric *metric;

    memory_is_world = true;
    metric = __real_weir_metric_get(id, values);
    memory_is_world = false;
    return metric;
}

weir_metric *__wrap_weir_metric_get1(weir_metric_id id, const char *value)
{
    weir_metric *metric;

    memory_is_world = true;
    metric = __real_weir_metric_get1(id, value);
    memory_is_world = false;
    return metric;
}

weir_metric *__wrap_weir_metric_get2(weir_metric_id id, const char *a, const char *b)
{
    weir_metric *metric;

    memory_is_world = true;
    metric = __real_weir_metric_get2(id, a, b);
    memory_is_world = false;
    return metric;
}
