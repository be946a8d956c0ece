/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pick - the value at one pointer, found in the bytes of a document without decoding it.
 *
 * What names an event's lane is needed before all else of it, on a thread that reads for all;
 * to find it a pick passes over what stands before it and looks at nothing behind it. So it
 * checks nothing: of a document that decodes, the answer is that of decoding it and asking
 * weir_val_key(), or DOUBT; of one that does not it is DOUBT or anything. Who picks decodes
 * later.
 *
 * Threads: any; nothing is kept.
 */
#ifndef WEIR_SCHEMAS_PICK_H
#define WEIR_SCHEMAS_PICK_H

#include "schemas/value.h"

typedef enum weir_pick {
    WEIR_PICK_DOUBT =
        0,          /* decode it: escapes, numbers with a fraction, containers, ... */
    WEIR_PICK_NONE, /* there is no such value, or it is null: no key */
    WEIR_PICK_FOUND
} weir_pick;

/* *out points into the text. It is set only with FOUND, as in the next. */
weir_pick weir_json_pick(weir_slice text, const weir_pointer *p, weir_slice *out);
/* *out points into the bytes, or into scratch. */
weir_pick weir_msgpack_pick(weir_slice bytes, const weir_pointer *p, weir_buf *scratch,
                            weir_slice *out);

#endif
