/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job - one event under way, from its admission to its acknowledgement.
 *
 *            +-------------------- given back ------------------+
 *            v                                                  |
 *   FREE -> QUEUED -> CLAIMED ---> RUNNING ---> WAITING ---------+
 *              |        |  |           |  |         |  (its retry is due)
 *              |        |  v           v  |         |
 *              |        | SETTLING <---+  |         |
 *              |        |  | (results or dead letter on their way)
 *              |        v  v              v         |
 *              +------> DONE <--------------------- + (also: its epoch is over)
 *                        |
 *                       FREE
 *
 * A job belongs to its flow; while CLAIMED or RUNNING it is lent to one pool thread, while
 * SETTLING to the settler. `state` is read by others for people only.
 */
#ifndef WEIR_ENGINE_JOB_H
#define WEIR_ENGINE_JOB_H

#include "handlers/call.h"
#include "triggers/settler.h"
#include "worker/base/heap.h"
#include "worker/base/list.h"
#include "worker/engine/journal.h"

typedef enum weir_job_state {
    WEIR_JOB_FREE = 0,
    WEIR_JOB_QUEUED,
    WEIR_JOB_CLAIMED,
    WEIR_JOB_RUNNING,
    WEIR_JOB_WAITING,
    WEIR_JOB_SETTLING,
    WEIR_JOB_DONE,
    WEIR_JOB_STATES
} weir_job_state;

/* What a claimed job wants. */
typedef enum weir_job_task {
    WEIR_TASK_RUN = 0, /* the function */
    WEIR_TASK_SETTLE   /* its dead letter, or its outputs again */
} weir_job_task;

/* What the answers of the sinks mean for a job. */
typedef enum weir_job_sent {
    WEIR_JOB_OK = 0, /* all confirmed */
    WEIR_JOB_AGAIN,  /* a sink fails: once more, later */
    WEIR_JOB_NEVER,  /* the record itself is refused */
    WEIR_JOB_GONE    /* nothing was published: the event is not ours any more */
} weir_job_sent;

/* Why an event became a dead letter; the words are in INTERFACE section 6. */
typedef enum weir_reason {
    WEIR_REASON_NONE = 0,
    WEIR_REASON_REJECTED,
    WEIR_REASON_RETRIES,
    WEIR_REASON_DECODE,
    WEIR_REASON_TIMEOUT,
    WEIR_REASON_EXPIRED,
    WEIR_REASON_TOO_LARGE,
    WEIR_REASON_UNSENDABLE,
    WEIR_REASON_LOOP,
    WEIR_REASON_CRASHED,
    WEIR_REASON_COUNT
} weir_reason;

typedef struct weir_lane weir_lane;
typedef struct weir_part weir_part;
typedef struct weir_job weir_job;

struct weir_job {
    /* What every event touches stands together, what few do at the end. */
    weir_job *next;       /* in a chain that is handed from one part to the next */
    weir_list ready_node; /* in the flow's ready or resend list */
    weir_list lane_node;  /* in its lane, oldest first */
    weir_list part_node;  /* in its part, oldest first */
    uint64_t seq;         /* of its admission to the flow */
    uint32_t
        behind; /* CLAIMED: where the one before it in its lane stands in the same claim,
                        from 1; 0: no such */
    weir_heap_node
        due;         /* WAITING: the retry; SETTLING: the next send; QUEUED: see flow */
    weir_lane *lane; /* NULL: none */
    weir_lane *spare; /* brought along for a key that is new, see lane.h */
    weir_part *part;

    atomic_uchar state; /* weir_job_state */
    uint8_t task;       /* weir_job_task */
    uint8_t reason;     /* weir_reason */
    uint8_t bucket;     /* of the budget, see budget.h */
    bool is_ready;      /* QUEUED, and it may begin: counted in the flow's n_ready */
    bool is_active;     /* counted in its lane's n_active */
    bool is_fresh;      /* CLAIMED: the claim made it active */
    bool is_lent;       /* a pool thread or the sink has it */
    bool is_sent;       /* outputs are with the sink, in order */
    bool is_answered;   /* the sink has answered all of them well */
    bool is_again;      /* a send failed and will be repeated */
    bool
        /* a sink that does not keep order: the lane opens at the answer */
        is_late_open;
    bool is_stuck; /* its dead letter fits nowhere */
    /* CLAIMED, but its epoch was over before it began; SETTLING, and its epoch was over
     * before all of its outputs were sent */
    bool is_dropped;
    bool is_twin;         /* gone: an older job with its event has been adopted */
    bool is_omitted;      /* its dead letter is without payload (weir skip) */
    bool wants_lane;      /* its spare is named: it goes into a lane */
    bool overran;         /* the last attempt went on past its timeout */
    bool is_overrun_seen; /* the flow's: it has been counted while it ran */
    uint8_t sent;         /* weir_job_sent: the settler's reading of the answers */
    uint8_t sent_reason;  /* with WEIR_JOB_NEVER: the reason that it gives */
    bool is_dead_made;    /* outputs are its dead letter, no longer its results */
    bool is_stamped;      /* outputs have their headers */
    bool has_hold;        /* the sender's one of n_unanswered */
    /* a worker has died while it ran: it runs alone, see journal_rules.h */
    bool is_suspect;
    bool is_blamed;  /* the journal knows something of it */
    bool is_refused; /* RUNNING, but its thread could not begin the function */

    atomic_uint n_attempts; /* begun and counted */
    uint32_t n_agains;      /* failed sends in a row */
    uint32_t n_crashes;     /* of the worker, while it ran */
    /* in the journal: of a batch, or of a call that may be pending; NULL: its thread's */
    weir_journal_slot *slot;
    /* outputs with the sink, and one held by whoever sends */
    atomic_uint n_unanswered;
    atomic_uint answers; /* bits 1 << weir_sent, or 1 << weir_settled */
    /* where a settler takes outputs and acknowledgement together */
    weir_settle_item item;
    int64_t read_us; /* monotonic */
    int64_t ready_us;
    int64_t begun_us;          /* of the attempt */
    atomic_llong deadline_us;  /* of the attempt; WEIR_NEVER: none */
    int64_t first_us;          /* of the first attempt; 0: none yet */
    int64_t still_us;          /* how long the flow had stood still until then */
    int64_t first_ms, last_ms; /* wall time of first and last attempt */
    /* since when an address that only the function named fails; 0 */
    int64_t unsent_us;
    size_t charged;     /* bytes in the budget */
    size_t out_charged; /* bytes of outputs in the budget */
    weir_event ev;
    weir_arena arena;     /* of the event: headers, copies, decoded value */
    weir_arena out_arena; /* of outputs and texts; reset before each attempt */
    weir_call call;       /* last: its texts are large and seldom used */
};

/* Asserts that the move is legal and makes it. */
void weir_job_move(weir_job *job, weir_job_state to);
/* True if the table allows it. */
bool weir_job_may(weir_job_state from, weir_job_state to);

static inline weir_job_state weir_job_get(const weir_job *job)
{
    return (weir_job_state)atomic_load_explicit(&job->state, memory_order_acquire);
}

/* "queued" ... for people. */
const char *weir_job_state_text(weir_job_state state);
/* The word in weir.reason; never NULL. */
const char *weir_reason_text(weir_reason reason);

#endif
