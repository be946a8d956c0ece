/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* redis_once - see redis_once.h. */
#include "tests/support/redis_once.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the ones above */
#include <cmocka.h>

static void no_done(void *arg, const weir_sent_result *results, size_t n)
{
    (void)arg;
    (void)results;
    (void)n;
}

static void on_settled(void *arg, const weir_settle_result *results, size_t n)
{
    once *k = arg;

    for (size_t i = 0; i < n; i++) {
        const size_t at = (size_t)(results[i].item - k->items);

        k->results[at] = results[i];
        (void)snprintf(k->texts[at], sizeof(k->texts[at]), "%s",
                       results[i].text == NULL ? "" : results[i].text);
    }
    atomic_fetch_add(&k->n_answered, n);
    weir_signal_raise(&k->answered, INT_MAX);
}

void once_open(once *k, world *w, size_t n)
{
    weir_err err = { 0 };

    k->w = w;
    for (int i = 0; i < 2; i++) {
        weir_broker_name(i == 0 ? "out" : "other", k->names[i], sizeof(k->names[i]));
    }
    world_put(w, 0, (int)n);
    rig_init(&k->r, &w->queue, w->stream, w->group);
    rig_open(&k->r);
    k->is_source_open = true;
    k->sink_setup = (weir_sink_setup){ .queue = &w->queue,
                                       .queue_name = "redis",
                                       .service = "test",
                                       .instance = "one",
                                       .max_bytes = 1 << 20,
                                       .max_record = 1 << 20,
                                       .done = no_done };
    k->sink = calloc(1, weir_redis_sink.size);
    assert_non_null(k->sink);
    assert_int_equal(weir_redis_sink.open(k->sink, &k->sink_setup, &err), WEIR_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            weir_redis_sink.target(k->sink, k->names[i], &k->targets[i], &err),
            WEIR_OK);
    }
    k->settler_sink = k->sink_setup;
    if (k->settler_queue.url != NULL) {
        k->settler_sink.queue = &k->settler_queue;
    }
    k->setup = (weir_settler_setup){ .sink = &k->settler_sink,
                                     .source_setup = &k->r.setup,
                                     .source = k->r.self,
                                     .transaction_us = 100000,
                                     .max_bytes = 8 << 20,
                                     .done = on_settled,
                                     .arg = k };
}

once *once_new(world *w, size_t n, size_t n_outs, weir_proxy *cut)
{
    once *k = calloc(1, sizeof(*k));
    weir_err err = { 0 };

    assert_non_null(k);
    if (cut != NULL) {
        char url[100];

        (void)snprintf(url, sizeof(url), "redis://%s/0", weir_proxy_address(cut));
        k->settler_queue.url = strdup(url);
    }
    once_open(k, w, n);
    k->self = calloc(1, weir_redis_settler.size);
    assert_non_null(k->self);
    assert_int_equal(weir_redis_settler.open(k->self, &k->setup, &err), WEIR_OK);
    rig_until(&k->r, n);
    for (size_t i = 0; i < n; i++) {
        k->items[i] =
            (weir_settle_item){ .receipt = k->r.seen[i].receipt, .outs = k->outs[i] };
        for (size_t o = 0; o < n_outs; o++) {
            k->outs[i][o] =
                (weir_out){ .target = k->targets[o],
                            .data = weir_slice_of(k->r.seen[i].data),
                            .partition = -1,
                            .time_ms = -1,
                            .next = o + 1 < n_outs ? &k->outs[i][o + 1] : NULL };
        }
    }
    return k;
}

void once_close_source(once *k)
{
    if (k->is_source_open) {
        rig_close(&k->r);
        k->is_source_open = false;
    }
}

void once_free(once *k)
{
    if (k->self != NULL) {
        assert_true(weir_redis_settler.close(k->self, weir_clock_us() + RIG_HANG_US));
    }
    once_close_source(k);
    assert_true(weir_redis_sink.close(k->sink, weir_clock_us() + RIG_HANG_US));
    free(k->sink);
    free(k->self);
    weir_opt_fini(weir_redis_opts, &k->settler_queue);
    free(k);
}

void once_settle(once *k, size_t from, size_t n)
{
    const size_t before = atomic_load(&k->n_answered);
    const int64_t until_us = weir_clock_us() + RIG_HANG_US;
    weir_settle_item *items[ONCE_MAX];

    for (size_t i = 0; i < n; i++) {
        items[i] = &k->items[from + i];
    }
    assert_int_equal(weir_redis_settler.give(k->self, items, n), n);
    for (;;) {
        const unsigned seen = weir_signal_read(&k->answered);

        if (atomic_load(&k->n_answered) == before + n) {
            return;
        }
        (void)weir_signal_wait(&k->answered, seen, until_us);
        assert_true(weir_clock_us() < until_us);
    }
}

size_t once_count(const once *k, weir_settled settled, size_t n)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++) {
        count += k->results[i].settled == settled;
    }
    return count;
}

void once_until_ok(once *k, size_t n)
{
    const int64_t until_us = weir_clock_us() + RIG_HANG_US;

    do {
        for (size_t i = 0; i < n; i++) {
            if (k->results[i].settled != WEIR_SETTLED_OK) {
                once_settle(k, i, 1);
            }
        }
        assert_true(weir_clock_us() < until_us);
    } while (once_count(k, WEIR_SETTLED_OK, n) < n);
}

int64_t once_length(once *k, const char *name)
{
    char words[200];

    (void)snprintf(words, sizeof(words), "XLEN %s", name);
    return rig_number(k->w->conn, words);
}

void once_assert_untouched(once *k, size_t n)
{
    char words[200];

    (void)snprintf(words, sizeof(words), "EXISTS %s", k->names[1]);
    assert_int_equal(rig_number(k->w->conn, words), 0);
    assert_int_equal(world_pending(k->w), n);
}
