/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory_queue - the broker of the queue in memory; see memory_queue.h.
 */
#include "triggers/memory_queue.h"

#include "triggers/memory_inside.h"
#include "worker/base/check.h"

#include <limits.h>
#include <stdlib.h>

weir_memory_queue *weir_memory_queue_new(void)
{
    weir_memory_queue *q = calloc(1, sizeof(*q));

    if (q != NULL) {
        weir_lock_init(&q->lock, WEIR_RANK_LEAF);
    }
    return q;
}

static void record_free(weir_memory_record *rec)
{
    free(rec); /* one piece of memory: see record_copy */
}

static void topic_free(memory_topic *topic)
{
    for (int32_t i = 0; i < topic->n_partitions; i++) {
        for (size_t k = 0; k < topic->partitions[i].n; k++) {
            record_free(topic->partitions[i].records[k]);
        }
        free(topic->partitions[i].records);
    }
    free(topic->partitions);
    free(topic->name);
    free(topic);
}

static void group_free(memory_group *group)
{
    while (group->claims != NULL) {
        memory_claim *next = group->claims->next;

        free(group->claims);
        group->claims = next;
    }
    WEIR_ASSERT(group->members == NULL);
    free(group->name);
    free(group);
}

void weir_memory_queue_free(weir_memory_queue *q)
{
    if (q == NULL) {
        return;
    }
    while (q->topics != NULL) {
        memory_topic *next = q->topics->next;

        topic_free(q->topics);
        q->topics = next;
    }
    while (q->groups != NULL) {
        memory_group *next = q->groups->next;

        group_free(q->groups);
        q->groups = next;
    }
    weir_lock_fini(&q->lock);
    free(q);
}

/* -- inside -------------------------------------------------------------------------- */

memory_topic *weir_memory_topic_locked(weir_memory_queue *q, const char *name)
{
    for (memory_topic *topic = q->topics; topic != NULL; topic = topic->next) {
        if (strcmp(topic->name, name) == 0) {
            return topic;
        }
    }
    return NULL;
}

memory_topic *weir_memory_topic_make_locked(weir_memory_queue *q, const char *name)
{
    memory_topic *topic = weir_memory_topic_locked(q, name);

    if (topic != NULL) {
        return topic;
    }
    topic = calloc(1, sizeof(*topic));
    if (topic == NULL || (topic->name = strdup(name)) == NULL) {
        free(topic);
        return NULL;
    }
    topic->next = q->topics;
    q->topics = topic;
    return topic;
}

memory_group *weir_memory_group_locked(weir_memory_queue *q, const char *name)
{
    for (memory_group *group = q->groups; group != NULL; group = group->next) {
        if (strcmp(group->name, name) == 0) {
            return group;
        }
    }

    memory_group *group = calloc(1, sizeof(*group));

    if (group == NULL || (group->name = strdup(name)) == NULL) {
        free(group);
        return NULL;
    }
    group->next = q->groups;
    q->groups = group;
    return group;
}

memory_claim *weir_memory_claim_locked(memory_group *group, memory_topic *topic,
                                       int32_t partition)
{
    for (memory_claim *claim = group->claims; claim != NULL; claim = claim->next) {
        if (claim->topic == topic && claim->partition == partition) {
            return claim;
        }
    }

    memory_claim *claim = calloc(1, sizeof(*claim));

    if (claim != NULL) {
        claim->topic = topic;
        claim->partition = partition;
        claim->next = group->claims;
        group->claims = claim;
    }
    return claim;
}

static weir_slice record_put(char **at, weir_slice s)
{
    if (s.data == NULL) {
        return WEIR_SLICE_NONE;
    }

    char *copy = *at;

    memcpy(copy, s.data, s.len);
    copy[s.len] = '\0';
    *at += s.len + 1;
    return (weir_slice){ copy, s.len };
}

/* [ record | headers | key, data, names and values, each with a NUL ] */
static weir_memory_record *record_copy(const weir_memory_record *rec)
{
    size_t bytes = sizeof(*rec) + rec->n_headers * sizeof(weir_header) + rec->key.len +
                   rec->data.len + 2;

    for (size_t i = 0; i < rec->n_headers; i++) {
        bytes += strlen(rec->headers[i].name) + rec->headers[i].value.len + 2;
    }

    weir_memory_record *copy = malloc(bytes);

    if (copy == NULL) {
        return NULL;
    }

    weir_header *headers = (weir_header *)(void *)(copy + 1);
    char *at = (char *)(headers + rec->n_headers);

    *copy = (weir_memory_record){
        .headers = headers,
        .n_headers = rec->n_headers,
        .time_ms = rec->time_ms,
    };
    copy->key = record_put(&at, rec->key);
    copy->data = record_put(&at, rec->data);
    for (size_t i = 0; i < rec->n_headers; i++) {
        headers[i].name = record_put(&at, weir_slice_of(rec->headers[i].name)).data;
        headers[i].value = record_put(&at, rec->headers[i].value);
    }
    return copy;
}

weir_status weir_memory_append_locked(memory_partition *part,
                                      const weir_memory_record *rec, uint64_t *offset)
{
    if (part->n == part->cap) {
        size_t cap = part->cap == 0 ? 64 : part->cap * 2;
        weir_memory_record **records = realloc(part->records, cap * sizeof(records[0]));

        if (records == NULL) {
            return WEIR_ENOMEM;
        }
        part->records = records;
        part->cap = cap;
    }

    weir_memory_record *copy = record_copy(rec);

    if (copy == NULL) {
        return WEIR_ENOMEM;
    }
    if (offset != NULL) {
        *offset = part->n;
    }
    part->records[part->n++] = copy;
    return WEIR_OK;
}

