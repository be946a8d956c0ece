/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of CloudEvents attributes, media types and headers, value by value.
 */
#include "schemas/cloudevents.h"

#include "schemas/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

/* A whole event with one attribute more, or another value of one that is needed. */
static weir_status check(const char *name, const char *value, weir_err *err)
{
    weir_header attrs[5] = { { "specversion", WEIR_SLICE_LIT("1.0") },
                             { "id", WEIR_SLICE_LIT("1") },
                             { "source", WEIR_SLICE_LIT("/s") },
                             { "type", WEIR_SLICE_LIT("t") } };
    size_t n = 4;

    for (size_t i = 0; i < 4; i++) {
        if (strcmp(attrs[i].name, name) == 0) {
            attrs[i].value = weir_slice_of(value);
            return weir_ce_check(attrs, n, err);
        }
    }
    attrs[n++] = (weir_header){ name, weir_slice_of(value) };
    return weir_ce_check(attrs, n, err);
}

static void assert_good(const char *name, const char *value)
{
    weir_err err = { 0 };

    if (check(name, value, &err) != WEIR_OK) {
        fail_msg("%s \"%s\": %s", name, value, err.text);
    }
}

static void assert_wrong(const char *name, const char *value, const char *why)
{
    weir_err err = { 0 };

    if (check(name, value, &err) != WEIR_EDATA || strstr(err.text, why) == NULL) {
        fail_msg("%s \"%s\" must be refused with %s, said: %s", name, value, why,
                 err.text);
    }
}

static void times_of_rfc_3339_are_taken(void **state)
{
    static const char *const good[] = {
        "2026-11-21T07:58:47Z",      "2026-11-21t07:58:47z",
        "2026-11-21T07:58:47.5Z",    "2026-11-21T07:58:47.123456789+05:30",
        "2026-12-31T23:59:60-00:00", "0000-01-01T00:00:00+23:59",
    };

    (void)state;
    for (size_t i = 0; i < N(good); i++) {
        assert_good("time", good[i]);
    }
}

static void times_of_another_shape_are_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "2026-11-21",
        "2026-11-21T07:58:47",
        "x026-11-21T07:58:47Z",
        "20x6-11-21T07:58:47Z",
        "2026/11-21T07:58:47Z",
        "2026-13-21T07:58:47Z",
        "2026-00-21T07:58:47Z",
        "2026-1x-21T07:58:47Z",
        "2026-11/21T07:58:47Z",
        "2026-11-32T07:58:47Z",
        "2026-11-00T07:58:47Z",
        "2026-11-21 07:58:47Z",
        "2026-11-21T24:58:47Z",
        "2026-11-21T07-58:47Z",
        "2026-11-21T07:60:47Z",
        "2026-11-21T07:58-47Z",
        "2026-11-21T07:58:61Z",
        "2026-11-21T07:58:47.Z",
        "2026-11-21T07:58:47.",
        "2026-11-21T07:58:47ZZ",
        "2026-11-21T07:58:47X",
        "2026-11-21T07:58:47+05:3",
        "2026-11-21T07:58:47/05:30",
        "2026-11-21T07:58:47+24:30",
        "2026-11-21T07:58:47+05-30",
        "2026-11-21T07:58:47+05:60",
    };

    (void)state;
    for (size_t i = 0; i < N(wrong); i++) {
        assert_wrong("time", wrong[i], "RFC 3339");
    }
}

static void attributes_keep_their_rules(void **state)
{
    (void)state;
    assert_wrong("specversion", "0.3", "only 1.0");
    assert_wrong("id", "", "must not be empty");
    assert_wrong("subject", "", "must not be empty");
    assert_wrong("dataschema", "", "must not be empty");
    assert_wrong("datacontenttype", "", "media type");
    assert_wrong("datacontenttype", "json", "media type");
    assert_wrong("Ext", "x", "a-z and 0-9");
    assert_wrong("e_t", "x", "a-z and 0-9");
    assert_wrong("", "x", "a-z and 0-9");
    assert_wrong("ext", "a\x01", "control characters");
    assert_wrong("ext", "a\x7F", "control characters");
    assert_wrong("ext", "a\xC2\x85", "control characters");
    assert_wrong("ext", "a\xC3", "UTF-8");
    assert_wrong("ext", "a\xC2", "UTF-8");
    assert_good("ext", "\xC2\xA9 \xC3\xA4");
    assert_good("ext", "");
    assert_good("datacontenttype", "text/plain");
    assert_good("dataschema", "x");
}

