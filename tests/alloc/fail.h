/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fail - lets one allocation of weir's own code fail, one piece of an arena, or one start of a
 * thread.
 *
 *     weir_fail_each(once, arg);    once(arg) with allocation 1, 2, ... failing
 *
 * Allocations are counted over all threads. Where the program ends badly meanwhile, it says
 * which one had failed and who had asked for it; under AddressSanitizer it looks for leaks now
 * and then. WEIR_FAIL_AT=N in the environment tries only that one.
 */
#ifndef WEIR_TESTS_ALLOC_FAIL_H
#define WEIR_TESTS_ALLOC_FAIL_H

#include <stdbool.h>
#include <stddef.h>

/* Allocation number n from now on fails, once; 0: none. */
void weir_fail_arm(unsigned long n);
/* No more fails. True: one did. */
bool weir_fail_disarm(void);
/* True: the one has failed. */
bool weir_fail_is_hit(void);
/* While off, on this thread, nothing fails or counts: for what the test itself allocates. Nests. */
void weir_fail_pause(bool is_off);
/* Who asked for the one that has failed, on stderr; safe in a signal handler. */
void weir_fail_where(void);
/* Runs `once` with allocation 1, 2, ... failing until none does, in a few processes that share
 * the work; returns how many there were. There must be no other thread. */
unsigned long weir_fail_each(void (*once)(void *arg), void *arg);

#endif
