/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kafka_txn_fault - the settler of Kafka where requests and answers are lost or late, and
 * where somebody else owns what it has: all of a transaction counts, or nothing, and once.
 */
#include "tests/support/kafka_txn_kit.h"
#include "tests/support/proxy.h"
#include "worker/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants the ones above */
#include <cmocka.h>

#define N_EVENTS 100
#define FAULT(name) cmocka_unit_test_setup(name, no_faults)

static weir_proxy *proxy;
static weir_broker *kafka;

static int no_faults(void **state)
{
    (void)state;
    weir_proxy_tell(proxy, "cut request EndTxn 0");
    weir_proxy_tell(proxy, "release");
    return 0;
}

static void until_told(const char *what, int at_least)
{
    const int64_t until_us = weir_clock_us() + TXN_KIT_HANG_US;

    while (weir_proxy_tell(proxy, what) < at_least) {
        assert_true(weir_clock_us() < until_us);
        usleep(1000);
    }
}

static int n_held(void)
{
    return weir_proxy_tell(proxy, "count held");
}

static void until_held(int n)
{
    until_told("count held", n);
}

static txn_kit *open_through(size_t n)
{
    return txn_kit_open(kafka, weir_proxy_address(proxy), n, 4096, NULL);
}

/* Records that a reader of what is committed sees. */
static size_t n_seen(const txn_kit *k, int target)
{
    weir_buf got = { .data = NULL };
    const int n = kit_read(k->brokers, k->to[target], txn_kit_record, &got);

    weir_buf_fini(&got);
    return (size_t)n;
}

/* -- all or nothing ------------------------------------------------------------------------- */

static void nothing_of_a_transaction_is_seen_before_its_end(void **state)
{
    txn_kit *k = open_through(N_EVENTS);
    weir_out dead[N_EVENTS];

    (void)state;
    for (size_t i = 0; i < N_EVENTS;
         i++) { /* each has a result, and one for elsewhere */
        dead[i] = k->outs[i];
        dead[i].target = k->targets[1];
        k->outs[i].next = &dead[i];
    }
    weir_proxy_tell(proxy, "cut request EndTxn 100000");
    const int n_cuts = weir_proxy_tell(proxy, "count cut");

    txn_kit_give(k, 0, N_EVENTS);
    until_told("count cut", n_cuts + 1);
    assert_int_equal(n_seen(k, 0), 0);
    assert_int_equal(n_seen(k, 1), 0);
    weir_proxy_tell(proxy, "cut request EndTxn 0");
    txn_kit_until_ok(k, N_EVENTS);
    txn_kit_expect(k, N_EVENTS, N_EVENTS);
    assert_int_equal(n_seen(k, 1), N_EVENTS);
    assert_int_equal(kit_committed(k->brokers, k->group, k->from, 0), N_EVENTS);
    txn_kit_free(k);
}

static void what_is_done_above_the_position_is_in_the_transaction(void **state)
{
    txn_kit *k = open_through(N_EVENTS);
    uint32_t runs[16];
    weir_ack_map map = { .runs = runs, .cap_runs = 16 };

    (void)state;
    txn_kit_give(k, 1, N_EVENTS - 1);
    txn_kit_wait(k, N_EVENTS - 1);
    assert_int_equal(kit_committed(k->brokers, k->group, k->from, 0), 0);
    char *text = kit_metadata(k->brokers, k->group, k->from, 0);

    assert_int_equal(weir_ack_map_decode(weir_slice_of(text), 0, &map), WEIR_ACK_OK);
    assert_int_equal(weir_ack_map_next(&map, 0), 0);
    assert_int_equal(weir_ack_map_next(&map, 1), N_EVENTS);
    free(text);
    txn_kit_free(k);
}

/* -- outcomes that are not known ------------------------------------------------------------ */

static void after_an_end_whose_answer_is_lost_there_is_a_new_producer(void **state)
{
    txn_kit *k = open_through(N_EVENTS);
    const int held = n_held();

    (void)state;
    weir_proxy_tell(proxy, "hold InitProducerId");
    weir_proxy_tell(proxy, "cut answer EndTxn");
    txn_kit_give(k, 0, N_EVENTS / 2);
    until_held(held + 1); /* it asks for the id once more */
    weir_proxy_tell(proxy, "release");
    txn_kit_until_ok(k, N_EVENTS);
    txn_kit_expect(k, N_EVENTS, N_EVENTS);
    txn_kit_free(k);
}

