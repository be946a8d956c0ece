/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The faults that a queue in memory plays on demand, at its sink.
 */
#include "triggers/memory_queue.h"

#include "worker/base/clock.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants these before it */
#include <cmocka.h>

#define MAX_SENT 16

typedef struct bench {
    weir_memory_queue *q;
    weir_sink_setup setup;
    void *sink;
    weir_out outs[MAX_SENT];
    weir_out *list[MAX_SENT];
    weir_sent sent[MAX_SENT];
    size_t n_sent;
} bench;

static void on_done(void *arg, const weir_sent_result *results, size_t n)
{
    bench *b = arg;

    for (size_t i = 0; i < n; i++) {
        b->sent[b->n_sent++] = results[i].sent;
    }
}

static int setup(void **state)
{
    bench *b = calloc(1, sizeof(*b));
    void *target = NULL;

    assert_non_null(b);
    b->q = weir_memory_queue_new();
    assert_non_null(b->q);
    assert_int_equal(weir_memory_queue_topic(b->q, "out", 1), WEIR_OK);
    b->setup = (weir_sink_setup){ .queue = b->q, .done = on_done, .arg = b };
    b->sink = calloc(1, weir_memory_sink.size);
    assert_int_equal(weir_memory_sink.open(b->sink, &b->setup, NULL), WEIR_OK);
    assert_int_equal(weir_memory_sink.target(b->sink, "out", &target, NULL), WEIR_OK);
    for (size_t i = 0; i < MAX_SENT; i++) {
        b->outs[i] = (weir_out){ .target = target,
                                 .data = WEIR_SLICE_LIT("x"),
                                 .partition = -1,
                                 .time_ms = -1 };
        b->list[i] = &b->outs[i];
    }
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    bench *b = *state;

    assert_true(weir_memory_sink.close(b->sink, WEIR_NEVER));
    weir_memory_queue_free(b->q);
    free(b->sink);
    free(b);
    return 0;
}

static void failed_sends_are_answered_as_told_and_not_kept(void **state)
{
    bench *b = *state;

    weir_memory_queue_fail_sends(b->q, "out", WEIR_SENT_TOO_LARGE, 2);
    assert_int_equal(weir_memory_sink.send(b->sink, b->list, 3), 3);
    assert_int_equal(b->sent[0], WEIR_SENT_TOO_LARGE);
    assert_int_equal(b->sent[1], WEIR_SENT_TOO_LARGE);
    assert_int_equal(b->sent[2], WEIR_SENT_OK);
    assert_int_equal(weir_memory_queue_count(b->q, "out", 0), 1);
}

static void a_sick_queue_answers_again(void **state)
{
    bench *b = *state;

    weir_memory_queue_sick(b->q, true);
    assert_int_equal(weir_memory_sink.send(b->sink, b->list, 1), 1);
    assert_int_equal(b->sent[0], WEIR_SENT_AGAIN);
    weir_memory_queue_sick(b->q, false);
    assert_int_equal(weir_memory_sink.send(b->sink, b->list, 1), 1);
    assert_int_equal(b->sent[1], WEIR_SENT_OK);
}

static void held_sends_wait_and_fill_the_room(void **state)
{
    bench *b = *state;

    weir_memory_queue_limit_sends(b->q, 3);
    weir_memory_queue_hold_sends(b->q, true);
    assert_int_equal(weir_memory_sink.send(b->sink, b->list, 5), 3);
    assert_int_equal(weir_memory_sink.send(b->sink, b->list + 3, 1), 0);
    assert_int_equal(b->n_sent, 0);
    assert_int_equal(weir_memory_sink.flush(b->sink, 0), WEIR_ETIMEOUT);
    weir_memory_queue_hold_sends(b->q, false);
    assert_int_equal(weir_memory_sink.flush(b->sink, WEIR_NEVER), WEIR_OK);
    assert_int_equal(b->n_sent, 3);
}

static void closing_answers_held_sends_with_again(void **state)
{
    bench *b = *state;

    weir_memory_queue_hold_sends(b->q, true);
    assert_int_equal(weir_memory_sink.send(b->sink, b->list, 2), 2);
    assert_true(weir_memory_sink.close(b->sink, WEIR_NEVER));
    assert_int_equal(b->n_sent, 2);
    assert_int_equal(b->sent[0], WEIR_SENT_AGAIN);
    assert_int_equal(b->sent[1], WEIR_SENT_AGAIN);
    assert_int_equal(weir_memory_queue_count(b->q, "out", 0), 0);
    assert_int_equal(weir_memory_sink.open(b->sink, &b->setup, NULL), WEIR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(failed_sends_are_answered_as_told_and_not_kept,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_sick_queue_answers_again, setup, teardown),
        cmocka_unit_test_setup_teardown(held_sends_wait_and_fill_the_room, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(closing_answers_held_sends_with_again, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
