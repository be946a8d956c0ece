/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_flow_lone - suspects: what an earlier worker died over runs with nothing beside it.
 */
#include "tests/support/flow_world.h"

static weir_job *admit_suspect(world *w, const char *key, uint64_t pos)
{
    weir_job *job = world_job(w, 0, key, pos);
    weir_chain chain = { 0 };

    job->is_suspect = true;
    weir_chain_add(&chain, job);
    weir_flow_admit(w->f, &chain, w->now, world_news(w));
    world_collect(w);
    return job;
}

static void flow_gives_nothing_while_a_suspect_waits(void **state)
{
    world w;

    (void)state;
    world_begin(&w);
    weir_job *plain = world_admit(&w, 0, "a", 0);
    assert_false(weir_flow_hint_lone(w.f));
    weir_job *suspect = admit_suspect(&w, "b", 1);

    assert_true(weir_flow_hint_lone(w.f));
    assert_true(weir_flow_wants_lone(w.f, w.now));
    assert_null(world_take(&w));                   /* not until it may be alone */
    assert_int_equal(weir_flow_bar(w.f, true), 0); /* nothing runs */
    assert_null(world_take(&w));
    assert_true(weir_flow_let_lone(w.f, w.now));
    world_run(&w, suspect);
    assert_null(world_take(&w)); /* the plain one not beside it */
    assert_int_equal(weir_flow_bar(w.f, true), 1);
    world_finish(&w, suspect, WEIR_DONE, 0, -1);
    world_done_next(&w, suspect);
    assert_false(weir_flow_hint_lone(w.f));
    assert_null(world_take(&w)); /* another subscription has one still */
    assert_int_equal(weir_flow_bar(w.f, false), 0);
    world_through(&w, plain);
    world_end(&w);
}

static void flow_lets_one_suspect_go_at_a_time(void **state)
{
    world w;

    (void)state;
    world_begin(&w);
    weir_job *first = admit_suspect(&w, "a", 0);
    weir_job *second = admit_suspect(&w, "b", 1);

    assert_true(weir_flow_let_lone(w.f, w.now));
    world_run(&w, first);
    assert_null(world_take(&w));
    world_finish(&w, first, WEIR_DONE, 0, -1);
    world_done_next(&w, first);
    assert_null(world_take(&w)); /* it is asked for each anew */
    assert_true(weir_flow_let_lone(w.f, w.now));
    world_run(&w, second);
    world_finish(&w, second, WEIR_DONE, 0, -1);
    world_done_next(&w, second);
    assert_false(weir_flow_let_lone(w.f, w.now)); /* there is none any more */
    world_end(&w);
}

static void flow_gives_pardoned_suspects_in_their_turn(void **state)
{
    world w;

    (void)state;
    world_begin(&w);
    weir_job *a = world_admit(&w, 0, "a", 0);
    weir_job *b = admit_suspect(&w, "b", 1);
    weir_job *c = world_admit(&w, 0, "c", 2);
    weir_job *d = admit_suspect(&w, "d", 3);

    assert_null(world_take(&w));
    weir_flow_pardon(w.f);
    assert_false(weir_flow_wants_lone(w.f, w.now));
    assert_false(weir_flow_let_lone(w.f, w.now));
    world_through(&w, a); /* as they came */
    world_through(&w, b);
    world_through(&w, c);
    world_through(&w, d);
    weir_flow_pardon(w.f); /* of nobody */
    world_end(&w);
}

static void flow_keeps_a_suspect_while_its_function_is_unavailable(void **state)
{
    world w;

    (void)state;
    world_begin(&w);
    weir_job *a = world_admit(&w, 0, "a", 0);

    world_run(&w, a);
    weir_job *suspect = admit_suspect(&w, "b", 1);

    world_finish(&w, a, WEIR_UNAVAILABLE, 0, -1);
    assert_false(weir_flow_wants_lone(w.f, w.now));
    assert_false(weir_flow_let_lone(w.f, w.now));
    assert_null(world_take(&w));
    w.now += 60000000; /* when it is asked again */
    assert_true(weir_flow_wants_lone(w.f, w.now));
    assert_true(weir_flow_let_lone(w.f, w.now));
    weir_job *job = world_take(&w);

    assert_ptr_equal(job, suspect);
    world_start(&w, job);
    world_finish(&w, job, WEIR_DONE, 0, -1);
    world_done_next(&w, suspect);
    world_through(&w, a);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flow_gives_nothing_while_a_suspect_waits),
        cmocka_unit_test(flow_lets_one_suspect_go_at_a_time),
        cmocka_unit_test(flow_gives_pardoned_suspects_in_their_turn),
        cmocka_unit_test(flow_keeps_a_suspect_while_its_function_is_unavailable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
