/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* hand - claims ready jobs, decodes them, runs their function and hands over; see hand.h. */
#include "worker/engine/hand.h"

#include "worker/base/check.h"
#include "worker/base/clock.h"
#include "worker/base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define HAND_CLAIM_NS 50000 /* of work in one claim, by the mean */
#define HAND_LOCAL_RETRY_US 1000000
#define HAND_STAY 8 /* turns of a thread on one line, where there are others */

/* -- running ---------------------------------------------------------------------------- */

/* The thread's own thing for that function; WEIR_EUNAVAIL while thread_init refuses. */
static weir_status hand_local_get(weir_hand *hand, const weir_line *line, int64_t now,
                                  void **out)
{
    pool_local *local = &hand->locals[line->sub->host];
    weir_status st;

    if (!local->is_made) {
        if (local->failed_us != 0 && now - local->failed_us < HAND_LOCAL_RETRY_US) {
            return WEIR_EUNAVAIL;
        }
        st = line->hops->thread_init(line->host, &local->local);
        if (st != WEIR_OK) {
            local->failed_us = now;
            weir_log(WEIR_WARN, "function.thread_init",
                     "function=%s text=thread_init has failed; its events wait",
                     line->info.name);
            return WEIR_EUNAVAIL;
        }
        local->is_made = true;
    }
    *out = local->local;
    return WEIR_OK;
}

/* Bytes that do not decode are a dead letter; without memory they are tried again later, as
 * when what the function calls is down: no attempt is counted. */
static void hand_refuse_bytes(weir_job *job, weir_status st, const weir_err *err)
{
    if (st == WEIR_ENOMEM) {
        snprintf(job->call.reason, sizeof(job->call.reason), "no memory to decode");
        job->call.verdict = WEIR_UNAVAILABLE;
        job->n_attempts++; /* taken back with the verdict */
        return;
    }
    weir_ev_fault(&job->ev, WEIR_FAULT_DECODE, "%s", err->text);
    job->call.verdict = WEIR_REJECT;
}

/* Readies an attempt. False: it does not take place (its epoch is over, or it does not
 * decode) and the verdict is set. */
static bool hand_begin(weir_hand *hand, weir_line *line, weir_job *job, int64_t now)
{
    const weir_sub *sub = line->sub;
    const int64_t deadline = sub->timeout_us > 0 ? now + sub->timeout_us : WEIR_NEVER;
    weir_err err WEIR_UNINIT; /* of a kibibyte, and hardly ever written */
    weir_status st;

    if (job->call.arena != NULL) {
        weir_arena_reset(&job->out_arena);
    }
    weir_call_begin(&job->call, &job->ev, &job->out_arena, &line->env,
                    (int)job->n_attempts + 1, deadline);
    if (job->ev.receipt.epoch <=
        atomic_load_explicit(&job->part->closed, memory_order_acquire)) {
        job->is_dropped = true;
        return false;
    }
    job->begun_us = now;
    job->overran = false;
    job->is_overrun_seen = false;
    atomic_store_explicit(&job->deadline_us, deadline, memory_order_relaxed);
    weir_job_move(job, WEIR_JOB_RUNNING);
    if ((st = weir_hand_decode(hand, line, job, &err)) != WEIR_OK) {
        hand_refuse_bytes(job, st, &err);
        return false;
    }
    job->n_attempts++;
    job->last_ms = weir_line_wall_ms(line->e, now);
    if (job->first_us == 0) {
        job->first_us = now;
        job->first_ms = job->last_ms;
    }
    return true;
}

static void hand_tell_retry(weir_line *line, const weir_job *job, int64_t now)
{
    const bool is_retry = job->call.verdict == WEIR_RETRY;
    const weir_fate fate = {
        .sub = line->sub->name,
        .ev = &job->ev,
        .outcome = "retry",
        .reason = is_retry ? "retry" : "unavailable",
        .text = job->call.reason,
        .attempt = (int)job->n_attempts,
        .took_us = now - job->begun_us,
    };

    weir_metric_add(line->retries, 1);
    weir_log(WEIR_INFO, is_retry ? "event.retry" : "event.unavailable",
             "sub=%s position=%s attempt=%u text=%s", line->sub->name,
             weir_ev_position(&job->ev).data, job->n_attempts, job->call.reason);
    if (line->e->setup->fate != NULL) {
        line->e->setup->fate(line->e->setup->arg, &fate);
    }
}

