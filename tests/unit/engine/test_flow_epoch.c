/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_flow_epoch - assignments that end and come back, stops, pauses, batches and slots.
 */
#include "tests/support/flow_world.h"

static void assign_again(world *w, int part)
{
    weir_flow_assign(w->f, &w->parts[part], w->parts[part].epoch + 1);
}

/* A started job of key "k" in a part where each event is acknowledged by itself. */
static weir_job *started(world *w)
{
    weir_job *job;

    w->parts[0].acks_each = true;
    job = world_admit(w, 0, "k", 0);
    world_run(w, job);
    return job;
}

static void flow_retire_takes_out_what_has_not_begun(void **state)
{
    world w;
    weir_job *a, *b, *c;

    (void)state;
    world_begin(&w);
    a = started(&w);
    b = world_admit(&w, 0, "k", 1);
    c = world_admit(&w, 1, "k", 0);
    world_retire(&w, 0);
    assert_ptr_equal(weir_chain_pop(&w.gone), b);
    world_free(b);
    assert_null(w.gone.head);
    assert_int_equal(weir_flow_busy(w.f, &w.parts[0], 1), 1);
    world_finish(&w, a, WEIR_DONE, 0, -1);
    assert_ptr_equal(w.done.head, a); /* its verdict still counts */
    world_done_next(&w, a);
    world_through(&w, c);
    world_end(&w);
}

static void flow_retire_finishes_first_what_lies_below_the_highest_begun(void **state)
{
    world w;
    weir_job *low, *high, *above;

    (void)state;
    world_begin(&w);
    w.sub.concurrency = 1;
    low = world_admit(&w, 0, "k", 0);
    world_run(&w, low);
    world_finish(&w, low, WEIR_RETRY, 0, 0);
    high = world_admit(&w, 0, "j", 1);
    above = world_admit(&w, 0, "j", 2);
    world_run(&w, low);
    world_finish(&w, low, WEIR_RETRY, 0, -1); /* waits for 100 us */
    world_run(&w, high);
    world_retire(&w, 0);
    assert_ptr_equal(weir_chain_pop(&w.gone), above);
    world_free(above);
    world_finish(&w, high, WEIR_DONE, 0, -1);
    w.now += 100;
    world_run(&w, low);
    world_finish(&w, low, WEIR_DONE, 0, -1);
    assert_null(w.gone.head);
    world_end(&w);
}

static void flow_retry_in_a_retired_part_goes_if_it_would_come_too_late(void **state)
{
    world w;
    weir_job *job;

    (void)state;
    world_begin(&w);
    job = world_admit(&w, 0, "k", 0);
    world_run(&w, job);
    world_retire(&w, 0); /* until 1,000 us from now */
    world_finish(&w, job, WEIR_RETRY, 0, 2);
    assert_ptr_equal(w.gone.head, job);
    world_end(&w);
}

/* Keys "k", "k" and "j" of part 0: the first runs, the last has ended, so both of "k" lie below
 * the highest begun. */
static void below_begun(world *w, weir_job **first, weir_job **second)
{
    weir_job *other;

    *first = world_admit(w, 0, "k", 0);
    *second = world_admit(w, 0, "k", 1);
    other = world_admit(w, 0, "j", 2);
    world_run(w, *first);
    world_run(w, other);
    world_finish(w, other, WEIR_DONE, 0, -1);
    world_done_next(w, other);
}

static void flow_retry_that_comes_too_late_is_not_overtaken_by_its_lane(void **state)
{
    (void)state;
    for (int is_stop = 0; is_stop < 2; is_stop++) {
        world w;
        weir_job *first, *second;

        world_begin(&w);
        below_begun(&w, &first, &second);
        if (is_stop) {
            weir_flow_stop(w.f, w.now + 1000, world_news(&w));
            world_collect(&w);
        } else {
            world_retire(&w, 0); /* until 1,000 us from now */
        }
        assert_null(w.gone.head);
        world_finish(&w, first, WEIR_RETRY, 0, 2);
        assert_null(world_take(&w));
        assert_ptr_equal(weir_chain_pop(&w.gone), first);
        assert_ptr_equal(weir_chain_pop(&w.gone), second);
        world_free(first);
        world_free(second);
        world_end(&w);
    }
}

