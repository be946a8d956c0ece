/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_txn_state - what the files of the settler of Kafka share; for them alone.
 *
 *     kafka_txn.c           the contract, and what the source calls
 *     kafka_txn_run.c       the thread: commits, aborts, goes from state to state
 *     kafka_txn_gather.c    events into a transaction, back out of it, and answered
 *     kafka_txn_producer.c  one instance of the client, and what it says of outputs
 *
 * The thread goes from one state to the other:
 *
 *     MAKING --(the id is ours)--> READY --(an outcome is not known)--> BROKEN
 *        ^                           |                                     |
 *        +---(another instance)------+      (the source has given up)      |
 *        +-----------------------------------------------------------------+
 */
#ifndef WEIR_TRIGGERS_KAFKA_TXN_STATE_H
#define WEIR_TRIGGERS_KAFKA_TXN_STATE_H

#include "triggers/kafka_dog.h"
#include "triggers/kafka_producer.h"
#include "triggers/kafka_state.h"

#define WEIR_KAFKA_TXN_TAG WEIR_TAG('K', 'T', 'X', 'N')
#define TXN_RUN 64      /* items that are given to the client together */
#define TXN_RESULTS 256 /* answers that are handed on together */

typedef enum txn_state { TXN_MAKING, TXN_READY, TXN_BROKEN } txn_state;

/* What a call of the client came to. */
typedef enum txn_end {
    TXN_OK,
    TXN_AGAIN,  /* the same call once more */
    TXN_ABORT,  /* this transaction cannot be committed */
    TXN_UNKNOWN /* this instance is finished, or nobody knows */
} txn_end;

typedef struct txn_queue {
    weir_settle_item *head, *last;
    size_t n;
} txn_queue;

/* A topic that is written to, by this instance of the client. */
typedef struct txn_topic {
    const weir_kafka_target *target;
    rd_kafka_topic_t *topic;
} txn_topic;

struct weir_kafka_txn { /* the settler's self */
    uint32_t tag;
    const weir_settler_setup *setup;
    const weir_kafka_queue *queue;
    char id[320];
    char client_id[256];
    size_t max_items, max_bytes; /* of one transaction */

    weir_lock lock;         /* guards the next block */
    weir_kafka_reader *src; /* NULL: it has let go */
    rd_kafka_t *member;     /* its consumer; NULL: there is none */
    unsigned n_users;       /* of these two; they are not taken away below one */
    txn_state state;
    bool is_given_up;
    txn_queue waiting;
    size_t n_bytes, n_unanswered; /* taken and not answered */
    uint64_t n_asked, n_served;   /* commits of all that is there */
    bool is_hurried, is_nudged;
    /* all is taken: what waits may wait for what is not there yet */
    bool is_strict;
    char text[256]; /* why it is not ready; empty: nothing is wrong */

    weir_signal work;   /* for the thread */
    weir_signal change; /* for who waits for it */
    atomic_bool is_closing, is_over, is_clean;
    int64_t close_us; /* set before is_closing */
    pthread_t thread;
    weir_kafka_dog dog;

    /* the thread's */
    rd_kafka_t *rk;
    txn_topic *topics;
    size_t n_topics, cap_topics;
    weir_kafka_header_pool headers;
    weir_kafka_headers *back; /* lists of headers that were used */
    weir_settle_item **items; /* in the transaction, in order */
    size_t n_items, cap_items, item_bytes;
    /* of the one before, committed and not yet answered */
    weir_settle_item **done_items;
    size_t n_done, cap_done;
    uint32_t *runs;
    weir_kafka_plan plan;
    bool is_open;         /* a transaction is */
    bool is_fatal;        /* the client has said so */
    bool is_doubtful;     /* an end had to be asked for again */
    size_t batch;         /* bytes of a batch of this instance */
    bool is_alone;        /* each record is a batch of its own */
    bool wants_alone;     /* a batch was refused, it is not known for which record */
    bool has_culprit;     /* since then one was found */
    size_t n_failed;      /* outputs that the client has refused in this transaction */
    size_t n_guilty;      /* of these, for what they are */
    atomic_uint n_aborts; /* in a row */
    int64_t strict_until_us;
    char why[256];    /* the first failure of this transaction */
    int64_t retry_us; /* no instance is made before */
    int64_t backoff_us;
    weir_settle_result results[TXN_RESULTS];
    size_t n_results, result_bytes;
};

