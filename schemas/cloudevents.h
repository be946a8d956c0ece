/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cloudevents - the rules of CloudEvents 1.0 about attributes and media types.
 *
 * Binary mode:     each attribute is a header ce_NAME, datacontenttype is content-type, and the
 *                  event's data is the data. On Redis a field of the attribute's own name
 *                  (id, source, ...) counts too; where both are there, ce_NAME does.
 * Structured mode: content-type begins with application/cloudevents; the event's data is the
 *                  whole CloudEvent: +json (or nothing) is the JSON format, +msgpack the same
 *                  shape in MessagePack, which is weir's own and no published format. A Redis
 *                  entry without specversion and without content-type is taken as JSON.
 *
 * Threads: any; nothing is kept.
 */
#ifndef WEIR_SCHEMAS_CLOUDEVENTS_H
#define WEIR_SCHEMAS_CLOUDEVENTS_H

#include "schemas/event.h"

/* What a structured event says of itself. */
#define WEIR_CE_TYPE_HEADER "content-type"
#define WEIR_CE_TYPE_JSON "application/cloudevents+json"

typedef enum weir_ce_mode {
    WEIR_CE_BINARY,
    WEIR_CE_JSON,    /* structured */
    WEIR_CE_MSGPACK, /* structured, ours */
    WEIR_CE_UNKNOWN  /* a batch, or an event format that weir does not read */
} weir_ce_mode;

/* How the event says that it is encoded; only its headers are read. */
weir_ce_mode weir_ce_mode_of(const weir_event *ev);
/* The same of its content-type, where that is known. */
weir_ce_mode weir_ce_mode_by(const weir_event *ev, weir_slice type);

/* The last header content-type, in any case, that has a value; else data NULL. */
weir_slice weir_ce_content_type(const weir_event *ev);

/* An attribute of the binary mode straight from the headers; absent: data NULL. */
weir_slice weir_ce_header(const weir_event *ev, const char *name);

/* What a datacontenttype says about data: JSON, MSGPACK, or RAW for anything else. */
weir_format weir_ce_data_format(weir_slice content_type);

/* a-z and 0-9, at least one. */
bool weir_ce_name_ok(weir_slice name);

/*
 * The required attributes are there and every value keeps its rule: UTF-8 without control
 * characters; specversion "1.0"; time RFC 3339; datacontenttype a media type.
 * Returns: WEIR_OK, or WEIR_EDATA with the attribute's name.
 */
weir_status weir_ce_check(const weir_header *attrs, size_t n, weir_err *err);

#endif
