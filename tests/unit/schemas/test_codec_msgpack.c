/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MessagePack events: what is accepted, what is refused and where, and bombs.
 */
#include "schemas/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define B(text)                                                                        \
    {                                                                                  \
        text, sizeof(text) - 1                                                         \
    }

typedef struct fixture {
    weir_arena arena;
    weir_event ev;
    weir_err err;
} fixture;

static int setup(void **state)
{
    fixture *fx = calloc(1, sizeof(*fx));

    weir_arena_init(&fx->arena, 0);
    weir_ev_begin(&fx->ev, &fx->arena);
    *state = fx;
    return 0;
}

static int teardown(void **state)
{
    fixture *fx = *state;

    weir_ev_end(&fx->ev);
    weir_arena_fini(&fx->arena);
    free(fx);
    return 0;
}

static weir_status decode(fixture *fx, weir_slice bytes)
{
    weir_ev_end(&fx->ev);
    weir_ev_begin(&fx->ev, &fx->arena);
    fx->ev.data = bytes;
    return weir_codec_msgpack.decode(&fx->ev, &fx->err);
}

static void every_type_decodes_and_shows_as_json(void **state)
{
    static const struct {
        weir_slice bytes;
        const char *json;
    } rows[] = {
        { B("\xC0"), "null" },
        { B("\xC2"), "false" },
        { B("\xC3"), "true" },
        { B("\x7F"), "127" },
        { B("\xE0"), "-32" },
        { B("\xCC\xFF"), "255" },
        { B("\xCD\xFF\xFF"), "65535" },
        { B("\xCE\xFF\xFF\xFF\xFF"), "4294967295" },
        { B("\xCF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), "18446744073709551615" },
        { B("\xD0\x80"), "-128" },
        { B("\xD1\x80\x00"), "-32768" },
        { B("\xD2\x80\x00\x00\x00"), "-2147483648" },
        { B("\xD3\x80\x00\x00\x00\x00\x00\x00\x00"), "-9223372036854775808" },
        { B("\xD3\x00\x00\x00\x00\x00\x00\x00\x05"), "5" },
        { B("\xCA\x3F\x80\x00\x00"), "1.0" },
        { B("\xCB\x3F\xF8\x00\x00\x00\x00\x00\x00"), "1.5" },
        { B("\xCB\x7F\xF0\x00\x00\x00\x00\x00\x00"), "null" },
        { B("\xA2hi"), "\"hi\"" },
        { B("\xD9\x02hi"), "\"hi\"" },
        { B("\xDA\x00\x02hi"), "\"hi\"" },
        { B("\xDB\x00\x00\x00\x02hi"), "\"hi\"" },
        { B("\xC4\x03\x01\x02\x03"), "\"AQID\"" },
        { B("\xC5\x00\x01\xFF"), "\"/w==\"" },
        { B("\xC6\x00\x00\x00\x02\xFF\xFE"), "\"//4=\"" },
        { B("\xD4\x05"
            "a"),
          "\"YQ==\"" },
        { B("\xC7\x03\x05"
            "abc"),
          "\"YWJj\"" },
        { B("\x90"), "[]" },
        { B("\x80"), "{}" },
        { B("\x92\x01\x02"), "[1,2]" },
        { B("\xDC\x00\x01\x01"), "[1]" },
        { B("\xDD\x00\x00\x00\x01\x01"), "[1]" },
        { B("\xDE\x00\x01\xA1"
            "a\x01"),
          "{\"a\":1}" },
        { B("\xDF\x00\x00\x00\x01\xA1"
            "a\x01"),
          "{\"a\":1}" },
        { B("\x83\x01\x02\xC3\x03\xC4\x01"
            "a\x04"),
          "{\"1\":2,\"true\":3,\"YQ==\":4}" },
        { B("\x81\xA1"
            "a\x92\x80\x81\x05\x90"),
          "{\"a\":[{},{\"5\":[]}]}" },
    };
    fixture *fx = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        weir_buf out = { 0 };

        if (decode(fx, rows[i].bytes) != WEIR_OK) {
            fail_msg("%s: %s", rows[i].json, fx->err.text);
        }
        weir_val_json(fx->ev.value, &out, false);
        assert_string_equal(out.data, rows[i].json);
        weir_buf_fini(&out);
    }
}

static void bad_bytes_are_refused_with_the_place(void **state)
{
    static const struct {
        weir_slice bytes;
        int byte;
        const char *why;
    } rows[] = {
        { B(""), 0, "end inside" },
        { B("\xC1"), 0, "0xc1" },
        { B("\x92\x01\xCD"), 2, "end inside" },
        { B("\xCD\x01"), 0, "end inside" },
        { B("\xA5"
            "abc"),
          0, "length" },
        { B("\xDB\xFF\xFF\xFF\xFF"), 0, "length" },
        { B("\xC6\xFF\xFF\xFF\xFF"), 0, "length" },
        { B("\xC9\xFF\xFF\xFF\xFF\x01"), 0, "length" },
        { B("\xDD\x80\x00\x00\x00"), 0, "count" },
        { B("\xDF\x80\x00\x00\x00"), 0, "count" },
        { B("\xDF\x10\x00\x00\x00\xC0\xC0"), 0, "count" },
        { B("\xDC\x00\x03\x01\x02"), 0, "count" },
        { B("\x82\x01\x02\x03"), 0, "count" },
        { B("\x91\xDD\xFF\xFF\xFF\xFF"), 1, "count" },
        { B("\x01\x02"), 1, "follows" },
        { B("\xA1\x80"), 0, "UTF-8" },
        { B("\x91\xA2\xC0\xAF"), 1, "UTF-8" },
        { B("\x82\xA1"
            "a\x01\xA1"
            "a\x02"),
          4, "\"a\" comes twice" },
        { B("\x82\xA1"
            "a\x01\xD9\x01"
            "a\x02"),
          4, "comes twice" },
        { B("\x82\x05\x01\xCC\x05\x02"), 3, "comes twice" },
        { B("\x82\xFF\x01\xD0\xFF\x02"), 3, "comes twice" },
        { B("\x82\xC0\x01\xC0\x02"), 3, "comes twice" },
        { B("\x81\xA1"
            "a\x82\xA1"
            "b\x01\xA1"
            "b\x02"),
          7, "comes twice" },
        { B("\x81\x90\x01"), 1, "as a key" },
        { B("\x81\x81\x01\x02\x03"), 1, "as a key" },
    };
    fixture *fx = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char want[40];

        (void)snprintf(want, sizeof(want), "msgpack: byte %d: ", rows[i].byte);
        assert_int_equal(decode(fx, rows[i].bytes), WEIR_EDATA);
        if (strncmp(fx->err.text, want, strlen(want)) != 0 ||
            strstr(fx->err.text, rows[i].why) == NULL) {
            fail_msg("row %zu: want %s%s, got \"%s\"", i, want, rows[i].why,
                     fx->err.text);
        }
        assert_int_equal(fx->ev.fault, WEIR_FAULT_DECODE);
    }
}

