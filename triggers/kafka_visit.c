/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_visit - a group looked at by a consumer that does not join it; see kafka_ask.h.
 *
 * The admin call for a group's positions is not used: librdkafka 2.0.2 looks for a request that
 * is not there when the coordinator answers with an error, as it does while it starts, and the
 * process ends.
 */
#include "triggers/kafka_ask.h"
#include "triggers/kafka_end.h"
#include "worker/base/clock.h"

#include <time.h>

#define VISIT_CLOSE_US 2000000
#define VISIT_PAUSE_NS 50000000

weir_status weir_kafka_ask_visit(const weir_kafka_queue *queue, const char *group,
                                 const char *client_id, rd_kafka_t **out, weir_err *err)
{
    const weir_kafka_prop props[] = {
        { "client.id", client_id, false },
        { "group.id", group, false },
        { "enable.auto.commit", "false", false },
        { "enable.auto.offset.store", "false", false },
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

void weir_kafka_ask_leave(rd_kafka_t *rk)
{
    (void)weir_kafka_end(&rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE,
                         weir_clock_us() + VISIT_CLOSE_US);
}

/* One question. */
static weir_status visit_positions(rd_kafka_t *rk, const char *group,
                                   rd_kafka_topic_partition_list_t *list,
                                   int timeout_ms, weir_err *err)
{
    for (int i = 0; i < list->cnt; i++) {
        list->elems[i].offset = RD_KAFKA_OFFSET_INVALID;
    }
    rd_kafka_resp_err_t code = rd_kafka_committed(rk, list, timeout_ms);

    for (int i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        code = list->elems[i].err;
    }
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? WEIR_OK
               : weir_fail(err, weir_kafka_status(code), "group %s: %s", group,
                           rd_kafka_err2str(code));
}

weir_status weir_kafka_ask_positions(const weir_kafka_queue *queue, const char *group,
                                     rd_kafka_topic_partition_list_t *list,
                                     int timeout_ms, weir_err *err)
{
    const int64_t until_us = weir_clock_us() + timeout_ms * INT64_C(1000);
    rd_kafka_t *rk = NULL;
    weir_status st = weir_kafka_ask_visit(queue, group, "weir-check", &rk, err);

    if (st != WEIR_OK) {
        return st;
    }
    /* As often as a broker asks for time: its first group makes it busy for a moment. */
    for (;;) {
        const int64_t left_ms = (until_us - weir_clock_us()) / 1000;

        st = visit_positions(rk, group, list, left_ms < 1 ? 1 : (int)left_ms, err);
        if (st != WEIR_EUNAVAIL || weir_clock_us() >= until_us) {
            break;
        }
        nanosleep(&(struct timespec){ 0, VISIT_PAUSE_NS }, NULL);
    }
    weir_kafka_ask_leave(rk);
    return st;
}
