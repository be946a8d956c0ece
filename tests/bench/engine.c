/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine - the whole engine on a queue in memory, without a broker, to be looked at with a
 * profiler or counted by callgrind.
 *
 *   weir-bench-engine LIBRARY N run|put
 *
 * Puts N events of 100 bytes with 1,000 keys into 8 partitions and runs the function `nothing`
 * of LIBRARY on them, in key order, raw; results would go to a sink that keeps none. `put` ends
 * before the engine starts: what it costs is no part of the path. Prints the seconds of the run.
 */
#include "handlers/library.h"
#include "tests/bench/meter.h"
#include "triggers/memory_queue.h"
#include "triggers/null_sink.h"
#include "worker/base/clock.h"
#include "worker/engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define N_PARTITIONS 8
#define N_KEYS 1000
#define N_BYTES 100
#define LOOK_NS 20000000
#define DRAIN_US 10000000

static void engine_die(const char *text)
{
    fprintf(stderr, "weir-bench-engine: %s\n", text);
    exit(1);
}

static void engine_put(weir_memory_queue *q, long n)
{
    char data[N_BYTES];

    memset(data, 'x', sizeof(data));
    for (long i = 0; i < n; i++) {
        char key[32];
        const int len = snprintf(key, sizeof(key), "key-%ld", i % N_KEYS);
        const weir_memory_record rec = { .key = { key, (size_t)len },
                                         .data = { data, sizeof(data) },
                                         .time_ms = 1 };

        if (weir_memory_queue_put(q, "in", (int32_t)(i % N_KEYS % N_PARTITIONS), &rec,
                                  NULL) != WEIR_OK) {
            engine_die("out of memory");
        }
    }
}

static long engine_committed(weir_memory_queue *q)
{
    long sum = 0;

    for (int32_t i = 0; i < N_PARTITIONS; i++) {
        uint64_t offset;

        if (weir_memory_queue_committed(q, "bench", "in", i, &offset)) {
            sum += (long)offset;
        }
    }
    return sum;
}

static void engine_run(const weir_engine_setup *setup, weir_memory_queue *q, long n)
{
    const struct timespec pause = { .tv_nsec = LOOK_NS };
    const int64_t since_ns = bench_now_ns();
    weir_engine *e = NULL;
    weir_engine_report report;
    weir_err err = { .text = "" };

    if (weir_engine_new(setup, &e, &err) != WEIR_OK ||
        weir_engine_start(e, &err) != WEIR_OK) {
        engine_die(err.text);
    }
    while (engine_committed(q) < n) {
        nanosleep(&pause, NULL);
    }
    printf("%.3f\n", (double)(bench_now_ns() - since_ns) / 1e9);
    weir_engine_stop(e, weir_clock_us() + DRAIN_US, &report);
    if (!report.is_clean) {
        engine_die("did not stop cleanly");
    }
    weir_engine_free(e);
}

static void engine_measure(char *library, long n, bool must_run)
{
    const char *const topics[] = { "in" };
    weir_memory_queue *q = weir_memory_queue_new();
    const weir_engine_queue queue = { "mem", &weir_null_sink, NULL };
    const weir_library_opts opts = { .library = library };
    weir_engine_host host = { .ops = &weir_library_host,
                              .setup = { .name = "nothing",
                                         .opts = &opts,
                                         .base_dir = ".",
                                         .config_json = "null" } };
    weir_sub_source source = { .ops = &weir_memory_source,
                               .setup = { .queue = q,
                                          .queue_name = "mem",
                                          .topics = topics,
                                          .n_topics = 1,
                                          .sub_name = "bench",
                                          .group = "bench",
                                          .service = "bench",
                                          .instance = "bench",
                                          .start = WEIR_START_EARLIEST,
                                          .commit_us = 100000,
                                          .handover_us = 2000000 } };
    weir_sub sub = { .name = "bench",
                     .group = "bench",
                     .sources = &source,
                     .n_sources = 1,
                     .codec = &weir_codec_raw,
                     .order = WEIR_ORDER_KEY,
                     .concurrency = 2,
                     .timeout_us = 20000000,
                     .batch = { .max = 1, .wait_us = 5000, .bytes = 1 << 20 },
                     .retry = { .attempts = 8, .first_us = 200000, .max_us = 60000000 },
                     .dead_mode = WEIR_DEAD_STOP };
    const weir_engine_setup setup = { .service = "bench",
                                      .instance = "bench",
                                      .stack = 1 << 20,
                                      .max_events = 20000,
                                      .max_bytes = 128 << 20,
                                      .max_event = 16 << 20,
                                      .drain_us = DRAIN_US,
                                      .queues = &queue,
                                      .n_queues = 1,
                                      .hosts = &host,
                                      .n_hosts = 1,
                                      .subs = &sub,
                                      .n_subs = 1 };

    if (q == NULL || weir_memory_queue_topic(q, "in", N_PARTITIONS) != WEIR_OK) {
        engine_die("out of memory");
    }
    engine_put(q, n);
    if (must_run) {
        engine_run(&setup, q, n);
    }
    weir_memory_queue_free(q);
}

int main(int argc, char **argv)
{
    const long n = argc == 4 ? strtol(argv[2], NULL, 10) : 0;

    if (n < 1 || (strcmp(argv[3], "run") != 0 && strcmp(argv[3], "put") != 0)) {
        fputs("usage: weir-bench-engine LIBRARY N run|put\n", stderr);
        return 64;
    }
    engine_measure(argv[1], n, strcmp(argv[3], "run") == 0);
    return 0;
}
