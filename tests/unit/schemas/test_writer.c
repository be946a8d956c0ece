/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer: documents in both formats, sizes at every border, and every misuse.
 */
#include "schemas/codec.h"
#include "schemas/writer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define KEY(text) weir_writer_key(w, WEIR_SLICE_LIT(text))

typedef struct fixture {
    weir_arena arena;
    weir_arena decoded;
} fixture;

static int setup(void **state)
{
    fixture *fx = calloc(1, sizeof(*fx));

    weir_arena_init(&fx->arena, 0);
    weir_arena_init(&fx->decoded, 0);
    *state = fx;
    return 0;
}

static int teardown(void **state)
{
    fixture *fx = *state;

    weir_arena_fini(&fx->arena);
    weir_arena_fini(&fx->decoded);
    free(fx);
    return 0;
}

static weir_writer *writer(fixture *fx, weir_format format)
{
    return weir_writer_new(&fx->arena, format, fx);
}

static void write_all(weir_writer *w)
{
    weir_writer_map(w);
    KEY("numbers");
    weir_writer_array(w);
    weir_writer_int(w, INT64_MIN);
    weir_writer_int(w, -1);
    weir_writer_uint(w, UINT64_MAX);
    weir_writer_double(w, 0.1);
    weir_writer_double(w, 3);
    weir_writer_end(w);
    KEY("text \"\\\n\x01");
    weir_writer_string(w, WEIR_SLICE_LIT("\xC3\xA9\t/"));
    KEY("bin");
    weir_writer_binary(w, WEIR_SLICE_LIT("\x00\xFF\x80"));
    KEY("words");
    weir_writer_array(w);
    weir_writer_bool(w, true);
    weir_writer_bool(w, false);
    weir_writer_null(w);
    weir_writer_map(w);
    weir_writer_end(w);
    weir_writer_array(w);
    weir_writer_end(w);
    weir_writer_end(w);
    weir_writer_end(w);
}

static const char all_json[] =
    "{\"numbers\":[-9223372036854775808,-1,18446744073709551615,0.1,3.0],"
    "\"text "
    "\\\"\\\\\\n\\u0001\":\"\xC3\xA9\\t/"
    "\",\"bin\":\"AP+A\",\"words\":[true,false,null,{},[]]}";

static void a_json_document_is_what_was_written(void **state)
{
    weir_writer *w = writer(*state, WEIR_FORMAT_JSON);
    weir_slice out = WEIR_SLICE_NONE;

    write_all(w);
    assert_int_equal(weir_writer_finish(w, &out), WEIR_OK);
    assert_true(weir_slice_is(out, all_json));
    assert_ptr_equal(weir_writer_arg(w), *state);
}

