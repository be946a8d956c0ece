/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_ask - single questions of the admin client, for the files that put them together.
 *
 * Threads: any; each call blocks for its timeout at most.
 */
#ifndef WEIR_TRIGGERS_KAFKA_ASK_H
#define WEIR_TRIGGERS_KAFKA_ASK_H

#include "triggers/kafka_admin.h"

/* One topic's metadata; on WEIR_OK the caller ends *out with rd_kafka_metadata_destroy(). */
weir_status weir_kafka_ask_metadata(rd_kafka_t *rk, const char *topic, int timeout_ms,
                                    const struct rd_kafka_metadata **out,
                                    weir_err *err);
/*
 * A consumer of the group that never subscribes, so that it joins nothing.
 * Owns: the caller ends it with weir_kafka_ask_leave(), which blocks two seconds at most.
 */
weir_status weir_kafka_ask_visit(const weir_kafka_queue *queue, const char *group,
                                 const char *client_id, rd_kafka_t **out,
                                 weir_err *err);
void weir_kafka_ask_leave(rd_kafka_t *rk);
/* The group's positions on all of list; below 0: none. With a client of its own. */
weir_status weir_kafka_ask_positions(const weir_kafka_queue *queue, const char *group,
                                     rd_kafka_topic_partition_list_t *list,
                                     int timeout_ms, weir_err *err);
/* A copy of list with the offsets that stand for `what`: a time, or one of the library's
 * logical offsets. The caller destroys *out. */
weir_status weir_kafka_ask_offsets(rd_kafka_t *rk,
                                   const rd_kafka_topic_partition_list_t *list,
                                   int64_t what, int timeout_ms,
                                   rd_kafka_topic_partition_list_t **out,
                                   weir_err *err);
/* The client itself, once it has met a broker (kafka_meet.h). */
weir_status weir_kafka_admin_meet(weir_kafka_admin *admin, const char *topic,
                                  int timeout_ms, rd_kafka_t **out, weir_err *err);
/* The cluster of `weir dev` has no admin requests; its name tells it (metadata is known). */
bool weir_kafka_ask_is_mock(rd_kafka_t *rk, int timeout_ms);

#endif
