/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What ${} in a value becomes. */
#include "worker/app/config_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static weir_status expand(const char *text, char *out, size_t cap, size_t *at,
                          weir_err *err)
{
    weir_arena arena;
    char *got = NULL;
    bool is_secret = false, is_from_env = false;

    weir_arena_init(&arena, 0);
    const weir_status st =
        weir_expand_text(text, ".", &arena, &got, &is_secret, &is_from_env, at, err);
    snprintf(out, cap, "%s%s%s", is_secret ? "secret:" : "", is_from_env ? "env:" : "",
             st == WEIR_OK ? got : "");
    weir_arena_fini(&arena);
    return st;
}

static void expands_to(const char *text, const char *wanted)
{
    char got[256];
    size_t at = 0;
    weir_err err = { 0 };

    assert_int_equal(expand(text, got, sizeof(got), &at, &err), WEIR_OK);
    assert_string_equal(got, wanted);
}

static void fails_at(const char *text, size_t wanted, const char *words)
{
    char got[256];
    size_t at = 0;
    weir_err err = { 0 };

    assert_int_equal(expand(text, got, sizeof(got), &at, &err), WEIR_ECONFIG);
    assert_int_equal(at, wanted);
    assert_non_null(strstr(err.text, words));
}

static void expand_replaces_variables_and_keeps_the_rest(void **state)
{
    (void)state;
    setenv("WEIR_TEST_A", "one", 1);
    expands_to("x ${WEIR_TEST_A}-${WEIR_TEST_A} y", "env:x one-one y");
    expands_to("plain", "plain");
    expands_to("$$ and $${A}", "$ and ${A}");
}

static void expand_uses_the_default_for_what_is_unset_or_empty(void **state)
{
    (void)state;
    unsetenv("WEIR_TEST_B");
    expands_to("${WEIR_TEST_B:-d:-e}", "d:-e");
    expands_to("[${WEIR_TEST_B:-}]", "[]");
    setenv("WEIR_TEST_B", "", 1);
    expands_to("${WEIR_TEST_B:-d}", "d");
}

static void expand_does_not_look_at_what_a_variable_holds(void **state)
{
    (void)state;
    setenv("WEIR_TEST_C", "${WEIR_TEST_A} $x", 1);
    expands_to("${WEIR_TEST_C}", "env:${WEIR_TEST_A} $x");
}

static void expand_reads_a_file_and_drops_one_newline(void **state)
{
    char path[] = "/tmp/weir-expand-XXXXXX";
    char text[64];

    (void)state;
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "pw\n\n", 4), 4);
    close(fd);
    snprintf(text, sizeof(text), "a${file:%s}b", path);
    expands_to(text, "secret:apw\nb");
    unlink(path);
    fails_at(text, 1, "cannot read");
}

static void expand_says_where_it_went_wrong(void **state)
{
    (void)state;
    unsetenv("WEIR_TEST_D");
    fails_at("ab${WEIR_TEST_D}", 2, "WEIR_TEST_D");
    fails_at("a$", 1, "write `$$`");
    fails_at("a $b", 2, "write `$$`");
    fails_at("${A", 0, "without `}`");
    fails_at("${1A}", 0, "names no variable");
    fails_at("${}", 0, "names no variable");
    fails_at("${A:default}", 0, "none of");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expand_replaces_variables_and_keeps_the_rest),
        cmocka_unit_test(expand_uses_the_default_for_what_is_unset_or_empty),
        cmocka_unit_test(expand_does_not_look_at_what_a_variable_holds),
        cmocka_unit_test(expand_reads_a_file_and_drops_one_newline),
        cmocka_unit_test(expand_says_where_it_went_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