static void flow_retire_takes_out_what_is_behind_a_retry_that_is_too_late(void **state)
{
    world w;
    weir_job *first, *second, *above;

    (void)state;
    world_begin(&w);
    below_begun(&w, &first, &second);
    above = world_admit(&w, 0, "k", 3);
    world_finish(&w, first, WEIR_RETRY, 0, 2);
    world_retire(&w, 0); /* until 1,000 us from now */
    assert_null(world_take(&w));
    assert_ptr_equal(weir_chain_pop(&w.gone), first);
    assert_ptr_equal(weir_chain_pop(&w.gone), second);
    assert_ptr_equal(weir_chain_pop(&w.gone), above);
    world_free(first);
    world_free(second);
    world_free(above);
    world_end(&w);
}

static void flow_fence_drops_the_verdict_and_cancels_the_call(void **state)
{
    world w;
    weir_job *job;

    (void)state;
    world_begin(&w);
    job = started(&w);
    world_retire(&w, 0);
    world_fence(&w, 0);
    assert_true(atomic_load(&job->call.is_cancelled));
    world_finish(&w, job, WEIR_DONE, 1, -1);
    assert_null(w.settle.head);
    assert_ptr_equal(w.gone.head, job);
    world_end(&w);
}

static void flow_lane_stays_closed_until_a_fenced_call_returns(void **state)
{
    world w;
    weir_job *old, *next;

    (void)state;
    world_begin(&w);
    old = started(&w);
    world_retire(&w, 0);
    world_fence(&w, 0);
    assign_again(&w, 0);
    next = world_admit(&w, 0, "k", 7); /* another event of the key */
    assert_null(world_take(&w));
    world_finish(&w, old, WEIR_DONE, 0, -1);
    world_run(&w, next);
    world_finish(&w, next, WEIR_DONE, 0, -1);
    world_end(&w);
}

static void flow_adopts_running_events_when_their_partition_comes_back(void **state)
{
    world w;
    weir_job *a, *b, *again;

    (void)state;
    world_begin(&w);
    a = world_admit(&w, 0, "a", 0);
    b = world_admit(&w, 0, "b", 1);
    world_run(&w, a);
    world_run(&w, b);
    world_retire(&w, 0);
    world_fence(&w, 0);
    assign_again(&w, 0);
    for (uint64_t pos = 0; pos < 2; pos++) {
        again = world_admit(&w, 0, pos == 0 ? "a" : "b", pos);
        assert_ptr_equal(weir_chain_pop(&w.gone), again);
        assert_true(again->is_twin);
        world_free(again);
    }
    assert_null(world_take(&w));
    world_finish(&w, a, WEIR_DONE, 0, -1);
    world_finish(&w, b, WEIR_DONE, 0, -1);
    world_done_next(&w, a);
    world_done_next(&w, b);
    world_end(&w);
}

static void flow_runs_an_event_again_behind_the_repeat_of_an_earlier_one(void **state)
{
    world w;
    weir_job *first, *second, *first_again, *second_again;

    (void)state;
    world_begin(&w);
    first = world_admit(&w, 0, "k", 0);
    world_through(&w, first); /* done, but its position was not committed in time */
    second = world_admit(&w, 0, "k", 1);
    world_run(&w, second);
    world_retire(&w, 0);
    world_fence(&w, 0);
    assign_again(&w, 0);
    first_again = world_admit(&w, 0, "k", 0);
    second_again = world_admit(&w, 0, "k", 1);
    assert_null(w.gone.head);
    world_finish(&w, second, WEIR_DONE, 1, -1); /* it would overtake the first */
    assert_ptr_equal(weir_chain_pop(&w.gone), second);
    world_free(second);
    world_through(&w, first_again);
    world_through(&w, second_again);
    world_end(&w);
}

