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

static void a_full_client_or_many_debts_leave_no_room(void **state)
{
    world w;

    (void)state;
    world_begin(&w, 1);
    assert_int_equal(weir_redis_room_locked(&w.src, &w.parts[0]), 64);
    w.src.stat.client_bytes = (1 << 19) + 1;
    assert_int_equal(weir_redis_room_locked(&w.src, &w.parts[0]), 0);
    w.src.stat.client_bytes = 1 << 19;
    assert_int_equal(weir_redis_room_locked(&w.src, &w.parts[0]), 64);
    world_hold(&w.parts[0], 100001);
    w.parts[0].n_done = 100001; /* not confirmed yet */
    assert_int_equal(weir_redis_room_locked(&w.src, &w.parts[0]), 0);
    world_end(&w);
}

static void room_in_a_part_that_is_gone_or_held_wakes_nobody(void **state)
{
    world w;

    (void)state;
    world_begin(&w, 2);
    w.src.wants_room = true;
    w.parts[0].is_live = false;
    w.parts[1].is_held = true;
    assert_false(weir_redis_room_is_back_locked(&w.src));
    w.parts[1].is_held = false;
    assert_true(weir_redis_room_is_back_locked(&w.src));
    world_end(&w);
}

static void what_a_settler_did_under_an_old_epoch_is_dropped(void **state)
{
    const weir_receipt old = { .pos = { 7, 0 }, .epoch = 1 };
    const weir_receipt now = { .pos = { 7, 0 }, .epoch = 2 };
    const weir_receipt unknown = { .pos = { 9, 0 }, .epoch = 2 };
    world w;

    (void)state;
    world_begin(&w, 1);
    world_hold(&w.parts[0], 1);
    w.parts[0].epoch = 2;
    w.parts[0].stat.n_unacked = 1;
    weir_redis_part_done(&w.src, &old, 1);
    weir_redis_part_done(&w.src, &unknown, 1);
    assert_int_equal(w.src.n_finished, 0);
    w.parts[0].is_live = false;
    weir_redis_part_done(&w.src, &now, 1);
    assert_int_equal(w.src.n_finished, 0);
    w.parts[0].is_live = true;
    weir_redis_part_done(&w.src, &now, 0); /* a batch of none is no commit */
    assert_int_equal(w.src.stat.n_commits, 3);
    weir_redis_part_done(&w.src, &now, 1);
    assert_int_equal(w.src.n_finished, 1);
    assert_int_equal(w.parts[0].stat.n_unacked, 0);
    world_end(&w);
}

/* One answer with two entries, as a reader gives it. */
static weir_redis_reply *two_entries(weir_redis_reader *reader, weir_redis_entry *out)
{
    static const char bytes[] = "*2\r\n"
                                "*2\r\n$3\r\n7-0\r\n*2\r\n$4\r\ndata\r\n$1\r\nx\r\n"
                                "*2\r\n$3\r\n7-1\r\n*2\r\n$4\r\ndata\r\n$1\r\ny\r\n";
    weir_redis_reply *reply = NULL;
    weir_err err;

    assert_int_equal(weir_redis_reader_feed(reader, bytes, sizeof(bytes) - 1), WEIR_OK);
    assert_int_equal(weir_redis_reader_next(reader, &reply, &err), WEIR_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_true(weir_redis_entry_parse(weir_redis_at(reply->root, i), &out[i]));
    }
    return reply;
}

