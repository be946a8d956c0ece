/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_move - see kafka_move.h. A consumer that never subscribes may commit for a group as
 * long as that has no members; the broker itself sees to that.
 */
#include "triggers/kafka_move.h"

#include "triggers/kafka_end.h"
#include "worker/base/clock.h"

#define MOVE_CLOSE_US 2000000

static weir_status move_open(const weir_kafka_move *move, rd_kafka_t **out,
                             weir_err *err)
{
    const weir_kafka_prop props[] = {
        { "client.id", "weir-skip", false },
        { "group.id", move->group, false },
        { "enable.auto.commit", "false", false },
        { "enable.auto.offset.store", "false", false },
        { NULL, NULL, false },
    };
    rd_kafka_conf_t *conf = NULL;
    char text[512] = "";
    const weir_status st =
        weir_kafka_conf_new(move->queue, WEIR_KAFKA_CONSUMER, props, &conf, err);

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

static void move_close(rd_kafka_t *rk)
{
    (void)weir_kafka_end(&rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE,
                         weir_clock_us() + MOVE_CLOSE_US);
}

weir_status weir_kafka_move_check(const weir_kafka_move *move, weir_err *err)
{
    rd_kafka_t *rk = NULL;
    weir_status st = move_open(move, &rk, err);

    if (st != WEIR_OK) {
        return st;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    const rd_kafka_topic_partition_t *item =
        rd_kafka_topic_partition_list_add(list, move->topic, move->partition);
    rd_kafka_resp_err_t code = rd_kafka_committed(rk, list, move->timeout_ms);

    code = code == RD_KAFKA_RESP_ERR_NO_ERROR ? item->err : code;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        st = weir_fail(err, weir_kafka_status(code), "group %s: %s", move->group,
                       rd_kafka_err2str(code));
    } else if (item->offset < 0) {
        st = weir_fail(err, WEIR_ENOENT, "group %s has no position there", move->group);
    } else if (item->offset != move->offset) {
        st = weir_fail(
            err, WEIR_EINVAL,
            "group %s stands at %lld; without a running worker only the event "
            "at its position can be skipped",
            move->group, (long long)item->offset);
    }
    rd_kafka_topic_partition_list_destroy(list);
    move_close(rk);
    return st;
}

weir_status weir_kafka_move_commit(const weir_kafka_move *move, weir_err *err)
{
    rd_kafka_t *rk = NULL;
    weir_status st = move_open(move, &rk, err);

    if (st != WEIR_OK) {
        return st;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(list, move->topic, move->partition)->offset =
        move->offset + 1;
    const rd_kafka_resp_err_t code = rd_kafka_commit(rk, list, 0);

    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID ||
        code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
        code == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS) {
        st = weir_fail(err, WEIR_EAGAIN,
                       "group %s has members: ask the worker that runs", move->group);
    } else if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        st = weir_fail(err, weir_kafka_status(code), "group %s: %s", move->group,
                       rd_kafka_err2str(code));
    }
    rd_kafka_topic_partition_list_destroy(list);
    move_close(rk);
    return st;
}