static void flow_keeps_a_fenced_job_until_the_sink_gives_its_outputs_back(void **state)
{
    world w;
    weir_job *job;

    (void)state;
    world_begin(&w);
    job = started(&w);
    world_finish(&w, job, WEIR_DONE, 2, -1);
    assert_ptr_equal(weir_chain_pop(&w.settle), job);
    job->has_hold = true; /* the sender's, and one output that the sink has taken */
    atomic_store(&job->n_unanswered, 2);
    weir_flow_unsent(w.f, &job, 1, w.now, w.now + 2, world_news(&w));
    world_retire(&w, 0);
    world_fence(&w, 0);
    world_fence(&w, 0); /* a second one takes no hold that is not the sender's */
    assert_null(w.gone.head);
    assert_int_equal(atomic_fetch_sub(&job->n_unanswered, 1), 1);
    world_settled(&w, job, WEIR_JOB_OK);
    assert_ptr_equal(w.gone.head, job);
    world_end(&w);
}

static void flow_lets_go_what_is_confirmed_behind_a_fenced_job(void **state)
{
    world w;
    weir_job *a, *b;

    (void)state;
    world_begin(&w);
    a = world_admit(&w, 0, "k", 0);
    b = world_admit(&w, 0, "k", 1);
    world_run(&w, a);
    world_finish(&w, a, WEIR_DONE, 1, -1);
    world_send_next(&w, a);
    world_run(&w, b);
    world_finish(&w, b, WEIR_DONE, 0, -1);
    world_settled(&w, a, WEIR_JOB_AGAIN);
    world_retire(&w, 0);
    world_fence(&w, 0);
    assert_int_equal(w.gone.n, 2);
    world_end(&w);
}

static void flow_admits_nothing_of_a_retired_epoch(void **state)
{
    world w;
    weir_job *job;

    (void)state;
    world_begin(&w);
    world_retire(&w, 0);
    job = world_admit(&w, 0, "k", 0);
    assert_ptr_equal(w.gone.head, job);
    world_end(&w);
}

/* -- stop, pause, give back ------------------------------------------------------------------- */

static void flow_stop_lets_only_the_begun_end(void **state)
{
    world w;
    weir_job *a, *b;

    (void)state;
    world_begin(&w);
    a = started(&w);
    b = world_admit(&w, 0, "other", 1);
    weir_flow_stop(w.f, w.now + 1000, world_news(&w));
    world_collect(&w);
    assert_ptr_equal(w.gone.head, b);
    assert_false(w.news.has_room);
    world_admit(&w, 0, "k", 2);
    assert_int_equal(w.gone.n, 2);
    world_finish(&w, a, WEIR_RETRY, 0, -1); /* nothing begins again */
    assert_int_equal(w.gone.n, 3);
    world_end(&w);
}

static void flow_pause_lets_nothing_begin_and_asks_for_nothing(void **state)
{
    world w;
    weir_job *job;

    (void)state;
    world_begin(&w);
    job = world_admit(&w, 0, "k", 0);
    weir_flow_pause(w.f, true, world_news(&w));
    assert_false(w.news.has_room);
    assert_int_equal(w.news.n_ready, 0);
    assert_null(world_take(&w));
    weir_flow_pause(w.f, false, world_news(&w));
    assert_true(w.news.has_room);
    world_through(&w, job);
    world_end(&w);
}

static void flow_takes_back_what_was_not_begun_first_in_line(void **state)
{
    world w;
    weir_job *jobs[3];
    weir_job *out[3];

    (void)state;
    world_begin(&w);
    for (uint64_t i = 0; i < 3; i++) {
        jobs[i] = world_admit(&w, 0, NULL, i);
    }
    assert_int_equal(world_take_n(&w, out, 2), 2);
    assert_int_equal(w.n_slots, 1); /* one thread, one after another */
    weir_flow_give_back(w.f, out, 2, 1, w.now, world_news(&w));
    for (int i = 0; i < 3; i++) {
        world_through(&w, jobs[i]);
    }
    world_end(&w);
}

