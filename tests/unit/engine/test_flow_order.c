/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_flow_order - which event may begin, when a lane opens, and when an event is done.
 */
#include "tests/support/flow_world.h"

static void flow_runs_one_event_of_a_key_at_a_time(void **state)
{
    world w;
    weir_job *a, *b, *c;

    (void)state;
    world_begin(&w);
    a = world_admit(&w, 0, "k", 0);
    world_run(&w, a);
    b = world_admit(&w, 0, "k", 1);
    c = world_admit(&w, 0, "other", 2);
    world_run(&w, c); /* another key goes on */
    assert_null(world_take(&w));
    world_finish(&w, a, WEIR_DONE, 0, -1);
    world_run(&w, b);
    world_finish(&w, c, WEIR_DONE, 0, -1);
    world_finish(&w, b, WEIR_DONE, 0, -1);
    world_end(&w);
}

static void flow_tells_the_same_key_of_two_partitions_apart(void **state)
{
    world w;
    weir_job *a, *b;

    (void)state;
    world_begin(&w);
    a = world_admit(&w, 0, "k", 0);
    b = world_admit(&w, 1, "k", 0);
    world_run(&w, a);
    world_run(&w, b);
    world_finish(&w, a, WEIR_DONE, 0, -1);
    world_finish(&w, b, WEIR_DONE, 0, -1);
    world_end(&w);
}

static void flow_gives_events_without_key_no_lane(void **state)
{
    world w;
    weir_job *a, *b;

    (void)state;
    world_begin(&w);
    a = world_admit(&w, 0, NULL, 0);
    b = world_admit(&w, 0, NULL, 1);
    world_run(&w, a);
    world_run(&w, b);
    world_finish(&w, b, WEIR_DONE, 0, -1);
    world_done_next(&w, b); /* does not wait for the earlier one */
    world_finish(&w, a, WEIR_DONE, 0, -1);
    world_end(&w);
}

static void flow_orders_a_whole_partition_when_told_to(void **state)
{
    world w;
    weir_job *a, *b, *c;

    (void)state;
    world_begin(&w);
    w.sub.order = WEIR_ORDER_PARTITION;
    a = world_admit(&w, 0, "k", 0);
    b = world_admit(&w, 0, NULL, 1);
    c = world_admit(&w, 1, "k", 0);
    world_run(&w, a);
    world_run(&w, c);
    assert_null(world_take(&w));
    world_finish(&w, a, WEIR_DONE, 0, -1);
    world_run(&w, b);
    world_finish(&w, b, WEIR_DONE, 0, -1);
    world_finish(&w, c, WEIR_DONE, 0, -1);
    world_end(&w);
}

static void flow_runs_one_key_at_once_without_order(void **state)
{
    world w;
    weir_job *a, *b;

    (void)state;
    world_begin(&w);
    w.sub.order = WEIR_ORDER_NONE;
    a = world_admit(&w, 0, "k", 0);
    b = world_admit(&w, 0, "k", 1);
    world_run(&w, a);
    world_run(&w, b);
    world_finish(&w, a, WEIR_DONE, 0, -1);
    world_finish(&w, b, WEIR_DONE, 0, -1);
    world_end(&w);
}

static void flow_keeps_a_lane_closed_while_its_event_waits_for_a_retry(void **state)
{
    world w;
    weir_job *a, *b;

    (void)state;
    world_begin(&w);
    a = world_admit(&w, 0, "k", 0);
    b = world_admit(&w, 0, "k", 1);
    world_run(&w, a);
    world_finish(&w, a, WEIR_RETRY, 0, -1);
    assert_int_equal(w.news.next_due_us, w.now + 100);
    assert_null(world_take(&w));
    w.now += 99;
    assert_null(world_take(&w));
    w.now += 1;
    world_run(&w, a); /* before the one behind it */
    world_finish(&w, a, WEIR_DONE, 0, -1);
    world_done_next(&w, a);
    world_through(&w, b);
    world_end(&w);
}

