/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal_guard - the proof of a crash: what a fatal signal or exit() meets is marked.
 *
 * A handler has no argument of ours, so the journal and the thread's slot are found through
 * two variables here; both are set before anything can run in a function. The handler stores a
 * few words and hands the signal on to whatever was there before (mostly the default action,
 * so that core dumps are written). It runs on a stack of its own, because the thread's may be
 * used up. A child that a function has forked shares the mapping and must not write to it.
 */
#include "worker/engine/journal_file.h"

#include "worker/base/check.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define GUARD_STACK (64 * 1024)
#define GUARD_EXIT 255u /* in head.elsewhere */

static const int guard_signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };

#define GUARD_SIGNALS (sizeof(guard_signals) / sizeof(guard_signals[0]))

static _Atomic(weir_journal *) guard_journal;
static _Thread_local weir_journal_slot *guard_slot;
/* The stack that this thread was given; ends with it. */
static _Thread_local void *guard_stack;
static struct sigaction guard_before[GUARD_SIGNALS];

/* The file behind the mapping has failed: memory takes its place, and what was about to be
 * stored is stored there. Async-signal-safe, as far as mmap() is a system call and no more. */
static bool guard_keeps_file(const siginfo_t *info)
{
    weir_journal *j = atomic_load(&guard_journal);
    const char *at = info->si_addr;

    if (j == NULL || info->si_code <= 0 || at < (const char *)j->file ||
        at >= (const char *)(j->file + 1)) {
        return false;
    }
    atomic_store(&j->is_lost, true);
    return mmap(j->file, sizeof(*j->file), PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == (void *)j->file;
}

/* Async-signal-safe. */
static void guard_mark(weir_mark mark, unsigned elsewhere)
{
    weir_journal *j = atomic_load(&guard_journal);

    if (j == NULL || getpid() != j->pid) {
        return;
    }
    if (guard_slot != NULL && atomic_load(&guard_slot->state) != WEIR_SLOT_IDLE) {
        weir_journal_mark(guard_slot, mark);
    } else {
        atomic_store(&j->file->head.elsewhere, elsewhere);
    }
}

static void guard_on_signal(int sig, siginfo_t *info, void *context)
{
    const int saved = errno;
    weir_journal *j = atomic_load(&guard_journal);
    /* A fault of our own comes with a positive code, abort() from this process. */
    const bool is_ours = info->si_code > 0 || info->si_pid == getpid();

    (void)context;
    if (sig == SIGBUS && guard_keeps_file(info)) {
        errno = saved;
        return;
    }
    if (is_ours) {
        guard_mark(WEIR_MARK_SIGNAL, (unsigned)sig);
    } else if (j != NULL && getpid() == j->pid) {
        atomic_store(&j->file->head.purpose, 1); /* somebody else wants it to end */
    }
    for (size_t i = 0; i < GUARD_SIGNALS; i++) {
        if (guard_signals[i] == sig) {
            sigaction(sig, &guard_before[i], NULL);
        }
    }
    if (info->si_code <= 0) {
        raise(sig); /* a fault happens again by itself */
    }
    errno = saved;
}

static void guard_on_exit(void)
{
    weir_journal *j = atomic_load(&guard_journal);

    if (j != NULL && (guard_slot != NULL || atomic_load(&j->file->head.purpose) == 0)) {
        guard_mark(WEIR_MARK_EXIT, GUARD_EXIT);
    }
}

void weir_journal_guard(weir_journal *j)
{
    static bool has_exit; /* there is no way to take it back */
    struct sigaction act = { .sa_flags = SA_SIGINFO | SA_ONSTACK };

    WEIR_ASSERT(atomic_load(&guard_journal) == NULL);
    act.sa_sigaction = guard_on_signal;
    sigemptyset(&act.sa_mask);
    atomic_store(&guard_journal, j);
    for (size_t i = 0; i < GUARD_SIGNALS; i++) {
        WEIR_ASSERT(sigaction(guard_signals[i], &act, &guard_before[i]) == 0);
    }
    if (!has_exit) {
        has_exit = atexit(guard_on_exit) == 0 && at_quick_exit(guard_on_exit) == 0;
    }
}

void weir_journal_unguard(const weir_journal *j)
{
    if (atomic_load(&guard_journal) != j) {
        return;
    }
    for (size_t i = 0; i < GUARD_SIGNALS; i++) {
        sigaction(guard_signals[i], &guard_before[i], NULL);
    }
    atomic_store(&guard_journal, NULL);
}

static void guard_stack_give(void)
{
    const stack_t none = { .ss_flags = SS_DISABLE };

    if (guard_stack != NULL) {
        sigaltstack(&none, NULL);
        munmap(guard_stack, GUARD_STACK);
        guard_stack = NULL;
    }
}

static void guard_stack_take(void)
{
    stack_t now;

    if (guard_stack != NULL || sigaltstack(NULL, &now) != 0 ||
        (now.ss_flags & SS_DISABLE) == 0) {
        return; /* a sanitizer has given it one */
    }
    void *stack = mmap(NULL, GUARD_STACK, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (stack == MAP_FAILED) {
        return; /* then only a stack that is used up is not seen */
    }
    const stack_t fresh = { .ss_sp = stack, .ss_size = GUARD_STACK };

    if (sigaltstack(&fresh, NULL) != 0) {
        munmap(stack, GUARD_STACK);
        return;
    }
    guard_stack = stack;
}

void weir_journal_thread(weir_journal_slot *slot)
{
    guard_slot = slot;
    if (slot == NULL) {
        guard_stack_give();
    } else {
        guard_stack_take();
    }
}
