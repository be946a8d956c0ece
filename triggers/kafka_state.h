/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_state - what the files of the Kafka source share; for them alone.
 *
 *     kafka_source.c   the contract: open, read, hold, ack, stat, close
 *     kafka_read.c     messages to events, errors to troubles
 *     kafka_look.c     the headers of records
 *     kafka_place.c    positions that do not work any more
 *     kafka_group.c    rebalances and commits
 *     kafka_start.c    where an assigned partition starts
 *     kafka_map.c      what is done above the position: sent with commits, read back
 *     kafka_client.c   the life of one consumer instance
 *     kafka_pace.c     when the fetcher has to be woken
 *     kafka_watch.c    a helper thread that may block: ends of partitions, waking the fetcher
 *     kafka_part.c     the table of partitions
 *     kafka_plan.c     positions for the transactions of a settler
 *     kafka_txn.c      the settler, as the engine and the source call it
 *
 * A *part* is a topic and partition that this source has seen; it keeps its slot for good. A
 * *client* is one consumer instance; after a fatal error there is a new one, and the old one
 * lives until the last of its messages has been given back.
 *
 * Threads: "intake" fields belong to the thread that calls read(); the others are guarded by
 * the source's lock. Parts are never freed before the source, so pointers to them stay good.
 */
#ifndef WEIR_TRIGGERS_KAFKA_STATE_H
#define WEIR_TRIGGERS_KAFKA_STATE_H

#include "triggers/ack_map.h"
#include "triggers/kafka_conf.h"
#include "triggers/kafka_pace.h"
#include "triggers/kafka_why.h"
#include "triggers/offset_track.h"
#include "triggers/settler.h"
#include "worker/base/lock.h"

#define WEIR_KAFKA_SOURCE_TAG WEIR_TAG('k', 's', 'r', 'c')
#define WEIR_KAFKA_EPOCHS 4
#define WEIR_KAFKA_ROW 256 /* messages that are taken from the client at once */
#define WEIR_KAFKA_PRINTS 8

/* From this offset on, records were written under this leader epoch. */
typedef struct weir_kafka_leader {
    int64_t from;
    int32_t epoch;
} weir_kafka_leader;

typedef struct weir_kafka_part {
    /* constant */
    uint32_t index;
    int32_t partition;
    const char *topic;
    char *where_text; /* "kafka:orders/3@" */
    weir_slice where; /* the same */

    /* intake */
    bool is_assigned;
    bool is_held; /* nothing of it is given out: it goes into the stash */
    /* its queue flows into ours; not while too much is in the stash */
    bool is_forwarded;
    bool is_stopped; /* an alarm holds it; the client does not fetch */
    /* the client's queue of this partition while assigned */
    rd_kafka_queue_t *queue;
    rd_kafka_message_t **stash; /* read for it while it was held, in order */
    size_t at_stash, n_stash, cap_stash;
    int64_t position; /* the next offset to give out; anything below is dropped */
    /* one past the last offset that an earlier owner may have finished; 0: there is none */
    int64_t map_end;
    /* from this position on it is seen whether the map still fits */
    int64_t measure_at;
    /* records in a row that had no headers; from READ_BARE on they are looked at late */
    unsigned n_bare;
    weir_trouble trouble;
    int64_t bad_offset; /* where the client failed, and how often in a row */
    int n_bad;
    bool is_out_of_range; /* the broker has refused the position; to be judged */
    int64_t judge_us;     /* when next */
    /* the ack map; see kafka_map.c */
    bool is_fresh;      /* assigned, and its map is still to be looked at */
    bool is_other_log;  /* another record stands before the position: to be told */
    bool is_full;       /* held until the map has room again */
    weir_ack_map known; /* what an earlier owner finished; runs NULL: nothing */
    uint64_t n_known;   /* events of it that were skipped */
    uint32_t generation, strikes;
    int64_t strikes_base;   /* the position that the strikes are about */
    uint32_t n_striken;     /* so many of the next events run alone, */
    uint32_t strikes_first; /* and the next one has these */
    bool is_owned;          /* the map says that somebody is at it */
    /* records that were given out, rising: the first is before the commit position */
    weir_ack_print prints[WEIR_KAFKA_PRINTS];
    size_t n_prints;
    /* Below these an event comes again: given out by the owner before, as its map says, or by
     * ourselves in an earlier epoch. again_until is the greater one. */
    int64_t again_until, map_again_until, own_again_until;
    weir_again map_again, own_again;
    uint32_t own_generation; /* of our maps in that epoch */

    /* under the lock */
    uint32_t epoch; /* of the present or the last assignment; 0: never assigned */
    bool is_live;   /* is_assigned, for other threads */
    bool wants_hold;
    bool is_leaving; /* it is handed over in order: the next map says so */
    int64_t lone;    /* the event that is to run alone, or does; -1: none */
    int64_t lone_us; /* since when it is asked for */
    int64_t away;    /* the position is known to stay here; -1: none is */
    enum {
        WEIR_KAFKA_LONE_ASKED,
        WEIR_KAFKA_LONE_COUNTED,
        WEIR_KAFKA_LONE_COMMITTED,
        WEIR_KAFKA_LONE_ENDED /* to be written: its function has returned */
    } lone_state;
    weir_track track;
    int64_t sent;      /* the last position that a commit was sent for */
    int64_t committed; /* as the broker confirmed; -1: none */
    /* how many above the position were done in those commits */
    size_t above_sent, above_committed;
    int64_t end; /* the last known end; -1: unknown */
    /* the newest last; epoch -1: unknown */
    weir_kafka_leader leaders[WEIR_KAFKA_EPOCHS];
} weir_kafka_part;

