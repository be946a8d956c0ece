/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_producer - makes, serves, replaces and ends one producer.
 */
#include "triggers/kafka_producer.h"

#include "triggers/kafka_admin.h"
#include "triggers/kafka_end.h"
#include "worker/base/check.h"
#include "worker/base/clock.h"
#include "worker/base/log.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PRODUCER_POLL_MS 50
#define PRODUCER_REST_MS 1000 /* the same, where only answers to records can come */
#define PRODUCER_ASK_MS 1000  /* for the settings of a topic */
#define PRODUCER_ASK_TIMES 2  /* without an answer */
#define PRODUCER_LOOK_MS 1000
#define PRODUCER_AGAIN_US 1000000 /* between two attempts at a new instance */
#define PRODUCER_END_US 3000000
#define PRODUCER_DRAIN_US 1000000 /* of it, for answers of the broker */
/* Of a limit, what key and data may take: headers and framing need some, too. */
#define PRODUCER_SURE(bytes) ((bytes) - (bytes) / 8)
/* Room for anything: see sink_has_room() in kafka_sink.c. */
#define PRODUCER_MAX_KBYTES "1048576"
#define PRODUCER_MAX_EVENTS "1000000"

static void producer_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    weir_kafka_producer *producer = opaque;
    char text[512];

    if (code == (int)RD_KAFKA_RESP_ERR__FATAL) {
        rd_kafka_fatal_error(rk, text, sizeof(text));
        atomic_store(&producer->is_fatal, true);
        weir_log(WEIR_WARN, "kafka.producer.fatal", "client=%s text=%s",
                 rd_kafka_name(rk), text);
        return;
    }
    weir_log(code == (int)RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ? WEIR_WARN : WEIR_DEBUG,
             "kafka.producer.error", "client=%s text=%s", rd_kafka_name(rk), reason);
}

/* ------------------------------------------------------------------------ settings ---- */

/* Ends a poll of the thread that rests, or its next one. */
static void producer_rouse_locked(weir_kafka_producer *producer)
{
    if (producer->rk != NULL) {
        rd_kafka_queue_t *polled = rd_kafka_queue_get_main(producer->rk);

        rd_kafka_queue_yield(polled);
        rd_kafka_queue_destroy(polled);
    }
}

void weir_kafka_producer_learn_locked(weir_kafka_target *target)
{
    weir_kafka_producer *producer = &target->sink->producers[WEIR_KAFKA_BATCHED];

    target->is_learning = true;
    if (producer->rk != NULL) {
        weir_kafka_topic_ask_config(producer->rk, target->name, PRODUCER_ASK_MS,
                                    producer->asked);
        /* who rests does not look for the answer */
        producer_rouse_locked(producer);
    }
}

/* An answer to the question above. */
static void producer_learnt(weir_kafka_producer *producer, rd_kafka_event_t *event)
{
    weir_kafka_topic_info info = { .max_message_bytes = -1 };
    weir_err err;
    char name[256];
    const weir_status st = weir_kafka_topic_answer(event, name, &info, &err);

    weir_lock_take(&producer->sink->lock);
    for (weir_kafka_target *t = producer->sink->targets; t != NULL; t = t->next) {
        if (name[0] != '\0' && strcmp(t->name, name) != 0) {
            continue;
        }
        if (name[0] == '\0' && st != WEIR_EDENIED) {
            /* Nobody answered; all questions fail alike. A broker (or what stands before it)
             * that never does must not keep the topic slow: records then go in batches, and
             * a batch that is refused is sent again one by one. */
            if (t->is_learning && ++t->n_unanswered < PRODUCER_ASK_TIMES) {
                weir_kafka_producer_learn_locked(t);
            } else {
                t->is_learning = false;
            }
            continue;
        }
        t->is_learning = false;
        t->n_unanswered = 0;
        if (st == WEIR_OK) {
            t->is_compacted = info.is_compacted;
            t->is_small = info.max_message_bytes >= 0 &&
                          info.max_message_bytes < WEIR_KAFKA_BATCH;
            t->is_limit_known = info.max_message_bytes >= 0;
            t->sure_bytes = t->is_limit_known
                                ? PRODUCER_SURE((size_t)info.max_message_bytes)
                                : WEIR_KAFKA_SURE;
            t->want = t->is_small || t->is_denied || t->n_suspects > 0
                          ? WEIR_KAFKA_ALONE
                          : WEIR_KAFKA_BATCHED;
        }
    }
    weir_lock_give(&producer->sink->lock);
    rd_kafka_event_destroy(event);
}

