/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * msgpack_pick - see pick.h.
 *
 * Each step answers with the next byte to look at, or NULL: DOUBT.
 */
#include "schemas/msgpack_token.h"
#include "schemas/pick.h"
#include "schemas/position.h"
#include "schemas/value_impl.h"

#define PICK_U64_TEXT 24

/* The head at p into *token. False: it is not whole, or its body is not. */
static bool pick_token(const unsigned char *p, const unsigned char *end,
                       msgpack_token *token)
{
    const size_t left = (size_t)(end - p);

    if (!token_is_whole(p, left)) {
        return false;
    }
    *token = token_at(p);
    return token->kind != TOKEN_WRONG && token->n_body <= left - token->n_head;
}

/* Passes over the value at p. */
static const unsigned char *pick_skip(const unsigned char *p, const unsigned char *end)
{
    uint64_t n_left = 1;

    for (; n_left > 0; n_left--) {
        msgpack_token token;

        if (!pick_token(p, end, &token)) {
            return NULL;
        }
        p += token.n_head + token.n_body;
        n_left += token.kind == TOKEN_MAP     ? token.n * 2
                  : token.kind == TOKEN_ARRAY ? token.n
                                              : 0;
        if (n_left - 1 > (size_t)(end - p)) {
            return NULL; /* each takes a byte at least */
        }
    }
    return p;
}

/* The member of that name; *at is behind the head of a map of n pairs. */
static weir_pick pick_member(const unsigned char **at, const unsigned char *end,
                             uint64_t n, weir_slice name)
{
    const unsigned char *p = *at;

    for (; n > 0; n--) {
        msgpack_token token;

        if (!pick_token(p, end, &token) || token.kind == TOKEN_MAP ||
            token.kind == TOKEN_ARRAY) {
            return WEIR_PICK_DOUBT;
        }
        const unsigned char *key = p + token.n_head;

        p = key + token.n_body;
        if (token.kind == TOKEN_STR && token.n_body == name.len &&
            (name.len == 0 || memcmp(key, name.data, name.len) == 0)) {
            *at = p;
            return WEIR_PICK_FOUND;
        }
        if ((p = pick_skip(p, end)) == NULL) {
            return WEIR_PICK_DOUBT;
        }
    }
    return WEIR_PICK_NONE;
}

/* The item of that index; *at is behind the head of an array of n items. */
static weir_pick pick_item(const unsigned char **at, const unsigned char *end,
                           uint64_t n, size_t index)
{
    const unsigned char *p = *at;

    if (index >= n) {
        return WEIR_PICK_NONE;
    }
    for (; p != NULL && index > 0; index--) {
        p = pick_skip(p, end);
    }
    *at = p;
    return p == NULL ? WEIR_PICK_DOUBT : WEIR_PICK_FOUND;
}

/* The value at p as a key. */
static weir_pick pick_value(const unsigned char *p, const unsigned char *end,
                            weir_buf *scratch, weir_slice *out)
{
    char text[PICK_U64_TEXT];
    msgpack_token token;

    if (!pick_token(p, end, &token)) {
        return WEIR_PICK_DOUBT;
    }
    if (token.kind == TOKEN_STR) {
        *out = (weir_slice){ (const char *)p + token.n_head, token.n_body };
        return WEIR_PICK_FOUND;
    }
    if (token.kind == TOKEN_INT && !token.is_negative) {
        weir_buf_reset(scratch);
        weir_buf_add(scratch, text, weir_u64_format(token.n, text));
        *out = weir_buf_slice(scratch);
        return scratch->has_failed ? WEIR_PICK_DOUBT : WEIR_PICK_FOUND;
    }
    return *p == 0xC0 ? WEIR_PICK_NONE : WEIR_PICK_DOUBT;
}

weir_pick weir_msgpack_pick(weir_slice bytes, const weir_pointer *p, weir_buf *scratch,
                            weir_slice *out)
{
    const unsigned char *at = (const unsigned char *)bytes.data;
    const unsigned char *end = at + bytes.len;

    for (size_t i = 0; i < p->n; i++) {
        const weir_pointer_token *step = &p->tokens[i];
        weir_pick found = WEIR_PICK_NONE;
        msgpack_token token;

        if (!pick_token(at, end, &token)) {
            return WEIR_PICK_DOUBT;
        }
        if (token.kind == TOKEN_MAP) {
            at += token.n_head;
            found = pick_member(&at, end, token.n, step->name);
        } else if (token.kind == TOKEN_ARRAY && step->is_index) {
            at += token.n_head;
            found = pick_item(&at, end, token.n, step->index);
        }
        if (found != WEIR_PICK_FOUND) {
            return found;
        }
    }
    return pick_value(at, end, scratch, out);
}
