/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value - reads of decoded JSON and MessagePack; see value.h and value_impl.h.
 */
#include "schemas/value_impl.h"

#include <msgpack.h>
#include <yyjson.h>

/* yyjson's reads want a pointer that is not const, and change nothing. */
static yyjson_val *value_json(const weir_value *v)
{
    return (yyjson_val *)(uintptr_t)v;
}

static const msgpack_object *value_msgpack(const weir_value *v)
{
    return (const msgpack_object *)((uintptr_t)v & ~WEIR_VALUE_MSGPACK);
}

static const weir_value *value_of_json(const yyjson_val *val)
{
    return (const weir_value *)val;
}

static const weir_value *value_of_msgpack(const msgpack_object *obj)
{
    return weir_value_tag(obj, WEIR_VALUE_MSGPACK);
}

/* The lowest byte of a tag: three bits of type, and above them the subtype. */
static weir_type value_type_json(const yyjson_val *val)
{
    static const uint8_t types[8] = {
        [YYJSON_TYPE_NONE] = WEIR_TYPE_NONE, [YYJSON_TYPE_RAW] = WEIR_TYPE_NONE,
        [YYJSON_TYPE_NULL] = WEIR_TYPE_NULL, [YYJSON_TYPE_BOOL] = WEIR_TYPE_BOOL,
        [YYJSON_TYPE_NUM] = WEIR_TYPE_INT,   [YYJSON_TYPE_STR] = WEIR_TYPE_STRING,
        [YYJSON_TYPE_ARR] = WEIR_TYPE_ARRAY, [YYJSON_TYPE_OBJ] = WEIR_TYPE_MAP,
    };
    const uint8_t tag = (uint8_t)val->tag;

    if (tag == (YYJSON_TYPE_NUM | YYJSON_SUBTYPE_REAL)) {
        return WEIR_TYPE_DOUBLE;
    }
    return (weir_type)types[tag & YYJSON_TYPE_MASK];
}

static weir_type value_type_msgpack(const msgpack_object *obj)
{
    static const uint8_t types[] = {
        [MSGPACK_OBJECT_NIL] = WEIR_TYPE_NULL,
        [MSGPACK_OBJECT_BOOLEAN] = WEIR_TYPE_BOOL,
        [MSGPACK_OBJECT_POSITIVE_INTEGER] = WEIR_TYPE_INT,
        [MSGPACK_OBJECT_NEGATIVE_INTEGER] = WEIR_TYPE_INT,
        [MSGPACK_OBJECT_FLOAT32] = WEIR_TYPE_DOUBLE,
        [MSGPACK_OBJECT_FLOAT64] = WEIR_TYPE_DOUBLE,
        [MSGPACK_OBJECT_STR] = WEIR_TYPE_STRING,
        [MSGPACK_OBJECT_BIN] = WEIR_TYPE_BINARY,
        [MSGPACK_OBJECT_EXT] = WEIR_TYPE_EXT,
        [MSGPACK_OBJECT_ARRAY] = WEIR_TYPE_ARRAY,
        [MSGPACK_OBJECT_MAP] = WEIR_TYPE_MAP,
    };
    const size_t type = (size_t)obj->type;

    return type < sizeof(types) ? (weir_type)types[type] : WEIR_TYPE_NONE;
}

weir_type weir_val_type(const weir_value *v)
{
    if (v == NULL) {
        return WEIR_TYPE_NONE;
    }
    return weir_value_is_msgpack(v) ? value_type_msgpack(value_msgpack(v))
                                    : value_type_json(value_json(v));
}

bool weir_val_is_null(const weir_value *v)
{
    return weir_val_type(v) == WEIR_TYPE_NULL;
}

/* An integer in two parts: *low holds its 64 bits, *is_negative says how to read them. */
static bool value_integer(const weir_value *v, uint64_t *low, bool *is_negative)
{
    if (v == NULL) {
        return false;
    }
    if (weir_value_is_msgpack(v)) {
        const msgpack_object *obj = value_msgpack(v);

        *low = obj->via.u64;
        *is_negative = obj->type == MSGPACK_OBJECT_NEGATIVE_INTEGER;
        return *is_negative || obj->type == MSGPACK_OBJECT_POSITIVE_INTEGER;
    }
    const yyjson_val *val = value_json(v);
    uint8_t tag = (uint8_t)val->tag;

    *low = val->uni.u64;
    *is_negative = tag == (YYJSON_TYPE_NUM | YYJSON_SUBTYPE_SINT) && val->uni.i64 < 0;
    return tag == (YYJSON_TYPE_NUM | YYJSON_SUBTYPE_SINT) ||
           tag == (YYJSON_TYPE_NUM | YYJSON_SUBTYPE_UINT);
}

