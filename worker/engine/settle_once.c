/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settle_once - settling through a settler: a job's outputs and its acknowledgement become
 * durable in one, or neither does; see triggers/settler.h.
 *
 * To the flow a job is as with the plain settler: whoever gives it holds one of its n_unanswered
 * until weir_flow_sent() has returned, the settler's answer is the other, and whoever takes
 * n_unanswered to 0 settles the job.
 */
#include "worker/engine/settle.h"

#include "worker/base/check.h"
#include "worker/base/clock.h"
#include "worker/base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define ONCE_BATCH 256
#define ONCE_FULL_US 2000 /* a full settler is asked again after this */

/* -- giving -------------------------------------------------------------------------------- */

/* The job's item, and the two that are awaited: the sender's own and the answer. */
static weir_settle_item *once_item(weir_job *job)
{
    for (weir_out *out = job->call.outs; out != NULL; out = out->next) {
        out->state = OUT_WITH_SINK;
    }
    job->item.receipt = job->ev.receipt;
    job->item.outs = job->call.outs;
    if (!job->has_hold) {
        job->has_hold = true;
        atomic_store(&job->answers, 0);
        atomic_fetch_add(&job->n_unanswered, 1);
    }
    atomic_fetch_add(&job->n_unanswered, 1);
    return &job->item;
}

/* Gives jobs[0..n) and tells the flow what was taken and what was not. */
static void once_give(weir_line *line, weir_job **jobs, size_t n, int64_t now,
                      weir_flow_news *news)
{
    weir_settle_item *items[ONCE_BATCH];
    size_t n_answered = 0;

    if (n == 0) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        items[i] = once_item(jobs[i]);
    }

    const size_t n_taken = line->sub->settler->give(line->settler, items, n);

    WEIR_ASSERT(n_taken <= n);
    if (n_taken < n) {
        for (size_t i = n_taken; i < n; i++) {
            atomic_fetch_sub(&jobs[i]->n_unanswered, 1);
        }
        weir_flow_unsent(line->flow, jobs + n_taken, n - n_taken, now,
                         now + ONCE_FULL_US, news);
    }
    if (n_taken == 0) {
        return;
    }
    weir_flow_sent(line->flow, jobs, n_taken, now, news);
    for (size_t i = 0; i < n_taken; i++) {
        weir_job *job = jobs[i];

        job->has_hold = false;
        if (atomic_fetch_sub(&job->n_unanswered, 1) == 1) {
            jobs[n_answered++] = job;
        }
    }
    if (n_answered > 0) {
        weir_settle_answered(line, jobs, n_answered, now, news);
    }
}

void weir_settle_once_send(weir_line *line, weir_chain *jobs, int64_t now,
                           weir_flow_news *news)
{
    weir_job *batch[ONCE_BATCH];
    size_t n_charged = 0;
    size_t n = 0;

    for (weir_job *job; (job = weir_chain_pop(jobs)) != NULL;) {
        const settle_plan plan = weir_settle_prepare(line, job, &n_charged);

        if (plan != PLAN_SEND) {
            weir_settle_aside(line, job, plan, now, news);
            continue;
        }
        batch[n++] = job;
        if (n == ONCE_BATCH) {
            weir_budget_out_add(&line->e->budget, n_charged);
            n_charged = 0;
            once_give(line, batch, n, now, news);
            n = 0;
        }
    }
    weir_budget_out_add(&line->e->budget, n_charged);
    once_give(line, batch, n, now, news);
}

/* -- answers ------------------------------------------------------------------------------- */

/* One line for the results of one kind that come after each other. */
static void once_log(const weir_line *line, const weir_settle_result *results, size_t n)
{
    static const char *const words[] = { "ok",      "again",  "too-large", "invalid",
                                         "unknown", "denied", "gone" };
    const weir_settle_result *result = &results[0];
    const weir_job *job = (const weir_job *)(const void *)((const char *)result->item -
                                                           offsetof(weir_job, item));

    weir_log(result->settled == WEIR_SETTLED_GONE ? WEIR_INFO : WEIR_WARN,
             "settle.refused", "sub=%s answer=%s n=%zu position=%s to=%s text=%s",
             line->sub->name, words[result->settled], n,
             weir_ev_position(&job->ev).data,
             result->out == NULL ? "-"
                                 : weir_dest_at(line->e, result->out->address)->address,
             result->text == NULL ? "" : result->text);
}

static void once_log_failures(const weir_line *line, const weir_settle_result *results,
                              size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t k = i + 1;

        while (k < n && results[k].settled == results[i].settled &&
               results[k].text == results[i].text) {
            k++;
        }
        if (results[i].settled != WEIR_SETTLED_OK) {
            once_log(line, results + i, k - i);
        }
        i = k;
    }
}

