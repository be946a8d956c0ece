/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_line - outputs that wait for their turn, or for their answer, in order.
 *
 * A ring that grows; the capacity is a power of two.
 *
 * Threads: one at a time; a zeroed line is empty.
 */
#ifndef WEIR_TRIGGERS_REDIS_LINE_H
#define WEIR_TRIGGERS_REDIS_LINE_H

#include "schemas/output.h"

#include <stdbool.h>
#include <stddef.h>

/* An output and what it counts in the sink's bytes. */
typedef struct weir_redis_line_item {
    weir_out *out;
    size_t bytes;
} weir_redis_line_item;

typedef struct weir_redis_line {
    weir_redis_line_item *items;
    size_t head, n, cap;
} weir_redis_line;

void weir_redis_line_fini(weir_redis_line *line);
/* Appends; false: out of memory. */
bool weir_redis_line_push(weir_redis_line *line, weir_redis_line_item item);
/* Takes the first; false: there is none. */
bool weir_redis_line_pop(weir_redis_line *line, weir_redis_line_item *item);

#endif
