/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stall - tells a part that does not move from one that does.
 *
 * A part moves when its committed position or its first unfinished event is another one than
 * before, and has no need to while it has nothing to do. One that had something to do and has
 * not moved for the limit is stalled, until it moves. Time counts only as far as it was looked
 * at: a process that was stopped as a whole has not been stalling.
 *
 * Threads: one at a time for each.
 */
#ifndef WEIR_ENGINE_STALL_H
#define WEIR_ENGINE_STALL_H

#include "schemas/event.h"

/* What is seen of a part at one look. */
typedef struct weir_stall_seen {
    bool has_work;      /* something is unfinished, or lies behind what is committed */
    weir_pos committed; /* as the source says it */
    weir_pos first;     /* unfinished; zero: there is none */
} weir_stall_seen;

typedef struct weir_stall { /* begins as zero */
    weir_stall_seen seen;
    int64_t looked_us, stood_us;
    bool is_stalled;
} weir_stall;

/* Takes in one look. True: the part has been standing for limit_us now, which is told once. */
bool weir_stall_look(weir_stall *s, const weir_stall_seen *seen, int64_t now_us,
                     int64_t limit_us);

#endif
