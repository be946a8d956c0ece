/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* test_redis_sink - what becomes of outputs when the server refuses, fills up, or goes away. */
#include "tests/support/redis_rig.h"
#include "triggers/redis_admin.h"
#include "triggers/redis_sink.h"
#include "worker/base/clock.h"
#include "worker/base/lock.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the ones above */
#include <cmocka.h>

#define MAX_OUTS 5000

typedef struct world {
    weir_broker *broker;
    weir_redis_queue queue;
    weir_redis_conn *conn;
    char stream[80];
    weir_sink_setup setup;
    void *self;
    void *target;
    weir_out outs[MAX_OUTS];
    weir_sent sent[MAX_OUTS];
    char texts[MAX_OUTS][100];
    atomic_size_t n_answered;
    weir_signal answered;
} world;

static void on_done(void *arg, const weir_sent_result *results, size_t n)
{
    world *w = arg;

    for (size_t i = 0; i < n; i++) {
        size_t at = (size_t)(results[i].out - w->outs);

        w->sent[at] = results[i].sent;
        (void)snprintf(w->texts[at], sizeof(w->texts[at]), "%s",
                       results[i].text == NULL ? "" : results[i].text);
    }
    atomic_fetch_add(&w->n_answered, n);
    weir_signal_raise(&w->answered, INT_MAX);
}

