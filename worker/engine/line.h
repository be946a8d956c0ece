/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * line - one running subscription: its flow and what is driven around it.
 *
 *   intake.c  reads, filters, charges the budget, admits
 *   intake_key.c  finds the key of a lane
 *   pool.c    claims, decodes, runs
 *   settle.c  sends outputs and dead letters, takes the sinks' answers
 *   settle_once.c  the same through a settler, outputs and acknowledgement in one
 *   line.c    carries what the flow gives out to the next of these; ends jobs
 *   dest.c    the destinations by address
 *   watch.c   the timer, and the prober of destinations
 *   alone.c   suspects of a crash run one at a time, with nothing else
 *
 * The structs below are shared by these files and engine.c, and by nothing else.
 */
#ifndef WEIR_ENGINE_LINE_H
#define WEIR_ENGINE_LINE_H

#include "worker/base/metric.h"
#include "worker/engine/budget.h"
#include "worker/engine/engine.h"
#include "worker/engine/flow.h"
#include "worker/engine/job_slab.h"
#include "worker/engine/lane.h"
#include "worker/engine/stall.h"

typedef struct weir_line weir_line;
typedef struct weir_dest weir_dest;
typedef struct weir_pool weir_pool;
typedef struct weir_watch weir_watch;

/* The life of a skip: asked by any thread, the rest is the intake thread's. */
typedef enum weir_line_skip {
    WEIR_SKIP_NONE = 0,
    WEIR_SKIP_ASKED,
    WEIR_SKIP_PUBLISHING, /* its dead letter is in the flow */
    WEIR_SKIP_DONE,
    WEIR_SKIP_FAILED
} weir_line_skip;

/* The engine's side of a part. */
typedef struct weir_line_part {
    weir_part part; /* first; part.driver points back here */
    struct weir_intake *intake;
    char *topic;
    weir_bucket bucket; /* the budget's lock */
    uint32_t journal;   /* its number there; 0: none */
    /* The rest is the intake thread's. */
    weir_chain stash; /* read, and waiting for room */
    bool is_held;
    bool has_blames;         /* the journal knows something of events */
    weir_pos blamed;         /* up to this one */
    bool is_stuck;           /* by a dead letter, as `stopped` says */
    weir_stall stall;        /* does it move? */
    char stalled[600];       /* why it does not; empty: it does. The intake's lock */
    atomic_bool is_assigned; /* written by the intake thread */
    atomic_int trouble;      /* weir_trouble */
    atomic_int skip_state;   /* weir_line_skip: what `weir skip` asked for */
    weir_pos skip_pos;       /* written before SKIP_ASKED */
    weir_metric *lag, *stopped;
} weir_line_part;

/* One source and the thread that reads it. */
typedef struct weir_intake {
    weir_line *line;
    const weir_sub_source *source;
    size_t index; /* in sub->sources */
    void *self;   /* the source's */
    weir_source_host host;
    pthread_t thread;
    bool is_started, is_open;
    atomic_bool wants_room; /* something waits for the budget */
    atomic_size_t n_freed;  /* weir_engine.n_freed when that began */
    atomic_llong beat_us;   /* when the loop last went round */
    atomic_bool is_closed, is_hung;
    atomic_bool is_ending;  /* close() comes next: no wake() from here on */
    atomic_uint n_wakers;   /* calls of wake() that are under way */
    atomic_int trouble;     /* weir_trouble of the whole source */
    char trouble_text[256]; /* what was told of it; guarded by lock */
    atomic_bool is_joined;

    weir_lock lock;         /* guards parts (the array, not what it points to), free */
    weir_line_part **parts; /* by slot; NULL: not seen yet */
    size_t n_parts;
    weir_job *free_jobs; /* through job->next */
    size_t n_free;

    weir_job_slab *slabs; /* the intake thread's, as the rest */
    size_t n_jobs;        /* of all slabs */
    size_t n_stashed;
    bool is_full; /* a part that is not held has a stash: nothing may be read */
    /* there was no memory for an event or a part: it admits no more */
    bool is_barred;
    bool is_tending;  /* a part is stuck, or something in it is skipped */
    int64_t event_us; /* when something was last read */
    weir_job **batch; /* jobs with empty events, ready to be read into */
    weir_event **batch_evs;
    size_t n_batch;
    size_t n_want; /* events to be asked for, if there is room */
    /* as last counted */
    uint64_t n_commits, n_rebalances, n_trimmed;
    uint64_t n_redelivered[WEIR_AGAIN_COUNT];
    uint64_t n_known_done, n_maps_ignored;
} weir_intake;

