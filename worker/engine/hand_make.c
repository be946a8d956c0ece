/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* hand_make - makes and ends what a thread of the pool works with; see hand.h. */
#include "worker/engine/hand.h"

#include <stdlib.h>

#define HAND_BATCH_MAX 10000 /* of a batch function */

void weir_hand_fini_locals(weir_hand *hand)
{
    const weir_engine *e = hand->pool->e;

    for (size_t i = 0; i < e->setup->n_hosts; i++) {
        if (hand->locals[i].is_made) {
            e->setup->hosts[i].ops->thread_fini(e->hosts[i], hand->locals[i].local);
        }
    }
}

static size_t hand_largest_batch(const weir_engine *e)
{
    size_t n = POOL_CLAIM;

    for (size_t i = 0; i < e->setup->n_subs; i++) {
        if (e->setup->subs[i].batch.max > n) {
            n = e->setup->subs[i].batch.max;
        }
    }
    return n > HAND_BATCH_MAX ? HAND_BATCH_MAX : n;
}

weir_hand *weir_hand_new(weir_pool *pool)
{
    weir_hand *hand = calloc(1, sizeof(*hand));

    if (hand == NULL) {
        return NULL;
    }
    hand->pool = pool;
    hand->cap = hand_largest_batch(pool->e);
    hand->none.n_together = 1;
    hand->slot = weir_journal_take(pool->e->journal);
    hand->slot = hand->slot == NULL ? &hand->none : hand->slot;
    hand->locals = calloc(pool->e->setup->n_hosts + 1, sizeof(*hand->locals));
    hand->jobs = calloc(hand->cap, sizeof(*hand->jobs));
    hand->calls = calloc(hand->cap, sizeof(*hand->calls));
    hand->is_final = calloc(hand->cap, sizeof(*hand->is_final));
    hand->is_plain = calloc(hand->cap, sizeof(*hand->is_plain));
    weir_arena_init(&hand->values, WEIR_HAND_VALUES);
    weir_lock_init(&hand->lock, WEIR_RANK_ENGINE);
    if (hand->locals == NULL || hand->jobs == NULL || hand->calls == NULL ||
        hand->is_final == NULL || hand->is_plain == NULL) {
        weir_hand_free(hand);
        return NULL;
    }
    return hand;
}

void weir_hand_free(weir_hand *hand)
{
    if (hand != NULL) {
        if (hand->slot != &hand->none) {
            weir_journal_give(hand->pool->e->journal, hand->slot);
        }
        free(hand->locals);
        free(hand->jobs);
        free(hand->calls);
        free(hand->is_final);
        free(hand->is_plain);
        weir_arena_fini(&hand->values);
        weir_lock_fini(&hand->lock);
        free(hand);
    }
}