static void flow_opens_a_lane_when_its_results_are_with_the_sink(void **state)
{
    world w;
    weir_job *a, *b;

    (void)state;
    world_begin(&w);
    a = world_admit(&w, 0, "k", 0);
    b = world_admit(&w, 0, "k", 1);
    world_run(&w, a);
    world_finish(&w, a, WEIR_DONE, 1, -1);
    /* finished, but another thread could overtake its send */
    assert_null(world_take(&w));
    world_send_next(&w, a);
    world_run(&w, b); /* not confirmed yet */
    world_settled(&w, a, WEIR_JOB_OK);
    world_done_next(&w, a);
    world_finish(&w, b, WEIR_DONE, 0, -1);
    world_end(&w);
}

static void flow_opens_a_lane_at_the_answer_of_a_sink_without_order(void **state)
{
    world w;
    weir_job *a, *b;

    (void)state;
    world_begin(&w);
    a = world_admit(&w, 0, "k", 0);
    b = world_admit(&w, 0, "k", 1);
    world_run(&w, a);
    world_finish(&w, a, WEIR_DONE, 1, -1);
    a->is_late_open = true;
    world_send_next(&w, a);
    assert_null(world_take(&w));
    world_settled(&w, a, WEIR_JOB_OK);
    world_run(&w, b);
    world_finish(&w, b, WEIR_DONE, 0, -1);
    world_end(&w);
}

static void flow_is_done_with_an_event_only_after_the_earlier_ones(void **state)
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
    assert_null(w.done.head); /* the result of the first is not confirmed */
    world_settled(&w, a, WEIR_JOB_OK);
    world_done_next(&w, a);
    world_done_next(&w, b);
    world_end(&w);
}

static void flow_repeats_failed_sends_in_the_order_of_the_lane(void **state)
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
    world_finish(&w, b, WEIR_DONE, 1, -1);
    world_send_next(&w, b);
    world_settled(&w, a, WEIR_JOB_AGAIN);
    world_settled(&w, b, WEIR_JOB_AGAIN);
    assert_false(w.news.has_room);
    w.now += 60000000;
    assert_ptr_equal(world_take(&w), a);
    assert_int_equal(a->task, WEIR_TASK_SETTLE);
    assert_null(world_take(&w)); /* the second waits for the first */
    world_sent(&w, a);
    world_settled(&w, a, WEIR_JOB_OK);
    world_done_next(&w, a);
    assert_ptr_equal(world_take(&w), b);
    world_sent(&w, b);
    world_settled(&w, b, WEIR_JOB_OK);
    assert_true(w.news.has_room);
    world_end(&w);
}

static void flow_holds_a_result_back_while_an_earlier_one_has_failed(void **state)
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
    world_settled(&w, a, WEIR_JOB_AGAIN);
    world_finish(&w, b, WEIR_DONE, 1, -1);
    assert_null(w.settle.head);
    w.now += 60000000;
    assert_ptr_equal(world_take(&w), a);
    world_sent(&w, a);
    world_settled(&w, a, WEIR_JOB_OK);
    assert_ptr_equal(world_take(&w), b);
    world_sent(&w, b);
    world_settled(&w, b, WEIR_JOB_OK);
    world_end(&w);
}

static void flow_repeats_a_send_for_ever_without_an_attempt(void **state)
{
    world w;
    weir_job *a;

    (void)state;
    world_begin(&w);
    a = world_admit(&w, 0, "k", 0);
    world_run(&w, a);
    world_finish(&w, a, WEIR_DONE, 1, -1);
    world_send_next(&w, a);
    for (int i = 0; i < 1000; i++) {
        world_settled(&w, a, WEIR_JOB_AGAIN);
        assert_false(w.news.has_room);
        w.now = w.news.next_due_us;
        assert_ptr_equal(world_take(&w), a);
        world_sent(&w, a);
    }
    assert_int_equal(atomic_load(&a->n_attempts), 1);
    world_settled(&w, a, WEIR_JOB_OK);
    world_end(&w);
}

