/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_once - the settler of streams: outputs and acknowledgement in one script of the server.
 *
 * The server looks who has the entry, and writes nothing unless it is the one that asks. Under
 * SIM_FAULT_COMMIT some scripts never arrive, and of some the reply is lost: then the item is
 * marked, and asked for before anything is published again.
 */
#include "tests/sim/sim.h"

#include "triggers/settler.h"
#include "worker/base/check.h"

#include <limits.h>
#include <string.h>

#define ONCE_CAP 24
#define ONCE_BATCH 8
#define ONCE_MAYBE 1 /* the mark of what may have happened */

typedef struct sim_once {
    const weir_settler_setup *setup;
    sim_proc *proc;
    weir_settle_item *line[ONCE_CAP];
    size_t n;
    bool is_closing, is_over;
    weir_signal signal;
} sim_once;

/* What a script does with one entry, at once. */
static weir_settle_result once_try(const sim_once *self, weir_settle_item *item)
{
    weir_settle_result result = { .item = item, .settled = WEIR_SETTLED_OK };
    const int id = (int)item->receipt.pos.lo;

    if (item->mark == ONCE_MAYBE && sim_stream_is_acked(id)) {
        return result;
    }
    item->mark = 0;
    if (!sim_stream_is_owner(id, self->proc)) {
        result.settled = WEIR_SETTLED_GONE;
        return result;
    }
    if (sim_has_fault(SIM_FAULT_REFUSE) && sim_once_in(12) &&
        !sim_sink_is_dead(item->outs)) {
        result.settled = WEIR_SETTLED_TOO_LARGE;
        result.out = item->outs;
        return result;
    }
    for (const weir_out *out = item->outs; out != NULL; out = out->next) {
        sim_sink_write(out);
    }
    sim_stream_settle(id);
    return result;
}

static void once_work(sim_once *self)
{
    weir_settle_result results[ONCE_BATCH];
    size_t n = 1 + (size_t)sim_rand(ONCE_BATCH);
    const uint64_t kind = sim_has_fault(SIM_FAULT_COMMIT) ? sim_rand(4) : 0;

    n = n < self->n ? n : self->n;
    for (size_t i = 0; i < n; i++) {
        weir_settle_item *item = self->line[i];

        results[i] = (weir_settle_result){ .item = item,
                                           .settled = WEIR_SETTLED_AGAIN,
                                           .text = "the connection was lost" };
        if (kind == 1) {
            continue; /* it never came there */
        }
        const weir_settle_result real = once_try(self, item);

        if (kind == 2 && real.settled == WEIR_SETTLED_OK) {
            item->mark = ONCE_MAYBE; /* there, and nobody knows */
        } else {
            results[i] = real;
        }
    }
    self->n -= n;
    memmove(self->line, self->line + n, self->n * sizeof(self->line[0]));
    sim_trace("once.answer", (int64_t)n, (int64_t)kind, results[0].settled);
    for (size_t i = 0; i < n; i++) {
        if (results[i].settled == WEIR_SETTLED_OK ||
            results[i].settled == WEIR_SETTLED_GONE) {
            sim_stream_let_go(self->setup->source, &results[i].item->receipt);
        }
    }
    self->setup->done(self->setup->arg, results, n);
}

static void *once_main(void *arg)
{
    sim_once *self = arg;

    while (!self->is_closing) {
        const unsigned seen = weir_signal_read(&self->signal);

        if (self->n == 0) {
            weir_signal_wait(&self->signal, seen, WEIR_NEVER);
            continue;
        }
        sim_sleep(200 +
                  (int64_t)sim_rand(sim_has_fault(SIM_FAULT_SLOW) ? 800000 : 2000));
        if (self->proc->cut_until_us > sim_now()) {
            continue;
        }
        if (!self->is_closing) {
            once_work(self);
        }
    }
    self->is_over = true;
    return NULL;
}

static weir_status once_open(void *arg, const weir_settler_setup *setup, weir_err *err)
{
    sim_once *self = arg;

    (void)err;
    self->setup = setup;
    self->proc = sim_proc_here();
    sim_co_detach(sim_co_start(self->proc, "settler", once_main, self));
    return WEIR_OK;
}

static size_t once_give(void *arg, weir_settle_item *const *items, size_t n)
{
    sim_once *self = arg;
    const size_t cap = sim_has_fault(SIM_FAULT_FULL) ? 2 : ONCE_CAP;
    size_t n_taken = 0;

    while (n_taken < n && self->n < cap && !self->is_closing) {
        weir_settle_item *item = items[n_taken];
        const int id = (int)item->receipt.pos.lo;

        sim_check_send(id, item->outs->owner);
        sim_trace("once.give", id, item->mark, 0);
        self->line[self->n++] = items[n_taken++];
    }
    weir_signal_raise(&self->signal, INT_MAX);
    return n_taken;
}

static void once_hurry(void *arg)
{
    sim_once *self = arg;

    weir_signal_raise(&self->signal, INT_MAX);
}

static weir_status once_probe(void *arg, void *const *targets, size_t n,
                              int64_t timeout_us, weir_err *err)
{
    (void)arg;
    (void)targets;
    (void)n;
    (void)timeout_us;
    sim_sleep(500);
    if (sim_has_fault(SIM_FAULT_SICK) && sim_once_in(2)) {
        return weir_fail(err, WEIR_EUNAVAIL, "it does not answer");
    }
    return WEIR_OK;
}

static bool once_close(void *arg, int64_t until_us)
{
    sim_once *self = arg;
    weir_settle_result results[ONCE_CAP];
    size_t n;

    (void)until_us;
    self->is_closing = true;
    weir_signal_raise(&self->signal, INT_MAX);
    while (!self->is_over) {
        sim_sleep(500);
    }
    n = self->n;
    for (size_t i = 0; i < n; i++) {
        results[i] = (weir_settle_result){ .item = self->line[i],
                                           .settled = WEIR_SETTLED_AGAIN,
                                           .text = "the worker ends" };
    }
    if (n > 0) {
        self->n = 0;
        self->setup->done(self->setup->arg, results, n);
    }
    return true;
}

const weir_settler_ops sim_once_settler = {
    .name = "once",
    .about = "results, dead letters and acknowledgements of a stream in one script",
    .size = sizeof(sim_once),
    .open = once_open,
    .give = once_give,
    .hurry = once_hurry,
    .probe = once_probe,
    .close = once_close,
};
