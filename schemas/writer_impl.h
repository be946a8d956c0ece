/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer_impl - what copies of values need beyond writer.h. For this floor only.
 */
#ifndef WEIR_SCHEMAS_WRITER_IMPL_H
#define WEIR_SCHEMAS_WRITER_IMPL_H

#include "schemas/base64.h"
#include "schemas/codec.h"
#include "schemas/writer.h"

/* A MessagePack ext; JSON takes it as base64. */
void weir_writer_ext(weir_writer *w, int8_t type, weir_slice value);

/* True: the next value, whatever its type, is written as a key. False: JSON, text only. */
bool weir_writer_any_key(weir_writer *w);

/* encode() of a codec: appends v to out through a writer. */
weir_status weir_writer_encode(const weir_value *v, weir_format format, weir_buf *out,
                               weir_err *err);

#endif
