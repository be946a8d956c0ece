/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_call - what a function emits and says, and the meeting of its return with a completion.
 */
#include "tests/support/call_rig.h"

#include "worker/base/log.h"

/* A huge request for memory fails under the sanitizers as it does without them. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static weir_verdict reject(weir_call *call, const char *cls, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static weir_verdict reject(weir_call *call, const char *cls, const char *fmt, ...)
{
    va_list args;
    weir_verdict verdict;

    va_start(args, fmt);
    verdict = weir_call_reject(call, cls, fmt, args);
    va_end(args);
    return verdict;
}

static weir_verdict retry(weir_call *call, int64_t delay_ms, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static weir_verdict retry(weir_call *call, int64_t delay_ms, const char *fmt, ...)
{
    va_list args;
    weir_verdict verdict;

    va_start(args, fmt);
    verdict = weir_call_retry(call, delay_ms, fmt, args);
    va_end(args);
    return verdict;
}

static void note(weir_call *call, int level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void note(weir_call *call, int level, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    weir_call_note(call, level, fmt, args);
    va_end(args);
}

static weir_verdict settled(call_rig *rig, weir_verdict verdict, bool *is_free)
{
    assert_true(weir_call_returned(&rig->call, verdict));
    return weir_call_settle(&rig->call, is_free);
}

/* -- outputs -------------------------------------------------------------------------------- */

static void emit_copies_every_byte_of_an_output(void **state)
{
    call_rig *rig = *state;
    char key[] = "key", data[] = "data", name[] = "name", value[] = "value";
    weir_header headers[] = { { name, { value, 5 } },
                              { name, { NULL, 0 } },
                              { "e", { value, 0 } } };
    const weir_out *out;

    assert_int_equal(weir_call_emit(&rig->call, &(weir_output){ .to = "q:two",
                                                                .key = { key, 3 },
                                                                .data = { data, 4 },
                                                                .headers = headers,
                                                                .n_headers = 3 }),
                     0);
    memset(key, 'x', 3);
    memset(data, 'x', 4);
    memset(name, 'x', 4);
    memset(value, 'x', 5);
    memset(headers, 0, sizeof(headers));
    out = call_rig_out(rig, 0);
    assert_slice(out->key, "key");
    assert_slice(out->data, "data");
    assert_int_equal(out->n_headers, 3);
    assert_string_equal(out->headers[0].name, "name");
    assert_slice(out->headers[0].value, "value");
    assert_string_equal(out->headers[1].name, "name");
    assert_null(out->headers[1].value.data);
    assert_non_null(out->headers[2].value.data);
    assert_int_equal(out->headers[2].value.len, 0);
    assert_int_equal(out->address, 2);
    assert_int_equal(out->sink, 7);
    assert_int_equal(out->partition, -1);
    assert_int_equal(out->time_ms, -1);
}

static void outputs_keep_the_order_of_emit(void **state)
{
    call_rig *rig = *state;
    bool is_free;

    for (int i = 0; i < 3; i++) {
        const char *digit = &"012"[i];

        assert_int_equal(
            weir_call_emit(&rig->call, &(weir_output){ .data = { digit, 1 } }), 0);
    }
    assert_int_equal(settled(rig, WEIR_DONE, &is_free), WEIR_DONE);
    assert_int_equal(rig->call.n_outs, 3);
    assert_slice(call_rig_out(rig, 0)->data, "0");
    assert_slice(call_rig_out(rig, 1)->data, "1");
    assert_slice(call_rig_out(rig, 2)->data, "2");
    assert_null(call_rig_out(rig, 2)->next);
}

static void a_null_payload_needs_tombstone(void **state)
{
    call_rig *rig = *state;

    assert_int_equal(weir_call_emit(&rig->call, &(weir_output){ .tombstone = true }),
                     0);
    assert_null(call_rig_out(rig, 0)->data.data);
    assert_int_equal(weir_call_emit(&rig->call, &(weir_output){ .key = { "k", 1 } }),
                     EINVAL);
    assert_int_equal(weir_call_emit(&rig->call, &(weir_output){ .data = { "d", 1 },
                                                                .tombstone = true }),
                     EINVAL);
    assert_int_equal(weir_call_emit(&rig->call, NULL), EINVAL);
}

static void an_empty_payload_is_not_absent(void **state)
{
    call_rig *rig = *state;

    assert_int_equal(weir_call_emit(&rig->call, &(weir_output){ .data = { "", 0 } }),
                     0);
    assert_non_null(call_rig_out(rig, 0)->data.data);
    assert_int_equal(call_rig_out(rig, 0)->data.len, 0);
}

