/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slice - the check of UTF-8; see slice.h.
 */
#include "worker/base/slice.h"

/* How many bytes the sequence that begins at p takes (at most `left`), or 0 if it is wrong. */
static size_t utf8_step(const unsigned char *p, size_t left)
{
    unsigned char c = p[0];

    if (c < 0x80) {
        return 1;
    }
    if (c < 0xC2) {
        return 0; /* a continuation byte, or an overlong form of ASCII */
    }
    if (c < 0xE0) {
        return left >= 2 && (p[1] & 0xC0) == 0x80 ? 2 : 0;
    }
    if (c < 0xF0) {
        /* E0 would be overlong below A0; ED would be a surrogate from A0 on. */
        unsigned char low = c == 0xE0 ? 0xA0 : 0x80;
        unsigned char high = c == 0xED ? 0x9F : 0xBF;

        return left >= 3 && p[1] >= low && p[1] <= high && (p[2] & 0xC0) == 0x80 ? 3
                                                                                 : 0;
    }
    if (c < 0xF5) {
        /* F0 would be overlong below 90; F4 is past U+10FFFF from 90 on. */
        unsigned char low = c == 0xF0 ? 0x90 : 0x80;
        unsigned char high = c == 0xF4 ? 0x8F : 0xBF;

        return left >= 4 && p[1] >= low && p[1] <= high && (p[2] & 0xC0) == 0x80 &&
                       (p[3] & 0xC0) == 0x80
                   ? 4
                   : 0;
    }
    return 0;
}

size_t weir_utf8_step(weir_slice s, size_t at)
{
    return at >= s.len ? 0 : utf8_step((const unsigned char *)s.data + at, s.len - at);
}

bool weir_utf8_ok(weir_slice s)
{
    const unsigned char *p = (const unsigned char *)s.data;
    size_t at = 0;

    while (at < s.len) {
        uint64_t word;

        while (s.len - at >= sizeof(word)) {
            memcpy(&word, p + at, sizeof(word));
            if ((word & UINT64_C(0x8080808080808080)) != 0) {
                break;
            }
            at += sizeof(word);
        }
        if (at == s.len) {
            break;
        }

        size_t step = utf8_step(p + at, s.len - at);

        if (step == 0) {
            return false;
        }
        at += step;
    }
    return true;
}
