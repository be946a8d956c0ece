/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_connect - what `weir check --connect` asks the brokers.
 *
 * Threads: one at a time.
 */
#ifndef WEIR_APP_CHECK_CONNECT_H
#define WEIR_APP_CHECK_CONNECT_H

#include "worker/app/cli.h"

typedef struct weir_connect_setup {
    int timeout_ms;
    bool may_create; /* missing `to` and `dead` topics are made */
    bool wants_json;
} weir_connect_setup;

/*
 * Asks for every subscription: its topics, its group, `to` and `dead`. Prints one line a
 * finding to stdout, and the command that mends what is missing.
 * Returns: the exit code: 0, 69 (a broker does not answer), 78 (something is missing or
 * forbidden, or does not take what may come).
 */
int weir_check_connect(const weir_config *cfg, const weir_connect_setup *setup);

#endif
