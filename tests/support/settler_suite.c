/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settler_suite - the tests of tests/contract/settler_suite.h.
 *
 * Waiting is always for a condition; the bound of a wait only ends what hangs.
 */
#include "tests/contract/settler_suite.h"

#include "worker/base/clock.h"
#include "worker/base/lock.h"

#include <limits.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the four above */
#include <cmocka.h>

#define HANG_US INT64_C(60000000)
#define N_ITEMS 900
#define N_OUTS 2

/* One event, its outputs, and what became of it. */
typedef struct settled_item {
    weir_settle_item item;
    weir_out outs[N_OUTS];
    char data[N_OUTS][32];
    atomic_int n_answers;
    weir_settled settled;
} settled_item;

typedef struct settling {
    weir_settler_fixture *f;
    weir_settler_setup setup;
    void *self;
    settled_item items[N_ITEMS];
    atomic_size_t n_answered;
    weir_signal sig;
} settling;

/* A wrong answer is seen by the assertions of the test, not on the settler's thread. */
static void on_done(void *arg, const weir_settle_result *results, size_t n)
{
    settling *s = arg;

    for (size_t i = 0; i < n; i++) {
        settled_item *one = (settled_item *)(void *)results[i].item;

        one->settled = results[i].settled;
        atomic_fetch_add(&one->n_answers, 1);
    }
    atomic_fetch_add(&s->n_answered, n);
    weir_signal_raise(&s->sig, INT_MAX);
}

/* n events, each with n_outs outputs: the first to target 0, the second to target 1. */
static settling *settling_open(weir_settler_fixture *f, size_t n, size_t n_outs)
{
    settling *s = calloc(1, sizeof(*s));
    weir_receipt *receipts = calloc(n, sizeof(*receipts));
    weir_err err = { 0 };

    assert_non_null(s);
    assert_non_null(receipts);
    s->f = f;
    f->begin(f, n, &s->setup);
    s->setup.done = on_done;
    s->setup.arg = s;
    s->self = calloc(1, f->ops->size);
    assert_non_null(s->self);
    if (f->ops->open(s->self, &s->setup, &err) != WEIR_OK) {
        fail_msg("open: %s", err.text);
    }
    f->read(f, n, receipts);
    for (size_t i = 0; i < n; i++) {
        settled_item *one = &s->items[i];

        one->item = (weir_settle_item){ .receipt = receipts[i], .outs = one->outs };
        for (size_t k = 0; k < n_outs; k++) {
            (void)snprintf(one->data[k], sizeof(one->data[k]), "%zu", i);
            one->outs[k] =
                (weir_out){ .target = f->targets[k],
                            .key = WEIR_SLICE_LIT("key"),
                            .data = weir_slice_of(one->data[k]),
                            .partition = -1,
                            .time_ms = -1,
                            .next = k + 1 < n_outs ? &one->outs[k + 1] : NULL };
        }
    }
    free(receipts);
    return s;
}

static void settling_close(settling *s)
{
    s->f->close_source(s->f);
    assert_true(s->f->ops->close(s->self, weir_clock_us() + HANG_US));
    s->f->end(s->f);
    free(s->self);
    free(s);
}

/* Gives items[from..from+n); waits for room where there is none. */
static void settling_give(settling *s, size_t from, size_t n)
{
    const int64_t until_us = weir_clock_us() + HANG_US;

    for (size_t done = 0; done < n;) {
        weir_settle_item *items[64];
        const unsigned seen = weir_signal_read(&s->sig);
        size_t m = 0;

        while (m < 64 && done + m < n) {
            items[m] = &s->items[from + done + m].item;
            m++;
        }

        const size_t k = s->f->ops->give(s->self, items, m);

        assert_true(k <= m);
        done += k;
        if (k == 0) {
            (void)weir_signal_wait(&s->sig, seen, weir_clock_us() + 100000);
            assert_true(weir_clock_us() < until_us);
        }
    }
}

