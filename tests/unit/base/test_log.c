/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One event a line, as JSON and as text, with repeats held back.
 */
#include "worker/base/log.h"

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants these before it */
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char last[8192];
static int n_lines;
static int64_t now_us;

static void keep(void *arg, weir_level level, const char *name, const char *line)
{
    (void)arg;
    (void)level;
    (void)name;
    (void)snprintf(last, sizeof(last), "%s", line);
    n_lines++;
}

static int64_t clock_us(void)
{
    return now_us;
}

static int begin(void **state)
{
    (void)state;
    last[0] = '\0';
    n_lines = 0;
    now_us = 1000000;
    weir_log_clock(clock_us);
    weir_log_redirect(keep, NULL);
    weir_log_setup(WEIR_DEBUG, WEIR_LOG_JSON, false, NULL, NULL);
    return 0;
}

/* The line behind its time, which no test can know. */
static const char *json_rest(void)
{
    const char *rest = strstr(last, "\"severity_text\"");

    assert_non_null(rest);
    return rest;
}

static void a_json_line_has_its_members_in_order(void **state)
{
    (void)state;
    weir_log_setup(WEIR_DEBUG, WEIR_LOG_JSON, false, "billing", "pod-7");
    weir_log(WEIR_WARN, "job.retry", "sub=%s attempt=%d", "charge", 2);
    assert_string_equal(json_rest(),
                        "\"severity_text\":\"WARN\",\"severity_number\":13,"
                        "\"body\":\"job.retry\",\"service\":\"billing\","
                        "\"instance\":\"pod-7\",\"sub\":\"charge\",\"attempt\":2}");
    assert_memory_equal(last, "{\"timestamp\":\"2", 15);
    assert_memory_equal(last + 37, "Z\",", 3);
}

static void each_level_has_its_number(void **state)
{
    static const char *const want[] = { "\"DEBUG\",\"severity_number\":5,",
                                        "\"INFO\",\"severity_number\":9,",
                                        "\"WARN\",\"severity_number\":13,",
                                        "\"ERROR\",\"severity_number\":17," };

    (void)state;
    for (int i = 0; i < 4; i++) {
        weir_log((weir_level)i, "x", "%s", "");
        assert_non_null(strstr(last, want[i]));
    }
}

static void values_are_numbers_only_if_json_says_them_the_same(void **state)
{
    (void)state;
    weir_log(WEIR_INFO, "x", "a=%s b=-1.5 c=007 d=true e=1e5 f=1. g= h=\"a b\" i=-",
             "0");
    assert_non_null(strstr(last,
                           "\"a\":0,\"b\":-1.5,\"c\":\"007\",\"d\":true,\"e\":\"1e5\","
                           "\"f\":\"1.\",\"g\":\"\",\"h\":\"a b\",\"i\":\"-\"}"));
}

static void text_takes_the_rest_of_the_line(void **state)
{
    (void)state;
    weir_log(WEIR_INFO, "x", "a=1 text=%s", "it said \"no\" b=2");
    assert_non_null(strstr(last, "\"a\":1,\"text\":\"it said \\\"no\\\" b=2\"}"));
    weir_log(WEIR_INFO, "x", "%s", "no field at all");
    assert_non_null(strstr(last, "\"text\":\"no field at all\"}"));
}

static void a_line_stays_one_line_whatever_is_in_it(void **state)
{
    (void)state;
    weir_log(WEIR_INFO, "x", "text=%s", "a\nb\x1b[31m\x7f\xc2\x9b\xff");
    assert_null(strchr(last, '\n'));
    assert_null(strchr(last, '\x1b'));
    assert_non_null(strstr(last, "a\\nb\\u001b[31m\\u007f\\u009b\xef\xbf\xbd\"}"));
    weir_log_setup(WEIR_DEBUG, WEIR_LOG_TEXT, false, NULL, NULL);
    weir_log(WEIR_INFO, "x", "text=%s", "a\nb\x1b[31m");
    assert_non_null(strstr(last, "INFO  x text=a\\nb\\u001b[31m"));
    assert_null(strchr(last, '\n'));
}

static void a_long_line_is_cut_and_still_ends_as_json(void **state)
{
    static char large[20000];

    (void)state;
    memset(large, '"', sizeof(large) - 1);
    weir_log(WEIR_INFO, "x", "a=1 text=%s", large);
    assert_true(strlen(last) < 4096);
    assert_string_equal(last + strlen(last) - 2, "\"}");
    /* No escape was cut in half: an even number of bytes of \" in front of the end. */
    size_t n = strlen(strstr(last, "\"text\":\"")) - strlen("\"text\":\"") - 2;
    assert_int_equal(n % 2, 0);
}

