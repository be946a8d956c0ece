/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_redis_atomic - the settler of Redis: nothing at all is written when anything is refused,
 * whatever it is.
 */
#include "tests/support/redis_once.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the ones above */
#include <cmocka.h>
#include <string.h>

#define N_EVENTS 20

static void
a_key_of_another_type_refuses_its_events_and_writes_nothing_of_them(void **state)
{
    once *k = once_new(*state, N_EVENTS, 2, NULL);

    rig_do(k->w->conn, "SET %s text", k->names[0]);
    once_settle(k, 0, N_EVENTS);
    assert_int_equal(once_count(k, WEIR_SETTLED_DENIED, N_EVENTS), N_EVENTS);
    assert_ptr_equal(k->results[0].out, &k->outs[0][0]);
    assert_non_null(strstr(k->texts[0], "it is a string, not a stream"));
    once_assert_untouched(k, N_EVENTS);
    rig_do(k->w->conn, "DEL %s", k->names[0]);
    once_until_ok(k, N_EVENTS);
    assert_int_equal(once_length(k, k->names[0]), N_EVENTS);
    assert_int_equal(once_length(k, k->names[1]), N_EVENTS);
    assert_int_equal(world_pending(k->w), 0);
    once_free(k);
}

static void events_that_need_no_refused_key_go_on_without_the_others(void **state)
{
    once *k = once_new(*state, N_EVENTS, 1, NULL);

    for (size_t i = 0; i < N_EVENTS; i += 2) {
        k->outs[i][0].target = k->targets[1];
    }
    rig_do(k->w->conn, "SET %s text", k->names[0]);
    once_settle(k, 0, N_EVENTS);
    assert_int_equal(once_count(k, WEIR_SETTLED_OK, N_EVENTS), N_EVENTS / 2);
    assert_int_equal(once_count(k, WEIR_SETTLED_DENIED, N_EVENTS), N_EVENTS / 2);
    assert_int_equal(once_length(k, k->names[1]), N_EVENTS / 2);
    assert_int_equal(world_pending(k->w), N_EVENTS / 2);
    once_free(k);
}

static void a_server_without_memory_writes_nothing_until_it_has_some(void **state)
{
    once *k = once_new(*state, N_EVENTS, 2, NULL);

    rig_do(k->w->conn, "CONFIG SET maxmemory-policy noeviction");
    rig_do(k->w->conn, "CONFIG SET maxmemory 1");
    once_settle(k, 0, N_EVENTS);
    assert_int_equal(once_count(k, WEIR_SETTLED_AGAIN, N_EVENTS), N_EVENTS);
    assert_non_null(strstr(k->texts[0], "OOM"));
    once_assert_untouched(k, N_EVENTS);
    rig_do(k->w->conn, "CONFIG SET maxmemory 0");
    once_until_ok(k, N_EVENTS);
    assert_int_equal(once_length(k, k->names[0]), N_EVENTS);
    assert_int_equal(world_pending(k->w), 0);
    once_free(k);
}

static void a_user_without_the_right_to_one_key_writes_to_none(void **state)
{
    once *k = once_new(*state, N_EVENTS, 2, NULL);
    weir_err err = { 0 };

    rig_do(k->w->conn, "ACL SETUSER default resetkeys ~%s ~%s ~weir:*", k->w->stream,
           k->names[0]);
    once_settle(k, 0, N_EVENTS);
    assert_int_equal(once_count(k, WEIR_SETTLED_DENIED, N_EVENTS), N_EVENTS);
    assert_non_null(strstr(k->texts[0], "NOPERM"));
    assert_int_equal(
        weir_redis_settler.probe(k->self, k->targets, 2, RIG_HANG_US, &err),
        WEIR_EDENIED);
    assert_non_null(strstr(err.text, k->names[1]));
    rig_do(k->w->conn, "ACL SETUSER default allkeys");
    once_assert_untouched(k, N_EVENTS);
    assert_int_equal(once_length(k, k->names[0]), 0);
    once_until_ok(k, N_EVENTS);
    assert_int_equal(once_length(k, k->names[1]), N_EVENTS);
    once_free(k);
}

