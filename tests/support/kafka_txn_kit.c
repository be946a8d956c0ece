/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* kafka_txn_kit - see kafka_txn_kit.h. */
#include "tests/support/kafka_txn_kit.h"

#include "worker/base/clock.h"

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
    txn_kit *k = arg;

    for (size_t i = 0; i < n; i++) {
        const size_t at = (size_t)(results[i].item - k->items);

        atomic_store(&k->settled[at], results[i].settled);
        atomic_store(&k->is_given[at], false);
    }
    atomic_fetch_add(&k->n_answered, n);
    weir_signal_raise(&k->answered, INT_MAX);
}

static void make_topic(weir_broker *kafka, char *name, size_t cap, const char *stem,
                       const char *setting)
{
    const char *const settings[] = { setting, NULL };
    weir_err err;

    weir_broker_name(stem, name, cap);
    if (weir_broker_topic(kafka, name, 1, setting == NULL ? NULL : settings, &err) !=
        WEIR_OK) {
        fail_msg("%s", err.text);
    }
}

txn_kit *txn_kit_new(weir_broker *kafka, const char *through, size_t n, size_t ack_map,
                     const char *setting)
{
    txn_kit *k = calloc(1, sizeof(*k));
    weir_err err = { 0 };

    assert_non_null(k);
    k->brokers = weir_broker_address(kafka);
    make_topic(kafka, k->from, sizeof(k->from), "txn.in", NULL);
    for (int i = 0; i < 2; i++) {
        make_topic(kafka, k->to[i], sizeof(k->to[i]), "txn.out", setting);
    }
    weir_broker_name("grp", k->group, sizeof(k->group));
    kit_produce(k->brokers, k->from, 0, (int)n, 20);
    kit_member_init(&k->member, through == NULL ? k->brokers : through, k->from,
                    k->group);
    k->member.queue.ack_map = ack_map;
    k->member.setup.is_once = true;
    kit_member_open(&k->member);
    k->is_source_open = true;
    k->sink_setup = (weir_sink_setup){ .queue = &k->member.queue,
                                       .queue_name = "kafka",
                                       .service = "test",
                                       .instance = "one",
                                       .max_bytes = 8 << 20,
                                       .max_record = 1 << 20,
                                       .done = no_done };
    k->sink = calloc(1, weir_kafka_sink.size);
    assert_non_null(k->sink);
    assert_int_equal(weir_kafka_sink.open(k->sink, &k->sink_setup, &err), WEIR_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            weir_kafka_sink.target(k->sink, k->to[i], &k->targets[i], &err), WEIR_OK);
    }
    k->setup = (weir_settler_setup){ .sink = &k->sink_setup,
                                     .source_setup = &k->member.setup,
                                     .source = k->member.self,
                                     .transaction_us = 100000,
                                     .max_bytes = 8 << 20,
                                     .done = on_settled,
                                     .arg = k };
    return k;
}

void txn_kit_read_all(txn_kit *k, size_t n)
{
    k->member.n_events = 0;
    k->member.n_unacked = 0;
    kit_member_read_until(&k->member, n, false);
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(k->data[i], sizeof(k->data[i]), "%zu", i);
        k->is_fresh[i] = true;
        atomic_store(&k->settled[i], WEIR_SETTLED_AGAIN);
        k->items[i] =
            (weir_settle_item){ .receipt = k->member.unacked[i], .outs = &k->outs[i] };
        k->outs[i] = (weir_out){ .target = k->targets[0],
                                 .key = WEIR_SLICE_LIT("key"),
                                 .data = weir_slice_of(k->data[i]),
                                 .partition = -1,
                                 .time_ms = -1 };
    }
}

void txn_kit_open_settler(txn_kit *k)
{
    weir_err err = { 0 };

    k->self = calloc(1, weir_kafka_settler.size);
    assert_non_null(k->self);
    assert_int_equal(weir_kafka_settler.open(k->self, &k->setup, &err), WEIR_OK);
}

txn_kit *txn_kit_open(weir_broker *kafka, const char *through, size_t n, size_t ack_map,
                      const char *setting)
{
    txn_kit *k = txn_kit_new(kafka, through, n, ack_map, setting);

    txn_kit_open_settler(k);
    txn_kit_read_all(k, n);
    return k;
}

