/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kafka_group - two members of one group on a real broker: nothing is lost and no
 * position goes back, whatever the order of rebalances, completions and late acks.
 */
#include "tests/support/kafka_kit.h"

#include "triggers/kafka_state.h"
#include "worker/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

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

    weir_broker_name("grp", p.topic, sizeof(p.topic));
    weir_broker_name("grp", p.group, sizeof(p.group));
    if (weir_broker_topic(kafka, p.topic, n_partitions, NULL, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
    return p;
}

/* Both members live on one thread here: each polls in its turn. */
#define BOTH_UNTIL(a, b, condition)                                                    \
    for (int64_t until_ = kit_clock_ms() + 60000; !(condition);) {                     \
        assert_true(kit_clock_ms() < until_);                                          \
        kit_member_read((a), KIT_BATCH, 20);                                           \
        kit_member_read((b), KIT_BATCH, 20);                                           \
    }

/* assignor: 0 range, 1 cooperative-sticky. */
static void open_member_of(kit_member *member, const place *p, const char *instance,
                           int assignor)
{
    kit_member_init(member, p->brokers, p->topic, p->group);
    member->setup.instance = instance;
    member->setup.handover_us = 200000;
    member->setup.assignor = assignor;
    kit_member_open(member);
}

static void open_member(kit_member *member, const place *p, const char *instance)
{
    open_member_of(member, p, instance, 0);
}

static void a_member_that_lost_a_partition_cannot_move_its_position_back(void **state)
{
    const place p = new_place(2);
    kit_member one, two;

    (void)state;
    kit_produce(p.brokers, p.topic, 0, 200, 20);
    kit_produce(p.brokers, p.topic, 1, 200, 20);
    open_member(&one, &p, "one");
    kit_member_read_until(&one, 400, false);
    /* All of it is in functions of the first member when the second one comes. */
    open_member(&two, &p, "two");
    BOTH_UNTIL(&one, &two, kit_member_owned(&one) == 1 && kit_member_owned(&two) == 1);
    const int gone = one.parts[0].epoch == 0 ? 0 : 1;

    /* The first one reads what it kept again, in its new epoch. */
    BOTH_UNTIL(&one, &two, two.n_events >= 200 && one.n_events >= 600);
    kit_member_ack_all(&two);
    kit_member_flush(&two);
    assert_int_equal(kit_committed(p.brokers, p.group, p.topic, gone), 200);
    /* The first 50 of the partition that went are done only now, in the member that still
     * lives and still commits. */
    for (size_t i = 0; i < one.n_unacked; i++) {
        if (one.unacked[i].pos.hi < 50) {
            weir_kafka_source.ack(one.self, &one.unacked[i], 1);
        }
    }
    kit_member_flush(&one);
    assert_int_equal(kit_committed(p.brokers, p.group, p.topic, 1 - gone), 50);
    assert_int_equal(kit_committed(p.brokers, p.group, p.topic, gone), 200);
    kit_member_close(&two);
    kit_member_close(&one);
}

static void what_is_done_during_a_handover_is_not_done_again(void **state)
{
    const place p = new_place(2);
    kit_member one, two;

    (void)state;
    kit_produce(p.brokers, p.topic, 0, 100, 20);
    kit_produce(p.brokers, p.topic, 1, 100, 20);
    kit_member_init(&one, p.brokers, p.topic, p.group);
    one.acks_on_revoking = true;
    one.setup.commit_us = 3600000000;
    kit_member_open(&one);
    kit_member_read_until(&one, 200, false);
    open_member(&two, &p, "two");
    BOTH_UNTIL(&one, &two, kit_member_owned(&one) == 1 && kit_member_owned(&two) == 1);
    for (int i = 0; i < 20; i++) {
        kit_member_read(&two, KIT_BATCH, 20);
    }
    assert_int_equal(two.n_events, 0);
    assert_int_equal(one.n_revoking_calls, 1);
    assert_int_equal(kit_committed(p.brokers, p.group, p.topic, 0), 100);
    assert_int_equal(kit_committed(p.brokers, p.group, p.topic, 1), 100);
    kit_member_close(&two);
    kit_member_close(&one);
}

static void a_new_group_of_two_begins_at_the_end_in_both_members(void **state)
{
    const place p = new_place(8);
    kit_member one, two;

    (void)state;
    for (int i = 0; i < 8; i++) {
        kit_produce(p.brokers, p.topic, i, 20, 20);
    }
    for (size_t i = 0; i < 2; i++) {
        kit_member *member = i == 0 ? &one : &two;

        kit_member_init(member, p.brokers, p.topic, p.group);
        member->setup.instance = i == 0 ? "one" : "two";
        member->setup.start = WEIR_START_LATEST;
        kit_member_open(member);
    }
    BOTH_UNTIL(&one, &two, kit_member_owned(&one) + kit_member_owned(&two) == 8);
    for (int i = 0; i < 8; i++) {
        kit_produce(p.brokers, p.topic, i, 1, 20);
    }
    BOTH_UNTIL(&one, &two, one.n_events + two.n_events >= 8);
    for (int i = 0; i < 10; i++) {
        kit_member_read(&one, KIT_BATCH, 10);
        kit_member_read(&two, KIT_BATCH, 10);
    }
    assert_int_equal(one.n_events + two.n_events, 8);
    kit_member_close(&one);
    kit_member_close(&two);
}

/* A member with a bounded number of events in functions, which finish in a mixed order. */
static void work(kit_member *member, uint64_t *seed)
{
    kit_member_read(member, member->n_unacked < 300 ? 64 : 0, 5);
    const size_t n_open = member->n_unacked;

    for (size_t i = 0; i < (n_open + 2) / 3; i++) {
        *seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
        const size_t at = (size_t)(*seed >> 33) % member->n_unacked;
        const weir_receipt done = member->unacked[at];
        kit_done *all = member->look_arg;

        member->unacked[at] = member->unacked[--member->n_unacked];
        weir_kafka_source.ack(member->self, &done, 1);
        kit_done_add(all, member->partition_of[done.part], (int64_t)done.pos.hi);
    }
}

static void rebalance_under_load(int assignor)
{
    enum { PARTS = 4, EACH = 10000 };
    const place p = new_place(PARTS);
    kit_done done = { 0 };
    uint64_t seed = 42;
    kit_member stays, guest = { 0 };
    const int64_t until = kit_clock_ms() + 150000;
    int n_visits = 0;

    for (int i = 0; i < PARTS; i++) {
        kit_produce(p.brokers, p.topic, i, EACH, 50);
    }
    kit_done_init(&done, PARTS);
    open_member_of(&stays, &p, "stays", assignor);
    stays.look_arg = &done;
    while (done.n_different < PARTS * EACH) {
        assert_true(kit_clock_ms() < until);
        if (guest.self == NULL && n_visits < 4) {
            open_member_of(&guest, &p, "guest", assignor);
            guest.look_arg = &done;
            n_visits++;
        } else if (guest.self != NULL && guest.n_events > 500) {
            kit_member_close(&guest); /* goes with unfinished events */
        }
        work(&stays, &seed);
        if (guest.self != NULL) {
            work(&guest, &seed);
        }
    }
    if (guest.self != NULL) {
        kit_member_close(&guest);
    }
    kit_member_flush(&stays);
    kit_member_close(&stays);
    assert_true(n_visits >= 2);
    for (int i = 0; i < PARTS; i++) {
        const int64_t committed = kit_committed(p.brokers, p.group, p.topic, i);

        /* Something, and never past what somebody finished. */
        assert_in_range(committed, 1, EACH);
        for (int64_t o = 0; o < committed; o++) {
            assert_true(kit_done_has(&done, i, o));
        }
    }
    kit_done_fini(&done);
}

static void rebalances_under_load_lose_nothing(void **state)
{
    (void)state;
    rebalance_under_load(0);
}

/* Does this library have an assignor that moves partitions one by one? Where it has none,
 * a source with it does not open. */
static bool has_cooperative(const place *p)
{
    weir_kafka_caps caps;
    kit_member member;
    weir_err err = { 0 };

    weir_kafka_caps_get(&caps);
    if (caps.has_cooperative) {
        return true;
    }
    kit_member_init(&member, p->brokers, p->topic, p->group);
    member.setup.assignor = 1;
    void *self = calloc(1, weir_kafka_source.size);

    assert_non_null(self);
    assert_int_equal(weir_kafka_source.open(self, &member.setup, &err), WEIR_ECONFIG);
    assert_non_null(strstr(err.text, "cooperative-sticky"));
    free(self);
    kit_member_close(&member);
    return false;
}

static void cooperative_rebalances_under_load_lose_nothing(void **state)
{
    const place p = new_place(1);

    (void)state;
    if (has_cooperative(&p)) {
        rebalance_under_load(1);
    }
}

static void a_cooperative_member_goes_on_with_what_it_keeps(void **state)
{
    const place p = new_place(2);
    kit_member one, two;

    (void)state;
    if (!has_cooperative(&p)) {
        return;
    }
    kit_produce(p.brokers, p.topic, 0, 100, 20);
    kit_produce(p.brokers, p.topic, 1, 100, 20);
    open_member_of(&one, &p, "one", 1);
    kit_member_read_until(&one, 200, false);
    const weir_epoch before[2] = { one.parts[0], one.parts[1] };

    open_member_of(&two, &p, "two", 1);
    BOTH_UNTIL(&one, &two, kit_member_owned(&one) == 1 && kit_member_owned(&two) == 1);
    const int kept = one.parts[0].epoch != 0 ? 0 : 1;

    /* What it keeps was never revoked: its events are still its own, and count. */
    assert_int_equal(one.parts[kept].epoch, before[kept].epoch);
    BOTH_UNTIL(&one, &two, two.n_events >= 100);
    kit_member_ack_all(&one);
    kit_member_flush(&one);
    assert_int_equal(one.n_events, 200);
    assert_int_equal(kit_committed(p.brokers, p.group, p.topic, kept), 100);
    /* Of what went nothing was done in time: it is still at its start. */
    assert_int_equal(kit_committed(p.brokers, p.group, p.topic, 1 - kept), 0);
    /* When the other one goes, only its partition comes. */
    kit_member_close(&two);
    kit_member_read_until(&one, 300, true);
    assert_int_equal(kit_member_seen(&one, kept, 0), 1);
    assert_int_equal(kit_member_seen(&one, 1 - kept, 0), 2);
    kit_member_flush(&one);
    assert_int_equal(kit_committed(p.brokers, p.group, p.topic, 1 - kept), 100);
    kit_member_close(&one);
}

static void a_static_member_comes_back_to_its_partitions_unnoticed(void **state)
{
    const place p = new_place(2);
    kit_member one, two;

    (void)state;
    kit_produce(p.brokers, p.topic, 0, 10, 20);
    kit_produce(p.brokers, p.topic, 1, 10, 20);
    for (size_t i = 0; i < 2; i++) {
        kit_member *member = i == 0 ? &one : &two;

        kit_member_init(member, p.brokers, p.topic, p.group);
        member->setup.instance = i == 0 ? "one" : "two";
        member->setup.is_static = true;
        kit_member_open(member);
    }
    BOTH_UNTIL(&one, &two, kit_member_owned(&one) == 1 && kit_member_owned(&two) == 1);
    BOTH_UNTIL(&one, &two, one.n_events >= 10 && two.n_events >= 10);
    const int n_before = one.n_assigned_calls;

    kit_member_ack_all(&two);
    kit_member_close(&two);
    kit_member_init(&two, p.brokers, p.topic, p.group);
    two.setup.instance = "two";
    two.setup.is_static = true;
    kit_member_open(&two);
    BOTH_UNTIL(&one, &two, kit_member_owned(&two) == 1);
    assert_int_equal(one.n_assigned_calls, n_before);
    assert_int_equal(kit_member_owned(&one), 1);
    kit_member_close(&two);
    kit_member_close(&one);
}

static void a_fatal_error_makes_a_new_client_and_loses_nothing(void **state)
{
    const place p = new_place(1);
    kit_member member;

    (void)state;
    kit_produce(p.brokers, p.topic, 0, 100, 20);
    open_member(&member, &p, "one");
    kit_member_read_until(&member, 100, false);
    kit_member_ack(&member, 40);
    kit_member_flush(&member);
    weir_kafka_reader *reader = member.self;

    assert_int_equal(rd_kafka_test_fatal_error(reader->client->rk,
                                               RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID,
                                               "test"),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    for (int64_t until = kit_clock_ms() + 60000; member.n_lost_calls == 0;) {
        assert_true(kit_clock_ms() < until);
        kit_member_read(&member, KIT_BATCH, 50);
    }
    assert_int_equal(member.trouble, WEIR_TROUBLE_FATAL);
    kit_member_ack_all(&member); /* of an epoch that is over */
    kit_member_read_until(&member, 160, true);
    assert_int_equal(member.trouble, WEIR_TROUBLE_NONE);
    assert_int_equal(kit_member_seen(&member, 0, 39), 1);
    assert_int_equal(kit_member_seen(&member, 0, 40), 2);
    kit_member_flush(&member);
    assert_int_equal(kit_committed(p.brokers, p.group, p.topic, 0), 100);
    kit_member_close(&member);
}

static bool is_first_or_late(int64_t offset)
{
    return offset == 0 || offset >= 100;
}

static bool is_first(int64_t offset)
{
    return offset == 0;
}

/* A flush sends its own commit while another is on its way. If it fails, the answer to that
 * other one must not be taken for its own: what was done in between would be in no commit. */
static void an_answer_speaks_of_its_own_commit(void **state)
{
    const place p = new_place(1);
    kit_member member;

    (void)state;
    kit_produce(p.brokers, p.topic, 0, 200, 20);
    kit_member_init(&member, p.brokers, p.topic, p.group);
    member.setup.commit_us = 3600000000;
    kit_member_open(&member);
    kit_member_read_until(&member, 200, false);
    weir_kafka_reader *reader = member.self;

    kit_member_ack_but(&member, is_first_or_late);
    weir_kafka_group_commit(reader);
    assert_true(reader->is_commit_out);
    kit_member_ack_but(&member, is_first);
    reader->parts[0]->above_sent = 199; /* sent, and no answer came in time */
    for (const int64_t until = kit_clock_ms() + 60000; reader->is_commit_out;) {
        assert_true(kit_clock_ms() < until);
        kit_member_read(&member, 0, 20);
    }
    assert_int_equal(reader->parts[0]->above_committed, 99);
    const uint64_t n_commits = reader->n_commits;

    kit_member_flush(&member);
    assert_int_equal(reader->n_commits, n_commits + 1);
    assert_int_equal(reader->parts[0]->above_committed, 199);
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
        cmocka_unit_test(a_member_that_lost_a_partition_cannot_move_its_position_back),
        cmocka_unit_test(what_is_done_during_a_handover_is_not_done_again),
        cmocka_unit_test(a_new_group_of_two_begins_at_the_end_in_both_members),
        cmocka_unit_test(rebalances_under_load_lose_nothing),
        cmocka_unit_test(cooperative_rebalances_under_load_lose_nothing),
        cmocka_unit_test(a_cooperative_member_goes_on_with_what_it_keeps),
        cmocka_unit_test(a_static_member_comes_back_to_its_partitions_unnoticed),
        cmocka_unit_test(a_fatal_error_makes_a_new_client_and_loses_nothing),
        cmocka_unit_test(an_answer_speaks_of_its_own_commit),
    };

    return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
