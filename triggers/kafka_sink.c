/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_sink - the contract of a sink, on one or two producers of librdkafka.
 *
 * What is taken is answered in the order of its partition: the producers are idempotent and
 * repeat by themselves for ever, so nothing overtakes a record that has to be repeated. A
 * target changes from one producer to the other only while nothing of it is out.
 */
#include "triggers/kafka_sink.h"

#include "triggers/kafka_admin.h"
#include "triggers/kafka_producer.h"
#include "worker/base/check.h"
#include "worker/base/clock.h"
#include "worker/base/log.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KAFKA_SINK_TAG WEIR_TAG('k', 's', 'n', 'k')
#define SINK_MIN_BYTES ((size_t)4 << 20) /* of outputs with the client, at least */
#define SINK_RUN 64              /* outputs of one target that are given on together */
#define SINK_SPARE_BYTES 4194304 /* of lists of headers that wait for their next use */

static weir_status sink_open(void *self, const weir_sink_setup *setup, weir_err *err)
{
    weir_kafka_sender *sink = self;

    sink->queue = setup->queue;
    sink->setup = *setup;
    snprintf(sink->client_id, sizeof(sink->client_id), "%s.%s", setup->service,
             setup->instance);
    weir_lock_init(&sink->lock, WEIR_RANK_SINK);
    weir_kafka_headers_init(&sink->headers, SINK_SPARE_BYTES);
    const weir_status st = weir_kafka_producer_start(sink, WEIR_KAFKA_BATCHED, err);

    if (st != WEIR_OK) {
        weir_kafka_headers_fini(&sink->headers);
        weir_lock_fini(&sink->lock);
        return st;
    }
    sink->tag = KAFKA_SINK_TAG;
    return WEIR_OK;
}

static weir_kafka_target *sink_find_locked(weir_kafka_sender *sink, const char *name)
{
    for (weir_kafka_target *t = sink->targets; t != NULL; t = t->next) {
        if (strcmp(t->name, name) == 0) {
            return t;
        }
    }
    return NULL;
}

