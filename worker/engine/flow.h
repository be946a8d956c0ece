/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow - the life of a subscription's events: a state machine without threads, clock or I/O.
 *
 * One flow a subscription. It decides order, retry, age, concurrency, when a lane opens and
 * when an event is done; the drivers around it (intake, pool, settle, timer) only carry jobs
 * from one call to the next:
 *
 *   admit -> take -> (the function) -> finish -> (outputs to the sink) -> sent
 *                                                (the sink answers)    -> settled -> done
 *
 * Each call locks once, moves any number of jobs and fills *news, whose chains the caller
 * then carries on. No vtable, callback, log or free happens under the lock.
 *
 * Events of one lane run one at a time. One thread may claim several of them, in order; what
 * stands behind one that does not end as DONE without outputs goes back unbegun.
 *
 * A lane opens when its event's outputs are with the sink, in order (sent), not at the
 * broker's confirmation; with a sink that does not keep order, at the confirmation. An event
 * is done when it is confirmed and every earlier event of its lane is done.
 *
 * Threads: any. `now` is monotonic microseconds and is given by the caller.
 */
#ifndef WEIR_ENGINE_FLOW_H
#define WEIR_ENGINE_FLOW_H

#include "worker/base/lock.h"
#include "worker/engine/job.h"
#include "worker/engine/sub.h"

/* One partition or stream of a subscription. Lives as long as its flow. */
struct weir_part {
    size_t src;    /* the subscription's source */
    uint32_t slot; /* the source's */
    const char *topic;
    int32_t partition;
    weir_list jobs; /* the flow's lock, this and the next five; oldest first */
    /* in the flow's list of parts, from the first assignment on */
    weir_list flow_node;
    size_t n_jobs;
    size_t n_old;        /* of them, of epochs before the present one */
    uint32_t epoch;      /* the present one, or the last */
    uint32_t fenced;     /* verdicts of epochs up to this one are dropped */
    atomic_uint n_stuck; /* jobs whose dead letter fits nowhere */
    bool acks_each;      /* weir_source_ops.acks_each */
    weir_pos begun;      /* the highest position that has been claimed in this epoch */
    int64_t until_us;    /* when what is retired must have ended */
    atomic_uint retired; /* nothing of epochs up to this one is admitted any more */
    atomic_uint closed;  /* and nothing of these begins any more */
    atomic_size_t n_ending; /* done, and not yet acknowledged */
    void *driver;           /* the engine's */
};

typedef struct weir_chain {
    weir_job *head, *last; /* through job->next */
    size_t n;
} weir_chain;

static inline void weir_chain_add(weir_chain *chain, weir_job *job)
{
    job->next = NULL;
    if (chain->last == NULL) {
        chain->head = job;
    } else {
        chain->last->next = job;
    }
    chain->last = job;
    chain->n++;
}

static inline weir_job *weir_chain_pop(weir_chain *chain)
{
    weir_job *job = chain->head;

    if (job != NULL) {
        chain->head = job->next;
        if (chain->head == NULL) {
            chain->last = NULL;
        }
        job->next = NULL;
        chain->n--;
    }
    return job;
}

/* What a call left for its caller; the caller zeroes it before the call. */
typedef struct weir_flow_news {
    size_t n_ready; /* may be taken now, by somebody with a free slot */
    int64_t
        /* when a retry, a send, a probe or a batch is due; WEIR_NEVER */
        next_due_us;
    bool has_room; /* intake may go on, as far as this flow is concerned */
    /* a retired part has no job any more: somebody may wait for it */
    bool is_drained;
    weir_chain
        /* send their outputs, or make and send their dead letters, then sent() */
        settle;
    weir_chain done; /* acknowledge, then the caller's */
    /* not acknowledged: over without an end here; then the caller's */
    weir_chain gone;
} weir_flow_news;

typedef struct weir_flow weir_flow;

