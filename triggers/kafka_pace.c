/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_pace - see kafka_pace.h.
 *
 * The length is seen once for each read, after it. A fetcher that stopped since the last look
 * saw at least what was there before this read, so nothing full is missed by events; by bytes
 * the guess may be wrong, so "full" begins at half there, and a queue that is nearly empty is
 * reason enough once in a while.
 */
#include "triggers/kafka_pace.h"

#define PACE_LOW_EVENTS 512
#define PACE_LOW_US 50000

bool weir_kafka_pace_wants_wake(weir_kafka_pace *pace, size_t n, size_t n_bytes,
                                size_t n_left, int64_t now_us)
{
    const size_t each = n_bytes / n;
    const bool is_half_empty =
        n_left < pace->full_events / 2 && n_left * each < pace->full_bytes / 2;
    bool wants = false;

    pace->n_since += n;
    if (n_left + n >= pace->full_events / 4 * 3 ||
        (n_left + n) * each >= pace->full_bytes / 2) {
        pace->was_full = true;
    }
    if (is_half_empty) {
        wants = pace->was_full ||
                (n_left < PACE_LOW_EVENTS && pace->n_since >= PACE_LOW_EVENTS &&
                 now_us - pace->woken_us >= PACE_LOW_US);
    }
    if (wants) {
        pace->was_full = false;
        pace->n_since = 0;
        pace->woken_us = now_us;
    }
    return wants;
}
