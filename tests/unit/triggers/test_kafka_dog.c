/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kafka_dog - a call that does not come back is told, one that does is not.
 */
#include "triggers/kafka_dog.h"

#include "worker/base/clock.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka wants the ones above */
#include <cmocka.h>

#define LOOK_US 2000
#define LOOKS 3
#define MANY_LOOKS 1000
#define HANG_US INT64_C(60000000)

typedef struct kennel {
    weir_kafka_dog dog;
    weir_signal barked;
    _Atomic(const char *) call;
    atomic_uint n_barks;
} kennel;

static void on_hang(void *arg, const char *call)
{
    kennel *k = arg;

    atomic_store(&k->call, call);
    atomic_fetch_add(&k->n_barks, 1);
    weir_signal_raise(&k->barked, INT_MAX);
}

static void kennel_open(kennel *k, unsigned n_looks)
{
    *k = (kennel){ .dog = {
                       .look_us = LOOK_US, .n_looks = n_looks, .on_hang = on_hang } };
    k->dog.arg = k;
    assert_int_equal(weir_kafka_dog_start(&k->dog), 0);
}

static void a_call_that_does_not_come_back_is_told_once_with_its_name(void **state)
{
    const int64_t until_us = weir_clock_us() + HANG_US;
    kennel k;

    (void)state;
    kennel_open(&k, LOOKS);
    weir_kafka_dog_begin(&k.dog, "commit");
    for (;;) {
        const unsigned seen = weir_signal_read(&k.barked);

        if (atomic_load(&k.n_barks) > 0) {
            break;
        }
        assert_true(weir_signal_wait(&k.barked, seen, until_us));
    }
    assert_string_equal(atomic_load(&k.call), "commit");
    weir_kafka_dog_stop(&k.dog);
    assert_int_equal(atomic_load(&k.n_barks), 1);
}

/* As many looks as would do, of many calls of which each comes back. None of them takes as long
 * as all the looks, 2 s, on whatever machine. */
static void many_calls_that_come_back_are_no_hang(void **state)
{
    const int64_t until_us = weir_clock_us() + (int64_t)LOOK_US * MANY_LOOKS * 2;
    kennel k;

    (void)state;
    kennel_open(&k, MANY_LOOKS);
    while (weir_clock_us() < until_us) {
        weir_kafka_dog_begin(&k.dog, "commit");
        weir_kafka_dog_end(&k.dog);
    }
    weir_kafka_dog_stop(&k.dog);
    assert_int_equal(atomic_load(&k.n_barks), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_that_does_not_come_back_is_told_once_with_its_name),
        cmocka_unit_test(many_calls_that_come_back_are_no_hang),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
