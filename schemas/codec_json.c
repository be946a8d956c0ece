/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec_json - JSON events, and JSON documents that are not events.
 *
 * A text that is not long is parsed at once, into a piece of the arena whose size its length
 * says, and what the parser lets pass and we do not is looked for in the tree: depth, and keys
 * that come twice. Any doubt sends the text to the careful way, which alone refuses and says
 * why. There the walk goes first and counts the values, so the parser gets one piece that
 * holds its copy of the text and the whole tree: no malloc for an event, and no second copy
 * of a large tree while it grows.
 *
 *     piece: | text, padded for the parser | doc, values ... (room to grow in place) |
 */
#include "schemas/codec_impl.h"
#include "schemas/json_walk.h"
#include "schemas/keyset.h"
#include "schemas/value_impl.h"
#include "schemas/writer_impl.h"

#include <stdlib.h>
#include <yyjson.h>

#define PAD 16
#define HEAD_VALUES 16   /* the document's own struct, and what the parser keeps free */
#define QUICK_TEXT 65536 /* longer ones are walked first */
/* Room for their trees: a value for each so many bytes of text, as dense as events are. */
#define QUICK_DENSITY 4

/* yyjson's allocator: a cursor in one piece; what does not fit goes to the arena. */
typedef struct json_pool {
    weir_arena *arena;
    char *at, *end;
    char *text; /* where the piece begins: the parser's copy of the text */
    char *last; /* the newest piece, which may grow in place */
    /* nothing goes to the arena: the parser ends when the piece is full */
    bool is_all;
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
        return pool->is_all ? NULL : weir_arena_alloc(pool->arena, n);
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

/* Parses into a piece of so many bytes of the arena. NULL: refused, or the piece is full. */
static yyjson_doc *json_parse(weir_slice text, json_pool *pool, size_t bytes,
                              yyjson_read_err *why)
{
    const yyjson_alc alc = { pool_malloc, pool_realloc, pool_free, pool };

    pool->text = pool->at = weir_arena_alloc(pool->arena, bytes);
    if (pool->at == NULL) {
        why->code = YYJSON_READ_ERROR_MEMORY_ALLOCATION;
        return NULL;
    }
    pool->end = pool->at + bytes;
    return yyjson_read_opts((char *)(uintptr_t)text.data, text.len, YYJSON_READ_NOFLAG,
                            &alc, why);
}

/* Bytes of the parser's copy may be read past the text: its padding and its tree follow. */
static inline uint64_t json_sig(const char *key, size_t len)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t word;

    if (len > 0 && len < sizeof(word)) {
        memcpy(&word, key, sizeof(word));
        return weir_keyset_mix(word << (64 - 8 * len), 0, len);
    }
#endif
    return weir_keyset_sig((const unsigned char *)key, len);
}

/* True: two keys of the map may be the same. Only their signatures are compared. */
static bool json_may_repeat(yyjson_val *map)
{
    yyjson_val *key = unsafe_yyjson_get_first(map);
    weir_keysigs sigs WEIR_UNINIT;

    weir_keysigs_init(&sigs);
    for (size_t n = unsafe_yyjson_get_len(map); n > 0; n--) {
        if (!weir_keysigs_add(&sigs, json_sig(unsafe_yyjson_get_str(key),
                                              unsafe_yyjson_get_len(key)))) {
            return true;
        }
        key = unsafe_yyjson_get_next(key + 1);
    }
    return false;
}

/* The values of a map or array stand behind it, and so on down: a level is a stretch. */
static bool json_is_deep(yyjson_val *root)
{
    const yyjson_val *ends[WEIR_JSON_DEPTH] WEIR_UNINIT;
    const yyjson_val *end = unsafe_yyjson_get_next(root);
    size_t depth = 0;

    for (yyjson_val *v = root; v < end; v++) {
        if (!unsafe_yyjson_is_ctn(v)) {
            continue;
        }
        while (depth > 0 && v >= ends[depth - 1]) {
            depth--;
        }
        if (depth == WEIR_JSON_DEPTH) {
            return true;
        }
        ends[depth++] = unsafe_yyjson_get_next(v);
    }
    return false;
}

/* True: a limit that the parser does not know may be broken. */
static bool json_is_doubtful(yyjson_val *root)
{
    const bool is_map = unsafe_yyjson_is_obj(root);

    if (!unsafe_yyjson_is_ctn(root)) {
        return false;
    }
    /* A level takes a value at least. */
    if (unsafe_yyjson_get_next(root) - root > WEIR_JSON_DEPTH && json_is_deep(root)) {
        return true;
    }
    if (is_map && json_may_repeat(root)) {
        return true;
    }
    yyjson_val *item = unsafe_yyjson_get_first(root);

    for (size_t n = unsafe_yyjson_get_len(root); n > 0; n--) {
        item += is_map ? 1 : 0; /* the key */
        if (unsafe_yyjson_is_obj(item) && json_may_repeat(item)) {
            return true;
        }
        item = unsafe_yyjson_get_next(item);
    }
    return false;
}

/* False: nothing is said about the text, and nothing of the arena is held. */
static bool json_tree_quick(weir_slice text, weir_arena *arena, weir_tree *out)
{
    json_pool pool = { .arena = arena, .is_all = true };
    yyjson_read_err why = { 0 };
    const size_t n_values = text.len / QUICK_DENSITY + HEAD_VALUES;
    const size_t bytes = json_round(text.len + PAD) + n_values * sizeof(yyjson_val);
    yyjson_doc *doc = json_parse(text, &pool, bytes, &why);

    if (doc == NULL || json_is_doubtful(doc->root)) {
        weir_arena_trim(arena, pool.text);
        return false;
    }
    weir_arena_trim(arena, unsafe_yyjson_get_next(doc->root));
    *out = (weir_tree){ .root = weir_value_tag(doc->root, 0), .copy = pool.text };
    return true;
}

static weir_status json_tree_careful(weir_slice text, weir_arena *arena, weir_tree *out,
                                     weir_err *err)
{
    json_pool pool = { .arena = arena };
    yyjson_read_err why = { 0 };
    size_t n_values = 0;
    weir_status st = weir_json_walk(text, &n_values, err);

    if (st != WEIR_OK) {
        return st;
    }
    if (n_values > WEIR_TREE_MAX / sizeof(yyjson_val)) {
        return weir_fail(err, WEIR_EDATA, "json: more than %zu values",
                         WEIR_TREE_MAX / sizeof(yyjson_val));
    }
    yyjson_doc *doc = json_parse(
        text, &pool, json_round(text.len + PAD) + json_tree_bytes(text.len, n_values),
        &why);

    if (doc == NULL) {
        if (why.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION) {
            return weir_fail(err, WEIR_ENOMEM, "json: out of memory");
        }
        return weir_fail(err, WEIR_EDATA, "json: byte %zu: %s", why.pos, why.msg);
    }
    *out = (weir_tree){ .root = weir_value_tag(doc->root, 0), .copy = pool.text };
    return WEIR_OK;
}

weir_status weir_json_tree(weir_slice text, weir_arena *arena, weir_tree *out,
                           weir_err *err)
{
    return text.len <= QUICK_TEXT && json_tree_quick(text, arena, out)
               ? WEIR_OK
               : json_tree_careful(text, arena, out, err);
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

static weir_pick json_pick(const weir_event *ev, const weir_pointer *p,
                           weir_buf *scratch, weir_slice *out)
{
    (void)scratch;
    return ev->data.data == NULL ? WEIR_PICK_NONE : weir_json_pick(ev->data, p, out);
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
    .pick = json_pick,
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
