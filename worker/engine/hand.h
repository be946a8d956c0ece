/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hand - a handler thread and what it claims; shared by hand.c (claims and runs), hand_relief.c
 * (the tender's side of it), hand_value.c (what is decoded) and pool.c (starts, tends and ends threads).
 *
 * A claim may hold several jobs of one lane. Those behind one that does not end as DONE without
 * outputs are passed over, and go back unbegun with the verdicts of the others.
 *
 * A thread claims several jobs only when they are known to be short (about 50 us of work by
 * the running mean). What it has claimed is a span of its array:
 *
 *     [lo, next-1) finished, not handed over    next-1 running    [next, end) not begun
 *
 * packed into one atomic, so that the tender can take both outer pieces away from a thread
 * that is held up in its function: the finished are handed over, the others given back. A
 * claim ends under the hand's lock, so the tender never looks at an array that is refilled.
 */
#ifndef WEIR_ENGINE_HAND_H
#define WEIR_ENGINE_HAND_H

#include "worker/engine/line.h"

#define POOL_CLAIM 256 /* most jobs a thread claims */

/* What thread_init made for one function. */
typedef struct pool_local {
    void *local;
    bool is_made;
    int64_t failed_us; /* 0: it has not failed */
} pool_local;

typedef struct weir_hand {
    weir_pool *pool;
    pthread_t thread;
    pool_local *locals; /* by function; the thread's own */
    weir_job **jobs;    /* a claim; cap of them */
    weir_call **calls;  /* a batch; cap of them */
    bool *is_final;     /* of a batch: its verdict is there */
    /* of a claim: it has ended so that the next of its lane may begin */
    bool *is_plain;
    size_t cap;
    /* the value of the event that runs, see weir_hand_decode() */
    weir_arena values;
    weir_lock lock;     /* taken to end a claim, and by the tender to take from it */
    weir_line *line;    /* of the present claim */
    weir_line *owed;    /* it has promised to look at it next; NULL: none */
    unsigned n_stayed;  /* turns on such a line in a row */
    atomic_ullong span; /* lo, next, end: 16 bits each */
    bool is_each; /* each job of the claim has a slot of its own; set before span */
    atomic_llong begun_us; /* of what runs now; 0: nothing does */
    /* whose n_hands counts this thread; NULL: none. Whoever takes it out counts off. */
    _Atomic(weir_line *) counted;
    weir_journal_slot *slot; /* in the journal, or `none` */
    weir_journal_slot none;
    _Atomic(weir_line *) watched; /* of the last claim that ran */
    unsigned seen_begun;          /* the tender's: what it last saw run, */
    int64_t seen_us;              /* and since when */
    atomic_bool is_ended;         /* the thread may be joined */
    struct weir_hand *next;
} weir_hand;

struct weir_pool {
    weir_engine *e;
    uint32_t max_threads;
    weir_signal signal;
    atomic_bool is_stopping;
    atomic_uint n_threads, n_sleeping, n_running;
    atomic_uint turn; /* where the next thread begins to look */
    weir_lock lock;   /* guards hands */
    weir_hand *hands;
    int64_t tended_us; /* the tender's: when it last was here; 0: never */
};

static inline unsigned long long weir_span_of(unsigned lo, unsigned next, unsigned end)
{
    return (unsigned long long)lo | (unsigned long long)next << 16 |
           (unsigned long long)end << 32;
}

static inline unsigned weir_span_lo(unsigned long long span)
{
    return (unsigned)(span & 0xffff);
}

static inline unsigned weir_span_next(unsigned long long span)
{
    return (unsigned)(span >> 16 & 0xffff);
}

static inline unsigned weir_span_end(unsigned long long span)
{
    return (unsigned)(span >> 32 & 0xffff);
}

/* A thread's struct without its thread. NULL: out of memory. */
weir_hand *weir_hand_new(weir_pool *pool);
void weir_hand_free(weir_hand *hand);
/* Looks at every line once, beginning with another one each time, and does one piece of work.
 * False: there is none. The hand's thread. */
bool weir_hand_work(weir_hand *hand);
/* Hands finished jobs over: to the flow, and on from there. */
void weir_hand_over(weir_line *line, weir_job *const *jobs, size_t n, size_t n_slots,
                    int64_t now, weir_carrier who);
/* Ends the worker if the function that runs on it has been there for too long, without the time
 * in which the process stood still. The tender. */
void weir_hand_watch(weir_hand *hand, int64_t now, int64_t still_us);
/* The function is about to have this event. */
static inline void weir_hand_note(weir_journal_slot *slot, const weir_job *job)
{
    weir_journal_begin(slot, weir_line_part_of(job)->journal, job->ev.receipt.pos,
                       job->n_attempts + 1,
                       job->is_suspect ? WEIR_SLOT_ALONE : WEIR_SLOT_RUNS);
}

/* The same in a slot of its own, which it keeps until its verdict is there. */
void weir_hand_note_own(weir_engine *e, weir_job *job, const weir_journal_slot *head,
                        uint32_t n_together);
/* A suspect is to run: nothing else does. False: not now after all. */
bool weir_hand_note_alone(weir_hand *hand, weir_line *line, weir_job *job);
/* The first n of hand->calls are one batch: which of them ends the worker is not to be told. */
void weir_hand_note_batch(weir_hand *hand, weir_line *line, size_t n);
/* Bytes that a thread keeps for values. */
#define WEIR_HAND_VALUES 16384

/* -- hand_value.c -- */
/* Has the processor fetch the payloads that are decoded next: asked for one after another each
 * costs a wait. Before others may take them from the claim. */
void weir_hand_fetch(const weir_line *line, weir_job *const *jobs, size_t n);
/* Decodes the event of a call that begins, if that has not been done. */
weir_status weir_hand_decode(weir_hand *hand, const weir_line *line, weir_job *job,
                             weir_err *err);
/* The call has ended, on the thread that began it. A next attempt decodes again. */
void weir_hand_forget(weir_job *job);

/* -- hand.c -- */
/* Gives thread_fini what thread_init made. The hand's thread, at its end. */
void weir_hand_fini_locals(weir_hand *hand);
/* Takes from a claim what has been held up for a millisecond. True: something in it has not
 * begun. The tender. */
bool weir_hand_relieve(weir_hand *hand, int64_t now);
/* It is not to be counted on any more: it has run its claim, or is held up. The thread, the tender. */
void weir_hand_discount(weir_hand *hand);

#endif
