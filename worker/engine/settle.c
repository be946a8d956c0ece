/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settle - the plain settler: send, wait for confirmation, acknowledge.
 *
 * Whoever sends a job holds one of its n_unanswered until weir_flow_sent() has returned, so the
 * last answer can never overtake it; whoever takes n_unanswered to 0 settles the job.
 */
#include "worker/engine/settle.h"

#include "worker/base/check.h"
#include "worker/base/clock.h"
#include "worker/base/log.h"
#include "worker/engine/deadletter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SETTLE_BATCH 256 /* outputs given to a sink at once */
#define SETTLE_AHEAD 4   /* answers whose jobs are fetched in advance */
#define SETTLE_CACHE_LINE 64
#define SETTLE_FULL_US 2000         /* a full sink is asked again after this */
#define SETTLE_GIVE_UP_US 300000000 /* an address that only a function named */

/* -- what is sent ---------------------------------------------------------------------- */

/* Bytes of its outputs that the budget has not been charged for. */
static size_t settle_charge(weir_job *job, size_t bytes)
{
    size_t more = 0;

    if (bytes > job->out_charged) {
        more = bytes - job->out_charged;
        job->out_charged = bytes;
    }
    return more;
}

/* Replaces the job's outputs by its dead letter. */
static weir_status settle_make_dead(weir_line *line, weir_job *job)
{
    const weir_deadletter_info info = {
        .sub = line->sub->name,
        .group = line->sub->group,
        .function = line->info.name,
        .version = line->info.version,
    };
    const weir_line_part *part = weir_line_part_of(job);
    weir_out address = { 0 };
    const weir_dest *dest;
    weir_out *dead;
    weir_err err;
    weir_status st;

    st = weir_dest_dead(line, part->intake, job->ev.topic, &address.address, &err);
    if (st != WEIR_OK) {
        weir_log(WEIR_ERROR, "dead.address", "sub=%s text=%s", line->sub->name,
                 err.text);
        return st;
    }
    dest = weir_dest_at(line->e, address.address);
    address.sink = dest->sink;
    address.target = dest->target;
    if (job->call.arena == NULL) {
        job->call.arena = &job->out_arena;
    }
    st = weir_deadletter_make(job, &info, &address, &dead);
    if (st == WEIR_OK) {
        job->call.outs = dead;
        job->call.n_outs = 1;
        job->is_dead_made = true;
    }
    return st;
}

static settle_plan settle_prepare_dead(weir_line *line, weir_job *job)
{
    weir_log(WEIR_WARN, "event.dead",
             "sub=%s position=%s reason=%s attempts=%u text=%s", line->sub->name,
             weir_ev_position(&job->ev).data,
             weir_reason_text((weir_reason)job->reason), job->n_attempts,
             job->ev.fault_text != NULL ? job->ev.fault_text : job->call.reason);
    if (line->sub->dead_mode == WEIR_DEAD_DROP) {
        job->call.outs = NULL;
        return PLAN_NOTHING;
    }
    if (line->sub->dead_mode == WEIR_DEAD_STOP && !job->is_omitted) {
        /* what never() asks for before it stops the part */
        job->is_dead_made = true;
        return PLAN_STICK;
    }
    if (job->is_omitted && line->sub->dead_mode == WEIR_DEAD_STOP) {
        job->call.outs = NULL;
        return PLAN_NOTHING;
    }
    return settle_make_dead(line, job) == WEIR_OK ? PLAN_SEND : PLAN_LATER;
}

