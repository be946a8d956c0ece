/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drive - runs a fuzz target on the inputs of a folder, then on changes of them.
 *
 *     weir-test-fuzz TARGET FOLDER SECONDS     WEIR_FUZZ_SEED=N for the same changes again
 *     weir-test-fuzz TARGET FILE 0             one input
 *
 * The target runs in a child. The input it has is in memory that both share, so that an input
 * that ends the child can be printed and kept: ./found, ready for tests/data/fuzz/TARGET.
 */
#include "tests/fuzz/mutate.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef int fuzz_target(const uint8_t *data, size_t size);

/* WEIR_FUZZ_TARGETS is TARGET(json) TARGET(filter) ..., from the names of the files. */
#define TARGET(name) int weir_fuzz_##name(const uint8_t *data, size_t size);
WEIR_FUZZ_TARGETS
#undef TARGET

#define TARGET(name) { #name, weir_fuzz_##name },
static const struct {
    const char *name;
    fuzz_target *run;
} targets[] = { WEIR_FUZZ_TARGETS };
#undef TARGET

enum { MAX_INPUTS = 4096, MAX_BYTES = 4096 };
#define MAX_FILE ((size_t)1 << 20)

/* What the child has in hand. */
typedef struct hand {
    uint64_t n_runs;
    size_t size;
    uint8_t data[MAX_FILE];
} hand;

static weir_fuzz_input inputs[MAX_INPUTS];
static size_t n_inputs;

static void die(const char *what, const char *name)
{
    fprintf(stderr, "fuzz: %s: %s: %s\n", what, name, strerror(errno));
    exit(2);
}

static void read_input(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(MAX_FILE);

    if (file == NULL || data == NULL || n_inputs == MAX_INPUTS) {
        die("cannot read", path);
    }
    const size_t n = fread(data, 1, MAX_FILE, file);

    if (ferror(file) || (n == MAX_FILE && fgetc(file) != EOF)) {
        die("cannot read", path);
    }
    fclose(file);
    inputs[n_inputs++] = (weir_fuzz_input){ data, n };
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* In the order of their names, so that a seed means the same everywhere. */
static void read_folder(const char *folder)
{
    char *names[MAX_INPUTS];
    size_t n = 0;
    DIR *dir = opendir(folder);

    if (dir == NULL) {
        die("cannot read", folder);
    }
    for (struct dirent *d = readdir(dir); d != NULL; d = readdir(dir)) {
        if (d->d_name[0] != '.' &&
            (n == MAX_INPUTS ||
             asprintf(&names[n++], "%s/%s", folder, d->d_name) < 0)) {
            die("too many inputs", folder);
        }
    }
    closedir(dir);
    qsort(names, n, sizeof(names[0]), compare_names);
    for (size_t i = 0; i < n; i++) {
        read_input(names[i]);
        free(names[i]);
    }
}

/* In memory of just its size, so that a byte too far is seen. */
static void run_one(fuzz_target *run, hand *at, const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size == 0 ? 1 : size);

    if (copy == NULL) {
        die("cannot run", "out of memory");
    }
    if (size > 0) {
        memcpy(at->data, data, size);
        memcpy(copy, data, size);
    }
    at->size = size;
    run(copy, size);
    free(copy);
    at->n_runs++;
}

static void run_all(fuzz_target *run, hand *at, double seconds, uint64_t seed)
{
    weir_fuzz_mutator m = { inputs, n_inputs, seed };
    struct timespec begin;
    struct timespec now;
    uint8_t data[MAX_BYTES];

    for (size_t i = 0; i < n_inputs; i++) {
        run_one(run, at, inputs[i].data, inputs[i].size);
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &begin);
    for (double spent = 0; spent < seconds;
         spent = (double)(now.tv_sec - begin.tv_sec) +
                 1e-9 * (double)(now.tv_nsec - begin.tv_nsec)) {
        const size_t size = weir_fuzz_mutate(&m, data, sizeof(data));

        run_one(run, at, data, size);
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
    }
}

/* Prints and keeps the input that ended the child. */
static void report(const hand *at, uint64_t seed)
{
    FILE *file = fopen("found", "wb");
    bool is_kept = file != NULL && fwrite(at->data, 1, at->size, file) == at->size;

    is_kept = file != NULL && fclose(file) == 0 && is_kept;
    fprintf(stderr,
            "fuzz: input %llu ended it (seed %llu, %zu bytes%s). As printf takes it:\n",
            (unsigned long long)at->n_runs + 1, (unsigned long long)seed, at->size,
            is_kept ? ", kept as ./found" : "");
    for (size_t i = 0; i < at->size; i++) {
        fprintf(stderr, "\\x%02x", at->data[i]);
    }
    fputc('\n', stderr);
}

static uint64_t seed_of(void)
{
    const char *text = getenv("WEIR_FUZZ_SEED");
    struct timespec now;

    if (text != NULL) {
        return strtoull(text, NULL, 10);
    }
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return ((uint64_t)now.tv_sec << 20 ^ (uint64_t)now.tv_nsec ^ (uint64_t)getpid()) &
           UINT32_MAX;
}

int main(int argc, char **argv)
{
    fuzz_target *run = NULL;
    struct stat about;
    int status = 0;

    for (size_t i = 0; argc == 4 && i < sizeof(targets) / sizeof(targets[0]); i++) {
        run = strcmp(argv[1], targets[i].name) == 0 ? targets[i].run : run;
    }
    if (run == NULL || stat(argv[2], &about) != 0) {
        fprintf(stderr, "usage: weir-test-fuzz TARGET FOLDER|FILE SECONDS\n");
        return 2;
    }
    (S_ISDIR(about.st_mode) ? read_folder : read_input)(argv[2]);
    if (n_inputs == 0) {
        errno = ENOENT;
        die("no inputs", argv[2]);
    }
    const uint64_t seed = seed_of();
    hand *at = mmap(NULL, sizeof(*at), PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        die("mmap", "inputs");
    }
    const pid_t child = fork();
    if (child == 0) {
        run_all(run, at, strtod(argv[3], NULL), seed);
        exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        die("cannot run", argv[1]);
    }
    if (status != 0) {
        report(at, seed);
        return 1;
    }
    printf("%zu inputs of the folder, %llu runs, seed %llu\n", n_inputs,
           (unsigned long long)at->n_runs, (unsigned long long)seed);
    return 0;
}
