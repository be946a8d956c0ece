/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CloudEvents in both modes, after the examples of the specification's Kafka binding and JSON
 * format.
 */
#include "schemas/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define H(name, text)                                                                  \
    {                                                                                  \
        name,                                                                          \
        {                                                                              \
            text, sizeof(text) - 1                                                     \
        }                                                                              \
    }
#define REQUIRED                                                                       \
    H("ce_specversion", "1.0"), H("ce_type", "com.example.someevent"),                 \
        H("ce_source", "/mycontext/subcontext"), H("ce_id", "1234-1234-1234")
#define ATTRS                                                                          \
    "\"specversion\":\"1.0\",\"type\":\"com.example.someevent\","                      \
    "\"source\":\"/mycontext\",\"id\":\"A234-1234-1234\""

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

static weir_status decode(fixture *fx, weir_header *headers, size_t n, weir_slice data,
                          bool is_redis)
{
    weir_ev_end(&fx->ev);
    weir_ev_begin(&fx->ev, &fx->arena);
    fx->ev.headers = headers;
    fx->ev.n_headers = n;
    fx->ev.data = data;
    fx->ev.is_redis = is_redis;
    fx->err.text[0] = '\0';
    return weir_codec_cloudevents.decode(&fx->ev, &fx->err);
}

static weir_status decode_structured(fixture *fx, const char *type, const char *text)
{
    static weir_header headers[1];

    headers[0] = (weir_header){ "content-type", weir_slice_of(type) };
    return decode(fx, headers, 1, weir_slice_of(text), false);
}

static void assert_attr(const fixture *fx, const char *name, const char *want)
{
    weir_slice got = weir_ev_attr(&fx->ev, name);

    if (!weir_slice_eq(got, weir_slice_of(want))) {
        fail_msg("%s: want %s, got %.*s", name, want, (int)got.len, got.data);
    }
}

static void assert_slice(weir_slice got, const char *want)
{
    if (!weir_slice_is(got, want)) {
        fail_msg("want %s, got %.*s", want, (int)got.len, got.data);
    }
}

static void binary_mode_takes_attributes_from_headers(void **state)
{
    fixture *fx = *state;
    weir_header headers[] = { REQUIRED, H("ce_time", "2018-04-05T03:56:24Z"),
                              H("content-type", "application/avro"), H("other", "x") };

    assert_int_equal(decode(fx, headers, 7, WEIR_SLICE_LIT("\x02\x80"), false),
                     WEIR_OK);
    assert_attr(fx, "specversion", "1.0");
    assert_attr(fx, "type", "com.example.someevent");
    assert_attr(fx, "time", "2018-04-05T03:56:24Z");
    assert_attr(fx, "datacontenttype", "application/avro");
    assert_attr(fx, "other", NULL);
    assert_null(fx->ev.value);
    assert_int_equal(fx->ev.payload.len, 2);
}

static void binary_mode_decodes_json_and_msgpack_data(void **state)
{
    static const struct {
        const char *type;
        const char *data;
        bool has_value;
    } rows[] = {
        { "application/json", "{\"n\":7}", true },
        { "application/vnd.acme+json; charset=utf-8", "{\"n\":7}", true },
        { "APPLICATION/JSON", "{\"n\":7}", true },
        { "application/msgpack", "\x81\xA1n\x07", true },
        { "application/x-msgpack", "\x81\xA1n\x07", true },
        { "text/plain", "{\"n\":7}", false },
        { "application/jsonish", "{\"n\":7}", false },
    };
    fixture *fx = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        weir_header headers[] = { REQUIRED,
                                  { "content-type", weir_slice_of(rows[i].type) } };
        int64_t n = 0;

        assert_int_equal(decode(fx, headers, 5, weir_slice_of(rows[i].data), false),
                         WEIR_OK);
        assert_int_equal(weir_val_int(weir_val_at(fx->ev.value, "/n"), &n),
                         rows[i].has_value);
    }
}

