/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf - bytes that grow; see buf.h.
 */
#include "worker/base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#define BUF_MIN 64

void weir_buf_fini(weir_buf *buf)
{
    free(buf->data);
    *buf = (weir_buf){ 0 };
}

void weir_buf_reset(weir_buf *buf)
{
    buf->len = 0;
    buf->has_failed = false;
    if (buf->data != NULL) {
        buf->data[0] = '\0';
    }
}

bool weir_buf_reserve(weir_buf *buf, size_t n)
{
    if (buf->has_failed) {
        return false;
    }
    if (n < buf->cap - buf->len) {
        return true; /* the NUL behind has its byte too */
    }
    if (n > SIZE_MAX / 2 - buf->len - 1) {
        buf->has_failed = true;
        return false;
    }

    size_t need = buf->len + n + 1;
    size_t cap = buf->cap < BUF_MIN ? BUF_MIN : buf->cap;

    while (cap < need) {
        cap *= 2;
    }

    char *data = realloc(buf->data, cap);

    if (data == NULL) {
        buf->has_failed = true;
        return false;
    }
    buf->data = data;
    buf->cap = cap;
    buf->data[buf->len] = '\0';
    return true;
}

void weir_buf_add(weir_buf *buf, const void *data, size_t n)
{
    if (!weir_buf_reserve(buf, n)) {
        return;
    }
    if (n > 0) {
        memcpy(buf->data + buf->len, data, n);
        buf->len += n;
    }
    buf->data[buf->len] = '\0';
}

void weir_buf_str(weir_buf *buf, const char *text)
{
    weir_buf_add(buf, text, strlen(text));
}

void weir_buf_char(weir_buf *buf, char c)
{
    weir_buf_add(buf, &c, 1);
}

void weir_buf_vprintf(weir_buf *buf, const char *fmt, va_list args)
{
    if (!weir_buf_reserve(buf, BUF_MIN)) {
        return;
    }

    size_t room = buf->cap - buf->len;
    va_list again;

    va_copy(again, args);

    int n = vsnprintf(buf->data + buf->len, room, fmt, args);

    if (n < 0) {
        buf->data[buf->len] = '\0';
        buf->has_failed = true;
    } else if ((size_t)n < room) {
        buf->len += (size_t)n;
    } else if (weir_buf_reserve(buf, (size_t)n)) {
        (void)vsnprintf(buf->data + buf->len, (size_t)n + 1, fmt, again);
        buf->len += (size_t)n;
    } else {
        buf->data[buf->len] = '\0';
    }
    va_end(again);
}

void weir_buf_printf(weir_buf *buf, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    weir_buf_vprintf(buf, fmt, args);
    va_end(args);
}

/* The escape of one byte that may not stand in a JSON string as it is. */
static void buf_json_escape(weir_buf *buf, unsigned char c)
{
    switch (c) {
    case '"':
        weir_buf_add(buf, "\\\"", 2);
        break;
    case '\\':
        weir_buf_add(buf, "\\\\", 2);
        break;
    case '\n':
        weir_buf_add(buf, "\\n", 2);
        break;
    case '\r':
        weir_buf_add(buf, "\\r", 2);
        break;
    case '\t':
        weir_buf_add(buf, "\\t", 2);
        break;
    default:
        weir_buf_printf(buf, "\\u%04x", c);
        break;
    }
}

void weir_buf_json(weir_buf *buf, weir_slice s)
{
    size_t from = 0; /* the first byte not yet written */
    size_t at = 0;

    weir_buf_char(buf, '"');
    while (at < s.len) {
        unsigned char c = (unsigned char)s.data[at];

        if (c >= 0x20 && c < 0x7F && c != '"' && c != '\\') {
            at++;
            continue;
        }

        size_t step = weir_utf8_step(s, at);

        if (step > 1) {
            at += step;
            continue;
        }
        weir_buf_add(buf, s.data + from, at - from);
        if (step == 0) {
            weir_buf_add(buf, "\xEF\xBF\xBD", 3);
        } else {
            buf_json_escape(buf, c);
        }
        at++;
        from = at;
    }
    if (s.len > from) {
        weir_buf_add(buf, s.data + from, s.len - from);
    }
    weir_buf_char(buf, '"');
}

char *weir_buf_take(weir_buf *buf)
{
    if (!weir_buf_reserve(buf, 0)) {
        weir_buf_fini(buf);
        return NULL;
    }

    char *data = buf->data;

    *buf = (weir_buf){ 0 };
    return data;
}
