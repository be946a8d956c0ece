/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_admin - questions about topics and groups, and topics made like others.
 *
 * For `weir check --connect`, `--create-topics`, the proofs of `run`, and the sink. Nothing
 * here joins a group or changes a position.
 *
 * Threads: any; each call blocks for its timeout at most.
 */
#ifndef WEIR_TRIGGERS_KAFKA_ADMIN_H
#define WEIR_TRIGGERS_KAFKA_ADMIN_H

#include "triggers/kafka_conf.h"
#include "triggers/source.h"

typedef struct weir_kafka_admin weir_kafka_admin;

typedef struct weir_kafka_topic_info {
    int n_partitions;
    int replication; /* of the partition that has the fewest */
    /* of a batch as it is stored; -1: the right to ask is missing */
    int64_t max_message_bytes;
    bool is_compacted; /* records need a key */
} weir_kafka_topic_info;

typedef struct weir_kafka_group_info {
    int n_partitions; /* of the topic */
    int n_committed;  /* partitions on which the group has a position */
    int64_t lag;      /* events after these positions */
    int64_t n_start;  /* events that a group without positions would begin with */
    /* of the group, whatever they read; -1: the right to ask is missing */
    int n_members;
    int n_lost;   /* positions below the earliest record: retention has eaten them */
    int n_beyond; /* positions beyond the end: the topic was made anew */
} weir_kafka_group_info;

/*
 * A client for the questions below. Does not wait for the broker.
 * Owns: the caller ends it with weir_kafka_admin_close().
 */
weir_status weir_kafka_admin_open(const weir_kafka_queue *queue, const char *client_id,
                                  weir_kafka_admin **out, weir_err *err);
/* Blocks two seconds at most. NULL is accepted. */
void weir_kafka_admin_close(weir_kafka_admin *admin);

/* WEIR_OK, WEIR_ENOENT (there is no such topic), WEIR_EDENIED, WEIR_EUNAVAIL. */
weir_status weir_kafka_admin_topic(weir_kafka_admin *admin, const char *topic,
                                   int timeout_ms, weir_kafka_topic_info *out,
                                   weir_err *err);
/* Makes a topic with partitions, replication and message limit of `like`. WEIR_OK also if it
 * is there already. Returns when the brokers know it. */
weir_status weir_kafka_admin_create(weir_kafka_admin *admin, const char *topic,
                                    const weir_kafka_topic_info *like, int timeout_ms,
                                    weir_err *err);
/*
 * What a group has on a topic. start and start_ms: where it would begin without positions.
 * WEIR_OK, WEIR_ENOENT (no such topic), WEIR_EDENIED, WEIR_EUNAVAIL.
 */
weir_status weir_kafka_admin_group(weir_kafka_admin *admin, const char *group,
                                   const char *topic, weir_start start,
                                   int64_t start_ms, int timeout_ms,
                                   weir_kafka_group_info *out, weir_err *err);
/* Names of the topics that match a pattern (starts with ^), sorted; the caller ends *out with
 * weir_opt_list_fini(). */
weir_status weir_kafka_admin_match(weir_kafka_admin *admin, const char *pattern,
                                   int timeout_ms, weir_opt_list *out, weir_err *err);

/* The same question as weir_kafka_admin_topic() on a client that is there already. */
weir_status weir_kafka_topic_ask(rd_kafka_t *rk, const char *topic, int timeout_ms,
                                 weir_kafka_topic_info *out, weir_err *err);
/* Sends the question for a topic's settings; the answer comes to `queue`. */
void weir_kafka_topic_ask_config(rd_kafka_t *rk, const char *topic, int timeout_ms,
                                 rd_kafka_queue_t *queue);
/* Takes such an answer apart: the topic's name into `topic` (256 bytes). WEIR_OK or why not. */
weir_status weir_kafka_topic_answer(rd_kafka_event_t *event, char *topic,
                                    weir_kafka_topic_info *out, weir_err *err);

#endif
