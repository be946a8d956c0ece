/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_state - what the files of the Redis source share.
 *
 *     redis_source.c  the table; open, close, what the engine calls from any thread
 *     redis_read.c    the intake's thread: reads under way
 *     redis_link.c    the source's own thread, which calls the next ones
 *     redis_ack.c     acknowledgements
 *     redis_idle.c    heartbeats, and giving back
 *     redis_claim.c   pending entries are taken over, through redis_page.c
 *     redis_group.c   names, leases, the group
 *     redis_part.c    what any of them does to a part, under the lock
 *
 * A part's reading connection belongs to the link while the part is DOWN and to the intake
 * while it is READY; `state` hands it over, under the lock.
 *
 *     DOWN -> (link: group, own pending entries, connect) -> READY -> (intake: it broke) -> DOWN
 */
#ifndef WEIR_TRIGGERS_REDIS_STATE_H
#define WEIR_TRIGGERS_REDIS_STATE_H

#include "triggers/redis_conn.h"
#include "triggers/redis_entry.h"
#include "triggers/redis_held.h"
#include "triggers/redis_source.h"
#include "worker/base/lock.h"

#include <pthread.h>

#define WEIR_REDIS_SOURCE_TAG WEIR_TAG('R', 'S', 'R', 'C')
#define WEIR_REDIS_ACKS_NOW 512   /* acknowledgements that are sent at once */
#define WEIR_REDIS_NAME_MAX 300   /* of a consumer, a lease */
#define WEIR_REDIS_RATE_US 250000 /* how often the rate is measured */

/* An entry that was read and not given out. */
typedef struct weir_redis_item {
    weir_redis_reply *reply; /* one use of it is ours */
    weir_redis_entry entry;
    uint32_t n_delivered;
    uint32_t strikes; /* as it is given out */
    weir_again again;
} weir_redis_item;

typedef struct weir_redis_ring {
    weir_redis_item *items;
    size_t head, n, cap;
} weir_redis_ring;

typedef struct weir_redis_ids {
    weir_pos *ids;
    size_t n, cap;
} weir_redis_ids;

typedef enum weir_redis_state { WEIR_REDIS_DOWN, WEIR_REDIS_READY } weir_redis_state;

typedef struct weir_redis_part {
    uint32_t index;
    const char *stream;
    char *where; /* "redis:orders@" */

    /* Under the source's lock. */
    weir_redis_state state;
    uint32_t epoch;
    bool is_live; /* assigned and not lost */
    bool is_held; /* hold() */
    weir_redis_ring ring;
    weir_redis_held held;
    weir_redis_ids acks, backs; /* for the link to send */
    weir_pos given;             /* the highest that was given out, ... */
    weir_pos again; /* ... when all was lost: what is below may come again */
    /* so many of the next that others have died over run alone */
    uint32_t n_striken;
    weir_pos lone; /* what runs alone, or is to; see redis_strikes.c */
    enum {
        WEIR_REDIS_LONE_NONE = 0,
        WEIR_REDIS_LONE_ASKED,
        WEIR_REDIS_LONE_WRITTEN,
        WEIR_REDIS_LONE_ENDS
    } lone_state;
    size_t n_done;        /* of held: acknowledged by the engine */
    weir_trouble trouble; /* the last one told */
    weir_part_stat stat;

    /* Whoever owns it, see above. */
    weir_redis_conn *conn;
    size_t n_reads;
    int64_t answer_until_us; /* by when the first of them must answer */

    /* The link's. */
    weir_redis_ids sending; /* XACKs under way or to be repeated */
    bool is_checked;        /* the group was there, or was made, once in this process */
    /* entries of an earlier life, or of all others under `single` */
    bool is_taken_over;
    bool has_sample;
    weir_pos sample;  /* everything up to here was acknowledged, a second ago */
    weir_pos backlog; /* pending entries below it have been looked at */
    char cursor[WEIR_REDIS_ID_MAX]; /* of XAUTOCLAIM */
    weir_pos scan;                  /* of XPENDING, where there is no XAUTOCLAIM */
    int64_t client_id;              /* of the last reading connection; -1: none */
    int64_t made_us;                /* when the group was made last */
    int64_t retry_us;               /* DOWN: not before */
    int64_t backoff_us;
} weir_redis_part;

typedef enum weir_redis_news_type {
    WEIR_REDIS_ASSIGNED,
    WEIR_REDIS_LOST,
    WEIR_REDIS_TROUBLE
} weir_redis_news_type;

/* What the host is told by the next read(). */
typedef struct weir_redis_news {
    struct weir_redis_news *next;
    weir_redis_news_type type;
    weir_redis_part *part; /* TROUBLE: NULL for the whole source */
    uint32_t epoch;
    weir_trouble kind;
    char text[300];
} weir_redis_news;

