/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value_impl - how a weir_value stands for a node of a library's tree. For this floor only.
 *
 * A `const weir_value *` is never dereferenced as such: it is the node's address with the
 * library in its lowest bit. Nodes of both libraries are aligned to eight bytes.
 *
 *     ...000  yyjson_val        ...001  msgpack_object
 */
#ifndef WEIR_SCHEMAS_VALUE_IMPL_H
#define WEIR_SCHEMAS_VALUE_IMPL_H

#include "schemas/value.h"
#include "worker/base/check.h"

#define WEIR_VALUE_MSGPACK ((uintptr_t)1)

/* A step of a pointer. */
typedef struct weir_pointer_token {
    weir_slice name; /* with ~0 and ~1 replaced */
    bool is_index;   /* the name is a number that may stand for an item, too */
    size_t index;
} weir_pointer_token;

struct weir_pointer {
    size_t n;
    weir_pointer_token *tokens;
    char *text; /* the names */
};

static inline const weir_value *weir_value_tag(const void *node, uintptr_t tag)
{
    WEIR_DCHECK(((uintptr_t)node & 7) == 0);
    return (const weir_value *)((uintptr_t)node | tag);
}

static inline bool weir_value_is_msgpack(const weir_value *v)
{
    return ((uintptr_t)v & WEIR_VALUE_MSGPACK) != 0;
}

/* The type of an ext; 0 of anything else. */
int8_t weir_val_ext_type(const weir_value *v);

/* The item of an array, or NULL. */
const weir_value *weir_val_item(const weir_value *v, size_t index);

#define WEIR_DOUBLE_TEXT_MAX 32

/* The shortest text that reads back as d, always with a point or an exponent, so that it
 * stays a double. out has WEIR_DOUBLE_TEXT_MAX bytes. Returns the length; 0: not finite. */
size_t weir_double_format(double d, char *out);

#endif
