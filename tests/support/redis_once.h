/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_once - the settler of Redis under test: a world with a source that has read its events, a
 * sink for its targets, and a settler with an item for each event.
 *
 * Everything fails the test at once where it cannot do its part.
 *
 * Threads: one at a time.
 */
#ifndef WEIR_TESTS_SUPPORT_REDIS_ONCE_H
#define WEIR_TESTS_SUPPORT_REDIS_ONCE_H

#include "tests/support/proxy.h"
#include "tests/support/redis_world.h"
#include "triggers/redis_atomic.h"
#include "triggers/redis_sink.h"
#include "triggers/redis_source.h"
#include "worker/base/clock.h"
#include "worker/base/lock.h"

#include <stdatomic.h>

#define ONCE_MAX 2000

typedef struct once {
    world *w;
    rig r;
    bool is_source_open;
    char names[2][100];
    weir_sink_setup sink_setup;
    void *sink;
    void *targets[2];
    weir_redis_queue settler_queue; /* url NULL: the world's */
    weir_sink_setup settler_sink;
    weir_settler_setup setup;
    void *self;
    weir_settle_item items[ONCE_MAX];
    weir_out outs[ONCE_MAX][2];
    weir_settle_result results[ONCE_MAX]; /* the last of each */
    char texts[ONCE_MAX][200];
    atomic_size_t n_answered;
    weir_signal answered;
} once;

/* Puts n events into the world's stream and opens the source, which has not read them, and the
 * sink. The caller has zeroed it. */
void once_open(once *k, world *w, size_t n);
/* The same with the settler open, the events read, and an item for each, of n_outs outputs. cut:
 * what the settler connects through; NULL: nothing. */
once *once_new(world *w, size_t n, size_t n_outs, weir_proxy *cut);
void once_close_source(once *k);
void once_free(once *k);
/* Gives items[from..from+n) and waits for their answers. */
void once_settle(once *k, size_t from, size_t n);
/* How many of the first n have that answer. */
size_t once_count(const once *k, weir_settled settled, size_t n);
/* Settles the first n again and again, as the engine would, until all are OK. */
void once_until_ok(once *k, size_t n);
/* Entries of a stream. */
int64_t once_length(once *k, const char *name);
/* Nothing was written anywhere, and every event is still ours to do. */
void once_assert_untouched(once *k, size_t n);

#endif
