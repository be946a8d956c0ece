/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_sinks - the whole engine while its sinks, its partitions and its memory are in
 * trouble: nothing is lost, nothing is overtaken.
 */
#include "tests/support/engine_rig.h"

#include <stdio.h>

#define EVENTS 3000
#define KEYS 20

static void put_many(rig *r)
{
    for (int i = 0; i < EVENTS; i++) {
        char key[16], data[32];

        snprintf(key, sizeof(key), "%d", i % KEYS);
        snprintf(data, sizeof(data), "%d:%d", i % KEYS, i / KEYS + 1);
        weir_rig_put(r, "in", i % KEYS % r->n_partitions, key, data);
    }
}

/* Every result of a key follows the one before it; after a repeat it may go back, in order. */
static void check_order(rig *r)
{
    const size_t n = weir_rig_count(r, "out");
    int last[KEYS] = { 0 };

    for (size_t i = 0; i < n; i++) {
        int key, nth;

        assert_int_equal(sscanf(weir_rig_text(r, "out", i), "%d:%d", &key, &nth), 2);
        assert_true(nth <= last[key] + 1);
        last[key] = nth;
    }
    for (int key = 0; key < KEYS; key++) {
        assert_int_equal(last[key], EVENTS / KEYS);
    }
}

static bool is_all_committed(rig *r)
{
    int64_t n = 0;

    for (int32_t p = 0; p < r->n_partitions; p++) {
        n += weir_rig_committed(r, p);
    }
    return n == EVENTS;
}

static void engine_keeps_order_with_a_sink_that_is_full(void **state)
{
    rig r;

    (void)state;
    weir_rig_open(&r);
    weir_memory_queue_limit_sends(r.q, 3);
    weir_rig_start(&r);
    put_many(&r);
    RIG_WAIT(is_all_committed(&r));
    assert_int_equal(weir_rig_count(&r, "out"), EVENTS);
    check_order(&r);
    weir_rig_close(&r);
}

static void engine_keeps_order_with_a_sink_that_is_full_and_late(void **state)
{
    rig r;

    (void)state;
    weir_rig_open(&r);
    weir_memory_queue_limit_sends(r.q, 7);
    weir_memory_queue_hold_sends(r.q, true);
    weir_rig_start(&r);
    put_many(&r);
    RIG_WAIT(weir_rig_stat(&r, 0).n_settling > 7);
    assert_int_equal(weir_rig_committed(&r, 0), 0);
    weir_memory_queue_hold_sends(r.q, false);
    /* a held queue answers when the next send or flush looks */
    RIG_WAIT(is_all_committed(&r));
    check_order(&r);
    weir_rig_close(&r);
}

static void engine_keeps_order_with_a_sink_that_keeps_none(void **state)
{
    rig r;

    (void)state;
    weir_rig_open(&r);
    r.queue.sink = &weir_memory_loose_sink;
    weir_rig_start(&r);
    put_many(&r);
    RIG_WAIT(weir_rig_count(&r, "out") > 100);
    weir_memory_queue_fail_sends(r.q, "out", WEIR_SENT_AGAIN, 20);
    RIG_WAIT(is_all_committed(&r));
    assert_int_equal(weir_rig_count(&r, "out"), EVENTS);
    check_order(&r);
    weir_rig_close(&r);
}

static void engine_sends_again_without_counting_attempts(void **state)
{
    rig r;

    (void)state;
    weir_rig_open(&r);
    r.subs[0].retry.attempts = 1;
    weir_rig_start(&r);
    weir_memory_queue_fail_sends(r.q, "out", WEIR_SENT_AGAIN, 3);
    weir_rig_put(&r, "in", 0, "k", "1");
    weir_rig_put(&r, "in", 0, "k", "2");
    RIG_WAIT(weir_rig_count(&r, "out") == 2);
    assert_string_equal(weir_rig_text(&r, "out", 0), "1");
    assert_int_equal(weir_rig_count(&r, RIG_DEAD), 0);
    RIG_WAIT(weir_rig_committed(&r, 0) == 2);
    RIG_WAIT(weir_rig_stat(&r, 0).n_again == 0);
    weir_rig_close(&r);
}

