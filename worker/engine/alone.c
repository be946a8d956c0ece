/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alone - suspects of a crash run one at a time, with nothing else in the worker.
 *
 *   a suspect is ready -> all flows are barred -> no slot is taken -> it is let -> it has run
 *         ^                                             |                            |
 *         +--------------------- the next one ----------+--- none: flows are opened <+
 *
 * There is no thread for it: whoever looks for work takes the next step.
 */
#include "worker/engine/line.h"

#include "schemas/strikes.h"
#include "worker/base/clock.h"
#include "worker/base/log.h"

#define ALONE_LOOK_US 2000
#define ALONE_PATIENCE_US 60000000 /* that others may take to end */
#define ALONE_WAIT_US 10000000     /* for the queue to write it down */

void weir_alone_look(weir_intake *in, weir_line_part *part, weir_job *job)
{
    const weir_line *line = in->line;
    weir_blame blame = { .n_crashes = 0 };
    uint32_t n_deaths;

    if (part->has_blames && weir_pos_cmp(job->ev.receipt.pos, part->blamed) <= 0 &&
        weir_journal_blame(line->e->journal, part->journal, job->ev.receipt.pos,
                           &blame)) {
        job->is_blamed = true;
    }
    n_deaths = weir_strikes_deaths(job->ev.strikes);
    blame.n_alone = n_deaths > blame.n_alone ? n_deaths : blame.n_alone;
    blame.is_suspect = blame.is_suspect || job->ev.strikes >= WEIR_STRIKES_ALONE;
    job->n_crashes = blame.n_crashes + blame.n_alone;
    if (weir_blame_is_over(&blame, line->sub->retry.crashes)) {
        weir_ev_fault(&job->ev, WEIR_FAULT_CRASHED,
                      "its function has ended the worker %u times", job->n_crashes);
    } else if (blame.is_suspect) {
        job->is_suspect = true;
        atomic_store_explicit(&line->e->has_suspects, true, memory_order_relaxed);
    }
}

static size_t alone_bar_locked(weir_engine *e, bool is_barred)
{
    size_t n_slots = 0;

    for (size_t i = 0; i < e->n_lines; i++) {
        n_slots += weir_flow_bar(e->lines[i].flow, is_barred);
    }
    atomic_store(&e->is_alone_closed, is_barred);
    return n_slots;
}

/* Something does not end (a pending call that nobody completes, a long function): everything
 * else must not stand still for it. Suspects run among the others, and a death then is one more
 * in which nobody was alone. */
static bool alone_give_up_locked(weir_engine *e)
{
    for (size_t i = 0; i < e->n_lines; i++) {
        weir_flow_pardon(e->lines[i].flow);
    }
    e->is_alone_let = false;
    alone_bar_locked(e, false);
    return true;
}

/* True: there is something for others to do now. */
static bool alone_step_locked(weir_engine *e, int64_t now)
{
    weir_line *wants = NULL;

    for (size_t i = 0; i < e->n_lines && wants == NULL; i++) {
        if (weir_flow_hint_lone(e->lines[i].flow) &&
            weir_flow_wants_lone(e->lines[i].flow, now)) {
            wants = &e->lines[i];
        }
    }
    if (wants == NULL && !e->is_alone_let) {
        const bool was_closed = atomic_load(&e->is_alone_closed);

        if (was_closed) {
            alone_bar_locked(e, false);
        }
        return was_closed;
    }
    if (!atomic_load(&e->is_alone_closed)) {
        e->alone_us = now;
    }
    if (alone_bar_locked(e, true) > 0) {
        return now - e->alone_us > ALONE_PATIENCE_US && alone_give_up_locked(e);
    }
    e->alone_us = now;
    e->is_alone_let = wants != NULL && weir_flow_let_lone(wants->flow, now);
    if (!e->is_alone_let) {
        alone_bar_locked(e, false);
    }
    return true;
}

void weir_alone_step(weir_engine *e)
{
    bool has_lone = atomic_load(&e->is_alone_closed);
    bool is_news;

    for (size_t i = 0; i < e->n_lines && !has_lone; i++) {
        has_lone = weir_flow_hint_lone(e->lines[i].flow);
    }
    if (!has_lone) {
        return;
    }
    weir_lock_take(&e->alone_lock);
    is_news = alone_step_locked(e, weir_clock_us());
    weir_lock_give(&e->alone_lock);
    if (is_news) {
        weir_pool_kick(e->pool);
    }
}

/* Has it written down with the queue; false: not, and no more need. */
static bool alone_tell(weir_line *line, const weir_job *job, bool begins)
{
    const weir_intake *in = weir_line_part_of(job)->intake;
    const int64_t until_us = weir_clock_us() + ALONE_WAIT_US;
    weir_signal none = { 0 };

    if (in->source->ops->suspect == NULL || job->ev.strikes < WEIR_STRIKES_ALONE) {
        return true;
    }
    while (in->source->ops->suspect(in->self, &job->ev.receipt, begins) != WEIR_OK) {
        /* Also before it goes back unbegun: a stopping worker lets it again at once. */
        weir_signal_wait(&none, 0, weir_clock_us() + ALONE_LOOK_US);
        if (atomic_load(&line->e->is_stopping) ||
            job->ev.receipt.epoch <= atomic_load(&job->part->closed)) {
            return false;
        }
        if (weir_clock_us() >= until_us) {
            break; /* the queue is away: uncounted, or everything stands still */
        }
    }
    return true;
}

bool weir_alone_begin(weir_line *line, weir_job *job)
{
    weir_log(WEIR_WARN, "event.alone", "sub=%s position=%s crashes=%u strikes=%u",
             line->sub->name, weir_ev_position(&job->ev).data, job->n_crashes,
             job->ev.strikes);
    return alone_tell(line, job, true);
}

void weir_alone_end(weir_line *line, weir_job *job)
{
    const weir_line_part *part = weir_line_part_of(job);

    /* Before anything else begins: that may be what ends the worker. */
    (void)alone_tell(line, job, false);
    if (job->is_blamed) {
        weir_journal_acquit(line->e->journal, part->journal, job->ev.receipt.pos);
    }
}
