/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* flow - admit, take, give back; see flow.h. */
#include "worker/engine/flow_private.h"

#include "worker/base/check.h"

#include <stdlib.h>

#define FLOW_PLAIN 64 /* events in a row, see flow_may_run_on() */
/* So many events in the flow, and so many of them ready for each that may run, are enough: more
 * would only lie in memory, far from the processor's caches. */
#define FLOW_ENOUGH 1536
#define FLOW_BUSY 512
#define FLOW_BUSY_EACH 4
/* A row that was claimed no longer ago may still end at once; after that the tender looks. */
#define FLOW_ROW_US 1000

/* True if the present claim, which has just taken of the job's lane, may take this one too. */
static bool flow_may_follow_locked(const weir_flow *f, const weir_job *job)
{
    const weir_lane *lane = job->lane;

    return lane != NULL && lane->claim == f->n_claims && lane->next == job &&
           lane->n_again == 0 && !job->is_suspect;
}

/* The job that was admitted first of those that may be claimed, or NULL. in_claim: those that
 * follow one of the present claim count too. */
static weir_job *flow_oldest_locked(weir_flow *f, bool in_claim)
{
    for (;;) {
        const weir_heap_node *top = weir_heap_peek(&f->reopened);
        weir_job *fresh = NULL;

        if (!weir_list_is_empty(&f->ready)) {
            fresh = WEIR_CONTAINER_OF(f->ready.next, weir_job, ready_node);
        }
        if (top != NULL && (fresh == NULL || top->due_us < (int64_t)fresh->seq)) {
            return WEIR_CONTAINER_OF(f->reopened.nodes[0], weir_job, due);
        }
        if (fresh == NULL || fresh->is_ready ||
            (in_claim && flow_may_follow_locked(f, fresh))) {
            return fresh;
        }
        weir_list_remove(&fresh->ready_node); /* parked */
        f->n_listed--;
    }
}

/* When the batch that is waiting to fill up must go, or WEIR_NEVER. */
static int64_t flow_batch_due_locked(weir_flow *f)
{
    const weir_job *oldest;

    if (f->sub->batch.max <= 1 || f->n_ready == 0) {
        return WEIR_NEVER;
    }
    oldest = flow_oldest_locked(f, false);
    return oldest->ready_us + f->sub->batch.wait_us;
}

/* Begins or ends a time in which nothing can begin. */
static void flow_still_locked(weir_flow *f)
{
    if (f->is_paused || f->is_open) {
        f->still_since_us = f->still_since_us == 0 ? f->now_us : f->still_since_us;
    } else if (f->still_since_us != 0) {
        f->still_us += f->now_us - f->still_since_us;
        f->still_since_us = 0;
    }
}

int64_t weir_flow_stood_us_locked(const weir_flow *f, int64_t now)
{
    return f->still_us + (f->still_since_us == 0 ? 0 : now - f->still_since_us);
}

/* True if a claim may hold several events of one lane: lately they have ended so that the next
 * could begin. In a batch they would all begin at once. */
static bool flow_may_run_on(const weir_flow *f)
{
    return f->n_plain >= FLOW_PLAIN && f->sub->batch.max <= 1 && !f->may_pend &&
           !f->is_open;
}

/* True if so much may begin that more to choose from would change nothing. */
static bool flow_is_busy_locked(const weir_flow *f)
{
    const size_t n_each = FLOW_BUSY_EACH * (size_t)f->sub->concurrency;

    /* With nothing ready all that is listed may stand behind one event that runs for long: not
     * while a row of short ones has just been claimed. */
    return (f->n_ready > 0 || f->now_us - f->row_us <= FLOW_ROW_US) &&
           (flow_may_run_on(f) ? f->n_listed : f->n_ready) >=
               (n_each > FLOW_BUSY ? n_each : FLOW_BUSY);
}

/* True while the flow has enough to do; once it has, until half of that is gone. */
static bool flow_has_enough_locked(weir_flow *f, bool is_busy)
{
    f->has_enough =
        is_busy && f->n_jobs >= (f->has_enough ? FLOW_ENOUGH / 2 : FLOW_ENOUGH);
    return f->has_enough;
}

/* True if the breaker is open and there is no event that it could be tried with: those that
 * waited for it have gone with their part. Then more must be read, or it stays open for good. */
