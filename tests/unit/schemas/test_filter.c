/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters: each dialect, each kind of name, and what is wrong with bad ones.
 */
#include "schemas/codec.h"
#include "schemas/filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define H(name, text)                                                                  \
    {                                                                                  \
        name,                                                                          \
        {                                                                              \
            text, sizeof(text) - 1                                                     \
        }                                                                              \
    }

static bool matches(const char *json, const weir_event *ev)
{
    weir_filter *f = NULL;
    weir_err err = { 0 };

    if (weir_filter_new(json, &f, &err) != WEIR_OK) {
        fail_msg("%s: %s", json, err.text);
    }
    bool is_match = false;

    assert_int_equal(weir_filter_match(f, ev, &is_match), WEIR_OK);

    weir_filter_free(f);
    return is_match;
}

static weir_header headers[] = { H("ce_type", "order.paid"),
                                 H("ce_source", "/shop"),
                                 H("ce_id", "1"),
                                 H("ce_specversion", "1.0"),
                                 H("content-type", "application/json"),
                                 H("region", "eu-1") };

static const struct {
    const char *filter;
    bool want;
} rows[] = {
    { "{\"exact\":{\"type\":\"order.paid\"}}", true },
    { "{\"exact\":{\"type\":\"order\"}}", false },
    { "{\"exact\":{\"type\":\"order.paid\",\"source\":\"/shop\"}}", true },
    { "{\"exact\":{\"type\":\"order.paid\",\"source\":\"/x\"}}", false },
    { "{\"prefix\":{\"type\":\"order.\"}}", true },
    { "{\"prefix\":{\"type\":\"orders\"}}", false },
    { "{\"prefix\":{\"id\":\"123\"}}", false },
    { "{\"suffix\":{\"type\":\".paid\"}}", true },
    { "{\"suffix\":{\"type\":\".pay\"}}", false },
    { "{\"exact\":{\"missing\":\"\"}}", false },
    { "{\"not\":{\"exact\":{\"missing\":\"x\"}}}", true },
    { "{\"not\":{\"prefix\":{\"type\":\"order\"}}}", false },
    { "{\"any\":[{\"exact\":{\"type\":\"x\"}},{\"exact\":{\"id\":\"1\"}}]}", true },
    { "{\"any\":[{\"exact\":{\"type\":\"x\"}},{\"exact\":{\"id\":\"2\"}}]}", false },
    { "{\"all\":[{\"exact\":{\"id\":\"1\"}},{\"suffix\":{\"region\":\"1\"}}]}", true },
    { "{\"all\":[{\"exact\":{\"id\":\"1\"}},{\"suffix\":{\"region\":\"2\"}}]}", false },
    { "[{\"exact\":{\"id\":\"1\"}},{\"exact\":{\"id\":\"2\"}}]", false },
    { "{\"exact\":{\"id\":\"1\"},\"prefix\":{\"type\":\"x\"}}", false },
    { "{\"exact\":{\"id\":1}}", true },
    { "{\"exact\":{\"key\":\"k-7\"}}", true },
    { "{\"prefix\":{\"key\":\"k-\"}}", true },
    { "{\"exact\":{\"header.region\":\"eu-1\"}}", true },
    { "{\"exact\":{\"header.type\":\"order.paid\"}}", false },
    { "{\"exact\":{\"header.ce_type\":\"order.paid\"}}", true },
    { "{\"exact\":{\"region\":\"eu-1\"}}", true },
    { "{\"exact\":{\"datacontenttype\":\"application/json\"}}", true },
};

static weir_event event_on(weir_arena *arena)
{
    weir_event ev;

    weir_arena_init(arena, 0);
    weir_ev_begin(&ev, arena);
    ev.headers = headers;
    ev.n_headers = sizeof(headers) / sizeof(headers[0]);
    ev.key = WEIR_SLICE_LIT("k-7");
    ev.data = WEIR_SLICE_LIT(
        "{\"total\":42,\"who\":{\"name\":\"anna\"},\"vip\":true,\"none\":null}");
    return ev;
}

static void dialects_match_the_same_before_and_after_decoding(void **state)
{
    weir_arena arena;
    weir_event ev = event_on(&arena);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (matches(rows[i].filter, &ev) != rows[i].want) {
            fail_msg("%s, not decoded", rows[i].filter);
        }
    }
    assert_int_equal(weir_codec_cloudevents.decode(&ev, NULL), WEIR_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (matches(rows[i].filter, &ev) != rows[i].want) {
            fail_msg("%s, decoded", rows[i].filter);
        }
    }
    weir_ev_end(&ev);
    weir_arena_fini(&arena);
}

