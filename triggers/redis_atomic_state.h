/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_atomic_state - what the two files of the settler of Redis share: redis_atomic.c (the
 * contract) and redis_atomic_run.c (the thread).
 *
 *     give() -> waiting -> (thread) a batch under way -> answer -> done()
 *
 * `waiting` and `src` are under the lock; batches and the connection are the thread's. The
 * source is used only with the lock held, so that it can let go of us before it ends.
 */
#ifndef WEIR_TRIGGERS_REDIS_ATOMIC_STATE_H
#define WEIR_TRIGGERS_REDIS_ATOMIC_STATE_H

#include "triggers/redis_script.h"
#include "triggers/redis_state.h"

#define WEIR_REDIS_ATOMIC_TAG WEIR_TAG('R', 'A', 'T', 'M')
#define ATOMIC_RESULTS 256
#define ATOMIC_UNDER_WAY 2

typedef struct atomic_queue {
    weir_settle_item *head, *last;
    size_t n;
} atomic_queue;

typedef struct atomic_batch {
    weir_redis_batch ask;
    int64_t sent_us;
} atomic_batch;

typedef struct redis_atomic {
    uint32_t tag;
    const weir_settler_setup *setup;
    const weir_redis_queue *queue;
    /* so long after a lost answer nobody else can have finished an entry */
    int64_t sure_us;
    char name[200];

    weir_lock lock;      /* guards the next six, and the use of the source */
    weir_redis_src *src; /* NULL: it has let go */
    atomic_queue waiting;
    size_t n_bytes; /* taken and not answered */
    size_t n_unanswered;
    bool is_asleep;  /* the thread waits, and wants to be poked */
    size_t wakes_at; /* by whoever makes it so many that wait */

    weir_signal answered;
    int wake_fd, abort_fd;
    pthread_t thread;
    atomic_bool is_closing, is_over;

    /* The thread's. */
    weir_redis_conn *conn;
    atomic_batch *batches[ATOMIC_UNDER_WAY]; /* the oldest first */
    size_t n_batches;
    atomic_queue rest; /* taken from waiting, no place in the last batch */
    weir_redis_verdict *verdict;
    /* A script was refused for a key that the server did not name: until then each has the
     * streams of one event alone, so that no other event is taken for the culprit. */
    int64_t careful_until_us;
    size_t max_value; /* bytes of one value that the server takes */
    weir_buf scratch;
    int64_t backoff_us, retry_us;
    bool is_sick;
    weir_settle_result results[ATOMIC_RESULTS];
    size_t n_results, result_bytes;
    weir_receipt receipts[WEIR_REDIS_BATCH_ITEMS];
} redis_atomic;

/* Appends; the item's `next` is the queue's while it is in there. */
static inline void weir_redis_atomic_push(atomic_queue *queue, weir_settle_item *item)
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

/* What the outputs of an item count for. */
size_t weir_redis_atomic_bytes(const weir_settle_item *item);
void weir_redis_atomic_poke(int fd);
/* The thread's main function; arg is the redis_atomic. */
void *weir_redis_atomic_main(void *arg);

#endif
