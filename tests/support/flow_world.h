/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow_world - a flow with hand-made jobs on a clock that the test moves: what the tests of
 * the flow share.
 *
 * Test code only: failures end the test, nothing is given back to a caller.
 */
#ifndef WEIR_TESTS_FLOW_WORLD_H
#define WEIR_TESTS_FLOW_WORLD_H

#include "worker/base/check.h"
#include "worker/engine/flow_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define WORLD_PARTS 3
#define WORLD_WALL_MS 1700000000000

typedef struct world {
    weir_sub sub;
    weir_flow *f;
    weir_part parts[WORLD_PARTS];
    int64_t now;
    int64_t wall_ms;
    weir_flow_news news; /* of the last call; its chains are moved to these: */
    weir_chain settle, done, gone;
    size_t n_slots;  /* of the last take */
    size_t job_size; /* of each job; a test may have its own struct around it */
} world;

static inline void world_begin(world *w)
{
    memset(w, 0, sizeof(*w));
    w->sub = (weir_sub){ .name = "f.orders",
                         .group = "g",
                         .order = WEIR_ORDER_KEY,
                         .concurrency = 8,
                         .batch = { .max = 1 },
                         .retry = { .attempts = 3,
                                    .backoff = WEIR_BACKOFF_CONSTANT,
                                    .jitter = WEIR_JITTER_NONE,
                                    .first_us = 100,
                                    .max_us = 1000 } };
    w->job_size = sizeof(weir_job);
    w->now = 1000000;
    w->wall_ms = WORLD_WALL_MS;
    assert_int_equal(weir_flow_new(&w->sub, 64, 7, &w->f), WEIR_OK);
    for (uint32_t i = 0; i < WORLD_PARTS; i++) {
        w->parts[i] =
            (weir_part){ .slot = i, .topic = "orders", .partition = (int32_t)i };
        weir_part_init(&w->parts[i]);
        weir_flow_assign(w->f, &w->parts[i], 1);
    }
}

/* key NULL: none. The job is not yet in the flow. */
static inline weir_job *world_job(world *w, int part, const char *key, uint64_t pos)
{
    weir_job *job = calloc(1, w->job_size);
    weir_slice name = WEIR_SLICE_NONE;

    assert_non_null(job);
    weir_list_init(&job->ready_node);
    weir_list_init(&job->lane_node);
    weir_list_init(&job->part_node);
    weir_arena_init(&job->arena, 256);
    weir_arena_init(&job->out_arena, 256);
    job->spare = weir_lane_new();
    assert_non_null(job->spare);
    weir_ev_begin(&job->ev, &job->arena);
    job->ev.topic = "orders";
    job->ev.where = WEIR_SLICE_LIT("kafka:orders/0@");
    job->ev.partition = part;
    job->ev.receipt =
        (weir_receipt){ (uint32_t)part, w->parts[part].epoch, { pos, 0 } };
    job->ev.time_ms = WORLD_WALL_MS;
    job->ev.bytes = 10;
    job->part = &w->parts[part];
    job->read_us = w->now;
    if (key != NULL) {
        job->ev.key = weir_slice_of(key);
        name = job->ev.key;
    }
    if (w->sub.order == WEIR_ORDER_PARTITION) {
        name = WEIR_SLICE_LIT("");
    }
    if (w->sub.order != WEIR_ORDER_NONE && name.data != NULL) {
        assert_int_equal(weir_lane_name(job->spare, job->part, name), WEIR_OK);
        job->wants_lane = true;
    }
    return job;
}

static inline void world_free(weir_job *job)
{
    weir_ev_end(&job->ev);
    weir_arena_fini(&job->arena);
    weir_arena_fini(&job->out_arena);
    weir_lane_free(job->spare);
    free(job);
}

static inline void world_move(weir_chain *to, weir_chain *from)
{
    for (weir_job *job; (job = weir_chain_pop(from)) != NULL;) {
        weir_chain_add(to, job);
    }
}

/* After each call of the flow: its chains are collected. */
static inline void world_collect(world *w)
{
    world_move(&w->settle, &w->news.settle);
    world_move(&w->done, &w->news.done);
    world_move(&w->gone, &w->news.gone);
}

static inline weir_flow_news *world_news(world *w)
{
    w->news = (weir_flow_news){ 0 };
    return &w->news;
}

