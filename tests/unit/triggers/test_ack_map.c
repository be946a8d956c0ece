/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ack_map - maps written and read back, and everything that is no map refused.
 */
#include "triggers/ack_map.h"
#include "worker/base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE 1000

static uint32_t runs_a[WEIR_ACK_MAP_MAX_RUNS], runs_b[WEIR_ACK_MAP_MAX_RUNS];
static char text[WEIR_ACK_MAP_MAX_BYTES + 1];

/* A map at BASE with both fingerprints, over runs_a. */
static void begin(weir_ack_map *map)
{
    weir_ack_map_begin(map, BASE, runs_a, WEIR_ACK_MAP_MAX_RUNS);
    map->generation = 7;
    map->strikes = 2;
    map->is_clean = true;
    map->before = (weir_ack_print){ BASE - 3, 1700000000123, 100, 0xdeadbeef };
}

static void set_high(weir_ack_map *map)
{
    map->high = (weir_ack_print){ BASE + (int64_t)map->length, -1, 0, 1 };
}

static weir_ack_fault decode(const char *from, size_t len, int64_t base,
                             weir_ack_map *out)
{
    out->runs = runs_b;
    out->cap_runs = WEIR_ACK_MAP_MAX_RUNS;
    return weir_ack_map_decode((weir_slice){ from, len }, base, out);
}

/* Writes the map, reads it back, and compares everything up to what is covered. */
static int64_t round_trip(const weir_ack_map *map, size_t max_bytes)
{
    weir_ack_map back;
    int64_t covered = -1;
    const size_t len = weir_ack_map_encode(map, max_bytes, text, &covered);

    assert_true(len > 0 && len <= max_bytes);
    assert_int_equal(strlen(text), len);
    assert_int_equal(decode(text, len, map->base, &back), WEIR_ACK_OK);
    assert_int_equal(back.generation, map->generation);
    assert_int_equal(back.strikes, map->strikes);
    assert_int_equal(back.is_clean, map->is_clean);
    assert_true(weir_ack_print_is(&back.before, &map->before));
    assert_true(weir_ack_print_is(&back.high, &map->high));
    assert_int_equal(back.base, map->base);
    assert_int_equal(weir_ack_map_end(&back), covered);
    for (size_t i = 0; i < back.n_runs; i++) {
        assert_int_equal(back.runs[i], map->runs[i]);
    }
    return covered;
}

static void an_empty_map_carries_its_fingerprints(void **state)
{
    weir_ack_map map;

    (void)state;
    begin(&map);
    assert_int_equal(round_trip(&map, WEIR_ACK_MAP_MAX_BYTES), BASE);
    weir_ack_map_add(&map, false, 5);
    set_high(&map);
    assert_int_equal(round_trip(&map, WEIR_ACK_MAP_MAX_BYTES), BASE);
    weir_ack_map_begin(&map, 0, runs_a, WEIR_ACK_MAP_MAX_RUNS);
    assert_int_equal(round_trip(&map, WEIR_ACK_MAP_MAX_BYTES), 0);
    assert_true(strlen(text) < 30);
}

static void random_patterns_come_back_as_they_were(void **state)
{
    weir_rand rand;

    (void)state;
    weir_rand_init(&rand, 1);
    for (int i = 0; i < 3000; i++) {
        weir_ack_map map;
        const uint64_t spread = UINT64_C(1) << weir_rand_next(&rand) % 24;
        const uint64_t n_runs = weir_rand_next(&rand) % (i % 10 == 0 ? 4000 : 60);

        begin(&map);
        for (uint64_t r = 0; r < n_runs; r++) {
            weir_ack_map_add(&map, r % 2 == 1,
                             1 + weir_rand_next(&rand) % (r % 2 == 0 ? 3 : spread));
        }
        set_high(&map);
        const int64_t covered =
            round_trip(&map, i % 3 == 0 ? 100 + weir_rand_next(&rand) % 300 : 4096);

        assert_true(covered <= weir_ack_map_end(&map));
    }
}

