/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value_text - values as JSON text and as ordering keys; see value.h.
 *
 * Works through the read API alone, so it is the same for every library. Recursive: depth is
 * bounded by the walk that went before (WEIR_JSON_DEPTH).
 */
#include "schemas/base64.h"
#include "schemas/position.h"
#include "schemas/value_impl.h"

#define INDENT 2

static void text_value(const weir_value *v, weir_buf *out, bool is_pretty,
                       size_t depth);

static void text_newline(weir_buf *out, size_t depth)
{
    weir_buf_char(out, '\n');
    for (size_t i = 0; i < depth * INDENT; i++) {
        weir_buf_char(out, ' ');
    }
}

static void text_number(const weir_value *v, weir_buf *out)
{
    char text[WEIR_DOUBLE_TEXT_MAX];
    size_t len = 0;
    int64_t i = 0;
    uint64_t u = 0;
    double d = 0;

    if (weir_val_uint(v, &u)) {
        len = weir_u64_format(u, text);
    } else if (weir_val_int(v, &i)) {
        text[0] = '-';
        len = 1 + weir_u64_format(-(uint64_t)i, text + 1);
    } else if (weir_val_double(v, &d)) {
        len = weir_double_format(d, text);
    }
    if (len == 0) {
        weir_buf_str(out, "null"); /* not finite: JSON has no word for it */
        return;
    }
    weir_buf_add(out, text, len);
}

static void text_bytes(const weir_value *v, weir_buf *out)
{
    weir_slice s = WEIR_SLICE_NONE;

    (void)weir_val_string(v, &s);
    weir_buf_char(out, '"');
    weir_base64_encode(s, out);
    weir_buf_char(out, '"');
}

/* A key that is not a string becomes the text of its JSON: {1: 2} is {"1":2}. */
static void text_key(const weir_value *key, weir_buf *out)
{
    weir_slice name = WEIR_SLICE_NONE;
    weir_buf text = { 0 };

    switch (weir_val_type(key)) {
    case WEIR_TYPE_STRING:
        (void)weir_val_string(key, &name);
        weir_buf_json(out, name);
        return;
    case WEIR_TYPE_BINARY:
    case WEIR_TYPE_EXT:
        text_bytes(key, out);
        return;
    default:
        break;
    }
    text_value(key, &text, false, 0);
    if (text.has_failed) {
        out->has_failed = true;
    } else {
        weir_buf_json(out, weir_buf_slice(&text));
    }
    weir_buf_fini(&text);
}

static void text_container(const weir_value *v, weir_buf *out, bool is_pretty,
                           size_t depth)
{
    bool is_map = weir_val_type(v) == WEIR_TYPE_MAP;
    weir_value_iter it = { 0, NULL };
    const weir_value *key = NULL;
    const weir_value *item = NULL;

    weir_buf_char(out, is_map ? '{' : '[');
    while (weir_val_next(v, &it, &key, &item)) {
        if (it.index > 1) {
            weir_buf_char(out, ',');
        }
        if (is_pretty) {
            text_newline(out, depth + 1);
        }
        if (is_map) {
            text_key(key, out);
            weir_buf_str(out, is_pretty ? ": " : ":");
        }
        text_value(item, out, is_pretty, depth + 1);
    }
    if (is_pretty && it.index > 0) {
        text_newline(out, depth);
    }
    weir_buf_char(out, is_map ? '}' : ']');
}

static void text_value(const weir_value *v, weir_buf *out, bool is_pretty, size_t depth)
{
    weir_slice s = WEIR_SLICE_NONE;
    bool b = false;

    switch (weir_val_type(v)) {
    case WEIR_TYPE_BOOL:
        (void)weir_val_bool(v, &b);
        weir_buf_str(out, b ? "true" : "false");
        break;
    case WEIR_TYPE_INT:
    case WEIR_TYPE_DOUBLE:
        text_number(v, out);
        break;
    case WEIR_TYPE_STRING:
        (void)weir_val_string(v, &s);
        weir_buf_json(out, s);
        break;
    case WEIR_TYPE_BINARY:
    case WEIR_TYPE_EXT:
        text_bytes(v, out);
        break;
    case WEIR_TYPE_ARRAY:
    case WEIR_TYPE_MAP:
        text_container(v, out, is_pretty, depth);
        break;
    default:
        weir_buf_str(out, "null");
        break;
    }
}

void weir_val_json(const weir_value *v, weir_buf *out, bool is_pretty)
{
    text_value(v, out, is_pretty, 0);
}

bool weir_val_key(const weir_value *v, weir_buf *scratch, weir_slice *out)
{
    weir_type type = weir_val_type(v);

    weir_buf_reset(scratch);
    if (type == WEIR_TYPE_NONE || type == WEIR_TYPE_NULL) {
        return false;
    }
    if (type == WEIR_TYPE_STRING) {
        return weir_val_string(v, out);
    }
    weir_val_json(v, scratch, false);
    if (scratch->has_failed) {
        return false;
    }
    *out = weir_buf_slice(scratch);
    return true;
}
