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

/* A map's member, or an array's item if the name is a number. Names are looked for first: most
 * steps are into maps, and what is no map has none. */
static inline const weir_value *pointer_step(const weir_value *v, weir_slice name)
{
    const weir_value *member = weir_val_member(v, name);
    size_t index = 0;

    if (member != NULL || !pointer_index(name, &index)) {
        return member;
    }
    return weir_val_item(v, index);
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

/* Where the token ends that begins at `at`; *has_escape is set if there is a ~ in it. */
static inline const char *pointer_token_end(const char *at, bool *has_escape)
{
    for (;;) {
        /* Letters, digits, '_': above '/', below '~'. */
        while ((unsigned char)(*at - '0') < '~' - '0') {
            at++;
        }
        if (*at == '/' || *at == '\0') {
            return at;
        }
        if (*at == '~') {
            *has_escape = true;
        }
        at++;
    }
}

const weir_value *weir_val_at(const weir_value *v, const char *pointer)
{
    if (pointer == NULL) {
        return NULL;
    }
    while (v != NULL && *pointer == '/') {
        const char *begin = pointer + 1;
        bool has_escape = false;

        pointer = pointer_token_end(begin, &has_escape);
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
        const weir_pointer_token *token = &p->tokens[i];
        const weir_value *member = weir_val_member(v, token->name);

        v = member == NULL && token->is_index ? weir_val_item(v, token->index) : member;
    }
    return v;
}
