/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf - bytes that grow.
 *
 * A failed append sets has_failed and later appends do nothing, so a writer checks once at
 * the end.
 *
 * Threads: one at a time.
 */
#ifndef WEIR_BASE_BUF_H
#define WEIR_BASE_BUF_H

#include "worker/base/slice.h"

#include <stdarg.h>

typedef struct weir_buf {
    char *data; /* always NUL-terminated when not NULL */
    size_t len;
    size_t cap;
    bool has_failed;
} weir_buf;

/* A zeroed weir_buf is empty and ready. */
void weir_buf_fini(weir_buf *buf);
/* len = 0, memory is kept, has_failed is cleared. */
void weir_buf_reset(weir_buf *buf);

void weir_buf_add(weir_buf *buf, const void *data, size_t n);
void weir_buf_str(weir_buf *buf, const char *text);
void weir_buf_char(weir_buf *buf, char c);
void weir_buf_printf(weir_buf *buf, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void weir_buf_vprintf(weir_buf *buf, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));
/* Appends s as a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void weir_buf_json(weir_buf *buf, weir_slice s);
/* Room for n more bytes; false: out of memory. */
bool weir_buf_reserve(weir_buf *buf, size_t n);
/* The NUL-terminated bytes; the caller owns them (free); the buf is empty. NULL: failed. */
char *weir_buf_take(weir_buf *buf);

static inline weir_slice weir_buf_slice(const weir_buf *buf)
{
    return (weir_slice){ buf->data, buf->len };
}

#endif
