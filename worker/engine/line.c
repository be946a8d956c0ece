/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* line - see line.h. */
#include "worker/engine/line.h"

#include "worker/base/check.h"
#include "worker/base/hash.h"
#include "worker/base/clock.h"
#include "worker/base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define LINE_ACK_BATCH 256
#define LINE_FREED_MANY 512 /* ends after which an intake is woken in any case */

static void line_metrics_init(weir_line *line)
{
    const char *name = line->sub->name;

    line->done = weir_metric_get2(WEIR_M_EVENTS, name, "done");
    line->dead = weir_metric_get2(WEIR_M_EVENTS, name, "dead");
    line->filtered = weir_metric_get2(WEIR_M_EVENTS, name, "filtered");
    line->skipped = weir_metric_get2(WEIR_M_EVENTS, name, "skipped");
    line->retries = weir_metric_get1(WEIR_M_RETRIES, name);
    line->results = weir_metric_get1(WEIR_M_RESULTS, name);
    line->overruns = weir_metric_get1(WEIR_M_OVERRUNS, name);
    line->send_failures = weir_metric_get1(WEIR_M_SEND_FAILURES, name);
    for (int r = WEIR_REASON_NONE + 1; r < WEIR_REASON_COUNT; r++) {
        line->reasons[r] = weir_metric_get2(WEIR_M_DEAD_LETTERS, name,
                                            weir_reason_text((weir_reason)r));
    }
    line->handler_seconds = weir_metric_get1(WEIR_M_HANDLER_SECONDS, name);
    line->event_seconds = weir_metric_get1(WEIR_M_EVENT_SECONDS, name);
}

weir_status weir_line_init(weir_line *line, weir_engine *e, size_t index, weir_err *err)
{
    const weir_engine_setup *setup = e->setup;
    const weir_sub *sub = &setup->subs[index];
    weir_status st;

    line->e = e;
    line->sub = sub;
    line->index = index;
    line->hops = setup->hosts[sub->host].ops;
    line->host = e->hosts[sub->host];
    line->hops->info(line->host, &line->info);
    atomic_init(&line->is_paused, sub->is_paused);
    weir_lock_init(&line->inbox_lock, WEIR_RANK_POOL);
    weir_share_init(&line->share, &e->budget);
    line_metrics_init(line);
    line->env = (weir_call_env){
        .arg = line,
        .function = line->info.name,
        .sub = sub->name,
        .is_replay = setup->is_replay,
        .has_to = sub->to != NULL,
        .max_output = setup->max_event,
        .max_outputs = setup->max_bytes / 2,
        .resolve = weir_dest_resolve,
        .completed = weir_pool_completed,
    };
    if (weir_flow_new(sub, setup->max_events, weir_hash_seed() + index, &line->flow) !=
        WEIR_OK) {
        return weir_fail(err, WEIR_ENOMEM, "subscription %s: out of memory", sub->name);
    }
    line->intakes = calloc(sub->n_sources, sizeof(*line->intakes));
    if (line->intakes == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "subscription %s: out of memory", sub->name);
    }
    for (size_t i = 0; i < sub->n_sources; i++) {
        st = weir_intake_init(&line->intakes[i], line, i, err);
        if (st != WEIR_OK) {
            return weir_err_prefix(err, "subscription %s: ", sub->name);
        }
    }
    st = sub->settler == NULL ? WEIR_OK : weir_settle_once_open(line, err);
    if (st != WEIR_OK) {
        return weir_err_prefix(err, "subscription %s: ", sub->name);
    }
    return WEIR_OK;
}

void weir_line_fini(weir_line *line)
{
    if (line->e == NULL) {
        return;
    }
    for (size_t i = 0; line->intakes != NULL && i < line->sub->n_sources; i++) {
        weir_intake_fini(&line->intakes[i]);
    }
    free(line->intakes);
    free(line->dests);
    weir_flow_free(line->flow);
    weir_lock_fini(&line->inbox_lock);
}

