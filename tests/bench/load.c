/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load - an open-loop load: events are sent at the moments of a plan, whatever became of those
 * before, and carry the moment of the plan, so that a late answer is never left out and a late
 * send counts as late.
 *
 *   weir-bench-load ADDRESS TOPIC RATE WARM SECONDS SLOW_MS [RESULTS]
 *
 * RATE events a second with 1,000 keys and 100 bytes, of which the first 8 are the planned
 * CLOCK_MONOTONIC in nanoseconds. For the first WARM seconds they are 0: not measured. Each
 * SLOW_MS (0: never) one event with the key "slow" comes in between. With RESULTS, that topic
 * is read at the same time, and the age of its payloads measured: from the plan to a result
 * that a reader of the topic sees. The sender waits 1 ms (linger.ms) to fill its batches.
 *
 * Prints one line of JSON: sent (events), late_us (99.9 percent were sent no later than that),
 * results, and the histogram of the results.
 */
#include "tests/bench/client.h"
#include "tests/bench/meter.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#define N_KEYS 1000
#define N_BYTES 100
#define SECOND_NS 1000000000L
#define GRACE_NS (10 * SECOND_NS) /* for results that are still missing at the end */

typedef struct load {
    const char *address, *results;
    long rate, warm, seconds, slow_ms;
    atomic_long n_results, n_wanted; /* n_wanted -1: not known yet */
    bench_histogram ages, late;
} load;

/* A reader that waits for nothing but its events. */
static const bench_setting load_reader[] = {
    { "group.id", "load" },
    { "enable.auto.commit", "false" },
    { "auto.offset.reset", "earliest" },
    { "fetch.wait.max.ms", "100" },
    { NULL, NULL },
};

static const bench_setting load_sender[] = {
    { "linger.ms", "1" },
    { "partitioner", "murmur2_random" },
    { NULL, NULL },
};

static void load_take(load *l, const rd_kafka_message_t *msg)
{
    int64_t sent_ns = 0;

    if (msg->len >= sizeof(sent_ns)) {
        memcpy(&sent_ns, msg->payload, sizeof(sent_ns));
    }
    if (sent_ns != 0) {
        bench_histogram_add(&l->ages, bench_now_ns() - sent_ns);
    }
    atomic_fetch_add(&l->n_results, 1);
}

static bool load_must_read(load *l, int64_t *until_ns)
{
    const long n_wanted = atomic_load(&l->n_wanted);

    if (n_wanted >= 0 && *until_ns == 0) {
        *until_ns = bench_now_ns() + GRACE_NS;
    }
    return n_wanted < 0 ||
           (atomic_load(&l->n_results) < n_wanted && bench_now_ns() < *until_ns);
}

static void *load_read(void *arg)
{
    load *l = arg;
    rd_kafka_t *rk =
        bench_client(RD_KAFKA_CONSUMER, l->address, load_reader, NULL, NULL, l);
    rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(8);
    int64_t until_ns = 0;

    for (int32_t i = 0; i < 8; i++) {
        rd_kafka_topic_partition_list_add(all, l->results, i)->offset = 0;
    }
    rd_kafka_poll_set_consumer(rk);
    rd_kafka_assign(rk, all);
    while (load_must_read(l, &until_ns)) {
        rd_kafka_message_t *msg = rd_kafka_consumer_poll(rk, 100);

        if (msg != NULL && msg->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            load_take(l, msg);
        }
        if (msg != NULL) {
            rd_kafka_message_destroy(msg);
        }
    }
    rd_kafka_topic_partition_list_destroy(all);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return NULL;
}

static void load_send(rd_kafka_t *rk, rd_kafka_topic_t *topic, const char *key,
                      int64_t stamp)
{
    char data[N_BYTES];

    memset(data, 'x', sizeof(data));
    memcpy(data, &stamp, sizeof(stamp));
    while (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, data,
                            sizeof(data), key, strlen(key), NULL) != 0) {
        rd_kafka_poll(rk, 1);
    }
}

/* Returns how many were sent. */
static long load_run(load *l, rd_kafka_t *rk, rd_kafka_topic_t *topic)
{
    const int64_t begin_ns = bench_now_ns() + SECOND_NS / 100;
    const long n = (l->warm + l->seconds) * l->rate;
    long n_slow = 0;

    for (long i = 0; i < n; i++) {
        const int64_t since_ns =
            (int64_t)((double)i * (double)SECOND_NS / (double)l->rate);
        const int64_t at_ns = begin_ns + since_ns;
        const bool is_warm = since_ns >= l->warm * SECOND_NS;
        const struct timespec ts = { .tv_sec = at_ns / SECOND_NS,
                                     .tv_nsec = at_ns % SECOND_NS };
        char key[32];

        if (at_ns > bench_now_ns()) {
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
        }
        if (l->slow_ms > 0 && is_warm &&
            since_ns - l->warm * SECOND_NS >= n_slow * l->slow_ms * 1000000) {
            load_send(rk, topic, "slow", at_ns);
            n_slow++;
        }
        snprintf(key, sizeof(key), "key-%ld", i % N_KEYS);
        load_send(rk, topic, key, is_warm ? at_ns : 0);
        if (is_warm) {
            bench_histogram_add(&l->late, bench_now_ns() - at_ns);
        }
        rd_kafka_poll(rk, 0);
    }
    if (rd_kafka_flush(rk, 30000) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        bench_die("events were not delivered");
    }
    return n + n_slow;
}

int main(int argc, char **argv)
{
    static load l;
    pthread_t reader;

    if (argc != 7 && argc != 8) {
        fputs("usage: weir-bench-load ADDRESS TOPIC RATE WARM SECONDS SLOW_MS "
              "[RESULTS]\n",
              stderr);
        return 64;
    }
    l.address = argv[1];
    l.rate = bench_number(argv[3], 1);
    l.warm = bench_number(argv[4], 0);
    l.seconds = bench_number(argv[5], 1);
    l.slow_ms = bench_number(argv[6], 0);
    l.results = argc == 8 ? argv[7] : NULL;
    atomic_store(&l.n_wanted, -1);
    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0); /* sleeps end when they should */
    rd_kafka_t *rk =
        bench_client(RD_KAFKA_PRODUCER, l.address, load_sender, NULL, NULL, &l);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, argv[2], NULL);
    if (l.results != NULL && pthread_create(&reader, NULL, load_read, &l) != 0) {
        bench_die("no thread");
    }
    const long n = load_run(&l, rk, topic);
    atomic_store(&l.n_wanted, n);
    if (l.results != NULL) {
        pthread_join(reader, NULL);
    }
    printf("{\"sent\": %ld, \"late_us\": %.1f, \"results\": %ld, \"latency_us\": ", n,
           (double)bench_histogram_at(&l.late, 0.999) / 1e3, atomic_load(&l.n_results));
    bench_histogram_print(stdout, &l.ages);
    puts("}");
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
    return 0;
}
