/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* hand_note - what a handler thread writes into the journal; see hand.h. */
#include "worker/engine/hand.h"

void weir_hand_note_own(weir_engine *e, weir_job *job, const weir_journal_slot *head,
                        uint32_t n_together)
{
    job->slot = weir_journal_take(e->journal);
    if (job->slot == NULL) {
        return; /* no journal, or more calls than it has room for */
    }
    if (n_together > 1) {
        weir_journal_join(e->journal, job->slot, head, n_together);
    }
    weir_hand_note(job->slot, job);
}

bool weir_hand_note_alone(weir_hand *hand, weir_line *line, weir_job *job)
{
    if (!weir_alone_begin(line, job)) {
        return false;
    }
    weir_hand_note(hand->slot, job);
    weir_journal_sync(line->e->journal);
    return true;
}

void weir_hand_note_batch(weir_hand *hand, weir_line *line, size_t n)
{
    if (n > 0) {
        hand->slot->n_together = (uint32_t)n;
        weir_hand_note(hand->slot, WEIR_CONTAINER_OF(hand->calls[0], weir_job, call));
    }
    for (size_t i = 0; i < n; i++) {
        weir_hand_note_own(line->e, WEIR_CONTAINER_OF(hand->calls[i], weir_job, call),
                           hand->slot, (uint32_t)n);
    }
}