/* Puts a chain of cleared jobs back. */
static void line_jobs_keep(weir_intake *in, weir_chain *jobs)
{
    if (jobs->head == NULL) {
        return;
    }
    weir_lock_take(&in->lock);
    jobs->last->next = in->free_jobs;
    in->free_jobs = jobs->head;
    in->n_free += jobs->n;
    weir_lock_give(&in->lock);
    *jobs = (weir_chain){ 0 };
}

size_t weir_line_jobs_new(weir_intake *in, weir_job **out, size_t n)
{
    size_t n_got = 0;

    weir_lock_take(&in->lock);
    while (n_got < n && in->free_jobs != NULL) {
        out[n_got++] = in->free_jobs;
        in->free_jobs = in->free_jobs->next;
    }
    in->n_free -= n_got;
    weir_lock_give(&in->lock);
    if (n_got < n) {
        weir_chain rest = { 0 };
        weir_job *fresh = NULL;

        in->n_jobs += weir_job_slab_add(&in->slabs, n - n_got, &fresh);
        while (fresh != NULL) {
            weir_job *job = fresh;

            fresh = job->next;
            if (n_got < n) {
                out[n_got++] = job;
            } else {
                weir_chain_add(&rest, job);
            }
        }
        line_jobs_keep(in, &rest);
    }
    for (size_t i = 0; i < n_got; i++) {
        weir_ev_begin(&out[i]->ev, &out[i]->arena);
    }
    return n_got;
}

/* Back to how calloc left it, but for what is kept. */
static void line_job_clear(weir_job *job, weir_ev_natives *natives)
{
    weir_ev_end_into(&job->ev, natives);
    if (job->call.arena != NULL) {
        weir_arena_reset(&job->out_arena);
        job->call.arena = NULL;
    }
    job->call.outs = NULL;
    job->call.n_outs = 0;
    job->call.cls[0] = '\0';
    job->call.reason[0] = '\0';
    job->part = NULL;
    job->task = WEIR_TASK_RUN;
    job->reason = WEIR_REASON_NONE;
    job->bucket = WEIR_BUCKET_NONE;
    job->is_lent = job->is_sent = job->is_answered = job->is_again = false;
    job->is_late_open = job->is_stuck = job->is_dropped = job->is_omitted = false;
    job->is_twin = false;
    job->wants_lane = job->overran = job->is_overrun_seen = false;
    job->is_dead_made = job->is_stamped = job->has_hold = false;
    job->is_suspect = job->is_blamed = job->is_refused = false;
    job->n_crashes = 0;
    job->item.mark = 0;
    job->sent = WEIR_JOB_OK;
    job->n_attempts = job->n_agains = 0;
    job->first_us = job->first_ms = job->last_ms = job->unsent_us = 0;
    atomic_store_explicit(&job->n_unanswered, 0, memory_order_relaxed);
    atomic_store_explicit(&job->answers, 0, memory_order_relaxed);
    if (weir_job_get(job) == WEIR_JOB_DONE) {
        weir_job_move(job, WEIR_JOB_FREE);
    }
}

void weir_line_job_free(weir_intake *in, weir_job *job)
{
    weir_chain one = { 0 };
    weir_ev_natives natives WEIR_UNINIT;

    natives.n = 0; /* the rest is written before it is read */
    line_job_clear(job, &natives);
    weir_ev_natives_flush(&natives);
    weir_chain_add(&one, job);
    line_jobs_keep(in, &one);
}

/* Wakes what waits for room. n_freed: how many events have ended in all; an intake whose line
 * still has enough to do waits until it is worth its while. SIZE_MAX: in any case. */
