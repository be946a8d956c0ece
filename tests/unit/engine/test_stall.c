/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_stall - a part that does not move is told once, and one that does is not.
 */
#include "worker/engine/stall.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define LIMIT_US 60000000
#define LOOK_US 1000000

/* Looks each second for so long; how often it was told. */
static int look_for(weir_stall *s, const weir_stall_seen *seen, int64_t us)
{
    const int64_t until_us = s->looked_us + us;
    int n_told = 0;

    while (s->looked_us < until_us) {
        n_told += weir_stall_look(s, seen, s->looked_us + LOOK_US, LIMIT_US);
    }
    return n_told;
}

static void a_part_that_stands_is_told_once(void **state)
{
    const weir_stall_seen seen = { .has_work = true,
                                   .committed = { .hi = 3 },
                                   .first = { .hi = 3 } };
    weir_stall s = { .is_stalled = false };

    (void)state;
    assert_int_equal(look_for(&s, &seen, LIMIT_US), 0);
    assert_int_equal(look_for(&s, &seen, LIMIT_US), 1);
    assert_true(s.is_stalled);
    assert_int_equal(look_for(&s, &seen, 10 * LIMIT_US), 0);
}

static void a_part_that_has_nothing_to_do_does_not_stall(void **state)
{
    const weir_stall_seen seen = { .has_work = false, .committed = { .hi = 3 } };
    weir_stall s = { .is_stalled = false };

    (void)state;
    assert_int_equal(look_for(&s, &seen, 10 * LIMIT_US), 0);
    assert_false(s.is_stalled);
}

static void whatever_moves_of_it_makes_it_go_on(void **state)
{
    weir_stall_seen seen = { .has_work = true };
    weir_stall s = { .is_stalled = false };

    (void)state;
    for (int i = 0; i < 100; i++) {
        seen.committed.hi += i % 2 == 0;
        seen.first.lo += i % 2 == 1; /* of a stream without positions, too */
        assert_int_equal(look_for(&s, &seen, LIMIT_US), 0);
        assert_false(s.is_stalled);
    }
    assert_int_equal(look_for(&s, &seen, LIMIT_US), 1);
    seen.first.lo++;
    assert_int_equal(look_for(&s, &seen, LOOK_US), 0);
    assert_false(s.is_stalled);
    assert_int_equal(look_for(&s, &seen, LIMIT_US), 1); /* again is told again */
}

static void time_in_which_nobody_looked_does_not_count(void **state)
{
    const weir_stall_seen seen = { .has_work = true };
    weir_stall s = { .is_stalled = false };

    (void)state;
    assert_int_equal(look_for(&s, &seen, LIMIT_US / 2), 0);
    assert_false(
        weir_stall_look(&s, &seen, s.looked_us + 100 * (int64_t)LIMIT_US, LIMIT_US));
    assert_int_equal(look_for(&s, &seen, LIMIT_US), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_that_stands_is_told_once),
        cmocka_unit_test(a_part_that_has_nothing_to_do_does_not_stall),
        cmocka_unit_test(whatever_moves_of_it_makes_it_go_on),
        cmocka_unit_test(time_in_which_nobody_looked_does_not_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
