/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_env - who may set which variable.
 */
#include "handlers/env.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int n_written;

/* Stands before the C library's, and counts. */
int setenv(const char *name, const char *value, int overwrite)
{
    int (*next)(const char *, const char *, int);

    *(void **)(void *)&next = dlsym(RTLD_NEXT, "setenv");
    n_written++;
    return next(name, value, overwrite);
}

static weir_status claim(const char *owner, const char *name, const char *value,
                         weir_err *err)
{
    weir_opt_map vars = { 0 };
    weir_status st;

    assert_true(weir_opt_map_add(&vars, name, value));
    st = weir_env_claim(owner, &vars, err);
    weir_opt_map_fini(&vars);
    return st;
}

static void a_claimed_variable_is_set_over_what_was_there(void **state)
{
    (void)state;
    assert_int_equal(setenv("WEIR_T_A", "outside", 1), 0);
    assert_int_equal(claim("f", "WEIR_T_A", "inside", NULL), WEIR_OK);
    assert_string_equal(getenv("WEIR_T_A"), "inside");
    weir_env_give("f");
}

static void two_owners_may_share_a_value_but_not_differ(void **state)
{
    weir_err err;

    (void)state;
    assert_int_equal(claim("f", "WEIR_T_B", "1", NULL), WEIR_OK);
    assert_int_equal(claim("g", "WEIR_T_B", "1", NULL), WEIR_OK);
    assert_int_equal(claim("h", "WEIR_T_B", "2", &err), WEIR_ECONFIG);
    assert_non_null(strstr(err.text, "WEIR_T_B"));
    assert_true(strstr(err.text, " f") != NULL || strstr(err.text, " g") != NULL);
    assert_string_equal(getenv("WEIR_T_B"), "1");
    weir_env_give("f");
    weir_env_give("g");
    assert_int_equal(claim("h", "WEIR_T_B", "2", NULL), WEIR_OK);
    weir_env_give("h");
}

static void a_refused_claim_sets_nothing(void **state)
{
    weir_opt_map vars = { 0 };

    (void)state;
    assert_int_equal(unsetenv("WEIR_T_C"), 0);
    assert_true(weir_opt_map_add(&vars, "WEIR_T_C", "1"));
    assert_true(weir_opt_map_add(&vars, "BAD=NAME", "1"));
    assert_int_equal(weir_env_claim("f", &vars, NULL), WEIR_ECONFIG);
    assert_null(getenv("WEIR_T_C"));
    weir_opt_map_fini(&vars);
}

static void a_variable_that_has_its_value_is_not_written_again(void **state)
{
    int before;

    (void)state;
    assert_int_equal(claim("f", "WEIR_T_D", "same", NULL), WEIR_OK);
    before = n_written;
    assert_int_equal(claim("f", "WEIR_T_D", "same", NULL), WEIR_OK);
    assert_int_equal(n_written, before);
    assert_int_equal(claim("f", "WEIR_T_D", "other", NULL), WEIR_OK);
    assert_int_equal(n_written, before + 1);
    weir_env_give("f");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_claimed_variable_is_set_over_what_was_there),
        cmocka_unit_test(two_owners_may_share_a_value_but_not_differ),
        cmocka_unit_test(a_refused_claim_sets_nothing),
        cmocka_unit_test(a_variable_that_has_its_value_is_not_written_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