static void line_wake_intakes(weir_engine *e, size_t n_freed)
{
    for (size_t i = 0; i < e->n_lines; i++) {
        const weir_line *line = &e->lines[i];

        for (size_t k = 0; k < line->sub->n_sources; k++) {
            weir_intake *in = &line->intakes[k];

            if (!atomic_load_explicit(&in->wants_room, memory_order_relaxed) ||
                (n_freed != SIZE_MAX && weir_flow_hint_busy(line->flow) &&
                 n_freed - atomic_load_explicit(&in->n_freed, memory_order_relaxed) <
                     LINE_FREED_MANY)) {
                continue;
            }
            if (atomic_exchange(&in->wants_room, false)) {
                weir_intake_wake(in);
            }
        }
    }
}

void weir_line_wake_intakes(weir_engine *e)
{
    line_wake_intakes(e, SIZE_MAX);
}

/* What the world is told of an end. */
static void line_tell_end(const weir_line *line, const weir_job *job, int64_t now)
{
    const bool is_dead = job->reason != WEIR_REASON_NONE;
    weir_fate fate = {
        .sub = line->sub->name,
        .ev = &job->ev,
        .outcome = job->is_omitted ? "skipped"
                   : is_dead       ? "dead"
                                   : "done",
        .reason = is_dead ? weir_reason_text((weir_reason)job->reason) : NULL,
        .text = is_dead ? (job->ev.fault_text != NULL ? job->ev.fault_text
                                                      : job->call.reason)
                        : NULL,
        .attempt = (int)job->n_attempts,
        .took_us = now - job->read_us,
        .n_results = is_dead ? 0 : job->call.n_outs,
    };
    line->e->setup->fate(line->e->setup->arg, &fate);
}

/* Counts the ends of a chain: what is the same for many is added once. */
static void line_count_ends(weir_line *line, const weir_chain *chain, int64_t now)
{
    uint64_t n_done = 0;
    uint64_t n_results = 0;
    uint64_t n_alike = 0; /* read at the same time */

    for (weir_job *job = chain->head; job != NULL; job = job->next) {
        if (job->is_omitted) {
            weir_metric_add(line->skipped, 1);
        } else if (job->reason != WEIR_REASON_NONE) {
            weir_metric_add(line->dead, 1);
            weir_metric_add(line->reasons[job->reason], 1);
        } else {
            n_done++;
            n_results += job->call.n_outs;
        }
        n_alike++;
        if (job->next == NULL || job->next->read_us != job->read_us) {
            weir_metric_observe_n(line->event_seconds, now - job->read_us, n_alike);
            n_alike = 0;
        }
        if (line->e->setup->fate != NULL) {
            line_tell_end(line, job, now);
        }
    }
    if (n_done > 0) {
        weir_metric_add(line->done, n_done);
    }
    if (n_results > 0) {
        weir_metric_add(line->results, n_results);
    }
}

/* The credits of all of them go back. */
static void line_uncharge(weir_line *line, const weir_chain *chain)
{
    weir_budget *budget = &line->e->budget;
    size_t n_charged = 0;
    size_t n_out = 0;

    weir_budget_enter(budget);
    for (weir_job *job = chain->head; job != NULL; job = job->next) {
        n_out += job->out_charged;
        job->out_charged = 0;
        if (job->bucket != WEIR_BUCKET_NONE) {
            weir_budget_give_locked(&line->share, &weir_line_part_of(job)->bucket,
                                    job->bucket, job->charged);
            n_charged += job->charged;
        }
    }
    weir_budget_leave(budget);
    weir_budget_out_sub(budget, n_out);
    atomic_fetch_sub_explicit(&line->n_charged, n_charged, memory_order_relaxed);
}

/* Receipts of one intake, acknowledged in batches. */
typedef struct line_acks {
    weir_intake *in;
    bool is_giveback;
    size_t n;
    weir_receipt receipts[LINE_ACK_BATCH];
} line_acks;

