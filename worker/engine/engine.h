/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine - builds, starts, drains and stops the straight line.
 *
 *     source -> admit -> flow -> pool -> function -> settle -> sink confirmed -> ack -> commit
 *
 * The engine knows sources, sinks, hosts and codecs only by their contracts.
 *
 * Threads: new, start, stop and free from one thread; the rest from any.
 */
#ifndef WEIR_ENGINE_ENGINE_H
#define WEIR_ENGINE_ENGINE_H

#include "worker/base/buf.h"
#include "worker/engine/sub.h"

typedef struct weir_engine weir_engine;

/* A queue of the configuration: what outputs to it go through. */
typedef struct weir_engine_queue {
    const char *name;
    const weir_sink_ops *sink; /* NULL: nothing can be published there */
    const void *opts;          /* weir_sink_setup.queue */
} weir_engine_queue;

/* A function of the configuration. */
typedef struct weir_engine_host {
    const weir_host_ops *ops;
    weir_host_setup setup;
} weir_engine_host;

/* How an event ended, for `weir dev` and tests. Slices are loans. */
typedef struct weir_fate {
    const char *sub;
    const weir_event *ev;
    const char *outcome; /* "done" "dead" "filtered" "skipped" "retry" */
    /* of a dead letter ("rejected", ...), or of a retry; NULL */
    const char *reason;
    const char *text; /* what the function said; NULL */
    int attempt;
    int64_t took_us; /* read to confirmed; of a retry: of the attempt */
    size_t n_results;
} weir_fate;

typedef struct weir_engine_setup {
    const char *service, *instance;
    /* most handler threads; 0: what the subscriptions ask for, at most 1024 */
    uint32_t threads;
    size_t stack; /* bytes of each */
    size_t max_events, max_bytes, max_event;
    int64_t drain_us;
    const weir_engine_queue *queues;
    size_t n_queues;
    weir_engine_host *hosts;
    size_t n_hosts;
    weir_sub *subs;
    size_t n_subs;
    bool is_replay;
    int64_t stall_us; /* a part that stands for longer is told; 0: a minute */
    struct weir_journal *journal; /* of crashes; NULL: none. Outlives the engine */
    /* Called for each end (and each retry) of an event, from any thread; NULL: nobody asks. */
    void (*fate)(void *arg, const weir_fate *fate);
    /* The engine cannot go on: exit_code as in INTERFACE (69, 75, 78). Any thread, once. */
    void (*fatal)(void *arg, int exit_code, const char *text);
    void *arg;
} weir_engine_setup;

/*
 * Opens sinks, loads functions and calls their init. Reads nothing yet. setup and all it
 * points to must live until weir_engine_free().
 * Returns: WEIR_OK; WEIR_ECONFIG (a function is missing, refuses to start, or does not fit its
 * subscription), WEIR_ENOMEM and so on, with a text for people.
 */
weir_status weir_engine_new(const weir_engine_setup *setup, weir_engine **out,
                            weir_err *err);

/* Starts threads and reads. Does not wait for brokers. */
weir_status weir_engine_start(weir_engine *e, weir_err *err);

/* What a stop left behind. */
typedef struct weir_engine_report {
    size_t n_open;   /* calls that had not ended by the deadline */
    size_t n_unsent; /* outputs that were not confirmed by then */
    bool is_clean;   /* everything ended and was committed */
    /* a library call hangs; free() must not be called, end the process */
    bool is_hung;
} weir_engine_report;

/*
 * Stops intake, lets what runs end and settle until until_us (monotonic), commits, leaves the
 * groups. Blocks until then at most, plus the time that a close needs.
 */
void weir_engine_stop(weir_engine *e, int64_t until_us, weir_engine_report *report);
/* Only after a stop that was clean. NULL is accepted. */
void weir_engine_free(weir_engine *e);

/* True while intake, pool and timer make progress. */
bool weir_engine_is_live(weir_engine *e);
/* True if every subscription has joined, and its sinks and dead-letter topics have answered;
 * appends a line for each subscription to `why` (may be NULL): "NAME: ready" or what is
 * missing and the command that mends it. */
bool weir_engine_is_ready(weir_engine *e, weir_buf *why);
/* Brings gauges up to date; the metrics page calls it before it is written. */
void weir_engine_measure(weir_engine *e);

/*
 * Passes what cannot be handled at all at a position: an undecodable batch of the client, or
 * an event whose dead letter fits nowhere. Publishes a dead letter without payload, marked
 * weir.omitted, and moves the position when that is confirmed.
 * Returns: WEIR_OK; WEIR_ENOENT if no subscription here holds that position (the text says
 * what is held there), WEIR_EINVAL if the event there is not stuck.
 * Blocks: at most until until_us.
 */
weir_status weir_engine_skip(weir_engine *e, const weir_address *at, int64_t until_us,
                             weir_err *err);

/* What a subscription does now, as JSON: state, parts, in flight, troubles. */
void weir_engine_describe(weir_engine *e, weir_buf *json);

#endif
