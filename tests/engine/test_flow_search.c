/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_flow_search - the real flow through every order of steps that a few events and a few
 * faults allow, and through long random ones.
 *
 * Each state that the search comes to for the first time is checked, and from each a run
 * without further faults must end with every event acknowledged and nothing left. A state is
 * made by doing its steps again, since a flow cannot be copied; states that were seen before
 * are not gone on from.
 */
#include "tests/support/flow_model.h"

#include <stdio.h>

#define SEARCH_DEPTH 120
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define RANDOM_RUNS 60
#define FAULTS_MOST 2
#else
#define RANDOM_RUNS 300
#define FAULTS_MOST 3
#endif
#define RANDOM_STEPS 2000
#define RANDOM_JOBS 800                /* the model has room for 1,024 */
#define SEARCH_SLOTS ((size_t)1 << 22) /* of the table of states; a power of two */

typedef struct search {
    const model_plan *plan;
    uint64_t *seen;
    size_t n_states;
    model_step path[SEARCH_DEPTH];
    size_t depth;
} search;

/* Not on a stack: a test that has failed is reported from here. */
static search searching;

/* Prints the way to the failure by going it again. */
static int search_report(void **state)
{
    model m;

    (void)state;
    free(searching.seen);
    searching.seen = NULL;
    if (searching.plan == NULL) {
        return 0;
    }
    fprintf(stderr, "%s, the way to the failure:\n", searching.plan->name);
    weir_model_begin(&m, searching.plan);
    m.is_traced = true;
    for (size_t i = 0; i < searching.depth; i++) {
        weir_model_do(&m, searching.path[i]);
        weir_model_check(&m);
    }
    fprintf(stderr, "  -- from here to the end --\n");
    searching.plan = NULL;
    weir_model_complete(&m);
    return 0;
}

/* True if the state is new. */
static bool search_add(search *s, uint64_t state)
{
    size_t at = state & (SEARCH_SLOTS - 1);

    state = state == 0 ? 1 : state;
    while (s->seen[at] != 0) {
        if (s->seen[at] == state) {
            return false;
        }
        at = (at + 1) & (SEARCH_SLOTS - 1);
    }
    assert_true(s->n_states < SEARCH_SLOTS / 2);
    s->seen[at] = state;
    s->n_states++;
    return true;
}

static void search_replay(const search *s, model *m)
{
    weir_model_begin(m, s->plan);
    for (size_t i = 0; i < s->depth; i++) {
        weir_model_do(m, s->path[i]);
    }
}

/* Goes on from the state at the end of the path; m is in it and is given up. */
static void search_from(search *s, model *m)
{
    model_step steps[256];
    size_t n;

    weir_model_check(m);
    if (!search_add(s, weir_model_fingerprint(m))) {
        weir_model_drop(m);
        return;
    }
    n = weir_model_steps(m, steps, 256);
    weir_model_complete(m);
    weir_model_drop(m);
    assert_true(s->depth < SEARCH_DEPTH);
    for (size_t i = 0; i < n; i++) {
        model next;

        search_replay(s, &next);
        s->path[s->depth++] = steps[i]; /* before it is done: the report needs it */
        weir_model_do(&next, steps[i]);
        search_from(s, &next);
        s->depth--;
    }
}

static void search_all(const model_plan *plan)
{
    search *s = &searching;
    model m;

    *s = (search){ .plan = plan };
    s->seen = calloc(SEARCH_SLOTS, sizeof(*s->seen));
    assert_non_null(s->seen);
    weir_model_begin(&m, plan);
    search_from(s, &m);
    s->plan = NULL;
    print_message("%s: %zu states\n", plan->name, s->n_states);
}

static void flow_keeps_its_promises_in_every_order_for_one_key(void **state)
{
    static const model_plan plan = { .name = "three events of one key",
                                     .order = WEIR_ORDER_KEY,
                                     .keeps_order = true,
                                     .n_outs = 1,
                                     .n_events = 3,
                                     .n_faults = 2,
                                     .events = { { 0, "a" }, { 0, "a" }, { 0, "a" } } };

    (void)state;
    search_all(&plan);
}

static void flow_keeps_its_promises_in_every_order_for_two_keys(void **state)
{
    static const model_plan plan = {
        .name = "two keys, two partitions",
        .order = WEIR_ORDER_KEY,
        .keeps_order = true,
        .n_outs = 1,
        .n_events = 4,
        .n_faults = 1,
        .events = { { 0, "a" }, { 0, "b" }, { 0, "a" }, { 1, "a" } }
    };

    (void)state;
    search_all(&plan);
}

static void flow_keeps_its_promises_with_two_results_an_event(void **state)
{
    static const model_plan plan = { .name = "two results an event",
                                     .order = WEIR_ORDER_KEY,
                                     .keeps_order = true,
                                     .n_outs = 2,
                                     .n_events = 2,
                                     .n_faults = FAULTS_MOST,
                                     .events = { { 0, "a" }, { 0, "a" } } };

    (void)state;
    search_all(&plan);
}

