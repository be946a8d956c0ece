/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place - what a verb without a subscription works on: a queue of the file and a topic.
 *
 * While `weir dev` runs with the same state_dir, these verbs use its queues and say so; with
 * --live they use those of the file.
 *
 * Threads: one at a time.
 */
#ifndef WEIR_APP_PLACE_H
#define WEIR_APP_PLACE_H

#include "worker/app/cli.h"

typedef struct weir_place {
    const weir_config_queue *queue;
    weir_address at;
} weir_place;

/* The options that such a verb has: -c is common; --live is here. */
#define WEIR_PLACE_LIVE                                                                \
    {                                                                                  \
        "live", 0, NULL, "use the queues of the file, also while `weir dev` runs"      \
    }

/* Loads the file and finds the address; on WEIR_EXIT_OK the caller frees *out. */
int weir_place_open(const weir_cli *cli, const char *address, weir_config **out,
                    weir_place *place);

/* -- what `weir dev` leaves for them ------------------------------------------------------- */

/* Locks the state file and writes "queue address" lines; *fd keeps the lock until closed. */
weir_status weir_dev_publish(const weir_config *cfg, const char *text, int *fd,
                             weir_err *err);
/* Puts the addresses of a running `weir dev` into cfg. *n: how many queues; 0: none runs. */
weir_status weir_dev_adapt(weir_config *cfg, size_t *n, weir_err *err);

#endif
