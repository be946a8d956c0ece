/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_sink - outputs to Kafka topics through an idempotent producer (triggers/sink.h).
 *
 * The queue of its setup is a weir_kafka_queue (kafka_conf.h). Payloads are lent to the
 * client, not copied, until the output is answered.
 */
#ifndef WEIR_TRIGGERS_KAFKA_SINK_H
#define WEIR_TRIGGERS_KAFKA_SINK_H

#include "triggers/sink.h"

extern const weir_sink_ops weir_kafka_sink;

#endif
