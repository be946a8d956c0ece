/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * count - the function of the benchmark: does nothing, but measures from its first event to
 * its last as the raw loop does, and writes what it measured to a file.
 *
 * config.events: how many events there are; config.report: the file.
 */
#include <weir/handler.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

typedef struct count {
    int64_t n_events;
    char report[4096];
    atomic_long n_seen;
    double since, cpu;
} count;

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double cpu(void)
{
    struct rusage use;

    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

static int init(const weir_setup *setup, void **state)
{
    const weir_value *config = weir_setup_value(setup);
    count *self = calloc(1, sizeof(*self));
    weir_slice report;

    if (self == NULL ||
        !weir_value_int(weir_value_at(config, "/events"), &self->n_events) ||
        !weir_value_string(weir_value_at(config, "/report"), &report) ||
        report.len >= sizeof(self->report)) {
        free(self);
        return 1;
    }
    snprintf(self->report, sizeof(self->report), "%.*s", (int)report.len, report.data);
    *state = self;
    return 0;
}

static weir_verdict handle(void *state, const weir_event *ev, weir_call *call)
{
    count *self = state;
    const long n = atomic_fetch_add(&self->n_seen, 1) + 1;
    FILE *file;

    (void)ev;
    (void)call;
    if (n == 1) {
        self->since = now();
        self->cpu = cpu();
    }
    if (n == self->n_events && (file = fopen(self->report, "we")) != NULL) {
        fprintf(file, "%.6f %.6f\n", now() - self->since, cpu() - self->cpu);
        fclose(file);
    }
    return WEIR_DONE;
}

static const weir_function functions[] = {
    { .name = "count",
      .about = "counts events and measures how long they took",
      .version = "1.0.0",
      .init = init,
      .fini = free,
      .handle = handle },
};
WEIR_FUNCTIONS(functions);
