/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_library - what is loaded, what is refused and why, and how functions are called.
 */
#include "tests/support/host_rig.h"

#include <unistd.h>

/* Opening must fail, and its text must hold each of the words (NULL ends them). */
static void assert_refused(const char *library, const char *function,
                           const char *const *words)
{
    host_rig rig = { 0 };
    weir_err err = { .text = "" };

    assert_int_equal(host_rig_open(&rig, library, function, &err), WEIR_ECONFIG);
    for (; *words != NULL; words++) {
        if (strstr(err.text, *words) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", err.text, *words);
        }
    }
}

#define ASSERT_REFUSED(library, function, ...)                                         \
    assert_refused(library, function, (const char *const[]){ __VA_ARGS__, NULL })

static void a_function_is_found_by_its_name(void **state)
{
    host_rig host = { 0 };
    weir_host_info info;

    (void)state;
    host_rig_start(&host, "basic", "echo");
    weir_library_host.info(host.self, &info);
    assert_string_equal(info.name, "echo");
    assert_string_equal(info.about, "emits what came");
    assert_string_equal(info.version, "1.2.3");
    assert_non_null(strstr(info.from, "basic.so"));
    assert_false(info.is_batch);
    assert_false(info.wants_value);
    assert_true(info.is_replay_safe);
    host_rig_close(&host);
}

static void symbol_names_another_function(void **state)
{
    call_rig *rig = *state;
    host_rig host = { .opts = { .symbol = (char[]){ "by_word" } } };

    host_rig_start(&host, "basic", "my-own-name");
    call_rig_event(rig, NULL, "retry");
    assert_int_equal(host_rig_run(&host, rig), WEIR_RETRY);
    host_rig_close(&host);
}

static void a_missing_file_is_refused_with_its_path(void **state)
{
    (void)state;
    ASSERT_REFUSED("not-there", "f", "not-there.so", "No such file");
}

static void a_library_with_an_open_symbol_is_refused_with_the_symbol(void **state)
{
    (void)state;
    ASSERT_REFUSED("unresolved", "handle", "weir_test_nobody_has_this");
}

static void a_library_without_a_table_is_refused(void **state)
{
    (void)state;
    ASSERT_REFUSED("no_table", "f", "no_table.so", "WEIR_FUNCTIONS");
}

static void another_major_is_refused_with_both_versions(void **state)
{
    (void)state;
    ASSERT_REFUSED("other_major", "f", "2.0", "1.0", "build it again");
}

static void a_newer_minor_is_refused_with_both_versions(void **state)
{
    (void)state;
    ASSERT_REFUSED("newer_minor", "f", "1.1", "1.0", "newer worker");
}

static void structs_of_another_size_are_refused(void **state)
{
    (void)state;
    ASSERT_REFUSED("other_size", "f", "other sizes", "build it again");
}

static void a_table_without_functions_is_refused(void **state)
{
    (void)state;
    ASSERT_REFUSED("empty", "f", "without functions");
}

static void an_unknown_function_is_refused_with_what_there_is(void **state)
{
    (void)state;
    ASSERT_REFUSED("basic", "ecko", "\"ecko\"", "echo, answer_99, counter",
                   "did you mean \"echo\"");
}

static void a_function_without_a_handler_is_refused(void **state)
{
    (void)state;
    ASSERT_REFUSED("no_handle", "f", "neither");
}

static void a_function_with_both_handlers_is_refused(void **state)
{
    (void)state;
    ASSERT_REFUSED("both_handles", "f", "both");
}

static void two_functions_of_one_name_are_refused(void **state)
{
    (void)state;
    ASSERT_REFUSED("same_name", "f", "2 functions");
}

static void the_event_reaches_the_function_and_its_output_comes_back(void **state)
{
    call_rig *rig = *state;
    host_rig host = { 0 };
    weir_header headers[] = { { "h", { "1", 1 } }, { "h", { "2", 1 } } };

    host_rig_start(&host, "basic", "echo");
    rig->ev.headers = headers;
    rig->ev.n_headers = 2;
    assert_int_equal(host_rig_run(&host, rig), WEIR_DONE);
    assert_slice(call_rig_out(rig, 0)->key, "k");
    assert_slice(call_rig_out(rig, 0)->data, "data");
    assert_int_equal(call_rig_out(rig, 0)->n_headers, 2);
    assert_slice(call_rig_out(rig, 0)->headers[1].value, "2");
    host_rig_close(&host);
}

static void each_verdict_comes_back_with_its_text(void **state)
{
    call_rig *rig = *state;
    host_rig host = { 0 };

    host_rig_start(&host, "basic", "by_word");
    call_rig_event(rig, NULL, "reject");
    assert_int_equal(host_rig_run(&host, rig), WEIR_REJECT);
    assert_string_equal(rig->call.cls, "bad");
    assert_string_equal(rig->call.reason, "no bananas today");
    call_rig_event(rig, NULL, "retry");
    assert_int_equal(host_rig_run(&host, rig), WEIR_RETRY);
    assert_int_equal(rig->call.delay_ms, 1500);
    assert_string_equal(rig->call.reason, "attempt 1");
    call_rig_event(rig, NULL, "unavailable");
    assert_int_equal(host_rig_run(&host, rig), WEIR_UNAVAILABLE);
    assert_string_equal(rig->call.reason, "the bank is down");
    call_rig_event(rig, NULL, "document");
    assert_int_equal(host_rig_run(&host, rig), WEIR_DONE);
    assert_slice(call_rig_out(rig, 0)->data, "{\"ok\":true}");
    host_rig_close(&host);
}

