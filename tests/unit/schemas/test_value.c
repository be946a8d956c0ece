/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values: numbers at their limits, pointers, iteration, text and keys, the same for JSON and
 * MessagePack. Each JSON text is also written as MessagePack and read through that.
 */
#include "schemas/codec.h"
#include "schemas/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct both {
    weir_json *json;
    weir_arena arena;
    weir_event ev;
    weir_buf bytes;
    const weir_value *v[2]; /* the same document twice */
} both;

static both *open_both(const char *text)
{
    both *b = calloc(1, sizeof(*b));
    weir_err err = { 0 };

    if (weir_json_parse(weir_slice_of(text), &b->json, &err) != WEIR_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    b->v[0] = weir_json_root(b->json);
    weir_arena_init(&b->arena, 0);
    weir_ev_begin(&b->ev, &b->arena);
    if (weir_codec_msgpack.encode(b->v[0], &b->bytes, &err) != WEIR_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    b->ev.data = weir_buf_slice(&b->bytes);
    if (weir_codec_msgpack.decode(&b->ev, &err) != WEIR_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    b->v[1] = b->ev.value;
    return b;
}

static void close_both(both *b)
{
    weir_ev_end(&b->ev);
    weir_arena_fini(&b->arena);
    weir_buf_fini(&b->bytes);
    weir_json_free(b->json);
    free(b);
}

static void integers_are_exact_and_doubles_are_never_integers(void **state)
{
    static const struct {
        const char *text;
        bool has_int, has_uint;
        int64_t i;
        uint64_t u;
        double d;
    } rows[] = {
        { "0", true, true, 0, 0, 0 },
        { "1", true, true, 1, 1, 1 },
        { "-1", true, false, -1, 0, -1 },
        { "9007199254740993", true, true, 9007199254740993, 9007199254740993,
          9007199254740992.0 },
        { "9223372036854775807", true, true, INT64_MAX, INT64_MAX,
          9223372036854775807.0 },
        { "9223372036854775808", false, true, 0, UINT64_C(9223372036854775808),
          9223372036854775808.0 },
        { "18446744073709551615", false, true, 0, UINT64_MAX, 18446744073709551615.0 },
        { "-9223372036854775808", true, false, INT64_MIN, 0, -9223372036854775808.0 },
        { "18446744073709551616", false, false, 0, 0, 18446744073709551616.0 },
        { "-9223372036854775809", false, false, 0, 0, -9223372036854775808.0 },
        { "1.0", false, false, 0, 0, 1 },
        { "1e3", false, false, 0, 0, 1000 },
        { "-0.5", false, false, 0, 0, -0.5 },
        { "1.7976931348623157e308", false, false, 0, 0, 1.7976931348623157e308 },
    };

    (void)state;
    for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
        both *b = open_both(rows[r].text);

        for (size_t k = 0; k < 2; k++) {
            int64_t i = 7;
            uint64_t u = 7;
            double d = 7;
            bool is_int = rows[r].has_int || rows[r].has_uint;

            assert_int_equal(weir_val_type(b->v[k]),
                             is_int ? WEIR_TYPE_INT : WEIR_TYPE_DOUBLE);
            assert_int_equal(weir_val_int(b->v[k], &i), rows[r].has_int);
            assert_int_equal(weir_val_uint(b->v[k], &u), rows[r].has_uint);
            assert_true(weir_val_double(b->v[k], &d));
            assert_true(i == (rows[r].has_int ? rows[r].i : 7));
            assert_true(u == (rows[r].has_uint ? rows[r].u : 7));
            assert_true(d == rows[r].d);
        }
        close_both(b);
    }
}

/* The example document of RFC 6901 and a little more. */
static const char pointers_text[] =
    "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/"
    "b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,\"i\\\\j\":5,"
    "\"k\\\"l\":6,\" \":7,\"m~n\":8,\"0\":{\"01\":9,\"-\":10},\"~1\":11}";

static const struct {
    const char *pointer;
    const char *json; /* NULL: nothing there */
} pointers[] = {
    { "/foo", "[\"bar\",\"baz\"]" },
    { "/foo/0", "\"bar\"" },
    { "/foo/1", "\"baz\"" },
    { "/", "0" },
    { "/a~1b", "1" },
    { "/c%d", "2" },
    { "/e^f", "3" },
    { "/g|h", "4" },
    { "/i\\j", "5" },
    { "/k\"l", "6" },
    { "/ ", "7" },
    { "/m~0n", "8" },
    { "/0/01", "9" },
    { "/0/-", "10" },
    { "/~01", "11" },
    { "/foo/2", NULL },
    { "/foo/-", NULL },
    { "/foo/01", NULL },
    { "/foo/+1", NULL },
    { "/foo/", NULL },
    { "/foo/0/x", NULL },
    { "/foo/18446744073709551616", NULL },
    { "/fo", NULL },
    { "/foo/0/", NULL },
};

static void pointers_find_what_rfc_6901_says(void **state)
{
    both *b = open_both(pointers_text);

    (void)state;
    for (size_t i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++) {
        weir_pointer *p = NULL;

        assert_int_equal(weir_pointer_new(pointers[i].pointer, &p, NULL), WEIR_OK);
        for (size_t k = 0; k < 2; k++) {
            const weir_value *found = weir_val_at(b->v[k], pointers[i].pointer);
            weir_buf out = { 0 };

            assert_ptr_equal(weir_val_find(b->v[k], p), found);
            if ((found == NULL) != (pointers[i].json == NULL)) {
                fail_msg("%s", pointers[i].pointer);
            }
            if (found != NULL) {
                weir_val_json(found, &out, false);
                assert_string_equal(out.data, pointers[i].json);
            }
            weir_buf_fini(&out);
        }
        weir_pointer_free(p);
    }
    assert_ptr_equal(weir_val_at(b->v[0], ""), b->v[0]);
    close_both(b);
}

static void bad_pointers_find_nothing_and_are_refused(void **state)
{
    static const char *const bad[] = { "foo", "/m~n", "/m~", "/m~2n", "#/foo" };
    both *b = open_both(pointers_text);

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        weir_pointer *p = NULL;

        assert_null(weir_val_at(b->v[0], bad[i]));
        assert_int_equal(weir_pointer_new(bad[i], &p, NULL), WEIR_EINVAL);
    }
    close_both(b);
}

static void a_long_token_with_escapes_is_found(void **state)
{
    weir_buf text = { 0 };
    weir_buf pointer = { 0 };

    (void)state;
    weir_buf_str(&text, "{\"");
    weir_buf_char(&pointer, '/');
    for (int i = 0; i < 300; i++) {
        weir_buf_str(&text, "a/");
        weir_buf_str(&pointer, "a~1");
    }
    weir_buf_str(&text, "\":5}");
    both *b = open_both(text.data);

    assert_int_equal(weir_val_type(weir_val_at(b->v[0], pointer.data)), WEIR_TYPE_INT);
    assert_int_equal(weir_val_type(weir_val_at(b->v[1], pointer.data)), WEIR_TYPE_INT);
    close_both(b);
    weir_buf_fini(&text);
    weir_buf_fini(&pointer);
}

static void every_call_accepts_null(void **state)
{
    weir_value_iter it = { 0, NULL };
    weir_buf out = { 0 };
    weir_slice s = WEIR_SLICE_NONE;
    int64_t i = 0;
    uint64_t u = 0;
    double d = 0;
    bool b = false;

    (void)state;
    assert_null(weir_val_at(NULL, "/a"));
    assert_null(weir_val_member(NULL, WEIR_SLICE_LIT("a")));
    assert_false(weir_val_int(NULL, &i) || weir_val_uint(NULL, &u) ||
                 weir_val_double(NULL, &d));
    assert_false(weir_val_bool(NULL, &b) || weir_val_string(NULL, &s) ||
                 weir_val_is_null(NULL));
    assert_int_equal(weir_val_type(NULL), WEIR_TYPE_NONE);
    assert_int_equal(weir_val_size(NULL), 0);
    assert_false(weir_val_next(NULL, &it, NULL, NULL));
    assert_false(weir_val_key(NULL, &out, &s));
    weir_val_json(NULL, &out, false);
    assert_string_equal(out.data, "null");
    weir_buf_fini(&out);
}

static void iteration_gives_every_pair_and_item_in_order(void **state)
{
    both *b = open_both("{\"a\":[1,[2],3],\"b\":{},\"c\":[]}");

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        const weir_value *key = NULL;
        const weir_value *item = NULL;
        weir_value_iter it = { 0, NULL };
        weir_buf out = { 0 };

        while (weir_val_next(b->v[k], &it, &key, &item)) {
            weir_value_iter inner = { 0, NULL };
            const weir_value *none = item;
            const weir_value *one = NULL;

            weir_val_json(key, &out, false);
            while (weir_val_type(item) == WEIR_TYPE_ARRAY &&
                   weir_val_next(item, &inner, &none, &one)) {
                assert_null(none);
                weir_val_json(one, &out, false);
            }
        }
        assert_string_equal(out.data, "\"a\"1[2]3\"b\"\"c\"");
        assert_false(weir_val_next(b->v[k], &it, &key, &item));
        weir_buf_fini(&out);
    }
    close_both(b);
}