typedef struct weir_redis_src {
    uint32_t tag;
    const weir_source_setup *setup;
    const weir_redis_queue *queue;
    weir_slice data_field, key_field;
    weir_redis_part *parts;
    size_t n_parts;
    char token[160]; /* who we are, in the values of leases */
    char host[128];  /* the front of it: machine, kernel, space of process numbers */
    char single[WEIR_REDIS_NAME_MAX];
    int64_t slot_ttl_us, single_ttl_us;

    weir_lock lock;
    weir_redis_news *news, **news_tail;
    weir_source_stat stat;
    weir_trouble trouble;
    size_t n_unconfirmed; /* acknowledgements that the server has not confirmed */
    size_t n_unsent;      /* of these: not in the link's hands yet */
    uint64_t n_finished;  /* ever acknowledged by the engine */
    size_t window;        /* entries to have at most, given out and queued */
    size_t window_min;    /* however slow the functions are; constant */
    bool wants_events;    /* the last read() had room */
    bool wants_room;      /* a part had no room for a read */
    /* raised when n_unconfirmed falls, and when the link ends */
    weir_signal confirmed;

    /* Set by the link, read by the intake: the lease ends for us then, whatever happens. */
    atomic_llong single_until_us;
    int wake_fd, link_fd, abort_fd; /* eventfds */

    /* The intake's. */
    struct pollfd *fds;
    weir_redis_part **fd_parts;
    size_t next_part;          /* who gives first */
    size_t mean_bytes;         /* of an entry */
    weir_redis_entry *entries; /* of the reply being taken */
    size_t n_entries_max;

    /* The link's. */
    pthread_t link;
    bool has_link;
    weir_redis_conn *ctl;
    char consumer[WEIR_REDIS_NAME_MAX]; /* "" : no slot is ours */
    char slot[WEIR_REDIS_NAME_MAX];
    bool has_single;
    bool has_refused_acks; /* some of what was sent last was not confirmed */
    bool has_no_autoclaim;
    uint64_t last_finished; /* when it was measured last */
    double rate;            /* events a second */
    int64_t ctl_backoff_us, ctl_retry_us;
    int64_t slot_due_us, single_due_us, beat_due_us, sweep_due_us, sample_due_us,
        tidy_due_us, rate_due_us, ack_due_us;
    atomic_bool is_closing, is_link_over;
    /* a function hangs: what is unfinished is not left in order */
    atomic_bool is_struck;

    /* exactly_once: whoever settles for this source lets go of it when release() is called, on
     * the intake's thread, before anything of the source is freed. NULL: nobody does. */
    void *settler;
    void (*release)(void *settler);
} weir_redis_src;

/* -- redis_part.c: any thread ---------------------------------------------------------- */

bool weir_redis_ids_add(weir_redis_ids *ids, weir_pos pos);
/* Appends those of a reply's entries that are not held yet, each with a use of it. Returns how
 * many: the others are held, or there is no memory. */
size_t weir_redis_part_queue_locked(weir_redis_src *src, weir_redis_part *part,
                                    weir_redis_reply *reply,
                                    const weir_redis_entry *entries, size_t n,
                                    uint32_t n_delivered, weir_again again);
/*
 * How many more entries may come for a part now: of what is common to all, and at least what
 * is left of its own half share, so that a stream that is stuck holds no other. Reads under way
 * do not count: most of them are blocked and bring nothing. 0 rather than a few, where more is
 * here: a read for each event that ends would cost more than the events.
 */
size_t weir_redis_room_locked(const weir_redis_src *src, const weir_redis_part *part);
/* True once after the intake has found no room for reads, when there is some: wake it. */
bool weir_redis_room_is_back_locked(weir_redis_src *src);
/*
 * Measures how fast events are finished, and with it the window: how much to have here at most,
 * what is finished in half of claim_after. While whole windows are finished sooner than is
 * measured otherwise, it grows fourfold at a time. The link's thread.
 */
void weir_redis_measure(weir_redis_src *src, int64_t now);
/* These were acknowledged together with their results: they are held no more. */
void weir_redis_part_done(weir_redis_src *src, const weir_receipt *receipts, size_t n);
/* Assigns a part, if it is not live. */
void weir_redis_assign(weir_redis_src *src, weir_redis_part *part);
/* Takes back everything from all live parts; the host is told by the next read(). */
void weir_redis_lose(weir_redis_src *src);
/* Tells the host, if it is news; part NULL: of the whole source. */
void weir_redis_trouble(weir_redis_src *src, weir_redis_part *part, weir_trouble kind,
                        const char *text);
/* Ends the wait of the intake, of the link. Any thread. */
void weir_redis_wake_intake(weir_redis_src *src);
void weir_redis_wake_link(weir_redis_src *src);

void weir_redis_wake_fd(int fd);
bool weir_redis_ring_pop(weir_redis_ring *ring, weir_redis_item *item);
/* Forgets all that a part has. */
void weir_redis_part_empty_locked(weir_redis_src *src, weir_redis_part *part);
/* What a refusal means for a part. */
weir_trouble weir_redis_trouble_of(weir_status st);
/* An ERROR of the server as a status, and the reply is given back; else WEIR_OK. part may be
 * NULL. */
weir_status weir_redis_refused(weir_redis_part *part, weir_redis_reply **reply,
                               weir_err *err);
/* A step of the link failed: logs it, and tells the host if the server refused it for a part. */
void weir_redis_failed(weir_redis_src *src, weir_redis_part *part, const char *what,
                       const weir_err *err);

/* -- redis_read.c: the intake's thread -------------------------------------------------- */

size_t weir_redis_read(void *self, weir_event *const *evs, size_t cap, int64_t wait_us);
/* Tells the host what is new. */
void weir_redis_tell(weir_redis_src *src);
/* True while the part's connection is the intake's. */
bool weir_redis_part_is_ready(weir_redis_src *src, weir_redis_part *part);
/* The connection of a part is of no use any more. */
void weir_redis_part_down(weir_redis_src *src, weir_redis_part *part);

/* -- redis_ack.c: the link's thread ------------------------------------------------------ */

bool weir_redis_ack_is_due(weir_redis_src *src, int64_t now);
/* Sends what is to be acknowledged, and takes the answers. */
void weir_redis_ack(weir_redis_src *src);
/* The same for what is to be given back. */
void weir_redis_give_back(weir_redis_src *src);

/* -- redis_link.c ------------------------------------------------------------------------ */

/* The thread's main function; arg is the weir_redis_src. */
void *weir_redis_link_main(void *arg);

#endif
