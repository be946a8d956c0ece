/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture_frame - one event as MessagePack, and back; see capture_frame.h.
 *
 * Only the few forms that a capture needs are read: nil, integers, str, bin, arrays and maps;
 * anything else in an unknown member is passed over.
 */
#include "schemas/capture_frame.h"

#define FRAME_DEPTH 16

/* -- writing ------------------------------------------------------------------------- */

/* A head byte and a number in n big-endian bytes. */
static void pack_head(weir_buf *out, unsigned char head, uint64_t value, size_t n)
{
    unsigned char bytes[9] = { head };

    for (size_t i = 0; i < n; i++) {
        bytes[1 + i] = (unsigned char)(value >> (8 * (n - 1 - i)));
    }
    weir_buf_add(out, bytes, n + 1);
}

static void pack_nil(weir_buf *out)
{
    pack_head(out, 0xC0, 0, 0);
}

static void pack_int(weir_buf *out, int64_t value)
{
    pack_head(out, 0xD3, (uint64_t)value, 8);
}

static void pack_text(weir_buf *out, weir_slice s)
{
    if (s.len < 32) {
        pack_head(out, (unsigned char)(0xA0 | s.len), 0, 0);
    } else {
        pack_head(out, 0xDB, s.len, 4);
    }
    weir_buf_add(out, s.data, s.len);
}

static void pack_str(weir_buf *out, const char *text)
{
    pack_text(out, weir_slice_of(text));
}

static void pack_bytes(weir_buf *out, weir_slice s)
{
    if (s.data == NULL) {
        pack_nil(out);
        return;
    }
    pack_head(out, 0xC6, s.len, 4);
    weir_buf_add(out, s.data, s.len);
}

void weir_capture_pack(weir_buf *out, const weir_capture_record *rec)
{
    pack_head(out, 0xDE, rec->result_to == NULL ? 7 : 8, 2);
    pack_str(out, "position");
    pack_bytes(out, rec->position);
    pack_str(out, "topic");
    if (rec->topic == NULL) {
        pack_nil(out);
    } else {
        pack_str(out, rec->topic);
    }
    pack_str(out, "partition");
    pack_int(out, rec->partition);
    pack_str(out, "key");
    pack_bytes(out, rec->key);
    pack_str(out, "headers");
    pack_head(out, 0xDD, rec->n_headers, 4);
    for (size_t i = 0; i < rec->n_headers; i++) {
        pack_head(out, 0x92, 0, 0);
        pack_str(out, rec->headers[i].name);
        pack_bytes(out, rec->headers[i].value);
    }
    pack_str(out, "time");
    pack_int(out, rec->time_ms);
    pack_str(out, "data");
    pack_bytes(out, rec->data);
    if (rec->result_to != NULL) {
        pack_str(out, "result");
        pack_head(out, 0x82, 0, 0);
        pack_str(out, "to");
        pack_str(out, rec->result_to);
        pack_str(out, "data");
        pack_bytes(out, rec->result);
    }
}

void weir_capture_pack_version(weir_buf *out, const char *version)
{
    pack_head(out, 0x81, 0, 0);
    pack_str(out, "version");
    pack_str(out, version);
}

/* -- reading ------------------------------------------------------------------------- */

typedef struct frame_reader {
    const unsigned char *data;
    size_t len, at;
} frame_reader;

typedef enum frame_type {
    FRAME_NIL,
    FRAME_INT,
    FRAME_BYTES, /* str, bin */
    FRAME_ARRAY,
    FRAME_MAP,
    FRAME_OTHER /* passed over already */
} frame_type;

typedef struct frame_item {
    frame_type type;
    int64_t number;
    weir_slice bytes;
    size_t n; /* of an array or map */
} frame_item;

static bool frame_number(frame_reader *r, size_t n, uint64_t *out)
{
    uint64_t value = 0;

    if (r->len - r->at < n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        value = value << 8 | r->data[r->at++];
    }
    *out = value;
    return true;
}

static bool frame_skip(frame_reader *r, uint64_t n)
{
    if (r->len - r->at < n) {
        return false;
    }
    r->at += (size_t)n;
    return true;
}

static bool frame_bytes(frame_reader *r, uint64_t n, frame_item *out)
{
    out->type = FRAME_BYTES;
    out->bytes = (weir_slice){ (const char *)r->data + r->at, (size_t)n };
    return frame_skip(r, n);
}

/* A length of `width` bytes, then as many bytes, as str 8.. and bin 8.. have it. */
static bool frame_long_bytes(frame_reader *r, size_t width, frame_item *out)
{
    uint64_t n;

    return frame_number(r, width, &n) && frame_bytes(r, n, out);
}

static bool frame_list(frame_type type, uint64_t n, frame_item *out)
{
    out->type = type;
    out->n = (size_t)n;
    return true;
}

