/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_flow_verdicts - retries, the breaker, dead letters, age, and what is stuck.
 */
#include "tests/support/flow_world.h"

/* A started job of key "k". */
static weir_job *started(world *w)
{
    weir_job *job = world_admit(w, 0, "k", 0);

    world_run(w, job);
    return job;
}

/* Lets a dead letter of that reason through to its end. */
static void expect_dead(world *w, weir_job *job, weir_reason reason)
{
    assert_int_equal(job->reason, reason);
    world_send_next(w, job);
    world_settled(w, job, WEIR_JOB_OK);
    world_done_next(w, job);
}

static void flow_gives_up_after_the_last_attempt(void **state)
{
    world w;
    weir_job *job;

    (void)state;
    world_begin(&w);
    job = started(&w);
    for (int i = 0; i < 2; i++) {
        world_finish(&w, job, WEIR_RETRY, 0, -1);
        w.now += 100;
        world_run(&w, job);
    }
    world_finish(&w, job, WEIR_RETRY, 0, -1);
    expect_dead(&w, job, WEIR_REASON_RETRIES);
    world_end(&w);
}

static void flow_counts_an_unknown_verdict_as_a_retry(void **state)
{
    world w;
    weir_job *job;

    (void)state;
    world_begin(&w);
    w.sub.retry.attempts = 1;
    job = started(&w);
    world_finish(&w, job, (weir_verdict)77, 0, -1);
    expect_dead(&w, job, WEIR_REASON_RETRIES);
    world_end(&w);
}

static void flow_calls_a_last_attempt_that_overran_a_timeout(void **state)
{
    world w;
    weir_job *job;

    (void)state;
    world_begin(&w);
    w.sub.retry.attempts = 1;
    job = started(&w);
    job->overran = true;
    world_finish(&w, job, WEIR_RETRY, 0, -1);
    expect_dead(&w, job, WEIR_REASON_TIMEOUT);
    world_end(&w);
}

static void flow_waits_as_long_as_the_function_asks(void **state)
{
    world w;
    weir_job *job;

    (void)state;
    world_begin(&w);
    job = started(&w);
    world_finish(&w, job, WEIR_RETRY, 0, 7);
    assert_int_equal(w.news.next_due_us, w.now + 7000);
    w.now += 6999;
    assert_null(world_take(&w));
    w.now += 1;
    world_run(&w, job);
    world_finish(&w, job, WEIR_DONE, 0, -1);
    world_end(&w);
}

static void flow_gives_up_after_a_time(void **state)
{
    world w;
    weir_job *job;

    (void)state;
    world_begin(&w);
    w.sub.retry.give_up_us = 150;
    w.sub.retry.attempts = 100;
    job = started(&w);
    world_finish(&w, job, WEIR_RETRY, 0, -1);
    w.now += 100;
    world_run(&w, job);
    world_finish(&w, job, WEIR_RETRY, 0, -1); /* the next would be at 200 */
    expect_dead(&w, job, WEIR_REASON_RETRIES);
    world_end(&w);
}

static void flow_does_not_count_a_pause_against_give_up_after(void **state)
{
    world w;
    weir_job *job;

    (void)state;
    world_begin(&w);
    w.sub.retry.give_up_us = 150;
    w.sub.retry.attempts = 100;
    job = started(&w);
    world_finish(&w, job, WEIR_RETRY, 0, -1);
    weir_flow_pause(w.f, true, world_news(&w));
    w.now += 1000000;
    assert_null(world_take(&w));
    weir_flow_pause(w.f, false, world_news(&w));
    world_run(&w, job);
    world_finish(&w, job, WEIR_RETRY, 0, -1);
    assert_null(w.settle.head); /* 100 of the 150 will be over */
    w.now += 100;
    world_run(&w, job);
    world_finish(&w, job, WEIR_RETRY, 0, -1);
    expect_dead(&w, job, WEIR_REASON_RETRIES);
    world_end(&w);
}

static void flow_rejects_without_another_attempt(void **state)
{
    world w;
    weir_job *job;

    (void)state;
    world_begin(&w);
    job = started(&w);
    world_finish(&w, job, WEIR_REJECT, 0, -1);
    expect_dead(&w, job, WEIR_REASON_REJECTED);
    world_end(&w);
}

/* -- the breaker -------------------------------------------------------------------------- */