static void emit_without_an_address_needs_to(void **state)
{
    call_rig *rig = *state;

    rig->env.has_to = false;
    assert_int_equal(weir_call_emit(&rig->call, &(weir_output){ .data = { "d", 1 } }),
                     EDESTADDRREQ);
    assert_int_equal(
        weir_call_emit(&rig->call, &(weir_output){ .to = "q:two", .data = { "d", 1 } }),
        0);
}

static void an_output_may_have_exactly_the_largest_size(void **state)
{
    call_rig *rig = *state;
    char *bytes = calloc(1, CALL_RIG_MAX_OUTPUT + 1);
    weir_header header = { "ab", { "cde", 3 } };
    weir_output out = { .key = { "k", 1 }, .headers = &header, .n_headers = 1 };

    out.data = (weir_slice){ bytes, CALL_RIG_MAX_OUTPUT - 6 };
    assert_int_equal(weir_call_emit(&rig->call, &out), 0);
    out.data.len++;
    assert_int_equal(weir_call_emit(&rig->call, &out), EMSGSIZE);
    out.data.len = SIZE_MAX; /* sums must not wrap round */
    assert_int_equal(weir_call_emit(&rig->call, &out), EMSGSIZE);
    free(bytes);
}

static void outputs_of_one_call_have_a_limit_together(void **state)
{
    call_rig *rig = *state;
    char *bytes = calloc(1, CALL_RIG_MAX_OUTPUT);
    const weir_output out = { .data = { bytes, CALL_RIG_MAX_OUTPUT } };
    bool is_free;
    int n = 0;

    rig->env.max_outputs = 10 * CALL_RIG_MAX_OUTPUT;
    while (weir_call_emit(&rig->call, &out) == 0) {
        assert_true(++n < 10);
    }
    assert_true(n > 6); /* and a little for each */
    assert_int_equal(weir_call_emit(&rig->call, &out), EMSGSIZE);
    assert_string_equal(rig->call.cls, "emit-too-large");
    rig->call.verdict = WEIR_DONE;
    assert_int_equal(weir_call_settle(&rig->call, &is_free), WEIR_REJECT);
    free(bytes);
}

static void the_only_output_of_a_call_may_be_over_the_limit_of_all(void **state)
{
    call_rig *rig = *state;
    char *bytes = calloc(1, CALL_RIG_MAX_OUTPUT);

    rig->env.max_outputs = 1;
    assert_int_equal(
        weir_call_emit(&rig->call,
                       &(weir_output){ .data = { bytes, CALL_RIG_MAX_OUTPUT } }),
        0);
    free(bytes);
}

static void broken_headers_are_refused(void **state)
{
    call_rig *rig = *state;
    weir_header nameless = { NULL, { "v", 1 } };
    weir_header valueless = { "n", { NULL, 5 } };

    assert_int_equal(weir_call_emit(&rig->call, &(weir_output){ .data = { "d", 1 },
                                                                .headers = &nameless,
                                                                .n_headers = 1 }),
                     EINVAL);
    assert_int_equal(weir_call_emit(&rig->call, &(weir_output){ .data = { "d", 1 },
                                                                .headers = &valueless,
                                                                .n_headers = 1 }),
                     EINVAL);
    assert_int_equal(weir_call_emit(&rig->call, &(weir_output){ .data = { "d", 1 },
                                                                .n_headers = 1 }),
                     EINVAL);
}

static void a_failed_emit_turns_done_into_a_reject_that_says_why(void **state)
{
    call_rig *rig = *state;
    bool is_free = true;

    (void)weir_call_emit(&rig->call, &(weir_output){ .data = { "d", 1 } });
    (void)weir_call_emit(&rig->call,
                         &(weir_output){ .to = "nowhere:x", .data = { "d", 1 } });
    (void)weir_call_emit(&rig->call, &(weir_output){ .key = { "second failure", 6 } });
    assert_int_equal(settled(rig, WEIR_DONE, &is_free), WEIR_REJECT);
    assert_false(is_free);
    assert_string_equal(rig->call.cls, "emit-unknown-queue");
    assert_non_null(strstr(rig->call.reason, "nowhere:x"));
    assert_int_equal(rig->call.n_outs, 0);
    assert_null(rig->call.outs);
}

