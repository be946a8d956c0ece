/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ack_bits - numbers and runs of an ack map as bits; for ack_map.c alone.
 *
 * A run of n is coded with a parameter k as the exponential Golomb code of n - 1:
 *
 *     q = ((n - 1) >> k) + 1;  as many zeros as q has bits after its first, q, the low k bits
 *
 * Threads: any. Pure.
 */
#ifndef WEIR_TRIGGERS_ACK_BITS_H
#define WEIR_TRIGGERS_ACK_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEIR_ACK_MAX_HEAD 160 /* sixteen varints */
#define WEIR_ACK_CODING_LEN 2

/* Written at len, or read at `at`. A read past the end gives 0 and sets has_failed. */
typedef struct weir_ack_bytes {
    unsigned char *data;
    size_t cap, len, at;
    bool has_failed;
} weir_ack_bytes;

/* Asserts that there is room. */
void weir_ack_put(weir_ack_bytes *out, uint64_t value);
/* Above `most`, or longer than need be: 0, and has_failed. */
uint64_t weir_ack_get(weir_ack_bytes *in, uint64_t most);

/* Runs, unfinished and finished in turn, and how they are coded. */
typedef struct weir_ack_runs {
    const uint32_t *lengths;
    size_t n; /* even */
    uint64_t length;
    bool is_plain;   /* a bit an offset */
    uint8_t k[2];    /* of unfinished and finished runs */
    uint64_t n_bits; /* what they take */
} weir_ack_runs;

/* Chooses the shortest coding; takes runs off the end until it fits max_bits. */
void weir_ack_runs_fit(weir_ack_runs *runs, size_t max_bits);
/* What the finished runs alone take with k = 0: the most that they ever will. */
uint64_t weir_ack_runs_done_bits(const weir_ack_runs *runs);
/* Coding and runs behind what is there; asserts that there is room. */
void weir_ack_runs_write(const weir_ack_runs *runs, weir_ack_bytes *out);
/* Reads runs of runs->length offsets, which must take the rest of `in` to the bit. */
bool weir_ack_runs_read(weir_ack_runs *runs, weir_ack_bytes *in, uint32_t *lengths,
                        size_t cap);

#endif
