/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker - one process that runs the subscriptions of a file: start, reload, drain, stop.
 *
 * Used by `weir run`, and by `weir dev` in a process of its own.
 */
#ifndef WEIR_APP_WORKER_H
#define WEIR_APP_WORKER_H

#include "worker/app/config.h"

typedef struct weir_worker_setup {
    const char *path; /* of the file, read again at a reload */
    /* Changes a config that was read, before it is used: `weir dev` puts its own queues in.
     * NULL: nothing. */
    weir_status (*adapt)(void *arg, weir_config *cfg, weir_err *err);
    void (*fate)(void *arg, const weir_fate *fate); /* NULL: nobody asks */
    void *arg;
} weir_worker_setup;

/* Blocks the signals that a worker waits for. Before any thread. */
void weir_worker_block_signals(void);

/*
 * Runs until it is told to stop. Takes over cfg, which was read from setup->path.
 * Returns: the exit code; does not return when calls are still open (_exit(75)).
 */
int weir_worker_main(const weir_worker_setup *setup, weir_config *cfg);

#endif
