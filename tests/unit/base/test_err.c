/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts for people.
 */
#include "worker/base/err.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants these before it */
#include <cmocka.h>

#include <string.h>

static void a_failure_keeps_its_status_and_text(void **state)
{
    weir_err err;

    (void)state;
    assert_int_equal(weir_fail(&err, WEIR_EIO, "journal %s: %d", "x", 5), WEIR_EIO);
    assert_int_equal(err.st, WEIR_EIO);
    assert_string_equal(err.text, "journal x: 5");
    assert_int_equal(weir_fail(NULL, WEIR_EFULL, "nobody reads %d", 1), WEIR_EFULL);
}

static void a_text_may_quote_the_one_before_it(void **state)
{
    weir_err err;

    (void)state;
    (void)weir_fail(&err, WEIR_EIO, "inner");
    (void)weir_fail(&err, WEIR_EINVAL, "outer (%s)", err.text);
    assert_string_equal(err.text, "outer (inner)");
}

static void a_prefix_stands_in_front(void **state)
{
    weir_err err;

    (void)state;
    (void)weir_fail(&err, WEIR_EIO, "disk full");
    assert_int_equal(weir_err_prefix(&err, "capture %s", "a.weir"), WEIR_EIO);
    assert_string_equal(err.text, "capture a.weir: disk full");
}

static void long_texts_are_cut(void **state)
{
    weir_err err;
    char text[2 * WEIR_ERR_MAX];

    (void)state;
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    (void)weir_fail(&err, WEIR_EIO, "%s", text);
    assert_int_equal(strlen(err.text), WEIR_ERR_MAX - 1);
    (void)weir_err_prefix(&err, "%s", "front");
    assert_int_equal(strlen(err.text), WEIR_ERR_MAX - 1);
    assert_memory_equal(err.text, "front: x", 8);
}

static void every_status_has_words_of_its_own(void **state)
{
    (void)state;
    for (int i = WEIR_OK; i <= WEIR_EINTERNAL; i++) {
        assert_string_not_equal(weir_status_text((weir_status)i), "unknown status");
        for (int k = WEIR_OK; k < i; k++) {
            assert_string_not_equal(weir_status_text((weir_status)i),
                                    weir_status_text((weir_status)k));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_keeps_its_status_and_text),
        cmocka_unit_test(a_text_may_quote_the_one_before_it),
        cmocka_unit_test(a_prefix_stands_in_front),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(every_status_has_words_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