static void a_high_byte_is_seen_at_every_place_of_a_str(void **state)
{
    fixture *fx = *state;

    for (size_t len = 1; len < 32; len++) {
        for (size_t at = 0; at < len; at++) {
            char bytes[34] = { '\x91', (char)(0xA0 | len) };

            memset(bytes + 2, 'a', len);
            assert_int_equal(decode(fx, (weir_slice){ bytes, 2 + len }), WEIR_OK);
            bytes[2 + at] = '\xFF';
            assert_int_equal(decode(fx, (weir_slice){ bytes, 2 + len }), WEIR_EDATA);
        }
    }
}

static void different_keys_that_look_alike_are_fine(void **state)
{
    assert_int_equal(decode(*state, (weir_slice)B("\x84\xA1"
                                                  "1\x01\x01\x02\xC4\x01"
                                                  "1\x03\xD0\xFF\x04")),
                     WEIR_OK);
    assert_int_equal(
        decode(*state,
               (weir_slice)B("\x82\xFF\x01\xCF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02")),
        WEIR_OK);
}

static void depth_ends_at_32(void **state)
{
    char bytes[WEIR_MSGPACK_DEPTH + 2];
    fixture *fx = *state;

    memset(bytes, '\x91', sizeof(bytes));
    bytes[WEIR_MSGPACK_DEPTH] = '\xC0';
    assert_int_equal(decode(fx, (weir_slice){ bytes, WEIR_MSGPACK_DEPTH + 1 }),
                     WEIR_OK);
    bytes[WEIR_MSGPACK_DEPTH] = '\x91';
    bytes[WEIR_MSGPACK_DEPTH + 1] = '\xC0';
    assert_int_equal(decode(fx, (weir_slice){ bytes, WEIR_MSGPACK_DEPTH + 2 }),
                     WEIR_EDATA);
    assert_non_null(strstr(fx->err.text, "32 levels"));
}

