/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_line - see redis_line.h.
 */
#include "triggers/redis_line.h"

#include <stdlib.h>

void weir_redis_line_fini(weir_redis_line *line)
{
    free(line->items);
    *line = (weir_redis_line){ .items = NULL };
}

bool weir_redis_line_push(weir_redis_line *line, weir_redis_line_item item)
{
    if (line->n == line->cap) {
        size_t cap = line->cap == 0 ? 256 : line->cap * 2;
        weir_redis_line_item *grown = malloc(cap * sizeof(*grown));

        if (grown == NULL) {
            return false;
        }
        for (size_t i = 0; i < line->n; i++) {
            grown[i] = line->items[(line->head + i) & (line->cap - 1)];
        }
        free(line->items);
        *line = (weir_redis_line){ .items = grown, .n = line->n, .cap = cap };
    }
    line->items[(line->head + line->n) & (line->cap - 1)] = item;
    line->n++;
    return true;
}

bool weir_redis_line_pop(weir_redis_line *line, weir_redis_line_item *item)
{
    if (line->n == 0) {
        return false;
    }
    *item = line->items[line->head];
    line->head = (line->head + 1) & (line->cap - 1);
    line->n--;
    return true;
}
