/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kafka_hold - partitions of the Kafka source that are held: they wait, others flow, and
 * nothing is lost, on a real broker.
 */
#include "tests/support/kafka_kit.h"

#include "worker/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#undef skip /* cmocka's word for leaving a test; the contract has a call of that name */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static weir_broker *kafka;

/* A topic and a group of this test's own. */
typedef struct place {
    const char *brokers;
    char topic[80], group[80];
} place;

static place new_place(int n_partitions)
{
    place p = { .brokers = weir_broker_address(kafka) };
    weir_err err;

    weir_broker_name("src", p.topic, sizeof(p.topic));
    weir_broker_name("grp", p.group, sizeof(p.group));
    if (weir_broker_topic(kafka, p.topic, n_partitions, NULL, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
    return p;
}

/* Reads until the condition holds; fails after a minute. */
#define READ_UNTIL(member, condition)                                                  \
    for (int64_t until_ = kit_clock_ms() + 60000; !(condition);) {                     \
        assert_true(kit_clock_ms() < until_);                                          \
        kit_member_read((member), KIT_BATCH, 50);                                      \
    }

/* max_events: how much the client fetches ahead, and how large a stash may become. */
static void hold_and_let_go(size_t max_events)
{
    const place p = new_place(2);
    kit_member member;
    uint64_t held_at = 0;

    kit_produce(p.brokers, p.topic, 0, 3000, 100);
    kit_produce(p.brokers, p.topic, 1, 3000, 100);
    kit_member_init(&member, p.brokers, p.topic, p.group);
    member.setup.max_events = max_events;
    kit_member_open(&member);
    READ_UNTIL(&member, member.n_events > 0);
    weir_kafka_source.hold(member.self, member.parts[0].part, member.parts[0].epoch,
                           true);
    kit_member_read(&member, KIT_BATCH, 0); /* the hold is carried out here */
    for (int i = 0; i < 3000; i++) {
        held_at += (uint64_t)kit_member_seen(&member, 0, i);
    }
    READ_UNTIL(&member, kit_member_seen(&member, 1, 2999) == 1);
    for (int i = 0; i < 50; i++) {
        kit_member_read(&member, KIT_BATCH, 10);
    }
    assert_int_equal(member.n_events, 3000 + held_at);
    weir_kafka_source.hold(member.self, member.parts[0].part, member.parts[0].epoch,
                           false);
    kit_member_read_until(&member, 6000, false);
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(kit_member_seen(&member, 0, i), 1);
        assert_int_equal(kit_member_seen(&member, 1, i), 1);
    }
    kit_member_ack_all(&member);
    kit_member_flush(&member);
    assert_int_equal(kit_committed(p.brokers, p.group, p.topic, 0), 3000);
    kit_member_close(&member);
}

static void a_held_partition_waits_while_others_flow_and_loses_nothing(void **state)
{
    (void)state;
    hold_and_let_go(20000); /* what comes of it fits into the stash */
}

static void
a_partition_held_for_long_keeps_its_own_queue_and_loses_nothing(void **state)
{
    (void)state;
    hold_and_let_go(1000); /* it is taken out of the common queue */
}

static void while_all_are_held_nothing_is_taken_and_nothing_is_lost(void **state)
{
    const place p = new_place(2);
    kit_member member;

    (void)state;
    kit_produce(p.brokers, p.topic, 0, 3000, 100);
    kit_produce(p.brokers, p.topic, 1, 3000, 100);
    kit_member_init(&member, p.brokers, p.topic, p.group);
    kit_member_open(&member);
    READ_UNTIL(&member, member.n_events > 0);
    for (size_t i = 0; i < 2; i++) {
        weir_kafka_source.hold(member.self, member.parts[i].part, member.parts[i].epoch,
                               true);
    }
    kit_member_read(&member, KIT_BATCH, 0);
    const size_t n_before = member.n_events;

    for (int i = 0; i < 50; i++) {
        kit_member_read(&member, KIT_BATCH, 10);
    }
    assert_int_equal(member.n_events, n_before);
    weir_kafka_source.hold(member.self, member.parts[1].part, member.parts[1].epoch,
                           false);
    READ_UNTIL(&member, kit_member_seen(&member, 1, 2999) == 1);
    weir_kafka_source.hold(member.self, member.parts[0].part, member.parts[0].epoch,
                           false);
    kit_member_read_until(&member, 6000, false);
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(kit_member_seen(&member, 0, i), 1);
        assert_int_equal(kit_member_seen(&member, 1, i), 1);
    }
    kit_member_close(&member);
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
        cmocka_unit_test(a_held_partition_waits_while_others_flow_and_loses_nothing),
        cmocka_unit_test(
            a_partition_held_for_long_keeps_its_own_queue_and_loses_nothing),
        cmocka_unit_test(while_all_are_held_nothing_is_taken_and_nothing_is_lost),
    };

    return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
