/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec_msgpack - MessagePack events.
 *
 * What nearly all events are made of is checked and built in one pass (msgpack_build.h). The
 * rest is walked, and then msgpack-c unpacks it. The walk says exactly what the tree will hold, so msgpack-c's zone is made on one piece of
 * the event's arena: no malloc for an event and nothing to free. Strings stay where they are,
 * in the event's bytes (value_borrows).
 */
#include "schemas/codec_impl.h"
#include "schemas/msgpack_build.h"
#include "schemas/msgpack_walk.h"
#include "schemas/value_impl.h"
#include "schemas/writer_impl.h"

#include <msgpack.h>

/* The zone begins without a chunk of its own; one that had to grow has some to free. */
static void msgpack_tree_free(void *doc)
{
    msgpack_zone_destroy(doc);
}

static size_t msgpack_tree_bytes(const weir_msgpack_size *size)
{
    return size->n_items * sizeof(msgpack_object) +
           size->n_pairs * sizeof(msgpack_object_kv) +
           size->n_containers * MSGPACK_ZONE_ALIGN;
}

weir_status weir_msgpack_unpack(weir_slice bytes, weir_arena *arena, weir_tree *out,
                                weir_err *err)
{
    weir_msgpack_size size;
    weir_status st = weir_msgpack_walk(bytes, &size, err);

    if (st != WEIR_OK) {
        return st;
    }
    size_t n_bytes = msgpack_tree_bytes(&size);

    if (n_bytes > WEIR_TREE_MAX) {
        return weir_fail(err, WEIR_EDATA, "msgpack: more than %zu values",
                         WEIR_TREE_MAX / sizeof(msgpack_object));
    }
    struct msgpack_doc {
        msgpack_zone zone;
        msgpack_object root;
    } *doc = weir_arena_alloc(arena, sizeof(*doc) + n_bytes);

    if (doc == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "msgpack: out of memory");
    }
    memset(&doc->zone, 0, sizeof(doc->zone));
    doc->zone.chunk_size = MSGPACK_ZONE_CHUNK_SIZE;
    doc->zone.chunk_list.ptr = (char *)(doc + 1);
    doc->zone.chunk_list.free = n_bytes;

    size_t off = 0;
    msgpack_unpack_return ret =
        msgpack_unpack(bytes.data, bytes.len, &off, &doc->zone, &doc->root);
    bool has_grown = doc->zone.chunk_list.head != NULL;

    if (ret != MSGPACK_UNPACK_SUCCESS || off != bytes.len) {
        if (has_grown) {
            msgpack_tree_free(&doc->zone);
        }
        return ret == MSGPACK_UNPACK_NOMEM_ERROR
                   ? weir_fail(err, WEIR_ENOMEM, "msgpack: out of memory")
                   : weir_fail(err, WEIR_EDATA, "msgpack: byte %zu: not a value", off);
    }
    *out = (weir_tree){
        .root = weir_value_tag(&doc->root, WEIR_VALUE_MSGPACK),
        .doc = has_grown ? &doc->zone : NULL,
        .free = has_grown ? msgpack_tree_free : NULL,
        .borrows = true,
    };
    return WEIR_OK;
}

weir_status weir_msgpack_tree(weir_slice bytes, weir_arena *arena, weir_tree *out,
                              weir_err *err)
{
    return weir_msgpack_build(bytes, arena, out)
               ? WEIR_OK
               : weir_msgpack_unpack(bytes, arena, out, err);
}

static weir_status msgpack_walk_slot(weir_slice data, weir_err *err)
{
    weir_msgpack_size size;

    return data.data == NULL ? WEIR_OK : weir_msgpack_walk(data, &size, err);
}

static weir_status msgpack_decode(weir_event *ev, weir_err *err)
{
    return weir_codec_decode_whole(
        ev, ev->is_object ? weir_json_tree : weir_msgpack_tree, err);
}

static weir_pick msgpack_pick(const weir_event *ev, const weir_pointer *p,
                              weir_buf *scratch, weir_slice *out)
{
    return ev->data.data == NULL ? WEIR_PICK_NONE
           : ev->is_object       ? weir_json_pick(ev->data, p, out)
                                 : weir_msgpack_pick(ev->data, p, scratch, out);
}

static weir_status msgpack_encode(const weir_value *v, weir_buf *out, weir_err *err)
{
    return weir_writer_encode(v, WEIR_FORMAT_MSGPACK, out, err);
}

const weir_codec_ops weir_codec_msgpack = {
    .name = "msgpack",
    .about = "MessagePack, depth at most 32",
    .format = WEIR_FORMAT_MSGPACK,
    .gives_value = true,
    .walk = msgpack_walk_slot,
    .decode = msgpack_decode,
    .pick = msgpack_pick,
    .encode = msgpack_encode,
};
