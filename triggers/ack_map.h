/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ack_map - what is finished above a commit position, as text that travels with the commit.
 *
 * A position alone says "everything before me is done". What is done above it would run again
 * after a crash or a hand-over because of one event that is not. The map remembers it: runs of
 * unfinished and finished offsets, in turn, from the base (the position, unfinished) on.
 *
 *     base     x x x . x x . . x            runs 1, 3, 1, 2, 2, 1
 *     unfinished, finished, ...             a gap in the offsets belongs to either neighbour
 *
 * Two fingerprints bind it to the log that it was made from, because a topic that is deleted
 * and made anew takes old positions: a record before the base, and one at or above the
 * highest finished (the log above a record cannot have changed if that record has not).
 *
 * The text is "weir1." and base64 (URL alphabet, no padding) of
 *
 *     generation | base | length | strikes and clean | two fingerprints | coding | runs | CRC32C
 *
 * all numbers as varints (7 bits a byte, low ones first). The runs are whichever is shorter:
 * one bit an offset, or exponential Golomb codes with a parameter each for unfinished and
 * finished runs. What does not fit the limit is left off at the end: it runs again, nothing
 * is skipped for it.
 *
 * A reader takes a text whole or not at all. Whoever asks for events to be skipped must also
 * have read both fingerprints back from the log.
 *
 * Threads: any, one at a time for each map. Pure: no clock, no I/O.
 */
#ifndef WEIR_TRIGGERS_ACK_MAP_H
#define WEIR_TRIGGERS_ACK_MAP_H

#include "worker/base/slice.h"
#include "worker/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What brokers take by default (offset.metadata.max.bytes). */
#define WEIR_ACK_MAP_MAX_BYTES 4096
/* A run takes a bit at least, so more can never be written. */
#define WEIR_ACK_MAP_MAX_RUNS (WEIR_ACK_MAP_MAX_BYTES * 6)

/* What tells one record from another at the same offset. */
typedef struct weir_ack_print {
    int64_t offset; /* -1: none */
    int64_t time_ms;
    uint32_t length;   /* of the payload */
    uint32_t key_hash; /* weir_ack_map_key() */
} weir_ack_print;

typedef struct weir_ack_map {
    uint32_t generation; /* how many owners the partition has had */
    uint32_t strikes;    /* how many of them died since the base moved */
    bool is_clean;       /* the last owner left in order */
    int64_t base;
    weir_ack_print before, high;
    /* Lengths: unfinished, finished, unfinished, ... None is 0. The caller's memory. */
    uint32_t *runs;
    size_t n_runs, cap_runs;
    uint64_t length; /* their sum */
    bool is_cut;     /* something did not fit cap_runs and is left off */
    /* where weir_ack_map_next() last looked */
    size_t at_run;
    uint64_t at_length;
} weir_ack_map;

/* Why a text is no map. */
typedef enum weir_ack_fault {
    WEIR_ACK_OK,
    WEIR_ACK_EMPTY,   /* there is no text */
    WEIR_ACK_FOREIGN, /* another tool's */
    WEIR_ACK_VERSION, /* a map of another version */
    WEIR_ACK_DAMAGED, /* checksum or shape */
    WEIR_ACK_BOUNDS,  /* offsets that cannot be */
    WEIR_ACK_BASE     /* made for another position than the committed one */
} weir_ack_fault;

/* What a map of these runs takes, and how much more may be admitted. */
typedef struct weir_ack_need {
    size_t bytes;      /* of the text now; above the limit: it would be cut */
    size_t most_bytes; /* whatever of the present events finishes next */
    /* so many further offsets fit, whatever of them finishes; 0: hold */
    uint64_t room;
} weir_ack_need;

/* An empty map at `base` over the caller's runs. */
void weir_ack_map_begin(weir_ack_map *map, int64_t base, uint32_t *runs, size_t cap);
/* Appends n offsets of one kind; asserts that the first of a map are unfinished. */
void weir_ack_map_add(weir_ack_map *map, bool is_done, uint64_t n);
/* Appends what `from` knows of the offsets at and above `offset`. */
void weir_ack_map_add_tail(weir_ack_map *map, const weir_ack_map *from, int64_t offset);

/* One past the last finished offset; the base if none is. */
int64_t weir_ack_map_end(const weir_ack_map *map);
/* The first offset at or above this one that is not finished (so itself, if it is not). Fast
 * when asked in rising order. */
int64_t weir_ack_map_next(weir_ack_map *map, int64_t offset);

/*
 * Writes the text, NUL-terminated, of at most max_bytes characters (1..4096); out has room for
 * one more. *covered (may be NULL) is one past the last finished offset that is in it.
 * Returns: its length; 0: not even the empty map fits.
 */
size_t weir_ack_map_encode(const weir_ack_map *map, size_t max_bytes, char *out,
                           int64_t *covered);
/*
 * n_open of the map's offsets are events that have been given out and are not done; log2_gaps
 * is the sum of log2 (rounded down) of their distances to the next event.
 */
void weir_ack_map_measure(const weir_ack_map *map, size_t n_open, uint64_t log2_gaps,
                          size_t max_bytes, weir_ack_need *out);
/*
 * Reads a text that came with the committed position `base`. map is begun by the caller, with
 * room for WEIR_ACK_MAP_MAX_RUNS runs; it is empty unless WEIR_ACK_OK.
 */
weir_ack_fault weir_ack_map_decode(weir_slice text, int64_t base, weir_ack_map *map);
const char *weir_ack_fault_name(weir_ack_fault fault);

/* The hash of a key in a fingerprint; data NULL: no key, which differs from an empty one. */
uint32_t weir_ack_map_key(const void *data, size_t len);
bool weir_ack_print_is(const weir_ack_print *a, const weir_ack_print *b);

#endif
