/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow_model - what stands around a flow, in small: a source that hands out and reassigns, a
 * pool that claims one event at a time (or, in flow_model_claim.c, several for one thread), a
 * sender, and a sink. Each operation is one step, so
 * that a search can try them in any order; after each step the promises are checked.
 *
 * The sink keeps the order of its contract: answers of one lane come in the order of the
 * sends, and what fails takes along all that had been handed over behind it.
 */
#ifndef WEIR_TESTS_FLOW_MODEL_H
#define WEIR_TESTS_FLOW_MODEL_H

#include "tests/support/flow_world.h"

#define MODEL_EVENTS 64
#define MODEL_OUTS 2
#define MODEL_CLAIM 3 /* most events of a claim */
#define MODEL_CLAIMS                                                                   \
    6 /* claims that are open at once, and what the tender took from them */

typedef struct model_event {
    int part;
    const char *key;
} model_event;

typedef struct model_plan {
    const char *name;
    weir_order order;
    bool keeps_order; /* the sink */
    int n_outs;       /* of a done event */
    int n_claim; /* events that a thread claims at once; 0: one, without a thread */
    int n_events;
    int n_faults; /* steps off the straight way, in all */
    model_event events[MODEL_EVENTS];
} model_plan;

typedef enum model_phase {
    PHASE_QUIET, /* nobody has it */
    PHASE_CLAIMED,
    PHASE_RUNNING,
    PHASE_RAN, /* of a claim: ended or passed over, not handed over */
    PHASE_TO_SEND,
    PHASE_SENDING /* handed to the sink; weir_flow_sent() comes next */
} model_phase;

typedef enum model_out { OUT_NEW, OUT_WITH_SINK, OUT_OK, OUT_FAILED } model_out;

typedef struct model_job {
    weir_job job; /* first */
    int event;
    int id;
    model_phase phase;
    int claim; /* that it belongs to, from 1; 0: none */
    weir_verdict verdict;
    int n_results;  /* with verdict: of a claim, until it is handed over */
    bool is_doomed; /* the sink fails what it has of it */
    int n_outs;
    model_out outs[MODEL_OUTS];
    int order[MODEL_OUTS]; /* of the sends */
} model_job;

typedef struct model_part {
    int next; /* event to hand out */
    bool is_retired, is_fenced;
} model_part;

/* What one thread has claimed. */
typedef struct model_claim {
    bool is_open;
    bool is_each;                 /* each has a slot of its own */
    model_job *jobs[MODEL_CLAIM]; /* NULL: it went pending */
    bool is_plain[MODEL_CLAIM];
    int lo, next, end, n_slots;
} model_claim;

typedef struct model {
    world w;
    const model_plan *plan;
    model_part parts[WORLD_PARTS];
    model_job *jobs[1024];
    model_claim claims[MODEL_CLAIMS];
    int n_jobs, n_order, n_faults;
    bool is_traced; /* steps are printed */
    bool is_acked[MODEL_EVENTS];
    /* has ended without a result: a later one may follow */
    bool is_void[MODEL_EVENTS];
    int last[MODEL_EVENTS]; /* by the lane's first event: published last; -1 */
} model;

typedef enum model_kind {
    DO_ADMIT,
    DO_TAKE,
    DO_BEGIN,
    DO_BACK,
    DO_FINISH,
    DO_RETRY,
    DO_REJECT,
    DO_UNAVAILABLE,
    DO_FINISH_EMPTY,
    DO_SEND,
    DO_SEND_NONE, /* the sink has no room */
    DO_SEND_SOME,
    DO_SENT,
    DO_ANSWER_OK,
    DO_ANSWER_AGAIN,
    DO_ANSWER_NEVER,
    DO_TICK,
    DO_RETIRE,
    DO_FENCE,
    DO_ASSIGN,
    DO_SKIP,
    DO_FINISH_RESULT, /* in claims: with a result, where the plain end has none */
    DO_CLAIM_BEGIN,
    DO_CLAIM_PEND,
    DO_CLAIM_OVER,
    DO_CLAIM_RELIEVE
} model_kind;

typedef struct model_step {
    uint8_t kind;
    uint8_t out;
    uint16_t at; /* a job or a part */
} model_step;

void weir_model_begin(model *m, const model_plan *plan);
/* The steps that are possible now. */
size_t weir_model_steps(model *m, model_step *out, size_t cap);
void weir_model_do(model *m, model_step step);
/* Asserts all promises on the present state. */
void weir_model_check(model *m);
/* Goes on without faults until every event is acknowledged; asserts that it gets there. */
void weir_model_complete(model *m);
/* Frees everything, whatever state it is in. */
void weir_model_drop(model *m);
/* The present state as a number; equal states have equal numbers. */
uint64_t weir_model_fingerprint(const model *m);
/* What a verdict leaves in the job, for weir_flow_finish(). */
void weir_model_verdict(model *m, model_job *job, weir_verdict verdict, int n_outs);

/* -- flow_model_claim.c -- */
void weir_model_claim_take(model *m);
/* True if a thread is free for a claim. */
bool weir_model_claim_may_take(const model *m);
/* An event of a claim has ended. */
void weir_model_claim_end(model *m, model_job *job, weir_verdict verdict,
                          int n_results);
void weir_model_claim_do(model *m, model_step step);
/* Its steps into out, which has room for all. */
size_t weir_model_claim_steps(const model *m, model_step *out);
/* Slots that claims hold. */
size_t weir_model_claim_slots(const model *m);

/* To stderr, for people who look for a fault. */
void weir_model_print_step(const model *m, model_step step);

#endif
