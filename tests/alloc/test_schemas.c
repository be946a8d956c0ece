/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Codecs, keys, filters, pointers, captures and metrics while one allocation fails: an answer
 * is right, or it is that there is no memory; never a wrong one. */
#include "tests/alloc/fail.h"

#include "schemas/capture.h"
#include "schemas/codec.h"
#include "schemas/filter.h"
#include "worker/base/metric.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LONG_LIST 20000 /* numbers: longer than what is looked at once */

typedef struct alloc_doc {
    const weir_codec_ops *codec;
    weir_slice data;
    const weir_header *headers;
    size_t n_headers;
    const char *pointer;
    const char *key; /* what weir_val_key() says of it */
    bool is_wrong;   /* it does not decode */
} alloc_doc;

static void expect_hit(bool is_right, const char *what)
{
    if (!is_right && !weir_fail_is_hit()) {
        fail_msg("%s, and no allocation had failed", what);
    }
}

static void expect_no_lie(bool is_true, const char *what)
{
    if (!is_true) {
        weir_fail_where();
        fail_msg("%s", what);
    }
}

static void doc_pick(const alloc_doc *doc, const weir_event *ev, const weir_pointer *p)
{
    weir_buf scratch = { 0 };
    weir_slice key = WEIR_SLICE_NONE;

    if (doc->codec->pick != NULL &&
        doc->codec->pick(ev, p, &scratch, &key) == WEIR_PICK_FOUND) {
        expect_no_lie(weir_slice_is(key, doc->key), "another key was picked");
    }
    weir_buf_fini(&scratch);
}

static void doc_read(const alloc_doc *doc, const weir_event *ev, const weir_pointer *p)
{
    weir_buf scratch = { 0 };
    weir_buf again = { 0 };
    weir_slice key = WEIR_SLICE_NONE;
    weir_err err;

    if (weir_val_key(weir_val_find(ev->value, p), &scratch, &key)) {
        expect_no_lie(weir_slice_is(key, doc->key), "another key");
    } else {
        expect_hit(false, "no key");
        expect_no_lie(scratch.has_failed, "no key, and no word of memory");
    }
    if (weir_codec_json.encode(ev->value, &again, &err) == WEIR_OK) {
        expect_no_lie(again.len > 10 && !again.has_failed, "a short text");
    } else {
        expect_hit(false, "it cannot be written");
    }
    weir_buf_fini(&again);
    weir_buf_fini(&scratch);
}

static void doc_once(void *arg)
{
    const alloc_doc *doc = arg;
    weir_arena arena;
    weir_event ev;
    weir_err err = { .text = "" };
    weir_pointer *p = NULL;
    weir_header headers[8];

    weir_arena_init(&arena, 256);
    weir_ev_begin(&ev, &arena);
    if (doc->n_headers > 0) {
        memcpy(headers, doc->headers, doc->n_headers * sizeof(headers[0]));
    }
    ev.data = doc->data;
    ev.payload = doc->data;
    ev.headers = headers;
    ev.n_headers = doc->n_headers;
    if (weir_pointer_new(doc->pointer, &p, &err) != WEIR_OK) {
        expect_hit(false, "no pointer");
        goto out;
    }
    doc_pick(doc, &ev, p);
    const weir_status st = doc->codec->decode(&ev, &err);

    if (st == WEIR_OK) {
        expect_no_lie(!doc->is_wrong && ev.is_decoded, "it decodes");
        doc_read(doc, &ev, p);
    } else if (st == WEIR_EDATA) {
        expect_no_lie(doc->is_wrong, err.text);
        expect_no_lie(ev.fault == WEIR_FAULT_DECODE, "its fault is not there");
    } else {
        assert_int_equal(st, WEIR_ENOMEM);
        expect_no_lie(weir_fail_is_hit() && !ev.is_decoded &&
                          ev.fault == WEIR_FAULT_NONE,
                      "not as it was");
    }
out:
    weir_pointer_free(p);
    weir_ev_end(&ev);
    weir_arena_fini(&arena);
}

static void each_doc(alloc_doc doc)
{
    assert_true(weir_fail_each(doc_once, &doc) > 1);
}

#define JSON_TEXT                                                                      \
    "{\"k\":{\"id\":\"a\\u0062c\"},\"list\":[1,2.5,true,null,\"text\"],\"deep\":"      \
    "[[[[{\"x\":-1}]]]]}"

static weir_buf long_text(const char *head, const char *tail)
{
    weir_buf text = { 0 };

    weir_buf_str(&text, head);
    for (int i = 0; i < LONG_LIST; i++) {
        weir_buf_printf(&text, "%d,", i);
    }
    weir_buf_str(&text, tail);
    assert_false(text.has_failed);
    return text;
}

static weir_buf packed_of(const char *text)
{
    weir_buf packed = { 0 };
    weir_json *doc;
    weir_err err;

    assert_int_equal(weir_json_parse(weir_slice_of(text), &doc, &err), WEIR_OK);
    assert_int_equal(weir_codec_msgpack.encode(weir_json_root(doc), &packed, &err),
                     WEIR_OK);
    weir_json_free(doc);
    return packed;
}