bool weir_val_int(const weir_value *v, int64_t *out)
{
    uint64_t low = 0;
    bool is_negative = false;

    if (!value_integer(v, &low, &is_negative) || (!is_negative && low > INT64_MAX)) {
        return false;
    }
    memcpy(out, &low, sizeof(*out));
    return true;
}

bool weir_val_uint(const weir_value *v, uint64_t *out)
{
    uint64_t low = 0;
    bool is_negative = false;

    if (!value_integer(v, &low, &is_negative) || is_negative) {
        return false;
    }
    *out = low;
    return true;
}

bool weir_val_double(const weir_value *v, double *out)
{
    uint64_t low = 0;
    bool is_negative = false;

    if (value_integer(v, &low, &is_negative)) {
        int64_t i;

        memcpy(&i, &low, sizeof(i));
        *out = is_negative ? (double)i : (double)low;
        return true;
    }
    if (weir_val_type(v) != WEIR_TYPE_DOUBLE) {
        return false;
    }
    *out = weir_value_is_msgpack(v) ? value_msgpack(v)->via.f64
                                    : unsafe_yyjson_get_real(value_json(v));
    return true;
}

bool weir_val_bool(const weir_value *v, bool *out)
{
    if (weir_val_type(v) != WEIR_TYPE_BOOL) {
        return false;
    }
    *out = weir_value_is_msgpack(v) ? value_msgpack(v)->via.boolean
                                    : unsafe_yyjson_get_bool(value_json(v));
    return true;
}

/* An empty string is present: its data is not NULL whatever the library says. */
static bool value_bytes(const char *data, size_t len, weir_slice *out)
{
    *out = (weir_slice){ data == NULL ? "" : data, len };
    return true;
}

bool weir_val_string(const weir_value *v, weir_slice *out)
{
    if (v == NULL) {
        return false;
    }
    if (!weir_value_is_msgpack(v)) {
        yyjson_val *val = value_json(v);

        return unsafe_yyjson_is_str(val) &&
               value_bytes(unsafe_yyjson_get_str(val), unsafe_yyjson_get_len(val), out);
    }
    const msgpack_object *obj = value_msgpack(v);

    switch (obj->type) {
    case MSGPACK_OBJECT_STR:
        return value_bytes(obj->via.str.ptr, obj->via.str.size, out);
    case MSGPACK_OBJECT_BIN:
        return value_bytes(obj->via.bin.ptr, obj->via.bin.size, out);
    case MSGPACK_OBJECT_EXT:
        return value_bytes(obj->via.ext.ptr, obj->via.ext.size, out);
    default:
        return false;
    }
}

int8_t weir_val_ext_type(const weir_value *v)
{
    return weir_val_type(v) == WEIR_TYPE_EXT ? value_msgpack(v)->via.ext.type : 0;
}

size_t weir_val_size(const weir_value *v)
{
    weir_slice s;

    switch (weir_val_type(v)) {
    case WEIR_TYPE_STRING:
    case WEIR_TYPE_BINARY:
    case WEIR_TYPE_EXT:
        return weir_val_string(v, &s) ? s.len : 0;
    case WEIR_TYPE_ARRAY:
        return weir_value_is_msgpack(v) ? value_msgpack(v)->via.array.size
                                        : unsafe_yyjson_get_len(value_json(v));
    case WEIR_TYPE_MAP:
        return weir_value_is_msgpack(v) ? value_msgpack(v)->via.map.size
                                        : unsafe_yyjson_get_len(value_json(v));
    default:
        return 0;
    }
}

/* it->at is the node that comes next; yyjson keeps a map as key, item, key, item. */
static bool value_next_json(const weir_value *v, weir_value_iter *it,
                            const weir_value **key, const weir_value **item)
{
    yyjson_val *val = value_json(v);
    yyjson_val *at = (yyjson_val *)(uintptr_t)it->at;
    bool is_map = unsafe_yyjson_is_obj(val);

    if (it->index >= unsafe_yyjson_get_len(val)) {
        return false;
    }
    if (it->index == 0) {
        at = unsafe_yyjson_get_first(val);
    }
    if (key != NULL) {
        *key = is_map ? value_of_json(at) : NULL;
    }
    if (is_map) {
        at++;
    }
    if (item != NULL) {
        *item = value_of_json(at);
    }
    it->index++;
    it->at = unsafe_yyjson_get_next(at);
    return true;
}