typedef struct weir_kafka_client {
    rd_kafka_t *rk;
    rd_kafka_queue_t *main;   /* rebalances, errors, commit results, the log */
    rd_kafka_queue_t *events; /* messages of all partitions that are not held */
    atomic_size_t n_live;     /* messages that events still borrow */
    /* among those that wait for their last message */
    struct weir_kafka_client *next;
} weir_kafka_client;

typedef struct weir_kafka_topic {
    char *name;
    weir_kafka_part **parts; /* by partition; NULL: not seen */
    int32_t n_parts;
} weir_kafka_topic;

typedef struct weir_kafka_reader {
    uint32_t tag;
    const weir_source_setup *setup;
    const weir_kafka_queue *queue;
    const weir_source_host *host;
    weir_kafka_caps caps;
    bool is_kip848;
    bool has_batches; /* see read_batch() */

    /* intake */
    weir_kafka_client *client; /* NULL: to be made */
    weir_kafka_client *old;    /* waiting for their messages */
    weir_kafka_topic **topics; /* sorted by name */
    size_t n_topics;
    int64_t next_client_us, backoff_us;
    int64_t next_commit_us;
    int64_t next_subscribe_us;
    int64_t next_forward_us, forward_until_us; /* see kafka_place.c */
    bool is_commit_out; /* an asynchronous commit has no answer yet */
    bool wants_new;     /* this instance is finished */
    bool has_started;   /* an assignment with partitions has been resolved before */
    bool is_refused;    /* no position where one is needed: nothing more is read */
    bool is_closing;
    int64_t close_us; /* while closing: no function is waited for after this */
    bool has_stash;
    size_t n_stashed, stashed_bytes; /* of all parts */
    bool is_all_held; /* every assigned part: nothing is taken from the client */
    rd_kafka_message_t *batch[WEIR_KAFKA_ROW]; /* of one call of the client */
    weir_kafka_pace pace;
    uint32_t *runs;          /* WEIR_ACK_MAP_MAX_RUNS of them, for one map at a time */
    atomic_size_t map_bytes; /* what the broker takes; 0: no maps */
    size_t n_full;           /* parts that are held because their map is full */
    int64_t next_map_us;     /* when they are looked at next */
    weir_trouble trouble;
    uint64_t contacts_seen; /* n_contacts when the trouble began */
    bool is_login_refused;  /* and that is the trouble */
    weir_kafka_cert cert;
    /* the last that was wrong with TLS; empty: nothing */
    char why[WEIR_KAFKA_WHY_MAX];
    uint64_t why_contacts; /* n_contacts then */

    weir_signal signal; /* something is in a queue, or wake() */
    atomic_bool is_woken;
    atomic_bool has_lone;     /* a suspect is to be written down */
    atomic_bool is_struck;    /* a function hangs: nothing is left in order */
    atomic_bool has_holds;    /* a wants_hold has changed */
    atomic_bool is_low;       /* the fetcher may sleep, and should not */
    atomic_bool has_assigned; /* partitions have come, for the watch */
    atomic_ullong n_contacts; /* answers of brokers */

    weir_lock lock;
    weir_kafka_part **parts; /* grown under the lock */
    size_t n_parts, cap_parts;
    bool is_joined;
    uint64_t n_commits, n_rebalances;
    uint64_t n_redelivered[WEIR_AGAIN_COUNT];
    uint64_t n_known_done, n_maps_ignored;
    size_t n_client, client_bytes;

    struct weir_kafka_watch *watch;
    /* Of exactly_once; NULL: there is none, positions are committed from here. Set before the
     * first read. */
    struct weir_kafka_txn *settler;
} weir_kafka_reader;