static void settling_wait(settling *s, size_t n)
{
    const int64_t until_us = weir_clock_us() + HANG_US;

    s->f->ops->hurry(s->self);
    for (;;) {
        const unsigned seen = weir_signal_read(&s->sig);

        if (atomic_load(&s->n_answered) >= n) {
            assert_int_equal(atomic_load(&s->n_answered), n);
            return;
        }
        (void)weir_signal_wait(&s->sig, seen, until_us);
        assert_true(weir_clock_us() < until_us);
    }
}

/* The data of a target, as a set: each of 0..n-1 exactly once where want says so. */
static void assert_published(settling *s, int target, size_t n,
                             bool (*want)(const settling *s, size_t i))
{
    weir_buf got = { .data = NULL };
    unsigned char counts[N_ITEMS] = { 0 };

    s->f->read_back(s->f, target, &got);
    for (const char *at = got.data; at != NULL && *at != '\0';) {
        char *end;
        const unsigned long i = strtoul(at, &end, 10);

        assert_true(end != at && i < n);
        counts[i]++;
        at = *end == '\n' ? end + 1 : end;
    }
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(counts[i], want(s, i) ? 1 : 0);
    }
    weir_buf_fini(&got);
}

static bool is_any(const settling *s, size_t i)
{
    (void)s;
    (void)i;
    return true;
}

static bool is_none(const settling *s, size_t i)
{
    (void)s;
    (void)i;
    return false;
}

static bool is_ok(const settling *s, size_t i)
{
    return s->items[i].settled == WEIR_SETTLED_OK;
}

/* -- tests --------------------------------------------------------------------------------- */

static void each_event_is_published_and_acknowledged_and_answered_once(void **state)
{
    settling *s = settling_open(*state, N_ITEMS, 1);

    settling_give(s, 0, N_ITEMS);
    settling_wait(s, N_ITEMS);
    for (size_t i = 0; i < N_ITEMS; i++) {
        assert_int_equal(atomic_load(&s->items[i].n_answers), 1);
        assert_int_equal(s->items[i].settled, WEIR_SETTLED_OK);
    }
    assert_published(s, 0, N_ITEMS, is_any);
    assert_int_equal(s->f->n_acked(s->f), N_ITEMS);
    settling_close(s);
}

static void all_outputs_of_an_event_are_published_with_it(void **state)
{
    settling *s = settling_open(*state, 300, 2);

    settling_give(s, 0, 300);
    settling_wait(s, 300);
    assert_published(s, 0, 300, is_any);
    assert_published(s, 1, 300, is_any);
    assert_int_equal(s->f->n_acked(s->f), 300);
    settling_close(s);
}

static void what_is_not_given_is_neither_published_nor_acknowledged(void **state)
{
    settling *s = settling_open(*state, 20, 1);

    settling_give(s, 0, 10);
    settling_wait(s, 10);
    assert_int_equal(s->f->n_acked(s->f), 10);
    settling_close(s);
}

static void an_event_that_another_has_taken_publishes_nothing(void **state)
{
    weir_settler_fixture *f = *state;

    if (f->steal == NULL) {
        skip();
    }

    settling *s = settling_open(f, 30, 2);

    for (size_t i = 0; i < 30; i += 3) {
        f->steal(f, &s->items[i].item.receipt);
    }
    settling_give(s, 0, 30);
    settling_wait(s, 30);
    for (size_t i = 0; i < 30; i++) {
        assert_int_equal(s->items[i].settled,
                         i % 3 == 0 ? WEIR_SETTLED_GONE : WEIR_SETTLED_OK);
    }
    assert_published(s, 0, 30, is_ok);
    assert_published(s, 1, 30, is_ok);
    assert_int_equal(f->n_acked(f), 20);
    settling_close(s);
}