static void answers_of_every_kind_may_be_lost(void **state)
{
    static const char *const commands[] = {
        "cut answer AddPartitionsToTxn",
        "cut answer AddOffsetsToTxn",
        "cut answer TxnOffsetCommit",
        "cut answer EndTxn",
        "cut answer Produce",
        "cut request EndTxn 2",
        "cut request TxnOffsetCommit",
        "cut request Produce",
    };
    const size_t n = sizeof(commands) / sizeof(commands[0]);
    txn_kit *k = open_through(n * 10);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        const int n_cuts = weir_proxy_tell(proxy, "count cut");

        weir_proxy_tell(proxy, commands[i]);
        txn_kit_until_ok(k, (i + 1) * 10);
        assert_true(weir_proxy_tell(proxy, "count cut") > n_cuts);
    }
    txn_kit_expect(k, n * 10, n * 10);
    assert_int_equal(kit_committed(k->brokers, k->group, k->from, 0), n * 10);
    txn_kit_free(k);
}

/* -- its own thread ------------------------------------------------------------------------- */

static void a_call_that_waits_is_watched_and_holds_up_nobody(void **state)
{
    static const char *const calls[][2] = {
        { "hold EndTxn", "commit_transaction" },
        { "hold TxnOffsetCommit", "send_offsets_to_transaction" },
    };
    txn_kit *k = open_through(30);
    weir_kafka_txn *txn = k->self;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const int held = n_held();

        weir_proxy_tell(proxy, calls[i][0]);
        txn_kit_give(k, i * 10, 5);
        until_held(held + 1);
        assert_string_equal(atomic_load(&txn->dog.call), calls[i][1]);
        txn_kit_give(k, i * 10 + 5, 5); /* does not wait */
        kit_member_read(&k->member, KIT_BATCH, 1);
        assert_int_equal(n_held(), held + 1);
        weir_proxy_tell(proxy, "release");
        txn_kit_until_ok(k, (i + 1) * 10);
    }
    txn_kit_expect(k, 20, 20);
    txn_kit_free(k);
}

static void a_call_that_hangs_ends_the_process_with_75(void **state)
{
    txn_kit *k = open_through(1);
    const weir_kafka_txn *txn = k->self;
    int status;

    (void)state;
    const pid_t pid = fork();

    if (pid == 0) {
        txn->dog.on_hang(txn->dog.arg, "commit_transaction");
        _exit(0);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 75);
    txn_kit_free(k);
}

/* -- whose it is ---------------------------------------------------------------------------- */

static void the_id_is_of_the_slot_and_open_for_ten_seconds_at_most(void **state)
{
    txn_kit *k = open_through(1);
    const weir_kafka_txn *txn = k->self;
    char text[200], want[200];
    size_t size = sizeof(text);

    (void)state;
    (void)snprintf(want, sizeof(want), "%s.one", k->group);
    assert_int_equal(
        rd_kafka_conf_get(rd_kafka_conf(txn->rk), "transactional.id", text, &size),
        RD_KAFKA_CONF_OK);
    assert_string_equal(text, want);
    size = sizeof(text);
    assert_int_equal(rd_kafka_conf_get(rd_kafka_conf(txn->rk), "transaction.timeout.ms",
                                       text, &size),
                     RD_KAFKA_CONF_OK);
    assert_string_equal(text, "10000");
    txn_kit_free(k);
}

static void the_group_is_not_joined_before_the_id_is_taken(void **state)
{
    txn_kit *k = txn_kit_new(kafka, weir_proxy_address(proxy), N_EVENTS, 4096, NULL);
    const weir_kafka_reader *src = k->member.self;
    const int held = n_held();

    (void)state;
    weir_proxy_tell(proxy, "hold InitProducerId");
    txn_kit_open_settler(k);
    until_held(held + 1);
    for (int i = 0; i < 20; i++) {
        kit_member_read(&k->member, KIT_BATCH, 20);
        assert_null(src->client);
    }
    weir_proxy_tell(proxy, "release");
    txn_kit_read_all(k, N_EVENTS);
    txn_kit_until_ok(k, N_EVENTS);
    txn_kit_free(k);
}

