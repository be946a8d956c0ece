/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_world - the plan of a seed, the processes, the faults, and the two phases: faults for a
 * while, then none, in which everything must finish.
 */
#include "tests/sim/sim.h"

#include "triggers/kafka_conf.h"
#include "triggers/kafka_source.h"
#include "worker/base/check.h"
#include "worker/base/log.h"
#include "worker/engine/engine.h"
#include "worker/engine/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORLD_PATIENCE_US INT64_C(600000000) /* of fake time, without faults */
#define WORLD_DRAIN_US 20000000

/* What main() of a process would have on its stack. */
typedef struct world_frame {
    const char *topics[1];
    weir_kafka_queue kafka;
    weir_engine_queue queue;
    weir_engine_host host;
    weir_sub_source source;
    weir_sub sub;
    weir_engine_setup setup;
} world_frame;

static struct {
    sim_proc procs[SIM_PROCS];
    int n_incarnations;
    int64_t fault_until[SIM_FAULT_COUNT];
    int64_t stalled_us; /* the last stall ends then */
    long n_faults;      /* so many more may come; -1: any number */
    int n_produced;
    bool is_over;
    sim_proc *dying;
} world;

sim_plan sim_the_plan;

bool sim_has_fault(sim_fault fault)
{
    return world.fault_until[fault] > sim_now();
}

sim_proc *sim_proc_at(int slot)
{
    return &world.procs[slot];
}

/* -- the plan ----------------------------------------------------------------------------------- */

static uint64_t plan_one_of(const uint64_t *values, size_t n)
{
    return values[sim_rand(n)];
}

