/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* flow_epoch - assignments, stops and views of the flow. */
#include "worker/engine/flow_private.h"

#include "worker/base/check.h"

#include <stdio.h>

void weir_part_init(weir_part *part)
{
    weir_list_init(&part->jobs);
    weir_list_init(&part->flow_node);
    atomic_init(&part->retired, 0);
    atomic_init(&part->closed, 0);
    atomic_init(&part->n_ending, 0);
}

void weir_flow_assign(weir_flow *f, weir_part *part, uint32_t epoch)
{
    weir_lock_take(&f->lock);
    if (weir_list_is_empty(&part->flow_node)) {
        weir_list_push_back(&f->parts, &part->flow_node);
    }
    WEIR_ASSERT(epoch > atomic_load(&part->retired));
    part->epoch = epoch;
    part->n_old = part->n_jobs;
    part->begun = (weir_pos){ 0, 0 };
    weir_lock_give(&f->lock);
}

/* Takes a job that is not lent out of whatever list it waits in. */
static void epoch_unlist_locked(weir_flow *f, weir_job *job)
{
    const bool is_listed = !weir_list_is_empty(&job->ready_node);

    if (weir_job_get(job) == WEIR_JOB_QUEUED) {
        if (is_listed || job->due.at != 0) {
            weir_flow_unready_locked(f, job);
        }
        return;
    }
    if (job->due.at != 0) {
        weir_heap_remove(&f->due, &job->due);
    }
    if (is_listed) {
        weir_list_remove(&job->ready_node);
        f->n_resend--;
    }
}

/* Jobs that nobody has go. Gathered before, because with one that goes others of its lane may
 * leave. */
static void epoch_end_locked(weir_flow *f, weir_chain *jobs, weir_flow_news *news)
{
    weir_job *job;

    while ((job = weir_chain_pop(jobs)) != NULL) {
        epoch_unlist_locked(f, job);
        if (weir_job_get(job) == WEIR_JOB_WAITING) {
            f->n_waiting--;
        }
        weir_flow_leave_locked(f, job, &news->gone, f->now_us, news);
    }
}

/* Adds the jobs of no later epoch, up to that position, that wait behind this one in its lane;
 * returns how many. */
static size_t epoch_add_behind_locked(const weir_job *job, weir_pos last,
                                      weir_chain *ending)
{
    size_t n = 0;

    if (job->lane == NULL) {
        return 0;
    }
    for (weir_list *node = job->lane_node.next; node != &job->lane->jobs;
         node = node->next) {
        weir_job *behind = WEIR_CONTAINER_OF(node, weir_job, lane_node);

        if (weir_job_get(behind) == WEIR_JOB_QUEUED &&
            behind->ev.receipt.epoch <= job->ev.receipt.epoch &&
            weir_pos_cmp(behind->ev.receipt.pos, last) <= 0) {
            weir_chain_add(ending, behind);
            n++;
        }
    }
    return n;
}

/* The job leaves unfinished. What a thread has claimed with it, behind it in its lane, has not
 * begun and is still to come back: it leaves then. */
static void epoch_drop_claimed_locked(const weir_job *job)
{
    if (job->lane == NULL || !job->is_active) {
        return;
    }
    for (weir_list *node = job->lane_node.next; node != &job->lane->jobs;
         node = node->next) {
        weir_job *behind = WEIR_CONTAINER_OF(node, weir_job, lane_node);

        if (weir_job_get(behind) == WEIR_JOB_CLAIMED) {
            behind->is_dropped = true;
        }
    }
}

void weir_flow_quit_locked(weir_flow *f, weir_job *job, weir_flow_news *news)
{
    weir_chain behind = { 0 };

    epoch_drop_claimed_locked(job);
    epoch_add_behind_locked(job, (weir_pos){ UINT64_MAX, UINT64_MAX }, &behind);
    weir_flow_leave_locked(f, job, &news->gone, f->now_us, news);
    epoch_end_locked(f, &behind, news);
}

