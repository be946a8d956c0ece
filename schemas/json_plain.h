/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_plain - the bytes of text that JSON writes as they are, many at a time.
 *
 * Threads: any; nothing is kept.
 */
#ifndef WEIR_SCHEMAS_JSON_PLAIN_H
#define WEIR_SCHEMAS_JSON_PLAIN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* The first byte of a string's text that is not plain ASCII: quote, backslash, control, high. */
static inline const unsigned char *weir_json_plain(const unsigned char *p,
                                                   const unsigned char *end)
{
#if defined(__SSE2__)
    while (end - p >= 16) {
        __m128i word = _mm_loadu_si128((const __m128i *)(const void *)p);
        /* Bytes are signed here, so high ones are less than a space, as controls are. */
        __m128i hit =
            _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(word, _mm_set1_epi8('"')),
                                      _mm_cmpeq_epi8(word, _mm_set1_epi8('\\'))),
                         _mm_cmplt_epi8(word, _mm_set1_epi8(' ')));
        unsigned bits = (unsigned)_mm_movemask_epi8(hit);

        if (bits != 0) {
            return p + __builtin_ctz(bits);
        }
        p += 16;
    }
#elif __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t highs = UINT64_C(0x8080808080808080);

    while ((size_t)(end - p) >= sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, p, sizeof(word));
        /* A subtraction borrows only past a byte that is hit itself, so the lowest is true. */
        uint64_t quote = word ^ (ones * '"');
        uint64_t slash = word ^ (ones * '\\');
        uint64_t hit = (((quote - ones) & ~quote) | ((slash - ones) & ~slash) |
                        ((word - ones * 0x20) & ~word) | word) &
                       highs;

        if (hit != 0) {
            return p + ((unsigned)__builtin_ctzll(hit) >> 3);
        }
        p += sizeof(word);
    }
#endif
    while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\') {
        p++;
    }
    return p;
}

#endif