static void offsets_are_found_where_the_runs_say(void **state)
{
    weir_ack_map map;
    static const int64_t next[] = { 0, 4, 4, 4, 4, 5, 8, 8, 8, 9 };

    (void)state;
    begin(&map);
    weir_ack_map_add(&map, false, 1);
    weir_ack_map_add(&map, true, 1);
    weir_ack_map_add(&map, true, 2);
    weir_ack_map_add(&map, false, 2);
    weir_ack_map_add(&map, true, 2);
    weir_ack_map_add(&map, false, 0);
    weir_ack_map_add(&map, false, 9);
    assert_int_equal(weir_ack_map_end(&map), BASE + 8);
    assert_int_equal(weir_ack_map_next(&map, 17), 17);
    for (int64_t i = 0; i < 10; i++) {
        assert_int_equal(weir_ack_map_next(&map, BASE + i), BASE + next[i]);
    }
    assert_int_equal(weir_ack_map_next(&map, BASE + 500), BASE + 500);
    for (int64_t i = 9; i >= 0; i--) {
        assert_int_equal(weir_ack_map_next(&map, BASE + i), BASE + next[i]);
    }
}

static void the_tail_of_a_map_is_carried_over_from_any_offset(void **state)
{
    weir_ack_map map, old;

    (void)state;
    weir_ack_map_begin(&old, BASE, runs_b, 8);
    weir_ack_map_add(&old, false, 2);
    weir_ack_map_add(&old, true, 3);
    weir_ack_map_add(&old, false, 1);
    weir_ack_map_add(&old, true, 4);
    for (int64_t from = BASE - 2; from <= BASE + 12; from++) {
        begin(&map);
        weir_ack_map_add(&map, false, 1);
        weir_ack_map_add_tail(&map, &old, from);
        for (int64_t i = from > BASE ? from : BASE; i < BASE + 10; i++) {
            const int64_t shift = (from > BASE ? from : BASE) - BASE - 1;
            const bool was = weir_ack_map_next(&old, i) > i;

            assert_int_equal(weir_ack_map_next(&map, i - shift) > i - shift, was);
        }
    }
}

/* ----------------------------------------------------------------- what is no map ---- */

static size_t a_good_text(void)
{
    weir_ack_map map;

    begin(&map);
    for (int i = 0; i < 40; i++) {
        weir_ack_map_add(&map, i % 2 == 1, 1 + (uint64_t)i * 7 % 11);
    }
    set_high(&map);
    return weir_ack_map_encode(&map, WEIR_ACK_MAP_MAX_BYTES, text, NULL);
}

static void a_map_that_was_cut_is_refused_at_every_length(void **state)
{
    weir_ack_map back;
    const size_t len = a_good_text();

    (void)state;
    assert_int_equal(decode(text, len, BASE, &back), WEIR_ACK_OK);
    for (size_t n = 0; n < len; n++) {
        const weir_ack_fault fault = decode(text, n, BASE, &back);

        assert_int_not_equal(fault, WEIR_ACK_OK);
        assert_int_equal(fault == WEIR_ACK_EMPTY, n == 0);
        assert_int_equal(back.n_runs, 0);
        assert_int_equal(weir_ack_map_next(&back, BASE + 2), BASE + 2);
    }
}

static void a_map_with_any_bit_flipped_is_refused(void **state)
{
    weir_ack_map back;
    const size_t len = a_good_text();

    (void)state;
    for (size_t i = 0; i < len * 8; i++) {
        text[i / 8] = (char)(text[i / 8] ^ 1 << i % 8);
        assert_int_not_equal(decode(text, len, BASE, &back), WEIR_ACK_OK);
        assert_int_equal(back.n_runs, 0);
        text[i / 8] = (char)(text[i / 8] ^ 1 << i % 8);
    }
    assert_int_equal(decode(text, len, BASE, &back), WEIR_ACK_OK);
}

static void what_other_tools_write_is_foreign(void **state)
{
    static const char *const texts[] = { "x",       "bG9jYWxob3N0", "{\"offset\": 12}",
                                         "wei",     "Weir1.AAAA",   "\xff\xfe",
                                         "AAAAAAA", " weir1." };
    weir_ack_map back;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(decode(texts[i], strlen(texts[i]), BASE, &back),
                         WEIR_ACK_FOREIGN);
    }
    assert_int_equal(decode("weir", 4, BASE, &back), WEIR_ACK_VERSION);
    assert_int_equal(decode("weir1.", 6, BASE, &back), WEIR_ACK_DAMAGED);
    assert_int_equal(decode(NULL, 0, BASE, &back), WEIR_ACK_EMPTY);
}

