/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_pace: a fetcher that has stopped is woken in time, and one that runs is left alone.
 */
#include "triggers/kafka_pace.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#define FULL 10000
#define FULL_BYTES 1000000

static weir_kafka_pace pace_new(void)
{
    return (weir_kafka_pace){ .full_events = FULL, .full_bytes = FULL_BYTES };
}

/* Reads n events of `each` bytes from a queue of n_queued. */
static bool pace_read(weir_kafka_pace *pace, size_t *n_queued, size_t n, size_t each,
                      int64_t now_us)
{
    *n_queued -= n;
    return weir_kafka_pace_wants_wake(pace, n, n * each, *n_queued, now_us);
}

static void a_full_queue_is_filled_again_when_half_of_it_is_read(void **state)
{
    weir_kafka_pace pace = pace_new();
    size_t n_queued = FULL, n_left = 0;
    int n_wakes = 0;

    (void)state;
    while (n_queued >= 100) {
        if (pace_read(&pace, &n_queued, 100, 10, 0)) {
            n_wakes++;
            n_left = n_queued;
        }
    }
    assert_int_equal(n_wakes, 1); /* as long as time stands still */
    assert_in_range(n_left, FULL / 4, FULL / 2);
}

static void a_queue_that_is_full_by_bytes_counts_as_full(void **state)
{
    weir_kafka_pace pace = pace_new();
    size_t n_queued = 100; /* of 10 KB each */
    size_t n_left = SIZE_MAX;

    (void)state;
    while (n_queued > 0 && n_left == SIZE_MAX) {
        if (pace_read(&pace, &n_queued, 1, 10000, 0)) {
            n_left = n_queued;
        }
    }
    assert_in_range(n_left, 25, 50);
}

static void a_fetcher_that_keeps_up_is_not_woken(void **state)
{
    weir_kafka_pace pace = pace_new();

    (void)state;
    for (int64_t now = 0; now < 1000000; now += 1000) {
        size_t n_queued = FULL / 2 + (size_t)(now / 1000 % 7) * 100;

        assert_false(pace_read(&pace, &n_queued, 256, 10, now));
    }
}

static void a_slow_stream_wakes_it_now_and_then_only(void **state)
{
    weir_kafka_pace pace = pace_new();
    int n_wakes = 0;

    (void)state;
    pace.woken_us = 0;
    for (int64_t now = 0; now < 1000000;
         now += 1000) { /* 100,000 a second, none waits */
        size_t n_queued = 100;

        n_wakes += pace_read(&pace, &n_queued, 100, 10, now) ? 1 : 0;
    }
    assert_in_range(n_wakes, 1, 20);
}

static void a_wrong_guess_of_bytes_does_not_stop_it_for_long(void **state)
{
    weir_kafka_pace pace = pace_new();
    size_t n_queued = 1000; /* the large ones were read before: these look small */
    bool was_woken = false;

    (void)state;
    for (int64_t now = 0; n_queued > 0 && !was_woken; now += 10000) {
        was_woken = pace_read(&pace, &n_queued, 100, 1, now);
    }
    assert_true(was_woken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_queue_is_filled_again_when_half_of_it_is_read),
        cmocka_unit_test(a_queue_that_is_full_by_bytes_counts_as_full),
        cmocka_unit_test(a_fetcher_that_keeps_up_is_not_woken),
        cmocka_unit_test(a_slow_stream_wakes_it_now_and_then_only),
        cmocka_unit_test(a_wrong_guess_of_bytes_does_not_stop_it_for_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
