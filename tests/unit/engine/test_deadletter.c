/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_deadletter - what a dead letter carries, and what results carry of their cause.
 */
#include "worker/engine/deadletter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static const weir_deadletter_info info = { "charge.orders", "g", "charge", "1.2" };

/* A rejected job with two headers of its own. */
static weir_job *job_new(void)
{
    weir_job *job = calloc(1, sizeof(*job));
    weir_header *headers;

    assert_non_null(job);
    weir_arena_init(&job->arena, 0);
    weir_arena_init(&job->out_arena, 0);
    weir_ev_begin(&job->ev, &job->arena);
    headers = weir_arena_alloc(&job->arena, 3 * sizeof(*headers));
    assert_non_null(headers);
    headers[0] = (weir_header){ "a", WEIR_SLICE_LIT("1") };
    headers[1] = (weir_header){ "traceparent", WEIR_SLICE_LIT("00-aa-bb-01") };
    headers[2] = (weir_header){ "weir.hops", WEIR_SLICE_LIT("3") };
    job->ev.headers = headers;
    job->ev.n_headers = 3;
    job->ev.key = WEIR_SLICE_LIT("k\0y");
    job->ev.data = WEIR_SLICE_LIT("\x00\xff");
    job->ev.where = WEIR_SLICE_LIT("kafka:orders/3@");
    job->ev.topic = "orders";
    job->ev.partition = 3;
    job->ev.receipt.pos.hi = 1042;
    job->ev.time_ms = 1700000000123;
    job->reason = WEIR_REASON_REJECTED;
    job->n_attempts = 2;
    job->first_ms = 1700000001000;
    job->last_ms = 1700000002000;
    strcpy(job->call.cls, "no-amount");
    strcpy(job->call.reason, "order without amount");
    return job;
}

static void job_end(weir_job *job)
{
    weir_ev_end(&job->ev);
    weir_arena_fini(&job->arena);
    weir_arena_fini(&job->out_arena);
    free(job);
}

static weir_out *make(weir_job *job)
{
    const weir_out address = { .sink = 2, .address = 5 };
    weir_out *dead = NULL;

    assert_int_equal(weir_deadletter_make(job, &info, &address, &dead), WEIR_OK);
    assert_int_equal(dead->sink, 2);
    assert_int_equal(dead->address, 5);
    assert_null(dead->next);
    return dead;
}

/* The last header of that name; "" without one. */
static const char *header(const weir_out *out, const char *name)
{
    static char text[2000];

    text[0] = '\0';
    for (size_t i = 0; i < out->n_headers; i++) {
        const weir_slice value = out->headers[i].value;

        if (strcmp(out->headers[i].name, name) == 0) {
            assert_true(value.len < sizeof(text));
            memcpy(text, value.data, value.len);
            text[value.len] = '\0';
        }
    }
    return text;
}

static void deadletter_keeps_key_data_and_headers_byte_for_byte(void **state)
{
    weir_job *job = job_new();
    const weir_out *dead = make(job);

    (void)state;
    assert_true(weir_slice_eq(dead->key, job->ev.key));
    assert_true(weir_slice_eq(dead->data, job->ev.data));
    for (size_t i = 0; i < job->ev.n_headers; i++) {
        assert_string_equal(dead->headers[i].name, job->ev.headers[i].name);
        assert_true(weir_slice_eq(dead->headers[i].value, job->ev.headers[i].value));
    }
    job_end(job);
}