settle_plan weir_settle_prepare(weir_line *line, weir_job *job, size_t *n_charged)
{
    const weir_engine_queue *queues = line->e->setup->queues;
    bool is_late_open = false;
    size_t bytes = 0;

    if (job->reason == WEIR_REASON_NONE && job->call.outs != NULL && !job->is_stamped &&
        weir_deadletter_hops(&job->ev) >= WEIR_HOPS_MAX) {
        job->reason = WEIR_REASON_LOOP; /* its headers are looked at only now */
    }
    if (job->reason != WEIR_REASON_NONE && !job->is_dead_made) {
        const settle_plan plan = settle_prepare_dead(line, job);

        if (plan != PLAN_SEND) {
            return plan;
        }
    } else if (job->reason == WEIR_REASON_NONE && !job->is_stamped) {
        if (weir_deadletter_stamp(job, line->sub->stamp) != WEIR_OK) {
            return PLAN_LATER;
        }
        job->is_stamped = true;
    }
    for (weir_out *out = job->call.outs; out != NULL; out = out->next) {
        out->owner = job;
        bytes += out->key.len + out->data.len + sizeof(*out);
        is_late_open = is_late_open || !queues[out->sink].sink->keeps_order;
    }
    job->is_late_open =
        line->settler == NULL ? is_late_open : !line->sub->settler->keeps_order;
    *n_charged += settle_charge(job, bytes);
    return PLAN_SEND;
}

/* -- sending --------------------------------------------------------------------------- */

/* Outputs of one call of a sink, and the jobs whose sends are complete with it. */
typedef struct settle_round {
    weir_line *line;
    int64_t now;
    weir_flow_news *news;
    uint16_t sink;
    weir_out **outs; /* room for SETTLE_BATCH */
    size_t n_outs;
    size_t n_charged; /* bytes of outputs that the budget does not know of yet */
    bool is_full;     /* the sink has no room: nothing more goes in this round */
} settle_round;

/* Who has an output sets its state; n_unanswered, or the flow, orders that before the next. */
static void settle_mark(weir_out *out, unsigned char state)
{
    atomic_store_explicit(&out->state, state, memory_order_relaxed);
}

static unsigned char settle_state(const weir_out *out)
{
    return atomic_load_explicit(&out->state, memory_order_relaxed);
}

/* What a job's outputs became: all with the sink, or some still to be sent. */
static bool settle_is_all_sent(const weir_job *job)
{
    for (const weir_out *out = job->call.outs; out != NULL; out = out->next) {
        if (settle_state(out) == OUT_NEW) {
            return false;
        }
    }
    return true;
}

static void settle_flush(settle_round *round)
{
    weir_engine *e = round->line->e;
    size_t n_taken = 0;

    if (round->n_charged > 0) {
        weir_budget_out_add(&e->budget, round->n_charged);
        round->n_charged = 0;
    }
    if (round->n_outs == 0) {
        return;
    }
    if (!round->is_full) {
        n_taken = e->setup->queues[round->sink].sink->send(e->sinks[round->sink],
                                                           round->outs, round->n_outs);
    }
    /* Nobody else touches what was not taken: the sender's hold keeps the job. */
    for (size_t i = n_taken; i < round->n_outs; i++) {
        weir_job *job = round->outs[i]->owner;

        round->is_full = true;
        settle_mark(round->outs[i], OUT_NEW);
        atomic_fetch_sub(&job->n_unanswered, 1);
    }
    round->n_outs = 0;
}

static void settle_queue_out(settle_round *round, weir_out *out)
{
    if (round->n_outs == SETTLE_BATCH ||
        (round->n_outs > 0 && round->sink != out->sink)) {
        settle_flush(round);
    }
    round->sink = out->sink;
    settle_mark(out, OUT_WITH_SINK);
    round->outs[round->n_outs++] = out;
}

static void settle_queue_job(settle_round *round, weir_job *job)
{
    unsigned n = 0;

    for (weir_out *out = job->call.outs; out != NULL; out = out->next) {
        if (settle_state(out) == OUT_FAILED) {
            settle_mark(out, OUT_NEW);
        }
        n += settle_state(out) == OUT_NEW;
    }
    if (!job->has_hold) {
        /* Nothing of it is with a sink: nobody else looks at it until send(). */
        job->has_hold = true;
        atomic_store_explicit(&job->answers, 0, memory_order_relaxed);
        atomic_store_explicit(&job->n_unanswered, n + 1, memory_order_relaxed);
    } else {
        atomic_fetch_add(&job->n_unanswered, n);
    }
    for (weir_out *out = job->call.outs; out != NULL; out = out->next) {
        if (settle_state(out) == OUT_NEW) {
            settle_queue_out(round, out);
        }
    }
}

