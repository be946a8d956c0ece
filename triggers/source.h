/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source - the contract of what events are read from.
 *
 * A source belongs to one subscription and one queue. It has no thread of its own that calls
 * back: all of read() runs on one intake thread, and the host's calls below are made on that
 * thread inside read() (and inside close()). ack(), wake(), hold() and stat() may come from
 * any thread at any time.
 *
 * An *epoch* is one partition or stream in one assignment. Every receipt carries it; ack()
 * drops receipts of epochs that are over. A source commits a position only when every event
 * before it that was given out has been acked (gaps in positions are normal).
 *
 *     open -> read, read, ... (ack, hold from anywhere) -> stop -> read until drained -> close
 */
#ifndef WEIR_TRIGGERS_SOURCE_H
#define WEIR_TRIGGERS_SOURCE_H

#include "schemas/event.h"
#include "worker/base/opt.h"

typedef struct weir_epoch {
    uint32_t part;  /* dense slot, reused for the same topic and partition */
    uint32_t epoch; /* rises by one with each assignment of the part; never 0 */
    const char *topic;
    int32_t partition; /* -1: a stream */
} weir_epoch;

/* What may hold a part, for alarms, readiness and explain. */
typedef enum weir_trouble {
    WEIR_TROUBLE_NONE = 0,      /* it is over */
    WEIR_TROUBLE_UNREACHABLE,   /* the broker or server is not there */
    WEIR_TROUBLE_DENIED,        /* no right, or wrong credentials */
    WEIR_TROUBLE_MISSING,       /* the topic, stream or group is not there */
    WEIR_TROUBLE_LOST_POSITION, /* retention has eaten the committed position */
    WEIR_TROUBLE_UNDECODABLE,   /* the client cannot read a batch at this position */
    WEIR_TROUBLE_RECREATED,     /* the committed position lies beyond the end */
    WEIR_TROUBLE_FATAL,         /* this instance of the client is finished */
    WEIR_TROUBLE_NO_POSITION /* start: committed, and the group has no position: `run` ends
                                   with 78 */
} weir_trouble;

typedef struct weir_source_host {
    void *arg;
    /* New epochs: their first events may follow. */
    void (*assigned)(void *arg, const weir_epoch *e, size_t n);
    /* These go. Returns when nothing of them runs or settles, or at until_us; what has been
     * acked by then may be committed, later acks are dropped. */
    void (*revoking)(void *arg, const weir_epoch *e, size_t n, int64_t until_us);
    /* These are gone already: nothing of them may be sent or committed any more. */
    void (*lost)(void *arg, const weir_epoch *e, size_t n);
    /* Something holds a part (e NULL: the whole source); kind NONE ends it. */
    void (*trouble)(void *arg, const weir_epoch *e, weir_trouble kind,
                    const char *text);
} weir_source_host;

typedef enum weir_start {
    WEIR_START_EARLIEST,
    WEIR_START_LATEST,
    WEIR_START_COMMITTED, /* a group without positions is an error, exit 78 */
    WEIR_START_TIME
} weir_start;

typedef struct weir_source_setup {
    const void *queue;      /* the adapter's struct, filled by its rows of weir_opt */
    const char *queue_name; /* the name under `queues:` */
    /* topics or streams; Kafka: a pattern starts with ^ */
    const char *const *topics;
    size_t n_topics;
    const char *const *never; /* topics that a pattern must not match */
    size_t n_never;
    const char *sub_name;
    const char *group;
    const char *service;  /* worker.name */
    const char *instance; /* worker.instance, unique on this host */
    weir_start start;
    int64_t start_ms;           /* WEIR_START_TIME: milliseconds since 1970 */
    bool stop_on_lost_position; /* else go on at the earliest */
    int64_t commit_us;
    int64_t handover_us;
    int64_t claim_after_us;
    bool is_single; /* redis: by a lease, one replica at a time */
    bool is_static; /* kafka: group.instance.id */
    bool is_once;   /* there will be a settler: nothing is read before it is open */
    int assignor;   /* kafka: 0 range, 1 cooperative-sticky */
    const char *data_field, *key_field; /* redis */
    size_t max_event; /* bytes; larger ones get WEIR_FAULT_TOO_LARGE */
    /* this source's part of the budget, for client queues */
    size_t max_events, max_bytes;
    uint32_t concurrency; /* events that functions may have at once; 0: unknown */
    const weir_source_host *host; /* lives as long as the source */
} weir_source_setup;

typedef struct weir_part_stat {
    uint32_t part, epoch;
    const char *topic;
    int32_t partition;
    int64_t lag;        /* end minus committed; -1: unknown */
    int64_t n_unacked;  /* given out and not acked */
    weir_pos committed; /* hi UINT64_MAX: none */
    /* age of the first uncommitted event that is known; -1: unknown */
    int64_t lag_us;
} weir_part_stat;