/* A verdict is there: what counts of it, and what an attempt that comes again needs. */
static void hand_judge(weir_line *line, weir_job *job, int64_t now)
{
    bool is_free = false;
    weir_status st;

    if (job->slot != NULL) {
        weir_journal_give(line->e->journal, job->slot);
        job->slot = NULL;
    }
    if (job->is_suspect && !job->is_refused && weir_job_get(job) == WEIR_JOB_RUNNING) {
        weir_alone_end(line, job);
    }
    if (weir_job_get(job) == WEIR_JOB_CLAIMED || job->ev.fault != WEIR_FAULT_NONE) {
        return; /* it has not begun, or never reached the function */
    }
    job->call.verdict = weir_call_settle(&job->call, &is_free);
    if (line->sub->timeout_us > 0 && now - job->begun_us > line->sub->timeout_us) {
        job->overran = true;
        weir_metric_add(line->overruns, 1);
        weir_log(WEIR_WARN, "event.overran",
                 "sub=%s position=%s attempt=%u took_ms=%lld", line->sub->name,
                 weir_ev_position(&job->ev).data, job->n_attempts,
                 (long long)((now - job->begun_us) / 1000));
    }
    if (job->call.verdict != WEIR_RETRY && job->call.verdict != WEIR_UNAVAILABLE) {
        return;
    }
    if (job->call.verdict == WEIR_UNAVAILABLE || is_free) {
        job->n_attempts--;
    }
    hand_tell_retry(line, job, now);
    /* It parks: the client's buffer must not be pinned by it. Without memory it stays. */
    st = weir_ev_own(&job->ev);
    (void)st;
}

static void hand_mean_update(weir_line *line, int64_t took_us, size_t n)
{
    const size_t ns = (size_t)(took_us * 1000) / n;
    const size_t mean = atomic_load_explicit(&line->mean_ns, memory_order_relaxed);
    size_t next = mean == 0 ? ns : mean - mean / 8 + ns / 8;

    if (next == 0) {
        next = 1;
    }
    atomic_store_explicit(&line->mean_ns, next, memory_order_relaxed);
    weir_metric_observe_n(line->handler_seconds, took_us / (int64_t)n, n);
}

void weir_hand_over(weir_line *line, weir_job *const *jobs, size_t n, size_t n_slots,
                    int64_t now, weir_carrier who)
{
    weir_flow_news news = { 0 };

    for (size_t i = 0; i < n; i++) {
        hand_judge(line, jobs[i], now);
    }
    weir_flow_finish(line->flow, jobs, n, n_slots, now, &news);
    weir_line_carry(line, &news, now, who);
}

/* The same, by a pool thread, which will look at this line next. */
static void hand_over_own(weir_hand *hand, weir_line *line, weir_job *const *jobs,
                          size_t n, size_t n_slots, int64_t now)
{
    hand->owed = line;
    weir_hand_over(line, jobs, n, n_slots, now, WEIR_CARRIER_FREE);
}

/* -- a claim of single events ----------------------------------------------------------- */

/* The next job of the claim, now the thread's alone, and its index; NULL: none is left. */
static weir_job *hand_next(weir_hand *hand, size_t *at)
{
    unsigned long long span = atomic_load(&hand->span);

    for (;;) {
        const unsigned next = weir_span_next(span);

        if (next == weir_span_end(span)) {
            return NULL;
        }
        if (atomic_compare_exchange_weak(
                &hand->span, &span,
                weir_span_of(weir_span_lo(span), next + 1, weir_span_end(span)))) {
            *at = next;
            return hand->jobs[next];
        }
    }
}

/* Ends the claim: the finished jobs that are still the thread's move to the front of the array.
 * Returns how many. A job that went pending is NULL in the array. */
static size_t hand_close(weir_hand *hand)
{
    unsigned long long span;
    size_t n = 0;

    weir_lock_take(&hand->lock);
    span = atomic_exchange(&hand->span, 0);
    weir_lock_give(&hand->lock);
    for (unsigned i = weir_span_lo(span); i < weir_span_next(span); i++) {
        if (hand->jobs[i] != NULL) {
            hand->jobs[n++] = hand->jobs[i];
        }
    }
    return n;
}

