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

#define PRODUCER_RESULTS 512
#define PRODUCER_POLL_MS 50
#define PRODUCER_ASK_MS 1000 /* for the settings of a topic */
#define PRODUCER_ASK_TIMES 2 /* without an answer */
#define PRODUCER_LOOK_MS 1000
#define PRODUCER_AGAIN_US 1000000 /* between two attempts at a new instance */
#define PRODUCER_END_US 3000000
#define PRODUCER_MIN_KBYTES 4096
#define PRODUCER_MAX_KBYTES 1048576
#define PRODUCER_MAX_EVENTS "1000000"
#define PRODUCER_SUSPECT_US                                                            \
    5000000                     /* then suspects that never came back are forgotten */
#define PRODUCER_STAY_US 100000 /* alone, where one refused batch follows another */
#define PRODUCER_STAY_MAX_US 5000000
#define PRODUCER_FOLLOWS_US 10000000

/* ------------------------------------------------------------------------- answers ---- */

static void producer_count_answers(weir_kafka_producer *producer)
{
    if (producer->n_of_target > 0) {
        atomic_fetch_sub(&producer->target->n_out, producer->n_of_target);
        producer->n_of_target = 0;
    }
}

static void producer_hand_on(weir_kafka_producer *producer)
{
    weir_kafka_sender *sink = producer->sink;
    const size_t n = producer->n_results;

    if (n == 0) {
        return;
    }
    producer->n_results = 0;
    producer_count_answers(producer);
    weir_kafka_headers_give(&sink->headers, &producer->back);
    sink->setup.done(sink->setup.arg, producer->results, n);
    atomic_fetch_sub(&sink->n_out, n);
    weir_signal_raise(&sink->signal, INT_MAX);
}

weir_sent weir_kafka_producer_class(rd_kafka_resp_err_t code, bool is_alone)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return WEIR_SENT_OK;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        return is_alone ? WEIR_SENT_TOO_LARGE : WEIR_SENT_AGAIN;
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
        return is_alone ? WEIR_SENT_INVALID : WEIR_SENT_AGAIN;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return WEIR_SENT_UNKNOWN;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        return WEIR_SENT_DENIED;
    default:
        return WEIR_SENT_AGAIN;
    }
}

/* Bytes of an output on the wire, about. */
static size_t producer_size(const weir_out *out)
{
    size_t n = out->key.len + out->data.len;

    for (size_t i = 0; i < out->n_headers; i++) {
        n += strlen(out->headers[i].name) + out->headers[i].value.len;
    }
    return n;
}

static void producer_suspect_begin_locked(weir_kafka_target *target)
{
    const int64_t now = weir_clock_us();

    if (target->returned_us == 0 || now - target->returned_us > PRODUCER_FOLLOWS_US) {
        target->stay_us = 0;
    } else {
        target->stay_us = target->stay_us == 0 ? PRODUCER_STAY_US : target->stay_us * 2;
        target->stay_us = target->stay_us > PRODUCER_STAY_MAX_US ? PRODUCER_STAY_MAX_US
                                                                 : target->stay_us;
    }
    target->want = WEIR_KAFKA_ALONE;
    target->suspicion++;
    target->n_suspects = 0;
    target->has_culprit = false;
    target->suspected_us = now;
}

/* Some record of a batch is refused, not known which: each is sent again alone. */
static void producer_suspect_locked(weir_kafka_target *target, weir_out *out)
{
    if (target->want != WEIR_KAFKA_ALONE) {
        producer_suspect_begin_locked(target);
    }
    if (out->suspicion != target->suspicion) {
        out->suspicion = target->suspicion;
        target->n_suspects++;
    }
}

/* A suspect, or another record that was alone, has its answer. */
static void producer_clear_locked(weir_kafka_target *target, weir_out *out,
                                  weir_sent sent)
{
    const bool was_suspect = out->suspicion != 0 && out->suspicion == target->suspicion;

    if (sent == WEIR_SENT_AGAIN || target->is_small ||
        target->want != WEIR_KAFKA_ALONE) {
        return;
    }
    if (sent == WEIR_SENT_TOO_LARGE || sent == WEIR_SENT_INVALID) {
        target->has_culprit = true;
    }
    if (target->has_culprit) {
        const int64_t now = weir_clock_us();

        if (now - target->suspected_us >= target->stay_us) {
            target->want = WEIR_KAFKA_BATCHED;
            target->returned_us = now;
            weir_kafka_producer_learn_locked(target); /* has it become smaller? */
        }
    } else if (was_suspect) {
        out->suspicion = 0;
        if (--target->n_suspects == 0) { /* none of them: the batch was too large */
            weir_kafka_producer_learn_locked(target);
        }
    }
}

