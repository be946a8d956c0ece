/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_walk - see json_walk.h.
 *
 * This runs on every JSON event before the parser, so strings go 16 or 8 bytes at a time and
 * nothing is allocated for maps of up to WEIR_KEYSET_SMALL keys.
 *
 *            value                                     ',' in an array
 *     VALUE ------> AFTER ---------------------------------> VALUE
 *       |  '{'        |  ^ '}' ']' (up a level)
 *       v             |  |                            ',' in a map
 *      KEY <----------+--+---------------------------------- AFTER
 *       ---- ':' ---> VALUE
 */
#include "schemas/json_walk.h"

#include "schemas/json_plain.h"
#include "schemas/keyset.h"
#include "worker/base/check.h"
#include "worker/base/hash.h"

#include <stdlib.h>

#define KEY_STACK 256

enum { DUPLICATE_LEVELS = 2 };

typedef enum walk_state {
    WALK_VALUE,
    WALK_KEY,
    WALK_AFTER,
    WALK_END,
    WALK_FAILED
} walk_state;

typedef struct json_walk {
    const unsigned char *begin, *end;
    weir_err *err;
    weir_status st;
    size_t n_values;
    unsigned depth;
    uint64_t is_map[WEIR_JSON_DEPTH / 64]; /* a bit for each open level */
    weir_keyset sets[DUPLICATE_LEVELS];
} json_walk;

static const unsigned char *walk_fail(json_walk *w, const unsigned char *at,
                                      const char *text)
{
    w->st = weir_fail(w->err, WEIR_EDATA, "json: byte %zu: %s", (size_t)(at - w->begin),
                      text);
    return NULL;
}

static inline const unsigned char *walk_space(const unsigned char *p,
                                              const unsigned char *end)
{
    if (p<end && * p> ' ') {
        return p; /* nearly always */
    }
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) {
        p++;
    }
    return p;
}

static bool walk_hex4(const unsigned char *p, const unsigned char *end, unsigned *out)
{
    unsigned v = 0;

    if (end - p < 4) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        unsigned char c = p[i];
        unsigned char lower = c | 0x20;

        if (c >= '0' && c <= '9') {
            v = v << 4 | (unsigned)(c - '0');
        } else if (lower >= 'a' && lower <= 'f') {
            v = v << 4 | (unsigned)(lower - 'a' + 10);
        } else {
            return false;
        }
    }
    *out = v;
    return true;
}

/* p is at the backslash. NULL: not an escape. */
static const unsigned char *walk_escape(const unsigned char *p,
                                        const unsigned char *end)
{
    unsigned unit = 0;

    if (end - p < 2) {
        return NULL;
    }
    if (p[1] != 'u') {
        return p[1] != '\0' && strchr("\"\\/bfnrt", p[1]) != NULL ? p + 2 : NULL;
    }
    if (!walk_hex4(p + 2, end, &unit) || (unit >= 0xDC00 && unit <= 0xDFFF)) {
        return NULL;
    }
    if (unit < 0xD800 || unit > 0xDBFF) {
        return p + 6;
    }
    if (end - p < 12 || p[6] != '\\' || p[7] != 'u' || !walk_hex4(p + 8, end, &unit)) {
        return NULL;
    }
    return unit >= 0xDC00 && unit <= 0xDFFF ? p + 12 : NULL;
}

/* The string has more than plain ASCII at p. */
static const unsigned char *walk_string_slow(json_walk *w, const unsigned char *p,
                                             bool *has_escape)
{
    for (;; p = weir_json_plain(p, w->end)) {
        const unsigned char *next = NULL;

        if (p == w->end) {
            return walk_fail(w, p, "the text ends inside a string");
        }
        if (*p == '"') {
            return p;
        }
        if (*p == '\\') {
            *has_escape = true;
            if ((next = walk_escape(p, w->end)) == NULL) {
                return walk_fail(
                    w, p, "not an escape that JSON knows, or half a surrogate pair");
            }
        } else if (*p < 0x20) {
            return walk_fail(w, p, "a control character inside a string");
        } else {
            size_t step = weir_utf8_step(
                (weir_slice){ (const char *)p, (size_t)(w->end - p) }, 0);

            if (step == 0) {
                return walk_fail(w, p, "not UTF-8");
            }
            next = p + step;
        }
        p = next;
    }
}