static void maps_of_other_versions_are_told_apart(void **state)
{
    weir_ack_map back;
    const size_t len = a_good_text();

    (void)state;
    for (char version = '0'; version <= '9'; version++) {
        text[4] = version;
        assert_int_equal(decode(text, len, BASE, &back),
                         version == '1' ? WEIR_ACK_OK : WEIR_ACK_VERSION);
    }
}

static void a_map_for_another_position_is_refused(void **state)
{
    weir_ack_map back;
    const size_t len = a_good_text();

    (void)state;
    assert_int_equal(decode(text, len, BASE - 1, &back), WEIR_ACK_BASE);
    assert_int_equal(decode(text, len, BASE + 1, &back), WEIR_ACK_BASE);
    assert_int_equal(decode(text, len, 0, &back), WEIR_ACK_BASE);
}

static void a_map_longer_than_any_broker_takes_is_refused(void **state)
{
    char *huge = malloc(70000);
    weir_ack_map back;

    (void)state;
    memset(huge, 'A', 70000);
    memcpy(huge, "weir1.", 6);
    assert_int_equal(decode(huge, 70000, BASE, &back), WEIR_ACK_DAMAGED);
    assert_int_equal(decode(huge, WEIR_ACK_MAP_MAX_BYTES, BASE, &back),
                     WEIR_ACK_DAMAGED);
    free(huge);
}

static void more_runs_than_there_is_room_for_are_refused(void **state)
{
    weir_ack_map map, back = { .runs = runs_b, .cap_runs = 3 };

    (void)state;
    begin(&map);
    for (int i = 0; i < 4; i++) {
        weir_ack_map_add(&map, i % 2 == 1, 1);
    }
    set_high(&map);
    const size_t len = weir_ack_map_encode(&map, WEIR_ACK_MAP_MAX_BYTES, text, NULL);

    assert_int_equal(weir_ack_map_decode((weir_slice){ text, len }, BASE, &back),
                     WEIR_ACK_DAMAGED);
    back.cap_runs = 4;
    assert_int_equal(weir_ack_map_decode((weir_slice){ text, len }, BASE, &back),
                     WEIR_ACK_OK);
}

/* --------------------------------------------------------------------- size and room ---- */

static size_t bytes_of(weir_ack_map *map)
{
    set_high(map);
    return weir_ack_map_encode(map, WEIR_ACK_MAP_MAX_BYTES, text, NULL);
}

static void one_stuck_event_costs_little_whatever_is_done_above_it(void **state)
{
    weir_ack_map map;

    (void)state;
    begin(&map);
    weir_ack_map_add(&map, false, 1);
    weir_ack_map_add(&map, true, 10000);
    assert_true(bytes_of(&map) < 70);
    weir_ack_map_add(&map, true, 1000000000);
    assert_true(bytes_of(&map) < 80);
}

static void
every_second_of_20000_done_fits_and_what_does_not_is_cut_at_the_end(void **state)
{
    weir_ack_map map;
    int64_t covered;

    (void)state;
    begin(&map);
    for (int i = 0; i < 20000; i++) {
        weir_ack_map_add(&map, i % 2 == 1, 1);
    }
    set_high(&map);
    assert_int_equal(round_trip(&map, WEIR_ACK_MAP_MAX_BYTES), BASE + 20000);
    for (int i = 0; i < 60000; i++) {
        weir_ack_map_add(&map, i % 2 == 1, 1);
    }
    set_high(&map);
    covered = round_trip(&map, WEIR_ACK_MAP_MAX_BYTES);
    assert_true(covered > BASE + 24000 && covered < weir_ack_map_end(&map));
    assert_true(strlen(text) > WEIR_ACK_MAP_MAX_BYTES - 8);
    for (size_t max = 1; max < 200; max++) {
        if (weir_ack_map_encode(&map, max, text, &covered) > 0) {
            assert_true(round_trip(&map, max) < BASE + 1200);
        } else {
            assert_true(max < 80);
        }
    }
}

static void one_long_run_among_many_short_ones_comes_back(void **state)
{
    weir_ack_map map;

    (void)state;
    begin(&map);
    for (int i = 0; i < 2000; i++) {
        weir_ack_map_add(&map, i % 2 == 1, i == 1001 ? UINT32_MAX : 1);
    }
    set_high(&map);
    assert_int_equal(round_trip(&map, 4096), weir_ack_map_end(&map));
}