struct weir_line {
    weir_engine *e;
    const weir_sub *sub;
    size_t index;
    weir_flow *flow;
    weir_share share;
    weir_intake *intakes; /* sub->n_sources of them */
    const weir_host_ops *hops;
    void *host;
    weir_host_info info;
    weir_call_env env;
    void *settler; /* the sub's settler's own; NULL: none, or it is closed */
    weir_settler_setup settler_setup;
    bool is_settler_ok;     /* its probe went well; dest_lock, as the next two */
    char settler_text[256]; /* what is wrong with it; empty: nothing */
    bool has_told_settler;
    weir_signal drained;          /* raised when a retired part is empty */
    atomic_size_t mean_ns;        /* of one event in the function; 0: not known */
    atomic_bool is_ready_to_read; /* destinations have answered */
    atomic_bool is_paused;
    /* A call of its function has gone pending: values live long, so they are decoded into the
     * event's own arena, and on intake where a key is in them, which charges them. */
    atomic_bool has_pended;
    bool has_stuck_alarm;
    atomic_size_t n_running; /* events in functions */
    /* threads that have claimed some of its events and will soon look for more: one that the
     * tender finds held up by its function counts no longer */
    atomic_size_t n_hands;
    atomic_size_t n_claims;  /* so far */
    size_t n_claims_seen;    /* the tender's */
    atomic_size_t n_charged; /* bytes of its events in the budget */
    atomic_llong lag_us;     /* age of the oldest uncommitted event that is known; -1 */

    /* Its `to` and dead-letter addresses, as indexes of e->dests; dest_lock. */
    uint16_t *dests;
    size_t n_dests;
    /* Where outputs without an address go; NULL until the first one. */
    _Atomic(const weir_dest *) to;
    size_t largest; /* bytes that a record of its sources may have; 0: not known */

    weir_lock inbox_lock;
    weir_chain inbox; /* jobs whose pending call has completed */
    atomic_size_t n_inbox;
    atomic_uint n_completing; /* threads inside weir_pool_completed() */

    weir_metric *done, *dead, *filtered, *skipped, *retries, *results, *overruns,
        *send_failures;
    weir_metric *reasons[WEIR_REASON_COUNT];
    weir_metric *handler_seconds, *event_seconds;
    atomic_llong paused_since_us; /* as far as it has been counted; 0: not paused */
};

/* A destination that outputs go to. */
struct weir_dest {
    /* These four never change. */
    char *address;
    uint16_t index; /* in e->dests */
    uint16_t sink;  /* index of the queue */
    void *target;
    /* The rest is guarded by dest_lock. */
    bool is_configured; /* `to` or `dead` of the file: never given up */
    bool is_ok;         /* it exists, may be written, and is large enough */
    size_t largest;     /* bytes of a record that it takes; SIZE_MAX: unknown */
    char text[256];     /* what is wrong with it; empty: nothing */
    char told[256];     /* what the log has been told */
    bool has_told;
};

struct weir_engine {
    const weir_engine_setup *setup;
    weir_line *lines;
    size_t n_lines;
    void **sinks;                 /* by queue */
    weir_sink_setup *sink_setups; /* of these, which may keep a reference */
    void **hosts;                 /* by function */
    weir_budget budget;
    atomic_size_t n_freed; /* events that have ended */
    weir_pool *pool;
    weir_watch *watch;
    weir_journal *journal; /* NULL: none */
    /* there has been one: alone.c is asked from then on */
    atomic_bool has_suspects;
    weir_lock alone_lock;
    atomic_bool is_alone_closed; /* all flows are barred; written under the lock */
    bool is_alone_let;           /* a suspect may be claimed, or runs; alone_lock */
    /* when the flows were barred, or the last suspect let; alone_lock */
    int64_t alone_us;
    atomic_bool is_stopping; /* no new attempts; intake gives nothing */
    atomic_bool is_closing;  /* intakes leave their groups */
    atomic_llong close_until_us;
    /* Wall clock minus monotonic clock, brought up to date by the timer, so that an event does
     * not cost a look at each. */
    atomic_llong wall_offset_us;
    bool is_started;
    atomic_bool has_failed; /* fatal() has been called */

    weir_lock dest_lock; /* guards the array and texts */
    weir_dest **dests;
    size_t n_dests;
};

/* -- line.c -- */
weir_status weir_line_init(weir_line *line, weir_engine *e, size_t index,
                           weir_err *err);
