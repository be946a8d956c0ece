/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_claim - pending entries: heartbeats for ours, and those of dead replicas.
 *
 * Every call asks the server over src->ctl and runs on the link's thread. A failed connection is
 * closed and shows in weir_redis_conn_is_open(); a refusal of the server is a status with text.
 */
#ifndef WEIR_TRIGGERS_REDIS_CLAIM_H
#define WEIR_TRIGGERS_REDIS_CLAIM_H

#include "triggers/redis_state.h"

/* An answer of XAUTOCLAIM; slices point into it. */
typedef struct weir_redis_claimed {
    weir_slice cursor; /* "0-0": all has been looked at */
    const weir_redis_val *entries;
    size_t n_nil;     /* 6.2: entries that are gone, without a name */
    size_t n_deleted; /* 7.0: ids that were taken out of the pending list */
} weir_redis_claimed;

/* False: of no known shape. */
bool weir_redis_claimed_parse(const weir_redis_val *val, weir_redis_claimed *out);

/* Sets the idle time of all that is held and still ours to 0. */
weir_status weir_redis_beat(weir_redis_src *src, weir_redis_part *part, weir_err *err);
/* Sets it to so much that any replica takes these at once. in_order: without strikes. */
weir_status weir_redis_giveback(weir_redis_src *src, weir_redis_part *part,
                                const weir_pos *ids, size_t n, bool in_order,
                                weir_err *err);
/* Queues a page of pending entries that should be here and are not. *is_over: that was all. */
weir_status weir_redis_backlog(weir_redis_src *src, weir_redis_part *part,
                               bool *is_over, weir_err *err);
/* Takes entries over that nobody has worked on for claim_after. *is_over: that was all. */
weir_status weir_redis_sweep(weir_redis_src *src, weir_redis_part *part, bool *is_over,
                             weir_err *err);
/* -- redis_strikes.c -- */
/* The strikes of an entry that is given out. Lock held. */
uint32_t weir_redis_strikes_locked(weir_redis_part *part, uint32_t n_delivered);
/* weir_source_ops.suspect. Any thread. */
weir_status weir_redis_strikes_suspect(weir_redis_src *src, const weir_receipt *receipt,
                                       bool begins);
/* Writes down what is asked for. */
void weir_redis_strikes_tend(weir_redis_src *src);

/* Gives back whatever is pending under our name: answers that were lost, functions that have
 * not returned. For the end. */
weir_status weir_redis_return_pending(weir_redis_src *src, weir_redis_part *part,
                                      weir_err *err);

#endif
