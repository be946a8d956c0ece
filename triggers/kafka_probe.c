/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* kafka_probe - see kafka_probe.h. One short fetch for each partition, all on one queue. */
#include "triggers/kafka_probe.h"

#include "triggers/kafka_end.h"
#include "worker/base/clock.h"

#include <string.h>

#define PROBE_CLOSE_US 1000000
#define PROBE_POLL_MS 50

weir_ack_print weir_kafka_probe_print(const rd_kafka_message_t *msg)
{
    rd_kafka_timestamp_type_t type;
    const int64_t time_ms = rd_kafka_message_timestamp(msg, &type);

    return (weir_ack_print){
        .offset = msg->offset,
        .time_ms = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : time_ms,
        .length = (uint32_t)msg->len,
        .key_hash = weir_ack_map_key(msg->key, msg->key_len),
    };
}

static weir_status probe_client(const weir_kafka_queue *queue, rd_kafka_t **out,
                                weir_err *err)
{
    /* One record a partition is wanted: small answers, but of all partitions at once. A low
     * limit of the queue, which they share, would keep the others waiting for a second each
     * time that one has filled it. */
    const weir_kafka_prop props[] = {
        { "client.id", "weir-probe", false },
        { "enable.auto.commit", "false", false },
        { "enable.auto.offset.store", "false", false },
        { "enable.partition.eof", "true", false },
        { "auto.offset.reset", "error", false },
        { "isolation.level", "read_committed", false },
        { "allow.auto.create.topics", "false", false },
        { "queued.min.messages", "1000000", false },
        { "fetch.message.max.bytes", "65536", false },
        { "receive.message.max.bytes", WEIR_KAFKA_ANSWER_MAX, true },
        { NULL, NULL, false },
    };
    rd_kafka_conf_t *conf = NULL;
    char text[512] = "";
    const weir_status st =
        weir_kafka_conf_new(queue, WEIR_KAFKA_CONSUMER, props, &conf, err);

    if (st != WEIR_OK) {
        return st;
    }
    *out = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    if (*out == NULL) {
        rd_kafka_conf_destroy(conf);
        return weir_fail(err, WEIR_ECONFIG, "kafka: %s", text);
    }
    return WEIR_OK;
}

/* Starts the fetch of each; those of one topic share the handle of the one before. */
static weir_status probe_start(rd_kafka_t *rk, rd_kafka_queue_t *answers,
                               weir_kafka_probe *probes, size_t n, weir_err *err)
{
    for (size_t i = 0; i < n; i++) {
        weir_kafka_probe *probe = &probes[i];
        const bool is_same = i > 0 && strcmp(probe->topic, probe[-1].topic) == 0;

        probe->handle =
            is_same ? probe[-1].handle : rd_kafka_topic_new(rk, probe->topic, NULL);
        if (probe->handle == NULL) {
            return weir_fail(err, WEIR_ENOMEM, "topic %s: %s", probe->topic,
                             rd_kafka_err2str(rd_kafka_last_error()));
        }
        probe->is_asked =
            rd_kafka_consume_start_queue(probe->handle, probe->partition,
                                         probe->print.offset, answers) == 0;
        if (!probe->is_asked) {
            return weir_fail(err, WEIR_EIO, "topic %s: %s", probe->topic,
                             rd_kafka_err2str(rd_kafka_last_error()));
        }
    }
    return WEIR_OK;
}

static weir_kafka_found probe_judge(const weir_kafka_probe *probe,
                                    const rd_kafka_message_t *msg)
{
    switch (msg->err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        break;
    case RD_KAFKA_RESP_ERR__PARTITION_EOF: /* also when a new leader lags for a moment */
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        return WEIR_KAFKA_GONE;
    default:
        return WEIR_KAFKA_UNASKED; /* the client tries again */
    }
    if (msg->offset != probe->print.offset) {
        return msg->offset > probe->print.offset ? WEIR_KAFKA_GONE : WEIR_KAFKA_UNASKED;
    }
    const weir_ack_print print = weir_kafka_probe_print(msg);

    return weir_ack_print_is(&print, &probe->print) ? WEIR_KAFKA_SAME
                                                    : WEIR_KAFKA_OTHER;
}

static weir_kafka_probe *probe_of(weir_kafka_probe *probes, size_t n,
                                  const rd_kafka_message_t *msg)
{
    for (size_t i = 0; msg->rkt != NULL && i < n; i++) {
        if (probes[i].partition == msg->partition &&
            strcmp(probes[i].topic, rd_kafka_topic_name(msg->rkt)) == 0) {
            return &probes[i];
        }
    }
    return NULL;
}

static void probe_gather(rd_kafka_queue_t *answers, weir_kafka_probe *probes, size_t n,
                         int64_t until_us)
{
    size_t n_left = n;

    while (n_left > 0 && weir_clock_us() < until_us) {
        rd_kafka_message_t *msg = rd_kafka_consume_queue(answers, PROBE_POLL_MS);

        if (msg == NULL) {
            continue;
        }
        weir_kafka_probe *probe = probe_of(probes, n, msg);

        if (probe != NULL && probe->found == WEIR_KAFKA_UNASKED) {
            probe->found = probe_judge(probe, msg);
        }
        rd_kafka_message_destroy(msg);
        if (probe != NULL && probe->is_asked && probe->found != WEIR_KAFKA_UNASKED) {
            (void)rd_kafka_consume_stop(probe->handle, probe->partition);
            probe->is_asked = false;
            n_left--;
        }
    }
}

weir_status weir_kafka_probe_all(const weir_kafka_queue *queue,
                                 weir_kafka_probe *probes, size_t n, int64_t until_us,
                                 weir_err *err)
{
    rd_kafka_t *rk = NULL;
    weir_status st = probe_client(queue, &rk, err);

    if (st != WEIR_OK) {
        return st;
    }
    rd_kafka_queue_t *answers = rd_kafka_queue_new(rk);

    for (size_t i = 0; i < n; i++) {
        probes[i].found = WEIR_KAFKA_UNASKED;
        probes[i].is_asked = false;
        probes[i].handle = NULL;
    }
    if ((st = probe_start(rk, answers, probes, n, err)) == WEIR_OK) {
        probe_gather(answers, probes, n, until_us);
    }
    for (size_t i = 0; i < n; i++) {
        if (probes[i].is_asked) {
            (void)rd_kafka_consume_stop(probes[i].handle, probes[i].partition);
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (probes[i].handle != NULL &&
            (i == 0 || probes[i].handle != probes[i - 1].handle)) {
            rd_kafka_topic_destroy(probes[i].handle);
        }
    }
    rd_kafka_queue_destroy(answers);
    (void)weir_kafka_end(&rk, 0, weir_clock_us() + PROBE_CLOSE_US);
    return st;
}
