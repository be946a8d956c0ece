/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list - a doubly linked ring of embedded nodes.
 *
 * Threads: one at a time.
 */
#ifndef WEIR_BASE_LIST_H
#define WEIR_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct weir_list {
    struct weir_list *prev, *next;
} weir_list;

#define WEIR_CONTAINER_OF(ptr, type, member)                                           \
    ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void weir_list_init(weir_list *list)
{
    list->prev = list;
    list->next = list;
}

static inline bool weir_list_is_empty(const weir_list *list)
{
    return list->next == list;
}

static inline void weir_list_push_back(weir_list *list, weir_list *node)
{
    node->prev = list->prev;
    node->next = list;
    list->prev->next = node;
    list->prev = node;
}

static inline void weir_list_push_front(weir_list *list, weir_list *node)
{
    node->next = list->next;
    node->prev = list;
    list->next->prev = node;
    list->next = node;
}

/* Leaves the node as an empty ring of its own; harmless on one. */
static inline void weir_list_remove(weir_list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    weir_list_init(node);
}

/* The first node taken out, or NULL. */
static inline weir_list *weir_list_pop_front(weir_list *list)
{
    weir_list *node = list->next;

    if (node == list) {
        return NULL;
    }
    weir_list_remove(node);
    return node;
}

#endif
