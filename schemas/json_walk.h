/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_walk - one pass over JSON text that builds nothing.
 *
 * Accepts exactly the texts of RFC 8259 (no byte order mark) that also keep our limits: depth,
 * size, number of values, valid UTF-8 and whole surrogate pairs, no key twice in the outermost
 * two levels. Only a number too large for a double is left for the parser to refuse.
 *
 * Threads: any; nothing is kept.
 */
#ifndef WEIR_SCHEMAS_JSON_WALK_H
#define WEIR_SCHEMAS_JSON_WALK_H

#include "schemas/codec.h"

/*
 * Returns: WEIR_OK and the number of values, keys included; WEIR_EDATA with the byte's offset;
 * WEIR_ENOMEM.
 */
weir_status weir_json_walk(weir_slice text, size_t *n_values, weir_err *err);

#endif
