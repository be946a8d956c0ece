/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * offset_track - which events of one partition are done, and how far a commit may go.
 *
 * Offsets are given out in rising order, with gaps (compaction, transaction markers), and are
 * done in any order. The watermark is the position that may be committed: no event before it
 * is unfinished. It never falls within an epoch.
 *
 *     given out   3   4   7   9  10         7 is not done
 *     done        x   x   .   x   .    ->   watermark 7
 *     7 done      x   x   x   x   .    ->   watermark 10
 *     10 done     x   x   x   x   x    ->   watermark 11
 *
 * An epoch is one assignment of the partition. What is done for an epoch that is over changes
 * nothing, even if the partition has come back in the meantime.
 *
 * Threads: one at a time; the caller's lock guards it. Pure: no clock, no I/O.
 */
#ifndef WEIR_TRIGGERS_OFFSET_TRACK_H
#define WEIR_TRIGGERS_OFFSET_TRACK_H

#include "worker/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct weir_track_slot {
    int64_t offset;
    /* the event's own; INT64_MIN marks a finished one, far in the future a planned one */
    int64_t time_ms;
} weir_track_slot;

/* A zeroed tracker is empty, with no epoch under way. Embedded; ends with weir_track_fini. */
typedef struct weir_track {
    /* a ring: rising offsets from head on, all below are done */
    weir_track_slot *slots;
    size_t cap; /* a power of two, or 0 */
    size_t head, n;
    size_t n_open;    /* given out and not done, */
    size_t n_planned; /* and of these in a plan */
    /* one past the last offset given out; the start before the first */
    int64_t next;
    uint32_t epoch; /* of the assignment that is or was under way; 0: none yet */
    bool is_open;
} weir_track;

void weir_track_fini(weir_track *track);

/* A new assignment whose first offset is `start` or later. epoch is above every earlier one. */
void weir_track_begin(weir_track *track, uint32_t epoch, int64_t start);
/* The assignment is over: nothing of it can be done any more. */
void weir_track_end(weir_track *track);

/* Room for n more, so that weir_track_add cannot fail for them. WEIR_OK or WEIR_ENOMEM. */
weir_status weir_track_reserve(weir_track *track, size_t n);

/* Gives out an offset above all given out before; asserts that there is room for it. */
void weir_track_add(weir_track *track, int64_t offset, int64_t time_ms);

/* Nothing below `next` will be given out any more (a gap at the end, a skipped place). */
void weir_track_pass(weir_track *track, int64_t next);

/* An event is done. False: another epoch, not given out, or done already. */
bool weir_track_done(weir_track *track, uint32_t epoch, int64_t offset);

/*
 * What would be committed if some more were done too. A planned event is unfinished in every
 * other respect, until it is done, or taken out of the plan again.
 * False: another epoch, not given out, done, or planned already; and of unplan, not planned.
 */
bool weir_track_plan(weir_track *track, uint32_t epoch, int64_t offset);
bool weir_track_unplan(weir_track *track, uint32_t epoch, int64_t offset);

/* True if it was given out in the present epoch and is not done. */
bool weir_track_is_open(const weir_track *track, int64_t offset);

/*
 * Nothing from the present end up to `next` needs to be given out: it is done already, known
 * from elsewhere. Asserts that there is room for one.
 */
void weir_track_skip(weir_track *track, int64_t next);

/* The position to commit: the first unfinished offset, or one past the last given out. */
int64_t weir_track_watermark(const weir_track *track);
/* The own time of the first unfinished event; -1: none, or it has none. */
int64_t weir_track_oldest_ms(const weir_track *track);

/* What stands above the watermark, for a map of it. */
typedef struct weir_track_runs {
    size_t n;
    /* of unfinished events and what follows them, the sum of log2 (rounded down) of how far
     * the next event is */
    uint64_t log2_gaps;
    bool is_cut; /* there are more than fitted */
} weir_track_runs;

/*
 * Lengths of unfinished and finished runs, in turn, from the watermark up to the next offset
 * to be given out. A gap belongs to a finished neighbour, else to the unfinished ones.
 */
weir_track_runs weir_track_runs_get(const weir_track *track, uint32_t *runs,
                                    size_t cap);

/* The watermark if everything planned were done. */
int64_t weir_track_planned_watermark(const weir_track *track);
/* The same three with everything planned done: the runs, the watermark that they begin at,
 * and how many are finished above it. */
weir_track_runs weir_track_planned_get(const weir_track *track, uint32_t *runs,
                                       size_t cap, int64_t *watermark, size_t *above);

/* Finished ones above the watermark: changes whenever there is something new to commit. */
static inline size_t weir_track_above(const weir_track *track)
{
    return track->n - track->n_open;
}

static inline size_t weir_track_open(const weir_track *track)
{
    return track->n_open;
}

#endif
