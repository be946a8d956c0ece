/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * invoke_event - see invoke_event.h.
 */
#include "worker/app/invoke_event.h"

#include "schemas/base64.h"
#include "schemas/cloudevents.h"
#include "worker/base/clock.h"

#include <errno.h>
#include <stdio.h>

#define EVENT_MAX (256 * 1024 * 1024)

static const char *const event_words[] = { "key",      "key_base64",  "headers",
                                           "data",     "data_base64", "time",
                                           "position", NULL };

weir_status weir_invoke_read(const char *path, weir_buf *out, weir_err *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "re");
    weir_status st = WEIR_OK;
    char chunk[16384];
    size_t n;

    if (file == NULL) {
        return weir_fail(err, errno == ENOENT ? WEIR_ENOENT : WEIR_EIO, "%s: %s", path,
                         strerror(errno));
    }
    while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0 && out->len <= EVENT_MAX) {
        weir_buf_add(out, chunk, n);
    }
    if (ferror(file)) {
        st = weir_fail(err, WEIR_EIO, "%s: %s", path, strerror(errno));
    } else if (out->len > EVENT_MAX) {
        st = weir_fail(err, WEIR_ETOOLARGE, "%s: larger than any event", path);
    } else if (out->has_failed) {
        st = weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    if (!is_stdin) {
        fclose(file);
    }
    return st;
}

