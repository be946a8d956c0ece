/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock - mutexes with ranks, and sleeping on a number; see lock.h.
 */
#include "worker/base/lock.h"

#include "worker/base/check.h"
#include "worker/base/clock.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LOCK_STACK 262144
#define LOCK_NAME_MAX 15

#ifndef NDEBUG
/* The ranks that this thread holds, in the order of taking. */
#define LOCK_DEPTH 16
static _Thread_local int lock_held[LOCK_DEPTH];
static _Thread_local int lock_n_held;

static void lock_check_take(int rank)
{
    WEIR_ASSERT(lock_n_held == 0 || lock_held[lock_n_held - 1] < rank);
    WEIR_ASSERT(lock_n_held < LOCK_DEPTH);
    lock_held[lock_n_held++] = rank;
}

static void lock_check_give(int rank)
{
    /* Mostly the last one taken, but another order of giving does no harm. */
    for (int i = lock_n_held - 1; i >= 0; i--) {
        if (lock_held[i] == rank) {
            memmove(lock_held + i, lock_held + i + 1,
                    (size_t)(lock_n_held - i - 1) * sizeof(lock_held[0]));
            lock_n_held--;
            return;
        }
    }
    WEIR_ASSERT(false && "the lock is held by this thread");
}
#else
static void lock_check_take(int rank)
{
    (void)rank;
}

static void lock_check_give(int rank)
{
    (void)rank;
}
#endif

void weir_lock_init(weir_lock *lock, enum weir_lock_rank rank)
{
    pthread_mutexattr_t attr;

    /* What locks guard here is short: whoever meets a holder on another core spins a moment
     * before it asks the kernel. */
    WEIR_ASSERT(pthread_mutexattr_init(&attr) == 0);
    WEIR_ASSERT(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP) == 0);
    WEIR_ASSERT(pthread_mutex_init(&lock->mutex, &attr) == 0);
    WEIR_ASSERT(pthread_mutexattr_destroy(&attr) == 0);
    lock->rank = (int)rank;
}

void weir_lock_fini(weir_lock *lock)
{
    WEIR_ASSERT(pthread_mutex_destroy(&lock->mutex) == 0);
}

void weir_lock_take(weir_lock *lock)
{
    lock_check_take(lock->rank);
    WEIR_ASSERT(pthread_mutex_lock(&lock->mutex) == 0);
}

void weir_lock_give(weir_lock *lock)
{
    lock_check_give(lock->rank);
    WEIR_ASSERT(pthread_mutex_unlock(&lock->mutex) == 0);
}

/*
 * No wake-up is lost: a sleeper counts itself before the kernel compares the number, a waker
 * raises the number before it looks at the count, and all four are sequentially consistent.
 * So either the waker sees the sleeper, or the kernel sees the new number.
 */
bool weir_signal_wait(weir_signal *sig, unsigned seen, int64_t until_us)
{
    if (weir_signal_read(sig) != seen) {
        return true;
    }

    struct timespec until = { 0 };
    bool is_bounded = until_us != WEIR_NEVER;

    if (is_bounded) {
        if (until_us < 0) {
            until_us = 0;
        }
        until.tv_sec = (time_t)(until_us / 1000000);
        until.tv_nsec = (long)(until_us % 1000000) * 1000;
    }
    atomic_fetch_add(&sig->n_sleeping, 1);

    /* FUTEX_WAIT_BITSET takes an absolute time of CLOCK_MONOTONIC. */
    long rc = syscall(SYS_futex, &sig->seq, FUTEX_WAIT_BITSET_PRIVATE, seen,
                      is_bounded ? &until : NULL, NULL, FUTEX_BITSET_MATCH_ANY);
    int error = rc == 0 ? 0 : errno;

    atomic_fetch_sub(&sig->n_sleeping, 1);
    WEIR_ASSERT(error == 0 || error == EAGAIN || error == EINTR || error == ETIMEDOUT);
    return error != ETIMEDOUT || weir_signal_read(sig) != seen;
}

void weir_signal_raise(weir_signal *sig, int n)
{
    atomic_fetch_add(&sig->seq, 1);
    if (atomic_load(&sig->n_sleeping) != 0) {
        (void)syscall(SYS_futex, &sig->seq, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
    }
}

static const int lock_faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL,
                                   SIGTRAP, SIGSYS, SIGABRT };

typedef struct lock_thread {
    void *(*main)(void *);
    void *arg;
    char name[LOCK_NAME_MAX + 1];
} lock_thread;

static void *lock_thread_main(void *arg)
{
    lock_thread thread = *(lock_thread *)arg;

    free(arg);
    (void)pthread_setname_np(pthread_self(), thread.name);
    return thread.main(thread.arg);
}

int weir_thread_start(pthread_t *thread, const char *name, size_t stack_bytes,
                      void *(*main)(void *), void *arg)
{
    lock_thread *start = calloc(1, sizeof(*start));
    pthread_attr_t attr;
    sigset_t all;
    sigset_t before;

    if (start == NULL) {
        return ENOMEM;
    }
    start->main = main;
    start->arg = arg;
    strncpy(start->name, name, LOCK_NAME_MAX);

    int rc = pthread_attr_init(&attr);

    if (rc != 0) {
        free(start);
        return rc;
    }
    if (stack_bytes == 0) {
        stack_bytes = LOCK_STACK;
    } else if (stack_bytes < (size_t)PTHREAD_STACK_MIN) {
        stack_bytes = (size_t)PTHREAD_STACK_MIN;
    }
    /* glibc takes any size that is not below the minimum; pages are rounded by it. */
    if ((rc = pthread_attr_setstacksize(&attr, stack_bytes)) != 0) {
        goto out;
    }
    (void)sigfillset(&all);
    /* A blocked signal of a fault would end the process without running its handler. */
    for (size_t i = 0; i < sizeof(lock_faults) / sizeof(lock_faults[0]); i++) {
        (void)sigdelset(&all, lock_faults[i]);
    }
    /* The new thread inherits the mask, so no signal can reach it in between. */
    WEIR_ASSERT(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    rc = pthread_create(thread, &attr, lock_thread_main, start);
    WEIR_ASSERT(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    if (rc == 0) {
        start = NULL;
    }
out:
    (void)pthread_attr_destroy(&attr);
    free(start);
    return rc;
}
