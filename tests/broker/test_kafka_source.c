/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kafka_source - the Kafka source against a real broker: what is read, where it starts,
 * what holds it. Rebalances are in test_kafka_group.c, outages in test_kafka_outage.c.
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

static void what_is_acked_is_committed_and_nothing_else(void **state)
{
    const place p = new_place(1);
    kit_member member;

    (void)state;
    kit_produce(p.brokers, p.topic, 0, 100, 20);
    kit_member_init(&member, p.brokers, p.topic, p.group);
    kit_member_open(&member);
    kit_member_read_until(&member, 100, false);
    /* 0..9 and 11..99 are done; 10 is not. */
    kit_member_ack(&member, 10);
    weir_kafka_source.ack(member.self, member.unacked + 1, member.n_unacked - 1);
    kit_member_flush(&member);
    assert_int_equal(kit_committed(p.brokers, p.group, p.topic, 0), 10);
    weir_kafka_source.ack(member.self, member.unacked, 1);
    kit_member_flush(&member);
    assert_int_equal(kit_committed(p.brokers, p.group, p.topic, 0), 100);
    kit_member_close(&member);
}

static void progress_is_committed_without_being_asked(void **state)
{
    const place p = new_place(1);
    kit_member member;

    (void)state;
    kit_produce(p.brokers, p.topic, 0, 10, 20);
    kit_member_init(&member, p.brokers, p.topic, p.group);
    kit_member_open(&member);
    kit_member_read_until(&member, 10, true);
    READ_UNTIL(&member, kit_committed(p.brokers, p.group, p.topic, 0) == 10);
    kit_member_close(&member);
}

/* What the next test expects of its two records. */
static void look_at_parts(void *arg, const weir_event *ev)
{
    int *n = arg;
    weir_slice value;

    if ((*n)++ == 0) {
        assert_true(weir_slice_is(ev->key, "the-key"));
        assert_true(weir_slice_is(ev->data, "the data"));
        assert_int_equal(ev->n_headers, 4);
        assert_string_equal(ev->headers[0].name, "a");
        assert_true(weir_slice_is(ev->headers[0].value, "1"));
        assert_string_equal(ev->headers[1].name, "b");
        assert_true(weir_slice_is(ev->headers[2].value, "2"));
        assert_null(ev->headers[3].value.data);
        assert_true(weir_ev_header(ev, "a", &value));
        assert_true(weir_slice_is(value, "2"));
        assert_true(llabs(weir_clock_wall_ms() - ev->time_ms) < 60000);
        assert_true(weir_slice_ends(weir_ev_position(ev), WEIR_SLICE_LIT("/0@0")));
        assert_int_equal(ev->fault, WEIR_FAULT_NONE);
    } else {
        assert_null(ev->key.data);
        assert_null(ev->data.data);
        assert_int_equal(ev->n_headers, 0);
        assert_int_equal(ev->receipt.pos.hi, 1);
    }
}

static void keys_headers_times_and_tombstones_arrive_as_they_were_written(void **state)
{
    const place p = new_place(1);
    const weir_header headers[] = {
        { "a", WEIR_SLICE_LIT("1") },
        { "b", WEIR_SLICE_LIT("x") },
        { "a", WEIR_SLICE_LIT("2") },
        { "none", { NULL, 0 } },
    };
    kit_member member;
    int n = 0;

    (void)state;
    kit_produce_one(p.brokers, p.topic, 0, WEIR_SLICE_LIT("the-key"),
                    WEIR_SLICE_LIT("the data"), headers, 4);
    kit_produce_one(p.brokers, p.topic, 0, WEIR_SLICE_NONE, WEIR_SLICE_NONE, NULL, 0);
    kit_member_init(&member, p.brokers, p.topic, p.group);
    member.look = look_at_parts;
    member.look_arg = &n;
    kit_member_open(&member);
    kit_member_read_until(&member, 2, true);
    assert_int_equal(n, 2);
    kit_member_close(&member);
}

static void count_too_large(void *arg, const weir_event *ev)
{
    *(int *)arg += ev->fault == WEIR_FAULT_TOO_LARGE;
}