static void structured_mode_gives_data_and_attributes(void **state)
{
    fixture *fx = *state;
    bool b = false;

    assert_int_equal(
        decode_structured(fx, "application/cloudevents+json; charset=UTF-8",
                          "{" ATTRS ",\"comexampleextension1\":\"value\","
                          "\"comexampleothervalue\":5,\"flag\":true,\"gone\":null,"
                          "\"low\":-2147483648,"
                          "\"datacontenttype\":\"application/vnd.x+json\","
                          "\"data\" : {\"ok\":true, \"s\":\"},\\\"\"} ,\"z\":\"1\"}"),
        WEIR_OK);
    assert_attr(fx, "id", "A234-1234-1234");
    assert_attr(fx, "comexampleothervalue", "5");
    assert_attr(fx, "flag", "true");
    assert_attr(fx, "low", "-2147483648");
    assert_attr(fx, "gone", NULL);
    assert_attr(fx, "data", NULL);
    assert_true(weir_val_bool(weir_val_at(fx->ev.value, "/ok"), &b));
    assert_slice(fx->ev.payload, "{\"ok\":true, \"s\":\"},\\\"\"}");
}

static void payload_is_the_data_members_own_bytes(void **state)
{
    static const struct {
        const char *text;
        const char *payload;
    } rows[] = {
        { "{" ATTRS ",\"data\":1}", "1" },
        { "{" ATTRS ", \"data\" : [1, 2] \n}", "[1, 2]" },
        { "{\"data\":\"a\\\"b\"," ATTRS "}", "\"a\\\"b\"" },
        { "{\"d\\u0061ta\": {} ," ATTRS "}", "{}" },
        { "{" ATTRS ",\"datacontenttype\":\"text/plain\",\"data\":\"hi\"}", "hi" },
        { "{" ATTRS ",\"datacontenttype\":\"text/plain\",\"data\":{\"a\":1}}",
          "{\"a\":1}" },
        { "{" ATTRS ",\"data_base64\":\"aGVsbG8=\"}", "hello" },
        { "{" ATTRS "}  ", NULL },
    };
    fixture *fx = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (decode_structured(fx, "application/cloudevents", rows[i].text) != WEIR_OK) {
            fail_msg("%s: %s", rows[i].text, fx->err.text);
        }
        assert_slice(fx->ev.payload, rows[i].payload);
    }
}

static void base64_data_is_decoded_by_its_type(void **state)
{
    fixture *fx = *state;
    int64_t n = 0;

    assert_int_equal(decode_structured(fx, "application/cloudevents+json",
                                       "{" ATTRS
                                       ",\"datacontenttype\":\"application/json\","
                                       "\"data_base64\":\"eyJuIjo3fQ==\"}"),
                     WEIR_OK);
    assert_true(weir_val_int(weir_val_at(fx->ev.value, "/n"), &n));
    assert_int_equal(n, 7);
    assert_int_equal(decode_structured(fx, "application/cloudevents+json",
                                       "{" ATTRS ",\"data_base64\":\"eyJuIjo3fQ==\"}"),
                     WEIR_OK);
    assert_null(fx->ev.value);
}

static void structured_msgpack_is_the_same_shape(void **state)
{
    static const char text[] = "\x86\xABspecversion\xA3"
                               "1.0\xA2id\xA1"
                               "1\xA4type\xA1t\xA6source\xA1s"
                               "\xA4"
                               "data\x92\x01\x81\xA1n\x07\xA1x\x05";
    weir_header headers[] = { H("content-type", "application/cloudevents+msgpack") };
    fixture *fx = *state;
    int64_t n = 0;

    if (decode(fx, headers, 1, WEIR_SLICE_LIT(text), false) != WEIR_OK) {
        fail_msg("%s", fx->err.text);
    }
    assert_attr(fx, "x", "5");
    assert_true(weir_val_int(weir_val_at(fx->ev.value, "/1/n"), &n));
    assert_int_equal(n, 7);
    assert_slice(fx->ev.payload, "\x92\x01\x81\xA1n\x07");
}

