/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-line-tool - sends a plan's events, and reads back what became of them.
 *
 *   weir-line-tool load    kafka|redis ADDRESS FROM    EVENTS KEYS SEED [LOG [RATE]]
 *   weir-line-tool check   kafka|redis ADDRESS TO DEAD EVENTS KEYS SEED [IDLE_SECONDS]
 *   weir-line-tool history kafka|redis ADDRESS TO DEAD EVENTS KEYS SEED FROM GROUP
 *   weir-line-tool count   kafka|redis ADDRESS TOPIC
 *
 * load sends as fast as it can, or at RATE events a second, and waits for every confirmation;
 * with a LOG it goes on when there is none, and writes the producer's log. check reads both
 * topics (or streams) from their start; it goes on until every event has an end and the present
 * ends of the topics are reached, or until nothing new has come for IDLE_SECONDS (0: at once).
 * It prints a line of JSON; exit 0 only says that it could read. history prints what the queues
 * hold now. Logs and histories are in the language of tests/chaos/checker/history.py.
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

void tool_pace(const tool_load *job, size_t i, double begun)
{
    const double early = job->rate > 0 ? begun + (double)i / job->rate - tool_now() : 0;

    if (early > 0) {
        nanosleep(&(struct timespec){ (time_t)early,
                                      (long)((early - (double)(time_t)early) * 1e9) },
                  NULL);
    }
}

void tool_log_sent(const tool_load *job, const uint8_t *is_confirmed)
{
    static const char *const wants[] = { "result", "result", "dead:rejected",
                                         "dead:decode" };

    for (size_t i = 0; i < job->p->n_events; i++) {
        const plan_event *ev = &job->p->events[i];

        fprintf(job->log, "sent %u.%u %s %s\n", ev->key, ev->n,
                is_confirmed[i] ? "ok" : "unknown", wants[ev->class]);
    }
    if (fclose(job->log) != 0) {
        tool_die("load", "the log cannot be written");
    }
}

const char *tool_spell(const plan *p, const char *data, size_t len, char out[32])
{
    const size_t i = plan_find(p, data, len);

    if (i == SIZE_MAX) {
        return "?";
    }
    snprintf(out, 32, "%u.%u", p->events[i].key, p->events[i].n);
    return out;
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

/* The plan of the three words from `argv` on. */
static void tool_plan(plan *p, char **argv)
{
    if (!plan_init(p, strtoull(argv[0], NULL, 10), (uint32_t)strtoul(argv[1], NULL, 10),
                   strtoull(argv[2], NULL, 10))) {
        tool_die("plan", "out of memory");
    }
}

static void tool_main_load(const tool_queue *queue, int argc, char **argv, plan *p)
{
    tool_load job = { .address = argv[3], .topic = argv[4], .p = p };

    if (argc > 8 && (job.log = fopen(argv[8], "we")) == NULL) {
        tool_die(argv[8], "cannot be written");
    }
    job.rate = argc > 9 ? atof(argv[9]) : 0;
    queue->load(&job);
}

int main(int argc, char **argv)
{
    const tool_queue *queue;
    plan p;
    tally t;

    if (argc < 5) {
        tool_die("usage", "load|check|history|count kafka|redis ADDRESS TOPIC ...");
    }
    queue = tool_queue_of(argv[2]);
    if (strcmp(argv[1], "count") == 0) {
        printf("%llu\n", (unsigned long long)queue->count(argv[3], argv[4]));
        return 0;
    }
    if (strcmp(argv[1], "load") == 0 && argc >= 8) {
        tool_plan(&p, argv + 5);
        tool_main_load(queue, argc, argv, &p);
        plan_fini(&p);
        return 0;
    }
    if (strcmp(argv[1], "history") == 0 && argc == 11) {
        tool_plan(&p, argv + 6);
        queue->history(&(tool_history){ .address = argv[3],
                                        .to = argv[4],
                                        .dead = argv[5],
                                        .from = argv[9],
                                        .group = argv[10],
                                        .p = &p });
        plan_fini(&p);
        return 0;
    }
    if (strcmp(argv[1], "check") == 0 && argc >= 9) {
        tool_plan(&p, argv + 6);
        if (!tally_init(&t, &p)) {
            tool_die("check", "out of memory");
        }
        queue->check(argv[3], argv[4], argv[5], &t, argc > 9 ? atof(argv[9]) : 0);
        tally_print(&t);
        tally_fini(&t);
        plan_fini(&p);
        return 0;
    }
    tool_die("usage", "load, check, history or count with their arguments");
    return 1;
}