static void deadletter_says_where_it_comes_from_and_why(void **state)
{
    weir_job *job = job_new();
    const weir_out *dead = make(job);

    (void)state;
    assert_string_equal(header(dead, "__dlq.errors.topic"), "orders");
    assert_string_equal(header(dead, "__dlq.errors.partition"), "3");
    assert_string_equal(header(dead, "__dlq.errors.offset"), "1042");
    assert_string_equal(header(dead, "__dlq.errors.group"), "g");
    assert_string_equal(header(dead, "__dlq.errors.delivery.count"), "2");
    assert_string_equal(header(dead, "__dlq.errors.message"), "order without amount");
    assert_string_equal(header(dead, "weir.reason"), "rejected");
    assert_string_equal(header(dead, "weir.error.class"), "no-amount");
    assert_string_equal(header(dead, "weir.function"), "charge");
    assert_string_equal(header(dead, "weir.function.version"), "1.2");
    assert_string_equal(header(dead, "weir.subscription"), "charge.orders");
    assert_string_equal(header(dead, "weir.hops"), "4");
    assert_string_equal(header(dead, "weir.position"), "kafka:orders/3@1042");
    assert_string_equal(header(dead, "weir.time"), "2023-11-14T22:13:20.123Z");
    assert_string_equal(header(dead, "weir.first_attempt"), "2023-11-14T22:13:21.000Z");
    assert_string_equal(header(dead, "weir.last_attempt"), "2023-11-14T22:13:22.000Z");
    assert_string_equal(header(dead, "weir.redrives"), "0");
    assert_string_equal(header(dead, "weir.omitted"), "");
    job_end(job);
}

static void deadletter_of_an_entry_of_redis_has_its_id_as_offset(void **state)
{
    weir_job *job = job_new();

    (void)state;
    job->ev.is_redis = true;
    job->ev.partition = -1;
    job->ev.receipt.pos = (weir_pos){ 1700000000000, 7 };
    assert_string_equal(header(make(job), "__dlq.errors.offset"), "1700000000000-7");
    assert_string_equal(header(make(job), "__dlq.errors.partition"), "0");
    job_end(job);
}

static void deadletter_that_is_omitted_has_no_payload_and_says_so(void **state)
{
    weir_job *job = job_new();
    const weir_out *dead;

    (void)state;
    job->is_omitted = true;
    dead = make(job);
    assert_int_equal(dead->data.len, 0);
    /* no tombstone: that would delete in a table */
    assert_non_null(dead->data.data);
    assert_string_equal(header(dead, "weir.omitted"), "true");
    assert_string_equal(header(dead, "a"), "");
    job_end(job);
}

static void deadletter_cuts_a_long_text_between_characters(void **state)
{
    static char text[4000];
    weir_job *job = job_new();
    const char *message;

    (void)state;
    text[0] = 'x';
    for (size_t i = 1; i + 2 < sizeof(text); i += 2) {
        text[i] = '\xc3'; /* e with an accent */
        text[i + 1] = '\xa9';
    }
    job->ev.fault = WEIR_FAULT_DECODE;
    job->ev.fault_text = text;
    message = header(make(job), "__dlq.errors.message");
    assert_true(strlen(message) <= 1500);
    assert_true(strlen(message) > 1400);
    assert_true(weir_utf8_ok(weir_slice_of(message)));
    job_end(job);
}

static void deadletter_tells_hops_only_from_digits(void **state)
{
    static const struct {
        const char *text;
        unsigned hops;
    } cases[] = { { "0", 0 },  { "15", 15 }, { "", 0 },
                  { "-1", 0 }, { "1x", 0 },  { "99999999999999999999", 1001 } };
    weir_job *job = job_new();

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        job->ev.headers[2].value = weir_slice_of(cases[i].text);
        if (cases[i].hops > 1000) {
            assert_true(weir_deadletter_hops(&job->ev) > 1000);
        } else {
            assert_int_equal(weir_deadletter_hops(&job->ev), cases[i].hops);
        }
    }
    job->ev.n_headers = 0;
    assert_int_equal(weir_deadletter_hops(&job->ev), 0);
    job_end(job);
}

static void deadletter_stamp_gives_results_position_hops_and_trace(void **state)
{
    static const weir_header own = { "mine", WEIR_SLICE_LIT("yes") };
    weir_job *job = job_new();
    weir_out second = { .data = WEIR_SLICE_LIT("2") };
    weir_out first = { .next = &second, .headers = &own, .n_headers = 1 };

    (void)state;
    job->call.outs = &first;
    assert_int_equal(weir_deadletter_stamp(job, true), WEIR_OK);
    assert_string_equal(header(&first, "mine"), "yes");
    assert_string_equal(header(&first, "weir.position"), "kafka:orders/3@1042");
    assert_string_equal(header(&second, "weir.hops"), "4");
    assert_string_equal(header(&second, "traceparent"), "00-aa-bb-01");
    /* the cause's own stay with it */
    assert_string_equal(header(&second, "a"), "");
    job_end(job);
}

