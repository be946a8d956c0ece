/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_trace - the history of a seed: its hash, and what is printed when it fails.
 *
 * The history goes to stdout, where nothing else is said: a sanitizer or a library that writes
 * to stderr must not make two prints of one history differ.
 */
#include "tests/sim/sim.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define TRACE_LAST 60 /* steps that a failure prints */
#define TRACE_CPU_S 60

typedef struct trace_step {
    int64_t at_us;
    const char *what;
    int process;
    int64_t a, b, c;
} trace_step;

static struct {
    uint64_t seed, hash, n;
    bool is_printed;
    trace_step last[TRACE_LAST];
} trace;

static void trace_print(FILE *to, const trace_step *step)
{
    fprintf(to, "  %10.3f ms  process %2d  %-24s %lld %lld %lld\n",
            (double)step->at_us / 1000, step->process, step->what, (long long)step->a,
            (long long)step->b, (long long)step->c);
}

static void trace_print_last(void)
{
    const uint64_t first = trace.n > TRACE_LAST ? trace.n - TRACE_LAST : 0;

    (void)fflush(stdout);
    fprintf(stderr, "the last steps:\n");
    for (uint64_t i = first; i < trace.n; i++) {
        trace_print(stderr, &trace.last[i % TRACE_LAST]);
    }
    fprintf(stderr, "the threads:\n");
    sim_sched_print();
    fprintf(stderr,
            "seed %llu failed at step %llu; again: weir-sim --seed %llu --trace\n",
            (unsigned long long)trace.seed, (unsigned long long)trace.n,
            (unsigned long long)trace.seed);
}

/* An assertion of weir's own, or a fault of memory: the history belongs to it. */
static void trace_on_signal(int number)
{
    signal(number, SIG_DFL);
    fprintf(stderr, "broken: signal %d (%s)\n", number, strsignal(number));
    trace_print_last();
    fflush(stderr);
    _exit(1);
}

void sim_trace_begin(uint64_t seed, bool is_printed)
{
    /* Of the processor, not of the clock: the machine may be busy with other things. */
    const struct itimerval most = { .it_value = { .tv_sec = TRACE_CPU_S } };

    memset(&trace, 0, sizeof(trace));
    trace.seed = seed;
    trace.hash = 14695981039346656037u;
    trace.is_printed = is_printed;
    signal(SIGABRT, trace_on_signal);
    signal(SIGSEGV, trace_on_signal);
    signal(SIGVTALRM, trace_on_signal);
    (void)setitimer(ITIMER_VIRTUAL, &most, NULL); /* a loop without a switch */
}

void sim_trace(const char *what, int64_t a, int64_t b, int64_t c)
{
    const sim_proc *proc = sim_proc_here();
    const trace_step step = { sim_now(), what, proc == NULL ? -1 : proc->incarnation,
                              a,         b,    c };
    const int64_t words[] = { step.at_us, step.process, a, b, c };

    trace.hash = weir_hash(words, sizeof(words), trace.hash);
    trace.hash = weir_hash(what, strlen(what), trace.hash);
    trace.last[trace.n++ % TRACE_LAST] = step;
    if (trace.is_printed) {
        trace_print(stdout, &step);
    }
}

uint64_t sim_trace_hash(void)
{
    return trace.hash;
}

_Noreturn void sim_fail(const char *promise, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fprintf(stderr, "broken: %s: ", promise);
    vfprintf(stderr, fmt, args);
    fprintf(stderr, "\n");
    va_end(args);
    trace_print_last();
    fflush(stderr);
    _exit(1);
}
