/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_example_route - the example function that routes CloudEvents.
 */
#include "schemas/codec.h"
#include "tests/support/host_rig.h"

static const char route_config[] = "{\"routes\":{\"order.\":\"q:one\",\"order."
                                   "created\":\"q:two\",\"lost.\":\"nowhere:x\"}}";

static void route_event(call_rig *rig, weir_header *headers, size_t n)
{
    weir_err err = { .text = "" };

    call_rig_event(rig, "k", "{\"a\":1}");
    rig->ev.headers = headers;
    rig->ev.n_headers = n;
    if (weir_codec_cloudevents.decode(&rig->ev, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
}

static void route_chooses_the_longest_prefix_and_keeps_the_event(void **state)
{
    weir_header headers[] = {
        { "ce_specversion", { "1.0", 3 } },
        { "ce_id", { "1", 1 } },
        { "ce_source", { "/test", 5 } },
        { "ce_type", { "order.created.v2", 16 } },
        { "content-type", { "application/json", 16 } },
    };
    call_rig *rig = *state;
    host_rig host = { 0 };

    host_rig_start_in(&host, "examples", "route", "route", route_config);
    route_event(rig, headers, 5);
    assert_int_equal(host_rig_run(&host, rig), WEIR_DONE);
    assert_int_equal(call_rig_out(rig, 0)->address, 2);
    assert_slice(call_rig_out(rig, 0)->data, "{\"a\":1}");
    assert_int_equal(call_rig_out(rig, 0)->n_headers, 5);
    assert_string_equal(call_rig_out(rig, 0)->headers[3].name, "ce_type");
    headers[3].value = WEIR_SLICE_LIT("order.paid");
    route_event(rig, headers, 5);
    assert_int_equal(host_rig_run(&host, rig), WEIR_DONE);
    assert_int_equal(call_rig_out(rig, 0)->address, 1);
    host_rig_close(&host);
}

static void route_to_an_unknown_queue_is_a_reject(void **state)
{
    weir_header headers[] = {
        { "ce_specversion", { "1.0", 3 } },
        { "ce_id", { "1", 1 } },
        { "ce_source", { "/test", 5 } },
        { "ce_type", { "lost.thing", 10 } },
    };
    call_rig *rig = *state;
    host_rig host = { 0 };

    host_rig_start_in(&host, "examples", "route", "route", route_config);
    route_event(rig, headers, 4);
    assert_int_equal(host_rig_run(&host, rig), WEIR_REJECT);
    assert_string_equal(rig->call.cls, "emit-unknown-queue");
    host_rig_close(&host);
}

#define RIGGED(test)                                                                   \
    cmocka_unit_test_setup_teardown(test, call_rig_setup, call_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIGGED(route_chooses_the_longest_prefix_and_keeps_the_event),
        RIGGED(route_to_an_unknown_queue_is_a_reject),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
