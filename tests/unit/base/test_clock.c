/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times, durations and sizes as text.
 */
#include "worker/base/clock.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants these before it */
#include <cmocka.h>

#include <time.h>

static int64_t time_of(const char *text)
{
    int64_t ms = -12345;
    weir_err err;

    if (weir_time_parse(weir_slice_of(text), &ms, &err) != WEIR_OK) {
        fail_msg("%s", err.text);
    }
    return ms;
}

static void times_are_written_as_rfc_3339(void **state)
{
    char out[WEIR_RFC3339_MAX];

    (void)state;
    assert_string_equal(weir_time_format(0, out), "1970-01-01T00:00:00.000Z");
    assert_string_equal(weir_time_format(1795158000123, out),
                        "2026-11-20T07:00:00.123Z");
    assert_string_equal(weir_time_format(951782400000, out),
                        "2000-02-29T00:00:00.000Z");
    assert_string_equal(weir_time_format(-1, out), "1969-12-31T23:59:59.999Z");
    assert_string_equal(weir_time_format(INT64_MAX, out), "9999-12-31T23:59:59.999Z");
}

static void times_are_read_with_zones_and_fractions(void **state)
{
    (void)state;
    assert_int_equal(time_of("1970-01-01T00:00:00Z"), 0);
    assert_int_equal(time_of("2026-11-20T08:00:00.123+01:00"), 1795158000123);
    assert_int_equal(time_of("2026-11-20t05:30:00.1239z"),
                     time_of("2026-11-20T00:00:00.123-05:30"));
    assert_int_equal(time_of("2016-12-31T23:59:60Z"), time_of("2016-12-31T23:59:59Z"));
}

static void every_day_of_centuries_reads_back(void **state)
{
    (void)state;
    for (int64_t day = -150000; day < 150000; day += 7) {
        char out[WEIR_RFC3339_MAX];

        assert_int_equal(time_of(weir_time_format(day * 86400000, out)),
                         day * 86400000);
    }
}

static void a_time_without_zone_is_local(void **state)
{
    (void)state;
    assert_int_equal(setenv("TZ", "XYZ-2", 1), 0);
    tzset();
    assert_int_equal(time_of("1970-01-01T02:00:00.5"), 500);
    assert_int_equal(time_of("1970-01-02"), 86400000 - 7200000);
    assert_int_equal(unsetenv("TZ"), 0);
    tzset();
}

static void what_is_no_time_is_refused_with_what_is(void **state)
{
    static const char *const wrong[] = {
        "",
        "now",
        "2026-13-01",
        "2026-02-29",
        "2026-11-20T24:00:00Z",
        "2026-11-20T08:60:00Z",
        "2026-11-20T08:00Z",
        "2026-11-20T08:00:00.Z",
        "2026-11-20T08:00:00+1:00",
        "2026-11-20T08:00:00Z ",
        "26-11-20",
    };
    int64_t ms;
    weir_err err;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(weir_time_parse(weir_slice_of(wrong[i]), &ms, &err),
                         WEIR_EINVAL);
        assert_non_null(strstr(err.text, "RFC 3339"));
    }
}

static void durations_are_read_and_written(void **state)
{
    static const struct {
        const char *text;
        int64_t us;
        const char *written;
    } cases[] = {
        { "250ms", 250000, "250ms" },
        { "5s", 5000000, "5s" },
        { "2m", 120000000, "2m" },
        { "1h", 3600000000, "1h" },
        { "1h30m", 5400000000, "90m" },
        { "0s", 0, "0s" },
        { "7us", 7, "7us" },
        { "2d", 172800000000, "2d" },
        { "1h1s", 3601000000, "3601s" },
        { "1d1us", 86400000001, "1d1us" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t us = -1;
        int64_t again = -1;
        char out[32];

        assert_int_equal(weir_duration_parse(weir_slice_of(cases[i].text), &us, NULL),
                         WEIR_OK);
        assert_int_equal(us, cases[i].us);
        assert_string_equal(weir_duration_format(us, out), cases[i].written);
        assert_int_equal(weir_duration_parse(weir_slice_of(out), &again, NULL),
                         WEIR_OK);
        assert_int_equal(again, us);
    }
}

static void what_is_no_duration_is_refused_with_what_is(void **state)
{
    static const char *const wrong[] = { "",
                                         "5",
                                         "s",
                                         "5x",
                                         "-5s",
                                         "5s ",
                                         "1m1h",
                                         "1s1s",
                                         "1.5s",
                                         "999999999999d",
                                         "99999999999999999999s" };
    int64_t us;
    weir_err err;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(weir_duration_parse(weir_slice_of(wrong[i]), &us, &err),
                         WEIR_EINVAL);
        assert_non_null(
            strstr(err.text, "expected a duration such as 250ms, 5s, 2m or 1h"));
    }
}

static void sizes_are_read_and_written(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
        const char *written;
    } cases[] = {
        { "500", 500, "500" },          { "64KiB", 65536, "64KiB" },
        { "16MiB", 16777216, "16MiB" }, { "1GiB", 1073741824, "1GiB" },
        { "10MB", 10000000, "10MB" },   { "7B", 7, "7" },
        { "3KB", 3000, "3KB" },         { "0", 0, "0" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t bytes = 1;
        char out[32];

        assert_int_equal(weir_size_parse(weir_slice_of(cases[i].text), &bytes, NULL),
                         WEIR_OK);
        assert_int_equal(bytes, cases[i].bytes);
        assert_string_equal(weir_size_format(bytes, out), cases[i].written);
    }
}

static void what_is_no_size_is_refused(void **state)
{
    static const char *const wrong[] = { "",      "MiB", "1mib",
                                         "1 MiB", "-1",  "99999999999GiB",
                                         "1KiB2" };
    uint64_t bytes;
    weir_err err;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(weir_size_parse(weir_slice_of(wrong[i]), &bytes, &err),
                         WEIR_EINVAL);
        assert_non_null(strstr(err.text, "expected a size such as"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_written_as_rfc_3339),
        cmocka_unit_test(times_are_read_with_zones_and_fractions),
        cmocka_unit_test(every_day_of_centuries_reads_back),
        cmocka_unit_test(a_time_without_zone_is_local),
        cmocka_unit_test(what_is_no_time_is_refused_with_what_is),
        cmocka_unit_test(durations_are_read_and_written),
        cmocka_unit_test(what_is_no_duration_is_refused_with_what_is),
        cmocka_unit_test(sizes_are_read_and_written),
        cmocka_unit_test(what_is_no_size_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