static bool flow_lacks_probe_locked(const weir_flow *f)
{
    return f->n_ready == 0 && f->n_waiting == 0 && f->n_slots == 0;
}

void weir_flow_news_locked(weir_flow *f, int64_t now, weir_flow_news *news)
{
    const weir_heap_node *top = weir_heap_peek(&f->due);
    const bool may_run = !f->is_paused;
    const bool has_slot = f->n_slots < f->sub->concurrency;
    int64_t due = top == NULL ? WEIR_NEVER : top->due_us;

    f->now_us = now > f->now_us ? now : f->now_us;
    now = f->now_us;

    const bool is_busy = flow_is_busy_locked(f);

    flow_still_locked(f);
    news->n_ready = f->n_resend;
    if (f->is_barred || f->n_lone > 0) {
        news->n_ready += f->may_lone && f->n_lone > 0;
    } else if (may_run && f->is_open) {
        if (f->probe == NULL && f->n_ready > 0 && has_slot) {
            news->n_ready += f->probe_us <= now;
            due = due < f->probe_us ? due : f->probe_us;
        }
    } else if (may_run && has_slot) {
        const size_t n_free = f->sub->concurrency - f->n_slots;
        const int64_t batch_due = flow_batch_due_locked(f);

        if (batch_due == WEIR_NEVER || batch_due <= now ||
            f->n_ready >= f->sub->batch.max) {
            news->n_ready += f->n_ready < n_free ? f->n_ready : n_free;
        } else {
            due = due < batch_due ? due : batch_due;
        }
    }
    news->next_due_us = due;
    news->has_room = (!f->is_open || flow_lacks_probe_locked(f)) && f->n_again == 0 &&
                     may_run && !f->is_stopping && !flow_has_enough_locked(f, is_busy);
    atomic_store_explicit(&f->hint_ready, news->n_ready, memory_order_release);
    atomic_store_explicit(&f->hint_busy, is_busy, memory_order_release);
    atomic_store_explicit(&f->hint_due_us, due, memory_order_release);
    atomic_store_explicit(&f->hint_room, news->has_room, memory_order_release);
    atomic_store_explicit(&f->hint_lone, f->n_lone > 0, memory_order_release);
}

/* Who comes first of those that may begin: suspects before all others, so that the worker is
 * soon what it was. */
static int64_t flow_rank(const weir_job *job)
{
    return job->is_suspect ? INT64_MIN + (int64_t)job->seq : (int64_t)job->seq;
}

void weir_flow_ready_locked(weir_flow *f, weir_job *job, int64_t now)
{
    if (job->is_ready) {
        return;
    }
    if (weir_list_is_empty(&job->ready_node)) {
        weir_heap_push(&f->reopened, &job->due, flow_rank(job));
        f->n_listed++;
    }
    f->n_lone += job->is_suspect;
    job->is_ready = true;
    job->ready_us = now;
    f->n_ready++;
}

void weir_flow_open_locked(weir_flow *f, weir_lane *lane, int64_t now)
{
    weir_job *next = weir_lane_startable(lane);

    if (next != NULL && weir_job_get(next) == WEIR_JOB_QUEUED) {
        weir_flow_ready_locked(f, next, now);
    }
}

/* True if a job of an earlier epoch may go on in this one: it runs or settles, and no earlier
 * event of its lane has come again behind it, for then it must come again too. */
static bool flow_may_adopt_locked(const weir_job *old, uint32_t epoch)
{
    const weir_job_state state = weir_job_get(old);

    if ((state != WEIR_JOB_RUNNING && state != WEIR_JOB_SETTLING) || old->is_dropped) {
        return false;
    }
    if (old->lane == NULL) {
        return true;
    }
    /* A settler refuses what it has of an epoch that is over, though its lane is open. */
    if (state == WEIR_JOB_SETTLING && old->item.outs != NULL && !old->is_late_open) {
        return false;
    }
    for (weir_list *node = old->lane_node.next; node != &old->lane->jobs;
         node = node->next) {
        if (WEIR_CONTAINER_OF(node, weir_job, lane_node)->ev.receipt.epoch >= epoch) {
            return false;
        }
    }
    return true;
}

