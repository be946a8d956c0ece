/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * null_sink - accepts every output and keeps none: where a replay publishes to by default.
 */
#ifndef WEIR_TRIGGERS_NULL_SINK_H
#define WEIR_TRIGGERS_NULL_SINK_H

#include "triggers/sink.h"

extern const weir_sink_ops weir_null_sink;

#endif
