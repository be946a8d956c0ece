/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_entry - fields of an entry and an event; see redis_entry.h.
 */
#include "triggers/redis_entry.h"

#include <inttypes.h>
#include <stdio.h>

#define ENTRY_DATA "data"
#define ENTRY_KEY "key"
#define ENTRY_NULL "weir.null"
#define ENTRY_HEAD 24 /* "$" or "*", a number, the end of the line */

bool weir_redis_entry_parse(const weir_redis_val *val, weir_redis_entry *out)
{
    weir_redis_entry entry = { .bytes = 0 };
    const weir_redis_val *fields = weir_redis_at(val, 1);

    if (!weir_redis_id_parse(weir_redis_text(weir_redis_at(val, 0)), &entry.pos)) {
        return false;
    }
    if (fields != NULL && fields->type == WEIR_REDIS_ARRAY) {
        if (fields->n % 2 != 0) {
            return false;
        }
        for (size_t i = 0; i < fields->n; i++) {
            if (fields->items[i].type != WEIR_REDIS_TEXT) {
                return false;
            }
            entry.bytes += fields->items[i].text.len;
        }
        entry.fields = fields;
    } else if (fields != NULL && fields->type != WEIR_REDIS_NIL) {
        return false;
    }
    *out = entry;
    return true;
}

/* True for data, key, weir.null, and for those with any number of h: in front. */
static bool entry_collides(weir_slice name)
{
    while (weir_slice_starts(name, WEIR_SLICE_LIT("h:"))) {
        name = (weir_slice){ name.data + 2, name.len - 2 };
    }
    return weir_slice_is(name, ENTRY_DATA) || weir_slice_is(name, ENTRY_KEY) ||
           weir_slice_is(name, ENTRY_NULL);
}

static weir_status entry_object(const weir_redis_val *fields, weir_event *ev)
{
    weir_buf json = { .data = NULL };
    weir_status st = WEIR_ENOMEM;

    weir_buf_char(&json, '{');
    for (size_t i = 0; i < fields->n; i += 2) {
        if (i > 0) {
            weir_buf_char(&json, ',');
        }
        weir_buf_json(&json, fields->items[i].text);
        weir_buf_char(&json, ':');
        weir_buf_json(&json, fields->items[i + 1].text);
    }
    weir_buf_char(&json, '}');
    if (!json.has_failed &&
        weir_arena_copy(ev->arena, weir_buf_slice(&json), &ev->data)) {
        st = WEIR_OK;
    }
    weir_buf_fini(&json);
    return st;
}

weir_status weir_redis_entry_fill(const weir_redis_entry *entry, weir_slice data_field,
                                  weir_slice key_field, size_t max_event,
                                  weir_event *ev)
{
    const weir_redis_val *fields = entry->fields;
    bool has_data = false;
    bool is_null = false;

    ev->time_ms = entry->pos.hi > INT64_MAX ? -1 : (int64_t)entry->pos.hi;
    ev->is_redis = true;
    ev->headers = weir_arena_alloc(ev->arena, fields->n / 2 * sizeof(*ev->headers));
    if (ev->headers == NULL) {
        return WEIR_ENOMEM;
    }
    for (size_t i = 0; i < fields->n; i += 2) {
        weir_slice name = fields->items[i].text;
        weir_slice value = fields->items[i + 1].text;

        if (!has_data && weir_slice_eq(name, data_field)) {
            ev->data = value;
            has_data = true;
        } else if (ev->key.data == NULL && weir_slice_eq(name, key_field)) {
            ev->key = value;
        } else if (weir_slice_is(name, ENTRY_NULL)) {
            is_null = true;
        } else {
            bool is_escaped =
                weir_slice_starts(name, WEIR_SLICE_LIT("h:")) && entry_collides(name);

            ev->headers[ev->n_headers++] =
                (weir_header){ .name = name.data + (is_escaped ? 2 : 0),
                               .value = value };
        }
    }
    if (max_event > 0 && entry->bytes > max_event) {
        weir_ev_fault(ev, WEIR_FAULT_TOO_LARGE, "%zu bytes, and max_event is %zu",
                      entry->bytes, max_event);
        return WEIR_OK;
    }
    if (!has_data && !is_null) {
        ev->is_object = true;
        return entry_object(fields, ev);
    }
    return WEIR_OK;
}

