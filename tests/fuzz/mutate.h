/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mutate - inputs by lot out of inputs that are there: the same seed, the same inputs.
 *
 * Threads: one at a time for each state.
 */
#ifndef WEIR_TESTS_FUZZ_MUTATE_H
#define WEIR_TESTS_FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>

typedef struct weir_fuzz_input {
    const uint8_t *data;
    size_t size;
} weir_fuzz_input;

/* n inputs, at least one; a loan. state is the seed, and moves on. */
typedef struct weir_fuzz_mutator {
    const weir_fuzz_input *inputs;
    size_t n;
    uint64_t state;
} weir_fuzz_mutator;

/* Writes one more input of at most max bytes to out; returns its size. */
size_t weir_fuzz_mutate(weir_fuzz_mutator *m, uint8_t *out, size_t max);

#endif