/* Takes out what need not or cannot be finished before until_us. Returns how many are left. */
static size_t epoch_trim_locked(weir_flow *f, weir_part *part, uint32_t epoch,
                                int64_t until_us, weir_flow_news *news)
{
    /* Paused, or with a function that is unavailable, nothing begins in time. */
    const bool may_run = !part->acks_each && !f->is_paused && !f->is_open;
    weir_chain ending = { 0 };
    size_t n_left = 0;
    size_t n_behind = 0;

    for (weir_list *node = part->jobs.next; node != &part->jobs; node = node->next) {
        weir_job *job = WEIR_CONTAINER_OF(node, weir_job, part_node);
        const weir_job_state state = weir_job_get(job);
        const bool is_below =
            may_run && weir_pos_cmp(job->ev.receipt.pos, part->begun) <= 0;

        if (job->ev.receipt.epoch > epoch) {
            continue;
        }
        if ((state != WEIR_JOB_QUEUED || is_below) &&
            (state != WEIR_JOB_WAITING || (is_below && job->due.due_us < until_us))) {
            n_left++;
            continue;
        }
        weir_chain_add(&ending, job);
        epoch_drop_claimed_locked(job);
        if (state == WEIR_JOB_WAITING && is_below) {
            /* too late, and what would begin instead of it is further on */
            n_behind += epoch_add_behind_locked(job, part->begun, &ending);
        }
    }
    epoch_end_locked(f, &ending, news);
    return n_left - n_behind;
}

size_t weir_flow_retire(weir_flow *f, weir_part *part, uint32_t epoch, int64_t until_us,
                        weir_flow_news *news)
{
    size_t n_left;

    weir_lock_take(&f->lock);
    part->until_us = until_us;
    atomic_store(&part->retired, epoch);
    if (part->acks_each) {
        atomic_store(&part->closed, epoch);
    }
    n_left = epoch_trim_locked(f, part, epoch, until_us, news);
    weir_flow_news_locked(f, 0, news);
    weir_lock_give(&f->lock);
    return n_left;
}

void weir_flow_fence(weir_flow *f, weir_part *part, uint32_t epoch,
                     weir_flow_news *news)
{
    weir_chain ending = { 0 };

    weir_lock_take(&f->lock);
    WEIR_ASSERT(epoch <= atomic_load(&part->retired));
    part->fenced = epoch;
    atomic_store(&part->closed, epoch);
    for (weir_list *node = part->jobs.next; node != &part->jobs; node = node->next) {
        weir_job *job = WEIR_CONTAINER_OF(node, weir_job, part_node);
        const weir_job_state state = weir_job_get(job);

        if (job->ev.receipt.epoch > epoch) {
            continue;
        }
        if (state == WEIR_JOB_CLAIMED || state == WEIR_JOB_RUNNING) {
            weir_call_cancel(&job->call);
            continue;
        }
        if (job->is_lent || job->is_answered) {
            continue; /* its answer, or an earlier one of its lane, ends it */
        }
        if (job->is_stuck) {
            job->is_stuck = false;
            part->n_stuck--;
        }
        if (weir_flow_unhold_locked(job)) {
            weir_chain_add(&ending, job);
        } else {
            epoch_unlist_locked(f, job);
        }
    }
    epoch_end_locked(f, &ending, news);
    weir_flow_news_locked(f, 0, news);
    weir_lock_give(&f->lock);
}

size_t weir_flow_busy(weir_flow *f, const weir_part *part, uint32_t epoch)
{
    size_t n;

    weir_lock_take(&f->lock);
    n = atomic_load(&part->n_ending);
    for (const weir_list *node = part->jobs.next; node != &part->jobs;
         node = node->next) {
        const weir_job *job =
            (const weir_job *)(const void *)((const char *)node -
                                             offsetof(weir_job, part_node));

        n += job->ev.receipt.epoch <= epoch && !job->is_stuck && !job->is_answered;
    }
    weir_lock_give(&f->lock);
    return n;
}

void weir_flow_pause(weir_flow *f, bool is_paused, weir_flow_news *news)
{
    weir_lock_take(&f->lock);
    f->is_paused = is_paused;
    weir_flow_news_locked(f, 0, news);
    weir_lock_give(&f->lock);
}