static weir_sent producer_judge(weir_kafka_producer *producer, weir_out *out,
                                rd_kafka_resp_err_t code)
{
    weir_kafka_target *target = out->target;
    weir_sent sent = WEIR_SENT_OK;

    weir_lock_take(&producer->sink->lock);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        const bool is_alone = producer->kind == WEIR_KAFKA_ALONE ||
                              producer_size(out) >= WEIR_KAFKA_BATCH ||
                              (target->is_learning && atomic_load(&target->n_out) == 1);

        sent = weir_kafka_producer_class(code, is_alone);
        if (sent != weir_kafka_producer_class(code, true)) {
            producer_suspect_locked(target, out);
        }
        target->is_missing = sent == WEIR_SENT_UNKNOWN;
    }
    if (producer->kind == WEIR_KAFKA_ALONE) {
        producer_clear_locked(target, out, sent);
    }
    weir_lock_give(&producer->sink->lock);
    return sent;
}

/* The library's answer to one output. Runs inside rd_kafka_poll() on our thread. */
static void producer_answered(rd_kafka_t *rk, const rd_kafka_message_t *msg,
                              void *opaque)
{
    weir_kafka_producer *producer = opaque;
    weir_out *out = msg->_private;
    weir_kafka_target *target = out->target;
    weir_sent sent = WEIR_SENT_OK;

    (void)rk;
    if (msg->err != RD_KAFKA_RESP_ERR_NO_ERROR || producer->kind == WEIR_KAFKA_ALONE) {
        producer_count_answers(producer);
        sent = producer_judge(producer, out, msg->err);
    }
    if (target != producer->target) {
        producer_count_answers(producer);
        producer->target = target;
    }
    producer->n_of_target++;
    weir_kafka_headers_back(out, msg, &producer->back);
    producer->results[producer->n_results++] = (weir_sent_result){
        .out = out,
        .sent = sent,
        .text =
            msg->err == RD_KAFKA_RESP_ERR_NO_ERROR ? NULL : rd_kafka_err2str(msg->err),
    };
    if (producer->n_results == PRODUCER_RESULTS) {
        producer_hand_on(producer);
    }
}

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

void weir_kafka_producer_learn_locked(weir_kafka_target *target)
{
    weir_kafka_producer *producer = &target->sink->producers[WEIR_KAFKA_BATCHED];

    target->is_learning = true;
    if (producer->rk != NULL) {
        weir_kafka_topic_ask_config(producer->rk, target->name, PRODUCER_ASK_MS,
                                    producer->asked);
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
            t->want = t->is_small ? WEIR_KAFKA_ALONE : WEIR_KAFKA_BATCHED;
        }
    }
    weir_lock_give(&producer->sink->lock);
    rd_kafka_event_destroy(event);
}

