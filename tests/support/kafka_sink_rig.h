/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_sink_rig - a Kafka sink on the shared broker, its outputs and their answers. For one
 * test program: all is static.
 */
#ifndef WEIR_TESTS_KAFKA_SINK_RIG_H
#define WEIR_TESTS_KAFKA_SINK_RIG_H

#include "tests/support/kafka_kit.h"
#include "triggers/kafka_producer.h"
#include "triggers/kafka_sink.h"
#include "worker/base/clock.h"
#include "worker/base/lock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 4000

static weir_broker *kafka;

/* A sink, its outputs and their answers. */
typedef struct rig {
    weir_kafka_queue queue;
    weir_sink_setup setup;
    void *self;
    weir_out outs[MOST];
    char keys[MOST][16];
    weir_sent answers[MOST]; /* under the lock, like the rest */
    int n_answers[MOST];
    size_t n_answered;
    weir_lock lock;
    weir_signal signal;
} rig;

static void rig_done(void *arg, const weir_sent_result *results, size_t n)
{
    rig *r = arg;

    weir_lock_take(&r->lock);
    for (size_t i = 0; i < n; i++) {
        const size_t at = (size_t)(results[i].out - r->outs);

        r->answers[at] = results[i].sent;
        r->n_answers[at]++;
        r->n_answered++;
    }
    weir_lock_give(&r->lock);
    weir_signal_raise(&r->signal, INT_MAX);
}

/* One that is not open yet: settings of the queue may be added. */
static rig *rig_prepare(size_t max_bytes, bool (*is_dead)(void *arg, const char *name))
{
    rig *r = calloc(1, sizeof(*r));

    assert_non_null(r);
    weir_lock_init(&r->lock, WEIR_RANK_LEAF);
    r->queue.brokers = strdup(weir_broker_address(kafka));
    r->setup = (weir_sink_setup){
        .queue = &r->queue,
        .queue_name = "kafka",
        .service = "test",
        .instance = "one",
        .max_bytes = max_bytes,
        .max_record = 1 << 20,
        .done = rig_done,
        .arg = r,
        .is_dead = is_dead,
    };
    r->self = calloc(1, weir_kafka_sink.size);
    assert_non_null(r->self);
    return r;
}

static void rig_open(rig *r)
{
    weir_err err;

    if (weir_kafka_sink.open(r->self, &r->setup, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
}

static rig *rig_new(size_t max_bytes)
{
    rig *r = rig_prepare(max_bytes, NULL);

    rig_open(r);
    return r;
}

static void rig_free(rig *r)
{
    assert_true(weir_kafka_sink.close(r->self, weir_clock_us() + 20000000));
    weir_opt_fini(weir_kafka_queue_opts, &r->queue);
    weir_lock_fini(&r->lock);
    free(r->self);
    free(r);
}

/* The output of that number: a key, data, no headers. */
static weir_out *rig_out(rig *r, size_t i, void *target, const char *key,
                         weir_slice data)
{
    snprintf(r->keys[i], sizeof(r->keys[i]), "%s", key == NULL ? "" : key);
    r->outs[i] = (weir_out){
        .target = target,
        .key = key == NULL ? WEIR_SLICE_NONE : weir_slice_of(r->keys[i]),
        .data = data,
        .partition = -1,
        .time_ms = -1,
    };
    return &r->outs[i];
}

static void *rig_target(rig *r, const char *name)
{
    void *target;

    assert_int_equal(weir_kafka_sink.target(r->self, name, &target, NULL), WEIR_OK);
    return target;
}

static bool rig_is_answered(rig *r, size_t from, size_t to)
{
    size_t n_open = 0;

    weir_lock_take(&r->lock);
    for (size_t i = from; i < to; i++) {
        n_open += r->n_answers[i] == 0;
    }
    weir_lock_give(&r->lock);
    return n_open == 0;
}

/* Waits for the answers of what was sent. */
static void rig_wait(rig *r, size_t from, size_t to)
{
    const int64_t until = weir_clock_us() + 60000000;

    for (;;) {
        const unsigned seen = weir_signal_read(&r->signal);

        if (rig_is_answered(r, from, to)) {
            return;
        }
        assert_true(weir_clock_us() < until);
        weir_signal_wait(&r->signal, seen, weir_clock_us() + 50000);
    }
}

/* Sends [from, to), waiting for room, and then for all answers. */
static void rig_send(rig *r, size_t from, size_t to)
{
    const int64_t until = weir_clock_us() + 60000000;

    for (size_t n = from; n < to;) {
        const unsigned seen = weir_signal_read(&r->signal);
        weir_out *out = &r->outs[n];

        if (weir_kafka_sink.send(r->self, &out, 1) == 1) {
            n++;
            continue;
        }
        assert_true(weir_clock_us() < until);
        weir_signal_wait(&r->signal, seen, weir_clock_us() + 50000);
    }
    rig_wait(r, from, to);
}

/* Again and again until each has an answer other than AGAIN. */
static void rig_send_again(rig *r, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        while (r->answers[i] == WEIR_SENT_AGAIN) {
            r->n_answers[i] = 0;
            rig_send(r, i, i + 1);
        }
    }
}

static void rig_send_all(rig *r, size_t from, size_t to)
{
    rig_send(r, from, to);
    rig_send_again(r, from, to);
}

static inline bool rig_must_repeat(rig *r, size_t from, size_t to)
{
    bool must = false;

    weir_lock_take(&r->lock);
    for (size_t i = from; i < to; i++) {
        must = must || (r->n_answers[i] > 0 && r->answers[i] == WEIR_SENT_AGAIN);
    }
    weir_lock_give(&r->lock);
    return must;
}

/* As the engine sends what belongs to one key: nothing new while something is to be sent
 * again, and that goes in order. */
static inline void rig_send_key(rig *r, size_t from, size_t to)
{
    const int64_t until = weir_clock_us() + 60000000;

    for (size_t n = from; n < to;) {
        weir_out *out = &r->outs[n];

        if (rig_must_repeat(r, from, n)) {
            rig_wait(r, from, n);
            rig_send_again(r, from, n);
        } else if (weir_kafka_sink.send(r->self, &out, 1) == 1) {
            n++;
        } else {
            const unsigned seen = weir_signal_read(&r->signal);

            weir_signal_wait(&r->signal, seen, weir_clock_us() + 2000);
        }
        assert_true(weir_clock_us() < until);
    }
    rig_wait(r, from, to);
    rig_send_again(r, from, to);
}

static void new_topic(char *name, int n_partitions, const char *const *settings)
{
    weir_err err;

    weir_broker_name("snk", name, 80);
    if (weir_broker_topic(kafka, name, n_partitions, settings, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
}

#endif