/* p is behind the opening quote; the answer is the closing one. */
static inline const unsigned char *walk_string(json_walk *w, const unsigned char *p,
                                               bool *has_escape)
{
    p = weir_json_plain(p, w->end);
    return p < w->end && *p == '"' ? p : walk_string_slow(w, p, has_escape);
}

static const unsigned char *walk_digits(const unsigned char *p,
                                        const unsigned char *end)
{
    while (p < end && (unsigned)(*p - '0') <= 9) {
        p++;
    }
    return p;
}

static const unsigned char *walk_number(json_walk *w, const unsigned char *p)
{
    const unsigned char *end = w->end;
    const unsigned char *at = p + (*p == '-' ? 1 : 0);

    p = walk_digits(at, end);
    if (p == at || (*at == '0' && p - at > 1)) {
        return walk_fail(w, at, "not a number as JSON writes it");
    }
    if (p < end && *p == '.') {
        at = p + 1;
        p = walk_digits(at, end);
        if (p == at) {
            return walk_fail(w, at, "a digit must follow the point");
        }
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        at = p + 1;
        at += at < end && (*at == '+' || *at == '-') ? 1 : 0;
        p = walk_digits(at, end);
        if (p == at) {
            return walk_fail(w, at, "a digit must follow the exponent's sign");
        }
    }
    return p;
}

static const unsigned char *walk_word(json_walk *w, const unsigned char *p,
                                      const char *word, size_t len)
{
    if ((size_t)(w->end - p) < len || memcmp(p, word, len) != 0) {
        return walk_fail(w, p, "want a value");
    }
    return p + len;
}

/* The bytes of a key without its escapes; `to` has room for key.len. Valid by now. */
static size_t walk_unescape(const unsigned char *p, size_t len, unsigned char *to)
{
    static const char from[] = "bfnrt";
    static const char into[] = "\b\f\n\r\t";
    const unsigned char *end = p + len;
    size_t n = 0;

    while (p < end) {
        unsigned unit = 0;
        unsigned low = 0;

        if (*p != '\\') {
            to[n++] = *p++;
            continue;
        }
        if (p[1] != 'u') {
            const char *found = strchr(from, p[1]);

            to[n++] = found == NULL ? p[1] : (unsigned char)into[found - from];
            p += 2;
            continue;
        }
        (void)walk_hex4(p + 2, end, &unit);
        p += 6;
        if (unit < 0x80) {
            to[n++] = (unsigned char)unit;
        } else if (unit < 0x800) {
            to[n++] = (unsigned char)(0xC0 | unit >> 6);
            to[n++] = (unsigned char)(0x80 | (unit & 0x3F));
        } else if (unit < 0xD800 || unit > 0xDBFF) {
            to[n++] = (unsigned char)(0xE0 | unit >> 12);
            to[n++] = (unsigned char)(0x80 | (unit >> 6 & 0x3F));
            to[n++] = (unsigned char)(0x80 | (unit & 0x3F));
        } else {
            (void)walk_hex4(p + 2, end, &low);
            p += 6;
            unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
            to[n++] = (unsigned char)(0xF0 | unit >> 18);
            to[n++] = (unsigned char)(0x80 | (unit >> 12 & 0x3F));
            to[n++] = (unsigned char)(0x80 | (unit >> 6 & 0x3F));
            to[n++] = (unsigned char)(0x80 | (unit & 0x3F));
        }
    }
    return n;
}

/* A key's bytes as they are meant; points into the text, or into buf or the heap (*heap). */
static weir_slice walk_key_bytes(const json_walk *w, weir_keyset_key key,
                                 unsigned char *buf, unsigned char **heap)
{
    const unsigned char *p = w->begin + key.at;
    unsigned char *to = buf;

    *heap = NULL;
    if (memchr(p, '\\', key.len) == NULL) {
        return (weir_slice){ (const char *)p, key.len };
    }
    if (key.len > KEY_STACK && (to = *heap = malloc(key.len)) == NULL) {
        return WEIR_SLICE_NONE;
    }
    return (weir_slice){ (const char *)to, walk_unescape(p, key.len, to) };
}