static void a_strange_verdict_counts_as_a_retry(void **state)
{
    call_rig *rig = *state;
    host_rig host = { 0 };

    host_rig_start(&host, "basic", "answer_99");
    assert_int_equal(host_rig_run(&host, rig), WEIR_RETRY);
    host_rig_close(&host);
}

static void init_gets_the_config_and_each_thread_its_own_local(void **state)
{
    call_rig *rig = *state;
    host_rig host = { 0 };
    void *second = NULL;
    weir_call *calls[] = { &rig->call };
    bool is_final[1];

    host_rig_start_in(&host, "tests/functions", "basic", "counter", "{\"a\":1}");
    assert_int_equal(weir_library_host.thread_init(host.self, &second), WEIR_OK);
    assert_int_equal(host_rig_run(&host, rig), WEIR_DONE);
    assert_slice(call_rig_out(rig, 0)->key, "11");
    assert_slice(call_rig_out(rig, 0)->data, "{\"a\":1}");
    call_rig_begin(rig);
    weir_library_host.run(host.self, second, calls, 1, is_final);
    assert_true(is_final[0]);
    assert_slice(call_rig_out(rig, 0)->key, "22");
    weir_library_host.thread_fini(host.self, second);
    host_rig_close(&host);
}

static void two_entries_of_one_library_have_states_of_their_own(void **state)
{
    call_rig *rig = *state;
    host_rig one = { .opts = { .symbol = (char[]){ "counter" } } };
    host_rig two = { .opts = { .symbol = (char[]){ "counter" } } };

    host_rig_start(&one, "basic", "one");
    host_rig_start(&two, "basic", "two");
    assert_int_equal(host_rig_run(&one, rig), WEIR_DONE);
    call_rig_begin(rig);
    assert_int_equal(host_rig_run(&one, rig), WEIR_DONE);
    assert_slice(call_rig_out(rig, 0)->key, "21");
    call_rig_begin(rig);
    assert_int_equal(host_rig_run(&two, rig), WEIR_DONE);
    assert_slice(call_rig_out(rig, 0)->key, "11");
    host_rig_close(&one);
    call_rig_begin(rig);
    assert_int_equal(host_rig_run(&two, rig), WEIR_DONE);
    host_rig_close(&two);
}

static void an_init_that_refuses_is_an_error_with_its_number(void **state)
{
    host_rig host = { 0 };
    weir_err err;

    (void)state;
    assert_int_equal(host_rig_open_in(&host, "tests/functions", "basic", "counter",
                                      "{\"refuse\":true}", &err),
                     WEIR_OK);
    assert_int_equal(weir_library_host.start(host.self, &err), WEIR_ECONFIG);
    assert_non_null(strstr(err.text, "basic.so"));
    assert_non_null(strstr(err.text, "7"));
    host_rig_close(&host);
}

static void a_thread_init_that_fails_means_not_now(void **state)
{
    host_rig host = { 0 };
    void *local = NULL;
    weir_err err;

    (void)state;
    assert_int_equal(host_rig_open(&host, "basic", "no_thread", &err), WEIR_OK);
    assert_int_equal(weir_library_host.start(host.self, &err), WEIR_OK);
    assert_int_equal(weir_library_host.thread_init(host.self, &local), WEIR_EUNAVAIL);
    host_rig_close(&host);
}

static void env_is_set_before_the_library_is_loaded(void **state)
{
    call_rig *rig = *state;
    weir_opt_map env = { 0 };
    host_rig host = { 0 };
    host_rig other = { 0 };
    weir_opt_map red = { 0 };
    weir_err err = { .text = "" };

    assert_true(weir_opt_map_add(&env, "WEIR_TEST_COLOUR", "blue"));
    assert_true(weir_opt_map_add(&red, "WEIR_TEST_COLOUR", "red"));
    host.opts.env = env;
    other.opts.env = red;
    host_rig_start(&host, "environment", "tell");
    assert_int_equal(host_rig_run(&host, rig), WEIR_DONE);
    assert_slice(call_rig_out(rig, 0)->data, "blue");
    assert_int_equal(host_rig_open(&other, "basic", "echo", &err), WEIR_ECONFIG);
    assert_non_null(strstr(err.text, "WEIR_TEST_COLOUR"));
    assert_non_null(strstr(err.text, "tell"));
    host_rig_close(&host);
    weir_opt_map_fini(&env);
    weir_opt_map_fini(&red);
}

