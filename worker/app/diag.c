/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diag - see diag.h.
 */
#include "worker/app/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_SHOWN 160 /* bytes of a source line that are shown */

void weir_diags_fini(weir_diags *d)
{
    for (size_t i = 0; i < d->n; i++) {
        free(d->items[i].text);
    }
    free(d->items);
    d->items = NULL;
    d->n = d->n_errors = d->n_warnings = d->n_more = 0;
}

static bool diag_is_known(const weir_diags *d, int line, int column, const char *text)
{
    for (size_t i = 0; i < d->n; i++) {
        const weir_diag *item = &d->items[i];

        if (item->line == line && item->column == column &&
            strcmp(item->text, text) == 0) {
            return true;
        }
    }
    return false;
}

static void __attribute__((format(printf, 5, 0)))
diag_add(weir_diags *d, bool is_warning, int line, int column, const char *fmt,
         va_list args)
{
    char *text = NULL;

    if (vasprintf(&text, fmt, args) < 0) {
        text = NULL;
    }
    if (text != NULL && diag_is_known(d, line, column, text)) {
        free(text);
        return;
    }
    if (is_warning) {
        d->n_warnings++;
    } else {
        d->n_errors++;
    }
    weir_diag *items = NULL;
    if (text != NULL && d->n < WEIR_DIAG_MAX) {
        items = realloc(d->items, (d->n + 1) * sizeof(*items));
    }
    if (items == NULL) {
        free(text);
        d->n_more++;
        return;
    }
    d->items = items;
    d->items[d->n++] = (weir_diag){ line, column, is_warning, text };
}

void weir_diag_error(weir_diags *d, int line, int column, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    diag_add(d, false, line, column, fmt, args);
    va_end(args);
}

void weir_diag_warn(weir_diags *d, int line, int column, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    diag_add(d, true, line, column, fmt, args);
    va_end(args);
}

/* Line number `line` of the source, without its end. */
static weir_slice diag_line(weir_slice source, int line)
{
    const char *at = source.data;
    const char *end = at == NULL ? NULL : at + source.len;

    for (int i = 1; at != NULL && i < line; i++) {
        at = memchr(at, '\n', (size_t)(end - at));
        if (at != NULL) {
            at++;
        }
    }
    if (at == NULL || at > end) {
        return WEIR_SLICE_NONE;
    }
    const char *eol = memchr(at, '\n', (size_t)(end - at));
    size_t len = (size_t)((eol == NULL ? end : eol) - at);
    if (len > 0 && at[len - 1] == '\r') {
        len--;
    }
    return (weir_slice){ at, len };
}

/* The line and a caret below it. Columns count characters; tabs are kept as tabs, so that the
 * caret stands right whatever their width. */
static void diag_show(weir_buf *out, weir_slice text, const weir_diag *item,
                      bool use_colour)
{
    size_t shown = text.len < LINE_MAX_SHOWN ? text.len : LINE_MAX_SHOWN;
    int column = 1;

    weir_buf_printf(out, "%5d | ", item->line);
    for (size_t i = 0; i < shown; i++) {
        unsigned char c = (unsigned char)text.data[i];
        weir_buf_char(out, (c < 0x20 && c != '\t') || c == 0x7f ? '?' : (char)c);
    }
    weir_buf_str(out, "\n      | ");
    for (size_t i = 0; i < shown && column < item->column; i++) {
        if (((unsigned char)text.data[i] & 0xc0) == 0x80) {
            continue; /* inside a character */
        }
        weir_buf_char(out, text.data[i] == '\t' ? '\t' : ' ');
        column++;
    }
    weir_buf_str(out, use_colour ? "\033[1;32m^\033[0m\n" : "^\n");
}

static int diag_cmp(const void *left, const void *right)
{
    const weir_diag *a = left, *b = right;

    if (a->line != b->line) {
        return a->line < b->line ? -1 : 1;
    }
    if (a->column != b->column) {
        return a->column < b->column ? -1 : 1;
    }
    return strcmp(a->text, b->text);
}

void weir_diags_write(weir_diags *d, weir_buf *out, bool use_colour)
{
    if (d->n > 1) {
        qsort(d->items, d->n, sizeof(*d->items), diag_cmp);
    }
    for (size_t i = 0; i < d->n; i++) {
        const weir_diag *item = &d->items[i];
        const char *kind = item->is_warning ? "warning" : "error";
        const char *colour = item->is_warning ? "\033[1;33m" : "\033[1;31m";

        weir_buf_str(out, d->path);
        if (item->line > 0) {
            weir_buf_printf(out, ":%d:%d", item->line, item->column);
        }
        if (use_colour) {
            weir_buf_printf(out, ": %s%s:\033[0m %s\n", colour, kind, item->text);
        } else {
            weir_buf_printf(out, ": %s: %s\n", kind, item->text);
        }
        weir_slice line =
            item->line > 0 ? diag_line(d->source, item->line) : WEIR_SLICE_NONE;
        if (line.data != NULL) {
            diag_show(out, line, item, use_colour);
        }
    }
    if (d->n_more > 0) {
        weir_buf_printf(out, "%s: and %zu more\n", d->path, d->n_more);
    }
}
