/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_job - the table of legal moves, and the words of INTERFACE section 6.
 */
#include "worker/engine/job.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <string.h>

static void job_goes_the_whole_way_from_queued_to_free(void **state)
{
    static const weir_job_state way[] = { WEIR_JOB_QUEUED,   WEIR_JOB_CLAIMED,
                                          WEIR_JOB_RUNNING,  WEIR_JOB_WAITING,
                                          WEIR_JOB_QUEUED,   WEIR_JOB_CLAIMED,
                                          WEIR_JOB_SETTLING, WEIR_JOB_DONE,
                                          WEIR_JOB_FREE };
    weir_job job;

    (void)state;
    memset(&job, 0, sizeof(job));
    for (size_t i = 0; i < sizeof(way) / sizeof(way[0]); i++) {
        weir_job_move(&job, way[i]);
        assert_int_equal(weir_job_get(&job), way[i]);
    }
}

static void job_table_forbids_what_would_run_or_end_twice(void **state)
{
    (void)state;
    assert_false(weir_job_may(WEIR_JOB_RUNNING, WEIR_JOB_RUNNING));
    assert_false(weir_job_may(WEIR_JOB_RUNNING, WEIR_JOB_QUEUED));
    assert_false(weir_job_may(WEIR_JOB_SETTLING, WEIR_JOB_RUNNING));
    assert_false(weir_job_may(WEIR_JOB_SETTLING, WEIR_JOB_QUEUED));
    assert_false(weir_job_may(WEIR_JOB_WAITING, WEIR_JOB_RUNNING));
    assert_false(weir_job_may(WEIR_JOB_DONE, WEIR_JOB_DONE));
    assert_false(weir_job_may(WEIR_JOB_FREE, WEIR_JOB_DONE));
    assert_false(weir_job_may(WEIR_JOB_STATES, WEIR_JOB_FREE));
}

static void job_reasons_are_the_words_that_users_see(void **state)
{
    static const char *const words[WEIR_REASON_COUNT] = {
        "none",    "rejected",  "retries",    "decode", "timeout",
        "expired", "too-large", "unsendable", "loop",   "crashed",
    };

    (void)state;
    for (int r = 0; r < WEIR_REASON_COUNT; r++) {
        assert_string_equal(weir_reason_text((weir_reason)r), words[r]);
    }
    assert_string_equal(weir_reason_text(WEIR_REASON_COUNT), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(job_goes_the_whole_way_from_queued_to_free),
        cmocka_unit_test(job_table_forbids_what_would_run_or_end_twice),
        cmocka_unit_test(job_reasons_are_the_words_that_users_see),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