/* Names that begin as one of those with rules are extensions all the same. */
static void names_that_are_nearly_known_are_extensions(void **state)
{
    static const char *const names[] = { "i",    "idx",   "spec", "sources", "sub",
                                         "typ",  "tim",   "d",    "da",      "dat",
                                         "data", "datas", "xid" };

    (void)state;
    for (size_t i = 0; i < N(names); i++) {
        assert_good(names[i], "");
    }
}

static void each_required_attribute_is_missed_by_name(void **state)
{
    static const char *const names[] = { "specversion", "id", "source", "type" };

    (void)state;
    for (size_t left = 0; left < N(names); left++) {
        weir_header attrs[4];
        weir_err err = { 0 };
        size_t n = 0;

        for (size_t i = 0; i < N(names); i++) {
            if (i != left) {
                attrs[n++] = (weir_header){ names[i], WEIR_SLICE_LIT("1.0") };
            }
        }
        assert_int_equal(weir_ce_check(attrs, n, &err), WEIR_EDATA);
        assert_non_null(strstr(err.text, names[left]));
    }
}

static void media_types_say_how_data_is_read(void **state)
{
    static const struct {
        const char *type;
        weir_format format;
    } rows[] = {
        { "application/json", WEIR_FORMAT_JSON },
        { " \tApplication/JSON\t ; charset=utf-8", WEIR_FORMAT_JSON },
        { "text/json", WEIR_FORMAT_JSON },
        { "application/geo+json", WEIR_FORMAT_JSON },
        { "application/msgpack", WEIR_FORMAT_MSGPACK },
        { "application/x-msgpack;v=1", WEIR_FORMAT_MSGPACK },
        { "application/vnd.a+msgpack", WEIR_FORMAT_MSGPACK },
        { "json", WEIR_FORMAT_RAW },
        { "", WEIR_FORMAT_RAW },
        { " ; ", WEIR_FORMAT_RAW },
        { "a/b", WEIR_FORMAT_RAW },
        { "text/xjson", WEIR_FORMAT_RAW },
    };

    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        if (weir_ce_data_format(weir_slice_of(rows[i].type)) != rows[i].format) {
            fail_msg("\"%s\" is read as another format", rows[i].type);
        }
    }
    assert_int_equal(weir_ce_data_format(WEIR_SLICE_NONE), WEIR_FORMAT_RAW);
}

static void the_mode_is_said_by_the_last_content_type_with_a_value(void **state)
{
    static const struct {
        const char *type;
        weir_ce_mode mode;
    } rows[] = {
        { "application/cloudevents", WEIR_CE_JSON },
        { "Application/CloudEvents+JSON; charset=utf-8", WEIR_CE_JSON },
        { "application/cloudevents+msgpack", WEIR_CE_MSGPACK },
        { "application/cloudevents+avro", WEIR_CE_UNKNOWN },
        { "application/cloudevents-batch+json", WEIR_CE_UNKNOWN },
        { "application/json", WEIR_CE_BINARY },
        { "app", WEIR_CE_BINARY },
    };
    weir_arena arena;
    weir_event ev;

    (void)state;
    weir_arena_init(&arena, 0);
    weir_ev_begin(&ev, &arena);
    for (size_t i = 0; i < N(rows); i++) {
        weir_header headers[] = { { "Content-Type", weir_slice_of(rows[i].type) },
                                  { "content-type", WEIR_SLICE_NONE },
                                  { "cold", WEIR_SLICE_LIT("x") },
                                  { "c", WEIR_SLICE_LIT("x") } };

        ev.headers = headers;
        ev.n_headers = N(headers);
        assert_int_equal(weir_ce_mode_of(&ev), rows[i].mode);
    }
    weir_header none[] = { { "content-type", WEIR_SLICE_NONE } };
    ev.headers = none;
    ev.n_headers = 1;
    assert_int_equal(weir_ce_mode_of(&ev), WEIR_CE_BINARY);
    ev.is_redis = true;
    assert_int_equal(weir_ce_mode_of(&ev), WEIR_CE_JSON);
    weir_ev_end(&ev);
    weir_arena_fini(&arena);
}

