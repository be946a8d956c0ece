/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_page - pending entries that are not here, a page at a time; for redis_claim.c and
 * redis_idle.c.
 *
 *     read -> take (they are ours then, which counts) -> queue -> lower
 *         \-> fetch (they are ours already; nothing is counted)
 *
 * As in redis_claim.h: every call asks the server over src->ctl, on the link's thread.
 */
#ifndef WEIR_TRIGGERS_REDIS_PAGE_H
#define WEIR_TRIGGERS_REDIS_PAGE_H

#include "triggers/redis_claim.h"

#define WEIR_REDIS_PAGE 200
#define WEIR_REDIS_BACK_MS INT64_C(3600000) /* idle for so long, at least: given back */
#define WEIR_REDIS_HELD_TOO (-1)

/* A page of XPENDING that is not held here. */
typedef struct weir_redis_page {
    weir_pos ids[WEIR_REDIS_PAGE];
    uint32_t n_delivered[WEIR_REDIS_PAGE];
    size_t n;
    weir_pos last; /* of the page, held or not */
    size_t n_seen;
    /* claimed, and their counts are one too high for that: see redis_strikes.c */
    weir_pos high[WEIR_REDIS_PAGE];
    uint32_t high_counts[WEIR_REDIS_PAGE];
    size_t n_high;
} weir_redis_page;

/* The id behind this one. */
weir_pos weir_redis_page_next(weir_pos pos);
/* Pending entries from `from` on; consumer NULL: of all; idle_ms: at least so long, and not
 * held here; WEIR_REDIS_HELD_TOO: whatever they are. */
weir_status weir_redis_page_read(weir_redis_src *src, weir_redis_part *part,
                                 weir_pos from, const char *consumer, size_t count,
                                 int64_t idle_ms, weir_redis_page *page, weir_err *err);
/* Makes entries ours, which counts as one more delivery. */
weir_status weir_redis_page_take(weir_redis_src *src, weir_redis_part *part,
                                 const weir_redis_page *page, int64_t idle_ms,
                                 weir_redis_reply **reply, weir_err *err);
/* Queues the entries of an array; `plus` is added to each count. Takes what it queued out of
 * the page. again: they were claimed, and that is why they come again unless their last owner
 * gave them back; NONE: they were not. */
size_t weir_redis_page_queue(weir_redis_src *src, weir_redis_part *part,
                             weir_redis_reply *reply, const weir_redis_val *entries,
                             weir_redis_page *page, uint32_t plus, weir_again again);
/* Takes one off the counts of what was claimed and had run alone before. */
weir_status weir_redis_page_lower(weir_redis_src *src, weir_redis_part *part,
                                  const weir_redis_page *page, weir_err *err);
/* Reads entries without changing what the server knows of them. */
weir_status weir_redis_page_fetch(weir_redis_src *src, weir_redis_part *part,
                                  weir_redis_page *page, weir_err *err);
/* These are pending and their entries are gone: nobody can handle them any more. */
weir_status weir_redis_page_trimmed(weir_redis_src *src, weir_redis_part *part,
                                    const weir_redis_page *page, weir_err *err);
/* What comes next has been with others that are gone: the first of it runs alone, if it must. */
void weir_redis_page_strike(weir_redis_src *src, weir_redis_part *part);
/* Sets the idle time of entries, in rising order, that are still ours; count: and how often they
 * were delivered, or "". */
weir_status weir_redis_set_idle(weir_redis_src *src, weir_redis_part *part,
                                const weir_pos *ids, size_t n, int64_t idle_ms,
                                const char *count, weir_err *err);

#endif
