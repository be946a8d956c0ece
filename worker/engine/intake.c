/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake - the thread of one source: read, filter, charge, admit.
 *
 * It always polls, so slow functions never cost the membership. What has been read and finds
 * no room in the budget is stashed by part, in order; a part with a stash is held, or nothing
 * is read at all, so a stash is never larger than one read. The host's calls come on this
 * thread, inside read().
 */
#include "worker/engine/line.h"

#include "worker/base/check.h"
#include "worker/base/clock.h"
#include "worker/base/log.h"
#include "worker/engine/deadletter.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#define INTAKE_BATCH 1024     /* most events of one read */
#define INTAKE_BATCH_MIN 64   /* where it begins: what is read sizes the next */
#define INTAKE_WAIT_US 100000 /* of one read */
#define INTAKE_STAT_US 1000000
#define INTAKE_FULL_US 5000     /* the same, while nothing may be read but soon */
#define INTAKE_QUIET_US 1000000 /* without an event; then a source may rest */

/* -- one event ------------------------------------------------------------------------------ */

/* Filters on attributes, headers and key run before decoding. */
static weir_status intake_filter(const weir_line *line, weir_job *job, bool *is_wanted)
{
    const weir_filter *filter = line->sub->filter;
    weir_status st;

    if (filter == NULL) {
        return WEIR_OK;
    }
    if (weir_filter_needs_value(filter)) {
        st = weir_intake_decode(line, job);
        if (st != WEIR_OK || job->ev.fault != WEIR_FAULT_NONE) {
            return st; /* with a fault it is for the dead letters */
        }
    }
    return weir_filter_match(filter, &job->ev, is_wanted);
}

/* Filters, names the lane. False: the event is not wanted and has been acknowledged, or there is
 * no memory for it, and then nothing behind it is admitted either. */
static bool intake_prepare(weir_intake *in, weir_job *job, weir_buf *scratch)
{
    weir_line *line = in->line;
    const weir_sub *sub = line->sub;
    weir_slice key = WEIR_SLICE_NONE;
    bool is_wanted = true;

    if (weir_line_part_of(job)->has_blames || job->ev.strikes > 0) {
        weir_alone_look(in, weir_line_part_of(job), job);
    }
    /* Where nobody has looked yet, it is seen before results are stamped. */
    if (weir_ev_has_looked(&job->ev) &&
        weir_deadletter_hops(&job->ev) >= WEIR_HOPS_MAX) {
        weir_ev_fault(&job->ev, WEIR_FAULT_LOOP, "weir.hops has reached %d",
                      WEIR_HOPS_MAX);
    }
    if (intake_filter(line, job, &is_wanted) != WEIR_OK) {
        goto no_memory;
    }
    if (!is_wanted) {
        goto unwanted;
    }
    if (weir_intake_key(line, job, scratch, &key, &job->wants_lane) != WEIR_OK) {
        goto no_memory;
    }
    if (job->wants_lane && weir_lane_name(job->spare, job->part, key) != WEIR_OK) {
        goto no_memory;
    }
    if (weir_intake_wants_copies(line)) {
        weir_status st = weir_ev_own(&job->ev);

        (void)st; /* without memory it stays where it is */
    }
    return true;
unwanted:
    weir_metric_add(line->filtered, 1);
    in->source->ops->ack(in->self, &job->ev.receipt, 1);
    weir_line_job_free(in, job);
    return false;
no_memory:
    /* Without its key the event would lose its order: better to end, uncommitted. What comes
     * behind it must not run before it. */
    in->is_barred = true;
    weir_engine_fail(line->e, 75, "subscription %s: no memory for %s", sub->name,
                     weir_ev_position(&job->ev).data);
    weir_line_job_free(in, job);
    return false;
}

/* Charges the budget; false: it must wait. */
static bool intake_charge_locked(weir_intake *in, weir_line_part *part, weir_job *job)
{
    /* The value of an event that was decoded here waits with it. */
    job->charged =
        job->ev.bytes + sizeof(*job) + (job->ev.is_decoded ? job->arena.n_bytes : 0);
    job->bucket =
        weir_budget_take_locked(&in->line->share, &part->bucket, job->charged);
    return job->bucket != WEIR_BUCKET_NONE;
}

