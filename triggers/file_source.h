/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_source - reads captures (schemas/capture.h) as a queue named "file".
 *
 * Each topic is the path of a capture and has one part. Positions are byte offsets. Nothing is
 * remembered between two openings: a file has no groups. At the end of a file the source waits
 * for more. setup.queue is not used.
 */
#ifndef WEIR_TRIGGERS_FILE_SOURCE_H
#define WEIR_TRIGGERS_FILE_SOURCE_H

#include "triggers/source.h"

extern const weir_source_ops weir_file_source;

#endif
