/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slice - bytes that belong to somebody else (weir_slice of weir/handler.h).
 *
 * Threads: any; slices are values.
 */
#ifndef WEIR_BASE_SLICE_H
#define WEIR_BASE_SLICE_H

#include <weir/handler.h>

#include <string.h>

#define WEIR_SLICE_NONE ((weir_slice){ NULL, 0 })
#define WEIR_SLICE_LIT(lit) ((weir_slice){ (lit), sizeof(lit) - 1 })

/* A NUL-terminated text as a slice; NULL gives an absent slice. */
static inline weir_slice weir_slice_of(const char *text)
{
    return (weir_slice){ text, text == NULL ? 0 : strlen(text) };
}

/* Same bytes; absent and empty differ. */
static inline bool weir_slice_eq(weir_slice a, weir_slice b)
{
    return (a.data == NULL) == (b.data == NULL) && a.len == b.len &&
           (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool weir_slice_is(weir_slice a, const char *text)
{
    return weir_slice_eq(a, weir_slice_of(text));
}

static inline bool weir_slice_starts(weir_slice a, weir_slice prefix)
{
    return a.len >= prefix.len &&
           (prefix.len == 0 || memcmp(a.data, prefix.data, prefix.len) == 0);
}

static inline bool weir_slice_ends(weir_slice a, weir_slice suffix)
{
    return a.len >= suffix.len &&
           (suffix.len == 0 ||
            memcmp(a.data + a.len - suffix.len, suffix.data, suffix.len) == 0);
}

/* How many bytes the UTF-8 sequence at s.data[at] takes (1..4); 0: it is none, or the end. */
size_t weir_utf8_step(weir_slice s, size_t at);
/* True if the bytes are valid UTF-8 (no surrogates, no overlong forms). */
bool weir_utf8_ok(weir_slice s);

/* True: no byte is above 127, so it is UTF-8. Short texts nearly always are; no call. */
static inline bool weir_ascii_ok(const unsigned char *p, size_t len)
{
    uint64_t word = 0;
    uint32_t half = 0;
    uint64_t all = 0;

    if (len >= sizeof(word)) {
        for (size_t i = 0; len - i > sizeof(word); i += sizeof(word)) {
            memcpy(&word, p + i, sizeof(word));
            all |= word;
        }
        /* The last word may overlap the one before it. */
        memcpy(&word, p + len - sizeof(word), sizeof(word));
        all |= word;
    } else if (len >= sizeof(half)) {
        memcpy(&half, p, sizeof(half));
        all = half;
        memcpy(&half, p + len - sizeof(half), sizeof(half));
        all |= half;
    } else if (len > 0) {
        all = p[0] | p[len / 2] | p[len - 1];
    }
    return (all & UINT64_C(0x8080808080808080)) == 0;
}

#endif
