/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_journal_rules - who is blamed for the end of a worker.
 */
#include "worker/engine/journal_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define PART 3
#define LEN(a) (sizeof(a) / sizeof((a)[0]))

typedef struct known {
    weir_blames blames;
    weir_blame items[200];
} known;

static void begin(known *k)
{
    k->blames = (weir_blames){ k->items, 0, LEN(k->items) };
}

static weir_running runs(uint64_t at)
{
    return (weir_running){ .part = PART, .pos = { at, 0 }, .n_together = 1 };
}

static const weir_blame *of(const known *k, uint64_t at)
{
    return weir_blames_find(&k->blames, PART, (weir_pos){ at, 0 });
}

static void a_mark_counts_for_its_event_and_for_no_other(void **state)
{
    weir_running running[] = { runs(1), runs(2), runs(3) };
    known k;

    (void)state;
    begin(&k);
    running[1].is_marked = true;
    weir_blames_judge(&k.blames, false, running, LEN(running));
    assert_int_equal(k.blames.n, 1);
    assert_int_equal(of(&k, 2)->n_crashes, 1);
    assert_true(of(&k, 2)->is_suspect);
}

static void a_mark_counts_also_when_the_end_was_on_purpose(void **state)
{
    weir_running running[] = { runs(1) };
    known k;

    (void)state;
    begin(&k);
    running[0].is_marked = true;
    weir_blames_judge(&k.blames, true, running, LEN(running));
    assert_int_equal(of(&k, 1)->n_crashes, 1);
}

static void an_end_on_purpose_blames_nobody(void **state)
{
    weir_running running[] = { runs(1), runs(2) };
    known k;

    (void)state;
    begin(&k);
    running[0].is_alone = true;
    weir_blames_judge(&k.blames, true, running, LEN(running));
    weir_blames_judge(&k.blames, true, running, 1);
    assert_int_equal(k.blames.n, 0);
}

static void a_death_without_a_mark_makes_suspects_and_counts_nobody(void **state)
{
    weir_running running[] = { runs(1), runs(2) };
    known k;

    (void)state;
    begin(&k);
    for (int i = 0; i < 10; i++) {
        weir_blames_judge(&k.blames, false, running, LEN(running));
    }
    assert_true(of(&k, 1)->is_suspect && of(&k, 2)->is_suspect);
    assert_int_equal(of(&k, 1)->n_crashes + of(&k, 1)->n_alone, 0);
    assert_false(weir_blame_is_over(of(&k, 1), 0));
}

static void only_one_that_was_run_alone_counts_without_a_mark(void **state)
{
    weir_running running[] = { runs(1) };
    known k;

    (void)state;
    begin(&k);
    weir_blames_judge(&k.blames, false, running, 1); /* the only one, by chance */
    assert_int_equal(of(&k, 1)->n_alone, 0);
    running[0].is_alone = true;
    weir_blames_judge(&k.blames, false, running, 1);
    assert_int_equal(of(&k, 1)->n_alone, 1);
    assert_int_equal(of(&k, 1)->n_crashes, 0);
}

static void a_proof_is_over_after_crashes_and_chance_later(void **state)
{
    weir_running running[] = { runs(1) };
    known k;

    (void)state;
    begin(&k);
    running[0].is_marked = true;
    for (uint32_t n = 1; n <= 3; n++) {
        weir_blames_judge(&k.blames, false, running, 1);
        assert_int_equal(weir_blame_is_over(of(&k, 1), 2), n > 2);
    }
    begin(&k);
    running[0].is_marked = false;
    running[0].is_alone = true;
    for (uint32_t n = 1; n <= 5; n++) {
        weir_blames_judge(&k.blames, false, running, 1);
        assert_int_equal(weir_blame_is_over(of(&k, 1), 2), n > 2 + WEIR_STRIKES_CHANCE);
    }
}

static void one_that_has_returned_alone_keeps_only_its_proofs(void **state)
{
    weir_running running[] = { runs(1) };
    weir_blame *blame;
    known k;

    (void)state;
    begin(&k);
    running[0].is_marked = true;
    weir_blames_judge(&k.blames, false, running, 1);
    running[0].is_marked = false;
    running[0].is_alone = true;
    weir_blames_judge(&k.blames, false, running, 1);
    blame = weir_blames_get(&k.blames, PART, (weir_pos){ 1, 0 });
    weir_blame_acquit(blame);
    assert_false(blame->is_suspect);
    assert_int_equal(blame->n_alone, 0);
    assert_int_equal(blame->n_crashes, 1);
}

