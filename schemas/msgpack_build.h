/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * msgpack_build - msgpack-c's objects of an event, made in the pass that checks its bytes.
 *
 * The walk and msgpack-c's unpacker each look at every head. What events are made of (maps
 * with str keys, arrays, str, bin, numbers, bool, nil) needs no second look: this makes the
 * same objects as msgpack_unpack() while it keeps every limit of msgpack_walk.h. Anything else
 * (ext, other keys, what may break a limit) is left to the walk and the unpacker.
 *
 * Threads: any; nothing is kept.
 */
#ifndef WEIR_SCHEMAS_MSGPACK_BUILD_H
#define WEIR_SCHEMAS_MSGPACK_BUILD_H

#include "schemas/codec_impl.h"

/*
 * Makes the tree of the bytes in the arena; strings stay where they are, in the bytes.
 * Returns: false: nothing is said about the bytes, and nothing of the arena is held.
 */
bool weir_msgpack_build(weir_slice bytes, weir_arena *arena, weir_tree *out);

#endif
