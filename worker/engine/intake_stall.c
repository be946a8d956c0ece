/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake_stall - partitions and streams that are ours and do not move: said once, with what is
 * in the way, counted, and shown.
 */
#include "worker/engine/line.h"

#include "worker/base/log.h"

#include <stdio.h>

#define STALL_US 60000000 /* beyond what a slow function and a retry may take */

/* What is in the way of a part, for people. */
static void stall_reason(weir_intake *in, weir_line_part *part, char *out, size_t cap)
{
    weir_flow_first first;

    if (!weir_flow_first_get(in->line->flow, &part->part, &first)) {
        snprintf(out, cap, "%s",
                 !atomic_load(&in->line->is_ready_to_read)
                     ? "nothing is read until its destinations answer"
                 : part->is_held || part->stash.n > 0
                     ? "what was read waits for room"
                     : "its broker has more, and nothing of it comes");
        return;
    }
    const char *const where =
        first.is_stuck ? "cannot be published, nor can its dead letter"
        : first.state == WEIR_JOB_RUNNING ? "is in the function"
        : first.state == WEIR_JOB_WAITING ? "waits to be tried again"
        : first.state == WEIR_JOB_SETTLING
            ? "is done, and what it made is not confirmed"
            : "waits for a thread, or for one before it";

    snprintf(out, cap, "%s %s (attempt %u), and %zu wait behind it", first.position,
             where, first.n_attempts, first.n_behind);
}

void weir_intake_stall(weir_intake *in, weir_line_part *part,
                       const weir_part_stat *stat, int64_t now)
{
    const weir_sub *sub = in->line->sub;
    const int64_t least_us = in->line->e->setup->stall_us;
    const int64_t limit_us =
        (least_us == 0 ? STALL_US : least_us) + sub->timeout_us + sub->retry.max_us;
    weir_stall_seen seen = { .committed = stat->committed };
    char text[sizeof(part->stalled)] = "";
    const bool has_first = weir_flow_first_at(in->line->flow, &part->part, &seen.first);
    const bool was_stalled = part->stall.is_stalled;

    /* What is paused stands because somebody wants it, what has a trouble has told it. */
    seen.has_work = (has_first || stat->lag > 0) &&
                    !atomic_load(&in->line->is_paused) &&
                    atomic_load(&part->trouble) == WEIR_TROUBLE_NONE &&
                    atomic_load(&in->trouble) == WEIR_TROUBLE_NONE;
    const bool is_news = weir_stall_look(&part->stall, &seen, now, limit_us);

    if (is_news) {
        stall_reason(in, part, text, sizeof(text));
        weir_metric_add(weir_metric_get1(WEIR_M_STALLS, sub->name), 1);
        weir_log(WEIR_WARN, "part.stalled", "sub=%s topic=%s partition=%d text=%s",
                 sub->name, part->topic, (int)part->part.partition, text);
    } else if (was_stalled && !part->stall.is_stalled) {
        weir_log(WEIR_INFO, "part.moves", "sub=%s topic=%s partition=%d", sub->name,
                 part->topic, (int)part->part.partition);
    }
    if (is_news || was_stalled != part->stall.is_stalled) {
        weir_lock_take(&in->lock);
        memcpy(part->stalled, text, sizeof(part->stalled));
        weir_lock_give(&in->lock);
    }
}
