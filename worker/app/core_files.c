/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core_files - see core_files.h.
 */
#include "worker/app/core_files.h"

#include <sys/prctl.h>
#include <sys/resource.h>

void weir_core_files_off(void)
{
    struct rlimit limit;

    /* The limit is for files; a program that takes cores over a pipe heeds only the other. */
    if (getrlimit(RLIMIT_CORE, &limit) == 0) {
        limit.rlim_cur = 0;
        (void)setrlimit(RLIMIT_CORE, &limit);
    }
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
