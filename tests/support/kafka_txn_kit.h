/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_txn_kit - what tests of the settler of Kafka need around it: a member that reads, a sink
 * for the targets, and items whose one output is the event's number.
 *
 * Test code only: failures end the test.
 *
 * Threads: one; answers come on the settler's.
 */
#ifndef WEIR_TESTS_SUPPORT_KAFKA_TXN_KIT_H
#define WEIR_TESTS_SUPPORT_KAFKA_TXN_KIT_H

#include "tests/support/kafka_kit.h"
#include "triggers/kafka_sink.h"
#include "triggers/kafka_txn.h"
#include "triggers/kafka_txn_state.h"
#include "worker/base/buf.h"
#include "worker/base/lock.h"

#define TXN_KIT_EVENTS 1000
#define TXN_KIT_LARGE 50000
#define TXN_KIT_HANG_US INT64_C(60000000)

typedef struct txn_kit {
    const char *brokers; /* past any proxy */
    char from[80], group[80];
    char to[2][80];
    kit_member member;
    bool is_source_open;
    weir_sink_setup sink_setup;
    void *sink;
    void *targets[2];
    weir_settler_setup setup;
    void *self;
    weir_settle_item items[TXN_KIT_EVENTS];
    weir_out outs[TXN_KIT_EVENTS];
    char data[TXN_KIT_EVENTS][24];
    char large[TXN_KIT_LARGE];
    /* of what was answered */
    _Atomic weir_settled settled[TXN_KIT_EVENTS];
    atomic_bool is_given[TXN_KIT_EVENTS]; /* and not answered */
    bool is_fresh[TXN_KIT_EVENTS];        /* read, and not given since */
    atomic_size_t n_answered;
    weir_signal answered;
} txn_kit;

/* n events to read, two targets; the settler is still to be opened. through: the address that the
 * member, the sink and the settler use; NULL: the broker's own. setting: of the targets' topics,
 * or NULL. */
txn_kit *txn_kit_new(weir_broker *kafka, const char *through, size_t n, size_t ack_map,
                     const char *setting);
/* Opens the settler. */
void txn_kit_open_settler(txn_kit *k);
/* Reads all n events; an item for each. */
void txn_kit_read_all(txn_kit *k, size_t n);
/* All of these. */
txn_kit *txn_kit_open(weir_broker *kafka, const char *through, size_t n, size_t ack_map,
                      const char *setting);
void txn_kit_close_source(txn_kit *k);
void txn_kit_free(txn_kit *k);
/* Gives items[from..from+n). */
void txn_kit_give(txn_kit *k, size_t from, size_t n);
/* Waits until so many are answered in all; the source is read meanwhile. */
void txn_kit_wait(txn_kit *k, size_t n);
/* Gives all n, and again what was given up and has been read again, until each is committed. What
 * is must not be read again. */
void txn_kit_until_ok(txn_kit *k, size_t n);
size_t txn_kit_count(const txn_kit *k, weir_settled settled, size_t n);
/* The results are 0..n-1 in this order, each once, but for `without`. */
void txn_kit_expect(const txn_kit *k, size_t n, size_t without);
/* Adds a record's data and a newline to a weir_buf. */
void txn_kit_record(void *arg, const rd_kafka_message_t *msg);

#endif
