/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec_json - JSON events, and JSON documents that are not events.
 *
 * The walk counts the values, so the parser gets one piece of the arena that holds its copy of
 * the text and the whole tree: no malloc for an event, and no second copy of a large tree
 * while it grows.
 *
 *     piece: | text, padded for the parser | doc, values ... (room to grow in place) |
 */
#include "schemas/codec_impl.h"
#include "schemas/json_walk.h"
#include "schemas/value_impl.h"
#include "schemas/writer_impl.h"

#include <stdlib.h>
#include <yyjson.h>

#define PAD 16
#define HEAD_VALUES 16 /* the document's own struct, and what the parser keeps free */

/* yyjson's allocator: a cursor in one piece; what does not fit goes to the arena. */
typedef struct json_pool {
    weir_arena *arena;
    char *at, *end;
    char *text; /* where the piece begins: the parser's copy of the text */
    char *last; /* the newest piece, which may grow in place */
} json_pool;

static size_t json_round(size_t n)
{
    return (n + PAD - 1) & ~(size_t)(PAD - 1);
}

static void *pool_malloc(void *ctx, size_t n)
{
    json_pool *pool = ctx;

    n = json_round(n);
    if (n > (size_t)(pool->end - pool->at)) {
        return weir_arena_alloc(pool->arena, n);
    }
    pool->last = pool->at;
    pool->at += n;
    return pool->last;
}

static void *pool_realloc(void *ctx, void *ptr, size_t old, size_t n)
{
    json_pool *pool = ctx;

    if (ptr == pool->last && json_round(n) <= (size_t)(pool->end - pool->last)) {
        pool->at = pool->last + json_round(n);
        return ptr;
    }
    void *piece = pool_malloc(ctx, n);

    if (piece != NULL) {
        memcpy(piece, ptr, old < n ? old : n);
    }
    return piece;
}

static void pool_free(void *ctx, void *ptr)
{
    (void)ctx; /* the arena takes it all back at once */
    (void)ptr;
}

/* The parser begins with a guess from the length and grows it by halves. */
static size_t json_tree_bytes(size_t len, size_t n_values)
{
    size_t guess = len / 6 + HEAD_VALUES;
    size_t grown = (n_values + HEAD_VALUES) * 3 / 2;

    return (guess > grown ? guess : grown) * sizeof(yyjson_val);
}

weir_status weir_json_tree(weir_slice text, weir_arena *arena, weir_tree *out,
                           weir_err *err)
{
    size_t n_values = 0;
    weir_status st = weir_json_walk(text, &n_values, err);

    if (st != WEIR_OK) {
        return st;
    }
    if (n_values > WEIR_TREE_MAX / sizeof(yyjson_val)) {
        return weir_fail(err, WEIR_EDATA, "json: more than %zu values",
                         WEIR_TREE_MAX / sizeof(yyjson_val));
    }
    size_t bytes = json_round(text.len + PAD) + json_tree_bytes(text.len, n_values);
    json_pool pool = { .arena = arena, .at = weir_arena_alloc(arena, bytes) };

    if (pool.at == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "json: out of memory");
    }
    pool.end = pool.at + bytes;
    pool.text = pool.at;

    yyjson_alc alc = { pool_malloc, pool_realloc, pool_free, &pool };
    yyjson_read_err read_err = { 0 };
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)text.data, text.len,
                                       YYJSON_READ_NOFLAG, &alc, &read_err);

    if (doc == NULL) {
        if (read_err.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION) {
            return weir_fail(err, WEIR_ENOMEM, "json: out of memory");
        }
        return weir_fail(err, WEIR_EDATA, "json: byte %zu: %s", read_err.pos,
                         read_err.msg);
    }
    *out = (weir_tree){ .root = weir_value_tag(yyjson_doc_get_root(doc), 0),
                        .copy = pool.text };
    return WEIR_OK;
}

static weir_status json_walk_slot(weir_slice data, weir_err *err)
{
    size_t n_values = 0;

    return data.data == NULL ? WEIR_OK : weir_json_walk(data, &n_values, err);
}

static weir_status json_decode(weir_event *ev, weir_err *err)
{
    return weir_codec_decode_whole(ev, weir_json_tree, err);
}

static weir_status json_encode(const weir_value *v, weir_buf *out, weir_err *err)
{
    return weir_writer_encode(v, WEIR_FORMAT_JSON, out, err);
}

const weir_codec_ops weir_codec_json = {
    .name = "json",
    .about = "JSON (RFC 8259), depth at most 128",
    .format = WEIR_FORMAT_JSON,
    .gives_value = true,
    .walk = json_walk_slot,
    .decode = json_decode,
    .encode = json_encode,
};

struct weir_json {
    weir_arena arena;
    const weir_value *root;
};

weir_status weir_json_parse(weir_slice text, weir_json **out, weir_err *err)
{
    weir_tree tree = { 0 };
    weir_json *doc = malloc(sizeof(*doc));

    if (doc == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "json: out of memory");
    }
    weir_arena_init(&doc->arena, 0);
    weir_status st = weir_json_tree(text, &doc->arena, &tree, err);

    if (st != WEIR_OK) {
        weir_json_free(doc);
        return st;
    }
    doc->root = tree.root;
    *out = doc;
    return WEIR_OK;
}

const weir_value *weir_json_root(const weir_json *doc)
{
    return doc->root;
}

void weir_json_free(weir_json *doc)
{
    if (doc != NULL) {
        weir_arena_fini(&doc->arena);
        free(doc);
    }
}