static weir_status event_base64(const weir_value *v, const char *name,
                                weir_arena *arena, weir_slice *out, weir_err *err)
{
    weir_slice text;

    if (!weir_val_string(v, &text)) {
        return weir_fail(err, WEIR_EDATA, "`%s` takes a base64 text", name);
    }
    size_t len = weir_base64_max(text.len);
    char *bytes = weir_arena_alloc(arena, len + 1);
    if (bytes == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    if (!weir_base64_decode(text, bytes, &len)) {
        return weir_fail(err, WEIR_EDATA, "`%s` is not base64", name);
    }
    *out = (weir_slice){ bytes, len };
    return WEIR_OK;
}

/* A text as its bytes, anything else as its JSON; null is absent. */
static weir_status event_bytes(const weir_value *v, weir_arena *arena, weir_slice *out,
                               weir_err *err)
{
    weir_buf json = { 0 };
    weir_slice text = WEIR_SLICE_NONE;
    bool is_ok = true;

    if (!weir_val_is_null(v) && !weir_val_string(v, &text)) {
        weir_val_json(v, &json, false);
        text = weir_buf_slice(&json);
        is_ok = !json.has_failed;
    }
    is_ok = is_ok && weir_arena_copy(arena, text, out);
    weir_buf_fini(&json);
    return is_ok ? WEIR_OK : weir_fail(err, WEIR_ENOMEM, "out of memory");
}

static weir_status event_header(weir_event *ev, const weir_value *name,
                                const weir_value *value, weir_err *err)
{
    weir_header *header = &ev->headers[ev->n_headers];
    weir_slice text, copy;

    if (!weir_val_string(name, &text) || memchr(text.data, '\0', text.len) != NULL) {
        return weir_fail(err, WEIR_EDATA, "the name of a header must be a text");
    }
    if (!weir_arena_copy(ev->arena, text, &copy)) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    header->name = copy.data;
    ev->n_headers++;
    return event_bytes(value, ev->arena, &header->value, err);
}

/* A map of name to value, or a list of {name, value} as `weir tail -o json` prints it. */
static weir_status event_headers(weir_event *ev, const weir_value *v, weir_err *err)
{
    weir_value_iter it = { 0 };
    const weir_value *key, *item;
    weir_status st = WEIR_OK;
    weir_type type = weir_val_type(v);

    if (type != WEIR_TYPE_MAP && type != WEIR_TYPE_ARRAY) {
        return weir_fail(err, WEIR_EDATA,
                         "`headers` takes a map, or a list of {name, value}");
    }
    ev->headers =
        weir_arena_zalloc(ev->arena, (weir_val_size(v) + 1) * sizeof(weir_header));
    if (ev->headers == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    while (st == WEIR_OK && weir_val_next(v, &it, &key, &item)) {
        if (type == WEIR_TYPE_MAP) {
            st = event_header(ev, key, item, err);
            continue;
        }
        const weir_value *name = weir_val_member(item, WEIR_SLICE_LIT("name"));
        const weir_value *binary =
            weir_val_member(item, WEIR_SLICE_LIT("value_base64"));
        st =
            event_header(ev, name, weir_val_member(item, WEIR_SLICE_LIT("value")), err);
        if (st == WEIR_OK && binary != NULL) {
            st = event_base64(binary, "value_base64", ev->arena,
                              &ev->headers[ev->n_headers - 1].value, err);
        }
    }
    return st;
}

/* "kafka:orders/3@1042" -> where, topic, partition and receipt. */
static weir_status event_position(weir_event *ev, const weir_value *v, weir_err *err)
{
    weir_slice text;
    weir_address at;

    if (!weir_val_string(v, &text)) {
        return weir_fail(err, WEIR_EDATA, "`position` takes a text");
    }
    char *copy = weir_arena_printf(ev->arena, "%.*s", (int)text.len, text.data);
    if (copy == NULL) {
        return weir_fail(err, WEIR_ENOMEM, "out of memory");
    }
    weir_status st = weir_address_parse(copy, &at, err);
    if (st != WEIR_OK) {
        return weir_fail(err, WEIR_EDATA,
                         "`position`: not one like kafka:orders/3@1042");
    }
    const char *last = strrchr(copy, '@');
    if (!at.has_pos || last == NULL) {
        return weir_fail(err, WEIR_EDATA,
                         "`position` lacks its place: kafka:orders/3@1042");
    }
    ev->where = (weir_slice){ copy, (size_t)(last - copy) + 1 };
    ev->topic = weir_arena_strdup(ev->arena, at.topic);
    ev->partition = at.partition;
    ev->receipt.pos = at.pos;
    ev->is_redis = at.is_id;
    return ev->topic == NULL ? weir_fail(err, WEIR_ENOMEM, "out of memory") : WEIR_OK;
}

static weir_status event_member(weir_event *ev, const char *name, const weir_value *v,
                                weir_err *err)
{
    weir_slice text;

    if (strcmp(name, "key") == 0) {
        return event_bytes(v, ev->arena, &ev->key, err);
    }
    if (strcmp(name, "key_base64") == 0) {
        return event_base64(v, name, ev->arena, &ev->key, err);
    }
    if (strcmp(name, "data") == 0) {
        return event_bytes(v, ev->arena, &ev->data, err);
    }
    if (strcmp(name, "data_base64") == 0) {
        return event_base64(v, name, ev->arena, &ev->data, err);
    }
    if (strcmp(name, "headers") == 0) {
        return event_headers(ev, v, err);
    }
    if (strcmp(name, "position") == 0) {
        return event_position(ev, v, err);
    }
    if (!weir_val_string(v, &text) ||
        weir_time_parse(text, &ev->time_ms, err) != WEIR_OK) {
        return weir_fail(err, WEIR_EDATA,
                         "`time` takes a time like 2026-11-20T08:00:00Z");
    }
    return WEIR_OK;
}

static void event_defaults(weir_event *ev)
{
    ev->time_ms = weir_clock_wall_ms();
    ev->where = WEIR_SLICE_LIT("invoke:event/0@");
    ev->topic = "event";
    ev->partition = 0;
    ev->n_delivered = 1;
}

weir_status weir_invoke_raw(weir_slice payload, weir_format format, weir_event *ev,
                            weir_err *err)
{
    event_defaults(ev);
    if (payload.data == NULL) {
        payload = WEIR_SLICE_LIT("");
    }
    if (format == WEIR_FORMAT_CLOUDEVENTS) {
        ev->headers = weir_arena_zalloc(ev->arena, sizeof(*ev->headers));
        if (ev->headers == NULL) {
            return weir_fail(err, WEIR_ENOMEM, "out of memory");
        }
        ev->headers[ev->n_headers++] =
            (weir_header){ WEIR_CE_TYPE_HEADER, WEIR_SLICE_LIT(WEIR_CE_TYPE_JSON) };
    }
    return weir_arena_copy(ev->arena, payload, &ev->data)
               ? WEIR_OK
               : weir_fail(err, WEIR_ENOMEM, "out of memory");
}

weir_status weir_invoke_event(weir_slice text, weir_event *ev, weir_err *err)
{
    weir_value_iter it = { 0 };
    const weir_value *key, *item;
    weir_json *doc = NULL;
    weir_status st = weir_json_parse(text, &doc, err);

    if (st != WEIR_OK) {
        return st == WEIR_ENOMEM
                   ? st
                   : weir_fail(
                         err, WEIR_EDATA,
                         "the event is no JSON: %s; a payload by itself needs --format",
                         weir_status_text(st));
    }
    event_defaults(ev);
    if (weir_val_type(weir_json_root(doc)) != WEIR_TYPE_MAP) {
        st = weir_fail(
            err, WEIR_EDATA,
            "the event must be a JSON map with `data` and so on; a payload by "
            "itself needs --format");
    }
    while (st == WEIR_OK && weir_val_next(weir_json_root(doc), &it, &key, &item)) {
        const char *name = NULL;
        weir_slice given = WEIR_SLICE_NONE;

        (void)weir_val_string(key, &given);
        for (size_t i = 0; event_words[i] != NULL; i++) {
            name = weir_slice_is(given, event_words[i]) ? event_words[i] : name;
        }
        st = name != NULL
                 ? event_member(ev, name, item, err)
                 : weir_fail(err, WEIR_EDATA,
                             "unknown member `%.*s`; an event has key, headers, "
                             "data, data_base64, time, position",
                             (int)(given.len > 60 ? 60 : given.len), given.data);
    }
    weir_json_free(doc);
    return st;
}