/* True if answers to records are all that can come, and these end a poll. */
static bool producer_may_rest(weir_kafka_producer *producer)
{
    bool may_rest = true;

    weir_lock_take(&producer->sink->lock);
    for (weir_kafka_target *t = producer->sink->targets; t != NULL && may_rest;
         t = t->next) {
        may_rest = !t->is_learning && !t->is_missing && t->want == WEIR_KAFKA_BATCHED;
    }
    weir_lock_give(&producer->sink->lock);
    return may_rest;
}

/* Topics that were not there: the client looks again only in minutes unless it is asked. */
static void producer_look(weir_kafka_producer *producer)
{
    const int64_t now = weir_clock_us();
    rd_kafka_topic_t *topic = NULL;
    weir_kafka_target *target = NULL;

    weir_lock_take(&producer->sink->lock);
    for (weir_kafka_target *t = producer->sink->targets; t != NULL && target == NULL;
         t = t->next) {
        weir_kafka_answer_forget_locked(t, now);
        if (t->is_missing && t->topics[producer->kind] != NULL &&
            t->use == producer->kind && now >= t->next_look_us) {
            target = t;
            topic = t->topics[producer->kind];
            t->next_look_us = now + PRODUCER_AGAIN_US;
        }
    }
    weir_lock_give(&producer->sink->lock);
    if (target == NULL) {
        return;
    }
    const struct rd_kafka_metadata *meta = NULL;

    if (rd_kafka_metadata(producer->rk, 0, topic, &meta, PRODUCER_LOOK_MS) ==
        RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (meta->topic_cnt == 1 && meta->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            weir_lock_take(&producer->sink->lock);
            target->is_missing = false;
            weir_kafka_producer_learn_locked(target);
            weir_lock_give(&producer->sink->lock);
        }
        rd_kafka_metadata_destroy(meta);
    }
}

/* ----------------------------------------------------------------------- instances ---- */

size_t weir_kafka_producer_props(weir_kafka_prop *props)
{
    size_t n = 0;

    props[n++] = (weir_kafka_prop){ "enable.idempotence", "true", false };
    props[n++] = (weir_kafka_prop){ "acks", "all", false };
    props[n++] = (weir_kafka_prop){ "partitioner", "murmur2_random", false };
    props[n++] = (weir_kafka_prop){ "message.max.bytes", "1000000000", false };
    props[n++] = (weir_kafka_prop){ "allow.auto.create.topics", "false", false };
    props[n++] =
        (weir_kafka_prop){ "queue.buffering.max.kbytes", PRODUCER_MAX_KBYTES, false };
    props[n++] =
        (weir_kafka_prop){ "queue.buffering.max.messages", PRODUCER_MAX_EVENTS, false };
    props[n++] = (weir_kafka_prop){ "topic.metadata.propagation.max.ms", "5000", true };
    props[n++] = (weir_kafka_prop){ "socket.keepalive.enable", "true", true };
    return n;
}