static void world_open(world *w)
{
    weir_err err = { 0 };

    w->self = calloc(1, weir_redis_sink.size);
    assert_non_null(w->self);
    if (weir_redis_sink.open(w->self, &w->setup, &err) != WEIR_OK ||
        weir_redis_sink.target(w->self, w->stream, &w->target, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
    for (size_t i = 0; i < MAX_OUTS; i++) {
        w->outs[i] = (weir_out){ .target = w->target,
                                 .data = WEIR_SLICE_LIT("payload"),
                                 .partition = -1,
                                 .time_ms = -1 };
    }
}

static int world_begin(void **state)
{
    world *w = calloc(1, sizeof(*w));
    weir_err err = { 0 };

    assert_non_null(w);
    if (weir_broker_start_redis(true, NULL, &w->broker, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
    rig_queue_init(&w->queue, w->broker);
    w->conn = rig_conn(&w->queue);
    weir_broker_name("results", w->stream, sizeof(w->stream));
    w->setup = (weir_sink_setup){ .queue = &w->queue,
                                  .queue_name = "redis",
                                  .service = "test",
                                  .instance = "one",
                                  .max_bytes = 1 << 20,
                                  .max_record = 1 << 20,
                                  .done = on_done,
                                  .arg = w };
    *state = w;
    return 0;
}

static int world_end(void **state)
{
    world *w = *state;

    if (w->self != NULL) {
        assert_true(weir_redis_sink.close(w->self, weir_clock_us() + RIG_HANG_US));
    }
    free(w->self);
    weir_redis_conn_free(w->conn);
    weir_opt_fini(weir_redis_opts, &w->queue);
    weir_broker_free(w->broker);
    free(w);
    return 0;
}

/* Sends outs[from..from+n) and waits for the answers. */
static void world_send(world *w, size_t from, size_t n)
{
    size_t before = atomic_load(&w->n_answered);
    int64_t until_us = weir_clock_us() + RIG_HANG_US;

    for (size_t i = from; i < from + n;) {
        weir_out *out = &w->outs[i];

        i += weir_redis_sink.send(w->self, &out, 1);
        assert_true(weir_clock_us() < until_us);
    }
    for (;;) {
        unsigned seen = weir_signal_read(&w->answered);

        if (atomic_load(&w->n_answered) >= before + n) {
            return;
        }
        assert_true(weir_signal_wait(&w->answered, seen, until_us));
    }
}

static int64_t world_length(world *w)
{
    char words[200];

    (void)snprintf(words, sizeof(words), "XLEN %s", w->stream);
    return rig_number(w->conn, words);
}

static weir_status world_probe(world *w, weir_err *err)
{
    size_t largest = 0;

    return weir_redis_sink.probe(w->self, w->target, RIG_HANG_US, &largest, err);
}

static void maxlen_keeps_a_stream_short(void **state)
{
    world *w = *state;

    assert_true(weir_opt_map_add(&w->queue.maxlen, w->stream, "100"));
    world_open(w);
    world_send(w, 0, 1000);
    assert_int_equal(world_length(w), 100);
}

static void a_key_of_another_type_is_denied_with_the_reason(void **state)
{
    world *w = *state;
    weir_err err = { 0 };

    rig_do(w->conn, "SET %s text", w->stream);
    world_open(w);
    world_send(w, 0, 1);
    assert_int_equal(w->sent[0], WEIR_SENT_DENIED);
    assert_non_null(strstr(w->texts[0], "WRONGTYPE"));
    assert_int_equal(world_probe(w, &err), WEIR_EDENIED);
    assert_non_null(strstr(err.text, "string"));
}

static void a_user_without_the_right_is_denied(void **state)
{
    world *w = *state;
    weir_err err = { 0 };

    rig_do(w->conn, "ACL SETUSER poor on >secret ~* +@all -xadd");
    w->queue.user = strdup("poor");
    w->queue.password = strdup("secret");
    world_open(w);
    world_send(w, 0, 1);
    assert_int_equal(w->sent[0], WEIR_SENT_DENIED);
    assert_non_null(strstr(w->texts[0], "NOPERM"));
    assert_int_equal(world_probe(w, &err), WEIR_EDENIED);
}

static void a_wrong_password_makes_the_sink_sick(void **state)
{
    world *w = *state;
    weir_err err = { 0 };

    rig_do(w->conn, "ACL SETUSER rich on >secret ~* +@all");
    w->queue.user = strdup("rich");
    w->queue.password = strdup("wrong");
    world_open(w);
    world_send(w, 0, 1);
    assert_int_equal(w->sent[0], WEIR_SENT_AGAIN);
    assert_int_equal(world_probe(w, &err), WEIR_EDENIED);
    assert_null(strstr(err.text, "wrong "));
}

static void a_full_server_is_tried_again_and_a_probe_sees_it(void **state)
{
    world *w = *state;
    weir_err err = { 0 };

    world_open(w);
    rig_do(w->conn, "CONFIG SET maxmemory 1");
    world_send(w, 0, 10);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(w->sent[i], WEIR_SENT_AGAIN);
    }
    assert_non_null(strstr(w->texts[0], "OOM"));
    assert_int_equal(world_probe(w, &err), WEIR_EAGAIN);
    rig_do(w->conn, "CONFIG SET maxmemory 0");
    world_send(w, 0, 10);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(w->sent[i], WEIR_SENT_OK);
    }
    assert_int_equal(world_length(w), 10);
}

static void a_probe_of_a_missing_stream_is_fine_and_makes_none(void **state)
{
    world *w = *state;
    weir_err err = { 0 };
    char words[200];

    world_open(w);
    assert_int_equal(world_probe(w, &err), WEIR_OK);
    (void)snprintf(words, sizeof(words), "EXISTS %s", w->stream);
    assert_int_equal(rig_number(w->conn, words), 0);
}

static void a_killed_server_costs_no_output(void **state)
{
    world *w = *state;
    weir_err err = { 0 };

    world_open(w);
    world_send(w, 0, 100);
    assert_int_equal(weir_broker_kill(w->broker, &err), WEIR_OK);
    world_send(w, 100, 100);
    for (size_t i = 100; i < 200; i++) {
        assert_int_equal(w->sent[i], WEIR_SENT_AGAIN);
        assert_true(w->texts[i][0] != '\0');
    }
    assert_int_equal(weir_broker_start(w->broker, &err), WEIR_OK);
    int64_t until_us = weir_clock_us() + RIG_HANG_US;
    do {
        world_send(w, 100, 1);
        assert_true(weir_clock_us() < until_us);
    } while (w->sent[100] == WEIR_SENT_AGAIN);
    world_send(w, 101, 99);
    for (size_t i = 100; i < 200; i++) {
        assert_int_equal(w->sent[i], WEIR_SENT_OK);
    }
    weir_redis_conn_free(w->conn);
    w->conn = rig_conn(&w->queue);
    assert_int_equal(world_length(w), 200);
}

static void a_server_that_stands_still_fills_the_queue_and_no_more(void **state)
{
    world *w = *state;
    weir_err err = { 0 };
    size_t n = 0;

    w->setup.max_bytes = 20000;
    world_open(w);
    world_send(w, 0, 1);
    assert_int_equal(weir_broker_freeze(w->broker, &err), WEIR_OK);
    for (size_t i = 1; i < MAX_OUTS; i++) {
        weir_out *out = &w->outs[i];

        if (weir_redis_sink.send(w->self, &out, 1) == 0) {
            break;
        }
        n++;
    }
    assert_true(n > 10);
    assert_true(n < 1000);
    assert_int_equal(weir_broker_thaw(w->broker, &err), WEIR_OK);
    assert_int_equal(weir_redis_sink.flush(w->self, weir_clock_us() + RIG_HANG_US),
                     WEIR_OK);
    assert_int_equal(world_length(w), (int64_t)n + 1);
}

static void a_few_that_wait_behind_many_go_when_these_are_answered(void **state)
{
    world *w = *state;
    weir_err err = { 0 };

    world_open(w);
    world_send(w, 0, 1);
    assert_int_equal(weir_broker_freeze(w->broker, &err), WEIR_OK);
    for (size_t i = 1; i < 1000; i++) {
        weir_out *out = &w->outs[i];

        assert_int_equal(weir_redis_sink.send(w->self, &out, 1), 1);
    }
    assert_int_equal(weir_broker_thaw(w->broker, &err), WEIR_OK);
    assert_int_equal(weir_redis_sink.flush(w->self, weir_clock_us() + RIG_HANG_US),
                     WEIR_OK);
    assert_int_equal(world_length(w), 1000);
}

static void a_range_is_read_page_by_page_from_its_first_to_before_its_last(void **state)
{
    world *w = *state;
    weir_err err = { 0 };
    weir_redis_range *range = NULL;
    weir_event ev[4];
    weir_event *evs[4] = { &ev[0], &ev[1], &ev[2], &ev[3] };
    weir_arena arenas[4];
    char got[100] = "";
    size_t n;

    for (int i = 0; i < 10; i++) {
        rig_do(w->conn, "XADD %s %d-0 data %d", w->stream, 100 + i, i);
    }
    const weir_redis_range_setup setup = { .queue = &w->queue,
                                           .queue_name = "redis",
                                           .stream = w->stream,
                                           .data_field = WEIR_SLICE_LIT("data"),
                                           .key_field = WEIR_SLICE_LIT("key"),
                                           .from = { 102, 0 },
                                           .to = { 109, 0 } };
    assert_int_equal(
        weir_redis_range_open(&setup, weir_clock_us() + RIG_HANG_US, &range, &err),
        WEIR_OK);
    for (size_t i = 0; i < 4; i++) {
        weir_arena_init(&arenas[i], 0);
    }
    do {
        for (size_t i = 0; i < 4; i++) {
            weir_ev_begin(evs[i], &arenas[i]);
        }
        assert_int_equal(weir_redis_range_read(range, evs, 4, &n, &err), WEIR_OK);
        for (size_t i = 0; i < n; i++) {
            strcat(got, ev[i].data.data);
            weir_ev_end(evs[i]);
        }
    } while (n > 0);
    assert_string_equal(got, "2345678");
    weir_redis_range_close(range);
    for (size_t i = 0; i < 4; i++) {
        weir_arena_fini(&arenas[i]);
    }
}

static void a_stream_and_its_group_are_described(void **state)
{
    world *w = *state;
    weir_err err = { 0 };
    weir_redis_stream stream;
    weir_redis_server server;
    int64_t until_us = weir_clock_us() + RIG_HANG_US;

    assert_int_equal(weir_redis_server_get(&w->queue, until_us, &server, &err),
                     WEIR_OK);
    assert_true(server.version[0] >= '5');
    assert_string_equal(server.maxmemory_policy, "noeviction");
    assert_int_equal(
        weir_redis_stream_get(&w->queue, w->stream, "g", until_us, &stream, &err),
        WEIR_OK);
    assert_false(stream.exists);
    for (int i = 0; i < 5; i++) {
        rig_do(w->conn, "XADD %s %d-0 data %d", w->stream, 100 + i, i);
    }
    rig_do(w->conn, "XGROUP CREATE %s g 0", w->stream);
    rig_do(w->conn, "XREADGROUP GROUP g c COUNT 2 STREAMS %s >", w->stream);
    assert_int_equal(
        weir_redis_stream_get(&w->queue, w->stream, "g", until_us, &stream, &err),
        WEIR_OK);
    assert_true(stream.exists && stream.has_group);
    assert_int_equal(stream.length, 5);
    assert_int_equal(stream.first.hi, 100);
    assert_int_equal(stream.last.hi, 104);
    assert_int_equal(stream.n_pending, 2);
    assert_int_equal(stream.delivered.hi, 101);
}

#define WORLD(name) cmocka_unit_test_setup_teardown(name, world_begin, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD(maxlen_keeps_a_stream_short),
        WORLD(a_key_of_another_type_is_denied_with_the_reason),
        WORLD(a_user_without_the_right_is_denied),
        WORLD(a_wrong_password_makes_the_sink_sick),
        WORLD(a_full_server_is_tried_again_and_a_probe_sees_it),
        WORLD(a_probe_of_a_missing_stream_is_fine_and_makes_none),
        WORLD(a_killed_server_costs_no_output),
        WORLD(a_server_that_stands_still_fills_the_queue_and_no_more),
        WORLD(a_few_that_wait_behind_many_go_when_these_are_answered),
        WORLD(a_range_is_read_page_by_page_from_its_first_to_before_its_last),
        WORLD(a_stream_and_its_group_are_described),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