/* The job of an earlier epoch at the same position that goes on in this one, or NULL. */
static weir_job *flow_find_old_locked(const weir_job *job)
{
    const weir_part *part = job->part;
    const uint32_t epoch = job->ev.receipt.epoch;
    size_t n_left = part->n_old;

    /* Those of earlier epochs stand before all others, but for adopted ones among them. */
    for (weir_list *node = part->jobs.next; n_left > 0; node = node->next) {
        weir_job *old = WEIR_CONTAINER_OF(node, weir_job, part_node);

        if (old->ev.receipt.epoch >= epoch) {
            continue;
        }
        n_left--;
        if (weir_pos_cmp(old->ev.receipt.pos, job->ev.receipt.pos) == 0 &&
            flow_may_adopt_locked(old, epoch)) {
            return old;
        }
    }
    return NULL;
}

/* True if it is not among what may be claimed, or may soon. */
static bool flow_is_parked(const weir_job *job)
{
    return job != NULL && weir_job_get(job) == WEIR_JOB_QUEUED && job->due.at == 0 &&
           job->ready_node.next == &job->ready_node;
}

static void flow_admit_one_locked(weir_flow *f, weir_job *job, int64_t now,
                                  weir_flow_news *news)
{
    weir_part *part = job->part;
    bool is_ready = true;
    weir_job *old;

    if (weir_flow_is_retired(job) || f->is_stopping) {
        weir_chain_add(&news->gone, job);
        return;
    }
    if ((old = flow_find_old_locked(job)) != NULL) {
        /* The partition came back while its event still runs: that run counts. */
        old->ev.receipt.epoch = job->ev.receipt.epoch;
        part->n_old--;
        job->is_twin = true;
        weir_chain_add(&news->gone, job);
        return;
    }
    weir_job_move(job, WEIR_JOB_QUEUED);
    weir_list_push_back(&part->jobs, &job->part_node);
    part->n_jobs++;
    f->n_jobs++;
    job->seq = f->next_seq++;
    if (job->wants_lane) {
        is_ready = weir_lane_startable(weir_lane_join(&f->lanes, job)) == job;
    }
    if (!job->is_suspect && (is_ready || !flow_is_parked(weir_lane_before(job)))) {
        weir_list_push_back(&f->ready, &job->ready_node);
        f->n_listed++;
    }
    if (is_ready) {
        weir_flow_ready_locked(f, job, now);
    }
}

void weir_flow_admit(weir_flow *f, weir_chain *jobs, int64_t now, weir_flow_news *news)
{
    weir_job *job;

    weir_lock_take(&f->lock);
    while ((job = weir_chain_pop(jobs)) != NULL) {
        flow_admit_one_locked(f, job, now, news);
    }
    weir_flow_news_locked(f, now, news);
    weir_lock_give(&f->lock);
}

/* True if nothing of its lane must be sent before it: a repeated send waits until the earlier
 * ones are confirmed, a first one only until none of them is to be repeated. */
static bool flow_may_send_locked(const weir_job *job)
{
    return weir_lane_is_first(job) || (!job->is_again && job->lane->n_again == 0);
}

/* Moves what is due from the heap to the lists it belongs to. */
static void flow_due_locked(weir_flow *f, int64_t now)
{
    weir_heap_node *top;

    while ((top = weir_heap_peek(&f->due)) != NULL && top->due_us <= now) {
        weir_job *job = WEIR_CONTAINER_OF(top, weir_job, due);

        weir_heap_remove(&f->due, top);
        if (weir_job_get(job) == WEIR_JOB_WAITING) {
            weir_job_move(job, WEIR_JOB_QUEUED);
            f->n_waiting--;
            weir_flow_ready_locked(f, job, now);
        } else if (flow_may_send_locked(job)) {
            weir_list_push_back(&f->resend, &job->ready_node);
            f->n_resend++;
        } /* else it follows when the earlier ones of its lane are done */
    }
}

static size_t flow_take_resend_locked(weir_flow *f, weir_job **out, size_t cap)
{
    size_t n = 0;

    while (n < cap && f->n_resend > 0) {
        weir_job *job =
            WEIR_CONTAINER_OF(weir_list_pop_front(&f->resend), weir_job, ready_node);

        f->n_resend--;
        job->is_lent = true;
        job->task = WEIR_TASK_SETTLE;
        out[n++] = job;
    }
    return n;
}