static void flow_keeps_its_promises_with_a_sink_without_order(void **state)
{
    static const model_plan plan = { .name = "a sink without order",
                                     .order = WEIR_ORDER_PARTITION,
                                     .keeps_order = false,
                                     .n_outs = 2,
                                     .n_events = 3,
                                     .n_faults = 2,
                                     .events = {
                                         { 0, "a" }, { 0, "b" }, { 0, NULL } } };

    (void)state;
    search_all(&plan);
}

static void flow_keeps_its_promises_without_order(void **state)
{
    static const model_plan plan = { .name = "no order",
                                     .order = WEIR_ORDER_NONE,
                                     .keeps_order = true,
                                     .n_outs = 1,
                                     .n_events = 2,
                                     .n_faults = FAULTS_MOST,
                                     .events = { { 0, "a" }, { 0, "a" } } };

    (void)state;
    search_all(&plan);
}

static void flow_keeps_its_promises_where_a_thread_claims_a_row_of_one_key(void **state)
{
    static const model_plan plan = { .name = "three of one key in claims",
                                     .order = WEIR_ORDER_KEY,
                                     .keeps_order = true,
                                     .n_claim = 3,
                                     .n_events = 3,
                                     .n_faults = 2,
                                     .events = { { 0, "a" }, { 0, "a" }, { 0, "a" } } };

    (void)state;
    search_all(&plan);
}

static void flow_keeps_its_promises_where_a_claim_mixes_keys(void **state)
{
    static const model_plan plan = {
        .name = "two keys in claims",
        .order = WEIR_ORDER_KEY,
        .keeps_order = false,
        .n_claim = 3,
        .n_events = 4,
        .n_faults = 1,
        .events = { { 0, "a" }, { 0, "b" }, { 0, "a" }, { 0, "a" } }
    };

    (void)state;
    search_all(&plan);
}

static void flow_keeps_its_promises_where_a_claim_outlives_its_first(void **state)
{
    static const model_plan plan = { .name = "two of one key in a claim, more faults",
                                     .order = WEIR_ORDER_KEY,
                                     .keeps_order = true,
                                     .n_claim = 2,
                                     .n_events = 2,
                                     .n_faults = FAULTS_MOST,
                                     .events = { { 0, "a" }, { 0, "a" } } };

    (void)state;
    search_all(&plan);
}

/* A long run of random steps; faults come for ever, and then it must come to its end. */
static void random_run(uint64_t seed, weir_order order, bool keeps_order,
                       bool acks_each, int n_claim)
{
    static model m;
    model_plan plan = { .name = "random",
                        .order = order,
                        .keeps_order = keeps_order,
                        .n_outs = n_claim > 0 ? 0 : 2,
                        .n_claim = n_claim,
                        .n_events = MODEL_EVENTS,
                        .n_faults = RANDOM_STEPS };
    static const char *const keys[] = { "a", "b", "c", NULL };
    weir_rand dice;

    weir_rand_init(&dice, seed);
    for (int i = 0; i < MODEL_EVENTS; i++) {
        plan.events[i] = (model_event){ (int)(weir_rand_next(&dice) % WORLD_PARTS),
                                        keys[weir_rand_next(&dice) % 4] };
    }
    weir_model_begin(&m, &plan);
    for (int p = 0; p < WORLD_PARTS; p++) {
        m.w.parts[p].acks_each = acks_each;
    }
    for (int i = 0; i < RANDOM_STEPS && m.n_jobs < RANDOM_JOBS; i++) {
        model_step steps[512];
        const size_t n = weir_model_steps(&m, steps, 512);
        const model_step step =
            n == 0 ? (model_step){ 0 } : steps[weir_rand_next(&dice) % n];

        if (n == 0) {
            break;
        }
        if (step.kind == DO_RETIRE && weir_rand_next(&dice) % 8 != 0) {
            continue; /* else hardly anything gets to its end */
        }
        weir_model_do(&m, step);
        weir_model_check(&m);
    }
    weir_model_complete(&m);
    weir_model_drop(&m);
}

static void flow_keeps_its_promises_in_long_random_runs(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= RANDOM_RUNS; seed++) {
        random_run(seed, (weir_order)(seed % 3), seed % 5 != 0, seed % 2 == 0, 0);
        random_run(seed, (weir_order)(seed % 3), seed % 5 != 0, seed % 2 == 0,
                   MODEL_CLAIM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(flow_keeps_its_promises_in_every_order_for_one_key,
                                  search_report),
        cmocka_unit_test_teardown(flow_keeps_its_promises_in_every_order_for_two_keys,
                                  search_report),
        cmocka_unit_test_teardown(flow_keeps_its_promises_with_two_results_an_event,
                                  search_report),
        cmocka_unit_test_teardown(flow_keeps_its_promises_with_a_sink_without_order,
                                  search_report),
        cmocka_unit_test_teardown(flow_keeps_its_promises_without_order, search_report),
        cmocka_unit_test_teardown(
            flow_keeps_its_promises_where_a_thread_claims_a_row_of_one_key,
            search_report),
        cmocka_unit_test_teardown(flow_keeps_its_promises_where_a_claim_mixes_keys,
                                  search_report),
        cmocka_unit_test_teardown(
            flow_keeps_its_promises_where_a_claim_outlives_its_first, search_report),
        cmocka_unit_test(flow_keeps_its_promises_in_long_random_runs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
