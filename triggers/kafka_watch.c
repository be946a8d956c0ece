/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_watch - a helper thread of the Kafka source that may wait for brokers.
 *
 * It keeps the ends of partitions fresh (for lag), notices that a broker answers again, and
 * below librdkafka 2.2.0 wakes the fetcher: a fetcher that found the client's queue full looks
 * again only when something goes through its broker's thread, at most a second later; a
 * question for a watermark is such a thing, and lets a small queue be as fast as a large one.
 */
#include "triggers/kafka_state.h"

#include "worker/base/check.h"
#include "worker/base/clock.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define WATCH_CALL_MS 1000
#define WATCH_TICK_US 1000000
#define WATCH_ENDS_US 5000000 /* how often the brokers are asked for ends */
#define WATCH_LEADERS_US 30000000
#define WATCH_WAKE_US 1000 /* wakes of the fetcher are at least this far apart */
#define WATCH_MAX_LEADERS 64

typedef struct weir_kafka_watch {
    weir_kafka_reader *src;
    rd_kafka_t *rk;
    pthread_t thread;
    weir_signal signal;
    atomic_bool is_ending;

    /* its own thread */
    int64_t next_ends_us, next_leaders_us, next_wake_us;
    weir_kafka_part *wake[WATCH_MAX_LEADERS]; /* one part of each leader */
    size_t n_wake;
} weir_kafka_watch;

static void watch_set_end(weir_kafka_reader *src, weir_kafka_part *part, int64_t end)
{
    weir_lock_take(&src->lock);
    if (part->is_live && end > part->end) {
        part->end = end;
    }
    weir_lock_give(&src->lock);
}

/* The parts that are assigned now; the caller frees the array. NULL: none, or no memory. */
static weir_kafka_part **watch_parts(weir_kafka_reader *src, size_t *n)
{
    *n = 0;
    weir_lock_take(&src->lock);
    const size_t most = src->n_parts;

    weir_lock_give(&src->lock);
    weir_kafka_part **parts = most == 0 ? NULL : calloc(most, sizeof(*parts));

    if (parts == NULL) {
        return NULL;
    }
    weir_lock_take(&src->lock);
    for (size_t i = 0; i < most; i++) {
        if (src->parts[i]->is_live) {
            parts[(*n)++] = src->parts[i];
        }
    }
    weir_lock_give(&src->lock);
    return parts;
}

/* What the fetcher has last been told; costs no request. */
static void watch_cached(weir_kafka_watch *watch, weir_kafka_part **parts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int64_t low = -1, high = -1;

        if (rd_kafka_get_watermark_offsets(watch->rk, parts[i]->topic,
                                           parts[i]->partition, &low,
                                           &high) == RD_KAFKA_RESP_ERR_NO_ERROR &&
            high >= 0) {
            watch_set_end(watch->src, parts[i], high);
        }
    }
}

/*
 * Asks the brokers for the ends of these: idle partitions are told nothing by the fetcher for
 * a while. One question goes to each leader, all at once.
 */
static void watch_ask(weir_kafka_watch *watch, weir_kafka_part *const *parts, size_t n)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)n + 1);
    weir_err err;

    for (size_t i = 0; i < n; i++) {
        rd_kafka_topic_partition_list_add(list, parts[i]->topic, parts[i]->partition);
    }
    if (weir_kafka_start_lookup(watch->rk, list, RD_KAFKA_OFFSET_END, WATCH_CALL_MS,
                                &err) == WEIR_OK) {
        atomic_fetch_add(&watch->src->n_contacts, 1);
        for (int i = 0; i < list->cnt; i++) {
            watch_set_end(watch->src, parts[i], list->elems[i].offset);
        }
    }
    rd_kafka_topic_partition_list_destroy(list);
}

static bool watch_add_leader(int32_t *leaders, size_t *n, int32_t id)
{
    for (size_t i = 0; i < *n; i++) {
        if (leaders[i] == id) {
            return false;
        }
    }
    leaders[(*n)++] = id;
    return true;
}

