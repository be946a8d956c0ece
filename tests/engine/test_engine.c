/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine - the whole engine on a queue in memory: events to results, in order, through
 * failures of functions.
 */
#include "tests/support/engine_rig.h"

#include "worker/base/hash.h"

#include <stdio.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define MANY_EVENTS 20000
#else
#define MANY_EVENTS 200000
#endif
#define MANY_KEYS 1000

static void engine_takes_one_event_to_its_result(void **state)
{
    rig r;

    (void)state;
    weir_rig_open(&r);
    weir_rig_start(&r);
    weir_rig_put(&r, "in", 0, "k", "hello");
    RIG_WAIT(weir_rig_count(&r, "out") == 1);
    assert_string_equal(weir_rig_text(&r, "out", 0), "hello");
    assert_string_equal(weir_rig_header(&r, "out", 0, "weir.position"), "mem:in/0@0");
    assert_string_equal(weir_rig_header(&r, "out", 0, "weir.hops"), "1");
    RIG_WAIT(weir_rig_committed(&r, 0) == 1);
    assert_true(weir_engine_is_ready(r.e, NULL));
    assert_true(weir_engine_is_live(r.e));
    weir_rig_close(&r);
}

/* Fails now and then, differently for each attempt, never often enough to die. */
static weir_verdict many_fn(void *arg, weir_call *call)
{
    const uint64_t dice = weir_hash(call->ev->data.data, call->ev->data.len,
                                    (uint64_t)call->attempt + 99);

    (void)arg;
    if (call->attempt <= 5 && dice % 20 == 0) {
        return WEIR_RETRY;
    }
    return weir_rig_echo(NULL, call);
}

static void engine_keeps_each_key_in_order_through_random_failures(void **state)
{
    static int last[MANY_KEYS];
    rig r;

    (void)state;
    memset(last, 0, sizeof(last));
    weir_rig_open(&r);
    r.n_partitions = 4;
    r.functions[0].fn = many_fn;
    r.subs[0].retry.first_us = 100;
    weir_rig_start(&r);
    for (int i = 0; i < MANY_EVENTS; i++) {
        char key[16], data[32];

        snprintf(key, sizeof(key), "%d", i % MANY_KEYS);
        snprintf(data, sizeof(data), "%d:%d", i % MANY_KEYS, i / MANY_KEYS + 1);
        weir_rig_put(&r, "in", i % MANY_KEYS % 4, key, data);
    }
    RIG_WAIT(weir_rig_count(&r, "out") >= MANY_EVENTS);
    for (int i = 0; i < MANY_EVENTS; i++) {
        int key, n;

        assert_int_equal(
            sscanf(weir_rig_text(&r, "out", (uint64_t)i), "%d:%d", &key, &n), 2);
        assert_int_equal(n, last[key] + 1);
        last[key] = n;
    }
    assert_int_equal(weir_rig_count(&r, RIG_DEAD), 0);
    RIG_WAIT(weir_rig_committed(&r, 0) == MANY_EVENTS / 4);
    RIG_WAIT(weir_rig_is_empty(&r));
    weir_rig_close(&r);
}

static weir_verdict reject_fn(void *arg, weir_call *call)
{
    (void)arg;
    snprintf(call->cls, sizeof(call->cls), "no-amount");
    snprintf(call->reason, sizeof(call->reason), "order without amount");
    return WEIR_REJECT;
}

static void engine_publishes_a_rejected_event_as_a_dead_letter(void **state)
{
    rig r;

    (void)state;
    weir_rig_open(&r);
    r.functions[0].fn = reject_fn;
    weir_rig_start(&r);
    weir_rig_put(&r, "in", 0, "k", "bad");
    RIG_WAIT(weir_rig_count(&r, RIG_DEAD) == 1);
    assert_string_equal(weir_rig_text(&r, RIG_DEAD, 0), "bad");
    assert_string_equal(weir_rig_header(&r, RIG_DEAD, 0, "weir.reason"), "rejected");
    assert_string_equal(weir_rig_header(&r, RIG_DEAD, 0, "weir.error.class"),
                        "no-amount");
    RIG_WAIT(weir_rig_committed(&r, 0) == 1);
    assert_int_equal(weir_rig_count(&r, "out"), 0);
    weir_rig_close(&r);
}

static weir_verdict retry_fn(void *arg, weir_call *call)
{
    (void)call;
    atomic_fetch_add((atomic_uint *)arg, 1);
    return WEIR_RETRY;
}

static void engine_gives_up_after_the_attempts_of_the_rules(void **state)
{
    atomic_uint n_calls = 0;
    rig r;

    (void)state;
    weir_rig_open(&r);
    r.functions[0] = (rig_function){ .fn = retry_fn, .arg = &n_calls };
    weir_rig_start(&r);
    weir_rig_put(&r, "in", 0, "k", "never");
    RIG_WAIT(weir_rig_count(&r, RIG_DEAD) == 1);
    assert_int_equal(atomic_load(&n_calls), 8);
    assert_string_equal(weir_rig_header(&r, RIG_DEAD, 0, "weir.reason"), "retries");
    weir_rig_close(&r);
}