/* Why an event comes again that was given out before, here or by another replica. */
typedef enum weir_again {
    WEIR_AGAIN_NONE = 0,  /* it does not, or nobody knows */
    WEIR_AGAIN_REBALANCE, /* its last owner has handed it over in order */
    WEIR_AGAIN_CRASH,     /* its last owner has ended, or lost it, without that */
    WEIR_AGAIN_RECLAIM,   /* redis: another replica that had it was silent */
    WEIR_AGAIN_RECONNECT, /* this one had lost its place in the group, or its lease */
    WEIR_AGAIN_COUNT
} weir_again;

typedef struct weir_source_stat {
    /* member of its group, with or without partitions, or standing by */
    bool is_joined;
    bool is_standby;
    uint64_t n_commits, n_rebalances;
    uint64_t n_trimmed; /* redis: entries gone before they were handled */
    /* events given out that had been given out before, as far as positions tell; not [0] */
    uint64_t n_redelivered[WEIR_AGAIN_COUNT];
    /* kafka: events that earlier commits said were done, and were not given out again */
    uint64_t n_known_done;
    uint64_t n_maps_ignored; /* kafka: what commits said was not believed */
    size_t n_client;         /* events and bytes in the client's queues */
    size_t client_bytes;
} weir_source_stat;

typedef struct weir_source_ops {
    const char *name; /* "kafka" */
    const char *about;
    size_t size; /* bytes of self, zeroed by the caller */
    /* Single events are acknowledged: what is done is never repeated because of an earlier
     * one that is not. False: a position is committed, and a stop first finishes what lies
     * below the highest event that has begun. */
    bool acks_each;
    /* How long a read may wait where nothing has come for a while and nothing is under way,
     * because whatever the source has to say ends the wait; 0: not that long. */
    int64_t rest_us;
    /*
     * Keeps a reference to setup, whose strings must live until close. Does not wait for the
     * broker: one that is down is waited for inside read().
     * Returns: WEIR_OK; WEIR_ECONFIG and the like with a text for people.
     */
    weir_status (*open)(void *self, const weir_source_setup *setup, weir_err *err);
    /*
     * Fills up to cap events; each evs[i] is storage that is given to weir_ev_begin() with its
     * own arena beforehand by the caller. Waits up to wait_us for the first. cap 0: keeps the
     * connection and membership alive, may rebalance and commit, gives nothing.
     * Returns the number of events; a failing broker is no error here but trouble().
     */
    size_t (*read)(void *self, weir_event *const *evs, size_t cap, int64_t wait_us);
    /* Ends a waiting read soon. Any thread. */
    void (*wake)(void *self);
    /* Stops (true) or goes on giving events of one part, without losing what the client has
     * fetched. Stale epochs are ignored. Any thread. */
    void (*hold)(void *self, uint32_t part, uint32_t epoch, bool is_held);
    /* These events are done: confirmed results or dead letters, or nothing to publish. Stale
     * epochs are dropped. Any thread. */
    void (*ack)(void *self, const weir_receipt *receipts, size_t n);
    /* These were given out but will not be handled here (the worker stops): redis gives them
     * back for other replicas; may be NULL. Any thread. */
    void (*giveback)(void *self, const weir_receipt *receipts, size_t n);
    /* This event, which others have died over (see strikes.h), begins alone in its worker, and
     * with false: its function has returned. WEIR_OK: that stands with the queue, so that a
     * death from here on counts, or does not. WEIR_EAGAIN: it is being written, ask again. Anything else:
     * it is not ours any more. May be NULL. Any thread. */
    weir_status (*suspect)(void *self, const weir_receipt *receipt, bool begins);
    /* This worker is about to end by the fault of a function that hangs: whatever is unfinished
     * when it leaves is not left in order, and the queue counts it as a death (strikes.h). May
     * be NULL. Any thread. */
    void (*struck)(void *self);
    /* Commits what is acked, now; intake thread. WEIR_OK, or WEIR_ETIMEOUT at until_us. */
    weir_status (*flush)(void *self, int64_t until_us);
    /* A consistent copy; fills up to cap parts, returns how many there are. Any thread. */
    size_t (*stat)(void *self, weir_source_stat *out, weir_part_stat *parts,
                   size_t cap);
    /* Moves past pos on a part that is in trouble UNDECODABLE at it, or has it unacked;
     * intake thread. May be NULL. */
    weir_status (*skip)(void *self, const char *topic, int32_t partition, weir_pos pos,
                        weir_err *err);
    /* Leaves the group (revoking() is called for what is held), commits, frees. Blocks at
     * most until until_us. Intake thread. False: a library call still hangs, self must not be
     * freed and the process should end. */
    bool (*close)(void *self, int64_t until_us);
} weir_source_ops;

#endif
