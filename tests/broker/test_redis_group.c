/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* test_redis_group - leases, consumers and the start of a group on Redis. */
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

static void
a_standby_takes_the_lease_of_a_killed_replica_and_its_entries_in_order(void **state)
{
    world *w = *state;
    weir_source_stat stat = { .is_standby = false };
    rig r;

    world_put(w, 0, 20);
    rig_init(&r, &w->queue, w->stream, w->group);
    r.setup.is_single = true;
    r.setup.claim_after_us = 2000000;
    r.setup.instance = "first";
    pid_t pid = replica_start(w, &r, 8);
    r.setup.instance = "second";
    rig_open(&r);
    int64_t until_us = weir_clock_us() + RIG_HANG_US;
    while ((!stat.is_standby || !stat.is_joined) && weir_clock_us() < until_us) {
        (void)rig_read(&r, RIG_CAP, 10000);
        weir_redis_source.stat(r.self, &stat, NULL, 0);
    }
    assert_true(stat.is_standby && stat.is_joined);
    assert_int_equal(r.n_assigned, 0);
    assert_int_equal(r.n_seen, 0);
    replica_kill(pid);
    rig_until(&r, 20);
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(atoi(r.seen[i].data), (int)i);
    }
    rig_close(&r);
}

static void a_replica_whose_lease_is_taken_loses_its_parts(void **state)
{
    world *w = *state;
    rig r;

    world_put(w, 0, 5);
    rig_init(&r, &w->queue, w->stream, w->group);
    r.setup.is_single = true;
    r.setup.claim_after_us = 2000000;
    rig_open(&r);
    rig_until(&r, 5);
    rig_do(w->conn, "SET weir:%s:%s:single somebody PX 1500", w->group, w->stream);
    int64_t until_us = weir_clock_us() + RIG_HANG_US;
    while (r.n_lost == 0 && weir_clock_us() < until_us) {
        (void)rig_read(&r, RIG_CAP, 10000);
    }
    assert_int_equal(r.n_lost, 1);
    for (size_t i = 0; i < 5; i++) {
        rig_ack(&r, i); /* of an epoch that is over */
    }
    rig_until(&r, 10); /* the lease of nobody ends, and they come again */
    assert_int_equal(r.n_assigned, 2);
    assert_int_equal(world_pending(w), 5);
    assert_int_equal(rig_again(&r, WEIR_AGAIN_RECONNECT), 5);
    rig_close(&r);
}

static void silent_consumers_go_and_those_with_pending_entries_stay(void **state)
{
    world *w = *state;
    rig r;
    char names[256];

    world_put(w, 0, 2);
    rig_do(w->conn, "XGROUP CREATE %s %s 0", w->stream, w->group);
    rig_do(w->conn, "XGROUP CREATECONSUMER %s %s empty", w->stream, w->group);
    rig_do(w->conn, "XREADGROUP GROUP %s full COUNT 1 STREAMS %s >", w->group,
           w->stream);
    rig_init(&r, &w->queue, w->stream, w->group);
    r.setup.claim_after_us = SHORT_CLAIM_US;
    rig_open(&r);
    rig_until(&r, 1);
    world_consumers(w, names, sizeof(names));
    assert_non_null(strstr(names, "full "));
    int64_t until_us = weir_clock_us() + RIG_HANG_US;
    while (strstr(names, "empty ") != NULL && weir_clock_us() < until_us) {
        (void)rig_read(&r, 0, 10000); /* without room nothing is claimed */
        world_consumers(w, names, sizeof(names));
    }
    assert_null(strstr(names, "empty "));
    rig_until(&r,
              2); /* what was pending for the silent one came here, not to nothing */
    rig_each_once(&r, 0, 2);
    rig_close(&r);
}

static void a_new_group_starts_where_it_is_told(void **state)
{
    world *w = *state;
    static const struct {
        weir_start start;
        size_t n;
    } cases[] = { { WEIR_START_EARLIEST, 3 },
                  { WEIR_START_TIME, 2 },
                  { WEIR_START_LATEST, 1 } };

    rig_do(w->conn, "XADD %s 1000-0 data 0", w->stream);
    rig_do(w->conn, "XADD %s 2000-0 data 1", w->stream);
    for (size_t i = 0; i < 3; i++) {
        rig r;

        weir_broker_name("group", w->group, sizeof(w->group));
        rig_init(&r, &w->queue, w->stream, w->group);
        r.setup.start = cases[i].start;
        r.setup.start_ms = 2000;
        rig_open(&r);
        while (r.n_assigned == 0) {
            (void)rig_read(&r, 0, 10000);
        }
        rig_do(w->conn, "XADD %s 3000-%zu data 2", w->stream, i + 1);
        rig_until(&r, cases[i].n);
        assert_string_equal(r.seen[r.n_seen - 1].data, "2");
        assert_int_equal(rig_count(&r, "0"), cases[i].start == WEIR_START_EARLIEST);
        assert_int_equal(rig_count(&r, "1"), cases[i].start != WEIR_START_LATEST);
        rig_close(&r);
        rig_do(w->conn, "XTRIM %s MAXLEN 2", w->stream);
        rig_do(w->conn, "DEL %s", w->stream);
        rig_do(w->conn, "XADD %s 1000-0 data 0", w->stream);
        rig_do(w->conn, "XADD %s 2000-0 data 1", w->stream);
    }
}

static void a_start_at_committed_without_a_group_is_told(void **state)
{
    world *w = *state;
    rig r;

    world_put(w, 0, 1);
    rig_init(&r, &w->queue, w->stream, w->group);
    r.setup.start = WEIR_START_COMMITTED;
    rig_open(&r);
    int64_t until_us = weir_clock_us() + RIG_HANG_US;
    while (r.trouble != WEIR_TROUBLE_NO_POSITION && weir_clock_us() < until_us) {
        (void)rig_read(&r, RIG_CAP, 10000);
    }
    assert_int_equal(r.trouble, WEIR_TROUBLE_NO_POSITION);
    assert_int_equal(r.n_seen, 0);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD(a_standby_takes_the_lease_of_a_killed_replica_and_its_entries_in_order),
        WORLD(a_replica_whose_lease_is_taken_loses_its_parts),
        WORLD(silent_consumers_go_and_those_with_pending_entries_stay),
        WORLD(a_new_group_starts_where_it_is_told),
        WORLD(a_start_at_committed_without_a_group_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
