/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metric_process - what the system knows about this process; see metric_process.h.
 */
#include "worker/base/metric_process.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

typedef struct process_facts {
    uint64_t cpu_ticks, n_threads, start_ticks, virtual_bytes, resident_pages;
} process_facts;

/* The numbers of /proc/self/stat behind the name, which may hold blanks and brackets. */
static bool process_read_stat(process_facts *out)
{
    char text[1024];
    FILE *file = fopen("/proc/self/stat", "r");

    if (file == NULL) {
        return false;
    }

    size_t n = fread(text, 1, sizeof(text) - 1, file);

    (void)fclose(file);
    text[n] = '\0';

    const char *at = strrchr(text, ')');

    if (at == NULL || at[1] == '\0' || at[2] == '\0') {
        return false;
    }
    at += 3; /* behind field 3, the state, which is one letter */

    /* Fields 4 to 24 of proc(5): utime 14, stime 15, num_threads 20, starttime 22, vsize 23,
     * rss 24. */
    uint64_t fields[25] = { 0 };

    for (size_t i = 4; i <= 24; i++) {
        char *end;

        fields[i] = strtoull(at, &end, 10);
        if (end == at) {
            return false;
        }
        at = end;
    }
    *out = (process_facts){
        .cpu_ticks = fields[14] + fields[15],
        .n_threads = fields[20],
        .start_ticks = fields[22],
        .virtual_bytes = fields[23],
        .resident_pages = fields[24],
    };
    return true;
}

/* Seconds since 1970 at which the machine came up; 0: unknown. */
static uint64_t process_boot_time(void)
{
    char line[4096];
    uint64_t seconds = 0;
    FILE *file = fopen("/proc/stat", "r");

    if (file == NULL) {
        return 0;
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "btime %" SCNu64, &seconds) == 1) {
            break;
        }
    }
    (void)fclose(file);
    return seconds;
}

/* Open descriptors, without the one that counts them; -1: unknown. */
static int64_t process_open_fds(void)
{
    int64_t n = 0;
    DIR *dir = opendir("/proc/self/fd");

    if (dir == NULL) {
        return -1;
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL;
         entry = readdir(dir)) {
        n += entry->d_name[0] != '.' ? 1 : 0;
    }
    (void)closedir(dir);
    return n - 1;
}

static void process_write(weir_buf *out, const char *name, const char *help,
                          weir_metric_type type, bool is_openmetrics, double value)
{
    weir_metric_write_head(out, "process_", name, help, type, is_openmetrics);
    weir_buf_printf(out, "process_%s %.15g\n", name, value);
}

void weir_metric_write_process(weir_buf *out, bool is_openmetrics)
{
    process_facts facts;
    struct rlimit limit;
    int64_t n_fds = process_open_fds();
    double ticks = (double)sysconf(_SC_CLK_TCK);
    double page = (double)sysconf(_SC_PAGESIZE);
    uint64_t boot = process_boot_time();

    if (process_read_stat(&facts)) {
        process_write(out, "cpu_seconds_total", "Time on processors, user and system.",
                      WEIR_COUNTER, is_openmetrics, (double)facts.cpu_ticks / ticks);
        process_write(out, "virtual_memory_bytes", "Size of the address space.",
                      WEIR_GAUGE, is_openmetrics, (double)facts.virtual_bytes);
        process_write(out, "resident_memory_bytes", "Memory in use.", WEIR_GAUGE,
                      is_openmetrics, (double)facts.resident_pages * page);
        process_write(out, "threads", "Threads of the process.", WEIR_GAUGE,
                      is_openmetrics, (double)facts.n_threads);
        if (boot != 0) {
            process_write(out, "start_time_seconds", "Start, in seconds since 1970.",
                          WEIR_GAUGE, is_openmetrics,
                          (double)boot + (double)facts.start_ticks / ticks);
        }
    }
    if (n_fds >= 0) {
        process_write(out, "open_fds", "Open file descriptors.", WEIR_GAUGE,
                      is_openmetrics, (double)n_fds);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        process_write(out, "max_fds", "Most open file descriptors.", WEIR_GAUGE,
                      is_openmetrics, (double)limit.rlim_cur);
    }
}
