/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value - one read API over decoded JSON and MessagePack.
 *
 * A weir_value is a view of a node of a decoded document; nothing is copied or converted until
 * it is asked for. Every call accepts NULL.
 *
 * Threads: any, read only.
 */
#ifndef WEIR_SCHEMAS_VALUE_H
#define WEIR_SCHEMAS_VALUE_H

#include "worker/base/buf.h"
#include "worker/base/err.h"

const weir_value *weir_val_at(const weir_value *v, const char *pointer);
/* The same with the pointer split beforehand: for pointers used again and again. */
typedef struct weir_pointer weir_pointer;
weir_status weir_pointer_new(const char *text, weir_pointer **out, weir_err *err);
void weir_pointer_free(weir_pointer *p);
const weir_value *weir_val_find(const weir_value *v, const weir_pointer *p);
/* A member of a map by its name, or NULL. */
const weir_value *weir_val_member(const weir_value *v, weir_slice name);

bool weir_val_int(const weir_value *v, int64_t *out);
bool weir_val_uint(const weir_value *v, uint64_t *out);
bool weir_val_double(const weir_value *v, double *out);
bool weir_val_bool(const weir_value *v, bool *out);
bool weir_val_string(const weir_value *v, weir_slice *out);
bool weir_val_is_null(const weir_value *v);
weir_type weir_val_type(const weir_value *v);
size_t weir_val_size(const weir_value *v);
bool weir_val_next(const weir_value *v, weir_value_iter *it, const weir_value **key,
                   const weir_value **item);

/* Appends v as JSON; binary as base64 text, a map's non-string keys as their JSON text. */
void weir_val_json(const weir_value *v, weir_buf *out, bool is_pretty);
/* The bytes that stand for v as an ordering key: a string's own bytes, else its JSON. False:
 * v is NULL or null, or there is no memory, and then scratch->has_failed says so. Bytes may be
 * in `scratch`, which is emptied first. */
bool weir_val_key(const weir_value *v, weir_buf *scratch, weir_slice *out);

#endif
