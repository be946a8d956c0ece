/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink_suite - the tests of tests/contract/sink_suite.h.
 *
 * Waiting is always for a condition; the bound of a wait only ends what hangs.
 */
#include "tests/contract/sink_suite.h"

#include "worker/base/clock.h"
#include "worker/base/lock.h"

#include <limits.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the four above */
#include <cmocka.h>

#define HANG_US INT64_C(60000000)
#define MAX_OUTS 2000

/* One output and what became of it. */
typedef struct sent_out {
    weir_out out;
    char data[32];
    atomic_int n_answers;
    weir_sent sent;
    unsigned nth; /* its answer was the nth of all, from 1 */
} sent_out;

typedef struct writer {
    weir_sink_fixture *f;
    weir_sink_setup setup;
    void *self;
    void *targets[2];
    sent_out outs[MAX_OUTS];
    atomic_uint n_answered;
    weir_signal sig;
} writer;

/* A wrong answer is seen by the assertions of the test, not on the sink's thread. */
static void on_done(void *arg, const weir_sent_result *results, size_t n)
{
    writer *w = arg;

    for (size_t i = 0; i < n; i++) {
        sent_out *sent = results[i].out->owner;

        sent->sent = results[i].sent;
        sent->nth = atomic_fetch_add(&w->n_answered, 1) + 1;
        atomic_fetch_add(&sent->n_answers, 1);
    }
    weir_signal_raise(&w->sig, INT_MAX);
}

static writer *writer_open(weir_sink_fixture *f)
{
    writer *w = calloc(1, sizeof(*w));
    weir_err err = { 0 };

    assert_non_null(w);
    w->f = f;
    f->begin(f, &w->setup);
    w->setup.done = on_done;
    w->setup.arg = w;
    w->self = calloc(1, f->ops->size);
    assert_non_null(w->self);
    if (f->ops->open(w->self, &w->setup, &err) != WEIR_OK) {
        fail_msg("open: %s", err.text);
    }
    for (int i = 0; i < 2; i++) {
        if (f->ops->target(w->self, f->topics[i], &w->targets[i], &err) != WEIR_OK) {
            fail_msg("target %s: %s", f->topics[i], err.text);
        }
    }
    for (int i = 0; i < MAX_OUTS; i++) {
        sent_out *sent = &w->outs[i];

        (void)snprintf(sent->data, sizeof(sent->data), "%d", i);
        sent->out = (weir_out){ .target = w->targets[0],
                                .key = WEIR_SLICE_LIT("key"),
                                .data = weir_slice_of(sent->data),
                                .partition = -1,
                                .time_ms = -1,
                                .owner = sent };
    }
    return w;
}

static void writer_close(writer *w)
{
    weir_sink_fixture *f = w->f;

    assert_true(f->ops->close(w->self, weir_clock_us() + HANG_US));
    free(w->self);
    free(w);
    f->end(f);
}

/* Sends outs[from..from+n); waits for room where there is none. */
static void writer_send(writer *w, size_t from, size_t n)
{
    weir_out *outs[MAX_OUTS];
    size_t done = 0;
    int64_t until_us = weir_clock_us() + HANG_US;

    for (size_t i = 0; i < n; i++) {
        outs[i] = &w->outs[from + i].out;
    }
    while (done < n) {
        unsigned seen = weir_signal_read(&w->sig);
        size_t k = w->f->ops->send(w->self, outs + done, n - done);

        assert_true(k <= n - done);
        done += k;
        if (k == 0) {
            (void)weir_signal_wait(&w->sig, seen, weir_clock_us() + 100000);
            assert_true(weir_clock_us() < until_us);
        }
    }
}

static void writer_flush(writer *w)
{
    assert_int_equal(w->f->ops->flush(w->self, weir_clock_us() + HANG_US), WEIR_OK);
}

static void assert_all_answered_once(writer *w, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(atomic_load(&w->outs[i].n_answers), 1);
    }
    assert_int_equal(atomic_load(&w->n_answered), n);
}

/* -- tests --------------------------------------------------------------------------- */

static void each_accepted_output_is_answered_exactly_once(void **state)
{
    writer *w = writer_open(*state);

    writer_send(w, 0, 1000);
    writer_flush(w);
    assert_all_answered_once(w, 1000);
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(w->outs[i].sent, WEIR_SENT_OK);
    }
    writer_close(w);
}

static void sending_nothing_takes_nothing(void **state)
{
    writer *w = writer_open(*state);

    assert_int_equal(w->f->ops->send(w->self, NULL, 0), 0);
    writer_flush(w);
    assert_int_equal(atomic_load(&w->n_answered), 0);
    writer_close(w);
}

static void one_name_gives_one_handle(void **state)
{
    writer *w = writer_open(*state);
    void *again = NULL;

    assert_int_equal(w->f->ops->target(w->self, w->f->topics[0], &again, NULL),
                     WEIR_OK);
    assert_ptr_equal(again, w->targets[0]);
    writer_close(w);
}