static void a_lost_part_gives_back_what_lay_queued(void **state)
{
    weir_redis_reader *reader = weir_redis_reader_new();
    weir_redis_entry entries[2];
    world w;

    (void)state;
    world_begin(&w, 1);
    w.src.news_tail = &w.src.news;
    weir_redis_reply *reply = two_entries(reader, entries);
    weir_redis_part *part = &w.parts[0];

    assert_int_equal(weir_redis_part_queue_locked(&w.src, part, reply, entries, 2, 1,
                                                  WEIR_AGAIN_NONE),
                     2);
    /* Those are here already. */
    assert_int_equal(weir_redis_part_queue_locked(&w.src, part, reply, entries, 2, 1,
                                                  WEIR_AGAIN_NONE),
                     0);
    assert_int_equal(w.src.stat.n_client, 2);
    assert_int_equal(w.src.stat.client_bytes, entries[0].bytes + entries[1].bytes);
    assert_int_equal(atomic_load(&reply->n_users), 3);
    weir_redis_lose(&w.src);
    assert_int_equal(w.src.stat.n_client, 0);
    assert_int_equal(w.src.stat.client_bytes, 0);
    assert_int_equal(atomic_load(&reply->n_users), 1);
    assert_false(part->is_live);
    assert_true(world_is_woken(&w));
    assert_int_equal(w.src.news->type, WEIR_REDIS_LOST);
    weir_redis_lose(&w.src); /* nothing is left to lose */
    assert_false(world_is_woken(&w));
    free(w.src.news);
    weir_redis_reply_give(reply);
    free(part->ring.items);
    weir_redis_reader_free(reader);
    world_end(&w);
}

static void a_part_is_assigned_once(void **state)
{
    world w;

    (void)state;
    world_begin(&w, 1);
    w.src.news_tail = &w.src.news;
    weir_redis_assign(&w.src, &w.parts[0]); /* it is live */
    assert_null(w.src.news);
    assert_false(world_is_woken(&w));
    w.parts[0].is_live = false;
    weir_redis_assign(&w.src, &w.parts[0]);
    assert_int_equal(w.src.news->type, WEIR_REDIS_ASSIGNED);
    assert_int_equal(w.src.news->epoch, 1);
    assert_true(world_is_woken(&w));
    free(w.src.news);
    world_end(&w);
}

static void a_trouble_is_told_once_until_it_changes(void **state)
{
    world w;

    (void)state;
    world_begin(&w, 1);
    w.src.news_tail = &w.src.news;
    weir_redis_trouble(&w.src, &w.parts[0], weir_redis_trouble_of(WEIR_EDENIED), "no");
    assert_true(world_is_woken(&w));
    weir_redis_trouble(&w.src, &w.parts[0], weir_redis_trouble_of(WEIR_EDENIED), "no");
    assert_false(world_is_woken(&w));
    weir_redis_trouble(&w.src, NULL, weir_redis_trouble_of(WEIR_EIO), "gone");
    assert_true(world_is_woken(&w));
    weir_redis_trouble(&w.src, &w.parts[0], weir_redis_trouble_of(WEIR_ENOENT), "none");
    assert_true(world_is_woken(&w));

    static const weir_trouble kinds[] = { WEIR_TROUBLE_DENIED, WEIR_TROUBLE_UNREACHABLE,
                                          WEIR_TROUBLE_MISSING };
    static const char *const texts[] = { "no", "gone", "none" };
    weir_redis_news *news = w.src.news;

    for (size_t i = 0; i < 3; i++) {
        weir_redis_news *next = news->next;

        assert_int_equal(news->kind, kinds[i]);
        assert_string_equal(news->text, texts[i]);
        assert_true((news->part == NULL) == (i == 1));
        free(news);
        news = next;
    }
    assert_null(news);
    world_end(&w);
}

static void a_window_without_a_limit_has_one_all_the_same(void **state)
{
    world w;

    (void)state;
    world_begin(&w, 1);
    w.setup.max_events = 0;
    for (int64_t now = 1010000; now < 1400000; now += 10000) {
        w.src.rate_due_us = now - 10000 + WEIR_REDIS_RATE_US;
        w.src.n_finished += 300000;
        weir_redis_measure(&w.src, now);
    }
    assert_int_equal(w.src.window, 20000);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_client_or_many_debts_leave_no_room),
        cmocka_unit_test(room_in_a_part_that_is_gone_or_held_wakes_nobody),
        cmocka_unit_test(what_a_settler_did_under_an_old_epoch_is_dropped),
        cmocka_unit_test(a_lost_part_gives_back_what_lay_queued),
        cmocka_unit_test(a_part_is_assigned_once),
        cmocka_unit_test(a_trouble_is_told_once_until_it_changes),
        cmocka_unit_test(a_window_without_a_limit_has_one_all_the_same),
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