/* The JSON of finished MessagePack bytes. */
static void assert_msgpack(fixture *fx, weir_slice bytes, const char *json)
{
    weir_event ev;
    weir_buf out = { 0 };
    weir_err err = { 0 };

    weir_ev_begin(&ev, &fx->decoded);
    ev.data = bytes;
    if (weir_codec_msgpack.decode(&ev, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
    weir_val_json(ev.value, &out, false);
    assert_string_equal(out.data, json);
    weir_buf_fini(&out);
    weir_ev_end(&ev);
}

static void a_msgpack_document_is_what_was_written(void **state)
{
    weir_writer *w = writer(*state, WEIR_FORMAT_MSGPACK);
    weir_slice out = WEIR_SLICE_NONE;

    write_all(w);
    assert_int_equal(weir_writer_finish(w, &out), WEIR_OK);
    assert_msgpack(*state, out, all_json);
}

static void msgpack_integers_take_their_shortest_form(void **state)
{
    static const struct {
        int64_t value;
        size_t len;
    } rows[] = {
        { 0, 1 },
        { 127, 1 },
        { 128, 2 },
        { 255, 2 },
        { 256, 3 },
        { 65535, 3 },
        { 65536, 5 },
        { UINT32_MAX, 5 },
        { (int64_t)UINT32_MAX + 1, 9 },
        { INT64_MAX, 9 },
        { -1, 1 },
        { -32, 1 },
        { -33, 2 },
        { INT8_MIN, 2 },
        { INT8_MIN - 1, 3 },
        { INT16_MIN, 3 },
        { INT16_MIN - 1, 5 },
        { INT32_MIN, 5 },
        { (int64_t)INT32_MIN - 1, 9 },
        { INT64_MIN, 9 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        weir_writer *w = writer(*state, WEIR_FORMAT_MSGPACK);
        weir_slice out = WEIR_SLICE_NONE;
        weir_event ev;
        int64_t got = 0;
        fixture *fx = *state;

        weir_writer_int(w, rows[i].value);
        assert_int_equal(weir_writer_finish(w, &out), WEIR_OK);
        assert_int_equal(out.len, rows[i].len);
        weir_ev_begin(&ev, &fx->decoded);
        ev.data = out;
        assert_int_equal(weir_codec_msgpack.decode(&ev, NULL), WEIR_OK);
        assert_true(weir_val_int(ev.value, &got) && got == rows[i].value);
        weir_ev_end(&ev);
    }
}

static void msgpack_containers_of_every_size_read_back(void **state)
{
    static const struct {
        size_t n;
        unsigned char map, array;
    } rows[] = {
        { 0, 0x80, 0x90 },     { 15, 0x8F, 0x9F },    { 16, 0xDE, 0xDC },
        { 65535, 0xDE, 0xDC }, { 65536, 0xDF, 0xDD },
    };
    fixture *fx = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        weir_writer *w = writer(fx, WEIR_FORMAT_MSGPACK);
        weir_slice out = WEIR_SLICE_NONE;
        weir_event ev;
        uint64_t last = 0;

        weir_writer_array(w);
        weir_writer_map(w);
        for (size_t j = 0; j < rows[i].n; j++) {
            char key[4] = { (char)('a' + j % 26), (char)('a' + j / 26 % 26),
                            (char)('a' + j / 676 % 26), (char)('a' + j / 17576) };

            weir_writer_key(w, (weir_slice){ key, 4 });
            weir_writer_uint(w, j);
        }
        weir_writer_end(w);
        weir_writer_array(w);
        for (size_t j = 0; j < rows[i].n; j++) {
            weir_writer_uint(w, j);
        }
        weir_writer_end(w);
        weir_writer_end(w);
        assert_int_equal(weir_writer_finish(w, &out), WEIR_OK);
        assert_int_equal((unsigned char)out.data[1], rows[i].map);

        weir_ev_begin(&ev, &fx->decoded);
        ev.data = out;
        assert_int_equal(weir_codec_msgpack.decode(&ev, NULL), WEIR_OK);
        assert_int_equal(weir_val_size(weir_val_at(ev.value, "/0")), rows[i].n);
        assert_int_equal(weir_val_size(weir_val_at(ev.value, "/1")), rows[i].n);
        if (rows[i].n == 65536) {
            assert_true(weir_val_uint(weir_val_at(ev.value, "/1/65535"), &last) &&
                        last == 65535);
        }
        weir_ev_end(&ev);
    }
}

static void strings_and_binary_of_every_size_read_back(void **state)
{
    static const size_t sizes[] = { 0, 31, 32, 255, 256, 65535, 65536 };
    fixture *fx = *state;
    char *text = malloc(65536);

    memset(text, 'x', 65536);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        weir_writer *w = writer(fx, WEIR_FORMAT_MSGPACK);
        weir_slice out = WEIR_SLICE_NONE;
        weir_event ev;

        weir_writer_array(w);
        weir_writer_string(w, (weir_slice){ text, sizes[i] });
        weir_writer_binary(w, (weir_slice){ text, sizes[i] });
        weir_writer_end(w);
        assert_int_equal(weir_writer_finish(w, &out), WEIR_OK);
        weir_ev_begin(&ev, &fx->decoded);
        ev.data = out;
        assert_int_equal(weir_codec_msgpack.decode(&ev, NULL), WEIR_OK);
        assert_int_equal(weir_val_type(weir_val_at(ev.value, "/0")), WEIR_TYPE_STRING);
        assert_int_equal(weir_val_type(weir_val_at(ev.value, "/1")), WEIR_TYPE_BINARY);
        assert_int_equal(weir_val_size(weir_val_at(ev.value, "/0")), sizes[i]);
        assert_int_equal(weir_val_size(weir_val_at(ev.value, "/1")), sizes[i]);
        weir_ev_end(&ev);
    }
    free(text);
}

static void exts_and_odd_keys_survive_a_copy(void **state)
{
    static const char text[] = "\x84\x01\xD4\x05"
                               "a\xC3\xC7\x03\x06"
                               "abc\xC4\x01k\xD8\x07"
                               "0123456789abcdef\xA1s\xCA\x3F\x80\x00\x00";
    fixture *fx = *state;
    weir_event ev;
    weir_buf out = { 0 };

    weir_ev_begin(&ev, &fx->decoded);
    ev.data = WEIR_SLICE_LIT(text);
    assert_int_equal(weir_codec_msgpack.decode(&ev, NULL), WEIR_OK);
    assert_int_equal(weir_codec_msgpack.encode(ev.value, &out, NULL), WEIR_OK);
    /* All the same but the float, which became a double. */
    assert_int_equal(out.len, sizeof(text) - 1 + 4);
    assert_memory_equal(out.data, text, sizeof(text) - 1 - 5);
    weir_buf_reset(&out);
    assert_int_equal(weir_codec_json.encode(ev.value, &out, NULL), WEIR_OK);
    assert_string_equal(out.data, "{\"1\":\"YQ==\",\"true\":\"YWJj\",\"aw==\":"
                                  "\"MDEyMzQ1Njc4OWFiY2RlZg==\",\"s\":1.0}");
    weir_buf_fini(&out);
    weir_ev_end(&ev);
}

/* One misuse a row; each is an error in both formats unless only_json. */
static void misuse_nothing(weir_writer *w)
{
    (void)w;
}

static void misuse_open(weir_writer *w)
{
    weir_writer_map(w);
}

static void misuse_value_for_key(weir_writer *w)
{
    weir_writer_map(w);
    weir_writer_int(w, 1);
    weir_writer_end(w);
}

static void misuse_map_for_key(weir_writer *w)
{
    weir_writer_map(w);
    weir_writer_map(w);
    weir_writer_end(w);
    weir_writer_end(w);
}

static void misuse_key_twice(weir_writer *w)
{
    weir_writer_map(w);
    KEY("a");
    KEY("b");
    weir_writer_end(w);
}

static void misuse_key_in_array(weir_writer *w)
{
    weir_writer_array(w);
    KEY("a");
    weir_writer_end(w);
}

static void misuse_key_outside(weir_writer *w)
{
    KEY("a");
}

static void misuse_end_behind_key(weir_writer *w)
{
    weir_writer_map(w);
    KEY("a");
    weir_writer_end(w);
}

static void misuse_end_too_many(weir_writer *w)
{
    weir_writer_map(w);
    weir_writer_end(w);
    weir_writer_end(w);
}

static void misuse_end_first(weir_writer *w)
{
    weir_writer_end(w);
    weir_writer_null(w);
}

static void misuse_two_documents(weir_writer *w)
{
    weir_writer_null(w);
    weir_writer_null(w);
}

static void misuse_not_utf8(weir_writer *w)
{
    weir_writer_string(w, WEIR_SLICE_LIT("\xC0\xAF"));
}

static void misuse_too_deep(weir_writer *w)
{
    for (int i = 0; i < WEIR_WRITER_DEPTH + 1; i++) {
        weir_writer_array(w);
    }
    for (int i = 0; i < WEIR_WRITER_DEPTH + 1; i++) {
        weir_writer_end(w);
    }
}

static void misuse_infinity(weir_writer *w)
{
    weir_writer_double(w, INFINITY);
}

static void misuse_nan(weir_writer *w)
{
    weir_writer_double(w, NAN);
}

static void misuse_is_reported_at_the_end(void **state)
{
    static const struct {
        void (*write)(weir_writer *w);
        bool only_json;
    } rows[] = {
        { misuse_nothing, false },
        { misuse_open, false },
        { misuse_value_for_key, false },
        { misuse_map_for_key, false },
        { misuse_key_twice, false },
        { misuse_key_in_array, false },
        { misuse_key_outside, false },
        { misuse_end_behind_key, false },
        { misuse_end_too_many, false },
        { misuse_end_first, false },
        { misuse_two_documents, false },
        { misuse_not_utf8, false },
        { misuse_too_deep, false },
        { misuse_infinity, true },
        { misuse_nan, true },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int k = 0; k < 2; k++) {
            weir_writer *w =
                writer(*state, k == 0 ? WEIR_FORMAT_JSON : WEIR_FORMAT_MSGPACK);
            weir_slice out = WEIR_SLICE_NONE;
            bool is_error = k == 0 || !rows[i].only_json;

            rows[i].write(w);
            if (weir_writer_finish(w, &out) != (is_error ? WEIR_EINVAL : WEIR_OK)) {
                fail_msg("row %zu, format %d", i, k);
            }
            assert_int_equal(weir_writer_why(w)[0] != '\0', is_error);
        }
    }
}

