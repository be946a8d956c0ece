/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * allocs - counts the allocations of a process, loaded in front of it with LD_PRELOAD.
 *
 * Each call of malloc, calloc, realloc and their like is counted, and by whom it was made: the
 * return address lies in librdkafka or hiredis, in the C library or the loader, or elsewhere,
 * which is the program and the functions it has loaded. weir_bench_allocs_get() adds the
 * counters up; a program finds it as a weak symbol.
 *
 * Counters belong to a thread each and are only ever written by it, so counting costs no
 * locked instruction. Those of threads that ended stay.
 */
#include "tests/bench/meter.h"

#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* glibc's own, so that nothing has to be looked up before the first allocation. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t align, size_t size);

void weir_bench_allocs_get(bench_allocs *out);
void weir_bench_allocs_look(void);

#define MAX_RANGES 32
#define MAX_THREADS 16384

typedef struct allocs_range {
    uintptr_t from, to;
    bool is_client;
} allocs_range;

typedef struct allocs_counters {
    atomic_uint_fast64_t all, clients, system;
    char apart[104]; /* a cache line is never shared */
} allocs_counters;

static allocs_range ranges[MAX_RANGES];
static atomic_size_t n_ranges;
static allocs_counters counters[MAX_THREADS];
static atomic_size_t n_threads;
static _Thread_local allocs_counters *mine __attribute__((tls_model("initial-exec")));

static int allocs_see(struct dl_phdr_info *info, size_t size, void *arg)
{
    static const char *const clients[] = { "librdkafka", "libhiredis" };
    static const char *const systems[] = { "/libc.so", "/libc-", "/ld-linux",
                                           "/libpthread", "/libdl" };
    size_t *n = arg;
    bool is_client = false;
    bool is_system = false;

    (void)size;
    for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
        is_client = is_client || strstr(info->dlpi_name, clients[i]) != NULL;
    }
    for (size_t i = 0; i < sizeof(systems) / sizeof(systems[0]); i++) {
        is_system = is_system || strstr(info->dlpi_name, systems[i]) != NULL;
    }
    for (int i = 0; (is_client || is_system) && i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];

        if (part->p_type == PT_LOAD && (part->p_flags & PF_X) != 0 && *n < MAX_RANGES) {
            const uintptr_t from = info->dlpi_addr + part->p_vaddr;

            ranges[(*n)++] = (allocs_range){ from, from + part->p_memsz, is_client };
        }
    }
    return 0;
}

void weir_bench_allocs_look(void)
{
    size_t n = 0;

    atomic_store(&n_ranges, 0);
    dl_iterate_phdr(allocs_see, &n);
    atomic_store(&n_ranges, n);
}

__attribute__((constructor)) static void allocs_begin(void)
{
    weir_bench_allocs_look();
}

static void allocs_bump(atomic_uint_fast64_t *counter)
{
    atomic_store_explicit(counter,
                          atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

static void allocs_count(const void *caller)
{
    const uintptr_t at = (uintptr_t)caller;
    const size_t n = atomic_load_explicit(&n_ranges, memory_order_acquire);

    if (mine == NULL) {
        const size_t i = atomic_fetch_add(&n_threads, 1);

        mine = &counters[i < MAX_THREADS ? i : MAX_THREADS - 1];
    }
    allocs_bump(&mine->all);
    for (size_t i = 0; i < n; i++) {
        if (at >= ranges[i].from && at < ranges[i].to) {
            allocs_bump(ranges[i].is_client ? &mine->clients : &mine->system);
            return;
        }
    }
}

void weir_bench_allocs_get(bench_allocs *out)
{
    const size_t n = atomic_load(&n_threads);

    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < n && i < MAX_THREADS; i++) {
        out->all += atomic_load_explicit(&counters[i].all, memory_order_relaxed);
        out->clients +=
            atomic_load_explicit(&counters[i].clients, memory_order_relaxed);
        out->system += atomic_load_explicit(&counters[i].system, memory_order_relaxed);
    }
}

void *malloc(size_t size)
{
    allocs_count(__builtin_return_address(0));
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    allocs_count(__builtin_return_address(0));
    return __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
    allocs_count(__builtin_return_address(0));
    return __libc_realloc(old, size);
}

void *memalign(size_t align, size_t size)
{
    allocs_count(__builtin_return_address(0));
    return __libc_memalign(align, size);
}

void *aligned_alloc(size_t align, size_t size)
{
    allocs_count(__builtin_return_address(0));
    return __libc_memalign(align, size);
}

int posix_memalign(void **out, size_t align, size_t size)
{
    void *fresh;

    allocs_count(__builtin_return_address(0));
    fresh = __libc_memalign(align, size);
    if (fresh == NULL) {
        return ENOMEM;
    }
    *out = fresh;
    return 0;
}
