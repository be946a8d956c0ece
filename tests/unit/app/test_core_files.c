/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* core_files: what the kernel is told. */
#include "worker/app/core_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void a_process_that_turned_them_off_has_none(void **state)
{
    int status = -1;

    (void)state;
    const pid_t pid = fork(); /* it cannot be had back by every kernel */

    if (pid == 0) {
        struct rlimit limit = { 0 };

        getrlimit(RLIMIT_CORE, &limit);
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_CORE, &limit);
        const bool was_on = prctl(PR_GET_DUMPABLE) == 1;

        weir_core_files_off();
        getrlimit(RLIMIT_CORE, &limit);
        _exit(was_on && limit.rlim_cur == 0 && prctl(PR_GET_DUMPABLE) == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_that_turned_them_off_has_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