/* Small counts that add up: each map is honest, the whole is refused before it is built. */
static void a_tree_over_its_limit_is_refused_before_it_is_built(void **state)
{
    size_t n = WEIR_TREE_MAX / 24 + 1;
    char *bytes = malloc(n + 5);
    fixture *fx = *state;

    memset(bytes + 5, '\xC0', n);
    bytes[0] = '\xDD';
    for (size_t i = 0; i < 4; i++) {
        bytes[1 + i] = (char)(n >> (24 - 8 * i) & 0xFF);
    }
    assert_int_equal(decode(fx, (weir_slice){ bytes, n + 5 }), WEIR_EDATA);
    assert_true(fx->arena.n_bytes < 4096);
    free(bytes);
}

static void a_refused_bomb_takes_no_memory(void **state)
{
    static const weir_slice bombs[] = { B("\xDD\x80\x00\x00\x00"),
                                        B("\xDF\x10\x00\x00\x00"),
                                        B("\xDD\x7F\xFF\xFF\xFF\xC0"),
                                        B("\x91\x91\x91\xDF\x7F\xFF\xFF\xFF\xC0\xC0") };
    fixture *fx = *state;

    for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
        assert_int_equal(decode(fx, bombs[i]), WEIR_EDATA);
        assert_true(fx->arena.n_bytes < 2048); /* the fault's text */
    }
}

static void the_tree_takes_one_piece_of_the_arena_and_nothing_to_free(void **state)
{
    fixture *fx = *state;

    assert_int_equal(decode(fx, (weir_slice)B("\x83\xA1"
                                              "a\x93\x01\x02\x03\xA1"
                                              "b\x81\x01\x02\xA1"
                                              "c\x90")),
                     WEIR_OK);
    assert_null(fx->ev.value_free);
    assert_true(fx->arena.n_bytes < 512);
}

static void a_tombstone_has_no_value(void **state)
{
    fixture *fx = *state;

    assert_int_equal(decode(fx, WEIR_SLICE_NONE), WEIR_OK);
    assert_true(fx->ev.is_decoded);
    assert_null(fx->ev.value);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_type_decodes_and_shows_as_json),
        T(bad_bytes_are_refused_with_the_place),
        T(a_high_byte_is_seen_at_every_place_of_a_str),
        T(different_keys_that_look_alike_are_fine),
        T(depth_ends_at_32),
        T(a_tree_over_its_limit_is_refused_before_it_is_built),
        T(a_refused_bomb_takes_no_memory),
        T(the_tree_takes_one_piece_of_the_arena_and_nothing_to_free),
        T(a_tombstone_has_no_value),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