static void formats_that_cannot_be_written_fail_at_the_end(void **state)
{
    weir_writer *w = writer(*state, WEIR_FORMAT_RAW);
    weir_slice out = WEIR_SLICE_NONE;

    assert_non_null(w);
    write_all(w);
    assert_int_equal(weir_writer_finish(w, &out), WEIR_EINVAL);
}

static void depth_ends_at_32_in_msgpack_and_128_in_json(void **state)
{
    static const int depths[] = { 32, 33, 128, 129 };

    for (size_t i = 0; i < 4; i++) {
        for (int k = 0; k < 2; k++) {
            weir_writer *w =
                writer(*state, k == 0 ? WEIR_FORMAT_JSON : WEIR_FORMAT_MSGPACK);
            weir_slice out = WEIR_SLICE_NONE;

            for (int j = 0; j < depths[i]; j++) {
                weir_writer_array(w);
            }
            for (int j = 0; j < depths[i]; j++) {
                weir_writer_end(w);
            }
            assert_int_equal(weir_writer_finish(w, &out) == WEIR_OK,
                             depths[i] <= (k == 0 ? 128 : 32));
        }
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_json_document_is_what_was_written),
        T(a_msgpack_document_is_what_was_written),
        T(msgpack_integers_take_their_shortest_form),
        T(msgpack_containers_of_every_size_read_back),
        T(strings_and_binary_of_every_size_read_back),
        T(exts_and_odd_keys_survive_a_copy),
        T(misuse_is_reported_at_the_end),
        T(formats_that_cannot_be_written_fail_at_the_end),
        T(depth_ends_at_32_in_msgpack_and_128_in_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