static void flow_probes_with_one_event_while_unavailable(void **state)
{
    world w;
    weir_job *a, *b;

    (void)state;
    world_begin(&w);
    w.sub.retry.attempts = 1;
    a = world_admit(&w, 0, "a", 0);
    b = world_admit(&w, 0, "b", 1);
    world_run(&w, a);
    world_finish(&w, a, WEIR_UNAVAILABLE, 0, -1);
    assert_false(w.news.has_room);
    assert_null(world_take(&w)); /* nothing begins */
    w.now += 100;
    {
        weir_job *probe = world_take(&w);

        assert_non_null(probe);
        world_start(&w, probe);
        assert_null(world_take(&w)); /* one only */
        world_finish(&w, probe, WEIR_UNAVAILABLE, 0, -1);
        assert_int_equal(atomic_load(&probe->n_attempts), 0);
    }
    w.now += 1000;
    {
        weir_job *probe = world_take(&w);
        weir_job *other;

        world_start(&w, probe);
        world_finish(&w, probe, WEIR_DONE, 0, -1);
        assert_true(w.news.has_room); /* it is over */
        other = world_take(&w);
        assert_ptr_equal(other, probe == a ? b : a);
        world_start(&w, other);
        world_finish(&w, other, WEIR_DONE, 0, -1);
    }
    world_end(&w);
}

static void flow_hears_of_recovery_only_from_the_probe(void **state)
{
    world w;
    weir_job *a, *b;

    (void)state;
    world_begin(&w);
    a = world_admit(&w, 0, "a", 0);
    b = world_admit(&w, 0, "b", 1);
    world_run(&w, a);
    world_run(&w, b);
    world_finish(&w, a, WEIR_UNAVAILABLE, 0, -1);
    world_finish(&w, b, WEIR_DONE, 0, -1); /* had begun before */
    assert_false(w.news.has_room);
    w.now += 100;
    world_run(&w, a);
    world_finish(&w, a, WEIR_DONE, 0, -1);
    assert_true(w.news.has_room);
    world_end(&w);
}

static void flow_tries_another_probe_when_one_is_given_back(void **state)
{
    world w;
    weir_job *a;

    (void)state;
    world_begin(&w);
    a = started(&w);
    world_finish(&w, a, WEIR_UNAVAILABLE, 0, -1);
    w.now += 100;
    assert_ptr_equal(world_take(&w), a);
    weir_flow_give_back(w.f, &a, 1, 1, w.now, world_news(&w));
    world_run(&w, a);
    world_finish(&w, a, WEIR_DONE, 0, -1);
    assert_true(w.news.has_room);
    world_end(&w);
}

static void flow_calls_nobody_to_a_probe_while_all_slots_are_taken(void **state)
{
    world w;
    weir_job *a, *b;

    (void)state;
    world_begin(&w);
    w.sub.concurrency = 2;
    a = world_admit(&w, 0, "a", 0);
    b = world_admit(&w, 0, "b", 1);
    world_run(&w, a);
    world_run(&w, b);
    world_finish(&w, a, WEIR_UNAVAILABLE, 0, -1);
    weir_flow_pend(w.f, 1); /* one more slot */
    w.now += 100;
    assert_null(world_take(&w));
    assert_int_equal(w.news.n_ready, 0);
    assert_true(w.news.next_due_us > w.now);
    weir_flow_finish(w.f, &b, 0, 1, w.now, world_news(&w));
    assert_int_equal(w.news.n_ready, 1);
    world_run(&w, a);
    world_finish(&w, a, WEIR_DONE, 0, -1);
    world_finish(&w, b, WEIR_DONE, 0, -1);
    world_end(&w);
}

/* -- dead before they begin ----------------------------------------------------------------- */

static void flow_makes_a_faulty_event_a_dead_letter_in_its_turn(void **state)
{
    static const weir_fault faults[] = { WEIR_FAULT_DECODE, WEIR_FAULT_TOO_LARGE,
                                         WEIR_FAULT_LOOP };
    static const weir_reason reasons[] = { WEIR_REASON_DECODE, WEIR_REASON_TOO_LARGE,
                                           WEIR_REASON_LOOP };

    (void)state;
    for (int i = 0; i < 3; i++) {
        world w;
        weir_job *a, *b;

        world_begin(&w);
        a = world_admit(&w, 0, "k", 0);
        b = world_admit(&w, 0, "k", 1);
        b->ev.fault = faults[i];
        world_run(&w, a);
        assert_null(world_take(&w)); /* not before the one ahead of it */
        world_finish(&w, a, WEIR_DONE, 0, -1);
        assert_ptr_equal(world_take(&w), b);
        assert_int_equal(b->task, WEIR_TASK_SETTLE);
        assert_int_equal(b->reason, reasons[i]);
        assert_int_equal(w.n_slots, 0);
        b->is_dead_made = true;
        world_sent(&w, b);
        world_settled(&w, b, WEIR_JOB_OK);
        world_end(&w);
    }
}

static void flow_does_not_run_an_event_that_is_too_old_in_its_turn(void **state)
{
    world w;
    weir_job *old, *young;

    (void)state;
    world_begin(&w);
    w.sub.max_age_us = 1000000;
    old = world_admit(&w, 0, "old", 0);
    young = world_admit(&w, 0, "young", 1);
    old->ev.time_ms = w.wall_ms - 1001;
    young->ev.time_ms = w.wall_ms - 1000;
    assert_ptr_equal(world_take(&w), old);
    assert_int_equal(old->reason, WEIR_REASON_EXPIRED);
    world_run(&w, young);
    world_finish(&w, young, WEIR_DONE, 0, -1);
    old->is_dead_made = true;
    world_sent(&w, old);
    world_settled(&w, old, WEIR_JOB_OK);
    world_end(&w);
}

