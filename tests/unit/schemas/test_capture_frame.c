/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a capture's frame: every form of MessagePack that says the same is read, and what
 * is damaged is refused at its byte.
 */
#include "schemas/capture_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define BODY(text) ((weir_slice){ (text), sizeof(text) - 1 })

static weir_arena arena;

static int setup(void **state)
{
    (void)state;
    weir_arena_init(&arena, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    weir_arena_fini(&arena);
    return 0;
}

static weir_capture_record read_good(weir_slice body)
{
    weir_capture_record rec = { .partition = 99 };
    size_t at = 0;

    assert_int_equal(weir_capture_unpack(body, &arena, &rec, &at), WEIR_OK);
    assert_int_equal(at, body.len);
    return rec;
}

static void assert_refused(weir_slice body, size_t wanted_at)
{
    weir_capture_record rec = { .partition = 99 };
    size_t at = 0;

    assert_int_equal(weir_capture_unpack(body, &arena, &rec, &at), WEIR_EDATA);
    if (at != wanted_at) {
        fail_msg("refused at byte %zu, not %zu", at, wanted_at);
    }
    assert_int_equal(rec.partition, 99); /* nothing was given out */
}

static void integers_of_every_width_are_the_same_number(void **state)
{
    static const struct {
        weir_slice body;
        int64_t want;
    } rows[] = {
        { BODY("\x81\xA4time\x07"), 7 },
        { BODY("\x81\xA4time\xFF"), -1 },
        { BODY("\x81\xA4time\xE0"), -32 },
        { BODY("\x81\xA4time\xCC\xFF"), 255 },
        { BODY("\x81\xA4time\xCD\x01\x02"), 258 },
        { BODY("\x81\xA4time\xCE\xFF\xFF\xFF\xFF"), UINT32_MAX },
        { BODY("\x81\xA4time\xCF\x00\x00\x00\x01\x00\x00\x00\x00"), INT64_C(1) << 32 },
        { BODY("\x81\xA4time\xD0\xFE"), -2 },
        { BODY("\x81\xA4time\xD0\x7F"), 127 },
        { BODY("\x81\xA4time\xD1\xFF\xFE"), -2 },
        { BODY("\x81\xA4time\xD2\x80\x00\x00\x00"), INT32_MIN },
        { BODY("\x81\xA4time\xD3\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFE"), -2 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_true(read_good(rows[i].body).time_ms == rows[i].want);
    }
}

static void bytes_of_every_width_are_the_same_bytes(void **state)
{
    static const weir_slice bodies[] = {
        BODY("\x81\xA3key\xA2xy"),
        BODY("\x81\xA3key\xC4\x02xy"),
        BODY("\x81\xA3key\xC5\x00\x02xy"),
        BODY("\x81\xA3key\xC6\x00\x00\x00\x02xy"),
        BODY("\x81\xA3key\xD9\x02xy"),
        BODY("\x81\xA3key\xDA\x00\x02xy"),
        BODY("\x81\xA3key\xDB\x00\x00\x00\x02xy"),
        BODY("\xDE\x00\x01\xA3key\xA2xy"),
        BODY("\xDF\x00\x00\x00\x01\xA3key\xA2xy"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        assert_true(weir_slice_is(read_good(bodies[i]).key, "xy"));
    }
}

static void members_of_no_known_name_are_passed_over(void **state)
{
    static const weir_slice bodies[] = {
        BODY("\x82\xA1x\xC2\xA3key\xA1k"),
        BODY("\x82\xA1x\xC3\xA3key\xA1k"),
        BODY("\x82\xA1x\xC0\xA3key\xA1k"),
        BODY("\x82\xA1x\xCA\x01\x02\x03\x04\xA3key\xA1k"),
        BODY("\x82\xA1x\xCB\x01\x02\x03\x04\x05\x06\x07\x08\xA3key\xA1k"),
        BODY("\x82\xA1x\xC7\x02\x01zz\xA3key\xA1k"),
        BODY("\x82\xA1x\xC8\x00\x02\x01zz\xA3key\xA1k"),
        BODY("\x82\xA1x\xC9\x00\x00\x00\x02\x01zz\xA3key\xA1k"),
        BODY("\x82\xA1x\xD4\x01z\xA3key\xA1k"),
        BODY("\x82\xA1x\xD5\x01zz\xA3key\xA1k"),
        BODY("\x82\xA1x\xD6\x01zzzz\xA3key\xA1k"),
        BODY("\x82\xA1x\xD7\x01zzzzzzzz\xA3key\xA1k"),
        BODY("\x82\xA1x\xD8\x01zzzzzzzzzzzzzzzz\xA3key\xA1k"),
        BODY("\x82\xA1x\x92\x01\x81\x01\x90\xA3key\xA1k"),
        BODY("\x82\xA1x\xDC\x00\x01\x07\xA3key\xA1k"),
        BODY("\x82\xA1x\xDD\x00\x00\x00\x01\x07\xA3key\xA1k"),
        BODY("\x82\xA1x\xDE\x00\x01\x07\x07\xA3key\xA1k"),
        /* A known name with nothing in it is as if it were not there. */
        BODY("\x82\xA5topic\xC0\xA3key\xA1k"),
        BODY("\x82\xA4time\xC0\xA3key\xA1k"),
        BODY("\x82\xA9partition\xC0\xA3key\xA1k"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        const weir_capture_record rec = read_good(bodies[i]);

        assert_true(weir_slice_is(rec.key, "k"));
        assert_null(rec.topic);
        assert_true(rec.time_ms == -1 && rec.partition == -1);
    }
}

static void what_is_of_another_type_is_refused_where_it_stands(void **state)
{
    (void)state;
    assert_refused(BODY(""), 0);
    assert_refused(BODY("\x01"), 1);                   /* no map */
    assert_refused(BODY("\xC1"), 1);                   /* a byte of no meaning */
    assert_refused(BODY("\x81\x01\x01"), 2);           /* a name that is a number */
    assert_refused(BODY("\x80\x80"), 1);               /* more behind the map */
    assert_refused(BODY("\x81\xA3key\x01"), 6);        /* a key that is a number */
    assert_refused(BODY("\x81\xA4\x64\x61ta\x90"), 7); /* data that is a list */
    assert_refused(BODY("\x81\xA7headers\x01"), 10);   /* headers that are a number */
    assert_refused(BODY("\x81\xA7headers\x9F"), 10);   /* more than there are bytes */
    assert_refused(BODY("\x81\xA7headers\x91\xA2xx"), 13); /* a header is no pair */
    assert_refused(BODY("\x81\xA7headers\x91\x93\xA1x\xA1y\xA1z"), 11);
    /* its name a number */
    assert_refused(BODY("\x81\xA7headers\x91\x92\x01\xA1y"), 12);
    assert_refused(BODY("\x81\xA7headers\x91\x92\xA1x\x01"), 14); /* its value */
    assert_refused(BODY("\x81\xA6result\x01"), 9);
    assert_refused(BODY("\x81\xA6result\x81\xA2to\x01"), 13);
    assert_refused(BODY("\x81\xA6result\x81\xA4\x64\x61ta\x01"), 15);
    assert_refused(BODY("\x81\xA6result\x81\xA1x\xC1"), 12);
    assert_refused(BODY("\x81\xA9partition\xCE\xFF\xFF\xFF\xFF"), 16);
}

static void nesting_without_end_is_refused(void **state)
{
    char body[64] = "\x81\xA1x";

    (void)state;
    memset(body + 3, 0x91, 40);
    body[43] = 1;
    assert_refused((weir_slice){ body, 44 }, 3 + 16 + 1);
    memset(body + 3, 0x91, 14);
    body[17] = 1;
    (void)read_good((weir_slice){ body, 18 });
}

static weir_buf whole(void)
{
    static const char name[] = "a name of a header that is longer than the short form";
    static const weir_header headers[] = { { name, WEIR_SLICE_LIT("v") },
                                           { "none", WEIR_SLICE_NONE } };
    const weir_capture_record rec = { .position = WEIR_SLICE_LIT("kafka:o/3@1042"),
                                      .topic = "o",
                                      .partition = 3,
                                      .key = WEIR_SLICE_LIT("k"),
                                      .data = WEIR_SLICE_LIT("{}"),
                                      .headers = headers,
                                      .n_headers = 2,
                                      .time_ms = 1700000000000,
                                      .result_to = "kafka:r",
                                      .result = WEIR_SLICE_LIT("done") };
    weir_buf body = { 0 };

    weir_capture_pack(&body, &rec);
    assert_false(body.has_failed);
    return body;
}

static void what_was_written_is_read(void **state)
{
    weir_buf body = whole();
    const weir_capture_record rec = read_good(weir_buf_slice(&body));

    (void)state;
    assert_true(weir_slice_is(rec.position, "kafka:o/3@1042"));
    assert_string_equal(rec.topic, "o");
    assert_int_equal(rec.n_headers, 2);
    assert_int_equal(strlen(rec.headers[0].name), 53);
    assert_true(weir_slice_is(rec.headers[0].value, "v"));
    assert_null(rec.headers[1].value.data);
    assert_string_equal(rec.result_to, "kafka:r");
    assert_true(weir_slice_is(rec.result, "done"));
    weir_buf_fini(&body);
}

static void a_body_that_is_cut_at_any_byte_is_refused(void **state)
{
    weir_buf body = whole();

    (void)state;
    for (size_t len = 0; len < body.len; len++) {
        weir_capture_record rec = { .partition = 99 };
        size_t at = 0;

        assert_int_equal(
            weir_capture_unpack((weir_slice){ body.data, len }, &arena, &rec, &at),
            WEIR_EDATA);
        assert_true(at <= len);
        assert_int_equal(rec.partition, 99);
    }
    weir_buf_fini(&body);
}

static void a_head_that_promises_more_than_there_is_is_refused(void **state)
{
    (void)state;
    for (int head = 0xC4; head <= 0xDF; head++) {
        const char body[] = { (char)0x81, (char)0xA1, 'x', (char)head };
        size_t at = 0;
        weir_capture_record rec;

        if (head != 0xC2 && head != 0xC3) {
            assert_int_equal(weir_capture_unpack((weir_slice){ body, sizeof(body) },
                                                 &arena, &rec, &at),
                             WEIR_EDATA);
        }
    }
    assert_refused(BODY("\x81\xA1x\xC7\x05\x01z"), 5);
    assert_refused(BODY("\x81\xA3key\xC5\x00\x09xy"), 8);
}

static void the_version_is_found_among_other_members(void **state)
{
    static const weir_slice good[] = {
        BODY("\x81\xA7version\xA5"
             "0.1.0"),
        BODY("\x82\xA1x\x91\x01\xA7version\xA5"
             "0.1.0"),
    };
    static const weir_slice wrong[] = {
        BODY(""),
        BODY("\x01"),
        BODY("\x80"),
        BODY("\x81\xA7version\x01"),
        BODY("\x81\xA1x"),
        BODY("\x81\xA7version\xA9"
             "0.1.0"),
        BODY("\x81"),
        BODY("\x81\xA1x\x91"),
    };
    weir_slice version = WEIR_SLICE_NONE;
    size_t at = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(weir_capture_unpack_version(good[i], &version, &at), WEIR_OK);
        assert_true(weir_slice_is(version, "0.1.0"));
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(weir_capture_unpack_version(wrong[i], &version, &at),
                         WEIR_EDATA);
        assert_true(at <= wrong[i].len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_of_every_width_are_the_same_number),
        cmocka_unit_test(bytes_of_every_width_are_the_same_bytes),
        cmocka_unit_test(members_of_no_known_name_are_passed_over),
        cmocka_unit_test(what_is_of_another_type_is_refused_where_it_stands),
        cmocka_unit_test(nesting_without_end_is_refused),
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(a_body_that_is_cut_at_any_byte_is_refused),
        cmocka_unit_test(a_head_that_promises_more_than_there_is_is_refused),
        cmocka_unit_test(the_version_is_found_among_other_members),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