static void intake_count_charged(weir_intake *in, size_t bytes)
{
    atomic_fetch_add_explicit(&in->line->n_charged, bytes, memory_order_relaxed);
}

bool weir_intake_charge(weir_intake *in, weir_line_part *part, weir_job *job)
{
    bool is_charged;

    weir_budget_enter(&in->line->e->budget);
    is_charged = intake_charge_locked(in, part, job);
    weir_budget_leave(&in->line->e->budget);
    if (is_charged) {
        intake_count_charged(in, job->charged);
    }
    return is_charged;
}

/* -- the loop -------------------------------------------------------------------------------- */

static void intake_hold(weir_intake *in, weir_line_part *part, bool is_held)
{
    if (part->is_held != is_held) {
        part->is_held = is_held;
        in->source->ops->hold(in->self, part->part.slot, part->part.epoch, is_held);
    }
}

void weir_intake_admit(weir_intake *in, weir_chain *jobs)
{
    weir_flow_news news = { 0 };
    const int64_t now = weir_clock_us();

    if (jobs->head != NULL) {
        weir_flow_admit(in->line->flow, jobs, now, &news);
        weir_line_carry(in->line, &news, now, WEIR_CARRIER_OTHER);
    }
    if (atomic_load_explicit(&in->line->e->has_suspects, memory_order_relaxed)) {
        weir_alone_step(in->line->e);
    }
}

/* What was stashed goes first. */
static void intake_unstash(weir_intake *in, weir_chain *ready)
{
    if (in->n_stashed == 0) {
        return;
    }
    for (size_t i = 0; i < in->n_parts; i++) {
        weir_line_part *part = in->parts[i];

        while (part != NULL && part->stash.head != NULL &&
               weir_intake_charge(in, part, part->stash.head)) {
            weir_chain_add(ready, weir_chain_pop(&part->stash));
            in->n_stashed--;
        }
        if (part != NULL && part->stash.head == NULL && part->part.n_stuck == 0 &&
            part->is_held) {
            intake_hold(in, part, false);
        }
    }
}

static bool intake_is_skipping(const weir_line_part *part)
{
    const int state = atomic_load(&part->skip_state);

    return state == WEIR_SKIP_ASKED || state == WEIR_SKIP_PUBLISHING;
}

/* Parts with a stuck event are held, and let go when it is passed; skips go on. */
static void intake_tend_parts(weir_intake *in)
{
    in->is_tending = false;
    for (size_t i = 0; i < in->n_parts; i++) {
        weir_line_part *part = in->parts[i];
        bool is_stuck;

        if (part == NULL) {
            continue;
        }
        weir_intake_tend_skip(in, part);
        is_stuck = part->is_assigned && part->part.n_stuck > 0;
        if (is_stuck != part->is_stuck) {
            part->is_stuck = is_stuck;
            weir_metric_set(part->stopped, is_stuck ? 1 : 0);
        }
        in->is_tending = in->is_tending || is_stuck || intake_is_skipping(part);
        if (part->is_assigned && is_stuck != part->is_held &&
            (is_stuck || part->stash.head == NULL)) {
            intake_hold(in, part, is_stuck);
        }
    }
}

/*
 * Holds the parts that have a stash, so that the others are read. While there is plenty to run
 * none is held and nothing is read: what would be read of the others would only queue up, and
 * each held part has a prefetch of its own, which takes memory.
 */
static void intake_hold_stashed(weir_intake *in)
{
    const bool is_busy = weir_flow_hint_busy(in->line->flow);

    in->is_full = false;
    for (size_t i = 0; in->n_stashed > 0 && i < in->n_parts; i++) {
        weir_line_part *part = in->parts[i];

        if (part == NULL || part->stash.head == NULL || part->is_held) {
            continue;
        }
        if (is_busy) {
            in->is_full = true;
        } else {
            intake_hold(in, part, true);
        }
    }
}

