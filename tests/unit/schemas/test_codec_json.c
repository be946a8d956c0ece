/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON events: what is accepted, what is refused and where, and what is read back.
 */
#include "schemas/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct fixture {
    weir_arena arena;
    weir_event ev;
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

/* A fresh event of that text, decoded. */
static weir_status decode(fixture *fx, weir_slice text, weir_err *err)
{
    weir_ev_end(&fx->ev);
    weir_ev_begin(&fx->ev, &fx->arena);
    fx->ev.data = text;
    return weir_codec_json.decode(&fx->ev, err);
}

static void good_texts_decode(void **state)
{
    static const char *const texts[] = {
        "null",
        " true\n",
        "false",
        "0",
        "-0",
        "1.5e-3",
        "1E+2",
        "\"\"",
        "[]",
        "{}",
        "[[],{}]",
        "{\"a\":{\"b\":[1,2,{\"c\":null}]}}",
        "\"\\u00e9\\ud83d\\ude00\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"",
        "[1 , 2\t,\r\n3]",
        "{\"a\":{\"x\":1},\"b\":{\"x\":1}}",
        "[{\"x\":1},{\"x\":1}]",
        "{\"a\":{\"b\":{\"same\":1,\"same\":2}}}",
        "\"\\u0000\"",
        "{\"aaaaaaaa1\":1,\"aaaaaaaa2\":1,\"aaaaaaa\":1,\"\":1}",
    };
    weir_err err = { 0 };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (decode(*state, weir_slice_of(texts[i]), &err) != WEIR_OK) {
            fail_msg("%s: %s", texts[i], err.text);
        }
        assert_non_null(((fixture *)*state)->ev.value);
    }
}

static void bad_texts_are_refused_with_the_byte(void **state)
{
    static const struct {
        const char *text;
        int byte;
        const char *why;
    } rows[] = {
        { "", 0, "ends" },
        { "  ", 2, "ends" },
        { "{", 1, "key" },
        { "[1", 2, "inside an array" },
        { "{\"a\":1", 6, "inside a map" },
        { "{\"a\"}", 4, "':'" },
        { "{\"a\":}", 5, "value" },
        { "{a:1}", 1, "key" },
        { "{\"a\":1,}", 7, "key" },
        { "[1,]", 3, "value" },
        { "[1 2]", 3, "','" },
        { "[1}", 2, "']'" },
        { "{\"a\":1]", 6, "'}'" },
        { "01", 0, "number" },
        { "-", 1, "number" },
        { "1.", 2, "point" },
        { "1e", 2, "exponent" },
        { "+1", 0, "value" },
        { "NaN", 0, "value" },
        { "nul", 0, "value" },
        { "1 1", 2, "follows" },
        { "\"abc", 4, "ends inside a string" },
        { "\"a\nb\"", 2, "control" },
        { "\"12345678\x01\"", 9, "control" },
        { "\"\\x\"", 1, "escape" },
        { "\"\\u12g4\"", 1, "escape" },
        { "\"\\ud800\"", 1, "surrogate" },
        { "\"\\udc00\"", 1, "surrogate" },
        { "\"\\ud800\\u0041\"", 1, "surrogate" },
        { "\"1234567\x80\"", 8, "UTF-8" },
        { "\"\xC0\xAF\"", 1, "UTF-8" },
        { "\"\xED\xA0\x80\"", 1, "UTF-8" },
        { "\"\xF4\x90\x80\x80\"", 1, "UTF-8" },
        { "\"\xE2\x82\"", 1, "UTF-8" },
        { "\xEF\xBB\xBF{}", 0, "value" },
        { "{\"id\":1,\"id\":2}", 8, "\"id\" comes twice" },
        { "{\"id\":1,\"\\u0069d\":2}", 8, "comes twice" },
        { "{\"o\":{\"k\":1,\"k\":2}}", 12, "comes twice" },
        { "[0,{\"k\":1,\"k\":2}]", 10, "comes twice" },
    };
    fixture *fx = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        weir_err err = { 0 };
        char want[32];

        (void)snprintf(want, sizeof(want), "json: byte %d: ", rows[i].byte);
        assert_int_equal(decode(fx, weir_slice_of(rows[i].text), &err), WEIR_EDATA);
        if (strncmp(err.text, want, strlen(want)) != 0 ||
            !strstr(err.text, rows[i].why)) {
            fail_msg("%s: got \"%s\"", rows[i].text, err.text);
        }
        assert_int_equal(fx->ev.fault, WEIR_FAULT_DECODE);
        assert_string_equal(fx->ev.fault_text, err.text);
        assert_int_equal(weir_codec_json.walk(weir_slice_of(rows[i].text), NULL),
                         WEIR_EDATA);
        assert_false(fx->ev.is_decoded);
    }
}