/* -- slots and batches ------------------------------------------------------------------------- */

static void flow_runs_no_more_than_the_concurrency(void **state)
{
    world w;
    weir_job *jobs[3];

    (void)state;
    world_begin(&w);
    w.sub.concurrency = 2;
    for (uint64_t i = 0; i < 3; i++) {
        jobs[i] = world_admit(&w, 0, NULL, i);
    }
    world_run(&w, jobs[0]);
    world_run(&w, jobs[1]);
    assert_null(world_take(&w));
    weir_flow_pend(w.f, 1); /* the call of the first */
    weir_flow_finish(w.f, jobs, 0, 1, w.now, world_news(&w)); /* its thread */
    assert_null(world_take(&w)); /* a pending call holds its slot */
    world_finish(&w, jobs[0], WEIR_DONE, 0, -1);
    world_run(&w, jobs[2]);
    world_finish(&w, jobs[1], WEIR_DONE, 0, -1);
    world_finish(&w, jobs[2], WEIR_DONE, 0, -1);
    world_end(&w);
}

static void flow_gives_each_event_a_slot_once_calls_have_been_pending(void **state)
{
    world w;
    weir_job *out[8];

    (void)state;
    world_begin(&w);
    w.sub.concurrency = 4;
    for (uint64_t i = 0; i < 6; i++) {
        world_admit(&w, 0, NULL, i);
    }
    weir_flow_pend(w.f, 1);
    /* as many as there are slots left */
    assert_int_equal(world_take_n(&w, out, 8), 3);
    assert_int_equal(w.n_slots, 3);
    assert_null(world_take(&w));
    for (int i = 0; i < 3; i++) {
        world_start(&w, out[i]);
        out[i]->call.verdict = WEIR_DONE;
    }
    /* the third is pending */
    weir_flow_finish(w.f, out, 2, 2, w.now, world_news(&w));
    world_collect(&w);
    assert_int_equal(world_take_n(&w, out + 3, 5), 2);
    for (int i = 3; i < 5; i++) {
        world_start(&w, out[i]);
        out[i]->call.verdict = WEIR_DONE;
    }
    weir_flow_finish(w.f, out + 2, 3, 3, w.now, world_news(&w));
    world_collect(&w);
    weir_job *last = world_take(&w);

    assert_non_null(last);
    world_start(&w, last);
    /* of weir_flow_pend() */
    weir_flow_finish(w.f, out, 0, 1, w.now, world_news(&w));
    world_finish(&w, last, WEIR_DONE, 0, -1);
    world_end(&w);
}

static void flow_fills_a_batch_or_waits_for_its_time(void **state)
{
    world w;
    weir_job *out[8];
    size_t n;

    (void)state;
    world_begin(&w);
    w.sub.batch = (weir_batch_rules){ .max = 3, .wait_us = 50, .bytes = 1000 };
    world_admit(&w, 0, "a", 0);
    world_admit(&w, 0, "b", 1);
    world_admit(&w, 0, "a", 2); /* the same key: never in one batch */
    assert_int_equal(world_take_n(&w, out, 8), 0);
    assert_int_equal(w.news.next_due_us, w.now + 50);
    w.now += 50;
    n = world_take_n(&w, out, 8);
    assert_int_equal(n, 2);
    assert_int_equal(w.n_slots, 2);
    for (size_t i = 0; i < n; i++) {
        world_start(&w, out[i]);
        world_finish(&w, out[i], WEIR_DONE, 0, -1);
    }
    world_admit(&w, 0, "c", 3);
    world_admit(&w, 0, "d", 4);
    n = world_take_n(&w, out, 8); /* full: at once */
    assert_int_equal(n, 3);
    for (size_t i = 0; i < n; i++) {
        world_start(&w, out[i]);
        world_finish(&w, out[i], WEIR_DONE, 0, -1);
    }
    world_end(&w);
}

