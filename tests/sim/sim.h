/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim - whole workers on one thread, on fake time, against fake brokers, by seed.
 *
 * The engine runs as it is: intakes, pool, flow, lanes, settler, timer, prober, start and stop.
 * So does the Kafka source: groups, commits, ack map, tracker. What lies below them is replaced
 * when the program is linked: locks, signals, threads and clocks (sim_sched.c), memory
 * (sim_memory.c), and the functions of librdkafka that the source calls (sim_kafka*.c).
 *
 * A *process* (sim_proc) is one worker: its threads are coroutines, of which one runs at a time,
 * chosen by the seed wherever a lock is taken or given, a clock is read or a thread would block.
 * A crash forgets its coroutines and its memory; the brokers (sim_kafka.c, sim_sink.c) stay.
 *
 *     sim_journal.c   the disk, its journals, and fatal signals in functions
 *     sim_once.c      the settler that makes outputs and acknowledgement one
 *     sim_world.c     the plan of a seed, processes, faults, the two phases
 *     sim_function.c  the function that the workers run
 *     sim_check.c     what has happened to each event, and the promises
 *     sim_trace.c     the history: its hash, its last steps, what is printed of a failure
 *
 * Everything that is decided comes from sim_rand(), so one seed is one history.
 */
#ifndef WEIR_TESTS_SIM_H
#define WEIR_TESTS_SIM_H

#include "worker/base/clock.h"
#include "worker/base/hash.h"
#include "worker/base/lock.h"

#include <stdarg.h>
#include <stddef.h>

#define SIM_EVENTS 160 /* most events of a history */
#define SIM_PARTS 4
#define SIM_PROCS 4  /* processes that may live at once */
#define SIM_OUTS 2   /* most results of an event */
#define SIM_KILLS 30 /* so often a function may crash before somebody mends it */
#define SIM_WALL_MS INT64_C(1700000000000)

typedef struct sim_co sim_co;
typedef struct sim_proc sim_proc;

/* -- sim_sched.c: coroutines and time ------------------------------------------------------ */

int64_t sim_now(void);
/* A number below n. */
uint64_t sim_rand(uint64_t n);
/* True once in n times; n 0: never. */
bool sim_once_in(uint64_t n);
/* Another choice of the same seed that leaves the schedule as it is: a pure function. */
uint64_t sim_fixed(uint64_t a, uint64_t b);

void sim_sched_begin(uint64_t seed, unsigned preempt_n);
/* Runs coroutines until `until` returns true. */
void sim_sched_run(bool (*until)(void));
/* Forgets all coroutines. */
void sim_sched_end(void);
/* A new coroutine of that process; NULL: of the world. */
sim_co *sim_co_start(sim_proc *proc, const char *name, void *(*entry)(void *),
                     void *arg);
/* Nobody joins it: it goes when it ends. */
void sim_co_detach(sim_co *co);
/* The running coroutine's process; NULL: the world. */
sim_proc *sim_proc_here(void);
/* Lets others run until that time. */
void sim_sleep_until(int64_t at_us);
void sim_sleep(int64_t us);
/* Ends all coroutines of a process; the running one must not be among them. */
void sim_co_kill(const sim_proc *proc);
/* None of its coroutines runs before that time. */
void sim_co_stall(const sim_proc *proc, int64_t until_us);
/* Something of the running coroutine's own; NULL at first. */
void sim_co_put(void *local);
void *sim_co_get(void);
/* How many switches there were. */
uint64_t sim_n_switches(void);
/* What each coroutine waits for, to stderr. */
void sim_sched_print(void);

/* -- sim_memory.c: memory by process ------------------------------------------------------- */

/* Memory of the world, whoever asks. */
void *sim_alloc(size_t size);
void sim_free(void *ptr);
/* What the world asks for from now on is that process's; NULL: its own again. */
void sim_as(const sim_proc *proc);
/* What a process has allocated and not freed. */
size_t sim_memory_count(const sim_proc *proc);
/* Frees all that a process has. */
void sim_memory_drop(const sim_proc *proc);

/* -- sim_trace.c: the history --------------------------------------------------------------- */

