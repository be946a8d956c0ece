/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory_part - partitions of a group in memory, and how they move; see memory_part.h.
 *
 * Partition p of a topic belongs to member p mod n. A member that has one that is not its own
 * any more revokes it; the new owner takes it when it is free.
 */
#include "triggers/memory_part.h"

#include "worker/base/clock.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* -- parts --------------------------------------------------------------------------- */

void weir_memory_part_fini(memory_part *part)
{
    free(part->where);
    free(part->done);
}

/* Slots for partitions that came into being. */
static weir_status source_add_parts_locked(memory_source *src)
{
    weir_status st = WEIR_OK;

    weir_lock_take(&src->q->lock);
    for (size_t t = 0; t < src->setup->n_topics; t++) {
        memory_topic *topic = weir_memory_topic_locked(src->q, src->setup->topics[t]);

        for (int32_t p = 0; topic != NULL && p < topic->n_partitions; p++) {
            memory_claim *claim = weir_memory_claim_locked(src->group, topic, p);
            bool is_known = claim == NULL;
            char where[WEIR_POSITION_MAX];

            for (size_t i = 0; i < src->n_parts; i++) {
                is_known = is_known || src->parts[i].claim == claim;
            }
            if (is_known) {
                continue;
            }

            memory_part *parts =
                realloc(src->parts, (src->n_parts + 1) * sizeof(parts[0]));

            if (parts == NULL) {
                st = WEIR_ENOMEM;
                goto out;
            }
            src->parts = parts;
            (void)snprintf(where, sizeof(where), "%s:%s/%d@", src->setup->queue_name,
                           topic->name, (int)p);
            parts[src->n_parts] = (memory_part){
                .claim = claim,
                .records = &topic->partitions[p],
                .where = strdup(where),
            };
            if (parts[src->n_parts].where == NULL) {
                st = WEIR_ENOMEM;
                goto out;
            }
            src->n_parts++;
        }
    }
out:
    weir_lock_give(&src->q->lock);
    return st;
}

/* The member that a partition should belong to. */
static const void *source_owner_locked(const memory_source *src, int32_t partition)
{
    size_t n = 0;

    for (const memory_member *m = src->group->members; m != NULL; m = m->next) {
        n++;
    }

    size_t i = n == 0 ? 0 : (size_t)partition % n;
    const memory_member *m = src->group->members;

    while (i > 0) {
        m = m->next;
        i--;
    }
    return m == NULL ? NULL : m->source;
}

weir_epoch weir_memory_part_epoch(const memory_source *src, const memory_part *part)
{
    return (weir_epoch){ .part = (uint32_t)(part - src->parts),
                         .epoch = part->epoch,
                         .topic = part->claim->topic->name,
                         .partition = part->claim->partition };
}

/* Where a group without a position begins. Both locks are held. */
static uint64_t source_start_locked(const memory_source *src, const memory_part *part)
{
    const memory_partition *records = part->records;

    switch (src->setup->start) {
    case WEIR_START_LATEST:
        return records->n;
    case WEIR_START_TIME:
        for (size_t i = 0; i < records->n; i++) {
            if (records->records[i]->time_ms >= src->setup->start_ms) {
                return i;
            }
        }
        return records->n;
    case WEIR_START_EARLIEST:
    case WEIR_START_COMMITTED:
        break;
    }
    return 0;
}

/* Says the position of one part to the queue. Source lock held. */
static bool part_commit_locked(memory_source *src, memory_part *part)
{
    if (part->epoch == 0 || part->committed == part->base) {
        return false;
    }
    weir_lock_take(&src->q->lock);

    bool is_ours = part->claim->owner == src && part->claim->epoch == part->epoch;

    if (is_ours) {
        part->claim->committed = part->base;
        part->claim->has_committed = true;
    }
    weir_lock_give(&src->q->lock);
    if (is_ours) {
        part->committed = part->base;
    }
    return is_ours;
}