static void a_record_that_is_not_before_the_base_is_no_fingerprint_of_it(void **state)
{
    weir_ack_map map, back;

    (void)state;
    begin(&map);
    map.before.offset = BASE;
    const size_t len = weir_ack_map_encode(&map, WEIR_ACK_MAP_MAX_BYTES, text, NULL);

    assert_int_equal(decode(text, len, BASE, &back), WEIR_ACK_OK);
    assert_int_equal(back.before.offset, -1);
}

static void runs_beyond_32_bits_are_left_off(void **state)
{
    weir_ack_map map;

    (void)state;
    begin(&map);
    weir_ack_map_add(&map, false, 1);
    weir_ack_map_add(&map, true, UINT32_MAX - 1);
    weir_ack_map_add(&map, true, 1);
    assert_false(map.is_cut);
    set_high(&map);
    assert_int_equal(round_trip(&map, 200), BASE + 1 + (int64_t)UINT32_MAX);
    weir_ack_map_add(&map, true, 1);
    assert_true(map.is_cut);
    weir_ack_map_add(&map, false, 1);
    assert_int_equal(map.n_runs, 2);
}

/* Whatever finishes next, and whatever is admitted within the room, the map fits. */
static void a_map_never_outgrows_the_room_that_was_said(void **state)
{
    weir_rand rand;

    (void)state;
    weir_rand_init(&rand, 5);
    for (int i = 0; i < 400; i++) {
        static unsigned char is_done[60000];
        const size_t max_bytes = 120 + weir_rand_next(&rand) % 1500;
        const size_t n = 1 + weir_rand_next(&rand) % 20000;
        const unsigned odds = 2 + (unsigned)(weir_rand_next(&rand) % 60);
        weir_ack_map map;
        weir_ack_need need;
        size_t n_open = 0;
        int64_t covered;

        begin(&map);
        for (size_t k = 0; k < n; k++) {
            is_done[k] = k > 0 && (i % 2 == 0 ? weir_rand_next(&rand) % odds != 0
                                              : k < n - n / odds);
            n_open += !is_done[k];
            weir_ack_map_add(&map, is_done[k], 1);
        }
        set_high(&map);
        weir_ack_map_measure(&map, n_open, 0, max_bytes, &need);
        assert_true(need.room < 60000 - n || max_bytes > 1000);
        const size_t more = need.room < 30000 ? (size_t)need.room : 30000;

        for (int how = 0; more > 0 && how < 6; how++) {
            /* some of the unfinished ones, and of the new ones, in patterns that cost most */
            const size_t step = how < 3 ? 4 : 2;

            begin(&map);
            for (size_t k = 0; k < n + more; k++) {
                const bool was = k < n && is_done[k];
                const bool will = how % 3 == 0   ? k % step < step / 2
                                  : how % 3 == 1 ? weir_rand_next(&rand) % step == 0
                                                 : k % 3 == 1;

                weir_ack_map_add(&map, k > 0 && (was || will), 1);
            }
            map.high = (weir_ack_print){ BASE + (int64_t)n, -1, 0, 1 };
            assert_true(weir_ack_map_encode(&map, max_bytes, text, &covered) > 0);
            assert_int_equal(covered, weir_ack_map_end(&map));
        }
    }
}

static void a_map_that_is_nearly_full_has_no_room(void **state)
{
    weir_ack_map map;
    weir_ack_need need;

    (void)state;
    begin(&map);
    weir_ack_map_measure(&map, 0, 0, WEIR_ACK_MAP_MAX_BYTES, &need);
    assert_true(need.room > 20000 && need.bytes < 60);
    for (int i = 0; i < 24000; i++) {
        weir_ack_map_add(&map, i % 2 == 1, 1);
    }
    set_high(&map);
    weir_ack_map_measure(&map, 12000, 0, WEIR_ACK_MAP_MAX_BYTES, &need);
    assert_true(need.room < 500);
    assert_int_equal(need.bytes,
                     weir_ack_map_encode(&map, WEIR_ACK_MAP_MAX_BYTES, text, NULL));
    assert_true(need.most_bytes >= need.bytes);
    weir_ack_map_measure(&map, 12000, 0, 2000, &need);
    assert_int_equal(need.room, 0);
    weir_ack_map_measure(&map, 12000, 0, 20, &need);
    assert_int_equal(need.room, 0);
    weir_ack_map_begin(&map, BASE, runs_a, WEIR_ACK_MAP_MAX_RUNS);
    weir_ack_map_measure(&map, 0, 0, 50, &need);
    assert_int_equal(need.room, 0);
    weir_ack_map_add(&map, false, UINT64_C(1) << 32);
    assert_true(map.is_cut);
    weir_ack_map_measure(&map, 0, 0, WEIR_ACK_MAP_MAX_BYTES, &need);
    assert_int_equal(need.room, 0);
}

