/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mutate - an input, a few changes: bits, numbers, ranges gone, twice, or out of another one.
 */
#include "tests/fuzz/mutate.h"

#include <string.h>

enum { MAX_CHANGES = 6, MAX_RANGE = 64 };

typedef struct draft {
    uint8_t *data;
    size_t size, max;
} draft;

/* SplitMix64. */
static uint64_t draw(weir_fuzz_mutator *m)
{
    uint64_t z = m->state += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* 0..n-1; n is at least 1. */
static size_t draw_below(weir_fuzz_mutator *m, size_t n)
{
    return (size_t)(draw(m) % n);
}

/* Puts n bytes in at `at`; what does not fit falls off the end. */
static void insert(draft *d, size_t at, const uint8_t *bytes, size_t n)
{
    const size_t room = d->max - at;
    const size_t taken = n < room ? n : room;
    const size_t tail = d->size - at;
    const size_t kept = tail < room - taken ? tail : room - taken;

    memmove(d->data + at + taken, d->data + at, kept);
    memcpy(d->data + at, bytes, taken);
    d->size = at + taken + kept;
}

static void overwrite(draft *d, size_t at, const uint8_t *bytes, size_t n)
{
    const size_t room = d->size - at;

    memcpy(d->data + at, bytes, n < room ? n : room);
}

/* A number at the edge of something, in 1 to 8 bytes, either way round. */
static size_t edge(weir_fuzz_mutator *m, uint8_t *out)
{
    static const uint64_t edges[] = { 0,      1,          0x7F,           0x80,
                                      0xFF,   0x7FFF,     0x8000,         0xFFFF,
                                      0xFFFE, 0x7FFFFFFF, 0x80000000,     0xFFFFFFFF,
                                      16,     32,         INT64_MAX,      UINT64_MAX,
                                      64,     100000,     UINT64_MAX - 7, 4096 };
    const uint64_t value = edges[draw_below(m, sizeof(edges) / sizeof(edges[0]))];
    const size_t n = (size_t)1 << draw_below(m, 4);
    const uint64_t is_big = draw(m) & 1;

    for (size_t i = 0; i < n; i++) {
        out[is_big ? n - 1 - i : i] = (uint8_t)(value >> (8 * i));
    }
    return n;
}

/* A piece of any input, or a number as people write it. */
static size_t piece(weir_fuzz_mutator *m, uint8_t *out)
{
    static const char *const words[] = { "-1",
                                         "0",
                                         "18446744073709551616",
                                         "1e999",
                                         "9223372036854775807",
                                         "\\u0000",
                                         "\r\n",
                                         "null" };
    const weir_fuzz_input *from = &m->inputs[draw_below(m, m->n)];

    if (from->size == 0 || draw_below(m, 8) == 0) {
        const char *word = words[draw_below(m, sizeof(words) / sizeof(words[0]))];

        memcpy(out, word, strlen(word));
        return strlen(word);
    }
    const size_t at = draw_below(m, from->size);
    const size_t room = from->size - at < MAX_RANGE ? from->size - at : MAX_RANGE;
    const size_t n = 1 + draw_below(m, room);

    memcpy(out, from->data + at, n);
    return n;
}

static void change(weir_fuzz_mutator *m, draft *d)
{
    uint8_t bytes[MAX_RANGE];
    const size_t at = draw_below(m, d->size + 1);
    const size_t left = d->size - at;
    size_t n = 1 + draw_below(m, MAX_RANGE);

    switch (draw_below(m, 7)) {
    case 0: /* a bit */
        if (left > 0) {
            d->data[at] ^= (uint8_t)(1u << draw_below(m, 8));
        }
        break;
    case 1: /* a byte */
        if (left > 0) {
            d->data[at] = (uint8_t)draw(m);
        }
        break;
    case 2:
        n = edge(m, bytes);
        overwrite(d, at, bytes, n);
        break;
    case 3: /* a range is gone */
        n = n < left ? n : left;
        memmove(d->data + at, d->data + at + n, left - n);
        d->size -= n;
        break;
    case 4: /* a range stands twice */
        n = n < left ? n : left;
        memcpy(bytes, d->data + at, n);
        insert(d, at, bytes, n);
        break;
    case 5:
        n = piece(m, bytes);
        overwrite(d, at, bytes, n);
        break;
    default:
        n = piece(m, bytes);
        insert(d, at, bytes, n);
        break;
    }
}

size_t weir_fuzz_mutate(weir_fuzz_mutator *m, uint8_t *out, size_t max)
{
    const weir_fuzz_input *from = &m->inputs[draw_below(m, m->n)];
    draft d = { out, from->size < max ? from->size : max, max };

    if (d.size > 0) {
        memcpy(out, from->data, d.size);
    }
    for (size_t i = 1 + draw_below(m, MAX_CHANGES); i > 0; i--) {
        change(m, &d);
    }
    return d.size;
}
