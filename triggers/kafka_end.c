/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_end - rd_kafka_destroy_flags() on a thread, awaited for a while.
 */
#include "triggers/kafka_end.h"

#include "worker/base/clock.h"
#include "worker/base/lock.h"

#include <limits.h>
#include <stdlib.h>

/* Shared by the two threads; whoever comes last frees it. */
typedef struct kafka_ending {
    rd_kafka_t *rk;
    int flags;
    weir_signal signal;
    atomic_bool is_done;
    atomic_int n_owners;
} kafka_ending;

static void ending_drop(kafka_ending *ending)
{
    if (atomic_fetch_sub(&ending->n_owners, 1) == 1) {
        free(ending);
    }
}

static void *ending_main(void *arg)
{
    kafka_ending *ending = arg;

    rd_kafka_destroy_flags(ending->rk, ending->flags);
    atomic_store(&ending->is_done, true);
    weir_signal_raise(&ending->signal, INT_MAX);
    ending_drop(ending);
    return NULL;
}

bool weir_kafka_end(rd_kafka_t **rk, int flags, int64_t until_us)
{
    pthread_t thread;
    kafka_ending *ending = calloc(1, sizeof(*ending));

    if (*rk == NULL) {
        free(ending);
        return true;
    }
    if (ending == NULL) {
        return false;
    }
    ending->rk = *rk;
    ending->flags = flags;
    atomic_init(&ending->n_owners, 2);
    if (weir_thread_start(&thread, "kafka.end", 0, ending_main, ending) != 0) {
        free(ending);
        return false;
    }
    pthread_detach(thread);
    *rk = NULL;
    bool is_done = false;

    for (;;) {
        const unsigned seen = weir_signal_read(&ending->signal);

        is_done = atomic_load(&ending->is_done);
        if (is_done || weir_clock_us() >= until_us) {
            break;
        }
        weir_signal_wait(&ending->signal, seen, until_us);
    }
    ending_drop(ending);
    return is_done;
}