static void an_emit_without_memory_turns_done_into_a_free_retry(void **state)
{
    call_rig *rig = *state;
    bool is_free = false;

    rig->env.max_output = SIZE_MAX;
    assert_int_equal(
        weir_call_emit(&rig->call, &(weir_output){ .data = { "d", SIZE_MAX / 4 } }),
        ENOMEM);
    assert_int_equal(settled(rig, WEIR_DONE, &is_free), WEIR_RETRY);
    assert_true(is_free);
}

static void outputs_of_an_event_that_is_not_done_are_dropped(void **state)
{
    call_rig *rig = *state;
    bool is_free;

    assert_int_equal(weir_call_emit(&rig->call, &(weir_output){ .data = { "d", 1 } }),
                     0);
    assert_int_equal(settled(rig, WEIR_RETRY, &is_free), WEIR_RETRY);
    assert_null(rig->call.outs);
    assert_int_equal(rig->call.n_outs, 0);
}

static void a_document_is_emitted_when_it_is_complete(void **state)
{
    call_rig *rig = *state;
    weir_writer *w = weir_call_emit_value(&rig->call, WEIR_FORMAT_JSON);

    weir_api_table.write_map(w);
    weir_api_table.write_key(w, weir_slice_of("n"));
    weir_api_table.write_int(w, -5);
    weir_api_table.write_end(w);
    assert_int_equal(
        weir_call_emit_end(w, &(weir_output){ .to = "q:two", .key = { "k", 1 } }), 0);
    assert_slice(call_rig_out(rig, 0)->data, "{\"n\":-5}");
    assert_slice(call_rig_out(rig, 0)->key, "k");
    assert_int_equal(call_rig_out(rig, 0)->address, 2);
}

static void a_document_that_is_not_complete_is_a_reject(void **state)
{
    call_rig *rig = *state;
    weir_writer *w = weir_call_emit_value(&rig->call, WEIR_FORMAT_MSGPACK);
    bool is_free;

    weir_api_table.write_map(w);
    assert_int_equal(weir_call_emit_end(w, NULL), EINVAL);
    assert_int_equal(settled(rig, WEIR_DONE, &is_free), WEIR_REJECT);
    assert_string_equal(rig->call.cls, "emit-invalid");
}

static void a_writer_without_memory_accepts_all_calls(void **state)
{
    call_rig *rig = *state;

    (void)rig;
    weir_api_table.write_map(NULL);
    weir_api_table.write_key(NULL, weir_slice_of("n"));
    weir_api_table.write_value(NULL, NULL);
    weir_api_table.write_end(NULL);
    assert_int_equal(weir_api_table.emit_end(NULL, NULL), ENOMEM);
}

/* -- verdicts ------------------------------------------------------------------------------- */

static void an_unknown_verdict_counts_as_a_retry(void **state)
{
    call_rig *rig = *state;
    bool is_free = true;

    assert_int_equal(settled(rig, (weir_verdict)99, &is_free), WEIR_RETRY);
    assert_false(is_free);
    assert_non_null(strstr(rig->call.reason, "99"));
}

static void reject_keeps_class_and_text(void **state)
{
    call_rig *rig = *state;
    bool is_free;

    assert_int_equal(reject(&rig->call, "no-amount", "order %d", 7), WEIR_REJECT);
    assert_int_equal(settled(rig, WEIR_REJECT, &is_free), WEIR_REJECT);
    assert_string_equal(rig->call.cls, "no-amount");
    assert_string_equal(rig->call.reason, "order 7");
}

static void a_long_text_is_cut_between_characters(void **state)
{
    call_rig *rig = *state;
    char text[WEIR_REASON_MAX * 2];

    /* Each of 2 bytes, begun at an odd place, so that the end falls inside one. */
    memset(text, 0, sizeof(text));
    text[0] = 'a';
    for (size_t i = 1; i + 2 < sizeof(text); i += 2) {
        memcpy(text + i, "\xC3\xA9", 2);
    }
    reject(&rig->call, NULL, "%s", text);
    assert_true(weir_utf8_ok(weir_slice_of(rig->call.reason)));
    assert_in_range(strlen(rig->call.reason), WEIR_REASON_MAX - 2, WEIR_REASON_MAX - 1);
    reject(&rig->call, NULL, "a%s", text);
    assert_true(weir_utf8_ok(weir_slice_of(rig->call.reason)));
    assert_in_range(strlen(rig->call.reason), WEIR_REASON_MAX - 2, WEIR_REASON_MAX - 1);
}

