/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_offset_track - the tracker against a plain model, in every order that can happen.
 */
#include "triggers/offset_track.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define MOST 8

static void add(weir_track *track, int64_t offset)
{
    assert_int_equal(weir_track_reserve(track, 1), WEIR_OK);
    weir_track_add(track, offset, 1000 + offset);
}

/* What may be committed, worked out the slow way. */
static int64_t model_watermark(const int64_t *offsets, const bool *is_done, size_t n,
                               int64_t start)
{
    for (size_t i = 0; i < n; i++) {
        if (!is_done[i]) {
            return offsets[i];
        }
    }
    return n == 0 ? start : offsets[n - 1] + 1;
}

static void offsets_of(unsigned gaps, size_t n, int64_t *offsets)
{
    int64_t at = 5;

    for (size_t i = 0; i < n; i++) {
        at += (gaps >> i & 1) != 0 ? 3 : 0;
        offsets[i] = at++;
    }
}

/* Finishes in every order what is left, checking the watermark after each step. */
static void finish_rest(const weir_track *from, const int64_t *offsets,
                        const bool *done_before, size_t n, size_t *n_orders)
{
    bool any = false;

    for (size_t i = 0; i < n; i++) {
        if (done_before[i]) {
            continue;
        }
        any = true;
        weir_track track = *from;
        weir_track_slot slots[64];
        bool is_done[MOST];

        memcpy(slots, from->slots, sizeof(slots));
        memcpy(is_done, done_before, sizeof(is_done));
        track.slots = slots;
        const int64_t before = weir_track_watermark(&track);

        assert_true(weir_track_done(&track, track.epoch, offsets[i]));
        is_done[i] = true;
        assert_int_equal(weir_track_watermark(&track),
                         model_watermark(offsets, is_done, n, 5));
        assert_true(weir_track_watermark(&track) >= before);
        assert_false(weir_track_done(&track, track.epoch, offsets[i]));
        finish_rest(&track, offsets, is_done, n, n_orders);
    }
    if (!any) {
        assert_int_equal(weir_track_open(from), 0);
        ++*n_orders;
    }
}

static void a_commit_never_passes_an_unfinished_event_in_any_order(void **state)
{
    (void)state;
    for (size_t n = 1; n <= MOST; n++) {
        /* All gap patterns up to six offsets; above that the telling ones. */
        const unsigned n_gaps = 1U << n;
        const unsigned step = n <= 6 ? 1 : 85;
        size_t want = 1;

        for (size_t i = 2; i <= n; i++) {
            want *= i;
        }
        for (unsigned gaps = 0; gaps < n_gaps; gaps += step) {
            weir_track track = { 0 };
            int64_t offsets[MOST];
            const bool is_done[MOST] = { false };
            size_t n_orders = 0;

            offsets_of(gaps, n, offsets);
            weir_track_begin(&track, 1, 5);
            for (size_t i = 0; i < n; i++) {
                add(&track, offsets[i]);
            }
            finish_rest(&track, offsets, is_done, n, &n_orders);
            assert_int_equal(n_orders, want);
            weir_track_fini(&track);
        }
    }
}

/*
 * One member's partition goes and comes back between any two completions: what the first
 * epoch had finished by then is where the second begins, and the first one's late completions
 * arrive in between those of the second.
 */
static void reassign(const int64_t *offsets, const size_t *order, size_t n, size_t cut)
{
    weir_track track = { 0 };
    bool done[MOST] = { false };
    bool again[MOST] = { false };

    weir_track_begin(&track, 1, 5);
    for (size_t i = 0; i < n; i++) {
        add(&track, offsets[i]);
    }
    for (size_t i = 0; i < cut; i++) {
        assert_true(weir_track_done(&track, 1, offsets[order[i]]));
        done[order[i]] = true;
    }
    const int64_t committed = weir_track_watermark(&track);

    assert_int_equal(committed, model_watermark(offsets, done, n, 5));
    weir_track_end(&track);
    weir_track_begin(&track, 2, committed);
    size_t first = 0;

    while (first < n && offsets[first] < committed) {
        first++;
    }
    for (size_t i = first; i < n; i++) {
        add(&track, offsets[i]);
    }
    for (size_t i = 0; i < n; i++) {
        /* The first epoch's completion comes late and must not count. */
        assert_false(weir_track_done(&track, 1, offsets[order[i]]));
        assert_int_equal(
            weir_track_watermark(&track),
            model_watermark(offsets + first, again + first, n - first, committed));
        const size_t other = order[n - 1 - i];

        if (other >= first) {
            assert_true(weir_track_done(&track, 2, offsets[other]));
            again[other] = true;
        }
        assert_int_equal(
            weir_track_watermark(&track),
            model_watermark(offsets + first, again + first, n - first, committed));
    }
    weir_track_fini(&track);
}