static void a_text_line_is_for_people(void **state)
{
    (void)state;
    weir_log_setup(WEIR_DEBUG, WEIR_LOG_TEXT, false, "billing", NULL);
    weir_log(WEIR_WARN, "job.retry", "sub=%s attempt=%d", "charge", 2);
    assert_string_equal(last + 12, " WARN  job.retry sub=charge attempt=2");
    assert_int_equal(last[2], ':');
    assert_int_equal(last[8], '.');
    weir_log_setup(WEIR_DEBUG, WEIR_LOG_TEXT, true, "billing", NULL);
    weir_log(WEIR_WARN, "job.retry", "sub=%s", "charge");
    assert_non_null(strstr(last, "\033[33mWARN \033[0m job.retry"));
}

static void lower_levels_are_left_out(void **state)
{
    (void)state;
    weir_log_level_set(WEIR_WARN);
    weir_log(WEIR_INFO, "x", "a=%d", 1);
    assert_int_equal(n_lines, 0);
    assert_false(weir_log_wants(WEIR_INFO));
    weir_log(WEIR_WARN, "x", "a=%d", 1);
    assert_int_equal(n_lines, 1);
}

static void repeats_are_held_back_and_counted(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        char name[8] = "noisy"; /* compared by content, not by address */

        weir_log(WEIR_INFO, name, "i=%d", i);
    }
    assert_int_equal(n_lines, 20);
    weir_log(WEIR_INFO, "other", "i=%d", 1);
    assert_int_equal(n_lines, 21);
    assert_null(strstr(last, "suppressed"));
    now_us += 1000000;
    weir_log(WEIR_INFO, "noisy", "i=%d", 50);
    assert_int_equal(n_lines, 22);
    assert_non_null(strstr(last, "\"i\":50,\"suppressed\":30}"));
    weir_log(WEIR_INFO, "noisy", "i=%d", 51);
    assert_int_equal(n_lines, 22);
}

static void errno_is_as_before(void **state)
{
    (void)state;
    errno = ENOSPC;
    weir_log(WEIR_INFO, "x", "a=%d", 1);
    assert_int_equal(errno, ENOSPC);
}

static void the_journal_gets_priorities(void **state)
{
    char name[] = "weir-log-XXXXXX";
    char stream[64];
    char line[256] = "";
    struct stat st;
    int file = mkstemp(name);
    int before = dup(STDERR_FILENO);

    (void)state;
    assert_true(file >= 0 && before >= 0);
    (void)unlink(name);
    assert_int_equal(fstat(file, &st), 0);
    (void)snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
                   (unsigned long long)st.st_ino);
    assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
    assert_true(dup2(file, STDERR_FILENO) >= 0);
    weir_log_redirect(NULL, NULL);
    weir_log_setup(WEIR_DEBUG, WEIR_LOG_TEXT, false, NULL, NULL);
    weir_log(WEIR_ERROR, "disk.full", "n=%d", 1);
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    (void)unsetenv("JOURNAL_STREAM");
    assert_true(pread(file, line, sizeof(line) - 1, 0) > 0);
    assert_memory_equal(line, "<3>", 3);
    assert_string_equal(line + 15, " ERROR disk.full n=1\n");
    (void)close(before);
    (void)close(file);
}

static void levels_have_names(void **state)
{
    weir_level level = WEIR_DEBUG;

    (void)state;
    assert_int_equal(weir_level_parse("warn", &level), WEIR_OK);
    assert_int_equal(level, WEIR_WARN);
    assert_int_equal(weir_level_parse("WARN", &level), WEIR_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_json_line_has_its_members_in_order, begin),
        cmocka_unit_test_setup(each_level_has_its_number, begin),
        cmocka_unit_test_setup(values_are_numbers_only_if_json_says_them_the_same,
                               begin),
        cmocka_unit_test_setup(text_takes_the_rest_of_the_line, begin),
        cmocka_unit_test_setup(a_line_stays_one_line_whatever_is_in_it, begin),
        cmocka_unit_test_setup(a_long_line_is_cut_and_still_ends_as_json, begin),
        cmocka_unit_test_setup(a_text_line_is_for_people, begin),
        cmocka_unit_test_setup(lower_levels_are_left_out, begin),
        cmocka_unit_test_setup(repeats_are_held_back_and_counted, begin),
        cmocka_unit_test_setup(errno_is_as_before, begin),
        cmocka_unit_test_setup(the_journal_gets_priorities, begin),
        cmocka_unit_test_setup(levels_have_names, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