/* ---------------------------------------------------------------------- kafka_part ---- */

/* The part of a topic and partition, or NULL. Intake thread. */
weir_kafka_part *weir_kafka_part_find(weir_kafka_reader *src, const char *topic,
                                      int32_t partition);
/* The same, made if it is new; NULL: out of memory. */
weir_kafka_part *weir_kafka_part_get(weir_kafka_reader *src, const char *topic,
                                     int32_t partition);
weir_epoch weir_kafka_part_epoch(const weir_kafka_part *part);
/* Begins an assignment at that position: a new epoch. */
void weir_kafka_part_begin(weir_kafka_reader *src, weir_kafka_part *part,
                           int64_t position, bool is_committed);
/* Ends it: later acks are dropped, what was fetched is given back. why: what it will be called
 * if the part comes back and its events again. */
void weir_kafka_part_end(weir_kafka_reader *src, weir_kafka_part *part, weir_again why);
/* The map of its last owner is believed: it tells what that one has given out. */
void weir_kafka_part_owned_before(weir_kafka_part *part);
/* Why the event there comes again; NONE: it does not, as far as we know. */
weir_again weir_kafka_part_again(const weir_kafka_part *part, int64_t offset);
/* Puts a message behind (or in front of) the stash. False: out of memory, caller keeps it. */
bool weir_kafka_part_stash(weir_kafka_reader *src, weir_kafka_part *part,
                           rd_kafka_message_t *msg, bool is_front);
/* Takes the first message from the stash, which is not empty. */
/* Gives back all that waits in it. */
void weir_kafka_part_drop_stash(weir_kafka_reader *src, weir_kafka_part *part);
rd_kafka_message_t *weir_kafka_part_unstash(weir_kafka_reader *src,
                                            weir_kafka_part *part);
/* Lets the part's queue flow into ours, or not; nothing if it is so already. */
void weir_kafka_part_forward(weir_kafka_reader *src, weir_kafka_part *part,
                             bool is_forwarded);
/* Tells the host of a trouble of the part, if it is news. */
void weir_kafka_part_trouble(weir_kafka_reader *src, weir_kafka_part *part,
                             weir_trouble kind, const char *text);
/* Frees all parts and topics. */
void weir_kafka_parts_fini(weir_kafka_reader *src);

/* -------------------------------------------------------------------- kafka_client ---- */

weir_status weir_kafka_client_new(weir_kafka_reader *src, weir_kafka_client **out,
                                  weir_err *err);
/* Subscribes, or subscribes again. */
weir_status weir_kafka_client_subscribe(weir_kafka_reader *src, weir_err *err);
/* Commits this list and waits for the answer. The code of the whole, and each entry's err. */
rd_kafka_resp_err_t weir_kafka_client_commit(weir_kafka_client *client,
                                             rd_kafka_topic_partition_list_t *list,
                                             int64_t until_us);
/* Leaves the group, serving rebalance callbacks. False: not by until_us. */
bool weir_kafka_client_leave(weir_kafka_client *client, int64_t until_us);
/* Destroys it; nothing of it may be lent any more. False: it hangs. */
bool weir_kafka_client_free(weir_kafka_client **client, int64_t until_us);
/* Frees those in src->old whose messages are all back. */
void weir_kafka_client_reap(weir_kafka_reader *src);

/* --------------------------------------------------------------------- kafka_group ---- */

/* The rebalance callback's two halves, and the result of an asynchronous commit. */
void weir_kafka_group_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                                rd_kafka_topic_partition_list_t *list, void *opaque);
void weir_kafka_group_committed(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                                rd_kafka_topic_partition_list_t *list, void *opaque);
/* Adds a position to a list for a commit.
 * Owns:    takes `text`, the entry's metadata (may be NULL), of the library's allocator. */
void weir_kafka_group_list_add(weir_kafka_reader *src,
                               rd_kafka_topic_partition_list_t *list,
                               const weir_kafka_part *part, int64_t offset, char *text);
/* Sends a commit of what is done, if there is progress. Does not wait. */
void weir_kafka_group_commit(weir_kafka_reader *src);
/* The same, and waits for the answer. WEIR_OK, WEIR_ETIMEOUT, WEIR_EIO. */
weir_status weir_kafka_group_flush(weir_kafka_reader *src, int64_t until_us);
/* All that is assigned is lost (this instance is finished). */
void weir_kafka_group_lose(weir_kafka_reader *src);
/* Tells the host of a trouble of the whole source, if it is news. */
void weir_kafka_source_trouble(weir_kafka_reader *src, weir_trouble kind,
                               const char *text);

