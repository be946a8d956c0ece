/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_sink - the client of a queue that results and dead letters go to, and its log.
 *
 * What is accepted stands in one line; one thread writes from its head and answers. The ordered
 * one fails the whole line when it fails (as a client does whose instance is finished), of which
 * some may stand in the log all the same; the loose one writes and answers in any order.
 */
#include "tests/sim/sim.h"

#include "triggers/sink.h"
#include "worker/base/check.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define SINK_TARGETS 12
#define SINK_CAP 256
#define SINK_BATCH 32

typedef struct sim_target {
    char name[64];
    bool is_dead;
} sim_target;

typedef struct sim_sink {
    const weir_sink_setup *setup;
    bool is_loose, is_closing, is_over;
    sim_target targets[SINK_TARGETS];
    size_t n_targets;
    weir_out *line[SINK_CAP];
    size_t n, n_answering;
    weir_signal signal;
} sim_sink;

static const char *sink_reason(const weir_out *out)
{
    for (size_t i = 0; i < out->n_headers; i++) {
        if (strcmp(out->headers[i].name, "weir.reason") == 0) {
            return out->headers[i].value.data;
        }
    }
    return "none";
}

bool sim_sink_is_dead(const weir_out *out)
{
    const sim_target *target = out->target;

    return target->is_dead;
}

/* The record stands in the log. */
void sim_sink_write(const weir_out *out)
{
    const sim_target *target = out->target;
    int at = -1;
    const int id = sim_event_parse(out->data.data, out->data.len, &at);

    if (target->is_dead) {
        SIM_MUST(at < 0, "a dead letter is its event", "event %d", id);
        sim_check_dead(id, sink_reason(out));
    } else {
        SIM_MUST(at >= 0, "a result is what the function gave", "event %d", id);
        sim_check_written(id, at);
    }
}

static weir_sent sink_try(const sim_sink *sink, const weir_out *out)
{
    const sim_target *target = out->target;

    (void)sink;
    if (!target->is_dead && sim_has_fault(SIM_FAULT_REFUSE) && sim_once_in(12)) {
        int at;

        sim_event_at(sim_event_parse(out->data.data, out->data.len, &at))
            ->is_dead_sent = true;
        return WEIR_SENT_TOO_LARGE;
    }
    sim_sink_write(out);
    return WEIR_SENT_OK;
}

/* Answers the first n of the line; those stay in it until the answer has been taken, so that
 * what comes behind them meanwhile shares their fate. */
static void sink_answer(sim_sink *sink, weir_sent_result *results, size_t n)
{
    sink->n_answering = n;
    sim_trace("sink.answer", (int64_t)n, results[0].sent, 0);
    sink->setup->done(sink->setup->arg, results, n);
    sink->n_answering = 0;
    sink->n -= n;
    memmove(sink->line, sink->line + n, sink->n * sizeof(sink->line[0]));
    weir_signal_raise(&sink->signal, INT_MAX);
}

/* The client is finished: all of the line fails, what comes meanwhile too. */
static void sink_fail_all(sim_sink *sink)
{
    size_t n_written = sim_once_in(2) ? (size_t)sim_rand(sink->n + 1) : 0;

    while (sink->n > 0) {
        weir_sent_result results[SINK_CAP];
        const size_t n = sink->n;

        for (size_t i = 0; i < n; i++) {
            if (i < n_written) {
                sim_sink_write(sink->line[i]);
            }
            results[i] = (weir_sent_result){ sink->line[i], WEIR_SENT_AGAIN, "failed" };
        }
        n_written = 0;
        sink_answer(sink, results, n);
    }
}

static void sink_work(sim_sink *sink)
{
    weir_sent_result results[SINK_BATCH];
    size_t n = 1 + (size_t)sim_rand(SINK_BATCH);

    n = n < sink->n ? n : sink->n;
    for (size_t i = 0; i + 1 < n && sink->is_loose; i++) {
        const size_t other = i + (size_t)sim_rand(n - i);
        weir_out *out = sink->line[i];

        sink->line[i] = sink->line[other];
        sink->line[other] = out;
    }
    for (size_t i = 0; i < n; i++) {
        results[i] = (weir_sent_result){ sink->line[i], sink_try(sink, sink->line[i]),
                                         "refused" };
        if (sink->is_loose && sim_has_fault(SIM_FAULT_SICK) && sim_once_in(3)) {
            results[i].sent = WEIR_SENT_AGAIN; /* the answer was lost */
        }
    }
    sink_answer(sink, results, n);
}

