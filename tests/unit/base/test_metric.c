/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting in threads, and the text that Prometheus reads.
 */
#include "worker/base/metric.h"

#include <setjmp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants these before it */
#include <cmocka.h>

static int begin(void **state)
{
    (void)state;
    weir_metric_fini_all();
    return 0;
}

/* The text without process_* and weir_build_info, which differ from run to run. */
static char *text_of(bool is_openmetrics)
{
    weir_buf out = { 0 };

    weir_metric_write(&out, is_openmetrics);
    assert_false(out.has_failed);

    char *end = strstr(out.data, "# HELP process_");

    assert_non_null(end);
    *end = '\0';
    return weir_buf_take(&out);
}

static void *count_main(void *arg)
{
    for (int i = 0; i < 10000; i++) {
        weir_metric_add(arg, 1);
    }
    return NULL;
}

static void counts_of_all_threads_add_up(void **state)
{
    pthread_t threads[20];
    weir_metric *m = weir_metric_get1(WEIR_M_RETRIES, "a");

    (void)state;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(weir_thread_start(&threads[i], "count", 0, count_main, m), 0);
    }
    for (int i = 0; i < 20; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    assert_int_equal(weir_metric_count(m), 200000);
}

static void the_same_labels_are_the_same_series(void **state)
{
    (void)state;
    assert_ptr_equal(weir_metric_get2(WEIR_M_EVENTS, "a", "done"),
                     weir_metric_get2(WEIR_M_EVENTS, "a", "done"));
    assert_ptr_not_equal(weir_metric_get2(WEIR_M_EVENTS, "a", "bc"),
                         weir_metric_get2(WEIR_M_EVENTS, "ab", "c"));
}

static void counting_on_nothing_does_nothing(void **state)
{
    (void)state;
    weir_metric_add(NULL, 1);
    weir_metric_set(NULL, 1);
    weir_metric_observe(NULL, 1);
    weir_metric_hide(NULL);
    assert_int_equal(weir_metric_count(NULL), 0);
}

static void counters_and_gauges_are_written_as_text_0_0_4(void **state)
{
    (void)state;
    weir_metric_add(weir_metric_get2(WEIR_M_EVENTS, "a\"\\\n\xff", "done"), 3);
    weir_metric_set(weir_metric_get1(WEIR_M_IN_FLIGHT_BYTES, "b"), 0.5);
    weir_metric_add(weir_metric_get1(WEIR_M_PAUSED_SECONDS, "b"), 1500000);

    char *text = text_of(false);

    assert_string_equal(
        text, "# HELP weir_events_total Events that ended, by outcome.\n"
              "# TYPE weir_events_total counter\n"
              "weir_events_total{subscription=\"a\\\"\\\\\\n\xef\xbf\xbd\",outcome="
              "\"done\"} 3\n"
              "# HELP weir_in_flight_bytes Bytes of the events in the worker now.\n"
              "# TYPE weir_in_flight_bytes gauge\n"
              "weir_in_flight_bytes{subscription=\"b\"} 0.5\n"
              "# HELP weir_paused_seconds_total Time in which intake stood still.\n"
              "# TYPE weir_paused_seconds_total counter\n"
              "weir_paused_seconds_total{subscription=\"b\"} 1.500000\n");
    free(text);
}

static void openmetrics_names_families_and_units_and_ends(void **state)
{
    weir_buf out = { 0 };

    (void)state;
    weir_metric_add(weir_metric_get1(WEIR_M_PAUSED_SECONDS, "b"), 1);
    weir_metric_write(&out, true);
    assert_non_null(strstr(out.data,
                           "# TYPE weir_paused_seconds counter\n"
                           "# UNIT weir_paused_seconds seconds\n"
                           "weir_paused_seconds_total{subscription=\"b\"} 0.000001\n"));
    assert_non_null(
        strstr(out.data, "# TYPE weir_build info\nweir_build_info{version=\""));
    assert_string_equal(out.data + out.len - 6, "# EOF\n");
    weir_buf_reset(&out);
    weir_metric_write(&out, false);
    assert_null(strstr(out.data, "# EOF"));
    assert_null(strstr(out.data, "# UNIT"));
    assert_non_null(strstr(out.data, "# TYPE weir_build_info gauge\n"));
    weir_buf_fini(&out);
}

