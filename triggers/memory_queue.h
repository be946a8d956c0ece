/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory_queue - a queue inside the process: topics, partitions, groups, and faults on demand.
 *
 * It stands where a broker would stand in tests. Sources of one group share the partitions of
 * a topic and rebalance when one comes or goes; sinks append and confirm. Adapters get the
 * queue as setup.queue.
 *
 * Threads: any. Locks: its own, a leaf; no callback runs under it.
 */
#ifndef WEIR_TRIGGERS_MEMORY_QUEUE_H
#define WEIR_TRIGGERS_MEMORY_QUEUE_H

#include "triggers/sink.h"
#include "triggers/source.h"

typedef struct weir_memory_queue weir_memory_queue;

typedef struct weir_memory_record {
    weir_slice key, data; /* data NULL: absent */
    const weir_header *headers;
    size_t n_headers;
    int64_t time_ms;
} weir_memory_record;

extern const weir_source_ops weir_memory_source;
/* Confirms in the order of send(). */
extern const weir_sink_ops weir_memory_sink;
/* Confirms what it can at once in the opposite order, as a queue without order may. */
extern const weir_sink_ops weir_memory_loose_sink;

/* Owns: the caller, who ends it after all its sources and sinks. NULL: out of memory. */
weir_memory_queue *weir_memory_queue_new(void);
void weir_memory_queue_free(weir_memory_queue *q);

/* Makes a topic with n_partitions (1..1024). WEIR_EINVAL: it is there already. */
weir_status weir_memory_queue_topic(weir_memory_queue *q, const char *name,
                                    int32_t n_partitions);

/* Appends a record, copied; *offset (may be NULL) is where. WEIR_ENOENT: no such place. */
weir_status weir_memory_queue_put(weir_memory_queue *q, const char *topic,
                                  int32_t partition, const weir_memory_record *rec,
                                  uint64_t *offset);
/* How many records a partition has had. */
size_t weir_memory_queue_count(weir_memory_queue *q, const char *topic,
                               int32_t partition);
/* A record, a loan until the queue ends. False: there is none. */
bool weir_memory_queue_get(weir_memory_queue *q, const char *topic, int32_t partition,
                           uint64_t offset, weir_memory_record *out);
/* The committed position of a group; false: none. */
bool weir_memory_queue_committed(weir_memory_queue *q, const char *group,
                                 const char *topic, int32_t partition,
                                 uint64_t *offset);

/* -- faults -------------------------------------------------------------------------- */

/* Takes a partition from whoever has it, with a warning; it is assigned again after. */
void weir_memory_queue_revoke(weir_memory_queue *q, const char *group,
                              const char *topic, int32_t partition);
/* The same without a warning: the owner learns that it is gone. */
void weir_memory_queue_lose(weir_memory_queue *q, const char *group, const char *topic,
                            int32_t partition);
/* While true nothing is read, and sources say WEIR_TROUBLE_UNREACHABLE. */
void weir_memory_queue_sick(weir_memory_queue *q, bool is_sick);
/* The next n outputs for that topic are answered with `sent` and not appended. */
void weir_memory_queue_fail_sends(weir_memory_queue *q, const char *topic,
                                  weir_sent sent, size_t n);
/* While true outputs are accepted but not confirmed. */
void weir_memory_queue_hold_sends(weir_memory_queue *q, bool is_held);
/* At most n outputs may wait for confirmation; a send takes no more (0: no limit). */
void weir_memory_queue_limit_sends(weir_memory_queue *q, size_t n);

#endif