static void an_event_over_the_limit_is_marked_and_the_next_one_is_not(void **state)
{
    const place p = new_place(1);
    kit_member member;
    int n = 0;

    (void)state;
    kit_produce(p.brokers, p.topic, 0, 1, 5000);
    kit_produce(p.brokers, p.topic, 0, 1, 500);
    kit_member_init(&member, p.brokers, p.topic, p.group);
    member.setup.max_event = 4096;
    member.look = count_too_large;
    member.look_arg = &n;
    kit_member_open(&member);
    kit_member_read_until(&member, 2, true);
    assert_int_equal(n, 1);
    kit_member_close(&member);
}

static void latest_begins_at_the_end_and_loses_nothing_before_a_crash(void **state)
{
    const place p = new_place(1);
    kit_member member;

    (void)state;
    kit_produce(p.brokers, p.topic, 0, 10, 20);
    kit_member_init(&member, p.brokers, p.topic, p.group);
    member.setup.start = WEIR_START_LATEST;
    kit_member_open(&member);
    READ_UNTIL(&member, kit_member_owned(&member) == 1);
    assert_int_equal(kit_committed(p.brokers, p.group, p.topic, 0), 10);
    kit_produce(p.brokers, p.topic, 0, 5, 20);
    kit_member_read_until(&member, 5, false);
    assert_int_equal(kit_member_seen(&member, 0, 9), 0);
    kit_member_close(&member); /* nothing was acked: as good as a crash */

    kit_member_init(&member, p.brokers, p.topic, p.group);
    member.setup.start = WEIR_START_LATEST;
    kit_member_open(&member);
    kit_member_read_until(&member, 5, true);
    for (int i = 10; i < 15; i++) {
        assert_int_equal(kit_member_seen(&member, 0, i), 1);
    }
    kit_member_close(&member);
}

static void a_time_begins_at_the_first_event_of_that_time_or_at_the_end(void **state)
{
    const place p = new_place(2);
    kit_member member;

    (void)state;
    kit_produce(p.brokers, p.topic, 0, 10, 20);
    kit_produce(p.brokers, p.topic, 1, 3, 20); /* nothing later there */
    const int64_t now_ms = weir_clock_wall_ms();

    while (weir_clock_wall_ms() <= now_ms + 2) {
    }
    kit_produce(p.brokers, p.topic, 0, 4, 20);
    kit_member_init(&member, p.brokers, p.topic, p.group);
    member.setup.start = WEIR_START_TIME;
    member.setup.start_ms = now_ms + 2;
    kit_member_open(&member);
    kit_member_read_until(&member, 4, true);
    assert_int_equal(kit_member_seen(&member, 0, 9), 0);
    assert_int_equal(kit_member_seen(&member, 0, 10), 1);
    assert_int_equal(kit_committed(p.brokers, p.group, p.topic, 1), 3);
    kit_member_close(&member);
}

static void a_group_that_needs_positions_and_has_none_is_refused(void **state)
{
    const place p = new_place(1);
    kit_member member;

    (void)state;
    kit_produce(p.brokers, p.topic, 0, 10, 20);
    kit_member_init(&member, p.brokers, p.topic, p.group);
    member.setup.start = WEIR_START_COMMITTED;
    kit_member_open(&member);
    READ_UNTIL(&member, member.trouble == WEIR_TROUBLE_NO_POSITION);
    assert_int_equal(member.n_events, 0);
    assert_int_equal(kit_committed(p.brokers, p.group, p.topic, 0), -1);
    kit_member_close(&member);

    kit_commit(p.brokers, p.group, p.topic, 0, 4);
    kit_member_init(&member, p.brokers, p.topic, p.group);
    member.setup.start = WEIR_START_COMMITTED;
    kit_member_open(&member);
    kit_member_read_until(&member, 6, true);
    assert_int_equal(kit_member_seen(&member, 0, 3), 0);
    assert_int_equal(kit_member_seen(&member, 0, 4), 1);
    kit_member_close(&member);
}

