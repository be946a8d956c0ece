/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-line-tool - sends a plan's events, and reads back what became of them.
 *
 *   weir-line-tool load  kafka|redis ADDRESS FROM       EVENTS KEYS SEED
 *   weir-line-tool check kafka|redis ADDRESS TO DEAD    EVENTS KEYS SEED [IDLE_SECONDS]
 *   weir-line-tool count kafka|redis ADDRESS TOPIC
 *
 * load sends as fast as it can and waits for every confirmation. check reads both topics (or
 * streams) from their start; it goes on until every event has an end and the present ends of
 * the topics are reached, or until nothing new has come for IDLE_SECONDS (0: at once). It
 * prints a line of JSON; exit 0 only says that it could read.
 *
 * An independent reader: it shares no code with weir.
 */
#include "tally.h"
#include "tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double tool_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

_Noreturn void tool_die(const char *what, const char *why)
{
    fprintf(stderr, "weir-line-tool: %s: %s\n", what, why);
    exit(1);
}

static const tool_queue *tool_queue_of(const char *name)
{
    if (strcmp(name, "kafka") == 0) {
        return &tool_kafka;
    }
    if (strcmp(name, "redis") == 0) {
        return &tool_redis;
    }
    tool_die(name, "kafka or redis is wanted");
    return NULL;
}

int main(int argc, char **argv)
{
    const tool_queue *queue;
    plan p;
    tally t;

    if (argc < 5) {
        tool_die("usage", "load|check|count kafka|redis ADDRESS TOPIC ...");
    }
    queue = tool_queue_of(argv[2]);
    if (strcmp(argv[1], "count") == 0) {
        printf("%llu\n", (unsigned long long)queue->count(argv[3], argv[4]));
        return 0;
    }
    if (strcmp(argv[1], "load") == 0 && argc == 8) {
        if (!plan_init(&p, strtoull(argv[5], NULL, 10),
                       (uint32_t)strtoul(argv[6], NULL, 10),
                       strtoull(argv[7], NULL, 10))) {
            tool_die("load", "out of memory");
        }
        queue->load(argv[3], argv[4], &p);
        plan_fini(&p);
        return 0;
    }
    if (strcmp(argv[1], "check") == 0 && argc >= 9) {
        if (!plan_init(&p, strtoull(argv[6], NULL, 10),
                       (uint32_t)strtoul(argv[7], NULL, 10),
                       strtoull(argv[8], NULL, 10)) ||
            !tally_init(&t, &p)) {
            tool_die("check", "out of memory");
        }
        queue->check(argv[3], argv[4], argv[5], &t, argc > 9 ? atof(argv[9]) : 0);
        tally_print(&t);
        tally_fini(&t);
        plan_fini(&p);
        return 0;
    }
    tool_die("usage", "load, check or count with their arguments");
    return 1;
}
