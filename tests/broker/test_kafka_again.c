/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kafka_again - events that come again on a real broker are counted by why they do, and
 * those that do not are not.
 */
#include "tests/support/kafka_txn_kit.h"
#include "triggers/kafka_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
/* cmocka wants the ones above */
#include <cmocka.h>

#define TOTAL 200

static weir_broker *kafka;

typedef struct place {
    const char *brokers;
    char topic[80], group[80];
} place;

static place new_place(void)
{
    place p = { .brokers = weir_broker_address(kafka) };
    weir_err err;

    weir_broker_name("again", p.topic, sizeof(p.topic));
    weir_broker_name("grp", p.group, sizeof(p.group));
    if (weir_broker_topic(kafka, p.topic, 1, NULL, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
    kit_produce(p.brokers, p.topic, 0, TOTAL, 20);
    return p;
}

static bool is_one_of_three(int64_t offset)
{
    return offset == 0 || offset == 7 || offset == 150;
}

static bool is_late(int64_t offset)
{
    return offset >= 150;
}

/* All that came again did for this reason; how many. */
static size_t n_again(const kit_member *member, weir_again why)
{
    weir_source_stat stat;

    weir_kafka_source.stat(member->self, &stat, NULL, 0);
    for (int i = WEIR_AGAIN_NONE + 1; i < WEIR_AGAIN_COUNT; i++) {
        if (i != (int)why) {
            assert_int_equal(stat.n_redelivered[i], 0);
        }
    }
    return stat.n_redelivered[why];
}

/* A member reads and finishes, but for what it keeps; the position and its map are what it
 * has committed, in order or as a crash would leave it. */
static void leave(const place *p, bool (*keeps)(int64_t offset), bool in_order)
{
    kit_member member;

    kit_member_init(&member, p->brokers, p->topic, p->group);
    kit_member_open(&member);
    kit_member_read_until(&member, TOTAL, false);
    assert_int_equal(n_again(&member, WEIR_AGAIN_REBALANCE), 0);
    kit_member_ack_but(&member, keeps);
    kit_member_flush(&member);
    char *text = kit_metadata(p->brokers, p->group, p->topic, 0);
    const int64_t offset = kit_committed(p->brokers, p->group, p->topic, 0);

    kit_member_close(&member);
    if (!in_order) {
        kit_commit_text(p->brokers, p->group, p->topic, 0, offset, text);
    }
    free(text);
}

/* And the next one is given what was kept, and new ones. */
static void expect_again(const place *p, size_t n, weir_again why)
{
    kit_member member;

    kit_produce(p->brokers, p->topic, 0, 10, 20);
    kit_member_init(&member, p->brokers, p->topic, p->group);
    kit_member_open(&member);
    kit_member_read_until(&member, n + 10, false);
    assert_int_equal(member.n_events, n + 10);
    assert_int_equal(n_again(&member, why), n);
    kit_member_close(&member);
}

static void what_was_handed_over_comes_again_by_a_rebalance(void **state)
{
    const place p = new_place();
    const place q = new_place();

    (void)state;
    leave(&p, is_one_of_three, true);
    expect_again(&p, 3, WEIR_AGAIN_REBALANCE);
    leave(&q, is_late, true); /* nothing is done above the position */
    expect_again(&q, TOTAL - 150, WEIR_AGAIN_REBALANCE);
}

static void what_a_crash_left_comes_again_by_a_crash(void **state)
{
    const place p = new_place();
    const place q = new_place();

    (void)state;
    leave(&p, is_one_of_three, false);
    expect_again(&p, 3, WEIR_AGAIN_CRASH);
    leave(&q, is_late, false);
    expect_again(&q, TOTAL - 150, WEIR_AGAIN_CRASH);
}

static void what_comes_again_in_a_new_client_comes_by_a_reconnect(void **state)
{
    const place p = new_place();
    kit_member member;

    (void)state;
    kit_member_init(&member, p.brokers, p.topic, p.group);
    kit_member_open(&member);
    kit_member_read_until(&member, TOTAL, false);
    kit_member_ack(&member, 150);
    kit_member_flush(&member);
    const weir_kafka_reader *reader = member.self;

    assert_int_equal(rd_kafka_test_fatal_error(reader->client->rk,
                                               RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID,
                                               "test"),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    kit_member_read_until(&member, TOTAL + 50, false);
    assert_int_equal(n_again(&member, WEIR_AGAIN_RECONNECT), 50);
    kit_member_close(&member);
}

static void what_a_transaction_left_out_comes_again_by_a_rebalance(void **state)
{
    txn_kit *k = txn_kit_open(kafka, NULL, TOTAL, 4096, NULL);
    kit_member next;

    (void)state;
    txn_kit_give(k, 0, 100);
    txn_kit_give(k, 103, TOTAL - 103);
    txn_kit_wait(k, TOTAL - 3);
    txn_kit_close_source(k);
    kit_member_init(&next, k->brokers, k->from, k->group);
    kit_member_open(&next);
    kit_member_read_until(&next, 3, false);
    assert_int_equal(n_again(&next, WEIR_AGAIN_REBALANCE), 3);
    kit_member_close(&next);
    txn_kit_free(k);
}

static int setup_group(void **state)
{
    (void)state;
    return kit_share_kafka(&kafka);
}

static int teardown_group(void **state)
{
    (void)state;
    weir_broker_free(kafka);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_handed_over_comes_again_by_a_rebalance),
        cmocka_unit_test(what_a_crash_left_comes_again_by_a_crash),
        cmocka_unit_test(what_comes_again_in_a_new_client_comes_by_a_reconnect),
        cmocka_unit_test(what_a_transaction_left_out_comes_again_by_a_rebalance),
    };

    return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