static memory_partition *partition_locked(weir_memory_queue *q, const char *name,
                                          int32_t partition)
{
    memory_topic *topic = weir_memory_topic_locked(q, name);

    if (topic == NULL || partition < 0 || partition >= topic->n_partitions) {
        return NULL;
    }
    return &topic->partitions[partition];
}

/* -- topics and records -------------------------------------------------------------- */

weir_status weir_memory_queue_topic(weir_memory_queue *q, const char *name,
                                    int32_t n_partitions)
{
    weir_status st = WEIR_OK;

    if (n_partitions < 1 || n_partitions > MEMORY_MAX_PARTITIONS) {
        return WEIR_EINVAL;
    }
    weir_lock_take(&q->lock);

    memory_topic *topic = weir_memory_topic_make_locked(q, name);

    if (topic == NULL) {
        st = WEIR_ENOMEM;
        goto out;
    }
    if (topic->n_partitions > 0) {
        st = WEIR_EINVAL;
        goto out;
    }
    topic->partitions = calloc((size_t)n_partitions, sizeof(topic->partitions[0]));
    if (topic->partitions == NULL) {
        st = WEIR_ENOMEM;
        goto out;
    }
    topic->n_partitions = n_partitions;
out:
    weir_lock_give(&q->lock);
    weir_signal_raise(&q->sig, INT_MAX);
    return st;
}

weir_status weir_memory_queue_put(weir_memory_queue *q, const char *topic,
                                  int32_t partition, const weir_memory_record *rec,
                                  uint64_t *offset)
{
    weir_lock_take(&q->lock);

    memory_partition *part = partition_locked(q, topic, partition);
    weir_status st =
        part == NULL ? WEIR_ENOENT : weir_memory_append_locked(part, rec, offset);

    weir_lock_give(&q->lock);
    weir_signal_raise(&q->sig, INT_MAX);
    return st;
}

size_t weir_memory_queue_count(weir_memory_queue *q, const char *topic,
                               int32_t partition)
{
    weir_lock_take(&q->lock);

    const memory_partition *part = partition_locked(q, topic, partition);
    size_t n = part == NULL ? 0 : part->n;

    weir_lock_give(&q->lock);
    return n;
}

bool weir_memory_queue_get(weir_memory_queue *q, const char *topic, int32_t partition,
                           uint64_t offset, weir_memory_record *out)
{
    weir_lock_take(&q->lock);

    const memory_partition *part = partition_locked(q, topic, partition);
    bool is_there = part != NULL && offset < part->n;

    if (is_there) {
        *out = *part->records[offset];
    }
    weir_lock_give(&q->lock);
    return is_there;
}

/* The claim of a group on a partition of a topic that exists, or NULL. */
static memory_claim *claim_locked(weir_memory_queue *q, const char *group,
                                  const char *topic, int32_t partition)
{
    memory_topic *t = weir_memory_topic_locked(q, topic);
    memory_group *g = weir_memory_group_locked(q, group);

    if (t == NULL || g == NULL || partition < 0 || partition >= t->n_partitions) {
        return NULL;
    }
    return weir_memory_claim_locked(g, t, partition);
}

bool weir_memory_queue_committed(weir_memory_queue *q, const char *group,
                                 const char *topic, int32_t partition, uint64_t *offset)
{
    weir_lock_take(&q->lock);

    const memory_claim *claim = claim_locked(q, group, topic, partition);
    bool has = claim != NULL && claim->has_committed;

    if (has) {
        *offset = claim->committed;
    }
    weir_lock_give(&q->lock);
    return has;
}

/* -- faults -------------------------------------------------------------------------- */

void weir_memory_queue_revoke(weir_memory_queue *q, const char *group,
                              const char *topic, int32_t partition)
{
    weir_lock_take(&q->lock);

    memory_claim *claim = claim_locked(q, group, topic, partition);

    if (claim != NULL && claim->owner != NULL) {
        claim->must_revoke = true;
    }
    weir_lock_give(&q->lock);
    weir_signal_raise(&q->sig, INT_MAX);
}

void weir_memory_queue_lose(weir_memory_queue *q, const char *group, const char *topic,
                            int32_t partition)
{
    weir_lock_take(&q->lock);

    memory_claim *claim = claim_locked(q, group, topic, partition);

    if (claim != NULL && claim->owner != NULL) {
        claim->is_lost = true;
    }
    weir_lock_give(&q->lock);
    weir_signal_raise(&q->sig, INT_MAX);
}

void weir_memory_queue_sick(weir_memory_queue *q, bool is_sick)
{
    weir_lock_take(&q->lock);
    q->is_sick = is_sick;
    weir_lock_give(&q->lock);
    weir_signal_raise(&q->sig, INT_MAX);
}

void weir_memory_queue_fail_sends(weir_memory_queue *q, const char *topic,
                                  weir_sent sent, size_t n)
{
    weir_lock_take(&q->lock);

    memory_topic *t = weir_memory_topic_locked(q, topic);

    if (t != NULL) {
        t->fail_with = sent;
        t->n_fail = n;
    }
    weir_lock_give(&q->lock);
}

void weir_memory_queue_hold_sends(weir_memory_queue *q, bool is_held)
{
    weir_lock_take(&q->lock);
    q->are_sends_held = is_held;
    weir_lock_give(&q->lock);
    weir_signal_raise(&q->sig, INT_MAX);
}

void weir_memory_queue_limit_sends(weir_memory_queue *q, size_t n)
{
    weir_lock_take(&q->lock);
    q->max_pending = n;
    weir_lock_give(&q->lock);
}
