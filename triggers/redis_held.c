/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_held - open addressing with shifting back on removal, so that there are no tombstones
 * and the table never slows down; see redis_held.h.
 */
#include "triggers/redis_held.h"

#include "worker/base/check.h"

#include <stdlib.h>

#define HELD_MIN 64

static size_t held_home(const weir_redis_held *held, weir_pos pos)
{
    uint64_t h =
        pos.hi * UINT64_C(0x9E3779B97F4A7C15) ^ pos.lo * UINT64_C(0xC2B2AE3D27D4EB4F);

    h ^= h >> 32;
    h *= UINT64_C(0xD6E8FEB86659FD93);
    h ^= h >> 29;
    return (size_t)h & (held->cap - 1);
}

/* The slot that has pos, or the free one where it would go. */
static size_t held_find(const weir_redis_held *held, weir_pos pos)
{
    size_t i = held_home(held, pos);

    while (held->slots[i].hold != WEIR_REDIS_FREE &&
           weir_pos_cmp(held->slots[i].pos, pos) != 0) {
        i = (i + 1) & (held->cap - 1);
    }
    return i;
}

void weir_redis_held_fini(weir_redis_held *held)
{
    free(held->slots);
    *held = (weir_redis_held){ .slots = NULL };
}

bool weir_redis_held_reserve(weir_redis_held *held, size_t n)
{
    size_t cap = held->cap == 0 ? HELD_MIN : held->cap;

    while (cap / 2 < held->n + n) {
        cap *= 2;
    }
    if (cap == held->cap) {
        return true;
    }
    weir_redis_held bigger = { .slots = calloc(cap, sizeof(*bigger.slots)),
                               .cap = cap };
    if (bigger.slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < held->cap; i++) {
        if (held->slots[i].hold != WEIR_REDIS_FREE) {
            weir_redis_held_put(&bigger, held->slots[i].pos, held->slots[i].hold);
        }
    }
    free(held->slots);
    *held = bigger;
    return true;
}

weir_redis_hold weir_redis_held_get(const weir_redis_held *held, weir_pos pos)
{
    return held->cap == 0 ? WEIR_REDIS_FREE : held->slots[held_find(held, pos)].hold;
}

void weir_redis_held_put(weir_redis_held *held, weir_pos pos, weir_redis_hold hold)
{
    WEIR_ASSERT(hold != WEIR_REDIS_FREE);
    WEIR_ASSERT(held->cap > held->n);
    size_t i = held_find(held, pos);
    if (held->slots[i].hold == WEIR_REDIS_FREE) {
        held->n++;
    }
    held->slots[i] = (weir_redis_slot){ pos, hold };
}

bool weir_redis_held_remove(weir_redis_held *held, weir_pos pos)
{
    if (held->cap == 0) {
        return false;
    }
    size_t hole = held_find(held, pos);
    if (held->slots[hole].hold == WEIR_REDIS_FREE) {
        return false;
    }
    for (size_t i = (hole + 1) & (held->cap - 1);
         held->slots[i].hold != WEIR_REDIS_FREE; i = (i + 1) & (held->cap - 1)) {
        size_t home = held_home(held, held->slots[i].pos);

        /* What may not stand before its home stays: home lies between hole and i. */
        if (((i - home) & (held->cap - 1)) >= ((i - hole) & (held->cap - 1))) {
            held->slots[hole] = held->slots[i];
            hole = i;
        }
    }
    held->slots[hole].hold = WEIR_REDIS_FREE;
    held->n--;
    return true;
}

void weir_redis_held_clear(weir_redis_held *held)
{
    for (size_t i = 0; i < held->cap; i++) {
        held->slots[i].hold = WEIR_REDIS_FREE;
    }
    held->n = 0;
}
