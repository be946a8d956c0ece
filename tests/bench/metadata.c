/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadata - what the text of a commit costs with 10,000 events finished above a stuck one.
 *
 *   weir-bench-metadata
 *
 * Prints a line of JSON: for each pattern the bytes, the microseconds of making the map and its
 * text (median of many), and how many of the finished events are in it.
 */
#include "tests/bench/meter.h"
#include "triggers/ack_map.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define N_FINISHED 10000
#define N_TIMES 501

typedef enum pattern {
    ALL,
    EACH_SECOND,
    RANDOM_HALF,
    RANDOM_TENTH,
    BURSTS,
    N_PATTERNS
} pattern;

static const char *const pattern_names[N_PATTERNS] = {
    "all finished", "each second one", "a random half", "a random tenth open", "bursts"
};

static uint32_t runs[4 * N_FINISHED + 2];

/* xorshift: the same patterns in every run. */
static uint32_t metadata_dice(void)
{
    static uint32_t state = 20261121;

    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static bool metadata_is_done(pattern p, long i)
{
    switch (p) {
    case EACH_SECOND:
        return i % 2 == 1;
    case RANDOM_HALF:
        return metadata_dice() % 2 == 0;
    case RANDOM_TENTH:
        return metadata_dice() % 10 != 0;
    case BURSTS:
        return i / 100 % 2 == 1;
    default:
        return true;
    }
}

/* Lengths of runs, unfinished first, until N_FINISHED are finished; returns how many. */
static size_t metadata_make(pattern p, uint32_t *lengths)
{
    size_t n = 1;
    long n_done = 0;

    lengths[0] = 1; /* the stuck event */
    for (long i = 1; n_done < N_FINISHED; i++) {
        const bool is_done = metadata_is_done(p, i);

        n_done += is_done;
        if (is_done == (n % 2 == 0)) {
            lengths[n - 1]++;
        } else {
            lengths[n++] = 1;
        }
    }
    return n;
}

static int64_t metadata_once(const uint32_t *lengths, size_t n, char *text,
                             size_t *bytes, int64_t *covered)
{
    const int64_t since_ns = bench_now_ns();
    weir_ack_map map;

    weir_ack_map_begin(&map, 1000000, runs, sizeof(runs) / sizeof(runs[0]));
    for (size_t i = 0; i < n; i++) {
        weir_ack_map_add(&map, i % 2 == 1, lengths[i]);
    }
    *bytes = weir_ack_map_encode(&map, WEIR_ACK_MAP_MAX_BYTES, text, covered);
    return bench_now_ns() - since_ns;
}

static long metadata_covered(const uint32_t *lengths, size_t n, int64_t covered)
{
    int64_t at = 1000000;
    long n_done = 0;

    for (size_t i = 0; i < n && at < covered; i++) {
        n_done += i % 2 == 1 ? (long)lengths[i] : 0;
        at += lengths[i];
    }
    return n_done;
}

int main(void)
{
    static uint32_t lengths[4 * N_FINISHED + 2];
    char text[WEIR_ACK_MAP_MAX_BYTES + 1];

    printf("{\"patterns\": [");
    for (int p = 0; p < N_PATTERNS; p++) {
        const size_t n = metadata_make((pattern)p, lengths);
        static bench_histogram times;
        size_t bytes = 0;
        int64_t covered = 0;

        times = (bench_histogram){ .n = 0 };
        for (int i = 0; i < N_TIMES; i++) {
            bench_histogram_add(&times,
                                metadata_once(lengths, n, text, &bytes, &covered));
        }
        printf("%s{\"name\": \"%s\", \"runs\": %zu, \"bytes\": %zu, \"us\": %.1f, "
               "\"covered\": %ld}",
               p > 0 ? ", " : "", pattern_names[p], n, bytes,
               (double)bench_histogram_at(&times, 0.5) / 1e3,
               metadata_covered(lengths, n, covered));
    }
    printf("]}\n");
    return 0;
}