#define ONE_OF(...)                                                                    \
    plan_one_of((const uint64_t[]){ __VA_ARGS__ },                                     \
                sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

/* Only what a calm history may have: workers that come and go in order. */
static void plan_calm(sim_plan *plan)
{
    plan->is_calm = true;
    plan->fault_mask = 1u << SIM_FAULT_STOP;
    plan->slow_us = 3000;
    plan->handover_us = 10000000;
    plan->timeout_us = 0;
    plan->max_age_us = 0;
    plan->has_poison = false;
    plan->forgets_lost = false;
    plan->map_bytes = 4096;
    plan->batch = 1;
}

/* Crashes again and again, and a coordinator that is hard to reach. */
static void plan_grim(sim_plan *plan)
{
    plan->has_poison = true;
    plan->has_journal = sim_once_in(3);
    plan->map_bytes = 4096;
    plan->batch = 1;
    plan->drain_us = 3000000;
    plan->fault_mask |= 1u << SIM_FAULT_CRASH | 1u << SIM_FAULT_STOP |
                        1u << SIM_FAULT_CUT | 1u << SIM_FAULT_COMMIT;
}

static void plan_make(sim_plan *plan)
{
    *plan = (sim_plan){
        .n_events = 10 + (int)sim_rand(SIM_EVENTS - 30),
        .n_parts = 1 + (int)sim_rand(SIM_PARTS),
        .n_keys = 1 + (int)sim_rand(8),
        .n_procs = 1 + (int)sim_rand(3),
        .order = (int)ONE_OF(WEIR_ORDER_KEY, WEIR_ORDER_KEY, WEIR_ORDER_PARTITION,
                             WEIR_ORDER_NONE),
        .keeps_order = !sim_once_in(3),
        .is_cooperative = sim_once_in(4),
        .concurrency = (unsigned)ONE_OF(1, 2, 4, 8, 16),
        .batch = (unsigned)ONE_OF(1, 1, 1, 1, 4),
        .attempts = (unsigned)ONE_OF(1, 2, 3, 5),
        .preempt_n = (unsigned)ONE_OF(2, 6, 20, 100),
        .max_events = ONE_OF(8, 20, 60, 200),
        .commit_us = (int64_t)ONE_OF(20000, 100000, 700000),
        .handover_us = (int64_t)ONE_OF(50000, 500000, 3000000),
        .timeout_us = (int64_t)ONE_OF(0, 0, 500000),
        .max_age_us = (int64_t)ONE_OF(0, 0, 0, 2000000),
        .drain_us = (int64_t)ONE_OF(100000, 2000000, 10000000),
        .session_us = (int64_t)ONE_OF(1500000, 4000000),
        .map_bytes = ONE_OF(4096, 4096, 4096, 300, 0),
        .forgets_lost = sim_once_in(3),
        .slow_us = (int64_t)ONE_OF(3000, 50000, 400000, 5000000),
        .fault_us = (int64_t)ONE_OF(100000, 400000, 1500000),
        .span_us = (int64_t)ONE_OF(1000000, 4000000, 12000000),
        .has_pending = sim_once_in(3),
        .has_journal = !sim_once_in(4),
        .has_poison = sim_once_in(4),
        .crashes = (unsigned)ONE_OF(0, 1, 3),
    };
    for (int i = 0; i < SIM_FAULT_COUNT; i++) {
        plan->fault_mask |= sim_once_in(2) ? 1u << i : 0;
    }
    if (sim_once_in(8)) {
        plan_calm(plan);
    } else if (sim_once_in(8)) {
        plan_grim(plan);
    }
    plan->is_stream = sim_once_in(4);
    plan->is_once = plan->is_stream && sim_once_in(2);
    if (plan->is_stream || plan->map_bytes == 0) {
        /* Then nothing else remembers deaths. */
        plan->has_poison = plan->has_poison && plan->has_journal;
        plan->fault_mask &= plan->has_poison ? ~(1u << SIM_FAULT_DISK) : ~0u;
    }
}

/* -- processes ------------------------------------------------------------------------------------ */

static void world_fatal(void *arg, int exit_code, const char *text)
{
    (void)arg;
    sim_fail("a worker goes on", "it ends itself with %d: %s", exit_code, text);
}

static void world_set_sub(world_frame *f, const sim_plan *plan)
{
    f->sub = (weir_sub){
        .name = "f",
        .group = "g",
        .sources = &f->source,
        .n_sources = 1,
        .codec = &weir_codec_raw,
        .order = (weir_order)plan->order,
        .concurrency = plan->concurrency,
        .timeout_us = plan->timeout_us,
        .batch = { .max = plan->batch, .wait_us = 5000, .bytes = 1 << 20 },
        .retry = { .attempts = plan->attempts,
                   .backoff = WEIR_BACKOFF_EXPONENTIAL,
                   .jitter = WEIR_JITTER_EQUAL,
                   .first_us = 20000,
                   .max_us = 400000,
                   .crashes = plan->crashes },
        .max_age_us = plan->max_age_us,
        .to = "k:out",
        .dead_mode = WEIR_DEAD_ADDRESS,
        .stamp = true,
        .settler = plan->is_once ? &sim_once_settler : NULL,
        .transaction_us = 100000,
    };
}

static world_frame *world_frame_new(const sim_plan *plan)
{
    world_frame *f = sim_alloc(sizeof(*f));

    f->topics[0] = "in";
    f->kafka.ack_map = plan->map_bytes == 0 ? 0 : 4096;
    f->queue = (weir_engine_queue){
        "k", plan->keeps_order ? &sim_sink_ordered : &sim_sink_loose, &f->kafka
    };
    f->host = (weir_engine_host){
        .ops = &sim_host_ops,
        .setup = { .name = "f", .base_dir = ".", .config_json = "null" }
    };
    f->source = (weir_sub_source){ .ops = plan->is_stream ? &sim_stream_source
                                                          : &weir_kafka_source,
                                   .setup = { .queue = &f->kafka,
                                              .queue_name = "k",
                                              .topics = f->topics,
                                              .n_topics = 1,
                                              .sub_name = "f",
                                              .group = "g",
                                              .service = "s",
                                              .instance = "i",
                                              .start = WEIR_START_EARLIEST,
                                              .assignor = plan->is_cooperative,
                                              .commit_us = plan->commit_us,
                                              .handover_us = plan->handover_us } };
    world_set_sub(f, plan);
    f->setup = (weir_engine_setup){ .service = "s",
                                    .instance = "i",
                                    .max_events = plan->max_events,
                                    .max_bytes = 64 << 20,
                                    .max_event = 1 << 20,
                                    .drain_us = plan->drain_us,
                                    .queues = &f->queue,
                                    .n_queues = 1,
                                    .hosts = &f->host,
                                    .n_hosts = 1,
                                    .subs = &f->sub,
                                    .n_subs = 1,
                                    .fatal = world_fatal };
    return f;
}

static weir_journal *world_journal(const sim_proc *proc)
{
    char path[] = "sim:journal-0";
    weir_journal *j = NULL;
    weir_err err;

    path[sizeof(path) - 2] = (char)('0' + proc->slot);
    if (sim_the_plan.has_journal && weir_journal_open(path, &j, &err) != WEIR_OK) {
        sim_trace("process.no_journal", proc->slot, 0, 0);
        return NULL;
    }
    return j;
}

static void *world_main(void *arg)
{
    sim_proc *proc = arg;
    world_frame *f = proc->frame;
    weir_journal *journal = world_journal(proc);
    weir_engine_report report;
    weir_engine *e = NULL;
    weir_err err = { .text = "" };

    f->setup.journal = journal;

    SIM_MUST(weir_engine_new(&f->setup, &e, &err) == WEIR_OK &&
                 weir_engine_start(e, &err) == WEIR_OK,
             "a worker starts", "%s", err.text);
    proc->engine = e;
    while (!proc->is_stopping) {
        sim_sleep(5000 + (int64_t)sim_rand(5000));
    }
    weir_journal_on_purpose(journal);
    sim_trace("process.stop", proc->slot, 0, 0);
    weir_engine_stop(e, proc->stop_until_us, &report);
    sim_trace("process.stopped", report.is_clean, (int64_t)report.n_open,
              (int64_t)report.n_unsent);
    SIM_MUST(sim_now() < proc->stop_until_us + WORLD_DRAIN_US, "a stop ends in time",
             "%lld us late", (long long)(sim_now() - proc->stop_until_us));
    if (report.is_clean) {
        weir_engine_free(e);
        weir_journal_close(journal);
        proc->was_clean = true;
    }
    proc->is_over = true;
    return NULL;
}

static void world_start_proc(void)
{
    for (int i = 0; i < SIM_PROCS; i++) {
        sim_proc *proc = &world.procs[i];

        if (!proc->is_alive) {
            *proc = (sim_proc){ .slot = i,
                                .incarnation = world.n_incarnations++,
                                .is_alive = true,
                                .frame = world_frame_new(&sim_the_plan) };
            sim_trace("process.start", i, proc->incarnation, 0);
            sim_co_detach(sim_co_start(proc, "main", world_main, proc));
            return;
        }
    }
}

/* A process is no more: its threads, memory and connections. */
static void world_end_proc(sim_proc *proc)
{
    sim_trace("process.end", proc->slot, proc->incarnation, proc->was_clean);
    if (!proc->is_over) {
        sim_check_death(proc);
    }
    sim_co_kill(proc);
    sim_client_forget_all(proc);
    if (proc->was_clean) {
        SIM_MUST(sim_memory_count(proc) == 0, "an end in order leaves nothing",
                 "%zu pieces of memory", sim_memory_count(proc));
    }
    sim_memory_drop(proc);
    sim_free(proc->frame);
    proc->is_alive = false;
}

_Noreturn void sim_proc_die(void)
{
    world.dying = sim_proc_here();
    sim_co_stall(world.dying, WEIR_NEVER);
    sim_sleep_until(WEIR_NEVER);
    abort(); /* it does not come back */
}

static void world_stop_proc(sim_proc *proc, int64_t drain_us)
{
    if (!proc->is_stopping) {
        proc->stop_until_us = sim_now() + drain_us;
        proc->is_stopping = true;
    }
}

/* A process that is alive and not about to end; NULL: there is none. */
static sim_proc *world_some_proc(void)
{
    sim_proc *some[SIM_PROCS];
    size_t n = 0;

    for (int i = 0; i < SIM_PROCS; i++) {
        if (world.procs[i].is_alive && !world.procs[i].is_stopping) {
            some[n++] = &world.procs[i];
        }
    }
    return n == 0 ? NULL : some[sim_rand(n)];
}

/* Ends those that have returned from main(), and keeps as many running as the plan says. */
static void world_tend(void)
{
    int n = 0;

    for (int i = 0; i < SIM_PROCS; i++) {
        sim_proc *proc = &world.procs[i];

        if (proc->is_alive && proc->is_over) {
            world_end_proc(proc);
        }
        n += proc->is_alive && !proc->is_stopping;
    }
    if (n < sim_the_plan.n_procs) {
        world_start_proc();
    }
}

/* -- faults ------------------------------------------------------------------------------------------ */

static void world_begin_fault(sim_fault fault)
{
    sim_proc *proc = world_some_proc();
    const int64_t until = sim_now() + 20000 + (int64_t)sim_rand(1500000);

    sim_trace("fault", (int64_t)fault, proc == NULL ? -1 : proc->slot,
              until - sim_now());
    switch (fault) {
    case SIM_FAULT_CRASH:
        if (proc != NULL) {
            world_end_proc(proc);
        }
        break;
    case SIM_FAULT_STOP:
        if (proc != NULL) {
            world_stop_proc(proc, sim_the_plan.is_calm ? WORLD_DRAIN_US
                                                       : sim_the_plan.drain_us);
        }
        break;
    case SIM_FAULT_STALL:
        if (proc != NULL) {
            const int64_t stalled_us = sim_now() + (int64_t)sim_rand(8000000);

            world.stalled_us =
                stalled_us > world.stalled_us ? stalled_us : world.stalled_us;
            sim_co_stall(proc, stalled_us);
        }
        break;
    case SIM_FAULT_CUT:
        if (proc != NULL) {
            proc->cut_until_us = sim_now() + (int64_t)sim_rand(6000000);
        }
        break;
    case SIM_FAULT_KICK:
        sim_kafka_kick();
        break;
    default:
        world.fault_until[fault] = until;
        break;
    }
}

static void world_maybe_fault(void)
{
    const sim_fault fault = (sim_fault)sim_rand(SIM_FAULT_COUNT);

    if ((sim_the_plan.fault_mask & 1u << fault) == 0 || world.n_faults == 0) {
        return;
    }
    world.n_faults -= world.n_faults > 0;
    world_begin_fault(fault);
}

/* -- the phases ------------------------------------------------------------------------------------------ */

static void world_produce(int n)
{
    for (; n > 0 && world.n_produced < sim_the_plan.n_events; n--) {
        const int key = (int)sim_rand((uint64_t)sim_the_plan.n_keys + 1) - 1;

        /* A key stays in its partition. */
        sim_event_append(key < 0 ? (int)sim_rand((uint64_t)sim_the_plan.n_parts)
                                 : key % sim_the_plan.n_parts,
                         key);
        world.n_produced++;
    }
}

static void world_phase_faults(void)
{
    const int64_t until = sim_now() + sim_the_plan.span_us;

    world_produce(1 + (int)sim_rand((uint64_t)sim_the_plan.n_events));
    while (sim_now() < until) {
        sim_sleep(1 + (int64_t)sim_rand((uint64_t)sim_the_plan.fault_us * 2));
        world_tend();
        world_maybe_fault();
        if (sim_once_in(2)) {
            world_produce(1 + (int)sim_rand(12));
        }
    }
}

static void world_phase_quiet(void)
{
    const int64_t until = sim_now() + WORLD_PATIENCE_US;

    sim_trace("world.quiet", 0, 0, 0);
    memset(world.fault_until, 0, sizeof(world.fault_until));
    for (int i = 0; i < SIM_PROCS; i++) {
        world.procs[i].cut_until_us = 0;
    }
    world_produce(sim_the_plan.n_events);
    while (!sim_check_all_done() ||
           !(sim_the_plan.is_stream ? sim_stream_is_all_acked()
                                    : sim_kafka_is_all_committed())) {
        if (sim_now() > until) {
            sim_check_finish(false);
            sim_fail("everything finishes", "all is done and not committed");
        }
        world_tend();
        sim_sleep(50000);
    }
}

static void world_phase_end(void)
{
    sim_sleep_until(world.stalled_us > sim_now() ? world.stalled_us : sim_now());
    sim_trace("world.end", 0, 0, 0);
    for (int n = 1; n > 0;) {
        n = 0;
        for (int i = 0; i < SIM_PROCS; i++) {
            sim_proc *proc = &world.procs[i];

            if (proc->is_alive && proc->is_over) {
                SIM_MUST(proc->was_clean || !proc->must_be_clean,
                         "a stop without work is clean", "process %d",
                         proc->incarnation);
                world_end_proc(proc);
            } else if (proc->is_alive) {
                proc->must_be_clean = proc->must_be_clean || !proc->is_stopping;
                world_stop_proc(proc, WORLD_DRAIN_US);
                n++;
            }
        }
        sim_sleep(20000);
    }
    sim_check_finish(sim_the_plan.is_calm);
}

static void *world_fates(void *arg)
{
    (void)arg;
    world_phase_faults();
    world_phase_quiet();
    world_phase_end();
    world.is_over = true;
    sim_sleep(1);
    return NULL;
}

static bool world_is_over(void)
{
    if (world.dying != NULL) {
        world_end_proc(world.dying);
        world.dying = NULL;
    }
    return world.is_over;
}

static void world_silence(void *arg, weir_level level, const char *name,
                          const char *line)
{
    (void)arg;
    (void)level;
    (void)name;
    (void)line;
}

static void world_print(void *arg, weir_level level, const char *name, const char *line)
{
    (void)arg;
    (void)level;
    (void)name;
    printf("    %s\n", line);
}

uint64_t sim_run(uint64_t seed, bool is_printed, long n_faults)
{
    memset(&world, 0, sizeof(world));
    world.n_faults = n_faults;
    weir_log_redirect(is_printed ? world_print : world_silence, NULL);
    weir_log_clock(sim_now);
    weir_log_setup(is_printed ? WEIR_DEBUG : WEIR_ERROR, WEIR_LOG_TEXT, false, "s",
                   "i");
    sim_trace_begin(seed, is_printed);
    sim_sched_begin(seed, 0);
    plan_make(&sim_the_plan);
    sim_sched_begin(seed, sim_the_plan.preempt_n);
    sim_check_begin();
    sim_kafka_begin();
    sim_stream_begin();
    sim_journal_begin();
    sim_co_detach(sim_co_start(NULL, "coordinator", sim_kafka_main, NULL));
    sim_co_detach(sim_co_start(NULL, "fates", world_fates, NULL));
    sim_sched_run(world_is_over);
    sim_sched_end();
    return sim_trace_hash();
}
