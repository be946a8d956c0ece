/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hashes, checksums and pseudo-random numbers.
 */
#include "worker/base/hash.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants these before it */
#include <cmocka.h>

static void crc32c_gives_the_known_values(void **state)
{
    unsigned char bytes[32] = { 0 };

    (void)state;
    assert_int_equal(weir_crc32c(0, "123456789", 9), 0xE3069283);
    assert_int_equal(weir_crc32c(0, bytes, 32), 0x8A9136AA);
    for (int i = 0; i < 32; i++) {
        bytes[i] = (unsigned char)i;
    }
    assert_int_equal(weir_crc32c(0, bytes, 32), 0x46DD794E);
    assert_int_equal(weir_crc32c(0, "", 0), 0);
}

static void crc32c_goes_on_and_both_ways_agree(void **state)
{
    unsigned char bytes[300];
    weir_rand rand;

    (void)state;
    weir_rand_init(&rand, 1);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (unsigned char)weir_rand_next(&rand);
    }
    for (size_t n = 0; n < sizeof(bytes); n++) {
        uint32_t whole = weir_crc32c(0, bytes, n);

        assert_int_equal(whole, weir_crc32c_portable(0, bytes, n));
        assert_int_equal(
            whole, weir_crc32c(weir_crc32c(0, bytes, n / 3), bytes + n / 3, n - n / 3));
    }
}

static void a_hash_depends_on_every_byte_the_length_and_the_seed(void **state)
{
    unsigned char bytes[130] = { 0 };

    (void)state;
    for (size_t n = 1; n <= sizeof(bytes); n++) {
        uint64_t hash = weir_hash(bytes, n, 1);

        assert_true(hash == weir_hash(bytes, n, 1));
        assert_true(hash != weir_hash(bytes, n, 2));
        assert_true(hash != weir_hash(bytes, n - 1, 1));
        for (size_t i = 0; i < n; i++) {
            bytes[i] ^= 1;
            assert_true(hash != weir_hash(bytes, n, 1));
            bytes[i] ^= 1;
        }
    }
}

static void hashes_of_counting_keys_fill_a_table_evenly(void **state)
{
    static unsigned slots[1024];

    (void)state;
    for (int i = 0; i < 102400; i++) {
        char key[16];
        int n = snprintf(key, sizeof(key), "key-%d", i);

        slots[weir_hash(key, (size_t)n, 42) & 1023]++;
    }
    for (size_t i = 0; i < 1024; i++) { /* 100 expected, 10 a standard deviation */
        assert_in_range(slots[i], 40, 160);
    }
}

static void the_seed_of_the_process_stays(void **state)
{
    (void)state;
    assert_true(weir_hash_seed() == weir_hash_seed());
}

static void random_numbers_repeat_with_their_seed_only(void **state)
{
    weir_rand a;
    weir_rand b;
    weir_rand c;

    (void)state;
    weir_rand_init(&a, 5);
    weir_rand_init(&b, 5);
    weir_rand_init(&c, 6);
    for (int i = 0; i < 100; i++) {
        uint64_t x = weir_rand_next(&a);

        assert_true(x == weir_rand_next(&b));
        assert_true(x != weir_rand_next(&c));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32c_gives_the_known_values),
        cmocka_unit_test(crc32c_goes_on_and_both_ways_agree),
        cmocka_unit_test(a_hash_depends_on_every_byte_the_length_and_the_seed),
        cmocka_unit_test(hashes_of_counting_keys_fill_a_table_evenly),
        cmocka_unit_test(the_seed_of_the_process_stays),
        cmocka_unit_test(random_numbers_repeat_with_their_seed_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