/* Runs the event at `at`. False: it is pending, and no longer the thread's. */
static bool hand_run_one(weir_hand *hand, size_t at, weir_job *job, void *local,
                         int64_t now)
{
    weir_line *line = hand->line;
    weir_call *call = &job->call;
    bool is_final = true;

    hand->is_plain[at] = false;
    if (job->behind != 0 && !hand->is_plain[job->behind - 1]) {
        return true;
    }
    if (job->is_suspect && !weir_hand_note_alone(hand, line, job)) {
        return true;
    }
    weir_hand_note(hand->slot, job);
    if (!hand_begin(hand, line, job, now)) {
        weir_journal_end(hand->slot);
        return true;
    }
    if (hand->is_each) {
        weir_hand_note_own(line->e, job, hand->slot, 1);
    }
    call->local = local;
    line->hops->run(line->host, local, &call, 1, &is_final);
    weir_journal_end(hand->slot);
    if (is_final) {
        weir_hand_forget(job);
        hand->is_plain[at] =
            call->verdict == WEIR_DONE && call->n_outs == 0 && call->emit_errno == 0;
        return true;
    }
    atomic_store_explicit(&line->has_pended, true, memory_order_relaxed);
    if (!hand->is_each) {
        /* If it has completed meanwhile, its slot is given back before it is taken: the
         * thread's own slot keeps the sum from going below zero. */
        weir_flow_pend(line->flow, 1);
    }
    return false;
}

/* This thread cannot run the function now: every job of the claim is UNAVAILABLE, but for those
 * behind another of their lane. */
static void hand_refuse(weir_hand *hand, weir_line *line, weir_job **jobs, size_t n,
                        size_t n_slots, int64_t now)
{
    for (size_t i = 0; i < n; i++) {
        if (jobs[i]->behind == 0 && hand_begin(hand, line, jobs[i], now)) {
            jobs[i]->is_refused = true;
            weir_call_returned(&jobs[i]->call, WEIR_UNAVAILABLE);
            weir_hand_forget(jobs[i]);
        }
    }
    hand_over_own(hand, line, jobs, n, n_slots, now);
}

/* It begins to run events of a line, after which it will look for more of them. */
static void hand_count(weir_hand *hand, weir_line *line, int64_t now)
{
    atomic_store(&hand->begun_us, now);
    atomic_fetch_add_explicit(&line->n_hands, 1, memory_order_relaxed);
    atomic_store(&hand->counted, line);
}

/* It has run them. */
static void hand_count_off(weir_hand *hand)
{
    atomic_store(&hand->begun_us, 0);
    weir_hand_discount(hand);
}

static void hand_run_singles(weir_hand *hand, weir_line *line, size_t n, size_t n_slots)
{
    int64_t now = weir_clock_us();
    const int64_t begun = now;
    void *local = NULL;
    weir_job *job;
    size_t n_done, at;
    size_t n_run = 0;

    if (hand_local_get(hand, line, now, &local) != WEIR_OK) {
        hand_refuse(hand, line, hand->jobs, n, n_slots, now);
        return;
    }
    hand->line = line;
    hand->is_each = n_slots > 1;
    weir_hand_fetch(line, hand->jobs, n);
    if (n > 1) {
        weir_watch_tend(line->e->watch); /* what is not begun soon is for others */
    }
    atomic_store_explicit(&hand->watched, line, memory_order_release);
    hand_count(hand, line, now);
    atomic_store(&hand->span, weir_span_of(0, 0, (unsigned)n));
    atomic_fetch_add_explicit(&line->n_running, 1, memory_order_relaxed);
    while ((job = hand_next(hand, &at)) != NULL) {
        if (n_run > 0 && n_run % 16 == 0) {
            now = weir_clock_us();
        }
        n_run++;
        if (!hand_run_one(hand, at, job, local, now)) {
            hand->jobs[at] = NULL;
        }
    }
    atomic_fetch_sub_explicit(&line->n_running, 1, memory_order_relaxed);
    n_done = hand_close(hand);
    hand_count_off(hand);
    now = weir_clock_us();
    if (n_run > 0) {
        hand_mean_update(line, now - begun, n_run);
    }
    /* What is pending, or was taken away, has its slot with it. */
    hand_over_own(hand, line, hand->jobs, n_done, hand->is_each ? n_done : n_slots,
                  now);
}