/* Suspects whose events were taken away from us never come back. */
static void producer_forget_locked(weir_kafka_target *target, int64_t now)
{
    if (target->want == WEIR_KAFKA_ALONE && !target->is_small && !target->is_learning &&
        now - target->suspected_us > PRODUCER_SUSPECT_US) {
        target->suspected_us = now;
        weir_kafka_producer_learn_locked(target);
    }
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
        producer_forget_locked(t, now);
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

static weir_status producer_conf(weir_kafka_producer *producer, rd_kafka_conf_t **out,
                                 weir_err *err)
{
    const weir_sink_setup *setup = &producer->sink->setup;
    char kbytes[32], batch[32];
    size_t most = setup->max_bytes / 1024;
    weir_kafka_prop props[20];
    size_t n = 0;

    /* One record that does not fit would be refused for ever. */
    most = most < PRODUCER_MIN_KBYTES ? PRODUCER_MIN_KBYTES : most;
    most = most < setup->max_record / 512 ? setup->max_record / 512 : most;
    most = most > PRODUCER_MAX_KBYTES ? PRODUCER_MAX_KBYTES : most;
    snprintf(kbytes, sizeof(kbytes), "%zu", most);
    snprintf(batch, sizeof(batch), "%d", WEIR_KAFKA_BATCH);
    props[n++] = (weir_kafka_prop){ "client.id", producer->sink->client_id, false };
    props[n++] = (weir_kafka_prop){ "enable.idempotence", "true", false };
    props[n++] = (weir_kafka_prop){ "acks", "all", false };
    props[n++] = (weir_kafka_prop){ "partitioner", "murmur2_random", false };
    props[n++] = (weir_kafka_prop){ "message.timeout.ms", "0", false };
    props[n++] = (weir_kafka_prop){ "message.max.bytes", "1000000000", false };
    props[n++] = (weir_kafka_prop){ "allow.auto.create.topics", "false", false };
    props[n++] = (weir_kafka_prop){ "queue.buffering.max.kbytes", kbytes, false };
    props[n++] =
        (weir_kafka_prop){ "queue.buffering.max.messages", PRODUCER_MAX_EVENTS, false };
    props[n++] = (weir_kafka_prop){ "topic.metadata.propagation.max.ms", "5000", true };
    props[n++] = (weir_kafka_prop){ "socket.keepalive.enable", "true", true };
    if (producer->kind == WEIR_KAFKA_ALONE) {
        props[n++] = (weir_kafka_prop){ "linger.ms", "0", false };
        props[n++] = (weir_kafka_prop){ "batch.num.messages", "1", false };
    } else {
        props[n++] = (weir_kafka_prop){ "batch.size", batch, false };
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

rd_kafka_topic_t *weir_kafka_producer_topic(const weir_kafka_sender *sink,
                                            rd_kafka_t *rk, const char *name)
{
    rd_kafka_topic_conf_t *conf = NULL;
    char text[256];

    if (sink->setup.is_dead != NULL && sink->setup.is_dead(sink->setup.arg, name) &&
        !producer_has_codec(sink->queue)) {
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
    rd_kafka_conf_set_dr_msg_cb(conf, producer_answered);
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
        t->topics[producer->kind] =
            weir_kafka_producer_topic(producer->sink, rk, t->name);
        if (producer->kind == WEIR_KAFKA_BATCHED && t->is_learning) {
            /* the old instance took the question along */
            weir_kafka_producer_learn_locked(t);
        }
    }
    weir_lock_give(&producer->sink->lock);
    return WEIR_OK;
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
    rd_kafka_purge(rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    while (rd_kafka_outq_len(rk) > 0 && weir_clock_us() < until_us) {
        rd_kafka_poll(rk, 10);
    }
    producer_hand_on(producer);
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

    while (!atomic_load(&producer->is_ending)) {
        if (producer->rk == NULL || atomic_load(&producer->is_fatal)) {
            producer_renew(producer);
            continue;
        }
        rd_kafka_poll(producer->rk, PRODUCER_POLL_MS);
        producer_hand_on(producer);
        rd_kafka_event_t *event = rd_kafka_queue_poll(producer->asked, 0);

        if (event != NULL) {
            producer_learnt(producer, event);
        }
        producer_look(producer);
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

weir_status weir_kafka_producer_start(weir_kafka_sender *sink, int kind, weir_err *err)
{
    weir_kafka_producer *producer = &sink->producers[kind];

    producer->sink = sink;
    producer->kind = kind;
    producer->results = calloc(PRODUCER_RESULTS, sizeof(*producer->results));
    if (producer->results == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    weir_status st = producer_make(producer, err);

    if (st == WEIR_OK && weir_thread_start(&producer->thread, "kafka.sink", 0,
                                           producer_main, producer) != 0) {
        producer_break(producer, weir_clock_us() + PRODUCER_END_US);
        st = weir_fail(err, WEIR_EAGAIN, "kafka.sink: no thread");
    }
    if (st != WEIR_OK) {
        free(producer->results);
        producer->results = NULL;
        return st;
    }
    producer->has_thread = true;
    return WEIR_OK;
}

rd_kafka_resp_err_t weir_kafka_producer_send(rd_kafka_t *rk, rd_kafka_topic_t *topic,
                                             weir_out *out, int64_t now_ms)
{
    rd_kafka_vu_t vus[8];
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
    /* Every call of the thread is bounded, the last ones by until_us. */
    WEIR_ASSERT(pthread_join(producer->thread, NULL) == 0);
    producer->has_thread = false;
    free(producer->results);
    producer->results = NULL;
    return atomic_load(&producer->has_ended);
}