/* --------------------------------------------------------------------- kafka_start ---- */

/*
 * Fills in where each partition of an assignment starts. Positions that the group does not
 * have are resolved and committed first.
 * Returns: WEIR_OK; WEIR_ECONFIG: the group needs positions and has none; else try again.
 */
weir_status weir_kafka_start_resolve(weir_kafka_reader *src,
                                     rd_kafka_topic_partition_list_t *list,
                                     int64_t until_us, weir_err *err);
/* Asks for the earliest (-2), end (-1) or first offset at or after a time, for all of list. */
weir_status weir_kafka_start_lookup(rd_kafka_t *rk,
                                    rd_kafka_topic_partition_list_t *list, int64_t what,
                                    int timeout_ms, weir_err *err);

/* ------------------------------------------------------------------- kafka_strikes ---- */

/* Takes the strikes of the map that was just read. */
void weir_kafka_strikes_load(weir_kafka_reader *src, weir_kafka_part *part);
/* Commits for what is new in the assignment that it has an owner. */
weir_status weir_kafka_strikes_own(weir_kafka_reader *src,
                                   const rd_kafka_topic_partition_list_t *assigned,
                                   weir_err *err);
/* The strikes of the event that is given out next, one of n_striken. */
uint32_t weir_kafka_strikes_of(weir_kafka_part *part);
/* weir_source_ops.suspect. Any thread. */
weir_status weir_kafka_strikes_suspect(weir_kafka_reader *src,
                                       const weir_receipt *receipt, bool begins);
/* Writes down the suspects that are asked for. */
void weir_kafka_strikes_tend(weir_kafka_reader *src);

/* ----------------------------------------------------------------------- kafka_map ---- */

/*
 * The metadata for a commit of the part at its watermark, in memory of the library's
 * allocator; NULL: none. *base is the watermark, *above how many are done above it.
 */
char *weir_kafka_map_text(weir_kafka_reader *src, weir_kafka_part *part,
                          bool is_leaving, int64_t *base, size_t *above);

/* What a commit of the part says if all that is planned is done. */
typedef struct weir_kafka_planned {
    uint32_t *runs; /* the caller's, WEIR_ACK_MAP_MAX_RUNS of them */
    uint32_t epoch;
    int64_t base;
    size_t above, n_planned;
    char *text;    /* as of weir_kafka_map_text() */
    bool is_whole; /* the text says all that is finished above the base */
} weir_kafka_planned;
/* Any thread that uses the source. */
void weir_kafka_map_plan(weir_kafka_reader *src, weir_kafka_part *part,
                         weir_kafka_planned *out);

/* Looks at the metadata of an assignment's positions, and whether they fit the log: before
 * the first fetch. Blocks for a few seconds at most. False: some could not be asked; what they
 * say is ignored, and runs again. */
bool weir_kafka_map_load(weir_kafka_reader *src,
                         const rd_kafka_topic_partition_list_t *list);
/* Tells of positions that were found to belong to another log; after assigned(). */
void weir_kafka_map_alarm(weir_kafka_reader *src);
/* Has an earlier owner finished that record? Then it is counted, and done here too; all that
 * was given out before it must be on the tracker, which then has room for n_more. */
bool weir_kafka_map_skip(weir_kafka_reader *src, weir_kafka_part *part, int64_t offset,
                         size_t n_more);
/* Keeps a fingerprint of a record that was given out. */
void weir_kafka_map_print(weir_kafka_part *part, const weir_ack_print *print);
/* Holds the part if what was given out may no longer fit a map. */
void weir_kafka_map_measure(weir_kafka_reader *src, weir_kafka_part *part);
/* Lets held parts go on that have room again. */
void weir_kafka_map_tend(weir_kafka_reader *src, int64_t now_us);
/* What earlier owners finished is not believed any more; `why` NULL: it is used up. */
void weir_kafka_map_drop(weir_kafka_reader *src, weir_kafka_part *part,
                         const char *why);
/* The broker takes less than was sent with that commit. True: less is sent from now on. */
bool weir_kafka_map_too_large(weir_kafka_reader *src,
                              const rd_kafka_topic_partition_list_t *list);

/* ---------------------------------------------------------------------- kafka_look ---- */

/* Fills in the headers of an event, or sees to it that they are found when somebody asks. False:
 * out of memory. */
bool weir_kafka_read_headers(weir_event *ev, weir_kafka_part *part,
                             rd_kafka_message_t *msg);

/* ---------------------------------------------------------------------- kafka_read ---- */

