/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walks against the libraries: documents with random faults, from a fixed seed. What a walk
 * accepts the parser must accept, and what is refused must name a byte of the document.
 */
#include "schemas/codec_impl.h"
#include "schemas/json_walk.h"
#include "schemas/msgpack_build.h"
#include "schemas/msgpack_walk.h"
#include "schemas/value_impl.h"
#include "worker/base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <msgpack.h>

#define B(text)                                                                        \
    {                                                                                  \
        text, sizeof(text) - 1                                                         \
    }
#define ROUNDS 60000
#define DOC_MAX 512

static const weir_slice json_seeds[] = {
    B("{\"id\":\"a1\",\"n\":[1,-2.5e3,0,true,false,null],\"o\":{\"x\":{\"y\":[[]]}}}"),
    B("[{\"k\":1,\"l\":\"\\u00e9\\ud83d\\ude00\\n\"},{\"k\":2}, 1E-7 , "
      "\"\xE2\x82\xAC\xF0\x9F\x98\x80\"]"),
    B("{\"long key with "
      "text\":\"12345678901234567890\",\"b\":12345678901234567890,\"\":{}}"),
    B(" \"just text\" "),
};

static const weir_slice msgpack_seeds[] = {
    B("\x83\xA2id\xA2"
      "a1\xA1n\x95\x01\xD0\x85\xCB\x3F\xF8\x00\x00\x00\x00\x00\x00\xC3\xC0\xA1o\x81\xA1"
      "x\x90"),
    B("\xDC\x00\x03\xC4\x02\x01\x02\xD9\x03"
      "abc\xC7\x01\x05z"),
    B("\xDE\x00\x02\x01\xCF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xD4\x01x\xDD\x00\x00\x00"
      "\x01\x80"),
    B("\x93\xCD\x01\x02\xDA\x00\x02hi\xD8\x01"
      "0123456789abcdef"),
};

/* Copies a seed and spoils up to four places: another byte, one more, one less, a swap. */
static weir_slice mutate(weir_rand *rand, weir_slice seed, char *doc)
{
    static const char likely[] =
        "{}[]\",:\\0123456789eE+-.tfnu \n\x80\xC0\xED\x81\x91\xA1\xDD\xDF";
    size_t len = seed.len;
    size_t n = weir_rand_next(rand) % 5;

    memcpy(doc, seed.data, len);
    for (size_t i = 0; i < n && len > 1; i++) {
        uint64_t r = weir_rand_next(rand);
        size_t at = (size_t)(r >> 32) % len;
        char c =
            (r & 1) != 0 ? (char)(r >> 8) : likely[(r >> 8) % (sizeof(likely) - 1)];

        switch (r >> 2 & 3) {
        case 0:
            doc[at] = c;
            break;
        case 1:
            memmove(doc + at + 1, doc + at, len - at);
            doc[at] = c;
            len++;
            break;
        case 2:
            memmove(doc + at, doc + at + 1, len - at - 1);
            len--;
            break;
        default:
            doc[at] = doc[(size_t)(r >> 16 & 0xFFFF) % len];
            break;
        }
    }
    return (weir_slice){ doc, len };
}

static void fail_on(weir_slice doc, const char *text)
{
    for (size_t i = 0; i < doc.len; i++) {
        (void)fprintf(stderr, "%02X ", (unsigned)(unsigned char)doc.data[i]);
    }
    fail_msg("\n%s", text);
}

typedef struct seen {
    size_t n_good, n_bad;
} seen;

/* The codec decodes what its walk accepts; a copy of exact size shows reads past the end. */
static void check(const weir_codec_ops *ops, weir_slice doc, seen *count)
{
    char *exact = malloc(doc.len);
    weir_slice data = { exact, doc.len };
    weir_arena arena;
    weir_event ev;
    weir_err err = { 0 };
    weir_err parse_err = { 0 };
    size_t byte = 0;

    memcpy(exact, doc.data, doc.len);
    weir_arena_init(&arena, 0);
    weir_ev_begin(&ev, &arena);
    ev.data = data;
    weir_status walk = ops->walk(data, &err);
    weir_status parse = ops->decode(&ev, &parse_err);

    if (walk == WEIR_OK && parse != WEIR_OK &&
        strstr(parse_err.text, "infinity") == NULL) {
        fail_on(doc, parse_err.text);
    }
    if (walk != WEIR_OK) {
        const char *at = strstr(err.text, "byte ");

        if (walk != parse || at == NULL || sscanf(at, "byte %zu", &byte) != 1 ||
            byte > doc.len) {
            fail_on(doc, err.text);
        }
    }
    count->n_good += walk == WEIR_OK ? 1 : 0;
    count->n_bad += walk == WEIR_OK ? 0 : 1;
    weir_ev_end(&ev);
    weir_arena_fini(&arena);
    free(exact);
}

static void run(const weir_codec_ops *ops, const weir_slice *seeds, size_t n_seeds)
{
    char doc[DOC_MAX];
    seen count = { 0, 0 };
    weir_rand rand;

    weir_rand_init(&rand, 20261121);
    for (size_t i = 0; i < ROUNDS; i++) {
        check(ops, mutate(&rand, seeds[i % n_seeds], doc), &count);
    }
    assert_true(count.n_good > ROUNDS / 20);
    assert_true(count.n_bad > ROUNDS / 20);
}

static void what_the_json_walk_accepts_the_parser_accepts(void **state)
{
    (void)state;
    run(&weir_codec_json, json_seeds, sizeof(json_seeds) / sizeof(json_seeds[0]));
}