static void headers_with_the_prefix_win_over_plain_fields(void **state)
{
    weir_header headers[] = {
        { "ce_type", WEIR_SLICE_LIT("first") }, { "type", WEIR_SLICE_LIT("plain") },
        { "ce_type", WEIR_SLICE_NONE },         { "type", WEIR_SLICE_LIT("last") },
        { "ce_types", WEIR_SLICE_LIT("x") },    { "id", WEIR_SLICE_LIT("7") }
    };
    weir_arena arena;
    weir_event ev;

    (void)state;
    weir_arena_init(&arena, 0);
    weir_ev_begin(&ev, &arena);
    ev.headers = headers;
    ev.n_headers = N(headers);
    assert_true(weir_slice_is(weir_ce_header(&ev, "type"), "first"));
    assert_null(weir_ce_header(&ev, "id").data);
    ev.is_redis = true;
    assert_true(weir_slice_is(weir_ce_header(&ev, "type"), "first"));
    assert_true(weir_slice_is(weir_ce_header(&ev, "id"), "7"));
    headers[0].name = "x";
    assert_true(weir_slice_is(weir_ce_header(&ev, "type"), "last"));
    weir_ev_end(&ev);
    weir_arena_fini(&arena);
}

/* -- what the codec makes of a value ------------------------------------------------------ */

#define ATTRS "\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\""

static weir_status encode(const char *json, weir_buf *out, weir_err *err)
{
    weir_json *doc = NULL;

    assert_int_equal(weir_json_parse(weir_slice_of(json), &doc, NULL), WEIR_OK);
    const weir_status st = weir_codec_cloudevents.encode(weir_json_root(doc), out, err);
    weir_json_free(doc);
    return st;
}

static void what_is_no_event_is_not_encoded(void **state)
{
    static const struct {
        const char *json;
        const char *why;
    } rows[] = {
        { "[1]", "only a map" },
        { "\"x\"", "only a map" },
        { "{}", "specversion" },
        { "{" ATTRS ",\"data\":1,\"data_base64\":\"eA==\"}", "exclude each other" },
        { "{" ATTRS ",\"Bad\":\"x\"}", "a-z and 0-9" },
        { "{" ATTRS ",\"ext\":[1]}", "ext" },
        { "{" ATTRS ",\"ext\":1.5}", "ext" },
        { "{" ATTRS ",\"ext\":2147483648}", "ext" },
        { "{" ATTRS ",\"ext\":-2147483649}", "ext" },
    };

    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        weir_buf out = { 0 };
        weir_err err = { 0 };

        if (encode(rows[i].json, &out, &err) != WEIR_EINVAL ||
            strstr(err.text, rows[i].why) == NULL) {
            fail_msg("%s must be refused with %s, said: %s", rows[i].json, rows[i].why,
                     err.text);
        }
        assert_int_equal(out.len, 0);
        weir_buf_fini(&out);
    }
    assert_int_equal(encode("[1]", &(weir_buf){ 0 }, NULL), WEIR_EINVAL);
    assert_int_equal(encode("{}", &(weir_buf){ 0 }, NULL), WEIR_EINVAL);
}

static void attributes_of_every_type_are_encoded(void **state)
{
    weir_buf out = { 0 };
    weir_err err = { 0 };

    (void)state;
    assert_int_equal(encode("{" ATTRS ",\"a\":true,\"b\":false,\"c\":-2147483648,"
                            "\"d\":2147483647,\"data\":{\"x\":[1]}}",
                            &out, &err),
                     WEIR_OK);
    assert_string_equal(out.data, "{" ATTRS ",\"a\":true,\"b\":false,\"c\":-2147483648,"
                                  "\"d\":2147483647,\"data\":{\"x\":[1]}}");
    weir_buf_fini(&out);
}

/* The fault of a structured JSON event with these members. */
static void assert_fault(const char *members, const char *why)
{
    char text[512];
    weir_header header = { "content-type", WEIR_SLICE_LIT("application/cloudevents") };
    weir_err err = { 0 };
    weir_arena arena;
    weir_event ev;

    (void)snprintf(text, sizeof(text), "{" ATTRS ",%s}", members);
    weir_arena_init(&arena, 0);
    weir_ev_begin(&ev, &arena);
    ev.headers = &header;
    ev.n_headers = 1;
    ev.data = weir_slice_of(text);
    if (weir_codec_cloudevents.decode(&ev, &err) != WEIR_EDATA ||
        strstr(ev.fault_text, why) == NULL) {
        fail_msg("%s must be refused with %s, said: %s", text, why, err.text);
    }
    assert_int_equal(ev.n_attrs, 0);
    assert_null(ev.payload.data);
    weir_ev_end(&ev);
    weir_arena_fini(&arena);
}

static void a_structured_event_with_a_wrong_member_is_a_fault(void **state)
{
    (void)state;
    assert_fault("\"data_base64\":\"e\"", "base64");
    assert_fault("\"data_base64\":\"e===\"", "base64");
    assert_fault("\"data_base64\":\"eB==\"", "base64");
    assert_fault("\"data_base64\":\"e A=\"", "base64");
    assert_fault("\"data_base64\":\"eA==eA==\"", "base64");
    assert_fault("\"data_base64\":7", "base64");
    assert_fault("\"data\":1,\"data_base64\":\"eA==\"", "exclude each other");
    assert_fault("\"ext\":{}", "ext");
    assert_fault("\"datacontenttype\":\"application/json\",\"data_base64\":\"eA==\"",
                 "json");
}

