/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory_part - the partitions that a source of the queue in memory has, and their commits; a
 * part of memory_source.
 *
 * Threads: the intake thread of the source. Locks: takes the source's, and the queue's in it.
 */
#ifndef WEIR_TRIGGERS_MEMORY_PART_H
#define WEIR_TRIGGERS_MEMORY_PART_H

#include "triggers/memory_inside.h"

typedef struct memory_part {
    memory_claim *claim;
    memory_partition *records;
    char *where;    /* "queue:topic/3@" */
    uint32_t epoch; /* 0: not ours now */
    bool is_held;
    bool *done; /* done[i]: base + i is acked */
    size_t done_cap;
    uint64_t base; /* all before it are acked; what a commit says */
    uint64_t next; /* the first that was not given out */
    uint64_t committed;
} memory_part;

typedef struct memory_source {
    uint32_t tag;
    const weir_source_setup *setup;
    weir_memory_queue *q;
    memory_group *group;
    weir_lock lock;     /* guards all below */
    memory_part *parts; /* dense slots, kept until close */
    size_t n_parts;
    size_t turn; /* the part to read first, so that none starves */
    uint64_t n_commits, n_rebalances;
    bool is_sick, lacks_position; /* what the host was told; intake thread */
    bool has_woken;
    int64_t next_commit_us;
} memory_source;

void weir_memory_part_fini(memory_part *part);
weir_epoch weir_memory_part_epoch(const memory_source *src, const memory_part *part);
/* Says all positions to the queue. */
void weir_memory_source_commit(memory_source *src);
/* Ends an assignment: no ack of it counts any more. */
void weir_memory_part_release(memory_source *src, memory_part *part, bool with_commit);
/* Gives up what is not ours any more, takes what is ours and free, and tells the host. */
void weir_memory_source_rebalance(memory_source *src);

#endif
