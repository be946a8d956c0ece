/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* test_job_slab - jobs that are made many at a time are whole, apart, and as many as asked. */
#include "worker/engine/job_slab.h"

#include "worker/engine/lane.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
/* cmocka wants the ones above */
#include <cmocka.h>

static void end_chain(weir_job *chain)
{
    for (weir_job *job = chain; job != NULL; job = job->next) {
        weir_arena_fini(&job->arena);
        weir_arena_fini(&job->out_arena);
        weir_lane_free(job->spare);
    }
}

static size_t chain_length(const weir_job *chain)
{
    size_t n = 0;

    for (; chain != NULL; chain = chain->next) {
        n++;
    }
    return n;
}

static void a_slab_gives_at_least_what_is_asked(void **state)
{
    (void)state;
    for (size_t n = 1; n < 2000; n = n * 3 + 1) {
        weir_job_slab *slabs = NULL;
        weir_job *chain = NULL;
        const size_t n_made = weir_job_slab_add(&slabs, n, &chain);

        assert_true(n_made >= n);
        assert_int_equal(chain_length(chain), n_made);
        end_chain(chain);
        weir_job_slab_free(&slabs);
        assert_null(slabs);
    }
}

static void every_job_is_fresh_and_has_a_lane_of_its_own(void **state)
{
    weir_job_slab *slabs = NULL;
    weir_job *chain = NULL;
    weir_job *more = NULL;

    (void)state;
    assert_true(weir_job_slab_add(&slabs, 100, &chain) > 0);
    assert_true(weir_job_slab_add(&slabs, 100, &more) > 0);
    for (weir_job *job = chain; job != NULL; job = job->next) {
        assert_int_equal(weir_job_get(job), WEIR_JOB_FREE);
        assert_int_equal(job->n_attempts, 0);
        assert_null(job->call.arena);
        assert_non_null(weir_arena_alloc(&job->arena, 100));
        assert_non_null(job->spare);
        if (job->next != NULL) {
            assert_ptr_not_equal(job->spare, job->next->spare);
            assert_true((uintptr_t)(job + 1) <= (uintptr_t)job->next ||
                        (uintptr_t)(job->next + 1) <= (uintptr_t)job);
        }
    }
    end_chain(chain);
    end_chain(more);
    weir_job_slab_free(&slabs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slab_gives_at_least_what_is_asked),
        cmocka_unit_test(every_job_is_fresh_and_has_a_lane_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