static void permute(const int64_t *offsets, size_t *order, size_t n, size_t at)
{
    if (at == n) {
        for (size_t cut = 0; cut <= n; cut++) {
            reassign(offsets, order, n, cut);
        }
        return;
    }
    for (size_t i = at; i < n; i++) {
        const size_t kept = order[at];

        order[at] = order[i];
        order[i] = kept;
        permute(offsets, order, n, at + 1);
        order[i] = order[at];
        order[at] = kept;
    }
}

static void
a_partition_that_goes_and_comes_back_is_never_committed_past_a_hole(void **state)
{
    (void)state;
    for (size_t n = 1; n <= MOST; n++) {
        /* 0x00 no gaps, 0x55 every other one; eight offsets in all orders and cuts. */
        for (unsigned gaps = 0; gaps <= 0x55; gaps += 0x55) {
            int64_t offsets[MOST];
            size_t order[MOST];

            offsets_of(gaps, n, offsets);
            for (size_t i = 0; i < n; i++) {
                order[i] = i;
            }
            permute(offsets, order, n, 0);
        }
    }
}

static void what_was_never_given_out_is_not_done(void **state)
{
    weir_track track = { 0 };

    (void)state;
    assert_false(weir_track_done(&track, 0, 0));
    weir_track_begin(&track, 1, 10);
    add(&track, 10);
    add(&track, 20);
    assert_false(weir_track_done(&track, 1, 15));
    assert_false(weir_track_done(&track, 1, 9));
    assert_false(weir_track_done(&track, 1, 21));
    assert_false(weir_track_is_open(&track, 15));
    assert_true(weir_track_is_open(&track, 20));
    assert_int_equal(weir_track_watermark(&track), 10);
    weir_track_fini(&track);
}

static void a_gap_at_the_end_is_passed_once_all_before_it_is_done(void **state)
{
    weir_track track = { 0 };

    (void)state;
    weir_track_begin(&track, 1, 10);
    add(&track, 10);
    weir_track_pass(&track, 15);
    assert_int_equal(weir_track_watermark(&track), 10);
    assert_true(weir_track_done(&track, 1, 10));
    assert_int_equal(weir_track_watermark(&track), 15);
    weir_track_pass(&track, 12);
    assert_int_equal(weir_track_watermark(&track), 15);
    weir_track_fini(&track);
}

static void the_oldest_time_is_that_of_the_first_unfinished_event(void **state)
{
    weir_track track = { 0 };

    (void)state;
    weir_track_begin(&track, 3, 0);
    assert_int_equal(weir_track_oldest_ms(&track), -1);
    add(&track, 1);
    add(&track, 2);
    assert_true(weir_track_done(&track, 3, 1));
    assert_int_equal(weir_track_oldest_ms(&track), 1002);
    weir_track_end(&track);
    assert_false(weir_track_done(&track, 3, 2));
    weir_track_fini(&track);
}