static void retry_keeps_its_own_delay(void **state)
{
    call_rig *rig = *state;

    assert_int_equal(rig->call.delay_ms, -1);
    assert_int_equal(retry(&rig->call, 1500, "later"), WEIR_RETRY);
    assert_int_equal(rig->call.delay_ms, 1500);
    assert_int_equal(retry(&rig->call, -7, "later"), WEIR_RETRY);
    assert_int_equal(rig->call.delay_ms, -1);
}

static void time_left_goes_to_zero_and_fits_an_int(void **state)
{
    call_rig *rig = *state;

    assert_int_equal(weir_call_time_left(&rig->call), INT32_MAX);
    rig->call.deadline_us = weir_clock_us() - 1;
    assert_int_equal(weir_call_time_left(&rig->call), 0);
    rig->call.deadline_us = weir_clock_us() + 3600 * INT64_C(1000000);
    assert_in_range(weir_call_time_left(&rig->call), 1, 3600 * 1000);
    rig->call.deadline_us = INT64_MAX - 1;
    assert_int_equal(weir_call_time_left(&rig->call), INT32_MAX);
}

static void cancel_is_seen_by_the_function(void **state)
{
    call_rig *rig = *state;

    assert_false(weir_api_table.call_cancelled(&rig->call));
    weir_call_cancel(&rig->call);
    assert_true(weir_api_table.call_cancelled(&rig->call));
}

static void a_call_past_its_deadline_is_cancelled_by_the_clock_alone(void **state)
{
    call_rig *rig = *state;

    rig->call.deadline_us = weir_clock_us() + 3600 * INT64_C(1000000);
    assert_false(weir_api_table.call_cancelled(&rig->call));
    rig->call.deadline_us = weir_clock_us() - 1;
    assert_true(weir_api_table.call_cancelled(&rig->call));
}

static void log_catch(void *arg, weir_level level, const char *name, const char *line)
{
    (void)level;
    (void)name;
    (void)snprintf(arg, 512, "%s", line);
}

static void a_log_line_has_position_and_subscription_and_is_one_line(void **state)
{
    call_rig *rig = *state;
    char line[512] = "";

    weir_log_redirect(log_catch, line);
    note(&rig->call, WEIR_LOG_ERROR, "%s", "one\ntwo");
    weir_log_redirect(NULL, NULL);
    assert_non_null(strstr(line, "one two"));
    assert_non_null(strstr(line, "q:in/3@1042"));
    assert_non_null(strstr(line, "f.in"));
    assert_null(strchr(line, '\n'));
}

/* -- pending -------------------------------------------------------------------------------- */

static void a_completion_after_the_return_is_announced(void **state)
{
    call_rig *rig = *state;

    assert_false(weir_call_returned(&rig->call, WEIR_PENDING));
    assert_int_equal(rig->n_completed, 0);
    weir_call_complete(&rig->call, WEIR_REJECT);
    assert_int_equal(rig->n_completed, 1);
    assert_int_equal(rig->call.verdict, WEIR_REJECT);
}

static void a_completion_before_the_return_is_found_by_it(void **state)
{
    call_rig *rig = *state;

    weir_call_complete(&rig->call, WEIR_UNAVAILABLE);
    assert_true(weir_call_returned(&rig->call, WEIR_PENDING));
    assert_int_equal(rig->n_completed, 0);
    assert_int_equal(rig->call.verdict, WEIR_UNAVAILABLE);
}

static void completing_with_pending_counts_as_a_retry(void **state)
{
    call_rig *rig = *state;
    bool is_free;

    weir_call_complete(&rig->call, WEIR_PENDING);
    assert_true(weir_call_returned(&rig->call, WEIR_PENDING));
    assert_int_equal(weir_call_settle(&rig->call, &is_free), WEIR_RETRY);
}

static void a_second_completion_is_ignored(void **state)
{
    call_rig *rig = *state;
    char line[512] = "";

    assert_false(weir_call_returned(&rig->call, WEIR_PENDING));
    weir_call_complete(&rig->call, WEIR_DONE);
    weir_log_redirect(log_catch, line);
    weir_call_complete(&rig->call, WEIR_REJECT);
    weir_log_redirect(NULL, NULL);
    assert_int_equal(rig->n_completed, 1);
    assert_int_equal(rig->call.verdict, WEIR_DONE);
    assert_non_null(strstr(line, "f.in"));
}