static void an_event_is_not_refused_for_the_stream_of_another(void **state)
{
    once *k = once_new(*state, N_EVENTS, 1, NULL);

    for (size_t i = 0; i < N_EVENTS; i += 3) {
        k->outs[i][0].target = k->targets[1];
    }
    rig_do(k->w->conn, "ACL SETUSER default resetkeys ~%s ~%s ~weir:*", k->w->stream,
           k->names[0]);
    once_settle(k, 0, N_EVENTS);
    for (size_t i = 0; i < N_EVENTS; i++) {
        assert_int_equal(k->results[i].settled,
                         i % 3 == 0 ? WEIR_SETTLED_DENIED : WEIR_SETTLED_OK);
        assert_ptr_equal(k->results[i].out, i % 3 == 0 ? &k->outs[i][0] : NULL);
    }
    rig_do(k->w->conn, "ACL SETUSER default allkeys");
    assert_int_equal(once_length(k, k->names[1]), 0);
    once_free(k);
}

static void a_user_without_the_right_to_add_writes_nothing(void **state)
{
    once *k = once_new(*state, N_EVENTS, 2, NULL);
    weir_err err = { 0 };

    rig_do(k->w->conn, "ACL SETUSER default -xadd");
    once_settle(k, 0, N_EVENTS);
    assert_int_equal(once_count(k, WEIR_SETTLED_DENIED, N_EVENTS), N_EVENTS);
    assert_ptr_equal(k->results[0].out, &k->outs[0][0]);
    assert_non_null(strstr(k->texts[0], "NOPERM this user may not XADD it"));
    assert_int_equal(
        weir_redis_settler.probe(k->self, k->targets, 2, RIG_HANG_US, &err),
        WEIR_EDENIED);
    rig_do(k->w->conn, "ACL SETUSER default +xadd");
    once_assert_untouched(k, N_EVENTS);
    once_free(k);
}

static void a_user_without_the_right_to_acknowledge_publishes_nothing(void **state)
{
    once *k = once_new(*state, N_EVENTS, 2, NULL);

    rig_do(k->w->conn, "ACL SETUSER default -xack");
    once_settle(k, 0, N_EVENTS);
    assert_int_equal(once_count(k, WEIR_SETTLED_DENIED, N_EVENTS), N_EVENTS);
    assert_non_null(strstr(k->texts[0], "NOPERM this user may not XACK it"));
    rig_do(k->w->conn, "ACL SETUSER default +xack");
    once_assert_untouched(k, N_EVENTS);
    once_free(k);
}

static void what_an_add_that_fails_late_has_written_is_taken_back(void **state)
{
    once *k = once_new(*state, N_EVENTS, 2, NULL);

    /* The only failure that no check foresees: the last possible id is taken. */
    rig_do(k->w->conn, "XADD %s 18446744073709551615-18446744073709551615 data last",
           k->names[1]);
    once_settle(k, 0, N_EVENTS);
    assert_int_equal(once_count(k, WEIR_SETTLED_AGAIN, N_EVENTS), N_EVENTS);
    assert_int_equal(once_length(k, k->names[0]), 0);
    assert_int_equal(world_pending(k->w), N_EVENTS);
    once_free(k);
}

static void an_output_that_no_script_can_take_is_refused_alone(void **state)
{
    once *k = once_new(*state, 2, 1, NULL);
    weir_header *headers = calloc(5000, sizeof(*headers));

    assert_non_null(headers);
    for (size_t i = 0; i < 5000; i++) {
        headers[i] = (weir_header){ .name = "h", .value = WEIR_SLICE_LIT("v") };
    }
    k->outs[0][0].headers = headers;
    k->outs[0][0].n_headers = 5000;
    k->outs[1][0].headers = headers;
    k->outs[1][0].n_headers = 3400;
    once_settle(k, 0, 2);
    assert_int_equal(k->results[0].settled, WEIR_SETTLED_INVALID);
    assert_int_equal(k->results[1].settled, WEIR_SETTLED_OK);
    assert_int_equal(once_length(k, k->names[0]), 1);
    once_free(k);
    free(headers);
}