static weir_status producer_conf(weir_kafka_producer *producer, rd_kafka_conf_t **out,
                                 weir_err *err)
{
    char batch[32];
    weir_kafka_prop props[20];
    size_t n = weir_kafka_producer_props(props);

    snprintf(batch, sizeof(batch), "%d", WEIR_KAFKA_BATCH);
    props[n++] = (weir_kafka_prop){ "client.id", producer->sink->client_id, false };
    props[n++] = (weir_kafka_prop){ "message.timeout.ms", "0", false };
    if (producer->kind == WEIR_KAFKA_ALONE) {
        props[n++] = (weir_kafka_prop){ "linger.ms", "0", false };
        props[n++] = (weir_kafka_prop){ "batch.num.messages", "1", false };
    } else {
        props[n++] = (weir_kafka_prop){ "batch.size", batch, false };
        props[n++] = (weir_kafka_prop){ "enable.gapless.guarantee", "true", false };
    }
    props[n] = (weir_kafka_prop){ NULL, NULL, false };
    WEIR_ASSERT(n < sizeof(props) / sizeof(props[0]));
    return weir_kafka_conf_new(producer->sink->queue, WEIR_KAFKA_PRODUCER, props, out,
                               err);
}

/* True if the user has said how records are packed. */
static bool producer_has_codec(const weir_kafka_queue *queue)
{
    static const char *const names[] = { "compression.codec", "compression.type" };

    for (size_t i = 0; i < 2; i++) {
        if (weir_opt_map_get(&queue->producer, names[i]) != NULL ||
            weir_opt_map_get(&queue->properties, names[i]) != NULL) {
            return true;
        }
    }
    return false;
}

rd_kafka_topic_t *weir_kafka_producer_topic(const weir_kafka_queue *queue,
                                            const weir_sink_setup *setup,
                                            rd_kafka_t *rk, const char *name)
{
    rd_kafka_topic_conf_t *conf = NULL;
    char text[256];

    if (setup->is_dead != NULL && setup->is_dead(setup->arg, name) &&
        !producer_has_codec(queue)) {
        conf = rd_kafka_default_topic_conf_dup(rk);
        if (rd_kafka_topic_conf_set(conf, "compression.codec", "zstd", text,
                                    sizeof(text)) != RD_KAFKA_CONF_OK) {
            weir_log(WEIR_WARN, "kafka.codec", "topic=%s text=%s", name, text);
        }
    }
    return rd_kafka_topic_new(rk, name, conf);
}

/* A fresh instance, which the sink may use at once. Lock not held. */
static weir_status producer_make(weir_kafka_producer *producer, weir_err *err)
{
    rd_kafka_conf_t *conf = NULL;
    char text[512];
    const weir_status st = producer_conf(producer, &conf, err);

    if (st != WEIR_OK) {
        return st;
    }
    rd_kafka_conf_set_opaque(conf, producer);
    rd_kafka_conf_set_dr_msg_cb(conf, weir_kafka_answer_take);
    rd_kafka_conf_set_error_cb(conf, producer_error);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));

    if (rk == NULL) {
        rd_kafka_conf_destroy(conf);
        return weir_fail(err, WEIR_ECONFIG, "%s", text);
    }
    rd_kafka_set_log_queue(rk, NULL);
    weir_lock_take(&producer->sink->lock);
    producer->asked = rd_kafka_queue_new(rk);
    producer->rk = rk;
    atomic_store(&producer->is_fatal, false);
    for (weir_kafka_target *t = producer->sink->targets; t != NULL; t = t->next) {
        t->topics[producer->kind] = weir_kafka_producer_topic(
            producer->sink->queue, &producer->sink->setup, rk, t->name);
        if (producer->kind == WEIR_KAFKA_BATCHED) {
            /* The old instance took a question along; or it had to go because a limit is not
             * what it was. */
            weir_kafka_producer_learn_locked(t);
        }
    }
    weir_lock_give(&producer->sink->lock);
    return WEIR_OK;
}

/* Lets the broker answer what it has, most of it for other topics: else all of that would be
 * written twice. What comes back to be repeated goes, too. */