static void json_is_right_or_there_is_no_memory(void **state)
{
    weir_buf text = long_text("{\"list\":[", "0],\"k\":{\"id\":7}}");

    (void)state;
    each_doc((alloc_doc){ &weir_codec_json, WEIR_SLICE_LIT(JSON_TEXT),
                          .pointer = "/k/id", .key = "abc" });
    each_doc((alloc_doc){ &weir_codec_json, weir_buf_slice(&text), .pointer = "/k/id",
                          .key = "7" });
    text.data[text.len - 1] = ']';
    each_doc((alloc_doc){ &weir_codec_json, weir_buf_slice(&text), .pointer = "/k/id",
                          .key = "7", .is_wrong = true });
    weir_buf_fini(&text);
}

static void msgpack_is_right_or_there_is_no_memory(void **state)
{
    weir_buf text = long_text("{\"list\":[", "0],\"k\":{\"id\":7.5}}");
    weir_buf small = packed_of(JSON_TEXT);
    weir_buf large = packed_of(text.data);

    (void)state;
    each_doc((alloc_doc){ &weir_codec_msgpack, weir_buf_slice(&small),
                          .pointer = "/k/id", .key = "abc" });
    each_doc((alloc_doc){ &weir_codec_msgpack, weir_buf_slice(&large),
                          .pointer = "/k/id", .key = "7.5" });
    large.len--;
    each_doc((alloc_doc){ &weir_codec_msgpack, weir_buf_slice(&large),
                          .pointer = "/k/id", .key = "7.5", .is_wrong = true });
    weir_buf_fini(&large);
    weir_buf_fini(&small);
    weir_buf_fini(&text);
}

static void cloudevents_are_right_or_there_is_no_memory(void **state)
{
    const weir_header binary[] = {
        { "ce_specversion", WEIR_SLICE_LIT("1.0") },
        { "ce_type", WEIR_SLICE_LIT("t") },
        { "ce_source", WEIR_SLICE_LIT("/s") },
        { "ce_id", WEIR_SLICE_LIT("1%20") },
        { "content-type", WEIR_SLICE_LIT("application/json") },
    };
    const weir_header structured[] = {
        { "content-type", WEIR_SLICE_LIT("application/cloudevents+json") },
    };

    (void)state;
    each_doc((alloc_doc){ &weir_codec_cloudevents, WEIR_SLICE_LIT(JSON_TEXT), binary, 5,
                          "/k/id", "abc", false });
    each_doc((alloc_doc){
        &weir_codec_cloudevents,
        WEIR_SLICE_LIT("{\"specversion\":\"1.0\",\"type\":\"t\",\"source\":\"/s\","
                       "\"id\":\"1\",\"data\":" JSON_TEXT "}"),
        structured, 1, "/k/id", "abc", false });
    each_doc((alloc_doc){ &weir_codec_cloudevents,
                          WEIR_SLICE_LIT("{\"specversion\":\"1.0\",\"type\":\"t\"}"),
                          structured, 1, "/k/id", "abc", true });
}

static void filter_once(void *arg)
{
    weir_filter *filter = NULL;
    weir_err err = { .text = "" };
    const char *text = arg;
    const bool is_wrong = strstr(text, "nothing") != NULL;
    const weir_status st = weir_filter_new(text, &filter, &err);

    if (st == WEIR_OK) {
        expect_no_lie(!is_wrong && weir_filter_needs_value(filter), "it is a filter");
    } else {
        expect_no_lie(is_wrong || st == WEIR_ENOMEM, err.text);
    }
    weir_filter_free(filter);
}

static void filters_are_right_or_there_is_no_memory(void **state)
{
    static char good[] =
        "{\"all\":[{\"prefix\":{\"type\":\"o.\"}},{\"any\":[{\"exact\":"
        "{\"/a/b\":\"c\"}},{\"not\":{\"suffix\":{\"key\":\"z\"}}}]}]}";
    static char bad[] = "{\"all\":[{\"prefix\":{\"type\":\"o.\"}},{\"nothing\":{}}]}";

    (void)state;
    assert_true(weir_fail_each(filter_once, good) > 5);
    assert_true(weir_fail_each(filter_once, bad) > 1);
}

static void metric_once(void *arg)
{
    weir_buf page = { 0 };

    (void)arg;
    weir_metric *done = weir_metric_get2(WEIR_M_EVENTS, "s", "done");

    weir_metric_add(done, 2);
    weir_metric_add(weir_metric_get2(WEIR_M_EVENTS, "s", "done"), 1);
    weir_metric_observe(weir_metric_get1(WEIR_M_HANDLER_SECONDS, "s"), 10);
    weir_metric_write(&page, false);
    if (!page.has_failed && done != NULL && !weir_fail_is_hit()) {
        expect_no_lie(strstr(page.data, "outcome=\"done\"} 3\n") != NULL,
                      "not counted");
    }
    weir_buf_fini(&page);
    weir_metric_fini_all();
}

static void metrics_do_without_what_has_no_memory(void **state)
{
    (void)state;
    assert_true(weir_fail_each(metric_once, NULL) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_right_or_there_is_no_memory),
        cmocka_unit_test(msgpack_is_right_or_there_is_no_memory),
        cmocka_unit_test(cloudevents_are_right_or_there_is_no_memory),
        cmocka_unit_test(filters_are_right_or_there_is_no_memory),
        cmocka_unit_test(metrics_do_without_what_has_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