/* Writes an answer down. True: it was the last that the job waited for. */
static bool once_take(const weir_settle_result *result, weir_job *job)
{
    const uint8_t state = result->settled == WEIR_SETTLED_OK ? OUT_OK : OUT_FAILED;

    for (weir_out *out = job->call.outs; out != NULL; out = out->next) {
        out->state = result->out == NULL || result->out == out ? state : OUT_NEW;
    }
    atomic_fetch_or(&job->answers, 1u << result->settled);
    return atomic_fetch_sub(&job->n_unanswered, 1) == 1;
}

static void once_done(void *arg, const weir_settle_result *results, size_t n)
{
    weir_line *line = arg;
    const int64_t now = weir_clock_us();
    weir_job *jobs[ONCE_BATCH];
    size_t n_jobs = 0;

    once_log_failures(line, results, n);
    for (size_t i = 0; i < n; i++) {
        weir_job *job = WEIR_CONTAINER_OF(results[i].item, weir_job, item);

        if (once_take(&results[i], job)) {
            jobs[n_jobs++] = job;
        }
        if (n_jobs > 0 && (n_jobs == ONCE_BATCH || i + 1 == n)) {
            weir_flow_news news = { 0 };

            weir_settle_answered(line, jobs, n_jobs, now, &news);
            weir_line_carry(line, &news, now, false);
            n_jobs = 0;
        }
    }
}

/* -- life ---------------------------------------------------------------------------------- */

weir_status weir_settle_once_open(weir_line *line, weir_err *err)
{
    const weir_sub *sub = line->sub;
    weir_engine *e = line->e;
    weir_status st;
    void *self;

    WEIR_ASSERT(sub->n_sources == 1);
    line->settler_setup = (weir_settler_setup){
        .sink = &e->sink_setups[sub->sources[0].queue],
        .source_setup = &sub->sources[0].setup,
        .source = line->intakes[0].self,
        .transaction_us = sub->transaction_us,
        .max_bytes = e->setup->max_bytes / 8,
        .done = once_done,
        .arg = line,
    };
    self = calloc(1, sub->settler->size);
    if (self == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    st = sub->settler->open(self, &line->settler_setup, err);
    if (st != WEIR_OK) {
        free(self);
        return st;
    }
    line->settler = self;
    return WEIR_OK;
}

void weir_settle_once_hurry(weir_line *line)
{
    if (line->settler != NULL) {
        line->sub->settler->hurry(line->settler);
    }
}

bool weir_settle_once_close(weir_line *line, int64_t until_us)
{
    bool is_clean = true;

    if (line->settler != NULL) {
        is_clean = line->sub->settler->close(line->settler, until_us);
        if (is_clean) {
            free(line->settler);
            line->settler = NULL;
        }
    }
    return is_clean;
}

/* Writes down what a probe said, and says what is new. */
static bool once_note(weir_line *line, weir_status st, const char *text)
{
    weir_engine *e = line->e;
    bool is_news;

    weir_lock_take(&e->dest_lock);
    is_news = !line->has_told_settler || line->is_settler_ok != (st == WEIR_OK) ||
              strncmp(line->settler_text, text, sizeof(line->settler_text) - 1) != 0;
    line->has_told_settler = true;
    line->is_settler_ok = st == WEIR_OK;
    snprintf(line->settler_text, sizeof(line->settler_text), "%.*s",
             (int)sizeof(line->settler_text) - 1, text);
    weir_lock_give(&e->dest_lock);
    if (is_news) {
        weir_log(st == WEIR_OK ? WEIR_INFO : WEIR_WARN,
                 st == WEIR_OK ? "settler.ready" : "settler.unready", "sub=%s text=%s",
                 line->sub->name, text);
    }
    return st == WEIR_OK;
}

bool weir_settle_once_probe(weir_line *line, int64_t timeout_us)
{
    weir_engine *e = line->e;
    weir_err err = { .text = "" };
    weir_status st = WEIR_ENOMEM;
    void **targets = NULL;
    size_t n;
    bool is_ok;

    if (line->settler == NULL) {
        return true;
    }
    weir_lock_take(&e->dest_lock);
    is_ok = line->is_settler_ok;
    n = line->n_dests;
    targets = malloc((n + 1) * sizeof(*targets));
    for (size_t i = 0; targets != NULL && i < n; i++) {
        targets[i] = e->dests[line->dests[i]]->target;
    }
    weir_lock_give(&e->dest_lock);
    if (!is_ok && targets != NULL) {
        st = line->sub->settler->probe(line->settler, targets, n, timeout_us, &err);
    }
    free(targets);
    return is_ok || once_note(line, st, st == WEIR_OK ? "" : err.text);
}
