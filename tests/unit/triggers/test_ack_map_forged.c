/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ack_map_forged - ack maps that nobody wrote: their checksum is good, what is below it is
 * not, and none of it is believed.
 */
#include "triggers/ack_bits.h"
#include "triggers/ack_map.h"
#include "worker/base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE 1000

static uint32_t runs[WEIR_ACK_MAP_MAX_RUNS];
static char text[WEIR_ACK_MAP_MAX_BYTES + 1];

static weir_ack_fault decode(const char *from, size_t len, int64_t base,
                             weir_ack_map *out)
{
    out->runs = runs;
    out->cap_runs = WEIR_ACK_MAP_MAX_RUNS;
    return weir_ack_map_decode((weir_slice){ from, len }, base, out);
}

/* Makes `bytes` a text with a good checksum and reads it. */
static weir_ack_fault decode_bytes(weir_ack_bytes *bytes, int64_t base)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t crc = weir_crc32c(weir_crc32c(0, "weir1.", 6), bytes->data, bytes->len);
    weir_ack_map back;
    size_t n = 6;

    for (int i = 0; i < 4; i++, crc >>= 8) {
        bytes->data[bytes->len++] = (unsigned char)crc;
    }
    memcpy(text, "weir1.", 6);
    for (size_t i = 0; i < bytes->len * 8; i += 6) {
        unsigned value = 0;

        for (size_t b = i; b < i + 6; b++) {
            const unsigned bit =
                b / 8 < bytes->len ? bytes->data[b / 8] >> (7 - b % 8) & 1 : 0;

            value = value << 1 | bit;
        }
        text[n++] = alphabet[value];
    }
    return decode(text, n, base, &back);
}

/* The numbers of a head, with a run of one and one of two behind it. */
typedef struct head {
    uint64_t generation, base, length, strikes, before, high;
    unsigned char coding[2];
    unsigned char bits;
    size_t n_bits_bytes;
} head;

static const head good = { 1, BASE, 3, 0, 0, 3, { 0, 0 }, 0xa0, 1 };

static weir_ack_fault decode_head(const head *from)
{
    unsigned char data[200];
    weir_ack_bytes bytes = { .data = data, .cap = sizeof(data) };

    weir_ack_put(&bytes, from->generation);
    weir_ack_put(&bytes, from->base);
    weir_ack_put(&bytes, from->length);
    weir_ack_put(&bytes, from->strikes);
    for (int i = 0; i < 2; i++) {
        weir_ack_put(&bytes, i == 0 ? from->before : from->high);
        if ((i == 0 ? from->before : from->high) > 0) {
            weir_ack_put(&bytes, 5);
            weir_ack_put(&bytes, 6);
            weir_ack_put(&bytes, 7);
        }
    }
    data[bytes.len++] = from->coding[0];
    data[bytes.len++] = from->coding[1];
    for (size_t i = 0; i < from->n_bits_bytes; i++) {
        data[bytes.len++] = i == 0 ? from->bits : 0;
    }
    return decode_bytes(&bytes, BASE);
}

static void expect_head(const head *from, weir_ack_fault fault)
{
    assert_int_equal(decode_head(from), fault);
}

static void offsets_that_cannot_be_are_refused_whatever_the_checksum(void **state)
{
    head h;

    (void)state;
    expect_head(&good, WEIR_ACK_OK);
    h = good, h.base = UINT64_MAX;
    expect_head(&h, WEIR_ACK_BOUNDS);
    h = good, h.base = (uint64_t)INT64_MAX - 1;
    expect_head(&h, WEIR_ACK_BOUNDS);
    h = good, h.length = (UINT64_C(1) << 40) + 1, h.high = UINT64_C(1) << 50;
    expect_head(&h, WEIR_ACK_BOUNDS);
    h = good, h.length = UINT64_MAX;
    expect_head(&h, WEIR_ACK_BOUNDS);
    h = good, h.before = BASE + 1;
    expect_head(&h, WEIR_ACK_BOUNDS);
    h = good, h.before = BASE;
    expect_head(&h, WEIR_ACK_OK);
    h = good, h.high = 2; /* below what is finished */
    expect_head(&h, WEIR_ACK_BOUNDS);
    h = good, h.high = 0;
    expect_head(&h, WEIR_ACK_BOUNDS);
    h = good, h.high = UINT64_MAX;
    expect_head(&h, WEIR_ACK_BOUNDS);
}

