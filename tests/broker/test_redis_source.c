/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* test_redis_source - what happens to entries when replicas, servers and streams go away. */
#include "tests/support/redis_world.h"
#include "triggers/redis_source.h"
#include "worker/base/clock.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants the ones above */
#include <cmocka.h>

#define SHORT_CLAIM_US 600000

/* -- tests -------------------------------------------------------------------------------- */

static void entries_of_a_killed_replica_are_taken_over_and_none_is_lost(void **state)
{
    world *w = *state;
    rig r;

    world_put(w, 0, 40);
    rig_init(&r, &w->queue, w->stream, w->group);
    r.setup.claim_after_us = SHORT_CLAIM_US;
    r.setup.instance = "dead";
    pid_t pid = replica_start(w, &r, 25);
    replica_kill(pid);
    r.setup.instance = "alive";
    rig_open(&r);
    rig_until(&r, 40);
    rig_each_once(&r, 0, 40);
    size_t n_again = 0;

    for (size_t i = 0; i < r.n_seen; i++) {
        assert_true(r.seen[i].n_delivered >= 1 && r.seen[i].n_delivered <= 2);
        n_again += r.seen[i].n_delivered == 2;
        rig_ack(&r, i);
    }
    assert_true(n_again >= 25);
    assert_int_equal(rig_again(&r, WEIR_AGAIN_RECLAIM), n_again);
    rig_flush(&r);
    assert_int_equal(world_pending(w), 0);
    rig_close(&r);
}

static void entries_of_a_crash_are_back_at_once_under_the_same_instance(void **state)
{
    world *w = *state;
    rig r;

    world_put(w, 0, 30);
    rig_init(&r, &w->queue, w->stream, w->group);
    replica_kill(replica_start(w, &r, 30));
    int64_t before_us = weir_clock_us();
    rig_open(&r);
    rig_until(&r, 30);
    assert_true(weir_clock_us() - before_us < r.setup.claim_after_us);
    rig_each_once(&r, 0, 30);
    for (size_t i = 0; i < 30; i++) {
        assert_int_equal(r.seen[i].n_delivered, 2);
    }
    assert_int_equal(rig_again(&r, WEIR_AGAIN_CRASH), 30);
    rig_close(&r);
}

static void fifty_reconnects_leave_a_running_entry_alone(void **state)
{
    world *w = *state;
    rig r;
    char words[200];
    int64_t times = 0;

    rig_init(&r, &w->queue, w->stream, w->group);
    world_put(w, 0, 1);
    rig_open(&r);
    rig_until(&r, 1);
    for (int i = 1; i <= 50; i++) {
        rig_do(w->conn, "CLIENT KILL TYPE normal SKIPME yes");
        world_put(w, i, 1);
        rig_until(&r, (size_t)i + 1);
        rig_ack(&r, (size_t)i);
    }
    rig_flush(&r);
    assert_int_equal(rig_count(&r, "0"), 1);
    (void)snprintf(words, sizeof(words), "XPENDING %s %s - + 10", w->stream, w->group);
    weir_redis_reply *reply = rig_ask(w->conn, words);
    assert_int_equal(reply->root->n, 1);
    assert_true(weir_redis_int(weir_redis_at(&reply->root->items[0], 3), &times));
    assert_int_equal(times, 1);
    weir_redis_reply_give(reply);
    rig_close(&r);
}

/* Time passes at the server: its clock says when a claim would have been due. */
typedef struct wait_state {
    world *w;
    rig *other;
    int64_t until_us;
} wait_state;

static bool time_is_up(void *arg)
{
    wait_state *wait = arg;

    (void)rig_read(wait->other, RIG_CAP, 1000);
    return weir_clock_us() >= wait->until_us;
}