weir_reason weir_flow_fault_reason(const weir_job *job, weir_reason otherwise)
{
    switch (job->ev.fault) {
    case WEIR_FAULT_DECODE:
        return WEIR_REASON_DECODE;
    case WEIR_FAULT_TOO_LARGE:
        return WEIR_REASON_TOO_LARGE;
    case WEIR_FAULT_LOOP:
        return WEIR_REASON_LOOP;
    case WEIR_FAULT_CRASHED:
        return WEIR_REASON_CRASHED;
    case WEIR_FAULT_NONE:
        break;
    }
    return otherwise;
}

/* What an event must become before its function is even asked. */
static weir_reason flow_preset(const weir_flow *f, const weir_job *job, int64_t wall_ms)
{
    if (job->ev.fault != WEIR_FAULT_NONE) {
        return weir_flow_fault_reason(job, WEIR_REASON_NONE);
    }
    if (f->sub->max_age_us > 0 && job->ev.time_ms >= 0 &&
        wall_ms - job->ev.time_ms > f->sub->max_age_us / 1000) {
        return WEIR_REASON_EXPIRED;
    }
    return WEIR_REASON_NONE;
}

void weir_flow_unready_locked(weir_flow *f, weir_job *job)
{
    if (job->due.at != 0) {
        weir_heap_remove(&f->reopened, &job->due);
        f->n_listed--;
    } else if (!weir_list_is_empty(&job->ready_node)) {
        weir_list_remove(&job->ready_node);
        f->n_listed--;
    }
    f->n_ready -= job->is_ready;
    f->n_lone -= job->is_ready && job->is_suspect;
    job->is_ready = false;
}

/* at: its place in the claim, from 1. */
static void flow_claim_locked(weir_flow *f, weir_job *job, uint32_t at, int64_t now)
{
    weir_lane *lane = job->lane;

    if (job->first_us == 0) {
        job->still_us = weir_flow_stood_us_locked(f, now);
    }
    weir_flow_unready_locked(f, job);
    job->behind = 0;
    job->is_fresh = false;
    if (lane != NULL) {
        if (!job->is_active) {
            job->behind = lane->claim == f->n_claims ? lane->claim_at : 0;
            weir_lane_begin(lane, job);
            job->is_fresh = true;
        }
        /* A retry may have others behind it that another thread has not given back yet. */
        lane->claim = job->behind != 0 || lane->n_active == 1 ? f->n_claims : 0;
        lane->claim_at = at;
    }
    weir_job_move(job, WEIR_JOB_CLAIMED);
    job->is_lent = true;
    if (weir_pos_cmp(job->part->begun, job->ev.receipt.pos) < 0) {
        job->part->begun = job->ev.receipt.pos;
    }
}

/* Jobs at the head of ready that are dead letters already: no slot, no function. */
static size_t flow_take_preset_locked(weir_flow *f, weir_job **out, size_t cap,
                                      int64_t wall_ms)
{
    size_t n = 0;

    while (n < cap && f->n_ready > 0) {
        weir_job *job = flow_oldest_locked(f, false);
        const weir_reason reason = flow_preset(f, job, wall_ms);

        if (reason == WEIR_REASON_NONE) {
            break;
        }
        flow_claim_locked(f, job, (uint32_t)n + 1, f->now_us);
        weir_job_move(job, WEIR_JOB_SETTLING);
        f->n_settling++;
        job->task = WEIR_TASK_SETTLE;
        job->reason = (uint8_t)reason;
        out[n++] = job;
    }
    return n;
}

/* How many may be taken to run now, by slots, breaker and batch rules. */
static size_t flow_allowance_locked(weir_flow *f, size_t cap, int64_t now)
{
    const weir_batch_rules *batch = &f->sub->batch;
    size_t n = f->n_ready < cap ? f->n_ready : cap;

    if (f->is_paused || f->n_slots >= f->sub->concurrency) {
        return 0;
    }
    if (f->is_barred || f->n_lone > 0) {
        return f->may_lone && f->n_lone > 0 && n > 0 ? 1 : 0;
    }
    if (f->is_open) {
        return f->probe == NULL && f->probe_us <= now && n > 0 ? 1 : 0;
    }
    if (batch->max > 1) {
        const size_t n_free = f->sub->concurrency - f->n_slots;

        if (f->n_ready < batch->max && flow_batch_due_locked(f) > now) {
            return 0;
        }
        n = n < batch->max ? n : batch->max;
        return n < n_free ? n : n_free;
    }
    if (f->may_pend) {
        const size_t n_free = f->sub->concurrency - f->n_slots;

        return n < n_free ? n : n_free;
    }
    return n > 0 && flow_may_run_on(f) ? cap : n;
}

