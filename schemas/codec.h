/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec - how payload bytes become a value, and back.
 *
 * decode() keeps the limits (depth, counts, UTF-8, duplicate keys at the top two levels) before
 * or while a tree is built in the event's arena, once per event. Bytes of up to 64 KiB of which
 * there is no doubt are looked at once: JSON by its library, in a piece of the arena that
 * cannot grow, and then its tree; MessagePack while its library's objects are made. All others
 * are walked first and then given to the library. Only that way refuses: errors name the byte
 * offset.
 *
 * Threads: any; a codec has no state.
 */
#ifndef WEIR_SCHEMAS_CODEC_H
#define WEIR_SCHEMAS_CODEC_H

#include "schemas/event.h"
#include "schemas/pick.h"
#include "schemas/value.h"

#define WEIR_JSON_DEPTH 128
#define WEIR_MSGPACK_DEPTH 32
/* The longest text or bytes that a codec looks at; events end at worker.max_event before. */
#define WEIR_DOCUMENT_MAX ((size_t)1 << 30)
/* The most memory that the tree of one event may take: 16 bytes for each JSON value and key,
 * 24 for each of MessagePack. What would take more is refused before anything is built. */
#define WEIR_TREE_MAX ((size_t)64 << 20)

typedef struct weir_codec_ops {
    const char *name;
    const char *about;
    weir_format format;
    bool gives_value; /* weir_event_value() is not always NULL */
    /* Checks bytes without building anything. NULL data is a tombstone, so good. */
    weir_status (*walk)(weir_slice data, weir_err *err);
    /*
     * Fills value and attrs of ev and sets is_decoded; does nothing if that is set. A tombstone
     * decodes to no value. An event with is_object is JSON whatever the codec.
     * Returns: WEIR_OK; WEIR_EDATA, and ev has the fault WEIR_FAULT_DECODE with its text;
     * WEIR_ENOMEM, and ev is as it was.
     */
    weir_status (*decode)(weir_event *ev, weir_err *err);
    /*
     * What weir_val_key() would say of the value at p, without decoding: see pick.h. A
     * tombstone has no value. NULL: the format gives none.
     */
    weir_pick (*pick)(const weir_event *ev, const weir_pointer *p, weir_buf *scratch,
                      weir_slice *out);
    /* Appends v in this format. Returns WEIR_EINVAL if it cannot be said in it. */
    weir_status (*encode)(const weir_value *v, weir_buf *out, weir_err *err);
} weir_codec_ops;

extern const weir_codec_ops weir_codec_raw, weir_codec_json, weir_codec_msgpack,
    weir_codec_cloudevents;

/* By name ("raw", ...); NULL: unknown. */
const weir_codec_ops *weir_codec_find(const char *name);

/* Parses JSON text that is not an event (config, captures, admin) into a document; the root is
 * valid until weir_json_free(). */
typedef struct weir_json weir_json;
weir_status weir_json_parse(weir_slice text, weir_json **out, weir_err *err);
const weir_value *weir_json_root(const weir_json *doc);
void weir_json_free(weir_json *doc);

#endif
