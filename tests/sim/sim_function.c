/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_function - the function of every history: it takes its time, and does with an event what
 * the event is for.
 */
#include "tests/sim/sim.h"

#include "handlers/host.h"
#include "worker/base/check.h"

#include <stdio.h>
#include <stdlib.h>

#define FUNCTION_BATCH 64

typedef struct function_pending {
    sim_proc *proc;
    weir_call *call;
    int id, attempt;
} function_pending;

/* What is left to do at the end of an attempt, and its verdict. */
static weir_verdict function_end(sim_proc *proc, weir_call *call, int id, int attempt)
{
    const sim_event *ev = sim_event_at(id);
    weir_verdict verdict = WEIR_DONE;

    if (sim_has_fault(SIM_FAULT_UNAVAILABLE) && sim_once_in(2)) {
        verdict = WEIR_UNAVAILABLE;
    } else if (attempt <= ev->n_flaky || ev->cls == SIM_RETRIES ||
               (sim_has_fault(SIM_FAULT_FLAKY) && sim_once_in(8))) {
        verdict = WEIR_RETRY;
    } else if (ev->cls == SIM_REJECT) {
        verdict = WEIR_REJECT;
    }
    for (int i = 0; verdict == WEIR_DONE && i < ev->n_outs; i++) {
        char text[16];
        const int len = snprintf(text, sizeof(text), "R%04d.%d", id, i);
        const weir_output out = { .key = call->ev->key, .data = { text, (size_t)len } };

        WEIR_ASSERT(weir_call_emit(call, &out) == 0);
    }
    sim_check_end(proc, id, call, verdict == WEIR_DONE || verdict == WEIR_REJECT);
    sim_trace("function.end", id, attempt, (int64_t)verdict);
    return verdict;
}

static int64_t function_time(void)
{
    if (sim_once_in(10)) {
        return (int64_t)sim_rand((uint64_t)sim_the_plan.slow_us + 1);
    }
    return (int64_t)sim_rand(1500);
}

static void *function_complete(void *arg)
{
    function_pending pending = *(function_pending *)arg;

    free(arg);
    sim_sleep(function_time());

    const weir_verdict verdict =
        function_end(pending.proc, pending.call, pending.id, pending.attempt);

    weir_call_complete(pending.call, verdict);
    return NULL;
}

static bool function_pend(sim_proc *proc, weir_call *call, int id)
{
    function_pending *pending;

    if (!sim_event_at(id)->is_pending) {
        return false;
    }
    pending = malloc(sizeof(*pending));
    WEIR_ASSERT(pending != NULL);
    *pending = (function_pending){ proc, call, id, call->attempt };
    sim_co_detach(sim_co_start(proc, "completer", function_complete, pending));
    return true;
}

/* One of them may be what ends every worker. */
static void function_kill(const int *ids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (sim_event_at(ids[i])->cls == SIM_POISON) {
            sim_check_kill(ids[i]);
            sim_trace("function.kills", ids[i], 0, 0);
            sim_journal_signal();
            sim_proc_die();
        }
    }
}

static void function_run(void *self, void *local, weir_call **calls, size_t n,
                         bool *is_final)
{
    sim_proc *proc = sim_proc_here();
    bool is_pending[FUNCTION_BATCH];
    int ids[FUNCTION_BATCH];

    (void)self;
    (void)local;
    WEIR_ASSERT(n <= FUNCTION_BATCH);
    for (size_t i = 0; i < n; i++) {
        int out;

        ids[i] = sim_event_parse(calls[i]->ev->data.data, calls[i]->ev->data.len, &out);
        sim_trace("function.start", ids[i], calls[i]->attempt, (int64_t)n);
        sim_check_start(proc, ids[i], calls[i]);
    }
    if (!sim_once_in(3)) {
        sim_sleep(function_time());
    }
    function_kill(ids, n);
    for (size_t i = 0; i < n; i++) {
        is_pending[i] = function_pend(proc, calls[i], ids[i]);
    }
    for (size_t i = 0; i < n; i++) {
        is_final[i] = weir_call_returned(
            calls[i], is_pending[i]
                          ? WEIR_PENDING
                          : function_end(proc, calls[i], ids[i], calls[i]->attempt));
    }
}

static weir_status function_open(void *self, const weir_host_setup *setup,
                                 weir_err *err)
{
    (void)self;
    (void)setup;
    (void)err;
    return WEIR_OK;
}

static void function_info(void *self, weir_host_info *out)
{
    (void)self;
    *out = (weir_host_info){ .name = "f",
                             .about = "of the simulation",
                             .version = "1",
                             .from = "sim",
                             .is_batch = true };
}

static weir_status function_start(void *self, weir_err *err)
{
    (void)self;
    (void)err;
    return WEIR_OK;
}

static weir_status function_thread_init(void *self, void **local)
{
    (void)self;
    *local = NULL;
    return sim_has_fault(SIM_FAULT_UNAVAILABLE) && sim_once_in(8) ? WEIR_EUNAVAIL
                                                                  : WEIR_OK;
}

static void function_thread_fini(void *self, void *local)
{
    (void)self;
    (void)local;
}

static void function_close(void *self)
{
    (void)self;
}

const weir_host_ops sim_host_ops = {
    .name = "sim",
    .about = "the function of the simulation",
    .size = 8,
    .open = function_open,
    .info = function_info,
    .start = function_start,
    .thread_init = function_thread_init,
    .thread_fini = function_thread_fini,
    .run = function_run,
    .close = function_close,
};
