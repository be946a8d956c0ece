/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture_frame - one event as the body of a frame, and back; a part of capture.
 *
 * Threads: any.
 */
#ifndef WEIR_SCHEMAS_CAPTURE_FRAME_H
#define WEIR_SCHEMAS_CAPTURE_FRAME_H

#include "schemas/capture.h"
#include "worker/base/buf.h"

/* Appends the body; a failure is remembered by the buf. */
void weir_capture_pack(weir_buf *out, const weir_capture_record *rec);
void weir_capture_pack_version(weir_buf *out, const char *version);

/* Reads a body; slices point into it, names and lists are in the arena. *at is the byte of
 * the body where it went wrong. Unknown members are passed over. */
weir_status weir_capture_unpack(weir_slice body, weir_arena *arena,
                                weir_capture_record *out, size_t *at);
weir_status weir_capture_unpack_version(weir_slice body, weir_slice *version,
                                        size_t *at);

#endif
