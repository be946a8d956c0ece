/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heap - a binary heap of things that are due, smallest first.
 *
 * The node is embedded in the thing (first come, first served among equals is not promised).
 *
 * Threads: one at a time; the owner's lock guards it.
 */
#ifndef WEIR_BASE_HEAP_H
#define WEIR_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct weir_heap_node {
    int64_t due_us;
    size_t at; /* index + 1 in the heap; 0: not in one */
} weir_heap_node;

typedef struct weir_heap {
    weir_heap_node **nodes;
    size_t n, cap;
} weir_heap;

void weir_heap_fini(weir_heap *heap);
/* Room for n nodes in all, so that pushes up to it cannot fail. False: out of memory. */
bool weir_heap_reserve(weir_heap *heap, size_t n);
/* Inserts; asserts that there is room and that the node is in no heap. */
void weir_heap_push(weir_heap *heap, weir_heap_node *node, int64_t due_us);
/* The earliest, or NULL. */
weir_heap_node *weir_heap_peek(const weir_heap *heap);
/* Takes a node out, wherever it stands. */
void weir_heap_remove(weir_heap *heap, weir_heap_node *node);

#endif
