/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* job_slab - see job_slab.h. */
#include "worker/engine/job_slab.h"

#include "worker/engine/lane.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SLAB_LEAST 16 /* jobs */
#define SLAB_PAGE 4096

struct weir_job_slab {
    weir_job_slab *next;
    weir_job jobs[];
};

/* Zeroed memory whose pages are there; NULL: there is none. */
static void *slab_memory(size_t size)
{
    size = (size + SLAB_PAGE - 1) / SLAB_PAGE * SLAB_PAGE;

    void *memory = aligned_alloc(SLAB_PAGE, size);

    if (memory == NULL) {
        return NULL;
    }
#ifdef MADV_POPULATE_WRITE
    /* An older kernel knows no such thing, and each page comes when it is touched. */
    (void)madvise(memory, size, MADV_POPULATE_WRITE);
#endif
    return memset(memory, 0, size);
}

static bool slab_job_init(weir_job *job)
{
    weir_arena_init(&job->arena, 1024);
    weir_arena_init(&job->out_arena, 1024);
    weir_list_init(&job->ready_node);
    weir_list_init(&job->lane_node);
    weir_list_init(&job->part_node);
    job->spare = weir_lane_new();
    return job->spare != NULL;
}

size_t weir_job_slab_add(weir_job_slab **slabs, size_t n, weir_job **chain)
{
    const size_t want = n < SLAB_LEAST ? SLAB_LEAST : n;
    weir_job_slab *slab = slab_memory(sizeof(weir_job_slab) + want * sizeof(weir_job));
    size_t n_made = 0;

    *chain = NULL;
    if (slab == NULL) {
        return 0;
    }
    while (n_made < want && slab_job_init(&slab->jobs[n_made])) {
        n_made++;
    }
    if (n_made == 0) {
        free(slab);
        return 0;
    }
    /* In the order in which they lie, so that those behind come from where it is fetched. */
    for (size_t i = n_made; i-- > 0;) {
        slab->jobs[i].next = *chain;
        *chain = &slab->jobs[i];
    }
    slab->next = *slabs;
    *slabs = slab;
    return n_made;
}

void weir_job_slab_free(weir_job_slab **slabs)
{
    while (*slabs != NULL) {
        weir_job_slab *slab = *slabs;

        *slabs = slab->next;
        free(slab);
    }
}