/* Settles what has to be given again, as the engine would, until none of the first n has. */
static void until_answered(once *k, size_t n)
{
    const int64_t until_us = weir_clock_us() + RIG_HANG_US;

    while (once_count(k, WEIR_SETTLED_AGAIN, n) > 0) {
        for (size_t i = 0; i < n; i++) {
            if (k->results[i].settled == WEIR_SETTLED_AGAIN) {
                once_settle(k, i, 1);
            }
        }
        assert_true(weir_clock_us() < until_us);
    }
}

static void
an_output_over_the_servers_largest_value_is_too_large_and_others_are_done(void **state)
{
    world *w = *state;
    const size_t size = 2 << 20;
    const weir_header header = { .name = "h", .value = { calloc(1, size), size } };

    assert_non_null(header.value.data);
    rig_do(w->conn, "CONFIG SET proto-max-bulk-len 1048576");
    once *k = once_new(w, 4, 1, NULL);

    k->outs[1][0].data = header.value;
    k->outs[2][0].headers = &header;
    k->outs[2][0].n_headers = 1;
    once_settle(k, 0, 4);
    until_answered(k, 4);
    for (size_t i = 0; i < 4; i++) {
        const bool is_large = i == 1 || i == 2;

        assert_int_equal(k->results[i].settled,
                         is_large ? WEIR_SETTLED_TOO_LARGE : WEIR_SETTLED_OK);
        assert_ptr_equal(k->results[i].out, is_large ? &k->outs[i][0] : NULL);
    }
    assert_int_equal(once_length(k, k->names[0]), 2);
    assert_int_equal(world_pending(w), 2);
    once_free(k);
    free((void *)(uintptr_t)header.value.data);
}

static void a_limit_that_is_lowered_while_connected_is_found_out(void **state)
{
    const size_t size = 2 << 20;
    char *bytes = calloc(1, size);
    once *k = once_new(*state, 3, 1, NULL);

    assert_non_null(bytes);
    k->outs[1][0].data = k->outs[2][0].data = (weir_slice){ bytes, size };
    once_settle(k, 0, 2);
    assert_int_equal(once_count(k, WEIR_SETTLED_OK, 2), 2);
    rig_do(k->w->conn, "CONFIG SET proto-max-bulk-len 1048576");
    once_settle(k, 2, 1);
    until_answered(k, 3);
    assert_int_equal(k->results[2].settled, WEIR_SETTLED_TOO_LARGE);
    assert_int_equal(world_pending(k->w), 1);
    once_free(k);
    free(bytes);
}

static void targets_are_trimmed_as_their_queue_says(void **state)
{
    static const char *const limits[] = { "100", "~100" };
    world *w = *state;
    once *k = once_new(w, 1000, 1, NULL);
    weir_err err = { 0 };

    for (int i = 0; i < 2; i++) {
        char name[100];
        void *target = NULL;

        weir_broker_name("short", name, sizeof(name));
        assert_true(weir_opt_map_add(&w->queue.maxlen, name, limits[i]));
        assert_int_equal(weir_redis_sink.target(k->sink, name, &target, &err), WEIR_OK);
        for (size_t n = 0; n < 500; n++) {
            k->outs[(size_t)i * 500 + n][0].target = target;
        }
        once_settle(k, (size_t)i * 500, 500);
        if (i == 0) {
            assert_int_equal(once_length(k, name), 100);
        } else {
            assert_in_range(once_length(k, name), 100, 300);
        }
    }
    once_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD(a_key_of_another_type_refuses_its_events_and_writes_nothing_of_them),
        WORLD(events_that_need_no_refused_key_go_on_without_the_others),
        WORLD(a_server_without_memory_writes_nothing_until_it_has_some),
        WORLD(a_user_without_the_right_to_one_key_writes_to_none),
        WORLD(an_event_is_not_refused_for_the_stream_of_another),
        WORLD(a_user_without_the_right_to_add_writes_nothing),
        WORLD(a_user_without_the_right_to_acknowledge_publishes_nothing),
        WORLD(what_an_add_that_fails_late_has_written_is_taken_back),
        WORLD(an_output_that_no_script_can_take_is_refused_alone),
        WORLD(
            an_output_over_the_servers_largest_value_is_too_large_and_others_are_done),
        WORLD(a_limit_that_is_lowered_while_connected_is_found_out),
        WORLD(targets_are_trimmed_as_their_queue_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
