/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * invoke_event - the event of `weir invoke`, read from a file.
 *
 *     { "key": "k1", "headers": { "trace": "1" }, "data": { "amount": 5 },
 *       "time": "2026-11-20T08:00:00Z", "position": "kafka:orders/3@1042" }
 *
 * Threads: one at a time.
 */
#ifndef WEIR_APP_INVOKE_EVENT_H
#define WEIR_APP_INVOKE_EVENT_H

#include "schemas/codec.h"

/* Reads a file, "-" for stdin, whole. WEIR_ENOENT, WEIR_EIO, WEIR_ETOOLARGE. */
weir_status weir_invoke_read(const char *path, weir_buf *out, weir_err *err);

/*
 * Fills ev, which was begun, from the text of an event file; everything is copied into its
 * arena. Returns WEIR_OK, WEIR_EDATA with what is wrong, WEIR_ENOMEM.
 */
weir_status weir_invoke_event(weir_slice text, weir_event *ev, weir_err *err);
/* The same from a payload by itself; a CloudEvent is one in structured mode. */
weir_status weir_invoke_raw(weir_slice payload, weir_format format, weir_event *ev,
                            weir_err *err);

#endif
