/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_producer - one producer of the Kafka sink, with the thread that hears its answers.
 *
 * The sink has two of them. The broker refuses a whole batch for one record that is too
 * large, so that only a record that was alone in its batch can be blamed. The *batched*
 * producer fills batches up to WEIR_KAFKA_BATCH bytes and serves topics that take that much; a
 * record larger than that is alone in its batch. The *alone* one, made when it is first
 * needed, puts every record into a batch of its own and serves the others.
 *
 * After a fatal error of the client everything that is out is answered WEIR_SENT_AGAIN, and
 * the thread makes a new instance. For the batched one a batch that the broker refuses is
 * fatal, too: what follows it is with the broker already, which refuses that only for the gap
 * in its numbers, and the client alone would close the gap, number it anew and so write it
 * before what was refused is sent again. So records of which a refusal is likely go through
 * the alone one from the start: those not much smaller than the topic's limit, and all of a
 * topic that may not be written, one at a time.
 *
 * A batch that is refused for its size holds *suspects*: some record of it is too large, it is
 * not known which. They go out again through the alone one, and everything else of the topic
 * with them, until one of them is refused alone (it was that one: batches again, at once, but
 * later and later where the next batch is refused soon after) or all have arrived (the topic
 * has become smaller: its settings are asked for again).
 *
 * Threads: as stated; what is under the sink's lock is said below.
 */
#ifndef WEIR_TRIGGERS_KAFKA_PRODUCER_H
#define WEIR_TRIGGERS_KAFKA_PRODUCER_H

#include "triggers/kafka_conf.h"
#include "triggers/kafka_headers.h"
#include "triggers/sink.h"
#include "worker/base/lock.h"

#define WEIR_KAFKA_BATCH                                                               \
    1000000 /* bytes of a batch; the default limit of topics is 1,048,588 */

#define WEIR_KAFKA_SURE                                                                \
    (WEIR_KAFKA_BATCH / 2) /* bytes that fit where no limit is known */

#define WEIR_KAFKA_ANSWERS 512 /* that are handed on together */

enum { WEIR_KAFKA_BATCHED = 0, WEIR_KAFKA_ALONE, WEIR_KAFKA_PRODUCERS };

typedef struct weir_kafka_target weir_kafka_target;
typedef struct weir_kafka_producer weir_kafka_producer;
typedef struct weir_kafka_sender weir_kafka_sender;

/* A topic that is written to. */
struct weir_kafka_target {
    char *name;
    weir_kafka_sender *sink;
    weir_kafka_target *next;
    /* Accepted and not answered; grows only under the sink's lock. */
    atomic_size_t n_out;

    /* under the sink's lock */
    rd_kafka_topic_t *topics[WEIR_KAFKA_PRODUCERS];
    int use, want;        /* which producer; changes only while nothing is out */
    bool is_learning;     /* its settings are being asked for: one record at a time */
    int n_unanswered;     /* questions for them that nobody answered, in a row */
    bool is_small;        /* it takes less than a batch: always alone */
    uint32_t suspicion;   /* number of the present one; counts from 1 */
    size_t n_suspects;    /* of it, and not yet sent alone */
    int64_t suspected_us; /* when it began */
    bool has_culprit;     /* a record of it was refused alone */
    int64_t stay_us;      /* how long it lasts then: longer where one follows another */
    int64_t returned_us;  /* when batches were taken up again; 0: never left */
    size_t sure_bytes;    /* key and data of a record that surely fits */
    bool is_limit_known;  /* said by the topic's settings */
    bool is_doubt;        /* the suspicion is no more than one: nothing was refused */
    bool is_denied;       /* one record at a time until one is written */
    bool is_compacted;    /* a record without key is refused */
    bool is_missing;      /* the last answer was that it does not exist */
    int64_t next_look_us; /* when to look for it again */
};

/* All that is taken from a message of a delivery report, before it is gone. */
typedef struct weir_kafka_answer {
    rd_kafka_resp_err_t code;
    rd_kafka_headers_t *list;
} weir_kafka_answer;