/* Charges what was read; what finds no room is stashed. */
static void intake_take(weir_intake *in, size_t n, weir_chain *ready)
{
    size_t bytes = 0;

    if (n == 0) {
        return;
    }
    weir_budget_enter(&in->line->e->budget);
    for (size_t i = 0; i < n; i++) {
        weir_job *job = in->batch[i];
        weir_line_part *part = weir_line_part_of(job);

        if (part->stash.head == NULL && intake_charge_locked(in, part, job)) {
            bytes += job->charged;
            weir_chain_add(ready, job);
        } else {
            weir_chain_add(&part->stash, job);
            in->n_stashed++;
        }
    }
    weir_budget_leave(&in->line->e->budget);
    intake_count_charged(in, bytes);
}

/* Readies what was read; returns how many are left, at the front of the batch. */
static size_t intake_prepare_all(weir_intake *in, size_t n, weir_buf *scratch,
                                 int64_t now)
{
    size_t n_kept = 0;

    for (size_t i = 0; i < n; i++) {
        weir_job *job = in->batch[i];

        if (in->is_barred) {
            weir_line_job_free(in, job);
            continue;
        }
        /* Only this thread writes the array, so it may read it without the lock. */
        weir_line_part *part = in->parts[job->ev.receipt.part];

        WEIR_ASSERT(part != NULL);
        job->part = &part->part;
        job->read_us = now;
        if (i + WEIR_INTAKE_AHEAD < n) {
            weir_intake_fetch(in->line, in->batch_evs[i + WEIR_INTAKE_AHEAD]);
        }
        if (intake_prepare(in, job, scratch)) {
            in->batch[n_kept++] = job;
        }
    }
    return n_kept;
}

/* How many events may be read now. */
static size_t intake_room(weir_intake *in)
{
    weir_line *line = in->line;
    size_t room;

    if (atomic_load(&line->e->is_stopping) || !atomic_load(&line->is_ready_to_read) ||
        atomic_load(&line->is_paused) || !weir_flow_hint_room(line->flow)) {
        return 0;
    }
    if (in->is_full || in->is_barred) {
        return 0; /* see intake_hold_stashed() and intake_prepare() */
    }
    room = weir_budget_room(&line->share, in->n_want);
    if (room < in->n_want / 2 && weir_flow_hint_busy(line->flow)) {
        return 0; /* not worth a read yet */
    }
    return in->n_stashed >= INTAKE_BATCH ? 0 : room;
}

/* A full read asks for more the next time, one that is mostly empty for less: few jobs are
 * made for a source that has little to give. */
static void intake_resize(weir_intake *in, size_t n, size_t room)
{
    if (n == room && room == in->n_want && in->n_want < INTAKE_BATCH) {
        in->n_want *= 2;
    } else if (n < in->n_want / 8 && in->n_want > INTAKE_BATCH_MIN) {
        in->n_want /= 2;
    }
}

/* Makes sure that there are empty events for a read; returns for how many. */
static size_t intake_prepare_batch(weir_intake *in, size_t n)
{
    const size_t had = in->n_batch;

    if (had < n) {
        in->n_batch += weir_line_jobs_new(in, in->batch + had, n - had);
    }
    for (size_t i = had; i < in->n_batch; i++) {
        in->batch_evs[i] = &in->batch[i]->ev;
    }
    return in->n_batch < n ? in->n_batch : n;
}

/*
 * How long the next read may wait. A source that has had nothing for a while, and with which
 * nothing is under way, may rest as long as it says: each look at nothing is a wake-up.
 */
static int64_t intake_wait(const weir_intake *in, size_t room)
{
    if (in->is_full) {
        return INTAKE_FULL_US;
    }
    const bool may_rest = room > 0 && in->n_stashed == 0 && !in->is_tending &&
                          atomic_load(&in->is_joined) &&
                          atomic_load(&in->trouble) == WEIR_TROUBLE_NONE &&
                          in->beat_us - in->event_us > INTAKE_QUIET_US;

    return may_rest && in->source->ops->rest_us > INTAKE_WAIT_US
               ? in->source->ops->rest_us
               : INTAKE_WAIT_US;
}