static void a_marked_batch_makes_suspects_of_all_its_events(void **state)
{
    weir_running running[] = { runs(1), runs(2), runs(3) };
    known k;

    (void)state;
    begin(&k);
    for (int i = 0; i < 2; i++) {
        running[i].is_marked = true;
        running[i].n_together = 2;
    }
    weir_blames_judge(&k.blames, false, running, LEN(running));
    assert_int_equal(k.blames.n, 2);
    assert_true(of(&k, 1)->is_suspect && of(&k, 2)->is_suspect);
    assert_int_equal(of(&k, 1)->n_crashes + of(&k, 2)->n_crashes, 0);
}

static void very_many_become_suspects_at_their_second_death_only(void **state)
{
    weir_running running[WEIR_SUSPECTS_AT_ONCE + 1];
    known k;

    (void)state;
    begin(&k);
    for (size_t i = 0; i < LEN(running); i++) {
        running[i] = runs(i + 1);
    }
    weir_blames_judge(&k.blames, false, running, LEN(running));
    assert_false(of(&k, 1)->is_suspect);
    weir_blames_judge(&k.blames, false, running, LEN(running));
    assert_true(of(&k, 1)->is_suspect);
}

static void a_full_list_forgets_what_it_has_known_longest(void **state)
{
    weir_running running[] = { runs(1), runs(2), runs(3) };
    known k;

    (void)state;
    begin(&k);
    k.blames.cap = 2;
    weir_blames_judge(&k.blames, false, running, LEN(running));
    assert_int_equal(k.blames.n, 2);
    assert_null(of(&k, 1));
    weir_blames_drop(&k.blames, PART, (weir_pos){ 2, 0 });
    weir_blames_drop(&k.blames, PART, (weir_pos){ 2, 0 });
    assert_int_equal(k.blames.n, 1);
    assert_non_null(of(&k, 3));
}

static void strikes_of_owners_alone_never_blame(void **state)
{
    uint32_t strikes = 0;

    (void)state;
    for (int i = 0; i < 100; i++) {
        strikes = weir_strikes_own(strikes, false);
    }
    assert_int_equal(strikes, WEIR_STRIKES_ALONE);
    assert_int_equal(weir_strikes_deaths(strikes), 0);
    assert_int_equal(weir_strikes_own(strikes, true), 0);
}

static void strikes_count_alone_runs_that_did_not_return(void **state)
{
    uint32_t strikes = weir_strikes_begin(WEIR_STRIKES_ALONE);

    (void)state;
    assert_int_equal(weir_strikes_deaths(weir_strikes_end(strikes)), 0);
    strikes = weir_strikes_begin(weir_strikes_own(strikes, false));
    assert_int_equal(weir_strikes_deaths(strikes), 2);
    assert_int_equal(weir_strikes_begin(WEIR_STRIKES_MAX), WEIR_STRIKES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mark_counts_for_its_event_and_for_no_other),
        cmocka_unit_test(a_mark_counts_also_when_the_end_was_on_purpose),
        cmocka_unit_test(an_end_on_purpose_blames_nobody),
        cmocka_unit_test(a_death_without_a_mark_makes_suspects_and_counts_nobody),
        cmocka_unit_test(only_one_that_was_run_alone_counts_without_a_mark),
        cmocka_unit_test(a_proof_is_over_after_crashes_and_chance_later),
        cmocka_unit_test(one_that_has_returned_alone_keeps_only_its_proofs),
        cmocka_unit_test(a_marked_batch_makes_suspects_of_all_its_events),
        cmocka_unit_test(very_many_become_suspects_at_their_second_death_only),
        cmocka_unit_test(a_full_list_forgets_what_it_has_known_longest),
        cmocka_unit_test(strikes_of_owners_alone_never_blame),
        cmocka_unit_test(strikes_count_alone_runs_that_did_not_return),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