static void what_the_msgpack_walk_accepts_the_parser_accepts(void **state)
{
    (void)state;
    run(&weir_codec_msgpack, msgpack_seeds,
        sizeof(msgpack_seeds) / sizeof(msgpack_seeds[0]));
}

static msgpack_object object_of(const weir_value *v)
{
    return *(const msgpack_object *)((uintptr_t)v & ~WEIR_VALUE_MSGPACK);
}

/* The same objects; NaN is not equal to itself, so what is written of them counts too. */
static bool are_same(const weir_value *a, const weir_value *b)
{
    weir_buf texts[2] = { { 0 }, { 0 } };
    bool is_same = msgpack_object_equal(object_of(a), object_of(b));

    if (!is_same && weir_codec_msgpack.encode(a, &texts[0], NULL) == WEIR_OK &&
        weir_codec_msgpack.encode(b, &texts[1], NULL) == WEIR_OK) {
        is_same = weir_slice_eq(weir_buf_slice(&texts[0]), weir_buf_slice(&texts[1]));
    }
    weir_buf_fini(&texts[0]);
    weir_buf_fini(&texts[1]);
    return is_same;
}

/* Of what is built in one pass, msgpack-c's own unpacker must make the same objects. */
static bool check_built(weir_slice doc)
{
    weir_tree built = { 0 };
    weir_tree unpacked = { 0 };
    weir_arena arenas[2];
    bool is_built;

    weir_arena_init(&arenas[0], 0);
    weir_arena_init(&arenas[1], 0);
    is_built = weir_msgpack_build(doc, &arenas[0], &built);
    if (is_built && (weir_msgpack_unpack(doc, &arenas[1], &unpacked, NULL) != WEIR_OK ||
                     !are_same(built.root, unpacked.root))) {
        fail_on(doc, "is built in another way than it is unpacked");
    }
    if (!is_built) {
        assert_int_equal(arenas[0].n_bytes, 0);
    }
    if (unpacked.free != NULL) {
        unpacked.free(unpacked.doc);
    }
    weir_arena_fini(&arenas[0]);
    weir_arena_fini(&arenas[1]);
    return is_built;
}

static void what_is_built_in_one_pass_is_what_msgpack_c_unpacks(void **state)
{
    static const weir_slice seeds[] = {
        B("\x8C\xA1i\xCC\x80\xA1j\xCD\x80\x00\xA1k\xCE\x80\x00\x00\x00\xA1l\xCF\x80\x00"
          "\x00\x00"
          "\x00\x00\x00\x01\xA1m\xD0\x7F\xA1n\xD0\x80\xA1o\xD1\x80\x01\xA1p\xD2\x80\x00"
          "\x00\x01"
          "\xA1q\xD3\x80\x00\x00\x00\x00\x00\x00\x01\xA1r\xD3\x70\x00\x00\x00\x00\x00"
          "\x00\x01"
          "\xA1s\xCA\x3F\xC0\x00\x00\xA1t\xCB\x3F\xF8\x00\x00\x00\x00\x00\x00"),
        B("\x87\xA8kilogram\xA3two\xB1seventeen "
          "letters\xE0\xD9\x03key\xC0\xA1z\x90\xA0\x80"
          "\xA4text\xD9\x02\xC3\xA9\xA3six\xC5\x00\x02\x01\x02"),
        B("\x92\x81\xA6number\x93\xC2\xC3\xFF\xDE\x00\x01\xA5inner\xDC\x00\x02\x01\x81"
          "\xA1x\x7F"),
    };
    const size_t n_seeds = sizeof(seeds) / sizeof(seeds[0]);
    char doc[DOC_MAX];
    size_t n_built = 0;
    weir_rand rand;

    (void)state;
    for (size_t i = 0; i < n_seeds; i++) {
        assert_true(check_built(seeds[i]));
    }
    weir_rand_init(&rand, 20261122);
    for (size_t i = 0; i < ROUNDS; i++) {
        weir_slice spoilt = mutate(&rand, seeds[i % n_seeds], doc);
        char *exact = malloc(spoilt.len);

        memcpy(exact, spoilt.data, spoilt.len);
        n_built += check_built((weir_slice){ exact, spoilt.len }) ? 1 : 0;
        free(exact);
        seen count = { 0, 0 };

        check(&weir_codec_msgpack, spoilt, &count);
    }
    assert_true(n_built > ROUNDS / 20 && n_built < ROUNDS - ROUNDS / 20);
}

static void the_json_walk_counts_values_and_keys(void **state)
{
    size_t n = 0;

    (void)state;
    assert_int_equal(weir_json_walk(WEIR_SLICE_LIT("{\"a\":[1,2],\"b\":{}}"), &n, NULL),
                     WEIR_OK);
    assert_int_equal(n, 7);
}

static void the_msgpack_walk_counts_what_a_tree_needs(void **state)
{
    weir_msgpack_size size;

    (void)state;
    assert_int_equal(
        weir_msgpack_walk((weir_slice)B("\x82\x01\x93\x01\x02\x03\x02\x80"), &size,
                          NULL),
        WEIR_OK);
    assert_int_equal(size.n_containers, 3);
    assert_int_equal(size.n_pairs, 2);
    assert_int_equal(size.n_items, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_json_walk_accepts_the_parser_accepts),
        cmocka_unit_test(what_the_msgpack_walk_accepts_the_parser_accepts),
        cmocka_unit_test(what_is_built_in_one_pass_is_what_msgpack_c_unpacks),
        cmocka_unit_test(the_json_walk_counts_values_and_keys),
        cmocka_unit_test(the_msgpack_walk_counts_what_a_tree_needs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