/* max_jobs: as many as can be in the flow at once. sub must outlive the flow. */
weir_status weir_flow_new(const weir_sub *sub, size_t max_jobs, uint64_t seed,
                          weir_flow **out);
/* Only when empty. NULL is accepted. */
void weir_flow_free(weir_flow *f);

/* Takes all jobs of a chain, in order. A job with a fault has its dead letter in its lane's
 * turn. A job whose position still runs from an earlier epoch is not started twice: the old
 * one is adopted into the new epoch and the new one comes back in gone, marked is_twin. But
 * where an earlier event of its lane is to be repeated, so is this one, behind it. */
void weir_flow_admit(weir_flow *f, weir_chain *jobs, int64_t now, weir_flow_news *news);

/*
 * Claims up to cap jobs into out: jobs with task SETTLE first, else up to cap jobs to run.
 * Never mixes the two. *n_slots is what finish() (or give_back()) returns for them.
 * Those to run may hold several of one lane: such a job may begin only when the one that it
 * stands behind (job->behind) has ended as DONE and without outputs, on the same thread.
 * wall_ms: the time by which an event's age is told.
 */
size_t weir_flow_take(weir_flow *f, weir_job **out, size_t cap, int64_t now,
                      int64_t wall_ms, size_t *n_slots, weir_flow_news *news);

/* Claimed jobs that were not begun become ready again, first in line. */
void weir_flow_give_back(weir_flow *f, weir_job *const *jobs, size_t n, size_t n_slots,
                         int64_t now, weir_flow_news *news);

/*
 * Suspects (job->is_suspect) run with nothing else in the worker. While one is ready, nothing of
 * its flow begins by itself; whoever drives the flows bars them all, waits until no slot is
 * taken, and lets one be claimed. Its verdict ends the suspicion.
 */
/* One is ready; without a lock. */
bool weir_flow_hint_lone(weir_flow *f);
/* True if one could begin now. */
bool weir_flow_wants_lone(weir_flow *f, int64_t now);
/* Bars the flow or opens it; takes back what weir_flow_let_lone() allowed. Returns how many
 * slots are taken: no other claim is under way. */
size_t weir_flow_bar(weir_flow *f, bool is_barred);
/* Those that are ready now run like all others. */
void weir_flow_pardon(weir_flow *f);
/* The next weir_flow_take() may claim one suspect. False: there is none any more. */
bool weir_flow_let_lone(weir_flow *f, int64_t now);

/* A call is pending: its thread goes on without it, and it holds a slot of its own until
 * its finish(), where the caller gives that slot back. */
void weir_flow_pend(weir_flow *f, size_t n);

/*
 * Verdicts in: job->call.verdict (already through weir_call_settle), or job->is_dropped; what
 * is still CLAIMED has not begun and is given back. Jobs to settle, done and gone come back in
 * news; those that wait for a retry do not.
 */
void weir_flow_finish(weir_flow *f, weir_job *const *jobs, size_t n, size_t n_slots,
                      int64_t now, weir_flow_news *news);

/*
 * All outputs are with the sinks, in order; or there are none (a dead letter that is dropped).
 * Always before settled(): the sender holds one of job->n_unanswered until this has returned.
 */
void weir_flow_sent(weir_flow *f, weir_job *const *jobs, size_t n, int64_t now,
                    weir_flow_news *news);

/* A sink had no room for all outputs: the rest goes out at `due`. Their lanes stay closed; no
 * attempt and no failure is counted. */
void weir_flow_unsent(weir_flow *f, weir_job *const *jobs, size_t n, int64_t now,
                      int64_t due, weir_flow_news *news);

/* The sinks have answered all outputs of these jobs; job->sent says what that means. */
void weir_flow_settled(weir_flow *f, weir_job *const *jobs, size_t n, int64_t now,
                       weir_flow_news *news);

/* Makes a part ready for use; all of it zeroed but src, slot, topic, partition, driver. */
void weir_part_init(weir_part *part);

