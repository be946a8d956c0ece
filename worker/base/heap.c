/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heap - a binary heap of things that are due; see heap.h.
 *
 * nodes[i] is not later than nodes[2i + 1] and nodes[2i + 2]; every node knows its index.
 */
#include "worker/base/heap.h"

#include "worker/base/check.h"

#include <stdlib.h>

void weir_heap_fini(weir_heap *heap)
{
    free(heap->nodes);
    *heap = (weir_heap){ 0 };
}

bool weir_heap_reserve(weir_heap *heap, size_t n)
{
    if (n <= heap->cap) {
        return true;
    }

    size_t cap = heap->cap < 16 ? 16 : heap->cap;

    while (cap < n) {
        if (cap > SIZE_MAX / 2 / sizeof(heap->nodes[0])) {
            return false;
        }
        cap *= 2;
    }

    weir_heap_node **nodes = realloc(heap->nodes, cap * sizeof(nodes[0]));

    if (nodes == NULL) {
        return false;
    }
    heap->nodes = nodes;
    heap->cap = cap;
    return true;
}

static void heap_put(weir_heap *heap, size_t i, weir_heap_node *node)
{
    heap->nodes[i] = node;
    node->at = i + 1;
}

/* Moves the node that belongs at i up to where its parent is not later. */
static void heap_up(weir_heap *heap, size_t i, weir_heap_node *node)
{
    while (i > 0) {
        size_t parent = (i - 1) / 2;

        if (heap->nodes[parent]->due_us <= node->due_us) {
            break;
        }
        heap_put(heap, i, heap->nodes[parent]);
        i = parent;
    }
    heap_put(heap, i, node);
}

/* Moves the node that belongs at i down to where no child is earlier. */
static void heap_down(weir_heap *heap, size_t i, weir_heap_node *node)
{
    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= heap->n) {
            break;
        }
        if (child + 1 < heap->n &&
            heap->nodes[child + 1]->due_us < heap->nodes[child]->due_us) {
            child++;
        }
        if (heap->nodes[child]->due_us >= node->due_us) {
            break;
        }
        heap_put(heap, i, heap->nodes[child]);
        i = child;
    }
    heap_put(heap, i, node);
}

void weir_heap_push(weir_heap *heap, weir_heap_node *node, int64_t due_us)
{
    WEIR_ASSERT(heap->n < heap->cap);
    WEIR_ASSERT(node->at == 0);
    node->due_us = due_us;
    heap->n++;
    heap_up(heap, heap->n - 1, node);
}

weir_heap_node *weir_heap_peek(const weir_heap *heap)
{
    return heap->n == 0 ? NULL : heap->nodes[0];
}

void weir_heap_remove(weir_heap *heap, weir_heap_node *node)
{
    WEIR_ASSERT(node->at > 0 && node->at <= heap->n &&
                heap->nodes[node->at - 1] == node);

    size_t i = node->at - 1;
    weir_heap_node *last = heap->nodes[heap->n - 1];

    node->at = 0;
    heap->n--;
    if (last == node) {
        return;
    }
    if (i > 0 && last->due_us < heap->nodes[(i - 1) / 2]->due_us) {
        heap_up(heap, i, last);
    } else {
        heap_down(heap, i, last);
    }
}