static void an_event_that_is_given_twice_is_published_once(void **state)
{
    settling *s = settling_open(*state, 10, 1);

    settling_give(s, 0, 10);
    settling_wait(s, 10);
    settling_give(s, 0, 10);
    settling_wait(s, 20);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(s->items[i].settled, WEIR_SETTLED_GONE);
    }
    assert_published(s, 0, 10, is_any);
    settling_close(s);
}

static void nothing_is_published_once_the_source_is_closed(void **state)
{
    settling *s = settling_open(*state, 10, 1);

    s->f->close_source(s->f);
    settling_give(s, 0, 10);
    settling_wait(s, 10);
    for (size_t i = 0; i < 10; i++) {
        assert_true(s->items[i].settled == WEIR_SETTLED_GONE ||
                    s->items[i].settled == WEIR_SETTLED_AGAIN);
    }
    assert_published(s, 0, 10, is_none);
    settling_close(s);
}

static void close_answers_everything_that_was_taken(void **state)
{
    weir_settler_fixture *f = *state;
    settling *s = settling_open(f, N_ITEMS, 1);
    size_t n = 0;

    for (; n < N_ITEMS; n++) {
        weir_settle_item *item = &s->items[n].item;

        if (f->ops->give(s->self, &item, 1) == 0) {
            break;
        }
    }
    f->close_source(f);
    assert_true(f->ops->close(s->self, weir_clock_us() + HANG_US));
    assert_int_equal(atomic_load(&s->n_answered), n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(atomic_load(&s->items[i].n_answers), 1);
    }
    f->end(f);
    free(s->self);
    free(s);
}

typedef struct giver {
    settling *s;
    size_t from, n;
} giver;

static void *giver_main(void *arg)
{
    const giver *g = arg;

    for (size_t i = g->from; i < g->from + g->n;) {
        weir_settle_item *item = &g->s->items[i].item;
        const unsigned seen = weir_signal_read(&g->s->sig);

        if (g->s->f->ops->give(g->s->self, &item, 1) == 1) {
            i++;
        } else {
            (void)weir_signal_wait(&g->s->sig, seen, weir_clock_us() + 100000);
        }
    }
    return NULL;
}

static void events_of_many_threads_are_all_settled_once(void **state)
{
    settling *s = settling_open(*state, 800, 1);
    giver givers[4];
    pthread_t threads[4];

    for (size_t i = 0; i < 4; i++) {
        givers[i] = (giver){ s, i * 200, 200 };
        assert_int_equal(
            weir_thread_start(&threads[i], "giver", 0, giver_main, &givers[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    settling_wait(s, 800);
    assert_published(s, 0, 800, is_any);
    assert_int_equal(s->f->n_acked(s->f), 800);
    settling_close(s);
}

static void a_probe_changes_nothing(void **state)
{
    weir_settler_fixture *f = *state;
    settling *s = settling_open(f, 5, 1);
    weir_err err = { 0 };

    assert_int_equal(f->ops->probe(s->self, f->targets, 2, HANG_US, &err), WEIR_OK);
    assert_published(s, 0, 5, is_none);
    assert_int_equal(f->n_acked(f), 0);
    settling_close(s);
}

int weir_settler_suite(const char *name, weir_settler_fixture *f)
{
#define SUITE(test)                                                                    \
    {                                                                                  \
#test, test, NULL, NULL, f                                                     \
    }
    const struct CMUnitTest tests[] = {
        SUITE(each_event_is_published_and_acknowledged_and_answered_once),
        SUITE(all_outputs_of_an_event_are_published_with_it),
        SUITE(what_is_not_given_is_neither_published_nor_acknowledged),
        SUITE(an_event_that_another_has_taken_publishes_nothing),
        SUITE(an_event_that_is_given_twice_is_published_once),
        SUITE(nothing_is_published_once_the_source_is_closed),
        SUITE(close_answers_everything_that_was_taken),
        SUITE(events_of_many_threads_are_all_settled_once),
        SUITE(a_probe_changes_nothing),
    };
#undef SUITE
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}