static void pointers_look_into_the_decoded_value(void **state)
{
    weir_arena arena;
    weir_event ev = event_on(&arena);

    (void)state;
    assert_int_equal(weir_codec_json.decode(&ev, NULL), WEIR_OK);
    assert_true(matches("{\"exact\":{\"/total\":42}}", &ev));
    assert_true(matches("{\"exact\":{\"/total\":\"42\",\"/vip\":true}}", &ev));
    assert_true(matches("{\"prefix\":{\"/who/name\":\"an\"}}", &ev));
    assert_false(matches("{\"exact\":{\"/who/name\":\"an\"}}", &ev));
    assert_false(matches("{\"exact\":{\"/none\":\"null\"}}", &ev));
    assert_false(matches("{\"exact\":{\"/absent\":\"\"}}", &ev));
    weir_ev_end(&ev);
    weir_arena_fini(&arena);
}

static void only_pointers_need_a_value(void **state)
{
    static const struct {
        const char *filter;
        bool want;
    } needs[] = {
        { "{\"exact\":{\"type\":\"x\"}}", false },
        { "{\"exact\":{\"key\":\"x\",\"/a\":\"x\"}}", true },
        { "{\"any\":[{\"exact\":{\"key\":\"x\"}},{\"not\":{\"exact\":{\"/"
          "a\":\"x\"}}}]}",
          true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
        weir_filter *f = NULL;

        assert_int_equal(weir_filter_new(needs[i].filter, &f, NULL), WEIR_OK);
        assert_int_equal(weir_filter_needs_value(f), needs[i].want);
        weir_filter_free(f);
    }
}

static void structured_events_are_filtered_before_they_are_decoded(void **state)
{
    weir_header type[] = { H("content-type", "application/cloudevents+json") };
    weir_arena arena;
    weir_event ev = event_on(&arena);

    (void)state;
    ev.headers = type;
    ev.n_headers = 1;
    ev.data = WEIR_SLICE_LIT("{\"specversion\":\"1.0\",\"id\":\"1\",\"type\":\"order."
                             "paid\",\"source\":\"s\"}");
    assert_true(matches("{\"prefix\":{\"type\":\"order.\"}}", &ev));
    assert_false(matches("{\"prefix\":{\"type\":\"refund.\"}}", &ev));
    assert_false(matches("{\"not\":{\"prefix\":{\"type\":\"order.\"}}}", &ev));
    assert_false(ev.is_decoded);
    weir_ev_end(&ev);
    weir_arena_fini(&arena);
}

static void a_broken_structured_event_is_wanted_not_dropped(void **state)
{
    weir_header type[] = { H("content-type", "application/cloudevents+json") };
    weir_arena arena;
    weir_event ev = event_on(&arena);

    (void)state;
    ev.headers = type;
    ev.n_headers = 1;
    ev.data = WEIR_SLICE_LIT("{\"specversion\":\"1.0\",");
    assert_true(matches("{\"prefix\":{\"type\":\"order.\"}}", &ev));
    weir_ev_end(&ev);
    weir_arena_fini(&arena);
}

static void bad_filters_say_where_and_what_was_meant(void **state)
{
    static const struct {
        const char *filter;
        const char *why;
    } bad[] = {
        { "{", "filter: json: byte 1" },
        { "7", "filter: want a map" },
        { "{}", "filter: an empty map" },
        { "[]", "filter: want a list" },
        { "{\"prefx\":{\"a\":\"b\"}}", "did you mean \"prefix\"?" },
        { "{\"cesql\":\"x\"}", "unknown dialect \"cesql\"; known are" },
        { "{\"exact\":{}}", "filter.exact: want a map" },
        { "{\"exact\":[1]}", "filter.exact: want a map" },
        { "{\"exact\":{\"a\":[]}}", "filter.exact.a: want a text" },
        { "{\"exact\":{\"a\":null}}", "filter.exact.a: want a text" },
        { "{\"prefix\":{\"a\":\"\"}}", "filter.prefix.a: an empty text" },
        { "{\"exact\":{\"\":\"b\"}}", "name is empty" },
        { "{\"exact\":{\"/a~2\":\"b\"}}", "filter.exact./a~2: pointer" },
        { "{\"exact\":{\"header.\":\"b\"}}", "header's name" },
        { "{\"any\":[]}", "filter.any: want a list" },
        { "{\"any\":{\"exact\":{\"a\":\"b\"}}}", "filter.any: want a list" },
        { "{\"all\":[{\"exact\":{\"a\":\"b\"}},{\"not\":{\"sufix\":{}}}]}",
          "filter.all[1].not: unknown dialect" },
        { "{\"not\":\"x\"}", "filter.not: want a map" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        weir_filter *f = NULL;
        weir_err err = { 0 };

        assert_int_equal(weir_filter_new(bad[i].filter, &f, &err), WEIR_ECONFIG);
        if (strstr(err.text, bad[i].why) == NULL) {
            fail_msg("%s: got \"%s\"", bad[i].filter, err.text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dialects_match_the_same_before_and_after_decoding),
        cmocka_unit_test(pointers_look_into_the_decoded_value),
        cmocka_unit_test(only_pointers_need_a_value),
        cmocka_unit_test(structured_events_are_filtered_before_they_are_decoded),
        cmocka_unit_test(a_broken_structured_event_is_wanted_not_dropped),
        cmocka_unit_test(bad_filters_say_where_and_what_was_meant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
