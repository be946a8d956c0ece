/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meter - what every measured program of the benchmark measures with: the raw loops and the
 * functions alike, so that their figures mean the same.
 *
 * Time is CLOCK_MONOTONIC, which all processes of a machine share. Processor time is that of
 * the whole process, user and system. Histograms have 64 steps for each power of two, so a
 * percentile is right within 1.6 percent.
 *
 * Threads: any for the clocks; a histogram and a meter belong to one thread at a time.
 */
#ifndef WEIR_BENCH_METER_H
#define WEIR_BENCH_METER_H

#include <stdint.h>
#include <stdio.h>

#define BENCH_MARK_STEPS 64
#define BENCH_MARKS (BENCH_MARK_STEPS * 59)

/* Counts of nanoseconds, all zero to begin with. */
typedef struct bench_histogram {
    uint32_t marks[BENCH_MARKS];
    uint64_t n;
    int64_t most;
} bench_histogram;

/* What the counting interposer (allocs.c) has seen; all zero where it is not loaded. */
typedef struct bench_allocs {
    uint64_t all;     /* malloc, calloc, realloc and their like, by anybody */
    uint64_t clients; /* of these, called from librdkafka or hiredis */
    uint64_t system;  /* of these, called from the C library or the loader */
} bench_allocs;

/* One moment of a process. */
typedef struct bench_moment {
    int64_t at_ns, cpu_ns;
    bench_allocs allocs;
} bench_moment;

/* From the first event to the last. `warm` is where counting of allocations begins. */
typedef struct bench_meter {
    bench_moment first, warm, last;
    uint64_t n_first, n_warm, n_last;
} bench_meter;

int64_t bench_now_ns(void);
int64_t bench_cpu_ns(void);

/* Both are zero where no interposer is loaded. */
void bench_allocs_get(bench_allocs *out);
/* Tells the interposer that libraries have been loaded since the start. */
void bench_allocs_look(void);

void bench_moment_take(bench_moment *out);

void bench_histogram_add(bench_histogram *h, int64_t ns);
void bench_histogram_merge(bench_histogram *into, const bench_histogram *from);
/* The smallest value that `share` (0..1) of all are not above; 0 for an empty one. */
int64_t bench_histogram_at(const bench_histogram *h, double share);

/* As JSON, in microseconds: n, p50 to p99.99, max. */
void bench_histogram_print(FILE *file, const bench_histogram *h);

/* Writes one line of JSON: the meter, the peak of resident memory, the histogram (may be NULL). */
void bench_report(FILE *file, const bench_meter *m, const bench_histogram *h);

#endif
