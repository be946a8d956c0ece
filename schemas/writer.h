/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer - a JSON or MessagePack document written step by step (weir_emit_value).
 *
 * Misuse (a value where a key must stand, an end too many) is remembered and reported at the
 * end; a writer never crashes on it. Strings and keys must be UTF-8, in MessagePack too: its
 * decoders take str as text. JSON has no infinity and no NaN, and takes binary as base64.
 * A key that comes twice is written twice.
 *
 * Threads: one at a time.
 */
#ifndef WEIR_SCHEMAS_WRITER_H
#define WEIR_SCHEMAS_WRITER_H

#include "schemas/value.h"
#include "worker/base/arena.h"

/* Open maps and arrays of a JSON document; MessagePack ends at 32, as its decoder does. */
#define WEIR_WRITER_DEPTH 128

/* A writer in that arena for WEIR_FORMAT_JSON or WEIR_FORMAT_MSGPACK; `arg` is the caller's
 * (weir_writer_arg). Any other format, or no memory, gives a writer whose end fails; NULL only
 * if not even that could be allocated. */
weir_writer *weir_writer_new(weir_arena *arena, weir_format format, void *arg);
void *weir_writer_arg(const weir_writer *w);
/* The finished document; WEIR_EINVAL if it is not one, WEIR_ENOMEM. The bytes are in the arena. */
weir_status weir_writer_finish(weir_writer *w, weir_slice *out);

/* What was wrong first, "" if nothing; static. */
const char *weir_writer_why(const weir_writer *w);

void weir_writer_map(weir_writer *w);
void weir_writer_array(weir_writer *w);
void weir_writer_end(weir_writer *w);
void weir_writer_key(weir_writer *w, weir_slice key);
void weir_writer_int(weir_writer *w, int64_t value);
void weir_writer_uint(weir_writer *w, uint64_t value);
void weir_writer_double(weir_writer *w, double value);
void weir_writer_bool(weir_writer *w, bool value);
void weir_writer_null(weir_writer *w);
void weir_writer_string(weir_writer *w, weir_slice value);
void weir_writer_binary(weir_writer *w, weir_slice value);
/* A copy, whatever the value's format. JSON gets keys that are not strings as their JSON text,
 * MessagePack gets them as they are. */
void weir_writer_value(weir_writer *w, const weir_value *value);

#endif
