/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_api - the table that functions reach the worker through.
 */
#include "schemas/codec.h"
#include "tests/support/call_rig.h"

static void every_slot_of_the_table_is_filled(void **state)
{
    const char *table = (const char *)&weir_api_table;
    void (*none)(void) = NULL;

    (void)state;
    assert_int_equal(weir_api_table.size, sizeof(weir_api));
    for (size_t at = sizeof(size_t); at + sizeof(none) <= sizeof(weir_api);
         at += sizeof(none)) {
        if (memcmp(table + at, &none, sizeof(none)) == 0) {
            fail_msg("slot %zu is empty", (at - sizeof(size_t)) / sizeof(none));
        }
    }
}

static void an_event_is_read_as_it_came(void **state)
{
    call_rig *rig = *state;
    weir_header headers[] = { { "a", { "1", 1 } },
                              { "b", { NULL, 0 } },
                              { "a", { "2", 1 } } };
    weir_slice name, value;

    rig->ev.headers = headers;
    rig->ev.n_headers = 3;
    assert_slice(weir_api_table.event_data(&rig->ev), "data");
    assert_slice(weir_api_table.event_key(&rig->ev), "k");
    assert_int_equal(weir_api_table.event_time_ms(&rig->ev), 1700000000000);
    assert_slice(weir_api_table.event_position(&rig->ev), "q:in/3@1042");
    assert_true(weir_api_table.event_header(&rig->ev, "a", &value));
    assert_slice(value, "2");
    assert_true(weir_api_table.event_header_at(&rig->ev, 0, &name, &value));
    assert_slice(name, "a");
    assert_slice(value, "1");
    assert_true(weir_api_table.event_header_at(&rig->ev, 1, &name, &value));
    assert_null(value.data);
    assert_false(weir_api_table.event_header_at(&rig->ev, 3, &name, &value));
}

static void a_decoded_value_is_read_through_the_table(void **state)
{
    call_rig *rig = *state;
    const weir_value *root;
    int64_t amount = 0;
    weir_err err;

    call_rig_event(rig, NULL, "{\"amount\":12,\"who\":\"x\"}");
    assert_int_equal(weir_codec_json.decode(&rig->ev, &err), WEIR_OK);
    root = weir_api_table.event_value(&rig->ev);
    assert_true(
        weir_api_table.value_int(weir_api_table.value_at(root, "/amount"), &amount));
    assert_int_equal(amount, 12);
    assert_null(weir_api_table.value_at(root, "/nothing"));
    assert_false(weir_api_table.value_int(NULL, &amount));
    assert_int_equal(weir_api_table.value_type(NULL), WEIR_TYPE_NONE);
}

static void a_batch_ignores_places_it_does_not_have(void **state)
{
    call_rig *rig = *state;
    weir_call *calls[] = { &rig->call };
    weir_verdict verdicts[] = { 0, 77 };
    weir_batch batch = { .calls = calls, .verdicts = verdicts, .n = 1 };

    assert_int_equal(weir_api_table.batch_size(&batch), 1);
    assert_ptr_equal(weir_api_table.batch_event(&batch, 0), &rig->ev);
    assert_ptr_equal(weir_api_table.batch_call(&batch, 0), &rig->call);
    assert_null(weir_api_table.batch_event(&batch, 1));
    assert_null(weir_api_table.batch_call(&batch, 1));
    weir_api_table.batch_verdict(&batch, 0, WEIR_DONE);
    weir_api_table.batch_verdict(&batch, 1, WEIR_DONE);
    assert_int_equal(verdicts[0], WEIR_DONE);
    assert_int_equal(verdicts[1], 77);
}

#define RIGGED(test)                                                                   \
    cmocka_unit_test_setup_teardown(test, call_rig_setup, call_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIGGED(every_slot_of_the_table_is_filled),
        RIGGED(an_event_is_read_as_it_came),
        RIGGED(a_decoded_value_is_read_through_the_table),
        RIGGED(a_batch_ignores_places_it_does_not_have),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