/* Random orders over a wide window, so that the ring grows and wraps. */
static void a_wide_window_agrees_with_the_model(void **state)
{
    enum { TOTAL = 4000, WINDOW = 700 };
    static int64_t offsets[TOTAL];
    static bool is_done[TOTAL];
    weir_track track = { 0 };
    size_t n_given = 0, first = 0;
    uint64_t seed = 12345;

    (void)state;
    memset(is_done, 0, sizeof(is_done));
    weir_track_begin(&track, 1, 0);
    while (first < TOTAL) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        const uint64_t dice = seed >> 33;

        if (n_given < TOTAL && n_given - first < WINDOW && dice % 2 == 0) {
            offsets[n_given] =
                (n_given == 0 ? 0 : offsets[n_given - 1]) + 1 + (int64_t)(dice % 3);
            add(&track, offsets[n_given++]);
        } else if (n_given > first) {
            const size_t i = first + (size_t)(dice / 2 % (n_given - first));

            assert_int_equal(weir_track_done(&track, 1, offsets[i]), !is_done[i]);
            is_done[i] = true;
        }
        while (first < n_given && is_done[first]) {
            first++;
        }
        if (n_given > 0) {
            assert_int_equal(weir_track_watermark(&track),
                             first < n_given ? offsets[first]
                                             : offsets[n_given - 1] + 1);
        }
    }
    weir_track_fini(&track);
}

/* The runs say of every event that was given out whether it is done. */
static void runs_agree(const weir_track *track, const int64_t *offsets,
                       const bool *is_done, size_t n)
{
    uint32_t runs[600];
    const weir_track_runs got = weir_track_runs_get(track, runs, 600);
    int64_t at = weir_track_watermark(track);
    size_t i = 0, run = 0;

    assert_false(got.is_cut);
    for (; i < n && offsets[i] < at; i++) {
        assert_true(is_done[i]);
    }
    for (; i < n; i++) {
        while (at + runs[run] <= offsets[i]) {
            at += runs[run++];
            assert_true(run < got.n);
        }
        assert_int_equal(is_done[i], run % 2 == 1);
    }
    for (; run < got.n; run++) {
        at += runs[run];
    }
    assert_int_equal(at, track->next);
}

static void the_runs_above_the_watermark_say_what_is_done(void **state)
{
    enum { TOTAL = 500 };
    int64_t offsets[TOTAL];
    bool is_done[TOTAL] = { false };
    weir_track track = { 0 };
    uint64_t seed = 99;

    (void)state;
    weir_track_begin(&track, 1, 3);
    for (size_t i = 0; i < TOTAL; i++) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        offsets[i] = (i == 0 ? 4 : offsets[i - 1]) + 1 + (int64_t)((seed >> 40) % 3);
        add(&track, offsets[i]);
        const size_t j = (size_t)((seed >> 33) % (i + 1));

        is_done[j] = weir_track_done(&track, 1, offsets[j]) || is_done[j];
        runs_agree(&track, offsets, is_done, i + 1);
        size_t n_done = 0;

        for (size_t k = 0; k <= i; k++) {
            n_done += is_done[k] && offsets[k] > weir_track_watermark(&track);
        }
        assert_int_equal(weir_track_above(&track), n_done);
    }
    weir_track_fini(&track);
}

static void runs_that_do_not_fit_are_cut_at_the_end(void **state)
{
    weir_track track = { 0 };
    uint32_t runs[4];

    (void)state;
    weir_track_begin(&track, 1, 0);
    for (int64_t offset = 0; offset < 10; offset++) {
        add(&track, offset);
        if (offset % 2 == 1) {
            assert_true(weir_track_done(&track, 1, offset));
        }
    }
    assert_false(weir_track_runs_get(&track, (uint32_t[10]){ 0 }, 10).is_cut);
    const weir_track_runs got = weir_track_runs_get(&track, runs, 4);

    assert_true(got.is_cut);
    assert_int_equal(got.n, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(runs[i], 1);
    }
    weir_track_pass(&track, INT64_C(1) << 33);
    assert_true(weir_track_runs_get(&track, (uint32_t[10]){ 0 }, 10).is_cut);
    weir_track_fini(&track);
}

static void a_gap_behind_an_unfinished_event_costs_by_its_width(void **state)
{
    weir_track track = { 0 };
    uint32_t runs[8];

    (void)state;
    weir_track_begin(&track, 1, 0);
    add(&track, 0);
    add(&track, 1000);
    weir_track_runs got = weir_track_runs_get(&track, runs, 8);

    assert_int_equal(got.n, 1);
    assert_int_equal(runs[0], 1001);
    assert_int_equal(got.log2_gaps, 9);
    assert_true(weir_track_done(&track, 1, 1000));
    got = weir_track_runs_get(&track, runs, 8);
    assert_int_equal(got.n, 2);
    assert_int_equal(runs[0], 1);
    assert_int_equal(runs[1], 1000);
    assert_int_equal(got.log2_gaps, 0);
    weir_track_fini(&track);
}

