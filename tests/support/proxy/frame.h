/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame - where requests and answers of Kafka and Redis begin and end, and what they are called.
 *
 * Knows no more of either protocol than a proxy needs. Shares no code with weir.
 */
#ifndef WEIR_TESTS_SUPPORT_PROXY_FRAME_H
#define WEIR_TESTS_SUPPORT_PROXY_FRAME_H

#include <stdbool.h>
#include <stddef.h>

typedef enum frame_kind { FRAME_RAW, FRAME_KAFKA, FRAME_REDIS } frame_kind;

/* "kafka", "redis" or "raw"; false: none of these. */
bool frame_kind_of(const char *word, frame_kind *out);

/* The length of the first frame in data; 0: there is more to come; -1: that is no frame. */
long frame_len(frame_kind kind, const char *data, size_t len);

/*
 * Is this request (a whole frame) of that name? Kafka: the name of its type, such as EndTxn.
 * Redis: any word in it, such as XACK. Raw bytes have no name.
 */
bool frame_is(frame_kind kind, const char *data, size_t len, const char *name);

/* Is it a name that a request can have? */
bool frame_has_name(frame_kind kind, const char *name);

/* What tells the answer: Kafka's correlation id; 0 for others, which answer in order. */
unsigned frame_request_id(frame_kind kind, const char *data, size_t len);
unsigned frame_answer_id(frame_kind kind, const char *data, size_t len);

#endif
