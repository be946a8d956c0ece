/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_mock - a small Kafka inside this process, for `weir dev`.
 *
 * It is librdkafka's mock cluster: it speaks the protocol on a port of this machine, keeps at
 * most 5 MiB a partition, looks nothing up by time and has no admin requests. It lives in a
 * process of its own, so that a worker that crashes does not take the queues along.
 *
 * Threads: the library's own; one at a time for these calls.
 */
#ifndef WEIR_TRIGGERS_KAFKA_MOCK_H
#define WEIR_TRIGGERS_KAFKA_MOCK_H

#include "worker/base/err.h"

typedef struct weir_kafka_mock weir_kafka_mock;

weir_status weir_kafka_mock_start(weir_kafka_mock **out, weir_err *err);
/* "127.0.0.1:43211"; a loan. */
const char *weir_kafka_mock_address(const weir_kafka_mock *mock);
/* WEIR_OK also if it is there already. */
weir_status weir_kafka_mock_topic(weir_kafka_mock *mock, const char *topic,
                                  int n_partitions, weir_err *err);
/* NULL is accepted. */
void weir_kafka_mock_stop(weir_kafka_mock *mock);

#endif
