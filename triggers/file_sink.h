/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_sink - writes outputs as captures (schemas/capture.h).
 *
 * A target is the path of a file, which is made at the first output or continued. An output is
 * confirmed when the system has it. setup.queue is not used.
 */
#ifndef WEIR_TRIGGERS_FILE_SINK_H
#define WEIR_TRIGGERS_FILE_SINK_H

#include "triggers/sink.h"

extern const weir_sink_ops weir_file_sink;

#endif
