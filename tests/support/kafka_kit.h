/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_kit - what tests of the Kafka adapters need around them.
 *
 * Records are written and read with a plain client of the library, independent of weir's own
 * adapters. A kit_member is a source with a host that writes down what it is told.
 *
 * Threads: one at a time for each member.
 */
#ifndef WEIR_TESTS_SUPPORT_KAFKA_KIT_H
#define WEIR_TESTS_SUPPORT_KAFKA_KIT_H

#include "tests/support/broker.h"
#include "triggers/kafka_conf.h"
#include "triggers/kafka_source.h"

#define KIT_PARTS 16
#define KIT_OFFSETS 40000
#define KIT_BATCH 128

/* For a group's setup: the shared Kafka, weir_broker_free() ends it. 0, or -1 and it has been
 * said why. */
int kit_share_kafka(weir_broker **kafka);

/* Writes n records "<topic>/<partition>/<number>" of at least `size` bytes; partition -1: with
 * keys "k<number>" by the library's partitioner. Waits for all. Asserts. */
void kit_produce(const char *brokers, const char *topic, int32_t partition, int n,
                 size_t size);
/* One record of `size` zeros, packed by zstd into next to nothing. */
void kit_produce_zstd(const char *brokers, const char *topic, int32_t partition,
                      size_t size);
/* One record with these bytes. */
void kit_produce_one(const char *brokers, const char *topic, int32_t partition,
                     weir_slice key, weir_slice data, const weir_header *headers,
                     size_t n_headers);

/* The group's position, or -1. */
int64_t kit_committed(const char *brokers, const char *group, const char *topic,
                      int32_t partition);
/* Sets it. */
void kit_commit(const char *brokers, const char *group, const char *topic,
                int32_t partition, int64_t offset);
/* The same with metadata. */
void kit_commit_text(const char *brokers, const char *group, const char *topic,
                     int32_t partition, int64_t offset, const char *text);
/* The metadata of the group's position, "" if it has none; the caller frees it. */
char *kit_metadata(const char *brokers, const char *group, const char *topic,
                   int32_t partition);
/* Deletes all records before `offset`, as retention would. */
void kit_trim(const char *brokers, const char *topic, int32_t partition,
              int64_t offset);
void kit_delete_topic(const char *brokers, const char *topic);
/* Changes one setting of a topic ("name", "value"). */
void kit_set_topic(const char *brokers, const char *topic, const char *name,
                   const char *value);
/* Raises the number of partitions. */
void kit_grow_topic(const char *brokers, const char *topic, int n_partitions);

/* One end of a record as a plain reader sees it. */
typedef void kit_record_fn(void *arg, const rd_kafka_message_t *msg);
/* Reads a topic from the beginning to its present ends, in each partition's order. Returns the
 * number of records. */
int kit_read(const char *brokers, const char *topic, kit_record_fn *fn, void *arg);

typedef struct kit_member {
    weir_kafka_queue queue;
    weir_source_setup setup;
    weir_source_host host;
    void *self;
    const char *topic;
    bool is_many_topics; /* a pattern: `parts` and `seen` are not kept */

    weir_event *events[KIT_BATCH];
    weir_arena arenas[KIT_BATCH];

    /* the present assignment, by partition; epoch 0: not ours */
    weir_epoch parts[KIT_PARTS];
    int32_t partition_of[KIT_PARTS]; /* by the source's slot */
    int n_assigned_calls, n_revoking_calls, n_lost_calls;
    weir_trouble trouble; /* of the source */
    weir_trouble part_trouble[KIT_PARTS];
    bool acks_on_revoking; /* what is unacked is acked inside revoking() */
    /* sees every event; may be NULL */
    void (*look)(void *arg, const weir_event *ev);
    void *look_arg;

    /* how often [partition * KIT_OFFSETS + offset] was given out */
    unsigned char *seen;
    weir_receipt *unacked;
    size_t n_unacked, cap_unacked;
    size_t n_events;
} kit_member;

/* A setup with the usual settings; change what the test is about, then open. */
void kit_member_init(kit_member *member, const char *brokers, const char *topic,
                     const char *group);
/* Opens the source; asserts that it does. */
void kit_member_open(kit_member *member);
/* Reads once for up to wait_ms; events are remembered in `seen` and `unacked`, and given back. */
size_t kit_member_read(kit_member *member, size_t cap, int wait_ms);
/* Acks everything that is unacked, or the first n. */
void kit_member_ack(kit_member *member, size_t n);
void kit_member_ack_all(kit_member *member);
/* Acks what is unacked but for those that `keeps` says are not done. */
void kit_member_ack_but(kit_member *member, bool (*keeps)(int64_t offset));
int kit_member_seen(const kit_member *member, int32_t partition, int64_t offset);
int kit_member_owned(const kit_member *member);
/* Reads (and acks) until it has seen n events in all, or asserts after 60 s. */
void kit_member_read_until(kit_member *member, size_t n, bool acks);
/* Commits what is acked; asserts. */
void kit_member_flush(kit_member *member);
/* Leaves the group and frees. */
void kit_member_close(kit_member *member);

/* Which events have been finished by any member of a test, of one topic. */
typedef struct kit_done {
    unsigned char *is_done; /* [partition * KIT_OFFSETS + offset] */
    int n_parts;
    size_t n_different;
} kit_done;

void kit_done_init(kit_done *done, int n_parts);
void kit_done_add(kit_done *done, int32_t partition, int64_t offset);
bool kit_done_has(const kit_done *done, int32_t partition, int64_t offset);
void kit_done_fini(kit_done *done);

int64_t kit_clock_ms(void);

#endif
