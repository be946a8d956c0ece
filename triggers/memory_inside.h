/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory_inside - what the queue in memory, its source and its sink share; for these only.
 *
 * All of it is guarded by the queue's lock, but for `sig`, which is raised at each change.
 */
#ifndef WEIR_TRIGGERS_MEMORY_INSIDE_H
#define WEIR_TRIGGERS_MEMORY_INSIDE_H

#include "triggers/memory_queue.h"
#include "worker/base/lock.h"

#define MEMORY_MAX_PARTITIONS 1024

typedef struct memory_partition {
    /* by offset; each lives until the end of the queue */
    weir_memory_record **records;
    size_t n, cap;
} memory_partition;

typedef struct memory_topic {
    struct memory_topic *next;
    char *name;
    memory_partition *partitions;
    int32_t n_partitions; /* 0: only asked for by a sink, it does not exist */
    uint32_t n_sent;      /* for outputs without key: each partition in turn */
    weir_sent fail_with;
    size_t n_fail;
} memory_topic;

/* What a group knows of one partition. */
typedef struct memory_claim {
    struct memory_claim *next;
    memory_topic *topic;
    int32_t partition;
    bool has_committed;
    uint64_t committed;
    uint32_t epoch;    /* of the last assignment */
    const void *owner; /* the source that has it, or NULL */
    bool must_revoke, is_lost;
} memory_claim;

typedef struct memory_member {
    struct memory_member *next;
    const void *source;
} memory_member;

typedef struct memory_group {
    struct memory_group *next;
    char *name;
    memory_claim *claims;
    memory_member *members; /* in the order of joining */
} memory_group;

struct weir_memory_queue {
    weir_lock lock;
    weir_signal sig;
    memory_topic *topics;
    memory_group *groups;
    bool is_sick, are_sends_held;
    size_t max_pending;
};

memory_topic *weir_memory_topic_locked(weir_memory_queue *q, const char *name);
/* Found or made, without partitions; NULL: out of memory. */
memory_topic *weir_memory_topic_make_locked(weir_memory_queue *q, const char *name);
/* Found or made; NULL: out of memory. */
memory_group *weir_memory_group_locked(weir_memory_queue *q, const char *name);
memory_claim *weir_memory_claim_locked(memory_group *group, memory_topic *topic,
                                       int32_t partition);
/* Appends a copy; *offset may be NULL. */
weir_status weir_memory_append_locked(memory_partition *part,
                                      const weir_memory_record *rec, uint64_t *offset);

#endif