void weir_line_fini(weir_line *line);

/* Who carries news on, and so how many others must be woken for what is ready. */
typedef enum weir_carrier {
    WEIR_CARRIER_OTHER = 0, /* no pool thread: somebody must be woken */
    WEIR_CARRIER_BUSY,      /* a pool thread that runs what it has just taken */
    WEIR_CARRIER_FREE       /* a pool thread that looks at this line next */
} weir_carrier;

/* Carries on everything in *news: sends, acknowledges, frees, wakes. Any thread but with no
 * lock held. */
void weir_line_carry(weir_line *line, weir_flow_news *news, int64_t now,
                     weir_carrier who);

/* Up to n empty jobs of that intake into out; returns how many: fewer when out of memory. */
size_t weir_line_jobs_new(weir_intake *in, weir_job **out, size_t n);
/* Frees what the job holds and keeps its memory for the next. */
void weir_line_job_free(weir_intake *in, weir_job *job);

/* The wall time of a monotonic one, in milliseconds since 1970. */
static inline int64_t weir_line_wall_ms(const weir_engine *e, int64_t now)
{
    return (now + atomic_load_explicit(&e->wall_offset_us, memory_order_relaxed)) /
           1000;
}

/* True: values are made when the function is about to start, in memory of its thread. */
static inline bool weir_line_lends(const weir_line *line)
{
    return line->sub->batch.max <= 1 &&
           !atomic_load_explicit(&line->has_pended, memory_order_relaxed);
}

static inline weir_line_part *weir_line_part_of(const weir_job *job)
{
    return job->part->driver;
}

