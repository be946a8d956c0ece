/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base64 - see base64.h.
 */
#include "schemas/base64.h"

static const char base64_letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void weir_base64_write(weir_slice bytes, char *out)
{
    const unsigned char *p = (const unsigned char *)bytes.data;
    size_t left = bytes.len;

    while (left > 0) {
        size_t n = left < 3 ? left : 3;
        unsigned word = (unsigned)p[0] << 16 | (n > 1 ? (unsigned)p[1] << 8 : 0) |
                        (n > 2 ? p[2] : 0);

        out[0] = base64_letters[word >> 18];
        out[1] = base64_letters[word >> 12 & 63];
        out[2] = n > 1 ? base64_letters[word >> 6 & 63] : '=';
        out[3] = n > 2 ? base64_letters[word & 63] : '=';
        out += 4;
        p += n;
        left -= n;
    }
}

void weir_base64_encode(weir_slice bytes, weir_buf *out)
{
    size_t n = (bytes.len + 2) / 3 * 4;

    if (weir_buf_reserve(out, n)) {
        weir_base64_write(bytes, out->data + out->len);
        out->len += n;
        out->data[out->len] = '\0';
    }
}

/* The six bits of a letter, or 64. */
static unsigned base64_bits(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (unsigned)(c - 'A');
    }
    if (c >= 'a' && c <= 'z') {
        return (unsigned)(c - 'a') + 26;
    }
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0') + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

bool weir_base64_decode(weir_slice text, char *out, size_t *n)
{
    size_t at = 0;

    if (text.len % 4 != 0) {
        return false;
    }
    for (size_t i = 0; i < text.len; i += 4) {
        const char *q = text.data + i;
        bool is_last = i + 4 == text.len;
        size_t n_pad = !is_last || q[3] != '=' ? 0 : q[2] == '=' ? 2 : 1;
        unsigned word = 0;

        for (size_t j = 0; j < 4; j++) {
            unsigned bits = j >= 4 - n_pad ? 0 : base64_bits(q[j]);

            if (bits > 63) {
                return false;
            }
            word = word << 6 | bits;
        }
        if ((n_pad == 1 && (word & 0xFF) != 0) ||
            (n_pad == 2 && (word & 0xFFFF) != 0)) {
            return false;
        }
        for (size_t j = 0; j < 3 - n_pad; j++) {
            out[at++] = (char)(word >> (16 - 8 * j) & 0xFF);
        }
    }
    *n = at;
    return true;
}
