/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_move - see kafka_move.h. A consumer that never subscribes may commit for a group as
 * long as that has no members; the broker itself sees to that.
 */
#include "triggers/kafka_move.h"

#include "triggers/kafka_ask.h"

weir_status weir_kafka_move_check(const weir_kafka_move *move, weir_err *err)
{
    rd_kafka_t *rk = NULL;
    weir_status st =
        weir_kafka_ask_visit(move->queue, move->group, "weir-skip", &rk, err);

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
    weir_kafka_ask_leave(rk);
    return st;
}

weir_status weir_kafka_move_commit(const weir_kafka_move *move, weir_err *err)
{
    rd_kafka_t *rk = NULL;
    weir_status st =
        weir_kafka_ask_visit(move->queue, move->group, "weir-skip", &rk, err);

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
    weir_kafka_ask_leave(rk);
    return st;
}
