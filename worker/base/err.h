/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err - a text for people that says what went wrong, on the caller's stack.
 *
 * Threads: none of its own; a weir_err belongs to one thread.
 */
#ifndef WEIR_BASE_ERR_H
#define WEIR_BASE_ERR_H

#include "worker/base/status.h"

#include <stdarg.h>

#define WEIR_ERR_MAX 1024 /* bytes, the ending NUL included; longer texts are cut */

typedef struct weir_err {
    weir_status st;
    char text[WEIR_ERR_MAX];
} weir_err;

/*
 * Stores status and text in *err (may be NULL) and returns st, so that a failing function
 * can end with: return weir_fail(err, WEIR_EIO, "journal %s: %s", path, strerror(errno));
 */
weir_status weir_fail(weir_err *err, weir_status st, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
weir_status weir_vfail(weir_err *err, weir_status st, const char *fmt, va_list args)
    __attribute__((format(printf, 3, 0)));

/* Puts "prefix: " in front of the text that is there. err may be NULL. Returns err->st. */
weir_status weir_err_prefix(weir_err *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
