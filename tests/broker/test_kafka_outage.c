/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kafka_outage - brokers that are away: at start, in the middle, and at the end.
 */
#include "tests/support/kafka_kit.h"
#include "triggers/kafka_admin.h"
#include "triggers/kafka_sink.h"
#include "worker/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static weir_broker *kafka;

typedef struct place {
    const char *brokers;
    char topic[80], group[80];
} place;

static place new_place(int n_partitions)
{
    place p = { .brokers = weir_broker_address(kafka) };
    weir_err err;

    weir_broker_name("out", p.topic, sizeof(p.topic));
    weir_broker_name("out", p.group, sizeof(p.group));
    if (weir_broker_topic(kafka, p.topic, n_partitions, NULL, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
    return p;
}

#define READ_UNTIL(member, condition)                                                  \
    for (int64_t until_ = kit_clock_ms() + 90000; !(condition);) {                     \
        assert_true(kit_clock_ms() < until_);                                          \
        kit_member_read((member), KIT_BATCH, 50);                                      \
    }

static void a_broker_that_is_down_at_start_is_waited_for(void **state)
{
    const place p = new_place(1);
    weir_err err;
    kit_member member;

    (void)state;
    kit_produce(p.brokers, p.topic, 0, 10, 20);
    assert_int_equal(weir_broker_stop(kafka, &err), WEIR_OK);
    kit_member_init(&member, p.brokers, p.topic, p.group);
    kit_member_open(&member);
    READ_UNTIL(&member, member.trouble == WEIR_TROUBLE_UNREACHABLE);
    assert_int_equal(weir_broker_start(kafka, &err), WEIR_OK);
    kit_member_read_until(&member, 10, true);
    READ_UNTIL(&member, member.trouble == WEIR_TROUBLE_NONE);
    kit_member_flush(&member);
    assert_int_equal(kit_committed(p.brokers, p.group, p.topic, 0), 10);
    kit_member_close(&member);
}

static void a_broker_that_is_restarted_in_the_middle_costs_nothing(void **state)
{
    const place p = new_place(2);
    weir_err err;
    kit_member member;

    (void)state;
    kit_produce(p.brokers, p.topic, 0, 500, 20);
    kit_produce(p.brokers, p.topic, 1, 500, 20);
    kit_member_init(&member, p.brokers, p.topic, p.group);
    kit_member_open(&member);
    kit_member_read_until(&member, 200, true);
    assert_int_equal(weir_broker_kill(kafka, &err), WEIR_OK);
    READ_UNTIL(&member, member.trouble == WEIR_TROUBLE_UNREACHABLE);
    kit_member_ack_all(&member);
    assert_int_equal(weir_broker_start(kafka, &err), WEIR_OK);
    kit_produce(p.brokers, p.topic, 0, 500, 20);
    /* Its session may have ended meanwhile: then what was not committed comes again. */
    for (int64_t until = kit_clock_ms() + 90000;
         kit_committed(p.brokers, p.group, p.topic, 0) < 1000 ||
         kit_committed(p.brokers, p.group, p.topic, 1) < 500;) {
        assert_true(kit_clock_ms() < until);
        kit_member_read(&member, KIT_BATCH, 100);
        kit_member_ack_all(&member);
    }
    READ_UNTIL(&member, member.trouble == WEIR_TROUBLE_NONE);
    for (int i = 0; i < 1000; i++) {
        assert_true(kit_member_seen(&member, 0, i) >= 1);
        assert_true(i >= 500 || kit_member_seen(&member, 1, i) >= 1);
    }
    assert_int_equal(kit_committed(p.brokers, p.group, p.topic, 0), 1000);
    assert_int_equal(kit_committed(p.brokers, p.group, p.topic, 1), 500);
    kit_member_close(&member);
}

typedef struct answers {
    atomic_int n, n_ok, n_again;
} answers;

static void answered(void *arg, const weir_sent_result *results, size_t n)
{
    answers *a = arg;

    for (size_t i = 0; i < n; i++) {
        atomic_fetch_add(results[i].sent == WEIR_SENT_OK ? &a->n_ok : &a->n_again, 1);
    }
    atomic_fetch_add(&a->n, (int)n);
}

/* A sink and 50 outputs of it. */
typedef struct sink_rig {
    weir_kafka_queue queue;
    weir_sink_setup setup;
    void *self;
    answers answers;
    weir_out outs[50];
} sink_rig;

static void sink_open(sink_rig *r, const char *topic)
{
    void *target;

    *r = (sink_rig){ .queue = { .brokers = strdup(weir_broker_address(kafka)) } };
    r->setup = (weir_sink_setup){ .queue = &r->queue,
                                  .queue_name = "kafka",
                                  .service = "test",
                                  .instance = "one",
                                  .max_bytes = 8 << 20,
                                  .max_record = 1 << 20,
                                  .done = answered,
                                  .arg = &r->answers };
    r->self = calloc(1, weir_kafka_sink.size);
    assert_non_null(r->self);
    assert_int_equal(weir_kafka_sink.open(r->self, &r->setup, NULL), WEIR_OK);
    assert_int_equal(weir_kafka_sink.target(r->self, topic, &target, NULL), WEIR_OK);
    for (size_t i = 0; i < 50; i++) {
        r->outs[i] = (weir_out){ .target = target,
                                 .key = WEIR_SLICE_LIT("k"),
                                 .data = WEIR_SLICE_LIT("data"),
                                 .partition = -1,
                                 .time_ms = -1 };
    }
}

/* Sends [from, to); those that are not taken within the time stay unsent. Returns how many
 * were taken. */
static int sink_send(sink_rig *r, int from, int to, int for_ms)
{
    const int64_t until = kit_clock_ms() + for_ms;
    int n = from;

    while (n < to && kit_clock_ms() < until) {
        weir_out *out = &r->outs[n];

        n += (int)weir_kafka_sink.send(r->self, &out, 1);
    }
    return n - from;
}

static void sink_free(sink_rig *r)
{
    weir_opt_fini(weir_kafka_queue_opts, &r->queue);
    free(r->self);
}

static void outputs_outlive_an_outage_of_the_broker(void **state)
{
    const place p = new_place(1);
    weir_err err;
    sink_rig r;

    (void)state;
    sink_open(&r, p.topic);
    assert_int_equal(sink_send(&r, 0, 10, 30000), 10);
    assert_int_equal(weir_kafka_sink.flush(r.self, weir_clock_us() + 30000000),
                     WEIR_OK);
    assert_int_equal(weir_broker_kill(kafka, &err), WEIR_OK);
    assert_int_equal(sink_send(&r, 10, 50, 5000), 40);
    assert_int_equal(weir_kafka_sink.flush(r.self, weir_clock_us() + 1000000),
                     WEIR_ETIMEOUT);
    assert_int_equal(weir_broker_start(kafka, &err), WEIR_OK);
    assert_int_equal(weir_kafka_sink.flush(r.self, weir_clock_us() + 60000000),
                     WEIR_OK);
    assert_int_equal(r.answers.n_ok, 50);
    assert_int_equal(kit_read(p.brokers, p.topic, NULL, NULL), 50);
    assert_true(weir_kafka_sink.close(r.self, weir_clock_us() + 10000000));
    sink_free(&r);
}

static void a_close_without_a_broker_answers_every_output_and_ends(void **state)
{
    const place p = new_place(1);
    weir_err err;
    sink_rig r;

    (void)state;
    sink_open(&r, p.topic);
    assert_int_equal(sink_send(&r, 0, 10, 30000), 10);
    assert_int_equal(weir_kafka_sink.flush(r.self, weir_clock_us() + 30000000),
                     WEIR_OK);
    assert_int_equal(weir_broker_stop(kafka, &err), WEIR_OK);
    assert_int_equal(sink_send(&r, 10, 50, 5000), 40);
    const int64_t begun = kit_clock_ms();

    assert_true(weir_kafka_sink.close(r.self, weir_clock_us() + 20000000));
    assert_true(kit_clock_ms() - begun < 20000);
    assert_int_equal(r.answers.n, 50);
    assert_int_equal(r.answers.n_again, 40);
    sink_free(&r);
    assert_int_equal(weir_broker_start(kafka, &err), WEIR_OK);
}

static void a_source_closes_in_time_without_a_broker(void **state)
{
    const place p = new_place(1);
    weir_err err;
    kit_member member;

    (void)state;
    kit_produce(p.brokers, p.topic, 0, 10, 20);
    kit_member_init(&member, p.brokers, p.topic, p.group);
    kit_member_open(&member);
    kit_member_read_until(&member, 10, false);
    assert_int_equal(weir_broker_stop(kafka, &err), WEIR_OK);
    kit_member_ack_all(&member);
    const int64_t begun = kit_clock_ms();

    kit_member_close(&member); /* asserts that it ends within 30 s */
    assert_true(kit_clock_ms() - begun < 30000);
    assert_int_equal(weir_broker_start(kafka, &err), WEIR_OK);
}

static void questions_about_topics_and_groups_are_answered(void **state)
{
    const place p = new_place(3);
    const weir_kafka_queue queue = { .brokers = (char *)(uintptr_t)p.brokers };
    char other[100], pattern[100];
    weir_kafka_admin *admin = NULL;
    weir_kafka_topic_info topic;
    weir_kafka_group_info group;
    weir_opt_list found = { 0 };

    (void)state;
    snprintf(other, sizeof(other), "%s.dead", p.topic);
    snprintf(pattern, sizeof(pattern), "^%s.*", p.topic);
    for (int i = 0; i < 3; i++) {
        kit_produce(p.brokers, p.topic, i, 100, 20);
    }
    kit_trim(p.brokers, p.topic, 2, 20);
    assert_int_equal(weir_kafka_admin_open(&queue, "test", &admin, NULL), WEIR_OK);
    assert_int_equal(weir_kafka_admin_topic(admin, p.topic, 10000, &topic, NULL),
                     WEIR_OK);
    assert_int_equal(topic.n_partitions, 3);
    assert_int_equal(topic.replication, 1);
    assert_int_equal(topic.max_message_bytes, 1048588);
    assert_int_equal(weir_kafka_admin_topic(admin, other, 10000, &topic, NULL),
                     WEIR_ENOENT);
    topic = (weir_kafka_topic_info){ .n_partitions = 3,
                                     .replication = 1,
                                     .max_message_bytes = 7777 };
    assert_int_equal(weir_kafka_admin_create(admin, other, &topic, 10000, NULL),
                     WEIR_OK);
    assert_int_equal(weir_kafka_admin_create(admin, other, &topic, 10000, NULL),
                     WEIR_OK);
    assert_int_equal(weir_kafka_admin_topic(admin, other, 10000, &topic, NULL),
                     WEIR_OK);
    assert_int_equal(topic.n_partitions, 3);
    assert_int_equal(topic.max_message_bytes, 7777);
    assert_int_equal(weir_kafka_admin_match(admin, pattern, 10000, &found, NULL),
                     WEIR_OK);
    assert_int_equal(found.n, 2);
    assert_string_equal(found.items[1], other);
    weir_opt_list_fini(&found);

    assert_int_equal(weir_kafka_admin_group(admin, p.group, p.topic,
                                            WEIR_START_EARLIEST, 0, 10000, &group,
                                            NULL),
                     WEIR_OK);
    assert_int_equal(group.n_partitions, 3);
    assert_int_equal(group.n_committed, 0);
    assert_int_equal(group.n_start, 280);
    assert_int_equal(group.n_members, 0);
    kit_commit(p.brokers, p.group, p.topic, 0, 40);
    kit_commit(p.brokers, p.group, p.topic, 1, 400);
    kit_commit(p.brokers, p.group, p.topic, 2, 10);
    assert_int_equal(weir_kafka_admin_group(admin, p.group, p.topic, WEIR_START_LATEST,
                                            0, 10000, &group, NULL),
                     WEIR_OK);
    assert_int_equal(group.n_committed, 3);
    assert_int_equal(group.lag, 60 + 0 + 80);
    assert_int_equal(group.n_start, 0);
    assert_int_equal(group.n_lost, 1);
    assert_int_equal(group.n_beyond, 1);
    weir_kafka_admin_close(admin);
}

static void a_group_with_members_is_told_from_one_without(void **state)
{
    const place p = new_place(1);
    const weir_kafka_queue queue = { .brokers = (char *)(uintptr_t)p.brokers };
    weir_kafka_admin *admin = NULL;
    weir_kafka_group_info group;
    kit_member member;

    (void)state;
    kit_member_init(&member, p.brokers, p.topic, p.group);
    kit_member_open(&member);
    READ_UNTIL(&member, kit_member_owned(&member) == 1);
    assert_int_equal(weir_kafka_admin_open(&queue, "test", &admin, NULL), WEIR_OK);
    assert_int_equal(weir_kafka_admin_group(admin, p.group, p.topic,
                                            WEIR_START_EARLIEST, 0, 10000, &group,
                                            NULL),
                     WEIR_OK);
    assert_int_equal(group.n_members, 1);
    assert_int_equal(group.n_committed, 1);
    kit_member_close(&member);
    weir_kafka_admin_close(admin);
}

static int setup_group(void **state)
{
    weir_err err;

    (void)state;
    /* One that may be stopped; the older line of brokers, so that both are used. */
    if (weir_broker_start_kafka(WEIR_KAFKA_OLD, NULL, &kafka, &err) != WEIR_OK) {
        print_error("%s\n", err.text);
        return -1;
    }
    return 0;
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
        cmocka_unit_test(questions_about_topics_and_groups_are_answered),
        cmocka_unit_test(a_group_with_members_is_told_from_one_without),
        cmocka_unit_test(a_broker_that_is_down_at_start_is_waited_for),
        cmocka_unit_test(a_broker_that_is_restarted_in_the_middle_costs_nothing),
        cmocka_unit_test(outputs_outlive_an_outage_of_the_broker),
        cmocka_unit_test(a_close_without_a_broker_answers_every_output_and_ends),
        cmocka_unit_test(a_source_closes_in_time_without_a_broker),
    };

    return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