/* Fills up to cap events from what the client has. Does not wait. */
size_t weir_kafka_read_events(weir_kafka_reader *src, weir_event *const *evs,
                              size_t cap);
/* Serves the consumer's own queue: rebalances, errors, commit results, the client's log. */
void weir_kafka_read_main(weir_kafka_reader *src);

/* --------------------------------------------------------------------- kafka_place ---- */

/* Judges a position that the broker has refused. Blocks for two seconds at most. */
void weir_kafka_place_judge(weir_kafka_reader *src, weir_kafka_part *part);
/* Goes on at `offset`; nothing below it will be given out any more. */
void weir_kafka_place_go_on(weir_kafka_reader *src, weir_kafka_part *part,
                            int64_t offset);

/* Lets all parts that are not held flow into our queue (again). */
void weir_kafka_place_forward(weir_kafka_reader *src, int64_t now_us);

/* --------------------------------------------------------------------- kafka_watch ---- */

weir_status weir_kafka_watch_start(weir_kafka_reader *src, weir_err *err);
/* Asks it to look at once: the client's queue is low. */
void weir_kafka_watch_kick(weir_kafka_reader *src);
/* There are new partitions: it finds out who leads them, before the first stall. */
void weir_kafka_watch_assigned(weir_kafka_reader *src);
/* Ends it; its calls are bounded by two seconds. */
void weir_kafka_watch_stop(weir_kafka_reader *src);

/* ---------------------------------------------------------------------- kafka_plan ---- */

/* The positions of one transaction. Zeroed: none. */
typedef struct weir_kafka_plan {
    rd_kafka_topic_partition_list_t *list;
    struct weir_kafka_planned_part {
        weir_kafka_part *part;
        uint32_t epoch;
        int64_t base;
        size_t above;
        bool is_whole;
    } * parts; /* as the list's entries */
    size_t n_parts, cap_parts;
    size_t n_planned; /* events of these parts that are in the plan */
    bool is_whole;    /* all that will be finished is said */
} weir_kafka_plan;

/* These are going to be published. is_ours[i] false: not ours to do (any more). */
void weir_kafka_plan_add(weir_kafka_reader *src, weir_settle_item *const *items,
                         size_t n, bool *is_ours);
/* They are not going to be, for now. */
void weir_kafka_plan_drop(weir_kafka_reader *src, weir_settle_item *const *items,
                          size_t n);
/* Only what moves a position without a hole stays planned, and comes first; returns how many that
 * is. Both halves keep their order. */
size_t weir_kafka_plan_cut(weir_kafka_reader *src, weir_settle_item **items, size_t n);
/* What is to be committed with all that is planned; may be nothing. runs: as of
 * weir_kafka_planned. */
weir_status weir_kafka_plan_make(weir_kafka_reader *src, uint32_t *runs,
                                 weir_kafka_plan *plan);
/* The transaction is committed. */
void weir_kafka_plan_done(weir_kafka_reader *src, const weir_kafka_plan *plan,
                          weir_settle_item *const *items, size_t n);
/* Makes it empty. */
void weir_kafka_plan_reset(weir_kafka_plan *plan);
/* The end. */
void weir_kafka_plan_fini(weir_kafka_plan *plan);

/* ----------------------------------------------------------------------- kafka_txn ---- */

/* For the source's intake thread. */
typedef struct weir_kafka_txn weir_kafka_txn;

/* May the group be joined? The transactional id is ours, nothing of an earlier owner is open.
 * False: not yet; text says why, or is empty. */
bool weir_kafka_txn_is_ready(weir_kafka_txn *txn, char *text, size_t cap);
/* True: it is not known what has become of a transaction. All partitions have to be given up,
 * and then weir_kafka_txn_given_up() to be called. */
bool weir_kafka_txn_is_broken(weir_kafka_txn *txn);
void weir_kafka_txn_given_up(weir_kafka_txn *txn);
/* The member whose generation fences the transactions; NULL: there is none any more. */
void weir_kafka_txn_member(weir_kafka_txn *txn, rd_kafka_t *rk);
/* Something is acknowledged, which the next transaction has to say. */
void weir_kafka_txn_nudge(weir_kafka_txn *txn);
/* Ends the open transaction and commits all that is acknowledged. WEIR_OK, WEIR_ETIMEOUT,
 * WEIR_EIO: it cannot be. Blocks until until_us at most. */
weir_status weir_kafka_txn_commit(weir_kafka_txn *txn, int64_t until_us);
/* The source ends: it is not used any more after this. */
void weir_kafka_txn_let_go(weir_kafka_txn *txn);

#endif