static void buckets_are_cumulative_and_bounds_belong_below(void **state)
{
    weir_metric *m = weir_metric_get1(WEIR_M_HANDLER_SECONDS, "a");

    (void)state;
    weir_metric_observe(m, -5);
    weir_metric_observe(m, 100);
    weir_metric_observe(m, 101);
    weir_metric_observe_n(m, 1000000, 3);
    weir_metric_observe(m, 60000001);
    assert_int_equal(weir_metric_count(m), 7);

    char *text = text_of(false);

    assert_non_null(strstr(text, "le=\"0.0001\"} 2\n"));
    assert_non_null(strstr(text, "le=\"0.00025\"} 3\n"));
    assert_non_null(strstr(text, "le=\"0.5\"} 3\n"));
    assert_non_null(strstr(text, "le=\"1.0\"} 6\n"));
    assert_non_null(strstr(text, "le=\"60.0\"} 6\n"));
    assert_non_null(strstr(text, "le=\"+Inf\"} 7\n"));
    assert_non_null(
        strstr(text, "weir_handler_seconds_sum{subscription=\"a\"} 63.000202\n"));
    assert_non_null(strstr(text, "weir_handler_seconds_count{subscription=\"a\"} 7\n"));
    free(text);
}

static void a_hidden_series_is_out_of_the_text_until_it_is_set(void **state)
{
    const char *const values[] = { "a", "orders", "3" };
    weir_metric *m = weir_metric_get(WEIR_M_LAG_EVENTS, values);

    (void)state;
    weir_metric_set(m, 5);
    weir_metric_hide(m);

    char *text = text_of(false);

    assert_string_equal(text, "");
    free(text);
    weir_metric_set(m, 6);
    text = text_of(false);
    assert_non_null(strstr(
        text,
        "weir_lag_events{subscription=\"a\",topic=\"orders\",partition=\"3\"} 6\n"));
    free(text);
}

static void too_many_series_share_one_called_other(void **state)
{
    weir_metric *other = NULL;

    (void)state;
    for (int i = 0; i < 2010; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "s%d", i);

        weir_metric *m = weir_metric_get1(WEIR_M_ALARMS, name);

        assert_non_null(m);
        if (i == 2000) {
            other = m;
        } else if (i > 2000) {
            assert_ptr_equal(m, other);
        }
    }
    assert_ptr_equal(weir_metric_get1(WEIR_M_ALARMS, "other"), other);
    assert_ptr_not_equal(weir_metric_get1(WEIR_M_ALARMS, "s7"), other);
}

static void every_family_has_a_name_of_its_kind(void **state)
{
    (void)state;
    for (int i = 0; i < WEIR_M_COUNT; i++) {
        const weir_metric_family *f = &weir_metric_families[i];
        bool is_total;

        assert_non_null(f->name);
        assert_non_null(f->help);
        is_total = weir_slice_ends(weir_slice_of(f->name), WEIR_SLICE_LIT("_total"));
        assert_int_equal(is_total, f->type == WEIR_COUNTER);
    }
}

static void the_process_tells_its_own(void **state)
{
    static const char *const names[] = {
        "process_cpu_seconds_total ",
        "process_virtual_memory_bytes ",
        "process_resident_memory_bytes ",
        "process_threads ",
        "process_start_time_seconds ",
        "process_open_fds ",
        "process_max_fds ",
    };
    weir_buf out = { 0 };

    (void)state;
    weir_metric_write(&out, false);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char line[64];

        (void)snprintf(line, sizeof(line), "\n%s", names[i]);

        const char *at = strstr(out.data, line);

        assert_non_null(at);
        assert_true(strtod(at + strlen(line), NULL) >= (i == 0 ? 0 : 1));
    }
    weir_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(counts_of_all_threads_add_up, begin),
        cmocka_unit_test_setup(the_same_labels_are_the_same_series, begin),
        cmocka_unit_test_setup(counting_on_nothing_does_nothing, begin),
        cmocka_unit_test_setup(counters_and_gauges_are_written_as_text_0_0_4, begin),
        cmocka_unit_test_setup(openmetrics_names_families_and_units_and_ends, begin),
        cmocka_unit_test_setup(buckets_are_cumulative_and_bounds_belong_below, begin),
        cmocka_unit_test_setup(a_hidden_series_is_out_of_the_text_until_it_is_set,
                               begin),
        cmocka_unit_test_setup(too_many_series_share_one_called_other, begin),
        cmocka_unit_test_setup(every_family_has_a_name_of_its_kind, begin),
        cmocka_unit_test_setup(the_process_tells_its_own, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
