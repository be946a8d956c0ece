/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * msgpack_walk - see msgpack_walk.h.
 *
 * Containers that are open are levels of a small stack; each knows how many values it still
 * waits for (two for each pair of a map).
 */
#include "schemas/msgpack_walk.h"

#include "schemas/keyset.h"
#include "schemas/msgpack_token.h"
#include "worker/base/check.h"
#include "worker/base/hash.h"

enum { DUPLICATE_LEVELS = 2 };

typedef struct walk_level {
    uint64_t n_left; /* values still to come */
    bool is_map;
} walk_level;

typedef struct msgpack_walk {
    const unsigned char *begin, *end;
    weir_err *err;
    weir_status st;
    unsigned depth;
    weir_msgpack_size size;
    walk_level levels[WEIR_MSGPACK_DEPTH];
    weir_keyset sets[DUPLICATE_LEVELS];
} msgpack_walk;

static bool walk_fail(msgpack_walk *w, const unsigned char *at, const char *text)
{
    w->st = weir_fail(w->err, WEIR_EDATA, "msgpack: byte %zu: %s",
                      (size_t)(at - w->begin), text);
    return false;
}

/* What makes a key: an integer's sign and 64 bits, a str's text, else all of its bytes. */
static weir_slice walk_key_bytes(const unsigned char *p, msgpack_token token,
                                 char number[9])
{
    if (token.kind == TOKEN_INT) {
        number[0] = token.is_negative ? 1 : 0;
        memcpy(number + 1, &token.n, sizeof(token.n));
        return (weir_slice){ number, 9 };
    }
    if (token.kind == TOKEN_STR) {
        return (weir_slice){ (const char *)p + token.n_head, token.n_body };
    }
    return (weir_slice){ (const char *)p, token.n_head + token.n_body };
}

static bool walk_key_same(const void *ctx, weir_keyset_key a, weir_keyset_key b)
{
    const msgpack_walk *w = ctx;
    char number_a[9];
    char number_b[9];
    msgpack_token ta = token_at(w->begin + a.at);
    msgpack_token tb = token_at(w->begin + b.at);

    return ta.kind == tb.kind &&
           weir_slice_eq(walk_key_bytes(w->begin + a.at, ta, number_a),
                         walk_key_bytes(w->begin + b.at, tb, number_b));
}

static uint64_t walk_key_hash(const void *ctx, weir_keyset_key key)
{
    const msgpack_walk *w = ctx;
    char number[9];
    weir_slice s =
        walk_key_bytes(w->begin + key.at, token_at(w->begin + key.at), number);

    return weir_hash(s.data, s.len, weir_hash_seed());
}

static const weir_keyset_ops walk_key_ops = { walk_key_same, walk_key_hash };

static bool walk_key_is_new(msgpack_walk *w, const unsigned char *p,
                            msgpack_token token)
{
    char number[9];
    weir_slice s = walk_key_bytes(p, token, number);
    weir_keyset_key key = { (uint32_t)(p - w->begin), (uint32_t)s.len };
    uint64_t sig = weir_keyset_sig((const unsigned char *)s.data, s.len);

    switch (weir_keyset_add(&w->sets[w->depth - 1], key, sig, &walk_key_ops, w)) {
    case WEIR_KEYSET_NEW:
        return true;
    case WEIR_KEYSET_SEEN:
        if (token.kind != TOKEN_STR) {
            return walk_fail(w, p, "a key comes twice");
        }
        w->st = weir_fail(
            w->err, WEIR_EDATA, "msgpack: byte %zu: the key \"%.*s\" comes twice",
            (size_t)(p - w->begin), (int)(s.len < 60 ? s.len : 60), s.data);
        return false;
    default:
        w->st = weir_fail(w->err, WEIR_ENOMEM, "msgpack: out of memory");
        return false;
    }
}

static bool walk_open(msgpack_walk *w, const unsigned char *p, msgpack_token token)
{
    bool is_map = token.kind == TOKEN_MAP;
    uint64_t n_values = is_map ? token.n * 2 : token.n;

    if (w->depth == WEIR_MSGPACK_DEPTH) {
        return walk_fail(w, p, "nested deeper than 32 levels");
    }
    if (n_values > (size_t)(w->end - p) - token.n_head) {
        return walk_fail(w, p, "a count that the bytes left cannot hold");
    }
    w->size.n_containers++;
    if (is_map) {
        w->size.n_pairs += token.n;
        if (w->depth < DUPLICATE_LEVELS) {
            weir_keyset_init(&w->sets[w->depth]);
        }
    } else {
        w->size.n_items += token.n;
    }
    w->levels[w->depth] = (walk_level){ n_values, is_map };
    w->depth++;
    return true;
}

