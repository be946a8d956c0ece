/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_source - events from Kafka topics through a consumer group (triggers/source.h).
 *
 * The queue of its setup is a weir_kafka_queue (kafka_conf.h).
 */
#ifndef WEIR_TRIGGERS_KAFKA_SOURCE_H
#define WEIR_TRIGGERS_KAFKA_SOURCE_H

#include "triggers/source.h"

extern const weir_source_ops weir_kafka_source;

#endif
