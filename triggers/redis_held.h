/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_held - the entries of one stream that this process has and has not acknowledged.
 *
 * A table in the order of ids. Everything that is in it is ours: it gets heartbeats, and is not
 * taken again when it shows up as pending. Entries come and go nearly in that order, and what
 * is done in order costs no search.
 *
 * Threads: one at a time; the source's lock guards it.
 */
#ifndef WEIR_TRIGGERS_REDIS_HELD_H
#define WEIR_TRIGGERS_REDIS_HELD_H

#include "schemas/event.h"

typedef enum weir_redis_hold {
    WEIR_REDIS_FREE = 0, /* not there */
    WEIR_REDIS_QUEUED,   /* read, not given out */
    WEIR_REDIS_GIVEN,    /* given to the engine */
    WEIR_REDIS_DONE,     /* acknowledged by the engine, not yet by the server */
    WEIR_REDIS_BACK      /* to be given back to the group */
} weir_redis_hold;

typedef struct weir_redis_slot {
    weir_pos pos;
    weir_redis_hold hold;
} weir_redis_slot;

/* slots[head..tail) are in rising order; those that are FREE are not there. */
typedef struct weir_redis_held {
    weir_redis_slot *slots;
    size_t head, tail, cap;
    size_t n;    /* that are not FREE */
    size_t hint; /* found last */
} weir_redis_held;

void weir_redis_held_fini(weir_redis_held *held);
/* Room for n more, so that that many puts cannot fail. */
bool weir_redis_held_reserve(weir_redis_held *held, size_t n);
/* FREE if it is not there. */
weir_redis_hold weir_redis_held_get(weir_redis_held *held, weir_pos pos);
/* Adds or changes; asserts room and that hold is not FREE. */
void weir_redis_held_put(weir_redis_held *held, weir_pos pos, weir_redis_hold hold);
/* False if it was not there. */
bool weir_redis_held_remove(weir_redis_held *held, weir_pos pos);
void weir_redis_held_clear(weir_redis_held *held);

#endif