static void partitions_that_appear_later_start_at_the_earliest(void **state)
{
    const place p = new_place(1);
    kit_member member;

    (void)state;
    kit_produce(p.brokers, p.topic, 0, 5, 20);
    kit_member_init(&member, p.brokers, p.topic, p.group);
    member.setup.start = WEIR_START_LATEST;
    kit_member_open(&member);
    READ_UNTIL(&member, kit_member_owned(&member) == 1);
    kit_grow_topic(p.brokers, p.topic, 3);
    kit_produce(p.brokers, p.topic, 2, 7, 20);
    kit_member_read_until(&member, 7, true);
    assert_int_equal(kit_member_seen(&member, 0, 0), 0);
    assert_int_equal(kit_member_seen(&member, 2, 0), 1);
    kit_member_close(&member);
}

static void a_position_that_retention_has_eaten_stops_its_partition_alone(void **state)
{
    const place p = new_place(2);
    kit_member member;

    (void)state;
    kit_produce(p.brokers, p.topic, 0, 20, 20);
    kit_produce(p.brokers, p.topic, 1, 20, 20);
    kit_commit(p.brokers, p.group, p.topic, 0, 3);
    kit_commit(p.brokers, p.group, p.topic, 1, 0);
    kit_trim(p.brokers, p.topic, 0, 10);
    kit_member_init(&member, p.brokers, p.topic, p.group);
    kit_member_open(&member);
    READ_UNTIL(&member, member.part_trouble[0] == WEIR_TROUBLE_LOST_POSITION &&
                            member.n_events == 20);
    assert_int_equal(kit_member_seen(&member, 1, 19), 1);
    kit_member_ack_all(&member);
    kit_member_flush(&member);
    assert_int_equal(kit_committed(p.brokers, p.group, p.topic, 0), 3);
    assert_int_equal(kit_committed(p.brokers, p.group, p.topic, 1), 20);
    kit_member_close(&member);
}

static void
a_lost_position_goes_on_at_the_earliest_where_that_is_asked_for(void **state)
{
    const place p = new_place(2);
    kit_member member;

    (void)state;
    kit_produce(p.brokers, p.topic, 0, 20, 20);
    kit_produce(p.brokers, p.topic, 1, 20, 20);
    kit_commit(p.brokers, p.group, p.topic, 0, 3);
    kit_commit(p.brokers, p.group, p.topic, 1, 0);
    kit_trim(p.brokers, p.topic, 0, 10);
    kit_member_init(&member, p.brokers, p.topic, p.group);
    member.setup.stop_on_lost_position = false;
    kit_member_open(&member);
    kit_member_read_until(&member, 30, true);
    kit_member_flush(&member);
    assert_int_equal(kit_member_seen(&member, 0, 10), 1);
    assert_int_equal(kit_member_seen(&member, 0, 19), 1);
    assert_int_equal(kit_member_seen(&member, 1, 19), 1);
    assert_int_equal(kit_committed(p.brokers, p.group, p.topic, 0), 20);
    kit_member_close(&member);
}

static void a_topic_that_was_made_anew_stops_with_an_alarm(void **state)
{
    const place p = new_place(1);
    kit_member member;

    (void)state;
    kit_produce(p.brokers, p.topic, 0, 5, 20);
    kit_commit(p.brokers, p.group, p.topic, 0, 50);
    kit_member_init(&member, p.brokers, p.topic, p.group);
    kit_member_open(&member);
    READ_UNTIL(&member, member.part_trouble[0] == WEIR_TROUBLE_RECREATED);
    assert_int_equal(member.n_events, 0);
    assert_int_equal(kit_committed(p.brokers, p.group, p.topic, 0), 50);
    kit_member_close(&member);
}

static void a_pattern_finds_topics_but_never_results_or_dead_letters(void **state)
{
    const place a = new_place(1);
    char names[4][100], pattern[100];
    const char *never[1];
    weir_err err;
    kit_member member;

    (void)state;
    snprintf(names[0], sizeof(names[0]), "%s.one", a.topic);
    snprintf(names[1], sizeof(names[1]), "%s.two", a.topic);
    snprintf(names[2], sizeof(names[2]), "%s.one.dead", a.topic);
    snprintf(names[3], sizeof(names[3]), "%s.results", a.topic);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(weir_broker_topic(kafka, names[i], 1, NULL, &err), WEIR_OK);
        kit_produce(a.brokers, names[i], 0, 10, 20);
    }
    snprintf(pattern, sizeof(pattern), "^%s\\..*", a.topic);
    never[0] = names[3];
    kit_member_init(&member, a.brokers, pattern, a.group);
    member.setup.never = never;
    member.setup.n_never = 1;
    member.is_many_topics = true;
    kit_member_open(&member);
    kit_member_read_until(&member, 20, true);
    for (int i = 0; i < 20; i++) {
        kit_member_read(&member, KIT_BATCH, 20);
    }
    kit_member_ack_all(&member);
    kit_member_flush(&member);
    assert_int_equal(member.n_events, 20);
    assert_int_equal(kit_committed(a.brokers, a.group, names[1], 0), 10);
    assert_int_equal(kit_committed(a.brokers, a.group, names[2], 0), -1);
    assert_int_equal(kit_committed(a.brokers, a.group, names[3], 0), -1);
    kit_member_close(&member);
}