/* -- a batch ------------------------------------------------------------------------------ */

/* Begins what can be begun: those jobs stand at the front of hand->jobs afterwards, with their
 * calls in hand->calls. Returns how many. */
static size_t hand_begin_all(weir_hand *hand, weir_line *line, size_t n, void *local,
                             int64_t now)
{
    size_t n_begun = 0;

    for (size_t n_not = 0; n_begun + n_not < n;) {
        weir_job *job = hand->jobs[n_begun];

        weir_hand_note(hand->slot, job); /* its bytes are decoded */
        if (hand_begin(hand, line, job, now)) {
            job->call.local = local;
            hand->calls[n_begun++] = &job->call;
            continue;
        }
        n_not++;
        hand->jobs[n_begun] = hand->jobs[n - n_not];
        hand->jobs[n - n_not] = job;
    }
    return n_begun;
}

static void hand_run_batch(weir_hand *hand, weir_line *line, size_t n, size_t n_slots)
{
    int64_t now = weir_clock_us();
    const int64_t begun = now;
    void *local = NULL;
    size_t n_begun;
    size_t n_final = 0;

    if (hand_local_get(hand, line, now, &local) != WEIR_OK) {
        hand_refuse(hand, line, hand->jobs, n, n_slots, now);
        return;
    }
    if (hand->jobs[0]->is_suspect && !weir_hand_note_alone(hand, line, hand->jobs[0])) {
        hand_over_own(hand, line, hand->jobs, n, n_slots, now);
        return;
    }
    atomic_store_explicit(&hand->watched, line, memory_order_release);
    n_begun = hand_begin_all(hand, line, n, local, now);
    weir_hand_note_batch(hand, line, n_begun);
    atomic_fetch_add_explicit(&line->n_running, n_begun, memory_order_relaxed);
    hand_count(hand, line, now);
    if (n_begun > 0) {
        line->hops->run(line->host, local, hand->calls, n_begun, hand->is_final);
    }
    hand->slot->n_together = 1;
    weir_journal_end(hand->slot);
    hand_count_off(hand);
    atomic_fetch_sub_explicit(&line->n_running, n_begun, memory_order_relaxed);
    now = weir_clock_us();
    for (size_t i = 0; i < n; i++) {
        if (i >= n_begun || hand->is_final[i]) {
            hand->jobs[n_final++] = hand->jobs[i];
        }
    }
    if (n_begun > 0) {
        hand_mean_update(line, now - begun, n_begun);
    }
    /* A pending item keeps its slot until its verdict comes. */
    hand_over_own(hand, line, hand->jobs, n_final, n_slots - (n - n_final), now);
}

/* -- pending calls ------------------------------------------------------------------------- */

void weir_pool_completed(void *arg, weir_call *call)
{
    weir_line *line = arg;
    weir_job *job = WEIR_CONTAINER_OF(call, weir_job, call);
    bool is_first;

    /* Once it is in the inbox it may end, and the engine with it, before this returns. */
    atomic_fetch_add(&line->n_completing, 1);
    weir_lock_take(&line->inbox_lock);
    weir_chain_add(&line->inbox, job);
    is_first = atomic_fetch_add(&line->n_inbox, 1) == 0;
    weir_lock_give(&line->inbox_lock);
    if (is_first) { /* or else whoever was woken for the first is still to come */
        weir_pool_kick(line->e->pool);
    }
    atomic_fetch_sub(&line->n_completing, 1);
}

/* Takes what has completed meanwhile; false: there was nothing. */
static bool hand_take_inbox(weir_hand *hand, weir_line *line)
{
    const int64_t now = weir_clock_us();
    size_t n_left;
    size_t n = 0;

    if (atomic_load(&line->n_inbox) == 0) {
        return false;
    }
    weir_lock_take(&line->inbox_lock);
    while (n < hand->cap && line->inbox.head != NULL) {
        hand->jobs[n++] = weir_chain_pop(&line->inbox);
    }
    n_left = atomic_fetch_sub(&line->n_inbox, n) - n;
    weir_lock_give(&line->inbox_lock);
    if (n_left > 0) {
        weir_pool_kick(line->e->pool);
    }
    if (n == 0) {
        return false;
    }
    hand_over_own(hand, line, hand->jobs, n, n, now);
    return true;
}

