/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err - texts for people; see err.h.
 */
#include "worker/base/err.h"

#include <stdio.h>
#include <string.h>

weir_status weir_vfail(weir_err *err, weir_status st, const char *fmt, va_list args)
{
    if (err != NULL) {
        /* Written aside first, so that err->text may be among the arguments. */
        char text[WEIR_ERR_MAX];

        if (vsnprintf(text, sizeof(text), fmt, args) < 0) {
            text[0] = '\0';
        }
        err->st = st;
        memcpy(err->text, text, strlen(text) + 1);
    }
    return st;
}

weir_status weir_fail(weir_err *err, weir_status st, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)weir_vfail(err, st, fmt, args);
    va_end(args);
    return st;
}

weir_status weir_err_prefix(weir_err *err, const char *fmt, ...)
{
    if (err == NULL) {
        /* There is nowhere to read the status from; the caller has it. */
        return WEIR_OK;
    }

    char prefix[WEIR_ERR_MAX];
    va_list args;

    va_start(args, fmt);
    if (vsnprintf(prefix, sizeof(prefix), fmt, args) < 0) {
        prefix[0] = '\0';
    }
    va_end(args);

    char text[WEIR_ERR_MAX];
    size_t n = strlen(prefix);

    memcpy(text, err->text, sizeof(text));
    memcpy(err->text, prefix, n);
    for (const char *p = ": "; *p != '\0' && n < WEIR_ERR_MAX - 1; p++) {
        err->text[n++] = *p;
    }
    for (const char *p = text; *p != '\0' && n < WEIR_ERR_MAX - 1; p++) {
        err->text[n++] = *p;
    }
    err->text[n] = '\0';
    return err->st;
}