void weir_flow_stop(weir_flow *f, int64_t until_us, weir_flow_news *news)
{
    weir_lock_take(&f->lock);
    f->is_stopping = true;
    f->stop_us = until_us;
    for (weir_list *node = f->parts.next; node != &f->parts; node = node->next) {
        weir_part *part = WEIR_CONTAINER_OF(node, weir_part, flow_node);

        if (part->acks_each) {
            atomic_store(&part->closed, part->epoch);
        }
        epoch_trim_locked(f, part, UINT32_MAX, until_us, news);
    }
    weir_flow_news_locked(f, 0, news);
    weir_lock_give(&f->lock);
}

/* The job of the part at that position, or NULL. Epochs that are over may have left others
 * there that still run; the stuck one is meant. */
static weir_job *epoch_find_locked(const weir_part *part, weir_pos pos)
{
    weir_job *found = NULL;

    for (weir_list *node = part->jobs.next; node != &part->jobs; node = node->next) {
        weir_job *job = WEIR_CONTAINER_OF(node, weir_job, part_node);

        if (weir_pos_cmp(job->ev.receipt.pos, pos) == 0 &&
            (found == NULL || job->is_stuck)) {
            found = job;
        }
    }
    return found;
}

bool weir_flow_has(weir_flow *f, const weir_part *part, weir_pos pos)
{
    bool has;

    weir_lock_take(&f->lock);
    has = epoch_find_locked(part, pos) != NULL;
    weir_lock_give(&f->lock);
    return has;
}

weir_status weir_flow_skip(weir_flow *f, weir_part *part, weir_pos pos,
                           weir_flow_news *news)
{
    weir_status st = WEIR_ENOENT;
    weir_job *job;

    weir_lock_take(&f->lock);
    job = epoch_find_locked(part, pos);
    if (job != NULL) {
        st = WEIR_EINVAL;
    }
    if (job != NULL && job->is_stuck) {
        job->is_stuck = false;
        part->n_stuck--;
        job->is_omitted = true;
        job->is_dead_made = false;
        weir_list_push_back(&f->resend, &job->ready_node);
        f->n_resend++;
        st = WEIR_OK;
    }
    weir_flow_news_locked(f, 0, news);
    weir_lock_give(&f->lock);
    return st;
}

/* Calls visit for each job of the flow whose function runs. */
static void epoch_each_running_locked(weir_flow *f,
                                      void (*visit)(void *arg, weir_job *job),
                                      void *arg)
{
    for (weir_list *p = f->parts.next; p != &f->parts; p = p->next) {
        const weir_part *part = WEIR_CONTAINER_OF(p, weir_part, flow_node);

        for (weir_list *node = part->jobs.next; node != &part->jobs;
             node = node->next) {
            weir_job *job = WEIR_CONTAINER_OF(node, weir_job, part_node);

            if (weir_job_get(job) == WEIR_JOB_RUNNING) {
                visit(arg, job);
            }
        }
    }
}

typedef struct epoch_expiry {
    int64_t now;
    size_t n;
    char *one;
} epoch_expiry;

static void epoch_expire_one(void *arg, weir_job *job)
{
    epoch_expiry *expiry = arg;

    if (atomic_load(&job->deadline_us) > expiry->now || job->is_overrun_seen) {
        return;
    }
    job->is_overrun_seen = true;
    if (expiry->n++ == 0) {
        snprintf(expiry->one, WEIR_POSITION_MAX, "%s", weir_ev_position(&job->ev).data);
    }
}

size_t weir_flow_expire(weir_flow *f, int64_t now, char one[WEIR_POSITION_MAX])
{
    epoch_expiry expiry = { .now = now, .one = one };

    one[0] = '\0';
    weir_lock_take(&f->lock);
    epoch_each_running_locked(f, epoch_expire_one, &expiry);
    weir_lock_give(&f->lock);
    return expiry.n;
}

static void epoch_cancel_one(void *arg, weir_job *job)
{
    (void)arg;
    weir_call_cancel(&job->call);
}

void weir_flow_cancel_all(weir_flow *f)
{
    weir_lock_take(&f->lock);
    epoch_each_running_locked(f, epoch_cancel_one, NULL);
    weir_lock_give(&f->lock);
}

bool weir_flow_hint_busy(weir_flow *f)
{
    return atomic_load_explicit(&f->hint_busy, memory_order_acquire);
}