/* Writes a sign, a number and the end of the line where there is room for ENTRY_HEAD. */
static char *entry_head(char *at, char sign, size_t n)
{
    char back[20];
    size_t len = 0;

    *at++ = sign;
    do {
        back[len++] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    while (len > 0) {
        *at++ = back[--len];
    }
    *at++ = '\r';
    *at++ = '\n';
    return at;
}

/* These two run a dozen times an event: no printf, one look at the room. */
void weir_redis_put_count(weir_buf *out, size_t n)
{
    if (weir_buf_reserve(out, ENTRY_HEAD)) {
        char *end = entry_head(out->data + out->len, '*', n);

        *end = '\0';
        out->len = (size_t)(end - out->data);
    }
}

void weir_redis_put(weir_buf *out, weir_slice arg)
{
    if (arg.len > SIZE_MAX - ENTRY_HEAD - 2 ||
        !weir_buf_reserve(out, ENTRY_HEAD + arg.len + 2)) {
        out->has_failed = true;
        return;
    }
    char *at = entry_head(out->data + out->len, '$', arg.len);
    if (arg.len > 0) {
        memcpy(at, arg.data, arg.len);
    }
    at += arg.len;
    at[0] = '\r';
    at[1] = '\n';
    at[2] = '\0';
    out->len = (size_t)(at + 2 - out->data);
}

/* A header's name with h: in front, in one argument. */
static void entry_put_escaped(weir_buf *out, weir_slice name)
{
    weir_buf_printf(out, "$%zu\r\nh:", name.len + 2);
    weir_buf_add(out, name.data, name.len);
    weir_buf_add(out, "\r\n", 2);
}

static void entry_put_limit(weir_buf *out, weir_redis_limit limit)
{
    char number[24];

    weir_redis_put(out, WEIR_SLICE_LIT("MAXLEN"));
    if (limit.is_approx) {
        weir_redis_put(out, WEIR_SLICE_LIT("~"));
    }
    snprintf(number, sizeof(number), "%" PRIu64, limit.n);
    weir_redis_put(out, weir_slice_of(number));
}

size_t weir_redis_entry_n_fields(const weir_out *from)
{
    return (from->key.data != NULL ? 2u : 0u) + 2 + from->n_headers * 2;
}

void weir_redis_entry_write(const weir_out *from, weir_slice stream,
                            weir_redis_limit limit, weir_buf *out)
{
    size_t n = 3 + (limit.is_set ? (limit.is_approx ? 3u : 2u) : 0u);

    weir_redis_put_count(out, n + weir_redis_entry_n_fields(from));
    weir_redis_put(out, WEIR_SLICE_LIT("XADD"));
    weir_redis_put(out, stream);
    if (limit.is_set) {
        entry_put_limit(out, limit);
    }
    weir_redis_put(out, WEIR_SLICE_LIT("*"));
    weir_redis_entry_fields(from, out);
}

void weir_redis_entry_fields(const weir_out *from, weir_buf *out)
{
    if (from->key.data != NULL) {
        weir_redis_put(out, WEIR_SLICE_LIT(ENTRY_KEY));
        weir_redis_put(out, from->key);
    }
    if (from->data.data != NULL) {
        weir_redis_put(out, WEIR_SLICE_LIT(ENTRY_DATA));
        weir_redis_put(out, from->data);
    } else {
        weir_redis_put(out, WEIR_SLICE_LIT(ENTRY_NULL));
        weir_redis_put(out, WEIR_SLICE_LIT("1"));
    }
    for (size_t i = 0; i < from->n_headers; i++) {
        weir_slice name = weir_slice_of(from->headers[i].name);

        if (entry_collides(name)) {
            entry_put_escaped(out, name);
        } else {
            weir_redis_put(out, name);
        }
        weir_redis_put(out, from->headers[i].value);
    }
}

size_t weir_redis_entry_size(const weir_out *from, weir_slice stream)
{
    size_t n = 128 + stream.len + from->key.len + from->data.len;

    for (size_t i = 0; i < from->n_headers; i++) {
        n += 48 + strlen(from->headers[i].name) + from->headers[i].value.len;
    }
    return n;
}
