/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_redis_atomic_lost - the settler of Redis where an answer, an entry or a group is lost on the
 * way: what was done is not done again, and what is not ours is not done.
 */
#include "tests/support/redis_once.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the ones above */
#include <cmocka.h>

#define N_EVENTS 20

static void an_answer_that_is_lost_does_not_publish_again(void **state)
{
    world *w = *state;
    weir_proxy *cut = weir_proxy_new(FRAME_REDIS, weir_broker_address(w->broker));
    once *k = once_new(w, N_EVENTS, 2, cut);

    weir_proxy_tell(cut, "cut answer XPENDING");
    once_settle(k, 0, N_EVENTS);
    assert_int_equal(weir_proxy_tell(cut, "count cut"), 1);
    assert_int_equal(once_count(k, WEIR_SETTLED_AGAIN, N_EVENTS), N_EVENTS);
    once_until_ok(k, N_EVENTS);
    assert_int_equal(once_length(k, k->names[0]), N_EVENTS);
    assert_int_equal(once_length(k, k->names[1]), N_EVENTS);
    assert_int_equal(world_pending(w), 0);
    once_free(k);
    weir_proxy_free(cut);
}

static void a_script_that_is_lost_is_run_again(void **state)
{
    world *w = *state;
    weir_proxy *cut = weir_proxy_new(FRAME_REDIS, weir_broker_address(w->broker));
    once *k = once_new(w, N_EVENTS, 1, cut);

    weir_proxy_tell(cut, "cut request XPENDING");
    once_settle(k, 0, N_EVENTS);
    assert_int_equal(weir_proxy_tell(cut, "count cut"), 1);
    assert_int_equal(once_count(k, WEIR_SETTLED_AGAIN, N_EVENTS), N_EVENTS);
    assert_int_equal(world_pending(w), N_EVENTS);
    once_until_ok(k, N_EVENTS);
    assert_int_equal(once_length(k, k->names[0]), N_EVENTS);
    assert_int_equal(world_pending(w), 0);
    once_free(k);
    weir_proxy_free(cut);
}

/* Claimed by another after an answer that was lost is not done by us. */
static void a_claim_after_a_lost_script_is_told_from_its_success(void **state)
{
    world *w = *state;
    weir_proxy *cut = weir_proxy_new(FRAME_REDIS, weir_broker_address(w->broker));
    once *k = once_new(w, 2, 1, cut);
    char id[WEIR_REDIS_ID_MAX];

    weir_proxy_tell(cut, "cut request XPENDING");
    once_settle(k, 0, 2);
    (void)weir_redis_id_format(k->items[0].receipt.pos, id);
    rig_do(w->conn, "XCLAIM %s %s other 0 %s", w->stream, w->group, id);
    while (k->results[0].settled == WEIR_SETTLED_AGAIN) {
        once_settle(k, 0, 1);
    }
    assert_int_equal(k->results[0].settled, WEIR_SETTLED_GONE);
    assert_int_equal(once_length(k, k->names[0]), 0);
    assert_int_equal(world_pending(w), 2);
    once_free(k);
    weir_proxy_free(cut);
}

static void
an_entry_that_somebody_else_has_acknowledged_is_not_counted_as_ours(void **state)
{
    world *w = *state;
    once *k = once_new(w, 2, 1, NULL);
    char id[WEIR_REDIS_ID_MAX];

    (void)weir_redis_id_format(k->items[0].receipt.pos, id);
    rig_do(w->conn, "XACK %s %s %s", w->stream, w->group, id);
    once_settle(k, 0, 2);
    assert_int_equal(k->results[0].settled, WEIR_SETTLED_GONE);
    assert_int_equal(k->results[1].settled, WEIR_SETTLED_OK);
    assert_int_equal(once_length(k, k->names[0]), 1);
    once_free(k);
}

static void scripts_that_are_flushed_come_back_by_themselves(void **state)
{
    once *k = once_new(*state, 40, 1, NULL);

    once_settle(k, 0, 20);
    rig_do(k->w->conn, "SCRIPT FLUSH");
    once_settle(k, 20, 20);
    assert_int_equal(once_count(k, WEIR_SETTLED_OK, 40), 40);
    assert_int_equal(once_length(k, k->names[0]), 40);
    once_free(k);
}

static void a_group_that_is_gone_publishes_nothing(void **state)
{
    once *k = once_new(*state, N_EVENTS, 1, NULL);

    rig_do(k->w->conn, "XGROUP DESTROY %s %s", k->w->stream, k->w->group);
    once_settle(k, 0, N_EVENTS);
    assert_int_equal(once_count(k, WEIR_SETTLED_GONE, N_EVENTS), N_EVENTS);
    assert_int_equal(once_length(k, k->names[0]), 0);
    once_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD(an_answer_that_is_lost_does_not_publish_again),
        WORLD(a_script_that_is_lost_is_run_again),
        WORLD(a_claim_after_a_lost_script_is_told_from_its_success),
        WORLD(an_entry_that_somebody_else_has_acknowledged_is_not_counted_as_ours),
        WORLD(scripts_that_are_flushed_come_back_by_themselves),
        WORLD(a_group_that_is_gone_publishes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