static void a_number_beyond_double_is_refused(void **state)
{
    weir_err err = { 0 };

    assert_int_equal(decode(*state, WEIR_SLICE_LIT("1e400"), &err), WEIR_EDATA);
}

static weir_slice nested(char *buf, size_t depth)
{
    memset(buf, '[', depth);
    memset(buf + depth, ']', depth);
    return (weir_slice){ buf, depth * 2 };
}

static void depth_ends_at_128(void **state)
{
    char buf[2 * (WEIR_JSON_DEPTH + 1)];
    weir_err err = { 0 };

    assert_int_equal(decode(*state, nested(buf, WEIR_JSON_DEPTH), &err), WEIR_OK);
    assert_int_equal(decode(*state, nested(buf, WEIR_JSON_DEPTH + 1), &err),
                     WEIR_EDATA);
    assert_string_equal(err.text, "json: byte 128: nested deeper than 128 levels");
}

/* {"k0":0,"k1":0,...} with the last key written as `last`. */
static char *many_keys(size_t n, const char *last)
{
    weir_buf buf = { 0 };

    weir_buf_char(&buf, '{');
    for (size_t i = 0; i + 1 < n; i++) {
        weir_buf_printf(&buf, "\"k%zu\":0,", i);
    }
    weir_buf_printf(&buf, "\"%s\":0}", last);
    return weir_buf_take(&buf);
}

static void duplicates_are_found_in_maps_of_any_size(void **state)
{
    static const size_t sizes[] = { 2, 3, 24, 25, 26, 63, 64, 65, 100, 5000 };

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        weir_err err = { 0 };
        char *good = many_keys(sizes[i], "other");
        char *bad = many_keys(sizes[i], "k0");
        char *escaped = many_keys(sizes[i], "\\u006b0");

        assert_int_equal(decode(*state, weir_slice_of(good), &err), WEIR_OK);
        assert_int_equal(decode(*state, weir_slice_of(bad), &err), WEIR_EDATA);
        assert_int_equal(decode(*state, weir_slice_of(escaped), &err), WEIR_EDATA);
        free(good);
        free(bad);
        free(escaped);
    }
}

/* The same text with `n` spaces behind each byte that is not within quotes. */
static char *spread(const char *text, size_t n)
{
    weir_buf buf = { 0 };
    bool is_quoted = false;

    for (; *text != '\0'; text++) {
        is_quoted = is_quoted != (*text == '"');
        weir_buf_char(&buf, *text);
        for (size_t i = 0; i < n && !is_quoted; i++) {
            weir_buf_char(&buf, ' ');
        }
    }
    return weir_buf_take(&buf);
}

/* How dense a text is decides how it is parsed, but not what is refused. */
static void limits_hold_however_dense_the_text_is(void **state)
{
    static const struct {
        const char *text;
        weir_status want;
    } rows[] = {
        { "{\"a\":1,\"b\":2,\"a\":3}", WEIR_EDATA },
        { "{\"a\":1,\"b\":{\"c\":1,\"d\":2,\"c\":3}}", WEIR_EDATA },
        { "[{\"a\":1},{\"a\":1,\"long name of a key\":2,\"long name of a key\":3}]",
          WEIR_EDATA },
        { "{\"\":1,\"\":2}", WEIR_EDATA },
        { "{\"a\":1,\"\\u0061\":2}", WEIR_EDATA },
        { "{\"a\":[{\"b\":1,\"b\":2}]}", WEIR_OK },
        { "{\"a\":1,\"b\":{\"a\":1,\"b\":2}}", WEIR_OK },
        { "[{\"a\":1},{\"a\":1}]", WEIR_OK },
    };
    char deep[2 * (WEIR_JSON_DEPTH + 1) + 1] = { 0 };

    for (size_t n = 0; n < 12; n++) {
        char *text;

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            text = spread(rows[i].text, n);
            assert_int_equal(decode(*state, weir_slice_of(text), NULL), rows[i].want);
            free(text);
        }
        for (size_t more = 0; more < 2; more++) {
            (void)nested(deep, WEIR_JSON_DEPTH + more);
            text = spread(deep, n);
            assert_int_equal(decode(*state, weir_slice_of(text), NULL),
                             more == 0 ? WEIR_OK : WEIR_EDATA);
            free(text);
            memset(deep, 0, sizeof(deep));
        }
    }
}

