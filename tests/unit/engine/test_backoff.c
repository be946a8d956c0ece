/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_backoff - how long the next try waits, by rule and with jitter.
 */
#include "worker/engine/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define MANY 2000

static weir_retry_rules rules_of(weir_backoff backoff, weir_jitter jitter)
{
    return (weir_retry_rules){ .attempts = 8,
                               .backoff = backoff,
                               .jitter = jitter,
                               .first_us = 100,
                               .max_us = 1000 };
}

static int64_t delay(const weir_retry_rules *rules, uint32_t n_failures)
{
    weir_rand rand;

    weir_rand_init(&rand, 7);
    return weir_backoff_us(rules, n_failures, &rand);
}

static void backoff_constant_stays_at_the_first_delay(void **state)
{
    const weir_retry_rules rules = rules_of(WEIR_BACKOFF_CONSTANT, WEIR_JITTER_NONE);

    (void)state;
    assert_int_equal(delay(&rules, 1), 100);
    assert_int_equal(delay(&rules, 7), 100);
    assert_int_equal(delay(&rules, UINT32_MAX), 100);
}

static void backoff_linear_grows_by_the_first_delay_up_to_max(void **state)
{
    const weir_retry_rules rules = rules_of(WEIR_BACKOFF_LINEAR, WEIR_JITTER_NONE);

    (void)state;
    assert_int_equal(delay(&rules, 1), 100);
    assert_int_equal(delay(&rules, 3), 300);
    assert_int_equal(delay(&rules, 10), 1000);
    assert_int_equal(delay(&rules, 11), 1000);
    assert_int_equal(delay(&rules, UINT32_MAX), 1000);
}

static void backoff_exponential_doubles_up_to_max(void **state)
{
    const weir_retry_rules rules = rules_of(WEIR_BACKOFF_EXPONENTIAL, WEIR_JITTER_NONE);

    (void)state;
    assert_int_equal(delay(&rules, 1), 100);
    assert_int_equal(delay(&rules, 2), 200);
    assert_int_equal(delay(&rules, 4), 800);
    assert_int_equal(delay(&rules, 5), 1000);
    assert_int_equal(delay(&rules, UINT32_MAX), 1000);
}

static void backoff_of_the_largest_delays_does_not_overflow(void **state)
{
    weir_retry_rules rules = rules_of(WEIR_BACKOFF_EXPONENTIAL, WEIR_JITTER_NONE);

    (void)state;
    rules.first_us = INT64_MAX / 3;
    rules.max_us = INT64_MAX - 1;
    assert_true(delay(&rules, 40) == INT64_MAX - 1);
    rules.backoff = WEIR_BACKOFF_LINEAR;
    assert_true(delay(&rules, 40) == INT64_MAX - 1);
}

static void backoff_of_a_zero_delay_is_zero_for_ever(void **state)
{
    weir_retry_rules rules = rules_of(WEIR_BACKOFF_EXPONENTIAL, WEIR_JITTER_FULL);

    (void)state;
    rules.first_us = 0;
    assert_int_equal(delay(&rules, UINT32_MAX), 0);
    rules.backoff = WEIR_BACKOFF_LINEAR;
    assert_int_equal(delay(&rules, 9), 0);
}

/* Lowest and highest of many draws. */
static void spread(weir_jitter jitter, int64_t *lowest, int64_t *highest)
{
    const weir_retry_rules rules = rules_of(WEIR_BACKOFF_CONSTANT, jitter);
    weir_rand rand;

    weir_rand_init(&rand, 11);
    *lowest = INT64_MAX;
    *highest = -1;
    for (int i = 0; i < MANY; i++) {
        const int64_t d = weir_backoff_us(&rules, 1, &rand);

        *lowest = d < *lowest ? d : *lowest;
        *highest = d > *highest ? d : *highest;
    }
}

static void backoff_full_jitter_is_between_zero_and_the_delay(void **state)
{
    int64_t lowest, highest;

    (void)state;
    spread(WEIR_JITTER_FULL, &lowest, &highest);
    assert_int_equal(lowest, 0);
    assert_int_equal(highest, 100);
}

static void backoff_equal_jitter_is_between_half_and_the_delay(void **state)
{
    int64_t lowest, highest;

    (void)state;
    spread(WEIR_JITTER_EQUAL, &lowest, &highest);
    assert_int_equal(lowest, 50);
    assert_int_equal(highest, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backoff_constant_stays_at_the_first_delay),
        cmocka_unit_test(backoff_linear_grows_by_the_first_delay_up_to_max),
        cmocka_unit_test(backoff_exponential_doubles_up_to_max),
        cmocka_unit_test(backoff_of_the_largest_delays_does_not_overflow),
        cmocka_unit_test(backoff_of_a_zero_delay_is_zero_for_ever),
        cmocka_unit_test(backoff_full_jitter_is_between_zero_and_the_delay),
        cmocka_unit_test(backoff_equal_jitter_is_between_half_and_the_delay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
