/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow_private - what the files of the flow share: flow_make.c (its life), flow.c (admit, take),
 * flow_finish.c (verdicts, leaving), flow_settle.c (sent, settled, again), flow_epoch.c (assign,
 * retire, fence, views) and flow_lone.c (suspects).
 */
#ifndef WEIR_ENGINE_FLOW_PRIVATE_H
#define WEIR_ENGINE_FLOW_PRIVATE_H

#include "worker/base/clock.h"
#include "worker/base/hash.h"
#include "worker/engine/flow.h"
#include "worker/engine/lane.h"

struct weir_flow {
    weir_lock lock; /* guards all below but sub */
    const weir_sub *sub;
    weir_rand rand;
    weir_lane_table lanes;
    weir_list parts;
    /* QUEUED, as they were admitted. Those that may begin (is_ready), and others that stand
     * behind these in their lanes: mostly they may when their turn comes, or whoever claims the
     * earlier ones claims them too. One that may not when it comes to the front is parked: it
     * is in no list until its lane opens. */
    weir_list ready;
    /* QUEUED and ready, but later than they came: parked before, given back, a retry. By seq:
     * whoever takes takes the oldest first, or a position that is committed would stay far
     * behind what is done. */
    weir_heap reopened;
    size_t n_listed; /* in these two */
    uint64_t next_seq;
    uint64_t n_claims; /* so far; tells what the present one has taken */
    int64_t row_us;    /* when several were last claimed at once */
    unsigned n_plain;  /* events in a row that have ended as DONE without outputs */
    weir_list resend;  /* SETTLING, to be sent (again) now */
    weir_heap due;     /* WAITING, and SETTLING with a failed send */
    size_t n_jobs, n_ready, n_resend, n_waiting, n_settling;
    size_t n_slots; /* taken, of sub->concurrency */
    size_t n_again; /* jobs with a failed send: intake waits */
    bool is_paused, is_stopping;
    int64_t stop_us; /* with is_stopping: when all must have ended */
    bool may_pend;   /* a call has been pending before */
    /* Suspects, which run with nothing else in the worker. */
    size_t n_lone;   /* QUEUED and is_ready */
    bool is_barred;  /* some flow has one that waits or runs: nothing else begins */
    bool may_lone;   /* nothing runs: one may be claimed */
    bool has_enough; /* ready events, so that no more need be read */

    /* The last news, written under the lock, read without it. */
    atomic_size_t hint_ready;
    atomic_bool hint_busy;
    atomic_llong hint_due_us;
    atomic_bool hint_room;
    atomic_bool hint_lone;

    /* The breaker: a function has said that what it calls is down. */
    bool is_open;
    const weir_job *probe;  /* the one event that is tried meanwhile; NULL: none */
    uint32_t n_unavailable; /* in a row */
    int64_t probe_us;

    /* Time in which nothing could begin (paused, or open), for give_up_after. */
    int64_t now_us; /* the latest that a caller has said */
    int64_t still_us, still_since_us;
};

/* All of these: the caller holds the lock. */
void weir_flow_news_locked(weir_flow *f, int64_t now, weir_flow_news *news);
/* It may begin. In the list of what is QUEUED it keeps its place. */
void weir_flow_ready_locked(weir_flow *f, weir_job *job, int64_t now);
/* Takes what is QUEUED out of what may be claimed. */
void weir_flow_unready_locked(weir_flow *f, weir_job *job);
/* CLAIMED, and it has not begun: QUEUED again, or gone. */
void weir_flow_unclaim_locked(weir_flow *f, weir_job *job, int64_t now,
                              weir_flow_news *news);
/* Puts the lane's next job into ready if it may begin and is not there yet. */
void weir_flow_open_locked(weir_flow *f, weir_lane *lane, int64_t now);
/* The job leaves flow, part and lane and joins `to`; what was waiting for it in its lane
 * follows (news->done or gone), or is sent (resend), or begins (ready). */
void weir_flow_leave_locked(weir_flow *f, weir_job *job, weir_chain *to, int64_t now,
                            weir_flow_news *news);
/* The job leaves unfinished though its epoch goes on for others. What waits behind it in its
 * lane leaves too, or it would overtake it. */
void weir_flow_quit_locked(weir_flow *f, weir_job *job, weir_flow_news *news);
/* The job is answered: it is done now, or when the earlier ones of its lane are. */
void weir_flow_answered_locked(weir_flow *f, weir_job *job, int64_t now,
                               weir_flow_news *news);
/* How long the flow has stood still in all. */
int64_t weir_flow_stood_us_locked(const weir_flow *f, int64_t now);
/* The reason that an event's own fault gives, or the other. */
weir_reason weir_flow_fault_reason(const weir_job *job, weir_reason otherwise);
/* Its epoch is over and no more of it is sent: gives up the sender's hold. False: some of its
 * outputs are still with the sink, whose last answer ends it. */
bool weir_flow_unhold_locked(weir_job *job);
/* True if the verdicts of the job's epoch are dropped. */
static inline bool weir_flow_is_fenced(const weir_job *job)
{
    return job->ev.receipt.epoch <= job->part->fenced;
}

static inline bool weir_flow_is_retired(const weir_job *job)
{
    return job->ev.receipt.epoch <=
           atomic_load_explicit(&job->part->retired, memory_order_relaxed);
}

/* True if the job may not begin any more. */
static inline bool weir_flow_is_closed(const weir_job *job)
{
    return job->ev.receipt.epoch <=
           atomic_load_explicit(&job->part->closed, memory_order_relaxed);
}

#endif
