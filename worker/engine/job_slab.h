/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job_slab - memory for jobs, many at a time.
 *
 * Where a backlog begins to be read, thousands of jobs are made within milliseconds. One at a time
 * each costs a page fault on the intake's thread, which was two thirds of its time until all keys had
 * their first event; a slab's pages are asked of the system in one call.
 *
 * Threads: one at a time for one list of slabs.
 */
#ifndef WEIR_ENGINE_JOB_SLAB_H
#define WEIR_ENGINE_JOB_SLAB_H

#include "worker/engine/job.h"

typedef struct weir_job_slab weir_job_slab;

/*
 * Makes at least one job and, while there is memory, n of them or a few more, chained through
 * `next`; each is zero but for its arenas, its nodes and its spare lane.
 * Owns:    the slab, which comes in front of *slabs, has the jobs' memory; their arenas and lanes are
 *          the caller's to end.
 * Returns: how many; 0: out of memory.
 */
size_t weir_job_slab_add(weir_job_slab **slabs, size_t n, weir_job **chain);

/* Frees the slabs, not what their jobs own. */
void weir_job_slab_free(weir_job_slab **slabs);

#endif