static weir_status sink_target(void *self, const char *name, void **out, weir_err *err)
{
    weir_kafka_sender *sink = WEIR_CAST(weir_kafka_sender, self, KAFKA_SINK_TAG);
    weir_status st = WEIR_OK;
    weir_kafka_target *fresh = calloc(1, sizeof(*fresh));

    if (fresh == NULL || (fresh->name = strdup(name)) == NULL) {
        free(fresh);
        return weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    fresh->sink = sink;
    weir_lock_take(&sink->lock);
    weir_kafka_target *target = sink_find_locked(sink, name);

    if (target == NULL) {
        bool is_valid = true;

        for (int kind = 0; kind < WEIR_KAFKA_PRODUCERS; kind++) {
            rd_kafka_t *rk = sink->producers[kind].rk;

            fresh->topics[kind] =
                rk == NULL
                    ? NULL
                    : weir_kafka_producer_topic(sink->queue, &sink->setup, rk, name);
            is_valid = is_valid && (rk == NULL || fresh->topics[kind] != NULL);
        }
        if (is_valid) {
            fresh->sure_bytes = WEIR_KAFKA_SURE; /* until its limit is known */
            fresh->next = sink->targets;
            sink->targets = fresh;
            weir_kafka_producer_learn_locked(fresh);
            target = fresh;
            fresh = NULL;
        } else {
            st = WEIR_EINVAL;
        }
    }
    weir_lock_give(&sink->lock);
    if (fresh != NULL) {
        free(fresh->name);
        free(fresh);
    }
    if (st != WEIR_OK) {
        return weir_fail(err, st, "%s is no name for a topic", name);
    }
    *out = target;
    return WEIR_OK;
}

/* Outputs of one target on their way to the client. */
typedef struct sink_run {
    weir_kafka_target *target;
    weir_kafka_producer *producer;
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;
    size_t n_let;      /* as many may go now */
    size_t sure_bytes; /* larger ones must go alone */
    long long n_bytes; /* what is out, as far as it was known when the run began */
    long long n_given; /* bytes of this run */
    bool is_compacted, needs_alone;
    weir_kafka_headers *unused; /* lists of what was not taken */
    size_t n_refused;
    weir_sent_result refused[SINK_RUN]; /* known at once, and not yet said */
} sink_run;

/* How many of n outputs the target takes now; changes its producer where it is time. */
static size_t sink_room_locked(weir_kafka_target *target, size_t n, bool *needs_alone)
{
    const size_t n_out = atomic_load(&target->n_out);

    if (target->want != target->use) {
        if (n_out > 0) {
            return 0;
        }
        if (target->want == WEIR_KAFKA_ALONE &&
            target->sink->producers[WEIR_KAFKA_ALONE].rk == NULL) {
            *needs_alone = true;
            return 0;
        }
        target->use = target->want;
    }
    if (target->sink->producers[target->use].rk == NULL ||
        target->topics[target->use] == NULL) {
        return 0;
    }
    if (target->is_learning || target->is_denied) {
        return n_out > 0 ? 0 : 1;
    }
    return n;
}

/* Lets a run in: from here on its target keeps its producer, and that one its instance. */
static void sink_begin(weir_kafka_sender *sink, sink_run *run, size_t n)
{
    weir_kafka_target *target = run->target;

    weir_lock_take(&sink->lock);
    run->n_let = sink_room_locked(target, n, &run->needs_alone);
    if (run->n_let > 0) {
        run->producer = &sink->producers[target->use];
        run->rk = run->producer->rk;
        run->topic = target->topics[target->use];
        run->is_compacted = target->is_compacted;
        run->n_bytes = atomic_load(&sink->n_bytes);
        run->n_given = 0;
        run->sure_bytes =
            target->use == WEIR_KAFKA_ALONE ? SIZE_MAX : target->sure_bytes;
        atomic_fetch_add(&run->producer->n_senders, 1);
        atomic_fetch_add(&target->n_out, run->n_let);
        atomic_fetch_add(&sink->n_out, run->n_let);
    }
    weir_lock_give(&sink->lock);
}

/* Says what is known already. */
static void sink_refuse(weir_kafka_sender *sink, sink_run *run)
{
    if (run->n_refused > 0) {
        sink->setup.done(sink->setup.arg, run->refused, run->n_refused);
        run->n_refused = 0;
    }
}

/* The client's own queue has room for anything: a record that does not fit would be refused for
 * ever, and the dead letter of an event over max_event may have any size. So one that does not
 * fit what is kept here goes when nothing else is out. */
static bool sink_has_room(const weir_kafka_sender *sink, const sink_run *run,
                          size_t size)
{
    size_t most = sink->setup.max_bytes;

    most = most < SINK_MIN_BYTES ? SINK_MIN_BYTES : most;
    most = most < 2 * sink->setup.max_record ? 2 * sink->setup.max_record : most;
    const long long n_out = run->n_bytes + run->n_given;

    return n_out <= 0 || (size_t)n_out + size <= most;
}

/* Gives the client one output of a run; n_left: of what was let in, this one too, how much has
 * not been given. False: not now. */
static bool sink_give(weir_kafka_sender *sink, sink_run *run, weir_out *out,
                      size_t n_left, int64_t now_ms)
{
    weir_kafka_target *target = run->target;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_INVALID_RECORD;

    const size_t size = out->key.len + out->data.len;

    if (!sink_has_room(sink, run, size)) {
        return false;
    }
    if (size > run->sure_bytes) {
        weir_lock_take(&sink->lock);
        weir_kafka_answer_doubt_locked(target, out);
        weir_lock_give(&sink->lock);
        return false;
    }
    /* A compacted topic refuses what has no key, and the rest of its batch with it. */
    if (!run->is_compacted || out->key.data != NULL) {
        sink_refuse(sink, run); /* which must not be overtaken */
        code = weir_kafka_producer_send(run->rk, run->topic, out, now_ms);
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        run->n_given += (long long)size;
        return true;
    }
    const weir_sent sent = weir_kafka_producer_class(code, true);

    weir_kafka_headers_unsent(out, &run->unused);
    if (sent == WEIR_SENT_AGAIN || atomic_load(&target->n_out) > n_left) {
        return false; /* later; an answer must not overtake those of what is out */
    }
    if (sent == WEIR_SENT_UNKNOWN || sent == WEIR_SENT_DENIED) {
        weir_lock_take(&sink->lock);
        weir_kafka_answer_place_locked(target, sent);
        weir_lock_give(&sink->lock);
    }
    atomic_fetch_sub(&target->n_out, 1);
    atomic_fetch_sub(&sink->n_out, 1);
    run->refused[run->n_refused++] =
        (weir_sent_result){ .out = out, .sent = sent, .text = rd_kafka_err2str(code) };
    return true;
}

/* Outputs of one target, at most SINK_RUN. Returns how many were taken. */
static size_t sink_send_run(weir_kafka_sender *sink, weir_out *const *outs, size_t n,
                            int64_t now_ms, bool *needs_alone)
{
    sink_run run WEIR_UNINIT;
    size_t n_taken = 0;

    run.target = outs[0]->target;
    run.needs_alone = false;
    run.unused = NULL;
    run.n_refused = 0;
    sink_begin(sink, &run, n);
    *needs_alone = *needs_alone || run.needs_alone;
    if (run.n_let == 0) {
        return 0;
    }
    const size_t n_ready = weir_kafka_headers_take(&sink->headers, outs, run.n_let);

    while (n_taken < n_ready &&
           sink_give(sink, &run, outs[n_taken], run.n_let - n_taken, now_ms)) {
        n_taken++;
    }
    for (size_t i = n_taken; i < run.n_let; i++) {
        weir_kafka_headers_unsent(outs[i], &run.unused);
    }
    weir_kafka_headers_give(&sink->headers, &run.unused);
    atomic_fetch_add(&sink->n_bytes, run.n_given);
    if (n_taken < run.n_let) {
        atomic_fetch_sub(&run.target->n_out, run.n_let - n_taken);
        atomic_fetch_sub(&sink->n_out, run.n_let - n_taken);
        /* for who waits for the last one */
        weir_signal_raise(&sink->signal, INT_MAX);
    }
    atomic_fetch_sub(&run.producer->n_senders, 1);
    sink_refuse(sink, &run);
    return n_taken;
}

/* Makes a client and a thread, once; it does not wait for a broker. */
static void sink_start_alone(weir_kafka_sender *sink)
{
    bool is_mine;
    weir_err err;

    weir_lock_take(&sink->lock);
    is_mine = !sink->producers[WEIR_KAFKA_ALONE].has_thread && !sink->is_starting_alone;
    sink->is_starting_alone = sink->is_starting_alone || is_mine;
    weir_lock_give(&sink->lock);
    if (!is_mine) {
        return;
    }
    if (weir_kafka_producer_start(sink, WEIR_KAFKA_ALONE, &err) != WEIR_OK) {
        weir_log(WEIR_WARN, "kafka.producer.failed", "text=%s", err.text);
    }
    weir_lock_take(&sink->lock);
    sink->is_starting_alone = false;
    weir_lock_give(&sink->lock);
}

static size_t sink_send(void *self, weir_out *const *outs, size_t n)
{
    weir_kafka_sender *sink = WEIR_CAST(weir_kafka_sender, self, KAFKA_SINK_TAG);
    const int64_t now_ms = weir_clock_wall_ms();
    size_t n_taken = 0, n_run = 0, n_sent = 0;
    bool needs_alone = false;

    while (n_taken < n && n_sent == n_run) {
        n_run = 1;
        while (n_run < SINK_RUN && n_taken + n_run < n &&
               outs[n_taken + n_run]->target == outs[n_taken]->target) {
            n_run++;
        }
        n_sent = sink_send_run(sink, outs + n_taken, n_run, now_ms, &needs_alone);
        n_taken += n_sent;
    }
    if (needs_alone) {
        sink_start_alone(sink);
    }
    return n_taken;
}

static weir_status sink_probe(void *self, void *opaque, int64_t timeout_us,
                              size_t *largest, weir_err *err)
{
    weir_kafka_sender *sink = WEIR_CAST(weir_kafka_sender, self, KAFKA_SINK_TAG);
    weir_kafka_producer *producer = &sink->producers[WEIR_KAFKA_BATCHED];
    weir_kafka_target *target = opaque;
    weir_kafka_topic_info info;

    weir_lock_take(&sink->lock);
    rd_kafka_t *rk = producer->rk;

    producer->n_users += rk != NULL;
    weir_lock_give(&sink->lock);
    if (rk == NULL) {
        return weir_fail(err, WEIR_EUNAVAIL, "topic %s: the client is being made anew",
                         target->name);
    }
    const int64_t timeout_ms = timeout_us / 1000;
    const weir_status st = weir_kafka_topic_ask(
        rk, target->name, timeout_ms < 100 ? 100 : (int)timeout_ms, &info, err);

    weir_lock_take(&sink->lock);
    producer->n_users--;
    weir_lock_give(&sink->lock);
    if (st == WEIR_OK) {
        *largest =
            info.max_message_bytes < 0 ? SIZE_MAX : (size_t)info.max_message_bytes;
    }
    return st;
}

static weir_status sink_flush(void *self, int64_t until_us)
{
    weir_kafka_sender *sink = WEIR_CAST(weir_kafka_sender, self, KAFKA_SINK_TAG);

    for (;;) {
        const unsigned seen = weir_signal_read(&sink->signal);

        if (atomic_load(&sink->n_out) == 0) {
            return WEIR_OK;
        }
        if (weir_clock_us() >= until_us) {
            return WEIR_ETIMEOUT;
        }
        weir_signal_wait(&sink->signal, seen, until_us);
    }
}

static bool sink_close(void *self, int64_t until_us)
{
    weir_kafka_sender *sink = WEIR_CAST(weir_kafka_sender, self, KAFKA_SINK_TAG);
    bool has_ended = true;

    for (int kind = 0; kind < WEIR_KAFKA_PRODUCERS; kind++) {
        has_ended =
            weir_kafka_producer_stop(&sink->producers[kind], until_us) && has_ended;
    }
    if (!has_ended || atomic_load(&sink->n_out) > 0) {
        return false;
    }
    while (sink->targets != NULL) {
        weir_kafka_target *target = sink->targets;

        sink->targets = target->next;
        free(target->name);
        free(target);
    }
    weir_kafka_headers_fini(&sink->headers);
    weir_lock_fini(&sink->lock);
    sink->tag = 0;
    return true;
}

const weir_sink_ops weir_kafka_sink = {
    .name = "kafka",
    .about = "writes topics through an idempotent producer",
    .size = sizeof(weir_kafka_sender),
    .keeps_order = true,
    .open = sink_open,
    .target = sink_target,
    .send = sink_send,
    .probe = sink_probe,
    .flush = sink_flush,
    .close = sink_close,
};
