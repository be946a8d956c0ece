/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * msgpack_build - see msgpack_build.h.
 *
 *     piece: | root | its items, or key, value, key, value ... | those of the next that opens |
 *
 * A container's values get their cells when its head is read. The piece has a cell for every
 * so many bytes, so a count that lies finds it full, at the cost of nothing.
 */
#include "schemas/msgpack_build.h"

#include "schemas/keyset.h"
#include "schemas/value_impl.h"

#include <msgpack.h>

#define BUILD_BYTES 65536 /* longer ones are walked */
/* Cells: one for each so many bytes, as dense as events are. */
#define BUILD_DENSITY 4
#define BUILD_HEAD 16
#define BUILD_HIGHS UINT64_C(0x8080808080808080)

_Static_assert(sizeof(msgpack_object_kv) == 2 * sizeof(msgpack_object),
               "a pair is two objects");

enum { DUPLICATE_LEVELS = 2 };

/* A container that is open. */
typedef struct build_level {
    msgpack_object *at; /* the cell of the next value; in a map, of its key */
    size_t n_left;      /* values, or pairs */
    bool is_map;
} build_level;

typedef struct msgpack_build {
    const unsigned char *end;
    msgpack_object *free, *limit; /* cells not used yet */
    size_t depth;
    build_level levels[WEIR_MSGPACK_DEPTH];
    weir_keysigs sigs[DUPLICATE_LEVELS];
} msgpack_build;

static bool build_utf8_ok(const unsigned char *p, size_t len)
{
    return weir_utf8_ok((weir_slice){ (const char *)p, len });
}

/* Makes a str of what stands at p, if it is there and UTF-8. */
static inline const unsigned char *build_str(const unsigned char *p,
                                             const unsigned char *end, size_t len,
                                             msgpack_object *to)
{
    if (len > (size_t)(end - p) || (!weir_ascii_ok(p, len) && !build_utf8_ok(p, len))) {
        return NULL;
    }
    to->type = MSGPACK_OBJECT_STR;
    to->via.str.size = (uint32_t)len;
    to->via.str.ptr = (const char *)p;
    return p + len;
}

static const unsigned char *build_open(msgpack_build *b, const unsigned char *p,
                                       size_t n, bool is_map, msgpack_object *to)
{
    msgpack_object *cells = b->free;
    const size_t n_cells = is_map ? n * 2 : n;

    if (n_cells > (size_t)(b->limit - cells) || b->depth == WEIR_MSGPACK_DEPTH) {
        return NULL;
    }
    cells = n == 0 ? NULL : cells;
    if (is_map) {
        to->type = MSGPACK_OBJECT_MAP;
        to->via.map.size = (uint32_t)n;
        to->via.map.ptr = (msgpack_object_kv *)(void *)cells;
        if (b->depth < DUPLICATE_LEVELS) {
            weir_keysigs_init(&b->sigs[b->depth]);
        }
    } else {
        to->type = MSGPACK_OBJECT_ARRAY;
        to->via.array.size = (uint32_t)n;
        to->via.array.ptr = cells;
    }
    b->levels[b->depth++] = (build_level){ cells, n, is_map };
    b->free += n_cells;
    return p;
}

static uint64_t build_big(const unsigned char *p, size_t n)
{
    uint64_t v = 0;

    for (size_t i = 0; i < n; i++) {
        v = v << 8 | p[i];
    }
    return v;
}

static void build_int(uint64_t v, bool is_negative, msgpack_object *to)
{
    to->type =
        is_negative ? MSGPACK_OBJECT_NEGATIVE_INTEGER : MSGPACK_OBJECT_POSITIVE_INTEGER;
    to->via.u64 = v;
}

static void build_float(uint64_t v, size_t n, msgpack_object *to)
{
    const uint32_t half = (uint32_t)v;
    float f;

    if (n == sizeof(v)) {
        to->type = MSGPACK_OBJECT_FLOAT64;
        memcpy(&to->via.f64, &v, sizeof(v));
        return;
    }
    memcpy(&f, &half, sizeof(f));
    to->type = MSGPACK_OBJECT_FLOAT32;
    to->via.f64 = f;
}

/* The types 0xC0 to 0xDF, but for ext; p is at the type. */
static const unsigned char *build_typed(msgpack_build *b, const unsigned char *p,
                                        msgpack_object *to)
{
    /* How many bytes of number, length or count follow. */
    static const unsigned char n_more[32] = {
        0, 0, 0, 0, 1, 2, 4, 0, 0, 0, 4, 8, 1, 2, 4, 8,
        1, 2, 4, 8, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4,
    };
    const unsigned type = *p++;
    const size_t n = n_more[type - 0xC0];

    if (n > (size_t)(b->end - p)) {
        return NULL;
    }
    const uint64_t v = build_big(p, n);
    const unsigned shift = (unsigned)(64 - 8 * n) & 63;

    p += n;
    switch (type) {
    case 0xC0:
        to->type = MSGPACK_OBJECT_NIL;
        return p;
    case 0xC2:
    case 0xC3:
        to->type = MSGPACK_OBJECT_BOOLEAN;
        to->via.boolean = type == 0xC3;
        return p;
    case 0xC4:
    case 0xC5:
    case 0xC6:
        to->type = MSGPACK_OBJECT_BIN;
        to->via.bin.size = (uint32_t)v;
        to->via.bin.ptr = (const char *)p;
        return v <= (size_t)(b->end - p) ? p + v : NULL;
    case 0xCA:
    case 0xCB:
        build_float(v, n, to);
        return p;
    case 0xCC:
    case 0xCD:
    case 0xCE:
    case 0xCF:
        build_int(v, false, to);
        return p;
    case 0xD0:
    case 0xD1:
    case 0xD2:
    case 0xD3:
        build_int((uint64_t)((int64_t)(v << shift) >> shift),
                  (v >> (8 * n - 1) & 1) != 0, to);
        return p;
    case 0xD9:
    case 0xDA:
    case 0xDB:
        return build_str(p, b->end, v, to);
    case 0xDC:
    case 0xDD:
        return v <= BUILD_BYTES ? build_open(b, p, v, false, to) : NULL;
    case 0xDE:
    case 0xDF:
        return v <= BUILD_BYTES ? build_open(b, p, v, true, to) : NULL;
    default:
        return NULL; /* never used, or ext */
    }
}

