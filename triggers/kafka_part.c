/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_part - the table of partitions that a Kafka source has seen.
 */
#include "triggers/kafka_state.h"

#include "worker/base/check.h"
#include "worker/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PART_MAX_PARTITION 1000000 /* far beyond what a broker makes */

/* Where the topic stands among the sorted ones, or would. */
static size_t part_topic_at(const weir_kafka_reader *src, const char *name,
                            bool *is_found)
{
    size_t low = 0, high = src->n_topics;

    *is_found = false;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        const int order = strcmp(src->topics[mid]->name, name);

        if (order == 0) {
            *is_found = true;
            return mid;
        }
        if (order < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

static weir_kafka_topic *part_topic_get(weir_kafka_reader *src, const char *name)
{
    bool is_found;
    const size_t at = part_topic_at(src, name, &is_found);

    if (is_found) {
        return src->topics[at];
    }
    weir_kafka_topic **grown =
        realloc(src->topics, (src->n_topics + 1) * sizeof(*src->topics));

    if (grown == NULL) {
        return NULL;
    }
    src->topics = grown;
    weir_kafka_topic *topic = calloc(1, sizeof(*topic));

    if (topic == NULL || (topic->name = strdup(name)) == NULL) {
        free(topic);
        return NULL;
    }
    memmove(&src->topics[at + 1], &src->topics[at],
            (src->n_topics - at) * sizeof(*src->topics));
    src->topics[at] = topic;
    src->n_topics++;
    return topic;
}

weir_kafka_part *weir_kafka_part_find(weir_kafka_reader *src, const char *topic,
                                      int32_t partition)
{
    bool is_found;
    const size_t at = part_topic_at(src, topic, &is_found);

    if (!is_found || partition < 0 || partition >= src->topics[at]->n_parts) {
        return NULL;
    }
    return src->topics[at]->parts[partition];
}

static bool part_topic_reserve(weir_kafka_topic *topic, int32_t n)
{
    if (n <= topic->n_parts) {
        return true;
    }
    weir_kafka_part **grown = realloc(topic->parts, (size_t)n * sizeof(*grown));

    if (grown == NULL) {
        return false;
    }
    memset(&grown[topic->n_parts], 0, (size_t)(n - topic->n_parts) * sizeof(*grown));
    topic->parts = grown;
    topic->n_parts = n;
    return true;
}

static bool part_table_reserve(weir_kafka_reader *src)
{
    if (src->n_parts < src->cap_parts) {
        return true;
    }
    const size_t cap = src->cap_parts == 0 ? 16 : src->cap_parts * 2;
    weir_kafka_part **fresh = malloc(cap * sizeof(*fresh));

    if (fresh == NULL) {
        return false;
    }
    weir_lock_take(&src->lock);
    weir_kafka_part **stale = src->parts;

    if (src->n_parts > 0) {
        memcpy(fresh, stale, src->n_parts * sizeof(*fresh));
    }
    src->parts = fresh;
    src->cap_parts = cap;
    weir_lock_give(&src->lock);
    free(stale);
    return true;
}

weir_kafka_part *weir_kafka_part_get(weir_kafka_reader *src, const char *topic,
                                     int32_t partition)
{
    weir_kafka_part *part = weir_kafka_part_find(src, topic, partition);

    if (part != NULL) {
        return part;
    }
    weir_kafka_topic *of = part_topic_get(src, topic);

    if (of == NULL || partition < 0 || partition > PART_MAX_PARTITION ||
        !part_topic_reserve(of, partition + 1) || !part_table_reserve(src)) {
        return NULL;
    }
    const size_t len = strlen(src->setup->queue_name) + strlen(topic) + 24;

    part = calloc(1, sizeof(*part));
    if (part == NULL || (part->where_text = malloc(len)) == NULL) {
        free(part);
        return NULL;
    }
    snprintf(part->where_text, len, "%s:%s/%d@", src->setup->queue_name, topic,
             (int)partition);
    part->where = weir_slice_of(part->where_text);
    part->partition = partition;
    part->topic = of->name;
    part->committed = -1;
    part->end = -1;
    part->bad_offset = -1;
    of->parts[partition] = part;
    weir_lock_take(&src->lock);
    part->index = (uint32_t)src->n_parts;
    src->parts[src->n_parts++] = part;
    weir_lock_give(&src->lock);
    return part;
}

weir_epoch weir_kafka_part_epoch(const weir_kafka_part *part)
{
    return (weir_epoch){
        .part = part->index,
        .epoch = part->epoch,
        .topic = part->topic,
        .partition = part->partition,
    };
}

void weir_kafka_part_begin(weir_kafka_reader *src, weir_kafka_part *part,
                           int64_t position, bool is_committed)
{
    WEIR_ASSERT(!part->is_assigned);
    part->is_assigned = true;
    part->is_held = false;
    src->is_all_held = false;
    part->is_stopped = false;
    part->position = position;
    part->trouble = WEIR_TROUBLE_NONE;
    part->bad_offset = -1;
    part->n_bad = 0;
    part->is_out_of_range = false;
    part->is_fresh = true;
    part->measure_at = 0;
    part->n_prints = 0;
    part->again_until = part->own_again_until;
    part->map_again_until = 0;
    part->own_generation = part->generation;
    part->generation = 0;
    part->strikes = 0;
    part->strikes_base = -1;
    part->n_striken = 0;
    part->is_owned = false;
    weir_lock_take(&src->lock);
    part->epoch++;
    part->is_live = true;
    part->wants_hold = false;
    part->is_leaving = false;
    part->lone = -1;
    part->away = -1;
    part->sent = position;
    part->above_sent = 0;
    part->above_committed = 0;
    part->committed = is_committed ? position : -1;
    part->end = -1;
    for (size_t i = 0; i < WEIR_KAFKA_EPOCHS; i++) {
        part->leaders[i] = (weir_kafka_leader){ .from = 0, .epoch = -1 };
    }
    weir_track_begin(&part->track, part->epoch, position);
    weir_lock_give(&src->lock);
}

void weir_kafka_part_owned_before(weir_kafka_part *part)
{
    const bool is_own =
        part->own_again_until > 0 && part->known.generation == part->own_generation;

    if (!is_own) {
        part->map_again_until = part->known.high.offset + 1;
        part->map_again =
            part->known.is_clean ? WEIR_AGAIN_REBALANCE : WEIR_AGAIN_CRASH;
    }
    if (part->map_again_until > part->again_until) {
        part->again_until = part->map_again_until;
    }
}

weir_again weir_kafka_part_again(const weir_kafka_part *part, int64_t offset)
{
    return offset < part->map_again_until   ? part->map_again
           : offset < part->own_again_until ? part->own_again
                                            : WEIR_AGAIN_NONE;
}

void weir_kafka_part_end(weir_kafka_reader *src, weir_kafka_part *part, weir_again why)
{
    WEIR_ASSERT(part->is_assigned);
    if (part->position > part->own_again_until) {
        part->own_again_until = part->position;
    }
    part->own_again = why;
    weir_lock_take(&src->lock);
    part->is_live = false;
    weir_track_end(&part->track);
    weir_lock_give(&src->lock);
    part->is_assigned = false;
    part->is_held = false;
    atomic_store(&src->has_holds, true); /* are all that are left held? */
    part->is_fresh = false;
    part->is_other_log = false;
    src->n_full -= part->is_full;
    part->is_full = false;
    weir_kafka_map_drop(src, part, NULL);
    if (part->queue != NULL) {
        rd_kafka_queue_forward(part->queue, NULL);
        rd_kafka_queue_destroy(part->queue);
        part->queue = NULL;
        part->is_forwarded = false;
    }
    weir_kafka_part_drop_stash(src, part);
    free(part->stash);
    part->stash = NULL;
    part->at_stash = 0;
    part->n_stash = 0;
    part->cap_stash = 0;
}

/* A message has come into the stash. */
static void part_stashed(weir_kafka_reader *src, weir_kafka_part *part,
                         const rd_kafka_message_t *msg)
{
    part->n_stash++;
    src->n_stashed++;
    src->stashed_bytes += msg->len + msg->key_len;
    src->has_stash = true;
}

rd_kafka_message_t *weir_kafka_part_unstash(weir_kafka_reader *src,
                                            weir_kafka_part *part)
{
    WEIR_ASSERT(part->n_stash > 0);
    rd_kafka_message_t *msg = part->stash[part->at_stash++];

    part->n_stash--;
    src->n_stashed--;
    src->stashed_bytes -= msg->len + msg->key_len;
    return msg;
}

void weir_kafka_part_drop_stash(weir_kafka_reader *src, weir_kafka_part *part)
{
    while (part->n_stash > 0) {
        rd_kafka_message_destroy(weir_kafka_part_unstash(src, part));
    }
}

void weir_kafka_part_forward(weir_kafka_reader *src, weir_kafka_part *part,
                             bool is_forwarded)
{
    if (part->queue != NULL && part->is_forwarded != is_forwarded) {
        part->is_forwarded = is_forwarded;
        rd_kafka_queue_forward(part->queue, is_forwarded ? src->client->events : NULL);
    }
}

bool weir_kafka_part_stash(weir_kafka_reader *src, weir_kafka_part *part,
                           rd_kafka_message_t *msg, bool is_front)
{
    if (is_front && part->at_stash > 0) {
        part->stash[--part->at_stash] = msg;
        part_stashed(src, part, msg);
        return true;
    }
    if (part->at_stash + part->n_stash == part->cap_stash) {
        const size_t cap = part->n_stash < 32 ? 64 : part->n_stash * 2;
        rd_kafka_message_t **grown = malloc(cap * sizeof(*grown));

        if (grown == NULL) {
            return false;
        }
        if (part->n_stash > 0) {
            memcpy(grown, &part->stash[part->at_stash], part->n_stash * sizeof(*grown));
        }
        free(part->stash);
        part->stash = grown;
        part->cap_stash = cap;
        part->at_stash = 0;
    }
    rd_kafka_message_t **first = &part->stash[part->at_stash];

    if (is_front) {
        memmove(first + 1, first, part->n_stash * sizeof(*first));
        *first = msg;
    } else {
        first[part->n_stash] = msg;
    }
    part_stashed(src, part, msg);
    return true;
}

void weir_kafka_part_trouble(weir_kafka_reader *src, weir_kafka_part *part,
                             weir_trouble kind, const char *text)
{
    if (part->trouble == kind) {
        return;
    }
    const weir_epoch e = weir_kafka_part_epoch(part);

    part->trouble = kind;
    src->host->trouble(src->host->arg, &e, kind, text);
}

void weir_kafka_parts_fini(weir_kafka_reader *src)
{
    for (size_t i = 0; i < src->n_parts; i++) {
        weir_track_fini(&src->parts[i]->track);
        free(src->parts[i]->stash);
        free(src->parts[i]->known.runs);
        free(src->parts[i]->where_text);
        free(src->parts[i]);
    }
    for (size_t i = 0; i < src->n_topics; i++) {
        free(src->topics[i]->parts);
        free(src->topics[i]->name);
        free(src->topics[i]);
    }
    free(src->parts);
    free(src->topics);
    src->parts = NULL;
    src->topics = NULL;
    src->n_parts = 0;
    src->n_topics = 0;
}
