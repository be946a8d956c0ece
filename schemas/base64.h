/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base64 - bytes as text (RFC 4648 section 4, with padding).
 *
 * Threads: any; nothing is kept.
 */
#ifndef WEIR_SCHEMAS_BASE64_H
#define WEIR_SCHEMAS_BASE64_H

#include "worker/base/buf.h"

/* Appends the text of `bytes`, without quotes. */
void weir_base64_encode(weir_slice bytes, weir_buf *out);

/* Writes the text of `bytes` to out, which has room for (len + 2) / 3 * 4; no NUL. */
void weir_base64_write(weir_slice bytes, char *out);

/* The most that weir_base64_decode() writes for a text of that length. */
static inline size_t weir_base64_max(size_t text_len)
{
    return text_len / 4 * 3;
}

/*
 * Writes the bytes of `text` to out. Strict: no white space, full padding, and the bits that
 * padding leaves over are zero, so that bytes have one text.
 * Returns: false if it is not base64; *n is then unset.
 */
bool weir_base64_decode(weir_slice text, char *out, size_t *n);

#endif