/* Somebody of the same id that writes a result and a position, and ends in the middle. */
static void leave_open(const txn_kit *k)
{
    static const char *const fixed[][2] = { { "transaction.timeout.ms", "600000" },
                                            { "message.timeout.ms", "600000" } };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char id[200], text[256];

    (void)snprintf(id, sizeof(id), "%s.one", k->group);
    rd_kafka_conf_set(conf, "bootstrap.servers", k->brokers, text, sizeof(text));
    rd_kafka_conf_set(conf, "transactional.id", id, text, sizeof(text));
    for (size_t i = 0; i < 2; i++) {
        rd_kafka_conf_set(conf, fixed[i][0], fixed[i][1], text, sizeof(text));
    }
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_consumer_group_metadata_t *group =
        rd_kafka_consumer_group_metadata_new(k->group);

    assert_non_null(rk);
    rd_kafka_topic_partition_list_add(list, k->from, 0)->offset = 70;
    assert_null(rd_kafka_init_transactions(rk, 30000));
    assert_null(rd_kafka_begin_transaction(rk));
    assert_int_equal(rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(k->to[0]),
                                       RD_KAFKA_V_VALUE("lost", 4), RD_KAFKA_V_END),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_null(rd_kafka_send_offsets_to_transaction(rk, list, group, 30000));
    assert_int_equal(rd_kafka_flush(rk, 30000), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_consumer_group_metadata_destroy(group);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk); /* aborts nothing */
}

static void
what_a_predecessor_left_open_counts_for_nothing_and_holds_up_nobody(void **state)
{
    txn_kit *k = txn_kit_new(kafka, weir_proxy_address(proxy), N_EVENTS, 4096, NULL);

    (void)state;
    leave_open(k);
    txn_kit_open_settler(k);
    txn_kit_read_all(k, N_EVENTS);
    txn_kit_until_ok(k, N_EVENTS);
    txn_kit_expect(k, N_EVENTS, N_EVENTS);
    txn_kit_free(k);
}

/* A member that was replaced commits nothing more, whatever its producer may do. */
static void who_is_not_the_member_any_more_commits_nothing(void **state)
{
    const int64_t until_us = weir_clock_us() + TXN_KIT_HANG_US;
    txn_kit *k = txn_kit_new(kafka, weir_proxy_address(proxy), N_EVENTS, 4096, NULL);
    kit_member other;

    (void)state;
    /* it connects when the settler is ready: in time */
    k->member.setup.is_static = true;
    txn_kit_open_settler(k);
    txn_kit_read_all(k, N_EVENTS);
    weir_kafka_txn *txn = k->self;

    kit_member_init(&other, k->brokers, k->from, k->group);
    other.setup.is_static = true;
    kit_member_open(&other);
    kit_member_read_until(&other, N_EVENTS, false);
    txn_kit_give(k, 0, N_EVENTS); /* its intake stands still meanwhile */
    while (atomic_load(&txn->n_aborts) == 0 && !weir_kafka_txn_is_broken(txn)) {
        assert_int_equal(atomic_load(&k->n_answered), 0);
        assert_true(weir_clock_us() < until_us);
        usleep(1000);
    }
    assert_int_equal(n_seen(k, 0), 0);
    kit_member_ack_all(&other);
    kit_member_flush(&other);
    assert_int_equal(kit_committed(k->brokers, k->group, k->from, 0), N_EVENTS);
    kit_member_close(&other); /* it reads the names that the kit has */
    txn_kit_free(k);
}

static int setup_group(void **state)
{
    char line[200];
    weir_err err;

    (void)state;
    proxy = weir_proxy_new(FRAME_KAFKA, NULL);
    if (weir_broker_start_kafka_behind(WEIR_KAFKA_NEW, weir_proxy_address(proxy),
                                       &kafka, &err) != WEIR_OK) {
        print_error("%s\n", err.text);
        return -1;
    }
    (void)snprintf(line, sizeof(line), "upstream %s", weir_broker_behind(kafka));
    weir_proxy_tell(proxy, line);
    return 0;
}

static int teardown_group(void **state)
{
    (void)state;
    weir_broker_free(kafka);
    weir_proxy_free(proxy);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAULT(nothing_of_a_transaction_is_seen_before_its_end),
        FAULT(what_is_done_above_the_position_is_in_the_transaction),
        FAULT(after_an_end_whose_answer_is_lost_there_is_a_new_producer),
        FAULT(answers_of_every_kind_may_be_lost),
        FAULT(a_call_that_waits_is_watched_and_holds_up_nobody),
        FAULT(a_call_that_hangs_ends_the_process_with_75),
        FAULT(the_id_is_of_the_slot_and_open_for_ten_seconds_at_most),
        FAULT(the_group_is_not_joined_before_the_id_is_taken),
        FAULT(what_a_predecessor_left_open_counts_for_nothing_and_holds_up_nobody),
        FAULT(who_is_not_the_member_any_more_commits_nothing),
    };

    return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