void sim_trace_begin(uint64_t seed, bool is_printed);
/* Writes one step down: `what` is a constant. */
void sim_trace(const char *what, int64_t a, int64_t b, int64_t c);
uint64_t sim_trace_hash(void);
/* A promise is broken: prints the seed, the last steps and the text, and ends the program. */
_Noreturn void sim_fail(const char *promise, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#define SIM_MUST(expr, promise, ...)                                                   \
    do {                                                                               \
        if (!(expr)) {                                                                 \
            sim_fail(promise, __VA_ARGS__);                                            \
        }                                                                              \
    } while (0)

/* -- sim_world.c: the plan and the processes --------------------------------------------------- */

/* What a seed decides before anything runs. */
typedef struct sim_plan {
    int n_events, n_parts, n_keys, n_procs;
    int order;      /* weir_order */
    bool is_stream; /* read from streams; else from a topic */
    bool is_once;   /* exactly_once, where there is a stream */
    bool keeps_order;
    bool is_cooperative;
    unsigned concurrency, batch, attempts, preempt_n;
    size_t max_events;
    int64_t commit_us, handover_us, timeout_us, max_age_us, drain_us;
    int64_t session_us;
    size_t map_bytes; /* what the broker takes as metadata */
    /* the library tells of a loss as of a revoke, now and then */
    bool forgets_lost;
    int64_t slow_us; /* what functions take at most */
    /* mean time between faults, and how long there are any */
    int64_t fault_us, span_us;
    unsigned fault_mask; /* of 1u << sim_fault */
    bool has_pending;    /* some functions answer later */
    bool has_journal;    /* of crashes */
    bool has_poison;     /* some events end the worker, whenever they run */
    unsigned crashes;    /* so often they may */
    bool is_calm;        /* nothing fails, and workers end in order only */
} sim_plan;

typedef enum sim_fault {
    SIM_FAULT_CRASH,
    SIM_FAULT_STOP,   /* in order, and another starts */
    SIM_FAULT_STALL,  /* none of its threads runs for a while */
    SIM_FAULT_CUT,    /* its requests to the group's coordinator are not answered */
    SIM_FAULT_KICK,   /* the group rebalances */
    SIM_FAULT_COMMIT, /* commits fail, or their answers are lost */
    SIM_FAULT_SICK,   /* the sinks fail for a while */
    SIM_FAULT_SLOW,   /* the sinks answer late */
    SIM_FAULT_REFUSE, /* single records are refused for good */
    SIM_FAULT_FULL,   /* the sinks take little at once */
    SIM_FAULT_FLAKY,  /* functions fail now and then */
    SIM_FAULT_DISK,   /* no file can be made */
    SIM_FAULT_UNAVAILABLE, /* what functions call is down for a while */
    SIM_FAULT_COUNT
} sim_fault;

extern sim_plan sim_the_plan;

/* True while that fault is on. */
bool sim_has_fault(sim_fault fault);

struct sim_proc {
    int slot;        /* 0..SIM_PROCS - 1 */
    int incarnation; /* counts all processes of the history */
    bool is_alive;
    bool is_stopping;
    bool is_over, was_clean; /* its main() has returned */
    bool must_be_clean;      /* it was told to stop when all was done */
    int64_t stop_until_us;
    void *engine; /* weir_engine */
    void *frame;  /* the world's: what main() would have on its stack */
    int64_t cut_until_us;
    int n_running; /* functions */
    int running[SIM_EVENTS];
    int n_alone;                /* suspects that have begun and not ended */
    bool was_alone[SIM_EVENTS]; /* ran as a suspect in this process */
};

sim_proc *sim_proc_at(int slot);
/* A fatal signal: the running coroutine's process ends at once. */
_Noreturn void sim_proc_die(void);
/* Runs one history. Returns its hash. */
uint64_t sim_run(uint64_t seed, bool is_printed, long n_faults);

/* -- sim_check.c: what became of each event ------------------------------------------------------ */

typedef enum sim_class {
    SIM_RESULT, /* ends as done, with results */
    SIM_EMPTY,  /* ends as done, without */
    SIM_REJECT,
    SIM_RETRIES, /* never succeeds */
    SIM_POISON   /* ends the process */
} sim_class;

typedef struct sim_event {
    int id, part, key; /* key -1: none */
    int64_t offset, time_ms;
    sim_class cls;
    int n_outs;
    int n_flaky; /* attempts that fail before it goes well */
    bool is_pending;
    unsigned outs_done; /* bits: results that stand in the log */
    int n_written[SIM_OUTS];
    /* when its results were first and last written; 0: never */
    int first_at, last_at;
    int n_dead;             /* dead letters that stand in the log */
    int n_started, n_ended; /* calls of the function; ended as it should */
    int n_kills;            /* processes that it has ended */
    int n_alone_deaths;     /* processes that ended after it had begun alone there */
    bool is_dead_sent;      /* a dead letter was handed to a sink, or will be */
    const void *stale_job;  /* whose last attempt ended when its epoch was over */
    char data[8], name[8];
} sim_event;

void sim_check_begin(void);
int sim_event_count(void);
sim_event *sim_event_at(int id);
/* The event at a place, or NULL: a gap. */
sim_event *sim_event_find(int part, int64_t offset);
int64_t sim_log_end(int part);
/* One past the last event there. */
int64_t sim_log_last(int part);
/* Its bytes: live as long as the history. */
void *sim_event_data(const sim_event *ev, size_t *len);
void *sim_event_key(const sim_event *ev, size_t *len);
/* Appends one to its partition. */
void sim_event_append(int part, int key);
/* The number of an event or result; *out: of the result, -1: it is an event's own bytes. */
int sim_event_parse(const void *data, size_t len, int *out);
/* All that must come of it stands in the logs. */
bool sim_event_is_done(const sim_event *ev);
/* The function begins; ends with what is its last word (is_final). */
struct weir_call;
void sim_check_start(sim_proc *proc, int id, const struct weir_call *call);
void sim_check_end(sim_proc *proc, int id, const struct weir_call *call, bool is_final);
/* A result or dead letter of that job was handed to a sink. */
void sim_check_send(int id, const void *job);
/* A process has died; what it says of its events now is their own business. */
void sim_check_death(const sim_proc *proc);
/* This event's function crashes. */
void sim_check_kill(int id);
/* A suspect is about to begin, alone; or has ended, or did not begin. */
struct weir_job;
void sim_check_alone(const struct weir_job *job, bool begins);
/* A record was written to the results, or to the dead letters. */
void sim_check_written(int id, int out);
void sim_check_dead(int id, const char *reason);
/* The broker has taken a position for the group. */
void sim_check_commit(int part, int64_t before, int64_t offset, bool is_news);
/* And this map of what is done above it. */
void sim_check_map(int part, int64_t offset, const char *text);
/* The server has taken an acknowledgement. */
void sim_check_ack(int id);
/* The source passes this one: an earlier owner has finished it. */
void sim_check_known(int part, int64_t offset);
/* The end of a history: nothing is missing. */
void sim_check_finish(bool is_calm);
/* True if everything is done. */
bool sim_check_all_done(void);

/* -- sim_kafka.c: the log and the group ----------------------------------------------------------- */

void sim_kafka_begin(void);
/* The committed position; all are committed. */
bool sim_kafka_is_all_committed(void);
/* A process is no more: its clients are gone. */
void sim_client_forget_all(const sim_proc *proc);
/* The strikes in the map of that position, if that process wrote it; else -1. */
int sim_kafka_strikes(int part, int64_t offset, int incarnation);
void sim_kafka_kick(void);
/* The watching of sessions, requests and rounds: a coroutine of the world. */
void *sim_kafka_main(void *arg);

/* -- sim_stream.c: streams with a pending list ---------------------------------------------------- */

struct weir_source_ops;
extern const struct weir_source_ops sim_stream_source;
void sim_stream_begin(void);
/* For the settler: the server's word on an entry; it is acknowledged; it left the engine. */
bool sim_stream_is_acked(int id);
bool sim_stream_is_owner(int id, const sim_proc *proc);
void sim_stream_settle(int id);
struct weir_receipt;
void sim_stream_let_go(void *source, const struct weir_receipt *receipt);
struct weir_settler_ops;
extern const struct weir_settler_ops sim_once_settler;
bool sim_stream_is_all_acked(void);

/* -- sim_journal.c: disks -------------------------------------------------------------------------- */

void sim_journal_begin(void);
/* A fatal signal meets the running coroutine. */
void sim_journal_signal(void);

/* -- sim_sink.c and sim_function.c ------------------------------------------------------------------ */

struct weir_sink_ops;
extern const struct weir_sink_ops sim_sink_ordered, sim_sink_loose;
struct weir_out;
bool sim_sink_is_dead(const struct weir_out *out);
/* A record stands in its log. */
void sim_sink_write(const struct weir_out *out);
struct weir_host_ops;
extern const struct weir_host_ops sim_host_ops;

#endif
