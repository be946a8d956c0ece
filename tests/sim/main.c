/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-sim - runs histories by seed; see sim.h.
 *
 *     weir-sim --seeds 1-2000 [--jobs N]   prints a line at the end; exit 1 at the first failure
 *     weir-sim --seed S [--trace] [--faults N]
 *     weir-sim --minutes M [--seed S] [--jobs N]
 *
 * The first that fails ends all: it prints its seed, the broken promise and the last steps. With
 * --seed alone it is then run again with fewer faults, to find the fewest that it takes.
 */
#include "tests/sim/sim.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAIN_JOBS 64
#define MAIN_SHRINK 40 /* runs at most */

typedef struct main_opts {
    uint64_t first, last; /* seeds */
    int n_jobs;
    long n_faults;
    double minutes;
    bool is_traced;
} main_opts;

static double main_seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Runs one history in a child; true: it fails. What it prints is shown if `is_loud`. */
static bool main_fails(uint64_t seed, long n_faults, bool is_loud)
{
    const pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        if (!is_loud && freopen("/dev/null", "w", stderr) == NULL) {
            _exit(2);
        }
        (void)sim_run(seed, false, n_faults);
        _exit(0);
    }
    (void)waitpid(pid, &status, 0);
    return status != 0;
}

/* The fewest first faults with which the history still fails. */
static void main_shrink(uint64_t seed)
{
    long low = 0;
    long high = 1;
    int n = 0;

    while (n++ < MAIN_SHRINK && !main_fails(seed, high, false)) {
        low = high;
        high *= 2;
        if (high > 1024) {
            return;
        }
    }
    while (n++ < MAIN_SHRINK && high - low > 1) {
        const long mid = low + (high - low) / 2;

        if (main_fails(seed, mid, false)) {
            high = mid;
        } else {
            low = mid;
        }
    }
    if (main_fails(seed, 0, false)) {
        high = 0;
    }
    fprintf(
        stderr,
        "it fails with the first %ld faults alone: weir-sim --seed %llu --faults %ld\n",
        high, (unsigned long long)seed, high);
}

/* Histories first, first + step, ...; returns how many ran, or ends the program. */
static uint64_t main_work(const main_opts *opts, int job, uint64_t *sum)
{
    const double until = main_seconds() + opts->minutes * 60;
    uint64_t n = 0;

    for (uint64_t seed = opts->first + (uint64_t)job;
         opts->minutes > 0 ? main_seconds() < until : seed <= opts->last;
         seed += (uint64_t)opts->n_jobs) {
        *sum ^= weir_hash(&seed, sizeof(seed),
                          sim_run(seed, opts->is_traced, opts->n_faults));
        n++;
    }
    return n;
}

/* Waits for all jobs; the first failure ends the others. Returns how many failed by themselves. */
static int main_wait(pid_t *jobs, int n_jobs)
{
    int n_failed = 0;

    for (int left = n_jobs; left > 0; left--) {
        int status = 0;
        const pid_t pid = wait(&status);

        for (int i = 0; i < n_jobs; i++) {
            jobs[i] = jobs[i] == pid ? 0 : jobs[i];
            if (jobs[i] > 0 && status != 0 && n_failed == 0) {
                (void)kill(jobs[i], SIGTERM);
            }
        }
        n_failed += WIFEXITED(status) && WEXITSTATUS(status) != 0;
    }
    return n_failed;
}

/* Each job is a process of its own. */
static int main_all(const main_opts *opts)
{
    pid_t jobs[MAIN_JOBS];
    int pipes[2];
    uint64_t n = 0;
    uint64_t sum = 0;
    int n_failed;

    if (pipe(pipes) != 0) {
        return 2;
    }
    fflush(stdout);
    for (int job = 0; job < opts->n_jobs; job++) {
        jobs[job] = fork();
        if (jobs[job] == 0) {
            uint64_t words[2] = { 0, 0 };

            words[0] = main_work(opts, job, &words[1]);
            (void)fflush(stdout);
            _exit(write(pipes[1], words, sizeof(words)) == sizeof(words) ? 0 : 2);
        }
    }
    close(pipes[1]);
    n_failed = main_wait(jobs, opts->n_jobs);
    for (uint64_t words[2]; read(pipes[0], words, sizeof(words)) == sizeof(words);) {
        n += words[0];
        sum ^= words[1];
    }
    printf("%llu histories, %d failed, hash %016llx\n", (unsigned long long)n, n_failed,
           (unsigned long long)sum);
    return n_failed == 0 ? 0 : 1;
}

static bool main_parse(int argc, char **argv, main_opts *opts)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";

        if (strcmp(argv[i], "--trace") == 0) {
            opts->is_traced = true;
            continue;
        }
        if (strcmp(argv[i], "--seed") == 0) {
            opts->first = opts->last = strtoull(value, NULL, 10);
        } else if (strcmp(argv[i], "--seeds") == 0) {
            char *end;

            opts->first = strtoull(value, &end, 10);
            opts->last = *end == '-' ? strtoull(end + 1, NULL, 10) : opts->first;
        } else if (strcmp(argv[i], "--jobs") == 0) {
            opts->n_jobs = atoi(value);
        } else if (strcmp(argv[i], "--faults") == 0) {
            opts->n_faults = atol(value);
        } else if (strcmp(argv[i], "--minutes") == 0) {
            opts->minutes = atof(value);
        } else {
            return false;
        }
        i++;
    }
    return opts->n_jobs >= 1 && opts->n_jobs <= MAIN_JOBS;
}

int main(int argc, char **argv)
{
    main_opts opts = { .first = 1, .last = 2000, .n_jobs = 1, .n_faults = -1 };

    /* Histories give back and take the same large pieces again and again. */
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 30);
    (void)mallopt(M_TRIM_THRESHOLD, 1 << 30);
    if (!main_parse(argc, argv, &opts)) {
        fprintf(stderr,
                "usage: weir-sim [--seeds A-B | --seed S] [--trace] [--faults N] "
                "[--jobs N] [--minutes M]\n");
        return 64;
    }
    if (opts.first == opts.last && opts.minutes <= 0) {
        if (!opts.is_traced && main_fails(opts.first, opts.n_faults, true)) {
            main_shrink(opts.first);
            return 1;
        }
        opts.n_jobs = 1;
    }
    return main_all(&opts);
}
