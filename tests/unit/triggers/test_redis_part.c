/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* test_redis_part - how much a Redis source has at once, and when it asks for more. */
#include "triggers/redis_state.h"

#include "worker/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <cmocka.h>

typedef struct world {
    weir_source_setup setup;
    weir_redis_part parts[2];
    weir_redis_src src;
} world;

static void world_begin(world *w, size_t n_parts)
{
    *w = (world){ .setup = { .max_events = 20000,
                             .max_bytes = 1 << 20,
                             .claim_after_us = 60000000 } };
    w->src.setup = &w->setup;
    w->src.parts = w->parts;
    w->src.n_parts = n_parts;
    w->src.window_min = 64;
    w->src.window = 64;
    w->src.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    weir_lock_init(&w->src.lock, WEIR_RANK_SOURCE);
    for (size_t i = 0; i < n_parts; i++) {
        w->parts[i].is_live = true;
    }
}

static void world_end(world *w)
{
    for (size_t i = 0; i < w->src.n_parts; i++) {
        weir_redis_held_fini(&w->parts[i].held);
    }
    close(w->src.wake_fd);
    weir_lock_fini(&w->src.lock);
}

static void world_hold(weir_redis_part *part, size_t n)
{
    assert_true(weir_redis_held_reserve(&part->held, n));
    for (size_t i = 0; i < n; i++) {
        weir_redis_held_put(&part->held, (weir_pos){ 7, i }, WEIR_REDIS_GIVEN);
    }
}

static bool world_is_woken(world *w)
{
    uint64_t n;

    return read(w->src.wake_fd, &n, sizeof(n)) == sizeof(n);
}

static void room_for_a_few_is_no_room_while_much_is_here(void **state)
{
    world w;

    (void)state;
    world_begin(&w, 1);
    assert_int_equal(weir_redis_room_locked(&w.src, &w.parts[0]), 64);
    world_hold(&w.parts[0], 63);
    assert_int_equal(weir_redis_room_locked(&w.src, &w.parts[0]), 0);
    w.parts[0].n_done = 30;
    assert_int_equal(weir_redis_room_locked(&w.src, &w.parts[0]), 31);
    world_end(&w);
}

static void a_full_stream_leaves_the_other_its_share(void **state)
{
    world w;

    (void)state;
    world_begin(&w, 2);
    world_hold(&w.parts[0], 64);
    assert_int_equal(weir_redis_room_locked(&w.src, &w.parts[0]), 0);
    assert_int_equal(weir_redis_room_locked(&w.src, &w.parts[1]), 17);
    world_end(&w);
}

static void whoever_found_no_room_is_told_once_when_there_is_some(void **state)
{
    world w;

    (void)state;
    world_begin(&w, 1);
    world_hold(&w.parts[0], 64);
    w.src.wants_room = true;
    assert_false(weir_redis_room_is_back_locked(&w.src));
    w.parts[0].n_done = 40;
    assert_true(weir_redis_room_is_back_locked(&w.src));
    assert_false(weir_redis_room_is_back_locked(&w.src));
    world_end(&w);
}

static void room_that_a_settler_makes_wakes_the_intake(void **state)
{
    weir_receipt receipts[64];
    world w;

    (void)state;
    world_begin(&w, 1);
    world_hold(&w.parts[0], 64);
    for (size_t i = 0; i < 64; i++) {
        receipts[i] = (weir_receipt){ .pos = { 7, i } };
    }
    w.parts[0].stat.n_unacked = 64;
    w.src.wants_room = true;
    weir_redis_part_done(&w.src, receipts, 1); /* too few to ask for */
    assert_false(world_is_woken(&w));
    weir_redis_part_done(&w.src, receipts + 1, 63);
    assert_true(world_is_woken(&w));
    assert_false(w.src.wants_room);
    assert_int_equal(w.src.n_finished, 64);
    world_end(&w);
}

