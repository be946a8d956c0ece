/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * msgpack_walk - one pass over MessagePack bytes that builds nothing.
 *
 * Accepts one value that fills the bytes exactly and keeps our limits: depth, counts that the
 * bytes left can hold, str that is UTF-8, no key twice in the outermost two levels. The same
 * integer in two widths is the same key. A map or array is never a key: as JSON text, escaped
 * at each level, thirty of them would be gigabytes.
 *
 * Threads: any; nothing is kept.
 */
#ifndef WEIR_SCHEMAS_MSGPACK_WALK_H
#define WEIR_SCHEMAS_MSGPACK_WALK_H

#include "schemas/codec.h"

/* What the tree will hold beside its root. */
typedef struct weir_msgpack_size {
    size_t n_items;      /* of arrays */
    size_t n_pairs;      /* of maps */
    size_t n_containers; /* arrays and maps */
} weir_msgpack_size;

/*
 * Returns: WEIR_OK and what the bytes hold; WEIR_EDATA with the byte's offset; WEIR_ENOMEM.
 */
weir_status weir_msgpack_walk(weir_slice bytes, weir_msgpack_size *out, weir_err *err);

/* The bytes of the one value that begins at `at`, in bytes that a walk has accepted. */
weir_slice weir_msgpack_span(weir_slice bytes, const char *at);

#endif
