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

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KAFKA_SINK_TAG WEIR_TAG('k', 's', 'n', 'k')
#define SINK_REFUSED 64 /* outputs that one send() may answer at once */

static weir_status sink_open(void *self, const weir_sink_setup *setup, weir_err *err)
{
    weir_kafka_sender *sink = self;

    sink->queue = setup->queue;
    sink->setup = *setup;
    snprintf(sink->client_id, sizeof(sink->client_id), "%s.%s", setup->service,
             setup->instance);
    weir_lock_init(&sink->lock, WEIR_RANK_SINK);
    const weir_status st = weir_kafka_producer_start(sink, WEIR_KAFKA_BATCHED, err);

    if (st != WEIR_OK) {
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
                rk == NULL ? NULL : weir_kafka_producer_topic(sink, rk, name);
            is_valid = is_valid && (rk == NULL || fresh->topics[kind] != NULL);
        }
        if (is_valid) {
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

/* Whether the target takes an output now; changes its producer where it is time. */
static bool sink_is_ready_locked(weir_kafka_target *target, bool *needs_alone)
{
    const size_t n_out = atomic_load(&target->n_out);

    if (target->want != target->use) {
        if (n_out > 0) {
            return false;
        }
        if (target->want == WEIR_KAFKA_ALONE &&
            target->sink->producers[WEIR_KAFKA_ALONE].rk == NULL) {
            *needs_alone = true;
            return false;
        }
        target->use = target->want;
    }
    return target->sink->producers[target->use].rk != NULL &&
           target->topics[target->use] != NULL && !(target->is_learning && n_out > 0);
}

/* Takes one output. False: not now. *result.out is set where the answer is known already. */
static bool sink_take_locked(weir_out *out, bool *needs_alone, weir_sent_result *result)
{
    weir_kafka_target *target = out->target;
    rd_kafka_resp_err_t code;

    result->out = NULL;
    if (!sink_is_ready_locked(target, needs_alone)) {
        return false;
    }
    if (target->is_compacted && out->key.data == NULL) {
        /* The broker would refuse it, and the rest of its batch with it. */
        code = RD_KAFKA_RESP_ERR_INVALID_RECORD;
    } else {
        code = weir_kafka_producer_send_locked(target, out);
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return true;
    }
    const weir_sent sent = weir_kafka_producer_class(code, true);

    if (sent == WEIR_SENT_AGAIN || atomic_load(&target->n_out) > 0) {
        return false; /* later; an answer must not overtake those of what is out */
    }
    target->is_missing = sent == WEIR_SENT_UNKNOWN;
    *result =
        (weir_sent_result){ .out = out, .sent = sent, .text = rd_kafka_err2str(code) };
    return true;
}

static size_t sink_send(void *self, weir_out *const *outs, size_t n)
{
    weir_kafka_sender *sink = WEIR_CAST(weir_kafka_sender, self, KAFKA_SINK_TAG);
    weir_sent_result refused[SINK_REFUSED];
    size_t n_taken = 0, n_refused = 0;
    bool needs_alone = false;
    weir_err err;

    weir_lock_take(&sink->lock);
    while (n_taken < n && n_refused < SINK_REFUSED &&
           sink_take_locked(outs[n_taken], &needs_alone, &refused[n_refused])) {
        n_refused += refused[n_refused].out != NULL;
        n_taken++;
    }
    needs_alone = needs_alone && !sink->producers[WEIR_KAFKA_ALONE].has_thread &&
                  !sink->is_starting_alone;
    sink->is_starting_alone = sink->is_starting_alone || needs_alone;
    weir_lock_give(&sink->lock);
    if (n_refused > 0) {
        sink->setup.done(sink->setup.arg, refused, n_refused);
    }
    if (needs_alone) {
        /* Makes a client and a thread, once; it does not wait for a broker. */
        if (weir_kafka_producer_start(sink, WEIR_KAFKA_ALONE, &err) != WEIR_OK) {
            weir_log(WEIR_WARN, "kafka.producer.failed", "text=%s", err.text);
        }
        weir_lock_take(&sink->lock);
        sink->is_starting_alone = false;
        weir_lock_give(&sink->lock);
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
