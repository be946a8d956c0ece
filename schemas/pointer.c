/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pointer - RFC 6901 JSON Pointers on values; see value.h.
 *
 * "" is the value itself. "/a~1b/0" is: member "a/b", then item 0 of an array or member "0"
 * of a map. An index has no leading zeros; "-" stands behind the last item, so finds nothing.
 */
#include "schemas/value_impl.h"

#include <stdlib.h>

#define POINTER_STACK 256

typedef struct pointer_token {
    weir_slice name; /* with ~0 and ~1 replaced */
    bool is_index;
    size_t index;
} pointer_token;

struct weir_pointer {
    size_t n;
    pointer_token *tokens;
    char *text; /* the names */
};

static bool pointer_index(weir_slice s, size_t *out)
{
    size_t v = 0;

    if (s.len == 0 || s.len > 18 || (s.len > 1 && s.data[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9') {
            return false;
        }
        v = v * 10 + (size_t)(s.data[i] - '0');
    }
    *out = v;
    return true;
}

/* Replaces ~1 and ~0 into `to`, which may be the token's own bytes. False: another ~. */
static bool pointer_unescape(weir_slice token, char *to, size_t *len)
{
    size_t n = 0;

    for (size_t i = 0; i < token.len; i++) {
        char c = token.data[i];

        if (c == '~') {
            if (++i == token.len || (token.data[i] != '0' && token.data[i] != '1')) {
                return false;
            }
            c = token.data[i] == '0' ? '~' : '/';
        }
        to[n++] = c;
    }
    *len = n;
    return true;
}

static const weir_value *pointer_step(const weir_value *v, weir_slice name)
{
    size_t index = 0;
    const weir_type type = weir_val_type(v);

    if (type == WEIR_TYPE_MAP) {
        return weir_val_member(v, name);
    }
    return type == WEIR_TYPE_ARRAY && pointer_index(name, &index)
               ? weir_val_item(v, index)
               : NULL;
}

/* A step by a token that is written with escapes. */
static const weir_value *pointer_step_escaped(const weir_value *v, weir_slice token)
{
    char stack[POINTER_STACK];
    char *name = stack;
    size_t len = 0;
    const weir_value *found = NULL;

    if (token.len > sizeof(stack) && (name = malloc(token.len)) == NULL) {
        return NULL;
    }
    if (pointer_unescape(token, name, &len)) {
        found = pointer_step(v, (weir_slice){ name, len });
    }
    if (name != stack) {
        free(name);
    }
    return found;
}

const weir_value *weir_val_at(const weir_value *v, const char *pointer)
{
    if (pointer == NULL) {
        return NULL;
    }
    while (v != NULL && *pointer == '/') {
        const char *begin = pointer + 1;
        bool has_escape = false;

        for (pointer = begin; *pointer != '/' && *pointer != '\0'; pointer++) {
            has_escape = has_escape || *pointer == '~';
        }
        const weir_slice token = { begin, (size_t)(pointer - begin) };

        v = has_escape ? pointer_step_escaped(v, token) : pointer_step(v, token);
    }
    return *pointer == '\0' ? v : NULL; /* else it did not begin with a slash */
}

static size_t pointer_count(const char *text)
{
    size_t n = 0;

    for (; *text != '\0'; text++) {
        n += *text == '/' ? 1 : 0;
    }
    return n;
}

/* Cuts p->text, which is a copy of the pointer, into its tokens. */
static bool pointer_split(weir_pointer *p)
{
    char *at = p->text;

    for (size_t i = 0; i < p->n; i++) {
        char *begin = at + 1;
        size_t raw = strcspn(begin, "/");
        size_t len = 0;

        if (!pointer_unescape((weir_slice){ begin, raw }, begin, &len)) {
            return false;
        }
        p->tokens[i].name = (weir_slice){ begin, len };
        p->tokens[i].is_index = pointer_index(p->tokens[i].name, &p->tokens[i].index);
        at = begin + raw;
    }
    return true;
}

weir_status weir_pointer_new(const char *text, weir_pointer **out, weir_err *err)
{
    weir_status st = WEIR_OK;
    weir_pointer *p = NULL;

    if (text[0] != '\0' && text[0] != '/') {
        return weir_fail(err, WEIR_EINVAL,
                         "pointer \"%.200s\": begins with '/', or is empty", text);
    }
    if ((p = calloc(1, sizeof(*p))) == NULL || (p->text = strdup(text)) == NULL ||
        (p->tokens = calloc(pointer_count(text) + 1, sizeof(*p->tokens))) == NULL) {
        st = weir_fail(err, WEIR_ENOMEM, "pointer \"%.200s\": out of memory", text);
        goto out;
    }
    p->n = pointer_count(text);
    if (!pointer_split(p)) {
        st = weir_fail(err, WEIR_EINVAL,
                       "pointer \"%.200s\": '~' is written ~0, and '/' in a name ~1",
                       text);
        goto out;
    }
    *out = p;
    p = NULL;
out:
    weir_pointer_free(p);
    return st;
}

void weir_pointer_free(weir_pointer *p)
{
    if (p != NULL) {
        free(p->tokens);
        free(p->text);
        free(p);
    }
}

const weir_value *weir_val_find(const weir_value *v, const weir_pointer *p)
{
    for (size_t i = 0; i < p->n && v != NULL; i++) {
        const pointer_token *token = &p->tokens[i];
        weir_type type = weir_val_type(v);

        if (type == WEIR_TYPE_MAP) {
            v = weir_val_member(v, token->name);
        } else if (type == WEIR_TYPE_ARRAY && token->is_index) {
            v = weir_val_item(v, token->index);
        } else {
            v = NULL;
        }
    }
    return v;
}
