/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_stall - a partition that does not move is counted and shown with its reason until
 * it does.
 */
#include "tests/support/engine_rig.h"
#include "worker/base/buf.h"
#include "worker/base/metric.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
/* cmocka wants the ones above */
#include <cmocka.h>

static atomic_bool may_go;

static weir_verdict wait_for_leave(void *arg, weir_call *call)
{
    while (!atomic_load(&may_go)) {
        weir_rig_breathe();
    }
    return weir_rig_echo(arg, call);
}

static uint64_t n_stalls(void)
{
    return weir_metric_count(weir_metric_get1(WEIR_M_STALLS, "f.in"));
}

static bool is_shown(rig *r, const char *text)
{
    weir_buf json = { .data = NULL };

    weir_engine_describe(r->e, &json);
    weir_buf_char(&json, '\0');
    const bool is_there = strstr(json.data, text) != NULL;

    weir_buf_fini(&json);
    return is_there;
}

static void a_part_that_stands_is_counted_once_and_shown_until_it_moves(void **state)
{
    const uint64_t before = n_stalls();
    rig r;

    (void)state;
    weir_rig_open(&r);
    r.functions[0].fn = wait_for_leave;
    r.setup.stall_us = 1;
    r.subs[0].timeout_us = 1;
    r.subs[0].retry.max_us = 1;
    weir_rig_start(&r);
    weir_rig_put(&r, "in", 0, "k", "one");
    weir_rig_put(&r, "in", 0, "k", "two");
    RIG_WAIT(n_stalls() == before + 1);
    RIG_WAIT(is_shown(&r,
                      "\"stalled\":\"mem:in/0@0 is in the function (attempt 1), and 1 "
                      "wait behind it\""));
    atomic_store(&may_go, true);
    RIG_WAIT(weir_rig_committed(&r, 0) == 2);
    RIG_WAIT(!is_shown(&r, "\"stalled\""));
    assert_int_equal(n_stalls(), before + 1);
    weir_rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_that_stands_is_counted_once_and_shown_until_it_moves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