void weir_memory_source_commit(memory_source *src)
{
    bool has_committed = false;

    weir_lock_take(&src->lock);
    for (size_t i = 0; i < src->n_parts; i++) {
        has_committed = part_commit_locked(src, &src->parts[i]) || has_committed;
    }
    src->n_commits += has_committed ? 1 : 0;
    weir_lock_give(&src->lock);
}

/* -- rebalancing, all on the intake thread ------------------------------------------- */

void weir_memory_part_release(memory_source *src, memory_part *part, bool with_commit)
{
    weir_lock_take(&src->lock);
    if (with_commit && part_commit_locked(src, part)) {
        src->n_commits++;
    }
    part->epoch = 0;
    src->n_rebalances++;
    weir_lock_take(&src->q->lock);
    if (part->claim->owner == src) {
        part->claim->owner = NULL;
    }
    part->claim->must_revoke = false;
    part->claim->is_lost = false;
    weir_lock_give(&src->q->lock);
    weir_lock_give(&src->lock);
    weir_signal_raise(&src->q->sig, INT_MAX);
}

static void part_take(memory_source *src, memory_part *part)
{
    const weir_source_host *host = src->setup->host;
    bool has_position = true;

    weir_lock_take(&src->lock);
    weir_lock_take(&src->q->lock);

    memory_claim *claim = part->claim;

    if (!claim->has_committed && src->setup->start == WEIR_START_COMMITTED) {
        has_position = false;
    } else {
        if (!claim->has_committed) {
            /* Settled before the first event, so that `latest` loses nothing later. */
            claim->committed = source_start_locked(src, part);
            claim->has_committed = true;
        }
        claim->owner = src;
        part->epoch = ++claim->epoch;
        part->base = claim->committed;
        part->next = claim->committed;
        part->committed = claim->committed;
        part->is_held = false;
        if (part->done != NULL) {
            memset(part->done, 0, part->done_cap * sizeof(part->done[0]));
        }
        src->n_rebalances++;
    }
    weir_lock_give(&src->q->lock);

    const weir_epoch e = weir_memory_part_epoch(src, part);

    weir_lock_give(&src->lock);
    if (has_position) {
        host->assigned(host->arg, &e, 1);
    } else if (!src->lacks_position) {
        src->lacks_position = true;
        host->trouble(host->arg, &e, WEIR_TROUBLE_NO_POSITION,
                      "the group has no position");
    }
}

typedef enum memory_fate { FATE_KEEP, FATE_LOST, FATE_REVOKE, FATE_TAKE } memory_fate;

static memory_fate part_fate(memory_source *src, const memory_part *part)
{
    memory_fate fate = FATE_KEEP;

    weir_lock_take(&src->q->lock);

    const memory_claim *claim = part->claim;
    bool should_own = source_owner_locked(src, claim->partition) == src;

    if (part->epoch != 0) {
        if (claim->is_lost) {
            fate = FATE_LOST;
        } else if (claim->must_revoke || !should_own) {
            fate = FATE_REVOKE;
        }
    } else if (should_own && claim->owner == NULL) {
        fate = FATE_TAKE;
    }
    weir_lock_give(&src->q->lock);
    return fate;
}

void weir_memory_source_rebalance(memory_source *src)
{
    const weir_source_host *host = src->setup->host;

    weir_lock_take(&src->lock);
    (void)source_add_parts_locked(src); /* without memory: tried again next time */
    weir_lock_give(&src->lock);
    for (size_t i = 0; i < src->n_parts; i++) {
        memory_part *part = &src->parts[i];
        const weir_epoch e = weir_memory_part_epoch(src, part);

        switch (part_fate(src, part)) {
        case FATE_LOST:
            weir_memory_part_release(src, part, false);
            host->lost(host->arg, &e, 1);
            break;
        case FATE_REVOKE:
            host->revoking(host->arg, &e, 1, weir_clock_us() + src->setup->handover_us);
            weir_memory_part_release(src, part, true);
            break;
        case FATE_TAKE:
            part_take(src, part);
            break;
        case FATE_KEEP:
            break;
        }
    }
}
