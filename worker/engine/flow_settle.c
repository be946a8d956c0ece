/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* flow_settle - the half of the flow behind the function: sent, unsent, settled. */
#include "worker/engine/flow_private.h"

#include "worker/base/check.h"
#include "worker/engine/backoff.h"

/* The lane goes on once the outputs are in order with the sink (and, where the sink does not
 * keep order, confirmed). */
static void settle_open_locked(weir_flow *f, weir_job *job, int64_t now)
{
    weir_lane *lane = job->lane;

    if (lane == NULL || !job->is_active || !job->is_sent ||
        (job->is_late_open && !job->is_answered)) {
        return;
    }
    weir_lane_end(lane, job);
    weir_flow_open_locked(f, lane, now);
}

void weir_flow_sent(weir_flow *f, weir_job *const *jobs, size_t n, int64_t now,
                    weir_flow_news *news)
{
    weir_lock_take(&f->lock);
    for (size_t i = 0; i < n; i++) {
        jobs[i]->is_sent = true;
        settle_open_locked(f, jobs[i], now);
    }
    weir_flow_news_locked(f, now, news);
    weir_lock_give(&f->lock);
}

bool weir_flow_unhold_locked(weir_job *job)
{
    if (!job->has_hold) {
        return true;
    }
    job->has_hold = false;
    if (atomic_fetch_sub(&job->n_unanswered, 1) == 1) {
        return true;
    }
    job->is_lent = true; /* to the sink */
    job->is_dropped = true;
    return false;
}

/* The job's epoch is fenced: it ends here unless the sink still reads its outputs. */
static bool settle_gone_locked(weir_flow *f, weir_job *job, int64_t now,
                               weir_flow_news *news)
{
    if (!weir_flow_is_fenced(job)) {
        return false;
    }
    weir_flow_leave_locked(f, job, &news->gone, now, news);
    return true;
}

void weir_flow_unsent(weir_flow *f, weir_job *const *jobs, size_t n, int64_t now,
                      int64_t due, weir_flow_news *news)
{
    weir_lock_take(&f->lock);
    for (size_t i = 0; i < n; i++) {
        weir_job *job = jobs[i];

        job->is_lent = false;
        if (weir_flow_is_fenced(job)) {
            if (weir_flow_unhold_locked(job)) {
                weir_flow_leave_locked(f, job, &news->gone, now, news);
            }
            continue;
        }
        weir_heap_push(&f->due, &job->due, due);
    }
    weir_flow_news_locked(f, now, news);
    weir_lock_give(&f->lock);
}

static void settle_again_locked(weir_flow *f, weir_job *job, int64_t now)
{
    if (!job->is_again) {
        job->is_again = true;
        f->n_again++;
        if (job->lane != NULL) {
            job->lane->n_again++;
        }
    }
    job->n_agains++;
    weir_heap_push(&f->due, &job->due,
                   now + weir_backoff_us(&weir_backoff_send, job->n_agains, &f->rand));
}

static void settle_not_again_locked(weir_flow *f, weir_job *job)
{
    if (job->is_again) {
        job->is_again = false;
        f->n_again--;
        if (job->lane != NULL) {
            job->lane->n_again--;
        }
    }
    job->n_agains = 0;
}

/* A result that can never be published becomes a dead letter; a dead letter that fits nowhere
 * stops its part. */
static void settle_never_locked(weir_flow *f, weir_job *job)
{
    settle_not_again_locked(f, job);
    if (job->reason != WEIR_REASON_NONE && job->is_dead_made) {
        job->is_stuck = true;
        job->part->n_stuck++;
        return;
    }
    job->reason = job->sent_reason;
    weir_list_push_back(&f->resend, &job->ready_node);
    f->n_resend++;
}

/* Nothing was published. Where the job was adopted by a new epoch meanwhile, that is no more than
 * one more try; else somebody else has its event, and those that came behind it follow. */
static void settle_lose_locked(weir_flow *f, weir_job *job, int64_t now,
                               weir_flow_news *news)
{
    if (job->item.receipt.epoch != job->ev.receipt.epoch) {
        settle_again_locked(f, job, now);
        return;
    }
    settle_not_again_locked(f, job);
    weir_flow_quit_locked(f, job, news);
}

static void settle_one_locked(weir_flow *f, weir_job *job, int64_t now,
                              weir_flow_news *news)
{
    job->is_lent = false;
    if (job->sent != WEIR_JOB_OK) {
        if (settle_gone_locked(f, job, now, news)) {
            return;
        }
        if (job->sent == WEIR_JOB_AGAIN) {
            settle_again_locked(f, job, now);
        } else if (job->sent == WEIR_JOB_GONE) {
            settle_lose_locked(f, job, now, news);
        } else {
            settle_never_locked(f, job);
        }
        return;
    }
    job->is_sent = true; /* also where a fence took the sender's hold */
    job->is_answered = true;
    settle_not_again_locked(f, job);
    settle_open_locked(f, job, now);
    if (job->lane != NULL) {
        weir_flow_open_locked(f, job->lane, now);
    }
    weir_flow_answered_locked(f, job, now, news);
}

void weir_flow_settled(weir_flow *f, weir_job *const *jobs, size_t n, int64_t now,
                       weir_flow_news *news)
{
    weir_lock_take(&f->lock);
    for (size_t i = 0; i < n; i++) {
        WEIR_ASSERT(weir_job_get(jobs[i]) == WEIR_JOB_SETTLING);
        settle_one_locked(f, jobs[i], now, news);
    }
    weir_flow_news_locked(f, now, news);
    weir_lock_give(&f->lock);
}
