/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_pick - see pick.h.
 *
 * Each step answers with the next byte to look at, or NULL: DOUBT. Names are compared as they
 * are written, so one with an escape is a doubt. Of a name that comes twice the first counts,
 * as it does for pointers into a tree.
 */
#include "schemas/json_plain.h"
#include "schemas/pick.h"
#include "schemas/value_impl.h"

#define PICK_DIGITS 18 /* of integers that 64 bits hold for certain */

static const unsigned char *pick_space(const unsigned char *p, const unsigned char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) {
        p++;
    }
    return p;
}

/* p is behind the opening quote; the answer is the closing one. */
static const unsigned char *pick_string(const unsigned char *p,
                                        const unsigned char *end, bool *has_escape)
{
    for (;;) {
        p = weir_json_plain(p, end);
        while (p < end && *p >= 0x80) {
            p++;
        }
        if (p == end) {
            return NULL;
        }
        if (*p == '"') {
            return p;
        }
        if (*p == '\\') {
            *has_escape = true;
            if (end - p < 2) {
                return NULL;
            }
            p += 2;
        } else if (*p < 0x20) {
            return NULL;
        }
    }
}

/* p is at a bracket of either kind; the answer is behind its partner. */
static const unsigned char *pick_skip_container(const unsigned char *p,
                                                const unsigned char *end)
{
    size_t depth = 0;
    bool has_escape = false;

    for (; p < end; p++) {
        /* '[' and '{', ']' and '}' differ in this bit alone. */
        const unsigned char c = *p | 0x20;

        if (*p == '"') {
            if ((p = pick_string(p + 1, end, &has_escape)) == NULL) {
                return NULL;
            }
        } else if (c == '{') {
            depth++;
        } else if (c == '}' && --depth == 0) {
            return p + 1;
        }
    }
    return NULL;
}

/* Passes over the value at p. */
static const unsigned char *pick_skip(const unsigned char *p, const unsigned char *end)
{
    bool has_escape = false;

    if (p == end) {
        return NULL;
    }
    if (*p == '"') {
        p = pick_string(p + 1, end, &has_escape);
        return p == NULL ? NULL : p + 1;
    }
    if (*p == '{' || *p == '[') {
        return pick_skip_container(p, end);
    }
    while (p<end && * p> ' ' && *p != ',' && *p != ']' && *p != '}') {
        p++;
    }
    return p;
}

/* Behind the comma that follows a value, or at the byte that ends the container. */
static const unsigned char *pick_next(const unsigned char *p, const unsigned char *end,
                                      unsigned char close)
{
    p = pick_space(p, end);
    if (p == end || (*p != ',' && *p != close)) {
        return NULL;
    }
    return *p == close ? p : pick_space(p + 1, end);
}

/* The member of that name of the map at *at. */
static weir_pick pick_member(const unsigned char **at, const unsigned char *end,
                             weir_slice name)
{
    const unsigned char *p = pick_space(*at + 1, end);

    while (p != NULL && p < end && *p == '"') {
        const unsigned char *key = p + 1;
        bool has_escape = false;
        const unsigned char *quote = pick_string(key, end, &has_escape);

        if (quote == NULL || has_escape) {
            return WEIR_PICK_DOUBT;
        }
        p = pick_space(quote + 1, end);
        if (p == end || *p != ':') {
            return WEIR_PICK_DOUBT;
        }
        p = pick_space(p + 1, end);
        if ((size_t)(quote - key) == name.len &&
            (name.len == 0 || memcmp(key, name.data, name.len) == 0)) {
            *at = p;
            return WEIR_PICK_FOUND;
        }
        p = pick_skip(p, end);
        p = p == NULL ? NULL : pick_next(p, end, '}');
    }
    return p != NULL && p < end && *p == '}' ? WEIR_PICK_NONE : WEIR_PICK_DOUBT;
}

/* The item of that index of the array at *at. */
static weir_pick pick_item(const unsigned char **at, const unsigned char *end,
                           size_t index)
{
    const unsigned char *p = pick_space(*at + 1, end);

    for (size_t i = 0; p != NULL && p < end && *p != ']'; i++) {
        if (i == index) {
            *at = p;
            return WEIR_PICK_FOUND;
        }
        p = pick_skip(p, end);
        p = p == NULL ? NULL : pick_next(p, end, ']');
    }
    return p != NULL && p < end ? WEIR_PICK_NONE : WEIR_PICK_DOUBT;
}

/* The value at p as a key. */
static weir_pick pick_value(const unsigned char *p, const unsigned char *end,
                            weir_slice *out)
{
    const unsigned char *to = p;
    bool has_escape = false;

    if (*p == '"') {
        to = pick_string(p + 1, end, &has_escape);
        if (to == NULL || has_escape) {
            return WEIR_PICK_DOUBT;
        }
        *out = (weir_slice){ (const char *)p + 1, (size_t)(to - p - 1) };
        return WEIR_PICK_FOUND;
    }
    if (end - p >= 4 && memcmp(p, "null", 4) == 0) {
        return WEIR_PICK_NONE;
    }
    while (to < end && (unsigned)(*to - '0') <= 9) {
        to++;
    }
    if (to == p || to - p > PICK_DIGITS || (*p == '0' && to - p > 1) ||
        (to < end && (*to == '.' || *to == 'e' || *to == 'E'))) {
        return WEIR_PICK_DOUBT;
    }
    *out = (weir_slice){ (const char *)p, (size_t)(to - p) };
    return WEIR_PICK_FOUND;
}

weir_pick weir_json_pick(weir_slice text, const weir_pointer *p, weir_slice *out)
{
    const unsigned char *at = (const unsigned char *)text.data;
    const unsigned char *end = at + text.len;

    at = pick_space(at, end);
    for (size_t i = 0; i < p->n; i++) {
        const weir_pointer_token *token = &p->tokens[i];
        weir_pick found = at == end ? WEIR_PICK_DOUBT : WEIR_PICK_NONE;

        if (at < end && *at == '{') {
            found = pick_member(&at, end, token->name);
        } else if (at < end && *at == '[' && token->is_index) {
            found = pick_item(&at, end, token->index);
        }
        if (found != WEIR_PICK_FOUND) {
            return found;
        }
    }
    return at == end ? WEIR_PICK_DOUBT : pick_value(at, end, out);
}
