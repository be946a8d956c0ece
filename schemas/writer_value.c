/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer_value - decoded values written again, in either format.
 *
 * Recursive; the writer's own depth ends it.
 */
#include "schemas/value_impl.h"
#include "schemas/writer_impl.h"

static void writer_copy_number(weir_writer *w, const weir_value *v)
{
    int64_t i = 0;
    uint64_t u = 0;

    if (weir_val_uint(v, &u)) {
        weir_writer_uint(w, u);
    } else if (weir_val_int(v, &i)) {
        weir_writer_int(w, i);
    }
}

static void writer_copy_key(weir_writer *w, const weir_value *key)
{
    weir_buf text = { 0 };
    weir_slice s = WEIR_SLICE_NONE;

    if (weir_val_type(key) == WEIR_TYPE_STRING && weir_val_string(key, &s)) {
        weir_writer_key(w, s);
        return;
    }
    if (weir_writer_any_key(w)) {
        weir_writer_value(w, key);
        return;
    }
    if (weir_val_type(key) == WEIR_TYPE_BINARY || weir_val_type(key) == WEIR_TYPE_EXT) {
        (void)weir_val_string(key, &s);
        weir_base64_encode(s, &text);
    } else {
        weir_val_json(key, &text, false);
    }
    weir_writer_key(w, weir_buf_slice(&text));
    weir_buf_fini(&text);
}

static void writer_copy_container(weir_writer *w, const weir_value *v)
{
    bool is_map = weir_val_type(v) == WEIR_TYPE_MAP;
    weir_value_iter it = { 0, NULL };
    const weir_value *key = NULL;
    const weir_value *item = NULL;

    if (is_map) {
        weir_writer_map(w);
    } else {
        weir_writer_array(w);
    }
    while (weir_writer_why(w)[0] == '\0' && weir_val_next(v, &it, &key, &item)) {
        if (is_map) {
            writer_copy_key(w, key);
        }
        weir_writer_value(w, item);
    }
    weir_writer_end(w);
}

void weir_writer_value(weir_writer *w, const weir_value *value)
{
    weir_slice s = WEIR_SLICE_NONE;
    double d = 0;
    bool b = false;

    switch (weir_val_type(value)) {
    case WEIR_TYPE_BOOL:
        (void)weir_val_bool(value, &b);
        weir_writer_bool(w, b);
        break;
    case WEIR_TYPE_INT:
        writer_copy_number(w, value);
        break;
    case WEIR_TYPE_DOUBLE:
        (void)weir_val_double(value, &d);
        weir_writer_double(w, d);
        break;
    case WEIR_TYPE_STRING:
        (void)weir_val_string(value, &s);
        weir_writer_string(w, s);
        break;
    case WEIR_TYPE_BINARY:
        (void)weir_val_string(value, &s);
        weir_writer_binary(w, s);
        break;
    case WEIR_TYPE_EXT:
        (void)weir_val_string(value, &s);
        weir_writer_ext(w, weir_val_ext_type(value), s);
        break;
    case WEIR_TYPE_ARRAY:
    case WEIR_TYPE_MAP:
        writer_copy_container(w, value);
        break;
    default:
        weir_writer_null(w);
        break;
    }
}

weir_status weir_writer_encode(const weir_value *v, weir_format format, weir_buf *out,
                               weir_err *err)
{
    const char *name = format == WEIR_FORMAT_JSON ? "json" : "msgpack";
    weir_slice doc = WEIR_SLICE_NONE;
    weir_arena arena;

    weir_arena_init(&arena, 0);
    weir_writer *w = weir_writer_new(&arena, format, NULL);
    weir_status st = WEIR_ENOMEM;

    if (w != NULL) {
        weir_writer_value(w, v);
        st = weir_writer_finish(w, &doc);
    }
    if (st == WEIR_OK) {
        weir_buf_add(out, doc.data, doc.len);
        st = out->has_failed ? WEIR_ENOMEM : WEIR_OK;
    }
    if (st != WEIR_OK) {
        st = weir_fail(err, st, "%s: %s", name,
                       st == WEIR_EINVAL ? weir_writer_why(w) : "out of memory");
    }
    weir_arena_fini(&arena);
    return st;
}
