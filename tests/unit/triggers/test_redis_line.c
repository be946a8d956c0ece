/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* test_redis_line - first in, first out, however it grows and turns. */
#include "triggers/redis_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static void what_came_first_leaves_first_while_the_line_grows(void **state)
{
    weir_redis_line line = { .items = NULL };
    weir_redis_line_item item;
    weir_out outs[3];
    size_t next = 0;
    size_t n = 0;

    (void)state;
    assert_false(weir_redis_line_pop(&line, &item));
    for (size_t round = 0; round < 2000; round++) {
        for (size_t i = 0; i < 3; i++) {
            assert_true(
                weir_redis_line_push(&line, (weir_redis_line_item){ &outs[n % 3], n }));
            n++;
        }
        for (size_t i = 0; i < 2; i++) {
            assert_true(weir_redis_line_pop(&line, &item));
            assert_int_equal(item.bytes, next);
            assert_ptr_equal(item.out, &outs[next % 3]);
            next++;
        }
    }
    assert_int_equal(line.n, 2000);
    while (weir_redis_line_pop(&line, &item)) {
        assert_int_equal(item.bytes, next++);
    }
    assert_int_equal(next, n);
    weir_redis_line_fini(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_came_first_leaves_first_while_the_line_grows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
