/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture - events in a file, to be read again: `.weir`.
 *
 *     frame: length (4 bytes, little endian) | CRC32C of the body (4) | body, MessagePack
 *     file:  "WEIRCAP1" | frame: {"version": "0.1.0"} | frame: one event | frame ...
 *
 * An event is a map: position, topic, partition, key, headers ([[name, value], ...]), time,
 * data, and optionally result ({to, data}); what is absent is nil or left out. A file that was
 * cut off is read up to its last whole frame. Errors name the file and the byte offset.
 *
 * Threads: one at a time for each reader and writer.
 */
#ifndef WEIR_SCHEMAS_CAPTURE_H
#define WEIR_SCHEMAS_CAPTURE_H

#include "worker/base/arena.h"
#include "worker/base/err.h"

#define WEIR_CAPTURE_MAX (64u << 20) /* bytes of one frame */

typedef struct weir_capture_record {
    weir_slice position; /* "kafka:orders/3@1042"; absent: unknown */
    const char *topic;   /* NULL: unknown */
    int32_t partition;   /* -1: none */
    weir_slice key, data;
    const weir_header *headers;
    size_t n_headers;
    int64_t time_ms;       /* -1: unknown */
    const char *result_to; /* NULL: the event has no result here */
    weir_slice result;
} weir_capture_record;

typedef struct weir_capture_reader weir_capture_reader;
typedef struct weir_capture_writer weir_capture_writer;

/* Returns: WEIR_OK; WEIR_ENOENT or WEIR_EIO; WEIR_EDATA: this is no capture. */
weir_status weir_capture_open(const char *path, weir_capture_reader **out,
                              weir_err *err);
/*
 * The next event; its bytes are in the arena.
 * Returns: WEIR_OK; WEIR_ECLOSED at the end, also of a file that was cut off (then
 *          weir_capture_is_cut() is true); WEIR_EDATA for a damaged frame; WEIR_ENOMEM; WEIR_EIO.
 */
weir_status weir_capture_read(weir_capture_reader *r, weir_arena *arena,
                              weir_capture_record *out, weir_err *err);
/* Passes over the next frame without looking into it: a damaged one, if its length is sane. */
weir_status weir_capture_pass(weir_capture_reader *r, weir_err *err);
/* The end was reached in the middle of a frame. */
bool weir_capture_is_cut(const weir_capture_reader *r);
/* The byte offset of the next frame. */
uint64_t weir_capture_offset(const weir_capture_reader *r);
/* Goes on at an offset that weir_capture_offset() gave. */
weir_status weir_capture_seek(weir_capture_reader *r, uint64_t offset, weir_err *err);
/* The version of weir that wrote the file. */
const char *weir_capture_version(const weir_capture_reader *r);
void weir_capture_close(weir_capture_reader *r);

/* Makes a new file, or goes on at the end of a capture that is there; what was cut off at its
 * end is dropped. */
weir_status weir_capture_create(const char *path, weir_capture_writer **out,
                                weir_err *err);
/* Appends an event. What is written is with the system only after the flush. */
weir_status weir_capture_write(weir_capture_writer *w, const weir_capture_record *rec,
                               weir_err *err);
/* Gives everything to the system; with is_durable to the disk. */
weir_status weir_capture_flush(weir_capture_writer *w, bool is_durable, weir_err *err);
/* Flushes and closes; NULL is accepted. */
weir_status weir_capture_end(weir_capture_writer *w, weir_err *err);

#endif