static void an_entry_held_three_times_claim_after_is_not_taken_away(void **state)
{
    world *w = *state;
    rig a, b;

    rig_init(&a, &w->queue, w->stream, w->group);
    a.setup.claim_after_us = SHORT_CLAIM_US;
    a.setup.instance = "a";
    rig_init(&b, &w->queue, w->stream, w->group);
    b.setup.claim_after_us = SHORT_CLAIM_US;
    b.setup.instance = "b";
    world_put(w, 0, 50);
    rig_open(&a);
    rig_until(&a, 1); /* the rest is queued in the client, and held as well */
    size_t n = a.n_seen;
    rig_open(&b);
    wait_state wait = { w, &b, weir_clock_us() + 3 * SHORT_CLAIM_US };
    while (!time_is_up(&wait)) {
        (void)rig_read(&a, 0, 1000);
    }
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(rig_count(&b, a.seen[i].data), 0);
    }
    int64_t until_us = weir_clock_us() + RIG_HANG_US;
    while (a.n_seen + b.n_seen < 50 && weir_clock_us() < until_us) {
        (void)rig_read(&a, RIG_CAP, 5000);
        (void)rig_read(&b, RIG_CAP, 5000);
    }
    assert_int_equal(a.n_seen + b.n_seen, 50);
    rig_close(&a);
    rig_close(&b);
}

static void two_sources_of_one_instance_have_two_consumers(void **state)
{
    world *w = *state;
    rig a, b;
    char names[256];

    world_put(w, 0, 2);
    rig_init(&a, &w->queue, w->stream, w->group);
    rig_init(&b, &w->queue, w->stream, w->group);
    rig_open(&a);
    rig_until(&a, 2);
    rig_open(&b);
    while (b.n_assigned == 0) {
        (void)rig_read(&b, 0, 10000);
    }
    world_put(w, 2, 20);
    int64_t until_us = weir_clock_us() + RIG_HANG_US;
    for (names[0] = '\0';
         strstr(names, "one-1 ") == NULL && weir_clock_us() < until_us;) {
        (void)rig_read(&b, RIG_CAP, 10000);
        world_consumers(w, names, sizeof(names));
    }
    assert_non_null(strstr(names, "one-0 "));
    assert_non_null(strstr(names, "one-1 "));
    rig_close(&a);
    rig_close(&b);
}

static void a_clean_stop_leaves_no_consumer_and_no_lease(void **state)
{
    world *w = *state;
    rig r;
    char names[256];

    world_put(w, 0, 3);
    rig_init(&r, &w->queue, w->stream, w->group);
    rig_open(&r);
    rig_until(&r, 3);
    for (size_t i = 0; i < 3; i++) {
        rig_ack(&r, i);
    }
    rig_close(&r);
    world_consumers(w, names, sizeof(names));
    assert_string_equal(names, "");
    assert_int_equal(rig_number(w->conn, "KEYS weir:*"), 0);
}

static void what_a_stopping_replica_gives_back_is_taken_at_once(void **state)
{
    world *w = *state;
    rig a, b;

    world_put(w, 0, 20);
    rig_init(&a, &w->queue, w->stream, w->group);
    a.setup.instance = "a";
    rig_init(&b, &w->queue, w->stream, w->group);
    b.setup.instance = "b";
    rig_open(&a);
    rig_until(&a, 20);
    for (size_t i = 0; i < 20; i++) {
        weir_redis_source.giveback(a.self, &a.seen[i].receipt, 1);
    }
    rig_open(&b);
    int64_t until_us = weir_clock_us() + RIG_HANG_US;
    while (b.n_seen < 20 && weir_clock_us() < until_us) { /* claim_after is a minute */
        (void)rig_read(&a, 0, 1000);
        (void)rig_read(&b, RIG_CAP, 10000);
    }
    rig_each_once(&b, 0, 20);
    assert_int_equal(rig_again(&a, WEIR_AGAIN_REBALANCE), 0);
    assert_int_equal(rig_again(&b, WEIR_AGAIN_REBALANCE), 20);
    rig_close(&a);
    rig_close(&b);
}