static void flow_sends_what_found_no_room_a_little_later(void **state)
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
    world_finish(&w, b, WEIR_DONE, 1, -1);
    assert_ptr_equal(weir_chain_pop(&w.settle), b);
    weir_flow_unsent(w.f, &b, 1, w.now, w.now + 2, world_news(&w));
    assert_int_equal(w.news.next_due_us, w.now + 2);
    assert_true(w.news.has_room); /* that is no failure */
    w.now += 2;
    assert_ptr_equal(world_take(&w), b); /* though the first is not confirmed */
    world_sent(&w, b);
    world_settled(&w, a, WEIR_JOB_OK);
    world_settled(&w, b, WEIR_JOB_OK);
    world_end(&w);
}

/* As after a long row of events that ended as DONE without outputs. */
static void have_plain_events(world *w)
{
    for (uint64_t i = 0; i < 64; i++) {
        world_through(w, world_admit(w, 1, NULL, i));
    }
}

static void flow_lets_one_claim_hold_a_row_of_one_key(void **state)
{
    weir_job *jobs[3], *out[8], *last;
    world w;

    (void)state;
    world_begin(&w);
    have_plain_events(&w);
    for (uint64_t i = 0; i < 3; i++) {
        jobs[i] = world_admit(&w, 0, "k", i);
    }
    assert_int_equal(world_take_n(&w, out, 8), 3);
    assert_int_equal(w.n_slots, 1);
    assert_int_equal(out[0]->behind, 0);
    for (uint32_t i = 0; i < 3; i++) {
        assert_ptr_equal(out[i], jobs[i]);
        assert_int_equal(out[i]->behind, i);
        world_start(&w, out[i]);
        out[i]->call.verdict = WEIR_DONE;
    }
    last = world_admit(&w, 0, "k", 3);
    assert_null(world_take(&w)); /* the row has the lane */
    weir_flow_finish(w.f, out, 3, 1, w.now, world_news(&w));
    world_collect(&w);
    for (int i = 0; i < 3; i++) {
        world_done_next(&w, jobs[i]);
    }
    world_through(&w, last);
    world_end(&w);
}

static void flow_takes_back_what_stands_behind_a_retry_in_its_claim(void **state)
{
    weir_job *out[8], *other[1];
    world w;

    (void)state;
    world_begin(&w);
    have_plain_events(&w);
    for (uint64_t i = 0; i < 3; i++) {
        (void)world_admit(&w, 0, "k", i);
    }
    assert_int_equal(world_take_n(&w, out, 8), 3);
    world_start(&w, out[0]);
    out[0]->call.verdict = WEIR_RETRY;
    out[0]->call.delay_ms = 1;
    /* two have not begun */
    weir_flow_finish(w.f, out, 3, 1, w.now, world_news(&w));
    world_collect(&w);
    assert_int_equal(world_take_n(&w, other, 1), 0);
    w.now = w.news.next_due_us;
    for (int i = 0; i < 3; i++) {
        world_through(&w, out[i]);
    }
    world_end(&w);
}

static void flow_claims_no_row_where_events_have_results(void **state)
{
    weir_job *a, *out[8];
    world w;

    (void)state;
    world_begin(&w);
    have_plain_events(&w);
    a = world_admit(&w, 0, "k", 0);
    world_run(&w, a);
    world_finish(&w, a, WEIR_DONE, 1, -1);
    world_send_next(&w, a);
    world_settled(&w, a, WEIR_JOB_OK);
    (void)world_admit(&w, 0, "k", 1);
    (void)world_admit(&w, 0, "k", 2);
    assert_int_equal(world_take_n(&w, out, 8), 1);
    weir_flow_give_back(w.f, out, 1, 1, w.now, world_news(&w));
    for (int i = 0; i < 2; i++) {
        weir_job *job = world_take(&w);

        world_start(&w, job);
        world_finish(&w, job, WEIR_DONE, 0, -1);
    }
    world_end(&w);
}