static void a_topic_that_a_pattern_meets_later_starts_at_the_earliest(void **state)
{
    const place a = new_place(1);
    char early[100], late[100], pattern[100];
    weir_err err;
    kit_member member;

    (void)state;
    snprintf(early, sizeof(early), "%s.early", a.topic);
    snprintf(late, sizeof(late), "%s.late", a.topic);
    snprintf(pattern, sizeof(pattern), "^%s\\..*", a.topic);
    assert_int_equal(weir_broker_topic(kafka, early, 1, NULL, &err), WEIR_OK);
    kit_member_init(&member, a.brokers, pattern, a.group);
    assert_true(weir_opt_map_add(&member.queue.consumer,
                                 "topic.metadata.refresh.interval.ms", "300"));
    member.setup.start = WEIR_START_LATEST;
    member.is_many_topics = true;
    kit_member_open(&member);
    READ_UNTIL(&member, member.n_assigned_calls > 0);
    /* Written before the group knows of the topic: `latest` would pass them. */
    assert_int_equal(weir_broker_topic(kafka, late, 1, NULL, &err), WEIR_OK);
    kit_produce(a.brokers, late, 0, 5, 20);
    kit_member_read_until(&member, 5, true);
    kit_member_close(&member);
}

static void a_missing_topic_is_an_alarm_until_it_is_made(void **state)
{
    const place p = new_place(1);
    char topic[100];
    weir_err err;
    kit_member member;

    (void)state;
    snprintf(topic, sizeof(topic), "%s.later", p.topic);
    kit_member_init(&member, p.brokers, topic, p.group);
    kit_member_open(&member);
    READ_UNTIL(&member, member.trouble == WEIR_TROUBLE_MISSING);
    assert_int_equal(weir_broker_topic(kafka, topic, 1, NULL, &err), WEIR_OK);
    kit_produce(p.brokers, topic, 0, 3, 20);
    kit_member_read_until(&member, 3, true);
    assert_int_equal(member.trouble, WEIR_TROUBLE_NONE);
    kit_member_close(&member);
}

static void a_read_of_nothing_keeps_the_membership(void **state)
{
    const place p = new_place(1);
    kit_member member;

    (void)state;
    kit_produce(p.brokers, p.topic, 0, 500, 20);
    kit_member_init(&member, p.brokers, p.topic, p.group);
    assert_true(
        weir_opt_map_add(&member.queue.consumer, "max.poll.interval.ms", "6000"));
    kit_member_open(&member);
    READ_UNTIL(&member, member.n_events > 0);
    const int64_t until = kit_clock_ms() + 8000;

    while (kit_clock_ms() < until) {
        assert_int_equal(kit_member_read(&member, 0, 100), 0);
    }
    kit_member_read_until(&member, 500, true);
    assert_int_equal(member.n_assigned_calls, 1);
    assert_int_equal(member.n_lost_calls, 0);
    kit_member_close(&member);
}