static void what_is_skipped_counts_as_done_and_not_as_given_out(void **state)
{
    weir_track track = { 0 };

    (void)state;
    weir_track_skip(&track, 7); /* no epoch: nothing to skip for */
    weir_track_begin(&track, 1, 0);
    weir_track_skip(&track, 3);
    assert_int_equal(weir_track_watermark(&track), 3);
    add(&track, 3);
    assert_int_equal(weir_track_reserve(&track, 3), WEIR_OK);
    weir_track_skip(&track, 9);
    weir_track_skip(&track, 8);
    weir_track_skip(&track, 12);
    assert_int_equal(weir_track_above(&track), 1);
    assert_int_equal(weir_track_open(&track), 1);
    assert_false(weir_track_is_open(&track, 5));
    assert_int_equal(weir_track_watermark(&track), 3);
    add(&track, 12);
    assert_true(weir_track_done(&track, 1, 3));
    assert_int_equal(weir_track_watermark(&track), 12);
    weir_track_fini(&track);
}

static void a_plan_says_what_would_be_committed_and_changes_nothing(void **state)
{
    weir_track track = { 0 };
    uint32_t runs[8];
    int64_t watermark;
    size_t above;

    (void)state;
    assert_false(weir_track_plan(&track, 1, 0)); /* no epoch */
    weir_track_begin(&track, 1, 0);
    for (int64_t offset = 0; offset < 6; offset++) {
        add(&track, offset);
    }
    assert_true(weir_track_plan(&track, 1, 0));
    assert_true(weir_track_plan(&track, 1, 1));
    assert_true(weir_track_plan(&track, 1, 4));
    assert_false(weir_track_plan(&track, 1, 4)); /* already */
    assert_false(weir_track_plan(&track, 2, 3)); /* another epoch */
    assert_false(weir_track_plan(&track, 1, 9)); /* not given out */
    assert_int_equal(track.n_planned, 3);

    const weir_track_runs planned =
        weir_track_planned_get(&track, runs, 8, &watermark, &above);

    assert_int_equal(watermark, 2);
    assert_int_equal(weir_track_planned_watermark(&track), 2);
    assert_int_equal(above, 1);
    assert_int_equal(planned.n, 3); /* 2 and 3, then 4, then 5 */
    assert_int_equal(runs[0], 2);
    assert_int_equal(runs[1], 1);
    assert_int_equal(weir_track_watermark(&track), 0);
    assert_int_equal(weir_track_above(&track), 0);
    assert_int_equal(weir_track_oldest_ms(&track), 1000);

    assert_true(weir_track_unplan(&track, 1, 0));
    assert_false(weir_track_unplan(&track, 1, 0));
    assert_int_equal(weir_track_planned_watermark(&track), 0);
    assert_int_equal(weir_track_oldest_ms(&track), 1000);
    assert_true(weir_track_done(&track, 1, 1)); /* planned, and done now */
    assert_false(weir_track_unplan(&track, 1, 1));
    assert_int_equal(track.n_planned, 1);
    assert_true(weir_track_done(&track, 1, 0));
    assert_int_equal(weir_track_watermark(&track), 2);
    weir_track_end(&track);
    assert_int_equal(track.n_planned, 0);
    assert_false(weir_track_unplan(&track, 1, 4));
    weir_track_fini(&track);
}

static void a_time_that_nobody_has_is_not_taken_for_a_plan(void **state)
{
    weir_track track = { 0 };

    (void)state;
    weir_track_begin(&track, 1, 0);
    assert_int_equal(weir_track_reserve(&track, 2), WEIR_OK);
    weir_track_add(&track, 0, INT64_MAX);
    weir_track_add(&track, 1, INT64_MIN);
    assert_int_equal(weir_track_oldest_ms(&track), -1);
    assert_int_equal(weir_track_planned_watermark(&track), 0);
    assert_true(weir_track_plan(&track, 1, 0));
    assert_true(weir_track_plan(&track, 1, 1));
    assert_int_equal(weir_track_planned_watermark(&track), 2);
    weir_track_fini(&track);
}

