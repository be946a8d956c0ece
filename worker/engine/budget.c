/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* budget - see budget.h. */
#include "worker/engine/budget.h"

#include "worker/base/check.h"

void weir_budget_init(weir_budget *b, size_t n_subs, size_t max_events,
                      size_t max_bytes)
{
    const size_t max_in_bytes = max_bytes - max_bytes / 8;

    *b = (weir_budget){
        .n_subs = n_subs == 0 ? 1 : n_subs,
        .all = { .max_events = max_events, .max_bytes = max_in_bytes },
        .common = { .max_events = max_events / 2, .max_bytes = max_in_bytes / 2 },
        .max_out_bytes = max_bytes / 8,
    };
    weir_lock_init(&b->lock, WEIR_RANK_BUDGET);
}

void weir_budget_fini(weir_budget *b)
{
    weir_lock_fini(&b->lock);
}

void weir_share_init(weir_share *share, weir_budget *b)
{
    const size_t n_events = (b->all.max_events - b->common.max_events) / b->n_subs;
    const size_t n_bytes = (b->all.max_bytes - b->common.max_bytes) / b->n_subs;

    *share = (weir_share){
        .budget = b,
        .own = { .max_events = n_events - n_events / 2,
                 .max_bytes = n_bytes - n_bytes / 2 },
    };
}

/* What each of n parts has to itself: never less than one event. */
static void budget_part_limits_locked(const weir_share *share, weir_bucket *part)
{
    const size_t n = share->n_parts == 0 ? 1 : share->n_parts;

    if (part->n_sharers == n) {
        return;
    }
    part->n_sharers = n;
    part->max_events = share->own.max_events / n;
    if (part->max_events == 0) {
        part->max_events = 1;
    }
    part->max_bytes = share->own.max_bytes / n;
}

void weir_share_part_add(weir_share *share, weir_bucket *part)
{
    weir_lock_take(&share->budget->lock);
    share->n_parts++;
    budget_part_limits_locked(share, part);
    weir_lock_give(&share->budget->lock);
}

void weir_share_part_drop(weir_share *share, weir_bucket *part)
{
    weir_lock_take(&share->budget->lock);
    WEIR_ASSERT(share->n_parts > 0);
    share->n_parts--;
    part->max_events = 0;
    part->max_bytes = 0;
    part->n_sharers = 0;
    weir_lock_give(&share->budget->lock);
}

static bool bucket_fits(const weir_bucket *bucket, size_t bytes)
{
    return bucket->n_events < bucket->max_events && bytes <= bucket->max_bytes &&
           bucket->n_bytes <= bucket->max_bytes - bytes;
}

static void bucket_add(weir_bucket *bucket, size_t bytes)
{
    bucket->n_events++;
    bucket->n_bytes += bytes;
}

static void bucket_sub(weir_bucket *bucket, size_t bytes)
{
    WEIR_ASSERT(bucket->n_events > 0 && bucket->n_bytes >= bytes);
    bucket->n_events--;
    bucket->n_bytes -= bytes;
}

void weir_budget_enter(weir_budget *b)
{
    weir_lock_take(&b->lock);
}

void weir_budget_leave(weir_budget *b)
{
    weir_lock_give(&b->lock);
}

uint8_t weir_budget_take_locked(weir_share *share, weir_bucket *part, size_t bytes)
{
    weir_budget *b = share->budget;
    uint8_t got = WEIR_BUCKET_NONE;

    budget_part_limits_locked(share, part);
    if (bucket_fits(&b->all, bytes)) {
        if (bucket_fits(part, bytes)) {
            bucket_add(part, bytes);
            got = WEIR_BUCKET_PART;
        } else if (bucket_fits(&share->own, bytes)) {
            bucket_add(&share->own, bytes);
            got = WEIR_BUCKET_SUB;
        } else if (bucket_fits(&b->common, bytes)) {
            bucket_add(&b->common, bytes);
            got = WEIR_BUCKET_COMMON;
        }
    }
    if (got == WEIR_BUCKET_NONE && b->all.n_events == 0) {
        bucket_add(&b->common, bytes); /* a giant, alone */
        got = WEIR_BUCKET_COMMON;
    }
    if (got != WEIR_BUCKET_NONE) {
        bucket_add(&b->all, bytes);
    }
    return got;
}

uint8_t weir_budget_take(weir_share *share, weir_bucket *part, size_t bytes)
{
    uint8_t got;

    weir_budget_enter(share->budget);
    got = weir_budget_take_locked(share, part, bytes);
    weir_budget_leave(share->budget);
    return got;
}

void weir_budget_give_locked(weir_share *share, weir_bucket *part, uint8_t bucket,
                             size_t bytes)
{
    switch (bucket) {
    case WEIR_BUCKET_PART:
        bucket_sub(part, bytes);
        break;
    case WEIR_BUCKET_SUB:
        bucket_sub(&share->own, bytes);
        break;
    default:
        WEIR_ASSERT(bucket == WEIR_BUCKET_COMMON);
        bucket_sub(&share->budget->common, bytes);
        break;
    }
    bucket_sub(&share->budget->all, bytes);
}

void weir_budget_give(weir_share *share, weir_bucket *part, uint8_t bucket,
                      size_t bytes)
{
    weir_budget_enter(share->budget);
    weir_budget_give_locked(share, part, bucket, bytes);
    weir_budget_leave(share->budget);
}

static size_t bucket_room(const weir_bucket *bucket)
{
    if (bucket->n_bytes >= bucket->max_bytes ||
        bucket->n_events >= bucket->max_events) {
        return 0;
    }
    return bucket->max_events - bucket->n_events;
}

size_t weir_budget_room(weir_share *share, size_t most)
{
    weir_budget *b = share->budget;
    size_t room;

    weir_lock_take(&b->lock);
    /* The parts' own buckets count as one event each: a part with room must be asked. */
    room = bucket_room(&share->own) + bucket_room(&b->common) + share->n_parts;
    if (bucket_room(&b->all) == 0) {
        room = b->all.n_events == 0 ? 1 : 0;
    }
    weir_lock_give(&b->lock);
    return room < most ? room : most;
}

void weir_budget_out_add(weir_budget *b, size_t bytes)
{
    atomic_fetch_add_explicit(&b->out_bytes, bytes, memory_order_relaxed);
}

void weir_budget_out_sub(weir_budget *b, size_t bytes)
{
    const size_t had =
        atomic_fetch_sub_explicit(&b->out_bytes, bytes, memory_order_relaxed);

    WEIR_ASSERT(had >= bytes);
}

bool weir_budget_out_has_room(weir_budget *b)
{
    return atomic_load_explicit(&b->out_bytes, memory_order_relaxed) < b->max_out_bytes;
}