static void
a_batch_that_cannot_be_read_stops_its_partition_until_it_is_skipped(void **state)
{
    const place p = new_place(2);
    kit_member member;
    weir_err err;

    (void)state;
    kit_produce(p.brokers, p.topic, 0, 5, 20);
    /* more than the reader unpacks */
    kit_produce_zstd(p.brokers, p.topic, 0, 8000000);
    kit_produce(p.brokers, p.topic, 0, 5, 20);
    kit_produce(p.brokers, p.topic, 1, 50, 20);
    kit_member_init(&member, p.brokers, p.topic, p.group);
    assert_true(weir_opt_map_add(&member.queue.consumer, "fetch.max.bytes", "1000000"));
    assert_true(weir_opt_map_add(&member.queue.consumer, "receive.message.max.bytes",
                                 "2000000"));
    kit_member_open(&member);
    READ_UNTIL(&member, member.part_trouble[0] == WEIR_TROUBLE_UNDECODABLE &&
                            member.n_events == 55);
    kit_member_ack_all(&member);
    kit_member_flush(&member);
    assert_int_equal(kit_committed(p.brokers, p.group, p.topic, 0), 5);
    assert_int_equal(
        weir_kafka_source.skip(member.self, p.topic, 0, (weir_pos){ .hi = 4 }, &err),
        WEIR_ENOENT);
    assert_int_equal(
        weir_kafka_source.skip(member.self, p.topic, 0, (weir_pos){ .hi = 5 }, &err),
        WEIR_OK);
    kit_member_read_until(&member, 60, true);
    assert_int_equal(kit_member_seen(&member, 0, 5), 0);
    assert_int_equal(kit_member_seen(&member, 0, 6), 1);
    assert_int_equal(member.part_trouble[0], WEIR_TROUBLE_NONE);
    kit_member_flush(&member);
    assert_int_equal(kit_committed(p.brokers, p.group, p.topic, 0), 11);
    kit_member_close(&member);
}

static void the_state_tells_lag_unfinished_events_and_membership(void **state)
{
    const place p = new_place(1);
    weir_source_stat stat;
    weir_part_stat part;
    kit_member member;

    (void)state;
    kit_produce(p.brokers, p.topic, 0, 40, 20);
    kit_member_init(&member, p.brokers, p.topic, p.group);
    kit_member_open(&member);
    assert_int_equal(weir_kafka_source.stat(member.self, &stat, &part, 1), 0);
    assert_false(stat.is_joined);
    kit_member_read_until(&member, 40, false);
    kit_member_ack(&member, 15);
    kit_member_flush(&member);
    READ_UNTIL(&member, weir_kafka_source.stat(member.self, &stat, &part, 1) == 1 &&
                            part.lag == 25);
    assert_true(stat.is_joined);
    assert_true(stat.n_commits >= 1);
    assert_int_equal(part.n_unacked, 25);
    assert_int_equal(part.committed.hi, 15);
    assert_true(part.lag_us >= 0);
    kit_member_ack_all(&member);
    kit_member_flush(&member);
    weir_kafka_source.stat(member.self, &stat, &part, 1);
    assert_int_equal(part.lag, 0);
    assert_int_equal(part.lag_us, 0);
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
        cmocka_unit_test(what_is_acked_is_committed_and_nothing_else),
        cmocka_unit_test(progress_is_committed_without_being_asked),
        cmocka_unit_test(keys_headers_times_and_tombstones_arrive_as_they_were_written),
        cmocka_unit_test(an_event_over_the_limit_is_marked_and_the_next_one_is_not),
        cmocka_unit_test(latest_begins_at_the_end_and_loses_nothing_before_a_crash),
        cmocka_unit_test(a_time_begins_at_the_first_event_of_that_time_or_at_the_end),
        cmocka_unit_test(a_group_that_needs_positions_and_has_none_is_refused),
        cmocka_unit_test(partitions_that_appear_later_start_at_the_earliest),
        cmocka_unit_test(a_position_that_retention_has_eaten_stops_its_partition_alone),
        cmocka_unit_test(
            a_lost_position_goes_on_at_the_earliest_where_that_is_asked_for),
        cmocka_unit_test(a_topic_that_was_made_anew_stops_with_an_alarm),
        cmocka_unit_test(a_pattern_finds_topics_but_never_results_or_dead_letters),
        cmocka_unit_test(a_topic_that_a_pattern_meets_later_starts_at_the_earliest),
        cmocka_unit_test(a_missing_topic_is_an_alarm_until_it_is_made),
        cmocka_unit_test(a_read_of_nothing_keeps_the_membership),
        cmocka_unit_test(
            a_batch_that_cannot_be_read_stops_its_partition_until_it_is_skipped),
        cmocka_unit_test(the_state_tells_lag_unfinished_events_and_membership),
    };

    return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