/* Out of memory counts as different: the key is then let through, as a deeper one would be. */
static bool walk_key_same(const void *ctx, weir_keyset_key a, weir_keyset_key b)
{
    const json_walk *w = ctx;
    unsigned char buf_a[KEY_STACK];
    unsigned char buf_b[KEY_STACK];
    unsigned char *heap_a = NULL;
    unsigned char *heap_b = NULL;
    weir_slice sa = walk_key_bytes(w, a, buf_a, &heap_a);
    weir_slice sb = walk_key_bytes(w, b, buf_b, &heap_b);
    bool is_same = sa.data != NULL && weir_slice_eq(sa, sb);

    free(heap_a);
    free(heap_b);
    return is_same;
}

static uint64_t walk_key_hash(const void *ctx, weir_keyset_key key)
{
    unsigned char buf[KEY_STACK];
    unsigned char *heap = NULL;
    weir_slice s = walk_key_bytes(ctx, key, buf, &heap);
    uint64_t hash = weir_hash(s.data, s.len, weir_hash_seed());

    free(heap);
    return hash;
}

static const weir_keyset_ops walk_key_ops = { walk_key_same, walk_key_hash };

static bool walk_key_is_new(json_walk *w, const unsigned char *p, size_t len,
                            bool has_escape)
{
    weir_keyset_key key = { (uint32_t)(p - w->begin), (uint32_t)len };
    weir_keyset *set = &w->sets[w->depth - 1];
    uint64_t sig = 0;

    if (!has_escape) {
        sig = weir_keyset_sig(p, len);
    } else {
        unsigned char buf[KEY_STACK];
        unsigned char *heap = NULL;
        weir_slice s = walk_key_bytes(w, key, buf, &heap);

        sig =
            s.data == NULL ? 0 : weir_keyset_sig((const unsigned char *)s.data, s.len);
        free(heap);
    }
    switch (weir_keyset_add(set, key, sig, &walk_key_ops, w)) {
    case WEIR_KEYSET_NEW:
        return true;
    case WEIR_KEYSET_SEEN:
        w->st = weir_fail(
            w->err, WEIR_EDATA, "json: byte %zu: the key \"%.*s\" comes twice",
            (size_t)(p - 1 - w->begin), (int)(len < 60 ? len : 60), (const char *)p);
        return false;
    default:
        w->st = weir_fail(w->err, WEIR_ENOMEM, "json: out of memory");
        return false;
    }
}

static bool walk_in_map(const json_walk *w)
{
    return (w->is_map[(w->depth - 1) / 64] >> ((w->depth - 1) % 64) & 1) != 0;
}

/* Goes down a level at the bracket p. */
static bool walk_open(json_walk *w, const unsigned char *p)
{
    uint64_t bit = UINT64_C(1) << (w->depth % 64);

    if (w->depth == WEIR_JSON_DEPTH) {
        (void)walk_fail(w, p, "nested deeper than 128 levels");
        return false;
    }
    if (*p == '{') {
        w->is_map[w->depth / 64] |= bit;
        if (w->depth < DUPLICATE_LEVELS) {
            weir_keyset_init(&w->sets[w->depth]);
        }
    } else {
        w->is_map[w->depth / 64] &= ~bit;
    }
    w->depth++;
    return true;
}

static void walk_close(json_walk *w)
{
    if (w->depth <= DUPLICATE_LEVELS && walk_in_map(w)) {
        weir_keyset_fini(&w->sets[w->depth - 1]);
    }
    w->depth--;
}

