/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_sink - outputs become entries of Redis streams.
 *
 * A thread of its own with one connection: XADDs go out as they come, answers confirm them in
 * order. After a refusal later XADDs have run already, so no order is promised. What was sent
 * on a connection that broke is answered AGAIN: it may be there twice then. Settings:
 * weir_redis_queue (redis_conf.h); the shape of an entry: redis_entry.h.
 */
#ifndef WEIR_TRIGGERS_REDIS_SINK_H
#define WEIR_TRIGGERS_REDIS_SINK_H

#include "triggers/redis_entry.h"
#include "triggers/sink.h"

extern const weir_sink_ops weir_redis_sink;

/* What a handle of target() means: the stream, and how it is trimmed. */
weir_slice weir_redis_target_stream(const void *target);
weir_redis_limit weir_redis_target_limit(const void *target);

#endif