static bool value_next_msgpack(const weir_value *v, weir_value_iter *it,
                               const weir_value **key, const weir_value **item)
{
    const msgpack_object *obj = value_msgpack(v);
    bool is_map = obj->type == MSGPACK_OBJECT_MAP;

    if (it->index >= (is_map ? obj->via.map.size : obj->via.array.size)) {
        return false;
    }
    if (key != NULL) {
        *key = is_map ? value_of_msgpack(&obj->via.map.ptr[it->index].key) : NULL;
    }
    if (item != NULL) {
        *item = value_of_msgpack(is_map ? &obj->via.map.ptr[it->index].val
                                        : &obj->via.array.ptr[it->index]);
    }
    it->index++;
    return true;
}

bool weir_val_next(const weir_value *v, weir_value_iter *it, const weir_value **key,
                   const weir_value **item)
{
    weir_type type = weir_val_type(v);

    if (type != WEIR_TYPE_ARRAY && type != WEIR_TYPE_MAP) {
        return false;
    }
    return weir_value_is_msgpack(v) ? value_next_msgpack(v, it, key, item)
                                    : value_next_json(v, it, key, item);
}

/* Keys are short: no call for them. */
static inline bool value_is_name(const char *key, weir_slice name)
{
    uint64_t a, b;
    uint32_t c, d;

    if (name.len > 16) {
        return memcmp(key, name.data, name.len) == 0;
    }
    if (name.len >= sizeof(a)) {
        const size_t last = name.len - sizeof(a);

        memcpy(&a, key, sizeof(a));
        memcpy(&b, name.data, sizeof(b));
        if (a != b) {
            return false;
        }
        memcpy(&a, key + last, sizeof(a));
        memcpy(&b, name.data + last, sizeof(b));
        return a == b;
    }
    if (name.len >= sizeof(c)) {
        const size_t last = name.len - sizeof(c);

        memcpy(&c, key, sizeof(c));
        memcpy(&d, name.data, sizeof(d));
        if (c != d) {
            return false;
        }
        memcpy(&c, key + last, sizeof(c));
        memcpy(&d, name.data + last, sizeof(d));
        return c == d;
    }
    for (size_t i = 0; i < name.len; i++) {
        if (key[i] != name.data[i]) {
            return false;
        }
    }
    return true;
}

static const weir_value *value_member_json(yyjson_val *map, weir_slice name)
{
    yyjson_val *key = unsafe_yyjson_get_first(map);

    for (size_t n = unsafe_yyjson_get_len(map); n > 0; n--) {
        if (unsafe_yyjson_get_len(key) == name.len &&
            value_is_name(unsafe_yyjson_get_str(key), name)) {
            return value_of_json(key + 1);
        }
        key = unsafe_yyjson_get_next(key + 1);
    }
    return NULL;
}

static const weir_value *value_member_msgpack(const msgpack_object_map *map,
                                              weir_slice name)
{
    const msgpack_object_kv *pair = map->ptr;

    for (uint32_t n = map->size; n > 0; n--, pair++) {
        if (pair->key.via.str.size == name.len &&
            pair->key.type == MSGPACK_OBJECT_STR &&
            value_is_name(pair->key.via.str.ptr, name)) {
            return value_of_msgpack(&pair->val);
        }
    }
    return NULL;
}

const weir_value *weir_val_member(const weir_value *v, weir_slice name)
{
    if (v == NULL || name.data == NULL) {
        return NULL;
    }
    if (!weir_value_is_msgpack(v)) {
        yyjson_val *val = value_json(v);

        return unsafe_yyjson_is_obj(val) ? value_member_json(val, name) : NULL;
    }
    const msgpack_object *obj = value_msgpack(v);

    return obj->type == MSGPACK_OBJECT_MAP ? value_member_msgpack(&obj->via.map, name)
                                           : NULL;
}

const weir_value *weir_val_item(const weir_value *v, size_t index)
{
    if (weir_val_type(v) != WEIR_TYPE_ARRAY || index >= weir_val_size(v)) {
        return NULL;
    }
    return weir_value_is_msgpack(v)
               ? value_of_msgpack(&value_msgpack(v)->via.array.ptr[index])
               : value_of_json(yyjson_arr_get(value_json(v), index));
}

size_t weir_double_format(double d, char *out)
{
    char scratch[256]; /* yyjson asks for one value's worst case, then shrinks it */
    yyjson_alc alc;
    yyjson_val val = { 0 };
    size_t len = 0;

    unsafe_yyjson_set_real(&val, d);
    if (!yyjson_alc_pool_init(&alc, scratch, sizeof(scratch))) {
        return 0;
    }
    const char *text =
        yyjson_val_write_opts(&val, YYJSON_WRITE_NOFLAG, &alc, &len, NULL);

    if (text == NULL || len >= WEIR_DOUBLE_TEXT_MAX) {
        return 0; /* infinity and NaN are refused by yyjson */
    }
    memcpy(out, text, len + 1);
    return len;
}