/* Something was given back to the budget: intakes that wait for it look again. */
void weir_line_wake_intakes(weir_engine *e);
/* Ends the engine from inside: setup->fatal once. */
void weir_engine_fail(weir_engine *e, int exit_code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* -- alone.c -- */
/* What is known of a job's event: it may become a suspect, or a dead letter. The intake. */
void weir_alone_look(weir_intake *in, weir_line_part *part, weir_job *job);
/* Lets the next suspect run if nothing else does. Any thread but with no lock held, while
 * e->has_suspects. */
void weir_alone_step(weir_engine *e);
/* Has it written down, with the queue too, that this suspect runs. False: it must not now. */
bool weir_alone_begin(weir_line *line, weir_job *job);
/* Its function has returned. */
void weir_alone_end(weir_line *line, weir_job *job);

/* -- settle.c -- */
/* Sends the outputs of these jobs, in order, or makes and sends their dead letters. What comes
 * of it is added to *news. */
void weir_settle_send(weir_line *line, weir_chain *jobs, int64_t now,
                      weir_flow_news *news);
/* weir_sent_fn of every sink; arg is the engine. */
void weir_settle_done(void *arg, const weir_sent_result *results, size_t n);

/* -- settle_once.c -- */
weir_status weir_settle_once_open(weir_line *line, weir_err *err);
/* Outputs and dead letters of these jobs go to the settler. */
void weir_settle_once_send(weir_line *line, weir_chain *jobs, int64_t now,
                           weir_flow_news *news);
/* Nothing more comes soon: what the settler has is settled now. */
void weir_settle_once_hurry(weir_line *line);
/* False: a library call hangs. */
bool weir_settle_once_close(weir_line *line, int64_t until_us);
/* Asks whether this line's destinations can be settled together with its source. The prober. */
bool weir_settle_once_probe(weir_line *line, int64_t timeout_us);

/* -- dest.c -- */
/* The index of an address in e->dests, made if it is new. line: it needs this destination,
 * which the file names; NULL: a function named it. WEIR_ENOENT: no such queue. */
weir_status weir_dest_get(weir_engine *e, const char *address, weir_line *line,
                          uint16_t *index, weir_err *err);
/* weir_sink_setup.is_dead; arg is the engine. A queue is not told from another: a topic of that
 * name on either is packed as dead letters are. */
bool weir_dest_is_dead(void *arg, const char *name);
/* weir_call_env.resolve; arg is the line. */
int weir_dest_resolve(void *arg, const char *address, weir_out *out);
/* Where dead letters of a topic of that intake go: the index of the destination. */
weir_status weir_dest_dead(weir_line *line, const weir_intake *in, const char *topic,
                           uint16_t *index, weir_err *err);
/* The destination of an index; its address, sink and target never change. */
const weir_dest *weir_dest_at(weir_engine *e, uint16_t index);

/* -- pool.c -- */
weir_status weir_pool_new(weir_engine *e, weir_pool **out);
weir_status weir_pool_start(weir_pool *pool, weir_err *err);
/* There is work: wakes a sleeper. */
void weir_pool_kick(weir_pool *pool);
/* n_ready jobs of the line may be taken: wakes a sleeper, unless those that run its functions
 * now clear them within 50 us. */
void weir_pool_offer(weir_pool *pool, weir_line *line, size_t n_ready,
                     weir_carrier who);
/* weir_call_env.completed; arg is the line. */
void weir_pool_completed(void *arg, weir_call *call);
/* Once in a while, by the timer: starts threads that are asked for, takes back what a busy
 * thread has claimed and not begun. True: it wants to be called again in a millisecond. */
bool weir_pool_tend(weir_pool *pool, int64_t now);
/* Ends all threads that are idle; false: some are still in a function at until_us. */
bool weir_pool_stop(weir_pool *pool, int64_t until_us);
void weir_pool_free(weir_pool *pool);
/* False: a thread that should make progress has not. */
bool weir_pool_is_live(weir_pool *pool, int64_t now);

/* -- intake.c -- */
weir_status weir_intake_init(weir_intake *in, weir_line *line, size_t index,
                             weir_err *err);
/* Ends a waiting read soon; does nothing once the source is being closed. Any thread. */
void weir_intake_wake(weir_intake *in);
weir_status weir_intake_start(weir_intake *in, weir_err *err);
/* The part of a source's slot; NULL: not seen yet. Any thread. */
weir_line_part *weir_intake_part(weir_intake *in, uint32_t slot);
/* Fills in->host. */
void weir_intake_host_init(weir_intake *in);
/* Charges the budget for a job; false: it must wait. The intake's thread, as the next two. */
bool weir_intake_charge(weir_intake *in, weir_line_part *part, weir_job *job);
/* Gives jobs to the flow. */
void weir_intake_admit(weir_intake *in, weir_chain *jobs);
/* at_most_once: the first n of in->batch are acknowledged, and that is committed, before any of
 * them may run. What could not be is not run: another owner may have it. Returns how many are
 * left. The intake's thread. */
size_t weir_intake_ack_first(weir_intake *in, size_t n);
/* Carries on with a skip of that part. */
void weir_intake_tend_skip(weir_intake *in, weir_line_part *part);
/* Passes what the client cannot read: publishes a dead letter without payload, then moves the
 * source past it. Blocks until until_us at most. Any thread but the intake's. */
weir_status weir_intake_skip(weir_intake *in, weir_line_part *part, weir_pos pos,
                             int64_t until_us, weir_err *err);
void weir_intake_fini(weir_intake *in);

/* -- intake_stall.c -- */
/* Looks whether the part moves; says it once if it does not. The intake's thread, about once a
 * second. */
void weir_intake_stall(weir_intake *in, weir_line_part *part,
                       const weir_part_stat *stat, int64_t now);

/* -- intake_key.c -- */
#define WEIR_INTAKE_AHEAD 8 /* events, of a fetch */
/* True: bytes of events are to be copied, so that the client's are not held for long. */
bool weir_intake_wants_copies(const weir_line *line);
/* Has the processor fetch what the next but a few will be asked for. */
void weir_intake_fetch(const weir_line *line, const weir_event *ev);
/* Decodes; a failure is the event's fault. Only WEIR_ENOMEM is returned. */
weir_status weir_intake_decode(const weir_line *line, weir_job *job);
/* The bytes by which a lane is found, of the event or in scratch; *has_key false: it has no
 * lane. Returns WEIR_OK or WEIR_ENOMEM. */
weir_status weir_intake_key(const weir_line *line, weir_job *job, weir_buf *scratch,
                            weir_slice *key, bool *has_key);

/* -- watch.c -- */
weir_status weir_watch_new(weir_engine *e, weir_watch **out);
weir_status weir_watch_start(weir_watch *w, weir_err *err);
/* Ends the prober: from here on nothing but functions and the settler uses a sink. Blocks as
 * long as a probe may take. */
void weir_watch_stop_prober(weir_watch *w);
/* Ends both threads. */
void weir_watch_stop(weir_watch *w);
void weir_watch_free(weir_watch *w);
/* Something may be due earlier than the timer thinks. */
void weir_watch_due(weir_watch *w, int64_t due_us);
/* The pool wants to be tended within a millisecond. */
void weir_watch_tend(weir_watch *w);
/* A new destination wants its probe. */
void weir_watch_probe(weir_watch *w);

#endif