/* One value, or the opening of one; p is behind white space. */
static walk_state walk_value(json_walk *w, const unsigned char **at)
{
    const unsigned char *p = *at;
    bool has_escape = false;

    if (p == w->end) {
        (void)walk_fail(w, p, "the text ends where a value must stand");
        return WALK_FAILED;
    }
    w->n_values++;
    switch (*p) {
    case '"':
        p = walk_string(w, p + 1, &has_escape);
        p = p == NULL ? NULL : p + 1;
        break;
    case '{':
    case '[':
        if (!walk_open(w, p)) {
            return WALK_FAILED;
        }
        *at = walk_space(p + 1, w->end);
        if (*at < w->end && **at == (*p == '{' ? '}' : ']')) {
            return WALK_AFTER;
        }
        return *p == '{' ? WALK_KEY : WALK_VALUE;
    case 't':
        p = walk_word(w, p, "true", 4);
        break;
    case 'f':
        p = walk_word(w, p, "false", 5);
        break;
    case 'n':
        p = walk_word(w, p, "null", 4);
        break;
    default:
        p = *p == '-' || (unsigned)(*p - '0') <= 9 ? walk_number(w, p)
                                                   : walk_fail(w, p, "want a value");
        break;
    }
    *at = p;
    return p == NULL ? WALK_FAILED : WALK_AFTER;
}

/* A key and its colon; p is behind white space. */
static walk_state walk_key(json_walk *w, const unsigned char **at)
{
    const unsigned char *p = *at;
    bool has_escape = false;

    if (p == w->end || *p != '"') {
        (void)walk_fail(w, p, "want a key in quotes");
        return WALK_FAILED;
    }
    const unsigned char *quote = walk_string(w, p + 1, &has_escape);

    if (quote == NULL) {
        return WALK_FAILED;
    }
    w->n_values++;
    if (w->depth <= DUPLICATE_LEVELS &&
        !walk_key_is_new(w, p + 1, (size_t)(quote - p - 1), has_escape)) {
        return WALK_FAILED;
    }
    p = walk_space(quote + 1, w->end);
    if (p == w->end || *p != ':') {
        (void)walk_fail(w, p, "want ':' behind a key");
        return WALK_FAILED;
    }
    *at = p + 1;
    return WALK_VALUE;
}

/* What stands behind a value: a comma, the end of the level, or of the text. */
static walk_state walk_after(json_walk *w, const unsigned char **at)
{
    const unsigned char *p = *at;

    if (w->depth == 0) {
        if (p != w->end) {
            (void)walk_fail(w, p, "something follows the value");
        }
        return p == w->end ? WALK_END : WALK_FAILED;
    }
    bool is_map = walk_in_map(w);

    if (p == w->end) {
        (void)walk_fail(w, p,
                        is_map ? "the text ends inside a map"
                               : "the text ends inside an array");
        return WALK_FAILED;
    }
    *at = p + 1;
    if (*p == ',') {
        return is_map ? WALK_KEY : WALK_VALUE;
    }
    if (*p == (is_map ? '}' : ']')) {
        walk_close(w);
        return WALK_AFTER;
    }
    (void)walk_fail(w, p, is_map ? "want ',' or '}'" : "want ',' or ']'");
    return WALK_FAILED;
}

weir_status weir_json_walk(weir_slice text, size_t *n_values, weir_err *err)
{
    json_walk w WEIR_UNINIT;
    walk_state state = WALK_VALUE;
    const unsigned char *p = (const unsigned char *)text.data;

    if (text.len > WEIR_DOCUMENT_MAX) {
        return weir_fail(err, WEIR_EDATA, "json: longer than %zu bytes",
                         (size_t)WEIR_DOCUMENT_MAX);
    }
    w.begin = p;
    w.end = p + text.len;
    w.err = err;
    w.st = WEIR_OK;
    w.n_values = 0;
    w.depth = 0;
    while (state < WALK_END) {
        p = walk_space(p, w.end);
        state = state == WALK_VALUE ? walk_value(&w, &p)
                : state == WALK_KEY ? walk_key(&w, &p)
                                    : walk_after(&w, &p);
    }
    while (w.depth > 0) {
        walk_close(&w); /* after a failure: the key sets may be on the heap */
    }
    if (w.st == WEIR_OK) {
        *n_values = w.n_values;
    }
    return w.st;
}