static void engine_stops_intake_while_a_destination_is_denied(void **state)
{
    rig r;

    (void)state;
    weir_rig_open(&r);
    weir_rig_start(&r);
    RIG_WAIT(weir_engine_is_ready(r.e, NULL));
    weir_memory_queue_fail_sends(r.q, "out", WEIR_SENT_DENIED, SIZE_MAX);
    weir_rig_put(&r, "in", 0, "k", "1");
    RIG_WAIT(weir_rig_stat(&r, 0).n_again == 1);
    assert_false(weir_flow_hint_room(r.e->lines[0].flow));
    assert_int_equal(weir_rig_count(&r, RIG_DEAD), 0);
    weir_memory_queue_fail_sends(r.q, "out", WEIR_SENT_OK, 0);
    RIG_WAIT(weir_rig_count(&r, "out") == 1);
    RIG_WAIT(weir_flow_hint_room(r.e->lines[0].flow));
    weir_rig_close(&r);
}

static void engine_makes_a_dead_letter_of_a_result_that_is_too_large(void **state)
{
    rig r;

    (void)state;
    weir_rig_open(&r);
    weir_rig_start(&r);
    RIG_WAIT(weir_engine_is_ready(r.e, NULL));
    weir_memory_queue_fail_sends(r.q, "out", WEIR_SENT_TOO_LARGE, 1);
    weir_rig_put(&r, "in", 0, "k", "1");
    RIG_WAIT(weir_rig_count(&r, RIG_DEAD) == 1);
    assert_string_equal(weir_rig_header(&r, RIG_DEAD, 0, "weir.reason"), "too-large");
    RIG_WAIT(weir_rig_committed(&r, 0) == 1);
    weir_rig_close(&r);
}

static weir_verdict reject_fn(void *arg, weir_call *call)
{
    (void)arg;
    (void)call;
    return WEIR_REJECT;
}

/* True if the engine says that it waits for that. */
static bool is_unready_for(rig *r, const char *what)
{
    weir_buf why = { 0 };
    const bool is_ready = weir_engine_is_ready(r->e, &why);
    char *text = weir_buf_take(&why);
    const bool says_so = text != NULL && strstr(text, what) != NULL;

    free(text);
    return !is_ready && says_so;
}

static void engine_stops_a_partition_whose_dead_letter_fits_nowhere(void **state)
{
    weir_address at;
    weir_err err;
    rig r;

    (void)state;
    weir_rig_open(&r);
    r.n_partitions = 2;
    r.functions[0].fn = reject_fn;
    weir_rig_start(&r);
    RIG_WAIT(weir_engine_is_ready(r.e, NULL));
    weir_memory_queue_fail_sends(r.q, RIG_DEAD, WEIR_SENT_TOO_LARGE, 1);
    weir_rig_put(&r, "in", 0, "k", "stuck");
    RIG_WAIT(weir_rig_stat(&r, 0).n_stuck == 1);
    weir_rig_put(&r, "in", 1, "k", "flows");
    RIG_WAIT(weir_rig_committed(&r, 1) == 1);
    assert_int_equal(weir_rig_committed(&r, 0), 0);
    assert_true(is_unready_for(&r, "weir skip mem:in/0@0"));
    assert_int_equal(weir_address_parse("mem:in/0@0", &at, &err), WEIR_OK);
    assert_int_equal(weir_engine_skip(r.e, &at, weir_clock_us() + 5000000, &err),
                     WEIR_OK);
    RIG_WAIT(weir_rig_committed(&r, 0) == 1);
    assert_string_equal(weir_rig_header(&r, RIG_DEAD, 1, "weir.omitted"), "true");
    assert_string_equal(weir_rig_text(&r, RIG_DEAD, 1), "");
    weir_rig_put(&r, "in", 0, "k", "goes on");
    RIG_WAIT(weir_rig_committed(&r, 0) == 2);
    assert_true(weir_engine_is_ready(r.e, NULL));
    weir_rig_close(&r);
}