static void a_group_that_vanishes_is_made_again_without_loss(void **state)
{
    world *w = *state;
    rig r;

    world_put(w, 0, 10);
    rig_init(&r, &w->queue, w->stream, w->group);
    rig_open(&r);
    rig_until(&r, 10);
    rig_do(w->conn, "XGROUP DESTROY %s %s", w->stream, w->group);
    world_put(w, 10, 10);
    while (rig_count(&r, "19") == 0) {
        rig_until(&r, r.n_seen + 1);
    }
    for (int i = 10; i < 20; i++) {
        char data[16];

        (void)snprintf(data, sizeof(data), "%d", i);
        assert_true(rig_count(&r, data) >= 1);
    }
    assert_true(r.n_troubles >= 1);
    rig_close(&r);
}

static void a_flushed_server_is_read_on_from_its_new_start(void **state)
{
    world *w = *state;
    rig r;

    world_put(w, 0, 10);
    rig_init(&r, &w->queue, w->stream, w->group);
    rig_open(&r);
    rig_until(&r, 10);
    for (size_t i = 0; i < 10; i++) {
        rig_ack(&r, i);
    }
    rig_flush(&r);
    rig_do(w->conn, "FLUSHALL");
    world_put(w, 100, 10);
    rig_until(&r, 20);
    rig_each_once(&r, 100, 10);
    assert_true(r.n_troubles <= 3); /* an alarm, no storm */
    rig_close(&r);
}

static void a_stream_that_is_deleted_or_no_stream_holds_no_other(void **state)
{
    world *w = *state;
    rig r;
    char other[100];
    char wrong[100];

    (void)snprintf(other, sizeof(other), "%s.other", w->stream);
    (void)snprintf(wrong, sizeof(wrong), "%s.wrong", w->stream);
    rig_do(w->conn, "SET %s text", wrong);
    world_put(w, 0, 5);
    rig_init(&r, &w->queue, w->stream, w->group);
    r.topics[1] = other;
    r.topics[2] = wrong;
    r.setup.n_topics = 3;
    rig_open(&r);
    rig_until(&r, 5);
    rig_do(w->conn, "DEL %s", other);
    for (int i = 5; i < 50; i++) {
        world_put(w, i, 1);
        rig_until(&r, (size_t)i + 1);
    }
    rig_each_once(&r, 0, 50);
    rig_do(w->conn, "XADD %s * data back", other);
    rig_until(&r, 51);
    assert_int_equal(rig_count(&r, "back"), 1);
    rig_close(&r);
}

/* Reads until the source has counted n trimmed entries. */
static void until_trimmed(rig *r, weir_source_stat *stat, uint64_t n)
{
    int64_t until_us = weir_clock_us() + RIG_HANG_US;

    while (stat->n_trimmed < n && weir_clock_us() < until_us) {
        (void)rig_read(r, RIG_CAP, 10000);
        weir_redis_source.stat(r->self, stat, NULL, 0);
    }
    assert_int_equal(stat->n_trimmed, n);
}

static void streams_that_are_stuck_leave_room_for_the_last(void **state)
{
    world *w = *state;
    char names[6][100];
    rig r;

    rig_init(&r, &w->queue, w->stream, w->group);
    for (int i = 0; i < 6; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "%s.%d", w->stream, i);
        r.topics[i] = names[i];
    }
    r.setup.n_topics = 6;
    r.setup.concurrency = 8; /* a window of 64 for all of them */
    for (int i = 0; i < 200; i++) {
        rig_do(w->conn, "XADD %s * data stuck", names[i % 5]);
    }
    rig_open(&r);
    rig_until(&r, 64); /* and nothing of it is ever finished */
    for (int i = 0; i < 50; i++) {
        rig_do(w->conn, "XADD %s * data free", names[5]);
    }
    size_t n_acked = 0;
    int64_t until_us = weir_clock_us() + RIG_HANG_US;
    while (rig_count(&r, "free") < 50 && weir_clock_us() < until_us) {
        (void)rig_read(&r, RIG_CAP, 10000);
        for (; n_acked < r.n_seen; n_acked++) {
            if (strcmp(r.seen[n_acked].data, "free") == 0) {
                rig_ack(&r, n_acked);
            }
        }
    }
    assert_int_equal(rig_count(&r, "free"), 50);
    assert_true(rig_count(&r, "stuck") <= 128);
    rig_close(&r);
}

