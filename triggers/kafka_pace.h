/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_pace - when the fetcher of a client has to be woken.
 *
 * The client's fetcher stops when its queue is full, by events or by bytes. Before librdkafka
 * 2.2.0 it looks again only when something wakes it, at most a second later, while a queue
 * of tens of thousands is read in milliseconds. A small queue is worth having (what is in it
 * is still in the processor's cache when it is read, and memory is bounded), so the fetcher
 * is woken as soon as the queue is half empty: what is left covers the time of a fetch.
 *
 * How many bytes are in the queue nobody tells; they are guessed from those just read.
 *
 * Threads: one at a time. Pure: no clock, no I/O.
 */
#ifndef WEIR_TRIGGERS_KAFKA_PACE_H
#define WEIR_TRIGGERS_KAFKA_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct weir_kafka_pace {
    size_t full_events, full_bytes; /* where the fetcher stops */
    bool was_full;                  /* it may have stopped since it was last woken */
    size_t n_since;                 /* events read since it was last woken */
    int64_t woken_us;
} weir_kafka_pace;

/*
 * Takes in that n events (1 or more) of n_bytes in all were read, and n_left are left in the
 * queue. True: wake the fetcher now.
 */
bool weir_kafka_pace_wants_wake(weir_kafka_pace *pace, size_t n, size_t n_bytes,
                                size_t n_left, int64_t now_us);

#endif