static void a_bare_name_is_found_next_to_the_configuration(void **state)
{
    host_rig host = { 0 };
    const char *build = getenv("WEIR_BUILD_DIR");
    weir_library_opts opts = { .library = (char[]){ "basic.so" } };
    weir_host_setup setup = { .name = "echo", .opts = &opts };
    weir_err err = { .text = "" };

    (void)state;
    (void)snprintf(host.dir, sizeof(host.dir), "%s/tests/functions", build);
    setup.base_dir = host.dir;
    host.self = calloc(1, weir_library_host.size);
    assert_int_equal(weir_library_host.open(host.self, &setup, &err), WEIR_OK);
    weir_library_host.close(host.self);
    setup.base_dir = "/";
    assert_int_equal(weir_library_host.open(host.self, &setup, &err), WEIR_ECONFIG);
    free(host.self);
}

static void a_pending_call_is_completed_by_another_thread(void **state)
{
    call_rig *rig = *state;
    host_rig host = { 0 };

    host_rig_start(&host, "pending", "later");
    for (int i = 0; i < 2000; i++) {
        call_rig_begin(rig);
        assert_int_equal(host_rig_run(&host, rig), WEIR_DONE);
        assert_slice(call_rig_out(rig, 0)->data, "late");
    }
    host_rig_close(&host);
}

enum { BATCH = 300 }; /* more than what is kept on the stack */

static void a_batch_gets_a_verdict_per_item(void **state)
{
    static const char *const words[] = { "done", "reject", "skip", "later", "never" };
    static const weir_verdict want[] = { WEIR_DONE, WEIR_REJECT, WEIR_RETRY,
                                         WEIR_UNAVAILABLE, 0 };
    call_rig *rigs = calloc(BATCH, sizeof(*rigs));
    weir_call *calls[BATCH];
    bool is_final[BATCH] = { false };
    host_rig host = { 0 };
    weir_host_info info;
    bool is_free;

    (void)state;
    assert_non_null(rigs);
    host_rig_start(&host, "batch", "several");
    weir_library_host.info(host.self, &info);
    assert_true(info.is_batch);
    for (int i = 0; i < BATCH; i++) {
        call_rig_init(&rigs[i]);
        call_rig_event(&rigs[i], NULL, words[i % 5]);
        calls[i] = &rigs[i].call;
    }
    weir_library_host.run(host.self, host.local, calls, BATCH, is_final);
    for (int i = 0; i < BATCH; i++) {
        assert_int_equal(is_final[i], i % 5 != 4);
        assert_int_equal(rigs[i].n_completed, 0);
        if (is_final[i]) {
            assert_int_equal(weir_call_settle(calls[i], &is_free), want[i % 5]);
        } else {
            weir_call_complete(calls[i], WEIR_DONE);
            assert_int_equal(rigs[i].n_completed, 1);
        }
        call_rig_fini(&rigs[i]);
    }
    free(rigs);
    host_rig_close(&host);
}

static void a_function_in_cxx_runs_too(void **state)
{
    call_rig *rig = *state;
    host_rig host = { 0 };
    char path[600];

    (void)snprintf(path, sizeof(path), "%s/tests/functions/plusplus.so",
                   getenv("WEIR_BUILD_DIR"));
    if (access(path, F_OK) != 0) {
        print_message("no C++ compiler was there when this was built\n");
        skip();
    }
    host_rig_start(&host, "plusplus", "shout");
    assert_int_equal(host_rig_run(&host, rig), WEIR_DONE);
    assert_slice(call_rig_out(rig, 0)->data, "data!");
    host_rig_close(&host);
}

#define RIGGED(test)                                                                   \
    cmocka_unit_test_setup_teardown(test, call_rig_setup, call_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIGGED(a_function_is_found_by_its_name),
        RIGGED(symbol_names_another_function),
        RIGGED(a_missing_file_is_refused_with_its_path),
        RIGGED(a_library_with_an_open_symbol_is_refused_with_the_symbol),
        RIGGED(a_library_without_a_table_is_refused),
        RIGGED(another_major_is_refused_with_both_versions),
        RIGGED(a_newer_minor_is_refused_with_both_versions),
        RIGGED(structs_of_another_size_are_refused),
        RIGGED(a_table_without_functions_is_refused),
        RIGGED(an_unknown_function_is_refused_with_what_there_is),
        RIGGED(a_function_without_a_handler_is_refused),
        RIGGED(a_function_with_both_handlers_is_refused),
        RIGGED(two_functions_of_one_name_are_refused),
        RIGGED(the_event_reaches_the_function_and_its_output_comes_back),
        RIGGED(each_verdict_comes_back_with_its_text),
        RIGGED(a_strange_verdict_counts_as_a_retry),
        RIGGED(init_gets_the_config_and_each_thread_its_own_local),
        RIGGED(two_entries_of_one_library_have_states_of_their_own),
        RIGGED(an_init_that_refuses_is_an_error_with_its_number),
        RIGGED(a_thread_init_that_fails_means_not_now),
        RIGGED(env_is_set_before_the_library_is_loaded),
        RIGGED(a_bare_name_is_found_next_to_the_configuration),
        RIGGED(a_pending_call_is_completed_by_another_thread),
        RIGGED(a_batch_gets_a_verdict_per_item),
        RIGGED(a_function_in_cxx_runs_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