static void intake_round(weir_intake *in, weir_buf *scratch)
{
    weir_chain ready = { 0 };
    size_t room, n, n_kept;
    int64_t now;

    atomic_store_explicit(
        &in->n_freed, atomic_load_explicit(&in->line->e->n_freed, memory_order_relaxed),
        memory_order_relaxed);
    /* Set before looking, so that credits that come back in between end the wait. */
    atomic_store(&in->wants_room, true);
    room = intake_room(in);
    if (room > 0 && in->n_stashed == 0) {
        atomic_store_explicit(&in->wants_room, false, memory_order_relaxed);
    }
    room = intake_prepare_batch(in, room);
    n = in->source->ops->read(in->self, in->batch_evs, room, intake_wait(in, room));
    WEIR_ASSERT(n <= room);
    if (room > 0) {
        intake_resize(in, n, room);
    }
    now = weir_clock_us();
    atomic_store_explicit(&in->beat_us, now, memory_order_relaxed);
    in->event_us = n > 0 ? now : in->event_us;
    intake_unstash(in, &ready);
    n_kept = intake_prepare_all(in, n, scratch, now);
    if (in->line->sub->acks_first) {
        n_kept = weir_intake_ack_first(in, n_kept);
    }
    intake_take(in, n_kept, &ready);
    intake_hold_stashed(in);
    in->n_batch -= n;
    memmove(in->batch, in->batch + n, in->n_batch * sizeof(*in->batch));
    memmove(in->batch_evs, in->batch_evs + n, in->n_batch * sizeof(*in->batch_evs));
    weir_intake_admit(in, &ready);
    intake_tend_parts(in);
}

static void intake_measure_again(weir_intake *in, const weir_source_stat *stat)
{
    static const char *const causes[WEIR_AGAIN_COUNT] = {
        [WEIR_AGAIN_REBALANCE] = "rebalance",
        [WEIR_AGAIN_CRASH] = "crash",
        [WEIR_AGAIN_RECLAIM] = "reclaim",
        [WEIR_AGAIN_RECONNECT] = "reconnect",
    };

    for (int i = WEIR_AGAIN_NONE + 1; i < WEIR_AGAIN_COUNT; i++) {
        weir_metric_add(
            weir_metric_get2(WEIR_M_REDELIVERED, in->line->sub->name, causes[i]),
            stat->n_redelivered[i] - in->n_redelivered[i]);
        in->n_redelivered[i] = stat->n_redelivered[i];
    }
}

/* What the source counts becomes metrics. */
static void intake_measure(weir_intake *in)
{
    const char *name = in->line->sub->name;
    weir_part_stat parts[64];
    weir_source_stat stat = { 0 };
    size_t n;

    if (in->source->ops->stat == NULL) {
        return;
    }
    n = in->source->ops->stat(in->self, &stat, parts, 64);
    atomic_store(&in->is_joined, stat.is_joined);
    weir_metric_add(weir_metric_get1(WEIR_M_COMMITS, name),
                    stat.n_commits - in->n_commits);
    weir_metric_add(weir_metric_get1(WEIR_M_REBALANCES, name),
                    stat.n_rebalances - in->n_rebalances);
    weir_metric_add(weir_metric_get1(WEIR_M_LOST_TRIMMED, name),
                    stat.n_trimmed - in->n_trimmed);
    intake_measure_again(in, &stat);
    weir_metric_add(weir_metric_get1(WEIR_M_KNOWN_DONE, name),
                    stat.n_known_done - in->n_known_done);
    weir_metric_add(weir_metric_get1(WEIR_M_MAPS_IGNORED, name),
                    stat.n_maps_ignored - in->n_maps_ignored);
    in->n_known_done = stat.n_known_done;
    in->n_maps_ignored = stat.n_maps_ignored;
    in->n_commits = stat.n_commits;
    in->n_rebalances = stat.n_rebalances;
    in->n_trimmed = stat.n_trimmed;
    atomic_store(&in->line->lag_us, -1);
    for (size_t i = 0; i < n && i < 64; i++) {
        weir_line_part *part = weir_intake_part(in, parts[i].part);

        if (part != NULL && part->is_assigned) {
            weir_intake_stall(in, part, &parts[i], weir_clock_us());
        }
        if (part != NULL && part->is_assigned && parts[i].lag >= 0) {
            weir_metric_set(part->lag, (double)parts[i].lag);
        }
        if (parts[i].lag_us > atomic_load(&in->line->lag_us)) {
            atomic_store(&in->line->lag_us, parts[i].lag_us);
        }
    }
}

/*
 * A source must not be touched once its close() has begun, and close() runs on another thread
 * than most wakers: they count themselves, look, and go.
 */