static void trimmed_entries_are_acknowledged_and_counted(void **state)
{
    world *w = *state;
    rig r;
    weir_source_stat stat = { .n_trimmed = 0 };

    world_put(w, 0, 30);
    rig_init(&r, &w->queue, w->stream, w->group);
    replica_kill(replica_start(w, &r, 30));
    rig_do(w->conn, "XTRIM %s MAXLEN 12", w->stream);
    rig_open(&r);
    rig_until(&r, 12);
    rig_each_once(&r, 18, 12);
    until_trimmed(&r, &stat, 18);
    for (size_t i = 0; i < 12; i++) {
        rig_ack(&r, i);
    }
    rig_flush(&r);
    assert_int_equal(world_pending(w), 0);
    rig_close(&r);
}

static void trimmed_entries_of_another_replica_are_counted_too(void **state)
{
    world *w = *state;
    rig r;
    weir_source_stat stat = { .n_trimmed = 0 };

    world_put(w, 0, 30);
    rig_init(&r, &w->queue, w->stream, w->group);
    r.setup.claim_after_us = SHORT_CLAIM_US;
    r.setup.instance = "dead";
    replica_kill(replica_start(w, &r, 30));
    rig_do(w->conn, "XTRIM %s MAXLEN 12", w->stream);
    r.setup.instance = "alive";
    rig_open(&r);
    rig_until(&r, 12);
    until_trimmed(&r, &stat, 18);
    rig_each_once(&r, 18, 12);
    rig_close(&r);
}

static void a_restart_of_the_server_loses_nothing(void **state)
{
    world *w = *state;
    rig r;
    weir_err err = { 0 };

    world_put(w, 0, 20);
    rig_init(&r, &w->queue, w->stream, w->group);
    rig_open(&r);
    rig_until(&r, 20);
    assert_int_equal(weir_broker_kill(w->broker, &err), WEIR_OK);
    for (size_t i = 0; i < 10; i++) {
        rig_ack(&r, i); /* nobody is there to hear it yet */
    }
    while (r.trouble != WEIR_TROUBLE_UNREACHABLE) {
        (void)rig_read(&r, RIG_CAP, 10000);
    }
    assert_int_equal(weir_broker_start(w->broker, &err), WEIR_OK);
    weir_redis_conn_free(w->conn);
    w->conn = rig_conn(&w->queue);
    world_put(w, 20, 20);
    rig_until(&r, 40);
    rig_each_once(&r, 0, 40);
    rig_flush(&r);
    assert_int_equal(world_pending(w), 30);
    assert_int_equal(r.trouble, WEIR_TROUBLE_NONE);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD(entries_of_a_killed_replica_are_taken_over_and_none_is_lost),
        WORLD(entries_of_a_crash_are_back_at_once_under_the_same_instance),
        WORLD(fifty_reconnects_leave_a_running_entry_alone),
        WORLD(an_entry_held_three_times_claim_after_is_not_taken_away),
        WORLD(two_sources_of_one_instance_have_two_consumers),
        WORLD(a_clean_stop_leaves_no_consumer_and_no_lease),
        WORLD(what_a_stopping_replica_gives_back_is_taken_at_once),
        WORLD(a_group_that_vanishes_is_made_again_without_loss),
        WORLD(a_flushed_server_is_read_on_from_its_new_start),
        WORLD(a_stream_that_is_deleted_or_no_stream_holds_no_other),
        WORLD(streams_that_are_stuck_leave_room_for_the_last),
        WORLD(trimmed_entries_are_acknowledged_and_counted),
        WORLD(trimmed_entries_of_another_replica_are_counted_too),
        cmocka_unit_test_setup_teardown(a_restart_of_the_server_loses_nothing,
                                        world_begin_durable, world_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