/* Appends; the item's `next` is the queue's while it is in there. */
static inline void weir_kafka_txn_push(txn_queue *queue, weir_settle_item *item)
{
    item->next = NULL;
    if (queue->last == NULL) {
        queue->head = item;
    } else {
        queue->last->next = item;
    }
    queue->last = item;
    queue->n++;
}

static inline weir_settle_item *weir_kafka_txn_pop(txn_queue *queue)
{
    weir_settle_item *item = queue->head;

    if (item != NULL) {
        queue->head = item->next;
        queue->last = queue->head == NULL ? NULL : queue->last;
        queue->n--;
    }
    return item;
}

/* What the outputs of an item count for; kept in its `mark` from give() on. */
size_t weir_kafka_txn_bytes(const weir_settle_item *item);
/* False: its consumer is in no group now. A broker takes that for somebody who does not use groups,
 * and believes his positions. name: the group's. */
bool weir_kafka_txn_is_member(const rd_kafka_consumer_group_metadata_t *group,
                              const char *name);
/* The thread's main function; arg is the weir_kafka_txn. */
void *weir_kafka_txn_main(void *arg);

/* ---------------------------------------------------------------- kafka_txn_gather ---- */

/* The source, and its consumer (NULL: there is none), which are not taken away until
 * weir_kafka_txn_unuse(); NULL: it has let go. */
weir_kafka_reader *weir_kafka_txn_use(weir_kafka_txn *txn, rd_kafka_t **member);
void weir_kafka_txn_unuse(weir_kafka_txn *txn);
/* Begins a transaction where none is open. */
txn_end weir_kafka_txn_begin(weir_kafka_txn *txn);
/* Moves what waits, and what comes, into a transaction, until it is to be committed. */
txn_end weir_kafka_txn_gather(weir_kafka_txn *txn);
/* What was in the transaction, which is aborted, waits again, before all that came later; but
 * what is refused for itself is answered. */
void weir_kafka_txn_keep(weir_kafka_txn *txn);
/* The transaction is committed: its events are answered when the next one has begun, so that
 * the broker is not waited for meanwhile; */
void weir_kafka_txn_committed(weir_kafka_txn *txn);
/* or now. */
void weir_kafka_txn_answer_done(weir_kafka_txn *txn);
/* Answers what is in the transaction, and what waits. */
void weir_kafka_txn_answer(weir_kafka_txn *txn, weir_settled settled, const char *text);
void weir_kafka_txn_answer_waiting(weir_kafka_txn *txn, weir_settled settled,
                                   const char *text);

/* -------------------------------------------------------------- kafka_txn_producer ---- */

/* An instance of the client that owns the id. WEIR_OK; WEIR_EAGAIN and so on with a text. */
weir_status weir_kafka_txn_make(weir_kafka_txn *txn, weir_err *err);
/* Ends it. False: it hangs. */
bool weir_kafka_txn_unmake(weir_kafka_txn *txn, int64_t until_us);
/* Keeps the first reason why a transaction cannot be committed. */
void weir_kafka_txn_why(weir_kafka_txn *txn, const char *call, const char *text);
/* Reads and frees what a call has returned; NULL is TXN_OK. Keeps the text as the reason. */
txn_end weir_kafka_txn_read(weir_kafka_txn *txn, const char *call,
                            rd_kafka_error_t *error);
/* Gives the outputs of n items (at most TXN_RUN) to the client, in order. What it refuses is
 * counted in n_failed. */
void weir_kafka_txn_produce(weir_kafka_txn *txn, weir_settle_item *const *items,
                            size_t n);
/* Serves the client: answers, errors, its log. */
void weir_kafka_txn_serve(weir_kafka_txn *txn, int wait_ms);
/* The output of the item that is refused for what it is, and why; NULL: there is none. */
const weir_out *weir_kafka_txn_guilty(const weir_settle_item *item, weir_settled *why);

#endif