void weir_intake_wake(weir_intake *in)
{
    atomic_fetch_add(&in->n_wakers, 1);
    if (!atomic_load(&in->is_ending)) {
        in->source->ops->wake(in->self);
    }
    atomic_fetch_sub(&in->n_wakers, 1);
}

/* No wake() is under way when this returns, and none will be. */
static void intake_bar_wakers(weir_intake *in)
{
    atomic_store(&in->is_ending, true);
    while (atomic_load(&in->n_wakers) > 0) {
        sched_yield();
    }
}

static void *intake_main(void *arg)
{
    weir_intake *in = arg;
    weir_engine *e = in->line->e;
    weir_buf scratch = { 0 };
    int64_t measured_us = 0;
    int64_t until_us;

    while (!atomic_load(&e->is_closing)) {
        intake_round(in, &scratch);
        if (atomic_load(&in->beat_us) - measured_us > INTAKE_STAT_US) {
            measured_us = atomic_load(&in->beat_us);
            intake_measure(in);
        }
    }
    until_us = atomic_load(&e->close_until_us);
    in->source->ops->flush(in->self, until_us);
    intake_bar_wakers(in);
    atomic_store(&in->is_hung, !in->source->ops->close(in->self, until_us));
    weir_buf_fini(&scratch);
    atomic_store(&in->is_closed, true);
    return NULL;
}

weir_status weir_intake_init(weir_intake *in, weir_line *line, size_t index,
                             weir_err *err)
{
    const weir_engine_setup *setup = line->e->setup;
    weir_sub_source *source = &line->sub->sources[index];
    weir_status st;

    in->line = line;
    in->index = index;
    in->source = source;
    in->n_want = INTAKE_BATCH_MIN;
    weir_lock_init(&in->lock, WEIR_RANK_LEAF);
    weir_intake_host_init(in);
    source->setup.host = &in->host;
    source->setup.max_event = setup->max_event;
    source->setup.concurrency = line->sub->concurrency;
    source->setup.is_once = line->sub->settler != NULL;
    source->setup.max_events = setup->max_events / setup->n_subs + 1;
    /* A quarter of the ceiling is for the clients' own queues. */
    source->setup.max_bytes = setup->max_bytes / 4 / setup->n_subs;
    in->self = calloc(1, source->ops->size);
    in->batch = calloc(INTAKE_BATCH, sizeof(*in->batch));
    in->batch_evs = calloc(INTAKE_BATCH, sizeof(*in->batch_evs));
    if (in->self == NULL || in->batch == NULL || in->batch_evs == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    st = source->ops->open(in->self, &source->setup, err);
    in->is_open = st == WEIR_OK;
    return st;
}

weir_status weir_intake_start(weir_intake *in, weir_err *err)
{
    const int code =
        weir_thread_start(&in->thread, "weir-intake", 512 * 1024, intake_main, in);

    atomic_store(&in->beat_us, weir_clock_us());
    if (code != 0) {
        return weir_fail(err, WEIR_EAGAIN, "cannot start an intake thread: %s",
                         strerror(code));
    }
    in->is_started = true;
    return WEIR_OK;
}

void weir_intake_fini(weir_intake *in)
{
    size_t n_back = 0;

    if (in->line == NULL) {
        return;
    }
    if (in->is_open && !in->is_started) {
        in->source->ops->close(in->self, weir_clock_us() + 1000000);
    }
    for (size_t i = 0; i < in->n_batch; i++) {
        weir_line_job_free(in, in->batch[i]);
    }
    for (weir_job *job = in->free_jobs; job != NULL; job = job->next) {
        weir_arena_fini(&job->arena);
        weir_arena_fini(&job->out_arena);
        weir_lane_free(job->spare);
        n_back++;
    }
    in->free_jobs = NULL;
    if (n_back == in->n_jobs) { /* else somebody may still look at one */
        weir_job_slab_free(&in->slabs);
    }
    for (size_t i = 0; i < in->n_parts; i++) {
        if (in->parts[i] != NULL) {
            free(in->parts[i]->topic);
            free(in->parts[i]);
        }
    }
    free(in->parts);
    free(in->batch);
    free(in->batch_evs);
    free(in->self);
    weir_lock_fini(&in->lock);
}
