/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* kafka_dog - see kafka_dog.h. */
#include "triggers/kafka_dog.h"

#include "worker/base/check.h"
#include "worker/base/clock.h"

#include <limits.h>
#include <stddef.h>

static void *dog_main(void *arg)
{
    weir_kafka_dog *dog = arg;
    unsigned seen_call = 0;
    unsigned n_looks = 0;

    for (;;) {
        const unsigned seen = weir_signal_read(&dog->signal);

        if (atomic_load(&dog->is_ending)) {
            return NULL;
        }
        if (weir_signal_wait(&dog->signal, seen, weir_clock_us() + dog->look_us)) {
            continue;
        }
        const char *call = atomic_load(&dog->call);
        const unsigned n_calls = atomic_load(&dog->n_calls);

        n_looks = call != NULL && n_calls == seen_call ? n_looks + 1 : 0;
        seen_call = n_calls;
        if (n_looks == dog->n_looks) {
            dog->on_hang(dog->arg, call);
        }
    }
}

int weir_kafka_dog_start(weir_kafka_dog *dog)
{
    return weir_thread_start(&dog->thread, "kafka.dog", 0, dog_main, dog);
}

void weir_kafka_dog_stop(weir_kafka_dog *dog)
{
    atomic_store(&dog->is_ending, true);
    weir_signal_raise(&dog->signal, INT_MAX);
    WEIR_ASSERT(pthread_join(dog->thread, NULL) == 0);
}

void weir_kafka_dog_begin(weir_kafka_dog *dog, const char *call)
{
    atomic_fetch_add(&dog->n_calls, 1);
    atomic_store(&dog->call, call);
}

void weir_kafka_dog_end(weir_kafka_dog *dog)
{
    atomic_store(&dog->call, NULL);
}
