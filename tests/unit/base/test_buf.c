/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that grow, and JSON strings.
 */
#include "worker/base/buf.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants these before it */
#include <cmocka.h>

static void appended_pieces_stand_one_after_another(void **state)
{
    weir_buf buf = { 0 };

    (void)state;
    weir_buf_str(&buf, "ab");
    weir_buf_char(&buf, 'c');
    weir_buf_add(&buf, "d\0e", 3);
    weir_buf_printf(&buf, "%d", 42);
    assert_int_equal(buf.len, 8);
    assert_memory_equal(buf.data, "abcd\0e42", 9);
    weir_buf_fini(&buf);
}

static void a_long_printf_is_whole(void **state)
{
    weir_buf buf = { 0 };

    (void)state;
    weir_buf_printf(&buf, "%01000d|", 7);
    assert_int_equal(buf.len, 1001);
    assert_int_equal(buf.data[999], '7');
    assert_int_equal(buf.data[1001], '\0');
    weir_buf_fini(&buf);
}

static void a_failure_is_remembered_until_the_reset(void **state)
{
    weir_buf buf = { 0 };

    (void)state;
    weir_buf_str(&buf, "kept");
    assert_false(weir_buf_reserve(&buf, SIZE_MAX - 2));
    weir_buf_str(&buf, "lost");
    assert_true(buf.has_failed);
    assert_int_equal(buf.len, 4);
    weir_buf_reset(&buf);
    weir_buf_str(&buf, "new");
    assert_string_equal(buf.data, "new");
    weir_buf_fini(&buf);
}

static void a_failed_buf_gives_nothing_to_take(void **state)
{
    weir_buf buf = { .has_failed = true };

    (void)state;
    assert_null(weir_buf_take(&buf));
    assert_false(buf.has_failed);
}

static void what_is_taken_is_the_callers_and_the_buf_is_empty(void **state)
{
    weir_buf buf = { 0 };

    (void)state;
    weir_buf_str(&buf, "text");

    char *text = weir_buf_take(&buf);

    assert_string_equal(text, "text");
    assert_null(buf.data);
    free(text);
    text = weir_buf_take(&buf);
    assert_string_equal(text, "");
    free(text);
}

static void json_strings_escape_what_must_be(void **state)
{
    weir_buf buf = { 0 };

    (void)state;
    weir_buf_json(&buf, WEIR_SLICE_LIT("a\"b\\c\n\t\x01\x7f\xc3\xa4\xff|\xed\xa0\x80"));
    assert_string_equal(buf.data,
                        "\"a\\\"b\\\\c\\n\\t\\u0001\\u007f\xc3\xa4\xef\xbf\xbd|"
                        "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    weir_buf_reset(&buf);
    weir_buf_json(&buf, WEIR_SLICE_NONE);
    assert_string_equal(buf.data, "\"\"");
    weir_buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appended_pieces_stand_one_after_another),
        cmocka_unit_test(a_long_printf_is_whole),
        cmocka_unit_test(a_failure_is_remembered_until_the_reset),
        cmocka_unit_test(a_failed_buf_gives_nothing_to_take),
        cmocka_unit_test(what_is_taken_is_the_callers_and_the_buf_is_empty),
        cmocka_unit_test(json_strings_escape_what_must_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
