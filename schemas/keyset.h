/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyset - the keys of one map, to find a key that comes twice.
 *
 * Keys are places in a document; the walker says when two are the same. Up to
 * WEIR_KEYSET_SMALL keys are compared in a line behind a 64-bit Bloom filter, more in a hash
 * table with the process's seed, so that no document makes it slow. Used by the walkers.
 *
 * Threads: one at a time.
 */
#ifndef WEIR_SCHEMAS_KEYSET_H
#define WEIR_SCHEMAS_KEYSET_H

#include "worker/base/slice.h"

#define WEIR_KEYSET_SMALL 24

/* A key: where it stands (the walker's own meaning) and how long it is. */
typedef struct weir_keyset_key {
    uint32_t at, len;
} weir_keyset_key;

typedef struct weir_keyset_slot {
    weir_keyset_key key;
    uint32_t hash;
    bool is_used;
} weir_keyset_slot;

typedef struct weir_keyset {
    uint64_t bloom;
    uint32_t n;
    uint32_t n_slots;        /* 0: still a line; else a power of two */
    weir_keyset_slot *slots; /* heap */
    uint64_t sigs[WEIR_KEYSET_SMALL];
    weir_keyset_key keys[WEIR_KEYSET_SMALL];
} weir_keyset;

/* What the walker knows about its keys. ctx is the walker's. */
typedef struct weir_keyset_ops {
    bool (*same)(const void *ctx, weir_keyset_key a, weir_keyset_key b);
    uint64_t (*hash)(const void *ctx, weir_keyset_key key);
} weir_keyset_ops;

typedef enum weir_keyset_answer {
    WEIR_KEYSET_NEW,
    WEIR_KEYSET_SEEN,
    WEIR_KEYSET_ENOMEM
} weir_keyset_answer;

/* Makes it empty; the storage may be anything. Ended with weir_keyset_fini(). */
static inline void weir_keyset_init(weir_keyset *set)
{
    set->bloom = 0;
    set->n = 0;
    set->n_slots = 0;
    set->slots = NULL;
}

void weir_keyset_fini(weir_keyset *set);

/* Like weir_keyset_add() with any set and any signature. */
weir_keyset_answer weir_keyset_add_slow(weir_keyset *set, weir_keyset_key key,
                                        uint64_t sig, const weir_keyset_ops *ops,
                                        const void *ctx);

/*
 * Adds a key. Same keys must come with the same signature; others may.
 */
static inline weir_keyset_answer weir_keyset_add(weir_keyset *set, weir_keyset_key key,
                                                 uint64_t sig,
                                                 const weir_keyset_ops *ops,
                                                 const void *ctx)
{
    uint64_t bit = UINT64_C(1) << (sig >> 58);

    if ((set->bloom & bit) != 0 || set->n >= WEIR_KEYSET_SMALL || set->n_slots > 0) {
        return weir_keyset_add_slow(set, key, sig, ops, ctx);
    }
    set->bloom |= bit;
    set->sigs[set->n] = sig;
    set->keys[set->n] = key;
    set->n++;
    return WEIR_KEYSET_NEW;
}

/* Its highest bits are mixed best. */
static inline uint64_t weir_keyset_mix(uint64_t a, uint64_t b, size_t len)
{
    return ((a ^ (b << 29 | b >> 35)) + len) * UINT64_C(0x9E3779B97F4A7C15);
}

/* Bytes of a key in two words: all of them up to 16, else the first and the last eight. Up to
 * three bytes may come twice, so that there is no loop. */
static inline void weir_keyset_words(const unsigned char *p, size_t len, uint64_t *a,
                                     uint64_t *b)
{
    uint32_t half = 0;

    *a = 0;
    *b = 0;
    if (len >= sizeof(*a)) {
        memcpy(a, p, sizeof(*a));
        memcpy(b, p + len - sizeof(*b), sizeof(*b));
    } else if (len >= sizeof(half)) {
        memcpy(&half, p, sizeof(half));
        *a = half;
        memcpy(&half, p + len - sizeof(half), sizeof(half));
        *b = half;
    } else if (len > 0) {
        *a = (uint64_t)p[0] << 16 | (uint64_t)p[len / 2] << 8 | p[len - 1];
    }
}

/* A signature of bytes. */
static inline uint64_t weir_keyset_sig(const unsigned char *p, size_t len)
{
    uint64_t a, b;

    weir_keyset_words(p, len, &a, &b);
    return weir_keyset_mix(a, b, len);
}

#define WEIR_KEYSIGS_MAX 64

/* The signatures of one map's keys, for a first look at it: no keys are compared. */
typedef struct weir_keysigs {
    uint64_t bloom;
    uint32_t n;
    uint64_t sigs[WEIR_KEYSIGS_MAX];
} weir_keysigs;

static inline void weir_keysigs_init(weir_keysigs *set)
{
    set->bloom = 0;
    set->n = 0;
}

/* False: the key may have come before, or there are too many to say. */
static inline bool weir_keysigs_add(weir_keysigs *set, uint64_t sig)
{
    const uint64_t bit = UINT64_C(1) << (sig >> 58);

    if (set->n == WEIR_KEYSIGS_MAX) {
        return false;
    }
    for (uint32_t i = 0; (set->bloom & bit) != 0 && i < set->n; i++) {
        if (set->sigs[i] == sig) {
            return false;
        }
    }
    set->bloom |= bit;
    set->sigs[set->n++] = sig;
    return true;
}

#endif
