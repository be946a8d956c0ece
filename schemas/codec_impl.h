/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec_impl - what the codecs share. For this floor only.
 */
#ifndef WEIR_SCHEMAS_CODEC_IMPL_H
#define WEIR_SCHEMAS_CODEC_IMPL_H

#include "schemas/codec.h"

/* A decoded tree: its root, and what frees what is not in the arena (free NULL: nothing). */
typedef struct weir_tree {
    const weir_value *root;
    void *doc;
    void (*free)(void *doc);
    bool borrows; /* points into the bytes it was made from */
    const char
        *copy; /* JSON: the parser's copy of the text, strings at their old offsets */
} weir_tree;

/* Walks and parses into the arena. Returns WEIR_OK, WEIR_EDATA or WEIR_ENOMEM. */
weir_status weir_json_tree(weir_slice text, weir_arena *arena, weir_tree *out,
                           weir_err *err);
weir_status weir_msgpack_tree(weir_slice bytes, weir_arena *arena, weir_tree *out,
                              weir_err *err);

/* The same as weir_msgpack_tree(), always by the walk and msgpack-c's own unpacker. */
weir_status weir_msgpack_unpack(weir_slice bytes, weir_arena *arena, weir_tree *out,
                                weir_err *err);

typedef weir_status weir_tree_fn(weir_slice bytes, weir_arena *arena, weir_tree *out,
                                 weir_err *err);

/* decode() of a format whose value is the whole data. */
weir_status weir_codec_decode_whole(weir_event *ev, weir_tree_fn *parse, weir_err *err);

/* Gives ev the decode fault if st is WEIR_EDATA. Returns st. */
weir_status weir_codec_fault(weir_event *ev, weir_status st, const weir_err *err);

#endif
