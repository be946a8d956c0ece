/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* kafka_txn - the settler as the engine and the source call it; see kafka_txn.h. */
#include "triggers/kafka_txn.h"

#include "triggers/kafka_txn_state.h"
#include "worker/base/check.h"
#include "worker/base/clock.h"
#include "worker/base/log.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TXN_LOOK_US 1000000
#define TXN_LOOKS 30 /* of a call that does not come back */
#define TXN_MIN_ITEMS 100
#define TXN_MAX_ITEMS 100000
#define TXN_SPARE_BYTES 8388608 /* of lists of headers that wait for their next use */
#define TXN_CLOSE_US 1000000

static void txn_hangs(void *arg, const char *call)
{
    const weir_kafka_txn *txn = arg;

    weir_log(WEIR_ERROR, "kafka.txn.hangs",
             "sub=%s call=%s exit=75 text=a call of the client does not come back",
             txn->setup->source_setup->sub_name, call);
    _exit(75);
}

static void txn_free(weir_kafka_txn *txn)
{
    weir_kafka_plan_fini(&txn->plan);
    weir_kafka_headers_fini(&txn->headers);
    weir_lock_fini(&txn->lock);
    free(txn->topics);
    free(txn->items);
    free(txn->done_items);
    free(txn->runs);
}

static weir_status txn_start(weir_kafka_txn *txn, weir_err *err)
{
    int rc;

    txn->runs = calloc(WEIR_ACK_MAP_MAX_RUNS, sizeof(*txn->runs));
    if (txn->runs == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "kafka: out of memory");
    }
    txn->dog = (weir_kafka_dog){
        .look_us = TXN_LOOK_US, .n_looks = TXN_LOOKS, .on_hang = txn_hangs, .arg = txn
    };
    if ((rc = weir_kafka_dog_start(&txn->dog)) != 0) {
        return weir_fail(err, WEIR_EAGAIN, "kafka: cannot start a thread: %s",
                         strerror(rc));
    }
    rc = weir_thread_start(&txn->thread, "kafka.txn", 0, weir_kafka_txn_main, txn);
    if (rc != 0) {
        weir_kafka_dog_stop(&txn->dog);
        return weir_fail(err, WEIR_EAGAIN, "kafka: cannot start a thread: %s",
                         strerror(rc));
    }
    return WEIR_OK;
}

static size_t txn_clamp(size_t value, size_t low, size_t high)
{
    return value < low ? low : (value > high ? high : value);
}

static weir_status txn_open(void *self, const weir_settler_setup *setup, weir_err *err)
{
    weir_kafka_txn *txn = self;
    const weir_source_setup *source = setup->source_setup;
    weir_kafka_reader *src =
        WEIR_CAST(weir_kafka_reader, setup->source, WEIR_KAFKA_SOURCE_TAG);

    txn->setup = setup;
    txn->queue = setup->sink->queue;
    /* Half of what may be under way: the other half runs while it commits. */
    txn->max_items = txn_clamp(source->max_events / 2, TXN_MIN_ITEMS, TXN_MAX_ITEMS);
    txn->max_bytes = setup->max_bytes / 2;
    txn->batch = WEIR_KAFKA_BATCH;
    snprintf(txn->id, sizeof(txn->id), "%.249s.%.64s", source->group, source->instance);
    snprintf(txn->client_id, sizeof(txn->client_id), "%.100s.%.64s.%.80s",
             source->service, source->instance, source->sub_name);
    weir_lock_init(&txn->lock, WEIR_RANK_SETTLE);
    weir_kafka_headers_init(&txn->headers, TXN_SPARE_BYTES);
    txn->src = src;
    const weir_status st = txn_start(txn, err);

    if (st != WEIR_OK) {
        txn_free(txn);
        return st;
    }
    txn->tag = WEIR_KAFKA_TXN_TAG;
    src->settler = txn;
    return WEIR_OK;
}

static size_t txn_give(void *self, weir_settle_item *const *items, size_t n)
{
    weir_kafka_txn *txn = WEIR_CAST(weir_kafka_txn, self, WEIR_KAFKA_TXN_TAG);
    size_t n_taken = 0;

    for (size_t i = 0; i < n; i++) {
        items[i]->mark = (int64_t)weir_kafka_txn_bytes(items[i]);
    }
    weir_lock_take(&txn->lock);
    for (; n_taken < n; n_taken++) {
        const size_t bytes = (size_t)items[n_taken]->mark;

        /* One that is larger than all may be goes alone. */
        if (txn->n_bytes + bytes > txn->setup->max_bytes && txn->n_unanswered > 0 &&
            !txn->is_strict) {
            break;
        }
        weir_kafka_txn_push(&txn->waiting, items[n_taken]);
        txn->n_bytes += bytes;
        txn->n_unanswered++;
    }
    weir_lock_give(&txn->lock);
    weir_signal_raise(&txn->work, 1);
    return n_taken;
}

static void txn_hurry(void *self)
{
    weir_kafka_txn *txn = WEIR_CAST(weir_kafka_txn, self, WEIR_KAFKA_TXN_TAG);

    weir_lock_take(&txn->lock);
    txn->is_hurried = true;
    weir_lock_give(&txn->lock);
    weir_signal_raise(&txn->work, 1);
}

