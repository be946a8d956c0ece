/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* hand_relief - what the tender takes from a thread that is held up; see hand.h. */
#include "worker/engine/hand.h"

#define HAND_STALE_US 1000 /* unbegun jobs of a busy thread are taken back after this */

/* What the tender takes from a claim. */
typedef struct hand_relief {
    weir_line *line;
    weir_job *done[POOL_CLAIM];
    weir_job *unbegun[POOL_CLAIM];
    size_t n_done, n_unbegun;
    bool is_each;
} hand_relief;

static void hand_take_relief(weir_hand *hand, hand_relief *relief)
{
    unsigned long long span;
    unsigned next, end;

    weir_lock_take(&hand->lock);
    span = atomic_load(&hand->span);
    do {
        next = weir_span_next(span);
        end = weir_span_end(span);
        relief->n_done = relief->n_unbegun = 0;
        if (next == 0) {
            break;
        }
        relief->line = hand->line;
        relief->is_each = hand->is_each;
        for (unsigned i = weir_span_lo(span); i + 1 < next; i++) {
            if (hand->jobs[i] != NULL) {
                relief->done[relief->n_done++] = hand->jobs[i];
            }
        }
        for (unsigned i = next; i < end; i++) {
            relief->unbegun[relief->n_unbegun++] = hand->jobs[i];
        }
    } while (!atomic_compare_exchange_weak(&hand->span, &span,
                                           weir_span_of(next - 1, next, next)));
    weir_lock_give(&hand->lock);
}

/* The journal may not outlive the worker: its queues count it too. */
static void hand_tell_struck(const weir_line *line)
{
    for (size_t i = 0; i < line->sub->n_sources; i++) {
        const weir_intake *in = &line->intakes[i];

        if (in->is_started && in->source->ops->struck != NULL) {
            in->source->ops->struck(in->self);
        }
    }
}

void weir_hand_watch(weir_hand *hand, int64_t now, int64_t still_us)
{
    weir_journal_slot *slot = hand->slot;
    const unsigned begun = atomic_load_explicit(&slot->n_begun, memory_order_relaxed);
    const weir_line *line = atomic_load_explicit(&hand->watched, memory_order_acquire);

    if (begun != hand->seen_begun || line == NULL ||
        atomic_load_explicit(&slot->state, memory_order_relaxed) == WEIR_SLOT_IDLE) {
        hand->seen_begun = begun;
        hand->seen_us = now;
        return;
    }
    hand->seen_us += still_us;
    if (line->sub->hang_us > 0 && now - hand->seen_us > line->sub->hang_us) {
        hand->seen_us = now;
        weir_journal_mark(slot, WEIR_MARK_HANG);
        hand_tell_struck(line);
        weir_engine_fail(
            line->e, 75,
            "subscription %s: its function has not returned for `hang`, %lld "
            "ms",
            line->sub->name, (long long)(line->sub->hang_us / 1000));
    }
}

void weir_hand_discount(weir_hand *hand)
{
    weir_line *line = atomic_exchange(&hand->counted, NULL);

    if (line != NULL) {
        atomic_fetch_sub_explicit(&line->n_hands, 1, memory_order_relaxed);
    }
}

bool weir_hand_relieve(weir_hand *hand, int64_t now)
{
    const int64_t begun = atomic_load(&hand->begun_us);
    const unsigned long long span = atomic_load(&hand->span);
    weir_flow_news news = { 0 };
    hand_relief relief;

    /* Should it have begun something else meanwhile, one more than needed is woken for that. */
    if (begun != 0 && now - begun > HAND_STALE_US) {
        weir_hand_discount(hand);
    }
    if (begun == 0 || weir_span_next(span) == 0) {
        return false;
    }
    if (now - begun <= HAND_STALE_US) {
        return weir_span_next(span) < weir_span_end(span);
    }
    hand_take_relief(hand, &relief);
    if (relief.n_unbegun > 0) {
        weir_flow_give_back(relief.line->flow, relief.unbegun, relief.n_unbegun,
                            relief.is_each ? relief.n_unbegun : 0, now, &news);
        weir_line_carry(relief.line, &news, now, WEIR_CARRIER_OTHER);
    }
    if (relief.n_done > 0) {
        weir_hand_over(relief.line, relief.done, relief.n_done,
                       relief.is_each ? relief.n_done : 0, now, WEIR_CARRIER_OTHER);
    }
    return false;
}
