/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory_sink - appends outputs to a queue in memory.
 *
 * Accepted outputs stand in one line until they are confirmed. Whoever finds the line neither
 * empty nor held confirms it, one thread at a time, so that answers keep the order of send().
 */
#include "triggers/memory_inside.h"
#include "worker/base/check.h"
#include "worker/base/clock.h"
#include "worker/base/hash.h"

#include <limits.h>
#include <stdlib.h>

#define MEMORY_SINK_TAG WEIR_TAG('m', 's', 'n', 'k')
#define MEMORY_BATCH 64

typedef struct memory_sink {
    uint32_t tag;
    bool is_loose;
    const weir_sink_setup *setup;
    weir_memory_queue *q;
    weir_lock lock;     /* guards all below */
    weir_out **pending; /* a ring */
    size_t first, n_pending, cap;
    bool is_answering; /* one thread is */
    bool is_closing;   /* everything is answered with AGAIN */
    weir_signal sig;   /* raised when the line gets shorter */
} memory_sink;

static memory_partition *sink_partition_locked(memory_topic *topic, const weir_out *out)
{
    uint32_t n = (uint32_t)topic->n_partitions;
    uint32_t i;

    if (out->partition >= 0) {
        return (uint32_t)out->partition < n ? &topic->partitions[out->partition] : NULL;
    }
    if (out->key.data != NULL) {
        i = weir_crc32c(0, out->key.data, out->key.len) % n;
    } else {
        i = topic->n_sent++ % n;
    }
    return &topic->partitions[i];
}

/* Appends one output, unless a fault says otherwise. Queue lock held. */
static weir_sent_result sink_write_locked(weir_memory_queue *q, weir_out *out)
{
    memory_topic *topic = out->target;
    weir_sent_result result = { .out = out, .sent = WEIR_SENT_OK };

    if (q->is_sick) {
        result.sent = WEIR_SENT_AGAIN;
        result.text = "the queue does not answer";
        return result;
    }
    if (topic->n_fail > 0) {
        topic->n_fail--;
        result.sent = topic->fail_with;
        result.text = "made to fail";
        return result;
    }
    if (topic->n_partitions == 0) {
        result.sent = WEIR_SENT_UNKNOWN;
        result.text = "no such topic";
        return result;
    }

    memory_partition *part = sink_partition_locked(topic, out);
    const weir_memory_record rec = {
        .key = out->key,
        .data = out->data,
        .headers = out->headers,
        .n_headers = out->n_headers,
        .time_ms = out->time_ms < 0 ? weir_clock_wall_ms() : out->time_ms,
    };

    if (part == NULL) {
        result.sent = WEIR_SENT_INVALID;
        result.text = "no such partition";
    } else if (weir_memory_append_locked(part, &rec, NULL) != WEIR_OK) {
        result.sent = WEIR_SENT_AGAIN;
        result.text = "out of memory";
    }
    return result;
}

/* Takes the next outputs from the line and writes them. Sink lock held. */
static size_t sink_next_locked(memory_sink *sink, weir_sent_result *results)
{
    size_t n = 0;

    weir_lock_take(&sink->q->lock);
    while (n < MEMORY_BATCH && sink->n_pending > 0 &&
           (sink->is_closing || !sink->q->are_sends_held)) {
        weir_out *out = sink->pending[sink->first];

        sink->first = (sink->first + 1) % sink->cap;
        sink->n_pending--;
        if (sink->is_closing) {
            results[n] = (weir_sent_result){ out, WEIR_SENT_AGAIN, "closed" };
        } else {
            results[n] = sink_write_locked(sink->q, out);
        }
        n++;
    }
    weir_lock_give(&sink->q->lock);
    return n;
}

/* Answers all that can be answered, unless another thread is at it already. */
static void sink_answer(memory_sink *sink)
{
    weir_sent_result results[MEMORY_BATCH];

    weir_lock_take(&sink->lock);
    if (sink->is_answering) {
        weir_lock_give(&sink->lock);
        return;
    }
    sink->is_answering = true;
    for (;;) {
        size_t n = sink_next_locked(sink, results);

        if (n == 0) {
            break;
        }
        weir_lock_give(&sink->lock);
        for (size_t i = 0; sink->is_loose && i < n / 2; i++) {
            weir_sent_result swap = results[i];

            results[i] = results[n - 1 - i];
            results[n - 1 - i] = swap;
        }
        weir_signal_raise(&sink->q->sig, INT_MAX); /* there is something to read */
        sink->setup->done(sink->setup->arg, results, n);
        weir_lock_take(&sink->lock);
    }
    sink->is_answering = false;
    weir_lock_give(&sink->lock);
    weir_signal_raise(&sink->sig, INT_MAX);
}

static weir_status sink_open(memory_sink *sink, const weir_sink_setup *setup,
                             bool is_loose)
{
    union {
        const void *in;
        weir_memory_queue *out;
    } queue = { setup->queue }; /* the setup promises not to change it; the queue may */

    *sink = (memory_sink){
        .tag = MEMORY_SINK_TAG, .is_loose = is_loose, .setup = setup, .q = queue.out
    };
    weir_lock_init(&sink->lock, WEIR_RANK_SINK);
    return WEIR_OK;
}

