/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_held - slots in the order of their ids; see redis_held.h.
 *
 *     0        head                                tail        cap
 *     | unused | id < id < (FREE, id kept) < id < ... | unused |
 *
 * What is removed stays as a FREE slot until it lies at an end, or until the slots are moved
 * together because the end of the memory is reached. A hash table was tried: ids that follow
 * one another lie anywhere in it, and every look at one was a cache miss, six an event.
 */
#include "triggers/redis_held.h"

#include "worker/base/check.h"

#include <stdlib.h>
#include <string.h>

#define HELD_MIN 64

void weir_redis_held_fini(weir_redis_held *held)
{
    free(held->slots);
    *held = (weir_redis_held){ .slots = NULL };
}

/* Moves what is not FREE to the front of `to`, which may be the same memory. */
static void held_gather(weir_redis_held *held, weir_redis_slot *to)
{
    size_t n = 0;

    for (size_t i = held->head; i < held->tail; i++) {
        if (held->slots[i].hold != WEIR_REDIS_FREE) {
            to[n++] = held->slots[i];
        }
    }
    held->head = 0;
    held->tail = n;
    held->hint = 0;
}

bool weir_redis_held_reserve(weir_redis_held *held, size_t n)
{
    if (n <= held->cap - held->tail) {
        return true;
    }
    /* Half of it stays empty, so that the next time is as many puts away. */
    if (held->n + n <= held->cap / 2) {
        held_gather(held, held->slots);
        return true;
    }
    size_t cap = held->cap == 0 ? HELD_MIN : held->cap;
    while (cap / 2 < held->n + n) {
        cap *= 2;
    }
    weir_redis_slot *slots = malloc(cap * sizeof(*slots));
    if (slots == NULL) {
        return false;
    }
    held_gather(held, slots);
    free(held->slots);
    held->slots = slots;
    held->cap = cap;
    return true;
}

/* The first slot whose id is not below pos, or tail. Looks near the last one found first. */
static size_t held_find(weir_redis_held *held, weir_pos pos)
{
    size_t low = held->head; /* everything before it is below pos */
    size_t high = held->tail;
    size_t step = 1;

    if (low == high || weir_pos_cmp(held->slots[high - 1].pos, pos) < 0) {
        return high;
    }
    size_t at = held->hint >= low && held->hint < high ? held->hint : low;
    if (weir_pos_cmp(held->slots[at].pos, pos) < 0) {
        for (low = at + 1; low + step < high; step *= 2) {
            if (weir_pos_cmp(held->slots[low + step - 1].pos, pos) >= 0) {
                high = low + step - 1;
                break;
            }
            low += step;
        }
    } else {
        for (high = at; high - low > step; step *= 2) {
            if (weir_pos_cmp(held->slots[high - step].pos, pos) < 0) {
                low = high - step + 1;
                break;
            }
            high -= step;
        }
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (weir_pos_cmp(held->slots[middle].pos, pos) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    held->hint = low;
    return low;
}

static bool held_is_at(const weir_redis_held *held, size_t i, weir_pos pos)
{
    return i < held->tail && weir_pos_cmp(held->slots[i].pos, pos) == 0;
}

weir_redis_hold weir_redis_held_get(weir_redis_held *held, weir_pos pos)
{
    size_t i = held_find(held, pos);

    return held_is_at(held, i, pos) ? held->slots[i].hold : WEIR_REDIS_FREE;
}

/* Makes slot i, or the one before it, free for an id that belongs before it; returns which. */
static size_t held_open(weir_redis_held *held, size_t i)
{
    weir_redis_slot *slots = held->slots;

    if (i < held->tail && slots[i].hold == WEIR_REDIS_FREE) {
        return i;
    }
    if (i > held->head && slots[i - 1].hold == WEIR_REDIS_FREE) {
        return i - 1;
    }
    if (held->head > 0 && i - held->head < held->tail - i) {
        memmove(slots + held->head - 1, slots + held->head,
                (i - held->head) * sizeof(*slots));
        held->head--;
        return i - 1;
    }
    memmove(slots + i + 1, slots + i, (held->tail - i) * sizeof(*slots));
    held->tail++;
    return i;
}

void weir_redis_held_put(weir_redis_held *held, weir_pos pos, weir_redis_hold hold)
{
    WEIR_ASSERT(hold != WEIR_REDIS_FREE);
    size_t i = held_find(held, pos);
    if (!held_is_at(held, i, pos)) {
        WEIR_ASSERT(held->tail < held->cap);
        i = held_open(held, i);
        held->slots[i] = (weir_redis_slot){ pos, WEIR_REDIS_FREE };
    }
    held->n += held->slots[i].hold == WEIR_REDIS_FREE;
    held->slots[i].hold = hold;
}

bool weir_redis_held_remove(weir_redis_held *held, weir_pos pos)
{
    size_t i = held_find(held, pos);

    if (!held_is_at(held, i, pos) || held->slots[i].hold == WEIR_REDIS_FREE) {
        return false;
    }
    held->slots[i].hold = WEIR_REDIS_FREE;
    held->n--;
    while (held->head < held->tail && held->slots[held->head].hold == WEIR_REDIS_FREE) {
        held->head++;
    }
    while (held->tail > held->head &&
           held->slots[held->tail - 1].hold == WEIR_REDIS_FREE) {
        held->tail--;
    }
    if (held->n == 0) {
        weir_redis_held_clear(held);
    }
    return true;
}

void weir_redis_held_clear(weir_redis_held *held)
{
    held->head = 0;
    held->tail = 0;
    held->hint = 0;
    held->n = 0;
}