/* One assigned part for each broker that leads any. */
static void watch_leaders(weir_kafka_watch *watch, weir_kafka_part **parts, size_t n)
{
    const struct rd_kafka_metadata *meta = NULL;
    int32_t leaders[WATCH_MAX_LEADERS];
    size_t n_leaders = 0;

    watch->n_wake = 0;
    if (rd_kafka_metadata(watch->rk, 0, NULL, &meta, WATCH_CALL_MS) !=
        RD_KAFKA_RESP_ERR_NO_ERROR) {
        return;
    }
    atomic_fetch_add(&watch->src->n_contacts, 1);
    for (size_t p = 0; p < n && n_leaders < WATCH_MAX_LEADERS; p++) {
        for (int t = 0; t < meta->topic_cnt; t++) {
            const struct rd_kafka_metadata_topic *topic = &meta->topics[t];

            if (strcmp(topic->topic, parts[p]->topic) != 0) {
                continue;
            }
            for (int i = 0; i < topic->partition_cnt; i++) {
                if (topic->partitions[i].id == parts[p]->partition &&
                    topic->partitions[i].leader >= 0 &&
                    watch_add_leader(leaders, &n_leaders,
                                     topic->partitions[i].leader)) {
                    watch->wake[watch->n_wake++] = parts[p];
                }
            }
        }
    }
    rd_kafka_metadata_destroy(meta);
}

/*
 * Any request that goes through a leader's thread makes it look at its queues again; the
 * answer is a fresh end. Where the leaders are not known yet, all parts are asked about.
 */
static void watch_wake(weir_kafka_watch *watch)
{
    size_t n = 0;

    if (watch->n_wake > 0) {
        watch_ask(watch, watch->wake, watch->n_wake);
        return;
    }
    weir_kafka_part **parts = watch_parts(watch->src, &n);

    if (n > 0) {
        watch_ask(watch, parts, n < WATCH_MAX_LEADERS ? n : WATCH_MAX_LEADERS);
    }
    free(parts);
}

static void watch_look(weir_kafka_watch *watch)
{
    size_t n;
    weir_kafka_part **parts = watch_parts(watch->src, &n);
    const int64_t now = weir_clock_us();

    watch_cached(watch, parts, n);
    if (now >= watch->next_ends_us && n > 0) {
        watch_ask(watch, parts, n);
        watch->next_ends_us = now + WATCH_ENDS_US;
    }
    if (watch->src->caps.needs_wake && now >= watch->next_leaders_us && n > 0) {
        watch_leaders(watch, parts, n);
        watch->next_leaders_us =
            now + (watch->n_wake > 0 ? WATCH_LEADERS_US : WATCH_TICK_US);
    }
    free(parts);
}

static void *watch_main(void *arg)
{
    weir_kafka_watch *watch = arg;
    int64_t next_look_us = 0;

    while (!atomic_load(&watch->is_ending)) {
        const unsigned seen = weir_signal_read(&watch->signal);
        int64_t now = weir_clock_us();

        if (atomic_exchange(&watch->src->is_low, false)) {
            if (now < watch->next_wake_us) {
                weir_signal_wait(&watch->signal, seen, watch->next_wake_us);
            }
            watch_wake(watch);
            now = weir_clock_us();
            watch->next_wake_us = now + WATCH_WAKE_US;
        }
        if (atomic_exchange(&watch->src->has_assigned, false)) {
            watch->next_leaders_us = 0;
            next_look_us = 0;
        }
        if (now >= next_look_us) {
            watch_look(watch);
            next_look_us = now + WATCH_TICK_US;
        }
        weir_signal_wait(&watch->signal, seen, next_look_us);
    }
    return NULL;
}

weir_status weir_kafka_watch_start(weir_kafka_reader *src, weir_err *err)
{
    weir_kafka_watch *watch = calloc(1, sizeof(*watch));

    if (watch == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    watch->src = src;
    watch->rk = src->client->rk;
    const int code =
        weir_thread_start(&watch->thread, "kafka.watch", 0, watch_main, watch);

    if (code != 0) {
        free(watch);
        return weir_fail(err, WEIR_EAGAIN, "kafka.watch: no thread (%d)", code);
    }
    src->watch = watch;
    return WEIR_OK;
}

void weir_kafka_watch_kick(weir_kafka_reader *src)
{
    if (src->watch != NULL && !atomic_exchange(&src->is_low, true)) {
        weir_signal_raise(&src->watch->signal, 1);
    }
}

void weir_kafka_watch_assigned(weir_kafka_reader *src)
{
    if (src->watch != NULL) {
        atomic_store(&src->has_assigned, true);
        weir_signal_raise(&src->watch->signal, 1);
    }
}

void weir_kafka_watch_stop(weir_kafka_reader *src)
{
    weir_kafka_watch *watch = src->watch;

    if (watch == NULL) {
        return;
    }
    atomic_store(&watch->is_ending, true);
    weir_signal_raise(&watch->signal, INT_MAX);
    WEIR_ASSERT(pthread_join(watch->thread, NULL) == 0);
    free(watch);
    src->watch = NULL;
}