static void flow_never_calls_an_event_without_time_too_old(void **state)
{
    world w;
    weir_job *job;

    (void)state;
    world_begin(&w);
    w.sub.max_age_us = 1;
    job = world_admit(&w, 0, "k", 0);
    job->ev.time_ms = -1;
    world_through(&w, job);
    world_end(&w);
}

/* -- refused for ever ------------------------------------------------------------------------- */

static void flow_makes_a_refused_result_a_dead_letter(void **state)
{
    world w;
    weir_job *job;

    (void)state;
    world_begin(&w);
    job = started(&w);
    world_finish(&w, job, WEIR_DONE, 1, -1);
    world_send_next(&w, job);
    world_settled(&w, job, WEIR_JOB_NEVER);
    assert_int_equal(job->reason, WEIR_REASON_TOO_LARGE);
    assert_ptr_equal(world_take(&w), job);
    assert_int_equal(job->task, WEIR_TASK_SETTLE);
    job->is_dead_made = true;
    world_sent(&w, job);
    world_settled(&w, job, WEIR_JOB_OK);
    world_done_next(&w, job);
    world_end(&w);
}

static void
flow_stops_a_part_whose_dead_letter_is_refused_until_it_is_skipped(void **state)
{
    world w;
    weir_job *job, *other;
    weir_flow_first first;

    (void)state;
    world_begin(&w);
    job = started(&w);
    world_finish(&w, job, WEIR_REJECT, 0, -1);
    world_send_next(&w, job);
    world_settled(&w, job, WEIR_JOB_NEVER);
    assert_int_equal(atomic_load(&w.parts[0].n_stuck), 1);
    assert_true(weir_flow_first_get(w.f, &w.parts[0], &first));
    assert_true(first.is_stuck);
    /* nobody waits for it */
    assert_int_equal(weir_flow_busy(w.f, &w.parts[0], 1), 0);
    other = world_admit(&w, 1, "k", 0);
    world_through(&w, other); /* other parts flow */
    assert_int_equal(
        weir_flow_skip(w.f, &w.parts[0], (weir_pos){ 5, 0 }, world_news(&w)),
        WEIR_ENOENT);
    assert_int_equal(
        weir_flow_skip(w.f, &w.parts[0], (weir_pos){ 0, 0 }, world_news(&w)), WEIR_OK);
    assert_int_equal(atomic_load(&w.parts[0].n_stuck), 0);
    assert_ptr_equal(world_take(&w), job);
    assert_true(job->is_omitted);
    assert_false(job->is_dead_made); /* made anew, without payload */
    job->is_dead_made = true;
    world_sent(&w, job);
    world_settled(&w, job, WEIR_JOB_OK);
    world_done_next(&w, job);
    world_end(&w);
}

static void flow_skips_nothing_that_is_not_stuck(void **state)
{
    world w;
    weir_job *job;

    (void)state;
    world_begin(&w);
    job = started(&w);
    assert_int_equal(
        weir_flow_skip(w.f, &w.parts[0], (weir_pos){ 0, 0 }, world_news(&w)),
        WEIR_EINVAL);
    world_finish(&w, job, WEIR_DONE, 0, -1);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flow_gives_up_after_the_last_attempt),
        cmocka_unit_test(flow_counts_an_unknown_verdict_as_a_retry),
        cmocka_unit_test(flow_calls_a_last_attempt_that_overran_a_timeout),
        cmocka_unit_test(flow_waits_as_long_as_the_function_asks),
        cmocka_unit_test(flow_gives_up_after_a_time),
        cmocka_unit_test(flow_does_not_count_a_pause_against_give_up_after),
        cmocka_unit_test(flow_rejects_without_another_attempt),
        cmocka_unit_test(flow_probes_with_one_event_while_unavailable),
        cmocka_unit_test(flow_hears_of_recovery_only_from_the_probe),
        cmocka_unit_test(flow_tries_another_probe_when_one_is_given_back),
        cmocka_unit_test(flow_calls_nobody_to_a_probe_while_all_slots_are_taken),
        cmocka_unit_test(flow_makes_a_faulty_event_a_dead_letter_in_its_turn),
        cmocka_unit_test(flow_does_not_run_an_event_that_is_too_old_in_its_turn),
        cmocka_unit_test(flow_never_calls_an_event_without_time_too_old),
        cmocka_unit_test(flow_makes_a_refused_result_a_dead_letter),
        cmocka_unit_test(
            flow_stops_a_part_whose_dead_letter_is_refused_until_it_is_skipped),
        cmocka_unit_test(flow_skips_nothing_that_is_not_stuck),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