static void what_is_closed_or_of_another_epoch_is_left_alone(void **state)
{
    weir_track track = { 0 };

    (void)state;
    weir_track_begin(&track, 2, 10);
    add(&track, 10);
    add(&track, 11);
    assert_false(weir_track_plan(&track, 1, 10));
    assert_false(weir_track_done(&track, 1, 10));
    assert_true(weir_track_plan(&track, 2, 10));
    assert_false(weir_track_unplan(&track, 1, 10));
    assert_int_equal(weir_track_planned_watermark(&track), 11);
    assert_true(weir_track_is_open(&track, 10));
    weir_track_end(&track);
    assert_false(weir_track_is_open(&track, 10));
    assert_false(weir_track_plan(&track, 2, 10));
    assert_false(weir_track_unplan(&track, 2, 10));
    weir_track_pass(&track, 50);
    weir_track_skip(&track, 50);
    assert_int_equal(weir_track_watermark(&track), 12);
    weir_track_fini(&track);
}

static void a_plan_is_made_once_and_of_what_is_unfinished(void **state)
{
    weir_track track = { 0 };

    (void)state;
    weir_track_begin(&track, 1, 10);
    add(&track, 10);
    add(&track, 12);
    add(&track, 13);
    assert_true(weir_track_done(&track, 1, 12));
    assert_false(weir_track_plan(&track, 1, 12)); /* finished */
    assert_false(weir_track_plan(&track, 1, 11)); /* never given out */
    assert_true(weir_track_plan(&track, 1, 10));
    assert_false(weir_track_plan(&track, 1, 10));
    assert_int_equal(weir_track_planned_watermark(&track), 13);
    assert_false(weir_track_unplan(&track, 1, 12));
    assert_false(weir_track_unplan(&track, 1, 11));
    assert_true(weir_track_unplan(&track, 1, 10));
    assert_false(weir_track_unplan(&track, 1, 10));
    assert_false(weir_track_is_open(&track, 12));
    assert_int_equal(weir_track_planned_watermark(&track), 10);
    weir_track_fini(&track);
}

/* The gap behind 10 is no event's: 11 to 19 are as unfinished as 10 while 20 is open. */
static void a_gap_between_unfinished_events_is_one_run_with_them(void **state)
{
    uint32_t runs[8];
    weir_track track = { 0 };

    (void)state;
    weir_track_begin(&track, 1, 10);
    add(&track, 10);
    add(&track, 20);
    add(&track, 21);
    weir_track_pass(&track, 30);
    const weir_track_runs got = weir_track_runs_get(&track, runs, 8);

    assert_int_equal(got.n, 1);
    assert_int_equal(runs[0], 20);
    assert_false(got.is_cut);
    weir_track_fini(&track);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_closed_or_of_another_epoch_is_left_alone),
        cmocka_unit_test(a_plan_is_made_once_and_of_what_is_unfinished),
        cmocka_unit_test(a_gap_between_unfinished_events_is_one_run_with_them),
        cmocka_unit_test(a_commit_never_passes_an_unfinished_event_in_any_order),
        cmocka_unit_test(
            a_partition_that_goes_and_comes_back_is_never_committed_past_a_hole),
        cmocka_unit_test(what_was_never_given_out_is_not_done),
        cmocka_unit_test(a_gap_at_the_end_is_passed_once_all_before_it_is_done),
        cmocka_unit_test(the_oldest_time_is_that_of_the_first_unfinished_event),
        cmocka_unit_test(a_wide_window_agrees_with_the_model),
        cmocka_unit_test(the_runs_above_the_watermark_say_what_is_done),
        cmocka_unit_test(runs_that_do_not_fit_are_cut_at_the_end),
        cmocka_unit_test(a_gap_behind_an_unfinished_event_costs_by_its_width),
        cmocka_unit_test(what_is_skipped_counts_as_done_and_not_as_given_out),
        cmocka_unit_test(a_plan_says_what_would_be_committed_and_changes_nothing),
        cmocka_unit_test(a_time_that_nobody_has_is_not_taken_for_a_plan),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
