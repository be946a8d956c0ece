/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* tool - what the two kinds of queues offer to weir-line-tool. */
#ifndef WEIR_TESTS_LINE_TOOL_H
#define WEIR_TESTS_LINE_TOOL_H

#include "tally.h"

#include <stdio.h>

/* What is sent; with a log, an event that is not confirmed is written down and not fatal. */
typedef struct tool_load {
    const char *address, *topic;
    const plan *p;
    FILE *log;   /* may be NULL */
    double rate; /* events a second; 0: as fast as it can */
} tool_load;

typedef struct tool_history {
    const char *address, *from, *to, *dead, *group;
    const plan *p;
} tool_history;

typedef struct tool_queue {
    void (*load)(const tool_load *job);
    void (*history)(const tool_history *job);
    void (*check)(const char *address, const char *to, const char *dead, tally *t,
                  double idle_s);
    uint64_t (*count)(const char *address, const char *topic);
} tool_queue;

extern const tool_queue tool_kafka, tool_redis;

double tool_now(void);
/* Waits until the i-th event is due at the job's rate; begun: when the first was sent. */
void tool_pace(const tool_load *job, size_t i, double begun);
/* Writes the events' lines of the producer's log; is_confirmed: by event. */
void tool_log_sent(const tool_load *job, const uint8_t *is_confirmed);
/* The event of a payload as KEY.N, or "?". */
const char *tool_spell(const plan *p, const char *data, size_t len, char out[32]);
_Noreturn void tool_die(const char *what, const char *why);

#endif
