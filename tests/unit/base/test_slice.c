/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparing slices, and the check of UTF-8.
 */
#include "worker/base/slice.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants these before it */
#include <cmocka.h>

static void absent_and_empty_slices_differ(void **state)
{
    (void)state;
    assert_false(weir_slice_eq(WEIR_SLICE_NONE, WEIR_SLICE_LIT("")));
    assert_true(weir_slice_eq(WEIR_SLICE_NONE, weir_slice_of(NULL)));
    assert_true(weir_slice_is(WEIR_SLICE_LIT("ab"), "ab"));
    assert_false(weir_slice_is(WEIR_SLICE_LIT("ab"), "abc"));
    assert_true(weir_slice_starts(WEIR_SLICE_LIT("abc"), WEIR_SLICE_LIT("ab")));
    assert_true(weir_slice_ends(WEIR_SLICE_LIT("abc"), WEIR_SLICE_LIT("bc")));
    assert_false(weir_slice_ends(WEIR_SLICE_LIT("c"), WEIR_SLICE_LIT("bc")));
}

static void valid_utf8_is_accepted_at_every_length(void **state)
{
    const char *text =
        "plain text of some length, then \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80 end";

    (void)state;
    assert_true(weir_utf8_ok(weir_slice_of(text)));
    assert_true(weir_utf8_ok(WEIR_SLICE_NONE));
    assert_true(weir_utf8_ok(WEIR_SLICE_LIT("a\0b")));
    assert_true(
        weir_utf8_ok(WEIR_SLICE_LIT("\xf4\x8f\xbf\xbf\xed\x9f\xbf\xee\x80\x80")));
}

static void invalid_utf8_is_refused_wherever_it_stands(void **state)
{
    static const char *const wrong[] = {
        "\x80",
        "\xc0\xaf",
        "\xc1\xbf",
        "\xe0\x9f\xbf",
        "\xed\xa0\x80",
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "\xc3",
        "\xe2\x82",
        "\xf0\x9f\x98",
        "\xe2\x28\xa1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        for (size_t before = 0; before < 20; before++) {
            char text[64] = "abcdefghijklmnopqrst";

            memcpy(text + before, wrong[i], strlen(wrong[i]) + 1);
            assert_false(weir_utf8_ok(weir_slice_of(text)));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_and_empty_slices_differ),
        cmocka_unit_test(valid_utf8_is_accepted_at_every_length),
        cmocka_unit_test(invalid_utf8_is_refused_wherever_it_stands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
