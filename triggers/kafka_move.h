/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_move - moves the committed position of a group that nobody is a member of.
 *
 * For `weir skip` without a running worker.
 *
 * Threads: any; each call blocks for a few timeouts at most.
 */
#ifndef WEIR_TRIGGERS_KAFKA_MOVE_H
#define WEIR_TRIGGERS_KAFKA_MOVE_H

#include "triggers/kafka_conf.h"

typedef struct weir_kafka_move {
    const weir_kafka_queue *queue;
    const char *group, *topic;
    int32_t partition;
    int64_t offset; /* the record to pass */
    int timeout_ms;
} weir_kafka_move;

/*
 * May it be moved? The group stands exactly at that record.
 * Returns: WEIR_OK; WEIR_EINVAL if it stands elsewhere (the text says where), WEIR_ENOENT if
 * it has no position there; WEIR_EUNAVAIL and so on.
 */
weir_status weir_kafka_move_check(const weir_kafka_move *move, weir_err *err);
/* Commits the position behind it. The broker refuses it (WEIR_EAGAIN) while the group has
 * members. */
weir_status weir_kafka_move_commit(const weir_kafka_move *move, weir_err *err);

#endif