static void a_window_that_is_finished_at_once_grows_fourfold(void **state)
{
    world w;

    (void)state;
    world_begin(&w, 1);
    w.src.rate_due_us = 1000000 + WEIR_REDIS_RATE_US; /* measured at 1 s */
    world_hold(&w.parts[0], 64);
    w.src.wants_room = true;
    w.src.n_finished = 64;
    weir_redis_measure(&w.src, 1005000);
    assert_int_equal(w.src.window, 64); /* too soon to know */
    weir_redis_measure(&w.src, 1010000);
    assert_int_equal(w.src.window, 256);
    assert_true(world_is_woken(&w));
    w.src.n_finished += 255;
    weir_redis_measure(&w.src, 1020000);
    assert_int_equal(w.src.window, 256); /* not a whole one */
    for (int64_t now = 1030000; now < 1200000; now += 10000) {
        w.src.n_finished += 30000;
        weir_redis_measure(&w.src, now);
    }
    assert_int_equal(w.src.window, 20000);
    world_end(&w);
}

static void a_slow_function_has_a_small_window(void **state)
{
    world w;

    (void)state;
    world_begin(&w, 1);
    w.src.rate_due_us = 1000000 + WEIR_REDIS_RATE_US;
    w.src.window = 20000;
    w.src.n_finished = 1;
    weir_redis_measure(&w.src, 1000000 + WEIR_REDIS_RATE_US);
    assert_int_equal(w.src.window, 64);
    assert_false(world_is_woken(&w));
    world_end(&w);
}

static void many_acknowledgements_are_due_at_once_and_few_soon(void **state)
{
    world w;

    (void)state;
    world_begin(&w, 1);
    w.setup.commit_us = 1000000;
    assert_false(weir_redis_ack_is_due(&w.src, 1000));
    w.src.n_unconfirmed = w.src.n_unsent = 1;
    assert_false(weir_redis_ack_is_due(&w.src, 1000));
    assert_true(w.src.ack_due_us > 1000 && w.src.ack_due_us <= 6000);
    assert_true(weir_redis_ack_is_due(&w.src, 6000));
    w.src.ack_due_us = 6000;
    w.src.n_unconfirmed = w.src.n_unsent = WEIR_REDIS_ACKS_NOW;
    assert_true(weir_redis_ack_is_due(&w.src, 1000));
    /* The server refused the last ones: not for each five hundred again. */
    w.src.has_refused_acks = true;
    assert_false(weir_redis_ack_is_due(&w.src, 1000));
    world_end(&w);
}

static void what_is_acknowledged_while_the_server_is_asked_is_due_at_once(void **state)
{
    const weir_redis_queue queue = { .url = NULL };
    world w;
    weir_err err;

    (void)state;
    world_begin(&w, 1);
    assert_int_equal(weir_redis_conn_new(&queue, "unit", -1, &w.src.ctl, &err),
                     WEIR_OK);
    /* In no list yet, as if they had come after the lists were taken. */
    w.src.n_unconfirmed = w.src.n_unsent = WEIR_REDIS_ACKS_NOW + 100;
    weir_redis_ack(&w.src);
    assert_true(w.src.ack_due_us > 0 && w.src.ack_due_us <= weir_clock_us());
    weir_redis_conn_free(w.src.ctl);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(room_for_a_few_is_no_room_while_much_is_here),
        cmocka_unit_test(a_full_stream_leaves_the_other_its_share),
        cmocka_unit_test(whoever_found_no_room_is_told_once_when_there_is_some),
        cmocka_unit_test(room_that_a_settler_makes_wakes_the_intake),
        cmocka_unit_test(a_window_that_is_finished_at_once_grows_fourfold),
        cmocka_unit_test(a_slow_function_has_a_small_window),
        cmocka_unit_test(many_acknowledgements_are_due_at_once_and_few_soon),
        cmocka_unit_test(what_is_acknowledged_while_the_server_is_asked_is_due_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
