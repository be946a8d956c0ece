/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash - one hash function for tables inside the worker.
 *
 * Seeded once a process from the system's random source, so that foreign keys cannot be
 * chosen to collide. Never used for anything that is written down.
 *
 * Threads: any.
 */
#ifndef WEIR_BASE_HASH_H
#define WEIR_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t weir_hash(const void *data, size_t len, uint64_t seed);
/* The process's own seed. */
uint64_t weir_hash_seed(void);
/* CRC32C (Castagnoli) of data, going on from crc (0 to begin). For what is written down. */
uint32_t weir_crc32c(uint32_t crc, const void *data, size_t len);
/* The same without the processor's instruction: the reference that tests compare with. */
uint32_t weir_crc32c_portable(uint32_t crc, const void *data, size_t len);
/* A fast pseudo-random generator (xoshiro256** or the like) seeded by the caller: for jitter. */
typedef struct weir_rand {
    uint64_t s[4];
} weir_rand;
void weir_rand_init(weir_rand *r, uint64_t seed);
uint64_t weir_rand_next(weir_rand *r);

#endif
