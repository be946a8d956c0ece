/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* ack_bits - see ack_bits.h. Bits fill bytes from the top. */
#include "triggers/ack_bits.h"

#include "worker/base/check.h"

#include <string.h>

#define BITS_MAX_K 31
#define BITS_PLAIN 0x80 /* in the first byte of the coding */

/* Position of the highest bit that is set; value is above 0. */
static inline unsigned bits_log2(uint64_t value)
{
    return 63 - (unsigned)__builtin_clzll(value);
}

/* --------------------------------------------------------------------------- varints ---- */

void weir_ack_put(weir_ack_bytes *out, uint64_t value)
{
    do {
        WEIR_ASSERT(out->len < out->cap);
        out->data[out->len++] =
            (unsigned char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
    } while (value > 0);
}

uint64_t weir_ack_get(weir_ack_bytes *in, uint64_t most)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && in->at < in->len; shift += 7) {
        const uint64_t byte = in->data[in->at++];
        const uint64_t part = (byte & 0x7f) << shift;

        if (part >> shift != (byte & 0x7f)) {
            break; /* more than 64 bits */
        }
        value |= part;
        if ((byte & 0x80) == 0) {
            if ((byte == 0 && shift > 0) || value > most) {
                break;
            }
            return value;
        }
    }
    in->has_failed = true;
    return 0;
}

/* ------------------------------------------------------------------------------ cost ---- */

static inline unsigned bits_of(uint32_t length, unsigned k)
{
    return 2 * bits_log2(((uint64_t)(length - 1) >> k) + 1) + 1 + k;
}

/* What every second run from `first` on takes. */
static uint64_t bits_of_all(const weir_ack_runs *runs, size_t first, unsigned k)
{
    uint64_t n_bits = 0;

    for (size_t i = first; i < runs->n; i += 2) {
        n_bits += bits_of(runs->lengths[i], k);
    }
    return n_bits;
}

/* The better of 0 and the logarithm of the mean; in between costs about the same. */
static uint64_t bits_choose_k(weir_ack_runs *runs, size_t first, uint64_t length)
{
    const uint64_t plain = bits_of_all(runs, first, 0);
    const unsigned k = runs->n == 0 ? 0 : bits_log2(length / (runs->n / 2));

    runs->k[first] = 0;
    if (k == 0) {
        return plain;
    }
    const uint64_t with_k = bits_of_all(runs, first, k); /* a run has 32 bits */

    if (with_k >= plain) {
        return plain;
    }
    runs->k[first] = (uint8_t)k;
    return with_k;
}

uint64_t weir_ack_runs_done_bits(const weir_ack_runs *runs)
{
    return bits_of_all(runs, 1, 0);
}

/* How many runs and offsets fit, with the coding that is chosen or in plain bits. All of them
 * never do: this is asked when not even the shorter coding fits. */
static size_t bits_prefix(const weir_ack_runs *runs, bool is_plain, size_t max_bits,
                          uint64_t *length, uint64_t *n_bits)
{
    uint64_t at = 0, took = 0;
    size_t i = 0;

    for (; i < runs->n; i += 2) {
        const uint64_t pair = (uint64_t)runs->lengths[i] + runs->lengths[i + 1];
        const uint64_t cost = is_plain ? pair
                                       : bits_of(runs->lengths[i], runs->k[0]) +
                                             bits_of(runs->lengths[i + 1], runs->k[1]);

        if (took + cost > max_bits) {
            break;
        }
        at += pair;
        took += cost;
    }
    *length = at;
    *n_bits = took;
    return i;
}

void weir_ack_runs_fit(weir_ack_runs *runs, size_t max_bits)
{
    uint64_t n_done = 0;

    for (size_t i = 1; i < runs->n; i += 2) {
        n_done += runs->lengths[i];
    }
    runs->n_bits =
        bits_choose_k(runs, 0, runs->length - n_done) + bits_choose_k(runs, 1, n_done);
    runs->is_plain = runs->length < runs->n_bits;
    runs->n_bits = runs->is_plain ? runs->length : runs->n_bits;
    if (runs->n_bits <= max_bits) {
        return;
    }
    uint64_t by_runs, by_bits, run_bits, plain_bits;
    const size_t n_runs = bits_prefix(runs, false, max_bits, &by_runs, &run_bits);
    const size_t n_plain = bits_prefix(runs, true, max_bits, &by_bits, &plain_bits);

    runs->is_plain = by_bits > by_runs;
    runs->n = runs->is_plain ? n_plain : n_runs;
    runs->length = runs->is_plain ? by_bits : by_runs;
    runs->n_bits = runs->is_plain ? plain_bits : run_bits;
}

/* --------------------------------------------------------------------------- writing ---- */

typedef struct bits_writer {
    weir_ack_bytes *out;
    uint64_t acc;
    unsigned n; /* bits in acc that are not written, below 8 between calls */
} bits_writer;

