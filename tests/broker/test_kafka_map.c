/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kafka_map - what is done above the position, from one owner of a partition to the next,
 * on a real broker: skipped where the log proves it, run again where anything is off.
 */
#include "tests/support/kafka_kit.h"

#include "triggers/ack_map.h"
#include "worker/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#undef skip /* cmocka's word for leaving a test; the contract has a call of that name */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOTAL 2000

static weir_broker *kafka;

/* A topic and a group of this test's own. */
typedef struct place {
    const char *brokers;
    char topic[80], group[80];
} place;

static void make_topic(const place *p, weir_broker *broker)
{
    weir_err err;

    if (weir_broker_topic(broker, p->topic, 1, NULL, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
}

static place new_place(weir_broker *broker)
{
    place p = { .brokers = weir_broker_address(broker) };

    weir_broker_name("map", p.topic, sizeof(p.topic));
    weir_broker_name("grp", p.group, sizeof(p.group));
    make_topic(&p, broker);
    return p;
}

/* Reads until the condition holds; fails after a minute. */
#define READ_UNTIL(member, condition)                                                  \
    for (int64_t until_ = kit_clock_ms() + 60000; !(condition);) {                     \
        assert_true(kit_clock_ms() < until_);                                          \
        kit_member_read((member), KIT_BATCH, 50);                                      \
    }

static weir_source_stat stat_of(kit_member *member)
{
    weir_source_stat stat;

    weir_kafka_source.stat(member->self, &stat, NULL, 0);
    return stat;
}

static void open_member(kit_member *member, const place *p)
{
    kit_member_init(member, p->brokers, p->topic, p->group);
    kit_member_open(member);
}

static bool is_one_of_three(int64_t offset)
{
    return offset == 0 || offset == 7 || offset == 500;
}

static bool is_none(int64_t offset)
{
    (void)offset;
    return false;
}

static bool is_odd(int64_t offset)
{
    return offset % 2 == 1;
}

static bool is_below_five(int64_t offset)
{
    return offset < 5;
}

/* A member reads TOTAL records, finishes those that are not kept, commits and goes. */
static void leave_open(const place *p, bool (*keeps)(int64_t offset))
{
    kit_member member;

    open_member(&member, p);
    kit_member_read_until(&member, TOTAL, false);
    kit_member_ack_but(&member, keeps);
    kit_member_flush(&member);
    kit_member_close(&member);
}

/* The topic goes and comes back with other records; the group's position is as it was, as
 * a broker that was away meanwhile would have it. */
static void make_anew(const place *p, int n)
{
    const int64_t offset = kit_committed(p->brokers, p->group, p->topic, 0);
    char *text = kit_metadata(p->brokers, p->group, p->topic, 0);

    kit_delete_topic(p->brokers, p->topic);
    make_topic(p, kafka);
    kit_produce(p->brokers, p->topic, 0, n, 20);
    kit_commit_text(p->brokers, p->group, p->topic, 0, offset, text);
    free(text);
}

/* What a new member is given up to the end is what is kept, and each of it once. */
static void expect_given(kit_member *member, bool (*keeps)(int64_t offset),
                         int64_t from)
{
    size_t n = 0;

    for (int64_t offset = 0; offset < TOTAL; offset++) {
        n += offset >= from && keeps(offset);
    }
    kit_member_read_until(member, n, false);
    READ_UNTIL(member, kit_member_read(member, KIT_BATCH, 200) == 0);
    for (int64_t offset = 0; offset < TOTAL; offset++) {
        assert_int_equal(kit_member_seen(member, 0, offset),
                         offset >= from && keeps(offset));
    }
}

static bool is_any(int64_t offset)
{
    (void)offset;
    return true;
}

/* ------------------------------------------------------------------------- hand-overs ---- */

static void hand_over(bool is_static)
{
    const place p = new_place(kafka);
    kit_member member;

    kit_produce(p.brokers, p.topic, 0, TOTAL, 20);
    for (int owner = 0; owner < 2; owner++) {
        kit_member_init(&member, p.brokers, p.topic, p.group);
        member.setup.is_static = is_static;
        kit_member_open(&member);
        if (owner == 0) {
            kit_member_read_until(&member, TOTAL, false);
            kit_member_ack_but(&member, is_one_of_three);
        } else {
            READ_UNTIL(&member, stat_of(&member).n_known_done >= TOTAL - 3);
            expect_given(&member, is_one_of_three, 0);
            assert_int_equal(stat_of(&member).n_known_done, TOTAL - 3);
            assert_int_equal(stat_of(&member).n_maps_ignored, 0);
            kit_member_ack_all(&member);
        }
        kit_member_flush(&member);
        assert_int_equal(kit_committed(p.brokers, p.group, p.topic, 0),
                         owner == 0 ? 0 : TOTAL);
        kit_member_close(&member);
    }
    /* And what comes later is not mistaken for anything. */
    kit_produce(p.brokers, p.topic, 0, 50, 20);
    open_member(&member, &p);
    kit_member_read_until(&member, 50, true);
    assert_int_equal(kit_member_seen(&member, 0, TOTAL), 1);
    assert_int_equal(stat_of(&member).n_known_done, 0);
    kit_member_close(&member);
}

static void only_what_was_unfinished_runs_again_after_a_hand_over(void **state)
{
    (void)state;
    hand_over(false);
}

static void a_static_member_finds_what_it_had_finished(void **state)
{
    (void)state;
    hand_over(true);
}

static void a_map_that_is_half_read_is_handed_on_whole(void **state)
{
    const place p = new_place(kafka);
    kit_member member;

    (void)state;
    kit_produce(p.brokers, p.topic, 0, TOTAL, 20);
    leave_open(&p, is_one_of_three);
    for (int i = 0; i < 3; i++) {
        /* Each reads a little further and finishes nothing. */
        open_member(&member, &p);
        while (member.n_events < (size_t)(i == 2 ? 1 : i + 1)) {
            kit_member_read(&member, 1, 50);
        }
        kit_member_flush(&member);
        kit_member_close(&member);
    }
    open_member(&member, &p);
    expect_given(&member, is_one_of_three, 0);
    kit_member_ack_all(&member);
    kit_member_flush(&member);
    assert_int_equal(kit_committed(p.brokers, p.group, p.topic, 0), TOTAL);
    kit_member_close(&member);
}

static void what_an_old_map_says_in_front_of_the_reader_stays_finished(void **state)
{
    const place p = new_place(kafka);
    kit_member member;

    (void)state;
    kit_produce(p.brokers, p.topic, 0, TOTAL, 20);
    leave_open(&p, is_one_of_three);
    open_member(&member, &p);
    while (member.n_events < 1) {
        kit_member_read(&member, 1, 50);
    }
    kit_member_ack_all(&member);
    kit_member_flush(&member);
    assert_int_equal(kit_committed(p.brokers, p.group, p.topic, 0), 7);
    kit_member_close(&member);
    open_member(&member, &p);
    expect_given(&member, is_one_of_three, 1);
    kit_member_ack_all(&member);
    kit_member_flush(&member);
    assert_int_equal(kit_committed(p.brokers, p.group, p.topic, 0), TOTAL);
    kit_member_close(&member);
}

static void another_member_that_joins_takes_the_map_over(void **state)
{
    const place p = { .brokers = weir_broker_address(kafka) };
    place two = p;
    kit_member first, second;
    weir_err err;

    (void)state;
    weir_broker_name("map", two.topic, sizeof(two.topic));
    weir_broker_name("grp", two.group, sizeof(two.group));
    assert_int_equal(weir_broker_topic(kafka, two.topic, 2, NULL, &err), WEIR_OK);
    kit_produce(two.brokers, two.topic, 0, TOTAL, 20);
    kit_produce(two.brokers, two.topic, 1, TOTAL, 20);
    open_member(&first, &two);
    kit_member_read_until(&first, 2 * TOTAL, false);
    kit_member_ack_but(&first, is_one_of_three);
    kit_member_init(&second, two.brokers, two.topic, two.group);
    second.setup.instance = "two";
    kit_member_open(&second);
    for (const int64_t until = kit_clock_ms() + 60000;
         kit_member_owned(&second) != 1 || kit_member_owned(&first) != 1 ||
         first.n_events + second.n_events + stat_of(&first).n_known_done +
                 stat_of(&second).n_known_done <
             4 * TOTAL;) {
        assert_true(kit_clock_ms() < until);
        kit_member_read(&first, KIT_BATCH, 20);
        kit_member_read(&second, KIT_BATCH, 20);
    }
    for (int i = 0; i < 10; i++) {
        kit_member_read(&first, KIT_BATCH, 20);
        kit_member_read(&second, KIT_BATCH, 20);
    }
    assert_int_equal(first.n_events + second.n_events, 2 * TOTAL + 6);
    assert_int_equal(stat_of(&first).n_known_done + stat_of(&second).n_known_done,
                     2 * (TOTAL - 3));
    kit_member_close(&first);
    kit_member_close(&second);
}

/* ---------------------------------------------------------------- what is not believed ---- */

static void a_position_without_metadata_works_as_ever(void **state)
{
    const place p = new_place(kafka);
    kit_member member;

    (void)state;
    kit_produce(p.brokers, p.topic, 0, TOTAL, 20);
    kit_commit(p.brokers, p.group, p.topic, 0, 5);
    open_member(&member, &p);
    expect_given(&member, is_any, 5);
    assert_int_equal(stat_of(&member).n_known_done, 0);
    assert_int_equal(stat_of(&member).n_maps_ignored, 0);
    kit_member_close(&member);
}

/* Everything from the position on is given, and one map is counted as ignored. */
static void expect_replay(const place *p, int64_t from)
{
    kit_member member;

    open_member(&member, p);
    expect_given(&member, is_any, from);
    assert_int_equal(stat_of(&member).n_known_done, 0);
    assert_int_equal(stat_of(&member).n_maps_ignored, 1);
    kit_member_close(&member);
}

static void metadata_of_another_tool_is_ignored(void **state)
{
    static const char *const texts[] = { "bG9jYWxob3N0OjkwOTI=", "weir9.AAAA",
                                         "weir1.AAAAAAAAAAAA" };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const place p = new_place(kafka);

        kit_produce(p.brokers, p.topic, 0, TOTAL, 20);
        kit_commit_text(p.brokers, p.group, p.topic, 0, 5, texts[i]);
        expect_replay(&p, 5);
    }
}

static void a_map_that_came_with_another_position_is_ignored(void **state)
{
    const place p = new_place(kafka);

    (void)state;
    kit_produce(p.brokers, p.topic, 0, TOTAL, 20);
    leave_open(&p, is_one_of_three);
    char *text = kit_metadata(p.brokers, p.group, p.topic, 0);

    kit_commit_text(p.brokers, p.group, p.topic, 0, 3, text);
    free(text);
    expect_replay(&p, 3);
}

static void a_map_whose_highest_record_is_another_one_is_ignored(void **state)
{
    const place p = new_place(kafka);
    static uint32_t runs[WEIR_ACK_MAP_MAX_RUNS];
    weir_ack_map map = { .runs = runs, .cap_runs = WEIR_ACK_MAP_MAX_RUNS };
    char made[WEIR_ACK_MAP_MAX_BYTES + 1];

    (void)state;
    kit_produce(p.brokers, p.topic, 0, TOTAL, 20);
    leave_open(&p, is_one_of_three);
    char *text = kit_metadata(p.brokers, p.group, p.topic, 0);

    assert_int_equal(weir_ack_map_decode(weir_slice_of(text), 0, &map), WEIR_ACK_OK);
    assert_int_equal(map.high.offset, TOTAL - 1);
    map.high.key_hash++;
    assert_true(weir_ack_map_encode(&map, WEIR_ACK_MAP_MAX_BYTES, made, NULL) > 0);
    kit_commit_text(p.brokers, p.group, p.topic, 0, 0, made);
    free(text);
    expect_replay(&p, 0);
}

static void a_map_whose_highest_record_is_beyond_the_end_is_ignored(void **state)
{
    const place p = new_place(kafka), shorter = new_place(kafka);

    (void)state;
    kit_produce(p.brokers, p.topic, 0, TOTAL, 20);
    leave_open(&p, is_one_of_three);
    char *text = kit_metadata(p.brokers, p.group, p.topic, 0);
    kit_member member;

    kit_produce(p.brokers, shorter.topic, 0, 100, 20);
    kit_commit_text(p.brokers, shorter.group, shorter.topic, 0, 0, text);
    free(text);
    open_member(&member, &shorter);
    kit_member_read_until(&member, 100, false);
    assert_int_equal(stat_of(&member).n_maps_ignored, 1);
    kit_member_close(&member);
}

static bool is_100(int64_t offset)
{
    return offset == 100;
}

static void a_map_is_ignored_where_the_record_before_it_was_trimmed(void **state)
{
    const place p = new_place(kafka);

    (void)state;
    kit_produce(p.brokers, p.topic, 0, TOTAL, 20);
    leave_open(&p, is_100);
    kit_trim(p.brokers, p.topic, 0, 100);
    expect_replay(&p, 100);
}

static void a_topic_made_anew_is_not_entered_in_the_middle(void **state)
{
    static bool (*const kept[])(int64_t) = { is_100, is_none };

    (void)state;
    for (int i = 0; i < 2; i++) { /* with and without something done above */
        const place p = new_place(kafka);
        kit_member member;

        kit_produce(p.brokers, p.topic, 0, TOTAL, 20);
        leave_open(&p, kept[i]);
        make_anew(&p, TOTAL + 500);
        open_member(&member, &p);
        READ_UNTIL(&member, member.part_trouble[0] == WEIR_TROUBLE_RECREATED);
        kit_member_read(&member, KIT_BATCH, 500);
        assert_int_equal(member.n_events, 0);
        assert_int_equal(stat_of(&member).n_known_done, 0);
        kit_member_close(&member);
        assert_int_equal(kit_committed(p.brokers, p.group, p.topic, 0),
                         i == 0 ? 100 : TOTAL);
    }
}

static void a_topic_made_anew_with_an_old_map_from_the_start_is_read_whole(void **state)
{
    const place p = new_place(kafka);

    (void)state;
    kit_produce(p.brokers, p.topic, 0, TOTAL, 20);
    leave_open(&p, is_below_five); /* nothing stands before the position */
    make_anew(&p, TOTAL);
    expect_replay(&p, 0);
}

/* ------------------------------------------------------------------------------- size ---- */

static void a_partition_waits_before_its_map_outgrows_the_limit(void **state)
{
    const place p = new_place(kafka);
    kit_member member, next;

    (void)state;
    kit_produce(p.brokers, p.topic, 0, TOTAL, 20);
    kit_produce(p.brokers, p.topic, 0, TOTAL * 4, 20);
    kit_member_init(&member, p.brokers, p.topic, p.group);
    member.queue.ack_map = 256;
    kit_member_open(&member);
    READ_UNTIL(&member, member.n_events > 0);
    while (kit_member_read(&member, KIT_BATCH, 500) > 0) {
        kit_member_ack_but(&member, is_odd); /* every second one stays */
    }
    assert_true(member.n_events > 200 && member.n_events < TOTAL);
    kit_member_flush(&member);

    /* Everything that was finished is in the map. */
    char *text = kit_metadata(p.brokers, p.group, p.topic, 0);
    static uint32_t runs[WEIR_ACK_MAP_MAX_RUNS];
    weir_ack_map map = { .runs = runs, .cap_runs = WEIR_ACK_MAP_MAX_RUNS };

    assert_true(strlen(text) <= 256);
    assert_int_equal(weir_ack_map_decode(weir_slice_of(text), 1, &map), WEIR_ACK_OK);
    for (int64_t offset = 2; offset < (int64_t)member.n_events; offset++) {
        assert_int_equal(weir_ack_map_next(&map, offset) > offset, !is_odd(offset));
    }
    free(text);

    /* It goes on as soon as there is room. */
    kit_member_ack_all(&member);
    kit_member_read_until(&member, (size_t)TOTAL * 5, true);
    for (int64_t offset = 0; offset < TOTAL * 5; offset++) {
        assert_int_equal(kit_member_seen(&member, 0, offset), 1);
    }
    kit_member_flush(&member);
    assert_int_equal(kit_committed(p.brokers, p.group, p.topic, 0), TOTAL * 5);
    kit_member_close(&member);
    open_member(&next, &p);
    READ_UNTIL(&next, kit_member_owned(&next) == 1);
    assert_int_equal(kit_member_read(&next, KIT_BATCH, 500), 0);
    kit_member_close(&next);
}

static void one_stuck_event_does_not_hold_its_partition(void **state)
{
    const place p = new_place(kafka);
    kit_member member;

    (void)state;
    kit_produce(p.brokers, p.topic, 0, 39000, 20);
    kit_member_init(&member, p.brokers, p.topic, p.group);
    member.queue.ack_map = 256;
    kit_member_open(&member);
    while (member.n_events < 39000) {
        kit_member_read(&member, KIT_BATCH, 1000);
        kit_member_ack_but(&member, is_one_of_three);
    }
    kit_member_flush(&member);
    kit_member_close(&member);
    open_member(&member, &p);
    READ_UNTIL(&member, stat_of(&member).n_known_done + member.n_events >= 39000);
    assert_int_equal(member.n_events, 3);
    assert_int_equal(stat_of(&member).n_known_done, 39000 - 3);
    kit_member_close(&member);
}

static void a_broker_that_takes_little_gets_little(void **state)
{
    weir_broker *small = NULL;
    weir_err err;

    (void)state;
    if (weir_broker_start_kafka(WEIR_KAFKA_NEW, "offset.metadata.max.bytes=600\n",
                                &small, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
    const place p = new_place(small);
    kit_member member;

    kit_produce(p.brokers, p.topic, 0, TOTAL * 4, 20);
    open_member(&member, &p);
    kit_member_read_until(&member, TOTAL * 4, false);
    kit_member_ack_but(&member, is_odd);
    kit_member_flush(&member);
    assert_int_equal(kit_committed(p.brokers, p.group, p.topic, 0), 1);
    char *text = kit_metadata(p.brokers, p.group, p.topic, 0);

    assert_true(strlen(text) > 256 && strlen(text) <= 600);
    free(text);
    kit_member_close(&member);
    weir_broker_free(small);
}

static void no_map_is_written_where_none_is_wanted(void **state)
{
    const place p = new_place(kafka);
    kit_member member;

    (void)state;
    kit_produce(p.brokers, p.topic, 0, TOTAL, 20);
    kit_member_init(&member, p.brokers, p.topic, p.group);
    member.queue.ack_map = 0;
    kit_member_open(&member);
    kit_member_read_until(&member, TOTAL, false);
    kit_member_ack_but(&member, is_100);
    kit_member_flush(&member);
    kit_member_close(&member);
    char *text = kit_metadata(p.brokers, p.group, p.topic, 0);

    assert_string_equal(text, "");
    free(text);
    open_member(&member, &p);
    expect_given(&member, is_any, 100);
    assert_int_equal(stat_of(&member).n_maps_ignored, 0);
    kit_member_close(&member);
}

static int start_kafka(void **state)
{
    weir_err err;

    (void)state;
    if (weir_broker_share_kafka(WEIR_KAFKA_NEW, &kafka, &err) != WEIR_OK) {
        fprintf(stderr, "%s\n", err.text);
        return -1;
    }
    return 0;
}

static int stop_kafka(void **state)
{
    (void)state;
    weir_broker_free(kafka);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_was_unfinished_runs_again_after_a_hand_over),
        cmocka_unit_test(a_static_member_finds_what_it_had_finished),
        cmocka_unit_test(a_map_that_is_half_read_is_handed_on_whole),
        cmocka_unit_test(what_an_old_map_says_in_front_of_the_reader_stays_finished),
        cmocka_unit_test(another_member_that_joins_takes_the_map_over),
        cmocka_unit_test(a_position_without_metadata_works_as_ever),
        cmocka_unit_test(metadata_of_another_tool_is_ignored),
        cmocka_unit_test(a_map_that_came_with_another_position_is_ignored),
        cmocka_unit_test(a_map_whose_highest_record_is_another_one_is_ignored),
        cmocka_unit_test(a_map_whose_highest_record_is_beyond_the_end_is_ignored),
        cmocka_unit_test(a_map_is_ignored_where_the_record_before_it_was_trimmed),
        cmocka_unit_test(a_topic_made_anew_is_not_entered_in_the_middle),
        cmocka_unit_test(
            a_topic_made_anew_with_an_old_map_from_the_start_is_read_whole),
        cmocka_unit_test(a_partition_waits_before_its_map_outgrows_the_limit),
        cmocka_unit_test(one_stuck_event_does_not_hold_its_partition),
        cmocka_unit_test(a_broker_that_takes_little_gets_little),
        cmocka_unit_test(no_map_is_written_where_none_is_wanted),
    };

    return cmocka_run_group_tests(tests, start_kafka, stop_kafka);
}