size_t weir_flow_hint_ready(weir_flow *f)
{
    return atomic_load_explicit(&f->hint_ready, memory_order_acquire);
}

int64_t weir_flow_hint_due_us(weir_flow *f)
{
    return atomic_load_explicit(&f->hint_due_us, memory_order_acquire);
}

bool weir_flow_hint_room(weir_flow *f)
{
    return atomic_load_explicit(&f->hint_room, memory_order_acquire);
}

/* Those of a part that are stuck, or confirmed and not done. */
static size_t epoch_count_stuck_locked(const weir_part *part)
{
    size_t n = 0;

    if (atomic_load(&part->n_stuck) == 0) {
        return 0;
    }
    for (weir_list *node = part->jobs.next; node != &part->jobs; node = node->next) {
        const weir_job *job = WEIR_CONTAINER_OF(node, weir_job, part_node);

        n += job->is_stuck || job->is_answered;
    }
    return n;
}

void weir_flow_stat_get(weir_flow *f, weir_flow_stat *out)
{
    weir_lock_take(&f->lock);
    *out = (weir_flow_stat){
        .n_jobs = f->n_jobs,
        .n_ready = f->n_ready,
        .n_waiting = f->n_waiting,
        .n_settling = f->n_settling,
        .n_again = f->n_again,
        .n_slots = f->n_slots,
        .is_paused = f->is_paused,
        .is_unavailable = f->is_open,
        .oldest_us = WEIR_NEVER,
    };
    for (weir_list *node = f->parts.next; node != &f->parts; node = node->next) {
        const weir_part *part = WEIR_CONTAINER_OF(node, weir_part, flow_node);

        if (!weir_list_is_empty(&part->jobs)) {
            const weir_job *first =
                WEIR_CONTAINER_OF(part->jobs.next, weir_job, part_node);

            out->oldest_us =
                first->read_us < out->oldest_us ? first->read_us : out->oldest_us;
            out->n_stuck += epoch_count_stuck_locked(part);
        }
    }
    weir_lock_give(&f->lock);
}

bool weir_flow_first_get(weir_flow *f, const weir_part *part, weir_flow_first *out)
{
    bool is_there = false;

    weir_lock_take(&f->lock);
    if (!weir_list_is_empty(&part->jobs)) {
        weir_job *job = WEIR_CONTAINER_OF(part->jobs.next, weir_job, part_node);
        const weir_slice position = weir_ev_position(&job->ev);

        is_there = true;
        *out = (weir_flow_first){
            .state = weir_job_get(job),
            .n_attempts = job->n_attempts,
            .read_us = job->read_us,
            .due_us = job->due.at != 0 && weir_job_get(job) != WEIR_JOB_QUEUED
                          ? job->due.due_us
                          : WEIR_NEVER,
            .is_stuck = job->is_stuck,
            .n_behind = part->n_jobs - 1,
        };
        snprintf(out->position, sizeof(out->position), "%s", position.data);
    }
    weir_lock_give(&f->lock);
    return is_there;
}

bool weir_flow_first_at(weir_flow *f, const weir_part *part, weir_pos *out)
{
    weir_lock_take(&f->lock);
    const bool is_there = !weir_list_is_empty(&part->jobs);

    if (is_there) {
        *out = WEIR_CONTAINER_OF(part->jobs.next, weir_job, part_node)->ev.receipt.pos;
    }
    weir_lock_give(&f->lock);
    return is_there;
}

bool weir_flow_stuck_get(weir_flow *f, const weir_part *part,
                         char position[WEIR_POSITION_MAX])
{
    bool is_found = false;

    if (atomic_load(&part->n_stuck) == 0) {
        return false;
    }
    weir_lock_take(&f->lock);
    for (weir_list *node = part->jobs.next; node != &part->jobs && !is_found;
         node = node->next) {
        weir_job *job = WEIR_CONTAINER_OF(node, weir_job, part_node);

        if (job->is_stuck) {
            is_found = true;
            snprintf(position, WEIR_POSITION_MAX, "%s",
                     weir_ev_position(&job->ev).data);
        }
    }
    weir_lock_give(&f->lock);
    return is_found;
}
