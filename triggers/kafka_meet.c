/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_meet - see kafka_meet.h.
 */
#include "triggers/kafka_meet.h"

#include "worker/base/clock.h"

#define MEET_FIRST_MS 1500 /* until it is looked whether a broker refuses us */

static void meet_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    weir_kafka_meet *meet = opaque;
    const bool is_refusal = weir_kafka_is_refusal(code, reason);

    (void)rk;
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
        (meet->is_refused && !is_refusal)) {
        return; /* the first says less than what came before it */
    }
    meet->is_refused = is_refusal;
    weir_kafka_why(meet->queue, code, &meet->cert, reason, meet->why,
                   sizeof(meet->why));
}

static int meet_cert(rd_kafka_t *rk, const char *broker, int32_t id, int *x509_error,
                     int depth, const char *bytes, size_t n_bytes, char *text,
                     size_t cap, void *opaque)
{
    weir_kafka_meet *meet = opaque;

    (void)rk;
    (void)broker;
    (void)id;
    (void)depth;
    (void)bytes;
    (void)n_bytes;
    return weir_kafka_cert_judge(&meet->cert, *x509_error, text, cap);
}

void weir_kafka_meet_conf(weir_kafka_meet *meet, const weir_kafka_queue *queue,
                          rd_kafka_conf_t *conf)
{
    meet->queue = queue;
    rd_kafka_conf_set_opaque(conf, meet);
    rd_kafka_conf_set_error_cb(conf, meet_error);
    (void)rd_kafka_conf_set_ssl_cert_verify_cb(conf, meet_cert);
}

weir_status weir_kafka_meet_wait(weir_kafka_meet *meet, rd_kafka_t *rk,
                                 const char *topic, int timeout_ms, weir_err *err)
{
    const int64_t until_us = weir_clock_us() + timeout_ms * INT64_C(1000);
    const struct rd_kafka_metadata *meta = NULL;
    /* Not for no topic at all: 2.0.2 can end in that answer. */
    rd_kafka_topic_t *handle =
        topic == NULL ? NULL : rd_kafka_topic_new(rk, topic, NULL);
    int wait_ms = timeout_ms < MEET_FIRST_MS ? timeout_ms : MEET_FIRST_MS;
    weir_status st = WEIR_OK;

    if (topic != NULL && handle == NULL) {
        return weir_fail(err, WEIR_EINVAL, "topic %s: %s", topic,
                         rd_kafka_err2str(rd_kafka_last_error()));
    }
    for (;;) {
        const rd_kafka_resp_err_t code =
            rd_kafka_metadata(rk, handle == NULL, handle, &meta, wait_ms);

        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            rd_kafka_metadata_destroy(meta);
            break;
        }
        while (rd_kafka_poll(rk, 0) > 0) {
        }
        wait_ms = (int)((until_us - weir_clock_us()) / 1000);
        if (meet->is_refused || wait_ms <= 0) {
            st = weir_fail(
                err, meet->is_refused ? WEIR_EDENIED : weir_kafka_status(code), "%s",
                meet->why[0] != '\0' ? meet->why : rd_kafka_err2str(code));
            break;
        }
    }
    if (handle != NULL) {
        rd_kafka_topic_destroy(handle);
    }
    return st;
}
