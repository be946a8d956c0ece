/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* redis_atomic - the settler as the engine calls it; see redis_atomic.h and redis_atomic_state.h. */
#include "triggers/redis_atomic.h"

#include "triggers/redis_atomic_state.h"
#include "triggers/redis_sink.h"
#include "worker/base/check.h"
#include "worker/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ATOMIC_WAITING 20000 /* entries that are taken and not in a script */

/* The source is about to end. */
static void atomic_release(void *arg)
{
    redis_atomic *self = WEIR_CAST(redis_atomic, arg, WEIR_REDIS_ATOMIC_TAG);

    weir_lock_take(&self->lock);
    self->src = NULL;
    weir_lock_give(&self->lock);
}

static void atomic_free(redis_atomic *self)
{
    for (size_t b = 0; b < ATOMIC_UNDER_WAY; b++) {
        free(self->batches[b]);
    }
    free(self->verdict);
    weir_redis_conn_free(self->conn);
    weir_buf_fini(&self->scratch);
    const int fds[] = { self->wake_fd, self->abort_fd };
    for (size_t i = 0; i < 2; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    weir_lock_fini(&self->lock);
}

static weir_status atomic_alloc(redis_atomic *self, weir_err *err)
{
    const weir_source_setup *source = self->setup->source_setup;

    self->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    self->abort_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    self->verdict = calloc(1, sizeof(*self->verdict));
    for (size_t b = 0; b < ATOMIC_UNDER_WAY; b++) {
        if ((self->batches[b] = calloc(1, sizeof(*self->batches[b]))) == NULL) {
            return weir_fail(err, WEIR_ENOMEM, "redis: out of memory");
        }
    }
    if (self->verdict == NULL || self->wake_fd < 0 || self->abort_fd < 0) {
        return weir_fail(err, WEIR_ENOMEM, "redis: out of memory or file descriptors");
    }
    (void)snprintf(self->name, sizeof(self->name), "weir/%.50s/%.50s/%.50s/settle",
                   source->service, source->instance, source->sub_name);
    return weir_redis_conn_new(self->queue, self->name, self->abort_fd, &self->conn,
                               err);
}

static weir_status atomic_open(void *arg, const weir_settler_setup *setup,
                               weir_err *err)
{
    redis_atomic *self = arg;
    weir_redis_src *src =
        WEIR_CAST(weir_redis_src, setup->source, WEIR_REDIS_SOURCE_TAG);

    self->tag = WEIR_REDIS_ATOMIC_TAG;
    self->setup = setup;
    self->queue = setup->sink->queue;
    /* Heartbeats come every quarter of claim_after. */
    self->sure_us = setup->source_setup->claim_after_us / 4 * 3;
    weir_lock_init(&self->lock, WEIR_RANK_SETTLE);

    weir_status st = atomic_alloc(self, err);

    if (st == WEIR_OK) {
        const int rc = weir_thread_start(&self->thread, "weir-redis-set", 0,
                                         weir_redis_atomic_main, self);

        if (rc != 0) {
            st = weir_fail(err, WEIR_EAGAIN, "redis: cannot start a thread: %s",
                           strerror(rc));
        }
    }
    if (st != WEIR_OK) {
        atomic_free(self);
        return st;
    }
    weir_lock_take(&self->lock);
    self->src = src;
    weir_lock_give(&self->lock);
    src->settler = self;
    src->release = atomic_release;
    return WEIR_OK;
}

static size_t atomic_give(void *arg, weir_settle_item *const *items, size_t n)
{
    redis_atomic *self = WEIR_CAST(redis_atomic, arg, WEIR_REDIS_ATOMIC_TAG);
    size_t n_taken = 0;

    weir_lock_take(&self->lock);
    for (; n_taken < n && self->waiting.n < ATOMIC_WAITING; n_taken++) {
        const size_t bytes = weir_redis_atomic_bytes(items[n_taken]);

        /* One that is larger than all may be goes alone. */
        if (self->n_bytes + bytes > self->setup->max_bytes && self->n_unanswered > 0) {
            break;
        }
        weir_redis_atomic_push(&self->waiting, items[n_taken]);
        self->n_bytes += bytes;
        self->n_unanswered++;
    }
    const bool must_poke =
        n_taken > 0 && self->is_asleep && self->waiting.n >= self->wakes_at;
    self->is_asleep = self->is_asleep && !must_poke;
    weir_lock_give(&self->lock);
    if (must_poke) {
        weir_redis_atomic_poke(self->wake_fd);
    }
    return n_taken;
}

static void atomic_hurry(void *arg)
{
    (void)arg; /* nothing waits here but for the server */
}

static weir_status atomic_probe(void *arg, void *const *targets, size_t n,
                                int64_t timeout_us, weir_err *err)
{
    redis_atomic *self = WEIR_CAST(redis_atomic, arg, WEIR_REDIS_ATOMIC_TAG);
    const weir_source_setup *source = self->setup->source_setup;
    weir_slice *names = calloc(n + 1, sizeof(*names));
    const weir_redis_proof proof = { .group = source->group,
                                     .streams = source->topics,
                                     .n_streams = source->n_topics,
                                     .targets = names,
                                     .n_targets = n };
    weir_status st;

    if (names == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "redis: out of memory");
    }
    for (size_t i = 0; i < n; i++) {
        names[i] = weir_redis_target_stream(targets[i]);
    }
    st = weir_redis_script_prove(self->queue, self->name, &proof,
                                 weir_clock_us() + timeout_us, err);
    free(names);
    return st;
}

static bool atomic_close(void *arg, int64_t until_us)
{
    redis_atomic *self = WEIR_CAST(redis_atomic, arg, WEIR_REDIS_ATOMIC_TAG);
    bool is_aborted = false;

    weir_lock_take(&self->lock);
    if (self->src != NULL) {
        self->src->release = NULL;
        self->src = NULL;
    }
    weir_lock_give(&self->lock);
    atomic_store(&self->is_closing, true);
    weir_redis_atomic_poke(self->wake_fd);
    while (!atomic_load(&self->is_over)) {
        const unsigned seen = weir_signal_read(&self->answered);

        if (atomic_load(&self->is_over) ||
            weir_signal_wait(&self->answered, seen, until_us)) {
            continue;
        }
        if (is_aborted) {
            return false; /* name resolution, most likely */
        }
        weir_redis_atomic_poke(self->abort_fd);
        is_aborted = true;
        until_us = weir_clock_us() + 1000000;
    }
    (void)pthread_join(self->thread, NULL);
    atomic_free(self);
    return true;
}

const weir_settler_ops weir_redis_settler = {
    .name = "redis",
    .about = "results and acknowledgements of Redis streams in one script",
    .size = sizeof(redis_atomic),
    .keeps_order = false,
    .open = atomic_open,
    .give = atomic_give,
    .hurry = atomic_hurry,
    .probe = atomic_probe,
    .close = atomic_close,
};
