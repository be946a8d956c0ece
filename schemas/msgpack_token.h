/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * msgpack_token - the head of a MessagePack value taken apart.
 *
 * Threads: any; nothing is kept.
 */
#ifndef WEIR_SCHEMAS_MSGPACK_TOKEN_H
#define WEIR_SCHEMAS_MSGPACK_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum token_kind {
    TOKEN_OTHER, /* nil, bool, float, bin, ext: told apart by their bytes as they are */
    TOKEN_INT,
    TOKEN_STR,
    TOKEN_ARRAY,
    TOKEN_MAP,
    TOKEN_WRONG
} token_kind;

/* A value's head taken apart. */
typedef struct msgpack_token {
    token_kind kind;
    size_t n_head; /* bytes of the head: type, and length or number */
    size_t n_body; /* bytes behind it */
    uint64_t n;    /* elements of an array, pairs of a map; an integer's 64 bits */
    bool is_negative;
} msgpack_token;

static inline uint64_t token_big(const unsigned char *p, size_t n)
{
    uint64_t v = 0;

    for (size_t i = 0; i < n; i++) {
        v = v << 8 | p[i];
    }
    return v;
}

/* Heads with one length: str, bin (8, 16, 32 bits), ext with its type byte. */
static inline msgpack_token token_sized(token_kind kind, const unsigned char *p,
                                        size_t n_len, size_t n_more)
{
    return (msgpack_token){ .kind = kind,
                            .n_head = 1 + n_len,
                            .n_body = (size_t)token_big(p + 1, n_len) + n_more };
}

static inline msgpack_token token_integer(const unsigned char *p, size_t n,
                                          bool is_signed)
{
    uint64_t v = token_big(p + 1, n);
    unsigned shift = (unsigned)(64 - 8 * n);
    bool is_negative = is_signed && (p[1] & 0x80) != 0;

    if (is_negative && shift > 0) {
        v |= UINT64_MAX << (64 - shift);
    }
    return (msgpack_token){
        .kind = TOKEN_INT, .n_head = 1 + n, .n = v, .is_negative = is_negative
    };
}

/* Bytes of the head of each type from 0xC0 to 0xDF. */
static const unsigned char token_heads[32] = {
    1, 1, 1, 1,    /* nil, never used, false, true */
    2, 3, 5,       /* bin 8, 16, 32 */
    2, 3, 5,       /* ext 8, 16, 32 */
    5, 9,          /* float 32, 64 */
    2, 3, 5, 9,    /* uint 8 to 64 */
    2, 3, 5, 9,    /* int 8 to 64 */
    1, 1, 1, 1, 1, /* fixext 1 to 16 */
    2, 3, 5,       /* str 8, 16, 32 */
    3, 5, 3, 5,    /* array 16, 32, map 16, 32 */
};

/* The types 0xC0 to 0xDF; the head is there in full. */
static inline msgpack_token token_typed(const unsigned char *p)
{
    unsigned char c = *p;

    switch (c) {
    case 0xC1:
        return (msgpack_token){ .kind = TOKEN_WRONG };
    case 0xC4:
    case 0xC5:
    case 0xC6:
        return token_sized(TOKEN_OTHER, p, (size_t)1 << (c - 0xC4), 0);
    case 0xC7:
    case 0xC8:
    case 0xC9:
        return token_sized(TOKEN_OTHER, p, (size_t)1 << (c - 0xC7), 1);
    case 0xCC:
    case 0xCD:
    case 0xCE:
    case 0xCF:
        return token_integer(p, (size_t)1 << (c - 0xCC), false);
    case 0xD0:
    case 0xD1:
    case 0xD2:
    case 0xD3:
        return token_integer(p, (size_t)1 << (c - 0xD0), true);
    case 0xD4:
    case 0xD5:
    case 0xD6:
    case 0xD7:
    case 0xD8:
        return (msgpack_token){ .n_head = 1, .n_body = 1 + ((size_t)1 << (c - 0xD4)) };
    case 0xD9:
    case 0xDA:
    case 0xDB:
        return token_sized(TOKEN_STR, p, (size_t)1 << (c - 0xD9), 0);
    case 0xDC:
    case 0xDD:
        return (msgpack_token){ .kind = TOKEN_ARRAY,
                                .n_head = token_heads[c - 0xC0],
                                .n = token_big(p + 1, (size_t)2 << (c - 0xDC)) };
    case 0xDE:
    case 0xDF:
        return (msgpack_token){ .kind = TOKEN_MAP,
                                .n_head = token_heads[c - 0xC0],
                                .n = token_big(p + 1, (size_t)2 << (c - 0xDE)) };
    default:
        return (msgpack_token){ .n_head = token_heads[c - 0xC0] };
    }
}

/* The value at p, whose head is there in full. */
static inline msgpack_token token_at(const unsigned char *p)
{
    unsigned char c = *p;

    if (c < 0x80) {
        return (msgpack_token){ .kind = TOKEN_INT, .n_head = 1, .n = c };
    }
    if (c < 0x90) {
        return (msgpack_token){ .kind = TOKEN_MAP, .n_head = 1, .n = c & 0x0F };
    }
    if (c < 0xA0) {
        return (msgpack_token){ .kind = TOKEN_ARRAY, .n_head = 1, .n = c & 0x0F };
    }
    if (c < 0xC0) {
        return (msgpack_token){ .kind = TOKEN_STR, .n_head = 1, .n_body = c & 0x1F };
    }
    if (c < 0xE0) {
        return token_typed(p);
    }
    return (msgpack_token){ .kind = TOKEN_INT,
                            .n_head = 1,
                            .n = (uint64_t)(int64_t)(int8_t)c,
                            .is_negative = true };
}

/* True: the head of the value at p is there in full; `left` bytes are. */
static inline bool token_is_whole(const unsigned char *p, size_t left)
{
    return left > 0 && (*p < 0xC0 || *p >= 0xE0 || left >= token_heads[*p - 0xC0]);
}

#endif
