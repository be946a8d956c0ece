/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lane - the line of one key or one partition: one event runs at most.
 *
 * A lane exists while it has unfinished jobs. The table finds it by (part, whole key); keys
 * are compared byte by byte, a hash only chooses the bucket. Nothing is allocated under the
 * flow's lock: every job brings a spare lane with its key in it. A job whose key is new gives
 * its spare to the table; when a lane empties, the job that leaves last takes it along. So
 * there are always as many lanes as jobs, and a million idle keys cost nothing.
 *
 * Locks: none of its own; the flow's lock guards tables and lanes in them. A spare belongs to
 * its job.
 */
#ifndef WEIR_ENGINE_LANE_H
#define WEIR_ENGINE_LANE_H

#include "worker/engine/job.h"

#define WEIR_LANE_INLINE 40 /* bytes of key without memory of its own */

struct weir_lane {
    weir_lane *hash_next;
    uint64_t hash;
    const weir_part *part;
    weir_slice key; /* in `small` or `large` */
    char small[WEIR_LANE_INLINE];
    char *large; /* kept for later keys */
    size_t large_cap;
    weir_list jobs; /* all unfinished, oldest first */
    weir_job *next; /* the oldest that has not begun; NULL: none */
    /* CLAIMED, RUNNING, WAITING, or done and not yet with the sink: job->is_active. More than
     * one only where one thread has claimed them all, to run them in order. */
    uint32_t n_active;
    uint32_t n_again; /* failed sends that will be repeated: closed until then */
    /* The flow's: the last claim that took of this lane, and where the last one stands in it,
     * from 1. */
    uint64_t claim;
    uint32_t claim_at;
};

typedef struct weir_lane_table {
    weir_lane **buckets;
    size_t n_buckets; /* a power of two */
    size_t n_lanes;
} weir_lane_table;

/* Room for about n lanes; more work too, only slower. */
weir_status weir_lane_table_init(weir_lane_table *table, size_t n);
void weir_lane_table_fini(weir_lane_table *table);

/* A lane without jobs. NULL: out of memory. */
weir_lane *weir_lane_new(void);
void weir_lane_free(weir_lane *lane);

/* Writes part and key into a spare lane. WEIR_ENOMEM for a long key. */
weir_status weir_lane_name(weir_lane *spare, const weir_part *part, weir_slice key);

/*
 * Puts the job at the end of its lane: the table's lane of that name, else job->spare, which
 * then is in the table (job->spare is NULL). Sets job->lane.
 */
weir_lane *weir_lane_join(weir_lane_table *table, weir_job *job);

/* Takes the job out. If that empties the lane, the job gets it as its spare, out of the
 * table. If the job has no spare and the lane goes on, it leaves with none. */
void weir_lane_leave(weir_lane_table *table, weir_job *job);

/* The job that may begin now, or NULL: empty, one is active, or a send is due first. */
weir_job *weir_lane_startable(const weir_lane *lane);
/* The lane's next job has begun, perhaps behind others that are active: it is active too, the
 * next is the one behind it. */
void weir_lane_begin(weir_lane *lane, weir_job *job);
/* It has not begun after all: the lane's next is this one, or an earlier one. */
void weir_lane_unbegin(weir_lane *lane, weir_job *job);
/* It is not active any more. Harmless if it was not. */
void weir_lane_end(weir_lane *lane, weir_job *job);
/* The job before this one in its lane, or NULL. */
weir_job *weir_lane_before(const weir_job *job);
/* True if no earlier job of its lane is unfinished. */
bool weir_lane_is_first(const weir_job *job);

#endif