/* A gate that functions wait at. */
typedef struct gate {
    atomic_bool is_open;
    atomic_uint n_inside, n_most, n_calls;
    atomic_bool has_seen_cancel;
} gate;

static weir_verdict gate_fn(void *arg, weir_call *call)
{
    gate *g = arg;
    const unsigned n = atomic_fetch_add(&g->n_inside, 1) + 1;
    unsigned most = atomic_load(&g->n_most);

    atomic_fetch_add(&g->n_calls, 1);
    while (n > most && !atomic_compare_exchange_weak(&g->n_most, &most, n)) {
    }
    while (!atomic_load(&g->is_open)) {
        if (atomic_load(&call->is_cancelled) || weir_clock_us() > call->deadline_us) {
            atomic_store(&g->has_seen_cancel, true);
        }
        weir_rig_breathe();
    }
    atomic_fetch_sub(&g->n_inside, 1);
    return weir_rig_echo(NULL, call);
}

static void engine_grows_threads_up_to_the_concurrency(void **state)
{
    gate g = { 0 };
    rig r;

    (void)state;
    weir_rig_open(&r);
    r.functions[0] = (rig_function){ .fn = gate_fn, .arg = &g };
    r.subs[0].order = WEIR_ORDER_NONE;
    r.subs[0].concurrency = 200;
    weir_rig_start(&r);
    for (int i = 0; i < 300; i++) {
        weir_rig_put(&r, "in", 0, NULL, "x");
    }
    RIG_WAIT(atomic_load(&g.n_inside) == 200);
    atomic_store(&g.is_open, true);
    RIG_WAIT(weir_rig_count(&r, "out") == 300);
    assert_int_equal(atomic_load(&g.n_most), 200);
    weir_rig_close(&r);
}

/* Fast, but for the data "slow". */
static weir_verdict slow_fn(void *arg, weir_call *call)
{
    if (call->ev->data.len == 4 && memcmp(call->ev->data.data, "slow", 4) == 0) {
        return gate_fn(arg, call);
    }
    return weir_rig_echo(NULL, call);
}

static void engine_goes_on_around_slow_events_that_hold_every_thread(void **state)
{
    gate g = { 0 };
    rig r;

    (void)state;
    weir_rig_open(&r);
    r.functions[0] = (rig_function){ .fn = slow_fn, .arg = &g };
    r.subs[0].order = WEIR_ORDER_NONE;
    weir_rig_start(&r);
    for (int i = 0; i < 5000; i++) { /* so that it is known to be fast */
        weir_rig_put(&r, "in", 0, NULL, "fast");
    }
    RIG_WAIT(weir_rig_count(&r, "out") == 5000);
    for (int i = 0; i < 500; i++) {
        weir_rig_put(&r, "in", 0, NULL, i % 100 == 0 ? "slow" : "fast");
    }
    RIG_WAIT(weir_rig_count(&r, "out") == 5495);
    atomic_store(&g.is_open, true);
    RIG_WAIT(weir_rig_count(&r, "out") == 5500);
    weir_rig_close(&r);
}

/* Else each event that is ready would wait for a look that this thread does not take. */
static void engine_counts_on_no_thread_that_its_function_holds_up(void **state)
{
    gate g = { 0 };
    rig r;
    size_t n = 5000;

    (void)state;
    weir_rig_open(&r);
    r.functions[0] = (rig_function){ .fn = slow_fn, .arg = &g };
    r.subs[0].order = WEIR_ORDER_NONE;
    weir_rig_start(&r);
    for (size_t i = 0; i < n; i++) {
        weir_rig_put(&r, "in", 0, NULL, "fast");
    }
    RIG_WAIT(weir_rig_count(&r, "out") == n);
    weir_rig_put(&r, "in", 0, NULL, "slow");
    RIG_WAIT(atomic_load(&g.n_inside) == 1);
    /* Others go on, so that somebody looks whether it is held up. */
    const int64_t until_us = weir_clock_us() + RIG_PATIENCE_US;
    do {
        assert_true(weir_clock_us() < until_us);
        weir_rig_put(&r, "in", 0, NULL, "fast");
        n++;
        RIG_WAIT(weir_rig_count(&r, "out") == n);
    } while (atomic_load(&r.e->lines[0].n_hands) != 0);
    assert_int_equal(atomic_load(&g.n_inside), 1);
    atomic_store(&g.is_open, true);
    RIG_WAIT(weir_rig_count(&r, "out") == n + 1);
    RIG_WAIT(atomic_load(&r.e->lines[0].n_hands) == 0);
    weir_rig_close(&r);
}