/* The low n bits of value, n up to 49. */
static inline void bits_put(bits_writer *w, uint64_t value, unsigned n)
{
    w->acc = w->acc << n | value;
    w->n += n;
    while (w->n >= 8) {
        w->n -= 8;
        WEIR_ASSERT(w->out->len < w->out->cap);
        w->out->data[w->out->len++] = (unsigned char)(w->acc >> w->n);
    }
}

static void bits_put_run(bits_writer *w, uint32_t length, unsigned k)
{
    const uint64_t value = length - 1;
    const uint64_t q = (value >> k) + 1;
    const unsigned n = bits_log2(q);

    if (n <= 24) {
        bits_put(w, q, 2 * n + 1); /* with the zeros before it */
    } else {
        bits_put(w, 0, n);
        bits_put(w, q, n + 1);
    }
    if (k > 0) {
        bits_put(w, value & ((UINT64_C(1) << k) - 1), k);
    }
}

static void bits_put_plain(bits_writer *w, uint32_t length, bool is_done)
{
    for (uint32_t left = length; left > 0;) {
        const unsigned n = left < 32 ? left : 32;

        bits_put(w, is_done ? (UINT64_C(1) << n) - 1 : 0, n);
        left -= n;
    }
}

void weir_ack_runs_write(const weir_ack_runs *runs, weir_ack_bytes *out)
{
    bits_writer w = { .out = out };

    bits_put(&w, runs->is_plain ? BITS_PLAIN : runs->k[0], 8);
    bits_put(&w, runs->is_plain ? 0 : runs->k[1], 8);
    for (size_t i = 0; i < runs->n; i++) {
        if (runs->is_plain) {
            bits_put_plain(&w, runs->lengths[i], i % 2 == 1);
        } else {
            bits_put_run(&w, runs->lengths[i], runs->k[i % 2]);
        }
    }
    bits_put(&w, 0, (8 - w.n) % 8);
}

/* --------------------------------------------------------------------------- reading ---- */

typedef struct bits_reader {
    const weir_ack_bytes *in;
    size_t at; /* in bits */
    bool has_failed;
} bits_reader;

static uint64_t bits_get(bits_reader *r, unsigned n)
{
    uint64_t value = 0;

    if (r->in->len * 8 - r->at < n) {
        r->has_failed = true;
        return 0;
    }
    for (unsigned i = 0; i < n; i++, r->at++) {
        value = value << 1 | (r->in->data[r->at / 8] >> (7 - r->at % 8) & 1);
    }
    return value;
}

/* The length of a run; 0: it is none. */
static uint64_t bits_get_run(bits_reader *r, unsigned k)
{
    unsigned n = 0;

    while (n < 33 && bits_get(r, 1) == 0) {
        if (r->has_failed) {
            return 0;
        }
        n++;
    }
    if (n == 33) {
        return 0;
    }
    const uint64_t q = (UINT64_C(1) << n | bits_get(r, n)) - 1;
    const uint64_t length = (q << k | bits_get(r, k)) + 1;

    return r->has_failed || length > UINT32_MAX ? 0 : length;
}

/* The length of a row of bits that are all the same, at most `most`. */
static uint64_t bits_get_plain(bits_reader *r, bool is_done, uint64_t most)
{
    uint64_t length = 0;

    while (length < most) {
        const bool bit = bits_get(r, 1) != 0;

        if (r->has_failed) {
            return 0;
        }
        if (bit != is_done) {
            r->at--;
            break;
        }
        length++;
    }
    return length;
}

bool weir_ack_runs_read(weir_ack_runs *runs, weir_ack_bytes *in, uint32_t *lengths,
                        size_t cap)
{
    bits_reader r = { .in = in, .at = in->at * 8 };
    uint64_t left = runs->length;
    const uint64_t first = bits_get(&r, 8);
    const uint64_t second = bits_get(&r, 8);

    runs->is_plain = first == BITS_PLAIN;
    runs->k[0] = (uint8_t)(runs->is_plain ? 0 : first);
    runs->k[1] = (uint8_t)second;
    if (r.has_failed || runs->k[0] > BITS_MAX_K || runs->k[1] > BITS_MAX_K ||
        (runs->is_plain && second != 0)) {
        return false;
    }
    runs->lengths = lengths;
    while (left > 0) {
        const bool is_done = runs->n % 2 == 1;
        const uint64_t length = runs->is_plain ? bits_get_plain(&r, is_done, left)
                                               : bits_get_run(&r, runs->k[is_done]);

        if (length == 0 || length > left || runs->n == cap) {
            return false;
        }
        lengths[runs->n++] = (uint32_t)length;
        left -= length;
    }
    const unsigned rest = (unsigned)(in->len * 8 - r.at);

    runs->n_bits = r.at - in->at * 8;
    in->at = in->len;
    return runs->n % 2 == 0 && rest < 8 && bits_get(&r, rest) == 0;
}