static void a_completion_after_another_verdict_is_ignored(void **state)
{
    call_rig *rig = *state;
    char line[512] = "";

    assert_true(weir_call_returned(&rig->call, WEIR_DONE));
    weir_log_redirect(log_catch, line);
    weir_call_complete(&rig->call, WEIR_REJECT);
    weir_log_redirect(NULL, NULL);
    assert_int_equal(rig->n_completed, 0);
    assert_int_equal(rig->call.verdict, WEIR_DONE);
    assert_string_not_equal(line, "");
}

typedef struct racer {
    call_rig *rig;
    pthread_barrier_t start;
    int n_rounds;
} racer;

static void *race_complete(void *arg)
{
    racer *r = arg;

    for (int i = 0; i < r->n_rounds; i++) {
        pthread_barrier_wait(&r->start);
        /* Touches the call as its user may, right up to the completion. */
        (void)weir_call_emit(&r->rig->call, &(weir_output){ .data = { "late", 4 } });
        weir_call_complete(&r->rig->call, i % 2 == 0 ? WEIR_DONE : WEIR_REJECT);
    }
    return NULL;
}

static void exactly_one_side_gets_a_call_when_return_and_completion_race(void **state)
{
    racer r = { .rig = *state, .n_rounds = 20000 };
    int n_by_return = 0, n_by_completion = 0;
    pthread_t thread;

    assert_int_equal(pthread_barrier_init(&r.start, NULL, 2), 0);
    assert_int_equal(pthread_create(&thread, NULL, race_complete, &r), 0);
    for (int i = 0; i < r.n_rounds; i++) {
        call_rig_begin(r.rig);
        pthread_barrier_wait(&r.start);
        for (volatile int spin = 0; spin < i % 200; spin++) {
        }
        if (weir_call_returned(&r.rig->call, WEIR_PENDING)) {
            n_by_return++;
        } else {
            call_rig_wait(r.rig);
            n_by_completion++;
        }
        assert_int_equal(r.rig->call.verdict, i % 2 == 0 ? WEIR_DONE : WEIR_REJECT);
        assert_int_equal(r.rig->call.n_outs, 1);
        pthread_mutex_lock(&r.rig->mutex);
        assert_int_equal(n_by_return + n_by_completion, i + 1);
        pthread_mutex_unlock(&r.rig->mutex);
    }
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&r.start);
}

#define RIGGED(test)                                                                   \
    cmocka_unit_test_setup_teardown(test, call_rig_setup, call_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIGGED(emit_copies_every_byte_of_an_output),
        RIGGED(outputs_keep_the_order_of_emit),
        RIGGED(a_null_payload_needs_tombstone),
        RIGGED(an_empty_payload_is_not_absent),
        RIGGED(emit_without_an_address_needs_to),
        RIGGED(an_output_may_have_exactly_the_largest_size),
        RIGGED(outputs_of_one_call_have_a_limit_together),
        RIGGED(the_only_output_of_a_call_may_be_over_the_limit_of_all),
        RIGGED(broken_headers_are_refused),
        RIGGED(a_failed_emit_turns_done_into_a_reject_that_says_why),
        RIGGED(an_emit_without_memory_turns_done_into_a_free_retry),
        RIGGED(outputs_of_an_event_that_is_not_done_are_dropped),
        RIGGED(a_document_is_emitted_when_it_is_complete),
        RIGGED(a_document_that_is_not_complete_is_a_reject),
        RIGGED(a_writer_without_memory_accepts_all_calls),
        RIGGED(an_unknown_verdict_counts_as_a_retry),
        RIGGED(reject_keeps_class_and_text),
        RIGGED(a_long_text_is_cut_between_characters),
        RIGGED(retry_keeps_its_own_delay),
        RIGGED(time_left_goes_to_zero_and_fits_an_int),
        RIGGED(cancel_is_seen_by_the_function),
        RIGGED(a_call_past_its_deadline_is_cancelled_by_the_clock_alone),
        RIGGED(a_log_line_has_position_and_subscription_and_is_one_line),
        RIGGED(a_completion_after_the_return_is_announced),
        RIGGED(a_completion_before_the_return_is_found_by_it),
        RIGGED(completing_with_pending_counts_as_a_retry),
        RIGGED(a_second_completion_is_ignored),
        RIGGED(a_completion_after_another_verdict_is_ignored),
        RIGGED(exactly_one_side_gets_a_call_when_return_and_completion_race),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
