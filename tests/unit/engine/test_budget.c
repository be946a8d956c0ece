/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_budget - shares of events and bytes: what a stuck part may fill and what not.
 */
#include "worker/engine/budget.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <string.h>

typedef struct setup {
    weir_budget budget;
    weir_share shares[2];
    weir_bucket parts[2][2]; /* of each subscription */
} setup;

/* Two subscriptions with two parts each: 80 events, 8,000 bytes (7,000 for events). */
static void begin(setup *s)
{
    memset(s, 0, sizeof(*s));
    weir_budget_init(&s->budget, 2, 80, 8000);
    for (int i = 0; i < 2; i++) {
        weir_share_init(&s->shares[i], &s->budget);
        for (int k = 0; k < 2; k++) {
            weir_share_part_add(&s->shares[i], &s->parts[i][k]);
        }
    }
}

/* Takes until there is no room; how many fitted. */
static size_t fill(setup *s, int sub, int part, size_t bytes)
{
    size_t n = 0;

    while (weir_budget_take(&s->shares[sub], &s->parts[sub][part], bytes) !=
           WEIR_BUCKET_NONE) {
        n++;
    }
    return n;
}

static void budget_stuck_part_leaves_every_other_part_its_own(void **state)
{
    setup s;

    (void)state;
    begin(&s);
    /* its own 5, its subscription's 10, the common 40 */
    assert_int_equal(fill(&s, 0, 0, 1), 55);
    assert_int_equal(fill(&s, 0, 1, 1), 5);
    assert_int_equal(fill(&s, 1, 0, 1), 15);
    assert_int_equal(fill(&s, 1, 1, 1), 5);
    assert_int_equal(s.budget.all.n_events, 80);
    weir_budget_fini(&s.budget);
}

static void budget_counts_bytes_as_well_as_events(void **state)
{
    setup s;

    (void)state;
    begin(&s);
    /* 437 of its own, 875 of the subscription, 3,500 common */
    assert_int_equal(fill(&s, 0, 0, 400), 1 + 2 + 8);
    assert_true(s.budget.all.n_bytes <= 7000);
    weir_budget_fini(&s.budget);
}

static void budget_gives_back_to_the_bucket_that_was_charged(void **state)
{
    setup s;
    uint8_t buckets[60];
    size_t n = 0;

    (void)state;
    begin(&s);
    while ((buckets[n] = weir_budget_take(&s.shares[0], &s.parts[0][0], 10)) !=
           WEIR_BUCKET_NONE) {
        n++;
    }
    assert_int_equal(buckets[0], WEIR_BUCKET_PART);
    assert_int_equal(buckets[5], WEIR_BUCKET_SUB);
    assert_int_equal(buckets[n - 1], WEIR_BUCKET_COMMON);
    for (size_t i = 0; i < n; i++) {
        weir_budget_give(&s.shares[0], &s.parts[0][0], buckets[i], 10);
    }
    assert_int_equal(s.budget.all.n_events, 0);
    assert_int_equal(s.budget.all.n_bytes, 0);
    assert_int_equal(s.budget.common.n_events, 0);
    assert_int_equal(s.shares[0].own.n_events, 0);
    assert_int_equal(s.parts[0][0].n_events, 0);
    weir_budget_fini(&s.budget);
}

static void budget_lets_a_giant_in_only_when_nothing_else_is_there(void **state)
{
    setup s;
    uint8_t small, giant;

    (void)state;
    begin(&s);
    small = weir_budget_take(&s.shares[1], &s.parts[1][0], 1);
    assert_int_equal(weir_budget_take(&s.shares[0], &s.parts[0][0], 100000),
                     WEIR_BUCKET_NONE);
    weir_budget_give(&s.shares[1], &s.parts[1][0], small, 1);
    giant = weir_budget_take(&s.shares[0], &s.parts[0][0], 100000);
    assert_int_not_equal(giant, WEIR_BUCKET_NONE);
    assert_int_equal(weir_budget_take(&s.shares[1], &s.parts[1][0], 1),
                     WEIR_BUCKET_NONE);
    assert_int_equal(weir_budget_room(&s.shares[1], 100), 0);
    weir_budget_give(&s.shares[0], &s.parts[0][0], giant, 100000);
    assert_true(weir_budget_room(&s.shares[1], 100) > 0);
    weir_budget_fini(&s.budget);
}

static void budget_part_that_goes_leaves_its_share_to_the_others(void **state)
{
    setup s;

    (void)state;
    begin(&s);
    weir_share_part_drop(&s.shares[0], &s.parts[0][1]);
    (void)fill(&s, 0, 0, 1);
    assert_int_equal(s.parts[0][0].n_events, 10);
    weir_budget_fini(&s.budget);
}

static void budget_room_is_never_zero_while_a_take_would_succeed(void **state)
{
    setup s;

    (void)state;
    begin(&s);
    (void)fill(&s, 0, 0, 1);
    /* the other part has room */
    assert_true(weir_budget_room(&s.shares[0], 100) > 0);
    (void)fill(&s, 0, 1, 1);
    (void)fill(&s, 1, 0, 1);
    assert_true(weir_budget_room(&s.shares[1], 100) > 0);
    (void)fill(&s, 1, 1, 1);
    assert_int_equal(weir_budget_room(&s.shares[0], 100), 0);
    assert_int_equal(weir_budget_room(&s.shares[1], 100), 0);
    weir_budget_fini(&s.budget);
}

static void budget_outputs_have_an_eighth_of_the_bytes(void **state)
{
    setup s;

    (void)state;
    begin(&s);
    weir_budget_out_add(&s.budget, 999);
    assert_true(weir_budget_out_has_room(&s.budget));
    weir_budget_out_add(&s.budget, 1);
    assert_false(weir_budget_out_has_room(&s.budget));
    weir_budget_out_sub(&s.budget, 1000);
    assert_true(weir_budget_out_has_room(&s.budget));
    weir_budget_fini(&s.budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(budget_stuck_part_leaves_every_other_part_its_own),
        cmocka_unit_test(budget_counts_bytes_as_well_as_events),
        cmocka_unit_test(budget_gives_back_to_the_bucket_that_was_charged),
        cmocka_unit_test(budget_lets_a_giant_in_only_when_nothing_else_is_there),
        cmocka_unit_test(budget_part_that_goes_leaves_its_share_to_the_others),
        cmocka_unit_test(budget_room_is_never_zero_while_a_take_would_succeed),
        cmocka_unit_test(budget_outputs_have_an_eighth_of_the_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
