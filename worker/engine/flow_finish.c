/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* flow_finish - what a verdict means: done, retry, breaker, dead letter; and how jobs leave. */
#include "worker/engine/flow_private.h"

#include "worker/base/check.h"
#include "worker/engine/backoff.h"

/* One job leaves; what stood behind it is the caller's to look at. */
static void flow_leave_one_locked(weir_flow *f, weir_job *job, weir_chain *to,
                                  weir_flow_news *news)
{
    weir_part *part = job->part;

    if (weir_job_get(job) == WEIR_JOB_SETTLING) {
        f->n_settling--;
    }
    if (job->is_again) {
        job->is_again = false;
        f->n_again--;
        if (job->lane != NULL) {
            job->lane->n_again--;
        }
    }
    weir_job_move(job, WEIR_JOB_DONE);
    weir_list_remove(&job->part_node);
    part->n_jobs--;
    part->n_old -= job->ev.receipt.epoch < part->epoch;
    f->n_jobs--;
    if (to == &news->done) {
        atomic_fetch_add(&part->n_ending, 1);
    } else if (part->n_jobs == 0 && weir_flow_is_retired(job)) {
        news->is_drained = true;
    }
    weir_chain_add(to, job);
    if (job->lane != NULL) {
        weir_lane_leave(&f->lanes, job);
    }
}

void weir_flow_leave_locked(weir_flow *f, weir_job *job, weir_chain *to, int64_t now,
                            weir_flow_news *news)
{
    for (;;) {
        weir_lane *lane = job->lane;

        flow_leave_one_locked(f, job, to, news);
        if (lane == NULL || job->spare == lane) {
            return; /* it was the last */
        }
        weir_flow_open_locked(f, lane, now);
        job = WEIR_CONTAINER_OF(lane->jobs.next, weir_job, lane_node);
        if (!job->is_answered) {
            break;
        }
        to = weir_flow_is_fenced(job) ? &news->gone : &news->done;
    }
    /* A send that waited for the earlier ones goes now. */
    if (weir_job_get(job) == WEIR_JOB_SETTLING && !job->is_lent && !job->is_stuck &&
        job->due.at == 0 && weir_list_is_empty(&job->ready_node)) {
        weir_list_push_back(&f->resend, &job->ready_node);
        f->n_resend++;
    }
}

void weir_flow_answered_locked(weir_flow *f, weir_job *job, int64_t now,
                               weir_flow_news *news)
{
    if (weir_lane_is_first(job)) {
        weir_flow_leave_locked(
            f, job, weir_flow_is_fenced(job) ? &news->gone : &news->done, now, news);
    }
}

/* The breaker after a verdict: a probe that got through closes it. Calls that had begun before
 * it opened say nothing new. */
static void flow_breaker_locked(weir_flow *f, const weir_job *job, int64_t now)
{
    const bool is_probe = f->probe == job;

    f->probe = is_probe ? NULL : f->probe;
    if (job->call.verdict != WEIR_UNAVAILABLE) {
        /* An event that does not decode has not reached the function. */
        if (is_probe && job->ev.fault == WEIR_FAULT_NONE) {
            f->is_open = false;
            f->n_unavailable = 0;
        }
        return;
    }
    if (!f->is_open || is_probe) {
        const int64_t delay_us =
            job->call.delay_ms >= 0
                ? job->call.delay_ms * 1000
                : weir_backoff_us(&f->sub->retry, ++f->n_unavailable, &f->rand);

        f->is_open = true;
        f->probe_us = now + delay_us;
    }
}

static void flow_wait_locked(weir_flow *f, weir_job *job, int64_t due)
{
    weir_job_move(job, WEIR_JOB_WAITING);
    f->n_waiting++;
    weir_heap_push(&f->due, &job->due, due);
}

/* A failed attempt: the dead letter it deserves, or when to try again. */
static weir_reason flow_retry_locked(weir_flow *f, weir_job *job, int64_t now,
                                     int64_t *due)
{
    const weir_retry_rules *rules = &f->sub->retry;
    const int64_t delay_us = job->call.delay_ms >= 0
                                 ? job->call.delay_ms * 1000
                                 : weir_backoff_us(rules, job->n_attempts, &f->rand);
    const int64_t stood_us = weir_flow_stood_us_locked(f, now) - job->still_us;

    *due = now + delay_us;
    if (job->n_attempts >= rules->attempts ||
        (rules->give_up_us > 0 &&
         *due - job->first_us - stood_us > rules->give_up_us)) {
        return job->overran ? WEIR_REASON_TIMEOUT : WEIR_REASON_RETRIES;
    }
    return WEIR_REASON_NONE;
}

