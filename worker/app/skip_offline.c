/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skip_offline - see skip_offline.h.
 */
#include "worker/app/skip_offline.h"

#include "worker/base/clock.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TIMEOUT_MS 10000

typedef struct skip_sent {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_answered;
    weir_sent sent;
} skip_sent;

static void skip_done(void *arg, const weir_sent_result *results, size_t n)
{
    skip_sent *s = arg;

    pthread_mutex_lock(&s->lock);
    if (n > 0) {
        s->is_answered = true;
        s->sent = results[0].sent;
        pthread_cond_signal(&s->changed);
    }
    pthread_mutex_unlock(&s->lock);
}

static bool skip_wait(skip_sent *s)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += TIMEOUT_MS / 1000;
    pthread_mutex_lock(&s->lock);
    while (!s->is_answered &&
           pthread_cond_timedwait(&s->changed, &s->lock, &until) == 0) {
    }
    bool is_confirmed = s->is_answered && s->sent == WEIR_SENT_OK;
    pthread_mutex_unlock(&s->lock);
    return is_confirmed;
}

/* Publishes one record and waits for its confirmation. */
static weir_status skip_publish(const weir_config *cfg, const char *address,
                                weir_out *out, weir_err *err)
{
    weir_address to;
    skip_sent sent = { .lock = PTHREAD_MUTEX_INITIALIZER,
                       .changed = PTHREAD_COND_INITIALIZER };
    weir_out *const outs[] = { out };
    weir_status st = weir_address_parse(address, &to, err);

    if (st != WEIR_OK) {
        return st;
    }
    const weir_config_queue *queue = weir_config_queue_find(cfg, to.queue);
    const weir_sink_ops *ops = queue->type->sink;
    const weir_sink_setup setup = { .queue = queue->opts,
                                    .queue_name = queue->name,
                                    .service = cfg->worker.name,
                                    .instance = "skip",
                                    .max_bytes = (size_t)cfg->worker.max_bytes,
                                    .max_record = (size_t)cfg->worker.max_event,
                                    .done = skip_done,
                                    .arg = &sent };
    void *sink = calloc(1, ops->size);
    if (sink == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    st = ops->open(sink, &setup, err);
    if (st != WEIR_OK) {
        free(sink);
        return st;
    }
    st = ops->target(sink, to.topic, &out->target, err);
    if (st == WEIR_OK && (ops->send(sink, outs, 1) != 1 || !skip_wait(&sent))) {
        st = weir_fail(err, WEIR_EUNAVAIL, "%s did not confirm the dead letter",
                       address);
    }
    if (ops->close(sink, weir_clock_us() + 2000000)) {
        free(sink);
    }
    return st;
}

static weir_status skip_dead_letter(const weir_config *cfg, const weir_config_sub *sub,
                                    const weir_address *at, const char *position,
                                    weir_err *err)
{
    char partition[16], offset[32], address[600];
    const char *const texts[][2] = {
        { "__dlq.errors.topic", at->topic },
        { "__dlq.errors.partition", partition },
        { "__dlq.errors.offset", offset },
        { "__dlq.errors.group", sub->group },
        { "__dlq.errors.message", "skipped by hand" },
        { "weir.reason", "unsendable" },
        { "weir.function", sub->opts.function },
        { "weir.subscription", sub->name },
        { "weir.position", position },
        { "weir.omitted", "true" },
    };
    weir_header headers[sizeof(texts) / sizeof(texts[0])];
    size_t n = sizeof(texts) / sizeof(texts[0]);

    if (sub->dead_mode != WEIR_DEAD_ADDRESS) {
        return WEIR_OK; /* there is nowhere to put one */
    }
    snprintf(partition, sizeof(partition), "%d", at->partition);
    snprintf(offset, sizeof(offset), "%llu", (unsigned long long)at->pos.hi);
    for (size_t i = 0; i < n; i++) {
        headers[i] = (weir_header){ texts[i][0], weir_slice_of(texts[i][1]) };
    }
    snprintf(address, sizeof(address), "%s:%s.%s.dead", at->queue, at->topic,
             sub->name);
    weir_out out = { .data = WEIR_SLICE_LIT(""),
                     .headers = headers,
                     .n_headers = n,
                     .partition = -1,
                     .time_ms = -1 };
    return skip_publish(cfg, sub->dead != NULL ? sub->dead : address, &out, err);
}

/* The subscription that reads this topic. */
static weir_status skip_find(const weir_config *cfg, const weir_address *at,
                             const char *sub_name, const weir_config_sub **out,
                             weir_err *err)
{
    size_t n = 0;

    for (size_t i = 0; i < cfg->n_subs; i++) {
        const weir_config_sub *sub = &cfg->subs[i];
        for (size_t k = 0; k < sub->n_from; k++) {
            bool is_it =
                strcmp(cfg->queues[sub->from[k].queue].name, at->queue) == 0 &&
                (sub->from[k].is_pattern || strcmp(sub->from[k].topic, at->topic) == 0);
            if (is_it && (sub_name == NULL || strcmp(sub_name, sub->name) == 0)) {
                *out = sub;
                n++;
                break;
            }
        }
    }
    return n == 1 ? WEIR_OK
           : n == 0
               ? weir_fail(err, WEIR_ENOENT, "no subscription of the file reads that")
               : weir_fail(err, WEIR_EINVAL,
                           "more than one subscription reads that: --subscription");
}

weir_status weir_skip_offline(const weir_config *cfg, const weir_address *at,
                              const char *position, const char *sub_name, weir_err *err)
{
    const weir_config_queue *queue = weir_config_queue_find(cfg, at->queue);
    const weir_config_sub *sub = NULL;
    weir_group_state state = { 0 };
    weir_buf text = { 0 };

    if (queue == NULL || queue->type->ask->move == NULL || at->partition < 0) {
        return weir_fail(
            err, WEIR_EUNAVAIL,
            "no worker of this file runs here, and without one only an event of "
            "Kafka can be skipped; name a worker with --admin");
    }
    weir_status st = skip_find(cfg, at, sub_name, &sub, err);
    if (st != WEIR_OK) {
        return st;
    }
    const weir_group_ask ask = { sub->group, at->topic, sub->start, sub->start_ms,
                                 sub->opts.start };
    st = queue->type->ask->group(queue->opts, &ask, TIMEOUT_MS, &state, &text, err);
    weir_buf_fini(&text);
    if (st == WEIR_OK && state.n_members > 0) {
        st = weir_fail(err, WEIR_EUNAVAIL,
                       "group %s has members, none of them here; name one with --admin",
                       sub->group);
    }
    if (st == WEIR_OK) {
        st =
            queue->type->ask->move(queue->opts, sub->group, at, TIMEOUT_MS, false, err);
    }
    if (st == WEIR_OK) {
        st = skip_dead_letter(cfg, sub, at, position, err);
    }
    if (st == WEIR_OK) {
        st = queue->type->ask->move(queue->opts, sub->group, at, TIMEOUT_MS, true, err);
    }
    return st;
}
