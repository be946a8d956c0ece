/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backoff - how long to wait before the next try. Pure.
 *
 * Threads: any.
 */
#ifndef WEIR_ENGINE_BACKOFF_H
#define WEIR_ENGINE_BACKOFF_H

#include "worker/base/hash.h"
#include "worker/engine/sub.h"

/*
 * Microseconds to wait after the n-th failure (from 1): constant first; linear n x first;
 * exponential first x 2^(n-1); never above max; then jitter: full 0..d, equal d/2..d.
 */
int64_t weir_backoff_us(const weir_retry_rules *rules, uint32_t n_failures,
                        weir_rand *rand);

/* The rules by which sends are tried again: 100 ms doubling to 10 s, equal jitter. */
extern const weir_retry_rules weir_backoff_send;

#endif