static void json_text_is_the_same_from_both(void **state)
{
    static const char *const texts[] = {
        "null",
        "[]",
        "{}",
        "[1,-2,3.5,1e300,0.1,true,false,null,\"x\"]",
        "{\"a\\\"b\":{\"c\":[[],{}]},\"\xC3\xA9\":\"\\n\\u0001\"}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        both *b = open_both(texts[i]);

        for (size_t k = 0; k < 2; k++) {
            weir_buf out = { 0 };

            weir_val_json(b->v[k], &out, false);
            assert_string_equal(out.data, texts[i]);
            weir_buf_fini(&out);
        }
        close_both(b);
    }
    both *b = open_both("{\"a\":[1,{}],\"b\":[]}");
    weir_buf out = { 0 };

    weir_val_json(b->v[0], &out, true);
    assert_string_equal(out.data,
                        "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}");
    weir_buf_fini(&out);
    close_both(b);
}

static void ordering_keys_are_a_strings_bytes_or_json(void **state)
{
    static const struct {
        const char *text;
        const char *key; /* NULL: none */
    } rows[] = {
        { "\"a\\\"b\"", "a\"b" }, { "\"\"", "" },     { "17", "17" },
        { "-1.5", "-1.5" },       { "true", "true" }, { "[1,\"x\"]", "[1,\"x\"]" },
        { "null", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        both *b = open_both(rows[i].text);

        for (size_t k = 0; k < 2; k++) {
            weir_buf scratch = { 0 };
            weir_slice key = WEIR_SLICE_NONE;

            weir_buf_str(&scratch, "left over");
            assert_int_equal(weir_val_key(b->v[k], &scratch, &key),
                             rows[i].key != NULL);
            assert_true(weir_slice_is(key, rows[i].key));
            weir_buf_fini(&scratch);
        }
        close_both(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_exact_and_doubles_are_never_integers),
        cmocka_unit_test(pointers_find_what_rfc_6901_says),
        cmocka_unit_test(bad_pointers_find_nothing_and_are_refused),
        cmocka_unit_test(a_long_token_with_escapes_is_found),
        cmocka_unit_test(every_call_accepts_null),
        cmocka_unit_test(iteration_gives_every_pair_and_item_in_order),
        cmocka_unit_test(json_text_is_the_same_from_both),
        cmocka_unit_test(ordering_keys_are_a_strings_bytes_or_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
