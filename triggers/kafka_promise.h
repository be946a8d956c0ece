/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_promise - do a cluster's settings let weir keep its promises?
 *
 * weir_kafka_promises() asks; what the answers mean is decided by the judges, which ask nobody.
 *
 * Threads: any; one at a time for one admin client.
 */
#ifndef WEIR_TRIGGERS_KAFKA_PROMISE_H
#define WEIR_TRIGGERS_KAFKA_PROMISE_H

#include "triggers/kafka_conf.h"
#include "triggers/promise.h"

#define WEIR_KAFKA_UNKNOWN INT64_MIN

/* Settings by number; WEIR_KAFKA_UNKNOWN: not told. Booleans are 0 and 1. */
typedef enum weir_kafka_number {
    /* of a topic */
    WEIR_KAFKA_MIN_ISR,
    WEIR_KAFKA_RETENTION_MS,
    WEIR_KAFKA_RETENTION_BYTES,
    WEIR_KAFKA_UNCLEAN,
    WEIR_KAFKA_COMPACTED,
    /* of a broker */
    WEIR_KAFKA_OFFSETS_RETENTION_MIN,
    WEIR_KAFKA_OFFSETS_REPLICATION,
    WEIR_KAFKA_OFFSET_METADATA,
    WEIR_KAFKA_TXN_MAX_MS,
    WEIR_KAFKA_TXN_MIN_ISR,
    WEIR_KAFKA_TXN_REPLICATION,
    WEIR_KAFKA_N_NUMBERS
} weir_kafka_number;

typedef struct weir_kafka_settings {
    bool is_denied; /* it may not be asked */
    int64_t of[WEIR_KAFKA_N_NUMBERS];
} weir_kafka_settings;

/* What a group has before it on a topic. */
typedef struct weir_kafka_backlog {
    bool is_known;
    int64_t n_waiting, n_kept; /* events after its position; events in the topic */
    int64_t n_old;             /* waiting, and older than half of the retention */
    int n_lost;                /* partitions whose next event is deleted */
    bool is_trimmed;           /* the topic has begun to delete */
} weir_kafka_backlog;

typedef struct weir_kafka_judged {
    const weir_promise_ask *ask;
    int n_brokers;
    uint64_t ack_map; /* of the queue */
    weir_finding_fn *say;
    void *arg;
} weir_kafka_judged;

void weir_kafka_judge_cluster(const weir_kafka_judged *how,
                              const weir_kafka_settings *broker);
void weir_kafka_judge_topic(const weir_kafka_judged *how,
                            const weir_promise_topic *topic, int replication,
                            const weir_kafka_settings *settings,
                            const weir_kafka_backlog *backlog);

/*
 * Asks the cluster and says what it finds. Topics that are not there are passed over: others
 * say so.
 * Returns: WEIR_OK, WEIR_EDENIED, WEIR_EUNAVAIL.
 * Blocks:  timeout_ms for each question at most.
 */
weir_status weir_kafka_promises(const weir_kafka_queue *queue,
                                const weir_promise_ask *ask, int timeout_ms,
                                weir_finding_fn *say, void *arg, weir_err *err);

#endif
