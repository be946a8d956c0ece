/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all codecs share: decoding once, faults of an event, bytes as they are.
 */
#include "schemas/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct fixture {
    weir_arena arena;
    weir_event ev;
} fixture;

static int setup(void **state)
{
    fixture *fx = calloc(1, sizeof(*fx));

    assert_non_null(fx);
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

static void raw_takes_any_bytes_and_gives_no_value(void **state)
{
    fixture *fx = *state;
    weir_err err;

    fx->ev.data = WEIR_SLICE_LIT("{\xFF\x00");
    assert_int_equal(weir_codec_raw.walk(fx->ev.data, &err), WEIR_OK);
    assert_int_equal(weir_codec_raw.decode(&fx->ev, &err), WEIR_OK);
    assert_true(weir_slice_eq(fx->ev.payload, fx->ev.data));
    assert_null(fx->ev.value);
    assert_true(fx->ev.is_decoded);
}

static void raw_encodes_a_string_and_nothing_else(void **state)
{
    static const struct {
        const char *json;
        const char *bytes; /* NULL: refused */
    } rows[] = {
        { "\"a\\u0000b\"", "a" }, { "\"\"", "" },      { "1", NULL },  { "null", NULL },
        { "true", NULL },         { "[\"a\"]", NULL }, { "{}", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        weir_json *doc = NULL;
        weir_buf out = { 0 };
        weir_err err = { 0 };

        assert_int_equal(weir_json_parse(weir_slice_of(rows[i].json), &doc, NULL),
                         WEIR_OK);
        const weir_status st = weir_codec_raw.encode(weir_json_root(doc), &out, &err);

        if (rows[i].bytes == NULL) {
            assert_int_equal(st, WEIR_EINVAL);
            assert_non_null(strstr(err.text, "only a string or binary"));
            assert_int_equal(out.len, 0);
        } else {
            assert_int_equal(st, WEIR_OK);
            assert_int_equal(out.len, i == 0 ? 3 : strlen(rows[i].bytes));
        }
        weir_buf_fini(&out);
        weir_json_free(doc);
    }
}

/* A decoded event is left alone, whatever has become of its bytes. */
static void an_event_is_decoded_once(void **state)
{
    static const weir_codec_ops *const codecs[] = { &weir_codec_json,
                                                    &weir_codec_msgpack };
    fixture *fx = *state;

    for (size_t i = 0; i < 2; i++) {
        weir_ev_end(&fx->ev);
        weir_ev_begin(&fx->ev, &fx->arena);
        fx->ev.data = i == 0 ? WEIR_SLICE_LIT("[1]") : WEIR_SLICE_LIT("\x91\x01");
        assert_int_equal(codecs[i]->decode(&fx->ev, NULL), WEIR_OK);
        const weir_value *value = fx->ev.value;

        fx->ev.data = WEIR_SLICE_LIT("\xC1 no such thing");
        assert_int_equal(codecs[i]->decode(&fx->ev, NULL), WEIR_OK);
        assert_ptr_equal(fx->ev.value, value);
        assert_int_equal(fx->ev.fault, WEIR_FAULT_NONE);
    }
}

static void what_does_not_decode_is_a_fault_with_its_byte(void **state)
{
    static const weir_codec_ops *const codecs[] = { &weir_codec_json,
                                                    &weir_codec_msgpack };
    fixture *fx = *state;

    for (size_t i = 0; i < 2; i++) {
        weir_ev_end(&fx->ev);
        weir_ev_begin(&fx->ev, &fx->arena);
        fx->ev.data = i == 0 ? WEIR_SLICE_LIT("[1,]") : WEIR_SLICE_LIT("\x92\x01");
        assert_int_equal(codecs[i]->decode(&fx->ev, NULL), WEIR_EDATA);
        assert_int_equal(fx->ev.fault, WEIR_FAULT_DECODE);
        assert_non_null(strstr(fx->ev.fault_text, "byte"));
        assert_false(fx->ev.is_decoded);
        assert_int_equal(codecs[i]->walk(fx->ev.data, NULL), WEIR_EDATA);
        assert_int_equal(codecs[i]->walk(WEIR_SLICE_NONE, NULL), WEIR_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(raw_takes_any_bytes_and_gives_no_value, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(raw_encodes_a_string_and_nothing_else, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_event_is_decoded_once, setup, teardown),
        cmocka_unit_test_setup_teardown(what_does_not_decode_is_a_fault_with_its_byte,
                                        setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