static void redis_fields_are_attributes_by_their_own_names(void **state)
{
    weir_header headers[] = {
        H("specversion", "1.0"), H("id", "1"),
        H("type", "t"),          H("source", "s"),
        H("ce_id", "2"),         H("datacontenttype", "application/json"),
        H("weir.hops", "1")
    };
    fixture *fx = *state;

    assert_int_equal(decode(fx, headers, 7, WEIR_SLICE_LIT("[1]"), true), WEIR_OK);
    assert_attr(fx, "id", "2");
    assert_attr(fx, "source", "s");
    assert_attr(fx, "weir.hops", NULL);
    assert_int_equal(weir_val_size(fx->ev.value), 1);
    /* On Kafka they are only headers. */
    assert_int_equal(decode(fx, headers, 4, WEIR_SLICE_LIT("[1]"), false), WEIR_EDATA);
    /* An entry of one field is a structured event. */
    assert_int_equal(decode(fx, NULL, 0, WEIR_SLICE_LIT("{" ATTRS "}"), true), WEIR_OK);
    assert_attr(fx, "source", "/mycontext");
}

static void a_tombstone_is_never_a_fault(void **state)
{
    weir_header good[] = { REQUIRED };
    weir_header bad[] = { H("ce_id", "1") };
    fixture *fx = *state;

    assert_int_equal(decode(fx, NULL, 0, WEIR_SLICE_NONE, false), WEIR_OK);
    assert_int_equal(decode(fx, bad, 1, WEIR_SLICE_NONE, false), WEIR_OK);
    assert_attr(fx, "id", NULL);
    assert_int_equal(decode(fx, good, 4, WEIR_SLICE_NONE, false), WEIR_OK);
    assert_attr(fx, "id", "1234-1234-1234");
    assert_null(fx->ev.value);
}

static void events_that_break_a_rule_are_faults_that_say_which(void **state)
{
    static const struct {
        const char *type;
        const char *text;
        const char *why;
    } rows[] = {
        { "application/json", "{}", "ce_specversion" },
        { "application/cloudevents-batch+json", "[]", "no batches" },
        { "application/cloudevents+avro", "x", "+json" },
        { "application/cloudevents+json", "[]", "map" },
        { "application/cloudevents+json", "{", "json: byte 1" },
        { "application/cloudevents+json", "{}", "specversion is not there" },
        { "application/cloudevents+json",
          "{\"specversion\":\"1.0\",\"id\":\"1\",\"type\":\"t\"}", "source" },
        { "application/cloudevents+json",
          "{\"specversion\":\"0.3\",\"id\":\"1\",\"type\":\"t\",\"source\":\"s\"}",
          "1.0" },
        { "application/cloudevents+json",
          "{\"specversion\":\"1.0\",\"id\":\"\",\"type\":\"t\",\"source\":\"s\"}",
          "empty" },
        { "application/cloudevents+json", "{" ATTRS ",\"Bad\":\"x\"}", "Bad" },
        { "application/cloudevents+json", "{" ATTRS ",\"a_b\":\"x\"}", "a_b" },
        { "application/cloudevents+json", "{" ATTRS ",\"x\":{}}", "attribute x" },
        { "application/cloudevents+json", "{" ATTRS ",\"x\":1.5}", "attribute x" },
        { "application/cloudevents+json", "{" ATTRS ",\"x\":2147483648}",
          "attribute x" },
        { "application/cloudevents+json", "{" ATTRS ",\"x\":\"a\\nb\"}", "control" },
        { "application/cloudevents+json", "{" ATTRS ",\"x\":\"\\u0085\"}", "control" },
        { "application/cloudevents+json", "{" ATTRS ",\"time\":\"yesterday\"}",
          "RFC 3339" },
        { "application/cloudevents+json",
          "{" ATTRS ",\"time\":\"2018-13-05T03:56:24Z\"}", "RFC 3339" },
        { "application/cloudevents+json", "{" ATTRS ",\"datacontenttype\":\"json\"}",
          "media" },
        { "application/cloudevents+json", "{" ATTRS ",\"data\":1,\"data_base64\":\"\"}",
          "exclude" },
        { "application/cloudevents+json", "{" ATTRS ",\"data_base64\":\"a\"}",
          "base64" },
        { "application/cloudevents+json", "{" ATTRS ",\"data_base64\":\"aGVsbG9=\"}",
          "base64" },
        { "application/cloudevents+json", "{" ATTRS ",\"data_base64\":7}", "base64" },
        { "application/cloudevents+json", "{" ATTRS ",\"id\":\"2\"}", "twice" },
    };
    fixture *fx = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(decode_structured(fx, rows[i].type, rows[i].text), WEIR_EDATA);
        if (strstr(fx->err.text, rows[i].why) == NULL) {
            fail_msg("%s: got \"%s\"", rows[i].text, fx->err.text);
        }
        assert_int_equal(fx->ev.fault, WEIR_FAULT_DECODE);
        assert_int_equal(fx->ev.n_attrs, 0);
        assert_null(fx->ev.value);
    }
}

