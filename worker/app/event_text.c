/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event_text - see event_text.h.
 */
#include "worker/app/event_text.h"

#include "schemas/base64.h"
#include "worker/base/clock.h"

static bool text_is_printable(weir_slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.data[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return weir_utf8_ok(bytes);
}

void weir_bytes_text(weir_slice bytes, weir_buf *out)
{
    if (bytes.data == NULL) {
        weir_buf_str(out, "(none)");
    } else if (text_is_printable(bytes)) {
        weir_buf_add(out, bytes.data, bytes.len);
    } else {
        weir_buf_str(out, "base64:");
        weir_base64_encode(bytes, out);
    }
}

/* The payload decoded, as JSON; false: it does not decode to a value. */
static bool text_value(weir_slice data, const weir_codec_ops *codec, weir_buf *out)
{
    weir_arena arena;
    weir_event ev;
    bool is_value = false;

    if (codec == NULL || !codec->gives_value || data.data == NULL) {
        return false;
    }
    weir_arena_init(&arena, 0);
    weir_ev_begin(&ev, &arena);
    ev.data = data;
    if (codec->decode(&ev, NULL) == WEIR_OK && ev.value != NULL) {
        weir_val_json(ev.value, out, false);
        is_value = true;
    }
    weir_ev_end(&ev);
    weir_arena_fini(&arena);
    return is_value;
}

/* Bytes that look like a JSON map or list and are one. */
static bool text_is_json(weir_slice data)
{
    return data.len > 1 && (data.data[0] == '{' || data.data[0] == '[') &&
           weir_codec_json.walk(data, NULL) == WEIR_OK;
}

void weir_payload_json(weir_slice data, const weir_codec_ops *codec, weir_buf *out)
{
    weir_buf value = { 0 };

    if (data.data == NULL) {
        weir_buf_str(out, "\"data\":null");
    } else if (text_value(data, codec, &value)) {
        weir_buf_str(out, "\"data\":");
        weir_buf_add(out, value.data, value.len);
    } else if (codec == NULL && text_is_json(data)) {
        weir_buf_str(out, "\"data\":");
        weir_buf_add(out, data.data, data.len);
    } else if (weir_utf8_ok(data)) {
        weir_buf_str(out, "\"data\":");
        weir_buf_json(out, data);
    } else {
        weir_buf_str(out, "\"data_base64\":\"");
        weir_base64_encode(data, out);
        weir_buf_char(out, '"');
    }
    weir_buf_fini(&value);
}

void weir_headers_json(const weir_header *headers, size_t n, weir_buf *out)
{
    weir_buf_str(out, "\"headers\":[");
    for (size_t i = 0; i < n; i++) {
        weir_buf_str(out, i == 0 ? "{\"name\":" : ",{\"name\":");
        weir_buf_json(out, weir_slice_of(headers[i].name));
        weir_buf_char(out, ',');
        if (headers[i].value.data == NULL) {
            weir_buf_str(out, "\"value\":null");
        } else if (weir_utf8_ok(headers[i].value)) {
            weir_buf_str(out, "\"value\":");
            weir_buf_json(out, headers[i].value);
        } else {
            weir_buf_str(out, "\"value_base64\":\"");
            weir_base64_encode(headers[i].value, out);
            weir_buf_char(out, '"');
        }
        weir_buf_char(out, '}');
    }
    weir_buf_char(out, ']');
}

void weir_event_json(weir_event *ev, const weir_codec_ops *codec, weir_buf *out)
{
    char time[WEIR_RFC3339_MAX];

    weir_buf_str(out, "{\"position\":");
    weir_buf_json(out, weir_ev_position(ev));
    if (ev->time_ms >= 0) {
        weir_buf_printf(out, ",\"time\":\"%s\"", weir_time_format(ev->time_ms, time));
    }
    if (ev->key.data != NULL && weir_utf8_ok(ev->key)) {
        weir_buf_str(out, ",\"key\":");
        weir_buf_json(out, ev->key);
    } else if (ev->key.data != NULL) {
        weir_buf_str(out, ",\"key_base64\":\"");
        weir_base64_encode(ev->key, out);
        weir_buf_char(out, '"');
    }
    weir_buf_char(out, ',');
    weir_headers_json(ev->headers, weir_ev_look(ev) ? ev->n_headers : 0, out);
    weir_buf_char(out, ',');
    weir_payload_json(ev->data, codec, out);
    weir_buf_str(out, "}\n");
}

void weir_event_line(weir_event *ev, const weir_codec_ops *codec, weir_buf *out)
{
    char time[WEIR_RFC3339_MAX];
    weir_slice position = weir_ev_position(ev);

    weir_buf_add(out, position.data, position.len);
    weir_buf_printf(out, "  %s",
                    ev->time_ms < 0 ? "-" : weir_time_format(ev->time_ms, time));
    weir_buf_str(out, "  key=");
    weir_bytes_text(ev->key, out);
    for (size_t i = 0; weir_ev_look(ev) && i < ev->n_headers; i++) {
        weir_buf_printf(out, "  %s=", ev->headers[i].name);
        weir_bytes_text(ev->headers[i].value, out);
    }
    weir_buf_str(out, "  ");
    if (!text_value(ev->data, codec, out)) {
        weir_bytes_text(ev->data, out);
    }
    weir_buf_char(out, '\n');
}