/* Closes every level that waits for nothing more. */
static void walk_close(msgpack_walk *w, bool is_forced)
{
    while (w->depth > 0 && (is_forced || w->levels[w->depth - 1].n_left == 0)) {
        if (w->depth <= DUPLICATE_LEVELS && w->levels[w->depth - 1].is_map) {
            weir_keyset_fini(&w->sets[w->depth - 1]);
        }
        w->depth--;
    }
}

/*
 * Small integers and short ASCII strs, most of what events hold, in a few instructions.
 * False: something else, or something wrong; walk_value() then looks at it from the start.
 */
static inline bool walk_small(msgpack_walk *w, const unsigned char **at)
{
    const unsigned char *p = *at;
    unsigned char c = *p;

    if (w->depth == 0) {
        return false;
    }
    walk_level *level = &w->levels[w->depth - 1];
    bool is_key =
        level->is_map && level->n_left % 2 == 0 && w->depth <= DUPLICATE_LEVELS;

    if ((c < 0x80 || c >= 0xE0) && !is_key) {
        level->n_left--;
        *at = p + 1;
        return true;
    }
    size_t len = c & 0x1F;

    if (c < 0xA0 || c > 0xBF || len > (size_t)(w->end - p - 1) ||
        !weir_ascii_ok(p + 1, len)) {
        return false;
    }
    if (is_key) {
        weir_keyset_key key = { (uint32_t)(p - w->begin), (uint32_t)len };

        if (weir_keyset_add(&w->sets[w->depth - 1], key, weir_keyset_sig(p + 1, len),
                            &walk_key_ops, w) != WEIR_KEYSET_NEW) {
            return false;
        }
    }
    level->n_left--;
    *at = p + 1 + len;
    return true;
}

/* One value or the head of a container at *at. */
static bool walk_value(msgpack_walk *w, const unsigned char **at)
{
    const unsigned char *p = *at;
    size_t left = (size_t)(w->end - p);
    bool is_key = false;

    if (!token_is_whole(p, left)) {
        return walk_fail(w, p, "the bytes end inside a value");
    }
    msgpack_token token = token_at(p);

    if (token.kind == TOKEN_WRONG) {
        return walk_fail(w, p, "0xc1 begins no value");
    }
    if (token.n_body > left - token.n_head) {
        return walk_fail(w, p, "a length that the bytes left cannot hold");
    }
    if (w->depth > 0) {
        walk_level *level = &w->levels[w->depth - 1];

        is_key = level->is_map && level->n_left % 2 == 0;
        level->n_left--;
    }
    *at = p + token.n_head + token.n_body;
    if (token.kind == TOKEN_ARRAY || token.kind == TOKEN_MAP) {
        if (is_key) {
            return walk_fail(w, p, "a map or array as a key");
        }
        return walk_open(w, p, token);
    }
    if (token.kind == TOKEN_STR && !weir_ascii_ok(p + token.n_head, token.n_body) &&
        !weir_utf8_ok((weir_slice){ (const char *)p + token.n_head, token.n_body })) {
        return walk_fail(w, p, "a str that is not UTF-8");
    }
    return !is_key || w->depth > DUPLICATE_LEVELS || walk_key_is_new(w, p, token);
}

weir_status weir_msgpack_walk(weir_slice bytes, weir_msgpack_size *out, weir_err *err)
{
    msgpack_walk w WEIR_UNINIT;
    const unsigned char *p = (const unsigned char *)bytes.data;

    if (bytes.len > WEIR_DOCUMENT_MAX) {
        return weir_fail(err, WEIR_EDATA, "msgpack: longer than %zu bytes",
                         (size_t)WEIR_DOCUMENT_MAX);
    }
    w.begin = p;
    w.end = p + bytes.len;
    w.err = err;
    w.st = WEIR_OK;
    w.depth = 0;
    w.size = (weir_msgpack_size){ 0, 0, 0 };
    do {
        if ((p == w.end || !walk_small(&w, &p)) && !walk_value(&w, &p)) {
            break;
        }
        if (w.depth > 0 && w.levels[w.depth - 1].n_left == 0) {
            walk_close(&w, false);
        }
    } while (w.depth > 0);
    walk_close(&w, true);
    if (w.st == WEIR_OK && p != w.end) {
        (void)walk_fail(&w, p, "something follows the value");
    }
    if (w.st == WEIR_OK) {
        *out = w.size;
    }
    return w.st;
}

weir_slice weir_msgpack_span(weir_slice bytes, const char *at)
{
    const unsigned char *p = (const unsigned char *)at;
    const unsigned char *end = (const unsigned char *)bytes.data + bytes.len;
    uint64_t n_left = 1;

    for (; n_left > 0 && p < end; n_left--) {
        msgpack_token token = token_at(p);

        p += token.n_head + token.n_body;
        n_left += token.kind == TOKEN_MAP     ? token.n * 2
                  : token.kind == TOKEN_ARRAY ? token.n
                                              : 0;
    }
    return (weir_slice){ at, (size_t)((const char *)p - at) };
}