/* Single events run one after another on one thread, so one slot holds them all, until a
 * function is known to leave calls pending: then each has a slot of its own, as in a batch. */
static size_t flow_slots_for(const weir_flow *f, size_t n)
{
    return f->sub->batch.max > 1 || f->may_pend ? n : 1;
}

/* The next to be claimed behind `last`, or NULL. Behind one whose lane has more that is parked
 * that comes first: nothing else would bring it, and it would be taken one by one. */
static weir_job *flow_next_locked(weir_flow *f, const weir_job *last)
{
    if (last != NULL && flow_may_run_on(f) && last->lane != NULL &&
        flow_is_parked(last->lane->next) &&
        flow_may_follow_locked(f, last->lane->next)) {
        return last->lane->next;
    }
    return flow_oldest_locked(f, last != NULL && flow_may_run_on(f));
}

static size_t flow_take_run_locked(weir_flow *f, weir_job **out, size_t cap,
                                   int64_t now, int64_t wall_ms, size_t *n_slots)
{
    const bool is_batch = f->sub->batch.max > 1;
    const size_t n_most = flow_allowance_locked(f, cap, now);
    size_t n = 0;
    size_t bytes = 0;

    while (n < n_most) {
        weir_job *job = flow_next_locked(f, n == 0 ? NULL : out[n - 1]);

        if (job == NULL) {
            break;
        }
        bytes += job->ev.bytes;
        if (is_batch && n > 0 && bytes > f->sub->batch.bytes) {
            break;
        }
        if (n > 0 && flow_preset(f, job, wall_ms) != WEIR_REASON_NONE) {
            break;
        }
        flow_claim_locked(f, job, (uint32_t)n + 1, now);
        f->may_lone = f->may_lone && !job->is_suspect;
        job->task = WEIR_TASK_RUN;
        out[n++] = job;
    }
    if (n > 0) {
        f->probe = f->is_open ? out[0] : NULL;
        *n_slots = flow_slots_for(f, n);
        f->n_slots += *n_slots;
    }
    if (n > 1) {
        f->row_us = now;
    }
    return n;
}

size_t weir_flow_take(weir_flow *f, weir_job **out, size_t cap, int64_t now,
                      int64_t wall_ms, size_t *n_slots, weir_flow_news *news)
{
    size_t n;

    *n_slots = 0;
    weir_lock_take(&f->lock);
    f->n_claims++;
    flow_due_locked(f, now);
    n = flow_take_resend_locked(f, out, cap);
    if (n == 0 && !f->is_paused) {
        n = flow_take_preset_locked(f, out, cap, wall_ms);
    }
    if (n == 0) {
        n = flow_take_run_locked(f, out, cap, now, wall_ms, n_slots);
    }
    weir_flow_news_locked(f, now, news);
    weir_lock_give(&f->lock);
    return n;
}

void weir_flow_unclaim_locked(weir_flow *f, weir_job *job, int64_t now,
                              weir_flow_news *news)
{
    weir_lane *lane = job->lane;

    job->is_lent = false;
    f->probe = f->probe == job ? NULL : f->probe;
    if (job->is_dropped || weir_flow_is_closed(job)) {
        weir_flow_leave_locked(f, job, &news->gone, now, news);
        return;
    }
    weir_job_move(job, WEIR_JOB_QUEUED);
    if (lane != NULL && job->is_fresh) {
        weir_lane_unbegin(lane, job);
        weir_flow_open_locked(f, lane, now);
    } else {
        weir_flow_ready_locked(f, job, now);
    }
}

void weir_flow_give_back(weir_flow *f, weir_job *const *jobs, size_t n, size_t n_slots,
                         int64_t now, weir_flow_news *news)
{
    weir_lock_take(&f->lock);
    for (size_t i = 0; i < n; i++) {
        weir_flow_unclaim_locked(f, jobs[i], now, news);
    }
    f->n_slots -= n_slots;
    weir_flow_news_locked(f, now, news);
    weir_lock_give(&f->lock);
}

void weir_flow_pend(weir_flow *f, size_t n)
{
    weir_lock_take(&f->lock);
    f->n_slots += n;
    f->may_pend = true;
    weir_lock_give(&f->lock);
}
