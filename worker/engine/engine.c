/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* engine - see engine.h. Builds and stops; what runs in between is in the files of line.h. */
#include "worker/engine/line.h"

#include "worker/base/check.h"
#include "worker/base/clock.h"
#include "worker/base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define ENGINE_CLOSE_US 5000000 /* that a close may need beyond the drain */
#define ENGINE_POLL_US 5000
#define ENGINE_RETRY_US                                                                \
    2000000 /* retries that are due within this are waited for at a stop */

void weir_engine_fail(weir_engine *e, int exit_code, const char *fmt, ...)
{
    char text[WEIR_ERR_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (atomic_exchange(&e->has_failed, true)) {
        return;
    }
    weir_log(WEIR_ERROR, "engine.failed", "exit=%d text=%s", exit_code, text);
    if (e->setup->fatal != NULL) {
        e->setup->fatal(e->setup->arg, exit_code, text);
    }
}

/* -- building -------------------------------------------------------------------------------- */

static weir_status engine_open_sinks(weir_engine *e, weir_err *err)
{
    const weir_engine_setup *setup = e->setup;

    for (size_t i = 0; i < setup->n_queues; i++) {
        const weir_engine_queue *queue = &setup->queues[i];
        weir_sink_setup *sink = &e->sink_setups[i];
        void *self;
        weir_status st;

        *sink = (weir_sink_setup){
            .queue = queue->opts,
            .queue_name = queue->name,
            .service = setup->service,
            .instance = setup->instance,
            .max_bytes = setup->max_bytes / 8,
            .max_record = setup->max_event,
            .done = weir_settle_done,
            .arg = e,
            .is_dead = weir_dest_is_dead,
        };

        if (queue->sink == NULL) {
            continue;
        }
        self = calloc(1, queue->sink->size);
        if (self == NULL) {
            return weir_fail(err, WEIR_ENOMEM, "queue %s: out of memory", queue->name);
        }
        st = queue->sink->open(self, sink, err);
        if (st != WEIR_OK) {
            free(self);
            return weir_err_prefix(err, "queue %s: ", queue->name);
        }
        e->sinks[i] = self;
    }
    return WEIR_OK;
}

static weir_status engine_open_hosts(weir_engine *e, weir_err *err)
{
    const weir_engine_setup *setup = e->setup;

    for (size_t i = 0; i < setup->n_hosts; i++) {
        weir_engine_host *host = &setup->hosts[i];
        void *self = calloc(1, host->ops->size);
        weir_status st;

        if (self == NULL) {
            return weir_fail(err, WEIR_ENOMEM, "function %s: out of memory",
                             host->setup.name);
        }
        st = host->ops->open(self, &host->setup, err);
        if (st != WEIR_OK) {
            free(self);
            return weir_err_prefix(err, "function %s", host->setup.name);
        }
        e->hosts[i] = self;
        st = host->ops->start(self, err);
        if (st != WEIR_OK) {
            return weir_err_prefix(err, "function %s", host->setup.name);
        }
    }
    return WEIR_OK;
}

/* What only function and subscription together can get wrong. */
static weir_status engine_check_sub(const weir_engine *e, const weir_sub *sub,
                                    weir_err *err)
{
    weir_host_info info;

    e->setup->hosts[sub->host].ops->info(e->hosts[sub->host], &info);
    if (info.wants_value && !sub->codec->gives_value) {
        return weir_fail(
            err, WEIR_ECONFIG,
            "subscription %s: function %s reads decoded values, and format %s has "
            "none; set format: json, msgpack or cloudevents",
            sub->name, info.name, sub->codec->name);
    }
    if (sub->batch.max > 1 && !info.is_batch) {
        return weir_fail(
            err, WEIR_ECONFIG,
            "subscription %s: batch.max is %u, and function %s has no batch handler",
            sub->name, sub->batch.max, info.name);
    }
    return WEIR_OK;
}

/* The destinations that the file names, so that they can be proved before anything is read. */
static weir_status engine_name_dests(weir_engine *e, weir_line *line, weir_err *err)
{
    const weir_sub *sub = line->sub;
    weir_status st = WEIR_OK;
    uint16_t index;

    if (sub->to != NULL) {
        st = weir_dest_get(e, sub->to, line, &index, err);
    }
    if (st != WEIR_OK || sub->dead_mode != WEIR_DEAD_ADDRESS) {
        return st;
    }
    for (size_t i = 0; i < sub->n_sources; i++) {
        const weir_source_setup *setup = &sub->sources[i].setup;

        for (size_t k = 0; k < setup->n_topics && st == WEIR_OK; k++) {
            if (sub->dead != NULL || setup->topics[k][0] != '^') {
                st = weir_dest_dead(line, &line->intakes[i], setup->topics[k], &index,
                                    err);
            }
        }
    }
    return st;
}

weir_status weir_engine_new(const weir_engine_setup *setup, weir_engine **out,
                            weir_err *err)
{
    weir_engine *e = calloc(1, sizeof(*e));
    weir_status st = WEIR_ENOMEM;

    if (e == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    e->setup = setup;
    e->journal = setup->journal;
    weir_lock_init(&e->alone_lock, WEIR_RANK_ENGINE);
    atomic_init(&e->wall_offset_us, weir_clock_wall_ms() * 1000 - weir_clock_us());
    weir_lock_init(&e->dest_lock, WEIR_RANK_LEAF);
    /* A quarter of the ceiling is for the clients' own queues. */
    weir_budget_init(&e->budget, setup->n_subs, setup->max_events,
                     setup->max_bytes - setup->max_bytes / 4);
    e->sinks = calloc(setup->n_queues + 1, sizeof(*e->sinks));
    e->sink_setups = calloc(setup->n_queues + 1, sizeof(*e->sink_setups));
    e->hosts = calloc(setup->n_hosts + 1, sizeof(*e->hosts));
    e->lines = calloc(setup->n_subs + 1, sizeof(*e->lines));
    if (e->sinks == NULL || e->sink_setups == NULL || e->hosts == NULL ||
        e->lines == NULL || weir_pool_new(e, &e->pool) != WEIR_OK ||
        weir_watch_new(e, &e->watch) != WEIR_OK) {
        weir_fail(err, WEIR_ENOMEM, "out of memory");
        goto out;
    }
    if ((st = engine_open_sinks(e, err)) != WEIR_OK ||
        (st = engine_open_hosts(e, err)) != WEIR_OK) {
        goto out;
    }
    for (size_t i = 0; i < setup->n_subs; i++) {
        if ((st = engine_check_sub(e, &setup->subs[i], err)) != WEIR_OK ||
            (st = weir_line_init(&e->lines[i], e, i, err)) != WEIR_OK ||
            (st = engine_name_dests(e, &e->lines[i], err)) != WEIR_OK) {
            goto out;
        }
        e->n_lines = i + 1;
    }
    *out = e;
    e = NULL;
out:
    if (e != NULL) {
        /* Those that were not begun are zero. */
        e->n_lines = e->lines == NULL ? 0 : setup->n_subs;
        weir_engine_free(e);
    }
    return st;
}

weir_status weir_engine_start(weir_engine *e, weir_err *err)
{
    weir_status st = weir_pool_start(e->pool, err);

    if (st == WEIR_OK) {
        st = weir_watch_start(e->watch, err);
    }
    for (size_t i = 0; i < e->n_lines && st == WEIR_OK; i++) {
        for (size_t k = 0; k < e->lines[i].sub->n_sources && st == WEIR_OK; k++) {
            st = weir_intake_start(&e->lines[i].intakes[k], err);
        }
    }
    e->is_started = true;
    return st;
}

/* -- stopping -------------------------------------------------------------------------------- */

/* Calls that run, and jobs whose outputs are on their way. Returns how many jobs are left. */
static size_t engine_count_open(weir_engine *e, weir_engine_report *report)
{
    size_t n_left = 0;

    report->n_open = 0;
    report->n_unsent = 0;
    for (size_t i = 0; i < e->n_lines; i++) {
        weir_flow_stat stat;

        weir_flow_stat_get(e->lines[i].flow, &stat);
        report->n_open += stat.n_slots;
        report->n_unsent += stat.n_settling - stat.n_stuck;
        n_left += stat.n_jobs - stat.n_stuck; /* waiting is of no use to these */
    }
    return n_left;
}

static void engine_pause_us(int64_t us)
{
    weir_signal none = { 0 };

    weir_signal_wait(&none, 0, weir_clock_us() + us);
}

/* Waits for what runs; half way to the deadline running calls are told to hurry. */
static void engine_drain(weir_engine *e, int64_t until_us, weir_engine_report *report)
{
    size_t n_left;
    const int64_t begun = weir_clock_us();
    bool has_cancelled = false;

    for (;;) {
        const int64_t now = weir_clock_us();

        n_left = engine_count_open(e, report);
        if (n_left == 0 || now >= until_us) {
            return;
        }
        for (size_t i = 0; i < e->n_lines; i++) {
            weir_settle_once_hurry(&e->lines[i]);
        }
        if (!has_cancelled && now - begun > (until_us - begun) / 2) {
            has_cancelled = true;
            for (size_t i = 0; i < e->n_lines; i++) {
                weir_flow_cancel_all(e->lines[i].flow);
            }
        }
        engine_pause_us(ENGINE_POLL_US);
    }
}

/* Lets the intakes leave their groups and waits for them. False: one hangs. */
static bool engine_close_intakes(weir_engine *e, int64_t until_us)
{
    bool is_clean = true;

    atomic_store(&e->close_until_us, until_us);
    atomic_store(&e->is_closing, true);
    for (size_t i = 0; i < e->n_lines; i++) {
        for (size_t k = 0; k < e->lines[i].sub->n_sources; k++) {
            weir_intake *in = &e->lines[i].intakes[k];

            if (in->is_started) {
                weir_intake_wake(in);
            }
        }
    }
    for (size_t i = 0; i < e->n_lines; i++) {
        for (size_t k = 0; k < e->lines[i].sub->n_sources; k++) {
            weir_intake *in = &e->lines[i].intakes[k];

            while (in->is_started && !atomic_load(&in->is_closed) &&
                   weir_clock_us() < until_us + ENGINE_CLOSE_US) {
                engine_pause_us(ENGINE_POLL_US);
            }
            if (in->is_started && !atomic_load(&in->is_closed)) {
                is_clean = false;
                continue;
            }
            if (in->is_started) {
                pthread_join(in->thread, NULL);
            }
            is_clean = is_clean && !atomic_load(&in->is_hung);
        }
    }
    return is_clean;
}

static bool engine_close_sinks(weir_engine *e, int64_t until_us)
{
    bool is_clean = true;

    for (size_t i = 0; i < e->n_lines; i++) {
        is_clean = weir_settle_once_close(&e->lines[i], until_us) && is_clean;
    }
    for (size_t i = 0; i < e->setup->n_queues; i++) {
        if (e->sinks[i] != NULL) {
            const weir_sink_ops *ops = e->setup->queues[i].sink;

            ops->flush(e->sinks[i], until_us);
            is_clean = ops->close(e->sinks[i], until_us) && is_clean;
        }
    }
    return is_clean;
}

void weir_engine_stop(weir_engine *e, int64_t until_us, weir_engine_report *report)
{
    const int64_t retry_until_us = weir_clock_us() + ENGINE_RETRY_US;
    weir_engine_report after;

    *report = (weir_engine_report){ 0 };
    atomic_store(&e->is_stopping, true);
    for (size_t i = 0; i < e->n_lines; i++) {
        weir_flow_news news = { 0 };

        weir_flow_stop(e->lines[i].flow,
                       retry_until_us < until_us ? retry_until_us : until_us, &news);
        weir_line_carry(&e->lines[i], &news, weir_clock_us(), WEIR_CARRIER_OTHER);
    }
    if (e->is_started) {
        engine_drain(e, until_us, report);
    }
    report->is_hung = !engine_close_intakes(e, until_us);
    weir_watch_stop_prober(e->watch);
    engine_count_open(e, &after);
    report->n_open = after.n_open;
    if (report->n_open == 0) {
        report->is_hung = !engine_close_sinks(e, until_us) || report->is_hung;
    } /* else a function that still runs may ask a sink for a target */
    weir_watch_stop(e->watch);
    if (!weir_pool_stop(e->pool, report->n_open > 0 ? weir_clock_us()
                                                    : weir_clock_us() + 1000000)) {
        report->n_open = report->n_open > 0 ? report->n_open : 1;
    }
    report->is_clean = report->n_open == 0 && report->n_unsent == 0 && !report->is_hung;
    weir_log(report->is_clean ? WEIR_INFO : WEIR_WARN, "engine.stopped",
             "open=%zu unsent=%zu hung=%d", report->n_open, report->n_unsent,
             (int)report->is_hung);
}

static void engine_free_hosts(weir_engine *e)
{
    for (size_t i = 0; e->hosts != NULL && i < e->setup->n_hosts; i++) {
        if (e->hosts[i] != NULL) {
            e->setup->hosts[i].ops->close(e->hosts[i]);
            free(e->hosts[i]);
        }
    }
    free(e->hosts);
}

void weir_engine_free(weir_engine *e)
{
    if (e == NULL) {
        return;
    }
    if (!e->is_started && e->sinks != NULL) {
        engine_close_sinks(e, weir_clock_us() + 1000000);
    }
    for (size_t i = 0; e->lines != NULL && i < e->n_lines; i++) {
        while (atomic_load(&e->lines[i].n_completing) > 0) {
            engine_pause_us(ENGINE_POLL_US);
        }
        weir_line_fini(&e->lines[i]);
    }
    engine_free_hosts(e);
    for (size_t i = 0; e->sinks != NULL && i < e->setup->n_queues; i++) {
        free(e->sinks[i]);
    }
    for (size_t i = 0; i < e->n_dests; i++) {
        free(e->dests[i]->address);
        free(e->dests[i]);
    }
    free(e->dests);
    free(e->sinks);
    free(e->sink_setups);
    free(e->lines);
    weir_pool_free(e->pool);
    weir_watch_free(e->watch);
    weir_budget_fini(&e->budget);
    weir_lock_fini(&e->dest_lock);
    weir_lock_fini(&e->alone_lock);
    free(e);
}
