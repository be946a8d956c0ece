/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deadletter - event and reason to dead letter, and cause to result headers. Pure.
 *
 * Threads: the one that has the job.
 */
#ifndef WEIR_ENGINE_DEADLETTER_H
#define WEIR_ENGINE_DEADLETTER_H

#include "worker/engine/job.h"

#define WEIR_HOPS_MAX 16        /* of weir.hops: the end of a loop */
#define WEIR_DEAD_TEXT_MAX 4096 /* bytes of all added headers together */

typedef struct weir_deadletter_info {
    const char *sub, *group, *function, *version;
} weir_deadletter_info;

/* The event's weir.hops; 0 without one. */
unsigned weir_deadletter_hops(const weir_event *ev);

/*
 * Makes the job's one output its dead letter, in its out_arena: key, data and headers byte for
 * byte, and what INTERFACE section 6 adds. is_omitted leaves the payload out and says so.
 * Returns: WEIR_OK or WEIR_ENOMEM.
 */
weir_status weir_deadletter_make(weir_job *job, const weir_deadletter_info *info,
                                 const weir_out *address, weir_out **out);

/* Adds weir.position (if stamped), weir.hops, traceparent and tracestate of the cause to every
 * result of the job, in place of those that a function has copied from the cause. WEIR_OK or
 * WEIR_ENOMEM. */
weir_status weir_deadletter_stamp(weir_job *job, bool is_stamped);

#endif