/* Base64 of all its digits comes back as the bytes it stands for. */
static void base64_of_every_digit_is_decoded(void **state)
{
    static const char text[] =
        "{" ATTRS ",\"data_base64\":\"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuv"
        "wxyz0123456789+/\"}";
    static const unsigned char want[] = { 0x00, 0x10, 0x83, 0x10, 0x51, 0x87 };
    weir_header header = { "content-type", WEIR_SLICE_LIT("application/cloudevents") };
    weir_arena arena;
    weir_event ev;

    (void)state;
    weir_arena_init(&arena, 0);
    weir_ev_begin(&ev, &arena);
    ev.headers = &header;
    ev.n_headers = 1;
    ev.data = weir_slice_of(text);
    assert_int_equal(weir_codec_cloudevents.decode(&ev, NULL), WEIR_OK);
    assert_int_equal(ev.payload.len, 48);
    assert_memory_equal(ev.payload.data, want, sizeof(want));
    assert_int_equal((unsigned char)ev.payload.data[47], 0xBF);
    /* Once decoded it stays. */
    assert_int_equal(weir_codec_cloudevents.decode(&ev, NULL), WEIR_OK);
    weir_ev_end(&ev);
    weir_arena_fini(&arena);
}

static void a_pick_of_another_kind_of_event_doubts(void **state)
{
    weir_header header = { "content-type", WEIR_SLICE_LIT("text/plain") };
    weir_pointer *p = NULL;
    weir_buf scratch = { 0 };
    weir_slice out = WEIR_SLICE_NONE;
    weir_arena arena;
    weir_event ev;

    (void)state;
    assert_int_equal(weir_pointer_new("/a", &p, NULL), WEIR_OK);
    weir_arena_init(&arena, 0);
    weir_ev_begin(&ev, &arena);
    assert_int_equal(weir_codec_cloudevents.pick(&ev, p, &scratch, &out),
                     WEIR_PICK_NONE);
    ev.data = WEIR_SLICE_LIT("{\"a\":\"x\"}");
    assert_int_equal(weir_codec_cloudevents.pick(&ev, p, &scratch, &out),
                     WEIR_PICK_DOUBT);
    ev.headers = &header;
    ev.n_headers = 1;
    assert_int_equal(weir_codec_cloudevents.pick(&ev, p, &scratch, &out),
                     WEIR_PICK_DOUBT);
    header.value = WEIR_SLICE_LIT("application/cloudevents");
    assert_int_equal(weir_codec_cloudevents.pick(&ev, p, &scratch, &out),
                     WEIR_PICK_DOUBT);
    header.value = WEIR_SLICE_LIT("application/json");
    assert_int_equal(weir_codec_cloudevents.pick(&ev, p, &scratch, &out),
                     WEIR_PICK_FOUND);
    assert_true(weir_slice_is(out, "x"));
    ev.is_object = true;
    header.value = WEIR_SLICE_LIT("text/plain");
    assert_int_equal(weir_codec_cloudevents.pick(&ev, p, &scratch, &out),
                     WEIR_PICK_FOUND);
    assert_int_equal(weir_codec_cloudevents.decode(&ev, NULL), WEIR_OK);
    assert_int_equal(weir_val_type(ev.value), WEIR_TYPE_MAP);
    weir_ev_end(&ev);
    weir_buf_fini(&scratch);
    weir_pointer_free(p);
    weir_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_of_rfc_3339_are_taken),
        cmocka_unit_test(times_of_another_shape_are_refused),
        cmocka_unit_test(attributes_keep_their_rules),
        cmocka_unit_test(names_that_are_nearly_known_are_extensions),
        cmocka_unit_test(each_required_attribute_is_missed_by_name),
        cmocka_unit_test(media_types_say_how_data_is_read),
        cmocka_unit_test(the_mode_is_said_by_the_last_content_type_with_a_value),
        cmocka_unit_test(headers_with_the_prefix_win_over_plain_fields),
        cmocka_unit_test(what_is_no_event_is_not_encoded),
        cmocka_unit_test(attributes_of_every_type_are_encoded),
        cmocka_unit_test(a_structured_event_with_a_wrong_member_is_a_fault),
        cmocka_unit_test(base64_of_every_digit_is_decoded),
        cmocka_unit_test(a_pick_of_another_kind_of_event_doubts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