/* The value at p goes to the cell. Returns what follows; NULL: it is not for this pass. */
static inline const unsigned char *build_value(msgpack_build *b, const unsigned char *p,
                                               const unsigned char *end,
                                               msgpack_object *to)
{
    if (p == end) {
        return NULL;
    }
    const unsigned c = *p;

    if (c >= 0xA0 && c < 0xC0) {
        return build_str(p + 1, end, c & 0x1F, to);
    }
    if (c < 0x80) {
        to->type = MSGPACK_OBJECT_POSITIVE_INTEGER;
        to->via.u64 = c;
        return p + 1;
    }
    if (c < 0xA0) {
        return build_open(b, p + 1, c & 0x0F, c < 0x90, to);
    }
    if (c < 0xE0) {
        return build_typed(b, p, to);
    }
    to->type = MSGPACK_OBJECT_NEGATIVE_INTEGER;
    to->via.i64 = (int8_t)c;
    return p + 1;
}

/*
 * A key of up to 255 bytes: a str, with something behind it, that has not come before where
 * that is looked at (sigs is not NULL).
 */
static inline const unsigned char *build_key(const unsigned char *p,
                                             const unsigned char *end,
                                             weir_keysigs *sigs, msgpack_object *to)
{
    size_t len = end - p < 2 ? SIZE_MAX : (size_t)*p ^ 0xA0;
    uint64_t first, last;

    p++;
    if (len > 0x1F) {
        if (len != (0xD9 ^ 0xA0)) {
            return NULL;
        }
        len = *p++;
    }
    if (len >= (size_t)(end - p)) {
        return NULL;
    }
    weir_keyset_words(p, len, &first, &last);
    if ((((first | last) & BUILD_HIGHS) != 0 || len > 2 * sizeof(first)) &&
        !build_utf8_ok(p, len)) {
        return NULL;
    }
    if (sigs != NULL && !weir_keysigs_add(sigs, weir_keyset_mix(first, last, len))) {
        return NULL;
    }
    to->type = MSGPACK_OBJECT_STR;
    to->via.str.size = (uint32_t)len;
    to->via.str.ptr = (const char *)p;
    return p + len;
}

/* The values of the innermost container, up to its end or to the next that opens. */
static const unsigned char *build_run(msgpack_build *b, const unsigned char *p)
{
    const unsigned char *end = b->end;
    const size_t depth = b->depth;
    build_level *level = &b->levels[depth - 1];
    const bool is_map = level->is_map;
    weir_keysigs *sigs =
        is_map && depth <= DUPLICATE_LEVELS ? &b->sigs[depth - 1] : NULL;
    msgpack_object *at = level->at;
    size_t n_left = level->n_left;

    for (; n_left > 0 && b->depth == depth; n_left--) {
        if (is_map && (p = build_key(p, end, sigs, at++)) == NULL) {
            return NULL;
        }
        if ((p = build_value(b, p, end, at++)) == NULL) {
            return NULL;
        }
    }
    level->at = at;
    level->n_left = n_left;
    while (b->depth > 0 && b->levels[b->depth - 1].n_left == 0) {
        b->depth--;
    }
    return p;
}

static bool build_tree(msgpack_build *b, const unsigned char *p, msgpack_object *root)
{
    p = build_value(b, p, b->end, root);
    while (p != NULL && b->depth > 0) {
        p = build_run(b, p);
    }
    return p == b->end;
}

bool weir_msgpack_build(weir_slice bytes, weir_arena *arena, weir_tree *out)
{
    const size_t n_cells = bytes.len / BUILD_DENSITY + BUILD_HEAD;
    msgpack_object *root = bytes.len > BUILD_BYTES
                               ? NULL
                               : weir_arena_alloc(arena, n_cells * sizeof(*root));
    msgpack_build b WEIR_UNINIT;

    if (root == NULL) {
        return false;
    }
    b.end = (const unsigned char *)bytes.data + bytes.len;
    b.free = root + 1;
    b.limit = root + n_cells;
    b.depth = 0;
    if (!build_tree(&b, (const unsigned char *)bytes.data, root)) {
        weir_arena_trim(arena, root);
        return false;
    }
    weir_arena_trim(arena, b.free);
    *out = (weir_tree){ .root = weir_value_tag(root, WEIR_VALUE_MSGPACK),
                        .borrows = true };
    return true;
}
