/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_lane - lines by whole key, and the spares that make them without allocating.
 */
#include "worker/engine/lane.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define N_JOBS 6

typedef struct setup {
    weir_lane_table table;
    weir_part *part, *other; /* only their addresses count */
    weir_job jobs[N_JOBS];
} setup;

static setup *begin(void)
{
    static char parts[2];
    setup *s = calloc(1, sizeof(*s));

    assert_non_null(s);
    assert_int_equal(weir_lane_table_init(&s->table, 1), WEIR_OK);
    s->part = (weir_part *)(void *)&parts[0];
    s->other = (weir_part *)(void *)&parts[1];
    for (int i = 0; i < N_JOBS; i++) {
        weir_list_init(&s->jobs[i].lane_node);
        s->jobs[i].spare = weir_lane_new();
        assert_non_null(s->jobs[i].spare);
    }
    return s;
}

static weir_lane *join(setup *s, int i, const weir_part *part, weir_slice key)
{
    assert_int_equal(weir_lane_name(s->jobs[i].spare, part, key), WEIR_OK);
    return weir_lane_join(&s->table, &s->jobs[i]);
}

static void end(setup *s)
{
    for (int i = 0; i < N_JOBS; i++) {
        if (s->jobs[i].lane != NULL) {
            weir_lane_leave(&s->table, &s->jobs[i]);
        }
    }
    assert_int_equal(s->table.n_lanes, 0);
    for (int i = 0; i < N_JOBS; i++) {
        assert_non_null(s->jobs[i].spare); /* as many lanes as jobs, always */
        weir_lane_free(s->jobs[i].spare);
    }
    weir_lane_table_fini(&s->table);
    free(s);
}

static void lane_is_found_by_part_and_whole_key(void **state)
{
    setup *s = begin();
    weir_lane *a = join(s, 0, s->part, WEIR_SLICE_LIT("a"));

    (void)state;
    assert_ptr_equal(join(s, 1, s->part, WEIR_SLICE_LIT("a")), a);
    assert_ptr_not_equal(join(s, 2, s->part, WEIR_SLICE_LIT("b")), a);
    assert_ptr_not_equal(join(s, 3, s->other, WEIR_SLICE_LIT("a")), a);
    assert_ptr_not_equal(join(s, 4, s->part, WEIR_SLICE_LIT("")), a);
    assert_ptr_not_equal(join(s, 5, s->part, WEIR_SLICE_LIT("a\0")), a);
    end(s);
}

static void lane_keys_with_one_hash_are_told_apart(void **state)
{
    setup *s = begin();
    const weir_slice keys[] = { WEIR_SLICE_LIT("one"), WEIR_SLICE_LIT("two"),
                                WEIR_SLICE_LIT("on"), WEIR_SLICE_LIT("one") };

    (void)state;
    for (int i = 0; i < 4; i++) {
        const weir_part *part = i == 3 ? s->other : s->part;

        assert_int_equal(weir_lane_name(s->jobs[i].spare, part, keys[i]), WEIR_OK);
        s->jobs[i].spare->hash = 7;
        (void)weir_lane_join(&s->table, &s->jobs[i]);
        for (int k = 0; k < i; k++) {
            assert_ptr_not_equal(s->jobs[i].lane, s->jobs[k].lane);
        }
    }
    end(s);
}

static void lane_long_keys_that_differ_in_the_last_byte_are_two_lanes(void **state)
{
    setup *s = begin();
    char key[300];
    weir_lane *a;

    (void)state;
    memset(key, 'k', sizeof(key));
    a = join(s, 0, s->part, (weir_slice){ key, sizeof(key) });
    assert_ptr_equal(join(s, 1, s->part, (weir_slice){ key, sizeof(key) }), a);
    key[sizeof(key) - 1] = 'l';
    assert_ptr_not_equal(join(s, 2, s->part, (weir_slice){ key, sizeof(key) }), a);
    end(s);
}

static void lane_lets_one_job_begin_at_a_time_in_order(void **state)
{
    setup *s = begin();
    weir_lane *lane = join(s, 0, s->part, WEIR_SLICE_LIT("k"));

    (void)state;
    (void)join(s, 1, s->part, WEIR_SLICE_LIT("k"));
    assert_ptr_equal(weir_lane_startable(lane), &s->jobs[0]);
    weir_lane_begin(lane, &s->jobs[0]);
    assert_null(weir_lane_startable(lane));
    weir_lane_end(lane, &s->jobs[0]);
    assert_ptr_equal(weir_lane_startable(lane), &s->jobs[1]);
    assert_false(weir_lane_is_first(&s->jobs[1]));
    weir_lane_leave(&s->table, &s->jobs[0]);
    assert_true(weir_lane_is_first(&s->jobs[1]));
    end(s);
}

static void lane_is_closed_while_a_send_is_to_be_repeated(void **state)
{
    setup *s = begin();
    weir_lane *lane = join(s, 0, s->part, WEIR_SLICE_LIT("k"));

    (void)state;
    lane->n_again = 1;
    assert_null(weir_lane_startable(lane));
    lane->n_again = 0;
    assert_non_null(weir_lane_startable(lane));
    end(s);
}

static void lane_every_order_of_leaving_gives_each_job_a_spare(void **state)
{
    (void)state;
    for (int first = 0; first < 3; first++) {
        for (int second = 0; second < 3; second++) {
            setup *s = begin();

            for (int i = 0; i < 3; i++) {
                (void)join(s, i, s->part, WEIR_SLICE_LIT("k"));
            }
            weir_lane_leave(&s->table, &s->jobs[first]);
            assert_non_null(s->jobs[first].spare);
            if (second != first) {
                weir_lane_leave(&s->table, &s->jobs[second]);
                assert_non_null(s->jobs[second].spare);
            }
            /* one that left comes again, with another key */
            (void)join(s, first, s->part, WEIR_SLICE_LIT("other"));
            end(s);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lane_is_found_by_part_and_whole_key),
        cmocka_unit_test(lane_keys_with_one_hash_are_told_apart),
        cmocka_unit_test(lane_long_keys_that_differ_in_the_last_byte_are_two_lanes),
        cmocka_unit_test(lane_lets_one_job_begin_at_a_time_in_order),
        cmocka_unit_test(lane_is_closed_while_a_send_is_to_be_repeated),
        cmocka_unit_test(lane_every_order_of_leaving_gives_each_job_a_spare),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
