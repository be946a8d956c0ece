/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kafka_renew - the Kafka sink while its client is made anew after a fatal error: each output
 * is answered, and senders on other threads never touch the old one.
 */
#include "tests/support/kafka_sink_rig.h"

#include <pthread.h>
#include <sched.h>

static void a_fatal_error_answers_everything_and_a_new_producer_goes_on(void **state)
{
    char topic[80];
    rig *r = rig_new(8 << 20);
    weir_kafka_sender *sender = r->self;

    (void)state;
    new_topic(topic, 1, NULL);
    void *target = rig_target(r, topic);

    for (size_t i = 0; i < 200; i++) {
        rig_out(r, i, target, "k", WEIR_SLICE_LIT("x"));
    }
    rig_send_all(r, 0, 100);
    weir_lock_take(&sender->lock);
    assert_int_equal(rd_kafka_test_fatal_error(
                         sender->producers[WEIR_KAFKA_BATCHED].rk,
                         RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "test"),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    weir_lock_give(&sender->lock);
    rig_send_all(r, 100, 200);
    for (size_t i = 0; i < 200; i++) {
        assert_int_equal(r->answers[i], WEIR_SENT_OK);
        assert_int_equal(r->n_answers[i], 1);
    }
    assert_int_equal(kit_read(r->queue.brokers, topic, NULL, NULL), 200);
    rig_free(r);
}

typedef struct sender {
    rig *r;
    size_t from, to;
} sender;

static void *send_range(void *arg)
{
    const sender *own = arg;

    rig_send_all(own->r, own->from, own->to);
    return NULL;
}

static size_t n_answered(rig *r)
{
    weir_lock_take(&r->lock);
    const size_t n = r->n_answered;

    weir_lock_give(&r->lock);
    return n;
}

static void threads_send_on_while_the_producer_is_renewed(void **state)
{
    enum { THREADS = 3, EACH = 800, TIMES = 4 };
    pthread_t threads[THREADS];
    sender senders[THREADS];
    char topic[80];
    rig *r = rig_new(8 << 20);
    weir_kafka_sender *sink = r->self;

    (void)state;
    new_topic(topic, 2, NULL);
    void *target = rig_target(r, topic);

    for (size_t i = 0; i < THREADS * EACH; i++) {
        rig_out(r, i, target, "k", WEIR_SLICE_LIT("x"));
    }
    for (size_t i = 0; i < THREADS; i++) {
        senders[i] = (sender){ r, i * EACH, (i + 1) * EACH };
        assert_int_equal(pthread_create(&threads[i], NULL, send_range, &senders[i]), 0);
    }
    for (size_t i = 1; i <= TIMES; i++) {
        while (n_answered(r) < i * 200) {
            sched_yield();
        }
        weir_lock_take(&sink->lock);
        if (sink->producers[WEIR_KAFKA_BATCHED].rk != NULL) {
            rd_kafka_test_fatal_error(sink->producers[WEIR_KAFKA_BATCHED].rk,
                                      RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
                                      "test");
        }
        weir_lock_give(&sink->lock);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (size_t i = 0; i < THREADS * EACH; i++) {
        assert_int_equal(r->answers[i], WEIR_SENT_OK);
        assert_int_equal(r->n_answers[i], 1);
    }
    rig_free(r);
}

static int setup_group(void **state)
{
    (void)state;
    return kit_share_kafka(&kafka);
}

static int teardown_group(void **state)
{
    (void)state;
    weir_broker_free(kafka);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fatal_error_answers_everything_and_a_new_producer_goes_on),
        cmocka_unit_test(threads_send_on_while_the_producer_is_renewed),
    };

    return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
