/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch - says when a topic has N records, and how much processor time a process had used by
 * then: the end of a copy, as seen from outside.
 *
 *   weir-bench-watch ADDRESS TOPIC PARTITIONS N PID SECONDS
 *
 * Prints one line of JSON: events, at_ns (CLOCK_MONOTONIC), cpu_ns (of PID since its start).
 * Ends without the N records after SECONDS, with what there is then.
 */
#include "tests/bench/client.h"
#include "tests/bench/meter.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

#define LOOK_NS 2000000
#define ASK_MS 5000

static int64_t watch_cpu_ns(pid_t pid)
{
    struct timespec ts;
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &ts) != 0) {
        return 0;
    }
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int64_t watch_sum(rd_kafka_t *rk, const char *topic, int n_partitions)
{
    int64_t sum = 0;

    for (int32_t i = 0; i < n_partitions; i++) {
        int64_t low = 0;
        int64_t high = 0;

        if (rd_kafka_query_watermark_offsets(rk, topic, i, &low, &high, ASK_MS) ==
            RD_KAFKA_RESP_ERR_NO_ERROR) {
            sum += high;
        }
    }
    return sum;
}

int main(int argc, char **argv)
{
    const struct timespec pause = { .tv_nsec = LOOK_NS };

    if (argc != 7) {
        fputs("usage: weir-bench-watch ADDRESS TOPIC PARTITIONS N PID SECONDS\n",
              stderr);
        return 64;
    }
    const int n_partitions = (int)bench_number(argv[3], 1);
    const long n = bench_number(argv[4], 0);
    const pid_t pid = (pid_t)bench_number(argv[5], 1);
    const int64_t until_ns = bench_now_ns() + bench_number(argv[6], 0) * 1000000000;
    rd_kafka_t *rk = bench_client(RD_KAFKA_PRODUCER, argv[1], NULL, NULL, NULL, NULL);
    int64_t sum;
    while ((sum = watch_sum(rk, argv[2], n_partitions)) < n &&
           bench_now_ns() < until_ns) {
        nanosleep(&pause, NULL);
    }
    printf("{\"events\": %" PRId64 ", \"at_ns\": %" PRId64 ", \"cpu_ns\": %" PRId64
           "}\n",
           sum, bench_now_ns(), watch_cpu_ns(pid));
    rd_kafka_destroy(rk);
    return 0;
}