static void line_acks_flush(line_acks *acks)
{
    const weir_source_ops *ops;

    if (acks->n == 0) {
        return;
    }
    ops = acks->in->source->ops;
    if (acks->is_giveback) {
        if (ops->giveback != NULL) {
            ops->giveback(acks->in->self, acks->receipts, acks->n);
        }
    } else {
        ops->ack(acks->in->self, acks->receipts, acks->n);
    }
    acks->n = 0;
}

static void line_acks_add(line_acks *acks, weir_job *job)
{
    weir_intake *in = weir_line_part_of(job)->intake;

    if (acks->in != in || acks->n == LINE_ACK_BATCH) {
        line_acks_flush(acks);
        acks->in = in;
    }
    acks->receipts[acks->n++] = job->ev.receipt;
}

/* The job is acknowledged: whoever waits for its part to end may look again. */
static void line_ended(weir_line *line, const weir_job *job)
{
    weir_part *part = job->part;

    if (atomic_fetch_sub(&part->n_ending, 1) == 1 &&
        job->ev.receipt.epoch <= atomic_load(&part->retired)) {
        weir_signal_raise(&line->drained, INT32_MAX);
    }
}

/* Acknowledges the done, gives back the gone, then frees both. */
static void line_end(weir_line *line, weir_chain *chain, bool is_giveback, int64_t now)
{
    /* all but its receipts, which are written before read */
    line_acks acks WEIR_UNINIT;
    weir_chain kept = { 0 };
    weir_intake *kept_in = NULL;
    weir_ev_natives natives WEIR_UNINIT;

    if (chain->head == NULL) {
        return;
    }
    natives.n = 0; /* the rest is written before it is read */
    acks.in = NULL;
    acks.is_giveback = is_giveback;
    acks.n = 0;
    if (!is_giveback) {
        line_count_ends(line, chain, now);
    }
    for (weir_job *job = chain->head; job != NULL; job = job->next) {
        __builtin_prefetch(job->ev.native, 1); /* given back below */
        /* the event of a twin is still being handled */
        if (!job->is_twin && !line->sub->acks_first) {
            line_acks_add(&acks, job);
        }
        if (job->is_blamed && !is_giveback) {
            weir_journal_forget(line->e->journal, weir_line_part_of(job)->journal,
                                job->ev.receipt.pos);
        }
    }
    line_acks_flush(&acks);
    line_uncharge(line, chain);
    for (weir_job *job; (job = weir_chain_pop(chain)) != NULL;) {
        weir_intake *in = weir_line_part_of(job)->intake;

        if (!is_giveback) {
            line_ended(line, job);
        }
        if (in != kept_in) {
            line_jobs_keep(kept_in, &kept);
            kept_in = in;
        }
        line_job_clear(job, &natives);
        weir_chain_add(&kept, job);
    }
    weir_ev_natives_flush(&natives);
    line_jobs_keep(kept_in, &kept);
}

void weir_line_carry(weir_line *line, weir_flow_news *news, int64_t now,
                     weir_carrier who)
{
    size_t n_freed = 0;

    while (news->settle.head != NULL || news->done.head != NULL ||
           news->gone.head != NULL) {
        weir_chain settle = news->settle;

        n_freed += news->done.n + news->gone.n;
        line_end(line, &news->done, false, now);
        line_end(line, &news->gone, true, now);
        if (settle.head != NULL) {
            news->settle = (weir_chain){ 0 };
            weir_settle_send(line, &settle, now, news);
        }
    }
    if (news->is_drained) {
        news->is_drained = false;
        weir_signal_raise(&line->drained, INT32_MAX);
    }
    if (n_freed > 0 || news->has_room) {
        n_freed +=
            atomic_fetch_add_explicit(&line->e->n_freed, n_freed, memory_order_relaxed);
        line_wake_intakes(line->e, n_freed);
    }
    if (news->next_due_us != WEIR_NEVER) {
        weir_watch_due(line->e->watch, news->next_due_us);
    }
    weir_pool_offer(line->e->pool, line, news->n_ready, who);
}