static void engine_serves_a_fast_subscription_beside_a_blocked_one(void **state)
{
    gate g = { 0 };
    rig r;

    (void)state;
    weir_rig_open(&r);
    r.setup.n_subs = 2;
    r.functions[0] = (rig_function){ .fn = gate_fn, .arg = &g };
    r.subs[0].order = WEIR_ORDER_NONE;
    weir_rig_start(&r);
    for (int i = 0; i < 2000; i++) {
        weir_rig_put(&r, "in2", 0, NULL, "fast");
    }
    RIG_WAIT(weir_rig_count(&r, "out") == 2000); /* its mean is known to be small */
    weir_rig_put(&r, "in", 0, NULL, "blocks");
    weir_rig_put(&r, "in", 0, NULL, "blocks");
    RIG_WAIT(atomic_load(&g.n_inside) == 2);
    weir_rig_put(&r, "in2", 0, NULL, "fast");
    RIG_WAIT(weir_rig_count(&r, "out") == 2001);
    atomic_store(&g.is_open, true);
    weir_rig_close(&r);
}

static void engine_lets_a_slow_function_end_before_the_next_of_its_key(void **state)
{
    gate g = { 0 };
    rig r;

    (void)state;
    weir_rig_open(&r);
    r.functions[0] = (rig_function){ .fn = gate_fn, .arg = &g };
    r.subs[0].timeout_us = 20000;
    weir_rig_start(&r);
    weir_rig_put(&r, "in", 0, "k", "1");
    weir_rig_put(&r, "in", 0, "k", "2");
    RIG_WAIT(atomic_load(&g.has_seen_cancel));
    assert_int_equal(atomic_load(&g.n_calls), 1);
    atomic_store(&g.is_open, true);
    /* a verdict after the timeout counts */
    RIG_WAIT(weir_rig_count(&r, "out") == 2);
    assert_string_equal(weir_rig_text(&r, "out", 0), "1");
    assert_int_equal(atomic_load(&g.n_most), 1);
    weir_rig_close(&r);
}

static void engine_waits_for_a_thread_that_is_not_ready(void **state)
{
    rig r;

    (void)state;
    weir_rig_open(&r);
    r.subs[0].retry.attempts = 1;
    atomic_store(&r.functions[0].n_refusals, 1);
    weir_rig_start(&r);
    weir_rig_put(&r, "in", 0, "k", "1");
    RIG_WAIT(weir_rig_count(&r, "out") == 1);
    assert_int_equal(weir_rig_count(&r, RIG_DEAD), 0);
    weir_rig_close(&r);
}

/* What one key must look like: each number once its predecessor is done. */
typedef struct row {
    atomic_int next;
    atomic_int n_inside, n_wrong;
} row;

static weir_verdict row_fn(void *arg, weir_call *call)
{
    row *r = arg;
    const int number = atoi(call->ev->data.data);
    weir_verdict verdict = WEIR_DONE;

    if (atomic_fetch_add(&r->n_inside, 1) != 0 || number != atomic_load(&r->next)) {
        atomic_fetch_add(&r->n_wrong, 1);
    }
    if (number % 501 == 500 && call->attempt == 1) {
        verdict = WEIR_RETRY;
    } else if (number % 701 == 700) {
        verdict = weir_rig_echo(NULL, call);
    }
    if (verdict == WEIR_DONE) {
        atomic_fetch_add(&r->next, 1);
    }
    atomic_fetch_sub(&r->n_inside, 1);
    return verdict;
}

static void engine_keeps_a_row_of_one_key_in_order_through_retries(void **state)
{
    row seen = { .next = 0 };
    rig r;

    (void)state;
    weir_rig_open(&r);
    r.functions[0].fn = row_fn;
    r.functions[0].arg = &seen;
    r.subs[0].retry.first_us = 100;
    weir_rig_start(&r);
    for (int i = 0; i < MANY_EVENTS / 10; i++) {
        char data[32];

        snprintf(data, sizeof(data), "%d", i);
        weir_rig_put(&r, "in", 0, "k", data);
    }
    RIG_WAIT(weir_rig_committed(&r, 0) == MANY_EVENTS / 10);
    assert_int_equal(atomic_load(&seen.n_wrong), 0);
    assert_int_equal(atomic_load(&seen.next), MANY_EVENTS / 10);
    weir_rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engine_takes_one_event_to_its_result),
        cmocka_unit_test(engine_keeps_each_key_in_order_through_random_failures),
        cmocka_unit_test(engine_keeps_a_row_of_one_key_in_order_through_retries),
        cmocka_unit_test(engine_publishes_a_rejected_event_as_a_dead_letter),
        cmocka_unit_test(engine_gives_up_after_the_attempts_of_the_rules),
        cmocka_unit_test(engine_grows_threads_up_to_the_concurrency),
        cmocka_unit_test(engine_goes_on_around_slow_events_that_hold_every_thread),
        cmocka_unit_test(engine_counts_on_no_thread_that_its_function_holds_up),
        cmocka_unit_test(engine_serves_a_fast_subscription_beside_a_blocked_one),
        cmocka_unit_test(engine_lets_a_slow_function_end_before_the_next_of_its_key),
        cmocka_unit_test(engine_waits_for_a_thread_that_is_not_ready),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