static void producer_drain(weir_kafka_producer *producer, rd_kafka_t *rk)
{
    const int64_t until_us = weir_clock_us() + PRODUCER_DRAIN_US;

    while (rd_kafka_outq_len(rk) > 0 && weir_clock_us() < until_us &&
           !atomic_load(&producer->is_ending)) {
        rd_kafka_purge(rk, RD_KAFKA_PURGE_F_QUEUE);
        rd_kafka_poll(rk, 10);
    }
}

/* Takes the instance out of use, answers all it has with AGAIN, and destroys it. */
static bool producer_break(weir_kafka_producer *producer, int64_t until_us)
{
    const struct timespec pause = { .tv_nsec = 5000000 };

    weir_lock_take(&producer->sink->lock);
    rd_kafka_t *rk = producer->rk;

    producer->rk = NULL; /* send() takes nothing from here on */
    weir_lock_give(&producer->sink->lock);
    while (atomic_load(&producer->n_senders) > 0 && weir_clock_us() < until_us) {
        nanosleep(&pause, NULL); /* a send that has begun; it does not block */
    }
    if (atomic_load(&producer->is_fatal)) {
        producer_drain(producer, rk);
    }
    rd_kafka_purge(rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    while (rd_kafka_outq_len(rk) > 0 && weir_clock_us() < until_us) {
        rd_kafka_poll(rk, 10);
    }
    weir_kafka_answer_hand_on(producer);
    for (bool is_used = true; is_used && weir_clock_us() < until_us;) {
        weir_lock_take(&producer->sink->lock);
        is_used = producer->n_users > 0;
        weir_lock_give(&producer->sink->lock);
        if (is_used) {
            nanosleep(&pause, NULL); /* a probe, which is bounded */
        }
    }
    weir_lock_take(&producer->sink->lock);
    for (weir_kafka_target *t = producer->sink->targets; t != NULL; t = t->next) {
        if (t->topics[producer->kind] != NULL) {
            rd_kafka_topic_destroy(t->topics[producer->kind]);
            t->topics[producer->kind] = NULL;
        }
    }
    weir_lock_give(&producer->sink->lock);
    rd_kafka_queue_destroy(producer->asked);
    producer->asked = NULL;
    return weir_kafka_end(&rk, 0, until_us);
}

static void producer_renew(weir_kafka_producer *producer)
{
    weir_err err;

    if (producer->rk != NULL &&
        !producer_break(producer, weir_clock_us() + PRODUCER_END_US)) {
        weir_log(WEIR_WARN, "kafka.destroy.hangs", "client=%s",
                 producer->sink->client_id);
    }
    if (producer_make(producer, &err) != WEIR_OK) {
        const unsigned seen = weir_signal_read(&producer->sink->signal);

        weir_log(WEIR_WARN, "kafka.producer.failed", "text=%s", err.text);
        weir_signal_wait(&producer->sink->signal, seen,
                         weir_clock_us() + PRODUCER_AGAIN_US);
    }
}

static void *producer_main(void *arg)
{
    weir_kafka_producer *producer = arg;
    bool may_rest = false;

    while (!atomic_load(&producer->is_ending)) {
        if (producer->rk == NULL || atomic_load(&producer->is_fatal)) {
            producer_renew(producer);
            may_rest = false;
            continue;
        }
        const int n_served =
            rd_kafka_poll(producer->rk, may_rest ? PRODUCER_REST_MS : PRODUCER_POLL_MS);

        weir_kafka_answer_hand_on(producer);
        rd_kafka_event_t *event = rd_kafka_queue_poll(producer->asked, 0);

        if (event != NULL) {
            producer_learnt(producer, event);
        }
        producer_look(producer);
        may_rest = n_served == 0 && producer_may_rest(producer);
    }
    if (producer->rk != NULL) {
        atomic_store(&producer->has_ended,
                     producer_break(producer, producer->sink->close_us));
    } else {
        atomic_store(&producer->has_ended, true);
    }
    weir_signal_raise(&producer->sink->signal, INT_MAX);
    return NULL;
}

static void producer_free(weir_kafka_producer *producer)
{
    free(producer->results);
    free(producer->answers);
    producer->results = NULL;
    producer->answers = NULL;
}

weir_status weir_kafka_producer_start(weir_kafka_sender *sink, int kind, weir_err *err)
{
    weir_kafka_producer *producer = &sink->producers[kind];

    producer->sink = sink;
    producer->kind = kind;
    producer->results = calloc(WEIR_KAFKA_ANSWERS, sizeof(*producer->results));
    producer->answers = calloc(WEIR_KAFKA_ANSWERS, sizeof(*producer->answers));
    weir_status st = WEIR_OK;

    if (producer->results == NULL || producer->answers == NULL) {
        st = weir_fail(err, WEIR_ENOMEM, "out of memory");
    } else {
        st = producer_make(producer, err);
    }

    if (st == WEIR_OK && weir_thread_start(&producer->thread, "kafka.sink", 0,
                                           producer_main, producer) != 0) {
        producer_break(producer, weir_clock_us() + PRODUCER_END_US);
        st = weir_fail(err, WEIR_EAGAIN, "kafka.sink: no thread");
    }
    if (st != WEIR_OK) {
        producer_free(producer);
        return st;
    }
    producer->has_thread = true;
    return WEIR_OK;
}

rd_kafka_resp_err_t weir_kafka_producer_send(rd_kafka_t *rk, rd_kafka_topic_t *topic,
                                             weir_out *out, int64_t now_ms)
{
    rd_kafka_vu_t vus[8] WEIR_UNINIT;
    size_t n = 0;

    vus[n++] = (rd_kafka_vu_t){ .vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic };
    /* Lent, not copied; the library only reads it. */
    vus[n++] = (rd_kafka_vu_t){ .vtype = RD_KAFKA_VTYPE_VALUE,
                                .u.mem = { .ptr = (void *)(uintptr_t)out->data.data,
                                           .size = out->data.len } };
    vus[n++] = (rd_kafka_vu_t){ .vtype = RD_KAFKA_VTYPE_KEY,
                                .u.mem = { .ptr = (void *)(uintptr_t)out->key.data,
                                           .size = out->key.len } };
    vus[n++] = (rd_kafka_vu_t){ .vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = out };
    vus[n++] = (rd_kafka_vu_t){ .vtype = RD_KAFKA_VTYPE_TIMESTAMP,
                                .u.i64 = out->time_ms >= 0 ? out->time_ms : now_ms };
    if (out->partition >= 0) {
        vus[n++] = (rd_kafka_vu_t){ .vtype = RD_KAFKA_VTYPE_PARTITION,
                                    .u.i32 = out->partition };
    }
    if (out->carried != NULL) {
        vus[n++] =
            (rd_kafka_vu_t){ .vtype = RD_KAFKA_VTYPE_HEADERS,
                             .u.headers = weir_kafka_headers_list(out->carried) };
    }
    atomic_store_explicit(&out->is_handed, true, memory_order_release);

    rd_kafka_error_t *error = rd_kafka_produceva(rk, vus, n);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

    if (error != NULL) {
        code = rd_kafka_error_code(error);
        rd_kafka_error_destroy(error);
    }
    return code;
}

bool weir_kafka_producer_stop(weir_kafka_producer *producer, int64_t until_us)
{
    if (!producer->has_thread) {
        return true;
    }
    producer->sink->close_us = until_us;
    atomic_store(&producer->is_ending, true);
    weir_signal_raise(&producer->sink->signal, INT_MAX);
    weir_lock_take(&producer->sink->lock);
    producer_rouse_locked(producer);
    weir_lock_give(&producer->sink->lock);
    /* Every call of the thread is bounded, the last ones by until_us. */
    WEIR_ASSERT(pthread_join(producer->thread, NULL) == 0);
    producer->has_thread = false;
    producer_free(producer);
    return atomic_load(&producer->has_ended);
}