static void flow_settle_locked(weir_flow *f, weir_job *job, weir_reason reason,
                               weir_flow_news *news)
{
    job->reason = (uint8_t)reason;
    weir_job_move(job, WEIR_JOB_SETTLING);
    f->n_settling++;
    if (reason == WEIR_REASON_NONE && job->lane != NULL && job->lane->n_again > 0) {
        /* An earlier result of its lane has failed since this one began: it waits until the
         * earlier ones have left. */
        job->is_lent = false;
        return;
    }
    weir_chain_add(&news->settle, job);
}

/* True if the job's part goes, or the worker stops, before its retry would be due. */
static bool flow_is_too_late(const weir_flow *f, const weir_job *job, int64_t due)
{
    return (f->is_stopping && due >= f->stop_us) ||
           (weir_flow_is_retired(job) && due >= job->part->until_us);
}

/* Behind such an end the next of its lane may begin at once. */
static bool flow_is_plain(const weir_job *job)
{
    return job->call.verdict == WEIR_DONE && job->call.n_outs == 0;
}

static void flow_finish_one_locked(weir_flow *f, weir_job *job, int64_t now,
                                   weir_flow_news *news)
{
    weir_reason reason = WEIR_REASON_NONE;
    int64_t due = now;

    if (job->is_dropped || weir_flow_is_fenced(job)) {
        job->is_lent = false;
        f->probe = f->probe == job ? NULL : f->probe;
        weir_flow_leave_locked(f, job, &news->gone, now, news);
        return;
    }
    /* It has run, and the worker is still there. */
    job->is_suspect = job->is_suspect && job->is_refused;
    job->is_refused = false;
    flow_breaker_locked(f, job, now);
    f->n_plain = flow_is_plain(job) ? f->n_plain + 1 : 0;
    switch (job->call.verdict) {
    case WEIR_DONE:
        if (job->call.n_outs > 0) {
            flow_settle_locked(f, job, WEIR_REASON_NONE, news);
            return;
        }
        weir_job_move(job, WEIR_JOB_SETTLING);
        f->n_settling++;
        job->is_lent = false;
        job->is_sent = true;
        job->is_answered = true;
        if (job->lane != NULL) {
            weir_lane_end(job->lane, job);
            weir_flow_open_locked(f, job->lane, now);
        }
        weir_flow_answered_locked(f, job, now, news);
        return;
    case WEIR_REJECT:
        flow_settle_locked(f, job, weir_flow_fault_reason(job, WEIR_REASON_REJECTED),
                           news);
        return;
    case WEIR_UNAVAILABLE:
        due = f->probe_us;
        break;
    default:
        reason = flow_retry_locked(f, job, now, &due);
        break;
    }
    if (reason != WEIR_REASON_NONE) {
        flow_settle_locked(f, job, reason, news);
        return;
    }
    job->is_lent = false;
    if (weir_flow_is_closed(job) || flow_is_too_late(f, job, due)) {
        weir_flow_quit_locked(f, job, news);
        return;
    }
    flow_wait_locked(f, job, due);
}

void weir_flow_finish(weir_flow *f, weir_job *const *jobs, size_t n, size_t n_slots,
                      int64_t now, weir_flow_news *news)
{
    weir_lock_take(&f->lock);
    WEIR_ASSERT(f->n_slots >= n_slots);
    f->n_slots -= n_slots;
    /* What has not begun goes back first: a verdict may mean that it must leave too. */
    for (size_t i = 0; i < n; i++) {
        if (weir_job_get(jobs[i]) == WEIR_JOB_CLAIMED && !jobs[i]->is_dropped) {
            weir_flow_unclaim_locked(f, jobs[i], now, news);
        }
    }
    for (size_t i = 0; i < n; i++) {
        const weir_job_state state = weir_job_get(jobs[i]);

        if (state == WEIR_JOB_RUNNING || state == WEIR_JOB_CLAIMED) {
            flow_finish_one_locked(f, jobs[i], now, news);
        }
    }
    weir_flow_news_locked(f, now, news);
    weir_lock_give(&f->lock);
}
