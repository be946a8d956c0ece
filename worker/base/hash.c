/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash - hashing of bytes, CRC32C and pseudo-random numbers; see hash.h.
 *
 * weir_hash multiplies 64-bit words that were mixed with the seed and secret odd constants,
 * and folds the 128-bit product; 16 bytes a step, 48 for long keys.
 */
#include "worker/base/hash.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

#define CRC32C_POLY UINT32_C(0x82F63B78) /* Castagnoli, bits reversed */

__extension__ typedef unsigned __int128 hash_u128;

/* Odd numbers with 32 bits set each, found by drawing at random. */
static const uint64_t hash_key[4] = {
    UINT64_C(0x9e6c63d0876a3f6b),
    UINT64_C(0xd1b54a32d192ed03),
    UINT64_C(0x8cb92ba72f3d8dd7),
    UINT64_C(0xaef17502108ef2d9),
};

static uint64_t hash_mix(uint64_t a, uint64_t b)
{
    hash_u128 product = (hash_u128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_read8(const unsigned char *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof(word));
    return word;
}

static uint64_t hash_read4(const unsigned char *p)
{
    uint32_t word;

    memcpy(&word, p, sizeof(word));
    return word;
}

uint64_t weir_hash(const void *data, size_t len, uint64_t seed)
{
    const unsigned char *p = data;
    uint64_t a = 0;
    uint64_t b = 0;

    seed ^= hash_mix(seed ^ hash_key[0], hash_key[1]);
    if (len > 16) {
        size_t left = len;

        if (left > 48) {
            uint64_t seed1 = seed;
            uint64_t seed2 = seed;

            do {
                seed = hash_mix(hash_read8(p) ^ hash_key[1], hash_read8(p + 8) ^ seed);
                seed1 = hash_mix(hash_read8(p + 16) ^ hash_key[2],
                                 hash_read8(p + 24) ^ seed1);
                seed2 = hash_mix(hash_read8(p + 32) ^ hash_key[3],
                                 hash_read8(p + 40) ^ seed2);
                p += 48;
                left -= 48;
            } while (left > 48);
            seed ^= seed1 ^ seed2;
        }
        while (left > 16) {
            seed = hash_mix(hash_read8(p) ^ hash_key[1], hash_read8(p + 8) ^ seed);
            p += 16;
            left -= 16;
        }
        /* The last 16 bytes, which may overlap what was read already. */
        a = hash_read8(p + left - 16);
        b = hash_read8(p + left - 8);
    } else if (len >= 8) {
        a = hash_read8(p);
        b = hash_read8(p + len - 8);
    } else if (len >= 4) {
        a = hash_read4(p);
        b = hash_read4(p + len - 4);
    } else if (len > 0) {
        a = (uint64_t)p[0] << 16 | (uint64_t)p[len / 2] << 8 | p[len - 1];
    }
    return hash_mix(hash_key[1] ^ len,
                    hash_mix(a ^ hash_key[2], b ^ seed) ^ hash_key[3]);
}

static uint64_t hash_process_seed;
static pthread_once_t hash_seed_once = PTHREAD_ONCE_INIT;

static void hash_make_seed(void)
{
    uint64_t seed = 0;

    if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed)) {
        /* Early in the boot there may be no entropy yet: time, process and place will do. */
        struct timespec now = { 0 };

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        seed = hash_mix((uint64_t)now.tv_nsec ^ hash_key[2],
                        (uint64_t)now.tv_sec ^ (uint64_t)getpid() << 32 ^
                            (uint64_t)(uintptr_t)&seed);
    }
    hash_process_seed = seed;
}

uint64_t weir_hash_seed(void)
{
    (void)pthread_once(&hash_seed_once, hash_make_seed);
    return hash_process_seed;
}

/* crc_table[k][b]: the checksum of byte b with k zero bytes behind it. */
static uint32_t crc_table[8][256];
static pthread_once_t crc_once = PTHREAD_ONCE_INIT;
static bool crc_has_instruction;

static void crc_setup(void)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t crc = b;

        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ ((crc & 1) != 0 ? CRC32C_POLY : 0);
        }
        crc_table[0][b] = crc;
    }
    for (int k = 1; k < 8; k++) {
        for (uint32_t b = 0; b < 256; b++) {
            uint32_t before = crc_table[k - 1][b];

            crc_table[k][b] = before >> 8 ^ crc_table[0][before & 0xFF];
        }
    }
#if defined(__x86_64__)
    crc_has_instruction = __builtin_cpu_supports("sse4.2") != 0;
#endif
}

uint32_t weir_crc32c_portable(uint32_t crc, const void *data, size_t len)
{
    const unsigned char *p = data;

    (void)pthread_once(&crc_once, crc_setup);
    crc = ~crc;
    while (len >= 8) {
        uint32_t low = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 |
                              (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);

        crc = crc_table[7][low & 0xFF] ^ crc_table[6][low >> 8 & 0xFF] ^
              crc_table[5][low >> 16 & 0xFF] ^ crc_table[4][low >> 24] ^
              crc_table[3][p[4]] ^ crc_table[2][p[5]] ^ crc_table[1][p[6]] ^
              crc_table[0][p[7]];
        p += 8;
        len -= 8;
    }
    while (len > 0) {
        crc = crc >> 8 ^ crc_table[0][(crc ^ *p) & 0xFF];
        p++;
        len--;
    }
    return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t
crc_instruction(uint32_t crc, const unsigned char *p, size_t len)
{
    uint64_t wide = ~crc;

    while (len >= 8) {
        wide = _mm_crc32_u64(wide, hash_read8(p));
        p += 8;
        len -= 8;
    }

    uint32_t narrow = (uint32_t)wide;

    while (len > 0) {
        narrow = _mm_crc32_u8(narrow, *p);
        p++;
        len--;
    }
    return ~narrow;
}
#endif

uint32_t weir_crc32c(uint32_t crc, const void *data, size_t len)
{
    (void)pthread_once(&crc_once, crc_setup);
#if defined(__x86_64__)
    if (crc_has_instruction) {
        return crc_instruction(crc, data, len);
    }
#endif
    return weir_crc32c_portable(crc, data, len);
}

/* Spreads one number over many: a step, then a finalizer (the splitmix scheme). */
static uint64_t rand_spread(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);

    uint64_t z = *state;

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void weir_rand_init(weir_rand *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        r->s[i] = rand_spread(&seed);
    }
}

static uint64_t rand_turn(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

/* xoshiro256**. */
uint64_t weir_rand_next(weir_rand *r)
{
    uint64_t result = rand_turn(r->s[1] * 5, 7) * 9;
    uint64_t shifted = r->s[1] << 17;

    r->s[2] ^= r->s[0];
    r->s[3] ^= r->s[1];
    r->s[1] ^= r->s[2];
    r->s[0] ^= r->s[3];
    r->s[2] ^= shifted;
    r->s[3] = rand_turn(r->s[3], 45);
    return result;
}