static void
deadletter_stamp_replaces_what_a_function_copied_from_its_cause(void **state)
{
    static const weir_header copied[] = {
        { "a", WEIR_SLICE_LIT("1") },
        { "a", WEIR_SLICE_LIT("1") },
        { "traceparent", WEIR_SLICE_LIT("00-aa-bb-01") },
        { "weir.position", WEIR_SLICE_LIT("kafka:before/0@7") },
        { "weir.hops", WEIR_SLICE_LIT("3") },
    };
    weir_job *job = job_new();
    weir_out out = { .data = WEIR_SLICE_LIT("1"), .headers = copied, .n_headers = 5 };

    (void)state;
    job->call.outs = &out;
    assert_int_equal(weir_deadletter_stamp(job, true), WEIR_OK);
    assert_int_equal(out.n_headers, 5);
    assert_string_equal(out.headers[0].name, "a"); /* its own, repeated ones too */
    assert_string_equal(out.headers[1].name, "a");
    assert_string_equal(header(&out, "weir.position"), "kafka:orders/3@1042");
    assert_string_equal(header(&out, "weir.hops"), "4");
    assert_string_equal(header(&out, "traceparent"), "00-aa-bb-01");
    job_end(job);
}

static void
deadletter_stamp_uses_the_room_of_an_output_and_no_more_than_there_is(void **state)
{
    weir_header roomy[1 + WEIR_OUT_ROOM] = { { "mine", WEIR_SLICE_LIT("1") } };
    weir_header tight[1 + 1] = { { "mine", WEIR_SLICE_LIT("2") } };
    weir_job *job = job_new();
    weir_out second = {
        .data = WEIR_SLICE_LIT("2"), .headers = tight, .n_headers = 1, .n_room = 1
    };
    weir_out first = { .next = &second,
                       .data = WEIR_SLICE_LIT("1"),
                       .headers = roomy,
                       .n_headers = 1,
                       .n_room = WEIR_OUT_ROOM };

    (void)state;
    job->call.outs = &first;
    assert_int_equal(weir_deadletter_stamp(job, true), WEIR_OK);
    assert_ptr_equal(first.headers, roomy);
    assert_ptr_not_equal(second.headers, tight);
    assert_string_equal(header(&first, "mine"), "1");
    assert_string_equal(header(&second, "mine"), "2");
    assert_string_equal(header(&first, "weir.hops"), "4");
    assert_string_equal(header(&second, "weir.hops"), "4");
    /* a second stamp, after one that had run out of memory, says nothing twice */
    assert_int_equal(weir_deadletter_stamp(job, true), WEIR_OK);
    assert_int_equal(first.n_headers, 4);
    assert_int_equal(second.n_headers, 4);
    job_end(job);
}

static void deadletter_stamp_leaves_the_position_out_when_told_to(void **state)
{
    weir_job *job = job_new();
    weir_out out = { .data = WEIR_SLICE_LIT("1") };

    (void)state;
    job->call.outs = &out;
    assert_int_equal(weir_deadletter_stamp(job, false), WEIR_OK);
    assert_string_equal(header(&out, "weir.position"), "");
    assert_string_equal(header(&out, "weir.hops"), "4");
    job_end(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deadletter_keeps_key_data_and_headers_byte_for_byte),
        cmocka_unit_test(deadletter_says_where_it_comes_from_and_why),
        cmocka_unit_test(deadletter_of_an_entry_of_redis_has_its_id_as_offset),
        cmocka_unit_test(deadletter_that_is_omitted_has_no_payload_and_says_so),
        cmocka_unit_test(deadletter_cuts_a_long_text_between_characters),
        cmocka_unit_test(deadletter_tells_hops_only_from_digits),
        cmocka_unit_test(deadletter_stamp_gives_results_position_hops_and_trace),
        cmocka_unit_test(
            deadletter_stamp_replaces_what_a_function_copied_from_its_cause),
        cmocka_unit_test(
            deadletter_stamp_uses_the_room_of_an_output_and_no_more_than_there_is),
        cmocka_unit_test(deadletter_stamp_leaves_the_position_out_when_told_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