void txn_kit_close_source(txn_kit *k)
{
    if (k->is_source_open) {
        k->is_source_open = false;
        assert_true(
            weir_kafka_source.close(k->member.self, weir_clock_us() + TXN_KIT_HANG_US));
    }
}

/* The settings of the queue are the member's, and read by the others: it goes last. */
void txn_kit_free(txn_kit *k)
{
    txn_kit_close_source(k);
    if (k->self != NULL) {
        assert_true(
            weir_kafka_settler.close(k->self, weir_clock_us() + TXN_KIT_HANG_US));
    }
    assert_true(weir_kafka_sink.close(k->sink, weir_clock_us() + TXN_KIT_HANG_US));
    for (size_t i = 0; i < KIT_BATCH; i++) {
        weir_arena_fini(&k->member.arenas[i]);
        free(k->member.events[i]);
    }
    free(k->member.self);
    k->member.self = NULL;
    kit_member_close(&k->member);
    free(k->sink);
    free(k->self);
    free(k);
}

void txn_kit_give(txn_kit *k, size_t from, size_t n)
{
    for (size_t i = from; i < from + n; i++) {
        weir_settle_item *item = &k->items[i];

        k->is_fresh[i] = false;
        atomic_store(&k->is_given[i], true);
        assert_int_equal(weir_kafka_settler.give(k->self, &item, 1), 1);
    }
    weir_kafka_settler.hurry(k->self);
}

void txn_kit_wait(txn_kit *k, size_t n)
{
    const int64_t until_us = weir_clock_us() + TXN_KIT_HANG_US;

    while (atomic_load(&k->n_answered) < n) {
        kit_member_read(&k->member, 0, 10);
        weir_kafka_settler.hurry(k->self);
        assert_true(weir_clock_us() < until_us);
    }
    assert_int_equal(atomic_load(&k->n_answered), n);
}

size_t txn_kit_count(const txn_kit *k, weir_settled settled, size_t n)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++) {
        count += k->settled[i] == settled;
    }
    return count;
}

void txn_kit_record(void *arg, const rd_kafka_message_t *msg)
{
    weir_buf *out = arg;

    weir_buf_add(out, msg->payload, msg->len);
    weir_buf_char(out, '\n');
}

void txn_kit_expect(const txn_kit *k, size_t n, size_t without)
{
    weir_buf got = { .data = NULL };
    weir_buf want = { .data = NULL };

    kit_read(k->brokers, k->to[0], txn_kit_record, &got);
    for (size_t i = 0; i < n; i++) {
        if (i != without) {
            weir_buf_printf(&want, "%zu\n", i);
        }
    }
    weir_buf_char(&got, '\0');
    weir_buf_char(&want, '\0');
    assert_string_equal(got.data, want.data);
    weir_buf_fini(&got);
    weir_buf_fini(&want);
}

/* What was read again since then. */
static void take_again(txn_kit *k, size_t n)
{
    for (size_t i = 0; i < k->member.n_unacked; i++) {
        const size_t at = (size_t)k->member.unacked[i].pos.hi;

        if (at < n) {
            assert_int_not_equal(atomic_load(&k->settled[at]), WEIR_SETTLED_OK);
            k->items[at].receipt = k->member.unacked[i];
            k->is_fresh[at] = true;
        }
    }
}

void txn_kit_until_ok(txn_kit *k, size_t n)
{
    const int64_t until_us = weir_clock_us() + TXN_KIT_HANG_US;

    k->member.n_unacked = 0;
    for (size_t n_ok = 0; n_ok < n;) {
        assert_true(weir_clock_us() < until_us);
        n_ok = 0;
        for (size_t i = 0; i < n; i++) {
            n_ok += atomic_load(&k->settled[i]) == WEIR_SETTLED_OK;
            if (k->is_fresh[i] && !atomic_load(&k->is_given[i])) {
                txn_kit_give(k, i, 1);
            }
        }
        weir_kafka_settler.hurry(k->self);
        kit_member_read(&k->member, KIT_BATCH, 10);
        take_again(k, n);
        k->member.n_unacked = 0;
    }
}