static void too_many_attributes_are_refused(void **state)
{
    static char names[300][12];
    weir_header headers[300] = { REQUIRED };
    fixture *fx = *state;

    for (size_t i = 4; i < 300; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "ce_x%zu", i);
        headers[i] = (weir_header){ names[i], WEIR_SLICE_LIT("1") };
    }
    assert_int_equal(decode(fx, headers, 256, WEIR_SLICE_LIT(""), false), WEIR_OK);
    assert_int_equal(decode(fx, headers, 300, WEIR_SLICE_LIT(""), false), WEIR_EDATA);
    assert_non_null(strstr(fx->err.text, "256"));
}

static void encode_makes_a_structured_event(void **state)
{
    static const char text[] = "\x85\xABspecversion\xA3"
                               "1.0\xA2id\xA1"
                               "1\xA4type\xA1t\xA6source\xA1s"
                               "\xA4"
                               "data\xC4\x05hello";
    fixture *fx = *state;
    weir_buf out = { 0 };

    fx->ev.data = WEIR_SLICE_LIT(text);
    assert_int_equal(weir_codec_msgpack.decode(&fx->ev, NULL), WEIR_OK);
    assert_int_equal(weir_codec_cloudevents.encode(fx->ev.value, &out, NULL), WEIR_OK);
    assert_string_equal(out.data,
                        "{\"specversion\":\"1.0\",\"id\":\"1\",\"type\":\"t\","
                        "\"source\":\"s\",\"data_base64\":\"aGVsbG8=\"}");
    weir_json *bad = NULL;

    assert_int_equal(weir_json_parse(WEIR_SLICE_LIT("{\"id\":\"1\"}"), &bad, NULL),
                     WEIR_OK);
    assert_int_equal(weir_codec_cloudevents.encode(weir_json_root(bad), &out, &fx->err),
                     WEIR_EINVAL);
    assert_non_null(strstr(fx->err.text, "specversion"));
    weir_json_free(bad);
    weir_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(binary_mode_takes_attributes_from_headers,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(binary_mode_decodes_json_and_msgpack_data,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(structured_mode_gives_data_and_attributes,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(payload_is_the_data_members_own_bytes, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(base64_data_is_decoded_by_its_type, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(structured_msgpack_is_the_same_shape, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(redis_fields_are_attributes_by_their_own_names,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_tombstone_is_never_a_fault, setup, teardown),
        cmocka_unit_test_setup_teardown(
            events_that_break_a_rule_are_faults_that_say_which, setup, teardown),
        cmocka_unit_test_setup_teardown(too_many_attributes_are_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(encode_makes_a_structured_event, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