/* -- work   ------------------------------------------------------------------------------- */

/* How many jobs to claim: about 50 us of work, one while that is not known. */
static size_t hand_claim_size(const weir_hand *hand, const weir_line *line)
{
    const size_t mean_ns = atomic_load_explicit(&line->mean_ns, memory_order_relaxed);
    size_t n;

    if (line->sub->batch.max > 1) {
        return line->sub->batch.max < hand->cap ? line->sub->batch.max : hand->cap;
    }
    if (mean_ns == 0 || !weir_budget_out_has_room(&line->e->budget)) {
        return 1;
    }
    n = HAND_CLAIM_NS / mean_ns;
    return n == 0 ? 1 : (n > POOL_CLAIM ? POOL_CLAIM : n);
}

static bool hand_work_on(weir_hand *hand, weir_line *line)
{
    weir_flow_news news = { 0 };
    const int64_t now = weir_clock_us();
    size_t n_slots = 0;
    bool has_worked;
    size_t n;

    /* Then at once what may begin because of it: or a stream of completions would hold up all
     * that is ready. */
    has_worked = hand_take_inbox(hand, line);
    if (!weir_budget_out_has_room(&line->e->budget) &&
        atomic_load_explicit(&line->n_running, memory_order_relaxed) > 0) {
        return has_worked;
    }
    n = weir_flow_take(line->flow, hand->jobs, hand_claim_size(hand, line), now,
                       weir_line_wall_ms(line->e, now), &n_slots, &news);
    weir_line_carry(line, &news, now, WEIR_CARRIER_BUSY);
    if (n == 0) {
        return has_worked;
    }
    atomic_fetch_add_explicit(&line->n_claims, 1, memory_order_relaxed);
    if (hand->jobs[0]->task == WEIR_TASK_SETTLE) {
        weir_flow_news after = { 0 };
        weir_chain chain = { 0 };

        for (size_t i = 0; i < n; i++) {
            weir_chain_add(&chain, hand->jobs[i]);
        }
        after.settle = chain;
        after.next_due_us = WEIR_NEVER;
        weir_line_carry(line, &after, now, WEIR_CARRIER_BUSY);
    } else if (line->sub->batch.max > 1) {
        hand_run_batch(hand, line, n, n_slots);
    } else {
        hand_run_singles(hand, line, n, n_slots);
    }
    return true;
}

static bool line_has_work(weir_line *line, int64_t now)
{
    return weir_flow_hint_ready(line->flow) > 0 || atomic_load(&line->n_inbox) > 0 ||
           weir_flow_hint_due_us(line->flow) <= now;
}

/* The line that this thread has promised to look at. After HAND_STAY turns it goes elsewhere,
 * so that one busy line does not keep all threads, and somebody else is woken for it. */
static bool hand_work_owed(weir_hand *hand, int64_t now)
{
    weir_line *line = hand->owed;

    if (line == NULL) {
        return false;
    }
    hand->owed = NULL;
    if (!line_has_work(line, now)) {
        return false;
    }
    if (hand->n_stayed++ < HAND_STAY || hand->pool->e->n_lines == 1) {
        return hand_work_on(hand, line);
    }
    hand->n_stayed = 0;
    weir_pool_kick(hand->pool);
    return false;
}

/* Looks at the line that it owes a look, then at all, beginning with another one each time. */
bool weir_hand_work(weir_hand *hand)
{
    weir_engine *e = hand->pool->e;
    const int64_t now = weir_clock_us();
    unsigned first;

    if (atomic_load_explicit(&e->has_suspects, memory_order_relaxed)) {
        weir_alone_step(e);
    }
    if (hand_work_owed(hand, now)) {
        return true;
    }
    first = atomic_fetch_add_explicit(&hand->pool->turn, 1, memory_order_relaxed);
    for (size_t i = 0; i < e->n_lines; i++) {
        weir_line *line = &e->lines[(first + i) % e->n_lines];

        if (line_has_work(line, now) && hand_work_on(hand, line)) {
            return true;
        }
    }
    return false;
}