static weir_status memory_open(void *self, const weir_sink_setup *setup, weir_err *err)
{
    (void)err;
    return sink_open(self, setup, false);
}

static weir_status memory_open_loose(void *self, const weir_sink_setup *setup,
                                     weir_err *err)
{
    (void)err;
    return sink_open(self, setup, true);
}

static weir_status memory_target(void *self, const char *name, void **target,
                                 weir_err *err)
{
    memory_sink *sink = WEIR_CAST(memory_sink, self, MEMORY_SINK_TAG);

    weir_lock_take(&sink->q->lock);

    memory_topic *topic = weir_memory_topic_make_locked(sink->q, name);

    weir_lock_give(&sink->q->lock);
    if (topic == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "%s: out of memory", name);
    }
    *target = topic;
    return WEIR_OK;
}

/* Room for one more; the ring is laid out anew when it grows. */
static bool sink_reserve_locked(memory_sink *sink)
{
    if (sink->n_pending < sink->cap) {
        return true;
    }

    size_t cap = sink->cap == 0 ? MEMORY_BATCH : sink->cap * 2;
    weir_out **pending = malloc(cap * sizeof(pending[0]));

    if (pending == NULL) {
        return false;
    }
    for (size_t i = 0; i < sink->n_pending; i++) {
        pending[i] = sink->pending[(sink->first + i) % sink->cap];
    }
    free(sink->pending);
    sink->pending = pending;
    sink->cap = cap;
    sink->first = 0;
    return true;
}

static size_t memory_send(void *self, weir_out *const *outs, size_t n)
{
    memory_sink *sink = WEIR_CAST(memory_sink, self, MEMORY_SINK_TAG);
    size_t n_taken = 0;

    weir_lock_take(&sink->lock);
    weir_lock_take(&sink->q->lock);

    size_t max_pending = sink->q->max_pending;

    weir_lock_give(&sink->q->lock);
    while (n_taken < n && !sink->is_closing &&
           (max_pending == 0 || sink->n_pending < max_pending) &&
           sink_reserve_locked(sink)) {
        sink->pending[(sink->first + sink->n_pending) % sink->cap] = outs[n_taken];
        sink->n_pending++;
        n_taken++;
    }
    weir_lock_give(&sink->lock);
    sink_answer(sink);
    return n_taken;
}

static weir_status memory_probe(void *self, void *target, int64_t timeout_us,
                                size_t *largest, weir_err *err)
{
    memory_sink *sink = WEIR_CAST(memory_sink, self, MEMORY_SINK_TAG);
    const memory_topic *topic = target;
    weir_status st = WEIR_OK;

    (void)timeout_us; /* the answer is there at once */
    weir_lock_take(&sink->q->lock);
    if (sink->q->is_sick) {
        st = WEIR_EUNAVAIL;
    } else if (topic->n_partitions == 0) {
        st = WEIR_ENOENT;
    }
    weir_lock_give(&sink->q->lock);
    if (st != WEIR_OK) {
        return weir_fail(err, st, "%s: %s", topic->name, weir_status_text(st));
    }
    *largest = SIZE_MAX;
    return WEIR_OK;
}

static weir_status memory_flush(void *self, int64_t until_us)
{
    memory_sink *sink = WEIR_CAST(memory_sink, self, MEMORY_SINK_TAG);

    for (;;) {
        unsigned seen = weir_signal_read(&sink->sig);
        unsigned queue_seen = weir_signal_read(&sink->q->sig);

        sink_answer(sink);
        weir_lock_take(&sink->lock);

        bool is_answering = sink->is_answering;
        bool is_empty = sink->n_pending == 0 && !is_answering;

        weir_lock_give(&sink->lock);
        if (is_empty) {
            return WEIR_OK;
        }
        if (weir_clock_us() >= until_us) {
            return WEIR_ETIMEOUT;
        }
        /* Another thread is answering, or the sends are held until the queue says so. */
        if (is_answering) {
            (void)weir_signal_wait(&sink->sig, seen, until_us);
        } else {
            (void)weir_signal_wait(&sink->q->sig, queue_seen, until_us);
        }
    }
}

static bool memory_close(void *self, int64_t until_us)
{
    memory_sink *sink = WEIR_CAST(memory_sink, self, MEMORY_SINK_TAG);

    weir_lock_take(&sink->lock);
    sink->is_closing = true;
    weir_lock_give(&sink->lock);
    if (memory_flush(sink, until_us) != WEIR_OK) {
        return false;
    }
    free(sink->pending);
    weir_lock_fini(&sink->lock);
    sink->tag = 0;
    return true;
}

const weir_sink_ops weir_memory_sink = {
    .name = "memory",
    .about = "a queue inside the process",
    .size = sizeof(memory_sink),
    .keeps_order = true,
    .open = memory_open,
    .target = memory_target,
    .send = memory_send,
    .probe = memory_probe,
    .flush = memory_flush,
    .close = memory_close,
};

const weir_sink_ops weir_memory_loose_sink = {
    .name = "memory-loose",
    .about = "a queue inside the process that confirms out of order",
    .size = sizeof(memory_sink),
    .keeps_order = false,
    .open = memory_open_loose,
    .target = memory_target,
    .send = memory_send,
    .probe = memory_probe,
    .flush = memory_flush,
    .close = memory_close,
};
