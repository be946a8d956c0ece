/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* meter - see meter.h. */
#include "tests/bench/meter.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* A function of the interposer, where it is loaded; POSIX lets it pass through a void *. */
static void meter_find(const char *name, void *out, size_t size)
{
    void *const found = dlsym(RTLD_DEFAULT, name);

    memcpy(out, &found, size);
}

static int64_t meter_clock(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t bench_now_ns(void)
{
    return meter_clock(CLOCK_MONOTONIC);
}

int64_t bench_cpu_ns(void)
{
    return meter_clock(CLOCK_PROCESS_CPUTIME_ID);
}

void bench_allocs_get(bench_allocs *out)
{
    void (*get)(bench_allocs * out);

    memset(out, 0, sizeof(*out));
    meter_find("weir_bench_allocs_get", &get, sizeof(get));
    if (get != NULL) {
        get(out);
    }
}

void bench_allocs_look(void)
{
    void (*look)(void);

    meter_find("weir_bench_allocs_look", &look, sizeof(look));
    if (look != NULL) {
        look();
    }
}

void bench_moment_take(bench_moment *out)
{
    out->at_ns = bench_now_ns();
    out->cpu_ns = bench_cpu_ns();
    bench_allocs_get(&out->allocs);
}

/* Values below 64 have a step of their own; above, 64 steps for each power of two. */
static unsigned histogram_index(int64_t ns)
{
    const uint64_t value = ns > 0 ? (uint64_t)ns : 0;
    unsigned power;

    if (value < BENCH_MARK_STEPS) {
        return (unsigned)value;
    }
    power = 63 - (unsigned)__builtin_clzll(value) - 6;
    return (power + 1) * BENCH_MARK_STEPS +
           (unsigned)((value >> power) - BENCH_MARK_STEPS);
}

/* The largest value of a step. */
static int64_t histogram_value(unsigned index)
{
    const unsigned power = index / BENCH_MARK_STEPS;

    if (power == 0) {
        return index;
    }
    return (int64_t)((((uint64_t)(index % BENCH_MARK_STEPS) + BENCH_MARK_STEPS + 1)
                      << (power - 1)) -
                     1);
}

void bench_histogram_add(bench_histogram *h, int64_t ns)
{
    h->marks[histogram_index(ns)]++;
    h->n++;
    h->most = ns > h->most ? ns : h->most;
}

void bench_histogram_merge(bench_histogram *into, const bench_histogram *from)
{
    for (unsigned i = 0; i < BENCH_MARKS; i++) {
        into->marks[i] += from->marks[i];
    }
    into->n += from->n;
    into->most = from->most > into->most ? from->most : into->most;
}

int64_t bench_histogram_at(const bench_histogram *h, double share)
{
    const double wanted = share * (double)h->n;
    uint64_t n = 0;

    for (unsigned i = 0; i < BENCH_MARKS; i++) {
        n += h->marks[i];
        if (n > 0 && (double)n >= wanted) {
            const int64_t value = histogram_value(i);

            return value < h->most ? value : h->most;
        }
    }
    return h->most;
}

void bench_histogram_print(FILE *file, const bench_histogram *h)
{
    static const struct {
        const char *name;
        double share;
    } rows[] = { { "p50", 0.5 },
                 { "p90", 0.9 },
                 { "p99", 0.99 },
                 { "p99.9", 0.999 },
                 { "p99.99", 0.9999 } };

    fprintf(file, "{\"n\": %" PRIu64, h->n);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fprintf(file, ", \"%s\": %.1f", rows[i].name,
                (double)bench_histogram_at(h, rows[i].share) / 1e3);
    }
    fprintf(file, ", \"max\": %.1f}", (double)h->most / 1e3);
}

void bench_report(FILE *file, const bench_meter *m, const bench_histogram *h)
{
    const bench_allocs *from = &m->warm.allocs;
    const bench_allocs *to = &m->last.allocs;
    struct rusage use;

    getrusage(RUSAGE_SELF, &use);
    fprintf(file,
            "{\"events\": %" PRIu64 ", \"first_ns\": %" PRId64 ", \"last_ns\": %" PRId64
            ", \"first_cpu_ns\": %" PRId64 ", \"cpu_ns\": %" PRId64
            ", \"peak_kib\": %ld, \"alloc_events\": %" PRIu64 ", \"allocs\": %" PRIu64
            ", \"allocs_clients\": %" PRIu64 ", \"allocs_system\": %" PRIu64,
            m->n_last, m->first.at_ns, m->last.at_ns, m->first.cpu_ns,
            m->last.cpu_ns - m->first.cpu_ns, use.ru_maxrss, m->n_last - m->n_warm,
            to->all - from->all, to->clients - from->clients,
            to->system - from->system);
    if (h != NULL) {
        fputs(", \"latency_us\": ", file);
        bench_histogram_print(file, h);
    }
    fputs("}\n", file);
}