static void *sink_main(void *arg)
{
    sim_sink *sink = arg;

    for (;;) {
        const unsigned seen = weir_signal_read(&sink->signal);

        if (sink->n == 0) {
            if (sink->is_closing) {
                break;
            }
            weir_signal_wait(&sink->signal, seen, WEIR_NEVER);
            continue;
        }
        if (sink->is_closing) {
            sink_fail_all(sink);
            continue;
        }
        sim_sleep(100 +
                  (int64_t)sim_rand(sim_has_fault(SIM_FAULT_SLOW) ? 800000 : 3000));
        if (sink->is_closing || sink->n == 0) {
            continue;
        }
        if (sim_has_fault(SIM_FAULT_SICK) && !sim_once_in(4)) {
            if (!sink->is_loose && sim_once_in(3)) {
                sink_fail_all(sink);
            }
            continue;
        }
        sink_work(sink);
    }
    sink->is_over = true;
    return NULL;
}

static weir_status sink_open(void *self, const weir_sink_setup *setup, bool is_loose)
{
    sim_sink *sink = self;

    sink->setup = setup;
    sink->is_loose = is_loose;
    sim_co_detach(sim_co_start(sim_proc_here(), "sink", sink_main, sink));
    return WEIR_OK;
}

static weir_status ordered_open(void *self, const weir_sink_setup *setup, weir_err *err)
{
    (void)err;
    return sink_open(self, setup, false);
}

static weir_status loose_open(void *self, const weir_sink_setup *setup, weir_err *err)
{
    (void)err;
    return sink_open(self, setup, true);
}

static weir_status sink_target(void *self, const char *name, void **target,
                               weir_err *err)
{
    sim_sink *sink = self;

    (void)err;
    for (size_t i = 0; i < sink->n_targets; i++) {
        if (strcmp(sink->targets[i].name, name) == 0) {
            *target = &sink->targets[i];
            return WEIR_OK;
        }
    }
    WEIR_ASSERT(sink->n_targets < SINK_TARGETS && strlen(name) < 64);
    sim_target *fresh = &sink->targets[sink->n_targets++];

    strcpy(fresh->name, name);
    fresh->is_dead = strlen(name) > 5 && strcmp(name + strlen(name) - 5, ".dead") == 0;
    *target = fresh;
    return WEIR_OK;
}

static size_t sink_send(void *self, weir_out *const *outs, size_t n)
{
    sim_sink *sink = self;
    const size_t cap = sim_has_fault(SIM_FAULT_FULL) ? 2 : SINK_CAP;
    size_t n_taken = 0;

    while (n_taken < n && sink->n < cap && !sink->is_closing) {
        const sim_target *target = outs[n_taken]->target;
        int at = -1;
        const int id =
            sim_event_parse(outs[n_taken]->data.data, outs[n_taken]->data.len, &at);

        sim_check_send(id, outs[n_taken]->owner);
        if (target->is_dead) {
            sim_event_at(id)->is_dead_sent = true;
        }
        sim_trace("sink.send", id, at, target->is_dead);
        sink->line[sink->n++] = outs[n_taken++];
    }
    weir_signal_raise(&sink->signal, INT_MAX);
    return n_taken;
}

static weir_status sink_probe(void *self, void *target, int64_t timeout_us,
                              size_t *largest, weir_err *err)
{
    (void)self;
    (void)target;
    (void)timeout_us;
    sim_sleep(500);
    if (sim_has_fault(SIM_FAULT_SICK) && sim_once_in(2)) {
        return weir_fail(err, WEIR_EUNAVAIL, "it does not answer");
    }
    *largest = SIZE_MAX;
    return WEIR_OK;
}

static weir_status sink_flush(void *self, int64_t until_us)
{
    const sim_sink *sink = self;

    while (sink->n > 0 && sim_now() < until_us) {
        sim_sleep(1000);
    }
    return sink->n == 0 ? WEIR_OK : WEIR_ETIMEOUT;
}

static bool sink_close(void *self, int64_t until_us)
{
    sim_sink *sink = self;

    (void)until_us;
    sink->is_closing = true;
    weir_signal_raise(&sink->signal, INT_MAX);
    while (!sink->is_over) {
        sim_sleep(500);
    }
    return true;
}

const weir_sink_ops sim_sink_ordered = {
    .name = "ordered",
    .about = "a fake queue that keeps order",
    .size = sizeof(sim_sink),
    .keeps_order = true,
    .open = ordered_open,
    .target = sink_target,
    .send = sink_send,
    .probe = sink_probe,
    .flush = sink_flush,
    .close = sink_close,
};

const weir_sink_ops sim_sink_loose = {
    .name = "loose",
    .about = "a fake queue that confirms in any order",
    .size = sizeof(sim_sink),
    .keeps_order = false,
    .open = loose_open,
    .target = sink_target,
    .send = sink_send,
    .probe = sink_probe,
    .flush = sink_flush,
    .close = sink_close,
};