static void flow_ends_a_batch_at_its_bytes(void **state)
{
    world w;
    weir_job *out[8];

    (void)state;
    world_begin(&w);
    w.sub.batch = (weir_batch_rules){ .max = 3, .wait_us = 0, .bytes = 25 };
    for (uint64_t i = 0; i < 3; i++) {
        world_admit(&w, 0, NULL, i); /* 10 bytes each */
    }
    assert_int_equal(world_take_n(&w, out, 8), 2);
    for (int i = 0; i < 2; i++) {
        world_start(&w, out[i]);
        world_finish(&w, out[i], WEIR_DONE, 0, -1);
    }
    assert_int_equal(world_take_n(&w, out, 8), 1);
    world_start(&w, out[0]);
    world_finish(&w, out[0], WEIR_DONE, 0, -1);
    world_end(&w);
}

/* Else nothing would be read that it could be tried with, and it stayed open for good. */
static void flow_with_an_open_breaker_and_nothing_to_try_asks_for_more(void **state)
{
    world w;
    weir_job *job;

    (void)state;
    world_begin(&w);
    job = world_admit(&w, 0, "a", 1);
    world_run(&w, job);
    world_finish(&w, job, WEIR_UNAVAILABLE, 0, 100000);
    assert_false(w.news.has_room); /* it waits, for the probe */
    world_retire(&w, 0);
    assert_ptr_equal(weir_chain_pop(&w.gone), job);
    world_free(job);
    assert_true(w.news.has_room);
    weir_flow_assign(w.f, &w.parts[0], 2);
    job = world_admit(&w, 0, "a", 1);
    assert_false(w.news.has_room); /* one is enough */
    w.now += 200000000;
    world_through(&w, job);
    assert_true(w.news.has_room);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flow_retire_takes_out_what_has_not_begun),
        cmocka_unit_test(flow_retire_finishes_first_what_lies_below_the_highest_begun),
        cmocka_unit_test(flow_retry_in_a_retired_part_goes_if_it_would_come_too_late),
        cmocka_unit_test(flow_retry_that_comes_too_late_is_not_overtaken_by_its_lane),
        cmocka_unit_test(flow_retire_takes_out_what_is_behind_a_retry_that_is_too_late),
        cmocka_unit_test(flow_fence_drops_the_verdict_and_cancels_the_call),
        cmocka_unit_test(flow_lane_stays_closed_until_a_fenced_call_returns),
        cmocka_unit_test(flow_adopts_running_events_when_their_partition_comes_back),
        cmocka_unit_test(flow_runs_an_event_again_behind_the_repeat_of_an_earlier_one),
        cmocka_unit_test(flow_keeps_a_fenced_job_until_the_sink_gives_its_outputs_back),
        cmocka_unit_test(flow_lets_go_what_is_confirmed_behind_a_fenced_job),
        cmocka_unit_test(flow_admits_nothing_of_a_retired_epoch),
        cmocka_unit_test(flow_stop_lets_only_the_begun_end),
        cmocka_unit_test(flow_pause_lets_nothing_begin_and_asks_for_nothing),
        cmocka_unit_test(flow_takes_back_what_was_not_begun_first_in_line),
        cmocka_unit_test(flow_runs_no_more_than_the_concurrency),
        cmocka_unit_test(flow_gives_each_event_a_slot_once_calls_have_been_pending),
        cmocka_unit_test(flow_fills_a_batch_or_waits_for_its_time),
        cmocka_unit_test(flow_ends_a_batch_at_its_bytes),
        cmocka_unit_test(flow_with_an_open_breaker_and_nothing_to_try_asks_for_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