static bool frame_long_list(frame_reader *r, frame_type type, size_t width,
                            frame_item *out)
{
    uint64_t n;

    return frame_number(r, width, &n) && frame_list(type, n, out);
}

/* An integer of `width` bytes; its sign is spread if it has one. */
static bool frame_int(frame_reader *r, size_t width, bool is_signed, frame_item *out)
{
    uint64_t value;

    if (!frame_number(r, width, &value)) {
        return false;
    }
    if (is_signed && width < 8 && (value >> (8 * width - 1)) != 0) {
        value |= UINT64_MAX << (8 * width);
    }
    out->type = FRAME_INT;
    out->number = (int64_t)value;
    return true;
}

static bool frame_ext(frame_reader *r, size_t width, frame_item *out)
{
    uint64_t n;

    out->type = FRAME_OTHER;
    return frame_number(r, width, &n) && frame_skip(r, n + 1);
}

/* The next item; of an array or map only its head. */
static bool frame_next(frame_reader *r, frame_item *out)
{
    uint64_t head;

    *out = (frame_item){ .type = FRAME_OTHER };
    if (!frame_number(r, 1, &head)) {
        return false;
    }
    if (head <= 0x7F || head >= 0xE0) {
        out->type = FRAME_INT;
        out->number = head <= 0x7F ? (int64_t)head : (int64_t)head - 256;
        return true;
    }
    if (head <= 0x8F) {
        return frame_list(FRAME_MAP, head & 0x0F, out);
    }
    if (head <= 0x9F) {
        return frame_list(FRAME_ARRAY, head & 0x0F, out);
    }
    if (head <= 0xBF) {
        return frame_bytes(r, head & 0x1F, out);
    }
    switch (head) {
    case 0xC0:
        out->type = FRAME_NIL;
        return true;
    case 0xC2:
    case 0xC3:
        return true;
    case 0xC4:
    case 0xC5:
    case 0xC6:
        return frame_long_bytes(r, (size_t)1 << (head - 0xC4), out);
    case 0xC7:
    case 0xC8:
    case 0xC9:
        return frame_ext(r, (size_t)1 << (head - 0xC7), out);
    case 0xCA:
        return frame_skip(r, 4);
    case 0xCB:
        return frame_skip(r, 8);
    case 0xCC:
    case 0xCD:
    case 0xCE:
    case 0xCF:
        return frame_int(r, (size_t)1 << (head - 0xCC), false, out);
    case 0xD0:
    case 0xD1:
    case 0xD2:
    case 0xD3:
        return frame_int(r, (size_t)1 << (head - 0xD0), true, out);
    case 0xD4:
    case 0xD5:
    case 0xD6:
    case 0xD7:
    case 0xD8:
        return frame_skip(r, ((uint64_t)1 << (head - 0xD4)) + 1);
    case 0xD9:
    case 0xDA:
    case 0xDB:
        return frame_long_bytes(r, (size_t)1 << (head - 0xD9), out);
    case 0xDC:
    case 0xDD:
        return frame_long_list(r, FRAME_ARRAY, (size_t)2 << (head - 0xDC), out);
    case 0xDE:
    case 0xDF:
        return frame_long_list(r, FRAME_MAP, (size_t)2 << (head - 0xDE), out);
    default:
        return false; /* C1 is never used */
    }
}

/* Passes over what follows an item's head. */
static bool frame_pass(frame_reader *r, const frame_item *item, int depth)
{
    size_t n = item->type == FRAME_MAP ? 2 * item->n
                                       : (item->type == FRAME_ARRAY ? item->n : 0);

    if (depth == 0) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        frame_item inner;

        if (!frame_next(r, &inner) || !frame_pass(r, &inner, depth - 1)) {
            return false;
        }
    }
    return true;
}

/* A text with its NUL, in the arena. */
static const char *frame_text(weir_arena *arena, const frame_item *item)
{
    weir_slice copy = WEIR_SLICE_NONE;

    if (item->type != FRAME_BYTES || !weir_arena_copy(arena, item->bytes, &copy)) {
        return NULL;
    }
    return copy.data;
}

static bool frame_is_bytes_or_nil(const frame_item *item)
{
    return item->type == FRAME_BYTES || item->type == FRAME_NIL;
}

static weir_status frame_headers(frame_reader *r, const frame_item *list,
                                 weir_arena *arena, weir_capture_record *out)
{
    /* Each header takes three bytes at least, so a false count costs no memory. */
    if (list->type != FRAME_ARRAY || list->n > (r->len - r->at) / 3) {
        return WEIR_EDATA;
    }

    weir_header *headers = weir_arena_alloc(arena, list->n * sizeof(headers[0]));

    if (headers == NULL) {
        return WEIR_ENOMEM;
    }
    for (size_t i = 0; i < list->n; i++) {
        frame_item pair;
        frame_item name;
        frame_item value;

        if (!frame_next(r, &pair) || pair.type != FRAME_ARRAY || pair.n != 2 ||
            !frame_next(r, &name) || name.type != FRAME_BYTES ||
            !frame_next(r, &value) || !frame_is_bytes_or_nil(&value)) {
            return WEIR_EDATA;
        }
        headers[i].name = frame_text(arena, &name);
        headers[i].value = value.bytes;
        if (headers[i].name == NULL) {
            return WEIR_ENOMEM;
        }
    }
    out->headers = headers;
    out->n_headers = list->n;
    return WEIR_OK;
}