static void a_tombstone_has_no_value(void **state)
{
    fixture *fx = *state;

    assert_int_equal(weir_codec_json.decode(&fx->ev, NULL), WEIR_OK);
    assert_true(fx->ev.is_decoded);
    assert_null(fx->ev.value);
}

static void values_outlive_the_bytes_they_came_from(void **state)
{
    fixture *fx = *state;
    char text[] = "{\"name\":\"anna\"}";
    weir_slice name = WEIR_SLICE_NONE;

    assert_int_equal(decode(fx, weir_slice_of(text), NULL), WEIR_OK);
    memset(text, 'x', sizeof(text));
    assert_true(weir_val_string(weir_val_at(fx->ev.value, "/name"), &name));
    assert_true(weir_slice_is(name, "anna"));
}

static void more_values_than_the_tree_may_hold_are_refused(void **state)
{
    size_t n = WEIR_TREE_MAX / 16;
    char *text = malloc(2 * n + 2);
    weir_err err = { 0 };

    for (size_t i = 0; i < n; i++) {
        text[1 + 2 * i] = '1';
        text[2 + 2 * i] = ',';
    }
    text[0] = '[';
    text[2 * n] = ']';
    assert_int_equal(decode(*state, (weir_slice){ text, 2 * n + 1 }, &err), WEIR_EDATA);
    assert_non_null(strstr(err.text, "more than"));
    free(text);
}

/* Two bytes of text a value is the worst there is: no copy of the tree while it grows. */
static void a_dense_document_takes_one_tree_and_one_copy_of_its_text(void **state)
{
    const size_t n = 100000;
    fixture *fx = *state;
    weir_buf text = { 0 };

    weir_buf_str(&text, "[1");
    for (size_t i = 1; i < n; i++) {
        weir_buf_str(&text, ",1");
    }
    weir_buf_char(&text, ']');
    assert_int_equal(decode(fx, weir_buf_slice(&text), NULL), WEIR_OK);
    assert_true(fx->arena.n_bytes <= text.len + n * 24 + 1024);
    weir_buf_fini(&text);
}

static void formats_are_found_by_their_names(void **state)
{
    (void)state;
    assert_ptr_equal(weir_codec_find("raw"), &weir_codec_raw);
    assert_ptr_equal(weir_codec_find("json"), &weir_codec_json);
    assert_ptr_equal(weir_codec_find("msgpack"), &weir_codec_msgpack);
    assert_ptr_equal(weir_codec_find("cloudevents"), &weir_codec_cloudevents);
    assert_null(weir_codec_find("JSON"));
}

static void objects_of_fields_are_json_in_every_format(void **state)
{
    static const weir_codec_ops *const ops[] = { &weir_codec_raw, &weir_codec_json,
                                                 &weir_codec_msgpack };
    fixture *fx = *state;

    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        weir_slice a = WEIR_SLICE_NONE;

        weir_ev_end(&fx->ev);
        weir_ev_begin(&fx->ev, &fx->arena);
        fx->ev.data = WEIR_SLICE_LIT("{\"a\":\"1\"}");
        fx->ev.is_object = true;
        assert_int_equal(ops[i]->decode(&fx->ev, NULL), WEIR_OK);
        assert_true(weir_val_string(weir_val_at(fx->ev.value, "/a"), &a));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(good_texts_decode, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_texts_are_refused_with_the_byte, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_number_beyond_double_is_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(depth_ends_at_128, setup, teardown),
        cmocka_unit_test_setup_teardown(duplicates_are_found_in_maps_of_any_size, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(limits_hold_however_dense_the_text_is, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_tombstone_has_no_value, setup, teardown),
        cmocka_unit_test_setup_teardown(values_outlive_the_bytes_they_came_from, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(more_values_than_the_tree_may_hold_are_refused,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_dense_document_takes_one_tree_and_one_copy_of_its_text, setup, teardown),
        cmocka_unit_test(formats_are_found_by_their_names),
        cmocka_unit_test_setup_teardown(objects_of_fields_are_json_in_every_format,
                                        setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