static void distant_unfinished_events_count_by_their_distance(void **state)
{
    weir_ack_map map;
    weir_ack_need near, far;

    (void)state;
    begin(&map);
    weir_ack_map_add(&map, false, 100000000);
    weir_ack_map_add(&map, true, 1);
    set_high(&map);
    weir_ack_map_measure(&map, 100, 0, WEIR_ACK_MAP_MAX_BYTES, &near);
    weir_ack_map_measure(&map, 100, 1900, WEIR_ACK_MAP_MAX_BYTES, &far);
    assert_true(near.room > far.room && far.room > 0);
    assert_true(far.most_bytes > near.most_bytes);
}

static void a_key_that_is_absent_differs_from_one_that_is_empty(void **state)
{
    (void)state;
    assert_int_equal(weir_ack_map_key(NULL, 0), 0);
    assert_int_not_equal(weir_ack_map_key("", 0), 0);
    assert_int_not_equal(weir_ack_map_key("a", 1), weir_ack_map_key("b", 1));
}

static void fingerprints_differ_in_each_of_their_fields(void **state)
{
    const weir_ack_print a = { 1, 2, 3, 4 };
    const weir_ack_print others[] = {
        { 9, 2, 3, 4 }, { 1, 9, 3, 4 }, { 1, 2, 9, 4 }, { 1, 2, 3, 9 }
    };

    (void)state;
    assert_true(weir_ack_print_is(&a, &a));
    for (size_t i = 0; i < 4; i++) {
        assert_false(weir_ack_print_is(&a, &others[i]));
    }
}

static void each_fault_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = WEIR_ACK_OK; a <= WEIR_ACK_BASE; a++) {
        for (int b = WEIR_ACK_OK; b < a; b++) {
            assert_string_not_equal(weir_ack_fault_name((weir_ack_fault)a),
                                    weir_ack_fault_name((weir_ack_fault)b));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_map_carries_its_fingerprints),
        cmocka_unit_test(random_patterns_come_back_as_they_were),
        cmocka_unit_test(offsets_are_found_where_the_runs_say),
        cmocka_unit_test(the_tail_of_a_map_is_carried_over_from_any_offset),
        cmocka_unit_test(a_map_that_was_cut_is_refused_at_every_length),
        cmocka_unit_test(a_map_with_any_bit_flipped_is_refused),
        cmocka_unit_test(what_other_tools_write_is_foreign),
        cmocka_unit_test(maps_of_other_versions_are_told_apart),
        cmocka_unit_test(a_map_for_another_position_is_refused),
        cmocka_unit_test(a_map_longer_than_any_broker_takes_is_refused),
        cmocka_unit_test(more_runs_than_there_is_room_for_are_refused),
        cmocka_unit_test(one_stuck_event_costs_little_whatever_is_done_above_it),
        cmocka_unit_test(
            every_second_of_20000_done_fits_and_what_does_not_is_cut_at_the_end),
        cmocka_unit_test(one_long_run_among_many_short_ones_comes_back),
        cmocka_unit_test(a_record_that_is_not_before_the_base_is_no_fingerprint_of_it),
        cmocka_unit_test(runs_beyond_32_bits_are_left_off),
        cmocka_unit_test(a_map_never_outgrows_the_room_that_was_said),
        cmocka_unit_test(a_map_that_is_nearly_full_has_no_room),
        cmocka_unit_test(distant_unfinished_events_count_by_their_distance),
        cmocka_unit_test(a_key_that_is_absent_differs_from_one_that_is_empty),
        cmocka_unit_test(fingerprints_differ_in_each_of_their_fields),
        cmocka_unit_test(each_fault_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