static weir_status frame_result(frame_reader *r, const frame_item *map,
                                weir_arena *arena, weir_capture_record *out)
{
    if (map->type != FRAME_MAP) {
        return WEIR_EDATA;
    }
    for (size_t i = 0; i < map->n; i++) {
        frame_item name;
        frame_item value;

        if (!frame_next(r, &name) || !frame_next(r, &value)) {
            return WEIR_EDATA;
        }
        if (weir_slice_is(name.bytes, "to")) {
            out->result_to = frame_text(arena, &value);
            if (out->result_to == NULL) {
                return value.type == FRAME_BYTES ? WEIR_ENOMEM : WEIR_EDATA;
            }
        } else if (weir_slice_is(name.bytes, "data")) {
            if (!frame_is_bytes_or_nil(&value)) {
                return WEIR_EDATA;
            }
            out->result = value.bytes;
        } else if (!frame_pass(r, &value, FRAME_DEPTH)) {
            return WEIR_EDATA;
        }
    }
    return WEIR_OK;
}

/* One member of an event's map. */
static weir_status frame_member(frame_reader *r, weir_slice name, weir_arena *arena,
                                weir_capture_record *out)
{
    frame_item value;
    weir_slice *bytes = weir_slice_is(name, "position") ? &out->position
                        : weir_slice_is(name, "key")    ? &out->key
                        : weir_slice_is(name, "data")   ? &out->data
                                                        : NULL;

    if (!frame_next(r, &value)) {
        return WEIR_EDATA;
    }
    if (bytes != NULL) {
        *bytes = value.bytes;
        return frame_is_bytes_or_nil(&value) ? WEIR_OK : WEIR_EDATA;
    }
    if (weir_slice_is(name, "headers")) {
        return frame_headers(r, &value, arena, out);
    }
    if (weir_slice_is(name, "result")) {
        return frame_result(r, &value, arena, out);
    }
    if (weir_slice_is(name, "topic") && value.type == FRAME_BYTES) {
        out->topic = frame_text(arena, &value);
        return out->topic == NULL ? WEIR_ENOMEM : WEIR_OK;
    }
    if (weir_slice_is(name, "partition") && value.type == FRAME_INT) {
        out->partition = (int32_t)value.number;
        return value.number == out->partition ? WEIR_OK : WEIR_EDATA;
    }
    if (weir_slice_is(name, "time") && value.type == FRAME_INT) {
        out->time_ms = value.number;
        return WEIR_OK;
    }
    return frame_pass(r, &value, FRAME_DEPTH) ? WEIR_OK : WEIR_EDATA;
}

weir_status weir_capture_unpack(weir_slice body, weir_arena *arena,
                                weir_capture_record *out, size_t *at)
{
    frame_reader r = { (const unsigned char *)body.data, body.len, 0 };
    weir_capture_record rec = { .partition = -1, .time_ms = -1 };
    frame_item map;
    weir_status st = WEIR_OK;

    if (!frame_next(&r, &map) || map.type != FRAME_MAP) {
        st = WEIR_EDATA;
    }
    for (size_t i = 0; st == WEIR_OK && i < map.n; i++) {
        frame_item name;

        if (!frame_next(&r, &name) || name.type != FRAME_BYTES) {
            st = WEIR_EDATA;
        } else {
            st = frame_member(&r, name.bytes, arena, &rec);
        }
    }
    if (st == WEIR_OK && r.at != r.len) {
        st = WEIR_EDATA;
    }
    *at = r.at;
    if (st == WEIR_OK) {
        *out = rec;
    }
    return st;
}

weir_status weir_capture_unpack_version(weir_slice body, weir_slice *version,
                                        size_t *at)
{
    frame_reader r = { (const unsigned char *)body.data, body.len, 0 };
    frame_item map;
    bool is_found = false;

    if (!frame_next(&r, &map) || map.type != FRAME_MAP) {
        *at = r.at;
        return WEIR_EDATA;
    }
    for (size_t i = 0; i < map.n; i++) {
        frame_item name;
        frame_item value;

        if (!frame_next(&r, &name) || !frame_next(&r, &value) ||
            !frame_pass(&r, &value, FRAME_DEPTH)) {
            *at = r.at;
            return WEIR_EDATA;
        }
        if (weir_slice_is(name.bytes, "version") && value.type == FRAME_BYTES) {
            *version = value.bytes;
            is_found = true;
        }
    }
    *at = r.at;
    return is_found ? WEIR_OK : WEIR_EDATA;
}
