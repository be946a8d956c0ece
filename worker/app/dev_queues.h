/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dev_queues - the queues that `weir dev` starts for itself, each in a process of its own.
 *
 * They end with this process, however it ends.
 *
 * Threads: one at a time, before any other.
 */
#ifndef WEIR_APP_DEV_QUEUES_H
#define WEIR_APP_DEV_QUEUES_H

#include "worker/app/cli.h"

#include <sys/types.h>

#define WEIR_DEV_QUEUES 32

typedef struct weir_dev_queue {
    char name[64];
    char address[256];
    const weir_queue_type *type;
    pid_t pid;
    FILE *to, *from; /* orders and answers; NULL for a program of others */
} weir_dev_queue;

typedef struct weir_dev_queues {
    weir_dev_queue items[WEIR_DEV_QUEUES];
    size_t n;
} weir_dev_queues;

/* Starts a child of our own program: "weir" and these words. */
pid_t weir_dev_spawn_self(const char *const *args, int in, int out, int death_signal);

/* True if --live names that queue. */
bool weir_dev_is_live(const weir_cli *cli, const char *queue);

/*
 * Starts what cfg's queues need that are not live and not running yet, and puts their addresses
 * into cfg. WEIR_OK; WEIR_ENOENT if a program is missing; WEIR_EIO.
 */
weir_status weir_dev_queues_start(weir_dev_queues *queues, weir_config *cfg,
                                  const weir_cli *cli, weir_err *err);
/* Makes the topics that the subscriptions name, with so many partitions. */
weir_status weir_dev_queues_topics(weir_dev_queues *queues, const weir_config *cfg,
                                   int n_partitions, weir_err *err);
/* The queue with that process; NULL: none. */
const weir_dev_queue *weir_dev_queues_of(const weir_dev_queues *queues, pid_t pid);
void weir_dev_queues_stop(weir_dev_queues *queues);

#endif
