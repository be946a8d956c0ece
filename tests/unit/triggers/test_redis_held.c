/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* test_redis_held - a table that agrees with a plain list, whatever is done to it. */
#include "triggers/redis_held.h"

#include "worker/base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#define N_IDS 400

static void it_agrees_with_a_list_over_many_random_steps(void **state)
{
    weir_redis_held held = { .n = 0 };
    weir_redis_hold model[N_IDS] = { WEIR_REDIS_FREE };
    weir_rand rand;
    size_t n = 0;

    (void)state;
    weir_rand_init(&rand, 20261121);
    for (int step = 0; step < 40000; step++) {
        size_t at = weir_rand_next(&rand) % N_IDS;
        weir_pos pos = { 1700000000000 + at / 4, at % 4 };

        if (weir_rand_next(&rand) % 2 == 0) {
            weir_redis_hold hold = 1 + weir_rand_next(&rand) % 4;

            assert_true(weir_redis_held_reserve(&held, 1));
            weir_redis_held_put(&held, pos, hold);
            n += model[at] == WEIR_REDIS_FREE;
            model[at] = hold;
        } else {
            assert_int_equal(weir_redis_held_remove(&held, pos),
                             model[at] != WEIR_REDIS_FREE);
            n -= model[at] != WEIR_REDIS_FREE;
            model[at] = WEIR_REDIS_FREE;
        }
        assert_int_equal(held.n, n);
        size_t other = weir_rand_next(&rand) % N_IDS;
        assert_int_equal(weir_redis_held_get(
                             &held, (weir_pos){ 1700000000000 + other / 4, other % 4 }),
                         model[other]);
    }
    for (size_t i = 0; i < N_IDS; i++) {
        assert_int_equal(
            weir_redis_held_get(&held, (weir_pos){ 1700000000000 + i / 4, i % 4 }),
            model[i]);
    }
    weir_redis_held_clear(&held);
    assert_int_equal(held.n, 0);
    assert_int_equal(weir_redis_held_get(&held, (weir_pos){ 1700000000000, 0 }),
                     WEIR_REDIS_FREE);
    weir_redis_held_fini(&held);
}

static void entries_that_come_and_go_in_order_need_little_memory(void **state)
{
    weir_redis_held held = { .n = 0 };

    (void)state;
    assert_true(weir_redis_held_reserve(&held, 1));
    /* never goes */
    weir_redis_held_put(&held, (weir_pos){ 5, 0 }, WEIR_REDIS_GIVEN);
    for (uint64_t i = 0; i < 100000; i++) {
        assert_true(weir_redis_held_reserve(&held, 1));
        weir_redis_held_put(&held, (weir_pos){ 7, i }, WEIR_REDIS_QUEUED);
        if (i >= 500) {
            assert_true(weir_redis_held_remove(&held, (weir_pos){ 7, i - 500 }));
        }
    }
    assert_int_equal(held.n, 501);
    assert_true(held.cap <= 2048);
    assert_int_equal(weir_redis_held_get(&held, (weir_pos){ 5, 0 }), WEIR_REDIS_GIVEN);
    weir_redis_held_fini(&held);
}

static void what_is_claimed_later_stands_in_the_order_of_ids(void **state)
{
    weir_redis_held held = { .n = 0 };
    weir_pos last = { 0, 0 };
    size_t n = 0;

    (void)state;
    assert_true(weir_redis_held_reserve(&held, 300));
    for (uint64_t i = 0; i < 300; i++) {
        weir_redis_held_put(&held, (weir_pos){ 1 + i * 7 % 300, 0 }, WEIR_REDIS_QUEUED);
    }
    for (size_t i = held.head; i < held.tail; i++) {
        if (held.slots[i].hold != WEIR_REDIS_FREE) {
            assert_true(weir_pos_cmp(last, held.slots[i].pos) < 0);
            last = held.slots[i].pos;
            n++;
        }
    }
    assert_int_equal(n, 300);
    weir_redis_held_fini(&held);
}

static void an_empty_table_holds_nothing(void **state)
{
    weir_redis_held held = { .n = 0 };

    (void)state;
    assert_int_equal(weir_redis_held_get(&held, (weir_pos){ 1, 1 }), WEIR_REDIS_FREE);
    assert_false(weir_redis_held_remove(&held, (weir_pos){ 1, 1 }));
    weir_redis_held_fini(&held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_agrees_with_a_list_over_many_random_steps),
        cmocka_unit_test(entries_that_come_and_go_in_order_need_little_memory),
        cmocka_unit_test(what_is_claimed_later_stands_in_the_order_of_ids),
        cmocka_unit_test(an_empty_table_holds_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