static void engine_stop_does_not_wait_for_a_stuck_event(void **state)
{
    rig r;

    (void)state;
    weir_rig_open(&r);
    r.functions[0].fn = reject_fn;
    r.subs[0].dead_mode = WEIR_DEAD_STOP;
    weir_rig_start(&r);
    weir_rig_put(&r, "in", 0, "k", "stuck");
    RIG_WAIT(weir_rig_stat(&r, 0).n_stuck == 1);
    weir_rig_stop(&r, (int64_t)3600 * 1000000); /* far beyond the limit of a test */
    assert_true(r.report.is_clean);
    weir_engine_free(r.e);
    r.e = NULL;
    weir_rig_close(&r);
}

static void engine_reads_nothing_until_the_dead_letter_topic_is_there(void **state)
{
    rig r;

    (void)state;
    weir_rig_open(&r);
    assert_int_equal(weir_memory_queue_topic(r.q, "in", 1), WEIR_OK);
    assert_int_equal(weir_memory_queue_topic(r.q, "out", 1), WEIR_OK);
    weir_rig_start_bare(&r);
    for (int i = 0; i < 10; i++) {
        weir_rig_put(&r, "in", 0, "k", "x");
    }
    RIG_WAIT(is_unready_for(&r, RIG_DEAD ": "));
    assert_int_equal(weir_rig_count(&r, "out"), 0);
    assert_int_equal(weir_memory_queue_topic(r.q, RIG_DEAD, 1), WEIR_OK);
    RIG_WAIT(weir_rig_count(&r, "out") == 10);
    assert_true(weir_engine_is_ready(r.e, NULL));
    weir_rig_close(&r);
}

/* -- revokes ---------------------------------------------------------------------------------- */

static void engine_keeps_order_through_revokes_and_losses(void **state)
{
    rig r;

    (void)state;
    weir_rig_open(&r);
    r.n_partitions = 2;
    weir_rig_start(&r);
    put_many(&r);
    for (int i = 0; i < 30 && !is_all_committed(&r); i++) {
        weir_memory_queue_revoke(r.q, "f.in", "in", i % 2);
        weir_rig_breathe();
        weir_memory_queue_lose(r.q, "f.in", "in", (i + 1) % 2);
        weir_rig_breathe();
    }
    RIG_WAIT(is_all_committed(&r));
    check_order(&r);
    RIG_WAIT(weir_rig_is_empty(&r));
    weir_rig_close(&r);
}

typedef struct hold {
    atomic_bool is_open, has_seen_cancel;
    atomic_uint n_calls;
} hold;

static weir_verdict hold_fn(void *arg, weir_call *call)
{
    hold *h = arg;

    atomic_fetch_add(&h->n_calls, 1);
    while (!atomic_load(&h->is_open)) {
        if (atomic_load(&call->is_cancelled)) {
            atomic_store(&h->has_seen_cancel, true);
        }
        weir_rig_breathe();
    }
    return weir_rig_echo(NULL, call);
}

static void
engine_does_not_start_a_running_event_again_when_its_partition_returns(void **state)
{
    hold h = { 0 };
    rig r;

    (void)state;
    weir_rig_open(&r);
    r.functions[0] = (rig_function){ .fn = hold_fn, .arg = &h };
    r.sources[0].setup.handover_us = 10000;
    weir_rig_start(&r);
    weir_rig_put(&r, "in", 0, "k", "1");
    RIG_WAIT(atomic_load(&h.n_calls) == 1);
    weir_memory_queue_revoke(r.q, "f.in", "in", 0);
    /* fenced, when the handover is over */
    RIG_WAIT(atomic_load(&h.has_seen_cancel));
    weir_rig_put(&r, "in", 0, "other", "2"); /* read after the return */
    RIG_WAIT(atomic_load(&h.n_calls) == 2);
    atomic_store(&h.is_open, true);
    RIG_WAIT(weir_rig_committed(&r, 0) == 2);
    assert_int_equal(atomic_load(&h.n_calls), 2);
    assert_int_equal(weir_rig_count(&r, "out"), 2);
    weir_rig_close(&r);
}

/* -- memory ------------------------------------------------------------------------------------ */

