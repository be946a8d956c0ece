/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine_rig - a whole engine on a queue in memory, with functions that are plain C callbacks.
 *
 *     weir_rig_open(&rig);            one subscription `f.in` from mem:in to mem:out
 *     rig.subs[0].concurrency = 4; ...
 *     weir_rig_start(&rig);
 *     weir_rig_put(&rig, 0, "key", "data");
 *     RIG_WAIT(weir_rig_count(&rig, "out") == 1);
 *     weir_rig_close(&rig);
 *
 * Test code only: failures end the test.
 */
#ifndef WEIR_TESTS_ENGINE_RIG_H
#define WEIR_TESTS_ENGINE_RIG_H

#include "triggers/memory_queue.h"
#include "worker/base/clock.h"
#include "worker/engine/line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define RIG_SUBS 2
#define RIG_PATIENCE_US 30000000
#define RIG_DEAD "in.f.in.dead"

typedef weir_verdict rig_fn(void *arg, weir_call *call);
typedef void rig_batch_fn(void *arg, weir_call **calls, size_t n,
                          weir_verdict *verdicts);

/* What a function of the rig is; the opts of its host. */
typedef struct rig_function {
    rig_fn *fn;
    rig_batch_fn *batch; /* not NULL: it takes batches */
    void *arg;
    atomic_uint n_refusals; /* of thread_init: so many times it is not ready */
    /* that thread_init has been called for, less thread_fini */
    atomic_uint n_threads;
    atomic_uint most_threads;
} rig_function;

typedef struct rig {
    weir_memory_queue *q;
    const char *topics[RIG_SUBS][1];
    rig_function functions[RIG_SUBS];
    weir_engine_queue queue;
    weir_engine_host hosts[RIG_SUBS];
    weir_sub_source sources[RIG_SUBS];
    weir_sub subs[RIG_SUBS];
    weir_engine_setup setup;
    weir_engine *e;
    weir_engine_report report;
    int32_t n_partitions;
} rig;

/* A queue with topics in and in2 (n_partitions each, see weir_rig_start), out and the dead-letter
 * topics; one subscription `f.in` from mem:in to mem:out, ordered by key, 16 at once. Setting
 * setup.n_subs to 2 adds `g.in2` from mem:in2. */
void weir_rig_open(rig *r);
/* Makes the topics and starts the engine. */
void weir_rig_start(rig *r);
/* Makes only the engine; topics are the caller's. */
void weir_rig_start_bare(rig *r);
/* Stops with a second or more to drain; the report is in r->report. */
void weir_rig_stop(rig *r, int64_t drain_us);
/* Stops if it runs, asserts that it was clean, frees everything. */
void weir_rig_close(rig *r);

void weir_rig_put(rig *r, const char *topic, int32_t partition, const char *key,
                  const char *data);
/* Records of a topic with one partition. */
size_t weir_rig_count(rig *r, const char *topic);
/* The text of a record; a static buffer. */
const char *weir_rig_text(rig *r, const char *topic, uint64_t offset);
/* A header's value of a record; "" if it has none. */
const char *weir_rig_header(rig *r, const char *topic, uint64_t offset,
                            const char *name);
/* The committed position of the first subscription; -1: none. */
int64_t weir_rig_committed(rig *r, int32_t partition);
/* Emits the event's own key and data. */
weir_verdict weir_rig_echo(void *arg, weir_call *call);
/* Sleeps for a moment: only between two looks at a condition. */
void weir_rig_breathe(void);
weir_flow_stat weir_rig_stat(rig *r, int sub);
/* True if no event and no output is charged to the budget. */
bool weir_rig_is_empty(rig *r);

#define RIG_WAIT(condition)                                                            \
    do {                                                                               \
        const int64_t rig_until = weir_clock_us() + RIG_PATIENCE_US;                   \
        while (!(condition)) {                                                         \
            assert_true(weir_clock_us() < rig_until && #condition);                    \
            weir_rig_breathe();                                                        \
        }                                                                              \
    } while (0)

#endif
