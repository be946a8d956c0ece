/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock - mutexes with ranks, and a sequence number to sleep on.
 *
 * Locks are taken in rising rank; debug builds check it per thread. No vtable, callback or
 * log is called with a lock held.
 */
#ifndef WEIR_BASE_LOCK_H
#define WEIR_BASE_LOCK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Ranks, lowest first. A thread that holds one may only take a higher one. */
enum weir_lock_rank {
    WEIR_RANK_APP = 10,
    WEIR_RANK_ENGINE = 20,
    WEIR_RANK_FLOW = 30,
    WEIR_RANK_POOL = 40,
    WEIR_RANK_BUDGET = 50,
    WEIR_RANK_SETTLE = 60,
    WEIR_RANK_SOURCE = 70,
    WEIR_RANK_SINK = 80,
    WEIR_RANK_LEAF = 90
};

typedef struct weir_lock {
    pthread_mutex_t mutex;
    int rank;
} weir_lock;

/* weir_lock_take asserts; it never fails in a way that a caller could handle. */
void weir_lock_init(weir_lock *lock, enum weir_lock_rank rank);
void weir_lock_fini(weir_lock *lock);
void weir_lock_take(weir_lock *lock);
void weir_lock_give(weir_lock *lock);

/*
 * A sequence number to sleep on without a lost wake-up: read it, look for work, sleep only
 * while it is unchanged. Wakers make work visible, then raise it.
 */
typedef struct weir_signal {
    atomic_uint seq;
    atomic_uint n_sleeping;
} weir_signal;

static inline unsigned weir_signal_read(weir_signal *sig)
{
    return atomic_load_explicit(&sig->seq, memory_order_acquire);
}

/* Sleeps while the number is `seen`, at most until until_us (monotonic; WEIR_NEVER).
 * False: the time came. Spurious returns are true. */
bool weir_signal_wait(weir_signal *sig, unsigned seen, int64_t until_us);
/* Raises the number and wakes up to n sleepers (INT_MAX: all). Cheap if nobody sleeps. */
void weir_signal_raise(weir_signal *sig, int n);
/* Raises the number and wakes nobody: whoever is about to sleep looks again. */
static inline void weir_signal_mark(weir_signal *sig)
{
    atomic_fetch_add(&sig->seq, 1);
}

/* Starts a thread with all signals blocked (but those of faults, such as SIGSEGV), a name of at most 15 bytes, and a stack of
 * stack_bytes (0: 256 KiB). Returns 0 or an errno. */
int weir_thread_start(pthread_t *thread, const char *name, size_t stack_bytes,
                      void *(*main)(void *), void *arg);

#endif