/* Reads the answers of a job that has them all. */
static void settle_judge(weir_line *line, weir_job *job, int64_t now)
{
    const unsigned answers = atomic_load(&job->answers);
    bool is_named_only = job->reason == WEIR_REASON_NONE;

    job->sent = WEIR_JOB_OK;
    if ((answers & ~(1u << WEIR_SENT_OK)) == 0) {
        return;
    }
    if ((answers & 1u << WEIR_SETTLED_GONE) != 0) {
        job->sent = WEIR_JOB_GONE;
        return;
    }
    job->sent = WEIR_JOB_AGAIN;
    weir_metric_add(line->send_failures, 1);
    if ((answers & (1u << WEIR_SENT_TOO_LARGE | 1u << WEIR_SENT_INVALID)) != 0) {
        job->sent = WEIR_JOB_NEVER;
        job->sent_reason = (answers & 1u << WEIR_SENT_TOO_LARGE) != 0
                               ? WEIR_REASON_TOO_LARGE
                               : WEIR_REASON_UNSENDABLE;
        return;
    }
    if ((answers & (1u << WEIR_SENT_UNKNOWN | 1u << WEIR_SENT_DENIED)) == 0) {
        return;
    }
    for (const weir_out *out = job->call.outs; out != NULL; out = out->next) {
        if (settle_state(out) == OUT_FAILED &&
            weir_dest_at(line->e, out->address)->is_configured) {
            is_named_only = false;
        }
    }
    if (job->unsent_us == 0) {
        job->unsent_us = now;
    }
    if (is_named_only && now - job->unsent_us >= SETTLE_GIVE_UP_US) {
        job->sent = WEIR_JOB_NEVER;
        job->sent_reason = WEIR_REASON_UNSENDABLE;
    }
}

/* A dead letter that fits nowhere is about to stop its part. */
static void settle_alarm(weir_line *line, const weir_job *job)
{
    if (job->sent != WEIR_JOB_NEVER || !job->is_dead_made) {
        return;
    }
    weir_metric_add(weir_metric_get1(WEIR_M_ALARMS, "dead-letter-stuck"), 1);
    weir_log(
        WEIR_ERROR, "part.stopped",
        "sub=%s position=%s reason=%s text=its dead letter cannot be published; the "
        "partition waits until: weir skip %s",
        line->sub->name, weir_ev_position(&job->ev).data,
        weir_reason_text((weir_reason)job->reason), weir_ev_position(&job->ev).data);
}

void weir_settle_answered(weir_line *line, weir_job **jobs, size_t n, int64_t now,
                          weir_flow_news *news)
{
    for (size_t i = 0; i < n; i++) {
        settle_judge(line, jobs[i], now);
        settle_alarm(line, jobs[i]);
    }
    weir_flow_settled(line->flow, jobs, n, now, news);
}

/* A round is over: tells the flow what is sent, what is not, and what is answered already. */
static void settle_conclude(settle_round *round, weir_job **jobs, size_t n)
{
    weir_line *line = round->line;
    weir_job *sent[SETTLE_BATCH] WEIR_UNINIT;
    weir_job *unsent[SETTLE_BATCH] WEIR_UNINIT;
    size_t n_sent = 0;
    size_t n_unsent = 0;
    size_t n_answered = 0;

    settle_flush(round);
    for (size_t i = 0; i < n; i++) {
        if (!round->is_full || settle_is_all_sent(jobs[i])) {
            sent[n_sent++] = jobs[i];
        } else {
            unsent[n_unsent++] = jobs[i];
        }
    }
    if (n_unsent > 0) {
        weir_flow_unsent(line->flow, unsent, n_unsent, round->now,
                         round->now + SETTLE_FULL_US, round->news);
    }
    if (n_sent == 0) {
        return;
    }
    weir_flow_sent(line->flow, sent, n_sent, round->now, round->news);
    for (size_t i = 0; i < n_sent; i++) {
        weir_job *job = sent[i];

        job->has_hold = false;
        if (atomic_fetch_sub(&job->n_unanswered, 1) == 1) {
            sent[n_answered++] = job;
        }
    }
    if (n_answered > 0) {
        weir_settle_answered(line, sent, n_answered, round->now, round->news);
    }
}

