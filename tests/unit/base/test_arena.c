/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is given back all at once.
 */
#include "worker/base/arena.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants these before it */
#include <cmocka.h>

static void pieces_are_aligned_and_do_not_overlap(void **state)
{
    weir_arena arena;
    unsigned char *pieces[300];

    (void)state;
    weir_arena_init(&arena, 256);
    for (size_t i = 0; i < 300; i++) {
        pieces[i] = weir_arena_alloc(&arena, i);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        memset(pieces[i], (int)(i & 0xFF), i);
    }
    for (size_t i = 0; i < 300; i++) {
        for (size_t k = 0; k < i; k++) {
            assert_int_equal(pieces[i][k], i & 0xFF);
        }
    }
    weir_arena_fini(&arena);
}

static void a_reset_keeps_a_chunk_and_gives_the_same_memory_again(void **state)
{
    weir_arena arena;

    (void)state;
    weir_arena_init(&arena, 0);

    void *first = weir_arena_alloc(&arena, 100);

    assert_non_null(weir_arena_alloc(&arena, 100000));
    weir_arena_reset(&arena);
    assert_int_equal(arena.n_bytes, 0);
    assert_non_null(arena.chunks);
    assert_ptr_equal(weir_arena_alloc(&arena, 100), first);
    weir_arena_fini(&arena);
}

static void a_reset_does_not_keep_what_was_made_for_a_large_piece(void **state)
{
    weir_arena arena;

    (void)state;
    weir_arena_init(&arena, 1024);
    assert_non_null(weir_arena_alloc(&arena, 1 << 20));
    weir_arena_reset(&arena);
    assert_null(arena.chunks);
    weir_arena_fini(&arena);
}

static void a_large_piece_leaves_the_room_of_the_chunk(void **state)
{
    weir_arena arena;

    (void)state;
    weir_arena_init(&arena, 1024);

    char *before = weir_arena_alloc(&arena, 16);

    assert_non_null(weir_arena_alloc(&arena, 4096));
    assert_ptr_equal((char *)weir_arena_alloc(&arena, 16), before + 16);
    weir_arena_fini(&arena);
}

static void work_that_is_alike_finds_its_room_after_a_reset(void **state)
{
    weir_arena arena;
    void *last = NULL;

    (void)state;
    weir_arena_init(&arena, 1024);
    for (int i = 0; i < 10; i++) {
        assert_non_null(weir_arena_alloc(&arena, 600));
        last = weir_arena_alloc(&arena, 2400);
        weir_arena_reset(&arena);
    }
    assert_non_null(arena.chunks);
    assert_non_null(weir_arena_alloc(&arena, 600));
    assert_ptr_equal(weir_arena_alloc(&arena, 2400), last);
    weir_arena_fini(&arena);
}

static void what_is_trimmed_is_handed_out_again(void **state)
{
    weir_arena arena;

    (void)state;
    weir_arena_init(&arena, 1024);
    weir_arena_trim(&arena, &arena); /* empty: nothing to do */

    char *piece = weir_arena_alloc(&arena, 500);

    weir_arena_trim(&arena, piece + 33);
    assert_int_equal(arena.n_bytes, 48);
    assert_ptr_equal(weir_arena_alloc(&arena, 16), piece + 48);

    char *own = weir_arena_alloc(&arena, 5000);
    const size_t n_bytes = arena.n_bytes;

    weir_arena_trim(&arena, own + 8); /* not in the chunk being filled */
    assert_int_equal(arena.n_bytes, n_bytes);
    assert_ptr_equal(weir_arena_alloc(&arena, 16), piece + 64);
    weir_arena_fini(&arena);
}

static void what_is_taken_along_stays_until_its_new_arena_is_reset(void **state)
{
    (void)state;
    /* into an arena that is empty, and into one that is in use */
    for (int i = 0; i < 2; i++) {
        weir_arena from, to;

        weir_arena_init(&from, 256);
        weir_arena_init(&to, 256);
        char *old = i == 0 ? NULL : weir_arena_strdup(&to, "old");
        const size_t n_old = to.n_bytes;
        char *small = weir_arena_strdup(&from, "small");
        char *large = weir_arena_alloc(&from, 1000);

        memset(large, 'l', 1000);
        weir_arena_take(&to, &from);
        assert_int_equal(from.n_bytes, 0);
        assert_null(from.chunks);
        assert_true(to.n_bytes >= n_old + 1006);
        for (int k = 0; k < 3; k++) {
            memset(weir_arena_alloc(&from, 200), '#', 200);
            memset(weir_arena_alloc(&to, 40), '#', 40);
            weir_arena_reset(&from);
        }
        weir_arena_take(&to, &from); /* nothing handed out, but a chunk is there */
        assert_string_equal(small, "small");
        assert_true(large[0] == 'l' && large[999] == 'l');
        assert_true(old == NULL || strcmp(old, "old") == 0);
        weir_arena_reset(&to);
        weir_arena_take(&to, &from); /* nothing at all */
        assert_int_equal(to.n_bytes, 0);
        weir_arena_fini(&to);
        weir_arena_fini(&from);
    }
}

static void sizes_that_cannot_be_are_refused(void **state)
{
    weir_arena arena;

    (void)state;
    weir_arena_init(&arena, 0);
    assert_null(weir_arena_alloc(&arena, SIZE_MAX));
    assert_null(weir_arena_alloc(&arena, SIZE_MAX - 8));
    weir_arena_fini(&arena);
}

static void copies_end_with_a_nul_and_absent_stays_absent(void **state)
{
    weir_arena arena;
    weir_slice out = WEIR_SLICE_LIT("old");
    const char from[] = { 'a', 'b', 'X' };

    (void)state;
    weir_arena_init(&arena, 0);
    assert_true(weir_arena_copy(&arena, (weir_slice){ from, 2 }, &out));
    assert_string_equal(out.data, "ab");
    assert_true(weir_arena_copy(&arena, WEIR_SLICE_LIT(""), &out));
    assert_non_null(out.data);
    assert_true(weir_arena_copy(&arena, WEIR_SLICE_NONE, &out));
    assert_null(out.data);
    assert_null(weir_arena_strdup(&arena, NULL));
    assert_string_equal(weir_arena_printf(&arena, "%s-%0300d", "x", 1) + 300, "01");

    const unsigned char *zeros = weir_arena_zalloc(&arena, 64);

    for (size_t i = 0; i < 64; i++) {
        assert_int_equal(zeros[i], 0);
    }
    weir_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_do_not_overlap),
        cmocka_unit_test(a_reset_keeps_a_chunk_and_gives_the_same_memory_again),
        cmocka_unit_test(a_reset_does_not_keep_what_was_made_for_a_large_piece),
        cmocka_unit_test(a_large_piece_leaves_the_room_of_the_chunk),
        cmocka_unit_test(work_that_is_alike_finds_its_room_after_a_reset),
        cmocka_unit_test(what_is_trimmed_is_handed_out_again),
        cmocka_unit_test(what_is_taken_along_stays_until_its_new_arena_is_reset),
        cmocka_unit_test(sizes_that_cannot_be_are_refused),
        cmocka_unit_test(copies_end_with_a_nul_and_absent_stays_absent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