/* A new epoch of a part. */
void weir_flow_assign(weir_flow *f, weir_part *part, uint32_t epoch);
/*
 * The part goes. Where single events are acknowledged, what has not begun goes at once
 * (news->gone). Where a position is committed, what lies below the highest event that has
 * begun is finished first, so that nothing done has to be repeated; the rest goes, and so
 * does a retry that is due only after until_us. Returns how many jobs are left.
 */
size_t weir_flow_retire(weir_flow *f, weir_part *part, uint32_t epoch, int64_t until_us,
                        weir_flow_news *news);
/* Verdicts of this epoch are dropped, nothing of it is sent; lanes stay closed until the
 * running ones have returned. Calls are cancelled. */
void weir_flow_fence(weir_flow *f, weir_part *part, uint32_t epoch,
                     weir_flow_news *news);
/* How many jobs of that epoch (or older) are left, or done and not yet acknowledged. What is
 * stuck, and what is confirmed behind it, does not count: waiting is of no use to it. */
size_t weir_flow_busy(weir_flow *f, const weir_part *part, uint32_t epoch);

/* Pausing: nothing is taken to run and has_room is false. */
void weir_flow_pause(weir_flow *f, bool is_paused, weir_flow_news *news);
/* The worker stops: every part is trimmed as by weir_flow_retire(), nothing is admitted. */
void weir_flow_stop(weir_flow *f, int64_t until_us, weir_flow_news *news);

/* A stuck job's dead letter without payload is settled next (weir skip). WEIR_ENOENT: there is
 * no job at that position; WEIR_EINVAL: it is not stuck. */
weir_status weir_flow_skip(weir_flow *f, weir_part *part, weir_pos pos,
                           weir_flow_news *news);

/* True while an event of that position is in the flow. */
bool weir_flow_has(weir_flow *f, const weir_part *part, weir_pos pos);

/* The last news without a lock: what sleepers look at before they sleep. */
size_t weir_flow_hint_ready(weir_flow *f);
/* So much may begin, for the concurrency, that more to choose from would change nothing. */
bool weir_flow_hint_busy(weir_flow *f);
int64_t weir_flow_hint_due_us(weir_flow *f);
bool weir_flow_hint_room(weir_flow *f);

typedef struct weir_flow_stat {
    size_t n_jobs, n_ready, n_running, n_waiting, n_settling, n_again;
    size_t n_slots;
    /* of n_settling: stuck, or confirmed and behind another of its lane */
    size_t n_stuck;
    bool is_paused, is_unavailable;
    /* when the oldest unfinished event was read; WEIR_NEVER: none */
    int64_t oldest_us;
} weir_flow_stat;
void weir_flow_stat_get(weir_flow *f, weir_flow_stat *out);

/* What stands first in a part: for explain. False: nothing is unfinished. */
typedef struct weir_flow_first {
    char position[WEIR_POSITION_MAX];
    weir_job_state state;
    uint32_t n_attempts;
    int64_t read_us;
    int64_t due_us; /* WAITING or a send that waits; else WEIR_NEVER */
    bool is_stuck;
    size_t n_behind;
} weir_flow_first;
bool weir_flow_first_get(weir_flow *f, const weir_part *part, weir_flow_first *out);
/* Only where it stands. False: nothing is unfinished. */
bool weir_flow_first_at(weir_flow *f, const weir_part *part, weir_pos *out);
/* The position of the first event that stops the part: its dead letter fits nowhere. False:
 * there is none. */
bool weir_flow_stuck_get(weir_flow *f, const weir_part *part,
                         char position[WEIR_POSITION_MAX]);

/* Marks running attempts whose deadline has passed (weir_call_cancelled is true for them by
 * the clock alone). Returns how many newly, and the position of one in `one`. */
size_t weir_flow_expire(weir_flow *f, int64_t now, char one[WEIR_POSITION_MAX]);
/* Cancels every running call (the drain is nearly over). */
void weir_flow_cancel_all(weir_flow *f);

#endif