static void flow_reads_on_though_all_waits_behind_one_event(void **state)
{
    enum { PLAIN = 64, BEHIND = 5000 };
    world w;
    weir_job *slow;

    (void)state;
    world_begin(&w);
    for (uint64_t i = 0; i < PLAIN; i++) {
        world_through(&w, world_admit(&w, 0, "k", i));
    }
    slow = world_admit(&w, 0, "k", PLAIN);
    world_run(&w, slow);
    for (uint64_t i = 1; i <= BEHIND; i++) {
        world_admit(&w, 0, "k", PLAIN + i);
    }
    assert_true(w.news.has_room); /* other keys go on */
    assert_false(weir_flow_hint_busy(w.f));
    world_finish(&w, slow, WEIR_DONE, 0, -1);
    for (weir_job *job; (job = world_take(&w)) != NULL;) {
        world_start(&w, job);
        world_finish(&w, job, WEIR_DONE, 0, -1);
    }
    world_end(&w);
}

/* A row of short events is not a slow one, until it turns out to be. */
static void flow_reads_on_behind_a_row_only_when_it_takes_long(void **state)
{
    enum { PLAIN = 64, BEHIND = 5000, ROW = 8 };
    weir_job *row[ROW];
    world w;

    (void)state;
    world_begin(&w);
    for (uint64_t i = 0; i < PLAIN; i++) {
        world_through(&w, world_admit(&w, 0, "k", i));
    }
    for (uint64_t i = 0; i < BEHIND; i++) {
        world_admit(&w, 0, "k", PLAIN + i);
    }
    assert_false(w.news.has_room);
    assert_int_equal(world_take_n(&w, row, ROW), ROW);
    assert_false(w.news.has_room);
    assert_true(weir_flow_hint_busy(w.f));
    w.now += 1001; /* the tender takes back what has not begun */
    world_start(&w, row[0]);
    weir_flow_give_back(w.f, row + 1, ROW - 1, 0, w.now, world_news(&w));
    assert_true(w.news.has_room);
    assert_false(weir_flow_hint_busy(w.f));
    world_finish(&w, row[0], WEIR_DONE, 0, -1);
    assert_false(w.news.has_room);
    for (weir_job *job; (job = world_take(&w)) != NULL;) {
        world_start(&w, job);
        world_finish(&w, job, WEIR_DONE, 0, -1);
    }
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flow_reads_on_though_all_waits_behind_one_event),
        cmocka_unit_test(flow_reads_on_behind_a_row_only_when_it_takes_long),
        cmocka_unit_test(flow_runs_one_event_of_a_key_at_a_time),
        cmocka_unit_test(flow_tells_the_same_key_of_two_partitions_apart),
        cmocka_unit_test(flow_gives_events_without_key_no_lane),
        cmocka_unit_test(flow_orders_a_whole_partition_when_told_to),
        cmocka_unit_test(flow_runs_one_key_at_once_without_order),
        cmocka_unit_test(flow_keeps_a_lane_closed_while_its_event_waits_for_a_retry),
        cmocka_unit_test(flow_opens_a_lane_when_its_results_are_with_the_sink),
        cmocka_unit_test(flow_opens_a_lane_at_the_answer_of_a_sink_without_order),
        cmocka_unit_test(flow_is_done_with_an_event_only_after_the_earlier_ones),
        cmocka_unit_test(flow_repeats_failed_sends_in_the_order_of_the_lane),
        cmocka_unit_test(flow_holds_a_result_back_while_an_earlier_one_has_failed),
        cmocka_unit_test(flow_repeats_a_send_for_ever_without_an_attempt),
        cmocka_unit_test(flow_sends_what_found_no_room_a_little_later),
        cmocka_unit_test(flow_lets_one_claim_hold_a_row_of_one_key),
        cmocka_unit_test(flow_takes_back_what_stands_behind_a_retry_in_its_claim),
        cmocka_unit_test(flow_claims_no_row_where_events_have_results),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
