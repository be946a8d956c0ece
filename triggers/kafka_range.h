/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_range - reading a part of a topic outside every group.
 *
 * For `weir tail`. Nothing is committed and no group is joined or asked for.
 *
 * Threads: one at a time.
 */
#ifndef WEIR_TRIGGERS_KAFKA_RANGE_H
#define WEIR_TRIGGERS_KAFKA_RANGE_H

#include "schemas/event.h"
#include "triggers/kafka_conf.h"

typedef struct weir_kafka_range weir_kafka_range;

typedef enum weir_kafka_bound_kind {
    WEIR_KAFKA_AT_START,
    WEIR_KAFKA_AT_END, /* as it is when the range is opened */
    WEIR_KAFKA_AT_OFFSET,
    WEIR_KAFKA_AT_TIME, /* the first record of that time or later */
    WEIR_KAFKA_AT_BACK, /* so many records before the end, in each partition */
    WEIR_KAFKA_AT_NEVER /* as an end: go on for ever */
} weir_kafka_bound_kind;

typedef struct weir_kafka_bound {
    weir_kafka_bound_kind kind;
    int64_t value; /* offset, milliseconds since 1970, or how many */
} weir_kafka_bound;

typedef struct weir_kafka_range_setup {
    const weir_kafka_queue *queue;
    const char *queue_name, *topic;
    int32_t partition;         /* -1: all */
    weir_kafka_bound from, to; /* [from, to) */
    size_t max_event;
    int timeout_ms; /* for the questions at the beginning */
} weir_kafka_range_setup;

/*
 * Asks where the bounds are and begins to fetch. The strings of setup live as long as the range.
 * Returns: WEIR_OK, WEIR_ENOENT (no such topic or partition), WEIR_EDENIED, WEIR_EUNAVAIL, ...
 */
weir_status weir_kafka_range_open(const weir_kafka_range_setup *setup,
                                  weir_kafka_range **out, weir_err *err);
/*
 * Fills up to cap events, each begun by the caller; waits up to wait_us for the first.
 * *is_end: everything up to `to` has been given. Events must end before the range is closed.
 */
weir_status weir_kafka_range_read(weir_kafka_range *range, weir_event *const *evs,
                                  size_t cap, int64_t wait_us, size_t *n, bool *is_end,
                                  weir_err *err);
/* NULL is accepted. Blocks a few seconds at most. */
void weir_kafka_range_close(weir_kafka_range *range);

#endif
