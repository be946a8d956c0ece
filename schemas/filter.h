/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter - which events a subscription wants: the CloudEvents filter dialects.
 *
 * exact, prefix, suffix: a map of name to text; all, any: arrays of filters; not: a filter. An
 * array of filters is an implicit all; several dialects in one map are too. A name is `key`,
 * header.NAME, a JSON Pointer (/a/b) into the decoded event, or else a CloudEvents attribute,
 * or, where the event has none of that name, a header. Texts are compared byte by byte;
 * numbers and booleans by their JSON text.
 *
 * Threads: any; a filter is constant once made.
 */
#ifndef WEIR_SCHEMAS_FILTER_H
#define WEIR_SCHEMAS_FILTER_H

#include "schemas/event.h"

typedef struct weir_filter weir_filter;

/* From the configuration's tree as JSON text. Errors name the path inside the filter. */
weir_status weir_filter_new(const char *json, weir_filter **out, weir_err *err);
void weir_filter_free(weir_filter *f);
/* True if it holds a pointer, so events must be decoded first. */
bool weir_filter_needs_value(const weir_filter *f);
/*
 * *is_wanted says whether the event is wanted. A name that the event does not have never matches. Without a
 * pointer in the filter the event need not be decoded: attributes are then read from the
 * headers, or, of a structured CloudEvent, out of the data. One that says it is a CloudEvent
 * and does not decode is wanted: it is for the dead letters, not to be dropped in silence.
 * Returns: WEIR_OK, or WEIR_ENOMEM: it could not look.
 */
weir_status weir_filter_match(const weir_filter *f, const weir_event *ev,
                              bool *is_wanted);

#endif
