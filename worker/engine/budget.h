/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * budget - credits in events and bytes: the only place that says "wait".
 *
 * The whole is split in two halves. One half is divided: every subscription has an equal part
 * of it, of which half again is divided among its assigned parts and half is the
 * subscription's own. The other half is common. An event is charged to the first bucket with
 * room: its part's, its subscription's, the common one. So a part that is stuck can fill its
 * own bucket and the common ones, but never another's.
 *
 * An event that is larger than any bucket is let in when nothing else is in the worker.
 *
 * Threads: any. Locks: its own (WEIR_RANK_BUDGET).
 */
#ifndef WEIR_ENGINE_BUDGET_H
#define WEIR_ENGINE_BUDGET_H

#include "worker/base/lock.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct weir_bucket {
    size_t max_events, max_bytes;
    size_t n_events, n_bytes;
    /* of a part: among how many the limits were divided; 0: never */
    size_t n_sharers;
} weir_bucket;

typedef struct weir_budget {
    weir_lock lock;
    size_t n_subs;
    weir_bucket
        /* what is in the worker; its limits are never exceeded but by a giant */
        all;
    weir_bucket common;
    atomic_size_t out_bytes; /* of outputs */
    size_t max_out_bytes;
} weir_budget;

/* Of one subscription. */
typedef struct weir_share {
    weir_budget *budget;
    weir_bucket own;
    size_t n_parts;
} weir_share;

enum { WEIR_BUCKET_NONE = 0, WEIR_BUCKET_PART, WEIR_BUCKET_SUB, WEIR_BUCKET_COMMON };

void weir_budget_init(weir_budget *b, size_t n_subs, size_t max_events,
                      size_t max_bytes);
void weir_budget_fini(weir_budget *b);
void weir_share_init(weir_share *share, weir_budget *b);

/* A part comes (or goes): what is divided among the parts of its subscription changes. */
void weir_share_part_add(weir_share *share, weir_bucket *part);
void weir_share_part_drop(weir_share *share, weir_bucket *part);

/* Charges one event. WEIR_BUCKET_NONE: no room, wait; else what weir_budget_give() wants. */
uint8_t weir_budget_take(weir_share *share, weir_bucket *part, size_t bytes);
/* Gives one event back. */
void weir_budget_give(weir_share *share, weir_bucket *part, uint8_t bucket,
                      size_t bytes);

/* The same for many events: between enter and leave, which take and give the lock once. */
void weir_budget_enter(weir_budget *b);
void weir_budget_leave(weir_budget *b);
uint8_t weir_budget_take_locked(weir_share *share, weir_bucket *part, size_t bytes);
void weir_budget_give_locked(weir_share *share, weir_bucket *part, uint8_t bucket,
                             size_t bytes);

/* Events that may be asked for now, at most `most`: what the buckets of this subscription have
 * left. 0: wait. */
size_t weir_budget_room(weir_share *share, size_t most);

/* Outputs: an eighth of the bytes are theirs. */
void weir_budget_out_add(weir_budget *b, size_t bytes);
void weir_budget_out_sub(weir_budget *b, size_t bytes);
/* False: outputs have no room; one function at a time then. */
bool weir_budget_out_has_room(weir_budget *b);

#endif