/* Holds only events of the key "stuck". */
static weir_verdict stuck_fn(void *arg, weir_call *call)
{
    if (weir_slice_eq(call->ev->key, WEIR_SLICE_LIT("stuck"))) {
        return hold_fn(arg, call);
    }
    return weir_rig_echo(NULL, call);
}

static void engine_lets_other_partitions_flow_past_a_stuck_key(void **state)
{
    hold h = { 0 };
    rig r;

    (void)state;
    weir_rig_open(&r);
    r.n_partitions = 2;
    r.setup.max_events = 100;
    r.functions[0] = (rig_function){ .fn = stuck_fn, .arg = &h };
    weir_rig_start(&r);
    for (int i = 0; i < 500; i++) {
        weir_rig_put(&r, "in", 0, "stuck", "x");
    }
    RIG_WAIT(weir_rig_stat(&r, 0).n_jobs >= 60);
    for (int i = 0; i < 1000; i++) {
        weir_rig_put(&r, "in", 1, "free", "y");
    }
    RIG_WAIT(weir_rig_committed(&r, 1) == 1000);
    assert_true(weir_rig_stat(&r, 0).n_jobs < 100);
    atomic_store(&h.is_open, true);
    RIG_WAIT(weir_rig_committed(&r, 0) == 500);
    weir_rig_close(&r);
}

static void engine_runs_an_event_that_is_larger_than_its_memory_alone(void **state)
{
    static char giant[300000];
    rig r;

    (void)state;
    memset(giant, 'g', sizeof(giant) - 1);
    weir_rig_open(&r);
    r.setup.max_bytes = 256 * 1024;
    weir_rig_start(&r);
    for (int i = 0; i < 50; i++) {
        weir_rig_put(&r, "in", 0, "k", i % 10 == 5 ? giant : "small");
    }
    RIG_WAIT(weir_rig_committed(&r, 0) == 50);
    assert_int_equal(weir_rig_count(&r, "out"), 50);
    RIG_WAIT(weir_rig_is_empty(&r));
    weir_rig_close(&r);
}

static void engine_holds_no_more_jobs_than_its_memory_allows(void **state)
{
    weir_intake *in;
    size_t n_free;
    rig r;

    (void)state;
    weir_rig_open(&r);
    r.setup.max_events = 64;
    weir_rig_start(&r);
    for (int i = 0; i < 20000; i++) {
        weir_rig_put(&r, "in", 0, i % 2 == 0 ? "a" : "b", "x");
    }
    RIG_WAIT(weir_rig_committed(&r, 0) == 20000);
    in = &r.e->lines[0].intakes[0];
    weir_lock_take(&in->lock);
    n_free = in->n_free;
    weir_lock_give(&in->lock);
    /* what was ever made: the budget, one read, and what is ready to be read into */
    assert_true(n_free <= 64 + 2 * 256);
    weir_rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engine_keeps_order_with_a_sink_that_is_full),
        cmocka_unit_test(engine_keeps_order_with_a_sink_that_is_full_and_late),
        cmocka_unit_test(engine_keeps_order_with_a_sink_that_keeps_none),
        cmocka_unit_test(engine_sends_again_without_counting_attempts),
        cmocka_unit_test(engine_stops_intake_while_a_destination_is_denied),
        cmocka_unit_test(engine_makes_a_dead_letter_of_a_result_that_is_too_large),
        cmocka_unit_test(engine_stops_a_partition_whose_dead_letter_fits_nowhere),
        cmocka_unit_test(engine_stop_does_not_wait_for_a_stuck_event),
        cmocka_unit_test(engine_reads_nothing_until_the_dead_letter_topic_is_there),
        cmocka_unit_test(engine_keeps_order_through_revokes_and_losses),
        cmocka_unit_test(
            engine_does_not_start_a_running_event_again_when_its_partition_returns),
        cmocka_unit_test(engine_lets_other_partitions_flow_past_a_stuck_key),
        cmocka_unit_test(engine_runs_an_event_that_is_larger_than_its_memory_alone),
        cmocka_unit_test(engine_holds_no_more_jobs_than_its_memory_allows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