void weir_settle_aside(weir_line *line, weir_job *job, settle_plan plan, int64_t now,
                       weir_flow_news *news)
{
    job->sent = plan == PLAN_NOTHING ? WEIR_JOB_OK
                : plan == PLAN_STICK ? WEIR_JOB_NEVER
                                     : WEIR_JOB_AGAIN;
    settle_alarm(line, job);
    if (plan != PLAN_LATER) { /* its lane stays closed until it has been sent */
        weir_flow_sent(line->flow, &job, 1, now, news);
    }
    weir_flow_settled(line->flow, &job, 1, now, news);
}

void weir_settle_send(weir_line *line, weir_chain *jobs, int64_t now,
                      weir_flow_news *news)
{
    weir_out *outs[SETTLE_BATCH] WEIR_UNINIT;
    settle_round round = { .line = line, .now = now, .news = news, .outs = outs };
    weir_job *batch[SETTLE_BATCH] WEIR_UNINIT;
    size_t n = 0;

    if (line->sub->settler != NULL) {
        weir_settle_once_send(line, jobs, now, news);
        return;
    }
    for (weir_job *job; (job = weir_chain_pop(jobs)) != NULL;) {
        const settle_plan plan = weir_settle_prepare(line, job, &round.n_charged);

        if (plan != PLAN_SEND) {
            weir_settle_aside(line, job, plan, now, news);
            continue;
        }
        settle_queue_job(&round, job);
        batch[n++] = job;
        if (n == SETTLE_BATCH) {
            settle_conclude(&round, batch, n);
            n = 0;
        }
    }
    settle_conclude(&round, batch, n);
}

/* -- answers --------------------------------------------------------------------------- */

static void settle_log_failure(weir_engine *e, const weir_sent_result *result)
{
    static const char *const words[] = { "ok",      "again",   "too-large",
                                         "invalid", "unknown", "denied" };
    const weir_dest *dest = weir_dest_at(e, result->out->address);

    weir_log(WEIR_WARN, "sink.refused", "to=%s answer=%s text=%s", dest->address,
             words[result->sent], result->text == NULL ? "" : result->text);
}

/* A job has not been looked at since it was sent: what the flow, and then its end, will read of
 * it is fetched into the cache while the jobs before it are dealt with. */
static void settle_fetch(const weir_job *job)
{
    const char *at = (const char *)&job->next;
    const char *end = (const char *)(job + 1);

    for (; at < end; at += SETTLE_CACHE_LINE) {
        __builtin_prefetch(at, 1);
    }
    __builtin_prefetch(&job->ev.receipt, 1);
    __builtin_prefetch(&job->ev.arena, 1);
    __builtin_prefetch(&job->ev.position, 1);
}

void weir_settle_done(void *arg, const weir_sent_result *results, size_t n)
{
    weir_engine *e = arg;
    const int64_t now = weir_clock_us();
    weir_job *jobs[SETTLE_BATCH] WEIR_UNINIT;
    size_t n_jobs = 0;
    weir_line *line = NULL;

    for (size_t i = 0; i <= n; i++) {
        weir_job *job = NULL;
        weir_line *next = line;

        if (i + SETTLE_AHEAD < n) {
            settle_fetch(results[i + SETTLE_AHEAD].out->owner);
        }

        if (i < n) {
            const weir_sent_result *result = &results[i];

            job = result->out->owner;
            next = weir_line_part_of(job)->intake->line;
            if (result->sent == WEIR_SENT_OK) {
                settle_mark(result->out, OUT_OK);
            } else {
                settle_log_failure(e, result);
                settle_mark(result->out, OUT_FAILED);
                atomic_fetch_or(&job->answers, 1u << result->sent);
            }
            if (atomic_fetch_sub(&job->n_unanswered, 1) != 1) {
                continue;
            }
        }
        if (n_jobs > 0 && (i == n || next != line || n_jobs == SETTLE_BATCH)) {
            weir_flow_news news = { 0 };

            weir_settle_answered(line, jobs, n_jobs, now, &news);
            weir_line_carry(line, &news, now, WEIR_CARRIER_OTHER);
            n_jobs = 0;
        }
        line = next;
        if (job != NULL) {
            jobs[n_jobs++] = job;
        }
    }
}
