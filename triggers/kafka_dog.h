/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_dog - watches over the calls of one thread, and says when one does not come back.
 *
 * Time is counted in looks, each a little after the one before, and not by the clock: a
 * process that was stopped as a whole has not been hanging.
 *
 * Threads: begin and end on the watched one; on_hang on the dog's own, once.
 */
#ifndef WEIR_TRIGGERS_KAFKA_DOG_H
#define WEIR_TRIGGERS_KAFKA_DOG_H

#include "worker/base/lock.h"

#include <stdint.h>

typedef struct weir_kafka_dog {
    int64_t look_us;
    unsigned n_looks; /* so many of one call are too many */
    void (*on_hang)(void *arg, const char *call);
    void *arg;
    pthread_t thread;
    weir_signal signal;
    atomic_bool is_ending;
    _Atomic(const char *) call; /* that is under way; NULL: none */
    atomic_uint n_calls;
} weir_kafka_dog;

/* Starts it; look_us, n_looks, on_hang and arg are set, the rest is zero. An errno, or 0. */
int weir_kafka_dog_start(weir_kafka_dog *dog);
void weir_kafka_dog_stop(weir_kafka_dog *dog);
/* A call begins, and has come back. `call` is static. */
void weir_kafka_dog_begin(weir_kafka_dog *dog, const char *call);
void weir_kafka_dog_end(weir_kafka_dog *dog);

#endif
