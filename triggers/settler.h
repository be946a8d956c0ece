/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settler - the contract of what makes outputs and acknowledgement durable together.
 *
 * Only subscriptions with `delivery: exactly_once` have one; the others send, wait for the
 * confirmation and acknowledge. A settler belongs to one source and knows its inside: both are
 * of one adapter. It gets events whose function is done, each with its outputs (results, or
 * a dead letter), gathers them into batches, and answers each once, from its own thread:
 *
 *     give -> (a transaction, or a script) -> done(OK): published and acknowledged, both
 *                                             done(AGAIN, ...): neither; it will be given again
 *                                             done(GONE): neither, and it is not ours any more
 *
 * Functions go on while a batch is on its way. A batch that is aborted costs no attempt: the
 * outputs are kept by the engine and given again, without running the function; or the settler
 * keeps them itself and repeats, which it must where it says keeps_order. An outcome that is not
 * known (the connection was lost meanwhile) is found out before anything is answered OK or
 * published again: `mark` is there for that.
 *
 * Events without outputs are acknowledged through the source as always. Where positions are
 * committed, they belong into the next batch's commit, and a batch is also due when there are
 * only such: what would be committed is the source's to say, and nothing of it is changed
 * until the batch has committed.
 *
 *     source open -> settler open -> give, ... -> (source stops: it lets go of the settler)
 *                                              -> settler close -> source freed
 */
#ifndef WEIR_TRIGGERS_SETTLER_H
#define WEIR_TRIGGERS_SETTLER_H

#include "triggers/sink.h"
#include "triggers/source.h"

typedef enum weir_settled {
    WEIR_SETTLED_OK = 0,    /* outputs and acknowledgement are durable */
    WEIR_SETTLED_AGAIN,     /* failed for now; the engine gives it again */
    WEIR_SETTLED_TOO_LARGE, /* the record itself, as of weir_sent */
    WEIR_SETTLED_INVALID,
    WEIR_SETTLED_UNKNOWN, /* a destination does not exist; nothing was published */
    WEIR_SETTLED_DENIED,  /* a destination may not be written; nothing was published */
    /* Nothing was published: the event is not ours any more, another replica has claimed it,
     * or its epoch is over. The job ends without being done. */
    WEIR_SETTLED_GONE
} weir_settled;

/* One event. Embedded in the engine's job; the settler has it from give() to its answer. */
typedef struct weir_settle_item {
    weir_receipt receipt;
    weir_out *outs; /* through next, in the order of emit; at least one */
    /* The settler's own: zero when the event comes for the first time, then as the settler left
     * it when it answered AGAIN. */
    int64_t mark;
    struct weir_settle_item *next; /* the settler's own while it has the item */
} weir_settle_item;

typedef struct weir_settle_result {
    weir_settle_item *item;
    weir_settled settled;
    /* the output that is at fault; NULL: none, or no one knows */
    const weir_out *out;
    /* why, for people; static or a loan until done() returns; may be NULL */
    const char *text;
} weir_settle_result;

typedef struct weir_settler_setup {
    /* of the queue: its settings and names; done is not for us */
    const weir_sink_setup *sink;
    const weir_source_setup *source_setup;
    void *source;           /* the adapter's own, open */
    int64_t transaction_us; /* the longest that a batch waits to be complete */
    size_t max_bytes;       /* of outputs that are taken and not answered */
    /* Never on an intake thread, with no lock held. */
    void (*done)(void *arg, const weir_settle_result *results, size_t n);
    void *arg;
} weir_settler_setup;

typedef struct weir_settler_ops {
    const char *name;
    const char *about;
    size_t size; /* bytes of self, zeroed by the caller */
    /* Results of one lane keep the order of give(), failures included: lanes open when items
     * are taken. False: they open at the answer. */
    bool keeps_order;
    /* Keeps a reference to setup, which lives until close. Does not wait for the broker. */
    weir_status (*open)(void *self, const weir_settler_setup *setup, weir_err *err);
    /* Takes items[0..k) and returns k (0..n); never blocks. The rest was not taken: no room.
     * Outputs carry targets of the queue's own sink. Any thread. */
    size_t (*give)(void *self, weir_settle_item *const *items, size_t n);
    /* Nothing more comes soon (a part goes, the worker stops): what is there is settled now.
     * Any thread; never blocks. */
    void (*hurry)(void *self);
    /*
     * Proves, changing nothing, that the outputs of this subscription can be settled: rights,
     * types and places of its source and of these targets together.
     * Returns: WEIR_OK, WEIR_EDENIED, WEIR_ECONFIG, WEIR_EUNAVAIL with a text for people.
     * Blocks at most timeout_us. Any thread.
     */
    weir_status (*probe)(void *self, void *const *targets, size_t n, int64_t timeout_us,
                         weir_err *err);
    /* Answers what is left with WEIR_SETTLED_AGAIN, frees. The source has been closed before.
     * Blocks at most until until_us. False: a library call hangs. */
    bool (*close)(void *self, int64_t until_us);
} weir_settler_ops;

#endif