static void confirmations_of_one_target_keep_the_order_of_send(void **state)
{
    weir_sink_fixture *f = *state;

    if (!f->ops->keeps_order) {
        skip();
    }

    writer *w = writer_open(f);

    for (size_t i = 0; i < 1000; i++) {
        w->outs[i].out.target = w->targets[i % 2];
    }
    for (size_t i = 0; i < 1000; i += 10) {
        writer_send(w, i, 10);
    }
    writer_flush(w);
    for (size_t i = 2; i < 1000; i++) {
        assert_true(w->outs[i - 2].nth < w->outs[i].nth);
    }
    writer_close(w);
}

static void what_is_confirmed_can_be_read_in_order(void **state)
{
    weir_sink_fixture *f = *state;
    weir_buf want = { 0 };
    weir_buf got = { 0 };

    if (f->read_back == NULL) {
        skip();
    }

    writer *w = writer_open(f);

    writer_send(w, 0, 200);
    writer_flush(w);
    for (int i = 0; i < 200; i++) {
        weir_buf_printf(&want, "%d\n", i);
    }
    f->read_back(f, f->topics[0], "key", &got);
    assert_non_null(got.data);
    assert_string_equal(got.data, want.data);
    weir_buf_fini(&want);
    weir_buf_fini(&got);
    writer_close(w);
}

static void close_answers_everything_that_was_accepted(void **state)
{
    weir_sink_fixture *f = *state;
    writer *w = writer_open(f);
    size_t n = 0;

    for (; n < 500; n++) {
        weir_out *out = &w->outs[n].out;

        if (f->ops->send(w->self, &out, 1) == 0) {
            break;
        }
    }
    assert_true(f->ops->close(w->self, weir_clock_us() + HANG_US));
    assert_all_answered_once(w, n);
    for (size_t i = 0; i < n; i++) {
        assert_true(w->outs[i].sent == WEIR_SENT_OK ||
                    w->outs[i].sent == WEIR_SENT_AGAIN);
    }
    free(w->self);
    free(w);
    f->end(f);
}

typedef struct sender {
    writer *w;
    size_t from, n;
} sender;

static void *sender_main(void *arg)
{
    const sender *s = arg;

    for (size_t i = s->from; i < s->from + s->n;) {
        weir_out *out = &s->w->outs[i].out;
        unsigned seen = weir_signal_read(&s->w->sig);

        if (s->w->f->ops->send(s->w->self, &out, 1) == 1) {
            i++;
        } else {
            (void)weir_signal_wait(&s->w->sig, seen, weir_clock_us() + 100000);
        }
    }
    return NULL;
}

static void outputs_of_many_threads_are_all_answered_once(void **state)
{
    writer *w = writer_open(*state);
    sender senders[4];
    pthread_t threads[4];

    for (size_t i = 0; i < 4; i++) {
        senders[i] = (sender){ w, i * 250, 250 };
        assert_int_equal(
            weir_thread_start(&threads[i], "sender", 0, sender_main, &senders[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    writer_flush(w);
    assert_all_answered_once(w, 1000);
    writer_close(w);
}

static void a_probe_tells_what_is_there_from_what_is_missing(void **state)
{
    weir_sink_fixture *f = *state;

    if (f->missing == NULL) {
        skip();
    }

    writer *w = writer_open(f);
    weir_err err = { 0 };
    size_t largest = 0;
    void *target = NULL;

    assert_int_equal(f->ops->probe(w->self, w->targets[0], HANG_US / 4, &largest, &err),
                     WEIR_OK);
    assert_true(largest > 0);
    assert_int_equal(f->ops->target(w->self, f->missing, &target, &err), WEIR_OK);
    assert_int_equal(f->ops->probe(w->self, target, HANG_US / 4, &largest, &err),
                     WEIR_ENOENT);
    assert_true(err.text[0] != '\0');
    writer_close(w);
}

int weir_sink_suite(const char *name, weir_sink_fixture *f)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(each_accepted_output_is_answered_exactly_once, f),
        cmocka_unit_test_prestate(sending_nothing_takes_nothing, f),
        cmocka_unit_test_prestate(one_name_gives_one_handle, f),
        cmocka_unit_test_prestate(confirmations_of_one_target_keep_the_order_of_send,
                                  f),
        cmocka_unit_test_prestate(what_is_confirmed_can_be_read_in_order, f),
        cmocka_unit_test_prestate(close_answers_everything_that_was_accepted, f),
        cmocka_unit_test_prestate(outputs_of_many_threads_are_all_answered_once, f),
        cmocka_unit_test_prestate(a_probe_tells_what_is_there_from_what_is_missing, f),
    };

    return _cmocka_run_group_tests(name, tests, sizeof(tests) / sizeof(tests[0]), NULL,
                                   NULL);
}
