/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diag - what is wrong with a file: every finding at its line and column.
 *
 *     weir.yaml:12:5: error: unknown key `atempts`; did you mean `attempts`?
 *       12 |     atempts: 3
 *          |     ^
 *
 * Findings are collected, so that all of them can be shown at once, in the order of the file.
 *
 * Threads: one at a time.
 */
#ifndef WEIR_APP_DIAG_H
#define WEIR_APP_DIAG_H

#include "worker/base/buf.h"

#include <stddef.h>

#define WEIR_DIAG_MAX 200 /* findings that are kept; more are only counted */

typedef struct weir_diag {
    int line, column; /* from 1; 0: about the file as a whole */
    bool is_warning;
    char *text;
} weir_diag;

typedef struct weir_diags {
    const char *path;  /* as the user wrote it; a loan */
    weir_slice source; /* the file's bytes; a loan */
    weir_diag *items;
    size_t n, n_errors, n_warnings, n_more;
} weir_diags;

void weir_diags_fini(weir_diags *d);

/* Adds a finding. The same text at the same place is kept once. */
void weir_diag_error(weir_diags *d, int line, int column, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void weir_diag_warn(weir_diags *d, int line, int column, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Appends all findings as people read them; colours if asked. */
void weir_diags_write(weir_diags *d, weir_buf *out, bool use_colour);

#endif
