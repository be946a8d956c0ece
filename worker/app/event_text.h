/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event_text - events for people and scripts.
 *
 * Threads: any.
 */
#ifndef WEIR_APP_EVENT_TEXT_H
#define WEIR_APP_EVENT_TEXT_H

#include "schemas/codec.h"
#include "worker/base/buf.h"

/* Appends `"data":...` for a payload: the decoded value where codec gives one, JSON that is
 * JSON, text that is UTF-8, else `"data_base64":"..."`; `"data":null` for none. */
void weir_payload_json(weir_slice data, const weir_codec_ops *codec, weir_buf *out);
/* Appends `"headers":[{"name":..,"value":..},...]`. */
void weir_headers_json(const weir_header *headers, size_t n, weir_buf *out);
/* One event as one JSON line. codec NULL: what the bytes look like. */
void weir_event_json(weir_event *ev, const weir_codec_ops *codec, weir_buf *out);
/* One event as one line for people: position, time, key, headers, payload. */
void weir_event_line(weir_event *ev, const weir_codec_ops *codec, weir_buf *out);
/* Appends bytes as text if they are printable, else as base64 with a mark. */
void weir_bytes_text(weir_slice bytes, weir_buf *out);

#endif