struct weir_kafka_producer {
    weir_kafka_sender *sink;
    int kind;
    rd_kafka_t *rk; /* NULL: not made, or being made anew; under the sink's lock */
    rd_kafka_queue_t *asked; /* answers about topics' settings */
    int n_users; /* calls outside the lock that use rk; under the sink's lock */
    /* Sends that use rk; grows only under the sink's lock. */
    atomic_int n_senders;
    pthread_t thread;
    bool has_thread;
    atomic_bool is_ending, has_ended;
    atomic_bool is_fatal;

    /* its thread: answers not yet handed on */
    weir_sent_result *results;
    weir_kafka_answer *answers; /* what the client said of each */
    size_t n_results;
    weir_kafka_headers *back;  /* lists of headers that these had */
    weir_kafka_target *target; /* of the last of them */
    size_t n_bytes;            /* of them, key and data */
    size_t n_of_target;        /* answers of that target that n_out still counts */
};

struct weir_kafka_sender { /* the sink's self */
    uint32_t tag;
    const weir_kafka_queue *queue;
    weir_sink_setup setup;
    char client_id[256];
    int64_t close_us;       /* when close has to be over */
    bool is_starting_alone; /* under the lock */
    atomic_size_t n_out;
    /* Key and data of what is out. A run adds its own when it has ended, so that it may be
     * below zero for a moment. */
    atomic_llong n_bytes;
    weir_signal signal; /* raised when answers were handed on */
    weir_kafka_header_pool headers;
    weir_lock lock;
    weir_kafka_target *targets;
    weir_kafka_producer producers[WEIR_KAFKA_PRODUCERS];
};

/* Makes the instance and starts the thread. Lock not held. */
weir_status weir_kafka_producer_start(weir_kafka_sender *sink, int kind, weir_err *err);
/* Gives one output, which has its headers, to the client. NO_ERROR: it will be answered; else
 * it was not taken. No lock; the caller is one of n_senders. now_ms: the time it is given. */
rd_kafka_resp_err_t weir_kafka_producer_send(rd_kafka_t *rk, rd_kafka_topic_t *topic,
                                             weir_out *out, int64_t now_ms);
/* Asks for the settings of a topic; until the answer it gets one record at a time. */
void weir_kafka_producer_learn_locked(weir_kafka_target *target);
/* -- kafka_answer.c -- */
/* What an error of the client means for an output that was alone in its batch, or not. */
weir_sent weir_kafka_producer_class(rd_kafka_resp_err_t code, bool is_alone);
/* The client's answer to one output; opaque is the producer. Inside rd_kafka_poll() on its
 * thread, like the next. */
void weir_kafka_answer_take(rd_kafka_t *rk, const rd_kafka_message_t *msg,
                            void *opaque);
/* This output may be refused for its size: its target leaves the batched producer for it. */
void weir_kafka_answer_doubt_locked(weir_kafka_target *target, weir_out *out);
/* What the answer says of the target itself: is it there, may it be written? */
void weir_kafka_answer_place_locked(weir_kafka_target *target, weir_sent sent);
/* Hands on the answers so far. */
void weir_kafka_answer_hand_on(weir_kafka_producer *producer);
/* Suspects whose events were taken away from us never come back: asks for the settings again
 * after a while. */
void weir_kafka_answer_forget_locked(weir_kafka_target *target, int64_t now);
/* -- kafka_producer.c -- */
/* Answers what is left with AGAIN, ends the thread, destroys. False: something hangs. */
bool weir_kafka_producer_stop(weir_kafka_producer *producer, int64_t until_us);

/* The library's handle of a topic. Dead letters are packed with zstd, unless the user has chosen
 * a codec: a large event that came packed must fit as its dead letter too, and the library does
 * not tell which codec it came in. NULL: no name for a topic. */
rd_kafka_topic_t *weir_kafka_producer_topic(const weir_kafka_queue *queue,
                                            const weir_sink_setup *setup,
                                            rd_kafka_t *rk, const char *name);
/* The properties that every producer of results has, at most 12. Returns how many. */
size_t weir_kafka_producer_props(weir_kafka_prop *props);

#endif