static void numbers_out_of_shape_are_refused_whatever_the_checksum(void **state)
{
    head h;

    (void)state;
    h = good, h.generation = UINT64_C(1) << 32;
    expect_head(&h, WEIR_ACK_DAMAGED);
    h = good, h.strikes = UINT64_C(1) << 33;
    expect_head(&h, WEIR_ACK_DAMAGED);
    h = good, h.coding[0] = 32;
    expect_head(&h, WEIR_ACK_DAMAGED);
    h = good, h.coding[1] = 32;
    expect_head(&h, WEIR_ACK_DAMAGED);
    h = good, h.coding[0] = 0x80, h.coding[1] = 1;
    expect_head(&h, WEIR_ACK_DAMAGED);
    h = good, h.coding[0] = 0x80, h.bits = 0x60; /* .xx as plain bits */
    expect_head(&h, WEIR_ACK_OK);
    h.bits = 0xe0; /* begins with a finished one */
    expect_head(&h, WEIR_ACK_DAMAGED);
    h.bits = 0x40; /* ends in an unfinished one */
    expect_head(&h, WEIR_ACK_DAMAGED);
    h = good, h.bits = 0xa8; /* a bit too many */
    expect_head(&h, WEIR_ACK_DAMAGED);
    h = good, h.n_bits_bytes = 2; /* a byte too many */
    expect_head(&h, WEIR_ACK_DAMAGED);
    h = good, h.n_bits_bytes = 0;
    expect_head(&h, WEIR_ACK_DAMAGED);
    h.coding[0] = 0x80;
    expect_head(&h, WEIR_ACK_DAMAGED);
    h = good, h.bits = 0x90; /* a run longer than what is left */
    h.length = 2, h.high = 2;
    expect_head(&h, WEIR_ACK_DAMAGED);
    h = good, h.bits = 0x00, h.n_bits_bytes = 6; /* 33 zeros are no code */
    expect_head(&h, WEIR_ACK_DAMAGED);
    h = good, h.bits = 0x00; /* zeros to the end */
    expect_head(&h, WEIR_ACK_DAMAGED);
    h = good, h.coding[0] = 31, h.bits = 0x10, h.n_bits_bytes = 8; /* 2^34 */
    expect_head(&h, WEIR_ACK_DAMAGED);
    h.bits = 0x80, h.n_bits_bytes = 1; /* its low bits are not there */
    expect_head(&h, WEIR_ACK_DAMAGED);
}

static void varints_are_read_in_their_shortest_form_only(void **state)
{
    unsigned char overlong[] = { 0x81, 0x00 };
    unsigned char endless[] = { 0xff, 0xff };
    unsigned char wide[] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f
    };
    unsigned char eleven[] = { 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                               0x80, 0x80, 0x80, 0x80, 0x01 };
    weir_ack_bytes in[] = { { overlong, 2, 2, 0, false },
                            { endless, 2, 2, 0, false },
                            { wide, 10, 10, 0, false },
                            { eleven, 11, 11, 0, false } };
    unsigned char most[10];
    weir_ack_bytes out = { .data = most, .cap = sizeof(most) };

    (void)state;
    for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
        assert_int_equal(weir_ack_get(&in[i], UINT64_MAX), 0);
        assert_true(in[i].has_failed);
    }
    weir_ack_put(&out, UINT64_MAX);
    assert_true(weir_ack_get(&out, UINT64_MAX) == UINT64_MAX);
    assert_false(out.has_failed);
    out.at = 0;
    assert_int_equal(weir_ack_get(&out, UINT64_MAX - 1), 0);
    assert_true(out.has_failed);
}

/* A head that ends early is damaged, wherever it ends. */
static void a_head_that_ends_early_is_refused(void **state)
{
    (void)state;
    for (size_t n = 0; n < 10; n++) {
        unsigned char data[20] = { 1, 0xe8, 7, 0, 0, 0 };
        weir_ack_bytes bytes = { .data = data, .cap = sizeof(data), .len = n };
        const weir_ack_fault fault = decode_bytes(&bytes, BASE);

        /* 7 bytes are the whole head of an empty map, two more say how it is coded. */
        assert_int_equal(fault, n == 9 ? WEIR_ACK_OK : WEIR_ACK_DAMAGED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_that_cannot_be_are_refused_whatever_the_checksum),
        cmocka_unit_test(numbers_out_of_shape_are_refused_whatever_the_checksum),
        cmocka_unit_test(varints_are_read_in_their_shortest_form_only),
        cmocka_unit_test(a_head_that_ends_early_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
