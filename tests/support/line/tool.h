/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* tool - what the two kinds of queues offer to weir-line-tool. */
#ifndef WEIR_TESTS_LINE_TOOL_H
#define WEIR_TESTS_LINE_TOOL_H

#include "tally.h"

typedef struct tool_queue {
    void (*load)(const char *address, const char *topic, const plan *p);
    void (*check)(const char *address, const char *to, const char *dead, tally *t,
                  double idle_s);
    uint64_t (*count)(const char *address, const char *topic);
} tool_queue;

extern const tool_queue tool_kafka, tool_redis;

double tool_now(void);
_Noreturn void tool_die(const char *what, const char *why);

#endif