/* The rights on the targets are proved through the sink; here it is the id. */
static weir_status txn_probe(void *self, void *const *targets, size_t n,
                             int64_t timeout_us, weir_err *err)
{
    weir_kafka_txn *txn = WEIR_CAST(weir_kafka_txn, self, WEIR_KAFKA_TXN_TAG);
    const int64_t until_us = weir_clock_us() + timeout_us;
    char text[256];

    (void)targets;
    (void)n;
    for (;;) {
        const unsigned seen = weir_signal_read(&txn->change);

        if (weir_kafka_txn_is_ready(txn, text, sizeof(text))) {
            return WEIR_OK;
        }
        if (weir_clock_us() >= until_us) {
            return weir_fail(err, WEIR_EUNAVAIL, "%s",
                             text[0] == '\0' ? "the transactional id is being taken"
                                             : text);
        }
        weir_signal_wait(&txn->change, seen, until_us);
    }
}

static bool txn_close(void *self, int64_t until_us)
{
    weir_kafka_txn *txn = WEIR_CAST(weir_kafka_txn, self, WEIR_KAFKA_TXN_TAG);
    const int64_t least_us = weir_clock_us() + TXN_CLOSE_US;

    weir_kafka_txn_let_go(txn);
    txn->close_us = until_us > least_us ? until_us : least_us;
    atomic_store(&txn->is_closing, true);
    weir_signal_raise(&txn->work, INT_MAX);
    while (!atomic_load(&txn->is_over)) {
        const unsigned seen = weir_signal_read(&txn->change);

        if (!atomic_load(&txn->is_over) &&
            !weir_signal_wait(&txn->change, seen, txn->close_us + TXN_CLOSE_US)) {
            return false;
        }
    }
    WEIR_ASSERT(pthread_join(txn->thread, NULL) == 0);
    weir_kafka_dog_stop(&txn->dog);
    const bool is_clean = atomic_load(&txn->is_clean);

    txn_free(txn);
    txn->tag = 0;
    return is_clean;
}

/* -- for the source ------------------------------------------------------------------------ */

bool weir_kafka_txn_is_ready(weir_kafka_txn *txn, char *text, size_t cap)
{
    weir_lock_take(&txn->lock);
    const bool is_ready = txn->state == TXN_READY;

    snprintf(text, cap, "%s", txn->text);
    weir_lock_give(&txn->lock);
    return is_ready;
}

bool weir_kafka_txn_is_broken(weir_kafka_txn *txn)
{
    weir_lock_take(&txn->lock);
    const bool is_broken = txn->state == TXN_BROKEN && !txn->is_given_up;

    weir_lock_give(&txn->lock);
    return is_broken;
}

void weir_kafka_txn_given_up(weir_kafka_txn *txn)
{
    weir_lock_take(&txn->lock);
    txn->is_given_up = true;
    weir_lock_give(&txn->lock);
    weir_signal_raise(&txn->work, 1);
}

/* Waits until the thread uses neither the source nor its consumer. */
static void txn_unused(weir_kafka_txn *txn)
{
    for (;;) {
        const unsigned seen = weir_signal_read(&txn->change);

        weir_lock_take(&txn->lock);
        const bool is_used = txn->n_users > 0;

        weir_lock_give(&txn->lock);
        if (!is_used) {
            return;
        }
        weir_signal_wait(&txn->change, seen, WEIR_NEVER);
    }
}

void weir_kafka_txn_member(weir_kafka_txn *txn, rd_kafka_t *rk)
{
    weir_lock_take(&txn->lock);
    txn->member = rk;
    weir_lock_give(&txn->lock);
    if (rk == NULL) {
        txn_unused(txn);
    }
}

void weir_kafka_txn_nudge(weir_kafka_txn *txn)
{
    weir_lock_take(&txn->lock);
    txn->is_nudged = true;
    weir_lock_give(&txn->lock);
    weir_signal_raise(&txn->work, 1);
}

weir_status weir_kafka_txn_commit(weir_kafka_txn *txn, int64_t until_us)
{
    weir_lock_take(&txn->lock);
    const uint64_t mine = ++txn->n_asked;

    weir_lock_give(&txn->lock);
    weir_signal_raise(&txn->work, 1);
    for (;;) {
        const unsigned seen = weir_signal_read(&txn->change);

        weir_lock_take(&txn->lock);
        const bool is_served = txn->n_served >= mine;
        const bool is_broken = txn->state == TXN_BROKEN || txn->member == NULL;

        weir_lock_give(&txn->lock);
        if (is_served || is_broken) {
            return is_served ? WEIR_OK : WEIR_EIO;
        }
        if (!weir_signal_wait(&txn->change, seen, until_us)) {
            return WEIR_ETIMEOUT;
        }
    }
}

void weir_kafka_txn_let_go(weir_kafka_txn *txn)
{
    weir_lock_take(&txn->lock);
    if (txn->src != NULL) {
        txn->src = NULL;
        txn->member = NULL;
    }
    weir_lock_give(&txn->lock);
    txn_unused(txn);
    weir_signal_raise(&txn->work, 1);
}

const weir_settler_ops weir_kafka_settler = {
    .name = "kafka",
    .about = "results and positions of Kafka topics in one transaction",
    .size = sizeof(weir_kafka_txn),
    .keeps_order = true,
    .open = txn_open,
    .give = txn_give,
    .hurry = txn_hurry,
    .probe = txn_probe,
    .close = txn_close,
};
