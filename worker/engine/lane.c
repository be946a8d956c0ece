/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* lane - see lane.h. */
#include "worker/engine/lane.h"

#include "worker/base/check.h"
#include "worker/base/hash.h"

#include <stdlib.h>

weir_status weir_lane_table_init(weir_lane_table *table, size_t n)
{
    size_t n_buckets = 64;

    while (n_buckets < n && n_buckets < (size_t)1 << 24) {
        n_buckets *= 2;
    }
    table->buckets = calloc(n_buckets, sizeof(*table->buckets));
    if (table->buckets == NULL) {
        return WEIR_ENOMEM;
    }
    table->n_buckets = n_buckets;
    table->n_lanes = 0;
    return WEIR_OK;
}

void weir_lane_table_fini(weir_lane_table *table)
{
    free(table->buckets);
    table->buckets = NULL;
}

weir_lane *weir_lane_new(void)
{
    weir_lane *lane = calloc(1, sizeof(*lane));

    if (lane != NULL) {
        weir_list_init(&lane->jobs);
    }
    return lane;
}

void weir_lane_free(weir_lane *lane)
{
    if (lane == NULL) {
        return;
    }
    WEIR_ASSERT(weir_list_is_empty(&lane->jobs));
    free(lane->large);
    free(lane);
}

weir_status weir_lane_name(weir_lane *spare, const weir_part *part, weir_slice key)
{
    char *to = spare->small;

    if (key.len > sizeof(spare->small)) {
        if (key.len > spare->large_cap) {
            char *grown = realloc(spare->large, key.len);

            if (grown == NULL) {
                return WEIR_ENOMEM;
            }
            spare->large = grown;
            spare->large_cap = key.len;
        }
        to = spare->large;
    }
    if (key.len > 0) {
        memcpy(to, key.data, key.len);
    }
    spare->key = (weir_slice){ to, key.len };
    spare->part = part;
    spare->hash = weir_hash(to, key.len, (uint64_t)(uintptr_t)part ^ weir_hash_seed());
    return WEIR_OK;
}

static weir_lane **lane_bucket(const weir_lane_table *table, uint64_t hash)
{
    return &table->buckets[hash & (table->n_buckets - 1)];
}

static weir_lane *lane_find(const weir_lane_table *table, const weir_lane *name)
{
    weir_lane *lane = *lane_bucket(table, name->hash);

    while (lane != NULL &&
           (lane->hash != name->hash || lane->part != name->part ||
            lane->key.len != name->key.len ||
            memcmp(lane->key.data, name->key.data, name->key.len) != 0)) {
        lane = lane->hash_next;
    }
    return lane;
}

weir_lane *weir_lane_join(weir_lane_table *table, weir_job *job)
{
    weir_lane *lane = lane_find(table, job->spare);

    if (lane == NULL) {
        weir_lane **bucket;

        lane = job->spare;
        job->spare = NULL;
        bucket = lane_bucket(table, lane->hash);
        lane->hash_next = *bucket;
        *bucket = lane;
        lane->next = NULL;
        lane->n_active = 0;
        lane->n_again = 0;
        lane->claim = 0;
        table->n_lanes++;
    }
    job->lane = lane;
    weir_list_push_back(&lane->jobs, &job->lane_node);
    if (lane->next == NULL) {
        lane->next = job;
    }
    return lane;
}

/* The job behind this one in its lane, or NULL. */
static weir_job *lane_after(const weir_lane *lane, const weir_job *job)
{
    weir_list *node = job->lane_node.next;

    return node == &lane->jobs ? NULL : WEIR_CONTAINER_OF(node, weir_job, lane_node);
}

void weir_lane_leave(weir_lane_table *table, weir_job *job)
{
    weir_lane *lane = job->lane;
    weir_lane **at;

    if (lane->next == job) {
        lane->next = lane_after(lane, job);
    }
    weir_lane_end(lane, job);
    weir_list_remove(&job->lane_node);
    job->lane = NULL;
    if (!weir_list_is_empty(&lane->jobs)) {
        if (job->spare == NULL) {
            /* A later job joined by name and still has its spare: take that one. */
            weir_job *last = WEIR_CONTAINER_OF(lane->jobs.prev, weir_job, lane_node);

            WEIR_ASSERT(last->spare != NULL);
            job->spare = last->spare;
            last->spare = NULL;
        }
        return;
    }
    at = lane_bucket(table, lane->hash);
    while (*at != lane) {
        at = &(*at)->hash_next;
    }
    *at = lane->hash_next;
    table->n_lanes--;
    WEIR_ASSERT(job->spare == NULL);
    job->spare = lane;
}

weir_job *weir_lane_startable(const weir_lane *lane)
{
    return lane->n_active == 0 && lane->n_again == 0 ? lane->next : NULL;
}

void weir_lane_begin(weir_lane *lane, weir_job *job)
{
    WEIR_ASSERT(lane->next == job && !job->is_active);
    job->is_active = true;
    lane->n_active++;
    lane->next = lane_after(lane, job);
}

void weir_lane_unbegin(weir_lane *lane, weir_job *job)
{
    weir_lane_end(lane, job);
    if (lane->next == NULL || job->seq < lane->next->seq) {
        lane->next = job;
    }
}

void weir_lane_end(weir_lane *lane, weir_job *job)
{
    if (job->is_active) {
        WEIR_ASSERT(lane->n_active > 0);
        job->is_active = false;
        lane->n_active--;
    }
}

weir_job *weir_lane_before(const weir_job *job)
{
    weir_list *node = job->lane_node.prev;

    return node == &job->lane->jobs ? NULL
                                    : WEIR_CONTAINER_OF(node, weir_job, lane_node);
}

bool weir_lane_is_first(const weir_job *job)
{
    return job->lane == NULL || job->lane->jobs.next == &job->lane_node;
}