static inline weir_job *world_admit(world *w, int part, const char *key, uint64_t pos)
{
    weir_job *job = world_job(w, part, key, pos);
    weir_chain chain = { 0 };

    weir_chain_add(&chain, job);
    weir_flow_admit(w->f, &chain, w->now, world_news(w));
    world_collect(w);
    return job;
}

/* Claims up to cap; returns how many. */
static inline size_t world_take_n(world *w, weir_job **out, size_t cap)
{
    const size_t n =
        weir_flow_take(w->f, out, cap, w->now, w->wall_ms, &w->n_slots, world_news(w));

    world_collect(w);
    return n;
}

/* Claims one; NULL: there is none. */
static inline weir_job *world_take(world *w)
{
    weir_job *job = NULL;

    return world_take_n(w, &job, 1) == 0 ? NULL : job;
}

/* What a pool thread does before it calls the function. */
static inline void world_start(world *w, weir_job *job)
{
    WEIR_ASSERT(job != NULL); /* the compiler sees that a claim may give none */
    weir_job_move(job, WEIR_JOB_RUNNING);
    job->n_attempts++;
    job->begun_us = w->now;
    if (job->first_us == 0) {
        job->first_us = w->now;
    }
}

/* Takes the next job and starts it; it must be `want`. */
static inline void world_run(world *w, weir_job *want)
{
    weir_job *job = world_take(w);

    assert_ptr_equal(job, want);
    assert_int_equal(job->task, WEIR_TASK_RUN);
    world_start(w, job);
}

static inline void world_finish(world *w, weir_job *job, weir_verdict verdict,
                                int n_outs, int64_t delay_ms)
{
    job->call.verdict = verdict;
    job->call.n_outs = (uint32_t)n_outs;
    job->call.delay_ms = delay_ms;
    if (verdict == WEIR_UNAVAILABLE) {
        job->n_attempts--;
    }
    weir_flow_finish(w->f, &job, 1, 1, w->now, world_news(w));
    world_collect(w);
}

/* The sink has taken it all. */
static inline void world_sent(world *w, weir_job *job)
{
    weir_flow_sent(w->f, &job, 1, w->now, world_news(w));
    world_collect(w);
}

/* The sink has answered it all. */
static inline void world_settled(world *w, weir_job *job, weir_job_sent sent)
{
    job->sent = (uint8_t)sent;
    job->sent_reason = WEIR_REASON_TOO_LARGE;
    weir_flow_settled(w->f, &job, 1, w->now, world_news(w));
    world_collect(w);
}

/* Sends the next job of the settle chain, which must be `want`. */
static inline void world_send_next(world *w, weir_job *want)
{
    assert_ptr_equal(weir_chain_pop(&w->settle), want);
    want->is_dead_made = want->reason != WEIR_REASON_NONE;
    world_sent(w, want);
}

/* The next that is done, which must be `want`; it is freed. */
static inline void world_done_next(world *w, weir_job *want)
{
    assert_ptr_equal(weir_chain_pop(&w->done), want);
    world_free(want);
}

/* From take to done without results. */
static inline void world_through(world *w, weir_job *job)
{
    world_run(w, job);
    world_finish(w, job, WEIR_DONE, 0, -1);
    world_done_next(w, job);
}

static inline void world_retire(world *w, int part)
{
    (void)weir_flow_retire(w->f, &w->parts[part], w->parts[part].epoch, w->now + 1000,
                           world_news(w));
    world_collect(w);
}

static inline void world_fence(world *w, int part)
{
    weir_flow_fence(w->f, &w->parts[part], w->parts[part].epoch, world_news(w));
    world_collect(w);
}

static inline void world_free_chain(weir_chain *chain)
{
    for (weir_job *job; (job = weir_chain_pop(chain)) != NULL;) {
        world_free(job);
    }
}

/* Frees what is done and gone; nothing may be left in the flow. */
static inline void world_end(world *w)
{
    weir_flow_stat stat;

    world_free_chain(&w->done);
    world_free_chain(&w->gone);
    weir_flow_stat_get(w->f, &stat);
    assert_int_equal(stat.n_jobs, 0);
    assert_int_equal(stat.n_slots, 0);
    assert_int_equal(stat.n_ready, 0);
    assert_int_equal(stat.n_waiting, 0);
    assert_int_equal(stat.n_settling, 0);
    assert_int_equal(stat.n_again, 0);
    assert_int_equal(w->f->lanes.n_lanes, 0);
    weir_flow_free(w->f);
}

#endif
